/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IP addresses and their text. Depends on nothing of xlb. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDR_TEXT_MAX = 64 }; /* room for any address, with brackets and port */

/* An IPv4 or IPv6 address, or none (family 0, as after zeroing). Network byte order. */
struct addr {
	int family; /* 0, AF_INET, AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

/* Numeric text without port or brackets. Returns 0, or -EINVAL with 'ret' untouched. */
int addr_parse(const char *text, struct addr *ret);

/* Writes numeric text into 'buf' of ADDR_TEXT_MAX bytes; "-" for none. Returns buf. */
const char *addr_format(const struct addr *a, char *buf);

/* The same with a port in host byte order: 10.0.0.1:80, [::1]:80. Returns buf. */
const char *addr_format_port(const struct addr *a, uint16_t port, char *buf);

bool addr_equal(const struct addr *a, const struct addr *b);

/* 0.0.0.0 or :: */
bool addr_is_any(const struct addr *a);

#endif
