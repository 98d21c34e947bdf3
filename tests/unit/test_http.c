/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stats page and the metrics: their text from a made-up daemon, and the server over the loopback. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "http/http.h"
#include "http/page.h"

enum { NOW_MS = 100000000, GIVE_UP_MS = 30000 };

struct fixture {
	struct model *m;
	struct server *up, *down, *maint, *backup, *odd;
	struct runtime_info info;
	uv_loop_t loop;
	struct http *http;
};

static struct model *host_model(void *arg)
{
	return ((struct fixture *)arg)->m;
}

static uint64_t host_now(void *arg)
{
	(void)arg;
	return NOW_MS;
}

static void host_info(void *arg, struct runtime_info *ret)
{
	*ret = ((struct fixture *)arg)->info;
}

/* Numbers that tell where they came from: thousands by row, the rest by column. */
static void fill(struct runtime_counters *n, uint64_t base)
{
	*n = (struct runtime_counters){
		.s = { .packets_in = base + 1,
		       .bytes_in = base + 2,
		       .packets_out = base + 3,
		       .bytes_out = base + 4,
		       .connections = base + 5,
		       .refused = base + 6,
		       .client_resets = base + 7,
		       .server_resets = base + 8 },
		.active = (uint32_t)base + 10,
		.active_max = (uint32_t)base + 11,
		.rate = (uint32_t)base + 12,
		.rate_max = (uint32_t)base + 13,
		.last_new_s = 3,
	};
}

static void host_frontend(void *arg, const struct frontend *f, struct runtime_counters *ret)
{
	(void)arg;
	fill(ret, 1000 * f->id);
}

static void host_backend(void *arg, const struct backend *b, struct runtime_counters *ret)
{
	(void)arg;
	fill(ret, 10000 * b->id);
}

static void host_server(void *arg, const struct server *s, struct runtime_counters *ret)
{
	(void)arg;
	fill(ret, 1000000 * s->id);
	if (!strcmp(s->name, "backup"))
		ret->last_new_s = UINT64_MAX;
}

static void host_reasons(void *arg, uint64_t ret[XLB_R_MAX])
{
	(void)arg;
	ret[XLB_R_REQUEST] = 4711;
	ret[XLB_R_TABLE_FULL] = 3;
}

static const struct runtime_host host = {
	.model = host_model,
	.now_ms = host_now,
	.info = host_info,
	.frontend_counters = host_frontend,
	.backend_counters = host_backend,
	.server_counters = host_server,
	.reasons = host_reasons,
};

static struct server *add_server(struct backend *b, const char *name, int health)
{
	struct server *s = model_server_add(b, name);

	s->addr.family = AF_INET;
	s->addr.v4.s_addr = htonl(0x0a000000 + s->id);
	s->port = 80;
	s->check.type = CHECK_TCP;
	server_run_init(s, NOW_MS - 65000);
	check_set_health(&s->run.check, &s->check, health);
	s->run.check.code = health ? CHECK_L4OK : CHECK_L4CON;
	s->run.check.duration_ms = 1234;
	return s;
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct frontend *f;
	struct backend *b;

	x->m = model_new();
	f = model_frontend_add(x->m, "web<in>");
	f->maxconn = 500;
	b = model_backend_add(x->m, "web");
	f = model_frontend_add(x->m, "stats");
	f->is_listen = true;
	model_backend_add(x->m, "stats")->is_listen = true;
	x->up = add_server(b, "up", 4);
	x->down = add_server(b, "down", 0);
	snprintf(x->down->run.check.desc, sizeof(x->down->run.check.desc), "<b>\"refused\"");
	x->down->run.down_since_ms = NOW_MS - 5000;
	x->maint = add_server(b, "maint", 4);
	x->maint->run.admin = SERVER_FMAINT;
	x->backup = add_server(b, "backup", 3);
	x->backup->backup = true;
	x->odd = add_server(b, "odd", 4);
	x->odd->run.check_enabled = false;
	x->info = (struct runtime_info){
		.pid = 77,
		.uptime_s = 3700,
		.counting_s = 90000,
		.interfaces = 1,
		.ifs = { { .name = "eth0", .mode = "native" } },
		.flows_used = 12345,
		.flows_capacity = 262144,
		.flows_memory = 64 << 20,
		.connections_total = 99,
		.node = "lb\"1\"",
	};
	uv_loop_init(&x->loop);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	http_close(x->http);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	model_free(x->m);
	free(x);
	return 0;
}

