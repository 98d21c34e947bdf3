/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keywords of proxies (HAProxy configuration manual, section 4) that a packet balancer can follow: addresses, backends,
 * balancing, timeouts, source addresses.
 */
#include <string.h>

#include "config/parser.h"

static void on_bind(struct parser *p, size_t at)
{
	bind_line(p, at);
}

static void on_mode(struct parser *p, size_t at)
{
	static const char *const words[] = { "tcp", "http", "health", "log", "haterm", "spop", NULL };
	struct settings *set = &p->proxy->set;
	const char *word = parser_word(p, at);

	if (!strcmp(word, "tcp") || !strcmp(word, "http")) {
		set->mode_http = *word == 'h';
		set->mode_place = parser_place(p, at);
		set->mode_told = arena_alloc(&p->arena, sizeof(*set->mode_told));
	} else if (!strcmp(word, "health") || !strcmp(word, "log") || !strcmp(word, "spop") ||
		   !strcmp(word, "haterm")) {
		need_proxy(p, at, "this mode is not about forwarding connections");
	} else {
		complain(p, at, CODE_WORD, did_you_mean(p, word, words), "'%s' is not one of: tcp, http", word);
	}
}

static void on_default_backend(struct parser *p, size_t at)
{
	p->proxy->set.default_backend = parser_word(p, at);
	p->proxy->set.default_backend_place = parser_place(p, at);
}

static void on_maxconn(struct parser *p, size_t at)
{
	unsigned int n;

	if (!value_uint(p, at, 0, 2147483647, &n))
		return;
	p->proxy->set.maxconn = n;
	if (n)
		require(p, at - 1, CAN_FRONTEND_MAXCONN);
}

static void on_rate_limit(struct parser *p, size_t at)
{
	unsigned int n;

	if (value_uint(p, at, 0, 2147483647, &n) && (!n || require(p, at - 2, CAN_RATE_LIMIT)))
		p->proxy->set.rate_limit = n;
}

static void on_description(struct parser *p, size_t at)
{
	const char *text = parser_word(p, at);

	for (at++; text && parser_word(p, at); at++)
		text = arena_printf(&p->arena, "%s %s", text, parser_word(p, at));
	p->proxy->description = text;
}

static void on_load_state(struct parser *p, size_t at)
{
	static const struct named_value words[] = {
		{ "none", STATE_FILE_NONE }, { "global", STATE_FILE_GLOBAL }, { "local", STATE_FILE_LOCAL }, { NULL, 0 }
	};
	int from;

	if (value_choice(p, at, words, "place of a state file (global, local, none)", &from) &&
	    (from == STATE_FILE_NONE || require(p, at - 1, CAN_STATE_FILE)))
		p->proxy->set.load_state = (enum state_file)from;
}

static void on_state_file_name(struct parser *p, size_t at)
{
	const char *name = parser_word(p, at);

	p->proxy->set.state_file = name && strcmp(name, "use-backend-name") != 0 ? name : NULL;
}

static void on_disabled(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.disabled = true;
}

static void on_enabled(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.disabled = false;
}

static void on_id(struct parser *p, size_t at)
{
	const struct proxy *other;
	const char *text;

	if (!value_uint(p, at, 1, 2147483647, &p->proxy->id))
		return;
	p->has_forced_ids = true;
	text = arena_printf(&p->arena, "%u", p->proxy->id);
	other = text ? names_find(&p->names, NAME_PROXY_ID, NULL, text) : NULL;
	if (other && other != p->proxy)
		complain(p, at, CODE_DUPLICATE, "give each proxy an id of its own",
			 "the id %s was already given to '%s' at %s:%u", text, other->name, other->place.file,
			 other->place.line);
	else if (text && !other)
		names_add(&p->names, &p->arena, NAME_PROXY_ID, NULL, text, p->proxy);
}

static void on_retries(struct parser *p, size_t at)
{
	p->proxy->set.has_retries = value_uint(p, at, 0, 2147483647, &p->proxy->set.retries);
}

bool usesrc_parse(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at);
	struct addr addr;

	if (!strcmp(word, "clientip") || !strcmp(word, "client"))
		return require(p, at - 1, CAN_FORWARD_DNAT);
	if (!strncmp(word, "hdr_ip(", 7))
		need_proxy(p, at, "the address stands in a header");
	else if (!addr_parse(word, &addr) || strchr(word, ':'))
		refuse(p, at, "write the address behind 'source' and no 'usesrc'",
		       "connecting from the foreign address '%s' is not available in this version", word);
	else
		complain(p, at, CODE_WORD, "write 'clientip', 'client' or an address", "'%s' is no source", word);
	return false;
}

