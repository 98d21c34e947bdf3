/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow tables: find, insert, end. xlb/flow.h describes the layout and the rules of concurrency.
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
	LOCK_TRIES = 64,
	KIND_MASK = (1 << XLB_KIND_HOME_SHIFT) - 1,
};

/* Results of xlb_insert4() and xlb_insert6() below 0. */
enum {
	INSERT_EXISTS = -1,  /* a live entry of this key is there and stays */
	INSERT_FULL = -2,    /* the bucket holds nothing that may be pushed out */
	INSERT_BUSY = -3,    /* the lock was not to be had */
	INSERT_ENDING = -16, /* this and below: as EXISTS, but it is ending or half open, idle for -16 - value ticks */
};

static __always_inline __u32 now_tick(void)
{
	return bpf_jiffies64() >> xlb_cfg_tick_shift;
}

static __always_inline __u8 epoch_now(void)
{
	return READ_ONCE(xlb_tables.control.epoch);
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
	return b->kind & KIND_MASK;
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

/* Is the packet the server's answer to the client of reply entry 'f'? */
static __always_inline bool reply_is(void *f, const __be32 *saddr, const __be32 *daddr, __u32 ports, bool v6)
{
	struct xlb_flow_body *b = flow_body(f, v6);
	__be16 vport = flow_ports(f, v6) >> 16;
	struct xlb_server *srv;

	if (b->sport != (__be16)(ports >> 16))
		return false;
	srv = server_at(b->server);
	return addr_same(srv->addr, saddr, v6) && xlb_server_port(srv, vport) == (__be16)ports &&
	       addr_same(srv->mode == XLB_MODE_FULLNAT ? srv->source : flow_client(f), daddr, v6);
}

/* Is 'f' the live entry of the packet? *ret_word is its word, to be compared with later. */
static __always_inline bool flow_is(void *f, const __be32 *saddr, const __be32 *daddr, __u32 ports, __u8 proto, bool v6,
				    __u32 *ret_word)
{
	struct xlb_flow_body *b = flow_body(f, v6);

	*ret_word = READ_ONCE(b->word);
	if (b->proto != proto || !(*ret_word & XLB_F_LIVE))
		return false;
	if (flow_kind(b) == XLB_FLOW_REPLY)
		return reply_is(f, saddr, daddr, ports, v6);
	return flow_ports(f, v6) == ports && addr_same(flow_client(f), saddr, v6) &&
	       addr_same(flow_vip(f, v6), daddr, v6);
}

/* --- find --------------------------------------------------------------------------------------------------------- */

/* Number of the live entry of a key, or XLB_NO_SLOT; looks at all slots that hold entries of the key's home. */
static __always_inline __u32 find_all(const struct xlb_entry *key, __u64 hash, bool v6)
{
	__u32 bucket = bucket_of(hash, v6), home = xlb_flow_home(hash), homes0, homes1 = 0, word, i;
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
		if ((i & 1 ? homes1 : homes0) >> i / 2 & 1 && flow_is(slot_in(b, home + i / 2, i, v6), key->saddr,
								      key->daddr, key->ports, key->b.proto, v6, &word))
			return slot_number(bucket, home + i / 2, i, v6);
	}
	return XLB_NO_SLOT;
}

__noinline __u32 xlb_find4(struct xlb_entry *key, __u64 hash)
{
	return key ? find_all(key, hash, false) : XLB_NO_SLOT;
}

