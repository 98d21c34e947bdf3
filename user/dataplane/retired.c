/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Servers that left the configuration while flows still carry their number: their next hop is kept true, so that these
 * flows survive a server that moves. No image knows them; the records in the table are all there is.
 */
#include <string.h>

#include "dataplane/dp_priv.h"

uint16_t dp_next_retired(const struct dp *dp, uint16_t after, struct addr *ret_addr)
{
	for (unsigned int id = after + 1u; id < XLB_MAX_SERVERS; id++) {
		const struct xlb_server *rec = &dp->servers[id];

		if (!rec->identity || rec->backend || dp_server_unreferenced(dp, (uint16_t)id))
			continue;
		*ret_addr = words_get(rec->addr, rec->family);
		return (uint16_t)id;
	}
	return 0;
}

void dp_set_retired_hop(struct dp *dp, uint16_t id, const struct next_hop *hop)
{
	static const unsigned char unknown[6];
	struct xlb_server rec;

	/* What is known no longer is no reason to forget what was: the flow may still get through. */
	if (!id || id >= XLB_MAX_SERVERS || dp->servers[id].backend || !hop->oif ||
	    !memcmp(hop->dmac, unknown, sizeof(unknown)))
		return;
	rec = dp->servers[id];
	if (rec.oif == hop->oif && !memcmp(rec.dmac, hop->dmac, sizeof(rec.dmac)) &&
	    !memcmp(rec.smac, hop->smac, sizeof(rec.smac)))
		return;
	rec.oif = hop->oif;
	memcpy(rec.dmac, hop->dmac, sizeof(rec.dmac));
	memcpy(rec.smac, hop->smac, sizeof(rec.smac));
	record_store(&dp->servers[id], &rec, sizeof(rec));
}
