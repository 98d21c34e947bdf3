/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Command line of xlbd, also as scripts written for haproxy use it. */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "xlbd/options.h"

enum { MAX_WORDS = 8, GO_ON = -1 };

/* clang-format off */
static const struct row {
	const char *words[MAX_WORDS];
	int code; /* GO_ON, or the exit code */
	size_t nr_paths;
	bool check, quiet, background, strict;
	const char *instance;
} rows[] = {
	{ { NULL }, .code = GO_ON, .instance = NULL },
	{ { "-f", "a.cfg", "-f", "dir", "-n", "two" }, .code = GO_ON, .nr_paths = 2, .instance = "two" },
	{ { "--file=a", "--strict", "--daemon" }, .code = GO_ON, .nr_paths = 1, .strict = true, .background = true },
	{ { "-c", "-q", "-f", "a.cfg" }, .code = GO_ON, .nr_paths = 1, .check = true, .quiet = true },
	{ { "-c", "-V", "-f", "a.cfg" }, .code = GO_ON, .nr_paths = 1, .check = true },
	{ { "-V", "-c", "-f", "a.cfg" }, .code = GO_ON, .nr_paths = 1, .check = true },
	{ { "-V" }, .code = 0 },
	{ { "-v" }, .code = 0 },
	{ { "--version" }, .code = 0 },
	{ { "-h" }, .code = 0 },
	{ { "-f" }, .code = 2 },
	{ { "--nope" }, .code = 2 },
	{ { "-Z" }, .code = 2 },
	{ { "a.cfg" }, .code = 2 },
};
/* clang-format on */

static void options_parse__each_line__as_promised(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		char *argv[MAX_WORDS + 2] = { (char *)"xlbd" };
		struct options opt = { 0 };
		int argc = 1;

		while (argc <= MAX_WORDS && r->words[argc - 1]) {
			argv[argc] = (char *)r->words[argc - 1];
			argc++;
		}
		optind = 0;
		assert_int_equal(options_parse(argc, argv, &opt), r->code);
		assert_int_equal(opt.nr_paths, r->nr_paths);
		assert_int_equal(opt.check, r->check);
		assert_int_equal(opt.quiet, r->quiet);
		assert_int_equal(opt.background, r->background);
		assert_int_equal(opt.strict, r->strict);
		if (r->instance)
			assert_string_equal(opt.instance, r->instance);
		else
			assert_null(opt.instance);
	}
}

static void options_parse__too_many_files__refused(void **state)
{
	char *argv[2 * (OPTIONS_MAX_PATHS + 1) + 2] = { (char *)"xlbd" };
	struct options opt = { 0 };
	int argc = 1;

	(void)state;
	for (int i = 0; i <= OPTIONS_MAX_PATHS; i++) {
		argv[argc++] = (char *)"-f";
		argv[argc++] = (char *)"a.cfg";
	}
	optind = 0;
	assert_int_equal(options_parse(argc, argv, &opt), 2);
	optind = 0;
	assert_int_equal(options_parse(argc - 2, argv, &opt), GO_ON);
	assert_int_equal(opt.nr_paths, OPTIONS_MAX_PATHS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_parse__each_line__as_promised),
		cmocka_unit_test(options_parse__too_many_files__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
