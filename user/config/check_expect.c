/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'tcp-check expect' and 'http-check expect' (HAProxy configuration manual, section 4.2), one line into one rule.
 *
 * Patterns are compiled here, so that an error in one is told with its place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"
#include "model/script_run.h"

/* Words that take a status, and which. */
static const struct {
	const char *word;
	size_t field;
	enum check_code codes[5]; /* ended by CHECK_UNKNOWN */
	const char *hint;
} statuses[] = {
	{ "ok-status",
	  offsetof(struct rule_expect, ok),
	  { CHECK_L7OK, CHECK_L7OKC, CHECK_L6OK, CHECK_L4OK },
	  "write L7OK, L7OKC, L6OK or L4OK" },
	{ "error-status",
	  offsetof(struct rule_expect, error),
	  { CHECK_L7RSP, CHECK_L7STS, CHECK_L6RSP, CHECK_L4CON },
	  "write L7RSP, L7STS, L6RSP or L4CON" },
	{ "tout-status",
	  offsetof(struct rule_expect, late),
	  { CHECK_L7TOUT, CHECK_L6TOUT, CHECK_L4TOUT },
	  "write L7TOUT, L6TOUT or L4TOUT" },
};

enum { NR_STATUSES = sizeof(statuses) / sizeof(statuses[0]) };

/* A status word at 'at'? Takes its value. */
static bool take_status(struct parser *p, size_t at, struct check_rule *r)
{
	const char *value;
	size_t i, j;

	for (i = 0; i < NR_STATUSES; i++)
		if (!strcmp(parser_word(p, at), statuses[i].word))
			break;
	if (i == NR_STATUSES)
		return false;
	value = rule_value(p, at);
	if (!value)
		return true;
	for (j = 0; statuses[i].codes[j]; j++)
		if (!strcmp(check_code_name(statuses[i].codes[j]), value))
			break;
	if (statuses[i].codes[j])
		*(enum check_code *)((char *)&r->expect + statuses[i].field) = statuses[i].codes[j];
	else
		complain(p, at + 1, CODE_WORD, statuses[i].hint, "'%s' is no status for '%s'", value, statuses[i].word);
	return true;
}

/* Words for a result at 'at'? They are plain text here, '%%' being HAProxy's way to write '%'. */
static bool take_words(struct parser *p, size_t at, struct check_rule *r)
{
	const char *word = parser_word(p, at), *value;

	if (strcmp(word, "on-success") != 0 && strcmp(word, "on-error") != 0)
		return false;
	value = rule_value(p, at);
	if (value && strchr(value, '%'))
		refuse(p, at + 1, "write it without '%'", "text with '%%' in a check is not available in this version");
	else if (value)
		rule_set_text(p, word[3] == 's' ? &r->expect.on_ok : &r->expect.on_error, value);
	return true;
}

static void compile(struct parser *p, size_t at, bool ignore_case, struct pattern **ret)
{
	const char *text = parser_word(p, at);
	char error[PATTERN_ERROR_MAX];
	struct diag_place place = parser_place(p, at);
	size_t off = 0;
	int err = pattern_new(text, ignore_case, ret, &off, error);

	if (err == -ENOMEM)
		p->arena.failed = true;
	if (err != -EINVAL)
		return;
	/* Without quotes and escapes the place within the word can be shown. */
	if (place.len == strlen(text) && off < place.len) {
		place.col += (unsigned int)off;
		place.len -= (unsigned int)off;
	}
	report(p, DIAG_ERROR, &place, CODE_PATTERN, NULL,
	       "the regular expression '%s' is not complete or not valid: %s", text, error);
}

static void take_pattern(struct parser *p, size_t at, struct check_rule *r)
{
	rule_set_data(p, r, parser_word(p, at), strlen(parser_word(p, at)));
	compile(p, at, false, &r->expect.regex);
}

