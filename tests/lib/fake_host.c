/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See fake_host.h. The numbers are chosen to differ from each other, so that a swapped column shows. */
#include "fake_host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct model *get_model(void *arg)
{
	return ((struct fake_host *)arg)->model;
}

static uint64_t get_now(void *arg)
{
	return ((struct fake_host *)arg)->now_ms;
}

static void get_info(void *arg, struct runtime_info *ret)
{
	*ret = ((struct fake_host *)arg)->info;
}

static void fill(struct runtime_counters *ret, uint64_t base, unsigned int known)
{
	*ret = (struct runtime_counters){
		.s = { .packets_in = base + 1,
		       .bytes_in = base + 2,
		       .packets_out = base + 3,
		       .bytes_out = base + 4,
		       .connections = base + 5,
		       .refused = base + 6,
		       .client_resets = base + 7,
		       .server_resets = base + 8 },
		.active = (uint32_t)base + 9,
		.active_max = (uint32_t)base + 10,
		.rate = (uint32_t)base + 11,
		.rate_max = (uint32_t)base + 12,
		.conn_rate = (uint32_t)base + 13,
		.conn_rate_max = (uint32_t)base + 14,
		.last_new_s = base + 13,
		.known = known,
		.denied = base + 20,
		.unanswered = base + 21,
		.redispatched = base + 22,
		.connect_ms = (uint32_t)base + 23,
		.connect_ms_max = (uint32_t)base + 24,
	};
}

static void frontend_counters(void *arg, const struct frontend *f, struct runtime_counters *ret)
{
	fill(ret, 1000 * f->id, ((struct fake_host *)arg)->known);
}

static void backend_counters(void *arg, const struct backend *b, struct runtime_counters *ret)
{
	fill(ret, 10000 * b->id, ((struct fake_host *)arg)->known);
}

static void server_counters(void *arg, const struct server *s, struct runtime_counters *ret)
{
	fill(ret, 100000 * s->id, ((struct fake_host *)arg)->known);
	if (s->id > 1)
		ret->last_new_s = UINT64_MAX;
	if (((struct fake_host *)arg)->no_flows)
		ret->active = 0;
}

static void reasons(void *arg, uint64_t ret[XLB_R_MAX])
{
	memcpy(ret, ((struct fake_host *)arg)->reasons, sizeof(uint64_t) * XLB_R_MAX);
}

/* Flow 'i' of the table: they differ by the client's port. */
static struct runtime_flow make_flow(unsigned int i)
{
	struct runtime_flow f = { .server_port = 80,
				  .source_port = 2000,
				  .proto = IPPROTO_TCP,
				  .state = "established",
				  .frontend = "web",
				  .backend = "be",
				  .server_name = "s1",
				  .idle_s = 7 };

	f.client_port = (uint16_t)(40000 + i);
	f.vip_port = (uint16_t)(8080 + i / 20000);
	addr_parse("192.0.2.9", &f.client);
	addr_parse("10.9.9.9", &f.vip);
	addr_parse("10.0.0.1", &f.server);
	addr_parse("10.0.0.100", &f.source);
	return f;
}

/* At most 1000 a time, as the real one ends somewhere in the middle, too. */
static bool flows(void *arg, uint64_t *cursor, bool (*fn)(void *fn_arg, const struct runtime_flow *flow), void *fn_arg)
{
	struct fake_host *h = arg;
	uint64_t end = *cursor + 1000;
	struct runtime_flow f;

	while (*cursor < h->nr_flows && *cursor < end) {
		f = make_flow((unsigned int)(*cursor)++);
		if (!fn(fn_arg, &f))
			break;
	}
	return *cursor < h->nr_flows;
}

/* Flows of the fake are not gone afterwards; 'kills' says how many there would be. */
static size_t kill_matching(void *arg, bool (*match)(void *match_arg, const struct runtime_flow *flow), void *match_arg)
{
	struct fake_host *h = arg;
	struct runtime_flow f;
	size_t nr = 0;

	for (unsigned int i = 0; i < h->nr_flows; i++) {
		f = make_flow(i);
		nr += match(match_arg, &f);
	}
	h->kills += (unsigned int)nr;
	return nr;
}

static int action(struct fake_host *h, struct diag_list *diags)
{
	int err = h->fail_with;

	h->fail_with = 0;
	if (err)
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "it was told to fail");
	return err;
}

static int servers_changed(void *arg, struct diag_list *diags)
{
	struct fake_host *h = arg;

	h->changes++;
	return action(h, diags);
}

static int server_add(void *arg, struct backend *b, const char *name, const char *const *words, size_t nr_words,
		      struct diag_list *diags)
{
	struct fake_host *h = arg;
	int err = action(h, diags);
	char copy[64], *colon;
	struct server *s;

