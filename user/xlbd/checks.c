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
#include <unistd.h>
#include <uthash.h>

#include "base/log.h"
#include "model/agent.h"
#include "xlbd/announce.h"
#include "xlbd/asker.h"
#include "xlbd/path.h"
#include "xlbd/statefile.h"

/* A check of a server, or the question to its agent, while it is asked. */
struct inquiry {
	struct ask *ask;	/* NULL: not asked now */
	struct check_conf conf; /* what is asked */
	struct addr addr;
	uint16_t port;
	struct check_state seen; /* what the probe knows of the server's state */
};

struct item {
	char *key; /* "backend/server" */
	struct checks *checks;
	struct server *server;
	struct announce_before before;
	struct inquiry check, agent;
	unsigned int round;
	UT_hash_handle hh;
};

struct checks {
	struct state *st;
	struct askers *askers;
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
static bool note_one(struct item *it, enum announce_why why)
{
	struct server *s = it->server;
	struct state *st = it->checks->st;
	struct announce_before is = announce_now(s);
	uint64_t now = state_now_ms();
	struct buf lines = { 0 };

	if (is.up == it->before.up && is.is_nolb == it->before.is_nolb && is.admin == it->before.admin)
		return false;
	announce_server(s, &it->before, why, dp_active_of_server(st->dp, s->run.dp_id), &lines);
	log_lines(&lines);
	buf_fini(&lines);
	if (why != ANNOUNCE_COMMAND || s->track)
		note_times(s, is.up, now);
	it->before = is;
	note_backend(s->backend, now);
	statefile_touch(st->statefile);
	return true;
}

/* The same of those that track it, too. */
static bool note_server(struct item *it, enum announce_why why)
{
	struct item *other;

	if (!note_one(it, why))
		return false;
	if (!it->server->nr_trackers)
		return true;
	(void)model_follow_tracks(it->checks->st->model);
	for (other = it->checks->items; other; other = other->hh.next)
		if (other->server->track)
			(void)note_one(other, why);
	return true;
}

static void log_result(const struct server *s, enum announce_why why, enum check_code code, int health)
{
	struct buf lines = { 0 };

	announce_result(s, why, code, health, &lines);
	log_lines(&lines);
	buf_fini(&lines);
}

static unsigned int jitter(const struct model *m, unsigned int interval)
{
	long range = (long)interval * m->spread_checks / 100;

	if (m->max_spread_checks_ms && range > (long)m->max_spread_checks_ms)
		range = (long)m->max_spread_checks_ms;
	return range ? (unsigned int)((long)interval - range + random() % (2 * range + 1)) : interval;
}

static void on_started(void *arg)
{
	struct item *it = arg;

	it->server->run.check_running = true;
}

static unsigned int on_finished(void *arg, const struct health_result *res)
{
	struct item *it = arg;
	struct state *st = it->checks->st;
	struct server *s = it->server;
	enum check_code code = s->run.check.code;
	int health = s->run.check.health;

	s->run.check_running = false;
	(void)check_result(&s->run.check, &s->check, res->code, res->status, res->duration_ms, res->desc);
	log_result(s, ANNOUNCE_CHECK, code, health);
	it->check.seen = s->run.check;
	if (res->code == CHECK_L4TOUT || res->code == CHECK_L7TOUT)
		net_doubt(st->net, &it->check.addr);
	if (note_server(it, ANNOUNCE_CHECK))
		state_apply_soon(st, 0);
	return jitter(st->model, check_interval(&s->run.check, &s->check));
}

static int on_path(void *arg, struct health_path *ret)
{
	const struct item *it = arg;

	return path_to_server(it->checks->st, it->server, &it->check.conf.via, ret);
}

/* Weight and connections of the server and of its backend; a queue there is none. */
static void on_describe(void *arg, char *buf, size_t cap)
{
	const struct item *it = arg;
	const struct state *st = it->checks->st;
	const struct server *s = it->server, *other;
	char status[SERVER_STATUS_MAX], addr[ADDR_TEXT_MAX], host[HOST_NAME_MAX + 1] = "";
	unsigned int weight = 0, active = 0;

	TAILQ_FOREACH(other, &s->backend->servers, next) {
		weight += server_is_usable(other) ? other->run.weight : 0;
		active += dp_active_of_server(st->dp, other->run.dp_id);
	}
	if (!st->model->node)
		(void)gethostname(host, sizeof(host) - 1);
	snprintf(buf, cap, "%s; address=%s; port=%u; name=%s/%s; node=%s; weight=%u/%u; scur=%u/%u; qcur=0",
		 server_status(s, status), addr_format(&s->addr, addr), s->port, s->backend->name, s->name,
		 st->model->node ? st->model->node : host, s->run.weight, weight,
		 dp_active_of_server(st->dp, s->run.dp_id), active);
}

static const struct health_ops check_ops = {
	.path = on_path, .describe = on_describe, .started = on_started, .finished = on_finished
};

static void on_agent_started(void *arg)
{
	struct item *it = arg;

	it->server->run.agent_running = true;
}

static unsigned int on_agent_finished(void *arg, const struct health_result *res)
{
	struct item *it = arg;
	struct state *st = it->checks->st;
	struct server *s = it->server;
	unsigned int weight = s->run.weight, maxconn = s->maxconn;
	enum check_code code = s->run.agent.code;
	int health = s->run.agent.health;
	struct agent_reply reply;

	s->run.agent_running = false;
	if (res->answer) {
		agent_parse(res->answer, res->answer_len, &reply);
		agent_apply(s, &reply, res->duration_ms);
	} else {
		agent_missed(s, res->code, res->duration_ms, res->desc);
	}
	log_result(s, ANNOUNCE_AGENT, code, health);
	it->agent.seen = s->run.agent;
	if (note_server(it, ANNOUNCE_AGENT) || weight != s->run.weight || maxconn != s->maxconn)
		state_apply_soon(st, 0);
	return jitter(st->model, s->agent.inter);
}

static const struct health_ops agent_ops = { .started = on_agent_started, .finished = on_agent_finished };

static void stop_inquiry(struct inquiry *q)
{
	if (!q->ask)
		return;
	asker_leave(q->ask);
	q->ask = NULL;
	check_conf_fini(&q->conf);
}

static void stop_check(struct item *it)
{
	if (it->check.ask)
		it->server->run.check_running = false;
	stop_inquiry(&it->check);
}

static void stop_agent(struct item *it)
{
	if (it->agent.ask)
		it->server->run.agent_running = false;
	stop_inquiry(&it->agent);
}

static const struct addr *addr_of(const struct server *s, const struct check_conf *c)
{
	return c->addr.family ? &c->addr : &s->addr;
}

static uint16_t port_of(const struct server *s, const struct check_conf *c)
{
	return c->port ? (uint16_t)c->port : s->port;
}

static bool shall_be_checked(const struct server *s)
{
	return s->check.type != CHECK_NONE && s->run.check_enabled && !(s->run.admin & SERVER_MAINT) &&
	       addr_of(s, &s->check)->family;
}

/* In maintenance, too: it is the agent who may end it. */
static bool shall_be_asked(const struct server *s)
{
	return s->agent.type != CHECK_NONE && s->run.agent_enabled && !(s->run.admin & SERVER_CMAINT) &&
	       addr_of(s, &s->agent)->family;
}

/* What is asked: 'conf', through the path of traffic where the backend wants that. The strings are those of 'conf'. */
static struct check_conf conf_in_force(const struct item *it, const struct check_conf *conf)
{
	struct check_conf c = *conf;

