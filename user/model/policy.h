/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules at layer 4: which new flows a frontend takes, counts, refuses, and which backend gets them. HAProxy's 'acl',
 * 'tcp-request connection', 'tcp-request session' and 'use_backend ... if' (configuration manual, sections 4.2 and 7).
 *
 * Two forms of the same: the rules as the file has them, which policy_eval() follows word by word, and the program that
 * policy_compile() makes of them for a data plane with longest-prefix-match tries. Both are pure, and a test holds them
 * against each other.
 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <xlb/policy.h>

#include "base/addr.h"
#include "model/balance.h"

struct backend;
struct frontend;

/* Leading 'bits' of an address; the others are 0. */
struct cidr {
	struct addr addr;
	uint8_t bits;
};

bool cidr_contains(const struct cidr *net, const struct addr *a);
/* By family, address and length: a network comes before those inside of it. */
int cidr_cmp(const struct cidr *a, const struct cidr *b);
/* "10.0.0.0/8", "10.0.0.0/255.0.0.0", "10.0.0.1", "fd00::/8"; host bits are cleared. 0, -EINVAL. */
int cidr_parse(const char *text, struct cidr *ret);

/* Both inclusive. */
struct num_range {
	uint64_t lo, hi;
};

/* Patterns of one 'acl' line, or of one file behind '-f', which all lines that name it share. Edited at run time. */
struct acl_set {
	TAILQ_ENTRY(acl_set) next;
	unsigned int id;  /* "#id" of runtime commands: from 0 in the order of the files, as HAProxy counts them */
	char *file;	  /* behind '-f', or NULL: the words of the line */
	char *fetch;	  /* of the words of a line: what it looks at, as the line says it, or NULL */
	char *where;	  /* "file:line" of the first line that names it */
	char *where_more; /* of the others, as 'show acl' writes them, or NULL */
	bool numeric;	  /* 'ranges' counts, else 'nets' */
	struct cidr *nets;
	struct cidr *in_order; /* of acl_set_in_order() alone */
	struct num_range *ranges;
	size_t nr;   /* of nets, or of ranges */
	bool in_use; /* some frontend of the model refers to it */
	/* Of runtime commands: versions that are being written, 'id' is their number, the youngest first. */
	unsigned int curr_ver, next_ver;
	struct acl_set *prepared, *older;
	struct acl_set *base; /* what the files say, when a command has changed it since; else NULL */
};

TAILQ_HEAD(acl_set_list, acl_set);

/* The 'nr' networks in the order of cidr_cmp(), good until the set changes; NULL: no memory, or there are none. */
const struct cidr *acl_set_in_order(struct acl_set *set);

/* Appends patterns; -EINVAL if the set has the other kind, -ENOMEM. */
int acl_set_add_net(struct acl_set *set, const struct cidr *net);
int acl_set_add_range(struct acl_set *set, struct num_range range);
/* Removes all equal to it. Returns how many. */
size_t acl_set_del_net(struct acl_set *set, const struct cidr *net);
size_t acl_set_del_range(struct acl_set *set, struct num_range range);
void acl_set_clear(struct acl_set *set);
/* Have they the same patterns in the same order? */
bool acl_set_equal(const struct acl_set *a, const struct acl_set *b);
/* A set with the same patterns, or NULL: out of memory. */
struct acl_set *acl_set_copy(const struct acl_set *set);
/* Exchanges the patterns of two sets of one kind. */
void acl_set_swap(struct acl_set *a, struct acl_set *b);

enum { ACL_PATTERN_MAX = ADDR_TEXT_MAX + 8, ACL_SET_NAME_MAX = 512 };

/* As it would be written: a single address or number without its length or end, an open range without its bound. */
const char *acl_set_text(const struct acl_set *set, size_t i, char buf[ACL_PATTERN_MAX]);
/* Appends the pattern of a text: 0, -EINVAL if it is none of the set's kind, -ENOMEM. */
int acl_set_add_text(struct acl_set *set, const char *text);
/* Removes all equal to it. Returns how many. */
size_t acl_set_del_text(struct acl_set *set, const char *text);

/*
 * Calls 'fn' for each pattern that commands have added or removed since the files were read: the i-th of 'of'. 0, or
 * -ENOMEM, then for none or not for all.
 */
int acl_set_changes(const struct acl_set *set, void (*fn)(void *arg, const struct acl_set *of, size_t i, bool added),
		    void *arg);
/*
 * By which a set is known again when the files are read anew, without blanks: the file of its patterns, or its number,
 * what it looks at, and a hash of what the line says. In 'buf' or elsewhere.
 */
const char *acl_set_name(const struct acl_set *set, char buf[ACL_SET_NAME_MAX]);

