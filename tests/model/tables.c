/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes a configuration into the program's tables as the daemon would, and reads what packets left there.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>

#include "prog.h"

static unsigned int slot_of[M_ADDRS];

static void write_addr(struct prog *p, const struct m_config *c, unsigned int i)
{
	const struct m_addr *a = &c->addrs[i];
	__u32 slot = xlb_addr_hash(p->secrets, a->addr, a->family);
	struct xlb_addr *out;

	*xlb_addr_filter_word(p->addrs, slot) |= xlb_addr_filter_bit(slot);
	while (p->addrs[slot].family)
		slot = (slot + 1) % XLB_ADDR_SLOTS;
	slot_of[i] = slot;
	out = &p->addrs[slot];
	memset(out, 0, sizeof(*out));
	memcpy(out->addr, a->addr, 16);
	out->pool_lo = a->pool_lo;
	out->pool_hi = a->pool_hi;
	out->flags = a->flags;
	out->family = a->family;
}

static void set_bit(struct xlb_addr *a, uint16_t port, uint8_t proto)
{
	__u32 bit = xlb_port_bit(port, proto);

	a->bloom[bit / 32] |= 1u << bit % 32;
}

static void write_bind(struct prog *p, const struct m_bind *b)
{
	__u32 slot = slot_of[b->addr], bucket = xlb_vip_hash(p->secrets, slot, b->port, b->proto, b->service & 1);
	struct xlb_vip *way = p->vips[bucket].way;

	while (way->proto)
		way++;
	*way = (struct xlb_vip){ .addr_slot = (__u16)slot, .port = b->port, .proto = b->proto, .service = b->service };
	set_bit(&p->addrs[slot], b->port, b->proto);
}

/* Every other address names one of its binds itself. */
static void write_hot(struct prog *p, const struct m_config *c)
{
	unsigned int i, j;

	for (i = 0; i < c->nr_addrs; i++) {
		struct xlb_addr *a = &p->addrs[slot_of[i]];

		a->hot_port = 0;
		a->hot_service = a->hot_backend = 0;
		for (j = i % 2 ? c->nr_binds : 0; j < c->nr_binds; j++) {
			const struct m_bind *b = &c->binds[j];
			const struct xlb_service *svc;

			if (b->addr != i || b->service & XLB_VIP_RETURN)
				continue;
			svc = &c->services[b->service];
			a->hot_port = b->port;
			a->hot_service = b->service | (b->proto == IPPROTO_UDP ? XLB_HOT_UDP : 0);
			a->hot_backend = 0;
			if ((svc->flags & (XLB_SVC_STATELESS | XLB_SVC_ENABLED)) ==
			    (XLB_SVC_STATELESS | XLB_SVC_ENABLED))
				a->hot_backend = svc->backend;
		}
	}
}

static void write_range(struct prog *p, const struct m_config *c, unsigned int i)
{
	struct xlb_addr *a = &p->addrs[slot_of[c->ranges[i].addr]];
	__u32 port;

	p->ranges[1 + i] = c->ranges[i].r;
	if (!a->nr_ranges++)
		a->first_range = 1 + i;
	for (port = c->ranges[i].r.lo; port <= c->ranges[i].r.hi; port++)
		set_bit(a, htons((uint16_t)port), c->ranges[i].r.proto);
}

static void set_busy(struct prog *p, uint16_t port, int proto)
{
	__u32 word = port / 64 + (proto ? XLB_BUSY_WORDS : 0);

	p->busy[word / 8].word[word % 8] |= 1ull << port % 64;
}

