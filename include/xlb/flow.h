/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow tables: maps xlb_flows (IPv4) and xlb_flows6, memory-mapped arrays of buckets of 16 cache lines each.
 *
 * An IPv4 entry is half a line, an IPv6 entry a line: what a random packet costs is the line that it brings in and the
 * page that must be found for it, so entries are as small as they can be, and everything that many flows share (the
 * server's addresses and MACs, the client's next hop) lies in tables beside, which stay in the cache.
 *
 * Both entries of a flow hold the same identity (client, service address, source port, server). The request entry lies
 * where the hash of the client's packet points, the reply entry where the hash of the server's does; 'kind' tells them
 * apart. A hash names a bucket and a home line in it. An entry lies in its home line or in one near; the 'homes'
 * bitmaps of the home line's slots say which slots hold entries of this home (hopscotch hashing, Herlihy et al., DISC
 * 2008), so that a lookup reads one line when it hits at home and one when it misses. The reply entry of full NAT,
 * being unique, is at the same time the claim on the source port. Modes in which the server answers directly have a
 * request entry only.
 *
 * Writers. The program writes everything. It inserts under a striped lock (table locks), so that two CPUs cannot
 * make two flows of one key. The daemon only ever clears XLB_F_LIVE and XLB_F_COUNTED, by compare-and-swap of 'word'.
 * Readers. Take 'word' first and again at the end: a changed version, or XLB_F_LIVE gone, means the slot was reused
 * under the reader's hands, and what was read counts as a miss.
 *
 * Time is counted in ticks: jiffies >> xlb_meta.tick_shift, between half a second and one second each, of which an
 * entry keeps 24 bits, compared by subtraction.
 */
#ifndef XLB_FLOW_H
#define XLB_FLOW_H

#include <xlb/abi.h>
#include <xlb/server.h>

enum {
	XLB_BUCKET_LINES = 16,
	XLB_FLOW4_WAYS = 2, /* IPv4 entries in a line */
	XLB_FLOW6_WAYS = 1, /* IPv6 entries in a line */
	XLB_NO_SLOT = 0xffffffff,
	XLB_TICK_MASK = 0xffffff, /* of the 24 bits that xlb_flow_body.seen keeps */
	XLB_TICK_MAX = 0x7fffff,  /* longest idle time that can be told, in ticks: 48 days or more */
};

/* Flags of a flow: the low half of xlb_flow_body.word. The high half is the version, one up with each reuse of the
 * slot. */
