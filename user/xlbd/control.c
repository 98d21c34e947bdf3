/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Listening sockets. What comes in over them is the business of client.c.
 *
 * A Unix socket is bound under another name and renamed into place, with its mode and group set before: nobody can
 * connect to it earlier, and a daemon that starts anew never leaves a moment without a socket.
 */
#include "xlbd/control.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "xlbd/client.h"
#include "xlbd/host.h"
#include "xlbd/peer.h"
#include "xlbd/statefile.h"

enum {
	BACKLOG = 128,
	ACCEPTS_PER_TURN = 32, /* then those who are connected have their turn */
	NO_MEMORY_MS = 100,
};

struct listener {
	TAILQ_ENTRY(listener) next;
	struct control *control;
	char *path; /* NULL: TCP */
	struct addr addr;
	uint16_t port;
	enum access_level level;
	bool is_own; /* xlb's own socket, where 'level' is that of members of 'group' */
	gid_t group;
	union {
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} uv;
	uv_timer_t pause;
	unsigned int nr_handles;
	uint64_t turn_ms; /* loop time when 'accepted' was 0 */
	unsigned int accepted;
	bool keep; /* during control_sync() */
};

struct control {
	struct state *st;
	TAILQ_HEAD(listener_list, listener) listeners;
	struct clients clients;
	unsigned int nr_open; /* listeners whose handle is not closed yet */
	bool stopping;
};

/* Who may connect to a Unix socket. */
struct ownership {
	unsigned int mode;
	uid_t user; /* -1: as it is */
	gid_t group;
};

/* Does another process answer there? A live HAProxy whose configuration we read must keep its socket. */
static bool is_served(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;
	bool answers;

	if (strlen(path) >= sizeof(sun.sun_path))
		return false;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	answers = !connect(fd, (struct sockaddr *)&sun, sizeof(sun)) || errno == EAGAIN;
	close(fd);
	return answers;
}

static int bind_path(const char *path, const struct ownership *own)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, rc, len;

	len = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s.%d.tmp", path, (int)getpid());
	if (len < 0 || (size_t)len >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || chmod(sun.sun_path, own->mode) ||
	    ((own->user != (uid_t)-1 || own->group != (gid_t)-1) && chown(sun.sun_path, own->user, own->group)) ||
	    listen(fd, BACKLOG) || rename(sun.sun_path, path)) {
		rc = -errno;
		(void)unlink(sun.sun_path);
		close(fd);
		return rc;
	}
	return fd;
}

static int bind_tcp(const struct addr *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addr->v4 };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = addr->v6 };
	bool v6 = addr->family == AF_INET6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, rc;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, v6 ? (struct sockaddr *)&sin6 : (struct sockaddr *)&sin, v6 ? sizeof(sin6) : sizeof(sin))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static void on_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;
	struct control *c = l->control;

	if (--l->nr_handles)
		return;
	free(l->path);
	free(l);
	if (!--c->nr_open && c->stopping)
		free(c);
}

/* Sockets of the configuration are trusted as their line says; xlb's own one by who is at the other end. */
static enum access_level level_of(void *arg, int fd)
{
	const struct listener *l = arg;
	struct peer peer;

	if (!l->is_own)
		return l->level;
	if (peer_of(fd, &peer))
		return ACCESS_USER;
	return peer_level(&peer, geteuid(), l->group, l->level);
}

static void on_pause_over(uv_timer_t *timer);

static void accept_one(struct listener *l)
{
	l->accepted++;
	if (client_accept(&l->control->clients, &l->uv.stream, level_of, l))
		(void)uv_timer_start(&l->pause, on_pause_over, NO_MEMORY_MS, 0);
}

static void on_pause_over(uv_timer_t *timer)
{
	struct listener *l = timer->data;

	l->turn_ms = uv_now(timer->loop);
	l->accepted = 0;
	accept_one(l);
}

/* A connection that is not accepted here stops libuv's accepting until it is: a flood waits in the kernel. */
static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *l = stream->data;

	if (status)
		return;
	if (l->turn_ms != uv_now(stream->loop)) {
		l->turn_ms = uv_now(stream->loop);
		l->accepted = 0;
	}
	if (l->accepted < ACCEPTS_PER_TURN || uv_timer_start(&l->pause, on_pause_over, 1, 0))
		accept_one(l);
}

/* Hands a bound descriptor to the loop, which closes it in any case. 0 or -errno. */
static int listen_on(struct control *c, struct listener *l, int fd)
{
	int rc = uv_timer_init(c->st->loop, &l->pause);

	if (rc) {
		close(fd);
		free(l->path);
		free(l);
		return rc;
	}
	l->control = c;
	l->pause.data = l;
	l->nr_handles = 1;
	c->nr_open++;
	rc = l->path ? uv_pipe_init(c->st->loop, &l->uv.pipe, 0) : uv_tcp_init(c->st->loop, &l->uv.tcp);
	if (rc) {
		close(fd);
		uv_close((uv_handle_t *)&l->pause, on_closed);
		return rc;
	}
	l->uv.stream.data = l;
	l->nr_handles = 2;
	rc = l->path ? uv_pipe_open(&l->uv.pipe, fd) : uv_tcp_open(&l->uv.tcp, fd);
	if (rc)
		close(fd);
	else
		rc = uv_listen(&l->uv.stream, BACKLOG, on_connection);
	if (rc) {
		uv_close((uv_handle_t *)&l->pause, on_closed);
		uv_close((uv_handle_t *)&l->uv.stream, on_closed);
		return rc;
	}
	TAILQ_INSERT_TAIL(&c->listeners, l, next);
	return 0;
}

