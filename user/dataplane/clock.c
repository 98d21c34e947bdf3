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
#include "xlb.skel.h"

/* As map xlb_time holds it. */
struct clock_value {
	uint64_t jiffies, ktime_ns;
};

enum { MEASURE_MS = 60, EDGE_TRIES = 200000 };

int clock_run(int prog_fd, int time_fd, uint64_t *ret_jiffies, uint64_t *ret_ns)
{
	unsigned char frame[64] = { 0 };
	struct clock_value value = { 0 };
	uint32_t key = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);

	if (bpf_prog_test_run_opts(prog_fd, &opts) || bpf_map_lookup_elem(time_fd, &key, &value))
		return -errno;
	*ret_jiffies = value.jiffies;
	*ret_ns = value.ktime_ns;
	return 0;
}

/* Waits for the next jiffy: counting from edge to edge, the error is that of the wait for the edge alone. */
static int wait_edge(int prog_fd, int time_fd, uint64_t *ret_jiffies, uint64_t *ret_ns)
{
	uint64_t first = 0, jiffies, ns = 0;
	int err = clock_run(prog_fd, time_fd, &first, &ns);

	jiffies = first;
	for (int i = 0; i < EDGE_TRIES && !err && jiffies == first; i++)
		err = clock_run(prog_fd, time_fd, &jiffies, &ns);
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

static int measure(int prog_fd, int time_fd, unsigned int *ret_hz)
{
	struct timespec pause = { .tv_nsec = MEASURE_MS * 1000000l };
	uint64_t j0 = 0, j1 = 0, t0 = 0, t1 = 0;
	int err = wait_edge(prog_fd, time_fd, &j0, &t0);

	if (err)
		return err;
	nanosleep(&pause, NULL);
	err = wait_edge(prog_fd, time_fd, &j1, &t1);
	if (err)
		return err;
	if (t1 <= t0 || j1 <= j0)
		return -ETIME;
	*ret_hz = round_hz(j1 - j0, t1 - t0);
	return 0;
}

int clock_measure_hz(struct diag_list *diags, unsigned int *ret_hz)
{
	struct xlb_bpf *skel = xlb_bpf__open();
	struct bpf_map *map;
	int err;

	if (!skel)
		return -errno;
	bpf_object__for_each_map(map, skel->obj)
		bpf_map__set_autocreate(map, bpf_map__is_internal(map) || map == skel->maps.xlb_time);
	bpf_program__set_autoload(skel->progs.xlb_xdp, false);
	err = xlb_bpf__load(skel);
	if (!err)
		err = measure(bpf_program__fd(skel->progs.xlb_clock), bpf_map__fd(skel->maps.xlb_time), ret_hz);
	if (err == -EPERM)
		diag_add(diags, DIAG_ERROR, NULL, "D0301",
			 "start it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
			 "the kernel does not allow this process to load the XDP program");
	else if (err && !features_explain(skel->obj, err, diags))
		diag_add(diags, DIAG_ERROR, NULL, "D0303", NULL, "cannot measure the kernel's clock: %s",
			 strerror(-err));
	xlb_bpf__destroy(skel);
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

	if (!clock_run(dp->clock_fd, dp->time_fd, &jiffies, &ns))
		dp->last_tick = (uint32_t)(jiffies >> dp->meta.tick_shift);
	return dp->last_tick;
}
