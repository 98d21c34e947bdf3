/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of 'tcp-check' and 'http-check' (HAProxy configuration manual, section 4.2), one line each into one rule;
 * those of expectation are in check_expect.c.
 *
 * A rule that would be laxer or stricter than it says is refused, for checks decide who gets traffic.
 */
#include <string.h>
#include <strings.h>

#include "config/parser.h"

static const char no_format[] = "write it without '%'";

/* --- lists of rules ---------------------------------------------------------------------------------------------- */

static struct rule_list *list_of(struct parser *p, bool http)
{
	return http ? &p->proxy->set.checks.http : &p->proxy->set.checks.tcp;
}

/* The list to add to: one of the section's own. NULL: out of memory. */
static struct rule_list *own_list(struct parser *p, bool http)
{
	struct rule_list *list = list_of(p, http);

	if (list->owner == p->proxy)
		return list;
	*list = (struct rule_list){ .owner = p->proxy, .script = parser_script_new(p) };
	return list->script ? list : NULL;
}

struct check_rule *rule_add(struct parser *p, bool http, enum rule_action action)
{
	struct rule_list *list = own_list(p, http);
	struct check_rule *r = list ? script_add(list->script, action) : NULL;

	if (!r) {
		p->arena.failed = true;
		return NULL;
	}
	r->step = ++list->step;
	if (list->comment && script_text(&r->comment, list->comment))
		p->arena.failed = true;
	return r;
}

void rule_set_text(struct parser *p, char **field, const char *text)
{
	if (script_text(field, text))
		p->arena.failed = true;
}

static void comment_rule(struct parser *p, size_t at, bool http)
{
	struct rule_list *list = own_list(p, http);

	if (!list)
		return;
	list->step++;
	list->comment = parser_word(p, at);
}

void rule_comment_tcp(struct parser *p, size_t at)
{
	comment_rule(p, at, false);
}

void rule_comment_http(struct parser *p, size_t at)
{
	comment_rule(p, at, true);
}

/* --- words with values ------------------------------------------------------------------------------------------- */

const char *rule_value(struct parser *p, size_t at)
{
	const char *value = parser_word(p, at + 1);

	if (!value)
		complain(p, at + 1, CODE_MISSING_ARG, NULL, "'%s' needs a word after it", parser_word(p, at));
	return value;
}

bool rule_take_comment(struct parser *p, size_t at, struct check_rule *r, const char *const *words)
{
	const char *word = parser_word(p, at), *value;

	if (strcmp(word, "comment") != 0) {
		complain(p, at, CODE_WORD, did_you_mean(p, word, words), "unknown word '%s' in a rule of a check",
			 word);
		return false;
	}
	value = rule_value(p, at);
	if (value)
		rule_set_text(p, &r->comment, value);
	return value;
}

bool rule_word_is_clean(struct parser *p, size_t at, const char *word)
{
	const unsigned char *c = (const unsigned char *)word;

	while (*c > ' ' && *c != 0x7f)
		c++;
	if (!*c && *word)
		return true;
	complain(p, at, CODE_WORD, NULL,
		 "spaces and control characters cannot stand here, and the word cannot be empty");
	return false;
}

/* --- connect ----------------------------------------------------------------------------------------------------- */

static bool take_flag(struct parser *p, size_t at, struct check_rule *r)
{
	const char *word = parser_word(p, at);

	if (!strcmp(word, "ssl"))
		r->connect.tls = true;
	else if (!strcmp(word, "default"))
		r->connect.as_server = true;
	else if (!strcmp(word, "linger"))
		r->connect.linger = true;
	else if (!strcmp(word, "send-proxy"))
		r->connect.proxy_line = true;
	else
		return false;
	return true;
}

static void take_port(struct parser *p, size_t at, struct check_rule *r)
{
	if (!value_uint(p, at, 1, 65535, &r->connect.port))
		r->connect.port = 0;
}

static void take_addr(struct parser *p, size_t at, struct check_rule *r)
{
	struct endpoint e;

	if (!value_endpoint(p, at, parser_word(p, at), ENDPOINT_NAME, &e))
		return;
	r->connect.addr = e.addr;
	if (e.has_port)
		r->connect.port = e.port_lo;
}

bool check_alpn_is_known(struct parser *p, size_t at)
{
	const char *list = parser_word(p, at);

	while (*list) {
		size_t len = strcspn(list, ",");

		if (!(len == 2 && !strncmp(list, "h2", len)) && !(len == 8 && !strncmp(list, "http/1.1", len))) {
			refuse(p, at, "write h2, http/1.1, or none", "the protocol '%.*s' of ALPN is not known here",
			       (int)len, list);
			return false;
		}
		list += len + (list[len] == ',');
	}
	return true;
}

static void connect_rule(struct parser *p, size_t at, bool http)
{
	static const char *const words[] = { "comment", "port",	  "addr",	"ssl",	   "sni",
					     "alpn",	"linger", "send-proxy", "default", NULL };
	struct check_rule *r = rule_add(p, http, RULE_CONNECT);
	const char *word;

	for (; r && (word = parser_word(p, at)); at++) {
		if (take_flag(p, at, r))
			continue;
		if (!strcmp(word, "via-socks4") || !strcmp(word, "proto")) {
			refuse(p, at, "remove it", "'%s' in a check is not available", word);
			return;
		}
		if (strcmp(word, "port") != 0 && strcmp(word, "addr") != 0 && strcmp(word, "sni") != 0 &&
		    strcmp(word, "alpn") != 0) {
			if (!rule_take_comment(p, at, r, words))
				return;
			at++;
			continue;
		}
		if (!rule_value(p, at))
			return;
		at++;
		if (*word == 'p')
			take_port(p, at, r);
		else if (word[1] == 'd')
			take_addr(p, at, r);
		else if (*word == 's' && rule_word_is_clean(p, at, parser_word(p, at)))
			rule_set_text(p, &r->connect.sni, parser_word(p, at));
		else if (*word == 'a' && check_alpn_is_known(p, at))
			rule_set_text(p, &r->connect.alpn, parser_word(p, at));
	}
}

