/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages to the person who wrote a file or a command: collected by the layer that knows, printed by main().
 *
 * A run over bad input collects all errors, not the first. Printed form, colours only on a terminal:
 *
 *   xlb.cfg:12:13: error: unknown keyword 'blance' in section 'backend' [C0102]
 *      12 |     blance roundrobin
 *         |     ^~~~~~
 *         = did you mean 'balance'?
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/queue.h>

enum diag_level { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

/* A place in a file. 'line' 0: the file as a whole. Columns count bytes from 1. */
struct diag_place {
	const char *file;
	unsigned int line;
	unsigned int col;
	unsigned int len;	 /* of the marked word, 0: no caret */
	const char *source_line; /* text of that line without its newline, or NULL */
};

struct diag {
	TAILQ_ENTRY(diag) next;
	enum diag_level level;
	char code[8]; /* "C0102", constant per kind of message, for `xlbctl explain`; "" if none */
	char *file;   /* NULL: no place */
	unsigned int line, col, len;
	char *source_line;
	char *text;
	char *hint; /* a line of advice, or NULL */
};

TAILQ_HEAD(diag_head, diag);

struct diag_list {
	struct diag_head head;
	size_t nr[DIAG_ERROR + 1]; /* number of messages by level */
};

void diag_init(struct diag_list *list);
void diag_fini(struct diag_list *list);

/* Copies everything it is given. 'place', 'code' and 'hint' may be NULL. Out of memory: only counts. */
void diag_add(struct diag_list *list, enum diag_level level, const struct diag_place *place, const char *code,
	      const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Orders messages by file, in the order in which files are first named, and line; those on a file as a whole follow its
 * lines. */
void diag_sort(struct diag_list *list);

void diag_print(const struct diag_list *list, FILE *out, bool colour);

/* The same as one text line per message without the source, for answers on a socket; appends to 'out'. */
struct buf;
void diag_format(const struct diag_list *list, struct buf *out);

/* The word among 'words' (NULL-terminated) nearest to 'word', or NULL if none is near enough to suggest. */
const char *diag_suggest(const char *word, const char *const *words);

#endif
