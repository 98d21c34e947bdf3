/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules at layer 4: which new flows a frontend takes, counts and refuses, and which backend gets them. The form that
 * the program runs (policy.bpf.h); user/model/policy.h has what they mean, user/model/image_policy.c makes the one of
 * the other.
 *
 * A test of addresses or ports is an atom, a bit of a word: one longest-prefix match for each of source, destination
 * and the two ports tells all atoms that are true. Rows of rules ask for some of them and against others, one row after
 * the other, and lead forward only.
 *
 * A policy never changes: another one is written under a number that is free, and the service's number is switched by
 * one store.
 */
#ifndef XLB_POLICY_H
#define XLB_POLICY_H

#include <xlb/abi.h>

enum {
	XLB_MAX_POLICIES = 512,	 /* index 0 is never used; half of them are for the next configuration */
	XLB_POLICY_ROWS = 128,	 /* rows of one policy, the last one included */
	XLB_POLICY_COUNTERS = 3, /* sc0, sc1, sc2 */
};

/* What xlb_policy.fields says: the policy has networks or ports of it, so that a lookup is of use. */
enum {
	XLB_FIELD_SRC = 1u << 0,
	XLB_FIELD_DST = 1u << 1,
	XLB_FIELD_SPORT = 1u << 2,
	XLB_FIELD_DPORT = 1u << 3,
};

/* Head of a policy; its rows are xlb_tables.rules[number * XLB_POLICY_ROWS .. + nr_rows - 1]. */
struct xlb_policy {
	__u64 identity; /* hash of all that it says, networks included; 0: the number is free */
	__u16 nr_rows;
	__u8 fields; /* XLB_FIELD_* */
	__u8 pad[5];
};

/*
 * Key of the longest-prefix tries, the inner maps of xlb_policy_nets, one per policy. The value is a word of 64 bits,
 * the atoms that are true for all that the prefix covers.
 */
struct xlb_policy_key {
	__u32 prefixlen; /* bits of 'kind' and 'data' that count: 32 and more */
	__u8 kind[4];	 /* XLB_FIELD_*, then 4 or 6 (addresses) or 0 (ports), then zeroes */
	__be32 data[4];	 /* an address, or a port in the first two bytes, in network byte order; the rest 0 */
};

enum { XLB_POLICY_KIND_BITS = 32 };

enum xlb_rule_op {
	XLB_RULE_GO,	 /* nothing; goes to row 'next' */
	XLB_RULE_TAKE,	 /* the end: the flow belongs to backend 'arg' */
	XLB_RULE_REJECT, /* the end: TCP gets a reset, UDP an ICMP port unreachable */
	XLB_RULE_DROP,	 /* the end, without an answer */
	XLB_RULE_COUNT,	 /* sets or clears atom 'atom' by a counter */
	XLB_RULE_TRACK,	 /* counter 'counter' counts the flow in stick table 'arg'; the first such row counts */
	XLB_RULE_GPC0,	 /* adds one to gpc0 of what 'counter' tracks */
};

/* Of XLB_RULE_COUNT: which number of the stick table's entry. */
enum xlb_rule_field {
	XLB_COUNT_CONN_CNT,
	XLB_COUNT_CONN_CUR,
	XLB_COUNT_CONN_RATE,
	XLB_COUNT_GPC0,
	XLB_COUNT_GPC0_RATE,
};

enum {
	XLB_RULE_FIRST = 1u << 0, /* COUNT: the first of the atom, which is false until one of its rows makes it true */
	XLB_RULE_DST = 1u << 1,	  /* TRACK: by destination address, not source */
	XLB_RULE_BY_SRC = 1u << 2, /* COUNT: of the source in table 'arg', tracked or not */
	XLB_RULE_ANY_TABLE =
		1u << 4, /* COUNT: in the table that 'counter' tracks; else its key is looked up in 'arg' */
};

/* A row: what is done if all atoms of 'want' are true and none of 'never'; else the next row is looked at. */
struct xlb_rule {
	__u64 want, never;
	__u8 op;      /* enum xlb_rule_op */
	__u8 next;    /* GO, TRACK, GPC0: the row to go on with, behind this one */
	__u8 counter; /* 0 .. XLB_POLICY_COUNTERS - 1 */
	__u8 field;   /* enum xlb_rule_field */
	__u8 atom;    /* 0 .. 63 */
	__u8 flags;   /* XLB_RULE_* */
	__u16 arg;
	__u32 lo, hi; /* COUNT: true from lo to hi, both included */
};

_Static_assert(sizeof(struct xlb_policy) == 16, "four policies are one cache line");
_Static_assert(sizeof(struct xlb_rule) == 32, "two rows are one cache line");
_Static_assert(sizeof(struct xlb_policy_key) == 24, "a key has no hidden bytes");

#endif
