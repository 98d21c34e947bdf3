/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flood of SYNs from random sources: flood OBJECT INTERFACE MAC ADDRESS PORT RATE SECONDS
 *
 * Live-frame test runs of the program 'flood' in OBJECT (tools/scene/flood.bpf.c) send frames out of INTERFACE, to the
 * station MAC, at RATE per second; 0: as fast as the core goes. With a veth, what the other end makes of the frames
 * runs on the same core, so that the fastest rate is what core, generator and program achieve together. Prints "sent N
 * in S s, R per second".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum {
	FLOOD_TOS = 0x04, /* by which the sink knows them */
	FRAME_LEN = 64,
	BATCH = 64,
	BURST_US = 500,	   /* between two bursts when there is a rate */
	BURST_MOST = 4096, /* frames */
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

static void run(int prog, const struct settings *s, double rate, double seconds)
{
	double start = now_s(CLOCK_MONOTONIC), passed = 0;
	uint64_t sent = 0, skipped = 0, due;

	while (passed < seconds) {
		due = rate > 0 ? (uint64_t)(passed * rate) - skipped : sent + BURST_MOST;
		if (due >= sent + BATCH) {
			/* Time that the scheduler has taken is not made good beyond one burst. */
			if (due - sent > BURST_MOST)
				skipped += due - sent - BURST_MOST;
			due = due - sent > BURST_MOST ? BURST_MOST : due - sent;
			send_frames(prog, s, (uint32_t)due);
			sent += due;
		} else {
			usleep(BURST_US);
		}
		passed = now_s(CLOCK_MONOTONIC) - start;
	}
	printf("sent %llu in %.1f s, %.1f s of them on a core, %.0f per second\n", (unsigned long long)sent, passed,
	       now_s(CLOCK_PROCESS_CPUTIME_ID), (double)sent / passed);
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
	run(load(argv[1], &s), &s, atof(argv[6]), atof(argv[7]));
	return 0;
}
