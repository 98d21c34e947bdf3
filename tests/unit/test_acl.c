/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ACL commands, and those on agents and tracking servers. Answers were taken from HAProxy 2.6.12 on a socket, but for
 * the number in front of a pattern, which is an address in memory there.
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
#include "model/policy.h"

static struct fake_host host;
static struct runtime_session session;
static struct buf out;
static struct acl_set *nets, *ports;

static struct acl_set *add_set(unsigned int id, const char *file, bool numeric, const char *where)
{
	struct acl_set *set = calloc(1, sizeof(*set));

	set->id = id;
	set->file = file ? strdup(file) : NULL;
	set->where = strdup(where);
	set->numeric = numeric;
	TAILQ_INSERT_TAIL(&host.model->acl_sets, set, next);
	return set;
}

static int setup(void **state)
{
	struct cidr net;

	(void)state;
	fake_host_init(&host);
	nets = add_set(0, "/etc/blocked", false, "ha.cfg:17");
	ports = add_set(1, NULL, true, "ha.cfg:18");
	cidr_parse("10.1.1.1", &net);
	acl_set_add_net(nets, &net);
	cidr_parse("10.2.0.0/16", &net);
	acl_set_add_net(nets, &net);
	acl_set_add_range(ports, (struct num_range){ 80, 80 });
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

/* The numbers in front of patterns are left out. */
static const char *ask(const char *line)
{
	static char text[4096];
	size_t len = 0;

	buf_fini(&out);
	runtime_line(&session, line, strlen(line), &out);
	while (runtime_is_busy(&session))
		runtime_resume(&session, &out);
	for (const char *p = out.data ? out.data : ""; *p && len < sizeof(text) - 1; p++) {
		if (strncmp(p, "0x", 2) == 0 && (p == out.data || p[-1] == '\n'))
			p = strchr(p, ' ') + 1;
		text[len++] = *p;
	}
	text[len] = '\0';
	return text;
}

struct exchange {
	const char *line, *answer;
};

static void expect(const struct exchange *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const char *seen = ask(list[i].line);

		if (strcmp(seen, list[i].answer) != 0)
			fail_msg("'%s':\nexpected <<%s>>\ngot      <<%s>>", list[i].line, list[i].answer, seen);
	}
}

#define EXPECT(list) expect(list, sizeof(list) / sizeof((list)[0]))

static const char unknown[] = "Unknown ACL identifier. Please use #<id> or <file>.\n\n";