__noinline __u32 xlb_find6(struct xlb_entry *key, __u64 hash)
{
	return key ? find_all(key, hash, true) : XLB_NO_SLOT;
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

/*
 * Is entry 'f' the one that peer_key() described? Under the same key another flow may lie by now: one entry of a flow
 * can outlive the other, and the client come back to another server.
 */
static __always_inline bool is_peer(void *f, const struct xlb_entry *key, bool v6)
{
	return f && flow_body(f, v6)->server == key->b.server && flow_body(f, v6)->sport == key->b.sport &&
	       flow_ports(f, v6) == *(const __u32 *)&key->cport && addr_same(flow_client(f), key->client, v6) &&
	       addr_same(flow_vip(f, v6), key->vip, v6);
}

static __always_inline __u32 peer_find(__u32 slot, bool v6)
{
	struct xlb_scratch *s = scratch();
	void *f = flow_at(slot, v6);
	__u32 found;

	if (!s || !f || !peer_key(f, &s->peer, v6))
		return XLB_NO_SLOT;
	found = find_all(&s->peer, key_hash(&s->peer, v6), v6);
	return is_peer(flow_at(found, v6), &s->peer, v6) ? found : XLB_NO_SLOT;
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

/*
 * How readily entry 'slot' may be pushed out of a full bucket: 0 never, else the higher the sooner. Ended ones first,
 * then half-open ones, then those idle beyond their time; the longest idle first within a class. A live established
 * flow never makes room. Records of stateless backends count as what their state says.
 */
static __always_inline __u32 dispensable(__u32 slot, __u32 now, bool v6)
{
	void *f = flow_at(slot, v6);
	__u32 class = 0, word;
	struct xlb_flow_body *b;

	if (!f)
		return 0;
	b = flow_body(f, v6);
	word = READ_ONCE(b->word);
	switch (xlb_flow_state(word, b->proto)) {
	case XLB_S_CLOSED:
	case XLB_S_CLOSING:
		class = 3;
		break;
	case XLB_S_HALF_OPEN:
		class = 2;
		break;
	case XLB_S_ESTABLISHED:
	case XLB_S_UDP:
	case XLB_NR_STATES:
		class = entry_overdue(b, word, now);
		break;
	}
	return class ? class << 24 | xlb_flow_idle(READ_ONCE(b->seen), now) : 0;
}

/* Global functions: the verifier would walk every order of so many results otherwise. */
__noinline __u32 xlb_dispensable4(__u32 slot, __u32 now)
{
	return dispensable(slot, now, false);
}

__noinline __u32 xlb_dispensable6(__u32 slot, __u32 now)
{
	return dispensable(slot, now, true);
}

/* --- insert ------------------------------------------------------------------------------------------------------- */

static __always_inline bool lock_take(struct xlb_lock *l)
{
	int i;

	for (i = 0; i < LOCK_TRIES; i++)
		if (!READ_ONCE(l->taken) && !__sync_val_compare_and_swap(&l->taken, 0, 1))
			return true;
	return false;
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

static __always_inline void lock_release(struct xlb_lock *l)
{
	publish(&l->taken, 0);
}

/*
 * May the entry in 'slot', of the same key as a new one, be replaced? Its slot if so, else an INSERT_* result. 'steal':
 * ending and half-open entries may be replaced too.
 */
static __always_inline __s64 insert_over(__u32 slot, const struct xlb_entry *e, __u32 now, bool steal, bool v6)
{
	void *f = flow_at(slot, v6);
	struct xlb_flow_body *b;
	__u32 word, state;

	if (!f)
		return INSERT_FULL;
	b = flow_body(f, v6);
	word = READ_ONCE(b->word);
	if (entry_overdue(b, word, now))
		return slot;
	state = xlb_flow_state(word, b->proto);
	if (state == XLB_S_ESTABLISHED || state == XLB_S_UDP)
		return INSERT_EXISTS;
	return steal ? (__s64)slot : INSERT_ENDING - (__s64)xlb_flow_idle(READ_ONCE(b->seen), now);
}

static __always_inline bool slot_is_free(void *bucket, __u32 line, __u32 way, bool v6)
{
	return !(READ_ONCE(flow_body(slot_in(bucket, line, way, v6), v6)->word) & XLB_F_LIVE);
}

/*
 * The most dispensable slot of a bucket, or INSERT_FULL. The best so far is kept in memory, where the verifier does not
 * tell one from another.
 */
static __always_inline __s64 insert_victim(__u32 bucket, __u32 now, __u32 turn, bool v6)
{
	__u32 first = bucket * XLB_BUCKET_LINES * nr_ways(v6), i, at;
	struct xlb_scratch *s = scratch();
	__u64 value;

	if (!s)
		return INSERT_FULL;
	s->victim = 0;
	for (i = 0; i < XLB_BUCKET_LINES * nr_ways(v6); i++) {
		at = first + (i ^ turn);
		value = v6 ? xlb_dispensable6(at, now) : xlb_dispensable4(at, now);
		value = value << 32 | i;
		if (value >> 32 && value > READ_ONCE(s->victim))
			s->victim = value;
	}
	value = READ_ONCE(s->victim);
	return value ? first + ((__u32)value ^ turn) : (__s64)INSERT_FULL;
}

/* The free slot nearest to home, or else the most dispensable one, or INSERT_FULL. */
static __always_inline __s64 insert_any_slot(void *b, __u32 bucket, __u32 home, __u32 now, __u32 turn, bool v6)
{
	__u32 i;

	for (i = 0; i < XLB_BUCKET_LINES; i++) {
		if (slot_is_free(b, home + i, 0, v6))
			return slot_number(bucket, home + i, 0, v6);
		if (!v6 && slot_is_free(b, home + i, 1, v6))
			return slot_number(bucket, home + i, 1, v6);
	}
	return insert_victim(bucket, now, turn & (XLB_BUCKET_LINES * nr_ways(v6) - 1), v6);
}

/* Writes 'e' into a slot of a locked bucket. What was there ends; its peer is left to flow_settle() of open.bpf.h. */
static __always_inline void insert_write(struct xlb_scratch *s, void *b, __u32 slot, const struct xlb_entry *e,
					 __u32 home, bool v6)
{
	__u32 line = v6 ? slot : slot / XLB_FLOW4_WAYS, way = v6 ? 0 : slot % XLB_FLOW4_WAYS;
	void *f = slot_in(b, line, way, v6);
	struct xlb_flow_body *body = flow_body(f, v6);
	__u32 word = READ_ONCE(body->word), old_home = body->kind >> XLB_KIND_HOME_SHIFT;

	if (word & XLB_F_LIVE) {
		s->orphan = peer_key(f, &s->peer, v6);
		entry_end(body, v6);
		word = READ_ONCE(body->word);
	}
	if (word && old_home != home) /* else it is another cache line for nothing */
		flow_body(slot_in(b, old_home, way, v6), v6)->homes &= ~(1u << ((line - old_home) & LINE_MASK));
	word = (word + XLB_F_VERSION) & ~XLB_F_FLAGS;
	publish(&body->word, word);
	addr_copy(flow_client(f), e->client, v6);
	addr_copy(flow_vip(f, v6), e->vip, v6);
	if (v6)
		*(__u32 *)&((struct xlb_flow6 *)f)->cport = *(const __u32 *)&e->cport;
	else
		*(__u32 *)&((struct xlb_flow4 *)f)->cport = *(const __u32 *)&e->cport;
	body->sport = e->b.sport;
	body->server = e->b.server;
	body->service = e->b.service;
	body->hop = e->b.hop;
	body->seen = e->b.seen;
	body->proto = e->b.proto;
	body->kind = (e->b.kind & KIND_MASK) | home << XLB_KIND_HOME_SHIFT;
	publish(&body->word, word | XLB_F_LIVE | (e->b.word & XLB_F_FLAGS));
	flow_body(slot_in(b, home, way, v6), v6)->homes |= 1u << ((line - home) & LINE_MASK);
}

static __always_inline __s64 insert(struct xlb_entry *e, __u64 hash, bool steal, bool v6)
{
	__u32 bucket = bucket_of(hash, v6), home = xlb_flow_home(hash), now = e->b.seen >> 8, found;
	void *b = bucket_at(bucket, v6);
	struct xlb_lock *lock = XLB_IN(locks, bucket % XLB_NR_LOCKS);
	struct xlb_scratch *s = scratch();
	__s64 slot;

	if (!b || !s)
		return INSERT_FULL;
	if (!lock_take(lock))
		return INSERT_BUSY;
	found = home_is_empty(hash, v6) ? XLB_NO_SLOT : find_all(e, hash, v6);
	if (found == XLB_NO_SLOT)
		slot = insert_any_slot(b, bucket, home, now, hash, v6);
	else
		slot = insert_over(found, e, now, steal, v6);
	if (slot >= 0)
		insert_write(s, b, slot, e, home, v6);
	lock_release(lock);
	return slot;
}

/*
 * Inserts 'e' under its key, whose hash is given (home, homes and version are the table's own; e->b.seen is the
 * present). Returns the entry's number or an INSERT_* result. With 'steal' an entry of the same key that is ending or
 * half open is replaced.
 */
__noinline long xlb_insert4(struct xlb_entry *e, __u64 hash, __u32 steal)
{
	return e ? insert(e, hash, steal, false) : INSERT_FULL;
}

__noinline long xlb_insert6(struct xlb_entry *e, __u64 hash, __u32 steal)
{
	return e ? insert(e, hash, steal, true) : INSERT_FULL;
}

static __always_inline long flow_insert(struct xlb_entry *e, __u64 hash, bool steal, bool v6)
{
	return v6 ? xlb_insert6(e, hash, steal) : xlb_insert4(e, hash, steal);
}

#endif
