/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How commands answer, and how they find what a word names.
 *
 * Backends and servers go by their name or by '#' and their number, in any mix ("#3/web1"), as in HAProxy. A name that
 * begins with '#' cannot occur: the configuration's grammar does not allow it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"

static const char *const severity_names[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

static void say_prefix(struct call *c, enum call_severity severity)
{
	switch (c->s->severity) {
	case RUNTIME_SEVERITY_NONE:
		break;
	case RUNTIME_SEVERITY_NUMBER:
		buf_printf(c->out, "[%d]: ", (int)severity);
		break;
	case RUNTIME_SEVERITY_STRING:
		buf_printf(c->out, "[%s]: ", severity_names[severity]);
		break;
	}
}

void call_say(struct call *c, enum call_severity severity, const char *fmt, ...)
{
	va_list args;

	say_prefix(c, severity);
	va_start(args, fmt);
	buf_vprintf(c->out, fmt, args);
	va_end(args);
}

void call_say_diags(struct call *c, const struct diag_list *diags, int err)
{
	say_prefix(c, CALL_ERROR);
	if (diags->nr[DIAG_ERROR])
		diag_format(diags, c->out);
	else
		buf_printf(c->out, "%s.\n", strerror(err < 0 ? -err : err));
}

/* '#N' as a number; 0 if it is none. */
static unsigned int id_of(const char *word)
{
	char *end;
	unsigned long id;

	if (word[0] != '#' || word[1] < '0' || word[1] > '9')
		return 0;
	errno = 0;
	id = strtoul(word + 1, &end, 10);
	return *end || errno || id > 0x7fffffff ? 0 : (unsigned int)id;
}

struct backend *backend_by_name(struct model *m, const char *name)
{
	unsigned int id = id_of(name);
	struct backend *b;

	if (!id)
		return model_backend_find(m, name);
	TAILQ_FOREACH(b, &m->backends, next)
		if (b->id == id)
			return b;
	return NULL;
}

static struct server *server_by_name(struct backend *b, const char *name)
{
	unsigned int id = id_of(name);
	struct server *s;

	if (!id)
		return model_server_find(b, name);
	TAILQ_FOREACH(s, &b->servers, next)
		if (s->id == id)
			return s;
	return NULL;
}

struct server *server_by_path(struct model *m, const char *path, const char **ret_error)
{
	const char *slash = strchr(path, '/');
	char name[MODEL_NAME_MAX];
	struct backend *b;
	struct server *s;

	if (!slash || !slash[1]) {
		*ret_error = "Require 'backend/server'.";
		return NULL;
	}
	b = NULL;
	if ((size_t)(slash - path) < sizeof(name)) {
		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = '\0';
		b = backend_by_name(m, name);
	}
	if (!b) {
		*ret_error = "No such backend.";
		return NULL;
	}
	s = server_by_name(b, slash + 1);
	if (!s)
		*ret_error = "No such server.";
	return s;
}

struct server *call_server(struct call *c, unsigned int i, const char *newline)
{
	const char *error;
	struct server *s = server_by_path(c->model, c->argv[i], &error);

	if (!s)
		call_say(c, CALL_ERROR, "%s%s", error, newline);
	return s;
}
