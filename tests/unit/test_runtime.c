/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The runtime protocol as a client sees it. Expected answers were taken from HAProxy 2.6.12 on a socket, byte for byte,
 * but for the list of commands.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/fake_host.h"

static struct fake_host host;
static struct runtime_session session;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	fake_host_init(&host);
	buf_fini(&out);
	session = (struct runtime_session){ .host = &fake_host_ops, .host_arg = &host, .level = ACCESS_ADMIN };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	runtime_session_fini(&session);
	buf_fini(&out);
	fake_host_fini(&host);
	return 0;
}

static const char *ask(const char *line)
{
	buf_fini(&out);
	runtime_line(&session, line, strlen(line), &out);
	while (runtime_is_busy(&session))
		runtime_resume(&session, &out);
	return out.data ? out.data : "";
}

static struct server *srv(const char *name)
{
	return model_server_find(model_backend_find(host.model, "be"), name);
}

struct exchange {
	const char *line, *answer;
};

/* Order matters: each line finds what the earlier ones left. */
static const struct exchange exchanges[] = {
	{ "show version", "0.1.0\n\n" },
	{ "  show   version  ", "0.1.0\n\n" },
	{ "show version\r", "0.1.0\n\n" },
	{ "show version foo", "0.1.0\n\n" },
	{ "show cli level", "admin\n\n" },
	{ "show backend", "# name\nbe\nls\n\n" },
	{ "show cli sockets", "# socket lvl processes\nunix@/run/xlb/xlb.sock admin all\n\n" },
	{ "show version;show cli level", "0.1.0\n\nadmin\n\n" },
	{ "get weight", "Require 'backend/server'.\n\n" },
	{ "get weight be", "Require 'backend/server'.\n\n" },
	{ "get weight be/", "Require 'backend/server'.\n\n" },
	{ "get weight /s1", "No such backend.\n\n" },
	{ "get weight nope/s1", "No such backend.\n\n" },
	{ "get weight be/nope", "No such server.\n\n" },
	{ "get weight be/s1/x", "No such server.\n\n" },
	{ "get weight be/s2", "10 (initial 10)\n\n" },
	{ "get weight #2/#2", "10 (initial 10)\n\n" },
	{ "get weight be/#2", "10 (initial 10)\n\n" },
	{ "set weight", "Require 'backend/server'.\n\n" },
	{ "set weight be/s1", "Require <weight> or <weight%>.\n\n" },
	{ "set weight be/s1 abc", "Empty weight string empty or preceded by garbage\n" },
	{ "set weight be/s1 300", "Absolute weight can only be between 0 and 256 inclusive.\n\n" },
	{ "set weight be/s1 -1", "Absolute weight can only be between 0 and 256 inclusive.\n\n" },
	{ "set weight be/s1 -5%", "Relative weight must be positive.\n\n" },
	{ "set weight be/s2 5x", "Trailing garbage in weight string\n" },
	{ "set weight be/s2 10%x", "Trailing garbage in weight string\n" },
	{ "set weight be/s2 50%", "\n" },
	{ "get weight be/s2", "5 (initial 10)\n\n" },
	{ "set weight be/s2 99999999999999999999%", "\n" },
	{ "get weight be/s2", "256 (initial 10)\n\n" },
	{ "set server be/s2 weight 7", "\n" },
	{ "get weight be/s2", "7 (initial 10)\n\n" },
	{ "set server", "Require 'backend/server'.\n\n" },
	{ "set server be/s1",
	  "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | "
	  "check-port | fqdn | health | ssl | state | weight\n\n" },
	{ "set server be/zz state ready", "No such server.\n\n" },
	{ "set server be/s1 state", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n" },
	{ "set server be/s1 state bar", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n" },
	{ "set server be/s1 health x", "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n\n" },
	{ "set server be/s1 agent up", "agent checks are not enabled on this server.\n\n" },
	{ "set server be/s1 agent-addr",
	  "set server <b>/<s> agent-addr requires an address and optionally a port.\n\n" },
	{ "set server be/s1 agent-addr 1.2.3.4", "agent checks are not enabled on this server\n" },
	{ "set server be/s1 agent-port 22", "agent checks are not enabled on this server\n" },
	{ "set server be/s1 check-addr",
	  "set server <b>/<s> check-addr requires an address and optionally a port.\n\n" },
	{ "set server be/s1 check-addr foo", "invalid addr 'foo'\n" },
	{ "set server be/s1 check-addr 1.2.3.4 port", "provided port is not an integer\n" },
	{ "set server be/s1 check-addr 1.2.3.4 port 81", "\n" },
	{ "set server be/s1 check-port", "set server <b>/<s> check-port requires a port.\n\n" },
	{ "set server be/s1 check-port abc", "provided port is not an integer\n" },
	{ "set server be/s1 check-port 70000", "provided port is invalid\n" },
	{ "set server be/s3 check-port 81", "health checks are not enabled on this server\n" },
	{ "set server be/s3 check-addr 1.2.3.4", "health checks are not enabled on this server\n" },
	{ "set server be/s1 addr", "set server <b>/<s> addr requires an address and optionally a port.\n\n" },
	{ "set server be/s1 addr foo", "Invalid addr 'foo' by 'stats socket command'\n\n" },
	{ "set server be/s1 addr 127.0.0.1:99", "Invalid addr '127.0.0.1:99' by 'stats socket command'\n\n" },
	{ "set server be/s1 addr 10.0.0.1", "no need to change the addr by 'stats socket command'\n\n" },
	{ "set server be/s1 addr 10.0.0.9", "IP changed from '10.0.0.1' to '10.0.0.9' by 'stats socket command'\n\n" },
	{ "set server be/s1 addr 10.0.0.9 port 80",
	  "no need to change the addr, no need to change the port by 'stats socket command'\n\n" },
	{ "set server be/s1 addr 10.0.0.9 port 81",
	  "no need to change the addr, port changed from '80' to '81' by 'stats socket command'\n\n" },
	{ "set server be/s1 addr 10.0.0.9 port abc",
	  "no need to change the addr, problem converting port 'abc' to an int by 'stats socket command'\n\n" },
	{ "set server be/s1 fqdn a", "set server <b>/<s> fqdn failed because no resolution is configured.\n\n" },
	{ "enable server", "Require 'backend/server'.\n\n" },
	{ "enable health be/s3", "Health check was not configured on this server, cannot enable.\n\n" },
	{ "disable health be/s3", "\n" },
	{ "enable agent be/s1", "Agent was not configured on this server, cannot enable.\n\n" },
	{ "disable agent be/s1", "\n" },
	{ "enable frontend", "A frontend name is expected.\n\n" },
	{ "enable frontend zz", "No such frontend.\n\n" },
	{ "enable frontend web", "All sockets are already enabled.\n\n" },
	{ "disable frontend web", "\n" },
	{ "disable frontend web", "All sockets are already disabled.\n\n" },
	{ "enable frontend web", "\n" },
	{ "shutdown sessions server", "Require 'backend/server'.\n\n" },
	{ "shutdown sessions server be/s1", "\n" },
	{ "show sess 1", "Session not found.\n\n" },
	{ "shutdown session", "Session pointer expected (use 'show sess').\n\n" },
	{ "shutdown session foo", "Session pointer expected (use 'show sess').\n\n" },
	{ "shutdown session 0x1234", "No such session (use 'show sess').\n\n" },
	{ "set timeout", "'set timeout' only supports 'cli'.\n\n" },
	{ "set timeout cli", "Expects an integer value.\n\n" },
	{ "set timeout cli abc", "Invalid timeout value.\n\n" },
	{ "set timeout cli 0", "Invalid timeout value.\n\n" },
	{ "set timeout cli 99999999999", "Invalid timeout value.\n\n" },
	{ "set timeout cli 2m", "\n" },
	{ "set severity-output", "one of 'none', 'number', 'string' is a required argument\n\n" },
	{ "add server", "Require 'backend/server'.\n" },
	{ "add server be/", "Require 'backend/server'.\n" },
	{ "add server zz/n1 127.0.0.1:80", "No such backend.\n" },
	{ "add server be/s1 127.0.0.1:80", "Already exists a server with the same name in backend.\n\n" },
	{ "add server be/n1", "'server' expects <name> and <addr>[:<port>] as arguments.\n\n" },
	{ "add server be/n1 127.0.0.1:80", "New server registered.\n\n" },
	{ "enable server be/n1", "\n" },
	{ "del server be/n1", "Only servers in maintenance mode can be deleted.\n" },
	{ "disable server be/n1", "\n" },
	{ "del server be/n1", "Server deleted.\n" },
	{ "del server be/n1", "No such server.\n" },
	{ "del server", "Require 'backend/server'.\n" },
	{ "show servers state zz", "Can't find backend.\n\n" },
	{ "show stat zz 4 -1", "No such proxy.\n\n" },
	{ "show stat domain foo", "Invalid statistics domain.\n\n" },
	{ "show env NOPE_X_Y", "Variable not found\n\n" },
	{ "show errors zz", "No such proxy.\n\n" },
	{ "clear counters", "\n" },
	{ "expert-mode", "expert-mode is OFF\n\n" },
	{ "user;set weight be/s1 3", "\nPermission denied\n\n" },
};

static void lines__as_haproxy__same_bytes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
		session.quit = false;
		if (strcmp(ask(exchanges[i].line), exchanges[i].answer) != 0)
			fail_msg("'%s':\nexpected <<%s>>\ngot      <<%s>>", exchanges[i].line, exchanges[i].answer,
				 out.data);
		assert_true(session.quit);
	}
}

