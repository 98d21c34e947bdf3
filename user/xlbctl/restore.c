/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compares two server-state files row by row. Only what an operator sets is taken: the state, weight, address, whether
 * the check is on. Health is what checks find out.
 */
#include "xlbctl/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

enum { NR_FIELDS = 25, NAME_MAX_LEN = 256, WEIGHT_MAX = 256 };

/* Columns of a row, counted from 0. */
enum { F_BACKEND = 1, F_SERVER = 3, F_ADDR = 4, F_ADMIN = 6, F_WEIGHT = 7, F_CHECK = 13, F_FQDN = 17, F_PORT = 18 };

/* Bits of srv_admin_state and srv_check_state. */
enum { FMAINT = 0x01, FDRAIN = 0x08 };
enum { CHECK_CONFIGURED = 2, CHECK_ENABLED = 4 };

struct row {
	char backend[NAME_MAX_LEN + 1], server[NAME_MAX_LEN + 1];
	struct addr addr;
	unsigned int port, admin, weight, check;
	bool by_name; /* the address is a name server's */
	unsigned int line;
};

struct rows {
	struct row *list;
	size_t nr, cap;
};

static void complain(struct diag_list *diags, const char *file, unsigned int line, const char *hint, const char *what)
{
	struct diag_place place = { .file = file, .line = line };

	diag_add(diags, DIAG_ERROR, &place, NULL, hint, "%s", what);
}

static bool number(const char *text, unsigned long max, unsigned int *ret)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > max)
		return false;
	*ret = (unsigned int)n;
	return true;
}

/* NULL, or what is wrong with the line. */
static const char *read_row(char *line, struct row *ret)
{
	char *fields[NR_FIELDS + 1], *save, *p;
	unsigned int nr = 0;

	for (p = strtok_r(line, " \r", &save); p && nr <= NR_FIELDS; p = strtok_r(NULL, " \r", &save))
		fields[nr++] = p;
	if (nr != NR_FIELDS)
		return "a row of a server-state file has 25 columns";
	if (strlen(fields[F_BACKEND]) > NAME_MAX_LEN || strlen(fields[F_SERVER]) > NAME_MAX_LEN)
		return "the name of the server is too long";
	strcpy(ret->backend, fields[F_BACKEND]);
	strcpy(ret->server, fields[F_SERVER]);
	if (strcmp(fields[F_ADDR], "-") != 0 && addr_parse(fields[F_ADDR], &ret->addr))
		return "column srv_addr is not an address";
	if (!number(fields[F_PORT], UINT16_MAX, &ret->port))
		return "column srv_port is not a port";
	if (!number(fields[F_WEIGHT], WEIGHT_MAX, &ret->weight))
		return "column srv_uweight is not a weight from 0 to 256";
	if (!number(fields[F_ADMIN], 0x7f, &ret->admin))
		return "column srv_admin_state is not a state";
	if (!number(fields[F_CHECK], 0xff, &ret->check))
		return "column srv_check_state is not a state";
	ret->by_name = strcmp(fields[F_FQDN], "-") != 0;
	return NULL;
}

/* A new row, zeroed, or NULL. */
static struct row *append(struct rows *rows)
{
	size_t cap = rows->cap ? rows->cap * 2 : 32;
	struct row *list;

	if (rows->nr == rows->cap) {
		list = reallocarray(rows->list, cap, sizeof(*list));
		if (!list)
			return NULL;
		rows->list = list;
		rows->cap = cap;
	}
	memset(&rows->list[rows->nr], 0, sizeof(struct row));
	return &rows->list[rows->nr++];
}

/* One line; comments are skipped, xlb's among them, which say nothing that the columns do not. */
static int read_line(struct rows *rows, const char *file, unsigned int nr, char *line, struct diag_list *diags)
{
	const char *wrong;
	struct row *row;

	if (nr == 1) {
		if (strcmp(line, "1") != 0)
			complain(diags, file, nr, "'xlbctl save' writes one",
				 "this is no server-state file of version 1: its first line is not '1'");
		return 0;
	}
	if (!*line || *line == '#')
		return 0;
	row = append(rows);
	if (!row)
		return -ENOMEM;
	row->line = nr;
	wrong = read_row(line, row);
	if (wrong)
		complain(diags, file, nr, NULL, wrong);
	return 0;
}