/* What a test looks at. */
enum acl_field {
	ACL_TRUE, /* constants TRUE and FALSE */
	ACL_FALSE,
	ACL_SRC,
	ACL_DST,
	ACL_SRC_PORT,
	ACL_DST_PORT,
	ACL_CONN_CNT, /* counters of a table, from here ... */
	ACL_CONN_CUR,
	ACL_CONN_RATE,
	ACL_GPC0,
	ACL_GPC0_RATE, /* ... to here */
	ACL_NBSRV,     /* usable servers of 'backend' */
};

static inline bool acl_field_is_counter(enum acl_field f)
{
	return f >= ACL_CONN_CNT && f <= ACL_GPC0_RATE;
}

enum { POLICY_COUNTERS = XLB_POLICY_COUNTERS }; /* sc0, sc1, sc2 */

/* An 'acl' line: true if the field's value is in one of the sets. */
struct acl_test {
	TAILQ_ENTRY(acl_test) next;
	enum acl_field field;
	struct acl_set **sets;
	size_t nr_sets;
	/*
	 * Of counters. With 'tracked' the entry is the one that 'track-scN' with N = 'counter' chose, and without such
	 * a rule the test is false; else the source address is looked up in 'table', and counts 0 if it is not there.
	 */
	bool tracked;
	unsigned int counter;
	const struct stick_table *table; /* NULL with 'tracked': whichever the rule chose */
	const struct backend *backend;	 /* of ACL_NBSRV */
};

TAILQ_HEAD(acl_test_list, acl_test);

/* All lines of one name, or an anonymous one: true if one of its tests is. */
struct acl {
	TAILQ_ENTRY(acl) next;
	char *name; /* NULL: anonymous */
	struct acl_test_list tests;
};

TAILQ_HEAD(acl_list, acl);

struct policy_term {
	const struct acl *acl;
	bool negated;
};

/* Terms in the order of the file; 'starts_or' begins the next alternative. Without terms: always. */
struct policy_cond {
	struct policy_term *terms;
	bool *starts_or;
	size_t nr;
	bool unless; /* true when none of the alternatives is */
};

enum policy_action {
	RULE_ACCEPT,   /* no further rule of its kind */
	RULE_REJECT,   /* TCP gets a reset */
	RULE_DROP,     /* 'silent-drop': nothing is answered */
	RULE_TRACK,    /* counter 'counter' counts the flow in 'table', by source or destination */
	RULE_INC_GPC0, /* adds one to gpc0 of the entry that 'counter' tracks */
};

/* 'tcp-request connection' lines come first, then those of 'tcp-request session'. */
struct policy_rule {
	TAILQ_ENTRY(policy_rule) next;
	enum policy_action action;
	bool session;
	struct policy_cond cond;
	unsigned int counter;
	const struct stick_table *table;
	bool by_dst;
	unsigned int line;
};

TAILQ_HEAD(policy_rule_list, policy_rule);

/* 'use_backend NAME if ...' */
struct policy_route {
	TAILQ_ENTRY(policy_route) next;
	struct policy_cond cond;
	struct backend *backend;
	unsigned int line;
};

TAILQ_HEAD(policy_route_list, policy_route);

/* A new flow. Ports in host byte order. */
struct policy_packet {
	struct addr src, dst;
	uint16_t src_port, dst_port;
};

/* The counters of tables, as the rules use them. */
struct policy_counters {
	void *arg;
	/* Makes an entry for 'key' if there is none, and counts a connection: conn_cnt, conn_cur, conn_rate. */
	void (*track)(void *arg, const struct stick_table *t, const struct addr *key);
	/* The value of 'field'; 0 without an entry. */
	uint64_t (*get)(void *arg, const struct stick_table *t, const struct addr *key, enum acl_field field);
	void (*inc_gpc0)(void *arg, const struct stick_table *t, const struct addr *key);
	unsigned int (*nbsrv)(void *arg, const struct backend *b);
};

/*
 * The key of an address in a table: an IPv4 address in a table of IPv6 keys is mapped (RFC 4291, 2.5.5.2), as HAProxy
 * does it. False: an IPv6 address has no key in a table of IPv4 ones.
 */
bool policy_key(const struct stick_table *t, const struct addr *a, struct addr *ret);

enum policy_verdict { POLICY_TAKE, POLICY_REJECT, POLICY_DROP };

/*
 * What becomes of a new flow: the rules in their order, then the routes, of which the first that is true wins, and
 * else f->backend. 'ret' is set with POLICY_TAKE only, and may be NULL. Who tracked a flow that is refused has to count
 * it out of conn_cur again, as the end of its connection does in HAProxy.
 */
