/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Command line of xlbd. A table; knows nothing of what the options lead to. */
#ifndef XLBD_OPTIONS_H
#define XLBD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { OPTIONS_MAX_PATHS = 64 };

struct options {
	const char *paths[OPTIONS_MAX_PATHS]; /* -f, in order; the strings are those of argv */
	size_t nr_paths;
	const char *instance, *run_dir, *bpffs, *state_dir; /* NULL: see paths_init() */
	bool check;					    /* -c: read the files, say what is wrong with them, leave */
	bool quiet;					    /* -q: errors only */
	bool verbose;					    /* -d: debug lines */
	bool version; /* -V: the version, or with -c a verdict per line: scripts call 'haproxy -c -V -f FILE' */
	bool json;    /* --json: with -c all that was found as one object */
	bool strict;
	bool background; /* -D */
};

/*
 * Reads the command line. Returns -1 to go on, else the exit code of the process: 0 after help or version, 2 after a
 * message about wrong use.
 */
int options_parse(int argc, char **argv, struct options *ret);

#endif
