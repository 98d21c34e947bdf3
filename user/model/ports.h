/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which source ports the balancer may use. Pure: the caller reads /proc and hands the numbers in. */
#ifndef MODEL_PORTS_H
#define MODEL_PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* Inclusive, host byte order. lo > hi: empty. */
struct port_range {
	uint16_t lo, hi;
};

bool port_ranges_overlap(struct port_range a, struct port_range b);

/*
 * The default source port range: the larger of the two parts of 1024..65535 that the host's ephemeral range leaves
 * (net.ipv4.ip_local_port_range). Empty when the host leaves nothing.
 */
struct port_range ports_default(struct port_range ephemeral);

/*
 * Is 'wanted' fit to be a source range? 0, -EINVAL if empty or below 1, -EADDRINUSE if it overlaps 'ephemeral'.
 */
int ports_check(struct port_range wanted, struct port_range ephemeral);

#endif
