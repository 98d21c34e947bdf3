/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow tables from the daemon's side: idle flows are ended, living ones counted and listed, at memory speed.
 *
 * A sweep goes over all slots of both tables in slices. When it is complete, everything is put in order that depends on
 * which flows there are: numbers, addresses, ways back, next hops, marks, counts.
 */
#include <arpa/inet.h>
#include <string.h>

#include "dataplane/dp_priv.h"

enum {
	MARGIN_TICKS = 2, /* the program's clock and ours are read at different moments: flows get this on top */
	HOPS_TO_FREE = XLB_MAX_NEXTHOPS / 16,
	DRIFT_SWEEPS = 3, /* so many sweeps must find a count wrong by the same number before it is mended */
};

static bool is_expired(const struct dp *dp, const struct flow *flow, uint32_t now)
{
	uint32_t timeout = dp->services[flow->b.service].timeout[xlb_flow_state(flow->b.word, flow->b.proto)];

	return xlb_flow_idle(flow->b.seen, now) > (uint64_t)timeout + MARGIN_TICKS;
}

/* Ends a flow whose time is over, both entries at once: a packet of either direction keeps both. */
static bool end_if_expired(struct dp *dp, struct xlb_flow_body *at, const struct flow *flow, uint32_t now)
{
	struct xlb_flow_body *peer;
	struct flow peer_copy;

	if (!is_expired(dp, flow, now))
		return false;
	peer = flow_peer(dp, flow, &peer_copy);
	if (peer && !is_expired(dp, &peer_copy, now))
		return false;
	if (!flow_end(dp, at, flow))
		return false;
	if (peer)
		(void)flow_end(dp, peer, &peer_copy);
	return true;
}

static void count(struct dp *dp, struct sweep_counts *c, const struct flow *flow)
{
	c->entries[flow->family == 6]++;
	if (dp->wanted.differs && !c->addrs_needed)
		c->addrs_needed = address_needed_by(dp, flow);
	c->srv_referenced[flow->b.server] = true;
	c->svc_referenced[flow->b.service] = true;
	c->hop_referenced[flow->b.hop] = true;
	if (flow_kind(flow) != XLB_FLOW_REQUEST)
		return;
	c->flows[flow->family == 6]++;
	if (flow->b.word & XLB_F_TRACKED_ALL)
		tracked_count(dp, flow);
	if (flow->b.word & XLB_F_COUNTED) {
		c->srv_counted[flow->b.server]++;
		c->svc_counted[flow->b.service]++;
	}
	if (flow->b.word & XLB_F_RECORD)
		marks_count(dp, c, flow);
}

/*
 * The program and flow_end() keep the counts of live flows; a daemon killed between clearing a flag and counting it off
 * leaves one too many. While flows come and go the sweep's count differs by a few anyway, so a count is mended only if
 * it stood still over the sweep and was wrong by the same number several times running.
 */
static void mend(struct xlb_load *load, struct drift *d, uint32_t counted)
{
	uint32_t active = __atomic_load_n(&load->active, __ATOMIC_RELAXED);
	int32_t off = (int32_t)(active - counted);

	d->nr = active == d->began && off && off == d->last ? d->nr + 1 : 0;
	d->last = off;
	if (d->nr >= DRIFT_SWEEPS) {
		(void)__atomic_sub_fetch(&load->active, (uint32_t)off, __ATOMIC_RELAXED);
		d->nr = 0;
		d->last = 0;
	}
	d->began = __atomic_load_n(&load->active, __ATOMIC_RELAXED);
}

static void mend_all(struct dp *dp)
{
	struct sweep *s = dp->sweep;

	for (size_t i = 1; i < XLB_MAX_SERVERS; i++)
		mend(&dp->load[i], &s->srv_drift[i], s->last.srv_counted[i]);
	for (size_t i = 1; i < XLB_MAX_SERVICES; i++)
		mend(&dp->svc_load[i], &s->svc_drift[i], s->last.svc_counted[i]);
}

/* Next hops that two sweeps running found no flow of. */
static bool hop_is_free(const struct dp *dp, size_t i, const struct sweep_counts *before,
			const struct sweep_counts *last)
{
	return dp->nexthops[i].oif && !before->hop_referenced[i] && !last->hop_referenced[i];
}

/*
 * Clears next hops that nobody uses, once there are many: CPUs remember numbers until the epoch changes, and that makes
 * every flow ask anew.
 */
static void free_hops(struct dp *dp, const struct sweep_counts *before, const struct sweep_counts *last)
{
	size_t nr = 0;

	for (size_t i = 1; i < XLB_MAX_NEXTHOPS; i++)
		nr += hop_is_free(dp, i, before, last);
	if (nr < HOPS_TO_FREE)
		return;
	dp_hops_changed(dp);
	for (size_t i = 1; i < XLB_MAX_NEXTHOPS; i++)
		if (hop_is_free(dp, i, before, last)) /* oif and claim are one word */
			__atomic_store_n((uint32_t *)(void *)&dp->nexthops[i].oif, 0, __ATOMIC_RELEASE);
}

static void finish(struct dp *dp)
{
	struct sweep *s = dp->sweep;

	if (s->nr_done)
		free_hops(dp, &s->last, &s->now);
	s->last = s->now;
	memset(&s->now, 0, sizeof(s->now));
	s->cursor = 0;
	s->nr_done = s->nr_started++;
	mend_all(dp);
	marks_turn(dp);
	place_settle(dp);
	address_settle(dp);
	tracked_swept(dp);
}

