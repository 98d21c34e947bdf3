/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Metrics in Prometheus' text format. Names, types and labels of haproxy_* are those of HAProxy's own exporter, so that
 * dashboards and alerts made for it go on working; what HAProxy has no word for is under xlb_*. A number that does not
 * apply to a row is left out.
 */
#include <inttypes.h>
#include <string.h>
#include <stddef.h>

#include "base/version.h"
#include "http/page.h"
#include "http/sample.h"

enum { OF_FRONTEND = 1 << SAMPLE_FRONTEND, OF_SERVER = 1 << SAMPLE_SERVER, OF_BACKEND = 1 << SAMPLE_BACKEND };
enum { OF_SERVING = OF_SERVER | OF_BACKEND, OF_ALL = OF_FRONTEND | OF_SERVING };
enum unit { AS_IS, FROM_MS };

static const char *const kind_names[] = {
	[SAMPLE_FRONTEND] = "frontend", [SAMPLE_SERVER] = "server", [SAMPLE_BACKEND] = "backend"
};

struct metric {
	const char *program, *name, *type;
	size_t field; /* offset of the number in struct sample */
	enum unit unit;
	int of;
	const char *help;
};

#define FIELD(name) offsetof(struct sample, name)

static const struct metric metrics[] = {
	{ "haproxy", "current_sessions", "gauge", FIELD(active), AS_IS, OF_ALL, "Flows in the table now." },
	{ "haproxy", "max_sessions", "gauge", FIELD(active_max), AS_IS, OF_ALL, "Most flows at one time." },
	{ "haproxy", "limit_sessions", "gauge", FIELD(limit), AS_IS, OF_FRONTEND, "Limit on flows." },
	{ "haproxy", "sessions_total", "counter", FIELD(total), AS_IS, OF_ALL, "Flows created." },
	{ "haproxy", "connections_total", "counter", FIELD(total), AS_IS, OF_FRONTEND, "Flows created." },
	{ "xlb", "current_session_rate", "gauge", FIELD(rate), AS_IS, OF_ALL, "New flows in the last second." },
	{ "haproxy", "max_session_rate", "gauge", FIELD(rate_max), AS_IS, OF_ALL, "Most new flows in a second." },
	{ "haproxy", "connections_rate_max", "gauge", FIELD(rate_max), AS_IS, OF_FRONTEND,
	  "Most new flows in a second." },
	{ "haproxy", "bytes_in_total", "counter", FIELD(bytes_in), AS_IS, OF_ALL, "Bytes from clients." },
	{ "haproxy", "bytes_out_total", "counter", FIELD(bytes_out), AS_IS, OF_ALL, "Bytes to clients." },
	{ "haproxy", "connection_errors_total", "counter", FIELD(refused), AS_IS, OF_SERVING,
	  "First packets that got no flow: no server, no port or no room." },
	{ "haproxy", "client_aborts_total", "counter", FIELD(client_resets), AS_IS, OF_SERVING,
	  "Flows on which the client sent a reset." },
	{ "haproxy", "server_aborts_total", "counter", FIELD(server_resets), AS_IS, OF_SERVING,
	  "Flows on which the server sent a reset." },
	{ "haproxy", "loadbalanced_total", "counter", FIELD(total), AS_IS, OF_SERVING, "Flows given a server." },
	{ "haproxy", "connection_attempts_total", "counter", FIELD(total), AS_IS, OF_SERVING, "Flows given a server." },
	{ "haproxy", "last_session_seconds", "gauge", FIELD(last_new_s), AS_IS, OF_SERVING,
	  "Seconds since the last new flow, -1 if there was none." },
	{ "haproxy", "weight", "gauge", FIELD(weight), AS_IS, OF_SERVING, "Weight in force." },
	{ "haproxy", "uweight", "gauge", FIELD(user_weight), AS_IS, OF_SERVING, "Weight as set." },
	{ "haproxy", "active_servers", "gauge", FIELD(active_servers), AS_IS, OF_BACKEND, "Usable active servers." },
	{ "haproxy", "backup_servers", "gauge", FIELD(backup_servers), AS_IS, OF_BACKEND, "Usable backup servers." },
	{ "haproxy", "check_failures_total", "counter", FIELD(check_failures), AS_IS, OF_SERVER,
	  "Failed checks while up." },
	{ "haproxy", "check_up_down_total", "counter", FIELD(downs), AS_IS, OF_SERVING, "Times it went down." },
	{ "haproxy", "check_last_change_seconds", "gauge", FIELD(last_change_s), AS_IS, OF_SERVING,
	  "Seconds since the last change of state." },
	{ "haproxy", "downtime_seconds_total", "counter", FIELD(downtime_s), AS_IS, OF_SERVING, "Seconds down." },
	{ "haproxy", "check_code", "gauge", FIELD(check_code), AS_IS, OF_SERVER, "HTTP status of the last check." },
	{ "haproxy", "check_duration_seconds", "gauge", FIELD(check_ms), FROM_MS, OF_SERVER,
	  "Duration of the last check." },
	{ "xlb", "packets_in_total", "counter", FIELD(packets_in), AS_IS, OF_ALL, "Packets from clients." },
	{ "xlb", "packets_out_total", "counter", FIELD(packets_out), AS_IS, OF_ALL, "Packets to clients." },
	{ "xlb", "refused_total", "counter", FIELD(refused), AS_IS, OF_FRONTEND,
	  "First packets that got no flow: no server, no port or no room." },
	{ "xlb", "client_resets_total", "counter", FIELD(client_resets), AS_IS, OF_FRONTEND,
	  "Flows on which the client sent a reset." },
	{ "xlb", "server_resets_total", "counter", FIELD(server_resets), AS_IS, OF_FRONTEND,
	  "Flows on which the server sent a reset." },
};

