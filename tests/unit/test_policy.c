/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules at layer 4: what a file says, packet by packet, and the compiled form beside it. Every case is run through
 * both; random rules and packets hold them against each other once more.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "model/policy.h"
#include "../lib/rules.h"

/* What frontend f does with each packet of the list, both ways; the words joined by blanks. */
static void judge(const struct model *m, const char *const *packets, unsigned int up, struct buf *by_rules,
		  struct buf *by_program)
{
	const struct frontend *f = model_frontend_find(m, "f");
	struct rules_counters a = { .up = up }, b = { .up = up };
	struct policy_counters ca = rules_counters_of(&a), cb = rules_counters_of(&b);
	struct policy_program *prog = NULL;

	assert_non_null(f);
	assert_int_equal(policy_compile(f, &cb, &prog), 0);
	for (; *packets; packets++) {
		struct policy_packet pkt = rules_packet(*packets);
		struct backend *be = NULL, *bp = NULL;
		enum policy_verdict v = policy_eval(f, &pkt, &ca, &be);

		buf_printf(by_rules, "%s%s", by_rules->len ? " " : "", rules_word(v, be));
		v = policy_run(prog, &pkt, &cb, &bp);
		buf_printf(by_program, "%s%s", by_program->len ? " " : "", rules_word(v, bp));
	}
	policy_program_free(prog);
}

struct policy_case {
	const char *name;
	const char *rules; /* of frontend f on port 80, whose backend is d; backends a, b, c and a table t exist */
	const char *packets[10];
	const char *verdicts;
	unsigned int up;
};

#define A "10.1.2.3-1000>10.9.9.9-80"
#define B "192.168.1.1-2000>10.9.9.9-80"
#define C "10.1.2.3-1000>10.9.9.8-443"
#define LOCAL "127.0.0.1-5000>10.9.9.9-80"
#define SIX "fd00::1-1000>fd00::9-80"

static bool run_case(const struct policy_case *c)
{
	struct buf text = { 0 }, by_rules = { 0 }, by_program = { 0 };
	struct model *m;
	bool ok;

	buf_printf(&text,
		   "frontend f\n bind :80\n stick-table type ip size 1k store conn_rate(10s),conn_cur,conn_cnt,gpc0\n%s"
		   " default_backend d\nbackend a\nbackend b\nbackend c\nbackend d\nbackend t\n"
		   " stick-table type ip size 1k store conn_rate(1s),conn_cur,gpc0\n",
		   c->rules);
	m = rules_load(text.data);
	assert_non_null(m);
	judge(m, c->packets, c->up, &by_rules, &by_program);
	ok = !strcmp(by_rules.data, c->verdicts) && !strcmp(by_program.data, c->verdicts);
	if (!ok)
		print_error("case '%s':\nexpected %s\nrules    %s\nprogram  %s\n", c->name, c->verdicts, by_rules.data,
			    by_program.data);
	model_free(m);
	buf_fini(&text);
	buf_fini(&by_rules);
	buf_fini(&by_program);
	return ok;
}

#define RUN_POLICY(cases)                                                                                              \
	do {                                                                                                           \
		size_t i_, failed_ = 0;                                                                                \
		(void)state;                                                                                           \
		for (i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++)                                            \
			failed_ += !run_case(&(cases)[i_]);                                                            \
		assert_int_equal(failed_, 0);                                                                          \
	} while (0)

