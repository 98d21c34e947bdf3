/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One program under test with its front, and what a packet costs it.
 *
 * A measurement is a pair of test runs back to back, the front into the empty program and the front into the target;
 * the difference is the target's cost. The clock is the CPU time of this thread, so that time taken by other
 * processes does not count; caches they emptied do.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>

#include "target.h"

enum bench_path { PATH_REQUEST, PATH_REPLY, PATH_NEW, PATH_OTHER_ADDR, PATH_OTHER_PORT, NR_PATHS };

struct subject;

/* Loads 'target' and lets 'flows' flows be established through it. Every frame that it sends meanwhile is checked.
 * 0, -errno with a text on stderr. */
int subject_open(const struct scene *scene, const struct target *target, uint32_t flows, uint32_t capacity,
		 struct subject **ret);
void subject_close(struct subject *s);

/* Nanoseconds per packet of one round; what the target costs is the difference. */
struct cost {
	double base; /* of the front into the empty program */
	double raw;  /* of the front into the target */
};

/*
 * Measures one round of 'packets' on 'path'. In 'ret_wrong' how many of them did not do what the path is about (0 if
 * the target does not count). 0, -errno.
 */
int subject_measure(struct subject *s, enum bench_path path, uint32_t packets, struct cost *ret, uint64_t *ret_wrong);

const struct target *subject_target(const struct subject *s);

#endif
