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

enum { PAYLOAD_MAX = 1 << 18 };

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

/* The timed one tells the age of the process in days, hours, minutes and seconds. */
static void put_prompt(struct call *c)
{
	struct runtime_info info = { 0 };

	switch (c->s->prompt) {
	case RUNTIME_PROMPT_PLAIN:
		buf_puts(c->out, "> ");
		break;
	case RUNTIME_PROMPT_TIMED:
		c->host->info(c->arg, &info);
		buf_printf(c->out, "[%llu:%02u:%02u:%02u]> ", (unsigned long long)info.uptime_s / 86400,
			   (unsigned int)(info.uptime_s / 3600 % 24), (unsigned int)(info.uptime_s / 60 % 60),
			   (unsigned int)(info.uptime_s % 60));
		break;
	case RUNTIME_PROMPT_NONE:
		break;
	}
}

/* After `quit` nothing more is sent, not even the empty line. */
static void finish_answer(struct call *c)
{
	if (c->s->hangup)
		return;
	buf_puts(c->out, "\n");
	if (c->s->interactive)
		put_prompt(c);
}

static struct call make_call(struct runtime_session *s, struct buf *out)
{
	struct call c = {
		.s = s,
		.host = s->host,
		.arg = s->host_arg,
		.model = s->host->model(s->host_arg),
		.out = out,
	};

	return c;
}

void call_start(struct call *c, struct runtime_job *job)
{
	if (job)
		c->s->job = job;
	else
		call_say(c, CALL_ERROR, "Out of memory.\n");
}

/* Unknown words come before the level: who may not run a command may still learn that he has misspelt it. */
static void run_command(struct runtime_session *s, char *text, const char *payload, struct buf *out)
{
	struct call c = make_call(s, out);
	const struct command *cmd;

	c.payload = payload;
	split_words(&c, text);
	cmd = command_find(&c);
	if (!cmd)
		command_unknown(&c);
	else if (s->level < cmd->level)
		call_say(&c, CALL_ERROR, "Permission denied\n");
	else
		cmd->run(&c);
	if (!s->job)
		finish_answer(&c);
}

static void put_payload_prompt(const struct runtime_session *s, struct buf *out)
{
	if (s->interactive && s->prompt != RUNTIME_PROMPT_NONE)
		buf_puts(out, "+ ");
}

/*
 * A last word '<<PATTERN' announces lines of payload; it is cut off. False: there is none. Commands that take no
 * payload are run without, as in HAProxy.
 */
static bool begin_payload(struct runtime_session *s, char *text, struct buf *out)
{
	char *end = text + strlen(text), *word;

	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (word = end; word > text && word[-1] != ' ' && word[-1] != '\t'; word--)
		;
	if (end - word < 2 || strncmp(word, "<<", 2) != 0)
		return false;
	*end = '\0';
	if ((size_t)(end - word - 2) >= sizeof(s->payload_end)) {
		buf_printf(out, "The payload pattern '%s' is longer than %zu bytes.\n\n", word + 2,
			   sizeof(s->payload_end) - 1);
		s->quit = true;
		s->hangup = true;
		return true;
	}
	strcpy(s->payload_end, word + 2);
	*word = '\0';
	s->payload_command = text;
	s->in_payload = true;
	put_payload_prompt(s, out);
	return true;
}

static void end_line(struct runtime_session *s)
{
	free(s->line);
	s->line = s->rest = s->line_end = s->payload_command = NULL;
	if (!s->interactive)
		s->quit = true;
}

/* Runs what is left of the line, up to a command that takes longer or whose payload is still to come. */
static void run_commands(struct runtime_session *s, struct buf *out)
{
	while (s->rest && !s->hangup) {
		char *text = s->rest, *sep = find_separator(text, s->line_end);
		bool is_last = sep == s->line_end;

		*sep = '\0'; /* the end has room for it */
		s->rest = is_last ? NULL : sep + 1;
		if (is_last && begin_payload(s, text, out)) {
			if (s->in_payload)
				return;
			break;
		}
		run_command(s, text, NULL, out);
		if (s->job)
			return;
	}
	end_line(s);
}

static void end_job(struct runtime_session *s)
{
	struct runtime_job *job = s->job;

	s->job = NULL;
	s->delay_ms = 0;
	s->interrupted = false;
	if (job)
		job->end(job);
}

bool runtime_is_busy(const struct runtime_session *s)
{
	return s->job;
}

void runtime_resume(struct runtime_session *s, struct buf *out)
{
	struct call c = make_call(s, out);
	bool bare;

	s->delay_ms = 0;
	if (!s->job || s->job->step(&c, s->job))
		return;
	bare = s->job->bare;
	end_job(s);
	if (!bare)
		finish_answer(&c);
	run_commands(s, out);
}

void runtime_session_fini(struct runtime_session *s)
{
	end_job(s);
	free(s->line);
	s->line = s->rest = s->line_end = s->payload_command = NULL;
	buf_fini(&s->payload);
}

/* A line while the payload is being collected; its end runs the command. */
static void payload_line(struct runtime_session *s, const char *line, size_t len, struct buf *out)
{
	if (len != strlen(s->payload_end) || memcmp(line, s->payload_end, len) != 0) {
		buf_add(&s->payload, line, len);
		buf_puts(&s->payload, "\n");
		if (s->payload.failed || s->payload.len > PAYLOAD_MAX) {
			buf_printf(out, "The payload is longer than %d bytes; nothing was executed.\n\n", PAYLOAD_MAX);
			s->in_payload = false;
			s->quit = true;
			s->hangup = true;
		} else {
			put_payload_prompt(s, out);
		}
		return;
	}
	s->in_payload = false;
	run_command(s, s->payload_command, s->payload.data ? s->payload.data : "", out);
	buf_fini(&s->payload);
	if (!s->job)
		run_commands(s, out);
}

void runtime_line(struct runtime_session *s, const char *line, size_t len, struct buf *out)
{
	const size_t prefix = sizeof(control_prefix) - 1;

	if (len && line[len - 1] == '\r')
		len--;
	if (s->in_payload) {
		payload_line(s, line, len, out);
		return;
	}
	if (len >= prefix && memcmp(line, control_prefix, prefix) == 0) {
		control_line(s, line + prefix, len - prefix, out);
		if (!s->job)
			end_line(s);
		return;
	}
	s->line = malloc(len + 1);
	if (!s->line) {
		buf_puts(out, "Out of memory.\n\n");
		s->quit = true;
		return;
	}
	memcpy(s->line, line, len);
	s->line[len] = '\0';
	s->rest = s->line;
	s->line_end = s->line + len;
	run_commands(s, out);
}

void runtime_line_too_long(struct runtime_session *s, struct buf *out)
{
	buf_printf(out, "The line is longer than %d bytes; nothing of it was executed.\n\n", RUNTIME_LINE_MAX);
	s->quit = true;
	s->hangup = true;
}
