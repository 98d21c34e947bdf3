/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run-time state of servers and what follows from it: who is usable, in which words, and for how long flows may idle.
 *
 * Health lives in struct check_state (check.c), the operator's word in run.admin and run.weight. Nothing here acts:
 * the daemon asks backend_eligible() after every change and hands the answer to the data plane.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xlb/flow.h>

#include "model/model.h"

enum {
	HALF_OPEN_MS = 30 * 1000,
	ESTABLISHED_MS = 7440 * 1000,
	UDP_MS = 300 * 1000,
	CLOSING_MS = 60 * 1000,
	CLOSING_MIN_MS = 10 * 1000,
	CLOSING_MAX_MS = 120 * 1000,
	CLOSED_MS = 10 * 1000,
};

void server_run_init(struct server *s, uint64_t now_ms)
{
	s->run = (struct server_run){
		.admin = s->disabled ? SERVER_CMAINT : 0,
		.weight = s->weight,
		.check_enabled = s->check.type != CHECK_NONE,
		.agent_enabled = s->agent.type != CHECK_NONE,
		.last_change_ms = now_ms,
		.source = s->run.source,
		.dp_id = s->run.dp_id,
	};
	s->addr_configured = s->addr;
	s->port_configured = s->port;
	s->configured.check = (struct check_target){ s->check.addr, s->check.port };
	s->configured.agent = (struct check_target){ s->agent.addr, s->agent.port };
	s->configured.maxconn = s->maxconn;
	check_init(&s->run.check, &s->check);
	check_init(&s->run.agent, &s->agent);
	if (!server_is_up(s)) /* 'init-state' */
		s->run.down_since_ms = now_ms ? now_ms : 1;
}

/* Another address or port than the file's, by command, holds as long as the file says what it said then. */
static void inherit_address(struct server *s, const struct server *old)
{
	bool changed = !addr_equal(&old->addr, &old->addr_configured) || old->port != old->port_configured;

	if (!changed || !addr_equal(&s->addr, &old->addr_configured) || s->port != old->port_configured)
		return;
	s->addr = old->addr;
	s->port = old->port;
	free(s->host); /* the name that the file gives does not lead there */
	s->host = NULL;
}

/* The same of where a check or an agent is asked. */
static void inherit_target(struct check_conf *c, const struct check_target *is, const struct check_conf *old,
			   const struct check_target *was)
{
	if (!addr_equal(&is->addr, &was->addr) || is->port != was->port)
		return;
	c->addr = old->addr;
	c->port = old->port;
}

/* What was learnt about 'old' holds for 's' only if both checks speak to the same place in the same way. */
static bool checks_same_thing(const struct server *s, const struct server *old)
{
	const struct check_conf *a = &s->check, *b = &old->check;

	return a->type == b->type && addr_equal(&s->addr, &old->addr) && s->port == old->port &&
	       addr_equal(&a->addr, &b->addr) && a->port == b->port;
}

/* Health in the range of the new rise and fall, on the same side of up and down. */
static int rescale_health(const struct server *s, const struct server *old)
{
	const struct check_state *st = &old->run.check;
	bool at_top = st->health == (int)(old->check.rise + old->check.fall) - 1;

	if (at_top)
		return (int)(s->check.rise + s->check.fall) - 1;
	if (check_is_up(st, &old->check))
		return (int)s->check.rise;
	return 0;
}

static void inherit_server(struct server *s, const struct server *old, uint64_t now_ms)
{
	server_run_init(s, now_ms);
	inherit_address(s, old);
	inherit_target(&s->check, &s->configured.check, &old->check, &old->configured.check);
	inherit_target(&s->agent, &s->configured.agent, &old->agent, &old->configured.agent);
	if (s->maxconn == old->configured.maxconn)
		s->maxconn = old->maxconn;
	s->run.dp_id = old->run.dp_id;
	s->run.source = old->run.source;
	s->run.admin = old->run.admin;
	if (s->disabled != old->disabled) {
		s->run.admin &= ~(unsigned int)SERVER_CMAINT;
		s->run.admin |= s->disabled ? SERVER_CMAINT : 0;
	}
	if (s->weight == old->weight)
		s->run.weight = old->run.weight;
	if (s->agent.type == old->agent.type && addr_equal(&s->addr, &old->addr)) {
		s->run.agent = old->run.agent;
		s->run.agent_enabled = old->run.agent_enabled;
	}
	if (!checks_same_thing(s, old))
		return;
	s->run.check = old->run.check;
	if (s->check.rise != old->check.rise || s->check.fall != old->check.fall)
		s->run.check.health = rescale_health(s, old);
	s->run.check_enabled = old->run.check_enabled;
	s->run.last_change_ms = old->run.last_change_ms;
	s->run.down_since_ms = old->run.down_since_ms;
	s->run.downtime_ms = old->run.downtime_ms;
	s->run.recovered_ms = old->run.recovered_ms;
}

