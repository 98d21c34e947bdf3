/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is an address ours, and which service is bound to it? xlb/service.h describes the tables.
 */
#ifndef XLB_ADDR_BPF_H
#define XLB_ADDR_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

/* The record of an address of ours, or NULL; its slot by *ret_slot. */
static __always_inline struct xlb_addr *addr_find(const __be32 *addr, bool v6, __u32 *ret_slot)
{
	__u32 first = v6 ? xlb_addr_hash6(xlb_cfg_secrets, addr) : xlb_addr_hash4(xlb_cfg_secrets, addr[0]), slot, i;
	struct xlb_addr *a;

	if (!(*xlb_addr_filter_word(xlb_tables.addrs, first) & xlb_addr_filter_bit(first)))
		return NULL;
	for (i = 0; i < XLB_ADDR_PROBES; i++) {
		slot = (first + i) & (XLB_ADDR_SLOTS - 1);
		a = addr_at(slot);
		if (!a->family)
			return NULL;
		if (a->family == (v6 ? 6 : 4) && addr_same(a->addr, addr, v6)) {
			*ret_slot = slot;
			return a;
		}
	}
	return NULL;
}

/* As addr_find(), for a packet's destination on the hit path: most packets are for one of two addresses. */
static __always_inline struct xlb_addr *addr_find_hot(const __be32 *addr, bool v6, __u32 *ret_slot)
{
	struct xlb_addr *a;
	__u32 slot;
	int i;

	for (i = 0; i < 2; i++) {
		slot = READ_ONCE(xlb_tables.control.hot[v6][i]);
		a = addr_at(slot);
		if (addr_same(a->addr, addr, v6) && a->family == (v6 ? 6 : 4)) {
			*ret_slot = slot;
			return a;
		}
	}
	return addr_find(addr, v6, ret_slot);
}

/* May a bind with this port be on the address? 'port' as it lies in memory. */
static __always_inline bool addr_may_bind(const struct xlb_addr *a, __be16 port, __u8 proto)
{
	__u32 bit = xlb_port_bit(port, proto);

	return a->bloom[bit / 32 % XLB_ADDR_BLOOM_WORDS] >> (bit % 32) & 1;
}

static __always_inline bool addr_in_pool(const struct xlb_addr *a, __be16 port)
{
	__u16 p = bpf_ntohs(port);

	return p >= a->pool_lo && p <= a->pool_hi;
}

/* What xlb_vip.service of the bind says, 0 if there is none of just this port. */
static __always_inline __u32 vip_find(__u32 addr_slot, __be16 port, __u8 proto)
{
	struct xlb_vip_bucket *b;
	int choice, i;

	for (choice = 0; choice < 2; choice++) {
		b = XLB_IN(vips, xlb_vip_hash(xlb_cfg_secrets, addr_slot, port, proto, choice));
		for (i = 0; i < XLB_VIP_WAYS; i++) {
			/* addr_slot, port and proto are one aligned word but for the pad byte, which is 0. */
			if (*(const volatile __u32 *)&b->way[i].addr_slot == (addr_slot | (__u32)port << 16) &&
			    READ_ONCE(b->way[i].proto) == proto)
				return b->way[i].service;
		}
	}
	return 0;
}

/* Service whose range of ports on the address in 'addr_slot' contains the port, or 0. */
__noinline __u32 xlb_range_find(__u32 addr_slot, __u32 port, __u32 proto)
{
	struct xlb_addr *a = addr_at(addr_slot);
	struct xlb_range *r;
	__u32 i;

	for (i = 0; i < XLB_ADDR_RANGES; i++) {
		if (i >= a->nr_ranges)
			return 0;
		r = XLB_IN(ranges, a->first_range + i);
		if (r->proto == proto && port >= r->lo && port <= r->hi)
			return r->service;
	}
	return 0;
}

/* Index of the enabled service that the packet is for; 0 if there is none. */
static __always_inline __u32 service_find(__u32 addr_slot, __be16 port, __u8 proto)
{
	__u32 id = vip_find(addr_slot, port, proto);
	struct xlb_service *svc;

	if (!id || id & XLB_VIP_RETURN)
		id = xlb_range_find(addr_slot, bpf_ntohs(port), proto);
	svc = service_at(id);
	return id && svc->flags & XLB_SVC_ENABLED ? id : 0;
}

#endif
