/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random configurations and their changes. Every way of forwarding, family and algorithm comes up in most of them; what
 * the daemon never writes (an address with two meanings, a port change under L2DSR) does not.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "prog.h"
#include "world.h"

enum {
	STATEFUL_PER_FAMILY = 6,
	SERVERS_PER_BACKEND = 4,
	POOL_LO = 20000,
	POOL_HI = 20200,
	BUSY_PORT = 20005,
	RANGE_LO = 9000,
	RANGE_HI = 9007,
};

enum which_addr { ADDR_VIP, ADDR_SOURCE, ADDR_STATELESS, ADDR_RETIRED, ADDRS_PER_FAMILY };

uint64_t rng_next(struct rng *r)
{
	/* splitmix64 */
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t rnd(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

bool one_in(struct rng *r, uint32_t n)
{
	return !rnd(r, n);
}

/* 10.0.net.host or fd00::net:host. */
static void make_addr(uint32_t *ret, uint8_t family, unsigned int net, unsigned int host)
{
	memset(ret, 0, 16);
	ret[0] = family == 4 ? htonl(10u << 24 | net << 8 | host) : htonl(0xfd000000);
	if (family == 6)
		ret[3] = htonl(net << 16 | host);
}

static unsigned int add_addr(struct m_config *c, const uint32_t *addr, uint8_t family, uint8_t flags, uint16_t lo,
			     uint16_t hi)
{
	struct m_addr *a;
	unsigned int i;

	for (i = 0; i < c->nr_addrs; i++)
		if (c->addrs[i].family == family && !memcmp(c->addrs[i].addr, addr, 16))
			return i;
	a = &c->addrs[c->nr_addrs];
	*a = (struct m_addr){ .family = family, .flags = flags, .pool_lo = lo, .pool_hi = hi };
	memcpy(a->addr, addr, 16);
	return c->nr_addrs++;
}

static void add_own_addrs(struct m_config *c, struct rng *r, uint8_t family)
{
	uint8_t local = one_in(r, 2) ? XLB_ADDR_LOCAL : 0;
	bool pool = one_in(r, 2);
	uint32_t addr[4];

	make_addr(addr, family, 0, 4);
	add_addr(c, addr, family, XLB_ADDR_ECHO | local, pool ? POOL_LO : 1, pool ? POOL_HI : 0);
	make_addr(addr, family, 0, 3);
	add_addr(c, addr, family, 0, POOL_LO, POOL_HI);
	make_addr(addr, family, 0, 40);
	add_addr(c, addr, family, XLB_ADDR_ECHO | XLB_ADDR_STATELESS | local, 1, 0);
	make_addr(addr, family, 0, 41);
	add_addr(c, addr, family, 0, 1, 0);
}

static void add_bind(struct m_config *c, unsigned int addr, uint8_t proto, uint16_t port, uint16_t service)
{
	c->binds[c->nr_binds++] =
		(struct m_bind){ .addr = (uint8_t)addr, .proto = proto, .port = htons(port), .service = service };
}

/* What answers of a DNAT server look like to the client. */
static void add_return(struct m_config *c, uint16_t server, uint16_t service, const struct m_addr *vip, uint16_t vport,
		       uint8_t proto, bool state)
{
	const struct xlb_server *s = &c->servers[server];
	struct xlb_return *ret = &c->returns[++c->nr_returns];
	unsigned int addr = add_addr(c, s->addr, s->family, XLB_ADDR_SERVER, 1, 0);

	*ret = (struct xlb_return){ .vport = htons(vport),
				    .service = service,
				    .server = server,
				    .family = s->family,
				    .flags = state ? XLB_RETURN_STATE : 0 };
	memcpy(ret->vip, vip->addr, 16);
	add_bind(c, addr, proto, ntohs(xlb_server_port(s, htons(vport))), XLB_VIP_RETURN | c->nr_returns);
}

/*
 * A change of what may change of a server at any time. Servers that are chosen at random are alike in all that decides
 * whether a packet gets a flow: else the model could not tell which one refused it.
 */
static void vary_server(struct xlb_server *s, struct rng *r, bool random)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 3, 1 };

	s->flags = one_in(r, 8) ? XLB_SRV_SHUT : one_in(r, 6) ? 0 : XLB_SRV_UP;
	if (one_in(r, 8))
		s->flags |= XLB_SRV_FULL;
	s->limit = rnd(r, 6);
	s->oif = one_in(r, 10) ? 0 : one_in(r, 4) && !random ? 2 : 1;
	memcpy(s->smac, s->oif == 2 ? prog_mac_other : prog_mac_in, 6);
	memcpy(s->dmac, mac, 6);
	s->dmac[5] = (uint8_t)(s->addr[0] ^ s->addr[3]) + 1;
	if (one_in(r, 12))
		memset(s->dmac, 0, 6);
	s->mtu = one_in(r, 3) ? 0 : one_in(r, 3) ? 300 + rnd(r, 300) : 1500;
	s->weight = 1 + rnd(r, 4);
}