/* 'source ADDRESS[:LO-HI] [usesrc clientip|client]' */
static void on_source(struct parser *p, size_t at)
{
	struct settings *set = &p->proxy->set;
	const char *more = parser_word(p, at + 1);
	struct endpoint e;

	if (!value_endpoint(p, at, parser_word(p, at), ENDPOINT_RANGE | ENDPOINT_WILD, &e))
		return;
	/* Any address means none in particular: the route chooses. */
	memset(&set->source, 0, sizeof(set->source));
	if (!addr_is_any(&e.addr))
		set->source = e.addr;
	set->source_ports = (struct port_range){ 1, 0 };
	if (e.has_port && e.port_lo)
		set->source_ports = (struct port_range){ (uint16_t)e.port_lo, (uint16_t)e.port_hi };
	if (!more)
		return;
	if (!strcmp(more, "interface") && parser_word(p, at + 2)) {
		refuse(p, at + 1, "remove it: packets leave as the route to the server says",
		       "'interface' on a 'source' line is not available in this version");
	} else if (strcmp(more, "usesrc") != 0 || !parser_word(p, at + 2)) {
		complain(p, at + 1, CODE_WORD, "'usesrc clientip' may stand here", "unexpected word '%s'", more);
	} else if (usesrc_parse(p, at + 2)) {
		set->forward = FORWARD_DNAT;
		set->has_forward = true;
		set->forward_place = parser_place(p, at + 2);
	}
}

static void on_timeout_connect(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.connect);
}

static void on_timeout_client(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.client);
}

static void on_timeout_server(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.server);
}

static void on_timeout_tunnel(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.tunnel);
}

static void on_timeout_client_fin(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.client_fin);
}

static void on_timeout_server_fin(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.server_fin);
}

static void on_timeout_check(struct parser *p, size_t at)
{
	value_time(p, at, 1, 0, &p->proxy->set.timeouts.check);
}

static void on_timeout_other(struct parser *p, size_t at)
{
	unsigned int ignored;

	value_time(p, at, 1, 0, &ignored);
}

static const char log_note[] = "connections are not logged one by one; changes of servers are, by 'log' in global";

