/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The differential test: random sequences of packets and changes run through the model and through the program, and
 * verdict, bytes, reasons, flows and counters must be the same. A sequence that differs is made as short as it can be
 * and shown.
 *
 * model [-s SEED] [-n PACKETS] [-p PROCESSES] [-t SECONDS] [-o OBJECT] [-q]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "invariants.h"
#include "show.h"
#include "world.h"

enum {
	SEQUENCE = 3000, /* steps */
	BUCKETS = 512,
	MAX_PROCESSES = 16,
	FULL_SEQUENCES = 100, /* on a full table */
	CANNOT_LOAD = 3,      /* exit status */
};

/* What processes tell the one that started them. */
struct result {
	uint64_t packets, reasons[XLB_R_MAX];
};

struct options {
	uint64_t seed, packets;
	unsigned int processes;
	const char *object;
	long seconds; /* to stop after, at the next sequence; 0: when the packets are done */
	bool quiet;   /* do not look for the shortest sequence */
};

/* --- sequences -----------------------------------------------------------------------------------------------------
 */

static void make_step(struct test *t, struct gen *g, struct step *s)
{
	s->is_packet = !one_in(&g->r, 40);
	s->event = rnd(&g->r, NR_EVENTS);
	s->seed = rng_next(&g->r);
	if (s->is_packet)
		gen_packet(g, &t->model, &s->frame);
}

/* Makes and runs a sequence. False: it differs, and nr_steps says where. */
static bool run_fresh(struct test *t, uint64_t seed)
{
	static struct gen g;
	unsigned int i;

	memset(&g, 0, sizeof(g));
	g.r.state = seed ^ 0x5bd1e995;
	t->world_seed = seed;
	t->loud = true;
	test_restart(t);
	for (i = 0; i < SEQUENCE; i++) {
		make_step(t, &g, &t->steps[i]);
		t->nr_steps = i + 1;
		if (test_step_differs(t, i, i == SEQUENCE - 1))
			return false;
	}
	return true;
}

/* Runs the steps again. Returns the number of the one that differs plus one, or 0. */
static unsigned int replay(struct test *t)
{
	unsigned int i;

	test_restart(t);
	for (i = 0; i < t->nr_steps; i++)
		if (test_step_differs(t, i, i == t->nr_steps - 1))
			return i + 1;
	return 0;
}

/* Takes steps out, more at a time first, as long as something still differs. */
static void shrink(struct test *t)
{
	struct step *kept = malloc(sizeof(*kept) * SEQUENCE);
	unsigned int size, at, nr, end;

	for (size = t->nr_steps / 2; kept && size; size /= 2) {
		for (at = 0; at + size < t->nr_steps;) {
			nr = t->nr_steps;
			memcpy(kept, t->steps, sizeof(*kept) * nr);
			memmove(t->steps + at, t->steps + at + size, sizeof(*kept) * (nr - at - size));
			t->nr_steps -= size;
			end = replay(t);
			if (end) {
				t->nr_steps = end;
				continue;
			}
			memcpy(t->steps, kept, sizeof(*kept) * nr);
			t->nr_steps = nr;
			at += size;
		}
	}
	free(kept);
}

static void explain(struct test *t, uint64_t seed)
{
	unsigned int end, i;

	printf("# sequence with seed %llu differs at step %u\n", (unsigned long long)seed, t->nr_steps);
	t->careful = true;
	t->loud = false;
	end = replay(t);
	if (!end) {
		printf("# ... but not again\n");
		return;
	}
	t->nr_steps = end;
	shrink(t);
	printf("# shortest sequence that differs:\n");
	for (i = 0; i < t->nr_steps; i++)
		show_step(i + 1, &t->steps[i]);
	t->loud = t->trace = true;
	replay(t);
}

/* Did the program's clock, which moves every few minutes, move under a sequence? Then the sequence is run again. */
static bool tick_went_on(struct test *t)
{
	uint64_t before = t->prog.jiffies >> 16;

	test_read_clock(t);
	return t->prog.jiffies >> 16 != before;
}

/* Sequences of one process until 'packets' are done. Returns 0 or 1. */
static int run_process(uint64_t seed, uint64_t packets, const struct options *o, struct result *ret)
{
	struct test *t = calloc(1, sizeof(*t));
	time_t started = time(NULL);
	int error, i;

	if (!t)
		return 1;
	t->steps = calloc(SEQUENCE, sizeof(*t->steps));
	t->prog.object = o->object;
	error = prog_open(&t->prog, BUCKETS);
	if (error || !t->steps) {
		printf("# cannot load: %s\n", strerror(-error));
		return CANNOT_LOAD;
	}
	while (ret->packets < packets && !(o->seconds && time(NULL) - started >= o->seconds)) {
		if (!run_fresh(t, seed)) {
			if (tick_went_on(t))
				continue;
			if (!o->quiet)
				explain(t, seed);
			return 1;
		}
		for (i = 0; i < XLB_R_MAX; i++) {
			ret->packets += t->model.reasons[i];
			ret->reasons[i] += t->model.reasons[i];
		}
		seed++;
	}
	prog_close(&t->prog);
	return 0;
}

