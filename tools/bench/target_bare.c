/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads the bare rewrite with the scene. See bare.bpf.c. */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bench_bare.skel.h"

static int bare_open(const struct scene *scene, uint32_t flows, void **ret_self, int *ret_prog_fd)
{
	struct bench_bare_bpf *skel = bench_bare_bpf__open();
	int err;

	(void)scene;
	(void)flows;
	if (!skel)
		return -errno;
	skel->rodata->bare_vip = htonl(VIP_ADDR);
	skel->rodata->bare_vip_port = htons(VIP_PORT);
	skel->rodata->bare_server_port = htons(SERVER_PORT);
	skel->rodata->bare_client = htonl(CLIENT_BASE);
	memcpy((void *)skel->rodata->bare_client_mac, router_mac, sizeof(router_mac));
	for (int i = 0; i < 2; i++) {
		skel->rodata->bare_server[i] = htonl(SERVER_ADDR(i));
		memcpy((void *)skel->rodata->bare_server_mac[i], server_mac, sizeof(server_mac));
	}
	err = bench_bare_bpf__load(skel);
	if (err) {
		bench_bare_bpf__destroy(skel);
		return err;
	}
	*ret_self = skel;
	*ret_prog_fd = bpf_program__fd(skel->progs.bare);
	return 0;
}

static int bare_counts(void *self, struct target_counts *ret)
{
	(void)self;
	(void)ret;
	return -EOPNOTSUPP;
}

static void bare_close(void *self)
{
	bench_bare_bpf__destroy(self);
}

const struct target target_bare = {
	.name = "bare",
	.has_flows = false,
	.open = bare_open,
	.counts = bare_counts,
	.close = bare_close,
};
