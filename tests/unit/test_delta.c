/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a reload would change: a row per thing, shares that sum up, and connections that end named as such. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/conf.h"
#include "model/capability.h"
#include "model/delta.h"

static struct model *old_model, *new_model;
static struct delta delta;

static const char base[] = "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
			   "frontend web\n bind 192.0.2.1:80\n default_backend be\n"
			   "backend be\n server a 10.0.0.1:80 weight 1\n server b 10.0.0.2:80 weight 3\n";

static struct model *read_config(const char *text)
{
	bool can[NR_CAPABILITIES];
	struct conf_options opt = { .default_source = text, .can = can };
	struct diag_list diags;
	struct model *m = NULL;

	memset(can, true, sizeof(can));
	diag_init(&diags);
	assert_int_equal(conf_load(NULL, 0, &opt, &diags, &m), 0);
	diag_fini(&diags);
	return m;
}

static int teardown(void **state)
{
	(void)state;
	delta_fini(&delta);
	model_free(old_model);
	model_free(new_model);
	old_model = new_model = NULL;
	return 0;
}

/* 'edit', when given, happens to the running model before the reload. */
static void compare(const char *from, const char *to, void (*edit)(struct model *m))
{
	old_model = read_config(from);
	new_model = read_config(to);
	model_inherit_run(old_model, NULL, 1);
	if (edit)
		edit(old_model);
	model_inherit_run(new_model, old_model, 2);
	assert_int_equal(delta_make(old_model, new_model, &delta), 0);
}

/* 'base' with the first occurrence of 'word' replaced. */
static const char *with(const char *word, const char *by)
{
	static char text[2048];
	const char *at = strstr(base, word);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, by, at + strlen(word));
	return text;
}

static const struct delta_row *row(enum delta_op op, enum delta_kind kind, const char *name)
{
	for (size_t i = 0; i < delta.nr; i++)
		if (delta.rows[i].op == op && delta.rows[i].kind == kind && !strcmp(delta.rows[i].name, name))
			return &delta.rows[i];
	fail_msg("no row %s %s %s", delta_op_sign(op), delta_kind_name(kind), name);
	return NULL;
}

static void delta__same_file__no_row(void **state)
{
	(void)state;
	compare(base, base, NULL);
	assert_int_equal(delta.nr, 0);
}

static void delta__weight__share_that_moves(void **state)
{
	(void)state;
	compare(base, with("weight 1", "weight 3"), NULL);
	assert_int_equal(delta.nr, 2);
	assert_string_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/a")->detail, "weight 1 -> 3");
	assert_int_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/a")->moves_ppm, 250000);
	assert_int_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->moves_ppm, 250000);
	assert_string_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->detail,
			    "25.0 % of new connections go to another server");
}

static void drain_b(struct model *m)
{
	model_server_find(model_backend_find(m, "be"), "b")->run.admin = SERVER_FDRAIN;
}

/* Nothing moves to or from a server that takes no new connections. */
static void delta__weight_of_drained__nothing_moves(void **state)
{
	(void)state;
	compare(base, with("weight 3", "weight 9"), drain_b);
	assert_int_equal(delta.nr, 1);
	assert_int_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/b")->moves_ppm, 0);
}

static void drain_c(struct model *m)
{
	model_server_find(model_backend_find(m, "be"), "c")->run.admin = SERVER_FDRAIN;
}

/* The others share what there is, whatever the weight of the one that is drained. */
static void delta__weight_beside_drained__shares_of_the_others(void **state)
{
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "%s", with("weight 3\n", "weight 3\n server c 10.0.0.3:80 weight 100\n"));
	compare(text, with("weight 3\n", "weight 1\n server c 10.0.0.3:80 weight 200\n"), drain_c);
	assert_int_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/b")->moves_ppm, -250000);
	assert_int_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/c")->moves_ppm, 0);
	assert_int_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->moves_ppm, 250000);
}

static void delta__server_added__its_share_moves(void **state)
{
	(void)state;
	compare(base, with("weight 3\n", "weight 3\n server c 10.0.0.3:80 weight 4\n"), NULL);
	assert_int_equal(delta.nr, 2);
	assert_string_equal(row(DELTA_ADD, DELTA_SERVER, "be/c")->detail, "10.0.0.3:80 weight 4");
	assert_int_equal(row(DELTA_ADD, DELTA_SERVER, "be/c")->moves_ppm, 500000);
	assert_int_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->moves_ppm, 500000);
}

static void delta__server_removed__drains(void **state)
{
	(void)state;
	compare(base, with(" server b 10.0.0.2:80 weight 3\n", ""), NULL);
	assert_int_equal(row(DELTA_REMOVE, DELTA_SERVER, "be/b")->moves_ppm, -750000);
	assert_null(row(DELTA_REMOVE, DELTA_SERVER, "be/b")->cuts);
	assert_non_null(strstr(row(DELTA_REMOVE, DELTA_SERVER, "be/b")->detail, "those that exist go on"));
	assert_int_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->moves_ppm, 750000);
}

