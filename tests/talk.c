/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections whose every byte is checked, for tests that ask whether a connection survived.
 *
 *   talk serve PORT ID                         answers on all addresses of both families, until it is killed
 *   talk ask ADDRESS PORT SHORT LONG SECONDS [PAUSE]
 *                                              SHORT connections over SECONDS, and LONG ones all the time, that speak
 *                                              at least every PAUSE seconds; SIGTERM: all say what they have to say
 *                                              and end
 *   talk count ADDRESS PORT NUMBER [SOURCE]    NUMBER connections in a row: prints who answered, an ID a line
 *   talk reuse ADDRESS PORT FROM NUMBER WAY    one client port NUMBER times; WAY is reset or orderly
 *
 * The server says its ID, 8 bytes, and echoes what it gets. The client sends numbers that tell connection and position,
 * so that a byte lost, repeated or of another connection is seen. "ask" prints a line "broken ID FROM TO WHY" for each
 * connection that did not get all back (ID 0: the server was not known yet; times as of date +%s) and in the end
 * "connections N broken N bytes N servers N". It ends with 0 whatever was broken: the caller knows what had to break.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_FILES = 20000,
	MAX_SERVERS = 64,
	NUMBERS = 64,	/* in a message, at most */
	PATIENCE_S = 8, /* without a byte of progress: broken. Several retransmissions fit in. */
	LIFE_MS = 3000, /* of a short connection, at most */
	PAUSE_MS = 500, /* between the messages of a connection, at most */
};

static const uint64_t GOODBYE = UINT64_MAX; /* asks the server to close first */

static double now_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "talk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void watch(int epoll, int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	if (epoll_ctl(epoll, op, fd, &ev))
		die("epoll_ctl");
}

/* --- server ------------------------------------------------------------------------------------------------------- */

/* What was read and not yet written back. */
struct echo {
	int fd;
	size_t from, len;
	char bytes[sizeof(uint64_t) * NUMBERS * 4];
};

static void echo_accept(int epoll, int listener, uint64_t id)
{
	struct echo *e;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		e = calloc(1, sizeof(*e));
		if (!e)
			die("memory");
		e->fd = fd;
		memcpy(e->bytes, &id, sizeof(id));
		e->len = sizeof(id);
		watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, e);
	}
}

/* False: the connection has ended. */
static bool echo_step(struct echo *e)
{
	ssize_t n;

	for (;;) {
		while (e->from < e->len) {
			n = send(e->fd, e->bytes + e->from, e->len - e->from, MSG_NOSIGNAL);
			if (n < 0)
				return errno == EAGAIN;
			e->from += (size_t)n;
		}
		n = recv(e->fd, e->bytes, sizeof(e->bytes), 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		e->from = 0;
		e->len = (size_t)n;
		if (e->len >= sizeof(GOODBYE) &&
		    !memcmp(e->bytes + e->len - sizeof(GOODBYE), &GOODBYE, sizeof(GOODBYE)))
			return false;
	}
}

static _Noreturn void serve(const char *port, const char *id)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, zero = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[256];
	uint64_t number = strtoull(id, NULL, 10);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 4096))
		die("listen");
	watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	for (;;) {
		int nr = epoll_wait(epoll, ready, 256, -1);

		for (int i = 0; i < nr; i++) {
			struct echo *e = ready[i].data.ptr;

			if (!e) {
				echo_accept(epoll, listener, number);
			} else if (!echo_step(e)) {
				close(e->fd);
				free(e);
			} else {
				/* Room to write is asked for only while something waits to be written. */
				watch(epoll, EPOLL_CTL_MOD, e->fd, EPOLLIN | (e->from < e->len ? EPOLLOUT : 0), e);
			}
		}
	}
}

/* --- client ------------------------------------------------------------------------------------------------------- */

struct talk {
	int fd;
	bool ready;	 /* there is something to read */
	uint64_t server; /* 0 until it has said so */
	uint64_t sent;	 /* numbers */
	uint64_t got;
	size_t part; /* bytes of a number that has not wholly come */
	char bytes[sizeof(uint64_t)];
	double began, ends, next, progress; /* CLOCK_MONOTONIC, but 'began' */
	uint32_t number;
};

static int pause_ms = PAUSE_MS;
static int readable; /* epoll set of all connections */
static struct sockaddr_storage place;
static socklen_t place_len;
static struct talk *talks[MAX_FILES];
static unsigned int nr_talks;
static uint64_t nr_begun, nr_broken, nr_bytes;
static bool server_seen[MAX_SERVERS];
static volatile sig_atomic_t told_to_end;

static void on_term(int number)
{
	(void)number;
	told_to_end = 1;
}

