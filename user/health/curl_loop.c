/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libcurl asks for sockets to watch and for one timer; libuv has both. libcurl opens and closes the sockets itself, so
 * a watch is taken off before the socket goes.
 */
#include "health/curl_loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct curl_loop {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
};

struct watch {
	uv_poll_t poll;
	struct curl_loop *owner;
	curl_socket_t fd;
};

static void collect(struct curl_loop *c)
{
	int left;
	CURLMsg *msg;

	while ((msg = curl_multi_info_read(c->multi, &left))) {
		CURLcode result = msg->data.result;
		CURL *easy = msg->easy_handle;
		struct curl_transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		if (!t->stays)
			curl_multi_remove_handle(c->multi, easy);
		t->done(t, result);
	}
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct curl_loop *c = w->owner;
	int flags = 0, running;

	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(c->multi, w->fd, flags, &running); /* 'w' may be gone after this */
	collect(c);
}

static void on_timeout(uv_timer_t *timer)
{
	struct curl_loop *c = timer->data;
	int running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(c);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct curl_loop *c = arg;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, on_timeout, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
	return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void unwatch(struct curl_loop *c, struct watch *w)
{
	curl_multi_assign(c->multi, w->fd, NULL);
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static struct watch *watch_new(struct curl_loop *c, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->owner = c;
	w->fd = fd;
	if (uv_poll_init_socket(c->loop, &w->poll, fd)) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	curl_multi_assign(c->multi, fd, w);
	return w;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct curl_loop *c = arg;
	struct watch *w = socket_arg;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w)
			unwatch(c, w);
		return 0;
	}
	if (!w)
		w = watch_new(c, fd);
	if (!w)
		return -1; /* the transfer fails */
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&w->poll, events, on_ready) ? -1 : 0;
}

int curl_loop_new(uv_loop_t *loop, struct curl_loop **ret)
{
	struct curl_loop *c;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto out_global;
	c->loop = loop;
	c->multi = curl_multi_init();
	if (!c->multi)
		goto out_free;
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	*ret = c;
	return 0;
out_free:
	free(c);
out_global:
	curl_global_cleanup();
	return -ENOMEM;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void curl_loop_free(struct curl_loop *c)
{
	if (!c)
		return;
	curl_multi_cleanup(c->multi);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
	curl_global_cleanup();
}

int curl_loop_add(struct curl_loop *c, struct curl_transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	return curl_multi_add_handle(c->multi, t->easy) == CURLM_OK ? 0 : -ENOMEM;
}

void curl_loop_del(struct curl_loop *c, struct curl_transfer *t)
{
	curl_multi_remove_handle(c->multi, t->easy);
}