/* "200-399,404" */
static void take_ranges(struct parser *p, size_t at, struct check_rule *r)
{
	const char *text = parser_word(p, at);
	struct status_range *grown;
	char *end;

	for (;;) {
		struct status_range range;

		range.lo = range.hi = (int)strtoul(text, &end, 10);
		if (end != text && *end == '-') {
			text = end + 1;
			range.hi = (int)strtoul(text, &end, 10);
		}
		if (end == text || (*end && *end != ',') || range.lo < 0 || range.hi > 999 || range.lo > range.hi) {
			complain(p, at, CODE_NUMBER, "write numbers and ranges such as 200-399,404",
				 "'%s' is no list of status codes", parser_word(p, at));
			return;
		}
		grown = reallocarray(r->expect.ranges, r->expect.nr_ranges + 1, sizeof(*grown));
		if (!grown) {
			p->arena.failed = true;
			return;
		}
		r->expect.ranges = grown;
		r->expect.ranges[r->expect.nr_ranges++] = range;
		if (!*end)
			return;
		text = end + 1;
	}
}

/* '[-m METHOD] WORD' from 'at'. Returns the number of words taken, 0 after a complaint. */
static size_t take_match(struct parser *p, size_t at, bool is_name, struct rule_word *ret)
{
	static const struct {
		const char *word;
		enum word_match how;
	} methods[] = { { "str", WORD_EQUAL }, { "beg", WORD_BEGIN }, { "end", WORD_END },
			{ "sub", WORD_PART },  { "reg", WORD_REGEX }, { NULL, WORD_EQUAL } };
	static const char *const words[] = { "str", "beg", "end", "sub", "reg", NULL };
	size_t nr = 1, i = 0;

	if (parser_word(p, at) && !strcmp(parser_word(p, at), "-m")) {
		const char *method = rule_value(p, at);

		for (i = 0; method && methods[i].word; i++)
			if (!strcmp(methods[i].word, method))
				break;
		if (!method)
			return 0;
		if (!methods[i].word) {
			complain(p, at + 1, CODE_WORD, did_you_mean(p, method, words),
				 "'%s' is not one of: str, beg, end, sub, reg", method);
			return 0;
		}
		nr = 3;
	}
	if (!parser_word(p, at + nr - 1)) {
		complain(p, at + nr - 1, CODE_MISSING_ARG, NULL, "a word to compare with is missing here");
		return 0;
	}
	ret->how = methods[i].how;
	rule_set_text(p, &ret->text, parser_word(p, at + nr - 1));
	if (ret->how == WORD_REGEX)
		compile(p, at + nr - 1, is_name, &ret->regex);
	return nr;
}

/* 'hdr name [-m M] NAME [value [-m M] VALUE]' from the word behind 'hdr'. Returns the words taken. */
static size_t take_header(struct parser *p, size_t at, struct check_rule *r)
{
	const char *word = parser_word(p, at);
	size_t nr, more;

	if (!word || strcmp(word, "name") != 0) {
		if (word && (!strcmp(word, "name-lf") || !strcmp(word, "value-lf")))
			refuse(p, at, "use 'name'", "'%s' is not available in this version", word);
		else
			complain(p, at, CODE_WORD, "write 'name NAME'", "'name' is missing here");
		return 0;
	}
	nr = take_match(p, at + 1, true, &r->expect.name);
	if (!nr)
		return 0;
	nr++;
	word = parser_word(p, at + nr);
	if (!word || strcmp(word, "value") != 0)
		return nr;
	more = take_match(p, at + nr + 1, false, &r->expect.value);
	return more ? nr + 1 + more : 0;
}

/* Kinds of match and their words. */
static const struct {
	const char *word;
	bool tcp, http;
	enum rule_match tcp_match, http_match;
	void (*take)(struct parser *p, size_t at, struct check_rule *r);
} matches[] = {
	{ "string", true, true, MATCH_STRING, MATCH_BODY, NULL },
	{ "rstring", true, true, MATCH_REGEX, MATCH_BODY_REGEX, take_pattern },
	{ "binary", true, false, MATCH_BINARY, MATCH_BINARY, rule_take_hex },
	{ "rbinary", true, false, MATCH_BINARY_REGEX, MATCH_BINARY_REGEX, take_pattern },
	{ "status", false, true, MATCH_STATUS, MATCH_STATUS, take_ranges },
	{ "rstatus", false, true, MATCH_STATUS_REGEX, MATCH_STATUS_REGEX, take_pattern },
	{ "hdr", false, true, MATCH_HEADER, MATCH_HEADER, NULL },
	{ "fhdr", false, true, MATCH_HEADER, MATCH_HEADER, NULL },
};

