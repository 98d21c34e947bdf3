/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which server a new flow goes to: persistence first, then the backend's table by the index of its algorithm
 * (xlb/backend.h).
 */
#ifndef XLB_SELECT_BPF_H
#define XLB_SELECT_BPF_H

#include "flowtab.bpf.h"
#include "maps.bpf.h"
#include "stick.bpf.h"

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
	load = XLB_IN(load, id);
	return READ_ONCE(load->active) < srv->limit ? FIT_GOOD : FIT_FULL;
}

/* Ring entry, mark included, at position 'pos' below the ring's length; 0 if there is no such ring. */
static __always_inline __u32 ring_entry(__u64 ring, __u32 pos)
{
	struct xlb_ring *r = XLB_IN(ring, XLB_RING_FIRST(ring) + pos / XLB_RING_WAYS);

	return READ_ONCE(r->server[pos % XLB_RING_WAYS]);
}

/* The server that a marked slot had before its change, if packets can go there; 0 otherwise. */
static __always_inline __u32 ring_previous(__u64 ring, __u32 pos)
{
	struct xlb_ring *m = XLB_IN(marks, XLB_RING_FIRST(ring) + pos / XLB_RING_WAYS);
	__u32 id = READ_ONCE(m->server[pos % XLB_RING_WAYS]) & XLB_SLOT_SERVER;
	struct xlb_server *srv = server_at(id);

	return id && srv->flags & XLB_SRV_UP && server_fit(id, srv) != FIT_UNREACHABLE ? id : 0;
}

static __always_inline __u32 select_hash(const struct xlb_backend *be, const struct xlb_pkt *pkt)
{
	if (pkt->family == 6)
		return xlb_select_hash6(be, pkt->saddr, pkt->daddr, pkt->ports);
	return xlb_select_hash4(be, pkt->saddr[0], pkt->daddr[0], pkt->ports);
}

/*
 * Number of the first server that fits among the SERVER_TRIES entries from 'pos' on, 'avoid' only if no other does; if
 * none does, why not: an enum server_fit in the upper half.
 */
__noinline __u32 xlb_ring_from(__u64 ring, __u32 pos, __u32 avoid)
{
	__u32 len = XLB_RING_LEN(ring), worst = FIT_UNREACHABLE, spare = 0, i, id;
	struct xlb_server *srv;
	enum server_fit fit;

	for (i = 0; i < SERVER_TRIES && i < len; i++, pos++) {
		if (pos >= len)
			pos = 0;
		id = ring_entry(ring, pos) & XLB_SLOT_SERVER;
		srv = server_at(id);
		if (!id)
			continue;
		fit = server_fit(id, srv);
		if (fit == FIT_GOOD && id != avoid)
			return id;
		if (fit == FIT_GOOD)
			spare = id;
		if (fit == FIT_FULL)
			worst = FIT_FULL;
	}
	return spare ? spare : worst << 16;
}

enum { LOAD_NEVER = 0xffffffffu, LOAD_FULL = 0xfffffffeu };

/* Live flows per weight, scaled; LOAD_FULL and LOAD_NEVER for servers that do not fit. */
__noinline __u32 xlb_server_load(__u32 id)
{
	struct xlb_load *load = XLB_IN(load, id);
	struct xlb_server *srv = server_at(id);
	enum server_fit fit;
	__u64 scaled;

	if (!id)
		return LOAD_NEVER;
	fit = server_fit(id, srv);
	if (fit != FIT_GOOD)
		return fit == FIT_FULL ? LOAD_FULL : LOAD_NEVER;
	scaled = ((__u64)READ_ONCE(load->active) + 1) * 256 / (srv->weight ? srv->weight : 1);
	return scaled < LOAD_FULL ? scaled : LOAD_FULL - 1;
}

/* How xlb_least() goes through a ring. */
enum { LEAST_DRAW, LEAST_SCAN, LEAST_FIRST };

/*
 * The least loaded of 'nr' entries of the ring, drawn at random or from 'pos' on one after the other; with LEAST_FIRST
 * the first that fits; 'avoid' only if no other does. The first of equals wins, and where to begin is the caller's, so
 * that equals take turns. The best so far is kept in memory, where the verifier does not tell one from another.
 */
__noinline __u32 xlb_least(__u64 ring, __u32 nr, __u32 pos, __u32 how, __u32 avoid)
{
	__u32 len = XLB_RING_LEN(ring), load, i, id;
	struct xlb_scratch *s = scratch();
	struct xlb_best *best;

	if (!s || !len)
		return FIT_UNREACHABLE << 16;
	best = &s->best;
	*best = (struct xlb_best){ .load = LOAD_FULL, .worst = FIT_UNREACHABLE };
#pragma clang loop unroll(disable)
	for (i = 0; i < XLB_LEAST_MAX && i < nr; i++) {
		if (how == LEAST_DRAW)
			pos = xlb_select_pos(bpf_get_prandom_u32(), len);
		id = ring_entry(ring, (pos + i) % len) & XLB_SLOT_SERVER;
		load = xlb_server_load(id);
		if (load == LOAD_FULL)
			best->worst = FIT_FULL;
		if (id == avoid && load < LOAD_FULL)
			load = LOAD_FULL - 1;
		if (load >= READ_ONCE(best->load))
			continue;
		best->load = load;
		best->id = id;
		if (how == LEAST_FIRST && id != avoid)
			break;
	}
	id = READ_ONCE(best->id);
	return id ? id : READ_ONCE(best->worst) << 16;
}

