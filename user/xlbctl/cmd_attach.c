/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * attach, detach.
 *
 * attach is the one command that does not need a daemon: on a fresh machine it is the whole installation. It says on
 * standard error that it started one, and in any case which mode is in force and why.
 */
#include <stdio.h>

#include "xlbctl/ctl.h"

static json_t *attach_request(const struct ctl *c)
{
	return json_pack("{s:s,s:s,s:s}", "cmd", "attach", "interface", c->words[0], "mode",
			 c->values.mode ? c->values.mode : "auto");
}

enum ctl_exit cmd_attach(struct ctl *c)
{
	json_t *result = NULL;
	enum ctl_exit code = ask_quietly(c, attach_request(c), &result);

	if (code == CTL_NO_DAEMON) {
		code = daemon_start(c);
		if (!code)
			code = ask(c, attach_request(c), &result);
	}
	if (code)
		return code;
	if (c->values.json)
		print_json(result);
	else
		printf("%s: attached in %s mode: %s\n", c->words[0], text_of(result, "mode"), text_of(result, "why"));
	json_decref(result);
	return CTL_OK;
}

enum ctl_exit cmd_detach(struct ctl *c)
{
	json_t *result = NULL;
	enum ctl_exit code;

	code = ask(c, json_pack("{s:s,s:s}", "cmd", "detach", "interface", c->words[0]), &result);
	if (code)
		return code;
	if (c->values.json)
		print_json(result);
	else
		printf("%s: detached, its packets go to the host.\n", c->words[0]);
	json_decref(result);
	return CTL_OK;
}