static void resolve(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *found;

	if (getaddrinfo(address, port, &hints, &found))
		die(address);
	memcpy(&place, found->ai_addr, found->ai_addrlen);
	place_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static double dice(int most_ms)
{
	return (double)(random() % most_ms) / 1000;
}

static void talk_end(struct talk *t, const char *why)
{
	if (why) {
		printf("broken %llu %.3f %.3f %s\n", (unsigned long long)t->server, t->began, now_s(CLOCK_REALTIME),
		       why);
		nr_broken++;
	}
	close(t->fd);
	free(t);
}

/* Sends the next few numbers. A message fits the socket's buffer, since all before it have come back. */
static bool talk_send(struct talk *t, double now)
{
	uint64_t numbers[NUMBERS];
	unsigned int nr = 1 + (unsigned int)random() % NUMBERS;

	for (unsigned int i = 0; i < nr; i++)
		numbers[i] = (uint64_t)t->number << 32 | t->sent++;
	t->next = now + dice(pause_ms);
	t->progress = now;
	return send(t->fd, numbers, nr * sizeof(numbers[0]), MSG_NOSIGNAL) == (ssize_t)(nr * sizeof(numbers[0]));
}

/* Takes one number of the server. False: it is not the one to come. */
static bool talk_take(struct talk *t)
{
	uint64_t number;

	memcpy(&number, t->bytes, sizeof(number));
	t->part = 0;
	if (!t->server) {
		t->server = number;
		if (number && number < MAX_SERVERS)
			server_seen[number] = true;
		return number;
	}
	return t->got < t->sent && number == ((uint64_t)t->number << 32 | t->got++);
}

/* Reads what came. Returns why the connection is broken, or NULL. */
static const char *talk_read(struct talk *t, double now)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		t->progress = now;
		nr_bytes += (uint64_t)n;
		for (ssize_t i = 0; i < n; i++) {
			t->bytes[t->part++] = bytes[i];
			if (t->part == sizeof(t->bytes) && !talk_take(t))
				return "wrong-number";
		}
	}
	if (!n)
		return "end-of-file";
	return errno == EAGAIN ? NULL : errno == ECONNRESET ? "reset" : errno == ECONNREFUSED ? "refused" : "error";
}

/* One look at a connection: true while it goes on. */
static bool talk_step(struct talk *t, double now)
{
	const char *why = t->ready ? talk_read(t, now) : NULL;

	t->ready = false;
	if (why) {
		talk_end(t, why);
		return false;
	}
	if (t->server && t->got == t->sent && now >= t->next) {
		if (now >= t->ends || told_to_end) {
			talk_end(t, NULL);
			return false;
		}
		if (!talk_send(t, now)) {
			talk_end(t, "not-sent");
			return false;
		}
	}
	if ((!t->server || t->got < t->sent) && now > t->progress + PATIENCE_S) {
		talk_end(t, t->server ? "silent" : "no-answer");
		return false;
	}
	return true;
}

