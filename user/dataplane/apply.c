/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Executes plans (user/model/plan.c) on the tables of the program, while packets go through them.
 *
 * Whatever can fail is tried first: rings are given their places, binds and addresses are entered in private copies of
 * their tables. What takes a system call or memory is done next, on what no packet can be using yet. Then every step is
 * a handful of stores, with no system call from the first to the last: a daemon killed at one leaves the old
 * configuration or the new one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/dp_priv.h"

enum { NR_ADDR_VALUES = XLB_ADDR_SLOTS + XLB_ADDR_FILTER };

/* A server that gets another number, with another address. */
struct move {
	uint16_t from, to;
};

struct apply {
	struct dp *dp;
	const struct image *from, *to;
	struct ring_area *areas; /* of the PLAN_RING steps, in their order */
	size_t next_area;
	uint32_t now; /* tick */
	struct move *moves;
	size_t nr_moves;
};

static void clear_service_stats(struct dp *dp, size_t id)
{
	for (int cpu = 0; cpu < dp->nr_cpus; cpu++)
		memset(&dp->cpus[cpu].services[id], 0, sizeof(dp->cpus[cpu].services[id]));
}

static void clear_server_stats(struct dp *dp, size_t id)
{
	for (int cpu = 0; cpu < dp->nr_cpus; cpu++)
		memset(&dp->cpus[cpu].servers[id], 0, sizeof(dp->cpus[cpu].servers[id]));
}

static void do_busy(struct apply *a, size_t index)
{
	(void)index;
	for (size_t i = 0; i < 2 * XLB_BUSY_WORDS / 8; i++)
		record_store(&a->dp->busy[i], &a->to->busy[i / (XLB_BUSY_WORDS / 8)][i % (XLB_BUSY_WORDS / 8) * 8],
			     sizeof(a->dp->busy[i]));
}

static void do_stick(struct apply *a, size_t number)
{
	/* Made beforehand by check_sticks(). */
	record_store(&a->dp->stick_confs[number], &a->to->sticks[number].conf, sizeof(a->to->sticks[number].conf));
}

static void do_stick_del(struct apply *a, size_t number)
{
	stick_del(a->dp, (uint32_t)number);
}

static void do_policy(struct apply *a, size_t number)
{
	policy_write(a->dp, (uint32_t)number, &a->to->policies[number]);
}

static void do_policy_del(struct apply *a, size_t number)
{
	policy_del(a->dp, (uint32_t)number);
}

/* The number that the server of this name leaves with the plan, 0: none. */
static uint32_t number_before(const struct apply *a, uint64_t identity)
{
	for (size_t i = 1; a->from && i < a->from->nr_servers; i++)
		if (a->from->servers[i].identity == identity &&
		    (i >= a->to->nr_servers || a->to->servers[i].identity != identity))
			return (uint32_t)i;
	return 0;
}

/* Counters are of the name: a server that moves takes them along to its new number. */
static void carry_counters(const struct apply *a, uint32_t from, uint32_t to)
{
	for (int cpu = 0; cpu < a->dp->nr_cpus; cpu++)
		a->dp->cpus[cpu].servers[to] = a->dp->cpus[cpu].servers[from];
}

static bool is_other_server(const struct apply *a, size_t id)
{
	return image_server_key(&a->dp->servers[id]) != image_server_key(&a->to->servers[id]);
}

static bool is_other_service(const struct apply *a, size_t id)
{
	return a->dp->services[id].identity != a->to->services[id].identity;
}

static bool is_other_backend(const struct apply *a, size_t id)
{
	return a->dp->backends[id].identity != a->to->backends[id].identity;
}

/*
 * A number that comes to mean another server starts with counters of zero, or with those that the server had: also when
 * it is a number that it had once, with an address that it has again.
 */
static void prepare_server(struct apply *a, size_t id)
{
	uint32_t before = number_before(a, a->to->servers[id].identity);

	if (is_other_server(a, id))
		clear_server_stats(a->dp, id);
	if (!before)
		return;
	carry_counters(a, before, (uint32_t)id);
	a->moves[a->nr_moves++] = (struct move){ (uint16_t)before, (uint16_t)id };
}

