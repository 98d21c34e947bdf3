/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Smooth weighted round robin, unrolled into one full turn.
 *
 * The plain algorithm looks at every server on every turn, which for thousands of servers of different weights costs
 * seconds. Servers of equal weight gain alike, so among themselves they simply take turns; only the next one of each
 * weight can be the richest. Looking at one candidate per distinct weight gives the same order at a cost that does not
 * depend on the number of servers.
 */
#include "model/schedule.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

/* Servers of one weight: members[first .. first + nr - 1] of the sorted order. */
struct group {
	long weight;
	size_t first, nr;
	size_t next; /* of the members: whose turn it is */
	long credit; /* of that member */
};

struct member {
	unsigned int weight;
	size_t pos; /* in the caller's arrays */
};

static unsigned int gcd(unsigned int a, unsigned int b)
{
	while (b) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The weights' greatest common divisor; 0 if all are 0. */
static unsigned int common_divisor(const unsigned int *weights, size_t nr)
{
	unsigned int div = 0;

	for (size_t i = 0; i < nr; i++)
		div = gcd(div, weights[i]);
	return div;
}

size_t schedule_length(const unsigned int *weights, size_t nr)
{
	unsigned int div = common_divisor(weights, nr);
	size_t sum = 0;

	for (size_t i = 0; div && i < nr; i++)
		sum += weights[i] / div;
	return sum;
}

static int member_cmp(const void *va, const void *vb)
{
	const struct member *a = va, *b = vb;

	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	return a->pos < b->pos ? -1 : a->pos > b->pos;
}

/* Fills 'members' sorted by weight, then position, without those of weight 0. Returns how many. */
static size_t sort_members(const unsigned int *weights, size_t nr, unsigned int div, struct member *members)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		if (weights[i])
			members[n++] = (struct member){ .weight = weights[i] / div, .pos = i };
	qsort(members, n, sizeof(*members), member_cmp);
	return n;
}

static size_t make_groups(const struct member *members, size_t nr, struct group *groups)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!i || members[i].weight != members[i - 1].weight)
			groups[n++] = (struct group){ .weight = members[i].weight, .first = i, .next = i };
		groups[n - 1].nr++;
	}
	return n;
}

/* All gain their weight; the richest, or the earliest of the richest, is taken. */
static struct group *richest(struct group *groups, size_t nr, const struct member *members)
{
	struct group *best = NULL;

	for (struct group *g = groups; g < groups + nr; g++) {
		g->credit += g->weight;
		if (!best || g->credit > best->credit ||
		    (g->credit == best->credit && members[g->next].pos < members[best->next].pos))
			best = g;
	}
	return best;
}

static void run_turns(struct group *groups, size_t nr_groups, const struct member *members, const uint16_t *ids,
		      uint16_t *ring, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct group *g = richest(groups, nr_groups, members);

		ring[i] = ids[members[g->next].pos];
		/* Within a group the credits differ only by what was paid: the next round begins when all have paid. */
		if (++g->next == g->first + g->nr) {
			g->next = g->first;
			g->credit -= (long)len;
		}
	}
}

int schedule_build(const unsigned int *weights, const uint16_t *ids, size_t nr, uint16_t *ring, size_t cap)
{
	size_t len = schedule_length(weights, nr);
	struct member *members;
	struct group *groups;
	size_t nr_members;
	int ret = -ENOMEM;

	if (len > cap || len > INT_MAX)
		return -ENOSPC;
	if (!len)
		return 0;
	members = calloc(nr, sizeof(*members));
	groups = calloc(nr, sizeof(*groups));
	if (!members || !groups)
		goto out;
	nr_members = sort_members(weights, nr, common_divisor(weights, nr), members);
	run_turns(groups, make_groups(members, nr_members, groups), members, ids, ring, len);
	ret = (int)len;
out:
	free(groups);
	free(members);
	return ret;
}
