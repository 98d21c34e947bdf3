// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet program, packet by packet: all groups in one process, so that the last case can tell which reasons no
 * case has produced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

/* Reasons that no packet can produce: "cannot happen" is what BUG means. */
static const uint64_t unreachable = 1ull << XLB_R_BUG;

static void reasons__all_cases_run__each_was_produced(void **state)
{
	int reason;

	(void)state;
	for (reason = XLB_R_NONE + 1; reason < XLB_R_MAX; reason++)
		if (!((fix_seen_reasons | unreachable) >> reason & 1))
			fail_msg("no test produces reason number %d of reason.h", reason);
}

/* An argument names the only group to run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest last[] = { cmocka_unit_test(reasons__all_cases_run__each_was_produced) };
	const char *only = argc > 1 ? argv[1] : NULL;
	int failed = 0;

	if (geteuid()) {
		fprintf(stderr, "needs root: the kernel runs the program\n");
		return 77;
	}
	srand(1);
#define RUN_GROUP(name)                                                                                                \
	if (!only || !strcmp(only, #name))                                                                             \
		failed += _cmocka_run_group_tests(#name, name##_tests, nr_##name##_tests, NULL, NULL);
	FIX_GROUPS(RUN_GROUP)
	if (!only)
		failed += cmocka_run_group_tests_name("reasons", last, NULL, NULL);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
