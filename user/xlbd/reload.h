/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reload as a transaction: the new configuration is in force as a whole, or nothing has changed. */
#ifndef XLBD_RELOAD_H
#define XLBD_RELOAD_H

#include "model/delta.h"
#include "xlbd/state.h"

struct conf_verdicts;

/* Reads the files that the daemon was started with, or the default ones. As conf_load(); 'verdicts' may be NULL. */
int reload_read(const struct options *opt, struct diag_list *diags, struct conf_verdicts *verdicts, struct model **ret);

/*
 * Reads the configuration again and puts it in force. The last message in 'diags' says what the running system did.
 * 0, -EINVAL (the files), -ENOSPC, -ENOMEM, ... with the running configuration unchanged.
 */
int reload_run(struct state *st, struct diag_list *diags);

/*
 * Reads the configuration and tells what reload_run() would change, without changing anything; what only the network or
 * a full table could refuse is not found. Returns as that does, with the last message in the same place.
 */
int reload_plan(struct state *st, struct delta *ret, struct diag_list *diags);

#endif
