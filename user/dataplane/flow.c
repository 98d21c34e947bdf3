/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Entries of the two flow tables, read and ended beside the program (xlb/flow.h).
 *
 * The program changes entries at the same time. What is read of one counts only if its word is the same afterwards;
 * what is ended is ended by compare-and-swap, so that a slot which was reused meanwhile is left alone.
 */
#include <string.h>

#include "dataplane/dp_priv.h"

enum { SLOTS4 = XLB_BUCKET_LINES * XLB_FLOW4_WAYS, SLOTS6 = XLB_BUCKET_LINES * XLB_FLOW6_WAYS };

static size_t nr_slots4(const struct dp *dp)
{
	return (size_t)dp->meta.nr_buckets * SLOTS4;
}

size_t flow_nr_slots(const struct dp *dp)
{
	return nr_slots4(dp) + (size_t)dp->meta.nr_buckets6 * SLOTS6;
}

static struct xlb_flow4 *slot4(const struct dp *dp, size_t slot)
{
	return &dp->flows[slot / SLOTS4].slot[slot % SLOTS4];
}

static struct xlb_flow6 *slot6(const struct dp *dp, size_t slot)
{
	slot -= nr_slots4(dp);
	return &dp->flows6[slot / SLOTS6].slot[slot % SLOTS6];
}

static struct xlb_flow_body *copy4(struct xlb_flow4 *f, struct flow *ret)
{
	*ret = (struct flow){
		.client[0] = f->client, .vip[0] = f->vip, .cport = f->cport, .vport = f->vport, .family = 4, .b = f->b
	};
	return &f->b;
}

static struct xlb_flow_body *copy6(struct xlb_flow6 *f, struct flow *ret)
{
	memcpy(ret->client, f->client, sizeof(ret->client));
	memcpy(ret->vip, f->vip, sizeof(ret->vip));
	ret->cport = f->cport;
	ret->vport = f->vport;
	ret->family = 6;
	ret->b = f->b;
	return &f->b;
}

struct xlb_flow_body *flow_read(const struct dp *dp, size_t slot, struct flow *ret)
{
	bool is4 = slot < nr_slots4(dp);
	struct xlb_flow_body *b = is4 ? &slot4(dp, slot)->b : &slot6(dp, slot)->b;
	uint32_t word = __atomic_load_n(&b->word, __ATOMIC_ACQUIRE);

	if (!(word & XLB_F_LIVE))
		return NULL;
	if (is4)
		(void)copy4(slot4(dp, slot), ret);
	else
		(void)copy6(slot6(dp, slot), ret);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	ret->b.word = __atomic_load_n(&b->word, __ATOMIC_RELAXED);
	/* Flags may have changed meanwhile, the version may not. */
	if (!(ret->b.word & XLB_F_LIVE) || (ret->b.word ^ word) & ~(uint32_t)XLB_F_FLAGS)
		return NULL;
	return ret->b.server < XLB_MAX_SERVERS && ret->b.service < XLB_MAX_SERVICES ? b : NULL;
}

/* A live flow less. The count never wraps: should it have been too low already, it stays at 0. */
static void uncount(struct xlb_load *load)
{
	uint32_t active = __atomic_load_n(&load->active, __ATOMIC_RELAXED);

	while (active && !__atomic_compare_exchange_n(&load->active, &active, active - 1, false, __ATOMIC_RELAXED,
						      __ATOMIC_RELAXED))
		;
}

