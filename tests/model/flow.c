/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 4 of docs/dataplane.md: packets of known flows, and the table of flows itself.
 */
#include "inside.h"

static bool same_key(const struct m_key *a, const struct m_key *b)
{
	return a->family == b->family && a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
	       same_addr(a->saddr, b->saddr) && same_addr(a->daddr, b->daddr);
}

static uint32_t mark_of(const struct m_key *k)
{
	uint32_t ports = (uint32_t)k->sport << 16 | k->dport;

	return (k->saddr[0] * 3 ^ k->saddr[3] * 5 ^ k->daddr[0] * 7 ^ k->daddr[3] * 11 ^ ports * 13 ^ k->proto) | 1;
}

void entry_begin(struct model *m, struct m_flow *f, int kind)
{
	f->e[kind].live = true;
	m->marks[f - m->flows][kind] = mark_of(&f->e[kind].key);
}

struct m_flow *model_find(struct model *m, const struct m_key *key, int *ret_kind)
{
	uint32_t mark = mark_of(key);
	unsigned int i;
	int kind;

	for (i = m->nr_flows; i-- > 0;)
		for (kind = XLB_FLOW_REQUEST; kind <= XLB_FLOW_REPLY; kind++)
			if (m->marks[i][kind] == mark && same_key(&m->flows[i].e[kind].key, key)) {
				*ret_kind = kind;
				return &m->flows[i];
			}
	return NULL;
}

void flow_touch(struct model *m, const struct m_flow *f)
{
	unsigned int index = (unsigned int)(f - m->flows), i;

	for (i = 0; i < m->nr_touched; i++)
		if (m->touched[i] == index)
			return;
	if (m->nr_touched < M_TOUCHED)
		m->touched[m->nr_touched++] = index;
}

struct m_flow *flow_new(struct model *m)
{
	struct m_flow *f;

	if (m->nr_flows == M_FLOWS)
		return NULL;
	f = &m->flows[m->nr_flows++];
	memset(f, 0, sizeof(*f));
	flow_touch(m, f);
	return f;
}

static void set_counted(struct model *m, struct m_flow *f, bool counted)
{
	struct m_entry *e = &f->e[XLB_FLOW_REQUEST];

	if (!e->live || e->flags & XLB_F_RECORD || counted == !!(e->flags & XLB_F_COUNTED))
		return;
	e->flags ^= XLB_F_COUNTED;
	m->srv_active[f->server] += counted ? 1 : -1;
	m->svc_active[f->service] += counted ? 1 : -1;
}

void entry_end(struct model *m, struct m_flow *f, int kind)
{
	flow_touch(m, f);
	if (kind == XLB_FLOW_REQUEST)
		set_counted(m, f, false);
	f->e[kind].live = false;
	m->marks[f - m->flows][kind] = 0;
}

void flow_end(struct model *m, struct m_flow *f)
{
	entry_end(m, f, XLB_FLOW_REQUEST);
	entry_end(m, f, XLB_FLOW_REPLY);
}

static const struct m_entry *some_entry(const struct m_flow *f)
{
	return &f->e[f->e[XLB_FLOW_REQUEST].live ? XLB_FLOW_REQUEST : XLB_FLOW_REPLY];
}

uint32_t flow_timeout(const struct model *m, const struct m_flow *f)
{
	const struct m_entry *e = some_entry(f);

	return m->c.services[f->service].timeout[xlb_flow_state(e->flags, e->key.proto)];
}

bool flow_idle(const struct model *m, const struct m_flow *f, const struct m_entry *e)
{
	return !e->live || xlb_flow_idle(e->tick << 8, m->tick) > flow_timeout(m, f);
}

bool flow_counted_state(uint16_t flags, uint8_t proto)
{
	enum xlb_flow_state state = xlb_flow_state(flags, proto);

	return state != XLB_S_CLOSING && state != XLB_S_CLOSED;
}

