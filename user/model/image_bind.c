/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): binds, addresses of ours and the ports that are never source ports.
 *
 * Addresses and port ranges become single binds here, since the data plane looks up exact pairs only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

/* A bind before duplicates are removed. A lower rank wins. */
struct candidate {
	struct xlb_vip vip;
	unsigned int rank;  /* disabled << 1 | wildcard */
	unsigned int order; /* in the file */
	const struct frontend *frontend;
};

struct candidates {
	struct candidate *list;
	size_t nr, cap;
};

/* -ENOSPC: there are IMAGE_BINDS_MAX already. */
static int add_candidate(struct candidates *c, const struct candidate *new)
{
	if (c->nr == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct candidate *list = reallocarray(c->list, cap, sizeof(*list));

		if (!list)
			return -ENOMEM;
		c->list = list;
		c->cap = cap;
	}
	if (c->nr >= IMAGE_BINDS_MAX)
		return -ENOSPC;
	c->list[c->nr] = *new;
	c->list[c->nr].order = (unsigned int)c->nr;
	c->nr++;
	return 0;
}

static int add_ports(struct candidates *c, const struct frontend *f, const struct bind *bind, __be32 addr)
{
	struct candidate new = {
		.vip = { .addr = addr, .proto = bind->proto, .service = f->dp_id },
		.rank = (f->disabled ? 2u : 0u) | (addr_is_any(&bind->addr) ? 1u : 0u),
		.frontend = f,
	};

	for (unsigned int port = bind->port_lo; port <= bind->port_hi; port++) {
		int err;

		new.vip.port = htons((uint16_t)port);
		err = add_candidate(c, &new);
		if (err)
			return err;
	}
	return 0;
}

static int add_bind(struct image_builder *b, struct candidates *c, const struct frontend *f, const struct bind *bind)
{
	char text[ADDR_TEXT_MAX];
	int err = 0;

	if (bind->addr.family != AF_INET) {
		diag_add(b->diags, DIAG_WARNING, NULL, "M0205", "bind an IPv4 address too",
			 "frontend '%s', line %u: IPv6 is not balanced yet, packets to %s pass to this host", f->name,
			 bind->line, addr_format_port(&bind->addr, bind->port_lo, text));
		return 0;
	}
	if (!addr_is_any(&bind->addr))
		return add_ports(c, f, bind, bind->addr.v4.s_addr);
	for (size_t i = 0; i < b->host->nr_addrs && !err; i++) {
		const struct host_addr *a = &b->host->addrs[i];

		if (a->addr.family == AF_INET && (!bind->interface || !strcmp(bind->interface, a->ifname)))
			err = add_ports(c, f, bind, a->addr.v4.s_addr);
	}
	return err;
}

static int collect(struct image_builder *b, struct candidates *c)
{
	const struct frontend *f;
	const struct bind *bind;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		if (!f->dp_id)
			continue;
		TAILQ_FOREACH(bind, &f->binds, next) {
			int err = add_bind(b, c, f, bind);

			if (err == -ENOSPC)
				diag_add(b->diags, DIAG_ERROR, NULL, "M0206",
					 "bind fewer ports or addresses; a port range counts each of its ports, and "
					 "'*' each address of the attached interfaces",
					 "frontend '%s', line %u: more than %d binds (address and port pairs)", f->name,
					 bind->line, IMAGE_BINDS_MAX);
			if (err)
				return err;
		}
	}
	return 0;
}

