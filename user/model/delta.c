/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compares two models by name: delta.h says what for.
 *
 * Each compare_...() tells all differences of one element in one row, so that a person reads one line per thing.
 */
#include "model/delta.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { MILLION = 1000000 };

/* The rows so far; 'failed' remembers that there once was no memory. */
struct maker {
	struct delta d;
	bool failed;
};

static const char *const op_signs[] = { [DELTA_ADD] = "+", [DELTA_REMOVE] = "-", [DELTA_CHANGE] = "~" };
static const char *const op_names[] = { [DELTA_ADD] = "add", [DELTA_REMOVE] = "remove", [DELTA_CHANGE] = "change" };
static const char *const kind_names[] = {
	[DELTA_FRONTEND] = "frontend", [DELTA_BIND] = "bind", [DELTA_BACKEND] = "backend", [DELTA_SERVER] = "server"
};

const char *delta_op_sign(enum delta_op op)
{
	return op_signs[op];
}

const char *delta_op_name(enum delta_op op)
{
	return op_names[op];
}

const char *delta_kind_name(enum delta_kind kind)
{
	return kind_names[kind];
}

static bool make_room(struct delta *d)
{
	size_t cap = d->cap ? d->cap * 2 : 16;
	struct delta_row *rows;

	if (d->nr < d->cap)
		return true;
	rows = reallocarray(d->rows, cap, sizeof(*rows));
	if (!rows)
		return false;
	d->rows = rows;
	d->cap = cap;
	return true;
}

/* Appends a row. Takes 'detail', which may be empty, and leaves it empty. 'cuts' may be NULL. */
static void add_row(struct maker *mk, enum delta_op op, enum delta_kind kind, const char *name, struct buf *detail,
		    const char *cuts, long moves_ppm)
{
	struct delta_row row = { op, kind, strdup(name), detail->data, cuts ? strdup(cuts) : NULL, moves_ppm };
	struct delta *d = &mk->d;

	if (!row.detail)
		row.detail = strdup("");
	mk->failed |= detail->failed || !row.name || !row.detail || (cuts && !row.cuts);
	*detail = (struct buf){ 0 };
	mk->failed = mk->failed || !make_room(d);
	if (mk->failed) {
		free(row.name);
		free(row.detail);
		free(row.cuts);
		return;
	}
	d->rows[d->nr++] = row;
}

/* "what old -> new", behind a comma when it is not the first. */
__attribute__((format(printf, 2, 3))) static void tell(struct buf *detail, const char *fmt, ...)
{
	va_list args;

	if (detail->len)
		buf_puts(detail, ", ");
	va_start(args, fmt);
	buf_vprintf(detail, fmt, args);
	va_end(args);
}

static void tell_number(struct buf *detail, const char *what, unsigned int from, unsigned int to)
{
	if (from != to)
		tell(detail, "%s %u -> %u", what, from, to);
}

static void tell_flag(struct buf *detail, const char *what, bool from, bool to)
{
	if (from != to)
		tell(detail, "%s%s", to ? "" : "not ", what);
}

static const char *server_at(const struct server *s, char *text)
{
	return s->port ? addr_format_port(&s->addr, s->port, text) : addr_format(&s->addr, text);
}

static bool same_place(const struct server *a, const struct server *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port && a->port_offset == b->port_offset;
}

static const char *or_none(const char *text)
{
	return text && *text ? text : "none";
}

/* --- shares ------------------------------------------------------------------------------------------------------- */

/* Who takes the new flows of a backend. */
struct crowd {
	const struct server *first; /* NULL: nobody */
	unsigned int nr;
	unsigned long weight; /* of all of them */
};

static bool crowd_of(const struct backend *b, struct crowd *ret)
{
	struct server **list = calloc(b->nr_servers + 1, sizeof(struct server *));

	*ret = (struct crowd){ 0 };
	if (!list)
		return false;
	ret->nr = backend_eligible(b, list, b->nr_servers);
	ret->first = list[0];
	for (unsigned int i = 0; i < ret->nr; i++)
		ret->weight += list[i]->run.weight;
	free(list);
	return true;
}