void prog_write_records(struct prog *p, const struct m_config *c)
{
	unsigned int i, j;

	p->control->epoch = c->epoch;
	p->control->answers = 1;
	memcpy(p->services, c->services, sizeof(c->services));
	write_hot(p, c);
	memcpy(p->servers, c->servers, sizeof(c->servers));
	for (i = 1; i <= c->nr_backends; i++) {
		__u64 ring = c->backends[i].ring;

		p->backends[i] = c->backends[i];
		p->backends[i].ring = XLB_RING(XLB_RING_ALG(ring), i * (M_RING / XLB_RING_WAYS), XLB_RING_LEN(ring));
		for (j = 0; j < M_RING; j++) {
			p->ring[(i * M_RING + j) / XLB_RING_WAYS].server[j % XLB_RING_WAYS] = c->ring[i][j];
			p->marks[(i * M_RING + j) / XLB_RING_WAYS].server[j % XLB_RING_WAYS] = c->previous[i][j];
		}
	}
}

void prog_write_all(struct prog *p, const struct m_config *c)
{
	unsigned int i;

	memset(p->addrs, 0, sizeof(*p->addrs) * (XLB_ADDR_SLOTS + XLB_ADDR_FILTER));
	memset(p->vips, 0, sizeof(*p->vips) * XLB_VIP_BUCKETS);
	memset(p->busy, 0, sizeof(*p->busy) * 2 * XLB_BUSY_WORDS / 8);
	for (i = 0; i < c->nr_addrs; i++)
		write_addr(p, c, i);
	for (i = 0; i < c->nr_binds; i++)
		write_bind(p, &c->binds[i]);
	for (i = 0; i < c->nr_ranges; i++)
		write_range(p, c, i);
	memcpy(p->returns, c->returns, sizeof(c->returns));
	set_busy(p, c->busy_tcp, 0);
	set_busy(p, c->busy_udp, 1);
	p->control->idle_free = 100;
	for (i = 0; i < 2; i++) { /* of the right family or not: a packet is compared with them */
		p->control->hot[i][0] = (__u16)slot_of[0];
		p->control->hot[i][1] = (__u16)slot_of[c->nr_addrs - 1];
	}
	prog_write_records(p, c);
}

void prog_forget_hops(struct prog *p)
{
	memset(p->hops, 0, p->hops_len);
}

void prog_reset(struct prog *p, const struct model *m)
{
	struct xlb_frag_key frag;
	unsigned int i;

	memset(p->flows, 0, sizeof(*p->flows) * p->nr_buckets);
	memset(p->flows6, 0, sizeof(*p->flows6) * p->nr_buckets6);
	memset(p->cursors, 0, sizeof(*p->cursors) * M_BACKENDS);
	memset(p->load, 0, sizeof(*p->load) * M_SERVERS);
	memset(p->svc_load, 0, sizeof(*p->svc_load) * M_SERVICES);
	memset(p->reasons, 0, sizeof(*p->reasons) * XLB_R_MAX);
	memset(p->svc_stats, 0, sizeof(*p->svc_stats) * M_SERVICES);
	memset(p->srv_stats, 0, sizeof(*p->srv_stats) * M_SERVERS);
	/* Mutated MAC addresses of millions of packets would fill it, since no daemon frees what no flow carries. */
	memset(p->nexthops, 0, sizeof(*p->nexthops) * XLB_MAX_NEXTHOPS);
	prog_forget_hops(p);
	while (!bpf_map_get_next_key(p->frags_fd, NULL, &frag))
		bpf_map_delete_elem(p->frags_fd, &frag);
	for (i = 0; i < m->nr_sticks; i++)
		bpf_map_delete_elem(p->stick_fd[m->sticks[i].stick], m->sticks[i].addr);
}

static bool body_is(const struct xlb_flow_body *b, const struct m_key *key, enum xlb_flow_kind kind)
{
	return b->word & XLB_F_LIVE && b->proto == key->proto && (b->kind & XLB_KIND_MASK) == kind;
}

