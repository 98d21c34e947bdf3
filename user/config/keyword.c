/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the row of a line's keyword, checks what every row promises (section, number of words, prefix) and does what
 * its status says. The same for the parameters of 'bind' and 'server' lines.
 *
 * Adding a keyword is adding a row: nothing here knows any by name.
 */
#include <string.h>

#include "config/parser.h"

static const struct keyword *const tables[] = {
	keywords_proxy,	 keywords_server, keywords_option,  keywords_check, keywords_stats,
	keywords_layer7, keywords_global, keywords_balance, keywords_stick, keywords_policy,
};

enum { NR_TABLES = sizeof(tables) / sizeof(tables[0]), WORDS_CAP = 512 };

static const char *section_name(enum section s)
{
	switch (s) {
	case SECTION_GLOBAL:
		return "global";
	case SECTION_DEFAULTS:
		return "defaults";
	case SECTION_FRONTEND:
		return "frontend";
	case SECTION_BACKEND:
		return "backend";
	case SECTION_LISTEN:
		return "listen";
	case SECTION_NONE:
	case SECTION_SKIPPED:
		break;
	}
	return "";
}

/*
 * Does the row's word stand at 'at'? It has one word or two, and may end in '*' for all words that begin so. Returns
 * how many words it has, 0 for no.
 */
static size_t matches(const struct parser *p, const struct keyword *kw, size_t at)
{
	const char *first = parser_word(p, at), *second = parser_word(p, at + 1);
	const char *space;
	size_t len;

	if (kw->word[0] != first[0])
		return 0; /* most rows, most of the time */
	space = strchr(kw->word, ' ');
	len = strlen(kw->word);
	if (kw->word[len - 1] == '*')
		return !strncmp(kw->word, first, len - 1);
	if (!space)
		return !strcmp(kw->word, first);
	if (!second || strlen(first) != (size_t)(space - kw->word) || strncmp(kw->word, first, strlen(first)) != 0)
		return 0;
	return strcmp(space + 1, second) ? 0 : 2;
}

/* The row for the words at 'at': one that fits the section before any other, two words before one. */
static const struct keyword *find(const struct parser *p, const struct keyword *const *from, size_t nr_tables,
				  size_t at, size_t *ret_words)
{
	const struct keyword *best = NULL, *kw;
	size_t i, len, best_score = 0;

	for (i = 0; i < nr_tables; i++) {
		for (kw = from[i]; kw->word; kw++) {
			size_t score;

			len = matches(p, kw, at);
			score = len ? len + (kw->sections & 1u << p->section ? 2 : 0) : 0;
			if (score > best_score) {
				best = kw;
				best_score = score;
				*ret_words = len;
			}
		}
	}
	return best;
}

/* Collects the words that could stand at 'at' in this section, first or, behind a known first word, second ones. */
static void candidates(struct parser *p, const struct keyword *const *from, size_t nr_tables, const char *first,
		       const char **ret, size_t cap)
{
	const struct keyword *kw;
	size_t i, nr = 0;

	for (i = 0; i < nr_tables; i++) {
		for (kw = from[i]; kw->word && nr + 1 < cap; kw++) {
			const char *space = strchr(kw->word, ' ');
			size_t first_len = space ? (size_t)(space - kw->word) : strlen(kw->word);

			if (!(kw->sections & 1u << p->section) || strchr(kw->word, '*'))
				continue;
			if (!first)
				ret[nr++] = space ? arena_copy(&p->arena, kw->word, first_len) : kw->word;
			else if (space && strlen(first) == first_len && !strncmp(first, kw->word, first_len))
				ret[nr++] = space + 1;
			if (nr && !ret[nr - 1])
				nr--;
		}
	}
	ret[nr] = NULL;
}

/* The words in one line when they are few enough to be read, else NULL. */
static const char *list_words(struct parser *p, const char *const *words)
{
	const char *list = NULL;
	size_t nr;

	for (nr = 0; words[nr]; nr++) {
		if (nr == 16)
			return NULL;
		list = list ? arena_printf(&p->arena, "%s, %s", list, words[nr]) :
			      arena_printf(&p->arena, "known here: %s", words[nr]);
	}
	return list;
}

