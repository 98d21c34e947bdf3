/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the first fragment of a packet went: map xlb_frags, an LRU hash that only the program uses. Later fragments
 * carry no ports and follow it.
 */
#ifndef XLB_FRAGMENT_H
#define XLB_FRAGMENT_H

#include <xlb/abi.h>

enum {
	XLB_MAX_FRAGS = 8192,
	XLB_FRAG_SECONDS = 30, /* that a first fragment is remembered: Linux's own reassembly time */
};

/* RFC 791, 3.2 and RFC 8200, 4.5: what identifies a packet. */
struct xlb_frag_key {
	__be32 saddr[4];
	__be32 daddr[4];
	__u32 id;
	__u8 proto;
	__u8 family;
	__u16 pad;
};

struct xlb_frag {
	__be32 new_saddr[4];
	__be32 new_daddr[4];
	__u8 macs[12]; /* destination, then source */
	__u16 oif;
	__u16 server;
	__u16 service;
	__u8 mode;  /* enum xlb_mode */
	__u8 reply; /* from the server to the client */
	__u8 pass;  /* the first fragment was the host's */
	__u8 pad[3];
	__u32 tick;
};

#endif
