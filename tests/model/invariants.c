/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must hold of the flow table whatever it is made of, checked after each packet on a table so small that it is
 * always full. Here nothing is predicted: who goes and who stays is the table's affair, within these promises.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "invariants.h"

enum { SLACK_TICKS = 64 }; /* by which the times of a flow's two entries may differ */

/* An entry of either family. */
struct view {
	struct xlb_flow_body b;
	struct m_key request;
};

static size_t nr_slots(const struct prog *p)
{
	return p->nr_buckets * XLB_BUCKET_LINES * XLB_FLOW4_WAYS + p->nr_buckets6 * XLB_BUCKET_LINES * XLB_FLOW6_WAYS;
}

static void view_of(const struct prog *p, size_t slot, struct view *v)
{
	size_t nr4 = p->nr_buckets * XLB_BUCKET_LINES * XLB_FLOW4_WAYS;

	memset(v, 0, sizeof(*v));
	if (slot < nr4) {
		const struct xlb_flow4 *f = &p->flows->slot[slot];

		v->b = f->b;
		v->request = (struct m_key){ .saddr = { f->client }, .daddr = { f->vip }, .family = 4 };
		v->request.sport = f->cport;
		v->request.dport = f->vport;
	} else {
		const struct xlb_flow6 *f = &p->flows6->slot[slot - nr4];

		v->b = f->b;
		v->request = (struct m_key){ .sport = f->cport, .dport = f->vport, .family = 6 };
		memcpy(v->request.saddr, f->client, 16);
		memcpy(v->request.daddr, f->vip, 16);
	}
	v->request.proto = v->b.proto;
}

static bool is_live(const struct view *v)
{
	return v->b.word & XLB_F_LIVE;
}

static struct m_key reply_key(const struct prog *p, const struct view *v)
{
	const struct xlb_server *s = &p->servers[v->b.server];
	struct m_key k = { .family = v->request.family, .proto = v->request.proto };

	memcpy(k.saddr, s->addr, 16);
	memcpy(k.daddr, s->mode == XLB_MODE_FULLNAT ? s->source : v->request.saddr, 16);
	k.sport = xlb_server_port(s, v->request.dport);
	k.dport = v->b.sport;
	return k;
}

/* Established, and by no reckoning idle for too long. */
static bool is_precious(const struct prog *p, const struct view *v, uint32_t now)
{
	enum xlb_flow_state state = xlb_flow_state(v->b.word, v->b.proto);

	return is_live(v) && (state == XLB_S_ESTABLISHED || state == XLB_S_UDP) &&
	       xlb_flow_idle(v->b.seen, now) <= p->services[v->b.service].timeout[state];
}

static bool same_use(const struct view *a, const struct view *b)
{
	return is_live(a) && is_live(b) && (a->b.word & ~XLB_F_FLAGS) == (b->b.word & ~XLB_F_FLAGS) &&
	       !memcmp(&a->request, &b->request, sizeof(a->request));
}

/* Addresses and ports of the packet, as far as it has them. */
static bool concerns(const struct prog *p, const struct frame *f, const struct view *v)
{
	size_t size = v->request.family == 4 ? 4 : 16, at = (f->data[12] == 0x81 ? 18 : 14) + (size == 4 ? 12 : 8);
	struct m_key reply = reply_key(p, v);

	return f->len >= at + 2 * size &&
	       ((!memcmp(f->data + at, v->request.saddr, size) &&
		 !memcmp(f->data + at + size, v->request.daddr, size)) ||
		(!memcmp(f->data + at, reply.saddr, size) && !memcmp(f->data + at + size, reply.daddr, size)));
}

static const char *check_counts(const struct prog *p, const struct m_config *c)
{
	uint32_t servers[M_SERVERS] = { 0 }, services[M_SERVICES] = { 0 };
	struct view v;
	size_t i;

	for (i = 0; i < nr_slots(p); i++) {
		view_of(p, i, &v);
		if (!is_live(&v) || !(v.b.word & XLB_F_COUNTED))
			continue;
		if ((v.b.kind & XLB_KIND_MASK) != XLB_FLOW_REQUEST)
			return "a reply entry is counted";
		servers[v.b.server]++;
		services[v.b.service]++;
	}
	for (i = 1; i <= c->nr_servers; i++)
		if (p->load[i].active != servers[i])
			return "active flows of a server are not its counted entries";
	for (i = 1; i <= c->nr_services; i++)
		if (p->svc_load[i].active != services[i])
			return "active flows of a service are not its counted entries";
	return NULL;
}

static bool same_key(const struct m_key *a, const struct m_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Pairs of entries: one key is one entry's, and the two of a flow agree. */
static const char *check_pairs(const struct prog *p)
{
	struct m_key keys[INVARIANT_SLOTS];
	struct view v[INVARIANT_SLOTS];
	size_t i, j, nr = 0;

	for (i = 0; i < nr_slots(p); i++) {
		view_of(p, i, &v[nr]);
		if (!is_live(&v[nr]))
			continue;
		keys[nr] = (v[nr].b.kind & XLB_KIND_MASK) == XLB_FLOW_REPLY ? reply_key(p, &v[nr]) : v[nr].request;
		nr++;
	}
	for (i = 0; i < nr; i++)
		for (j = i + 1; j < nr; j++) {
			if ((v[i].b.kind & XLB_KIND_MASK) == (v[j].b.kind & XLB_KIND_MASK)) {
				if (same_key(&keys[i], &keys[j]))
					return (v[i].b.kind & XLB_KIND_MASK) == XLB_FLOW_REPLY ?
						       "two flows with one source port towards one server" :
						       "two flows of one client's port";
				continue;
			}
			if (!same_key(&v[i].request, &v[j].request) || v[i].b.server != v[j].b.server ||
			    v[i].b.sport != v[j].b.sport)
				continue;
			if ((v[i].b.word ^ v[j].b.word) & XLB_F_FLAGS & ~(XLB_F_COUNTED | XLB_F_REPEATS))
				return "request and reply entry do not agree";
		}
	return NULL;
}

void invariants_before(struct invariants *inv, const struct prog *p)
{
	size_t i;

	memcpy(inv->flows, p->flows, sizeof(*p->flows) * p->nr_buckets);
	memcpy(inv->flows6, p->flows6, sizeof(*p->flows6) * p->nr_buckets6);
	inv->sum = 0;
	for (i = 0; i < XLB_R_MAX; i++)
		inv->sum += p->reasons[i];
}

const char *invariants_after(const struct invariants *inv, const struct prog *p, const struct m_config *c,
			     const struct frame *f, uint32_t now)
{
	struct prog before = *p;
	struct view old, new;
	uint64_t sum = 0;
	const char *wrong;
	size_t i;

	before.flows = (struct xlb_bucket4 *)inv->flows;
	before.flows6 = (struct xlb_bucket6 *)inv->flows6;
	for (i = 0; i < XLB_R_MAX; i++)
		sum += p->reasons[i];
	if (sum != inv->sum + 1)
		return "not one reason for one packet";
	for (i = 0; i < nr_slots(p); i++) {
		view_of(&before, i, &old);
		view_of(p, i, &new);
		if (is_precious(p, &old, now) && !same_use(&old, &new) && !concerns(p, f, &old))
			return "a live established flow was pushed out";
	}
	wrong = check_counts(p, c);
	return wrong ? wrong : check_pairs(p);
}
