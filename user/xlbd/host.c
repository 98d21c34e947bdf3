/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * struct runtime_host: each function a few lines that hand the question to the part of the daemon that knows.
 *
 * Actions are complete when they return, tables of the data plane included; the log lines about servers come from
 * checks_sync(), which compares, so that a change is told in the same words whichever way it came.
 */
#include "xlbd/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "config/check_decl.h"
#include "config/conf.h"
#include "model/script.h"
#include "xlbd/checks.h"
#include "xlbd/counters.h"
#include "xlbd/events.h"
#include "xlbd/hosts.h"
#include "xlbd/reload.h"
#include "xlbd/statefile.h"
#include "xlbd/state.h"
#include "xlbd/sticks.h"

static struct model *host_model(void *arg)
{
	struct state *st = arg;

	return st->model;
}

static uint64_t host_now_ms(void *arg)
{
	(void)arg;
	return state_now_ms();
}

static uint64_t boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void host_info(void *arg, struct runtime_info *ret)
{
	struct state *st = arg;
	struct runtime_info info = {
		.pid = (int)getpid(),
		.uptime_s = (state_now_ms() - st->started_ms) / 1000,
		.counting_s = (boottime_ns() - dp_created_ns(st->dp)) / 1000000000,
		.adopted = dp_was_adopted(st->dp),
		.node = st->model->node,
		.description = st->model->description,
		.config_files = st->config_files,
		.object_id = dp_object_id(),
		.control_socket = st->paths.socket,
	};
	struct dp_usage usage;
	size_t nr;
	const struct dp_if *ifs = dp_ifs(st->dp, &nr);

	for (size_t i = 0; i < nr && i < sizeof(info.ifs) / sizeof(info.ifs[0]); i++) {
		memcpy(info.ifs[i].name, ifs[i].name, sizeof(info.ifs[i].name));
		info.ifs[i].mode = ifs[i].mode == ATTACH_NATIVE ? "native" : "generic";
		info.ifs[i].why = ifs[i].why;
		info.interfaces++;
	}
	dp_usage(st->dp, &usage);
	info.flows_used = usage.used;
	info.flows_capacity = usage.capacity;
	info.flows_memory = usage.memory;
	counters_total(st->counters, &info.connections_total, &info.rate, &info.rate_max);
	*ret = info;
}

static void host_frontend_counters(void *arg, const struct frontend *f, struct runtime_counters *ret)
{
	struct state *st = arg;

	counters_service(st->counters, f->dp_id, ret);
}

static void host_server_counters(void *arg, const struct server *s, struct runtime_counters *ret)
{
	struct state *st = arg;

	counters_server(st->counters, s->run.dp_id, ret);
}

/* The sum over its servers. The maximum of a sum is not the sum of maxima, but never above it. */
static void host_backend_counters(void *arg, const struct backend *b, struct runtime_counters *ret)
{
	struct runtime_counters sum = { .last_new_s = UINT64_MAX }, one;
	const struct server *s;

	TAILQ_FOREACH(s, &b->servers, next) {
		host_server_counters(arg, s, &one);
		sum.s.packets_in += one.s.packets_in;
		sum.s.bytes_in += one.s.bytes_in;
		sum.s.packets_out += one.s.packets_out;
		sum.s.bytes_out += one.s.bytes_out;
		sum.s.connections += one.s.connections;
		sum.s.refused += one.s.refused;
		sum.s.client_resets += one.s.client_resets;
		sum.s.server_resets += one.s.server_resets;
		sum.s.answered += one.s.answered;
		sum.known |= one.known;
		sum.unanswered += one.unanswered;
		sum.redispatched += one.redispatched;
		if (one.connect_ms > sum.connect_ms)
			sum.connect_ms = one.connect_ms;
		if (one.connect_ms_max > sum.connect_ms_max)
			sum.connect_ms_max = one.connect_ms_max;
		sum.active += one.active;
		sum.active_max += one.active_max;
		sum.rate += one.rate;
		sum.rate_max += one.rate_max;
		if (one.last_new_s < sum.last_new_s)
			sum.last_new_s = one.last_new_s;
	}
	*ret = sum;
}

static void host_reasons(void *arg, uint64_t ret[XLB_R_MAX])
{
	struct state *st = arg;

	if (dp_read_reasons(st->dp, ret))
		memset(ret, 0, XLB_R_MAX * sizeof(*ret));
}

/* What turning a flow's numbers into names needs. */
struct flow_names {
	struct state *st;
	const struct server *servers[XLB_MAX_SERVERS];
	const struct frontend *frontends[XLB_MAX_SERVICES];
	bool (*fn)(void *fn_arg, const struct runtime_flow *flow);
	void *fn_arg;
};

/* Slots of the flow tables per call of host_flows(): a millisecond or so when they are empty. */
enum { FLOW_SLOTS = 1 << 16 };

