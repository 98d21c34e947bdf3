/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends a packet where pkt->aim says, by way of its mode. The hit path does the same with constant offsets; all others
 * come through here.
 */
#ifndef XLB_SEND_BPF_H
#define XLB_SEND_BPF_H

#include "answer.bpf.h"
#include "maps.bpf.h"
#include "rewrite.bpf.h"

/* Aims a client's packet at 'srv'; 'sport' is the source port of full NAT. */
static __always_inline void aim_request(struct xlb_pkt *pkt, const struct xlb_server *srv, __be16 sport)
{
	struct xlb_aim *aim = &pkt->aim;

	aim->mode = srv->mode;
	aim->reply = 0;
	aim->oif = srv->oif;
	__builtin_memcpy(aim->macs, srv->dmac, 12); /* smac follows */
	addr_copy_all(aim->saddr, srv->mode == XLB_MODE_FULLNAT ? srv->source : pkt->saddr);
	addr_copy_all(aim->daddr, srv->addr);
	aim->sport = sport;
	aim->dport = xlb_server_port(srv, pkt->dport);
}

/* Aims a server's packet at the client of entry 'f'. False: the client's next hop is not known. */
static __always_inline bool aim_reply(struct xlb_pkt *pkt, void *f, bool v6)
{
	struct xlb_nexthop *hop = XLB_IN(nexthops, flow_body(f, v6)->hop);
	struct xlb_aim *aim = &pkt->aim;

	if (!flow_body(f, v6)->hop || !READ_ONCE(hop->oif))
		return false;
	aim->mode = XLB_MODE_DNAT;
	aim->reply = 1;
	aim->oif = hop->oif;
	__builtin_memcpy(aim->macs, hop->dmac, 12);
	addr_fill(aim->saddr, flow_vip(f, v6), v6);
	addr_fill(aim->daddr, flow_client(f), v6);
	aim->ports = flow_ports(f, v6) >> 16 | flow_ports(f, v6) << 16;
	return true;
}

/* Aims an answer of a server whose service needs no entries, pkt->return_id, at the client pkt->daddr. */
__noinline enum xlb_reason xlb_aim_return(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct xlb_return *ret = pkt ? XLB_IN(returns, pkt->return_id) : NULL;
	struct xlb_scratch *s = scratch();
	struct xlb_nexthop *hop;

	if (!ret || !s || !ctx)
		return XLB_R_BUG;
	addr_copy_all(s->request.client, pkt->daddr);
	addr_copy_all(s->request.vip, ret->vip);
	if (xlb_nexthop(ctx, &s->request, pkt, false) != NEXTHOP_FOUND)
		return XLB_R_NO_ROUTE;
	hop = XLB_IN(nexthops, s->request.b.hop);
	pkt->service = ret->service;
	pkt->server = ret->server;
	pkt->aim.mode = XLB_MODE_DNAT;
	pkt->aim.reply = 1;
	pkt->aim.oif = hop->oif;
	__builtin_memcpy(pkt->aim.macs, hop->dmac, 12);
	addr_copy_all(pkt->aim.saddr, ret->vip);
	addr_copy_all(pkt->aim.daddr, pkt->daddr);
	pkt->aim.sport = ret->vport;
	pkt->aim.dport = pkt->dport;
	return XLB_R_NONE;
}

/* Aims a packet by the entry pkt->slot of its flow. */
static __always_inline enum xlb_reason aim_flow(struct xlb_pkt *pkt, bool v6)
{
	void *f = flow_at(pkt->slot, v6);
	struct xlb_flow_body *b;
	struct xlb_server *srv;

	if (!f)
		return XLB_R_BUG;
	b = flow_body(f, v6);
	pkt->server = b->server;
	pkt->service = b->service;
	if (flow_kind(b) == XLB_FLOW_REPLY)
		return aim_reply(pkt, f, v6) ? XLB_R_REPLY : XLB_R_NO_ROUTE;
	srv = server_at(b->server);
	if (!srv->oif)
		return XLB_R_NO_NEIGHBOUR;
	aim_request(pkt, srv, b->sport);
	return XLB_R_REQUEST;
}

/* NAT and direct return; the packet's head stays. */
static __always_inline enum xlb_reason send_in_place(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3, *l4;
	__u32 l3_off = pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX, l4_off = pkt->l4;

	if (l4_off > L4_MAX)
		return XLB_R_BUG;
	l3 = data + l3_off;
	l4 = data + l4_off;
	if (l3 + (v6 ? IP6_LEN : IP4_LEN) > end)
		return XLB_R_BUG;
	rewrite_macs(data, pkt->aim.macs);
	if (pkt->aim.mode == XLB_MODE_L2DSR)
		return XLB_R_NONE;
	if (pkt->frag == FRAG_LATER) {
		rewrite_ip(l3, pkt->aim.saddr, pkt->aim.daddr, v6);
		return XLB_R_NONE;
	}
	if (l4 + (pkt->proto == IPPROTO_TCP ? TCP_MIN_LEN : UDP_LEN) > end)
		return XLB_R_BUG;
	if (pkt->proto == IPPROTO_TCP) {
		if (l4 + TCP_MIN_LEN > end)
			return XLB_R_BUG;
		rewrite_nat(l3, l4, IPPROTO_TCP, pkt->aim.saddr, pkt->aim.daddr, pkt->aim.ports, v6);
	} else {
		if (l4 + UDP_LEN > end)
			return XLB_R_BUG;
		rewrite_nat(l3, l4, IPPROTO_UDP, pkt->aim.saddr, pkt->aim.daddr, pkt->aim.ports, v6);
	}
	return XLB_R_NONE;
}

static __always_inline enum xlb_reason send_tunnel(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	struct xlb_server *srv = server_at(pkt->server);
	__u32 grown = pkt->tot_len + tunnel_len(srv);

	if (srv->mtu && grown > srv->mtu)
		return pkt->dont_frag && !pkt->is_error ? xlb_too_big(ctx, pkt, srv->mtu - tunnel_len(srv)) :
							  XLB_R_TOO_BIG;
	return rewrite_tunnel(ctx, srv, pkt->l3, pkt->tot_len, tunnel_flow(pkt->sport, pkt->server), v6) ? XLB_R_NONE :
													   XLB_R_BUG;
}

static __always_inline enum xlb_reason send(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	enum xlb_reason err;

	if (pkt->ttl <= 1 && pkt->aim.mode != XLB_MODE_L2DSR)
		return XLB_R_TTL;
	err = pkt->aim.mode == XLB_MODE_IPIP ? send_tunnel(ctx, pkt, v6) : send_in_place(ctx, pkt, v6);
	if (!err)
		count_flow(pkt->service, pkt->server, pkt->aim.reply, pkt->l3 + pkt->tot_len);
	return err;
}

/* Sends the packet. Returns XLB_R_NONE, or why it could not be sent; TOO_BIG_ICMP when it was answered instead. */
__noinline enum xlb_reason xlb_send(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	if (!pkt)
		return XLB_R_BUG;
	return pkt->family == 6 ? send(ctx, pkt, true) : send(ctx, pkt, false);
}

/* Sends and says 'reason' if that went well. */
static __always_inline enum xlb_reason send_as(struct xdp_md *ctx, struct xlb_pkt *pkt, enum xlb_reason reason)
{
	enum xlb_reason err = xlb_send(ctx, pkt);

	return err ? err : reason;
}

#endif
