/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks that are no conversation over TCP: programs, datagrams, echo; and scripts against a server on the same loop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <uv.h>

#include "base/diag.h"
#include "config/conf.h"
#include "health/health.h"
#include "model/model.h"

enum { LONG_MS = 60000, GIVE_UP_MS = 30000 };

struct fixture {
	uv_loop_t loop;
	struct health *health;
	uv_timer_t watchdog;
	bool gave_up;
	uv_udp_t udp;
	const char *answer; /* what the UDP server says; NULL: nothing */
	size_t answer_len;
	bool echoes_number; /* the first two bytes of the answer are those of the question */
	char question[512];
	ssize_t question_len;
	struct model *model;
	/* The one probe of a test. */
	struct health_probe *probe;
	int finished;
	enum check_code code;
	int status;
	char desc[CHECK_DESC_MAX];
};

static void on_watchdog(uv_timer_t *timer)
{
	struct fixture *x = timer->data;

	x->gave_up = true;
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	uv_loop_init(&x->loop);
	assert_int_equal(health_new(&x->loop, &x->health), 0);
	uv_timer_init(&x->loop, &x->watchdog);
	x->watchdog.data = x;
	uv_timer_start(&x->watchdog, on_watchdog, GIVE_UP_MS, 0);
	*state = x;
	return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	health_free(x->health);
	uv_walk(&x->loop, close_handle, NULL);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0); /* no handle was forgotten */
	model_free(x->model);
	free(x);
	return 0;
}

static unsigned int on_finished(void *arg, const struct health_result *res)
{
	struct fixture *x = arg;

	x->finished++;
	x->code = res->code;
	x->status = res->status;
	snprintf(x->desc, sizeof(x->desc), "%s", res->desc ? res->desc : "");
	return LONG_MS;
}

static const struct health_ops ops = { .finished = on_finished };

/* The check of a server at 'port' of the loopback in a backend with these lines. */
static const struct check_conf *configure(struct fixture *x, const char *lines, uint16_t port, struct server **ret)
{
	struct diag_list diags;
	char text[1024];

	snprintf(text, sizeof(text), "global\n external-check\nbackend b\n%s\n server s 127.0.0.1:%u check inter 400\n",
		 lines, port);
	model_free(x->model);
	x->model = NULL;
	diag_init(&diags);
	if (conf_load_text("t", text, strlen(text), NULL, &diags, &x->model))
		diag_print(&diags, stderr, false);
	diag_fini(&diags);
	assert_non_null(x->model);
	*ret = TAILQ_FIRST(&TAILQ_FIRST(&x->model->backends)->servers);
	server_run_init(*ret, 0);
	return &(*ret)->check;
}

static void run_until_finished(struct fixture *x)
{
	while (!x->finished && !x->gave_up)
		uv_run(&x->loop, UV_RUN_ONCE);
	assert_false(x->gave_up);
}

static void check_once(struct fixture *x, const char *lines, uint16_t port)
{
	struct server *s;
	const struct check_conf *c = configure(x, lines, port, &s);

	x->finished = 0;
	assert_int_equal(health_start(x->health, c, &s->run.check, &s->addr, port, 0, &ops, x, &x->probe), 0);
	run_until_finished(x);
	health_stop(x->probe);
	uv_run(&x->loop, UV_RUN_NOWAIT);
}

/* --- programs ---------------------------------------------------------------------------------------------------- */

#define PROGRAM(file) " option external-check\n external-check path /usr/bin:/bin\n external-check command " file

static void external__each_end__its_code(void **state)
{
	struct fixture *x = *state;

	check_once(x, PROGRAM("/bin/true"), 80);
	assert_int_equal(x->code, CHECK_PROCOK);
	check_once(x, PROGRAM("/bin/false"), 80);
	assert_int_equal(x->code, CHECK_PROCERR);
	assert_int_equal(x->status, 1);
	check_once(x, PROGRAM("/nonexistent"), 80);
	assert_int_equal(x->code, CHECK_PROCERR);
	assert_int_equal(x->status, 255);
}

static char *write_program(const char *text)
{
	static char path[64];
	int fd;
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/xlb-test-probe.XXXXXX");
	fd = mkstemp(path);
	file = fd >= 0 ? fdopen(fd, "w") : NULL;
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
	return path;
}

static bool is_gone(pid_t pid)
{
	char name[64], line[256] = "";
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	file = fopen(name, "r");
	if (!file)
		return true;
	if (!fgets(line, sizeof(line), file))
		*line = '\0';
	fclose(file);
	return !*line || strstr(line, ") Z ");
}

