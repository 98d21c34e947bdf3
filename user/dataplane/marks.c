/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables of backends in XLB_ALG_MAGLEV, written slot by slot, and the life of the marks that keep flows where they are
 * (struct xlb_ring in xlb/backend.h; model/slot.h has the rules).
 *
 * A mark is young until every flow from before it has spoken or is dead: as long as the longest idle time of the
 * services that use the backend. How old a mark is only this process knows; after a restart it counts as new, which
 * costs lookups and nothing else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_priv.h"
#include "model/slot.h"

enum { NR_ENTRIES = XLB_RING_VALUES * XLB_RING_WAYS, MARGIN_TICKS = 2 };

static bool is_stateless(const struct xlb_backend *be)
{
	return be->flags & XLB_BE_STATELESS && XLB_RING_ALG(be->ring) == XLB_ALG_MAGLEV;
}

/* The area lies in the map: what pinned tables say is not trusted. */
static bool ring_fits(uint64_t ring)
{
	struct ring_area area = ring_area_of(ring);

	return area.first < XLB_RING_VALUES && area.nr <= XLB_RING_VALUES - area.first;
}

static struct slot load_slot(const struct dp *dp, uint32_t first, size_t i)
{
	return (struct slot){ .word = *ring_entry(dp->ring, first, i), .previous = *ring_entry(dp->marks, first, i) };
}

/* The previous server before the word that makes packets look for it. */
static void store_slot(struct dp *dp, uint32_t first, size_t i, struct slot s)
{
	__atomic_store_n(ring_entry(dp->marks, first, i), s.previous, __ATOMIC_RELEASE);
	__atomic_store_n(ring_entry(dp->ring, first, i), s.word, __ATOMIC_RELEASE);
}

static uint32_t *since_of(struct dp *dp, uint32_t first, size_t i)
{
	return &dp->mark_state.since[(size_t)first * XLB_RING_WAYS + i];
}

void marks_note(struct dp *dp, uint16_t backend)
{
	const struct xlb_backend *be = &dp->backends[backend];
	uint32_t first = XLB_RING_FIRST(be->ring);

	dp->mark_state.marked[backend] = false;
	if (!is_stateless(be) || !ring_fits(be->ring))
		return;
	for (size_t i = 0; i < XLB_RING_LEN(be->ring); i++)
		if (*ring_entry(dp->ring, first, i) & XLB_SLOT_MARK)
			dp->mark_state.marked[backend] = true;
}

int marks_init(struct dp *dp)
{
	uint32_t now = dp_now_tick(dp);

	dp->mark_state.since = calloc(NR_ENTRIES, sizeof(*dp->mark_state.since));
	if (!dp->mark_state.since)
		return -ENOMEM;
	for (uint32_t id = 1; id < XLB_MAX_BACKENDS && dp->adopted; id++) {
		uint64_t ring = dp->backends[id].ring;

		marks_note(dp, (uint16_t)id);
		for (size_t i = 0; dp->mark_state.marked[id] && i < XLB_RING_LEN(ring); i++) {
			struct slot s = load_slot(dp, XLB_RING_FIRST(ring), i);

			*since_of(dp, XLB_RING_FIRST(ring), i) = slot_is_young(s) ? now : 1;
		}
	}
	return 0;
}

void marks_fini(struct dp *dp)
{
	free(dp->mark_state.since);
	dp->mark_state.since = NULL;
}

void marks_change(struct dp *dp, uint16_t backend, const struct image_ring *ring, bool stateless, uint32_t now)
{
	const struct xlb_backend *be = &dp->backends[backend];
	bool was_stateless = is_stateless(be);
	uint32_t first = XLB_RING_FIRST(be->ring);

	for (size_t i = 0; i < ring->len; i++) {
		struct slot s = load_slot(dp, first, i), to = { .word = ring->ids[i] };

		if (stateless)
			to = was_stateless ? slot_change(s, ring->ids[i]) : slot_unknown(ring->ids[i], slot_server(s));
		if (slot_is_young(to) && !slot_is_young(s))
			*since_of(dp, first, i) = now;
		if (slot_is_young(to))
			dp->mark_state.marked[backend] = true;
		if (to.word != s.word || to.previous != s.previous)
			store_slot(dp, first, i, to);
	}
}

