/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP listeners of the proxies that the daemon serves itself: stats page and metrics. */
#ifndef XLBD_PAGES_H
#define XLBD_PAGES_H

#include "xlbd/state.h"

struct pages;

int pages_start(struct state *st, struct pages **ret);
void pages_stop(struct pages *p); /* NULL is fine */

/* Opens and closes listeners as 'm' says. One that cannot be opened is a warning: traffic goes on without. */
void pages_sync(struct pages *p, const struct model *m, struct diag_list *diags);

#endif
