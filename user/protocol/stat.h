/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What stat.c, which walks and writes, and stat_rows.c, which fills rows, share. Internal to this folder. */
#ifndef PROTOCOL_STAT_H
#define PROTOCOL_STAT_H

#include "protocol/cell.h"
#include "protocol/runtime.h"
#include "protocol/stat_columns.h"

enum stat_column {
#define COLUMN_ENUM(name, tags, what) STAT_##name,
	STAT_COLUMNS(COLUMN_ENUM)
#undef COLUMN_ENUM
		STAT_NR
};

/* Values of column 'type', and bits of the filter: 1 << type. */
enum stat_type { TYPE_FRONTEND, TYPE_BACKEND, TYPE_SERVER, TYPE_BIND, NR_STAT_TYPES };

/* A row under construction, with room for the texts that its cells point to. Zero-initialise. */
struct stat_row {
	struct cell cell[STAT_NR];
	char name[32], status[SERVER_STATUS_MAX], check_status[32], agent_status[32], addr[ADDR_TEXT_MAX + 8];
	char tracked[2 * MODEL_NAME_MAX];
};

/* Where the numbers come from, and what of them many rows need. */
struct stat_source {
	const struct runtime_host *host;
	void *arg;
	uint64_t now_ms;
	uint64_t flow_capacity;
};

void stat_row_frontend(const struct stat_source *src, const struct frontend *f, struct stat_row *row);
/* 'sid' counts the binds of the frontend from 1. */
void stat_row_bind(const struct frontend *f, const struct bind *b, unsigned int sid, struct stat_row *row);
void stat_row_server(const struct stat_source *src, const struct server *s, struct stat_row *row);
/* 'with_numbers': the status tells in brackets how many servers are up, as HAProxy does when some are left out. */
void stat_row_backend(const struct stat_source *src, const struct backend *b, bool with_numbers, struct stat_row *row);

#endif
