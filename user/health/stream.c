/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A plain stream is a socket of our own. For TLS libcurl connects and shakes hands; from then on its descriptor is
 * watched here, and curl_easy_recv() and curl_easy_send() take the place of recv() and send().
 */
#include "health/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "health/probe.h"

struct stream {
	struct curl_transfer transfer; /* first: what libcurl hands back */
	struct ready ready;	       /* its descriptor is -1 while libcurl is still connecting */
	struct ready_set *set;
	struct curl_loop *curl;
	struct tls_target target;
	const struct stream_ops *ops;
	void *arg;
	struct curl_slist *route;
	bool is_open;
};

void stream_close(struct stream *s)
{
	if (!s)
		return;
	ready_forget(&s->ready, !s->transfer.easy); /* libcurl closes its own when it likes */
	if (s->transfer.easy) {
		curl_loop_del(s->curl, &s->transfer);
		curl_easy_cleanup(s->transfer.easy);
		curl_slist_free_all(s->route);
	} else if (s->ready.fd >= 0) {
		close(s->ready.fd);
	}
	free(s);
}

enum script_layer stream_layer(const struct stream *s)
{
	if (s->is_open)
		return LAYER_DATA;
	return tls_layer(&s->target);
}

/* What connecting has come to; positive errno. */
static int connect_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err;
}

/*
 * Says who speaks to whom, as a proxy in front of the server would: PROXY protocol, version 1. It is the first that the
 * socket sends and fits, or nothing does. Returns 0 or a positive errno.
 */
static int send_proxy_line(int fd)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], from_port[8], to_port[8];
	char line[2 * INET6_ADDRSTRLEN + 40];
	const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
	struct sockaddr_storage local, peer;
	socklen_t local_len = sizeof(local), peer_len = sizeof(peer);
	int len;

	if (getsockname(fd, (struct sockaddr *)&local, &local_len) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len))
		return errno;
	if (getnameinfo((struct sockaddr *)&local, local_len, from, sizeof(from), from_port, sizeof(from_port),
			numeric) ||
	    getnameinfo((struct sockaddr *)&peer, peer_len, to, sizeof(to), to_port, sizeof(to_port), numeric))
		return EINVAL;
	len = snprintf(line, sizeof(line), "PROXY TCP%c %s %s %s %s\r\n", local.ss_family == AF_INET6 ? '6' : '4', from,
		       to, from_port, to_port);
	return send(fd, line, (size_t)len, MSG_NOSIGNAL) == len ? 0 : errno;
}

static void on_ready(struct ready *r)
{
	struct stream *s = (struct stream *)((char *)r - offsetof(struct stream, ready));
	int err;

	if (s->is_open) {
		s->ops->ready(s->arg);
		return;
	}
	err = connect_error(r->fd);
	if (!err && s->target.proxy_line)
		err = send_proxy_line(r->fd);
	if (err) {
		s->ops->failed(s->arg, LAYER_CONNECT, err, strerror(err));
		return;
	}
	s->is_open = true;
	s->ops->opened(s->arg);
}

int stream_watch(struct stream *s, bool writing)
{
	return ready_watch(s->set, &s->ready, writing);
}

/* --- plain ------------------------------------------------------------------------------------------------------- */

static int open_plain(struct stream *s, bool linger, bool lazy_ack)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int off = 0;
	socklen_t len = s->target.to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	s->ready.fd = probe_socket(s->target.to->ss_family);
	if (s->ready.fd < 0)
		return s->ready.fd;
	/* Both are courtesies: a check without them is as true. */
	if (!linger)
		(void)setsockopt(s->ready.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (lazy_ack)
		(void)setsockopt(s->ready.fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
	if (connect(s->ready.fd, (const struct sockaddr *)s->target.to, len) && errno != EINPROGRESS)
		return -errno;
	return stream_watch(s, true);
}

/* --- TLS --------------------------------------------------------------------------------------------------------- */

static void on_done(struct curl_transfer *t, CURLcode result)
{
	struct stream *s = (struct stream *)t;
	enum script_layer layer = LAYER_TLS;
	curl_socket_t fd = CURL_SOCKET_BAD;
	const char *words;
	int err;

	if (result == CURLE_OK)
		curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd != CURL_SOCKET_BAD) {
		s->ready.fd = (int)fd;
		s->is_open = true;
		s->ops->opened(s->arg);
		return;
	}
	err = s->target.err;
	words = err ? strerror(err) : tls_failure(t->easy, result, &s->target, &layer, &err);
	s->ops->failed(s->arg, err ? LAYER_CONNECT : layer, err, words);
}

static int open_tls(struct stream *s)
{
	int err;

	s->transfer.done = on_done;
	s->transfer.stays = true;
	s->transfer.easy = curl_easy_init();
	if (!s->transfer.easy)
		return -ENOMEM;
	curl_easy_setopt(s->transfer.easy, CURLOPT_CONNECT_ONLY, 1L);
	err = tls_aim(s->transfer.easy, &s->target, &s->route);
	if (!err)
		err = curl_loop_add(s->curl, &s->transfer);
	if (!err)
		return 0;
	curl_easy_cleanup(s->transfer.easy);
	curl_slist_free_all(s->route);
	s->transfer.easy = NULL;
	return err;
}

/* --- both -------------------------------------------------------------------------------------------------------- */

int stream_open(struct ready_set *ready, struct curl_loop *curl, const struct tls_target *target, bool linger,
		bool lazy_ack, const struct stream_ops *ops, void *arg, struct stream **ret)
{
	struct stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->set = ready;
	s->ready.on_ready = on_ready;
	s->curl = curl;
	s->target = *target;
	s->ops = ops;
	s->arg = arg;
	s->ready.fd = -1;
	err = target->tls ? open_tls(s) : open_plain(s, linger, lazy_ack);
	if (err) {
		stream_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

/* libcurl keeps the number of what the socket said to itself. */
static ssize_t curl_error(struct stream *s, CURLcode code)
{
	long err = 0;

	if (code == CURLE_AGAIN)
		return -EAGAIN;
	curl_easy_getinfo(s->transfer.easy, CURLINFO_OS_ERRNO, &err);
	return err > 0 ? -err : -EPROTO;
}

ssize_t stream_read(struct stream *s, void *buf, size_t cap)
{
	size_t got = 0;
	CURLcode code;
	ssize_t len;

	if (s->transfer.easy) {
		code = curl_easy_recv(s->transfer.easy, buf, cap, &got);
		return code ? curl_error(s, code) : (ssize_t)got;
	}
	len = recv(s->ready.fd, buf, cap, 0);
	return len < 0 ? -errno : len;
}

ssize_t stream_write(struct stream *s, const void *data, size_t len)
{
	size_t sent = 0;
	CURLcode code;
	ssize_t got;

	if (s->transfer.easy) {
		code = curl_easy_send(s->transfer.easy, data, len, &sent);
		return code ? curl_error(s, code) : (ssize_t)sent;
	}
	got = send(s->ready.fd, data, len, MSG_NOSIGNAL);
	return got < 0 ? -errno : got;
}