static uint16_t add_server(struct m_config *c, struct rng *r, uint8_t family, enum xlb_mode mode, unsigned int backend,
			   unsigned int nr, bool ranged, bool random)
{
	struct xlb_server *s = &c->servers[++c->nr_servers];

	*s = (struct xlb_server){ .mode = mode, .family = family, .backend = backend, .identity = c->nr_servers };
	if (mode == XLB_MODE_IPIP && family == 4 && one_in(r, 3))
		s->family = 6;
	/* Full NAT: servers of several backends may be one. */
	make_addr(s->addr, s->family, mode == XLB_MODE_FULLNAT ? 7 : 100 + backend, 1 + nr);
	if (mode == XLB_MODE_FULLNAT || mode == XLB_MODE_IPIP)
		make_addr(s->source, s->family, 0, 3);
	if (mode == XLB_MODE_FULLNAT || mode == XLB_MODE_DNAT) {
		if (!ranged)
			s->port = htons(8000);
		else
			s->port_add = one_in(r, 2) ? 1000 : 0;
	}
	s->pool_lo = POOL_LO;
	s->pool_hi = random ? POOL_HI : one_in(r, 2) ? POOL_LO + 3 + rnd(r, 30) : POOL_HI;
	vary_server(s, r, random);
	return c->nr_servers;
}

static unsigned int servers_of(const struct m_config *c, unsigned int backend, uint16_t *ret)
{
	unsigned int nr = 0, i;

	for (i = 1; i <= c->nr_servers; i++)
		if (c->servers[i].backend == backend)
			ret[nr++] = i;
	return nr;
}

static void make_ring(struct m_config *c, struct rng *r, unsigned int backend, enum xlb_alg alg)
{
	uint16_t servers[SERVERS_PER_BACKEND];
	unsigned int nr = servers_of(c, backend, servers), len, i;

	len = alg == XLB_ALG_LEAST || alg == XLB_ALG_FIRST ? nr :
							     1 + rnd(r, alg == XLB_ALG_MAGLEV ? M_RING :
									alg == XLB_ALG_RANDOM ? 8 :
												12);
	if (one_in(r, 12))
		len = 0;
	for (i = 0; i < len; i++)
		c->ring[backend][i] = servers[alg == XLB_ALG_LEAST || alg == XLB_ALG_FIRST ? i : rnd(r, nr)];
	c->backends[backend].ring = XLB_RING(alg, 0, len);
}

