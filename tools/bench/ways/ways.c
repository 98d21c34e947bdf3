/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench-ways: nanoseconds per client packet above an empty program for every way of forwarding, and how they grow with
 * flows, frontends and servers. Method as in bench-packets; see ../README.md.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xlb/backend.h>

#include "../scene.h"
#include "table.h"
#include "ways.h"

#include "bench_ways_front.skel.h"

enum { SYN = 0x02, ACK = 0x10, ROUNDS = 9, PACKETS = 1 << 17, NEW_PACKETS = 1 << 13 };

#define M (1 << 20)

static const struct way ways[] = {
	{ "full NAT", XLB_MODE_FULLNAT, .frontends = 1, .servers = 64, .flows = 1, .most_ns = 25 },
	{ "DNAT", XLB_MODE_DNAT, .frontends = 1, .servers = 64, .flows = 1, .most_ns = 25 },
	{ "L2 DSR", XLB_MODE_L2DSR, .frontends = 1, .servers = 64, .flows = 1, .most_ns = 20 },
	{ "IPIP 4in4", XLB_MODE_IPIP, .frontends = 1, .servers = 64, .flows = 1, .most_ns = 35 },
	{ "IPIP 4in6", XLB_MODE_IPIP, .tunnel6 = true, .frontends = 1, .servers = 64, .flows = 1, .most_ns = 35 },
	{ "full NAT, IPv6", XLB_MODE_FULLNAT, .v6 = true, .frontends = 1, .servers = 64, .flows = 1 },
	{ "DNAT, IPv6", XLB_MODE_DNAT, .v6 = true, .frontends = 1, .servers = 64, .flows = 1 },
	{ "L2 DSR, IPv6", XLB_MODE_L2DSR, .v6 = true, .frontends = 1, .servers = 64, .flows = 1 },
	{ "IPIP 6in6", XLB_MODE_IPIP, .v6 = true, .frontends = 1, .servers = 64, .flows = 1 },
	{ "full NAT, 4096 servers", XLB_MODE_FULLNAT, .frontends = 1, .servers = 4096, .flows = 1 },
	{ "full NAT, 2048 frontends", XLB_MODE_FULLNAT, .frontends = 2048, .servers = 64, .flows = 1 },
	{ "full NAT", XLB_MODE_FULLNAT, .frontends = 1, .servers = 64, .flows = M },
	{ "full NAT", XLB_MODE_FULLNAT, .frontends = 1, .servers = 256, .flows = 4 * M },
	{ "DNAT", XLB_MODE_DNAT, .frontends = 1, .servers = 64, .flows = M },
	{ "L2 DSR", XLB_MODE_L2DSR, .frontends = 1, .servers = 64, .flows = M },
	{ "full NAT, new flow", XLB_MODE_FULLNAT, .frontends = 1, .servers = 64, .flows = M, .syn = true,
	  .most_ns = 250 },
	{ "new flow, a rule", XLB_MODE_FULLNAT, .rules = 1, .networks = 1, .frontends = 1, .servers = 64, .flows = M,
	  .syn = true },
	{ "new flow, 20 rules", XLB_MODE_FULLNAT, .rules = 20, .networks = 20, .frontends = 1, .servers = 64,
	  .flows = M, .syn = true },
	{ "new flow, 10 000 networks", XLB_MODE_FULLNAT, .rules = 1, .networks = 10000, .frontends = 1, .servers = 64,
	  .flows = M, .syn = true },
	{ "new flow, counted", XLB_MODE_FULLNAT, .tracked = true, .frontends = 1, .servers = 64, .flows = M,
	  .syn = true },
	{ "new flow, all of it", XLB_MODE_FULLNAT, .tracked = true, .rules = 20, .networks = 10000, .frontends = 1,
	  .servers = 64, .flows = M, .syn = true },
	{ "stateless DNAT", XLB_MODE_DNAT, .stateless = true, .frontends = 1, .servers = 64, .flows = 1,
	  .most_ns = 25 },
	{ "stateless DNAT", XLB_MODE_DNAT, .stateless = true, .frontends = 1, .servers = 64, .flows = M,
	  .most_ns = 25 },
	{ "stateless DNAT, new flow", XLB_MODE_DNAT, .stateless = true, .frontends = 1, .servers = 64, .flows = M,
	  .syn = true, .most_ns = 25 },
	{ "stateless L2 DSR", XLB_MODE_L2DSR, .stateless = true, .frontends = 1, .servers = 64, .flows = 1,
	  .most_ns = 25 },
	{ "stateless L2 DSR", XLB_MODE_L2DSR, .stateless = true, .frontends = 1, .servers = 64, .flows = M,
	  .most_ns = 25 },
	{ "stateless IPIP", XLB_MODE_IPIP, .stateless = true, .frontends = 1, .servers = 64, .flows = 1,
	  .most_ns = 35 },
	{ "stateless IPIP", XLB_MODE_IPIP, .stateless = true, .frontends = 1, .servers = 64, .flows = M,
	  .most_ns = 35 },
	{ "stateless, all slots marked", XLB_MODE_DNAT, .stateless = true, .marks = XLB_SLOT_YOUNG, .frontends = 1,
	  .servers = 64, .flows = M },
	{ "stateless, 128 frontends", XLB_MODE_DNAT, .stateless = true, .frontends = 128, .servers = 64, .flows = M,
	  .most_ns = 90 },
};

static struct bench_ways_front_bpf *front;
static uint32_t ifindex;