static void session__prompt__stays_open(void **state)
{
	(void)state;
	assert_string_equal(ask("prompt;show version"), "\n> 0.1.0\n\n> ");
	assert_false(session.quit);
	assert_string_equal(ask("show version;show backend"), "0.1.0\n\n> # name\nbe\nls\n\n> ");
	assert_string_equal(ask("prompt"), "\n");
	assert_true(session.quit);
	assert_false(session.hangup);
}

static void session__quit__says_nothing(void **state)
{
	(void)state;
	ask("prompt");
	assert_string_equal(ask("quit;show version"), "");
	assert_true(session.quit);
	assert_true(session.hangup);
}

/* Commands that take no payload run when it is complete, and without it: what HAProxy does. */
static void session__payload__is_read_to_its_end(void **state)
{
	char long_line[1024];

	(void)state;
	ask("prompt");
	assert_string_equal(ask("show version <<"), "+ ");
	assert_string_equal(ask("disable server be/s1"), "+ ");
	assert_string_equal(ask(""), "0.1.0\n\n> ");
	assert_string_equal(ask("show cli level;show version <<END"), "admin\n\n> + ");
	assert_string_equal(ask(""), "+ ");
	assert_string_equal(ask("END"), "0.1.0\n\n> ");
	assert_string_equal(ask("show version"), "0.1.0\n\n> ");
	assert_int_equal(srv("s1")->run.admin, 0);
	assert_non_null(strstr(ask("show version << ; show backend"), "# name"));
	assert_false(session.in_payload);
	assert_non_null(strstr(ask("show version <<0123456789abcdef"), "payload pattern"));
	assert_true(session.hangup);
	session.hangup = session.quit = false;
	ask("show version <<");
	memset(long_line, 'x', sizeof(long_line));
	long_line[sizeof(long_line) - 1] = '\0';
	for (int i = 0; i < 300 && !session.hangup; i++)
		ask(long_line);
	assert_true(session.hangup);
	assert_non_null(strstr(out.data, "longer than"));
}

