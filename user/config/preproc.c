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

#include "base/buf.h"
#include "config/parser.h"

extern char **environ;

const char *preproc_getenv(void *parser, const char *name)
{
	const struct parser *p = parser;
	const struct env_var *v;

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

/* Splits "name(a,b)" in place. Returns the number of arguments, -1 if it has not that form. */
static int split_call(char *text, char **ret_args, int max)
{
	size_t len = strlen(text);
	char *open = strchr(text, '('), *p;
	int nr = 0;

	if (!open || !len || text[len - 1] != ')')
		return -1;
	text[len - 1] = '\0';
	*open = '\0';
	for (p = open + 1; p && nr < max; nr++) {
		ret_args[nr] = p;
		p = strchr(p, ',');
		if (p)
			*p++ = '\0';
	}
	return p ? -1 : nr;
}

/* One term of a condition: 0 or 1, -1 if it is not understood. 'text' is changed. */
static int eval_term(struct parser *p, char *text)
{
	char *args[2] = { NULL, NULL };
	int nr;

	if (*text == '!') {
		nr = eval_term(p, text + 1);
		return nr < 0 ? nr : !nr;
	}
	if (!*text)
		return 0;
	if (text[strspn(text, "0123456789")] == '\0')
		return text[strspn(text, "0")] != '\0';
	nr = split_call(text, args, 2);
	if (nr == 1 && !strcmp(text, "defined"))
		return preproc_getenv(p, args[0]) != NULL;
	if (nr == 1 && !strcmp(text, "feature"))
		return 0; /* features are of HAProxy's build: TLS and its like, none of which is here */
	if (nr == 2 && !strcmp(text, "streq"))
		return !strcmp(args[0], args[1]);
	if (nr == 2 && !strcmp(text, "strneq"))
		return strcmp(args[0], args[1]) != 0;
	return -1;
}

/* All words from 'at' on as one condition with && and ||, which HAProxy evaluates in this order as well. */
static int eval_condition(struct parser *p, size_t at)
{
	int any = 0, all = 1, value;
	struct buf text = { 0 };
	char *term, *and, * or, *end;

	for (; parser_word(p, at); at++)
		buf_puts(&text, parser_word(p, at));
	buf_add(&text, "", 1);
	if (text.failed) {
		p->arena.failed = true;
		buf_fini(&text);
		return 0;
	}
	for (term = text.data; term; term = end) {
		and = strstr(term, "&&");
		or = strstr(term, "||");
		end = and&&(! or || and < or) ? and : or ;
		if (end)
			*end = '\0';
		value = eval_term(p, term);
		if (value < 0) {
			any = -1;
			break;
		}
		all = all && value;
		if (!end || end == or) {
			any = any || all;
			all = 1;
		}
		if (end)
			end += 2;
	}
	buf_fini(&text);
	return any;
}

static bool condition(struct parser *p)
{
	int value = eval_condition(p, 1);

	if (value < 0)
		complain(p, 1, CODE_CONDITION,
			 "known here: numbers, defined(NAME), streq(A,B), strneq(A,B), feature(NAME), '!', '&&' and "
			 "'||'",
			 "the condition of '%s' is not understood", parser_word(p, 0));
	return value > 0;
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
	c->active = outer && condition(p);
	c->taken = c->active || !outer;
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
	c->active = !c->taken && (is_else || condition(p));
	c->taken = c->taken || c->active;
	c->had_else = is_else;
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

void preproc_line(struct parser *p)
{
	static const char *const words[] = { ".if",	 ".elif",  ".else", ".endif", ".notice",
					     ".warning", ".alert", ".diag", NULL };
	const char *word = parser_word(p, 0);

	if (!strcmp(word, ".if"))
		begin_if(p);
	else if (!strcmp(word, ".elif"))
		next_branch(p, false);
	else if (!strcmp(word, ".else"))
		next_branch(p, true);
	else if (!strcmp(word, ".endif"))
		end_if(p);
	else if (!preproc_is_active(p) || !strcmp(word, ".diag"))
		return; /* .diag speaks in HAProxy's diagnostic mode only */
	else if (!strcmp(word, ".notice"))
		message(p, DIAG_NOTE);
	else if (!strcmp(word, ".warning"))
		message(p, DIAG_WARNING);
	else if (!strcmp(word, ".alert"))
		message(p, DIAG_ERROR);
	else
		complain(p, 0, CODE_CONDITION, did_you_mean(p, word, words), "unknown word '%s'", word);
}

void preproc_end_of_file(struct parser *p)
{
	while (p->nr_conds) {
		const struct cond *c = &p->conds[--p->nr_conds];

		report(p, DIAG_ERROR, &c->place, CODE_CONDITION, "write '.endif' behind its last line",
		       "'.if' is not closed before the end of the file");
	}
}
