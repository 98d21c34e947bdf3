/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HAProxy's sentences about servers. Words, order and punctuation are an interface: do not improve them.
 *
 * Text only: who sends the lines where is decided by the caller.
 */
#include "xlbd/announce.h"

#include "base/log.h"

/* ". 1 active and 0 backup servers left." and so on: what remains of the backend. */
static void add_rest(const struct server *s, bool stopped, unsigned int active_flows, struct buf *out)
{
	unsigned int active, backup;
	const char *on_backup;

	backend_count(s->backend, &active, &backup);
	on_backup = backup && !active ? " Running on backup." : "";
	if (stopped)
		buf_printf(out,
			   ". %u active and %u backup servers left.%s %u sessions active, 0 requeued, 0 remaining in "
			   "queue",
			   active, backup, on_backup, active_flows);
	else
		buf_printf(out, ". %u active and %u backup servers online.%s 0 sessions requeued, 0 total in queue",
			   active, backup, on_backup);
}

static void add_reason(const struct check_state *st, struct buf *out)
{
	buf_printf(out, ", reason: %s", check_code_desc(st->code));
	if (check_code_has_status(st->code))
		buf_printf(out, ", code: %d", st->status);
	if (st->desc[0])
		buf_printf(out, ", info: \"%s\"", st->desc);
	if (st->duration_ms >= 0)
		buf_printf(out, ", check duration: %ldms", st->duration_ms);
}

static void add_why(const struct server *s, enum announce_why why, struct buf *out)
{
	switch (why) {
	case ANNOUNCE_COMMAND:
		buf_puts(out, ", changed from CLI");
		break;
	case ANNOUNCE_CHECK:
		add_reason(&s->run.check, out);
		break;
	case ANNOUNCE_AGENT:
		add_reason(&s->run.agent, out);
		break;
	}
}

static void begin(const struct server *s, enum log_level level, struct buf *out)
{
	buf_printf(out, "%d %sServer %s/%s ", (int)level, s->backup ? "Backup " : "", s->backend->name, s->name);
}

static void add_via(const struct server *s, struct buf *out)
{
	if (s->track)
		buf_printf(out, " via %s/%s", s->track->backend->name, s->track->name);
}

/* Nobody is alarmed when a server goes that took no new flows. */
static enum log_level level_of_loss(const struct announce_before *before)
{
	return before->is_nolb || before->admin & SERVER_DRAIN ? LOG_L_NOTICE : LOG_L_ALERT;
}

static void maintenance_begins(const struct server *s, const struct announce_before *before, unsigned int active,
			       struct buf *out)
{
	begin(s, before->up ? level_of_loss(before) : LOG_L_NOTICE, out);
	buf_puts(out, before->up ? "is going DOWN for maintenance" : "was DOWN and now enters maintenance");
	if (!(s->run.admin & SERVER_FMAINT))
		add_via(s, out);
	if (before->up)
		add_rest(s, true, active, out);
	buf_puts(out, ".\n");
}

static void maintenance_ends(const struct server *s, const struct announce_before *before, struct buf *out)
{
	begin(s, LOG_L_NOTICE, out);
	buf_printf(out, "is %s/%s (leaving %smaintenance).\n", server_is_up(s) ? "UP" : "DOWN",
		   s->run.admin & SERVER_DRAIN ? "DRAIN" : "READY",
		   before->admin & (SERVER_FMAINT | SERVER_CMAINT) ? "forced " : "");
}

/* In maintenance before and after, by another's word or its own. */
static void maintenance_goes_on(const struct server *s, const struct announce_before *before, struct buf *out)
{
	unsigned int gone = before->admin & ~s->run.admin;

	if (!(gone & (SERVER_FMAINT | SERVER_IMAINT)))
		return;
	begin(s, LOG_L_NOTICE, out);
	if (gone & SERVER_FMAINT) {
		buf_puts(out, "is leaving forced maintenance but remains in maintenance");
		add_via(s, out);
	} else {
		buf_puts(out, "remains in forced maintenance");
	}
	buf_puts(out, ".\n");
}

