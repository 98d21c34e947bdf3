/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'option httpchk' and 'http-check' by libcurl: one transfer for each request of the script, judged by the rules behind
 * it. What is sent is HAProxy's, byte for byte: the request line, the configured headers, and 'Connection: close' for
 * HTTP/1.1; nothing that libcurl would add.
 *
 * A transfer ends as soon as the rules have all they look at, so that the size of a page costs nothing and a server
 * cannot keep a check busy with an endless body. Headers beyond HEADERS_MAX are no answer; of a body no more is looked
 * at than HAProxy's buffer takes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "health/curl_loop.h"
#include "health/probe.h"
#include "model/http_answer.h"

enum {
	HEADERS_MAX = 16384,
	STATE_MAX = 1024, /* of a server, in a header of a request */
};

struct http_question {
	struct curl_transfer transfer; /* first: what libcurl hands back */
	struct health_probe *probe;
	const struct check_script *script;
	size_t at;			    /* the request under way */
	const struct rule_connect *connect; /* how it is sent, or NULL */
	struct sockaddr_storage to;
	struct tls_target target;
	struct curl_slist *headers, *route;
	bool is_open; /* the connection stands */
	/* The answer. */
	int status;
	bool in_headers; /* the status line is in */
	bool complete;	 /* the headers of a final answer are in */
	bool is_judged;	 /* 'result' holds, or all rules have passed */
	bool is_refused;
	size_t header_bytes; /* in all, of interim answers too */
	char reason[64];
	struct buf head, body;
	struct script_result result;
};

static bool start(struct http_question *q);

static void transfer_end(struct http_question *q)
{
	curl_easy_cleanup(q->transfer.easy);
	curl_slist_free_all(q->headers);
	curl_slist_free_all(q->route);
	buf_fini(&q->head);
	buf_fini(&q->body);
	q->transfer.easy = NULL;
	q->headers = q->route = NULL;
}

static void question_free(struct http_question *q)
{
	if (!q)
		return;
	transfer_end(q);
	free(q);
}

