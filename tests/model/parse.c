/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sections 1 and 2 of docs/dataplane.md: whose packet it is, where its headers are, and what is wrong with it.
 */
#include "inside.h"

enum {
	ETH_IPV4 = 0x0800,
	ETH_IPV6 = 0x86dd,
	ETH_TAG = 0x8100,
	MAX_EXTENSIONS = 6,
	MAX_L4 = 255,
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_LSRR = 131,
	OPT_SSRR = 137,
};

int find_addr(const struct model *m, const uint32_t *addr, uint8_t family)
{
	unsigned int i;

	for (i = 0; i < m->c.nr_addrs; i++)
		if (m->c.addrs[i].family == family && same_addr(m->c.addrs[i].addr, addr))
			return (int)i;
	return -1;
}

bool in_pool(const struct m_addr *a, uint16_t port)
{
	return a->pool_lo <= ntohs(port) && ntohs(port) <= a->pool_hi;
}

bool busy(const struct model *m, uint16_t port, uint8_t proto)
{
	return ntohs(port) == (proto == IPPROTO_TCP ? m->c.busy_tcp : m->c.busy_udp);
}

uint16_t find_bind(const struct model *m, const struct m_addr *a, uint16_t port, uint8_t proto)
{
	unsigned int i;

	for (i = 0; i < m->c.nr_binds; i++)
		if (&m->c.addrs[m->c.binds[i].addr] == a && m->c.binds[i].port == port && m->c.binds[i].proto == proto)
			return m->c.binds[i].service;
	for (i = 0; i < m->c.nr_ranges; i++) {
		const struct xlb_range *r = &m->c.ranges[i].r;

		if (&m->c.addrs[m->c.ranges[i].addr] == a && r->proto == proto && r->lo <= ntohs(port) &&
		    ntohs(port) <= r->hi)
			return r->service;
	}
	return 0;
}

uint16_t find_service(const struct model *m, const struct m_addr *a, uint16_t port, uint8_t proto)
{
	uint16_t bind = find_bind(m, a, port, proto);

	if (!bind || bind & XLB_VIP_RETURN || !(m->c.services[bind].flags & XLB_SVC_ENABLED))
		return 0;
	return bind;
}

/* Is the port's bit set by any bind or range? Other ports may share the bit: such a packet is then just as little ours.
 */
bool in_filter(const struct model *m, const struct m_addr *a, uint16_t port, uint8_t proto)
{
	unsigned int i;

	for (i = 0; i < m->c.nr_binds; i++) {
		const struct m_bind *b = &m->c.binds[i];

		if (&m->c.addrs[b->addr] == a && xlb_port_bit(b->port, b->proto) == xlb_port_bit(port, proto))
			return true;
	}
	for (i = 0; i < m->c.nr_ranges; i++) {
		const struct xlb_range *r = &m->c.ranges[i].r;
		uint32_t each;

		if (&m->c.addrs[m->c.ranges[i].addr] != a)
			continue;
		for (each = r->lo; each <= r->hi; each++)
			if (xlb_port_bit(htons((uint16_t)each), r->proto) == xlb_port_bit(port, proto))
				return true;
	}
	return false;
}

uint8_t ttl_of(const struct m_pkt *p)
{
	return p->d[p->l3 + (p->family == 4 ? 8 : 7)];
}

bool source_routed(const struct m_pkt *p)
{
	size_t at = p->l3 + 20;

	if (p->family != 4)
		return false;
	while (at < p->l4) {
		uint8_t type = p->d[at];

		if (type == OPT_END)
			return false;
		if (type == OPT_LSRR || type == OPT_SSRR)
			return true;
		if (type == OPT_NOP) {
			at++;
			continue;
		}
		/* One that cannot be read might hide anything. */
		if (at + 1 >= p->l4 || p->d[at + 1] < 2)
			return true;
		at += p->d[at + 1];
	}
	return false;
}

static bool bad_source4(uint32_t saddr)
{
	uint8_t net = ntohl(saddr) >> 24;

	return net == 0 || net == 127 || net >= 224;
}

static bool bad_source6(const uint32_t *s)
{
	if (!s[0] && !s[1] && !s[2] && ntohl(s[3]) <= 1)
		return true;
	if (!s[0] && !s[1] && ntohl(s[2]) == 0xffff)
		return true;
	return ntohl(s[0]) >> 24 == 0xff;
}

bool bad_source(const struct m_pkt *p)
{
	if (same_addr(p->key.saddr, p->key.daddr))
		return true;
	return p->family == 4 ? bad_source4(p->key.saddr[0]) : bad_source6(p->key.saddr);
}

static enum xlb_reason parse4(struct m_pkt *p)
{
	uint16_t frag = rd16(p->d + p->l3 + 6);
	unsigned int ihl = p->d[p->l3] & 15;

	if (p->d[p->l3] >> 4 != 4 || ihl < 5)
		return XLB_R_BAD_HEADER;
	p->l4 = p->l3 + 4 * ihl;
	p->end = p->l3 + rd16(p->d + p->l3 + 2);
	p->proto = p->frag_proto = p->d[p->l3 + 9];
	p->frag_id = rd16(p->d + p->l3 + 4);
	p->frag_offset = (frag & 0x1fff) * 8u;
	p->later_fragment = p->frag_offset > 0;
	p->first_fragment = !p->later_fragment && frag & 0x2000;
	return XLB_R_NONE;
}

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_FRAGMENT;
}

static enum xlb_reason parse6(struct m_pkt *p)
{
	int nr;

