/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'bind' lines (HAProxy configuration manual, sections 4 and 5.1), UDP binds by pragma, and 'stats socket'.
 *
 * A bind opens no socket: it names the packets that are taken. Parameters that tune a listening socket are ignored,
 * those that change the stream need a proxy.
 */
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"
#include "config/tls_words.h"

/* What the parameters of one line say to all its addresses. */
struct bind_line {
	const char *interface, *name;
	unsigned int id, maxconn, mss;
	bool v6only;
};

static void set_interface(struct parser *p, void *target, size_t at)
{
	struct bind_line *b = target;
	const char *word = parser_word(p, at);

	if (!*word || strlen(word) > 15 || strchr(word, '/'))
		complain(p, at, CODE_NAME, NULL, "'%s' is not the name of a network interface", word);
	else
		b->interface = word;
}

static void set_name(struct parser *p, void *target, size_t at)
{
	struct bind_line *b = target;

	b->name = parser_word(p, at);
}

static void set_mss(struct parser *p, void *target, size_t at)
{
	struct bind_line *b = target;
	const char *word = parser_word(p, at);
	unsigned int n;

	if (*word == '-')
		caution(p, at, CODE_NOT_ENFORCED, "write the size itself",
			"a size below the path's own is not known here");
	else if (value_uint(p, at, 1, 65535, &n) && require(p, at - 1, CAN_MSS))
		b->mss = n;
}

static const char tls_note[] = "TLS ends in a proxy";

static const char socket_note[] = "it tunes a listening socket, and none is opened";

static const struct param bind_params[] = {
	PARAM("interface", 1, KW_ACCEPT, set_interface, NULL),
	PARAM("name", 1, KW_ACCEPT, set_name, NULL),

	PARAM_NUMBER("id", struct bind_line, id, 1, 2147483647),
	PARAM_NUMBER("maxconn", struct bind_line, maxconn, 0, 2147483647),
	PARAM("mss", 1, KW_ACCEPT, set_mss, NULL),
	PARAM_SET("v6only", struct bind_line, v6only),
	PARAM("v4v6", 0, KW_ACCEPT, NULL, NULL), /* what '::' means here anyway, unless there is 'v6only' */
	PARAM("namespace", 1, KW_PROXY, NULL, "packets stay in one network namespace; start an 'xlbd -n NAME' in each"),
	PARAM("proto", 1, KW_PROXY, NULL, "it chooses the version of HTTP towards clients"),

	PARAM("ssl", 0, KW_PROXY, NULL, tls_note),
	PARAM("accept-proxy", 0, KW_PROXY, NULL, "the PROXY header stands inside of the stream"),
	PARAM("accept-netscaler-cip", 1, KW_PROXY, NULL, "the NetScaler header stands inside of the stream"),

	PARAM("transparent", 0, KW_IGNORED, NULL, socket_note),
	PARAM("guid-prefix", 1, KW_IGNORED, NULL, socket_note),
	PARAM("label", 1, KW_IGNORED, NULL, socket_note),
	PARAM("tfo", 0, KW_IGNORED, NULL, socket_note),
	PARAM("defer-accept", 0, KW_IGNORED, NULL, socket_note),
	PARAM("backlog", 1, KW_IGNORED, NULL, socket_note),
	PARAM("thread", 1, KW_IGNORED, NULL, socket_note),
	PARAM("process", 1, KW_IGNORED, NULL, socket_note),
	PARAM("shards", 1, KW_IGNORED, NULL, socket_note),
	PARAM("level", 1, KW_IGNORED, NULL, socket_note),
	PARAM("severity-output", 1, KW_IGNORED, NULL, socket_note),
	PARAM("expose-fd", 1, KW_IGNORED, NULL, socket_note),
	PARAM("mode", 1, KW_IGNORED, NULL, socket_note),
	PARAM("user", 1, KW_IGNORED, NULL, socket_note),
	PARAM("group", 1, KW_IGNORED, NULL, socket_note),
	PARAM("uid", 1, KW_IGNORED, NULL, socket_note),
	PARAM("gid", 1, KW_IGNORED, NULL, socket_note),
	PARAM("nice", 1, KW_IGNORED, NULL, socket_note),
	PARAM("tcp-ut", 1, KW_IGNORED, NULL, socket_note),

	PARAMS_TLS_SHARED,
	PARAM_TLS("crt-list", 1),
	PARAM_TLS("ca-file", 1),
	PARAM_TLS("ca-ignore-err", 1),
	PARAM_TLS("ca-sign-file", 1),
	PARAM_TLS("ca-sign-pass", 1),
	PARAM_TLS("ca-verify-file", 1),
	PARAM_TLS("crt-ignore-err", 1),
	PARAM_TLS("ecdhe", 1),
	PARAM_TLS("verify", 1),
	PARAM_TLS("tls-ticket-keys", 1),
	PARAM_TLS("generate-certificates", 0),
	PARAM_TLS("prefer-client-ciphers", 0),
	PARAM_TLS("strict-sni", 0),
	PARAM_TLS("no-ca-names", 0),
	PARAM_TLS("quic-force-retry", 0),
	{ .word = NULL },
};

