/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table from the daemon's side: idle flows are ended, living ones counted and listed, at memory speed.
 *
 * The program changes entries at the same time. What is read of one counts only if its word is the same afterwards;
 * what is ended is ended by compare-and-swap, so that a slot which was reused meanwhile is left alone.
 */
#include <string.h>

#include "dataplane/dp_priv.h"

/* The program's clock and ours are read at different moments: flows get this many ticks on top. */
enum { MARGIN_TICKS = 2 };

static size_t nr_slots(const struct dp *dp)
{
	return (size_t)dp->meta.nr_buckets * XLB_BUCKET_SLOTS;
}

static struct xlb_flow *slot_at(const struct dp *dp, size_t slot)
{
	return &dp->flows[slot / XLB_BUCKET_SLOTS].slot[slot % XLB_BUCKET_SLOTS];
}

/* A copy of a live entry that is no mixture of two; false: there is none. */
static bool flow_read(const struct xlb_flow *f, struct xlb_flow *ret)
{
	uint32_t word = __atomic_load_n(&f->word, __ATOMIC_ACQUIRE);

	if (!(word & XLB_F_LIVE))
		return false;
	memcpy(ret, (const void *)f, sizeof(*ret));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	ret->word = __atomic_load_n(&f->word, __ATOMIC_RELAXED);
	/* Flags may have changed meanwhile, the version may not. */
	return ret->word & XLB_F_LIVE && !((ret->word ^ word) & ~(uint32_t)XLB_F_FLAGS) &&
	       ret->server < XLB_MAX_SERVERS && ret->service < XLB_MAX_SERVICES;
}

