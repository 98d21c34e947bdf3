/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the program knows of addresses, binds and frontends. All tables are memory-mapped arrays that the daemon writes
 * and the program reads.
 *
 * A packet goes address table -> flow table; on a miss, or where a stateless service lies on the address, on to bind
 * table
 * -> service -> backend -> ring (xlb/backend.h) -> server (xlb/server.h). The daemon fills a record before it publishes
 * the number that leads to it, and reuses a number only when no flow carries it any more.
 */
#ifndef XLB_SERVICE_H
#define XLB_SERVICE_H

#include <xlb/abi.h>
#include <xlb/backend.h>
#include <xlb/flow.h>
#include <xlb/server.h>

enum {
	XLB_ADDR_SLOTS = 16384, /* slots of xlb_tables.addrs, a power of two */
	XLB_ADDR_FILTER =
		XLB_ADDR_SLOTS / 512, /* values of xlb_tables.addrs behind the slots: a bit a slot, see below */
	XLB_ADDR_PROBES = 8,	      /* slots that a lookup looks at, at most */
	XLB_ADDR_BLOOM_WORDS = 8,     /* 32-bit words of the port filter of an address */
	XLB_VIP_BUCKETS = 16384,      /* buckets of xlb_tables.vips, a power of two */
	XLB_VIP_WAYS = 8,	      /* binds in a bucket: one cache line */
	XLB_MAX_RANGES = 4096,	      /* port ranges of all addresses; index 0 is never used */
	XLB_ADDR_RANGES = 32,	      /* port ranges of one address, at most */
	XLB_MAX_RETURNS = 8192,	      /* index 0 is never used */
	XLB_MAX_NEXTHOPS = 65536,     /* index 0 is never used */
};

enum {
	XLB_ADDR_ECHO = 1u << 0,      /* pings are answered: at least one bind is on the address */
	XLB_ADDR_STATELESS = 1u << 1, /* a bind of a stateless service may be on it: look there before the flow table */
	XLB_ADDR_SERVER = 1u << 2,    /* of a server in XLB_MODE_DNAT: packets from it may be answers to clients */
	XLB_ADDR_LOCAL = 1u << 3,     /* the host has the address too: fragments that we cannot place pass to it */
};

/*
 * One address of ours, or of a server whose answers pass through us unasked (XLB_ADDR_SERVER): slot of table addrs,
 * found by linear probing from xlb_addr_hash(); a slot of family 0 ends the search. An address that is ours no longer
 * keeps its slot with port filter, range and flags empty, and may give it up to another when no bind or flow is left.
 *
 * Behind the slots the map holds a bit for each: set when an address hashes to it, never cleared. A packet to a
 * foreign address costs a look at these 2 KiB, and not a line of the MiB before them.
 */
struct xlb_addr {
	__be32 addr[4]; /* IPv4: in word 0, the others 0 */
	__u16 pool_lo;	/* host order; ports from pool_lo to pool_hi may be source ports of ours; lo > hi: none */
	__u16 pool_hi;
	__u8 family; /* 4 or 6; written last */
	__u8 flags;  /* XLB_ADDR_* */
	__u8 nr_ranges;
	__u8 pad;
	__u32 bloom[XLB_ADDR_BLOOM_WORDS]; /* bit xlb_port_bit(): a bind, or a server port, of this number may exist */
	__u16 first_range; /* the address's ranges are xlb_tables.ranges[first_range .. + nr_ranges - 1] */
	/*
	 * One bind (the others are found in 'vips'), whose packets need not look into the port filter; nor, if it is of
	 * a stateless service, into that table and at the service. One aligned word with first_range, written by one
	 * store.
	 */
	__be16 hot_port;   /* 0: none */
	__u16 hot_service; /* with XLB_HOT_UDP */
	__u16 hot_backend; /* of a stateless service; 0: of one with flows */
};

enum { XLB_HOT_UDP = 0x8000 };

/*
 * One bind: a way of a bucket of table vips. It lies in bucket xlb_vip_hash(.., 0) or xlb_vip_hash(.., 1). The
 * address is told by its slot in xlb_tables.addrs, so binds of both families are alike. With XLB_VIP_RETURN in
 * 'service' the "bind" is a server's address and port (XLB_ADDR_SERVER), and the rest of the number an index into
 * xlb_tables.returns.
 */
struct xlb_vip {
	__u16 addr_slot;
	__be16 port;
	__u8 proto; /* 0: the way is free */
	__u8 pad;
	__u16 service; /* index into xlb_tables.services */
};

enum { XLB_VIP_RETURN = 0x8000 };

struct xlb_vip_bucket {
	struct xlb_vip way[XLB_VIP_WAYS];
};

/* Ports of a bind that are more than one: looked at in order when xlb_tables.vips has no bind of the port itself. */
struct xlb_range {
	__u16 lo, hi; /* host order, both inclusive; 1 to 65535 is any port */
	__u8 proto;
	__u8 pad;
	__u16 service;
};

/*
 * Where the answers of a server in XLB_MODE_DNAT come from as clients see it. Where the service keeps no flows, and its
 * address and port alone lead to the server, the answers are known by the server's address and port.
 */
struct xlb_return {
	__be32 vip[4];
	__be16 vport;
	__u16 service;
	__u16 server;
	__u8 family; /* 0: free */
	__u8 flags;  /* XLB_RETURN_* */
	__u32 pad[2];
};

enum {
	XLB_RETURN_STATE = 1u << 0, /* the service keeps flows, or several share the server: look for a reply entry */
};

