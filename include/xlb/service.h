/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the program knows of frontends and backends. All tables here are memory-mapped arrays that the daemon writes
 * and the program reads; the only exception is the cursor of a backend.
 *
 * A packet goes address table -> flow table; on a miss on to bind table -> service -> backend -> ring -> server.
 * The daemon fills a record before it publishes the number that leads to it, and reuses a number only when no flow
 * carries it any more.
 */
#ifndef XLB_SERVICE_H
#define XLB_SERVICE_H

#include <xlb/abi.h>
#include <xlb/flow.h>

enum {
	XLB_ADDR_SLOTS = 8192,			/* slots of xlb_addrs, a power of two */
	XLB_ADDR_FILTER = XLB_ADDR_SLOTS / 512, /* values of xlb_addrs behind the slots: a bit a slot, see below */
	XLB_ADDR_PROBES = 8,			/* slots that a lookup looks at, at most */
	XLB_ADDR_BLOOM_WORDS = 8,		/* 32-bit words of the port filter of an address */
	XLB_VIP_BUCKETS = 16384,		/* buckets of xlb_vips, a power of two */
	XLB_VIP_WAYS = 4,			/* binds in a bucket: one cache line */
	XLB_RING_WAYS = 32,			/* ring entries in one array value: one cache line */
	XLB_RING_VALUES = 65536,		/* array values of xlb_ring: 2 M entries, 4 MiB */
};

/*
 * One address of ours: slot of map xlb_addrs, found by linear probing from xlb_addr_hash(); a slot of address 0 ends
 * the search. An address that is ours no longer keeps its slot with port filter and range empty.
 *
 * Behind the slots the map holds a bit for each: set when an address of ours hashes to it, never cleared. A packet to a
 * foreign address costs a look at these 1024 bytes, and not a line of the 512 KiB before them.
 */
struct xlb_addr {
	__be32 addr;
	__u16 pool_lo; /* host order; ports from pool_lo to pool_hi may be source ports of ours; lo > hi: none */
	__u16 pool_hi;
	__u32 bloom[XLB_ADDR_BLOOM_WORDS]; /* bit xlb_port_bit(): a bind with this port and protocol may exist */
	__u32 flags;			   /* none yet */
	__u32 pad[5];
};

/* One bind: a way of a bucket of map xlb_vips. A bind lies in bucket xlb_vip_hash(.., 0) or xlb_vip_hash(.., 1). */
struct xlb_vip {
	__be32 addr;
	__be16 port;
	__u8 proto; /* 0: the way is free. Written last, as is 'service' on removal */
	__u8 pad;
	__u16 service; /* index into xlb_services */
	__u16 pad2[3];
};

struct xlb_vip_bucket {
	struct xlb_vip way[XLB_VIP_WAYS];
};

/* A frontend as the program sees it. Timeouts in ticks. */
struct xlb_service {
	__u16 backend;		      /* index into xlb_backends, 0: none */
	__u16 flags;		      /* XLB_SVC_* */
	__u32 timeout[XLB_NR_STATES]; /* idle time after which a flow in that state has ended */
	__u64 identity;		      /* hash of the frontend's name: how a new daemon finds its own again */
	__u32 pad[8];
};

enum {
	XLB_SVC_ENABLED = 1u << 0, /* off: packets without a flow pass to the host */
};

/* A backend: where its current ring lies. 'ring' is replaced by one aligned 64-bit store. */
struct xlb_backend {
	__u64 ring;	/* first value of xlb_ring << 32 | number of entries; 0 entries: no usable server */
	__u64 identity; /* hash of the backend's name */
	__u64 pad[6];
};

/* Cursor of a backend, map xlb_cursors, on a line of its own: every new flow of any CPU takes the next ring entry. */
struct xlb_cursor {
	__u64 next;
	__u64 pad[7];
};

/* Part of a ring: indices into xlb_servers, in the order in which they are used. */
struct xlb_ring {
	__u16 server[XLB_RING_WAYS];
};

/* A server. The daemon keeps next hop and state true; a flow copies what it needs. */
struct xlb_server {
	__be32 addr;
	__be32 source; /* full NAT: the balancer's address that the server sees */
	__be16 port;   /* 0: the port that the client asked for */
	__u16 pool_lo; /* source ports, host order, both inclusive */
	__u16 pool_hi;
	__u16 oif;	/* interface number, 0: no route to it through an attached interface */
	__u8 dmac[6];	/* of the server or of the router towards it; all 0: unknown */
	__u8 smac[6];	/* of the interface */
	__u64 identity; /* hash of "backend/server" */
	__u16 backend;	/* index into xlb_backends; 0: the record is free */
	__u16 flags;	/* none yet */
	__u32 pad[5];
};

/*
 * Ports that are never chosen as source ports: in use on the host, or bound by a frontend. Map xlb_busy, a bit a port
 * (host order), 1024 words of 64 bits per protocol, TCP first; an array value is one cache line of words.
 */
enum { XLB_BUSY_WORDS = 1024 };

struct xlb_busy {
	__u64 word[8];
};

_Static_assert(sizeof(struct xlb_addr) == XLB_LINE, "an address is one cache line");
_Static_assert(sizeof(struct xlb_vip_bucket) == XLB_LINE, "a bucket of binds is one cache line");
_Static_assert(sizeof(struct xlb_service) == XLB_LINE, "a service is one cache line");
_Static_assert(sizeof(struct xlb_backend) == XLB_LINE, "a backend is one cache line");
_Static_assert(sizeof(struct xlb_cursor) == XLB_LINE, "a cursor is one cache line");
_Static_assert(sizeof(struct xlb_ring) == XLB_LINE, "a ring value is one cache line");
_Static_assert(sizeof(struct xlb_server) == XLB_LINE, "a server is one cache line");

/* First slot to look at for an address. */
static inline __u32 xlb_addr_hash(const volatile __u64 *secrets, __be32 addr)
{
	return (__u32)((secrets[5] + secrets[6] * (__u32)addr) >> 32) & (XLB_ADDR_SLOTS - 1);
}

/* Map key and bit of slot 'slot' in the filter, an array of 8 64-bit words per map value. */
static inline __u32 xlb_addr_filter_key(__u32 slot)
{
	return XLB_ADDR_SLOTS + slot / 512;
}

static inline __u32 xlb_addr_filter_word(__u32 slot)
{
	return slot / 64 % 8;
}

static inline __u64 xlb_addr_filter_bit(__u32 slot)
{
	return 1ull << (slot % 64);
}

/* Bit of a port in xlb_addr.bloom: 0..255. 'port' as it lies in memory. */
static inline __u32 xlb_port_bit(__be16 port, __u8 proto)
{
	return (((__u32)port + proto) * 0x9e3779b1u) >>
	       24; /* Knuth, TAOCP vol. 3, 6.4: multiply by 2^32 / golden ratio */
}

/* Bucket of a bind. 'choice' is 0 or 1. Mixed as xlb_flow_hash() is: a range of ports is a row of like keys. */
static inline __u32 xlb_vip_hash(const volatile __u64 *secrets, __be32 addr, __be16 port, __u8 proto, int choice)
{
	__u64 sum = secrets[7] + secrets[6] * (__u32)addr + secrets[5] * (((__u32)proto << 16) | (__u32)port);

	sum ^= sum >> 32;
	sum *= 0xbf58476d1ce4e5b9ull;
	return (__u32)(sum >> (choice ? 32 : 48)) & (XLB_VIP_BUCKETS - 1);
}

#endif
