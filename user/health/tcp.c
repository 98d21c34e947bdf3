/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The check that only connects. As HAProxy does, it leaves by a reset instead of FIN, so that a check costs neither
 * side a socket in TIME-WAIT, and it holds back the acknowledgement that completes the handshake, so that the server's
 * program mostly never sees the connection.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "health/probe.h"

struct tcp_question {
	uv_poll_t poll;
	struct health_probe *probe;
	int fd;
};

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void abandon(struct health_probe *p)
{
	struct tcp_question *q = p->question;

	p->question = NULL;
	uv_poll_stop(&q->poll);
	close(q->fd);
	uv_close((uv_handle_t *)&q->poll, on_poll_closed);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct tcp_question *q = poll->data;
	struct health_probe *p = q->probe;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)events;
	if (getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (!err && status < 0)
		err = -status;
	abandon(p);
	if (err)
		probe_done(p, probe_connect_code(err), 0, strerror(err));
	else
		probe_done(p, CHECK_L4OK, 0, NULL);
}

/* Takes over 'fd' in any case. Returns 0 or -errno. */
static int watch(struct health_probe *p, int fd)
{
	struct tcp_question *q = calloc(1, sizeof(*q));
	int err = -ENOMEM;

	if (!q)
		goto out_close;
	q->probe = p;
	q->fd = fd;
	err = uv_poll_init(p->health->loop, &q->poll, fd);
	if (err)
		goto out_free;
	q->poll.data = q;
	p->question = q;
	err = uv_poll_start(&q->poll, UV_WRITABLE, on_writable);
	if (err)
		abandon(p);
	return err;
out_free:
	free(q);
out_close:
	close(fd);
	return err;
}

static void set_options(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int off = 0;

	/* Both are courtesies: a check without them is as true. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

static bool begin(struct health_probe *p, struct health_result *ret)
{
	int fd = probe_socket(p->to.ss_family), err;

	if (fd < 0) {
		*ret = (struct health_result){ .code = CHECK_SOCKERR, .desc = strerror(-fd) };
		return false;
	}
	set_options(fd);
	if (!connect(fd, (const struct sockaddr *)&p->to, p->to_len)) {
		close(fd);
		*ret = (struct health_result){ .code = CHECK_L4OK };
		return false;
	}
	err = errno;
	if (err != EINPROGRESS) {
		close(fd);
		*ret = (struct health_result){ .code = probe_connect_code(err), .desc = strerror(err) };
		return false;
	}
	err = -watch(p, fd);
	if (err) {
		*ret = (struct health_result){ .code = CHECK_SOCKERR, .desc = strerror(err) };
		return false;
	}
	return true;
}

const struct probe_method probe_tcp = { .begin = begin, .abandon = abandon };