static void do_server(struct apply *a, size_t id)
{
	if (is_other_server(a, id))
		__atomic_store_n(&a->dp->load[id].active, 0, __ATOMIC_RELAXED);
	record_store(&a->dp->servers[id], &a->to->servers[id], sizeof(a->to->servers[id]));
}

static void prepare_service(struct apply *a, size_t id)
{
	if (is_other_service(a, id))
		clear_service_stats(a->dp, id);
}

static void do_service(struct apply *a, size_t id)
{
	if (is_other_service(a, id))
		__atomic_store_n(&a->dp->svc_load[id].active, 0, __ATOMIC_RELAXED);
	record_store(&a->dp->services[id], &a->to->services[id], sizeof(a->to->services[id]));
}

static void prepare_ring(struct apply *a, size_t id)
{
	if (is_other_backend(a, id))
		__atomic_store_n(&a->dp->cursors[id].next, 0, __ATOMIC_RELAXED);
}

/* A table that keeps its place: Maglev's, as long as it keeps its length. */
static bool stays_in_place(const struct apply *a, size_t id)
{
	const struct xlb_backend *old = &a->dp->backends[id];
	const struct image_ring *ring = &a->to->rings[id];

	return ring->alg == XLB_ALG_MAGLEV && ring->len && old->identity == a->to->backends[id].identity &&
	       XLB_RING_ALG(old->ring) == XLB_ALG_MAGLEV && XLB_RING_LEN(old->ring) == ring->len;
}

static void write_ring(struct apply *a, struct ring_area area, const struct image_ring *ring)
{
	for (uint32_t i = 0; i < area.nr; i++) {
		struct xlb_ring value = { 0 };
		size_t at = (size_t)i * XLB_RING_WAYS, rest = ring->len - at;

		memcpy(value.server, ring->ids + at, (rest < XLB_RING_WAYS ? rest : XLB_RING_WAYS) * sizeof(uint16_t));
		record_store(&a->dp->ring[area.first + i], &value, sizeof(value));
	}
}

static void do_ring(struct apply *a, size_t id)
{
	const struct image_ring *ring = &a->to->rings[id];
	struct xlb_backend rec = a->to->backends[id], *old = &a->dp->backends[id];
	bool stateless = rec.flags & XLB_BE_STATELESS;
	struct ring_area area, old_area = ring_area_of(old->ring);

	if (stays_in_place(a, id)) {
		marks_change(a->dp, (uint16_t)id, ring, stateless, a->now);
		rec.ring = old->ring;
		record_store(old, &rec, sizeof(rec));
		return;
	}
	area = a->areas[a->next_area++];
	if (ring->alg == XLB_ALG_MAGLEV && ring->len)
		marks_fill(a->dp, area, ring, stateless, is_other_backend(a, id) ? 0 : old->ring, a->now);
	else
		write_ring(a, area, ring);
	rec.ring = XLB_RING(ring->alg, area.first, ring->len);
	record_store(old, &rec, sizeof(rec));
	marks_note(a->dp, (uint16_t)id);
	ring_release(a->dp, old_area);
}

/*
 * The ranges get a place of their own first. The run is as long as the longer one of old and new, with entries that
 * match nothing at its end: whichever of length and place a packet finds changed first, it reads what it may read.
 */
static void do_addr(struct apply *a, size_t index)
{
	const struct image_addr *addr = &a->to->addrs[index];
	struct xlb_addr rec = addr->rec;
	const struct xlb_addr *old = table_addr_find(a->dp->addrs, a->dp->meta.secrets, rec.addr, rec.family);
	struct ring_area run = { 0 };

	if (old)
		run = (struct ring_area){ .first = old->first_range, .nr = old->nr_ranges };
	if (rec.nr_ranges)
		rec.first_range = place_ranges(a->dp, &a->to->ranges[addr->first_range], rec.nr_ranges,
					       rec.nr_ranges > run.nr ? rec.nr_ranges : run.nr, run);
	else
		rec.first_range = (uint16_t)run.first;
	(void)table_addr_cover(a->dp->addrs, a->dp->meta.secrets, &rec);
	place_free_ranges(a->dp, run);
}

