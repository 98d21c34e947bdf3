/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads the headers of a packet that the hit path did not send: whatever is not plain data of an established flow.
 * Fills struct xlb_pkt, from which the stages go on. What is wrong with a packet is noted in pkt->bad and counts only
 * when the packet turns out to be ours: the host's own broken packets are the host's.
 */
#ifndef XLB_PARSE_BPF_H
#define XLB_PARSE_BPF_H

#include "addr.bpf.h"
#include "flowtab.bpf.h"
#include "packet.bpf.h"

enum {
	IP6_EXTENSIONS_MAX = 6,
	ROUTING_TYPE_0 = 0, /* RFC 5095 */
};

/* Combinations of the six TCP flags that no sound stack sends: SYN or RST with FIN, SYN with RST, none of SYN, RST,
 * ACK. */
#define FLAGS_BAD(f) ((f)&TCP_SYN ? !!((f) & (TCP_FIN | TCP_RST)) : (f)&TCP_RST ? !!((f)&TCP_FIN) : !((f)&TCP_ACK))
#define FLAGS_BIT(f) ((__u64)FLAGS_BAD(f) << (f))
#define FLAGS_4(f) (FLAGS_BIT(f) | FLAGS_BIT((f) + 1) | FLAGS_BIT((f) + 2) | FLAGS_BIT((f) + 3))
#define FLAGS_16(f) (FLAGS_4(f) | FLAGS_4((f) + 4) | FLAGS_4((f) + 8) | FLAGS_4((f) + 12))
static const __u64 bad_tcp_flags = FLAGS_16(0) | FLAGS_16(16) | FLAGS_16(32) | FLAGS_16(48);

static __always_inline bool tcp_flags_bad(__u8 flags)
{
	return bad_tcp_flags >> (flags & 63) & 1;
}

/*
 * Finds whose the packet is: an address of ours as destination, or a server whose answers pass through us as source.
 * XLB_R_NONE, or XLB_R_NOT_OURS.
 */
static __always_inline enum xlb_reason parse_owner(struct xlb_pkt *pkt, bool v6)
{
	struct xlb_addr *a;
	__u32 slot = 0;

	a = addr_find(pkt->daddr, v6, &slot);
	if (!a || !(a->flags & ~XLB_ADDR_SERVER || a->pool_lo <= a->pool_hi)) {
		a = addr_find(pkt->saddr, v6, &slot);
		if (!a || !(a->flags & XLB_ADDR_SERVER))
			return XLB_R_NOT_OURS;
		pkt->from_server = 1;
	}
	pkt->addr_slot = slot;
	pkt->addr_flags = a->flags;
	return XLB_R_NONE;
}

/* What is wrong with a later fragment: RFC 3128, one at offset 1 could replace the TCP flags that the first one showed.
 */
static __always_inline enum xlb_reason later_is_bad(__u16 offset, __u8 proto)
{
	return offset == 1 && proto == IPPROTO_TCP ? XLB_R_FRAGMENT_TINY : XLB_R_NONE;
}

/* IPv4 header at pkt->l3. Returns XLB_R_NONE or the final reason. */
static __always_inline enum xlb_reason parse_ip4(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *iph = data + (pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX);
	enum xlb_reason reason;
	__u16 frag;

	if ((void *)(iph + 1) > end)
		return XLB_R_NOT_IP;
	pkt->family = 4;
	pkt->saddr[0] = iph->saddr;
	pkt->daddr[0] = iph->daddr;
	reason = parse_owner(pkt, false);
	if (reason)
		return reason;
	if (iph->version != 4 || iph->ihl < 5)
		return pkt->from_server ? XLB_R_NOT_OURS : XLB_R_BAD_HEADER;
	frag = bpf_ntohs(iph->frag_off);
	pkt->proto = iph->protocol;
	pkt->ttl = iph->ttl;
	pkt->tot_len = bpf_ntohs(iph->tot_len);
	pkt->l4 = pkt->l3 + iph->ihl * 4;
	pkt->dont_frag = !!(frag & IP_DONT_FRAGMENT);
	pkt->frag_id = iph->id;
	pkt->frag_proto = iph->protocol;
	if (frag & IP_OFFSET_MASK) {
		pkt->frag = FRAG_LATER;
		pkt->bad = later_is_bad(frag & IP_OFFSET_MASK, iph->protocol);
	} else if (frag & IP_MORE_FRAGMENTS) {
		pkt->frag = FRAG_FIRST;
	}
	return XLB_R_NONE;
}

