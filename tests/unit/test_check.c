/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HAProxy's check arithmetic. The recorded rows were read off the stats socket of HAProxy 2.6.12. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/check.h"
#include "model/script.h"

static struct check_conf conf_of(unsigned int rise, unsigned int fall)
{
	struct check_conf c;

	check_conf_init(&c);
	c.type = CHECK_TCP;
	c.rise = rise;
	c.fall = fall;
	return c;
}

static enum check_change check_passes(struct check_state *s, const struct check_conf *c)
{
	return check_result(s, c, CHECK_L4OK, 0, 1, NULL);
}

static enum check_change check_fails(struct check_state *s, const struct check_conf *c)
{
	return check_result(s, c, CHECK_L4CON, 0, 1, "Connection refused");
}

static void check_conf_init__defaults__haproxys(void **state)
{
	struct check_conf c;

	(void)state;
	check_conf_init(&c);
	assert_int_equal(c.type, CHECK_NONE);
	assert_int_equal(c.inter, 2000);
	assert_int_equal(c.rise, 2);
	assert_int_equal(c.fall, 3);
	assert_int_equal(c.fastinter, 0);
	assert_int_equal(c.downinter, 0);
}

/* inter 300, fastinter 200, downinter 400, rise 3, fall 4: '+' listener open, '-' closed. */
static void check_result__recorded_sequence__same_as_haproxy(void **state)
{
	static const struct {
		char event;
		int health;
		unsigned long failed, downs;
		unsigned int interval;
	} rows[] = {
		{ '+', 6, 0, 0, 300 }, { '+', 6, 0, 0, 300 }, { '-', 5, 1, 0, 200 }, { '-', 4, 2, 0, 200 },
		{ '-', 3, 3, 0, 200 }, { '-', 0, 4, 1, 400 }, { '-', 0, 4, 1, 400 }, { '+', 1, 4, 1, 200 },
		{ '+', 2, 4, 1, 200 }, { '+', 6, 4, 1, 300 }, { '-', 5, 5, 1, 200 }, { '+', 6, 5, 1, 300 },
	};
	struct check_conf c = conf_of(3, 4);
	struct check_state s;

	(void)state;
	c.inter = 300;
	c.fastinter = 200;
	c.downinter = 400;
	check_init(&s, &c);
	assert_int_equal(s.health, 3);
	assert_int_equal(check_interval(&s, &c), 200);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].event == '+')
			check_passes(&s, &c);
		else
			check_fails(&s, &c);
		assert_int_equal(s.health, rows[i].health);
		assert_int_equal(s.failed, rows[i].failed);
		assert_int_equal(s.downs, rows[i].downs);
		assert_int_equal(check_interval(&s, &c), rows[i].interval);
	}
}

static void check_result__first_failure_after_start__down(void **state)
{
	struct check_conf c = conf_of(2, 3);
	struct check_state s;

	(void)state;
	check_init(&s, &c);
	assert_true(check_is_up(&s, &c));
	assert_int_equal(s.code, CHECK_INI);
	assert_int_equal(s.duration_ms, -1);
	assert_int_equal(check_fails(&s, &c), CHECK_WENT_DOWN);
	assert_false(check_is_up(&s, &c));
	assert_string_equal(s.desc, "Connection refused");
	assert_int_equal(s.downs, 1);
}

/* How many results alike turn a fresh server round. */
static int results_to_turn(enum check_start start, bool passing)
{
	struct check_conf c = conf_of(3, 4);
	struct check_state s;
	int nr = 1;

	c.start = start;
	check_init(&s, &c);
	assert_int_equal(check_is_up(&s, &c), !passing);
	while (!(passing ? check_passes(&s, &c) : check_fails(&s, &c)))
		nr++;
	return nr;
}

