/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lays siege to a Unix socket that speaks the runtime protocol, and measures what one who asks a question meanwhile has
 * to wait: siege SOCKET IDLE SLOW QUESTIONS
 *
 * IDLE connections say nothing, SLOW ones ask for far more than they read, one program sends garbage as fast as it can.
 * Prints "QUESTIONS answered, median N us, worst N us" and ends with 1 when a question got no whole answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096 };

static struct sockaddr_un place = { .sun_family = AF_UNIX };

static int open_connection(int flags)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&place, sizeof(place))) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (flags)
		(void)fcntl(fd, F_SETFL, flags);
	return fd;
}

/* Holds connections, and opens anew what was closed, a part of them every second. */
static void be_idle(unsigned int nr)
{
	static int fds[MAX_CONNECTIONS];
	unsigned int part = 0;
	char byte;

	for (unsigned int i = 0; i < nr; i++)
		fds[i] = open_connection(O_NONBLOCK);
	for (;;) {
		for (unsigned int i = part++ % 10; i < nr; i += 10) {
			if (fds[i] >= 0 && read(fds[i], &byte, 1) < 0 && errno == EAGAIN)
				continue;
			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = open_connection(O_NONBLOCK);
		}
		usleep(1000 * 1000);
	}
}

/* Asks without end and reads a byte now and then. */
static void be_slow(unsigned int nr)
{
	static const char questions[] =
		"show stat\nshow sess\nshow servers state\n@xlb {\"cmd\":\"show\",\"what\":\"flows\"}\n";
	static int fds[MAX_CONNECTIONS];
	char byte;

	for (unsigned int i = 0; i < nr; i++) {
		fds[i] = open_connection(O_NONBLOCK);
		if (fds[i] >= 0)
			(void)!write(fds[i], "prompt\n", 7);
	}
	for (;;) {
		for (unsigned int i = 0; i < nr; i++) {
			while (fds[i] >= 0 && write(fds[i], questions, sizeof(questions) - 1) > 0)
				;
			if (fds[i] >= 0 && (read(fds[i], &byte, 1) > 0 || errno == EAGAIN))
				continue;
			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = open_connection(O_NONBLOCK);
			if (fds[i] >= 0)
				(void)!write(fds[i], "prompt\n", 7);
		}
		usleep(50 * 1000);
	}
}

/* Bytes of all values, a newline now and then; what comes back is read, so that nothing slows it down. */
static void send_garbage(void)
{
	char bytes[4096], answer[65536];
	int fd = -1;

	for (;;) {
		if (fd < 0) {
			fd = open_connection(O_NONBLOCK);
			if (fd >= 0)
				(void)!write(fd, "prompt\n", 7);
		}
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = random() % 40 ? (char)random() : '\n';
		if (fd < 0)
			continue;
		while (read(fd, answer, sizeof(answer)) > 0)
			;
		if (write(fd, bytes, sizeof(bytes)) < 0 && errno != EAGAIN) {
			close(fd);
			fd = -1;
		}
	}
}

static pid_t spawn(void)
{
	pid_t pid = fork();

	if (!pid)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Microseconds from connect() to the end of the answer; negative: it was not whole. */
static double ask(void)
{
	static char answer[1 << 20];
	double from = now_us();
	int fd = open_connection(0);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	if (write(fd, "show info\n", 10) == 10)
		while (len < sizeof(answer) - 1 && (n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
			len += (size_t)n;
	close(fd);
	answer[len] = '\0';
	return len > 2 && strstr(answer, "\nUptime_sec: ") && !strcmp(answer + len - 2, "\n\n") ? now_us() - from : -1;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static unsigned int measure(unsigned int nr)
{
	double *took = calloc(nr, sizeof(*took));
	unsigned int answered = 0;

	for (unsigned int i = 0; took && i < nr; i++) {
		double us = ask();

		if (us >= 0)
			took[answered++] = us;
		usleep(10 * 1000);
	}
	if (answered) {
		qsort(took, answered, sizeof(*took), by_size);
		printf("%u of %u answered, median %.0f us, worst %.0f us\n", answered, nr, took[answered / 2],
		       took[answered - 1]);
	} else {
		printf("0 of %u answered\n", nr);
	}
	free(took);
	return answered;
}

int main(int argc, char **argv)
{
	struct rlimit files = { MAX_CONNECTIONS + 64, MAX_CONNECTIONS + 64 };
	unsigned int idle, slow, questions, answered;
	pid_t pids[3];

	if (argc != 5 || strlen(argv[1]) >= sizeof(place.sun_path)) {
		fputs("usage: siege SOCKET IDLE SLOW QUESTIONS\n", stderr);
		return 2;
	}
	strcpy(place.sun_path, argv[1]);
	idle = (unsigned int)strtoul(argv[2], NULL, 10);
	slow = (unsigned int)strtoul(argv[3], NULL, 10);
	questions = (unsigned int)strtoul(argv[4], NULL, 10);
	if (idle > MAX_CONNECTIONS || slow > MAX_CONNECTIONS)
		return 2;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!(pids[0] = spawn()))
		be_idle(idle);
	if (!(pids[1] = spawn()))
		be_slow(slow);
	if (!(pids[2] = spawn()))
		send_garbage();
	sleep(2); /* until all of them stand */
	answered = measure(questions);
	for (int i = 0; i < 3; i++)
		if (pids[i] > 0 && !kill(pids[i], SIGKILL))
			(void)waitpid(pids[i], NULL, 0);
	return answered != questions;
}
