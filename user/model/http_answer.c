/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules of 'http-check expect', with the words that HAProxy 2.6 has for each way to fail. */
#include "model/http_answer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool http_status_line(const char *line, size_t len, int *ret_status, char *ret_reason, size_t cap)
{
	static const char shape[] = "HTTP/0.0 000";
	size_t at = sizeof(shape) - 1, out = 0;

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (i >= len || (shape[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != shape[i]))
			return false;
	*ret_status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
	at += at < len && line[at] == ' ';
	for (; at < len && line[at] != '\r' && line[at] != '\n' && out < cap - 1; at++)
		ret_reason[out++] = line[at] >= ' ' && line[at] < 0x7f ? line[at] : '?';
	ret_reason[out] = '\0';
	return true;
}

static bool is_body(const struct check_rule *rule)
{
	return rule->expect.match == MATCH_BODY || rule->expect.match == MATCH_BODY_REGEX;
}

bool http_rule_needs_body(const struct check_rule *rule)
{
	return rule->action == RULE_EXPECT && is_body(rule);
}

static bool in_ranges(const struct rule_expect *e, int status)
{
	for (size_t i = 0; i < e->nr_ranges; i++)
		if (status >= e->ranges[i].lo && status <= e->ranges[i].hi)
			return true;
	return false;
}

/* Names of headers are compared without regard to case, values with it. */
static bool word_matches(const struct rule_word *w, const char *text, size_t len, bool is_name)
{
	int (*compare)(const char *, const char *, size_t) = is_name ? strncasecmp : strncmp;
	const char *word = w->text ? w->text : "";
	size_t size = strlen(word);

	switch (w->how) {
	case WORD_ANY:
		return true;
	case WORD_EQUAL:
		return len == size && !compare(text, word, size);
	case WORD_BEGIN:
		return len >= size && !compare(text, word, size);
	case WORD_END:
		return len >= size && !compare(text + len - size, word, size);
	case WORD_PART:
		for (size_t i = 0; i + size <= len; i++)
			if (!compare(text + i, word, size))
				return true;
		return false;
	case WORD_REGEX:
		return pattern_matches(w->regex, text, len);
	}
	return false;
}

static void trim(const char **text, size_t *len)
{
	while (*len && (**text == ' ' || **text == '\t')) {
		(*text)++;
		(*len)--;
	}
	while (*len && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t' || (*text)[*len - 1] == '\r'))
		(*len)--;
}

/* Does the value, or one of the values that commas outside of quotes separate? */
static bool value_matches(const struct rule_expect *e, const char *value, size_t len)
{
	size_t start = 0;
	bool quoted = false;

	trim(&value, &len);
	if (e->whole_value)
		return word_matches(&e->value, value, len, false);
	for (size_t i = 0; i <= len; i++) {
		if (i < len && value[i] == '"')
			quoted = !quoted;
		if (i == len || (value[i] == ',' && !quoted)) {
			const char *part = value + start;
			size_t part_len = i - start;

			trim(&part, &part_len);
			if (word_matches(&e->value, part, part_len, false))
				return true;
			start = i + 1;
		}
	}
	return false;
}

static bool headers_match(const struct rule_expect *e, const struct http_answer *a)
{
	const char *line = a->headers, *end = a->headers + a->headers_len;

	while (line < end) {
		const char *lf = memchr(line, '\n', (size_t)(end - line)), *colon;

		if (!lf)
			lf = end;
		colon = memchr(line, ':', (size_t)(lf - line));
		if (colon && word_matches(&e->name, line, (size_t)(colon - line), true) &&
		    value_matches(e, colon + 1, (size_t)(lf - colon - 1)))
			return true;
		line = lf < end ? lf + 1 : end;
	}
	return false;
}

static bool body_matches(const struct check_rule *rule, const struct http_answer *a)
{
	if (rule->expect.match == MATCH_BODY_REGEX)
		return pattern_matches(rule->expect.regex, a->body, a->body_len);
	return memmem(a->body, a->body_len, rule->data, rule->data_len) != NULL;
}

static bool matches(const struct check_rule *rule, const struct http_answer *a)
{
	char digits[12];

	switch (rule->expect.match) {
	case MATCH_STATUS:
		return in_ranges(&rule->expect, a->status);
	case MATCH_STATUS_REGEX:
		snprintf(digits, sizeof(digits), "%03d", a->status);
		return pattern_matches(rule->expect.regex, digits, strlen(digits));
	case MATCH_HEADER:
		return headers_match(&rule->expect, a);
	case MATCH_BODY:
	case MATCH_BODY_REGEX:
		return body_matches(rule, a);
	case MATCH_STRING:
	case MATCH_REGEX:
	case MATCH_BINARY:
	case MATCH_BINARY_REGEX:
	case MATCH_MYSQL:
	case MATCH_LDAP:
	case MATCH_DNS:
	case MATCH_LINE:
		break;
	}
	return false;
}

static enum answer_verdict fail(const struct check_rule *rule, const struct http_answer *a, const char *words,
				struct script_result *ret)
{
	const struct rule_expect *e = &rule->expect;

	*ret = (struct script_result){ .code = e->error, .status = a->status };
	if (!ret->code)
		ret->code = is_body(rule) ? CHECK_L7RSP : CHECK_L7STS;
	if (e->on_error)
		words = e->on_error;
	snprintf(ret->desc, sizeof(ret->desc), "%s%s%s", words ? words : "", rule->comment ? " comment: " : "",
		 rule->comment ? rule->comment : "");
	return ANSWER_FAILS;
}

enum answer_verdict http_judge(const struct check_rule *rule, const struct http_answer *a, struct script_result *ret)
{
	bool matched;

	if (is_body(rule) && !a->body_len)
		return a->is_all ? fail(rule, a, "HTTP content check could not find a response body", ret) :
				   ANSWER_INCOMPLETE;
	matched = matches(rule, a);
	if (is_body(rule) && !matched && !a->is_all)
		return ANSWER_INCOMPLETE;
	if (matched != rule->expect.inverse)
		return ANSWER_PASSES;
	if (!is_body(rule))
		return fail(rule, a, a->reason, ret);
	return fail(rule, a, matched ? "HTTP check matched unwanted content" : "HTTP content check did not match", ret);
}

void http_passed(const struct check_rule *last, const struct http_answer *a, struct script_result *ret)
{
	*ret = (struct script_result){ .code = last->expect.ok ? last->expect.ok : CHECK_L7OK, .status = a->status };
	snprintf(ret->desc, sizeof(ret->desc), "%s", last->expect.on_ok ? last->expect.on_ok : "");
}