/* Clears XLB_F_LIVE if the slot is still the use that 'copy' was read from. */
static bool flow_end(struct xlb_flow *f, const struct xlb_flow *copy)
{
	uint32_t word = copy->word;

	for (int i = 0; i < 4; i++) {
		if (__atomic_compare_exchange_n(&f->word, &word, word & ~(uint32_t)XLB_F_LIVE, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return true;
		if (!(word & XLB_F_LIVE) || (word ^ copy->word) & ~(uint32_t)XLB_F_FLAGS)
			return false;
	}
	return false;
}

/* The other entry of the flow; each is keyed by what the other rewrites to. NULL: gone. */
static struct xlb_flow *peer_of(const struct dp *dp, const struct xlb_flow *flow, struct xlb_flow *ret_copy)
{
	struct xlb_flow *p;

	if (flow->peer >= nr_slots(dp))
		return NULL;
	p = slot_at(dp, flow->peer);
	if (!flow_read(p, ret_copy) || ret_copy->saddr != flow->new_daddr || ret_copy->daddr != flow->new_saddr ||
	    ret_copy->sport != flow->new_dport || ret_copy->dport != flow->new_sport || ret_copy->proto != flow->proto)
		return NULL;
	return p;
}

/* Ticks since the entry was last used; 0 for one that was used after 'now' was read. */
static uint32_t idle_of(const struct xlb_flow *flow, uint32_t now)
{
	int32_t idle = (int32_t)(now - flow->seen);

	return idle > 0 ? (uint32_t)idle : 0;
}

static bool is_expired(const struct dp *dp, const struct xlb_flow *flow, uint32_t now)
{
	uint32_t timeout = dp->services[flow->service].timeout[xlb_flow_state(flow->word, flow->proto)];

	return idle_of(flow, now) > (uint64_t)timeout + MARGIN_TICKS;
}

/* Ends a flow whose time is over, both entries at once: a packet of either direction keeps both. */
static bool end_if_expired(struct dp *dp, struct xlb_flow *f, const struct xlb_flow *flow, uint32_t now)
{
	struct xlb_flow peer_copy, *peer;

	if (!is_expired(dp, flow, now))
		return false;
	peer = peer_of(dp, flow, &peer_copy);
	if (peer && !is_expired(dp, &peer_copy, now))
		return false;
	if (!flow_end(f, flow))
		return false;
	if (peer)
		(void)flow_end(peer, &peer_copy);
	return true;
}

static void count(const struct dp *dp, struct sweep_counts *c, const struct xlb_flow *flow)
{
	if (dp->wanted.differs && !c->addrs_needed)
		c->addrs_needed = address_needed_by(dp, flow);
	c->srv_referenced[flow->server] = true;
	c->svc_referenced[flow->service] = true;
	if (flow->kind != XLB_FLOW_REQUEST)
		return;
	c->used++;
	switch (xlb_flow_state(flow->word, flow->proto)) {
	case XLB_S_HALF_OPEN:
	case XLB_S_ESTABLISHED:
	case XLB_S_UDP:
		c->srv_active[flow->server]++;
		c->svc_active[flow->service]++;
		break;
	case XLB_S_CLOSING:
	case XLB_S_CLOSED:
	case XLB_NR_STATES:
		break;
	}
}

static void finish(struct dp *dp)
{
	struct sweep *s = dp->sweep;

	s->last = s->now;
	memset(&s->now, 0, sizeof(s->now));
	s->cursor = 0;
	s->nr_done = s->nr_started++;
	address_settle(dp);
}

bool dp_sweep(struct dp *dp, size_t max_slots)
{
	struct sweep *s = dp->sweep;
	size_t total = nr_slots(dp), end = max_slots < total - s->cursor ? s->cursor + max_slots : total;
	uint32_t now = dp_now_tick(dp);
	struct xlb_flow flow;

	for (; s->cursor < end; s->cursor++) {
		struct xlb_flow *f = slot_at(dp, s->cursor);

		if (flow_read(f, &flow) && !end_if_expired(dp, f, &flow, now))
			count(dp, &s->now, &flow);
	}
	if (s->cursor < total)
		return false;
	finish(dp);
	return true;
}

uint32_t dp_active_of_server(const struct dp *dp, uint16_t id)
{
	return id < XLB_MAX_SERVERS ? dp->sweep->last.srv_active[id] : 0;
}

uint32_t dp_active_of_service(const struct dp *dp, uint16_t id)
{
	return id < XLB_MAX_SERVICES ? dp->sweep->last.svc_active[id] : 0;
}

bool dp_server_unreferenced(const struct dp *dp, uint16_t id)
{
	const struct sweep *s = dp->sweep;

	return id < XLB_MAX_SERVERS && s->nr_done && s->nr_done >= s->srv_from[id] && !s->last.srv_referenced[id];
}

bool dp_service_unreferenced(const struct dp *dp, uint16_t id)
{
	const struct sweep *s = dp->sweep;

	return id < XLB_MAX_SERVICES && s->nr_done && s->nr_done >= s->svc_from[id] && !s->last.svc_referenced[id];
}

bool dp_flows_from(struct dp *dp, uint64_t *cursor, size_t max_slots,
		   bool (*fn)(void *arg, const struct xlb_flow *flow, uint32_t idle_ticks), void *arg)
{
	size_t total = nr_slots(dp), end;
	uint32_t now = dp_now_tick(dp);
	struct xlb_flow flow, peer;

	if (*cursor >= total)
		return false;
	end = max_slots < total - *cursor ? *cursor + max_slots : total;
	while (*cursor < end) {
		uint32_t idle;

		if (!flow_read(slot_at(dp, (*cursor)++), &flow) || flow.kind != XLB_FLOW_REQUEST)
			continue;
		idle = idle_of(&flow, now);
		if (idle && peer_of(dp, &flow, &peer) && idle_of(&peer, now) < idle)
			idle = idle_of(&peer, now);
		if (!fn(arg, &flow, idle))
			break;
	}
	return *cursor < total;
}

size_t dp_kill_matching(struct dp *dp, bool (*match)(void *arg, const struct xlb_flow *flow), void *arg)
{
	size_t total = nr_slots(dp), nr = 0;
	struct xlb_flow flow, peer_copy, *peer;

	for (size_t i = 0; i < total; i++) {
		struct xlb_flow *f = slot_at(dp, i);

		if (!flow_read(f, &flow) || flow.kind != XLB_FLOW_REQUEST || !match(arg, &flow))
			continue;
		peer = peer_of(dp, &flow, &peer_copy);
		if (!flow_end(f, &flow))
			continue;
		if (peer)
			(void)flow_end(peer, &peer_copy);
		nr++;
	}
	return nr;
}

size_t dp_kill_flows(struct dp *dp, uint16_t server)
{
	size_t total = nr_slots(dp), nr = 0;
	struct xlb_flow flow;

	for (size_t i = 0; i < total; i++) {
		struct xlb_flow *f = slot_at(dp, i);

		if (flow_read(f, &flow) && flow.server == server && flow_end(f, &flow))
			nr += flow.kind == XLB_FLOW_REQUEST;
	}
	/* Known to be none now, not only after the next sweep: who ends flows wants to remove the server then. */
	dp->sweep->last.srv_active[server] = dp->sweep->now.srv_active[server] = 0;
	return nr;
}