static void routes__by_addresses_and_ports__first_true_one_wins(void **state)
{
	static const struct policy_case cases[] = {
		{ "none", "", { A, B }, "d d", 0 },
		{ "by source", " use_backend a if { src 10.0.0.0/8 }\n", { A, B, LOCAL, SIX }, "a d d d", 0 },
		{ "by source of both families",
		  " use_backend a if { src 10.0.0.0/8 fd00::/8 }\n",
		  { A, B, SIX },
		  "a d a",
		  0 },
		{ "a mask with dots, a single address",
		  " use_backend a if { src 192.168.1.0/255.255.255.0 127.0.0.1 }\n",
		  { A, B, LOCAL },
		  "d a a",
		  0 },
		{ "everything", " use_backend a if { src 0.0.0.0/0 }\n", { A, SIX }, "a d", 0 },
		{ "by destination", " use_backend a if { dst 10.9.9.8 }\n", { A, C }, "d a", 0 },
		{ "by ports",
		  " use_backend a if { dst_port 443 }\n use_backend b if { src_port 1500: }\n",
		  { A, B, C },
		  "d b a",
		  0 },
		{ "ranges and operators",
		  " use_backend a if { src_port :999 }\n use_backend b if { src_port gt 1000 lt 1000 }\n"
		  " use_backend c if { src_port 1000:1000 }\n",
		  { A, B, "1.1.1.1-999>1.1.1.2-1" },
		  "c b a",
		  0 },
		{ "operators apply to all that follow",
		  " use_backend a if { dst_port ge 8000 9000 eq 80 }\n",
		  { A, C, "1.1.1.1-1>1.1.1.1-8000" },
		  "a d a",
		  0 },
		{ "the first of two",
		  " use_backend a if { src 10.0.0.0/8 }\n use_backend b if { src 10.1.0.0/16 }\n",
		  { A },
		  "a",
		  0 },
		{ "the longer network first",
		  " use_backend b if { src 10.1.0.0/16 }\n use_backend a if { src 10.0.0.0/8 }\n",
		  { A, "10.2.0.1-1>1.1.1.1-1" },
		  "b a",
		  0 },
		{ "one without condition ends the list",
		  " use_backend a if { src 10.0.0.0/8 }\n use_backend b\n use_backend c if { src 192.168.0.0/16 }\n",
		  { A, B },
		  "a b",
		  0 },
	};

	RUN_POLICY(cases);
}

static void conditions__and_or_not__as_in_haproxy(void **state)
{
	static const struct policy_case cases[] = {
		{ "and", " use_backend a if { src 10.0.0.0/8 } { dst_port 443 }\n", { A, C }, "d a", 0 },
		{ "or", " use_backend a if { src 192.168.0.0/16 } or { dst_port 443 }\n", { A, B, C }, "d a a", 0 },
		{ "and binds stronger than or",
		  " use_backend a if { src 192.168.0.0/16 } { dst_port 443 } || { src 10.0.0.0/8 } { dst_port 80 }\n",
		  { A, B, C },
		  "a d d",
		  0 },
		{ "not", " use_backend a if !{ src 10.0.0.0/8 }\n", { A, B }, "d a", 0 },
		{ "not, apart",
		  " use_backend a if ! { src 10.0.0.0/8 } ! { src 127.0.0.1 }\n",
		  { A, B, LOCAL },
		  "d a d",
		  0 },
		{ "twice not", " use_backend a if !!{ src 10.0.0.0/8 }\n", { A, B }, "a d", 0 },
		{ "unless", " use_backend a unless { src 10.0.0.0/8 } { dst_port 443 }\n", { A, B, C }, "a a d", 0 },
		{ "unless with or",
		  " use_backend a unless { src 192.168.0.0/16 } or { dst_port 443 }\n",
		  { A, B, C },
		  "a d d",
		  0 },
		{ "named",
		  " acl net src 10.0.0.0/8\n acl tls dst_port 443\n use_backend a if net tls\n use_backend b if net "
		  "!tls\n",
		  { A, B, C },
		  "b d a",
		  0 },
		{ "two lines of one name are alternatives",
		  " acl x src 192.168.0.0/16\n acl x dst_port 443\n use_backend a if x\n",
		  { A, B, C },
		  "d a a",
		  0 },
		{ "asked for and against",
		  " acl x src 10.0.0.0/8\n use_backend a if x !x or { dst_port 443 }\n",
		  { A, C },
		  "d a",
		  0 },
		{ "predefined", " use_backend a if FALSE\n use_backend b if LOCALHOST TRUE\n", { A, LOCAL }, "d b", 0 },
		{ "unless TRUE, unless FALSE",
		  " use_backend a unless TRUE\n use_backend b unless FALSE\n",
		  { A },
		  "b",
		  0 },
		{ "not TRUE",
		  " use_backend a if !TRUE or { dst_port 443 }\n use_backend b if !FALSE\n",
		  { A, C },
		  "b a",
		  0 },
		{ "a pattern that nothing meets",
		  " use_backend a if { src -- }\n use_backend b if !{ src -- }\n",
		  { A },
		  "b",
		  0 },
		{ "no server left", " use_backend a if { nbsrv(d) lt 1 }\n", { A }, "a", 0 },
		{ "servers left", " use_backend a if { nbsrv(d) lt 1 }\n", { A }, "d", 2 },
	};

	RUN_POLICY(cases);
}

