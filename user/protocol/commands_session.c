/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Commands about the session itself: levels, prompt, timeout, help. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"

void run_help(struct call *c)
{
	command_list(c, 1);
}

/* Without a word, or with one that is none of these, the mode is toggled: so HAProxy 2.6 takes any word. */
static const struct {
	const char *words[3];
	bool interactive;
	enum runtime_prompt prompt;
} prompts[] = {
	{ { "n", "non-interactive" }, false, RUNTIME_PROMPT_PLAIN },
	{ { "i", "interactive" }, true, RUNTIME_PROMPT_NONE },
	{ { "p", "prompt" }, true, RUNTIME_PROMPT_PLAIN },
	{ { "timed" }, true, RUNTIME_PROMPT_TIMED },
};

void run_prompt(struct call *c)
{
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
		for (size_t w = 0; prompts[i].words[w]; w++) {
			if (strcmp(c->argv[1], prompts[i].words[w]) != 0)
				continue;
			c->s->interactive = prompts[i].interactive;
			c->s->prompt = prompts[i].prompt;
			return;
		}
	}
	c->s->interactive = !c->s->interactive;
	c->s->prompt = RUNTIME_PROMPT_PLAIN;
}

void run_quit(struct call *c)
{
	c->s->quit = true;
	c->s->hangup = true;
}

void run_lower_to_operator(struct call *c)
{
	c->s->level = ACCESS_OPERATOR;
}

void run_lower_to_user(struct call *c)
{
	c->s->level = ACCESS_USER;
}

void run_set_severity(struct call *c)
{
	static const char *const words[] = { "none", "number", "string" };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (strcmp(c->argv[2], words[i]) != 0)
			continue;
		c->s->severity = (enum runtime_severity)i;
		return;
	}
	call_say(c, CALL_ERROR, "one of 'none', 'number', 'string' is a required argument\n");
}

/* Seconds, or a number with the unit s, m, h or d. 0 if it is none or nothing. */
static unsigned int parse_seconds(const char *text)
{
	static const struct {
		const char *unit;
		unsigned int seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	unsigned long n;
	size_t i;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno)
		return 0;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0)
			return n > 0x7fffffff / 1000 / units[i].seconds ? 0 : (unsigned int)n * units[i].seconds;
	return 0;
}

void run_set_timeout(struct call *c)
{
	unsigned int seconds;

	if (strcmp(c->argv[2], "cli") != 0) {
		call_say(c, CALL_ERROR, "'set timeout' only supports 'cli'.\n");
		return;
	}
	if (!c->argv[3][0]) {
		call_say(c, CALL_ERROR, "Expects an integer value.\n");
		return;
	}
	seconds = parse_seconds(c->argv[3]);
	if (!seconds) {
		call_say(c, CALL_ERROR, "Invalid timeout value.\n");
		return;
	}
	c->s->timeout_s = seconds;
}

/* HAProxy hides commands behind these modes. Nothing is hidden here; what was set is remembered, and told. */
void run_expert_mode(struct call *c)
{
	bool *mode = strcmp(c->argv[0], "expert-mode") == 0 ? &c->s->expert : &c->s->experimental;

	if (c->argv[1][0])
		*mode = strcmp(c->argv[1], "on") == 0;
	else
		call_say(c, CALL_INFO, "%s is %s\n", c->argv[0], *mode ? "ON" : "OFF");
}

/* Marks the places in the answer to a long line of commands. */
void run_echo(struct call *c)
{
	for (unsigned int i = 1; i < c->argc; i++)
		buf_printf(c->out, "%s%s", i > 1 ? " " : "", c->argv[i]);
	buf_puts(c->out, "\n");
}
