/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the bench's BPF programs and its harness share: the scene's addresses and the records of the front program.
 *
 * The scene: one service 192.0.2.1:80, NR_SERVERS servers on port 8080, one balancer address as source of full NAT,
 * clients anywhere behind one router. Numbers of flows become clients by client_of_flow(), the same on both sides.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/types.h>

enum {
	NR_SERVERS = 64, /* 1 M flows need more ports than one server address has */
	SERVER_PORT = 8080,
	VIP_PORT = 80,
	POOL_LO = 1024, /* source ports of full NAT, both inclusive */
	POOL_HI = 65535,
	MAX_FLOWS = 1 << 20,
	FIRST_NEW_FLOW = 1 << 22, /* numbers from here on are flows never seen before */
	FRAME_LEN = 60,
	TARGET_SLOT = 0,
};

#define VIP_ADDR 0xc0000201u		   /* 192.0.2.1, host order, as all below */
#define ROUTER_ADDR 0xc00002feu		   /* 192.0.2.254 */
#define SERVER_ADDR(i) (0xc0000210u + (i)) /* 192.0.2.16 .. */
#define CLIENT_BASE 0x0a000100u		   /* 10.0.1.0 .. */
#define OTHER_BASE 0xc6330000u		   /* 198.51.0.0: not ours */

/* A packet's addresses and ports in network byte order. */
struct bench_tuple {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u32 pad;
};

/* What the front program is told; written by the harness between runs. */
struct bench_order {
	__u32 nr;   /* flows to walk over */
	__u32 step; /* stride of the walk, without a common divisor with 'nr': every flow once, in scattered order */
	__u32 at;   /* position, kept by the front program */
	__u32 next_new; /* number of the next flow never seen before, kept by the front program */
	__u8 tcp_flags; /* byte 13 of the TCP header */
	__u8 dmac[6];
	__u8 smac[6];
};

/* Client of a flow number: 64 flows per client address. Host order. */
static inline __u32 client_addr(__u32 flow)
{
	return CLIENT_BASE + (flow >> 6);
}

static inline __u16 client_port(__u32 flow)
{
	return 1024 + (flow & 63) * 613;
}

#endif
