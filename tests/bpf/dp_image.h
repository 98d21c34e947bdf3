/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Images to apply, and the tables as the program reads them: for the tests of user/dataplane that look inside. */
#ifndef TESTS_DP_IMAGE_H
#define TESTS_DP_IMAGE_H

#include <arpa/inet.h>

#include "dataplane/dp_priv.h"
#include "dp_scene.h"

enum { NR_SERVERS = 5, SOURCE = 0x0300000a /* 10.0.0.3, of every server */ };

/* An image with one backend and service, 'nr_binds' binds, and a ring of the servers of which 'mask' has a bit. */
static inline struct image *make_image(size_t nr_binds, unsigned int mask, size_t turns)
{
	struct image *img = image_new(2, 2, NR_SERVERS + 1);

	img->services[1] = (struct xlb_service){
		.identity = 11, .backend = 1, .flags = XLB_SVC_ENABLED, .timeout = { 10, 1000, 100, 20, 5 }
	};
	img->backends[1].identity = 21;
	img->rings[1].ids = calloc(turns * NR_SERVERS + 1, sizeof(uint16_t));
	for (uint16_t s = 1; s <= NR_SERVERS; s++)
		if (mask & 1u << s)
			img->servers[s] = (struct xlb_server){ .identity = 30u + s,
							       .backend = 1,
							       .family = 4,
							       .flags = XLB_SRV_UP,
							       .addr = { s },
							       .source = { SOURCE },
							       .pool_lo = 1 };
	for (size_t t = 0; t < turns; t++)
		for (uint16_t s = 1; s <= NR_SERVERS; s++)
			if (mask & 1u << s)
				img->rings[1].ids[img->rings[1].len++] = s;
	img->binds = calloc(nr_binds + 1, sizeof(*img->binds));
	img->addrs = calloc(nr_binds + 1, sizeof(*img->addrs));
	for (size_t i = 0; i < nr_binds; i++) {
		struct image_bind bind = { .addr = { htonl(0x0a000001 + (uint32_t)i % 100) },
					   .family = 4,
					   .port = htons((uint16_t)(1000 + i)),
					   .proto = 6,
					   .service = 1 };
		struct xlb_addr *rec = &img->addrs[i < 100 ? i : i % 100].rec;

		img->binds[img->nr_binds++] = bind;
		rec->addr[0] = bind.addr[0];
		rec->family = 4;
		rec->flags = XLB_ADDR_ECHO;
		rec->pool_lo = 1;
		rec->bloom[xlb_port_bit(bind.port, 6) / 32] |= 1u << xlb_port_bit(bind.port, 6) % 32;
		if (i < 100)
			img->nr_addrs++;
	}
	image_sort(img);
	return img;
}

static inline int apply(struct dp *dp, const struct image *from, const struct image *to)
{
	struct plan plan;
	int err;

	assert_int_equal(plan_make(from, to, &plan), 0);
	err = dp_apply(dp, from, to, &plan, &scene_diags);
	plan_fini(&plan);
	return err;
}

static inline void sweep_all(struct dp *dp)
{
	int turns = 0;

	while (!dp_sweep(dp, 1000))
		turns++;
	assert_int_equal(turns, 4); /* 107 buckets of 32 slots, 64 of 16 */
}

/* Are the tables exactly what the image says, once no flow needs more? */
static inline void expect_tables(struct dp *dp, const struct image *img)
{
	struct image *found = NULL;
	bool adopted = dp->adopted;
	struct plan plan;

	sweep_all(dp); /* the one under way; the next begins after the last change */
	sweep_all(dp);
	dp->adopted = true;
	assert_int_equal(dp_read_image(dp, &found), 0);
	dp->adopted = adopted;
	assert_int_equal(found->nr_binds, img->nr_binds);
	assert_int_equal(found->nr_addrs, img->nr_addrs);
	assert_int_equal(plan_make(found, img, &plan), 0);
	assert_int_equal(plan.nr, 0);
	plan_fini(&plan);
	image_free(found);
}

static inline const struct xlb_addr *lookup_addr(const struct dp *dp, __be32 addr)
{
	uint32_t first = xlb_addr_hash4(dp->meta.secrets, addr);

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		const struct xlb_addr *a = &dp->addrs[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (!a->family || (a->family == 4 && a->addr[0] == addr))
			return a->family ? a : NULL;
	}
	return NULL;
}