/* Does an entry stand under the key? What that is follows from its kind and, for replies, from its server. */
static bool is_entry(const struct prog *p, const struct xlb_flow_body *b, const __be32 *client, const __be32 *vip,
		     __be16 cport, __be16 vport, const struct m_key *key, size_t size)
{
	const struct xlb_server *s = &p->servers[b->server];

	if ((b->kind & XLB_KIND_MASK) == XLB_FLOW_REQUEST)
		return !memcmp(client, key->saddr, size) && !memcmp(vip, key->daddr, size) && cport == key->sport &&
		       vport == key->dport;
	return !memcmp(s->addr, key->saddr, size) &&
	       !memcmp(s->mode == XLB_MODE_FULLNAT ? s->source : client, key->daddr, size) &&
	       xlb_server_port(s, vport) == key->sport && b->sport == key->dport;
}

struct xlb_flow_body *prog_find(struct prog *p, const struct m_key *key, enum xlb_flow_kind kind)
{
	__u32 ports;
	unsigned int i;
	__u64 hash;

	memcpy(&ports, &key->sport, 2);
	memcpy((char *)&ports + 2, &key->dport, 2);
	if (key->family == 4) {
		struct xlb_bucket4 *b;

		hash = xlb_flow_hash4(p->secrets, key->saddr[0], key->daddr[0], ports, key->proto);
		b = &p->flows[xlb_flow_bucket(hash, p->nr_buckets)];
		for (i = 0; i < XLB_BUCKET_LINES * XLB_FLOW4_WAYS; i++) {
			struct xlb_flow4 *f = &b->slot[i];

			if (body_is(&f->b, key, kind) &&
			    is_entry(p, &f->b, &f->client, &f->vip, f->cport, f->vport, key, 4))
				return &f->b;
		}
		return NULL;
	}
	hash = xlb_flow_hash6(p->secrets, key->saddr, key->daddr, ports, key->proto);
	for (i = 0; i < XLB_BUCKET_LINES * XLB_FLOW6_WAYS; i++) {
		struct xlb_flow6 *f = &p->flows6[xlb_flow_bucket(hash, p->nr_buckets6)].slot[i];

		if (body_is(&f->b, key, kind) && is_entry(p, &f->b, f->client, f->vip, f->cport, f->vport, key, 16))
			return &f->b;
	}
	return NULL;
}

bool prog_peek(void *ctx, const struct m_key *request, uint16_t *ret_server, uint16_t *ret_sport)
{
	const struct xlb_flow_body *b = prog_find(ctx, request, XLB_FLOW_REQUEST);

	if (!b)
		return false;
	*ret_server = b->server;
	*ret_sport = b->sport;
	return true;
}

static void age_body(struct xlb_flow_body *b, uint32_t ticks)
{
	if (b->word & XLB_F_LIVE)
		b->seen -= ticks << 8;
}

void prog_age(struct prog *p, const struct model *m, uint32_t ticks)
{
	struct xlb_stick stick;
	struct xlb_frag frag;
	unsigned int i, j;

	for (i = 0; i < p->nr_buckets; i++)
		for (j = 0; j < XLB_BUCKET_LINES * XLB_FLOW4_WAYS; j++)
			age_body(&p->flows[i].slot[j].b, ticks);
	for (i = 0; i < p->nr_buckets6; i++)
		for (j = 0; j < XLB_BUCKET_LINES * XLB_FLOW6_WAYS; j++)
			age_body(&p->flows6[i].slot[j].b, ticks);
	for (i = 0; i < m->nr_frags; i++) {
		if (bpf_map_lookup_elem(p->frags_fd, &m->frags[i].key, &frag))
			continue;
		frag.tick -= ticks;
		bpf_map_update_elem(p->frags_fd, &m->frags[i].key, &frag, BPF_EXIST);
	}
	for (i = 0; i < m->nr_sticks; i++) {
		int fd = p->stick_fd[m->sticks[i].stick];

		if (bpf_map_lookup_elem(fd, m->sticks[i].addr, &stick))
			continue;
		stick.tick -= ticks;
		bpf_map_update_elem(fd, m->sticks[i].addr, &stick, BPF_EXIST);
	}
}
