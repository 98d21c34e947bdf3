/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: find, insert, end. xlb/flow.h describes the layout and the rules of concurrency.
 */
#ifndef XLB_FLOWTAB_BPF_H
#define XLB_FLOWTAB_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "packet.bpf.h"

enum {
	SLOT_MASK = XLB_BUCKET_SLOTS - 1,
	SLOT_BITS = 4,
	LOCK_TRIES = 64,
	IDLE_MAX = 0xffffff, /* ticks; longer idle times count as this */
};

/* Results of xlb_insert() below 0. */
enum {
	INSERT_EXISTS = -1, /* a live entry of this key is there and stays */
	INSERT_FULL = -2,   /* the bucket holds nothing that may be pushed out */
	INSERT_BUSY = -3,   /* the lock was not to be had */
	INSERT_ENDING =
		-16, /* this and below: as EXISTS, but the entry is ending or half open, idle for -16 - value ticks */
};

static __always_inline __u32 now_tick(void)
{
	return bpf_jiffies64() >> xlb_cfg_tick_shift;
}

static __always_inline __u32 flow_hash(__be32 saddr, __be32 daddr, __u32 ports, __u8 proto)
{
	return xlb_flow_hash(xlb_cfg_secrets, saddr, daddr, ports, proto);
}

static __always_inline struct xlb_bucket *bucket_of(__u32 hash)
{
	__u32 key = (hash >> SLOT_BITS) & xlb_cfg_bucket_mask;

	return bpf_map_lookup_elem(&xlb_flows, &key);
}

static __always_inline bool key_matches(const struct xlb_flow *f, __be32 saddr, __be32 daddr, __u32 ports, __u8 proto)
{
	return f->saddr == saddr && f->daddr == daddr && *(const __u32 *)&f->sport == ports && f->proto == proto;
}

/* Entry by number. */
static __always_inline struct xlb_flow *flow_at(__u32 slot)
{
	__u32 key = slot >> SLOT_BITS;
	struct xlb_bucket *b;

	if (slot == XLB_NO_PEER)
		return NULL;
	b = bpf_map_lookup_elem(&xlb_flows, &key);
	return b ? &b->slot[slot & SLOT_MASK] : NULL;
}

/*
 * Number of the live entry of a key, or XLB_NO_PEER; looks at all slots that hold entries of the key's home. Global
 * function: keeps the loop out of its callers, which the verifier walks once per state of theirs.
 */
__noinline __u32 xlb_find(__u32 saddr, __u32 daddr, __u32 ports, __u32 proto)
{
	__u32 hash = flow_hash(saddr, daddr, ports, proto), home = hash & SLOT_MASK, homes, slot;
	struct xlb_bucket *b = bucket_of(hash);
	struct xlb_flow *f;
	int i;

	if (!b)
		return XLB_NO_PEER;
	homes = READ_ONCE(b->slot[home].homes);
	for (i = 0; i < XLB_BUCKET_SLOTS && homes; i++, homes >>= 1) {
		slot = (home + i) & SLOT_MASK;
		f = &b->slot[slot];
		if (homes & 1 && key_matches(f, saddr, daddr, ports, proto) && READ_ONCE(f->word) & XLB_F_LIVE)
			return ((hash >> SLOT_BITS) & xlb_cfg_bucket_mask) << SLOT_BITS | slot;
	}
	return XLB_NO_PEER;
}

/* Is 'f' the live entry of the key? *ret_word is its word, to be compared with later. */
static __always_inline bool flow_is(const struct xlb_flow *f, __be32 saddr, __be32 daddr, __u32 ports, __u8 proto,
				    __u32 *ret_word)
{
	*ret_word = READ_ONCE(f->word);
	return key_matches(f, saddr, daddr, ports, proto) && *ret_word & XLB_F_LIVE;
}

/*
 * The live entry of a key, or NULL. *ret_word is its word, *ret_slot its number. Only the home's cache line is read
 * when the entry lies at home, or when no entry of this home lies elsewhere.
 */
static __always_inline struct xlb_flow *flow_find(__be32 saddr, __be32 daddr, __u32 ports, __u8 proto, __u32 *ret_word,
						  __u32 *ret_slot)
{
	__u32 hash = flow_hash(saddr, daddr, ports, proto), home = hash & SLOT_MASK;
	struct xlb_bucket *b = bucket_of(hash);
	struct xlb_flow *f;

	if (!b)
		return NULL;
	f = &b->slot[home];
	if (flow_is(f, saddr, daddr, ports, proto, ret_word)) {
		*ret_slot = ((hash >> SLOT_BITS) & xlb_cfg_bucket_mask) << SLOT_BITS | home;
		return f;
	}
	if (!(READ_ONCE(f->homes) & ~1u))
		return NULL;
	*ret_slot = xlb_find(saddr, daddr, ports, proto);
	f = flow_at(*ret_slot);
	return f && flow_is(f, saddr, daddr, ports, proto, ret_word) ? f : NULL;
}

