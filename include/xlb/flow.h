/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: map xlb_flows, a memory-mapped array of buckets of 16 slots of one cache line each.
 *
 * A hash of the packet's addresses, ports and protocol names a bucket and a home slot in it. An entry lies in its
 * home slot or in one near; the home slot's 'homes' bitmap says which slots hold entries of this home (hopscotch
 * hashing, Herlihy et al., DISC 2008), so that a lookup reads one line when it hits at home and one when it misses.
 *
 * Writers. The program writes everything. It inserts under a striped lock (map xlb_locks), so that two CPUs cannot
 * make two flows of one key. The daemon only ever clears XLB_F_LIVE, by compare-and-swap of 'word'.
 * Readers. Take 'word' first and again at the end: a changed version, or XLB_F_LIVE gone, means the slot was reused
 * under the reader's hands, and what was read counts as a miss.
 *
 * Full NAT makes two entries per flow that name each other by 'peer': the request's, keyed client -> service, and the
 * reply's, keyed server -> balancer. Being unique, the reply's key is at the same time the claim on the source port.
 *
 * Time is counted in ticks: jiffies >> xlb_meta.tick_shift, between half a second and one second each, 32 bits wide,
 * compared by subtraction.
 */
#ifndef XLB_FLOW_H
#define XLB_FLOW_H

#include <xlb/abi.h>

enum {
	XLB_BUCKET_SLOTS = 16,
	XLB_NO_PEER = 0xffffffff, /* xlb_flow.peer of an entry that stands alone */
};

/* Flags of a flow: the low half of xlb_flow.word. The high half is the version, one up with each reuse of the slot. */
enum {
	XLB_F_LIVE = 1u << 0,	    /* the slot holds an entry */
	XLB_F_CLIENT_ACK = 1u << 1, /* TCP: the client acknowledged something */
	XLB_F_ANSWERED = 1u << 2,   /* TCP: the server's SYN-ACK was seen; UDP: the server answered */
	XLB_F_CLIENT_FIN = 1u << 3,
	XLB_F_SERVER_FIN = 1u << 4,
	XLB_F_RST = 1u << 5, /* a reset was seen; cleared when its sender speaks on: then it was spoofed (RFC 5961) */
	XLB_F_SERVER_RST = 1u << 6, /* with XLB_F_RST: the reset came from the server */
	XLB_F_FLAGS = 0xffff,
	XLB_F_VERSION = 0x10000, /* step of the version */
};

enum xlb_flow_kind { XLB_FLOW_REQUEST, XLB_FLOW_REPLY };

/* The states that flags stand for; each has a timeout of its own (struct xlb_service). */
enum xlb_flow_state {
	XLB_S_HALF_OPEN,   /* TCP before the three-way handshake is complete; UDP before the first answer */
	XLB_S_ESTABLISHED, /* TCP established, also while one side only has closed */
	XLB_S_UDP,	   /* UDP with traffic in both directions */
	XLB_S_CLOSING,	   /* FIN seen from both sides */
	XLB_S_CLOSED,	   /* reset */
	XLB_NR_STATES
};

/* One entry. All numbers of packets in network byte order, all others in the host's. */
struct xlb_flow {
	/* Key: the packet as it arrives. */
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 kind;  /* enum xlb_flow_kind */
	__u8 home;  /* number of the home slot in this bucket */
	__u8 epoch; /* low byte of xlb_control.epoch when the MAC addresses were last looked up */
	/* Rewrite: the packet as it leaves. */
	__be32 new_saddr;
	__be32 new_daddr;
	__be16 new_sport;
	__be16 new_dport;
	__u16 ip_delta; /* what to add to the complement of the IP checksum, TTL step included (RFC 1624, eqn. 3) */
	__u16 l4_delta; /* the same for the TCP or UDP checksum */
	__u8 dmac[6];	/* followed at the next packet of the next tick after a change, and every 64 ticks */
	__u8 smac[6];
	__u16 oif;     /* interface number to leave by, index into xlb_control.ifindex */
	__u16 server;  /* index into xlb_servers */
	__u16 service; /* index into xlb_services */
	__u16 homes; /* belongs to the slot, not to the entry: bit i = slot (this + i) % 16 holds an entry whose home is
			this slot */
	__u32 peer;  /* number of the other entry of the flow (bucket * 16 + slot), or XLB_NO_PEER */
	__u32 seen; /* tick of the last packet by this entry; a flow has been idle as long as the fresher of its entries
		     */
	__u32 word; /* version << 16 | flags, only changed by atomic operations */
};

struct xlb_bucket {
	struct xlb_flow slot[XLB_BUCKET_SLOTS];
};

_Static_assert(sizeof(struct xlb_flow) == XLB_LINE, "a flow is one cache line");

/* State of an entry with the given 'word' and protocol. Both entries of a flow carry the same flags. */
static inline enum xlb_flow_state xlb_flow_state(__u32 word, __u8 proto)
{
	if (proto != 6 /* IPPROTO_TCP */)
		return word & XLB_F_ANSWERED ? XLB_S_UDP : XLB_S_HALF_OPEN;
	if (word & XLB_F_RST)
		return XLB_S_CLOSED;
	if ((word & (XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN)) == (XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN))
		return XLB_S_CLOSING;
	if ((word & (XLB_F_CLIENT_ACK | XLB_F_ANSWERED)) == (XLB_F_CLIENT_ACK | XLB_F_ANSWERED))
		return XLB_S_ESTABLISHED;
	return XLB_S_HALF_OPEN;
}

/*
 * Hash of a key. A multilinear sum, strongly universal for a random secret (Lemire and Kaser, "Strongly universal
 * string hashing is fast", The Computer Journal 2014), keeps an outsider from aiming at a bucket. By itself it maps
 * rows of like keys, a client's ports or a subnet's addresses, to rows of like hashes, and buckets overflow at a load
 * where random ones would not; hence one round of xor, shift and multiply (the first of splitmix64) after it. 'ports'
 * is sport and dport as they lie in memory. Bits 0..3 of the result name the home slot, the bits above the bucket.
 */
static inline __u32 xlb_flow_hash(const volatile __u64 *secrets, __be32 saddr, __be32 daddr, __u32 ports, __u8 proto)
{
	__u64 sum = secrets[0] + secrets[1] * (__u32)saddr + secrets[2] * (__u32)daddr + secrets[3] * ports +
		    secrets[4] * proto;

	sum ^= sum >> 32;
	return (sum * 0xbf58476d1ce4e5b9ull) >> 32;
}

#endif
