/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Log lines of the daemon on standard error, and to sinks.
 *
 * A full pipe behind standard error must not stop the balancer: poll() says whether one line goes through without
 * waiting (a pipe that is writable takes at least PIPE_BUF bytes), else the line is dropped, counted, and the count
 * told in front of the next line that goes through.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SINKS = 4 };
enum { LINE_CAP = 2048 }; /* below PIPE_BUF, so that a line is written whole or not at all */

static const char *const level_names[] = {
	"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug",
};

static struct {
	enum log_level max;
	bool journal; /* standard error is the journal's stream */
	unsigned long lost;
	struct {
		void (*fn)(void *arg, enum log_level level, const char *line);
		void *arg;
	} sinks[MAX_SINKS];
	bool in_sink;
} state = { .max = LOG_L_INFO };

/* systemd names the journal's stream in JOURNAL_STREAM as DEVICE:INODE; a redirection makes it stale. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st))
		return false;
	return dev == (unsigned long long)st.st_dev && ino == (unsigned long long)st.st_ino;
}

void log_init(enum log_level max)
{
	state.max = max;
	state.journal = stderr_is_journal();
}

void log_add_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg)
{
	for (size_t i = 0; i < MAX_SINKS; i++) {
		if (state.sinks[i].fn)
			continue;
		state.sinks[i].fn = sink;
		state.sinks[i].arg = arg;
		return;
	}
}

void log_remove_sink(const void *arg)
{
	for (size_t i = 0; i < MAX_SINKS; i++)
		if (state.sinks[i].fn && state.sinks[i].arg == arg)
			state.sinks[i].fn = NULL;
}

/* Writes "PREFIX LINE\n" if that cannot block. */
static bool emit(enum log_level level, const char *line)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	char out[LINE_CAP + 16];
	int len;

	if (state.journal)
		len = snprintf(out, sizeof(out), "<%d>%s\n", (int)level, line);
	else
		len = snprintf(out, sizeof(out), "%s\n", line);
	if (len < 0 || (size_t)len >= sizeof(out))
		return false;
	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLOUT))
		return false;
	return write(STDERR_FILENO, out, (size_t)len) == len;
}

static void to_stderr(enum log_level level, const char *line)
{
	char note[96];

	if (state.lost) {
		snprintf(note, sizeof(note), "warning log: %lu lines lost: standard error did not take them",
			 state.lost);
		if (!emit(LOG_L_WARNING, note)) {
			state.lost++;
			return;
		}
		state.lost = 0;
	}
	if (!emit(level, line))
		state.lost++;
}

void log_vmsg(enum log_level level, const char *module, const char *fmt, va_list args)
{
	int saved_errno = errno;
	char line[LINE_CAP];
	char *p;
	int len;

	if (level > state.max)
		return;
	len = snprintf(line, sizeof(line), "%s %s: ", level_names[level], module);
	if (len > 0 && (size_t)len < sizeof(line))
		vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, args);
	/* One message is one line: what came from outside must not forge another. */
	for (p = line; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			*p = ' ';
	to_stderr(level, line);
	if (!state.in_sink) {
		state.in_sink = true;
		for (size_t i = 0; i < MAX_SINKS; i++)
			if (state.sinks[i].fn)
				state.sinks[i].fn(state.sinks[i].arg, level, line);
		state.in_sink = false;
	}
	errno = saved_errno;
}

void log_msg(enum log_level level, const char *module, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vmsg(level, module, fmt, args);
	va_end(args);
}
