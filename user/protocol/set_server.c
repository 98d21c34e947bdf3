/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `set server <b>/<s> ...`: one function per property, found by a table; texts as in HAProxy 2.6.
 *
 * A property function either answers itself and returns 0, or returns the error of a change, whose messages lie in
 * ch->diags then.
 */
#include <string.h>

#include "protocol/command.h"

typedef int property_fn(struct call *c, const struct change *ch, struct server *s);

static int set_state(struct call *c, const struct change *ch, struct server *s)
{
	const char *word = c->argv[4];

	if (strcmp(word, "ready") == 0)
		return change_state(ch, s, CHANGE_READY);
	if (strcmp(word, "drain") == 0)
		return change_state(ch, s, CHANGE_DRAIN);
	if (strcmp(word, "maint") == 0)
		return change_state(ch, s, CHANGE_MAINT);
	call_say(c, CALL_ERROR, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
	return 0;
}

static int set_weight(struct call *c, const struct change *ch, struct server *s)
{
	unsigned int weight;
	const char *error = weight_parse(s, c->argv[4], &weight);

	if (!error)
		return change_weight(ch, s, weight);
	call_say(c, CALL_ERROR, "%s", error);
	return 0;
}

static int set_health(struct call *c, const struct change *ch, struct server *s)
{
	const char *word = c->argv[4];

	if (s->track) {
		call_say(c, CALL_ERROR, "cannot change health on a tracking server.\n");
		return 0;
	}
	if (strcmp(word, "up") == 0)
		return change_health(ch, s, CHANGE_UP);
	if (strcmp(word, "stopping") == 0)
		return change_health(ch, s, CHANGE_STOPPING);
	if (strcmp(word, "down") == 0)
		return change_health(ch, s, CHANGE_DOWN);
	call_say(c, CALL_ERROR, "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n");
	return 0;
}

static int set_check_addr(struct call *c, const struct change *ch, struct server *s)
{
	unsigned int port = 0;
	struct addr addr;

	if (!c->argv[4][0])
		call_say(c, CALL_ERROR, "set server <b>/<s> check-addr requires an address and optionally a port.\n");
	else if (s->check.type == CHECK_NONE)
		call_say(c, CALL_WARNING, "health checks are not enabled on this server");
	else if (addr_parse(c->argv[4], &addr))
		call_say(c, CALL_WARNING, "invalid addr '%s'", c->argv[4]);
	else if (strcmp(c->argv[5], "port") == 0 && !port_parse(c->argv[6], &port))
		call_say(c, CALL_WARNING, "provided port is not an integer");
	else
		return change_target(ch, &s->check, &addr, port);
	return 0;
}

static int set_check_port(struct call *c, const struct change *ch, struct server *s)
{
	struct addr none = { 0 };
	unsigned int port;

	if (!c->argv[4][0])
		call_say(c, CALL_ERROR, "set server <b>/<s> check-port requires a port.\n");
	else if (s->check.type == CHECK_NONE)
		call_say(c, CALL_WARNING, "health checks are not enabled on this server");
	else if (strspn(c->argv[4], "0123456789") != strlen(c->argv[4]))
		call_say(c, CALL_WARNING, "provided port is not an integer");
	else if (!port_parse(c->argv[4], &port) || !port)
		call_say(c, CALL_WARNING, "provided port is invalid");
	else
		return change_target(ch, &s->check, &none, port);
	return 0;
}

/* The new port of `addr A port P`; false when there is nothing to change, 'text' says why. */
static bool new_port(const struct call *c, const struct server *s, struct buf *text, unsigned int *ret_port)
{
	const char *word = c->argv[6];
	unsigned int port;

	if (strcmp(c->argv[5], "port") != 0)
		return false;
	if (word[0] == '+' || word[0] == '-') {
		buf_printf(text, ", a port relative to the client's ('%s') is not possible here", word);
		return false;
	}
	if (!port_parse(word, &port)) {
		buf_printf(text, ", problem converting port '%s' to an int", word);
		return false;
	}
	if (port == s->port) {
		buf_puts(text, ", no need to change the port");
		return false;
	}
	buf_printf(text, ", port changed from '%u' to '%u'", s->port, port);
	*ret_port = port;
	return true;
}

/*
 * HAProxy answers with what changed and what did not, in one sentence, and carries out the address also when the port
 * is nonsense. Flows that exist keep the address they have.
 */
static int set_addr(struct call *c, const struct change *ch, struct server *s)
{
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];
	struct buf text = { 0 };
	unsigned int port = s->port;
	struct addr addr;
	bool changed;
	int err = 0;

	if (!c->argv[4][0]) {
		call_say(c, CALL_ERROR, "set server <b>/<s> addr requires an address and optionally a port.\n");
		return 0;
	}
	if (addr_parse(c->argv[4], &addr)) {
		call_say(c, CALL_WARNING, "Invalid addr '%s' by 'stats socket command'\n", c->argv[4]);
		return 0;
	}
	changed = !addr_equal(&addr, &s->addr);
	if (changed)
		buf_printf(&text, "IP changed from '%s' to '%s'", addr_format(&s->addr, from), addr_format(&addr, to));
	else
		buf_puts(&text, "no need to change the addr");
	if (new_port(c, s, &text, &port))
		changed = true;
	if (changed)
		err = change_addr(ch, s, &addr, (uint16_t)port);
	if (!err && !text.failed) {
		if (changed)
			c->host->log(c->arg, "%s/%s %s by 'stats socket command'", s->backend->name, s->name,
				     text.data);
		call_say(c, CALL_WARNING, "%s by 'stats socket command'\n", text.data);
	}
	buf_fini(&text);
	return err;
}

