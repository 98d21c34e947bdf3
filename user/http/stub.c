/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stands in until user/http has its server: the daemon says that a stats page cannot listen, everything else works.
 * Delete this file with the first real one.
 */
#include <errno.h>

#include "http/http.h"

int http_open(uv_loop_t *loop, const struct addr *addr, uint16_t port, const struct http_conf *conf,
	      const struct runtime_host *host, void *arg, struct http **ret)
{
	(void)loop, (void)addr, (void)port, (void)conf, (void)host, (void)arg, (void)ret;
	return -ENOSYS;
}

int http_set(struct http *h, const struct http_conf *conf)
{
	(void)h, (void)conf;
	return 0;
}

uint16_t http_port(const struct http *h)
{
	(void)h;
	return 0;
}

void http_close(struct http *h)
{
	(void)h;
}