static void abandon(struct health_probe *p)
{
	struct http_question *q = p->question;

	p->question = NULL;
	if (q->transfer.easy)
		curl_loop_del(p->health->curl, &q->transfer);
	question_free(q);
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

static bool is_expectation(const struct http_question *q, size_t i)
{
	return i < q->script->nr && q->script->rules[i].action == RULE_EXPECT;
}

/* 404 says that the server is about to leave, if it was there. */
static bool is_leaving(const struct http_question *q)
{
	const struct health_probe *p = q->probe;

	return q->script->nolb_on_404 && q->status == 404 && check_is_up(p->state, &p->conf);
}

/* Tries the rules behind the request. True: it is clear what becomes of this answer. */
static bool judge(struct http_question *q, bool is_all)
{
	struct http_answer a = { .status = q->status, .reason = q->reason, .is_all = is_all };
	size_t i;

	a.headers = q->head.data ? q->head.data : "";
	a.headers_len = q->head.len;
	a.body = q->body.data ? q->body.data : "";
	a.body_len = q->body.len;
	if (is_leaving(q)) {
		q->result = (struct script_result){ .code = CHECK_L7OKC, .status = q->status };
		q->is_judged = q->is_refused = true;
		return true;
	}
	for (i = q->at + 1; is_expectation(q, i); i++) {
		switch (http_judge(&q->script->rules[i], &a, &q->result)) {
		case ANSWER_PASSES:
			break;
		case ANSWER_INCOMPLETE:
			return false;
		case ANSWER_FAILS:
			q->is_judged = q->is_refused = true;
			return true;
		}
	}
	http_passed(&q->script->rules[i - 1], &a, &q->result);
	q->is_judged = true;
	return true;
}

static size_t on_header(char *line, size_t size, size_t nr, void *arg)
{
	struct http_question *q = arg;
	size_t len = size * nr;

	q->header_bytes += len;
	if (q->header_bytes > HEADERS_MAX)
		return 0;
	if (!q->in_headers) {
		if (!http_status_line(line, len, &q->status, q->reason, sizeof(q->reason)))
			return 0;
		q->in_headers = true;
		return len;
	}
	if (line[0] != '\r' && line[0] != '\n') {
		buf_add(&q->head, line, len);
		return q->head.failed ? 0 : len;
	}
	if (q->status < 200) { /* 100 Continue and its like: the answer follows */
		q->in_headers = false;
		buf_fini(&q->head);
		return len;
	}
	q->complete = true;
	return judge(q, false) ? 0 : len; /* 0 ends the transfer */
}

static size_t on_body(char *data, size_t size, size_t nr, void *arg)
{
	struct http_question *q = arg;
	size_t len = size * nr, room = SCRIPT_INPUT_MAX - q->body.len;

	buf_add(&q->body, data, len < room ? len : room);
	if (q->body.failed || judge(q, q->body.len == SCRIPT_INPUT_MAX))
		return 0;
	return len;
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void finish(struct http_question *q, const struct script_result *res)
{
	struct health_probe *p = q->probe;

	p->question = NULL;
	probe_done(p, res->code, res->status, res->desc[0] ? res->desc : NULL);
	question_free(q);
}

static void finish_broken(struct http_question *q, enum check_code code, const char *words)
{
	struct script_result res = { .code = code };

	snprintf(res.desc, sizeof(res.desc), "%s", words ? words : "");
	finish(q, &res);
}

/* What went wrong before the connection stood. */
static void finish_connect(struct http_question *q, CURLcode result)
{
	enum script_layer layer;
	const char *words;
	int err;

	if (q->target.err || result == CURLE_OUT_OF_MEMORY) {
		finish_broken(q, CHECK_LACKING, strerror(q->target.err ? q->target.err : ENOMEM));
		return;
	}
	words = tls_failure(q->transfer.easy, result, &q->target, &layer, &err);
	finish_broken(q, layer == LAYER_TLS ? CHECK_L6RSP : err ? probe_connect_code(err) : CHECK_L4CON, words);
}

/* The connection broke off, or brought what is no answer. */
static void finish_unfit(struct http_question *q, CURLcode result)
{
	long err = 0;

	curl_easy_getinfo(q->transfer.easy, CURLINFO_OS_ERRNO, &err);
	if (result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR)
		finish_broken(q, CHECK_SOCKERR, strerror(err ? (int)err : ECONNRESET));
	else
		finish_broken(q, CHECK_L7RSP, NULL);
}

/* Goes on to the next request. */
static void next_request(struct http_question *q)
{
	struct script_result last = q->result;

	transfer_end(q);
	while (is_expectation(q, ++q->at))
		;
	if (q->at >= q->script->nr)
		finish(q, &last);
	else if (!start(q))
		finish_broken(q, CHECK_LACKING, strerror(ENOMEM));
}

static void on_done(struct curl_transfer *t, CURLcode result)
{
	struct http_question *q = (struct http_question *)t;

	if (!q->is_open && !q->complete) {
		finish_connect(q, result);
		return;
	}
	if (q->complete && !q->is_judged)
		(void)judge(q, true);
	if (q->is_refused)
		finish(q, &q->result);
	else if (q->is_judged)
		next_request(q);
	else
		finish_unfit(q, result);
}

static void late(struct health_probe *p, struct script_result *ret)
{
	struct http_question *q = p->question;
	const struct check_rule *rule = &q->script->rules[q->at + 1];

	*ret = (struct script_result){ .code = CHECK_L7TOUT };
	if (q->is_open) {
		if (is_expectation(q, q->at + 1) && rule->expect.late)
			ret->code = rule->expect.late;
		return;
	}
	ret->code = tls_layer(&q->target) == LAYER_TLS ? CHECK_L6TOUT : CHECK_L4TOUT;
}

/* --- the request ------------------------------------------------------------------------------------------------- */

static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct http_question *q = arg;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	q->is_open = true;
	probe_connected(q->probe);
	return CURL_PREREQFUNC_OK;
}

static bool add_header(struct http_question *q, const char *line)
{
	struct curl_slist *list = curl_slist_append(q->headers, line);

	if (list)
		q->headers = list;
	return list;
}

/* The configured ones, a line each; false: out of memory. */
static bool add_own_headers(struct http_question *q, const char *lines)
{
	bool ok = true;

	while (ok && lines && *lines) {
		size_t len = strcspn(lines, "\n");
		char *line = strndup(lines, len);

		ok = line && add_header(q, line);
		free(line);
		lines += len + (lines[len] == '\n');
	}
	return ok;
}

static bool has_header(const char *lines, const char *name)
{
	size_t len = strlen(name);

	while (lines && *lines) {
		if (!strncasecmp(lines, name, len) && lines[len] == ':')
			return true;
		lines += strcspn(lines, "\n");
		lines += *lines == '\n';
	}
	return false;
}

/* What the balancer thinks of the server, as HAProxy writes it. */
static bool add_state(struct http_question *q)
{
	const struct health_probe *p = q->probe;
	char line[STATE_MAX] = "x-haproxy-server-state: ";
	size_t len = strlen(line);

	if (p->ops->describe)
		p->ops->describe(p->arg, line + len, sizeof(line) - len);
	return add_header(q, line);
}

/* A header without value is one that libcurl must not send. */
static bool add_headers(struct http_question *q, const struct rule_request *r, bool is_11)
{
	static const char *const unwanted[] = { "Host:", "User-Agent:", "Accept:", "Content-Type:", "Expect:" };

	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%.*s", (int)strlen(unwanted[i]) - 1, unwanted[i]);
		if (!has_header(r->headers, name) && !add_header(q, unwanted[i]))
			return false;
	}
	if (q->script->send_state && !add_state(q))
		return false;
	return add_own_headers(q, r->headers) && (!is_11 || add_header(q, "Connection: close"));
}

