/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The order of the data plane's questions, as docs/dataplane.md tells it.
 */
#include "inside.h"

/* An answer of a server in DNAT mode. */
static enum xlb_reason from_server(struct model *m, struct m_pkt *p)
{
	uint16_t bind = find_bind(m, p->server_addr, p->key.sport, p->proto);
	struct m_key request = { .family = p->family, .proto = p->proto };
	const struct xlb_return *r;
	struct m_hop hop;
	enum xlb_reason reason;
	bool reopened;

	if (!(bind & XLB_VIP_RETURN))
		return XLB_R_NOT_OURS;
	r = &m->c.returns[bind & ~XLB_VIP_RETURN];
	if (r->flags & XLB_RETURN_STATE) {
		reason = known_flow(m, p, &reopened);
		return reason ? reason : XLB_R_NOT_OURS;
	}
	if (p->defect)
		return p->defect;
	memcpy(request.saddr, p->key.daddr, 16);
	memcpy(request.daddr, r->vip, 16);
	request.sport = p->key.dport;
	request.dport = r->vport;
	p->service = r->service;
	if (!next_hop(m, p, p->key.daddr, false, &hop))
		return XLB_R_NO_ROUTE;
	reason = send_to_client(m, p, &request, &hop, r->server, r->service, XLB_R_RETURN);
	if (reason == XLB_R_RETURN && p->first_fragment)
		remember_sent(m, p, r->server, true, request.daddr, request.saddr, &hop);
	return reason;
}

static enum xlb_reason to_us(struct model *m, struct m_pkt *p)
{
	bool syn = p->proto == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN, reopened = false;
	enum xlb_reason reason;

	p->service = find_service(m, p->ours, p->key.dport, p->proto);
	if (p->ours->flags & XLB_ADDR_STATELESS && p->service && m->c.services[p->service].flags & XLB_SVC_STATELESS)
		return stateless(m, p);
	if (!p->defect && !syn) {
		reason = known_flow(m, p, &reopened);
		if (reason)
			return reason;
	}
	reason = may_open(m, p);
	if (reason)
		return reason;
	if (syn) {
		reason = known_flow(m, p, &reopened);
		if (reason)
			return reason;
	}
	return no_flow(m, p);
}

static enum xlb_reason tcp_udp(struct model *m, struct m_pkt *p)
{
	const struct m_addr *a = p->ours ? p->ours : p->server_addr;
	enum xlb_reason reason;
	uint16_t port;

	if (p->l4 + 8 > p->len) {
		if (p->server_addr)
			return XLB_R_NOT_OURS;
		return p->first_fragment ? XLB_R_FRAGMENT_TINY : XLB_R_TRUNCATED;
	}
	memcpy(&p->key.sport, p->d + p->l4, 2);
	memcpy(&p->key.dport, p->d + p->l4 + 2, 2);
	if (p->proto == IPPROTO_TCP && p->l4 + 14 <= p->len)
		p->tcp_flags = p->d[p->l4 + 13];
	port = p->ours ? p->key.dport : p->key.sport;
	if (!(p->ours && in_pool(a, port)) && !in_filter(m, a, port, p->proto))
		reason = XLB_R_NOT_OURS;
	else
		reason = p->ours ? to_us(m, p) : from_server(m, p);
	return reason;
}

static enum xlb_reason decide(struct model *m, struct m_pkt *p)
{
	enum xlb_reason reason = parse(m, p);

	if (reason)
		return reason;
	if (p->later_fragment)
		return later_fragment(m, p);
	if (p->proto == (p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return icmp(m, p);
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return XLB_R_NOT_TCP_UDP;
	return tcp_udp(m, p);
}

static enum xlb_verdict verdict_of(enum xlb_reason reason)
{
	static const enum xlb_verdict verdicts[XLB_R_MAX] = {
#define VERDICT(name, verdict, expected, text, advice) [XLB_R_##name] = XLB_V_##verdict,
		XLB_REASONS(VERDICT)
#undef VERDICT
	};

	return verdicts[reason];
}

void model_packet(struct model *m, const struct frame *in, struct frame *out, int *ret_verdict,
		  enum xlb_reason *ret_reason)
{
	struct m_pkt p = { .in = in, .out = out, .d = in->data, .len = in->len };

	m->nr_touched = 0;
	m->wrong[0] = '\0';
	memcpy(out->data, in->data, in->len);
	out->len = in->len;
	*ret_reason = decide(m, &p);
	if (p.first_fragment && verdict_of(*ret_reason) == XLB_V_PASS)
		remember_pass(m, &p);
	m->reasons[*ret_reason]++;
	m->service = p.service;
	switch (verdict_of(*ret_reason)) {
	case XLB_V_SEND:
		*ret_verdict = p.verdict;
		return;
	case XLB_V_PASS:
		*ret_verdict = M_PASS;
		break;
	case XLB_V_DROP:
		*ret_verdict = M_DROP;
		break;
	}
	memcpy(out->data, in->data, in->len);
	out->len = in->len;
}

void model_age(struct model *m, uint32_t ticks)
{
	unsigned int i;

	for (i = 0; i < m->nr_flows; i++) {
		m->flows[i].e[0].tick = (m->flows[i].e[0].tick - ticks) & XLB_TICK_MASK;
		m->flows[i].e[1].tick = (m->flows[i].e[1].tick - ticks) & XLB_TICK_MASK;
	}
	for (i = 0; i < m->nr_frags; i++)
		m->frags[i].tick -= ticks;
	for (i = 0; i < m->nr_sticks; i++)
		m->sticks[i].tick -= ticks;
}
