/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rewrite: addresses, ports, checksums, MAC addresses, time to live. Both entries of a flow carry all numbers that
 * this needs, so that a packet is rewritten from one cache line.
 */
#ifndef XLB_NAT_BPF_H
#define XLB_NAT_BPF_H

#include "csum.bpf.h"
#include "flowtab.bpf.h"

enum { NAT_DONE, NAT_RACE, NAT_SHORT };

/* Fills the two deltas of an entry from its key and rewrite. */
static __always_inline void nat_deltas(struct xlb_flow *f)
{
	__u64 addrs = csum_change(f->saddr, f->new_saddr) + csum_change(f->daddr, f->new_daddr);
	__u64 ports = csum_change(*(__u32 *)&f->sport, *(__u32 *)&f->new_sport);

	f->ip_delta = csum_fold(addrs + csum_ttl_step());
	f->l4_delta = csum_fold(addrs + ports);
}

/*
 * Rewrites the packet as entry 'f' says. 'l4' points behind the IP header with all of the layer 4 header in bounds.
 * 'word' is what the entry's word was when it was found: NAT_RACE, with the packet untouched, if the slot has been
 * reused since.
 */
static __always_inline int nat_rewrite(struct ethhdr *eth, struct iphdr *iph, void *l4, void *end,
				       const struct xlb_flow *f, __u32 word)
{
	__u64 addrs = *(const __u64 *)&f->new_saddr, macs = *(const __u64 *)&f->dmac;
	__u32 ports = *(const __u32 *)&f->new_sport, deltas = *(const __u32 *)&f->ip_delta;
	__u32 smac_end = *(const __u32 *)&f->smac[2];
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;
	__u16 check;

	barrier();
	if ((READ_ONCE(f->word) ^ word) & ~XLB_F_FLAGS)
		return NAT_RACE;
	if (iph->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return NAT_SHORT;
		tcp->check = csum_apply(tcp->check, deltas >> 16);
	} else {
		if ((void *)(udp + 1) > end)
			return NAT_SHORT;
		/* RFC 768: 0 means no checksum and stays; a computed 0 is sent as its equal, all ones. */
		if (udp->check) {
			check = csum_apply(udp->check, deltas >> 16);
			udp->check = check ? check : 0xffff;
		}
	}
	*(__u32 *)l4 = ports;
	iph->check = csum_apply(iph->check, deltas);
	iph->ttl--;
	iph->saddr = addrs;
	iph->daddr = addrs >> 32;
	*(__u64 *)eth->h_dest = macs;
	*(__u32 *)&eth->h_source[2] = smac_end;
	return NAT_DONE;
}

/* Without a branch: the counters of a direction are neighbours, those of the other follow. */
static __always_inline void count_packet(struct xlb_stats *s, bool reply, __u32 bytes)
{
	__u64 *packets = &s->packets_in + 2 * reply;

	packets[0]++;
	packets[1] += bytes;
}

/* Adds a packet to the counters of its service and server. 'bytes' counts the Ethernet header too. */
static __always_inline void nat_count(const struct xlb_flow *f, bool reply, __u32 bytes)
{
	__u32 key = f->service;
	struct xlb_stats *s;

	s = bpf_map_lookup_elem(&xlb_svc_stats, &key);
	if (s)
		count_packet(s, reply, bytes);
	key = f->server;
	s = bpf_map_lookup_elem(&xlb_srv_stats, &key);
	if (s)
		count_packet(s, reply, bytes);
}

#endif
