/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Puts entries into the flow tables, and chooses what makes room for them. What an insertion pushed out is ended by
 * flow_settle() of open.bpf.h. Both families go through the same inline code, as in flowtab.bpf.h.
 */
#ifndef XLB_INSERT_BPF_H
#define XLB_INSERT_BPF_H

#include "flowtab.bpf.h"

enum { LOCK_TRIES = 64 };

/* Results of xlb_insert4() and xlb_insert6() below 0. */
enum {
	INSERT_EXISTS = -1,  /* a live entry of this key is there and stays */
	INSERT_FULL = -2,    /* the bucket holds nothing that may be pushed out */
	INSERT_BUSY = -3,    /* the lock was not to be had */
	INSERT_ENDING = -16, /* this and below: as EXISTS, but it is ending or half open, idle for -16 - value ticks */
};

/* How an entry may be inserted. */
enum {
	INSERT_STEAL = 1,  /* an entry of the same key that is ending or half open is replaced */
	INSERT_SOUGHT = 2, /* the last flow_seek() was for its key and found none */
};

/* --- who makes room ----------------------------------------------------------------------------------------------- */

/*
 * Who makes room in a full bucket. Entries that have ended go first, then half-open ones, then those idle beyond their
 * time; the longest idle first within a class, chance decides among equals. A live established flow never makes room.
 * Records of stateless backends count as what their state says.
 *
 * A search through the whole bucket brings in 16 cache lines, and leaves entries far from home, where each lookup needs
 * two or three. In a flood every SYN would pay that. So where a bucket was full a moment ago, the slots near home are
 * asked alone, if one of them can go: the oldest of a few that the hash has picked is nearly as old as the oldest.
 */
enum {
	NEAR_LINES = 4,
	FULL_TICKS = 8, /* a moment */
	CLASS_OVERDUE = 1,
	CLASS_HALF_OPEN = 2,
	CLASS_ENDED = 3,
	CLASS_SHIFT = 27, /* over the idle time in eighths of ticks: in a flood a whole one is an age */
};

/* Eighths of ticks since the entry was made or, if longer ago than this tick, used; 0 for one later than 'now'. */
static __always_inline __u32 idle_eighths(const struct xlb_flow_body *b, __u32 now)
{
	__u32 idle = (now - entry_eighths(b)) & ((1u << CLASS_SHIFT) - 1);

	return idle & ((idle >> (CLASS_SHIFT - 1)) - 1);
}

/* How readily entry 'slot' may be pushed out: 0 never, else the higher the sooner. 'now' in eighths of ticks. */
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
		class = CLASS_ENDED;
		break;
	case XLB_S_HALF_OPEN:
		class = CLASS_HALF_OPEN;
		break;
	case XLB_S_ESTABLISHED:
	case XLB_S_UDP:
	case XLB_NR_STATES:
		class = entry_overdue(b, word, now >> 3);
		break;
	}
	return class ? class << CLASS_SHIFT | idle_eighths(b, now) : 0;
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

/*
 * The same without a branch, and without a look at timeouts: of an established flow 0, be it overdue or not. Which
 * state an entry is in, and which of two is older, is for a CPU that guesses the coin that a flood tosses.
 */
static __always_inline __u32 dispensable_near(const struct xlb_flow_body *b, __u32 now)
{
	__u32 word = READ_ONCE(b->word);
	__u32 ended = (word / XLB_F_RST | (word / XLB_F_CLIENT_FIN & word / XLB_F_SERVER_FIN)) & 1;
	__u32 udp = b->proto >> 4 & 1; /* 17, and TCP is 6 */
	__u32 open = (word / XLB_F_CLIENT_ACK | udp) & word / XLB_F_ANSWERED & ~ended & 1;

	return (open - 1) & ((CLASS_HALF_OPEN + ended) << CLASS_SHIFT | idle_eighths(b, now));
}

static __always_inline __u64 larger(__u64 a, __u64 b)
{
	__u64 b_wins = (__s64)(a - b) >> 63;

	asm("" : "+r"(b_wins)); /* else the compiler makes a branch of it */
	return a ^ ((a ^ b) & b_wins);
}

