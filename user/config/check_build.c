/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The script that the lines of a section amount to: rules as written, with what HAProxy adds to them, or the rules that
 * a check of a known protocol stands for. The packets are those of the protocols' specifications: what is sent is the
 * least that makes a server answer, and leaves it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/check_decl.h"

/* --- rules of the file ------------------------------------------------------------------------------------------- */

/* Adds without looking at memory: 'ok' falls once and for all when there is none. */
struct maker {
	struct check_script *script;
	bool ok;
};

static void maker_begin(struct maker *m)
{
	m->script = script_new();
	m->ok = m->script;
}

static struct check_rule *add(struct maker *m, enum rule_action action)
{
	struct check_rule *r = m->ok ? script_add(m->script, action) : NULL;

	m->ok = r;
	return r;
}

static void text(struct maker *m, char **field, const char *value)
{
	m->ok = m->ok && !script_text(field, value);
}

static void copy_rules(struct maker *m, const struct check_script *from, size_t begin, size_t end)
{
	for (size_t i = begin; m->ok && i < end; i++)
		m->ok = !script_copy_rule(m->script, &from->rules[i]);
}

/* What passes without any rule that says so. */
static void add_default_expect(struct maker *m)
{
	static const struct status_range fine = { 200, 399 };
	struct check_rule *r = add(m, RULE_EXPECT);

	if (!r)
		return;
	r->expect.match = MATCH_STATUS;
	r->expect.ranges = calloc(1, sizeof(fine));
	m->ok = r->expect.ranges;
	if (m->ok) {
		r->expect.ranges[0] = fine;
		r->expect.nr_ranges = 1;
	}
}

/* The request of the 'option' line; what the first 'http-check send' says besides goes before it. */
static void add_request(struct maker *m, const struct check_decl *d, const struct rule_request *first)
{
	struct check_rule *r = add(m, RULE_REQUEST);
	static const struct rule_request none;

	if (!r)
		return;
	if (!first)
		first = &none;
	text(m, &r->request.method, first->method ? first->method : d->method);
	text(m, &r->request.uri, first->uri ? first->uri : d->uri);
	text(m, &r->request.version, first->version ? first->version : d->version);
	text(m, &r->request.headers, first->headers ? first->headers : d->headers);
	text(m, &r->request.body, first->body);
}

static bool has_expect(const struct check_script *s)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->rules[i].action == RULE_EXPECT)
			return true;
	return false;
}

static void make_http(struct maker *m, const struct check_decl *d)
{
	const struct check_script *from = d->http.script;
	size_t nr = from ? from->nr : 0, at = 0;

	m->script->nolb_on_404 = d->nolb_on_404;
	m->script->send_state = d->send_state;
	m->script->is_protocol = true;
	if (nr && from->rules[0].action == RULE_CONNECT)
		copy_rules(m, from, 0, ++at);
	if (at < nr && from->rules[at].action == RULE_REQUEST)
		add_request(m, d, &from->rules[at++].request);
	else
		add_request(m, d, NULL);
	copy_rules(m, from, at, nr);
	if (!has_expect(from))
		add_default_expect(m);
}

/* --- known protocols --------------------------------------------------------------------------------------------- */

static void send_bytes(struct maker *m, unsigned int step, const void *data, size_t len)
{
	struct check_rule *r = add(m, RULE_SEND);

	if (!r)
		return;
	r->step = step;
	m->ok = !script_data(r, data, len);
}

static struct check_rule *expect(struct maker *m, unsigned int step, enum rule_match match, enum check_code error)
{
	struct check_rule *r = add(m, RULE_EXPECT);

	if (!r)
		return NULL;
	r->step = step;
	r->expect.match = match;
	r->expect.error = error;
	return r;
}

static struct check_rule *expect_pattern(struct maker *m, unsigned int step, enum rule_match match, const char *pattern,
					 long min_recv, enum check_code error)
{
	struct check_rule *r = expect(m, step, match, error);
	char reason[PATTERN_ERROR_MAX];
	size_t at;

	if (!r)
		return NULL;
	r->expect.min_recv = min_recv;
	m->ok = !script_data(r, pattern, strlen(pattern)) &&
		!pattern_new(pattern, false, &r->expect.regex, &at, reason);
	return m->ok ? r : NULL;
}

