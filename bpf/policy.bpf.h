/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Runs the rules of a frontend for a packet that opens a flow (xlb/policy.h). Asked once per flow; a frontend without
 * rules pays nothing for it.
 */
#ifndef XLB_POLICY_BPF_H
#define XLB_POLICY_BPF_H

#include "flowtab.bpf.h"
#include "stick.bpf.h"

enum { RULE_DONE = 0x100 }; /* xlb_rule(): the end, with an enum xlb_rule_op below it */

/* --- addresses and ports ------------------------------------------------------------------------------------------ */

static __always_inline __u64 trie_atoms(void *trie, struct xlb_policy_key *key, __u32 field, __u32 family, __u32 bits)
{
	__u64 *atoms;

	key->prefixlen = XLB_POLICY_KIND_BITS + bits;
	*(__u32 *)key->kind = 0;
	key->kind[0] = field;
	key->kind[1] = family;
	atoms = bpf_map_lookup_elem(trie, key);
	return atoms ? *atoms : 0;
}

static __always_inline __u64 atoms_of_addr(void *trie, struct xlb_policy_key *key, __u32 field, const __be32 *addr,
					   __u32 family)
{
	addr_copy_all(key->data, addr);
	return trie_atoms(trie, key, field, family, family == 4 ? 32 : 128);
}

static __always_inline __u64 atoms_of_port(void *trie, struct xlb_policy_key *key, __u32 field, __be16 port)
{
	key->data[0] = 0;
	key->data[1] = key->data[2] = key->data[3] = 0;
	*(__be16 *)key->data = port;
	return trie_atoms(trie, key, field, 0, 16);
}

/* All atoms that the packet's addresses and ports make true. */
static __always_inline __u64 policy_atoms(__u32 policy, __u32 fields, const struct xlb_pkt *pkt,
					  struct xlb_policy_key *key)
{
	void *trie = XLB_AT(xlb_policy_nets, policy);
	__u64 atoms = 0;

