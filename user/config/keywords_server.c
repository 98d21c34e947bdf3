/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'server' and 'default-server' lines (HAProxy configuration manual, section 5). 'server-template' is
 * server_template.c's.
 *
 * A server starts as a copy of what the default-server lines above it have said. What needs a proxy (TLS towards the
 * server, the PROXY header) makes its section need one.
 */
#include <stdio.h>
#include <string.h>

#include "config/parser.h"
#include "config/tls_words.h"

void server_decl_init(struct server_decl *s)
{
	memset(s, 0, sizeof(*s));
	s->weight = 1;
	s->source_ports = (struct port_range){ 1, 0 };
	check_conf_init(&s->check);
	check_conf_init(&s->agent);
	s->agent.inter = 0; /* as the check's */
	s->agent.rise = s->agent.fall = 1;
	s->observe.limit = 10;
}

/* Bounded so that rise + fall - 1 stays a small int; no one waits for a thousand checks. */
enum { RISE_FALL_MAX = 1000000 };

static void set_addr(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	struct endpoint e;

	if (value_endpoint(p, at, parser_word(p, at), ENDPOINT_NAME, &e))
		s->check.addr = e.addr;
}

static void set_init_state(struct parser *p, void *target, size_t at)
{
	static const struct named_value words[] = {
		{ "up", CHECK_START_UP },     { "fully-up", CHECK_START_FULLY_UP },
		{ "down", CHECK_START_DOWN }, { "fully-down", CHECK_START_FULLY_DOWN },
		{ "none", CHECK_START_UP },   { NULL, 0 },
	};
	struct server_decl *s = target;
	int start;

	if (value_choice(p, at, words, "state before the first check (up, fully-up, down, fully-down, none)", &start))
		s->check.start = (enum check_start)start;
}

/* Without the word of the line 'ssl-server-verify' decides, when all files are read. */
static void set_verify(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	const char *word = parser_word(p, at);

	s->has_verify = true;
	s->check.verify = !strcmp(word, "required");
	if (!s->check.verify && strcmp(word, "none") != 0)
		complain(p, at, CODE_WORD, NULL, "'%s' is not one of: none, required", word);
}

static void set_ca_file(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	const char *word = parser_word(p, at);

	s->check.ca_file = value_text(p, at);
	if (p->ca_base && *word != '/' && *word != '@')
		s->check.ca_file = arena_printf(&p->arena, "%s/%s", p->ca_base, word);
}

static void set_check_sni(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	if (rule_word_is_clean(p, at, parser_word(p, at)))
		s->check.sni = value_text(p, at);
}

static void set_check_alpn(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	if (check_alpn_is_known(p, at))
		s->check.alpn = value_text(p, at);
}

static void set_verifyhost(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	if (rule_word_is_clean(p, at, parser_word(p, at)))
		s->check.verify_host = value_text(p, at);
}

static void set_source(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	struct endpoint e;

	if (!value_endpoint(p, at, parser_word(p, at), ENDPOINT_RANGE | ENDPOINT_WILD, &e))
		return;
	s->has_source = true;
	/* Any address means none in particular: the route chooses. */
	memset(&s->source, 0, sizeof(s->source));
	if (!addr_is_any(&e.addr))
		s->source = e.addr;
	s->source_ports = (struct port_range){ 1, 0 };
	if (e.has_port)
		s->source_ports = (struct port_range){ (uint16_t)e.port_lo, (uint16_t)e.port_hi };
}

static void set_usesrc(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	if (!s->has_source) {
		complain(p, at - 1, CODE_WORD, "write 'source 0.0.0.0' in front of it",
			 "'usesrc' must follow 'source'");
		return;
	}
	if (!usesrc_parse(p, at))
		return;
	s->forward = FORWARD_DNAT;
	s->has_forward = true;
	s->forward_place = parser_place(p, at);
}

static void set_maxconn(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	unsigned int n;

	if (value_uint(p, at, 0, 2147483647, &n) && (!n || require(p, at - 1, CAN_SERVER_MAXCONN)))
		s->maxconn = n;
}

static void set_slowstart(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	unsigned int ms;

	if (value_time(p, at, 1000, 0, &ms) && (!ms || require(p, at - 1, CAN_SLOWSTART)))
		s->slowstart_ms = ms;
}

