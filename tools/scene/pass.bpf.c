/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lets everything pass. Runs on the switch's side of the balancer's cable in the lab: a veth hands a frame that came
 * by XDP_TX to its peer only if the peer runs an XDP program too (Linux 5.x to 6.18). A real NIC needs nothing of this.
 * With frags, so that the cable takes any MTU.
 */
#include <linux/bpf.h>

__attribute__((section("xdp.frags"), used)) int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

__attribute__((section("license"), used)) static char pass_license[] = "Dual BSD/GPL";
