/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* server add, del, set, drain, ready, maint, weight: all one request, the second word of the command is the action. */
#include <stdio.h>
#include <string.h>

#include "xlbctl/ctl.h"

static const struct {
	const char *action, *done;
} words[] = {
	{ "add", "added" },
	{ "del", "removed" },
	{ "set", "changed" },
	{ "drain", "takes no new connections" },
	{ "ready", "is in service" },
	{ "maint", "is in maintenance" },
	{ "weight", "has a new weight" },
};

enum ctl_exit cmd_server(struct ctl *c)
{
	const char *action = strchr(c->cmd->name, ' ') + 1;
	json_t *args = json_array(), *result = NULL;
	enum ctl_exit code;
	size_t i;
	int k;

	for (k = 1; k < c->nr_words; k++)
		json_array_append_new(args, json_string(c->words[k]));
	code = ask(c,
		   json_pack("{s:s,s:s,s:s,s:o,s:b,s:b}", "cmd", "server", "action", action, "server", c->words[0],
			     "args", args, "force", c->values.force, "maint", c->values.maint),
		   &result);
	if (code)
		return code;
	if (c->values.json)
		print_json(result);
	for (i = 0; !c->values.json && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(action, words[i].action) == 0)
			printf("%s %s\n", c->words[0], words[i].done);
	json_decref(result);
	return CTL_OK;
}