static void set_marked_down(struct parser *p, void *target, size_t at)
{
	static const struct named_value words[] = { { "shutdown-sessions", 1 }, { NULL, 0 } };
	struct server_decl *s = target;
	int on;

	if (value_choice(p, at, words, "action on a server that goes down (shutdown-sessions)", &on) &&
	    require(p, at - 1, CAN_MARKED_DOWN))
		s->down_ends_flows = true;
}

static void set_marked_up(struct parser *p, void *target, size_t at)
{
	static const struct named_value words[] = { { "shutdown-backup-sessions", 1 }, { NULL, 0 } };
	struct server_decl *s = target;
	int on;

	if (value_choice(p, at, words, "action on a server that comes up (shutdown-backup-sessions)", &on) &&
	    require(p, at - 1, CAN_MARKED_UP))
		s->up_ends_backup_flows = true;
}

static const char tls_note[] = "packets cannot be encrypted on their way to a server";
static const char no_proxy_note[] = "there is no PROXY header to begin with";
static const char proxy_note[] = "the PROXY header has to be written into the stream";

static const char queue_note[] = "there is no queue: a full server is passed over";
static const char resolve_note[] = "host names are looked up once, when the file is read";
static const char stream_note[] = "it tunes connections that a proxy makes; a client's own go through";