static void delta__last_servers_disabled__all_of_it_moves(void **state)
{
	(void)state;
	compare(with(" server b 10.0.0.2:80 weight 3\n", ""),
		"backend be\n mode tcp\n server a 10.0.0.1:80 weight 1 disabled\n", NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/a")->detail, "disabled");
	assert_int_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->moves_ppm, 1000000);
}

/* The name stays, but it is another server. */
static void delta__address__its_share_moves(void **state)
{
	(void)state;
	compare(base, with("10.0.0.2:80", "10.0.0.9:81"), NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_SERVER, "be/b")->detail, "address 10.0.0.2:80 -> 10.0.0.9:81");
	assert_int_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->moves_ppm, 750000);
}

static void delta__hash__at_least(void **state)
{
	(void)state;
	compare(base, with("backend be\n server a", "backend be\n balance source\n server a"), NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->detail, "balance roundrobin -> source");
	teardown(state);
	compare(base, with("backend be\n server a 10.0.0.1:80 weight 1\n", "backend be\n balance source\n"), NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_BACKEND, "be")->detail,
			    "balance roundrobin -> source, at least 25.0 % of new connections go to another server");
}

/* Without a flow table: what the bind is not taken for any more is cut. */
#define STATELESS "backend be\n balance source\n hash-type consistent\n#@xlb forward dnat\n server a"

static void delta__bind_removed__cut_unless_remembered_or_taken(void **state)
{
	char text[2048];

	(void)state;
	compare(base, with("192.0.2.1:80", "192.0.2.1:81"), NULL);
	assert_int_equal(delta.nr, 2);
	assert_null(row(DELTA_ADD, DELTA_BIND, "web tcp 192.0.2.1:81")->cuts);
	assert_null(row(DELTA_REMOVE, DELTA_BIND, "web tcp 192.0.2.1:80")->cuts);
	assert_non_null(
		strstr(row(DELTA_REMOVE, DELTA_BIND, "web tcp 192.0.2.1:80")->detail, "those that exist go on"));
	teardown(state);
	snprintf(text, sizeof(text), "%s", with("backend be\n server a", STATELESS));
	compare(text, base, NULL);
	row(DELTA_CHANGE, DELTA_BACKEND, "be");
	teardown(state);
	compare(text, "defaults\n mode tcp\nfrontend web\n bind *:80\n", NULL);
	assert_null(row(DELTA_REMOVE, DELTA_BIND, "web tcp 192.0.2.1:80")->cuts);
	teardown(state);
	compare(text, "defaults\n mode tcp\nfrontend web\n bind *:81\n", NULL);
	assert_non_null(row(DELTA_REMOVE, DELTA_BIND, "web tcp 192.0.2.1:80")->cuts);
	teardown(state);
	compare(base, with("frontend web", "frontend other"), NULL);
	row(DELTA_ADD, DELTA_FRONTEND, "other");
	row(DELTA_REMOVE, DELTA_FRONTEND, "web");
	assert_null(row(DELTA_REMOVE, DELTA_BIND, "web tcp 192.0.2.1:80")->cuts);
}

static void delta__backend_switched__both_named(void **state)
{
	(void)state;
	compare(base, with("default_backend be\nbackend be", "default_backend two\nbackend two"), NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_FRONTEND, "web")->detail,
			    "default_backend be -> two, for new connections");
	row(DELTA_ADD, DELTA_BACKEND, "two");
	row(DELTA_ADD, DELTA_SERVER, "two/a");
	assert_string_equal(row(DELTA_REMOVE, DELTA_BACKEND, "be")->detail,
			    "2 servers; connections that they have go on");
}

static void delta__rules__seen(void **state)
{
	static const char bind[] = "bind 192.0.2.1:80\n";
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "%s",
		 with(bind,
		      "bind 192.0.2.1:80\n acl bad src 198.51.100.0/24\n tcp-request connection reject if bad\n"));
	compare(base, text, NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_FRONTEND, "web")->detail, "other rules");
	teardown(state);
	compare(text, text, NULL);
	assert_int_equal(delta.nr, 0);
	teardown(state);
	compare(text,
		with(bind, "bind 192.0.2.1:80\n acl bad src 198.51.100.0/25\n tcp-request connection reject if bad\n"),
		NULL);
	assert_string_equal(row(DELTA_CHANGE, DELTA_FRONTEND, "web")->detail, "other rules");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(delta__same_file__no_row, teardown),
		cmocka_unit_test_teardown(delta__weight__share_that_moves, teardown),
		cmocka_unit_test_teardown(delta__weight_of_drained__nothing_moves, teardown),
		cmocka_unit_test_teardown(delta__weight_beside_drained__shares_of_the_others, teardown),
		cmocka_unit_test_teardown(delta__server_added__its_share_moves, teardown),
		cmocka_unit_test_teardown(delta__server_removed__drains, teardown),
		cmocka_unit_test_teardown(delta__last_servers_disabled__all_of_it_moves, teardown),
		cmocka_unit_test_teardown(delta__address__its_share_moves, teardown),
		cmocka_unit_test_teardown(delta__hash__at_least, teardown),
		cmocka_unit_test_teardown(delta__bind_removed__cut_unless_remembered_or_taken, teardown),
		cmocka_unit_test_teardown(delta__backend_switched__both_named, teardown),
		cmocka_unit_test_teardown(delta__rules__seen, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
