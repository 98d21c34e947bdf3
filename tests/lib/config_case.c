/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs a text through the parser and writes messages and model as text, so that a table can hold what is expected. */
#include "config_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "config/conf.h"
#include "model/capability.h"
#include "model/script.h"

static void rule_text(const struct check_rule *r, struct buf *out)
{
	static const char *const actions[] = { "connect", "send", "expect", "request" };
	static const char *const matches[] = { "string", "regex", "binary", "rbinary", "status", "rstatus", "hdr",
					       "body",	 "rbody", "mysql",  "ldap",    "dns",	 "line" };
	static const char *const how[] = { "any", "equal", "begin", "end", "part", "regex" };
	const struct rule_expect *e = &r->expect;
	char addr[ADDR_TEXT_MAX];

	buf_printf(out, " [%s", actions[r->action]);
	if (r->step)
		buf_printf(out, "@%u", r->step);
	if (r->connect.addr.family)
		buf_printf(out, " %s", addr_format(&r->connect.addr, addr));
	if (r->connect.port)
		buf_printf(out, " port=%u", r->connect.port);
	buf_printf(out, "%s%s%s", r->connect.tls ? " ssl" : "", r->connect.as_server ? " default" : "",
		   r->connect.linger ? " linger" : "");
	buf_puts(out, r->connect.proxy_line ? " proxy" : "");
	if (r->connect.sni || r->connect.alpn)
		buf_printf(out, " sni=%s alpn=%s", r->connect.sni ? r->connect.sni : "-",
			   r->connect.alpn ? r->connect.alpn : "-");
	if (r->action == RULE_EXPECT)
		buf_printf(out, " %s%s", e->inverse ? "!" : "", matches[e->match]);
	for (size_t i = 0; i < e->nr_ranges; i++)
		buf_printf(out, " %d-%d", e->ranges[i].lo, e->ranges[i].hi);
	if (e->match == MATCH_HEADER)
		buf_printf(out, " %s:%s %s:%s%s", how[e->name.how], e->name.text, how[e->value.how],
			   e->value.text ? e->value.text : "-", e->whole_value ? " whole" : "");
	for (size_t i = 0; i < r->data_len; i++)
		buf_printf(out, r->data[i] > ' ' && r->data[i] < 0x7f ? "%s%c" : "%s\\x%02x", i ? "" : " ",
			   (unsigned char)r->data[i]);
	if (e->min_recv >= 0)
		buf_printf(out, " min=%ld", e->min_recv);
	if (e->ok || e->error || e->late)
		buf_printf(out, " ok=%s err=%s tout=%s", check_code_name(e->ok), check_code_name(e->error),
			   check_code_name(e->late));
	if (e->on_ok || e->on_error)
		buf_printf(out, " on=%s/%s", e->on_ok ? e->on_ok : "-", e->on_error ? e->on_error : "-");
	if (r->comment)
		buf_printf(out, " #%s", r->comment);
	buf_puts(out, "]");
}

static bool is_default_expect(const struct check_rule *r)
{
	return r->action == RULE_EXPECT && !r->step && r->expect.match == MATCH_STATUS;
}

/* A request as "METHOD URI VERSION HEADERS"; default rules of HTTP are left out. */
static void script_text_of(const struct check_conf *c, struct buf *out)
{
	const struct rule_request *q;
	const char *h;

	for (size_t i = 0; c->script && i < c->script->nr; i++) {
		q = &c->script->rules[i].request;
		if (c->script->rules[i].action != RULE_REQUEST && !is_default_expect(&c->script->rules[i]))
			rule_text(&c->script->rules[i], out);
		if (c->script->rules[i].action != RULE_REQUEST || (!q->method && !q->uri && !q->version && !q->headers))
			continue;
		buf_printf(out, " %s %s %s ", q->method ? q->method : "-", q->uri ? q->uri : "-",
			   q->version ? q->version : "-");
		for (h = q->headers ? q->headers : "-"; *h; h++)
			buf_printf(out, "%c", *h == '\n' ? ';' : *h);
		if (q->body)
			buf_printf(out, " body=%s", q->body);
	}
	if (c->script && c->script->nolb_on_404)
		buf_puts(out, " 404");
	if (c->script && c->script->send_state)
		buf_puts(out, " state");
	if (c->tls)
		buf_printf(out, " tls%s ca=%s sni=%s alpn=%s host=%s", c->verify ? "" : ":none",
			   c->ca_file ? c->ca_file : "-", c->sni ? c->sni : "-", c->alpn ? c->alpn : "-",
			   c->verify_host ? c->verify_host : "-");
}

