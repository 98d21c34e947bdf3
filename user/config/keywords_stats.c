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

/* One more of a list that sections hand down. */
static void push(struct parser *p, const struct text_item **list, const char *text)
{
	struct text_item *item = arena_alloc(&p->arena, sizeof(*item));

	if (!item)
		return;
	item->text = text;
	item->next = *list;
	*list = item;
}

static void on_stats_auth(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at);

	turn_on(p, at);
	if (!strchr(word, ':') || *word == ':')
		complain(p, at, CODE_WORD, NULL, "'stats auth' needs USER:PASSWORD");
	else {
		if (p->proxy->set.stats_users && !require(p, at - 2, CAN_STATS_USERS))
			p->proxy->set.stats_users = NULL;
		push(p, &p->proxy->set.stats_users, word);
	}
}

static void on_stats_scope(struct parser *p, size_t at)
{
	turn_on(p, at);
	if (require(p, at - 2, CAN_STATS_SCOPE))
		push(p, &p->proxy->set.stats_scope, parser_word(p, at));
}

/* The line is one of those that change what the page shows. */
static void looks(struct parser *p, size_t at)
{
	require(p, at - 2, CAN_STATS_LOOK);
}

static void on_stats_hide_version(struct parser *p, size_t at)
{
	turn_on(p, at);
	looks(p, at);
	p->proxy->set.stats_hide_version = true;
}

static void on_stats_show_legends(struct parser *p, size_t at)
{
	turn_on(p, at);
	looks(p, at);
	p->proxy->set.stats_show_legends = true;
}

static void on_stats_show_node(struct parser *p, size_t at)
{
	turn_on(p, at);
	looks(p, at);
	p->proxy->set.stats_node = parser_word(p, at) ? parser_word(p, at) : "";
}

static void on_stats_show_desc(struct parser *p, size_t at)
{
	const char *text = parser_word(p, at);

	turn_on(p, at);
	looks(p, at);
	for (at++; text && parser_word(p, at); at++)
		text = arena_printf(&p->arena, "%s %s", text, parser_word(p, at));
	p->proxy->set.stats_desc = text ? text : "";
}

static void on_stats_refresh(struct parser *p, size_t at)
{
	unsigned int ms;

	turn_on(p, at);
	if (value_time(p, at, 1000, 0, &ms))
		p->proxy->set.stats_refresh_s = (ms + 999) / 1000;
}

/* 'stats admin if|unless CONDITION': xlbd knows the constants of HAProxy only, and is careful with the rest. */
static void on_stats_admin(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at), *cond = parser_word(p, at + 1);
	bool always = (!strcmp(word, "if") && cond && !strcmp(cond, "TRUE")) ||
		      (!strcmp(word, "unless") && cond && !strcmp(cond, "FALSE"));

	turn_on(p, at);
	if (strcmp(word, "if") != 0 && strcmp(word, "unless") != 0)
		complain(p, at, CODE_WORD, NULL, "'if' or 'unless' was expected instead of '%s'", word);
	else if (!cond)
		complain(p, at + 1, CODE_MISSING_ARG, NULL, "'%s' needs a condition after it", word);
	else if (!require(p, at - 2, CAN_STATS_ADMIN))
		return;
	else if (always)
		p->proxy->set.stats_admin = true;
	else
		caution(p, at - 2, CODE_STATS, "write 'stats admin if TRUE' and guard the page with 'stats auth'",
			"the page stays read-only: it does not know the condition of 'stats admin'");
}

const struct keyword keywords_stats[] = {
	{ "stats enable", IN_ANY_PROXY, 0, 0, KW_ACCEPT, turn_on, NULL, false },
	{ "stats uri", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_uri, NULL, false },
	{ "stats realm", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_realm, NULL, false },
	{ "stats auth", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_auth, NULL, false },
	{ "stats refresh", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_refresh, NULL, false },
	{ "stats admin", IN_PROXY, 1, ARGS_ANY, KW_ACCEPT, on_stats_admin, NULL, false },
	{ "stats scope", IN_ANY_PROXY, 1, 1, KW_ACCEPT, on_stats_scope, NULL, false },
	{ "stats hide-version", IN_ANY_PROXY, 0, 0, KW_ACCEPT, on_stats_hide_version, NULL, false },
	{ "stats show-legends", IN_ANY_PROXY, 0, 0, KW_ACCEPT, on_stats_show_legends, NULL, false },
	{ "stats show-modules", IN_ANY_PROXY, 0, 0, KW_IGNORED, turn_on, "HAProxy's modules are not here", false },
	{ "stats show-node", IN_ANY_PROXY, 0, 1, KW_ACCEPT, on_stats_show_node, NULL, false },
	{ "stats show-desc", IN_ANY_PROXY, 0, ARGS_ANY, KW_ACCEPT, on_stats_show_desc, NULL, false },
	{ "stats http-request", IN_PROXY, 1, ARGS_ANY, KW_HTTP, NULL, "rules for requests of the page are HAProxy's",
	  false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
