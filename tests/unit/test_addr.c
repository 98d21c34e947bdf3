/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses and their text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"

static void addr_parse__numeric_text__round_trip(void **state)
{
	static const char *const texts[] = { "10.211.55.4", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::5" };
	char buf[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(texts[i], &a), 0);
		assert_string_equal(addr_format(&a, buf), texts[i]);
	}
}

static void addr_parse__anything_else__refused_and_untouched(void **state)
{
	static const char *const texts[] = { "",      "10.0.0", "10.0.0.256", "10.0.0.1:80",
					     "[::1]", "host",	"1.2.3.4 ",   "0x7f.1" };
	struct addr a = { .family = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(texts[i], &a), -EINVAL);
		assert_int_equal(a.family, 77);
	}
}

static void addr_format__with_port_and_none__as_promised(void **state)
{
	struct addr a = { 0 };
	char buf[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_format(&a, buf), "-");
	assert_int_equal(addr_parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", &a), 0);
	assert_string_equal(addr_format_port(&a, 65535, buf), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	assert_int_equal(addr_parse("10.0.0.1", &a), 0);
	assert_string_equal(addr_format_port(&a, 80, buf), "10.0.0.1:80");
}

static void addr_equal__families_and_any__told_apart(void **state)
{
	struct addr none = { 0 }, v4 = { 0 }, v6 = { 0 }, other = { 0 };

	(void)state;
	assert_int_equal(addr_parse("0.0.0.0", &v4), 0);
	assert_int_equal(addr_parse("::", &v6), 0);
	assert_int_equal(addr_parse("10.0.0.1", &other), 0);
	assert_true(addr_is_any(&v4) && addr_is_any(&v6));
	assert_false(addr_is_any(&none) || addr_is_any(&other));
	assert_true(addr_equal(&none, &none) && addr_equal(&v4, &v4) && addr_equal(&v6, &v6));
	assert_false(addr_equal(&v4, &v6) || addr_equal(&v4, &other) || addr_equal(&none, &v4));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(addr_parse__numeric_text__round_trip),
		cmocka_unit_test(addr_parse__anything_else__refused_and_untouched),
		cmocka_unit_test(addr_format__with_port_and_none__as_promised),
		cmocka_unit_test(addr_equal__families_and_any__told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
