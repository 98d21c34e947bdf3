/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's jiffies, which the program counts time in: read by running the program xlb_clock.
 *
 * A userspace program cannot read them, nor how many make a second: HZ is a build option of the kernel. It is measured
 * before the real load, since the program wants it as a constant, in an object that holds the clock alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/buf.h"
#include "dataplane/dp_priv.h"
#include "dataplane/features.h"
#include "clock.skel.h"

enum { MEASURE_MS = 60, EDGE_TRIES = 200000 };

int clock_run(const struct clock_bpf *clock, uint64_t *ret_jiffies, uint64_t *ret_ns)
{
	unsigned char frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(clock->progs.xlb_clock), &opts))
		return -errno;
	*ret_jiffies = *(volatile __u64 *)&clock->bss->xlb_clock_jiffies;
	*ret_ns = *(volatile __u64 *)&clock->bss->xlb_clock_ktime_ns;
	return 0;
}

/* Waits for the next jiffy: counting from edge to edge, the error is that of the wait for the edge alone. */
static int wait_edge(const struct clock_bpf *clock, uint64_t *ret_jiffies, uint64_t *ret_ns)
{
	uint64_t first = 0, jiffies, ns = 0;
	int err = clock_run(clock, &first, &ns);

	jiffies = first;
	for (int i = 0; i < EDGE_TRIES && !err && jiffies == first; i++)
		err = clock_run(clock, &jiffies, &ns);
	if (err)
		return err;
	if (jiffies == first)
		return -ETIME;
	*ret_jiffies = jiffies;
	*ret_ns = ns;
	return 0;
}

/* The nearest value that kernels are built with, if it is near. */
static unsigned int round_hz(uint64_t jiffies, uint64_t ns)
{
	static const unsigned int usual[] = { 100, 250, 300, 1000 };
	unsigned int hz = (unsigned int)((jiffies * 1000000000ull + ns / 2) / ns), best = usual[0];

	for (size_t i = 1; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (abs((int)usual[i] - (int)hz) < abs((int)best - (int)hz))
			best = usual[i];
	return abs((int)best - (int)hz) * 10 < (int)best ? best : hz;
}

static int measure(const struct clock_bpf *clock, unsigned int *ret_hz)
{
	struct timespec pause = { .tv_nsec = MEASURE_MS * 1000000l };
	uint64_t j0 = 0, j1 = 0, t0 = 0, t1 = 0;
	int err = wait_edge(clock, &j0, &t0);

	if (err)
		return err;
	nanosleep(&pause, NULL);
	err = wait_edge(clock, &j1, &t1);
	if (err)
		return err;
	if (t1 <= t0 || j1 <= j0)
		return -ETIME;
	*ret_hz = round_hz(j1 - j0, t1 - t0);
	return 0;
}

int clock_open(struct clock_bpf **ret, struct diag_list *diags)
{
	struct clock_bpf *clock = clock_bpf__open();
	int err;

	if (!clock)
		return -errno;
	err = clock_bpf__load(clock);
	if (!err) {
		*ret = clock;
		return 0;
	}
	if (err == -EPERM)
		diag_add(diags, DIAG_ERROR, NULL, "D0301",
			 "start it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
			 "the kernel does not allow this process to load the XDP program");
	else if (!features_explain(clock->obj, err, diags))
		diag_add(diags, DIAG_ERROR, NULL, "D0303", NULL, "cannot measure the kernel's clock: %s",
			 strerror(-err));
	clock_bpf__destroy(clock);
	return err;
}

void clock_close(struct clock_bpf *clock)
{
	clock_bpf__destroy(clock);
}

int clock_measure_hz(const struct clock_bpf *clock, struct diag_list *diags, unsigned int *ret_hz)
{
	int err = measure(clock, ret_hz);

	if (err)
		diag_add(diags, DIAG_ERROR, NULL, "D0303", NULL, "cannot measure the kernel's clock: %s",
			 strerror(-err));
	return err;
}

unsigned int dp_hz(const struct dp *dp)
{
	return dp->meta.hz;
}

unsigned int dp_tick_shift(const struct dp *dp)
{
	return dp->meta.tick_shift;
}

unsigned int dp_nr_cpus(const struct dp *dp)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 0 ? (unsigned int)online : (unsigned int)dp->nr_cpus;
}

uint64_t dp_created_ns(const struct dp *dp)
{
	return dp->meta.created_ns;
}

/* Where the clock cannot be run the last tick stands still: nothing times out then, which is the safe side. */
uint32_t dp_now_tick(struct dp *dp)
{
	uint64_t jiffies = 0, ns = 0;

	if (!clock_run(dp->clock, &jiffies, &ns)) {
		dp->last_jiffies = jiffies;
		dp->last_tick = (uint32_t)(jiffies >> dp->meta.tick_shift);
	}
	return dp->last_tick;
}