static void rules__in_order__accept_and_refuse(void **state)
{
	static const struct policy_case cases[] = {
		{ "reject", " tcp-request connection reject if { src 10.0.0.0/8 }\n", { A, B }, "reject d", 0 },
		{ "silent-drop",
		  " tcp-request connection silent-drop unless { src 10.0.0.0/8 }\n",
		  { A, B },
		  "d drop",
		  0 },
		{ "reject all", " tcp-request connection reject\n", { A, SIX }, "reject reject", 0 },
		{ "accept first",
		  " tcp-request connection accept if { src 10.1.0.0/16 }\n tcp-request connection reject if { src "
		  "10.0.0.0/8 }\n",
		  { A, "10.2.0.1-1>1.1.1.1-1" },
		  "d reject",
		  0 },
		{ "accept does not reach the rules of sessions",
		  " tcp-request session reject if { dst_port 443 }\n tcp-request connection accept if { src 10.0.0.0/8 "
		  "}\n"
		  " tcp-request connection reject\n",
		  { A, B, C },
		  "d reject reject",
		  0 },
		{ "accept of a session ends its rules",
		  " tcp-request session accept if { src 10.0.0.0/8 }\n tcp-request session silent-drop\n",
		  { A, B },
		  "d drop",
		  0 },
		{ "an accepted flow is routed",
		  " tcp-request connection accept\n use_backend a if { dst_port 443 }\n",
		  { A, C },
		  "d a",
		  0 },
	};

	RUN_POLICY(cases);
}

static void counters__of_clients__as_in_haproxy(void **state)
{
	static const struct policy_case cases[] = {
		{ "too many connections",
		  " tcp-request connection track-sc0 src\n tcp-request connection reject if { sc0_conn_rate gt 2 }\n",
		  { A, A, B, A, A, B, B },
		  "d d d reject reject d reject",
		  0 },
		{ "sc_conn_rate(0), and in another table",
		  " tcp-request connection track-sc1 src table t\n"
		  " tcp-request connection reject if { sc_conn_rate(1) gt 1 } or { sc_conn_rate(1,t) gt 1 }\n",
		  { A, A, B },
		  "d reject d",
		  0 },
		{ "asked for before it is tracked",
		  " tcp-request connection reject if { src_conn_rate ge 1 }\n tcp-request connection track-sc0 src\n",
		  { A, A, B },
		  "d reject d",
		  0 },
		{ "never tracked is never true",
		  " tcp-request connection reject if { sc0_conn_rate ge 0 }\n",
		  { A },
		  "d",
		  0 },
		{ "never seen counts 0",
		  " tcp-request connection reject if { src_conn_rate ge 0 }\n",
		  { A },
		  "reject",
		  0 },
		{ "some are not counted",
		  " tcp-request connection accept if { src 192.168.0.0/16 }\n tcp-request connection track-sc0 src\n"
		  " tcp-request connection silent-drop if { sc0_conn_cur gt 1 }\n",
		  { A, A, B, B, B },
		  "d drop d d d",
		  0 },
		{ "a counter keeps its first entry",
		  " tcp-request connection track-sc0 src\n tcp-request connection track-sc0 dst\n"
		  " tcp-request connection reject if { sc0_conn_cnt gt 1 }\n",
		  { A, B, A },
		  "d d reject",
		  0 },
		{ "by destination",
		  " tcp-request connection track-sc0 dst\n tcp-request connection reject if { sc0_conn_cnt gt 1 }\n",
		  { A, B, C },
		  "d reject d",
		  0 },
		{ "the other family has no entry",
		  " tcp-request connection track-sc0 src\n tcp-request connection reject if { sc0_conn_cnt gt 0 }\n",
		  { A, SIX },
		  "reject d",
		  0 },
		{ "banned for good",
		  " tcp-request connection track-sc0 src\n tcp-request connection reject if { sc0_get_gpc0 gt 0 }\n"
		  " tcp-request connection sc-inc-gpc0(0) if { sc0_conn_cnt ge 2 }\n",
		  { A, A, A, B },
		  "d d reject d",
		  0 },
	};

	RUN_POLICY(cases);
}