	if (conf == &it->server->check)
		path_choose(it->checks->st->model, it->server, &c);
	return c;
}

static void start_inquiry(struct item *it, struct inquiry *q, const struct check_conf *conf,
			  const struct check_state *state, const struct health_ops *ops, unsigned int delay_ms)
{
	const struct check_conf want = conf_in_force(it, conf);
	int rc = check_conf_copy(&q->conf, &want);

	if (!rc) {
		q->addr = *addr_of(it->server, conf);
		q->port = port_of(it->server, conf);
		q->seen = *state;
		rc = asker_join(it->checks->askers, &q->conf, &q->seen, &q->addr, q->port, delay_ms, ops, it, &q->ask);
		if (rc)
			check_conf_fini(&q->conf);
	}
	if (rc)
		log_msg(LOG_L_ERROR, "checks", "cannot check server %s: %s", it->key, strerror(-rc));
}

/* Does what runs still ask what it shall ask? */
static bool inquiry_fits(const struct item *it, const struct inquiry *q, const struct check_conf *conf)
{
	const struct check_conf want = conf_in_force(it, conf);

	return check_conf_equal(&q->conf, &want) && addr_equal(&q->addr, addr_of(it->server, conf)) &&
	       q->port == port_of(it->server, conf);
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
	it->before = announce_now(s);
	HASH_ADD_KEYPTR(hh, c->items, it->key, strlen(it->key), it);
	return it;
}

static void drop(struct checks *c, struct item *it)
{
	HASH_DEL(c->items, it);
	stop_check(it);
	stop_agent(it);
	free(it->key);
	free(it);
}

/* Brings items up to date with the model's servers and stops probes that do not fit any more. */
static void sync_items(struct checks *c)
{
	struct item *it, *next;
	struct backend *b;
	struct server *s;

	if (model_follow_tracks(c->st->model))
		state_apply_soon(c->st, 0);
	c->round++;
	TAILQ_FOREACH(b, &c->st->model->backends, next) {
		TAILQ_FOREACH(s, &b->servers, next) {
			it = find(c, s);
			if (!it)
				continue;
			it->server = s;
			it->round = c->round;
			(void)note_one(it, ANNOUNCE_COMMAND);
			it->check.seen = s->run.check;
			it->agent.seen = s->run.agent;
			if (it->check.ask && !(shall_be_checked(s) && inquiry_fits(it, &it->check, &s->check)))
				stop_check(it);
			if (it->agent.ask && !(shall_be_asked(s) && inquiry_fits(it, &it->agent, &s->agent)))
				stop_agent(it);
		}
		note_backend(b, state_now_ms());
	}
	HASH_ITER(hh, c->items, it, next)
		if (it->round != c->round)
			drop(c, it);
}

/* The delay of the 'pos'-th first probe of 'nr'. */
static unsigned int spread(const struct checks *c, unsigned int over_ms, unsigned int pos, unsigned int nr)
{
	unsigned int most = c->st->model->max_spread_checks_ms;

	if (most && over_ms > most)
		over_ms = most;
	return (unsigned int)((uint64_t)over_ms * pos / nr);
}

void checks_sync(struct checks *c)
{
	unsigned int nr = 0, shortest = UINT_MAX, pos = 0;
	struct item *it;

	sync_items(c);
	for (it = c->items; it; it = it->hh.next) {
		struct server *s = it->server;

		nr += (!it->check.ask && shall_be_checked(s)) + (!it->agent.ask && shall_be_asked(s));
		if (s->check.inter < shortest)
			shortest = s->check.inter;
	}
	if (shortest < SPREAD_MIN_MS)
		shortest = SPREAD_MIN_MS;
	for (it = c->items; it; it = it->hh.next) {
		struct server *s = it->server;

		if (!it->check.ask && shall_be_checked(s))
			start_inquiry(it, &it->check, &s->check, &s->run.check, &check_ops,
				      spread(c, shortest, pos++, nr));
		if (!it->agent.ask && shall_be_asked(s))
			start_inquiry(it, &it->agent, &s->agent, &s->run.agent, &agent_ops,
				      spread(c, shortest, pos++, nr));
	}
	statefile_touch(c->st->statefile);
}

void checks_observe(struct checks *c, struct server *s, unsigned int nr_failed, bool any_passed)
{
	struct item *it = find(c, s);
	bool hurry = false, changed = false;

	if (!it || !s->observe.on || !it->check.ask)
		return;
	for (; nr_failed; nr_failed--) {
		bool reached;

		changed |= check_observe(&s->run.check, &s->check, &s->observe, false, &reached) != CHECK_NO_CHANGE;
		hurry |= reached;
	}
	if (any_passed)
		(void)check_observe(&s->run.check, &s->check, &s->observe, true, &(bool){ false });
	it->check.seen = s->run.check;
	if (hurry)
		asker_hurry(it->check.ask, s->check.fastinter ? s->check.fastinter : s->check.inter);
	if (changed && note_server(it, ANNOUNCE_CHECK))
		state_apply_soon(c->st, 0);
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
	if (askers_new(st->health, &c->askers)) {
		free(c);
		return -ENOMEM;
	}
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
	askers_free(c->askers);
	free(c);
}
