/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Small UDP packets for the end-to-end bench. `bench-udp send ADDRESS PORT SECONDS` sends as fast as it can from a
 * number of sockets and prints the packets sent; `bench-udp sink ADDRESS PORT` receives until SIGTERM and prints, on
 * each SIGUSR1, how many packets have come so far.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { NR_SOCKETS = 64, BATCH = 32, PAYLOAD = 18 /* a frame of 60 bytes, the least there is */ };

static volatile sig_atomic_t report, end;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		report = 1;
	else
		end = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A UDP socket bound or connected to the address, or -1. */
static int open_socket(const char *addr, const char *port, bool sink)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;

	if (fd < 0 || inet_pton(AF_INET, addr, &sin.sin_addr) != 1)
		return -1;
	if (sink)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if ((sink ? bind : connect)(fd, (struct sockaddr *)&sin, sizeof(sin)))
		return -1;
	return fd;
}

/* A batch of messages that all use the same buffer. */
static void fill_batch(struct mmsghdr *msgs, struct iovec *iov, size_t len)
{
	static char payload[2048];

	*iov = (struct iovec){ .iov_base = payload, .iov_len = len };
	memset(msgs, 0, BATCH * sizeof(*msgs));
	for (int i = 0; i < BATCH; i++) {
		msgs[i].msg_hdr.msg_iov = iov;
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
}

static int run_sink(const char *addr, const char *port)
{
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: a signal ends the wait */
	int fd = open_socket(addr, port, true), n;
	struct mmsghdr msgs[BATCH];
	unsigned long long packets = 0;
	struct iovec iov;

	if (fd < 0) {
		fprintf(stderr, "bench-udp: %s port %s: %s\n", addr, port, strerror(errno));
		return 1;
	}
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	while (!end) {
		fill_batch(msgs, &iov, 2048);
		n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);
		if (n > 0)
			packets += (unsigned int)n;
		if (report) {
			report = 0;
			printf("%llu\n", packets);
			fflush(stdout);
		}
	}
	return 0;
}

static int run_send(const char *addr, const char *port, double seconds)
{
	unsigned long long packets = 0;
	struct mmsghdr msgs[BATCH];
	int fds[NR_SOCKETS], n;
	struct iovec iov;
	double until;

	for (int i = 0; i < NR_SOCKETS; i++) {
		fds[i] = open_socket(addr, port, false);
		if (fds[i] < 0) {
			fprintf(stderr, "bench-udp: %s port %s: %s\n", addr, port, strerror(errno));
			return 1;
		}
	}
	fill_batch(msgs, &iov, PAYLOAD);
	until = now() + seconds;
	for (int i = 0; now() < until; i = (i + 1) % NR_SOCKETS) {
		n = sendmmsg(fds[i], msgs, BATCH, 0);
		if (n > 0)
			packets += (unsigned int)n;
	}
	printf("%llu\n", packets);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return run_sink(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "send"))
		return run_send(argv[2], argv[3], atof(argv[4]));
	fprintf(stderr, "usage: bench-udp sink ADDRESS PORT | bench-udp send ADDRESS PORT SECONDS\n");
	return 2;
}