static void assert_has(const struct buf *b, const char *text)
{
	if (!strstr(b->data, text))
		fail_msg("not found: %s\nin:\n%s", text, b->data);
}

static void assert_has_not(const struct buf *b, const char *text)
{
	if (strstr(b->data, text))
		fail_msg("found: %s\nin:\n%s", text, b->data);
}

static void page__each_server__its_colour_and_words(void **state)
{
	struct page_view view = { .uri = "/st" };
	struct buf b = { 0 };

	page_format(&host, *state, &view, &b);
	assert_false(b.failed);
	assert_has(&b, "<tr class=\"up\"><td title=\"10.0.0.1:80\">up</td>");
	assert_has(&b, "1m5s UP</td>");
	assert_has(&b, "<tr class=\"down\"><td title=\"10.0.0.2:80\">down</td>");
	assert_has(&b, "<tr class=\"maint\"");
	assert_has(&b, "<tr class=\"bfalling\"");
	assert_has(&b, "1m5s UP 2/3</td>");
	assert_has(&b, "<tr class=\"plain\"");
	assert_has(&b, "no check</td>");
	assert_has(&b, ">L4CON in 1234ms</td>");
	assert_has(&b, "<tr class=\"front\"><td>Frontend</td>");
	assert_has(&b, ">OPEN</td>");
	assert_has(&b, "<tr class=\"back\"><td>Backend</td>");
	assert_has(&b, "eth0 (native)");
	assert_has(&b, "1h1m, counting for 1d1h");
	assert_has(&b, "12&#8239;345 of 262&#8239;144, 64.0 MiB");
	buf_fini(&b);
}

static void page__listen__one_table(void **state)
{
	struct page_view view = { .uri = "/st" };
	struct buf b = { 0 };
	const char *p, *q;

	page_format(&host, *state, &view, &b);
	p = strstr(b.data, "<h2>stats</h2>");
	assert_non_null(p);
	assert_null(strstr(p + 1, "<h2>stats</h2>"));
	q = strstr(p, "</table>");
	assert_true(strstr(p, ">Frontend<") < q);
	assert_true(strstr(p, ">Backend<") < q);
	buf_fini(&b);
}

static void page__texts_of_others__escaped(void **state)
{
	struct page_view view = { .uri = "/st\"><script>" };
	struct buf b = { 0 };

	page_format(&host, *state, &view, &b);
	assert_has(&b, "<h2>web&lt;in&gt;</h2>");
	assert_has(&b, "&lt;b&gt;&quot;refused&quot;");
	assert_has(&b, "lb&quot;1&quot;");
	assert_has_not(&b, "<script");
	assert_has_not(&b, "<b>\"");
	buf_fini(&b);
}

static void page__views__hide_what_they_say(void **state)
{
	struct page_view view = { .uri = "/st", .only_up = true };
	struct buf b = { 0 };

	page_format(&host, *state, &view, &b);
	assert_has_not(&b, ">down</td>");
	assert_has_not(&b, ">maint</td>");
	assert_has(&b, ">backup</td>");
	buf_fini(&b);
	view = (struct page_view){ .uri = "/st", .no_maint = true };
	page_format(&host, *state, &view, &b);
	assert_has(&b, ">down</td>");
	assert_has_not(&b, ">maint</td>");
	buf_fini(&b);
}

static void page__reasons__counted_ones_and_their_sum(void **state)
{
	struct page_view view = { .uri = "/st" };
	struct buf b = { 0 };

	page_format(&host, *state, &view, &b);
	assert_has(&b, "client to server, known flow</td><td class=\"t\">SEND</td><td>4&#8239;711</td>");
	assert_has(&b, "<tr class=\"bad\" title=\"raise &#39;#@xlb flows N&#39; in section global\">");
	assert_has(&b, "received</td><td></td><td>4&#8239;714</td>");
	assert_has_not(&b, "routing loop");
	buf_fini(&b);
}

