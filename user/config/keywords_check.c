/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kinds of health checks: the 'option' lines that choose one, and the table of all lines about checks. Their rules are
 * read by check_rules.c.
 *
 * A check that would be laxer or stricter than the file says is refused, for it decides who gets traffic.
 */
#include <string.h>
#include <strings.h>

#include "config/parser.h"

static struct check_decl *checks_of(struct parser *p)
{
	return &p->proxy->set.checks;
}

/* The later 'option' line wins, as in HAProxy; 'no' in front of the one in force ends it. */
static void choose(struct parser *p, enum check_option option)
{
	struct check_decl *d = checks_of(p);

	if (!p->negated && !p->to_default) {
		d->option = option;
		d->place = parser_place(p, 0);
	} else if (d->option == option) {
		d->option = OPTION_NONE;
	}
}

static void on_tcp_check(struct parser *p, size_t at)
{
	(void)at;
	choose(p, OPTION_TCP);
}

static void on_ssl_hello(struct parser *p, size_t at)
{
	(void)at;
	choose(p, OPTION_SSL_HELLO);
}

static void on_redis(struct parser *p, size_t at)
{
	(void)at;
	choose(p, OPTION_REDIS);
}

static void on_ldap(struct parser *p, size_t at)
{
	(void)at;
	choose(p, OPTION_LDAP);
}

/* --- httpchk ----------------------------------------------------------------------------------------------------- */

bool http_version_is_known(struct parser *p, size_t at, const char *word)
{
	if (!strcmp(word, "HTTP/1.0") || !strcmp(word, "HTTP/1.1"))
		return true;
	complain(p, at, CODE_WORD, "write HTTP/1.0 or HTTP/1.1", "'%s' is not a version of HTTP for checks", word);
	return false;
}

/* The old form "HTTP/1.1\r\nHost:\ www" in one word: the version, then header lines. */
static void take_version(struct parser *p, size_t at, const char *word)
{
	struct check_decl *d = checks_of(p);
	size_t len = strcspn(word, "\r\n");
	const char *rest = word + len;

	d->version = arena_copy(&p->arena, word, len);
	if (!d->version || !http_version_is_known(p, at, d->version))
		return;
	while (*rest) {
		rest += strspn(rest, "\r\n");
		len = strcspn(rest, "\r\n");
		if (len && !memchr(rest, ':', len)) {
			complain(p, at, CODE_WORD, "write 'Name: value'", "a header line has no colon");
			return;
		}
		if (len)
			d->headers = arena_printf(&p->arena, "%s%.*s\n", d->headers ? d->headers : "", (int)len, rest);
		rest += len;
	}
}

/* 'option httpchk [METHOD] [URI] [VERSION [host HOST]]'; one word alone is the URI. */
static void on_httpchk(struct parser *p, size_t at)
{
	struct check_decl *d = checks_of(p);
	size_t nr = p->line.nr - at, i;

	choose(p, OPTION_HTTP);
	d->method = d->uri = d->version = d->headers = NULL;
	for (i = 0; i < nr && i < 2; i++)
		if (!rule_word_is_clean(p, at + i, parser_word(p, at + i)))
			return;
	if (nr >= 2)
		d->method = parser_word(p, at);
	if (nr >= 1)
		d->uri = parser_word(p, at + (nr >= 2));
	if (nr >= 3)
		take_version(p, at + 2, parser_word(p, at + 2));
	if (nr == 5 && !strcmp(parser_word(p, at + 3), "host") && rule_word_is_clean(p, at + 4, parser_word(p, at + 4)))
		d->headers =
			arena_printf(&p->arena, "%sHost: %s\n", d->headers ? d->headers : "", parser_word(p, at + 4));
	else if (nr >= 4 && nr != 5)
		complain(p, at + 3, CODE_EXTRA_ARG, NULL, "unexpected word '%s' after the version",
			 parser_word(p, at + 3));
}

static void on_disable_on_404(struct parser *p, size_t at)
{
	(void)at;
	checks_of(p)->nolb_on_404 = true;
}

static void on_send_state(struct parser *p, size_t at)
{
	(void)at;
	checks_of(p)->send_state = true;
}

/* --- known protocols --------------------------------------------------------------------------------------------- */

/* Words go into packets with a fixed frame around them. */
enum { USER_MAX = 128 };

static const char *take_user(struct parser *p, size_t at)
{
	const char *user = parser_word(p, at);

	if (strlen(user) <= USER_MAX && *user)
		return user;
	complain(p, at, CODE_WORD, NULL, "the name of a user has 1 to %d characters here", USER_MAX);
	return NULL;
}

