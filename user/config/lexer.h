/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One line of a file into words, by HAProxy's rules of quoting, escaping, comments and environment variables. */
#ifndef CONFIG_LEXER_H
#define CONFIG_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"

enum { LEX_WORDS_MAX = 256 };

struct word {
	const char *text;
	unsigned int col, len; /* where it stands in the line, quotes included; columns from 1 */
};

struct line {
	struct word words[LEX_WORDS_MAX];
	size_t nr;
	unsigned int comment_col; /* where a comment begins, 0: none */
};

/* Why a line is no sequence of words. */
struct lex_error {
	unsigned int col, len;
	const char *text, *hint;
};

/* Value of an environment variable, or NULL. */
typedef const char *lex_env_fn(void *arg, const char *name);

/*
 * Splits 'text'. Words are copies in 'arena'. Returns 0, -EINVAL with 'err' filled, or -ENOMEM.
 */
int lex_line(struct arena *arena, const char *text, lex_env_fn *env, void *env_arg, struct line *ret,
	     struct lex_error *err);

#endif