static void acl__lines__as_haproxy(void **state)
{
	static const char key_missing[] = "Missing ACL identifier and/or key.\n\n";
	static const char two_expected[] = "'add acl' expects two parameters: ACL identifier and pattern.\n\n";
	static const char key_expected[] = "This command expects two parameters: ACL identifier and key.\n\n";
	static const struct exchange lines[] = {
		{ "show acl",
		  "# id (file) description\n"
		  "0 (/etc/blocked) pattern loaded from file '/etc/blocked' used by acl at file 'ha.cfg' line 17. "
		  "curr_ver=0 next_ver=0 entry_cnt=2\n"
		  "1 () acl '' file 'ha.cfg' line 18. curr_ver=0 next_ver=0 entry_cnt=1\n\n" },
		{ "show acl #0", "10.1.1.1\n10.2.0.0/16\n\n" },
		{ "show acl /etc/blocked", "10.1.1.1\n10.2.0.0/16\n\n" },
		{ "show acl 0", unknown },
		{ "show acl -1", unknown },
		{ "show acl #", unknown },
		{ "show acl #99", unknown },
		{ "add acl", two_expected },
		{ "add acl #0", two_expected },
		{ "add acl #99 1.2.3.4", unknown },
		{ "add acl #0 foo", "'foo' is not a valid IPv4 or IPv6 address.\n\n" },
		{ "add acl #0 1.2.3.4/33", "'1.2.3.4/33' is not a valid IPv4 or IPv6 address.\n\n" },
		{ "add acl #1 foo", "'foo' is not a number.\n\n" },
		{ "add acl #0 1.2.3.4", "\n" },
		{ "add acl /etc/blocked 5.5.5.0/24", "\n" },
		{ "add acl #1 90:95", "\n" },
		{ "show acl #0", "10.1.1.1\n10.2.0.0/16\n1.2.3.4\n5.5.5.0/24\n\n" },
		{ "show acl #1", "80\n90:95\n\n" },
		{ "get acl", key_missing },
		{ "get acl #0", key_missing },
		{ "get acl #99 1.1.1.1", unknown },
		{ "get acl #0 1.2.3.4", "type=ip, case=sensitive, match=yes, idx=tree, pattern=\"1.2.3.4\"\n\n" },
		{ "get acl #0 10.2.3.4", "type=ip, case=sensitive, match=yes, idx=tree, pattern=\"10.2.0.0/16\"\n\n" },
		{ "get acl #0 9.9.9.9", "type=ip, case=sensitive, match=no\n\n" },
		{ "get acl #0 foo", "type=ip, case=sensitive, match=no\n\n" },
		{ "get acl #1 92", "type=int, case=sensitive, match=yes, idx=list, pattern=\"90:95\"\n\n" },
		{ "get acl #1 foo", "type=int, case=sensitive, match=no\n\n" },
		{ "del acl", key_expected },
		{ "del acl #0", key_expected },
		{ "del acl #99 1.1.1.1", "Unknown map identifier. Please use #<id> or <file>.\n\n" },
		{ "del acl #0 1.2.3.4", "\n" },
		{ "del acl #0 1.2.3.4", "Key not found.\n\n" },
		{ "del acl #0 #0xdead", "Key not found.\n\n" },
		{ "del acl #0 #x", "Key not found.\n\n" },
		{ "del acl #1 90:95", "\n" },
		{ "clear acl", "Missing ACL identifier.\n\n" },
		{ "clear acl #99", unknown },
		{ "clear acl #0", "\n" },
		{ "show acl #0", "\n" },
		{ "prepare acl", unknown },
		{ "prepare acl #99", unknown },
		{ "prepare acl #0", "New version created: 1\n\n" },
		{ "show acl @1 #0", "\n" },
		{ "add acl @1 #0 7.7.7.7", "\n" },
		{ "add acl @9 #0 7.7.7.7", "Version number in the future, please use 'prepare acl' before.\n\n" },
		{ "show acl @1 #0", "7.7.7.7\n\n" },
		{ "show acl #0", "\n" },
		{ "commit acl", "Missing version number.\n\n" },
		{ "commit acl #0", "Missing version number.\n\n" },
		{ "commit acl @1", "Missing ACL identifier.\n\n" },
		{ "commit acl @9 #0", "Version number out of range.\n\n" },
		{ "commit acl @1 #99", unknown },
		{ "commit acl @1 #0", "\n" },
		{ "show acl #0", "7.7.7.7\n\n" },
		{ "commit acl @1 #0", "Version number out of range.\n\n" },
		{ "show acl @9 #0", "\n" },
		{ "clear acl @5 #0", "\n" },
	};

	(void)state;
	EXPECT(lines);
	assert_non_null(strstr(ask("show acl"), "curr_ver=1 next_ver=1 entry_cnt=1"));
}

static void acl__payload__all_or_nothing(void **state)
{
	(void)state;
	ask("add acl #0 <<");
	ask("1.1.1.0/24");
	ask("2.2.2.2");
	assert_string_equal(ask(""), "\n");
	assert_int_equal(nets->nr, 4);
	assert_int_equal(host.changes, 1); /* of the data plane, for both */
	ask("add acl #0 <<");
	ask("3.3.3.3");
	ask("nonsense");
	assert_string_equal(ask(""), "'nonsense' is not a valid IPv4 or IPv6 address.\n\n");
	assert_int_equal(nets->nr, 4);
	assert_int_equal(host.changes, 1);
}

static void acl__number_of_a_pattern__names_it(void **state)
{
	char line[64];

	(void)state;
	ask("show acl #0");
	snprintf(line, sizeof(line), "del acl #0 #%.*s", (int)strcspn(out.data, " "), out.data);
	assert_string_equal(ask(line), "\n");
	assert_string_equal(ask("show acl #0"), "10.2.0.0/16\n\n");
}

static void acl__data_plane_refuses__as_before(void **state)
{
	static const char *const lines[] = { "add acl #0 9.9.9.9", "del acl #0 10.1.1.1", "clear acl #0",
					     "commit acl @1 #0" };

	(void)state;
	ask("prepare acl #0");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		host.fail_with = -ENOSPC;
		assert_non_null(strstr(ask(lines[i]), "it was told to fail"));
		assert_string_equal(ask("show acl #0"), "10.1.1.1\n10.2.0.0/16\n\n");
	}
	assert_int_equal(nets->curr_ver, 0);
}

