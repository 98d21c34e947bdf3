/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): the addresses that packets are looked at for, their port ranges, and the ports that are never
 * source ports.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

static int range_cmp(const void *a, const void *b)
{
	const struct built_range *x = a, *y = b;
	int cmp = (int)x->family - (int)y->family;

	if (!cmp)
		cmp = words_cmp(x->addr, y->addr);
	return cmp ? cmp : image_range_cmp(&x->range, &y->range);
}

static int addr_cmp(const void *a, const void *b)
{
	return image_addr_cmp(&((const struct image_addr *)a)->rec, &((const struct image_addr *)b)->rec);
}

static void enter(struct image *img, const __be32 *addr, uint8_t family)
{
	struct xlb_addr *rec = &img->addrs[img->nr_addrs++].rec;

	memcpy(rec->addr, addr, sizeof(rec->addr));
	rec->family = family;
	rec->pool_lo = 1;
}

static bool has_pool(const struct xlb_server *s)
{
	return s->pool_lo <= s->pool_hi;
}

/* Of two servers with a pool, next to each other: most have the same source, and need not be looked up one by one. */
static bool same_source(const struct xlb_server *a, const struct xlb_server *b)
{
	return a && a->family == b->family && !words_cmp(a->source, b->source);
}

/* One record for each address that occurs, in order, empty yet. */
static int list_addrs(struct image_builder *b)
{
	const struct xlb_server *last = NULL;
	struct image *img = b->img;
	size_t kept = 0;

	img->addrs = calloc(img->nr_binds + b->nr_ranges + img->nr_servers + 1, sizeof(*img->addrs));
	if (!img->addrs)
		return -ENOMEM;
	for (size_t i = 0; i < img->nr_binds; i++)
		enter(img, img->binds[i].addr, img->binds[i].family);
	for (size_t i = 0; i < b->nr_ranges; i++)
		enter(img, b->ranges[i].addr, b->ranges[i].family);
	for (size_t i = 1; i < img->nr_servers; i++) {
		if (!has_pool(&img->servers[i]))
			continue;
		if (!same_source(last, &img->servers[i]))
			enter(img, img->servers[i].source, img->servers[i].family);
		last = &img->servers[i];
	}
	if (!img->nr_addrs)
		return 0;
	qsort(img->addrs, img->nr_addrs, sizeof(*img->addrs), addr_cmp);
	for (size_t i = 1; i < img->nr_addrs; i++)
		if (addr_cmp(&img->addrs[kept], &img->addrs[i]) != 0)
			img->addrs[++kept] = img->addrs[i];
	img->nr_addrs = kept + 1;
	return 0;
}

static struct image_addr *find(const struct image *img, const __be32 *addr, uint8_t family)
{
	struct image_addr key = { .rec.family = family };

	memcpy(key.rec.addr, addr, sizeof(key.rec.addr));
	if (!img->nr_addrs)
		return NULL;
	return bsearch(&key, img->addrs, img->nr_addrs, sizeof(key), addr_cmp);
}

/* What a bind or a way back says of its address. */
static uint8_t flags_for(const struct image *img, uint16_t service)
{
	if (service & XLB_VIP_RETURN)
		return XLB_ADDR_SERVER;
	return XLB_ADDR_ECHO | (img->services[service].flags & XLB_SVC_STATELESS ? XLB_ADDR_STATELESS : 0);
}

static void put_bit(struct xlb_addr *rec, unsigned int port, uint8_t proto)
{
	uint32_t bit = xlb_port_bit(htons((uint16_t)port), proto);

	rec->bloom[bit / 32] |= 1u << bit % 32;
}

/* The first bind of a stateless service is the one that the address itself leads to, or else the first of all. */
static void put_hot(const struct image *img, struct xlb_addr *rec, const struct image_bind *bind)
{
	const uint16_t wanted = XLB_SVC_STATELESS | XLB_SVC_ENABLED;
	const struct xlb_service *svc;
	bool stateless;

	if (rec->hot_backend || bind->service & XLB_VIP_RETURN)
		return;
	svc = &img->services[bind->service];
	stateless = (svc->flags & wanted) == wanted;
	if (rec->hot_service && !stateless)
		return;
	rec->hot_port = bind->port;
	rec->hot_service = bind->service | (bind->proto == IPPROTO_UDP ? XLB_HOT_UDP : 0);
	rec->hot_backend = stateless ? svc->backend : 0;
}

static void put_binds(struct image *img)
{
	struct image_addr *a = img->addrs;

	/* Both are in the same order. */
	for (size_t i = 0; i < img->nr_binds; i++) {
		const struct image_bind *bind = &img->binds[i];

		while (a->rec.family != bind->family || words_cmp(a->rec.addr, bind->addr) != 0)
			a++;
		a->rec.flags |= flags_for(img, bind->service);
		put_bit(&a->rec, ntohs(bind->port), bind->proto);
		put_hot(img, &a->rec, bind);
		a->nr_users += !(bind->service & XLB_VIP_RETURN);
	}
}

