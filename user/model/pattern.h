/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Regular expressions of checks, by PCRE2: the engine of Debian's HAProxy, so that a pattern of a haproxy.cfg means the
 * same here. A match gives up on a pattern that would run away, for what it looks at comes from the network.
 */
#ifndef MODEL_PATTERN_H
#define MODEL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct pattern;

enum { PATTERN_ERROR_MAX = 128 };

/*
 * Compiles 'text'. On failure -EINVAL, with the offset of the trouble in 'ret_at' and words on it in 'ret_error' of
 * PATTERN_ERROR_MAX bytes, or -ENOMEM.
 */
int pattern_new(const char *text, bool ignore_case, struct pattern **ret, size_t *ret_at, char *ret_error);
struct pattern *pattern_get(struct pattern *p); /* a further reference; NULL gives NULL */
void pattern_put(struct pattern *p);		/* NULL is fine */

/* A pattern that gives up does not match. */
bool pattern_matches(const struct pattern *p, const void *data, size_t len);

#endif
