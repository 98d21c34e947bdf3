/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses, ports and source ranges that a new configuration does not have any more, but old flows do.
 *
 * The program looks into the flow table only for packets to what xlb_tables.addrs covers. Were a removed frontend or a
 * narrowed source range taken out at once, its connections would break: so apply.c only ever widens the table. Once a
 * sweep that began after the change has found no flow that needs more than is wanted, the table is narrowed. Until then
 * what is covered in vain costs its packets one look into the flow table, nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_priv.h"

int address_want(struct dp *dp, const struct image *img)
{
	struct xlb_addr *list = calloc(img->nr_addrs + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < img->nr_addrs; i++)
		list[i] = img->addrs[i].rec;
	free(dp->wanted.list);
	dp->wanted.list = list;
	dp->wanted.nr = img->nr_addrs;
	dp->wanted.differs = true;
	dp->wanted.sweep_from = dp->sweep->nr_started + 1;
	return 0;
}

static int addr_cmp(const void *key, const void *elem)
{
	return image_addr_cmp(key, elem);
}

static const struct xlb_addr *wanted_record(const struct dp *dp, const __be32 *addr, uint8_t family)
{
	struct xlb_addr key = { .family = family };

	memcpy(key.addr, addr, sizeof(key.addr));
	return bsearch(&key, dp->wanted.list, dp->wanted.nr, sizeof(*dp->wanted.list), addr_cmp);
}

static bool has_port(const struct xlb_addr *rec, __be16 port, uint8_t proto)
{
	uint32_t bit = xlb_port_bit(port, proto);

	return rec && rec->bloom[bit / 32] >> bit % 32 & 1;
}

/* Do the wanted addresses bring the server's packets of the flow to the flow table? */
static bool covers_answers(const struct dp *dp, const struct flow *flow)
{
	const struct xlb_server *srv = &dp->servers[flow->b.server];
	const struct xlb_addr *rec;
	uint16_t port = ntohs(flow->b.sport);

	switch ((enum xlb_mode)srv->mode) {
	case XLB_MODE_FULLNAT:
		rec = wanted_record(dp, srv->source, srv->family);
		return rec && port >= rec->pool_lo && port <= rec->pool_hi;
	case XLB_MODE_DNAT:
		rec = wanted_record(dp, srv->addr, srv->family);
		return rec && rec->flags & XLB_ADDR_SERVER &&
		       has_port(rec, xlb_server_port(srv, flow->vport), flow->b.proto);
	case XLB_MODE_L2DSR:
	case XLB_MODE_IPIP:
		break;
	}
	return true;
}

bool address_needed_by(const struct dp *dp, const struct flow *flow)
{
	return !has_port(wanted_record(dp, flow->vip, flow->family), flow->vport, flow->b.proto) ||
	       !covers_answers(dp, flow);
}

void address_expect_answers(struct dp *dp, const struct image *img)
{
	for (size_t i = 0; i < img->nr_addrs; i++)
		if (img->addrs[i].rec.flags & XLB_ADDR_SERVER)
			__atomic_store_n(&dp->control->answers, 1, __ATOMIC_RELEASE);
}

/* The slot of the address of a family that has the most users but for 'other'; NULL: none. */
static const struct xlb_addr *hottest(const struct dp *dp, const struct image *img, uint8_t family,
				      const struct xlb_addr *other)
{
	const struct xlb_addr *best = NULL;
	size_t users = 0;

	for (size_t i = 0; i < img->nr_addrs; i++) {
		const struct image_addr *a = &img->addrs[i];
		const struct xlb_addr *slot;

		if (a->rec.family != family || a->nr_users <= users)
			continue;
		slot = table_addr_find(dp->addrs, dp->meta.secrets, a->rec.addr, family);
		if (!slot || slot == other)
			continue;
		best = slot;
		users = a->nr_users;
	}
	return best;
}

/* A slot of another address than the one meant does no harm: the program compares. */
void address_heat(struct dp *dp, const struct image *img)
{
	for (size_t v6 = 0; v6 < 2; v6++) {
		const struct xlb_addr *first = hottest(dp, img, v6 ? 6 : 4, NULL);
		const struct xlb_addr *second = hottest(dp, img, v6 ? 6 : 4, first);

		first = first ? first : dp->addrs;
		second = second ? second : first;
		__atomic_store_n(&dp->control->hot[v6][0], (uint16_t)(first - dp->addrs), __ATOMIC_RELAXED);
		__atomic_store_n(&dp->control->hot[v6][1], (uint16_t)(second - dp->addrs), __ATOMIC_RELAXED);
	}
}

void address_settle(struct dp *dp)
{
	bool answers = false;

	if (!dp->wanted.differs || dp->sweep->nr_done < dp->wanted.sweep_from || dp->sweep->last.addrs_needed ||
	    dp->places.nr_lingering)
		return;
	for (size_t i = 0; i < XLB_ADDR_SLOTS; i++) {
		struct xlb_addr *slot = &dp->addrs[i], rec;
		const struct xlb_addr *wanted = slot->family ? wanted_record(dp, slot->addr, slot->family) : NULL;

		if (wanted) {
			rec = *wanted;
			rec.first_range = slot->first_range;
			(void)table_addr_put(dp->addrs, dp->meta.secrets, &rec);
			answers = answers || rec.flags & XLB_ADDR_SERVER;
		} else if (slot->family) {
			table_addr_del(slot);
		}
	}
	__atomic_store_n(&dp->control->answers, answers, __ATOMIC_RELEASE);
	dp->wanted.differs = false;
}
