/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* check, reload */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "xlbctl/ctl.h"

/* What xlbd wrote into the temporary file, as a list of lines. */
static json_t *lines_of(FILE *f)
{
	json_t *list = json_array();
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	rewind(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		json_array_append_new(list, json_stringn(line, (size_t)n));
	}
	free(line);
	return list;
}

static enum ctl_exit check_failed(int err)
{
	if (err == -ENOENT)
		return ctl_fail(CTL_NOT_FOUND, "there is no xlbd beside xlbctl or in PATH that could check.");
	return ctl_fail(CTL_FAILED, "cannot run xlbd: %s.", strerror(-err));
}

/* xlbd itself checks, so that both always agree; what it writes goes to the user, with --json into the answer. */
enum ctl_exit cmd_check(struct ctl *c)
{
	const char *args[2 * CTL_MAX_WORDS + 2];
	FILE *capture = NULL;
	int nr = 0, i, err;
	json_t *answer;

	args[nr++] = "-c";
	for (i = 0; i < c->nr_words && i < CTL_MAX_WORDS / 2; i++) {
		args[nr++] = "-f";
		args[nr++] = c->words[i];
	}
	args[nr] = NULL;
	if (c->values.json) {
		capture = tmpfile();
		if (!capture)
			return ctl_fail(CTL_FAILED, "cannot make a temporary file: %s.", strerror(errno));
	}
	err = daemon_run(args, capture ? fileno(capture) : -1);
	if (capture && err >= 0) {
		answer = json_pack("{s:b,s:o}", "valid", err == 0, "messages", lines_of(capture));
		print_json(answer);
		json_decref(answer);
	}
	if (capture)
		fclose(capture);
	if (err < 0)
		return check_failed(err);
	return err ? CTL_INVALID : CTL_OK;
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
	if (c->values.json)
		print_json(result);
	else
		puts(*c->closing ? c->closing : "done");
	json_decref(result);
	return CTL_OK;
}
