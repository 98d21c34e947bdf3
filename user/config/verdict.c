/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Collects what became of each line. A line's fate is what its keyword's row says, raised by the messages about it and
 * by its section being left to the stack. Costs nothing when nobody asks.
 */
#include "config/verdict.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"

static const char *const fate_names[NR_FATES] = {
	[FATE_ACCEPTED] = "accepted",	      [FATE_MAPPED] = "mapped",
	[FATE_IGNORED] = "ignored",	      [FATE_UNREAD] = "not read",
	[FATE_NOT_ENFORCED] = "not enforced", [FATE_LEFT] = "left",
	[FATE_INVALID] = "invalid",
};

const char *conf_fate_name(enum conf_fate fate)
{
	return fate_names[fate];
}

void conf_verdicts_fini(struct conf_verdicts *v)
{
	for (size_t i = 0; i < v->nr; i++) {
		free(v->list[i].file);
		free(v->list[i].text);
		free(v->list[i].why);
	}
	free(v->list);
	memset(v, 0, sizeof(*v));
}

void verdict_begin(struct parser *p, const char *text)
{
	size_t len;

	p->verdict = NULL;
	if (!p->opt || !p->opt->verdicts)
		return;
	text += strspn(text, " \t\r\v\f");
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (!len || (*text == '#' && strncmp(text, "#@xlb", 5) != 0))
		return;
	p->verdict = arena_alloc(&p->arena, sizeof(*p->verdict));
	if (!p->verdict)
		return;
	p->verdict->file = p->file;
	p->verdict->line = p->line_nr;
	p->verdict->text = arena_copy(&p->arena, text, len);
	TAILQ_INSERT_TAIL(&p->verdicts, p->verdict, next);
}

static void raise_fate(struct parser *p, struct verdict_decl *v, enum conf_fate fate, const char *why)
{
	if (fate < v->fate)
		return;
	if (fate == v->fate && v->why && why)
		v->why = arena_printf(&p->arena, "%s; %s", v->why, why);
	else if (fate > v->fate || !v->why)
		v->why = why;
	v->fate = fate;
}

void verdict_raise(struct parser *p, enum conf_fate fate, const char *why)
{
	if (p->verdict)
		raise_fate(p, p->verdict, fate, why);
}

void verdict_param(struct parser *p, const char *word, const char *note)
{
	if (p->verdict)
		raise_fate(p, p->verdict, FATE_MAPPED,
			   arena_printf(&p->arena, "'%s' is ignored: %s", word,
					note ? note : "it has no meaning for packets"));
}

void verdict_http(struct parser *p, const char *why)
{
	if (!p->verdict)
		return;
	p->verdict->proxy = p->proxy;
	p->verdict->http_why = why;
}

/* --- when all files are read -------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct verdict_decl *x = *(struct verdict_decl *const *)a, *y = *(struct verdict_decl *const *)b;
	int diff = strcmp(x->file, y->file);

	return diff ? diff : x->line < y->line ? -1 : x->line > y->line;
}

/* All of them by file and line, or NULL. */
static struct verdict_decl **sort(struct parser *p, size_t *ret_nr)
{
	struct verdict_decl *v, **all;
	size_t nr = 0;

	TAILQ_FOREACH(v, &p->verdicts, next)
		nr++;
	*ret_nr = nr;
	all = nr ? arena_alloc(&p->arena, nr * sizeof(struct verdict_decl *)) : NULL;
	if (!all)
		return NULL;
	nr = 0;
	TAILQ_FOREACH(v, &p->verdicts, next)
		all[nr++] = v;
	qsort(all, nr, sizeof(*all), by_place);
	return all;
}

/* What a message means for its line; texts that only tell what the row has told already add nothing. */
static void apply_message(struct parser *p, struct verdict_decl *v, const struct diag *d)
{
	static const struct {
		enum diag_code code;
		enum conf_fate fate;
	} fates[] = {
		{ CODE_LEFT_TO_STACK, FATE_LEFT },	  { CODE_UNUSED, FATE_LEFT },
		{ CODE_NOT_ENFORCED, FATE_NOT_ENFORCED }, { CODE_FORWARDFOR, FATE_NOT_ENFORCED },
		{ CODE_IGNORED, FATE_IGNORED },		  { CODE_IGNORED_HERE, FATE_IGNORED },
	};
	enum conf_fate fate = d->level == DIAG_ERROR ? FATE_INVALID : FATE_MAPPED;
	const char *why;

	if (!strcmp(d->code, code_name(CODE_MESSAGE)) && d->level != DIAG_ERROR)
		return;
	for (size_t i = 0; d->level != DIAG_ERROR && i < sizeof(fates) / sizeof(fates[0]); i++)
		if (!strcmp(d->code, code_name(fates[i].code)))
			fate = fates[i].fate;
	if (fate == FATE_LEFT && v->fate == FATE_LEFT)
		return;
	if (fate == FATE_MAPPED && v->fate == FATE_MAPPED)
		v->why = NULL; /* the message says it of this line, the row only of such lines */
	/* What is not done needs a word about what there is instead. */
	why = fate == FATE_NOT_ENFORCED && d->hint ? arena_printf(&p->arena, "%s; %s", d->text, d->hint) :
						     arena_copy(&p->arena, d->text, strlen(d->text));
	raise_fate(p, v, fate, why);
}

static void apply_messages(struct parser *p)
{
	struct verdict_decl key, *at = &key, **all, **found;
	const struct diag *d;
	size_t nr;

	all = sort(p, &nr);
	if (!all)
		return;
	TAILQ_FOREACH(d, &p->diags->head, next) {
		if (!d->file || !d->line)
			continue;
		key.file = d->file;
		key.line = d->line;
		found = bsearch(&at, all, nr, sizeof(*all), by_place);
		if (found)
			apply_message(p, *found, d);
	}
}

static void apply_mode(struct parser *p, struct verdict_decl *v)
{
	if (v->http_why && v->proxy && v->proxy->set.mode_http && v->proxy->kind != SECTION_DEFAULTS)
		raise_fate(p, v, FATE_LEFT, v->http_why);
	else if (v->http_why)
		raise_fate(p, v, FATE_IGNORED, "it needs 'mode http', in HAProxy as here");
}

static void apply_section(struct parser *p, struct verdict_decl *v)
{
	if (v->proxy && v->proxy->left_why && v->fate < FATE_LEFT && v->fate != FATE_UNREAD)
		raise_fate(p, v, FATE_LEFT, v->proxy->left_why);
}

static bool hand_over(struct conf_verdicts *out, const struct verdict_decl *v)
{
	struct conf_verdict *to;

	if (out->nr == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 64;
		struct conf_verdict *bigger = reallocarray(out->list, cap, sizeof(*bigger));

		if (!bigger)
			return false;
		out->list = bigger;
		out->cap = cap;
	}
	to = &out->list[out->nr++];
	*to = (struct conf_verdict){ .file = strdup(v->file),
				     .line = v->line,
				     .text = strdup(v->text ? v->text : ""),
				     .fate = v->fate,
				     .why = v->why ? strdup(v->why) : NULL };
	return to->file && to->text && (!v->why || to->why);
}

bool verdicts_finish(struct parser *p)
{
	struct verdict_decl *v;

	if (!p->opt || !p->opt->verdicts)
		return true;
	TAILQ_FOREACH(v, &p->verdicts, next)
		apply_mode(p, v);
	apply_messages(p);
	TAILQ_FOREACH(v, &p->verdicts, next) {
		apply_section(p, v);
		if (!hand_over(p->opt->verdicts, v))
			return false;
	}
	return true;
}
