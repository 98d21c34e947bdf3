/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Log lines about servers, compared with what HAProxy 2.6 wrote for the same changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "xlbd/announce.h"

enum { RISE = 2, FALL = 3 };

/* clang-format off */
/* A change of the first of two checked servers (s1, s2; s3 is a backup), and the lines for it. */
static const struct row {
	const char *name;
	struct announce_before before;
	enum { IS_DOWN, IS_UP, IS_NOLB } is; /* s1 now */
	unsigned int admin;
	bool others_up; /* s2 */
	bool by_check;
	const char *lines;
} rows[] = {
	{ "nothing", { true, false, 0 }, IS_UP, 0, true, true, "" },
	{ "check fails", { true, false, 0 }, IS_DOWN, 0, true, true,
	  "1 Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. "
	  "1 active and 1 backup servers left. 7 sessions active, 0 requeued, 0 remaining in queue.\n" },
	{ "last one fails", { true, false, 0 }, IS_DOWN, 0, false, true,
	  "1 Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. "
	  "0 active and 1 backup servers left. Running on backup. 7 sessions active, 0 requeued, 0 remaining in queue.\n" },
	{ "check passes", { false, false, 0 }, IS_UP, 0, true, true,
	  "5 Server be/s1 is UP, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. "
	  "2 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.\n" },
	{ "down by command", { true, false, 0 }, IS_DOWN, 0, true, false,
	  "1 Server be/s1 is DOWN, changed from CLI. 1 active and 1 backup servers left. 7 sessions active, 0 requeued, "
	  "0 remaining in queue.\n" },
	{ "drain", { true, false, 0 }, IS_UP, SERVER_FDRAIN, true, false,
	  "5 Server be/s1 enters drain state. 1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.\n" },
	{ "drain ends", { true, false, SERVER_FDRAIN }, IS_UP, 0, true, false,
	  "5 Server be/s1 is UP (leaving forced drain).\n" },
	{ "maintenance", { true, false, 0 }, IS_UP, SERVER_FMAINT, true, false,
	  "1 Server be/s1 is going DOWN for maintenance. 1 active and 1 backup servers left. 7 sessions active, 0 requeued, "
	  "0 remaining in queue.\n" },
	{ "maintenance while down", { false, false, 0 }, IS_DOWN, SERVER_FMAINT, true, false,
	  "5 Server be/s1 was DOWN and now enters maintenance.\n" },
	{ "maintenance ends", { true, false, SERVER_FMAINT }, IS_UP, 0, true, false,
	  "5 Server be/s1 is UP/READY (leaving forced maintenance).\n" },
	{ "maintenance becomes drain", { true, false, SERVER_FMAINT }, IS_UP, SERVER_FDRAIN, true, false,
	  "5 Server be/s1 is UP/DRAIN (leaving forced maintenance).\n5 Server be/s1 remains in forced drain mode.\n" },
	{ "check passes conditionally", { true, false, 0 }, IS_NOLB, 0, true, true,
	  "5 Server be/s1 is stopping, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. "
	  "1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.\n" },
	{ "stopping by command", { false, false, 0 }, IS_NOLB, 0, true, false,
	  "5 Server be/s1 is stopping, changed from CLI. 1 active and 1 backup servers online. 0 sessions requeued, 0 total "
	  "in queue.\n" },
	{ "check passes again", { true, true, 0 }, IS_UP, 0, true, true,
	  "5 Server be/s1 is UP, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. "
	  "2 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.\n" },
	{ "down from stopping: no alarm", { true, true, 0 }, IS_DOWN, 0, true, false,
	  "5 Server be/s1 is DOWN, changed from CLI. 1 active and 1 backup servers left. 7 sessions active, 0 requeued, "
	  "0 remaining in queue.\n" },
	{ "maintenance of a drained one: no alarm", { true, false, SERVER_FDRAIN }, IS_UP, SERVER_FMAINT, true, false,
	  "5 Server be/s1 is going DOWN for maintenance. 1 active and 1 backup servers left. 7 sessions active, 0 requeued, "
	  "0 remaining in queue.\n" },
	{ "down while drained", { true, false, SERVER_FDRAIN }, IS_DOWN, SERVER_FDRAIN, true, false,
	  "5 Server be/s1 is DOWN, changed from CLI. 1 active and 1 backup servers left. 7 sessions active, 0 requeued, "
	  "0 remaining in queue.\n5 Server be/s1 remains in forced drain mode.\n" },
	{ "health in maintenance", { true, false, SERVER_FMAINT }, IS_DOWN, SERVER_FMAINT, true, false, "" },
};

