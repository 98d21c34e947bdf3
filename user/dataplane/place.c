/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room in xlb_tables.returns and xlb_tables.ranges. What changes is written to a place of its own, and the place that
 * is left rests until the flow tables have been swept once more: no packet can be reading it then.
 *
 * Ways back that are wanted no more stay as long as flows have their server: the answers of that server would pass by
 * untranslated otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_priv.h"

static void note_return(struct places *p, uint16_t service)
{
	if (service & XLB_VIP_RETURN)
		p->return_used[(service & ~XLB_VIP_RETURN) % XLB_MAX_RETURNS] = true;
}

void place_recover(struct dp *dp)
{
	struct places *p = &dp->places;

	p->return_used[0] = p->range_used[0] = true;
	for (size_t i = 0; i < XLB_VIP_BUCKETS; i++)
		for (size_t w = 0; w < XLB_VIP_WAYS; w++)
			if (dp->vips[i].way[w].proto)
				note_return(p, dp->vips[i].way[w].service);
	for (size_t i = 0; i < XLB_ADDR_SLOTS; i++) {
		uint32_t first = dp->addrs[i].first_range, nr = dp->addrs[i].family ? dp->addrs[i].nr_ranges : 0;

		for (uint32_t r = first; r < first + nr && r < XLB_MAX_RANGES; r++) {
			p->range_used[r] = true;
			if (dp->ranges[r].proto)
				note_return(p, dp->ranges[r].service);
		}
	}
}

/* First of 'nr' free ones side by side in [from, to), or 0. */
static uint32_t find_run(const bool *used, uint32_t from, uint32_t to, uint32_t nr)
{
	uint32_t run = 0;

	for (uint32_t i = from; i < to; i++) {
		run = used[i] ? 0 : run + 1;
		if (run == nr)
			return i + 1 - nr;
	}
	return 0;
}

static uint32_t find_place(const bool *used, uint16_t next, uint32_t cap, uint32_t nr)
{
	uint32_t at = find_run(used, next > 1 ? next : 1, cap, nr);

	return at ? at : find_run(used, 1, cap, nr);
}

/* Runs lie scattered: twice what is asked for must be free, so that each finds its place. */
bool place_has_room(const struct dp *dp, size_t nr_returns, size_t nr_ranges)
{
	size_t returns = 0, ranges = 0, run = 0;

	for (size_t i = 1; i < XLB_MAX_RETURNS; i++)
		returns += !dp->places.return_used[i];
	for (size_t i = 1; i < XLB_MAX_RANGES; i++) {
		run = dp->places.range_used[i] ? 0 : run + 1;
		ranges += run > XLB_ADDR_RANGES; /* of a gap, what is left when one run did not fit at its end */
	}
	return returns >= nr_returns && (!nr_ranges || ranges >= nr_ranges);
}

uint16_t place_return(struct dp *dp, const struct xlb_return *rec)
{
	struct places *p = &dp->places;
	uint32_t at = find_place(p->return_used, p->next_return, XLB_MAX_RETURNS, 1);

	if (!at)
		return 0;
	p->return_used[at] = true;
	p->next_return = (uint16_t)(at + 1);
	record_store(&dp->returns[at], rec, sizeof(*rec));
	return (uint16_t)at;
}

void place_free_return(struct dp *dp, uint16_t number)
{
	if (number && number < XLB_MAX_RETURNS)
		dp->places.return_freed[number] = true;
}

static bool in_run(const struct dp *dp, struct ring_area run, const struct xlb_range *range)
{
	for (uint32_t i = run.first; i < run.first + run.nr && i < XLB_MAX_RANGES; i++)
		if (dp->ranges[i].proto == range->proto && dp->ranges[i].lo <= range->lo &&
		    dp->ranges[i].hi >= range->hi)
			return true;
	return false;
}

static void write_range(struct dp *dp, uint32_t at, const struct image_range *range)
{
	struct xlb_range rec = range->rec;

	if (rec.service & XLB_VIP_RETURN)
		rec.service = XLB_VIP_RETURN | place_return(dp, &range->ret);
	record_store(&dp->ranges[at], &rec, sizeof(rec));
}

