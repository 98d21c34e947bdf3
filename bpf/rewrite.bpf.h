/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rewrite: addresses, ports, checksums, MAC addresses, time to live; and the outer header of a tunnel. Inlined in
 * the hit path with constant offsets, in send.bpf.h with variable ones.
 */
#ifndef XLB_REWRITE_BPF_H
#define XLB_REWRITE_BPF_H

#include "csum.bpf.h"
#include "flowtab.bpf.h"

/* Adds a change of pseudo-header or ports to the checksum of a TCP or UDP header of which 'proto' says which. */
static __always_inline void rewrite_l4_check(void *l4, __u8 proto, __u64 delta)
{
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;
	__u16 check;

	if (proto == IPPROTO_TCP) {
		tcp->check = csum_apply(tcp->check, delta);
		return;
	}
	/* RFC 768: 0 means no checksum and stays; a computed 0 is sent as its equal, all ones. */
	if (udp->check) {
		check = csum_apply(udp->check, delta);
		udp->check = check ? check : 0xffff;
	}
}

/* Replaces the addresses of an IP header and lowers its time to live. Returns the change of the addresses. */
static __always_inline __u64 rewrite_ip(void *l3, const __be32 *saddr, const __be32 *daddr, bool v6)
{
	struct ipv6hdr *ip6h = l3;
	struct iphdr *iph = l3;
	__u64 change;

	if (v6) {
		change = csum_addr_change(ip6h->saddr.in6_u.u6_addr32, saddr, true) +
			 csum_addr_change(ip6h->daddr.in6_u.u6_addr32, daddr, true);
		ip6h->hop_limit--;
		addr_copy(ip6h->saddr.in6_u.u6_addr32, saddr, true);
		addr_copy(ip6h->daddr.in6_u.u6_addr32, daddr, true);
		return change;
	}
	change = csum_change(iph->saddr, *saddr) + csum_change(iph->daddr, *daddr);
	iph->check = csum_apply(iph->check, change + csum_ttl_step());
	iph->ttl--;
	iph->saddr = *saddr;
	iph->daddr = *daddr;
	return change;
}

/* The whole of NAT on a packet whose layer 4 header is in bounds (20 bytes of TCP, 8 of UDP). */
static __always_inline void rewrite_nat(void *l3, void *l4, __u8 proto, const __be32 *saddr, const __be32 *daddr,
					__u32 ports, bool v6)
{
	__u64 change = rewrite_ip(l3, saddr, daddr, v6) + csum_change(*(__u32 *)l4, ports);

	rewrite_l4_check(l4, proto, change);
	*(__u32 *)l4 = ports;
}

enum { TUNNEL_TTL = 64 };

/*
 * Flow label of an outer IPv6 header: the same for all packets of a flow, on the hit path and off it, since the network
 * may send packets of different labels different ways (RFC 6438).
 */
static __always_inline __u32 tunnel_flow(__be16 sport, __u32 server)
{
	return (__u16)sport ^ server;
}

/*
 * Writes the outer header of a tunnel to 'outer', for an inner packet of 'len' bytes that follows. RFC 2003 and RFC
 * 2473; DSCP and ECN are copied (RFC 6040, normal mode), the outer packet may not be fragmented.
 */
static __always_inline void rewrite_outer4(struct iphdr *outer, const struct xlb_server *srv, __u32 len, __u8 tos)
{
	__u64 sum = bpf_htons(0x4500 | tos) + bpf_htons(len + IP4_LEN) + bpf_htons(IP_DONT_FRAGMENT) +
		    (__u64)bpf_htons(TUNNEL_TTL << 8 | IPPROTO_IPIP);

	*(__be16 *)outer = bpf_htons(0x4500 | tos);
	outer->tot_len = bpf_htons(len + IP4_LEN);
	outer->id = 0; /* RFC 6864: any, since it is atomic */
	outer->frag_off = bpf_htons(IP_DONT_FRAGMENT);
	*(__be16 *)&outer->ttl = bpf_htons(TUNNEL_TTL << 8 | IPPROTO_IPIP);
	outer->saddr = srv->source[0];
	outer->daddr = srv->addr[0];
	outer->check = ~csum_fold(sum + srv->source[0] + srv->addr[0]);
}