bool dp_sweep(struct dp *dp, size_t max_slots)
{
	struct sweep *s = dp->sweep;
	size_t total = flow_nr_slots(dp), end = max_slots < total - s->cursor ? s->cursor + max_slots : total;
	uint32_t now = dp_now_tick(dp);
	struct flow flow;

	for (; s->cursor < end; s->cursor++) {
		struct xlb_flow_body *at = flow_read(dp, s->cursor, &flow);

		if (at && !end_if_expired(dp, at, &flow, now))
			count(dp, &s->now, &flow);
	}
	tracked_slice(dp);
	if (s->cursor < total)
		return false;
	finish(dp);
	return true;
}

static uint32_t active_of(const struct xlb_load *load)
{
	uint32_t active = __atomic_load_n(&load->active, __ATOMIC_RELAXED);

	return active <= INT32_MAX ? active : 0;
}

uint32_t dp_active_of_server(const struct dp *dp, uint16_t id)
{
	return id < XLB_MAX_SERVERS ? active_of(&dp->load[id]) : 0;
}

uint32_t dp_active_of_service(const struct dp *dp, uint16_t id)
{
	return id < XLB_MAX_SERVICES ? active_of(&dp->svc_load[id]) : 0;
}

bool dp_server_unreferenced(const struct dp *dp, uint16_t id)
{
	const struct sweep *s = dp->sweep;

	return id < XLB_MAX_SERVERS && s->nr_done && s->nr_done >= s->srv_from[id] && !s->last.srv_referenced[id] &&
	       !dp->mark_state.is_previous[id];
}

bool dp_service_unreferenced(const struct dp *dp, uint16_t id)
{
	const struct sweep *s = dp->sweep;

	return id < XLB_MAX_SERVICES && s->nr_done && s->nr_done >= s->svc_from[id] && !s->last.svc_referenced[id];
}

/* In the words of people: addresses and ports of both sides. */
static struct dp_flow describe(const struct dp *dp, const struct flow *flow, uint32_t idle_ticks)
{
	const struct xlb_server *srv = &dp->servers[flow->b.server];
	struct dp_flow out = {
		.client = words_get(flow->client, flow->family),
		.vip = words_get(flow->vip, flow->family),
		.client_port = ntohs(flow->cport),
		.vip_port = ntohs(flow->vport),
		.server_addr = words_get(srv->addr, srv->family),
		.server_port = ntohs(xlb_server_port(srv, flow->vport)),
		.source_port = ntohs(flow->b.sport),
		.server = flow->b.server,
		.service = flow->b.service,
		.proto = flow->b.proto,
		.state = xlb_flow_state(flow->b.word, flow->b.proto),
		.idle_ticks = idle_ticks,
	};

	out.source = srv->mode == XLB_MODE_FULLNAT ? words_get(srv->source, srv->family) : out.client;
	return out;
}

bool dp_flows_from(struct dp *dp, uint64_t *cursor, size_t max_slots, bool (*fn)(void *arg, const struct dp_flow *flow),
		   void *arg)
{
	size_t total = flow_nr_slots(dp), end;
	uint32_t now = dp_now_tick(dp);
	struct flow flow, peer;

	if (*cursor >= total)
		return false;
	end = max_slots < total - *cursor ? *cursor + max_slots : total;
	while (*cursor < end) {
		struct dp_flow out;
		uint32_t idle;

		if (!flow_read(dp, (*cursor)++, &flow) || flow_kind(&flow) != XLB_FLOW_REQUEST)
			continue;
		idle = xlb_flow_idle(flow.b.seen, now);
		if (idle && flow_peer(dp, &flow, &peer) && xlb_flow_idle(peer.b.seen, now) < idle)
			idle = xlb_flow_idle(peer.b.seen, now);
		out = describe(dp, &flow, idle);
		if (!fn(arg, &out))
			break;
	}
	return *cursor < total;
}

size_t dp_kill_matching(struct dp *dp, bool (*match)(void *arg, const struct dp_flow *flow), void *arg)
{
	size_t total = flow_nr_slots(dp), nr = 0;
	struct flow flow, peer_copy;

	for (size_t i = 0; i < total; i++) {
		struct xlb_flow_body *at = flow_read(dp, i, &flow), *peer;
		struct dp_flow out;

		if (!at || flow_kind(&flow) != XLB_FLOW_REQUEST)
			continue;
		out = describe(dp, &flow, 0);
		if (!match(arg, &out))
			continue;
		peer = flow_peer(dp, &flow, &peer_copy);
		if (!flow_end(dp, at, &flow))
			continue;
		if (peer)
			(void)flow_end(dp, peer, &peer_copy);
		nr++;
	}
	return nr;
}

size_t dp_kill_flows(struct dp *dp, uint16_t server)
{
	size_t total = flow_nr_slots(dp), nr = 0;
	struct flow flow;

	for (size_t i = 0; i < total; i++) {
		struct xlb_flow_body *at = flow_read(dp, i, &flow);

		if (at && flow.b.server == server && flow_end(dp, at, &flow))
			nr += flow_kind(&flow) == XLB_FLOW_REQUEST;
	}
	return nr;
}
