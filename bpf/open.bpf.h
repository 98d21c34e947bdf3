/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet without a flow: is it ours, is it sound, and if it opens a flow, to which server. The only place that
 * creates flows, but for the records of stateless.bpf.h.
 */
#ifndef XLB_OPEN_BPF_H
#define XLB_OPEN_BPF_H

#include "addr.bpf.h"
#include "answer.bpf.h"
#include "insert.bpf.h"
#include "mss.bpf.h"
#include "nexthop.bpf.h"
#include "options.bpf.h"
#include "policy.bpf.h"
#include "select.bpf.h"
#include "send.bpf.h"
#include "track.bpf.h"

enum {
	PORT_TRIES = 128,    /* source ports looked at, at most */
	PORT_TRIES_FEW = 16, /* and when one of them has been ending or half open for so long: */
	PORT_IDLE = 2,	     /* ticks */
};

/* --- is it a client's? -------------------------------------------------------------------------------------------- */

/* Can the address be a client's? RFC 6890: not this network, loopback, multicast, reserved, nor the service itself. */
static __always_inline bool source_is_sound4(__be32 saddr, __be32 daddr)
{
	__u8 first = bpf_ntohl(saddr) >> 24;

	return first != 0 && first != 127 && first < 224 && saddr != daddr;
}

/* The same for IPv6: not unspecified, loopback, IPv4-mapped or multicast (RFC 4291, 2.5 and 2.7). */
static __always_inline bool source_is_sound6(const __be32 *saddr, const __be32 *daddr)
{
	if (!(saddr[0] | saddr[1]) && (!saddr[2] || saddr[2] == bpf_htonl(0xffff)) &&
	    (saddr[2] || !(saddr[3] & ~bpf_htonl(1))))
		return false;
	return (bpf_ntohl(saddr[0]) >> 24) != 0xff && !addr_same(saddr, daddr, true);
}

static __always_inline bool source_is_sound(const struct xlb_pkt *pkt)
{
	return pkt->family == 6 ? source_is_sound6(pkt->saddr, pkt->daddr) :
				  source_is_sound4(pkt->saddr[0], pkt->daddr[0]);
}

/* From the interface's own address: a packet that we sent came back. */
static __always_inline bool is_loop(struct xdp_md *ctx, const struct xlb_server *srv)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	return (void *)(eth + 1) <= end && *(__u32 *)&eth->h_source[2] == *(const __u32 *)&srv->smac[2] &&
	       *(__u16 *)eth->h_source == *(const __u16 *)srv->smac;
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
	if (pkt->family == 4 && pkt->l4 - pkt->l3 > IP4_LEN && xlb_source_route(ctx, pkt))
		return XLB_R_SOURCE_ROUTE;
	return XLB_R_NONE;
}

/* --- limits of the frontend --------------------------------------------------------------------------------------- */

/* One of the service's tokens for new flows: a bucket of a second's worth per CPU, refilled by the jiffy. */
static __always_inline bool rate_allows(__u32 service, const struct xlb_service *svc)
{
	struct xlb_rate *r = XLB_AT(xlb_rates, service);
	__u64 now = bpf_jiffies64(), gained;

	if (!r)
		return true;
	gained = (now - r->jiffies) * svc->rate / xlb_cfg_hz;
	if (gained) {
		r->jiffies = now;
		r->tokens += gained;
		if (r->tokens > svc->rate)
			r->tokens = svc->rate;
	}
	if (!r->tokens)
		return false;
	r->tokens--;
	return true;
}

static __always_inline enum xlb_reason open_limits(const struct xlb_pkt *pkt, const struct xlb_service *svc)
{
	struct xlb_load *load;

	if (svc->flags & XLB_SVC_FULL) {
		load = XLB_IN(svc_load, pkt->service);
		if (READ_ONCE(load->active) >= svc->limit)
			return XLB_R_SERVICE_FULL;
	}
	if (svc->flags & XLB_SVC_RATE && !rate_allows(pkt->service, svc))
		return XLB_R_RATE;
	return XLB_R_NONE;
}

