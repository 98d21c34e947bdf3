/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From one server-state file to another: the commands in between, and files that are not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "xlbctl/restore.h"

static struct restore_plan plan;
static struct diag_list diags;
static char saved[4096], now[4096];

static int setup(void **state)
{
	(void)state;
	diag_init(&diags);
	strcpy(saved, "1\n# be_id be_name and so on\n");
	strcpy(now, saved);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	diag_fini(&diags);
	restore_plan_free(&plan);
	return 0;
}

/* A row of HAProxy's layout. */
static void add(char *text, const char *name, const char *addr, unsigned int admin, unsigned int weight,
		unsigned int check, unsigned int port)
{
	char row[512];

	snprintf(row, sizeof(row), "3 be 1 %s %s 2 %u %u 10 99 6 3 4 %u 0 0 0 - %u - 0 0 - - 0\n", name, addr, admin,
		 weight, check, port);
	strcat(text, row);
}

static void make(void)
{
	assert_int_equal(restore_plan("saved", saved, now, &diags, &plan), 0);
}

static void step(size_t i, const char *action, const char *property, const char *value)
{
	assert_true(i < plan.nr);
	assert_string_equal(plan.steps[i].server, "be/s1");
	assert_string_equal(plan.steps[i].action, action);
	if (property)
		assert_string_equal(plan.steps[i].property, property);
	else
		assert_null(plan.steps[i].property);
	assert_string_equal(plan.steps[i].value, value);
}

static void restore__same__no_step(void **state)
{
	(void)state;
	add(saved, "s1", "10.0.0.1", 0, 10, 6, 80);
	add(now, "s2", "10.0.0.2", 8, 10, 6, 80);
	add(now, "s1", "10.0.0.1", 0, 10, 6, 80);
	make();
	assert_int_equal(plan.nr, 0);
}

static void restore__all_differs__state_last(void **state)
{
	(void)state;
	add(saved, "s1", "2001:db8::1", 8, 3, 2, 81);
	add(now, "s1", "10.0.0.1", 0, 10, 6, 80);
	make();
	assert_int_equal(plan.nr, 4);
	step(0, "set", "addr", "[2001:db8::1]:81");
	step(1, "weight", NULL, "3");
	step(2, "set", "check", "off");
	step(3, "drain", NULL, "");
}

static void restore__states__maint_and_ready(void **state)
{
	(void)state;
	add(saved, "s1", "10.0.0.1", 1 | 8, 10, 6, 80);
	add(now, "s1", "10.0.0.1", 8, 10, 2, 80);
	make();
	assert_int_equal(plan.nr, 2);
	step(0, "set", "check", "on");
	step(1, "maint", NULL, "");
	restore_plan_free(&plan);
	setup(state);
	add(saved, "s1", "10.0.0.1", 2, 10, 6, 80); /* inherited by track: not an operator's word */
	add(now, "s1", "10.0.0.1", 1, 10, 0, 80);   /* no check any more: nothing to turn on */
	make();
	assert_int_equal(plan.nr, 1);
	step(0, "ready", NULL, "");
}

/* Refused with 'nr' errors, the first in 'line' with 'text' in it. */
static void refused(const char *text_of_file, size_t nr, unsigned int line, const char *text)
{
	const struct diag *d;

	add(now, "s1", "10.0.0.1", 0, 10, 6, 80);
	assert_int_equal(restore_plan("saved", text_of_file, now, &diags, &plan), -22);
	assert_int_equal(plan.nr, 0);
	assert_int_equal(diags.nr[DIAG_ERROR], nr);
	d = TAILQ_FIRST(&diags.head);
	assert_string_equal(d->file, "saved");
	assert_int_equal(d->line, line);
	assert_non_null(strstr(d->text, text));
	diag_fini(&diags);
	setup(NULL);
}

static void restore__damaged__refused_with_line(void **state)
{
	(void)state;
	refused("", 1, 0, "empty");
	refused("global\n    maxconn 5\n", 1, 1, "first line");
	refused("1\n3 be 1 s1 10.0.0.1 2\n", 1, 2, "25 columns");
	add(saved, "s1", "10.0.0.1", 0, 10, 6, 80);
	add(saved, "s1", "10.0.0.1", 0, 257, 6, 80);
	refused(saved, 1, 4, "srv_uweight");
	add(saved, "s1", "10.0.0", 0, 10, 6, 80);
	add(saved, "s1", "10.0.0.1", 0, 10, 6, 65536);
	add(saved, "s1", "10.0.0.1", 128, 10, 6, 80);
	refused(saved, 3, 3, "srv_addr");
}

static void restore__unknown_servers__all_told(void **state)
{
	(void)state;
	add(saved, "s8", "10.0.0.1", 0, 10, 6, 80);
	add(saved, "s1", "10.0.0.1", 0, 11, 6, 80);
	add(saved, "s9", "10.0.0.1", 0, 10, 6, 80);
	refused(saved, 2, 3, "does not run");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(restore__same__no_step, setup, teardown),
		cmocka_unit_test_setup_teardown(restore__all_differs__state_last, setup, teardown),
		cmocka_unit_test_setup_teardown(restore__states__maint_and_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(restore__damaged__refused_with_line, setup, teardown),
		cmocka_unit_test_setup_teardown(restore__unknown_servers__all_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
