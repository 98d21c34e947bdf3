/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which server a new flow goes to: persistence first, then the backend's table by the index of its algorithm
 * (xlb/backend.h).
 */
#ifndef XLB_SELECT_BPF_H
#define XLB_SELECT_BPF_H

#include "flowtab.bpf.h"
#include "maps.bpf.h"

enum {
	SERVER_TRIES = 8, /* ring entries looked at for a server that can be reached and has room */
	DRAWS_MAX = 8,
};

/* Can a flow be sent there now? */
enum server_fit { FIT_GOOD, FIT_UNREACHABLE, FIT_FULL };

static __always_inline enum server_fit server_fit(__u32 id, const struct xlb_server *srv)
{
	struct xlb_load *load;

	if (!srv->oif || !(*(const __u64 *)srv->dmac << 16))
		return FIT_UNREACHABLE;
	if (!(srv->flags & XLB_SRV_FULL))
		return FIT_GOOD;
	load = XLB_AT(xlb_load, id);
	return load && READ_ONCE(load->active) < srv->limit ? FIT_GOOD : FIT_FULL;
}

/* Ring entry, mark included, at position 'pos' below the ring's length; 0 if there is no such ring. */
static __always_inline __u32 ring_entry(__u64 ring, __u32 pos)
{
	struct xlb_ring *r = XLB_AT(xlb_ring, XLB_RING_FIRST(ring) + pos / XLB_RING_WAYS);

	return r ? READ_ONCE(r->server[pos % XLB_RING_WAYS]) : 0;
}

static __always_inline __u32 select_hash(const struct xlb_backend *be, const struct xlb_pkt *pkt)
{
	if (pkt->family == 6)
		return xlb_select_hash6(be, pkt->saddr, pkt->daddr, pkt->sport, pkt->dport);
	return xlb_select_hash4(be, pkt->saddr[0], pkt->daddr[0], pkt->sport, pkt->dport);
}

/* Number of the first server that fits among the SERVER_TRIES entries from 'pos' on, by *ret_id. */
static __always_inline enum server_fit select_from(__u64 ring, __u32 pos, __u32 *ret_id)
{
	enum server_fit fit, worst = FIT_UNREACHABLE;
	__u32 len = XLB_RING_LEN(ring), i, id;
	struct xlb_server *srv;

	for (i = 0; i < SERVER_TRIES && i < len; i++, pos++) {
		if (pos >= len)
			pos = 0;
		id = ring_entry(ring, pos) & XLB_SLOT_SERVER;
		srv = server_at(id);
		if (!srv || !id)
			continue;
		fit = server_fit(id, srv);
		if (fit == FIT_GOOD) {
			*ret_id = id;
			return FIT_GOOD;
		}
		if (fit == FIT_FULL)
			worst = FIT_FULL;
	}
	return worst;
}

/* Live flows per weight, of servers that fit; others come last. */
static __always_inline __u64 server_load(__u32 id, enum server_fit *ret_fit)
{
	struct xlb_load *load = XLB_AT(xlb_load, id);
	struct xlb_server *srv = server_at(id);

	*ret_fit = FIT_UNREACHABLE;
	if (!srv || !load || !id)
		return ~0ull;
	*ret_fit = server_fit(id, srv);
	if (*ret_fit != FIT_GOOD)
		return ~0ull;
	return ((__u64)READ_ONCE(load->active) + 1) * 65536 / (srv->weight ? srv->weight : 1);
}

/* How xlb_least() goes through a ring. */
enum { LEAST_DRAW, LEAST_SCAN, LEAST_FIRST };

/*
 * The least loaded of 'nr' entries of the ring, drawn at random or from 'pos' on one after the other; with LEAST_FIRST
 * the first that fits. The first of equals wins, and where to begin is the caller's, so that equals take turns.
 */
__noinline __u32 xlb_least(__u64 ring, __u32 nr, __u32 pos, __u32 how)
{
	__u32 len = XLB_RING_LEN(ring), best_id = 0, i, id;
	enum server_fit fit, worst = FIT_UNREACHABLE;
	__u64 least = ~0ull, load;

	for (i = 0; i < XLB_LEAST_MAX && i < nr && len; i++) {
		if (how == LEAST_DRAW)
			pos = xlb_select_pos(bpf_get_prandom_u32(), len);
		else if (pos >= len)
			pos = 0;
		id = ring_entry(ring, pos) & XLB_SLOT_SERVER;
		load = server_load(id, &fit);
		pos++;
		if (fit == FIT_FULL)
			worst = FIT_FULL;
		if (how == LEAST_FIRST && fit == FIT_GOOD)
			return id;
		if (load >= least)
			continue;
		least = load;
		best_id = id;
	}
	return best_id ? best_id : worst << 16;
}

