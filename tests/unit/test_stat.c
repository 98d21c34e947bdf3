/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `show stat` in its three forms: columns, rows and values that tools count on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../lib/fake_host.h"

enum { NR_NAMES = 119, MAX_ROWS = 32 };

static struct fake_host host;
static struct runtime_session session;
static struct buf out;
static char *cells[MAX_ROWS][NR_NAMES + 8];
static int nr_rows, nr_cells[MAX_ROWS];

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
	runtime_session_fini(&session);
	buf_fini(&out);
	fake_host_fini(&host);
	return 0;
}

static void ask(const char *line)
{
	buf_fini(&out);
	runtime_line(&session, line, strlen(line), &out);
	while (runtime_is_busy(&session))
		runtime_resume(&session, &out);
}

/* Cuts the answer into rows and cells; no value here is quoted. */
static void ask_table(const char *line)
{
	char *row, *cell;

	ask(line);
	nr_rows = 0;
	for (row = out.data; *row != '\n' && nr_rows < MAX_ROWS; nr_rows++) {
		char *end = strchr(row, '\n');

		*end = '\0';
		nr_cells[nr_rows] = 0;
		for (cell = row; cell; nr_cells[nr_rows]++) {
			cells[nr_rows][nr_cells[nr_rows]] = cell;
			cell = strchr(cell, ',');
			if (cell)
				*cell++ = '\0';
		}
		row = end + 1;
	}
}

static int column(const char *name)
{
	int i;

	for (i = 0; i < NR_NAMES; i++)
		if (strcmp(cells[0][i] + (i ? 0 : 2), name) == 0)
			return i;
	fail_msg("no column %s", name);
	return 0;
}

static const char *value(const char *proxy, const char *server, const char *name)
{
	int row;

	for (row = 1; row < nr_rows; row++)
		if (strcmp(cells[row][0], proxy) == 0 && strcmp(cells[row][1], server) == 0)
			return cells[row][column(name)];
	fail_msg("no row %s/%s", proxy, server);
	return NULL;
}

static void csv__header__names_at_their_places(void **state)
{
	static const struct {
		int position;
		const char *name;
	} places[] = { { 0, "# pxname" },
		       { 1, "svname" },
		       { 4, "scur" },
		       { 7, "stot" },
		       { 17, "status" },
		       { 18, "weight" },
		       { 32, "type" },
		       { 33, "rate" },
		       { 36, "check_status" },
		       { 55, "lastsess" },
		       { 73, "addr" },
		       { 89, "src_ilim" },
		       { 101, "agg_server_check_status" },
		       { 105, "h1sess" },
		       { 118, "cache_hint_hits" },
		       { 119, "-" },
		       { 120, "" } };
	size_t i;

	(void)state;
	ask_table("show stat");
	assert_int_equal(nr_cells[0], 121);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_string_equal(cells[0][places[i].position], places[i].name);
}

static void csv__rows__same_number_of_cells_in_file_order(void **state)
{
	static const char *const order[][2] = { { "web", "FRONTEND" }, { "be", "s1" }, { "be", "s2" },
						{ "be", "s3" },	       { "be", "s4" }, { "be", "BACKEND" },
						{ "ls", "FRONTEND" },  { "ls", "a" },  { "ls", "BACKEND" } };
	int i;

	(void)state;
	ask_table("show stat");
	assert_int_equal(nr_rows, 10);
	for (i = 1; i < nr_rows; i++) {
		assert_int_equal(nr_cells[i], 121);
		assert_string_equal(cells[i][119], "-");
		assert_string_equal(cells[i][0], order[i - 1][0]);
		assert_string_equal(cells[i][1], order[i - 1][1]);
	}
	assert_string_equal(value("ls", "FRONTEND", "iid"), value("ls", "BACKEND", "iid"));
}

