/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words into numbers, times and addresses, with an error at the word when it does not fit.
 *
 * Stricter than HAProxy where that takes what is not meant: trailing characters after a number, a negative number that
 * wraps, a port above 65535 in a server's address.
 */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "config/parser.h"

/* Decimal digits only. 0, -EINVAL, -ERANGE. */
static int parse_number(const char *text, size_t len, unsigned long long max, unsigned long long *ret)
{
	unsigned long long n = 0;
	size_t i;

	if (!len)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isdigit((unsigned char)text[i]))
			return -EINVAL;
	for (i = 0; i < len; i++) {
		n = n * 10 + (unsigned int)(text[i] - '0');
		if (n > max)
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

bool value_uint(struct parser *p, size_t at, unsigned int min, unsigned int max, unsigned int *ret)
{
	const char *text = parser_word(p, at);
	unsigned long long n;

	if (!text) {
		complain(p, at, CODE_MISSING_ARG, NULL, "a number is missing here");
		return false;
	}
	if (parse_number(text, strlen(text), max, &n) || n < min) {
		complain(p, at, CODE_NUMBER, NULL, "'%s' is not a number from %u to %u", text, min, max);
		return false;
	}
	*ret = (unsigned int)n;
	return true;
}

int conf_parse_time(const char *text, unsigned int unit_ms, unsigned int *ret_ms)
{
	static const struct {
		const char *unit;
		unsigned long long us;
	} units[] = {
		{ "us", 1 },	   { "ms", 1000 },	{ "s", 1000000 },
		{ "m", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 },
	};
	size_t digits = strspn(text, "0123456789"), i;
	unsigned long long n, us = unit_ms * 1000ull;
	int err;

	if (text[digits]) {
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (!strcmp(units[i].unit, text + digits))
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		us = units[i].us;
	}
	/* 2^31 ms are about 2.1e12 us: no product below overflows. */
	err = parse_number(text, digits, 10000000000000ull, &n);
	if (err)
		return err;
	if (n > 2147483647ull * 1000 / us)
		return -ERANGE;
	/* Upwards, as HAProxy does: a time that is not 0 never becomes 0, which means none. */
	*ret_ms = (unsigned int)((n * us + 999) / 1000);
	return 0;
}

bool value_time(struct parser *p, size_t at, unsigned int unit_ms, unsigned int min_ms, unsigned int *ret_ms)
{
	const char *text = parser_word(p, at);
	unsigned int ms;
	int err;

	if (!text) {
		complain(p, at, CODE_MISSING_ARG, NULL, "a time is missing here");
		return false;
	}
	err = conf_parse_time(text, unit_ms, &ms);
	if (err == -EINVAL) {
		complain(p, at, CODE_TIME, "write a number and one of: us ms s m h d", "'%s' is not a time", text);
		return false;
	}
	if (err || ms < min_ms) {
		complain(p, at, CODE_TIME, NULL, "the time '%s' is not from %u to 2147483647 ms (24.8 days)", text,
			 min_ms);
		return false;
	}
	*ret_ms = ms;
	return true;
}

bool value_name(struct parser *p, size_t at, const char *what)
{
	const char *text = parser_word(p, at), *c;

	if (!*text) {
		complain(p, at, CODE_NAME, NULL, "the name of the %s is empty", what);
		return false;
	}
	for (c = text; *c; c++) {
		if (isalnum((unsigned char)*c) || strchr("-_.:", *c))
			continue;
		complain(p, at, CODE_NAME, "letters, digits and - _ . : may stand in a name",
			 "the character '%c' cannot stand in the name of a %s", *c, what);
		return false;
	}
	if (strlen(text) >= MODEL_NAME_MAX) {
		complain(p, at, CODE_NAME, NULL, "the name of the %s is longer than %d characters", what,
			 MODEL_NAME_MAX - 1);
		return false;
	}
	return true;
}

/* Forms of addresses that are no IPv4 address and port. True: there was one, and it was dealt with. */
static bool is_other_family(struct parser *p, size_t at, const char *text)
{
	static const char *const proxied[] = { "unix@",	 "abns@",  "abnsz@", "fd@",   "sockpair@", "rhttp@",
					       "quic4@", "quic6@", "uxdg@",  "uxst@", NULL };
	const char *const *prefix, *colon = strchr(text, ':');

	if (*text == '/') {
		need_proxy(p, at, "a unix socket takes no packets");
		return true;
	}
	for (prefix = proxied; *prefix; prefix++) {
		if (!strncmp(text, *prefix, strlen(*prefix))) {
			need_proxy(p, at, "this kind of address takes no TCP packets");
			return true;
		}
	}
	/* Two colons in front of any path are IPv6. */
	if (!strncmp(text, "ipv6@", 5) || *text == '[' ||
	    (colon && strchr(colon + 1, ':') && strcspn(colon + 1, ":") < strcspn(colon + 1, "/"))) {
		refuse(p, at, "use an IPv4 address", "'%s': IPv6 is not available in this version", text);
		return true;
	}
	return false;
}

static bool resolve(struct parser *p, size_t at, const char *host, struct endpoint *ret)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list;
	int err;

	if (host[strspn(host, "0123456789.")] == '\0') {
		complain(p, at, CODE_ADDRESS, NULL, "'%s' is not an IPv4 address", host);
		return false;
	}
	if (p->opt && p->opt->numeric) {
		complain(p, at, CODE_ADDRESS, "write its address", "the host name '%s' is not looked up here", host);
		return false;
	}
	err = getaddrinfo(host, NULL, &hints, &list);
	if (err) {
		complain(p, at, CODE_ADDRESS, "check the name, or write its address",
			 "the host name '%s' is not known: %s", host, gai_strerror(err));
		return false;
	}
	ret->addr.family = AF_INET;
	ret->addr.v4 = ((const struct sockaddr_in *)(const void *)list->ai_addr)->sin_addr;
	freeaddrinfo(list);
	ret->host = host;
	return true;
}