enum { NR_MATCHES = sizeof(matches) / sizeof(matches[0]) };

static size_t find_match(const char *word, bool http)
{
	size_t i;

	for (i = 0; i < NR_MATCHES; i++)
		if (!strcmp(matches[i].word, word) && (http ? matches[i].http : matches[i].tcp))
			break;
	return i;
}

/* The kind of match at 'at', with '!' in front of it or as a word of its own. Returns the words taken, 0: none. */
static size_t take_kind(struct parser *p, size_t at, bool http, struct check_rule *r)
{
	const char *word = parser_word(p, at);
	size_t nr = 0, i;

	if (*word == '!') {
		r->expect.inverse = true;
		word++;
		if (!*word) {
			nr++;
			word = parser_word(p, at + nr);
		}
	}
	i = word ? find_match(word, http) : NR_MATCHES;
	if (i == NR_MATCHES)
		return 0;
	nr++;
	r->expect.match = http ? matches[i].http_match : matches[i].tcp_match;
	r->expect.whole_value = *word == 'f';
	if (r->expect.match == MATCH_HEADER) {
		i = take_header(p, at + nr, r);
		return i ? nr + i : ARGS_ANY;
	}
	if (!parser_word(p, at + nr)) {
		complain(p, at + nr, CODE_MISSING_ARG, NULL, "'%s' needs a pattern after it", word);
		return ARGS_ANY;
	}
	if (matches[i].take)
		matches[i].take(p, at + nr, r);
	else
		rule_set_data(p, r, parser_word(p, at + nr), strlen(parser_word(p, at + nr)));
	return nr + 1;
}

static void take_min_recv(struct parser *p, size_t at, struct check_rule *r)
{
	unsigned int n;

	if (rule_value(p, at) && value_uint(p, at + 1, 0, SCRIPT_INPUT_MAX, &n))
		r->expect.min_recv = n;
}

/* Words that HAProxy knows and xlb does not. */
static bool is_refused(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at);

	word += *word == '!';
	if (strcmp(word, "string-lf") != 0 && strcmp(word, "binary-lf") != 0 && strcmp(word, "status-code") != 0)
		return false;
	refuse(p, at, "write it without '%'", "'%s' in a check is not available in this version", word);
	return true;
}

static void expect_rule(struct parser *p, size_t at, bool http)
{
	static const char *const tcp_words[] = { "string",   "rstring",	   "binary",	   "rbinary",
						 "min-recv", "ok-status",  "error-status", "tout-status",
						 "on-error", "on-success", "comment",	   NULL };
	static const char *const http_words[] = { "status",	  "rstatus",	 "string",     "rstring",
						  "hdr",	  "fhdr",	 "min-recv",   "ok-status",
						  "error-status", "tout-status", "on-success", "on-error",
						  "comment",	  NULL };
	struct check_rule *r = rule_add(p, http, RULE_EXPECT);
	bool has_kind = false;
	const char *word;
	size_t nr;

	while (r && (word = parser_word(p, at))) {
		if (is_refused(p, at))
			return;
		nr = has_kind ? 0 : take_kind(p, at, http, r);
		if (nr) {
			has_kind = true;
			at += nr;
			continue;
		}
		if (!strcmp(word, "min-recv"))
			take_min_recv(p, at, r);
		else if (!take_status(p, at, r) && !take_words(p, at, r) &&
			 !rule_take_comment(p, at, r, http ? http_words : tcp_words))
			return;
		at += 2;
	}
	if (r && !has_kind)
		complain(p, p->line.nr, CODE_MISSING_ARG, "add 'string TEXT'", "a rule 'expect' needs a pattern");
}

void rule_expect_tcp(struct parser *p, size_t at)
{
	expect_rule(p, at, false);
}

void rule_expect_http(struct parser *p, size_t at)
{
	expect_rule(p, at, true);
}
