/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How soon a change of a server is in the tables: bench-change SOCKET PINS BACKEND ADDRESS NUMBER CHANGES
 *
 * The backend has servers s0 to s(NUMBER - 1), with addresses from ADDRESS on. Servers far apart are put into
 * maintenance and taken out again by the runtime socket, while the records of the servers are watched in memory, where
 * the program reads them. Prints one line of microseconds: medians and maxima from the command's first byte to the
 * changed record, and to the answer, by which the whole change is in force.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <xlb/tables.h>

enum { MAX_CHANGES = 10000, STRIDE = 1597, GIVE_UP_US = 5000000 };

static const struct xlb_server *servers;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-change: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static const struct xlb_server *map_servers(const char *pins)
{
	char path[256];
	void *mem;
	int fd;

	snprintf(path, sizeof(path), "%s/xlb_tables", pins);
	fd = bpf_obj_get(path);
	if (fd < 0)
		die(path);
	mem = mmap(NULL, sizeof(struct xlb_tables), PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		die(path);
	close(fd);
	return ((const struct xlb_tables *)mem)->servers;
}

static const struct xlb_server *find_record(uint32_t addr)
{
	for (uint32_t i = 0; i < XLB_MAX_SERVERS; i++)
		if (servers[i].identity && servers[i].family == 4 && servers[i].addr[0] == htonl(addr))
			return &servers[i];
	errno = ENOENT;
	die("server's record");
}

static int connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		die(path);
	return fd;
}

static uint16_t flags_of(const struct xlb_server *s)
{
	return __atomic_load_n(&s->flags, __ATOMIC_RELAXED);
}

/* One change: microseconds to the record and to the end of the answer. */
static void change(const char *path, const char *command, const struct xlb_server *s, double *ret_seen,
		   double *ret_answered)
{
	uint16_t before = flags_of(s);
	int fd = connect_to(path);
	double start = now_us();
	char answer[256];

	if (write(fd, command, strlen(command)) != (ssize_t)strlen(command))
		die("write");
	while (flags_of(s) == before) {
		if (now_us() - start > GIVE_UP_US) {
			errno = ETIMEDOUT;
			die(command);
		}
	}
	*ret_seen = now_us() - start;
	while (read(fd, answer, sizeof(answer)) > 0)
		;
	*ret_answered = now_us() - start;
	close(fd);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double seen[MAX_CHANGES], answered[MAX_CHANGES];
	struct in_addr first;
	char command[256];
	unsigned int nr, changes;

	if (argc != 7 || inet_pton(AF_INET, argv[4], &first) != 1) {
		fputs("usage: bench-change SOCKET PINS BACKEND ADDRESS NUMBER CHANGES\n", stderr);
		return 2;
	}
	nr = (unsigned int)atoi(argv[5]);
	changes = (unsigned int)atoi(argv[6]);
	if (!nr || !changes || changes > MAX_CHANGES)
		return 2;
	servers = map_servers(argv[2]);
	for (unsigned int i = 0; i < changes; i++) {
		unsigned int which = i / 2 * STRIDE % nr;
		snprintf(command, sizeof(command), "set server %s/s%u state %s\n", argv[3], which,
			 i % 2 ? "ready" : "maint");
		change(argv[1], command, find_record(ntohl(first.s_addr) + which), &seen[i], &answered[i]);
	}
	qsort(seen, changes, sizeof(seen[0]), by_value);
	qsort(answered, changes, sizeof(answered[0]), by_value);
	printf("%.0f %.0f %.0f %.0f\n", seen[changes / 2], seen[changes - 1], answered[changes / 2],
	       answered[changes - 1]);
	return 0;
}