/* --- source ports ------------------------------------------------------------------------------------------------- */

static __always_inline bool port_is_busy(__u16 port, __u8 proto)
{
	__u32 word = port / 64 + (proto == IPPROTO_TCP ? 0 : XLB_BUSY_WORDS);
	struct xlb_busy *b = XLB_IN(busy, word / 8);

	return READ_ONCE(b->word[word % 8]) >> (port % 64) & 1;
}

static __always_inline __u32 pool_size(const struct xlb_server *srv)
{
	return srv->pool_hi >= srv->pool_lo ? srv->pool_hi - srv->pool_lo + 1 : 0;
}

/*
 * First source port to try for a client's tuple towards a server: an offset into the server's range. It depends on the
 * tuple and a secret (RFC 6056, algorithm 3): a client that comes back gets the same port, and a server that still has
 * it in TIME_WAIT knows the sequence numbers.
 */
static __always_inline __u32 port_start(const struct xlb_pkt *pkt, __u32 server, __u32 nr)
{
	return (__u64)(__u32)((pkt->hash >> 16) + server * 0x9e3779b1u) * nr >> 32;
}

static __always_inline void set_port(struct xlb_entry *e, __u32 port)
{
	e->b.sport = bpf_htons(port);
	e->ports = (e->ports & 0xffff) | (__u32)e->b.sport << 16;
}

static __always_inline long claim_one(struct xlb_entry *e, __u32 port, __u32 steal, bool v6)
{
	if (!steal && port_is_busy(port, e->b.proto))
		return INSERT_EXISTS;
	set_port(e, port);
	return flow_insert(e, key_hash(e, v6), steal ? INSERT_STEAL : 0, v6);
}

/* Inserts reply entry 'e' under one source port. Global functions: the search calls them over and over. */
__noinline long xlb_claim_one4(struct xlb_entry *e, __u32 port, __u32 steal)
{
	return e ? claim_one(e, port, steal, false) : INSERT_FULL;
}

__noinline long xlb_claim_one6(struct xlb_entry *e, __u32 port, __u32 steal)
{
	return e ? claim_one(e, port, steal, true) : INSERT_FULL;
}

static __always_inline long claim(struct xlb_entry *e, __u32 start, __u32 lo, __u32 nr, bool v6)
{
	__s64 oldest = INSERT_ENDING + 1, oldest_port = 0, refusal = INSERT_EXISTS, ret;
	__u32 i, port;

	for (i = 0; i < PORT_TRIES && i < nr; i++) {
		if (i >= PORT_TRIES_FEW && oldest <= INSERT_ENDING - PORT_IDLE)
			break;
		port = start + i < nr ? lo + start + i : lo + start + i - nr;
		ret = v6 ? xlb_claim_one6(e, port, false) : xlb_claim_one4(e, port, false);
		if (ret >= 0 || ret == INSERT_BUSY)
			return ret;
		if (ret == INSERT_FULL)
			refusal = INSERT_FULL;
		if (ret < oldest) {
			oldest = ret;
			oldest_port = port;
		}
	}
	if (!oldest_port)
		return refusal;
	return v6 ? xlb_claim_one6(e, oldest_port, true) : xlb_claim_one4(e, oldest_port, true);
}

/*
 * Claims a source port: inserts reply entry 'e' under the first port from lo + start on at which its key is free. When
 * all ports looked at are taken, the one that has been ending or half open the longest is taken over. A flood of SYNs
 * fills the range with half-open flows: then a few looks must do, or each SYN would cost 15 us. Returns the
 * entry's number, or an INSERT_* result. 'start' < 'nr' <= 65536, 0 allowed.
 */
__noinline long xlb_claim_port4(struct xlb_entry *e, __u32 start, __u32 lo, __u32 nr)
{
	return e && start < nr ? claim(e, start, lo, nr, false) : INSERT_EXISTS;
}