struct ip6_extension {
	__u8 next;
	__u8 len;    /* in units of 8 bytes, the first one not counted */
	__be16 word; /* of a fragment header: offset and flags; of a routing header: type and segments left */
	__be32 id;
};

enum { IP6_FRAG_OFFSET = 0xfff8, IP6_FRAG_MORE = 1 };

/* One extension header. Returns XLB_R_NONE to go on, XLB_R_MAX when pkt->proto is not one. */
static __always_inline enum xlb_reason parse_extension(struct xlb_pkt *pkt, const struct ip6_extension *x)
{
	__u16 word = bpf_ntohs(x->word);
	__u32 len = (x->len + 1) * 8;

	switch (pkt->proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
		break;
	case IPPROTO_ROUTING:
		if (word >> 8 == ROUTING_TYPE_0 && word & 0xff)
			return XLB_R_SOURCE_ROUTE;
		break;
	case IPPROTO_FRAGMENT:
		len = 8;
		pkt->frag_id = x->id;
		pkt->frag_proto = x->next;
		if (word & IP6_FRAG_OFFSET) {
			pkt->frag = FRAG_LATER;
			pkt->bad = later_is_bad((word & IP6_FRAG_OFFSET) / 8, x->next);
		}
		if (!(word & IP6_FRAG_OFFSET) && word & IP6_FRAG_MORE)
			pkt->frag = FRAG_FIRST; /* neither: an atomic fragment, RFC 6946, is a packet like any other */
		break;
	default:
		return XLB_R_MAX;
	}
	pkt->proto = x->next;
	pkt->l4 += len;
	return pkt->l4 > L4_MAX ? XLB_R_EXTENSION : XLB_R_NONE;
}

static __always_inline bool is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_FRAGMENT;
}

/* Walks the extension headers (RFC 8200, 4): pkt->proto and pkt->l4 are then the upper layer's, or the fragment's rest.
 */
__noinline enum xlb_reason xlb_extensions(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ip6_extension *x;
	enum xlb_reason reason;
	__u32 i, l4;

	if (!pkt)
		return XLB_R_BUG;
	for (i = 0; i < IP6_EXTENSIONS_MAX; i++) {
		if (!is_extension(pkt->proto) || pkt->frag == FRAG_LATER)
			return XLB_R_NONE;
		l4 = pkt->l4;
		if (l4 > L4_MAX)
			return XLB_R_EXTENSION;
		x = data + l4;
		if ((void *)(x + 1) > end)
			return XLB_R_TRUNCATED;
		reason = parse_extension(pkt, x);
		if (reason)
			return reason == XLB_R_MAX ? XLB_R_NONE : reason;
	}
	return is_extension(pkt->proto) && pkt->frag != FRAG_LATER ? XLB_R_EXTENSION : XLB_R_NONE;
}

/* IPv6 header at pkt->l3. Returns XLB_R_NONE or the final reason. */
static __always_inline enum xlb_reason parse_ip6(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip6h = data + (pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX);
	enum xlb_reason reason;
	__u32 len;

	if ((void *)(ip6h + 1) > end)
		return XLB_R_NOT_IP;
	pkt->family = 6;
	addr_copy(pkt->saddr, ip6h->saddr.in6_u.u6_addr32, true);
	addr_copy(pkt->daddr, ip6h->daddr.in6_u.u6_addr32, true);
	reason = parse_owner(pkt, true);
	if (reason)
		return reason;
	if (*(__u8 *)ip6h >> 4 != 6)
		return pkt->from_server ? XLB_R_NOT_OURS : XLB_R_BAD_HEADER;
	pkt->proto = ip6h->nexthdr;
	pkt->ttl = ip6h->hop_limit;
	pkt->dont_frag = 1;
	len = bpf_ntohs(ip6h->payload_len) + IP6_LEN;
	pkt->tot_len = len > 0xffff ? 0xffff : len;
	pkt->l4 = pkt->l3 + IP6_LEN;
	if (!is_extension(pkt->proto))
		return XLB_R_NONE;
	reason = xlb_extensions(ctx, pkt);
	return reason && pkt->from_server ? XLB_R_NOT_OURS : reason;
}

