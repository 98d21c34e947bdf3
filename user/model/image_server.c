/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): records of servers.
 *
 * Each says how to reach the server (next hop, way of forwarding), which of our addresses and ports it sees, and what
 * is known of its state.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

static const enum xlb_mode modes[NR_FORWARDS] = {
	[FORWARD_FULLNAT] = XLB_MODE_FULLNAT,
	[FORWARD_DNAT] = XLB_MODE_DNAT,
	[FORWARD_L2DSR] = XLB_MODE_L2DSR,
	[FORWARD_IPIP] = XLB_MODE_IPIP,
};

bool image_server_takes(const struct server *s, uint8_t family)
{
	uint8_t own = words_family(&s->addr);

	return own == family || (s->forward == FORWARD_IPIP && own == 6 && family == 4);
}

/* Does the server see an address of ours? */
static bool needs_source(enum forward f)
{
	return f == FORWARD_FULLNAT || f == FORWARD_IPIP;
}

static const struct next_hop *find_hop(const struct image_builder *b, const struct addr *server)
{
	size_t lo = 0, hi = b->nr_hops;
	__be32 wanted[4], words[4];

	words_put(wanted, server);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct addr *at = &b->hops[mid]->server;
		int cmp = at->family - server->family;

		if (!cmp) {
			words_put(words, at);
			cmp = words_cmp(words, wanted);
		}
		if (!cmp)
			return b->hops[mid];
		if (cmp < 0)
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

/* Of the server's family; NULL: none. A source of the other family that the file names is reported. */
static const struct addr *choose_source(struct image_builder *b, const struct server *s, const struct next_hop *hop)
{
	const struct addr *given = is_given(&s->source) ? &s->source : &s->backend->source;
	char source[ADDR_TEXT_MAX], addr[ADDR_TEXT_MAX];

	if (!is_given(given) && hop && is_given(&hop->source))
		return &hop->source;
	if (!is_given(given)) /* no route now: what its flows have, so that they find it again with the route */
		return s->run.source.family == s->addr.family && s->addr.family ? &s->run.source : NULL;
	if (!s->addr.family || given->family == s->addr.family)
		return given;
	diag_add(b->diags, DIAG_ERROR, NULL, "M0210", "give 'source' an address of the server's family",
		 "server %s/%s: its address %s and the source %s are of different families", s->backend->name, s->name,
		 addr_format(&s->addr, addr), addr_format(given, source));
	return NULL;
}

static int put_source(struct image_builder *b, const struct server *s, const struct next_hop *hop,
		      struct xlb_server *rec)
{
	size_t nr_errors = b->diags->nr[DIAG_ERROR];
	const struct addr *source = choose_source(b, s, hop);
	struct port_range ports = { 1, 0 };
	int err = 0;

	if (b->diags->nr[DIAG_ERROR] != nr_errors)
		return -EINVAL;
	if (s->forward == FORWARD_FULLNAT)
		err = choose_ports(b, s, &ports);
	if (err || !source)
		return err;
	words_put(rec->source, source);
	if (s->forward == FORWARD_FULLNAT) {
		rec->pool_lo = ports.lo;
		rec->pool_hi = ports.hi;
	}
	return 0;
}

/* A frame goes to the server's own MAC address with the service's IP address in it: no router takes that. */
static int check_on_link(struct image_builder *b, const struct server *s, const struct next_hop *hop)
{
	char text[ADDR_TEXT_MAX];

	if (s->forward != FORWARD_L2DSR || !hop || !hop->mtu || hop->on_link)
		return 0;
	diag_add(b->diags, b->host->new_config ? DIAG_ERROR : DIAG_WARNING, NULL, "M0209",
		 "use 'forward ipip', which crosses routers, or put the server on a network of an attached interface",
		 "server %s/%s: %s is reached through a router, and 'forward l2dsr' only reaches its own network",
		 s->backend->name, s->name, addr_format(&s->addr, text));
	return -EINVAL;
}

static void put_hop(const struct server *s, const struct next_hop *hop, struct xlb_server *rec)
{
	rec->oif = hop->oif;
	rec->mtu = hop->mtu;
	memcpy(rec->dmac, s->has_mac ? s->mac : hop->dmac, sizeof(rec->dmac));
	memcpy(rec->smac, hop->smac, sizeof(rec->smac));
}

/* Has another server of the backend come up whose line says that the flows of the backup servers shall end then? */
static bool backup_must_end(const struct server *s)
{
	const struct server *other;

	if (!s->backup)
		return false;
	TAILQ_FOREACH(other, &s->backend->servers, next)
		if (other->up_ends_backup_flows && !other->backup && server_is_usable(other))
			return true;
	return false;
}

static uint16_t flags_of(const struct server *s)
{
	bool up = server_is_up(s);

	return (up ? XLB_SRV_UP : 0) | ((!up && s->down_ends_flows) || backup_must_end(s) ? XLB_SRV_SHUT : 0) |
	       (s->run.admin & (SERVER_MAINT | SERVER_DRAIN) || !s->run.weight ? XLB_SRV_DRAIN : 0) |
	       (s->maxconn ? XLB_SRV_FULL : 0);
}

static int build_server(struct image_builder *b, const struct server *s, struct xlb_server *rec)
{
	const struct next_hop *hop = find_hop(b, &s->addr);
	int err = check_on_link(b, s, hop), source_err = 0;

	rec->identity = model_identity("server", s->backend->name, s->name);
	rec->flags = flags_of(s);
	rec->mode = modes[s->forward];
	rec->family = words_family(&s->addr);
	rec->backend = s->backend->dp_id;
	rec->limit = s->maxconn;
	rec->pool_lo = 1;
	words_put(rec->addr, &s->addr);
	if (!forward_keeps_port(s->forward)) {
		rec->port = htons(s->port);
		rec->port_add = s->port ? 0 : (uint16_t)s->port_offset;
	}
	if (needs_source(s->forward))
		source_err = put_source(b, s, hop, rec);
	if (hop && !err)
		put_hop(s, hop, rec);
	return source_err ? source_err : b->host->new_config ? err : 0;
}

/* Effective weights, for the algorithms that compare loads: as fine as the record allows while one grows slowly. */
static void put_weights(const struct image_builder *b, const struct backend *be, struct xlb_server *recs)
{
	bool ramps = backend_ramps(be, b->host->now_ms);
	unsigned int most = 1, scale = 1;
	const struct server *s;

	TAILQ_FOREACH(s, &be->servers, next)
		most = s->run.weight > most ? s->run.weight : most;
	if (ramps && most < MODEL_WEIGHT_MAX)
		scale = MODEL_WEIGHT_MAX / most;
	TAILQ_FOREACH(s, &be->servers, next) {
		unsigned int weight = s->run.weight * scale;

		if (ramps && weight) {
			weight = weight * server_ramp(s, b->host->now_ms) / SERVER_RAMP_FULL;
			weight = weight ? weight : 1;
		}
		recs++->weight = (uint16_t)(weight < MODEL_WEIGHT_MAX ? weight : MODEL_WEIGHT_MAX);
	}
}

int image_build_servers(struct image_builder *b)
{
	struct xlb_server *rec;
	const struct backend *be;
	const struct server *s;
	size_t nr = 0;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next)
		nr += be->nr_servers;
	b->servers = calloc(nr + 1, sizeof(*b->servers));
	if (!b->servers)
		return -ENOMEM;
	rec = b->servers;
	TAILQ_FOREACH(be, &b->m->backends, next) {
		struct xlb_server *first = rec;

		TAILQ_FOREACH(s, &be->servers, next) {
			int e = build_server(b, s, rec++);

			err = err ? err : e; /* go on, to report all of them */
		}
		put_weights(b, be, first);
	}
	return err;
}

bool image_server_is_reachable(const struct image *img, const struct server *s)
{
	static const unsigned char unknown[6];
	static const __be32 none[4];
	const struct xlb_server *rec = &img->servers[s->run.dp_id];

	return rec->oif && memcmp(rec->dmac, unknown, sizeof(unknown)) != 0 &&
	       (!needs_source(s->forward) || words_cmp(rec->source, none) != 0);
}

/* FNV-1a over the bytes of a value. */
static uint64_t mix(uint64_t hash, const void *value, size_t size)
{
	const unsigned char *byte = value;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3u;
	return hash;
}

uint64_t image_server_key(const struct xlb_server *rec)
{
	uint64_t key = 0xcbf29ce484222325u;

	if (!rec->identity)
		return 0;
	key = mix(key, &rec->identity, sizeof(rec->identity));
	key = mix(key, rec->addr, sizeof(rec->addr));
	key = mix(key, rec->source, sizeof(rec->source));
	key = mix(key, &rec->port, sizeof(rec->port));
	key = mix(key, &rec->port_add, sizeof(rec->port_add));
	key = mix(key, &rec->family, sizeof(rec->family));
	key = mix(key, &rec->mode, sizeof(rec->mode));
	return key ? key : 1;
}