static void session__payload_without_prompt__closes_after_it(void **state)
{
	(void)state;
	assert_string_equal(ask("show version <<"), "");
	assert_false(session.quit);
	assert_string_equal(ask("x"), "");
	assert_string_equal(ask(""), "0.1.0\n\n");
	assert_true(session.quit);
}

/* What follows on the line waits for its turn, and so does the prompt. */
static void session__long_answer__comes_in_pieces(void **state)
{
	unsigned int pieces = 0;
	size_t longest = 0, lines = 0;

	(void)state;
	host.nr_flows = 5000;
	session.interactive = true;
	buf_fini(&out);
	runtime_line(&session, "show sess;show version", 22, &out);
	assert_true(runtime_is_busy(&session));
	assert_int_equal(out.len, 0);
	while (runtime_is_busy(&session)) {
		runtime_resume(&session, &out);
		for (const char *p = out.data; (p = strchr(p, '\n')); p++)
			lines++;
		if (out.len > longest)
			longest = out.len;
		pieces++;
		if (runtime_is_busy(&session))
			out.data[out.len = 0] = '\0';
	}
	assert_true(pieces > 10);
	assert_true(longest < RUNTIME_PIECE + 1000);
	assert_int_equal(lines, 5000 + 1 + 2);
	assert_string_equal(out.data + out.len - 11, "> 0.1.0\n\n> ");
}

