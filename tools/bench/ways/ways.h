/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bench-ways and its front program share: where the packets of a row go. */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include <linux/types.h>

enum {
	/* TCP without data, 64 bytes on a wire by padding and checksum; an RST that answers it is not shorter. */
	WAYS_FRAME4 = 54,
	WAYS_FRAME6 = 74,
	WAYS_HEADROOM = 64, /* that a tunnel takes and the front gives back */
	WAYS_PORT = 80,
};

/* The n-th service's address is this plus n: IPv4 in host order, IPv6 in the last word of fd00::/96. */
#define WAYS_VIP 0x0a800000u
#define WAYS_CLIENT 0x0b000000u

struct ways_order {
	__u32 nr;	/* flows to walk over */
	__u32 step;	/* stride of the walk, without a common divisor with nr */
	__u32 at;	/* position */
	__u32 vip_mask; /* flow & mask = number of the service */
	__u8 tcp_flags;
	__u8 v6;
	__u8 dmac[6];
	__u8 smac[6];
};

/* 64 flows per client address. */
static inline __u32 ways_client(__u32 flow)
{
	return WAYS_CLIENT + (flow >> 6);
}

static inline __u16 ways_port(__u32 flow)
{
	return 1024 + (flow & 63) * 613;
}

#endif
