/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps. Each comment says key, value, who writes, who reads, and what the size follows.
 */
#ifndef XLB_MAPS_BPF_H
#define XLB_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <xlb/flow.h>
#include <xlb/reason.h>
#include <xlb/service.h>
#include <xlb/stats.h>

enum { XLB_NR_LOCKS = 256 }; /* 16 KiB: they stay in the first-level cache */

/* A lock on a cache line of its own. 0 free, 1 taken. */
struct xlb_lock {
	__u32 taken;
	__u32 pad[15];
};

/* Tokens for packets that the program makes itself; see answer.bpf.h. */
struct xlb_limit {
	__u64 jiffies; /* of the last refill */
	__u64 tokens;
};

/* What xlb_clock reads. */
struct xlb_time {
	__u64 jiffies;
	__u64 ktime_ns; /* CLOCK_MONOTONIC */
};

/* The two entries of a flow in the making: too large for the stack of the call chain that inserts them. */
struct xlb_scratch {
	struct xlb_flow request;
	struct xlb_flow reply;
};

/* What the routing table said of a client, during one tick. */
struct xlb_hop {
	__be32 client;
	__be32 vip;
	__u32 ifindex; /* that the client's packet came by */
	__u32 tick;
	__u8 dmac[6];
	__u8 smac[6];
	__u16 oif;
	__u8 epoch;
	__u8 result; /* NEXTHOP_* */
};

enum { XLB_HOP_BITS = 8 };

#define XLB_MAP(name, kind, value_type, entries, flags)                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

/* Facts for a daemon that adopts these maps. Writer: the daemon that made them, once. Never read here. */
XLB_MAP(xlb_meta, BPF_MAP_TYPE_ARRAY, struct xlb_meta, 1, 0);

/* Run-time control. Writer: the daemon. Reader: every packet that is sent. */
XLB_MAP(xlb_control, BPF_MAP_TYPE_ARRAY, struct xlb_control, 1, BPF_F_MMAPABLE);

/* Flow table; xlb/flow.h. Key: bucket. Writer: the program; the daemon ends entries. Size: set before load from the
 * configured number of flows. */
XLB_MAP(xlb_flows, BPF_MAP_TYPE_ARRAY, struct xlb_bucket, 1, BPF_F_MMAPABLE);

/* Insert locks, bucket number modulo XLB_NR_LOCKS. Writer and reader: the slow paths of the program. */
XLB_MAP(xlb_locks, BPF_MAP_TYPE_ARRAY, struct xlb_lock, XLB_NR_LOCKS, 0);

/* Addresses of ours. Key: xlb_addr_hash() and up; behind them the filter. Writer: the daemon. Reader: every packet. */
XLB_MAP(xlb_addrs, BPF_MAP_TYPE_ARRAY, struct xlb_addr, XLB_ADDR_SLOTS + XLB_ADDR_FILTER, BPF_F_MMAPABLE);

/* Binds. Key: xlb_vip_hash(). Writer: the daemon. Reader: packets without a flow. */
XLB_MAP(xlb_vips, BPF_MAP_TYPE_ARRAY, struct xlb_vip_bucket, XLB_VIP_BUCKETS, BPF_F_MMAPABLE);

/* Frontends. Writer: the daemon. Reader: packets without a flow, and xlb_track() for timeouts. */
XLB_MAP(xlb_services, BPF_MAP_TYPE_ARRAY, struct xlb_service, XLB_MAX_SERVICES, BPF_F_MMAPABLE);

/* Backends. Writer: the daemon. Reader: packets without a flow. */
XLB_MAP(xlb_backends, BPF_MAP_TYPE_ARRAY, struct xlb_backend, XLB_MAX_BACKENDS, BPF_F_MMAPABLE);

/* Round robin cursors by backend. Writer: the program, atomically, once per new flow. */
XLB_MAP(xlb_cursors, BPF_MAP_TYPE_ARRAY, struct xlb_cursor, XLB_MAX_BACKENDS, 0);

/* Rings of all backends; the daemon allocates. Reader: packets without a flow. */
XLB_MAP(xlb_ring, BPF_MAP_TYPE_ARRAY, struct xlb_ring, XLB_RING_VALUES, BPF_F_MMAPABLE);

/* Servers. Writer: the daemon. Reader: packets without a flow, and xlb_track() for next hops. */
XLB_MAP(xlb_servers, BPF_MAP_TYPE_ARRAY, struct xlb_server, XLB_MAX_SERVERS, BPF_F_MMAPABLE);

/* Ports that are never source ports; xlb/service.h. Writer: the daemon. Reader: the search for a source port. */
XLB_MAP(xlb_busy, BPF_MAP_TYPE_ARRAY, struct xlb_busy, 2 * XLB_BUSY_WORDS / 8, BPF_F_MMAPABLE);

/* Packets by reason. Key: enum xlb_reason. Writer: account(). */
XLB_MAP(xlb_reasons, BPF_MAP_TYPE_PERCPU_ARRAY, __u64, XLB_R_MAX, 0);

/* Counters by service and by server number. Writer: the program. */
XLB_MAP(xlb_svc_stats, BPF_MAP_TYPE_PERCPU_ARRAY, struct xlb_stats, XLB_MAX_SERVICES, 0);
XLB_MAP(xlb_srv_stats, BPF_MAP_TYPE_PERCPU_ARRAY, struct xlb_stats, XLB_MAX_SERVERS, 0);

/* Budget of self-made packets. Writer and reader: answer.bpf.h. */
XLB_MAP(xlb_limits, BPF_MAP_TYPE_PERCPU_ARRAY, struct xlb_limit, 1, 0);

/* Working memory of the slow stages, one at a time. Writer and reader: the stage, between entry and return. */
XLB_MAP(xlb_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, struct xlb_scratch, 1, 0);

/* Recent answers of the routing table; nexthop.bpf.h. Key: hash of the client. Writer and reader: slow paths. */
XLB_MAP(xlb_hops, BPF_MAP_TYPE_PERCPU_ARRAY, struct xlb_hop, 1 << XLB_HOP_BITS, 0);

/* Answer of xlb_clock. */
XLB_MAP(xlb_time, BPF_MAP_TYPE_ARRAY, struct xlb_time, 1, 0);

/* Attached interfaces by interface number, for redirects. Writer: the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, XLB_MAX_IFS);
	__type(key, __u32);
	__type(value, __u32);
} xlb_ports SEC(".maps");

#endif