/* The record of a bind, its address told by the slot in 'addrs'; proto 0: the address has none. */
static struct xlb_vip vip_of(struct xlb_addr *addrs, const __u64 *secrets, const struct image_bind *bind)
{
	const struct xlb_addr *slot = table_addr_find(addrs, secrets, bind->addr, bind->family);

	if (!slot)
		return (struct xlb_vip){ 0 };
	return (struct xlb_vip){ .addr_slot = (uint16_t)(slot - addrs),
				 .port = bind->port,
				 .proto = bind->proto,
				 .service = bind->service };
}

static void do_bind_add(struct apply *a, size_t index)
{
	const __u64 *secrets = a->dp->meta.secrets;
	const struct image_bind *bind = &a->to->binds[index];
	struct xlb_vip vip = vip_of(a->dp->addrs, secrets, bind);
	const struct xlb_vip *old = table_vip_find(a->dp->vips, secrets, &vip);
	uint16_t before = old ? old->service : 0;

	if (!vip.proto)
		return;
	if (bind->service & XLB_VIP_RETURN)
		vip.service = XLB_VIP_RETURN | place_return(a->dp, &bind->ret);
	(void)table_vip_put(a->dp->vips, secrets, &vip);
	place_unlinger(a->dp, &vip);
	if (before & XLB_VIP_RETURN)
		place_free_return(a->dp, before & ~XLB_VIP_RETURN);
}

static void do_bind_del(struct apply *a, size_t index)
{
	const __u64 *secrets = a->dp->meta.secrets;
	const struct image_bind *bind = &a->from->binds[index];
	struct xlb_vip vip = vip_of(a->dp->addrs, secrets, bind);

	if (!vip.proto)
		return;
	if (bind->service & XLB_VIP_RETURN)
		place_linger(a->dp, &vip, bind->ret.server);
	else
		table_vip_del(a->dp->vips, secrets, &vip);
}

/* Flows may live on the address; address_settle() removes it after the last one. Its ranges are gone at once. */
static void do_addr_del(struct apply *a, size_t index)
{
	const struct xlb_addr *gone = &a->from->addrs[index].rec;
	struct xlb_addr *slot = table_addr_find(a->dp->addrs, a->dp->meta.secrets, gone->addr, gone->family);
	struct xlb_addr rec;

	if (!slot || !slot->nr_ranges)
		return;
	rec = *slot;
	rec.nr_ranges = 0;
	(void)table_addr_put(a->dp->addrs, a->dp->meta.secrets, &rec);
	place_free_ranges(a->dp, (struct ring_area){ .first = slot->first_range, .nr = rec.nr_ranges });
}

/* Timeouts and identity stay: flows of the service may live on, and a new daemon must find its number taken. */
static void do_service_del(struct apply *a, size_t id)
{
	struct xlb_service rec = a->dp->services[id];

	rec.backend = 0;
	rec.flags = 0;
	/* The numbers of its stick tables may be given to others, which its flows are not to be taken off. */
	memset(rec.track, 0, sizeof(rec.track));
	record_store(&a->dp->services[id], &rec, sizeof(rec));
	a->dp->sweep->svc_from[id] = a->dp->sweep->nr_started + 1;
}

static void do_ring_del(struct apply *a, size_t id)
{
	static const struct xlb_backend none;
	struct ring_area area = ring_area_of(a->dp->backends[id].ring);

	__atomic_store_n(&a->dp->backends[id].ring, 0, __ATOMIC_RELEASE);
	record_store(&a->dp->backends[id], &none, sizeof(none));
	marks_note(a->dp, (uint16_t)id);
	ring_release(a->dp, area);
}