static int open_path(struct control *c, const char *path, const struct ownership *own, enum access_level level)
{
	struct listener *l = calloc(1, sizeof(*l));
	int fd;

	if (!l)
		return -ENOMEM;
	l->path = strdup(path);
	l->level = level;
	l->keep = true;
	fd = l->path ? bind_path(path, own) : -ENOMEM;
	if (fd < 0) {
		free(l->path);
		free(l);
		return fd;
	}
	return listen_on(c, l, fd);
}

static int open_tcp(struct control *c, const struct stats_socket *s)
{
	struct listener *l = calloc(1, sizeof(*l));
	int fd;

	if (!l)
		return -ENOMEM;
	l->addr = s->addr;
	l->port = s->port;
	l->level = s->level;
	l->keep = true;
	fd = bind_tcp(&s->addr, s->port);
	if (fd < 0) {
		free(l);
		return fd;
	}
	return listen_on(c, l, fd);
}

static void close_listener(struct control *c, struct listener *l)
{
	TAILQ_REMOVE(&c->listeners, l, next);
	if (l->path)
		(void)unlink(l->path);
	uv_close((uv_handle_t *)&l->pause, on_closed);
	uv_close((uv_handle_t *)&l->uv.stream, on_closed);
}

/* By name; an unknown name is -ENOENT. */
static int look_up_owner(const struct stats_socket *s, struct ownership *ret)
{
	struct ownership own = { .mode = s->mode ? s->mode : 0660, .user = (uid_t)-1, .group = (gid_t)-1 };

	if (s->user) {
		struct passwd *pw = getpwnam(s->user);

		if (!pw)
			return -ENOENT;
		own.user = pw->pw_uid;
	}
	if (s->group) {
		struct group *gr = getgrnam(s->group);

		if (!gr)
			return -ENOENT;
		own.group = gr->gr_gid;
	}
	*ret = own;
	return 0;
}

static struct listener *find(struct control *c, const struct stats_socket *s)
{
	struct listener *l;

	TAILQ_FOREACH(l, &c->listeners, next) {
		if (s->path ? l->path && !strcmp(s->path, l->path) :
			      !l->path && l->port == s->port && addr_equal(&l->addr, &s->addr))
			return l;
	}
	return NULL;
}

/* Opens a socket of the configuration unless it is open already. */
static void want(struct control *c, const struct stats_socket *s, struct diag_list *diags)
{
	struct listener *l = find(c, s);
	const char *hint = NULL;
	struct ownership own;
	char addr[ADDR_TEXT_MAX];
	int rc;

	if (l) {
		l->keep = true;
		l->level = s->level;
		return;
	}
	if (s->path) {
		rc = is_served(s->path) ? -EADDRINUSE : look_up_owner(s, &own);
		if (!rc)
			rc = open_path(c, s->path, &own, s->level);
	} else {
		rc = open_tcp(c, s);
	}
	if (rc == -EADDRINUSE)
		hint = "another program has it and keeps it";
	else if (s->path)
		hint = "do directory, user and group of the line exist?";
	if (rc)
		diag_add(diags, DIAG_WARNING, NULL, NULL, hint, "stats socket %s (line %u) cannot be opened: %s",
			 s->path ? s->path : addr_format_port(&s->addr, s->port, addr), s->line, strerror(-rc));
}

void control_sync(struct control *c, const struct model *m, struct diag_list *diags)
{
	const struct stats_socket *s;
	struct listener *l, *next;

	c->clients.timeout_ms = m->stats_timeout_ms;
	TAILQ_FOREACH(l, &c->listeners, next) {
		l->keep = l->is_own;
		/* A 'stats socket' line with this path says what the group may do. */
		if (l->is_own)
			l->level = ACCESS_ADMIN;
	}
	TAILQ_FOREACH(s, &m->sockets, next)
		want(c, s, diags);
	for (l = TAILQ_FIRST(&c->listeners); l; l = next) {
		next = TAILQ_NEXT(l, next);
		if (!l->keep)
			close_listener(c, l);
	}
}

static void settle(void *host_arg)
{
	struct state *st = host_arg;

	statefile_settle(st->statefile);
}

int control_start(struct state *st, struct diag_list *diags, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));
	struct group *group = getgrnam("xlb");
	struct ownership own = { .mode = 0660, .user = (uid_t)-1, .group = group ? group->gr_gid : (gid_t)-1 };
	int rc;

	if (!c)
		return -ENOMEM;
	c->st = st;
	TAILQ_INIT(&c->listeners);
	TAILQ_INIT(&c->clients.list);
	c->clients.host = &host_ops;
	c->clients.host_arg = st;
	c->clients.settle = settle;
	c->clients.timeout_ms = st->model->stats_timeout_ms;
	*ret = c;
	rc = open_path(c, st->paths.socket, &own, ACCESS_ADMIN);
	if (rc) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "cannot open the control socket %s: %s", st->paths.socket,
			 strerror(-rc));
		return rc;
	}
	TAILQ_FIRST(&c->listeners)->is_own = true;
	TAILQ_FIRST(&c->listeners)->group = own.group;
	return 0;
}

void control_stop(struct control *c)
{
	struct listener *l;

	if (!c)
		return;
	c->stopping = true;
	clients_close(&c->clients);
	if (!c->nr_open) {
		free(c);
		return;
	}
	while ((l = TAILQ_FIRST(&c->listeners)))
		close_listener(c, l);
}
