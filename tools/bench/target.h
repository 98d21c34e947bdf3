/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program under test: how it is loaded with the scene of bench.h, and what it says it did with the packets. The
 * harness knows nothing else of it; all it learns of flows it learns from frames.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "scene.h"

/* Packets so far, all CPUs. */
struct target_counts {
	uint64_t passed;
	uint64_t sent;
	uint64_t other; /* dropped, or answered */
};

struct target {
	const char *name;
	bool has_flows; /* makes an entry per flow, so that a new flow means something */

	/* Loads the program and fills its tables, with room for 'flows' flows. 0, -errno. 'ret_self' is its own. */
	int (*open)(const struct scene *scene, uint32_t flows, void **ret_self, int *ret_prog_fd);
	/* 0, -errno, -EOPNOTSUPP if it does not count. */
	int (*counts)(void *self, struct target_counts *ret);
	void (*close)(void *self);
};

extern const struct target target_xlb;
extern const struct target target_yardstick;
extern const struct target target_bare;

/* Sums a per-CPU array map of 64-bit counters into 'ret'. 0, -errno. */
int sum_percpu(int map_fd, uint32_t nr, uint64_t *ret);

#endif
