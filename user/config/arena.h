/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory of one parse: everything the parser allocates lives until the parse is over and goes at once, so that
 * settings can be copied from defaults to proxies by assignment.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

/* Zero-initialised is empty and valid. */
struct arena {
	struct arena_chunk *chunks;
	bool failed; /* an allocation failed; checked once, at the end of the parse */
};

/* Zeroed memory, or NULL. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of 'len' bytes with a NUL behind it, or NULL. */
char *arena_copy(struct arena *a, const char *text, size_t len);

char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void arena_fini(struct arena *a);

#endif
