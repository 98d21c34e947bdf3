/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses as the records in include/xlb hold them: four words in network byte order, of which an IPv4 address uses
 * the first, and a family of 4 or 6 beside them.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdint.h>
#include <string.h>

#include <linux/types.h>

#include "base/addr.h"

/* 4, 6, or 0 for no address. */
static inline uint8_t words_family(const struct addr *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 6 : 0;
}

static inline void words_put(__be32 *words, const struct addr *a)
{
	memset(words, 0, 4 * sizeof(*words));
	if (a->family == AF_INET)
		words[0] = a->v4.s_addr;
	else if (a->family == AF_INET6)
		memcpy(words, &a->v6, sizeof(a->v6));
}

static inline struct addr words_get(const __be32 *words, uint8_t family)
{
	struct addr a = { .family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : 0 };

	if (family == 4)
		a.v4.s_addr = words[0];
	else if (family == 6)
		memcpy(&a.v6, words, sizeof(a.v6));
	return a;
}

static inline int words_cmp(const __be32 *a, const __be32 *b)
{
	return memcmp(a, b, 4 * sizeof(*a));
}

#endif
