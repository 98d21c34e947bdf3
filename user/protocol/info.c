/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `show info`: what the process is and does, under HAProxy's names and in HAProxy's order.
 *
 * Names are fixed: tools look for them and give up when one is missing. What has no counterpart here (TLS, compression,
 * pipes) is 0, which is true; a number that the daemon does not keep is left out.
 */
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/version.h"
#include "protocol/cell.h"
#include "protocol/command.h"

/* X(ENUM, "name", tags, value, what it is); in scope: const struct facts *x. Positions 45 and 46 are HAProxy's zlib. */
/* clang-format off */
#define INFO_ROWS(X) \
	X(NAME, "Name", "POS", cell_str("xlb"), "program") \
	X(VERSION, "Version", "POS", cell_str(XLB_VERSION), "version of the program") \
	X(RELEASE_DATE, "Release_date", "POS", cell_str(XLB_RELEASE_DATE), "date of the version") \
	X(NBTHREAD, "Nbthread", "CGS", cell_u32(1), "threads that decide, packets take others") \
	X(NBPROC, "Nbproc", "CGS", cell_u32(1), "processes, always 1") \
	X(PROCESS_NUM, "Process_num", "KGP", cell_u32(1), "number of the process, always 1") \
	X(PID, "Pid", "SGP", cell_u32((uint64_t)x->info.pid), "process id") \
	X(UPTIME, "Uptime", "MDP", cell_str(x->uptime), "time since start") \
	X(UPTIME_SEC, "Uptime_sec", "MDP", cell_u32(x->info.uptime_s), "seconds since start") \
	X(MEMMAX_MB, "Memmax_MB", "CLP", cell_u32(0), "limit of memory in MiB, 0: none") \
	X(POOL_ALLOC_MB, "PoolAlloc_MB", "MGP", cell_u32(x->info.flows_memory >> 20), "the flow table in MiB") \
	X(POOL_USED_MB, "PoolUsed_MB", "MGP", cell_u32(x->info.flows_memory >> 20), "the flow table in MiB") \
	X(POOL_FAILED, "PoolFailed", "MCP", cell_u32(0), "failed allocations of the flow table") \
	X(ULIMIT_N, "Ulimit-n", "CLP", cell_u32(x->max_fds), "file descriptors that the process may open") \
	X(MAXSOCK, "Maxsock", "CLP", cell_u32(x->max_fds), "file descriptors that the process may open") \
	X(MAXCONN, "Maxconn", "CLP", cell_u32(x->maxconn), "flows that are wanted, or fit") \
	X(HARD_MAXCONN, "Hard_maxconn", "CLP", cell_u32(x->info.flows_capacity), "flows that fit into the table") \
	X(CURR_CONNS, "CurrConns", "MGP", cell_u32(x->active), "flows now") \
	X(CUM_CONNS, "CumConns", "MCP", cell_u32(x->info.connections_total), "flows since the counters began") \
	X(CUM_REQ, "CumReq", "MCP", cell_u32(x->info.connections_total), "flows since the counters began") \
	X(MAX_SSL_CONNS, "MaxSslConns", "MMP", cell_u32(0), "no counterpart at layer 4") \
	X(CURR_SSL_CONNS, "CurrSslConns", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(CUM_SSL_CONNS, "CumSslConns", "MCP", cell_u32(0), "no counterpart at layer 4") \
	X(MAXPIPES, "Maxpipes", "CLP", cell_u32(0), "no counterpart at layer 4") \
	X(PIPES_USED, "PipesUsed", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(PIPES_FREE, "PipesFree", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(CONN_RATE, "ConnRate", "MRP", cell_u32(x->info.rate), "new flows in the last second") \
	X(CONN_RATE_LIMIT, "ConnRateLimit", "CLP", cell_u32(0), "new flows per second that are allowed, 0: no limit") \
	X(MAX_CONN_RATE, "MaxConnRate", "MMP", cell_u32(x->info.rate_max), "highest number of new flows in a second") \
	X(SESS_RATE, "SessRate", "MRP", cell_u32(x->info.rate), "new flows in the last second") \
	X(SESS_RATE_LIMIT, "SessRateLimit", "CLP", cell_u32(0), "new flows per second that are allowed, 0: no limit") \
	X(MAX_SESS_RATE, "MaxSessRate", "MRP", cell_u32(x->info.rate_max), "highest number of new flows in a second") \
	X(SSL_RATE, "SslRate", "MRP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_RATE_LIMIT, "SslRateLimit", "CLP", cell_u32(0), "no counterpart at layer 4") \
	X(MAX_SSL_RATE, "MaxSslRate", "MMP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_FE_KEY_RATE, "SslFrontendKeyRate", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_FE_MAX_KEY_RATE, "SslFrontendMaxKeyRate", "MMP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_FE_REUSE, "SslFrontendSessionReuse_pct", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_BE_KEY_RATE, "SslBackendKeyRate", "MRP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_BE_MAX_KEY_RATE, "SslBackendMaxKeyRate", "MMP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_CACHE_LOOKUPS, "SslCacheLookups", "MCP", cell_u32(0), "no counterpart at layer 4") \
	X(SSL_CACHE_MISSES, "SslCacheMisses", "MCP", cell_u32(0), "no counterpart at layer 4") \
	X(COMPRESS_IN, "CompressBpsIn", "MRP", cell_u32(0), "no counterpart at layer 4") \
	X(COMPRESS_OUT, "CompressBpsOut", "MRP", cell_u32(0), "no counterpart at layer 4") \
	X(COMPRESS_LIMIT, "CompressBpsRateLim", "CLP", cell_u32(0), "no counterpart at layer 4") \
	X(ZLIB_MEM, "ZlibMemUsage", "MGP", (struct cell){ 0 }, "no counterpart at layer 4") \
	X(ZLIB_MAX, "MaxZlibMemUsage", "CLP", (struct cell){ 0 }, "no counterpart at layer 4") \
	X(TASKS, "Tasks", "MGP", cell_u32(x->checks), "servers that are checked") \
	X(RUN_QUEUE, "Run_queue", "MGP", cell_u32(0), "work that waits in the process") \
	X(IDLE_PCT, "Idle_pct", "MaP", cell_u32(x->idle_pct), "per cent of its life without use of a CPU") \
	X(NODE, "node", "COS", cell_str(x->node), "name of the node") \
	X(DESCRIPTION, "description", "COS", cell_str(x->description), "description of the node") \
	X(STOPPING, "Stopping", "MGP", cell_u32(0), "1 while the process ends") \
	X(JOBS, "Jobs", "MGP", cell_u32(x->active), "flows now") \
	X(UNSTOPPABLE, "Unstoppable Jobs", "MGP", cell_u32(0), "work that holds up the end") \
	X(LISTENERS, "Listeners", "MGP", cell_u32(x->binds), "binds") \
	X(ACTIVE_PEERS, "ActivePeers", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(CONNECTED_PEERS, "ConnectedPeers", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(DROPPED_LOGS, "DroppedLogs", "MGP", cell_u32(0), "log lines that nobody took") \
	X(BUSY_POLLING, "BusyPolling", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(FAILED_RESOLUTIONS, "FailedResolutions", "MGP", cell_u32(0), "names that could not be resolved") \
	X(TOTAL_BYTES_OUT, "TotalBytesOut", "MGP", cell_u64(x->bytes_out), "bytes to clients") \
	X(TOTAL_SPLICED, "TotalSplicdedBytesOut", "MGP", cell_u64(0), "no counterpart at layer 4") \
	X(BYTES_OUT_RATE, "BytesOutRate", "MRP", (struct cell){ 0 }, "no counterpart at layer 4") \
	X(DEBUG_COMMANDS, "DebugCommandsIssued", "MGP", cell_u32(0), "no counterpart at layer 4") \
	X(CUM_RECV_LOGS, "CumRecvLogs", "MCP", cell_u32(0), "no counterpart at layer 4") \
	X(BUILD_INFO, "Build info", "POS", cell_str(XLB_VERSION), "version of the program") \
	X(MEMMAX_BYTES, "Memmax_bytes", "CLP", cell_u32(0), "limit of memory, 0: none") \
	X(POOL_ALLOC_BYTES, "PoolAlloc_bytes", "MGP", cell_u64(x->info.flows_memory), "memory of the flow table") \
	X(POOL_USED_BYTES, "PoolUsed_bytes", "MGP", cell_u64(x->info.flows_memory), "memory of the flow table") \
	X(START_TIME, "Start_time_sec", "MDP", cell_u32(x->start_time), "start in seconds since 1970") \
	X(TAINTED, "Tainted", "SGP", cell_str("0"), "always 0")
/* clang-format on */

enum info_row {
#define INFO_ENUM(row, name, tags, value, what) INFO_##row,
	INFO_ROWS(INFO_ENUM)
#undef INFO_ENUM
		INFO_NR
};

static const struct cell_column columns[] = {
#define INFO_COLUMN(row, name, tags, value, what) { name, tags, what },
	INFO_ROWS(INFO_COLUMN)
#undef INFO_COLUMN
};

/* Everything that the rows are made of. */
struct facts {
	struct runtime_info info;
	char uptime[32], node[64];
	const char *description; /* NULL when there is none: HAProxy leaves the line out then */
	uint64_t max_fds, maxconn, bytes_out, start_time;
	uint64_t active; /* flows that are not closing or closed */
	unsigned int checks, binds, idle_pct;
};

/* What HAProxy derives its limits from. Here only the sockets of checks and clients of the daemon count against it. */
static uint64_t open_files_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) ? 0 : limit.rlim_cur;
}

/* Share of its life that the process did not use a CPU. */
static unsigned int idle_percent(uint64_t uptime_s)
{
	struct timespec used;
	double share;

	if (!uptime_s || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used))
		return 100;
	share = ((double)used.tv_sec + (double)used.tv_nsec / 1e9) / (double)uptime_s;
	return share > 1 ? 0 : (unsigned int)(100 - 100 * share);
}

static void count_model(struct call *c, struct facts *x)
{
	struct runtime_counters n;
	const struct frontend *f;
	const struct backend *b;
	const struct server *s;
	const struct bind *bind;

	TAILQ_FOREACH(f, &c->model->frontends, next) {
		n = (struct runtime_counters){ 0 };
		c->host->frontend_counters(c->arg, f, &n);
		x->bytes_out += n.s.bytes_out;
		x->active += n.active;
		TAILQ_FOREACH(bind, &f->binds, next)
			x->binds++;
	}
	TAILQ_FOREACH(b, &c->model->backends, next)
		TAILQ_FOREACH(s, &b->servers, next)
			x->checks += s->run.check_enabled;
}

static void collect(struct call *c, struct facts *x)
{
	uint64_t up;

	c->host->info(c->arg, &x->info);
	count_model(c, x);
	up = x->info.uptime_s;
	snprintf(x->uptime, sizeof(x->uptime), "%llud %lluh%02llum%02llus", (unsigned long long)(up / 86400),
		 (unsigned long long)(up % 86400 / 3600), (unsigned long long)(up % 3600 / 60),
		 (unsigned long long)(up % 60));
	if (x->info.node)
		snprintf(x->node, sizeof(x->node), "%s", x->info.node);
	else if (gethostname(x->node, sizeof(x->node) - 1))
		x->node[0] = '\0';
	if (x->info.description && *x->info.description)
		x->description = x->info.description;
	x->max_fds = open_files_limit();
	x->maxconn = c->model->maxconn ? c->model->maxconn : x->info.flows_capacity;
	x->start_time = (uint64_t)time(NULL) - up;
	x->idle_pct = idle_percent(up);
}

static void put_plain(struct buf *out, const struct cell *cells, bool desc)
{
	unsigned int i;

	for (i = 0; i < INFO_NR; i++) {
		if (cells[i].type == CELL_EMPTY)
			continue;
		buf_printf(out, "%s: ", columns[i].name);
		if (cells[i].type == CELL_STR)
			buf_puts(out, cells[i].text);
		else
			cell_put_csv(out, &cells[i]);
		if (desc)
			buf_printf(out, ":\"%s\"", columns[i].what);
		buf_puts(out, "\n");
	}
}

void run_show_info(struct call *c)
{
	const struct cell_owner process = { 0 };
	enum cell_format format = CELL_CSV;
	struct cell cells[INFO_NR];
	struct facts facts = { 0 };
	const struct facts *x = &facts;
	bool desc = false;
	unsigned int i;

	collect(c, &facts);
#define INFO_VALUE(row, name, tags, value, what) cells[INFO_##row] = value;
	INFO_ROWS(INFO_VALUE)
#undef INFO_VALUE
	for (i = 2; i < c->argc; i++) {
		if (strcmp(c->argv[i], "typed") == 0)
			format = CELL_TYPED;
		else if (strcmp(c->argv[i], "json") == 0)
			format = CELL_JSON;
		else if (strcmp(c->argv[i], "desc") == 0)
			desc = true;
	}
	switch (format) {
	case CELL_CSV:
		put_plain(c->out, cells, desc);
		break;
	case CELL_TYPED:
		cell_put_typed(c->out, &process, columns, cells, INFO_NR, desc);
		break;
	case CELL_JSON:
		cell_put_json(c->out, &process, columns, cells, INFO_NR);
		buf_puts(c->out, "\n");
		break;
	}
}