static const struct param server_params[] = {
	PARAM("addr", 1, KW_ACCEPT, set_addr, NULL),
	PARAM_SET("backup", struct server_decl, backup),
	PARAM_UNSET("no-backup", struct server_decl, backup),
	PARAM_SET("check", struct server_decl, checked),
	PARAM_UNSET("no-check", struct server_decl, checked),
	PARAM_SET("disabled", struct server_decl, disabled),
	PARAM_UNSET("enabled", struct server_decl, disabled),
	PARAM_DURATION("downinter", struct server_decl, check.downinter, 1),
	PARAM_NUMBER("fall", struct server_decl, check.fall, 1, RISE_FALL_MAX),
	PARAM_DURATION("fastinter", struct server_decl, check.fastinter, 1),
	PARAM_NUMBER("id", struct server_decl, id, 1, 2147483647),
	PARAM_DURATION("inter", struct server_decl, check.inter, 1),
	PARAM_NUMBER("port", struct server_decl, check.port, 1, 65535),
	PARAM_NUMBER("rise", struct server_decl, check.rise, 1, RISE_FALL_MAX),
	PARAM("source", 1, KW_ACCEPT, set_source, NULL),
	PARAM_NUMBER("weight", struct server_decl, weight, 0, MODEL_WEIGHT_MAX),

	PARAM("maxconn", 1, KW_ACCEPT, set_maxconn, "a full server is passed over; there is no queue"),
	PARAM("slowstart", 1, KW_ACCEPT, set_slowstart, NULL),
	PARAM("on-marked-down", 1, KW_ACCEPT, set_marked_down, "its flows end, with a reset to both ends"),
	PARAM("on-marked-up", 1, KW_ACCEPT, set_marked_up, "flows of backup servers end, with a reset to both ends"),
	PARAM("usesrc", 1, KW_ACCEPT, set_usesrc, "the server sees the client: 'forward dnat'"),
	PARAM("resolvers", 1, KW_WARNED, NULL, "host names are resolved once, when the file is read"),

	PARAM("interface", 1, KW_REFUSED, NULL, "remove it: packets leave as the route to the server says"),
	PARAM("agent-check", 0, KW_ACCEPT, server_agent_check, NULL),
	PARAM("no-agent-check", 0, KW_ACCEPT, server_agent_check, NULL),
	PARAM("agent-port", 1, KW_ACCEPT, server_agent_port, NULL),
	PARAM("agent-addr", 1, KW_ACCEPT, server_agent_addr, NULL),
	PARAM("agent-inter", 1, KW_ACCEPT, server_agent_inter, NULL),
	PARAM("agent-send", 1, KW_ACCEPT, server_agent_send, NULL),
	PARAM("track", 1, KW_ACCEPT, server_track, NULL),
	PARAM("observe", 1, KW_ACCEPT, server_observe,
	      "fed by resets and missing answers to the first packet of a flow"),
	PARAM("error-limit", 1, KW_ACCEPT, server_error_limit, NULL),
	PARAM("on-error", 1, KW_ACCEPT, server_on_error, NULL),
	PARAM("init-state", 1, KW_ACCEPT, set_init_state, NULL),
	PARAM_SET("check-ssl", struct server_decl, check.tls),
	PARAM_UNSET("no-check-ssl", struct server_decl, check.tls),
	PARAM("check-sni", 1, KW_ACCEPT, set_check_sni, NULL),
	PARAM("check-alpn", 1, KW_ACCEPT, set_check_alpn, NULL),
	PARAM("verify", 1, KW_ACCEPT, set_verify, NULL),
	PARAM("verifyhost", 1, KW_ACCEPT, set_verifyhost, NULL),
	PARAM("ca-file", 1, KW_ACCEPT, set_ca_file, NULL),
	PARAM_SET("check-send-proxy", struct server_decl, check.proxy_line),
	PARAM_UNSET("no-check-send-proxy", struct server_decl, check.proxy_line),
	PARAM("check-via-socks4", 0, KW_REFUSED, NULL, "checks go directly to the server"),
	PARAM("namespace", 1, KW_PROXY, NULL, "packets stay in one network namespace; start an 'xlbd -n NAME' in each"),

	PARAM("ssl", 0, KW_PROXY, NULL, tls_note),
	PARAM("send-proxy", 0, KW_PROXY, NULL, proxy_note),
	PARAM("send-proxy-v2", 0, KW_PROXY, NULL, proxy_note),
	PARAM("send-proxy-v2-ssl", 0, KW_PROXY, NULL, proxy_note),
	PARAM("send-proxy-v2-ssl-cn", 0, KW_PROXY, NULL, proxy_note),
	PARAM("socks4", 1, KW_PROXY, NULL, "SOCKS is spoken inside of the stream"),
	PARAM("redir", 1, KW_PROXY, NULL, "a redirection is an answer to a request"),
	PARAM("proto", 1, KW_PROXY, NULL, "it translates between versions of HTTP"),
	PARAM("tcp-md5sig", 1, KW_PROXY, NULL, "only who ends a connection can sign its segments"),

	PARAM("cookie", 1, KW_IGNORED, NULL, "it counts with a 'cookie' line only, which needs a proxy"),
	PARAM("minconn", 1, KW_IGNORED, NULL, queue_note),
	PARAM("maxqueue", 1, KW_IGNORED, NULL, queue_note),
	PARAM("strict-maxconn", 0, KW_IGNORED, NULL, "'maxconn' is never exceeded here"),
	PARAM("init-addr", 1, KW_IGNORED, NULL, resolve_note),
	PARAM("resolve-net", 1, KW_IGNORED, NULL, resolve_note),
	PARAM("resolve-opts", 1, KW_IGNORED, NULL, resolve_note),
	PARAM("resolve-prefer", 1, KW_IGNORED, NULL, resolve_note),
	PARAM("non-stick", 0, KW_IGNORED, NULL, stream_note),
	PARAM("stick", 0, KW_IGNORED, NULL, stream_note),
	PARAM("guid", 1, KW_IGNORED, NULL, stream_note),
	PARAM("hash-key", 1, KW_IGNORED, NULL, stream_note),
	PARAM("shard", 1, KW_IGNORED, NULL, stream_note),
	PARAM("tcp-ut", 1, KW_IGNORED, NULL, stream_note),
	PARAM("tfo", 0, KW_IGNORED, NULL, stream_note),
	PARAM("no-tfo", 0, KW_IGNORED, NULL, stream_note),
	PARAM("pool-conn-name", 1, KW_IGNORED, NULL, stream_note),
	PARAM("pool-low-conn", 1, KW_IGNORED, NULL, stream_note),
	PARAM("pool-max-conn", 1, KW_IGNORED, NULL, stream_note),
	PARAM("pool-purge-delay", 1, KW_IGNORED, NULL, stream_note),
	PARAM("max-reuse", 1, KW_IGNORED, NULL, stream_note),
	PARAM("ws", 1, KW_IGNORED, NULL, stream_note),
	PARAM("log-bufsize", 1, KW_IGNORED, NULL, stream_note),
	PARAM("log-proto", 1, KW_IGNORED, NULL, stream_note),

	PARAMS_TLS_SHARED,
	PARAM_TLS("sni", 1),
	PARAM_TLS("check-proto", 1),
	PARAM_TLS("ssl-reuse", 0),
	PARAM_TLS("no-ssl", 0),
	PARAM_TLS("no-ssl-reuse", 0),
	PARAM("no-send-proxy", 0, KW_IGNORED, NULL, no_proxy_note),
	PARAM("no-send-proxy-v2", 0, KW_IGNORED, NULL, no_proxy_note),
	PARAM("no-send-proxy-v2-ssl", 0, KW_IGNORED, NULL, no_proxy_note),
	PARAM("no-send-proxy-v2-ssl-cn", 0, KW_IGNORED, NULL, no_proxy_note),
	PARAM("proxy-v2-options", 1, KW_IGNORED, NULL, "it counts with 'send-proxy-v2' only"),
	PARAM_TLS("no-verifyhost", 0),
	PARAM_TLS("tls-tickets", 0),
	{ .word = NULL },
};

