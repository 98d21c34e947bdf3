/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Entries of stick tables (xlb/stick.h), and the one number of them that must go down again: the live flows that a
 * counter of the rules tracks.
 */
#ifndef XLB_STICK_BPF_H
#define XLB_STICK_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

/* WORKAROUND(clang 19, linux 6.18): addresses are copied by halves, for which words on the stack lie at odd places. */
#define STICK_KEY(name) __be32 name[4] __attribute__((aligned(8)))

/*
 * The key of an address in table 'number', on the caller's stack. WORKAROUND(linux 6.1): a map takes no key from the
 * memory that a function is given. False: the table has no keys of this family.
 */
static __always_inline bool stick_key(__be32 *key, const __be32 *addr, __u32 number, bool v6)
{
	bool ip6 = XLB_IN(stick_confs, number)->flags & XLB_STICK_IP6;

	if (v6) {
		addr_copy(key, addr, true);
		return ip6;
	}
	xlb_stick_key4(key, addr[0], ip6);
	return true;
}

/* The entry of a key, of zeroes if it is new; NULL: no memory. */
static __always_inline struct xlb_stick *stick_enter(void *table, const __be32 *key)
{
	static const struct xlb_stick zero;
	struct xlb_stick *st = bpf_map_lookup_elem(table, key);

	if (st)
		return st;
	(void)bpf_map_update_elem(table, key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(table, key);
}

/* Adds 'step' to the live flows of the key in table 'number'; never below 0, for an entry may have been lost between.
 */
static __always_inline void stick_live(__u32 number, const __be32 *key, __s32 step)
{
	void *table = XLB_AT(xlb_sticks, number);
	struct xlb_stick *st = table ? bpf_map_lookup_elem(table, key) : NULL;

	if (st && (step > 0 || READ_ONCE(st->conn_cur)))
		__sync_fetch_and_add(&st->conn_cur, step);
}

/* A flow of the service begins or ends to be live; 'word': the XLB_F_TRACKED bits of the counters that track it. */
static __always_inline void tracked_live(__u32 service, __u32 word, const __be32 *client, const __be32 *vip, __s32 step,
					 bool v6)
{
	const struct xlb_service *svc = service_at(service);
	STICK_KEY(key);
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < XLB_POLICY_COUNTERS; i++) {
		__u32 table = svc->track[v6][i];

		if (word & XLB_F_TRACKED << i && stick_key(key, svc->track_dst[v6] >> i & 1 ? vip : client, table, v6))
			stick_live(table, key, step);
	}
}

__noinline int xlb_tracked4(struct xlb_flow4 *f, __u32 word, __s32 step)
{
	if (f)
		tracked_live(f->b.service, word, &f->client, &f->vip, step, false);
	return 0;
}

__noinline int xlb_tracked6(struct xlb_flow6 *f, __u32 word, __s32 step)
{
	if (f)
		tracked_live(f->b.service, word, f->client, f->vip, step, true);
	return 0;
}

/* The flow that 'pkt' was to open has come to nothing. */
__noinline int xlb_untrack(struct xlb_pkt *pkt)
{
	if (pkt)
		tracked_live(pkt->service, pkt->tracked, pkt->saddr, pkt->daddr, -1, pkt->family == 6);
	return 0;
}

#endif
