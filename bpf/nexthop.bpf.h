/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet to a client goes: the kernel's routing table, or back the way that the client's packet came.
 */
#ifndef XLB_NEXTHOP_BPF_H
#define XLB_NEXTHOP_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "packet.bpf.h"

enum { AF_INET_ = 2 }; /* of sys/socket.h, which BPF code cannot include */

/* Interface number of an ifindex, 0 if xlb is not attached there. */
static __always_inline __u32 if_number(__u32 ifindex)
{
	struct xlb_control *control;
	__u32 zero = 0;
	int i;

	control = bpf_map_lookup_elem(&xlb_control, &zero);
	if (!control)
		return 0;
	for (i = 1; i < XLB_MAX_IFS; i++)
		if (READ_ONCE(control->ifindex[i]) == ifindex)
			return i;
	return 0;
}

/* What xlb_flow.epoch becomes when next hops are looked up now. */
static __always_inline __u8 epoch_now(void)
{
	struct xlb_control *control;
	__u32 zero = 0;

	control = bpf_map_lookup_elem(&xlb_control, &zero);
	return control ? READ_ONCE(control->epoch) : 0;
}

/* Results of xlb_nexthop(). */
enum { NEXTHOP_FORBIDDEN, NEXTHOP_FOUND, NEXTHOP_UNKNOWN };

/* Does the answer still hold for this question? Answers live for a tick, and until the daemon counts a change. */
static __always_inline bool hop_holds(const struct xlb_hop *hop, const struct xlb_flow *f, __u32 ifindex, __u32 now,
				      __u8 epoch)
{
	return hop->client == f->new_daddr && hop->vip == f->new_saddr && hop->ifindex == ifindex && hop->tick == now &&
	       hop->epoch == epoch;
}

/* Asks the routing table and notes the answer in 'hop'. */
static __always_inline void hop_ask(struct xdp_md *ctx, const struct xlb_flow *f, struct xlb_hop *hop)
{
	struct bpf_fib_lookup fib = { .family = AF_INET_, .ifindex = ctx->ingress_ifindex };

	fib.ipv4_src = f->new_saddr;
	fib.ipv4_dst = f->new_daddr;
	hop->client = f->new_daddr;
	hop->vip = f->new_saddr;
	hop->ifindex = ctx->ingress_ifindex;
	switch (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		hop->oif = if_number(fib.ifindex);
		hop->result = hop->oif ? NEXTHOP_FOUND : NEXTHOP_UNKNOWN;
		__builtin_memcpy(hop->dmac, fib.dmac, 6);
		__builtin_memcpy(hop->smac, fib.smac, 6);
		break;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		hop->result = NEXTHOP_FORBIDDEN;
		break;
	default:
		hop->result = NEXTHOP_UNKNOWN;
	}
}

/*
 * Fills dmac, smac and oif of reply entry 'f', whose client is f->new_daddr. Follows the routing table where it gives a
 * complete answer through an attached interface. Where it cannot (forwarding is off for the interface, the neighbour is
 * unknown), and 'from_client' says that the packet at hand is the client's, the reply goes back to the station that
 * sent it, by the interface it came by. NEXTHOP_FORBIDDEN: the routing table refuses the destination. A CPU asks once
 * per client and tick, which saves a client's further connections about 60 ns each.
 */
__noinline int xlb_nexthop(struct xdp_md *ctx, struct xlb_flow *f, __u32 from_client)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 now = bpf_jiffies64() >> xlb_cfg_tick_shift, key;
	struct ethhdr *eth = data;
	struct xlb_hop *hop;

	if (!f)
		return NEXTHOP_FORBIDDEN;
	key = (f->new_daddr * 0x9e3779b1u) >> (32 - XLB_HOP_BITS);
	hop = bpf_map_lookup_elem(&xlb_hops, &key);
	if (!hop)
		return NEXTHOP_FORBIDDEN;
	if (!hop_holds(hop, f, ctx->ingress_ifindex, now, epoch_now())) {
		hop->epoch = epoch_now();
		hop->tick = now;
		hop_ask(ctx, f, hop);
	}
	if (hop->result == NEXTHOP_FORBIDDEN)
		return NEXTHOP_FORBIDDEN;
	if (hop->result == NEXTHOP_FOUND) {
		f->oif = hop->oif;
		__builtin_memcpy(f->dmac, hop->dmac, 6);
		__builtin_memcpy(f->smac, hop->smac, 6);
		return NEXTHOP_FOUND;
	}
	if (!from_client || (void *)(eth + 1) > end)
		return NEXTHOP_UNKNOWN;
	f->oif = if_number(ctx->ingress_ifindex);
	__builtin_memcpy(f->dmac, eth->h_source, 6);
	__builtin_memcpy(f->smac, eth->h_dest, 6);
	return NEXTHOP_FOUND;
}

#endif
