/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of runtime commands, and what is made from it: help, and the answer to words that name no command.
 *
 * Rows are in the order of the help: by usage, the three of every session last. Level and help text are data.
 */
#include <stdio.h>
#include <string.h>

#include "protocol/command.h"

enum {
	NEAR_TEXT = 64,	 /* longer words are compared by their beginning */
	NEAR_LISTED = 5, /* near matches that are offered */
};

static const struct command commands[] = {
	{ { "add", "acl" }, ACCESS_ADMIN, "add acl [@<ver>] <acl> <pattern>", "add an acl entry", run_add_acl },
	{ { "add", "map" }, ACCESS_ADMIN, "add map [@<ver>] <map> <key> <val>", "add a map entry", run_add_map },
	{ { "add", "server" }, ACCESS_ADMIN, "add server <bk>/<srv>", "create a new server", run_add_server },
	{ { "clear", "acl" },
	  ACCESS_ADMIN,
	  "clear acl [@<ver>] <acl>",
	  "clear the contents of this acl",
	  run_clear_acl },
	{ { "clear", "counters" },
	  ACCESS_OPERATOR,
	  "clear counters [all]",
	  "clear max statistics counters (or all counters)",
	  run_clear_counters },
	{ { "clear", "map" },
	  ACCESS_ADMIN,
	  "clear map [@<ver>] <map>",
	  "clear the contents of this map",
	  run_clear_map },
	{ { "clear", "table" },
	  ACCESS_OPERATOR,
	  "clear table <table> [<filter>]*",
	  "remove an entry from a table (filter: data/key)",
	  run_clear_table },
	{ { "commit", "acl" },
	  ACCESS_ADMIN,
	  "commit acl @<ver> <acl>",
	  "commit the ACL at this version",
	  run_commit_acl },
	{ { "commit", "map" },
	  ACCESS_ADMIN,
	  "commit map @<ver> <map>",
	  "commit the map at this version",
	  run_commit_map },
	{ { "del", "acl" },
	  ACCESS_ADMIN,
	  "del acl <acl> [<key>|#<ref>]",
	  "delete acl entries matching <key>",
	  run_del_acl },
	{ { "del", "map" },
	  ACCESS_ADMIN,
	  "del map <map> [<key>|#<ref>]",
	  "delete map entries matching <key>",
	  run_del_map },
	{ { "del", "server" },
	  ACCESS_ADMIN,
	  "del server <bk>/<srv>",
	  "remove a server in maintenance",
	  run_del_server },
	{ { "disable", "agent" }, ACCESS_ADMIN, "disable agent", "disable agent checks", run_disable_agent },
	{ { "disable", "frontend" },
	  ACCESS_ADMIN,
	  "disable frontend <frontend>",
	  "temporarily disable specific frontend",
	  run_disable_frontend },
	{ { "disable", "health" }, ACCESS_ADMIN, "disable health", "disable health checks", run_disable_health },
	{ { "disable", "server" },
	  ACCESS_ADMIN,
	  "disable server (DEPRECATED)",
	  "disable a server for maintenance (use 'set server' instead)",
	  run_disable_server },
	{ { "enable", "agent" }, ACCESS_ADMIN, "enable agent", "enable agent checks", run_enable_agent },
	{ { "enable", "frontend" },
	  ACCESS_ADMIN,
	  "enable frontend <frontend>",
	  "re-enable specific frontend",
	  run_enable_frontend },
	{ { "enable", "health" }, ACCESS_ADMIN, "enable health", "enable health checks", run_enable_health },
	{ { "enable", "server" },
	  ACCESS_ADMIN,
	  "enable server  (DEPRECATED)",
	  "enable a disabled server (use 'set server' instead)",
	  run_enable_server },
	{ { "get", "acl" },
	  ACCESS_USER,
	  "get acl <acl> <value>",
	  "report the patterns matching a sample for an ACL",
	  run_get_acl },
	{ { "get", "map" },
	  ACCESS_USER,
	  "get map <map> <value>",
	  "report the keys and values matching a sample for a map",
	  run_get_map },
	{ { "get", "weight" },
	  ACCESS_USER,
	  "get weight <bk>/<srv>",
	  "report a server's current weight",
	  run_get_weight },
	{ { "operator" },
	  ACCESS_OPERATOR,
	  "operator",
	  "lower the level of the current CLI session to operator",
	  run_lower_to_operator },
	{ { "prepare", "acl" },
	  ACCESS_ADMIN,
	  "prepare acl <acl>",
	  "prepare a new version for atomic ACL replacement",
	  run_prepare_acl },
	{ { "prepare", "map" },
	  ACCESS_ADMIN,
	  "prepare map <map>",
	  "prepare a new version for atomic map replacement",
	  run_prepare_map },
	{ { "set", "map" }, ACCESS_ADMIN, "set map <map> [<key>|#<ref>] <value>", "modify a map entry", run_set_map },
	{ { "set", "maxconn", "frontend" },
	  ACCESS_ADMIN,
	  "set maxconn frontend <frontend> <value>",
	  "change a frontend's maxconn setting",
	  run_set_maxconn_frontend },
	{ { "set", "maxconn", "global" },
	  ACCESS_ADMIN,
	  "set maxconn global <value>",
	  "change the per-process maxconn setting",
	  run_set_maxconn_global },
	{ { "set", "maxconn", "server" },
	  ACCESS_ADMIN,
	  "set maxconn server <bk>/<srv>",
	  "change a server's maxconn setting",
	  run_set_maxconn_server },
	{ { "set", "rate-limit" },
	  ACCESS_ADMIN,
	  "set rate-limit <setting> <value>",
	  "change a rate limiting value",
	  run_set_rate_limit },
	{ { "set", "server" },
	  ACCESS_ADMIN,
	  "set server <bk>/<srv> [opts]",
	  "change a server's state, weight or address",
	  run_set_server },
	{ { "set", "severity-output" },
	  ACCESS_USER,
	  "set severity-output [none|number|string]",
	  "set presence of severity level in feedback information",
	  run_set_severity },
	{ { "set", "table" },
	  ACCESS_OPERATOR,
	  "set table <table> key <k> [data.* <v>]*",
	  "update or create a table entry's data",
	  run_set_table },
	{ { "set", "timeout" }, ACCESS_USER, "set timeout [cli] <delay>", "change a timeout setting", run_set_timeout },
	{ { "set", "weight" },
	  ACCESS_ADMIN,
	  "set weight <bk>/<srv>  (DEPRECATED)",
	  "change a server's weight (use 'set server' instead)",
	  run_set_weight },
	{ { "show", "acl" },
	  ACCESS_USER,
	  "show acl [@<ver>] <acl>]",
	  "report available acls or dump an acl's contents",
	  run_show_acl },
	{ { "show", "activity" },
	  ACCESS_USER,
	  "show activity",
	  "show what the process has done so far",
	  run_show_activity },
	{ { "show", "backend" },
	  ACCESS_USER,
	  "show backend",
	  "list backends in the current running config",
	  run_show_backend },
	{ { "show", "cli", "level" },
	  ACCESS_USER,
	  "show cli level",
	  "display the level of the current CLI session",
	  run_show_cli_level },
	{ { "show", "cli", "sockets" },
	  ACCESS_USER,
	  "show cli sockets",
	  "dump list of cli sockets",
	  run_show_cli_sockets },
	{ { "show", "env" },
	  ACCESS_OPERATOR,
	  "show env [var]",
	  "dump environment variables known to the process",
	  run_show_env },
	{ { "show", "errors" },
	  ACCESS_OPERATOR,
	  "show errors [<px>] [request|response]",
	  "report last request and/or response errors for each proxy",
	  run_show_errors },
	{ { "show", "events" },
	  ACCESS_USER,
	  "show events [<sink>] [-w] [-n]",
	  "show event sink state",
	  run_show_events },
	{ { "show", "info" },
	  ACCESS_USER,
	  "show info [desc|json|typed|float]*",
	  "report information about the running process",
	  run_show_info },
	{ { "show", "map" },
	  ACCESS_USER,
	  "show map [@ver] [map]",
	  "report available maps or dump a map's contents",
	  run_show_map },
	{ { "show", "schema", "json" },
	  ACCESS_USER,
	  "show schema json",
	  "report schema used for stats",
	  run_show_schema },
	{ { "show", "servers", "conn" },
	  ACCESS_USER,
	  "show servers conn [<backend>]",
	  "dump server connections status (all or for a single backend)",
	  run_show_servers_conn },
	{ { "show", "servers", "state" },
	  ACCESS_USER,
	  "show servers state [<backend>]",
	  "dump volatile server information (all or for a single backend)",
	  run_show_servers_state },
	{ { "show", "sess" },
	  ACCESS_OPERATOR,
	  "show sess [id]",
	  "report the list of current flows or this one alone",
	  run_show_sess },
	{ { "show", "startup-logs" },
	  ACCESS_OPERATOR,
	  "show startup-logs",
	  "report what was said about the configuration at start",
	  run_show_startup_logs },
	{ { "show", "stat" },
	  ACCESS_USER,
	  "show stat [desc|json|no-maint|typed|up]*",
	  "report counters for each proxy and server",
	  run_show_stat },
	{ { "show", "table" },
	  ACCESS_USER,
	  "show table <table> [<filter>]*",
	  "report table usage stats or dump this table's contents (filter: data/key)",
	  run_show_table },
	{ { "show", "version" }, ACCESS_USER, "show version", "show version of the current process", run_show_version },
	{ { "shutdown", "frontend" },
	  ACCESS_ADMIN,
	  "shutdown frontend <frontend>",
	  "stop a specific frontend",
	  run_shutdown_frontend },
	{ { "shutdown", "session" },
	  ACCESS_ADMIN,
	  "shutdown session [id]",
	  "kill a specific session",
	  run_shutdown_session },
	{ { "shutdown", "sessions", "server" },
	  ACCESS_ADMIN,
	  "shutdown sessions server <bk>/<srv>",
	  "kill sessions on a server",
	  run_shutdown_sessions_server },
	{ { "user" }, ACCESS_USER, "user", "lower the level of the current CLI session to user", run_lower_to_user },
	{ { "wait" },
	  ACCESS_USER,
	  "wait {-h|<delay>} [cond [args...]]",
	  "wait for the delay or until the condition holds",
	  run_wait },
	{ { "echo" }, ACCESS_USER, NULL, NULL, run_echo },
	{ { "experimental-mode" }, ACCESS_ADMIN, NULL, NULL, run_expert_mode },
	{ { "expert-mode" }, ACCESS_ADMIN, NULL, NULL, run_expert_mode },
	{ { "help" }, ACCESS_USER, "help [<command>]", "list matching or all commands", run_help },
	{ { "prompt" }, ACCESS_USER, "prompt", "toggle interactive mode with prompt", run_prompt },
	{ { "quit" }, ACCESS_USER, "quit", "disconnect", run_quit },
};

