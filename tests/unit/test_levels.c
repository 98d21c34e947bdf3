/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every command of the table at every level: who may not run it is told so and has changed nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../lib/fake_host.h"
#include "protocol/control.h"

/* Written down by hand, so that a level cannot change unseen. */
static const struct {
	const char *name;
	enum access_level level;
} expected[] = {
	{ "clear counters", ACCESS_OPERATOR },
	{ "clear table", ACCESS_OPERATOR },
	{ "echo", ACCESS_USER },
	{ "get acl", ACCESS_USER },
	{ "get map", ACCESS_USER },
	{ "get weight", ACCESS_USER },
	{ "help", ACCESS_USER },
	{ "operator", ACCESS_OPERATOR },
	{ "prompt", ACCESS_USER },
	{ "quit", ACCESS_USER },
	{ "set severity-output", ACCESS_USER },
	{ "set table", ACCESS_OPERATOR },
	{ "set timeout", ACCESS_USER },
	{ "show acl", ACCESS_USER },
	{ "show activity", ACCESS_USER },
	{ "show backend", ACCESS_USER },
	{ "show cli level", ACCESS_USER },
	{ "show cli sockets", ACCESS_USER },
	{ "show env", ACCESS_OPERATOR },
	{ "show errors", ACCESS_OPERATOR },
	{ "show events", ACCESS_USER },
	{ "show info", ACCESS_USER },
	{ "show map", ACCESS_USER },
	{ "show schema json", ACCESS_USER },
	{ "show servers conn", ACCESS_USER },
	{ "show servers state", ACCESS_USER },
	{ "show sess", ACCESS_OPERATOR },
	{ "show startup-logs", ACCESS_OPERATOR },
	{ "show stat", ACCESS_USER },
	{ "show table", ACCESS_USER },
	{ "show version", ACCESS_USER },
	{ "user", ACCESS_USER },
	{ "wait", ACCESS_USER },
	/* Everything else changes traffic. */
};

static const char denied[] = "Permission denied\n\n";

/* Whole answer of 'line' at 'level', in 'out'. */
static void ask(struct fake_host *host, enum access_level level, const char *line, struct buf *out)
{
	struct runtime_session s = { .host = &fake_host_ops, .host_arg = host, .level = level };

	buf_fini(out);
	runtime_line(&s, line, strlen(line), out);
	while (runtime_is_busy(&s)) {
		host->now_ms += s.delay_ms;
		runtime_resume(&s, out);
	}
	runtime_session_fini(&s);
	buf_puts(out, "");
}

static void name_of(const struct command *cmd, char *ret, size_t cap)
{
	ret[0] = '\0';
	for (size_t w = 0; cmd->words[w]; w++)
		snprintf(ret + strlen(ret), cap - strlen(ret), "%s%s", w ? " " : "", cmd->words[w]);
}

static enum access_level expected_level(const char *name)
{
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (strcmp(expected[i].name, name) == 0)
			return expected[i].level;
	return ACCESS_ADMIN;
}

static void every_command__every_level__as_written_down(void **state)
{
	/* Arguments that would do something if they were let through. */
	static const char *const arguments[] = { "",	 " be/s1", " be/s1 state maint", " be/s1 3",
						 " web", " all",   " server be/s1",	 " be/x 1.2.3.4:80" };
	struct fake_host host;
	struct buf out = { 0 };
	char name[64], line[128];
	size_t known = 0;

	(void)state;
	fake_host_init(&host);
	for (size_t i = 0; command_at(i); i++) {
		name_of(command_at(i), name, sizeof(name));
		known += expected_level(name) != ACCESS_ADMIN;
		if (command_at(i)->level != expected_level(name))
			fail_msg("'%s' has level %d", name, command_at(i)->level);
		for (int level = ACCESS_USER; level < (int)expected_level(name); level++) {
			for (size_t a = 0; a < sizeof(arguments) / sizeof(arguments[0]); a++) {
				snprintf(line, sizeof(line), "%s%s", name, arguments[a]);
				ask(&host, (enum access_level)level, line, &out);
				if (strcmp(out.data, denied) != 0)
					fail_msg("'%s' at level %d: %s", line, level, out.data);
			}
		}
		for (int level = (int)expected_level(name); level <= ACCESS_ADMIN; level++) {
			ask(&host, (enum access_level)level, name, &out);
			if (strcmp(out.data, denied) == 0)
				fail_msg("'%s' is denied at level %d", name, level);
		}
	}
	assert_int_equal(known, sizeof(expected) / sizeof(expected[0])); /* no row of the list has lost its command */
	buf_fini(&out);
	fake_host_fini(&host);
}

