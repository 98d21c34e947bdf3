/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One program beside one model: start both anew, change both, send both a packet and compare. */
#ifndef TESTS_MODEL_COMPARE_H
#define TESTS_MODEL_COMPARE_H

#include "prog.h"
#include "world.h"

struct test {
	struct prog prog;
	struct model model;
	uint64_t world_seed;
	struct step *steps;
	unsigned int nr_steps;
	bool careful;	    /* look at everything after each step */
	bool loud;	    /* say what differs */
	bool trace;	    /* and what each packet came to */
	bool usual_station; /* the last packet came from where clients come from */
};

/* Begins a sequence: the configuration of t->world_seed, no flows, counters at 0. */
void test_restart(struct test *t);

/* Reads the program's clock into t->prog.jiffies. */
void test_read_clock(struct test *t);

/* A change of the configuration, or time that passes, on both sides. */
void test_apply_event(struct test *t, const struct step *s);

/* Runs step 'i' on both; with 'last' looks at everything after it. True: they differ. */
bool test_step_differs(struct test *t, unsigned int i, bool last);

#endif