enum { NR_COMMANDS = sizeof(commands) / sizeof(commands[0]), NR_SESSION_COMMANDS = 3 };

const struct command *command_find(const struct call *c)
{
	size_t i, w;

	for (i = 0; i < NR_COMMANDS; i++) {
		for (w = 0; commands[i].words[w]; w++)
			if (strcmp(c->argv[w], commands[i].words[w]) != 0)
				break;
		if (!commands[i].words[w])
			return &commands[i];
	}
	return NULL;
}

const struct command *command_at(size_t i)
{
	return i < NR_COMMANDS ? &commands[i] : NULL;
}

/* The help of a session leaves out what its level does not allow. */
static bool is_listed(const struct call *c, const struct command *cmd)
{
	return cmd->usage && cmd->level <= c->s->level;
}

static void print_row(struct call *c, const struct command *cmd)
{
	buf_printf(c->out, "  %-40s: %s\n", cmd->usage, cmd->help);
}

/* Joins words with single blanks, cut at the size of 'buf'. Returns buf. */
static const char *join(char buf[NEAR_TEXT], const char *const *words, size_t nr)
{
	size_t i, len = 0;

	buf[0] = '\0';
	for (i = 0; i < nr && words[i] && words[i][0] && len + 1 < NEAR_TEXT; i++)
		len += (size_t)snprintf(buf + len, NEAR_TEXT - len, "%s%s", i ? " " : "", words[i]);
	return buf;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions and replacements that lead from one text to the other (Levenshtein). */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NEAR_TEXT + 1], i, j, above, diagonal;

	for (j = 0; j <= strlen(b); j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; b[j - 1]; j++) {
			above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[strlen(b)];
}

