/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Control sockets: the instance's own, and every 'stats socket' of the configuration. */
#ifndef XLBD_CONTROL_H
#define XLBD_CONTROL_H

#include "xlbd/state.h"

struct control;

/* Opens the instance's socket. 0 or -errno with a message. */
int control_start(struct state *st, struct diag_list *diags, struct control **ret);
void control_stop(struct control *c); /* NULL is fine */

/* Opens and closes 'stats socket's as 'm' says. One that cannot be opened is a warning: traffic goes on without. */
void control_sync(struct control *c, const struct model *m, struct diag_list *diags);

#endif