/* Flags that a packet of the client or the server sets. */
static uint16_t gained_flags(const struct m_pkt *p, const struct m_flow *f, int kind)
{
	bool one_way = f->e[kind].flags & XLB_F_ONE_WAY;
	uint16_t gained = 0;

	if (p->proto == IPPROTO_UDP)
		return kind == XLB_FLOW_REPLY || one_way ? XLB_F_ANSWERED : 0;
	if (kind == XLB_FLOW_REQUEST) {
		if (p->tcp_flags & TCP_ACK)
			gained |= XLB_F_CLIENT_ACK | (one_way ? XLB_F_ANSWERED : 0);
		if (p->tcp_flags & TCP_FIN)
			gained |= XLB_F_CLIENT_FIN | (one_way ? XLB_F_SERVER_FIN : 0);
		if (p->tcp_flags & TCP_RST)
			gained |= XLB_F_RST;
		return gained;
	}
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		gained |= XLB_F_ANSWERED;
	if (p->tcp_flags & TCP_FIN)
		gained |= XLB_F_SERVER_FIN;
	if (p->tcp_flags & TCP_RST)
		gained |= XLB_F_RST | XLB_F_SERVER_RST;
	return gained;
}

static uint16_t lost_flags(const struct m_pkt *p, uint16_t flags, int kind)
{
	bool from_server = flags & XLB_F_SERVER_RST;

	if (p->proto != IPPROTO_TCP || !(flags & XLB_F_RST) || p->tcp_flags & TCP_RST ||
	    from_server != (kind == XLB_FLOW_REPLY))
		return 0;
	return XLB_F_RST | XLB_F_SERVER_RST;
}

static void count_turns(struct model *m, const struct m_flow *f, uint16_t before, uint16_t gained)
{
	struct xlb_stats *svc = &m->svc[f->service], *srv = &m->srv[f->server];
	uint16_t new = gained & ~before;

	if (new &XLB_F_ANSWERED) {
		svc->answered++;
		srv->answered++;
	}
	if (!(new &XLB_F_RST))
		return;
	if (!(gained & XLB_F_SERVER_RST)) {
		svc->client_resets++;
		srv->client_resets++;
		return;
	}
	svc->server_resets++;
	srv->server_resets++;
	if (!(before & XLB_F_ANSWERED)) {
		svc->unanswered++;
		srv->unanswered++;
	}
}

static void set_flags(struct model *m, const struct m_pkt *p, struct m_flow *f, int kind)
{
	uint16_t before = f->e[kind].flags, gained = gained_flags(p, f, kind), lost = lost_flags(p, before, kind);
	int each;

	count_turns(m, f, before, gained);
	for (each = XLB_FLOW_REQUEST; each <= XLB_FLOW_REPLY; each++)
		if (f->e[each].live)
			f->e[each].flags = (f->e[each].flags | gained) & ~lost;
	set_counted(m, f, flow_counted_state(f->e[kind].flags, p->proto));
}

/* Rule 2 of section 4: is the packet no longer of this flow? */
static bool outlived(struct model *m, const struct m_pkt *p, const struct m_flow *f, int kind, bool *ret_moved)
{
	const struct m_entry *e = &f->e[kind];
	bool syn = p->proto == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

	if (flow_idle(m, f, &f->e[XLB_FLOW_REQUEST]) && flow_idle(m, f, &f->e[XLB_FLOW_REPLY]))
		return true;
	if (kind != XLB_FLOW_REQUEST)
		return false;
	if (syn && e->flags & (XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN | XLB_F_RST))
		return true;
	if (m->c.servers[f->server].flags & XLB_SRV_UP)
		return false;
	*ret_moved = p->proto == IPPROTO_UDP || (syn && xlb_flow_state(e->flags, p->proto) == XLB_S_HALF_OPEN);
	return *ret_moved;
}

