/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'stats' lines of proxies: the page that xlbd serves over HTTP.
 *
 * As in HAProxy any of them turns the page on.
 */
#include <string.h>

#include "config/parser.h"

static void turn_on(struct parser *p, size_t at)
{
	p->proxy->set.stats_on = true;
	if (!p->proxy->set.stats_place.line)
		p->proxy->set.stats_place = parser_place(p, at - 1);
}

static void on_stats_uri(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at);

	turn_on(p, at);
	if (*word != '/')
		complain(p, at, CODE_WORD, "write a path such as /haproxy?stats", "'%s' does not begin with '/'", word);
	else
		p->proxy->set.stats_uri = word;
}

static void on_stats_realm(struct parser *p, size_t at)
{
	turn_on(p, at);
	p->proxy->set.stats_realm = parser_word(p, at);
}

static void on_stats_auth(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at), *before = p->proxy->set.stats_auth;

	turn_on(p, at);
	if (!strchr(word, ':') || *word == ':')
		complain(p, at, CODE_WORD, NULL, "'stats auth' needs USER:PASSWORD");
	else if (before && strcmp(before, word) != 0)
		caution(p, at, CODE_STATS, "make do with one user",
			"only one user is known to the page in this version: this one replaces the one before");
	if (strchr(word, ':'))
		p->proxy->set.stats_auth = word;
}

static void on_stats_refresh(struct parser *p, size_t at)
{
	unsigned int ms;

	turn_on(p, at);
	if (value_time(p, at, 1000, 0, &ms))
		p->proxy->set.stats_refresh_s = (ms + 999) / 1000;
}

static void on_stats_admin(struct parser *p, size_t at)
{
	turn_on(p, at);
	remark(p, at - 1, CODE_STATS, "use 'xlbctl server' or the control socket",
	       "the stats page is read-only in this version");
}

static const char scope_note[] = "the page shows everything in this version";

const struct keyword keywords_stats[] = {
	{ "stats enable", IN_ANY_PROXY, 0, 0, KW_ACCEPT, turn_on, NULL, false },
	{ "stats uri", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_uri, NULL, false },
	{ "stats realm", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_realm, NULL, false },
	{ "stats auth", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_auth, NULL, false },
	{ "stats refresh", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_refresh, NULL, false },
	{ "stats admin", IN_PROXY, 1, ARGS_ANY, KW_ACCEPT, on_stats_admin, NULL, false },
	{ "stats scope", IN_ANY_PROXY, 1, 1, KW_WARNED, turn_on, scope_note, false },
	{ "stats hide-version", IN_ANY_PROXY, 0, 0, KW_IGNORED, turn_on, NULL, false },
	{ "stats show-legends", IN_ANY_PROXY, 0, 0, KW_IGNORED, turn_on, NULL, false },
	{ "stats show-modules", IN_ANY_PROXY, 0, 0, KW_IGNORED, turn_on, NULL, false },
	{ "stats show-node", IN_ANY_PROXY, 0, 1, KW_IGNORED, turn_on, NULL, false },
	{ "stats show-desc", IN_ANY_PROXY, 0, ARGS_ANY, KW_IGNORED, turn_on, NULL, false },
	{ "stats http-request", IN_PROXY, 1, ARGS_ANY, KW_HTTP, NULL, "rules for requests of the page are HAProxy's",
	  false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