/* NULL when there is no memory for it, which the arena remembers. */
static struct bind_decl *add_decl(struct parser *p, size_t at, const struct endpoint *e, const struct bind_line *line,
				  uint8_t proto)
{
	struct bind_decl *b = arena_alloc(&p->arena, sizeof(*b));

	if (!b)
		return NULL;
	b->place = parser_place(p, at);
	b->addr = e->addr;
	b->port_lo = (uint16_t)e->port_lo;
	b->port_hi = (uint16_t)e->port_hi;
	b->proto = proto;
	b->interface = line->interface;
	b->name = line->name;
	b->id = line->id;
	b->maxconn = line->maxconn;
	b->mss = line->mss;
	TAILQ_INSERT_TAIL(&p->proxy->binds, b, next);
	return b;
}

static void add_one(struct parser *p, size_t at, const char *text, const struct bind_line *line, unsigned int flags,
		    uint8_t proto)
{
	struct bind_decl *b;
	struct endpoint e;

	if (!value_endpoint(p, at, text, ENDPOINT_RANGE | ENDPOINT_WILD | ENDPOINT_NAME | flags, &e))
		return;
	if (!e.has_port || !e.port_lo) {
		complain(p, at, CODE_PORT, "write ADDRESS:PORT, or :PORT for all addresses",
			 "a port from 1 to 65535 is missing in '%s'", text);
		return;
	}
	if (e.port_lo == 1 && e.port_hi == 65535 && !require(p, at, CAN_ANY_PORT))
		return;
	(void)add_decl(p, at, &e, line, proto);
	/* A socket on '::' takes IPv4 as well (net.ipv6.bindv6only). */
	if (e.addr.family == AF_INET6 && addr_is_any(&e.addr) && !line->v6only) {
		memset(&e.addr, 0, sizeof(e.addr));
		e.addr.family = AF_INET;
		b = add_decl(p, at, &e, line, proto);
		if (b)
			b->same_socket = true;
	}
}

/* The addresses of word 'at', separated by commas. */
static void add_list(struct parser *p, size_t at, const struct bind_line *line, unsigned int flags, uint8_t proto)
{
	const char *text = parser_word(p, at);
	char *one;
	size_t len;

	for (;;) {
		len = strcspn(text, ",");
		one = arena_copy(&p->arena, text, len);
		if (!one)
			return;
		add_one(p, at, one, line, flags, proto);
		if (!text[len])
			return;
		text += len + 1;
	}
}

void bind_line(struct parser *p, size_t at)
{
	struct bind_line line = { 0 };

	params_apply(p, bind_params, &line, "bind", at + 1);
	add_list(p, at, &line, 0, IPPROTO_TCP);
}

void bind_pragma(struct parser *p, size_t at, uint8_t proto)
{
	struct bind_line line = { 0 };

	params_apply(p, bind_params, &line, "#@xlb bind", at + 1);
	add_list(p, at, &line, ENDPOINT_ANY_PORT, proto);
}

