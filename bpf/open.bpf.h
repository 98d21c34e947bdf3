/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet without a flow: is it ours, is it sound, and if it opens a flow, to which server. The only place that
 * creates flows.
 */
#ifndef XLB_OPEN_BPF_H
#define XLB_OPEN_BPF_H

#include "answer.bpf.h"
#include "flowtab.bpf.h"
#include "nat.bpf.h"
#include "nexthop.bpf.h"
#include "options.bpf.h"
#include "track.bpf.h"

enum {
	SERVER_TRIES = 4, /* ring entries looked at for a server whose neighbour is known */
	PORT_TRIES = 128, /* source ports looked at, at most */
};

/* Index of the enabled service that the packet is for; 0 if there is none. */
static __always_inline __u32 open_service(const struct xlb_pkt *pkt)
{
	struct xlb_vip_bucket *b;
	struct xlb_service *svc;
	int choice, i;
	__u32 key;

	for (choice = 0; choice < 2; choice++) {
		key = xlb_vip_hash(xlb_cfg_secrets, pkt->daddr, pkt->dport, pkt->proto, choice);
		b = bpf_map_lookup_elem(&xlb_vips, &key);
		if (!b)
			continue;
		for (i = 0; i < XLB_VIP_WAYS; i++) {
			if (b->way[i].addr != pkt->daddr || b->way[i].port != pkt->dport ||
			    READ_ONCE(b->way[i].proto) != pkt->proto)
				continue;
			key = b->way[i].service;
			svc = bpf_map_lookup_elem(&xlb_services, &key);
			return svc && svc->flags & XLB_SVC_ENABLED ? key : 0;
		}
	}
	return 0;
}

/* Can the address be a client's? RFC 6890: not this network, loopback, multicast, reserved, nor the service itself. */
static __always_inline bool source_is_sound(const struct xlb_pkt *pkt)
{
	__u8 first = bpf_ntohl(pkt->saddr) >> 24;

	return first != 0 && first != 127 && first < 224 && pkt->saddr != pkt->daddr;
}

/* Server number at position 'next' of a ring (struct xlb_backend.ring, not empty), 0 if there is no such ring. */
static __always_inline __u32 ring_entry(__u64 ring, __u64 next)
{
	__u32 pos = next % (__u32)ring, key = (ring >> 32) + pos / XLB_RING_WAYS;
	struct xlb_ring *r = bpf_map_lookup_elem(&xlb_ring, &key);

	return r ? r->server[pos % XLB_RING_WAYS] : 0;
}

/* The next server of the backend's ring that can be reached. NULL with *ret_reason: none at all, or none reachable. */
static __always_inline struct xlb_server *open_pick(__u64 ring, struct xlb_cursor *cursor, __u32 *ret_id,
						    enum xlb_reason *ret_reason)
{
	struct xlb_server *srv;
	__u32 key, i;

	*ret_reason = XLB_R_NO_NEIGHBOUR;
	for (i = 0; i < SERVER_TRIES && i < (__u32)ring; i++) {
		key = ring_entry(ring, __sync_fetch_and_add(&cursor->next, 1));
		*ret_id = key;
		srv = bpf_map_lookup_elem(&xlb_servers, &key);
		if (srv && srv->oif && *(__u64 *)&srv->dmac << 16)
			return srv;
	}
	return NULL;
}

/* First source port to try for a client's tuple towards a server: an offset into the server's range. */
static __always_inline __u32 port_start(const struct xlb_pkt *pkt, const struct xlb_server *srv)
{
	__u32 nr = srv->pool_hi >= srv->pool_lo ? srv->pool_hi - srv->pool_lo + 1 : 0;

	return (__u64)flow_hash(pkt->saddr, srv->addr, pkt->ports, pkt->proto) * nr >> 32;
}

/*
 * Starts to fetch the cache line that the reply entry will most likely be written to, if the packet opens a flow: the
 * fetch then goes on while that of the request's line is waited for. Must come before any atomic operation.
 */
static __always_inline void open_prefetch(const struct xlb_pkt *pkt, __u64 ring, const struct xlb_cursor *cursor)
{
	__u32 key = ring_entry(ring, READ_ONCE(cursor->next)), hash, port;
	struct xlb_server *srv = bpf_map_lookup_elem(&xlb_servers, &key);
	struct xlb_bucket *b;

	if (!srv)
		return;
	port = srv->pool_lo + port_start(pkt, srv);
	hash = flow_hash(srv->addr, srv->source, (srv->port ? srv->port : pkt->dport) | (__u32)bpf_htons(port) << 16,
			 pkt->proto);
	b = bucket_of(hash);
	if (b)
		(void)READ_ONCE(b->slot[hash & SLOT_MASK].word);
}

static __always_inline bool port_is_busy(__u16 port, __u8 proto)
{
	__u32 word = port / 64 + (proto == IPPROTO_TCP ? 0 : XLB_BUSY_WORDS), key = word / 8;
	struct xlb_busy *b = bpf_map_lookup_elem(&xlb_busy, &key);

	return !b || READ_ONCE(b->word[word % 8]) >> (port % 64) & 1;
}

