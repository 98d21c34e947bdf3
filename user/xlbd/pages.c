/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One HTTP listener per address and port that a proxy with 'stats enable' or the prometheus exporter binds.
 *
 * These ports are ordinary listening sockets of the host: packets to them pass the data plane untouched.
 */
#include "xlbd/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "xlbd/host.h"

struct page {
	TAILQ_ENTRY(page) next;
	struct addr addr;
	uint16_t port;
	struct http *http;
	bool keep; /* during pages_sync() */
};

struct pages {
	struct state *st;
	TAILQ_HEAD(page_list, page) list;
};

int pages_start(struct state *st, struct pages **ret)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->st = st;
	TAILQ_INIT(&p->list);
	*ret = p;
	return 0;
}

static void close_page(struct pages *p, struct page *page)
{
	TAILQ_REMOVE(&p->list, page, next);
	http_close(page->http);
	free(page);
}

void pages_stop(struct pages *p)
{
	struct page *page;

	if (!p)
		return;
	while ((page = TAILQ_FIRST(&p->list)))
		close_page(p, page);
	free(p);
}

static struct page *find(struct pages *p, const struct addr *addr, uint16_t port)
{
	struct page *page;

	TAILQ_FOREACH(page, &p->list, next)
		if (page->port == port && addr_equal(&page->addr, addr))
			return page;
	return NULL;
}

static int open_page(struct pages *p, const struct addr *addr, uint16_t port, const struct http_conf *conf)
{
	struct page *page = find(p, addr, port);
	int rc;

	if (page) {
		page->keep = true;
		return http_set(page->http, conf);
	}
	page = calloc(1, sizeof(*page));
	if (!page)
		return -ENOMEM;
	page->addr = *addr;
	page->port = port;
	page->keep = true;
	rc = http_open(p->st->loop, addr, port, conf, &host_ops, p->st, &page->http);
	if (rc) {
		free(page);
		return rc;
	}
	TAILQ_INSERT_TAIL(&p->list, page, next);
	return 0;
}

static void open_frontend(struct pages *p, const struct frontend *f, struct diag_list *diags)
{
	struct http_conf conf = {
		.uri = f->stats.enabled ? (f->stats.uri ? f->stats.uri : "/haproxy?stats") : NULL,
		.realm = f->stats.realm,
		.auth = f->stats.auth,
		.refresh_s = f->stats.refresh_s,
		.metrics = f->stats.metrics,
	};
	const struct bind *b;
	char text[ADDR_TEXT_MAX];

	TAILQ_FOREACH(b, &f->binds, next) {
		for (unsigned int port = b->port_lo; port <= b->port_hi; port++) {
			int rc = open_page(p, &b->addr, (uint16_t)port, &conf);

			if (!rc)
				continue;
			diag_add(diags, DIAG_WARNING, NULL, NULL,
				 rc == -EADDRINUSE ? "another program has the port" : NULL,
				 "the stats page of '%s' cannot listen on %s: %s", f->name,
				 addr_format_port(&b->addr, (uint16_t)port, text), strerror(-rc));
		}
	}
}

void pages_sync(struct pages *p, const struct model *m, struct diag_list *diags)
{
	const struct frontend *f;
	struct page *page, *next;

	TAILQ_FOREACH(page, &p->list, next)
		page->keep = false;
	TAILQ_FOREACH(f, &m->frontends, next)
		if ((f->stats.enabled || f->stats.metrics) && !f->disabled && !f->left_to_stack)
			open_frontend(p, f, diags);
	for (page = TAILQ_FIRST(&p->list); page; page = next) {
		next = TAILQ_NEXT(page, next);
		if (!page->keep)
			close_page(p, page);
	}
}
