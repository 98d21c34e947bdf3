/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From pinned tables back to numbers and an image: what a daemon that takes over compares its configuration with.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_priv.h"

/*
 * Numbers in use come first. A number that is in use no more, but that flows may still carry, is entered after them: an
 * identity that was given another number since needs the old one no longer.
 */
int dp_adopt_ids(struct dp *dp, struct image_ids *ids)
{
	for (unsigned int id = 1; id < XLB_MAX_BACKENDS; id++) {
		uint64_t ring = dp->backends[id].ring;

		(void)image_ids_adopt(ids, 'b', dp->backends[id].identity, (uint16_t)id);
		if (XLB_RING_ALG(ring) == XLB_ALG_MAGLEV)
			image_ids_set_maglev_len(ids, (uint16_t)id, XLB_RING_LEN(ring));
	}
	for (int in_use = 1; in_use >= 0; in_use--) {
		for (unsigned int id = 1; id < XLB_MAX_SERVICES; id++) {
			const struct xlb_service *s = &dp->services[id];

			if (in_use == (s->backend || s->flags))
				(void)image_ids_adopt(ids, 's', s->identity, (uint16_t)id);
		}
		for (unsigned int id = 1; id < XLB_MAX_SERVERS; id++)
			if (in_use == (dp->servers[id].backend != 0))
				(void)image_ids_adopt(ids, 'S', image_server_key(&dp->servers[id]), (uint16_t)id);
	}
	for (uint32_t i = 1; i < XLB_MAX_STICKS; i++)
		(void)image_ids_adopt(ids, 't', stick_read(dp, i).identity, (uint16_t)i);
	for (uint32_t i = 1; i < XLB_MAX_POLICIES; i++)
		(void)image_ids_adopt(ids, 'p', dp->policies[i].identity, (uint16_t)i);
	return 0;
}

static int read_ring(const struct dp *dp, uint64_t ring, struct image_ring *ret)
{
	uint32_t first = XLB_RING_FIRST(ring), len = XLB_RING_LEN(ring);

	ret->alg = (uint8_t)XLB_RING_ALG(ring);
	if (!len || first >= XLB_RING_VALUES || ring_values(len) > XLB_RING_VALUES - first)
		return 0;
	ret->ids = calloc(len, sizeof(*ret->ids));
	if (!ret->ids)
		return -ENOMEM;
	ret->len = len;
	for (uint32_t i = 0; i < len; i++)
		ret->ids[i] = *ring_entry(dp->ring, first, i) & XLB_SLOT_SERVER;
	return 0;
}

static int read_records(const struct dp *dp, struct image *img)
{
	for (size_t id = 1; id < XLB_MAX_SERVICES; id++)
		if (dp->services[id].backend || dp->services[id].flags)
			img->services[id] = dp->services[id];
	for (size_t id = 1; id < XLB_MAX_SERVERS; id++)
		if (dp->servers[id].backend)
			img->servers[id] = dp->servers[id];
	for (size_t id = 1; id < XLB_MAX_BACKENDS; id++) {
		int err = read_ring(dp, dp->backends[id].ring, &img->rings[id]);

		if (err)
			return err;
		img->backends[id] = dp->backends[id];
		img->backends[id].ring = 0;
	}
	for (size_t i = 0; i < 2 * XLB_BUSY_WORDS; i++)
		img->busy[i / XLB_BUSY_WORDS][i % XLB_BUSY_WORDS] = dp->busy[i / 8].word[i % 8];
	return 0;
}

static bool covers_something(const struct xlb_addr *a)
{
	static const uint32_t none[XLB_ADDR_BLOOM_WORDS];

	return a->family && (a->pool_lo <= a->pool_hi || a->nr_ranges || memcmp(a->bloom, none, sizeof(none)) != 0);
}

static int range_cmp(const void *a, const void *b)
{
	return image_range_cmp(a, b);
}

