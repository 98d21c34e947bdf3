/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a reload would change, in the terms of the person who wrote the file: servers, weights and the share of new
 * flows that moves, frontends and their binds, and which connections would not survive.
 *
 * Pure. The plan of table writes is another thing (model/image.h): it speaks of records, this speaks of names.
 */
#ifndef MODEL_DELTA_H
#define MODEL_DELTA_H

#include <stddef.h>

#include "model/model.h"

enum delta_op { DELTA_ADD, DELTA_REMOVE, DELTA_CHANGE };

enum delta_kind { DELTA_FRONTEND, DELTA_BIND, DELTA_BACKEND, DELTA_SERVER, NR_DELTA_KINDS };

struct delta_row {
	enum delta_op op;
	enum delta_kind kind;
	char *name;   /* "web", "web/s1"; of a bind "web tcp 192.0.2.1:80" */
	char *detail; /* "weight 1 -> 3", "192.0.2.1:80 weight 1" */
	char *cuts;   /* which connections end, as a sentence without its full stop; NULL: none */
	/*
	 * Of a backend: parts of a million of its new flows that another server would get than before. Of a server:
	 * how much its share grows or shrinks. 0 for other rows.
	 */
	long moves_ppm;
};

struct delta {
	struct delta_row *rows; /* frontends with their binds, then backends with their servers, in the file's order */
	size_t nr, cap;
};

/*
 * Compares the model in force with the one that would replace it; the run-time state of both must be set
 * (model_inherit_run()), since shares are those of the servers that take new flows. 0 or -ENOMEM, 'ret' untouched then.
 */
int delta_make(const struct model *old, const struct model *m, struct delta *ret);
void delta_fini(struct delta *d);

const char *delta_op_sign(enum delta_op op);	   /* "+", "-", "~" */
const char *delta_op_name(enum delta_op op);	   /* "add", "remove", "change" */
const char *delta_kind_name(enum delta_kind kind); /* "frontend", ... */

#endif
