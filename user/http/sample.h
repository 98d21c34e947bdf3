/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All proxies and servers with their numbers at one moment, in the order of the file: what the page and the metrics are
 * both written from. Points into the model, so it is of use only until the next turn of the loop.
 */
#ifndef HTTP_SAMPLE_H
#define HTTP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/runtime.h"

enum sample_kind { SAMPLE_FRONTEND, SAMPLE_SERVER, SAMPLE_BACKEND };

#define SAMPLE_NONE INT64_MIN /* the number does not apply */

struct sample {
	enum sample_kind kind;
	unsigned int proxy_id;	    /* one for all rows of a proxy */
	const char *proxy, *server; /* 'server' NULL unless SAMPLE_SERVER */
	const struct frontend *f;
	const struct backend *b;
	const struct server *s;
	char status[48];   /* HAProxy's word */
	const char *state; /* the same reduced to UP, DOWN, MAINT or DRAIN */
	const char *check; /* code of the last check, or NULL */
	/* From here on numbers that a metric can name. */
	int64_t active, active_max, limit, total;
	int64_t rate, rate_max, last_new_s;
	int64_t packets_in, packets_out, bytes_in, bytes_out;
	int64_t refused, client_resets, server_resets;
	int64_t weight, user_weight, active_servers, backup_servers;
	int64_t check_failures, downs, last_change_s, downtime_s;
	int64_t check_code, check_ms;
};

struct samples {
	struct sample *list; /* per proxy: its frontend, its servers, its backend */
	size_t nr;
	struct runtime_info info;
};

/* Returns 0 or -ENOMEM with nothing to release. */
int samples_take(const struct runtime_host *host, void *arg, struct samples *ret);
void samples_fini(struct samples *s);

#endif
