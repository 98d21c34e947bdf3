/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'option httpchk' by libcurl. The request is HAProxy's, byte for byte: the request line, Host if one is configured,
 * and 'Connection: close' for HTTP/1.1; nothing that libcurl would add.
 *
 * The status line and the end of the headers decide. The transfer is ended there, so that the size of a page costs
 * nothing and a server cannot keep a check busy with an endless body; headers beyond HEADERS_MAX are no answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "health/curl_loop.h"
#include "health/probe.h"

enum { HEADERS_MAX = 16384 };

struct http_question {
	struct curl_transfer transfer;
	struct health_probe *probe;
	struct curl_slist *headers;
	int socket_err;	   /* positive errno if no socket could be made */
	size_t header_len; /* received so far */
	bool in_headers;   /* the status line is in */
	bool complete;	   /* the headers of a final answer are in */
	char reason[64];   /* of the status line */
};

static void question_free(struct http_question *q)
{
	if (!q)
		return;
	curl_easy_cleanup(q->transfer.easy);
	curl_slist_free_all(q->headers);
	free(q);
}

static void abandon(struct health_probe *p)
{
	struct http_question *q = p->question;

	p->question = NULL;
	curl_loop_del(p->health->curl, &q->transfer);
	question_free(q);
}

static long status_of(const struct http_question *q)
{
	long status = 0;

	curl_easy_getinfo(q->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* "HTTP/1.0 200": libcurl is more lenient than HAProxy. */
static bool is_status_line(const char *line, size_t len)
{
	static const char shape[] = "HTTP/0.0 000";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (i >= len || (shape[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != shape[i]))
			return false;
	return true;
}

/* What follows the number of a status line, made printable. */
static void take_reason(struct http_question *q, const char *line, size_t len)
{
	size_t start = sizeof("HTTP/0.0 000") - 1, out = 0;

	start += start < len && line[start] == ' ';
	for (; start < len && line[start] != '\r' && line[start] != '\n' && out < sizeof(q->reason) - 1; start++)
		q->reason[out++] = line[start] >= ' ' && line[start] < 0x7f ? line[start] : '?';
	q->reason[out] = '\0';
}

static size_t on_header(char *line, size_t size, size_t nr, void *arg)
{
	struct http_question *q = arg;
	size_t len = size * nr;

	q->header_len += len;
	if (q->header_len > HEADERS_MAX)
		return 0;
	if (!q->in_headers && !is_status_line(line, len))
		return 0;
	if (!q->in_headers)
		take_reason(q, line, len);
	q->in_headers = true;
	if (line[0] != '\r' && line[0] != '\n')
		return len;
	if (status_of(q) < 200) { /* 100 Continue and its like: the answer follows */
		q->in_headers = false;
		return len;
	}
	q->complete = true;
	return 0; /* ends the transfer */
}

static size_t on_body(char *data, size_t size, size_t nr, void *arg)
{
	(void)data;
	(void)size;
	(void)nr;
	(void)arg;
	return 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_question *q = arg;
	int fd = probe_socket(address->family);

	(void)purpose;
	if (fd >= 0)
		return fd;
	q->socket_err = -fd;
	return CURL_SOCKET_BAD;
}

static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct http_question *q = arg;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	probe_connected(q->probe);
	return CURL_PREREQFUNC_OK;
}

/* What went wrong before the connection stood. */
static void report_connect(struct health_probe *p, const struct http_question *q, CURLcode result)
{
	long err = q->socket_err;

	if (!err)
		curl_easy_getinfo(q->transfer.easy, CURLINFO_OS_ERRNO, &err);
	if (q->socket_err || result == CURLE_OUT_OF_MEMORY)
		probe_done(p, CHECK_SOCKERR, 0, strerror(err ? (int)err : ENOMEM));
	else if (err)
		probe_done(p, probe_connect_code((int)err), 0, strerror((int)err));
	else
		probe_done(p, CHECK_L4CON, 0, curl_easy_strerror(result));
}

static void on_done(struct curl_transfer *t, CURLcode result)
{
	struct http_question *q = (struct http_question *)t;
	struct health_probe *p = q->probe;
	int status = (int)status_of(q);

	p->question = NULL;
	if (q->complete && status >= 200 && status < 400)
		probe_done(p, CHECK_L7OK, status, NULL);
	else if (q->complete)
		probe_done(p, CHECK_L7STS, status, q->reason[0] ? q->reason : NULL);
	else if (p->phase == PROBE_CONNECTED)
		probe_done(p, CHECK_L7RSP, 0, NULL);
	else
		report_connect(p, q, result);
	question_free(q);
}

static bool add_header(struct http_question *q, const char *name, const char *value)
{
	struct curl_slist *list;
	char line[512];

	if (snprintf(line, sizeof(line), "%s:%s%s", name, value ? " " : "", value ? value : "") >= (int)sizeof(line))
		return false;
	list = curl_slist_append(q->headers, line);
	if (list)
		q->headers = list;
	return list;
}

/* A header without value is one that libcurl must not send. */
static bool add_headers(struct http_question *q, const struct check_conf *c, bool is_11)
{
	return add_header(q, "Host", c->http_host) && add_header(q, "User-Agent", NULL) &&
	       add_header(q, "Accept", NULL) && (!is_11 || add_header(q, "Connection", "close"));
}

static void format_url(const struct health_probe *p, char *buf, size_t cap)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&p->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&p->to;
	struct addr a = { .family = p->to.ss_family };
	char text[ADDR_TEXT_MAX];
	uint16_t port;

	if (a.family == AF_INET) {
		a.v4 = v4->sin_addr;
		port = ntohs(v4->sin_port);
	} else {
		a.v6 = v6->sin6_addr;
		port = ntohs(v6->sin6_port);
	}
	snprintf(buf, cap, "http://%s/", addr_format_port(&a, port, text));
}

static void set_callbacks(struct http_question *q)
{
	CURL *e = q->transfer.easy;

	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, q);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, q);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, q);
}

/* Nothing of the environment, of earlier checks or of the server's wishes may lead the request elsewhere. */
static void set_options(struct http_question *q, const struct health_probe *p, bool is_11)
{
	const struct check_conf *c = &p->conf;
	const char *method = c->http_method ? c->http_method : "OPTIONS";
	CURL *e = q->transfer.easy;
	char url[ADDR_TEXT_MAX + 16];

	format_url(p, url, sizeof(url));
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, c->http_uri ? c->http_uri : "/");
	if (!strcmp(method, "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, is_11 ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_1_0);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, q->headers);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_TRANSFER_DECODING, 0L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
}

static bool begin(struct health_probe *p, struct health_result *ret)
{
	bool is_11 = p->conf.http_version && !strcmp(p->conf.http_version, "HTTP/1.1");
	struct http_question *q = calloc(1, sizeof(*q));

	if (!q)
		goto out;
	q->probe = p;
	q->transfer.done = on_done;
	q->transfer.easy = curl_easy_init();
	if (!q->transfer.easy || !add_headers(q, &p->conf, is_11))
		goto out;
	set_options(q, p, is_11);
	set_callbacks(q);
	if (curl_loop_add(p->health->curl, &q->transfer))
		goto out;
	p->question = q;
	return true;
out:
	question_free(q);
	*ret = (struct health_result){ .code = CHECK_SOCKERR, .desc = strerror(ENOMEM) };
	return false;
}

const struct probe_method probe_http = { .begin = begin, .abandon = abandon };