/* Part of a million of the backend's new flows that the server gets. */
static long share_of(const struct crowd *c, const struct server *s)
{
	if (!c->weight || !server_is_usable(s))
		return 0;
	if (c->nr == 1 ? s != c->first : s->backup != c->first->backup)
		return 0;
	return (long)((unsigned long)s->run.weight * MILLION / c->weight);
}

/* A backend before and after. */
struct pair {
	const struct backend *old, *b; /* 'old' NULL: there was none */
	struct crowd before, after;
};

static bool pair_init(struct pair *p, const struct backend *old, const struct backend *b)
{
	*p = (struct pair){ .old = old, .b = b };
	return (!old || crowd_of(old, &p->before)) && crowd_of(b, &p->after);
}

/*
 * What moves is what servers gain, or what they lose if that is more, as when no server is left. A server that keeps
 * its name at another address is another server. Hashing may move more than that, never less.
 */
static long backend_moves(const struct pair *p)
{
	long gained = 0, lost = 0, before, after;
	const struct server *s, *was;

	TAILQ_FOREACH(s, &p->b->servers, next) {
		was = model_server_find(p->old, s->name);
		before = was && same_place(was, s) ? share_of(&p->before, was) : 0;
		after = share_of(&p->after, s);
		gained += after > before ? after - before : 0;
		lost += after < before ? before - after : 0;
	}
	TAILQ_FOREACH(was, &p->old->servers, next) {
		s = model_server_find(p->b, was->name);
		if (!s || !same_place(was, s))
			lost += share_of(&p->before, was);
	}
	return gained > lost ? gained : lost;
}

/* --- servers and backends ------------------------------------------------------------------------------------------
 */

static void server_row(struct maker *mk, enum delta_op op, const struct server *s, struct buf *detail, long moves)
{
	char name[2 * MODEL_NAME_MAX + 2], at[ADDR_TEXT_MAX];

	snprintf(name, sizeof(name), "%s/%s", s->backend->name, s->name);
	if (op == DELTA_ADD)
		tell(detail, "%s weight %u%s%s", server_at(s, at), s->run.weight, s->backup ? " backup" : "",
		     s->run.admin & SERVER_MAINT ? " disabled" : "");
	if (op == DELTA_REMOVE)
		tell(detail, "%s, no new connections; those that exist go on", server_at(s, at));
	add_row(mk, op, DELTA_SERVER, name, detail, NULL, moves);
}

static bool same_check(const struct check_conf *a, const struct check_conf *b)
{
	return a->type == b->type && a->inter == b->inter && a->rise == b->rise && a->fall == b->fall &&
	       a->port == b->port && a->tls == b->tls && addr_equal(&a->addr, &b->addr);
}

static void compare_server(struct maker *mk, const struct pair *p, const struct server *was, const struct server *s)
{
	long moves = share_of(&p->after, s) - share_of(&p->before, was);
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];
	struct buf detail = { 0 };

	if (!same_place(was, s))
		tell(&detail, "address %s -> %s", server_at(was, from), server_at(s, to));
	tell_number(&detail, "weight", was->run.weight, s->run.weight);
	tell_flag(&detail, "disabled", was->run.admin & SERVER_MAINT, s->run.admin & SERVER_MAINT);
	tell_flag(&detail, "backup", was->backup, s->backup);
	tell_number(&detail, "maxconn", was->maxconn, s->maxconn);
	if (was->forward != s->forward)
		tell(&detail, "forward %s -> %s", forward_name(was->forward), forward_name(s->forward));
	if (!same_check(&was->check, &s->check))
		tell(&detail, "another check");
	if (detail.len)
		server_row(mk, DELTA_CHANGE, s, &detail, moves);
}

