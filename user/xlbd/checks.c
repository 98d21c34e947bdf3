/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One item per server, found by the names of backend and server, because these outlive a reload and pointers do not.
 *
 * A probe keeps running over a reload when what it asks is unchanged: its item then points to the server of the new
 * model. The probe looks at a copy of the server's check state that belongs to the item, for the same reason.
 */
#include "xlbd/checks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "xlbd/announce.h"
#include "xlbd/statefile.h"

struct item {
	char *key; /* "backend/server" */
	struct checks *checks;
	struct server *server;
	struct announce_before before;
	struct health_probe *probe; /* NULL: not checked now */
	struct check_conf conf;	    /* what the probe asks */
	struct addr addr;
	uint16_t port;
	struct check_state seen; /* what the probe knows of the server's state */
	unsigned int round;
	UT_hash_handle hh;
};

struct checks {
	struct state *st;
	struct item *items;
	unsigned int round;
};

/* HAProxy spreads the first checks of all servers over the shortest interval of any, but at least a second. */
enum { SPREAD_MIN_MS = 1000 };

static void log_lines(const struct buf *lines)
{
	const char *p = lines->data;

	while (p && *p) {
		const char *end = strchr(p, '\n');

		if (!end)
			break;
		log_msg((enum log_level)(*p - '0'), "checks", "%.*s", (int)(end - p - 2), p + 2);
		p = end + 1;
	}
}

/* Times and words of a backend that lost its last server, or has one again. */
static void note_backend(struct backend *b, uint64_t now)
{
	unsigned int active, backup;
	bool usable;

	backend_count(b, &active, &backup);
	usable = active || backup || !b->nr_servers;
	if (usable == !b->down_since_ms)
		return;
	b->last_change_ms = now;
	if (usable) {
		b->downtime_ms += now - b->down_since_ms;
		b->down_since_ms = 0;
		return;
	}
	b->down_since_ms = now ? now : 1;
	b->downs++;
	log_msg(LOG_L_EMERG, "checks", "%s %s has no server available!", b->is_listen ? "proxy" : "backend", b->name);
}

/* A command keeps these itself, because it knows of maintenance what health does not. */
static void note_times(struct server *s, bool up, uint64_t now)
{
	s->run.last_change_ms = now;
	if (!up) {
		s->run.down_since_ms = now ? now : 1;
	} else if (s->run.down_since_ms) {
		s->run.downtime_ms += now - s->run.down_since_ms;
		s->run.down_since_ms = 0;
		s->run.recovered_ms = now;
	}
}

/* Compares the server with what it was, keeps its times and tells what is new. Returns true if something was. */
static bool note_server(struct item *it, bool by_check)
{
	struct server *s = it->server;
	struct state *st = it->checks->st;
	bool up = server_is_up(s);
	uint64_t now = state_now_ms();
	struct buf lines = { 0 };

	if (up == it->before.up && s->run.admin == it->before.admin)
		return false;
	announce_server(s, &it->before, by_check, dp_active_of_server(st->dp, s->run.dp_id), &lines);
	log_lines(&lines);
	buf_fini(&lines);
	if (by_check)
		note_times(s, up, now);
	it->before = (struct announce_before){ up, s->run.admin };
	note_backend(s->backend, now);
	statefile_touch(st->statefile);
	return true;
}

static void on_started(void *arg)
{
	struct item *it = arg;

	it->server->run.check_running = true;
}

static unsigned int jitter(unsigned int interval, unsigned int spread)
{
	long range = (long)interval * spread / 100;

	return spread ? (unsigned int)((long)interval - range + random() % (2 * range + 1)) : interval;
}

static unsigned int on_finished(void *arg, const struct health_result *res)
{
	struct item *it = arg;
	struct state *st = it->checks->st;
	struct server *s = it->server;

	s->run.check_running = false;
	(void)check_result(&s->run.check, &s->check, res->code, res->status, res->duration_ms, res->desc);
	it->seen = s->run.check;
	if (res->code == CHECK_L4TOUT || res->code == CHECK_L7TOUT)
		net_doubt(st->net, &it->addr);
	if (note_server(it, true))
		state_apply_soon(st, 0);
	return jitter(check_interval(&s->run.check, &s->check), st->model->spread_checks);
}

static const struct health_ops ops = { .started = on_started, .finished = on_finished };

