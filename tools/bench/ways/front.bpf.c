/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As ../front.bpf.c, for both families and for programs that put a header in front: the head goes back to where it was
 * before the headers are written anew.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ways.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ways_target SEC(".maps");

struct ways_order order;

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline void write_tcp(struct tcphdr *tcp, __u64 pseudo, __be16 sport)
{
	__u32 flags = 0x50 | (__u32)order.tcp_flags << 8; /* bytes 12 and 13 as a little-endian word */

	tcp->source = sport;
	tcp->dest = bpf_htons(WAYS_PORT);
	tcp->seq = 0;
	tcp->ack_seq = 0;
	*((__be16 *)tcp + 6) = flags;
	tcp->window = bpf_htons(0xffff);
	tcp->urg_ptr = 0;
	tcp->check = ~fold(pseudo + sport + bpf_htons(WAYS_PORT) + flags + bpf_htons(0xffff) + bpf_htons(IPPROTO_TCP) +
			   bpf_htons(sizeof(*tcp)));
}

static __always_inline void write_ip4(struct iphdr *ip, __be32 saddr, __be32 daddr)
{
	*(__be16 *)ip = bpf_htons(0x4500);
	ip->tot_len = bpf_htons(WAYS_FRAME4 - ETH_HLEN);
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	*(__be16 *)&ip->ttl = bpf_htons(64 << 8 | IPPROTO_TCP);
	ip->saddr = saddr;
	ip->daddr = daddr;
	ip->check = ~fold((__u64)saddr + daddr + bpf_htons(0x4500) + bpf_htons(WAYS_FRAME4 - ETH_HLEN) +
			  bpf_htons(0x4000) + bpf_htons(64 << 8 | IPPROTO_TCP));
}

static __always_inline void write_ip6(struct ipv6hdr *ip, __be32 client, __be32 vip)
{
	*(__be32 *)ip = bpf_htonl(6u << 28);
	ip->payload_len = bpf_htons(WAYS_FRAME6 - ETH_HLEN - sizeof(*ip));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = 64;
	ip->saddr.in6_u.u6_addr32[0] = bpf_htonl(0xfd010000);
	ip->saddr.in6_u.u6_addr32[1] = 0;
	ip->saddr.in6_u.u6_addr32[2] = 0;
	ip->saddr.in6_u.u6_addr32[3] = client;
	ip->daddr.in6_u.u6_addr32[0] = bpf_htonl(0xfd000000);
	ip->daddr.in6_u.u6_addr32[1] = 0;
	ip->daddr.in6_u.u6_addr32[2] = 0;
	ip->daddr.in6_u.u6_addr32[3] = vip;
}

/* The frame back to its first length and place. */
static __always_inline int restore(struct xdp_md *ctx, __u32 len)
{
	__s32 have = ctx->data_end - ctx->data;

	if (have > (__s32)len && have <= (__s32)len + WAYS_HEADROOM && bpf_xdp_adjust_head(ctx, have - (__s32)len))
		return -1;
	have = ctx->data_end - ctx->data;
	return have < (__s32)len ? bpf_xdp_adjust_tail(ctx, (__s32)len - have) : 0;
}

SEC("xdp.frags")
int ways_front(struct xdp_md *ctx)
{
	__u32 len = order.v6 ? WAYS_FRAME6 : WAYS_FRAME4, flow = order.at + order.step;
	__be32 client, vip;
	struct ethhdr *eth;
	void *end;

	if (flow >= order.nr)
		flow -= order.nr;
	order.at = flow;
	client = bpf_htonl(ways_client(flow));
	vip = bpf_htonl(WAYS_VIP + (flow & order.vip_mask));
	if (restore(ctx, len))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)eth + WAYS_FRAME4 > end)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_dest, order.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, order.smac, ETH_ALEN);
	if (order.v6) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)eth + WAYS_FRAME6 > end)
			return XDP_ABORTED;
		eth->h_proto = bpf_htons(ETH_P_IPV6);
		write_ip6(ip, client, vip);
		write_tcp((void *)(ip + 1), (__u64)client + vip + bpf_htonl(0xfd010000) + bpf_htonl(0xfd000000),
			  bpf_htons(ways_port(flow)));
	} else {
		struct iphdr *ip = (void *)(eth + 1);

		eth->h_proto = bpf_htons(ETH_P_IP);
		write_ip4(ip, client, vip);
		write_tcp((void *)(ip + 1), (__u64)client + vip, bpf_htons(ways_port(flow)));
	}
	bpf_tail_call(ctx, &ways_target, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int ways_empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* Puts room for a header in front, which the front program gives back the next time: two moves of the head. */
SEC("xdp.frags")
int ways_grow(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)) ? XDP_ABORTED : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
