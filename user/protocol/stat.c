/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `show stat`: which rows, in which order, in which form. What stands in a row is the business of stat_rows.c.
 *
 * A row per frontend, bind (where 'option socket-stats' asks for it), server and backend, in the order of the file.
 * Made in pieces: the place to go on from is a proxy's number and a server's position, because pointers do not survive
 * a reload between two pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/stat.h"

static const struct cell_column columns[] = {
#define COLUMN_ROW(name, tags, what) { #name, tags, what },
	STAT_COLUMNS(COLUMN_ROW)
#undef COLUMN_ROW
};

static const struct cell_owner owners[NR_STAT_TYPES] = {
	[TYPE_FRONTEND] = { .letter = 'F', .object = "Frontend" },
	[TYPE_BACKEND] = { .letter = 'B', .object = "Backend" },
	[TYPE_SERVER] = { .letter = 'S', .object = "Server" },
	[TYPE_BIND] = { .letter = 'L', .object = "Listener" },
};

struct stat_filter {
	long iid, sid;	   /* -1: all */
	long type_mask;	   /* 1 << enum stat_type */
	bool up, no_maint; /* leave out servers that are not up, or in maintenance */
	bool desc;	   /* say what each value is, in typed lines */
	enum cell_format format;
};

struct dump {
	struct runtime_job job;
	struct stat_source src;
	struct buf *out; /* of the step that runs */
	struct stat_filter filter;
	unsigned int nr_rows;
	bool begun;
	/* Where to go on: everything before has been written. */
	unsigned int iid;
	bool in_servers;       /* of that proxy; what comes before them has been written */
	unsigned int position; /* within them */
};

/* A frontend, a backend, or both: 'listen'. */
struct proxy {
	unsigned int id;
	const struct frontend *f;
	const struct backend *b;
};

/* Rows of CSV end with HAProxy's separator "-" of the columns of modules, of which there are none. */
static void put_row(struct dump *d, enum stat_type type, const struct stat_row *row)
{
	struct cell_owner owner = owners[type];
	unsigned int i;

	owner.proxy = (unsigned int)row->cell[STAT_iid].n;
	owner.id = (unsigned int)row->cell[STAT_sid].n;
	switch (d->filter.format) {
	case CELL_CSV:
		for (i = 0; i < STAT_NR; i++) {
			cell_put_csv(d->out, &row->cell[i]);
			buf_add(d->out, ",", 1);
		}
		buf_puts(d->out, "-,\n");
		break;
	case CELL_TYPED:
		cell_put_typed(d->out, &owner, columns, row->cell, STAT_NR, d->filter.desc);
		break;
	case CELL_JSON:
		buf_puts(d->out, d->nr_rows ? "," : "");
		cell_put_json(d->out, &owner, columns, row->cell, STAT_NR);
		break;
	}
	d->nr_rows++;
}

static bool is_wanted(const struct dump *d, enum stat_type type, unsigned int sid)
{
	return d->filter.type_mask & 1 << type && (d->filter.sid < 0 || d->filter.sid == (long)sid);
}

static void dump_frontend(struct dump *d, const struct frontend *f)
{
	struct stat_row row = { 0 };

	if (!is_wanted(d, TYPE_FRONTEND, 0))
		return;
	stat_row_frontend(&d->src, f, &row);
	put_row(d, TYPE_FRONTEND, &row);
}

static void dump_binds(struct dump *d, const struct frontend *f)
{
	const struct bind *b;
	unsigned int sid = 0;

	TAILQ_FOREACH(b, &f->binds, next) {
		struct stat_row row = { 0 };

		sid++;
		if (!f->socket_stats || !is_wanted(d, TYPE_BIND, b->id ? b->id : sid))
			continue;
		stat_row_bind(f, b, sid, &row);
		put_row(d, TYPE_BIND, &row);
	}
}