/* The same of s1 when it tracks s2, which has that health. */
static const struct {
	const char *name;
	struct announce_before before;
	bool up, is_nolb;
	unsigned int admin;
	const char *lines;
} tracking[] = {
	{ "down", { true, false, 0 }, false, false, 0,
	  "1 Server be/s1 is DOWN via be/s2. 0 active and 0 backup servers left. 7 sessions active, 0 requeued, 0 remaining in "
	  "queue.\n" },
	{ "up", { false, false, 0 }, true, false, 0,
	  "5 Server be/s1 is UP via be/s2. 2 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.\n" },
	{ "stopping", { true, false, 0 }, true, true, 0,
	  "5 Server be/s1 is stopping via be/s2. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.\n" },
	{ "maintenance", { true, false, 0 }, true, false, SERVER_IMAINT,
	  "1 Server be/s1 is going DOWN for maintenance via be/s2. 1 active and 0 backup servers left. 7 sessions active, 0 "
	  "requeued, 0 remaining in queue.\n" },
	{ "maintenance while down", { false, false, 0 }, false, false, SERVER_IMAINT,
	  "5 Server be/s1 was DOWN and now enters maintenance via be/s2.\n" },
	{ "maintenance ends", { true, false, SERVER_IMAINT }, true, false, 0,
	  "5 Server be/s1 is UP/READY (leaving maintenance).\n" },
	{ "maintenance of its own", { true, false, 0 }, true, false, SERVER_FMAINT,
	  "1 Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers left. 7 sessions active, 0 requeued, 0 "
	  "remaining in queue.\n" },
	{ "maintenance of its own besides", { true, false, SERVER_IMAINT }, true, false, SERVER_IMAINT | SERVER_FMAINT,
	  "" },
	{ "its own ends first", { true, false, SERVER_IMAINT | SERVER_FMAINT }, true, false, SERVER_IMAINT,
	  "5 Server be/s1 is leaving forced maintenance but remains in maintenance via be/s2.\n" },
	{ "the other's ends first", { true, false, SERVER_IMAINT | SERVER_FMAINT }, true, false, SERVER_FMAINT,
	  "5 Server be/s1 remains in forced maintenance.\n" },
	{ "drain", { true, false, 0 }, true, false, SERVER_IDRAIN,
	  "5 Server be/s1 enters drain state via be/s2. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in "
	  "queue.\n" },
	{ "drain of its own besides", { true, false, SERVER_IDRAIN }, true, false, SERVER_IDRAIN | SERVER_FDRAIN,
	  "5 Server be/s1 remains in forced drain mode.\n" },
	{ "its own drain ends first", { true, false, SERVER_IDRAIN | SERVER_FDRAIN }, true, false, SERVER_IDRAIN,
	  "5 Server be/s1 is leaving forced drain but remains in drain mode via be/s2.\n" },
	{ "down while drained", { true, false, SERVER_IDRAIN }, false, false, SERVER_IDRAIN,
	  "5 Server be/s1 is DOWN via be/s2. 0 active and 0 backup servers left. 7 sessions active, 0 requeued, 0 remaining in "
	  "queue.\n5 Server be/s1 is leaving forced drain but remains in drain mode via be/s2.\n" },
	{ "drain ends", { true, false, SERVER_IDRAIN }, true, false, 0,
	  "5 Server be/s1 is UP (leaving forced drain).\n" },
};
/* clang-format on */

static struct server *add(struct backend *b, const char *name)
{
	struct server *s = model_server_add(b, name);

	assert_non_null(s);
	s->check.rise = RISE;
	s->check.fall = FALL;
	s->check.type = CHECK_TCP;
	s->weight = 1;
	server_run_init(s, 0);
	return s;
}

static void announce_server__each_change__words_of_haproxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model *m = model_new();
		struct backend *b = model_backend_add(m, "be");
		struct server *s1 = add(b, "s1"), *s2 = add(b, "s2"), *s3 = add(b, "s3");
		struct buf out = { 0 };

		s3->backup = true;
		(void)check_set_health(&s1->run.check, &s1->check, rows[i].is == IS_DOWN ? 0 : RISE);
		(void)check_set_health(&s2->run.check, &s2->check, rows[i].others_up ? RISE : 0);
		s1->run.check.code = CHECK_L4CON;
		s1->run.check.duration_ms = 0;
		strcpy(s1->run.check.desc, "Connection refused");
		s1->run.admin = rows[i].admin;
		s1->run.check.is_nolb = rows[i].is == IS_NOLB;
		announce_server(s1, &rows[i].before, rows[i].by_check ? ANNOUNCE_CHECK : ANNOUNCE_COMMAND, 7, &out);
		if (strcmp(out.data ? out.data : "", rows[i].lines))
			fail_msg("%s: got '%s'", rows[i].name, out.data ? out.data : "");
		buf_fini(&out);
		model_free(m);
	}
}

