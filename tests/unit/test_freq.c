/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rates over a window that slides (xlb/stick.h), as HAProxy's freq_ctr counts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <xlb/stick.h>

enum { PERIOD = 1000 };

static void freq__within_a_period__all_counted(void **state)
{
	struct xlb_freq f = { .since = 5000 };

	(void)state;
	for (uint32_t now = 5000; now < 6000; now += 100)
		xlb_freq_add(&f, PERIOD, now, 1);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 5999), 10);
}

static void freq__next_period__old_events_fade(void **state)
{
	struct xlb_freq f = { .since = 5000 };

	(void)state;
	xlb_freq_add(&f, PERIOD, 5500, 100);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 6000), 100);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 6250), 75); /* a quarter has left the window */
	assert_int_equal(xlb_freq_read(&f, PERIOD, 6999), 0);
	xlb_freq_add(&f, PERIOD, 6500, 7);
	assert_int_equal(f.since, 6000); /* periods follow one another without a gap */
	assert_int_equal(xlb_freq_read(&f, PERIOD, 6500), 57);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 7000), 7);
}

static void freq__long_silence__begins_anew(void **state)
{
	struct xlb_freq f = { .since = 5000 };

	(void)state;
	xlb_freq_add(&f, PERIOD, 5500, 100);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 7000), 0);
	xlb_freq_add(&f, PERIOD, 9000, 3);
	assert_int_equal(f.since, 9000);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 9000), 3);
}

static void freq__clock_wraps__as_ever(void **state)
{
	struct xlb_freq f = { .since = 0xffffff00u };

	(void)state;
	xlb_freq_add(&f, PERIOD, 0xffffff80u, 10);
	xlb_freq_add(&f, PERIOD, 0x80, 10);
	assert_int_equal(xlb_freq_read(&f, PERIOD, 0x90), 20);
}

static void freq__not_stored__nothing(void **state)
{
	struct xlb_freq f = { .since = 5000 };

	(void)state;
	xlb_freq_add(&f, 0, 5000, 4);
	assert_int_equal(xlb_freq_read(&f, 0, 5000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(freq__within_a_period__all_counted),
		cmocka_unit_test(freq__next_period__old_events_fade),
		cmocka_unit_test(freq__long_silence__begins_anew),
		cmocka_unit_test(freq__clock_wraps__as_ever),
		cmocka_unit_test(freq__not_stored__nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
