/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes against real sockets on the loopback, answered by small servers on the same loop. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/check_decl.h"
#include "health/health.h"

enum { LONG_MS = 60000, GIVE_UP_MS = 30000 };

/* The owner of a probe: counts, keeps the last result, stops where a test says so. */
struct owner {
	struct health_probe *probe, *other;
	struct check_state state;
	struct check_conf conf;
	int started, finished;
	unsigned int next_ms;
	enum check_code code;
	int status;
	long duration_ms;
	char desc[128];
	enum { STOP_NEVER, STOP_IN_STARTED, STOP_IN_FINISHED } stop;
};

/* Listens, takes what comes, answers with 'answer' and closes; NULL: says nothing. */
struct web {
	uv_tcp_t listener;
	uint16_t port;
	const char *answer;
	size_t answer_len;
	bool keep_open, reset;
	int accepted;
	char request[1024];
	size_t request_len;
};

/* Handles live here, since the loop outlives the body of a test. */
struct fixture {
	uv_loop_t loop;
	struct web webs[16];
	size_t nr_webs;
	struct health *health;
	uv_timer_t watchdog;
	bool gave_up;
	struct rlimit files;
};

static void on_watchdog(uv_timer_t *timer)
{
	struct fixture *x = timer->data;

	x->gave_up = true;
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	getrlimit(RLIMIT_NOFILE, &x->files);
	uv_loop_init(&x->loop);
	assert_int_equal(health_new(&x->loop, &x->health), 0);
	uv_timer_init(&x->loop, &x->watchdog);
	x->watchdog.data = x;
	uv_timer_start(&x->watchdog, on_watchdog, GIVE_UP_MS, 0);
	*state = x;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	struct fixture *x = arg;
	bool is_connection = handle->type == UV_TCP;

	for (size_t i = 0; i < x->nr_webs; i++)
		if (handle == (uv_handle_t *)&x->webs[i].listener)
			is_connection = false;
	if (!uv_is_closing(handle))
		uv_close(handle, is_connection ? on_closed : NULL);
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	setrlimit(RLIMIT_NOFILE, &x->files); /* where a test failed half-way */
	health_free(x->health);
	uv_walk(&x->loop, close_handle, x);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0); /* no handle was forgotten */
	free(x);
	return 0;
}

static void run_until(struct fixture *x, const int *counter, int goal)
{
	while (*counter < goal && !x->gave_up)
		uv_run(&x->loop, UV_RUN_ONCE);
	assert_false(x->gave_up);
}

