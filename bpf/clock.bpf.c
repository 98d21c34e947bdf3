// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Not attached anywhere: the daemon runs it to learn the kernel's jiffies, which flows are timed by.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

__u64 xlb_clock_jiffies;
__u64 xlb_clock_ktime_ns; /* CLOCK_MONOTONIC */

SEC("xdp")
int xlb_clock(struct xdp_md *ctx)
{
	xlb_clock_jiffies = bpf_jiffies64();
	xlb_clock_ktime_ns = bpf_ktime_get_ns();
	return XDP_PASS;
}
