/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flood of SYNs from random sources: flood OBJECT INTERFACE MAC ADDRESS PORT RATE SECONDS
 *
 * Live-frame test runs of the program 'flood' in OBJECT (tools/scene/flood.bpf.c) send frames out of INTERFACE, to the
 * station MAC, at RATE per second; 0: as fast as the core goes. With a veth, what the other end makes of the frames
 * runs on the same core, so that the fastest rate is what core, generator and program achieve together. Prints "sent N
 * in S s, C s of them on a core, R per second": R is of the S seconds, or of the C seconds if RATE is 0, since then it
 * says what a core can do.
 *
 * The kernel takes a test run down for some 40 ms, in which it waits. So several senders take turns, on one core.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum {
	FLOOD_TOS = 0x04, /* by which the sink knows them */
	FRAME_LEN = 64,
	BATCH = 64,
	NR_SENDERS = 4,
	PERIOD_US = 100000, /* between two bursts of a sender */
	WAIT_US = 500,
	FASTEST_BURST = 1 << 17, /* frames, without a rate */
};

/* What the senders tell. */
struct tally {
	uint64_t sent;
	double cpu_s;
};

/* The read-only data of the program. */
struct settings {
	uint32_t ifindex;
	uint16_t sums[2];
	uint64_t first;
	uint64_t template[FRAME_LEN / 8];
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint32_t sum_of(const void *data, size_t len)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += word[i];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void fill(struct settings *s, const char *mac, const char *address, const char *port)
{
	unsigned char *frame = (unsigned char *)s->template;
	struct ethhdr eth = { .h_source = { 2, 0, 0, 0, 0, 0xf1 }, .h_proto = htons(ETH_P_IP) };
	struct iphdr ip = {
		.version = 4, .ihl = 5, .tos = FLOOD_TOS, .tot_len = htons(40), .ttl = 64, .protocol = IPPROTO_TCP
	};
	struct tcphdr tcp = { .dest = htons((uint16_t)atoi(port)), .doff = 5, .syn = 1, .window = htons(1024) };
	unsigned int m[6];

	if (sscanf(mac, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6 ||
	    inet_pton(AF_INET, address, &ip.daddr) != 1) {
		errno = EINVAL;
		die("address");
	}
	for (int i = 0; i < 6; i++)
		eth.h_dest[i] = (unsigned char)m[i];
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &tcp, sizeof(tcp));
	s->sums[0] = fold(sum_of(&ip, sizeof(ip)));
	s->sums[1] = fold(sum_of(&ip.daddr, sizeof(ip.daddr)) + htons(IPPROTO_TCP) + htons(sizeof(tcp)) +
			  sum_of(&tcp, sizeof(tcp)));
}

static int load(const char *path, const struct settings *s)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog = obj ? bpf_object__find_program_by_name(obj, "sink") : NULL;
	struct bpf_map *map;

	if (!prog || bpf_program__set_autoload(prog, false))
		die(path);
	bpf_object__for_each_map(map, obj) if (strstr(bpf_map__name(map), ".rodata") &&
					       bpf_map__set_initial_value(map, s, sizeof(*s))) die("settings");
	prog = bpf_object__find_program_by_name(obj, "flood");
	if (!prog || bpf_object__load(obj))
		die("load");
	return bpf_program__fd(prog);
}

static void send_frames(int prog, const struct settings *s, uint32_t nr)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->template, .data_size_in = FRAME_LEN, .repeat = (int)nr,
		    .batch_size = BATCH, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	if (bpf_prog_test_run_opts(prog, &opts))
		die("test run");
}

/* Sends at 'rate' for 'seconds', from 'start' on; 0: as fast as it goes. */
static void run(int prog, const struct settings *s, double rate, double start, double seconds, struct tally *ret)
{
	double burst = rate * PERIOD_US / 1e6, passed;
	uint64_t skipped = 0, due;

	while ((passed = now_s(CLOCK_MONOTONIC) - start) < seconds) {
		due = rate > 0 ? (passed > 0 ? (uint64_t)(passed * rate) - skipped : 0) : ret->sent + FASTEST_BURST;
		if (due < ret->sent + BATCH || (rate > 0 && (double)(due - ret->sent) < burst)) {
			usleep(WAIT_US);
			continue;
		}
		due -= ret->sent;
		/* Time that the scheduler has taken is not made good beyond one burst. */
		if (rate > 0 && (double)due > 2 * burst) {
			skipped += due - (uint64_t)(2 * burst);
			due = (uint64_t)(2 * burst);
		}
		send_frames(prog, s, (uint32_t)due);
		ret->sent += due;
	}
	ret->cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID);
}

static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("affinity");
}

/* One process for each sender, each with sources of its own, one after the other within a period. */
static void run_all(const char *path, struct settings *s, double rate, double seconds)
{
	int nr = rate > 0 ? NR_SENDERS : 1, status;
	struct tally *tally = mmap(NULL, NR_SENDERS * sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		     sum = { 0 };
	double start = now_s(CLOCK_MONOTONIC);

	if (tally == MAP_FAILED)
		die("memory");
	for (int i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			s->first += (uint64_t)i << 40;
			run(load(path, s), s, rate / nr, start + (double)i * PERIOD_US / 1e6 / nr, seconds, &tally[i]);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (status)
			exit(1);
	for (int i = 0; i < nr; i++) {
		sum.sent += tally[i].sent;
		sum.cpu_s += tally[i].cpu_s;
	}
	printf("sent %llu in %.1f s, %.1f s of them on a core, %.0f per second\n", (unsigned long long)sum.sent,
	       seconds, sum.cpu_s, (double)sum.sent / (rate > 0 ? seconds : sum.cpu_s));
}

int main(int argc, char **argv)
{
	struct settings s = { 0 };

	if (argc != 8) {
		fputs("usage: flood OBJECT INTERFACE MAC ADDRESS PORT RATE SECONDS\n", stderr);
		return 2;
	}
	s.ifindex = if_nametoindex(argv[2]);
	if (!s.ifindex)
		die(argv[2]);
	s.first = (uint64_t)(now_s(CLOCK_MONOTONIC) * 1e9);
	fill(&s, argv[3], argv[4], argv[5]);
	stay_here();
	run_all(argv[1], &s, atof(argv[6]), atof(argv[7]));
	return 0;
}
