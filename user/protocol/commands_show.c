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

static uint32_t mix(uint32_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		h = (h ^ *p++) * 16777619u;
	return h;
}

/* A number that stays with a flow as long as it lives: HAProxy shows a pointer there. FNV-1a of the client's side. */
static uint32_t flow_id(const struct runtime_flow *f)
{
	uint32_t h = 2166136261u;

	h = mix(h, &f->client.v6, f->client.family == AF_INET6 ? sizeof(f->client.v6) : sizeof(f->client.v4));
	h = mix(h, &f->client_port, sizeof(f->client_port));
	h = mix(h, &f->vip.v6, f->vip.family == AF_INET6 ? sizeof(f->vip.v6) : sizeof(f->vip.v4));
	h = mix(h, &f->vip_port, sizeof(f->vip_port));
	return mix(h, &f->proto, sizeof(f->proto));
}

static bool print_flow(void *arg, const struct runtime_flow *f)
{
	struct buf *out = arg;
	char client[ADDR_TEXT_MAX], vip[ADDR_TEXT_MAX], source[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	buf_printf(out, "0x%08x: proto=%sv%d src=%s dst=%s fe=%s be=%s srv=%s local=%s addr=%s state=%s idle=%us\n",
		   flow_id(f), f->proto == IPPROTO_UDP ? "udp" : "tcp", f->client.family == AF_INET6 ? 6 : 4,
		   addr_format_port(&f->client, f->client_port, client), addr_format_port(&f->vip, f->vip_port, vip),
		   f->frontend, f->backend, f->server_name, addr_format_port(&f->source, f->source_port, source),
		   addr_format_port(&f->server, f->server_port, server), f->state, f->idle_s);
	return !out->failed;
}

void run_show_sess(struct call *c)
{
	c->host->flows(c->arg, print_flow, c->out);
}

void run_show_version(struct call *c)
{
	call_say(c, CALL_INFO, "%s\n", XLB_VERSION);
}
