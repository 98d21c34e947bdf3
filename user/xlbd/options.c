/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Command line of xlbd: one row per option, from which the short string, the long table and the help text are made.
 *
 * Letters are HAProxy's where it has the option (-f -c -q -V -v -D); -n, --run-dir, --bpffs and --state-dir are common
 * to all programs of xlb.
 */
#include "xlbd/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"

enum option_kind { OPT_FLAG, OPT_TEXT, OPT_PATH, OPT_HELP, OPT_VERSION };

/* Long options without a letter are numbered from here. */
enum { OPT_RUN_DIR = 256, OPT_BPFFS, OPT_STATE_DIR, OPT_STRICT, OPT_JSON };

static const struct row {
	int letter;
	enum option_kind kind;
	const char *name;
	size_t offset; /* of the member of struct options */
	const char *arg;
	const char *help;
} rows[] = {
	{ 'f', OPT_PATH, "file", 0, "FILE", "configuration file, or directory of *.cfg; may be repeated" },
	{ 'n', OPT_TEXT, "instance", offsetof(struct options, instance), "NAME",
	  "instance, default $XLB_INSTANCE or xlb" },
	{ 'c', OPT_FLAG, "check", offsetof(struct options, check), NULL,
	  "check the configuration and exit with 0 or 1" },
	{ 'q', OPT_FLAG, "quiet", offsetof(struct options, quiet), NULL, "print errors only" },
	{ 'd', OPT_FLAG, "debug", offsetof(struct options, verbose), NULL, "log debug lines too" },
	{ 'D', OPT_FLAG, "daemon", offsetof(struct options, background), NULL, "go to the background once ready" },
	{ OPT_STRICT, OPT_FLAG, "strict", offsetof(struct options, strict), NULL,
	  "refuse frontends that need layer 7 instead of leaving them to the host" },
	{ OPT_RUN_DIR, OPT_TEXT, "run-dir", offsetof(struct options, run_dir), "DIR",
	  "sockets and locks, default /run/xlb" },
	{ OPT_BPFFS, OPT_TEXT, "bpffs", offsetof(struct options, bpffs), "DIR",
	  "bpf file system, default /sys/fs/bpf" },
	{ OPT_STATE_DIR, OPT_TEXT, "state-dir", offsetof(struct options, state_dir), "DIR",
	  "what outlives a restart, default /var/lib/xlb" },
	{ 'v', OPT_VERSION, "version", 0, NULL, "print the version" },
	{ 'V', OPT_FLAG, NULL, offsetof(struct options, version), NULL, "the same; with -c a verdict on each line" },
	{ OPT_JSON, OPT_FLAG, "json", offsetof(struct options, json), NULL, "with -c: all that was found as JSON" },
	{ 'h', OPT_HELP, "help", 0, NULL, "this text" },
};

enum { NR_ROWS = sizeof(rows) / sizeof(rows[0]) };

static void print_help(void)
{
	puts("Usage: xlbd [-f FILE]... [-n INSTANCE] [OPTION]...\n"
	     "Balances the TCP and UDP services of a haproxy.cfg inside the kernel.\n");
	for (size_t i = 0; i < NR_ROWS; i++) {
		const struct row *r = &rows[i];
		char left[64], letter[8] = "   ";

		if (r->letter < 256)
			snprintf(letter, sizeof(letter), "-%c%s", r->letter, r->name ? "," : "");
		snprintf(left, sizeof(left), "%s %s%s %s", letter, r->name ? "--" : "", r->name ? r->name : "",
			 r->arg ? r->arg : "");
		printf("  %-26s %s\n", left, r->help);
	}
	puts("\nWithout -f: /etc/xlb/xlb.cfg and /etc/xlb/conf.d, as far as they exist.\n"
	     "Example: xlbd -c -f /etc/haproxy/haproxy.cfg");
}

static void print_version(void)
{
	printf("xlbd version %s %s\n", XLB_VERSION, XLB_RELEASE_DATE);
}

/* getopt's own tables. */
static void make_tables(char *letters, struct option *longs)
{
	*letters++ = ':';
	for (size_t i = 0; i < NR_ROWS; i++) {
		bool has_arg = rows[i].arg;

		if (rows[i].letter < 256) {
			*letters++ = (char)rows[i].letter;
			if (has_arg)
				*letters++ = ':';
		}
		if (rows[i].name)
			*longs++ = (struct option){ rows[i].name, has_arg, NULL, rows[i].letter };
	}
	*letters = '\0';
	memset(longs, 0, sizeof(*longs));
}

/* Enters one option. Returns -1 to go on, else an exit code. */
static int enter(const struct row *r, struct options *opt)
{
	void *member = (char *)opt + r->offset;

	switch (r->kind) {
	case OPT_FLAG:
		*(bool *)member = true;
		return -1;
	case OPT_TEXT:
		*(const char **)member = optarg;
		return -1;
	case OPT_PATH:
		if (opt->nr_paths == OPTIONS_MAX_PATHS) {
			fprintf(stderr, "xlbd: more than %d times -f; name a directory instead\n", OPTIONS_MAX_PATHS);
			return 2;
		}
		opt->paths[opt->nr_paths++] = optarg;
		return -1;
	case OPT_HELP:
		print_help();
		return 0;
	case OPT_VERSION:
		print_version();
		return 0;
	}
	return 2;
}

int options_parse(int argc, char **argv, struct options *ret)
{
	struct options opt = { 0 };
	struct option longs[NR_ROWS + 1];
	char letters[2 * NR_ROWS + 2];
	int c, code;

	make_tables(letters, longs);
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct row *r = NULL;

		for (size_t i = 0; i < NR_ROWS; i++)
			if (rows[i].letter == c)
				r = &rows[i];
		if (!r) {
			fprintf(stderr, "xlbd: %s '%s'; see xlbd --help\n",
				c == ':' ? "argument missing after" : "unknown option", argv[optind - 1]);
			return 2;
		}
		code = enter(r, &opt);
		if (code >= 0)
			return code;
	}
	if (optind < argc) {
		fprintf(stderr, "xlbd: unexpected word '%s'; configuration files are named with -f\n", argv[optind]);
		return 2;
	}
	if (opt.version && !opt.check) {
		print_version();
		return 0;
	}
	*ret = opt;
	return -1;
}
