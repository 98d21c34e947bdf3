/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* show events: what the daemon has logged, and with --follow what it logs from now on. */
#include <stdio.h>
#include <time.h>

#include "xlbctl/ctl.h"

enum { FOLLOW_NS = 200 * 1000 * 1000 };

/* In JSON each line of the log is a line of its own when they are followed: an array would never end. */
static void print_events(const struct ctl *c, const json_t *rows, json_int_t *ret_since)
{
	const json_t *row;
	json_int_t lost;
	size_t i;

	if (c->values.json && !c->values.follow)
		print_json(rows);
	json_array_foreach(rows, i, row) {
		*ret_since = json_integer_value(json_object_get(row, "seq"));
		lost = json_integer_value(json_object_get(row, "lost"));
		if (!c->values.json && lost)
			printf("(%lld earlier lines are not kept)\n", (long long)lost);
		if (!c->values.json)
			printf("%s\n", text_of(row, "text"));
		else if (c->values.follow && !json_dumpf(row, stdout, JSON_COMPACT))
			printf("\n");
	}
	fflush(stdout);
}

enum ctl_exit cmd_show_events(struct ctl *c)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_NS };
	json_int_t since = 0;
	enum ctl_exit code;
	json_t *rows;

	do {
		rows = NULL;
		code = ask(c, json_pack("{s:s,s:s,s:I}", "cmd", "show", "what", "events", "since", since), &rows);
		if (code)
			return code;
		print_events(c, rows, &since);
		json_decref(rows);
	} while (c->values.follow && !ferror(stdout) && !nanosleep(&pause, NULL));
	return CTL_OK;
}
