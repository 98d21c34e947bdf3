/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server-state file at start: what is believed, and what is not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "xlbd/statefile.h"

static const char head[] = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state and so on\n";

struct scene {
	struct paths paths;
	struct model *m;
	struct server *s;
	struct diag_list diags;
};

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	strcpy(s->paths.state_dir, "/tmp/xlb-stateload-XXXXXX");
	if (!mkdtemp(s->paths.state_dir)) {
		free(s);
		return -1;
	}
	s->m = model_new();
	s->s = model_server_add(model_backend_add(s->m, "be"), "s1");
	addr_parse("10.0.0.1", &s->s->addr);
	s->s->port = 80;
	s->s->weight = 10;
	s->s->check.type = CHECK_TCP;
	s->s->check.rise = 2;
	s->s->check.fall = 3;
	server_run_init(s->s, 0);
	diag_init(&s->diags);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	char path[PATHS_MAX + 16];

	snprintf(path, sizeof(path), "%s/server-state", s->paths.state_dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/be", s->paths.state_dir);
	(void)unlink(path);
	(void)rmdir(s->paths.state_dir);
	diag_fini(&s->diags);
	model_free(s->m);
	free(s);
	return 0;
}

static void write_file(struct scene *s, const char *name, const void *text, size_t len)
{
	char path[PATHS_MAX + 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", s->paths.state_dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void set_time(const char *path, time_t seconds)
{
	const struct timespec both[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

static void load(struct scene *s, const void *text, size_t len, bool with_health)
{
	write_file(s, "server-state", text, len);
	statefile_load(&s->paths, s->m, with_health, 100000, &s->diags);
}

/* One row about be/s1 with these columns. */
static void load_row(struct scene *s, unsigned int admin, unsigned int weight, unsigned int file_weight,
		     unsigned int health, unsigned int check_state, bool with_health)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "%s2 be 1 s1 10.0.0.1 2 %u %u %u 5 6 3 %u %u 0 0 0 - 80 - 0 0 - - 0\n",
			   head, admin, weight, file_weight, health, check_state);

	load(s, text, (size_t)len, with_health);
}

static void statefile_load__row_of_an_operator__in_force(void **state)
{
	struct scene *s = *state;

	load_row(s, SERVER_FDRAIN, 33, 10, 0, 6, false);
	assert_int_equal(s->s->run.admin, SERVER_FDRAIN);
	assert_int_equal(s->s->run.weight, 33);
	assert_int_equal(s->s->run.check.health, 2);
	assert_true(s->s->run.check_enabled);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
}

static void statefile_load__after_a_restart_only__health_too(void **state)
{
	struct scene *s = *state;

	load_row(s, 0, 10, 10, 0, 6, true);
	assert_false(server_is_up(s->s));
}

static void statefile_load__weight_changed_in_the_file_since__file_wins(void **state)
{
	struct scene *s = *state;

	load_row(s, 0, 33, 5, 4, 6, false);
	assert_int_equal(s->s->run.weight, 10);
}

static void statefile_load__disabled_by_file_then__not_remembered(void **state)
{
	struct scene *s = *state;

	load_row(s, SERVER_CMAINT | SERVER_FMAINT, 10, 10, 4, 14, false);
	assert_int_equal(s->s->run.admin, 0);
}

static void statefile_load__enabled_though_disabled_by_file__stays_enabled(void **state)
{
	struct scene *s = *state;

	s->s->disabled = true;
	server_run_init(s->s, 0);
	load_row(s, SERVER_CMAINT | SERVER_FMAINT, 10, 10, 4, 14, false);
	assert_int_equal(s->s->run.admin, SERVER_CMAINT);
	load_row(s, SERVER_CMAINT, 10, 10, 4, 14, false);
	assert_int_equal(s->s->run.admin, 0);
}

static void statefile_load__check_switched_off__stays_off(void **state)
{
	struct scene *s = *state;

	load_row(s, 0, 10, 10, 4, 2, false);
	assert_false(s->s->run.check_enabled);
}

static void statefile_load__no_file__no_word(void **state)
{
	struct scene *s = *state;

	statefile_load(&s->paths, s->m, true, 100000, &s->diags);
	assert_int_equal(s->diags.nr[DIAG_WARNING] + s->diags.nr[DIAG_ERROR], 0);
}

/* The time since the last change and the code of the check come back with health. */
static void statefile_load__health__with_what_was_known(void **state)
{
	struct scene *s = *state;
	char text[512];

	snprintf(text, sizeof(text), "%s2 be 1 s1 10.0.0.1 0 0 10 10 5 8 2 0 6 0 0 0 - 80 - 0 0 - - 0\n", head);
	load(s, text, strlen(text), true);
	assert_false(server_is_up(s->s));
	assert_int_equal(s->s->run.check.code, CHECK_L4CON);
	assert_int_equal(s->s->run.last_change_ms, 95000);
	assert_int_equal(s->s->run.down_since_ms, 95000);
	snprintf(text, sizeof(text), "%s2 be 1 s1 10.0.0.1 3 0 10 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n", head);
	load(s, text, strlen(text), true);
	assert_true(server_is_up(s->s) && !server_is_usable(s->s));
}

/* Nobody but an operator can have said that a server without check is down. */
static void statefile_load__unchecked_server_is_down__stays_so(void **state)
{
	struct scene *s = *state;
	char text[512];

	s->s->check.type = CHECK_NONE;
	server_run_init(s->s, 0);
	snprintf(text, sizeof(text), "%s2 be 1 s1 10.0.0.1 0 0 10 10 5 1 0 0 0 0 0 0 - 80 - 0 0 - - 0\n", head);
	load(s, text, strlen(text), false);
	assert_false(server_is_up(s->s));
	snprintf(text, sizeof(text), "%s2 be 1 s1 10.0.0.1 2 0 10 10 5 1 0 0 0 0 0 0 - 80 - 0 0 - - 0\n", head);
	load(s, text, strlen(text), false);
	assert_true(server_is_up(s->s)); /* as HAProxy writes a server that was in maintenance before */
}

static void statefile_load__address_by_command__as_long_as_the_file_says_the_same(void **state)
{
	static const char row[] = "2 be 1 s1 10.0.0.9 2 0 10 10 5 6 3 4 6 0 0 0 - 81 - 0 0 - - 0\n\n";
	struct scene *s = *state;
	struct addr nine;
	char text[512];

	addr_parse("10.0.0.9", &nine);
	snprintf(text, sizeof(text), "%s%s#@xlb addr be s1 10.0.0.2 80 10.0.0.9 81\n", head, row);
	load(s, text, strlen(text), true);
	assert_int_equal(s->s->port, 80);
	snprintf(text, sizeof(text), "%s%s# a word\n#@xlb addr be s1 10.0.0.1 80 10.0.0.9 81\n", head, row);
	load(s, text, strlen(text), true);
	assert_true(addr_equal(&s->s->addr, &nine));
	assert_int_equal(s->s->port, 81);
	assert_int_equal(s->s->port_configured, 80);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
	snprintf(text, sizeof(text), "%s%s#@xlb addr be s1 10.0.0.1 80 10.0.0.9\n", head, row);
	load(s, text, strlen(text), true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 1);
}

static void statefile_load__check_and_limit_by_command__as_long_as_the_file_says_the_same(void **state)
{
	static const char changes[] = "#@xlb check be s1 - 0 10.0.0.9 81\n"
				      "#@xlb agent be s1 - 99 - 100\n"
				      "#@xlb maxconn be s1 50 33\n"
				      "#@xlb maxconn be gone 50 33\n";
	struct scene *s = *state;
	struct addr nine;
	char text[512];

	addr_parse("10.0.0.9", &nine);
	s->s->agent.port = 98; /* another one than the change was made from */
	s->s->maxconn = 50;
	server_run_init(s->s, 0);
	snprintf(text, sizeof(text), "%s%s", head, changes);
	load(s, text, strlen(text), true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
	assert_true(addr_equal(&s->s->check.addr, &nine));
	assert_int_equal(s->s->check.port, 81);
	assert_int_equal(s->s->agent.port, 98);
	assert_int_equal(s->s->maxconn, 33);
}

static void statefile_load__frontend_by_command__as_long_as_the_file_says_the_same(void **state)
{
	static const char changes[] = "#@xlb frontend on enabled disabled\n"
				      "#@xlb frontend off disabled enabled\n"
				      "#@xlb frontend other disabled enabled\n"
				      "#@xlb frontend gone enabled disabled\n"
				      "#@xlb frontend-maxconn on 0 5\n"
				      "#@xlb frontend-maxconn off 7 8\n";
	struct scene *s = *state;
	struct frontend *on = model_frontend_add(s->m, "on"), *off = model_frontend_add(s->m, "off");
	struct frontend *other = model_frontend_add(s->m, "other");
	char text[512];

	off->disabled = true;
	off->maxconn = 6; /* not what the change was made from */
	model_inherit_run(s->m, NULL, 0);
	other->disabled = true; /* by command; its line is from a file that disabled it */
	snprintf(text, sizeof(text), "%s%s", head, changes);
	load(s, text, strlen(text), true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
	assert_true(on->disabled);
	assert_false(off->disabled);
	assert_true(other->disabled);
	assert_int_equal(on->maxconn, 5);
	assert_int_equal(off->maxconn, 6);
	snprintf(text, sizeof(text), "%s#@xlb frontend on enabled off\n", head);
	load(s, text, strlen(text), true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 1);
}

static struct acl_set *add_set(struct model *m, const char *file, const char *fetch, bool numeric,
			       const char *const *patterns)
{
	struct acl_set *set = calloc(1, sizeof(*set)), *last = TAILQ_LAST(&m->acl_sets, acl_set_list);

	assert_non_null(set);
	set->id = last ? last->id + 1 : 0;
	set->file = file ? strdup(file) : NULL;
	set->fetch = fetch ? strdup(fetch) : NULL;
	set->numeric = numeric;
	for (; *patterns; patterns++)
		assert_int_equal(acl_set_add_text(set, *patterns), 0);
	TAILQ_INSERT_TAIL(&m->acl_sets, set, next);
	return set;
}

static const char *patterns_of(const struct acl_set *set, char *buf, size_t cap)
{
	char text[ACL_PATTERN_MAX];
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < set->nr && len < cap; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s ", acl_set_text(set, i, text));
	return buf;
}

/* Of a file by its name, of a line as long as it is the same. */
static void statefile_load__patterns_by_command__added_and_removed(void **state)
{
	static const char *const friends[] = { "10.0.0.1", "10.0.0.2", "fd00::/8", NULL };
	static const char *const ports[] = { "80", "1000:", NULL };
	struct scene *s = *state;
	struct acl_set *file = add_set(s->m, "/etc/friends", NULL, false, friends);
	struct acl_set *line = add_set(s->m, NULL, "dst_port", true, ports);
	struct acl_set *other = add_set(s->m, NULL, "dst_port", true, ports + 1);
	char name[ACL_SET_NAME_MAX], text[1024], seen[256];

	snprintf(text, sizeof(text),
		 "%s#@xlb acl /etc/friends - 10.0.0.1\n#@xlb acl /etc/friends + 10.0.0.2\n"
		 "#@xlb acl /etc/friends + 10.9.0.0/16\n#@xlb acl /etc/enemies + 10.0.0.9\n"
		 "#@xlb acl %s + :9\n#@xlb acl #2:dst_port:00000000 + 7\n",
		 head, acl_set_name(line, name));
	load(s, text, strlen(text), true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
	assert_string_equal(patterns_of(file, seen, sizeof(seen)), "fd00::/8 10.0.0.2 10.9.0.0/16 ");
	assert_string_equal(patterns_of(line, seen, sizeof(seen)), "80 1000: :9 ");
	assert_string_equal(patterns_of(other, seen, sizeof(seen)), "1000: ");
	assert_null(other->base);
	/* The name is of what the files say, so that it is the same after further changes. */
	assert_non_null(line->base);
	assert_non_null(strstr(text, acl_set_name(line, name)));
	snprintf(text, sizeof(text), "%s#@xlb acl /etc/friends * 10.0.0.1\n", head);
	load(s, text, strlen(text), true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 1);
}

/* What was written before an answer and not synced any more: the younger file counts, a damaged one does not. */
static void statefile_load__killed_behind_an_answer__as_answered(void **state)
{
	static const char row[] = "2 be 1 s1 10.0.0.1 2 %u 10 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n";
	struct scene *s = *state;
	char text[512], path[PATHS_MAX + 32];
	int len = snprintf(text, sizeof(text), "%s", head);

	snprintf(text + len, sizeof(text) - (size_t)len, row, (unsigned int)SERVER_FDRAIN);
	write_file(s, "server-state.new", text, strlen(text));
	snprintf(text + len, sizeof(text) - (size_t)len, row, 0u);
	write_file(s, "server-state", text, strlen(text));
	/* Both within a tick of the clock that files have. */
	snprintf(path, sizeof(path), "%s/server-state", s->paths.state_dir);
	set_time(path, 1000);
	snprintf(path, sizeof(path), "%s/server-state.new", s->paths.state_dir);
	set_time(path, 1000);
	statefile_load(&s->paths, s->m, true, 100000, &s->diags);
	assert_int_equal(s->s->run.admin, SERVER_FDRAIN);
	set_time(path, 999);
	statefile_load(&s->paths, s->m, true, 100000, &s->diags);
	assert_int_equal(s->s->run.admin, 0);
	set_time(path, 1001);
	statefile_load(&s->paths, s->m, true, 100000, &s->diags);
	assert_int_equal(s->s->run.admin, SERVER_FDRAIN);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
	write_file(s, "server-state.new", text, strlen(text) - 30); /* a loss of power */
	statefile_load(&s->paths, s->m, true, 100000, &s->diags);
	assert_int_equal(s->diags.nr[DIAG_WARNING], 1);
	assert_int_equal(s->s->run.admin, 0);
	(void)unlink(path);
}

/* Files that HAProxy's keywords name: of the backends that ask for them, with health, the youngest last. */
static void statefile_load__files_of_the_configuration__where_asked_for(void **state)
{
	static const char drain[] = "2 be 1 s1 10.0.0.1 0 8 20 10 5 8 2 0 6 0 0 0 - 80 - 0 0 - - 0\n";
	static const char ready[] = "2 be 1 s1 10.0.0.1 2 0 30 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n";
	struct scene *s = *state;
	char text[512];

	s->m->state_base = strdup(s->paths.state_dir);
	s->m->state_file = strdup("be");
	snprintf(text, sizeof(text), "%s%s", head, drain);
	write_file(s, "be", text, strlen(text));
	statefile_load(&s->paths, s->m, false, 100000, &s->diags);
	assert_int_equal(s->s->run.weight, 10); /* the backend did not ask */
	s->s->backend->load_state = STATE_FILE_GLOBAL;
	statefile_load(&s->paths, s->m, false, 100000, &s->diags);
	assert_int_equal(s->s->run.weight, 20);
	assert_int_equal(s->s->run.admin, SERVER_FDRAIN);
	assert_false(server_is_up(s->s));
	free(s->m->state_file);
	s->m->state_file = NULL;
	server_run_init(s->s, 0);
	s->s->backend->load_state = STATE_FILE_LOCAL; /* the file is named as the backend is */
	statefile_load(&s->paths, s->m, false, 100000, &s->diags);
	assert_int_equal(s->s->run.weight, 20);
	server_run_init(s->s, 0);
	snprintf(text, sizeof(text), "%s%s", head, ready);
	load(s, text, strlen(text), true);
	assert_int_equal(s->s->run.weight, 30);
	assert_int_equal(s->s->run.admin, 0);
	assert_true(server_is_up(s->s));
	assert_int_equal(s->diags.nr[DIAG_WARNING], 0);
}

/* A good row first, damage behind it: nothing of the file counts. */
static void statefile_load__damage_anywhere__ignored_as_a_whole(void **state)
{
	static const char good[] = "2 be 1 s1 10.0.0.1 2 1 33 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n";
	static const char *const tails[] = {
		"2 be 1 s1 10.0.0.1 2 1 33",
		"2 be 1 s1 10.0.0.1 2 -1 33 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n",
		"2 be 1 s1 10.0.0.1 2 1 257 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n",
		"2 be 1 s1 10.0.0.1 2 1 x 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n",
		"2 be 1 s1 10.0.0.1 2 1 33 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0 0\n",
		"2 be 1 s1 10.0.0.1 2 99999999999999999999 33 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n",
		"\x01\x02\xff",
		"#@xlb addr\n",
		"#@xlb addr be s1 10.0.0.1 80 x 81\n",
		"#@xlb addr be s1 10.0.0.1 80 - 81\n",
		"#@xlb check be s1 - 0 10.0.0.9\n",
		"#@xlb maxconn be s1 50 x\n",
		"#@xlb colour be s1 red blue\n",
		"2 be 1 s1 10.0.0.1 4 1 33 10 5 6 3 4 6 0 0 0 - 80 - 0 0 - - 0\n",
	};
	struct scene *s = *state;
	char text[1024];

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		int len = snprintf(text, sizeof(text), "%s%s%s", head, good, tails[i]);

		load(s, text, (size_t)len, true);
		assert_int_equal(s->diags.nr[DIAG_WARNING], i + 1);
		assert_int_equal(s->s->run.admin, 0);
		assert_int_equal(s->s->run.weight, 10);
	}
	load(s, "2\n", 2, true);
	load(s, "", 0, true);
	load(s, "1\n\0", 3, true);
	assert_int_equal(s->diags.nr[DIAG_WARNING], sizeof(tails) / sizeof(tails[0]) + 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(statefile_load__row_of_an_operator__in_force),
		CASE(statefile_load__after_a_restart_only__health_too),
		CASE(statefile_load__weight_changed_in_the_file_since__file_wins),
		CASE(statefile_load__disabled_by_file_then__not_remembered),
		CASE(statefile_load__enabled_though_disabled_by_file__stays_enabled),
		CASE(statefile_load__check_switched_off__stays_off),
		CASE(statefile_load__health__with_what_was_known),
		CASE(statefile_load__unchecked_server_is_down__stays_so),
		CASE(statefile_load__address_by_command__as_long_as_the_file_says_the_same),
		CASE(statefile_load__check_and_limit_by_command__as_long_as_the_file_says_the_same),
		CASE(statefile_load__frontend_by_command__as_long_as_the_file_says_the_same),
		CASE(statefile_load__patterns_by_command__added_and_removed),
		CASE(statefile_load__killed_behind_an_answer__as_answered),
		CASE(statefile_load__files_of_the_configuration__where_asked_for),
		CASE(statefile_load__no_file__no_word),
		CASE(statefile_load__damage_anywhere__ignored_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
