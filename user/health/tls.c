/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A name to ask for (SNI) becomes the host of the URL, and the connection is led to the server's address all the same;
 * without a name the host is the address, for which libcurl sends none.
 */
#include "health/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "health/probe.h"

static uint16_t take_address(const struct sockaddr_storage *to, struct addr *ret)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)to;

	*ret = (struct addr){ .family = to->ss_family };
	if (to->ss_family == AF_INET) {
		ret->v4 = v4->sin_addr;
		return ntohs(v4->sin_port);
	}
	ret->v6 = v6->sin6_addr;
	return ntohs(v6->sin6_port);
}

static const char *name_of(const struct tls_target *t)
{
	if (!t->tls)
		return NULL;
	return t->sni ? t->sni : t->verify_host;
}

static int aim_address(CURL *easy, const struct tls_target *t, struct curl_slist **ret_route)
{
	struct addr a;
	uint16_t port = take_address(t->to, &a);
	const char *scheme = t->tls ? "https" : "http", *name = name_of(t);
	char where[ADDR_TEXT_MAX], text[TLS_URL_MAX];
	struct curl_slist *route = NULL;
	int len;

	addr_format_port(&a, port, where);
	if (name)
		len = snprintf(text, sizeof(text), "%s://%s:%u/", scheme, name, port);
	else
		len = snprintf(text, sizeof(text), "%s://%s/", scheme, where);
	if (len >= (int)sizeof(text) || curl_easy_setopt(easy, CURLOPT_URL, text))
		return -EINVAL;
	if (name) {
		snprintf(text, sizeof(text), "::%s", where);
		route = curl_slist_append(NULL, text);
		if (!route)
			return -ENOMEM;
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, route);
	}
	*ret_route = route;
	return 0;
}

/* Of 'alpn' libcurl offers what its version of HTTP says; without 'alpn' nothing is offered. */
static void set_tls(CURL *easy, const struct tls_target *t)
{
	bool by_name = t->verify && name_of(t);

	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, t->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, by_name ? 2L : 0L);
	if (t->ca_file && strcmp(t->ca_file, "@system-ca") != 0) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, t->alpn ? 1L : 0L);
	if (t->alpn && strstr(t->alpn, "h2"))
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	else if (t->alpn)
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct tls_target *t = arg;
	int fd = probe_socket(address->family);

	(void)purpose;
	t->fd = fd;
	if (fd >= 0)
		return fd;
	t->err = -fd;
	return CURL_SOCKET_BAD;
}

int tls_aim(CURL *easy, struct tls_target *t, struct curl_slist **ret_route)
{
	int err = aim_address(easy, t, ret_route);

	if (err)
		return err;
	if (t->tls)
		set_tls(easy, t);
	curl_easy_setopt(easy, CURLOPT_HAPROXYPROTOCOL, t->proxy_line ? 1L : 0L);
	t->fd = -1;
	t->err = 0;
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, t->tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	return 0;
}

enum script_layer tls_layer(const struct tls_target *t)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (!t->tls || t->fd < 0 || getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return LAYER_CONNECT;
	return info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT ? LAYER_TLS : LAYER_CONNECT;
}

/* Results that come from TLS. The socket is gone by then. */
static bool is_of_tls(CURLcode result)
{
	switch ((int)result) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return true;
	}
	return false;
}

/* What libcurl answers for the result of the chain while it has not looked at one that failed. */
enum { UNLOOKED = 1 };

/* A chain that is not trusted is a handshake that failed; only the name has words of its own. */
static const char *tls_words(CURL *easy, CURLcode result, const struct tls_target *t)
{
	long verify = 0;

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	if (result != CURLE_PEER_FAILED_VERIFICATION || verify > UNLOOKED)
		return "SSL handshake failure";
	return t->sni ? "Server presented an SSL certificate different from the expected one" :
			"Server presented an SSL certificate different from the configured one";
}

const char *tls_failure(CURL *easy, CURLcode result, const struct tls_target *t, enum script_layer *ret_layer,
			int *ret_err)
{
	long err = 0;

	*ret_err = 0;
	*ret_layer = is_of_tls(result) ? LAYER_TLS : LAYER_CONNECT;
	if (*ret_layer == LAYER_TLS)
		return tls_words(easy, result, t);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &err);
	*ret_err = (int)err;
	return err ? strerror((int)err) : curl_easy_strerror(result);
}