static void inherit_backend(struct backend *b, const struct backend *old, uint64_t now_ms)
{
	struct server *s;

	b->last_change_ms = old ? old->last_change_ms : now_ms;
	if (old) {
		b->down_since_ms = old->down_since_ms;
		b->downtime_ms = old->downtime_ms;
		b->downs = old->downs;
		b->dp_id = old->dp_id;
	}
	TAILQ_FOREACH(s, &b->servers, next) {
		const struct server *old_server = old ? model_server_find(old, s->name) : NULL;

		if (old_server)
			inherit_server(s, old_server, now_ms);
		else
			server_run_init(s, now_ms);
	}
}

void model_inherit_run(struct model *new_model, const struct model *old, uint64_t now_ms)
{
	struct backend *b;
	struct frontend *f;

	TAILQ_FOREACH(b, &new_model->backends, next)
		inherit_backend(b, old ? model_backend_find(old, b->name) : NULL, now_ms);
	TAILQ_FOREACH(f, &new_model->frontends, next) {
		const struct frontend *old_frontend = old ? model_frontend_find(old, f->name) : NULL;

		f->disabled_configured = f->disabled;
		f->maxconn_configured = f->maxconn;
		if (!old_frontend)
			continue;
		f->dp_id = old_frontend->dp_id;
		if (f->disabled == old_frontend->disabled_configured && !old_frontend->stopped)
			f->disabled = old_frontend->disabled;
		if (f->maxconn == old_frontend->maxconn_configured)
			f->maxconn = old_frontend->maxconn;
	}
}

/* The server whose health counts: at the end of the chain of 'track'. The parser lets no chain be a ring. */
static const struct server *root_of(const struct server *s)
{
	while (s->track)
		s = s->track;
	return s;
}

static bool agent_says_down(const struct server *s)
{
	return s->run.agent_enabled && s->run.agent.health <= 0;
}

bool server_is_up(const struct server *s)
{
	s = root_of(s);
	return check_is_up(&s->run.check, &s->check) && !agent_says_down(s);
}

bool model_follow_tracks(struct model *m)
{
	const unsigned int inherited = SERVER_IMAINT | SERVER_IDRAIN;
	bool changed = false;
	struct backend *b;
	struct server *s;

	TAILQ_FOREACH(b, &m->backends, next) {
		TAILQ_FOREACH(s, &b->servers, next) {
			unsigned int from = s->track ? root_of(s)->run.admin : 0;
			unsigned int admin = s->run.admin & ~inherited;

			admin |= from & SERVER_MAINT ? SERVER_IMAINT : from & SERVER_DRAIN ? SERVER_IDRAIN : 0;
			changed = changed || admin != s->run.admin;
			s->run.admin = admin;
		}
	}
	return changed;
}

bool server_is_nolb(const struct server *s)
{
	return root_of(s)->run.check.is_nolb && server_is_up(s);
}

bool server_is_usable(const struct server *s)
{
	return server_is_up(s) && !server_is_nolb(s) && !(s->run.admin & (SERVER_MAINT | SERVER_DRAIN)) &&
	       s->run.weight;
}

static const char *word_of(const struct server *s, const struct server *root)
{
	if (s->run.admin & SERVER_DRAIN)
		return "DRAIN";
	return root->run.check.is_nolb ? "NOLB" : "UP";
}

unsigned int server_ramp(const struct server *s, uint64_t now_ms)
{
	uint64_t since;

	if (!s->slowstart_ms || !s->run.recovered_ms || now_ms < s->run.recovered_ms)
		return SERVER_RAMP_FULL;
	since = now_ms - s->run.recovered_ms;
	if (since >= s->slowstart_ms)
		return SERVER_RAMP_FULL;
	return 1 + (unsigned int)(since * (SERVER_RAMP_FULL - 1) / s->slowstart_ms);
}

