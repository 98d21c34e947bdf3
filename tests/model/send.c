/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 8 of docs/dataplane.md: what leaves. Checksums are sums over everything they cover, before and after: right
 * ones come out right, wrong ones wrong by the same amount.
 */
#include "inside.h"

enum { OUTER_TTL = 64, DONT_FRAGMENT = 0x4000 };

uint32_t words(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += rd16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum % 65535;
}

uint16_t checksum_for(uint32_t total, uint32_t rest)
{
	return (total % 65535 + 65535 - rest % 65535) % 65535;
}

static size_t checksum_offset(uint8_t proto)
{
	return proto == IPPROTO_TCP ? 16 : 6;
}

/* Sum of the pseudo-header, without the length, which never changes, and of layer 4. */
static uint32_t layer4_sum(const struct m_pkt *p, const uint8_t *frame)
{
	size_t addrs = p->family == 4 ? 8 : 32, end = p->end < p->len ? p->end : p->len;

	return words(frame + p->l3 + (p->family == 4 ? 12 : 8), addrs) + words(frame + p->l4, end - p->l4);
}

static bool has_checksum(const struct m_pkt *p, bool ports)
{
	if (!ports)
		return false;
	return p->proto == IPPROTO_TCP || p->family == 6 || rd16(p->d + p->l4 + 6);
}

/* New addresses and ports, time to live one less, in p->out, which holds the packet as it came. */
void translate(struct m_pkt *p, const uint32_t *saddr, const uint32_t *daddr, uint16_t sport, uint16_t dport,
	       bool ports)
{
	uint8_t *out = p->out->data, *check = out + p->l4 + checksum_offset(p->proto);
	size_t size = p->family == 4 ? 4 : 16, at = p->l3 + (p->family == 4 ? 12 : 8);
	uint32_t before = words(p->d + p->l3, p->l4 - p->l3), l4_before = ports ? layer4_sum(p, p->d) : 0;

	memcpy(out + at, saddr, size);
	memcpy(out + at + size, daddr, size);
	out[p->l3 + (p->family == 4 ? 8 : 7)]--;
	if (p->family == 4) {
		wr16(out + p->l3 + 10, 0);
		wr16(out + p->l3 + 10, checksum_for(before, words(out + p->l3, p->l4 - p->l3)));
	}
	if (!ports)
		return;
	memcpy(out + p->l4, &sport, 2);
	memcpy(out + p->l4 + 2, &dport, 2);
	if (!has_checksum(p, ports))
		return;
	wr16(check, 0);
	wr16(check, checksum_for(l4_before, layer4_sum(p, out)));
	if (p->proto == IPPROTO_UDP && !rd16(check))
		wr16(check, 0xffff);
}

void set_macs(struct frame *out, const uint8_t *dmac, const uint8_t *smac)
{
	memcpy(out->data, dmac, 6);
	memcpy(out->data + 6, smac, 6);
}

void go_by(struct model *m, struct m_pkt *p, uint16_t oif)
{
	p->verdict = oif == m->c.in_if ? M_TX : M_REDIRECT;
}

static bool in_net(const struct m_route *r, const uint32_t *addr)
{
	unsigned int bit;

	for (bit = 0; bit < r->bits; bit++)
		if ((ntohl(r->net[bit / 32]) ^ ntohl(addr[bit / 32])) >> (31 - bit % 32) & 1)
			return false;
	return true;
}

bool next_hop(const struct model *m, const struct m_pkt *p, const uint32_t *client, bool from_client, struct m_hop *ret)
{
	const struct m_route *best = NULL;
	unsigned int i;

	for (i = 0; i < m->c.nr_routes; i++) {
		const struct m_route *r = &m->c.routes[i];

		if (r->family == p->family && in_net(r, client) && (!best || r->bits > best->bits))
			best = r;
	}
	if (best && best->hop.oif) {
		*ret = best->hop;
		return true;
	}
	if ((best && best->forbidden) || !from_client)
		return false;
	ret->oif = m->c.in_if;
	memcpy(ret->dmac, p->d + 6, 6);
	memcpy(ret->smac, p->d, 6);
	return true;
}

static uint64_t counted_bytes(const struct m_pkt *p)
{
	return (p->end < p->len ? p->end : p->len);
}

void count_in(struct model *m, const struct m_pkt *p, uint16_t service, uint16_t server)
{
	m->svc[service].packets_in++;
	m->svc[service].bytes_in += counted_bytes(p);
	m->srv[server].packets_in++;
	m->srv[server].bytes_in += counted_bytes(p);
}