static void session__ended_in_the_middle__nothing_is_left(void **state)
{
	(void)state;
	host.nr_flows = 5000;
	buf_fini(&out);
	runtime_line(&session, "show sess;show version", 22, &out);
	runtime_resume(&session, &out);
	runtime_session_fini(&session);
	assert_false(runtime_is_busy(&session));
	runtime_line(&session, "show version <<", 15, &out);
	runtime_line(&session, "x", 1, &out);
	runtime_session_fini(&session); /* the sanitizer tells of what is left */
}

static void session__severity__is_shown(void **state)
{
	(void)state;
	assert_string_equal(ask("set severity-output number;get weight be/zz"), "\n[3]: No such server.\n\n");
	assert_string_equal(ask("set severity-output string;get weight be/zz"), "\n[err]: No such server.\n\n");
	assert_string_equal(ask("get weight be/s1"), "1 (initial 1)\n\n");
}

static void session__escaped_separator__is_part_of_the_word(void **state)
{
	(void)state;
	assert_string_equal(ask("show env A\\;B\\ C"), "Variable not found\n\n");
	assert_non_null(strstr(ask("show version\\;x"), "Unknown command"));
}

static void session__garbage__is_answered(void **state)
{
	static const char garbage[] = "\0\1\2\377;;\\;\\";
	char many[1000];

	(void)state;
	buf_fini(&out);
	runtime_line(&session, garbage, sizeof(garbage) - 1, &out);
	assert_non_null(strstr(out.data, "Unknown command"));
	memset(many, ' ', sizeof(many));
	for (size_t i = 0; i + 1 < sizeof(many); i += 2)
		many[i] = 'x';
	many[sizeof(many) - 1] = '\0';
	assert_non_null(strstr(ask(many), "Unknown command"));
	runtime_line_too_long(&session, &out);
	assert_true(session.hangup);
}

