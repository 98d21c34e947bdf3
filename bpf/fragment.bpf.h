/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments: the first one of a packet carries the ports and goes its flow's way; where that led is remembered, and the
 * others follow. One that comes before its first cannot be placed.
 */
#ifndef XLB_FRAGMENT_BPF_H
#define XLB_FRAGMENT_BPF_H

#include "maps.bpf.h"
#include "send.bpf.h"

static __always_inline void frag_key(const struct xlb_pkt *pkt, struct xlb_frag_key *key)
{
	addr_copy_all(key->saddr, pkt->saddr);
	addr_copy_all(key->daddr, pkt->daddr);
	key->id = pkt->frag_id;
	key->proto = pkt->frag_proto;
	key->family = pkt->family;
	key->pad = 0;
}

/* Remembers where a first fragment goes: pkt->aim, or with 'pass' to the host. */
__noinline int xlb_frag_note(struct xlb_pkt *pkt, __u32 pass)
{
	struct xlb_scratch *s = scratch();
	struct xlb_frag *v;

	if (!pkt || !s)
		return 0;
	v = &s->frag;
	frag_key(pkt, &s->frag_key);
	addr_copy_all(v->new_saddr, pkt->aim.saddr);
	addr_copy_all(v->new_daddr, pkt->aim.daddr);
	__builtin_memcpy(v->macs, pkt->aim.macs, sizeof(v->macs));
	v->oif = pkt->aim.oif;
	v->server = pkt->server;
	v->service = pkt->service;
	v->mode = pkt->aim.mode;
	v->reply = pkt->aim.reply;
	v->pass = pass;
	v->tick = now_tick();
	(void)bpf_map_update_elem(&xlb_frags, &s->frag_key, v, BPF_ANY);
	return 0;
}

/*
 * Sends a later fragment after its first one. Those that cannot be placed pass where the host has the address too,
 * since they may be of its own packets.
 */
__noinline enum xlb_reason xlb_frag_follow(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct xlb_scratch *s = scratch();
	struct xlb_server *srv;
	struct xlb_frag *v;

	if (!pkt || !s)
		return XLB_R_BUG;
	frag_key(pkt, &s->frag_key);
	v = bpf_map_lookup_elem(&xlb_frags, &s->frag_key);
	if (!v || (now_tick() - v->tick) > (XLB_FRAG_SECONDS * xlb_cfg_hz) >> xlb_cfg_tick_shift)
		return pkt->addr_flags & XLB_ADDR_LOCAL || pkt->from_server ? XLB_R_LATER_FRAGMENT :
									      XLB_R_FRAGMENT_MISS;
	if (v->pass)
		return XLB_R_LATER_FRAGMENT;
	addr_copy_all(pkt->aim.saddr, v->new_saddr);
	addr_copy_all(pkt->aim.daddr, v->new_daddr);
	__builtin_memcpy(pkt->aim.macs, v->macs, sizeof(v->macs));
	pkt->aim.oif = v->oif;
	pkt->aim.mode = v->mode;
	pkt->aim.reply = v->reply;
	pkt->server = v->server;
	pkt->service = v->service;
	srv = server_at(v->server);
	if (!v->reply) { /* it may have moved since */
		__builtin_memcpy(pkt->aim.macs, srv->dmac, sizeof(v->macs));
		pkt->aim.oif = srv->oif;
	}
	if (!pkt->aim.oif)
		return XLB_R_NO_NEIGHBOUR;
	return send_as(ctx, pkt, XLB_R_FRAGMENT_SENT);
}

#endif
