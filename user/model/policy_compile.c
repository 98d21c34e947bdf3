/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules at layer 4 as tables and bits. Every acl is an atom, a bit: longest-prefix match of the source and of the
 * destination, and the intervals of both ports, each give a set of atoms that are true; a rule asks for some of them
 * and against others. Counters are asked one by one, when a rule that names them is reached.
 *
 * policy.c has the meaning; this file may differ from it in nothing but speed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/policy.h"

/* What is known of an acl before any packet. */
enum fixed { NOT_FIXED, ALWAYS_TRUE };

struct compiler {
	const struct policy_counters *c;
	struct policy_program *prog;
	const struct acl *atoms[POLICY_ATOMS_MAX];
	enum fixed fixed[POLICY_ATOMS_MAX];
	unsigned int nr_atoms;
	size_t conjs_cap;
};

/* --- atoms -------------------------------------------------------------------------------------------------------- */

static bool nbsrv_is_in(const struct compiler *k, const struct acl_test *t)
{
	uint64_t n = k->c->nbsrv(k->c->arg, t->backend);

	for (size_t i = 0; i < t->nr_sets; i++)
		for (size_t j = 0; j < t->sets[i]->nr; j++)
			if (n >= t->sets[i]->ranges[j].lo && n <= t->sets[i]->ranges[j].hi)
				return true;
	return false;
}

static enum fixed fixed_value(const struct compiler *k, const struct acl *acl)
{
	const struct acl_test *t;

	TAILQ_FOREACH(t, &acl->tests, next)
		if (t->field == ACL_TRUE || (t->field == ACL_NBSRV && nbsrv_is_in(k, t)))
			return ALWAYS_TRUE;
	return NOT_FIXED;
}