static void unknown(struct parser *p, const struct keyword *const *from, size_t nr_tables, size_t at,
		    enum diag_code code)
{
	const char *first = parser_word(p, at), *second = parser_word(p, at + 1), *hint;
	const char *what = code == CODE_PRAGMA ? "directive" : "keyword";
	const char *words[WORDS_CAP];

	candidates(p, from, nr_tables, first, words, WORDS_CAP);
	if (words[0] && second) {
		hint = did_you_mean(p, second, words);
		complain(p, at + 1, code, hint ? hint : list_words(p, words),
			 "unknown word '%s' after '%s' in section '%s'", second, first, section_name(p->section));
		return;
	}
	if (words[0]) {
		complain(p, at + 1, CODE_MISSING_ARG, list_words(p, words), "'%s' needs a word after it", first);
		return;
	}
	candidates(p, from, nr_tables, NULL, words, WORDS_CAP);
	hint = did_you_mean(p, first, words);
	complain(p, at, code, hint ? hint : list_words(p, words), "unknown %s '%s' in section '%s'", what, first,
		 section_name(p->section));
}

/* A known keyword in a section where it cannot stand. */
static void misplaced(struct parser *p, const struct keyword *kw, size_t at)
{
	static const enum section all[] = { SECTION_GLOBAL, SECTION_DEFAULTS, SECTION_FRONTEND, SECTION_BACKEND,
					    SECTION_LISTEN };
	unsigned int here = 1u << p->section;
	const char *list = NULL;
	size_t i;

	/* HAProxy ignores with a warning what belongs to the other half of a proxy, but for servers. */
	if (here & IN_PROXY && kw->sections & IN_PROXY && strcmp(kw->word, "server") != 0 &&
	    strcmp(kw->word, "default-server") != 0) {
		caution(p, at, CODE_IGNORED_HERE, NULL, "'%s' has no effect in a %s and is ignored", kw->word,
			section_name(p->section));
		return;
	}
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (kw->sections & 1u << all[i])
			list = list ? arena_printf(&p->arena, "%s, %s", list, section_name(all[i])) :
				      arena_printf(&p->arena, "it belongs into: %s", section_name(all[i]));
	complain(p, at, CODE_WRONG_SECTION, list, "'%s' cannot stand in section '%s'", kw->word,
		 section_name(p->section));
}

static bool check_args(struct parser *p, const struct keyword *kw, size_t args)
{
	size_t nr = p->line.nr - args;

	if (nr < kw->min && !p->negated && !p->to_default) {
		complain(p, p->line.nr, CODE_MISSING_ARG, NULL, "'%s' needs %u more word%s after it", kw->word,
			 kw->min - (unsigned int)nr, kw->min - nr == 1 ? "" : "s");
		return false;
	}
	if (nr > kw->max) {
		complain(p, args + kw->max, CODE_EXTRA_ARG, NULL, "unexpected word '%s' after '%s'",
			 parser_word(p, args + kw->max), kw->word);
		return false;
	}
	return true;
}

static void act(struct parser *p, const struct keyword *kw, size_t at, size_t args)
{
	bool off = p->negated || p->to_default;

	switch (kw->status) {
	case KW_NOTED:
		if (!off)
			remark(p, at, CODE_NOT_ENFORCED, NULL, "'%s': %s", kw->word, kw->note);
		break;
	case KW_IGNORED:
		ignore_word(p, strchr(kw->word, ' ') ? kw->word : parser_word(p, at));
		verdict_raise(p, FATE_IGNORED, kw->note);
		break;
	case KW_WARNED:
		if (!off)
			caution(p, at, CODE_NOT_ENFORCED, NULL, "'%s' is ignored: %s", kw->word, kw->note);
		break;
	case KW_PROXY:
		if (!off)
			need_proxy(p, at, kw->note);
		break;
	case KW_HTTP:
		if (!off)
			need_http(p, at, kw->note);
		break;
	case KW_REFUSED:
		if (!off)
			refuse(p, at, kw->note, "'%s' is not available in this version", kw->word);
		break;
	case KW_ACCEPT:
		if (kw->note)
			verdict_raise(p, FATE_MAPPED, kw->note);
		break;
	}
	if (kw->handle)
		kw->handle(p, args);
}

