/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room in table ring. A changed ring is always written to a place of its own and published by one store; the place
 * it leaves rests for a second, so that a packet under way never reads another backend's servers.
 *
 * What is in use is read from the table of backends, the only truth; only the resting areas are kept here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/dp_priv.h"

/* A packet is done within microseconds. When room is short a fiftieth of a second must do. */
static const uint64_t rest_ns = 1000000000ull, short_rest_ns = 20000000ull;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void mark(bool *used, uint32_t first, uint32_t nr)
{
	if (first < XLB_RING_VALUES && nr <= XLB_RING_VALUES - first)
		memset(used + first, true, nr * sizeof(*used));
}

/* Marks areas in use and those freed less than 'rest' ago. */
static void mark_all(const struct dp *dp, bool *used, uint64_t rest)
{
	uint64_t now = now_ns();

	memset(used, 0, XLB_RING_VALUES * sizeof(*used));
	for (size_t i = 0; i < XLB_MAX_BACKENDS; i++) {
		struct ring_area area = ring_area_of(dp->backends[i].ring);

		mark(used, area.first, area.nr);
	}
	for (size_t i = 0; i < dp->rings.nr_freed; i++) {
		const struct ring_freed *f = &dp->rings.freed[i];

		if (now - f->since_ns < rest)
			mark(used, f->area.first, f->area.nr);
	}
}

/* First run of 'nr' free values in [from, to), or XLB_RING_VALUES. */
static uint32_t find_run(const bool *used, uint32_t from, uint32_t to, uint32_t nr)
{
	uint32_t run = 0;

	for (uint32_t i = from; i < to; i++) {
		run = used[i] ? 0 : run + 1;
		if (run == nr)
			return i + 1 - nr;
	}
	return XLB_RING_VALUES;
}

static int place_all(bool *used, uint32_t *next, const size_t *lens, size_t nr, struct ring_area *areas)
{
	for (size_t i = 0; i < nr; i++) {
		uint32_t values = ring_values(lens[i]), first = 0;

		if (values) {
			first = find_run(used, *next, XLB_RING_VALUES, values);
			if (first == XLB_RING_VALUES)
				first = find_run(used, 0, XLB_RING_VALUES, values);
			if (first == XLB_RING_VALUES)
				return -ENOSPC;
			mark(used, first, values);
			*next = first + values;
		}
		areas[i] = (struct ring_area){ .first = first, .nr = values };
	}
	return 0;
}

int ring_place(struct dp *dp, const size_t *lens, size_t nr, struct ring_area *ret)
{
	struct ring_area *areas = calloc(nr + 1, sizeof(*areas));
	bool *used = calloc(XLB_RING_VALUES, sizeof(*used));
	uint32_t next = dp->rings.next;
	int err = -ENOMEM;

	if (areas && used) {
		mark_all(dp, used, rest_ns);
		err = place_all(used, &next, lens, nr, areas);
		if (err == -ENOSPC) {
			mark_all(dp, used, short_rest_ns);
			next = 0;
			err = place_all(used, &next, lens, nr, areas);
		}
	}
	if (!err) {
		memcpy(ret, areas, nr * sizeof(*areas));
		dp->rings.next = next;
	}
	free(used);
	free(areas);
	return err;
}

/* Forgets what has rested long enough. */
static void drop_rested(struct ring_alloc *r, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->nr_freed; i++)
		if (now - r->freed[i].since_ns < rest_ns)
			r->freed[kept++] = r->freed[i];
	r->nr_freed = kept;
}

int ring_reserve(struct dp *dp, size_t nr)
{
	struct ring_alloc *r = &dp->rings;
	struct ring_freed *freed;
	size_t cap;

	drop_rested(r, now_ns());
	cap = r->nr_freed + nr;
	if (cap <= r->cap_freed)
		return 0;
	freed = reallocarray(r->freed, cap * 2, sizeof(*freed));
	if (!freed)
		return -ENOMEM;
	r->freed = freed;
	r->cap_freed = cap * 2;
	return 0;
}

void ring_release(struct dp *dp, struct ring_area area)
{
	struct ring_alloc *r = &dp->rings;

	if (area.nr && r->nr_freed < r->cap_freed)
		r->freed[r->nr_freed++] = (struct ring_freed){ .area = area, .since_ns = now_ns() };
}