static void dump_server(struct dump *d, const struct server *s)
{
	bool maint = s->run.admin & SERVER_MAINT;
	struct stat_row row = { 0 };

	if (!is_wanted(d, TYPE_SERVER, s->id))
		return;
	if (maint ? d->filter.up || d->filter.no_maint : d->filter.up && !server_is_up(s))
		return;
	stat_row_server(&d->src, s, &row);
	put_row(d, TYPE_SERVER, &row);
}

/* Servers from d->position on; false when the piece is full before the last of them. */
static bool dump_servers(struct dump *d, const struct backend *b)
{
	const struct server *s;
	unsigned int i = 0;

	TAILQ_FOREACH(s, &b->servers, next) {
		if (i++ < d->position)
			continue;
		if (d->out->len >= RUNTIME_PIECE)
			return false;
		dump_server(d, s);
		d->position++;
	}
	return true;
}

static void dump_backend(struct dump *d, const struct backend *b)
{
	struct stat_row row = { 0 };

	if (!is_wanted(d, TYPE_BACKEND, 0))
		return;
	stat_row_backend(&d->src, b, d->filter.up || d->filter.no_maint, &row);
	put_row(d, TYPE_BACKEND, &row);
}

/* The rows of a proxy from where the last piece ended; false when this one is full. */
static bool dump_proxy(struct dump *d, const struct proxy *p)
{
	if (d->iid != p->id) {
		d->iid = p->id;
		d->in_servers = false;
		d->position = 0;
	}
	if (!d->in_servers && p->f) {
		dump_frontend(d, p->f);
		dump_binds(d, p->f);
	}
	d->in_servers = true;
	if (p->b && !dump_servers(d, p->b))
		return false;
	if (p->b)
		dump_backend(d, p->b);
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct proxy *p = a, *q = b;

	return p->id < q->id ? -1 : p->id > q->id;
}

/* All proxies in the order of the file; NULL: out of memory. The halves of a 'listen' are one. */
static struct proxy *proxy_list(const struct model *m, size_t *ret_nr)
{
	struct proxy *list = calloc(m->nr_frontends + m->nr_backends + 1, sizeof(*list));
	const struct frontend *f;
	const struct backend *b;
	size_t nr = 0, i, kept = 0;

	if (!list)
		return NULL;
	TAILQ_FOREACH(f, &m->frontends, next)
		list[nr++] = (struct proxy){ .id = f->id, .f = f };
	TAILQ_FOREACH(b, &m->backends, next)
		list[nr++] = (struct proxy){ .id = b->id, .b = b };
	qsort(list, nr, sizeof(*list), by_id);
	for (i = 0; i < nr; i++) {
		if (kept && list[kept - 1].id == list[i].id) {
			list[kept - 1].f = list[i].f ? list[i].f : list[kept - 1].f;
			list[kept - 1].b = list[i].b ? list[i].b : list[kept - 1].b;
		} else {
			list[kept++] = list[i];
		}
	}
	*ret_nr = kept;
	return list;
}

/* JSON is one array of rows; typed lines have no header. */
static void put_header(struct dump *d)
{
	unsigned int i;

	if (d->filter.format == CELL_JSON)
		buf_puts(d->out, "[");
	if (d->filter.format != CELL_CSV)
		return;
	buf_puts(d->out, "# ");
	for (i = 0; i < STAT_NR; i++)
		buf_printf(d->out, "%s,", columns[i].name);
	buf_puts(d->out, "-,\n");
}

