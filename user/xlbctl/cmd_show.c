/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* show frontends, backends, servers, checks, binds, flows: a request, then JSON as it came or a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "xlbctl/ctl.h"

enum { FLOWS_SHOWN = 1000, MAX_COLUMNS = 12, CELL = 32 };

/* A column: a member of the daemon's rows, and how it is written. Numbers are set to the right. */
struct column {
	const char *title, *member;
	enum { TEXT, COUNT, SECONDS, LIST } kind;
};

static const struct column frontend_columns[] = {
	{ "FRONTEND", "name", TEXT },
	{ "STATE", "state", TEXT },
	{ "BINDS", "binds", LIST },
	{ "BACKEND", "backend", TEXT },
	{ "ACTIVE", "connections_active", COUNT },
	{ "TOTAL", "connections_total", COUNT },
	{ "DENIED", "connections_denied", COUNT },
	{ "RATE", "rate", COUNT },
	{ "PACKETS", "packets_total", COUNT },
	{ "BYTES IN", "bytes_in", COUNT },
	{ "BYTES OUT", "bytes_out", COUNT },
};

static const struct column backend_columns[] = {
	{ "BACKEND", "name", TEXT },
	{ "STATE", "state", TEXT },
	{ "SERVERS", "servers", COUNT },
	{ "USABLE", "servers_active", COUNT },
	{ "BACKUP", "servers_backup", COUNT },
	{ "ACTIVE", "connections_active", COUNT },
	{ "TOTAL", "connections_total", COUNT },
	{ "RATE", "rate", COUNT },
	{ "PACKETS", "packets_total", COUNT },
	{ "BYTES IN", "bytes_in", COUNT },
	{ "BYTES OUT", "bytes_out", COUNT },
};

static const struct column server_columns[] = {
	{ "BACKEND", "backend", TEXT },
	{ "SERVER", "name", TEXT },
	{ "ADDRESS", "address", TEXT },
	{ "PORT", "port", COUNT },
	{ "STATE", "state", TEXT },
	{ "SINCE", "last_change_s", SECONDS },
	{ "CHECK", "check_status", TEXT },
	{ "WEIGHT", "weight", COUNT },
	{ "ACTIVE", "connections_active", COUNT },
	{ "TOTAL", "connections_total", COUNT },
	{ "BYTES IN", "bytes_in", COUNT },
	{ "BYTES OUT", "bytes_out", COUNT },
};

static const struct column check_columns[] = {
	{ "BACKEND", "backend", TEXT },	   { "SERVER", "name", TEXT },		 { "STATE", "state", TEXT },
	{ "CHECK", "check_status", TEXT }, { "MS", "check_duration_ms", COUNT }, { "HEALTH", "check_health", COUNT },
	{ "RISE", "check_rise", COUNT },   { "FALL", "check_fall", COUNT },	 { "FAILED", "check_failed", COUNT },
	{ "AGENT", "agent_status", TEXT }, { "WHAT", "check_desc", TEXT },	 { "INFO", "check_info", TEXT },
};

static const struct column bind_columns[] = {
	{ "FRONTEND", "frontend", TEXT }, { "ADDRESS", "address", TEXT }, { "PORT", "port", COUNT },
	{ "LAST", "port_last", COUNT },	  { "PROTO", "proto", TEXT },	  { "STATE", "state", TEXT },
};

static const struct column flow_columns[] = {
	{ "PROTO", "proto", TEXT },
	{ "CLIENT", "client", TEXT },
	{ "SERVICE", "service", TEXT },
	{ "SOURCE", "source", TEXT },
	{ "DESTINATION", "destination", TEXT },
	{ "BACKEND", "backend", TEXT },
	{ "SERVER", "server", TEXT },
	{ "STATE", "state", TEXT },
	{ "IDLE", "idle_s", SECONDS },
};

/* The elements of a list, with commas. */
static void list_text(const json_t *list, struct buf *out)
{
	const json_t *element;
	size_t i;

	json_array_foreach(list, i, element)
		buf_printf(out, "%s%s", i ? "," : "", json_string_value(element));
}

static void add_row(struct table *t, const struct column *columns, size_t nr, const json_t *row)
{
	const char *cells[MAX_COLUMNS];
	char text[MAX_COLUMNS][CELL];
	struct buf list = { 0 };
	json_int_t n;
	size_t i;

	for (i = 0; i < nr; i++) {
		n = json_integer_value(json_object_get(row, columns[i].member));
		switch (columns[i].kind) {
		case TEXT:
			cells[i] = text_of(row, columns[i].member);
			break;
		case COUNT:
			cells[i] = short_count(n, text[i]);
			break;
		case SECONDS:
			cells[i] = duration_text(n, text[i]);
			break;
		case LIST:
			list_text(json_object_get(row, columns[i].member), &list);
			cells[i] = list.data ? list.data : "-";
			break;
		}
	}
	table_row(t, cells);
	buf_fini(&list);
}