/* Messages tell the answer's own words, from byte 'from' of it. */
static void tell_answer(struct check_rule *r, size_t from, bool with_code)
{
	if (!r)
		return;
	r->expect.tells_answer = true;
	r->expect.answer_from = from;
	r->expect.code_in_answer = with_code;
}

static void make_redis(struct maker *m)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n", pong[] = "+PONG\r\n";
	struct check_rule *r;

	send_bytes(m, 1, ping, sizeof(ping) - 1);
	r = expect(m, 2, MATCH_STRING, CHECK_L7STS);
	if (!r)
		return;
	m->ok = !script_data(r, pong, sizeof(pong) - 1);
	tell_answer(r, 0, false);
	text(m, &r->expect.on_ok, "Redis server is ok");
}

static void make_smtp(struct maker *m, const struct check_decl *d)
{
	static const char quit[] = "QUIT\r\n";
	const char *hello = d->hello ? d->hello : "HELO localhost\r\n";
	struct check_rule *r = add(m, RULE_CONNECT);

	if (!r)
		return;
	r->connect.as_server = true;
	r->step = 1;
	tell_answer(expect_pattern(m, 2, MATCH_REGEX, "^[0-9]{3}[ \r]", 4, CHECK_L7RSP), 0, false);
	tell_answer(expect_pattern(m, 3, MATCH_REGEX, "^2[0-9]{2}[ \r]", 4, CHECK_L7STS), 4, true);
	send_bytes(m, 4, hello, strlen(hello));
	tell_answer(expect_pattern(m, 5, MATCH_REGEX, "^2[0-9]{2}[- \r]", -1, CHECK_L7STS), 4, true);
	send_bytes(m, 6, quit, sizeof(quit) - 1);
	tell_answer(expect_pattern(m, 7, MATCH_REGEX, "^2[0-9]{2}[- \r]", -1, CHECK_L7STS), 4, true);
}

/* StartupMessage of protocol 3.0; any request to authenticate means that the server serves the user. */
static void make_pgsql(struct maker *m, const struct check_decl *d)
{
	const char *user = d->user ? d->user : "";
	struct buf packet = { 0 };
	size_t len = 4 + 4 + sizeof("user") + strlen(user) + 1 + 1;
	const unsigned char head[] = { 0, 0, (unsigned char)(len >> 8), (unsigned char)len, 0, 3, 0, 0 };
	struct check_rule *r = add(m, RULE_CONNECT);

	if (!r)
		return;
	r->connect.as_server = true;
	r->step = 1;
	buf_add(&packet, head, sizeof(head));
	buf_add(&packet, "user", sizeof("user"));
	buf_add(&packet, user, strlen(user) + 1);
	buf_add(&packet, "", 1);
	m->ok = !packet.failed;
	send_bytes(m, 2, packet.data, packet.len);
	buf_fini(&packet);
	r = expect_pattern(m, 3, MATCH_REGEX, "^E", 5, CHECK_L7RSP);
	if (r)
		r->expect.inverse = true;
	tell_answer(r, 6, false);
	r = expect_pattern(m, 4, MATCH_BINARY_REGEX, "^52000000(08|0A|0C)000000(00|02|03|04|05|06)", 9, CHECK_L7STS);
	if (!r)
		return;
	text(m, &r->expect.on_ok, "PostgreSQL server is ok");
	text(m, &r->expect.on_error, "PostgreSQL unknown error");
}

