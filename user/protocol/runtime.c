/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A line of the runtime protocol: cut into commands, commands into words, each run and its answer framed.
 *
 * Framing as in HAProxy 2.6 (management guide, "Unix Socket commands"): each answer is followed by an empty line, and
 * in interactive mode by "> ". The commands themselves are rows of commands.c.
 */
#include "protocol/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"

static const char control_prefix[] = "@xlb ";

/* End of the command that starts at 'p': the next ';' without a backslash, or 'end'. */
static char *find_separator(char *p, const char *end)
{
	for (; p < end && *p != ';'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p;
}

/*
 * Cuts the NUL-terminated text into words in place. A backslash takes the next character as it is. More words than
 * there is room for are dropped, as in HAProxy.
 */
static void split_words(struct call *c, char *p)
{
	char *w;
	unsigned int i;

	while (c->argc < CALL_MAX_ARGS) {
		while (*p == ' ' || *p == '\t')
			p++;
		if (!*p)
			break;
		c->argv[c->argc++] = w = p;
		while (*p && *p != ' ' && *p != '\t') {
			if (*p == '\\' && p[1])
				p++;
			*w++ = *p++;
		}
		if (*p)
			p++;
		*w = '\0';
	}
	for (i = c->argc; i <= CALL_MAX_ARGS; i++)
		c->argv[i] = "";
}

/* After `quit` nothing more is sent, not even the empty line. */
static void finish_answer(struct call *c)
{
	if (c->s->hangup)
		return;
	buf_puts(c->out, "\n");
	if (c->s->interactive)
		buf_puts(c->out, "> ");
}

/* A last word '<<PATTERN' announces lines of payload, which no command of ours takes. */
static bool refuse_payload(struct call *c)
{
	const char *last = c->argc ? c->argv[c->argc - 1] : "";

	if (strncmp(last, "<<", 2) != 0)
		return false;
	if (strlen(last + 2) >= sizeof(c->s->payload_end)) {
		call_say(c, CALL_ERROR, "The payload pattern '%s' is longer than %zu bytes.\n", last + 2,
			 sizeof(c->s->payload_end) - 1);
		c->s->quit = true;
		c->s->hangup = true;
		return true;
	}
	call_say(c, CALL_ERROR, "No command here takes a payload ('<<'); give the words on one line.\n");
	strcpy(c->s->payload_end, last + 2);
	c->s->in_payload = true;
	return true;
}

/* Unknown words come before the level: who may not run a command may still learn that he has misspelt it. */
static void run_command(struct runtime_session *s, char *text, struct buf *out)
{
	struct call c = {
		.s = s,
		.host = s->host,
		.arg = s->host_arg,
		.model = s->host->model(s->host_arg),
		.out = out,
	};
	const struct command *cmd;

	split_words(&c, text);
	cmd = command_find(&c);
	if (!cmd)
		command_unknown(&c);
	else if (s->level < cmd->level)
		call_say(&c, CALL_ERROR, "Permission denied\n");
	else if (!refuse_payload(&c))
		cmd->run(&c);
	finish_answer(&c);
}

static void run_commands(struct runtime_session *s, char *line, size_t len, struct buf *out)
{
	char *p = line, *end = line + len, *sep;

	do {
		sep = find_separator(p, end);
		*sep = '\0'; /* 'end' has room for it */
		run_command(s, p, out);
		p = sep + 1;
	} while (sep < end && !s->hangup && !s->in_payload);
}

/* A line of a payload that was refused: only its end matters. */
static void payload_line(struct runtime_session *s, const char *line, size_t len)
{
	if (len == strlen(s->payload_end) && memcmp(line, s->payload_end, len) == 0)
		s->in_payload = false;
}

void runtime_line(struct runtime_session *s, const char *line, size_t len, struct buf *out)
{
	const size_t prefix = sizeof(control_prefix) - 1;
	char *copy;

	if (len && line[len - 1] == '\r')
		len--;
	if (s->in_payload) {
		payload_line(s, line, len);
		goto out;
	}
	if (len >= prefix && memcmp(line, control_prefix, prefix) == 0) {
		control_line(s, line + prefix, len - prefix, out);
		goto out;
	}
	copy = malloc(len + 1);
	if (!copy) {
		buf_puts(out, "Out of memory.\n\n");
		s->quit = true;
		return;
	}
	memcpy(copy, line, len);
	copy[len] = '\0';
	run_commands(s, copy, len, out);
	free(copy);
out:
	if (!s->interactive && !s->in_payload)
		s->quit = true;
}

void runtime_line_too_long(struct runtime_session *s, struct buf *out)
{
	buf_printf(out, "The line is longer than %d bytes; nothing of it was executed.\n\n", RUNTIME_LINE_MAX);
	s->quit = true;
	s->hangup = true;
}
