/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Making, finding and freeing the elements of a model. What they mean at run time is in run.c.
 *
 * Every element owns its strings. A proxy's number (HAProxy's iid) is the next of one series over frontends and
 * backends, in the order of the file; the halves of a 'listen' share one.
 */
#include "model/model.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	TAILQ_INIT(&m->frontends);
	TAILQ_INIT(&m->backends);
	TAILQ_INIT(&m->attach);
	TAILQ_INIT(&m->sockets);
	TAILQ_INIT(&m->logs);
	TAILQ_INIT(&m->tables);
	TAILQ_INIT(&m->acl_sets);
	m->flows = 262144;
	m->stats_timeout_ms = 10000;
	return m;
}

static void bind_free(struct bind *b)
{
	free(b->interface);
	free(b->name);
	free(b);
}

static void stats_words_free(struct stats_word_list *list)
{
	struct stats_word *w;

	while ((w = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, w, next);
		free(w->text);
		free(w);
	}
}

static void policy_free(struct frontend *f)
{
	struct acl *a;
	struct policy_rule *r;
	struct policy_route *to;

	while ((r = TAILQ_FIRST(&f->rules))) {
		TAILQ_REMOVE(&f->rules, r, next);
		policy_rule_free(r);
	}
	while ((to = TAILQ_FIRST(&f->routes))) {
		TAILQ_REMOVE(&f->routes, to, next);
		policy_route_free(to);
	}
	while ((a = TAILQ_FIRST(&f->acls))) {
		TAILQ_REMOVE(&f->acls, a, next);
		acl_free(a);
	}
}

static void frontend_free(struct frontend *f)
{
	struct bind *b;

	while ((b = TAILQ_FIRST(&f->binds))) {
		TAILQ_REMOVE(&f->binds, b, next);
		bind_free(b);
	}
	policy_free(f);
	free(f->name);
	free(f->stack_reason);
	free(f->default_backend);
	free(f->description);
	free(f->stats.uri);
	free(f->stats.realm);
	free(f->stats.auth);
	free(f->stats.node);
	free(f->stats.desc);
	stats_words_free(&f->stats.users);
	stats_words_free(&f->stats.scope);
	free(f);
}

static void server_free(struct server *s)
{
	check_conf_fini(&s->check);
	check_conf_fini(&s->agent);
	free(s->name);
	free(s->host);
	free(s);
}

void model_server_del(struct server *s)
{
	TAILQ_REMOVE(&s->backend->servers, s, next);
	s->backend->nr_servers--;
	server_free(s);
}

static void backend_free(struct backend *b)
{
	struct server *s;

	while ((s = TAILQ_FIRST(&b->servers))) {
		TAILQ_REMOVE(&b->servers, s, next);
		server_free(s);
	}
	free(b->name);
	free(b->state_file);
	free(b->description);
	free(b);
}

static void free_global_lists(struct model *m)
{
	struct attach_want *a;
	struct stats_socket *s;
	struct log_target *l;
	struct stick_table *t;
	struct acl_set *set;

	while ((a = TAILQ_FIRST(&m->attach))) {
		TAILQ_REMOVE(&m->attach, a, next);
		free(a->ifname);
		free(a);
	}
	while ((s = TAILQ_FIRST(&m->sockets))) {
		TAILQ_REMOVE(&m->sockets, s, next);
		free(s->path);
		free(s->user);
		free(s->group);
		free(s);
	}
	while ((l = TAILQ_FIRST(&m->logs))) {
		TAILQ_REMOVE(&m->logs, l, next);
		free(l->path);
		free(l);
	}
	while ((set = TAILQ_FIRST(&m->acl_sets))) {
		TAILQ_REMOVE(&m->acl_sets, set, next);
		acl_set_free(set);
	}
	while ((t = TAILQ_FIRST(&m->tables))) {
		TAILQ_REMOVE(&m->tables, t, next);
		free(t->name);
		free(t->peers);
		free(t);
	}
}

void model_free(struct model *m)
{
	struct frontend *f;
	struct backend *b;

	if (!m)
		return;
	while ((f = TAILQ_FIRST(&m->frontends))) {
		TAILQ_REMOVE(&m->frontends, f, next);
		frontend_free(f);
	}
	while ((b = TAILQ_FIRST(&m->backends))) {
		TAILQ_REMOVE(&m->backends, b, next);
		backend_free(b);
	}
	free_global_lists(m);
	free(m->node);
	free(m->description);
	free(m->seed);
	free(m->log_tag);
	free(m->log_hostname);
	free(m->state_base);
	free(m->state_file);
	free(m);
}

