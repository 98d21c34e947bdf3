/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kinds of health checks: 'option httpchk', 'http-check send', 'option tcp-check'.
 *
 * A check that would be laxer or stricter than the file says is refused, for it decides who gets traffic.
 */
#include <string.h>
#include <strings.h>

#include "config/parser.h"

static void on_tcp_check(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.check.type = p->negated || p->to_default ? CHECK_NONE : CHECK_TCP;
}

/* The old form "HTTP/1.1\r\nHost:\ www" in one word: the version, then header lines. */
static void take_version(struct parser *p, size_t at, const char *word)
{
	struct check_conf *c = &p->proxy->set.check;
	size_t len = strcspn(word, "\r\n");
	const char *rest = word + len;

	if (strncmp(word, "HTTP/", 5) != 0) {
		complain(p, at, CODE_WORD, "write HTTP/1.0 or HTTP/1.1", "'%s' is not a version of HTTP", word);
		return;
	}
	c->http_version = arena_copy(&p->arena, word, len);
	while (*rest) {
		rest += strspn(rest, "\r\n");
		len = strcspn(rest, "\r\n");
		if (!len)
			continue;
		if (strncasecmp(rest, "Host:", 5) != 0) {
			refuse(p, at, "only 'Host:' may be added",
			       "a header other than 'Host' in a check is not available in this version");
			return;
		}
		c->http_host = arena_copy(&p->arena, rest + 5, len - 5);
		if (c->http_host)
			c->http_host += strspn(c->http_host, " \t");
		rest += len;
	}
}

static bool is_clean(struct parser *p, size_t at, const char *word)
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

static void on_httpchk(struct parser *p, size_t at)
{
	struct check_conf *c = &p->proxy->set.check;
	size_t nr = p->line.nr - at;

	c->type = CHECK_HTTP;
	c->http_method = c->http_uri = c->http_version = c->http_host = NULL;
	if (nr >= 1 && !is_clean(p, at, parser_word(p, at)))
		return;
	if (nr == 1) {
		c->http_uri = arena_copy(&p->arena, parser_word(p, at), strlen(parser_word(p, at)));
	} else if (nr >= 2 && is_clean(p, at + 1, parser_word(p, at + 1))) {
		c->http_method = arena_copy(&p->arena, parser_word(p, at), strlen(parser_word(p, at)));
		c->http_uri = arena_copy(&p->arena, parser_word(p, at + 1), strlen(parser_word(p, at + 1)));
	}
	if (nr >= 3)
		take_version(p, at + 2, parser_word(p, at + 2));
	if (nr >= 4 && !strcmp(parser_word(p, at + 3), "host") && nr == 5)
		c->http_host = arena_copy(&p->arena, parser_word(p, at + 4), strlen(parser_word(p, at + 4)));
	else if (nr >= 4)
		complain(p, at + 3, CODE_EXTRA_ARG, NULL, "unexpected word '%s' after the version",
			 parser_word(p, at + 3));
}

