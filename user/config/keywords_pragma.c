/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Directives behind '#@xlb': comments to HAProxy, so that one file stays valid for both.
 *
 * A typing error in one must not pass as a comment: an unknown directive is an error.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"

enum { FLOWS_MIN = 1024, FLOWS_MAX = 64 * 1024 * 1024 };

static void on_attach(struct parser *p, size_t at)
{
	static const char *const words[] = { "auto", "native", "generic", NULL };
	const char *ifname = parser_word(p, at), *mode = parser_word(p, at + 1);
	struct attach_want *a;

	if (!*ifname || strlen(ifname) > 15 || strchr(ifname, '/')) {
		complain(p, at, CODE_NAME, NULL, "'%s' is not the name of a network interface", ifname);
		return;
	}
	TAILQ_FOREACH(a, &p->model->attach, next) {
		if (!strcmp(a->ifname, ifname)) {
			complain(p, at, CODE_DUPLICATE, NULL, "the interface '%s' was already given", ifname);
			return;
		}
	}
	if (mode && strcmp(mode, "auto") != 0 && strcmp(mode, "native") != 0 && strcmp(mode, "generic") != 0) {
		complain(p, at + 1, CODE_WORD, did_you_mean(p, mode, words),
			 "'%s' is not one of: auto, native, generic", mode);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (a)
		a->ifname = strdup(ifname);
	if (!a || !a->ifname) {
		free(a);
		p->arena.failed = true;
		return;
	}
	a->mode = !mode || *mode == 'a' ? ATTACH_AUTO : *mode == 'n' ? ATTACH_NATIVE : ATTACH_GENERIC;
	TAILQ_INSERT_TAIL(&p->model->attach, a, next);
}

static void on_flows(struct parser *p, size_t at)
{
	value_uint(p, at, FLOWS_MIN, FLOWS_MAX, &p->model->flows);
}

static void on_flows6(struct parser *p, size_t at)
{
	value_uint(p, at, FLOWS_MIN, FLOWS_MAX, &p->model->flows6);
}

/* Not a secret: it only makes the choice of servers another one than that of nodes with another word. */
static void on_seed(struct parser *p, size_t at)
{
	char *word = strdup(parser_word(p, at));

	if (!word) {
		p->arena.failed = true;
		return;
	}
	free(p->model->seed);
	p->model->seed = word;
}

bool forward_parse(struct parser *p, size_t at, enum forward *ret)
{
	static const struct named_value modes[] = {
		{ "fullnat", FORWARD_FULLNAT },
		{ "dnat", FORWARD_DNAT },
		{ "l2dsr", FORWARD_L2DSR },
		{ "ipip", FORWARD_IPIP },
		{ NULL, 0 },
	};
	static const enum capability needs[] = { [FORWARD_DNAT] = CAN_FORWARD_DNAT,
						 [FORWARD_L2DSR] = CAN_FORWARD_L2DSR,
						 [FORWARD_IPIP] = CAN_FORWARD_IPIP };
	int mode;

	if (!value_choice(p, at, modes, "way of forwarding (fullnat, dnat, l2dsr, ipip)", &mode))
		return false;
	if (mode != FORWARD_FULLNAT && !require(p, at, needs[mode]))
		return false;
	*ret = (enum forward)mode;
	return true;
}

static void on_forward(struct parser *p, size_t at)
{
	struct settings *set = &p->proxy->set;

	if (!forward_parse(p, at, &set->forward))
		return;
	set->has_forward = true;
	set->forward_place = parser_place(p, at);
}

bool mac_parse(struct parser *p, size_t at, unsigned char *ret)
{
	const char *word = parser_word(p, at);
	unsigned int b[6];
	int len = 0;

	if (strlen(word) != 17 ||
	    sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &len) != 6 ||
	    len != 17 || b[0] & 1) {
		complain(p, at, CODE_ADDRESS, "write six bytes, such as 02:00:5e:10:00:01",
			 "'%s' is not the MAC address of a station", word);
		return false;
	}
	for (size_t i = 0; i < 6; i++)
		ret[i] = (unsigned char)b[i];
	return true;
}

static bool tune_forward(struct parser *p, size_t at, struct server_tune *t)
{
	t->has_forward = true;
	t->forward_place = parser_place(p, at);
	return require(p, at, CAN_FORWARD_BY_SERVER) && forward_parse(p, at, &t->forward);
}

static bool tune_mac(struct parser *p, size_t at, struct server_tune *t)
{
	t->has_mac = true;
	return require(p, at, CAN_MAC) && mac_parse(p, at, t->mac);
}

/* Properties of '#@xlb server', each with one word behind it. */
static const struct {
	const char *word;
	bool (*set)(struct parser *p, size_t at, struct server_tune *t);
} tunes[] = {
	{ "forward", tune_forward },
	{ "mac", tune_mac },
};

enum { NR_TUNES = sizeof(tunes) / sizeof(tunes[0]) };

