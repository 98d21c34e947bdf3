/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes the numbers of all proxies and servers once, so that a page or a scrape over thousands of servers asks the data
 * plane once for each.
 */
#include "http/sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const struct runtime_host *host;
	void *arg;
	uint64_t now_ms;
	struct samples *out;
};

static int64_t clamp(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static int64_t seconds_since(const struct source *src, uint64_t then_ms)
{
	return src->now_ms > then_ms ? clamp((src->now_ms - then_ms) / 1000) : 0;
}

static int64_t downtime(const struct source *src, uint64_t total_ms, uint64_t since_ms)
{
	if (since_ms && src->now_ms > since_ms)
		total_ms += src->now_ms - since_ms;
	return clamp(total_ms / 1000);
}

static struct sample *next_sample(struct source *src, enum sample_kind kind, unsigned int id, const char *proxy)
{
	struct sample *s = &src->out->list[src->out->nr++];

	*s = (struct sample){ .kind = kind, .proxy_id = id, .proxy = proxy };
	for (int64_t *n = &s->active; n <= &s->check_ms; n++)
		*n = SAMPLE_NONE;
	return s;
}

static void set_traffic(struct sample *s, const struct runtime_counters *n)
{
	s->active = n->active;
	s->active_max = n->active_max;
	s->total = clamp(n->s.connections);
	s->rate = n->rate;
	s->rate_max = n->rate_max;
	s->last_new_s = n->last_new_s > INT32_MAX ? -1 : (int64_t)n->last_new_s;
	s->packets_in = clamp(n->s.packets_in);
	s->packets_out = clamp(n->s.packets_out);
	s->bytes_in = clamp(n->s.bytes_in);
	s->bytes_out = clamp(n->s.bytes_out);
	s->refused = clamp(n->s.refused);
	s->client_resets = clamp(n->s.client_resets);
	s->server_resets = clamp(n->s.server_resets);
}

static void take_frontend(struct source *src, const struct frontend *f)
{
	struct sample *s = next_sample(src, SAMPLE_FRONTEND, f->id, f->name);
	struct runtime_counters n = { .last_new_s = UINT64_MAX };

	src->host->frontend_counters(src->arg, f, &n);
	set_traffic(s, &n);
	s->f = f;
	s->limit = f->maxconn ? f->maxconn : clamp(src->out->info.flows_capacity);
	s->state = f->left_to_stack || f->disabled ? "DOWN" : "UP";
	snprintf(s->status, sizeof(s->status), "%s", f->left_to_stack ? "STOP" : f->disabled ? "PAUSED" : "OPEN");
}

static const char *server_state(const struct server *s)
{
	if (s->run.admin & SERVER_MAINT)
		return "MAINT";
	if (!server_is_up(s))
		return "DOWN";
	return s->run.admin & SERVER_DRAIN ? "DRAIN" : "UP";
}

static void take_check(struct source *src, struct sample *s, const struct server *server)
{
	const struct check_state *check = &server->run.check;

	s->check_failures = clamp(check->failed);
	s->downs = clamp(check->downs);
	s->downtime_s = downtime(src, server->run.downtime_ms, server->run.down_since_ms);
	if (server->run.admin & SERVER_MAINT)
		return; /* what the last check saw is old */
	s->check = check_code_name(check->code);
	s->check_code = check->status;
	if (check->duration_ms >= 0)
		s->check_ms = check->duration_ms;
}

static void take_server(struct source *src, const struct backend *b, const struct server *server)
{
	struct sample *s = next_sample(src, SAMPLE_SERVER, b->id, b->name);
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	char status[SERVER_STATUS_MAX];

	src->host->server_counters(src->arg, server, &n);
	set_traffic(s, &n);
	s->s = server;
	s->b = b;
	s->server = server->name;
	s->state = server_state(server);
	snprintf(s->status, sizeof(s->status), "%s", server_status(server, status));
	s->weight = s->user_weight = server->run.weight;
	s->active_servers = !server->backup;
	s->backup_servers = server->backup;
	s->last_change_s = seconds_since(src, server->run.last_change_ms);
	if (server->run.check_enabled)
		take_check(src, s, server);
}

/* Sum of the weights that new flows are shared out by: of the active servers, else of the backups in use. */
static int64_t backend_weight(const struct backend *b, unsigned int active)
{
	const struct server *s;
	int64_t sum = 0;

	TAILQ_FOREACH(s, &b->servers, next) {
		if (!server_is_usable(s) || s->backup != !active)
			continue;
		sum += s->run.weight;
		if (s->backup && !b->allbackups)
			break;
	}
	return sum;
}

static void take_backend(struct source *src, const struct backend *b)
{
	struct sample *s = next_sample(src, SAMPLE_BACKEND, b->id, b->name);
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	unsigned int active, backup;

	src->host->backend_counters(src->arg, b, &n);
	set_traffic(s, &n);
	backend_count(b, &active, &backup);
	s->b = b;
	s->state = active || backup || !b->nr_servers ? "UP" : "DOWN";
	snprintf(s->status, sizeof(s->status), "%s", s->state);
	s->weight = s->user_weight = backend_weight(b, active);
	s->active_servers = active;
	s->backup_servers = backup;
	s->downs = clamp(b->downs);
	s->last_change_s = seconds_since(src, b->last_change_ms);
	if (b->nr_servers)
		s->downtime_s = downtime(src, b->downtime_ms, b->down_since_ms);
}

/* A frontend, a backend, or both: 'listen'. */
struct proxy {
	unsigned int id;
	const struct frontend *f;
	const struct backend *b;
};

static int by_id(const void *va, const void *vb)
{
	const struct proxy *a = va, *b = vb;

	return a->id < b->id ? -1 : a->id > b->id;
}

static size_t list_proxies(const struct model *m, struct proxy *list)
{
	const struct frontend *f;
	const struct backend *b;
	size_t nr = 0;

	TAILQ_FOREACH(f, &m->frontends, next)
		list[nr++] = (struct proxy){ .id = f->id, .f = f };
	TAILQ_FOREACH(b, &m->backends, next) {
		const struct frontend *half = b->is_listen ? model_frontend_find(m, b->name) : NULL;
		size_t i = 0;

		while (i < nr && !(half && half->is_listen && list[i].f == half))
			i++;
		if (i == nr)
			list[nr++] = (struct proxy){ .id = b->id };
		list[i].b = b;
	}
	qsort(list, nr, sizeof(*list), by_id);
	return nr;
}

static size_t count_rows(const struct model *m)
{
	size_t nr = m->nr_frontends + m->nr_backends;
	const struct backend *b;

	TAILQ_FOREACH(b, &m->backends, next)
		nr += b->nr_servers;
	return nr;
}

int samples_take(const struct runtime_host *host, void *arg, struct samples *ret)
{
	const struct model *m = host->model(arg);
	size_t nr_proxies = m->nr_frontends + m->nr_backends;
	struct proxy *proxies = calloc(nr_proxies + 1, sizeof(*proxies));
	struct samples out = { .list = calloc(count_rows(m) + 1, sizeof(*out.list)) };
	struct source src = { .host = host, .arg = arg, .now_ms = host->now_ms(arg), .out = &out };
	const struct server *s;

	if (!proxies || !out.list) {
		free(proxies);
		free(out.list);
		return -ENOMEM;
	}
	host->info(arg, &out.info);
	nr_proxies = list_proxies(m, proxies);
	for (struct proxy *p = proxies; p < proxies + nr_proxies; p++) {
		if (p->f)
			take_frontend(&src, p->f);
		if (!p->b)
			continue;
		TAILQ_FOREACH(s, &p->b->servers, next)
			take_server(&src, p->b, s);
		take_backend(&src, p->b);
	}
	free(proxies);
	*ret = out;
	return 0;
}

void samples_fini(struct samples *s)
{
	free(s->list);
	*s = (struct samples){ 0 };
}
