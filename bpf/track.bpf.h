/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet changes in its flow. On the hit path only the time, once a tick and in the entry's own line
 * (track_tick()); off it the next hops when they may have changed, and the flags at the turning points of a connection,
 * both in both entries of the flow.
 */
#ifndef XLB_TRACK_BPF_H
#define XLB_TRACK_BPF_H

#include "flowtab.bpf.h"
#include "nexthop.bpf.h"
#include "options.bpf.h"

enum { TICKS_OF_HOPS = 64 }; /* next hops are looked up anew this often, whether the daemon noticed a change or not */

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

/*
 * The tick's work on an established flow, for the hit path: notes the time. False when there is more to do: next hops
 * may have changed, the flow may have ended, or 64 ticks are over.
 */
static __always_inline bool track_tick(struct xlb_flow *f, __u32 now)
{
	__u32 seen = READ_ONCE(f->seen), zero = 0;
	struct xlb_control *control;

	if (seen == now)
		return true;
	control = bpf_map_lookup_elem(&xlb_control, &zero);
	if (!control || f->epoch != (__u8)READ_ONCE(control->epoch) || now - seen > READ_ONCE(control->idle_free) ||
	    (now ^ seen) / TICKS_OF_HOPS)
		return false;
	WRITE_ONCE(f->seen, now);
	return true;
}

/* Writes a next hop into a live entry. One store for the destination: no other CPU sees half an address. */
static __always_inline void track_put_hop(struct xlb_flow *f, const __u8 *dmac_smac, __u16 oif, __u8 epoch)
{
	WRITE_ONCE(*(__u64 *)&f->dmac, *(const __u64 *)dmac_smac);
	*(__u32 *)&f->smac[2] = *(const __u32 *)(dmac_smac + 8);
	f->oif = oif;
	f->epoch = epoch;
}

/* Next hop of an entry: of a request from the server's record, and its reply's with it; of a reply by route alone. */
static __always_inline void track_nexthops(struct xdp_md *ctx, struct xlb_flow *f, struct xlb_flow *peer)
{
	bool from_client = f->kind == XLB_FLOW_REQUEST;
	struct xlb_flow *reply = from_client ? peer : f, *copy;
	struct xlb_scratch *s;
	struct xlb_server *srv;
	__u8 epoch = epoch_now();
	__u32 key = 0;

	s = bpf_map_lookup_elem(&xlb_scratch, &key);
	key = f->server;
	srv = bpf_map_lookup_elem(&xlb_servers, &key);
	if (from_client && srv && srv->addr == f->new_daddr && srv->oif)
		track_put_hop(f, srv->dmac, srv->oif, epoch);
	if (!reply || !s)
		return;
	copy = &s->reply;
	copy->new_saddr = reply->new_saddr;
	copy->new_daddr = reply->new_daddr;
	if (xlb_nexthop(ctx, copy, from_client) == NEXTHOP_FOUND)
		track_put_hop(reply, copy->dmac, copy->oif, epoch);
	reply->epoch = epoch;
	f->epoch = epoch;
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
 * Enters packet 'pkt' into its flow, entry pkt->slot. Sets pkt->reopen, and ends the flow, when the packet is not of
 * this flow any more: the flow's time is over, or a SYN uses the tuple of a closing one anew (which a balancer that
 * makes the client wait loses a second by). Returns XLB_R_NONE, or the reason to drop the packet.
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
