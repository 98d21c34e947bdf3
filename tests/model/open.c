/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 5 of docs/dataplane.md: packets without a flow.
 */
#include "inside.h"

enum { PORTS_LOOKED_AT = 128, PORTS_FEW = 16, PORT_IDLE = 2 };

enum xlb_reason may_open(struct model *m, struct m_pkt *p)
{
	p->service = find_service(m, p->ours, p->key.dport, p->proto);
	if (!p->service)
		return in_pool(p->ours, p->key.dport) && !busy(m, p->key.dport, p->proto) ? XLB_R_STRAY_REPLY :
											    XLB_R_NOT_OURS;
	if (p->defect)
		return p->defect;
	if (bad_source(p))
		return XLB_R_BAD_SOURCE;
	if (!p->key.sport || !p->key.dport)
		return XLB_R_PORT_ZERO;
	if (source_routed(p))
		return XLB_R_SOURCE_ROUTE;
	if (p->proto == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return p->tcp_flags & TCP_RST ? XLB_R_NO_FLOW : answer_reset(m, p, XLB_R_NO_FLOW_RST);
	return XLB_R_NONE;
}

enum xlb_reason refuse_server(struct model *m, struct m_pkt *p)
{
	uint16_t flags = m->c.services[p->service].flags;

	if (p->proto == IPPROTO_TCP && p->tcp_flags & TCP_RST)
		return XLB_R_NO_FLOW;
	if (flags & XLB_SVC_DROP)
		return XLB_R_NO_SERVER_DROP;
	if (p->proto == IPPROTO_TCP && !(flags & XLB_SVC_ICMP))
		return answer_reset(m, p, XLB_R_NO_SERVER_RST);
	if (p->proto != IPPROTO_TCP && flags & XLB_SVC_RST_ONLY)
		return XLB_R_NO_SERVER_DROP;
	return answer_unreachable(m, p, XLB_R_NO_SERVER_ICMP);
}

static bool has_reply(const struct xlb_server *s)
{
	return s->mode == XLB_MODE_FULLNAT || s->mode == XLB_MODE_DNAT;
}

static struct m_key reply_key(const struct m_key *request, const struct xlb_server *s, uint16_t sport)
{
	struct m_key k = { .family = request->family, .proto = request->proto };

	memcpy(k.saddr, s->addr, 16);
	memcpy(k.daddr, s->mode == XLB_MODE_FULLNAT ? s->source : request->saddr, 16);
	k.sport = xlb_server_port(s, request->dport);
	k.dport = sport;
	return k;
}

/* How gladly a source port is taken over: not at all 0, as a free one UINT32_MAX, else the longer unused the more. */
static uint32_t dispensable(const struct model *m, const struct m_flow *f)
{
	const struct m_entry *e = &f->e[XLB_FLOW_REPLY];
	enum xlb_flow_state state = xlb_flow_state(e->flags, e->key.proto);

	if (xlb_flow_idle(e->tick << 8, m->tick) > flow_timeout(m, f) + HOP_TICKS)
		return UINT32_MAX; /* has ended for sure, without a look at the other entry */
	if (state == XLB_S_ESTABLISHED || state == XLB_S_UDP)
		return 0;
	return 1 + xlb_flow_idle(e->tick << 8, m->tick);
}

/* The flow that holds a source port towards the server, or NULL. */
static struct m_flow *port_holder(struct model *m, const struct m_key *request, const struct xlb_server *s,
				  uint16_t sport)
{
	struct m_key k = reply_key(request, s, sport);
	int kind;

	return model_find(m, &k, &kind);
}

/*
 * Source port of a new flow of full NAT: the program's choice, if it is a free one of the pool, or, when none is free,
 * the dispensable one that was unused the longest. 0: none to be had.
 */
static uint16_t source_port(struct model *m, const struct m_pkt *p, const struct xlb_server *s)
{
	uint32_t port, best = 0, chosen_worth = 0;
	uint16_t chosen = 0, server = 0, free_port = 0, last_resort = 0;
	bool any = m->peek && m->peek(m->peek_ctx, &p->key, &server, &chosen);
	bool whole = s->pool_hi - s->pool_lo < PORTS_LOOKED_AT, early;

	for (port = s->pool_lo; port <= s->pool_hi; port++) {
		uint16_t each = htons((uint16_t)port);
		struct m_flow *holder;
		uint32_t worth;

		if (busy(m, each, p->proto))
			continue;
		holder = port_holder(m, &p->key, s, each);
		worth = holder ? dispensable(m, holder) : UINT32_MAX;
		if (any && each == chosen)
			chosen_worth = worth;
		if (worth == UINT32_MAX && !free_port)
			free_port = each;
		if (worth > best) {
			best = worth;
			last_resort = each;
		}
	}
	/* Not the best, but one of the first, and idle for long enough. */
	early = s->pool_hi - s->pool_lo >= PORTS_FEW && chosen_worth != UINT32_MAX && chosen_worth > PORT_IDLE;
	if (any && chosen_worth && (chosen_worth == best || !whole || early))
		return chosen;
	if (any && best)
		snprintf(m->wrong, sizeof(m->wrong), "source port %u is not one that may be chosen", ntohs(chosen));
	return free_port ? free_port : last_resort;
}

/* Makes the entries of a flow to p->server. */
enum xlb_reason insert_flow(struct model *m, struct m_pkt *p)
{
	const struct xlb_server *s = &m->c.servers[p->server];
	uint16_t flags = XLB_F_LIVE, sport = p->key.sport;
	struct m_hop hop = { 0 };
	struct m_flow *f, *holder;

