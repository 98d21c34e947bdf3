/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Table-driven tests of configuration texts. */
#ifndef TESTS_CONFIG_CASE_H
#define TESTS_CONFIG_CASE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

/*
 * Unless CASE_BARE, everything in model/capability.h is in force, so that no case depends on what this version can do.
 */
enum {
	CASE_STRICT = 1u << 0, /* a frontend that needs a proxy is an error */
	CASE_BARE = 1u << 1,   /* nothing is in force */
};

/*
 * A text, the diagnostics it must give ("E C0102 3:5", one per line, in order; those on the whole file left out when
 * they are notes), and, where it loads, the model written out by config_model_text().
 */
struct config_case {
	const char *name;
	const char *text;
	const char *diags; /* expected */
	const char *model; /* expected, NULL: must not load */
	unsigned int how;  /* CASE_* */
};

/* Prints what differs. */
bool config_case_run(const struct config_case *c);

/* One line for each element, to be freed by the caller. */
char *config_model_text(const struct model *m);

/* All cases are run, then the test fails if one did. */
#define RUN(cases)                                                                                                     \
	do {                                                                                                           \
		size_t i_, failed_ = 0;                                                                                \
		(void)state;                                                                                           \
		for (i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++)                                            \
			failed_ += !config_case_run(&(cases)[i_]);                                                     \
		assert_int_equal(failed_, 0);                                                                          \
	} while (0)

#endif
