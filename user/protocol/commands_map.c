/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps at run time: there are none, because what reads them, converters of samples of a stream, needs a proxy. The
 * commands are here for tools that list maps before they do anything else: they find an empty list, and no map of any
 * name. Texts as in HAProxy 2.6.
 */
#include "protocol/command.h"

static void say_unknown(struct call *c)
{
	call_say(c, CALL_ERROR, "Unknown map identifier. Please use #<id> or <file>.\n");
}

void run_show_map(struct call *c)
{
	/* Behind a version stands the map. */
	if (c->argv[2][0])
		say_unknown(c);
	else
		buf_puts(c->out, "# id (file) description\n");
}

void run_get_map(struct call *c)
{
	if (c->argv[2][0] && c->argv[3][0])
		say_unknown(c);
	else
		call_say(c, CALL_ERROR, "Missing map identifier and/or key.\n");
}

void run_add_map(struct call *c)
{
	const unsigned int i = c->argv[2][0] == '@' ? 3 : 2;

	if (c->argv[i][0] && (c->payload || (c->argv[i + 1][0] && c->argv[i + 2][0])))
		say_unknown(c);
	else
		call_say(c, CALL_ERROR,
			 "'add map' expects three parameters (map identifier, key and value) or one parameter (map "
			 "identifier) and a payload\n");
}

void run_set_map(struct call *c)
{
	if (c->argv[2][0] && c->argv[3][0] && c->argv[4][0])
		say_unknown(c);
	else
		call_say(c, CALL_ERROR, "'set map' expects three parameters: map identifier, key and value.\n");
}

void run_del_map(struct call *c)
{
	if (c->argv[2][0] && c->argv[3][0])
		say_unknown(c);
	else
		call_say(c, CALL_ERROR, "This command expects two parameters: map identifier and key.\n");
}

void run_clear_map(struct call *c)
{
	if (c->argv[2][0] == '@' ? c->argv[3][0] : c->argv[2][0])
		say_unknown(c);
	else
		call_say(c, CALL_ERROR, "Missing map identifier.\n");
}

void run_prepare_map(struct call *c)
{
	say_unknown(c);
}

void run_commit_map(struct call *c)
{
	if (c->argv[2][0] != '@')
		call_say(c, CALL_ERROR, "Missing version number.\n");
	else if (!c->argv[3][0])
		call_say(c, CALL_ERROR, "Missing map identifier.\n");
	else
		say_unknown(c);
}
