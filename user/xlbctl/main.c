/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* xlbctl: finds the row of the command table that the words name, and runs it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xlbctl/ctl.h"

enum ctl_exit ctl_fail(enum ctl_exit code, const char *fmt, ...)
{
	va_list args;

	fputs("xlbctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

/* Too few or too many words are answered with the example of the command: it tells most in one line. */
static enum ctl_exit check_words(const struct ctl *c)
{
	if (c->nr_words < c->cmd->min_args)
		return ctl_fail(CTL_USAGE, "'%s' needs %s. Example: %s", c->cmd->name, c->cmd->args, c->cmd->example);
	if (c->nr_words > c->cmd->max_args)
		return ctl_fail(CTL_USAGE, "'%s' takes no '%s'. Example: %s", c->cmd->name, c->words[c->cmd->max_args],
				c->cmd->example);
	return CTL_OK;
}

int main(int argc, char **argv)
{
	struct ctl c = { 0 };
	enum ctl_exit code = options_parse(&c, argc, argv);

	if (code)
		return code;
	if (c.values.help || !c.cmd) {
		if (c.cmd)
			help_command(c.cmd);
		else
			help_all();
		return c.values.help ? CTL_OK : CTL_USAGE;
	}
	code = check_words(&c);
	if (code)
		return code;
	if (paths_init(c.values.instance, c.values.run_dir, NULL, NULL, &c.paths))
		return ctl_fail(CTL_USAGE, "'%s' is no name for an instance: use letters, digits, '_', '-' and '.'.",
				c.values.instance ? c.values.instance : "XLB_INSTANCE");
	code = c.cmd->run(&c);
	if (fflush(stdout) || ferror(stdout))
		return ctl_fail(CTL_FAILED, "cannot write to standard output: %s.", strerror(errno));
	return code;
}
