/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * See measure.h. Flows are inserted in the order of their numbers and measured in another: a stride walk for requests,
 * a shuffled list for replies.
 */
#include "measure.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_front.skel.h"

enum { SYN = 0x02, SYN_ACK = 0x12, ACK = 0x10, PSH_ACK = 0x18, AT_A_TIME = 16384 };

struct subject {
	const struct target *target;
	const struct scene *scene;
	void *self;
	int prog_fd;
	struct bench_front_bpf *front;
	uint32_t flows;
	uint32_t refused; /* flows that found no room in the target's table */
};

/* One call of BPF_PROG_TEST_RUN; CPU time of the whole in 'ret_ns' if wanted, the last frame in 'frame'. */
static int test_run(const struct scene *scene, int prog_fd, uint32_t repeat, uint8_t *frame, uint32_t *ret_verdict,
		    double *ret_ns)
{
	struct xdp_md ctx = { .data_end = FRAME_LEN, .ingress_ifindex = scene->ifindex };
	uint8_t out[FRAME_LEN + 256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME_LEN, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)repeat);
	struct timespec before, after;
	int err;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	err = bpf_prog_test_run_opts(prog_fd, &opts);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	if (err)
		return err;
	if (opts.data_size_out != FRAME_LEN) /* an answer of the target's own, such as a reset */
		memset(frame, 0, FRAME_LEN);
	else
		memcpy(frame, out, FRAME_LEN);
	if (ret_verdict)
		*ret_verdict = opts.retval;
	if (ret_ns)
		*ret_ns = 1e9 * (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec);
	return 0;
}

static int point_front_at(struct subject *s, int prog_fd)
{
	uint32_t slot = TARGET_SLOT;

	return bpf_map_update_elem(bpf_map__fd(s->front->maps.bench_target), &slot, &prog_fd, BPF_ANY);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	return b ? gcd(b, a % b) : a;
}

/* About nr / golden ratio: neighbours in the walk are far apart, and the walk visits every flow once. */
static uint32_t stride(uint32_t nr)
{
	uint32_t step = (uint32_t)((double)nr * 0.6180339887);

	while (nr > 1 && gcd(step, nr) != 1)
		step++;
	return nr > 1 ? step : 0;
}

static void shuffle(struct bench_tuple *t, uint32_t nr)
{
	uint64_t x = 0x9e3779b97f4a7c15; /* xorshift64 (Marsaglia 2003), the same order in every run */

	for (uint32_t i = nr; i > 1; i--) {
		uint32_t j;
		struct bench_tuple tmp = t[i - 1];

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		j = (uint32_t)((x >> 32) * i >> 32);
		t[i - 1] = t[j];
		t[j] = tmp;
	}
}

/*
 * Sends the SYN of a flow by itself, and notes in 'ret' how the server would answer. 0, -EAGAIN if the target dropped
 * it, -EPROTO if what it sent is wrong.
 */
static int open_flow(const struct subject *s, uint32_t flow, struct bench_tuple *ret)
{
	struct bench_tuple in = tuple_of_flow(flow), out;
	uint8_t frame[FRAME_LEN];
	uint32_t verdict;
	int err;

	frame_build(s->scene, &in, SYN, frame);
	err = test_run(s->scene, s->prog_fd, 1, frame, &verdict, NULL);
	if (err)
		return err;
	if (verdict == XDP_DROP)
		return -EAGAIN;
	if (verdict != XDP_TX || !frame_parse(frame, sizeof(frame), &out) || out.daddr == in.daddr) {
		fprintf(stderr, "bench: %s: SYN of flow %u: verdict %u, or a frame that is not right\n",
			s->target->name, flow, verdict);
		return -EPROTO;
	}
	*ret = (struct bench_tuple){ out.daddr, out.saddr, out.dport, out.sport, 0 };
	return 0;
}

/* Runs 'nr' flows from 'first' on through the given front, in the order of their numbers, and checks the last frame. */
static int run_range(struct subject *s, struct bpf_program *front, uint32_t first, uint32_t nr, uint8_t tcp_flags)
{
	struct bench_order *order = &s->front->bss->order;
	struct bench_tuple out, any = tuple_of_flow(0);
	uint8_t frame[FRAME_LEN];
	uint32_t verdict;
	int err;

	frame_build(s->scene, &any, ACK, frame);
	order->tcp_flags = tcp_flags;
	order->step = s->flows > 1;
	order->at = first ? first - 1 : s->flows - 1;
	err = test_run(s->scene, bpf_program__fd(front), nr, frame, &verdict, NULL);
	if (err)
		return err;
	/* A flow that was refused is answered, with a shorter frame: test_run() leaves zeroes. */
	if (verdict == XDP_ABORTED || (verdict == XDP_TX && frame[12] && !frame_parse(frame, sizeof(frame), &out))) {
		fprintf(stderr, "bench: %s: %s with flags %#x: verdict %u, or a frame that is not right\n",
			s->target->name, bpf_program__name(front), tcp_flags, verdict);
		return -EPROTO;
	}
	return 0;
}

