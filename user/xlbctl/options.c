/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sorts a command line into options, command and words, by the tables alone.
 *
 * Options may stand anywhere, also behind the command; "--" ends them. The command's name is one or two words.
 */
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "xlbctl/ctl.h"

/* The words of the command line that are no options, and options of commands, which wait until the command is known. */
struct pending {
	char *option[CTL_MAX_WORDS];
	int nr_options;
	const char *word[CTL_MAX_WORDS];
	int nr_words;
};

/* The row of '--name', '--name=value' or '-x' in a table; 'table' may be NULL. */
static const struct ctl_option *find_option(const struct ctl_option *table, const char *text)
{
	size_t len;

	for (; table && table->name; table++) {
		if (text[1] != '-') {
			if (table->letter && text[1] == table->letter)
				return table;
			continue;
		}
		len = strcspn(text + 2, "=");
		if (strlen(table->name) == len && strncmp(table->name, text + 2, len) == 0)
			return table;
	}
	return NULL;
}

/* The option in any command's table: only to know whether a value follows it. */
static const struct ctl_option *find_anywhere(const char *text)
{
	const struct ctl_option *o = find_option(ctl_global_options, text);
	size_t i;

	for (i = 0; !o && i < ctl_nr_commands; i++)
		o = find_option(ctl_commands[i].options, text);
	return o;
}

/* Sets the member of 'v'. 'value' is NULL for a flag. */
static void set_value(struct ctl_values *v, const struct ctl_option *o, const char *value)
{
	char *member = (char *)v + o->offset;

	if (o->value)
		memcpy(member, &value, sizeof(value));
	else
		*(bool *)member = true;
}

/* Takes the option at argv[*i] and its value. */
static enum ctl_exit take_option(struct ctl *c, struct pending *p, int argc, char **argv, int *i)
{
	char *text = argv[*i];
	const char *equal = strchr(text, '=');
	const struct ctl_option *o = find_anywhere(text);
	const char *value = NULL;

	if (!o)
		return ctl_fail(CTL_USAGE, "there is no option '%s'; xlbctl -h lists them.", text);
	if (!o->value && (text[1] == '-' ? equal != NULL : text[2] != '\0'))
		return ctl_fail(CTL_USAGE, "option '%s' takes no value.", text);
	if (o->value) {
		if (text[1] == '-' && equal)
			value = equal + 1;
		else if (text[1] != '-' && text[2])
			value = text + 2;
		else if (*i + 1 < argc)
			value = argv[++*i];
		else
			return ctl_fail(CTL_USAGE, "option '%s' needs a value: %s.", text, o->value);
	}
	set_value(&c->values, o, value);
	if (!find_option(ctl_global_options, text))
		p->option[p->nr_options++] = text;
	return CTL_OK;
}

/* First pass: which command it is is not known yet, so its options are only collected. */
static enum ctl_exit collect(struct ctl *c, struct pending *p, int argc, char **argv)
{
	bool options = true;
	enum ctl_exit code;
	int i;

	if (argc > CTL_MAX_WORDS)
		return ctl_fail(CTL_USAGE, "more than %d words.", CTL_MAX_WORDS);
	for (i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			code = take_option(c, p, argc, argv, &i);
			if (code)
				return code;
		} else {
			p->word[p->nr_words++] = argv[i];
		}
	}
	return CTL_OK;
}

/* Words of a command's name that the given words begin with; 0 if it is another command. */
static int name_words(const struct ctl_cmd *cmd, const struct pending *p)
{
	char two[128];

	if (p->nr_words >= 2) {
		snprintf(two, sizeof(two), "%s %s", p->word[0], p->word[1]);
		if (strcmp(cmd->name, two) == 0)
			return 2;
	}
	return p->nr_words >= 1 && strcmp(cmd->name, p->word[0]) == 0 ? 1 : 0;
}

/* Prints commands near to the words: those of the same group, or the nearest name. */
static enum ctl_exit unknown_command(const struct pending *p)
{
	const char *names[64], *near;
	size_t i, nr = 0, len = strlen(p->word[0]);
	bool group = false;
	char given[128];

	snprintf(given, sizeof(given), "%s%s%s", p->word[0], p->nr_words > 1 ? " " : "",
		 p->nr_words > 1 ? p->word[1] : "");
	for (i = 0; i < ctl_nr_commands && nr < 63; i++) {
		names[nr++] = ctl_commands[i].name;
		if (strncmp(ctl_commands[i].name, p->word[0], len) == 0 && ctl_commands[i].name[len] == ' ')
			group = true;
	}
	names[nr] = NULL;
	near = diag_suggest(given, names);
	if (!near)
		near = diag_suggest(p->word[0], names);
	ctl_fail(CTL_USAGE, "there is no command '%s'%s%s%s", group ? given : p->word[0],
		 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : ".");
	for (i = 0; group && i < ctl_nr_commands; i++)
		if (strncmp(ctl_commands[i].name, p->word[0], len) == 0)
			fprintf(stderr, "  %-18s %s\n", ctl_commands[i].name, ctl_commands[i].help);
	fprintf(stderr, "xlbctl -h lists all commands.\n");
	return CTL_USAGE;
}

/* Is 'word' alone the beginning of commands ("show")? Then -h after it lists them. */
static bool is_group(const char *word)
{
	size_t i, len = strlen(word);

	for (i = 0; i < ctl_nr_commands; i++)
		if (strncmp(ctl_commands[i].name, word, len) == 0 && ctl_commands[i].name[len] == ' ')
			return true;
	return false;
}

/* Second pass: the longest name that the words begin with, then whether the options belong to it. */
static enum ctl_exit find_command(struct ctl *c, const struct pending *p)
{
	int nr = 0, best = 0, i;
	size_t k;

	if (!p->nr_words)
		return CTL_OK;
	for (k = 0; k < ctl_nr_commands; k++) {
		nr = name_words(&ctl_commands[k], p);
		if (nr <= best)
			continue;
		best = nr;
		c->cmd = &ctl_commands[k];
	}
	if (!c->cmd)
		return c->values.help && is_group(p->word[0]) ? CTL_OK : unknown_command(p);
	for (i = best; i < p->nr_words; i++)
		c->words[c->nr_words++] = p->word[i];
	for (i = 0; i < p->nr_options; i++)
		if (!find_option(c->cmd->options, p->option[i]))
			return ctl_fail(CTL_USAGE, "'%s' has no option '%s'; xlbctl %s -h tells which it has.",
					c->cmd->name, p->option[i], c->cmd->name);
	return CTL_OK;
}

enum ctl_exit options_parse(struct ctl *c, int argc, char **argv)
{
	struct pending p = { 0 };
	enum ctl_exit code = collect(c, &p, argc, argv);

	return code ? code : find_command(c, &p);
}

void options_print(const struct ctl_option *options)
{
	char left[64];

	for (; options && options->name; options++) {
		if (options->letter)
			snprintf(left, sizeof(left), "-%c, --%s%s%s", options->letter, options->name,
				 options->value ? " " : "", options->value ? options->value : "");
		else
			snprintf(left, sizeof(left), "    --%s%s%s", options->name, options->value ? " " : "",
				 options->value ? options->value : "");
		printf("  %-26s %s\n", left, options->help);
	}
}
