/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The completion script for bash: fixed lines around the words of the command table. */
#include <stdio.h>
#include <string.h>

#include "xlbctl/ctl.h"

static const char head[] = "# Made by 'xlbctl completion bash'.\n"
			   "_xlbctl()\n"
			   "{\n"
			   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
			   "\tlocal given=() w words='' options='";
static const char after_options[] = " -h -n'\n"
				    "\n"
				    "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
				    "\t\t[[ $w == -* ]] || given+=(\"$w\")\n"
				    "\tdone\n"
				    "\tcase \"${given[*]-} \" in\n";
static const char before_first[] = "\tesac\n"
				   "\tif [[ $prev == --mode ]]; then\n"
				   "\t\tmapfile -t COMPREPLY < <(compgen -W 'auto native generic' -- \"$cur\")\n"
				   "\t\treturn\n"
				   "\tfi\n"
				   "\tif [[ ${given[0]-} == check && $cur != -* ]]; then\n"
				   "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
				   "\t\treturn\n"
				   "\tfi\n"
				   "\tcase ${#given[@]}:${given[0]-} in\n"
				   "\t0:*) words='";
static const char after_first[] = "' ;;\n"
				  "\t1:attach | 1:detach) words=$(compgen -G '/sys/class/net/*' | sed 's,.*/,,') ;;\n"
				  "\t2:server)\n"
				  "\t\twords=$(xlbctl --json show servers 2> /dev/null |\n"
				  "\t\t\tjq -r '.[] | .backend + \"/\" + .name' 2> /dev/null) ;;\n";
static const char tail[] = "\tesac\n"
			   "\t[[ $cur == -* ]] && words=$options\n"
			   "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
			   "}\n"
			   "complete -F _xlbctl xlbctl\n";

static bool same_group(const char *a, const char *b)
{
	size_t len = strcspn(a, " ");

	return strcspn(b, " ") == len && strncmp(a, b, len) == 0;
}

/* First words of all commands, each once. */
static void print_first_words(void)
{
	size_t i;

	for (i = 0; i < ctl_nr_commands; i++)
		if (!i || !same_group(ctl_commands[i].name, ctl_commands[i - 1].name))
			printf("%s%.*s", i ? " " : "", (int)strcspn(ctl_commands[i].name, " "), ctl_commands[i].name);
}

/* A case for each group: "1:show) words='frontends backends ...' ;;" */
static void print_second_words(void)
{
	const char *name, *space;
	bool open = false;
	size_t i;

	for (i = 0; i < ctl_nr_commands; i++) {
		name = ctl_commands[i].name;
		space = strchr(name, ' ');
		if (open && !same_group(name, ctl_commands[i - 1].name)) {
			printf("' ;;\n");
			open = false;
		}
		if (!space)
			continue;
		if (open)
			printf(" %s", space + 1);
		else
			printf("\t1:%.*s) words='%s", (int)(space - name), name, space + 1);
		open = true;
	}
	if (open)
		printf("' ;;\n");
}

static void print_option_words(const struct ctl_option *o)
{
	for (; o && o->name; o++)
		printf(" --%s", o->name);
}

enum ctl_exit cmd_completion(struct ctl *c)
{
	size_t i;

	if (strcmp(c->words[0], "bash") != 0)
		return ctl_fail(CTL_USAGE, "completion is made for bash, not for '%s'.", c->words[0]);
	fputs(head, stdout);
	print_option_words(ctl_global_options);
	fputs(after_options, stdout);
	for (i = 0; i < ctl_nr_commands; i++) {
		if (!ctl_commands[i].options)
			continue;
		printf("\t'%s '*) options+='", ctl_commands[i].name);
		print_option_words(ctl_commands[i].options);
		printf("' ;;\n");
	}
	fputs(before_first, stdout);
	print_first_words();
	fputs(after_first, stdout);
	print_second_words();
	fputs(tail, stdout);
	return CTL_OK;
}
