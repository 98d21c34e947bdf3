/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows as HAProxy's commands call them: sessions. Listed in pieces, because there may be millions.
 *
 * HAProxy's line shows the inside of a proxy; here a flow is one line of key=value with HAProxy's names where the thing
 * is the same. The number in front, which HAProxy's clients hand back to end a session, is made from the client's side
 * of the flow: it stays as long as the flow does, and whoever takes its place in the table has another.
 */
#include <stdlib.h>

#include "protocol/command.h"

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		h = (h ^ *p++) * 1099511628211u;
	return h;
}

static uint64_t mix_addr(uint64_t h, const struct addr *a, uint16_t port)
{
	if (a->family == AF_INET6)
		h = mix(h, &a->v6, sizeof(a->v6));
	else
		h = mix(h, &a->v4, sizeof(a->v4));
	return mix(h, &port, sizeof(port));
}

/* FNV-1a in 64 bits, so that of a million flows no two share a number but by a miracle; never 0. */
static uint64_t flow_id(const struct runtime_flow *f)
{
	uint64_t h = 14695981039346656037u;

	h = mix_addr(h, &f->client, f->client_port);
	h = mix_addr(h, &f->vip, f->vip_port);
	h = mix(h, &f->proto, sizeof(f->proto));
	return h ? h : 1;
}

/* A list under way, or with 'only' the search for one flow. */
struct sess_job {
	struct runtime_job job;
	uint64_t cursor, only;
	bool found;
	struct buf *out; /* of the step that runs */
};

static void put_flow(struct buf *out, const struct runtime_flow *f)
{
	char client[ADDR_TEXT_MAX], vip[ADDR_TEXT_MAX], source[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	buf_printf(out, "0x%016llx: proto=%sv%d src=%s dst=%s fe=%s be=%s srv=%s local=%s addr=%s state=%s idle=%us\n",
		   (unsigned long long)flow_id(f), f->proto == IPPROTO_UDP ? "udp" : "tcp",
		   f->client.family == AF_INET6 ? 6 : 4, addr_format_port(&f->client, f->client_port, client),
		   addr_format_port(&f->vip, f->vip_port, vip), f->frontend, f->backend, f->server_name,
		   addr_format_port(&f->source, f->source_port, source),
		   addr_format_port(&f->server, f->server_port, server), f->state, f->idle_s);
}

static bool print_flow(void *arg, const struct runtime_flow *f)
{
	struct sess_job *j = arg;

	if (j->only && flow_id(f) != j->only)
		return true;
	put_flow(j->out, f);
	j->found = true;
	return j->out->len < RUNTIME_PIECE && !j->out->failed;
}

static bool sess_step(struct call *c, struct runtime_job *job)
{
	struct sess_job *j = (struct sess_job *)job;

	j->out = c->out;
	if (!(j->only && j->found) && c->host->flows(c->arg, &j->cursor, print_flow, j))
		return !c->out->failed;
	if (j->only && !j->found)
		call_say(c, CALL_ERROR, "Session not found.\n");
	return false;
}

static void sess_end(struct runtime_job *job)
{
	free(job);
}

/* As in HAProxy a word that is no number means all of them. */
void run_show_sess(struct call *c)
{
	struct sess_job *j = calloc(1, sizeof(*j));

	if (j) {
		j->job = (struct runtime_job){ .step = sess_step, .end = sess_end };
		j->only = strtoull(c->argv[2], NULL, 0);
	}
	call_start(c, j ? &j->job : NULL);
}

static bool has_id(void *arg, const struct runtime_flow *f)
{
	return flow_id(f) == *(const uint64_t *)arg;
}

void run_shutdown_session(struct call *c)
{
	uint64_t id = strtoull(c->argv[2], NULL, 0);

	if (!id)
		call_say(c, CALL_ERROR, "Session pointer expected (use 'show sess').\n");
	else if (!c->host->kill_matching(c->arg, has_id, &id))
		call_say(c, CALL_ERROR, "No such session (use 'show sess').\n");
}

void run_shutdown_sessions_server(struct call *c)
{
	struct server *s = call_server(c, 3, "\n");

	if (s)
		c->host->kill_flows(c->arg, s);
}