enum policy_verdict policy_eval(const struct frontend *f, const struct policy_packet *pkt,
				const struct policy_counters *c, struct backend **ret);

/* --- compiled ----------------------------------------------------------------------------------------------------- */

enum { POLICY_ATOMS_MAX = 64 };

/*
 * A network and the atoms that are true for all addresses in it: those of the networks around it are included, so that
 * one longest-prefix match answers for all.
 */
struct policy_prefix {
	struct cidr net;
	uint64_t atoms;
};

/* Ports for which these atoms are true. Sorted, without overlap; a port outside of all has none. */
struct policy_ports {
	uint16_t lo, hi;
	uint64_t atoms;
};

/* An atom whose truth is a counter's. */
struct policy_count {
	uint64_t atom; /* one bit */
	const struct acl_test *test;
};

/* Bits that must be set and bits that must not. An atom of a counter is looked at only when the others agree. */
struct policy_conj {
	uint64_t want, never;
};

enum policy_op {
	POLICY_OP_ACCEPT,
	POLICY_OP_REJECT,
	POLICY_OP_DROP,
	POLICY_OP_TRACK,
	POLICY_OP_INC_GPC0,
	POLICY_OP_ROUTE
};

/* One rule or route: done if one of its conjunctions is true (one without bits is), or with 'unless' if none is. */
struct policy_step {
	enum policy_op op;
	bool unless;
	size_t first, nr; /* of policy_program.conjs */
	unsigned int counter;
	const struct stick_table *table; /* of POLICY_OP_TRACK */
	bool by_dst;
	unsigned int line;	 /* of the file, for messages */
	size_t next;		 /* of POLICY_OP_ACCEPT: the step to go on with */
	struct backend *backend; /* of POLICY_OP_ROUTE */
};

struct policy_program {
	struct policy_prefix *src, *dst; /* sorted by cidr_cmp() */
	size_t nr_src, nr_dst;
	struct policy_ports *src_ports, *dst_ports;
	size_t nr_src_ports, nr_dst_ports;
	struct policy_count *counts;
	size_t nr_counts;
	struct policy_conj *conjs;
	size_t nr_conjs;
	struct policy_step *steps; /* rules, then routes */
	size_t nr_steps;
	struct backend *backend; /* when no route is true */
};

/*
 * Makes the program of a frontend. Constants and numbers of usable servers (by 'nbsrv') are folded in, so that it must
 * be made anew when those change. Returns 0, -E2BIG when there are more than POLICY_ATOMS_MAX different tests, -ENOMEM;
 * 'ret' is untouched on failure. The program points into the model.
 */
int policy_compile(const struct frontend *f, const struct policy_counters *c, struct policy_program **ret);
void policy_program_free(struct policy_program *prog); /* NULL is fine */

/* The same answer as policy_eval(), from the program. */
enum policy_verdict policy_run(const struct policy_program *prog, const struct policy_packet *pkt,
			       const struct policy_counters *c, struct backend **ret);

/* --- as the data plane runs it -------------------------------------------------------------------------------------
 */

/* Numbers of the data plane. */
struct policy_numbers {
	void *arg;
	uint16_t (*backend)(void *arg, const struct backend *b);
	uint16_t (*table)(void *arg, const struct stick_table *t);
};

/* A prefix of an address or a port, and the atoms that are true for all that it covers. */
struct policy_net {
	struct xlb_policy_key key;
	uint64_t atoms;
};

/*
 * The rows of a program, into 'ret', an array of XLB_POLICY_ROWS; the last one takes what no other has ended. Returns
 * 0, -E2BIG when they are more, -ENOMEM.
 */
int policy_rows(const struct policy_program *prog, const struct policy_numbers *numbers, struct xlb_rule *ret,
		size_t *ret_nr);

/* The prefixes of a program, none twice; an array for free(), NULL when there are none. Returns 0, -ENOMEM. */
int policy_nets(const struct policy_program *prog, struct policy_net **ret, size_t *ret_nr);

/*
 * What each counter tracks of flows of a family (AF_INET, AF_INET6), into 'ret', an array of POLICY_COUNTERS; NULL:
 * nothing. A flow remembers which counters track it, but not where, so that one counter has one table and one kind of
 * key: returns the first step that asks for another, or NULL.
 */
const struct policy_step *policy_tracks(const struct policy_program *prog, int family, const struct policy_step **ret);

/* --- making and freeing ------------------------------------------------------------------------------------------- */

/* Frees what it points to. */
void acl_set_free(struct acl_set *set);
void acl_free(struct acl *acl);
void policy_rule_free(struct policy_rule *r);
void policy_route_free(struct policy_route *r);

#endif