/* --- what real HAProxy was asked, too ----------------------------------------------------------------------------- */

enum { SHARED_PACKETS = 16, NR_SHARED = 26 };

/* A case of tests/golden/policy.txt while it is read. */
struct shared_case {
	char name[80];
	struct buf rules, verdicts;
	char texts[SHARED_PACKETS][80];
	const char *packets[SHARED_PACKETS + 1];
	size_t nr;
};

/* Runs it, if there is one, and empties it. Returns how many of the two forms differ from the file. */
static unsigned int shared_run(struct shared_case *c)
{
	struct buf text = { 0 }, by_rules = { 0 }, by_program = { 0 };
	unsigned int wrong = 0;
	struct model *m;

	if (!c->nr)
		return 0;
	buf_printf(&text,
		   "frontend f\n bind :17080\n bind :17443\n%s default_backend d\nbackend a\nbackend b\nbackend c\n"
		   "backend d\n",
		   c->rules.data ? c->rules.data : "");
	m = rules_load(text.data);
	assert_non_null(m);
	judge(m, c->packets, 0, &by_rules, &by_program);
	wrong += strcmp(by_rules.data, c->verdicts.data) != 0;
	wrong += strcmp(by_program.data, c->verdicts.data) != 0;
	if (wrong)
		print_error("case '%s':\nexpected %s\nrules    %s\nprogram  %s\n", c->name, c->verdicts.data,
			    by_rules.data, by_program.data);
	model_free(m);
	buf_fini(&text);
	buf_fini(&by_rules);
	buf_fini(&by_program);
	buf_fini(&c->rules);
	buf_fini(&c->verdicts);
	c->nr = 0;
	return wrong;
}

/* "> SOURCE DESTINATION PORT VERDICT" */
static void shared_packet(struct shared_case *c, const char *line)
{
	char src[32], dst[32], verdict[16];
	unsigned int port;

	assert_true(c->nr < SHARED_PACKETS);
	assert_int_equal(sscanf(line, "> %31s %31s %u %15s", src, dst, &port, verdict), 4);
	snprintf(c->texts[c->nr], sizeof(c->texts[c->nr]), "%s-1000>%s-%u", src, dst, port);
	c->packets[c->nr] = c->texts[c->nr];
	c->packets[++c->nr] = NULL;
	buf_printf(&c->verdicts, "%s%s", c->verdicts.len ? " " : "", strcmp(verdict, "refused") ? verdict : "reject");
}

static void rules__that_haproxy_was_asked__same_verdicts(void **state)
{
	FILE *f = fopen("tests/golden/policy.txt", "re");
	struct shared_case c = { 0 };
	unsigned int wrong = 0, nr = 0;
	char line[256];

	(void)state;
	if (!f)
		fail_msg("tests/golden/policy.txt cannot be read; run from the top of the tree");
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "== ", 3)) {
			wrong += shared_run(&c);
			snprintf(c.name, sizeof(c.name), "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
			nr++;
		} else if (*line == '>') {
			shared_packet(&c, line);
		} else {
			buf_puts(&c.rules, line);
		}
	}
	fclose(f);
	wrong += shared_run(&c);
	assert_int_equal(nr, NR_SHARED);
	assert_int_equal(wrong, 0);
}

/* --- sets --------------------------------------------------------------------------------------------------------- */

