/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Commands on frontends, limits, tables and the process itself. Answers were taken from HAProxy 2.6.12 on a socket,
 * byte for byte, where that version has the command and xlb does the same.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "../lib/fake_host.h"
#include "model/capability.h"

static struct fake_host host;
static struct runtime_session session;
static struct buf out;

static int setup(void **state)
{
	struct stick_table *t;

	(void)state;
	fake_host_init(&host);
	t = model_table_add(host.model, "st");
	t->family = AF_INET;
	t->size = 102400;
	t->expire_ms = 30000;
	t->store = TABLE_GPC0 | TABLE_CONN_RATE | TABLE_CONN_CUR;
	t->conn_rate_ms = 10000;
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
	while (runtime_is_busy(&session)) {
		host.now_ms += session.delay_ms;
		runtime_resume(&session, &out);
	}
	return out.data ? out.data : "";
}

struct exchange {
	const char *line, *answer;
};

static void expect(const struct exchange *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(ask(list[i].line), list[i].answer) != 0)
			fail_msg("'%s':\nexpected <<%s>>\ngot      <<%s>>", list[i].line, list[i].answer, out.data);
}

#define EXPECT(list) expect(list, sizeof(list) / sizeof((list)[0]))

static void frontend__shut_down__stays_so(void **state)
{
	static const struct exchange lines[] = {
		{ "shutdown frontend", "A frontend name is expected.\n\n" },
		{ "shutdown frontend zz", "No such frontend.\n\n" },
		{ "shutdown frontend web", "\n" },
		{ "shutdown frontend web", "Frontend was already shut down.\n\n" },
		{ "enable frontend web", "Frontend was previously shut down, cannot enable.\n\n" },
		{ "disable frontend web", "Frontend was previously shut down, cannot disable.\n\n" },
	};

	(void)state;
	EXPECT(lines);
	assert_true(model_frontend_find(host.model, "web")->disabled);
	assert_non_null(strstr(ask("show stat web 1 -1"), ",STOP,"));
}

static void frontend__shutdown_fails__serves_on(void **state)
{
	(void)state;
	host.fail_with = -ENOSPC;
	assert_non_null(strstr(ask("shutdown frontend web"), "it was told to fail"));
	assert_false(model_frontend_find(host.model, "web")->stopped);
	assert_string_equal(ask("disable frontend web"), "\n");
}

static void limits__wrong_words__as_haproxy(void **state)
{
	static const char rates[] =
		"'set rate-limit' only supports :\n"
		"   - 'connections global' to set the per-process maximum connection rate\n"
		"   - 'sessions global' to set the per-process maximum session rate\n"
		"   - 'ssl-sessions global' to set the per-process maximum SSL session rate\n"
		"   - 'http-compression global' to set the per-process maximum compression speed in kB/s\n\n";
	static const struct exchange lines[] = {
		{ "set maxconn frontend", "A frontend name is expected.\n\n" },
		{ "set maxconn frontend zz 5", "No such frontend.\n\n" },
		{ "set maxconn frontend web", "Integer value expected.\n\n" },
		{ "set maxconn frontend web -1", "Value out of range.\n\n" },
		{ "set maxconn frontend web 0", "\n" },
		{ "set maxconn server", "Require 'backend/server'.\n\n" },
		{ "set maxconn server be/zz 1", "No such server.\n\n" },
		{ "set maxconn server be/s1", "Require <maxconn>.\n\n" },
		{ "set maxconn server be/s1 abc", "maxconn string empty or preceded by garbage\n" },
		{ "set maxconn server be/s1 0", "\n" },
		{ "set maxconn global", "Expects an integer value.\n\n" },
		{ "set maxconn global 99999999", "Value out of range.\n\n" },
		{ "set maxconn global 0", "\n" },
		{ "set rate-limit", rates },
		{ "set rate-limit foo", rates },
		{ "set rate-limit sessions", rates },
		{ "set rate-limit sessions foo 5", rates },
		{ "set rate-limit sessions global", "Expects an integer value.\n\n" },
		{ "set rate-limit sessions global 0", "\n" },
		{ "set rate-limit ssl-sessions global 1", "\n" },
	};

	(void)state;
	EXPECT(lines);
	assert_non_null(strstr(ask("set rate-limit sessions global 5"), "use 'rate-limit sessions' in a frontend"));
	assert_non_null(strstr(ask("set maxconn global 100"), "keeps its size"));
	assert_int_equal(host.model->maxconn, 0);
}