static void talk_begin(double now, double ends)
{
	struct talk *t = calloc(1, sizeof(*t));

	if (!t || nr_talks == MAX_FILES)
		die("memory");
	t->fd = socket(place.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		die("socket");
	t->number = (uint32_t)++nr_begun;
	t->began = now_s(CLOCK_REALTIME);
	t->progress = now;
	t->ends = ends;
	if (connect(t->fd, (struct sockaddr *)&place, place_len) && errno != EINPROGRESS) {
		talk_end(t, "connect");
	} else {
		watch(readable, EPOLL_CTL_ADD, t->fd, EPOLLIN, t);
		talks[nr_talks++] = t;
	}
}

static int ask(unsigned int nr_short, unsigned int nr_long, double seconds)
{
	double start = now_s(CLOCK_MONOTONIC), now = start;
	static struct epoll_event ready[MAX_FILES];
	unsigned int begun = 0, servers = 0;
	int nr;

	readable = epoll_create1(EPOLL_CLOEXEC);
	signal(SIGTERM, on_term);
	for (unsigned int i = 0; i < nr_long; i++)
		talk_begin(now, start + seconds + 1);
	while ((now < start + seconds && !told_to_end) || nr_talks) {
		now = now_s(CLOCK_MONOTONIC);
		while (!told_to_end && begun < nr_short && begun < (now - start) / seconds * nr_short) {
			talk_begin(now, now + dice(LIFE_MS));
			begun++;
		}
		nr = epoll_wait(readable, ready, MAX_FILES, 0);
		for (int i = 0; i < nr; i++)
			((struct talk *)ready[i].data.ptr)->ready = true;
		for (unsigned int i = 0; i < nr_talks;) {
			if (talk_step(talks[i], now))
				i++;
			else
				talks[i] = talks[--nr_talks];
		}
		usleep(5000);
	}
	for (int i = 0; i < MAX_SERVERS; i++)
		servers += server_seen[i];
	printf("connections %llu broken %llu bytes %llu servers %u\n", (unsigned long long)nr_begun,
	       (unsigned long long)nr_broken, (unsigned long long)nr_bytes, servers);
	return 0;
}

/* --- one connection after the other ------------------------------------------------------------------------------- */

/* 0 for those that got no answer. */
static int count(unsigned int nr, const char *source)
{
	struct timeval patience = { 3, 0 };
	struct linger linger = { 1, 0 };
	struct sockaddr_in local = { .sin_family = AF_INET };

	if (source && inet_pton(AF_INET, source, &local.sin_addr) != 1)
		die(source);
	for (unsigned int i = 0; i < nr; i++) {
		int fd = socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		uint64_t id = 0;

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		if ((source && bind(fd, (struct sockaddr *)&local, sizeof(local))) ||
		    connect(fd, (struct sockaddr *)&place, place_len) ||
		    recv(fd, &id, sizeof(id), MSG_WAITALL) != sizeof(id))
			id = 0;
		printf("%llu\n", (unsigned long long)id);
		close(fd);
	}
	return 0;
}

/* --- one client port, over and over ------------------------------------------------------------------------------- */

/*
 * Connects. The port may still be the last connection's for an instant: its end has to be acknowledged, which is not
 * the client's to hurry.
 */
static bool reuse_connect(int fd, double start)
{
	while (connect(fd, (struct sockaddr *)&place, place_len)) {
		if (errno != EADDRNOTAVAIL || now_s(CLOCK_MONOTONIC) > start + 5)
			return false;
		usleep(100);
	}
	return true;
}

/* A connection from port 'from', closed by a reset, or by the server first. Returns seconds, negative if it failed. */
static double reuse_once(uint16_t from, bool reset)
{
	struct linger linger = { 1, 0 };
	struct sockaddr_storage local = { .ss_family = place.ss_family };
	struct timeval patience = { 5, 0 };
	double start = now_s(CLOCK_MONOTONIC), took = -1;
	int fd = socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	uint64_t id = 0;

	errno = 0;
	((struct sockaddr_in *)&local)->sin_port = htons(from); /* at the same place in both families */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!bind(fd, (struct sockaddr *)&local, place_len) && reuse_connect(fd, start) &&
	    recv(fd, &id, sizeof(id), MSG_WAITALL) == sizeof(id) && id)
		took = now_s(CLOCK_MONOTONIC) - start;
	if (took >= 0 && reset) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	} else if (took >= 0) {
		if (send(fd, &GOODBYE, sizeof(GOODBYE), MSG_NOSIGNAL) != sizeof(GOODBYE) || recv(fd, &id, 1, 0))
			took = -1;
	}
	if (took < 0)
		printf("failed after %.1f ms: %s\n", (now_s(CLOCK_MONOTONIC) - start) * 1e3, strerror(errno));
	close(fd);
	return took;
}

static int reuse(uint16_t from, unsigned int nr, bool reset)
{
	unsigned int failed = 0, waited = 0;
	double took, worst = 0, start = now_s(CLOCK_MONOTONIC);

	for (unsigned int i = 0; i < nr; i++) {
		took = reuse_once(from, reset);
		failed += took < 0;
		waited += took > 0.5; /* a lost SYN is sent again after one second */
		worst = took > worst ? took : worst;
	}
	printf("connections %u failed %u waited %u worst %.1f ms, all %.1f s\n", nr, failed, waited, worst * 1e3,
	       now_s(CLOCK_MONOTONIC) - start);
	return failed || waited;
}

int main(int argc, char **argv)
{
	struct rlimit files = { MAX_FILES, MAX_FILES };

	(void)setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "serve"))
		serve(argv[2], argv[3]);
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "count")) {
		resolve(argv[2], argv[3]);
		return count((unsigned int)atoi(argv[4]), argv[5]);
	}
	if (argc == 8 && !strcmp(argv[1], "ask")) {
		pause_ms = (int)(atof(argv[7]) * 1000);
		argc = 7;
	}
	if (argc == 7 && (!strcmp(argv[1], "ask") || !strcmp(argv[1], "reuse"))) {
		resolve(argv[2], argv[3]);
		if (!strcmp(argv[1], "ask"))
			return ask((unsigned int)atoi(argv[4]), (unsigned int)atoi(argv[5]), atof(argv[6]));
		return reuse((uint16_t)atoi(argv[4]), (unsigned int)atoi(argv[5]), !strcmp(argv[6], "reset"));
	}
	fputs("usage: talk serve PORT ID | talk ask ADDRESS PORT SHORT LONG SECONDS [PAUSE] |\n"
	      "       talk count ADDRESS PORT NUMBER [SOURCE] |\n"
	      "       talk reuse ADDRESS PORT FROM NUMBER reset|orderly\n",
	      stderr);
	return 2;
}
