/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench-pps: packets of 64 bytes per second that one core takes from a cable, forwards and puts back, as a share of
 * what a program does that only swaps the MAC addresses. Frames come from live-frame test runs; generator, program and
 * far end share the core. See ../README.md for the method and what it leaves out.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../scene.h"
#include "../ways/table.h"
#include "../ways/ways.h"

#include "bench_pps_ends.skel.h"
#include "bench_ways_front.skel.h"

enum { SYN = 0x02, ACK = 0x10, ROUNDS = 11, FRAMES = 1 << 18, BATCH = 64, PLACE_LEN = 64 };

#define M (1 << 20)

/* One row: a configuration of the data plane, or the kernel's own forwarding, and the share to reach. */
struct row {
	struct way way;
	bool nftables;
	double least; /* 0: none */
};

#define STATELESS .stateless = true, .frontends = 1, .servers = 64
#define STATE .frontends = 1, .servers = 64

static const struct row rows[] = {
	{ { "stateless DNAT", XLB_MODE_DNAT, STATELESS, .flows = 1 }, .least = 0.88 },
	{ { "stateless DNAT", XLB_MODE_DNAT, STATELESS, .flows = M }, .least = 0.88 },
	{ { "stateless DNAT, new flows", XLB_MODE_DNAT, STATELESS, .flows = M, .syn = true }, .least = 0.85 },
	{ { "stateless L2 DSR", XLB_MODE_L2DSR, STATELESS, .flows = 1 }, .least = 0.88 },
	{ { "stateless L2 DSR", XLB_MODE_L2DSR, STATELESS, .flows = M }, .least = 0.88 },
	{ { "full NAT", XLB_MODE_FULLNAT, STATE, .flows = 1 }, .least = 0.85 },
	{ { "full NAT", XLB_MODE_FULLNAT, STATE, .flows = 10000 }, .least = 0.85 },
	{ { "full NAT", XLB_MODE_FULLNAT, STATE, .flows = M }, .least = 0.65 },
	{ { "full NAT, new flows", XLB_MODE_FULLNAT, STATE, .flows = 262144, .syn = true }, .least = 0.5 },
	{ { "DNAT with flows", XLB_MODE_DNAT, STATE, .flows = 1 }, .least = 0.85 },
	{ { "DNAT with flows", XLB_MODE_DNAT, STATE, .flows = M }, .least = 0.65 },
	{ { "DNAT with flows, new flows", XLB_MODE_DNAT, STATE, .flows = 262144, .syn = true }, .least = 0.5 },
	{ { "nftables DNAT", .frontends = 1, .flows = 10000 }, .nftables = true },
};

struct sample {
	double per_s;
	uint64_t lost;
};

static struct bench_ways_front_bpf *front;
static struct bench_pps_ends_bpf *ends;
static struct scene scene;
static int near_link, ksoftirqd_fd;

static double seconds_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* CPU time of this thread and of the core's ksoftirqd, which takes over when there is much to do. */
static double cpu_s(void)
{
	char text[PLACE_LEN] = "0";

	if (ksoftirqd_fd >= 0 && pread(ksoftirqd_fd, text, sizeof(text) - 1, 0) <= 0)
		text[0] = '0';
	return seconds_of(CLOCK_THREAD_CPUTIME_ID) + strtod(text, NULL) / 1e9;
}

/* The run time of the ksoftirqd of 'cpu', -1 if it cannot be had: its number is small, it is a child of the kernel. */
static int open_ksoftirqd(int cpu)
{
	char path[PLACE_LEN], want[PLACE_LEN], name[PLACE_LEN];

	snprintf(want, sizeof(want), "ksoftirqd/%d\n", cpu);
	for (int pid = 2; pid < 8192; pid++) {
		FILE *f;
		bool found;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		f = fopen(path, "re");
		if (!f)
			continue;
		found = fgets(name, sizeof(name), f) && strcmp(name, want) == 0;
		fclose(f);
		if (found) {
			snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
			return open(path, O_RDONLY | O_CLOEXEC);
		}
	}
	return -1;
}

/* The front ends in 'prog_fd'. */
static int aim(int prog_fd)
{
	uint32_t slot = 0;

	return bpf_map_update_elem(bpf_map__fd(front->maps.ways_target), &slot, &prog_fd, BPF_ANY) ? -errno : 0;
}

