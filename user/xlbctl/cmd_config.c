/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* check, reload */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "xlbctl/ctl.h"

static enum ctl_exit check_failed(int err)
{
	if (err == -ENOENT)
		return ctl_fail(CTL_NOT_FOUND, "there is no xlbd beside xlbctl or in PATH that could check.");
	return ctl_fail(CTL_FAILED, "cannot run xlbd: %s.", strerror(-err));
}

/* xlbd itself checks, so that both always agree; what it writes, a verdict per line and the messages, goes to the user.
 */
enum ctl_exit cmd_check(struct ctl *c)
{
	const char *args[2 * CTL_MAX_WORDS + 3];
	int nr = 0, i, err;

	args[nr++] = "-c";
	args[nr++] = c->values.json ? "--json" : "-V";
	for (i = 0; i < c->nr_words && i < CTL_MAX_WORDS / 2; i++) {
		args[nr++] = "-f";
		args[nr++] = c->words[i];
	}
	args[nr] = NULL;
	err = daemon_run(args, -1);
	if (err < 0)
		return check_failed(err);
	if (!c->values.json)
		fprintf(err ? stderr : stdout, "running configuration unchanged\n");
	return err ? CTL_INVALID : CTL_OK;
}

/* "~ server web/s1: weight 1 -> 3 (+25.0 % of new connections)", and below it what would be cut. */
static void print_plan_row(const json_t *row)
{
	static const struct {
		const char *op, *sign;
	} signs[] = { { "add", "+" }, { "remove", "-" }, { "change", "~" } };
	const char *op = text_of(row, "op"), *kind = text_of(row, "kind"), *detail = text_of(row, "detail");
	double moves = json_number_value(json_object_get(row, "moves"));
	bool is_part = strcmp(kind, "server") == 0 || strcmp(kind, "bind") == 0;
	size_t i;

	for (i = 0; i < 2 && strcmp(op, signs[i].op) != 0; i++)
		;
	printf("%s%s %s %s%s%s", is_part ? "  " : "", signs[i].sign, kind, text_of(row, "name"), *detail ? ": " : "",
	       detail);
	if (strcmp(kind, "server") == 0 && (moves > 0 || moves < 0))
		printf(" (%+.1f %% of new connections)", moves * 100);
	putchar('\n');
	if (json_is_string(json_object_get(row, "cuts")))
		printf("    cut: %s\n", text_of(row, "cuts"));
}

static void print_plan(const json_t *plan)
{
	const json_t *row;
	size_t i;

	json_array_foreach(plan, i, row)
		print_plan_row(row);
	if (json_is_array(plan) && !json_array_size(plan))
		puts("nothing changes: frontends, binds, backends and servers are as they run");
}

/* The last line always says what the running system did. */
enum ctl_exit cmd_reload(struct ctl *c)
{
	json_t *result = NULL;
	enum ctl_exit code;

	c->keep_closing = true;
	code = ask(c, json_pack("{s:s,s:b}", "cmd", "reload", "dry_run", c->values.dry_run), &result);
	if (code && code != CTL_NO_DAEMON && code != CTL_PERMISSION)
		fprintf(stderr, "%s\n", *c->closing ? c->closing : "running configuration unchanged");
	if (code)
		return code;
	if (c->values.json) {
		print_json(result);
	} else {
		print_plan(json_object_get(result, "plan"));
		puts(*c->closing ? c->closing : "done");
	}
	json_decref(result);
	return CTL_OK;
}
