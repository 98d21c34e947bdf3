/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A connection of a check on the loop: plain, or with TLS by libcurl. Knows nothing of rules. */
#ifndef HEALTH_STREAM_H
#define HEALTH_STREAM_H

#include "health/curl_loop.h"
#include "health/ready.h"
#include "health/tls.h"

struct stream;

struct stream_ops {
	/* It stands. */
	void (*opened)(void *arg);
	/* It does not come about. 'err' is a positive errno of connecting, or 0. To be closed all the same. */
	void (*failed)(void *arg, enum script_layer layer, int err, const char *words);
	/* It can be read from or written to, as stream_watch() asked. */
	void (*ready)(void *arg);
};

/*
 * Opens a connection. 'linger': it will end by FIN, else by a reset, which leaves no TIME-WAIT anywhere. 'lazy_ack':
 * the acknowledgement that completes the handshake may wait, for nothing is expected. Strings of 'target' and 'ops'
 * must outlive the stream. No callback comes before this returns. Returns 0 or -errno, also of connecting at once.
 */
int stream_open(struct ready_set *ready, struct curl_loop *curl, const struct tls_target *target, bool linger,
		bool lazy_ack, const struct stream_ops *ops, void *arg, struct stream **ret);

/* No callback comes after this. NULL is fine. */
void stream_close(struct stream *s);

/* How far it is, for those whose time is over. */
enum script_layer stream_layer(const struct stream *s);

/* Both: number of bytes, 0 (reading only): the other side has closed, or -errno, -EAGAIN among them. */
ssize_t stream_read(struct stream *s, void *buf, size_t cap);
ssize_t stream_write(struct stream *s, const void *data, size_t len);

/* Calls 'ready' when it can be read from, or with 'writing' written to. 0 or -errno. */
int stream_watch(struct stream *s, bool writing);

#endif
