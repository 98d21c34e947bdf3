/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who has a name already: one table for all kinds of names of a parse, so that large files are read in linear time. */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"

enum name_kind { NAME_FRONT, NAME_BACK, NAME_PROXY_ID, NAME_SERVER, NAME_SERVER_ID };

struct name_entry;

/* Zero-initialised is empty and valid. */
struct names {
	struct name_entry *table;
};

/* 'owner' tells apart the servers of two backends; NULL for names that are unique in the whole configuration. */
void *names_find(const struct names *n, enum name_kind kind, const void *owner, const char *name);

/* Enters a name, which must not be there yet. The entry lives in 'arena', which remembers a lack of memory. */
void names_add(struct names *n, struct arena *arena, enum name_kind kind, const void *owner, const char *name,
	       void *value);

/* Before the arena goes. */
void names_fini(struct names *n);

#endif
