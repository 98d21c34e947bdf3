/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The short `show` commands; statistics, process information and server states have files of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/version.h"
#include "protocol/command.h"

static const char *const level_names[] = { "user", "operator", "admin" };

void run_show_backend(struct call *c)
{
	const struct backend *b;

	buf_puts(c->out, "# name\n");
	TAILQ_FOREACH(b, &c->model->backends, next)
		buf_printf(c->out, "%s\n", b->name);
}

void run_show_cli_level(struct call *c)
{
	call_say(c, CALL_INFO, "%s\n", level_names[c->s->level]);
}

void run_show_cli_sockets(struct call *c)
{
	struct runtime_info info = { 0 };
	const struct stats_socket *s;
	char text[ADDR_TEXT_MAX];

	c->host->info(c->arg, &info);
	buf_puts(c->out, "# socket lvl processes\n");
	if (info.control_socket)
		buf_printf(c->out, "unix@%s admin all\n", info.control_socket);
	TAILQ_FOREACH(s, &c->model->sockets, next) {
		if (s->path)
			buf_printf(c->out, "unix@%s", s->path);
		else
			buf_printf(c->out, "%s@%s", s->addr.family == AF_INET6 ? "ipv6" : "ipv4",
				   addr_format_port(&s->addr, s->port, text));
		buf_printf(c->out, " %s all\n", level_names[s->level]);
	}
}

void run_show_env(struct call *c)
{
	const char *name = c->argv[2];
	size_t len = strlen(name);
	char **e;

	for (e = environ; e && *e; e++) {
		if (len && (strncmp(*e, name, len) != 0 || (*e)[len] != '='))
			continue;
		buf_printf(c->out, "%s\n", *e);
		if (len)
			return;
	}
	if (len)
		call_say(c, CALL_ERROR, "Variable not found\n");
}

/* There are no HTTP requests here that could be malformed, so the list that HAProxy gives is always empty. */
void run_show_errors(struct call *c)
{
	const char *name = c->argv[2];
	struct timeval now;
	struct tm tm;
	char text[64];

	if (*name && !model_backend_find(c->model, name) && !model_frontend_find(c->model, name)) {
		call_say(c, CALL_ERROR, "No such proxy.\n");
		return;
	}
	gettimeofday(&now, NULL);
	localtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
	buf_printf(c->out, "Total events captured on [%s.%03d] : 0\n", text, (int)(now.tv_usec / 1000));
}

void run_show_version(struct call *c)
{
	call_say(c, CALL_INFO, "%s\n", XLB_VERSION);
}