/* As select_from(), by xlb_least(). */
static __always_inline enum server_fit select_least(__u64 ring, __u32 nr, __u32 pos, __u32 how, __u32 *ret_id)
{
	__u32 found = xlb_least(ring, nr, pos, how);

	if (found >> 16)
		return found >> 16 == FIT_FULL ? FIT_FULL : FIT_UNREACHABLE;
	*ret_id = found;
	return FIT_GOOD;
}

static __always_inline enum server_fit select_by_alg(const struct xlb_backend *be, __u64 ring, struct xlb_pkt *pkt,
						     struct xlb_cursor *cursor, __u32 *ret_id)
{
	__u32 len = XLB_RING_LEN(ring);

	switch ((enum xlb_alg)XLB_RING_ALG(ring)) {
	case XLB_ALG_RR:
		return select_from(ring, __sync_fetch_and_add(&cursor->next, 1) % len, ret_id);
	case XLB_ALG_RANDOM:
		if (be->draws > 1)
			return select_least(ring, be->draws, 0, LEAST_DRAW, ret_id);
		return select_from(ring, xlb_select_pos(bpf_get_prandom_u32(), len), ret_id);
	case XLB_ALG_HASH:
	case XLB_ALG_MAGLEV:
		return select_from(ring, xlb_select_pos(select_hash(be, pkt), len), ret_id);
	case XLB_ALG_LEAST:
		return select_least(ring, len, __sync_fetch_and_add(&cursor->next, 1) % len, LEAST_SCAN, ret_id);
	case XLB_ALG_FIRST:
		return select_least(ring, len, 0, LEAST_FIRST, ret_id);
	}
	return FIT_UNREACHABLE;
}

/* --- persistence -------------------------------------------------------------------------------------------------- */

/* The server that the source was sent to before, if it still may be; 0: none. A server of weight 0 keeps its sources.
 */
static __always_inline __u32 stick_find(const struct xlb_backend *be, struct xlb_pkt *pkt, __u32 now)
{
	void *table = XLB_AT(xlb_sticks, be->stick);
	struct xlb_server *srv;
	struct xlb_stick *st;

	if (!be->stick || !table)
		return 0;
	st = bpf_map_lookup_elem(table, pkt->saddr);
	if (!st || now - st->tick > be->stick_expire)
		return 0;
	srv = server_at(st->server);
	if (!srv || !srv->backend || !(srv->flags & XLB_SRV_UP) || server_fit(st->server, srv) != FIT_GOOD)
		return 0;
	st->tick = now;
	return st->server;
}

static __always_inline void stick_store(const struct xlb_backend *be, struct xlb_pkt *pkt, __u32 id, __u32 now)
{
	struct xlb_stick st = { .server = id, .tick = now };
	void *table = XLB_AT(xlb_sticks, be->stick);

	if (be->stick && table)
		(void)bpf_map_update_elem(table, pkt->saddr, &st, BPF_ANY);
}

/*
 * Chooses the server of a new flow of pkt->service, into pkt->server. Returns XLB_R_NONE; NO_SERVER_RST when the
 * backend has no usable server, to be answered as the service wants; SERVERS_FULL or NO_NEIGHBOUR.
 */
__noinline enum xlb_reason xlb_select(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct xlb_cursor *cursor;
	struct xlb_backend *be;
	struct xlb_service *svc;
	__u32 now, id = 0;
	__u64 ring;

	if (!pkt || !ctx)
		return XLB_R_BUG;
	svc = service_at(pkt->service);
	if (!svc)
		return XLB_R_BUG;
	be = XLB_AT(xlb_backends, svc->backend);
	cursor = XLB_AT(xlb_cursors, svc->backend);
	if (!be || !cursor)
		return XLB_R_BUG;
	now = now_tick();
	id = stick_find(be, pkt, now);
	if (id) {
		pkt->server = id;
		return XLB_R_NONE;
	}
	ring = READ_ONCE(be->ring);
	if (!XLB_RING_LEN(ring))
		return XLB_R_NO_SERVER_RST;
	switch (select_by_alg(be, ring, pkt, cursor, &id)) {
	case FIT_GOOD:
		pkt->server = id;
		stick_store(be, pkt, id, now);
		return XLB_R_NONE;
	case FIT_FULL:
		return XLB_R_SERVERS_FULL;
	case FIT_UNREACHABLE:
		break;
	}
	return XLB_R_NO_NEIGHBOUR;
}

#endif