/* The address of a server. False after a message. */
static bool server_address(struct parser *p, size_t at, struct server_decl *s)
{
	struct endpoint e;

	if (!value_endpoint(p, at, parser_word(p, at), ENDPOINT_NAME | ENDPOINT_WILD | ENDPOINT_PATH | ENDPOINT_OFFSET,
			    &e))
		return false;
	if (addr_is_any(&e.addr)) {
		need_proxy(p, at, "the server is wherever the client wanted to go, which a proxy finds out");
		return false;
	}
	s->addr = e.addr;
	s->host = e.host;
	s->port = (uint16_t)e.port_lo;
	s->port_offset = e.port_offset;
	if (e.port_offset && !require(p, at, CAN_PORT_OFFSET))
		return false;
	if (e.path) {
		s->path = e.path;
		s->path_place = parser_place(p, at);
		/* Without quotes the path can be marked by itself. */
		if (s->path_place.len == strlen(parser_word(p, at))) {
			s->path_place.col += (unsigned int)e.path_off;
			s->path_place.len -= (unsigned int)e.path_off;
		}
	}
	return true;
}

/* Is the name or the id that of a server before? Says so. */
static bool is_taken(struct parser *p, const struct server_decl *s, const char *id)
{
	const struct server_decl *by_name = names_find(&p->names, NAME_SERVER, p->proxy, s->name);
	const struct server_decl *by_id = s->id ? names_find(&p->names, NAME_SERVER_ID, p->proxy, id) : NULL;

	if (by_name)
		report(p, DIAG_ERROR, &s->place, CODE_DUPLICATE, "rename one of the two",
		       "the server '%s' was already given at %s:%u", s->name, by_name->place.file, by_name->place.line);
	if (by_id)
		report(p, DIAG_ERROR, &s->place, CODE_DUPLICATE, "give each server an id of its own",
		       "the id %u was already given at %s:%u", s->id, by_id->place.file, by_id->place.line);
	return by_name || by_id;
}

void server_enter(struct parser *p, struct server_decl *s)
{
	char id[16];

	snprintf(id, sizeof(id), "%u", s->id);
	p->proxy->has_forced_ids |= s->id != 0;
	if (!is_taken(p, s, id)) {
		names_add(&p->names, &p->arena, NAME_SERVER, p->proxy, s->name, s);
		if (s->id)
			names_add(&p->names, &p->arena, NAME_SERVER_ID, p->proxy, id, s);
	}
	TAILQ_INSERT_TAIL(&p->proxy->servers, s, next);
}

struct server_decl *server_parse(struct parser *p, size_t at)
{
	struct server_decl *s = arena_alloc(&p->arena, sizeof(*s));
	bool valid;

	if (!s)
		return NULL;
	*s = p->proxy->set.server;
	valid = server_address(p, at, s);
	params_apply(p, server_params, s, "server", at + 1);
	return valid ? s : NULL;
}

struct server_decl *server_line(struct parser *p, size_t at)
{
	bool named = value_name(p, at, "server");
	struct server_decl *s = server_parse(p, at + 1);

	if (!s || !named)
		return NULL;
	s->name = parser_word(p, at);
	s->place = parser_place(p, at);
	server_enter(p, s);
	return s;
}

static void on_server(struct parser *p, size_t at)
{
	server_line(p, at);
}

static void on_default_server(struct parser *p, size_t at)
{
	params_apply(p, server_params, &p->proxy->set.server, "default-server", at);
}

const struct keyword keywords_server[] = {
	{ "server", IN_BACK, 2, ARGS_ANY, KW_ACCEPT, on_server, NULL, false },
	{ "default-server", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, on_default_server, NULL, false },
	{ "server-template", IN_BACK, 3, ARGS_ANY, KW_ACCEPT, server_template_line,
	  "a server for each number; a host name is looked up once and gives each an address of its own", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