/* Turns that close what was given up, and would deliver what must not come. */
static void spin(struct fixture *x)
{
	for (int i = 0; i < 20; i++) {
		uv_run(&x->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static void on_started(void *arg)
{
	struct owner *o = arg;

	o->started++;
	if (o->stop == STOP_IN_STARTED)
		health_stop(o->probe);
}

static unsigned int on_finished(void *arg, const struct health_result *res)
{
	struct owner *o = arg;

	o->finished++;
	o->code = res->code;
	o->status = res->status;
	o->duration_ms = res->duration_ms;
	snprintf(o->desc, sizeof(o->desc), "%s", res->desc ? res->desc : "");
	if (o->stop == STOP_IN_FINISHED) {
		health_stop(o->probe);
		health_stop(o->other);
	}
	return o->next_ms;
}

static void describe(void *arg, char *buf, size_t cap)
{
	(void)arg;
	snprintf(buf, cap, "UP 1/3; name=b/s");
}

static const struct health_ops ops = { .describe = describe, .started = on_started, .finished = on_finished };

static struct addr loopback(void)
{
	return (struct addr){ .family = AF_INET, .v4.s_addr = htonl(INADDR_LOOPBACK) };
}

/* 'option httpchk' alone. */
static struct check_script *plain_http;

static int group_setup(void **state)
{
	static const struct check_decl http = { .option = OPTION_HTTP };

	(void)state;
	return check_script_build(&http, &plain_http);
}

static int group_teardown(void **state)
{
	(void)state;
	script_put(plain_http);
	return 0;
}

static void owner_init(struct owner *o, enum check_type type)
{
	*o = (struct owner){ .next_ms = LONG_MS };
	check_conf_init(&o->conf);
	o->conf.type = type;
	if (type == CHECK_HTTP)
		o->conf.script = plain_http; /* borrowed */
	o->conf.inter = LONG_MS;
	check_init(&o->state, &o->conf);
}

static void start(struct fixture *x, struct owner *o, uint16_t port)
{
	struct addr a = loopback();

	assert_int_equal(health_start(x->health, &o->conf, &o->state, &a, port, 0, &ops, o, &o->probe), 0);
}

/* One probe from start to result. */
static void probe_once(struct fixture *x, struct owner *o, uint16_t port)
{
	start(x, o, port);
	run_until(x, &o->finished, 1);
	health_stop(o->probe);
	assert_int_equal(o->started, 1);
}

/* A TCP socket bound to a free port of the loopback. */
static int bound_socket(uint16_t *ret_port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*ret_port = ntohs(sin.sin_port);
	return fd;
}

static void on_written(uv_write_t *req, int status)
{
	struct web *w = req->data;
	uv_stream_t *conn = req->handle;

	(void)status;
	free(req);
	if (!w->keep_open && !uv_is_closing((uv_handle_t *)conn))
		uv_close((uv_handle_t *)conn, on_closed);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct web *w = handle->data;

	(void)suggested;
	*buf = uv_buf_init(w->request + w->request_len, (unsigned int)(sizeof(w->request) - 1 - w->request_len));
}

static void on_request(uv_stream_t *conn, ssize_t nr, const uv_buf_t *buf)
{
	struct web *w = conn->data;
	uv_buf_t out = uv_buf_init((char *)w->answer, (unsigned int)w->answer_len);
	uv_write_t *req;

	(void)buf;
	if (nr < 0) {
		uv_close((uv_handle_t *)conn, on_closed);
		return;
	}
	w->request_len += (size_t)nr;
	w->request[w->request_len] = '\0';
	if (w->reset) {
		uv_tcp_close_reset((uv_tcp_t *)conn, on_closed);
		return;
	}
	if (!w->answer)
		return;
	req = calloc(1, sizeof(*req));
	req->data = w;
	uv_write(req, conn, &out, 1, on_written);
}

static void on_accept(uv_stream_t *listener, int status)
{
	struct web *w = listener->data;
	uv_tcp_t *conn = calloc(1, sizeof(*conn));

	assert_int_equal(status, 0);
	uv_tcp_init(listener->loop, conn);
	conn->data = w;
	w->accepted++;
	assert_int_equal(uv_accept(listener, (uv_stream_t *)conn), 0);
	uv_read_start((uv_stream_t *)conn, give_room, on_request);
}

static struct web *web_open(struct fixture *x, const char *answer)
{
	struct web *w = &x->webs[x->nr_webs++];
	uint16_t port;
	int fd = bound_socket(&port);

	assert_true(x->nr_webs <= sizeof(x->webs) / sizeof(x->webs[0]));
	*w = (struct web){ .port = port, .answer = answer, .answer_len = answer ? strlen(answer) : 0 };
	uv_tcp_init(&x->loop, &w->listener);
	w->listener.data = w;
	uv_tcp_open(&w->listener, fd);
	assert_int_equal(uv_listen((uv_stream_t *)&w->listener, 16, on_accept), 0);
	return w;
}

static void tcp__listening__l4ok(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = bound_socket(&port);

	owner_init(&o, CHECK_TCP);
	assert_int_equal(listen(fd, 4), 0);
	probe_once(*state, &o, port);
	assert_int_equal(o.code, CHECK_L4OK);
	assert_string_equal(o.desc, "");
	close(fd);
}

/* What the first of the connections to a listener brought, until its end. */
static void take_text(int listener, char *ret, size_t cap)
{
	int fd = accept(listener, NULL, NULL);
	size_t len = 0;
	ssize_t more;

	assert_true(fd >= 0);
	while (len + 1 < cap && (more = read(fd, ret + len, cap - 1 - len)) > 0)
		len += (size_t)more;
	ret[len] = '\0';
	close(fd);
}

static void tcp__check_send_proxy__header_with_both_ends(void **state)
{
	char seen[128] = "", want[128];
	struct owner o;
	unsigned int from = 0;
	uint16_t port;
	int fd = bound_socket(&port);

	owner_init(&o, CHECK_TCP);
	o.conf.proxy_line = true;
	assert_int_equal(listen(fd, 4), 0);
	probe_once(*state, &o, port);
	assert_int_equal(o.code, CHECK_L4OK);
	take_text(fd, seen, sizeof(seen));
	assert_int_equal(sscanf(seen, "PROXY TCP4 127.0.0.1 127.0.0.1 %u", &from), 1);
	snprintf(want, sizeof(want), "PROXY TCP4 127.0.0.1 127.0.0.1 %u %u\r\n", from, port);
	assert_string_equal(seen, want);
	close(fd);
}

static void tcp__nobody_listens__l4con_refused(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = bound_socket(&port);

	owner_init(&o, CHECK_TCP);
	probe_once(*state, &o, port);
	assert_int_equal(o.code, CHECK_L4CON);
	assert_string_equal(o.desc, "Connection refused");
	close(fd);
}

/* A listener whose queue is full does not answer SYNs. Returns a listener that no connection reaches. */
static int deaf_listener(uint16_t *ret_port, int fill[4])
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = bound_socket(ret_port);

	assert_int_equal(listen(fd, 0), 0);
	sin.sin_port = htons(*ret_port);
	for (int i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fill[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	return fd;
}

static void connect__no_answer__l4tout(void **state)
{
	int fill[4];
	uint16_t port;
	int fd = deaf_listener(&port, fill);

	for (enum check_type type = CHECK_TCP; type <= CHECK_HTTP; type++) {
		struct owner o;

		owner_init(&o, type);
		o.conf.inter = 100;
		probe_once(*state, &o, port);
		assert_int_equal(o.code, CHECK_L4TOUT);
		assert_true(o.duration_ms >= 100);
	}
	for (int i = 0; i < 4; i++)
		close(fill[i]);
	close(fd);
}

static void tcp__many_rounds__each_reported_once(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = bound_socket(&port);

	owner_init(&o, CHECK_TCP);
	o.next_ms = 1;
	assert_int_equal(listen(fd, 64), 0);
	start(*state, &o, port);
	run_until(*state, &o.finished, 50);
	assert_int_equal(o.started, o.finished);
	health_stop(o.probe);
	close(fd);
}

static void check_port_and_addr__given__used_instead(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = bound_socket(&port);
	struct addr elsewhere = { .family = AF_INET, .v4.s_addr = htonl(0xc0000201) };

	owner_init(&o, CHECK_TCP);
	o.conf.port = port;
	o.conf.addr = loopback();
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(health_start(((struct fixture *)*state)->health, &o.conf, &o.state, &elsewhere, 0, 0, &ops, &o,
				      &o.probe),
			 0);
	run_until(*state, &o.finished, 1);
	assert_int_equal(o.code, CHECK_L4OK);
	health_stop(o.probe);
	close(fd);
}

static void health_start__nothing_to_ask__refused(void **state)
{
	struct fixture *x = *state;
	struct health_probe *p = NULL;
	struct addr a = loopback(), none = { 0 };
	struct owner o;

	owner_init(&o, CHECK_TCP);
	assert_int_equal(health_start(x->health, &o.conf, &o.state, &a, 0, 0, &ops, &o, &p), -EINVAL);
	assert_int_equal(health_start(x->health, &o.conf, &o.state, &none, 80, 0, &ops, &o, &p), -EINVAL);
	o.conf.type = CHECK_NONE;
	assert_int_equal(health_start(x->health, &o.conf, &o.state, &a, 80, 0, &ops, &o, &p), -EINVAL);
	o.conf.type = CHECK_HTTP;
	assert_int_equal(health_start(x->health, &o.conf, &o.state, &a, 80, 0, &ops, &o, &p), -EINVAL);
	assert_null(p);
}

static void http__each_answer__its_code(void **state)
{
	static const struct {
		const char *answer;
		enum check_code code;
		int status;
		const char *desc;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\n\r\n", CHECK_L7OK, 200, "" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", CHECK_L7OK, 204, "" },
		{ "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", CHECK_L7OK, 302,
		  "" },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", CHECK_L7STS, 503, "Busy" },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", CHECK_L7STS, 404, "Not Found" },
		{ "HTTP/1.1 500\r\n\r\n", CHECK_L7STS, 500, "" },
		{ "HTTP/1.1 500 a\033[2Jb\r\n\r\n", CHECK_L7STS, 500, "a?[2Jb" },
		{ "hello world, this is no answer\r\n\r\n", CHECK_L7RSP, 0, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Le", CHECK_L7RSP, 0, "" },
		{ "HTTP/x.y 200 OK\r\n\r\n", CHECK_L7RSP, 0, "" },
		{ "", CHECK_L7RSP, 0, "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct owner o;
		struct web *w = web_open(*state, rows[i].answer);

		owner_init(&o, CHECK_HTTP);
		probe_once(*state, &o, w->port);
		if (o.code != rows[i].code)
			print_message("answer: %s\n", rows[i].answer);
		assert_int_equal(o.code, rows[i].code);
		assert_int_equal(o.status, rows[i].status);
		assert_string_equal(o.desc, rows[i].desc);
		assert_int_equal(w->accepted, 1); /* nothing was followed or tried again */
	}
}

static void http__each_configuration__haproxys_request(void **state)
{
	static const struct {
		const char *method, *uri, *version, *headers, *expect;
	} rows[] = {
		{ NULL, NULL, NULL, NULL, "OPTIONS / HTTP/1.0\r\n\r\n" },
		{ "GET", "/clickCount", NULL, NULL, "GET /clickCount HTTP/1.0\r\n\r\n" },
		{ "HEAD", "/a?b=c%20d#e", "HTTP/1.0", NULL, "HEAD /a?b=c%20d#e HTTP/1.0\r\n\r\n" },
		{ "OPTIONS", "*", "HTTP/1.1", NULL, "OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n" },
		{ "GET", "/x", "HTTP/1.1", "Host: example.org\n",
		  "GET /x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n" },
	};
	struct check_decl decl = { .option = OPTION_HTTP };

	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct owner o;
		struct web *w = web_open(*state, "HTTP/1.1 200 OK\r\n\r\n");

		owner_init(&o, CHECK_TCP);
		o.conf.type = CHECK_HTTP;
		decl.method = rows[i].method;
		decl.uri = rows[i].uri;
		decl.version = rows[i].version;
		decl.headers = rows[i].headers;
		assert_int_equal(check_script_build(&decl, &o.conf.script), 0);
		probe_once(*state, &o, w->port);
		assert_int_equal(o.code, CHECK_L7OK);
		assert_string_equal(w->request, rows[i].expect);
		script_put(o.conf.script);
	}
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void http__send_state__header_of_the_owners_words(void **state)
{
	struct check_decl decl = { .option = OPTION_HTTP, .send_state = true };
	struct web *w = web_open(*state, "HTTP/1.1 200 OK\r\n\r\n");
	struct owner o;

	owner_init(&o, CHECK_TCP);
	o.conf.type = CHECK_HTTP;
	assert_int_equal(check_script_build(&decl, &o.conf.script), 0);
	probe_once(*state, &o, w->port);
	assert_string_equal(w->request, "OPTIONS / HTTP/1.0\r\nx-haproxy-server-state: UP 1/3; name=b/s\r\n\r\n");
	script_put(o.conf.script);
}

static void http__refused__l4con(void **state)
{
	struct owner o;
	uint16_t port;
	int fd = bound_socket(&port);

	owner_init(&o, CHECK_HTTP);
	probe_once(*state, &o, port);
	assert_int_equal(o.code, CHECK_L4CON);
	assert_string_equal(o.desc, "Connection refused");
	close(fd);
}

static void http__connected_but_silent__l7tout(void **state)
{
	struct owner o;
	struct web *w = web_open(*state, NULL);

	owner_init(&o, CHECK_HTTP);
	o.conf.timeout_check = 50; /* connecting still has a minute */
	probe_once(*state, &o, w->port);
	assert_int_equal(o.code, CHECK_L7TOUT);
	assert_string_equal(w->request, "OPTIONS / HTTP/1.0\r\n\r\n");
}

static void http__reset_after_request__sockerr(void **state)
{
	struct owner o;
	struct web *w = web_open(*state, NULL);

	w->reset = true;
	owner_init(&o, CHECK_HTTP);
	probe_once(*state, &o, w->port);
	assert_int_equal(o.code, CHECK_SOCKERR);
}

static void http__endless_body__decided_by_the_headers(void **state)
{
	struct owner o;
	struct web *w = web_open(*state, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nmore to come");

	w->keep_open = true;
	owner_init(&o, CHECK_HTTP);
	probe_once(*state, &o, w->port);
	assert_int_equal(o.code, CHECK_L7OK);
}

static void http__headers_without_end__l7rsp(void **state)
{
	struct owner o;
	struct web *w = web_open(*state, "");
	char *answer = malloc(200001);
	size_t len = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\n");

	while (len < 200000 - 16)
		len += (size_t)sprintf(answer + len, "X-Y: 0123456\r\n");
	w->answer = answer;
	w->answer_len = len;
	w->keep_open = true;
	owner_init(&o, CHECK_HTTP);
	probe_once(*state, &o, w->port);
	assert_int_equal(o.code, CHECK_L7RSP);
	spin(*state); /* the server still writes */
	free(answer);
}

static void descriptors_used_up__sockerr_then_well_again(void **state)
{
	struct fixture *x = *state;
	struct web *w = web_open(x, "HTTP/1.0 200 OK\r\n\r\n");
	struct owner o[2];
	struct rlimit none = x->files;

	/* Sockets of the server itself need room, so a first round opens what the loop opens once. */
	for (int i = 0; i < 2; i++) {
		owner_init(&o[i], i ? CHECK_HTTP : CHECK_TCP);
		o[i].next_ms = 5;
		start(x, &o[i], w->port);
		run_until(x, &o[i].finished, 1);
	}
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	for (int i = 0; i < 2; i++) {
		run_until(x, &o[i].finished, o[i].finished + 2);
		assert_int_equal(o[i].code, CHECK_LACKING);
		assert_string_equal(o[i].desc, "Too many open files");
	}
	setrlimit(RLIMIT_NOFILE, &x->files);
	for (int i = 0; i < 2; i++) {
		run_until(x, &o[i].finished, o[i].finished + 3);
		assert_int_equal(o[i].code, i ? CHECK_L7OK : CHECK_L4OK);
		health_stop(o[i].probe);
	}
}

static void slow_check__does_not_delay_another(void **state)
{
	struct owner slow, quick;
	struct web *w = web_open(*state, NULL);
	uint16_t port;
	int fd = bound_socket(&port);

	assert_int_equal(listen(fd, 64), 0);
	owner_init(&slow, CHECK_HTTP);
	owner_init(&quick, CHECK_TCP);
	quick.next_ms = 5;
	start(*state, &slow, w->port);
	run_until(*state, &w->accepted, 1);
	start(*state, &quick, port);
	run_until(*state, &quick.finished, 20);
	assert_int_equal(slow.finished, 0);
	health_stop(slow.probe);
	health_stop(quick.probe);
	close(fd);
}

static void health_stop__in_any_phase__silence(void **state)
{
	struct fixture *x = *state;
	int fill[4];
	uint16_t deaf_port;
	int fd = deaf_listener(&deaf_port, fill);
	struct web *w = web_open(x, NULL);
	struct owner o[4];

	owner_init(&o[0], CHECK_TCP); /* before its first question */
	start(x, &o[0], deaf_port);
	health_stop(o[0].probe);
	owner_init(&o[1], CHECK_TCP); /* connecting */
	owner_init(&o[2], CHECK_HTTP);
	owner_init(&o[3], CHECK_HTTP); /* waiting for the answer */
	start(x, &o[1], deaf_port);
	start(x, &o[2], deaf_port);
	start(x, &o[3], w->port);
	run_until(x, &o[1].started, 1);
	run_until(x, &o[2].started, 1);
	run_until(x, &w->accepted, 1);
	for (int i = 1; i < 4; i++)
		health_stop(o[i].probe);
	spin(x);
	for (int i = 0; i < 4; i++)
		assert_int_equal(o[i].finished, 0);
	health_stop(NULL);
	for (int i = 0; i < 4; i++)
		close(fill[i]);
	close(fd);
}

static void health_stop__inside_callbacks__silence(void **state)
{
	struct fixture *x = *state;
	uint16_t ports[2], silent_port;
	int fd = bound_socket(&ports[0]);

	assert_int_equal(listen(fd, 16), 0);
	ports[1] = web_open(x, "HTTP/1.0 200 OK\r\n\r\n")->port;
	silent_port = web_open(x, NULL)->port;
	for (enum check_type type = CHECK_TCP; type <= CHECK_HTTP; type++) {
		struct owner a, b, other;

		owner_init(&a, type);
		a.stop = STOP_IN_STARTED;
		start(x, &a, ports[type == CHECK_HTTP]);
		run_until(x, &a.started, 1);
		owner_init(&other, CHECK_HTTP);
		start(x, &other, silent_port);
		run_until(x, &other.started, 1);
		owner_init(&b, type);
		b.stop = STOP_IN_FINISHED;
		b.next_ms = 1;
		b.other = other.probe;
		start(x, &b, ports[type == CHECK_HTTP]);
		run_until(x, &b.finished, 1);
		spin(x);
		assert_int_equal(a.finished, 0);
		assert_int_equal(b.finished, 1);
		assert_int_equal(other.finished, 0);
	}
	close(fd);
}

static void health_limit__all_slots_taken__the_next_waits_its_turn(void **state)
{
	struct fixture *x = *state;
	struct web *silent = web_open(x, NULL), *w = web_open(x, "HTTP/1.0 200 OK\r\n\r\n");
	struct owner o[5];

	health_limit(x->health, 2);
	for (int i = 0; i < 5; i++)
		owner_init(&o[i], CHECK_HTTP);
	start(x, &o[0], silent->port);
	start(x, &o[1], silent->port);
	run_until(x, &silent->accepted, 2);
	start(x, &o[2], silent->port);
	run_until(x, &o[0].started, 1);
	spin(x);
	start(x, &o[3], w->port);
	start(x, &o[4], w->port);
	spin(x);
	assert_int_equal(o[2].started + o[3].started + o[4].started, 0);
	health_stop(o[2].probe); /* out of the queue */
	health_stop(o[0].probe); /* a slot falls free, and again when o[3] has ended */
	run_until(x, &o[4].finished, 1);
	assert_int_equal(o[3].finished, 1);
	assert_int_equal(o[3].code, CHECK_L7OK);
	assert_int_equal(o[2].started, 0);
	assert_int_equal(o[1].finished, 0);
	health_stop(o[1].probe);
	health_stop(o[3].probe);
	health_stop(o[4].probe);
}

static void health_limit__of_one__many_take_turns(void **state)
{
	struct fixture *x = *state;
	struct owner o[20];
	uint16_t port;
	int fd = bound_socket(&port);

	assert_int_equal(listen(fd, 64), 0);
	health_limit(x->health, 1);
	for (int i = 0; i < 20; i++) {
		owner_init(&o[i], CHECK_TCP);
		o[i].next_ms = 1;
		start(x, &o[i], port);
	}
	for (int i = 0; i < 20; i++)
		run_until(x, &o[i].finished, 10);
	for (int i = 0; i < 20; i++)
		health_stop(o[i].probe);
	close(fd);
}

static void stall(uv_timer_t *timer)
{
	usleep(200000);
	uv_update_time(timer->loop);
}

static void deadline__answer_unread_after_a_stall__answer_counts(void **state)
{
	struct fixture *x = *state;
	struct owner o;
	uint16_t port;
	int fd = bound_socket(&port);
	uv_timer_t staller;

	assert_int_equal(listen(fd, 4), 0);
	owner_init(&o, CHECK_TCP);
	o.conf.inter = 100;
	uv_timer_init(&x->loop, &staller);
	start(x, &o, port);
	uv_timer_start(&staller, stall, 1, 0); /* due right after the probe's start, before the loop sees the socket */
	run_until(x, &o.finished, 1);
	assert_int_equal(o.code, CHECK_L4OK);
	health_stop(o.probe);
	uv_close((uv_handle_t *)&staller, NULL);
	spin(x);
	close(fd);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LOOP(tcp__listening__l4ok),
		WITH_LOOP(tcp__check_send_proxy__header_with_both_ends),
		WITH_LOOP(tcp__nobody_listens__l4con_refused),
		WITH_LOOP(connect__no_answer__l4tout),
		WITH_LOOP(tcp__many_rounds__each_reported_once),
		WITH_LOOP(check_port_and_addr__given__used_instead),
		WITH_LOOP(health_start__nothing_to_ask__refused),
		WITH_LOOP(http__each_answer__its_code),
		WITH_LOOP(http__each_configuration__haproxys_request),
		WITH_LOOP(http__send_state__header_of_the_owners_words),
		WITH_LOOP(http__refused__l4con),
		WITH_LOOP(http__connected_but_silent__l7tout),
		WITH_LOOP(http__reset_after_request__sockerr),
		WITH_LOOP(http__endless_body__decided_by_the_headers),
		WITH_LOOP(http__headers_without_end__l7rsp),
		WITH_LOOP(descriptors_used_up__sockerr_then_well_again),
		WITH_LOOP(slow_check__does_not_delay_another),
		WITH_LOOP(health_stop__in_any_phase__silence),
		WITH_LOOP(health_stop__inside_callbacks__silence),
		WITH_LOOP(health_limit__all_slots_taken__the_next_waits_its_turn),
		WITH_LOOP(health_limit__of_one__many_take_turns),
		WITH_LOOP(deadline__answer_unread_after_a_stall__answer_counts),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
