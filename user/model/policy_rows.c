/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a compiled policy to the rows and prefixes that the data plane runs (xlb/policy.h).
 *
 * A step becomes a row per conjunction, each of which goes on behind the step; with 'unless' the conjunctions go there
 * and the row behind them acts. Counters that a conjunction names are asked by rows before it, under the condition that
 * the rest of it holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "model/policy.h"

enum { NO_TARGET = SIZE_MAX };

struct writer {
	const struct policy_program *prog;
	const struct policy_numbers *numbers;
	struct xlb_rule *rows;
	size_t nr;
	size_t *first;			/* first row of each step, and of the end */
	size_t target[XLB_POLICY_ROWS]; /* step that the row goes to, or NO_TARGET */
	uint64_t counted;		/* atoms that counters decide */
	bool full;
};

static struct xlb_rule *add_row(struct writer *w, const struct xlb_rule *row)
{
	if (w->nr == XLB_POLICY_ROWS) {
		w->full = true;
		return &w->rows[XLB_POLICY_ROWS - 1];
	}
	w->target[w->nr] = NO_TARGET;
	w->rows[w->nr] = *row;
	return &w->rows[w->nr++];
}

static uint32_t clamp(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* The row of a test of a counter, without its bounds: never true. */
static struct xlb_rule count_row(const struct writer *w, const struct acl_test *t)
{
	static const uint8_t fields[] = {
		[ACL_CONN_CNT] = XLB_COUNT_CONN_CNT,   [ACL_CONN_CUR] = XLB_COUNT_CONN_CUR,
		[ACL_CONN_RATE] = XLB_COUNT_CONN_RATE, [ACL_GPC0] = XLB_COUNT_GPC0,
		[ACL_GPC0_RATE] = XLB_COUNT_GPC0_RATE,
	};
	struct xlb_rule row = { .op = XLB_RULE_COUNT, .field = fields[t->field], .lo = 1 };

	if (t->tracked)
		row.counter = (uint8_t)t->counter;
	else
		row.flags |= XLB_RULE_BY_SRC;
	if (t->table)
		row.arg = w->numbers->table(w->numbers->arg, t->table);
	else
		row.flags |= XLB_RULE_ANY_TABLE;
	return row;
}

/* Rows that find out whether counter atom 'bit' is true, if the atoms of 'guard' are as they must be. */
static void add_counts(struct writer *w, uint64_t bit, const struct policy_conj *guard)
{
	uint8_t first = XLB_RULE_FIRST;

	for (size_t i = 0; i < w->prog->nr_counts; i++) {
		const struct acl_test *t = w->prog->counts[i].test;
		struct xlb_rule row;

		if (w->prog->counts[i].atom != bit)
			continue;
		row = count_row(w, t);
		row.want = guard->want;
		row.never = guard->never;
		row.atom = (uint8_t)__builtin_ctzll(bit);
		for (size_t s = 0; s < t->nr_sets; s++) {
			for (size_t j = 0; j < t->sets[s]->nr; j++) {
				if (t->sets[s]->ranges[j].lo > UINT32_MAX)
					continue;
				row.lo = clamp(t->sets[s]->ranges[j].lo);
				row.hi = clamp(t->sets[s]->ranges[j].hi);
				row.flags = (uint8_t)((row.flags & ~XLB_RULE_FIRST) | first);
				first = 0;
				add_row(w, &row);
			}
		}
		if (first) { /* without bounds: only makes the atom false */
			row.flags |= first;
			first = 0;
			add_row(w, &row);
		}
	}
}

/* Appends a row that does 'act' if the conjunction is true, after those that its counters need. */
static struct xlb_rule *add_conj(struct writer *w, const struct policy_conj *conj, const struct xlb_rule *act)
{
	const struct policy_conj guard = { conj->want & ~w->counted, conj->never & ~w->counted };
	struct xlb_rule row = *act;

	for (uint64_t left = (conj->want | conj->never) & w->counted; left; left &= left - 1)
		add_counts(w, left & -left, &guard);
	row.want = conj->want;
	row.never = conj->never;
	return add_row(w, &row);
}

static struct xlb_rule action_of(const struct writer *w, const struct policy_step *step)
{
	static const uint8_t ops[] = {
		[POLICY_OP_ACCEPT] = XLB_RULE_GO,  [POLICY_OP_REJECT] = XLB_RULE_REJECT,
		[POLICY_OP_DROP] = XLB_RULE_DROP,  [POLICY_OP_TRACK] = XLB_RULE_TRACK,
		[POLICY_OP_ROUTE] = XLB_RULE_TAKE, [POLICY_OP_INC_GPC0] = XLB_RULE_GPC0,
	};
	struct xlb_rule row = { .op = ops[step->op], .counter = (uint8_t)step->counter };

	if (step->op == POLICY_OP_TRACK) {
		row.arg = w->numbers->table(w->numbers->arg, step->table);
		row.flags = step->by_dst ? XLB_RULE_DST : 0;
	}
	if (step->op == POLICY_OP_ROUTE && step->backend)
		row.arg = w->numbers->backend(w->numbers->arg, step->backend);
	return row;
}

static void add_step(struct writer *w, size_t index)
{
	static const struct policy_conj always;
	static const struct xlb_rule skip = { .op = XLB_RULE_GO };
	const struct policy_step *step = &w->prog->steps[index];
	const struct xlb_rule act = action_of(w, step);

	w->first[index] = w->nr;
	for (size_t i = step->first; i < step->first + step->nr; i++) {
		const struct xlb_rule *row = add_conj(w, &w->prog->conjs[i], step->unless ? &skip : &act);

		if (!step->unless && step->op == POLICY_OP_ACCEPT)
			w->target[row - w->rows] = step->next;
	}
	if (step->unless) {
		const struct xlb_rule *row = add_conj(w, &always, &act);

		if (step->op == POLICY_OP_ACCEPT)
			w->target[row - w->rows] = step->next;
	}
	for (size_t i = w->first[index]; i < w->nr; i++)
		w->rows[i].next = (uint8_t)w->nr;
}

static void aim_jumps(struct writer *w)
{
	for (size_t i = 0; i < w->nr; i++)
		if (w->target[i] != NO_TARGET)
			w->rows[i].next = (uint8_t)w->first[w->target[i]];
}

int policy_rows(const struct policy_program *prog, const struct policy_numbers *numbers, struct xlb_rule *ret,
		size_t *ret_nr)
{
	struct writer w = { .prog = prog, .numbers = numbers, .rows = ret };
	struct xlb_rule end = { .op = XLB_RULE_TAKE };

	w.first = calloc(prog->nr_steps + 1, sizeof(*w.first));
	if (!w.first)
		return -ENOMEM;
	memset(ret, 0, XLB_POLICY_ROWS * sizeof(*ret));
	for (size_t i = 0; i < prog->nr_counts; i++)
		w.counted |= prog->counts[i].atom;
	for (size_t i = 0; i < prog->nr_steps; i++)
		add_step(&w, i);
	w.first[prog->nr_steps] = w.nr;
	if (prog->backend)
		end.arg = numbers->backend(numbers->arg, prog->backend);
	add_row(&w, &end);
	aim_jumps(&w);
	free(w.first);
	*ret_nr = w.nr;
	return w.full ? -E2BIG : 0;
}

/* Is the step done for every flow that reaches it? */
static bool is_unconditional(const struct policy_program *prog, const struct policy_step *step)
{
	const struct policy_conj *conj = &prog->conjs[step->first];

	return step->unless ? !step->nr : step->nr && !conj->want && !conj->never;
}

const struct policy_step *policy_tracks(const struct policy_program *prog, int family, const struct policy_step **ret)
{
	memset(ret, 0, POLICY_COUNTERS * sizeof(*ret));
	for (size_t i = 0; i < prog->nr_steps; i++) {
		const struct policy_step *step = &prog->steps[i], **of = &ret[step->counter];

		if (step->op != POLICY_OP_TRACK || (family == AF_INET6 && step->table->family == AF_INET))
			continue;
		if (*of && !is_unconditional(prog, *of) &&
		    ((*of)->table != step->table || (*of)->by_dst != step->by_dst))
			return step;
		*of = *of ? *of : step;
	}
	return NULL;
}

/* --- networks and ports ------------------------------------------------------------------------------------------- */

struct trie_writer {
	struct policy_net *list;
	size_t nr, cap;
};

static int add_net(struct trie_writer *w, const struct policy_net *net)
{
	if (w->nr == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct policy_net *bigger = reallocarray(w->list, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->list = bigger;
		w->cap = cap;
	}
	w->list[w->nr++] = *net;
	return 0;
}

static int add_prefixes(struct trie_writer *w, uint8_t field, const struct policy_prefix *list, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		uint8_t family = words_family(&list[i].net.addr);
		struct policy_net net = { .key = { .prefixlen = XLB_POLICY_KIND_BITS + list[i].net.bits,
						   .kind = { field, family } },
					  .atoms = list[i].atoms };

		words_put(net.key.data, &list[i].net.addr);
		err = add_net(w, &net);
	}
	return err;
}

/* The fewest blocks that begin at multiples of their size and together are lo to hi. */
static int add_range(struct trie_writer *w, uint8_t field, const struct policy_ports *ports)
{
	uint32_t lo = ports->lo, end = ports->hi + 1u;
	int err = 0;

	while (lo < end && !err) {
		unsigned int bits = 16; /* of the prefix */
		struct policy_net net = { .key = { .kind = { field } }, .atoms = ports->atoms };
		uint32_t size = 1;
		__be16 port;

		while (bits && !(lo & size) && lo + 2 * size <= end) {
			size *= 2;
			bits--;
		}
		net.key.prefixlen = XLB_POLICY_KIND_BITS + bits;
		port = htons((uint16_t)lo);
		memcpy(net.key.data, &port, sizeof(port));
		err = add_net(w, &net);
		lo += size;
	}
	return err;
}

static int add_ports(struct trie_writer *w, uint8_t field, const struct policy_ports *list, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++)
		err = add_range(w, field, &list[i]);
	return err;
}

int policy_nets(const struct policy_program *prog, struct policy_net **ret, size_t *ret_nr)
{
	struct trie_writer w = { 0 };
	int err = add_prefixes(&w, XLB_FIELD_SRC, prog->src, prog->nr_src);

	if (!err)
		err = add_prefixes(&w, XLB_FIELD_DST, prog->dst, prog->nr_dst);
	if (!err)
		err = add_ports(&w, XLB_FIELD_SPORT, prog->src_ports, prog->nr_src_ports);
	if (!err)
		err = add_ports(&w, XLB_FIELD_DPORT, prog->dst_ports, prog->nr_dst_ports);
	if (err) {
		free(w.list);
		return err;
	}
	*ret = w.list;
	*ret_nr = w.nr;
	return 0;
}
