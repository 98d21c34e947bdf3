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

static void maintenance_changed(const struct server *s, const struct announce_before *before, bool up,
				unsigned int active, struct buf *out)
{
	bool maint = s->run.admin & SERVER_MAINT;

	begin(s, maint && before->up ? LOG_L_ALERT : LOG_L_NOTICE, out);
	if (!maint) {
		buf_printf(out, "is %s/%s (leaving forced maintenance)", up ? "UP" : "DOWN",
			   s->run.admin & SERVER_DRAIN ? "DRAIN" : "READY");
	} else if (!before->up) {
		buf_puts(out, "was DOWN and now enters maintenance");
	} else {
		buf_puts(out, "is going DOWN for maintenance");
		add_rest(s, true, active, out);
	}
	buf_puts(out, ".\n");
}

void announce_server(const struct server *s, const struct announce_before *before, enum announce_why why,
		     unsigned int active, struct buf *out)
{
	bool up = server_is_up(s), drain = s->run.admin & SERVER_DRAIN;
	bool maint = s->run.admin & SERVER_MAINT, was_maint = before->admin & SERVER_MAINT;

	if (maint != was_maint) {
		maintenance_changed(s, before, up, active, out);
		if (!maint && drain) {
			begin(s, LOG_L_NOTICE, out);
			buf_puts(out, "remains in forced drain mode.\n");
		}
		return;
	}
	if (maint)
		return;
	if (drain != !!(before->admin & SERVER_DRAIN)) {
		begin(s, LOG_L_NOTICE, out);
		if (drain) {
			buf_puts(out, "enters drain state");
			add_rest(s, false, active, out);
		} else {
			buf_printf(out, "is %s (leaving forced drain)", up ? "UP" : "DOWN");
		}
		buf_puts(out, ".\n");
	}
	if (up == before->up)
		return;
	begin(s, up || before->admin & SERVER_DRAIN ? LOG_L_NOTICE : LOG_L_ALERT, out);
	buf_puts(out, up ? "is UP" : "is DOWN");
	if (s->track)
		buf_printf(out, " via %s/%s", s->track->backend->name, s->track->name);
	else
		add_why(s, why, out);
	add_rest(s, !up, active, out);
	buf_puts(out, ".\n");
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