static void drain_changed(const struct server *s, unsigned int active, struct buf *out)
{
	begin(s, LOG_L_NOTICE, out);
	if (s->run.admin & SERVER_DRAIN) {
		buf_puts(out, "enters drain state");
		if (!(s->run.admin & SERVER_FDRAIN))
			add_via(s, out);
		add_rest(s, false, active, out);
	} else {
		buf_printf(out, "is %s (leaving forced drain)", server_is_up(s) ? "UP" : "DOWN");
	}
	buf_puts(out, ".\n");
}

/* HAProxy's reminder with every other change of a server that is drained. */
static void drain_goes_on(const struct server *s, struct buf *out)
{
	begin(s, LOG_L_NOTICE, out);
	if (s->run.admin & SERVER_FDRAIN) {
		buf_puts(out, "remains in forced drain mode");
	} else {
		buf_puts(out, "is leaving forced drain but remains in drain mode");
		add_via(s, out);
	}
	buf_puts(out, ".\n");
}

static void health_changed(const struct server *s, const struct announce_before *before, enum announce_why why,
			   unsigned int active, struct buf *out)
{
	bool up = server_is_up(s);

	begin(s, up ? LOG_L_NOTICE : level_of_loss(before), out);
	buf_puts(out, !up ? "is DOWN" : server_is_nolb(s) ? "is stopping" : "is UP");
	if (s->track)
		add_via(s, out);
	else
		add_why(s, why, out);
	add_rest(s, !up, active, out);
	buf_puts(out, ".\n");
}

struct announce_before announce_now(const struct server *s)
{
	return (struct announce_before){ server_is_up(s), server_is_nolb(s), s->run.admin };
}

void announce_server(const struct server *s, const struct announce_before *before, enum announce_why why,
		     unsigned int active, struct buf *out)
{
	struct announce_before now = announce_now(s);
	bool drain = now.admin & SERVER_DRAIN, was_drain = before->admin & SERVER_DRAIN;
	bool maint = now.admin & SERVER_MAINT, was_maint = before->admin & SERVER_MAINT;
	bool changed = now.admin != before->admin;

	if (maint && was_maint) {
		maintenance_goes_on(s, before, out);
	} else if (maint) {
		maintenance_begins(s, before, active, out);
	} else if (was_maint) {
		maintenance_ends(s, before, out);
		if (drain)
			drain_goes_on(s, out);
	} else {
		if (drain != was_drain)
			drain_changed(s, active, out);
		if (now.up != before->up || now.is_nolb != before->is_nolb) {
			health_changed(s, before, why, active, out);
			changed = true;
		}
		if (drain && was_drain && changed)
			drain_goes_on(s, out);
	}
}

void announce_result(const struct server *s, enum announce_why why, enum check_code code, int health, struct buf *out)
{
	bool agent = why == ANNOUNCE_AGENT;
	const struct check_state *st = agent ? &s->run.agent : &s->run.check;
	const struct check_conf *c = agent ? &s->agent : &s->check;
	bool up = check_is_up(st, c), passed = check_code_passes(st->code);

	if (!s->backend->log_health_checks || (st->code == code && st->health == health))
		return;
	buf_printf(out, "%d %s check for %sserver %s/%s %s%s", (int)LOG_L_NOTICE, agent ? "Agent" : "Health",
		   s->backup ? "backup " : "", s->backend->name, s->name,
		   st->code == CHECK_L7OKC ? "conditionally " : "", passed ? "succeeded" : "failed");
	add_reason(st, out);
	buf_printf(out, ", status: %d/%u %s.\n", up ? st->health - (int)c->rise + 1 : st->health,
		   up ? c->fall : c->rise,
		   !up		 ? "DOWN" :
		   s->run.weight ? "UP" :
				   "DRAIN");
}
