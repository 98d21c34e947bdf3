/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Promises of the flow table, checked around a packet; see invariants.c. */
#ifndef TESTS_MODEL_INVARIANTS_H
#define TESTS_MODEL_INVARIANTS_H

#include "prog.h"

enum {
	INVARIANT_BUCKETS = 1, /* of each family */
	INVARIANT_SLOTS = INVARIANT_BUCKETS * XLB_BUCKET_LINES * (XLB_FLOW4_WAYS + XLB_FLOW6_WAYS),
};

/* The table as it was before the packet. */
struct invariants {
	struct xlb_bucket4 flows[INVARIANT_BUCKETS];
	struct xlb_bucket6 flows6[INVARIANT_BUCKETS];
	uint64_t sum; /* of all reasons */
};

void invariants_before(struct invariants *inv, const struct prog *p);

/* The promise that packet 'f' broke, or NULL. 'now' is the tick. */
const char *invariants_after(const struct invariants *inv, const struct prog *p, const struct m_config *c,
			     const struct frame *f, uint32_t now);

#endif
