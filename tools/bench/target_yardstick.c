/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads the yardstick with the scene. See yardstick.bpf.c. */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "yardstick.h"

#include "bench_yardstick.skel.h"

int sum_percpu(int map_fd, uint32_t nr, uint64_t *ret)
{
	int nr_cpus = libbpf_num_possible_cpus(), err = 0;
	uint64_t *values;

	if (nr_cpus < 0)
		return nr_cpus;
	values = calloc((size_t)nr_cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	memset(ret, 0, nr * sizeof(*ret));
	for (uint32_t key = 0; key < nr && !err; key++) {
		err = bpf_map_lookup_elem(map_fd, &key, values);
		for (int cpu = 0; cpu < nr_cpus; cpu++)
			ret[key] += values[cpu];
	}
	free(values);
	return err;
}

static int fill(struct bench_yardstick_bpf *skel)
{
	struct ys_vip vip = { .addr = htonl(VIP_ADDR), .port = htons(VIP_PORT), .proto = IPPROTO_TCP };
	struct ys_service svc = { .id = 1, .first_server = 1, .nr_servers = NR_SERVERS };
	int err = bpf_map_update_elem(bpf_map__fd(skel->maps.ys_vips), &vip, &svc, BPF_ANY);

	for (uint32_t id = 1; id <= NR_SERVERS && !err; id++) {
		struct ys_server server = { .addr = htonl(SERVER_ADDR(id)),
					    .source = htonl(VIP_ADDR),
					    .port = htons(SERVER_PORT) };

		memcpy(server.mac, server_mac, sizeof(server.mac));
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.ys_servers), &id, &server, BPF_ANY);
	}
	return err;
}

static int yardstick_open(const struct scene *scene, uint32_t flows, void **ret_self, int *ret_prog_fd)
{
	struct bench_yardstick_bpf *skel = bench_yardstick_bpf__open();
	int err;

	(void)scene;
	if (!skel)
		return -errno;
	/* The same memory as xlb takes for as many flows, which leaves enough room never to evict a live flow here. */
	bpf_map__set_max_entries(skel->maps.ys_flows, flows / 2 * 5);
	err = bench_yardstick_bpf__load(skel);
	if (!err)
		err = fill(skel);
	if (err) {
		bench_yardstick_bpf__destroy(skel);
		return err;
	}
	*ret_self = skel;
	*ret_prog_fd = bpf_program__fd(skel->progs.yardstick);
	return 0;
}

static int yardstick_counts(void *self, struct target_counts *ret)
{
	struct bench_yardstick_bpf *skel = self;
	uint64_t n[YS_NR_VERDICTS];
	int err = sum_percpu(bpf_map__fd(skel->maps.ys_verdicts), YS_NR_VERDICTS, n);

	if (err)
		return err;
	*ret = (struct target_counts){ .passed = n[YS_PASS],
				       .sent = n[YS_SENT],
				       .other = n[YS_SHORT] + n[YS_BAD] + n[YS_NO_FLOW] + n[YS_REFUSED] };
	return 0;
}

static void yardstick_close(void *self)
{
	bench_yardstick_bpf__destroy(self);
}

const struct target target_yardstick = {
	.name = "yardstick",
	.has_flows = true,
	.open = yardstick_open,
	.counts = yardstick_counts,
	.close = yardstick_close,
};
