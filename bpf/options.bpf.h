/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IP options: skipped everywhere, looked at only for those that route by source.
 */
#ifndef XLB_OPTIONS_BPF_H
#define XLB_OPTIONS_BPF_H

#include "maps.bpf.h"
#include "packet.bpf.h"

/* Types of RFC 791, 3.1. */
enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_LSRR = 131, OPTION_SSRR = 137, IP_MAX_LEN = 60 };

/*
 * Does the IPv4 header, from pkt->l3 to pkt->l4, hold a source route? 1, or 0. An option that cannot be read counts as
 * one. The loop goes byte by byte, and not from option to option, so that all offsets are constants and the verifier
 * recognises the states that it has seen; where the next option begins is kept in memory, where it does not tell one
 * value from another.
 */
__noinline int xlb_source_route(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	const __u8 *ip = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct xlb_scratch *s = scratch();
	__u32 len, i;

	if (!pkt || !s)
		return 1;
	s->next_option = IP4_LEN;
	ip += pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX;
	len = pkt->l4 - pkt->l3;
	for (i = IP4_LEN; i < IP_MAX_LEN; i++) {
		if (i >= len)
			return 0;
		if (i < READ_ONCE(s->next_option))
			continue;
		if ((void *)(ip + i + 2) > end)
			return 1;
		if (ip[i] == OPTION_END)
			return 0;
		if (ip[i] == OPTION_LSRR || ip[i] == OPTION_SSRR)
			return 1;
		if (ip[i] == OPTION_NOP) {
			s->next_option = i + 1;
			continue;
		}
		if (i + 1 >= len || ip[i + 1] < 2)
			return 1;
		s->next_option = i + ip[i + 1];
	}
	return 0;
}

#endif
