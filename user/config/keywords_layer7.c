/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keywords that look into a connection. A frontend with one of them is left to the network stack, where a proxy may
 * serve it; one that works on requests counts in mode http only, as in HAProxy. The one exception is the exporter of
 * metrics, which xlbd serves itself.
 */
#include <string.h>

#include "config/parser.h"

static void on_http_request(struct parser *p, size_t at)
{
	if (!strcmp(parser_word(p, at), "use-service") && parser_word(p, at + 1) &&
	    !strcmp(parser_word(p, at + 1), "prometheus-exporter")) {
		p->proxy->set.metrics = true;
		if (!p->proxy->set.stats_place.line)
			p->proxy->set.stats_place = parser_place(p, at);
		return;
	}
	need_http(p, at - 1, "it works on requests");
}

const struct keyword keywords_layer7[] = {
	{ "http-request", IN_ANY_PROXY, 1, ARGS_ANY, KW_ACCEPT, on_http_request, NULL, false },
	{ "http-response", IN_ANY_PROXY, 1, ARGS_ANY, KW_HTTP, NULL, "it works on answers", false },
	{ "http-after-response", IN_ANY_PROXY, 1, ARGS_ANY, KW_HTTP, NULL, "it works on answers", false },
	{ "tcp-request content", IN_ANY_PROXY, 1, ARGS_ANY, KW_PROXY, NULL, "it reads the stream", false },
	{ "tcp-request inspect-delay", IN_ANY_PROXY, 1, 1, KW_PROXY, NULL, "it waits for the stream", false },
	{ "tcp-response content", IN_ANY_BACK, 1, ARGS_ANY, KW_PROXY, NULL, "it reads the stream", false },
	{ "tcp-response inspect-delay", IN_ANY_BACK, 1, 1, KW_PROXY, NULL, "it waits for the stream", false },
	{ "redirect", IN_PROXY, 1, ARGS_ANY, KW_HTTP, NULL, "a redirection is an answer to a request", false },
	{ "cookie", IN_ANY_BACK, 1, ARGS_ANY, KW_HTTP, NULL, "cookies are parts of requests and answers", false },
	{ "dynamic-cookie-key", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "counts only with 'cookie'", false },
	{ "ignore-persist", IN_BACK, 1, ARGS_ANY, KW_PROXY, NULL, "conditions are not available in this version",
	  false },
	{ "force-persist", IN_BACK, 1, ARGS_ANY, KW_PROXY, NULL, "conditions are not available in this version",
	  false },
	{ "use-server", IN_BACK, 1, ARGS_ANY, KW_PROXY, NULL, "conditions are not available in this version", false },
	{ "persist rdp-cookie", IN_ANY_BACK, 0, ARGS_ANY, KW_PROXY, NULL, "it reads the stream", false },
	{ "compression", IN_ANY_PROXY, 1, ARGS_ANY, KW_HTTP, NULL, "answers are compressed by a proxy", false },
	{ "filter", IN_ANY_PROXY, 1, ARGS_ANY, KW_PROXY, NULL, "filters work on the stream", false },
	{ "capture", IN_ANY_FRONT, 1, ARGS_ANY, KW_HTTP, NULL, "it reads requests", false },
	{ "monitor-uri", IN_ANY_FRONT, 1, 1, KW_HTTP, NULL, "it answers requests", false },
	{ "monitor fail", IN_FRONT, 1, ARGS_ANY, KW_HTTP, NULL, "it answers requests", false },
	{ "monitor-net", IN_ANY_FRONT, 1, 1, KW_PROXY, NULL, "it answers requests", false },
	{ "use-fcgi-app", IN_BACK, 1, 1, KW_HTTP, NULL, "FastCGI needs a proxy", false },
	{ "http-send-name-header", IN_ANY_BACK, 0, 1, KW_HTTP, NULL, "it changes requests", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
