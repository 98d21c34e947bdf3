/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libcurl's multi interface driven by libuv. Knows nothing of checks. */
#ifndef HEALTH_CURL_LOOP_H
#define HEALTH_CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct curl_loop;

/* Returns 0 or -ENOMEM. */
int curl_loop_new(uv_loop_t *loop, struct curl_loop **ret);

/* All transfers must have been removed. The memory goes when the loop runs next. NULL is fine. */
void curl_loop_free(struct curl_loop *c);

/*
 * Runs 'easy' until 'done' is called with its result, which may free it; it is no part of the loop any more by then.
 * Never calls 'done' before it returns. Returns 0 or -ENOMEM. CURLOPT_PRIVATE is taken by this.
 */
struct curl_transfer {
	CURL *easy;
	bool stays; /* it stays part of the loop after 'done', as one with CURLOPT_CONNECT_ONLY must to be of use */
	void (*done)(struct curl_transfer *t, CURLcode result);
};
int curl_loop_add(struct curl_loop *c, struct curl_transfer *t);

/* Takes it out before its end. Not from a callback of libcurl. */
void curl_loop_del(struct curl_loop *c, struct curl_transfer *t);

#endif