/* A limit is entered where it is enforced, and refused where it would not be. */
static void limits__in_force_or_not__never_only_shown(void **state)
{
	struct frontend *f = model_frontend_find(host.model, "web");
	struct server *s = model_server_find(model_backend_find(host.model, "be"), "s1");
	bool by_frontend = capabilities[CAN_FRONTEND_MAXCONN].state == CAN_IN_FORCE;
	bool by_server = capabilities[CAN_SERVER_MAXCONN].state == CAN_IN_FORCE;

	(void)state;
	ask("set maxconn frontend web 7");
	assert_int_equal(f->maxconn, by_frontend ? 7 : 0);
	assert_true(!strstr(out.data, "not available") == by_frontend);
	ask("set maxconn server be/s1 8");
	assert_int_equal(s->maxconn, by_server ? 8 : 0);
	assert_true(!strstr(out.data, "not available") == by_server);
	f->maxconn = 9;
	host.fail_with = -ENOSPC;
	assert_non_null(strstr(ask("set maxconn frontend web 0"), "it was told to fail"));
	assert_int_equal(f->maxconn, 9);
}

/* In 2.6 an entry's number is its address in memory; the fake counts from 0x1001. */
static void table__lines__as_haproxy(void **state)
{
	static const char head[] = "# table: st, type: ip, size:102400, used:0\n\n";
	static const char nine[] = "# table: st, type: ip, size:102400, used:1\n"
				   "0x1001: key=9.9.9.9 use=0 exp=30000 gpc0=5 conn_rate(10000)=7 conn_cur=3\n\n";
	static const char set_usage[] = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n\n";
	static const char clear_usage[] =
		"Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n\n";
	static const char no_operator[] =
		"Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n\n";
	static const char no_number[] = "Filter entry #1: Require a valid integer value to compare against\n\n";
	static const struct exchange lines[] = {
		{ "show table", head },
		{ "show table st", head },
		{ "show table nope", "No such table\n\n" },
		{ "show table st foo",
		  "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n\n" },
		{ "show table st key", "Key value expected\n\n" },
		{ "show table st key 1.2.3.4", "\n" },
		{ "show table st data.foo gt 1", "Filter entry #1: Unknown data type\n\n" },
		{ "show table st data.conn_rate", no_operator },
		{ "show table st data.conn_rate xx 1", no_operator },
		{ "show table st data.conn_rate gt", no_number },
		{ "show table st data.conn_rate gt abc", no_number },
		{ "show table st data.gpc0 gt 4 key 1.1.1.1", "Filter entry #2: Unknown data type\n\n" },
		{ "show table st data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1",
		  "Detected extra data in filter, 16th word of input, after '1'\n\n" },
		{ "set table", set_usage },
		{ "set table nope", "No such table\n\n" },
		{ "set table st", "\n" },
		{ "set table st foo", set_usage },
		{ "set table st key", "Key value expected\n\n" },
		{ "set table st data.gpc0 gt 1",
		  "content-based lookup is only supported with the \"show\" and \"clear\" actions\n\n" },
		{ "set table st key 9.9.9.9 foo 5", "\"data.<type>\" followed by a value expected\n\n" },
		{ "set table st key 9.9.9.9 data.foo 5", "Unknown data type\n\n" },
		{ "set table st key 9.9.9.9 data.gpc1 5", "Data type not stored in this table\n\n" },
		{ "set table st key 9.9.9.9 data.gpc0", "Require a valid integer value to store\n\n" },
		{ "set table st key 9.9.9.9 data.gpc0 5x", "Require a valid integer value to store\n\n" },
		{ "set table st key 9.9.9.9 data.gpc0 5", "\n" },
		{ "set table st key 9.9.9.9 data.conn_rate 7 data.conn_cur 3", "\n" },
		{ "show table st", nine },
		{ "show table st key 9.9.9.9", nine },
		{ "show table st data.conn_rate gt 6 data.gpc0 eq 5", nine },
		{ "show table st data.conn_rate gt 7", "# table: st, type: ip, size:102400, used:1\n\n" },
		{ "clear table", clear_usage },
		{ "clear table nope", "No such table\n\n" },
		{ "clear table st foo", clear_usage },
		{ "clear table st key", "Key value expected\n\n" },
		{ "clear table st key 1.2.3.4", "\n" },
		{ "clear table st data.foo gt 4", "Filter entry #1: Unknown data type\n\n" },
		{ "clear table st data.gpc0 gt 5", "\n" },
		{ "show table st", nine },
		{ "clear table st data.gpc0 gt 4", "\n" },
		{ "show table st", head },
	};

	(void)state;
	EXPECT(lines);
	/* HAProxy takes such a key as 0.0.0.0. */
	assert_string_equal(ask("set table st key foo"), "Invalid key\n\n");
	assert_string_equal(ask("set table st key ::1"), "Invalid key\n\n");
}