static void compare_servers(struct maker *mk, const struct pair *p)
{
	const struct server *s, *was;
	struct buf detail = { 0 };

	TAILQ_FOREACH(s, &p->b->servers, next) {
		was = p->old ? model_server_find(p->old, s->name) : NULL;
		if (was)
			compare_server(mk, p, was, s);
		else
			server_row(mk, DELTA_ADD, s, &detail, share_of(&p->after, s));
	}
	if (!p->old)
		return;
	TAILQ_FOREACH(was, &p->old->servers, next)
		if (!model_server_find(p->b, was->name))
			server_row(mk, DELTA_REMOVE, was, &detail, -share_of(&p->before, was));
}

static bool same_hash(const struct balance *a, const struct balance *b)
{
	return a->consistent == b->consistent && a->parts == b->parts && a->mask4 == b->mask4 && a->mask6 == b->mask6 &&
	       a->factor == b->factor && a->draws == b->draws;
}

static const char *stick_table_name(const struct backend *b)
{
	return or_none(b->stick.table ? b->stick.table->name : NULL);
}

static void compare_backend(struct maker *mk, const struct pair *p)
{
	const struct backend *old = p->old, *b = p->b;
	long moves = backend_moves(p);
	struct buf detail = { 0 };

	if (old->balance.alg != b->balance.alg)
		tell(&detail, "balance %s -> %s", balance_name(old->balance.alg), balance_name(b->balance.alg));
	else if (!same_hash(&old->balance, &b->balance))
		tell(&detail, "another hash-type or balance parameter");
	if (old->forward != b->forward)
		tell(&detail, "forward %s -> %s", forward_name(old->forward), forward_name(b->forward));
	if (strcmp(stick_table_name(old), stick_table_name(b)) != 0)
		tell(&detail, "stick table %s -> %s", stick_table_name(old), stick_table_name(b));
	if (moves)
		tell(&detail, "%s%ld.%ld %% of new connections go to another server",
		     b->balance.alg == BALANCE_SOURCE || b->balance.alg == BALANCE_HASH ? "at least " : "",
		     moves / 10000, moves / 1000 % 10);
	if (detail.len)
		add_row(mk, DELTA_CHANGE, DELTA_BACKEND, b->name, &detail, NULL, moves);
	compare_servers(mk, p);
}

static void compare_backends(struct maker *mk, const struct model *old, const struct model *m)
{
	const struct backend *b, *was;
	struct buf detail = { 0 };
	struct pair p;

	TAILQ_FOREACH(b, &m->backends, next) {
		was = model_backend_find(old, b->name);
		mk->failed |= !pair_init(&p, was, b);
		if (was) {
			compare_backend(mk, &p);
			continue;
		}
		tell(&detail, "balance %s, %u servers", balance_name(b->balance.alg), b->nr_servers);
		add_row(mk, DELTA_ADD, DELTA_BACKEND, b->name, &detail, NULL, 0);
		compare_servers(mk, &p);
	}
	TAILQ_FOREACH(was, &old->backends, next) {
		if (model_backend_find(m, was->name))
			continue;
		tell(&detail, "%u servers; connections that they have go on", was->nr_servers);
		add_row(mk, DELTA_REMOVE, DELTA_BACKEND, was->name, &detail, NULL, 0);
	}
}

/* --- frontends and binds -------------------------------------------------------------------------------------------
 */

static bool same_bind(const struct bind *a, const struct bind *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port_lo == b->port_lo && a->port_hi == b->port_hi &&
	       a->proto == b->proto;
}

/* Binds of a frontend that is left to the stack are not xlb's. 'f' may be NULL. */
static const struct bind *find_bind(const struct frontend *f, const struct bind *like)
{
	const struct bind *b;

	if (!f || f->left_to_stack)
		return NULL;
	TAILQ_FOREACH(b, &f->binds, next)
		if (same_bind(b, like))
			return b;
	return NULL;
}

