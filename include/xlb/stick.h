/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Persistence by source address: the inner maps of xlb_sticks, one LRU hash per stick table, made by the daemon with
 * the size that the configuration gives. The program enters and refreshes; the daemon reads, and deletes by command.
 */
#ifndef XLB_STICK_H
#define XLB_STICK_H

#include <xlb/abi.h>

enum { XLB_MAX_STICKS = 64 }; /* stick tables; index 0 is never used */

struct xlb_stick_key {
	__be32 addr[4]; /* IPv4: in word 0, the others 0 */
};

struct xlb_stick {
	__u16 server; /* index into xlb_tables.servers */
	__u16 pad;
	__u32 tick; /* of the last new flow */
};

#endif
