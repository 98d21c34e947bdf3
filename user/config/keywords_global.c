/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Section 'global' (HAProxy configuration manual, section 3).
 *
 * Most of it tunes HAProxy's own process and has no meaning here: xlbd is run, limited and given its user by the
 * service manager, and packets never enter the process.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "config/parser.h"

extern char **environ;

static const struct named_value facilities[] = {
	{ "kern", LOG_KERN },
	{ "user", LOG_USER },
	{ "mail", LOG_MAIL },
	{ "daemon", LOG_DAEMON },
	{ "auth", LOG_AUTH },
	{ "syslog", LOG_SYSLOG },
	{ "lpr", LOG_LPR },
	{ "news", LOG_NEWS },
	{ "uucp", LOG_UUCP },
	{ "cron", LOG_CRON },
	{ "auth2", LOG_AUTHPRIV },
	{ "ftp", LOG_FTP },
	{ "ntp", 12 << 3 },
	{ "audit", 13 << 3 },
	{ "alert", 14 << 3 },
	{ "cron2", 15 << 3 },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
	{ NULL, 0 },
};

static const struct named_value levels[] = {
	{ "emerg", LOG_EMERG }, { "alert", LOG_ALERT },	    { "crit", LOG_CRIT },
	{ "err", LOG_ERR },	{ "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
	{ "info", LOG_INFO },	{ "debug", LOG_DEBUG },	    { NULL, 0 },
};

/* The address of a log target. False: an error was added, or there is nothing to do. */
static bool log_address(struct parser *p, size_t at, struct log_target *l)
{
	const char *word = parser_word(p, at);
	struct endpoint e;

	if (!strncmp(word, "udp@", 4))
		word += 4;
	else if (!strncmp(word, "unix@", 5))
		word += 5;
	if (*word == '/') {
		l->path = strdup(word);
		p->arena.failed = p->arena.failed || !l->path;
		return l->path != NULL;
	}
	if (!strcmp(word, "stdout") || !strcmp(word, "stderr") || !strncmp(word, "fd@", 3) ||
	    !strncmp(word, "ring@", 5)) {
		remark(p, at, CODE_IGNORED, NULL, "'log %s' is ignored: xlbd always logs to standard error", word);
		return false;
	}
	if (strchr(word, '@') && strncmp(word, "ipv4@", 5) != 0) {
		refuse(p, at, "use /dev/log or ADDRESS:PORT over UDP", "'log %s' is not available in this version",
		       word);
		return false;
	}
	if (!value_endpoint(p, at, word, ENDPOINT_NAME, &e))
		return false;
	l->addr = e.addr;
	l->port = e.port_lo ? (uint16_t)e.port_lo : 514;
	return true;
}

/* 'log ADDRESS [len N] [format F] [sample R] FACILITY [MAX [MIN]]' */
static void on_log(struct parser *p, size_t at)
{
	struct log_target *l;
	size_t next = at + 1;
	const char *word;
	bool valid;
	int min;

	if (p->negated)
		return;
	while ((word = parser_word(p, next)) &&
	       (!strcmp(word, "len") || !strcmp(word, "format") || !strcmp(word, "sample") || !strcmp(word, "profile")))
		next += 2;
	if (!word || next >= p->line.nr) {
		complain(p, p->line.nr, CODE_MISSING_ARG, "write a facility such as local0",
			 "'log' needs a facility after the address");
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l) {
		p->arena.failed = true;
		return;
	}
	l->max_level = LOG_DEBUG;
	valid = log_address(p, at, l);
	valid = value_choice(p, next, facilities, "facility of syslog", &l->facility) && valid;
	if (parser_word(p, next + 1))
		valid = value_choice(p, next + 1, levels, "level of syslog", &l->max_level) && valid;
	if (parser_word(p, next + 2))
		valid = value_choice(p, next + 2, levels, "level of syslog", &min) && valid;
	if (parser_word(p, next + 3)) {
		complain(p, next + 3, CODE_EXTRA_ARG, NULL, "unexpected word '%s' after the levels",
			 parser_word(p, next + 3));
		valid = false;
	}
	if (valid) {
		TAILQ_INSERT_TAIL(&p->model->logs, l, next);
	} else {
		free(l->path);
		free(l);
	}
}

static void on_maxconn(struct parser *p, size_t at)
{
	value_uint(p, at, 0, 2147483647, &p->model->maxconn);
}

static void on_spread_checks(struct parser *p, size_t at)
{
	value_uint(p, at, 0, 50, &p->model->spread_checks);
}

static void on_stats_socket(struct parser *p, size_t at)
{
	stats_socket_line(p, at);
}

static void on_stats_timeout(struct parser *p, size_t at)
{
	value_time(p, at, 1, 1, &p->model->stats_timeout_ms);
}

static void set_text(struct parser *p, char **field, size_t at)
{
	const char *text = NULL;
	char *copy;

	for (; parser_word(p, at); at++)
		text = text ? arena_printf(&p->arena, "%s %s", text, parser_word(p, at)) : parser_word(p, at);
	copy = text ? strdup(text) : NULL;
	if (!copy) {
		p->arena.failed = true;
		return;
	}
	free(*field);
	*field = copy;
}

static void on_node(struct parser *p, size_t at)
{
	if (value_name(p, at, "node"))
		set_text(p, &p->model->node, at);
}

static void on_description(struct parser *p, size_t at)
{
	set_text(p, &p->model->description, at);
}

static void on_log_tag(struct parser *p, size_t at)
{
	set_text(p, &p->model->log_tag, at);
	require(p, at - 1, CAN_LOG_TAG);
}

static void on_log_send_hostname(struct parser *p, size_t at)
{
	p->model->log_host = true;
	require(p, at - 1, CAN_LOG_TAG);
	if (parser_word(p, at))
		set_text(p, &p->model->log_hostname, at);
}

static void on_max_spread_checks(struct parser *p, size_t at)
{
	if (value_time(p, at, 1, 0, &p->model->max_spread_checks_ms))
		require(p, at - 1, CAN_MAX_SPREAD_CHECKS);
}

static void on_state_base(struct parser *p, size_t at)
{
	set_text(p, &p->model->state_base, at);
}

static void on_state_file(struct parser *p, size_t at)
{
	set_text(p, &p->model->state_file, at);
}

static void on_setenv(struct parser *p, size_t at)
{
	preproc_setenv(p, parser_word(p, at), parser_word(p, at + 1));
}

static void on_presetenv(struct parser *p, size_t at)
{
	if (!preproc_getenv(p, parser_word(p, at)))
		on_setenv(p, at);
}

static void on_unsetenv(struct parser *p, size_t at)
{
	for (; parser_word(p, at); at++)
		preproc_setenv(p, parser_word(p, at), NULL);
}

static bool is_listed(const struct parser *p, size_t at, const char *name)
{
	for (; parser_word(p, at); at++)
		if (!strcmp(parser_word(p, at), name))
			return true;
	return false;
}

/* Unsets all but the variables named. */
static void on_resetenv(struct parser *p, size_t at)
{
	struct env_var *v;
	char **entry, *name;

	for (entry = environ; entry && *entry; entry++) {
		name = arena_copy(&p->arena, *entry, strcspn(*entry, "="));
		if (name && !is_listed(p, at, name))
			preproc_setenv(p, name, NULL);
	}
	TAILQ_FOREACH(v, &p->env, next)
		if (!is_listed(p, at, v->name))
			v->value = NULL;
}

static void on_nbproc(struct parser *p, size_t at)
{
	unsigned int n;

	if (value_uint(p, at, 1, 64, &n) && n != 1)
		caution(p, at, CODE_IGNORED, NULL, "'nbproc %u' is ignored: xlbd is one process", n);
}

/* Where checks with TLS look for certificates. */
static void on_ca_base(struct parser *p, size_t at)
{
	p->ca_base = parser_word(p, at);
}

static void on_server_verify(struct parser *p, size_t at)
{
	const char *word = parser_word(p, at);

	p->verify_none = !strcmp(word, "none");
	if (!p->verify_none && strcmp(word, "required") != 0)
		complain(p, at, CODE_WORD, NULL, "'%s' is not one of: none, required", word);
}

/* Without it no check runs a program. 'preserve-env' is of later versions, where the environment is xlbd's. */
static void on_external_check(struct parser *p, size_t at)
{
	p->external_allowed = !p->negated && !p->to_default;
	if (parser_word(p, at))
		refuse(p, at, "remove it", "the environment of xlbd is not handed to checks in this version");
}

static const char of_process[] =
	"it is about HAProxy's own process; packets enter none, and xlbd has a service manager";

#define PROCESS(word, min, max)                                                                                        \
	{                                                                                                              \
		word, IN_GLOBAL, min, max, KW_IGNORED, NULL, of_process, false                                         \
	}
#define FLAG(word)                                                                                                     \
	{                                                                                                              \
		word, IN_GLOBAL, 0, 0, KW_IGNORED, NULL, of_process, true                                              \
	}

const struct keyword keywords_global[] = {
	{ "log", IN_GLOBAL, 1, ARGS_ANY, KW_ACCEPT, on_log, NULL, true },
	{ "maxconn", IN_GLOBAL, 1, 1, KW_ACCEPT, on_maxconn, "reported; the flow table has its own size", false },
	{ "stats socket", IN_GLOBAL, 1, ARGS_ANY, KW_ACCEPT, on_stats_socket, NULL, false },
	{ "stats timeout", IN_GLOBAL, 1, 1, KW_ACCEPT, on_stats_timeout, NULL, false },
	{ "spread-checks", IN_GLOBAL, 1, 1, KW_ACCEPT, on_spread_checks, NULL, false },
	{ "node", IN_GLOBAL, 1, 1, KW_ACCEPT, on_node, NULL, false },
	{ "description", IN_GLOBAL, 1, ARGS_ANY, KW_ACCEPT, on_description, NULL, false },
	{ "setenv", IN_GLOBAL, 2, 2, KW_ACCEPT, on_setenv, NULL, false },
	{ "presetenv", IN_GLOBAL, 2, 2, KW_ACCEPT, on_presetenv, NULL, false },
	{ "unsetenv", IN_GLOBAL, 1, ARGS_ANY, KW_ACCEPT, on_unsetenv, NULL, false },
	{ "resetenv", IN_GLOBAL, 0, ARGS_ANY, KW_ACCEPT, on_resetenv, NULL, false },
	{ "log-send-hostname", IN_GLOBAL, 0, 1, KW_ACCEPT, on_log_send_hostname, NULL, false },
	{ "log-tag", IN_GLOBAL, 1, 1, KW_ACCEPT, on_log_tag, NULL, false },
	{ "max-spread-checks", IN_GLOBAL, 1, 1, KW_ACCEPT, on_max_spread_checks, NULL, false },
	{ "server-state-base", IN_GLOBAL, 1, 1, KW_ACCEPT, on_state_base, NULL, false },
	{ "server-state-file", IN_GLOBAL, 1, 1, KW_ACCEPT, on_state_file, NULL, false },
	{ "nbproc", IN_GLOBAL, 1, 1, KW_ACCEPT, on_nbproc, NULL, false },
	PROCESS("51degrees-data-file", 1, ARGS_ANY),
	{ "ca-base", IN_GLOBAL, 1, 1, KW_ACCEPT, on_ca_base, NULL, false },
	PROCESS("crt-base", 1, 1),
	PROCESS("key-base", 1, 1),
	PROCESS("chroot", 1, 1),
	PROCESS("close-spread-time", 1, 1),
	PROCESS("cluster-secret", 1, 1),
	PROCESS("cpu-map", 2, ARGS_ANY),
	PROCESS("cpu-policy", 1, ARGS_ANY),
	PROCESS("cpu-set", 1, ARGS_ANY),
	FLAG("daemon"),
	PROCESS("default-path", 1, 2),
	FLAG("expose-experimental-directives"),
	FLAG("expose-deprecated-directives"),
	{ "external-check", IN_GLOBAL, 0, 1, KW_ACCEPT, on_external_check, "lets checks run programs", true },
	PROCESS("fd-hard-limit", 1, 1),
	PROCESS("gid", 1, 1),
	PROCESS("grace", 1, 1),
	PROCESS("group", 1, 1),
	PROCESS("h1-accept-payload-with-any-method", 0, 0),
	PROCESS("h1-case-adjust", 2, 2),
	PROCESS("h1-case-adjust-file", 1, 1),
	PROCESS("h2-workaround-bogus-websocket-clients", 0, 0),
	PROCESS("hard-stop-after", 1, 1),
	PROCESS("harden.reject-privileged-ports.tcp", 1, 1),
	PROCESS("harden.reject-privileged-ports.quic", 1, 1),
	FLAG("insecure-fork-wanted"),
	FLAG("insecure-setuid-wanted"),
	PROCESS("issuers-chain-path", 1, 1),
	PROCESS("localpeer", 1, 1),
	PROCESS("lua-load", 1, ARGS_ANY),
	PROCESS("lua-load-per-thread", 1, ARGS_ANY),
	PROCESS("lua-prepend-path", 1, 2),
	PROCESS("master-worker", 0, 1),
	PROCESS("maxcompcpuusage", 1, 1),
	PROCESS("maxcomprate", 1, 1),
	PROCESS("maxconnrate", 1, 1),
	PROCESS("maxpipes", 1, 1),
	PROCESS("maxsessrate", 1, 1),
	PROCESS("maxsslconn", 1, 1),
	PROCESS("maxsslrate", 1, 1),
	PROCESS("maxzlibmem", 1, 1),
	PROCESS("mworker-max-reloads", 1, 1),
	PROCESS("nbthread", 1, 1),
	PROCESS("no-memory-trimming", 0, 0),
	FLAG("noepoll"),
	FLAG("noevports"),
	FLAG("nogetaddrinfo"),
	FLAG("nokqueue"),
	FLAG("nopoll"),
	FLAG("noreuseport"),
	FLAG("nosplice"),
	FLAG("no-quic"),
	FLAG("busy-polling"),
	FLAG("numa-cpu-mapping"),
	FLAG("pp2-never-send-local"),
	PROCESS("pidfile", 1, 1),
	FLAG("prealloc-fd"),
	PROCESS("profiling.memory", 1, 1),
	PROCESS("profiling.tasks", 1, 1),
	FLAG("quiet"),
	FLAG("set-dumpable"),
	PROCESS("set-var", 2, ARGS_ANY),
	PROCESS("set-var-fmt", 2, ARGS_ANY),
	PROCESS("setcap", 1, 1),
	PROCESS("shm-stats-file", 1, ARGS_ANY),
	PROCESS("ssl-default-bind-ciphers", 1, ARGS_ANY),
	PROCESS("ssl-default-bind-ciphersuites", 1, ARGS_ANY),
	PROCESS("ssl-default-bind-client-sigalgs", 1, ARGS_ANY),
	PROCESS("ssl-default-bind-curves", 1, ARGS_ANY),
	PROCESS("ssl-default-bind-options", 1, ARGS_ANY),
	PROCESS("ssl-default-bind-sigalgs", 1, ARGS_ANY),
	PROCESS("ssl-default-server-ciphers", 1, ARGS_ANY),
	PROCESS("ssl-default-server-ciphersuites", 1, ARGS_ANY),
	PROCESS("ssl-default-server-curves", 1, ARGS_ANY),
	PROCESS("ssl-default-server-options", 1, ARGS_ANY),
	PROCESS("ssl-dh-param-file", 1, 1),
	PROCESS("ssl-engine", 1, ARGS_ANY),
	PROCESS("ssl-load-extra-del-ext", 0, 0),
	PROCESS("ssl-load-extra-files", 1, ARGS_ANY),
	FLAG("ssl-mode-async"),
	PROCESS("ssl-propquery", 1, 1),
	PROCESS("ssl-provider", 1, 1),
	PROCESS("ssl-provider-path", 1, 1),
	PROCESS("ssl-security-level", 1, 1),
	{ "ssl-server-verify", IN_GLOBAL, 1, 1, KW_ACCEPT, on_server_verify, NULL, false },
	FLAG("ssl-skip-self-issued-ca"),
	PROCESS("stats-file", 1, 1),
	PROCESS("stats maxconn", 1, 1),
	PROCESS("stats bind-process", 1, ARGS_ANY),
	FLAG("strict-limits"),
	PROCESS("thread-group", 1, ARGS_ANY),
	PROCESS("thread-groups", 1, 1),
	PROCESS("thread-hard-limit", 1, 1),
	PROCESS("ulimit-n", 1, 1),
	PROCESS("user", 1, 1),
	PROCESS("wurfl-data-file", 1, 1),
	FLAG("zero-warning"),
	PROCESS("warn-blocked-traffic-after", 1, 1),
	PROCESS("limited-quic", 0, 0),
	{ "httpclient.*", IN_GLOBAL, 1, ARGS_ANY, KW_IGNORED, NULL, of_process, true },
	{ "tune.*", IN_GLOBAL, 1, ARGS_ANY, KW_IGNORED, NULL, of_process, true },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