/* 'http-check send [meth M] [uri U] [ver V] [hdr NAME VALUE]' */
static void on_http_check_send(struct parser *p, size_t at)
{
	static const char *const words[] = { "meth", "uri", "ver", "hdr", "comment", NULL };
	struct check_conf *c = &p->proxy->set.check;
	const char *word, *value;
	char *copy;

	for (; (word = parser_word(p, at)); at += 2) {
		value = parser_word(p, at + 1);
		if (!strcmp(word, "body") || !strcmp(word, "body-lf") || !strcmp(word, "uri-lf")) {
			refuse(p, at, "remove it", "'%s' in a check is not available in this version", word);
			return;
		}
		if (!value) {
			complain(p, at + 1, CODE_MISSING_ARG, NULL, "'%s' needs a word after it", word);
			return;
		}
		copy = arena_copy(&p->arena, value, strlen(value));
		if (!strcmp(word, "hdr")) {
			if (!parser_word(p, at + 2)) {
				complain(p, at + 2, CODE_MISSING_ARG, NULL, "'hdr' needs a name and a value after it");
				return;
			}
			if (strcasecmp(value, "Host") != 0) {
				refuse(p, at + 1, "only 'Host' may be added",
				       "the header '%s' in a check is not available in this version", value);
				return;
			}
			value = parser_word(p, at + 2);
			if (is_clean(p, at + 2, value))
				c->http_host = arena_copy(&p->arena, value, strlen(value));
			at++;
		} else if (!strcmp(word, "meth") && is_clean(p, at + 1, value)) {
			c->http_method = copy;
		} else if (!strcmp(word, "uri") && is_clean(p, at + 1, value)) {
			c->http_uri = copy;
		} else if (!strcmp(word, "ver")) {
			take_version(p, at + 1, value);
		} else if (strcmp(word, "comment") != 0 && strcmp(word, "meth") != 0 && strcmp(word, "uri") != 0) {
			complain(p, at, CODE_WORD, did_you_mean(p, word, words),
				 "unknown word '%s' after 'http-check send'", word);
			return;
		}
	}
}

static void on_tcp_check_connect(struct parser *p, size_t at)
{
	if (parser_word(p, at))
		refuse(p, at, "write 'port' and 'addr' on the server's line",
		       "'tcp-check connect' with parameters is not available in this version");
}

static const char no_expect[] = "remove it: an answer of 200 to 399 passes the check";
static const char other_check[] = "use 'option tcp-check' or 'option httpchk'";

const struct keyword keywords_check[] = {
	{ "option httpchk", IN_ANY_BACK, 0, 5, KW_ACCEPT, on_httpchk, NULL, false },
	{ "option tcp-check", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_tcp_check, NULL, true },
	{ "http-check send", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, on_http_check_send, NULL, false },
	{ "http-check comment", IN_ANY_BACK, 1, ARGS_ANY, KW_IGNORED, NULL, NULL, false },
	{ "http-check expect", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_expect, false },
	{ "http-check connect", IN_ANY_BACK, 0, ARGS_ANY, KW_REFUSED, NULL,
	  "write 'port' and 'addr' on the server's line", false },
	{ "http-check disable-on-404", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL,
	  "remove it: an answer of 404 fails the check", false },
	{ "http-check send-state", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, "remove it: the header is not sent", false },
	{ "http-check set-var", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, "remove it", false },
	{ "tcp-check connect", IN_ANY_BACK, 0, ARGS_ANY, KW_ACCEPT, on_tcp_check_connect, NULL, false },
	{ "tcp-check comment", IN_ANY_BACK, 1, ARGS_ANY, KW_IGNORED, NULL, NULL, false },
	{ "tcp-check send", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, "remove it: connecting passes the check",
	  false },
	{ "tcp-check send-lf", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, "remove it: connecting passes the check",
	  false },
	{ "tcp-check send-binary", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, "remove it: connecting passes the check",
	  false },
	{ "tcp-check expect", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, "remove it: connecting passes the check",
	  false },
	{ "tcp-check set-var", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, "remove it", false },
	{ "option external-check", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, other_check, true },
	{ "external-check command", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "counts only with 'option external-check'",
	  false },
	{ "external-check path", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL, "counts only with 'option external-check'",
	  false },
	{ "option ssl-hello-chk", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, other_check, false },
	{ "option mysql-check", IN_ANY_BACK, 0, ARGS_ANY, KW_REFUSED, NULL, other_check, false },
	{ "option pgsql-check", IN_ANY_BACK, 0, ARGS_ANY, KW_REFUSED, NULL, other_check, false },
	{ "option redis-check", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, other_check, false },
	{ "option smtpchk", IN_ANY_BACK, 0, ARGS_ANY, KW_REFUSED, NULL, other_check, false },
	{ "option ldap-check", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, other_check, false },
	{ "option spop-check", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, other_check, false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