/* Handshakes of all flows, a part at a time: half-open flows are the first to go where the table is crowded. */
static int establish_all(struct subject *s, struct bench_tuple *replies)
{
	uint32_t last_good = 0;
	int err = point_front_at(s, s->prog_fd);

	for (uint32_t first = 0, nr; first < s->flows && !err; first += nr) {
		nr = s->flows - first < AT_A_TIME ? s->flows - first : AT_A_TIME;
		for (uint32_t i = first; i < first + nr && !err; i++) {
			err = open_flow(s, i, &replies[i]);
			if (err == -EAGAIN) {
				replies[i] = replies[last_good];
				s->refused++;
				err = 0;
			} else {
				last_good = i;
			}
		}
		if (!err)
			err = run_range(s, s->front->progs.bench_reply, first, nr, SYN_ACK);
		if (!err)
			err = run_range(s, s->front->progs.bench_request, first, nr, ACK);
	}
	return err;
}

/* Afterwards every flow is established, and both its entries have been used. */
static int establish(struct subject *s)
{
	size_t len = MAX_FLOWS * sizeof(struct bench_tuple);
	int map_fd = bpf_map__fd(s->front->maps.bench_replies), err;
	struct bench_tuple *replies = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (replies == MAP_FAILED)
		return -errno;
	err = establish_all(s, replies);
	if (!err && s->refused > s->flows / 100)
		err = -ENOSPC;
	if (!err && s->refused)
		printf("  note: %s had no room for %u of %u flows\n", s->target->name, s->refused, s->flows);
	shuffle(replies, s->flows);
	munmap(replies, len);
	s->front->bss->order.step = stride(s->flows);
	return err;
}

int subject_open(const struct scene *scene, const struct target *target, uint32_t flows, uint32_t capacity,
		 struct subject **ret)
{
	struct subject *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	s->target = target;
	s->scene = scene;
	s->flows = flows;
	s->front = bench_front_bpf__open_and_load();
	if (!s->front) {
		err = -errno;
		goto fail;
	}
	memcpy(s->front->bss->order.dmac, scene->mac, sizeof(scene->mac));
	memcpy(s->front->bss->order.smac, router_mac, sizeof(router_mac));
	s->front->bss->order.nr = flows;
	s->front->bss->order.next_new = FIRST_NEW_FLOW;
	err = target->open(scene, capacity, &s->self, &s->prog_fd);
	if (!err)
		err = establish(s);
	if (err)
		goto fail;
	*ret = s;
	return 0;
fail:
	fprintf(stderr, "bench: %s with %u flows: %s\n", target->name, flows, strerror(-err));
	subject_close(s);
	return err;
}

void subject_close(struct subject *s)
{
	if (!s)
		return;
	if (s->self)
		s->target->close(s->self);
	if (s->front)
		bench_front_bpf__destroy(s->front);
	free(s);
}

const struct target *subject_target(const struct subject *s)
{
	return s->target;
}

static struct bpf_program *front_of(const struct subject *s, enum bench_path path)
{
	switch (path) {
	case PATH_REQUEST:
		return s->front->progs.bench_request;
	case PATH_REPLY:
		return s->front->progs.bench_reply;
	case PATH_NEW:
		return s->front->progs.bench_new;
	case PATH_OTHER_ADDR:
		return s->front->progs.bench_other_addr;
	case PATH_OTHER_PORT:
		return s->front->progs.bench_other_port;
	case NR_PATHS:
		break;
	}
	return NULL;
}

/*
 * Packets that bring back the state of caches and of flows: all flows once more, so that many flows are met as a busy
 * balancer meets them, moments after their last packet. A new flow is new once: its warm-up is short and uses others.
 */
static uint32_t warm_up(const struct subject *s, enum bench_path path)
{
	switch (path) {
	case PATH_REQUEST:
	case PATH_REPLY:
		return s->flows + 1024;
	case PATH_NEW:
		return 256;
	case PATH_OTHER_ADDR:
	case PATH_OTHER_PORT:
	case NR_PATHS:
		break;
	}
	return 1 << 16;
}

/* Warms up and measures the front into 'prog_fd'. */
static int timed(struct subject *s, enum bench_path path, int prog_fd, uint32_t packets, double *ret_ns)
{
	int front_fd = bpf_program__fd(front_of(s, path));
	struct bench_tuple any = tuple_of_flow(0);
	uint8_t frame[FRAME_LEN];
	int err = point_front_at(s, prog_fd);

	frame_build(s->scene, &any, ACK, frame);
	s->front->bss->order.tcp_flags = path == PATH_NEW ? SYN : PSH_ACK;
	if (!err)
		err = test_run(s->scene, front_fd, warm_up(s, path), frame, NULL, NULL);
	if (!err)
		err = test_run(s->scene, front_fd, packets, frame, NULL, ret_ns);
	*ret_ns /= packets;
	return err;
}

int subject_measure(struct subject *s, enum bench_path path, uint32_t packets, struct cost *ret, uint64_t *ret_wrong)
{
	struct target_counts before, after;
	struct cost cost;
	int err, no_counts;
	uint64_t right;

	err = timed(s, path, bpf_program__fd(s->front->progs.bench_empty), packets, &cost.base);
	no_counts = s->target->counts(s->self, &before);
	if (!err)
		err = timed(s, path, s->prog_fd, packets, &cost.raw);
	if (err)
		return err;
	*ret = cost;
	*ret_wrong = 0;
	if (no_counts || s->target->counts(s->self, &after))
		return 0;
	right = path == PATH_OTHER_ADDR || path == PATH_OTHER_PORT ? after.passed - before.passed :
								     after.sent - before.sent;
	*ret_wrong = packets + warm_up(s, path) - right;
	return 0;
}