static int put_ranges(struct image_builder *b)
{
	struct image *img = b->img;

	img->ranges = calloc(b->nr_ranges + 1, sizeof(*img->ranges));
	if (!img->ranges)
		return -ENOMEM;
	if (b->nr_ranges)
		qsort(b->ranges, b->nr_ranges, sizeof(*b->ranges), range_cmp);
	for (size_t i = 0; i < b->nr_ranges; i++) {
		const struct image_range *range = &b->ranges[i].range;
		struct image_addr *a = find(img, b->ranges[i].addr, b->ranges[i].family);
		struct addr addr = words_get(b->ranges[i].addr, b->ranges[i].family);
		char text[ADDR_TEXT_MAX];

		if (a->rec.nr_ranges == XLB_ADDR_RANGES) {
			diag_add(b->diags, DIAG_ERROR, NULL, "M0206", "bind fewer ranges, or other addresses",
				 "more than %d port ranges on %s", XLB_ADDR_RANGES, addr_format(&addr, text));
			return -ENOSPC;
		}
		if (!a->rec.nr_ranges++)
			a->first_range = img->nr_ranges;
		img->ranges[img->nr_ranges++] = *range;
		a->nr_users++;
		a->rec.flags |= flags_for(img, range->rec.service);
		for (unsigned int port = range->rec.lo; port <= range->rec.hi; port++)
			put_bit(&a->rec, port, range->rec.proto);
	}
	return 0;
}

/* The range of an address is as wide as those of all servers that it is the source for. */
static void put_pools(struct image *img)
{
	const struct xlb_server *last = NULL;
	struct image_addr *a = NULL;

	for (size_t i = 1; i < img->nr_servers; i++) {
		const struct xlb_server *s = &img->servers[i];
		struct xlb_addr *rec;

		if (!has_pool(s))
			continue;
		if (!same_source(last, s))
			a = find(img, s->source, s->family);
		last = s;
		a->nr_users++;
		rec = &a->rec;
		if (rec->pool_lo > rec->pool_hi) {
			rec->pool_lo = s->pool_lo;
			rec->pool_hi = s->pool_hi;
		}
		rec->pool_lo = s->pool_lo < rec->pool_lo ? s->pool_lo : rec->pool_lo;
		rec->pool_hi = s->pool_hi > rec->pool_hi ? s->pool_hi : rec->pool_hi;
	}
}

static void set_busy(struct image *img, uint8_t proto, unsigned int port)
{
	img->busy[proto == IPPROTO_UDP][port / 64] |= 1ull << port % 64;
}

/* Addresses that the host has as well. */
static void mark_local(const struct image_builder *b)
{
	for (size_t i = 0; i < b->host->nr_addrs; i++) {
		const struct addr *addr = &b->host->addrs[i].addr;
		struct image_addr *a;
		__be32 words[4];

		words_put(words, addr);
		a = find(b->img, words, words_family(addr));
		if (a)
			a->rec.flags |= XLB_ADDR_LOCAL;
	}
}

/* A frontend's port on an address that is a source too: its packets would be taken for answers. */
static void put_bound_ports(struct image *img)
{
	const struct image_addr *a = img->addrs;

	for (size_t i = 0; i < img->nr_binds; i++) {
		const struct image_bind *bind = &img->binds[i];

		while (a->rec.family != bind->family || words_cmp(a->rec.addr, bind->addr) != 0)
			a++;
		if (a->rec.pool_lo <= a->rec.pool_hi)
			set_busy(img, bind->proto, ntohs(bind->port));
	}
	for (size_t i = 0; i < img->nr_addrs; i++) {
		const struct xlb_addr *rec = &img->addrs[i].rec;

		for (size_t r = 0; r < rec->nr_ranges && rec->pool_lo <= rec->pool_hi; r++) {
			const struct xlb_range *range = &img->ranges[img->addrs[i].first_range + r].rec;

			for (unsigned int port = range->lo; port <= range->hi; port++)
				set_busy(img, range->proto, port);
		}
	}
}

/* Ports in use on the host, as far as a source range contains them: other comings and goings are no change. */
static int put_busy(const struct image_builder *b)
{
	struct image *img = b->img;
	uint64_t *mask = calloc(XLB_BUSY_WORDS, sizeof(*mask));

	if (!mask)
		return -ENOMEM;
	put_bound_ports(img);
	for (size_t i = 0; i < img->nr_addrs; i++) {
		const struct xlb_addr *rec = &img->addrs[i].rec;

		for (unsigned int port = rec->pool_lo; port <= rec->pool_hi; port++)
			mask[port / 64] |= 1ull << port % 64;
	}
	for (size_t p = 0; p < 2; p++) {
		for (size_t w = 0; w < XLB_BUSY_WORDS; w++) {
			img->busy[p][w] |= b->host->busy[p] ? b->host->busy[p][w] : 0;
			img->busy[p][w] &= mask[w];
		}
	}
	free(mask);
	return 0;
}

/* All ports of a source address bound leave none to be a source port. */
static void warn_no_port_left(struct image_builder *b)
{
	for (size_t i = 0; i < b->img->nr_addrs; i++) {
		const struct xlb_addr *rec = &b->img->addrs[i].rec;
		struct addr addr = words_get(rec->addr, rec->family);
		char text[ADDR_TEXT_MAX];

		for (size_t r = 0; r < rec->nr_ranges && rec->pool_lo <= rec->pool_hi; r++) {
			const struct xlb_range *range = &b->img->ranges[b->img->addrs[i].first_range + r].rec;

			if (range->lo > rec->pool_lo || range->hi < rec->pool_hi)
				continue;
			diag_add(b->diags, DIAG_WARNING, NULL, "M0212",
				 "give the servers another source with 'source ADDRESS', or bind fewer ports",
				 "ports %u-%u of %s are bound, and its ports %u-%u are source ports of 'forward "
				 "fullnat': none is left",
				 range->lo, range->hi, addr_format(&addr, text), rec->pool_lo, rec->pool_hi);
			break;
		}
	}
}

int image_build_addrs(struct image_builder *b)
{
	int err = list_addrs(b);

	if (!err)
		put_binds(b->img);
	if (!err)
		err = put_ranges(b);
	if (err)
		return err;
	put_pools(b->img);
	mark_local(b);
	warn_no_port_left(b);
	return put_busy(b);
}
