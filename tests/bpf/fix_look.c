/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tests read out of the program's tables: entries of flows by the packet that belongs to them, counters.
 */
#include <arpa/inet.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fixture.h"
#include "xlb.skel.h"

/* What names a flow's packet. Addresses of IPv4 are in word 0, the others 0. */
struct key {
	__be32 saddr[4], daddr[4];
	__be16 sport, dport;
	uint8_t proto, family;
};

static unsigned int nr_slots(const struct fix *f, uint8_t family)
{
	return f->nr_buckets * XLB_BUCKET_LINES * (family == 6 ? XLB_FLOW6_WAYS : XLB_FLOW4_WAYS);
}

/* Entry by number, spread out: those of IPv4 as if they were IPv6's. Returns its body in the table. */
static struct xlb_flow_body *slot_at(const struct fix *f, unsigned int i, uint8_t family, struct xlb_flow6 *ret)
{
	struct xlb_flow6 *f6 = &f->flows6[i / XLB_BUCKET_LINES].slot[i % XLB_BUCKET_LINES];
	struct xlb_flow4 *f4;

	if (family == 6) {
		*ret = *f6;
		return &f6->b;
	}
	f4 = &f->flows[i / (XLB_BUCKET_LINES * XLB_FLOW4_WAYS)].slot[i % (XLB_BUCKET_LINES * XLB_FLOW4_WAYS)];
	*ret = (struct xlb_flow6){
		.client = { f4->client }, .vip = { f4->vip }, .cport = f4->cport, .vport = f4->vport, .b = f4->b
	};
	return &f4->b;
}

static bool entry_is(struct fix *f, const struct xlb_flow6 *e, const struct key *k)
{
	const struct xlb_server *srv = &f->servers[e->b.server];
	const __be32 *back = srv->mode == XLB_MODE_FULLNAT ? srv->source : e->client;

	if (!(e->b.word & XLB_F_LIVE) || e->b.proto != k->proto)
		return false;
	if ((e->b.kind & XLB_KIND_MASK) == XLB_FLOW_REQUEST)
		return !memcmp(e->client, k->saddr, 16) && !memcmp(e->vip, k->daddr, 16) && e->cport == k->sport &&
		       e->vport == k->dport;
	return !memcmp(srv->addr, k->saddr, 16) && !memcmp(back, k->daddr, 16) &&
	       xlb_server_port(srv, e->vport) == k->sport && e->b.sport == k->dport;
}

static struct xlb_flow_body *find_entry(struct fix *f, const struct key *k)
{
	struct xlb_flow_body *b;
	struct xlb_flow6 e;
	unsigned int i;

	for (i = 0; i < nr_slots(f, k->family); i++) {
		b = slot_at(f, i, k->family, &e);
		if (entry_is(f, &e, k))
			return b;
	}
	return NULL;
}

struct xlb_flow_body *fix_entry(struct fix *f, struct pkt *p)
{
	struct key k = { .proto = pkt_proto(p), .family = pkt_ip(p)->version };

	if (k.family == 6) {
		memcpy(k.saddr, &pkt_ip6(p)->ip6_src, 16);
		memcpy(k.daddr, &pkt_ip6(p)->ip6_dst, 16);
	} else {
		k.saddr[0] = pkt_ip(p)->saddr;
		k.daddr[0] = pkt_ip(p)->daddr;
	}
	k.sport = pkt_udp(p)->source;
	k.dport = pkt_udp(p)->dest;
	return find_entry(f, &k);
}

struct xlb_flow4 *fix_flow(struct fix *f, uint32_t saddr, uint16_t sport, uint32_t daddr, uint16_t dport, uint8_t proto)
{
	struct xlb_flow_body *b = find_entry(f, &(struct key){ .saddr = { htonl(saddr) },
							       .daddr = { htonl(daddr) },
							       .sport = htons(sport),
							       .dport = htons(dport),
							       .proto = proto,
							       .family = 4 });

	return b ? (struct xlb_flow4 *)((char *)b - offsetof(struct xlb_flow4, b)) : NULL;
}

void fix_age(struct xlb_flow_body *b, uint32_t ticks)
{
	b->seen -= ticks << 8;
}

unsigned int fix_live(const struct fix *f)
{
	struct xlb_flow6 e;
	unsigned int i, nr = 0;

	for (i = 0; i < nr_slots(f, 4); i++)
		nr += slot_at(f, i, 4, &e)->word & XLB_F_LIVE;
	for (i = 0; i < nr_slots(f, 6); i++)
		nr += slot_at(f, i, 6, &e)->word & XLB_F_LIVE;
	return nr;
}

/* All counters are 64 bits wide. */
static void add_stats(struct xlb_stats *sum, const struct xlb_stats *one)
{
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += ((const uint64_t *)one)[i];
}

struct xlb_stats fix_svc_stats(struct fix *f, uint32_t service)
{
	struct xlb_stats sum = { 0 };

	for (int cpu = 0; cpu < f->nr_cpus; cpu++)
		add_stats(&sum, &f->cpus[cpu].services[service]);
	return sum;
}

struct xlb_stats fix_srv_stats(struct fix *f, uint32_t server)
{
	struct xlb_stats sum = { 0 };

	for (int cpu = 0; cpu < f->nr_cpus; cpu++)
		add_stats(&sum, &f->cpus[cpu].servers[server]);
	return sum;
}
