/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets, from a grammar (a client opens, a flow goes on, a server answers, a router complains, a fragment follows, a
 * stranger passes by) and from mutation of what the grammar gives.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "inside.h"
#include "prog.h"
#include "world.h"

enum {
	IP_DF = 0x4000,
	IP_MF = 0x2000,
	MAX_PAYLOAD = 500,
};

/* What a packet is made from. */
struct desc {
	struct m_key k;
	uint8_t tcp_flags;
	bool tagged;
	uint8_t ttl;
	uint16_t payload;
	bool fragmented; /* the first fragment is the packet, the others wait in gen.pending */
	bool no_check, wrong_check;
};

static const uint8_t common_flags[] = { TCP_SYN,	   TCP_ACK,	      TCP_ACK | 8,	 TCP_ACK,
					TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST | TCP_ACK, TCP_RST };

static void some_client(struct rng *r, struct m_key *k)
{
	/* Mostly where answers can go; two bits of host and three of port, so that tuples come back. */
	unsigned int net = one_in(r, 12) ? 1 + rnd(r, 5) : 1 + rnd(r, 2), host = 1 + rnd(r, 4);

	memset(k->saddr, 0, 16);
	k->saddr[0] = htonl(k->family == 4 ? 10u << 24 | net << 16 | host : 0xfd00u << 16 | net << 16);
	if (k->family == 6)
		k->saddr[3] = htonl(host);
	k->sport = htons(1024 + rnd(r, 8) * 257);
	if (one_in(r, 300))
		k->sport = 0;
	if (!one_in(r, 200))
		return;
	/* Nobody's address. */
	k->saddr[0] = htonl(rnd(r, 2) ? rnd(r, 0xffffffff) : (rnd(r, 2) ? 127u : 224u + rnd(r, 32)) << 24);
	if (one_in(r, 2))
		memcpy(k->saddr, k->daddr, 16);
	else if (k->family == 6)
		k->saddr[0] = k->saddr[1] = 0, k->saddr[2] = rnd(r, 2) ? htonl(0xffff) : 0,
		k->saddr[3] = htonl(rnd(r, 3));
}

/* A service's address and port, at times another port of it or another address of ours. */
static void some_target(struct rng *r, const struct model *m, struct m_key *k)
{
	const struct m_bind *b = &m->c.binds[rnd(r, m->c.nr_binds)];
	const struct m_addr *a = &m->c.addrs[b->addr];

	k->proto = b->proto;
	k->dport = b->port;
	if (one_in(r, 8)) {
		const struct m_range *range = &m->c.ranges[rnd(r, m->c.nr_ranges)];

		a = &m->c.addrs[range->addr];
		k->proto = range->r.proto;
		k->dport = htons(range->r.lo - 1 + rnd(r, range->r.hi - range->r.lo + 3));
	} else if (b->service & XLB_VIP_RETURN && !one_in(r, 10)) {
		some_target(r, m, k);
		return;
	}
	if (one_in(r, 40))
		a = &m->c.addrs[rnd(r, m->c.nr_addrs)];
	if (one_in(r, 40))
		k->dport = htons(one_in(r, 2) ? 20000 + rnd(r, 40) : rnd(r, 65536));
	if (one_in(r, 50))
		k->proto = k->proto == IPPROTO_TCP ? IPPROTO_UDP : IPPROTO_TCP;
	k->family = a->family;
	memcpy(k->daddr, a->addr, 16);
}

/* A packet of one of the last flows, or of one that has ended, in either direction. */
static bool some_flow(struct rng *r, const struct model *m, struct m_key *k)
{
	unsigned int back = m->nr_flows < 60 ? m->nr_flows : 60;
	const struct m_flow *f;
	int kind = rnd(r, 2);

	if (!back)
		return false;
	f = &m->flows[m->nr_flows - 1 - rnd(r, back)];
	if (!f->e[kind].key.family)
		kind = XLB_FLOW_REQUEST;
	*k = f->e[kind].key;
	return true;
}

