/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stats page and the metrics over HTTP, on the event loop: one object per address and port that a proxy with
 * 'stats enable' or the prometheus exporter binds.
 *
 * Reads only. GET and HEAD, no administrative action, whatever the configuration says. All data comes through struct
 * runtime_host at the moment of the request, so nothing here follows a reload but the few words of struct http_conf.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "protocol/runtime.h"

struct http;

/*
 * What is served. 'uri' is the page, and 'uri' followed by ";csv" the same numbers as CSV; further suffixes of HAProxy
 * are understood: ";norefresh", ";up", ";no-maint". Anything else is answered by 404.
 */
struct http_conf {
	const char *uri;	/* of the stats page, e.g. "/haproxy?stats"; NULL: no page */
	const char *realm;	/* NULL: "HAProxy Statistics" */
	const char *auth;	/* "user:password" that every request must present, or NULL: none asked */
	unsigned int refresh_s; /* the page loads itself anew after so many seconds; 0: never */
	bool metrics;		/* serve "/metrics" in Prometheus' text format */
};

/*
 * Listens on 'addr':'port' and serves. 'conf' is copied; 'host' and 'arg' must outlive the object. Returns 0, -EINVAL
 * (no address), or what socket(2), bind(2) and listen(2) said: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ...
 */
int http_open(uv_loop_t *loop, const struct addr *addr, uint16_t port, const struct http_conf *conf,
	      const struct runtime_host *host, void *arg, struct http **ret);

/* Takes other words from now on; the socket and open connections stay. Returns 0, or -ENOMEM with nothing changed. */
int http_set(struct http *h, const struct http_conf *conf);

/* Where it really listens, of use when 'port' was 0. */
uint16_t http_port(const struct http *h);

/* Closes connections and socket at once; the memory goes when the loop runs next. NULL is fine. Not from a callback of
 * 'host' made by this object. */
void http_close(struct http *h);

#endif
