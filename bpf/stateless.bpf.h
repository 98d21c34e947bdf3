/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Backends that keep no flows: the hash of the packet names a slot of the Maglev table, and the slot the server. The
 * flow table comes in only where the slot is marked, that is, has changed lately (struct xlb_ring tells the whole
 * story); and answers of servers in XLB_MODE_DNAT, which are known by the server's address and port.
 */
#ifndef XLB_STATELESS_BPF_H
#define XLB_STATELESS_BPF_H

#include "open.bpf.h"
#include "select.bpf.h"
#include "send.bpf.h"

/* Notes a flow of a marked slot that goes to pkt->server. False: no room. */
static __always_inline bool stateless_record(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s, bool v6)
{
	request_entry(&s->request, pkt, v6);
	s->keep = XLB_NO_SLOT;
	s->request.b.server = pkt->server;
	entry_born(&s->request.b);
	s->request.b.word = XLB_F_RECORD | XLB_F_ONE_WAY;
	if (pkt->proto == IPPROTO_TCP)
		s->request.b.word |= XLB_F_ANSWERED | (pkt->tcp_flags & TCP_ACK ? XLB_F_CLIENT_ACK : 0);
	if (flow_insert(&s->request, pkt->hash, 0, v6) < 0)
		return false;
	flow_settle(ctx, s, v6);
	return true;
}

/* Where a packet of a marked slot goes when no record knows: sets pkt->server. Returns the reason to send it under. */
static __always_inline enum xlb_reason stateless_marked(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
							__u64 ring, __u32 pos, __u32 entry, bool v6)
{
	__u32 previous;

	pkt->server = entry & XLB_SLOT_SERVER;
	if (!(entry & XLB_SLOT_YOUNG))
		return XLB_R_STATELESS;
	previous = is_syn(pkt) ? 0 : ring_previous(ring, pos);
	if (previous)
		pkt->server = previous;
	return stateless_record(ctx, pkt, s, v6) ? XLB_R_STATELESS : XLB_R_NOT_RECORDED;
}

/* The flow's record, if it is marked and known: XLB_R_STATELESS with pkt->server set; XLB_R_NONE if it is not. */
static __always_inline enum xlb_reason stateless_known(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						       bool v6)
{
	enum xlb_reason reason;
	void *f;

	request_entry(&s->request, pkt, v6);
	pkt->slot = flow_find(&s->request, pkt->hash, v6);
	if (pkt->slot == XLB_NO_SLOT)
		return XLB_R_NONE;
	reason = v6 ? xlb_track6(ctx, pkt) : xlb_track4(ctx, pkt);
	if (reason || pkt->reopen)
		return reason;
	f = flow_at(pkt->slot, v6);
	if (!f)
		return XLB_R_BUG;
	pkt->server = flow_body(f, v6)->server;
	return XLB_R_STATELESS;
}

static __always_inline enum xlb_reason stateless(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	struct xlb_service *svc = service_at(pkt->service);
	struct xlb_scratch *s = scratch();
	enum xlb_reason reason = open_check(ctx, pkt);
	struct xlb_backend *be;
	struct xlb_server *srv;
	__u32 pos, entry;
	__u64 ring;

	if (reason)
		return reason;
	be = XLB_IN(backends, svc->backend);
	if (!s)
		return XLB_R_BUG;
	ring = READ_ONCE(be->ring);
	if (!XLB_RING_LEN(ring)) {
		open_count(pkt, true);
		return open_no_server(ctx, pkt, svc);
	}
	pos = xlb_select_pos(select_hash(be, pkt), XLB_RING_LEN(ring));
	entry = ring_entry(ring, pos);
	reason = entry & XLB_SLOT_MARK ? stateless_known(ctx, pkt, s, v6) : XLB_R_NONE;
	if (reason && reason != XLB_R_STATELESS)
		return reason == XLB_R_SHUT_RST ? xlb_answer(ctx, pkt, reason) : reason;
	if (!reason)
		reason = stateless_marked(ctx, pkt, s, ring, pos, entry, v6);
	if (!pkt->server) {
		open_count(pkt, true);
		return open_no_server(ctx, pkt, svc);
	}
	srv = server_at(pkt->server);
	if (server_fit(pkt->server, srv) == FIT_UNREACHABLE)
		return XLB_R_NO_NEIGHBOUR;
	if (is_syn(pkt))
		open_count(pkt, false);
	aim_request(pkt, srv, pkt->sport);
	return send_as(ctx, pkt, reason);
}

/* Decides about a packet of a stateless service, pkt->service, that the hit path did not send by itself. */
__noinline enum xlb_reason xlb_stateless4(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	return pkt ? stateless(ctx, pkt, false) : XLB_R_BUG;
}

__noinline enum xlb_reason xlb_stateless6(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	return pkt ? stateless(ctx, pkt, true) : XLB_R_BUG;
}

/* Sends the answer of a server in XLB_MODE_DNAT whose service needs no entries: pkt->return_id. */
__noinline enum xlb_reason xlb_return(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	enum xlb_reason reason;

	if (!pkt)
		return XLB_R_BUG;
	if (pkt->bad)
		return pkt->bad;
	reason = xlb_aim_return(ctx, pkt);
	return reason ? reason : send_as(ctx, pkt, XLB_R_RETURN);
}

#endif
