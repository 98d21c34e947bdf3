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
	for (unsigned int id = 1; id < XLB_MAX_BACKENDS; id++)
		(void)image_ids_adopt(ids, 'b', dp->backends[id].identity, (uint16_t)id);
	for (int in_use = 1; in_use >= 0; in_use--) {
		for (unsigned int id = 1; id < XLB_MAX_SERVICES; id++) {
			const struct xlb_service *s = &dp->services[id];

			if (in_use == (s->backend || s->flags))
				(void)image_ids_adopt(ids, 's', s->identity, (uint16_t)id);
		}
		for (unsigned int id = 1; id < XLB_MAX_SERVERS; id++)
			if (in_use == (dp->servers[id].backend != 0))
				(void)image_ids_adopt(ids, 'S', dp->servers[id].identity, (uint16_t)id);
	}
	return 0;
}

static int read_ring(const struct dp *dp, uint64_t ring, struct image_ring *ret)
{
	uint32_t first = (uint32_t)(ring >> 32), len = (uint32_t)ring;

	if (!len || first >= XLB_RING_VALUES || ring_values(len) > XLB_RING_VALUES - first)
		return 0;
	ret->ids = calloc(len, sizeof(*ret->ids));
	if (!ret->ids)
		return -ENOMEM;
	ret->len = len;
	for (uint32_t i = 0; i < len; i++)
		ret->ids[i] = dp->ring[first + i / XLB_RING_WAYS].server[i % XLB_RING_WAYS];
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

static int read_addrs(const struct dp *dp, struct image *img)
{
	static const uint32_t none[XLB_ADDR_BLOOM_WORDS];

	img->addrs = calloc(XLB_ADDR_SLOTS, sizeof(*img->addrs));
	if (!img->addrs)
		return -ENOMEM;
	for (size_t i = 0; i < XLB_ADDR_SLOTS; i++) {
		const struct xlb_addr *a = &dp->addrs[i];

		if (a->addr && (a->pool_lo <= a->pool_hi || memcmp(a->bloom, none, sizeof(none))))
			img->addrs[img->nr_addrs++].rec = *a;
	}
	return 0;
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
				img->binds[img->nr_binds++].vip = dp->vips[i].way[w];
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
	image_sort(img);
	*ret = img;
	return 0;
}
