/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Many servers that go away, and how long it takes until a balancer says so: outage PORT TRIALS SYSLOG-PORT SPREAD-MS
 *
 * Listens on 2 x TRIALS ports from PORT on. From SIGUSR1 on they go away one by one, at random moments of SPREAD-MS:
 * those of even number close, the others fall silent, as behind a wire that is cut. The balancer's log comes to
 * SYSLOG-PORT, with lines "Server NAME/sPORT is DOWN". Prints, in ms, "port|silence N trials, min A median B p99 C max
 * D", and how late this program itself was woken by timers, "late p99 A max B", which tells of the machine. Ends with 1
 * when a server was not found down, or before it was.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SERVERS = 2000, MAX_WAKES = 100000, STEP_MS = 2, PATIENCE_MS = 30000 };

struct server {
	int fd;
	double ends, ended, found; /* ms */
};

static struct server servers[MAX_SERVERS];
static struct pollfd polled[MAX_SERVERS + 1];
static double late[MAX_WAKES];
static unsigned int first_port, nr_servers, nr_late;
static int syslog_fd;
static volatile sig_atomic_t told_to_begin;

static void on_signal(int number)
{
	(void)number;
	told_to_begin = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "outage: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int open_socket(int type, unsigned int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 64)))
		die("bind");
	return fd;
}

/* Packets to the port are thrown away from now on, without an answer. */
static void fall_silent(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &nothing };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		die("SO_ATTACH_FILTER");
}

static void go_away(unsigned int i, double now)
{
	if (i % 2) {
		fall_silent(servers[i].fd);
	} else {
		close(servers[i].fd);
		servers[i].fd = -1;
		polled[i].fd = -1;
	}
	servers[i].ended = now;
}

static void take_checks(unsigned int i)
{
	int fd;

	while ((fd = accept4(servers[i].fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}

static void read_log(double now)
{
	char line[2048];
	ssize_t len;

	while ((len = recv(syslog_fd, line, sizeof(line) - 1, 0)) > 0) {
		const char *name;
		unsigned int port;

		line[len] = '\0';
		name = strstr(line, "/s");
		if (name && strstr(line, " is DOWN") && sscanf(name, "/s%u", &port) == 1 && port >= first_port &&
		    port - first_port < nr_servers && !servers[port - first_port].found)
			servers[port - first_port].found = now;
	}
}

/* Waits a step and takes what comes meanwhile. */
static void step(void)
{
	double wanted = now_ms() + STEP_MS, now;
	int nr = poll(polled, nr_servers + 1, STEP_MS);

	now = now_ms();
	if (!nr && nr_late < MAX_WAKES)
		late[nr_late++] = now > wanted ? now - wanted : 0;
	if (polled[nr_servers].revents)
		read_log(now);
	for (unsigned int i = 0; i < nr_servers; i++)
		if (polled[i].revents && servers[i].fd >= 0)
			take_checks(i);
}

static bool all_found(void)
{
	for (unsigned int i = 0; i < nr_servers; i++)
		if (!servers[i].found)
			return false;
	return true;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of 'nr' sorted ones, the one that a part of all does not exceed. */
static double part_of(const double *values, unsigned int nr, unsigned int per_cent)
{
	return nr ? values[(nr * per_cent + 99) / 100 - 1] : 0;
}

/* Returns the number of those that were not found, or too early. */
static unsigned int report(const char *kind, unsigned int from)
{
	static double times[MAX_SERVERS];
	unsigned int nr = 0, bad = 0;

	for (unsigned int i = from; i < nr_servers; i += 2) {
		if (servers[i].ended && servers[i].found > servers[i].ended)
			times[nr++] = servers[i].found - servers[i].ended;
		else
			bad++;
	}
	qsort(times, nr, sizeof(times[0]), compare);
	printf("%s %u trials, min %.0f median %.0f p99 %.0f max %.0f\n", kind, nr, nr ? times[0] : 0,
	       part_of(times, nr, 50), part_of(times, nr, 99), part_of(times, nr, 100));
	return bad;
}

int main(int argc, char **argv)
{
	struct rlimit files = { MAX_SERVERS * 2, MAX_SERVERS * 2 };
	double start;
	unsigned int spread, bad;

	if (argc != 5) {
		fputs("usage: outage PORT TRIALS SYSLOG-PORT SPREAD-MS\n", stderr);
		return 2;
	}
	first_port = (unsigned int)atoi(argv[1]);
	nr_servers = 2 * (unsigned int)atoi(argv[2]);
	spread = (unsigned int)atoi(argv[4]);
	if (!nr_servers || nr_servers > MAX_SERVERS || !spread)
		return 2;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGUSR1, on_signal);
	srandom((unsigned int)getpid());
	syslog_fd = open_socket(SOCK_DGRAM, (unsigned int)atoi(argv[3]));
	for (unsigned int i = 0; i < nr_servers; i++) {
		servers[i].fd = open_socket(SOCK_STREAM, first_port + i);
		polled[i] = (struct pollfd){ .fd = servers[i].fd, .events = POLLIN };
	}
	polled[nr_servers] = (struct pollfd){ .fd = syslog_fd, .events = POLLIN };
	puts("listening");
	fflush(stdout);

	for (start = now_ms(); !told_to_begin && now_ms() < start + PATIENCE_MS;)
		step();
	start = now_ms();
	for (unsigned int i = 0; i < nr_servers; i++)
		servers[i].ends = start + (double)(random() % ((long)spread * 1000)) / 1000;
	while (!all_found() && now_ms() < start + spread + PATIENCE_MS) {
		step();
		for (unsigned int i = 0; i < nr_servers; i++)
			if (!servers[i].ended && now_ms() >= servers[i].ends)
				go_away(i, now_ms());
	}
	bad = report("port", 0);
	bad += report("silence", 1);
	qsort(late, nr_late, sizeof(late[0]), compare);
	printf("late p99 %.1f max %.1f\n", part_of(late, nr_late, 99), part_of(late, nr_late, 100));
	return bad != 0;
}
