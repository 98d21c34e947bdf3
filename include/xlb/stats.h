/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters. Written by the program only, per CPU, hence without atomics: XDP runs in softirq, which does not
 * interrupt itself on one CPU. The daemon adds up the CPUs and keeps a baseline where a user clears counters.
 */
#ifndef XLB_STATS_H
#define XLB_STATS_H

#include <xlb/abi.h>

/* Of one service (map xlb_svc_stats) or one server (map xlb_srv_stats). Bytes are the Ethernet header and the IP
 * packet, without padding. */
struct xlb_stats {
	__u64 packets_in; /* client to server */
	__u64 bytes_in;
	__u64 packets_out; /* server to client */
	__u64 bytes_out;
	__u64 connections;   /* flows created */
	__u64 refused;	     /* first packets that got no flow: no server, no port, no room */
	__u64 client_resets; /* flows on which the client sent a RST */
	__u64 server_resets;
};

_Static_assert(sizeof(struct xlb_stats) == XLB_LINE, "counters are one cache line");

#endif