static int candidate_cmp(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int cmp = image_vip_cmp(&x->vip, &y->vip);

	if (cmp)
		return cmp;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void report_twice(struct image_builder *b, const struct candidate *kept, const struct candidate *other)
{
	struct addr addr = { .family = AF_INET, .v4.s_addr = other->vip.addr };
	char text[ADDR_TEXT_MAX];

	if (kept->rank != other->rank || kept->frontend == other->frontend)
		return;
	diag_add(b->diags, DIAG_WARNING, NULL, "M0207", "remove one of the two 'bind' lines",
		 "%s is bound by frontend '%s' and by frontend '%s': the first one gets the packets",
		 addr_format_port(&addr, ntohs(other->vip.port), text), kept->frontend->name, other->frontend->name);
}

int image_build_binds(struct image_builder *b)
{
	struct candidates c = { 0 };
	const struct candidate *kept = NULL;
	int err;

	err = collect(b, &c);
	if (err || !c.nr)
		goto out;
	b->img->binds = calloc(c.nr, sizeof(*b->img->binds));
	if (!b->img->binds) {
		err = -ENOMEM;
		goto out;
	}
	qsort(c.list, c.nr, sizeof(*c.list), candidate_cmp);
	for (size_t i = 0; i < c.nr; i++) {
		if (kept && !image_vip_cmp(&kept->vip, &c.list[i].vip)) {
			report_twice(b, kept, &c.list[i]);
			continue;
		}
		kept = &c.list[i];
		b->img->binds[b->img->nr_binds++].vip = kept->vip;
	}
out:
	free(c.list);
	return err;
}

/* The record of an address, made when it is new; NULL: out of memory. Callers come in the order of addresses mostly. */
static struct xlb_addr *addr_record(struct image_builder *b, __be32 addr)
{
	struct image *img = b->img;
	struct xlb_addr *rec;

	for (size_t i = img->nr_addrs; i > 0; i--)
		if (img->addrs[i - 1].rec.addr == addr)
			return &img->addrs[i - 1].rec;
	if (img->nr_addrs == b->cap_addrs) {
		size_t cap = b->cap_addrs ? b->cap_addrs * 2 : 16;
		struct image_addr *addrs = reallocarray(img->addrs, cap, sizeof(*addrs));

		if (!addrs)
			return NULL;
		img->addrs = addrs;
		b->cap_addrs = cap;
	}
	rec = &img->addrs[img->nr_addrs++].rec;
	memset(rec, 0, sizeof(*rec));
	rec->addr = addr;
	rec->pool_lo = 1;
	return rec;
}

/* Widens the range of an address to hold that of one more server. */
static void widen_pool(struct xlb_addr *rec, uint16_t lo, uint16_t hi)
{
	if (rec->pool_lo > rec->pool_hi) {
		rec->pool_lo = lo;
		rec->pool_hi = hi;
		return;
	}
	rec->pool_lo = lo < rec->pool_lo ? lo : rec->pool_lo;
	rec->pool_hi = hi > rec->pool_hi ? hi : rec->pool_hi;
}

static int pool_addrs(struct image_builder *b)
{
	struct xlb_addr *rec = NULL;

	for (size_t i = 1; i < b->img->nr_servers; i++) {
		const struct xlb_server *s = &b->img->servers[i];

		if (!s->source)
			continue;
		if (!rec || rec->addr != s->source)
			rec = addr_record(b, s->source);
		if (!rec)
			return -ENOMEM;
		widen_pool(rec, s->pool_lo, s->pool_hi);
	}
	return 0;
}

/* Ports in use on the host or bound by us, as far as a source range contains them. */
static void build_busy(struct image_builder *b)
{
	struct image *img = b->img;

	for (size_t i = 0; i < img->nr_binds; i++) {
		const struct xlb_vip *vip = &img->binds[i].vip;
		unsigned int port = ntohs(vip->port);

		img->busy[vip->proto == IPPROTO_UDP][port / 64] |= 1ull << port % 64;
	}
	for (size_t p = 0; p < 2; p++)
		for (size_t w = 0; b->host->busy[p] && w < XLB_BUSY_WORDS; w++)
			img->busy[p][w] |= b->host->busy[p][w];
}

/* Removes from the busy ports what no range contains: the comings and goings of the host are no change then. */
static int mask_busy(struct image *img)
{
	uint64_t *mask = calloc(XLB_BUSY_WORDS, sizeof(*mask));

	if (!mask)
		return -ENOMEM;
	for (size_t i = 0; i < img->nr_addrs; i++) {
		const struct xlb_addr *rec = &img->addrs[i].rec;

		for (unsigned int port = rec->pool_lo; port <= rec->pool_hi; port++)
			mask[port / 64] |= 1ull << port % 64;
	}
	for (size_t w = 0; w < XLB_BUSY_WORDS; w++) {
		img->busy[0][w] &= mask[w];
		img->busy[1][w] &= mask[w];
	}
	free(mask);
	return 0;
}

int image_build_addrs(struct image_builder *b)
{
	struct image *img = b->img;
	struct xlb_addr *rec = NULL;
	int err;

	for (size_t i = 0; i < img->nr_binds; i++) {
		const struct xlb_vip *vip = &img->binds[i].vip;
		unsigned int bit = xlb_port_bit(vip->port, vip->proto);

		if (!rec || rec->addr != vip->addr)
			rec = addr_record(b, vip->addr);
		if (!rec)
			return -ENOMEM;
		rec->bloom[bit / 32] |= 1u << bit % 32;
	}
	err = pool_addrs(b);
	if (err)
		return err;
	build_busy(b);
	image_sort(img);
	return mask_busy(img);
}