/*
 * Claims a source port: inserts reply entry 'e' under the first port at which its key is free. The search starts at a
 * place that depends on the client's tuple and a secret (RFC 6056, algorithm 3): a client that comes back gets the same
 * port, and a server that still has it in TIME_WAIT knows the sequence numbers. When all ports looked at are taken, the
 * one that has been ending or half open the longest is taken over. Returns the entry's number, or an INSERT_* result.
 */
__noinline long xlb_claim_port(struct xlb_flow *e, __u32 start, __u32 lo, __u32 nr)
{
	__s32 oldest = INSERT_ENDING + 1, oldest_port = 0;
	long ret = INSERT_EXISTS;
	__u32 i, port;

	if (!e || !nr || nr > 65535)
		return INSERT_EXISTS;
	for (i = 0; i < PORT_TRIES && i < nr; i++) {
		port = lo + (start + i) % nr;
		if (port_is_busy(port, e->proto))
			continue;
		e->dport = bpf_htons(port);
		nat_deltas(e);
		ret = xlb_insert(e, false);
		if (ret >= 0 || ret == INSERT_BUSY)
			return ret;
		if (ret < oldest) {
			oldest = ret;
			oldest_port = port;
		}
	}
	if (!oldest_port)
		return ret;
	e->dport = bpf_htons(oldest_port);
	nat_deltas(e);
	return xlb_insert(e, true);
}

/* Fills the reply entry of a flow from the client of 'pkt' to 'srv'; the source port is still open. */
static __always_inline void open_reply_entry(struct xlb_flow *reply, const struct xlb_pkt *pkt,
					     const struct xlb_server *srv, __u32 server)
{
	reply->saddr = srv->addr;
	reply->daddr = srv->source;
	reply->sport = srv->port ? srv->port : pkt->dport;
	reply->proto = pkt->proto;
	reply->kind = XLB_FLOW_REPLY;
	reply->epoch = epoch_now();
	reply->new_saddr = pkt->daddr;
	reply->new_daddr = pkt->saddr;
	reply->new_sport = pkt->dport;
	reply->new_dport = pkt->sport;
	reply->server = server;
	reply->service = pkt->service;
	reply->peer = XLB_NO_PEER;
	reply->seen = now_tick();
	reply->word = 0;
}

/* Fills the request entry that belongs to reply entry number 'slot'. */
static __always_inline void open_request_entry(struct xlb_flow *req, const struct xlb_flow *reply,
					       const struct xlb_server *srv, __u32 slot)
{
	req->saddr = reply->new_daddr;
	req->daddr = reply->new_saddr;
	req->sport = reply->new_dport;
	req->dport = reply->new_sport;
	req->proto = reply->proto;
	req->kind = XLB_FLOW_REQUEST;
	req->epoch = reply->epoch;
	req->new_saddr = reply->daddr;
	req->new_daddr = reply->saddr;
	req->new_sport = reply->dport;
	req->new_dport = reply->sport;
	__builtin_memcpy(req->dmac, srv->dmac, 6);
	__builtin_memcpy(req->smac, srv->smac, 6);
	req->oif = srv->oif;
	req->server = reply->server;
	req->service = reply->service;
	req->peer = slot;
	req->seen = reply->seen;
	req->word = 0;
	nat_deltas(req);
}

/* Makes both entries of a flow to 'srv', reply first: it claims the source port. The request entry stays in 's'. */
static __always_inline enum xlb_reason open_entries(struct xdp_md *ctx, const struct xlb_pkt *pkt,
						    const struct xlb_server *srv, __u32 server, struct xlb_scratch *s)
{
	__u32 lo = srv->pool_lo, nr = srv->pool_hi >= lo ? srv->pool_hi - lo + 1 : 0;
	struct xlb_flow *f;
	long slot;

	open_reply_entry(&s->reply, pkt, srv, server);
	if (xlb_nexthop(ctx, &s->reply, true) != NEXTHOP_FOUND)
		return XLB_R_NO_ROUTE;
	slot = xlb_claim_port(&s->reply, port_start(pkt, srv), lo, nr);
	if (slot < 0)
		return slot == INSERT_FULL ? XLB_R_TABLE_FULL :
		       slot == INSERT_BUSY ? XLB_R_TABLE_BUSY :
					     XLB_R_PORTS_USED_UP;
	open_request_entry(&s->request, &s->reply, srv, slot);
	f = flow_at(slot);
	slot = xlb_insert(&s->request, false);
	if (!f)
		return XLB_R_BUG;
	if (slot < 0) {
		flow_mark(f, READ_ONCE(f->word), 0, XLB_F_LIVE);
		return slot == INSERT_FULL ? XLB_R_TABLE_FULL : XLB_R_TABLE_BUSY;
	}
	WRITE_ONCE(f->peer, slot);
	return XLB_R_NONE;
}