enum {
	XLB_F_LIVE = 1u << 0,	    /* the slot holds an entry */
	XLB_F_CLIENT_ACK = 1u << 1, /* TCP: the client acknowledged something */
	XLB_F_ANSWERED = 1u << 2,   /* TCP: the server's SYN-ACK was seen; UDP: the server answered */
	XLB_F_CLIENT_FIN = 1u << 3,
	XLB_F_SERVER_FIN = 1u << 4,
	XLB_F_RST = 1u << 5, /* a reset was seen; cleared when its sender speaks on: then it was spoofed (RFC 5961) */
	XLB_F_SERVER_RST = 1u << 6, /* with XLB_F_RST: the reset came from the server */
	XLB_F_ONE_WAY = 1u << 7,    /* the server answers directly: ANSWERED and SERVER_FIN are inferred */
	XLB_F_COUNTED = 1u << 8,    /* request entry: counted in xlb_tables.load; whoever clears the bit takes it off */
	XLB_F_RECORD = 1u << 9,	    /* entry of a stateless backend, made while its slot was marked (struct xlb_ring) */
	XLB_F_TRACKED = 1u << 10,   /* request entry: counted as live by stick counter 0, and so on for 1 and 2 */
	XLB_F_TRACKED_ALL = 7u << 10,
	XLB_F_REPEATS = 7u << 13, /* request entry: how often the client has repeated a SYN that nobody answered */
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

/* What entries of both families have. Ports in network byte order, all else in the host's. */
struct xlb_flow_body {
	__u32 word;    /* version << 16 | flags, only changed by atomic operations */
	__be16 sport;  /* source port that the server sees; outside of full NAT the client's own */
	__u16 server;  /* index into xlb_tables.servers */
	__u16 service; /* index into xlb_tables.services */
	__u16 hop;  /* the client's next hop, index into xlb_tables.nexthops; 0: none known, or not needed (ONE_WAY) */
	__u32 seen; /* XLB_SEEN(): tick of the last packet by this entry, and the epoch when its hop was last looked up
		     */
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 kind;  /* bit 0: enum xlb_flow_kind; from XLB_KIND_EIGHTH_SHIFT on: in which eighth of a tick the entry was
		     * made; from XLB_KIND_HOME_SHIFT on: the number of its home line in the bucket */
	__u16 homes; /* belongs to the slot, not to the entry: bit i = way (that of this slot) of line
		      * (that of this slot + i) % 16 holds an entry whose home is this line */
};

enum {
	XLB_KIND_MASK = 1,
	XLB_KIND_EIGHTH_SHIFT = 1,
	XLB_KIND_HOME_SHIFT = 4,
};

enum {
	XLB_REPEATS_SHIFT = 13,
	XLB_REPEATS_MAX = 7, /* the last one comes two minutes after the first SYN (RFC 6298) */
};

#define XLB_SEEN(tick, epoch) ((__u32)(tick) << 8 | (__u8)(epoch))

struct xlb_flow4 {
	__be32 client;
	__be32 vip;
	__be16 cport;
	__be16 vport;
	struct xlb_flow_body b;
};

struct xlb_flow6 {
	__be32 client[4];
	__be32 vip[4];
	__be16 cport;
	__be16 vport;
	struct xlb_flow_body b;
	__u32 pad[2];
};

/* A bucket: slot number = bucket * (16 * ways) + line * ways + way. */
struct xlb_bucket4 {
	struct xlb_flow4 slot[XLB_BUCKET_LINES * XLB_FLOW4_WAYS];
};

struct xlb_bucket6 {
	struct xlb_flow6 slot[XLB_BUCKET_LINES * XLB_FLOW6_WAYS];
};

_Static_assert(sizeof(struct xlb_flow4) == XLB_LINE / XLB_FLOW4_WAYS, "two IPv4 flows are one cache line");
_Static_assert(sizeof(struct xlb_flow6) == XLB_LINE, "an IPv6 flow is one cache line");

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

/* Ticks since the entry was last used; 0 for one that was used after 'now' was read. */
static inline __u32 xlb_flow_idle(__u32 seen, __u32 now)
{
	__u32 idle = (now - (seen >> 8)) & XLB_TICK_MASK;

	return idle > XLB_TICK_MAX ? 0 : idle;
}

/*
 * Hash of a packet's key. A multilinear sum, strongly universal for a random secret (Lemire and Kaser, "Strongly
 * universal string hashing is fast", The Computer Journal 2014), keeps an outsider from aiming at a bucket. By itself
 * it maps rows of like keys, a client's ports or a subnet's addresses, to rows of like hashes, and buckets overflow at
 * a load where random ones would not; hence one round of xor, shift and multiply (the first of splitmix64) after it.
 * 'ports' is sport and dport as they lie in memory. Bits 0..3 of the result name the home line, the upper half the
 * bucket.
 */
static inline __u64 xlb_flow_mix(__u64 sum)
{
	sum ^= sum >> 32;
	return sum * 0xbf58476d1ce4e5b9ull;
}

/* Index of the secret that stands for the protocol, which is TCP or UDP. */
static inline __u32 xlb_flow_hash_first(__u8 proto)
{
	return proto == 6 /* IPPROTO_TCP */ ? 0 : 4;
}

static inline __u64 xlb_flow_hash4(const volatile __u64 *secrets, __be32 saddr, __be32 daddr, __u32 ports, __u8 proto)
{
	return xlb_flow_mix(secrets[xlb_flow_hash_first(proto)] + secrets[3] * ports +
			    (secrets[1] * (__u32)saddr + secrets[2] * (__u32)daddr));
}

static inline __u64 xlb_flow_hash6(const volatile __u64 *secrets, const __be32 *saddr, const __be32 *daddr, __u32 ports,
				   __u8 proto)
{
	__u64 sum = secrets[xlb_flow_hash_first(proto)] + secrets[3] * ports;
	__u64 from = secrets[1] * (__u32)saddr[3] + secrets[8] * (__u32)saddr[2] +
		     (secrets[9] * (__u32)saddr[1] + secrets[10] * (__u32)saddr[0]);
	__u64 to = secrets[2] * (__u32)daddr[3] + secrets[11] * (__u32)daddr[2] +
		   (secrets[12] * (__u32)daddr[1] + secrets[13] * (__u32)daddr[0]);

	return xlb_flow_mix(sum + (from + to));
}

/* Number of the bucket that a hash names. */
static inline __u32 xlb_flow_bucket(__u64 hash, __u32 nr_buckets)
{
	return (hash >> 32) * nr_buckets >> 32;
}

/* Number of the home line in it. The product's low bits are weak, the upper half chooses the bucket: take the middle.
 */
static inline __u32 xlb_flow_home(__u64 hash)
{
	return (__u32)(hash >> 28) & (XLB_BUCKET_LINES - 1);
}

/* The server's port of a flow to 'srv' that came for service port 'vport'. */
static inline __be16 xlb_server_port(const struct xlb_server *srv, __be16 vport)
{
	if (srv->port)
		return srv->port;
	return srv->port_add ? (__be16)__builtin_bswap16((__u16)(__builtin_bswap16((__u16)vport) + srv->port_add)) :
			       vport;
}

#endif
