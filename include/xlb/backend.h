/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A backend: where its table of servers lies, and by which index it is read. Every way of choosing a server is a table
 * that the daemon computes (user/model) and an index that the program computes.
 *
 * | algorithm | table                                             | index                                  |
 * | RR        | smooth weighted order, sum of weights long        | cursor of the backend, one for all CPUs |
 * | RANDOM    | the same                                          | random; 'draws' > 1: least loaded of them |
 * | HASH      | the same                                          | selection hash                          |
 * | MAGLEV    | Maglev permutation table (Eisenbud et al., NSDI 2016) | selection hash                      |
 * | LEAST     | each server once, at most XLB_LEAST_MAX           | all are looked at: least active / weight |
 * | FIRST     | each server once, in the order of their ids       | all are looked at: first with room      |
 *
 * All but MAGLEV: a change writes a new table in a place of its own and publishes it by one store of xlb_backend.ring.
 * MAGLEV: a table keeps its place as long as its length does, and changes slot by slot, each by one 16-bit store.
 */
#ifndef XLB_BACKEND_H
#define XLB_BACKEND_H

#include <xlb/abi.h>

enum {
	XLB_RING_WAYS = 32,	 /* ring entries in one array value: one cache line */
	XLB_RING_VALUES = 65536, /* array values of xlb_tables.ring: 2 M entries, 4 MiB; of xlb_tables.marks as well */
	XLB_LEAST_MAX = 64,	 /* servers that LEAST and FIRST look at; the daemon puts the best ones there */
};

enum xlb_alg { XLB_ALG_RR, XLB_ALG_RANDOM, XLB_ALG_HASH, XLB_ALG_MAGLEV, XLB_ALG_LEAST, XLB_ALG_FIRST };

/* What the selection hash covers. */
enum {
	XLB_HASH_SRC = 1u << 0, /* the first mask4 or mask6 bits of it */
	XLB_HASH_SPORT = 1u << 1,
	XLB_HASH_DST = 1u << 2,
	XLB_HASH_DPORT = 1u << 3,
};

enum {
	/*
	 * MAGLEV outside of full NAT: flows have no entries while their slot is unmarked. 'Servers change' protocol:
	 * see struct xlb_ring.
	 */
	XLB_BE_STATELESS = 1u << 0,
};

struct xlb_backend {
	__u64 ring;    /* XLB_RING(); replaced by one aligned store */
	__u64 seed[2]; /* of the selection hash, odd: made from names and the configured seed, the same on every node */
	__u64 identity;	    /* hash of the backend's name; 0: the record is free */
	__u16 flags;	    /* XLB_BE_* */
	__u8 parts;	    /* XLB_HASH_* */
	__u8 mask4;	    /* bits of an IPv4 source that are hashed, 0..32 */
	__u8 mask6;	    /* of an IPv6 source, 0..128 */
	__u8 draws;	    /* RANDOM: 1..8 */
	__u16 stick;	    /* persistence: index into xlb_sticks, 0: none */
	__u32 stick_expire; /* ticks since the last new flow of a source, after which it is forgotten */
	__be32 src4_mask;   /* of 'parts' and 'mask4', by xlb_backend_set_masks(): what of an IPv4 packet is hashed */
	__u32 ports_mask;   /* source port in the low half, as the two lie in memory */
	__u32 redispatch; /* with that many repeats of its SYN a flow that is not answered goes to another server: 1 to
			   * XLB_REPEATS_MAX; 0: never, as long as its server is UP */
	__u32 pad[2];
};

/* Algorithm, first value in xlb_tables.ring, number of entries; 0 entries: no usable server. */
#define XLB_RING(alg, first, len) ((__u64)(alg) << 56 | (__u64)(first) << 32 | (__u32)(len))
#define XLB_RING_ALG(ring) ((__u32)((ring) >> 56))
#define XLB_RING_FIRST(ring) ((__u32)((ring) >> 32) & 0xffffff)
#define XLB_RING_LEN(ring) ((__u32)(ring))

/* Cursor of a backend, table cursors, on a line of its own: every new flow of any CPU takes the next ring entry. */
struct xlb_cursor {
	__u64 next;
	__u64 pad[7];
};

