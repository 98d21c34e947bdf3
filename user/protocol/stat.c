/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `show stat`: a row per frontend, server and backend, in the order of the file.
 *
 * What HAProxy's words mean for packets: a session is a flow, a connection attempt is the first packet of one, an
 * aborted one ended by RST. Nothing is queued, so the queue columns are 0; what only a proxy can know stays empty.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/cell.h"
#include "protocol/command.h"
#include "protocol/stat_columns.h"

enum stat_column {
#define COLUMN_ENUM(name, tags) STAT_##name,
	STAT_COLUMNS(COLUMN_ENUM)
#undef COLUMN_ENUM
		STAT_NR
};

static const struct cell_column columns[] = {
#define COLUMN_ROW(name, tags) { #name, tags },
	STAT_COLUMNS(COLUMN_ROW)
#undef COLUMN_ROW
};

/* Values of column 'type', and bits of the filter: 1 << type. */
enum stat_type { TYPE_FRONTEND, TYPE_BACKEND, TYPE_SERVER };

static const struct cell_owner owners[] = {
	[TYPE_FRONTEND] = { .letter = 'F', .object = "Frontend" },
	[TYPE_BACKEND] = { .letter = 'B', .object = "Backend" },
	[TYPE_SERVER] = { .letter = 'S', .object = "Server" },
};

struct stat_filter {
	long iid, sid;	   /* -1: all */
	long type_mask;	   /* 1 << enum stat_type */
	bool up, no_maint; /* leave out servers that are not up, or in maintenance */
	enum cell_format format;
};

struct dump {
	const struct runtime_host *host;
	void *arg;
	struct buf *out;
	struct stat_filter filter;
	uint64_t now_ms;
	uint64_t flow_capacity;
	unsigned int nr_rows;
};

/* A row under construction, with room for the texts that its cells point to. */
struct row {
	struct cell cell[STAT_NR];
	char status[48], check_status[32], addr[ADDR_TEXT_MAX];
};

/* A frontend, a backend, or both: 'listen'. */
struct proxy {
	unsigned int id;
	const struct frontend *f;
	const struct backend *b;
};

/* Rows of CSV end with HAProxy's separator "-" of the columns of modules, of which there are none. */
static void put_row(struct dump *d, enum stat_type type, const struct row *row)
{
	struct cell_owner owner = owners[type];
	unsigned int i;

	owner.proxy = (unsigned int)row->cell[STAT_iid].n;
	owner.id = (unsigned int)row->cell[STAT_sid].n;
	switch (d->filter.format) {
	case CELL_CSV:
		for (i = 0; i < STAT_NR; i++) {
			cell_put_csv(d->out, &row->cell[i]);
			buf_puts(d->out, ",");
		}
		buf_puts(d->out, "-,\n");
		break;
	case CELL_TYPED:
		cell_put_typed(d->out, &owner, columns, row->cell, STAT_NR);
		break;
	case CELL_JSON:
		buf_puts(d->out, d->nr_rows ? "," : "");
		cell_put_json(d->out, &owner, columns, row->cell, STAT_NR);
		break;
	}
	d->nr_rows++;
}

/* The mode is what happens to the packets: tcp, also where the file says http. */
static void fill_name(struct row *row, const char *proxy, const char *name, unsigned int iid, unsigned int sid,
		      enum stat_type type)
{
	row->cell[STAT_pxname] = cell_str(proxy);
	row->cell[STAT_svname] = cell_str(name);
	row->cell[STAT_pid] = cell_u32(1);
	row->cell[STAT_iid] = cell_u32(iid);
	row->cell[STAT_sid] = cell_u32(sid);
	row->cell[STAT_type] = cell_u32(type);
	row->cell[STAT_mode] = cell_str("tcp");
}

