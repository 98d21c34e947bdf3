/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * STATE_DIR/server-state: what operators set and checks found, in HAProxy's server-state format, so that a restart
 * keeps it.
 *
 * It is synced to the disk, which takes its time, half a second after a change. What a command has changed must outlive
 * this process as soon as the command is answered: so before the answer the same text is written to server-state.new,
 * which is not synced, and goes when the other has it. At start the younger of the two counts; after a loss of power
 * server-state.new may be damaged, then the other does.
 */
#ifndef XLBD_STATEFILE_H
#define XLBD_STATEFILE_H

#include "xlbd/state.h"

#define STATEFILE_NAME "server-state"
#define STATEFILE_NAME_NEW "server-state.new"

struct statefile;

int statefile_start(struct state *st, struct statefile **ret);
/* Writes what is not written yet and stops. NULL is fine. */
void statefile_stop(struct statefile *f);

/*
 * Enters into 'm' what files tell: its own, and those of 'server-state-file' and 'server-state-file-name' for backends
 * that say 'load-server-state-from-file'. Maintenance, drain, weight, disabled checks and changed addresses always;
 * health from its own file only 'with_health', since after an outage checks know better, from the others as in HAProxy.
 * Where they contradict, the youngest file counts. The same for frontends that a command disabled or limited. A missing
 * file is fine; one that is damaged is ignored as a whole, with a warning.
 */
void statefile_load(const struct paths *paths, struct model *m, bool with_health, uint64_t now_ms,
		    struct diag_list *diags);

/* Something that the file holds has changed: it is written within a second. NULL is fine. */
void statefile_touch(struct statefile *f);

/* What has changed is written here and now, unsynced. Costs nothing if nothing has changed. NULL is fine. */
void statefile_settle(struct statefile *f);

#endif
