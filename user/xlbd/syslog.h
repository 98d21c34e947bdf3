/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'log' targets of the configuration: a copy of the daemon's log lines, never waited for. */
#ifndef XLBD_SYSLOG_H
#define XLBD_SYSLOG_H

#include "model/model.h"

struct syslog;

/* Registers itself as the sink of base/log. 0 or -ENOMEM. */
int syslog_start(struct syslog **ret);
void syslog_stop(struct syslog *s); /* NULL is fine */

/* Takes the targets of 'm' instead of those it has. */
void syslog_sync(struct syslog *s, const struct model *m);

#endif