static void set__edited__keeps_what_is_left(void **state)
{
	struct acl_set set = { 0 };
	struct cidr net;
	char text[32];

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "10.0.%u.0/24", i % 50);
		assert_int_equal(cidr_parse(text, &net), 0);
		assert_int_equal(acl_set_add_net(&set, &net), 0);
	}
	assert_int_equal(set.nr, 100);
	assert_int_equal(cidr_parse("10.0.7.9/24", &net), 0);
	assert_int_equal(acl_set_del_net(&set, &net), 2);
	assert_int_equal(acl_set_del_net(&set, &net), 0);
	assert_int_equal(set.nr, 98);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(acl_set_add_net(&set, &net), 0);
	assert_int_equal(set.nr, 198);
	assert_int_equal(acl_set_add_range(&set, (struct num_range){ 1, 2 }), -22);
	acl_set_clear(&set);
	assert_int_equal(set.nr, 0);
}

static void expect_order(struct acl_set *set)
{
	const struct cidr *nets = acl_set_in_order(set);

	for (size_t i = 1; i < set->nr; i++)
		assert_true(cidr_cmp(&nets[i - 1], &nets[i]) <= 0);
	for (size_t i = 0; i < set->nr; i++) {
		size_t here = 0, there = 0;

		for (size_t j = 0; j < set->nr; j++) {
			here += !cidr_cmp(&set->nets[i], &set->nets[j]);
			there += !cidr_cmp(&set->nets[i], &nets[j]);
		}
		assert_int_equal(here, there);
	}
	assert_ptr_equal(acl_set_in_order(set), nets);
}

/* The same networks in order, after whatever has changed the set. */
static void acl_set_in_order__set_changes__still_all_of_them(void **state)
{
	struct acl_set a = { 0 }, b = { 0 }, numbers = { .numeric = true };
	struct cidr net;
	char text[48];

	(void)state;
	assert_null(acl_set_in_order(&a));
	for (unsigned int i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), i % 3 ? "10.%u.0.0/16" : "2001:db8:%u::/48", i * 37 % 50);
		assert_int_equal(cidr_parse(text, &net), 0);
		assert_int_equal(acl_set_add_net(&a, &net), 0);
		expect_order(&a);
	}
	assert_int_equal(acl_set_del_net(&a, &net), 1);
	expect_order(&a);
	assert_int_equal(acl_set_add_net(&b, &net), 0);
	expect_order(&b);
	acl_set_swap(&a, &b);
	expect_order(&a);
	expect_order(&b);
	acl_set_clear(&b);
	assert_null(acl_set_in_order(&b));
	assert_int_equal(acl_set_add_range(&numbers, (struct num_range){ 1, 2 }), 0);
	assert_null(acl_set_in_order(&numbers));
	acl_set_clear(&a);
	acl_set_clear(&numbers);
}

static void acl_set_equal__each_difference__seen(void **state)
{
	struct acl_set a = { 0 }, b = { 0 }, numbers = { .numeric = true }, others = { .numeric = true };
	struct cidr net, longer;

	(void)state;
	assert_int_equal(cidr_parse("10.0.0.0/8", &net), 0);
	assert_int_equal(cidr_parse("10.0.0.0/9", &longer), 0);
	assert_true(acl_set_equal(&a, &b));
	assert_false(acl_set_equal(&a, &numbers));
	assert_int_equal(acl_set_add_net(&a, &net), 0);
	assert_false(acl_set_equal(&a, &b));
	assert_int_equal(acl_set_add_net(&b, &longer), 0);
	assert_false(acl_set_equal(&a, &b));
	assert_int_equal(acl_set_del_net(&b, &longer), 1);
	assert_int_equal(acl_set_add_net(&b, &net), 0);
	assert_true(acl_set_equal(&a, &b));
	assert_int_equal(acl_set_add_range(&numbers, (struct num_range){ 1, 2 }), 0);
	assert_int_equal(acl_set_add_range(&others, (struct num_range){ 1, 3 }), 0);
	assert_false(acl_set_equal(&numbers, &others));
	acl_set_clear(&a);
	acl_set_clear(&b);
	acl_set_clear(&numbers);
	acl_set_clear(&others);
}

