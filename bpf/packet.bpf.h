/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stages know of a packet: values and offsets, no packet pointers. Filled when a packet leaves the hit path
 * (parse.bpf.h), kept in map xlb_scratch, since the call chain of the stages has 512 bytes of stack in all.
 */
#ifndef XLB_PACKET_BPF_H
#define XLB_PACKET_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <xlb/flow.h>
#include <xlb/reason.h>

/* The value as it is in memory now: keeps the compiler from reading shared memory twice or not at all. */
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val) (*(volatile typeof(x) *)&(x) = (val))
#define barrier() asm volatile("" ::: "memory")

enum {
	ETH_LEN = sizeof(struct ethhdr),
	VLAN_LEN = 4,
	IP_OFFSET_MASK = 0x1fff, /* fragment offset in units of 8 bytes, RFC 791 */
	IP_MORE_FRAGMENTS = 0x2000,
	IP_DONT_FRAGMENT = 0x4000,
	IP4_LEN = sizeof(struct iphdr), /* without options */
	IP6_LEN = sizeof(struct ipv6hdr),
	TCP_MIN_LEN = sizeof(struct tcphdr),
	UDP_LEN = sizeof(struct udphdr),
	L3_MAX = ETH_LEN + VLAN_LEN, /* largest offset of an IP header */
	L4_MAX = 255,		     /* largest offset of a layer 4 header that the stages follow */
	PROTO_ICMP6 = 58,
};

/* Low byte of the TCP flags, RFC 9293 3.1. */
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

enum xlb_frag_part { FRAG_NONE, FRAG_FIRST, FRAG_LATER };

/* What a packet becomes: filled by the stage that knows, executed by send.bpf.h. */
struct xlb_aim {
	__be32 saddr[4];
	__be32 daddr[4];
	union {
		struct {
			__be16 sport;
			__be16 dport;
		};
		__u32 ports;
	};
	__u8 macs[12]; /* destination, then source */
	__u16 oif;     /* interface number to leave by */
	__u8 mode;     /* enum xlb_mode; of a reply XLB_MODE_DNAT: all that is in here */
	__u8 reply;
};

struct xlb_pkt {
	__be32 saddr[4]; /* IPv4: in word 0, the others 0 */
	__be32 daddr[4];
	union {
		struct {
			__be16 sport;
			__be16 dport;
		};
		__u32 ports; /* both, as they lie in memory */
	};
	__u32 bad;	 /* enum xlb_reason to drop it for, if it turns out to be ours; 0: sound */
	__u32 slot;	 /* number of the flow's entry; XLB_NO_SLOT: none */
	__u32 frag_id;	 /* as it lies in memory */
	__u64 hash;	 /* xlb_flow_hash4/6 of the packet */
	__u16 l3;	 /* offset of the IP header in the frame: ETH_LEN, or with a tag VLAN_LEN more */
	__u16 l4;	 /* offset of the layer 4 header */
	__u16 tot_len;	 /* of the IP packet, IP header included; host order */
	__u16 addr_slot; /* of the address of ours: destination, or with 'from_server' source */
	__u16 service;	 /* index; 0: unknown */
	__u16 server;	 /* index; 0: unknown */
	__u16 backend;	 /* index, of a packet that opens a flow */
	__u16 tracked;	 /* XLB_F_TRACKED bits of the flow that it opens */
	__u16 avoid;	 /* index of a server that has not answered: chosen only if there is no other; 0: none */
	__u16 return_id; /* with from_server: index into xlb_tables.returns */
	__u8 family;	 /* 4 or 6 */
	__u8 proto;
	__u8 tcp_flags;	  /* low byte; 0 for UDP */
	__u8 ttl;	  /* or hop limit */
	__u8 frag;	  /* enum xlb_frag_part */
	__u8 frag_proto;  /* what the fragment header says: of all fragments of a packet the same (RFC 8200, 4.5) */
	__u8 dont_frag;	  /* IPv4: the bit; IPv6: always */
	__u8 in_pool;	  /* dport may be a source port of ours */
	__u8 addr_flags;  /* of the address of ours, XLB_ADDR_* */
	__u8 from_server; /* the address of ours is a server's (XLB_ADDR_SERVER) */
	__u8 is_error;	  /* an ICMP error: nothing that goes wrong with it is answered by another (RFC 1122, 3.2.2) */
	__u8 sought;	  /* flow_seek() found no entry of the packet's flow */
	__u8 reopen;	  /* out of xlb_track: the flow has ended, the packet counts as one without a flow */
	struct xlb_aim aim;
};

static __always_inline bool is_syn(const struct xlb_pkt *pkt)
{
	return (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * Addresses of IPv4 are one word of 32 bits, those of IPv6 two of 64. A packet's are aligned to 2 bytes only, which the
 * verifier allows where the CPU reads it without penalty (x86, arm64, s390). 'v6' is a constant wherever this is called
 * on the hit path.
 */
static __always_inline bool addr_same(const __be32 *a, const __be32 *b, bool v6)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return v6 ? x[0] == y[0] && x[1] == y[1] : a[0] == b[0];
}

static __always_inline void addr_copy(__be32 *to, const __be32 *from, bool v6)
{
	if (v6) {
		((__u64 *)to)[0] = ((const __u64 *)from)[0];
		((__u64 *)to)[1] = ((const __u64 *)from)[1];
	} else {
		to[0] = from[0];
	}
}

/* As addr_copy() to a record of ours: an IPv4 address ends with zeroes there. */
static __always_inline void addr_fill(__be32 *to, const __be32 *from, bool v6)
{
	if (!v6)
		to[1] = to[2] = to[3] = 0;
	addr_copy(to, from, v6);
}

/* Copies all four words: both sides are records of ours, in which IPv4 addresses end with zeroes. */
static __always_inline void addr_copy_all(__be32 *to, const __be32 *from)
{
	addr_copy(to, from, true);
}

/* Twelve bytes, destination first, from a record of ours in which they are aligned to 8. */
static __always_inline void rewrite_macs(void *frame, const void *macs)
{
	*(__u64 *)frame = *(const __u64 *)macs;
	*(__u32 *)(frame + 8) = *(const __u32 *)(macs + 8);
}

#endif
