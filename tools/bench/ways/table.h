/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One row of bench-ways: a configuration of the data plane, and how it is loaded with it straight into its tables,
 * without daemon and pins.
 */
#ifndef BENCH_WAYS_TABLE_H
#define BENCH_WAYS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <xlb/server.h>

struct way {
	const char *name;
	enum xlb_mode mode;
	bool v6;	    /* clients, services and servers */
	bool tunnel6;	    /* IPIP: outer header IPv6 whatever the inner one is */
	bool stateless;	    /* Maglev without state; else round robin */
	uint32_t marks;	    /* of all slots: XLB_SLOT_YOUNG or XLB_SLOT_OLD */
	uint32_t frontends; /* a power of two, spread over the flows */
	uint32_t servers;
	uint32_t flows;
	bool syn; /* measures packets that open a flow */
	/* Of the first service: rules that look at the source, the networks they name together, a counter per source.
	 */
	uint32_t rules, networks;
	bool tracked;
	double most_ns; /* the goal; 0: none */
};

struct loaded;

/* Loads the program for a row, frames coming by 'ifindex' with address 'mac'. 0, -errno. */
int way_load(const struct way *w, uint32_t ifindex, const uint8_t *mac, struct loaded **ret);
int way_prog_fd(const struct loaded *l);
/* Makes every flow of the table an established one, as its handshake would. */
void way_establish(struct loaded *l);
/* Packets that were sent to a server so far. */
uint64_t way_sent(const struct loaded *l);
void way_unload(struct loaded *l); /* NULL is fine */

/* A stride by which a walk meets each of 'nr' flows once, in scattered order; 0 for a single one. */
uint32_t ways_stride(uint32_t nr);

#endif
