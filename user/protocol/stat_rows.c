/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One row of `show stat`: what HAProxy's words mean for packets.
 *
 * A session is a flow, a connection attempt is the first packet of one, an aborted one ended by RST. Nothing is queued,
 * so the queue columns are 0. What only a proxy can know stays empty, and so does what is not counted: never a 0 that
 * nobody has measured. A server that answers its clients directly sends nothing through here that could be counted.
 */
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>

#include "protocol/stat.h"

/* The mode is what happens to the packets: tcp, also where the file says http. */
static void fill_name(struct stat_row *row, const char *proxy, const char *name, unsigned int iid, unsigned int sid,
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

static bool is_direct(enum forward f)
{
	return f == FORWARD_L2DSR || f == FORWARD_IPIP;
}

/* bytes_in come from clients, bytes_out go to them; both count whole frames. */
static void fill_traffic(struct stat_row *row, const struct runtime_counters *n, bool direct)
{
	row->cell[STAT_scur] = cell_u32(n->active);
	row->cell[STAT_smax] = cell_u32(n->active_max);
	row->cell[STAT_stot] = cell_u64(n->s.connections);
	row->cell[STAT_bin] = cell_u64(n->s.bytes_in);
	if (!direct)
		row->cell[STAT_bout] = cell_u64(n->s.bytes_out);
	row->cell[STAT_rate] = cell_u32(n->rate);
	row->cell[STAT_rate_max] = cell_u32(n->rate_max);
	if (n->known & RUNTIME_KNOWS_DENIED)
		row->cell[STAT_dreq] = cell_u64(n->denied);
}

/* What servers and backends have and frontends have not. */
static void fill_serving(struct stat_row *row, const struct runtime_counters *n, bool direct)
{
	uint64_t unanswered = n->known & RUNTIME_KNOWS_UNANSWERED ? n->unanswered : 0;

	row->cell[STAT_qcur] = cell_u32(0);
	row->cell[STAT_qmax] = cell_u32(0);
	row->cell[STAT_econ] = cell_u64(n->s.refused + unanswered);
	if (n->known & RUNTIME_KNOWS_REDISPATCHED)
		row->cell[STAT_wredis] = cell_u64(n->redispatched);
	row->cell[STAT_lbtot] = cell_u64(n->s.connections);
	row->cell[STAT_cli_abrt] = cell_u64(n->s.client_resets);
	if (!direct)
		row->cell[STAT_srv_abrt] = cell_u64(n->s.server_resets);
	row->cell[STAT_lastsess] = cell_s32(n->last_new_s > INT32_MAX ? -1 : (int32_t)n->last_new_s);
	row->cell[STAT_qtime] = cell_u32(0);
	row->cell[STAT_qtime_max] = cell_u32(0);
	if (n->known & RUNTIME_KNOWS_CONNECT_TIME) {
		row->cell[STAT_ctime] = cell_u32(n->connect_ms);
		row->cell[STAT_ctime_max] = cell_u32(n->connect_ms_max);
	}
	row->cell[STAT_connect] = cell_u64(n->s.connections);
}

static const char *frontend_status(const struct frontend *f)
{
	if (f->left_to_stack || f->stopped)
		return "STOP"; /* its packets pass to the host */
	return f->disabled ? "PAUSED" : "OPEN";
}

void stat_row_frontend(const struct stat_source *src, const struct frontend *f, struct stat_row *row)
{
	struct runtime_counters n = { .last_new_s = UINT64_MAX };

	src->host->frontend_counters(src->arg, f, &n);
	fill_name(row, f->name, "FRONTEND", f->id, 0, TYPE_FRONTEND);
	fill_traffic(row, &n, f->backend && is_direct(f->backend->forward));
	row->cell[STAT_slim] = cell_u32(f->maxconn ? f->maxconn : src->flow_capacity);
	row->cell[STAT_status] = cell_str(frontend_status(f));
	row->cell[STAT_rate_lim] = cell_u32(f->rate_limit);
	row->cell[STAT_conn_rate] = cell_u32(n.conn_rate);
	row->cell[STAT_conn_rate_max] = cell_u32(n.conn_rate_max);
	row->cell[STAT_conn_tot] = cell_u64(n.s.connections + n.denied);
	if (n.known & RUNTIME_KNOWS_DENIED)
		row->cell[STAT_dcon] = cell_u64(n.denied);
}

/* Flows are counted by frontend, so that the row of one of its binds has no numbers. */
void stat_row_bind(const struct frontend *f, const struct bind *b, unsigned int sid, struct stat_row *row)
{
	char text[ADDR_TEXT_MAX];

	snprintf(row->name, sizeof(row->name), "sock-%u", sid);
	fill_name(row, f->name, b->name ? b->name : row->name, f->id, b->id ? b->id : sid, TYPE_BIND);
	if (b->proto == IPPROTO_UDP)
		row->cell[STAT_mode] = cell_str("udp");
	row->cell[STAT_slim] = b->maxconn ? cell_u32(b->maxconn) : (struct cell){ 0 };
	row->cell[STAT_status] = cell_str(frontend_status(f));
	addr_format_port(&b->addr, b->port_lo, text);
	snprintf(row->addr, sizeof(row->addr), "%s", text);
	if (b->port_hi > b->port_lo)
		snprintf(row->addr, sizeof(row->addr), "%s-%u", text, b->port_hi);
	row->cell[STAT_addr] = cell_str(row->addr);
}

/* The columns of a check; 'paused' is a server in maintenance, whose last result is old. */
static void fill_check(struct stat_row *row, const struct server *s, bool paused)
{
	const struct check_state *check = &s->run.check;

	row->cell[STAT_chkfail] = cell_u64(check->failed);
	row->cell[STAT_chkdown] = cell_u64(check->downs);
	if (paused)
		return;
	snprintf(row->check_status, sizeof(row->check_status), "%s%s", s->run.check_running ? "* " : "",
		 check_code_name(check->code));
	row->cell[STAT_check_status] = cell_str(row->check_status);
	if (check_code_has_status(check->code))
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

/* The same of the agent. */
static void fill_agent(struct stat_row *row, const struct server *s)
{
	const struct check_state *agent = &s->run.agent;

	snprintf(row->agent_status, sizeof(row->agent_status), "%s%s", s->run.agent_running ? "* " : "",
		 check_code_name(agent->code));
	row->cell[STAT_agent_status] = cell_str(row->agent_status);
	if (check_code_has_status(agent->code))
		row->cell[STAT_agent_code] = cell_u32(0);
	if (agent->code != CHECK_INI && agent->duration_ms >= 0)
		row->cell[STAT_agent_duration] = cell_u64((uint64_t)agent->duration_ms);
	if (agent->desc[0])
		row->cell[STAT_last_agt] = cell_str(agent->desc);
	row->cell[STAT_agent_desc] = cell_str(check_code_desc(agent->code));
	row->cell[STAT_agent_rise] = cell_u32(s->agent.rise);
	row->cell[STAT_agent_fall] = cell_u32(s->agent.fall);
	row->cell[STAT_agent_health] = cell_u32((uint64_t)agent->health);
}

static uint64_t seconds_since(const struct stat_source *src, uint64_t then_ms)
{
	return src->now_ms > then_ms ? (src->now_ms - then_ms) / 1000 : 0;
}

/* Earlier outages and the one that lasts. */
static uint64_t downtime_s(const struct stat_source *src, uint64_t total_ms, uint64_t down_since_ms)
{
	if (down_since_ms && src->now_ms > down_since_ms)
		total_ms += src->now_ms - down_since_ms;
	return total_ms / 1000;
}

/* 'slowstart': how far the server is on its way to its full weight, and what it has of it now. Otherwise no throttle.
 */
static void fill_weight(const struct stat_source *src, const struct server *s, struct stat_row *row)
{
	unsigned int ramp = server_ramp(s, src->now_ms);

	row->cell[STAT_weight] = cell_u32(s->run.weight);
	row->cell[STAT_uweight] = cell_u32(s->run.weight);
	if (ramp == SERVER_RAMP_FULL || !server_is_usable(s))
		return;
	row->cell[STAT_weight] = cell_u32((s->run.weight * ramp + SERVER_RAMP_FULL - 1) / SERVER_RAMP_FULL);
	row->cell[STAT_throttle] = cell_u32(100 * ramp / SERVER_RAMP_FULL);
}

/*
 * 'weight' is the one in force, also of a server that takes no flows; check columns are empty for a server without
 * check, and all but the counters of them in maintenance, where the last result says nothing any more.
 */
void stat_row_server(const struct stat_source *src, const struct server *s, struct stat_row *row)
{
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	const struct backend *b = s->backend;
	bool direct = is_direct(s->forward);

	src->host->server_counters(src->arg, s, &n);
	fill_name(row, b->name, s->name, b->id, s->id, TYPE_SERVER);
	fill_traffic(row, &n, direct);
	row->cell[STAT_dreq] = (struct cell){ 0 };
	fill_serving(row, &n, direct);
	row->cell[STAT_status] = cell_str(server_status(s, row->status));
	fill_weight(src, s, row);
	row->cell[STAT_act] = cell_u32(!s->backup);
	row->cell[STAT_bck] = cell_u32(s->backup);
	if (s->maxconn)
		row->cell[STAT_slim] = cell_u32(s->maxconn);
	row->cell[STAT_used_conn_cur] = cell_u32(n.active);
	row->cell[STAT_lastchg] = cell_u32(seconds_since(src, s->run.last_change_ms));
	if (s->run.check_enabled) {
		fill_check(row, s, s->run.admin & SERVER_MAINT);
		row->cell[STAT_downtime] = cell_u32(downtime_s(src, s->run.downtime_ms, s->run.down_since_ms));
	}
	if (s->run.agent_enabled)
		fill_agent(row, s);
	if (s->observe.on)
		row->cell[STAT_hanafail] = cell_u64(s->run.check.observed);
	if (s->track) {
		snprintf(row->tracked, sizeof(row->tracked), "%s/%s", s->track->backend->name, s->track->name);
		row->cell[STAT_tracked] = cell_str(row->tracked);
	}
	if (s->addr.family)
		row->cell[STAT_addr] = cell_str(addr_format_port(&s->addr, s->port, row->addr));
}

/* Sum of the weights that new flows are shared out by: of all usable active servers, or of the backups in their place.
 */
static unsigned int backend_weight(const struct backend *b, unsigned int active)
{
	const struct server *s;
	unsigned int sum = 0;

	TAILQ_FOREACH(s, &b->servers, next) {
		if (!server_is_usable(s) || s->backup == (active > 0))
			continue;
		sum += s->run.weight;
		if (!active && !b->allbackups)
			break;
	}
	return sum;
}

static void fill_backend_status(const struct backend *b, unsigned int weight, bool with_numbers, struct stat_row *row)
{
	const char *word = weight || !b->nr_servers ? "UP" : "DOWN";
	const struct server *s;
	unsigned int up = 0;

	TAILQ_FOREACH(s, &b->servers, next)
		up += !(s->run.admin & SERVER_MAINT) && server_is_up(s);
	if (with_numbers)
		snprintf(row->status, sizeof(row->status), "%s (%u/%u)", word, up, b->nr_servers);
	else
		snprintf(row->status, sizeof(row->status), "%s", word);
	row->cell[STAT_status] = cell_str(row->status);
}

void stat_row_backend(const struct stat_source *src, const struct backend *b, bool with_numbers, struct stat_row *row)
{
	struct runtime_counters n = { .last_new_s = UINT64_MAX };
	unsigned int active = 0, backup = 0, weight;
	bool direct = is_direct(b->forward);

	backend_count(b, &active, &backup);
	weight = backend_weight(b, active);
	src->host->backend_counters(src->arg, b, &n);
	fill_name(row, b->name, "BACKEND", b->id, 0, TYPE_BACKEND);
	fill_traffic(row, &n, direct);
	fill_serving(row, &n, direct);
	fill_backend_status(b, weight, with_numbers, row);
	row->cell[STAT_weight] = cell_u32(weight);
	row->cell[STAT_uweight] = cell_u32(weight);
	row->cell[STAT_act] = cell_u32(active);
	row->cell[STAT_bck] = cell_u32(backup);
	row->cell[STAT_chkdown] = cell_u64(b->downs);
	row->cell[STAT_lastchg] = cell_u32(seconds_since(src, b->last_change_ms));
	if (b->nr_servers)
		row->cell[STAT_downtime] = cell_u32(downtime_s(src, b->downtime_ms, b->down_since_ms));
	row->cell[STAT_algo] = cell_str(balance_name(b->balance.alg));
}
