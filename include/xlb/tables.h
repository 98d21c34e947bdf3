/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All tables of a fixed size, as one record: the program's global memory (section .bss of the object, map xlb_bpf.bss,
 * pinned as "tables"), which the daemon maps into its own.
 *
 * The program reads a record of them by adding an offset to a constant address. An array map's lookup, even inlined,
 * puts the key on the stack, reads it back, compares, and is a call as far as the compiler knows, which costs all
 * registers but four: measured at 2 to 3 ns each, of which a packet needed six. What must be resized (flow tables) or
 * is per CPU (counters) stays in maps of its own.
 *
 * The order of the members is part of the ABI (XLB_ABI_VERSION).
 */
#ifndef XLB_TABLES_H
#define XLB_TABLES_H

#include <xlb/abi.h>
#include <xlb/backend.h>
#include <xlb/flow.h>
#include <xlb/policy.h>
#include <xlb/server.h>
#include <xlb/service.h>
#include <xlb/stick.h>

enum {
	XLB_NR_LOCKS = 256, /* 16 KiB: they stay in the first-level cache */
	XLB_SYN_BITS = 10,
};

/* A lock on a cache line of its own, and what its holder leaves to the next. */
struct xlb_lock {
	__u32 seq;  /* odd while it is taken; two more each time */
	__u32 full; /* XLB_SEEN() of the last time that a bucket had no free slot; 0: never */
	__u32 pad[14];
};

/* The time of a SYN, for the one in XLB_CONNECT_SAMPLE that are timed. */
struct xlb_syn {
	__u32 slot; /* of the request entry */
	__u32 version;
	__u64 ns;
};

/* Every member begins on a cache line, and has a power of two of records. */
#define XLB_TABLE(type, name, nr) type name[nr] __attribute__((aligned(XLB_LINE)))

struct xlb_tables {
	/* Run-time control. Writer: the daemon. Reader: every packet that is sent. */
	struct xlb_control control __attribute__((aligned(XLB_LINE)));

	/* Addresses of ours. Index: xlb_addr_hash() and up; behind them the filter. Writer: the daemon. Reader: every
	 * packet. */
	XLB_TABLE(struct xlb_addr, addrs, XLB_ADDR_SLOTS + XLB_ADDR_FILTER);

	/* Servers. Writer: the daemon. Reader: every packet of a flow, one line of it. */
	XLB_TABLE(struct xlb_server, servers, XLB_MAX_SERVERS);

	/* Next hops towards clients. Writer: the program; the daemon clears. Reader: replies. */
	XLB_TABLE(struct xlb_nexthop, nexthops, XLB_MAX_NEXTHOPS);

	/* Binds. Index: xlb_vip_hash(). Writer: the daemon. Reader: packets without a flow, and those of stateless
	 * services. */
	XLB_TABLE(struct xlb_vip_bucket, vips, XLB_VIP_BUCKETS);

	/* Frontends. Writer: the daemon. Reader: packets without a flow, xlb_track() for timeouts, stateless packets.
	 */
	XLB_TABLE(struct xlb_service, services, XLB_MAX_SERVICES);

	/* Backends. Writer: the daemon. Reader: packets without a flow. */
	XLB_TABLE(struct xlb_backend, backends, XLB_MAX_BACKENDS);

	/* Rings of all backends, and at the same places the previous servers of marked slots; the daemon allocates.
	 * Reader: packets without a flow. */
	XLB_TABLE(struct xlb_ring, ring, XLB_RING_VALUES);
	XLB_TABLE(struct xlb_ring, marks, XLB_RING_VALUES);

	/* Port ranges of addresses; the daemon keeps those of an address together. Reader: packets that no bind fits.
	 */
	XLB_TABLE(struct xlb_range, ranges, XLB_MAX_RANGES);

	/* Services by the server that answers. Writer: the daemon. Reader: answers of servers in XLB_MODE_DNAT. */
	XLB_TABLE(struct xlb_return, returns, XLB_MAX_RETURNS);

	/* Rules of frontends: heads, and the rows of all. Writer: the daemon. Reader: packets that open a flow of a
	 * frontend with rules. */
	XLB_TABLE(struct xlb_policy, policies, XLB_MAX_POLICIES);
	XLB_TABLE(struct xlb_rule, rules, XLB_MAX_POLICIES *XLB_POLICY_ROWS);
	XLB_TABLE(struct xlb_stick_conf, stick_confs, XLB_MAX_STICKS);

	/* Ports that are never source ports. Writer: the daemon. Reader: the search for a source port. */
	XLB_TABLE(struct xlb_busy, busy, 2 * XLB_BUSY_WORDS / 8);

	/* Round robin cursors by backend. Writer: the program, atomically, once per new flow. */
	XLB_TABLE(struct xlb_cursor, cursors, XLB_MAX_BACKENDS);

	/* Live flows by server and by service. Writers: program and daemon, atomically, where a flow begins or ends. */
	XLB_TABLE(struct xlb_load, load, XLB_MAX_SERVERS);
	XLB_TABLE(struct xlb_load, svc_load, XLB_MAX_SERVICES);

	/* Insert locks, bucket number modulo XLB_NR_LOCKS. Writer and reader: the slow paths of the program. */
	XLB_TABLE(struct xlb_lock, locks, XLB_NR_LOCKS);

	/* Times of SYNs that wait for their SYN-ACK; any CPU may see that. Index: low bits of the slot. */
	XLB_TABLE(struct xlb_syn, syns, 1 << XLB_SYN_BITS);
};

#endif