static void stop_probe(struct item *it)
{
	if (!it->probe)
		return;
	health_stop(it->probe);
	it->probe = NULL;
	it->server->run.check_running = false;
	check_conf_fini(&it->conf);
}

static bool shall_be_checked(const struct server *s)
{
	return s->check.type != CHECK_NONE && s->run.check_enabled && !(s->run.admin & SERVER_MAINT) &&
	       (s->addr.family || s->check.addr.family);
}

static const struct addr *check_addr(const struct server *s)
{
	return s->check.addr.family ? &s->check.addr : &s->addr;
}

static uint16_t check_port(const struct server *s)
{
	return s->check.port ? (uint16_t)s->check.port : s->port;
}

static void start_probe(struct item *it, unsigned int delay_ms)
{
	struct server *s = it->server;
	int rc = check_conf_copy(&it->conf, &s->check);

	if (!rc) {
		it->addr = *check_addr(s);
		it->port = check_port(s);
		it->seen = s->run.check;
		rc = health_start(it->checks->st->health, &it->conf, &it->seen, &it->addr, it->port, delay_ms, &ops, it,
				  &it->probe);
		if (rc)
			check_conf_fini(&it->conf);
	}
	if (rc)
		log_msg(LOG_L_ERROR, "checks", "cannot check server %s: %s", it->key, strerror(-rc));
}

/* Does the probe that runs still ask what it shall ask? */
static bool probe_fits(const struct item *it)
{
	const struct server *s = it->server;

	return shall_be_checked(s) && check_conf_equal(&it->conf, &s->check) && addr_equal(&it->addr, check_addr(s)) &&
	       it->port == check_port(s);
}

static struct item *find(struct checks *c, const struct server *s)
{
	struct item *it;
	char *key;

	if (asprintf(&key, "%s/%s", s->backend->name, s->name) < 0)
		return NULL;
	HASH_FIND_STR(c->items, key, it);
	if (it) {
		free(key);
		return it;
	}
	it = calloc(1, sizeof(*it));
	if (!it) {
		free(key);
		return NULL;
	}
	it->key = key;
	it->checks = c;
	it->server = (struct server *)s;
	it->before = (struct announce_before){ server_is_up(s), s->run.admin };
	HASH_ADD_KEYPTR(hh, c->items, it->key, strlen(it->key), it);
	return it;
}

static void drop(struct checks *c, struct item *it)
{
	HASH_DEL(c->items, it);
	stop_probe(it);
	free(it->key);
	free(it);
}

/* Brings items up to date with the model's servers and stops probes that do not fit any more. */
static void sync_items(struct checks *c)
{
	struct item *it, *next;
	struct backend *b;
	struct server *s;

	c->round++;
	TAILQ_FOREACH(b, &c->st->model->backends, next) {
		TAILQ_FOREACH(s, &b->servers, next) {
			it = find(c, s);
			if (!it)
				continue;
			it->server = s;
			it->round = c->round;
			(void)note_server(it, false);
			it->seen = s->run.check;
			if (it->probe && !probe_fits(it))
				stop_probe(it);
		}
		note_backend(b, state_now_ms());
	}
	HASH_ITER(hh, c->items, it, next)
		if (it->round != c->round)
			drop(c, it);
}

void checks_sync(struct checks *c)
{
	unsigned int nr = 0, shortest = UINT_MAX, pos = 0;
	struct item *it;

	sync_items(c);
	for (it = c->items; it; it = it->hh.next) {
		if (it->probe || !shall_be_checked(it->server))
			continue;
		nr++;
		if (it->server->check.inter < shortest)
			shortest = it->server->check.inter;
	}
	if (shortest < SPREAD_MIN_MS)
		shortest = SPREAD_MIN_MS;
	for (it = c->items; it; it = it->hh.next)
		if (!it->probe && shall_be_checked(it->server))
			start_probe(it, (unsigned int)((uint64_t)shortest * pos++ / nr));
	statefile_touch(c->st->statefile);
}

void checks_forget(struct checks *c, const struct server *s)
{
	struct item *it, *next;

	HASH_ITER(hh, c->items, it, next)
		if (it->server == s)
			drop(c, it);
}

int checks_start(struct state *st, struct checks **ret)
{
	struct checks *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->st = st;
	srandom((unsigned int)uv_hrtime());
	*ret = c;
	return 0;
}

void checks_stop(struct checks *c)
{
	struct item *it, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->items, it, next)
		drop(c, it);
	free(c);
}
