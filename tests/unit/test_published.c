/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fifty configurations of the kind that people publish, a verdict in front of each line (tests/golden/README).
 *
 * With everything in force each line must get its verdict. With what this version has in force a line may only get a
 * graver one: none is accepted silently because the data plane cannot do it yet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "config/conf.h"
#include "model/capability.h"

enum { LINES_MAX = 128, NR_CONFIGS = 50 };

/* One configuration of the file. */
struct published {
	char name[80];
	struct buf text;
	char letters[LINES_MAX]; /* verdict by line, from 1 */
	unsigned int nr_lines;
};

static const char letters[NR_FATES] = {
	[FATE_ACCEPTED] = 'A',	   [FATE_MAPPED] = 'M', [FATE_IGNORED] = 'I', [FATE_UNREAD] = 'U',
	[FATE_NOT_ENFORCED] = 'N', [FATE_LEFT] = 'L',	[FATE_INVALID] = 'X',
};

static enum conf_fate fate_of(char letter)
{
	for (int i = 0; i < NR_FATES; i++)
		if (letters[i] == letter)
			return (enum conf_fate)i;
	fail_msg("no verdict is called '%c'", letter);
	return NR_FATES;
}

/* What the parser says of the lines; 'can' as in conf_options. Freed by the caller. */
static struct conf_verdicts judge(const struct published *c, const bool *can)
{
	struct conf_verdicts verdicts = { 0 };
	struct conf_options opt = { .numeric = true, .can = can, .verdicts = &verdicts };
	struct diag_list diags;
	struct model *m = NULL;

	diag_init(&diags);
	conf_load_text(c->name, c->text.data, c->text.len, &opt, &diags, &m);
	model_free(m);
	diag_fini(&diags);
	return verdicts;
}

/* Number of lines whose verdict is not the one written in front of them. */
static unsigned int check_all_in_force(const struct published *c)
{
	struct conf_verdicts v;
	bool all[NR_CAPABILITIES];
	unsigned int wrong = 0;

	memset(all, true, sizeof(all));
	v = judge(c, all);
	if (v.nr != c->nr_lines) {
		print_error("%s: %zu verdicts for %u lines\n", c->name, v.nr, c->nr_lines);
		wrong++;
	}
	for (size_t i = 0; i < v.nr; i++) {
		const struct conf_verdict *line = &v.list[i];

		if (line->line <= c->nr_lines && letters[line->fate] == c->letters[line->line])
			continue;
		print_error("%s:%u: expected %c, got %c: %s (%s)\n", c->name, line->line, c->letters[line->line],
			    letters[line->fate], line->text, line->why ? line->why : "-");
		wrong++;
	}
	conf_verdicts_fini(&v);
	return wrong;
}

/* Of a file that is refused as a whole nothing is accepted. */
static unsigned int check_this_version(const struct published *c)
{
	struct conf_verdicts v = judge(c, NULL);
	unsigned int wrong = 0;
	bool refused = false;

	for (size_t i = 0; i < v.nr; i++)
		refused |= v.list[i].fate == FATE_INVALID;
	for (size_t i = 0; !refused && i < v.nr; i++) {
		const struct conf_verdict *line = &v.list[i];

		if (line->fate >= fate_of(c->letters[line->line]))
			continue;
		print_error("%s:%u: better than with everything in force: %s\n", c->name, line->line, line->text);
		wrong++;
	}
	conf_verdicts_fini(&v);
	return wrong;
}

/* Every line that is not plainly accepted says why. */
static unsigned int check_reasons(const struct published *c)
{
	struct conf_verdicts v = judge(c, NULL);
	unsigned int wrong = 0;

	for (size_t i = 0; i < v.nr; i++) {
		if (v.list[i].fate == FATE_ACCEPTED || v.list[i].why)
			continue;
		print_error("%s:%u: %s without a reason: %s\n", c->name, v.list[i].line, conf_fate_name(v.list[i].fate),
			    v.list[i].text);
		wrong++;
	}
	conf_verdicts_fini(&v);
	return wrong;
}

static unsigned int check_config(struct published *c)
{
	unsigned int wrong = 0;

	if (c->nr_lines)
		wrong = check_all_in_force(c) + check_this_version(c) + check_reasons(c);
	buf_fini(&c->text);
	c->nr_lines = 0;
	return wrong;
}

static void published__fifty_configurations__each_line_has_its_verdict(void **state)
{
	FILE *f = fopen("tests/golden/published.txt", "re");
	struct published c = { 0 };
	unsigned int wrong = 0, nr = 0;
	char line[1024];

	(void)state;
	if (!f)
		fail_msg("tests/golden/published.txt cannot be read; run from the top of the tree");
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "== ", 3)) {
			wrong += check_config(&c);
			snprintf(c.name, sizeof(c.name), "%.*s", (int)strcspn(line + 3, " \n"), line + 3);
			nr++;
			continue;
		}
		assert_true(strlen(line) > 2 && c.nr_lines + 1 < LINES_MAX);
		c.letters[++c.nr_lines] = line[0];
		buf_puts(&c.text, line + 2);
	}
	fclose(f);
	wrong += check_config(&c);
	assert_int_equal(nr, NR_CONFIGS);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published__fifty_configurations__each_line_has_its_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
