/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 6 of docs/dataplane.md: services whose flows have no entries but while their slot is marked (struct
 * xlb_tables.ring).
 */
#include "inside.h"

static uint16_t slot_of(const struct model *m, uint16_t service, const struct m_key *k, uint16_t *ret_previous)
{
	uint16_t backend = m->c.services[service].backend;
	const struct xlb_backend *be = &m->c.backends[backend];
	uint32_t pos = xlb_select_pos(select_hash(be, k), XLB_RING_LEN(be->ring));

	*ret_previous = m->c.previous[backend][pos];
	return m->c.ring[backend][pos];
}

/* A packet of a young slot without a record: where to? */
static uint16_t young_server(const struct model *m, bool syn, uint16_t slot, uint16_t previous)
{
	if (!syn && previous && m->c.servers[previous].flags & XLB_SRV_UP && reachable(&m->c.servers[previous]))
		return previous;
	return slot & XLB_SLOT_SERVER;
}

uint16_t stateless_server(struct model *m, uint16_t service, const struct m_key *k)
{
	uint16_t previous, slot;

	if (!XLB_RING_LEN(m->c.backends[m->c.services[service].backend].ring))
		return 0;
	slot = slot_of(m, service, k, &previous);
	return slot & XLB_SLOT_YOUNG ? young_server(m, false, slot, previous) : slot & XLB_SLOT_SERVER;
}

/* Notes the flow: answers do not concern it, whatever the mode. */
static void record(struct model *m, const struct m_pkt *p)
{
	struct m_flow *f = flow_new(m);
	struct m_entry *e = &f->e[XLB_FLOW_REQUEST];

	*e = (struct m_entry){ .key = p->key, .tick = m->tick, .epoch = (uint8_t)m->c.epoch };
	e->flags = XLB_F_LIVE | XLB_F_RECORD | XLB_F_ONE_WAY;
	if (p->proto == IPPROTO_TCP)
		e->flags |= XLB_F_ANSWERED | (p->tcp_flags & TCP_ACK ? XLB_F_CLIENT_ACK : 0);
	entry_begin(m, f, XLB_FLOW_REQUEST);
	f->sport = p->key.sport;
	f->server = p->server;
	f->service = p->service;
}

static enum xlb_reason by_slot(struct model *m, struct m_pkt *p)
{
	uint16_t previous, slot = slot_of(m, p->service, &p->key, &previous);
	struct m_flow *f = NULL;
	enum xlb_reason reason;
	bool ended, syn;
	int kind;

	p->server = slot & XLB_SLOT_SERVER;
	if (!(slot & XLB_SLOT_MARK))
		return XLB_R_STATELESS;
	f = model_find(m, &p->key, &kind);
	if (f) {
		reason = track(m, p, f, kind, &ended);
		if (reason)
			return reason;
		if (!ended) {
			p->server = f->server;
			return XLB_R_STATELESS;
		}
	}
	if (!(slot & XLB_SLOT_YOUNG))
		return XLB_R_STATELESS;
	syn = p->proto == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	p->server = young_server(m, syn, slot, previous);
	record(m, p);
	return XLB_R_STATELESS;
}

enum xlb_reason stateless(struct model *m, struct m_pkt *p)
{
	bool syn = p->proto == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	enum xlb_reason reason;

	if (p->defect)
		return p->defect;
	if (bad_source(p))
		return XLB_R_BAD_SOURCE;
	if (!p->key.sport || !p->key.dport)
		return XLB_R_PORT_ZERO;
	if (source_routed(p))
		return XLB_R_SOURCE_ROUTE;
	if (!XLB_RING_LEN(m->c.backends[m->c.services[p->service].backend].ring))
		return count_refused(m, p), refuse_server(m, p);
	reason = by_slot(m, p);
	if (reason != XLB_R_STATELESS)
		return reason;
	if (!reachable(&m->c.servers[p->server]))
		return XLB_R_NO_NEIGHBOUR;
	if (syn) {
		m->svc[p->service].connections++;
		m->srv[p->server].connections++;
	}
	reason = send_to_server(m, p, p->server, p->service, p->key.sport, reason);
	if (reason == XLB_R_STATELESS && p->first_fragment)
		remember_sent(m, p, p->server, false, NULL, NULL, NULL);
	return reason;
}