/* Of the whole process: no labels. */
enum process_value {
	P_ONE,
	P_PID,
	P_UPTIME,
	P_CAPACITY,
	P_USED,
	P_CONNECTIONS,
	P_RATE,
	P_RATE_MAX,
	P_AGE,
	P_MEMORY,
	P_ADOPTED
};

static const struct {
	const char *name, *type;
	enum process_value value;
	const char *help;
} process_metrics[] = {
	{ "haproxy_process_nbthread", "gauge", P_ONE, "Number of threads." },
	{ "haproxy_process_nbproc", "gauge", P_ONE, "Number of processes." },
	{ "haproxy_process_relative_process_id", "gauge", P_ONE, "Number of this process." },
	{ "haproxy_process_uptime_seconds", "gauge", P_UPTIME, "Seconds since the daemon started." },
	{ "haproxy_process_max_connections", "gauge", P_CAPACITY, "Flows for which the table has room." },
	{ "haproxy_process_hard_max_connections", "gauge", P_CAPACITY, "Flows for which the table has room." },
	{ "haproxy_process_current_connections", "gauge", P_USED, "Flows in the table now." },
	{ "haproxy_process_connections_total", "counter", P_CONNECTIONS, "Flows created." },
	{ "haproxy_process_current_connection_rate", "gauge", P_RATE, "New flows in the last second." },
	{ "haproxy_process_max_connection_rate", "gauge", P_RATE_MAX, "Most new flows in a second." },
	{ "haproxy_process_current_session_rate", "gauge", P_RATE, "New flows in the last second." },
	{ "haproxy_process_max_session_rate", "gauge", P_RATE_MAX, "Most new flows in a second." },
	{ "xlb_process_pid", "gauge", P_PID, "Process number of the daemon." },
	{ "xlb_counters_age_seconds", "gauge", P_AGE, "Seconds since the counters began: they outlive the daemon." },
	{ "xlb_adopted", "gauge", P_ADOPTED, "1 if this daemon took over the tables of an earlier one." },
	{ "xlb_flows", "gauge", P_USED, "Flows in the table now." },
	{ "xlb_flows_capacity", "gauge", P_CAPACITY, "Flows for which the table has room." },
	{ "xlb_flow_table_bytes", "gauge", P_MEMORY, "Memory of the flow table." },
};

static uint64_t process_value(const struct runtime_info *info, enum process_value value)
{
	switch (value) {
	case P_ONE:
		return 1;
	case P_PID:
		return (uint64_t)info->pid;
	case P_UPTIME:
		return info->uptime_s;
	case P_CAPACITY:
		return info->flows_capacity;
	case P_USED:
		return info->flows_used;
	case P_CONNECTIONS:
		return info->connections_total;
	case P_RATE:
		return info->rate;
	case P_RATE_MAX:
		return info->rate_max;
	case P_AGE:
		return info->counting_s;
	case P_MEMORY:
		return info->flows_memory;
	case P_ADOPTED:
		return info->adopted;
	}
	return 0;
}

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value with its quotes. */
static void put_value(struct buf *out, const char *text)
{
	buf_puts(out, "\"");
	for (; *text; text++) {
		if (*text == '\n')
			buf_puts(out, "\\n");
		else if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_add(out, text, 1);
	}
	buf_puts(out, "\"");
}

static void put_labels(struct buf *out, const struct sample *s)
{
	buf_puts(out, "{proxy=");
	put_value(out, s->proxy);
	if (s->server) {
		buf_puts(out, ",server=");
		put_value(out, s->server);
	}
}

