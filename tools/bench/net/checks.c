/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What many checks cost, and whether they keep their times: bench-checks [CHECKS [EVERY_MS [SECONDS]]]
 *
 * A child listens on every address of the loopback and takes what comes. The parent checks CHECKS addresses of it by
 * connecting, each every EVERY_MS, and prints its own processor time as a share of one core; on the loopback the
 * kernel's work for both ends of a connection counts as the checker's. A second line tells the same with a hundred
 * servers beside them that never answer, and how late the others then were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "health/health.h"

enum { SETTLE_MS = 3000, NR_SILENT = 100, NS_PER_MS = 1000000 };

static struct {
	unsigned int nr, every_ms, seconds;
} opt = { 10000, 2000, 10 };

struct target {
	struct check_conf conf;
	struct check_state state;
	struct health_probe *probe;
	uint64_t due_ns; /* 0: before the first */
};

static uv_loop_t loop;
static bool is_measuring;
static unsigned long done, failed;
static unsigned int *late_ms; /* histogram of lateness, in ms, the last for all beyond */
enum { LATE_MAX = 5000 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int listener(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)&sin, &len))
		die("listen");
	*ret_port = ntohs(sin.sin_port);
	return fd;
}

/* A port where SYNs are dropped: the queue of connections that nobody accepts is full. */
static uint16_t silent_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint16_t port;

	listener(0, &port);
	sin.sin_port = htons(port);
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0 || (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) && errno != EINPROGRESS))
			die("connect");
	}
	return port;
}

static pid_t take_connections(int fd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int conn = accept(fd, NULL, NULL);

		if (conn >= 0)
			close(conn);
	}
}

static unsigned int on_finished(void *arg, const struct health_result *res)
{
	struct target *t = arg;
	uint64_t begun = uv_hrtime() - (uint64_t)res->duration_ms * NS_PER_MS;
	uint64_t late = t->due_ns && begun > t->due_ns ? (begun - t->due_ns) / NS_PER_MS : 0;

	if (is_measuring) {
		done++;
		failed += res->code != CHECK_L4OK;
		late_ms[late < LATE_MAX ? late : LATE_MAX]++;
	}
	t->due_ns = begun + (uint64_t)t->conf.inter * NS_PER_MS;
	return t->conf.inter;
}

static unsigned int on_silent(void *arg, const struct health_result *res)
{
	(void)arg;
	(void)res;
	return opt.every_ms;
}

static void on_time(uv_timer_t *timer)
{
	(void)timer;
	uv_stop(&loop);
}

static void run_ms(unsigned int ms)
{
	static uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	uv_update_time(&loop);
	uv_timer_start(&timer, on_time, ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static unsigned int percentile(double share)
{
	unsigned long nr = 0;

	for (unsigned int ms = 0; ms <= LATE_MAX; ms++) {
		nr += late_ms[ms];
		if ((double)nr >= (double)done * share)
			return ms;
	}
	return LATE_MAX;
}

static void measure(const char *what)
{
	double cpu;
	uint64_t begin;

	run_ms(SETTLE_MS);
	done = failed = 0;
	memset(late_ms, 0, (LATE_MAX + 1) * sizeof(*late_ms));
	is_measuring = true;
	begin = uv_hrtime();
	cpu = cpu_s();
	run_ms(opt.seconds * 1000);
	cpu = cpu_s() - cpu;
	is_measuring = false;
	printf("%s: %lu checks, %.1f %% of a core, %.1f us each, %lu failed, late p50 %u ms, p99 %u ms\n", what, done,
	       cpu * 1e11 / (double)(uv_hrtime() - begin), done ? cpu * 1e6 / (double)done : 0.0, failed,
	       percentile(0.5), percentile(0.99));
	fflush(stdout);
}

static void start(struct health *h, struct target *t, const struct addr *addr, uint16_t port, unsigned int delay_ms,
		  const struct health_ops *ops)
{
	check_conf_init(&t->conf);
	t->conf.type = CHECK_TCP;
	t->conf.inter = opt.every_ms;
	check_init(&t->state, &t->conf);
	if (health_start(h, &t->conf, &t->state, addr, port, delay_ms, ops, t, &t->probe))
		die("health_start");
}

int main(int argc, char **argv)
{
	static const struct health_ops ops = { .finished = on_finished }, silent_ops = { .finished = on_silent };
	struct addr addr = { .family = AF_INET };
	struct target *targets;
	struct health *h;
	uint16_t port;
	pid_t child;
	int fd;

	opt.nr = argc > 1 ? (unsigned int)atoi(argv[1]) : opt.nr;
	opt.every_ms = argc > 2 ? (unsigned int)atoi(argv[2]) : opt.every_ms;
	opt.seconds = argc > 3 ? (unsigned int)atoi(argv[3]) : opt.seconds;
	targets = calloc(opt.nr + NR_SILENT, sizeof(*targets));
	late_ms = calloc(LATE_MAX + 1, sizeof(*late_ms));
	fd = listener(4096, &port);
	child = take_connections(fd);
	if (!targets || !late_ms || uv_loop_init(&loop) || health_new(&loop, &h))
		die("start");
	for (unsigned int i = 0; i < opt.nr; i++) {
		addr.v4.s_addr = htonl(0x7f010000u + i);
		start(h, &targets[i], &addr, port, (unsigned int)((uint64_t)opt.every_ms * i / opt.nr), &ops);
	}
	measure("all answer");
	port = silent_port();
	addr.v4.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned int i = 0; i < NR_SILENT; i++)
		start(h, &targets[opt.nr + i], &addr, port, i, &silent_ops);
	measure("100 more that do not");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