static int read_rows(struct rows *rows, const char *file, const char *text, struct diag_list *diags)
{
	unsigned int nr = 0;
	int rc = 0;

	if (!*text)
		complain(diags, file, 0, NULL, "the file is empty");
	while (*text && !rc && (nr != 1 || !diags->nr[DIAG_ERROR])) {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len);

		rc = line ? read_line(rows, file, ++nr, line, diags) : -ENOMEM;
		free(line);
		text += len + (text[len] == '\n');
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->backend, y->backend);

	return order ? order : strcmp(x->server, y->server);
}

static int add_step(struct restore_plan *plan, const struct row *row, const char *action, const char *property,
		    const char *value)
{
	size_t cap = plan->cap ? plan->cap * 2 : 32;
	struct restore_step *steps, *step;

	if (plan->nr == plan->cap) {
		steps = reallocarray(plan->steps, cap, sizeof(*steps));
		if (!steps)
			return -ENOMEM;
		plan->steps = steps;
		plan->cap = cap;
	}
	step = &plan->steps[plan->nr++];
	*step = (struct restore_step){ .action = action, .property = property };
	snprintf(step->server, sizeof(step->server), "%s/%s", row->backend, row->server);
	snprintf(step->value, sizeof(step->value), "%s", value);
	return 0;
}

/* Maintenance hides a drain below it. */
static const char *state_of(const struct row *row)
{
	return row->admin & FMAINT ? "maint" : row->admin & FDRAIN ? "drain" : "ready";
}

/* The state comes last: a server gets connections only when all else is as it was. */
static int compare(struct restore_plan *plan, const struct row *saved, const struct row *now)
{
	int both = saved->check & now->check & CHECK_CONFIGURED;
	char text[RESTORE_WORD_MAX];
	int rc = 0;

	if (!saved->by_name && saved->addr.family &&
	    (!addr_equal(&saved->addr, &now->addr) || saved->port != now->port))
		rc = add_step(plan, saved, "set", "addr", addr_format_port(&saved->addr, (uint16_t)saved->port, text));
	snprintf(text, sizeof(text), "%u", saved->weight);
	if (!rc && saved->weight != now->weight)
		rc = add_step(plan, saved, "weight", NULL, text);
	if (!rc && both && (saved->check ^ now->check) & CHECK_ENABLED)
		rc = add_step(plan, saved, "set", "check", saved->check & CHECK_ENABLED ? "on" : "off");
	if (!rc && strcmp(state_of(saved), state_of(now)) != 0)
		rc = add_step(plan, saved, state_of(saved), NULL, "");
	return rc;
}

int restore_plan(const char *file, const char *saved, const char *now, struct diag_list *diags,
		 struct restore_plan *ret)
{
	struct rows want = { 0 }, have = { 0 };
	struct restore_plan plan = { 0 };
	size_t errors = diags->nr[DIAG_ERROR];
	const struct row *row;
	int rc = read_rows(&want, file, saved, diags);

	if (!rc)
		rc = read_rows(&have, "running state", now, diags);
	if (!rc && diags->nr[DIAG_ERROR] > errors)
		rc = -EINVAL;
	if (!rc && have.nr)
		qsort(have.list, have.nr, sizeof(*have.list), by_name);
	for (size_t i = 0; i < want.nr && !rc; i++) {
		row = have.nr ? bsearch(&want.list[i], have.list, have.nr, sizeof(*row), by_name) : NULL;
		if (row)
			rc = compare(&plan, &want.list[i], row);
		else
			complain(diags, file, want.list[i].line,
				 "remove the line, or reload the configuration that has it",
				 "this server does not run");
	}
	if (!rc && diags->nr[DIAG_ERROR] > errors)
		rc = -EINVAL;
	free(want.list);
	free(have.list);
	if (rc)
		restore_plan_free(&plan);
	else
		*ret = plan;
	return rc;
}

void restore_plan_free(struct restore_plan *plan)
{
	free(plan->steps);
	*plan = (struct restore_plan){ 0 };
}
