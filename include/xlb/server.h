/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A server as the program sees it, and what is counted about it at run time. The daemon writes xlb_tables.servers and
 * keeps next hop and flags true; every packet of a flow reads its server's record, so all that packets need is in its
 * first line.
 */
#ifndef XLB_SERVER_H
#define XLB_SERVER_H

#include <xlb/abi.h>

/* How packets get to a server, and answers back. */
enum xlb_mode {
	XLB_MODE_FULLNAT, /* both addresses and ports rewritten both ways; the server sees 'source' */
	XLB_MODE_DNAT,	  /* destination rewritten only; the server sees the client, its way back leads through xlb */
	XLB_MODE_L2DSR,	  /* destination MAC only; the server has the service's address and answers directly */
	XLB_MODE_IPIP,	  /* outer IP header 'source' -> 'addr'; the server unpacks and answers directly */
};

enum {
	XLB_SRV_UP = 1u << 0, /* takes flows: healthy, or nobody knows better. Off: UDP flows of it move at once */
	XLB_SRV_SHUT =
		1u << 1, /* marked down with shutdown-sessions: the packets of its flows are answered by resets */
	XLB_SRV_DRAIN = 1u << 2, /* informative: takes no new flows */
	XLB_SRV_FULL = 1u << 3,	 /* has a limit: compare xlb_tables.load.active with 'limit' before choosing it */
};

/*
 * Index into xlb_tables.servers. Addresses of IPv4 are in word 0, the others are then 0.
 *
 * Flows know their server by its number, and reply entries are found by what the record says. So mode, family, addr,
 * source, port and port_add of a record never change while a flow carries its number: a server that moves gets a new
 * one. Next hop, flags, weight, limit and the port range may change at any time.
 */
struct xlb_server {
	/* The line that packets read. */
	__u16 flags;  /* XLB_SRV_* */
	__u8 mode;    /* enum xlb_mode */
	__u8 family;  /* 4 or 6: of addr and source. Equal to the service's, but for XLB_MODE_IPIP 4 in 6 */
	__u16 oif;    /* interface number, 0: no route to it through an attached interface */
	__u16 mtu;    /* largest IP packet on the way to it; 0: unknown, not checked */
	__u8 dmac[6]; /* of the server or of the router towards it; all 0: unknown */
	__u8 smac[6]; /* of the interface */
	__be16 port;  /* 0: the port that the client asked for, plus port_add */
	__u16 port_add;
	__u16 pool_lo; /* full NAT: source ports, host order, both inclusive */
	__u16 pool_hi;
	__u16 weight;  /* effective, 0..256 */
	__u16 backend; /* index into xlb_tables.backends; 0: the record is free */
	__be32 addr[4];
	__be32 source[4]; /* full NAT: the balancer's address that the server sees; IPIP: outer source */
	/* The line that new flows read. */
	__u64 identity; /* hash of "backend/server" */
	__u32 limit;	/* most live flows, with XLB_SRV_FULL */
	__u32 pad[13];
};

/*
 * Live flows of a server (table load) or service (table svc_load): those counted by XLB_F_COUNTED, that is, not yet
 * closing or closed. Changed by atomic operations where a flow begins or ends, by the program and by the daemon's
 * sweep.
 */
struct xlb_load {
	__u32 active;
	__u32 pad[15];
};

_Static_assert(sizeof(struct xlb_server) == 2 * XLB_LINE, "a server is two cache lines");
_Static_assert(__builtin_offsetof(struct xlb_server, identity) == XLB_LINE, "packets read one line of it");
_Static_assert(sizeof(struct xlb_load) == XLB_LINE, "a count that many CPUs write is a cache line");

#endif