uint16_t place_ranges(struct dp *dp, const struct image_range *ranges, size_t nr, size_t len, struct ring_area old)
{
	static const struct xlb_range none;
	struct places *p = &dp->places;
	uint32_t at = find_place(p->range_used, p->next_range, XLB_MAX_RANGES, (uint32_t)len), end = at;

	if (!at)
		return 0;
	for (size_t i = 0; i < len; i++)
		p->range_used[at + i] = true;
	p->next_range = (uint16_t)(at + len);
	for (int again = 1; again >= 0; again--)
		for (size_t i = 0; i < nr; i++)
			if (in_run(dp, old, &ranges[i].rec) == again)
				write_range(dp, end++, &ranges[i]);
	for (; end < at + len; end++)
		record_store(&dp->ranges[end], &none, sizeof(none));
	/* The tail is only read while the change is being made. */
	for (size_t i = nr; i < len; i++)
		p->range_freed[at + i] = true;
	return (uint16_t)at;
}

void place_free_ranges(struct dp *dp, struct ring_area run)
{
	for (uint32_t i = run.first; i < run.first + run.nr && i < XLB_MAX_RANGES; i++) {
		dp->places.range_freed[i] = true;
		if (dp->ranges[i].proto && dp->ranges[i].service & XLB_VIP_RETURN)
			place_free_return(dp, dp->ranges[i].service & ~XLB_VIP_RETURN);
	}
}

int place_reserve(struct dp *dp, size_t nr)
{
	struct places *p = &dp->places;
	size_t cap = p->nr_lingering + nr;
	struct lingering *list;

	if (cap <= p->cap_lingering)
		return 0;
	list = reallocarray(p->lingering, cap * 2, sizeof(*list));
	if (!list)
		return -ENOMEM;
	p->lingering = list;
	p->cap_lingering = cap * 2;
	return 0;
}

void place_linger(struct dp *dp, const struct xlb_vip *vip, uint16_t server)
{
	struct places *p = &dp->places;

	if (p->nr_lingering < p->cap_lingering)
		p->lingering[p->nr_lingering++] =
			(struct lingering){ .vip = *vip, .server = server, .sweep_from = dp->sweep->nr_started + 1 };
}

void place_unlinger(struct dp *dp, const struct xlb_vip *vip)
{
	struct places *p = &dp->places;

	for (size_t i = 0; i < p->nr_lingering; i++) {
		if (!vip_is(&p->lingering[i].vip, vip))
			continue;
		p->lingering[i] = p->lingering[--p->nr_lingering];
		return;
	}
}

static bool is_over(const struct dp *dp, const struct lingering *l)
{
	const struct sweep *s = dp->sweep;

	return s->nr_done >= l->sweep_from && !s->last.srv_referenced[l->server] &&
	       !dp->mark_state.is_previous[l->server];
}

static void end_lingering(struct dp *dp)
{
	struct places *p = &dp->places;
	size_t kept = 0;

	for (size_t i = 0; i < p->nr_lingering; i++) {
		struct lingering *l = &p->lingering[i];
		const struct xlb_vip *way;

		if (!is_over(dp, l)) {
			p->lingering[kept++] = *l;
			continue;
		}
		way = table_vip_find(dp->vips, dp->meta.secrets, &l->vip);
		if (way && way->service & XLB_VIP_RETURN)
			place_free_return(dp, way->service & ~XLB_VIP_RETURN);
		table_vip_del(dp->vips, dp->meta.secrets, &l->vip);
	}
	p->nr_lingering = kept;
}

/* What was freed before the last sweep ended has rested; what is freed now rests until the next. */
void place_settle(struct dp *dp)
{
	static const struct xlb_return no_return;
	static const struct xlb_range no_range;
	struct places *p = &dp->places;

	for (size_t i = 1; i < XLB_MAX_RETURNS; i++) {
		if (!p->return_freed[i])
			continue;
		record_store(&dp->returns[i], &no_return, sizeof(no_return));
		p->return_used[i] = p->return_freed[i] = false;
	}
	for (size_t i = 1; i < XLB_MAX_RANGES; i++) {
		if (!p->range_freed[i])
			continue;
		record_store(&dp->ranges[i], &no_range, sizeof(no_range));
		p->range_used[i] = p->range_freed[i] = false;
	}
	end_lingering(dp);
}