	if (err)
		return err;
	snprintf(copy, sizeof(copy), "%s", words[0]);
	colon = strchr(copy, ':');
	s = model_server_add(b, name);
	if (colon) {
		*colon = '\0';
		s->port = (uint16_t)atoi(colon + 1);
	}
	addr_parse(copy, &s->addr);
	s->weight = 1;
	if (nr_words > 1 && strcmp(words[1], "check") == 0)
		s->check.type = CHECK_TCP;
	server_run_init(s, h->now_ms);
	s->run.admin |= SERVER_FMAINT;
	s->run.check_enabled = false;
	s->run.agent_enabled = false;
	return 0;
}

static int server_del(void *arg, struct server *s, struct diag_list *diags)
{
	int err = action(arg, diags);

	if (!err)
		model_server_del(s);
	return err;
}

static int frontend_set(void *arg, struct frontend *f, bool enabled, struct diag_list *diags)
{
	int err = action(arg, diags);

	if (!err)
		f->disabled = !enabled;
	return err;
}

static int check_set(void *arg, struct server *s, bool enabled, struct diag_list *diags)
{
	int err = action(arg, diags);

	if (!err)
		s->run.check_enabled = enabled;
	return err;
}

static int agent_send(void *arg, struct server *s, const char *text, struct diag_list *diags)
{
	struct fake_host *h = arg;

	(void)s;
	snprintf(h->sent, sizeof(h->sent), "%s", text);
	return action(h, diags);
}

static size_t kill_flows(void *arg, struct server *s)
{
	(void)s;
	((struct fake_host *)arg)->kills++;
	return 0;
}

static void clear_counters(void *arg, bool all)
{
	struct fake_host *h = arg;

	h->clears++;
	h->cleared_all = all;
}

static int attach(void *arg, const char *ifname, enum attach_mode mode, struct diag_list *diags)
{
	struct fake_host *h = arg;

	if (strcmp(ifname, "nic9") == 0) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "There is no interface nic9.");
		return -ENODEV;
	}
	snprintf(h->attached, sizeof(h->attached), "%s/%d", ifname, (int)mode);
	return action(h, diags);
}

static int detach(void *arg, const char *ifname, struct diag_list *diags)
{
	(void)ifname;
	return action(arg, diags);
}

/* The plan of a dry run: what leads from a model without anything to the one in force. */
static int reload(void *arg, struct delta *ret_plan, struct diag_list *diags)
{
	struct fake_host *h = arg;
	struct diag_place place = { .file = "x.cfg", .line = 3, .col = 5, .len = 7, .source_line = "    balanec x" };

	if (h->fail_with == -EILSEQ) {
		place.source_line = "\xff\xfe";
		h->fail_with = -EINVAL;
	}
	if (h->fail_with)
		diag_add(diags, DIAG_ERROR, &place, "C0102", "did you mean 'balance'?", "unknown keyword 'balanec'");
	else
		h->reloaded = !ret_plan;
	if (!h->fail_with && ret_plan) {
		struct model *empty = model_new();
		int rc = delta_make(empty, h->model, ret_plan);

		model_free(empty);
		return rc;
	}
	return h->fail_with;
}

static uint64_t table_used(void *arg, const struct stick_table *t)
{
	(void)t;
	return ((struct fake_host *)arg)->nr_entries;
}

/* Two at a time, so that a dump takes several calls. */
static bool table_entries(void *arg, const struct stick_table *t, uint64_t *cursor,
			  bool (*fn)(void *fn_arg, const struct runtime_table_entry *entry), void *fn_arg)
{
	struct fake_host *h = arg;

	(void)t;
	for (int i = 0; i < 2 && *cursor < h->nr_entries; i++)
		if (!fn(fn_arg, &h->entries[(*cursor)++]))
			break;
	return *cursor < h->nr_entries;
}

static struct runtime_table_entry *find_entry(struct fake_host *h, const struct addr *key)
{
	for (unsigned int i = 0; i < h->nr_entries; i++)
		if (addr_equal(&h->entries[i].key, key))
			return &h->entries[i];
	return NULL;
}

static bool table_find(void *arg, const struct stick_table *t, const struct addr *key, struct runtime_table_entry *ret)
{
	struct runtime_table_entry *e = find_entry(arg, key);

	(void)t;
	if (e)
		*ret = *e;
	return e;
}

static int table_set(void *arg, const struct stick_table *t, const struct addr *key, unsigned int mask,
		     const uint64_t values[RUNTIME_TABLE_NR_VALUES], struct diag_list *diags)
{
	struct fake_host *h = arg;
	struct runtime_table_entry *e = find_entry(h, key);
	int err = action(h, diags);

	if (err)
		return err;
	if (!e && h->nr_entries == FAKE_ENTRIES)
		return -ENOSPC;
	if (!e) {
		e = &h->entries[h->nr_entries++];
		*e = (struct runtime_table_entry){ .id = 0x1000 + h->nr_entries, .key = *key };
	}
	e->expires_ms = t->expire_ms;
	for (unsigned int i = 0; i < RUNTIME_TABLE_NR_VALUES; i++)
		if (mask & 1u << i)
			e->values[i] = values[i];
	return 0;
}

