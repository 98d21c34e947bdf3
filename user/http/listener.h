/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A listening TCP socket on the loop. Knows nothing of HTTP. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/addr.h"

struct listener;

/* Takes over 'fd', a connection: non-blocking, close-on-exec. */
typedef void listener_fn(void *arg, int fd, const struct sockaddr *from, socklen_t from_len);

/* Returns 0, -EINVAL (no address), or -errno of socket(2), bind(2), listen(2). */
int listener_open(uv_loop_t *loop, const struct addr *addr, uint16_t port, listener_fn *fn, void *arg,
		  struct listener **ret);

/* Where it really listens, of use when 'port' was 0. */
uint16_t listener_port(const struct listener *l);

/* The socket is closed at once, the memory goes when the loop runs next. NULL is fine. */
void listener_close(struct listener *l);

#endif
