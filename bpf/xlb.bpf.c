// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet's way, from the last function to the first. xlb_xdp() is attached; it sends plain packets of IPv4 by
 * itself (hit.bpf.h), xlb_stage_hit6() those of IPv6. The rest is read by xlb_stage_slow4() and _slow6(), which know
 * what to do with everything but a packet that opens a flow: that is for xlb_stage_open4() and _open6().
 */
#include "account.bpf.h"
#include "fragment.bpf.h"
#include "hit.bpf.h"
#include "icmp.bpf.h"
#include "open.bpf.h"
#include "parse.bpf.h"
#include "stage.bpf.h"
#include "stateless.bpf.h"
#include "track.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* A packet of the flow pkt->slot. XLB_R_NONE: it opens a new one. */
static __always_inline enum xlb_reason known_flow(struct xdp_md *ctx, struct xlb_pkt *pkt, bool v6)
{
	enum xlb_reason reason;

	if (pkt->bad)
		return pkt->bad;
	if (!v6 && pkt->l4 - pkt->l3 > IP4_LEN && xlb_source_route(ctx, pkt))
		return XLB_R_SOURCE_ROUTE;
	reason = v6 ? xlb_track6(ctx, pkt) : xlb_track4(ctx, pkt);
	if (reason == XLB_R_SHUT_RST)
		return xlb_answer(ctx, pkt, reason);
	if (reason || pkt->reopen)
		return reason;
	reason = aim_flow(pkt, v6);
	if (reason == XLB_R_REPLY && pkt->proto == IPPROTO_TCP && pkt->tcp_flags & TCP_SYN)
		xlb_mss(ctx, pkt);
	return reason == XLB_R_REQUEST || reason == XLB_R_REPLY ? send_as(ctx, pkt, reason) : reason;
}

/* A packet from a server in XLB_MODE_DNAT: an answer to a client, or the server's own business. */
static __always_inline enum xlb_reason from_server(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						   bool v6)
{
	__u32 id = vip_find(pkt->addr_slot, pkt->sport, pkt->proto);
	enum xlb_reason reason;
	struct xlb_return *ret;

	if (!id)
		id = xlb_range_find(pkt->addr_slot, bpf_ntohs(pkt->sport), pkt->proto);
	ret = XLB_IN(returns, id & ~XLB_VIP_RETURN);
	if (!(id & XLB_VIP_RETURN) || !ret->family)
		return XLB_R_NOT_OURS;
	pkt->return_id = id & ~XLB_VIP_RETURN;
	if (!(ret->flags & XLB_RETURN_STATE))
		return xlb_return(ctx, pkt);
	request_entry(&s->request, pkt, v6);
	pkt->hash = key_hash(&s->request, v6);
	pkt->slot = flow_find(&s->request, pkt->hash, v6);
	reason = pkt->slot == XLB_NO_SLOT ? XLB_R_NONE : known_flow(ctx, pkt, v6);
	return reason ? reason : XLB_R_NOT_OURS;
}

/* A sound or unsound packet to a port of ours, perhaps. XLB_R_NONE: it is of no flow. */
static __always_inline enum xlb_reason to_service(struct xdp_md *ctx, struct xlb_pkt *pkt, struct xlb_scratch *s,
						  bool v6)
{
	enum xlb_reason reason = XLB_R_NONE;
	struct xlb_service *svc;

	request_entry(&s->request, pkt, v6);
	pkt->hash = key_hash(&s->request, v6);
	if (pkt->addr_flags & XLB_ADDR_STATELESS) {
		pkt->service = service_find(pkt->addr_slot, pkt->dport, pkt->proto);
		svc = service_at(pkt->service);
		if (pkt->service && svc->flags & XLB_SVC_STATELESS)
			return v6 ? xlb_stateless6(ctx, pkt) : xlb_stateless4(ctx, pkt);
	}
	if (!is_syn(pkt) && !pkt->bad)
		pkt->slot = flow_find(&s->request, pkt->hash, v6);
	if (pkt->slot != XLB_NO_SLOT)
		reason = known_flow(ctx, pkt, v6);
	return reason;
}

/* What becomes of the packet. XLB_R_NONE: the next stage has to say. */
static __always_inline enum xlb_reason decide(struct xdp_md *ctx, struct xlb_scratch *s, __u32 l3, bool v6)
{
	struct xlb_pkt *pkt = &s->pkt;
	enum xlb_reason reason = parse(ctx, pkt, l3, v6);

	if (reason)
		return reason;
	if (pkt->frag == FRAG_LATER)
		return pkt->bad ? pkt->bad : xlb_frag_follow(ctx, pkt);
	if (pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_UDP)
		return v6 ? xlb_icmp6(ctx, pkt) : xlb_icmp4(ctx, pkt);
	return pkt->from_server ? from_server(ctx, pkt, s, v6) : to_service(ctx, pkt, s, v6);
}