/* HandshakeResponse of a user without password and without database, then COM_QUIT. */
static void add_mysql_login(struct buf *b, const char *user, bool pre_41)
{
	static const unsigned char caps_41[] = { 0x00, 0x82, 0, 0, 0x00, 0x80, 0, 1, 0x21 }; /* and 23 bytes of 0 */
	static const unsigned char caps_old[] = { 0x00, 0x80, 0, 0, 1 };
	static const unsigned char quit[] = { 1, 0, 0, 0, 1 };
	static const unsigned char zeros[23];
	size_t caps = pre_41 ? sizeof(caps_old) : sizeof(caps_41) + sizeof(zeros);
	size_t len = caps + strlen(user) + 1 + 1;
	const unsigned char head[] = { (unsigned char)len, (unsigned char)(len >> 8), 0, 1 };

	buf_add(b, head, sizeof(head));
	if (pre_41) {
		buf_add(b, caps_old, sizeof(caps_old));
	} else {
		buf_add(b, caps_41, sizeof(caps_41));
		buf_add(b, zeros, sizeof(zeros));
	}
	buf_add(b, user, strlen(user) + 1);
	buf_add(b, "", 1);
	buf_add(b, quit, sizeof(quit));
}

static void make_mysql(struct maker *m, const struct check_decl *d)
{
	struct check_rule *r = add(m, RULE_CONNECT);
	struct buf packet = { 0 };

	if (!r)
		return;
	r->connect.as_server = true;
	r->step = 1;
	expect(m, 2, MATCH_MYSQL, CHECK_UNKNOWN);
	if (!d->user)
		return;
	add_mysql_login(&packet, d->user, d->pre_41);
	m->ok = m->ok && !packet.failed;
	send_bytes(m, 3, packet.data, packet.len);
	buf_fini(&packet);
	expect(m, 4, MATCH_MYSQL, CHECK_UNKNOWN);
}

/* An anonymous bind request of LDAPv3 (RFC 4511, 4.2), with message ID 1. */
static void make_ldap(struct maker *m)
{
	static const unsigned char bind[] = { 0x30, 0x0c, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0 };
	struct check_rule *r;

	send_bytes(m, 1, bind, sizeof(bind));
	r = expect_pattern(m, 2, MATCH_BINARY_REGEX, "^30", sizeof(bind), CHECK_L7RSP);
	if (r)
		text(m, &r->expect.on_error, "Not LDAPv3 protocol");
	expect(m, 3, MATCH_LDAP, CHECK_UNKNOWN);
}

/*
 * ClientHello in its oldest form (RFC 6101): a server of any version answers with a handshake record or an alert, and
 * either shows that it speaks TLS.
 */
static void make_ssl_hello(struct maker *m)
{
	static const unsigned char hello[] = {
		0x16, 3,    0,	 0,    53,			  /* record: handshake */
		1,    0,    0,	 49,   3,   0,			  /* ClientHello of SSL 3.0 */
		'x',  'l',  'b', ' ',  'c', 'h',  'e', 'c',	  /* 32 bytes of random */
		'k',  's',  ' ', 't',  'h', 'e',  ' ', 's',	  /* */
		'e',  'r',  'v', 'e',  'r', '\'', 's', ' ',	  /* */
		'h',  'e',  'a', 'l',  't', 'h',  '.', '.',	  /* */
		0,						  /* no session */
		0,    10,					  /* cipher suites */
		0,    0x2f, 0,	 0x35, 0,   0x0a, 0,   5,   0, 4, /* */
		1,    0,					  /* no compression */
	};
	struct check_rule *r;

	send_bytes(m, 1, hello, sizeof(hello));
	r = expect_pattern(m, 2, MATCH_BINARY_REGEX, "^1[56]", 5, CHECK_L6RSP);
	if (!r)
		return;
	r->expect.ok = CHECK_L6OK;
	r->expect.late = CHECK_L6TOUT;
}

struct check_script *check_script_agent(const char *send)
{
	struct maker m;

	maker_begin(&m);
	if (m.ok) {
		m.script->is_protocol = true;
		if (send)
			send_bytes(&m, 1, send, strlen(send));
		expect(&m, 2, MATCH_LINE, CHECK_UNKNOWN);
	}
	if (m.ok)
		return m.script;
	script_put(m.script);
	return NULL;
}

/* --- all --------------------------------------------------------------------------------------------------------- */

