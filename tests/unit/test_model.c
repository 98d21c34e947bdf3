/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The model: its elements, who is usable in which words, inheritance across a reload, timeouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <xlb/flow.h>

#include "model/model.h"

/* A checked server at 10.0.0.N, run state set up at time 0. */
static struct server *add_server(struct backend *b, const char *name, unsigned int weight, bool backup)
{
	struct server *s = model_server_add(b, name);

	assert_non_null(s);
	s->addr.family = AF_INET;
	s->addr.v4.s_addr = htonl(0x0a000000 + s->id);
	s->port = 80;
	s->weight = weight;
	s->backup = backup;
	s->check.type = CHECK_TCP;
	server_run_init(s, 0);
	return s;
}

static void set_health(struct server *s, int health)
{
	check_set_health(&s->run.check, &s->check, health);
}

static void model_add__order_numbers_defaults__as_promised(void **state)
{
	struct model *m = model_new();
	struct frontend *f1 = model_frontend_add(m, "f1"), *web = model_frontend_add(m, "web");
	struct backend *b1 = model_backend_add(m, "b1"), *web_b;
	struct frontend *stats;
	struct server *s;

	(void)state;
	web_b = model_backend_add(m, "web"); /* a backend that only shares the name */
	stats = model_frontend_add(m, "stats");
	stats->is_listen = true;
	assert_int_equal(model_backend_add(m, "stats")->id, stats->id);
	assert_int_equal(f1->id, 1);
	assert_int_equal(web->id, 2);
	assert_int_equal(b1->id, 3);
	assert_int_equal(web_b->id, 4);
	assert_int_equal(stats->id, 5);
	assert_ptr_equal(model_frontend_find(m, "web"), web);
	assert_ptr_equal(model_backend_find(m, "web"), web_b);
	assert_null(model_backend_find(m, "f1"));
	assert_true(b1->source_ports.lo > b1->source_ports.hi);
	s = model_server_add(b1, "s1");
	assert_int_equal(s->id, 1);
	assert_int_equal(s->weight, 1);
	assert_int_equal(s->check.rise, 2);
	assert_int_equal(model_bind_add(f1)->proto, IPPROTO_TCP);
	assert_int_equal(m->flows, 262144);
	model_free(m);
	model_free(NULL);
}

static void model_server_del__number__not_given_out_twice(void **state)
{
	struct model *m = model_new();
	struct backend *b = model_backend_add(m, "b");
	struct server *s1 = model_server_add(b, "s1");

	(void)state;
	model_server_add(b, "s2");
	model_server_del(s1);
	assert_int_equal(b->nr_servers, 1);
	assert_null(model_server_find(b, "s1"));
	assert_int_equal(model_server_add(b, "s3")->id, 3);
	model_free(m);
}

static void server_status__each_state__haproxys_word(void **state)
{
	static const struct {
		int health;
		unsigned int admin;
		bool enabled;
		const char *expect;
	} rows[] = {
		{ 2, 0, true, "UP 1/3" },
		{ 3, 0, true, "UP 2/3" },
		{ 4, 0, true, "UP" },
		{ 0, 0, true, "DOWN" },
		{ 1, 0, true, "DOWN 1/2" },
		{ 4, 0, false, "no check" },
		{ 2, 0, false, "no check" },
		{ 0, 0, false, "DOWN" },
		{ 4, SERVER_FDRAIN, true, "DRAIN" },
		{ 3, SERVER_FDRAIN, true, "DRAIN 2/3" },
		{ 0, SERVER_FDRAIN, true, "DOWN" },
		{ 2, SERVER_FDRAIN, false, "DRAIN" },
		{ 4, SERVER_CMAINT, true, "MAINT" },
		{ 0, SERVER_FMAINT | SERVER_FDRAIN, true, "MAINT" },
	};
	struct model *m = model_new();
	struct server *s = add_server(model_backend_add(m, "b"), "s", 1, false);
	char buf[SERVER_STATUS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_health(s, rows[i].health);
		s->run.admin = rows[i].admin;
		s->run.check_enabled = rows[i].enabled;
		assert_string_equal(server_status(s, buf), rows[i].expect);
	}
	model_free(m);
}