static bool tell_flow(void *arg, const struct dp_flow *flow)
{
	static const char *const states[XLB_NR_STATES] = {
		[XLB_S_HALF_OPEN] = "half-open", [XLB_S_ESTABLISHED] = "established", [XLB_S_UDP] = "udp",
		[XLB_S_CLOSING] = "closing",	 [XLB_S_CLOSED] = "closed",
	};
	struct flow_names *n = arg;
	const struct server *s = n->servers[flow->server];
	const struct frontend *f = n->frontends[flow->service];
	struct runtime_flow out = {
		.client = flow->client,
		.client_port = flow->client_port,
		.vip = flow->vip,
		.vip_port = flow->vip_port,
		.source = flow->source,
		.source_port = flow->source_port,
		.server = flow->server_addr,
		.server_port = flow->server_port,
		.proto = flow->proto,
		.state = states[flow->state],
		.frontend = f ? f->name : "-",
		.backend = s ? s->backend->name : "-",
		.server_name = s ? s->name : "-",
		.idle_s = (uint32_t)(((uint64_t)flow->idle_ticks << dp_tick_shift(n->st->dp)) / dp_hz(n->st->dp)),
	};

	return n->fn(n->fn_arg, &out);
}

static struct flow_names *flow_names_new(struct state *st, bool (*fn)(void *fn_arg, const struct runtime_flow *flow),
					 void *fn_arg)
{
	struct flow_names *n = calloc(1, sizeof(*n));
	const struct backend *b;
	const struct server *s;
	const struct frontend *f;

	if (!n)
		return NULL;
	n->st = st;
	n->fn = fn;
	n->fn_arg = fn_arg;
	TAILQ_FOREACH(b, &st->model->backends, next)
		TAILQ_FOREACH(s, &b->servers, next)
			n->servers[s->run.dp_id] = s;
	TAILQ_FOREACH(f, &st->model->frontends, next)
		n->frontends[f->dp_id] = f;
	n->servers[0] = NULL;
	n->frontends[0] = NULL;
	return n;
}

/* Names are looked up anew for each part of the table: servers may have come and gone since the last one. */
static bool host_flows(void *arg, uint64_t *cursor, bool (*fn)(void *fn_arg, const struct runtime_flow *flow),
		       void *fn_arg)
{
	struct state *st = arg;
	struct flow_names *n = flow_names_new(st, fn, fn_arg);
	bool more = n && dp_flows_from(st->dp, cursor, FLOW_SLOTS, tell_flow, n);

	free(n);
	return more;
}

static size_t host_kill_matching(void *arg, bool (*match)(void *match_arg, const struct runtime_flow *flow),
				 void *match_arg)
{
	struct state *st = arg;
	struct flow_names *n = flow_names_new(st, match, match_arg);
	size_t nr = n ? dp_kill_matching(st->dp, tell_flow, n) : 0;

	free(n);
	return nr;
}

static int host_servers_changed(void *arg, struct diag_list *diags)
{
	struct state *st = arg;
	int rc = state_apply(st, st->model, diags);

	if (!rc)
		checks_sync(st->checks);
	return rc;
}

static void forget_server(struct server *s)
{
	if (s->track)
		s->track->nr_trackers--;
	model_server_del(s);
}

/* 'track' among the words of a new server, which the reading of a single line leaves to us. 0 or -EINVAL. */
static int follow_track(struct state *st, struct server *s, const char *const *words, size_t nr_words,
			struct diag_list *diags)
{
	const char *name, *slash;
	struct server *tracked;
	struct backend *b = s->backend;
	char backend[MODEL_NAME_MAX];

	for (size_t i = 1; i + 1 < nr_words; i++) {
		if (strcmp(words[i], "track") != 0)
			continue;
		name = words[i + 1];
		slash = strchr(name, '/');
		if (slash && (size_t)(slash - name) < sizeof(backend)) {
			snprintf(backend, sizeof(backend), "%.*s", (int)(slash - name), name);
			b = model_backend_find(st->model, backend);
			name = slash + 1;
		}
		tracked = b ? model_server_find(b, name) : NULL;
		if (!tracked || tracked == s) {
			diag_add(diags, DIAG_ERROR, NULL, NULL, NULL,
				 "unable to find required server '%s' for tracking", words[i + 1]);
			return -EINVAL;
		}
		s->track = tracked;
		tracked->nr_trackers++;
		(void)model_follow_tracks(st->model);
	}
	return 0;
}

static int host_server_add(void *arg, struct backend *b, const char *name, const char *const *words, size_t nr_words,
			   struct diag_list *diags)
{
	struct state *st = arg;
	struct server *s;
	int rc = conf_add_server(b, name, words, nr_words, diags, &s);

