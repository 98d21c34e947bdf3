/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * STATE_DIR/server-state: what operators set and checks found, in HAProxy's server-state format, so that a restart
 * keeps it.
 */
#ifndef XLBD_STATEFILE_H
#define XLBD_STATEFILE_H

#include "xlbd/state.h"

struct statefile;

int statefile_start(struct state *st, struct statefile **ret);
/* Writes what is not written yet and stops. NULL is fine. */
void statefile_stop(struct statefile *f);

/*
 * Enters the file's contents into 'm': maintenance, drain and weight always, health only 'with_health'. A missing file
 * is fine; one that is damaged is ignored as a whole, with a warning.
 */
void statefile_load(const struct paths *paths, struct model *m, bool with_health, struct diag_list *diags);

/* Something that the file holds has changed: it is written within a second. */
void statefile_touch(struct statefile *f);

#endif
