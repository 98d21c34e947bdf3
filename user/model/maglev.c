/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maglev tables. A server's order of slots is offset + i * skip modulo a prime length, which visits every slot once.
 *
 * Servers take turns, sorted by identity so that the order in a file does not matter. A weight is a share of turns: in
 * each round a server saves its weight and takes a slot for every 'heaviest' it has saved.
 */
#include "model/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Primes below powers of two: an array value of 32 slots is wasted at most. */
static const uint32_t lengths[] = { 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287, 1048573 };

enum { NR_LENGTHS = sizeof(lengths) / sizeof(lengths[0]) };

struct turn {
	uint64_t identity;
	uint32_t next, skip; /* the slot to try next, and how far it is to the one after */
	unsigned int weight, saved;
	uint16_t id;
};

uint32_t maglev_len_for(size_t nr_servers)
{
	size_t wanted = (2 * nr_servers + 1) * MAGLEV_SLOTS_PER_SERVER;
	size_t i = 0;

	while (i < NR_LENGTHS - 1 && lengths[i] < wanted)
		i++;
	return lengths[i];
}

bool maglev_len_is_good(uint32_t len, size_t nr_servers)
{
	if (!len)
		return false;
	return len >= nr_servers * MAGLEV_SLOTS_LEAST || len == lengths[NR_LENGTHS - 1];
}

static bool is_length(uint32_t len)
{
	for (size_t i = 0; i < NR_LENGTHS; i++)
		if (lengths[i] == len)
			return true;
	return false;
}

/* The finalizer of splitmix64 (Steele et al., OOPSLA 2014): identities that differ in a bit differ in half of them. */
static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static int turn_cmp(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return x->identity < y->identity ? -1 : x->identity > y->identity;
}

/* Returns how many servers take part, and the greatest weight. */
static size_t prepare(const struct maglev_server *servers, size_t nr, uint32_t len, struct turn *turns,
		      unsigned int *ret_heaviest)
{
	size_t n = 0;

	*ret_heaviest = 0;
	for (size_t i = 0; i < nr; i++) {
		if (!servers[i].weight)
			continue;
		turns[n++] = (struct turn){
			.identity = servers[i].identity,
			.next = (uint32_t)(scramble(servers[i].identity) % len),
			.skip = (uint32_t)(scramble(servers[i].identity + 0x9e3779b97f4a7c15u) % (len - 1) + 1),
			.weight = servers[i].weight,
			.id = servers[i].id,
		};
		if (servers[i].weight > *ret_heaviest)
			*ret_heaviest = servers[i].weight;
	}
	qsort(turns, n, sizeof(*turns), turn_cmp);
	return n;
}

/* The first free slot in the server's order. */
static void take_slot(struct turn *t, uint16_t *table, uint32_t len)
{
	while (table[t->next]) {
		t->next += t->skip;
		if (t->next >= len)
			t->next -= len;
	}
	table[t->next] = t->id;
}

static void fill(struct turn *turns, size_t nr, unsigned int heaviest, uint16_t *table, uint32_t len)
{
	uint32_t left = len;

	while (left) {
		for (struct turn *t = turns; t < turns + nr && left; t++) {
			t->saved += t->weight;
			if (t->saved < heaviest)
				continue;
			t->saved -= heaviest;
			take_slot(t, table, len);
			left--;
		}
	}
}

int maglev_build(const struct maglev_server *servers, size_t nr, uint16_t *table, uint32_t len)
{
	struct turn *turns;
	unsigned int heaviest;
	size_t n;

	if (!is_length(len))
		return -EINVAL;
	turns = calloc(nr + 1, sizeof(*turns));
	if (!turns)
		return -ENOMEM;
	memset(table, 0, len * sizeof(*table));
	n = prepare(servers, nr, len, turns, &heaviest);
	if (n)
		fill(turns, n, heaviest, table, len);
	free(turns);
	return 0;
}
