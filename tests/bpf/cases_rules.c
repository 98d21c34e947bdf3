// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rules of a frontend, row by row as xlb/policy.h has them, and what a client sees of a refusal. Whole configurations
 * are in test_rules.c.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xlb/policy.h>

#include "fixture.h"
#include "way.h"

enum { POLICY = 3 };

/* Gives both services of IPv4 and of IPv6 these rows. */
static void put_rows(struct fix *f, const struct xlb_rule *rows, size_t nr)
{
	memset(&f->rules[POLICY * XLB_POLICY_ROWS], 0, XLB_POLICY_ROWS * sizeof(*rows));
	memcpy(&f->rules[POLICY * XLB_POLICY_ROWS], rows, nr * sizeof(*rows));
	f->policies[POLICY] = (struct xlb_policy){ .identity = 1, .nr_rows = (uint16_t)nr };
	for (int i = SVC_WEB; i <= SVC_DNS6; i++)
		f->services[i].policy = POLICY;
}

static void reject__tcp__reset_as_of_a_closed_port(void **state)
{
	static const struct xlb_rule rows[] = { { .op = XLB_RULE_REJECT } };
	struct fix *f = *state;
	struct pkt in, by_rule, closed;

	fix_set_ring(f, NULL, 0);
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_RST, &closed);
	put_rows(f, rows, 1);
	expect(f, &in, XDP_TX, XLB_R_REJECT_RST, &by_rule);
	assert_pkt_equal(&by_rule, &closed);
	assert_int_equal(fix_live(f), 0);
}

static void reject__udp__icmp_as_of_a_closed_port(void **state)
{
	static const struct xlb_rule rows[] = { { .op = XLB_RULE_REJECT } };
	static const struct way w[] = { { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_UDP },
					{ .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_UDP } };
	struct fix *f = *state;
	struct pkt in, by_rule, closed;

	for (size_t i = 0; i < 2; i++) {
		struct pkt_desc d = way_request(&w[i], 40000, 0);

		for (int s = SVC_WEB; s <= SVC_DNS6; s++)
			f->services[s].policy = 0;
		fix_ring(f, way_backend(&w[i]), XLB_ALG_RR, NULL, NULL, 0);
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_NO_SERVER_ICMP, &closed);
		put_rows(f, rows, 1);
		expect(f, &in, XDP_TX, XLB_R_REJECT_ICMP, &by_rule);
		assert_pkt_equal(&by_rule, &closed);
	}
}

static void silent_drop__no_answer(void **state)
{
	static const struct xlb_rule rows[] = { { .op = XLB_RULE_DROP } };
	struct fix *f = *state;
	struct pkt in;

	put_rows(f, rows, 1);
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_DROP, XLB_R_REJECTED, NULL);
}

/* A rule is asked about new flows: those that are there go on, whatever it says by now. */
static void rules__changed__flows_go_on(void **state)
{
	static const struct xlb_rule take[] = { { .op = XLB_RULE_TAKE, .arg = BE_WEB } },
				     refuse[] = { { .op = XLB_RULE_REJECT } };
	struct fix *f = *state;
	struct pkt in;

	put_rows(f, take, 1);
	establish(f, 40000, NULL);
	put_rows(f, refuse, 1);
	client_tcp(&in, 40000, TH_ACK | TH_PUSH);
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
	client_tcp(&in, 40000, TH_SYN); /* of the same tuple, a late one */
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
	client_tcp(&in, 40001, TH_SYN);
	expect(f, &in, XDP_TX, XLB_R_REJECT_RST, NULL);
}

/* Rows lead forward and end; whatever else lies in memory, a packet comes out again, and the flow is not taken. */
static void rows__without_an_end__refused(void **state)
{
	struct xlb_rule rows[XLB_POLICY_ROWS];
	struct fix *f = *state;
	struct pkt in;

	client_tcp(&in, 40000, TH_SYN);
	for (int i = 0; i < XLB_POLICY_ROWS; i++)
		rows[i] = (struct xlb_rule){ .op = XLB_RULE_GO, .next = (uint8_t)(i + 1) };
	put_rows(f, rows, XLB_POLICY_ROWS);
	expect(f, &in, XDP_DROP, XLB_R_REJECTED, NULL);
	rows[5].next = 2; /* round in a circle */
	put_rows(f, rows, XLB_POLICY_ROWS);
	expect(f, &in, XDP_DROP, XLB_R_REJECTED, NULL);
	rows[0].op = 200;
	put_rows(f, rows, XLB_POLICY_ROWS);
	expect(f, &in, XDP_DROP, XLB_R_REJECTED, NULL);
	rows[0] = (struct xlb_rule){ .op = XLB_RULE_TAKE, .arg = 0xffff }; /* a backend that is not there */
	put_rows(f, rows, XLB_POLICY_ROWS);
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_RST, NULL);
}

/* The last of as many rows as there may be. */
static void rows__as_many_as_fit__all_asked(void **state)
{
	struct xlb_rule rows[XLB_POLICY_ROWS];
	struct fix *f = *state;
	struct pkt in;

	client_tcp(&in, 40000, TH_SYN);
	for (int i = 0; i < XLB_POLICY_ROWS; i++)
		rows[i] = (struct xlb_rule){ .want = 1, .op = XLB_RULE_REJECT };
	rows[XLB_POLICY_ROWS - 1] = (struct xlb_rule){ .op = XLB_RULE_TAKE, .arg = BE_WEB };
	put_rows(f, rows, XLB_POLICY_ROWS);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest rules_tests[] = {
	T(reject__tcp__reset_as_of_a_closed_port),
	T(reject__udp__icmp_as_of_a_closed_port),
	T(silent_drop__no_answer),
	T(rules__changed__flows_go_on),
	T(rows__without_an_end__refused),
	T(rows__as_many_as_fit__all_asked),
};
const size_t nr_rules_tests = sizeof(rules_tests) / sizeof(rules_tests[0]);