/* bytes_in come from clients, bytes_out go to them; both count whole frames. */
static void fill_traffic(struct row *row, const struct runtime_counters *n)
{
	row->cell[STAT_scur] = cell_u32(n->active);
	row->cell[STAT_smax] = cell_u32(n->active_max);
	row->cell[STAT_stot] = cell_u64(n->s.connections);
	row->cell[STAT_bin] = cell_u64(n->s.bytes_in);
	row->cell[STAT_bout] = cell_u64(n->s.bytes_out);
	row->cell[STAT_dresp] = cell_u64(0);
	row->cell[STAT_rate] = cell_u32(n->rate);
	row->cell[STAT_rate_max] = cell_u32(n->rate_max);
}

/* What servers and backends have and frontends have not. */
static void fill_serving(struct row *row, const struct runtime_counters *n)
{
	row->cell[STAT_qcur] = cell_u32(0);
	row->cell[STAT_qmax] = cell_u32(0);
	row->cell[STAT_econ] = cell_u64(n->s.refused);
	row->cell[STAT_eresp] = cell_u64(0);
	row->cell[STAT_wretr] = cell_u64(0);
	row->cell[STAT_wredis] = cell_u64(0);
	row->cell[STAT_lbtot] = cell_u64(n->s.connections);
	row->cell[STAT_cli_abrt] = cell_u64(n->s.client_resets);
	row->cell[STAT_srv_abrt] = cell_u64(n->s.server_resets);
	row->cell[STAT_lastsess] = cell_s32(n->last_new_s > INT32_MAX ? -1 : (int32_t)n->last_new_s);
	row->cell[STAT_qtime] = cell_u32(0);
	row->cell[STAT_qtime_max] = cell_u32(0);
	row->cell[STAT_connect] = cell_u64(n->s.connections);
	row->cell[STAT_reuse] = cell_u64(0);
}

static const char *frontend_status(const struct frontend *f)
{
	if (f->left_to_stack)
		return "STOP"; /* its packets pass to the host */
	return f->disabled ? "PAUSED" : "OPEN";
}

static void dump_frontend(struct dump *d, const struct frontend *f)
{
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	struct row row = { 0 };

	if (!(d->filter.type_mask & 1 << TYPE_FRONTEND) || (d->filter.sid > 0))
		return;
	d->host->frontend_counters(d->arg, f, &n);
	fill_name(&row, f->name, "FRONTEND", f->id, 0, TYPE_FRONTEND);
	fill_traffic(&row, &n);
	row.cell[STAT_slim] = cell_u32(f->maxconn ? f->maxconn : d->flow_capacity);
	row.cell[STAT_dreq] = cell_u64(0);
	row.cell[STAT_ereq] = cell_u64(0);
	row.cell[STAT_status] = cell_str(frontend_status(f));
	row.cell[STAT_rate_lim] = cell_u32(0);
	row.cell[STAT_conn_rate] = cell_u32(n.rate);
	row.cell[STAT_conn_rate_max] = cell_u32(n.rate_max);
	row.cell[STAT_conn_tot] = cell_u64(n.s.connections);
	row.cell[STAT_dcon] = cell_u64(0);
	row.cell[STAT_dses] = cell_u64(0);
	put_row(d, TYPE_FRONTEND, &row);
}

/* The columns of a check; 'paused' is a server in maintenance, whose last result is old. */
static void fill_check(struct row *row, const struct server *s, bool paused)
{
	const struct check_state *check = &s->run.check;

	row->cell[STAT_chkfail] = cell_u64(check->failed);
	row->cell[STAT_chkdown] = cell_u64(check->downs);
	if (paused)
		return;
	snprintf(row->check_status, sizeof(row->check_status), "%s%s", s->run.check_running ? "* " : "",
		 check_code_name(check->code));
	row->cell[STAT_check_status] = cell_str(row->check_status);
	if (check->status)
		row->cell[STAT_check_code] = cell_u32((uint64_t)check->status);
	if (check->code != CHECK_INI && check->duration_ms >= 0)
		row->cell[STAT_check_duration] = cell_u64((uint64_t)check->duration_ms);
	if (check->desc[0])
		row->cell[STAT_last_chk] = cell_str(check->desc);
	row->cell[STAT_check_desc] = cell_str(check_code_desc(check->code));
	row->cell[STAT_check_rise] = cell_u32(s->check.rise);
	row->cell[STAT_check_fall] = cell_u32(s->check.fall);
	row->cell[STAT_check_health] = cell_u32(check->health < 0 ? 0 : (uint64_t)check->health);
}

