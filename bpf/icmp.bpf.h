/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP to addresses of ours: pings are answered, errors about a flow are translated and sent on (RFC 5508, RFC 4787
 * R13). An error quotes the packet that caused it, that is, one that we sent; turned round, its addresses and ports are
 * a packet of the flow. Errors neither keep a flow alive nor end it.
 */
#ifndef XLB_ICMP_BPF_H
#define XLB_ICMP_BPF_H

#include "open.bpf.h"
#include "send.bpf.h"

enum {
	ICMP_CALL = 8, /* bytes of layer 4 that an error must quote: the ports, RFC 792 */
	TCP_CHECK_END = 18,
};

/* Is it an error that quotes a packet? RFC 792; RFC 4443, 2.1. */
static __always_inline bool icmp_is_error(__u8 type, bool v6)
{
	if (v6)
		return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER;
	return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER;
}

/* What an error quotes: where its layer 4 header is, relative to the quoted IP header, and whose it is. */
struct quoted {
	__u32 l4;
	__u8 proto;
	bool tcp_check; /* the checksum of TCP is quoted too */
};

/*
 * Reads the quoted headers at offset 'at' of the frame and turns them round into pkt's key. Returns XLB_R_NONE,
 * ICMP_BAD, or NOT_TCP_UDP when the quoted packet is neither.
 */
static __always_inline enum xlb_reason icmp_quoted(struct xdp_md *ctx, struct xlb_pkt *pkt, __u32 at, bool v6,
						   struct quoted *ret)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3, *l4;
	struct ipv6hdr *ip6h;
	struct iphdr *iph;
	__u32 ports;

	if (at > L4_MAX + ICMP_LEN)
		return XLB_R_BUG;
	l3 = data + at;
	ip6h = l3;
	iph = l3;
	/* What lies behind the IP packet is padding, and quotes nothing. */
	if (l3 + (v6 ? IP6_LEN : IP4_LEN) > end || at + (v6 ? IP6_LEN : IP4_LEN) > pkt->l3 + pkt->tot_len)
		return XLB_R_ICMP_BAD;
	if (v6) {
		if (*(__u8 *)ip6h >> 4 != 6)
			return XLB_R_ICMP_BAD;
		ret->proto = ip6h->nexthdr;
		ret->l4 = IP6_LEN;
		addr_copy(pkt->saddr, ip6h->daddr.in6_u.u6_addr32, true);
		addr_copy(pkt->daddr, ip6h->saddr.in6_u.u6_addr32, true);
	} else {
		if (iph->version != 4 || iph->ihl < 5 || iph->frag_off & bpf_htons(IP_OFFSET_MASK))
			return XLB_R_ICMP_BAD;
		ret->proto = iph->protocol;
		ret->l4 = iph->ihl * 4;
		pkt->saddr[0] = iph->daddr;
		pkt->daddr[0] = iph->saddr;
	}
	if (v6 && ret->proto == IPPROTO_FRAGMENT)
		return XLB_R_ICMP_BAD;
	if (ret->proto != IPPROTO_TCP && ret->proto != IPPROTO_UDP)
		return XLB_R_NOT_TCP_UDP;
	l4 = l3 + (ret->l4 & 0x3c);
	if (l4 + ICMP_CALL > end || at + ret->l4 + ICMP_CALL > pkt->l3 + pkt->tot_len)
		return XLB_R_ICMP_BAD;
	ret->tcp_check = at + ret->l4 + TCP_CHECK_END <= pkt->l3 + pkt->tot_len;
	ports = *(__u32 *)l4;
	pkt->ports = ports >> 16 | ports << 16;
	pkt->proto = ret->proto;
	return XLB_R_NONE;
}

/*
 * Rewrites the quoted packet to what its sender knows: addresses 'saddr' and 'daddr', both 'ports'. Returns the change
 * of the bytes, for the ICMP checksum. The quoted checksums are updated where they are quoted, and not looked at (RFC
 * 5508 R4).
 */
