/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Directives behind '#@xlb': comments to HAProxy, so that one file stays valid for both.
 *
 * A typing error in one must not pass as a comment: an unknown directive is an error.
 */
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

static void on_forward(struct parser *p, size_t at)
{
	static const char *const words[] = { "fullnat", "dnat", "l2dsr", "ipip", NULL };
	const char *word = parser_word(p, at);
	size_t i;

	for (i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			break;
	if (!words[i])
		complain(p, at, CODE_PRAGMA, did_you_mean(p, word, words),
			 "'%s' is not one of: fullnat, dnat, l2dsr, ipip", word);
	else if (i)
		refuse(p, at, "use 'forward fullnat'", "'forward %s' is not available in this version", word);
}

static void on_bind_udp(struct parser *p, size_t at)
{
	bind_udp(p, at);
}

const struct keyword keywords_pragma[] = {
	{ "attach", IN_GLOBAL, 1, 2, KW_ACCEPT, on_attach, "ties xlb to an interface", false },
	{ "flows", IN_GLOBAL, 1, 1, KW_ACCEPT, on_flows, "capacity of the flow table", false },
	{ "forward", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_forward, "how packets get to the servers", false },
	{ "bind udp", IN_FRONT, 1, ARGS_ANY, KW_ACCEPT, on_bind_udp, "takes UDP, which HAProxy does not forward",
	  false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
