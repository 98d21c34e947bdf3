/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): records of backends and servers, and the rings that packets take their servers from.
 *
 * Each server's record says how to reach it (next hop) and which of our addresses and ports it sees (full NAT source).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"
#include "model/schedule.h"

static const struct next_hop *find_hop(const struct image_builder *b, const struct addr *server)
{
	size_t lo = 0, hi = b->nr_hops;

	if (server->family != AF_INET)
		return NULL;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uint32_t at = b->hops[mid]->server.v4.s_addr;

		if (at == server->v4.s_addr)
			return b->hops[mid];
		if (at < server->v4.s_addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool is_given(const struct addr *a)
{
	return a->family && !addr_is_any(a);
}

static bool range_is_given(struct port_range r)
{
	return r.lo <= r.hi && r.hi;
}

/* Explains why a range cannot be used, and what to write instead. */
static int report_range(struct image_builder *b, const struct server *s, struct port_range wanted, int err)
{
	struct port_range eph = b->host->ephemeral, free_range = ports_default(eph);
	char hint[160];

	if (err == -EADDRINUSE && range_is_given(free_range)) {
		snprintf(hint, sizeof(hint), "use ports outside of it, for example %u-%u, or change the host's range",
			 free_range.lo, free_range.hi);
		diag_add(b->diags, DIAG_ERROR, NULL, "M0202", hint,
			 "server %s/%s: source ports %u-%u overlap the host's own %u-%u "
			 "(net.ipv4.ip_local_port_range); replies to the host would be taken for replies to clients",
			 s->backend->name, s->name, wanted.lo, wanted.hi, eph.lo, eph.hi);
	} else {
		diag_add(b->diags, DIAG_ERROR, NULL, "M0203",
			 "narrow net.ipv4.ip_local_port_range on this host, or write 'source ADDRESS:LO-HI'",
			 "server %s/%s: no source ports: %u-%u is no usable range beside the host's own %u-%u",
			 s->backend->name, s->name, wanted.lo, wanted.hi, eph.lo, eph.hi);
	}
	return -EINVAL;
}

static int choose_ports(struct image_builder *b, const struct server *s, struct port_range *ret)
{
	struct port_range r = ports_default(b->host->ephemeral);
	int err;

	if (range_is_given(s->source_ports))
		r = s->source_ports;
	else if (range_is_given(s->backend->source_ports))
		r = s->backend->source_ports;
	err = ports_check(r, b->host->ephemeral);
	if (err)
		return report_range(b, s, r, err);
	*ret = r;
	return 0;
}

static const struct addr *choose_source(const struct server *s, const struct next_hop *hop)
{
	if (is_given(&s->source))
		return &s->source;
	if (is_given(&s->backend->source))
		return &s->backend->source;
	return hop && is_given(&hop->source) ? &hop->source : NULL;
}

static int build_server(struct image_builder *b, const struct server *s)
{
	struct xlb_server *rec = &b->img->servers[s->run.dp_id];
	const struct next_hop *hop = find_hop(b, &s->addr);
	const struct addr *source = choose_source(s, hop);
	struct port_range ports;
	char text[ADDR_TEXT_MAX];
	int err;

	if (s->addr.family == AF_INET6 || (source && source->family != AF_INET)) {
		diag_add(b->diags, DIAG_ERROR, NULL, "M0204", "give it an IPv4 address and an IPv4 source",
			 "server %s/%s: IPv6 is not balanced yet: %s", s->backend->name, s->name,
			 addr_format(s->addr.family == AF_INET6 ? &s->addr : source, text));
		return -EINVAL;
	}
	err = choose_ports(b, s, &ports);
	if (err)
		return err;
	rec->addr = s->addr.family ? s->addr.v4.s_addr : 0;
	rec->port = htons(s->port);
	rec->backend = s->backend->dp_id;
	rec->pool_lo = 1;
	rec->pool_hi = 0;
	if (source) {
		rec->source = source->v4.s_addr;
		rec->pool_lo = ports.lo;
		rec->pool_hi = ports.hi;
	}
	if (hop) {
		rec->oif = hop->oif;
		memcpy(rec->dmac, hop->dmac, sizeof(rec->dmac));
		memcpy(rec->smac, hop->smac, sizeof(rec->smac));
	}
	return 0;
}

int image_build_servers(struct image_builder *b)
{
	const struct backend *be;
	const struct server *s;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		b->img->backends[be->dp_id].identity = model_identity("backend", be->name, NULL);
		TAILQ_FOREACH(s, &be->servers, next) {
			int e;

			b->img->servers[s->run.dp_id].identity = model_identity("server", be->name, s->name);
			e = build_server(b, s);
			err = err ? err : e; /* go on, to report all of them */
		}
	}
	return err;
}

/* Can packets be sent to it now: next hop known through an attached interface? */
static bool is_reachable(const struct image *img, const struct server *s)
{
	static const unsigned char unknown[6];
	const struct xlb_server *rec = &img->servers[s->run.dp_id];

	return rec->source && rec->oif && memcmp(rec->dmac, unknown, sizeof(unknown));
}

/* Keeps the reachable ones of 'list', in order; all if none is. Servers without an address never stay. */
static size_t keep_reachable(const struct image *img, struct server **list, size_t nr)
{
	size_t kept = 0, nr_addressed = 0;

	for (size_t i = 0; i < nr; i++)
		if (list[i]->addr.family == AF_INET)
			list[nr_addressed++] = list[i];
	for (size_t i = 0; i < nr_addressed; i++)
		kept += is_reachable(img, list[i]);
	if (!kept)
		return nr_addressed;
	kept = 0;
	for (size_t i = 0; i < nr_addressed; i++)
		if (is_reachable(img, list[i]))
			list[kept++] = list[i];
	return kept;
}

/* Divides weights by the smallest number that makes the ring fit. */
static size_t fit_weights(unsigned int *weights, size_t nr)
{
	size_t len = schedule_length(weights, nr);
	unsigned int divided[MODEL_WEIGHT_MAX + 1];

	for (unsigned int by = 2; len > IMAGE_RING_MAX && by <= MODEL_WEIGHT_MAX; by++) {
		unsigned int total = 0;

		for (unsigned int w = 0; w <= MODEL_WEIGHT_MAX; w++)
			divided[w] = w ? (w + by / 2) / by + (w < (by + 1) / 2) : 0;
		for (size_t i = 0; i < nr; i++)
			total += divided[weights[i]];
		if (total > IMAGE_RING_MAX)
			continue;
		for (size_t i = 0; i < nr; i++)
			weights[i] = divided[weights[i]];
		len = schedule_length(weights, nr);
	}
	return len;
}

static int build_ring(const struct image *img, struct server **list, size_t nr, struct image_ring *ret)
{
	unsigned int *weights = calloc(nr, sizeof(*weights));
	uint16_t *ids = calloc(nr, sizeof(*ids));
	uint16_t *ring = NULL;
	int err = -ENOMEM;
	size_t len;

	if (!weights || !ids)
		goto out;
	nr = keep_reachable(img, list, nr);
	for (size_t i = 0; i < nr; i++) {
		weights[i] = list[i]->run.weight < MODEL_WEIGHT_MAX ? list[i]->run.weight : MODEL_WEIGHT_MAX;
		ids[i] = list[i]->run.dp_id;
	}
	len = fit_weights(weights, nr);
	err = 0;
	if (!len)
		goto out;
	ring = calloc(len, sizeof(*ring));
	err = ring ? schedule_build(weights, ids, nr, ring, len) : -ENOMEM;
	if (err < 0)
		goto out;
	ret->ids = ring;
	ret->len = (size_t)err;
	ring = NULL;
	err = 0;
out:
	free(ring);
	free(ids);
	free(weights);
	return err;
}

int image_build_rings(struct image_builder *b)
{
	struct backend *be;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		struct server **list;
		unsigned int nr;

		if (!be->nr_servers)
			continue;
		list = calloc(be->nr_servers, sizeof(struct server *));
		if (!list)
			return -ENOMEM;
		nr = backend_eligible(be, list, be->nr_servers);
		if (nr)
			err = build_ring(b->img, list, nr < be->nr_servers ? nr : be->nr_servers,
					 &b->img->rings[be->dp_id]);
		free(list);
		if (err)
			return err;
	}
	return 0;
}