/* Rewrites a packet as the request entry 'req' says, whose word was 'word'. Returns 'reason'. */
static __always_inline enum xlb_reason open_send(struct xdp_md *ctx, struct xlb_pkt *pkt, const struct xlb_flow *req,
						 __u32 word, enum xlb_reason reason)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *iph = data + sizeof(*eth);
	void *l4 = data + sizeof(*eth) + (pkt->ip_len & 0x3c);

	if ((void *)(iph + 1) > end || l4 + UDP_LEN > end)
		return XLB_R_BUG;
	pkt->oif = req->oif;
	switch (nat_rewrite(eth, iph, l4, end, req, word)) {
	case NAT_DONE:
		nat_count(req, false, sizeof(*eth) + pkt->tot_len);
		return reason;
	case NAT_RACE:
		return XLB_R_TABLE_BUSY;
	}
	return XLB_R_BUG;
}

static __always_inline void open_count(__u32 service, __u32 server, bool refused)
{
	struct xlb_stats *s;

	s = bpf_map_lookup_elem(&xlb_svc_stats, &service);
	if (s && refused)
		s->refused++;
	else if (s)
		s->connections++;
	s = server ? bpf_map_lookup_elem(&xlb_srv_stats, &server) : NULL;
	if (s && refused)
		s->refused++;
	else if (s)
		s->connections++;
}

/* A SYN of a known flow: sent once more, or a connection opened anew. */
static __always_inline enum xlb_reason open_again(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	enum xlb_reason reason = xlb_track(ctx, pkt);
	struct xlb_flow *f = flow_at(pkt->slot);
	__u32 word;

	if (reason || pkt->reopen || !f)
		return reason;
	if (!flow_is(f, pkt->saddr, pkt->daddr, pkt->ports, pkt->proto, &word))
		return XLB_R_TABLE_BUSY;
	return open_send(ctx, pkt, f, word, XLB_R_REQUEST);
}

/* Second half of xlb_open(): the packet is sound, of service pkt->service, and opens a flow if it has none yet. */
static __always_inline enum xlb_reason open_flow(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	__u32 key = 0, server = 0;
	enum xlb_reason reason = XLB_R_NONE;
	struct xlb_cursor *cursor;
	struct xlb_backend *be;
	struct xlb_scratch *s;
	struct xlb_service *svc;
	struct xlb_server *srv;
	__u64 ring;

	s = bpf_map_lookup_elem(&xlb_scratch, &key);
	key = pkt->service;
	svc = bpf_map_lookup_elem(&xlb_services, &key);
	if (!svc || !s)
		return XLB_R_BUG;
	key = svc->backend;
	be = bpf_map_lookup_elem(&xlb_backends, &key);
	cursor = bpf_map_lookup_elem(&xlb_cursors, &key);
	if (!be || !cursor)
		return XLB_R_BUG;
	ring = READ_ONCE(be->ring);
	if ((__u32)ring)
		open_prefetch(pkt, ring, cursor);
	pkt->slot = xlb_find(pkt->saddr, pkt->daddr, pkt->ports, pkt->proto);
	if (pkt->slot != XLB_NO_PEER) {
		reason = open_again(ctx, pkt);
		if (reason)
			return reason;
	}
	if (!(__u32)ring) {
		open_count(pkt->service, 0, true);
		return xlb_answer(ctx, pkt, pkt->proto == IPPROTO_TCP ? XLB_R_NO_SERVER_RST : XLB_R_NO_SERVER_ICMP);
	}
	srv = open_pick(ring, cursor, &server, &reason);
	if (srv)
		reason = open_entries(ctx, pkt, srv, server, s);
	open_count(pkt->service, server, reason);
	return reason ? reason : open_send(ctx, pkt, &s->request, s->request.word, XLB_R_NEW_FLOW);
}

/* What is wrong with a packet of ours that has no flow; 0 if nothing. */
static __always_inline enum xlb_reason open_check(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	if (pkt->bad)
		return pkt->bad;
	if (!source_is_sound(pkt))
		return XLB_R_BAD_SOURCE;
	if (!pkt->sport || !pkt->dport)
		return XLB_R_PORT_ZERO;
	if (pkt->ip_len > IP_MIN_LEN && xlb_source_route(ctx, pkt))
		return XLB_R_SOURCE_ROUTE;
	return XLB_R_NONE;
}

/*
 * Decides about a packet without a flow, to an address and perhaps a port of ours. Only here it turns out whether the
 * port is ours, hence only here a malformed packet is dropped or passed.
 */
__noinline enum xlb_reason xlb_open(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	enum xlb_reason reason;

	if (!pkt)
		return XLB_R_BUG;
	pkt->service = open_service(pkt);
	if (!pkt->service)
		return pkt->in_pool && !port_is_busy(bpf_ntohs(pkt->dport), pkt->proto) ? XLB_R_STRAY_REPLY :
											  XLB_R_NOT_OURS;
	reason = open_check(ctx, pkt);
	if (reason)
		return reason;
	if (pkt->proto == IPPROTO_TCP && (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return pkt->tcp_flags & TCP_RST ? XLB_R_NO_FLOW : xlb_answer(ctx, pkt, XLB_R_NO_FLOW_RST);
	return open_flow(ctx, pkt);
}

#endif