static void make_backend(struct m_config *c, struct rng *r, bool stateless, bool random)
{
	struct xlb_backend *be = &c->backends[++c->nr_backends];

	*be = (struct xlb_backend){ .seed = { rng_next(r) | 1, rng_next(r) | 1 }, .identity = c->nr_backends };
	be->flags = stateless ? XLB_BE_STATELESS : 0;
	be->parts = 1 + rnd(r, 15);
	be->mask4 = one_in(r, 2) ? 32 : rnd(r, 33);
	be->mask6 = one_in(r, 2) ? 128 : rnd(r, 129);
	be->draws = 1 + rnd(r, 3);
	xlb_backend_set_masks(be);
	if (!stateless && one_in(r, 2))
		be->redispatch = 1 + rnd(r, 4);
	if (!random && !stateless && one_in(r, 4)) {
		be->stick = 1 + c->nr_backends % 3;
		be->stick_expire = 20;
	}
}

static void vary_service(struct xlb_service *s, struct rng *r)
{
	s->flags &= XLB_SVC_STATELESS;
	if (!one_in(r, 12))
		s->flags |= XLB_SVC_ENABLED;
	if (one_in(r, 6))
		s->flags |= XLB_SVC_FULL;
	if (one_in(r, 6))
		s->flags |= XLB_SVC_RATE;
	if (one_in(r, 2))
		s->flags |= XLB_SVC_DROP << rnd(r, 3); /* or XLB_SVC_ICMP, or XLB_SVC_RST_ONLY */
	s->limit = rnd(r, 20);
	s->rate = 50;
}

static uint16_t add_service(struct m_config *c, struct rng *r, bool stateless)
{
	static const __u32 timeouts[XLB_NR_STATES] = { 30, 100, 90, 20, 10 };
	struct xlb_service *s = &c->services[++c->nr_services];

	*s = (struct xlb_service){ .backend = c->nr_backends, .identity = c->nr_services };
	s->flags = stateless ? XLB_SVC_STATELESS : 0;
	memcpy(s->timeout, timeouts, sizeof(timeouts));
	vary_service(s, r);
	return c->nr_services;
}

static enum xlb_mode pick_mode(struct rng *r, bool stateless)
{
	return stateless ? 1 + rnd(r, 3) : rnd(r, 4);
}

/* A frontend with its backend. 'index' gives its port; the last stateful one of a family has a range of ports. */
static void add_frontend(struct m_config *c, struct rng *r, uint8_t family, unsigned int index, bool stateless)
{
	uint8_t proto = index % 2 ? IPPROTO_UDP : IPPROTO_TCP;
	bool ranged = index == STATEFUL_PER_FAMILY - 1, mixed = one_in(r, 3);
	unsigned int addr = (family == 6) * ADDRS_PER_FAMILY + (stateless ? ADDR_STATELESS : ADDR_VIP), i, nr;
	uint16_t port = ranged ? RANGE_LO : 80 + index, service;
	enum xlb_mode mode = pick_mode(r, stateless);
	enum xlb_alg alg = stateless ? XLB_ALG_MAGLEV : rnd(r, 6);
	bool random;

	/* What is random cannot be done again: not in every sequence. */
	if (alg == XLB_ALG_RANDOM && c->epoch % 4)
		alg = XLB_ALG_RR;
	random = alg == XLB_ALG_RANDOM;
	mixed = mixed && !random;
	make_backend(c, r, stateless, random);
	service = add_service(c, r, stateless);
	nr = 1 + rnd(r, SERVERS_PER_BACKEND);
	for (i = 0; i < nr; i++) {
		enum xlb_mode own = mixed ? pick_mode(r, stateless) : mode;
		uint16_t server;

		if (ranged && own == XLB_MODE_DNAT)
			own = XLB_MODE_FULLNAT;
		server = add_server(c, r, family, own, c->nr_backends, i, ranged, random);
		if (own == XLB_MODE_DNAT)
			add_return(c, server, service, &c->addrs[addr], port, proto, !stateless);
	}
	make_ring(c, r, c->nr_backends, alg);
	if (!ranged) {
		add_bind(c, addr, proto, port, service);
		return;
	}
	c->ranges[c->nr_ranges].addr = (uint8_t)addr;
	c->ranges[c->nr_ranges++].r =
		(struct xlb_range){ .lo = RANGE_LO, .hi = RANGE_HI, .proto = proto, .service = service };
}