static bool has_agent(const struct server *s)
{
	return s->agent.type != CHECK_NONE && s->run.agent_enabled;
}

static int set_agent(struct call *c, const struct change *ch, struct server *s)
{
	const char *word = c->argv[4];

	if (!has_agent(s))
		call_say(c, CALL_ERROR, "agent checks are not enabled on this server.\n");
	else if (strcmp(word, "up") == 0)
		return change_agent(ch, s, true);
	else if (strcmp(word, "down") == 0)
		return change_agent(ch, s, false);
	else
		call_say(c, CALL_ERROR, "'set server <srv> agent' expects 'up' or 'down'.\n");
	return 0;
}

static int set_agent_addr(struct call *c, const struct change *ch, struct server *s)
{
	unsigned int port = 0;
	struct addr addr;

	if (!c->argv[4][0])
		call_say(c, CALL_ERROR, "set server <b>/<s> agent-addr requires an address and optionally a port.\n");
	else if (!has_agent(s))
		call_say(c, CALL_WARNING, "agent checks are not enabled on this server");
	else if (addr_parse(c->argv[4], &addr))
		call_say(c, CALL_WARNING, "invalid addr '%s'", c->argv[4]);
	else if (strcmp(c->argv[5], "port") == 0 && !port_parse(c->argv[6], &port))
		call_say(c, CALL_WARNING, "provided port is not an integer");
	else
		return change_target(ch, &s->agent, &addr, port);
	return 0;
}

static int set_agent_port(struct call *c, const struct change *ch, struct server *s)
{
	struct addr none = { 0 };
	unsigned int port;

	if (!c->argv[4][0])
		call_say(c, CALL_ERROR, "set server <b>/<s> agent-port requires a port.\n");
	else if (!has_agent(s))
		call_say(c, CALL_WARNING, "agent checks are not enabled on this server");
	else if (strspn(c->argv[4], "0123456789") != strlen(c->argv[4]))
		call_say(c, CALL_WARNING, "provided port is not an integer");
	else if (!port_parse(c->argv[4], &port))
		call_say(c, CALL_WARNING, "provided port is invalid");
	else
		return change_target(ch, &s->agent, &none, port);
	return 0;
}

static int set_agent_send(struct call *c, const struct change *ch, struct server *s)
{
	if (has_agent(s))
		return ch->host->agent_send(ch->arg, s, c->argv[4], ch->diags);
	call_say(c, CALL_ERROR, "agent checks are not enabled on this server.\n");
	return 0;
}

static int refuse_fqdn(struct call *c, const struct change *ch, struct server *s)
{
	(void)ch;
	(void)s;
	call_say(c, CALL_ERROR, "set server <b>/<s> fqdn failed because no resolution is configured.\n");
	return 0;
}

static int refuse_ssl(struct call *c, const struct change *ch, struct server *s)
{
	(void)ch;
	(void)s;
	call_say(c, CALL_ERROR, "'set server <srv> ssl' cannot be set: packets are forwarded, not encrypted.\n");
	return 0;
}

static const struct {
	const char *word;
	property_fn *set;
} properties[] = {
	{ "addr", set_addr },
	{ "agent", set_agent },
	{ "agent-addr", set_agent_addr },
	{ "agent-port", set_agent_port },
	{ "agent-send", set_agent_send },
	{ "check-addr", set_check_addr },
	{ "check-port", set_check_port },
	{ "fqdn", refuse_fqdn },
	{ "health", set_health },
	{ "ssl", refuse_ssl },
	{ "state", set_state },
	{ "weight", set_weight },
};

void run_set_server(struct call *c)
{
	struct server *s = call_server(c, 2, "\n");
	struct diag_list diags;
	struct change ch = { c->host, c->arg, &diags };
	size_t i;
	int err;

	if (!s)
		return;
	for (i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (strcmp(c->argv[3], properties[i].word) == 0)
			break;
	if (i == sizeof(properties) / sizeof(properties[0])) {
		call_say(c, CALL_ERROR,
			 "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | "
			 "check-addr | check-port | fqdn | health | ssl | state | weight\n");
		return;
	}
	diag_init(&diags);
	err = properties[i].set(c, &ch, s);
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
}