bool backend_ramps(const struct backend *b, uint64_t now_ms)
{
	const struct server *s;

	TAILQ_FOREACH(s, &b->servers, next)
		if (server_ramp(s, now_ms) < SERVER_RAMP_FULL && server_is_usable(s))
			return true;
	return false;
}

const char *server_status(const struct server *s, char *buf)
{
	const struct server *root = root_of(s);
	const struct check_state *st = &root->run.check;
	int rise = (int)root->check.rise, fall = (int)root->check.fall;
	bool checked = root->run.check_enabled, by_agent = root->run.agent_enabled;

	if (s->run.admin & SERVER_IMAINT)
		snprintf(buf, SERVER_STATUS_MAX, "MAINT (via %s/%s)", s->track->backend->name, s->track->name);
	else if (s->run.admin & SERVER_MAINT)
		snprintf(buf, SERVER_STATUS_MAX, "MAINT");
	else if (!server_is_up(s) && agent_says_down(root))
		snprintf(buf, SERVER_STATUS_MAX, "DOWN (agent)");
	else if (!server_is_up(s) && checked && st->health > 0)
		snprintf(buf, SERVER_STATUS_MAX, "DOWN %d/%d", st->health, rise);
	else if (!server_is_up(s))
		snprintf(buf, SERVER_STATUS_MAX, "DOWN");
	else if (s->run.admin & SERVER_DRAIN && by_agent)
		snprintf(buf, SERVER_STATUS_MAX, "DRAIN (agent)");
	else if (checked && st->health < rise + fall - 1)
		snprintf(buf, SERVER_STATUS_MAX, "%s %d/%d", word_of(s, root), st->health - rise + 1, fall);
	else if (checked || s->run.admin & SERVER_DRAIN || st->is_nolb)
		snprintf(buf, SERVER_STATUS_MAX, "%s", word_of(s, root));
	else
		snprintf(buf, SERVER_STATUS_MAX, "no check");
	return buf;
}

void backend_count(const struct backend *b, unsigned int *ret_active, unsigned int *ret_backup)
{
	unsigned int active = 0, backup = 0;
	const struct server *s;

	TAILQ_FOREACH(s, &b->servers, next) {
		if (!server_is_usable(s))
			continue;
		if (s->backup)
			backup++;
		else
			active++;
	}
	*ret_active = active;
	*ret_backup = backup;
}

unsigned int backend_eligible(const struct backend *b, struct server **out, unsigned int cap)
{
	unsigned int active, backup, nr = 0;
	struct server *s;

	backend_count(b, &active, &backup);
	TAILQ_FOREACH(s, &b->servers, next) {
		if (!server_is_usable(s) || s->backup != !active)
			continue;
		if (nr < cap)
			out[nr] = s;
		nr++;
		if (!active && !b->allbackups)
			break;
	}
	return nr;
}

static unsigned int max_of(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

static unsigned int given_or(unsigned int given, unsigned int otherwise)
{
	return given ? given : otherwise;
}

unsigned int model_flow_timeout(const struct frontend *f, const struct backend *b, int state)
{
	static const struct timeouts none;
	const struct timeouts *ft = f ? &f->timeouts : &none, *bt = b ? &b->timeouts : &none;
	unsigned int idle = max_of(ft->client, bt->server), fin = max_of(ft->client_fin, bt->server_fin);

	switch ((enum xlb_flow_state)state) {
	case XLB_S_HALF_OPEN:
		return given_or(bt->connect, HALF_OPEN_MS);
	case XLB_S_ESTABLISHED:
		return given_or(given_or(bt->tunnel, ft->tunnel), given_or(idle, ESTABLISHED_MS));
	case XLB_S_UDP:
		return given_or(idle, UDP_MS);
	case XLB_S_CLOSING:
		fin = given_or(fin, CLOSING_MS);
		return fin < CLOSING_MIN_MS ? CLOSING_MIN_MS : fin > CLOSING_MAX_MS ? CLOSING_MAX_MS : fin;
	case XLB_S_CLOSED:
		return CLOSED_MS;
	case XLB_NR_STATES:
		break;
	}
	return ESTABLISHED_MS;
}