__noinline long xlb_claim_port6(struct xlb_entry *e, __u32 start, __u32 lo, __u32 nr)
{
	return e && start < nr ? claim(e, start, lo, nr, true) : INSERT_EXISTS;
}

/* --- what an insertion pushed out ----------------------------------------------------------------------------------
 */

static __always_inline void end_orphan(struct xlb_scratch *s, bool v6)
{
	void *f = flow_at(find_all(&s->peer, key_hash(&s->peer, v6), true, v6), v6);

	s->orphan = 0;
	if (f)
		entry_end(flow_body(f, v6), v6);
}

/* Ends the entry that s->peer describes: the rest of a flow of which one entry was pushed out. Always 0. */
__noinline int xlb_end_orphan4(struct xdp_md *ctx)
{
	struct xlb_scratch *s = scratch();

	if (s && ctx)
		end_orphan(s, false);
	return 0;
}

__noinline int xlb_end_orphan6(struct xdp_md *ctx)
{
	struct xlb_scratch *s = scratch();

	if (s && ctx)
		end_orphan(s, true);
	return 0;
}

/* To be called after an insertion that succeeded. */
static __always_inline void flow_settle(struct xdp_md *ctx, struct xlb_scratch *s, bool v6)
{
	if (!s->orphan)
		return;
	if (v6)
		xlb_end_orphan6(ctx);
	else
		xlb_end_orphan4(ctx);
}

/* --- the two entries ---------------------------------------------------------------------------------------------- */

/* Fills the key and the identity of the client's flow. */
static __always_inline void request_entry(struct xlb_entry *e, const struct xlb_pkt *pkt, bool v6)
{
	addr_copy(e->saddr, pkt->saddr, v6);
	addr_copy(e->daddr, pkt->daddr, v6);
	e->ports = pkt->ports;
	addr_copy(e->client, pkt->saddr, v6);
	addr_copy(e->vip, pkt->daddr, v6);
	e->cport = pkt->sport;
	e->vport = pkt->dport;
	e->b.proto = pkt->proto;
	e->b.kind = XLB_FLOW_REQUEST;
	e->b.service = pkt->service;
	e->b.sport = pkt->sport;
	e->b.hop = 0;
}

/* Makes the reply entry of the flow that 'e' describes, with its key: the server's answer. */
static __always_inline void reply_entry(struct xlb_entry *reply, const struct xlb_entry *e,
					const struct xlb_server *srv, bool v6)
{
	addr_copy(reply->client, e->client, v6);
	addr_copy(reply->vip, e->vip, v6);
	*(__u32 *)&reply->cport = *(const __u32 *)&e->cport;
	reply->b = e->b;
	addr_copy(reply->saddr, srv->addr, v6);
	addr_copy(reply->daddr, srv->mode == XLB_MODE_FULLNAT ? srv->source : e->client, v6);
	reply->ports = xlb_server_port(srv, e->vport) | (__u32)e->cport << 16;
	reply->b.kind = (e->b.kind & ~XLB_KIND_MASK) | XLB_FLOW_REPLY;
	reply->b.word = 0;
}

static __always_inline enum xlb_reason insert_reason(long ret)
{
	return ret == INSERT_FULL ? XLB_R_TABLE_FULL : ret == INSERT_BUSY ? XLB_R_TABLE_BUSY : XLB_R_PORTS_USED_UP;
}

/*
 * Inserts the reply entry; with full NAT that claims a source port. Most often the first one is free; the search is a
 * function of its own.
 */