static void csv__values__from_the_right_counters(void **state)
{
	(void)state;
	ask_table("show stat");
	assert_string_equal(value("web", "FRONTEND", "stot"), "1005");
	assert_string_equal(value("web", "FRONTEND", "bin"), "1002");
	assert_string_equal(value("web", "FRONTEND", "bout"), "1004");
	assert_string_equal(value("web", "FRONTEND", "scur"), "1009");
	assert_string_equal(value("web", "FRONTEND", "rate_max"), "1012");
	assert_string_equal(value("web", "FRONTEND", "conn_rate"), "1013");
	assert_string_equal(value("web", "FRONTEND", "conn_rate_max"), "1014");
	assert_string_equal(value("web", "FRONTEND", "slim"), "262144");
	assert_string_equal(value("web", "FRONTEND", "status"), "OPEN");
	assert_string_equal(value("web", "FRONTEND", "weight"), "");
	assert_string_equal(value("be", "s1", "lbtot"), "100005");
	assert_string_equal(value("be", "s1", "econ"), "100006");
	assert_string_equal(value("be", "s1", "cli_abrt"), "100007");
	assert_string_equal(value("be", "s1", "srv_abrt"), "100008");
	assert_string_equal(value("be", "s1", "lastsess"), "100013");
	assert_string_equal(value("be", "s2", "lastsess"), "-1");
	assert_string_equal(value("be", "s2", "weight"), "10");
	assert_string_equal(value("be", "s1", "addr"), "10.0.0.1:80");
	assert_string_equal(value("be", "s4", "bck"), "1");
	assert_string_equal(value("be", "s4", "act"), "0");
	assert_string_equal(value("be", "BACKEND", "weight"), "12");
	assert_string_equal(value("be", "BACKEND", "act"), "3");
	assert_string_equal(value("be", "BACKEND", "algo"), "roundrobin");
	assert_string_equal(value("be", "BACKEND", "type"), "1");
	assert_string_equal(value("be", "s3", "sid"), "3");
	assert_string_equal(value("be", "s1", "hrsp_2xx"), "");
}

/* The words are what HAProxy 2.6 shows in the same situation. */
static void csv__states__as_haproxy(void **state)
{
	struct backend *b = model_backend_find(host.model, "be");
	struct server *s1 = model_server_find(b, "s1"), *s2 = model_server_find(b, "s2");

	(void)state;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "status"), "UP 1/3");
	assert_string_equal(value("be", "s1", "check_status"), "INI");
	assert_string_equal(value("be", "s1", "check_desc"), "Initializing");
	assert_string_equal(value("be", "s1", "check_duration"), "");
	assert_string_equal(value("be", "s3", "status"), "no check");
	assert_string_equal(value("be", "s3", "chkfail"), "");
	assert_string_equal(value("be", "s4", "status"), "MAINT");
	check_result(&s1->run.check, &s1->check, CHECK_L4CON, 0, 3, "Connection refused");
	s1->run.down_since_ms = host.now_ms - 4000;
	s2->run.check_running = true;
	check_result(&s2->run.check, &s2->check, CHECK_L4OK, 0, 1, NULL);
	s2->run.admin = SERVER_FMAINT;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "status"), "DOWN");
	assert_string_equal(value("be", "s1", "chkfail"), "1");
	assert_string_equal(value("be", "s1", "chkdown"), "1");
	assert_string_equal(value("be", "s1", "downtime"), "4");
	assert_string_equal(value("be", "s1", "check_status"), "L4CON");
	assert_string_equal(value("be", "s1", "check_duration"), "3");
	assert_string_equal(value("be", "s1", "last_chk"), "Connection refused");
	assert_string_equal(value("be", "s1", "check_desc"), "Layer4 connection problem");
	assert_string_equal(value("be", "s2", "check_status"), "");
	assert_string_equal(value("be", "s2", "chkfail"), "0");
	s2->run.admin = 0;
	ask_table("show stat");
	assert_string_equal(value("be", "s2", "check_status"), "* L4OK");
	model_server_find(b, "s3")->run.admin = SERVER_FMAINT;
	s2->run.admin = SERVER_FMAINT;
	ask_table("show stat");
	assert_string_equal(value("be", "BACKEND", "status"), "DOWN");
	assert_string_equal(value("be", "BACKEND", "weight"), "0");
}

static void csv__slowstart__throttle_and_weight_in_force(void **state)
{
	struct server *s1 = model_server_find(model_backend_find(host.model, "be"), "s1");

	(void)state;
	host.now_ms = 1000000;
	s1->run.weight = 200;
	s1->slowstart_ms = 20000;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "throttle"), ""); /* there was no recovery */
	assert_string_equal(value("be", "s1", "weight"), "200");
	s1->run.recovered_ms = host.now_ms - 10000;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "throttle"), "50");
	assert_string_equal(value("be", "s1", "weight"), "100");
	assert_string_equal(value("be", "s1", "uweight"), "200");
	s1->run.admin = SERVER_FDRAIN;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "throttle"), "");
	s1->run.admin = 0;
	host.now_ms += 10000;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "throttle"), "");
	assert_string_equal(value("be", "s1", "weight"), "200");
}

