/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections to control sockets: bytes in, lines to the runtime protocol, bytes out.
 *
 * A client that does not read holds up nobody but itself: its next command waits until its answer is gone.
 */
#ifndef XLBD_CLIENT_H
#define XLBD_CLIENT_H

#include <uv.h>

#include "protocol/runtime.h"

enum { CLIENTS_MAX = 64 };

/* All connections of the daemon. Zero-initialise. */
struct clients {
	TAILQ_HEAD(client_list, client) list;
	unsigned int nr;
	const struct runtime_host *host;
	void *host_arg;
	unsigned int timeout_ms; /* idle time after which a connection is closed */
};

/* Accepts what waits on 'listener'. Beyond CLIENTS_MAX the connection idle for longest makes room. */
void client_accept(struct clients *all, uv_stream_t *listener, enum access_level level);

/* Closes all of them; the memory goes when the loop runs. */
void clients_close(struct clients *all);

#endif