/* Does any frontend take the packets of the bind? */
static bool still_bound(const struct model *m, const struct bind *was)
{
	const struct frontend *f;
	const struct bind *b;

	TAILQ_FOREACH(f, &m->frontends, next) {
		if (f->left_to_stack)
			continue;
		TAILQ_FOREACH(b, &f->binds, next)
			if (b->proto == was->proto && b->port_lo <= was->port_lo && b->port_hi >= was->port_hi &&
			    b->addr.family == was->addr.family &&
			    (addr_is_any(&b->addr) || addr_equal(&b->addr, &was->addr)))
				return true;
	}
	return false;
}

static void bind_row(struct maker *mk, enum delta_op op, const struct frontend *f, const struct bind *b,
		     const char *cuts)
{
	const char *proto = b->proto == IPPROTO_UDP ? "udp" : "tcp";
	char name[MODEL_NAME_MAX + ADDR_TEXT_MAX + 32], at[ADDR_TEXT_MAX];
	struct buf detail = { 0 };

	if (op == DELTA_REMOVE && !cuts)
		tell(&detail, "no new connections; those that exist go on");
	addr_format_port(&b->addr, b->port_lo, at);
	if (b->port_lo == b->port_hi)
		snprintf(name, sizeof(name), "%s %s %s", f->name, proto, at);
	else
		snprintf(name, sizeof(name), "%s %s %s-%u", f->name, proto, at, b->port_hi);
	add_row(mk, op, DELTA_BIND, name, &detail, cuts, 0);
}

/*
 * Connections of a consistent hash are not remembered, unless something asks for that: they are found by the bind alone
 * and end with it. All others go on until they end.
 */
static bool lives_by_bind(const struct frontend *f)
{
	const struct backend *b = f->backend;
	const struct server *s;

	if (!b || !b->balance.consistent || b->stick.table || f->maxconn || f->rate_limit)
		return false;
	if (b->balance.alg != BALANCE_SOURCE && b->balance.alg != BALANCE_HASH)
		return false;
	TAILQ_FOREACH(s, &b->servers, next)
		if (s->forward == FORWARD_FULLNAT || s->maxconn)
			return false;
	return true;
}

static const char *what_ends(const struct model *m, const struct frontend *f, const struct bind *b)
{
	return lives_by_bind(f) && !still_bound(m, b) ? "connections through it end, since no table remembers them" :
							NULL;
}

/* Binds of 'f' that 'was' has not, and the other way round; either may be NULL. */
static void compare_binds(struct maker *mk, const struct model *m, const struct frontend *was, const struct frontend *f)
{
	const struct bind *b;

	if (f && !f->left_to_stack)
		TAILQ_FOREACH(b, &f->binds, next)
			if (!find_bind(was, b))
				bind_row(mk, DELTA_ADD, f, b, NULL);
	if (was && !was->left_to_stack)
		TAILQ_FOREACH(b, &was->binds, next)
			if (!find_bind(f, b))
				bind_row(mk, DELTA_REMOVE, was, b, what_ends(m, was, b));
}

static void policy_sets(struct buf *out, const struct acl_test *t)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < t->nr_sets; i++) {
		for (size_t k = 0; t->sets[i]->numeric && k < t->sets[i]->nr; k++)
			buf_printf(out, " %llu-%llu", (unsigned long long)t->sets[i]->ranges[k].lo,
				   (unsigned long long)t->sets[i]->ranges[k].hi);
		for (size_t k = 0; !t->sets[i]->numeric && k < t->sets[i]->nr; k++)
			buf_printf(out, " %s/%u", addr_format(&t->sets[i]->nets[k].addr, text),
				   t->sets[i]->nets[k].bits);
	}
}

