/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet to a client goes: the kernel's routing table, or back the way that the client's packet came. Answers
 * are kept once each in table xlb_tables.nexthops, and flows carry their numbers.
 */
#ifndef XLB_NEXTHOP_BPF_H
#define XLB_NEXTHOP_BPF_H

#include "config.bpf.h"
#include "flowtab.bpf.h"
#include "maps.bpf.h"
#include "packet.bpf.h"

enum {
	FIB_INET = 2, /* AF_INET and AF_INET6 of sys/socket.h, which BPF code cannot include */
	FIB_INET6 = 10,
	HOP_PROBES = 8,
};

/* Results of xlb_nexthop(). */
enum { NEXTHOP_FORBIDDEN, NEXTHOP_FOUND, NEXTHOP_UNKNOWN };

/* Interface number of an ifindex, 0 if xlb is not attached there. */
static __always_inline __u32 if_number(__u32 ifindex)
{
	int i;

	for (i = 1; i < XLB_MAX_IFS; i++)
		if (READ_ONCE(xlb_tables.control.ifindex[i]) == ifindex)
			return i;
	return 0;
}

static __always_inline __u32 *hop_word(struct xlb_nexthop *n)
{
	return (__u32 *)&n->oif;
}

static __always_inline bool hop_equals(const struct xlb_nexthop *n, const __u8 *macs, __u16 oif)
{
	return READ_ONCE(n->oif) == oif && *(const __u64 *)n->dmac == *(const __u64 *)macs &&
	       *(const __u32 *)&n->smac[2] == *(const __u32 *)(macs + 8);
}

/*
 * Number of the entry of xlb_tables.nexthops that holds the two MAC addresses (12 bytes, aligned to 8) and the
 * interface, made if there is none; 0: no room near its place.
 */
__noinline __u32 xlb_hop_number(struct xlb_aim *aim)
{
	struct xlb_nexthop *n;
	__u32 first, key, i;
	__u64 hash;

	if (!aim || !aim->oif)
		return 0;
	hash = xlb_flow_mix(*(__u64 *)aim->macs + xlb_cfg_secrets[0] * *(__u32 *)(aim->macs + 8) + aim->oif);
	first = hash >> 48;
	for (i = 0; i < HOP_PROBES; i++) {
		key = (first + i) & (XLB_MAX_NEXTHOPS - 1);
		n = XLB_IN(nexthops, key);
		if (!key)
			continue;
		if (hop_equals(n, aim->macs, aim->oif))
			return key;
		if (READ_ONCE(*hop_word(n)) || __sync_val_compare_and_swap(hop_word(n), 0, 1u << 16))
			continue;
		*(__u64 *)n->dmac = *(__u64 *)aim->macs;
		*(__u32 *)&n->smac[2] = *(__u32 *)(aim->macs + 8);
		publish(hop_word(n), aim->oif | 1u << 16);
		return key;
	}
	return 0;
}

/*
 * The interface that the packet came by. WORKAROUND(clang 19, linux 6.18): it keeps the address of the field in a
 * register, and the verifier takes no such pointer into the context.
 */
static __always_inline __u32 ingress(const struct xdp_md *ctx)
{
	__u32 ifindex;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(ifindex)
		     : "r"(ctx), "i"(__builtin_offsetof(struct xdp_md, ingress_ifindex)));
	return ifindex;
}

/* Asks the routing table about the client of 'e'. Returns NEXTHOP_*, with FOUND 'aim' filled. */
static __always_inline int hop_ask(struct xdp_md *ctx, const struct xlb_entry *e, struct bpf_fib_lookup *fib, bool v6,
				   struct xlb_aim *aim)
{
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->ifindex = ingress(ctx);
	if (v6) {
		fib->family = FIB_INET6;
		addr_copy_all((__be32 *)fib->ipv6_src, e->vip);
		addr_copy_all((__be32 *)fib->ipv6_dst, e->client);
	} else {
		fib->family = FIB_INET;
		fib->ipv4_src = e->vip[0];
		fib->ipv4_dst = e->client[0];
	}
	switch (bpf_fib_lookup(ctx, fib, sizeof(*fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		aim->oif = if_number(fib->ifindex);
		__builtin_memcpy(aim->macs, fib->dmac, 6);
		__builtin_memcpy(aim->macs + 6, fib->smac, 6);
		return aim->oif ? NEXTHOP_FOUND : NEXTHOP_UNKNOWN;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return NEXTHOP_FORBIDDEN;
	}
	return NEXTHOP_UNKNOWN;
}

static __always_inline struct xlb_hop *hop_slot(const struct xlb_entry *e, bool v6)
{
	__u64 hash = xlb_flow_mix(csum_addr(e->client, v6) * 0x9e3779b97f4a7c15ull);

	return XLB_AT(xlb_hops, (__u32)(hash >> (64 - XLB_HOP_BITS)));
}

/* Back to the station that sent the packet at hand, by the interface it came by. */
static __always_inline bool hop_back(struct xdp_md *ctx, struct xlb_aim *aim)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return false;
	aim->oif = if_number(ingress(ctx));
	__builtin_memcpy(aim->macs, eth->h_source, 6);
	__builtin_memcpy(aim->macs + 6, eth->h_dest, 6);
	return aim->oif;
}

/*
 * Finds the next hop towards the client of 'e' (e->client, e->vip) and writes its number to e->b.hop. Follows the
 * routing table where it gives a complete answer through an attached interface. Where it cannot (forwarding is off for
 * the interface, the neighbour is unknown), and 'from_client' says that the packet at hand is the client's, the reply
 * goes back to the station that sent it, by the interface it came by. NEXTHOP_FORBIDDEN: the routing table refuses the
 * destination. A CPU asks once per client and tick, which saves a client's further connections about 60 ns each.
 */
__noinline int xlb_nexthop(struct xdp_md *ctx, struct xlb_entry *e, struct xlb_pkt *pkt, __u32 from_client)
{
	struct xlb_scratch *s = scratch();
	__u32 seen = XLB_SEEN(now_tick(), epoch_now());
	struct xlb_aim *aim;
	struct xlb_hop *hop;
	int result;
	bool v6;

	if (!e || !pkt || !s)
		return NEXTHOP_FORBIDDEN;
	aim = &s->pkt.aim;
	hop = hop_slot(e, pkt->family == 6);
	if (!hop)
		return NEXTHOP_FORBIDDEN;
	v6 = pkt->family == 6;
	if (hop->seen == seen && hop->ifindex == ingress(ctx) && hop->family == pkt->family &&
	    addr_same(hop->client, e->client, v6) && hop->result != NEXTHOP_UNKNOWN) {
		e->b.hop = hop->index;
		return hop->result;
	}
	result = hop_ask(ctx, e, &s->fib, v6, aim);
	if (result == NEXTHOP_UNKNOWN && from_client && hop_back(ctx, aim))
		result = NEXTHOP_FOUND;
	if (result == NEXTHOP_FOUND)
		e->b.hop = xlb_hop_number(aim);
	addr_fill(hop->client, e->client, v6);
	hop->family = pkt->family;
	hop->ifindex = ingress(ctx);
	hop->seen = seen;
	hop->index = e->b.hop;
	hop->result = result == NEXTHOP_FOUND && !e->b.hop ? NEXTHOP_UNKNOWN : result;
	return hop->result;
}

#endif
