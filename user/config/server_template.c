/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'server-template PREFIX NUMBER|LOW-HIGH ADDRESS[:PORT] PARAMETER...': many servers in one line.
 *
 * HAProxy fills the servers as DNS answers come, and keeps those without an address in maintenance. Here a name is
 * looked up once, so that only as many servers are made as it has addresses.
 */
#include <stdlib.h>

#include "config/parser.h"

enum { TEMPLATE_MAX = 4096 };

/* Word 'at' as the numbers of servers: N is 1 to N. False after a message. */
static bool numbers(struct parser *p, size_t at, unsigned int *ret_lo, unsigned int *ret_hi)
{
	const char *word = parser_word(p, at);
	unsigned long lo, hi;
	char *end;

	hi = strtoul(word, &end, 10);
	lo = *end == '-' ? hi : 1;
	if (*end == '-')
		hi = strtoul(end + 1, &end, 10);
	if (*end || *word < '0' || *word > '9' || !lo || hi < lo || hi - lo >= TEMPLATE_MAX || hi > 1000000) {
		complain(p, at, CODE_NUMBER, "write how many, or LOW-HIGH",
			 "'%s' is not a number of servers from 1 to %d", word, TEMPLATE_MAX);
		return false;
	}
	*ret_lo = (unsigned int)lo;
	*ret_hi = (unsigned int)hi;
	return true;
}

/* Which addresses the servers have: those of the name, or the one that is written. Returns their number. */
static size_t addresses(const struct server_decl *like, struct addr *ret, size_t cap)
{
	ret[0] = like->addr;
	return like->host ? endpoint_addresses(like->host, like->addr.family, ret, cap) : 1;
}

/* An 'id' is that of the first, as in HAProxy; no two servers could share it. */
static void add(struct parser *p, size_t at, const struct server_decl *like, unsigned int number, bool is_first,
		const struct addr *addr)
{
	struct server_decl *s = arena_alloc(&p->arena, sizeof(*s));

	if (!s)
		return;
	*s = *like;
	s->name = arena_printf(&p->arena, "%s%u", parser_word(p, at), number);
	s->place = parser_place(p, at);
	s->addr = *addr;
	s->id = is_first ? like->id : 0;
	if (s->name)
		server_enter(p, s);
}

void server_template_line(struct parser *p, size_t at)
{
	bool named = value_name(p, at, "server");
	unsigned int lo = 1, hi = 0;
	bool counted = numbers(p, at + 1, &lo, &hi);
	const struct server_decl *like = server_parse(p, at + 2);
	struct addr *list;
	size_t nr, i;

	if (!like || !named || !counted)
		return;
	list = arena_alloc(&p->arena, (hi - lo + 1) * sizeof(*list));
	if (!list)
		return;
	nr = addresses(like, list, hi - lo + 1);
	for (i = 0; i <= hi - lo && (i < nr || !like->host); i++)
		add(p, at, like, lo + (unsigned int)i, !i, &list[like->host ? i : 0]);
	if (i <= hi - lo)
		caution(p, at + 2, CODE_NOT_ENFORCED, "write a smaller number, or read the file again when it has more",
			"the name '%s' has %zu address%s: there is no server from '%s%zu' on", like->host, nr,
			nr == 1 ? "" : "es", parser_word(p, at), lo + i);
}
