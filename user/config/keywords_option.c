/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* 'option' lines, but for those that configure checks (keywords_check.c). */
#include <stdlib.h>

#include "config/parser.h"

static void on_allbackups(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.allbackups = !p->negated && !p->to_default;
}

static void on_log_health_checks(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.log_health_checks = !p->negated && !p->to_default;
	if (p->proxy->set.log_health_checks)
		require(p, 1, CAN_LOG_HEALTH_CHECKS);
}

static void on_redispatch(struct parser *p, size_t at)
{
	struct settings *set = &p->proxy->set;
	const char *word = parser_word(p, at);
	char *end;

	set->redispatch = !p->negated && !p->to_default;
	set->redispatch_at = -1;
	if (word) {
		set->redispatch_at = strtol(word, &end, 10);
		if (end == word || *end)
			complain(p, at, CODE_NUMBER, "write which retry goes to another server, -1 for the last one",
				 "'%s' is not a whole number", word);
	}
	if (set->redispatch)
		require(p, 1, CAN_REDISPATCH);
}

static void on_socket_stats(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.socket_stats = !p->negated && !p->to_default;
	if (p->proxy->set.socket_stats)
		require(p, 1, CAN_SOCKET_STATS);
}

static void on_forwardfor(struct parser *p, size_t at)
{
	(void)at;
	caution(p, 1, CODE_FORWARDFOR, NULL,
		"'option forwardfor' has no effect: no header can be added to packets, so the servers see the "
		"balancer's address");
}

static const char of_proxy[] = "it tunes a proxy's sockets, requests or log lines; packets pass without";

/* Options that tune a proxy, its log or its sockets. */
#define TUNING(name, where)                                                                                            \
	{                                                                                                              \
		"option " name, where, 0, ARGS_ANY, KW_IGNORED, NULL, of_proxy, true                                   \
	}
#define REQUESTS(name, where)                                                                                          \
	{                                                                                                              \
		"option " name, where, 0, ARGS_ANY, KW_HTTP, NULL, "it works on requests", true                        \
	}

const struct keyword keywords_option[] = {
	{ "option allbackups", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_allbackups, NULL, true },
	{ "option forwardfor", IN_ANY_PROXY, 0, ARGS_ANY, KW_ACCEPT, on_forwardfor, NULL, false },
	{ "option forwarded", IN_ANY_BACK, 0, ARGS_ANY, KW_WARNED, NULL, "no header can be added to packets", false },
	{ "option originalto", IN_ANY_PROXY, 0, ARGS_ANY, KW_WARNED, NULL, "no header can be added to packets", false },
	{ "option transparent", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, "name the servers", true },
	{ "option http_proxy", IN_ANY_PROXY, 0, 0, KW_HTTP, NULL, "it reads requests", true },
	TUNING("httplog", IN_ANY_PROXY),
	TUNING("httpslog", IN_ANY_FRONT),
	TUNING("tcplog", IN_ANY_PROXY),
	TUNING("dontlognull", IN_ANY_FRONT),
	TUNING("dontlog-normal", IN_ANY_FRONT),
	TUNING("log-separate-errors", IN_ANY_FRONT),
	TUNING("logasap", IN_ANY_FRONT),
	{ "option log-health-checks", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_log_health_checks, NULL, true },
	{ "option redispatch", IN_ANY_BACK, 0, 1, KW_ACCEPT, on_redispatch,
	  "a repeated SYN goes to another server: when the first is down, and as the last of the 'retries' or the one "
	  "named here though it is up",
	  true },
	TUNING("persist", IN_ANY_BACK),
	TUNING("prefer-last-server", IN_ANY_BACK),
	TUNING("srvtcpka", IN_ANY_BACK),
	TUNING("clitcpka", IN_ANY_FRONT),
	TUNING("tcpka", IN_ANY_PROXY),
	TUNING("tcp-smart-accept", IN_ANY_FRONT),
	TUNING("tcp-smart-connect", IN_ANY_BACK),
	TUNING("splice-auto", IN_ANY_PROXY),
	TUNING("splice-request", IN_ANY_PROXY),
	TUNING("splice-response", IN_ANY_PROXY),
	TUNING("nolinger", IN_ANY_PROXY),
	TUNING("contstats", IN_ANY_FRONT),
	{ "option socket-stats", IN_ANY_FRONT, 0, 0, KW_ACCEPT, on_socket_stats, NULL, true },
	TUNING("abortonclose", IN_ANY_PROXY),
	TUNING("http-server-close", IN_ANY_PROXY),
	TUNING("http-keep-alive", IN_ANY_PROXY),
	TUNING("http-no-delay", IN_ANY_PROXY),
	TUNING("http-pretend-keepalive", IN_ANY_PROXY),
	TUNING("http-tunnel", IN_ANY_PROXY),
	TUNING("http-use-htx", IN_ANY_PROXY),
	TUNING("http-use-proxy-header", IN_ANY_FRONT),
	TUNING("http-ignore-probes", IN_ANY_FRONT),
	TUNING("http-drop-request-trailers", IN_ANY_BACK),
	TUNING("http-drop-response-trailers", IN_ANY_FRONT),
	TUNING("httpclose", IN_ANY_PROXY),
	TUNING("forceclose", IN_ANY_PROXY),
	TUNING("independent-streams", IN_ANY_PROXY),
	TUNING("accept-invalid-http-request", IN_ANY_FRONT),
	TUNING("accept-invalid-http-response", IN_ANY_BACK),
	TUNING("accept-unsafe-violations-in-http-request", IN_ANY_FRONT),
	TUNING("accept-unsafe-violations-in-http-response", IN_ANY_BACK),
	TUNING("h1-case-adjust-bogus-client", IN_ANY_FRONT),
	TUNING("h1-case-adjust-bogus-server", IN_ANY_BACK),
	TUNING("checkcache", IN_ANY_BACK),
	TUNING("disable-h2-upgrade", IN_ANY_FRONT),
	TUNING("idle-close-on-response", IN_ANY_FRONT),
	TUNING("use-small-buffers", IN_ANY_BACK),
	REQUESTS("http-buffer-request", IN_ANY_PROXY),
	REQUESTS("http-restrict-req-hdr-names", IN_ANY_PROXY),
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
