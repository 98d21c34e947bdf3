/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules at layer 4 in a row of bench-ways. */
#ifndef BENCH_WAYS_RULES_H
#define BENCH_WAYS_RULES_H

#include "table.h"
#include "xlb.skel.h"

/* Gives the first service the rules of the row, if it has some. 0, -errno. */
int rules_put(struct xlb_bpf *skel, const struct way *w);

#endif
