/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet changes in its flow, off the hit path: once a tick the time and the next hops, and at the turning
 * points of a connection its flags. Both entries of a flow are kept alike.
 */
#ifndef XLB_TRACK_BPF_H
#define XLB_TRACK_BPF_H

#include "flowtab.bpf.h"
#include "nexthop.bpf.h"
#include "options.bpf.h"

/*
 * Does this packet of a flow with 'word' need xlb_track(), the tick aside? Never for data on an established connection
 * and for UDP but the first answer.
 */
static __always_inline bool track_needed(__u32 word, __u8 proto, __u8 tcp_flags, __u8 kind)
{
	if (proto == IPPROTO_TCP)
		return tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) ||
		       (word & (XLB_F_CLIENT_ACK | XLB_F_ANSWERED | XLB_F_RST)) != (XLB_F_CLIENT_ACK | XLB_F_ANSWERED);
	return kind == XLB_FLOW_REPLY && !(word & XLB_F_ANSWERED);
}

/* Flags that a packet sets. */
static __always_inline __u32 track_flags(const struct xlb_pkt *pkt, __u8 kind)
{
	__u32 set = 0;

	if (kind == XLB_FLOW_REPLY) {
		if (pkt->proto != IPPROTO_TCP)
			return XLB_F_ANSWERED;
		if ((pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
			set |= XLB_F_ANSWERED;
		if (pkt->tcp_flags & TCP_FIN)
			set |= XLB_F_SERVER_FIN;
		if (pkt->tcp_flags & TCP_RST)
			set |= XLB_F_RST | XLB_F_SERVER_RST;
		return set;
	}
	if (pkt->tcp_flags & TCP_ACK)
		set |= XLB_F_CLIENT_ACK;
	if (pkt->tcp_flags & TCP_FIN)
		set |= XLB_F_CLIENT_FIN;
	if (pkt->tcp_flags & TCP_RST)
		set |= XLB_F_RST;
	return set;
}

/* Flags that a packet clears: a reset that its alleged sender did not mean (RFC 5961, section 3). */
static __always_inline __u32 track_clears(const struct xlb_pkt *pkt, __u8 kind, __u32 word)
{
	if (!(word & XLB_F_RST) || pkt->tcp_flags & TCP_RST || !(word & XLB_F_SERVER_RST) != (kind == XLB_FLOW_REQUEST))
		return 0;
	return XLB_F_RST | XLB_F_SERVER_RST;
}

/* Once a tick: next hop of a request from the server's record, of its reply from the routing table. */
static __always_inline void track_nexthops(struct xdp_md *ctx, struct xlb_flow *f, struct xlb_flow *peer)
{
	struct xlb_flow reply = {};
	__u32 key = f->server;
	struct xlb_server *srv;

	srv = bpf_map_lookup_elem(&xlb_servers, &key);
	if (srv && srv->addr == f->new_daddr && srv->oif) {
		/* One store for the destination: no other CPU sees half an address. */
		WRITE_ONCE(*(__u64 *)&f->dmac, *(__u64 *)&srv->dmac);
		*(__u32 *)&f->smac[2] = *(__u32 *)&srv->smac[2];
		f->oif = srv->oif;
	}
	if (!peer)
		return;
	reply.new_saddr = peer->new_saddr;
	reply.new_daddr = peer->new_daddr;
	if (!xlb_nexthop(ctx, &reply))
		return;
	WRITE_ONCE(*(__u64 *)&peer->dmac, *(__u64 *)&reply.dmac);
	*(__u32 *)&peer->smac[2] = *(__u32 *)&reply.smac[2];
	peer->oif = reply.oif;
}

static __always_inline void track_count_reset(const struct xlb_flow *f, bool by_server)
{
	__u32 key = f->service;
	struct xlb_stats *s;

	s = bpf_map_lookup_elem(&xlb_svc_stats, &key);
	if (s && by_server)
		s->server_resets++;
	else if (s)
		s->client_resets++;
	key = f->server;
	s = bpf_map_lookup_elem(&xlb_srv_stats, &key);
	if (s && by_server)
		s->server_resets++;
	else if (s)
		s->client_resets++;
}

/*
 * Enters packet 'pkt' into its flow, entry pkt->slot. Sets pkt->reopen, and ends the flow, when the packet is not of this
 * flow any more: the flow's time is over, or a SYN uses the tuple of a closing one anew (which a balancer that makes the
 * client wait loses a second by). Returns XLB_R_NONE, or the reason to drop the packet.
 */
__noinline enum xlb_reason xlb_track(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct xlb_flow *f, *peer;
	__u32 now, word, set, clear;

	if (!pkt)
		return XLB_R_BUG;
	now = now_tick();
	f = flow_at(pkt->slot);
	if (!f)
		return XLB_R_BUG;
	if (pkt->ip_len > IP_MIN_LEN && xlb_source_route(ctx, pkt))
		return XLB_R_SOURCE_ROUTE;
	word = READ_ONCE(f->word);
	if ((f->kind == XLB_FLOW_REQUEST && (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	     word & (XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN | XLB_F_RST)) ||
	    flow_expired(f, word, now)) {
		flow_end(f);
		pkt->reopen = 1;
		return XLB_R_NONE;
	}
	peer = flow_peer(f);
	if (READ_ONCE(f->seen) != now && (peer || f->kind == XLB_FLOW_REQUEST)) {
		WRITE_ONCE(f->seen, now);
		if (peer)
			WRITE_ONCE(peer->seen, now);
		if (f->kind == XLB_FLOW_REQUEST)
			track_nexthops(ctx, f, peer);
	}
	set = track_flags(pkt, f->kind) & ~word;
	clear = track_clears(pkt, f->kind, word);
	if (set & XLB_F_RST)
		track_count_reset(f, set & XLB_F_SERVER_RST);
	if (set | clear) {
		flow_mark(f, word, set, clear);
		if (peer)
			flow_mark(peer, READ_ONCE(peer->word), set, clear);
	}
	return XLB_R_NONE;
}

#endif