/* The program leaves a child behind, whose number it writes beside itself. */
static void external__late__killed_with_its_children(void **state)
{
	struct fixture *x = *state;
	char *path = write_program("#!/bin/sh\nsleep 300 &\necho $! > \"$0.pid\"\nsleep 300\n"), lines[256],
	     pid_path[80];
	FILE *file;
	int pid = 0;

	snprintf(lines, sizeof(lines), PROGRAM("%s"), path);
	snprintf(pid_path, sizeof(pid_path), "%s.pid", path);
	check_once(x, lines, 80);
	assert_int_equal(x->code, CHECK_PROCTOUT);
	file = fopen(pid_path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	for (int i = 0; i < 1000 && !is_gone(pid); i++)
		usleep(10000);
	assert_true(is_gone(pid));
	unlink(pid_path);
	unlink(path);
}

/* --- datagrams --------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	struct fixture *x = handle->data;

	(void)size;
	*ret = uv_buf_init(x->question, sizeof(x->question));
}

static void on_datagram(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	struct fixture *x = udp->data;
	char answer[512];
	uv_buf_t out;

	(void)buf;
	(void)flags;
	if (!from || len < 0)
		return;
	x->question_len = len;
	if (!x->answer)
		return;
	memcpy(answer, x->answer, x->answer_len);
	if (x->echoes_number)
		memcpy(answer, x->question, 2);
	out = uv_buf_init(answer, (unsigned int)x->answer_len);
	uv_udp_try_send(udp, &out, 1, from);
}

static uint16_t udp_server(struct fixture *x)
{
	struct sockaddr_in sin;
	int len = sizeof(sin);

	uv_ip4_addr("127.0.0.1", 0, &sin);
	uv_udp_init(&x->loop, &x->udp);
	x->udp.data = x;
	assert_int_equal(uv_udp_bind(&x->udp, (struct sockaddr *)&sin, 0), 0);
	assert_int_equal(uv_udp_getsockname(&x->udp, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(uv_udp_recv_start(&x->udp, on_alloc, on_datagram), 0);
	return ntohs(sin.sin_port);
}

/* A port of the loopback that no UDP socket has. */
static uint16_t free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static void udp__each_answer__its_code(void **state)
{
	static const struct {
		const char *lines, *answer, *question;
		enum check_code code;
	} rows[] = {
		{ "#@xlb check udp send ping expect pong", "a pong", "ping", CHECK_L7OK },
		{ "#@xlb check udp send ping expect pong", "other", "ping", CHECK_L7RSP },
		{ "#@xlb check udp send ping expect pong", NULL, "ping", CHECK_L7TOUT },
		{ "#@xlb check udp send-binary 6162 expect-binary 00", "\0", "ab", CHECK_L7RSP },
		{ "#@xlb check udp send ping", "anything", "ping", CHECK_L4OK },
		{ "#@xlb check udp send ping", NULL, "ping", CHECK_L4OK },
		{ "#@xlb check udp", NULL, "", CHECK_L4OK },
	};
	struct fixture *x = *state;
	uint16_t port = udp_server(x);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		x->answer = rows[i].answer;
		x->answer_len = rows[i].answer ? strlen(rows[i].answer) : 0;
		x->question_len = -1;
		check_once(x, rows[i].lines, port);
		if (x->code != rows[i].code)
			print_error("%s: %s\n", rows[i].lines, check_code_name(x->code));
		assert_int_equal(x->code, rows[i].code);
		assert_int_equal(x->question_len, strlen(rows[i].question));
		assert_memory_equal(x->question, rows[i].question, strlen(rows[i].question));
	}
	check_once(x, "#@xlb check udp send ping", free_port());
	assert_int_equal(x->code, CHECK_L4CON);
	assert_string_equal(x->desc, "Connection refused");
}

static void dns__each_answer__its_code(void **state)
{
	static const char query[] = "\1\0\0\1\0\0\0\0\0\0\3www\7example\0\0\34\0\1"; /* behind the number */
	static const struct {
		const char answer[13];
		bool echoes_number;
		enum check_code code;
		int status;
		const char *desc;
	} rows[] = {
		{ "..\x81\x80\0\1\0\0\0\0\0\0", true, CHECK_L7OK, 0, "" },
		{ "..\x81\x83\0\1\0\0\0\0\0\0", true, CHECK_L7STS, 3, "NXDOMAIN" },
		{ "..\x81\x8f\0\1\0\0\0\0\0\0", true, CHECK_L7STS, 15, "another error of DNS" },
		{ "..\x01\x00\0\1\0\0\0\0\0\0", true, CHECK_L7RSP, 0, "no answer of DNS" },
		{ "..\x81\x80\0\1\0\0\0\0\0\0", false, CHECK_L7TOUT, 0, "" },
	};
	struct fixture *x = *state;
	uint16_t port = udp_server(x);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		x->answer = rows[i].answer;
		x->answer_len = 12;
		x->echoes_number = rows[i].echoes_number;
		check_once(x, "#@xlb check dns www.example AAAA", port);
		assert_int_equal(x->code, rows[i].code);
		assert_int_equal(x->status, rows[i].status);
		assert_string_equal(x->desc, rows[i].desc);
		assert_int_equal(x->question_len, 2 + sizeof(query) - 1);
		assert_memory_equal(x->question + 2, query, sizeof(query) - 1);
	}
}

static void icmp__loopback__answers(void **state)
{
	struct fixture *x = *state;

	check_once(x, "#@xlb check icmp", 80);
	if (x->code == CHECK_LACKING)
		skip(); /* no raw sockets here */
	assert_int_equal(x->code, CHECK_L4OK);
}

static void probe__stopped_while_asking__nothing_is_left(void **state)
{
	static const char *const lines[] = { "#@xlb check udp send x expect y", PROGRAM("/bin/sleep"),
					     " option tcp-check\n tcp-check expect string x" };
	struct fixture *x = *state;
	uint16_t port = udp_server(x);

	x->finished = 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct server *s;
		const struct check_conf *c = configure(x, lines[i], port, &s);

		assert_int_equal(health_start(x->health, c, &s->run.check, &s->addr, port, 0, &ops, x, &x->probe), 0);
		for (int n = 0; n < 3; n++) {
			usleep(1000);
			uv_run(&x->loop, UV_RUN_NOWAIT);
		}
		health_stop(x->probe);
	}
	assert_true(x->finished <= 2); /* /bin/sleep may have been done, a refused connection, too */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(external__each_end__its_code), TEST(external__late__killed_with_its_children),
		TEST(udp__each_answer__its_code),   TEST(dns__each_answer__its_code),
		TEST(icmp__loopback__answers),	    TEST(probe__stopped_while_asking__nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