static __always_inline long insert_reply(struct xlb_pkt *pkt, struct xlb_scratch *s, const struct xlb_server *srv,
					 bool v6)
{
	__u32 nr = pool_size(srv), start;
	long ret;

	if (srv->mode != XLB_MODE_FULLNAT)
		return flow_insert(&s->reply, key_hash(&s->reply, v6), INSERT_STEAL, v6);
	start = port_start(pkt, pkt->server, nr);
	if (nr && !port_is_busy(srv->pool_lo + start, pkt->proto)) {
		set_port(&s->reply, srv->pool_lo + start);
		ret = flow_insert(&s->reply, key_hash(&s->reply, v6), 0, v6);
		if (ret >= 0 || ret == INSERT_BUSY)
			return ret;
	}
	return v6 ? xlb_claim_port6(&s->reply, start, srv->pool_lo, nr) :
		    xlb_claim_port4(&s->reply, start, srv->pool_lo, nr);
}

/* Makes the entries of a flow to 'srv', reply first: it claims the source port. Sets pkt->slot. */
static __always_inline enum xlb_reason open_entries(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						    const struct xlb_server *srv, bool v6)
{
	bool one_way = srv->mode == XLB_MODE_L2DSR || srv->mode == XLB_MODE_IPIP;
	long reply = XLB_NO_SLOT, slot;
	void *f;

	s->keep = reply;
	s->request.b.server = pkt->server;
	s->request.b.service = pkt->service;
	entry_born(&s->request.b);
	s->request.b.word = XLB_F_COUNTED | pkt->tracked;
	if (one_way) {
		s->request.b.word |= XLB_F_ONE_WAY | (pkt->proto == IPPROTO_TCP ? XLB_F_ANSWERED : 0);
	} else {
		if (xlb_nexthop(ctx, &s->request, pkt, true) != NEXTHOP_FOUND)
			return XLB_R_NO_ROUTE;
		reply_entry(&s->reply, &s->request, srv, v6);
		reply = insert_reply(pkt, s, srv, v6);
		if (reply < 0)
			return insert_reason(reply);
		s->request.b.sport = s->reply.b.sport;
		s->keep = reply;
		flow_settle(ctx, s, v6);
	}
	slot = flow_insert(&s->request, pkt->hash, pkt->sought ? INSERT_SOUGHT : 0, v6);
	if (slot < 0) {
		f = one_way ? NULL : flow_at(reply, v6);
		if (f)
			entry_end(flow_body(f, v6), v6);
		return slot == INSERT_FULL ? XLB_R_TABLE_FULL : XLB_R_TABLE_BUSY;
	}
	flow_settle(ctx, s, v6);
	load_add(pkt->server, pkt->service, 1);
	pkt->slot = slot;
	f = flow_at(slot, v6);
	if (f && pkt->proto == IPPROTO_TCP && !one_way)
		track_syn(slot, flow_body(f, v6));
	return XLB_R_NONE;
}

/* The server that xlb_select() will most likely choose; 0: it cannot be told. */
static __always_inline __u32 likely_server(const struct xlb_pkt *pkt, __u32 backend)
{
	struct xlb_cursor *cursor = XLB_IN(cursors, backend);
	struct xlb_backend *be = XLB_IN(backends, backend);
	__u64 ring = READ_ONCE(be->ring);
	__u32 pos;

	if (!XLB_RING_LEN(ring))
		return 0;
	switch ((enum xlb_alg)XLB_RING_ALG(ring)) {
	case XLB_ALG_RR:
		pos = READ_ONCE(cursor->next) % XLB_RING_LEN(ring);
		break;
	case XLB_ALG_HASH:
	case XLB_ALG_MAGLEV:
		pos = xlb_select_pos(select_hash(be, pkt), XLB_RING_LEN(ring));
		break;
	case XLB_ALG_RANDOM:
	case XLB_ALG_LEAST:
	case XLB_ALG_FIRST:
		return 0;
	}
	return ring_entry(ring, pos) & XLB_SLOT_SERVER;
}

/*
 * Starts to fetch the cache line that the reply entry will most likely be written to, if the packet opens a flow: the
 * fetch then goes on while that of the request's line is waited for. Must come before any atomic operation.
 */
