/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reload as a transaction: the new configuration is in force as a whole, or nothing has changed. */
#ifndef XLBD_RELOAD_H
#define XLBD_RELOAD_H

#include "xlbd/state.h"

struct conf_verdicts;

/* Reads the files that the daemon was started with, or the default ones. As conf_load(); 'verdicts' may be NULL. */
int reload_read(const struct options *opt, struct diag_list *diags, struct conf_verdicts *verdicts, struct model **ret);

/*
 * Reads the configuration again and puts it in force; 'dry_run': only reads it. The last message in 'diags' says what
 * the running system did. 0, -EINVAL (the files), -ENOSPC, -ENOMEM, ... with the running configuration unchanged.
 */
int reload_run(struct state *st, bool dry_run, struct diag_list *diags);

#endif
