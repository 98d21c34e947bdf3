/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server-state file at start: what is believed, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	(void)rmdir(s->paths.state_dir);
	diag_fini(&s->diags);
	model_free(s->m);
	free(s);
	return 0;
}

static void load(struct scene *s, const void *text, size_t len, bool with_health)
{
	char path[PATHS_MAX + 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/server-state", s->paths.state_dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	statefile_load(&s->paths, s->m, with_health, &s->diags);
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

static void statefile_load__check_switched_off__stays_off(void **state)
{
	struct scene *s = *state;

	load_row(s, 0, 10, 10, 4, 2, false);
	assert_false(s->s->run.check_enabled);
}

static void statefile_load__no_file__no_word(void **state)
{
	struct scene *s = *state;

	statefile_load(&s->paths, s->m, true, &s->diags);
	assert_int_equal(s->diags.nr[DIAG_WARNING] + s->diags.nr[DIAG_ERROR], 0);
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
		CASE(statefile_load__check_switched_off__stays_off),
		CASE(statefile_load__no_file__no_word),
		CASE(statefile_load__damage_anywhere__ignored_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