void world_make(struct m_config *c, uint64_t seed)
{
	struct rng r = { seed };
	unsigned int family, i;

	memset(c, 0, sizeof(*c));
	prog_routes(c);
	c->epoch = rnd(&r, 256);
	c->busy_tcp = BUSY_PORT;
	c->busy_udp = BUSY_PORT + 1;
	add_own_addrs(c, &r, 4);
	add_own_addrs(c, &r, 6);
	for (family = 4; family <= 6; family += 2) {
		for (i = 0; i < STATEFUL_PER_FAMILY; i++)
			add_frontend(c, &r, family, i, false);
		for (i = 0; i < 3; i++)
			add_frontend(c, &r, family, i, true);
	}
}

static void change_server(struct m_config *c, struct rng *r)
{
	struct xlb_server *s = &c->servers[1 + rnd(r, c->nr_servers)];

	vary_server(s, r, XLB_RING_ALG(c->backends[s->backend].ring) == XLB_ALG_RANDOM);
	if (one_in(r, 4)) /* its number is another server's now */
		s->identity += M_SERVERS;
}

/* The protocol of struct xlb_ring. */
static void change_slot(struct m_config *c, struct rng *r)
{
	unsigned int backend = 1 + rnd(r, c->nr_backends), len = XLB_RING_LEN(c->backends[backend].ring), nr, pos;
	uint16_t servers[SERVERS_PER_BACKEND], *slot, next;

	if (!(c->backends[backend].flags & XLB_BE_STATELESS) || !len)
		return;
	nr = servers_of(c, backend, servers);
	pos = rnd(r, len);
	slot = &c->ring[backend][pos];
	next = servers[rnd(r, nr)];
	switch (rnd(r, 4)) {
	case 0:
		*slot &= XLB_SLOT_SERVER;
		break;
	case 1:
		if (*slot & XLB_SLOT_MARK)
			*slot = (*slot & XLB_SLOT_SERVER) | XLB_SLOT_OLD;
		break;
	case 2:
	case 3:
		if (!(*slot & XLB_SLOT_YOUNG))
			c->previous[backend][pos] = *slot & XLB_SLOT_SERVER;
		*slot = next | XLB_SLOT_YOUNG;
		break;
	}
}

static void change_ring(struct m_config *c, struct rng *r)
{
	unsigned int backend = 1 + rnd(r, c->nr_backends);

	if (!(c->backends[backend].flags & XLB_BE_STATELESS))
		make_ring(c, r, backend, XLB_RING_ALG(c->backends[backend].ring));
}

static uint32_t some_time(struct rng *r)
{
	static const uint32_t times[] = { 1, 5, 11, 21, 31, 65, 91, 101 };

	return times[rnd(r, sizeof(times) / sizeof(*times))];
}

void world_event(struct model *m, const struct step *s, uint32_t *ret_ticks)
{
	struct rng r = { s->seed };
	struct m_config *c = &m->c;
	unsigned int i;

	*ret_ticks = 0;
	switch ((enum event_kind)s->event) {
	case EVENT_SERVER:
		change_server(c, &r);
		break;
	case EVENT_SERVICE:
		vary_service(&c->services[1 + rnd(&r, c->nr_services)], &r);
		break;
	case EVENT_RING:
		change_ring(c, &r);
		break;
	case EVENT_SLOT:
		for (i = 0; i < 20; i++)
			change_slot(c, &r);
		break;
	case EVENT_EPOCH:
		c->epoch++;
		break;
	case EVENT_TIME:
		*ret_ticks = some_time(&r);
		break;
	case EVENT_ANSWERS:
		m->answers = one_in(&r, 4) ? 0 : 50;
		break;
	case EVENT_RATE:
		m->rate[1 + rnd(&r, c->nr_services)] = rnd(&r, 50);
		break;
	case NR_EVENTS:
		break;
	}
}