_Static_assert(sizeof(server_columns) / sizeof(server_columns[0]) <= MAX_COLUMNS, "room for the widest table");
_Static_assert(sizeof(check_columns) / sizeof(check_columns[0]) <= MAX_COLUMNS, "room for the widest table");
_Static_assert(sizeof(backend_columns) / sizeof(backend_columns[0]) <= MAX_COLUMNS, "room for the widest table");

static void print_rows(const struct column *columns, size_t nr, const json_t *rows)
{
	struct table_column titles[MAX_COLUMNS];
	const json_t *row;
	struct table *t;
	size_t i;

	for (i = 0; i < nr; i++)
		titles[i] = (struct table_column){ columns[i].title,
						   columns[i].kind == COUNT || columns[i].kind == SECONDS };
	t = table_new(titles, nr);
	json_array_foreach(rows, i, row)
		add_row(t, columns, nr, row);
	table_print_free(t);
}

static enum ctl_exit show(struct ctl *c, const char *what, const struct column *columns, size_t nr)
{
	json_t *rows = NULL;
	enum ctl_exit code = ask(c, json_pack("{s:s,s:s}", "cmd", "show", "what", what), &rows);

	if (code)
		return code;
	if (c->values.json)
		print_json(rows);
	else
		print_rows(columns, nr, rows);
	json_decref(rows);
	return CTL_OK;
}

enum ctl_exit cmd_show_frontends(struct ctl *c)
{
	return show(c, "frontends", frontend_columns, sizeof(frontend_columns) / sizeof(frontend_columns[0]));
}

enum ctl_exit cmd_show_backends(struct ctl *c)
{
	return show(c, "backends", backend_columns, sizeof(backend_columns) / sizeof(backend_columns[0]));
}

enum ctl_exit cmd_show_binds(struct ctl *c)
{
	return show(c, "binds", bind_columns, sizeof(bind_columns) / sizeof(bind_columns[0]));
}

/* Leaves the rows whose member 'backend' is 'name'. Returns their number. */
static size_t keep_backend(json_t *rows, const char *name)
{
	size_t i = 0;

	while (i < json_array_size(rows)) {
		if (strcmp(text_of(json_array_get(rows, i), "backend"), name) == 0)
			i++;
		else
			json_array_remove(rows, i);
	}
	return i;
}

/* Servers, all or of one backend, seen from one side. */
static enum ctl_exit show_servers(struct ctl *c, const struct column *columns, size_t nr)
{
	json_t *rows = NULL;
	enum ctl_exit code = ask(c, json_pack("{s:s,s:s}", "cmd", "show", "what", "servers"), &rows);

	if (code)
		return code;
	if (c->nr_words && !keep_backend(rows, c->words[0])) {
		json_decref(rows);
		return ctl_fail(CTL_NOT_FOUND, "there is no server in a backend '%s'; xlbctl show backends lists them.",
				c->words[0]);
	}
	if (c->values.json)
		print_json(rows);
	else
		print_rows(columns, nr, rows);
	json_decref(rows);
	return CTL_OK;
}

enum ctl_exit cmd_show_servers(struct ctl *c)
{
	return show_servers(c, server_columns, sizeof(server_columns) / sizeof(server_columns[0]));
}

enum ctl_exit cmd_show_checks(struct ctl *c)
{
	return show_servers(c, check_columns, sizeof(check_columns) / sizeof(check_columns[0]));
}

/* A person gets the first thousand, a program all: the daemon stops reading its table where the limit is. */
enum ctl_exit cmd_show_flows(struct ctl *c)
{
	long limit = c->values.json ? 0 : FLOWS_SHOWN;
	json_t *rows = NULL;
	enum ctl_exit code;
	char *end;

	if (c->values.limit) {
		limit = strtol(c->values.limit, &end, 10);
		if (*end || end == c->values.limit || limit < 0)
			return ctl_fail(CTL_USAGE, "--limit is a number, not '%s'.", c->values.limit);
	}
	code = ask(c, json_pack("{s:s,s:s,s:I}", "cmd", "show", "what", "flows", "limit", (json_int_t)limit), &rows);
	if (code)
		return code;
	if (c->values.json)
		print_json(rows);
	else
		print_rows(flow_columns, sizeof(flow_columns) / sizeof(flow_columns[0]), rows);
	if (!c->values.json && limit && (size_t)limit == json_array_size(rows))
		printf("The first %ld flows; --limit 0 shows all.\n", limit);
	json_decref(rows);
	return CTL_OK;
}
