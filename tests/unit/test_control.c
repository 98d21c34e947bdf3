/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests of xlbctl: what the daemon answers to each, and that a failure changes nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../lib/fake_host.h"

static struct fake_host host;
static struct runtime_session session;
static json_t *answer;

static int setup(void **state)
{
	(void)state;
	fake_host_init(&host);
	session = (struct runtime_session){ .host = &fake_host_ops, .host_arg = &host, .level = ACCESS_ADMIN };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(answer);
	answer = NULL;
	fake_host_fini(&host);
	return 0;
}

/* Sends "@xlb 'request'"; the answer must be one line of JSON. */
static json_t *ask(const char *request)
{
	struct buf line = { 0 }, out = { 0 };

	buf_printf(&line, "@xlb %s", request);
	runtime_line(&session, line.data, line.len, &out);
	while (runtime_is_busy(&session))
		runtime_resume(&session, &out);
	json_decref(answer);
	answer = json_loadb(out.data, out.len, 0, NULL);
	assert_non_null(answer);
	assert_ptr_equal(strchr(out.data, '\n'), out.data + out.len - 1);
	buf_fini(&line);
	buf_fini(&out);
	return json_object_get(answer, "result");
}

static int exit_code(void)
{
	return json_is_true(json_object_get(answer, "ok")) ? 0 :
							     (int)json_integer_value(json_object_get(answer, "exit"));
}

static json_int_t number(const json_t *o, const char *name)
{
	assert_true(json_is_integer(json_object_get(o, name)));
	return json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static struct server *srv(const char *name)
{
	return model_server_find(model_backend_find(host.model, "be"), name);
}

static void status__members__as_promised(void **state)
{
	json_t *r = ask("{\"cmd\":\"status\"}"), *ifs;

	(void)state;
	assert_string_equal(text(r, "version"), "0.1.0");
	assert_int_equal(number(r, "pid"), 4711);
	assert_int_equal(number(r, "uptime_s"), 93784);
	assert_int_equal(number(json_object_get(r, "flows"), "used"), 2);
	assert_int_equal(number(json_object_get(r, "flows"), "capacity"), 262144);
	assert_int_equal(number(json_object_get(r, "flows"), "memory_bytes"), 64 << 20);
	assert_int_equal(number(r, "frontends"), 2);
	assert_int_equal(number(r, "backends"), 2);
	assert_int_equal(number(r, "servers_up"), 4);
	assert_int_equal(number(r, "servers_down"), 0);
	ifs = json_object_get(r, "interfaces");
	assert_int_equal(json_array_size(ifs), 1);
	assert_string_equal(text(json_array_get(ifs, 0), "name"), "eth0");
	assert_string_equal(text(json_array_get(ifs, 0), "mode"), "native");
	assert_string_equal(text(json_array_get(ifs, 0), "why"), "because");
}

static void show__servers__members_as_promised(void **state)
{
	static const char *const numbers[] = { "port",		"weight",   "connections_total", "connections_active",
					       "packets_total", "bytes_in", "bytes_out" };
	json_t *r = ask("{\"cmd\":\"show\",\"what\":\"servers\"}"), *s1;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(r), 5);
	s1 = json_array_get(r, 0);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		number(s1, numbers[i]);
	assert_string_equal(text(s1, "backend"), "be");
	assert_string_equal(text(s1, "name"), "s1");
	assert_string_equal(text(s1, "address"), "10.0.0.1");
	assert_string_equal(text(s1, "state"), "UP 1/3");
	assert_string_equal(text(s1, "check_status"), "INI");
	assert_int_equal(number(s1, "packets_total"), 200004);
	assert_int_equal(number(s1, "bytes_in"), 100002);
	assert_true(json_is_null(json_object_get(json_array_get(r, 2), "check_status")));
}

static void show__drops__every_reason_once(void **state)
{
	json_t *r = ask("{\"cmd\":\"show\",\"what\":\"drops\"}"), *row;
	json_int_t sum = 0;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(r), XLB_R_MAX - 1);
	json_array_foreach(r, i, row) {
		sum += number(row, "count");
		assert_true(json_is_boolean(json_object_get(row, "expected")));
		assert_non_null(text(row, "reason"));
		if (strcmp(text(row, "reason"), "TTL") == 0) {
			assert_int_equal(number(row, "count"), 3);
			assert_string_equal(text(row, "verdict"), "drop");
		}
	}
	assert_int_equal(sum, 123);
}

static void show__fallback_local__told_while_no_server_is_usable(void **state)
{
	struct frontend *web = model_frontend_find(host.model, "web");
	struct server *s;

	(void)state;
	web->no_backend = NO_BACKEND_PASS;
	assert_string_equal(text(json_array_get(ask("{\"cmd\":\"show\",\"what\":\"frontends\"}"), 0), "state"), "open");
	TAILQ_FOREACH(s, &web->backend->servers, next)
		s->run.admin = SERVER_FMAINT;
	assert_string_equal(text(json_array_get(ask("{\"cmd\":\"show\",\"what\":\"frontends\"}"), 0), "state"),
			    "fallback");
	web->no_backend = NO_BACKEND_AUTO;
	assert_string_equal(text(json_array_get(ask("{\"cmd\":\"show\",\"what\":\"frontends\"}"), 0), "state"), "open");
}

