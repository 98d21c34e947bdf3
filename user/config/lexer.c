/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words of a line, by the rules of HAProxy's configuration manual, section 2.2: single quotes keep everything, double
 * quotes keep all but escapes and variables, a backslash takes the meaning of space, #, \, quotes, and makes \n \r \t
 * \xHH; any other pair with a backslash stays as it is. A variable is only looked up inside double quotes.
 *
 * Knows nothing of keywords. Two things are stricter than HAProxy, because what it does is never meant: \x00, which
 * would end the word unseen, and a line of more than LEX_WORDS_MAX words are errors.
 */
#include "config/lexer.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"

struct lexer {
	struct arena *arena;
	const char *text, *at;
	lex_env_fn *env;
	void *env_arg;
	struct line *line;
	struct lex_error *err;
	struct buf word;
	const char *word_start; /* NULL: between words */
	const char *quote_start;
	char quote; /* '"', '\'' or 0 */
};

static int fail(struct lexer *lx, const char *at, size_t len, const char *text, const char *hint)
{
	lx->err->col = (unsigned int)(at - lx->text) + 1;
	lx->err->len = (unsigned int)len;
	lx->err->text = text;
	lx->err->hint = hint;
	return -EINVAL;
}

static int end_word(struct lexer *lx)
{
	struct word *w = &lx->line->words[lx->line->nr];

	if (!lx->word_start)
		return 0;
	if (lx->line->nr == LEX_WORDS_MAX)
		return fail(lx, lx->word_start, (size_t)(lx->at - lx->word_start), "too many words on one line",
			    "a line may have 256 words; spread them over several lines");
	w->text = arena_copy(lx->arena, lx->word.len ? lx->word.data : "", lx->word.len);
	if (!w->text || lx->word.failed)
		return -ENOMEM;
	w->col = (unsigned int)(lx->word_start - lx->text) + 1;
	w->len = (unsigned int)(lx->at - lx->word_start);
	lx->line->nr++;
	lx->word.len = 0;
	lx->word_start = NULL;
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_hex(struct lexer *lx)
{
	int hi = hex_value(lx->at[2]), lo = hi < 0 ? -1 : hex_value(lx->at[3]);
	char c = (char)(hi * 16 + lo);

	if (lo < 0)
		return fail(lx, lx->at, 2, "\\x needs two hexadecimal digits",
			    "write \\x20 for a space, or \\\\x for the text");
	if (!c)
		return fail(lx, lx->at, 4, "\\x00 cannot stand in a word", NULL);
	buf_add(&lx->word, &c, 1);
	lx->at += 4;
	return 0;
}

static int take_escape(struct lexer *lx)
{
	char next = lx->at[1], out;

	switch (next) {
	case 'x':
		return take_hex(lx);
	case ' ':
	case '\\':
	case '#':
	case '\'':
	case '"':
		out = next;
		break;
	case 't':
		out = '\t';
		break;
	case 'n':
		out = '\n';
		break;
	case 'r':
		out = '\r';
		break;
	case '$':
		if (lx->quote == '"') {
			out = '$';
			break;
		}
		__attribute__((fallthrough));
	default:
		buf_add(&lx->word, "\\", 1);
		lx->at++;
		return 0;
	}
	buf_add(&lx->word, &out, 1);
	lx->at += 2;
	return 0;
}

/* The value of "${NAME[*]}" becomes one word for each of its words. */
static int add_expanded(struct lexer *lx, const char *value)
{
	size_t len;
	int err;

	while (*value) {
		len = strcspn(value, " \t\r\n");
		buf_add(&lx->word, value, len);
		value += len;
		len = strspn(value, " \t\r\n");
		value += len;
		if (len && *value) {
			const char *start = lx->word_start;

			err = end_word(lx);
			if (err)
				return err;
			lx->word_start = start;
		}
	}
	return 0;
}

static int take_variable(struct lexer *lx)
{
	const char *start = lx->at, *name, *value, *fallback = NULL, *end;
	bool brace = lx->at[1] == '{', expand = false;
	char *copy;

	name = end = start + 1 + brace;
	/* A dot begins the pseudo-variables of section 2.3, such as "${.LINE}". */
	if (!isalpha((unsigned char)*name) && *name != '_' && *name != '.')
		return fail(lx, start, 1 + brace, "'$' is not followed by the name of a variable",
			    "write \\$ for the character");
	end += *end == '.';
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	copy = arena_copy(lx->arena, name, (size_t)(end - name));
	if (!copy)
		return -ENOMEM;
	value = lx->env(lx->env_arg, copy);
	if (brace && !strncmp(end, "[*]", 3)) {
		expand = true;
		end += 3;
	}
	if (brace && *end == '-') {
		fallback = ++end;
		end += strcspn(end, "}\"");
		copy = arena_copy(lx->arena, fallback, (size_t)(end - fallback));
		if (!copy)
			return -ENOMEM;
		fallback = copy;
	}
	if (brace && *end++ != '}')
		return fail(lx, start, 2, "'${' is not closed by '}'", NULL);
	lx->at = end;
	if (!value)
		value = fallback ? fallback : "";
	if (expand)
		return add_expanded(lx, value);
	buf_puts(&lx->word, value);
	return 0;
}

static int take_one(struct lexer *lx)
{
	char c = *lx->at;

	if (isspace((unsigned char)c) && !lx->quote) {
		int err = end_word(lx);

		lx->at++;
		return err;
	}
	if (!lx->word_start)
		lx->word_start = lx->at;
	if ((c == '"' || c == '\'') && (!lx->quote || lx->quote == c)) {
		lx->quote = lx->quote ? 0 : c;
		lx->quote_start = lx->at++;
		return 0;
	}
	if (c == '\\' && lx->quote != '\'')
		return take_escape(lx);
	if (c == '$' && lx->quote == '"')
		return take_variable(lx);
	buf_add(&lx->word, &c, 1);
	lx->at++;
	return 0;
}

int lex_line(struct arena *arena, const char *text, lex_env_fn *env, void *env_arg, struct line *ret,
	     struct lex_error *err)
{
	struct lexer lx = {
		.arena = arena, .text = text, .at = text, .env = env, .env_arg = env_arg, .line = ret, .err = err
	};
	int rc = 0;

	ret->nr = 0;
	ret->comment_col = 0;
	while (!rc && *lx.at && *lx.at != '\n' && *lx.at != '\r') {
		if (*lx.at == '#' && !lx.quote) {
			ret->comment_col = (unsigned int)(lx.at - text) + 1;
			break;
		}
		rc = take_one(&lx);
	}
	if (!rc && lx.quote)
		rc = fail(&lx, lx.quote_start, 1, "a quote is not closed on its line",
			  "write \\\" or \\' for the character itself");
	if (!rc)
		rc = end_word(&lx);
	buf_fini(&lx.word);
	return rc;
}
