/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Images to apply, and the tables as the program reads them: for the tests of user/dataplane that look inside. */
#ifndef TESTS_DP_IMAGE_H
#define TESTS_DP_IMAGE_H

#include <arpa/inet.h>

#include "dataplane/dp_priv.h"
#include "dp_scene.h"

enum { NR_SERVERS = 5 };

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
			img->servers[s] =
				(struct xlb_server){ .identity = 30u + s, .backend = 1, .addr = s, .pool_lo = 1 };
	for (size_t t = 0; t < turns; t++)
		for (uint16_t s = 1; s <= NR_SERVERS; s++)
			if (mask & 1u << s)
				img->rings[1].ids[img->rings[1].len++] = s;
	img->binds = calloc(nr_binds + 1, sizeof(*img->binds));
	img->addrs = calloc(nr_binds + 1, sizeof(*img->addrs));
	for (size_t i = 0; i < nr_binds; i++) {
		struct xlb_vip vip = { .addr = htonl(0x0a000001 + (uint32_t)i % 100),
				       .port = htons((uint16_t)(1000 + i)),
				       .proto = 6,
				       .service = 1 };
		struct xlb_addr *rec = &img->addrs[i < 100 ? i : i % 100].rec;

		img->binds[img->nr_binds++].vip = vip;
		rec->addr = vip.addr;
		rec->pool_lo = 1;
		rec->bloom[xlb_port_bit(vip.port, 6) / 32] |= 1u << xlb_port_bit(vip.port, 6) % 32;
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
	assert_int_equal(turns, 4); /* 4096 slots */
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

/* As the program looks a bind up: number of the service, 0 if it is not found. */
static inline uint16_t lookup_vip(const struct dp *dp, const struct xlb_vip *vip)
{
	for (int choice = 0; choice < 2; choice++) {
		const struct xlb_vip_bucket *b =
			&dp->vips[xlb_vip_hash(dp->meta.secrets, vip->addr, vip->port, vip->proto, choice)];

		for (int i = 0; i < XLB_VIP_WAYS; i++)
			if (!image_vip_cmp(&b->way[i], vip))
				return b->way[i].service;
	}
	return 0;
}

static inline const struct xlb_addr *lookup_addr(const struct dp *dp, __be32 addr)
{
	uint32_t first = xlb_addr_hash(dp->meta.secrets, addr);

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		const struct xlb_addr *a = &dp->addrs[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (!a->addr || a->addr == addr)
			return a->addr ? a : NULL;
	}
	return NULL;
}

#endif