struct frontend *model_frontend_add(struct model *m, const char *name)
{
	struct frontend *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->name = strdup(name);
	if (!f->name) {
		free(f);
		return NULL;
	}
	TAILQ_INIT(&f->binds);
	TAILQ_INIT(&f->acls);
	TAILQ_INIT(&f->rules);
	TAILQ_INIT(&f->routes);
	TAILQ_INIT(&f->stats.users);
	TAILQ_INIT(&f->stats.scope);
	f->id = ++m->last_proxy_id;
	m->nr_frontends++;
	TAILQ_INSERT_TAIL(&m->frontends, f, next);
	return f;
}

static unsigned int next_backend_id(struct model *m, const char *name)
{
	const struct frontend *last = TAILQ_LAST(&m->frontends, frontend_list);

	if (last && last->is_listen && !strcmp(last->name, name))
		return last->id;
	return ++m->last_proxy_id;
}

struct backend *model_backend_add(struct model *m, const char *name)
{
	struct backend *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->name = strdup(name);
	if (!b->name) {
		free(b);
		return NULL;
	}
	TAILQ_INIT(&b->servers);
	b->source_ports = (struct port_range){ 1, 0 };
	b->balance = (struct balance){ .draws = 2, .mask4 = 32, .mask6 = 128 };
	b->id = next_backend_id(m, name);
	m->nr_backends++;
	TAILQ_INSERT_TAIL(&m->backends, b, next);
	return b;
}

/* The smallest number above all others of the backend: a deleted server's is not given out again before a reload. */
static unsigned int next_server_id(const struct backend *b)
{
	unsigned int max = 0;
	const struct server *s;

	TAILQ_FOREACH(s, &b->servers, next)
		if (s->id > max)
			max = s->id;
	return max + 1;
}

struct server *model_server_add(struct backend *b, const char *name)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->name = strdup(name);
	if (!s->name) {
		free(s);
		return NULL;
	}
	s->backend = b;
	s->id = next_server_id(b);
	s->weight = 1;
	s->forward = b->forward;
	s->source_ports = (struct port_range){ 1, 0 };
	check_conf_init(&s->check);
	check_conf_init(&s->agent);
	s->agent.rise = s->agent.fall = 1;
	b->nr_servers++;
	TAILQ_INSERT_TAIL(&b->servers, s, next);
	return s;
}

struct bind *model_bind_add(struct frontend *f)
{
	struct bind *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->proto = IPPROTO_TCP;
	TAILQ_INSERT_TAIL(&f->binds, b, next);
	return b;
}

struct stick_table *model_table_add(struct model *m, const char *name)
{
	struct stick_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->name = strdup(name);
	if (!t->name) {
		free(t);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&m->tables, t, next);
	return t;
}

int model_stats_word_push(struct stats_word_list *list, const char *text)
{
	struct stats_word *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->text = strdup(text);
	if (!w->text) {
		free(w);
		return -ENOMEM;
	}
	TAILQ_INSERT_HEAD(list, w, next);
	return 0;
}

struct frontend *model_frontend_find(const struct model *m, const char *name)
{
	struct frontend *f;

	TAILQ_FOREACH(f, &m->frontends, next)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

struct backend *model_backend_find(const struct model *m, const char *name)
{
	struct backend *b;

	TAILQ_FOREACH(b, &m->backends, next)
		if (!strcmp(b->name, name))
			return b;
	return NULL;
}

struct server *model_server_find(const struct backend *b, const char *name)
{
	struct server *s;

	TAILQ_FOREACH(s, &b->servers, next)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

struct stick_table *model_table_find(const struct model *m, const char *name)
{
	struct stick_table *t;

	TAILQ_FOREACH(t, &m->tables, next)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

static uint64_t fnv1a(uint64_t hash, const char *text)
{
	/* The terminating NUL takes part, so that "ab" "c" and "a" "bc" differ. */
	for (size_t i = 0; i <= strlen(text); i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return hash;
}

uint64_t model_identity(const char *kind, const char *name, const char *sub)
{
	uint64_t hash = fnv1a(fnv1a(0xcbf29ce484222325u, kind), name);

	if (sub)
		hash = fnv1a(hash, sub);
	return hash ? hash : 1;
}