static void set_callbacks(struct http_question *q)
{
	CURL *e = q->transfer.easy;

	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, q);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, q);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, q);
}

/* Nothing of the server's wishes may lead the request elsewhere. */
static void set_request(struct http_question *q, const struct rule_request *r, bool is_11)
{
	const char *method = r->method ? r->method : "OPTIONS";
	CURL *e = q->transfer.easy;

	curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, r->uri ? r->uri : "/");
	if (!strcmp(method, "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
	if (r->body) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(r->body));
	}
	if (!q->target.alpn)
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
				 is_11 ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_1_0);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, q->headers);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
}

/* The rule of connecting in front of the request, or NULL. */
static const struct rule_connect *connect_of(const struct check_script *s, size_t request)
{
	return request && s->rules[request - 1].action == RULE_CONNECT ? &s->rules[request - 1].connect : NULL;
}

/* Starts the request at 'at' or the first behind it. */
static bool start(struct http_question *q)
{
	const struct health_probe *p = q->probe;
	const struct rule_request *r;
	bool is_11;

	while (q->at + 1 < q->script->nr && q->script->rules[q->at].action != RULE_REQUEST)
		q->at++;
	r = &q->script->rules[q->at].request;
	is_11 = r->version && !strcmp(r->version, "HTTP/1.1");
	q->connect = connect_of(q->script, q->at);
	q->is_open = q->in_headers = q->complete = q->is_judged = false;
	q->header_bytes = 0;
	probe_address(p, q->connect, &q->to);
	probe_target(p, q->connect, &q->to, &q->target);
	q->transfer.done = on_done;
	q->transfer.easy = curl_easy_init();
	if (!q->transfer.easy || !add_headers(q, r, is_11))
		return false;
	set_request(q, r, is_11);
	set_callbacks(q);
	probe_connecting(q->probe);
	if (!tls_aim(q->transfer.easy, &q->target, &q->route) && !curl_loop_add(p->health->curl, &q->transfer))
		return true;
	transfer_end(q);
	return false;
}

static bool begin(struct health_probe *p, struct health_result *ret)
{
	struct http_question *q = calloc(1, sizeof(*q));

	if (q) {
		q->probe = p;
		q->script = p->conf.script;
		if (start(q)) {
			p->question = q;
			return true;
		}
	}
	question_free(q);
	*ret = (struct health_result){ .code = CHECK_LACKING, .desc = strerror(ENOMEM) };
	return false;
}

const struct probe_method probe_http = { .begin = begin, .abandon = abandon, .late = late };
