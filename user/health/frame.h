/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets of checks that no socket could send: built from nothing, with all checksums. Pure. */
#ifndef HEALTH_FRAME_H
#define HEALTH_FRAME_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "health/health.h"

enum { FRAME_MAX = 128 };

/* The Internet checksum (RFC 1071) of 'len' bytes, in network order; 'sum': of what else it covers, in host order. */
__be16 frame_checksum(const unsigned char *data, size_t len, uint32_t sum);

/*
 * A TCP segment without data, with 'flags' (TH_*) and sequence number 'seq', from the path's source to the balanced
 * address, in the path's tunnel if it has one; a SYN carries the largest segment size. Returns its length from the IP
 * header on, 'ret_family' is that of the outermost.
 */
size_t frame_tcp(const struct health_path *path, uint8_t flags, uint32_t seq, unsigned char buf[FRAME_MAX],
		 int *ret_family);

/* What an answer says, 'data' from its IP header on. */
struct frame_answer {
	struct addr from;
	uint16_t from_port, to_port; /* host order */
	uint8_t flags;		     /* TH_* */
	uint32_t ack;
};

/* False: it is no TCP segment, or not all of its header is there. */
bool frame_read(const unsigned char *data, size_t len, struct frame_answer *ret);

#endif
