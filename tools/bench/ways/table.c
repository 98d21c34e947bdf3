/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See table.h. */
#include "../counts.h"
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xlb/reason.h>
#include <xlb/service.h>

#include "rules.h"
#include "ways.h"
#include "xlb.skel.h"

enum { IDLE_FOREVER = 1 << 20, SERVER_BASE = 0x0c000000, SOURCE = 0x0a7f0001, SERVER_PORT = 8080, MAGLEV_M = 16381 };

static const uint8_t server_mac[6] = { 2, 0, 0, 0, 0, 0x51 };

struct loaded {
	struct xlb_bpf *skel;
	struct xlb_bucket4 *flows;
	struct xlb_bucket6 *flows6;
	size_t size, size6;
	uint32_t nr_slots, nr_slots6;
	__u64 secrets[XLB_NR_SECRETS];
};

static struct xlb_tables *tables(struct loaded *l)
{
	return &l->skel->bss->xlb_tables;
}

static void address(__be32 *to, bool v6, uint32_t prefix, uint32_t low)
{
	memset(to, 0, 16);
	to[0] = htonl(v6 ? prefix : low);
	if (v6)
		to[3] = htonl(low);
}

/* The address of service 'n', its bind and its record. */
static void put_frontend(struct loaded *l, const struct way *w, uint32_t n)
{
	struct xlb_addr addr = { .family = w->v6 ? 6 : 4,
				 .flags = XLB_ADDR_ECHO | (w->stateless ? XLB_ADDR_STATELESS : 0),
				 .pool_lo = 1 };
	struct xlb_service svc = { .backend = (uint16_t)(1 + n),
				   .flags = XLB_SVC_ENABLED | (w->stateless ? XLB_SVC_STATELESS : 0),
				   .identity = 1 + n };
	uint32_t bit = xlb_port_bit(htons(WAYS_PORT), IPPROTO_TCP), slot;
	struct xlb_tables *t = tables(l);
	struct xlb_vip_bucket *binds;
	int way = 0;

	address(addr.addr, w->v6, 0xfd000000, WAYS_VIP + n);
	addr.bloom[bit / 32] |= 1u << (bit % 32);
	slot = xlb_addr_hash(l->secrets, addr.addr, addr.family);
	*xlb_addr_filter_word(t->addrs, slot) |= xlb_addr_filter_bit(slot);
	while (t->addrs[slot].family)
		slot = (slot + 1) % XLB_ADDR_SLOTS;
	binds = &t->vips[xlb_vip_hash(l->secrets, slot, htons(WAYS_PORT), IPPROTO_TCP, 0)];
	while (way < XLB_VIP_WAYS - 1 && binds->way[way].proto)
		way++;
	binds->way[way] = (struct xlb_vip){ .addr_slot = (uint16_t)slot,
					    .port = htons(WAYS_PORT),
					    .proto = IPPROTO_TCP,
					    .service = (uint16_t)(1 + n) };
	for (int i = 0; i < XLB_NR_STATES; i++)
		svc.timeout[i] = IDLE_FOREVER;
	t->services[1 + n] = svc;
	addr.hot_port = htons(WAYS_PORT);
	addr.hot_service = (uint16_t)(1 + n);
	addr.hot_backend = w->stateless ? (uint16_t)(1 + n) : 0;
	t->addrs[slot] = addr;
	if (!n)
		t->control.hot[w->v6][0] = t->control.hot[w->v6][1] = (uint16_t)slot;
}

/* The ring of backend 'n': round robin over the servers, or slots in an order that looks like Maglev's to a cache. */
static void put_backend(struct loaded *l, const struct way *w, uint32_t n)
{
	uint32_t len = w->stateless ? MAGLEV_M : w->servers, values = (len + XLB_RING_WAYS - 1) / XLB_RING_WAYS;
	uint32_t first = w->frontends > 1 && !w->stateless ? 0 : n * values;
	struct xlb_backend be = { .ring = XLB_RING(w->stateless ? XLB_ALG_MAGLEV : XLB_ALG_RR, first, len),
				  .seed = { 0x9e3779b97f4a7c15 + 2 * n, 0xbf58476d1ce4e5b9 },
				  .identity = 1 + n,
				  .flags = w->stateless ? XLB_BE_STATELESS : 0,
				  .parts = XLB_HASH_SRC | XLB_HASH_SPORT,
				  .mask4 = 32,
				  .mask6 = 128 };

	xlb_backend_set_masks(&be);
	for (uint32_t v = 0; v < values && (!n || first); v++) {
		struct xlb_ring ring = { 0 }, marks = { 0 };

		for (uint32_t i = 0; i < XLB_RING_WAYS && v * XLB_RING_WAYS + i < len; i++) {
			uint32_t at = v * XLB_RING_WAYS + i;

			ring.server[i] =
				(uint16_t)((1 + (w->stateless ? at * 2654435761u >> 8 : at) % w->servers) | w->marks);
			marks.server[i] = (uint16_t)(1 + (at + 1) % w->servers);
		}
		tables(l)->ring[first + v] = ring;
		tables(l)->marks[first + v] = marks;
	}
	tables(l)->backends[1 + n] = be;
}