static void csv__filters__select_rows(void **state)
{
	(void)state;
	ask_table("show stat be 4 -1");
	assert_int_equal(nr_rows, 5);
	ask_table("show stat 2 4 2");
	assert_int_equal(nr_rows, 2);
	assert_string_equal(cells[1][1], "s2");
	ask_table("show stat -1 1 -1");
	assert_int_equal(nr_rows, 3);
	ask_table("show stat -1 2 -1");
	assert_int_equal(nr_rows, 3);
	ask_table("show stat 99 7 -1");
	assert_int_equal(nr_rows, 1);
	ask_table("show stat no-maint");
	assert_int_equal(nr_rows, 9);
	assert_string_equal(value("be", "BACKEND", "status"), "UP (3/4)");
	ask_table("show stat domain proxy be 4 -1");
	assert_int_equal(nr_rows, 5);
}

static void typed__line__as_haproxy(void **state)
{
	(void)state;
	buf_fini(&out);
	ask("show stat be 4 1 typed");
	assert_memory_equal(out.data, "S.2.1.0.pxname.1:KNS:str:be\nS.2.1.1.svname.1:KNS:str:s1\n", 56);
	assert_non_null(strstr(out.data, "\nS.2.1.17.status.1:SGP:str:UP 1/3\n"));
	assert_non_null(strstr(out.data, "\nS.2.1.7.stot.1:MCP:u64:100005\n"));
	assert_non_null(strstr(out.data, "\nS.2.1.73.addr.1:CGS:str:10.0.0.1:80\n"));
}

static void json__text__is_valid(void **state)
{
	json_t *all, *first;

	(void)state;
	buf_fini(&out);
	ask("show stat json");
	all = json_loadb(out.data, out.len, 0, NULL);
	assert_int_equal(json_array_size(all), 9);
	first = json_array_get(json_array_get(all, 0), 0);
	assert_string_equal(json_string_value(json_object_get(first, "objType")), "Frontend");
	assert_string_equal(json_string_value(json_object_get(json_object_get(first, "tags"), "nature")), "Name");
	json_decref(all);
}

static void csv__comma_in_a_text__is_quoted(void **state)
{
	struct server *s1 = model_server_find(model_backend_find(host.model, "be"), "s1");

	(void)state;
	check_result(&s1->run.check, &s1->check, CHECK_L7STS, 500, 3, "Sorry, \"no\"");
	buf_fini(&out);
	stat_csv(&fake_host_ops, &host, &out);
	assert_non_null(strstr(out.data, ",\"Sorry, \"\"no\"\"\","));
	assert_non_null(strstr(out.data, ",L7STS,500,3,"));
}

static void csv__socket_stats__a_row_per_bind_without_numbers(void **state)
{
	struct frontend *f = model_frontend_find(host.model, "web");
	struct bind *b = model_bind_add(f);

	(void)state;
	b->addr = TAILQ_FIRST(&f->binds)->addr;
	b->port_lo = 90;
	b->port_hi = 99;
	b->name = strdup("range");
	ask_table("show stat");
	assert_int_equal(nr_rows, 10);
	f->socket_stats = true;
	ask_table("show stat");
	assert_int_equal(nr_rows, 12);
	assert_string_equal(cells[2][1], "sock-1");
	assert_string_equal(value("web", "range", "addr"), "0.0.0.0:90-99");
	assert_string_equal(value("web", "range", "type"), "3");
	assert_string_equal(value("web", "range", "sid"), "2");
	assert_string_equal(value("web", "range", "status"), "OPEN");
	assert_string_equal(value("web", "range", "stot"), "");
	ask("show stat web 8 2 typed");
	assert_memory_equal(out.data, "L.1.2.0.pxname.1:KNS:str:web\n", 29);
}

/* A number that nobody has measured is not 0. */
static void csv__direct_return__no_numbers_of_the_way_back(void **state)
{
	struct backend *b = model_backend_find(host.model, "be");
	struct server *s1 = model_server_find(b, "s1");

	(void)state;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "wretr"), "");
	assert_string_equal(value("be", "s1", "ctime"), "");
	assert_string_equal(value("web", "FRONTEND", "dreq"), "");
	assert_string_equal(value("be", "s1", "bout"), "100004");
	b->forward = s1->forward = FORWARD_L2DSR;
	ask_table("show stat");
	assert_string_equal(value("be", "s1", "bin"), "100002");
	assert_string_equal(value("be", "s1", "bout"), "");
	assert_string_equal(value("be", "s1", "srv_abrt"), "");
	assert_string_equal(value("be", "BACKEND", "bout"), "");
	assert_string_equal(value("web", "FRONTEND", "bout"), "");
	assert_string_equal(value("ls", "FRONTEND", "bout"), "3004");
}

