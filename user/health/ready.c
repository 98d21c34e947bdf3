/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events come in batches. What is forgotten while a batch is worked off may still be in it, so that its entries there
 * are blanked out.
 */
#include "health/ready.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 256 };

struct ready_set {
	uv_poll_t poll;
	int fd;
	struct epoll_event events[BATCH];
	int at, nr; /* of the batch: the one under way, and all */
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct ready_set *s = poll->data;

	(void)status;
	(void)events;
	/* One batch for each turn of the loop: other things have their turn, too. */
	s->nr = epoll_wait(s->fd, s->events, BATCH, 0);
	for (s->at = 0; s->at < s->nr; s->at++) {
		struct ready *r = s->events[s->at].data.ptr;

		if (r)
			r->on_ready(r);
	}
	s->nr = 0;
}

int ready_watch(struct ready_set *s, struct ready *r, bool writing)
{
	struct epoll_event event = { .events = writing ? EPOLLOUT : EPOLLIN, .data.ptr = r };

	if (r->set && r->is_writing == writing)
		return 0;
	if (epoll_ctl(s->fd, r->set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, r->fd, &event))
		return -errno;
	r->set = s;
	r->is_writing = writing;
	return 0;
}

void ready_forget(struct ready *r, bool closes)
{
	struct ready_set *s = r->set;

	if (!s)
		return;
	r->set = NULL;
	if (!closes)
		(void)epoll_ctl(s->fd, EPOLL_CTL_DEL, r->fd, NULL);
	for (int i = s->at + 1; i < s->nr; i++)
		if (s->events[i].data.ptr == r)
			s->events[i].data.ptr = NULL;
}

int ready_set_new(uv_loop_t *loop, struct ready_set **ret)
{
	struct ready_set *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->fd < 0) {
		err = -errno;
		goto out_free;
	}
	err = uv_poll_init(loop, &s->poll, s->fd);
	if (err)
		goto out_close;
	s->poll.data = s;
	err = uv_poll_start(&s->poll, UV_READABLE, on_poll);
	if (err)
		goto out_close;
	*ret = s;
	return 0;
out_close:
	close(s->fd);
out_free:
	free(s);
	return err;
}

static void on_closed(uv_handle_t *handle)
{
	struct ready_set *s = handle->data;

	close(s->fd);
	free(s);
}

void ready_set_free(struct ready_set *s)
{
	if (!s)
		return;
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, on_closed);
}
