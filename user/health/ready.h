/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Readiness of many short-lived descriptors: an epoll set of its own, which is all that libuv sees of them.
 *
 * A uv_poll_t costs seven epoll_ctl() in the life of a check (libuv tries the descriptor out, and takes it off twice),
 * and lives on until the loop turns; a struct ready costs one and is gone when its descriptor is closed.
 */
#ifndef HEALTH_READY_H
#define HEALTH_READY_H

#include <stdbool.h>
#include <uv.h>

struct ready_set;

/* The owner's memory, part of what waits for the descriptor. */
struct ready {
	int fd;
	void (*on_ready)(struct ready *r); /* may end and free it */
	struct ready_set *set;		   /* NULL: not watched */
	bool is_writing;
};

int ready_set_new(uv_loop_t *loop, struct ready_set **ret);

/* Nothing is watched any more. The memory goes when the loop runs next. NULL is fine. */
void ready_set_free(struct ready_set *s);

/* Watches for reading, or with 'writing' for writing, until told otherwise; errors are told by either. 0 or -errno. */
int ready_watch(struct ready_set *s, struct ready *r, bool writing);

/*
 * 'on_ready' is not called any more. 'closes': the descriptor is closed right after this, which takes it out of the set
 * without a further call.
 */
void ready_forget(struct ready *r, bool closes);

#endif
