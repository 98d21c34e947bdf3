/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Source port ranges. A port is ours only if no socket of the host can be given it, so every range here is held
 * against the host's ephemeral range, which the caller read from net.ipv4.ip_local_port_range.
 */
#include "model/ports.h"

#include <errno.h>

enum { FIRST_UNPRIVILEGED = 1024, LAST_PORT = 65535 };

static bool range_is_empty(struct port_range r)
{
	return r.lo > r.hi;
}

bool port_ranges_overlap(struct port_range a, struct port_range b)
{
	if (range_is_empty(a) || range_is_empty(b))
		return false;
	return a.lo <= b.hi && b.lo <= a.hi;
}

struct port_range ports_default(struct port_range ephemeral)
{
	int below_hi, above_lo, below, above;

	if (range_is_empty(ephemeral))
		return (struct port_range){ FIRST_UNPRIVILEGED, LAST_PORT };
	below_hi = ephemeral.lo - 1;
	above_lo = ephemeral.hi + 1 > FIRST_UNPRIVILEGED ? ephemeral.hi + 1 : FIRST_UNPRIVILEGED;
	below = below_hi - FIRST_UNPRIVILEGED + 1;
	above = LAST_PORT - above_lo + 1;
	if (below <= 0 && above <= 0)
		return (struct port_range){ 1, 0 };
	if (below >= above)
		return (struct port_range){ FIRST_UNPRIVILEGED, (uint16_t)below_hi };
	return (struct port_range){ (uint16_t)above_lo, LAST_PORT };
}

int ports_check(struct port_range wanted, struct port_range ephemeral)
{
	if (range_is_empty(wanted) || wanted.lo < 1)
		return -EINVAL;
	return port_ranges_overlap(wanted, ephemeral) ? -EADDRINUSE : 0;
}