static void table__cleared__all_and_only_the_chosen(void **state)
{
	static const char *const keys[] = { "1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5" };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "set table st key %s data.gpc0 %u", keys[i], i);
		ask(line);
	}
	ask("clear table st data.gpc0 ge 3");
	assert_int_equal(host.nr_entries, 3);
	assert_null(strstr(ask("show table st"), "4.4.4.4"));
	assert_non_null(strstr(out.data, "3.3.3.3"));
	ask("clear table st");
	assert_int_equal(host.nr_entries, 0);
}

static void wait__server__until_it_can_be_removed(void **state)
{
	uint64_t before = host.now_ms;

	(void)state;
	assert_string_equal(ask("wait 300;show version"), "Done.\n\n0.1.0\n\n");
	assert_int_equal(host.now_ms, before + 300);
	assert_string_equal(ask("wait 1s srv-removable be/s1"), "Only servers in maintenance mode can be deleted.\n\n");
	ask("disable server be/s1");
	before = host.now_ms;
	assert_string_equal(ask("wait 2s srv-removable be/s1"), "Wait delay expired.\n\n"); /* it has flows */
	assert_int_equal(host.now_ms, before + 2000);
	host.no_flows = true;
	before = host.now_ms;
	assert_string_equal(ask("wait 2s srv-removable be/s1"), "Done.\n\n");
	assert_int_equal(host.now_ms, before);
	assert_string_equal(ask("wait x"), "Invalid duration.\n\n");
	assert_string_equal(ask("wait 99999999d"), "Invalid duration.\n\n");
	assert_string_equal(ask("wait 1s srv-removable be/zz"), "No such server.\n\n");
	assert_non_null(strstr(ask("wait 1s foo"), "Unknown condition"));
	assert_non_null(strstr(ask("wait"), "Usage: wait"));
}

static void events__lines__with_their_loss(void **state)
{
	(void)state;
	assert_non_null(strstr(ask("show events"), "\n    log        : type=buffer"));
	assert_string_equal(ask("show events foo"), "No such event sink\n");
	assert_string_equal(ask("show events log -x"), "unknown option\n");
	host.nr_events = 3;
	assert_string_equal(ask("show events log"), "event 1\nevent 2\nevent 3\n\n");
	assert_string_equal(ask("show events log -n"), "\n");
	host.nr_events = 7;
	assert_string_equal(ask("show events log"),
			    "(5 lines are lost: the buffer holds no more)\nevent 6\nevent 7\n\n");
	/* With -w what comes is told, until the client says something. */
	buf_fini(&out);
	runtime_line(&session, "show events log -nw", 19, &out);
	runtime_resume(&session, &out);
	assert_true(runtime_is_busy(&session) && session.delay_ms > 0 && !out.len);
	host.nr_events = 8;
	runtime_resume(&session, &out);
	assert_string_equal(out.data, "event 8\n");
	session.interrupted = true;
	runtime_resume(&session, &out);
	assert_false(runtime_is_busy(&session));
	assert_string_equal(ask("show startup-logs"), "x.cfg:1:1: note: so it is\n\n\n");
}

static void schema__text__describes_what_is_sent(void **state)
{
	json_t *schema;

	(void)state;
	ask("show schema json");
	schema = json_loadb(out.data, out.len, 0, NULL);
	assert_non_null(schema);
	assert_int_equal(json_array_size(json_object_get(schema, "oneOf")), 2);
	json_decref(schema);
}

static void session__modes__as_asked(void **state)
{
	(void)state;
	assert_string_equal(ask("expert-mode on;expert-mode;experimental-mode"),
			    "\nexpert-mode is ON\n\nexperimental-mode is OFF\n\n");
	assert_string_equal(ask("expert-mode off;expert-mode"), "\nexpert-mode is OFF\n\n");
	assert_string_equal(ask("echo a  b\\ c;show version"), "a b c\n\n0.1.0\n\n");
	assert_string_equal(ask("prompt i;show version"), "\n0.1.0\n\n");
	assert_true(session.interactive);
	assert_string_equal(ask("prompt p"), "\n> ");
	assert_string_equal(ask("prompt timed"), "\n[1:02:03:04]> ");
	assert_string_equal(ask("prompt n"), "\n");
	assert_true(session.quit);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frontend__shut_down__stays_so),
		CASE(frontend__shutdown_fails__serves_on),
		CASE(limits__wrong_words__as_haproxy),
		CASE(limits__in_force_or_not__never_only_shown),
		CASE(table__lines__as_haproxy),
		CASE(table__cleared__all_and_only_the_chosen),
		CASE(wait__server__until_it_can_be_removed),
		CASE(events__lines__with_their_loss),
		CASE(schema__text__describes_what_is_sent),
		CASE(session__modes__as_asked),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
