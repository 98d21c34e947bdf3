/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules of a frontend, and of the defaults that it inherits from, into the model; and what must hold of them: tables
 * that exist and store what is asked, backends that exist, no more acls than a packet can be asked about.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/finish.h"

/* --- checks ------------------------------------------------------------------------------------------------------- */

static const struct {
	enum acl_field field;
	unsigned int bit; /* enum table_store */
	const char *word;
} stored[] = {
	{ ACL_CONN_CNT, TABLE_CONN_CNT, "conn_cnt" },	 { ACL_CONN_CUR, TABLE_CONN_CUR, "conn_cur" },
	{ ACL_CONN_RATE, TABLE_CONN_RATE, "conn_rate" }, { ACL_GPC0, TABLE_GPC0, "gpc0" },
	{ ACL_GPC0_RATE, TABLE_GPC0_RATE, "gpc0_rate" },
};

static void check_stored(struct parser *p, const struct test_decl *t, const struct table_decl *table)
{
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		if (stored[i].field == t->field && !(table->store & stored[i].bit))
			report(p, DIAG_WARNING, &t->place, CODE_NO_TABLE,
			       arena_printf(&p->arena, "add '%s' to its 'store'", stored[i].word),
			       "the table '%s' at %s:%u does not store %s, so that '%s' sees 0", table->name,
			       table->place.file, table->place.line, stored[i].word, t->word);
}

static void check_test(struct parser *p, const struct proxy *x, const struct test_decl *t)
{
	struct table_decl *table;

	if (t->field == ACL_NBSRV) {
		if (t->backend && !names_find(&p->names, NAME_BACK, NULL, t->backend))
			report(p, DIAG_ERROR, &t->place, CODE_UNKNOWN_NAME, NULL, "no backend is called '%s'",
			       t->backend);
		return;
	}
	if (!acl_field_is_counter(t->field) || (t->tracked && !t->table))
		return;
	table = find_table(p, x, t->table, &t->place);
	if (!table || x->is_left)
		return;
	if (!table->family)
		report(p, DIAG_ERROR, &t->place, CODE_NO_TABLE, "give the table 'type ip' or 'type ipv6'",
		       "the table '%s' at %s:%u has no addresses as keys", table->name, table->place.file,
		       table->place.line);
	else
		check_stored(p, t, table);
}

/* Counts the acls of the section in '*nr', each once. */
static void check_cond(struct parser *p, struct proxy *x, const struct cond_decl *cond, size_t *nr)
{
	const struct test_decl *t;

	for (size_t i = 0; i < cond->nr; i++) {
		struct acl_decl *a = cond->terms[i].acl;

		if (a->made_for == x)
			continue;
		a->made_for = x;
		++*nr;
		TAILQ_FOREACH(t, &a->tests, next)
			check_test(p, x, t);
	}
}

static bool binds_ipv6(const struct proxy *x)
{
	const struct bind_decl *b;

	TAILQ_FOREACH(b, &x->binds, next)
		if (b->addr.family == AF_INET6)
			return true;
	return false;
}

static void check_rule(struct parser *p, struct proxy *x, const struct rule_decl *r, size_t *nr)
{
	const struct table_decl *table;

	check_cond(p, x, &r->cond, nr);
	if (r->action != RULE_TRACK)
		return;
	table = find_table(p, x, r->table, &r->place);
	if (!table || x->is_left)
		return;
	if (table->family == AF_INET && binds_ipv6(x))
		report(p, DIAG_WARNING, &r->place, CODE_NO_TABLE, "'type ipv6' counts both, IPv4 as ::ffff:a.b.c.d",
		       "IPv6 clients of '%s' are not counted, in HAProxy as here: the table '%s' at %s:%u has IPv4 "
		       "keys",
		       x->name, table->name, table->place.file, table->place.line);
	if (!table->family)
		report(p, DIAG_ERROR, &r->place, CODE_NO_TABLE, "give the table 'type ip' or 'type ipv6'",
		       "the table '%s' at %s:%u has no addresses as keys", table->name, table->place.file,
		       table->place.line);
}

void check_policy(struct parser *p, struct proxy *x)
{
	const struct use_backend *u;
	const struct rule_decl *r;
	const struct proxy *of;
	size_t nr = 0;

	for (of = x; of; of = of->from)
		TAILQ_FOREACH(r, &of->rules, next)
			check_rule(p, x, r, &nr);
	TAILQ_FOREACH(u, &x->uses, next)
		check_cond(p, x, &u->cond, &nr);
	if (nr > POLICY_ATOMS_MAX && !x->is_left)
		report(p, DIAG_ERROR, &x->place, CODE_TOO_MANY, "join lines of one name, or put addresses into a file",
		       "the rules of '%s' use %zu acls; a packet is asked about %d at most", x->name, nr,
		       POLICY_ATOMS_MAX);
}

/* --- into the model ----------------------------------------------------------------------------------------------- */

struct policy_builder {
	struct parser *p;
	struct proxy *x; /* the frontend that it is for */
};

static struct stick_table *table_of(const struct policy_builder *b, const char *name)
{
	const struct proxy *other;

	if (!name)
		return b->x->table ? b->x->table->made : NULL;
	TAILQ_FOREACH(other, &b->p->proxies, next)
		if (other->table && !strcmp(other->name, name))
			return other->table->made;
	return NULL;
}

