/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): who gets which port of which address.
 *
 * Single ports become binds, several ports a range. The program looks for a bind first, so a bind may lie within a
 * range; ranges of one address and protocol never overlap.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

enum { NR_PORTS = 65536 };

/* A bind on one address. A lower rank wins. */
struct candidate {
	__be32 addr[4];
	uint8_t family, proto;
	uint16_t service;
	unsigned int lo, hi;
	unsigned int rank;  /* disabled << 1 | wildcard */
	unsigned int order; /* in the file */
	const struct frontend *frontend;
	unsigned int line;
};

struct candidates {
	struct candidate *list;
	size_t nr, cap;
};

static int add_candidate(struct candidates *c, const struct frontend *f, const struct bind *bind,
			 const struct addr *addr)
{
	struct candidate *new;

	if (c->nr == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct candidate *list = reallocarray(c->list, cap, sizeof(*list));

		if (!list)
			return -ENOMEM;
		c->list = list;
		c->cap = cap;
	}
	new = &c->list[c->nr];
	*new = (struct candidate){
		.family = words_family(addr),
		.proto = bind->proto,
		.service = f->dp_id,
		.lo = bind->port_lo,
		.hi = bind->port_hi,
		.rank = (f->disabled ? 2u : 0u) | (addr_is_any(&bind->addr) ? 1u : 0u),
		.order = (unsigned int)c->nr,
		.frontend = f,
		.line = bind->line,
	};
	words_put(new->addr, addr);
	c->nr++;
	return 0;
}

/* Would '*' of the family mean this address? Link-local ones are no place for a service: each link has its own. */
static bool follows(const struct bind *bind, const struct host_addr *a)
{
	if (a->addr.family != bind->addr.family || (bind->interface && strcmp(bind->interface, a->ifname) != 0))
		return false;
	return a->addr.family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&a->addr.v6);
}

static int add_bind(const struct image_builder *b, struct candidates *c, const struct frontend *f,
		    const struct bind *bind)
{
	int err = 0;

	if (!addr_is_any(&bind->addr))
		return add_candidate(c, f, bind, &bind->addr);
	for (size_t i = 0; i < b->host->nr_addrs && !err; i++)
		if (follows(bind, &b->host->addrs[i]))
			err = add_candidate(c, f, bind, &b->host->addrs[i].addr);
	return err;
}

/* Every server of the backend must be able to take what comes by the bind. */
static int check_family(struct image_builder *b, const struct frontend *f, const struct backend *be,
			const struct bind *bind)
{
	uint8_t family = words_family(&bind->addr);
	char text[ADDR_TEXT_MAX], addr[ADDR_TEXT_MAX];
	const struct server *s;

	TAILQ_FOREACH(s, &be->servers, next) {
		if (!s->addr.family || image_server_takes(s, family))
			continue;
		diag_add(b->diags, DIAG_ERROR, NULL, "M0204",
			 family == 4 ? "give the server an IPv4 address, or forward by 'ipip'; or bind IPv6" :
				       "give the server an IPv6 address, or bind IPv4",
			 "frontend '%s', line %u: %s cannot be balanced to server %s/%s at %s: IPv4 and IPv6 are not "
			 "translated into each other",
			 f->name, bind->line, addr_format_port(&bind->addr, bind->port_lo, text), be->name, s->name,
			 addr_format(&s->addr, addr));
		return -EINVAL;
	}
	return 0;
}

/* Modes that rewrite no port need the server to listen on the very port that was bound. */
static int check_port(struct image_builder *b, const struct frontend *f, const struct backend *be,
		      const struct bind *bind)
{
	const struct server *s;

	TAILQ_FOREACH(s, &be->servers, next) {
		if (!forward_keeps_port(s->forward) ||
		    (!s->port_offset && (!s->port || (bind->port_lo == s->port && bind->port_hi == s->port))))
			continue;
		diag_add(b->diags, DIAG_ERROR, NULL, "M0208",
			 "bind the server's port, write the server without a port, or use 'forward fullnat' or 'dnat'",
			 "frontend '%s', line %u: server %s/%s listens on another port, and 'forward %s' changes none",
			 f->name, bind->line, be->name, s->name, forward_name(s->forward));
		return -EINVAL;
	}
	return 0;
}

static int check_backends(struct image_builder *b, const struct frontend *f, const struct bind *bind)
{
	const struct backend *be;
	int err = 0;

	for (size_t i = 0; !err && (be = frontend_backend_at(f, i)); i++) {
		err = check_family(b, f, be, bind);
		if (!err)
			err = check_port(b, f, be, bind);
	}
	return err;
}