static uint64_t seconds_since(const struct dump *d, uint64_t then_ms)
{
	return d->now_ms > then_ms ? (d->now_ms - then_ms) / 1000 : 0;
}

/* Earlier outages and the one that lasts. */
static uint64_t downtime_s(const struct dump *d, uint64_t total_ms, uint64_t down_since_ms)
{
	if (down_since_ms && d->now_ms > down_since_ms)
		total_ms += d->now_ms - down_since_ms;
	return total_ms / 1000;
}

/*
 * 'weight' is the one in force, also of a server that takes no flows; check columns are empty for a server without
 * check, and all but the counters of them in maintenance, where the last result says nothing any more.
 */
static void dump_server(struct dump *d, const struct backend *b, const struct server *s)
{
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	bool maint = s->run.admin & SERVER_MAINT;
	struct row row = { 0 };
	char status[32];

	if (!(d->filter.type_mask & 1 << TYPE_SERVER) || (d->filter.sid != -1 && d->filter.sid != (long)s->id))
		return;
	if (maint ? d->filter.up || d->filter.no_maint : d->filter.up && !server_is_up(s))
		return;
	d->host->server_counters(d->arg, s, &n);
	fill_name(&row, b->name, s->name, b->id, s->id, TYPE_SERVER);
	fill_traffic(&row, &n);
	fill_serving(&row, &n);
	snprintf(row.status, sizeof(row.status), "%s", server_status(s, status));
	row.cell[STAT_status] = cell_str(row.status);
	row.cell[STAT_weight] = cell_u32(s->run.weight);
	row.cell[STAT_uweight] = cell_u32(s->run.weight);
	row.cell[STAT_act] = cell_u32(!s->backup);
	row.cell[STAT_bck] = cell_u32(s->backup);
	row.cell[STAT_used_conn_cur] = cell_u32(n.active);
	row.cell[STAT_lastchg] = cell_u32(seconds_since(d, s->run.last_change_ms));
	if (s->run.check_enabled) {
		fill_check(&row, s, maint);
		row.cell[STAT_downtime] = cell_u32(downtime_s(d, s->run.downtime_ms, s->run.down_since_ms));
	}
	if (s->addr.family)
		row.cell[STAT_addr] = cell_str(addr_format_port(&s->addr, s->port, row.addr));
	put_row(d, TYPE_SERVER, &row);
}

/* Sum of the weights that new flows are shared out by. */
static unsigned int backend_weight(const struct backend *b)
{
	struct server **eligible;
	unsigned int i, nr, sum = 0;

	if (!b->nr_servers)
		return 0;
	eligible = calloc(b->nr_servers, sizeof(*eligible));
	if (!eligible)
		return 0;
	nr = backend_eligible(b, eligible, b->nr_servers);
	for (i = 0; i < nr && i < b->nr_servers; i++)
		sum += eligible[i]->run.weight;
	free(eligible);
	return sum;
}

/* With a filter on servers HAProxy tells in brackets how many of them run. */
static void backend_status(const struct dump *d, const struct backend *b, unsigned int weight, char *buf, size_t cap)
{
	const char *word = weight || !b->nr_servers ? "UP" : "DOWN";
	const struct server *s;
	unsigned int up = 0;

	TAILQ_FOREACH(s, &b->servers, next)
		up += !(s->run.admin & SERVER_MAINT) && server_is_up(s);
	if (d->filter.up || d->filter.no_maint)
		snprintf(buf, cap, "%s (%u/%u)", word, up, b->nr_servers);
	else
		snprintf(buf, cap, "%s", word);
}

