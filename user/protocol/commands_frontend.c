/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Commands on frontends, and the limits of frontends, servers and the process. Texts as in HAProxy 2.6.
 *
 * A limit that nothing enforces is refused with the sentence that the configuration gives for the same word: an
 * operator under attack must not believe that he has throttled it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/capability.h"
#include "protocol/command.h"

/* The frontend that word 'i' names, or NULL after having said that there is none. */
static struct frontend *call_frontend(struct call *c, unsigned int i)
{
	struct frontend *f = NULL;

	if (!c->argv[i][0]) {
		call_say(c, CALL_ERROR, "A frontend name is expected.\n");
		return NULL;
	}
	f = model_frontend_find(c->model, c->argv[i]);
	if (!f)
		call_say(c, CALL_ERROR, "No such frontend.\n");
	return f;
}

static void set_frontend(struct call *c, struct frontend *f, bool enabled)
{
	struct diag_list diags;
	int err;

	diag_init(&diags);
	err = c->host->frontend_set(c->arg, f, enabled, &diags);
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
}

static void run_frontend(struct call *c, bool enabled)
{
	struct frontend *f = call_frontend(c, 2);

	if (!f)
		return;
	if (f->stopped)
		call_say(c, CALL_NOTICE, "Frontend was previously shut down, cannot %s.\n",
			 enabled ? "enable" : "disable");
	else if (f->disabled == !enabled)
		call_say(c, CALL_NOTICE, "All sockets are already %s.\n", enabled ? "enabled" : "disabled");
	else
		set_frontend(c, f, enabled);
}

void run_enable_frontend(struct call *c)
{
	run_frontend(c, true);
}

void run_disable_frontend(struct call *c)
{
	run_frontend(c, false);
}

/* Gone until the next reload; flows that it has go on, as connections do in HAProxy. */
void run_shutdown_frontend(struct call *c)
{
	struct frontend *f = call_frontend(c, 2);

	if (!f)
		return;
	if (f->stopped) {
		call_say(c, CALL_NOTICE, "Frontend was already shut down.\n");
		return;
	}
	if (!f->disabled)
		set_frontend(c, f, false);
	f->stopped = f->disabled;
	if (f->stopped)
		c->host->log(c->arg, "frontend %s is shut down by command", f->name);
}

/* Is the limit enforced? Else says so. 'value' 0 lifts it, which is always true of a limit that there is not. */
static bool is_enforced(struct call *c, enum capability what, unsigned int value)
{
	if (!value || capabilities[what].state == CAN_IN_FORCE)
		return true;
	call_say(c, CALL_ERROR, "%s is not available in this version: %s.\n", capabilities[what].what,
		 capabilities[what].hint);
	return false;
}

/* Enters the limit and brings the data plane after it. */
static void set_limit(struct call *c, unsigned int *limit, unsigned int value)
{
	unsigned int saved = *limit;
	struct diag_list diags;
	int err;

	diag_init(&diags);
	*limit = value;
	err = c->host->servers_changed(c->arg, &diags);
	if (err) {
		*limit = saved;
		call_say_diags(c, &diags, err);
	}
	diag_fini(&diags);
}

void run_set_maxconn_frontend(struct call *c)
{
	struct frontend *f = call_frontend(c, 3);
	long value;

	if (!f)
		return;
	if (!c->argv[4][0]) {
		call_say(c, CALL_ERROR, "Integer value expected.\n");
		return;
	}
	value = atol(c->argv[4]); /* HAProxy's own reading: a word is 0, which lifts the limit */
	if (value < 0 || value > INT32_MAX)
		call_say(c, CALL_ERROR, "Value out of range.\n");
	else if (is_enforced(c, CAN_FRONTEND_MAXCONN, (unsigned int)value))
		set_limit(c, &f->maxconn, (unsigned int)value);
}

/* Reads what HAProxy's command reads, and refuses what it lets pass: a negative limit. */
void run_set_maxconn_server(struct call *c)
{
	struct server *s = call_server(c, 3, "\n");
	const char *word = c->argv[4];
	char *end;
	long value;

	if (!s)
		return;
	if (!*word) {
		call_say(c, CALL_WARNING, "Require <maxconn>.\n");
		return;
	}
	errno = 0;
	value = strtol(word, &end, 10);
	if (end == word)
		call_say(c, CALL_WARNING, "maxconn string empty or preceded by garbage");
	else if (*end)
		call_say(c, CALL_WARNING, "Trailing garbage in maxconn string");
	else if (errno || value < 0 || value > INT32_MAX)
		call_say(c, CALL_WARNING, "Value out of range.\n");
	else if (is_enforced(c, CAN_SERVER_MAXCONN, (unsigned int)value))
		set_limit(c, &s->maxconn, (unsigned int)value);
}

/* What the process can hold is the size of the flow table, which is made once. */
void run_set_maxconn_global(struct call *c)
{
	struct runtime_info info = { 0 };
	long value;

	if (!c->argv[3][0]) {
		call_say(c, CALL_ERROR, "Expects an integer value.\n");
		return;
	}
	c->host->info(c->arg, &info);
	value = atol(c->argv[3]);
	if (value > 0 && (uint64_t)value > info.flows_capacity)
		call_say(c, CALL_ERROR, "Value out of range.\n");
	else if (value > 0)
		call_say(c, CALL_ERROR,
			 "The flow table has room for %llu flows and keeps its size while xlbd runs; limit frontends, "
			 "or change '#@xlb flows'.\n",
			 (unsigned long long)info.flows_capacity);
	else
		c->model->maxconn = 0;
}

static const struct {
	const char *word;
	bool counts_flows; /* the others limit what does not exist here, so that any limit holds */
} rates[] = { { "connections", true }, { "sessions", true }, { "ssl-sessions", false }, { "http-compression", false } };

void run_set_rate_limit(struct call *c)
{
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		if (strcmp(c->argv[2], rates[i].word) == 0 && strcmp(c->argv[3], "global") == 0)
			break;
	if (i == sizeof(rates) / sizeof(rates[0]))
		call_say(c, CALL_ERROR,
			 "'set rate-limit' only supports :\n"
			 "   - 'connections global' to set the per-process maximum connection rate\n"
			 "   - 'sessions global' to set the per-process maximum session rate\n"
			 "   - 'ssl-sessions global' to set the per-process maximum SSL session rate\n"
			 "   - 'http-compression global' to set the per-process maximum compression speed in kB/s\n");
	else if (!c->argv[4][0])
		call_say(c, CALL_ERROR, "Expects an integer value.\n");
	else if (rates[i].counts_flows && atol(c->argv[4]) > 0)
		call_say(c, CALL_ERROR,
			 "There is no limit over all frontends; use 'rate-limit sessions' in a frontend.\n");
}