static void check_text(const struct check_conf *c, struct buf *out)
{
	static const char *const kinds[] = {
		[CHECK_TCP] = "tcp", [CHECK_HTTP] = "http", [CHECK_EXTERNAL] = "external",
		[CHECK_UDP] = "udp", [CHECK_ICMP] = "icmp",
	};

	if (c->type == CHECK_NONE)
		return;
	buf_printf(out, " check=%s/%u/%u/%u/%u/%u", kinds[c->type], c->inter, c->fastinter, c->downinter, c->rise,
		   c->fall);
	if (c->port)
		buf_printf(out, " checkport=%u", c->port);
	if (c->start)
		buf_printf(out, " start=%d", (int)c->start);
	buf_puts(out, c->proxy_line ? " proxy" : "");
	script_text_of(c, out);
}

static void server_text(const struct server *s, struct buf *out)
{
	char addr[ADDR_TEXT_MAX];

	buf_printf(out, "server %s/%s#%u %s w%u%s%s", s->backend->name, s->name, s->id,
		   addr_format_port(&s->addr, s->port, addr), s->weight, s->backup ? " backup" : "",
		   s->disabled ? " disabled" : "");
	if (s->source.family)
		buf_printf(out, " source=%s", addr_format(&s->source, addr));
	if (s->source_ports.lo <= s->source_ports.hi)
		buf_printf(out, " ports=%u-%u", s->source_ports.lo, s->source_ports.hi);
	if (s->port_offset)
		buf_printf(out, " port%+d", s->port_offset);
	if (s->maxconn || s->slowstart_ms)
		buf_printf(out, " maxconn=%u slowstart=%u", s->maxconn, s->slowstart_ms);
	if (s->down_ends_flows || s->up_ends_backup_flows)
		buf_printf(out, " ends=%d%d", s->down_ends_flows, s->up_ends_backup_flows);
	if (s->forward != s->backend->forward)
		buf_printf(out, " %s", forward_name(s->forward));
	if (s->has_mac)
		buf_printf(out, " mac=%02x..%02x", s->mac[0], s->mac[5]);
	check_text(&s->check, out);
	if (s->observe.on)
		buf_printf(out, " observe=%u/%d", s->observe.limit, (int)s->observe.action);
	if (s->track)
		buf_printf(out, " track=%s/%s", s->track->backend->name, s->track->name);
	if (s->agent.type == CHECK_AGENT) {
		buf_printf(out, " agent=%s/%u", addr_format_port(&s->agent.addr, (uint16_t)s->agent.port, addr),
			   s->agent.inter);
		script_text_of(&s->agent, out);
	}
	buf_puts(out, "\n");
}

static void timeouts_text(const struct timeouts *t, struct buf *out)
{
	if (t->connect || t->client || t->server || t->tunnel || t->client_fin || t->server_fin || t->check)
		buf_printf(out, " t=%u/%u/%u/%u/%u/%u/%u", t->connect, t->client, t->server, t->tunnel, t->client_fin,
			   t->server_fin, t->check);
}

