/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rates, maxima and baselines of the data plane's counters, and the sweep of the flow table. */
#ifndef XLBD_COUNTERS_H
#define XLBD_COUNTERS_H

#include "protocol/runtime.h"
#include "xlbd/state.h"

struct counters;

int counters_start(struct state *st, struct counters **ret);
void counters_stop(struct counters *c); /* NULL is fine */

/* 'id' 0: all zero. */
void counters_server(struct counters *c, uint16_t id, struct runtime_counters *ret);
void counters_service(struct counters *c, uint16_t id, struct runtime_counters *ret);

/* Of the whole balancer: flows created, and their rate per second. */
void counters_total(struct counters *c, uint64_t *ret_connections, uint32_t *ret_rate, uint32_t *ret_rate_max);

/* Maxima start again from now; with 'all' everything counts from zero again. */
void counters_clear(struct counters *c, bool all);

#endif
