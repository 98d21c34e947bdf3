/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A growing text buffer, for answers whose length is not known. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised is empty and valid. 'data' is NUL-terminated once anything was written. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
	bool failed; /* an allocation failed: the contents end early; checked once by the owner */
};

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list args);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);

/* Drops the first 'len' bytes. */
void buf_consume(struct buf *b, size_t len);

/* Frees the contents and leaves an empty buffer. */
void buf_fini(struct buf *b);

#endif