/*
 * Part of a ring: indices into xlb_tables.servers. In a stateless backend (design: JET, "Just Enough Tracking", CoNEXT
 * 2020) the upper bits are the slot's mark, and table marks holds at the same place the server that the slot had
 * before:
 *
 * - unmarked: the slot's server; the flow table is not touched.
 * - YOUNG, set with a change: the flow table is asked. Hit: its server. Miss and SYN: the slot's server. Miss and no
 * SYN: the flow is older than the change, so the previous server, while that is UP. (UDP has no SYN: previous while
 * UP.) Either way the flow is recorded. A further change now leaves mark and previous server as they are.
 * - OLD, set by the daemon when the mark is older than the idle timeout: the flow table is asked. Hit: its server.
 * Miss: the slot's server, and nothing is recorded. A further change now makes the mark YOUNG again, with the server
 * that it leaves as the previous one. The daemon takes the mark away when no recorded flow of the slot has another
 * server than the slot's.
 *
 * In a stateless backend without a usable server all slots' servers are 0: recorded flows and those of previous servers
 * go on, others find no server.
 */
struct xlb_ring {
	__u16 server[XLB_RING_WAYS];
};

enum {
	XLB_SLOT_SERVER = 0x1fff,
	XLB_SLOT_YOUNG = 0x4000,
	XLB_SLOT_OLD = 0x8000,
	XLB_SLOT_MARK = XLB_SLOT_YOUNG | XLB_SLOT_OLD,
};

_Static_assert(XLB_MAX_SERVERS - 1 <= XLB_SLOT_SERVER, "a server's number fits beside the mark");
_Static_assert(sizeof(struct xlb_backend) == XLB_LINE, "a backend is one cache line");
_Static_assert(sizeof(struct xlb_cursor) == XLB_LINE, "a cursor is one cache line");
_Static_assert(sizeof(struct xlb_ring) == XLB_LINE, "a ring value is one cache line");

/*
 * Selection hash: what stays the same for all packets that shall meet the same server. Multiplied and mixed as
 * xlb_flow_mix() does, with the backend's seed; no secret of the table takes part, so that two nodes agree.
 */
static inline __u64 xlb_select_word(__u64 hash, __u64 seed, __u64 word)
{
	hash = (hash ^ word) * seed;
	return hash ^ hash >> 29;
}

/* The first 'bits' of a 32-bit word in network byte order. */
static inline __u32 xlb_select_mask(__be32 word, __s32 bits)
{
	if (bits >= 32)
		return (__u32)word;
	return bits <= 0 ? 0 : (__u32)word & __builtin_bswap32(~(0xffffffffu >> bits));
}

/* Source and destination port as one word, as they lie in memory. */
static inline __u32 xlb_port_word(__be16 sport, __be16 dport)
{
	return (__u32)sport | (__u32)dport << 16;
}

/* To be called when 'parts' or 'mask4' has changed. */
static inline void xlb_backend_set_masks(struct xlb_backend *be)
{
	be->src4_mask = be->parts & XLB_HASH_SRC ? (__be32)xlb_select_mask((__be32)0xffffffff, be->mask4) : 0;
	be->ports_mask = (be->parts & XLB_HASH_SPORT ? 0xffffu : 0) | (be->parts & XLB_HASH_DPORT ? 0xffff0000u : 0);
}

/* 'ports' as xlb_port_word() makes it, here and below. One multiplication for what most hash. */
static inline __u32 xlb_select_hash4(const struct xlb_backend *be, __be32 saddr, __be32 daddr, __u32 ports)
{
	__u64 hash = xlb_select_word(be->seed[0], be->seed[1],
				     (__u64)((__u32)saddr & be->src4_mask) << 32 | (ports & be->ports_mask));

	if (be->parts & XLB_HASH_DST)
		hash = xlb_select_word(hash, be->seed[1], (__u32)daddr);
	return (hash * 0xbf58476d1ce4e5b9ull) >> 32;
}

static inline __u32 xlb_select_hash6(const struct xlb_backend *be, const __be32 *saddr, const __be32 *daddr,
				     __u32 ports)
{
	__u64 hash = be->seed[0];
	int i;

	for (i = 0; i < 4 && be->parts & XLB_HASH_SRC; i++)
		hash = xlb_select_word(hash, be->seed[1], xlb_select_mask(saddr[i], (__s32)be->mask6 - 32 * i));
	if (be->parts & (XLB_HASH_SPORT | XLB_HASH_DPORT))
		hash = xlb_select_word(hash, be->seed[1], ports & be->ports_mask);
	for (i = 0; i < 4 && be->parts & XLB_HASH_DST; i++)
		hash = xlb_select_word(hash, be->seed[1], (__u32)daddr[i]);
	return (hash * 0xbf58476d1ce4e5b9ull) >> 32;
}

/* Position in a table of 'len' entries. */
static inline __u32 xlb_select_pos(__u32 hash, __u32 len)
{
	return (__u64)hash * len >> 32;
}

#endif