static void show__lists__have_rows(void **state)
{
	(void)state;
	model_backend_find(host.model, "be")->balance.alg = BALANCE_LEASTCONN;
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"frontends\"}")), 2);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(json_object_get(answer, "result"), 0), "binds"), 0)),
			    "0.0.0.0:8080/tcp");
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"backends\"}")), 2);
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"binds\"}")), 2);
	host.nr_flows = 5;
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"flows\"}")), 5);
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"flows\",\"limit\":3}")), 3);
	assert_string_equal(text(json_array_get(json_object_get(answer, "result"), 0), "client"), "192.0.2.9:40000");
	assert_string_equal(text(json_array_get(ask("{\"cmd\":\"show\",\"what\":\"backends\"}"), 0), "balance"),
			    "leastconn");
	host.nr_events = 7; /* the first five are lost */
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"events\"}")), 2);
	assert_int_equal(number(json_array_get(json_object_get(answer, "result"), 0), "lost"), 5);
	assert_string_equal(text(json_array_get(json_object_get(answer, "result"), 1), "text"), "event 7");
	assert_int_equal(number(json_array_get(json_object_get(answer, "result"), 1), "seq"), 7);
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"events\",\"since\":6}")), 1);
	assert_int_equal(json_array_size(ask("{\"cmd\":\"show\",\"what\":\"events\",\"since\":7}")), 0);
	ask("{\"cmd\":\"show\",\"what\":\"elephants\"}");
	assert_int_equal(exit_code(), 2);
}

