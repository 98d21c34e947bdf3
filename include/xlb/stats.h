/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters. Written by the program only, per CPU, hence without atomics: XDP runs in softirq, which does not
 * interrupt itself on one CPU. The daemon adds up the CPUs and keeps a baseline where a user clears counters.
 */
#ifndef XLB_STATS_H
#define XLB_STATS_H

#include <xlb/abi.h>

/* Of one service (map xlb_svc_stats) or one server (map xlb_srv_stats). Bytes are the Ethernet header and the IP
 * packet as received, without padding. */
struct xlb_stats {
	__u64 packets_in; /* client to server */
	__u64 bytes_in;
	__u64 packets_out; /* server to client; stays 0 where the server answers directly */
	__u64 bytes_out;
	__u64 connections;   /* flows created; of a stateless backend, SYNs */
	__u64 refused;	     /* first packets that got no flow: no server, no port, no room, a limit, a rule */
	__u64 client_resets; /* flows on which the client sent a RST */
	__u64 server_resets;
	/* The line that slow paths write. */
	__u64 connect_ns; /* sum of times from SYN to SYN-ACK, of one in XLB_CONNECT_SAMPLE new flows */
	__u64 connect_nr; /* how many were measured */
	__u64 answered;	  /* flows whose SYN-ACK, or first UDP answer, was seen */
	__u64 unanswered; /* resets in answer to the SYN */
	__u64 moved;	  /* flows that left a dead server for another one */
	__u64 denied;	  /* of a service: those of 'refused' that a rule or its rate limit refused */
	__u64 pad[2];
};

enum { XLB_CONNECT_SAMPLE = 16 };

_Static_assert(sizeof(struct xlb_stats) == 2 * XLB_LINE, "counters are two cache lines, packets write the first");

#endif
