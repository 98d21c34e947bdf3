/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables for people, drawn by libsmartcols. Out of memory ends the program: there is nothing else to say then. */
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "xlbctl/ctl.h"

struct table {
	struct libscols_table *scols;
	size_t nr_columns;
};

static void *need(void *p)
{
	if (!p)
		exit(ctl_fail(CTL_FAILED, "out of memory."));
	return p;
}

/* Off a terminal lines are never cut to a width: a pipe must see every cell. */
struct table *table_new(const struct table_column *columns, size_t nr)
{
	struct table *t = need(calloc(1, sizeof(*t)));
	size_t i;

	t->scols = need(scols_new_table());
	t->nr_columns = nr;
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
	for (i = 0; i < nr; i++)
		need(scols_table_new_column(t->scols, columns[i].name, 0, columns[i].right ? SCOLS_FL_RIGHT : 0));
	return t;
}

void table_row(struct table *t, const char *const *cells)
{
	struct libscols_line *line = need(scols_table_new_line(t->scols, NULL));
	size_t i;

	for (i = 0; i < t->nr_columns; i++)
		if (cells[i] && scols_line_set_data(line, i, cells[i]))
			need(NULL);
}

void table_print_free(struct table *t)
{
	scols_print_table(t->scols);
	scols_unref_table(t->scols);
	free(t);
}
