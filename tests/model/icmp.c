/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sections 3.2 and 7 of docs/dataplane.md: pings, and ICMP errors about packets of flows.
 */
#include "inside.h"

/* The packet that an error quotes. */
struct quote {
	size_t l3, l4, end;
	uint8_t proto;
	struct m_key turned; /* as its receiver would answer: the key of the flow's entry */
};

static bool is_error(const struct m_pkt *p)
{
	uint8_t type = p->d[p->l4];

	if (p->family == 4)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

static bool is_echo(const struct m_pkt *p)
{
	return p->d[p->l4] == (p->family == 4 ? 8 : 128);
}

/* Finds the quoted headers and turns them round. XLB_R_NONE, or what the error gets. */
static enum xlb_reason read_quote(const struct m_pkt *p, struct quote *q)
{
	size_t fixed = p->family == 4 ? 20 : 40, size = p->family == 4 ? 4 : 16;
	const uint8_t *ip;

	q->l3 = p->l4 + 8;
	q->end = p->end;
	ip = p->d + q->l3;
	if (q->l3 + fixed > q->end || ip[0] >> 4 != p->family)
		return XLB_R_ICMP_BAD;
	q->l4 = q->l3 + (p->family == 4 ? (ip[0] & 15) * 4u : 40);
	q->proto = p->family == 4 ? ip[9] : ip[6];
	if (p->family == 4 && ((ip[0] & 15) < 5 || rd16(ip + 6) & 0x1fff))
		return XLB_R_ICMP_BAD;
	if (p->family == 6 && q->proto == IPPROTO_FRAGMENT)
		return XLB_R_ICMP_BAD;
	if (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP)
		return XLB_R_NOT_TCP_UDP;
	if (q->l4 + 8 > q->end)
		return XLB_R_ICMP_BAD;
	q->turned.family = p->family;
	q->turned.proto = q->proto;
	memcpy(q->turned.daddr, ip + (p->family == 4 ? 12 : 8), size);
	memcpy(q->turned.saddr, ip + (p->family == 4 ? 16 : 24), size);
	memcpy(&q->turned.dport, p->d + q->l4, 2);
	memcpy(&q->turned.sport, p->d + q->l4 + 2, 2);
	if (!same_addr(q->turned.daddr, p->key.daddr))
		return XLB_R_ICMP_BAD;
	return XLB_R_NONE;
}

/* Offset of the quoted checksum of layer 4, 0 when it is not quoted or not used. */
static size_t quoted_check(const struct m_pkt *p, const struct quote *q)
{
	if (q->proto == IPPROTO_UDP)
		return rd16(p->d + q->l4 + 6) ? q->l4 + 6 : 0;
	return q->l4 + 18 <= q->end ? q->l4 + 16 : 0;
}

/* The quote becomes a packet from 'from' to 'to'. */
static void rewrite_quote(struct m_pkt *p, const struct quote *q, const uint32_t *from, const uint32_t *to,
			  uint16_t sport, uint16_t dport)
{
	size_t size = p->family == 4 ? 4 : 16, at = q->l3 + (p->family == 4 ? 12 : 8), check = quoted_check(p, q);
	uint8_t *out = p->out->data;
	uint32_t ip = words(p->d + q->l3, q->l4 - q->l3);
	uint32_t before = words(p->d + at, 2 * size) + words(p->d + q->l4, 4);

	memcpy(out + at, from, size);
	memcpy(out + at + size, to, size);
	memcpy(out + q->l4, &sport, 2);
	memcpy(out + q->l4 + 2, &dport, 2);
	if (p->family == 4) {
		wr16(out + q->l3 + 10, 0);
		wr16(out + q->l3 + 10, checksum_for(ip, words(out + q->l3, q->l4 - q->l3)));
	}
	if (!check)
		return;
	wr16(out + check, checksum_for(rd16(p->d + check) + before, words(out + at, 2 * size) + words(out + q->l4, 4)));
	if (q->proto == IPPROTO_UDP && !rd16(out + check))
		wr16(out + check, 0xffff);
}

/* The ICMP checksum, by the difference of all that it covers. */
static void reseal(struct m_pkt *p)
{
	uint8_t *out = p->out->data;
	size_t addrs = p->l3 + (p->family == 4 ? 12 : 8), size = p->family == 4 ? 0 : 32;
	uint32_t before = words(p->d + addrs, size) + words(p->d + p->l4, p->end - p->l4);

	wr16(out + p->l4 + 2, 0);
	wr16(out + p->l4 + 2, checksum_for(before, words(out + addrs, size) + words(out + p->l4, p->end - p->l4)));
}

static enum xlb_reason to_server(struct model *m, struct m_pkt *p, const struct quote *q, uint16_t server,
				 uint16_t service, uint16_t sport)
{
	const struct xlb_server *s = &m->c.servers[server];
	bool fullnat = s->mode == XLB_MODE_FULLNAT;
	enum xlb_reason reason = XLB_R_ICMP_TO_SERVER;

	if (!s->oif)
		return XLB_R_NO_NEIGHBOUR;
	if (s->mode == XLB_MODE_L2DSR || s->mode == XLB_MODE_IPIP)
		return send_to_server(m, p, server, service, 0, reason);
	if (ttl_of(p) <= 1)
		return XLB_R_TTL;
	translate(p, fullnat ? s->source : p->key.saddr, s->addr, 0, 0, false);
	rewrite_quote(p, q, s->addr, fullnat ? s->source : q->turned.saddr, xlb_server_port(s, q->turned.dport), sport);
	reseal(p);
	set_macs(p->out, s->dmac, s->smac);
	go_by(m, p, s->oif);
	count_in(m, p, service, server);
	return reason;
}

/* To the client of a flow whose request entry has 'request' as key. */
static enum xlb_reason to_client(struct model *m, struct m_pkt *p, const struct quote *q, const struct m_key *request,
				 const struct m_hop *hop, uint16_t server, uint16_t service)
{
	if (!hop->oif)
		return XLB_R_NO_ROUTE;
	if (ttl_of(p) <= 1)
		return XLB_R_TTL;
	translate(p, request->daddr, request->saddr, 0, 0, false);
	rewrite_quote(p, q, request->saddr, request->daddr, request->sport, request->dport);
	reseal(p);
	set_macs(p->out, hop->dmac, hop->smac);
	go_by(m, p, hop->oif);
	count_out(m, p, service, server);
	return XLB_R_ICMP_TO_CLIENT;
}

static enum xlb_reason unknown(struct model *m, const struct m_pkt *p, const struct quote *q)
{
	uint16_t port = q->turned.dport;

	if (!p->ours)
		return XLB_R_NOT_OURS;
	if (find_service(m, p->ours, port, q->proto) || (in_pool(p->ours, port) && !busy(m, port, q->proto)))
		return XLB_R_ICMP_NO_FLOW;
	return XLB_R_NOT_OURS;
}

/* An error from a server in DNAT mode whose answers need no entries. */
static enum xlb_reason by_return(struct model *m, struct m_pkt *p, const struct quote *q)
{
	uint16_t bind = find_bind(m, p->server_addr, q->turned.sport, q->proto);
	struct m_key request = { .family = p->family, .proto = q->proto };
	const struct xlb_return *r;
	struct m_hop hop;

	if (!(bind & XLB_VIP_RETURN))
		return XLB_R_NOT_OURS;
	r = &m->c.returns[bind & ~XLB_VIP_RETURN];
	if (r->flags & XLB_RETURN_STATE)
		return XLB_R_NOT_OURS;
	memcpy(request.saddr, q->turned.daddr, 16);
	memcpy(request.daddr, r->vip, 16);
	request.sport = q->turned.dport;
	request.dport = r->vport;
	if (!next_hop(m, p, request.saddr, false, &hop))
		return XLB_R_NO_ROUTE;
	return to_client(m, p, q, &request, &hop, r->server, r->service);
}

static enum xlb_reason error(struct model *m, struct m_pkt *p)
{
	struct quote q = { 0 };
	enum xlb_reason reason = read_quote(p, &q);
	struct m_flow *f;
	uint16_t service;
	int kind;

	if (reason)
		return p->server_addr ? XLB_R_NOT_OURS : reason;
	service = p->ours ? find_service(m, p->ours, q.turned.dport, q.proto) : 0;
	p->service = service;
	f = model_find(m, &q.turned, &kind);
	if (!f && service && m->c.services[service].flags & XLB_SVC_STATELESS) {
		uint16_t server = stateless_server(m, service, &q.turned);

		return server ? to_server(m, p, &q, server, service, q.turned.sport) : XLB_R_ICMP_NO_FLOW;
	}
	if (f && kind == XLB_FLOW_REQUEST)
		return to_server(m, p, &q, f->server, f->service, f->sport);
	if (f)
		return to_client(m, p, &q, &f->e[XLB_FLOW_REQUEST].key, &f->e[kind].hop, f->server, f->service);
	return p->server_addr ? by_return(m, p, &q) : unknown(m, p, &q);
}

enum xlb_reason icmp(struct model *m, struct m_pkt *p)
{
	if (p->l4 + 8 > p->len || p->l4 + 8 > p->end)
		return XLB_R_NOT_TCP_UDP;
	if (p->first_fragment)
		return XLB_R_NOT_TCP_UDP;
	if (is_echo(p) && p->ours && p->ours->flags & XLB_ADDR_ECHO) {
		if (p->defect)
			return p->defect;
		return bad_source(p) ? XLB_R_BAD_SOURCE : answer_echo(m, p);
	}
	if (!is_error(p))
		return XLB_R_NOT_TCP_UDP;
	if (p->defect)
		return p->server_addr ? XLB_R_NOT_OURS : p->defect;
	return error(m, p);
}