static void list_change(void *arg, const struct acl_set *of, size_t i, bool added)
{
	char text[ACL_PATTERN_MAX];

	buf_printf(arg, "%c%s ", added ? '+' : '-', acl_set_text(of, i, text));
}

static void acl_set_changes__against_the_files__each_told_once(void **state)
{
	static const char *const before[] = { "10.0.0.1", "10.0.0.0/8", "10.0.0.3", "fd00::1" };
	static const char *const now[] = { "10.0.0.4", "10.0.0.0/8", "10.0.0.1", "fd00::/16" };
	struct acl_set set = { .base = calloc(1, sizeof(*set.base)) };
	struct buf seen = { 0 };

	(void)state;
	assert_non_null(set.base);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(acl_set_add_text(set.base, before[i]), 0);
		assert_int_equal(acl_set_add_text(&set, now[i]), 0);
	}
	assert_int_equal(acl_set_changes(&set, list_change, &seen), 0);
	assert_string_equal(seen.data, "-10.0.0.3 +10.0.0.4 +fd00::/16 -fd00::1 ");
	assert_int_equal(set.nr, 4);
	buf_fini(&seen);
	acl_set_free(set.base);
	acl_set_clear(&set);
}

static void acl_set_text__of_ranges__read_again(void **state)
{
	static const char *const good[] = { "80", "1:2", ":9", "1000:" }, *const bad[] = { "",	":",   "2:1",
											   "x", "1:x", "-1" };
	struct acl_set set = { .numeric = true };
	char text[ACL_PATTERN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(acl_set_add_text(&set, good[i]), 0);
		assert_string_equal(acl_set_text(&set, i, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(acl_set_add_text(&set, bad[i]), -EINVAL);
	assert_int_equal(acl_set_del_text(&set, "1000:"), 1);
	assert_int_equal(set.nr, 3);
	acl_set_clear(&set);
}

static void network__texts__parsed_or_refused(void **state)
{
	static const char *const bad[] = {
		"",	      "10.0.0.0/33",	  "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/255.0.255.0",
		"fd00::/129", "fd00::/255.0.0.0", "1.2.3",     "/8",	     "10.0.0.0/-1",
		"host"
	};
	struct cidr a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!cidr_parse(bad[i], &a))
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(cidr_parse("10.1.2.3/8", &a), 0);
	assert_int_equal(cidr_parse("10.0.0.0/255.0.0.0", &b), 0);
	assert_int_equal(cidr_cmp(&a, &b), 0);
	assert_int_equal(cidr_parse("10.0.0.0/9", &b), 0);
	assert_true(cidr_cmp(&a, &b) < 0);
	assert_int_equal(cidr_parse("fd00::1", &b), 0);
	assert_int_equal(b.bits, 128);
}

static void pattern_file__shared_by_lines__read_once(void **state)
{
	char path[] = "/tmp/xlb-policy-XXXXXX", text[1024];
	static const char lines[] = "# friends\n10.0.0.0/8\n\n  192.168.1.1  \r\n";
	static const char *const packets[] = { A, B, LOCAL, NULL };
	struct buf by_rules = { 0 }, by_program = { 0 };
	int fd = mkstemp(path);
	struct model *m;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, lines, sizeof(lines) - 1), sizeof(lines) - 1);
	close(fd);
	snprintf(text, sizeof(text),
		 "frontend f\n bind :80\n acl friend src -f %s\n tcp-request connection reject if !friend !{ src -f %s "
		 "9.9.9.9 }\n"
		 " acl unused src 1.1.1.1\nlisten l\n bind :81\n tcp-request connection reject if { src 8.8.8.8 }\n"
		 " server s 1.1.1.1:80\n",
		 path, path);
	m = rules_load(text);
	unlink(path);
	assert_non_null(m);
	judge(m, packets, 0, &by_rules, &by_program);
	assert_string_equal(by_rules.data, "nothing nothing reject");
	assert_string_equal(by_program.data, "nothing nothing reject");
	/*
	 * The file is 0, the words that the first line does not have 1, then come 9.9.9.9, the set that nothing uses,
	 * which is gone, and 8.8.8.8.
	 */
	assert_string_equal(TAILQ_FIRST(&m->acl_sets)->file, path);
	assert_int_equal(TAILQ_FIRST(&m->acl_sets)->nr, 2);
	assert_int_equal(TAILQ_LAST(&m->acl_sets, acl_set_list)->id, 4);
	buf_fini(&by_rules);
	buf_fini(&by_program);
	model_free(m);
}