static void read_ranges(const struct dp *dp, struct image *img, struct image_addr *addr)
{
	uint32_t first = addr->rec.first_range, nr = addr->rec.nr_ranges;

	addr->first_range = img->nr_ranges;
	addr->rec.first_range = 0;
	addr->rec.nr_ranges = 0;
	for (uint32_t i = first; i < first + nr && i < XLB_MAX_RANGES && img->nr_ranges < XLB_MAX_RANGES; i++) {
		struct image_range range = { .rec = dp->ranges[i] };

		if (!range.rec.proto)
			continue;
		if (range.rec.service & XLB_VIP_RETURN) {
			range.ret = dp->returns[(range.rec.service & ~XLB_VIP_RETURN) % XLB_MAX_RETURNS];
			range.rec.service = XLB_VIP_RETURN;
		}
		img->ranges[img->nr_ranges++] = range;
		addr->rec.nr_ranges++;
	}
	qsort(&img->ranges[addr->first_range], addr->rec.nr_ranges, sizeof(*img->ranges), range_cmp);
	if (!addr->rec.nr_ranges)
		addr->first_range = 0;
}

static int read_addrs(const struct dp *dp, struct image *img)
{
	img->addrs = calloc(XLB_ADDR_SLOTS, sizeof(*img->addrs));
	img->ranges = calloc(XLB_MAX_RANGES, sizeof(*img->ranges));
	if (!img->addrs || !img->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < XLB_ADDR_SLOTS; i++) {
		if (!covers_something(&dp->addrs[i]))
			continue;
		img->addrs[img->nr_addrs].rec = dp->addrs[i];
		read_ranges(dp, img, &img->addrs[img->nr_addrs++]);
	}
	return 0;
}

static void read_bind(const struct dp *dp, const struct xlb_vip *vip, struct image_bind *ret)
{
	const struct xlb_addr *addr = &dp->addrs[vip->addr_slot % XLB_ADDR_SLOTS];

	*ret = (struct image_bind){
		.port = vip->port, .service = vip->service, .family = addr->family, .proto = vip->proto
	};
	memcpy(ret->addr, addr->addr, sizeof(ret->addr));
	if (vip->service & XLB_VIP_RETURN) {
		ret->ret = dp->returns[(vip->service & ~XLB_VIP_RETURN) % XLB_MAX_RETURNS];
		ret->service = XLB_VIP_RETURN;
	}
}

static int read_binds(const struct dp *dp, struct image *img)
{
	size_t nr = 0;

	for (size_t i = 0; i < XLB_VIP_BUCKETS; i++)
		for (size_t w = 0; w < XLB_VIP_WAYS; w++)
			nr += dp->vips[i].way[w].proto != 0;
	img->binds = calloc(nr + 1, sizeof(*img->binds));
	if (!img->binds)
		return -ENOMEM;
	for (size_t i = 0; i < XLB_VIP_BUCKETS; i++)
		for (size_t w = 0; w < XLB_VIP_WAYS; w++)
			if (dp->vips[i].way[w].proto && img->nr_binds < nr)
				read_bind(dp, &dp->vips[i].way[w], &img->binds[img->nr_binds++]);
	return 0;
}

int dp_read_image(struct dp *dp, struct image **ret)
{
	struct image *img;
	int err;

	if (!dp->adopted) {
		*ret = NULL;
		return 0;
	}
	img = image_new(XLB_MAX_SERVICES, XLB_MAX_BACKENDS, XLB_MAX_SERVERS);
	if (!img)
		return -ENOMEM;
	err = read_records(dp, img);
	if (!err)
		err = read_addrs(dp, img);
	if (!err)
		err = read_binds(dp, img);
	if (err) {
		image_free(img);
		return err;
	}
	for (uint32_t i = 1; i < XLB_MAX_STICKS; i++)
		img->sticks[i] = stick_read(dp, i);
	for (uint32_t i = 1; i < XLB_MAX_POLICIES; i++)
		img->policies[i].rec = dp->policies[i];
	image_sort(img);
	*ret = img;
	return 0;
}
