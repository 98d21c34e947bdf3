/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet changes in its flow. On the hit path only the time, once a tick and in the entry's own line
 * (track_tick()); off it the next hop when it may have changed, and the flags at the turning points of a connection,
 * both in both entries of the flow.
 */
#ifndef XLB_TRACK_BPF_H
#define XLB_TRACK_BPF_H

#include "flowtab.bpf.h"
#include "nexthop.bpf.h"

/*
 * Does this packet of a flow with 'word' need xlb_track(), the tick aside? Never for data on an established connection
 * and for UDP but the first answer. TCP packets that open or end a flow always need it.
 */
static __always_inline bool track_needed(__u32 word, __u8 proto, __u32 kind)
{
	if (proto == IPPROTO_TCP)
		return (word & (XLB_F_CLIENT_ACK | XLB_F_ANSWERED | XLB_F_RST)) != (XLB_F_CLIENT_ACK | XLB_F_ANSWERED);
	return !(word & XLB_F_ANSWERED) && (kind == XLB_FLOW_REPLY || word & XLB_F_ONE_WAY);
}

/* Do the server's flags ask for a closer look at a packet of its flow? */
static __always_inline bool track_server(const struct xlb_server *srv, __u8 proto)
{
	return srv->flags & XLB_SRV_SHUT || (proto == IPPROTO_UDP && !(srv->flags & XLB_SRV_UP));
}

/*
 * The tick's work on an established flow, for the hit path: notes the time 'now', an XLB_SEEN(). False when there is
 * more to do: next hops may have changed, the flow may have ended, or 64 ticks are over.
 */
static __always_inline bool track_tick(struct xlb_flow_body *b, __u32 now)
{
	__u32 seen = READ_ONCE(b->seen), word;

	if (seen == now)
		return true;
	/* In other states shorter timeouts hold than those that idle_free is the least of. */
	word = READ_ONCE(b->word);
	if (!(word & XLB_F_ANSWERED) || word & (XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN))
		return false;
	if ((__u8)seen != (__u8)now || xlb_flow_idle(seen, now >> 8) > READ_ONCE(xlb_tables.control.idle_free) ||
	    ((now ^ seen) >> 8) / TICKS_OF_HOPS)
		return false;
	WRITE_ONCE(b->seen, now);
	return true;
}

/* Flags that a packet of the client sets. */
static __always_inline __u32 track_request_flags(const struct xlb_pkt *pkt, __u32 word)
{
	__u32 set = 0;

	if (pkt->proto != IPPROTO_TCP)
		return word & XLB_F_ONE_WAY ? XLB_F_ANSWERED : 0;
	if (pkt->tcp_flags & TCP_ACK)
		set |= XLB_F_CLIENT_ACK;
	if (pkt->tcp_flags & TCP_FIN)
		set |= word & XLB_F_ONE_WAY ? XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN : XLB_F_CLIENT_FIN;
	if (pkt->tcp_flags & TCP_RST)
		set |= XLB_F_RST;
	return set;
}