/* A test of what no packet has becomes a constant, or one of what tells it. 0, -ENOMEM. */
static int build_id_test(struct policy_builder *b, struct acl_test *t, const struct test_decl *decl)
{
	struct acl_set *set = NULL;
	int err = 0;

	if (decl->id == TEST_FRONTEND_ID)
		t->field = acl_decl_has(decl, b->x->frontend->id) ? ACL_TRUE : ACL_FALSE;
	else
		err = socket_id_test(b->p, b->x, decl, &t->field, &set);
	if (set)
		t->sets[t->nr_sets++] = set;
	return err;
}

static int build_test(struct policy_builder *b, struct acl *acl, const struct test_decl *decl)
{
	struct acl_test *t = calloc(1, sizeof(*t));
	const struct proxy *back;

	if (!t)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&acl->tests, t, next);
	t->sets = calloc(decl->nr_sets ? decl->nr_sets : 1, sizeof(*t->sets));
	if (!t->sets)
		return -ENOMEM;
	if (decl->id)
		return build_id_test(b, t, decl);
	for (; t->nr_sets < decl->nr_sets; t->nr_sets++) {
		t->sets[t->nr_sets] = decl->sets[t->nr_sets];
		decl->sets[t->nr_sets]->in_use = true;
	}
	t->field = decl->field;
	t->tracked = decl->tracked;
	t->counter = decl->counter;
	if (acl_field_is_counter(t->field) && (!t->tracked || decl->table))
		t->table = table_of(b, decl->table);
	if (t->field == ACL_NBSRV) {
		back = decl->backend ? names_find(&b->p->names, NAME_BACK, NULL, decl->backend) : b->x;
		t->backend = back ? back->backend : NULL;
		if (!t->backend)
			t->field = ACL_FALSE; /* the frontend's own half has no servers, or they are the proxy's */
	}
	return 0;
}

static int build_acl(struct policy_builder *b, struct acl_decl *decl)
{
	struct acl *acl;
	const struct test_decl *t;

	if (decl->made && decl->made_for == b->x)
		return 0;
	acl = calloc(1, sizeof(*acl));
	if (!acl)
		return -ENOMEM;
	TAILQ_INIT(&acl->tests);
	TAILQ_INSERT_TAIL(&b->x->frontend->acls, acl, next);
	decl->made = acl;
	decl->made_for = b->x;
	acl->name = decl->name ? strdup(decl->name) : NULL;
	if (decl->name && !acl->name)
		return -ENOMEM;
	TAILQ_FOREACH(t, &decl->tests, next)
		if (build_test(b, acl, t))
			return -ENOMEM;
	return 0;
}

static int build_cond(struct policy_builder *b, const struct cond_decl *decl, struct policy_cond *ret)
{
	size_t i;

	if (!decl->nr)
		return 0;
	ret->terms = calloc(decl->nr, sizeof(*ret->terms));
	ret->starts_or = calloc(decl->nr, sizeof(*ret->starts_or));
	if (!ret->terms || !ret->starts_or)
		return -ENOMEM;
	for (i = 0; i < decl->nr; i++) {
		if (build_acl(b, decl->terms[i].acl))
			return -ENOMEM;
		ret->terms[i] = (struct policy_term){ decl->terms[i].acl->made, decl->terms[i].negated };
		ret->starts_or[i] = decl->terms[i].starts_or;
	}
	ret->nr = decl->nr;
	ret->unless = decl->unless;
	return 0;
}

static int build_rule(struct policy_builder *b, const struct rule_decl *decl)
{
	struct policy_rule *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&b->x->frontend->rules, r, next);
	r->action = decl->action;
	r->session = decl->session;
	r->counter = decl->counter;
	r->by_dst = decl->by_dst;
	r->line = decl->place.line;
	if (decl->action == RULE_TRACK)
		r->table = table_of(b, decl->table);
	return build_cond(b, &decl->cond, &r->cond);
}

/* Those of the outermost defaults first, of one kind. */
static int build_rules(struct policy_builder *b, const struct proxy *of, bool session)
{
	const struct rule_decl *r;
	int err = of->from ? build_rules(b, of->from, session) : 0;

	TAILQ_FOREACH(r, &of->rules, next)
		if (!err && r->session == session)
			err = build_rule(b, r);
	return err;
}

static int build_route(struct policy_builder *b, const struct use_backend *u)
{
	struct policy_route *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&b->x->frontend->routes, r, next);
	r->backend = u->found->backend;
	r->line = u->place.line;
	return build_cond(b, &u->cond, &r->cond);
}

int build_policy(struct parser *p, struct proxy *x)
{
	struct policy_builder b = { p, x };
	const struct use_backend *u;
	int err = build_rules(&b, x, false);

	if (!err)
		err = build_rules(&b, x, true);
	TAILQ_FOREACH(u, &x->uses, next) {
		if (!u->conditional)
			break; /* those behind it are never asked */
		if (!err && u->found && u->found->backend)
			err = build_route(&b, u);
	}
	return err;
}

void drop_unused_sets(struct model *m)
{
	struct acl_set *set, *after;

	for (set = TAILQ_FIRST(&m->acl_sets); set; set = after) {
		after = TAILQ_NEXT(set, next);
		if (set->in_use)
			continue;
		TAILQ_REMOVE(&m->acl_sets, set, next);
		acl_set_free(set);
	}
}
