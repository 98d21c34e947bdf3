/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maglev tables. A server's order of slots is offset + i * skip modulo a prime length, which visits every slot once.
 *
 * Servers take turns, sorted by identity so that the order in a file does not matter. A weight is a share of turns: in
 * each round a server saves its weight and takes a slot for every 'heaviest' it has saved.
 *
 * Half of all tries fall to the last slots, which few servers hit upon: those are found by arithmetic. A bitmap tells
 * which slots are taken, since it stays in the cache where a table of a million slots does not.
 */
#include "model/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Primes below powers of two: an array value of 32 slots is wasted at most. */
static const uint32_t lengths[] = { 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287, 1048573 };

enum {
	NR_LENGTHS = sizeof(lengths) / sizeof(lengths[0]),
	RARE = 256,	       /* so few free slots are looked at one by one: the cost grows with the square */
	ROOM_FOR_TWICE = 2048, /* servers, above which a quarter is enough: a larger table is slower to make */
};

/* 16 bytes: all of them are read in each round. */
struct turn {
	uint32_t next, skip; /* the slot to try next, and how far it is to the one after */
	uint16_t id, weight;
	uint32_t saved;
};

struct fill {
	uint16_t *table;
	uint32_t len;
	uint64_t *taken;	      /* a bit for each slot */
	uint32_t nr_free, free[RARE]; /* the last slots, once there are no more than that */
};

uint32_t maglev_len_for(size_t nr_servers)
{
	size_t room = nr_servers > ROOM_FOR_TWICE ? nr_servers / 4 : nr_servers;
	size_t wanted = (nr_servers + room + 1) * MAGLEV_SLOTS_PER_SERVER;
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

static int server_cmp(const void *a, const void *b)
{
	const struct maglev_server *x = a, *y = b;

	return x->identity < y->identity ? -1 : x->identity > y->identity;
}

/* Makes the turns of those servers that take part, sorts 'servers'. Returns how many, and the greatest weight. */
static size_t prepare(struct maglev_server *servers, size_t nr, uint32_t len, struct turn *turns,
		      unsigned int *ret_heaviest)
{
	size_t n = 0;

	*ret_heaviest = 0;
	qsort(servers, nr, sizeof(*servers), server_cmp);
	for (size_t i = 0; i < nr; i++) {
		if (!servers[i].weight)
			continue;
		turns[n++] = (struct turn){
			.next = (uint32_t)(scramble(servers[i].identity) % len),
			.skip = (uint32_t)(scramble(servers[i].identity + 0x9e3779b97f4a7c15u) % (len - 1) + 1),
			.weight = servers[i].weight,
			.id = servers[i].id,
		};
		if (servers[i].weight > *ret_heaviest)
			*ret_heaviest = servers[i].weight;
	}
	return n;
}

static uint64_t is_taken(const struct fill *f, uint32_t at)
{
	return f->taken[at / 64] >> (at % 64) & 1;
}

/* 'skip' slots on, around the end. */
static uint32_t step(uint32_t at, uint32_t skip, uint32_t len)
{
	uint32_t to = at + skip;

	return to < len ? to : to - len;
}

/*
 * The first free slot in a server's order, tried in pairs: a try is an addition that waits for the one before, so two
 * rows of every other one take half the time.
 */
static uint32_t first_free(const struct fill *f, uint32_t at, uint32_t skip)
{
	uint32_t next = step(at, skip, f->len), two = step(skip, skip, f->len);

	while (is_taken(f, at) & is_taken(f, next)) {
		at = step(at, two, f->len);
		next = step(next, two, f->len);
	}
	return is_taken(f, at) ? next : at;
}

/* The first free slot in the server's order. */
static void take_slot(struct turn *t, struct fill *f)
{
	uint32_t at = first_free(f, t->next, t->skip);

	t->next = step(at, t->skip, f->len);
	f->taken[at / 64] |= 1ull << (at % 64);
	f->table[at] = t->id;
}

static void list_free(struct fill *f)
{
	for (uint32_t at = 0; at < f->len; at++)
		if (!is_taken(f, at))
			f->free[f->nr_free++] = at;
}

/* What gives 1 when multiplied by 'a' modulo the prime 'p', for 0 < a < p: Euclid's algorithm, extended. */
static uint64_t inverse(uint32_t a, uint32_t p)
{
	int64_t r = p, next_r = a, s = 0, next_s = 1;

	while (next_r) {
		int64_t q = r / next_r, rest = r - q * next_r, t = s - q * next_s;

		r = next_r;
		next_r = rest;
		s = next_s;
		next_s = t;
	}
	return (uint64_t)(s < 0 ? s + p : s);
}

/* The same slot as take_slot(), chosen from the list: of each, how many steps of 'skip' lead there. */
static void take_rare(struct turn *t, struct fill *f)
{
	uint64_t inv = inverse(t->skip, f->len), steps, fewest = UINT64_MAX;
	uint32_t which = 0;

	for (uint32_t i = 0; i < f->nr_free; i++) {
		steps = (uint64_t)(f->free[i] + f->len - t->next) * inv % f->len;
		if (steps < fewest) {
			fewest = steps;
			which = i;
		}
	}
	f->table[f->free[which]] = t->id;
	t->next = step(f->free[which], t->skip, f->len);
	f->free[which] = f->free[--f->nr_free];
}

static void fill(struct turn *turns, size_t nr, unsigned int heaviest, struct fill *f)
{
	uint32_t left = f->len;

	while (left) {
		for (struct turn *t = turns; t < turns + nr && left; t++) {
			t->saved += t->weight;
			if (t->saved < heaviest)
				continue;
			t->saved -= heaviest;
			if (left == RARE)
				list_free(f);
			if (left <= RARE)
				take_rare(t, f);
			else
				take_slot(t, f);
			left--;
		}
	}
}

int maglev_build(const struct maglev_server *servers, size_t nr, uint16_t *table, uint32_t len)
{
	struct maglev_server *sorted;
	struct fill f = { .table = table, .len = len };
	unsigned int heaviest;
	struct turn *turns;
	int err = -ENOMEM;
	size_t n;

	if (!is_length(len))
		return -EINVAL;
	sorted = calloc(nr + 1, sizeof(*sorted));
	turns = calloc(nr + 1, sizeof(*turns));
	f.taken = calloc(len / 64 + 1, sizeof(*f.taken));
	if (sorted && turns && f.taken) {
		memset(table, 0, len * sizeof(*table));
		if (nr)
			memcpy(sorted, servers, nr * sizeof(*servers));
		n = prepare(sorted, nr, len, turns, &heaviest);
		if (n)
			fill(turns, n, heaviest, &f);
		err = 0;
	}
	free(f.taken);
	free(turns);
	free(sorted);
	return err;
}