/* By the algorithm of the ring: a server's number, or a server_fit in the upper half. */
static __always_inline __u32 select_by_alg(const struct xlb_backend *be, __u64 ring, struct xlb_pkt *pkt,
					   struct xlb_cursor *cursor)
{
	__u32 len = XLB_RING_LEN(ring), pos = 0, found = 0;

	switch ((enum xlb_alg)XLB_RING_ALG(ring)) {
	case XLB_ALG_RANDOM:
		if (be->draws > 1)
			found = xlb_least(ring, be->draws, 0, LEAST_DRAW, pkt->avoid);
		/* Draws that meet only full or unreachable servers say nothing of the others. */
		if (found && !(found >> 16) && found != pkt->avoid)
			return found;
		pos = xlb_select_pos(bpf_get_prandom_u32(), len);
		break;
	case XLB_ALG_HASH:
	case XLB_ALG_MAGLEV:
		pos = xlb_select_pos(select_hash(be, pkt), len);
		break;
	case XLB_ALG_LEAST:
		return xlb_least(ring, len, __sync_fetch_and_add(&cursor->next, 1) % len, LEAST_SCAN, pkt->avoid);
	case XLB_ALG_FIRST:
		return xlb_least(ring, len, 0, LEAST_FIRST, pkt->avoid);
	case XLB_ALG_RR:
		pos = __sync_fetch_and_add(&cursor->next, 1) % len;
		break;
	}
	return xlb_ring_from(ring, pos, pkt->avoid);
}

/* --- persistence -------------------------------------------------------------------------------------------------- */

/*
 * The server that the source was sent to before, if it still may be; 0: none. A server of weight 0 keeps its sources.
 * One of another backend is none, since backends may share the table, and so is one whose number was given away anew.
 */
static __always_inline __u32 stick_find(const struct xlb_backend *be, struct xlb_pkt *pkt, __u32 backend, __u32 now)
{
	void *table = XLB_AT(xlb_sticks, be->stick);
	struct xlb_server *srv;
	struct xlb_stick *st;
	STICK_KEY(key);

	if (!be->stick || !table || !stick_key(key, pkt->saddr, be->stick, pkt->family == 6))
		return 0;
	st = bpf_map_lookup_elem(table, key);
	if (!st || !st->server || st->server == pkt->avoid || now - st->tick > be->stick_expire)
		return 0;
	srv = server_at(st->server);
	if (srv->backend != backend || !xlb_stick_is(st, srv) || !(srv->flags & XLB_SRV_UP) ||
	    server_fit(st->server, srv) != FIT_GOOD)
		return 0;
	st->tick = now;
	return st->server;
}

static __always_inline void stick_store(const struct xlb_backend *be, struct xlb_pkt *pkt, __u32 id, __u32 now)
{
	void *table = XLB_AT(xlb_sticks, be->stick);
	struct xlb_stick *st;
	STICK_KEY(key);

	if (!be->stick || !table || !stick_key(key, pkt->saddr, be->stick, pkt->family == 6))
		return;
	st = stick_enter(table, key);
	if (st) {
		st->identity = (__u32)server_at(id)->identity;
		st->server = id;
		st->tick = now;
	}
}

/*
 * Chooses the server of a new flow to pkt->backend, into pkt->server. Returns XLB_R_NONE; NO_SERVER_RST when the
 * backend has no usable server, to be answered as the service wants; SERVERS_FULL or NO_NEIGHBOUR.
 */
__noinline enum xlb_reason xlb_select(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct xlb_cursor *cursor;
	struct xlb_backend *be;
	__u32 now, id = 0;
	__u64 ring;

	if (!pkt || !ctx)
		return XLB_R_BUG;
	be = XLB_IN(backends, pkt->backend);
	cursor = XLB_IN(cursors, pkt->backend);
	now = now_tick();
	id = stick_find(be, pkt, pkt->backend, now);
	if (id) {
		pkt->server = id;
		return XLB_R_NONE;
	}
	ring = READ_ONCE(be->ring);
	if (!XLB_RING_LEN(ring))
		return XLB_R_NO_SERVER_RST;
	id = select_by_alg(be, ring, pkt, cursor);
	if (id >> 16)
		return id >> 16 == FIT_FULL ? XLB_R_SERVERS_FULL : XLB_R_NO_NEIGHBOUR;
	pkt->server = id;
	stick_store(be, pkt, id, now);
	return XLB_R_NONE;
}

#endif