static void metrics__each_row__haproxys_names(void **state)
{
	static const char *const lines[] = {
		"# TYPE haproxy_process_current_connections gauge\nhaproxy_process_current_connections 12345\n",
		"\nhaproxy_frontend_current_sessions{proxy=\"web<in>\"} 1010\n",
		"\nhaproxy_frontend_limit_sessions{proxy=\"web<in>\"} 500\n",
		"\nhaproxy_frontend_limit_sessions{proxy=\"stats\"} 262144\n",
		"\nhaproxy_frontend_status{proxy=\"stats\",state=\"UP\"} 1\n",
		"# TYPE haproxy_frontend_sessions_total counter\n",
		"\nhaproxy_backend_bytes_in_total{proxy=\"web\"} 20002\n",
		"\nhaproxy_backend_status{proxy=\"web\",state=\"DOWN\"} 0\n",
		"\nhaproxy_backend_active_servers{proxy=\"web\"} 2\n",
		"\nhaproxy_backend_backup_servers{proxy=\"web\"} 1\n",
		"\nhaproxy_server_status{proxy=\"web\",server=\"down\",state=\"DOWN\"} 1\n",
		"\nhaproxy_server_status{proxy=\"web\",server=\"down\",state=\"UP\"} 0\n",
		"\nhaproxy_server_status{proxy=\"web\",server=\"maint\",state=\"MAINT\"} 1\n",
		"\nhaproxy_server_check_status{proxy=\"web\",server=\"up\",state=\"L4OK\"} 1\n",
		"\nhaproxy_server_check_status{proxy=\"web\",server=\"up\",state=\"L4CON\"} 0\n",
		"\nhaproxy_server_check_duration_seconds{proxy=\"web\",server=\"up\"} 1.234\n",
		"\nhaproxy_server_downtime_seconds_total{proxy=\"web\",server=\"down\"} 5\n",
		"\nhaproxy_server_last_session_seconds{proxy=\"web\",server=\"backup\"} -1\n",
		"\nhaproxy_server_last_session_seconds{proxy=\"web\",server=\"up\"} 3\n",
		"\nxlb_server_packets_out_total{proxy=\"web\",server=\"down\"} 2000003\n",
		"\nxlb_packets_total{reason=\"REQUEST\",verdict=\"SEND\",expected=\"1\"} 4711\n",
		"\nxlb_packets_total{reason=\"TTL\",verdict=\"DROP\",expected=\"0\"} 0\n",
		"\nxlb_interface_info{interface=\"eth0\",mode=\"native\"} 1\n",
		"\nxlb_flows_capacity 262144\n",
	};
	struct buf b = { 0 };

	metrics_format(&host, *state, &b);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_has(&b, lines[i]);
	assert_has_not(&b, "haproxy_server_check_status{proxy=\"web\",server=\"odd\"");
	assert_has_not(&b, "haproxy_server_check_failures_total{proxy=\"web\",server=\"odd\"");
	assert_has_not(&b, "-9223372036854775808");
	buf_fini(&b);
}

/* Prometheus refuses a scrape in which a name comes twice or a sample stands apart from its TYPE. */
static void metrics__whole_text__well_formed(void **state)
{
	char family[128] = "", *line, *save = NULL, type[160];
	struct buf b = { 0 }, copy = { 0 };
	size_t nr = 0;

	metrics_format(&host, *state, &b);
	buf_puts(&copy, b.data);
	for (line = strtok_r(copy.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "# TYPE %127s", family) == 1) {
			snprintf(type, sizeof(type), "# TYPE %s ", family);
			assert_null(strstr(strstr(b.data, type) + 1, type));
		} else if (line[0] != '#') {
			assert_int_equal(strncmp(line, family, strlen(family)), 0);
			assert_true(line[strlen(family)] == ' ' || line[strlen(family)] == '{');
			nr++;
		}
	}
	assert_true(nr > 100);
	buf_fini(&copy);
	buf_fini(&b);
}

static void metrics__names_with_quotes__escaped(void **state)
{
	struct fixture *x = *state;
	struct buf b = { 0 };

	model_frontend_add(x->m, "a\"b\\c\nd");
	metrics_format(&host, x, &b);
	assert_has(&b, "{proxy=\"a\\\"b\\\\c\\nd\"} ");
	buf_fini(&b);
}

static void serve(struct fixture *x, const struct http_conf *conf)
{
	struct addr a = { .family = AF_INET, .v4.s_addr = htonl(INADDR_LOOPBACK) };

	assert_int_equal(http_open(&x->loop, &a, 0, conf, &host, x, &x->http), 0);
	assert_true(http_port(x->http));
}

/* Sends 'request' and gathers what comes until the server closes. */
static struct buf ask(struct fixture *x, const char *request)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(http_port(x->http)),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct buf answer = { 0 };
	char part[4096];
	ssize_t len;

	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (int turns = 0; turns < GIVE_UP_MS; turns++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		uv_run(&x->loop, UV_RUN_NOWAIT);
		if (poll(&p, 1, 1) <= 0)
			continue;
		len = recv(fd, part, sizeof(part), 0);
		if (len <= 0)
			break;
		buf_add(&answer, part, (size_t)len);
	}
	close(fd);
	assert_true(answer.len > 0);
	return answer;
}

