/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words into numbers, times and names, with an error at the word when it does not fit.
 *
 * Stricter than HAProxy where that takes what is not meant: trailing characters after a number, a negative number that
 * wraps.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "config/parser.h"

/* Decimal digits only. 0, -EINVAL, -ERANGE. */
static int parse_number(const char *text, size_t len, unsigned long long max, unsigned long long *ret)
{
	unsigned long long n = 0;
	size_t i;

	if (!len)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isdigit((unsigned char)text[i]))
			return -EINVAL;
	for (i = 0; i < len; i++) {
		n = n * 10 + (unsigned int)(text[i] - '0');
		if (n > max)
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

bool value_uint(struct parser *p, size_t at, unsigned int min, unsigned int max, unsigned int *ret)
{
	const char *text = parser_word(p, at);
	unsigned long long n;

	if (!text) {
		complain(p, at, CODE_MISSING_ARG, NULL, "a number is missing here");
		return false;
	}
	if (parse_number(text, strlen(text), max, &n) || n < min) {
		complain(p, at, CODE_NUMBER, NULL, "'%s' is not a number from %u to %u", text, min, max);
		return false;
	}
	*ret = (unsigned int)n;
	return true;
}

int conf_parse_time(const char *text, unsigned int unit_ms, unsigned int *ret_ms)
{
	static const struct {
		const char *unit;
		unsigned long long us;
	} units[] = {
		{ "us", 1 },	   { "ms", 1000 },	{ "s", 1000000 },
		{ "m", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 },
	};
	size_t digits = strspn(text, "0123456789"), i;
	unsigned long long n, us = unit_ms * 1000ull;
	int err;

	if (text[digits]) {
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (!strcmp(units[i].unit, text + digits))
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		us = units[i].us;
	}
	/* 2^31 ms are about 2.1e12 us: no product below overflows. */
	err = parse_number(text, digits, 10000000000000ull, &n);
	if (err)
		return err;
	if (n > 2147483647ull * 1000 / us)
		return -ERANGE;
	/* Upwards, as HAProxy does: a time that is not 0 never becomes 0, which means none. */
	*ret_ms = (unsigned int)((n * us + 999) / 1000);
	return 0;
}

bool value_time(struct parser *p, size_t at, unsigned int unit_ms, unsigned int min_ms, unsigned int *ret_ms)
{
	const char *text = parser_word(p, at);
	unsigned int ms;
	int err;

	if (!text) {
		complain(p, at, CODE_MISSING_ARG, NULL, "a time is missing here");
		return false;
	}
	err = conf_parse_time(text, unit_ms, &ms);
	if (err == -EINVAL) {
		complain(p, at, CODE_TIME, "write a number and one of: us ms s m h d", "'%s' is not a time", text);
		return false;
	}
	if (err || ms < min_ms) {
		complain(p, at, CODE_TIME, NULL, "the time '%s' is not from %u to 2147483647 ms (24.8 days)", text,
			 min_ms);
		return false;
	}
	*ret_ms = ms;
	return true;
}

bool value_size(struct parser *p, size_t at, unsigned int min, unsigned int max, unsigned int *ret)
{
	static const char units[] = "kmg"; /* each 1024 times the one before */
	const char *text = parser_word(p, at), *unit;
	size_t digits = text ? strspn(text, "0123456789") : 0;
	unsigned long long n;
	bool valid = text && !parse_number(text, digits, max, &n);

	if (valid && text[digits]) {
		unit = strchr(units, tolower((unsigned char)text[digits]));
		valid = unit && !text[digits + 1];
		if (valid)
			n <<= 10 * (unit - units + 1);
	}
	if (!valid || n < min || n > max) {
		complain(p, at, CODE_NUMBER, "write a number, or one with k, m or g behind it",
			 "'%s' is not a size from %u to %u", text ? text : "", min, max);
		return false;
	}
	*ret = (unsigned int)n;
	return true;
}

bool value_choice(struct parser *p, size_t at, const struct named_value *table, const char *what, int *ret)
{
	const char *word = parser_word(p, at), *words[64];
	size_t i;

	if (!word) {
		complain(p, at, CODE_MISSING_ARG, NULL, "a %s is missing here", what);
		return false;
	}
	for (i = 0; table[i].word; i++) {
		words[i] = table[i].word;
		if (!strcmp(table[i].word, word)) {
			*ret = table[i].value;
			return true;
		}
	}
	words[i] = NULL;
	complain(p, at, CODE_WORD, did_you_mean(p, word, words), "'%s' is no %s", word, what);
	return false;
}

char *value_text(struct parser *p, size_t at)
{
	return arena_copy(&p->arena, parser_word(p, at), strlen(parser_word(p, at)));
}

bool value_name(struct parser *p, size_t at, const char *what)
{
	const char *text = parser_word(p, at), *c;

	if (!*text) {
		complain(p, at, CODE_NAME, NULL, "the name of the %s is empty", what);
		return false;
	}
	for (c = text; *c; c++) {
		if (isalnum((unsigned char)*c) || strchr("-_.:", *c))
			continue;
		complain(p, at, CODE_NAME, "letters, digits and - _ . : may stand in a name",
			 "the character '%c' cannot stand in the name of a %s", *c, what);
		return false;
	}
	if (strlen(text) >= MODEL_NAME_MAX) {
		complain(p, at, CODE_NAME, NULL, "the name of the %s is longer than %d characters", what,
			 MODEL_NAME_MAX - 1);
		return false;
	}
	return true;
}