	if (has_reply(s)) {
		if (!next_hop(m, p, p->key.saddr, true, &hop))
			return XLB_R_NO_ROUTE;
	} else {
		flags |= XLB_F_ONE_WAY | (p->proto == IPPROTO_TCP ? XLB_F_ANSWERED : 0);
	}
	if (s->mode == XLB_MODE_FULLNAT) {
		sport = source_port(m, p, s);
		if (!sport)
			return XLB_R_PORTS_USED_UP;
	}
	holder = has_reply(s) ? port_holder(m, &p->key, s, sport) : NULL;
	if (holder && !dispensable(m, holder))
		return XLB_R_PORTS_USED_UP;
	if (holder)
		flow_end(m, holder);
	f = flow_new(m);
	if (!f)
		return XLB_R_BUG;
	f->sport = sport;
	f->server = p->server;
	f->service = p->service;
	f->e[XLB_FLOW_REQUEST] = (struct m_entry){
		.key = p->key, .flags = flags, .tick = m->tick, .epoch = (uint8_t)m->c.epoch, .hop = hop
	};
	if (has_reply(s)) {
		f->e[XLB_FLOW_REPLY] = f->e[XLB_FLOW_REQUEST];
		f->e[XLB_FLOW_REPLY].key = reply_key(&p->key, s, sport);
		entry_begin(m, f, XLB_FLOW_REPLY);
	}
	entry_begin(m, f, XLB_FLOW_REQUEST);
	f->e[XLB_FLOW_REQUEST].flags |= XLB_F_COUNTED;
	m->srv_active[p->server]++;
	m->svc_active[p->service]++;
	return XLB_R_NONE;
}

static enum xlb_reason limits(struct model *m, const struct m_pkt *p)
{
	const struct xlb_service *svc = &m->c.services[p->service];

	if (svc->flags & XLB_SVC_FULL && m->svc_active[p->service] >= svc->limit)
		return XLB_R_SERVICE_FULL;
	if (!(svc->flags & XLB_SVC_RATE))
		return XLB_R_NONE;
	if (!m->rate[p->service])
		return XLB_R_RATE;
	m->rate[p->service]--;
	return XLB_R_NONE;
}

/* Chooses a server and makes the flow. */
static enum xlb_reason make_flow(struct model *m, struct m_pkt *p)
{
	enum xlb_reason reason = limits(m, p);
	const struct xlb_server *s;

	if (!reason)
		reason = choose(m, p);
	if (reason)
		return reason;
	s = &m->c.servers[p->server];
	if (!memcmp(p->d + 6, s->smac, 6))
		return XLB_R_LOOP;
	if (s->mode != XLB_MODE_L2DSR && ttl_of(p) <= 1)
		return XLB_R_TTL;
	return insert_flow(m, p);
}

void count_refused(struct model *m, const struct m_pkt *p)
{
	m->svc[p->service].refused++;
	if (p->server)
		m->srv[p->server].refused++;
}

/* The packet passed may_open(). */
enum xlb_reason no_flow(struct model *m, struct m_pkt *p)
{
	enum xlb_reason reason = make_flow(m, p);
	const struct m_flow *f;
	int kind;

	if (reason)
		count_refused(m, p);
	m->svc[p->service].denied += reason == XLB_R_RATE;
	if (reason == XLB_R_NO_SERVER_RST)
		return refuse_server(m, p);
	if (reason)
		return reason;
	m->svc[p->service].connections++;
	m->srv[p->server].connections++;
	f = model_find(m, &p->key, &kind);
	reason = send_to_server(m, p, p->server, p->service, f->sport, XLB_R_NEW_FLOW);
	if (reason == XLB_R_NEW_FLOW && p->first_fragment)
		remember_sent(m, p, p->server, false, NULL, NULL, NULL);
	return reason;
}
