/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What http.c sends: text made from the numbers of a struct runtime_host. No sockets here. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "protocol/runtime.h"

/* How one request wants the page. */
struct page_view {
	const char *uri;	/* of the page, for its links */
	unsigned int refresh_s; /* 0: none configured */
	bool norefresh;		/* the person turned it off */
	bool only_up;		/* leave out servers that are down */
	bool no_maint;		/* leave out servers in maintenance */
	bool metrics;		/* "/metrics" exists */
};

/* The whole HTML document. Out of memory: 'out' has failed. */
void page_format(const struct runtime_host *host, void *arg, const struct page_view *view, struct buf *out);

/* Prometheus' text format, version 0.0.4: HAProxy's names, and xlb's own for what HAProxy has not. */
void metrics_format(const struct runtime_host *host, void *arg, struct buf *out);

#endif
