/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses with ports, as 'bind', 'server', 'source' and 'log' lines have them (HAProxy configuration manual, section
 * 11): a prefix for the family, the address with or without brackets, and the port behind the last colon.
 *
 * Host names are looked up once, when the file is read.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"

/* One parse: the word for messages and what was asked for. */
struct endpoint_job {
	struct parser *p;
	size_t at;
	unsigned int flags; /* ENDPOINT_* */
	int family;	    /* asked for by a prefix, 0: any */
	struct endpoint *out;
};

/* Prefixes of HAProxy. Those without a family are kinds of addresses that take no TCP packets. */
static const struct {
	const char *prefix;
	int family;
} prefixes[] = {
	{ "ipv4@", AF_INET }, { "ipv6@", AF_INET6 }, { "tcp4@", AF_INET }, { "tcp6@", AF_INET6 }, { "unix@", 0 },
	{ "abns@", 0 },	      { "abnsz@", 0 },	     { "fd@", 0 },	   { "sockpair@", 0 },	  { "rhttp@", 0 },
	{ "quic@", 0 },	      { "quic4@", 0 },	     { "quic6@", 0 },	   { "uxdg@", 0 },	  { "uxst@", 0 },
	{ "stream+", 0 },     { "dgram+", 0 },
};

enum { NR_PREFIXES = sizeof(prefixes) / sizeof(prefixes[0]) };

/* Moves '*text' behind its prefix. False: the address takes no packets, and that was said. */
static bool take_prefix(struct endpoint_job *j, const char **text)
{
	size_t i, len;

	if (**text == '/') {
		need_proxy(j->p, j->at, "a unix socket takes no packets");
		return false;
	}
	for (i = 0; i < NR_PREFIXES; i++) {
		len = strlen(prefixes[i].prefix);
		if (strncmp(*text, prefixes[i].prefix, len) != 0)
			continue;
		if (!prefixes[i].family) {
			need_proxy(j->p, j->at, "this kind of address takes no TCP packets");
			return false;
		}
		j->family = prefixes[i].family;
		*text += len;
		break;
	}
	return true;
}

static void take_sockaddr(const struct sockaddr *sa, struct addr *ret)
{
	ret->family = sa->sa_family;
	if (sa->sa_family == AF_INET)
		ret->v4 = ((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	else
		ret->v6 = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
}

static bool resolve(struct endpoint_job *j, const char *host)
{
	struct addrinfo hints = { .ai_family = j->family ? j->family : AF_INET, .ai_socktype = SOCK_STREAM }, *list;
	struct parser *p = j->p;
	int err;

	if (host[strspn(host, "0123456789.")] == '\0' || strchr(host, ':')) {
		complain(p, j->at, CODE_ADDRESS, NULL, "'%s' is not an IP address", host);
		return false;
	}
	if (p->opt && p->opt->numeric) {
		complain(p, j->at, CODE_ADDRESS, "write its address", "the host name '%s' is not looked up here", host);
		return false;
	}
	err = getaddrinfo(host, NULL, &hints, &list);
	if (err && !j->family) {
		hints.ai_family = AF_INET6;
		err = getaddrinfo(host, NULL, &hints, &list);
	}
	if (err) {
		complain(p, j->at, CODE_ADDRESS, "check the name, or write its address",
			 "the host name '%s' is not known: %s", host, gai_strerror(err));
		return false;
	}
	take_sockaddr(list->ai_addr, &j->out->addr);
	freeaddrinfo(list);
	j->out->host = host;
	return true;
}

size_t endpoint_addresses(const char *host, int family, struct addr *ret, size_t cap)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM }, *list, *i;
	size_t nr = 0, known;

	if (getaddrinfo(host, NULL, &hints, &list))
		return 0;
	for (i = list; i && nr < cap; i = i->ai_next) {
		struct addr a = { 0 };

		take_sockaddr(i->ai_addr, &a);
		for (known = 0; known < nr && !addr_equal(&ret[known], &a); known++)
			;
		if (known == nr)
			ret[nr++] = a;
	}
	freeaddrinfo(list);
	return nr;
}

static bool take_wildcard(struct endpoint_job *j)
{
	if (!(j->flags & ENDPOINT_WILD)) {
		complain(j->p, j->at, CODE_ADDRESS, NULL, "an address is missing in '%s'", parser_word(j->p, j->at));
		return false;
	}
	memset(&j->out->addr, 0, sizeof(j->out->addr));
	j->out->addr.family = j->family ? j->family : AF_INET;
	return true;
}

