/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns two images into the list of table writes that leads from one to the other.
 *
 * Pure: reads the images, allocates the plan, touches nothing else. dataplane/apply.c executes plans. Steps are ordered
 * so that a packet never finds a service whose backend, ring or server is absent: what is new is written from the
 * server up to the bind, what is gone is removed from the bind down to the server.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image.h"

/* The array of steps grows by doubling; 'failed' remembers that it once could not. */
struct builder {
	struct plan plan;
	size_t cap;
	bool failed;
};

static void add(struct builder *b, enum plan_op op, size_t index)
{
	if (b->failed)
		return;
	if (b->plan.nr == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		struct plan_step *steps = reallocarray(b->plan.steps, cap, sizeof(*steps));

		if (!steps) {
			b->failed = true;
			return;
		}
		b->plan.steps = steps;
		b->cap = cap;
	}
	b->plan.steps[b->plan.nr++] = (struct plan_step){ .op = op, .index = index };
}

static bool ring_equal(const struct image_ring *a, const struct image_ring *b)
{
	return a->alg == b->alg && a->len == b->len && (!a->len || !memcmp(a->ids, b->ids, a->len * sizeof(*a->ids)));
}

/* An array of records of one size, each with an identity at the same place; identity 0: the record is free. */
struct records {
	const void *base;
	size_t nr, size, identity_off;
};