static void put_metric(struct buf *out, const struct samples *all, const struct metric *m, enum sample_kind kind)
{
	char name[128];

	snprintf(name, sizeof(name), "%s_%s_%s", m->program, kind_names[kind], m->name);
	put_head(out, name, m->type, m->help);
	for (const struct sample *s = all->list; s < all->list + all->nr; s++) {
		int64_t n = *(const int64_t *)((const char *)s + m->field);

		if (s->kind != kind || n == SAMPLE_NONE)
			continue;
		buf_puts(out, name);
		put_labels(out, s);
		if (m->unit == FROM_MS)
			buf_printf(out, "} %" PRId64 ".%03" PRId64 "\n", n / 1000, n % 1000);
		else
			buf_printf(out, "} %" PRId64 "\n", n);
	}
}

/* One series per possible state, of which exactly one is 1. */
static void put_states(struct buf *out, const struct samples *all, enum sample_kind kind)
{
	static const char *const states[] = { "DOWN", "UP", "MAINT", "DRAIN", "NOLB" };
	size_t nr = kind == SAMPLE_SERVER ? sizeof(states) / sizeof(states[0]) : 2;
	char name[64];

	snprintf(name, sizeof(name), "haproxy_%s_status", kind_names[kind]);
	put_head(out, name, "gauge", "1 for the state it is in.");
	for (const struct sample *s = all->list; s < all->list + all->nr; s++) {
		for (size_t i = 0; s->kind == kind && i < nr; i++) {
			buf_puts(out, name);
			put_labels(out, s);
			buf_printf(out, ",state=\"%s\"} %d\n", states[i], !strcmp(states[i], s->state));
		}
	}
}

static void put_check_states(struct buf *out, const struct samples *all)
{
	put_head(out, "haproxy_server_check_status", "gauge", "1 for the result of the last check.");
	for (const struct sample *s = all->list; s < all->list + all->nr; s++) {
		for (int code = CHECK_SOCKERR; s->check && code < CHECK_NR_CODES; code++) {
			const char *name = check_code_name((enum check_code)code);

			buf_puts(out, "haproxy_server_check_status");
			put_labels(out, s);
			buf_printf(out, ",state=\"%s\"} %d\n", name, !strcmp(name, s->check));
		}
	}
}

static void put_reasons(struct buf *out, const struct runtime_host *host, void *arg)
{
#define REASON_ROW(name, verdict, expected, text, advice) { #name, #verdict, expected },
	static const struct {
		const char *name, *verdict;
		int expected;
	} rows[] = { { NULL, NULL, 0 }, XLB_REASONS(REASON_ROW) };
#undef REASON_ROW
	uint64_t counts[XLB_R_MAX] = { 0 };

	host->reasons(arg, counts);
	put_head(out, "xlb_packets_total", "counter",
		 "Packets by what was decided on them; their sum is the packets received.");
	for (int i = 1; i < XLB_R_MAX; i++)
		buf_printf(out, "xlb_packets_total{reason=\"%s\",verdict=\"%s\",expected=\"%d\"} %" PRIu64 "\n",
			   rows[i].name, rows[i].verdict, rows[i].expected, counts[i]);
}

static void put_process(struct buf *out, const struct runtime_info *info)
{
	for (size_t i = 0; i < sizeof(process_metrics) / sizeof(process_metrics[0]); i++) {
		put_head(out, process_metrics[i].name, process_metrics[i].type, process_metrics[i].help);
		buf_printf(out, "%s %" PRIu64 "\n", process_metrics[i].name,
			   process_value(info, process_metrics[i].value));
	}
	put_head(out, "haproxy_process_build_info", "gauge", "Version.");
	buf_puts(out, "haproxy_process_build_info{version=\"" XLB_VERSION "\"} 1\n");
	put_head(out, "xlb_interface_info", "gauge", "1 for each attached interface.");
	for (unsigned int i = 0; i < info->interfaces; i++) {
		buf_puts(out, "xlb_interface_info{interface=");
		put_value(out, info->ifs[i].name);
		buf_puts(out, ",mode=");
		put_value(out, info->ifs[i].mode ? info->ifs[i].mode : "");
		buf_puts(out, "} 1\n");
	}
}

void metrics_format(const struct runtime_host *host, void *arg, struct buf *out)
{
	struct samples all;

	if (samples_take(host, arg, &all)) {
		out->failed = true;
		return;
	}
	put_process(out, &all.info);
	for (enum sample_kind kind = SAMPLE_FRONTEND; kind <= SAMPLE_BACKEND; kind++) {
		put_states(out, &all, kind);
		for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
			if (metrics[i].of & 1 << kind)
				put_metric(out, &all, &metrics[i], kind);
	}
	put_check_states(out, &all);
	put_reasons(out, host, arg);
	samples_fini(&all);
}
