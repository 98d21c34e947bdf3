/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands around the program under test in bench-pps: the generator's last step, which sends the frames that the
 * front program of bench-ways has written into the cable; the bare bounce, which is the limit of the set-up; the far
 * end, which counts.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 pps_out; /* ifindex of the cable's far end: what is sent there comes in at the near one */

__u64 pps_seen; /* written by one CPU: all of the bench stays on it */

SEC("xdp.frags")
int pps_send(struct xdp_md *ctx)
{
	return (int)bpf_redirect(pps_out, 0);
}

SEC("xdp.frags")
int pps_bounce(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 mac[ETH_ALEN];

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	return XDP_TX;
}

/* In front of the kernel's own way of forwarding. */
SEC("xdp.frags")
int pps_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int pps_far_end(struct xdp_md *ctx)
{
	pps_seen++;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
