/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Once a second: rates and maxima from the program's counters. Many times a second: a slice of the flow table.
 *
 * The program counts since the maps were made and is never asked to forget; 'clear counters all' moves a baseline here.
 * Everything is kept by number of the data plane; a number that is given to another server starts afresh, because its
 * counters in the kernel do not.
 */
#include "xlbd/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xlbd/checks.h"

enum {
	SWEEP_TICK_MS = 10,
	SWEEP_TICKS = 120, /* slices of a sweep: a little over a second */
	SWEEP_MIN_SLOTS = 1024,
	RATE_TICK_MS = 1000,
	OBSERVE_MAX = 1000, /* failures of a second that are told: more change nothing */
};

/* What is remembered of one server or service. */
struct meter {
	uint64_t identity; /* of the record when the baseline was taken */
	struct xlb_stats base;
	uint64_t last_connections; /* at the last turn of the second */
	uint64_t last_new_ms;	   /* when it last rose, 0: not since start */
	uint32_t rate, rate_max, active_max;
	uint64_t last_denied; /* at the last turn of the second */
	uint32_t conn_rate, conn_rate_max;
	uint64_t last_connect_ns, last_connect_nr; /* at the last turn of the second that measured one */
	uint32_t connect_ms, connect_ms_max;
	uint64_t last_answered, last_unanswered, last_silent; /* see watch() */
};

struct counters {
	struct state *st;
	uv_timer_t sweep_timer, rate_timer;
	unsigned int nr_handles;
	struct meter servers[XLB_MAX_SERVERS], services[XLB_MAX_SERVICES];
	uint32_t rate, rate_max;
};

/* Counters of the kernel; those it cannot read now are zero. */
static struct xlb_stats read_stats(struct counters *c, char kind, uint16_t id)
{
	struct xlb_stats s = { 0 };

	if (kind == 'S')
		(void)dp_read_server_stats(c->st->dp, id, &s);
	else
		(void)dp_read_service_stats(c->st->dp, id, &s);
	return s;
}

static uint64_t identity_of(const struct image *img, char kind, uint16_t id)
{
	if (!img)
		return 0;
	if (kind == 'S')
		return id < img->nr_servers ? img->servers[id].identity : 0;
	return id < img->nr_services ? img->services[id].identity : 0;
}

/* The meter of a number, renewed when the number has come to mean something else. */
static struct meter *meter_of(struct counters *c, char kind, uint16_t id)
{
	struct meter *m = kind == 'S' ? &c->servers[id] : &c->services[id];
	uint64_t identity = identity_of(c->st->image, kind, id);
	struct xlb_stats now;

	if (m->identity == identity)
		return m;
	/* The first owner since this daemon started goes on counting where the maps stand: they outlive daemons. */
	if (m->identity)
		m->base = read_stats(c, kind, id);
	m->identity = identity;
	now = read_stats(c, kind, id);
	m->last_connections = now.connections;
	m->last_denied = now.denied;
	m->last_connect_ns = now.connect_ns;
	m->last_connect_nr = now.connect_nr;
	m->last_answered = now.answered;
	m->last_unanswered = now.unanswered;
	m->last_silent = now.connections - now.answered - now.unanswered;
	m->last_new_ms = 0;
	m->rate = m->rate_max = m->active_max = 0;
	m->conn_rate = m->conn_rate_max = 0;
	m->connect_ms = m->connect_ms_max = 0;
	return m;
}

static uint32_t active_of(struct counters *c, char kind, uint16_t id)
{
	return kind == 'S' ? dp_active_of_server(c->st->dp, id) : dp_active_of_service(c->st->dp, id);
}

/* The program measures the connect time of a sample of new flows: the mean of those of the last second that had one. */
static void turn_connect_time(struct meter *m, const struct xlb_stats *now)
{
	uint64_t nr = now->connect_nr - m->last_connect_nr;

	if (!nr)
		return;
	m->connect_ms = (uint32_t)((now->connect_ns - m->last_connect_ns) / nr / 1000000);
	m->last_connect_ns = now->connect_ns;
	m->last_connect_nr = now->connect_nr;
	if (m->connect_ms > m->connect_ms_max)
		m->connect_ms_max = m->connect_ms;
}