static void acl__versions__only_the_committed_counts(void **state)
{
	(void)state;
	ask("prepare acl #0");
	ask("prepare acl #0");
	ask("add acl @1 #0 1.1.1.1");
	ask("add acl @2 #0 2.2.2.2");
	assert_int_equal(host.changes, 0);
	assert_string_equal(ask("commit acl @2 #0"), "\n");
	assert_int_equal(host.changes, 1);
	assert_string_equal(ask("show acl #0"), "2.2.2.2\n\n");
	assert_null(nets->prepared); /* the older one has had its time */
	ask("prepare acl #0");	     /* and goes with the model */
}

static struct server *srv(const char *name)
{
	return model_server_find(model_backend_find(host.model, "be"), name);
}

static void agent__lines__as_haproxy(void **state)
{
	static const char off[] = "agent checks are not enabled on this server.\n\n";
	static const struct exchange lines[] = {
		{ "set server be/s3 agent foo", "'set server <srv> agent' expects 'up' or 'down'.\n\n" },
		{ "set server be/s3 agent down", "\n" },
		{ "set server be/s3 agent-addr foo", "invalid addr 'foo'\n" },
		{ "set server be/s3 agent-addr 127.0.0.1", "\n" },
		{ "set server be/s3 agent-addr 127.0.0.1 port abc", "provided port is not an integer\n" },
		{ "set server be/s3 agent-addr 127.0.0.1 port", "provided port is not an integer\n" },
		{ "set server be/s3 agent-addr 127.0.0.1 port 99", "\n" },
		{ "set server be/s3 agent-port abc", "provided port is not an integer\n" },
		{ "set server be/s3 agent-port 70000", "provided port is invalid\n" },
		{ "set server be/s3 agent-port 0", "\n" },
		{ "set server be/s3 agent-send hello", "\n" },
		{ "disable agent be/s3", "\n" },
		{ "set server be/s3 agent up", off },
		{ "set server be/s3 agent-send x", off },
		{ "set server be/s3 agent-addr 1.1.1.1", "agent checks are not enabled on this server\n" },
		{ "enable agent be/s3", "\n" },
	};
	struct server *s = srv("s3");

	(void)state;
	s->agent.type = CHECK_AGENT;
	s->agent.port = 7777;
	s->agent.rise = s->agent.fall = 1;
	s->run.agent_enabled = true;
	check_init(&s->run.agent, &s->agent);
	EXPECT(lines);
	assert_false(server_is_up(s));
	assert_int_equal(s->agent.port, 99);
	assert_string_equal(host.sent, "hello");
	ask("set server be/s3 agent up");
	assert_true(server_is_up(s));
}

static void track__tracked_server__takes_the_other_with_it(void **state)
{
	static const struct exchange lines[] = {
		{ "set server be/s3 health up", "cannot change health on a tracking server.\n\n" },
		{ "set server be/s3 health down", "cannot change health on a tracking server.\n\n" },
		{ "set server be/s3 check-port 9", "health checks are not enabled on this server\n" },
		{ "enable health be/s3", "Health check was not configured on this server, cannot enable.\n\n" },
		{ "disable health be/s3", "\n" },
		{ "set server be/s1 state maint", "\n" },
		{ "del server be/s1",
		  "This server cannot be removed at runtime due to other configuration elements pointing to it.\n" },
	};

	(void)state;
	srv("s3")->track = srv("s1");
	srv("s1")->nr_trackers = 1;
	EXPECT(lines);
	assert_int_equal(srv("s3")->run.admin, SERVER_IMAINT);
	assert_non_null(strstr(ask("show stat be 4 3"), ",MAINT (via be/s1),"));
	ask("set server be/s1 state drain");
	assert_int_equal(srv("s3")->run.admin, SERVER_IDRAIN);
	host.fail_with = -ENOSPC;
	ask("set server be/s1 state ready");
	assert_int_equal(srv("s3")->run.admin, SERVER_IDRAIN);
	ask("set server be/s1 state ready");
	assert_int_equal(srv("s3")->run.admin, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(acl__lines__as_haproxy),
		CASE(acl__payload__all_or_nothing),
		CASE(acl__number_of_a_pattern__names_it),
		CASE(acl__data_plane_refuses__as_before),
		CASE(acl__versions__only_the_committed_counts),
		CASE(agent__lines__as_haproxy),
		CASE(track__tracked_server__takes_the_other_with_it),
	};

	return cmocka_run_group_tests_name("acl", tests, NULL, NULL);
}