static void announce_server__tracking__names_the_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tracking) / sizeof(tracking[0]); i++) {
		struct model *m = model_new();
		struct backend *b = model_backend_add(m, "be");
		struct server *s1 = add(b, "s1"), *s2 = add(b, "s2");
		struct buf out = { 0 };

		s1->track = s2;
		(void)check_set_health(&s2->run.check, &s2->check, tracking[i].up ? RISE : 0);
		s2->run.check.is_nolb = tracking[i].is_nolb;
		s1->run.admin = tracking[i].admin;
		announce_server(s1, &tracking[i].before, ANNOUNCE_CHECK, 7, &out);
		if (strcmp(out.data ? out.data : "", tracking[i].lines))
			fail_msg("%s: got '%s'", tracking[i].name, out.data ? out.data : "");
		buf_fini(&out);
		model_free(m);
	}
}

static void announce_server__backup_with_http_check__says_so_and_the_code(void **state)
{
	struct model *m = model_new();
	struct backend *b = model_backend_add(m, "be");
	struct server *s = add(b, "s1");
	struct announce_before before = { false, false, 0 };
	struct buf out = { 0 };

	(void)state;
	s->backup = true;
	s->run.check.code = CHECK_L7OK;
	s->run.check.status = 200;
	s->run.check.duration_ms = 3;
	announce_server(s, &before, ANNOUNCE_CHECK, 0, &out);
	assert_string_equal(out.data,
			    "5 Backup Server be/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 3ms. "
			    "0 active and 1 backup servers online. Running on backup. 0 sessions requeued, "
			    "0 total in queue.\n");
	buf_fini(&out);
	model_free(m);
}

static void announce_result__each_change__words_of_haproxy(void **state)
{
	static const struct {
		enum announce_why why;
		enum check_code before, code;
		int health_before, health, status;
		const char *desc, *line;
	} results[] = {
		{ ANNOUNCE_CHECK, CHECK_INI, CHECK_L4CON, 2, 0, 0, "Connection refused",
		  "5 Health check for server be/s failed, reason: Layer4 connection problem, info: \"Connection "
		  "refused\", "
		  "check duration: 0ms, status: 0/2 DOWN.\n" },
		{ ANNOUNCE_CHECK, CHECK_L4CON, CHECK_L4OK, 0, 1, 0, "",
		  "5 Health check for server be/s succeeded, reason: Layer4 check passed, check duration: 0ms, status: "
		  "1/2 "
		  "DOWN.\n" },
		{ ANNOUNCE_CHECK, CHECK_L4OK, CHECK_L4OK, 1, 4, 0, "",
		  "5 Health check for server be/s succeeded, reason: Layer4 check passed, check duration: 0ms, status: "
		  "3/3 "
		  "UP.\n" },
		{ ANNOUNCE_CHECK, CHECK_L4OK, CHECK_L4OK, 4, 4, 0, "", "" },
		{ ANNOUNCE_CHECK, CHECK_L7OK, CHECK_L7OKC, 4, 4, 404, "",
		  "5 Health check for server be/s conditionally succeeded, reason: Layer7 check conditionally passed, "
		  "code: "
		  "404, check duration: 0ms, status: 3/3 UP.\n" },
		{ ANNOUNCE_AGENT, CHECK_L4CON, CHECK_L7STS, 1, 0, 0, "via agent : down (gone away)",
		  "5 Agent check for server be/s failed, reason: Layer7 wrong status, code: 0, info: \"via agent : "
		  "down (gone "
		  "away)\", check duration: 0ms, status: 0/1 DOWN.\n" },
	};
	struct model *m = model_new();
	struct backend *b = model_backend_add(m, "be");
	struct server *s = add(b, "s");

	(void)state;
	s->weight = s->run.weight = 1;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct check_state *st = results[i].why == ANNOUNCE_AGENT ? &s->run.agent : &s->run.check;
		struct buf out = { 0 };

		*st = (struct check_state){ .code = results[i].code,
					    .health = results[i].health,
					    .status = results[i].status };
		snprintf(st->desc, sizeof(st->desc), "%s", results[i].desc);
		announce_result(s, results[i].why, results[i].before, results[i].health_before, &out);
		assert_null(out.data); /* not without the option */
		b->log_health_checks = true;
		announce_result(s, results[i].why, results[i].before, results[i].health_before, &out);
		b->log_health_checks = false;
		assert_string_equal(out.data ? out.data : "", results[i].line);
		buf_fini(&out);
	}
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announce_server__each_change__words_of_haproxy),
		cmocka_unit_test(announce_result__each_change__words_of_haproxy),
		cmocka_unit_test(announce_server__tracking__names_the_other),
		cmocka_unit_test(announce_server__backup_with_http_check__says_so_and_the_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
