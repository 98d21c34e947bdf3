/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow tables: find, age, end. xlb/flow.h describes the layout and the rules of concurrency; insert.bpf.h puts
 * entries in.
 *
 * Both families go through the same inline code, with a constant 'v6' that the compiler folds; the global functions
 * around it are verified once each.
 */
#ifndef XLB_FLOWTAB_BPF_H
#define XLB_FLOWTAB_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "stick.bpf.h"
#include "packet.bpf.h"

enum {
	TICKS_OF_HOPS = 64, /* next hops are looked up anew this often, whether the daemon noticed a change or not */
	LINE_MASK = XLB_BUCKET_LINES - 1,
};

static __always_inline __u32 now_tick(void)
{
	return bpf_jiffies64() >> xlb_cfg_tick_shift;
}

/* When the entry was made, or last used if that was in a later tick, in eighths of ticks of which 27 bits are kept. */
static __always_inline __u32 entry_eighths(const struct xlb_flow_body *b)
{
	return READ_ONCE(b->seen) >> 8 << 3 | (b->kind >> XLB_KIND_EIGHTH_SHIFT & 7);
}

static __always_inline __u8 epoch_now(void)
{
	return READ_ONCE(xlb_tables.control.epoch);
}

/* The entry is made now; its next hop is of the present epoch. */
static __always_inline void entry_born(struct xlb_flow_body *b)
{
	__u32 eighths = bpf_jiffies64() >> (xlb_cfg_tick_shift - 3);

	b->seen = XLB_SEEN(eighths >> 3, epoch_now());
	b->kind = (b->kind & XLB_KIND_MASK) | (eighths & 7) << XLB_KIND_EIGHTH_SHIFT;
}