void count_out(struct model *m, const struct m_pkt *p, uint16_t service, uint16_t server)
{
	m->svc[service].packets_out++;
	m->svc[service].bytes_out += counted_bytes(p);
	m->srv[server].packets_out++;
	m->srv[server].bytes_out += counted_bytes(p);
}

static void outer4(uint8_t *o, const struct xlb_server *s, uint8_t tos, size_t inner)
{
	memset(o, 0, 20);
	o[0] = 0x45;
	o[1] = tos;
	wr16(o + 2, 20 + inner);
	wr16(o + 6, DONT_FRAGMENT);
	o[8] = OUTER_TTL;
	o[9] = IPPROTO_IPIP;
	memcpy(o + 12, s->source, 4);
	memcpy(o + 16, s->addr, 4);
	wr16(o + 10, checksum_for(0, words(o, 20)));
}

static void outer6(uint8_t *o, const struct xlb_server *s, uint8_t tos, size_t inner, uint8_t family)
{
	memset(o, 0, 40);
	o[0] = 0x60 | tos >> 4;
	o[1] = tos << 4;
	wr16(o + 4, inner);
	o[6] = family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	o[7] = OUTER_TTL;
	memcpy(o + 8, s->source, 16);
	memcpy(o + 24, s->addr, 16);
}

/* Puts the outer header before the IP packet in p->out. False: too big, and *ret_reason says what came of that. */
bool encapsulate(struct model *m, struct m_pkt *p, const struct xlb_server *s, enum xlb_reason *ret_reason)
{
	size_t inner = p->end - p->l3, outer = s->family == 4 ? 20 : 40;
	uint8_t *d = p->out->data, tos;

	if (s->mtu && inner + outer > s->mtu) {
		if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6 ||
		    (p->family == 4 && !(rd16(p->d + p->l3 + 6) & DONT_FRAGMENT)))
			*ret_reason = XLB_R_TOO_BIG;
		else
			*ret_reason = answer_too_big(m, p, s->mtu - outer);
		return false;
	}
	tos = p->family == 4 ? d[p->l3 + 1] : (uint8_t)(d[p->l3] << 4 | d[p->l3 + 1] >> 4);
	memmove(d + p->l3 + outer, d + p->l3, p->out->len - p->l3);
	p->out->len += outer;
	if (s->family == 4)
		outer4(d + p->l3, s, tos, inner);
	else
		outer6(d + p->l3, s, tos, inner, p->family);
	if (p->family != s->family)
		wr16(d + p->l3 - 2, s->family == 4 ? 0x0800 : 0x86dd);
	return true;
}

enum xlb_reason send_to_server(struct model *m, struct m_pkt *p, uint16_t server, uint16_t service, uint16_t sport,
			       enum xlb_reason reason)
{
	const struct xlb_server *s = &m->c.servers[server];
	uint16_t dport = xlb_server_port(s, p->key.dport);

	if (s->mode != XLB_MODE_L2DSR && ttl_of(p) <= 1)
		return XLB_R_TTL;
	switch ((enum xlb_mode)s->mode) {
	case XLB_MODE_FULLNAT:
		translate(p, s->source, s->addr, sport, dport, !p->later_fragment);
		break;
	case XLB_MODE_DNAT:
		translate(p, p->key.saddr, s->addr, p->key.sport, dport, !p->later_fragment);
		break;
	case XLB_MODE_IPIP:
		translate(p, p->key.saddr, p->key.daddr, p->key.sport, p->key.dport, false);
		if (!encapsulate(m, p, s, &reason))
			return reason;
		break;
	case XLB_MODE_L2DSR:
		break;
	}
	set_macs(p->out, s->dmac, s->smac);
	go_by(m, p, s->oif);
	count_in(m, p, service, server);
	return reason;
}

enum xlb_reason send_to_client(struct model *m, struct m_pkt *p, const struct m_key *request, const struct m_hop *hop,
			       uint16_t server, uint16_t service, enum xlb_reason reason)
{
	if (!hop->oif)
		return XLB_R_NO_ROUTE;
	if (ttl_of(p) <= 1)
		return XLB_R_TTL;
	translate(p, request->daddr, request->saddr, request->dport, request->sport, !p->later_fragment);
	set_macs(p->out, hop->dmac, hop->smac);
	go_by(m, p, hop->oif);
	count_out(m, p, service, server);
	return reason;
}