static void denied_commands__as_user__nothing_happened(void **state)
{
	struct fake_host host;
	struct buf out = { 0 };
	struct server *s1;

	(void)state;
	fake_host_init(&host);
	s1 = model_server_find(model_backend_find(host.model, "be"), "s1");
	for (int level = ACCESS_USER; level < ACCESS_ADMIN; level++) {
		ask(&host, (enum access_level)level, "set server be/s1 state maint;set weight be/s1 3", &out);
		ask(&host, (enum access_level)level, "disable frontend web;shutdown frontend web", &out);
		ask(&host, (enum access_level)level, "shutdown sessions server be/s1;del server be/s4", &out);
		ask(&host, (enum access_level)level, "add server be/x 1.2.3.4:80;clear counters all", &out);
		ask(&host, (enum access_level)level, "set maxconn frontend web 5;set maxconn server be/s1 5", &out);
	}
	assert_int_equal(host.changes + host.kills + host.clears, 0);
	assert_int_equal(s1->run.admin, 0);
	assert_int_equal(s1->backend->nr_servers, 4);
	assert_false(model_frontend_find(host.model, "web")->disabled);
	buf_fini(&out);
	fake_host_fini(&host);
}

/* What xlbctl sends. By hand as well; what is not here is for administrators. */
static const struct {
	const char *request;
	enum access_level level;
} requests[] = {
	{ "\"cmd\":\"save\"", ACCESS_USER },
	{ "\"cmd\":\"status\"", ACCESS_USER },
	{ "\"cmd\":\"version\"", ACCESS_USER },
	{ "\"cmd\":\"show\",\"what\":\"backends\"", ACCESS_USER },
	{ "\"cmd\":\"show\",\"what\":\"binds\"", ACCESS_USER },
	{ "\"cmd\":\"show\",\"what\":\"drops\"", ACCESS_USER },
	{ "\"cmd\":\"show\",\"what\":\"events\"", ACCESS_USER },
	{ "\"cmd\":\"show\",\"what\":\"flows\"", ACCESS_OPERATOR },
	{ "\"cmd\":\"show\",\"what\":\"frontends\"", ACCESS_USER },
	{ "\"cmd\":\"show\",\"what\":\"servers\"", ACCESS_USER },
};

static enum access_level request_level(const char *request, size_t *known)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].request, request) != 0)
			continue;
		++*known;
		return requests[i].level;
	}
	return ACCESS_ADMIN;
}

/* At each level the request is refused for the level alone, exit code 5, or not. */
static void check_request(struct fake_host *host, const struct control_row *row, const char *request, size_t *known)
{
	enum access_level least = request_level(request, known);
	struct buf out = { 0 };
	char line[256];

	if (row->level != least)
		fail_msg("'%s' has level %d", request, row->level);
	snprintf(line, sizeof(line), "@xlb {%s,\"server\":\"be/s1\",\"action\":\"drain\",\"interface\":\"e0\"}",
		 request);
	for (int level = ACCESS_USER; level <= ACCESS_ADMIN; level++) {
		unsigned long before = host->changes;

		ask(host, (enum access_level)level, line, &out);
		if (!strstr(out.data, "\"exit\":5,") != (level >= (int)least))
			fail_msg("'%s' at level %d: %s", request, level, out.data);
		if (level < (int)least)
			assert_int_equal(host->changes, before);
	}
	buf_fini(&out);
}

static void every_request_of_xlbctl__every_level__as_written_down(void **state)
{
	const struct control_row *row;
	struct fake_host host;
	char request[64];
	size_t known = 0, i;

	(void)state;
	fake_host_init(&host);
	for (i = 0; (row = control_at(i)); i++) {
		snprintf(request, sizeof(request), "\"cmd\":\"%s\"", row->name);
		if (strcmp(row->name, "show") != 0)
			check_request(&host, row, request, &known);
	}
	for (i = 0; (row = control_show_at(i)); i++) {
		snprintf(request, sizeof(request), "\"cmd\":\"show\",\"what\":\"%s\"", row->name);
		check_request(&host, row, request, &known);
	}
	assert_int_equal(known, sizeof(requests) / sizeof(requests[0]));
	fake_host_fini(&host);
}

/* The help of a level has what the level may run, and nothing else. */
static void help__every_level__its_commands(void **state)
{
	struct fake_host host;
	struct buf out = { 0 };
	char row[64];

	(void)state;
	fake_host_init(&host);
	for (int level = ACCESS_USER; level <= ACCESS_ADMIN; level++) {
		ask(&host, (enum access_level)level, "help", &out);
		for (size_t i = 0; command_at(i); i++) {
			if (!command_at(i)->usage)
				continue;
			snprintf(row, sizeof(row), "\n  %-40s: ", command_at(i)->usage);
			if (!strstr(out.data, row) != (level < (int)command_at(i)->level))
				fail_msg("'%s' in the help of level %d", command_at(i)->usage, level);
		}
	}
	buf_fini(&out);
	fake_host_fini(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command__every_level__as_written_down),
		cmocka_unit_test(denied_commands__as_user__nothing_happened),
		cmocka_unit_test(every_request_of_xlbctl__every_level__as_written_down),
		cmocka_unit_test(help__every_level__its_commands),
	};

	return cmocka_run_group_tests_name("levels", tests, NULL, NULL);
}