/* 'nr' frames into the cable. 0, -errno. */
static int send_live(uint32_t nr)
{
	uint8_t frame[WAYS_FRAME4] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = (int)nr,
		    .batch_size = BATCH, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	return bpf_prog_test_run_opts(bpf_program__fd(front->progs.ways_front), &opts);
}

/* 'nr' packets straight into the program, without a cable. */
static int run_dry(int prog_fd, uint32_t nr)
{
	uint8_t frame[WAYS_FRAME4] = { 0 }, out[512];
	struct xdp_md ctx = { .data_end = WAYS_FRAME4, .ingress_ifindex = scene.ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)nr);
	int err = aim(prog_fd);

	return err ? err : bpf_prog_test_run_opts(bpf_program__fd(front->progs.ways_front), &opts);
}

/* Frames that came out of the far end, per second of the core, while 'prog_fd' is at the near end. 0, -errno. */
static int sample(int prog_fd, uint32_t nr, struct sample *ret)
{
	uint64_t seen;
	double took;
	int err = bpf_link_update(near_link, prog_fd, NULL) ? -errno : 0;

	if (err)
		return err;
	seen = ends->bss->pps_seen;
	took = cpu_s();
	err = send_live(nr);
	if (err)
		return err;
	took = cpu_s() - took;
	seen = ends->bss->pps_seen - seen;
	ret->per_s = (double)seen / took;
	ret->lost = nr > seen ? nr - seen : 0;
	return 0;
}

/* The next packets are of flows 0 to nr - 1, in scattered order; or, without a walk, of ever new ones. */
static void order(const struct way *w)
{
	struct ways_order *o = &front->bss->order;

	*o = (struct ways_order){ .nr = w->flows, .step = ways_stride(w->flows), .vip_mask = w->frontends - 1 };
	o->tcp_flags = w->syn ? SYN : ACK;
	memcpy(o->dmac, scene.mac, sizeof(o->dmac));
	memcpy(o->smac, router_mac, sizeof(o->smac));
	if (w->syn) {
		o->nr = UINT32_MAX;
		o->step = 1;
	}
}

/* Flows of a backend with state are opened in the order of their numbers, and established. */
static int open_flows(struct loaded *l, const struct way *w)
{
	int err;

	order(w);
	if (w->stateless)
		return 0;
	front->bss->order.step = w->flows > 1;
	front->bss->order.tcp_flags = SYN;
	err = run_dry(way_prog_fd(l), w->flows);
	if (err)
		return err;
	if (!w->syn)
		way_establish(l);
	order(w);
	front->bss->order.at = w->syn ? w->flows : 0;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median of the rounds; 'v' is sorted by it. */
static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(v[0]), by_value);
	return v[ROUNDS / 2];
}

static void print_row(const struct row *row, double limit, double per_s, const double *share, double lost, FILE *csv)
{
	double of = share[ROUNDS / 2];

	printf("%-28s %8u %9.2f %9.2f %8.0f %6.2f %6.2f to %4.2f", row->way.name, row->way.flows, limit / 1e6,
	       per_s / 1e6, 1e9 / per_s - 1e9 / limit, of, share[0], share[ROUNDS - 1]);
	if (row->least > 0)
		printf("   at least %.2f: %s", row->least, of >= row->least ? "met" : "not met");
	printf("\n");
	if (lost > 0.001)
		printf("  note: %.1f %% of the frames did not come out\n", 100 * lost);
	fflush(stdout);
	if (csv)
		fprintf(csv, "%s,%u,%.0f,%.0f,%.3f,%.3f,%.3f,%.4f\n", row->way.name, row->way.flows, limit, per_s, of,
			share[0], share[ROUNDS - 1], lost);
}