static void csv__known_numbers__in_their_columns(void **state)
{
	(void)state;
	host.known = RUNTIME_KNOWS_DENIED | RUNTIME_KNOWS_UNANSWERED | RUNTIME_KNOWS_REDISPATCHED |
		     RUNTIME_KNOWS_CONNECT_TIME;
	ask_table("show stat");
	assert_string_equal(value("web", "FRONTEND", "dreq"), "1020");
	assert_string_equal(value("web", "FRONTEND", "dcon"), "1020");
	assert_string_equal(value("be", "s1", "dreq"), "");
	assert_string_equal(value("be", "s1", "econ"), "200027"); /* refused and unanswered */
	assert_string_equal(value("be", "s1", "wredis"), "100022");
	assert_string_equal(value("be", "s1", "ctime"), "100023");
	assert_string_equal(value("be", "s1", "ctime_max"), "100024");
}

static void csv__thousands_of_servers__same_rows_in_pieces(void **state)
{
	struct backend *b = model_backend_find(host.model, "ls");
	unsigned int pieces = 0, rows = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		server_run_init(model_server_add(b, name), 0);
	}
	buf_fini(&out);
	runtime_line(&session, "show stat", 9, &out);
	while (runtime_is_busy(&session)) {
		assert_true(out.len < RUNTIME_PIECE + 4096);
		for (size_t i = 0; i < out.len; i++)
			rows += out.data[i] == '\n';
		buf_consume(&out, out.len);
		runtime_resume(&session, &out);
		pieces++;
	}
	for (size_t i = 0; i < out.len; i++)
		rows += out.data[i] == '\n';
	assert_true(pieces > 3);
	assert_int_equal(rows, 10 + 3000 + 1);
	buf_fini(&out);
	stat_csv(&fake_host_ops, &host, &out);
	rows = 0;
	for (size_t i = 0; i < out.len; i++)
		rows += out.data[i] == '\n';
	assert_int_equal(rows, 10 + 3000);
}

/* A reload between two pieces that leaves nothing of what is being told. */
static void csv__model_replaced_meanwhile__ends_well(void **state)
{
	struct backend *b = model_backend_find(host.model, "ls");
	char name[16];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		server_run_init(model_server_add(b, name), 0);
	}
	buf_fini(&out);
	runtime_line(&session, "show stat", 9, &out);
	runtime_resume(&session, &out);
	model_free(host.model);
	host.model = model_new();
	while (runtime_is_busy(&session))
		runtime_resume(&session, &out);
	assert_string_equal(out.data + out.len - 4, "-,\n\n");
}

static void typed__desc__says_what_it_is(void **state)
{
	(void)state;
	ask("show stat be 4 1 typed desc");
	assert_non_null(strstr(out.data, "\nS.2.1.7.stot.1:MCP:u64:100005:\"flows since the counters began\"\n"));
	assert_null(strstr(out.data, ":\"\"\n")); /* every column that is ever filled is explained */
	ask("show info desc");
	assert_non_null(strstr(out.data, "\nPid: 4711:\"process id\"\n"));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(csv__header__names_at_their_places),
		CASE(csv__rows__same_number_of_cells_in_file_order),
		CASE(csv__values__from_the_right_counters),
		CASE(csv__states__as_haproxy),
		CASE(csv__slowstart__throttle_and_weight_in_force),
		CASE(csv__filters__select_rows),
		CASE(typed__line__as_haproxy),
		CASE(json__text__is_valid),
		CASE(csv__comma_in_a_text__is_quoted),
		CASE(csv__socket_stats__a_row_per_bind_without_numbers),
		CASE(csv__direct_return__no_numbers_of_the_way_back),
		CASE(csv__known_numbers__in_their_columns),
		CASE(csv__thousands_of_servers__same_rows_in_pieces),
		CASE(csv__model_replaced_meanwhile__ends_well),
		CASE(typed__desc__says_what_it_is),
	};

	return cmocka_run_group_tests_name("stat", tests, NULL, NULL);
}
