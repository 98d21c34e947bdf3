/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules of ipvsadm become a configuration: what the parser makes of it is looked at, not its text, so that a word that
 * xlb would not accept fails here, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/conf.h"
#include "model/capability.h"
#include "xlbctl/import.h"

static struct diag_list diags;
static struct buf config;
static struct model *model;

static int setup(void **state)
{
	(void)state;
	diag_init(&diags);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	diag_fini(&diags);
	buf_fini(&config);
	model_free(model);
	model = NULL;
	return 0;
}

/* Returns the only backend, or the first. */
static struct backend *import(const char *rules)
{
	bool can[NR_CAPABILITIES];
	struct conf_options opt = { .can = can };
	struct diag_list parse;

	memset(can, true, sizeof(can));
	assert_int_equal(import_ipvs("rules", rules, &diags, &config), 0);
	opt.default_source = config.data;
	diag_init(&parse);
	assert_int_equal(conf_load(NULL, 0, &opt, &parse, &model), 0);
	assert_int_equal(parse.nr[DIAG_ERROR], 0);
	diag_fini(&parse);
	return TAILQ_FIRST(&model->backends);
}

static const struct bind *first_bind(void)
{
	return TAILQ_FIRST(&TAILQ_FIRST(&model->frontends)->binds);
}

/* The rules are refused with one error that stands at 'line' and 'col' and contains 'text'. */
static void refused(const char *rules, unsigned int line, unsigned int col, const char *text)
{
	const struct diag *d;

	assert_int_equal(import_ipvs("rules", rules, &diags, &config), -22);
	assert_int_equal(config.len, 0);
	assert_int_equal(diags.nr[DIAG_ERROR], 1);
	TAILQ_FOREACH(d, &diags.head, next) {
		if (d->level != DIAG_ERROR)
			continue;
		assert_string_equal(d->file, "rules");
		assert_int_equal(d->line, line);
		assert_int_equal(d->col, col);
		assert_non_null(strstr(d->text, text));
	}
	diag_fini(&diags);
	diag_init(&diags);
}

static void import__wrr_direct__listen_with_weights(void **state)
{
	const struct backend *b = import("-A -t 192.0.2.1:80 -s wrr\n"
					 "-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 2\n"
					 "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 0\n");

	(void)state;
	assert_int_equal(b->balance.alg, BALANCE_ROUNDROBIN);
	assert_int_equal(b->nr_servers, 2);
	assert_int_equal(TAILQ_FIRST(&b->servers)->weight, 2);
	assert_int_equal(TAILQ_FIRST(&b->servers)->forward, FORWARD_L2DSR);
	assert_int_equal(TAILQ_LAST(&b->servers, server_list)->weight, 0);
	assert_int_equal(first_bind()->port_lo, 80);
	assert_int_equal(first_bind()->proto, IPPROTO_TCP);
	assert_null(b->stick.table);
	assert_int_equal(diags.nr[DIAG_WARNING], 0);
}

/* In IPVS these do not look at weights, but for 0. */
static void import__rr_and_lc__weights_do_not_count(void **state)
{
	const struct backend *b = import("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 7\n"
					 "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 0\n"
					 "-A -t 192.0.2.1:81 -s lc\n-a -t 192.0.2.1:81 -r 10.0.0.1:80 -m -w 7\n");

	(void)state;
	assert_int_equal(TAILQ_FIRST(&b->servers)->weight, 1);
	assert_int_equal(TAILQ_LAST(&b->servers, server_list)->weight, 0);
	b = TAILQ_NEXT(b, next);
	assert_int_equal(b->balance.alg, BALANCE_LEASTCONN);
	assert_int_equal(TAILQ_FIRST(&b->servers)->weight, 1);
}

static void import__no_scheduler__wlc(void **state)
{
	const struct backend *b = import("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 7 -x 50 -y 0\n");

	(void)state;
	assert_int_equal(b->balance.alg, BALANCE_LEASTCONN);
	assert_int_equal(TAILQ_FIRST(&b->servers)->weight, 7);
	assert_int_equal(TAILQ_FIRST(&b->servers)->maxconn, 50);
	assert_non_null(strstr(config.data, "# dnat: "));
}

static void import__hashes__map_based_maglev_and_ports(void **state)
{
	const struct backend *b = import("-A -t 192.0.2.1:80 -s sh -b sh-fallback\n-A -t 192.0.2.1:81 -s mh\n"
					 "-A -t 192.0.2.1:82 -s mh -b mh-fallback,mh-port\n");

	(void)state;
	assert_int_equal(b->balance.alg, BALANCE_SOURCE);
	assert_false(b->balance.consistent);
	b = TAILQ_NEXT(b, next);
	assert_int_equal(b->balance.alg, BALANCE_SOURCE);
	assert_true(b->balance.consistent);
	b = TAILQ_NEXT(b, next);
	assert_int_equal(b->balance.parts, BALANCE_PART_TUPLE);
	assert_true(b->balance.consistent);
}