/* 'option mysql-check [user NAME [post-41|pre-41]]' */
static void on_mysql(struct parser *p, size_t at)
{
	struct check_decl *d = checks_of(p);
	size_t nr = p->line.nr - at;
	const char *last;

	choose(p, OPTION_MYSQL);
	d->user = NULL;
	d->pre_41 = false;
	if (!nr)
		return;
	if (strcmp(parser_word(p, at), "user") != 0 || nr < 2) {
		complain(p, at + (nr > 1 ? 0 : 1), CODE_WORD, "write 'user NAME'", "'user NAME' was expected here");
		return;
	}
	d->user = take_user(p, at + 1);
	last = parser_word(p, at + 2);
	d->pre_41 = last && !strcmp(last, "pre-41");
	if (last && !d->pre_41 && strcmp(last, "post-41") != 0)
		complain(p, at + 2, CODE_WORD, NULL, "'%s' is not one of: post-41, pre-41", last);
}

/* 'option pgsql-check user NAME' */
static void on_pgsql(struct parser *p, size_t at)
{
	choose(p, OPTION_PGSQL);
	if (!strcmp(parser_word(p, at), "user"))
		checks_of(p)->user = take_user(p, at + 1);
	else
		complain(p, at, CODE_WORD, "write 'user NAME'", "'user NAME' was expected here");
}

/* 'option smtpchk [HELO|EHLO DOMAIN]' */
static void on_smtp(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at), *domain = word ? parser_word(p, at + 1) : NULL;

	choose(p, OPTION_SMTP);
	checks_of(p)->hello = NULL;
	if (!domain)
		return;
	if (strcasecmp(word, "HELO") != 0 && strcasecmp(word, "EHLO") != 0)
		complain(p, at, CODE_WORD, "write HELO or EHLO", "'%s' is no greeting of SMTP", word);
	else if (rule_word_is_clean(p, at + 1, domain))
		checks_of(p)->hello = arena_printf(&p->arena, "%s %s\r\n", word, domain);
}

/* --- external ---------------------------------------------------------------------------------------------------- */

static void on_external(struct parser *p, size_t at)
{
	(void)at;
	choose(p, OPTION_EXTERNAL);
}

static void on_command(struct parser *p, size_t at)
{
	checks_of(p)->command = parser_word(p, at);
}

/* Lines of variables are handed on, so that no value may have more than one. */
static void on_path(struct parser *p, size_t at)
{
	if (strpbrk(parser_word(p, at), "\r\n"))
		complain(p, at, CODE_WORD, NULL, "a path cannot have an end of line in it");
	else
		checks_of(p)->path = parser_word(p, at);
}

static const char no_variable[] = "remove it: rules of checks have no variables";
static const char no_format[] = "write it without '%', as 'send' or 'send-binary'";
static const char other_check[] = "use 'option tcp-check' or 'option httpchk'";

const struct keyword keywords_check[] = {
	{ "option httpchk", IN_ANY_BACK, 0, 5, KW_ACCEPT, on_httpchk, NULL, true },
	{ "option tcp-check", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_tcp_check, NULL, true },
	{ "option ssl-hello-chk", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_ssl_hello, NULL, true },
	{ "option mysql-check", IN_ANY_BACK, 0, 3, KW_ACCEPT, on_mysql, NULL, false },
	{ "option pgsql-check", IN_ANY_BACK, 2, 2, KW_ACCEPT, on_pgsql, NULL, false },
	{ "option redis-check", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_redis, NULL, true },
	{ "option smtpchk", IN_ANY_BACK, 0, 2, KW_ACCEPT, on_smtp, NULL, false },
	{ "option ldap-check", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_ldap, NULL, true },
	{ "option spop-check", IN_ANY_BACK, 0, 0, KW_REFUSED, NULL, other_check, true },
	{ "option external-check", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_external, NULL, true },
	{ "external-check command", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_command, NULL, false },
	{ "external-check path", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_path, NULL, false },

	{ "tcp-check connect", IN_ANY_BACK, 0, ARGS_ANY, KW_ACCEPT, rule_connect_tcp, NULL, false },
	{ "tcp-check comment", IN_ANY_BACK, 1, 1, KW_ACCEPT, rule_comment_tcp, NULL, false },
	{ "tcp-check send", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, rule_send, NULL, false },
	{ "tcp-check send-binary", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, rule_send_binary, NULL, false },
	{ "tcp-check expect", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, rule_expect_tcp, NULL, false },
	{ "tcp-check send-lf", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_format, false },
	{ "tcp-check send-binary-lf", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_format, false },
	{ "tcp-check set-var", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_variable, false },
	{ "tcp-check unset-var", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_variable, false },

	{ "http-check connect", IN_ANY_BACK, 0, ARGS_ANY, KW_ACCEPT, rule_connect_http, NULL, false },
	{ "http-check comment", IN_ANY_BACK, 1, 1, KW_ACCEPT, rule_comment_http, NULL, false },
	{ "http-check send", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, rule_request, NULL, false },
	{ "http-check expect", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, rule_expect_http, NULL, false },
	{ "http-check disable-on-404", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_disable_on_404, NULL, false },
	{ "http-check send-state", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_send_state, NULL, false },
	{ "http-check set-var", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_variable, false },
	{ "http-check unset-var", IN_ANY_BACK, 1, ARGS_ANY, KW_REFUSED, NULL, no_variable, false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