/* Do the server's answers come through us, so that a missing one means something? */
static bool is_heard(const struct image *img, uint16_t id)
{
	const struct xlb_server *rec = img && id < img->nr_servers ? &img->servers[id] : NULL;

	return rec && (rec->mode == XLB_MODE_FULLNAT || rec->mode == XLB_MODE_DNAT) &&
	       rec->backend < img->nr_backends && !(img->backends[rec->backend].flags & XLB_BE_STATELESS);
}

/*
 * Tells 'observe layer4' of the last second. Failed are SYNs that a reset answered, and those that nothing has: what is
 * unanswered beyond the flows of this second is older than that, and counts once.
 */
static void watch(struct counters *c, struct server *s)
{
	uint16_t id = s->run.dp_id;
	struct meter *m = &c->servers[id];
	struct xlb_stats now;
	uint64_t open, silent, failed;

	/* The first second is counted before there are checks. */
	if (!c->st->checks || !s->observe.on || !id || !is_heard(c->st->image, id))
		return;
	now = read_stats(c, 'S', id);
	open = now.connections - now.answered - now.unanswered;
	silent = open > m->rate ? open - m->rate : 0;
	failed = now.unanswered - m->last_unanswered + (silent > m->last_silent ? silent - m->last_silent : 0);
	checks_observe(c->st->checks, s, failed < OBSERVE_MAX ? (unsigned int)failed : OBSERVE_MAX,
		       now.answered != m->last_answered);
	m->last_answered = now.answered;
	m->last_unanswered = now.unanswered;
	if (silent > m->last_silent)
		m->last_silent = silent;
}

static void turn(struct counters *c, char kind, uint16_t id)
{
	struct xlb_stats now;
	struct meter *m;
	uint32_t active;

	if (!id)
		return;
	m = meter_of(c, kind, id);
	now = read_stats(c, kind, id);
	active = active_of(c, kind, id);
	m->rate = (uint32_t)(now.connections - m->last_connections);
	if (m->rate)
		m->last_new_ms = uv_now(c->st->loop);
	m->last_connections = now.connections;
	m->conn_rate = m->rate + (uint32_t)(now.denied - m->last_denied);
	m->last_denied = now.denied;
	turn_connect_time(m, &now);
	if (m->rate > m->rate_max)
		m->rate_max = m->rate;
	if (m->conn_rate > m->conn_rate_max)
		m->conn_rate_max = m->conn_rate;
	if (active > m->active_max)
		m->active_max = active;
}

static uint64_t total_connections(struct counters *c)
{
	const struct frontend *f;
	uint64_t sum = 0;

	TAILQ_FOREACH(f, &c->st->model->frontends, next)
		if (f->dp_id)
			sum += read_stats(c, 's', f->dp_id).connections - meter_of(c, 's', f->dp_id)->base.connections;
	return sum;
}

static void on_second(uv_timer_t *timer)
{
	struct counters *c = timer->data;
	const struct frontend *f;
	const struct backend *b;
	struct server *s;

	c->rate = 0;
	TAILQ_FOREACH(f, &c->st->model->frontends, next) {
		turn(c, 's', f->dp_id);
		c->rate += f->dp_id ? c->services[f->dp_id].rate : 0;
	}
	if (c->rate > c->rate_max)
		c->rate_max = c->rate;
	TAILQ_FOREACH(b, &c->st->model->backends, next)
		TAILQ_FOREACH(s, &b->servers, next) {
			turn(c, 'S', s->run.dp_id);
			watch(c, s);
		}
}

static void on_sweep(uv_timer_t *timer)
{
	struct counters *c = timer->data;
	struct dp_usage usage;
	size_t slots;

	dp_usage(c->st->dp, &usage);
	slots = usage.slots / SWEEP_TICKS + 1;
	if (dp_sweep(c->st->dp, slots < SWEEP_MIN_SLOTS ? SWEEP_MIN_SLOTS : slots))
		state_swept(c->st);
}

