/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ring of log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/log.h"
#include "xlbd/events.h"

static void events_next__lines__in_order_once(void **state)
{
	struct events *e = NULL;
	uint64_t seq = 0, lost = 7;
	const char *line;

	(void)state;
	assert_int_equal(events_start(&e), 0);
	assert_null(events_next(e, &seq, &lost));
	log_msg(LOG_L_ERROR, "checks", "one %d", 1);
	log_msg(LOG_L_ERROR, "checks", "two");
	line = events_next(e, &seq, &lost);
	assert_string_equal(line + 27, " error checks: one 1"); /* behind 2026-01-01T00:00:00.000000Z */
	assert_int_equal(line[26], 'Z');
	assert_int_equal(lost, 0);
	assert_non_null(strstr(events_next(e, &seq, &lost), "two"));
	assert_null(events_next(e, &seq, &lost));
	events_stop(e);
	log_msg(LOG_L_ERROR, "checks", "three"); /* to nobody */
}

static void events_next__ring_is_full__loss_is_told(void **state)
{
	struct events *e = NULL;
	uint64_t seq = 0, lost = 0, nr = 0, sum = 0;

	(void)state;
	assert_int_equal(events_start(&e), 0);
	for (int i = 0; i < 3000; i++)
		log_msg(LOG_L_ERROR, "x", "%d", i);
	while (events_next(e, &seq, &lost)) {
		nr++;
		sum += lost;
	}
	assert_int_equal(nr, 1024);
	assert_int_equal(nr + sum, 3000);
	assert_int_equal(seq, 3000);
	events_stop(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_next__lines__in_order_once),
		cmocka_unit_test(events_next__ring_is_full__loss_is_told),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