static __always_inline bool icmp_rewrite_quote(void *l3, void *end, const struct quoted *q, const __be32 *saddr,
					       const __be32 *daddr, __u32 ports, bool v6, __u64 *ret_change)
{
	struct ipv6hdr *ip6h = l3;
	struct iphdr *iph = l3;
	__u64 addrs, all;
	void *l4 = l3 + (q->l4 & 0x3c);
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;
	__u16 old;

	if (l3 + (v6 ? IP6_LEN : IP4_LEN) > end || l4 + ICMP_CALL > end)
		return false;
	if (v6) {
		addrs = csum_addr_change(ip6h->saddr.in6_u.u6_addr32, saddr, true) +
			csum_addr_change(ip6h->daddr.in6_u.u6_addr32, daddr, true);
		addr_copy(ip6h->saddr.in6_u.u6_addr32, saddr, true);
		addr_copy(ip6h->daddr.in6_u.u6_addr32, daddr, true);
		all = addrs;
	} else {
		addrs = csum_change(iph->saddr, *saddr) + csum_change(iph->daddr, *daddr);
		iph->saddr = *saddr;
		iph->daddr = *daddr;
		old = iph->check;
		iph->check = csum_apply(old, addrs);
		all = addrs + (__u16)~old + iph->check;
	}
	addrs += csum_change(*(__u32 *)l4, ports);
	all += csum_change(*(__u32 *)l4, ports);
	*(__u32 *)l4 = ports;
	if (q->proto == IPPROTO_UDP) {
		old = udp->check;
		rewrite_l4_check(l4, IPPROTO_UDP, addrs);
		all += (__u16)~old + (__u64)udp->check;
	} else if (q->tcp_check && l4 + TCP_CHECK_END <= end) {
		old = tcp->check;
		rewrite_l4_check(l4, IPPROTO_TCP, addrs);
		all += (__u16)~old + (__u64)tcp->check;
	}
	*ret_change = all;
	return true;
}

/*
 * Sends the error on by pkt->aim, which holds the addresses of the outer packet. The quoted packet becomes the one that
 * the receiver knows as its own: 'quote' has its addresses in client and vip, its ports in ports; b.server and
 * b.service are the members of struct quoted.
 */
static __always_inline enum xlb_reason icmp_forward(struct xdp_md *ctx, struct xlb_pkt *pkt,
						    const struct xlb_entry *quote, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3, *l4;
	struct quoted q = { .l4 = quote->b.server, .proto = quote->b.proto, .tcp_check = quote->b.service };
	__u32 l4_off = pkt->l4;
	__u64 change, outer;
	struct icmp_head *icmp;

	if (pkt->ttl <= 1)
		return XLB_R_TTL;
	if (l4_off > L4_MAX)
		return XLB_R_BUG;
	l3 = data + (pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX);
	l4 = data + l4_off;
	icmp = l4;
	if (l3 + (v6 ? IP6_LEN : IP4_LEN) > end || (void *)(icmp + 1) > end)
		return XLB_R_BUG;
	if (!icmp_rewrite_quote(l4 + ICMP_LEN, end, &q, quote->client, quote->vip, quote->ports, v6, &change))
		return XLB_R_BUG;
	outer = rewrite_ip(l3, pkt->aim.saddr, pkt->aim.daddr, v6);
	if (v6) /* the pseudo-header is part of the sum, RFC 4443, 2.3 */
		change += outer;
	icmp->check = csum_apply(icmp->check, change);
	rewrite_macs(data, pkt->aim.macs);
	return XLB_R_NONE;
}

/* Global functions, for the sake of the call chain's stack. */
__noinline enum xlb_reason xlb_icmp_forward4(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_entry *quote)
{
	return pkt && quote ? icmp_forward(ctx, pkt, quote, false) : XLB_R_BUG;
}

__noinline enum xlb_reason xlb_icmp_forward6(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_entry *quote)
{
	return pkt && quote ? icmp_forward(ctx, pkt, quote, true) : XLB_R_BUG;
}

