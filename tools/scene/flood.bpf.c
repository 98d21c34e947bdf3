/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two ends of a flood in the lab. 'flood' makes SYNs of ever new sources out of a template, for live-frame test
 * runs (tests/flood.c); 'sink' stands in for pass.bpf.c on the switch's side of the balancer's cable and takes what the
 * balancer made of them, known by the type of service, so that servers and switch, which could not keep up, see only
 * the honest packets.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { FLOOD_TOS = 0x04 };

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
	__u8 padding[6];
} __attribute__((packed));

/* Written by the loader, which knows the same struct. */
const volatile struct {
	__u32 ifindex;
	__u16 sums[2]; /* of IP and TCP of the template without source and source port; folded, not complemented */
	__u64 first;   /* number of the first frame: another run has other sources */
	__u64 template[8];
} settings;

__u64 flood_count; /* frames made: one CPU at a time */
__u64 sink_count;  /* may miss some when several CPUs count */

static __u16 sum_done(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* The page comes round again as the balancer left it: all of the frame is written each time. */
SEC("xdp")
int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct frame *f = data;
	__u64 mix =
		(settings.first + ++flood_count) * 0x9e3779b97f4a7c15ull; /* odd: every count gives another number */
	__u32 addr, addr_sum;
	__u16 port;

	if (data + sizeof(settings.template) > end)
		return XDP_DROP;
	for (int i = 0; i < 8; i++)
		((__u64 *)data)[i] = settings.template[i];
	addr = bpf_htonl(0x30000000u | (mix >> 36)); /* 48.0.0.0/4: 2^28 sources */
	port = bpf_htons(1024 | (__u16)(mix >> 20));
	addr_sum = (addr & 0xffff) + (addr >> 16);
	f->ip.saddr = addr;
	f->tcp.source = port;
	f->ip.check = sum_done(settings.sums[0] + addr_sum);
	f->tcp.check = sum_done(settings.sums[1] + addr_sum + port);
	return (int)bpf_redirect(settings.ifindex, 0);
}

SEC("xdp.frags")
int sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct frame *f = data;

	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > end)
		return XDP_PASS;
	if (f->eth.h_proto != bpf_htons(ETH_P_IP) || f->ip.tos != FLOOD_TOS)
		return XDP_PASS;
	sink_count++;
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
