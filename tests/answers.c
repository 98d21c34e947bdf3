/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Servers that answer badly, for tests of checks: answers [ADDRESS] < SERVERS
 *
 * Each line of input is a server: PORT END STEP... A step "<" waits for something to be said, any other word is sent,
 * with \r \n \\ \s (a blank) and \xHH in it. Then END: "close", "reset", or "hold" the connection until the other side
 * goes. One process, no limit on its time but the end of its parent.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_SERVERS = 128, MAX_STEPS = 8, MAX_CONNECTIONS = 2048 };

struct step {
	char *data; /* NULL: waits */
	size_t len;
};

struct server {
	int fd;
	enum { END_CLOSE, END_RESET, END_HOLD } end;
	struct step steps[MAX_STEPS];
	size_t nr;
};

struct connection {
	const struct server *server;
	size_t at;
};

static struct server servers[MAX_SERVERS];
static struct connection connections[MAX_CONNECTIONS];
static struct pollfd polled[MAX_SERVERS + MAX_CONNECTIONS]; /* servers first */
static size_t nr_servers, nr_connections;

static void die(const char *what)
{
	fprintf(stderr, "answers: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Takes escapes out of 'word', in place. */
static size_t unescape(char *word)
{
	char *out = word, hex[3] = "";

	for (const char *c = word; *c; c++) {
		if (*c != '\\') {
			*out++ = *c;
			continue;
		}
		c++;
		if (*c == 'x' && isxdigit((unsigned char)c[1]) && isxdigit((unsigned char)c[2])) {
			memcpy(hex, c + 1, 2);
			*out++ = (char)strtoul(hex, NULL, 16);
			c += 2;
		} else {
			*out++ = *c == 'r' ? '\r' : *c == 'n' ? '\n' : *c == 's' ? ' ' : *c;
		}
	}
	return (size_t)(out - word);
}

static void server_open(struct server *s, const char *address, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	const int on = 1;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1 || s->fd < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(s->fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(s->fd, 512))
		die(port);
	polled[nr_servers] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
}

static void server_parse(char *line, const char *address)
{
	struct server *s = &servers[nr_servers];
	char *port = strtok(line, " \n"), *end = strtok(NULL, " \n"), *word;

	if (!port || *port == '#' || !end || nr_servers == MAX_SERVERS)
		return;
	s->end = *end == 'c' ? END_CLOSE : *end == 'r' ? END_RESET : END_HOLD;
	while (s->nr < MAX_STEPS && (word = strtok(NULL, " \n"))) {
		struct step *step = &s->steps[s->nr++];

		if (!strcmp(word, "<"))
			continue;
		step->data = strdup(word);
		if (!step->data)
			die("memory");
		step->len = unescape(step->data);
	}
	server_open(s, address, port);
	nr_servers++;
}

static void connection_end(size_t i)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct pollfd *p = &polled[nr_servers + i];

	if (connections[i].server->end == END_RESET)
		(void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(p->fd);
	nr_connections--;
	connections[i] = connections[nr_connections];
	*p = polled[nr_servers + nr_connections];
}

/* Goes through the steps up to one that waits. False: the connection has ended. */
static bool connection_run(size_t i)
{
	struct connection *c = &connections[i];
	const struct server *s = c->server;

	for (; c->at < s->nr && s->steps[c->at].data; c->at++)
		if (send(polled[nr_servers + i].fd, s->steps[c->at].data, s->steps[c->at].len, MSG_NOSIGNAL) < 0)
			break;
	if (c->at < s->nr || s->end == END_HOLD)
		return true;
	connection_end(i);
	return false;
}

static void connection_read(size_t i)
{
	char buf[4096];
	ssize_t len = recv(polled[nr_servers + i].fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		connection_end(i);
		return;
	}
	if (connections[i].at < connections[i].server->nr) {
		connections[i].at++;
		connection_run(i);
	}
}

static void server_accept(size_t s)
{
	int fd = accept4(servers[s].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (nr_connections == MAX_CONNECTIONS) {
		close(fd);
		return;
	}
	connections[nr_connections] = (struct connection){ .server = &servers[s] };
	polled[nr_servers + nr_connections] = (struct pollfd){ .fd = fd, .events = POLLIN };
	nr_connections++;
	connection_run(nr_connections - 1);
}

int main(int argc, char **argv)
{
	const char *address = argc > 1 ? argv[1] : "127.0.0.1";
	char line[4096];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	while (fgets(line, sizeof(line), stdin))
		server_parse(line, address);
	while (poll(polled, nr_servers + nr_connections, -1) >= 0 || errno == EINTR) {
		for (size_t i = nr_connections; i-- > 0;)
			if (polled[nr_servers + i].revents)
				connection_read(i);
		for (size_t s = 0; s < nr_servers; s++)
			if (polled[s].revents)
				server_accept(s);
	}
	die("poll");
}
