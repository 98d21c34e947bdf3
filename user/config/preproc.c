/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines that begin with a dot, .if and its like and .notice and its like, and the environment as the file sees it.
 *
 * setenv and its like change what later lines of the configuration see, never the process: a reload must start from the
 * environment that the daemon was started with.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/parser.h"

extern char **environ;

/* Where the line stands, for messages of the file itself: HAProxy's pseudo-variables. */
static const char *pseudo_variable(struct parser *p, const char *name)
{
	if (!strcmp(name, ".FILE"))
		return p->file;
	if (!strcmp(name, ".LINE"))
		return arena_printf(&p->arena, "%u", p->line_nr);
	if (!strcmp(name, ".SECTION"))
		return p->section_label;
	return NULL;
}

const char *preproc_getenv(void *parser, const char *name)
{
	struct parser *p = parser;
	const struct env_var *v;

	if (*name == '.')
		return pseudo_variable(p, name);
	TAILQ_FOREACH(v, &p->env, next)
		if (!strcmp(v->name, name))
			return v->value;
	return getenv(name);
}

void preproc_setenv(struct parser *p, const char *name, const char *value)
{
	struct env_var *v = arena_alloc(&p->arena, sizeof(*v));

	if (!v)
		return;
	v->name = arena_copy(&p->arena, name, strlen(name));
	v->value = value ? arena_copy(&p->arena, value, strlen(value)) : NULL;
	if (v->name)
		TAILQ_INSERT_HEAD(&p->env, v, next);
}

bool preproc_is_active(const struct parser *p)
{
	unsigned int i;

	for (i = 0; i < p->nr_conds; i++)
		if (!p->conds[i].active)
			return false;
	return true;
}

/* Decides about a branch. After a condition that is none no branch counts: which was meant is not known. */
static void decide(struct parser *p, struct cond *c)
{
	c->active = false;
	if (cond_eval(p, 1, &c->active)) {
		c->taken = c->active;
		return;
	}
	c->taken = true;
	complain(p, 1, CODE_CONDITION,
		 "known here: numbers, defined(NAME), streq(A,B), strneq(A,B), strstr(A,B), feature(NAME), "
		 "version_atleast(V), version_before(V), '!', '&&', '||' and parentheses",
		 "the condition of '%s' is not understood", parser_word(p, 0));
}

static void begin_if(struct parser *p)
{
	bool outer = preproc_is_active(p);
	struct cond *c;

	if (p->nr_conds == COND_DEPTH_MAX) {
		complain(p, 0, CODE_CONDITION, NULL, "'.if' is nested more than %d deep", COND_DEPTH_MAX);
		return;
	}
	c = &p->conds[p->nr_conds];
	memset(c, 0, sizeof(*c));
	c->place = parser_place(p, 0);
	/* In a branch that does not count nothing is asked: the condition may belong to another version. */
	c->taken = !outer;
	if (outer)
		decide(p, c);
	p->nr_conds++;
}

static void next_branch(struct parser *p, bool is_else)
{
	struct cond *c;

	if (!p->nr_conds || p->conds[p->nr_conds - 1].had_else) {
		complain(p, 0, CODE_CONDITION, NULL, "'%s' without '.if'", parser_word(p, 0));
		return;
	}
	c = &p->conds[p->nr_conds - 1];
	c->active = is_else && !c->taken;
	c->had_else = is_else;
	if (!is_else && !c->taken)
		decide(p, c);
	else
		c->taken = true;
}

static void end_if(struct parser *p)
{
	if (!p->nr_conds)
		complain(p, 0, CODE_CONDITION, NULL, "'.endif' without '.if'");
	else
		p->nr_conds--;
}

static void message(struct parser *p, enum diag_level level)
{
	struct diag_place place = parser_place(p, 0);

	report(p, level, &place, CODE_MESSAGE, NULL, "%s", parser_word(p, 1) ? parser_word(p, 1) : "");
}

static void begin_elif(struct parser *p)
{
	next_branch(p, false);
}

static void begin_else(struct parser *p)
{
	next_branch(p, true);
}

static void say_note(struct parser *p)
{
	message(p, DIAG_NOTE);
}

static void say_warning(struct parser *p)
{
	message(p, DIAG_WARNING);
}

static void say_alert(struct parser *p)
{
	message(p, DIAG_ERROR);
}

/* HAProxy speaks these in its diagnostic mode only. */
static void say_nothing(struct parser *p)
{
	(void)p;
}

static const struct {
	const char *word;
	size_t max_args;
	bool is_branch; /* counts in branches that are not taken, too */
	void (*run)(struct parser *p);
} directives[] = {
	{ ".if", LEX_WORDS_MAX, true, begin_if }, { ".elif", LEX_WORDS_MAX, true, begin_elif },
	{ ".else", 0, true, begin_else },	  { ".endif", 0, true, end_if },
	{ ".notice", 1, false, say_note },	  { ".warning", 1, false, say_warning },
	{ ".alert", 1, false, say_alert },	  { ".diag", 1, false, say_nothing },
};

enum { NR_DIRECTIVES = sizeof(directives) / sizeof(directives[0]) };

void preproc_line(struct parser *p)
{
	const char *word = parser_word(p, 0), *words[NR_DIRECTIVES + 1];
	size_t i;

	for (i = 0; i < NR_DIRECTIVES; i++) {
		words[i] = directives[i].word;
		if (!strcmp(words[i], word))
			break;
	}
	if (i == NR_DIRECTIVES) {
		words[i] = NULL;
		if (preproc_is_active(p))
			complain(p, 0, CODE_CONDITION, did_you_mean(p, word, words), "unknown word '%s'", word);
		return;
	}
	if (!directives[i].is_branch && !preproc_is_active(p))
		return;
	if (p->line.nr > directives[i].max_args + 1) {
		complain(p, directives[i].max_args + 1, CODE_EXTRA_ARG,
			 directives[i].max_args ? "put a message of several words in quotes" : NULL,
			 "unexpected word '%s' after '%s'", parser_word(p, directives[i].max_args + 1), word);
		return;
	}
	directives[i].run(p);
}

void preproc_end_of_file(struct parser *p)
{
	while (p->nr_conds) {
		const struct cond *c = &p->conds[--p->nr_conds];

		report(p, DIAG_ERROR, &c->place, CODE_CONDITION, "write '.endif' behind its last line",
		       "'.if' is not closed before the end of the file");
	}
}