static bool take_host(struct parser *p, size_t at, const char *host, unsigned int flags, struct endpoint *ret)
{
	if (!*host || !strcmp(host, "*")) {
		if (!(flags & ENDPOINT_WILD)) {
			complain(p, at, CODE_ADDRESS, NULL, "an address is missing in '%s'", parser_word(p, at));
			return false;
		}
		ret->addr.family = AF_INET;
		ret->addr.v4.s_addr = htonl(INADDR_ANY);
		return true;
	}
	if (!addr_parse(host, &ret->addr))
		return true; /* no colon: IPv4 */
	if (!(flags & ENDPOINT_NAME)) {
		complain(p, at, CODE_ADDRESS, NULL, "'%s' is not an IPv4 address", host);
		return false;
	}
	return resolve(p, at, host, ret);
}

static bool take_ports(struct parser *p, size_t at, const char *text, unsigned int flags, struct endpoint *ret)
{
	size_t lo_len = strspn(text, "0123456789");
	unsigned long long lo, hi;
	const char *hi_text = text + lo_len;

	if (*text == '+' || *text == '-') {
		refuse(p, at, "give the server a port of its own",
		       "'%s': a port relative to the client's is not available in this version", text);
		return false;
	}
	if (parse_number(text, lo_len, 65535, &lo) || (*hi_text && *hi_text != '-')) {
		complain(p, at, CODE_PORT, NULL, "'%s' is not a port from 1 to 65535", text);
		return false;
	}
	hi = lo;
	if (*hi_text == '-') {
		if (!(flags & ENDPOINT_RANGE)) {
			complain(p, at, CODE_PORT, NULL, "'%s': one port is expected here, not a range", text);
			return false;
		}
		hi_text++;
		if (parse_number(hi_text, strlen(hi_text), 65535, &hi) || hi < lo || !lo) {
			complain(p, at, CODE_PORT, "write LOW-HIGH", "'%s' is not a range of ports from 1 to 65535",
				 text);
			return false;
		}
	}
	ret->has_port = true;
	ret->port_lo = (unsigned int)lo;
	ret->port_hi = (unsigned int)hi;
	return true;
}

bool value_endpoint(struct parser *p, size_t at, const char *text, unsigned int flags, struct endpoint *ret)
{
	struct endpoint e = { 0 };
	const char *start = text;
	char *host, *colon, *slash;

	if (is_other_family(p, at, text))
		return false;
	if (!strncmp(text, "ipv4@", 5))
		text += 5;
	host = arena_copy(&p->arena, text, strlen(text));
	if (!host)
		return false;
	colon = strchr(host, ':');
	slash = colon ? strchr(colon, '/') : NULL;
	if (slash && flags & ENDPOINT_PATH) {
		e.path_off = (size_t)(slash - host) + (size_t)(text - start);
		e.path = arena_copy(&p->arena, slash, strlen(slash));
		*slash = '\0';
	}
	if (colon)
		*colon++ = '\0';
	if (!take_host(p, at, host, flags, &e))
		return false;
	if (colon && *colon && !take_ports(p, at, colon, flags, &e))
		return false;
	*ret = e;
	return true;
}
