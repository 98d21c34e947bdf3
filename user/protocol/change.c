/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes of one server by an operator, whichever way they came in.
 *
 * Each changes the model, lets the daemon bring the data plane after it, and undoes its part when that fails, so that
 * what the model says is always what packets see.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"

/* Up in the sense of `show stat`: what downtime is counted by. Drain is not down. */
static bool takes_part(const struct server *s)
{
	return !(s->run.admin & SERVER_MAINT) && server_is_up(s);
}

/* Enters the time of a change that has been made; 'was' is takes_part() before it. */
static void note_change(const struct change *ch, struct server *s, bool was)
{
	uint64_t now = ch->host->now_ms(ch->arg);
	bool is = takes_part(s);

	s->run.last_change_ms = now;
	if (was && !is) {
		s->run.down_since_ms = now;
	} else if (!was && is && s->run.down_since_ms) {
		s->run.downtime_ms += now - s->run.down_since_ms;
		s->run.down_since_ms = 0;
		s->run.recovered_ms = now;
	}
}

/*
 * Brings the data plane after the model; on failure puts 'saved' back, but for the server's number in the data plane,
 * which the attempt may have given and the next one will use.
 */
static int apply_run(const struct change *ch, struct server *s, const struct server_run *saved)
{
	int err = ch->host->servers_changed(ch->arg, ch->diags);

	if (err) {
		uint16_t dp_id = s->run.dp_id;

		s->run = *saved;
		s->run.dp_id = dp_id;
	}
	return err;
}

int change_state(const struct change *ch, struct server *s, enum change_state to)
{
	struct server_run saved = s->run;
	bool was = takes_part(s);
	unsigned int admin = s->run.admin & ~(SERVER_FMAINT | SERVER_FDRAIN);
	int err;

	switch (to) {
	case CHANGE_READY:
		admin &= ~SERVER_CMAINT;
		break;
	case CHANGE_DRAIN:
		admin = (admin & ~SERVER_CMAINT) | SERVER_FDRAIN;
		break;
	case CHANGE_MAINT:
		admin |= SERVER_FMAINT;
		break;
	}
	if (admin == s->run.admin)
		return 0;
	/* As in HAProxy, a server that leaves maintenance is up until its first check says otherwise. */
	if ((s->run.admin & SERVER_MAINT) && !(admin & SERVER_MAINT) && s->check.type != CHECK_NONE)
		check_set_health(&s->run.check, &s->check, (int)s->check.rise);
	s->run.admin = admin;
	note_change(ch, s, was);
	if (s->nr_trackers)
		(void)model_follow_tracks(ch->host->model(ch->arg));
	err = apply_run(ch, s, &saved);
	if (err && s->nr_trackers)
		(void)model_follow_tracks(ch->host->model(ch->arg));
	return err;
}

int change_weight(const struct change *ch, struct server *s, unsigned int weight)
{
	struct server_run saved = s->run;

	if (weight == s->run.weight)
		return 0;
	s->run.weight = weight;
	return apply_run(ch, s, &saved);
}

int change_health(const struct change *ch, struct server *s, enum change_health to)
{
	struct server_run saved = s->run;
	bool was = takes_part(s), was_nolb = server_is_nolb(s);

	check_set_health(&s->run.check, &s->check, to == CHANGE_DOWN ? 0 : (int)(s->check.rise + s->check.fall) - 1);
	s->run.check.is_nolb = to == CHANGE_STOPPING;
	if (was != takes_part(s) || was_nolb != server_is_nolb(s))
		note_change(ch, s, was);
	return apply_run(ch, s, &saved);
}

int change_agent(const struct change *ch, struct server *s, bool up)
{
	struct server_run saved = s->run;
	bool was = takes_part(s);

	check_set_health(&s->run.agent, &s->agent, up ? (int)(s->agent.rise + s->agent.fall) - 1 : 0);
	if (was != takes_part(s))
		note_change(ch, s, was);
	return apply_run(ch, s, &saved);
}

int change_addr(const struct change *ch, struct server *s, const struct addr *addr, uint16_t port)
{
	struct addr old_addr = s->addr;
	uint16_t old_port = s->port;
	int err;

	s->addr = *addr;
	s->port = port;
	err = ch->host->servers_changed(ch->arg, ch->diags);
	if (err) {
		s->addr = old_addr;
		s->port = old_port;
		return err;
	}
	free(s->host); /* the name that the file gave does not lead there any more */
	s->host = NULL;
	return 0;
}

int change_target(const struct change *ch, struct check_conf *conf, const struct addr *addr, unsigned int port)
{
	struct addr old_addr = conf->addr;
	unsigned int old_port = conf->port;
	int err;

	if (addr->family)
		conf->addr = *addr;
	if (port)
		conf->port = port;
	err = ch->host->servers_changed(ch->arg, ch->diags);
	if (err) {
		conf->addr = old_addr;
		conf->port = old_port;
	}
	return err;
}

const char *weight_parse(const struct server *s, const char *text, unsigned int *ret_weight)
{
	char *end;
	long w;

	if (!*text)
		return "Require <weight> or <weight%>.\n";
	errno = 0;
	w = strtol(text, &end, 10); /* HAProxy's own reading: blanks and a sign are taken */
	if (end == text)
		return "Empty weight string empty or preceded by garbage";
	if (strcmp(end, "%") == 0) {
		if (w < 0)
			return "Relative weight must be positive.\n";
		if (errno || w > 100L * MODEL_WEIGHT_MAX)
			w = 100L * MODEL_WEIGHT_MAX;
		w = (long)s->weight * w / 100;
		*ret_weight = w > MODEL_WEIGHT_MAX ? MODEL_WEIGHT_MAX : (unsigned int)w;
		return NULL;
	}
	if (*end)
		return "Trailing garbage in weight string";
	if (w < 0 || w > MODEL_WEIGHT_MAX)
		return "Absolute weight can only be between 0 and 256 inclusive.\n";
	*ret_weight = (unsigned int)w;
	return NULL;
}

bool port_parse(const char *text, unsigned int *ret_port)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (*end || errno || n > 65535)
		return false;
	*ret_port = (unsigned int)n;
	return true;
}