const struct keyword keywords_proxy[] = {
	{ "bind", IN_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_bind, "names the packets that are taken; no socket listens",
	  false },
	{ "mode", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_mode, NULL, false },
	{ "default_backend", IN_ANY_FRONT, 1, 1, KW_ACCEPT, on_default_backend, NULL, false },
	{ "disabled", IN_ANY_PROXY, 0, 0, KW_ACCEPT, on_disabled, NULL, false },
	{ "enabled", IN_ANY_PROXY, 0, 0, KW_ACCEPT, on_enabled, NULL, false },
	{ "id", IN_PROXY, 1, 1, KW_ACCEPT, on_id, NULL, false },
	{ "source", IN_ANY_BACK, 1, 4, KW_ACCEPT, on_source,
	  "address and ports that the servers see; 'usesrc' is 'forward dnat'", false },
	{ "timeout connect", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_timeout_connect, "idle time of half-open flows", false },
	{ "timeout client", IN_ANY_FRONT, 1, 1, KW_ACCEPT, on_timeout_client, "idle time of established flows", false },
	{ "timeout server", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_timeout_server, "idle time of established flows", false },
	{ "timeout tunnel", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_timeout_tunnel, "idle time of established flows", false },
	{ "timeout client-fin", IN_ANY_FRONT, 1, 1, KW_ACCEPT, on_timeout_client_fin, "idle time of closing flows",
	  false },
	{ "timeout server-fin", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_timeout_server_fin, "idle time of closing flows",
	  false },
	{ "timeout check", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_timeout_check, NULL, false },

	{ "maxconn", IN_ANY_FRONT, 1, 1, KW_ACCEPT, on_maxconn, "connections at a time; a SYN beyond it is dropped",
	  false },
	{ "rate-limit sessions", IN_ANY_FRONT, 1, 1, KW_ACCEPT, on_rate_limit,
	  "connections per second; a SYN beyond it is dropped", false },

	{ "timeout queue", IN_ANY_BACK, 1, 1, KW_IGNORED, on_timeout_other,
	  "no connection waits for a server: a full one is passed over", false },
	{ "timeout http-request", IN_ANY_PROXY, 1, 1, KW_IGNORED, on_timeout_other, "requests are not looked at",
	  false },
	{ "timeout http-keep-alive", IN_ANY_PROXY, 1, 1, KW_IGNORED, on_timeout_other, "requests are not looked at",
	  false },
	{ "timeout tarpit", IN_ANY_PROXY, 1, 1, KW_IGNORED, on_timeout_other, "no client is held", false },
	{ "retries", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_retries,
	  "each SYN that a client repeats is a retry, how many there are is up to the client; with 'option redispatch' "
	  "the last one of these goes to another server",
	  false },
	{ "log", IN_ANY_PROXY, 1, ARGS_ANY, KW_IGNORED, NULL, log_note, true },
	{ "log-format", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, log_note, false },
	{ "log-format-sd", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, log_note, false },
	{ "error-log-format", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, log_note, false },
	{ "log-tag", IN_ANY_PROXY, 1, 1, KW_IGNORED, NULL, log_note, false },
	{ "unique-id-format", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, log_note, false },
	{ "unique-id-header", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, "no header can be added", false },
	{ "description", IN_PROXY, 1, ARGS_ANY, KW_ACCEPT, on_description, NULL, false },
	{ "guid", IN_PROXY, 1, 1, KW_IGNORED, NULL, "nothing asks for it", false },
	{ "backlog", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, "no socket listens", false },
	{ "bind-process", IN_ANY_PROXY, 1, ARGS_ANY, KW_IGNORED, NULL, "packets are taken on all processors", false },
	{ "fullconn", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "it scales limits of servers, which hold as they are",
	  false },
	{ "grace", IN_ANY_PROXY, 1, 1, KW_IGNORED, NULL, "flows are not tied to the process", false },
	{ "clitcpka-*", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, "the two ends keep their connection alive themselves",
	  false },
	{ "srvtcpka-*", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "the two ends keep their connection alive themselves",
	  false },
	{ "retry-on", IN_ANY_BACK, 1, ARGS_ANY, KW_IGNORED, NULL, "requests are not repeated", false },
	{ "max-keep-alive-queue", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "no request waits", false },
	{ "max-session-srv-conns", IN_ANY_FRONT, 1, 1, KW_IGNORED, NULL, "a connection of a client is one to a server",
	  false },
	{ "http-reuse", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "a connection of a client is one to a server", false },
	{ "errorfile", IN_ANY_PROXY, 2, 2, KW_IGNORED, NULL, "only a proxy sends error pages", false },
	{ "errorfiles", IN_ANY_PROXY, 1, ARGS_ANY, KW_IGNORED, NULL, "only a proxy sends error pages", false },
	{ "errorloc", IN_ANY_PROXY, 2, 2, KW_IGNORED, NULL, "only a proxy sends error pages", false },
	{ "errorloc302", IN_ANY_PROXY, 2, 2, KW_IGNORED, NULL, "only a proxy sends error pages", false },
	{ "errorloc303", IN_ANY_PROXY, 2, 2, KW_IGNORED, NULL, "only a proxy sends error pages", false },
	{ "http-error", IN_ANY_PROXY, 1, ARGS_ANY, KW_IGNORED, NULL, "only a proxy sends error pages", false },
	{ "email-alert", IN_ANY_PROXY, 1, ARGS_ANY, KW_IGNORED, NULL, "no mail is sent; the log has what changes",
	  false },
	{ "declare", IN_ANY_PROXY, 1, ARGS_ANY, KW_IGNORED, NULL, "nothing is captured", false },
	{ "load-server-state-from-file", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_load_state, NULL, false },
	{ "server-state-file-name", IN_ANY_BACK, 0, 1, KW_ACCEPT, on_state_file_name, NULL, false },

	{ "clitimeout", IN_ANY_FRONT, 1, 1, KW_REFUSED, NULL, "write 'timeout client', as HAProxy asks as well",
	  false },
	{ "srvtimeout", IN_ANY_BACK, 1, 1, KW_REFUSED, NULL, "write 'timeout server', as HAProxy asks as well", false },
	{ "contimeout", IN_ANY_BACK, 1, 1, KW_REFUSED, NULL, "write 'timeout connect', as HAProxy asks as well",
	  false },
	{ "dispatch", IN_BACK, 1, 1, KW_REFUSED, NULL, "write a 'server' line instead", false },
	{ "transparent", IN_BACK, 0, 0, KW_REFUSED, NULL, "name the servers", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