	if (rc)
		return rc;
	server_run_init(s, state_now_ms());
	rc = follow_track(st, s, words, nr_words, diags);
	if (rc) {
		model_server_del(s);
		return rc;
	}
	/* As in HAProxy: in maintenance and unchecked until told otherwise. */
	s->run.admin |= SERVER_FMAINT;
	s->run.check_enabled = false;
	s->run.agent_enabled = false;
	rc = host_servers_changed(st, diags);
	if (rc) {
		forget_server(s);
		return rc;
	}
	log_msg(LOG_L_NOTICE, "control", "server %s/%s was added by command; it is not in the configuration file",
		b->name, name);
	return 0;
}

static int host_server_del(void *arg, struct server *s, struct diag_list *diags)
{
	struct state *st = arg;

	/* Flows that are closing do not hold it: they find their way without the configuration. */
	if (s->run.dp_id && dp_active_of_server(st->dp, s->run.dp_id))
		return -EBUSY;
	log_msg(LOG_L_NOTICE, "control", "server %s/%s was deleted by command", s->backend->name, s->name);
	checks_forget(st->checks, s);
	forget_server(s);
	return host_servers_changed(st, diags);
}

static int host_frontend_set(void *arg, struct frontend *f, bool enabled, struct diag_list *diags)
{
	struct state *st = arg;
	bool disabled = f->disabled;
	int rc;

	f->disabled = !enabled;
	rc = state_apply(st, st->model, diags);
	if (rc)
		f->disabled = disabled;
	else
		statefile_touch(st->statefile);
	return rc;
}

static int host_check_set(void *arg, struct server *s, bool enabled, struct diag_list *diags)
{
	struct state *st = arg;

	if (s->check.type == CHECK_NONE) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "no check is configured for server %s/%s",
			 s->backend->name, s->name);
		return -EINVAL;
	}
	s->run.check_enabled = enabled;
	checks_sync(st->checks);
	return 0;
}

static int host_agent_send(void *arg, struct server *s, const char *text, struct diag_list *diags)
{
	struct check_script *script = check_script_agent(text), *old = s->agent.script;

	(void)diags;
	if (!script)
		return -ENOMEM;
	s->agent.script = script;
	checks_sync(((struct state *)arg)->checks);
	script_put(old);
	return 0;
}

static size_t host_kill_flows(void *arg, struct server *s)
{
	struct state *st = arg;

	return s->run.dp_id ? dp_kill_flows(st->dp, s->run.dp_id) : 0;
}

static void host_clear_counters(void *arg, bool all)
{
	struct state *st = arg;

	counters_clear(st->counters, all);
}

static int host_attach(void *arg, const char *ifname, enum attach_mode mode, struct diag_list *diags)
{
	struct state *st = arg;

	return hosts_attach(st->hosts, ifname, mode, diags);
}

static int host_detach(void *arg, const char *ifname, struct diag_list *diags)
{
	struct state *st = arg;

	return hosts_detach(st->hosts, ifname, diags);
}

static int host_reload(void *arg, struct delta *ret_plan, struct diag_list *diags)
{
	int rc = ret_plan ? reload_plan(arg, ret_plan, diags) : reload_run(arg, diags);

	if (!ret_plan)
		log_msg(rc ? LOG_L_ERROR : LOG_L_NOTICE, "reload", "by command: %s",
			rc ? "refused, running configuration unchanged" : "the new configuration is in force");
	return rc;
}

static const char *host_event(void *arg, uint64_t *seq, uint64_t *ret_lost)
{
	struct state *st = arg;

	return events_next(st->events, seq, ret_lost);
}

static const char *host_startup_log(void *arg)
{
	struct state *st = arg;

	return st->startup.data;
}

__attribute__((format(printf, 2, 3))) static void host_log(void *arg, const char *fmt, ...)
{
	va_list args;

	(void)arg;
	va_start(args, fmt);
	log_vmsg(LOG_L_NOTICE, "control", fmt, args);
	va_end(args);
}

const struct runtime_host host_ops = {
	.model = host_model,
	.now_ms = host_now_ms,
	.info = host_info,
	.frontend_counters = host_frontend_counters,
	.backend_counters = host_backend_counters,
	.server_counters = host_server_counters,
	.reasons = host_reasons,
	.flows = host_flows,
	.servers_changed = host_servers_changed,
	.server_add = host_server_add,
	.server_del = host_server_del,
	.frontend_set = host_frontend_set,
	.check_set = host_check_set,
	.agent_send = host_agent_send,
	.kill_flows = host_kill_flows,
	.kill_matching = host_kill_matching,
	.clear_counters = host_clear_counters,
	.attach = host_attach,
	.detach = host_detach,
	.reload = host_reload,
	.table_used = sticks_used,
	.table_entries = sticks_entries,
	.table_find = sticks_find,
	.table_set = sticks_set,
	.table_clear = sticks_clear,
	.event = host_event,
	.startup_log = host_startup_log,
	.log = host_log,
};