/* Forwards with the quoted packet 'saddr' -> 'daddr'; its ports are those of pkt->aim turned round. */
static __always_inline enum xlb_reason icmp_send(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						 const struct quoted *q, const __be32 *saddr, const __be32 *daddr,
						 bool v6)
{
	addr_copy_all(s->peer.client, saddr);
	addr_copy_all(s->peer.vip, daddr);
	s->peer.ports = pkt->aim.ports >> 16 | pkt->aim.ports << 16;
	s->peer.b.server = q->l4;
	s->peer.b.service = q->tcp_check;
	s->peer.b.proto = q->proto;
	return v6 ? xlb_icmp_forward6(ctx, pkt, &s->peer) : xlb_icmp_forward4(ctx, pkt, &s->peer);
}

/* From the client's side: the service's packet to the client could not be delivered. To the flow's server. */
static __always_inline enum xlb_reason icmp_to_server(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						      const struct quoted *q, __be16 sport, bool v6)
{
	struct xlb_server *srv = server_at(pkt->server);
	enum xlb_reason err;

	if (!srv->oif)
		return XLB_R_NO_NEIGHBOUR;
	/* The key in 'pkt' is the flow's own packet; the outer addresses are in s->peer, see icmp(). */
	aim_request(pkt, srv, sport);
	if (srv->mode == XLB_MODE_L2DSR || srv->mode == XLB_MODE_IPIP)
		return send_as(ctx, pkt, XLB_R_ICMP_TO_SERVER);
	if (srv->mode == XLB_MODE_DNAT)
		addr_copy_all(pkt->aim.saddr, s->peer.saddr);
	err = icmp_send(ctx, pkt, s, q, pkt->aim.daddr, srv->mode == XLB_MODE_FULLNAT ? srv->source : pkt->saddr, v6);
	if (err)
		return err;
	count_flow(pkt->service, pkt->server, false, pkt->l3 + pkt->tot_len);
	return XLB_R_ICMP_TO_SERVER;
}

/* From the server's side: the client's packet to the server could not be delivered. To the client, by pkt->aim. */
static __always_inline enum xlb_reason icmp_to_client(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						      const struct quoted *q, bool v6)
{
	enum xlb_reason err = icmp_send(ctx, pkt, s, q, pkt->aim.daddr, pkt->aim.saddr, v6);

	if (err)
		return err;
	count_flow(pkt->service, pkt->server, true, pkt->l3 + pkt->tot_len);
	return XLB_R_ICMP_TO_CLIENT;
}

/* An error of no flow's from a server in XLB_MODE_DNAT: does its service do without entries? */
static __always_inline enum xlb_reason icmp_by_return(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						      const struct quoted *q, bool v6)
{
	__u32 id = vip_find(pkt->addr_slot, pkt->sport, pkt->proto);
	struct xlb_return *ret = XLB_IN(returns, id & ~XLB_VIP_RETURN);
	enum xlb_reason reason;

	if (!(id & XLB_VIP_RETURN) || !ret->family || ret->flags & XLB_RETURN_STATE)
		return XLB_R_NOT_OURS;
	pkt->return_id = id & ~XLB_VIP_RETURN;
	reason = xlb_aim_return(ctx, pkt);
	return reason ? reason : icmp_to_client(ctx, pkt, s, q, v6);
}

/*
 * The server that a stateless service sends the turned packet to, into pkt->server. An error is about a flow that is
 * there: what is not recorded in a young slot is of the server before.
 */
static __always_inline bool icmp_stateless(struct xlb_pkt *pkt)
{
	struct xlb_service *svc = service_at(pkt->service);
	struct xlb_backend *be = XLB_IN(backends, svc->backend);
	__u32 pos, entry;
	__u64 ring;

	if (!(svc->flags & XLB_SVC_STATELESS))
		return false;
	ring = READ_ONCE(be->ring);
	if (!XLB_RING_LEN(ring))
		return false;
	pos = xlb_select_pos(select_hash(be, pkt), XLB_RING_LEN(ring));
	entry = ring_entry(ring, pos);
	pkt->server = entry & XLB_SLOT_YOUNG ? ring_previous(ring, pos) : 0;
	if (!pkt->server)
		pkt->server = entry & XLB_SLOT_SERVER;
	return pkt->server;
}

