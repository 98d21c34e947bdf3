/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last lines of the log, for who asks on a socket: `show events`. */
#ifndef XLBD_EVENTS_H
#define XLBD_EVENTS_H

#include <stdint.h>

struct events;

/* From here on log lines are kept; 0 or -ENOMEM. */
int events_start(struct events **ret);
void events_stop(struct events *e); /* NULL is fine */

/*
 * The first line after number *seq (lines count from 1), which becomes its own number; NULL: there is none yet.
 * *ret_lost: how many in between were overwritten. The text, "TIME level module: text", is valid until the next line is
 * logged.
 */
const char *events_next(const struct events *e, uint64_t *seq, uint64_t *ret_lost);

#endif