static void level__user__may_look_only(void **state)
{
	static const char *const denied[] = { "set weight be/s1 3",
					      "set server be/s1 state maint",
					      "show sess",
					      "show env",
					      "clear counters",
					      "operator",
					      "add server be/x 1.1.1.1",
					      "disable frontend web",
					      "show errors" };
	size_t i;

	(void)state;
	session.level = ACCESS_USER;
	for (i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		assert_string_equal(ask(denied[i]), "Permission denied\n\n");
	assert_string_equal(ask("get weight be/s1"), "1 (initial 1)\n\n");
	session.level = ACCESS_OPERATOR;
	assert_string_equal(ask("clear counters all"), "Permission denied\n\n");
	assert_int_equal(host.clears, 0);
	assert_string_equal(ask("clear counters"), "\n");
	assert_int_equal(host.clears, 1);
	assert_null(strstr(ask("help"), "set server"));
}

static void unknown__near_words__are_offered(void **state)
{
	static const char all[] = "Unknown command. Please enter one of the following commands only:\n";
	static const char near[] = "Unknown command, but maybe one of the following ones is a better match:\n";

	(void)state;
	assert_memory_equal(ask(""), all, sizeof(all) - 1);
	assert_string_equal(ask("shwo stat"),
			    "Unknown command, but maybe one of the following ones is a better match:\n"
			    "  show stat [desc|json|no-maint|typed|up]*: report counters for each proxy and server\n"
			    "  help [<command>]                        : list matching or all commands\n"
			    "  prompt                                  : toggle interactive mode with prompt\n"
			    "  quit                                    : disconnect\n\n");
	assert_memory_equal(ask("show"), near, sizeof(near) - 1);
	assert_non_null(strstr(out.data, "  show info"));
	assert_non_null(strstr(out.data, "  show version"));
	assert_null(strstr(out.data, "  set "));
	assert_non_null(strstr(ask("set weigth be/s1 3"), "  set weight "));
	assert_non_null(
		strstr(ask("help set server"), "The following commands are valid at this level:\n  set server"));
}

static void state__words__change_the_server(void **state)
{
	struct server *s = srv("s1");

	(void)state;
	ask("set server be/s1 state maint");
	assert_int_equal(s->run.admin, SERVER_FMAINT);
	assert_int_equal(s->run.last_change_ms, host.now_ms);
	host.now_ms += 3000;
	ask("set server be/s1 state drain");
	assert_int_equal(s->run.admin, SERVER_FDRAIN);
	assert_int_equal(s->run.downtime_ms, 3000);
	assert_int_equal(s->run.down_since_ms, 0);
	ask("set server be/s1 state ready");
	assert_int_equal(s->run.admin, 0);
	assert_int_equal(host.changes, 3);
	ask("enable server be/s4");
	assert_int_equal(srv("s4")->run.admin, 0);
	ask("set server be/s1 health down");
	assert_false(server_is_up(s));
	ask("set server be/s1 health up");
	assert_true(server_is_up(s));
	ask("set server be/s1 health stopping;set server be/s3 health stopping");
	assert_true(server_is_up(s) && !server_is_usable(s));
	assert_non_null(strstr(ask("show stat be 4 1"), ",NOLB,"));
	assert_non_null(strstr(ask("show stat be 4 3"), ",NOLB,")); /* also without a check */
	assert_non_null(strstr(ask("show servers state be"), "\n2 be 1 s1 10.0.0.1 3 0 "));
	ask("set server be/s1 health up");
	assert_true(server_is_usable(s));
	ask("shutdown sessions server be/s1");
	assert_int_equal(host.kills, 1);
}

static void state__maintenance_ends__server_is_up_until_checked(void **state)
{
	struct server *s = srv("s1");

	(void)state;
	ask("set server be/s1 health down;disable server be/s1;enable server be/s1");
	assert_true(server_is_up(s));
	assert_int_equal(s->run.check.health, s->check.rise);
}

static void change__data_plane_refuses__nothing_changed(void **state)
{
	struct server *s = srv("s1");

	(void)state;
	host.fail_with = -ENOSPC;
	assert_non_null(strstr(ask("set server be/s1 weight 9"), "it was told to fail"));
	assert_int_equal(s->run.weight, 1);
	host.fail_with = -ENOSPC;
	assert_non_null(strstr(ask("set server be/s1 state maint"), "it was told to fail"));
	assert_int_equal(s->run.admin, 0);
	host.fail_with = -ENOSPC;
	assert_non_null(strstr(ask("set server be/s1 addr 1.2.3.4 port 5"), "it was told to fail"));
	assert_int_equal(s->port, 80);
	assert_int_equal(host.logged[0], 0);
}

static void servers_state__lines__as_haproxy(void **state)
{
	struct server *s = srv("s1");
	const char *text;

	(void)state;
	check_result(&s->run.check, &s->check, CHECK_L4CON, 0, 0, "Connection refused");
	ask("set server be/s2 state drain");
	text = ask("show servers state be");
	assert_memory_equal(text, "1\n# be_id be_name srv_id ", 25);
	assert_non_null(strstr(text, "\n2 be 1 s1 10.0.0.1 0 0 1 1 5 8 2 0 6 0 0 0 - 80 - 0 0 - - 0\n"));
	assert_non_null(strstr(text, "\n2 be 2 s2 10.0.0.2 2 8 10 10 0 1 0 2 6 0 0 0 - 80 - 0 0 - - 0\n"));
	assert_non_null(strstr(text, "\n2 be 3 s3 10.0.0.3 2 0 1 1 5 1 0 2 0 0 0 0 - 80 - 0 0 - - 0\n"));
	assert_non_null(strstr(text, "\n2 be 4 s4 10.0.0.4 0 5 1 1 5 1 0 0 8 0 0 0 - 80 - 0 0 - - 0\n\n"));
	assert_null(strstr(text, " ls "));
	assert_non_null(strstr(ask("show servers conn"), "\nbe/s1 2/1 10.0.0.1 80 - 0 100009 100010 "));
}

static void sess__flows__one_line_each(void **state)
{
	(void)state;
	assert_non_null(strstr(ask("show sess"),
			       ": proto=tcpv4 src=192.0.2.9:40001 dst=10.9.9.9:8080 fe=web be=be srv=s1 "
			       "local=10.0.0.100:2000 addr=10.0.0.1:80 state=established idle=7s\n\n"));
}

static void sess__number_of_a_flow__names_it(void **state)
{
	char line[64], id[20];

	(void)state;
	ask("show sess");
	memcpy(id, strchr(out.data, '\n') + 1, 18);
	id[18] = '\0';
	snprintf(line, sizeof(line), "show sess %s", id);
	assert_memory_equal(ask(line), id, 18);
	assert_string_equal(strchr(out.data, '\n'), "\n\n");
	snprintf(line, sizeof(line), "shutdown session %s", id);
	assert_string_equal(ask(line), "\n");
	assert_int_equal(host.kills, 1);
}

/* What hatop and the old exporter give up without. */
static void info__keys__all_that_tools_need(void **state)
{
	static const char *const keys[] = { "Name: xlb\n",	 "Version: 0.1.0\n",  "Nbproc: 1\n",
					    "Process_num: 1\n",	 "Pid: 4711\n",	      "Uptime: 1d 2h03m04s\n",
					    "Maxconn: 262144\n", "CurrConns: 4018\n", "Maxpipes: 0\n",
					    "PipesUsed: 0\n",	 "Tasks: 3\n",	      "Run_queue: 0\n",
					    "node: nodea\n",	 "Idle_pct: ",	      "Listeners: 2\n" };
	unsigned int year, month, day;
	size_t i;

	(void)state;
	ask("show info");
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_non_null(strstr(out.data, keys[i]));
	assert_int_equal(sscanf(strstr(out.data, "Release_date: "), "Release_date: %4u/%2u/%2u\n", &year, &month, &day),
			 3);
	assert_non_null(strstr(ask("show info typed"), "\n7.Uptime.1:MDP:str:1d 2h03m04s\n"));
	assert_non_null(strstr(out.data, "\n47.Tasks.1:MGP:u32:3\n"));
	assert_memory_equal(
		ask("show info json"),
		"[{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,\"tags\":{\"origin\":\"Product\","
		"\"nature\":\"Output\",\"scope\":\"Service\"},\"value\":{\"type\":\"str\",\"value\":\"xlb\"}},",
		150);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lines__as_haproxy__same_bytes),
		CASE(session__prompt__stays_open),
		CASE(session__quit__says_nothing),
		CASE(session__payload__is_read_to_its_end),
		CASE(session__payload_without_prompt__closes_after_it),
		CASE(session__long_answer__comes_in_pieces),
		CASE(session__ended_in_the_middle__nothing_is_left),
		CASE(session__severity__is_shown),
		CASE(session__escaped_separator__is_part_of_the_word),
		CASE(session__garbage__is_answered),
		CASE(level__user__may_look_only),
		CASE(unknown__near_words__are_offered),
		CASE(state__words__change_the_server),
		CASE(state__maintenance_ends__server_is_up_until_checked),
		CASE(change__data_plane_refuses__nothing_changed),
		CASE(servers_state__lines__as_haproxy),
		CASE(sess__flows__one_line_each),
		CASE(sess__number_of_a_flow__names_it),
		CASE(info__keys__all_that_tools_need),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
