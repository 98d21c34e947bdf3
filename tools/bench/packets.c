/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench-packets: nanoseconds per packet above an empty program, by path and number of flows, of xlb, of the yardstick
 * and of a bare rewrite, in one run. See README.md for the method and how to read the table.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "measure.h"

enum { NR_TARGETS = 3, MAX_ROUNDS = 101, MAX_COUNTS = 8, DEFAULT_CAPACITY = 256 << 10 };

static const struct target *const targets[NR_TARGETS] = { &target_xlb, &target_yardstick, &target_bare };
enum { XLB, YARDSTICK, BARE };

static const char *const path_names[NR_PATHS] = {
	[PATH_REQUEST] = "hit request",
	[PATH_REPLY] = "hit reply",
	[PATH_NEW] = "new flow",
	[PATH_OTHER_ADDR] = "pass, other address",
	[PATH_OTHER_PORT] = "pass, other port",
};

struct options {
	int rounds;
	uint32_t packets;	    /* per round */
	uint32_t flows[MAX_COUNTS]; /* up to the first 0 */
	uint32_t capacity;	    /* flows that the tables have room for; more if there are more flows */
	const char *only;	    /* part of the names of the paths to measure; NULL: all */
	const char *csv;
};

/* Per target: median and extremes of the rounds; and the cheapest target less the cheapest front, which is what a
 * packet costs while nobody else uses the core or its caches. */
struct row {
	enum bench_path path;
	uint32_t flows;
	bool measured[NR_TARGETS];
	double ns[NR_TARGETS];
	double low[NR_TARGETS];
	double high[NR_TARGETS];
	double quiet[NR_TARGETS];
	uint64_t wrong[NR_TARGETS];
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* New flows fill the table: fewer of them, so that it stays at the load that the daemon gives it. */
static uint32_t packets_of_round(enum bench_path path, const struct options *opt)
{
	uint32_t most = DEFAULT_CAPACITY / 8 / (uint32_t)opt->rounds;

	return path == PATH_NEW && opt->packets > most ? most : opt->packets;
}

/* Rounds with very many flows take long. */
static int rounds_of(const struct row *row, const struct options *opt)
{
	return row->flows > DEFAULT_CAPACITY ? (opt->rounds + 1) / 2 : opt->rounds;
}

/* Fills the row's figures of target 't' from its rounds. */
static void summarize(struct row *row, int t, const struct cost *costs, int rounds)
{
	double ns[MAX_ROUNDS], base = costs[0].base, raw = costs[0].raw;

	for (int r = 0; r < rounds; r++) {
		ns[r] = costs[r].raw - costs[r].base;
		base = costs[r].base < base ? costs[r].base : base;
		raw = costs[r].raw < raw ? costs[r].raw : raw;
	}
	qsort(ns, (size_t)rounds, sizeof(ns[0]), by_value);
	row->ns[t] = ns[rounds / 2];
	row->low[t] = ns[0];
	row->high[t] = ns[rounds - 1];
	row->quiet[t] = raw - base;
}

static int measure_row(struct subject *const *subjects, const struct options *opt, struct row *row)
{
	struct cost costs[NR_TARGETS][MAX_ROUNDS];
	uint32_t packets = packets_of_round(row->path, opt);
	int rounds = rounds_of(row, opt);
	uint64_t wrong;
	int err;

	for (int t = 0; t < NR_TARGETS; t++)
		row->measured[t] = row->path != PATH_NEW || targets[t]->has_flows;
	for (int r = 0; r < rounds; r++) {
		for (int t = 0; t < NR_TARGETS; t++) {
			if (!row->measured[t])
				continue;
			err = subject_measure(subjects[t], row->path, packets, &costs[t][r], &wrong);
			if (err) {
				fprintf(stderr, "bench: %s, %s: %s\n", targets[t]->name, path_names[row->path],
					strerror(-err));
				return err;
			}
			row->wrong[t] += wrong;
		}
	}
	for (int t = 0; t < NR_TARGETS; t++)
		if (row->measured[t])
			summarize(row, t, costs[t], rounds);
	return 0;
}

static void print_row(const struct row *row, FILE *csv)
{
	printf("%-20s %8u", path_names[row->path], row->flows);
	for (int t = 0; t < NR_TARGETS; t++) {
		if (row->measured[t])
			printf(" %9.1f", row->ns[t]);
		else
			printf(" %9s", "-");
	}
	printf(" %7.2f %12.1f %7.2f\n", row->ns[XLB] / row->ns[YARDSTICK], row->quiet[XLB],
	       row->quiet[XLB] / row->quiet[YARDSTICK]);
	for (int t = 0; t < NR_TARGETS; t++)
		if (row->wrong[t])
			printf("  note: %s did something else with %llu of these packets\n", targets[t]->name,
			       (unsigned long long)row->wrong[t]);
	fflush(stdout);
	if (!csv)
		return;
	for (int t = 0; t < NR_TARGETS; t++)
		if (row->measured[t])
			fprintf(csv, "%s,%u,%s,%.2f,%.2f,%.2f,%.2f\n", path_names[row->path], row->flows,
				targets[t]->name, row->ns[t], row->low[t], row->high[t], row->quiet[t]);
	fflush(csv);
}

static void print_target(const struct row *r, const char *unit, double measured, double quiet, double most)
{
	printf("%-20s %8u %8.2f %-2s %8.2f %-2s %8.2f %-2s  %s%s\n", path_names[r->path], r->flows, measured, unit,
	       quiet, unit, most, unit, measured <= most ? "met" : "not met",
	       measured > most && quiet <= most ? ", but met in the quietest rounds" : "");
}

/* What the project promises, as information. */
static void print_targets(const struct row *rows, int nr)
{
	printf("\n%-20s %8s %11s %11s %11s\n", "target", "flows", "measured", "quiet", "at most");
	for (int i = 0; i < nr; i++) {
		const struct row *r = &rows[i];
		double ratio = r->ns[XLB] / r->ns[YARDSTICK], quiet = r->quiet[XLB] / r->quiet[YARDSTICK];
		bool hit = r->path == PATH_REQUEST || r->path == PATH_REPLY;

		if (hit && r->flows == 1)
			print_target(r, "ns", r->ns[XLB], r->quiet[XLB], 30);
		if (hit)
			print_target(r, "x", ratio, quiet, r->flows == 1 ? 0.35 : 0.45);
		else if (r->path == PATH_NEW)
			print_target(r, "x", ratio, quiet, 0.4);
		else
			print_target(r, "ns", r->ns[XLB], r->quiet[XLB], 8);
	}
}

/* All paths at one number of flows; rows are appended to 'rows'. 0, -errno. */
static int measure_flows(const struct scene *scene, uint32_t flows, const struct options *opt, FILE *csv,
			 struct row *rows, int *nr_rows)
{
	uint32_t capacity = flows > opt->capacity ? flows : opt->capacity;
	struct subject *subjects[NR_TARGETS] = { 0 };
	int err = 0;