static __always_inline void open_prefetch(const struct xlb_pkt *pkt, const struct xlb_service *svc, bool v6)
{
	__u32 id = likely_server(pkt, svc->backend), ports;
	struct xlb_server *srv = server_at(id);
	const __be32 *back = pkt->saddr;
	__be16 sport = pkt->sport;
	__u64 hash;
	void *b;

	if (!id || (srv->mode != XLB_MODE_FULLNAT && srv->mode != XLB_MODE_DNAT))
		return;
	if (srv->mode == XLB_MODE_FULLNAT) {
		sport = bpf_htons(srv->pool_lo + port_start(pkt, id, pool_size(srv)));
		back = srv->source;
	}
	ports = xlb_server_port(srv, pkt->dport) | (__u32)sport << 16;
	if (v6)
		hash = xlb_flow_hash6(xlb_cfg_secrets, srv->addr, back, ports, pkt->proto);
	else
		hash = xlb_flow_hash4(xlb_cfg_secrets, srv->addr[0], back[0], ports, pkt->proto);
	b = bucket_at(bucket_of(hash, v6), v6);
	if (b)
		(void)READ_ONCE(flow_body(slot_in(b, xlb_flow_home(hash), 0, v6), v6)->word);
}

/* --- the whole ------------------------------------------------------------------------------------------------------
 */

/* Reasons by which the configuration refuses a flow that could be served. */
static const __u64 denials =
	1ull << XLB_R_REJECT_RST | 1ull << XLB_R_REJECT_ICMP | 1ull << XLB_R_REJECTED | 1ull << XLB_R_RATE;

static __always_inline void open_count(const struct xlb_pkt *pkt, enum xlb_reason refused)
{
	struct xlb_cpu *cpu = this_cpu();
	struct xlb_stats *svc, *srv;

	if (!cpu)
		return;
	svc = service_stats(cpu, pkt->service);
	srv = server_stats(cpu, pkt->server); /* number 0, that of no server, is counted for nobody */
	if (refused) {
		svc->refused++;
		svc->denied += denials >> refused & 1;
		srv->refused++;
	} else {
		svc->connections++;
		srv->connections++;
	}
}

/* What a service without a usable server does with a packet. */
static __always_inline enum xlb_reason open_no_server(struct xdp_md *ctx, struct xlb_pkt *pkt,
						      const struct xlb_service *svc)
{
	bool tcp = pkt->proto == IPPROTO_TCP;

	if (tcp && pkt->tcp_flags & TCP_RST) /* is never answered: two that do so would go on for ever */
		return XLB_R_NO_FLOW;
	if (svc->flags & XLB_SVC_DROP || (svc->flags & XLB_SVC_RST_ONLY && !tcp))
		return XLB_R_NO_SERVER_DROP;
	return xlb_answer(ctx, pkt, tcp && !(svc->flags & XLB_SVC_ICMP) ? XLB_R_NO_SERVER_RST : XLB_R_NO_SERVER_ICMP);
}

/* Chooses a server and makes the entries. */
static __always_inline enum xlb_reason open_new(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						const struct xlb_service *svc, bool v6)
{
	enum xlb_reason reason = XLB_R_NONE;
	struct xlb_server *srv;

	pkt->backend = svc->backend;
	pkt->tracked = 0;
	if (svc->policy)
		reason = xlb_policy(ctx, pkt);
	if (!reason)
		reason = open_limits(pkt, svc);
	if (!reason)
		reason = xlb_select(ctx, pkt);
	if (reason)
		return reason;
	srv = server_at(pkt->server);
	if (is_loop(ctx, srv))
		return XLB_R_LOOP;
	if (pkt->ttl <= 1 && srv->mode != XLB_MODE_L2DSR)
		return XLB_R_TTL;
	reason = open_entries(ctx, pkt, s, srv, v6);
	if (!reason)
		aim_request(pkt, srv, s->request.b.sport);
	return reason;
}