/* Stores a word so that whoever sees it sees all stores before it. */
static __always_inline void publish(__u32 *word, __u32 value)
{
	barrier();
	if (xlb_cfg_stores_in_order)
		WRITE_ONCE(*word, value);
	else
		__sync_lock_test_and_set(word, value);
	barrier();
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

static __always_inline struct xlb_flow_body *flow_body(void *f, bool v6)
{
	return v6 ? &((struct xlb_flow6 *)f)->b : &((struct xlb_flow4 *)f)->b;
}

static __always_inline __be32 *flow_client(void *f)
{
	return f;
}

static __always_inline __be32 *flow_vip(void *f, bool v6)
{
	return v6 ? ((struct xlb_flow6 *)f)->vip : &((struct xlb_flow4 *)f)->vip;
}

/* cport and vport, as they lie in memory. */
static __always_inline __u32 flow_ports(void *f, bool v6)
{
	return v6 ? *(__u32 *)&((struct xlb_flow6 *)f)->cport : *(__u32 *)&((struct xlb_flow4 *)f)->cport;
}

static __always_inline __u32 flow_kind(const struct xlb_flow_body *b)
{
	return b->kind & XLB_KIND_MASK;
}

static __always_inline void *bucket_at(__u32 bucket, bool v6)
{
	if (v6)
		return bpf_map_lookup_elem(&xlb_flows6, &bucket);
	return bpf_map_lookup_elem(&xlb_flows, &bucket);
}

static __always_inline __u32 bucket_of(__u64 hash, bool v6)
{
	return xlb_flow_bucket(hash, v6 ? xlb_cfg_nr_buckets6 : xlb_cfg_nr_buckets);
}

static __always_inline void *slot_in(void *bucket, __u32 line, __u32 way, bool v6)
{
	return bucket + (line & LINE_MASK) * XLB_LINE + (v6 ? 0 : (way & 1) * (XLB_LINE / XLB_FLOW4_WAYS));
}

static __always_inline __u32 slot_number(__u32 bucket, __u32 line, __u32 way, bool v6)
{
	__u32 at = bucket * XLB_BUCKET_LINES + (line & LINE_MASK);

	return v6 ? at : at * XLB_FLOW4_WAYS + (way & 1);
}

static __always_inline __u32 nr_ways(bool v6)
{
	return v6 ? XLB_FLOW6_WAYS : XLB_FLOW4_WAYS;
}

/* Entry by number. */
static __always_inline void *flow_at(__u32 slot, bool v6)
{
	__u32 line = v6 ? slot : slot / XLB_FLOW4_WAYS;
	void *b;

	if (slot == XLB_NO_SLOT)
		return NULL;
	b = bucket_at(line / XLB_BUCKET_LINES, v6);
	return b ? slot_in(b, line, v6 ? 0 : slot % XLB_FLOW4_WAYS, v6) : NULL;
}

/* An entry as flow_is() found it. */
struct flow_found {
	__u32 word; /* to be compared with later */
	__u32 kind; /* enum xlb_flow_kind */
	struct xlb_server *srv;
};

/* Is the packet the answer of server 'srv' to the client of reply entry 'f'? */
static __always_inline bool reply_is(void *f, const struct xlb_server *srv, const __be32 *saddr, const __be32 *daddr,
				     __u32 ports, bool v6)
{
	__be16 vport = flow_ports(f, v6) >> 16;

	return addr_same(srv->addr, saddr, v6) && xlb_server_port(srv, vport) == (__be16)ports &&
	       addr_same(srv->mode == XLB_MODE_FULLNAT ? srv->source : flow_client(f), daddr, v6);
}

/* Is 'f' the live entry of the packet? Then *ret says more of it. */
static __always_inline bool flow_is(void *f, const __be32 *saddr, const __be32 *daddr, __u32 ports, __u8 proto, bool v6,
				    struct flow_found *ret)
{
	struct xlb_flow_body *b = flow_body(f, v6);

	ret->word = READ_ONCE(b->word);
	if (b->proto != proto || !(ret->word & XLB_F_LIVE))
		return false;
	if (flow_kind(b) == XLB_FLOW_REPLY) {
		if (b->sport != (__be16)(ports >> 16))
			return false;
		ret->kind = XLB_FLOW_REPLY;
		ret->srv = server_at(b->server);
		return reply_is(f, ret->srv, saddr, daddr, ports, v6);
	}
	ret->kind = XLB_FLOW_REQUEST;
	ret->srv = server_at(b->server);
	return flow_ports(f, v6) == ports && addr_same(flow_client(f), saddr, v6) &&
	       addr_same(flow_vip(f, v6), daddr, v6);
}

/*
 * Is 'f' the live entry of the identity that peer_key() put into 'key'? Under the key itself another flow may lie by
 * now: one entry of a flow can outlive the other, and the client come back to another server.
 */
static __always_inline bool is_peer(void *f, const struct xlb_entry *key, bool v6)
{
	struct xlb_flow_body *b = flow_body(f, v6);

	if (b->server != key->b.server || b->sport != key->b.sport || b->proto != key->b.proto)
		return false;
	return READ_ONCE(b->word) & XLB_F_LIVE && flow_kind(b) == key->b.kind &&
	       flow_ports(f, v6) == *(const __u32 *)&key->cport && addr_same(flow_client(f), key->client, v6) &&
	       addr_same(flow_vip(f, v6), key->vip, v6);
}

/* --- find --------------------------------------------------------------------------------------------------------- */

/* Is 'f' the live entry of the key; with 'peer', the one that peer_key() described? */
static __always_inline bool entry_is(void *f, const struct xlb_entry *key, bool peer, bool v6)
{
	struct flow_found found;

	if (peer)
		return is_peer(f, key, v6);
	return flow_is(f, key->saddr, key->daddr, key->ports, key->b.proto, v6, &found);
}

/* Number of the live entry of a key, or XLB_NO_SLOT; looks at all slots that hold entries of the key's home. */
static __always_inline __u32 find_all(const struct xlb_entry *key, __u64 hash, bool peer, bool v6)
{
	__u32 bucket = bucket_of(hash, v6), home = xlb_flow_home(hash), homes0, homes1 = 0, i;
	void *b = bucket_at(bucket, v6);

	if (!b)
		return XLB_NO_SLOT;
	homes0 = READ_ONCE(flow_body(slot_in(b, home, 0, v6), v6)->homes);
	if (!v6)
		homes1 = READ_ONCE(flow_body(slot_in(b, home, 1, v6), v6)->homes);
#pragma clang loop unroll(disable)
	for (i = 0; i < XLB_BUCKET_LINES * XLB_FLOW4_WAYS; i++) {
		if (!((homes0 | homes1) >> i / 2))
			break;
		if ((i & 1 ? homes1 : homes0) >> i / 2 & 1 && entry_is(slot_in(b, home + i / 2, i, v6), key, peer, v6))
			return slot_number(bucket, home + i / 2, i, v6);
	}
	return XLB_NO_SLOT;
}

__noinline __u32 xlb_find4(struct xlb_entry *key, __u64 hash)
{
	return key ? find_all(key, hash, false, false) : XLB_NO_SLOT;
}

__noinline __u32 xlb_find6(struct xlb_entry *key, __u64 hash)
{
	return key ? find_all(key, hash, false, true) : XLB_NO_SLOT;
}

static __always_inline __u32 flow_find(struct xlb_entry *key, __u64 hash, bool v6)
{
	return v6 ? xlb_find6(key, hash) : xlb_find4(key, hash);
}

static __always_inline __u64 key_hash(const struct xlb_entry *key, bool v6)
{
	if (v6)
		return xlb_flow_hash6(xlb_cfg_secrets, key->saddr, key->daddr, key->ports, key->b.proto);
	return xlb_flow_hash4(xlb_cfg_secrets, key->saddr[0], key->daddr[0], key->ports, key->b.proto);
}

/* Does no entry have its home where 'hash' points? Then a search is spared. */
static __always_inline bool home_is_empty(__u64 hash, bool v6)
{
	void *b = bucket_at(bucket_of(hash, v6), v6);

	if (!b || READ_ONCE(flow_body(slot_in(b, xlb_flow_home(hash), 0, v6), v6)->homes))
		return false;
	return v6 || !READ_ONCE(flow_body(slot_in(b, xlb_flow_home(hash), 1, v6), v6)->homes);
}

/* --- the other entry of a flow --------------------------------------------------------------------------------------
 */

/*
 * The key of the other entry of the flow of 'f': of a request entry that of the server's answers, of a reply entry that
 * of the client's packets. False: there is none, the server answers directly.
 */
static __always_inline bool peer_key(void *f, struct xlb_entry *key, bool v6)
{
	struct xlb_flow_body *b = flow_body(f, v6);
	__u32 ports = flow_ports(f, v6);
	struct xlb_server *srv;

	key->b.proto = b->proto;
	key->b.server = b->server;
	key->b.sport = b->sport;
	*(__u32 *)&key->cport = ports;
	addr_copy(key->client, flow_client(f), v6);
	addr_copy(key->vip, flow_vip(f, v6), v6);
	key->b.kind = flow_kind(b) == XLB_FLOW_REPLY ? XLB_FLOW_REQUEST : XLB_FLOW_REPLY;
	if (flow_kind(b) == XLB_FLOW_REPLY) {
		addr_copy(key->saddr, flow_client(f), v6);
		addr_copy(key->daddr, flow_vip(f, v6), v6);
		key->ports = ports;
		return true;
	}
	srv = server_at(b->server);
	if (b->word & XLB_F_ONE_WAY)
		return false;
	addr_copy(key->saddr, srv->addr, v6);
	addr_copy(key->daddr, srv->mode == XLB_MODE_FULLNAT ? srv->source : flow_client(f), v6);
	key->ports = xlb_server_port(srv, ports >> 16) | (__u32)b->sport << 16;
	return true;
}

static __always_inline __u32 peer_find(__u32 slot, bool v6)
{
	struct xlb_scratch *s = scratch();
	void *f = flow_at(slot, v6);

	if (!s || !f || !peer_key(f, &s->peer, v6))
		return XLB_NO_SLOT;
	return find_all(&s->peer, key_hash(&s->peer, v6), true, v6);
}

/* Number of the other entry of the flow that entry 'slot' belongs to, or XLB_NO_SLOT. */
__noinline __u32 xlb_peer4(__u32 slot)
{
	return peer_find(slot, false);
}

__noinline __u32 xlb_peer6(__u32 slot)
{
	return peer_find(slot, true);
}

static __always_inline __u32 flow_peer(__u32 slot, bool v6)
{
	return v6 ? xlb_peer6(slot) : xlb_peer4(slot);
}

/* --- word --------------------------------------------------------------------------------------------------------- */

static __always_inline void load_add(__u32 server, __u32 service, __s32 step)
{
	__sync_fetch_and_add(&XLB_IN(load, server)->active, step);
	__sync_fetch_and_add(&XLB_IN(svc_load, service)->active, step);
}

/* A flow begins or ends to be live: 'step' is 1 or -1. */
static __always_inline void flow_live(struct xlb_flow_body *b, __u32 server, __u32 service, __u32 word, __s32 step,
				      bool v6)
{
	load_add(server, service, step);
	if (!(word & XLB_F_TRACKED_ALL))
		return;
	if (v6)
		xlb_tracked6((void *)b - offsetof(struct xlb_flow6, b), word, step);
	else
		xlb_tracked4((void *)b - offsetof(struct xlb_flow4, b), word, step);
}

/*
 * Sets and clears flags of the use of the slot that 'word' was read from, and counts what XLB_F_COUNTED says. Does
 * nothing when the slot was reused.
 */
static __always_inline void flow_mark(struct xlb_flow_body *b, __u32 word, __u32 set, __u32 clear, bool v6)
{
	__u32 found, server = b->server, service = b->service;
	int i;

	for (i = 0; i < 4; i++) {
		found = __sync_val_compare_and_swap(&b->word, word, (word & ~clear) | set);
		if (found == word)
			break;
		if ((found ^ word) & ~XLB_F_FLAGS)
			return;
		word = found;
	}
	if (i == 4)
		return;
	if (clear & word & XLB_F_COUNTED)
		flow_live(b, server, service, word, -1, v6);
	if (set & ~word & XLB_F_COUNTED)
		flow_live(b, server, service, word, 1, v6);
}

/* Ends one entry. */
static __always_inline void entry_end(struct xlb_flow_body *b, bool v6)
{
	flow_mark(b, READ_ONCE(b->word), 0, XLB_F_LIVE | XLB_F_COUNTED, v6);
}

/* Ends an entry and its peer. */
static __always_inline void flow_end(__u32 slot, bool v6)
{
	__u32 peer = flow_peer(slot, v6);
	void *f = flow_at(slot, v6), *p = flow_at(peer, v6);

	if (p)
		entry_end(flow_body(p, v6), v6);
	if (f)
		entry_end(flow_body(f, v6), v6);
}

/* --- age ---------------------------------------------------------------------------------------------------------- */

/* Has the entry itself been idle for longer than its state allows? */
static __always_inline bool entry_expired(const struct xlb_flow_body *b, __u32 word, __u32 now)
{
	struct xlb_service *svc = service_at(b->service);
	__u32 state = xlb_flow_state(word, b->proto);

	if (state >= XLB_NR_STATES)
		return true;
	return xlb_flow_idle(READ_ONCE(b->seen), now) > svc->timeout[state];
}

/* Has the flow been idle for too long? Packets of one direction keep both entries: asked only when one is overdue. */
static __always_inline bool flow_expired(__u32 slot, const struct xlb_flow_body *b, __u32 word, __u32 now, bool v6)
{
	void *p;

	if (!entry_expired(b, word, now))
		return false;
	p = flow_at(flow_peer(slot, v6), v6);
	return !p || entry_expired(flow_body(p, v6), word, now);
}

/*
 * The same without a look at the other entry, for the table itself: xlb_track() brings the times of both together every
 * TICKS_OF_HOPS, so an entry that is overdue by more than that has ended.
 */
static __always_inline bool entry_overdue(const struct xlb_flow_body *b, __u32 word, __u32 now)
{
	struct xlb_service *svc = service_at(b->service);
	__u32 state = xlb_flow_state(word, b->proto);

	if (state >= XLB_NR_STATES)
		return true;
	return xlb_flow_idle(READ_ONCE(b->seen), now) > svc->timeout[state] + TICKS_OF_HOPS;
}

#endif