	for (int t = 0; t < NR_TARGETS && !err; t++)
		err = subject_open(scene, targets[t], flows, capacity, &subjects[t]);
	for (int p = 0; p < NR_PATHS && !err; p++) {
		struct row *row = &rows[*nr_rows];

		if (opt->only && !strstr(path_names[p], opt->only))
			continue;
		*row = (struct row){ .path = (enum bench_path)p, .flows = flows };
		err = measure_row(subjects, opt, row);
		if (err)
			break;
		print_row(row, csv);
		(*nr_rows)++;
	}
	for (int t = 0; t < NR_TARGETS; t++)
		subject_close(subjects[t]);
	return err;
}

/* "1,10000,65536". False if it is not a list of numbers from 1 to MAX_FLOWS. */
static bool parse_counts(const char *text, uint32_t *ret)
{
	char *end = (char *)text;

	memset(ret, 0, MAX_COUNTS * sizeof(*ret));
	for (int i = 0; i < MAX_COUNTS - 1; i++) {
		unsigned long n = strtoul(text, &end, 10);

		if (end == text || n < 1 || n > MAX_FLOWS)
			return false;
		ret[i] = (uint32_t)n;
		if (!*end)
			return true;
		text = end + (*end == ',');
	}
	return false;
}

static int parse_options(int argc, char **argv, struct options *opt)
{
	int c;

	while ((c = getopt(argc, argv, "r:p:f:c:k:o:h")) != -1) {
		switch (c) {
		case 'r':
			opt->rounds = atoi(optarg);
			break;
		case 'p':
			opt->packets = (uint32_t)atoi(optarg);
			break;
		case 'f':
			if (!parse_counts(optarg, opt->flows)) {
				fprintf(stderr, "bench: -f %s: give up to %d numbers from 1 to %d, with commas\n",
					optarg, MAX_COUNTS - 1, MAX_FLOWS);
				return -EINVAL;
			}
			break;
		case 'c':
			opt->capacity = (uint32_t)atoi(optarg);
			break;
		case 'k':
			opt->only = optarg;
			break;
		case 'o':
			opt->csv = optarg;
			break;
		default:
			fprintf(stderr, "usage: bench-packets [-r ROUNDS] [-p PACKETS-PER-ROUND] [-f FLOWS,...] [-c "
					"CAPACITY] [-k PATH] [-o CSV]\n");
			return -EINVAL;
		}
	}
	if (opt->rounds < 1 || opt->rounds > MAX_ROUNDS || opt->packets < 1000 || opt->capacity < 1024) {
		fprintf(stderr, "bench: rounds must be 1 to %d, packets and capacity at least 1000\n", MAX_ROUNDS);
		return -EINVAL;
	}
	return 0;
}

/* Stays on one CPU: per-CPU lists and caches belong to the state that is measured. */
static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	struct options opt = {
		.rounds = 11, .packets = 1 << 16, .capacity = DEFAULT_CAPACITY, .flows = { 1, 10000, 65536, MAX_FLOWS }
	};
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct row rows[NR_PATHS * MAX_COUNTS];
	struct scene scene;
	FILE *csv = NULL;
	int err, nr_rows = 0;

	if (parse_options(argc, argv, &opt))
		return 2;
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	stay_here();
	err = scene_open(&scene);
	if (err) {
		fprintf(stderr, "bench: cannot build a network namespace (%s): needs root, and ip from iproute2\n",
			strerror(-err));
		return 1;
	}
	if (opt.csv) {
		csv = fopen(opt.csv, "we");
		if (!csv) {
			fprintf(stderr, "bench: %s: %s\n", opt.csv, strerror(errno));
			return 1;
		}
		fprintf(csv, "path,flows,program,ns,lowest,highest,quiet\n");
	}
	printf("nanoseconds per packet above an empty program, median of %d rounds\n", opt.rounds);
	printf("%-20s %8s %9s %9s %9s %7s %12s %7s\n", "path", "flows", "xlb", "yardstick", "bare", "ratio",
	       "quiet: xlb", "ratio");
	for (int i = 0; i < MAX_COUNTS && opt.flows[i] && !err; i++)
		err = measure_flows(&scene, opt.flows[i], &opt, csv, rows, &nr_rows);
	print_targets(rows, nr_rows);
	if (csv && fclose(csv))
		err = -errno;
	return err ? 1 : 0;
}