/* The server that flows of slot 'i' of 'len' had in a table of another length: that of most of them. */
static uint16_t server_in(const struct dp *dp, uint64_t was, size_t i, size_t len, uint16_t otherwise)
{
	size_t at = (2 * i + 1) * XLB_RING_LEN(was) / (2 * len);

	if (XLB_RING_ALG(was) != XLB_ALG_MAGLEV || !XLB_RING_LEN(was) || !ring_fits(was))
		return otherwise;
	return *ring_entry(dp->ring, XLB_RING_FIRST(was), at) & XLB_SLOT_SERVER;
}

void marks_fill(struct dp *dp, struct ring_area area, const struct image_ring *ring, bool stateless, uint64_t was,
		uint32_t now)
{
	for (size_t i = 0; i < (size_t)area.nr * XLB_RING_WAYS; i++) {
		struct slot s = { 0 };

		if (i < ring->len)
			s.word = ring->ids[i];
		if (i < ring->len && stateless && was)
			s = slot_unknown(ring->ids[i], server_in(dp, was, i, ring->len, ring->ids[i]));
		*since_of(dp, area.first, i) = now;
		store_slot(dp, area.first, i, s);
	}
}

void marks_count(const struct dp *dp, struct sweep_counts *c, const struct flow *flow)
{
	uint16_t backend = dp->services[flow->b.service].backend;
	const struct xlb_backend *be = &dp->backends[backend % XLB_MAX_BACKENDS];
	uint64_t ring = be->ring;
	uint32_t hash, pos, ports = xlb_port_word(flow->cport, flow->vport);
	size_t entry;

	if (!is_stateless(be) || !ring_fits(ring) || !XLB_RING_LEN(ring))
		return;
	hash = flow->family == 4 ? xlb_select_hash4(be, flow->client[0], flow->vip[0], ports) :
				   xlb_select_hash6(be, flow->client, flow->vip, ports);
	pos = xlb_select_pos(hash, XLB_RING_LEN(ring));
	if ((*ring_entry(dp->ring, XLB_RING_FIRST(ring), pos) & XLB_SLOT_SERVER) == flow->b.server)
		return;
	entry = (size_t)XLB_RING_FIRST(ring) * XLB_RING_WAYS + pos;
	c->disagrees[entry / 64] |= 1ull << entry % 64;
}

/* The longest that a flow of the backend may be silent. */
static uint32_t longest_idle(const struct dp *dp, uint16_t backend)
{
	uint32_t most = 0;

	for (size_t i = 1; i < XLB_MAX_SERVICES; i++) {
		if (dp->services[i].backend != backend)
			continue;
		for (int state = 0; state < XLB_NR_STATES; state++)
			if (dp->services[i].timeout[state] > most)
				most = dp->services[i].timeout[state];
	}
	return most;
}

/* What the end of a sweep changes of one slot. True: it still has a mark. */
static bool turn_slot(struct dp *dp, uint32_t first, size_t i, uint32_t now, uint32_t idle)
{
	struct slot s = load_slot(dp, first, i), to = s;
	size_t entry = (size_t)first * XLB_RING_WAYS + i;
	const struct sweep *sweep = dp->sweep;
	uint32_t *since = since_of(dp, first, i);

	if (slot_is_young(s) && now - *since > idle + MARGIN_TICKS) {
		to = slot_age(s);
		*since = (uint32_t)sweep->nr_started; /* the sweep that begins now is the first to see all records */
	} else if (slot_is_old(s) && (int32_t)(sweep->nr_done - *since) >= 0 &&
		   !(sweep->last.disagrees[entry / 64] >> entry % 64 & 1)) {
		to = slot_settle(s);
	}
	if (to.word != s.word)
		store_slot(dp, first, i, to);
	if (slot_is_young(to))
		dp->mark_state.is_previous[to.previous % XLB_MAX_SERVERS] = true;
	return to.word & XLB_SLOT_MARK;
}

void marks_turn(struct dp *dp)
{
	uint32_t now = dp_now_tick(dp);

	memset(dp->mark_state.is_previous, 0, sizeof(dp->mark_state.is_previous));
	for (uint32_t id = 1; id < XLB_MAX_BACKENDS; id++) {
		uint64_t ring = dp->backends[id].ring;
		bool marked = false;
		uint32_t idle;

		if (!dp->mark_state.marked[id])
			continue;
		idle = longest_idle(dp, (uint16_t)id);
		for (size_t i = 0; i < XLB_RING_LEN(ring); i++)
			marked |= turn_slot(dp, XLB_RING_FIRST(ring), i, now, idle);
		dp->mark_state.marked[id] = marked;
	}
}