static bool take_host(struct endpoint_job *j, const char *host)
{
	if (!*host || !strcmp(host, "*"))
		return take_wildcard(j);
	if (!addr_parse(host, &j->out->addr)) {
		if (!j->family || j->family == j->out->addr.family)
			return true;
		complain(j->p, j->at, CODE_ADDRESS, NULL, "'%s' is not an address of the family that '%s' asks for",
			 host, parser_word(j->p, j->at));
		return false;
	}
	if (!(j->flags & ENDPOINT_NAME)) {
		complain(j->p, j->at, CODE_ADDRESS, NULL, "'%s' is not an IP address", host);
		return false;
	}
	return resolve(j, host);
}

/* A port from 0 to 65535. Moves '*text' behind it. */
static bool take_number(const char **text, unsigned int *ret)
{
	size_t len = strspn(*text, "0123456789");
	unsigned long n = len && len < 7 ? strtoul(*text, NULL, 10) : 65536;

	*text += len;
	*ret = (unsigned int)n;
	return n <= 65535;
}

static bool take_offset(struct endpoint_job *j, const char *text)
{
	const char *digits = text + 1;
	unsigned int n;

	if (!(j->flags & ENDPOINT_OFFSET) || !take_number(&digits, &n) || *digits) {
		complain(j->p, j->at, CODE_PORT, NULL, "'%s' is not a port from 1 to 65535", text);
		return false;
	}
	j->out->port_offset = *text == '-' ? -(int)n : (int)n;
	return true;
}

static bool take_ports(struct endpoint_job *j, const char *text)
{
	const char *rest = text;
	unsigned int lo, hi;

	if (*text == '+' || *text == '-')
		return take_offset(j, text);
	if (!strcmp(text, "*") && j->flags & ENDPOINT_ANY_PORT) {
		j->out->has_port = true;
		j->out->port_lo = 1;
		j->out->port_hi = 65535;
		return true;
	}
	if (!take_number(&rest, &lo) || (*rest && *rest != '-')) {
		complain(j->p, j->at, CODE_PORT, NULL, "'%s' is not a port from 1 to 65535", text);
		return false;
	}
	hi = lo;
	if (*rest && !(j->flags & ENDPOINT_RANGE)) {
		complain(j->p, j->at, CODE_PORT, NULL, "'%s': one port is expected here, not a range", text);
		return false;
	}
	if (*rest) {
		rest++;
		if (!take_number(&rest, &hi) || *rest || hi < lo || !lo) {
			complain(j->p, j->at, CODE_PORT, "write LOW-HIGH",
				 "'%s' is not a range of ports from 1 to 65535", text);
			return false;
		}
	}
	j->out->has_port = true;
	j->out->port_lo = lo;
	j->out->port_hi = hi;
	return true;
}

/* Cuts the path off, "10.0.0.1:80/path", and says where it was in the word. */
static void cut_path(struct endpoint_job *j, char *text, size_t skipped)
{
	char *slash = strchr(text, ':') ? strchr(text, '/') : NULL;

	if (!slash || !(j->flags & ENDPOINT_PATH))
		return;
	j->out->path = arena_copy(&j->p->arena, slash, strlen(slash));
	j->out->path_off = skipped + (size_t)(slash - text);
	*slash = '\0';
}

/* Cuts the text in two: the address without brackets, and what stands behind the last colon, or NULL. */
static char *cut_port(char **text)
{
	char *end = **text == '[' ? strchr(*text, ']') : NULL, *colon;

	if (end) {
		*end++ = '\0';
		(*text)++;
		return *end == ':' ? end + 1 : *end ? end : NULL;
	}
	colon = strrchr(*text, ':');
	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

bool value_endpoint(struct parser *p, size_t at, const char *text, unsigned int flags, struct endpoint *ret)
{
	struct endpoint e = { 0 };
	struct endpoint_job j = { .p = p, .at = at, .flags = flags, .out = &e };
	const char *start = text;
	char *host, *port;

	if (!take_prefix(&j, &text))
		return false;
	host = arena_copy(&p->arena, text, strlen(text));
	if (!host)
		return false;
	cut_path(&j, host, (size_t)(text - start));
	port = cut_port(&host);
	if (!take_host(&j, host))
		return false;
	if (port && *port && !take_ports(&j, port))
		return false;
	if (e.addr.family == AF_INET6 && !require(p, at, CAN_IPV6))
		return false;
	*ret = e;
	return true;
}
