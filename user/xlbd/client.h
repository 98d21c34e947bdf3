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

enum {
	CLIENTS_MAX = 64,
	CLIENTS_HARD = 256, /* with those that came a moment ago */
	CLIENTS_ADMIN = 4,  /* places that only connections of level admin get */
};

/* All connections of the daemon. Zero-initialise. */
struct clients {
	TAILQ_HEAD(client_list, client) list;
	unsigned int nr, nr_admins;
	const struct runtime_host *host;
	void *host_arg;
	unsigned int timeout_ms;	/* idle time after which a connection is closed */
	void (*settle)(void *host_arg); /* before each answer: what it tells has happened for good */
};

/*
 * Accepts what waits on 'listener'; 'level_of' says what the peer behind the descriptor may do. Where there is no
 * place, the connection that is missed least makes room: a low level before a high one, then the one idle for longest.
 * -ENOMEM: it still waits, and libuv accepts nothing until this is called again.
 */
int client_accept(struct clients *all, uv_stream_t *listener, enum access_level (*level_of)(void *arg, int fd),
		  void *arg);

/* Closes all of them; the memory goes when the loop runs. */
void clients_close(struct clients *all);

#endif
