/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bare rewrite: the packets of full NAT without any table. What it costs, and what it reaches end to end, is the
 * set-up's own limit.
 *
 * It serves one client, one service and two servers whose addresses are constants set before the load. The client's
 * port is kept as source port, and one bit of it chooses the server: not the lowest, which Linux leaves the same in
 * all ports that connect() gives out.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __be32 bare_vip;
const volatile __be32 bare_client;
const volatile __be32 bare_server[2];
const volatile __be16 bare_vip_port;
const volatile __be16 bare_server_port;
const volatile __u8 bare_client_mac[ETH_ALEN];
const volatile __u8 bare_server_mac[2][ETH_ALEN];

static __always_inline __u32 sum32(__be32 v)
{
	return (v & 0xffff) + (v >> 16);
}

static __always_inline __u16 apply(__u16 check, __u32 delta)
{
	__u32 s = (__u16)~check + delta;

	s = (s & 0xffff) + (s >> 16);
	return ~((s & 0xffff) + (s >> 16));
}

/* 'dmac' stays volatile to the end: the compiler knows its value, 0, only until the harness has set it. */
static __always_inline void set_mac(struct ethhdr *eth, const volatile __u8 *dmac)
{
	int i;

	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	for (i = 0; i < ETH_ALEN; i++)
		eth->h_dest[i] = dmac[i];
}

/* The checksum at 'check' covers the pseudo header; 'check' 0 of UDP, which means none, stays. */
static __always_inline void rewrite(struct iphdr *ip, __be16 *ports, __u16 *check, __be32 saddr, __be32 daddr,
				    __be16 sport, __be16 dport)
{
	__u32 out = sum32(~ip->saddr) + sum32(~ip->daddr), in = sum32(saddr) + sum32(daddr);

	if (*check || ip->protocol == IPPROTO_TCP)
		*check = apply(*check, out + in + (__u16)~ports[0] + (__u16)~ports[1] + sport + dport);
	ip->check = apply(ip->check, out + in + (__u16)~bpf_htons(0x0100)); /* one hop less */
	ip->ttl--;
	ip->saddr = saddr;
	ip->daddr = daddr;
	ports[0] = sport;
	ports[1] = dport;
}

SEC("xdp.frags")
int bare(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__be16 *ports = (void *)(ip + 1);
	void *end = (void *)(long)ctx->data_end;
	__u16 *check;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;
	if (ip->protocol == IPPROTO_TCP)
		check = &((struct tcphdr *)ports)->check;
	else if (ip->protocol == IPPROTO_UDP)
		check = &((struct udphdr *)ports)->check;
	else
		return XDP_PASS;
	if ((void *)(check + 1) > end || ip->daddr != bare_vip)
		return XDP_PASS;

	if (ports[1] == bare_vip_port) {
		int which = bpf_ntohs(ports[0]) >> 1 & 1;

		set_mac(eth, which ? bare_server_mac[1] : bare_server_mac[0]);
		rewrite(ip, ports, check, bare_vip, which ? bare_server[1] : bare_server[0], ports[0],
			bare_server_port);
		return XDP_TX;
	}
	if (ports[0] == bare_server_port) {
		set_mac(eth, bare_client_mac);
		rewrite(ip, ports, check, bare_vip, bare_client, bare_vip_port, ports[1]);
		return XDP_TX;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
