/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that a packet may go through, one after the other, by tail calls. Each begins with an empty stack, which
 * is what they are split for, and one that is left is not returned to, which is cheaper than a call: a jump to a
 * constant place, since map and index are constants.
 *
 * What a program leaves to the next one lies in map xlb_scratch: all of them run on one CPU without a break.
 */
#ifndef XLB_STAGE_BPF_H
#define XLB_STAGE_BPF_H

#include "account.bpf.h"

enum xlb_stage { XLB_STAGE_HIT6, XLB_STAGE_SLOW4, XLB_STAGE_SLOW6, XLB_STAGE_OPEN4, XLB_STAGE_OPEN6, XLB_NR_STAGES };

int xlb_stage_hit6(struct xdp_md *ctx);
int xlb_stage_slow4(struct xdp_md *ctx);
int xlb_stage_slow6(struct xdp_md *ctx);
int xlb_stage_open4(struct xdp_md *ctx);
int xlb_stage_open6(struct xdp_md *ctx);

/* Filled by the loader. The kernel empties such a map when no user holds it any more: the daemon pins it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, XLB_NR_STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} xlb_stages SEC(".maps") = {
	.values = {
		[XLB_STAGE_HIT6] = (void *)&xlb_stage_hit6,
		[XLB_STAGE_SLOW4] = (void *)&xlb_stage_slow4,
		[XLB_STAGE_SLOW6] = (void *)&xlb_stage_slow6,
		[XLB_STAGE_OPEN4] = (void *)&xlb_stage_open4,
		[XLB_STAGE_OPEN6] = (void *)&xlb_stage_open6,
	},
};

/* Goes on in another program. Comes back only when that is missing, which the loader does not let happen. */
static __always_inline int stage_go(struct xdp_md *ctx, enum xlb_stage stage)
{
	bpf_tail_call(ctx, &xlb_stages, stage);
	return account(ctx, XLB_R_BUG, 0);
}

#endif
