/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Chunks in a list, each allocation its place in the newest chunk. Large pieces get a chunk of their own, so that an
 * overrun stays visible to the address sanitizer at least there.
 */
#include "config/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16384, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t used, cap;
	_Alignas(ALIGN) char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->chunks;
	size_t cap = size > CHUNK / 4 ? size : CHUNK;
	void *ret;

	if (size > (size_t)-1 / 4)
		return a->failed = true, NULL;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (cap < size)
		cap = size;
	if (!c || c->cap - c->used < size) {
		c = calloc(1, sizeof(*c) + cap);
		if (!c)
			return a->failed = true, NULL;
		c->cap = cap;
		c->older = a->chunks;
		a->chunks = c;
	}
	ret = c->data + c->used;
	c->used += size;
	return ret;
}

char *arena_copy(struct arena *a, const char *text, size_t len)
{
	char *copy = len < (size_t)-1 / 4 ? arena_alloc(a, len + 1) : NULL;

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *copy;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	copy = arena_alloc(a, (size_t)len + 1);
	if (!copy)
		return NULL;
	va_start(args, fmt);
	vsnprintf(copy, (size_t)len + 1, fmt, args);
	va_end(args);
	return copy;
}

void arena_fini(struct arena *a)
{
	struct arena_chunk *c;

	while ((c = a->chunks)) {
		a->chunks = c->older;
		free(c);
	}
	a->failed = false;
}