static int collect(struct image_builder *b, struct candidates *c)
{
	const struct frontend *f;
	const struct bind *bind;
	int ret = 0;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		if (!f->dp_id)
			continue;
		TAILQ_FOREACH(bind, &f->binds, next) {
			int err = check_backends(b, f, bind);

			if (!err)
				err = add_bind(b, c, f, bind);
			if (err == -ENOMEM)
				return err;
			ret = ret ? ret : err; /* go on, to report all of them */
		}
	}
	return ret;
}

/* Same address and protocol: a group. */
static int group_cmp(const struct candidate *x, const struct candidate *y)
{
	int cmp;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	cmp = words_cmp(x->addr, y->addr);
	return cmp ? cmp : (int)x->proto - (int)y->proto;
}

static int candidate_cmp(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int cmp = group_cmp(x, y);

	if (cmp)
		return cmp;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void report_twice(struct image_builder *b, const struct candidate *kept, const struct candidate *other,
			 unsigned int port)
{
	struct addr addr = words_get(other->addr, other->family);
	char text[ADDR_TEXT_MAX];

	if (kept->rank != other->rank || kept->frontend == other->frontend)
		return;
	diag_add(b->diags, DIAG_WARNING, NULL, "M0207", "remove one of the two 'bind' lines",
		 "%s is bound by frontend '%s' and by frontend '%s': the first one gets the packets",
		 addr_format_port(&addr, (uint16_t)port, text), kept->frontend->name, other->frontend->name);
}

/* Each port of the group goes to the first that asks: owner[port] = its place in the group + 1. */
static void take_ports(struct image_builder *b, const struct candidate *group, size_t nr, uint32_t *owner)
{
	for (size_t i = 0; i < nr; i++) {
		bool told = false;

		for (unsigned int port = group[i].lo; port <= group[i].hi; port++) {
			if (!owner[port]) {
				owner[port] = (uint32_t)i + 1;
			} else if (!told) {
				report_twice(b, &group[owner[port] - 1], &group[i], port);
				told = true;
			}
		}
	}
}

static int emit(struct image_builder *b, const struct candidate *c, unsigned int lo, unsigned int hi)
{
	struct image_bind bind = {
		.port = htons((uint16_t)lo), .service = c->service, .family = c->family, .proto = c->proto
	};
	struct built_range range = {
		.family = c->family,
		.range.rec = { .lo = (uint16_t)lo, .hi = (uint16_t)hi, .proto = c->proto, .service = c->service },
	};
	int err;

	memcpy(bind.addr, c->addr, sizeof(bind.addr));
	memcpy(range.addr, c->addr, sizeof(range.addr));
	err = lo == hi ? image_add_bind(b, &bind) : image_add_range(b, &range);
	if (err == -ENOSPC)
		diag_add(b->diags, DIAG_ERROR, NULL, "M0206",
			 "bind fewer ports or addresses; '*' counts each address of the attached interfaces",
			 "frontend '%s', line %u: more than %d binds (address and port pairs), or than %d port ranges",
			 c->frontend->name, c->line, IMAGE_BINDS_MAX, XLB_MAX_RANGES - 1);
	return err;
}

/* The runs of ports of candidate 'i' that no other range interrupts. Single binds do not: they are found before. */
static int emit_pieces(struct image_builder *b, const struct candidate *group, size_t i, const uint32_t *owner)
{
	unsigned int first = 0, last = 0;
	int err = 0;

	for (unsigned int port = group[i].lo; port <= group[i].hi && !err; port++) {
		const struct candidate *c = &group[owner[port] - 1];

		if (c == &group[i]) {
			first = first ? first : port;
			last = port;
		} else if (c->lo != c->hi && first) {
			err = emit(b, &group[i], first, last);
			first = 0;
		}
	}
	return first && !err ? emit(b, &group[i], first, last) : err;
}

static int settle_group(struct image_builder *b, const struct candidate *group, size_t nr, uint32_t *owner)
{
	int err = 0;

	take_ports(b, group, nr, owner);
	for (size_t i = 0; i < nr && !err; i++)
		err = emit_pieces(b, group, i, owner);
	for (size_t i = 0; i < nr; i++)
		memset(&owner[group[i].lo], 0, (group[i].hi - group[i].lo + 1) * sizeof(*owner));
	return err;
}

int image_build_binds(struct image_builder *b)
{
	uint32_t *owner = calloc(NR_PORTS, sizeof(*owner));
	struct candidates c = { 0 };
	size_t first = 0;
	int err = owner ? collect(b, &c) : -ENOMEM;

	if (!err && c.nr)
		qsort(c.list, c.nr, sizeof(*c.list), candidate_cmp);
	for (size_t i = 1; i <= c.nr && !err; i++) {
		if (i < c.nr && !group_cmp(&c.list[first], &c.list[i]))
			continue;
		err = settle_group(b, &c.list[first], i - first, owner);
		first = i;
	}
	free(c.list);
	free(owner);
	return err;
}
