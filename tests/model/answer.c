/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the balancer says itself: resets (RFC 9293, 3.5.2), ICMP errors (RFC 792, RFC 4443), echo replies. All go back
 * by the way that the packet came, tagged as it was; checksums are computed in full.
 */
#include "inside.h"

enum { ANSWER_TTL = 64, QUOTED_L4 = 8, QUOTED_MAX = 128 };

static bool take_token(struct model *m)
{
	if (!m->answers)
		return false;
	m->answers--;
	return true;
}

static void turn_macs(struct m_pkt *p)
{
	set_macs(p->out, p->d + 6, p->d);
	p->verdict = M_TX;
}

/* An IP header from the packet's destination to its source, 'payload' bytes behind it. Returns the offset behind it. */
static size_t answer_ip(struct m_pkt *p, uint8_t proto, size_t payload)
{
	uint8_t *ip = p->out->data + p->l3;

	if (p->family == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		wr16(ip + 2, 20 + payload);
		wr16(ip + 6, 0x4000);
		ip[8] = ANSWER_TTL;
		ip[9] = proto;
		memcpy(ip + 12, p->key.daddr, 4);
		memcpy(ip + 16, p->key.saddr, 4);
		wr16(ip + 10, checksum_for(0, words(ip, 20)));
		p->out->len = p->l3 + 20 + payload;
		return p->l3 + 20;
	}
	memset(ip, 0, 40);
	ip[0] = 0x60;
	wr16(ip + 4, payload);
	ip[6] = proto;
	ip[7] = ANSWER_TTL;
	memcpy(ip + 8, p->key.daddr, 16);
	memcpy(ip + 24, p->key.saddr, 16);
	p->out->len = p->l3 + 40 + payload;
	return p->l3 + 40;
}

static void seal(struct m_pkt *p, size_t l4, size_t check, uint8_t proto, bool pseudo)
{
	uint8_t *d = p->out->data;
	uint32_t sum;

	wr16(d + l4 + check, 0);
	sum = words(d + l4, p->out->len - l4);
	if (pseudo)
		sum += words(p->key.saddr, 16) + words(p->key.daddr, 16) + proto + (uint32_t)(p->out->len - l4);
	wr16(d + l4 + check, checksum_for(0, sum));
}

enum xlb_reason answer_reset(struct model *m, struct m_pkt *p, enum xlb_reason reason)
{
	const uint8_t *tcp = p->d + p->l4;
	uint8_t flags = tcp[13], *t;
	uint32_t length;
	size_t l4;

	if (!take_token(m))
		return XLB_R_LIMITED;
	length = (uint32_t)(p->end - p->l4 - (tcp[12] >> 4) * 4u) + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	l4 = answer_ip(p, IPPROTO_TCP, 20);
	t = p->out->data + l4;
	memset(t, 0, 20);
	memcpy(t, &p->key.dport, 2);
	memcpy(t + 2, &p->key.sport, 2);
	t[12] = 0x50;
	if (flags & TCP_ACK) {
		wr32(t + 4, rd32(tcp + 8));
		t[13] = TCP_RST;
	} else {
		wr32(t + 8, rd32(tcp + 4) + length);
		t[13] = TCP_RST | TCP_ACK;
	}
	seal(p, l4, 16, IPPROTO_TCP, true);
	turn_macs(p);
	return reason;
}

/* The headers of the packet in question and 8 bytes of layer 4 behind an ICMP header. */
static void answer_error(struct m_pkt *p, uint8_t type, uint8_t code, uint32_t rest)
{
	size_t quoted = p->l4 + QUOTED_L4 - p->l3 < QUOTED_MAX ? p->l4 + QUOTED_L4 - p->l3 : QUOTED_MAX, l4;
	uint8_t *t;

	l4 = answer_ip(p, p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 8 + quoted);
	t = p->out->data + l4;
	t[0] = type;
	t[1] = code;
	wr32(t + 4, rest);
	memcpy(t + 8, p->d + p->l3, quoted);
	seal(p, l4, 2, IPPROTO_ICMPV6, p->family == 6);
	turn_macs(p);
}

enum xlb_reason answer_unreachable(struct model *m, struct m_pkt *p, enum xlb_reason reason)
{
	if (!take_token(m))
		return XLB_R_LIMITED;
	answer_error(p, p->family == 4 ? 3 : 1, p->family == 4 ? 3 : 4, 0);
	return reason;
}

enum xlb_reason answer_too_big(struct model *m, struct m_pkt *p, unsigned int mtu)
{
	if (!take_token(m))
		return XLB_R_LIMITED;
	answer_error(p, p->family == 4 ? 3 : 2, p->family == 4 ? 4 : 0, mtu);
	return XLB_R_TOO_BIG_ICMP;
}

enum xlb_reason answer_echo(struct model *m, struct m_pkt *p)
{
	size_t at = p->l3 + (p->family == 4 ? 12 : 8), size = p->family == 4 ? 4 : 16, end = p->end - p->l4;
	uint8_t *d = p->out->data;
	uint32_t ip = words(d + p->l3, p->l4 - p->l3), before;

	if (!take_token(m))
		return XLB_R_LIMITED;
	before = words(d + p->l4, end);
	memcpy(d + at, p->key.daddr, size);
	memcpy(d + at + size, p->key.saddr, size);
	d[p->l3 + (p->family == 4 ? 8 : 7)] = ANSWER_TTL;
	if (p->family == 4) {
		wr16(d + p->l3 + 10, 0);
		wr16(d + p->l3 + 10, checksum_for(ip, words(d + p->l3, p->l4 - p->l3)));
	}
	d[p->l4] = p->family == 4 ? 0 : 129;
	wr16(d + p->l4 + 2, 0);
	wr16(d + p->l4 + 2, checksum_for(before, words(d + p->l4, end)));
	turn_macs(p);
	return XLB_R_ECHO;
}
