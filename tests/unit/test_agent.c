/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of agents, servers that track others, and errors of traffic: what they do to a server's state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "model/agent.h"
#include "model/model.h"

static struct server *one_server(struct model **ret)
{
	struct server *s;

	*ret = model_new();
	s = model_server_add(model_backend_add(*ret, "b"), "s");
	s->weight = 40;
	s->check.type = CHECK_TCP;
	s->agent.type = CHECK_AGENT;
	server_run_init(s, 0);
	return s;
}

static void agent_apply__each_word__haproxys_meaning(void **state)
{
	static const struct {
		const char *line;
		bool is_up;
		unsigned int admin, weight, maxconn;
		enum check_code code;
		const char *desc;
	} rows[] = {
		{ "up\n", true, 0, 40, 0, CHECK_L7OK, "via agent : up" },
		{ "UP\r\n", true, 0, 40, 0, CHECK_L7OK, "via agent : up" },
		{ "down #gone away\n", false, 0, 40, 0, CHECK_L7STS, "via agent : down (gone away)" },
		{ "stopped ready\n", false, 0, 40, 0, CHECK_L7STS, "via agent : stopped" },
		{ "fail\n", false, 0, 40, 0, CHECK_L7STS, "via agent : fail" },
		{ "75%\n", true, 0, 30, 0, CHECK_CHECKED, "" },
		{ "weight:7\n", true, 0, 7, 0, CHECK_CHECKED, "" },
		{ "weight:50%,maxconn:9\n", true, 0, 20, 9, CHECK_CHECKED, "" },
		{ "100000%\n", true, 0, MODEL_WEIGHT_MAX, 0, CHECK_CHECKED, "" },
		{ "0%\n", true, 0, 0, 0, CHECK_CHECKED, "" },
		{ "drain\n", true, SERVER_FDRAIN, 40, 0, CHECK_CHECKED, "" },
		{ "maint\n", true, SERVER_FMAINT, 40, 0, CHECK_CHECKED, "" },
		{ "drain ready\n", true, 0, 40, 0, CHECK_CHECKED, "" },
		{ "up 50% drain # why\n", true, SERVER_FDRAIN, 20, 0, CHECK_L7OK, "via agent : up ( why)" },
		{ "down\nup\n", false, 0, 40, 0, CHECK_L7STS, "via agent : down" },
		{ "nonsense up\n", true, 0, 40, 0, CHECK_L7OK, "via agent : up" },
		{ "fail#x\n", true, 0, 40, 0, CHECK_CHECKED, "agent reports an error : fail#x" },
		{ "75\n", true, 0, 40, 0, CHECK_CHECKED, "agent reports an error : 75" },
		{ "75%%\n", true, 0, 40, 0, CHECK_CHECKED, "agent reports an error : 75%%" },
		{ "maxconn:x\n", true, 0, 40, 0, CHECK_CHECKED, "agent reports an error : maxconn:x" },
		{ "a\033b\n", true, 0, 40, 0, CHECK_CHECKED, "agent reports an error : a?b" },
		{ "\n", true, 0, 40, 0, CHECK_CHECKED, "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct agent_reply r;
		struct model *m;
		struct server *s = one_server(&m);

		agent_parse(rows[i].line, strlen(rows[i].line), &r);
		agent_apply(s, &r, 5);
		if (server_is_up(s) != rows[i].is_up || strcmp(s->run.agent.desc, rows[i].desc) != 0)
			print_error("line: %s", rows[i].line);
		assert_int_equal(server_is_up(s), rows[i].is_up);
		assert_int_equal(s->run.admin, rows[i].admin);
		assert_int_equal(s->run.weight, rows[i].weight);
		assert_int_equal(s->maxconn, rows[i].maxconn);
		assert_int_equal(s->run.agent.code, rows[i].code);
		assert_string_equal(s->run.agent.desc, rows[i].desc);
		assert_int_equal(s->run.agent.duration_ms, 5);
		model_free(m);
	}
}

static void agent__check_and_agent__both_must_agree(void **state)
{
	char buf[SERVER_STATUS_MAX];
	struct agent_reply r;
	struct model *m;
	struct server *s = one_server(&m);

	(void)state;
	agent_parse("down", 4, &r);
	agent_apply(s, &r, 0);
	assert_string_equal(server_status(s, buf), "DOWN (agent)");
	check_result(&s->run.check, &s->check, CHECK_L4OK, 0, 0, NULL);
	assert_false(server_is_up(s));
	agent_missed(s, CHECK_L4CON, 0, "Connection refused");
	assert_false(server_is_up(s)); /* no answer changes nothing */
	agent_parse("up", 2, &r);
	agent_apply(s, &r, 0);
	assert_true(server_is_up(s));
	agent_missed(s, CHECK_L7TOUT, 0, NULL);
	assert_true(server_is_up(s));
	check_set_health(&s->run.check, &s->check, 0);
	assert_string_equal(server_status(s, buf), "DOWN");
	model_free(m);
}

static void track__chain__follows_the_last(void **state)
{
	char buf[SERVER_STATUS_MAX];
	struct model *m = model_new();
	struct backend *b = model_backend_add(m, "b");
	struct server *a = model_server_add(b, "a"), *t = model_server_add(b, "t"), *u = model_server_add(b, "u");

	(void)state;
	a->check.type = CHECK_TCP;
	t->track = a;
	u->track = t;
	a->nr_trackers = t->nr_trackers = 1;
	server_run_init(a, 0);
	server_run_init(t, 0);
	server_run_init(u, 0);
	assert_string_equal(server_status(u, buf), "UP 1/3");
	check_result(&a->run.check, &a->check, CHECK_L4CON, 0, 0, NULL);
	assert_false(server_is_up(u));
	assert_string_equal(server_status(u, buf), "DOWN");
	check_result(&a->run.check, &a->check, CHECK_L4OK, 0, 0, NULL);
	assert_string_equal(server_status(t, buf), "DOWN 1/2");
	check_result(&a->run.check, &a->check, CHECK_L7OKC, 0, 0, NULL);
	assert_string_equal(server_status(t, buf), "NOLB");
	assert_false(server_is_usable(t));
	a->run.admin = SERVER_FMAINT;
	assert_true(model_follow_tracks(m));
	assert_false(model_follow_tracks(m));
	assert_int_equal(u->run.admin, SERVER_IMAINT);
	assert_string_equal(server_status(u, buf), "MAINT (via b/t)");
	a->run.admin = SERVER_FDRAIN;
	assert_true(model_follow_tracks(m));
	assert_int_equal(t->run.admin, SERVER_IDRAIN);
	a->run.admin = 0;
	assert_true(model_follow_tracks(m));
	assert_int_equal(u->run.admin | t->run.admin, 0);
	model_free(m);
}

static void observe__errors_in_a_row__count_as_a_check(void **state)
{
	static const struct {
		enum observe_action action;
		int health_before, health, hurries;
	} rows[] = {
		{ OBSERVE_FAIL_CHECK, 4, 3, 1 }, { OBSERVE_FASTINTER, 4, 4, 1 },  { OBSERVE_SUDDEN_DEATH, 4, 2, 1 },
		{ OBSERVE_MARK_DOWN, 4, 0, 1 },	 { OBSERVE_FAIL_CHECK, 2, 0, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct observe o = { .on = true, .limit = 3, .action = rows[i].action };
		struct check_state st;
		struct check_conf c;
		int hurries = 0;
		bool hurry;

		check_conf_init(&c);
		check_init(&st, &c);
		st.health = rows[i].health_before;
		for (int n = 0; n < 8; n++) { /* two, a good one, then three and two more */
			check_observe(&st, &c, &o, n == 2, &hurry);
			hurries += hurry;
		}
		assert_int_equal(st.health, rows[i].health);
		assert_int_equal(hurries, rows[i].hurries);
		assert_int_equal(st.observed, 1);
		assert_int_equal(st.code, rows[i].action == OBSERVE_FASTINTER ? CHECK_INI : CHECK_HANA);
		if (rows[i].action != OBSERVE_FASTINTER)
			assert_string_equal(st.desc,
					    "Detected 3 consecutive errors, last one was: L4 unsuccessful connection");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agent_apply__each_word__haproxys_meaning),
		cmocka_unit_test(agent__check_and_agent__both_must_agree),
		cmocka_unit_test(track__chain__follows_the_last),
		cmocka_unit_test(observe__errors_in_a_row__count_as_a_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