static __always_inline void rewrite_outer6(struct ipv6hdr *outer, const struct xlb_server *srv, __u32 len, __u8 tos,
					   __u32 flow, bool v6)
{
	*(__be32 *)outer = bpf_htonl(6u << 28 | (__u32)tos << 20 | (flow & 0xfffff));
	outer->payload_len = bpf_htons(len);
	outer->nexthdr = v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	outer->hop_limit = TUNNEL_TTL;
	addr_copy(outer->saddr.in6_u.u6_addr32, srv->source, true);
	addr_copy(outer->daddr.in6_u.u6_addr32, srv->addr, true);
}

/* Lowers the time to live of a packet that is routed into a tunnel (RFC 2003, 3.1). */
static __always_inline void rewrite_ttl(void *l3, bool v6)
{
	struct ipv6hdr *ip6h = l3;
	struct iphdr *iph = l3;

	if (v6) {
		ip6h->hop_limit--;
		return;
	}
	iph->check = csum_apply(iph->check, csum_ttl_step());
	iph->ttl--;
}

/* Traffic class or TOS byte. */
static __always_inline __u8 ip_tos(const void *l3, bool v6)
{
	return v6 ? bpf_ntohl(*(const __be32 *)l3) >> 20 : ((const struct iphdr *)l3)->tos;
}

/*
 * Puts the packet, an IP packet of 'len' bytes behind 'l3' bytes of Ethernet header, into a tunnel to 'srv'. False: no
 * headroom; the packet is then as it was but for its time to live. Moves the packet's head: pointers are void after it.
 */
static __always_inline bool rewrite_tunnel(struct xdp_md *ctx, const struct xlb_server *srv, __u32 l3, __u32 len,
					   __u32 flow, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	bool outer6 = v6 || srv->family == 6;
	__u32 grow = outer6 ? IP6_LEN : IP4_LEN, vlan = 0;
	__u8 tos;

	l3 = l3 == ETH_LEN ? ETH_LEN : L3_MAX;
	if (data + l3 + (v6 ? IP6_LEN : IP4_LEN) > end)
		return false;
	rewrite_ttl(data + l3, v6);
	tos = ip_tos(data + l3, v6);
	if (l3 != ETH_LEN)
		vlan = *(__u32 *)(data + 12);
	if (bpf_xdp_adjust_head(ctx, -(int)grow))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	/* No more than this: a later fragment may be shorter than the headers of other packets. */
	if (data + l3 + IP4_LEN > end)
		return false;
	rewrite_macs(data, srv->dmac);
	if (l3 != ETH_LEN)
		*(__u32 *)(data + 12) = vlan;
	*(__be16 *)(data + l3 - 2) = outer6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (!outer6) {
		rewrite_outer4(data + l3, srv, len, tos);
		return true;
	}
	if (data + l3 + IP6_LEN > end)
		return false;
	rewrite_outer6(data + l3, srv, len, tos, flow, v6);
	return true;
}

/* Bytes that a tunnel to the server adds. */
static __always_inline __u32 tunnel_len(const struct xlb_server *srv)
{
	return srv->family == 6 ? IP6_LEN : IP4_LEN;
}

/* Without a branch: the counters of a direction are neighbours, those of the other follow. */
static __always_inline void count_packet(struct xlb_stats *s, bool reply, __u32 bytes)
{
	__u64 *packets = &s->packets_in + 2 * reply;

	packets[0]++;
	packets[1] += bytes;
}

/* Adds a packet to the counters of its service and server. 'bytes' counts the Ethernet header too. */
static __always_inline void count_flow(__u32 service, __u32 server, bool reply, __u32 bytes)
{
	struct xlb_cpu *cpu = this_cpu();

	if (!cpu)
		return;
	count_packet(service_stats(cpu, service), reply, bytes);
	count_packet(server_stats(cpu, server), reply, bytes);
}

#endif