static void server_is_usable__every_reason_not_to_be(void **state)
{
	struct model *m = model_new();
	struct server *s = add_server(model_backend_add(m, "b"), "s", 1, false);

	(void)state;
	assert_true(server_is_usable(s));
	s->run.weight = 0;
	assert_false(server_is_usable(s));
	s->run.weight = 1;
	s->run.admin = SERVER_FDRAIN;
	assert_false(server_is_usable(s));
	s->run.admin = SERVER_CMAINT;
	assert_false(server_is_usable(s));
	s->run.admin = 0;
	set_health(s, 1);
	assert_false(server_is_usable(s));
	assert_false(server_is_up(s));
	model_free(m);
}

static void backend_eligible__active_then_backup__haproxys_choice(void **state)
{
	struct model *m = model_new();
	struct backend *b = model_backend_add(m, "b");
	struct server *a1 = add_server(b, "a1", 1, false), *k1 = add_server(b, "k1", 1, true);
	struct server *a2 = add_server(b, "a2", 1, false), *k2 = add_server(b, "k2", 1, true);
	struct server *out[4] = { 0 };
	unsigned int act, bck;

	(void)state;
	assert_int_equal(backend_eligible(b, out, 4), 2);
	assert_ptr_equal(out[0], a1);
	assert_ptr_equal(out[1], a2);
	assert_int_equal(backend_eligible(b, out, 1), 2); /* counts beyond the room */
	set_health(a1, 0);
	assert_int_equal(backend_eligible(b, out, 4), 1);
	assert_ptr_equal(out[0], a2);
	a2->run.admin = SERVER_FMAINT;
	assert_int_equal(backend_eligible(b, out, 4), 1); /* the first backup only */
	assert_ptr_equal(out[0], k1);
	set_health(k1, 0);
	assert_int_equal(backend_eligible(b, out, 4), 1);
	assert_ptr_equal(out[0], k2);
	set_health(k1, 4);
	b->allbackups = true;
	assert_int_equal(backend_eligible(b, out, 4), 2);
	assert_ptr_equal(out[0], k1);
	backend_count(b, &act, &bck);
	assert_int_equal(act, 0);
	assert_int_equal(bck, 2);
	k1->run.weight = k2->run.weight = 0;
	assert_int_equal(backend_eligible(b, out, 4), 0);
	model_free(m);
}

static void model_inherit_run__same_file__everything_kept(void **state)
{
	struct model *old = model_new(), *new = model_new();
	struct backend *ob = model_backend_add(old, "b"), *nb = model_backend_add(new, "b");
	struct server *os = add_server(ob, "s", 10, false), *ns = add_server(nb, "s", 10, false);

	(void)state;
	model_frontend_add(old, "f")->dp_id = 5;
	model_frontend_add(new, "f");
	ob->dp_id = 3;
	ob->downs = 2;
	os->run.dp_id = 9;
	os->run.weight = 4;
	os->run.admin = SERVER_FDRAIN;
	os->run.downtime_ms = 77;
	os->run.last_change_ms = 11;
	set_health(os, 0);
	model_inherit_run(new, old, 5000);
	assert_int_equal(ns->run.dp_id, 9);
	assert_int_equal(ns->run.weight, 4);
	assert_int_equal(ns->run.admin, SERVER_FDRAIN);
	assert_int_equal(ns->run.check.health, 0);
	assert_int_equal(ns->run.check.downs, 1);
	assert_int_equal(ns->run.downtime_ms, 77);
	assert_int_equal(ns->run.last_change_ms, 11);
	assert_int_equal(nb->dp_id, 3);
	assert_int_equal(nb->downs, 2);
	assert_int_equal(model_frontend_find(new, "f")->dp_id, 5);
	model_free(old);
	model_free(new);
}