/* --- the lock ----------------------------------------------------------------------------------------------------- */

static __always_inline struct xlb_lock *lock_of(__u64 hash, bool v6)
{
	return XLB_IN(locks, bucket_of(hash, v6) % XLB_NR_LOCKS);
}

/* Takes the lock if nobody has taken it since its sequence number was 'seq'. */
static __always_inline bool lock_take_from(struct xlb_lock *l, __u32 seq)
{
	return !(seq & 1) && __sync_val_compare_and_swap(&l->seq, seq, seq + 1) == seq;
}

static __always_inline bool lock_take(struct xlb_lock *l)
{
	int i;

	for (i = 0; i < LOCK_TRIES; i++)
		if (lock_take_from(l, READ_ONCE(l->seq)))
			return true;
	return false;
}

static __always_inline void lock_release(struct xlb_lock *l)
{
	publish(&l->seq, l->seq + 1);
}

/* --- where an entry goes ------------------------------------------------------------------------------------------ */

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
static __always_inline __s64 far_victim(__u32 bucket, __u32 now, __u32 turn, bool v6)
{
	__u32 first = bucket * XLB_BUCKET_LINES * nr_ways(v6), i, at;
	struct xlb_scratch *s = scratch();
	__u64 value;

	if (!s)
		return INSERT_FULL;
	turn &= XLB_BUCKET_LINES * nr_ways(v6) - 1;
	s->victim = 0;
	for (i = 0; i < XLB_BUCKET_LINES * nr_ways(v6); i++) {
		at = first + (i ^ turn);
		if (at == s->keep)
			continue;
		value = v6 ? xlb_dispensable6(at, now) : xlb_dispensable4(at, now);
		value = value << 32 | i;
		if (value >> 32 && value > READ_ONCE(s->victim))
			s->victim = value;
	}
	value = READ_ONCE(s->victim);
	return value ? first + ((__u32)value ^ turn) : (__s64)INSERT_FULL;
}

/* The free slot nearest to home but for those near it, or else the most dispensable one, or INSERT_FULL. */
static __always_inline __s64 far_slot(__u64 hash, __u32 now, bool v6)
{
	__u32 bucket = bucket_of(hash, v6), home = xlb_flow_home(hash), i;
	void *b = bucket_at(bucket, v6);

	if (!b)
		return INSERT_FULL;
	for (i = NEAR_LINES; i < XLB_BUCKET_LINES; i++) {
		if (slot_is_free(b, home + i, 0, v6))
			return slot_number(bucket, home + i, 0, v6);
		if (!v6 && slot_is_free(b, home + i, 1, v6))
			return slot_number(bucket, home + i, 1, v6);
	}
	lock_of(hash, v6)->full = XLB_SEEN(now >> 3, 1);
	return far_victim(bucket, now, hash, v6);
}

__noinline long xlb_far_slot4(__u64 hash, __u32 now)
{
	return far_slot(hash, now, false);
}

__noinline long xlb_far_slot6(__u64 hash, __u32 now)
{
	return far_slot(hash, now, true);
}

/* The most dispensable of the slots near home but for the one numbered 'keep', or INSERT_FULL. */
static __always_inline __s64 near_victim(void *bucket, __u64 hash, __u32 now, __u32 keep, bool v6)
{
	__u32 home = xlb_flow_home(hash), turn = hash & (NEAR_LINES * nr_ways(v6) - 1), i;
	struct xlb_flow_body *b;
	__u64 best = 0;

	keep -= slot_number(bucket_of(hash, v6), 0, 0, v6);
	for (i = 0; i < NEAR_LINES * nr_ways(v6); i++) {
		b = flow_body(slot_in(bucket, home + i / nr_ways(v6), i, v6), v6);
		if (keep != slot_number(0, home + i / nr_ways(v6), i, v6))
			best = larger(best, (__u64)dispensable_near(b, now) << 8 | (i ^ turn));
	}
	i = (best ^ turn) & (NEAR_LINES * nr_ways(v6) - 1);
	return best >> 8 ? slot_number(bucket_of(hash, v6), home + i / nr_ways(v6), i, v6) : (__s64)INSERT_FULL;
}