static void run(struct parser *p, const struct keyword *const *from, size_t nr_tables, size_t at, enum diag_code code)
{
	const struct keyword *kw;
	size_t len = 0;

	kw = find(p, from, nr_tables, at, &len);
	if (!kw) {
		unknown(p, from, nr_tables, at, code);
		return;
	}
	if (!(kw->sections & 1u << p->section)) {
		misplaced(p, kw, at);
		return;
	}
	if ((p->negated || p->to_default) && !kw->negatable) {
		complain(p, at - 1, CODE_NO_PREFIX, "remove the line: without it the keyword has its default",
			 "'%s' cannot stand in front of '%s'", parser_word(p, at - 1), kw->word);
		return;
	}
	p->keyword_words = len;
	if (check_args(p, kw, at + len))
		act(p, kw, at, at + len);
}

void keyword_line(struct parser *p, size_t at)
{
	run(p, tables, NR_TABLES, at, CODE_KEYWORD);
}

void keyword_pragma(struct parser *p)
{
	static const struct keyword *const pragmas[] = { keywords_pragma };

	p->negated = p->to_default = false;
	if (p->verdict)
		p->verdict->proxy = p->proxy;
	if (p->section == SECTION_SKIPPED)
		return;
	if (!parser_word(p, 1)) {
		complain(p, 0, CODE_PRAGMA, "write a directive after it, such as 'attach eth0'",
			 "'#@xlb' needs a directive");
		return;
	}
	if (p->section == SECTION_NONE) {
		complain(p, 0, CODE_NO_SECTION, "put it below 'global', a frontend or a backend",
			 "'#@xlb' stands outside of any section");
		return;
	}
	if (p->section == SECTION_GLOBAL || p->proxy)
		run(p, pragmas, 1, 1, CODE_PRAGMA);
}

static const struct param *find_param(struct parser *p, const struct param *table, const char *what, size_t at)
{
	const char *words[WORDS_CAP];
	const struct param *row;
	size_t nr = 0;

	for (row = table; row->word; row++) {
		if (!strcmp(row->word, parser_word(p, at)))
			return row;
		if (nr + 1 < WORDS_CAP)
			words[nr++] = row->word;
	}
	words[nr] = NULL;
	complain(p, at, CODE_KEYWORD, did_you_mean(p, parser_word(p, at), words), "unknown word '%s' on a '%s' line",
		 parser_word(p, at), what);
	return NULL;
}

/* Enters the value of a row that has no handle of its own for it. */
static void param_value(struct parser *p, const struct param *row, void *target, size_t at)
{
	void *value = (char *)target + row->offset;

	switch (row->kind) {
	case PARAM_CALL:
		break;
	case PARAM_ON:
	case PARAM_OFF:
		*(bool *)value = row->kind == PARAM_ON;
		break;
	case PARAM_UINT:
		value_uint(p, at, row->min, row->max, value);
		break;
	case PARAM_TIME:
		value_time(p, at, 1, row->min, value);
		break;
	}
}

void params_apply(struct parser *p, const struct param *table, void *target, const char *what, size_t at)
{
	const struct param *row;

	for (; parser_word(p, at); at += 1 + row->nr_args) {
		row = find_param(p, table, what, at);
		if (!row)
			return; /* how many words belong to it is not known */
		if (at + row->nr_args >= p->line.nr) {
			complain(p, p->line.nr, CODE_MISSING_ARG, NULL, "'%s' needs %u word%s after it", row->word,
				 row->nr_args, row->nr_args == 1 ? "" : "s");
			return;
		}
		switch (row->status) {
		case KW_NOTED:
			remark(p, at, CODE_NOT_ENFORCED, NULL, "'%s': %s", row->word, row->note);
			break;
		case KW_IGNORED:
			ignore_word(p, row->word);
			verdict_param(p, row->word, row->note);
			break;
		case KW_WARNED:
			caution(p, at, CODE_NOT_ENFORCED, NULL, "'%s' is ignored: %s", row->word, row->note);
			break;
		case KW_PROXY:
		case KW_HTTP:
			need_proxy(p, at, row->note);
			break;
		case KW_REFUSED:
			refuse(p, at, row->note, "'%s' is not available in this version", row->word);
			break;
		case KW_ACCEPT:
			if (row->note)
				verdict_raise(p, FATE_MAPPED,
					      arena_printf(&p->arena, "'%s': %s", row->word, row->note));
			break;
		}
		param_value(p, row, target, at + 1);
		if (row->handle)
			row->handle(p, target, at + 1);
	}
}