static void check_init__init_state__first_or_last_result_decides(void **state)
{
	struct check_conf unchecked = conf_of(3, 4);
	struct check_state s;

	(void)state;
	assert_int_equal(results_to_turn(CHECK_START_UP, false), 1);
	assert_int_equal(results_to_turn(CHECK_START_FULLY_UP, false), 4);
	assert_int_equal(results_to_turn(CHECK_START_DOWN, true), 1);
	assert_int_equal(results_to_turn(CHECK_START_FULLY_DOWN, true), 3);
	unchecked.type = CHECK_NONE;
	unchecked.start = CHECK_START_FULLY_DOWN;
	check_init(&s, &unchecked);
	assert_true(check_is_up(&s, &unchecked));
}

static void check_result__failure_while_rising__counts_from_zero(void **state)
{
	struct check_conf c = conf_of(3, 2);
	struct check_state s;

	(void)state;
	check_init(&s, &c);
	assert_int_equal(check_fails(&s, &c), CHECK_WENT_DOWN);
	assert_int_equal(check_passes(&s, &c), CHECK_NO_CHANGE);
	assert_int_equal(check_passes(&s, &c), CHECK_NO_CHANGE);
	assert_int_equal(check_fails(&s, &c), CHECK_NO_CHANGE);
	assert_int_equal(s.health, 0);
	assert_int_equal(check_passes(&s, &c), CHECK_NO_CHANGE);
	assert_int_equal(check_passes(&s, &c), CHECK_NO_CHANGE);
	assert_int_equal(check_passes(&s, &c), CHECK_WENT_UP);
	assert_int_equal(s.health, 4);
	assert_string_equal(s.desc, "");
}

static void check_result__rise_and_fall_of_one__each_result_decides(void **state)
{
	struct check_conf c = conf_of(1, 1);
	struct check_state s;

	(void)state;
	check_init(&s, &c);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(check_fails(&s, &c), CHECK_WENT_DOWN);
		assert_int_equal(check_fails(&s, &c), CHECK_NO_CHANGE);
		assert_int_equal(check_passes(&s, &c), CHECK_WENT_UP);
		assert_int_equal(s.health, 1);
	}
}

static void check_result__lack__says_nothing_of_the_server(void **state)
{
	struct check_conf c = conf_of(2, 3);
	struct check_state s;

	(void)state;
	check_init(&s, &c);
	for (int i = 0; i < 10; i++)
		assert_int_equal(check_result(&s, &c, CHECK_LACKING, 0, -1, "Too many open files"), CHECK_NO_CHANGE);
	assert_true(check_is_up(&s, &c));
	assert_int_equal(s.health, 2);
	assert_int_equal(s.failed, 0);
	assert_int_equal(s.code, CHECK_LACKING);
	check_fails(&s, &c);
	assert_int_equal(check_result(&s, &c, CHECK_LACKING, 0, -1, NULL), CHECK_NO_CHANGE);
	assert_false(check_is_up(&s, &c));
}

static void check_result__any_sequence__stays_in_range(void **state)
{
	(void)state;
	srand(2);
	for (unsigned int rise = 1; rise <= 4; rise++) {
		for (unsigned int fall = 1; fall <= 4; fall++) {
			struct check_conf c = conf_of(rise, fall);
			struct check_state s;

			check_init(&s, &c);
			for (int i = 0; i < 500; i++) {
				bool was = check_is_up(&s, &c);
				enum check_change change = rand() & 1 ? check_passes(&s, &c) : check_fails(&s, &c);

				assert_in_range(s.health, 0, rise + fall - 1);
				assert_int_equal(change != CHECK_NO_CHANGE, was != check_is_up(&s, &c));
			}
		}
	}
}

static void check_set_health__beyond_range__clamped_and_reported(void **state)
{
	struct check_conf c = conf_of(2, 3);
	struct check_state s;

	(void)state;
	check_init(&s, &c);
	assert_int_equal(check_set_health(&s, &c, 99), CHECK_NO_CHANGE);
	assert_int_equal(s.health, 4);
	assert_int_equal(check_set_health(&s, &c, -1), CHECK_WENT_DOWN);
	assert_int_equal(s.health, 0);
	assert_int_equal(s.downs, 1);
	assert_int_equal(check_set_health(&s, &c, 1), CHECK_NO_CHANGE);
	assert_int_equal(check_set_health(&s, &c, 2), CHECK_WENT_UP);
}

