/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4): a
 * table whose slots servers fill in turn, each in an order of its own, so that a change of one server moves few slots
 * besides its own. Pure.
 */
#ifndef MODEL_MAGLEV_H
#define MODEL_MAGLEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MAGLEV_SLOTS_PER_SERVER = 100, /* at least, when a table is made: shares are then within about a per cent */
	MAGLEV_SLOTS_LEAST = 25,       /* a table is kept as long as it has that many */
};

struct maglev_server {
	uint64_t identity; /* decides its order of slots, and nothing else does */
	unsigned int weight;
	uint16_t id; /* what is written into the table */
};

/*
 * Length of a table for that many servers: a prime that leaves room to grow, to more than twice as many, or by a
 * quarter if they are thousands.
 */
uint32_t maglev_len_for(size_t nr_servers);

/* Is a table of this length still good for that many servers, or one of a new length better? */
bool maglev_len_is_good(uint32_t len, size_t nr_servers);

/*
 * Fills 'table', whose length 'len' is one of maglev_len_for(). Servers get slots in proportion to their weights; one
 * of weight 0 gets none, and without any other all slots are 0. The same servers give the same table on every host, in
 * whatever order they come. Returns 0, -EINVAL (another length), -ENOMEM; 'table' is untouched on failure.
 */
int maglev_build(const struct maglev_server *servers, size_t nr, uint16_t *table, uint32_t len);

#endif
