/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters. Written by the program only, per CPU, hence without atomics: XDP runs in softirq, which does not
 * interrupt itself on one CPU. The daemon adds up the CPUs and keeps a baseline where a user clears counters.
 *
 * All that a CPU counts is one record, a value of the array map xlb_cpus, which the daemon maps into its memory: a
 * packet looks its CPU's record up once, where three maps of the kind "per CPU" were three lookups (measured: 2 ns of a
 * packet's 25).
 */
#ifndef XLB_STATS_H
#define XLB_STATS_H

#include <xlb/abi.h>

/* Of one service or one server. Bytes are the Ethernet header and the IP
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

/* Tokens for packets that the program makes itself (answer.bpf.h). */
struct xlb_limit {
	__u64 jiffies; /* of the last refill */
	__u64 tokens;
};

enum { XLB_REASON_SLOTS = 64 }; /* room for enum xlb_reason, a power of two */

/* What one CPU counts; key: its number. */
struct xlb_cpu {
	__u64 reasons[XLB_REASON_SLOTS]; /* packets by enum xlb_reason */
	struct xlb_limit answers __attribute__((aligned(XLB_LINE)));
	struct xlb_stats services[XLB_MAX_SERVICES] __attribute__((aligned(XLB_LINE)));
	/*
	 * A line on, so that no line of 'services' that packets write has the low 12 bits of its address in common with
	 * one of 'servers': processors compare just these when a load follows a store, and wait where they are equal.
	 */
	__u64 pad[XLB_LINE / 8];
	struct xlb_stats servers[XLB_MAX_SERVERS];
	__u64 pad2[XLB_LINE / 8];
};

_Static_assert(sizeof(struct xlb_cpu) % XLB_LINE == 0, "CPUs share no cache line");
_Static_assert(sizeof(struct xlb_stats) == 2 * XLB_LINE, "counters are two cache lines, packets write the first");

#endif
