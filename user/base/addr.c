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

/* Decimal digits of 'n'. Returns what follows them. */
static char *put_number(char *p, unsigned int n)
{
	char digits[10];
	size_t nr = 0;

	do
		digits[nr++] = (char)('0' + n % 10);
	while (n /= 10);
	while (nr)
		*p++ = digits[--nr];
	return p;
}

/* Dotted form by hand: a dump of all flows writes four addresses for each, and inet_ntop() is made of printf(). */
static char *put_v4(char *p, const struct in_addr *v4)
{
	const unsigned char *byte = (const unsigned char *)v4;
	size_t i;

	for (i = 0; i < sizeof(*v4); i++) {
		if (i)
			*p++ = '.';
		p = put_number(p, byte[i]);
	}
	*p = '\0';
	return p;
}

const char *addr_format(const struct addr *a, char *buf)
{
	if (a->family == AF_INET)
		put_v4(buf, &a->v4);
	else if (!a->family || !inet_ntop(a->family, &a->v6, buf, ADDR_TEXT_MAX))
		strcpy(buf, "-");
	return buf;
}

const char *addr_format_port(const struct addr *a, uint16_t port, char *buf)
{
	char text[ADDR_TEXT_MAX], *p;

	if (a->family == AF_INET) {
		p = put_v4(buf, &a->v4);
		*p++ = ':';
		*put_number(p, port) = '\0';
		return buf;
	}
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
