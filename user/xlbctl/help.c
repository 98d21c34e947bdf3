/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Help and manual page, both made from the command table. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "xlbctl/ctl.h"

static const struct {
	int code;
	const char *text;
} exit_codes[] = {
	{ CTL_OK, "done" },
	{ CTL_FAILED, "failed" },
	{ CTL_USAGE, "wrong usage" },
	{ CTL_INVALID, "configuration not valid" },
	{ CTL_NO_DAEMON, "no daemon answers" },
	{ CTL_PERMISSION, "not permitted" },
	{ CTL_NOT_FOUND, "not found" },
};

enum { NR_EXIT_CODES = sizeof(exit_codes) / sizeof(exit_codes[0]) };

void help_all(void)
{
	char left[128];
	size_t i;

	printf("usage: xlbctl [OPTION...] COMMAND [WORD...]\n\nCommands (xlbctl COMMAND -h tells more):\n");
	for (i = 0; i < ctl_nr_commands; i++) {
		snprintf(left, sizeof(left), "%s %s", ctl_commands[i].name, ctl_commands[i].args);
		if (strlen(left) > 33)
			printf("  %s\n  %-33s %s\n", left, "", ctl_commands[i].help);
		else
			printf("  %-33s %s\n", left, ctl_commands[i].help);
	}
	printf("\nOptions:\n");
	options_print(ctl_global_options);
	printf("\nExit codes: ");
	for (i = 0; i < NR_EXIT_CODES; i++)
		printf("%s%d %s", i ? ", " : "", exit_codes[i].code, exit_codes[i].text);
	printf(".\n");
}

void help_command(const struct ctl_cmd *cmd)
{
	printf("usage: xlbctl %s%s%s%s\n\n%s\n", cmd->name, cmd->options ? " [OPTION...]" : "", *cmd->args ? " " : "",
	       cmd->args, cmd->help);
	if (cmd->more)
		printf("%s\n", cmd->more);
	printf("\nOptions:\n");
	options_print(cmd->options);
	options_print(ctl_global_options);
	printf("\nExample:\n  %s\n", cmd->example);
}

/* Text in which roff sees no commands. */
static void roff(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static void man_options(const struct ctl_option *o)
{
	for (; o && o->name; o++) {
		printf(".TP\n.B ");
		if (o->letter)
			printf("\\-%c, ", o->letter);
		printf("\\-\\-");
		roff(o->name);
		if (o->value)
			printf(" \\fI%s\\fR", o->value);
		printf("\n");
		roff(o->help);
		printf("\n");
	}
}

static void man_command(const struct ctl_cmd *cmd)
{
	printf(".SS ");
	roff(cmd->name);
	printf(" ");
	roff(cmd->args);
	printf("\n");
	roff(cmd->help);
	printf(".\n");
	if (cmd->more)
		roff(cmd->more);
	printf("\n");
	man_options(cmd->options);
	printf(".PP\nExample:\n.B ");
	roff(cmd->example);
	printf("\n");
}

enum ctl_exit cmd_man(struct ctl *c)
{
	size_t i;

	(void)c;
	printf(".\\\" Made by 'xlbctl man'.\n.TH XLBCTL 8 %s \"xlb %s\"\n.SH NAME\nxlbctl \\- control the xlb load "
	       "balancer\n.SH SYNOPSIS\n.B xlbctl\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIWORD\\fR...]\n.SH "
	       "DESCRIPTION\nSpeaks to a running\n.BR xlbd (8)\nover its control socket. Options may stand before or "
	       "behind the command.\n.SH OPTIONS\n",
	       XLB_RELEASE_DATE, XLB_VERSION);
	man_options(ctl_global_options);
	printf(".SH COMMANDS\n");
	for (i = 0; i < ctl_nr_commands; i++)
		man_command(&ctl_commands[i]);
	printf(".SH EXIT STATUS\n");
	for (i = 0; i < NR_EXIT_CODES; i++)
		printf(".TP\n%d\n%s\n", exit_codes[i].code, exit_codes[i].text);
	printf(".SH FILES\n.TP\n/run/xlb/xlb.sock\ncontrol socket; speaks HAProxy's runtime protocol too\n.TP\n"
	       "/etc/xlb/xlb.cfg, /etc/xlb/conf.d/*.cfg\nconfiguration\n");
	return CTL_OK;
}