static void put_server(struct loaded *l, const struct way *w, uint16_t id, const uint8_t *mac)
{
	bool v6 = w->v6 || (w->mode == XLB_MODE_IPIP && w->tunnel6);
	struct xlb_server s = { .flags = XLB_SRV_UP,
				.mode = (uint8_t)w->mode,
				.family = v6 ? 6 : 4,
				.port = w->mode == XLB_MODE_FULLNAT || w->mode == XLB_MODE_DNAT ? htons(SERVER_PORT) :
												  0,
				.pool_lo = 1024,
				.pool_hi = 65535,
				.oif = 1,
				.weight = 1,
				.identity = id,
				.backend = 1 };

	address(s.addr, v6, 0xfd020000, SERVER_BASE + id);
	address(s.source, v6, 0xfd000000, SOURCE);
	memcpy(s.dmac, server_mac, sizeof(s.dmac));
	memcpy(s.smac, mac, sizeof(s.smac));
	tables(l)->servers[id] = s;
}

static void fill(struct loaded *l, const struct way *w, uint32_t ifindex, const uint8_t *mac)
{
	tables(l)->control = (struct xlb_control){ .ifindex[1] = ifindex, .idle_free = IDLE_FOREVER };
	for (uint32_t n = 0; n < w->frontends; n++) {
		put_frontend(l, w, n);
		put_backend(l, w, n);
	}
	for (uint16_t id = 1; id <= w->servers; id++)
		put_server(l, w, id, mac);
}

static void *map_memory(const struct bpf_map *map, size_t *ret_size)
{
	*ret_size = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	return mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
}

/* As the daemon sizes them: two entries a flow, six slots of ten used in the IPv4 table, five in the other. */
static void size_tables(struct loaded *l, const struct way *w)
{
	uint32_t entries = 2 * (w->flows > 262144 ? w->flows : 262144);
	uint32_t buckets = (uint32_t)(entries / 0.6 / (XLB_BUCKET_LINES * XLB_FLOW4_WAYS)) + 1, buckets6 = 1;

	if (w->v6) {
		buckets6 = (uint32_t)(entries / 0.5 / XLB_BUCKET_LINES) + 1;
		buckets = 1;
	}
	l->skel->rodata->xlb_cfg_nr_buckets = buckets;
	l->skel->rodata->xlb_cfg_nr_buckets6 = buckets6;
	bpf_map__set_max_entries(l->skel->maps.xlb_cpus, (uint32_t)libbpf_num_possible_cpus());
	bpf_map__set_max_entries(l->skel->maps.xlb_flows, buckets);
	bpf_map__set_max_entries(l->skel->maps.xlb_flows6, buckets6);
	l->nr_slots = buckets * XLB_BUCKET_LINES * XLB_FLOW4_WAYS;
	l->nr_slots6 = buckets6 * XLB_BUCKET_LINES * XLB_FLOW6_WAYS;
}

int way_load(const struct way *w, uint32_t ifindex, const uint8_t *mac, struct loaded **ret)
{
	struct loaded *l = calloc(1, sizeof(*l));
	int err = -ENOMEM;

	if (!l)
		return err;
	l->skel = xlb_bpf__open();
	if (!l->skel || getrandom(l->secrets, sizeof(l->secrets), 0) != sizeof(l->secrets))
		goto fail;
	for (int i = 0; i < XLB_NR_SECRETS; i++)
		l->secrets[i] |= 1;
	memcpy((void *)l->skel->rodata->xlb_cfg_secrets, l->secrets, sizeof(l->secrets));
	l->skel->rodata->xlb_cfg_stores_in_order = true;
	size_tables(l, w);
	err = xlb_bpf__load(l->skel);
	if (err)
		goto fail;
	l->flows = map_memory(l->skel->maps.xlb_flows, &l->size);
	l->flows6 = map_memory(l->skel->maps.xlb_flows6, &l->size6);
	err = l->flows == MAP_FAILED || l->flows6 == MAP_FAILED ? -ENOMEM : 0;
	if (err)
		goto fail;
	fill(l, w, ifindex, mac);
	err = rules_put(l->skel, w);
	if (err)
		goto fail;
	*ret = l;
	return 0;
fail:
	way_unload(l);
	return err;
}

int way_prog_fd(const struct loaded *l)
{
	return bpf_program__fd(l->skel->progs.xlb_xdp);
}

static void establish_entry(struct xlb_flow_body *b)
{
	if (b->word & XLB_F_LIVE)
		b->word |= XLB_F_ANSWERED | XLB_F_CLIENT_ACK;
}

void way_establish(struct loaded *l)
{
	for (uint32_t i = 0; i < l->nr_slots; i++)
		establish_entry(&((struct xlb_flow4 *)l->flows)[i].b);
	for (uint32_t i = 0; i < l->nr_slots6; i++)
		establish_entry(&((struct xlb_flow6 *)l->flows6)[i].b);
}

uint64_t way_sent(const struct loaded *l)
{
	static const uint32_t sent[] = { XLB_R_REQUEST, XLB_R_NEW_FLOW, XLB_R_STATELESS, XLB_R_NOT_RECORDED };
	uint64_t reasons[XLB_R_MAX] = { 0 }, sum = 0;

	if (sum_reasons(bpf_map__fd(l->skel->maps.xlb_cpus), reasons))
		return 0;
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		sum += reasons[sent[i]];
	return sum;
}

void way_unload(struct loaded *l)
{
	if (!l)
		return;
	if (l->flows && l->flows != MAP_FAILED)
		munmap(l->flows, l->size);
	if (l->flows6 && l->flows6 != MAP_FAILED)
		munmap(l->flows6, l->size6);
	xlb_bpf__destroy(l->skel);
	free(l);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	return b ? gcd(b, a % b) : a;
}

uint32_t ways_stride(uint32_t nr)
{
	uint32_t step = (uint32_t)((double)nr * 0.6180339887);

	while (nr > 1 && gcd(step, nr) != 1)
		step++;
	return nr > 1 ? step : 0;
}
