/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two small hash tables that the program looks addresses and binds up in (xlb/service.h), from the writer's side.
 *
 * Packets read while we write: what is added is complete before its key appears, and what is moved is in its new place
 * before it leaves the old one.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/dp_priv.h"

/* No longer ours: the slot only keeps its chain of probes together. */
static bool addr_is_dead(const struct xlb_addr *a)
{
	static const uint32_t none[XLB_ADDR_BLOOM_WORDS];

	return a->pool_lo > a->pool_hi && !memcmp(a->bloom, none, sizeof(none));
}

static struct xlb_addr *addr_find(struct xlb_addr *table, const __u64 *secrets, __be32 addr)
{
	uint32_t first = xlb_addr_hash(secrets, addr);

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		struct xlb_addr *a = &table[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (!a->addr || a->addr == addr)
			return a->addr ? a : NULL;
	}
	return NULL;
}

int table_addr_put(struct xlb_addr *table, const __u64 *secrets, const struct xlb_addr *rec)
{
	uint32_t first = xlb_addr_hash(secrets, rec->addr);
	struct xlb_addr *place = NULL;
	__u64 *filter;

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		struct xlb_addr *a = &table[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (a->addr == rec->addr) {
			place = a;
			break;
		}
		if (!place && (!a->addr || addr_is_dead(a)))
			place = a;
		if (!a->addr)
			break;
	}
	if (!place)
		return -ENOSPC;
	record_store(place, rec, sizeof(*rec));
	filter = (__u64 *)&table[xlb_addr_filter_key(first)] + xlb_addr_filter_word(first);
	__atomic_store_n(filter, *filter | xlb_addr_filter_bit(first), __ATOMIC_RELEASE);
	return 0;
}

int table_addr_cover(struct xlb_addr *table, const __u64 *secrets, const struct xlb_addr *rec)
{
	const struct xlb_addr *old = addr_find(table, secrets, rec->addr);
	struct xlb_addr both = *rec;

	if (!old || addr_is_dead(old))
		return table_addr_put(table, secrets, rec);
	for (size_t i = 0; i < XLB_ADDR_BLOOM_WORDS; i++)
		both.bloom[i] |= old->bloom[i];
	if (rec->pool_lo > rec->pool_hi) {
		both.pool_lo = old->pool_lo;
		both.pool_hi = old->pool_hi;
	} else if (old->pool_lo <= old->pool_hi) {
		both.pool_lo = old->pool_lo < rec->pool_lo ? old->pool_lo : rec->pool_lo;
		both.pool_hi = old->pool_hi > rec->pool_hi ? old->pool_hi : rec->pool_hi;
	}
	return table_addr_put(table, secrets, &both);
}

void table_addr_del(struct xlb_addr *table, const __u64 *secrets, __be32 addr)
{
	const struct xlb_addr dead = { .addr = addr, .pool_lo = 1 };
	struct xlb_addr *a = addr_find(table, secrets, addr);

	if (a)
		record_store(a, &dead, sizeof(dead));
}

static struct xlb_vip_bucket *bucket_of(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip,
					int choice)
{
	return &table[xlb_vip_hash(secrets, vip->addr, vip->port, vip->proto, choice)];
}

static struct xlb_vip *way_of(struct xlb_vip_bucket *b, const struct xlb_vip *vip)
{
	for (size_t i = 0; i < XLB_VIP_WAYS; i++)
		if (b->way[i].proto && !image_vip_cmp(&b->way[i], vip))
			return &b->way[i];
	return NULL;
}

static struct xlb_vip *free_way(struct xlb_vip_bucket *b, size_t *ret_nr_free)
{
	struct xlb_vip *found = NULL;

	*ret_nr_free = 0;
	for (size_t i = 0; i < XLB_VIP_WAYS; i++) {
		if (b->way[i].proto)
			continue;
		found = &b->way[i];
		++*ret_nr_free;
	}
	return found;
}

static void clear_way(struct xlb_vip *way)
{
	static const struct xlb_vip none;

	__atomic_store_n((record_word *)way, 0, __ATOMIC_RELEASE);
	record_store(way, &none, sizeof(none));
}

/*
 * Makes room in a full bucket: one of its binds moves to its other bucket. Only from its first choice to its second:
 * the program looks in this order, so it cannot miss the bind on its way.
 */
static struct xlb_vip *make_room(struct xlb_vip_bucket *table, const __u64 *secrets, struct xlb_vip_bucket *b)
{
	size_t nr_free;

	for (size_t i = 0; i < XLB_VIP_WAYS; i++) {
		struct xlb_vip *way = &b->way[i], *to;
		struct xlb_vip_bucket *other = bucket_of(table, secrets, way, 1);

		if (bucket_of(table, secrets, way, 0) != b || other == b)
			continue;
		to = free_way(other, &nr_free);
		if (!to)
			continue;
		record_store(to, way, sizeof(*way));
		clear_way(way);
		return way;
	}
	return NULL;
}

int table_vip_put(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip)
{
	struct xlb_vip_bucket *b[2] = { bucket_of(table, secrets, vip, 0), bucket_of(table, secrets, vip, 1) };
	size_t nr_free[2];
	struct xlb_vip *ways[2], *place;

	place = way_of(b[0], vip);
	if (!place)
		place = way_of(b[1], vip);
	if (!place) {
		ways[0] = free_way(b[0], &nr_free[0]);
		ways[1] = free_way(b[1], &nr_free[1]);
		place = nr_free[1] > nr_free[0] ? ways[1] : ways[0];
	}
	for (int choice = 0; choice < 2 && !place; choice++)
		place = make_room(table, secrets, b[choice]);
	if (!place)
		return -ENOSPC;
	record_store(place, vip, sizeof(*vip));
	return 0;
}

void table_vip_del(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip)
{
	for (int choice = 0; choice < 2; choice++) {
		struct xlb_vip *way = way_of(bucket_of(table, secrets, vip, choice), vip);

		if (way)
			clear_way(way);
	}
}