static void dump_backend(struct dump *d, const struct backend *b)
{
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	unsigned int active = 0, backup = 0, weight;
	struct row row = { 0 };

	if (!(d->filter.type_mask & 1 << TYPE_BACKEND) || d->filter.sid > 0)
		return;
	weight = backend_weight(b);
	backend_count(b, &active, &backup);
	d->host->backend_counters(d->arg, b, &n);
	fill_name(&row, b->name, "BACKEND", b->id, 0, TYPE_BACKEND);
	fill_traffic(&row, &n);
	fill_serving(&row, &n);
	backend_status(d, b, weight, row.status, sizeof(row.status));
	row.cell[STAT_status] = cell_str(row.status);
	row.cell[STAT_dreq] = cell_u64(0);
	row.cell[STAT_weight] = cell_u32(weight);
	row.cell[STAT_uweight] = cell_u32(weight);
	row.cell[STAT_act] = cell_u32(active);
	row.cell[STAT_bck] = cell_u32(backup);
	row.cell[STAT_chkdown] = cell_u64(b->downs);
	row.cell[STAT_lastchg] = cell_u32(seconds_since(d, b->last_change_ms));
	if (b->nr_servers)
		row.cell[STAT_downtime] = cell_u32(downtime_s(d, b->downtime_ms, b->down_since_ms));
	row.cell[STAT_algo] = cell_str("roundrobin");
	put_row(d, TYPE_BACKEND, &row);
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
	size_t nr = 0, i;

	if (!list)
		return NULL;
	TAILQ_FOREACH(f, &m->frontends, next)
		list[nr++] = (struct proxy){ .id = f->id, .f = f };
	TAILQ_FOREACH(b, &m->backends, next) {
		for (i = 0; b->is_listen && i < nr; i++)
			if (list[i].f && list[i].f->is_listen && strcmp(list[i].f->name, b->name) == 0)
				break;
		if (b->is_listen && i < nr)
			list[i].b = b;
		else
			list[nr++] = (struct proxy){ .id = b->id, .b = b };
	}
	qsort(list, nr, sizeof(*list), by_id);
	*ret_nr = nr;
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

static void dump_all(const struct runtime_host *host, void *arg, const struct stat_filter *filter, struct buf *out)
{
	struct dump d = { .host = host, .arg = arg, .out = out, .filter = *filter, .now_ms = host->now_ms(arg) };
	struct runtime_info info = { 0 };
	const struct server *s;
	struct proxy *list;
	size_t nr, i;

	list = proxy_list(host->model(arg), &nr);
	if (!list) {
		out->failed = true;
		return;
	}
	host->info(arg, &info);
	d.flow_capacity = info.flows_capacity;
	put_header(&d);
	for (i = 0; i < nr; i++) {
		if (filter->iid != -1 && filter->iid != (long)list[i].id)
			continue;
		if (list[i].f)
			dump_frontend(&d, list[i].f);
		if (!list[i].b)
			continue;
		TAILQ_FOREACH(s, &list[i].b->servers, next)
			dump_server(&d, list[i].b, s);
		dump_backend(&d, list[i].b);
	}
	if (filter->format == CELL_JSON)
		buf_puts(out, "]\n");
	free(list);
}

static const struct stat_filter everything = { .iid = -1, .sid = -1, .type_mask = -1 };

void stat_csv(const struct runtime_host *host, void *arg, struct buf *out)
{
	dump_all(host, arg, &everything, out);
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

/* Unknown words are ignored, as HAProxy does: scripts give 'desc' and others that change nothing in CSV. */
void run_show_stat(struct call *c)
{
	struct stat_filter filter = everything;
	unsigned int i = 2;

	if (strcmp(c->argv[i], "domain") == 0) {
		if (strcmp(c->argv[i + 1], "proxy") != 0) {
			call_say(c, CALL_ERROR, "Invalid statistics domain.\n");
			return;
		}
		i += 2;
	}
	if (i + 2 < c->argc && !parse_selection(c, i, &filter))
		return;
	for (; i < c->argc; i++) {
		if (strcmp(c->argv[i], "typed") == 0)
			filter.format = CELL_TYPED;
		else if (strcmp(c->argv[i], "json") == 0)
			filter.format = CELL_JSON;
		else if (strcmp(c->argv[i], "up") == 0)
			filter.up = true;
		else if (strcmp(c->argv[i], "no-maint") == 0)
			filter.no_maint = true;
	}
	dump_all(c->host, c->arg, &filter, c->out);
}
