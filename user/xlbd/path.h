/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* '#@xlb check via-path': the way in which traffic for the balanced address gets to a server. */
#ifndef XLBD_PATH_H
#define XLBD_PATH_H

#include "health/health.h"
#include "xlbd/state.h"

/*
 * Enters the balanced address into 'c' when probes of the server shall take the path of traffic, and that is another
 * than the way to the server's own address: in l2dsr and ipip, unless the file says otherwise or the check does more
 * than connect. Else nothing changes.
 */
void path_choose(const struct model *m, const struct server *s, struct check_conf *c);

/* As health_ops.path(): what the tables in force say of the server. */
int path_to_server(const struct state *st, const struct server *s, const struct addr *vip, struct health_path *ret);

#endif
