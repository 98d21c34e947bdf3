/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* save, restore: the state of servers as a file in HAProxy's format, and back by single commands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "xlbctl/ctl.h"
#include "xlbctl/restore.h"

/* Written aside and renamed: there is the old file or the whole new one. */
static enum ctl_exit write_text(const char *path, const char *text)
{
	char tmp[4096];
	FILE *f;
	int bad;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return ctl_fail(CTL_USAGE, "the name of the file is too long.");
	f = fopen(tmp, "we");
	if (!f)
		return ctl_fail(CTL_FAILED, "cannot write %s: %s.", tmp, strerror(errno));
	bad = fputs(text, f) < 0 || fflush(f) || fsync(fileno(f));
	bad |= fclose(f) != 0;
	if (bad || rename(tmp, path)) {
		ctl_fail(CTL_FAILED, "cannot write %s: %s.", path, strerror(errno));
		(void)unlink(tmp);
		return CTL_FAILED;
	}
	return CTL_OK;
}

enum ctl_exit cmd_save(struct ctl *c)
{
	json_t *result = NULL;
	enum ctl_exit code = ask(c, json_pack("{s:s}", "cmd", "save"), &result);

	if (code)
		return code;
	if (c->nr_words)
		code = write_text(c->words[0], text_of(result, "state"));
	else if (c->values.json)
		print_json(result);
	else
		fputs(text_of(result, "state"), stdout);
	json_decref(result);
	return code;
}

static enum ctl_exit take_step(struct ctl *c, const struct restore_step *step)
{
	json_t *args = json_array(), *result = NULL;
	enum ctl_exit code;

	if (step->property)
		json_array_append_new(args, json_string(step->property));
	if (*step->value)
		json_array_append_new(args, json_string(step->value));
	code = ask(c,
		   json_pack("{s:s,s:s,s:s,s:o}", "cmd", "server", "action", step->action, "server", step->server,
			     "args", args),
		   &result);
	json_decref(result);
	return code;
}

/* Stops at the first failure and tells how far it came. */
static enum ctl_exit take_steps(struct ctl *c, const struct restore_plan *plan)
{
	enum ctl_exit code = CTL_OK;

	for (size_t i = 0; i < plan->nr && !code; i++) {
		const struct restore_step *s = &plan->steps[i];

		code = take_step(c, s);
		if (code)
			ctl_fail(code, "stopped at %s; %zu of %zu changes are made.", s->server, i, plan->nr);
		else if (!c->values.json)
			printf("%s: %s%s%s%s%s\n", s->server, s->action, s->property ? " " : "",
			       s->property ? s->property : "", *s->value ? " " : "", s->value);
	}
	return code;
}

enum ctl_exit cmd_restore(struct ctl *c)
{
	struct restore_plan plan = { 0 };
	struct buf text = { 0 };
	struct diag_list diags;
	json_t *now = NULL;
	enum ctl_exit code = read_text(c->words[0], &text);
	int rc;

	if (!code)
		code = ask(c, json_pack("{s:s}", "cmd", "save"), &now);
	if (code) {
		buf_fini(&text);
		return code;
	}
	diag_init(&diags);
	rc = restore_plan(c->words[0], text.data ? text.data : "", text_of(now, "state"), &diags, &plan);
	diag_print(&diags, stderr, isatty(STDERR_FILENO));
	if (rc)
		code = ctl_fail(rc == -EINVAL ? CTL_INVALID : CTL_FAILED, "nothing was restored.");
	else
		code = take_steps(c, &plan);
	if (!code && c->values.json) {
		json_t *o = json_pack("{s:I}", "changes", (json_int_t)plan.nr);

		print_json(o);
		json_decref(o);
	} else if (!code && !plan.nr) {
		puts("nothing to change: the servers are as the file says");
	}
	diag_fini(&diags);
	restore_plan_free(&plan);
	buf_fini(&text);
	json_decref(now);
	return code;
}