static __always_inline __u32 track_reply_flags(const struct xlb_pkt *pkt)
{
	__u32 set = 0;

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

/* Flags that a packet clears: a reset that its alleged sender did not mean (RFC 5961, section 3). */
static __always_inline __u32 track_clears(const struct xlb_pkt *pkt, __u32 kind, __u32 word)
{
	if (!(word & XLB_F_RST) || pkt->tcp_flags & TCP_RST || !(word & XLB_F_SERVER_RST) != (kind == XLB_FLOW_REQUEST))
		return 0;
	return XLB_F_RST | XLB_F_SERVER_RST;
}

/*
 * Looks the client's next hop up anew, for both entries. Where the routing table does not know it, only the client's
 * own packet can tell: after one of the server the request entry stays an epoch behind, and asks with its next packet.
 */
static __always_inline void track_hop(struct xdp_md *ctx, struct xlb_pkt *pkt, void *f, struct xlb_flow_body *peer,
				      __u32 now, bool v6)
{
	struct xlb_flow_body *b = flow_body(f, v6);
	bool request = flow_kind(b) == XLB_FLOW_REQUEST;
	struct xlb_scratch *s = scratch();
	int result;

	if (!s)
		return;
	addr_fill(s->request.client, flow_client(f), v6);
	addr_fill(s->request.vip, flow_vip(f, v6), v6);
	result = xlb_nexthop(ctx, &s->request, pkt, request);
	if (result == NEXTHOP_FOUND) {
		b->hop = s->request.b.hop;
		if (peer)
			peer->hop = s->request.b.hop;
	}
	WRITE_ONCE(b->seen, now);
	if (peer)
		WRITE_ONCE(peer->seen, request || result != NEXTHOP_UNKNOWN ? now : XLB_SEEN(now >> 8, now - 1));
}

/* One to a counter of the service and of the server. */
#define TRACK_COUNT(b, field)                                                                                          \
	({                                                                                                             \
		struct xlb_cpu *cpu_ = this_cpu();                                                                     \
		if (cpu_) {                                                                                            \
			service_stats(cpu_, (b)->service)->field++;                                                    \
			server_stats(cpu_, (b)->server)->field++;                                                      \
		}                                                                                                      \
	})

/* Is the time of this flow's SYN taken? */
static __always_inline bool track_is_timed(__u32 slot)
{
	return (slot * 0x9e3779b1u) >> 28 == 0; /* one in XLB_CONNECT_SAMPLE */
}

static __always_inline struct xlb_syn *syn_of(__u32 slot)
{
	return XLB_IN(syns, slot & ((1 << XLB_SYN_BITS) - 1));
}

/* Notes when the SYN of request entry 'slot' came. */
static __always_inline void track_syn(__u32 slot, const struct xlb_flow_body *b)
{
	struct xlb_syn *syn = track_is_timed(slot) ? syn_of(slot) : NULL;

	if (!syn)
		return;
	syn->slot = slot;
	syn->version = b->word & ~XLB_F_FLAGS;
	syn->ns = bpf_ktime_get_ns();
}

static __always_inline void add_connect_time(struct xlb_stats *s, __u64 ns)
{
	s->connect_ns += ns;
	s->connect_nr++;
}

/* The first SYN-ACK to request entry 'slot'. */
static __always_inline void track_syn_ack(__u32 slot, const struct xlb_flow_body *b)
{
	struct xlb_syn *syn = track_is_timed(slot) ? syn_of(slot) : NULL;
	struct xlb_cpu *cpu = this_cpu();
	__u64 ns;

	if (!syn || syn->slot != slot || syn->version != (b->word & ~XLB_F_FLAGS) || !syn->ns)
		return;
	ns = bpf_ktime_get_ns() - syn->ns;
	syn->ns = 0;
	if (!cpu)
		return;
	add_connect_time(service_stats(cpu, b->service), ns);
	add_connect_time(server_stats(cpu, b->server), ns);
}

static __always_inline void track_count(const struct xlb_flow_body *b, __u32 word, __u32 set)
{
	if (set & XLB_F_ANSWERED)
		TRACK_COUNT(b, answered);
	if (!(set & XLB_F_RST))
		return;
	if (set & XLB_F_SERVER_RST) {
		TRACK_COUNT(b, server_resets);
		if (!(word & XLB_F_ANSWERED))
			TRACK_COUNT(b, unanswered);
	} else {
		TRACK_COUNT(b, client_resets);
	}
}

/* Sets and clears flags in both entries; the request's also says whether the flow counts as a live one. */
static __always_inline void track_mark(struct xlb_flow_body *b, struct xlb_flow_body *peer, __u32 word, __u32 set,
				       __u32 clear, bool v6)
{
	struct xlb_flow_body *request = flow_kind(b) == XLB_FLOW_REQUEST ? b : peer, *reply = request == b ? peer : b;
	enum xlb_flow_state state = xlb_flow_state((word & ~clear) | set, b->proto);
	__u32 counted = word & XLB_F_RECORD ? 0 : XLB_F_COUNTED;

	if (reply)
		flow_mark(reply, READ_ONCE(reply->word), set, clear, v6);
	if (!request)
		return;
	if (state == XLB_S_CLOSING || state == XLB_S_CLOSED)
		flow_mark(request, READ_ONCE(request->word), set, clear | counted, v6);
	else
		flow_mark(request, READ_ONCE(request->word), set | counted, clear, v6);
}

/*
 * What the server's state makes of a packet of its flow: XLB_R_NONE to go on. A flow of a dead server moves where it
 * can: UDP at once, TCP as long as only its SYN was sent. With shutdown-sessions both sides are told by a reset, each
 * when it speaks; the entry that was told ends.
 */
static __always_inline enum xlb_reason track_dead_server(struct xlb_pkt *pkt, struct xlb_flow_body *b, __u32 word,
							 bool v6)
{
	bool request = flow_kind(b) == XLB_FLOW_REQUEST;
	struct xlb_server *srv = server_at(b->server);
	void *peer;

	if ((srv->flags & (XLB_SRV_UP | XLB_SRV_SHUT)) == XLB_SRV_UP)
		return XLB_R_NONE;
	if (request &&
	    (pkt->proto == IPPROTO_UDP ||
	     (is_syn(pkt) && xlb_flow_state(word, b->proto) == XLB_S_HALF_OPEN && !(srv->flags & XLB_SRV_UP)))) {
		TRACK_COUNT(b, moved);
		flow_end(pkt->slot, v6);
		pkt->reopen = 1;
		return XLB_R_NONE;
	}
	if (!(srv->flags & XLB_SRV_SHUT) || pkt->proto == IPPROTO_UDP)
		return XLB_R_NONE;
	entry_end(b, v6);
	/* The other side, which may never speak, holds up neither a source port nor the client's next attempt. */
	peer = flow_at(flow_peer(pkt->slot, v6), v6);
	if (peer && request)
		flow_mark(flow_body(peer, v6), READ_ONCE(flow_body(peer, v6)->word), XLB_F_RST, 0, v6);
	else if (peer) /* without the reply entry the source port is not the flow's any more */
		entry_end(flow_body(peer, v6), v6);
	return pkt->tcp_flags & TCP_RST ? XLB_R_NO_FLOW : XLB_R_SHUT_RST;
}

/*
 * The client's packet is a SYN of a flow that it has opened before. As long as nobody has answered it is counted, and
 * when the backend's number is reached the flow ends, so that the packet opens one to another server: HAProxy's retries
 * and redispatch. Returns true then.
 */
static __always_inline bool track_repeat(struct xlb_pkt *pkt, struct xlb_flow_body *b, __u32 word, bool v6)
{
	__u32 limit = XLB_IN(backends, server_at(b->server)->backend)->redispatch;
	__u32 nr = ((word & XLB_F_REPEATS) >> XLB_REPEATS_SHIFT) + 1;

	if (!limit || word & XLB_F_RECORD || xlb_flow_state(word, b->proto) != XLB_S_HALF_OPEN ||
	    (word & (XLB_F_ANSWERED | XLB_F_ONE_WAY)) == XLB_F_ANSWERED) /* the server's answer was lost behind us */
		return false;
	if (nr < limit && nr <= XLB_REPEATS_MAX) {
		flow_mark(b, word, nr << XLB_REPEATS_SHIFT, XLB_F_REPEATS, v6);
		return false;
	}
	TRACK_COUNT(b, moved);
	pkt->avoid = b->server;
	flow_end(pkt->slot, v6);
	pkt->reopen = 1;
	return true;
}

static __always_inline enum xlb_reason track(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	void *f = flow_at(pkt->slot, v6), *p;
	struct xlb_flow_body *b, *peer;
	__u32 now, word, set, clear, peer_slot, kind;
	enum xlb_reason reason;

	if (!f)
		return XLB_R_BUG;
	b = flow_body(f, v6);
	kind = flow_kind(b);
	now = XLB_SEEN(now_tick(), epoch_now());
	word = READ_ONCE(b->word);
	if ((kind == XLB_FLOW_REQUEST && is_syn(pkt) && word & (XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN | XLB_F_RST)) ||
	    flow_expired(pkt->slot, b, word, now >> 8, v6)) {
		flow_end(pkt->slot, v6);
		pkt->reopen = 1;
		return XLB_R_NONE;
	}
	reason = track_dead_server(pkt, b, word, v6);
	if (reason || pkt->reopen)
		return reason;
	if (kind == XLB_FLOW_REQUEST && is_syn(pkt) && track_repeat(pkt, b, word, v6))
		return XLB_R_NONE;
	peer_slot = flow_peer(pkt->slot, v6);
	p = flow_at(peer_slot, v6);
	peer = p ? flow_body(p, v6) : NULL;
	if (READ_ONCE(b->seen) != now) {
		if (word & XLB_F_ONE_WAY)
			WRITE_ONCE(b->seen, now);
		else if (peer || kind == XLB_FLOW_REQUEST)
			track_hop(ctx, pkt, f, peer, now, v6);
	}
	set = (kind == XLB_FLOW_REPLY ? track_reply_flags(pkt) : track_request_flags(pkt, word)) & ~word;
	clear = track_clears(pkt, kind, word);
	track_count(b, word, set);
	if (kind == XLB_FLOW_REPLY && set & XLB_F_ANSWERED && pkt->proto == IPPROTO_TCP && peer)
		track_syn_ack(peer_slot, peer);
	if (set | clear)
		track_mark(b, peer, word, set, clear, v6);
	return XLB_R_NONE;
}

/*
 * Enters packet 'pkt' into its flow, entry pkt->slot. Sets pkt->reopen, and ends the flow, when the packet is not of
 * this flow any more: the flow's time is over, a SYN uses the tuple of a closing one anew (which a balancer that
 * makes the client wait loses a second by), or its server is dead or silent and it can move. Returns XLB_R_NONE, or the
 * reason to drop the packet or to answer it.
 */
__noinline enum xlb_reason xlb_track4(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	return pkt ? track(ctx, pkt, false) : XLB_R_BUG;
}

__noinline enum xlb_reason xlb_track6(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	return pkt ? track(ctx, pkt, true) : XLB_R_BUG;
}

#endif
