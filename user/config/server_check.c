/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words of a 'server' line about agents, 'track' and 'observe' (HAProxy configuration manual, section 5.2), and what
 * can only be told of them when all files are read. The rows are in keywords_server.c.
 */
#include <string.h>

#include "config/finish.h"
#include "model/capability.h"

void server_agent_check(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	/* 'no-agent-check' comes by the same way. */
	s->has_agent = strncmp(parser_word(p, at - 1), "no-", 3) != 0;
}

void server_agent_port(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	value_uint(p, at, 1, 65535, &s->agent.port);
}

void server_agent_addr(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	struct endpoint e;

	if (value_endpoint(p, at, parser_word(p, at), ENDPOINT_NAME, &e))
		s->agent.addr = e.addr;
}

void server_agent_inter(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	value_time(p, at, 1, 1, &s->agent.inter);
}

void server_agent_send(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	s->agent_send = parser_word(p, at);
}

void server_observe(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;
	const char *word = parser_word(p, at);

	s->observe.on = !strcmp(word, "layer4");
	if (s->observe.on)
		(void)require(p, at - 1, CAN_OBSERVE);
	if (!strcmp(word, "layer7"))
		need_proxy(p, at, "it looks at answers to requests, as 'observe layer4' does not");
	else if (!s->observe.on)
		complain(p, at, CODE_WORD, "write 'layer4'", "'%s' is nothing that can be observed", word);
}

void server_error_limit(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	value_uint(p, at, 1, 1000000, &s->observe.limit);
}

void server_on_error(struct parser *p, void *target, size_t at)
{
	static const struct named_value actions[] = {
		{ "fail-check", OBSERVE_FAIL_CHECK },
		{ "fastinter", OBSERVE_FASTINTER },
		{ "sudden-death", OBSERVE_SUDDEN_DEATH },
		{ "mark-down", OBSERVE_MARK_DOWN },
		{ NULL, 0 },
	};
	struct server_decl *s = target;
	int action;

	if (value_choice(p, at, actions, "action of 'on-error'", &action))
		s->observe.action = (enum observe_action)action;
}

void server_track(struct parser *p, void *target, size_t at)
{
	struct server_decl *s = target;

	s->track = parser_word(p, at);
	s->track_place = parser_place(p, at);
}

/* --- all files are read ------------------------------------------------------------------------------------------ */

/* 'SERVER' of the same section, or 'BACKEND/SERVER'. '*x' becomes its section. */
static struct server_decl *find_tracked(struct parser *p, struct proxy **x, const struct server_decl *s)
{
	const char *slash = strchr(s->track, '/');
	char *name;

	if (!slash)
		return names_find(&p->names, NAME_SERVER, *x, s->track);
	name = arena_copy(&p->arena, s->track, (size_t)(slash - s->track));
	*x = name ? names_find(&p->names, NAME_BACK, NULL, name) : NULL;
	return *x ? names_find(&p->names, NAME_SERVER, *x, slash + 1) : NULL;
}

/* Its servers are not part of the model. */
static bool is_left_out(const struct proxy *x)
{
	return x->set.need.word || (x->set.mode_http && x->set.need_http.word);
}

static bool is_ring(const struct server_decl *s)
{
	const struct server_decl *fast = s->tracked;

	for (s = s->tracked; fast && fast->tracked; s = s->tracked) {
		fast = fast->tracked->tracked;
		if (fast == s)
			return true;
	}
	return false;
}

void server_resolve_track(struct parser *p, struct proxy *x, struct server_decl *s)
{
	const struct proxy *own = x;

	if (!s->track || is_left_out(own))
		return;
	s->tracked = find_tracked(p, &x, s);
	if (!s->tracked)
		report(p, DIAG_ERROR, &s->track_place, CODE_UNKNOWN_NAME, "write BACKEND/SERVER",
		       "no server is called '%s'", s->track);
	else if (is_left_out(x))
		report(p, DIAG_ERROR, &s->track_place, CODE_NOT_YET, "give the server a 'check' of its own",
		       "the server '%s' is of a section that needs a proxy, so that its health is not known", s->track);
	else if (s->checked || s->has_agent)
		report(p, DIAG_ERROR, &s->track_place, CODE_TRACK, "remove one of the two",
		       "the server '%s' cannot have checks of its own and track another", s->name);
	else if (!s->tracked->checked && !s->tracked->has_agent && !s->tracked->track)
		report(p, DIAG_ERROR, &s->track_place, CODE_TRACK, "add 'check' to the other server",
		       "the server '%s' has no check whose result could be tracked", s->track);
}

void server_remark_checks(struct parser *p, const struct server_decl *s)
{
	if (s->tracked && is_ring(s))
		report(p, DIAG_ERROR, &s->track_place, CODE_TRACK, "let one of them have a check",
		       "servers track each other in a ring, so that nothing is checked");
	if (s->has_agent && !s->agent.port)
		report(p, DIAG_ERROR, &s->place, CODE_CHECK_PORT, "add 'agent-port N'",
		       "the server '%s' has an agent but no port to ask it at", s->name);
	if (s->observe.on && !s->checked)
		report(p, DIAG_ERROR, &s->place, CODE_TRACK, "add 'check'",
		       "the server '%s' is observed, but has no check that could tell when it is well again", s->name);
}