/* Reasons under which the packet itself goes on to server or client, and not an answer of ours to its sender. */
static const __u64 forward_reasons = 1ull << XLB_R_REQUEST | 1ull << XLB_R_REPLY | 1ull << XLB_R_NEW_FLOW |
				     1ull << XLB_R_STATELESS | 1ull << XLB_R_NOT_RECORDED | 1ull << XLB_R_RETURN;

/* The end of every packet that was not sent by the hit path. Where a first fragment goes, the others will follow. */
static __always_inline int finish(struct xdp_md *ctx, struct xlb_pkt *pkt, enum xlb_reason reason)
{
	if (pkt->frag == FRAG_FIRST && (reason_passes(reason) || forward_reasons >> reason & 1))
		xlb_frag_note(pkt, reason_passes(reason));
	return account(ctx, reason, pkt->aim.oif);
}

static __always_inline int stage_open(struct xdp_md *ctx, bool v6)
{
	struct xlb_scratch *s = scratch();

	return s ? finish(ctx, &s->pkt, open(ctx, &s->pkt, v6)) : account(ctx, XLB_R_BUG, 0);
}

SEC("xdp.frags")
int xlb_stage_open4(struct xdp_md *ctx)
{
	return stage_open(ctx, false);
}

SEC("xdp.frags")
int xlb_stage_open6(struct xdp_md *ctx)
{
	return stage_open(ctx, true);
}

static __always_inline int stage_slow(struct xdp_md *ctx, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct xlb_scratch *s = scratch();
	struct ethhdr *eth = data;
	enum xlb_reason reason;

	if (!s || (void *)(eth + 1) > end)
		return account(ctx, XLB_R_BUG, 0);
	reason = decide(ctx, s, eth->h_proto == bpf_htons(ETH_P_8021Q) ? L3_MAX : ETH_LEN, v6);
	if (!reason)
		return stage_go(ctx, v6 ? XLB_STAGE_OPEN6 : XLB_STAGE_OPEN4);
	return finish(ctx, &s->pkt, reason);
}

SEC("xdp.frags")
int xlb_stage_slow4(struct xdp_md *ctx)
{
	return stage_slow(ctx, false);
}

SEC("xdp.frags")
int xlb_stage_slow6(struct xdp_md *ctx)
{
	return stage_slow(ctx, true);
}

SEC("xdp.frags")
int xlb_stage_hit6(struct xdp_md *ctx)
{
	int verdict = hit(ctx, true);

	if (verdict == HIT_OPEN)
		return stage_go(ctx, XLB_STAGE_OPEN6);
	return verdict == HIT_SLOW ? stage_go(ctx, XLB_STAGE_SLOW6) : verdict;
}

/* A frame with an 802.1Q tag: the tag stays where it is. Other tags, and tags within, are the host's. */
static __always_inline int tagged(struct xdp_md *ctx, void *data, void *end)
{
	__be16 proto;

	if (data + L3_MAX > end)
		return account(ctx, XLB_R_NOT_IP, 0);
	proto = *(__be16 *)(data + ETH_LEN + 2);
	if (proto == bpf_htons(ETH_P_IP))
		return stage_go(ctx, XLB_STAGE_SLOW4);
	if (proto == bpf_htons(ETH_P_IPV6))
		return stage_go(ctx, XLB_STAGE_SLOW6);
	return account(ctx, XLB_R_NOT_IP, 0);
}

/* Not attached: the daemon runs it on a "packet" that says which entry of a stick table has more live flows, or less.
 */
SEC("xdp")
int xlb_stick_live(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct xlb_stick_live *live = data;
	STICK_KEY(key);

	if ((void *)(live + 1) > end)
		return XDP_ABORTED;
	__builtin_memcpy(key, live->key, sizeof(key));
	stick_live(live->table, key, live->step);
	return XDP_PASS;
}

SEC("xdp.frags")
int xlb_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__be16 proto;
	int verdict;

	if (data + ETH_LEN > end)
		return account(ctx, XLB_R_NOT_IP, 0);
	proto = *(__be16 *)(data + ETH_LEN - 2);
	if (__builtin_expect(proto == bpf_htons(ETH_P_IP), 1)) {
		verdict = hit(ctx, false);
		if (verdict == HIT_OPEN)
			return stage_go(ctx, XLB_STAGE_OPEN4);
		return verdict == HIT_SLOW ? stage_go(ctx, XLB_STAGE_SLOW4) : verdict;
	}
	if (proto == bpf_htons(ETH_P_IPV6))
		return stage_go(ctx, XLB_STAGE_HIT6);
	if (proto == bpf_htons(ETH_P_8021Q))
		return tagged(ctx, data, end);
	return account(ctx, XLB_R_NOT_IP, 0);
}