/* The number of the acl's atom, given now if it has none. -E2BIG. */
static int atom_of(struct compiler *k, const struct acl *acl)
{
	for (unsigned int i = 0; i < k->nr_atoms; i++)
		if (k->atoms[i] == acl)
			return (int)i;
	if (k->nr_atoms == POLICY_ATOMS_MAX)
		return -E2BIG;
	k->atoms[k->nr_atoms] = acl;
	k->fixed[k->nr_atoms] = fixed_value(k, acl);
	return (int)k->nr_atoms++;
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

static int add_conj(struct compiler *k, const struct policy_conj *conj)
{
	struct policy_program *prog = k->prog;

	if (prog->nr_conjs == k->conjs_cap) {
		size_t cap = k->conjs_cap ? k->conjs_cap * 2 : 16;
		struct policy_conj *bigger = reallocarray(prog->conjs, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		prog->conjs = bigger;
		k->conjs_cap = cap;
	}
	prog->conjs[prog->nr_conjs++] = *conj;
	return 0;
}

/* Appends the alternatives that can be true. */
static int add_cond(struct compiler *k, const struct policy_cond *cond, struct policy_step *step)
{
	struct policy_conj conj = { 0 };
	bool possible = true;
	int err = 0;

	step->first = k->prog->nr_conjs;
	step->unless = cond->unless && cond->nr;
	for (size_t i = 0; i <= cond->nr && !err; i++) {
		const struct policy_term *term = i < cond->nr ? &cond->terms[i] : NULL;
		int atom;

		if (i == cond->nr || cond->starts_or[i]) {
			/* A conjunction that asks for and against the same is never true. */
			if (possible && !(conj.want & conj.never))
				err = add_conj(k, &conj);
			conj = (struct policy_conj){ 0 };
			possible = true;
		}
		if (!term || err)
			continue;
		atom = atom_of(k, term->acl);
		if (atom < 0)
			return atom;
		if (k->fixed[atom] == ALWAYS_TRUE)
			possible = possible && !term->negated;
		else if (term->negated)
			conj.never |= 1ull << atom;
		else
			conj.want |= 1ull << atom;
	}
	step->nr = k->prog->nr_conjs - step->first;
	return err;
}

static int add_rules(struct compiler *k, const struct policy_rule_list *rules, bool session)
{
	static const enum policy_op ops[] = {
		[RULE_ACCEPT] = POLICY_OP_ACCEPT, [RULE_REJECT] = POLICY_OP_REJECT,	[RULE_DROP] = POLICY_OP_DROP,
		[RULE_TRACK] = POLICY_OP_TRACK,	  [RULE_INC_GPC0] = POLICY_OP_INC_GPC0,
	};
	const struct policy_rule *r;
	int err;

	TAILQ_FOREACH(r, rules, next) {
		struct policy_step *step = &k->prog->steps[k->prog->nr_steps];

		if (r->session != session)
			continue;
		*step = (struct policy_step){ .op = ops[r->action],
					      .counter = r->counter,
					      .table = r->table,
					      .by_dst = r->by_dst,
					      .line = r->line };
		err = add_cond(k, &r->cond, step);
		if (err)
			return err;
		k->prog->nr_steps++;
	}
	return 0;
}

static int add_routes(struct compiler *k, const struct policy_route_list *routes)
{
	const struct policy_route *r;
	int err;

	TAILQ_FOREACH(r, routes, next) {
		struct policy_step *step = &k->prog->steps[k->prog->nr_steps];

		*step = (struct policy_step){ .op = POLICY_OP_ROUTE, .backend = r->backend, .line = r->line };
		err = add_cond(k, &r->cond, step);
		if (err)
			return err;
		k->prog->nr_steps++;
	}
	return 0;
}

/* An accepted connection goes on with the rules of sessions, an accepted session with the routes. */
static void set_next(struct policy_program *prog, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		prog->steps[i].next = to;
}

static int add_steps(struct compiler *k, const struct frontend *f)
{
	const struct policy_rule *r;
	const struct policy_route *to;
	size_t nr = 1, sessions, routes;
	int err;

	TAILQ_FOREACH(r, &f->rules, next)
		nr++;
	TAILQ_FOREACH(to, &f->routes, next)
		nr++;
	k->prog->steps = calloc(nr, sizeof(*k->prog->steps));
	if (!k->prog->steps)
		return -ENOMEM;
	err = add_rules(k, &f->rules, false);
	sessions = k->prog->nr_steps;
	if (!err)
		err = add_rules(k, &f->rules, true);
	routes = k->prog->nr_steps;
	if (!err)
		err = add_routes(k, &f->routes);
	set_next(k->prog, 0, sessions);
	set_next(k->prog, sessions, routes);
	return err;
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

/* Calls 'fn' for each set of each test of 'field', with the atom's bit. */
static void for_sets(const struct compiler *k, enum acl_field field,
		     void (*fn)(void *arg, struct acl_set *set, unsigned int atom), void *arg)
{
	const struct acl_test *t;

	for (unsigned int i = 0; i < k->nr_atoms; i++)
		TAILQ_FOREACH(t, &k->atoms[i]->tests, next)
			for (size_t j = 0; t->field == field && j < t->nr_sets; j++)
				fn(arg, t->sets[j], i);
}

static void count_patterns(void *arg, struct acl_set *set, unsigned int atom)
{
	size_t *nr = arg;

	(void)atom;
	*nr += set->nr;
}

struct prefixes {
	struct policy_prefix *list;
	size_t nr;
};

static void collect_nets(void *arg, struct acl_set *set, unsigned int atom)
{
	const struct cidr *nets = acl_set_in_order(set);
	struct prefixes *p = arg;

	if (!nets)
		nets = set->nets;
	for (size_t i = 0; i < set->nr; i++)
		p->list[p->nr++] = (struct policy_prefix){ nets[i], 1ull << atom };
}

static int by_net(const void *a, const void *b)
{
	return cidr_cmp(&((const struct policy_prefix *)a)->net, &((const struct policy_prefix *)b)->net);
}

/* A blocklist of 100 000 networks, which is most often the only one, is not sorted anew when a server changes. */
static void sort_prefixes(struct prefixes *p)
{
	for (size_t i = 1; i < p->nr; i++) {
		if (by_net(&p->list[i - 1], &p->list[i]) > 0) {
			qsort(p->list, p->nr, sizeof(*p->list), by_net);
			return;
		}
	}
}

static size_t merge_equal(struct policy_prefix *list, size_t nr)
{
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		if (kept && !cidr_cmp(&list[kept - 1].net, &list[i].net))
			list[kept - 1].atoms |= list[i].atoms;
		else
			list[kept++] = list[i];
	}
	return kept;
}

/* Adds to each network the atoms of those around it, which come before it. */
static void inherit_atoms(struct policy_prefix *list, size_t nr)
{
	size_t around[130], depth = 0; /* indices of the networks around the present one, outermost first */

	for (size_t i = 0; i < nr; i++) {
		while (depth && !cidr_contains(&list[around[depth - 1]].net, &list[i].net.addr))
			depth--;
		if (depth)
			list[i].atoms |= list[around[depth - 1]].atoms;
		around[depth++] = i;
	}
}

static int build_prefixes(const struct compiler *k, enum acl_field field, struct policy_prefix **ret, size_t *ret_nr)
{
	struct prefixes p = { 0 };
	size_t nr = 0;

	for_sets(k, field, count_patterns, &nr);
	if (!nr)
		return 0;
	p.list = calloc(nr, sizeof(*p.list));
	if (!p.list)
		return -ENOMEM;
	for_sets(k, field, collect_nets, &p);
	sort_prefixes(&p);
	p.nr = merge_equal(p.list, p.nr);
	inherit_atoms(p.list, p.nr);
	*ret = p.list;
	*ret_nr = p.nr;
	return 0;
}

/* --- ports -------------------------------------------------------------------------------------------------------- */

/* An atom begins or ends in front of 'port'. */
struct edge {
	uint32_t port;
	unsigned int atom;
	bool begins;
};

struct edges {
	struct edge *list;
	size_t nr;
};

static void collect_ports(void *arg, struct acl_set *set, unsigned int atom)
{
	struct edges *e = arg;

	for (size_t i = 0; i < set->nr; i++) {
		uint64_t hi = set->ranges[i].hi > 65535 ? 65535 : set->ranges[i].hi;

		if (set->ranges[i].lo > hi)
			continue;
		e->list[e->nr++] = (struct edge){ (uint32_t)set->ranges[i].lo, atom, true };
		e->list[e->nr++] = (struct edge){ (uint32_t)hi + 1, atom, false };
	}
}

static int by_port(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->port < y->port ? -1 : x->port > y->port;
}

/* Walks along the ports; 'open' counts for each atom the ranges that the walk is inside of. */
static size_t sweep_ports(const struct edges *e, struct policy_ports *out)
{
	unsigned int open[POLICY_ATOMS_MAX] = { 0 };
	uint64_t atoms = 0;
	size_t nr = 0;

	for (size_t i = 0; i < e->nr; i++) {
		const struct edge *at = &e->list[i];

		open[at->atom] += at->begins ? 1 : (unsigned int)-1;
		atoms = open[at->atom] ? atoms | 1ull << at->atom : atoms & ~(1ull << at->atom);
		if (i + 1 < e->nr && e->list[i + 1].port > at->port && atoms)
			out[nr++] =
				(struct policy_ports){ (uint16_t)at->port, (uint16_t)(e->list[i + 1].port - 1), atoms };
	}
	return nr;
}

static int build_ports(const struct compiler *k, enum acl_field field, struct policy_ports **ret, size_t *ret_nr)
{
	struct edges e = { 0 };
	size_t nr = 0;

	for_sets(k, field, count_patterns, &nr);
	if (!nr)
		return 0;
	e.list = calloc(2 * nr, sizeof(*e.list));
	*ret = calloc(2 * nr, sizeof(**ret));
	if (!e.list || !*ret) {
		free(e.list);
		return -ENOMEM;
	}
	for_sets(k, field, collect_ports, &e);
	qsort(e.list, e.nr, sizeof(*e.list), by_port);
	*ret_nr = sweep_ports(&e, *ret);
	free(e.list);
	return 0;
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

static int build_counts(const struct compiler *k)
{
	struct policy_program *prog = k->prog;
	const struct acl_test *t;
	size_t nr = 0;

	for (unsigned int i = 0; i < k->nr_atoms; i++)
		TAILQ_FOREACH(t, &k->atoms[i]->tests, next)
			nr += acl_field_is_counter(t->field);
	prog->counts = calloc(nr ? nr : 1, sizeof(*prog->counts));
	if (!prog->counts)
		return -ENOMEM;
	for (unsigned int i = 0; i < k->nr_atoms; i++)
		TAILQ_FOREACH(t, &k->atoms[i]->tests, next)
			if (acl_field_is_counter(t->field))
				prog->counts[prog->nr_counts++] = (struct policy_count){ 1ull << i, t };
	return 0;
}

int policy_compile(const struct frontend *f, const struct policy_counters *c, struct policy_program **ret)
{
	struct policy_program *prog = calloc(1, sizeof(*prog));
	struct compiler k = { .c = c, .prog = prog };
	int err = -ENOMEM;

	if (!prog)
		return -ENOMEM;
	prog->backend = f->backend;
	err = add_steps(&k, f);
	if (!err)
		err = build_prefixes(&k, ACL_SRC, &prog->src, &prog->nr_src);
	if (!err)
		err = build_prefixes(&k, ACL_DST, &prog->dst, &prog->nr_dst);
	if (!err)
		err = build_ports(&k, ACL_SRC_PORT, &prog->src_ports, &prog->nr_src_ports);
	if (!err)
		err = build_ports(&k, ACL_DST_PORT, &prog->dst_ports, &prog->nr_dst_ports);
	if (!err)
		err = build_counts(&k);
	if (err) {
		policy_program_free(prog);
		return err;
	}
	*ret = prog;
	return 0;
}

void policy_program_free(struct policy_program *prog)
{
	if (!prog)
		return;
	free(prog->src);
	free(prog->dst);
	free(prog->src_ports);
	free(prog->dst_ports);
	free(prog->counts);
	free(prog->conjs);
	free(prog->steps);
	free(prog);
}