void rule_connect_tcp(struct parser *p, size_t at)
{
	connect_rule(p, at, false);
}

void rule_connect_http(struct parser *p, size_t at)
{
	connect_rule(p, at, true);
}

/* --- send -------------------------------------------------------------------------------------------------------- */

void rule_set_data(struct parser *p, struct check_rule *r, const char *data, size_t len)
{
	if (script_data(r, data, len))
		p->arena.failed = true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

void rule_take_hex(struct parser *p, size_t at, struct check_rule *r)
{
	const char *text = parser_word(p, at);
	size_t len = strlen(text), i;
	char *bytes = arena_alloc(&p->arena, len / 2 + 1);

	if (!bytes)
		return;
	for (i = 0; i < len; i++) {
		if (hex_digit(text[i]) < 0) {
			complain(p, at, CODE_WORD, "write bytes as pairs of 0-9 and a-f",
				 "'%c' is not a hexadecimal digit", text[i]);
			return;
		}
		bytes[i / 2] = (char)((unsigned char)bytes[i / 2] << 4 | hex_digit(text[i]));
	}
	if (len % 2)
		complain(p, at, CODE_WORD, "write bytes as pairs of 0-9 and a-f",
			 "the number of hexadecimal digits is odd");
	else
		rule_set_data(p, r, bytes, len / 2);
}

static void send_rule(struct parser *p, size_t at, bool binary)
{
	static const char *const words[] = { "comment", NULL };
	struct check_rule *r = rule_add(p, false, RULE_SEND);

	if (!r)
		return;
	if (binary)
		rule_take_hex(p, at, r);
	else
		rule_set_data(p, r, parser_word(p, at), strlen(parser_word(p, at)));
	for (at++; parser_word(p, at); at += 2)
		if (!rule_take_comment(p, at, r, words))
			return;
}

void rule_send(struct parser *p, size_t at)
{
	send_rule(p, at, false);
}

void rule_send_binary(struct parser *p, size_t at)
{
	send_rule(p, at, true);
}

/* --- http-check send --------------------------------------------------------------------------------------------- */

static bool value_is_line(struct parser *p, size_t at)
{
	if (!strpbrk(parser_word(p, at), "\r\n"))
		return true;
	complain(p, at, CODE_WORD, NULL, "the value of a header cannot have an end of line in it");
	return false;
}

/* 'hdr NAME VALUE' at 'at'. False after a complaint. */
static bool take_request_header(struct parser *p, size_t at, struct check_rule *r)
{
	const char *name = parser_word(p, at + 1), *value = name ? parser_word(p, at + 2) : NULL;
	char *lines;

	if (!value) {
		complain(p, at + 2, CODE_MISSING_ARG, NULL, "'hdr' needs a name and a value after it");
		return false;
	}
	if (strchr(value, '%')) {
		refuse(p, at + 2, no_format, "a header with '%%' in a check is not available in this version");
		return true;
	}
	if (!rule_word_is_clean(p, at + 1, name) || !value_is_line(p, at + 2))
		return true;
	if (!strcasecmp(name, "Connection") || !strcasecmp(name, "Content-Length")) {
		caution(p, at + 1, CODE_IGNORED_HERE, NULL,
			"the header '%s' is ignored, in HAProxy as here: it is set "
			"as the request needs it",
			name);
		return true;
	}
	lines = arena_printf(&p->arena, "%s%s: %s\n", r->request.headers ? r->request.headers : "", name, value);
	if (lines)
		rule_set_text(p, &r->request.headers, lines);
	return true;
}

void rule_request(struct parser *p, size_t at)
{
	static const char *const words[] = { "meth", "uri", "ver", "hdr", "body", "comment", NULL };
	struct check_rule *r = rule_add(p, true, RULE_REQUEST);
	const char *word, *value;

	for (; r && (word = parser_word(p, at)); at += 2) {
		if (!strcmp(word, "uri-lf") || !strcmp(word, "body-lf")) {
			refuse(p, at, no_format, "'%s' in a check is not available in this version", word);
			return;
		}
		if (!strcmp(word, "hdr")) {
			if (!take_request_header(p, at, r))
				return;
			at++;
			continue;
		}
		value = rule_value(p, at);
		if (!value)
			return;
		if (!strcmp(word, "body"))
			rule_set_text(p, &r->request.body, value);
		else if (!strcmp(word, "meth") && rule_word_is_clean(p, at + 1, value))
			rule_set_text(p, &r->request.method, value);
		else if (!strcmp(word, "uri") && rule_word_is_clean(p, at + 1, value))
			rule_set_text(p, &r->request.uri, value);
		else if (!strcmp(word, "ver") && http_version_is_known(p, at + 1, value))
			rule_set_text(p, &r->request.version, value);
		else if (strcmp(word, "meth") != 0 && strcmp(word, "uri") != 0 && strcmp(word, "ver") != 0 &&
			 !rule_take_comment(p, at, r, words))
			return;
	}
}