/* The other entry of the flow, if it still belongs to this one: each is keyed by what the other rewrites to. */
static __always_inline struct xlb_flow *flow_peer(const struct xlb_flow *f)
{
	struct xlb_flow *p = flow_at(READ_ONCE(f->peer));

	if (!p || p->new_saddr != f->daddr || p->new_daddr != f->saddr || p->new_sport != f->dport ||
	    p->new_dport != f->sport || p->proto != f->proto || !(READ_ONCE(p->word) & XLB_F_LIVE))
		return NULL;
	return p;
}

/* Sets and clears flags of the use of the slot that 'word' was read from. Does nothing when the slot was reused. */
static __always_inline void flow_mark(struct xlb_flow *f, __u32 word, __u32 set, __u32 clear)
{
	__u32 found;
	int i;

	for (i = 0; i < 4; i++) {
		found = __sync_val_compare_and_swap(&f->word, word, (word & ~clear) | set);
		if (found == word || (found ^ word) & ~XLB_F_FLAGS)
			return;
		word = found;
	}
}

/* Ends an entry and its peer. */
static __always_inline void flow_end(struct xlb_flow *f)
{
	struct xlb_flow *p = flow_peer(f);

	if (p)
		flow_mark(p, READ_ONCE(p->word), 0, XLB_F_LIVE);
	flow_mark(f, READ_ONCE(f->word), 0, XLB_F_LIVE);
}

/* Has the entry itself been idle for longer than its state allows? */
static __always_inline bool entry_expired(const struct xlb_flow *f, __u32 word, __u32 now)
{
	__u32 key = f->service;
	struct xlb_service *svc = bpf_map_lookup_elem(&xlb_services, &key);
	__u32 state = xlb_flow_state(word, f->proto);

	if (!svc || state >= XLB_NR_STATES)
		return true;
	return (__s32)(now - READ_ONCE(f->seen)) > (__s32)svc->timeout[state];
}

/* Has the flow been idle for too long? Packets of one direction keep both entries: asked only when one is overdue. */
static __always_inline bool flow_expired(const struct xlb_flow *f, __u32 word, __u32 now)
{
	struct xlb_flow *p;

	if (!entry_expired(f, word, now))
		return false;
	p = flow_peer(f);
	return !p || entry_expired(p, word, now);
}

static __always_inline __u32 flow_idle(const struct xlb_flow *f, __u32 now)
{
	__u32 idle = now - READ_ONCE(f->seen);

	return idle > IDLE_MAX ? IDLE_MAX : idle;
}

/*
 * How readily entry 'slot' may be pushed out of a full bucket: 0 never, else the higher the sooner. Ended ones first,
 * then half-open ones, then those idle beyond their time; the longest idle first within a class. A live established
 * flow never makes room. Global function: the verifier would walk every order of sixteen results otherwise.
 */
__noinline __u32 xlb_dispensable(__u32 slot, __u32 now)
{
	struct xlb_flow *f = flow_at(slot);
	__u32 class = 0, word;

	if (!f)
		return 0;
	word = READ_ONCE(f->word);
	switch (xlb_flow_state(word, f->proto)) {
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
		class = flow_expired(f, word, now);
		break;
	}
	return class ? class << 24 | flow_idle(f, now) : 0;
}

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
 * Looks for an entry of the same key among those of its home. Returns its slot if it may be replaced, an INSERT_*
 * result if not, XLB_BUCKET_SLOTS if there is none. 'steal': ending and half-open entries may be replaced too.
 */
static __always_inline __s32 insert_same_key(struct xlb_bucket *b, const struct xlb_flow *e, __u32 home, bool steal)
{
	__u32 homes = b->slot[home].homes, slot, word, state;
	struct xlb_flow *f;
	int i;

	for (i = 0; i < XLB_BUCKET_SLOTS && homes; i++, homes >>= 1) {
		slot = (home + i) & SLOT_MASK;
		f = &b->slot[slot];
		if (!(homes & 1) || !key_matches(f, e->saddr, e->daddr, *(const __u32 *)&e->sport, e->proto))
			continue;
		word = READ_ONCE(f->word);
		if (!(word & XLB_F_LIVE) || flow_expired(f, word, e->seen))
			return slot;
		state = xlb_flow_state(word, f->proto);
		if (state == XLB_S_ESTABLISHED || state == XLB_S_UDP)
			return INSERT_EXISTS;
		return steal ? (__s32)slot : INSERT_ENDING - (__s32)flow_idle(f, e->seen);
	}
	return XLB_BUCKET_SLOTS;
}

