/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks that talk: a script of model/script_run.c on streams. This file connects, sends and receives as the script
 * wants, and ends the question when it is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "health/probe.h"
#include "health/stream.h"
#include "model/script_run.h"

struct script_question {
	struct health_probe *probe;
	struct script_run run;
	struct stream *stream;
	struct sockaddr_storage to; /* of the connection under way */
	size_t sent;
};

static void advance(struct script_question *q);

static void abandon(struct health_probe *p)
{
	struct script_question *q = p->question;

	p->question = NULL;
	stream_close(q->stream);
	script_end(&q->run);
	free(q);
}

static void finish(struct script_question *q, const struct script_result *res)
{
	struct health_probe *p = q->probe;

	p->question = NULL;
	stream_close(q->stream);
	if (p->conf.type == CHECK_AGENT && res->code == CHECK_L7OK)
		probe_answered(p, q->run.in, q->run.in_len);
	else
		probe_done(p, res->code, res->status, res->desc[0] ? res->desc : NULL);
	script_end(&q->run);
	free(q);
}

static void break_off(struct script_question *q, enum script_layer layer, int err, const char *words)
{
	struct script_result res;

	script_broken(&q->run, layer, words, &res);
	if (layer == LAYER_CONNECT && err && probe_connect_code(err) == CHECK_LACKING)
		res.code = CHECK_LACKING;
	finish(q, &res);
}

static void late(struct health_probe *p, struct script_result *ret)
{
	struct script_question *q = p->question;

	script_late(&q->run, q->stream ? stream_layer(q->stream) : LAYER_CONNECT, ret);
}

static void on_opened(void *arg)
{
	struct script_question *q = arg;

	probe_connected(q->probe);
	script_passed(&q->run);
	advance(q);
}

static void on_failed(void *arg, enum script_layer layer, int err, const char *words)
{
	break_off(arg, layer, err, words);
}

static void on_ready(void *arg)
{
	advance(arg);
}

static const struct stream_ops stream_ops = { .opened = on_opened, .failed = on_failed, .ready = on_ready };

/* Nothing is expected after a connection that is the last word of a script. */
static bool is_last(const struct script_run *r)
{
	return r->at + (r->is_implicit ? 0 : 1) >= r->script->nr;
}

/* A connection that does not come about at once ends the question. */
static void connect_next(struct script_question *q)
{
	const struct check_rule *rule = script_rule(&q->run);
	const struct health_probe *p = q->probe;
	struct tls_target target;
	int err;

	probe_address(p, rule ? &rule->connect : NULL, &q->to);
	probe_target(p, rule ? &rule->connect : NULL, &q->to, &target);
	q->run.is_tls = target.tls;
	stream_close(q->stream);
	q->stream = NULL;
	q->sent = 0;
	probe_connecting(q->probe);
	err = stream_open(p->health->ready, p->health->curl, &target, rule && rule->connect.linger, is_last(&q->run),
			  &stream_ops, q, &q->stream);
	if (err)
		break_off(q, LAYER_CONNECT, -err, strerror(-err));
}

/* 1: all is sent; 0: the rest must wait; -errno. */
static int send_more(struct script_question *q)
{
	const struct check_rule *rule = script_rule(&q->run);
	ssize_t len;

	while (q->sent < rule->data_len) {
		len = stream_write(q->stream, rule->data + q->sent, rule->data_len - q->sent);
		if (len == -EAGAIN)
			return stream_watch(q->stream, true);
		if (len < 0)
			return (int)len;
		q->sent += (size_t)len;
	}
	q->sent = 0;
	return 1;
}

/* 1: something came; 0: nothing yet; -errno. */
static int receive_more(struct script_question *q)
{
	char buf[4096];
	ssize_t len = stream_read(q->stream, buf, sizeof(buf));

	if (len == -EAGAIN)
		return stream_watch(q->stream, false);
	if (len < 0 && !q->run.in_len)
		return (int)len;
	if (len < 0) /* a reset behind an answer ends it as well as a FIN does */
		len = 0;
	return script_input(&q->run, buf, (size_t)len) ? -ENOMEM : 1;
}

/* Goes on until the script is done or must wait. */
static void advance(struct script_question *q)
{
	struct script_result res;
	int more = 1;

	while (more > 0) {
		switch (script_next(&q->run, &res)) {
		case SCRIPT_CONNECT:
			connect_next(q);
			return;
		case SCRIPT_SEND:
			more = send_more(q);
			if (more > 0)
				script_passed(&q->run);
			break;
		case SCRIPT_RECEIVE:
			more = receive_more(q);
			break;
		case SCRIPT_DONE:
			finish(q, &res);
			return;
		}
	}
	if (more < 0)
		break_off(q, LAYER_DATA, -more, strerror(-more));
}

/* A check of TLS alone has no rules of its own. */
static const struct check_script nothing_to_say = { .refs = 1, .is_protocol = true };

static bool begin(struct health_probe *p, struct health_result *ret)
{
	struct script_question *q = calloc(1, sizeof(*q));

	if (!q) {
		*ret = (struct health_result){ .code = CHECK_LACKING, .desc = strerror(ENOMEM) };
		return false;
	}
	q->probe = p;
	script_begin(&q->run, p->conf.script ? p->conf.script : &nothing_to_say);
	p->question = q;
	advance(q);
	return true;
}

const struct probe_method probe_script = { .begin = begin, .abandon = abandon, .late = late };