bool flow_end(struct dp *dp, struct xlb_flow_body *at, const struct flow *copy)
{
	uint32_t word = copy->b.word;

	for (int i = 0; i < 4; i++) {
		if (__atomic_compare_exchange_n(&at->word, &word, word & ~(uint32_t)(XLB_F_LIVE | XLB_F_COUNTED), false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			if (word & XLB_F_COUNTED) {
				uncount(&dp->load[copy->b.server]);
				uncount(&dp->svc_load[copy->b.service]);
				if (word & XLB_F_TRACKED_ALL)
					tracked_end(dp, copy, word);
			}
			return true;
		}
		if (!(word & XLB_F_LIVE) || (word ^ copy->b.word) & ~(uint32_t)XLB_F_FLAGS)
			return false;
	}
	return false;
}

/* What a packet of one direction carries. */
struct packet_key {
	__be32 saddr[4], daddr[4];
	__be16 sport, dport;
};

/* The packet that the other entry is found by; false: a flow of this mode has none. */
static bool other_key(const struct dp *dp, const struct flow *flow, struct packet_key *ret)
{
	const struct xlb_server *srv = &dp->servers[flow->b.server];

	if (flow_kind(flow) == XLB_FLOW_REPLY) {
		memcpy(ret->saddr, flow->client, sizeof(ret->saddr));
		memcpy(ret->daddr, flow->vip, sizeof(ret->daddr));
		ret->sport = flow->cport;
		ret->dport = flow->vport;
		return true;
	}
	if (srv->mode != XLB_MODE_FULLNAT && srv->mode != XLB_MODE_DNAT)
		return false;
	memcpy(ret->saddr, srv->addr, sizeof(ret->saddr));
	memcpy(ret->daddr, srv->mode == XLB_MODE_FULLNAT ? srv->source : flow->client, sizeof(ret->daddr));
	ret->sport = xlb_server_port(srv, flow->vport);
	ret->dport = flow->b.sport;
	return true;
}

static uint64_t hash_of(const struct dp *dp, const struct packet_key *key, uint8_t family, uint8_t proto)
{
	const __be16 pair[2] = { key->sport, key->dport };
	uint32_t ports;

	memcpy(&ports, pair, sizeof(ports));
	return family == 4 ? xlb_flow_hash4(dp->meta.secrets, key->saddr[0], key->daddr[0], ports, proto) :
			     xlb_flow_hash6(dp->meta.secrets, key->saddr, key->daddr, ports, proto);
}

static bool same_flow(const struct flow *a, const struct flow *b)
{
	return !words_cmp(a->client, b->client) && !words_cmp(a->vip, b->vip) && a->cport == b->cport &&
	       a->vport == b->vport && a->b.proto == b->b.proto && a->b.server == b->b.server &&
	       a->b.sport == b->b.sport && flow_kind(a) != flow_kind(b);
}

/* Of the entries whose home is line 'home' of the bucket that begins at 'first', the one that belongs to 'flow'. */
static struct xlb_flow_body *search(const struct dp *dp, const struct flow *flow, size_t first, uint32_t home,
				    struct flow *ret)
{
	uint32_t ways = flow->family == 4 ? XLB_FLOW4_WAYS : XLB_FLOW6_WAYS;

	for (uint32_t way = 0; way < ways; way++) {
		size_t at = first + home * ways + way;
		uint32_t homes = __atomic_load_n(flow->family == 4 ? &slot4(dp, at)->b.homes : &slot6(dp, at)->b.homes,
						 __ATOMIC_RELAXED);

		for (uint32_t i = 0; homes; i++, homes >>= 1) {
			struct xlb_flow_body *b;

			if (!(homes & 1))
				continue;
			b = flow_read(dp, first + (home + i) % XLB_BUCKET_LINES * ways + way, ret);
			if (b && same_flow(flow, ret))
				return b;
		}
	}
	return NULL;
}

struct xlb_flow_body *flow_peer(const struct dp *dp, const struct flow *flow, struct flow *ret)
{
	struct packet_key key;
	uint64_t hash;
	size_t first;

	if (!other_key(dp, flow, &key))
		return NULL;
	hash = hash_of(dp, &key, flow->family, flow->b.proto);
	first = flow->family == 4 ? (size_t)xlb_flow_bucket(hash, dp->meta.nr_buckets) * SLOTS4 :
				    nr_slots4(dp) + (size_t)xlb_flow_bucket(hash, dp->meta.nr_buckets6) * SLOTS6;
	return search(dp, flow, first, xlb_flow_home(hash), ret);
}
