/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The exits: count the packet under its reason and turn the reason into the kernel's verdict. No other file names an
 * XDP_* value. Counters are per CPU and need no atomics: softirq does not interrupt itself on one CPU.
 */
#ifndef XLB_ACCOUNT_BPF_H
#define XLB_ACCOUNT_BPF_H

#include "maps.bpf.h"
#include "packet.bpf.h"

/* Reasons by verdict, as bit sets made from the rows of reason.h. */
#define XLB_BIT_IF(name, verdict, wanted) | ((__u64)(XLB_V_##verdict == (wanted)) << XLB_R_##name)
#define XLB_BIT_PASS(name, verdict, expected, text, advice) XLB_BIT_IF(name, verdict, XLB_V_PASS)
#define XLB_BIT_SEND(name, verdict, expected, text, advice) XLB_BIT_IF(name, verdict, XLB_V_SEND)
static const __u64 pass_reasons = 0 XLB_REASONS(XLB_BIT_PASS);
static const __u64 send_reasons = 0 XLB_REASONS(XLB_BIT_SEND);

_Static_assert(XLB_R_MAX <= XLB_REASON_SLOTS, "verdicts of reasons are kept in 64-bit sets");

static __always_inline bool reason_passes(enum xlb_reason reason)
{
	return pass_reasons >> reason & 1;
}

/* The kernel's verdict. 'oif' is the interface number to send by; only looked at when the reason says so. */
static __always_inline int verdict_of(struct xdp_md *ctx, enum xlb_reason reason, __u32 oif)
{
	if (pass_reasons >> reason & 1)
		return XDP_PASS;
	if (!(send_reasons >> reason & 1))
		return XDP_DROP;
	if (READ_ONCE(xlb_tables.control.ifindex[oif % XLB_MAX_IFS]) == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&xlb_ports, oif, XDP_DROP);
}

static __always_inline int account(struct xdp_md *ctx, enum xlb_reason reason, __u32 oif)
{
	struct xlb_cpu *cpu = this_cpu();

	if (cpu)
		cpu->reasons[masked(reason, XLB_REASON_SLOTS)]++;
	return verdict_of(ctx, reason, oif);
}

#endif
