/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What xlbctl shows: status, frontends, backends, servers, binds, flows and the reasons of packets, as JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "protocol/cell.h"
#include "protocol/control.h"

/* Sets members of 'o'; each takes the value over. */
static void set(json_t *o, const char *name, json_t *value)
{
	json_object_set_new(o, name, value);
}

static void set_count(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, json_integer((json_int_t)n));
}

static void set_text(json_t *o, const char *name, const char *text)
{
	json_object_set_new(o, name, control_text(text));
}

/* The same members for frontends, backends and servers, so that a script can treat them alike. */
static void set_counters(json_t *o, const struct runtime_counters *n)
{
	set_count(o, "connections_total", n->s.connections);
	set_count(o, "connections_active", n->active);
	set_count(o, "connections_active_max", n->active_max);
	set_count(o, "connections_refused", n->s.refused);
	if (n->known & RUNTIME_KNOWS_DENIED)
		set_count(o, "connections_denied", n->denied);
	set_count(o, "rate", n->rate);
	set_count(o, "rate_max", n->rate_max);
	set_count(o, "packets_total", n->s.packets_in + n->s.packets_out);
	set_count(o, "packets_in", n->s.packets_in);
	set_count(o, "packets_out", n->s.packets_out);
	set_count(o, "bytes_in", n->s.bytes_in);
	set_count(o, "bytes_out", n->s.bytes_out);
	set_count(o, "client_resets", n->s.client_resets);
	set_count(o, "server_resets", n->s.server_resets);
}

static json_t *interface_row(const struct runtime_if *i)
{
	json_t *o = json_object();

	set_text(o, "name", i->name);
	set_text(o, "mode", i->mode);
	set_text(o, "why", i->why);
	return o;
}

static json_t *interfaces_of(const struct runtime_info *info)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < info->interfaces && i < sizeof(info->ifs) / sizeof(info->ifs[0]); i++)
		json_array_append_new(list, interface_row(&info->ifs[i]));
	return list;
}

json_t *control_interface(struct request *r, const char *ifname)
{
	struct runtime_info info = { 0 };
	unsigned int i;

	r->host->info(r->arg, &info);
	for (i = 0; i < info.interfaces && i < sizeof(info.ifs) / sizeof(info.ifs[0]); i++)
		if (strcmp(info.ifs[i].name, ifname) == 0)
			return interface_row(&info.ifs[i]);
	return NULL;
}

/* Up, down and in maintenance add up to all; drained servers are up or down as their checks say. */
static void count_servers(const struct model *m, json_t *o)
{
	unsigned int all = 0, up = 0, maint = 0;
	const struct backend *b;
	const struct server *s;

	TAILQ_FOREACH(b, &m->backends, next) {
		TAILQ_FOREACH(s, &b->servers, next) {
			all++;
			if (s->run.admin & SERVER_MAINT)
				maint++;
			else if (server_is_up(s))
				up++;
		}
	}
	set_count(o, "servers", all);
	set_count(o, "servers_up", up);
	set_count(o, "servers_down", all - up - maint);
	set_count(o, "servers_maint", maint);
}

void control_status(struct request *r)
{
	struct runtime_info info = { 0 };
	json_t *o = json_object();

	r->host->info(r->arg, &info);
	set_text(o, "version", XLB_VERSION);
	set_count(o, "pid", (uint64_t)info.pid);
	set_count(o, "uptime_s", info.uptime_s);
	set_count(o, "counting_s", info.counting_s);
	set(o, "adopted", json_boolean(info.adopted));
	set(o, "interfaces", interfaces_of(&info));
	set(o, "flows",
	    json_pack("{s:I,s:I,s:I}", "used", (json_int_t)info.flows_used, "capacity", (json_int_t)info.flows_capacity,
		      "memory_bytes", (json_int_t)info.flows_memory));
	set_count(o, "connections_total", info.connections_total);
	set_count(o, "rate", info.rate);
	set_count(o, "rate_max", info.rate_max);
	set_count(o, "frontends", r->model->nr_frontends);
	set_count(o, "backends", r->model->nr_backends);
	count_servers(r->model, o);
	set_text(o, "node", info.node);
	set_text(o, "config_files", info.config_files);
	set_text(o, "control_socket", info.control_socket);
	set_text(o, "object_id", info.object_id);
	r->result = o;
}

