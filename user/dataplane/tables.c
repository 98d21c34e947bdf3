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

	return a->pool_lo > a->pool_hi && !a->flags && !a->nr_ranges && !memcmp(a->bloom, none, sizeof(none));
}

static bool addr_is(const struct xlb_addr *a, const __be32 *addr, uint8_t family)
{
	return a->family == family && !words_cmp(a->addr, addr);
}

struct xlb_addr *table_addr_find(struct xlb_addr *table, const __u64 *secrets, const __be32 *addr, uint8_t family)
{
	uint32_t first = xlb_addr_hash(secrets, addr, family);

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		struct xlb_addr *a = &table[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (!a->family || addr_is(a, addr, family))
			return a->family ? a : NULL;
	}
	return NULL;
}

/*
 * All words but the third, which has the family and the number of ranges, from the last to the first, and then the
 * third: a packet that finds the address finds what belongs to it.
 */
static void addr_store(struct xlb_addr *slot, const struct xlb_addr *rec)
{
	enum { WORD = sizeof(uint64_t), FAMILY_AT = 2 };
	char *to = (char *)slot;
	const char *from = (const char *)rec;

	_Static_assert(offsetof(struct xlb_addr, family) / WORD == FAMILY_AT, "the family lies in the third word");
	record_store(to + (FAMILY_AT + 1) * WORD, from + (FAMILY_AT + 1) * WORD, sizeof(*rec) - (FAMILY_AT + 1) * WORD);
	record_store(to, from, FAMILY_AT * WORD);
	record_store(to + FAMILY_AT * WORD, from + FAMILY_AT * WORD, WORD);
}

struct xlb_addr *table_addr_put(struct xlb_addr *table, const __u64 *secrets, const struct xlb_addr *rec)
{
	uint32_t first = xlb_addr_hash(secrets, rec->addr, rec->family);
	struct xlb_addr *place = NULL;
	__u64 *filter;

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		struct xlb_addr *a = &table[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (addr_is(a, rec->addr, rec->family)) {
			place = a;
			break;
		}
		if (!place && (!a->family || addr_is_dead(a)))
			place = a;
		if (!a->family)
			break;
	}
	if (!place)
		return NULL;
	addr_store(place, rec);
	filter = xlb_addr_filter_word(table, first);
	__atomic_store_n(filter, *filter | xlb_addr_filter_bit(first), __ATOMIC_RELEASE);
	return place;
}

struct xlb_addr *table_addr_cover(struct xlb_addr *table, const __u64 *secrets, const struct xlb_addr *rec)
{
	const struct xlb_addr *old = table_addr_find(table, secrets, rec->addr, rec->family);
	struct xlb_addr both = *rec;

	if (!old || addr_is_dead(old))
		return table_addr_put(table, secrets, rec);
	for (size_t i = 0; i < XLB_ADDR_BLOOM_WORDS; i++)
		both.bloom[i] |= old->bloom[i];
	both.flags |= old->flags & XLB_ADDR_SERVER;
	if (rec->pool_lo > rec->pool_hi) {
		both.pool_lo = old->pool_lo;
		both.pool_hi = old->pool_hi;
	} else if (old->pool_lo <= old->pool_hi) {
		both.pool_lo = old->pool_lo < rec->pool_lo ? old->pool_lo : rec->pool_lo;
		both.pool_hi = old->pool_hi > rec->pool_hi ? old->pool_hi : rec->pool_hi;
	}
	return table_addr_put(table, secrets, &both);
}

void table_addr_del(struct xlb_addr *slot)
{
	struct xlb_addr dead = { .pool_lo = 1, .family = slot->family };

	memcpy(dead.addr, slot->addr, sizeof(dead.addr));
	addr_store(slot, &dead);
}

static struct xlb_vip_bucket *bucket_of(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip,
					int choice)
{
	return &table[xlb_vip_hash(secrets, vip->addr_slot, vip->port, vip->proto, choice)];
}

static struct xlb_vip *way_of(struct xlb_vip_bucket *b, const struct xlb_vip *vip)
{
	for (size_t i = 0; i < XLB_VIP_WAYS; i++)
		if (b->way[i].proto && vip_is(&b->way[i], vip))
			return &b->way[i];
	return NULL;
}

struct xlb_vip *table_vip_find(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip)
{
	struct xlb_vip *way = way_of(bucket_of(table, secrets, vip, 0), vip);

	return way ? way : way_of(bucket_of(table, secrets, vip, 1), vip);
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
	__atomic_store_n((record_word *)way, 0, __ATOMIC_RELEASE);
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

	place = table_vip_find(table, secrets, vip);
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
