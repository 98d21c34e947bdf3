/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parsed sections into a model. Everything is valid here: the only failure is lack of memory.
 *
 * Strings move from the arena to the heap, where each element of the model owns its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/finish.h"

static int copy_text(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

/* How the server is checked; strings still in the arena, the script with a reference of its own. 0 or -ENOMEM. */
static int merge_check(const struct server_decl *decl, const struct check_conf *kind, const struct timeouts *timeouts,
		       unsigned int port, struct check_conf *ret)
{
	struct check_conf c = decl->check;
	bool by_path;

	*ret = c;
	if (!decl->checked)
		return 0;
	c.type = kind->type == CHECK_NONE ? CHECK_TCP : kind->type;
	c.timeout_connect = timeouts->connect;
	c.timeout_check = timeouts->check;
	c.command = kind->command;
	c.path = kind->path;
	c.proxy = kind->proxy;
	if (!c.port && !decl->port)
		c.port = port;
	by_path = decl->path &&
		  (kind->type == CHECK_NONE || (kind->type == CHECK_HTTP && !check_names_uri(kind->script)));
	c.script = by_path ? check_script_of_path(kind->script, decl->path) : script_get(kind->script);
	if (by_path && !c.script)
		return -ENOMEM;
	if (by_path)
		c.type = CHECK_HTTP;
	*ret = c;
	return 0;
}

/* The agent's check; 'ret' gets a script of its own. 0 or -ENOMEM. */
static int merge_agent(const struct server_decl *decl, const struct timeouts *timeouts, struct check_conf *ret)
{
	*ret = decl->agent;
	if (!decl->has_agent)
		return 0;
	ret->type = CHECK_AGENT;
	if (!ret->inter)
		ret->inter = decl->check.inter;
	ret->timeout_connect = timeouts->connect;
	ret->timeout_check = timeouts->check;
	ret->script = check_script_agent(decl->agent_send);
	return ret->script ? 0 : -ENOMEM;
}

/* Hands over what 'made' points to by copying it, and lets go of its script. */
static int take_conf(struct check_conf *dst, const struct check_conf *made)
{
	int err;

	check_conf_fini(dst);
	err = check_conf_copy(dst, made);
	script_put(made->script);
	return err;
}

int build_server(struct backend *b, const struct server_decl *decl, const struct check_conf *kind, unsigned int port,
		 struct server **ret)
{
	struct server *s = model_server_add(b, decl->name);
	struct check_conf check, agent;
	int err;

	if (!s)
		return -ENOMEM;
	if (decl->id) {
		s->id = decl->id;
		s->id_forced = true;
	}
	s->addr = decl->addr;
	s->port = decl->port;
	s->weight = decl->weight;
	s->port_offset = decl->port_offset;
	s->maxconn = decl->maxconn;
	s->slowstart_ms = decl->slowstart_ms;
	s->down_ends_flows = decl->down_ends_flows;
	s->up_ends_backup_flows = decl->up_ends_backup_flows;
	if (decl->has_forward)
		s->forward = decl->forward;
	s->has_mac = decl->has_mac;
	memcpy(s->mac, decl->mac, sizeof(s->mac));
	s->backup = decl->backup;
	s->disabled = decl->disabled;
	s->line = decl->place.line;
	s->source = decl->source;
	s->source_ports = decl->source_ports;
	s->observe = decl->observe;
	err = merge_check(decl, kind, &b->timeouts, port, &check);
	if (!err)
		err = take_conf(&s->check, &check);
	if (!err)
		err = merge_agent(decl, &b->timeouts, &agent);
	if (!err)
		err = take_conf(&s->agent, &agent);
	if (err || copy_text(decl->host, &s->host)) {
		model_server_del(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

static bool id_is_taken(const struct parser *p, const struct proxy *x, unsigned int id)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	return x->has_forced_ids && names_find(&p->names, NAME_SERVER_ID, x, text);
}

static int build_stick(struct backend *b, const struct proxy *x)
{
	const struct stick_decl *s;

	/* HAProxy tries rule after rule; one key and one table are what a packet can be looked up in. */
	TAILQ_FOREACH(s, &x->sticks, next) {
		s->found->made->store |= TABLE_SERVER_ID;
		b->stick.table = s->found->made;
		b->stick.match |= s->match;
		b->stick.store |= s->store;
		b->stick.by_dst = s->by_dst;
	}
	return 0;
}

static int build_table(struct model *m, struct table_decl *decl)
{
	struct stick_table *t;

	if (!decl || !decl->family)
		return 0;
	t = model_table_add(m, decl->name);
	if (!t || copy_text(decl->peers, &t->peers))
		return -ENOMEM;
	t->family = decl->family;
	t->size = decl->size;
	t->expire_ms = decl->expire_ms;
	t->nopurge = decl->nopurge;
	t->store = decl->store;
	t->conn_rate_ms = decl->conn_rate_ms;
	t->gpc0_rate_ms = decl->gpc0_rate_ms;
	t->line = decl->place.line;
	decl->made = t;
	return 0;
}

/* Which retry goes to another server though the first is up; 0: none. */
static unsigned int redispatch_of(const struct settings *set)
{
	long retries = set->has_retries ? (long)set->retries : 3, at = set->redispatch_at;

	if (at < 0)
		at += retries + 1;
	return set->redispatch && at > 0 && at <= retries ? (unsigned int)at : 0;
}

/* What the section says of the backend as a whole. */
static int fill_backend(struct backend *b, const struct proxy *x)
{
	b->mode_http = x->set.mode_http;
	b->timeouts = x->set.timeouts;
	b->balance = x->set.balance;
	b->forward = x->set.forward;
	b->source = x->set.source;
	b->source_ports = x->set.source_ports;
	b->allbackups = x->set.allbackups;
	b->log_health_checks = x->set.log_health_checks;
	b->redispatch = redispatch_of(&x->set);
	b->check_path = x->set.check_path;
	b->load_state = x->set.load_state;
	b->line = x->place.line;
	return copy_text(x->set.state_file, &b->state_file) || copy_text(x->description, &b->description) ? -ENOMEM : 0;
}

/* Numbers are known only now. Address and port are those of the moment, which the checker knows. */
static int build_external(const struct proxy *x, const struct server_decl *decl, struct server *s)
{
	struct check_conf *c = &s->check;

	if (c->type != CHECK_EXTERNAL)
		return 0;
	free(c->env);
	if (asprintf(&c->env,
		     "HAPROXY_PROXY_NAME=%s\nHAPROXY_PROXY_ID=%u\nHAPROXY_PROXY_ADDR=%s\nHAPROXY_PROXY_PORT=%s\n"
		     "HAPROXY_SERVER_NAME=%s\nHAPROXY_SERVER_ID=%u\nHAPROXY_SERVER_MAXCONN=%u\n"
		     "HAPROXY_SERVER_CURCONN=0\nHAPROXY_SERVER_SSL=0\nHAPROXY_SERVER_PROTO=tcp\n",
		     x->name, s->backend->id, x->external_addr, x->external_port, s->name, s->id, decl->maxconn) < 0) {
		c->env = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* The address that the servers are behind, for programs: of a 'listen' the first, of a backend there is none. */
static void name_listener(struct parser *p, struct proxy *x, struct check_conf *kind)
{
	const struct bind_decl *first = TAILQ_FIRST(&x->binds);
	char text[ADDR_TEXT_MAX];

	x->external_addr = x->external_port = "NOT_USED";
	if (first) {
		x->external_addr = arena_printf(&p->arena, "%s", addr_format(&first->addr, text));
		x->external_port = arena_printf(&p->arena, "%u", first->port_lo);
	}
	kind->command = (char *)x->set.checks.command;
	kind->path = (char *)x->set.checks.path;
	kind->proxy = arena_printf(&p->arena, "%s %s", x->external_addr, x->external_port);
}

static int build_servers(struct parser *p, struct proxy *x, const struct check_conf *kind)
{
	const struct bind_decl *first = TAILQ_FIRST(&x->binds);
	struct server_decl *decl;
	unsigned int next_id = 1;
	struct server *s;

	TAILQ_FOREACH(decl, &x->servers, next) {
		if (build_server(x->backend, decl, kind, first ? first->port_lo : 0, &s))
			return -ENOMEM;
		decl->made = s;
		while (!decl->id && id_is_taken(p, x, next_id))
			next_id++;
		if (!decl->id)
			s->id = next_id;
		next_id++;
		if (build_external(x, decl, s))
			return -ENOMEM;
		/* A disabled backend takes no connection, which is what its servers in maintenance do. */
		if (x->set.disabled)
			s->disabled = true;
	}
	return 0;
}

static int build_backend(struct parser *p, struct proxy *x, unsigned int id)
{
	struct backend *b = model_backend_add(p->model, x->name);
	struct check_conf kind = { .type = check_option_type(x->set.checks.option) };
	int err;

	if (!b || check_script_build(&x->set.checks, &kind.script))
		return -ENOMEM;
	x->backend = b;
	name_listener(p, x, &kind);
	b->id = id;
	b->is_listen = x->kind == SECTION_LISTEN;
	err = fill_backend(b, x) || build_stick(b, x) ? -ENOMEM : build_servers(p, x, &kind);
	script_put(kind.script);
	return err;
}

static int build_binds(struct frontend *f, const struct proxy *x)
{
	const struct bind_decl *decl;
	struct bind *b;

	TAILQ_FOREACH(decl, &x->binds, next) {
		b = model_bind_add(f);
		if (!b)
			return -ENOMEM;
		b->addr = decl->addr;
		b->port_lo = decl->port_lo;
		b->port_hi = decl->port_hi;
		b->proto = decl->proto;
		b->id = decl->id;
		b->maxconn = decl->maxconn;
		b->mss = decl->mss;
		b->line = decl->place.line;
		if (copy_text(decl->interface, &b->interface) || copy_text(decl->name, &b->name))
			return -ENOMEM;
	}
	return 0;
}

/* The newest comes first, so that each goes in front of the one before. */
static int add_words(struct stats_word_list *list, const struct text_item *item)
{
	for (; item; item = item->next)
		if (model_stats_word_push(list, item->text))
			return -ENOMEM;
	return 0;
}

static int build_stats(struct frontend *f, const struct settings *set)
{
	f->stats.enabled = true;
	f->stats.metrics = set->metrics;
	f->stats.refresh_s = set->stats_refresh_s;
	f->stats.admin = set->stats_admin;
	f->stats.hide_version = set->stats_hide_version;
	f->stats.show_legends = set->stats_show_legends;
	if (!set->stats_on)
		return 0;
	if (copy_text(set->stats_uri ? set->stats_uri : "/haproxy?stats", &f->stats.uri) ||
	    copy_text(set->stats_realm, &f->stats.realm) || copy_text(set->stats_node, &f->stats.node) ||
	    copy_text(set->stats_desc, &f->stats.desc) ||
	    copy_text(set->stats_users ? set->stats_users->text : NULL, &f->stats.auth))
		return -ENOMEM;
	return add_words(&f->stats.users, set->stats_users) || add_words(&f->stats.scope, set->stats_scope) ? -ENOMEM :
													      0;
}

static int build_frontend(struct parser *p, struct proxy *x, unsigned int id, bool is_listen)
{
	struct frontend *f = model_frontend_add(p->model, x->name);

	if (!f)
		return -ENOMEM;
	x->frontend = f;
	f->id = id;
	f->is_listen = is_listen;
	f->mode_http = x->set.mode_http;
	f->disabled = x->set.disabled;
	f->left_to_stack = x->is_left;
	f->timeouts = x->set.timeouts;
	f->maxconn = x->set.maxconn;
	f->rate_limit = x->set.rate_limit;
	f->no_backend = x->set.no_backend;
	f->socket_stats = x->set.socket_stats;
	f->line = x->place.line;
	if (copy_text(x->description, &f->description) || copy_text(x->left_reason, &f->stack_reason) ||
	    build_binds(f, x))
		return -ENOMEM;
	if (x->target && x->target != x && copy_text(x->target->name, &f->default_backend))
		return -ENOMEM;
	return x->is_stats ? build_stats(f, &x->set) : 0;
}

static bool proxy_id_is_taken(const struct parser *p, unsigned int id)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	return p->has_forced_ids && names_find(&p->names, NAME_PROXY_ID, NULL, text);
}

/* Both halves of a section. One whose backend needs a proxy has no servers that xlb could use: that half is left out.
 */
static int build_proxy(struct parser *p, struct proxy *x, unsigned int id)
{
	bool back = x->kind != SECTION_FRONTEND && !x->is_left_out;
	int err = 0;

	if (x->kind != SECTION_BACKEND)
		err = build_frontend(p, x, id, x->kind == SECTION_LISTEN && back);
	if (!err && back)
		err = build_backend(p, x, id);
	return err;
}

/* All servers are made by now. */
static void build_tracks(struct proxy *x)
{
	struct server_decl *decl;

	TAILQ_FOREACH(decl, &x->servers, next) {
		if (!decl->made || !decl->tracked || !decl->tracked->made)
			continue;
		decl->made->track = decl->tracked->made;
		decl->tracked->made->nr_trackers++;
	}
}

int build_model(struct parser *p)
{
	unsigned int next_id = 1, id;
	struct proxy *x;

	TAILQ_FOREACH(x, &p->proxies, next)
		if (build_table(p->model, x->table))
			return -ENOMEM;
	TAILQ_FOREACH(x, &p->proxies, next) {
		if (x->kind == SECTION_DEFAULTS)
			continue;
		while (!x->id && proxy_id_is_taken(p, next_id))
			next_id++;
		id = x->id ? x->id : next_id;
		next_id++;
		if (build_proxy(p, x, id))
			return -ENOMEM;
		if (id > p->model->last_proxy_id)
			p->model->last_proxy_id = id;
	}
	TAILQ_FOREACH(x, &p->proxies, next) {
		if (x->frontend && x->target)
			x->frontend->backend = x->target->backend;
		build_tracks(x);
		if (x->frontend && !x->is_left && build_policy(p, x))
			return -ENOMEM;
	}
	TAILQ_FOREACH(x, &p->proxies, next)
		if (x->frontend && !x->is_left && check_policy_fits(p, x))
			return -ENOMEM;
	drop_unused_sets(p->model);
	if (p->arena.failed)
		return -ENOMEM;
	return parser_failed(p) ? -EINVAL : 0;
}