void control_version(struct request *r)
{
	struct runtime_info info = { 0 };

	r->host->info(r->arg, &info);
	r->result = json_object();
	set_text(r->result, "version", XLB_VERSION);
	set_text(r->result, "release_date", XLB_RELEASE_DATE);
	set_text(r->result, "object_id", info.object_id);
	set_count(r->result, "pid", (uint64_t)info.pid);
}

/*
 * "left to the host": the frontend needs layer 7, so none of its binds is taken. "fallback": it would be open, but no
 * server is usable, and the host answers in its place.
 */
static const char *frontend_state(const struct frontend *f)
{
	if (f->left_to_stack)
		return "left to the host";
	if (f->disabled)
		return "disabled";
	if (f->no_backend == NO_BACKEND_PASS && !(f->backend && backend_eligible(f->backend, NULL, 0)))
		return "fallback";
	return "open";
}

/* "0.0.0.0:8080", or with a range "0.0.0.0:8080-8090". */
static json_t *bind_text(const struct bind *b)
{
	char addr[ADDR_TEXT_MAX];
	const char *proto = b->proto == IPPROTO_UDP ? "udp" : "tcp";

	addr_format_port(&b->addr, b->port_lo, addr);
	if (b->port_hi > b->port_lo)
		return json_sprintf("%s-%u/%s", addr, b->port_hi, proto);
	return json_sprintf("%s/%s", addr, proto);
}

static void show_frontends(struct request *r)
{
	struct runtime_counters n;
	const struct frontend *f;
	const struct bind *b;
	json_t *o, *binds;

	TAILQ_FOREACH(f, &r->model->frontends, next) {
		n = (struct runtime_counters){ 0 };
		r->host->frontend_counters(r->arg, f, &n);
		binds = json_array();
		TAILQ_FOREACH(b, &f->binds, next)
			json_array_append_new(binds, bind_text(b));
		o = json_object();
		set_text(o, "name", f->name);
		set_text(o, "state", frontend_state(f));
		set(o, "binds", binds);
		set_text(o, "backend", f->backend ? f->backend->name : NULL);
		set_counters(o, &n);
		set_text(o, "why", f->left_to_stack ? f->stack_reason : NULL);
		json_array_append_new(r->result, o);
	}
}

static void show_backends(struct request *r)
{
	struct runtime_counters n;
	unsigned int active, backup;
	const struct backend *b;
	json_t *o;

	TAILQ_FOREACH(b, &r->model->backends, next) {
		n = (struct runtime_counters){ 0 };
		r->host->backend_counters(r->arg, b, &n);
		active = backup = 0;
		backend_count(b, &active, &backup);
		o = json_object();
		set_text(o, "name", b->name);
		set_text(o, "state", active + backup || !b->nr_servers ? "UP" : "DOWN");
		set_text(o, "balance", balance_name(b->balance.alg));
		set_count(o, "servers", b->nr_servers);
		set_count(o, "servers_active", active);
		set_count(o, "servers_backup", backup);
		set_counters(o, &n);
		json_array_append_new(r->result, o);
	}
}

