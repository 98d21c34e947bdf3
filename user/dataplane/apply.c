/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Executes plans (user/model/plan.c) on the tables of the program, while packets go through them.
 *
 * Whatever can fail is tried first: rings are given their places, binds and addresses are entered in private copies of
 * their tables. Then every step is a handful of stores.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/dp_priv.h"

enum { NR_ADDR_VALUES = XLB_ADDR_SLOTS + XLB_ADDR_FILTER };

struct apply {
	struct dp *dp;
	const struct image *from, *to;
	struct ring_area *areas; /* of the PLAN_RING steps, in their order */
	size_t next_area;
};

static void clear_percpu(const struct dp *dp, enum dp_map map, uint32_t id, size_t value_size)
{
	void *zeros = calloc((size_t)dp->nr_cpus, value_size);

	if (zeros)
		(void)bpf_map_update_elem(dp->map_fd[map], &id, zeros, BPF_ANY);
	free(zeros);
}

static void do_busy(struct apply *a, size_t index)
{
	(void)index;
	for (size_t i = 0; i < 2 * XLB_BUSY_WORDS / 8; i++)
		record_store(&a->dp->busy[i], &a->to->busy[i / (XLB_BUSY_WORDS / 8)][i % (XLB_BUSY_WORDS / 8) * 8],
			     sizeof(a->dp->busy[i]));
}

/* A number that comes to mean another server starts with counters of zero. */
static void do_server(struct apply *a, size_t id)
{
	struct xlb_server *rec = &a->dp->servers[id];

	if (rec->identity != a->to->servers[id].identity)
		clear_percpu(a->dp, DP_MAP_srv_stats, (uint32_t)id, sizeof(struct xlb_stats));
	record_store(rec, &a->to->servers[id], sizeof(*rec));
}

static void do_service(struct apply *a, size_t id)
{
	struct xlb_service *rec = &a->dp->services[id];

	if (rec->identity != a->to->services[id].identity)
		clear_percpu(a->dp, DP_MAP_svc_stats, (uint32_t)id, sizeof(struct xlb_stats));
	record_store(rec, &a->to->services[id], sizeof(*rec));
}

static struct ring_area area_of(uint64_t ring)
{
	return (struct ring_area){ .first = (uint32_t)(ring >> 32), .nr = ring_values((uint32_t)ring) };
}

static void do_ring(struct apply *a, size_t id)
{
	const struct image_ring *ring = &a->to->rings[id];
	struct ring_area area = a->areas[a->next_area++];
	struct xlb_backend rec = a->to->backends[id], *old = &a->dp->backends[id];
	struct ring_area old_area = area_of(old->ring);
	const struct xlb_cursor from_start = { 0 };
	uint32_t key = (uint32_t)id;

	for (uint32_t i = 0; i < area.nr; i++) {
		struct xlb_ring value = { 0 };
		size_t at = (size_t)i * XLB_RING_WAYS, rest = ring->len - at;

		memcpy(value.server, ring->ids + at, (rest < XLB_RING_WAYS ? rest : XLB_RING_WAYS) * sizeof(uint16_t));
		record_store(&a->dp->ring[area.first + i], &value, sizeof(value));
	}
	if (old->identity != rec.identity)
		(void)bpf_map_update_elem(a->dp->map_fd[DP_MAP_cursors], &key, &from_start, BPF_ANY);
	rec.ring = ring->len ? (uint64_t)area.first << 32 | (uint32_t)ring->len : 0;
	record_store(old, &rec, sizeof(rec));
	(void)ring_release(a->dp, old_area);
}

static void do_addr(struct apply *a, size_t index)
{
	(void)table_addr_cover(a->dp->addrs, a->dp->meta.secrets, &a->to->addrs[index].rec);
}

static void do_bind_add(struct apply *a, size_t index)
{
	(void)table_vip_put(a->dp->vips, a->dp->meta.secrets, &a->to->binds[index].vip);
}

static void do_bind_del(struct apply *a, size_t index)
{
	table_vip_del(a->dp->vips, a->dp->meta.secrets, &a->from->binds[index].vip);
}

/* Flows may live on the address; address_settle() removes it after the last one. */
static void do_addr_del(struct apply *a, size_t index)
{
	(void)a;
	(void)index;
}

/* Timeouts and identity stay: flows of the service may live on, and a new daemon must find its number taken. */
static void do_service_del(struct apply *a, size_t id)
{
	struct xlb_service rec = a->dp->services[id];

	rec.backend = 0;
	rec.flags = 0;
	record_store(&a->dp->services[id], &rec, sizeof(rec));
	a->dp->sweep->svc_from[id] = a->dp->sweep->nr_started + 1;
}

static void do_ring_del(struct apply *a, size_t id)
{
	static const struct xlb_backend none;
	struct ring_area area = area_of(a->dp->backends[id].ring);

	__atomic_store_n(&a->dp->backends[id].ring, 0, __ATOMIC_RELEASE);
	record_store(&a->dp->backends[id], &none, sizeof(none));
	(void)ring_release(a->dp, area);
}

/* Next hop and identity stay, as with services. */
static void do_server_del(struct apply *a, size_t id)
{
	struct xlb_server rec = a->dp->servers[id];

	rec.backend = 0;
	record_store(&a->dp->servers[id], &rec, sizeof(rec));
	a->dp->sweep->srv_from[id] = a->dp->sweep->nr_started + 1;
}

