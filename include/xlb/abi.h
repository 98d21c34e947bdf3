/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Version and fixed geometry of everything that crosses the kernel boundary.
 *
 * Included by the BPF program, the daemon, the tests and the benches; no other header of this folder may be
 * included by only one side. A change of any record here or in a neighbour is a change of XLB_ABI_VERSION, and a
 * daemon adopts only pins that carry its own version (struct xlb_meta).
 */
#ifndef XLB_ABI_H
#define XLB_ABI_H

#include <linux/types.h>

#define XLB_ABI_VERSION 8

enum {
	XLB_LINE = 64,		 /* bytes in a cache line, and in every hot record */
	XLB_MAX_SERVICES = 4096, /* index 0 is never used */
	XLB_MAX_BACKENDS = 4096, /* index 0 is never used */
	XLB_MAX_SERVERS = 8192,	 /* index 0 is never used; 13 bits, see struct xlb_ring */
	XLB_MAX_IFS = 16,	 /* attached interfaces; index 0 is never used */
	XLB_NR_SECRETS = 16,	 /* words of the random hash key */
};

/*
 * The one element of map xlb_meta: what a daemon must know about pins it did not make. Written once by the daemon
 * that created the maps, before the program is attached; never changed after.
 */
struct xlb_meta {
	__u32 abi_version; /* XLB_ABI_VERSION */
	__u32 nr_buckets;  /* buckets of xlb_flows */
	__u32 nr_buckets6; /* buckets of xlb_flows6 */
	__u32 tick_shift;  /* tick = jiffies >> tick_shift, see flow.h */
	__u32 hz;	   /* jiffies per second, measured */
	__u32 pad;
	__u64 created_ns;	       /* CLOCK_BOOTTIME when the maps were made: start of all counters */
	__u64 secrets[XLB_NR_SECRETS]; /* hash key, random, odd words */
};

/*
 * Member xlb_tables.control: what the daemon may change at run time. Written by the daemon through a
 * mapping, one aligned word at a time; read by the program.
 */
struct xlb_control {
	__u32 epoch;		    /* low 8 bits: count changes of next hops; a flow that carries another asks anew */
	__u32 idle_free;	    /* ticks that any established flow may be idle: the least of their timeouts */
	__u16 hot[2][2];	    /* IPv4, IPv6: slots of the addresses that most packets are for, looked at first */
	__u32 answers;		    /* not 0: a record of xlb_tables.addrs has XLB_ADDR_SERVER */
	__u32 ifindex[XLB_MAX_IFS]; /* interface number -> ifindex, 0 = free; also the keys of devmap xlb_ports */
	__u16 mtu[XLB_MAX_IFS];	    /* of the interface: largest IP packet */
};

#endif
