/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Accepts connections. When the process has no descriptor left, a connection that waits would wake the loop for ever:
 * the listener looks away for a while instead, and the connection waits in the kernel.
 */
#include "http/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BACKLOG = 64,
	AT_ONCE = 16, /* connections taken in one turn, so that others on the loop get theirs */
	PAUSE_MS = 200,
};

struct listener {
	uv_poll_t poll;
	uv_timer_t pause;
	unsigned int nr_open; /* handles not closed yet */
	int fd;
	uint16_t port;
	listener_fn *fn;
	void *arg;
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
	struct listener *l = timer->data;

	uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->fn(l->arg, fd, (struct sockaddr *)&from, len);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			uv_poll_stop(&l->poll);
			uv_timer_start(&l->pause, on_pause_over, PAUSE_MS, 0);
		}
		return;
	}
}

/* Fills 'ret' and returns its length, 0 if there is no address. */
static socklen_t fill_address(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	if (addr->family == AF_INET) {
		*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = addr->v4, .sin_port = htons(port) };
		return sizeof(*v4);
	}
	if (addr->family == AF_INET6) {
		*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = addr->v6, .sin6_port = htons(port) };
		return sizeof(*v6);
	}
	return 0;
}

/* Returns a listening socket or -errno. */
static int open_socket(const struct addr *addr, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = fill_address(addr, port, &ss);
	const int on = 1;
	int fd, err;

	if (!len)
		return -EINVAL;
	fd = socket(addr->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A restart must not wait for old connections; IPv6 leaves IPv4 to a bind of its own, as in HAProxy. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&ss, &len)) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_port = ntohs(addr->family == AF_INET ? ((struct sockaddr_in *)&ss)->sin_port :
						    ((struct sockaddr_in6 *)&ss)->sin6_port);
	return fd;
}

int listener_open(uv_loop_t *loop, const struct addr *addr, uint16_t port, listener_fn *fn, void *arg,
		  struct listener **ret)
{
	struct listener *l = calloc(1, sizeof(*l));
	int err = -ENOMEM;

	if (!l)
		return err;
	l->fn = fn;
	l->arg = arg;
	err = l->fd = open_socket(addr, port, &l->port);
	if (err < 0)
		goto out_free;
	err = uv_poll_init(loop, &l->poll, l->fd);
	if (err)
		goto out_close;
	uv_timer_init(loop, &l->pause);
	l->nr_open = 2;
	l->poll.data = l->pause.data = l;
	err = uv_poll_start(&l->poll, UV_READABLE, on_ready);
	if (err) {
		listener_close(l);
		return err;
	}
	*ret = l;
	return 0;
out_close:
	close(l->fd);
out_free:
	free(l);
	return err;
}

uint16_t listener_port(const struct listener *l)
{
	return l->port;
}

static void on_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;

	if (!--l->nr_open)
		free(l);
}

void listener_close(struct listener *l)
{
	if (!l)
		return;
	uv_poll_stop(&l->poll);
	close(l->fd);
	uv_close((uv_handle_t *)&l->poll, on_closed);
	uv_close((uv_handle_t *)&l->pause, on_closed);
}