/*
 * How far 'words' are from a command: 0 when they are a beginning of it. Only as many words are compared as the name
 * has, so that arguments do not count as misspelling. More than 'limit' need not be exact.
 */
static unsigned int command_distance(const struct command *cmd, const char *const *words, unsigned int limit)
{
	char given[NEAR_TEXT], known[NEAR_TEXT];
	size_t nr = 0, len_given, len_known;

	while (cmd->words[nr])
		nr++;
	join(known, cmd->words, nr);
	join(given, words, COMMAND_WORDS);
	if (strncmp(known, given, strlen(given)) == 0)
		return 0;
	join(given, words, nr);
	/* The difference of their lengths is the least that it can be; garbage is seldom worth more than this look. */
	len_given = strlen(given);
	len_known = strlen(known);
	if (len_given > len_known + limit || len_known > len_given + limit)
		return NEAR_TEXT;
	return distance(given, known);
}

/*
 * A row is near when few letters differ, one in three at most; rows as far as the nearest, or one letter farther, are
 * listed with it. Beginnings of names ("show s") are at distance 0, and then all of these are listed.
 *
 * Prints the commands nearest to 'words' under 'title'. Returns false, having printed nothing, if none is near. */
static bool list_near(struct call *c, const char *const *words, const char *title)
{
	unsigned int far[NR_COMMANDS], best = NEAR_TEXT, limit, listed = 0;
	char given[NEAR_TEXT];
	size_t i;

	limit = (unsigned int)strlen(join(given, words, COMMAND_WORDS)) / 3 + 1;
	for (i = 0; i < NR_COMMANDS - NR_SESSION_COMMANDS; i++) {
		far[i] = is_listed(c, &commands[i]) ? command_distance(&commands[i], words, limit) : NEAR_TEXT;
		best = far[i] < best ? far[i] : best;
	}
	if (best > limit)
		return false;
	call_say(c, CALL_INFO, "%s", title);
	for (i = 0; i < NR_COMMANDS - NR_SESSION_COMMANDS; i++) {
		if (far[i] > (best ? best + 1 : 0) || (best && listed == NEAR_LISTED))
			continue;
		print_row(c, &commands[i]);
		listed++;
	}
	return true;
}

static void list_all(struct call *c, const char *title)
{
	size_t i;

	call_say(c, CALL_INFO, "%s", title);
	for (i = 0; i < NR_COMMANDS - NR_SESSION_COMMANDS; i++)
		if (is_listed(c, &commands[i]))
			print_row(c, &commands[i]);
}

static void list_session_commands(struct call *c)
{
	size_t i;

	for (i = NR_COMMANDS - NR_SESSION_COMMANDS; i < NR_COMMANDS; i++)
		print_row(c, &commands[i]);
}

void command_list(struct call *c, unsigned int first)
{
	static const char title[] = "The following commands are valid at this level:\n";

	if (first >= c->argc || !list_near(c, c->argv + first, title))
		list_all(c, title);
	list_session_commands(c);
}

void command_unknown(struct call *c)
{
	if (!c->argc ||
	    !list_near(c, c->argv, "Unknown command, but maybe one of the following ones is a better match:\n"))
		list_all(c, "Unknown command. Please enter one of the following commands only:\n");
	list_session_commands(c);
}
