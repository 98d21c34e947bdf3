/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* xlbd -c: reads the configuration, says what it found, and leaves everything as it is. */
#ifndef XLBD_CHECKONLY_H
#define XLBD_CHECKONLY_H

#include "xlbd/options.h"

/*
 * Returns the exit code that `haproxy -c` would give: 0 or 1. Messages go to standard error; with -V the verdict on
 * each line comes before them, to standard output. With --json all of it is one object on standard output:
 *
 *   {"valid": true, "result": "running configuration unchanged",
 *    "lines": [{"file", "line", "verdict", "text", "why"}], "diagnostics": [{"level", "code", "file", "line", "column",
 *    "length", "text", "hint"}]}
 *
 * where what is not known is null.
 */
int check_only(const struct options *opt);

#endif