/* What is wrong with lengths and flags of TCP or UDP; the first 8 bytes of 'l4' are in bounds. */
static __always_inline enum xlb_reason parse_l4_bad(struct xlb_pkt *pkt, const void *l4, const void *end, bool v6)
{
	__u32 room = pkt->tot_len - (pkt->l4 - pkt->l3);
	const struct tcphdr *tcp = l4;
	const struct udphdr *udp = l4;

	if (pkt->tot_len < pkt->l4 - pkt->l3)
		return XLB_R_TRUNCATED;
	if (pkt->proto == IPPROTO_UDP) {
		if (room < UDP_LEN || bpf_ntohs(udp->len) < UDP_LEN)
			return XLB_R_TRUNCATED;
		if (pkt->frag == FRAG_NONE && bpf_ntohs(udp->len) > room)
			return XLB_R_TRUNCATED;
		return v6 && !udp->check ? XLB_R_NO_CHECKSUM : XLB_R_NONE;
	}
	if ((const void *)(tcp + 1) > end || room < TCP_MIN_LEN)
		return pkt->frag == FRAG_FIRST ? XLB_R_FRAGMENT_TINY : XLB_R_TRUNCATED;
	pkt->tcp_flags = ((const __u8 *)tcp)[13];
	if (tcp->doff < 5)
		return XLB_R_BAD_HEADER;
	if (room < tcp->doff * 4)
		return pkt->frag == FRAG_FIRST ? XLB_R_FRAGMENT_TINY : XLB_R_TRUNCATED;
	return tcp_flags_bad(pkt->tcp_flags) ? XLB_R_BAD_FLAGS : XLB_R_NONE;
}

/*
 * Ports and what is wrong with the packet. Returns XLB_R_NONE, or a final reason: TRUNCATED where there are not even
 * ports, NOT_OURS where no bind and no source port of ours can be meant.
 */
static __always_inline enum xlb_reason parse_l4(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l4;
	struct xlb_addr *a = addr_at(pkt->addr_slot);
	__u32 l4_off = pkt->l4;
	__be16 port;

	if (l4_off > L4_MAX)
		return XLB_R_BUG;
	l4 = data + l4_off;
	if (l4 + UDP_LEN > end)
		return pkt->from_server	       ? XLB_R_NOT_OURS :
		       pkt->frag == FRAG_FIRST ? XLB_R_FRAGMENT_TINY :
						 XLB_R_TRUNCATED;
	pkt->ports = *(__u32 *)l4;
	port = pkt->from_server ? pkt->sport : pkt->dport;
	pkt->in_pool = !pkt->from_server && addr_in_pool(a, port);
	if (!pkt->in_pool && !addr_may_bind(a, port, pkt->proto))
		return XLB_R_NOT_OURS;
	if (!pkt->bad)
		pkt->bad = parse_l4_bad(pkt, l4, end, v6);
	return XLB_R_NONE;
}

/* Is the IP packet longer than the frame? Frames in several buffers are longer than their first one. */
static __always_inline bool parse_cut(struct xdp_md *ctx, const struct xlb_pkt *pkt)
{
	return pkt->l3 + (__u32)pkt->tot_len > bpf_xdp_get_buff_len(ctx);
}

/* Fills 'pkt' for a packet with an IP header of the given family at offset 'l3'. XLB_R_NONE, or the final reason. */
static __always_inline enum xlb_reason parse(struct xdp_md *ctx, struct xlb_pkt *pkt, __u32 l3, bool v6)
{
	enum xlb_reason reason;

	__builtin_memset(pkt, 0, sizeof(*pkt));
	pkt->l3 = l3;
	pkt->slot = XLB_NO_SLOT;
	reason = v6 ? parse_ip6(ctx, pkt) : parse_ip4(ctx, pkt);
	if (reason)
		return reason;
	if (parse_cut(ctx, pkt))
		pkt->bad = XLB_R_TRUNCATED;
	if (pkt->proto == (v6 ? PROTO_ICMP6 : IPPROTO_ICMP) || pkt->frag == FRAG_LATER)
		return XLB_R_NONE;
	if (pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_UDP)
		return XLB_R_NOT_TCP_UDP;
	return parse_l4(ctx, pkt, v6);
}

#endif
