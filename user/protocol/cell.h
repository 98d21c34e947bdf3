/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One value of a statistics table and its three written forms: CSV, HAProxy's "typed" lines and its JSON.
 *
 * What a value is (metric or setting, gauge or counter, per process or service) is data beside its name: three letters,
 * as HAProxy's typed output shows them.
 */
#ifndef PROTOCOL_CELL_H
#define PROTOCOL_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum cell_type { CELL_EMPTY, CELL_U32, CELL_U64, CELL_S32, CELL_STR };

struct cell {
	enum cell_type type;
	uint64_t n;	  /* all numbers; CELL_S32 in two's complement */
	const char *text; /* CELL_STR; lives as long as the row */
};

/* Name, letters and meaning of a column. */
struct cell_column {
	const char *name;
	char tags[4];	  /* origin, nature, scope: "MCP" is a metric, a counter, of the process */
	const char *what; /* a phrase that explains it, or NULL */
};

/* Whose values they are. */
struct cell_owner {
	char letter;	    /* 'F', 'B', 'S'; 0: of the process */
	const char *object; /* "Frontend", .. */
	unsigned int proxy, id;
};

enum cell_format { CELL_CSV, CELL_TYPED, CELL_JSON };

struct cell cell_u32(uint64_t n); /* larger numbers become the largest that fits */
struct cell cell_u64(uint64_t n);
struct cell cell_s32(int32_t n);
struct cell cell_str(const char *text); /* NULL: empty */

/* The value alone, quoted for CSV if it must be. */
void cell_put_csv(struct buf *out, const struct cell *cell);
/* All filled cells of a row, a line or an object each; 'desc': with the phrase that explains the column behind. */
void cell_put_typed(struct buf *out, const struct cell_owner *owner, const struct cell_column *columns,
		    const struct cell *cells, unsigned int nr, bool desc);
void cell_put_json(struct buf *out, const struct cell_owner *owner, const struct cell_column *columns,
		   const struct cell *cells, unsigned int nr);

/* A JSON string with its quotes. */
void cell_put_json_text(struct buf *out, const char *text);

#endif