	if (p->d[p->l3] >> 4 != 6)
		return XLB_R_BAD_HEADER;
	p->end = p->l3 + 40 + rd16(p->d + p->l3 + 4);
	p->proto = p->d[p->l3 + 6];
	p->l4 = p->l3 + 40;
	for (nr = 0; is_extension(p->proto) && nr < MAX_EXTENSIONS && !p->later_fragment; nr++) {
		const uint8_t *ext = p->d + p->l4;

		if (p->l4 + 8 > p->len)
			return XLB_R_TRUNCATED;
		if (p->proto == IPPROTO_ROUTING && ext[2] == 0 && ext[3] > 0)
			return XLB_R_SOURCE_ROUTE;
		if (p->proto == IPPROTO_FRAGMENT && rd16(ext + 2) & 0xfff9) {
			p->frag_offset = rd16(ext + 2) & 0xfff8;
			p->later_fragment = p->frag_offset > 0;
			p->first_fragment = !p->later_fragment;
			p->frag_id = rd32(ext + 4);
			p->frag_proto = ext[0];
		}
		p->l4 += p->proto == IPPROTO_FRAGMENT ? 8 : (ext[1] + 1u) * 8;
		p->proto = ext[0];
		if (p->l4 > MAX_L4)
			return XLB_R_EXTENSION;
	}
	return is_extension(p->proto) && !p->later_fragment ? XLB_R_EXTENSION : XLB_R_NONE;
}

static enum xlb_reason udp_defect(const struct m_pkt *p)
{
	size_t payload = p->end > p->l4 ? p->end - p->l4 : 0;
	uint16_t length;

	if (payload < 8 || p->l4 + 8 > p->len)
		return XLB_R_TRUNCATED;
	length = rd16(p->d + p->l4 + 4);
	if (length < 8 || (length > payload && !p->first_fragment))
		return XLB_R_TRUNCATED;
	if (p->family == 6 && !rd16(p->d + p->l4 + 6))
		return XLB_R_NO_CHECKSUM;
	return XLB_R_NONE;
}

static enum xlb_reason tcp_defect(const struct m_pkt *p)
{
	enum xlb_reason cut = p->first_fragment ? XLB_R_FRAGMENT_TINY : XLB_R_TRUNCATED;
	size_t payload = p->end > p->l4 ? p->end - p->l4 : 0, header;
	uint8_t flags;

	if (payload < 20 || p->l4 + 20 > p->len)
		return cut;
	header = (p->d[p->l4 + 12] >> 4) * 4u;
	if (header < 20)
		return XLB_R_BAD_HEADER;
	if (header > payload)
		return cut;
	flags = p->d[p->l4 + 13];
	if ((flags & (TCP_SYN | TCP_RST) && flags & TCP_FIN) || (flags & TCP_SYN && flags & TCP_RST) ||
	    !(flags & (TCP_SYN | TCP_RST | TCP_ACK)))
		return XLB_R_BAD_FLAGS;
	return XLB_R_NONE;
}

static enum xlb_reason find_defect(const struct m_pkt *p)
{
	if (p->end > p->len)
		return XLB_R_TRUNCATED;
	if (p->later_fragment)
		return p->proto == IPPROTO_TCP && p->frag_offset == 8 ? XLB_R_FRAGMENT_TINY : XLB_R_NONE;
	if (p->end < p->l4 && (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP))
		return XLB_R_TRUNCATED;
	if (p->proto == IPPROTO_UDP)
		return udp_defect(p);
	return p->proto == IPPROTO_TCP ? tcp_defect(p) : XLB_R_NONE;
}

/* Fills key and lengths; the first answer to "whose is it?". */
static enum xlb_reason find_owner(struct model *m, struct m_pkt *p)
{
	uint16_t type;
	int index;

	if (p->len < 14)
		return XLB_R_NOT_IP;
	type = rd16(p->d + 12);
	p->l3 = 14;
	if (type == ETH_TAG && p->len >= 18) {
		p->tagged = true;
		type = rd16(p->d + 16);
		p->l3 = 18;
	}
	if (type != ETH_IPV4 && type != ETH_IPV6)
		return XLB_R_NOT_IP;
	p->family = p->key.family = type == ETH_IPV4 ? 4 : 6;
	if (p->len < p->l3 + (p->family == 4 ? 20 : 40))
		return XLB_R_NOT_IP;
	memcpy(p->key.saddr, p->d + p->l3 + (p->family == 4 ? 12 : 8), p->family == 4 ? 4 : 16);
	memcpy(p->key.daddr, p->d + p->l3 + (p->family == 4 ? 16 : 24), p->family == 4 ? 4 : 16);
	index = find_addr(m, p->key.daddr, p->family);
	if (index >= 0 &&
	    (m->c.addrs[index].flags & ~XLB_ADDR_SERVER || m->c.addrs[index].pool_lo <= m->c.addrs[index].pool_hi)) {
		p->ours = &m->c.addrs[index];
		return XLB_R_NONE;
	}
	index = find_addr(m, p->key.saddr, p->family);
	if (index < 0 || !(m->c.addrs[index].flags & XLB_ADDR_SERVER))
		return XLB_R_NOT_OURS;
	p->server_addr = &m->c.addrs[index];
	return XLB_R_NONE;
}

enum xlb_reason parse(struct model *m, struct m_pkt *p)
{
	enum xlb_reason reason = find_owner(m, p);

	if (reason)
		return reason;
	reason = p->family == 4 ? parse4(p) : parse6(p);
	if (reason)
		return p->ours ? reason : XLB_R_NOT_OURS;
	p->key.proto = p->proto;
	p->defect = find_defect(p);
	return XLB_R_NONE;
}