/* A frontend as the program sees it. Timeouts in ticks. */
struct xlb_service {
	__u16 backend;		      /* index into xlb_tables.backends, 0: none */
	__u16 flags;		      /* XLB_SVC_* */
	__u32 timeout[XLB_NR_STATES]; /* idle time after which a flow in that state has ended; at most XLB_TICK_MAX */
	__u64 identity;		      /* hash of the frontend's name: how a new daemon finds its own again */
	__u32 limit;		      /* with XLB_SVC_FULL: most live flows */
	__u32 rate;		      /* with XLB_SVC_RATE: new flows per second and CPU, at most */
	__u16 policy;		      /* 0: none; number of a rule list (xlb/policy.h) */
	__u16 mss;		      /* 0: untouched; else the MSS option of SYNs is lowered to it */
	__u16 track[2][3];	      /* IPv4, IPv6: stick tables that counters 0 to 2 of the policy track in */
	__u8 track_dst[2];	      /* the same: bit i: counter i tracks the destination, not the source */
	__u32 pad;
};

enum {
	XLB_SVC_ENABLED = 1u << 0,   /* off: packets without a flow pass to the host */
	XLB_SVC_STATELESS = 1u << 1, /* its backend has XLB_BE_STATELESS: kept here to spare packets a look */
	XLB_SVC_FULL = 1u << 2,	     /* compare xlb_tables.svc_load.active with 'limit' before a new flow */
	XLB_SVC_RATE = 1u << 3,
	/* What packets get for which there is no usable server. None of these: TCP a reset, UDP port unreachable. */
	XLB_SVC_DROP = 1u << 4,	    /* silence */
	XLB_SVC_ICMP = 1u << 5,	    /* TCP, too, port unreachable in place of a reset */
	XLB_SVC_RST_ONLY = 1u << 6, /* TCP a reset, what has none silence */
};

/*
 * Next hop towards clients. The program enters what it learns and never changes an entry that has been published; the
 * daemon clears those that no flow has carried during two sweeps, by a store of 0 to oif and claim, after it has raised
 * xlb_tables.control.epoch: what CPUs remember of a number ends with the epoch.
 */
struct xlb_nexthop {
	__u8 dmac[6];
	__u8 smac[6];
	__u16 oif;   /* interface number; 0: the entry is free or being written */
	__u16 claim; /* 0: free; only changed by compare-and-swap of the word that holds it and oif */
};

/*
 * Ports that are never chosen as source ports: in use on the host, or bound by a frontend. Map xlb_tables.busy, a bit a
 * port (host order), 1024 words of 64 bits per protocol, TCP first; an array value is one cache line of words.
 */
enum { XLB_BUSY_WORDS = 1024 };

struct xlb_busy {
	__u64 word[8];
};

_Static_assert(sizeof(struct xlb_addr) == XLB_LINE, "an address is one cache line");
_Static_assert(sizeof(struct xlb_vip_bucket) == XLB_LINE, "a bucket of binds is one cache line");
_Static_assert(sizeof(struct xlb_range) == 8, "eight ranges are one cache line");
_Static_assert(sizeof(struct xlb_return) == 32, "two returns are one cache line");
_Static_assert(sizeof(struct xlb_service) == XLB_LINE, "a service is one cache line");
_Static_assert(sizeof(struct xlb_nexthop) == 16, "four next hops are one cache line");

/* First slot to look at for an address. 'hi' is word 0 of an IPv4 address alone, or all of an IPv6 one. */
static inline __u32 xlb_addr_hash4(const volatile __u64 *secrets, __be32 addr)
{
	return (__u32)((secrets[5] + secrets[6] * (__u32)addr) >> 32) & (XLB_ADDR_SLOTS - 1);
}

static inline __u32 xlb_addr_hash6(const volatile __u64 *secrets, const __be32 *addr)
{
	return (__u32)((secrets[5] + secrets[6] * (__u32)addr[3] + secrets[14] * (__u32)addr[2] +
			secrets[15] * (__u32)addr[1] + secrets[7] * (__u32)addr[0]) >>
		       32) &
	       (XLB_ADDR_SLOTS - 1);
}

static inline __u32 xlb_addr_hash(const volatile __u64 *secrets, const __be32 *addr, __u8 family)
{
	return family == 4 ? xlb_addr_hash4(secrets, addr[0]) : xlb_addr_hash6(secrets, addr);
}

/* The word with the bit of slot 'slot' < XLB_ADDR_SLOTS in the filter behind the addresses of 'table'. */
static inline __u64 *xlb_addr_filter_word(struct xlb_addr *table, __u32 slot)
{
	return (__u64 *)&table[XLB_ADDR_SLOTS] + slot / 64;
}

static inline __u64 xlb_addr_filter_bit(__u32 slot)
{
	return 1ull << (slot % 64);
}

/* Bit of a port in xlb_addr.bloom: 0..255. 'port' as it lies in memory. Knuth, TAOCP vol. 3, 6.4: multiply by 2^32 /
 * phi */
static inline __u32 xlb_port_bit(__be16 port, __u8 proto)
{
	return (((__u32)port + proto) * 0x9e3779b1u) >> 24;
}

/* Bucket of a bind. 'choice' is 0 or 1. Mixed as xlb_flow_mix() does: neighbouring slots and ports are rows of like
 * keys. */
static inline __u32 xlb_vip_hash(const volatile __u64 *secrets, __u32 addr_slot, __be16 port, __u8 proto, int choice)
{
	__u64 sum =
		xlb_flow_mix(secrets[7] + secrets[6] * addr_slot + secrets[5] * (((__u32)proto << 16) | (__u32)port));

	return (__u32)(sum >> (choice ? 32 : 48)) & (XLB_VIP_BUCKETS - 1);
}

#endif
