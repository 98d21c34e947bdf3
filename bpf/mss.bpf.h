/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'bind ... mss N': the largest segment that client and server may send each other, lowered in the option of both SYNs
 * (RFC 9293, 3.2). Raised never.
 */
#ifndef XLB_MSS_BPF_H
#define XLB_MSS_BPF_H

#include "csum.bpf.h"
#include "maps.bpf.h"

enum { TCP_OPTION_END = 0, TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2, TCP_OPTION_MSS_LEN = 4, TCP_MAX_LEN = 60 };

/*
 * Lowers the MSS option of the SYN at pkt->l4 to the service's. Goes byte by byte, as xlb_source_route() does and for
 * the same reason. Always 0.
 */
__noinline int xlb_mss(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	__u8 *tcp = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 next = TCP_MIN_LEN, l4, len, mss, old, i;
	struct xlb_service *svc;

	if (!pkt)
		return 0;
	svc = XLB_IN(services, pkt->service);
	l4 = pkt->l4;
	if (!svc->mss || l4 > L4_MAX)
		return 0;
	tcp += l4;
	if ((void *)(tcp + TCP_MIN_LEN) > end)
		return 0;
	len = tcp[12] >> 2 & 0x3c;
	for (i = TCP_MIN_LEN; i < TCP_MAX_LEN - TCP_OPTION_MSS_LEN + 1; i++) {
		if (i >= len || (void *)(tcp + i + TCP_OPTION_MSS_LEN) > end)
			return 0;
		if (i < next)
			continue;
		if (tcp[i] == TCP_OPTION_END)
			return 0;
		if (tcp[i] == TCP_OPTION_NOP) {
			next = i + 1;
			continue;
		}
		if (tcp[i] != TCP_OPTION_MSS || tcp[i + 1] != TCP_OPTION_MSS_LEN) {
			if (tcp[i + 1] < 2)
				return 0;
			next = i + tcp[i + 1];
			continue;
		}
		old = tcp[i + 2] << 8 | tcp[i + 3];
		mss = svc->mss;
		if (old <= mss)
			return 0;
		tcp[i + 2] = mss >> 8;
		tcp[i + 3] = mss;
		/* At an odd place the two bytes belong to two words of the sum, each in the other half. */
		if (i & 1) {
			old = (old << 8 | old >> 8) & 0xffff;
			mss = (mss << 8 | mss >> 8) & 0xffff;
		}
		((struct tcphdr *)tcp)->check =
			csum_apply(((struct tcphdr *)tcp)->check, (__u64)(__u16)~bpf_htons(old) + bpf_htons(mss));
		return 0;
	}
	return 0;
}

#endif
