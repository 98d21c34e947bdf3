/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules that addresses, ports and counters decide: 'acl', 'tcp-request connection', 'tcp-request session',
 * 'use_backend' (HAProxy configuration manual, sections 4.2 and 7).
 */
#include <ctype.h>
#include <string.h>

#include "config/parser.h"

static void on_acl(struct parser *p, size_t at)
{
	acl_line(p, at);
}

/* Actions of 'tcp-request'. Those with a reason need a proxy; one that ends in '*' stands for all that begin so. */
static const struct action {
	const char *word;
	enum policy_action action;
	const char *needs_proxy;
} actions[] = {
	{ "accept", RULE_ACCEPT, NULL },
	{ "reject", RULE_REJECT, NULL },
	{ "silent-drop", RULE_DROP, NULL },
	{ "track-sc0", RULE_TRACK, NULL },
	{ "track-sc1", RULE_TRACK, NULL },
	{ "track-sc2", RULE_TRACK, NULL },
	{ "sc-inc-gpc0(0)", RULE_INC_GPC0, NULL },
	{ "sc-inc-gpc0(1)", RULE_INC_GPC0, NULL },
	{ "sc-inc-gpc0(2)", RULE_INC_GPC0, NULL },
	{ "expect-proxy", RULE_ACCEPT, "the PROXY header stands inside of the stream" },
	{ "expect-netscaler-cip", RULE_ACCEPT, "the NetScaler header stands inside of the stream" },
	{ "set-*", RULE_ACCEPT, "only a proxy can set this" },
	{ "unset-var*", RULE_ACCEPT, "only a proxy has variables" },
	{ "sc-*", RULE_ACCEPT, "only gpc0 is counted for packets" },
	{ "track-sc*", RULE_ACCEPT, "packets have three counters: track-sc0, track-sc1 and track-sc2" },
	{ "lua.*", RULE_ACCEPT, "Lua is run by a proxy only" },
	{ "switch-mode", RULE_ACCEPT, "it works on requests" },
	{ "capture", RULE_ACCEPT, "it reads the stream" },
	{ "attach-srv", RULE_ACCEPT, "it hands the connection itself over" },
};

enum { NR_ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static const struct action *find_action(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at), *names[NR_ACTIONS + 1];
	size_t i, len;

	for (i = 0; i < NR_ACTIONS; i++) {
		names[i] = actions[i].word;
		len = strlen(names[i]);
		if (names[i][len - 1] == '*' ? !strncmp(names[i], word, len - 1) : !strcmp(names[i], word))
			return &actions[i];
	}
	names[i] = NULL;
	complain(p, at, CODE_WORD, did_you_mean(p, word, names), "'%s' is no action of 'tcp-request'", word);
	return NULL;
}

/* "src [table NAME]" behind 'track-scN'. Moves '*at' behind it. */
static bool take_key(struct parser *p, size_t *at, struct rule_decl *r)
{
	struct sample sample;
	const char *word;

	if (!sample_parse(p, *at, &sample))
		return false;
	if ((sample.parts != BALANCE_PART_SRC && sample.parts != BALANCE_PART_DST) || sample.mask4 != 32 ||
	    sample.mask6 != 128) {
		need_proxy(p, *at, "clients are counted by whole addresses: 'src' or 'dst'");
		return false;
	}
	r->by_dst = sample.parts == BALANCE_PART_DST;
	word = parser_word(p, ++*at);
	if (!word || strcmp(word, "table") != 0)
		return true;
	r->table = parser_word(p, *at + 1);
	*at += 2;
	if (r->table)
		return true;
	complain(p, *at, CODE_MISSING_ARG, NULL, "'table' needs a name after it");
	return false;
}

static void add_rule(struct parser *p, size_t at, bool session)
{
	struct rule_decl *r = arena_alloc(&p->arena, sizeof(*r));
	const struct action *a = find_action(p, at);
	const char *digit;

	if (!r || !a)
		return;
	if (a->needs_proxy) {
		need_proxy(p, at, a->needs_proxy);
		return;
	}
	r->place = parser_place(p, 0);
	r->action = a->action;
	r->session = session;
	digit = strpbrk(parser_word(p, at), "012"); /* the first in "sc-inc-gpc0(1)" is part of the name */
	if (digit && a->action == RULE_INC_GPC0)
		digit = strchr(digit, '(') + 1;
	r->counter = digit ? (unsigned int)(*digit - '0') : 0;
	at++;
	if (a->action == RULE_TRACK && !take_key(p, &at, r))
		return;
	if (!cond_parse(p, at, &r->cond))
		return;
	if (!require(p, 0, CAN_RULES))
		return;
	if ((a->action == RULE_TRACK || a->action == RULE_INC_GPC0) && !require(p, 0, CAN_TRACK))
		return;
	TAILQ_INSERT_TAIL(&p->proxy->rules, r, next);
}

static void on_connection(struct parser *p, size_t at)
{
	add_rule(p, at, false);
}

static void on_session(struct parser *p, size_t at)
{
	add_rule(p, at, true);
}

static void on_use_backend(struct parser *p, size_t at)
{
	struct use_backend *u = arena_alloc(&p->arena, sizeof(*u));

	if (!u)
		return;
	u->name = parser_word(p, at);
	u->place = parser_place(p, at);
	u->conditional = parser_word(p, at + 1) != NULL;
	if (strchr(u->name, '%')) {
		need_proxy(p, at, "the name is made of parts of the request");
		return;
	}
	if (cond_parse(p, at + 1, &u->cond) && u->conditional)
		require(p, at - 1, CAN_ROUTES);
	/* A rule that packets cannot follow still names its backend, which must exist. */
	TAILQ_INSERT_TAIL(&p->proxy->uses, u, next);
}

static const char acl_note[] = "counts where a rule names it";

const struct keyword keywords_policy[] = {
	{ "acl", IN_ANY_PROXY, 2, ARGS_ANY, KW_ACCEPT, on_acl, acl_note, false },
	{ "tcp-request connection", IN_ANY_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_connection, "asked for each new flow",
	  false },
	{ "tcp-request session", IN_ANY_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_session,
	  "asked for each new flow, after 'tcp-request connection'", false },
	{ "use_backend", IN_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_use_backend, "asked for each new flow", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