/* As the program looks a bind up: number of the service, 0 if it is not found. */
static inline uint16_t lookup_way(const struct dp *dp, const struct xlb_vip *vip)
{
	for (int choice = 0; choice < 2; choice++) {
		const struct xlb_vip_bucket *b =
			&dp->vips[xlb_vip_hash(dp->meta.secrets, vip->addr_slot, vip->port, vip->proto, choice)];

		for (int i = 0; i < XLB_VIP_WAYS; i++)
			if (b->way[i].addr_slot == vip->addr_slot && b->way[i].port == vip->port &&
			    b->way[i].proto == vip->proto)
				return b->way[i].service;
	}
	return 0;
}

static inline uint16_t lookup_vip(const struct dp *dp, const struct image_bind *bind)
{
	const struct xlb_addr *addr = lookup_addr(dp, bind->addr[0]);
	struct xlb_vip vip = { .port = bind->port, .proto = bind->proto };

	if (!addr)
		return 0;
	vip.addr_slot = (uint16_t)(addr - dp->addrs);
	return lookup_way(dp, &vip);
}

/* Where the two entries of a flow were put. */
struct put {
	struct xlb_flow_body *request, *reply;
};

/* A slot for an entry that a packet with this hash finds, in its home line or 'far' lines on; marks it there. */
static inline struct xlb_flow4 *take_slot4(struct dp *dp, uint64_t hash, uint32_t far)
{
	struct xlb_bucket4 *b = &dp->flows[xlb_flow_bucket(hash, dp->meta.nr_buckets)];
	uint32_t home = xlb_flow_home(hash);

	for (uint32_t i = far; i < XLB_BUCKET_LINES; i++) {
		for (uint32_t way = 0; way < XLB_FLOW4_WAYS; way++) {
			struct xlb_flow4 *f = &b->slot[(home + i) % XLB_BUCKET_LINES * XLB_FLOW4_WAYS + way];

			if (f->b.word & XLB_F_LIVE)
				continue;
			b->slot[home * XLB_FLOW4_WAYS + way].b.homes |= (uint16_t)(1u << i);
			return f;
		}
	}
	fail_msg("no slot");
	return NULL;
}

static inline uint32_t pair(__be16 sport, __be16 dport)
{
	const __be16 ports[2] = { sport, dport };
	uint32_t out;

	memcpy(&out, ports, sizeof(out));
	return out;
}

/*
 * Enters a flow in full NAT as the program does: client 'client', service 10.0.0.1:1000, the source port 5000 + number
 * of the client.
 */
static inline struct put put_flow(struct dp *dp, uint32_t client, uint16_t server, uint32_t flags, uint32_t seen)
{
	const struct xlb_server *srv = &dp->servers[server];
	struct xlb_flow4 flow = {
		.client = htonl(0xc0000200 + client),
		.vip = htonl(0x0a000001),
		.cport = htons(777),
		.vport = htons(1000),
		.b = { .sport = htons((uint16_t)(5000 + client)),
		       .server = server,
		       .service = 1,
		       .seen = XLB_SEEN(seen, 0),
		       .proto = 6 },
	};
	uint64_t request = xlb_flow_hash4(dp->meta.secrets, flow.client, flow.vip, pair(flow.cport, flow.vport), 6);
	uint64_t reply = xlb_flow_hash4(dp->meta.secrets, srv->addr[0], srv->source[0],
					pair(xlb_server_port(srv, flow.vport), flow.b.sport), 6);
	struct xlb_flow4 *a = take_slot4(dp, request, client % 3);
	uint16_t homes = a->b.homes;
	struct xlb_flow4 *b;

	*a = flow;
	a->b.homes = homes;
	a->b.kind = (uint8_t)(XLB_FLOW_REQUEST | xlb_flow_home(request) << XLB_KIND_HOME_SHIFT);
	a->b.word = 0x30000 | XLB_F_LIVE | flags;
	b = take_slot4(dp, reply, client % 2);
	homes = b->b.homes;
	*b = flow;
	b->b.homes = homes;
	b->b.kind = (uint8_t)(XLB_FLOW_REPLY | xlb_flow_home(reply) << XLB_KIND_HOME_SHIFT);
	b->b.word = 0x70000 | XLB_F_LIVE | (flags & ~(uint32_t)XLB_F_COUNTED);
	if (flags & XLB_F_COUNTED) {
		dp->load[server].active++;
		dp->svc_load[1].active++;
	}
	return (struct put){ &a->b, &b->b };
}

static inline bool is_live(const struct xlb_flow_body *b)
{
	return b->word & XLB_F_LIVE;
}

#endif
