/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Conditions of .if: what each gives, and which are none. tests/compat/t_config asks HAProxy the same questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/diag.h"
#include "config/conf.h"

enum answer { NO, YES, NONE };

static enum answer ask(const char *condition)
{
	struct diag_list diags;
	struct model *m = NULL;
	enum answer answer = NONE;
	const struct diag *d;
	char text[512];

	snprintf(text, sizeof(text),
		 "global\n setenv A x\n setenv EMPTY \"\"\n.if %s\n.warning yes\n.else\n.warning no\n.endif\n",
		 condition);
	diag_init(&diags);
	if (!conf_load_text("t", text, strlen(text), NULL, &diags, &m))
		TAILQ_FOREACH(d, &diags.head, next)
			answer = !strcmp(d->text, "yes") ? YES : !strcmp(d->text, "no") ? NO : answer;
	model_free(m);
	diag_fini(&diags);
	return answer;
}

static void condition__of_each_form__as_in_haproxy(void **state)
{
	static const struct {
		const char *condition;
		enum answer answer;
	} cases[] = {
		{ "", NO },
		{ "0", NO },
		{ "1", YES },
		{ "-1", YES },
		{ "00", NO },
		{ "!0", YES },
		{ "!!1", YES },
		{ "! 1", NO },
		{ "1&&0", NO },
		{ "1 || 0 && 0", YES },
		{ "0 || 1 && 0", NO },
		{ "(1 || 0) && 0", NO },
		{ "!(1 && 0)", YES },
		{ "!1 || 1", YES },
		{ "defined(A)", YES },
		{ "defined(EMPTY)", YES },
		{ "defined(NOWHERE)", NO },
		{ "defined( A )", NO },
		{ "defined()", NO },
		{ "defined", NO },
		{ "defined(.LINE)", NO },
		{ "streq(a b,a b)", YES },
		{ "streq(a, a)", NO },
		{ "streq(\"$A\",x)", YES },
		{ "streq(,)", YES },
		{ "strneq(a,)", YES },
		{ "strneq(a,a)", NO },
		{ "feature(OPENSSL)", YES },
		{ "feature(QUIC)", NO },
		{ "version_atleast(2.4)", YES },
		{ "version_atleast(2.6.12)", YES },
		{ "version_atleast(2.6.12.1)", NO },
		{ "version_atleast(2.10)", NO },
		{ "version_atleast(3)", NO },
		{ "version_before(3.0.1-5)", YES },
		{ "version_before(2.6-dev3)", NO },
		{ "defined(A) && !defined(NOWHERE) && version_atleast(2)", YES },
		{ "true", NONE },
		{ "1x", NONE },
		{ "1 0", NONE },
		{ "1 && || 0", NONE },
		{ "1 &&", NONE },
		{ "!", NONE },
		{ "()", NONE },
		{ "(1", NONE },
		{ "1)", NONE },
		{ "streq(a)", NONE },
		{ "streq(a,b", NONE },
		{ "streq(a,b,c)", NONE },
		{ "streq", NONE },
		{ "defined(A)x", NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ask(cases[i].condition) != cases[i].answer)
			fail_msg("'%s'", cases[i].condition);
}

static void condition__nested_without_end__refused(void **state)
{
	char deep[256];

	(void)state;
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(ask(deep), NONE);
	memset(deep, '!', sizeof(deep) - 2);
	assert_int_equal(ask(deep), NONE);
}

static void pseudo_variables__in_messages__name_the_place(void **state)
{
	static const char text[] = "global\n.notice \"${.FILE} ${.LINE} ${.SECTION}\"\ndefaults d\n"
				   ".notice \"${.LINE} ${.SECTION}${.NOTHING}\"\n";
	struct diag_list diags;
	struct model *m = NULL;
	const struct diag *d;

	(void)state;
	diag_init(&diags);
	assert_int_equal(conf_load_text("t", text, sizeof(text) - 1, NULL, &diags, &m), 0);
	d = TAILQ_FIRST(&diags.head);
	assert_non_null(d);
	assert_string_equal(d->text, "t 2 global");
	d = TAILQ_NEXT(d, next);
	assert_non_null(d);
	assert_string_equal(d->text, "4 d");
	model_free(m);
	diag_fini(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(condition__of_each_form__as_in_haproxy),
		cmocka_unit_test(condition__nested_without_end__refused),
		cmocka_unit_test(pseudo_variables__in_messages__name_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
