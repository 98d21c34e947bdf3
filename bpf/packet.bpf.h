/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What later stages know of a packet: values and offsets, no packet pointers. The entry function fills it when a
 * packet leaves the hit path.
 */
#ifndef XLB_PACKET_BPF_H
#define XLB_PACKET_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <xlb/reason.h>

/* The value as it is in memory now: keeps the compiler from reading shared memory twice or not at all. */
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val) (*(volatile typeof(x) *)&(x) = (val))
#define barrier() asm volatile("" ::: "memory")

enum {
	IP_OFFSET_MASK = 0x1fff, /* fragment offset in units of 8 bytes, RFC 791 */
	IP_MORE_FRAGMENTS = 0x2000,
	IP_MIN_LEN = sizeof(struct iphdr),
	TCP_MIN_LEN = sizeof(struct tcphdr),
	UDP_LEN = sizeof(struct udphdr),
};

/* Low byte of the TCP flags, RFC 9293 3.1. */
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

struct xlb_pkt {
	__be32 saddr;
	__be32 daddr;
	union {
		struct {
			__be16 sport;
			__be16 dport;
		};
		__u32 ports; /* both, as they lie in memory */
	};
	__u16 ip_len;  /* of the IP header, bytes */
	__u16 tot_len; /* of the IP packet, host order */
	__u8 proto;
	__u8 tcp_flags; /* low byte; 0 for UDP */
	__u8 in_pool;	/* dport may be a source port of ours */
	__u8 reopen;	/* out of xlb_track: the flow has ended, the packet counts as one without a flow */
	__u32 bad;	/* enum xlb_reason to drop it for, if it turns out to be ours; 0: sound */
	__u32 slot;	/* number of the flow's entry; XLB_NO_PEER: none */
	__u32 oif;	/* out: interface number to leave by */
	__u32 service;	/* out: index of the service, 0: unknown */
};

#endif