	if (!fields || !trie)
		return 0;
	if (fields & XLB_FIELD_SRC)
		atoms |= atoms_of_addr(trie, key, XLB_FIELD_SRC, pkt->saddr, pkt->family);
	if (fields & XLB_FIELD_DST)
		atoms |= atoms_of_addr(trie, key, XLB_FIELD_DST, pkt->daddr, pkt->family);
	if (fields & XLB_FIELD_SPORT)
		atoms |= atoms_of_port(trie, key, XLB_FIELD_SPORT, pkt->sport);
	if (fields & XLB_FIELD_DPORT)
		atoms |= atoms_of_port(trie, key, XLB_FIELD_DPORT, pkt->dport);
	return atoms;
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

/* The key of the packet's source or destination; as stick_key(). */
static __always_inline bool policy_key(__be32 *key, const struct xlb_pkt *pkt, __u32 table, bool dst)
{
	return stick_key(key, dst ? pkt->daddr : pkt->saddr, table, pkt->family == 6);
}

/* Has the entry's time run out? Then it counts as absent. */
static __always_inline bool stick_is_over(const struct xlb_stick *st, __u32 table, __u32 now)
{
	return !READ_ONCE(st->conn_cur) && now - st->tick > XLB_IN(stick_confs, table)->expire;
}

static __always_inline __u32 stick_value(const struct xlb_stick *st, __u32 table, __u32 field)
{
	const struct xlb_stick_conf *conf = XLB_IN(stick_confs, table);

	switch (field) {
	case XLB_COUNT_CONN_CNT:
		return st->conn_cnt;
	case XLB_COUNT_CONN_CUR:
		return st->conn_cur;
	case XLB_COUNT_CONN_RATE:
		return xlb_freq_read(&st->conn_rate, conf->conn_period, (__u32)bpf_jiffies64());
	case XLB_COUNT_GPC0:
		return st->gpc0;
	case XLB_COUNT_GPC0_RATE:
		return xlb_freq_read(&st->gpc0_rate, conf->gpc0_period, (__u32)bpf_jiffies64());
	default:
		return 0;
	}
}

/* Is the counter that the row names within the row's bounds? */
static __always_inline bool count_is_in(const struct xlb_policy_run *run, const struct xlb_pkt *pkt,
					const struct xlb_rule *r)
{
	__u32 counter = r->counter & 3, table = r->arg, value = 0;
	struct xlb_stick *st;
	void *map;
	STICK_KEY(key);
	bool dst = false;

	if (!(r->flags & XLB_RULE_BY_SRC)) {
		if (counter >= XLB_POLICY_COUNTERS || !run->table[counter])
			return false;
		if (r->flags & XLB_RULE_ANY_TABLE)
			table = run->table[counter];
		dst = run->dst >> counter & 1;
	}
	map = XLB_AT(xlb_sticks, table);
	if (!map || !policy_key(key, pkt, table, dst))
		return false;
	st = bpf_map_lookup_elem(map, key);
	if (st && !stick_is_over(st, table, now_tick()))
		value = stick_value(st, table, r->field);
	return value >= r->lo && value <= r->hi;
}

/* Counts the flow; the first row of a counter that is reached decides what it tracks. */
static __always_inline void rule_track(struct xlb_policy_run *run, const struct xlb_pkt *pkt, const struct xlb_rule *r)
{
	__u32 counter = r->counter & 3, now = now_tick();
	bool dst = r->flags & XLB_RULE_DST;
	struct xlb_stick *st;
	void *map = XLB_AT(xlb_sticks, r->arg);
	STICK_KEY(key);

	if (!map || counter >= XLB_POLICY_COUNTERS || run->table[counter])
		return;
	if (!policy_key(key, pkt, r->arg, dst))
		return;
	st = stick_enter(map, key);
	if (!st)
		return;
	if (stick_is_over(st, r->arg, now)) {
		st->conn_cnt = st->gpc0 = 0;
		st->conn_rate.now = st->conn_rate.before = 0;
		st->gpc0_rate.now = st->gpc0_rate.before = 0;
		st->server = 0;
	}
	st->tick = now;
	__sync_fetch_and_add(&st->conn_cnt, 1);
	__sync_fetch_and_add(&st->conn_cur, 1);
	xlb_freq_add(&st->conn_rate, XLB_IN(stick_confs, r->arg)->conn_period, (__u32)bpf_jiffies64(), 1);
	run->table[counter] = r->arg;
	run->dst |= (dst ? 1 : 0) << counter;
}

static __always_inline void rule_gpc0(const struct xlb_policy_run *run, const struct xlb_pkt *pkt,
				      const struct xlb_rule *r)
{
	__u32 counter = r->counter & 3, table;
	struct xlb_stick *st;
	void *map;
	STICK_KEY(key);

	if (counter >= XLB_POLICY_COUNTERS || !run->table[counter])
		return;
	table = run->table[counter];
	map = XLB_AT(xlb_sticks, table);
	if (!map || !policy_key(key, pkt, table, run->dst >> counter & 1))
		return;
	st = bpf_map_lookup_elem(map, key);
	if (!st)
		return;
	__sync_fetch_and_add(&st->gpc0, 1);
	xlb_freq_add(&st->gpc0_rate, XLB_IN(stick_confs, table)->gpc0_period, (__u32)bpf_jiffies64(), 1);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* Runs row 'row' of policy 'policy'. Returns the number of the next one, or RULE_DONE with the row's end. */
__noinline __u32 xlb_rule(struct xlb_pkt *pkt, __u32 policy, __u32 row)
{
	const struct xlb_rule *r = XLB_IN(rules, policy * XLB_POLICY_ROWS + row);
	struct xlb_scratch *s = scratch();
	struct xlb_policy_run *run;
	__u64 atoms, bit;

	if (!s || !pkt)
		return RULE_DONE | XLB_RULE_DROP;
	run = &s->policy;
	atoms = run->atoms | run->counted;
	if ((atoms & r->want) != r->want || atoms & r->never)
		return row + 1;
	switch (r->op) {
	case XLB_RULE_GO:
		return r->next;
	case XLB_RULE_COUNT:
		bit = 1ull << (r->atom & 63);
		if (r->flags & XLB_RULE_FIRST)
			run->counted &= ~bit;
		if (count_is_in(run, pkt, r))
			run->counted |= bit;
		return row + 1;
	case XLB_RULE_TRACK:
		rule_track(run, pkt, r);
		return r->next;
	case XLB_RULE_GPC0:
		rule_gpc0(run, pkt, r);
		return r->next;
	case XLB_RULE_TAKE:
		pkt->backend = r->arg;
		return RULE_DONE | XLB_RULE_TAKE;
	default:
		return RULE_DONE | r->op;
	}
}

static __always_inline __u32 tracked_bits(const struct xlb_policy_run *run)
{
	return (run->table[0] ? XLB_F_TRACKED : 0) | (run->table[1] ? XLB_F_TRACKED << 1 : 0) |
	       (run->table[2] ? XLB_F_TRACKED << 2 : 0);
}

/*
 * Asks the rules of pkt->service about the flow that 'pkt' opens. XLB_R_NONE: it may, with pkt->backend; else the
 * reason why not, REJECT_RST and REJECT_ICMP to be answered. pkt->tracked says what counts it among the live flows, in
 * either case.
 */
__noinline enum xlb_reason xlb_policy(struct xdp_md *ctx, struct xlb_pkt *pkt)
{
	struct xlb_scratch *s = scratch();
	__u32 policy, row = 0, i;

	if (!s || !pkt || !ctx)
		return XLB_R_BUG;
	policy = service_at(pkt->service)->policy;
	s->policy.counted = 0;
	s->policy.table[0] = s->policy.table[1] = s->policy.table[2] = s->policy.dst = 0;
	s->policy.atoms = policy_atoms(policy, XLB_IN(policies, policy)->fields, pkt, &s->policy.key);
#pragma clang loop unroll(disable)
	for (i = 0; i < XLB_POLICY_ROWS && row < XLB_POLICY_ROWS; i++)
		row = xlb_rule(pkt, policy, row);
	pkt->tracked = tracked_bits(&s->policy);
	if (row == (RULE_DONE | XLB_RULE_TAKE))
		return XLB_R_NONE;
	if (row != (RULE_DONE | XLB_RULE_REJECT))
		return XLB_R_REJECTED;
	return pkt->proto == IPPROTO_TCP ? XLB_R_REJECT_RST : XLB_R_REJECT_ICMP;
}

#endif