/* Rule 4 of section 4: a SYN that is repeated, and whether it was repeated often enough to go elsewhere. */
static bool gives_up(const struct model *m, const struct m_pkt *p, struct m_flow *f, int kind)
{
	const struct xlb_backend *be = &m->c.backends[m->c.servers[f->server].backend];
	uint16_t *flags = &f->e[kind].flags;
	unsigned int repeats = *flags >> XLB_REPEATS_SHIFT & XLB_REPEATS_MAX;

	if (kind != XLB_FLOW_REQUEST || p->proto != IPPROTO_TCP || (p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	if (!be->redispatch || *flags & XLB_F_RECORD || xlb_flow_state(*flags, p->proto) != XLB_S_HALF_OPEN ||
	    (*flags & XLB_F_ANSWERED && !(*flags & XLB_F_ONE_WAY)))
		return false;
	if (repeats + 1 >= be->redispatch || repeats == XLB_REPEATS_MAX)
		return true;
	*flags = (uint16_t)((*flags & ~XLB_F_REPEATS) | (repeats + 1) << XLB_REPEATS_SHIFT);
	return false;
}

/*
 * Notes the time. The client's next hop is looked up anew for both entries when it may have changed; at any other new
 * tick it may be.
 */
static void refresh(struct model *m, const struct m_pkt *p, struct m_flow *f, int kind)
{
	struct m_entry *e = &f->e[kind], *other = &f->e[!kind];
	bool must = e->epoch != (uint8_t)m->c.epoch || xlb_flow_idle(e->tick << 8, m->tick) >= HOP_TICKS;
	struct m_hop hop = e->hop;
	bool found;

	if (kind == XLB_FLOW_REPLY && !other->live)
		return;
	if (!must && !e->may_ask && e->tick == m->tick)
		return;
	e->may_ask = false;
	found = next_hop(m, p, f->e[XLB_FLOW_REQUEST].key.saddr, kind == XLB_FLOW_REQUEST, &hop);
	e->tick = m->tick;
	e->epoch = (uint8_t)m->c.epoch;
	if (e->flags & XLB_F_ONE_WAY)
		return;
	if (must) {
		e->hop = other->hop = hop;
		other->tick = e->tick;
		/* What the routing table does not know, the client's next packet shows. */
		other->epoch = found || kind == XLB_FLOW_REQUEST ? e->epoch : e->epoch - 1;
		return;
	}
	other->may_ask = !found && kind == XLB_FLOW_REPLY;
	e->may_refresh = other->may_refresh = true;
	e->may_hop = other->may_hop = hop;
}

enum xlb_reason track(struct model *m, struct m_pkt *p, struct m_flow *f, int kind, bool *ret_ended)
{
	bool moved = false;

	*ret_ended = outlived(m, p, f, kind, &moved);
	if (*ret_ended) {
		if (moved) {
			m->svc[f->service].moved++;
			m->srv[f->server].moved++;
		}
		flow_end(m, f);
		return XLB_R_NONE;
	}
	flow_touch(m, f);
	if (m->c.servers[f->server].flags & XLB_SRV_SHUT && p->proto == IPPROTO_TCP) {
		/* Without the reply entry the source port is another's; without the request entry the server is still
		 * told. */
		if (kind == XLB_FLOW_REPLY)
			flow_end(m, f);
		entry_end(m, f, kind);
		f->e[!kind].flags |= XLB_F_RST;
		return p->tcp_flags & TCP_RST ? XLB_R_NO_FLOW : answer_reset(m, p, XLB_R_SHUT_RST);
	}
	if (gives_up(m, p, f, kind)) {
		m->svc[f->service].moved++;
		m->srv[f->server].moved++;
		p->avoid = f->server;
		flow_end(m, f);
		*ret_ended = true;
		return XLB_R_NONE;
	}
	set_flags(m, p, f, kind);
	refresh(m, p, f, kind);
	return XLB_R_NONE;
}

static enum xlb_reason send_flow(struct model *m, struct m_pkt *p, struct m_flow *f, int kind)
{
	enum xlb_reason reason;

	p->service = f->service;
	if (kind == XLB_FLOW_REPLY) {
		const struct m_hop *hop = &f->e[kind].hop;

		reason = send_to_client(m, p, &f->e[XLB_FLOW_REQUEST].key, hop, f->server, f->service, XLB_R_REPLY);
		if (reason == XLB_R_REPLY && p->first_fragment)
			remember_sent(m, p, f->server, true, f->e[XLB_FLOW_REQUEST].key.daddr,
				      f->e[XLB_FLOW_REQUEST].key.saddr, hop);
		return reason;
	}
	if (!m->c.servers[f->server].oif)
		return XLB_R_NO_NEIGHBOUR;
	reason = send_to_server(m, p, f->server, f->service, f->sport, XLB_R_REQUEST);
	if (reason == XLB_R_REQUEST && p->first_fragment)
		remember_sent(m, p, f->server, false, NULL, NULL, NULL);
	return reason;
}

enum xlb_reason known_flow(struct model *m, struct m_pkt *p, bool *ret_reopened)
{
	enum xlb_reason reason;
	struct m_flow *f;
	int kind;

	*ret_reopened = false;
	f = model_find(m, &p->key, &kind);
	if (!f)
		return XLB_R_NONE;
	if (p->defect)
		return p->defect;
	if (source_routed(p))
		return XLB_R_SOURCE_ROUTE;
	reason = track(m, p, f, kind, ret_reopened);
	if (reason || *ret_reopened)
		return reason;
	return send_flow(m, p, f, kind);
}