static void server__actions__change_it(void **state)
{
	(void)state;
	ask("{\"cmd\":\"server\",\"action\":\"drain\",\"server\":\"be/s1\"}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(srv("s1")->run.admin, SERVER_FDRAIN);
	assert_string_equal(text(json_object_get(answer, "result"), "state"), "DRAIN 1/3");
	ask("{\"cmd\":\"server\",\"action\":\"maint\",\"server\":\"be/s1\"}");
	assert_int_equal(srv("s1")->run.admin, SERVER_FMAINT);
	ask("{\"cmd\":\"server\",\"action\":\"ready\",\"server\":\"be/s1\"}");
	assert_int_equal(srv("s1")->run.admin, 0);
	ask("{\"cmd\":\"server\",\"action\":\"weight\",\"server\":\"be/s2\",\"args\":[\"50%\"]}");
	assert_int_equal(srv("s2")->run.weight, 5);
	ask("{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"addr\",\"10.7.7.7:99\"]}");
	assert_int_equal(srv("s1")->port, 99);
	ask("{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"addr\",\"10.7.7.8\"]}");
	assert_int_equal(srv("s1")->port, 99);
	ask("{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"health\",\"down\"]}");
	assert_false(server_is_up(srv("s1")));
	ask("{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"check\",\"off\"]}");
	assert_false(srv("s1")->run.check_enabled);
}

static void server__add_and_del__in_service_at_once(void **state)
{
	(void)state;
	ask("{\"cmd\":\"server\",\"action\":\"add\",\"server\":\"be/n\",\"args\":[\"1.2.3.4:80\",\"check\"]}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(srv("n")->run.admin, 0);
	assert_true(srv("n")->run.check_enabled);
	ask("{\"cmd\":\"server\",\"action\":\"del\",\"server\":\"be/n\"}");
	assert_int_equal(exit_code(), 1);
	assert_non_null(srv("n"));
	ask("{\"cmd\":\"server\",\"action\":\"del\",\"server\":\"be/n\",\"force\":true}");
	assert_int_equal(exit_code(), 0);
	assert_int_equal(host.kills, 1);
	assert_null(srv("n"));
	ask("{\"cmd\":\"server\",\"action\":\"add\",\"server\":\"be/m\",\"args\":[\"1.2.3.4:80\"],\"maint\":true}");
	assert_int_equal(srv("m")->run.admin, SERVER_FMAINT);
	assert_string_equal(text(json_object_get(answer, "result"), "state"), "MAINT");
}

static void failures__exit_codes__tell_the_kind(void **state)
{
	static const struct {
		const char *request;
		int code;
	} rows[] = {
		{ "{\"cmd\":\"server\",\"action\":\"drain\",\"server\":\"be/nobody\"}", 6 },
		{ "{\"cmd\":\"server\",\"action\":\"drain\",\"server\":\"nobody/s1\"}", 6 },
		{ "{\"cmd\":\"server\",\"action\":\"drain\",\"server\":\"s1\"}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"drain\"}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"paint\",\"server\":\"be/s1\"}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"weight\",\"server\":\"be/s1\",\"args\":[\"257\"]}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"addr\",\"x\"]}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"addr\",\"1.2.3.4:x\"]}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"set\",\"server\":\"be/s1\",\"args\":[\"colour\",\"red\"]}", 2 },
		{ "{\"cmd\":\"server\",\"action\":\"add\",\"server\":\"be/s1\",\"args\":[\"1.2.3.4:80\"]}", 1 },
		{ "{\"cmd\":\"server\",\"action\":\"add\",\"server\":\"nobody/s1\",\"args\":[\"1.2.3.4:80\"]}", 6 },
		{ "{\"cmd\":\"attach\",\"interface\":\"nic9\"}", 6 },
		{ "{\"cmd\":\"attach\",\"interface\":\"eth0\",\"mode\":\"fast\"}", 2 },
		{ "{\"cmd\":\"attach\"}", 2 },
		{ "{\"cmd\":\"fly\"}", 2 },
		{ "{\"cmd\":7}", 2 },
		{ "[]", 2 },
		{ "{\"cmd\":", 2 },
		{ "", 2 },
		{ "\xff\xfe", 2 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(rows[i].request);
		if (exit_code() != rows[i].code)
			fail_msg("%s: exit %d, not %d", rows[i].request, exit_code(), rows[i].code);
		assert_non_null(text(answer, "error"));
	}
	assert_int_equal(host.changes, 0);
}

static void attach__mode_and_result__passed_on(void **state)
{
	json_t *r = ask("{\"cmd\":\"attach\",\"interface\":\"eth0\",\"mode\":\"generic\"}");

	(void)state;
	assert_string_equal(host.attached, "eth0/2");
	assert_string_equal(text(r, "mode"), "native");
	assert_string_equal(text(r, "why"), "because");
}

static void save__servers__a_state_file(void **state)
{
	const char *file = text(ask("{\"cmd\":\"save\"}"), "state");

	(void)state;
	assert_non_null(file);
	assert_int_equal(strncmp(file, "1\n# be_id be_name ", 18), 0);
	assert_non_null(strstr(file, " be 1 s1 10.0.0.1 "));
}

static void reload__bad_file__diagnostics_and_exit_3(void **state)
{
	const json_t *d;

	(void)state;
	ask("{\"cmd\":\"reload\",\"dry_run\":true}");
	assert_int_equal(exit_code(), 0);
	assert_false(host.reloaded);
	d = json_array_get(json_object_get(json_object_get(answer, "result"), "plan"), 0);
	assert_string_equal(text(d, "op"), "add");
	assert_string_equal(text(d, "kind"), "frontend");
	assert_true(json_is_null(json_object_get(d, "cuts")));
	assert_true(json_is_real(json_object_get(d, "moves")));
	ask("{\"cmd\":\"reload\"}");
	assert_true(host.reloaded);
	assert_null(json_object_get(json_object_get(answer, "result"), "plan"));
	host.fail_with = -EINVAL;
	ask("{\"cmd\":\"reload\"}");
	assert_int_equal(exit_code(), 3);
	d = json_array_get(json_object_get(answer, "diagnostics"), 0);
	assert_string_equal(text(d, "file"), "x.cfg");
	assert_int_equal(number(d, "line"), 3);
	assert_int_equal(number(d, "col"), 5);
	assert_int_equal(number(d, "len"), 7);
	assert_string_equal(text(d, "source_line"), "    balanec x");
	assert_string_equal(text(d, "hint"), "did you mean 'balance'?");
	host.fail_with = -EILSEQ; /* the line is no UTF-8 */
	ask("{\"cmd\":\"reload\"}");
	assert_int_equal(exit_code(), 3);
	d = json_array_get(json_object_get(answer, "diagnostics"), 0);
	assert_string_equal(text(d, "source_line"), "??");
}

static void level__user__may_look_only(void **state)
{
	static const char *const denied[] = { "{\"cmd\":\"server\",\"action\":\"drain\",\"server\":\"be/s1\"}",
					      "{\"cmd\":\"attach\",\"interface\":\"e\"}",
					      "{\"cmd\":\"detach\",\"interface\":\"e\"}", "{\"cmd\":\"reload\"}",
					      "{\"cmd\":\"show\",\"what\":\"flows\"}" };
	size_t i;

	(void)state;
	session.level = ACCESS_USER;
	for (i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		ask(denied[i]);
		assert_int_equal(exit_code(), 5);
	}
	ask("{\"cmd\":\"status\"}");
	assert_int_equal(exit_code(), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(status__members__as_promised),
		CASE(show__servers__members_as_promised),
		CASE(show__drops__every_reason_once),
		CASE(show__lists__have_rows),
		CASE(show__fallback_local__told_while_no_server_is_usable),
		CASE(server__actions__change_it),
		CASE(server__add_and_del__in_service_at_once),
		CASE(failures__exit_codes__tell_the_kind),
		CASE(attach__mode_and_result__passed_on),
		CASE(save__servers__a_state_file),
		CASE(reload__bad_file__diagnostics_and_exit_3),
		CASE(level__user__may_look_only),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