static void frontend_text(const struct frontend *f, struct buf *out)
{
	char addr[ADDR_TEXT_MAX];
	const struct bind *b;

	buf_printf(out, "%s %s#%u", f->is_listen ? "listen" : "frontend", f->name, f->id);
	if (f->backend)
		buf_printf(out, " -> %s", f->backend->name);
	if (f->mode_http)
		buf_puts(out, " http");
	if (f->disabled)
		buf_puts(out, " disabled");
	if (f->left_to_stack)
		buf_printf(out, " left[%s]", f->stack_reason);
	if (f->stats.enabled)
		buf_printf(out, " stats=%s,%s,%s,%u,%d", f->stats.uri ? f->stats.uri : "-",
			   f->stats.realm ? f->stats.realm : "-", f->stats.auth ? f->stats.auth : "-",
			   f->stats.refresh_s, f->stats.metrics);
	if (f->maxconn)
		buf_printf(out, " maxconn=%u", f->maxconn);
	if (f->rate_limit)
		buf_printf(out, " rate=%u", f->rate_limit);
	if (f->no_backend)
		buf_printf(out, " no-backend=%d", (int)f->no_backend);
	if (f->description)
		buf_printf(out, " \"%s\"", f->description);
	timeouts_text(&f->timeouts, out);
	TAILQ_FOREACH(b, &f->binds, next) {
		buf_printf(out, " %s%s", b->proto == IPPROTO_UDP ? "udp:" : "",
			   addr_format_port(&b->addr, b->port_lo, addr));
		if (b->port_hi != b->port_lo)
			buf_printf(out, "-%u", b->port_hi);
		if (b->id || b->maxconn || b->mss)
			buf_printf(out, "[id=%u,maxconn=%u,mss=%u]", b->id, b->maxconn, b->mss);
		if (b->interface)
			buf_printf(out, "@%s", b->interface);
		if (b->name)
			buf_printf(out, "(%s)", b->name);
	}
	buf_puts(out, "\n");
}

static void global_text(const struct model *m, struct buf *out)
{
	const struct attach_want *a;
	const struct stats_socket *s;
	const struct log_target *l;
	char addr[ADDR_TEXT_MAX];

	TAILQ_FOREACH(a, &m->attach, next)
		buf_printf(out, "attach %s %d\n", a->ifname, (int)a->mode);
	TAILQ_FOREACH(s, &m->sockets, next)
		buf_printf(out, "socket %s mode=%o level=%d user=%s\n",
			   s->path ? s->path : addr_format_port(&s->addr, s->port, addr), s->mode, (int)s->level,
			   s->user ? s->user : "-");
	TAILQ_FOREACH(l, &m->logs, next)
		buf_printf(out, "log %s %d %d\n", l->path ? l->path : addr_format_port(&l->addr, l->port, addr),
			   l->facility >> 3, l->max_level);
	if (m->flows != 262144)
		buf_printf(out, "flows %u\n", m->flows);
	if (m->maxconn)
		buf_printf(out, "maxconn %u\n", m->maxconn);
	if (m->stats_timeout_ms != 10000)
		buf_printf(out, "stats timeout %u\n", m->stats_timeout_ms);
	if (m->spread_checks)
		buf_printf(out, "spread %u\n", m->spread_checks);
	if (m->node || m->description)
		buf_printf(out, "node %s/%s\n", m->node ? m->node : "-", m->description ? m->description : "-");
}

static void balance_text(const struct balance *b, struct buf *out)
{
	static const char *const names[] = {
		[BALANCE_ROUNDROBIN] = "roundrobin",
		[BALANCE_STATIC_RR] = "static-rr",
		[BALANCE_LEASTCONN] = "leastconn",
		[BALANCE_SOURCE] = "source",
		[BALANCE_RANDOM] = "random",
		[BALANCE_FIRST] = "first",
		[BALANCE_HASH] = "hash",
	};

	if (b->alg != BALANCE_ROUNDROBIN)
		buf_printf(out, " %s", names[b->alg]);
	if (b->alg == BALANCE_RANDOM)
		buf_printf(out, "(%u)", b->draws);
	if (b->parts)
		buf_printf(out, ":%x/%u/%u", b->parts, b->mask4, b->mask6);
	if (b->consistent)
		buf_puts(out, " consistent");
	if (b->factor)
		buf_printf(out, " factor=%u", b->factor);
}