/* --- the two forms against each other ----------------------------------------------------------------------------- */

static void compiled__random_rules_and_packets__same_verdict(void **state)
{
	enum { ROUNDS = 400, PACKETS = 40 };
	const char *seed_text = getenv("XLB_SEED");
	unsigned int seed = seed_text ? (unsigned int)strtoul(seed_text, NULL, 10) : 20261125;
	char texts[PACKETS][64];
	const char *packets[PACKETS + 1] = { NULL };

	(void)state;
	srand(seed);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct buf text = { 0 }, by_rules = { 0 }, by_program = { 0 };
		struct model *m;

		rules_random(&text, " bind :80\n");
		buf_puts(&text, "backend a\nbackend b\nbackend c\nbackend d\n");
		for (unsigned int i = 0; i < PACKETS; i++) {
			rules_random_packet(texts[i], sizeof(texts[i]));
			packets[i] = texts[i];
		}
		m = rules_load(text.data);
		assert_non_null(m);
		judge(m, packets, 1, &by_rules, &by_program);
		if (strcmp(by_rules.data, by_program.data) != 0)
			fail_msg("seed %u, round %u:\n%srules   %s\nprogram %s\n", seed, round, text.data,
				 by_rules.data, by_program.data);
		model_free(m);
		buf_fini(&text);
		buf_fini(&by_rules);
		buf_fini(&by_program);
	}
}

static void compiled__nested_networks__hold_the_atoms_around_them(void **state)
{
	struct model *m =
		rules_load("frontend f\n bind :80\n acl a src 10.0.0.0/8\n acl b src 10.1.0.0/16 10.1.2.0/24\n"
			   " acl c src 10.1.2.3\n default_backend d\n use_backend d if a b c\nbackend d\n");
	struct rules_counters counters = { 0 };
	struct policy_counters c = rules_counters_of(&counters);
	struct policy_program *prog = NULL;

	(void)state;
	assert_non_null(m);
	assert_int_equal(policy_compile(model_frontend_find(m, "f"), &c, &prog), 0);
	assert_int_equal(prog->nr_src, 4);
	assert_int_equal(prog->src[0].atoms, 1);
	assert_int_equal(prog->src[1].atoms, 3);
	assert_int_equal(prog->src[2].atoms, 3);
	assert_int_equal(prog->src[3].atoms, 7);
	policy_program_free(prog);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes__by_addresses_and_ports__first_true_one_wins),
		cmocka_unit_test(conditions__and_or_not__as_in_haproxy),
		cmocka_unit_test(rules__in_order__accept_and_refuse),
		cmocka_unit_test(counters__of_clients__as_in_haproxy),
		cmocka_unit_test(rules__that_haproxy_was_asked__same_verdicts),
		cmocka_unit_test(set__edited__keeps_what_is_left),
		cmocka_unit_test(acl_set_in_order__set_changes__still_all_of_them),
		cmocka_unit_test(acl_set_equal__each_difference__seen),
		cmocka_unit_test(acl_set_changes__against_the_files__each_told_once),
		cmocka_unit_test(acl_set_text__of_ranges__read_again),
		cmocka_unit_test(network__texts__parsed_or_refused),
		cmocka_unit_test(pattern_file__shared_by_lines__read_once),
		cmocka_unit_test(compiled__random_rules_and_packets__same_verdict),
		cmocka_unit_test(compiled__nested_networks__hold_the_atoms_around_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