/* Next hop and identity stay, as with services; it is as up as it was, for flows that go on. */
static void do_server_del(struct apply *a, size_t id)
{
	struct xlb_server rec = a->dp->servers[id];

	rec.backend = 0;
	record_store(&a->dp->servers[id], &rec, sizeof(rec));
	a->dp->sweep->srv_from[id] = a->dp->sweep->nr_started + 1;
}

static void (*const steps[])(struct apply *a, size_t index) = {
	[PLAN_BUSY] = do_busy,
	[PLAN_STICK] = do_stick,
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
	[PLAN_STICK_DEL] = do_stick_del,
	[PLAN_POLICY] = do_policy,
	[PLAN_POLICY_DEL] = do_policy_del,
};

static int check_rings(struct apply *a, const struct plan *plan, struct diag_list *diags)
{
	size_t *lens = calloc(plan->nr + 1, sizeof(*lens)), nr = 0;
	int err = -ENOMEM;

	a->areas = calloc(plan->nr + 1, sizeof(*a->areas));
	if (lens && a->areas) {
		for (size_t i = 0; i < plan->nr; i++)
			if (plan->steps[i].op == PLAN_RING && !stays_in_place(a, plan->steps[i].index))
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

/* One step in the copies. */
static int try_step(const struct apply *a, const struct plan_step *step, struct xlb_addr *addrs,
		    struct xlb_vip_bucket *vips)
{
	const __u64 *secrets = a->dp->meta.secrets;
	struct xlb_vip vip;

	if (step->op == PLAN_ADDR)
		return table_addr_put(addrs, secrets, &a->to->addrs[step->index].rec) ? 0 : -ENOSPC;
	if (step->op != PLAN_BIND_ADD)
		return 0;
	vip = vip_of(addrs, secrets, &a->to->binds[step->index]);
	return vip.proto ? table_vip_put(vips, secrets, &vip) : -ENOSPC;
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
	for (size_t i = 0; i < plan->nr && !err; i++)
		err = try_step(a, &plan->steps[i], addrs, vips);
	if (err == -ENOSPC)
		diag_add(diags, DIAG_ERROR, NULL, "D0331", "bind fewer addresses or ports",
			 "%zu binds on %zu addresses do not fit into the data plane", a->to->nr_binds, a->to->nr_addrs);
	free(addrs);
	free(vips);
	return err;
}

/* Ranges and ways back are written beside those that they replace. */
static int check_places(struct apply *a, const struct plan *plan, struct diag_list *diags)
{
	size_t nr_returns = 0, nr_ranges = 0;

	for (size_t i = 0; i < plan->nr; i++) {
		size_t index = plan->steps[i].index;

		if (plan->steps[i].op == PLAN_ADDR) {
			const struct image_addr *addr = &a->to->addrs[index];

			nr_ranges += addr->rec.nr_ranges;
			for (size_t r = 0; r < addr->rec.nr_ranges; r++)
				nr_returns += a->to->ranges[addr->first_range + r].rec.service == XLB_VIP_RETURN;
		} else if (plan->steps[i].op == PLAN_BIND_ADD) {
			nr_returns += a->to->binds[index].service == XLB_VIP_RETURN;
		}
	}
	if (place_has_room(a->dp, nr_returns, nr_ranges))
		return 0;
	diag_add(diags, DIAG_ERROR, NULL, "D0332", "make smaller changes, some seconds apart; or use fewer of both",
		 "%zu port ranges and %zu ways back of servers in 'forward dnat' do not fit beside those in force",
		 nr_ranges, nr_returns);
	return -ENOSPC;
}

/* Maps of sticking clients are made by the kernel, which may refuse; one too many does no harm. */
static int check_sticks(struct apply *a, const struct plan *plan, struct diag_list *diags)
{
	for (size_t i = 0; i < plan->nr; i++) {
		const struct image_stick *stick;
		int err;

		if (plan->steps[i].op != PLAN_STICK)
			continue;
		stick = &a->to->sticks[plan->steps[i].index];
		err = stick_put(a->dp, (uint32_t)plan->steps[i].index, stick);
		if (!err)
			continue;
		diag_add(diags, DIAG_ERROR, NULL, "D0333", "lower its 'size'",
			 "the kernel makes no stick table of %u entries: %s", stick->size, strerror(-err));
		return err;
	}
	return 0;
}

/* The same with the tries of rules. */
static int check_policies(struct apply *a, const struct plan *plan, struct diag_list *diags)
{
	for (size_t i = 0; i < plan->nr; i++) {
		const struct image_policy *p;
		int err;

		if (plan->steps[i].op != PLAN_POLICY)
			continue;
		p = &a->to->policies[plan->steps[i].index];
		err = policy_prepare(a->dp, (uint32_t)plan->steps[i].index, p);
		if (!err)
			continue;
		diag_add(diags, DIAG_ERROR, NULL, "D0334", "use fewer networks and ports in acls",
			 "the kernel takes no rules with %zu networks and ranges of ports: %s", p->nr_nets,
			 strerror(-err));
		return err;
	}
	return 0;
}

static size_t plan_count(const struct plan *plan, enum plan_op op)
{
	size_t nr = 0;

	for (size_t i = 0; i < plan->nr; i++)
		nr += plan->steps[i].op == op;
	return nr;
}

static bool plan_has(const struct plan *plan, enum plan_op op)
{
	return plan_count(plan, op);
}

/* What of the steps takes a system call: the memory that they may need, the time, records of numbers not in use yet. */
static int prepare(struct apply *a, const struct plan *plan)
{
	static void (*const of_step[PLAN_STICK_DEL + 1])(struct apply * a, size_t index) = {
		[PLAN_SERVER] = prepare_server,
		[PLAN_RING] = prepare_ring,
		[PLAN_SERVICE] = prepare_service,
	};
	int err = ring_reserve(a->dp, plan_count(plan, PLAN_RING) + plan_count(plan, PLAN_RING_DEL));

	if (!err)
		err = place_reserve(a->dp, plan_count(plan, PLAN_BIND_DEL));
	a->moves = calloc(plan_count(plan, PLAN_SERVER) + 1, sizeof(*a->moves));
	if (!a->moves)
		err = -ENOMEM;
	if (err)
		return err;
	a->now = dp_now_tick(a->dp);
	for (size_t i = 0; i < plan->nr; i++)
		if (of_step[plan->steps[i].op])
			of_step[plan->steps[i].op](a, plan->steps[i].index);
	return 0;
}

/* Sticking is to the server, whatever its address: its clients follow it. */
static void move_sticks(const struct apply *a)
{
	for (size_t i = 0; i < a->nr_moves; i++) {
		uint16_t backend = a->to->servers[a->moves[i].to].backend;

		stick_move(a->dp, a->to->backends[backend].stick, a->moves[i].from, a->moves[i].to);
	}
}

void dp_hops_changed(struct dp *dp)
{
	__atomic_fetch_add(&dp->control->epoch, 1, __ATOMIC_RELEASE);
}

/* The least idle time after which an established flow of any service may have ended, in ticks. */
static uint32_t idle_free(const struct image *img)
{
	uint32_t least = XLB_TICK_MAX;

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
	if (!err)
		err = check_places(&a, plan, diags);
	if (!err)
		err = check_sticks(&a, plan, diags);
	if (!err)
		err = check_policies(&a, plan, diags);
	if (!err && (plan_has(plan, PLAN_ADDR) || plan_has(plan, PLAN_ADDR_DEL)))
		err = address_want(dp, to);
	if (!err)
		err = prepare(&a, plan);
	if (!err) { /* no service may have a shorter one when its record appears */
		__atomic_store_n(&dp->control->idle_free, 0, __ATOMIC_RELEASE);
		address_expect_answers(dp, to);
	}
	for (size_t i = 0; i < plan->nr && !err; i++)
		steps[plan->steps[i].op](&a, plan->steps[i].index);
	if (!err) {
		__atomic_store_n(&dp->control->idle_free, idle_free(to), __ATOMIC_RELEASE);
		address_heat(dp, to);
		move_sticks(&a);
	}
	free(a.moves);
	free(a.areas);
	return err;
}
