/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stands before the program under test: fills the headroom with 0xff, which the kernel hands out zeroed, so that a
 * header field that was never written shows. 'pass' makes a veth ready to be the interface that test packets come by.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum { POISONED = 64 }; /* more than the largest outer header */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} model_target SEC(".maps");

SEC("xdp.frags")
int poison(struct xdp_md *ctx)
{
	void *data;

	if (bpf_xdp_adjust_head(ctx, -POISONED))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + POISONED > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memset(data, 0xff, POISONED);
	if (bpf_xdp_adjust_head(ctx, POISONED))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &model_target, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