int counters_start(struct state *st, struct counters **ret)
{
	struct counters *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->st = st;
	rc = uv_timer_init(st->loop, &c->sweep_timer);
	if (rc) {
		free(c);
		return rc;
	}
	c->sweep_timer.data = c;
	c->nr_handles = 1;
	*ret = c;
	rc = uv_timer_init(st->loop, &c->rate_timer);
	if (rc)
		return rc;
	c->rate_timer.data = c;
	c->nr_handles = 2;
	on_second(&c->rate_timer);
	c->rate = c->rate_max = 0;
	rc = uv_timer_start(&c->sweep_timer, on_sweep, 0, SWEEP_TICK_MS);
	return rc ? rc : uv_timer_start(&c->rate_timer, on_second, RATE_TICK_MS, RATE_TICK_MS);
}

static void on_closed(uv_handle_t *handle)
{
	struct counters *c = handle->data;

	if (!--c->nr_handles)
		free(c);
}

void counters_stop(struct counters *c)
{
	if (!c)
		return;
	if (c->nr_handles > 1)
		uv_close((uv_handle_t *)&c->rate_timer, on_closed);
	uv_close((uv_handle_t *)&c->sweep_timer, on_closed);
}

static void subtract(struct xlb_stats *s, const struct xlb_stats *base)
{
	s->packets_in -= base->packets_in;
	s->bytes_in -= base->bytes_in;
	s->packets_out -= base->packets_out;
	s->bytes_out -= base->bytes_out;
	s->connections -= base->connections;
	s->refused -= base->refused;
	s->client_resets -= base->client_resets;
	s->server_resets -= base->server_resets;
	s->answered -= base->answered;
	s->unanswered -= base->unanswered;
	s->moved -= base->moved;
	s->denied -= base->denied;
}

static void fill(struct counters *c, char kind, uint16_t id, struct runtime_counters *ret)
{
	struct runtime_counters now = { .last_new_s = UINT64_MAX };
	struct meter *m;

	*ret = now;
	if (!id)
		return;
	m = meter_of(c, kind, id);
	now.s = read_stats(c, kind, id);
	subtract(&now.s, &m->base);
	now.known = RUNTIME_KNOWS_UNANSWERED | RUNTIME_KNOWS_REDISPATCHED |
		    (now.s.connect_nr ? RUNTIME_KNOWS_CONNECT_TIME : 0);
	if (kind == 's')
		now.known |= RUNTIME_KNOWS_DENIED;
	now.denied = now.s.denied;
	now.unanswered = now.s.unanswered;
	now.redispatched = now.s.moved;
	now.connect_ms = m->connect_ms;
	now.connect_ms_max = m->connect_ms_max;
	now.active = active_of(c, kind, id);
	now.active_max = now.active > m->active_max ? now.active : m->active_max;
	now.rate = m->rate;
	now.rate_max = m->rate_max;
	now.conn_rate = m->conn_rate;
	now.conn_rate_max = m->conn_rate_max;
	if (m->last_new_ms)
		now.last_new_s = (uv_now(c->st->loop) - m->last_new_ms) / 1000;
	*ret = now;
}

void counters_server(struct counters *c, uint16_t id, struct runtime_counters *ret)
{
	fill(c, 'S', id, ret);
}

void counters_service(struct counters *c, uint16_t id, struct runtime_counters *ret)
{
	fill(c, 's', id, ret);
}

void counters_total(struct counters *c, uint64_t *ret_connections, uint32_t *ret_rate, uint32_t *ret_rate_max)
{
	*ret_connections = total_connections(c);
	*ret_rate = c->rate;
	*ret_rate_max = c->rate_max;
}

static void clear(struct counters *c, char kind, uint16_t id, bool all)
{
	struct meter *m;

	if (!id)
		return;
	m = meter_of(c, kind, id);
	m->rate_max = m->rate;
	m->conn_rate_max = m->conn_rate;
	m->active_max = active_of(c, kind, id);
	m->connect_ms_max = m->connect_ms;
	if (all)
		m->base = read_stats(c, kind, id);
}

void counters_clear(struct counters *c, bool all)
{
	const struct frontend *f;
	const struct backend *b;
	const struct server *s;

	c->rate_max = c->rate;
	TAILQ_FOREACH(f, &c->st->model->frontends, next)
		clear(c, 's', f->dp_id, all);
	TAILQ_FOREACH(b, &c->st->model->backends, next)
		TAILQ_FOREACH(s, &b->servers, next)
			clear(c, 'S', s->run.dp_id, all);
}