static int table_clear(void *arg, const struct stick_table *t, const struct addr *key, struct diag_list *diags)
{
	struct fake_host *h = arg;
	struct runtime_table_entry *e = find_entry(h, key);

	(void)t;
	(void)diags;
	if (!e)
		return -ENOENT;
	*e = h->entries[--h->nr_entries];
	return 0;
}

static const char *event(void *arg, uint64_t *seq, uint64_t *ret_lost)
{
	struct fake_host *h = arg;
	static char text[32];

	*ret_lost = *seq < 5 && h->nr_events > 5 ? 5 - *seq : 0;
	if (*seq + *ret_lost >= h->nr_events)
		return NULL;
	*seq += *ret_lost + 1;
	snprintf(text, sizeof(text), "event %u", (unsigned int)*seq);
	return text;
}

static const char *startup_log(void *arg)
{
	(void)arg;
	return "x.cfg:1:1: note: so it is\n";
}

static void __attribute__((format(printf, 2, 3))) log_line(void *arg, const char *fmt, ...)
{
	struct fake_host *h = arg;
	va_list args;

	va_start(args, fmt);
	vsnprintf(h->logged, sizeof(h->logged), fmt, args);
	va_end(args);
}

const struct runtime_host fake_host_ops = {
	.model = get_model,
	.now_ms = get_now,
	.info = get_info,
	.frontend_counters = frontend_counters,
	.backend_counters = backend_counters,
	.server_counters = server_counters,
	.reasons = reasons,
	.flows = flows,
	.servers_changed = servers_changed,
	.server_add = server_add,
	.server_del = server_del,
	.frontend_set = frontend_set,
	.check_set = check_set,
	.agent_send = agent_send,
	.kill_flows = kill_flows,
	.kill_matching = kill_matching,
	.clear_counters = clear_counters,
	.attach = attach,
	.detach = detach,
	.reload = reload,
	.table_used = table_used,
	.table_entries = table_entries,
	.table_find = table_find,
	.table_set = table_set,
	.table_clear = table_clear,
	.event = event,
	.startup_log = startup_log,
	.log = log_line,
};

static void add_server(struct fake_host *h, struct backend *b, const char *name, const char *ip, uint16_t port,
		       unsigned int weight, bool checked)
{
	struct server *s = model_server_add(b, name);

	addr_parse(ip, &s->addr);
	s->port = port;
	s->weight = weight;
	s->check = (struct check_conf){ .type = checked ? CHECK_TCP : CHECK_NONE, .inter = 2000, .rise = 2, .fall = 3 };
	if (strcmp(name, "s4") == 0)
		s->backup = s->disabled = true;
	server_run_init(s, h->now_ms - 5000);
}

static void add_bind(struct frontend *f, const char *ip, uint16_t port)
{
	struct bind *b = model_bind_add(f);

	addr_parse(ip, &b->addr);
	b->port_lo = b->port_hi = port;
	b->proto = IPPROTO_TCP;
}

void fake_host_init(struct fake_host *h)
{
	struct frontend *f;
	struct backend *b;

	*h = (struct fake_host){ .now_ms = 1000000, .nr_flows = 2 };
	h->info = (struct runtime_info){ .pid = 4711,
					 .uptime_s = 93784,
					 .interfaces = 1,
					 .ifs = { { .name = "eth0", .mode = "native", .why = "because" } },
					 .flows_used = 2,
					 .flows_capacity = 262144,
					 .flows_memory = 64 << 20,
					 .connections_total = 77,
					 .rate = 3,
					 .rate_max = 30,
					 .node = "nodea",
					 .control_socket = "/run/xlb/xlb.sock" };
	h->model = model_new();
	f = model_frontend_add(h->model, "web");
	add_bind(f, "0.0.0.0", 8080);
	b = model_backend_add(h->model, "be");
	f->backend = b;
	add_server(h, b, "s1", "10.0.0.1", 80, 1, true);
	add_server(h, b, "s2", "10.0.0.2", 80, 10, true);
	add_server(h, b, "s3", "10.0.0.3", 80, 1, false);
	add_server(h, b, "s4", "10.0.0.4", 80, 1, false);
	b->last_change_ms = h->now_ms - 6000;
	f = model_frontend_add(h->model, "ls");
	f->is_listen = true;
	add_bind(f, "10.9.9.9", 9000);
	b = model_backend_add(h->model, "ls");
	b->is_listen = true;
	f->backend = b;
	add_server(h, b, "a", "10.0.0.5", 90, 1, true);
	b->last_change_ms = h->now_ms - 6000;
	h->reasons[XLB_R_REQUEST] = 100;
	h->reasons[XLB_R_NOT_OURS] = 20;
	h->reasons[XLB_R_TTL] = 3;
}

void fake_host_fini(struct fake_host *h)
{
	model_free(h->model);
}
