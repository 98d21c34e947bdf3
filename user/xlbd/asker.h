/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probes shared by all who ask the same: several backends often list one server, and checking it once for each would
 * only burden it. Two ask the same when address, port and the whole check, its times included, are equal.
 */
#ifndef XLBD_ASKER_H
#define XLBD_ASKER_H

#include "health/health.h"

struct askers;
struct ask; /* one who asks */

int askers_new(struct health *h, struct askers **ret);
void askers_free(struct askers *a); /* nobody asks any more; NULL is fine */

/*
 * Asks as health_start() does: 'delay_ms' counts only if nobody else asks the same yet. 'state' is the caller's, and
 * the caller must leave before it goes. 'ops' are called for each who asks; the shortest time that finished() returns
 * holds for all. Returns 0, -EINVAL or -ENOMEM.
 */
int asker_join(struct askers *a, const struct check_conf *conf, const struct check_state *state,
	       const struct addr *addr, uint16_t port, unsigned int delay_ms, const struct health_ops *ops, void *arg,
	       struct ask **ret);

/* No callback comes after this. NULL is fine. Not from a callback of another who asks the same. */
void asker_leave(struct ask *k);

/* The next question, if none is under way, comes after 'delay_ms' or as soon as it would have. */
void asker_hurry(struct ask *k, unsigned int delay_ms);

#endif
