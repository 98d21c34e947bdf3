/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses, ports and source ranges that a new configuration does not have any more, but old flows do.
 *
 * The program looks into the flow table only for packets to what xlb_addrs covers. Were a removed frontend or a
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
	__be32 addr = *(const __be32 *)key, other = ((const struct xlb_addr *)elem)->addr;

	return addr < other ? -1 : addr > other;
}

static const struct xlb_addr *wanted_record(const struct dp *dp, __be32 addr)
{
	return bsearch(&addr, dp->wanted.list, dp->wanted.nr, sizeof(*dp->wanted.list), addr_cmp);
}

bool address_needed_by(const struct dp *dp, const struct xlb_flow *flow)
{
	const struct xlb_addr *rec = wanted_record(dp, flow->daddr);
	uint32_t bit = xlb_port_bit(flow->dport, flow->proto);
	uint16_t port = ntohs(flow->dport);

	return !rec || ((port < rec->pool_lo || port > rec->pool_hi) && !(rec->bloom[bit / 32] >> bit % 32 & 1));
}

void address_settle(struct dp *dp)
{
	const struct xlb_addr *rec;

	if (!dp->wanted.differs || dp->sweep->nr_done < dp->wanted.sweep_from || dp->sweep->last.addrs_needed)
		return;
	for (size_t i = 0; i < XLB_ADDR_SLOTS; i++) {
		__be32 addr = dp->addrs[i].addr;

		rec = addr ? wanted_record(dp, addr) : NULL;
		if (rec)
			record_store(&dp->addrs[i], rec, sizeof(*rec));
		else if (addr)
			table_addr_del(dp->addrs, dp->meta.secrets, addr);
	}
	dp->wanted.differs = false;
}