static void policy_cond_text(struct buf *out, const struct policy_cond *c)
{
	const struct acl_test *t;

	buf_puts(out, c->unless ? "unless" : "if");
	for (size_t i = 0; i < c->nr; i++) {
		buf_puts(out, c->starts_or[i] ? " or" : " and");
		buf_puts(out, c->terms[i].negated ? " not" : "");
		TAILQ_FOREACH(t, &c->terms[i].acl->tests, next) {
			buf_printf(out, " (%d %u %d %s %s", t->field, t->counter, t->tracked,
				   t->table ? t->table->name : "-", t->backend ? t->backend->name : "-");
			policy_sets(out, t);
			buf_puts(out, ")");
		}
	}
	buf_puts(out, "\n");
}

/* Rules and routes in a form in which equal ones are equal text; for no one's eyes. */
static void policy_text(struct buf *out, const struct frontend *f)
{
	const struct policy_rule *r = NULL;
	const struct policy_route *to = NULL;

	TAILQ_FOREACH(r, &f->rules, next) {
		buf_printf(out, "%d %d %u %d %s ", r->action, r->session, r->counter, r->by_dst,
			   r->table ? r->table->name : "-");
		policy_cond_text(out, &r->cond);
	}
	TAILQ_FOREACH(to, &f->routes, next) {
		buf_printf(out, "%s ", to->backend->name);
		policy_cond_text(out, &to->cond);
	}
}

/* Out of memory they count as different. */
static bool same_policy(const struct frontend *a, const struct frontend *b)
{
	struct buf x = { 0 }, y = { 0 };
	bool same;

	policy_text(&x, a);
	policy_text(&y, b);
	same = !x.failed && !y.failed && x.len == y.len && (!x.len || !memcmp(x.data, y.data, x.len));
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

static void compare_frontend(struct maker *mk, const struct frontend *was, const struct frontend *f)
{
	const char *from = or_none(was->backend ? was->backend->name : NULL);
	const char *to = or_none(f->backend ? f->backend->name : NULL);
	struct buf detail = { 0 };

	if (strcmp(from, to) != 0)
		tell(&detail, "default_backend %s -> %s, for new connections", from, to);
	tell_flag(&detail, "left to the stack", was->left_to_stack, f->left_to_stack);
	tell_flag(&detail, "disabled", was->disabled, f->disabled);
	tell_number(&detail, "maxconn", was->maxconn, f->maxconn);
	tell_number(&detail, "rate-limit", was->rate_limit, f->rate_limit);
	if (!same_policy(was, f))
		tell(&detail, "other rules");
	if (detail.len)
		add_row(mk, DELTA_CHANGE, DELTA_FRONTEND, f->name, &detail, NULL, 0);
}

static void compare_frontends(struct maker *mk, const struct model *old, const struct model *m)
{
	const struct frontend *f, *was;
	struct buf detail = { 0 };

	TAILQ_FOREACH(f, &m->frontends, next) {
		was = model_frontend_find(old, f->name);
		if (was) {
			compare_frontend(mk, was, f);
		} else {
			tell(&detail, "default_backend %s", or_none(f->backend ? f->backend->name : NULL));
			add_row(mk, DELTA_ADD, DELTA_FRONTEND, f->name, &detail, NULL, 0);
		}
		compare_binds(mk, m, was, f);
	}
	TAILQ_FOREACH(was, &old->frontends, next) {
		if (model_frontend_find(m, was->name))
			continue;
		add_row(mk, DELTA_REMOVE, DELTA_FRONTEND, was->name, &detail, NULL, 0);
		compare_binds(mk, m, was, NULL);
	}
}

int delta_make(const struct model *old, const struct model *m, struct delta *ret)
{
	struct maker mk = { 0 };

	compare_frontends(&mk, old, m);
	compare_backends(&mk, old, m);
	if (mk.failed) {
		delta_fini(&mk.d);
		return -ENOMEM;
	}
	*ret = mk.d;
	return 0;
}

void delta_fini(struct delta *d)
{
	for (size_t i = 0; i < d->nr; i++) {
		free(d->rows[i].name);
		free(d->rows[i].detail);
		free(d->rows[i].cuts);
	}
	free(d->rows);
	*d = (struct delta){ 0 };
}
