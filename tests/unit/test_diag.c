/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages: printed form, one-line form, suggestions; and the text buffer and instance paths they come with. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/paths.h"

static char *printed(const struct diag_list *list, bool colour)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	diag_print(list, out, colour);
	fclose(out);
	return text;
}

static void diag_print__place_and_hint__caret_below_word(void **state)
{
	struct diag_place place = { "xlb.cfg", 12, 5, 6, "    blance roundrobin" };
	struct diag_list list;
	char *text;

	(void)state;
	diag_init(&list);
	diag_add(&list, DIAG_ERROR, &place, "C0102", "did you mean 'balance'?", "unknown keyword '%s'", "blance");
	text = printed(&list, false);
	assert_string_equal(text, "xlb.cfg:12:5: error: unknown keyword 'blance' [C0102]\n"
				  "    12 |     blance roundrobin\n"
				  "       |     ^~~~~~\n"
				  "       = did you mean 'balance'?\n");
	free(text);
	diag_fini(&list);
}

static void diag_print__tab_utf8_and_control_bytes__stay_aligned_and_harmless(void **state)
{
	struct diag_place place = { "f", 1, 6, 3, "\t\xc3\xa4\x1b bad x" };
	struct diag_list list;
	char *text;

	(void)state;
	diag_init(&list);
	diag_add(&list, DIAG_NOTE, &place, NULL, NULL, "n\033");
	text = printed(&list, false);
	assert_string_equal(text, "f:1:6: note: n?\n     1 | \t\xc3\xa4? bad x\n       | \t   ^~~\n");
	free(text);
	diag_fini(&list);
}

static void diag_print__long_line__shows_window(void **state)
{
	struct diag_place place = { "f", 3, 5001, 2, NULL };
	char *line = malloc(10001), *text;
	struct diag_list list;

	(void)state;
	memset(line, 'x', 10000);
	line[10000] = '\0';
	memcpy(line + 5000, "ab", 2);
	place.source_line = line;
	diag_init(&list);
	diag_add(&list, DIAG_WARNING, &place, NULL, NULL, "w");
	text = printed(&list, false);
	assert_true(strlen(text) < 400);
	assert_non_null(strstr(text, "xabx"));
	assert_non_null(strstr(text, "^~\n"));
	free(text);
	free(line);
	diag_fini(&list);
}

static void diag_format__several__one_line_each(void **state)
{
	struct diag_place place = { "a.cfg", 2, 7, 1, "x" }, whole = { .file = "b.cfg" };
	struct diag_list list;
	struct buf out = { 0 };

	(void)state;
	diag_init(&list);
	diag_add(&list, DIAG_ERROR, &place, "C0001", "do this", "one\ntwo");
	diag_add(&list, DIAG_WARNING, &whole, NULL, NULL, "empty");
	diag_add(&list, DIAG_NOTE, NULL, NULL, NULL, "n");
	diag_format(&list, &out);
	assert_string_equal(out.data, "a.cfg:2:7: error: one two (do this) [C0001]\nb.cfg: warning: empty\nnote: n\n");
	assert_int_equal(list.nr[DIAG_ERROR] * 100 + list.nr[DIAG_WARNING] * 10 + list.nr[DIAG_NOTE], 111);
	buf_fini(&out);
	diag_fini(&list);
}

static void diag_suggest__near_and_far__only_near(void **state)
{
	static const char *const words[] = { "bind", "balance", "server", "default_backend", "mode", NULL };

	(void)state;
	assert_string_equal(diag_suggest("blance", words), "balance");
	assert_string_equal(diag_suggest("sevrer", words), "server");
	assert_string_equal(diag_suggest("default-backend", words), "default_backend");
	assert_string_equal(diag_suggest("bnid", words), "bind");
	assert_null(diag_suggest("frobnicate", words));
	assert_null(diag_suggest("", words));
	assert_null(diag_suggest("x", words));
}

static void buf__grow_consume_and_huge__consistent(void **state)
{
	struct buf b = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		buf_printf(&b, "%04d,", i);
	assert_int_equal(b.len, 5000);
	assert_int_equal(strlen(b.data), 5000);
	buf_consume(&b, 4995);
	assert_string_equal(b.data, "0999,");
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	buf_add(&b, "a\0b", 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_add(&b, "", (size_t)-1 / 2);
	assert_true(b.failed);
	buf_puts(&b, "more");
	assert_int_equal(b.len, 3);
	buf_fini(&b);
}

static void paths_init__names__kept_apart_and_checked(void **state)
{
	struct paths p = { .instance = "old" };
	char long_dir[200];

	(void)state;
	assert_int_equal(paths_init("a/b", NULL, NULL, NULL, &p), -EINVAL);
	assert_int_equal(paths_init("..", NULL, NULL, NULL, &p), -EINVAL);
	assert_int_equal(paths_init("", NULL, NULL, NULL, &p), -EINVAL);
	memset(long_dir, 'd', sizeof(long_dir));
	long_dir[0] = '/';
	long_dir[sizeof(long_dir) - 1] = '\0';
	assert_int_equal(paths_init("a", long_dir, NULL, NULL, &p), -ENAMETOOLONG);
	assert_string_equal(p.instance, "old");
	setenv("XLB_INSTANCE", "from-env", 1);
	assert_int_equal(paths_init(NULL, "/r", "/b", "/s", &p), 0);
	assert_string_equal(p.socket, "/r/from-env.sock");
	assert_string_equal(p.pid_file, "/r/from-env.pid");
	assert_string_equal(p.pin_dir, "/b/xlb/from-env");
	assert_string_equal(p.state_dir, "/s/from-env");
	assert_int_equal(paths_init("arg", NULL, NULL, NULL, &p), 0);
	assert_string_equal(p.instance, "arg");
	unsetenv("XLB_INSTANCE");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(diag_print__place_and_hint__caret_below_word),
		cmocka_unit_test(diag_print__tab_utf8_and_control_bytes__stay_aligned_and_harmless),
		cmocka_unit_test(diag_print__long_line__shows_window),
		cmocka_unit_test(diag_format__several__one_line_each),
		cmocka_unit_test(diag_suggest__near_and_far__only_near),
		cmocka_unit_test(buf__grow_consume_and_huge__consistent),
		cmocka_unit_test(paths_init__names__kept_apart_and_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