static void import__udp_ipv6_mixed_ways__each_server_its_own(void **state)
{
	const struct backend *b = import("-A -u [2001:db8::1]:53 -s rr\n"
					 "-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -g -w 1\n"
					 "-a -u [2001:db8::1]:53 -r [2001:db8::3]:53 -i -w 1 --tun-type ipip\n"
					 "-a -u [2001:db8::1]:53 -r [2001:db8::4]:5353 -m -w 1\n");
	const struct server *s = TAILQ_FIRST(&b->servers);

	(void)state;
	assert_int_equal(first_bind()->proto, IPPROTO_UDP);
	assert_int_equal(first_bind()->addr.family, AF_INET6);
	assert_int_equal(b->timeouts.client, 300000);
	assert_int_equal(s->forward, FORWARD_L2DSR);
	s = TAILQ_NEXT(s, next);
	assert_int_equal(s->forward, FORWARD_IPIP);
	s = TAILQ_NEXT(s, next);
	assert_int_equal(s->forward, FORWARD_DNAT);
	assert_int_equal(s->port, 5353);
}

static void import__persistence__stick_table(void **state)
{
	const struct backend *b = import("-A -t 192.0.2.1:0 -s rr -p 90 -M 255.255.255.255\n"
					 "-a -t 192.0.2.1:0 -r 10.0.0.1:0 -g -w 1\n");

	(void)state;
	assert_non_null(b->stick.table);
	assert_true(b->stick.match && b->stick.store);
	assert_int_equal(b->stick.table->expire_ms, 90000);
	assert_int_equal(b->stick.table->family, AF_INET);
	assert_int_equal(first_bind()->port_lo, 1);
	assert_int_equal(first_bind()->port_hi, 65535);
	assert_int_equal(TAILQ_FIRST(&b->servers)->port, 0);
}

static void import__weights_beyond_256__scaled(void **state)
{
	const struct backend *b = import("-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 65535\n"
					 "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 32768\n"
					 "-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -w 1\n");
	const struct server *s = TAILQ_FIRST(&b->servers);

	(void)state;
	assert_int_equal(s->weight, 256);
	s = TAILQ_NEXT(s, next);
	assert_int_equal(s->weight, 128);
	s = TAILQ_NEXT(s, next);
	assert_int_equal(s->weight, 1);
}

static void import__differences__warnings(void **state)
{
	const struct backend *b = import("\n# a comment\n-A -u 192.0.2.1:53 -s rr -o\n"
					 "-a -u 192.0.2.1:53 -r 10.0.0.1:5353 -g -w 1 -y 5\n");

	(void)state;
	assert_int_equal(diags.nr[DIAG_WARNING], 3); /* one packet, lower threshold, port */
	assert_int_equal(TAILQ_FIRST(&b->servers)->port, 53);
}

static void import__bad_rules__line_and_column(void **state)
{
	(void)state;
	refused("-A -t 192.0.2.1:80 -s sed\n", 1, 23, "sed");
	refused("-A -f 1 -s rr\n", 1, 7, "firewall marks");
	refused("-A -t 192.0.2.1:http -s rr\n", 1, 7, "ADDRESS:PORT");
	refused("-A -t 192.0.2.1:70000 -s rr\n", 1, 7, "ADDRESS:PORT");
	refused("-A -t www:80 -s rr\n", 1, 7, "ADDRESS:PORT");
	refused("-A -t 192.0.2.1:80 -p 90 -M 255.255.255.0\n", 1, 29, "whole networks");
	refused("-A -t 192.0.2.1:80 --pe sip\n", 1, 25, "sip");
	refused("-A -t 192.0.2.1:80 -s\n", 1, 20, "needs a value");
	refused("-A -t 192.0.2.1:80 -s sh -b sh-port,what\n", 1, 29, "'what'");
	refused("-A -s rr\n", 1, 1, "missing");
	refused("-A -t 192.0.2.1:0 -s rr\n", 1, 1, "needs -p");
	refused("-A -t 192.0.2.1:80\n\n-A -t 192.0.2.1:80\n", 3, 1, "in line 1");
	refused("-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 1\n", 1, 1, "no such virtual service");
	refused("-A -t 192.0.2.1:80\n-a -u 192.0.2.1:80 -r 10.0.0.1:80 -g\n", 2, 1, "no such virtual service");
	refused("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -w 3\n", 2, 1, "-r ADDRESS:PORT");
	refused("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -w -1\n", 2, 38, "weight");
	refused("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -w 65536\n", 2, 38, "weight");
	refused("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -i --tun-type gue\n", 2, 49, "gue");
	refused("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -s rr\n", 2, 35, "real server");
	refused("IP Virtual Server version 1.2.1 (size=4096)\n", 1, 1, "no rule of ipvsadm");
}

static void import__several_errors__all_told(void **state)
{
	(void)state;
	assert_int_equal(import_ipvs("rules", "-A -f 1\n-A -t 192.0.2.1:80 -s dh\n-x\n", &diags, &config), -22);
	assert_int_equal(diags.nr[DIAG_ERROR], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(import__wrr_direct__listen_with_weights, setup, teardown),
		cmocka_unit_test_setup_teardown(import__rr_and_lc__weights_do_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(import__no_scheduler__wlc, setup, teardown),
		cmocka_unit_test_setup_teardown(import__hashes__map_based_maglev_and_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(import__udp_ipv6_mixed_ways__each_server_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(import__persistence__stick_table, setup, teardown),
		cmocka_unit_test_setup_teardown(import__weights_beyond_256__scaled, setup, teardown),
		cmocka_unit_test_setup_teardown(import__differences__warnings, setup, teardown),
		cmocka_unit_test_setup_teardown(import__bad_rules__line_and_column, setup, teardown),
		cmocka_unit_test_setup_teardown(import__several_errors__all_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