/* The answer of a DNAT server of a stateless service. */
static void some_return(struct rng *r, const struct model *m, struct m_key *k)
{
	const struct m_bind *b = &m->c.binds[rnd(r, m->c.nr_binds)];
	struct m_key client = { 0 };

	if (!(b->service & XLB_VIP_RETURN))
		return;
	client.family = m->c.addrs[b->addr].family;
	do /* the way back to others is known only by packets that came from them before */
		some_client(r, &client);
	while ((ntohl(client.saddr[0]) >> 16 & 0xff) - 3u < 2);
	k->family = client.family;
	k->proto = b->proto;
	memcpy(k->saddr, m->c.addrs[b->addr].addr, 16);
	memcpy(k->daddr, client.saddr, 16);
	k->sport = one_in(r, 20) ? htons(rnd(r, 65536)) : b->port;
	k->dport = client.sport;
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

static void put(struct frame *f, const void *data, size_t len)
{
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static void put_zero(struct frame *f, size_t len)
{
	memset(f->data + f->len, 0, len);
	f->len += len;
}

static void put_link(struct rng *r, struct frame *f, const struct desc *d)
{
	uint8_t tag[4] = { 0x81, 0x00, (uint8_t)(rnd(r, 8) << 5), (uint8_t)rnd(r, 256) };
	uint8_t type4[2] = { 0x08, 0x00 }, type6[2] = { 0x86, 0xdd };
	bool routed = (ntohl(d->k.saddr[0]) >> 16 & 0xff) - 1u < 2;

	f->len = 0;
	put(f, prog_mac_in, 6);
	/* From our own MAC now and then; not where answers go to the station that sent the packet (10.3/16 and up). */
	put(f, one_in(r, 100) && routed ? prog_mac_in : prog_mac_client, 6);
	if (d->tagged)
		put(f, tag, 4);
	put(f, d->k.family == 4 ? type4 : type6, 2);
}

/* IPv4 options: none, harmless ones, or such as route by source. */
static size_t put_options(struct rng *r, struct frame *f)
{
	static const uint8_t harmless[] = { 1, 7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0 },
			     routing[] = { 1, 131, 7, 4, 10, 0, 0, 1, 137, 3, 4, 0 }, broken[] = { 7, 0, 0, 0 };

	if (!one_in(r, 12))
		return 0;
	switch (rnd(r, 6)) {
	case 0:
		put(f, routing + (one_in(r, 2) ? 8 : 0), 4);
		put(f, harmless, 4);
		return 8;
	case 1:
		put(f, broken, 4);
		return 4;
	default:
		put(f, harmless, sizeof(harmless));
		return sizeof(harmless);
	}
}

static size_t put_ip4(struct rng *r, struct frame *f, const struct desc *d)
{
	size_t l3 = f->len, options;
	uint8_t *ip = f->data + l3;

	put_zero(f, 20);
	options = put_options(r, f);
	ip[0] = 0x45 + (uint8_t)(options / 4);
	ip[1] = rnd(r, 4) ? 0 : (uint8_t)rnd(r, 256);
	wr16(ip + 4, rnd(r, 65536));
	wr16(ip + 6, one_in(r, 2) ? IP_DF : 0);
	ip[8] = d->ttl;
	ip[9] = d->k.proto;
	memcpy(ip + 12, d->k.saddr, 4);
	memcpy(ip + 16, d->k.daddr, 4);
	return l3;
}

/* Extension headers in front of layer 4; returns the offset of the byte that names what follows the last. */
static size_t put_extensions(struct rng *r, struct frame *f, size_t next)
{
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING };
	unsigned int nr = one_in(r, 10) ? one_in(r, 8) ? 5 + rnd(r, 3) : 1 + rnd(r, 3) : 0;

	while (nr--) {
		uint8_t words8 = one_in(r, 10) ? (uint8_t)rnd(r, 12) : 0;

		f->data[next] = kinds[rnd(r, 3)];
		next = f->len;
		put_zero(f, 8 + words8 * 8u);
		f->data[next + 1] = words8;
		f->data[next + 2] = one_in(r, 3) ? 0 : 4;
		f->data[next + 3] = (uint8_t)rnd(r, 2);
	}
	return next;
}

static size_t put_ip6(struct rng *r, struct frame *f, const struct desc *d, size_t *ret_next)
{
	size_t l3 = f->len;
	uint8_t *ip = f->data + l3;

	put_zero(f, 40);
	wr32(ip, 6u << 28 | (one_in(r, 4) ? rnd(r, 1 << 28) : 0));
	ip[7] = d->ttl;
	memcpy(ip + 8, d->k.saddr, 16);
	memcpy(ip + 24, d->k.daddr, 16);
	*ret_next = put_extensions(r, f, l3 + 6);
	f->data[*ret_next] = d->k.proto;
	return l3;
}

static void put_payload(struct rng *r, struct frame *f, size_t len)
{
	uint64_t word = rng_next(r);
	size_t i;

	for (i = 0; i < len; i++)
		f->data[f->len + i] = (uint8_t)(word >> i % 8 * 8);
	f->len += len;
}

static size_t put_layer4(struct rng *r, struct frame *f, const struct desc *d)
{
	size_t l4 = f->len;
	uint8_t *t = f->data + l4;

	put_zero(f, d->k.proto == IPPROTO_TCP ? 20 : 8);
	memcpy(t, &d->k.sport, 2);
	memcpy(t + 2, &d->k.dport, 2);
	if (d->k.proto == IPPROTO_TCP) {
		wr32(t + 4, (uint32_t)rng_next(r));
		wr32(t + 8, (uint32_t)rng_next(r));
		t[12] = 0x50;
		t[13] = d->tcp_flags;
		if (d->tcp_flags == TCP_SYN && one_in(r, 2)) {
			static const uint8_t options[] = { 2, 4, 5, 0xb4, 1, 3, 3, 7 };

			put(f, options, sizeof(options));
			t[12] = 0x70;
		}
	} else {
		wr16(t + 4, 8 + d->payload);
	}
	put_payload(r, f, d->payload);
	return l4;
}

static void seal(struct rng *r, struct frame *f, const struct desc *d, size_t l3, size_t l4)
{
	uint8_t *ip = f->data + l3, *t = f->data + l4;
	size_t check = d->k.proto == IPPROTO_TCP ? 16 : d->k.proto == IPPROTO_UDP ? 6 : 2, len = f->len - l4;
	uint32_t sum = d->k.proto == IPPROTO_ICMP ? 0 : words(d->k.saddr, 16) + words(d->k.daddr, 16) + d->k.proto;

	if (d->k.family == 6)
		wr16(ip + 4, f->len - l3 - 40);
	wr16(t + check, 0);
	if (d->k.proto != IPPROTO_ICMP)
		sum += (uint32_t)len;
	wr16(t + check, checksum_for(0, sum + words(t, len)));
	if (d->k.proto == IPPROTO_UDP && !rd16(t + check))
		wr16(t + check, 0xffff);
	if (d->no_check && d->k.proto == IPPROTO_UDP)
		wr16(t + check, 0);
	if (d->wrong_check)
		t[check + rnd(r, 2)] ^= (uint8_t)(1 + rnd(r, 255));
	if (d->k.family == 6)
		return;
	wr16(ip + 2, f->len - l3);
	wr16(ip + 10, 0);
	wr16(ip + 10, checksum_for(0, words(ip, l4 - l3)));
}

/* --- fragments -----------------------------------------------------------------------------------------------------
 */

static void reseal_ip4(struct frame *f, size_t l3)
{
	uint8_t *ip = f->data + l3;

	wr16(ip + 2, f->len - l3);
	wr16(ip + 10, 0);
	wr16(ip + 10, checksum_for(0, words(ip, (ip[0] & 15) * 4u)));
}

static struct frame *later_place(struct gen *g)
{
	if (g->nr_pending == sizeof(g->pending) / sizeof(*g->pending))
		g->nr_pending--;
	return &g->pending[g->nr_pending++];
}

/* Cuts a sealed packet in two; the second part waits. */
static void fragment4(struct gen *g, struct frame *f, size_t l3, size_t l4)
{
	size_t cut = (one_in(&g->r, 15) ? 1 : 3 + rnd(&g->r, 4)) * 8, offset = one_in(&g->r, 15) ? 8 : cut;
	struct frame *later;

	if (f->len <= l4 + cut)
		return;
	later = later_place(g);
	*later = *f;
	memmove(later->data + l4, f->data + l4 + cut, f->len - l4 - cut);
	later->len = f->len - cut;
	wr16(later->data + l3 + 6, offset / 8 | (one_in(&g->r, 3) ? IP_MF : 0));
	reseal_ip4(later, l3);
	f->len = l4 + cut;
	wr16(f->data + l3 + 6, IP_MF);
	reseal_ip4(f, l3);
}

static void insert_fragment_header(struct frame *f, size_t l3, size_t next, size_t l4, uint32_t id, uint16_t offset)
{
	uint8_t *h = f->data + l4;

	memmove(h + 8, h, f->len - l4);
	f->len += 8;
	h[0] = f->data[next];
	h[1] = 0;
	wr16(h + 2, offset);
	wr32(h + 4, id);
	f->data[next] = IPPROTO_FRAGMENT;
	wr16(f->data + l3 + 4, f->len - l3 - 40);
}

static void fragment6(struct gen *g, struct frame *f, size_t l3, size_t l4, size_t next)
{
	size_t cut = (one_in(&g->r, 15) ? 1 : 3 + rnd(&g->r, 4)) * 8, offset = one_in(&g->r, 15) ? 8 : cut;
	uint32_t id = (uint32_t)rng_next(&g->r);
	struct frame *later;

	if (one_in(&g->r, 8)) {
		insert_fragment_header(f, l3, next, l4, id, 0);
		return;
	}
	if (f->len <= l4 + cut)
		return;
	later = later_place(g);
	*later = *f;
	memmove(later->data + l4, f->data + l4 + cut, f->len - l4 - cut);
	later->len = f->len - cut;
	insert_fragment_header(later, l3, next, l4, id, (uint16_t)(offset | one_in(&g->r, 3)));
	f->len = l4 + cut;
	insert_fragment_header(f, l3, next, l4, id, 1);
}

static void build(struct gen *g, struct frame *f, const struct desc *d)
{
	size_t l3, l4, next = 0;

	put_link(&g->r, f, d);
	l3 = d->k.family == 4 ? put_ip4(&g->r, f, d) : put_ip6(&g->r, f, d, &next);
	l4 = put_layer4(&g->r, f, d);
	seal(&g->r, f, d, l3, l4);
	if (!d->fragmented)
		return;
	if (d->k.family == 4)
		fragment4(g, f, l3, l4);
	else
		fragment6(g, f, l3, l4, next);
}

/* --- ICMP ----------------------------------------------------------------------------------------------------------
 */

static void some_router(struct rng *r, struct m_key *k)
{
	if (k->family == 4)
		k->saddr[0] = htonl(10u << 24 | 1u << 16 | (200 + rnd(r, 3)));
	else
		k->saddr[3] = htonl(200 + rnd(r, 3));
}

/* An ICMP message to k->daddr with 'body' behind its header. */
static void build_icmp(struct gen *g, struct frame *f, struct desc *d, uint8_t type, const uint8_t *body, size_t len)
{
	size_t l3, l4, next = 0;
	uint8_t *t;

	d->k.proto = d->k.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	put_link(&g->r, f, d);
	l3 = d->k.family == 4 ? put_ip4(&g->r, f, d) : put_ip6(&g->r, f, d, &next);
	l4 = f->len;
	put_zero(f, 8);
	t = f->data + l4;
	t[0] = type;
	t[1] = (uint8_t)rnd(&g->r, 5);
	wr32(t + 4, (uint32_t)rng_next(&g->r));
	put(f, body, len);
	seal(&g->r, f, d, l3, l4);
}

static void gen_ping(struct gen *g, const struct model *m, struct frame *f, struct desc *d)
{
	uint8_t body[64];
	size_t i;

	for (i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)rng_next(&g->r);
	d->k.family = 0;
	some_target(&g->r, m, &d->k);
	some_client(&g->r, &d->k);
	build_icmp(g, f, d, d->k.family == 4 ? (one_in(&g->r, 10) ? 0 : 8) : (one_in(&g->r, 10) ? 129 : 128), body,
		   rnd(&g->r, sizeof(body)));
}

/* An error about what the receiver of d->k's packets would have sent back. */
static void gen_error(struct gen *g, struct frame *f, struct desc *d)
{
	static const uint8_t types4[] = { 3, 11, 12, 5 }, types6[] = { 1, 2, 3, 4, 5 };
	struct desc quoted = *d;
	struct frame inner;
	size_t at, len;

	memcpy(quoted.k.saddr, d->k.daddr, 16);
	memcpy(quoted.k.daddr, d->k.saddr, 16);
	quoted.k.sport = d->k.dport;
	quoted.k.dport = d->k.sport;
	if (one_in(&g->r, 30))
		quoted.k.sport = htons(20000 + rnd(&g->r, 40));
	if (one_in(&g->r, 60))
		quoted.k.saddr[0] ^= htonl(1);
	quoted.tagged = quoted.fragmented = false;
	build(g, &inner, &quoted);
	at = 14;
	len = (quoted.k.family == 4 ? (inner.data[at] & 15) * 4u : 40u) + 8 + (one_in(&g->r, 2) ? 0 : rnd(&g->r, 40));
	if (one_in(&g->r, 20))
		len = rnd(&g->r, 48);
	if (len > inner.len - at)
		len = inner.len - at;
	if (one_in(&g->r, 2))
		some_router(&g->r, &d->k);
	build_icmp(g, f, d, d->k.family == 4 ? types4[rnd(&g->r, sizeof(types4))] : types6[rnd(&g->r, sizeof(types6))],
		   inner.data + at, len);
}

/* --- mutation ------------------------------------------------------------------------------------------------------
 */

static void mutate(struct rng *r, struct frame *f)
{
	static const uint8_t values[] = { 0, 1, 0xff, 0x7f, 0x80, 6, 17, 44, 58, 4 };
	size_t headers = f->len < 80 ? f->len : 80, at;
	unsigned int nr = 1 + rnd(r, 3);

	while (nr--) {
		at = 12 + rnd(r, (uint32_t)headers - 12);
		switch (rnd(r, 5)) {
		case 0:
			f->data[at] = values[rnd(r, sizeof(values))];
			break;
		case 1:
			f->data[at] ^= (uint8_t)(1u << rnd(r, 8));
			break;
		case 2:
			f->data[at] = (uint8_t)rng_next(r);
			break;
		case 3: /* a length or an offset by a little */
			f->data[at] += (uint8_t)(rnd(r, 5) - 2);
			break;
		case 4:
			if (one_in(r, 3))
				f->len = 14 + rnd(r, (uint32_t)f->len - 13);
			else if (f->len < 600)
				put_payload(r, f, rnd(r, 20));
			return;
		}
	}
}

/* --- the whole -----------------------------------------------------------------------------------------------------
 */

static void describe(struct gen *g, struct desc *d)
{
	struct rng *r = &g->r;

	d->tagged = one_in(r, 5);
	d->ttl = one_in(r, 40) ? (uint8_t)rnd(r, 3) : 64;
	d->payload = one_in(r, 6) ? (uint16_t)rnd(r, MAX_PAYLOAD) : (uint16_t)rnd(r, 40);
	d->no_check = one_in(r, 20);
	d->wrong_check = one_in(r, 20);
	d->fragmented = one_in(r, 15);
}

static bool take_pending(struct gen *g, struct frame *f)
{
	if (!g->nr_pending || one_in(&g->r, 2))
		return false;
	*f = g->pending[--g->nr_pending];
	return true;
}

void gen_packet(struct gen *g, const struct model *m, struct frame *f)
{
	struct rng *r = &g->r;
	struct desc d = { 0 };
	uint32_t what = rnd(r, 100);

	if (take_pending(g, f))
		return;
	describe(g, &d);
	d.tcp_flags = common_flags[rnd(r, sizeof(common_flags))];
	if (what < 4) {
		gen_ping(g, m, f, &d);
	} else {
		some_target(r, m, &d.k);
		some_client(r, &d.k);
		if (what < 55)
			some_flow(r, m, &d.k);
		else if (what < 62)
			some_return(r, m, &d.k);
		else if (what < 90)
			d.tcp_flags = TCP_SYN;
		if (one_in(r, 100))
			d.tcp_flags = (uint8_t)rnd(r, 64);
		if (one_in(r, 12))
			gen_error(g, f, &d);
		else
			build(g, f, &d);
	}
	if (one_in(r, 8))
		mutate(r, f);
}
