/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IP addresses and their text, numeric forms only.
 *
 * Names are resolved where a person writes them (user/config), never here: everything in this file is pure and
 * cannot block.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int addr_parse(const char *text, struct addr *ret)
{
	struct addr a = { 0 };

	if (inet_pton(AF_INET, text, &a.v4) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.v6) == 1)
		a.family = AF_INET6;
	else
		return -EINVAL;
	*ret = a;
	return 0;
}

const char *addr_format(const struct addr *a, char *buf)
{
	const void *raw = a->family == AF_INET6 ? (const void *)&a->v6 : (const void *)&a->v4;

	if (!a->family || !inet_ntop(a->family, raw, buf, ADDR_TEXT_MAX))
		strcpy(buf, "-");
	return buf;
}

const char *addr_format_port(const struct addr *a, uint16_t port, char *buf)
{
	char text[ADDR_TEXT_MAX];

	addr_format(a, text);
	snprintf(buf, ADDR_TEXT_MAX, a->family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u", text, port);
	return buf;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == AF_INET)
		return a->v4.s_addr == b->v4.s_addr;
	if (a->family == AF_INET6)
		return !memcmp(&a->v6, &b->v6, sizeof(a->v6));
	return true;
}

bool addr_is_any(const struct addr *a)
{
	if (a->family == AF_INET)
		return a->v4.s_addr == htonl(INADDR_ANY);
	return a->family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6);
}