/* The free slot nearest to home, else the most dispensable one, else INSERT_FULL. */
static __always_inline __s32 insert_any_slot(struct xlb_bucket *b, __u32 bucket, __u32 home, __u32 now)
{
	__u32 slot, value, best = 0;
	__s32 ret = INSERT_FULL;
	int i;

	for (i = 0; i < XLB_BUCKET_SLOTS; i++) {
		slot = (home + i) & SLOT_MASK;
		if (!(READ_ONCE(b->slot[slot].word) & XLB_F_LIVE))
			return slot;
	}
	for (i = 0; i < XLB_BUCKET_SLOTS; i++) {
		slot = (home + i) & SLOT_MASK;
		value = xlb_dispensable(bucket << SLOT_BITS | slot, now);
		if (value > best) {
			best = value;
			ret = slot;
		}
	}
	return ret;
}

/* Writes 'e' into a slot of a locked bucket; what was there ends, together with its peer. */
static __always_inline void insert_write(struct xlb_bucket *b, __u32 slot, const struct xlb_flow *e, __u32 home)
{
	struct xlb_flow *f = &b->slot[slot & SLOT_MASK];
	__u32 word = READ_ONCE(f->word), old_home = f->home & SLOT_MASK;

	if (word & XLB_F_LIVE)
		flow_end(f);
	if (word && old_home != home) /* else it is another cache line for nothing */
		b->slot[old_home].homes &= ~(1u << ((slot - old_home) & SLOT_MASK));
	word = (word + XLB_F_VERSION) & ~XLB_F_FLAGS;
	publish(&f->word, word);
	*(__u64 *)&f->saddr = *(const __u64 *)&e->saddr;
	*(__u32 *)&f->sport = *(const __u32 *)&e->sport;
	f->proto = e->proto;
	f->kind = e->kind;
	f->home = home;
	f->epoch = e->epoch;
	*(__u64 *)&f->new_saddr = *(const __u64 *)&e->new_saddr;
	*(__u32 *)&f->new_sport = *(const __u32 *)&e->new_sport;
	*(__u32 *)&f->ip_delta = *(const __u32 *)&e->ip_delta;
	*(__u64 *)&f->dmac = *(const __u64 *)&e->dmac;
	*(__u32 *)&f->smac[2] = *(const __u32 *)&e->smac[2];
	f->oif = e->oif;
	f->server = e->server;
	f->service = e->service;
	f->peer = e->peer;
	f->seen = e->seen;
	publish(&f->word, word | XLB_F_LIVE | (e->word & XLB_F_FLAGS));
	b->slot[home].homes |= 1u << ((slot - home) & SLOT_MASK);
}

/*
 * Inserts a copy of 'e' (home, homes and the version are the table's own; e->seen is the present tick). Returns the
 * entry's number or an INSERT_* result. With 'steal' an entry of the same key that is ending or half open is replaced.
 * Global function: verified once, called from loops.
 */
__noinline long xlb_insert(struct xlb_flow *e, __u32 steal)
{
	__u32 hash, home, bucket, key;
	struct xlb_bucket *b;
	struct xlb_lock *lock;
	__s32 slot;

	if (!e)
		return INSERT_FULL;
	hash = flow_hash(e->saddr, e->daddr, *(__u32 *)&e->sport, e->proto);
	home = hash & SLOT_MASK;
	bucket = (hash >> SLOT_BITS) & xlb_cfg_bucket_mask;
	b = bucket_of(hash);
	key = bucket % XLB_NR_LOCKS;
	lock = bpf_map_lookup_elem(&xlb_locks, &key);
	if (!b || !lock)
		return INSERT_FULL;
	if (!lock_take(lock))
		return INSERT_BUSY;
	slot = insert_same_key(b, e, home, steal);
	if (slot == XLB_BUCKET_SLOTS)
		slot = insert_any_slot(b, bucket, home, e->seen);
	if (slot >= 0)
		insert_write(b, slot, e, home);
	lock_release(lock);
	return slot < 0 ? slot : (long)(bucket << SLOT_BITS | (slot & SLOT_MASK));
}

#endif