static void assert_answer(struct fixture *x, const char *request, const char *start, const char *has)
{
	struct buf b = ask(x, request);

	if (strncmp(b.data, start, strlen(start)) != 0)
		fail_msg("%s answered by: %s", request, b.data);
	assert_has(&b, has);
	buf_fini(&b);
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void server__addresses__each_its_document(void **state)
{
	struct http_conf conf = { .uri = "/haproxy?stats", .refresh_s = 10, .metrics = true };

	serve(*state, &conf);
	assert_answer(*state, "GET /haproxy?stats" CLOSE "\r\n", "HTTP/1.1 200", "Refresh: 10\r\n");
	assert_answer(*state, "GET /haproxy?stats" CLOSE "\r\n", "HTTP/1.1 200", "<h1>xlb");
	assert_answer(*state, "GET /haproxy?stats;csv" CLOSE "\r\n", "HTTP/1.1 200", "\r\n\r\n# pxname,svname,");
	assert_answer(*state, "GET /haproxy?stats;csv;norefresh" CLOSE "\r\n", "HTTP/1.1 200", "# pxname,svname,");
	assert_answer(*state, "GET /metrics" CLOSE "\r\n", "HTTP/1.1 200", "\nxlb_flows 12345\n");
	assert_answer(*state, "GET /metrics?x=y" CLOSE "\r\n", "HTTP/1.1 200", "\nxlb_flows 12345\n");
	assert_answer(*state, "GET /" CLOSE "\r\n", "HTTP/1.1 404", "nothing");
	assert_answer(*state, "GET /haproxy" CLOSE "\r\n", "HTTP/1.1 404", "nothing");
	assert_answer(*state, "GET /haproxy?statsx" CLOSE "\r\n", "HTTP/1.1 404", "nothing");
	assert_answer(*state, "GET /metricsx" CLOSE "\r\n", "HTTP/1.1 404", "nothing");
}

static void server__connection__kept_for_the_next_request(void **state)
{
	struct http_conf conf = { .uri = "/st" };
	struct buf b;

	serve(*state, &conf);
	b = ask(*state, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\nGET /st;csv HTTP/1.1\r\nHost: x\r\n\r\n"
			"GET /st" CLOSE "\r\n");
	assert_int_equal(strncmp(b.data, "HTTP/1.1 404", 12), 0);
	assert_has(&b, "# pxname,svname");
	assert_has(&b, "<h1>xlb");
	buf_fini(&b);
}

static void server__norefresh__no_header(void **state)
{
	struct http_conf conf = { .uri = "/", .refresh_s = 10 };
	struct buf b;

	serve(*state, &conf);
	b = ask(*state, "GET /;norefresh;up" CLOSE "\r\n");
	assert_has(&b, "<h1>xlb");
	assert_has_not(&b, "Refresh: ");
	assert_has_not(&b, ">down</td>");
	buf_fini(&b);
	assert_answer(*state, "GET /metrics" CLOSE "\r\n", "HTTP/1.1 404", "nothing"); /* not asked for */
}

static void server__anything_but_reading__refused(void **state)
{
	struct http_conf conf = { .uri = "/st" };
	struct buf b;

	serve(*state, &conf);
	assert_answer(*state, "POST /st" CLOSE "Content-Length: 24\r\n\r\ns=up&action=maint&b=web ", "HTTP/1.1 405",
		      "Allow: GET, HEAD\r\n");
	assert_answer(*state, "DELETE /st" CLOSE "\r\n", "HTTP/1.1 405", "Allow");
	b = ask(*state, "HEAD /st" CLOSE "\r\n");
	assert_has(&b, "HTTP/1.1 200");
	assert_has_not(&b, "<h1>");
	buf_fini(&b);
	assert_int_equal(((struct fixture *)*state)->up->run.admin, 0);
}

static void server__auth__asked_and_checked(void **state)
{
	struct http_conf conf = { .uri = "/st", .auth = "admin:secret", .metrics = true };

	serve(*state, &conf);
	assert_answer(*state, "GET /st" CLOSE "\r\n", "HTTP/1.1 401", "realm=\"HAProxy Statistics\"");
	assert_answer(*state, "GET /metrics" CLOSE "\r\n", "HTTP/1.1 401", "WWW-Authenticate");
	assert_answer(*state, "GET /st;csv" CLOSE "Authorization: Basic YWRtaW46c2VjcmV0\r\n\r\n", "HTTP/1.1 200",
		      "pxname");
	assert_answer(*state, "GET /st" CLOSE "Authorization: Basic YWRtaW46c2VjcmV0eA==\r\n\r\n", "HTTP/1.1 401", "");
	assert_answer(*state, "GET /st" CLOSE "Authorization: Basic YWRtaW46\r\n\r\n", "HTTP/1.1 401", "");
	assert_answer(*state, "GET /st" CLOSE "Authorization: Basic !!!!\r\n\r\n", "HTTP/1.1 401", "");
}

static void server__garbage_and_large_requests__survived(void **state)
{
	struct http_conf conf = { .uri = "/st" };
	char *large = malloc(100001);
	struct buf b;

	serve(*state, &conf);
	b = ask(*state, "\x16\x03\x01 no HTTP at all\r\n\r\n");
	assert_has(&b, "HTTP/1.");
	buf_fini(&b);
	memset(large, 'x', 100000);
	memcpy(large, "GET /", 5);
	large[100000] = '\0';
	b = ask(*state, large);
	assert_has(&b, "414");
	buf_fini(&b);
	free(large);
	assert_answer(*state, "GET /st" CLOSE "\r\n", "HTTP/1.1 200", "<h1>xlb");
}

/* What a pending connection costs the loop while no descriptor is left: turns that it may take, not time. */
static void server__descriptors_used_up__waits_without_spinning(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct http_conf conf = { .uri = "/st" };
	struct fixture *x = *state;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), turns = 0;
	struct rlimit old, none;
	uint64_t start;

	serve(x, &conf);
	sin.sin_port = htons(http_port(x->http));
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	for (start = uv_hrtime(); uv_hrtime() - start < 1000000000; turns++)
		uv_run(&x->loop, UV_RUN_ONCE);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_true(turns < 100);
	close(fd);
	assert_answer(x, "GET /st" CLOSE "\r\n", "HTTP/1.1 200", "<h1>xlb");
}