static void model_inherit_run__what_the_file_changed__wins(void **state)
{
	struct model *old = model_new(), *new = model_new();
	struct backend *ob = model_backend_add(old, "b"), *nb = model_backend_add(new, "b");
	struct server *moved = add_server(ob, "moved", 10, false), *heavy = add_server(ob, "heavy", 10, false);
	struct server *off = add_server(ob, "off", 10, false), *range = add_server(ob, "range", 1, false);
	struct server *n;

	(void)state;
	set_health(moved, 0);
	moved->run.dp_id = 4;
	heavy->run.weight = 3;
	off->run.admin = SERVER_FDRAIN;
	set_health(range, 4);
	n = add_server(nb, "moved", 10, false);
	n->port = 8080;
	add_server(nb, "heavy", 20, false);
	add_server(nb, "off", 10, false)->disabled = true;
	add_server(nb, "range", 1, false)->check.fall = 7;
	add_server(nb, "fresh", 5, false);
	model_inherit_run(new, old, 5000);
	assert_int_equal(n->run.check.health, 2); /* another address: up, and down at the first failure */
	assert_int_equal(n->run.dp_id, 4);
	assert_int_equal(model_server_find(nb, "heavy")->run.weight, 20);
	assert_int_equal(model_server_find(nb, "off")->run.admin, SERVER_FDRAIN | SERVER_CMAINT);
	assert_int_equal(model_server_find(nb, "range")->run.check.health, 8);
	assert_int_equal(model_server_find(nb, "fresh")->run.weight, 5);
	assert_int_equal(model_server_find(nb, "fresh")->run.last_change_ms, 5000);
	model_free(old);
	model_free(new);
}

static void model_inherit_run__commands_on_addresses_and_frontends__outlive_it(void **state)
{
	struct model *old = model_new(), *new = model_new();
	struct server *was = model_server_add(model_backend_add(old, "b"), "s"),
		      *is = model_server_add(model_backend_add(new, "b"), "s");
	struct frontend *f_was = model_frontend_add(old, "f"), *f_is = model_frontend_add(new, "f"),
			*g_was = model_frontend_add(old, "g"), *g_is = model_frontend_add(new, "g");
	struct addr nine;

	(void)state;
	addr_parse("10.0.0.9", &nine);
	addr_parse("10.0.0.1", &was->addr);
	addr_parse("10.0.0.1", &is->addr);
	is->host = strdup("web.example");
	model_inherit_run(old, NULL, 1);
	was->addr = nine;
	f_was->disabled = true;
	g_was->disabled = g_was->stopped = true;
	model_inherit_run(new, old, 2);
	assert_true(addr_equal(&is->addr, &nine));
	assert_null(is->host);
	assert_true(f_is->disabled);
	assert_false(g_is->disabled); /* shut down: until the reload */
	model_free(old);

	/* Another reload, with another address and another word in the file. */
	old = new;
	new = model_new();
	is = model_server_add(model_backend_add(new, "b"), "s");
	f_is = model_frontend_add(new, "f");
	addr_parse("10.0.0.2", &is->addr);
	f_is->disabled = true;
	TAILQ_FIRST(&old->frontends)->disabled = false;
	model_inherit_run(new, old, 3);
	assert_false(addr_equal(&is->addr, &nine));
	assert_true(f_is->disabled);
	model_free(old);
	model_free(new);
}

static void model_inherit_run__commands_on_checks_and_limits__as_long_as_the_file_says_the_same(void **state)
{
	static const struct {
		unsigned int port, maxconn; /* of the new file; the old one has 80 and 50 */
	} files[] = { { 80, 50 }, { 81, 50 }, { 80, 60 } };
	struct addr nine;

	(void)state;
	addr_parse("10.0.0.9", &nine);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct model *old = model_new(), *new = model_new();
		struct server *was = model_server_add(model_backend_add(old, "b"), "s"),
			      *is = model_server_add(model_backend_add(new, "b"), "s");
		struct frontend *f_was = model_frontend_add(old, "f"), *f_is = model_frontend_add(new, "f");

		was->check.port = was->agent.port = 80;
		was->maxconn = f_was->maxconn = 50;
		is->check.port = is->agent.port = files[i].port;
		is->maxconn = f_is->maxconn = files[i].maxconn;
		model_inherit_run(old, NULL, 1);
		was->check.addr = was->agent.addr = nine;
		was->check.port = was->agent.port = 90;
		was->maxconn = f_was->maxconn = 33;
		model_inherit_run(new, old, 2);
		assert_int_equal(is->check.port, files[i].port == 80 ? 90 : 81);
		assert_int_equal(is->agent.port, files[i].port == 80 ? 90 : 81);
		assert_int_equal(addr_equal(&is->check.addr, &nine), files[i].port == 80);
		assert_int_equal(is->maxconn, files[i].maxconn == 50 ? 33 : 60);
		assert_int_equal(f_is->maxconn, files[i].maxconn == 50 ? 33 : 60);
		model_free(old);
		model_free(new);
	}
}

