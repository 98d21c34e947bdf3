/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What checks over HTTP and checks over other streams share of libcurl's TLS, and of its connections. */
#ifndef HEALTH_TLS_H
#define HEALTH_TLS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "model/script_run.h"

enum { TLS_URL_MAX = 512 };

/* Where a connection goes, and how. Strings are the caller's. Lives as long as the transfer. */
struct tls_target {
	const struct sockaddr_storage *to;
	bool proxy_line; /* a PROXY header of version 1 comes first */
	bool tls, verify;
	const char *ca_file;	 /* NULL or "@system-ca": those of the system */
	const char *sni;	 /* name asked for, or NULL */
	const char *verify_host; /* name that the certificate must have; NULL: as 'sni' */
	const char *alpn;	 /* list with commas of h2 and http/1.1, or NULL */
	/* Filled while libcurl connects. */
	int fd;	 /* its socket, or -1 */
	int err; /* positive errno if none could be made */
};

/*
 * Lets 'easy' connect to the target and nowhere else, whatever the environment says. Returns 0, -EINVAL or -ENOMEM.
 * 'ret_route' must be freed after 'easy', or is NULL.
 */
int tls_aim(CURL *easy, struct tls_target *t, struct curl_slist **ret_route);

/* How far did a transfer get whose connection does not stand yet? */
enum script_layer tls_layer(const struct tls_target *t);

/*
 * Why a connection did not come about, in HAProxy's words: 'ret_layer' tells where it failed; 'ret_err' is a positive
 * errno of connecting, or 0.
 */
const char *tls_failure(CURL *easy, CURLcode result, const struct tls_target *t, enum script_layer *ret_layer,
			int *ret_err);

#endif
