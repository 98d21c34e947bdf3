/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libmicrohttpd on libuv: its epoll descriptor is watched, its timeout is a timer, and it runs only when one of them
 * says so. No threads. What is sent comes from page.c, metrics.c and stat_csv().
 *
 * A page that shows every server to everyone is a target: requests are read with little memory, connections are few and
 * end by themselves, and only GET and HEAD are answered.
 */
#include "http/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "http/listener.h"
#include "http/page.h"

enum {
	MAX_CONNECTIONS = 64,
	MAX_PER_ADDRESS = 32, /* so that one client cannot keep all others out */
	IDLE_S = 15,
	REQUEST_MEMORY = 16384, /* bytes per connection: request line and headers */
};

/* Owned copy of struct http_conf. */
struct words {
	char *uri, *realm, *auth;
	unsigned int refresh_s;
	bool metrics;
};

struct http {
	uv_loop_t *loop;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned int nr_open; /* handles not closed yet */
	struct listener *listener;
	struct words words;
	const struct runtime_host *host;
	void *arg;
};

static void words_fini(struct words *w)
{
	free(w->uri);
	free(w->realm);
	free(w->auth);
	*w = (struct words){ 0 };
}

static int words_copy(struct words *ret, const struct http_conf *conf)
{
	struct words w = { .refresh_s = conf->refresh_s, .metrics = conf->metrics };

	w.uri = conf->uri ? strdup(conf->uri) : NULL;
	w.realm = strdup(conf->realm ? conf->realm : "HAProxy Statistics");
	w.auth = conf->auth ? strdup(conf->auth) : NULL;
	if ((conf->uri && !w.uri) || !w.realm || (conf->auth && !w.auth)) {
		words_fini(&w);
		return -ENOMEM;
	}
	*ret = w;
	return 0;
}

/* Compares in a time that tells nothing about where the first difference lies. */
static bool secrets_equal(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	unsigned char diff = a_len != b_len;

	for (size_t i = 0; i < a_len; i++)
		diff |= (unsigned char)(a[i] ^ (b_len ? b[i % b_len] : 1));
	return !diff;
}

static bool is_allowed(const struct http *h, struct MHD_Connection *conn)
{
	char *user, *password = NULL, given[512];
	bool ok = false;

	if (!h->words.auth)
		return true;
	user = MHD_basic_auth_get_username_password(conn, &password);
	if (user && password && snprintf(given, sizeof(given), "%s:%s", user, password) < (int)sizeof(given))
		ok = secrets_equal(given, h->words.auth);
	MHD_free(user);
	MHD_free(password);
	return ok;
}

static void set_headers(struct MHD_Response *r, const char *type)
{
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-cache");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
}

