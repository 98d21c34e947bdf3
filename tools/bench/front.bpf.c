/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The front of every measurement: writes all headers of the next flow's packet and jumps to the program under test.
 *
 * A test run with a repeat count does not restore the packet, so a program that rewrites headers would see its own
 * output from the second round on and measure its fastest way out. The front costs the same whatever it jumps to, and
 * the harness subtracts a run of it that jumps to bench_empty.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench.h"

/* Slot TARGET_SLOT: the program under test. The index is constant, so the kernel patches the call to a jump. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} bench_target SEC(".maps");

/* Packets of the reply direction, already shuffled; the harness learns them from what the target sends. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_FLOWS);
	__type(key, __u32);
	__type(value, struct bench_tuple);
} bench_replies SEC(".maps");

struct bench_order order;

static __always_inline __u32 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u32 sum32(__be32 v)
{
	return (v & 0xffff) + (v >> 16);
}

static __always_inline __u32 next_flow(void)
{
	__u32 at = order.at + order.step;

	if (at >= order.nr)
		at -= order.nr;
	order.at = at;
	return at;
}

/* Writes a valid TCP packet with six bytes of payload, and jumps to the target. */
static __always_inline int send_to_target(struct xdp_md *ctx, const struct bench_tuple *t)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 addrs = sum32(t->saddr) + sum32(t->daddr);
	__u32 flags = 0x50 | (__u32)order.tcp_flags << 8; /* bytes 12 and 13 as a little-endian word */
	struct tcphdr *tcp;
	struct iphdr *ip;

	if ((void *)eth + FRAME_LEN > end) {
		/* The target has answered with a shorter frame of its own. */
		if (bpf_xdp_adjust_tail(ctx, FRAME_LEN - (int)(end - (void *)eth)))
			return XDP_ABORTED;
		eth = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		if ((void *)eth + FRAME_LEN > end)
			return XDP_ABORTED;
	}
	ip = (void *)(eth + 1);
	tcp = (void *)(ip + 1);
	__builtin_memcpy(eth->h_dest, order.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, order.smac, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);

	*(__be16 *)ip = bpf_htons(0x4500);
	ip->tot_len = bpf_htons(FRAME_LEN - sizeof(*eth));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	*(__be16 *)&ip->ttl = bpf_htons(64 << 8 | IPPROTO_TCP);
	ip->saddr = t->saddr;
	ip->daddr = t->daddr;
	ip->check = ~fold(addrs + bpf_htons(0x4500) + bpf_htons(FRAME_LEN - sizeof(*eth)) + bpf_htons(0x4000) +
			  bpf_htons(64 << 8 | IPPROTO_TCP));

	tcp->source = t->sport;
	tcp->dest = t->dport;
	tcp->seq = 0;
	tcp->ack_seq = 0;
	*((__be16 *)tcp + 6) = flags;
	tcp->window = bpf_htons(0xffff);
	tcp->urg_ptr = 0;
	tcp->check = ~fold(addrs + t->sport + t->dport + flags + bpf_htons(0xffff) + bpf_htons(IPPROTO_TCP) +
			   bpf_htons(FRAME_LEN - sizeof(*eth) - sizeof(*ip)));

	bpf_tail_call(ctx, &bench_target, TARGET_SLOT);
	return XDP_ABORTED;
}

static __always_inline int send_request(struct xdp_md *ctx, __u32 flow)
{
	struct bench_tuple t = {
		.saddr = bpf_htonl(client_addr(flow)),
		.daddr = bpf_htonl(VIP_ADDR),
		.sport = bpf_htons(client_port(flow)),
		.dport = bpf_htons(VIP_PORT),
	};

	return send_to_target(ctx, &t);
}

SEC("xdp.frags")
int bench_request(struct xdp_md *ctx)
{
	return send_request(ctx, next_flow());
}

SEC("xdp.frags")
int bench_new(struct xdp_md *ctx)
{
	return send_request(ctx, order.next_new++);
}

/* The list is read in sequence: what it costs to read is in the baseline, and it hardly takes cache from the target. */
SEC("xdp.frags")
int bench_reply(struct xdp_md *ctx)
{
	__u32 at = order.at + 1;
	struct bench_tuple *t;

	if (at >= order.nr)
		at = 0;
	order.at = at;
	t = bpf_map_lookup_elem(&bench_replies, &at);
	return t ? send_to_target(ctx, t) : XDP_ABORTED;
}

/* To an address that is not ours. */
SEC("xdp.frags")
int bench_other_addr(struct xdp_md *ctx)
{
	__u32 flow = next_flow();
	struct bench_tuple t = {
		.saddr = bpf_htonl(client_addr(flow)),
		.daddr = bpf_htonl(OTHER_BASE + (flow & 0xffff)),
		.sport = bpf_htons(client_port(flow)),
		.dport = bpf_htons(VIP_PORT),
	};

	return send_to_target(ctx, &t);
}

/* To the balancer's own address, but to a port that nobody balances: ssh. */
SEC("xdp.frags")
int bench_other_port(struct xdp_md *ctx)
{
	__u32 flow = next_flow();
	struct bench_tuple t = {
		.saddr = bpf_htonl(client_addr(flow)),
		.daddr = bpf_htonl(VIP_ADDR),
		.sport = bpf_htons(client_port(flow)),
		.dport = bpf_htons(22),
	};

	return send_to_target(ctx, &t);
}

SEC("xdp.frags")
int bench_empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
