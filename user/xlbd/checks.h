/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health checks of the model's servers, and everything that follows from a server's change: log lines, times, tables.
 */
#ifndef XLBD_CHECKS_H
#define XLBD_CHECKS_H

#include "xlbd/state.h"

struct checks;

int checks_start(struct state *st, struct checks **ret);
void checks_stop(struct checks *c); /* stops all probes; NULL is fine */

/*
 * Makes probes follow st->model: starts what is new, stops what is gone, in maintenance or switched off, and keeps the
 * rest running, also across a reload. Notices what changed by command and logs it. Called after every change of the
 * model or of run-time state that did not come from a probe.
 */
void checks_sync(struct checks *c);

/*
 * Traffic has told of a server with 'observe': 'nr_failed' connections did not come about since the last call, and
 * others did or not. To be called now and then, with what the data plane has counted.
 */
void checks_observe(struct checks *c, struct server *s, unsigned int nr_failed, bool any_passed);

/* Forgets a server that is about to be freed. */
void checks_forget(struct checks *c, const struct server *s);

#endif