/* A slot for an entry of that hash, or INSERT_FULL. 'bucket' is where it points. */
static __always_inline __s64 insert_any_slot(void *bucket, __u64 hash, __u32 now, __u32 keep, bool v6)
{
	__u32 home = xlb_flow_home(hash), full = lock_of(hash, v6)->full, i;
	__s64 slot = INSERT_FULL;

	for (i = 0; i < NEAR_LINES * nr_ways(v6); i++)
		if (slot_is_free(bucket, home + i / nr_ways(v6), i, v6))
			return slot_number(bucket_of(hash, v6), home + i / nr_ways(v6), i, v6);
	if (full && xlb_flow_idle(full, now >> 3) < FULL_TICKS)
		slot = near_victim(bucket, hash, now, keep, v6);
	if (slot == INSERT_FULL)
		slot = v6 ? xlb_far_slot6(hash, now) : xlb_far_slot4(hash, now);
	return slot;
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
	body->kind = (e->b.kind & ((1u << XLB_KIND_HOME_SHIFT) - 1)) | home << XLB_KIND_HOME_SHIFT;
	publish(&body->word, word | XLB_F_LIVE | (e->b.word & XLB_F_FLAGS));
	flow_body(slot_in(b, home, way, v6), v6)->homes |= 1u << ((line - home) & LINE_MASK);
}

/*
 * Looks for an entry that flow_insert() may be asked to make afterwards, with INSERT_SOUGHT: it need not look again, if
 * nobody has inserted under this lock since.
 */
static __always_inline __u32 flow_seek(struct xlb_scratch *s, struct xlb_entry *key, __u64 hash, bool v6)
{
	s->sought = READ_ONCE(lock_of(hash, v6)->seq);
	if (!xlb_cfg_stores_in_order) /* nor loads, then: what is read below may be older than the number */
		s->sought = 1;
	barrier();
	return home_is_empty(hash, v6) ? XLB_NO_SLOT : flow_find(key, hash, v6);
}

static __always_inline __s64 insert(struct xlb_entry *e, __u64 hash, __u32 how, bool v6)
{
	__u32 home = xlb_flow_home(hash), now = entry_eighths(&e->b), found = XLB_NO_SLOT;
	void *b = bucket_at(bucket_of(hash, v6), v6);
	struct xlb_lock *lock = lock_of(hash, v6);
	struct xlb_scratch *s = scratch();
	__s64 slot;

	if (!b || !s)
		return INSERT_FULL;
	if (!(how & INSERT_SOUGHT) || !lock_take_from(lock, s->sought)) {
		if (!lock_take(lock))
			return INSERT_BUSY;
		found = home_is_empty(hash, v6) ? XLB_NO_SLOT : find_all(e, hash, false, v6);
	}
	if (found == XLB_NO_SLOT)
		slot = insert_any_slot(b, hash, now, s->keep, v6);
	else
		slot = insert_over(found, e, now >> 3, how & INSERT_STEAL, v6);
	if (slot >= 0)
		insert_write(s, b, slot, e, home, v6);
	lock_release(lock);
	return slot;
}

/*
 * Inserts 'e' under its key, whose hash is given (home, homes and version are the table's own; e->b.seen is the
 * present). 'how': INSERT_* bits. Returns the entry's number or an INSERT_* result.
 */
__noinline long xlb_insert4(struct xlb_entry *e, __u64 hash, __u32 how)
{
	return e ? insert(e, hash, how, false) : INSERT_FULL;
}

__noinline long xlb_insert6(struct xlb_entry *e, __u64 hash, __u32 how)
{
	return e ? insert(e, hash, how, true) : INSERT_FULL;
}

static __always_inline long flow_insert(struct xlb_entry *e, __u64 hash, __u32 how, bool v6)
{
	return v6 ? xlb_insert6(e, hash, how) : xlb_insert4(e, hash, how);
}

#endif