static void set_mode(struct parser *p, void *target, size_t at)
{
	struct stats_socket *s = target;
	const char *word = parser_word(p, at);
	char *end;
	unsigned long mode = strtoul(word, &end, 8);

	if (*end || !*word || mode > 0777)
		complain(p, at, CODE_NUMBER, NULL, "'%s' is not a file mode such as 660", word);
	else
		s->mode = (unsigned int)mode;
}

static void set_level(struct parser *p, void *target, size_t at)
{
	static const char *const words[] = { "user", "operator", "admin", NULL };
	struct stats_socket *s = target;
	const char *word = parser_word(p, at);

	if (!strcmp(word, "user"))
		s->level = ACCESS_USER;
	else if (!strcmp(word, "operator"))
		s->level = ACCESS_OPERATOR;
	else if (!strcmp(word, "admin"))
		s->level = ACCESS_ADMIN;
	else
		complain(p, at, CODE_WORD, did_you_mean(p, word, words), "'%s' is not one of: user, operator, admin",
			 word);
}

/* Strings of the model are on the heap: they outlive the arena. */
static void replace(struct parser *p, char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		p->arena.failed = true;
		return;
	}
	free(*field);
	*field = copy;
}

static void set_user(struct parser *p, void *target, size_t at)
{
	struct stats_socket *s = target;

	replace(p, &s->user, parser_word(p, at));
}

static void set_group(struct parser *p, void *target, size_t at)
{
	struct stats_socket *s = target;

	replace(p, &s->group, parser_word(p, at));
}

static const struct param socket_params[] = {
	PARAM("mode", 1, KW_ACCEPT, set_mode, NULL),
	PARAM("level", 1, KW_ACCEPT, set_level, NULL),
	PARAM("user", 1, KW_ACCEPT, set_user, NULL),
	PARAM("group", 1, KW_ACCEPT, set_group, NULL),
	PARAM("uid", 1, KW_ACCEPT, set_user, NULL),
	PARAM("gid", 1, KW_ACCEPT, set_group, NULL),
	PARAM("name", 1, KW_IGNORED, NULL, socket_note),
	PARAM("id", 1, KW_IGNORED, NULL, socket_note),
	PARAM("expose-fd", 1, KW_IGNORED, NULL, socket_note),
	PARAM("severity-output", 1, KW_IGNORED, NULL, socket_note),
	PARAM("process", 1, KW_IGNORED, NULL, socket_note),
	PARAM("thread", 1, KW_IGNORED, NULL, socket_note),
	PARAM("maxconn", 1, KW_IGNORED, NULL, socket_note),
	PARAM("backlog", 1, KW_IGNORED, NULL, socket_note),
	PARAM("nice", 1, KW_IGNORED, NULL, socket_note),
	{ .word = NULL },
};

void stats_socket_line(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at);
	struct stats_socket *s;
	struct endpoint e = { 0 };

	s = calloc(1, sizeof(*s));
	if (!s) {
		p->arena.failed = true;
		return;
	}
	s->level = ACCESS_OPERATOR;
	s->line = p->line_nr;
	/* In the model at once, which frees it whatever happens. */
	TAILQ_INSERT_TAIL(&p->model->sockets, s, next);
	if (!strncmp(word, "unix@", 5))
		word += 5;
	if (strchr(word, '@') && strncmp(word, "ipv4@", 5) != 0) {
		refuse(p, at, "give it a path or ADDRESS:PORT",
		       "a stats socket at '%s' is not available in this version", word);
	} else if (strchr(word, '/')) {
		replace(p, &s->path, word);
	} else if (!strchr(word, ':')) {
		complain(p, at, CODE_ADDRESS, "write a path such as /run/xlb/stats.sock, or ADDRESS:PORT",
			 "'%s' is neither a path nor ADDRESS:PORT", word);
	} else if (value_endpoint(p, at, word, ENDPOINT_WILD | ENDPOINT_NAME, &e)) {
		if (!e.port_lo)
			complain(p, at, CODE_PORT, NULL, "a port from 1 to 65535 is missing in '%s'", word);
		s->addr = e.addr;
		s->port = (uint16_t)e.port_lo;
	}
	params_apply(p, socket_params, s, "stats socket", at + 1);
}
