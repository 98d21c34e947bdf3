/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums. Numbers are 16-bit words as they lie in memory: one's complement sums do not depend on byte
 * order (RFC 1071, section 2 (B)).
 */
#ifndef XLB_CSUM_BPF_H
#define XLB_CSUM_BPF_H

#include "packet.bpf.h"

/* Of a sum below 2^47, that is, of 32768 words of 32 bits: then the third round leaves no carry. */
static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16); /* below 0x80010000 */
	sum = (sum & 0xffff) + (sum >> 16); /* below 0x18000 */
	return sum + (sum >> 16);
}

/*
 * What replacing the 32-bit word 'from' by 'to' adds to the complement of a checksum: ~m + m' of RFC 1624, equation 3.
 * Sums of several are folded once at the end.
 */
static __always_inline __u64 csum_change(__u32 from, __u32 to)
{
	return 0xffffffffull - from + to; /* ~m, so that the constants of a sum are one */
}

static __always_inline __u64 csum_addr_change(const __be32 *from, const __be32 *to, bool v6)
{
	__u64 sum = csum_change(from[0], to[0]);

	if (v6)
		sum += csum_change(from[1], to[1]) + csum_change(from[2], to[2]) + csum_change(from[3], to[3]);
	return sum;
}

/*
 * HC' = ~(~HC + delta). RFC 1624, equation 3; the form of RFC 1141 is wrong where the result is zero. A wrong
 * checksum stays wrong by the same amount: it is never made up anew. 'delta' is not folded yet.
 */
static __always_inline __u16 csum_apply(__u16 check, __u64 delta)
{
	return ~csum_fold(delta + (__u16)~check);
}

/* Sum of a whole address, for pseudo-headers. */
static __always_inline __u64 csum_addr(const __be32 *addr, bool v6)
{
	return v6 ? (__u64)addr[0] + addr[1] + addr[2] + addr[3] : addr[0];
}

/* Lowering the time to live by one, as a delta: the word of TTL and protocol falls by 0x0100 in network order. */
static __always_inline __u16 csum_ttl_step(void)
{
	return bpf_htons(0xfeff);
}

#endif