static void check_interval__without_fast_and_down__inter(void **state)
{
	struct check_conf c = conf_of(2, 3);
	struct check_state s;

	(void)state;
	for (int health = 0; health <= 4; health++) {
		check_init(&s, &c);
		check_set_health(&s, &c, health);
		assert_int_equal(check_interval(&s, &c), 2000);
	}
}

static void check_timeouts__as_timeout_check_says(void **state)
{
	static const struct {
		unsigned int inter, connect, check, expect_connect, expect_total;
	} rows[] = {
		/* Without 'timeout check' the check has all of inter. */
		{ 2000, 0, 0, 2000, 2000 },   { 2000, 300, 0, 2000, 2000 },	  { 2000, 0, 500, 2000, 2500 },
		{ 2000, 300, 500, 300, 800 }, { 2000, 5000, 10000, 2000, 12000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct check_conf c = conf_of(2, 3);
		struct check_state s;

		c.inter = rows[i].inter;
		c.fastinter = 1;
		c.timeout_connect = rows[i].connect;
		c.timeout_check = rows[i].check;
		check_init(&s, &c);
		assert_int_equal(check_connect_timeout(&s, &c), rows[i].expect_connect);
		assert_int_equal(check_total_timeout(&s, &c), rows[i].expect_total);
	}
}

static void check_conf_copy__strings_and_script__own_and_equal(void **state)
{
	struct check_conf a = conf_of(2, 3), b;

	(void)state;
	a.script = script_new();
	assert_int_equal(script_data(script_add(a.script, RULE_SEND), "PING", 4), 0);
	a.sni = strdup("a.example");
	assert_int_equal(check_conf_copy(&b, &a), 0);
	assert_true(check_conf_equal(&a, &b));
	assert_ptr_equal(a.script, b.script);
	assert_ptr_not_equal(a.sni, b.sni);
	b.sni[0] = 'x';
	assert_false(check_conf_equal(&a, &b));
	check_conf_fini(&b);
	assert_null(b.sni);
	assert_null(b.script);
	assert_false(check_conf_equal(&a, &b));
	check_conf_fini(&a);
	assert_true(check_conf_equal(&a, &b));
	b.fastinter = 7;
	assert_false(check_conf_equal(&a, &b));
}

static void check_code__every_code__has_texts(void **state)
{
	(void)state;
	for (int code = 0; code < CHECK_NR_CODES; code++) {
		assert_non_null(check_code_name((enum check_code)code));
		assert_non_null(check_code_desc((enum check_code)code));
	}
	assert_string_equal(check_code_name(CHECK_L7STS), "L7STS");
	assert_string_equal(check_code_desc(CHECK_L4CON), "Layer4 connection problem");
	assert_true(check_code_passes(CHECK_L7OK));
	assert_false(check_code_passes(CHECK_L7STS));
	assert_false(check_code_passes(CHECK_LACKING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_conf_init__defaults__haproxys),
		cmocka_unit_test(check_result__recorded_sequence__same_as_haproxy),
		cmocka_unit_test(check_result__first_failure_after_start__down),
		cmocka_unit_test(check_init__init_state__first_or_last_result_decides),
		cmocka_unit_test(check_result__failure_while_rising__counts_from_zero),
		cmocka_unit_test(check_result__rise_and_fall_of_one__each_result_decides),
		cmocka_unit_test(check_result__lack__says_nothing_of_the_server),
		cmocka_unit_test(check_result__any_sequence__stays_in_range),
		cmocka_unit_test(check_set_health__beyond_range__clamped_and_reported),
		cmocka_unit_test(check_interval__without_fast_and_down__inter),
		cmocka_unit_test(check_timeouts__as_timeout_check_says),
		cmocka_unit_test(check_conf_copy__strings_and_script__own_and_equal),
		cmocka_unit_test(check_code__every_code__has_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