/* A sequence on a full table: what must hold, holds. */
static const char *run_full(struct test *t, uint64_t seed)
{
	static struct invariants inv;
	static struct frame out;
	static struct gen g;
	enum xlb_reason reason;
	const char *wrong;
	int verdict;
	unsigned int i;

	memset(&g, 0, sizeof(g));
	g.r.state = seed;
	t->world_seed = seed;
	test_restart(t);
	for (i = 0; i < SEQUENCE; i++) {
		make_step(t, &g, t->steps);
		if (!t->steps->is_packet) {
			test_apply_event(t, t->steps);
			continue;
		}
		invariants_before(&inv, &t->prog);
		prog_run(&t->prog, &t->steps->frame, &out);
		wrong = invariants_after(&inv, &t->prog, &t->model.c, &t->steps->frame, t->model.tick);
		if (wrong) {
			printf("# seed %llu, step %u: %s\n", (unsigned long long)seed, i, wrong);
			show_step(i, t->steps);
			return wrong;
		}
		/* The model knows flows that found no room; they are as good as others to make packets from. */
		model_packet(&t->model, &t->steps->frame, &out, &verdict, &reason);
	}
	return NULL;
}

static int run_full_process(uint64_t seed, const struct options *o)
{
	struct test *t = calloc(1, sizeof(*t));
	unsigned int i;

	if (!t)
		return 1;
	t->steps = calloc(1, sizeof(*t->steps));
	t->prog.object = o->object;
	if (!t->steps || prog_open(&t->prog, INVARIANT_BUCKETS))
		return CANNOT_LOAD;
	for (i = 0; i < FULL_SEQUENCES; i++)
		if (run_full(t, seed + i))
			return 1;
	prog_close(&t->prog);
	return 0;
}

/* Runs the full table in a process of its own. Returns its exit status. */
static int run_full_table(const struct options *o)
{
	int status = 0;

	if (!fork()) {
		status = run_full_process(o->seed, o);
		fflush(stdout);
		_exit(status);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Reasons that do not come up here, and where they do. */
static const struct {
	enum xlb_reason reason;
	const char *where;
} elsewhere[] = {
	{ XLB_R_HOST_FLOW, "tests/bpf: a socket of the host" },
	{ XLB_R_NOT_RECORDED, "tests/bpf: a table without room" },
	{ XLB_R_TABLE_FULL, "tests/bpf: a table without room" },
	{ XLB_R_TABLE_BUSY, "tests/bpf: a lock that is taken" },
	{ XLB_R_REJECT_RST, "tests/bpf: rules" },
	{ XLB_R_REJECT_ICMP, "tests/bpf: rules" },
	{ XLB_R_REJECTED, "tests/bpf: rules" },
	{ XLB_R_BUG, "cannot happen" },
};

/* How many reasons of reason.h no packet got, though it should have. Fewer packets than 'enough' prove nothing. */
static int reasons_missing(const struct result *sum)
{
	const uint64_t enough = 1000000;
	int missing = 0, i;
	unsigned int j;

	for (i = XLB_R_NONE + 1; i < XLB_R_MAX; i++) {
		printf("# %-16s %llu\n", show_reason(i), (unsigned long long)sum->reasons[i]);
		if (sum->reasons[i])
			continue;
		for (j = 0; j < sizeof(elsewhere) / sizeof(*elsewhere); j++)
			if (elsewhere[j].reason == (enum xlb_reason)i)
				break;
		if (j < sizeof(elsewhere) / sizeof(*elsewhere))
			printf("#   %s\n", elsewhere[j].where);
		else
			missing++;
	}
	return sum->packets < enough ? 0 : missing;
}

static bool read_options(struct options *o, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:n:p:t:o:q")) != -1) {
		switch (option) {
		case 's':
			o->seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			o->packets = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			o->processes = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 't':
			o->seconds = strtol(optarg, NULL, 0);
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'o':
			o->object = optarg;
			break;
		default:
			return false;
		}
	}
	return o->processes && o->processes <= MAX_PROCESSES;
}

/* Runs all processes. Returns 0, or the exit status of one that failed. */
static int run_all(const struct options *o, struct result *results)
{
	unsigned int i;
	int status, failed = 0;

	for (i = 0; i < o->processes; i++)
		if (!fork()) {
			status = run_process(o->seed + i * 1000000, o->packets / o->processes, o, &results[i]);
			fflush(stdout);
			_exit(status);
		}
	while (wait(&status) > 0)
		if (status && (!failed || failed == CANNOT_LOAD))
			failed = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return failed;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .packets = 10000000, .processes = 2, .seconds = 240 };
	struct result *results, sum = { 0 };
	unsigned int i, j;
	int failed, missing;

	if (!read_options(&o, argc, argv)) {
		fprintf(stderr, "usage: model [-s SEED] [-n PACKETS] [-p PROCESSES] [-t SECONDS] [-o OBJECT] [-q]\n");
		return 2;
	}
	if (geteuid()) {
		printf("skip: needs root: the kernel runs the program\n");
		return 77;
	}
	results =
		mmap(NULL, sizeof(*results) * MAX_PROCESSES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		return 1;
	printf("# seed %llu, %llu packets\n", (unsigned long long)o.seed, (unsigned long long)o.packets);
	fflush(stdout);
	failed = run_all(&o, results);
	printf("%sok 1 - the program does what the model does\n", failed ? "not " : "");
	if (failed)
		return failed;
	for (i = 0; i < o.processes; i++) {
		sum.packets += results[i].packets;
		for (j = 0; j < XLB_R_MAX; j++)
			sum.reasons[j] += results[i].reasons[j];
	}
	printf("# %llu packets were run\n", (unsigned long long)sum.packets);
	missing = reasons_missing(&sum);
	printf("%sok 2 - every reason came up\n", missing ? "not " : "");
	fflush(stdout);
	failed = run_full_table(&o);
	printf("%sok 3 - a full table keeps its promises\n", failed ? "not " : "");
	return failed ? failed : missing != 0;
}
