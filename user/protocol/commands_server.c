/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Commands that change servers, frontends and counters, but for `set server`. Texts as in HAProxy 2.6. */
#include <errno.h>
#include <string.h>

#include "protocol/command.h"

void run_get_weight(struct call *c)
{
	const struct server *s = call_server(c, 2, "\n");

	if (s)
		buf_printf(c->out, "%u (initial %u)\n", s->run.weight, s->weight);
}

void run_set_weight(struct call *c)
{
	struct server *s = call_server(c, 2, "\n");
	struct diag_list diags;
	struct change ch = { c->host, c->arg, &diags };
	unsigned int weight;
	const char *error;
	int err;

	if (!s)
		return;
	error = weight_parse(s, c->argv[3], &weight);
	if (error) {
		call_say(c, CALL_ERROR, "%s", error);
		return;
	}
	diag_init(&diags);
	err = change_weight(&ch, s, weight);
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
}

/* What `enable server` and `disable server` are: words of `set server ... state`. */
static void run_state(struct call *c, enum change_state to)
{
	struct server *s = call_server(c, 2, "\n");
	struct diag_list diags;
	struct change ch = { c->host, c->arg, &diags };
	int err;

	if (!s)
		return;
	diag_init(&diags);
	err = change_state(&ch, s, to);
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
}

/* Ends drain as well as maintenance, as in HAProxy. */
void run_enable_server(struct call *c)
{
	run_state(c, CHANGE_READY);
}

void run_disable_server(struct call *c)
{
	run_state(c, CHANGE_MAINT);
}

/* Without a configured check there is nothing to disable, which is fine, and nothing to enable, which is not. */
static void run_check(struct call *c, bool enabled)
{
	struct server *s = call_server(c, 2, "\n");
	struct diag_list diags;
	int err;

	if (!s)
		return;
	if (s->check.type == CHECK_NONE) {
		if (enabled)
			call_say(c, CALL_ERROR, "Health check was not configured on this server, cannot enable.\n");
		return;
	}
	diag_init(&diags);
	err = c->host->check_set(c->arg, s, enabled, &diags);
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
}

void run_enable_health(struct call *c)
{
	run_check(c, true);
}

void run_disable_health(struct call *c)
{
	run_check(c, false);
}

/* As for checks. */
static void run_agent(struct call *c, bool enabled)
{
	struct server *s = call_server(c, 2, "\n");
	struct diag_list diags;
	bool saved;
	int err;

	if (!s)
		return;
	if (s->agent.type == CHECK_NONE) {
		if (enabled)
			call_say(c, CALL_ERROR, "Agent was not configured on this server, cannot enable.\n");
		return;
	}
	diag_init(&diags);
	saved = s->run.agent_enabled;
	s->run.agent_enabled = enabled;
	err = c->host->servers_changed(c->arg, &diags);
	if (err) {
		s->run.agent_enabled = saved;
		call_say_diags(c, &diags, err);
	}
	diag_fini(&diags);
}

void run_enable_agent(struct call *c)
{
	run_agent(c, true);
}

void run_disable_agent(struct call *c)
{
	run_agent(c, false);
}

/*
 * The words after the name are those of a 'server' line; the daemon hands them to the configuration's keyword table.
 * Some texts end without a newline, as they do in HAProxy.
 */
void run_add_server(struct call *c)
{
	const char *path = c->argv[2], *slash = strchr(path, '/');
	struct diag_list diags;
	char name[MODEL_NAME_MAX];
	struct backend *b;
	int err;

	if (!slash || !slash[1]) {
		call_say(c, CALL_ERROR, "Require 'backend/server'.");
		return;
	}
	b = NULL;
	if ((size_t)(slash - path) < sizeof(name)) {
		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = '\0';
		b = backend_by_name(c->model, name);
	}
	if (!b) {
		call_say(c, CALL_ERROR, "No such backend.");
		return;
	}
	if (model_server_find(b, slash + 1)) {
		call_say(c, CALL_ERROR, "Already exists a server with the same name in backend.\n");
		return;
	}
	if (c->argc < 4) {
		call_say(c, CALL_ERROR, "'server' expects <name> and <addr>[:<port>] as arguments.\n");
		return;
	}
	diag_init(&diags);
	err = c->host->server_add(c->arg, b, slash + 1, c->argv + 3, c->argc - 3, &diags);
	if (err)
		call_say_diags(c, &diags, err);
	else
		call_say(c, CALL_INFO, "New server registered.\n");
	diag_fini(&diags);
}

void run_del_server(struct call *c)
{
	struct server *s = call_server(c, 2, "");
	struct diag_list diags;
	int err;

	if (!s)
		return;
	if (!(s->run.admin & SERVER_MAINT)) {
		call_say(c, CALL_ERROR, "Only servers in maintenance mode can be deleted.");
		return;
	}
	if (s->nr_trackers) {
		call_say(
			c, CALL_ERROR,
			"This server cannot be removed at runtime due to other configuration elements pointing to it.");
		return;
	}
	diag_init(&diags);
	err = c->host->server_del(c->arg, s, &diags);
	if (err == -EBUSY && !diags.nr[DIAG_ERROR])
		call_say(c, CALL_ERROR, "Server still has connections attached to it, cannot remove it.");
	else if (err)
		call_say_diags(c, &diags, err);
	else
		call_say(c, CALL_INFO, "Server deleted.");
	diag_fini(&diags);
}

/* Maxima may be cleared by an operator, everything only by an administrator. */
void run_clear_counters(struct call *c)
{
	bool all = strcmp(c->argv[2], "all") == 0;

	if (all && c->s->level < ACCESS_ADMIN)
		call_say(c, CALL_ERROR, "Permission denied\n");
	else
		c->host->clear_counters(c->arg, all);
}