/* Members of a server that has no check, or a disabled one, are null where they would tell of its check. */
json_t *control_server_row(struct request *r, const struct server *s)
{
	uint64_t now_ms = r->host->now_ms(r->arg);
	struct runtime_counters n = { 0 };
	char text[ADDR_TEXT_MAX], status[SERVER_STATUS_MAX];
	bool checked = s->run.check_enabled;
	json_t *o = json_object();

	r->host->server_counters(r->arg, s, &n);
	set_text(o, "backend", s->backend->name);
	set_text(o, "name", s->name);
	set_text(o, "address", addr_format(&s->addr, text));
	set_count(o, "port", s->port);
	set_text(o, "state", server_status(s, status));
	set_count(o, "weight", s->run.weight);
	set_count(o, "weight_configured", s->weight);
	set(o, "backup", json_boolean(s->backup));
	set_text(o, "check_status", checked ? check_code_name(s->run.check.code) : NULL);
	set_text(o, "check_desc", checked ? check_code_desc(s->run.check.code) : NULL);
	set_text(o, "check_info", checked && s->run.check.desc[0] ? s->run.check.desc : NULL);
	set(o, "check_duration_ms",
	    checked && s->run.check.duration_ms >= 0 ? json_integer(s->run.check.duration_ms) : json_null());
	set(o, "check_health", checked ? json_integer(s->run.check.health) : json_null());
	set_count(o, "check_rise", s->check.rise);
	set_count(o, "check_fall", s->check.fall);
	set_text(o, "agent_status",
		 s->agent.type != CHECK_NONE && s->run.agent_enabled ? check_code_name(s->run.agent.code) : NULL);
	set_count(o, "check_failed", s->run.check.failed);
	set_count(o, "downs", s->run.check.downs);
	set_count(o, "last_change_s", now_ms > s->run.last_change_ms ? (now_ms - s->run.last_change_ms) / 1000 : 0);
	set_counters(o, &n);
	return o;
}

static void show_servers(struct request *r)
{
	const struct backend *b;
	const struct server *s;

	TAILQ_FOREACH(b, &r->model->backends, next)
		TAILQ_FOREACH(s, &b->servers, next)
			json_array_append_new(r->result, control_server_row(r, s));
}

static void show_binds(struct request *r)
{
	char text[ADDR_TEXT_MAX];
	const struct frontend *f;
	const struct bind *b;
	json_t *o;

	TAILQ_FOREACH(f, &r->model->frontends, next) {
		TAILQ_FOREACH(b, &f->binds, next) {
			o = json_object();
			set_text(o, "frontend", f->name);
			set_text(o, "address", addr_format(&b->addr, text));
			set_count(o, "port", b->port_lo);
			set_count(o, "port_last", b->port_hi > b->port_lo ? b->port_hi : b->port_lo);
			set_text(o, "proto", b->proto == IPPROTO_UDP ? "udp" : "tcp");
			set_text(o, "interface", b->interface);
			set_text(o, "name", b->name);
			set_text(o, "state", frontend_state(f));
			json_array_append_new(r->result, o);
		}
	}
}