static void model_inherit_run__no_old_model__initialised(void **state)
{
	struct model *m = model_new();
	struct backend *b = model_backend_add(m, "b");
	struct server *s = add_server(b, "s", 7, false);

	(void)state;
	s->disabled = true;
	model_inherit_run(m, NULL, 42);
	assert_int_equal(s->run.admin, SERVER_CMAINT);
	assert_int_equal(s->run.weight, 7);
	assert_true(s->run.check_enabled);
	assert_int_equal(b->last_change_ms, 42);
	model_free(m);
}

static void model_flow_timeout__given_or_default(void **state)
{
	struct model *m = model_new();
	struct frontend *f = model_frontend_add(m, "f");
	struct backend *b = model_backend_add(m, "b");

	(void)state;
	assert_int_equal(model_flow_timeout(f, b, XLB_S_HALF_OPEN), 30000);
	assert_int_equal(model_flow_timeout(f, NULL, XLB_S_ESTABLISHED), 7440000);
	assert_int_equal(model_flow_timeout(NULL, NULL, XLB_S_UDP), 300000);
	assert_int_equal(model_flow_timeout(f, b, XLB_S_CLOSING), 60000);
	assert_int_equal(model_flow_timeout(f, b, XLB_S_CLOSED), 10000);
	f->timeouts.client = 50000;
	b->timeouts.server = 20000;
	b->timeouts.connect = 5000;
	assert_int_equal(model_flow_timeout(f, b, XLB_S_HALF_OPEN), 5000);
	assert_int_equal(model_flow_timeout(f, b, XLB_S_ESTABLISHED), 50000);
	assert_int_equal(model_flow_timeout(f, b, XLB_S_UDP), 50000);
	b->timeouts.tunnel = 3600000;
	assert_int_equal(model_flow_timeout(f, b, XLB_S_ESTABLISHED), 3600000);
	assert_int_equal(model_flow_timeout(f, b, XLB_S_UDP), 50000);
	f->timeouts.client_fin = 1000;
	assert_int_equal(model_flow_timeout(f, b, XLB_S_CLOSING), 10000);
	b->timeouts.server_fin = 999000;
	assert_int_equal(model_flow_timeout(f, b, XLB_S_CLOSING), 120000);
	model_free(m);
}

static void model_identity__kind_and_names__kept_apart(void **state)
{
	(void)state;
	assert_int_equal(model_identity("server", "web", "s1"), model_identity("server", "web", "s1"));
	assert_int_not_equal(model_identity("server", "web", "s1"), model_identity("server", "we", "bs1"));
	assert_int_not_equal(model_identity("frontend", "web", NULL), model_identity("backend", "web", NULL));
	assert_int_not_equal(model_identity("server", "web", NULL), model_identity("server", "web", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_add__order_numbers_defaults__as_promised),
		cmocka_unit_test(model_server_del__number__not_given_out_twice),
		cmocka_unit_test(server_status__each_state__haproxys_word),
		cmocka_unit_test(server_is_usable__every_reason_not_to_be),
		cmocka_unit_test(backend_eligible__active_then_backup__haproxys_choice),
		cmocka_unit_test(model_inherit_run__same_file__everything_kept),
		cmocka_unit_test(model_inherit_run__what_the_file_changed__wins),
		cmocka_unit_test(model_inherit_run__commands_on_checks_and_limits__as_long_as_the_file_says_the_same),
		cmocka_unit_test(model_inherit_run__no_old_model__initialised),
		cmocka_unit_test(model_inherit_run__commands_on_addresses_and_frontends__outlive_it),
		cmocka_unit_test(model_flow_timeout__given_or_default),
		cmocka_unit_test(model_identity__kind_and_names__kept_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