/* CPU time of 'nr' packets through the front into 'prog_fd', in nanoseconds per packet; below 0: -errno. */
static double run(int prog_fd, uint32_t nr, bool v6)
{
	uint8_t frame[WAYS_FRAME6] = { 0 }, out[512];
	struct xdp_md ctx = { .data_end = v6 ? WAYS_FRAME6 : WAYS_FRAME4, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = ctx.data_end, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)nr);
	struct timespec a, b;
	uint32_t slot = 0;

	if (bpf_map_update_elem(bpf_map__fd(front->maps.ways_target), &slot, &prog_fd, BPF_ANY))
		return -errno;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	if (bpf_prog_test_run_opts(bpf_program__fd(front->progs.ways_front), &opts))
		return -errno;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return (1e9 * (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec)) / nr;
}

/* Opens all flows, in the order of their numbers, and lets them be established. */
static void open_flows(struct loaded *l, const struct way *w)
{
	struct ways_order *o = &front->bss->order;

	*o = (struct ways_order){ .nr = w->flows, .step = w->flows > 1, .vip_mask = w->frontends - 1, .v6 = w->v6 };
	memcpy(o->dmac, (uint8_t[]){ 2, 0, 0, 0, 0, 1 }, 6);
	memcpy(o->smac, router_mac, 6);
	if (w->stateless && !w->marks)
		return;
	o->tcp_flags = w->stateless ? ACK : SYN;
	(void)run(way_prog_fd(l), w->flows, w->v6);
	way_establish(l);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * One round of the baseline: the front alone. Behind a program that makes tunnels it has the head to move back each
 * time, which is half of what another program costs that does nothing but move it.
 */
static double run_baseline(const struct way *w, uint32_t packets)
{
	double empty = run(bpf_program__fd(front->progs.ways_empty), packets, w->v6), grow;

	if (w->mode != XLB_MODE_IPIP || empty < 0)
		return empty;
	grow = run(bpf_program__fd(front->progs.ways_grow), packets, w->v6);
	return grow < 0 ? grow : (empty + grow) / 2;
}

/* Median and cheapest of the rounds. 0, -errno. */
static int measure(const struct way *w, struct loaded *l, double *ret_ns, double *ret_quiet, uint64_t *ret_wrong)
{
	uint32_t packets = w->syn && !w->stateless ? NEW_PACKETS : PACKETS;
	double ns[ROUNDS], base, raw, low_base = 1e9, low_raw = 1e9;
	uint64_t before = way_sent(l), runs = 0;

	front->bss->order.tcp_flags = w->syn ? SYN : ACK;
	front->bss->order.step = ways_stride(w->flows);
	if (w->syn && !w->stateless) { /* flows never seen: on from the last one */
		front->bss->order.nr = UINT32_MAX;
		front->bss->order.step = 1;
		front->bss->order.at = w->flows;
	}
	for (int r = 0; r < ROUNDS; r++) {
		if (!w->syn || w->stateless) {
			(void)run(way_prog_fd(l), w->flows + 1024, w->v6);
			runs += w->flows + 1024;
		}
		base = run_baseline(w, packets);
		raw = run(way_prog_fd(l), packets, w->v6);
		if (base < 0 || raw < 0)
			return (int)(base < 0 ? base : raw);
		runs += packets;
		ns[r] = raw - base;
		low_base = base < low_base ? base : low_base;
		low_raw = raw < low_raw ? raw : low_raw;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	*ret_ns = ns[ROUNDS / 2];
	*ret_quiet = low_raw - low_base;
	*ret_wrong = runs - (way_sent(l) - before);
	return 0;
}

static int do_row(const struct way *w, const uint8_t *mac, FILE *csv)
{
	double ns = 0, quiet = 0;
	struct loaded *l = NULL;
	uint64_t wrong = 0;
	int err = way_load(w, ifindex, mac, &l);

	if (!err) {
		open_flows(l, w);
		err = measure(w, l, &ns, &quiet, &wrong);
	}
	way_unload(l);
	if (err) {
		fprintf(stderr, "bench: %s: %s\n", w->name, strerror(-err));
		return err;
	}
	printf("%-28s %8u %6u %6u %9.1f %9.1f", w->name, w->flows, w->frontends, w->servers, ns, quiet);
	if (w->most_ns > 0)
		printf("   at most %.0f: %s", w->most_ns,
		       ns <= w->most_ns	   ? "met" :
		       quiet <= w->most_ns ? "not met, but met in the quietest rounds" :
					     "not met");
	printf("\n");
	if (wrong)
		printf("  note: %llu packets were not sent to a server\n", (unsigned long long)wrong);
	fflush(stdout);
	if (csv)
		fprintf(csv, "%s,%u,%u,%u,%.2f,%.2f\n", w->name, w->flows, w->frontends, w->servers, ns, quiet);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const char *only = argc > 2 ? argv[2] : "";
	FILE *csv;
	struct scene scene;
	cpu_set_t set;
	int err;

	if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: bench-ways [CSV [PART-OF-NAME]]\n");
		return 2;
	}
	csv = argc > 1 ? fopen(argv[1], "we") : NULL;
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	err = scene_open(&scene);
	if (err) {
		fprintf(stderr, "bench: cannot build a network namespace (%s): needs root, and ip from iproute2\n",
			strerror(-err));
		return 1;
	}
	ifindex = scene.ifindex;
	front = bench_ways_front_bpf__open_and_load();
	if (!front)
		return 1;
	printf("nanoseconds per client packet above an empty program, median and quietest of %d rounds\n", ROUNDS);
	printf("%-28s %8s %6s %6s %9s %9s\n", "way", "flows", "front.", "serv.", "median", "quiet");
	if (csv)
		fprintf(csv, "way,flows,frontends,servers,ns,quiet\n");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && !err; i++)
		if (strstr(ways[i].name, only))
			err = do_row(&ways[i], scene.mac, csv);
	bench_ways_front_bpf__destroy(front);
	if (csv && fclose(csv))
		err = -errno;
	return err ? 1 : 0;
}