/* The next piece. Returns false when all is written. */
static bool dump_piece(struct dump *d)
{
	struct runtime_info info = { 0 };
	struct proxy *list;
	size_t nr, i;

	list = proxy_list(d->src.host->model(d->src.arg), &nr);
	if (!list) {
		d->out->failed = true;
		return false;
	}
	d->src.host->info(d->src.arg, &info);
	d->src.flow_capacity = info.flows_capacity;
	d->src.now_ms = d->src.host->now_ms(d->src.arg);
	if (!d->begun)
		put_header(d);
	d->begun = true;
	for (i = 0; i < nr; i++) {
		if ((d->filter.iid != -1 && d->filter.iid != (long)list[i].id) || list[i].id < d->iid)
			continue;
		if (d->out->len >= RUNTIME_PIECE || !dump_proxy(d, &list[i]))
			break;
		d->iid = list[i].id + 1;
		d->in_servers = false;
		d->position = 0;
	}
	free(list);
	if (i < nr)
		return !d->out->failed;
	if (d->filter.format == CELL_JSON)
		buf_puts(d->out, "]\n");
	return false;
}

static const struct stat_filter everything = { .iid = -1, .sid = -1, .type_mask = -1 };

void stat_csv(const struct runtime_host *host, void *arg, struct buf *out)
{
	struct dump d = { .src = { .host = host, .arg = arg }, .filter = everything };
	struct buf piece = { 0 };
	bool more = true;

	while (more && !out->failed) {
		d.out = &piece;
		more = dump_piece(&d);
		out->failed = out->failed || piece.failed;
		buf_add(out, piece.data, piece.len);
		buf_consume(&piece, piece.len);
	}
	buf_fini(&piece);
}

/* Words 'i' to i + 2 as {iid|proxy} type sid. Returns false after having said what is wrong. */
static bool parse_selection(struct call *c, unsigned int i, struct stat_filter *filter)
{
	const char *proxy = c->argv[i];
	const struct frontend *f;
	const struct backend *b;
	char *end;

	filter->iid = strtol(proxy, &end, 10);
	if (*end || end == proxy) {
		f = model_frontend_find(c->model, proxy);
		b = model_backend_find(c->model, proxy);
		if (!f && !b) {
			call_say(c, CALL_ERROR, "No such proxy.\n");
			return false;
		}
		filter->iid = f ? (long)f->id : (long)b->id;
	} else if (filter->iid < -1) {
		filter->iid = -1;
	}
	filter->type_mask = atol(c->argv[i + 1]);
	filter->sid = atol(c->argv[i + 2]);
	return true;
}

static bool stat_step(struct call *c, struct runtime_job *job)
{
	struct dump *d = (struct dump *)job;

	d->out = c->out;
	return dump_piece(d);
}

static void stat_end(struct runtime_job *job)
{
	free(job);
}

static void parse_options(const struct call *c, unsigned int i, struct stat_filter *filter)
{
	for (; i < c->argc; i++) {
		if (strcmp(c->argv[i], "typed") == 0)
			filter->format = CELL_TYPED;
		else if (strcmp(c->argv[i], "json") == 0)
			filter->format = CELL_JSON;
		else if (strcmp(c->argv[i], "desc") == 0)
			filter->desc = true;
		else if (strcmp(c->argv[i], "up") == 0)
			filter->up = true;
		else if (strcmp(c->argv[i], "no-maint") == 0)
			filter->no_maint = true;
	}
}

/* Unknown words are ignored, as HAProxy does. */
void run_show_stat(struct call *c)
{
	struct stat_filter filter = everything;
	unsigned int i = 2;
	struct dump *d;

	if (strcmp(c->argv[i], "domain") == 0) {
		if (strcmp(c->argv[i + 1], "proxy") != 0) {
			call_say(c, CALL_ERROR, "Invalid statistics domain.\n");
			return;
		}
		i += 2;
	}
	if (i + 2 < c->argc && !parse_selection(c, i, &filter))
		return;
	parse_options(c, i, &filter);
	d = calloc(1, sizeof(*d));
	if (d) {
		d->job = (struct runtime_job){ .step = stat_step, .end = stat_end };
		d->src = (struct stat_source){ .host = c->host, .arg = c->arg };
		d->filter = filter;
	}
	call_start(c, d ? &d->job : NULL);
}
