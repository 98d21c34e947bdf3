// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet program, packet by packet: all groups in one process, so that the last case can tell which reasons no
 * case has produced.
 */
#include <stdio.h>
#include <stdlib.h>
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

int main(void)
{
	const struct CMUnitTest last[] = { cmocka_unit_test(reasons__all_cases_run__each_was_produced) };
	int failed = 0;

	if (geteuid()) {
		fprintf(stderr, "needs root: the kernel runs the program\n");
		return 77;
	}
	srand(1);
	failed += _cmocka_run_group_tests("pass", pass_tests, nr_pass_tests, NULL, NULL);
	failed += _cmocka_run_group_tests("flow", flow_tests, nr_flow_tests, NULL, NULL);
	failed += _cmocka_run_group_tests("bad", bad_tests, nr_bad_tests, NULL, NULL);
	failed += _cmocka_run_group_tests("answer", answer_tests, nr_answer_tests, NULL, NULL);
	failed += _cmocka_run_group_tests("table", table_tests, nr_table_tests, NULL, NULL);
	failed += cmocka_run_group_tests_name("reasons", last, NULL, NULL);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