/* Bounce and program take turns. 0, -errno. */
static int measure(const struct row *row, int prog_fd, FILE *csv)
{
	uint32_t frames = row->nftables ? FRAMES / 4 : FRAMES;
	double limits[ROUNDS], rates[ROUNDS], shares[ROUNDS], lost = 0;
	int err = aim(bpf_program__fd(ends->progs.pps_send));
	struct sample bounce, seen;

	if (!err && !row->way.syn) /* every flow once: what a tick asks for is done */
		err = sample(prog_fd, row->way.flows, &seen);
	for (int r = 0; r < ROUNDS && !err; r++) {
		err = sample(bpf_program__fd(ends->progs.pps_bounce), frames, &bounce);
		if (!err)
			err = sample(prog_fd, frames, &seen);
		limits[r] = bounce.per_s;
		rates[r] = seen.per_s;
		shares[r] = seen.per_s / bounce.per_s;
		lost += (double)seen.lost / frames / ROUNDS;
	}
	if (err)
		return err;
	(void)median(shares);
	print_row(row, median(limits), median(rates), shares, lost, csv);
	return 0;
}

/* A rule, and a next hop for what it sends to a server. */
static int nftables_up(void)
{
	return system("sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.bench0.send_redirects=0 &&"
		      "nft 'table ip pps { chain pre { type nat hook prerouting priority dstnat;"
		      "ip daddr 10.128.0.0 tcp dport 80 dnat to 12.0.0.1:8080; }; }' &&"
		      "ip neigh replace 192.0.2.253 lladdr 02:00:00:00:00:51 dev bench0 nud permanent &&"
		      "ip route replace 12.0.0.0/8 via 192.0.2.253") ?
		       -EIO :
		       0;
}

static int do_nftables(const struct row *row, FILE *csv)
{
	int err = nftables_up();

	order(&row->way);
	if (!err)
		err = measure(row, bpf_program__fd(ends->progs.pps_pass), csv);
	(void)!system("nft delete table ip pps 2> /dev/null");
	return err;
}

static int do_row(const struct row *row, FILE *csv)
{
	struct loaded *l = NULL;
	int err;

	if (row->nftables)
		return do_nftables(row, csv);
	err = way_load(&row->way, scene.ifindex, scene.mac, &l);
	if (!err)
		err = open_flows(l, &row->way);
	if (!err)
		err = measure(row, way_prog_fd(l), csv);
	/* The link holds the program, and it its tables. */
	if (bpf_link_update(near_link, bpf_program__fd(ends->progs.pps_bounce), NULL) && !err)
		err = -errno;
	way_unload(l);
	return err;
}

/* Programs at both ends of the cable. 0, -errno. */
static int attach(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int far = (int)if_nametoindex("bench1"), far_link;

	ends = bench_pps_ends_bpf__open();
	front = bench_ways_front_bpf__open_and_load();
	if (!ends || !front)
		return -errno;
	ends->rodata->pps_out = (uint32_t)far;
	if (bench_pps_ends_bpf__load(ends))
		return -errno;
	near_link = bpf_link_create(bpf_program__fd(ends->progs.pps_bounce), (int)scene.ifindex, BPF_XDP, &opts);
	if (near_link < 0)
		return near_link;
	far_link = bpf_link_create(bpf_program__fd(ends->progs.pps_far_end), far, BPF_XDP, &opts);
	return far_link < 0 ? far_link : 0; /* both end with the process */
}

static void stay_here(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	ksoftirqd_fd = open_ksoftirqd(cpu);
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const char *only = argc > 2 ? argv[2] : "";
	FILE *csv;
	int err;

	if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: bench-pps [CSV [PART-OF-NAME]]\n");
		return 2;
	}
	csv = argc > 1 ? fopen(argv[1], "we") : NULL;
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	stay_here();
	err = scene_open(&scene);
	if (!err)
		err = attach();
	if (err) {
		fprintf(stderr, "bench: the cable cannot be laid (%s): needs root, and ip from iproute2\n",
			strerror(-err));
		return 1;
	}
	printf("million packets of 64 bytes per second of one core, median of %d rounds\n", ROUNDS);
	printf("%-28s %8s %9s %9s %8s %6s %14s\n", "way", "flows", "bounce", "way", "ns more", "share",
	       "lowest to most");
	if (csv)
		fprintf(csv, "way,flows,bounce_per_s,per_s,share,lowest,highest,lost\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!strstr(rows[i].way.name, only))
			continue;
		err = do_row(&rows[i], csv);
		if (err)
			fprintf(stderr, "bench: %s: %s\n", rows[i].way.name, strerror(-err));
		if (err && !rows[i].nftables)
			return 1;
	}
	bench_ways_front_bpf__destroy(front);
	bench_pps_ends_bpf__destroy(ends);
	return csv && fclose(csv) ? 1 : 0;
}