static void (*const steps[])(struct apply *a, size_t index) = {
	[PLAN_BUSY] = do_busy,
	[PLAN_SERVER] = do_server,
	[PLAN_RING] = do_ring,
	[PLAN_SERVICE] = do_service,
	[PLAN_ADDR] = do_addr,
	[PLAN_BIND_ADD] = do_bind_add,
	[PLAN_BIND_DEL] = do_bind_del,
	[PLAN_ADDR_DEL] = do_addr_del,
	[PLAN_SERVICE_DEL] = do_service_del,
	[PLAN_RING_DEL] = do_ring_del,
	[PLAN_SERVER_DEL] = do_server_del,
};

static int check_rings(struct apply *a, const struct plan *plan, struct diag_list *diags)
{
	size_t *lens = calloc(plan->nr + 1, sizeof(*lens)), nr = 0;
	int err = -ENOMEM;

	a->areas = calloc(plan->nr + 1, sizeof(*a->areas));
	if (lens && a->areas) {
		for (size_t i = 0; i < plan->nr; i++)
			if (plan->steps[i].op == PLAN_RING)
				lens[nr++] = a->to->rings[plan->steps[i].index].len;
		err = nr ? ring_place(a->dp, lens, nr, a->areas) : 0;
	}
	if (err == -ENOSPC)
		diag_add(diags, DIAG_ERROR, NULL, "D0330",
			 "give servers weights with a common divisor, or smaller ones: a ring has as many entries as "
			 "the weights add up to",
			 "the servers' rings do not fit into the data plane (%d entries for all backends together)",
			 XLB_RING_VALUES * XLB_RING_WAYS);
	free(lens);
	return err;
}

/* Enters the plan's addresses and binds in copies of the tables. */
static int check_tables(struct apply *a, const struct plan *plan, struct diag_list *diags)
{
	struct xlb_vip_bucket *vips = malloc(XLB_VIP_BUCKETS * sizeof(*vips));
	struct xlb_addr *addrs = malloc(NR_ADDR_VALUES * sizeof(*addrs));
	int err = vips && addrs ? 0 : -ENOMEM;

	if (!err) {
		memcpy(vips, a->dp->vips, XLB_VIP_BUCKETS * sizeof(*vips));
		memcpy(addrs, a->dp->addrs, NR_ADDR_VALUES * sizeof(*addrs));
	}
	for (size_t i = 0; i < plan->nr && !err; i++) {
		size_t index = plan->steps[i].index;

		if (plan->steps[i].op == PLAN_ADDR)
			err = table_addr_put(addrs, a->dp->meta.secrets, &a->to->addrs[index].rec);
		else if (plan->steps[i].op == PLAN_BIND_ADD)
			err = table_vip_put(vips, a->dp->meta.secrets, &a->to->binds[index].vip);
	}
	if (err == -ENOSPC)
		diag_add(diags, DIAG_ERROR, NULL, "D0331", "bind fewer addresses or ports",
			 "%zu binds on %zu addresses do not fit into the data plane", a->to->nr_binds, a->to->nr_addrs);
	free(addrs);
	free(vips);
	return err;
}

static bool plan_has(const struct plan *plan, enum plan_op op)
{
	for (size_t i = 0; i < plan->nr; i++)
		if (plan->steps[i].op == op)
			return true;
	return false;
}

void dp_hops_changed(struct dp *dp)
{
	__atomic_fetch_add(&dp->control->epoch, 1, __ATOMIC_RELEASE);
}

/* The least idle time after which an established flow of any service may have ended, in ticks. */
static uint32_t idle_free(const struct image *img)
{
	uint32_t least = INT32_MAX;

	for (size_t i = 1; i < img->nr_services; i++) {
		const uint32_t *t = img->services[i].timeout;

		if (!img->services[i].identity)
			continue;
		least = t[XLB_S_ESTABLISHED] < least ? t[XLB_S_ESTABLISHED] : least;
		least = t[XLB_S_UDP] < least ? t[XLB_S_UDP] : least;
	}
	return least;
}

int dp_apply(struct dp *dp, const struct image *from, const struct image *to, const struct plan *plan,
	     struct diag_list *diags)
{
	struct apply a = { .dp = dp, .from = from, .to = to };
	int err = check_rings(&a, plan, diags);

	if (!err && (plan_has(plan, PLAN_ADDR) || plan_has(plan, PLAN_BIND_ADD)))
		err = check_tables(&a, plan, diags);
	if (!err && (plan_has(plan, PLAN_ADDR) || plan_has(plan, PLAN_ADDR_DEL)))
		err = address_want(dp, to);
	if (!err) /* no service may have a shorter one when its record appears */
		__atomic_store_n(&dp->control->idle_free, 0, __ATOMIC_RELEASE);
	for (size_t i = 0; i < plan->nr && !err; i++)
		steps[plan->steps[i].op](&a, plan->steps[i].index);
	if (!err) {
		__atomic_store_n(&dp->control->idle_free, idle_free(to), __ATOMIC_RELEASE);
		dp_hops_changed(dp);
	}
	free(a.areas);
	return err;
}
