/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 3.1 of docs/dataplane.md: later fragments follow their first one.
 */
#include "inside.h"

static struct xlb_frag_key frag_key(const struct m_pkt *p)
{
	struct xlb_frag_key k = { .proto = p->frag_proto,
				  .family = p->family,
				  .id = p->family == 4 ? htons((uint16_t)p->frag_id) : htonl(p->frag_id) };

	memcpy(k.saddr, p->key.saddr, 16);
	memcpy(k.daddr, p->key.daddr, 16);
	return k;
}

static struct m_frag *find_frag(struct model *m, const struct m_pkt *p, bool make)
{
	struct xlb_frag_key k = frag_key(p);
	unsigned int i;

	for (i = 0; i < m->nr_frags; i++)
		if (!memcmp(&m->frags[i].key, &k, sizeof(k)))
			return &m->frags[i];
	if (!make || m->nr_frags == M_FRAGS)
		return NULL;
	m->frags[m->nr_frags].key = k;
	return &m->frags[m->nr_frags++];
}

void remember_pass(struct model *m, const struct m_pkt *p)
{
	struct m_frag *f = find_frag(m, p, true);

	if (!f)
		return;
	*f = (struct m_frag){ .key = f->key, .pass = true, .tick = m->tick };
}

void remember_sent(struct model *m, const struct m_pkt *p, uint16_t server, bool reply, const uint32_t *saddr,
		   const uint32_t *daddr, const struct m_hop *hop)
{
	struct m_frag *f = find_frag(m, p, true);

	if (!f)
		return;
	*f = (struct m_frag){ .key = f->key, .reply = reply, .server = server, .service = p->service };
	f->tick = m->tick;
	if (!reply)
		return;
	f->hop = *hop;
	memcpy(f->saddr, saddr, 16);
	memcpy(f->daddr, daddr, 16);
}

enum xlb_reason later_fragment(struct model *m, struct m_pkt *p)
{
	struct m_frag *f = find_frag(m, p, false);
	struct m_key request = { .family = p->family };

	if (p->defect)
		return p->defect;
	if (!f || xlb_flow_idle(f->tick << 8, m->tick) > XLB_FRAG_SECONDS)
		return p->server_addr || p->ours->flags & XLB_ADDR_LOCAL ? XLB_R_LATER_FRAGMENT : XLB_R_FRAGMENT_MISS;
	if (f->pass)
		return XLB_R_LATER_FRAGMENT;
	if (f->reply) {
		memcpy(request.saddr, f->daddr, 16);
		memcpy(request.daddr, f->saddr, 16);
		return send_to_client(m, p, &request, &f->hop, f->server, f->service, XLB_R_FRAGMENT_SENT);
	}
	if (!m->c.servers[f->server].oif)
		return XLB_R_NO_NEIGHBOUR;
	return send_to_server(m, p, f->server, f->service, 0, XLB_R_FRAGMENT_SENT);
}