/* An error about a packet of no flow: is it at least about a service or a source port of ours? */
static __always_inline enum xlb_reason icmp_no_flow(const struct xlb_pkt *pkt)
{
	struct xlb_addr *a = addr_at(pkt->addr_slot);

	if (pkt->service || (addr_in_pool(a, pkt->dport) && !port_is_busy(bpf_ntohs(pkt->dport), pkt->proto)))
		return XLB_R_ICMP_NO_FLOW;
	return XLB_R_NOT_OURS;
}

static __always_inline enum xlb_reason icmp_error(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						  bool v6)
{
	struct quoted q = {};
	enum xlb_reason reason;
	struct xlb_flow_body *b;
	void *f;

	addr_copy_all(s->peer.saddr,
		      pkt->saddr); /* the outer source: flow_peer(), which uses s->peer, is not called here */
	addr_copy_all(s->peer.daddr, pkt->daddr);
	reason = icmp_quoted(ctx, pkt, pkt->l4 + ICMP_LEN, v6, &q);
	if (!reason && !addr_same(pkt->daddr, s->peer.daddr, true))
		reason = XLB_R_ICMP_BAD; /* about a packet that did not come from the address it is sent to */
	if (reason)			 /* what a server tells others is its own business */
		return pkt->from_server ? XLB_R_NOT_OURS : reason;
	pkt->is_error = 1;
	request_entry(&s->request, pkt, v6);
	pkt->hash = key_hash(&s->request, v6);
	pkt->slot = flow_find(&s->request, pkt->hash, v6);
	f = flow_at(pkt->slot, v6);
	if (!f && pkt->from_server)
		return icmp_by_return(ctx, pkt, s, &q, v6);
	if (!f) {
		pkt->service = service_find(pkt->addr_slot, pkt->dport, pkt->proto);
		if (pkt->service && icmp_stateless(pkt))
			return icmp_to_server(ctx, pkt, s, &q, pkt->sport, v6);
		return icmp_no_flow(pkt);
	}
	b = flow_body(f, v6);
	pkt->server = b->server;
	pkt->service = b->service;
	if (flow_kind(b) == XLB_FLOW_REPLY)
		return aim_reply(pkt, f, v6) ? icmp_to_client(ctx, pkt, s, &q, v6) : XLB_R_NO_ROUTE;
	return icmp_to_server(ctx, pkt, s, &q, b->sport, v6);
}

static __always_inline enum xlb_reason icmp(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct xlb_scratch *s = scratch();
	struct icmp_head *head;
	__u32 l4 = pkt->l4;

	if (!s || l4 > L4_MAX)
		return XLB_R_BUG;
	head = data + l4;
	if ((void *)(head + 1) > end || l4 + ICMP_LEN > pkt->l3 + pkt->tot_len)
		return XLB_R_NOT_TCP_UDP;
	if (head->type == (v6 ? ICMP6_ECHO : ICMP4_ECHO) && !pkt->from_server && pkt->addr_flags & XLB_ADDR_ECHO &&
	    pkt->frag == FRAG_NONE)
		return pkt->bad ? pkt->bad : source_is_sound(pkt) ? xlb_answer(ctx, pkt, XLB_R_ECHO) : XLB_R_BAD_SOURCE;
	if (!icmp_is_error(head->type, v6) || pkt->frag != FRAG_NONE)
		return XLB_R_NOT_TCP_UDP;
	if (pkt->bad)
		return pkt->from_server ? XLB_R_NOT_OURS : pkt->bad;
	return icmp_error(ctx, pkt, s, v6);
}

/* Decides about an ICMP packet to an address of ours, or from a server whose answers pass through us. */
__noinline enum xlb_reason xlb_icmp4(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	return pkt ? icmp(ctx, pkt, false) : XLB_R_BUG;
}

__noinline enum xlb_reason xlb_icmp6(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	return pkt ? icmp(ctx, pkt, true) : XLB_R_BUG;
}

#endif
