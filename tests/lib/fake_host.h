/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A daemon made of a small model and fixed numbers, for tests of the runtime protocol and the stats page. */
#ifndef TESTS_FAKE_HOST_H
#define TESTS_FAKE_HOST_H

#include "protocol/runtime.h"

enum { FAKE_ENTRIES = 8 };

struct fake_host {
	struct model *model;
	struct runtime_info info;
	uint64_t now_ms;
	int fail_with;	      /* what the next action returns; it says "it was told to fail" */
	unsigned int changes; /* calls of servers_changed */
	unsigned int kills, clears;
	bool cleared_all;
	char sent[64];	   /* what an agent is told */
	char attached[16]; /* the last interface attached */
	bool reloaded;
	char logged[256]; /* the last line for the log */
	unsigned int nr_flows;
	bool no_flows;	    /* servers have none */
	unsigned int known; /* enum runtime_known of all counters */
	uint64_t reasons[XLB_R_MAX];
	struct runtime_table_entry entries[FAKE_ENTRIES]; /* of every table */
	unsigned int nr_entries;
	unsigned int nr_events; /* "event 1" and so on; the first 5 are lost */
};

extern const struct runtime_host fake_host_ops;

/*
 * frontend web (id 1) on 0.0.0.0:8080 -> backend be (id 2): s1 10.0.0.1:80 check, s2 10.0.0.2:80 check weight 10,
 * s3 10.0.0.3:80, s4 10.0.0.4:80 backup disabled; listen ls (id 3) on 10.9.9.9:9000 with server a 10.0.0.5:90 check.
 */
void fake_host_init(struct fake_host *h);
void fake_host_fini(struct fake_host *h);

#endif
