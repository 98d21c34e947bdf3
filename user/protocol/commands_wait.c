/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `wait`, for scripts that remove a server: HAProxy has it since 3.0. */
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"

enum { LOOK_EVERY_MS = 50 };

struct wait_job {
	struct runtime_job job;
	uint64_t until_ms;
	char *server; /* its path, NULL: only time passes */
};

/* Milliseconds of "500", "5s", ..; false for anything else and for more than 24 days. */
static bool parse_delay(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t us;
	} units[] = {
		{ "", 1000 },	   { "us", 1 },		{ "ms", 1000 },	      { "s", 1000000 },
		{ "m", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 },
	};
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (n > INT32_MAX * 1000ULL / units[i].us)
			return false;
		*ret_ms = (n * units[i].us + 999) / 1000;
		return true;
	}
	return false;
}

/* Can the server be deleted now? 'ret_error' is set when waiting will not help. */
static bool is_removable(struct call *c, const char *path, const char **ret_error)
{
	struct server *s = server_by_path(c->model, path, ret_error);
	struct runtime_counters n = { 0 };

	if (!s)
		return false;
	if (!(s->run.admin & SERVER_MAINT)) {
		*ret_error = "Only servers in maintenance mode can be deleted.";
		return false;
	}
	c->host->server_counters(c->arg, s, &n);
	return !n.active;
}

static bool wait_step(struct call *c, struct runtime_job *job)
{
	struct wait_job *w = (struct wait_job *)job;
	uint64_t now = c->host->now_ms(c->arg), left = w->until_ms > now ? w->until_ms - now : 0;
	const char *error = NULL;

	if (w->server && is_removable(c, w->server, &error))
		call_say(c, CALL_INFO, "Done.\n");
	else if (error)
		call_say(c, CALL_ERROR, "%s\n", error);
	else if (!left)
		call_say(c, w->server ? CALL_ERROR : CALL_INFO, w->server ? "Wait delay expired.\n" : "Done.\n");
	else
		c->s->delay_ms = left < LOOK_EVERY_MS ? (unsigned int)left : LOOK_EVERY_MS;
	return c->s->delay_ms;
}

static void wait_end(struct runtime_job *job)
{
	struct wait_job *w = (struct wait_job *)job;

	free(w->server);
	free(w);
}

static struct wait_job *wait_new(const struct call *c, uint64_t ms, const char *server)
{
	struct wait_job *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->job = (struct runtime_job){ .step = wait_step, .end = wait_end };
	w->until_ms = c->host->now_ms(c->arg) + ms;
	w->server = server ? strdup(server) : NULL;
	if (server && !w->server) {
		free(w);
		return NULL;
	}
	return w;
}

void run_wait(struct call *c)
{
	static const char usage[] =
		"Usage: wait {-h|<duration>} [srv-removable <backend>/<server>]\n"
		"Waits for at most the duration, in milliseconds or with a unit (us, ms, s, m, h, d), "
		"until the server is in maintenance and has no flows.\n";
	const char *server = c->argv[2][0] ? c->argv[3] : NULL, *error = NULL;
	struct wait_job *w;
	uint64_t ms;

	if (!c->argv[1][0] || strcmp(c->argv[1], "-h") == 0) {
		call_say(c, CALL_INFO, "%s", usage);
		return;
	}
	if (!parse_delay(c->argv[1], &ms)) {
		call_say(c, CALL_ERROR, "Invalid duration.\n");
		return;
	}
	if (server && strcmp(c->argv[2], "srv-removable") != 0) {
		call_say(c, CALL_ERROR, "Unknown condition. Supported: srv-removable <backend>/<server>.\n");
		return;
	}
	if (server && !server_by_path(c->model, server, &error)) {
		call_say(c, CALL_ERROR, "%s\n", error);
		return;
	}
	w = wait_new(c, ms, server);
	call_start(c, w ? &w->job : NULL);
}
