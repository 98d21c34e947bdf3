/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the text of HAProxy configuration files to a model.
 *
 * Lexer, keyword tables, diagnostics (HAProxy configuration manual, chapters 2 to 5). A keyword is a row in a table
 * of keywords_*.c. Never prints, never logs; all errors of all files are collected.
 */
#ifndef CONFIG_CONF_H
#define CONFIG_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "config/verdict.h"
#include "model/model.h"

struct conf_options {
	bool strict;			/* a frontend that needs layer 7 is an error */
	bool numeric;			/* a host name is an error, and no question to the resolver */
	bool no_files;			/* files that the text names (acl -f) are not read */
	const bool *can;		/* what is in force, by enum capability; NULL: as model/capability.h says */
	struct conf_verdicts *verdicts; /* filled, also on failure, with what became of each line; NULL: nobody asks */
	const char *default_source;	/* text used instead of files when nr_paths is 0, or NULL */
};

/*
 * Reads files and directories (their *.cfg in C-locale order), in order, as one configuration. Returns 0 and a model
 * that the caller frees, or -EINVAL with at least one error in 'diags'; -ENOMEM. 'ret' is untouched on failure.
 */
int conf_load(const char *const *paths, size_t nr_paths, const struct conf_options *opt, struct diag_list *diags,
	      struct model **ret);

/* The same from memory, under the name 'file'. 'text' need not be NUL-terminated and may contain anything. */
int conf_load_text(const char *file, const char *text, size_t len, const struct conf_options *opt,
		   struct diag_list *diags, struct model **ret);

/*
 * Parses the words of a runtime command 'add server b/s ADDR:PORT [params]' after the name: the same keyword table as a
 * 'server' line. Adds to 'b'. Returns 0, -EINVAL (see 'diags'), -EEXIST, -ENOMEM.
 */
int conf_add_server(struct backend *b, const char *name, const char *const *words, size_t nr_words,
		    struct diag_list *diags, struct server **ret);

/*
 * A time with HAProxy's units (us ms s m h d), 'unit_ms' for a bare number; rounded up to milliseconds, at most 2^31-1.
 * Returns 0, -EINVAL, -ERANGE.
 */
int conf_parse_time(const char *text, unsigned int unit_ms, unsigned int *ret_ms);

#endif