/* The packet is sound, of service pkt->service, and opens a flow if it has none yet. */
static __always_inline enum xlb_reason open_flow(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	struct xlb_service *svc = service_at(pkt->service);
	struct xlb_scratch *s = scratch();
	enum xlb_reason reason;

	if (!s)
		return XLB_R_BUG;
	if (is_syn(pkt)) {
		/* The hit path leaves SYNs alone: most open a flow, and two cache lines are fetched at once here. */
		open_prefetch(pkt, svc, v6);
		pkt->slot = flow_seek(s, &s->request, pkt->hash, v6);
		pkt->sought = pkt->slot == XLB_NO_SLOT;
		if (pkt->slot != XLB_NO_SLOT) {
			reason = v6 ? xlb_track6(ctx, pkt) : xlb_track4(ctx, pkt);
			if (reason)
				return reason == XLB_R_SHUT_RST ? xlb_answer(ctx, pkt, reason) : reason;
			if (!pkt->reopen) {
				reason = aim_flow(pkt, v6);
				return reason == XLB_R_REQUEST ? send_as(ctx, pkt, reason) : reason;
			}
			request_entry(&s->request, pkt, v6); /* its memory has served others */
		}
	}
	reason = open_new(ctx, pkt, s, svc, v6);
	open_count(pkt, reason);
	if (reason && pkt->tracked)
		xlb_untrack(pkt);
	if (reason == XLB_R_NO_SERVER_RST)
		return open_no_server(ctx, pkt, svc);
	if (reason == XLB_R_REJECT_RST || reason == XLB_R_REJECT_ICMP)
		return xlb_answer(ctx, pkt, reason);
	if (!reason && svc->mss && pkt->proto == IPPROTO_TCP)
		xlb_mss(ctx, pkt);
	return reason ? reason : send_as(ctx, pkt, XLB_R_NEW_FLOW);
}

enum { SOCKET_LISTENS = 10 }; /* TCP_LISTEN of the kernel's enum */

/*
 * Does a socket of the host hold the connection of this packet? A proxy on this host may have served the port before
 * xlb was attached: what it has begun it ends. 1 or 0.
 */
__noinline int xlb_host_has(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int has;

	if (!pkt)
		return 0;
	if (pkt->family == 6) {
		addr_copy(tuple.ipv6.saddr, pkt->saddr, true);
		addr_copy(tuple.ipv6.daddr, pkt->daddr, true);
		tuple.ipv6.sport = pkt->sport;
		tuple.ipv6.dport = pkt->dport;
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	} else {
		tuple.ipv4.saddr = pkt->saddr[0];
		tuple.ipv4.daddr = pkt->daddr[0];
		tuple.ipv4.sport = pkt->sport;
		tuple.ipv4.dport = pkt->dport;
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 0;
	has = sk->state != SOCKET_LISTENS;
	bpf_sk_release(sk);
	return has;
}

/*
 * Decides about a packet without a flow, to an address and perhaps a port of ours. Only here it turns out whether the
 * port is ours, hence only here a malformed packet is dropped or passed.
 */
static __always_inline enum xlb_reason open(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	enum xlb_reason reason;

	if (!pkt->service)
		pkt->service = service_find(pkt->addr_slot, pkt->dport, pkt->proto);
	if (!pkt->service)
		return pkt->in_pool && !port_is_busy(bpf_ntohs(pkt->dport), pkt->proto) ? XLB_R_STRAY_REPLY :
											  XLB_R_NOT_OURS;
	reason = open_check(ctx, pkt);
	if (reason)
		return reason;
	if (pkt->proto == IPPROTO_TCP && !is_syn(pkt)) {
		if (pkt->addr_flags & XLB_ADDR_LOCAL && xlb_host_has(ctx, pkt))
			return XLB_R_HOST_FLOW;
		return pkt->tcp_flags & TCP_RST ? XLB_R_NO_FLOW : xlb_answer(ctx, pkt, XLB_R_NO_FLOW_RST);
	}
	return open_flow(ctx, pkt, v6);
}

#endif