static const struct {
	const char *name;
	enum xlb_verdict verdict;
	bool expected;
	const char *text, *advice;
} reasons[XLB_R_MAX] = {
#define REASON_ROW(name, verdict, expected, text, advice)                                                              \
	[XLB_R_##name] = { #name, XLB_V_##verdict, expected, text, advice },
	XLB_REASONS(REASON_ROW)
#undef REASON_ROW
};

static const char *verdict_name(enum xlb_verdict verdict)
{
	switch (verdict) {
	case XLB_V_PASS:
		return "pass";
	case XLB_V_SEND:
		return "send";
	case XLB_V_DROP:
		return "drop";
	}
	return "";
}

/* Every reason, also those that count 0 and those of packets that were not dropped: their sum is what was received. */
static void show_drops(struct request *r)
{
	uint64_t count[XLB_R_MAX] = { 0 };
	unsigned int i;
	json_t *o;

	r->host->reasons(r->arg, count);
	for (i = XLB_R_NONE + 1; i < XLB_R_MAX; i++) {
		o = json_object();
		set_text(o, "reason", reasons[i].name);
		set_count(o, "count", count[i]);
		set(o, "expected", json_boolean(reasons[i].expected));
		set_text(o, "verdict", verdict_name(reasons[i].verdict));
		set_text(o, "text", reasons[i].text);
		set_text(o, "advice", reasons[i].advice);
		json_array_append_new(r->result, o);
	}
}

/* Flows are written as they come, in pieces: there may be millions, too many for a tree of values. */
struct flows_job {
	struct runtime_job job;
	uint64_t cursor, nr, limit;
	struct buf *out; /* of the step that runs */
};

/* 'name' with its punctuation: ",\"client\":" */
static void put_member(struct buf *out, const char *name, const char *text)
{
	buf_puts(out, name);
	cell_put_json_text(out, text);
}

static bool put_flow(void *arg, const struct runtime_flow *f)
{
	struct flows_job *d = arg;
	char text[ADDR_TEXT_MAX];

	buf_puts(d->out, d->nr++ ? ",{" : "{");
	buf_puts(d->out, f->proto == IPPROTO_UDP ? "\"proto\":\"udp\"" : "\"proto\":\"tcp\"");
	put_member(d->out, ",\"client\":", addr_format_port(&f->client, f->client_port, text));
	put_member(d->out, ",\"service\":", addr_format_port(&f->vip, f->vip_port, text));
	put_member(d->out, ",\"source\":", addr_format_port(&f->source, f->source_port, text));
	put_member(d->out, ",\"destination\":", addr_format_port(&f->server, f->server_port, text));
	put_member(d->out, ",\"state\":", f->state);
	put_member(d->out, ",\"frontend\":", f->frontend);
	put_member(d->out, ",\"backend\":", f->backend);
	put_member(d->out, ",\"server\":", f->server_name);
	buf_printf(d->out, ",\"idle_s\":%u}", f->idle_s);
	return d->nr != d->limit && d->out->len < RUNTIME_PIECE && !d->out->failed;
}

static bool flows_step(struct call *c, struct runtime_job *job)
{
	struct flows_job *d = (struct flows_job *)job;

	d->out = c->out;
	if (c->host->flows(c->arg, &d->cursor, put_flow, d) && d->nr != d->limit)
		return !c->out->failed;
	buf_puts(c->out, "],\"diagnostics\":[]}\n");
	return false;
}

static void flows_end(struct runtime_job *job)
{
	free(job);
}

static void show_flows(struct request *r)
{
	json_int_t limit = json_integer_value(json_object_get(r->in, "limit"));
	struct flows_job *d = calloc(1, sizeof(*d));

	if (!d) {
		request_fail(r, CONTROL_FAILED, "Out of memory.");
		return;
	}
	d->job = (struct runtime_job){ .step = flows_step, .end = flows_end, .bare = true };
	d->limit = limit > 0 ? (uint64_t)limit : UINT64_MAX;
	buf_puts(r->out, "{\"ok\":true,\"result\":[");
	r->s->job = &d->job;
	r->answered = true;
}

/* Lines of the log behind number 'since'; who wants to follow asks again with the last number that it got. */
static void show_events(struct request *r)
{
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(r->in, "since")), lost;
	const char *line;
	json_t *o;

	while ((line = r->host->event(r->arg, &seq, &lost))) {
		o = json_object();
		set_count(o, "seq", seq);
		set_count(o, "lost", lost);
		set_text(o, "text", line);
		json_array_append_new(r->result, o);
	}
}

/* Who speaks to whom is for operators, as `show sess` is. */
static const struct control_row shows[] = {
	{ "backends", ACCESS_USER, show_backends }, { "binds", ACCESS_USER, show_binds },
	{ "drops", ACCESS_USER, show_drops },	    { "events", ACCESS_USER, show_events },
	{ "flows", ACCESS_OPERATOR, show_flows },   { "frontends", ACCESS_USER, show_frontends },
	{ "servers", ACCESS_USER, show_servers },
};

const struct control_row *control_show_at(size_t i)
{
	return i < sizeof(shows) / sizeof(shows[0]) ? &shows[i] : NULL;
}

void control_show(struct request *r)
{
	const char *what = request_text(r, "what");
	const struct control_row *row;
	size_t i;

	for (i = 0; (row = control_show_at(i)) && strcmp(what, row->name) != 0; i++)
		;
	if (!row) {
		request_fail(r, CONTROL_USAGE, "There is no '%s' to show.", what);
	} else if (r->s->level < row->level) {
		request_fail(r, CONTROL_PERMISSION, "This socket's level does not allow 'show %s'.", what);
	} else {
		r->result = json_array();
		row->run(r);
	}
}

void control_save(struct request *r)
{
	struct buf text = { 0 };

	runtime_state_text(r->host, r->arg, &text);
	if (text.failed || !text.data)
		request_fail(r, CONTROL_FAILED, "Out of memory.");
	else
		r->result = json_pack("{s:s}", "state", text.data);
	buf_fini(&text);
}