static void backend_text(const struct backend *b, struct buf *out)
{
	char addr[ADDR_TEXT_MAX];

	buf_printf(out, "backend %s#%u%s%s", b->name, b->id, b->mode_http ? " http" : "",
		   b->allbackups ? " allbackups" : "");
	balance_text(&b->balance, out);
	if (b->forward)
		buf_printf(out, " %s", forward_name(b->forward));
	if (b->stick.table)
		buf_printf(out, " stick=%s,%d%d%d", b->stick.table->name, b->stick.match, b->stick.store,
			   b->stick.by_dst);
	if (b->redispatch)
		buf_printf(out, " redispatch=%u", b->redispatch);
	if (b->check_path)
		buf_printf(out, " check-path=%d", (int)b->check_path);
	if (b->load_state)
		buf_printf(out, " state=%d,%s", (int)b->load_state, b->state_file ? b->state_file : "-");
	if (b->source.family)
		buf_printf(out, " source=%s", addr_format(&b->source, addr));
	if (b->source_ports.lo <= b->source_ports.hi)
		buf_printf(out, " ports=%u-%u", b->source_ports.lo, b->source_ports.hi);
	timeouts_text(&b->timeouts, out);
	buf_puts(out, "\n");
}

static void table_text(const struct stick_table *t, struct buf *out)
{
	buf_printf(out, "table %s %s size=%u expire=%u%s store=%x", t->name, t->family == AF_INET6 ? "ipv6" : "ip",
		   t->size, t->expire_ms, t->nopurge ? " nopurge" : "", t->store);
	if (t->conn_rate_ms || t->gpc0_rate_ms)
		buf_printf(out, " rates=%u,%u", t->conn_rate_ms, t->gpc0_rate_ms);
	buf_printf(out, "%s%s\n", t->peers ? " peers=" : "", t->peers ? t->peers : "");
}

char *config_model_text(const struct model *m)
{
	const struct frontend *f;
	const struct backend *b;
	const struct server *s;
	const struct stick_table *t;
	struct buf out = { 0 };

	buf_puts(&out, "");
	global_text(m, &out);
	TAILQ_FOREACH(t, &m->tables, next)
		table_text(t, &out);
	TAILQ_FOREACH(f, &m->frontends, next)
		frontend_text(f, &out);
	TAILQ_FOREACH(b, &m->backends, next) {
		backend_text(b, &out);
		TAILQ_FOREACH(s, &b->servers, next)
			server_text(s, &out);
	}
	return out.data;
}

static char *diags_text(const struct diag_list *list)
{
	const struct diag *d;
	struct buf out = { 0 };

	buf_puts(&out, "");
	TAILQ_FOREACH(d, &list->head, next) {
		/* The list of ignored words is in every stock file; its own case looks at it. */
		if (d->level == DIAG_NOTE && !d->line)
			continue;
		buf_printf(&out, "%c %s %u:%u\n", "NWE"[d->level], d -> code, d -> line, d -> col);
	}
	return out.data;
}

/* Compares, and prints what differs: all cases of a test are run before it fails. */
static bool same(const struct config_case *c, const char *what, const char *got, const char *expected)
{
	if (!strcmp(got, expected))
		return true;
	print_error("case '%s', %s:\n--- expected\n%s--- got\n%s---\n", c->name, what, expected, got);
	return false;
}

bool config_case_run(const struct config_case *c)
{
	static const bool nothing[NR_CAPABILITIES];
	struct conf_options opt = { .strict = c->how & CASE_STRICT, .numeric = true, .can = nothing };
	bool all[NR_CAPABILITIES];
	struct diag_list diags;
	struct model *m = NULL;
	bool ok;
	char *got;
	int rc;

	memset(all, true, sizeof(all));
	if (!(c->how & CASE_BARE))
		opt.can = all;
	diag_init(&diags);
	rc = conf_load_text("t", c->text, strlen(c->text), &opt, &diags, &m);
	got = diags_text(&diags);
	ok = same(c, "diagnostics", got, c->diags);
	free(got);
	if (rc != (c->model ? 0 : -EINVAL) || !m != !c->model) {
		print_error("case '%s': result %d\n", c->name, rc);
		ok = false;
	}
	if (c->model && m) {
		got = config_model_text(m);
		ok = same(c, "model", got, c->model) && ok;
		free(got);
	}
	if (!ok)
		diag_print(&diags, stderr, false);
	model_free(m);
	diag_fini(&diags);
	return ok;
}