/* 'server NAME PROPERTY VALUE ...' */
static void on_server(struct parser *p, size_t at)
{
	struct server_tune *t = arena_alloc(&p->arena, sizeof(*t));
	const char *word, *names[NR_TUNES + 1];
	size_t i;

	if (!t)
		return;
	t->name = parser_word(p, at);
	t->place = parser_place(p, at);
	for (at++; (word = parser_word(p, at)); at += 2) {
		for (i = 0; i < NR_TUNES; i++) {
			names[i] = tunes[i].word;
			if (!strcmp(names[i], word))
				break;
		}
		if (i == NR_TUNES) {
			names[i] = NULL;
			complain(p, at, CODE_PRAGMA, did_you_mean(p, word, names),
				 "'%s' is no property of a server: forward, mac", word);
			return;
		}
		if (!parser_word(p, at + 1)) {
			complain(p, at + 1, CODE_MISSING_ARG, NULL, "'%s' needs a word after it", word);
			return;
		}
		if (!tunes[i].set(p, at + 1, t))
			return;
	}
	TAILQ_INSERT_TAIL(&p->proxy->tunes, t, next);
}

static void on_bind_tcp(struct parser *p, size_t at)
{
	bind_pragma(p, at, IPPROTO_TCP);
}

static void on_bind_udp(struct parser *p, size_t at)
{
	bind_pragma(p, at, IPPROTO_UDP);
}

static void on_no_backend(struct parser *p, size_t at)
{
	static const struct named_value answers[] = {
		{ "reset", NO_BACKEND_RESET }, { "icmp", NO_BACKEND_ICMP }, { "drop", NO_BACKEND_DROP }, { NULL, 0 }
	};
	int answer;

	if (!value_choice(p, at, answers, "answer (reset, icmp, drop)", &answer) || !require(p, at - 1, CAN_NO_BACKEND))
		return;
	p->proxy->set.no_backend = (enum no_backend)answer;
	p->proxy->set.no_backend_place = parser_place(p, at);
}

static void on_fallback_local(struct parser *p, size_t at)
{
	if (require(p, at - 2, CAN_FALLBACK_LOCAL))
		p->proxy->set.no_backend = NO_BACKEND_PASS;
}

static void on_check_via_path(struct parser *p, size_t at)
{
	if (!require(p, at - 2, CAN_CHECK_VIA_PATH))
		return;
	p->proxy->set.check_path = CHECK_PATH_VIA;
	p->proxy->set.check_path_place = parser_place(p, at - 1);
}

static void on_check_direct(struct parser *p, size_t at)
{
	(void)at;
	p->proxy->set.check_path = CHECK_PATH_DIRECT;
}

static void on_balance_tuple(struct parser *p, size_t at)
{
	balance_tuple(p, at - 1);
}

const struct keyword keywords_pragma[] = {
	{ "attach", IN_GLOBAL, 1, 2, KW_ACCEPT, on_attach, "ties xlb to an interface", false },
	{ "flows", IN_GLOBAL, 1, 1, KW_ACCEPT, on_flows, "capacity of the flow table", false },
	{ "flows6", IN_GLOBAL, 1, 1, KW_ACCEPT, on_flows6, "capacity of the flow table of IPv6", false },
	{ "seed", IN_GLOBAL, 1, 1, KW_ACCEPT, on_seed, "nodes with one seed choose the same servers", false },
	{ "forward", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_forward, "how packets get to the servers", false },
	{ "server", IN_BACK, 3, ARGS_ANY, KW_ACCEPT, on_server, "how packets get to this server", false },
	{ "balance tuple", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_balance_tuple,
	  "consistent hash of addresses and ports, instead of what 'balance' says", false },
	{ "bind udp", IN_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_bind_udp, "takes UDP, which HAProxy does not forward",
	  false },
	{ "bind tcp", IN_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_bind_tcp, "takes TCP for which HAProxy opens no socket",
	  false },
	{ "no-backend", IN_ANY_FRONT, 1, 1, KW_ACCEPT, on_no_backend, "what packets get without a usable server",
	  false },
	{ "fallback local", IN_ANY_FRONT, 0, 0, KW_ACCEPT, on_fallback_local,
	  "without a usable server packets pass to the host", false },
	{ "check via-path", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_check_via_path,
	  "probes go to the balanced address, as traffic does", false },
	{ "check direct", IN_ANY_BACK, 0, 0, KW_ACCEPT, on_check_direct, "probes go to the server's own address",
	  false },
	{ "check udp", IN_ANY_BACK, 0, 4, KW_ACCEPT, pragma_check_udp,
	  "checked servers get a datagram; silence passes unless an answer is expected", false },
	{ "check dns", IN_ANY_BACK, 1, 2, KW_ACCEPT, pragma_check_dns, "checked servers get a DNS query", false },
	{ "check icmp", IN_ANY_BACK, 0, 0, KW_ACCEPT, pragma_check_icmp, "checked servers get an echo request", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
