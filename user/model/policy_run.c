/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs a compiled policy, as the data plane does: the model of the BPF program for tests and for 'why'. */
#include "model/policy.h"

/* What steps have done so far to the flow, and the atoms that its addresses and ports make true. */
struct run {
	const struct policy_program *prog;
	const struct policy_packet *pkt;
	const struct policy_counters *c;
	uint64_t atoms;
	const struct stick_table *table[POLICY_COUNTERS];
	const struct addr *key[POLICY_COUNTERS];
};

/* The longest prefix around an address: in sorted order the last one that contains it. */
static uint64_t match_prefix(const struct policy_prefix *list, size_t nr, const struct addr *a)
{
	uint64_t atoms = 0;

	for (size_t i = 0; i < nr; i++)
		if (cidr_contains(&list[i].net, a))
			atoms = list[i].atoms;
	return atoms;
}

static uint64_t match_ports(const struct policy_ports *list, size_t nr, uint16_t port)
{
	for (size_t i = 0; i < nr; i++)
		if (port >= list[i].lo && port <= list[i].hi)
			return list[i].atoms;
	return 0;
}

static bool count_is_in(const struct run *r, const struct acl_test *t)
{
	const struct stick_table *table = t->table;
	const struct addr *looked_up = &r->pkt->src;
	struct addr key;
	uint64_t n;

	if (t->tracked && !r->table[t->counter])
		return false;
	if (t->tracked) {
		looked_up = r->key[t->counter];
		table = table ? table : r->table[t->counter];
	}
	if (!policy_key(table, looked_up, &key))
		return false;
	n = r->c->get(r->c->arg, table, &key, t->field);
	for (size_t i = 0; i < t->nr_sets; i++)
		for (size_t j = 0; j < t->sets[i]->nr; j++)
			if (n >= t->sets[i]->ranges[j].lo && n <= t->sets[i]->ranges[j].hi)
				return true;
	return false;
}

/* The atoms of counters that 'conj' names and that are true now. */
static uint64_t match_counts(const struct run *r, const struct policy_conj *conj)
{
	uint64_t atoms = 0;

	for (size_t i = 0; i < r->prog->nr_counts; i++) {
		const struct policy_count *count = &r->prog->counts[i];

		if (count->atom & (conj->want | conj->never) && count_is_in(r, count->test))
			atoms |= count->atom;
	}
	return atoms;
}

static bool step_is_true(const struct run *r, const struct policy_step *step)
{
	for (size_t i = step->first; i < step->first + step->nr; i++) {
		const struct policy_conj *conj = &r->prog->conjs[i];
		uint64_t atoms;

		if (r->atoms & conj->never)
			continue;
		atoms = r->atoms | match_counts(r, conj);
		if ((atoms & conj->want) == conj->want && !(atoms & conj->never))
			return !step->unless;
	}
	return step->unless;
}

static void track(struct run *r, const struct policy_step *step)
{
	const struct addr *tracked = step->by_dst ? &r->pkt->dst : &r->pkt->src;
	struct addr key;

	if (r->table[step->counter] || !policy_key(step->table, tracked, &key))
		return;
	r->table[step->counter] = step->table;
	r->key[step->counter] = tracked;
	r->c->track(r->c->arg, step->table, &key);
}

static void inc_gpc0(const struct run *r, const struct policy_step *step)
{
	const struct stick_table *table = r->table[step->counter];
	struct addr key;

	if (table && policy_key(table, r->key[step->counter], &key))
		r->c->inc_gpc0(r->c->arg, table, &key);
}

enum policy_verdict policy_run(const struct policy_program *prog, const struct policy_packet *pkt,
			       const struct policy_counters *c, struct backend **ret)
{
	struct run r = { .prog = prog, .pkt = pkt, .c = c };
	struct backend *found = prog->backend;

	r.atoms = match_prefix(prog->src, prog->nr_src, &pkt->src) | match_prefix(prog->dst, prog->nr_dst, &pkt->dst) |
		  match_ports(prog->src_ports, prog->nr_src_ports, pkt->src_port) |
		  match_ports(prog->dst_ports, prog->nr_dst_ports, pkt->dst_port);
	for (size_t i = 0; i < prog->nr_steps; i++) {
		const struct policy_step *step = &prog->steps[i];

		if (!step_is_true(&r, step))
			continue;
		switch (step->op) {
		case POLICY_OP_ACCEPT:
			i = step->next - 1;
			break;
		case POLICY_OP_REJECT:
			return POLICY_REJECT;
		case POLICY_OP_DROP:
			return POLICY_DROP;
		case POLICY_OP_TRACK:
			track(&r, step);
			break;
		case POLICY_OP_INC_GPC0:
			inc_gpc0(&r, step);
			break;
		case POLICY_OP_ROUTE:
			found = step->backend;
			i = prog->nr_steps - 1;
			break;
		}
	}
	if (ret)
		*ret = found;
	return POLICY_TAKE;
}
