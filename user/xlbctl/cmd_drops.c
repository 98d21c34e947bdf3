/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* show drops: where every packet went, grouped so that the sums can be read off. */
#include <stdio.h>
#include <string.h>

#include "xlbctl/ctl.h"

static const struct {
	const char *verdict, *title;
} groups[] = {
	{ "send", "forwarded" },
	{ "pass", "passed to the host" },
	{ "drop", "dropped" },
};

enum { NR_GROUPS = sizeof(groups) / sizeof(groups[0]) };

static json_int_t count_of(const json_t *row)
{
	return json_integer_value(json_object_get(row, "count"));
}

/* Adds the rows of a verdict and their sum. Returns it. */
static json_int_t add_group(struct table *t, const json_t *rows, size_t group, bool all)
{
	char number[32], name[64];
	json_int_t sum = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (strcmp(text_of(row, "verdict"), groups[group].verdict) == 0)
			sum += count_of(row);
	snprintf(number, sizeof(number), "%lld", (long long)sum);
	table_row(t, (const char *[]){ groups[group].title, number, "" });
	json_array_foreach(rows, i, row) {
		if (strcmp(text_of(row, "verdict"), groups[group].verdict) != 0 || (!all && !count_of(row)))
			continue;
		snprintf(name, sizeof(name), "%s %s", json_is_true(json_object_get(row, "expected")) ? " " : "!",
			 text_of(row, "reason"));
		snprintf(number, sizeof(number), "%lld", (long long)count_of(row));
		table_row(t, (const char *[]){ name, number, text_of(row, "text") });
	}
	return sum;
}

static void print_drops(const json_t *rows, bool all)
{
	static const struct table_column columns[] = { { "REASON", false }, { "PACKETS", true }, { "WHAT", false } };
	struct table *t = table_new(columns, 3);
	json_int_t total = 0;
	char number[32];
	size_t i;

	for (i = 0; i < NR_GROUPS; i++)
		total += add_group(t, rows, i, all);
	snprintf(number, sizeof(number), "%lld", (long long)total);
	table_row(t, (const char *[]){ "received", number, "forwarded + passed + dropped" });
	table_print_free(t);
}

enum ctl_exit cmd_show_drops(struct ctl *c)
{
	json_t *rows = NULL;
	enum ctl_exit code = ask(c, json_pack("{s:s,s:s}", "cmd", "show", "what", "drops"), &rows);

	if (code)
		return code;
	if (c->values.json)
		print_json(rows);
	else
		print_drops(rows, c->values.all);
	json_decref(rows);
	return CTL_OK;
}
