/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 5.5 of docs/dataplane.md: which server a new flow goes to.
 */
#include "inside.h"

enum { LOOKED_AT = 8 };

bool reachable(const struct xlb_server *s)
{
	static const uint8_t unknown[6];

	return s->oif && memcmp(s->dmac, unknown, 6);
}

static bool has_room(const struct model *m, uint16_t server)
{
	const struct xlb_server *s = &m->c.servers[server];

	return !(s->flags & XLB_SRV_FULL) || m->srv_active[server] < s->limit;
}

static bool fits(const struct model *m, uint16_t server)
{
	return reachable(&m->c.servers[server]) && has_room(m, server);
}

uint32_t select_hash(const struct xlb_backend *be, const struct m_key *k)
{
	__u32 ports = xlb_port_word(k->sport, k->dport);

	if (k->family == 4)
		return xlb_select_hash4(be, k->saddr[0], k->daddr[0], ports);
	return xlb_select_hash6(be, k->saddr, k->daddr, ports);
}

/* A table of IPv6 keys has IPv4 addresses as ::ffff:a.b.c.d, one of IPv4 keys has no IPv6 address. */
static bool stick_key(const struct m_pkt *p, uint16_t stick, uint32_t *ret)
{
	memcpy(ret, p->key.saddr, 16);
	if (p->key.family == 6)
		return M_STICK_IP6(stick);
	if (M_STICK_IP6(stick)) {
		ret[3] = ret[0];
		ret[2] = htonl(0xffff);
		ret[0] = ret[1] = 0;
	}
	return true;
}

static uint16_t sticky(const struct model *m, const struct m_pkt *p, const struct xlb_backend *be)
{
	uint32_t key[4];
	unsigned int i;

	if (!be->stick || !stick_key(p, be->stick, key))
		return 0;
	for (i = 0; i < m->nr_sticks; i++) {
		const struct m_stick *s = &m->sticks[i];

		if (s->stick != be->stick || !same_addr(s->addr, key))
			continue;
		if (xlb_flow_idle(s->tick << 8, m->tick) > be->stick_expire || s->server == p->avoid ||
		    m->c.servers[s->server].backend != m->c.services[p->service].backend ||
		    m->c.servers[s->server].identity != s->identity || !(m->c.servers[s->server].flags & XLB_SRV_UP) ||
		    !fits(m, s->server))
			return 0;
		return s->server;
	}
	return 0;
}

/* Why none of 'nr' entries from 'pos' on fits. */
static enum xlb_reason none_fits(const struct model *m, const uint16_t *ring, uint32_t len, uint32_t pos, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (reachable(&m->c.servers[ring[(pos + i) % len] & XLB_SLOT_SERVER]))
			return XLB_R_SERVERS_FULL;
	return XLB_R_NO_NEIGHBOUR;
}

/* The first that fits, from 'pos' on; the one to avoid if no other does. */
static enum xlb_reason take_first(const struct model *m, struct m_pkt *p, const uint16_t *ring, uint32_t len,
				  uint32_t pos, uint32_t nr)
{
	uint32_t i;

	p->server = 0;
	for (i = 0; i < nr; i++) {
		uint16_t server = ring[(pos + i) % len] & XLB_SLOT_SERVER;

		if (!fits(m, server))
			continue;
		p->server = server;
		if (server != p->avoid)
			break;
	}
	return p->server ? XLB_R_NONE : none_fits(m, ring, len, pos, nr);
}

/* Would 'a' carry more flows per weight than 'b' with one more? */
static bool more_loaded(const struct model *m, uint16_t a, uint16_t b)
{
	return (m->srv_active[a] + 1ull) * m->c.servers[b].weight > (m->srv_active[b] + 1ull) * m->c.servers[a].weight;
}

/* The least loaded, of equals the first from 'pos' on; the one to avoid if no other fits. */
static enum xlb_reason take_least(const struct model *m, struct m_pkt *p, const uint16_t *ring, uint32_t len,
				  uint32_t pos)
{
	uint16_t best = 0;
	uint32_t i;

	for (i = 0; i < len; i++) {
		uint16_t server = ring[(pos + i) % len];

		if (!fits(m, server) || (best && server == p->avoid))
			continue;
		if (!best || best == p->avoid || more_loaded(m, best, server))
			best = server;
	}
	p->server = best;
	return best ? XLB_R_NONE : none_fits(m, ring, len, 0, len);
}

/* Any that fits: the program's choice. */
static enum xlb_reason take_random(struct model *m, struct m_pkt *p, const uint16_t *ring, uint32_t len)
{
	enum xlb_reason reason = take_first(m, p, ring, len, 0, len);
	uint16_t chosen = 0, sport;
	bool allowed = false;
	uint32_t i;

	if (reason || !m->peek || !m->peek(m->peek_ctx, &p->key, &chosen, &sport))
		return reason;
	for (i = 0; i < len; i++)
		allowed |= ring[i] == chosen && fits(m, chosen);
	if (allowed)
		p->server = chosen;
	else
		snprintf(m->wrong, sizeof(m->wrong), "server %u is not one that may be chosen", chosen);
	return XLB_R_NONE;
}

/* The source's choice, for its next flows. */
static void remember_stick(struct model *m, const struct m_pkt *p)
{
	uint16_t stick = m->c.backends[m->c.services[p->service].backend].stick;
	uint32_t key[4];
	unsigned int i;

	if (!stick || !stick_key(p, stick, key))
		return;
	for (i = 0; i < m->nr_sticks; i++)
		if (m->sticks[i].stick == stick && same_addr(m->sticks[i].addr, key))
			break;
	if (i == M_STICKS)
		return;
	if (i == m->nr_sticks)
		m->nr_sticks++;
	m->sticks[i] = (struct m_stick){
		.stick = stick, .server = p->server, .identity = m->c.servers[p->server].identity, .tick = m->tick
	};
	memcpy(m->sticks[i].addr, key, sizeof(key));
}

static enum xlb_reason by_algorithm(struct model *m, struct m_pkt *p)
{
	uint16_t backend = m->c.services[p->service].backend;
	const struct xlb_backend *be = &m->c.backends[backend];
	const uint16_t *ring = m->c.ring[backend];
	uint32_t len = XLB_RING_LEN(be->ring);

	switch ((enum xlb_alg)XLB_RING_ALG(be->ring)) {
	case XLB_ALG_RR:
		return take_first(m, p, ring, len, (uint32_t)(m->cursors[backend]++ % len), LOOKED_AT);
	case XLB_ALG_RANDOM:
		return take_random(m, p, ring, len);
	case XLB_ALG_HASH:
	case XLB_ALG_MAGLEV:
		return take_first(m, p, ring, len, xlb_select_pos(select_hash(be, &p->key), len), LOOKED_AT);
	case XLB_ALG_LEAST:
		return take_least(m, p, ring, len, (uint32_t)(m->cursors[backend]++ % len));
	case XLB_ALG_FIRST:
		return take_first(m, p, ring, len, 0, len);
	}
	return XLB_R_BUG;
}

enum xlb_reason choose(struct model *m, struct m_pkt *p)
{
	const struct xlb_backend *be = &m->c.backends[m->c.services[p->service].backend];
	enum xlb_reason reason = XLB_R_NONE;

	p->server = sticky(m, p, be);
	if (!p->server)
		reason = XLB_RING_LEN(be->ring) ? by_algorithm(m, p) : XLB_R_NO_SERVER_RST;
	if (!reason)
		remember_stick(m, p);
	return reason;
}