static void make(struct maker *m, const struct check_decl *d)
{
	m->script->is_protocol = d->option != OPTION_TCP;
	switch (d->option) {
	case OPTION_TCP:
		if (d->tcp.script)
			copy_rules(m, d->tcp.script, 0, d->tcp.script->nr);
		break;
	case OPTION_HTTP:
		make_http(m, d);
		break;
	case OPTION_SSL_HELLO:
		make_ssl_hello(m);
		break;
	case OPTION_MYSQL:
		make_mysql(m, d);
		break;
	case OPTION_PGSQL:
		make_pgsql(m, d);
		break;
	case OPTION_REDIS:
		make_redis(m);
		break;
	case OPTION_SMTP:
		make_smtp(m, d);
		break;
	case OPTION_LDAP:
		make_ldap(m);
		break;
	case OPTION_UDP:
	case OPTION_DNS:
		if (d->datagram)
			copy_rules(m, d->datagram, 0, d->datagram->nr);
		break;
	case OPTION_EXTERNAL:
	case OPTION_ICMP:
	case OPTION_NONE:
		break;
	}
}

int check_script_build(const struct check_decl *decl, struct check_script **ret)
{
	struct maker m;

	if (decl->option == OPTION_NONE || decl->option == OPTION_EXTERNAL || decl->option == OPTION_ICMP) {
		*ret = NULL;
		return 0;
	}
	maker_begin(&m);
	if (m.ok)
		make(&m, decl);
	if (!m.ok) {
		script_put(m.script);
		return -ENOMEM;
	}
	*ret = m.script;
	return 0;
}

static struct check_rule *request_of(const struct check_script *s)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->rules[i].action == RULE_REQUEST)
			return &s->rules[i];
	return NULL;
}

bool check_names_uri(const struct check_script *script)
{
	const struct check_rule *r = request_of(script);

	return r && r->request.uri;
}

bool check_names_ports(const struct check_script *script)
{
	if (!script || !script->nr || script->rules[0].action != RULE_CONNECT)
		return false;
	for (size_t i = 0; i < script->nr; i++)
		if (script->rules[i].action == RULE_CONNECT && !script->rules[i].connect.port)
			return false;
	return true;
}

bool check_has_tls(const struct check_script *script)
{
	for (size_t i = 0; script && i < script->nr; i++)
		if (script->rules[i].connect.tls)
			return true;
	return false;
}

struct check_script *check_script_of_path(const struct check_script *script, const char *path)
{
	const struct check_decl plain = { .option = OPTION_HTTP };
	struct check_script *made = NULL;
	struct check_rule *r;
	struct maker m;

	if (!script && check_script_build(&plain, &made))
		return NULL;
	maker_begin(&m);
	if (m.ok) {
		const struct check_script *from = script ? script : made;

		m.script->nolb_on_404 = from->nolb_on_404;
		m.script->send_state = from->send_state;
		m.script->is_protocol = from->is_protocol;
		copy_rules(&m, from, 0, from->nr);
	}
	script_put(made);
	r = m.ok ? request_of(m.script) : NULL;
	if (r) {
		text(&m, &r->request.uri, path);
		if (!r->request.method)
			text(&m, &r->request.method, "GET");
	}
	if (m.ok)
		return m.script;
	script_put(m.script);
	return NULL;
}

enum check_type check_option_type(enum check_option option)
{
	switch (option) {
	case OPTION_NONE:
		return CHECK_NONE;
	case OPTION_HTTP:
		return CHECK_HTTP;
	case OPTION_EXTERNAL:
		return CHECK_EXTERNAL;
	case OPTION_UDP:
	case OPTION_DNS:
		return CHECK_UDP;
	case OPTION_ICMP:
		return CHECK_ICMP;
	case OPTION_TCP:
	case OPTION_SSL_HELLO:
	case OPTION_MYSQL:
	case OPTION_PGSQL:
	case OPTION_REDIS:
	case OPTION_SMTP:
	case OPTION_LDAP:
		return CHECK_TCP;
	}
	return CHECK_NONE;
}