static void http_set__other_words__from_then_on(void **state)
{
	struct http_conf conf = { .uri = "/old" };

	serve(*state, &conf);
	assert_answer(*state, "GET /old" CLOSE "\r\n", "HTTP/1.1 200", "<h1>");
	conf.uri = "/new";
	assert_int_equal(http_set(((struct fixture *)*state)->http, &conf), 0);
	assert_answer(*state, "GET /old" CLOSE "\r\n", "HTTP/1.1 404", "");
	assert_answer(*state, "GET /new" CLOSE "\r\n", "HTTP/1.1 200", "<h1>");
}

static void http_open__what_cannot_be__said(void **state)
{
	struct fixture *x = *state;
	struct http_conf conf = { .uri = "/st" };
	struct addr a = { .family = AF_INET, .v4.s_addr = htonl(INADDR_LOOPBACK) }, none = { 0 };
	struct addr elsewhere = { .family = AF_INET, .v4.s_addr = htonl(0xc0000201) };
	struct http *h = NULL;

	serve(x, &conf);
	assert_int_equal(http_open(&x->loop, &a, http_port(x->http), &conf, &host, x, &h), -EADDRINUSE);
	assert_int_equal(http_open(&x->loop, &elsewhere, 0, &conf, &host, x, &h), -EADDRNOTAVAIL);
	assert_int_equal(http_open(&x->loop, &none, 80, &conf, &host, x, &h), -EINVAL);
	assert_null(h);
	http_close(NULL);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(page__each_server__its_colour_and_words),
		WITH_HOST(page__listen__one_table),
		WITH_HOST(page__texts_of_others__escaped),
		WITH_HOST(page__views__hide_what_they_say),
		WITH_HOST(page__reasons__counted_ones_and_their_sum),
		WITH_HOST(metrics__each_row__haproxys_names),
		WITH_HOST(metrics__whole_text__well_formed),
		WITH_HOST(metrics__names_with_quotes__escaped),
		WITH_HOST(server__addresses__each_its_document),
		WITH_HOST(server__connection__kept_for_the_next_request),
		WITH_HOST(server__norefresh__no_header),
		WITH_HOST(server__anything_but_reading__refused),
		WITH_HOST(server__auth__asked_and_checked),
		WITH_HOST(server__garbage_and_large_requests__survived),
		WITH_HOST(server__descriptors_used_up__waits_without_spinning),
		WITH_HOST(http_set__other_words__from_then_on),
		WITH_HOST(http_open__what_cannot_be__said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
