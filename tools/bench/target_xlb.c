/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the real program, as it is embedded in the daemon, and writes the scene straight into its tables, without
 * daemon, pins or configuration: one address, one bind, one backend, NR_SERVERS servers.
 */
#include "counts.h"
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xlb/reason.h>
#include <xlb/service.h>

#include "xlb.skel.h"

enum { IDLE_FOREVER = 1 << 20 }; /* ticks: no flow times out during the bench */

static void fill_frontend(struct xlb_tables *t, const __u64 *secrets)
{
	struct xlb_addr addr = {
		.addr[0] = htonl(VIP_ADDR), .family = 4, .flags = XLB_ADDR_ECHO, .pool_lo = POOL_LO, .pool_hi = POOL_HI
	};
	uint32_t bit = xlb_port_bit(htons(VIP_PORT), IPPROTO_TCP), slot = xlb_addr_hash4(secrets, addr.addr[0]);
	struct xlb_vip_bucket binds = {
		.way[0] = { .addr_slot = (uint16_t)slot, .port = htons(VIP_PORT), .proto = IPPROTO_TCP, .service = 1 }
	};
	struct xlb_service svc = { .backend = 1, .flags = XLB_SVC_ENABLED, .identity = 1 };

	*xlb_addr_filter_word(t->addrs, slot) |= xlb_addr_filter_bit(slot);
	addr.bloom[bit / 32] |= 1u << (bit % 32);
	for (int i = 0; i < XLB_NR_STATES; i++)
		svc.timeout[i] = IDLE_FOREVER;
	t->services[1] = svc;
	t->vips[xlb_vip_hash(secrets, slot, htons(VIP_PORT), IPPROTO_TCP, 0)] = binds;
	addr.hot_port = htons(VIP_PORT);
	addr.hot_service = 1;
	t->addrs[slot] = addr;
	t->control.hot[0][0] = t->control.hot[0][1] = (uint16_t)slot;
}

static void fill_backend(struct xlb_tables *t, const struct scene *scene)
{
	struct xlb_backend be = { .ring = XLB_RING(XLB_ALG_RR, 1, NR_SERVERS), .identity = 1 };
	struct xlb_ring ring[(NR_SERVERS + XLB_RING_WAYS - 1) / XLB_RING_WAYS] = { 0 };

	t->control = (struct xlb_control){ .ifindex[1] = scene->ifindex, .idle_free = IDLE_FOREVER };
	for (uint16_t id = 1; id <= NR_SERVERS; id++) {
		struct xlb_server server = { .flags = XLB_SRV_UP,
					     .mode = XLB_MODE_FULLNAT,
					     .family = 4,
					     .addr[0] = htonl(SERVER_ADDR(id)),
					     .source[0] = htonl(VIP_ADDR),
					     .port = htons(SERVER_PORT),
					     .pool_lo = POOL_LO,
					     .pool_hi = POOL_HI,
					     .oif = 1,
					     .weight = 1,
					     .identity = id,
					     .backend = 1 };

		memcpy(server.dmac, server_mac, sizeof(server.dmac));
		memcpy(server.smac, scene->mac, sizeof(server.smac));
		ring[(id - 1) / XLB_RING_WAYS].server[(id - 1) % XLB_RING_WAYS] = id;
		t->servers[id] = server;
	}
	memcpy(&t->ring[1], ring, sizeof(ring));
	t->backends[1] = be;
}

/* Two entries a flow, and two slots of five left free, as the daemon sizes it. */
static uint32_t nr_buckets(uint32_t flows)
{
	return (uint32_t)((2.0 * flows / 0.6) / (XLB_BUCKET_LINES * XLB_FLOW4_WAYS)) + 1;
}

static int xlb_open(const struct scene *scene, uint32_t flows, void **ret_self, int *ret_prog_fd)
{
	struct xlb_bpf *skel = xlb_bpf__open();
	__u64 secrets[XLB_NR_SECRETS];
	int err;

	if (!skel)
		return -errno;
	if (getrandom(secrets, sizeof(secrets), 0) != sizeof(secrets)) {
		err = -EIO;
		goto fail;
	}
	for (int i = 0; i < XLB_NR_SECRETS; i++)
		secrets[i] |= 1;
	memcpy((void *)skel->rodata->xlb_cfg_secrets, secrets, sizeof(secrets));
	skel->rodata->xlb_cfg_nr_buckets = nr_buckets(flows);
	skel->rodata->xlb_cfg_stores_in_order = true;
	bpf_map__set_max_entries(skel->maps.xlb_cpus, (uint32_t)libbpf_num_possible_cpus());
	bpf_map__set_max_entries(skel->maps.xlb_flows, nr_buckets(flows));
	err = xlb_bpf__load(skel);
	if (!err) {
		fill_backend(&skel->bss->xlb_tables, scene);
		fill_frontend(&skel->bss->xlb_tables, secrets);
	}
	if (err)
		goto fail;
	*ret_self = skel;
	*ret_prog_fd = bpf_program__fd(skel->progs.xlb_xdp);
	return 0;
fail:
	xlb_bpf__destroy(skel);
	return err;
}

static int xlb_counts(void *self, struct target_counts *ret)
{
	static const enum xlb_verdict verdicts[XLB_R_MAX] = {
#define VERDICT(name, verdict, expected, text, advice) [XLB_R_##name] = XLB_V_##verdict,
		XLB_REASONS(VERDICT)
#undef VERDICT
	};
	struct xlb_bpf *skel = self;
	uint64_t n[XLB_R_MAX];
	int err = sum_reasons(bpf_map__fd(skel->maps.xlb_cpus), n);

	if (err)
		return err;
	*ret = (struct target_counts){ 0 };
	for (int r = XLB_R_NONE + 1; r < XLB_R_MAX; r++) {
		if (verdicts[r] == XLB_V_PASS)
			ret->passed += n[r];
		else if (r == XLB_R_REQUEST || r == XLB_R_REPLY || r == XLB_R_NEW_FLOW)
			ret->sent += n[r];
		else
			ret->other += n[r];
	}
	return 0;
}

static void xlb_close(void *self)
{
	xlb_bpf__destroy(self);
}

const struct target target_xlb = {
	.name = "xlb",
	.has_flows = true,
	.open = xlb_open,
	.counts = xlb_counts,
	.close = xlb_close,
};
