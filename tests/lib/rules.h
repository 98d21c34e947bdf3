/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules at layer 4 for tests: counters as HAProxy keeps them, packets from texts, random rules. */
#ifndef TESTS_RULES_H
#define TESTS_RULES_H

#include "base/buf.h"
#include "model/model.h"
#include "model/policy.h"

enum { RULES_ENTRIES = 256 };

/* An entry of a stick table. Of a counter that never ends its period the rate is the number. */
struct rules_entry {
	const struct stick_table *table;
	struct addr key;
	uint64_t conns, gpc0;
};

struct rules_counters {
	struct rules_entry entries[RULES_ENTRIES];
	size_t nr;
	unsigned int up; /* usable servers of any backend */
};

/* Counters for policy_eval(), kept in 'c'. Of these nobody counts connections off again. */
struct policy_counters rules_counters_of(struct rules_counters *c);

/* "10.0.0.1-1234>10.9.9.9-80" */
struct policy_packet rules_packet(const char *text);

/* The verdict as a word: the backend's name, "nothing" without one, "reject", "drop". */
const char *rules_word(enum policy_verdict v, const struct backend *b);

/* A configuration, or NULL after its diagnostics have been printed. Everything in model/capability.h is in force. */
struct model *rules_load(const char *text);

unsigned int rules_pick(unsigned int n); /* 0 .. n - 1, by rand() */

/*
 * A frontend f with random rules, for packets of rules_random_packet(): its lines behind 'binds', which come first. It
 * names backends a, b, c, and d when no route is true.
 */
void rules_random(struct buf *out, const char *binds);
/* Destinations are 10.9.0.1 to 10.9.3.1, all ports 1 to 20. */
void rules_random_packet(char *buf, size_t cap);

#endif