static enum MHD_Result send_text(struct MHD_Connection *conn, unsigned int status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	set_headers(r, "text/plain");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	ret = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result ask_password(const struct http *h, struct MHD_Connection *conn)
{
	static const char text[] = "This page asks for a name and a password.\n";
	struct MHD_Response *r =
		MHD_create_response_from_buffer(sizeof(text) - 1, (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	set_headers(r, "text/plain");
	ret = MHD_queue_basic_auth_fail_response(conn, h->words.realm, r);
	MHD_destroy_response(r);
	return ret;
}

/* Takes over the contents of 'b'. 'refresh_s' 0: none. */
static enum MHD_Result send_buf(struct MHD_Connection *conn, struct buf *b, const char *type, unsigned int refresh_s)
{
	struct MHD_Response *r;
	enum MHD_Result ret;
	char seconds[16];

	if (b->failed || !b->data) {
		buf_fini(b);
		return send_text(conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory.\n");
	}
	r = MHD_create_response_from_buffer(b->len, b->data, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		buf_fini(b);
		return MHD_NO;
	}
	set_headers(r, type);
	if (refresh_s) {
		snprintf(seconds, sizeof(seconds), "%u", refresh_s);
		MHD_add_response_header(r, "Refresh", seconds);
	}
	ret = MHD_queue_response(conn, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result send_page(struct http *h, struct MHD_Connection *conn, const char *suffix)
{
	struct page_view view = {
		.uri = h->words.uri,
		.refresh_s = h->words.refresh_s,
		.norefresh = strstr(suffix, ";norefresh"),
		.only_up = strstr(suffix, ";up"),
		.no_maint = strstr(suffix, ";no-maint"),
		.metrics = h->words.metrics,
	};
	struct buf out = { 0 };

	if (strstr(suffix, ";csv")) {
		stat_csv(h->host, h->arg, &out);
		return send_buf(conn, &out, "text/plain", 0);
	}
	page_format(h->host, h->arg, &view, &out);
	return send_buf(conn, &out, "text/html; charset=utf-8", view.norefresh ? 0 : view.refresh_s);
}

/* What follows the page's own address in 'uri', or NULL if this is another. */
static const char *suffix_of(const struct http *h, const char *uri)
{
	size_t len = h->words.uri ? strlen(h->words.uri) : 0;

	if (!len || strncmp(uri, h->words.uri, len) != 0)
		return NULL;
	return !uri[len] || strchr(";?&", uri[len]) ? uri + len : NULL;
}

static bool is_metrics(const struct http *h, const char *uri)
{
	static const char path[] = "/metrics";

	if (!h->words.metrics || strncmp(uri, path, sizeof(path) - 1) != 0)
		return false;
	return !uri[sizeof(path) - 1] || uri[sizeof(path) - 1] == '?';
}

/* One request: the address as it came, since libmicrohttpd cuts its own at the question mark. */
struct request {
	bool seen;
	char uri[];
};

/*
 * libmicrohttpd calls this with the headers, then with each part of a body, which nobody wants, then for the answer:
 * one that came earlier would cost the client its connection.
 */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_len, void **request)
{
	struct request *req = *request;
	struct http *h = arg;
	struct buf out = { 0 };
	const char *uri, *suffix;

	(void)url;
	(void)version;
	(void)upload;
	if (!req)
		return MHD_NO; /* no memory was left for it */
	if (!req->seen || *upload_len) {
		req->seen = true;
		*upload_len = 0;
		return MHD_YES;
	}
	uri = req->uri;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_text(conn, MHD_HTTP_METHOD_NOT_ALLOWED, "This page can only be read.\n");
	if (!is_allowed(h, conn))
		return ask_password(h, conn);
	if (is_metrics(h, uri)) {
		metrics_format(h->host, h->arg, &out);
		return send_buf(conn, &out, "text/plain; version=0.0.4", 0);
	}
	suffix = suffix_of(h, uri);
	if (suffix)
		return send_page(h, conn, suffix);
	return send_text(conn, MHD_HTTP_NOT_FOUND, "There is nothing here.\n");
}

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *conn)
{
	size_t len = strlen(uri) + 1;
	struct request *req = malloc(sizeof(*req) + len);

	(void)arg;
	(void)conn;
	if (!req)
		return NULL;
	req->seen = false;
	memcpy(req->uri, uri, len);
	return req;
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **request, enum MHD_RequestTerminationCode why)
{
	(void)arg;
	(void)conn;
	(void)why;
	free(*request);
	*request = NULL;
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		uv_timer_start(&h->timer, on_timer, ms ? ms : 1, 0);
	else
		uv_timer_stop(&h->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

/* libmicrohttpd closes 'fd' itself when it has connections enough. */
static void on_connection(void *arg, int fd, const struct sockaddr *from, socklen_t from_len)
{
	struct http *h = arg;

	(void)MHD_add_connection(h->daemon, fd, from, from_len);
	run(h);
}

static struct MHD_Daemon *start_daemon(struct http *h)
{
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, NULL },
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT, MAX_PER_ADDRESS, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_MEMORY, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, h,
				MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static int watch_daemon(struct http *h)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int err = info ? uv_poll_init(h->loop, &h->poll, info->epoll_fd) : -EIO;

	if (err)
		return err;
	uv_timer_init(h->loop, &h->timer);
	h->nr_open = 2;
	h->poll.data = h->timer.data = h;
	return uv_poll_start(&h->poll, UV_READABLE, on_ready);
}

int http_open(uv_loop_t *loop, const struct addr *addr, uint16_t port, const struct http_conf *conf,
	      const struct runtime_host *host, void *arg, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->host = host;
	h->arg = arg;
	err = words_copy(&h->words, conf);
	if (err)
		goto out;
	h->daemon = start_daemon(h);
	err = h->daemon ? watch_daemon(h) : -ENOMEM;
	if (err)
		goto out;
	err = listener_open(loop, addr, port, on_connection, h, &h->listener);
	if (err)
		goto out;
	*ret = h;
	return 0;
out:
	http_close(h);
	return err;
}

int http_set(struct http *h, const struct http_conf *conf)
{
	struct words w;
	int err = words_copy(&w, conf);

	if (err)
		return err;
	words_fini(&h->words);
	h->words = w;
	return 0;
}

uint16_t http_port(const struct http *h)
{
	return listener_port(h->listener);
}

static void on_closed(uv_handle_t *handle)
{
	struct http *h = handle->data;

	if (!--h->nr_open)
		free(h);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	listener_close(h->listener);
	words_fini(&h->words);
	if (h->nr_open)
		uv_poll_stop(&h->poll); /* before its descriptor goes */
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	if (!h->nr_open) {
		free(h);
		return;
	}
	uv_close((uv_handle_t *)&h->poll, on_closed);
	uv_close((uv_handle_t *)&h->timer, on_closed);
}