#define RECORDS(img, array, type)                                                                                      \
	((struct records){ (img)->array, (img)->nr_##array, sizeof(struct type), offsetof(struct type, identity) })

/* The record, or NULL if it is free. */
static const void *record(const struct records *r, size_t i)
{
	const char *rec = (const char *)r->base + i * r->size;
	uint64_t identity;

	if (i >= r->nr)
		return NULL;
	memcpy(&identity, rec + r->identity_off, sizeof(identity));
	return identity ? rec : NULL;
}

static void add_changed(struct builder *b, struct records from, struct records to, enum plan_op op)
{
	for (size_t i = 1; i < to.nr; i++) {
		const void *old = record(&from, i), *new = record(&to, i);

		if (new && (!old || memcmp(new, old, to.size)))
			add(b, op, i);
	}
}

static void add_gone(struct builder *b, struct records from, struct records to, enum plan_op op)
{
	for (size_t i = 1; i < from.nr; i++)
		if (record(&from, i) && !record(&to, i))
			add(b, op, i);
}

static void add_rings(struct builder *b, const struct image *from, const struct image *to)
{
	for (size_t i = 1; i < to->nr_backends; i++) {
		if (!to->backends[i].identity)
			continue;
		if (i < from->nr_backends && !memcmp(&to->backends[i], &from->backends[i], sizeof(to->backends[i])) &&
		    ring_equal(&to->rings[i], &from->rings[i]))
			continue;
		add(b, PLAN_RING, i);
	}
}

static bool ranges_equal(const struct image *x, const struct image_addr *a, const struct image *y,
			 const struct image_addr *b)
{
	return !a->rec.nr_ranges ||
	       !memcmp(&x->ranges[a->first_range], &y->ranges[b->first_range], a->rec.nr_ranges * sizeof(*x->ranges));
}

static void add_sticks(struct builder *b, const struct image *from, const struct image *to)
{
	for (size_t i = 1; i < XLB_MAX_STICKS; i++)
		if (to->sticks[i].identity && memcmp(&to->sticks[i], &from->sticks[i], sizeof(to->sticks[i])) != 0)
			add(b, PLAN_STICK, i);
}

static void del_sticks(struct builder *b, const struct image *from, const struct image *to)
{
	for (size_t i = 1; i < XLB_MAX_STICKS; i++)
		if (from->sticks[i].identity && !to->sticks[i].identity)
			add(b, PLAN_STICK_DEL, i);
}

/* A policy's identity is of its contents. */
static void add_policies(struct builder *b, const struct image *from, const struct image *to)
{
	for (size_t i = 1; i < XLB_MAX_POLICIES; i++)
		if (to->policies[i].rec.identity && to->policies[i].rec.identity != from->policies[i].rec.identity)
			add(b, PLAN_POLICY, i);
}

static void del_policies(struct builder *b, const struct image *from, const struct image *to)
{
	for (size_t i = 1; i < XLB_MAX_POLICIES; i++)
		if (from->policies[i].rec.identity && !to->policies[i].rec.identity)
			add(b, PLAN_POLICY_DEL, i);
}

/* Walks both sorted lists at once: what only 'to' has, or has otherwise. */
static void add_addrs(struct builder *b, const struct image *from, const struct image *to)
{
	size_t f = 0;

	for (size_t t = 0; t < to->nr_addrs; t++) {
		const struct xlb_addr *rec = &to->addrs[t].rec;

		while (f < from->nr_addrs && image_addr_cmp(&from->addrs[f].rec, rec) < 0)
			f++;
		if (f == from->nr_addrs || memcmp(&from->addrs[f].rec, rec, sizeof(*rec)) != 0 ||
		    !ranges_equal(from, &from->addrs[f], to, &to->addrs[t]))
			add(b, PLAN_ADDR, t);
	}
}

static void del_addrs(struct builder *b, const struct image *from, const struct image *to)
{
	size_t t = 0;

	for (size_t f = 0; f < from->nr_addrs; f++) {
		const struct xlb_addr *rec = &from->addrs[f].rec;

		while (t < to->nr_addrs && image_addr_cmp(&to->addrs[t].rec, rec) < 0)
			t++;
		if (t == to->nr_addrs || image_addr_cmp(&to->addrs[t].rec, rec))
			add(b, PLAN_ADDR_DEL, f);
	}
}

static void add_binds(struct builder *b, const struct image *from, const struct image *to)
{
	size_t f = 0;

	for (size_t t = 0; t < to->nr_binds; t++) {
		const struct image_bind *bind = &to->binds[t];

		while (f < from->nr_binds && image_bind_cmp(&from->binds[f], bind) < 0)
			f++;
		if (f == from->nr_binds || memcmp(&from->binds[f], bind, sizeof(*bind)))
			add(b, PLAN_BIND_ADD, t);
	}
}

static void del_binds(struct builder *b, const struct image *from, const struct image *to)
{
	size_t t = 0;

	for (size_t f = 0; f < from->nr_binds; f++) {
		const struct image_bind *bind = &from->binds[f];

		while (t < to->nr_binds && image_bind_cmp(&to->binds[t], bind) < 0)
			t++;
		if (t == to->nr_binds || image_bind_cmp(&to->binds[t], bind))
			add(b, PLAN_BIND_DEL, f);
	}
}

int plan_make(const struct image *from, const struct image *to, struct plan *ret)
{
	static const struct image nothing;
	struct builder b = { 0 };

	if (!from)
		from = &nothing;
	if (memcmp(from->busy, to->busy, sizeof(to->busy)))
		add(&b, PLAN_BUSY, 0);
	add_sticks(&b, from, to);
	add_changed(&b, RECORDS(from, servers, xlb_server), RECORDS(to, servers, xlb_server), PLAN_SERVER);
	add_rings(&b, from, to);
	add_policies(&b, from, to);
	add_changed(&b, RECORDS(from, services, xlb_service), RECORDS(to, services, xlb_service), PLAN_SERVICE);
	add_addrs(&b, from, to);
	add_binds(&b, from, to);

	del_binds(&b, from, to);
	del_addrs(&b, from, to);
	add_gone(&b, RECORDS(from, services, xlb_service), RECORDS(to, services, xlb_service), PLAN_SERVICE_DEL);
	del_policies(&b, from, to);
	add_gone(&b, RECORDS(from, backends, xlb_backend), RECORDS(to, backends, xlb_backend), PLAN_RING_DEL);
	add_gone(&b, RECORDS(from, servers, xlb_server), RECORDS(to, servers, xlb_server), PLAN_SERVER_DEL);
	del_sticks(&b, from, to);
	if (b.failed) {
		plan_fini(&b.plan);
		return -ENOMEM;
	}
	*ret = b.plan;
	return 0;
}

void plan_fini(struct plan *p)
{
	free(p->steps);
	p->steps = NULL;
	p->nr = 0;
}
