/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Source port ranges against the host's ephemeral range. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "model/ports.h"

static void ports_default__takes_the_larger_part_outside_the_ephemeral_range(void **state)
{
	static const struct {
		struct port_range ephemeral, expect;
	} rows[] = {
		{ { 32768, 60999 }, { 1024, 32767 } }, /* Linux' own default */
		{ { 1024, 4999 }, { 5000, 65535 } },
		{ { 15000, 65535 }, { 1024, 14999 } },
		{ { 1024, 65534 }, { 65535, 65535 } },
		{ { 1, 500 }, { 1024, 65535 } },
		{ { 1, 0 }, { 1024, 65535 } },
		{ { 33280, 33280 }, { 1024, 33279 } }, /* parts of equal size: the lower */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct port_range r = ports_default(rows[i].ephemeral);

		assert_int_equal(r.lo, rows[i].expect.lo);
		assert_int_equal(r.hi, rows[i].expect.hi);
	}
}

static void ports_default__nothing_left__empty(void **state)
{
	struct port_range all = ports_default((struct port_range){ 1024, 65535 });
	struct port_range more = ports_default((struct port_range){ 1, 65535 });

	(void)state;
	assert_true(all.lo > all.hi);
	assert_true(more.lo > more.hi);
}

static void ports_default__any_ephemeral_range__never_overlaps_it(void **state)
{
	(void)state;
	for (unsigned int lo = 1; lo <= 65535; lo += 257) {
		for (unsigned int hi = lo; hi <= 65535; hi += 509) {
			struct port_range eph = { (uint16_t)lo, (uint16_t)hi };
			struct port_range r = ports_default(eph);

			assert_false(port_ranges_overlap(r, eph));
			assert_true(r.lo > r.hi || r.lo >= 1024);
		}
	}
}

static void port_ranges_overlap__edges__inclusive(void **state)
{
	(void)state;
	assert_true(port_ranges_overlap((struct port_range){ 10, 20 }, (struct port_range){ 20, 30 }));
	assert_true(port_ranges_overlap((struct port_range){ 20, 30 }, (struct port_range){ 10, 20 }));
	assert_true(port_ranges_overlap((struct port_range){ 1, 65535 }, (struct port_range){ 65535, 65535 }));
	assert_true(port_ranges_overlap((struct port_range){ 15, 16 }, (struct port_range){ 10, 20 }));
	assert_false(port_ranges_overlap((struct port_range){ 10, 20 }, (struct port_range){ 21, 30 }));
	assert_false(port_ranges_overlap((struct port_range){ 1, 0 }, (struct port_range){ 0, 65535 }));
}

static void ports_check__each_fault__its_own_error(void **state)
{
	const struct port_range eph = { 32768, 60999 };

	(void)state;
	assert_int_equal(ports_check((struct port_range){ 1024, 32767 }, eph), 0);
	assert_int_equal(ports_check((struct port_range){ 61000, 61063 }, eph), 0);
	assert_int_equal(ports_check((struct port_range){ 1024, 32768 }, eph), -EADDRINUSE);
	assert_int_equal(ports_check((struct port_range){ 60999, 65535 }, eph), -EADDRINUSE);
	assert_int_equal(ports_check((struct port_range){ 0, 1000 }, eph), -EINVAL);
	assert_int_equal(ports_check((struct port_range){ 2000, 1999 }, eph), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_default__takes_the_larger_part_outside_the_ephemeral_range),
		cmocka_unit_test(ports_default__nothing_left__empty),
		cmocka_unit_test(ports_default__any_ephemeral_range__never_overlaps_it),
		cmocka_unit_test(port_ranges_overlap__edges__inclusive),
		cmocka_unit_test(ports_check__each_fault__its_own_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
