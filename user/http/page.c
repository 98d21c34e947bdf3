/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stats page: what somebody who knows HAProxy's looks for, where it is looked for, in colours that mean the same.
 *
 * One HTML document without script or anything fetched. Every text that a person wrote goes through put_text().
 */
#include "http/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "http/sample.h"

static const char style[] =
	"body{font:13px/1.4 system-ui,sans-serif;margin:1.2em;color:#222;background:#fff}\n"
	"h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:1.6em 0 .3em}\n"
	"table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.15em .5em}\n"
	"td{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	"th{background:#e7ebf0;font-weight:600}td:first-child,td.t{text-align:left}\n"
	"table.info td,table.legend td{border:0;text-align:left}\n"
	"table.legend td.c{width:1.5em;border:1px solid #999}\n"
	".top{display:flex;flex-wrap:wrap;gap:2.5em;align-items:flex-start;margin:.8em 0}\n"
	".front,.back{background:#f3f1e6;font-weight:600}\n"
	".up{background:#c8f2c8}.falling{background:#fbf7a5}.rising{background:#ffd75e}.down{background:#ff9d9d}\n"
	".bup{background:#c4daff}.bfalling{background:#d3a8f5}.brising{background:#f5a8ec}\n"
	".drain{background:#7cc2f5}.maint{background:#d39a56}.plain{background:#e4e4e4}\n"
	".bad{background:#ffd0d0}table.px{width:100%}\n";

/* HTML's own characters, and control characters, made harmless. */
static void put_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		case '\'':
			buf_puts(out, "&#39;");
			break;
		default:
			buf_add(out, (unsigned char)*text < ' ' ? " " : text, 1);
		}
	}
}

/* Digits in groups of three. */
static void put_number(struct buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_puts(out, "&#8239;");
		buf_add(out, digits + i, 1);
	}
}

/* A cell; empty if the number does not apply. */
static void put_cell(struct buf *out, int64_t n)
{
	buf_puts(out, "<td>");
	if (n >= 0)
		put_number(out, (uint64_t)n);
	buf_puts(out, "</td>");
}

/* The two largest units, as in "3h5m". */
static void put_duration(struct buf *out, int64_t s)
{
	if (s < 0)
		return;
	if (s < 60)
		buf_printf(out, "%" PRId64 "s", s);
	else if (s < 3600)
		buf_printf(out, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(out, "%" PRId64 "h%" PRId64 "m", s / 3600, s / 60 % 60);
	else
		buf_printf(out, "%" PRId64 "d%" PRId64 "h", s / 86400, s / 3600 % 24);
}

static void put_bytes(struct buf *out, uint64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	double x = (double)n;

	while (x >= 1024 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		x /= 1024;
		unit++;
	}
	buf_printf(out, unit ? "%.1f %s" : "%.0f %s", x, units[unit]);
}

static void put_head(struct buf *out, const struct runtime_info *info)
{
	buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>xlb statistics");
	if (info->node) {
		buf_puts(out, " on ");
		put_text(out, info->node);
	}
	buf_printf(out, "</title>\n<style>\n%s</style></head><body>\n", style);
	buf_puts(out, "<h1>xlb " XLB_VERSION "</h1>\n");
	buf_printf(out, "<div>Statistics report for pid %d", info->pid);
	if (info->node) {
		buf_puts(out, " on ");
		put_text(out, info->node);
	}
	if (info->description) {
		buf_puts(out, ": ");
		put_text(out, info->description);
	}
	buf_puts(out, "</div>\n");
}

static void put_interfaces(struct buf *out, const struct runtime_info *info)
{
	buf_puts(out, "<tr><td>interfaces</td><td>");
	if (!info->interfaces)
		buf_puts(out, "<b class=\"bad\">none attached: no packet is balanced</b>");
	for (unsigned int i = 0; i < info->interfaces; i++) {
		buf_puts(out, i ? ", " : "");
		put_text(out, info->ifs[i].name);
		buf_puts(out, " (");
		put_text(out, info->ifs[i].mode ? info->ifs[i].mode : "?");
		buf_puts(out, ")");
	}
	buf_puts(out, "</td></tr>\n");
}

static void put_process(struct buf *out, const struct runtime_info *info)
{
	buf_puts(out, "<table class=\"info\">\n<tr><td>uptime</td><td>");
	put_duration(out, (int64_t)info->uptime_s);
	if (info->counting_s > info->uptime_s + 1) {
		buf_puts(out, ", counting for ");
		put_duration(out, (int64_t)info->counting_s);
	}
	buf_puts(out, "</td></tr>\n");
	put_interfaces(out, info);
	buf_puts(out, "<tr><td>flows</td><td>");
	put_number(out, info->flows_used);
	buf_puts(out, " of ");
	put_number(out, info->flows_capacity);
	buf_puts(out, ", ");
	put_bytes(out, info->flows_memory);
	buf_puts(out, "</td></tr>\n<tr><td>new flows</td><td>");
	put_number(out, info->rate);
	buf_puts(out, "/s now, ");
	put_number(out, info->rate_max);
	buf_puts(out, "/s at most, ");
	put_number(out, info->connections_total);
	buf_puts(out, " in all</td></tr>\n</table>\n");
}

static void put_legend(struct buf *out)
{
	static const struct {
		const char *css, *text, *backup_css;
	} rows[] = {
		{ "up", "UP", "bup" },
		{ "falling", "UP, going down", "bfalling" },
		{ "rising", "DOWN, going up", "brising" },
		{ "down", "DOWN", "down" },
		{ "plain", "not checked", "plain" },
		{ "drain", "DRAIN: no new flows", "drain" },
		{ "maint", "MAINT: out of service", "maint" },
	};

	buf_puts(out, "<table class=\"legend\">\n<tr><td colspan=\"3\">active | backup</td></tr>\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		buf_printf(out,
			   "<tr><td class=\"c %s\" title=\"active\"></td><td class=\"c %s\" title=\"backup\"></td>"
			   "<td>%s</td></tr>\n",
			   rows[i].css, rows[i].backup_css, rows[i].text);
	buf_puts(out, "</table>\n");
}

static void put_link(struct buf *out, const char *uri, const char *suffix, const char *text)
{
	buf_puts(out, "<li><a href=\"");
	put_text(out, uri);
	buf_printf(out, "%s\">%s</a></li>\n", suffix, text);
}

static void put_links(struct buf *out, const struct page_view *v)
{
	const char *keep = v->norefresh ? ";norefresh" : "";
	char suffix[64];

	buf_puts(out, "<ul>\n");
	snprintf(suffix, sizeof(suffix), "%s%s", v->only_up ? "" : ";up", keep);
	put_link(out, v->uri, suffix, v->only_up ? "Show all servers" : "Hide servers that are down");
	if (v->refresh_s)
		put_link(out, v->uri, v->norefresh ? "" : ";norefresh",
			 v->norefresh ? "Refresh by itself" : "Stop refreshing");
	snprintf(suffix, sizeof(suffix), "%s%s%s", v->only_up ? ";up" : "", v->no_maint ? ";no-maint" : "", keep);
	put_link(out, v->uri, suffix, "Refresh now");
	put_link(out, v->uri, ";csv", "CSV");
	if (v->metrics)
		put_link(out, "/metrics", "", "Metrics");
	buf_puts(out, "</ul>\n");
}

static const char *server_css(const struct server *s)
{
	const struct check_state *check = &s->run.check;
	bool full = check->health >= (int)(s->check.rise + s->check.fall) - 1;

	if (s->run.admin & SERVER_MAINT)
		return "maint";
	if (!server_is_up(s)) {
		if (!s->run.check_enabled || check->health <= 0)
			return "down";
		return s->backup ? "brising" : "rising";
	}
	if (s->run.admin & SERVER_DRAIN)
		return "drain";
	if (!s->run.check_enabled)
		return "plain";
	if (full)
		return s->backup ? "bup" : "up";
	return s->backup ? "bfalling" : "falling";
}

static const char *row_css(const struct sample *s)
{
	switch (s->kind) {
	case SAMPLE_FRONTEND:
		return "front";
	case SAMPLE_SERVER:
		return server_css(s->s);
	case SAMPLE_BACKEND:
		return strcmp(s->state, "UP") != 0 ? "back down" : "back";
	}
	return "";
}

static void put_name(struct buf *out, const struct sample *s)
{
	char text[ADDR_TEXT_MAX];

	switch (s->kind) {
	case SAMPLE_FRONTEND:
		buf_puts(out, "<td>Frontend</td>");
		break;
	case SAMPLE_SERVER:
		buf_printf(out, "<td title=\"%s\">", addr_format_port(&s->s->addr, s->s->port, text));
		put_text(out, s->server);
		buf_puts(out, "</td>");
		break;
	case SAMPLE_BACKEND:
		buf_puts(out, "<td>Backend</td>");
		break;
	}
}

static void put_traffic(struct buf *out, const struct sample *s)
{
	put_cell(out, s->rate);
	put_cell(out, s->rate_max);
	put_cell(out, s->active);
	put_cell(out, s->active_max);
	put_cell(out, s->limit);
	put_cell(out, s->total);
	buf_puts(out, "<td>");
	if (s->kind != SAMPLE_FRONTEND && s->last_new_s < 0)
		buf_puts(out, "?");
	else if (s->kind != SAMPLE_FRONTEND)
		put_duration(out, s->last_new_s);
	buf_puts(out, "</td>");
	put_cell(out, s->packets_in);
	put_cell(out, s->packets_out);
	put_cell(out, s->bytes_in);
	put_cell(out, s->bytes_out);
	put_cell(out, s->refused);
	put_cell(out, s->client_resets);
	put_cell(out, s->server_resets);
}

static void put_last_check(struct buf *out, const struct sample *s)
{
	const struct check_state *check = s->s ? &s->s->run.check : NULL;

	if (!check || !s->check) {
		buf_puts(out, "<td></td>");
		return;
	}
	buf_puts(out, "<td class=\"t\" title=\"");
	put_text(out, check_code_desc(check->code));
	if (check->desc[0]) {
		buf_puts(out, ": ");
		put_text(out, check->desc);
	}
	buf_printf(out, "\">%s%s", s->s->run.check_running ? "* " : "", s->check);
	if (check->status)
		buf_printf(out, "/%d", check->status);
	if (check->duration_ms >= 0)
		buf_printf(out, " in %ldms", check->duration_ms);
	buf_puts(out, "</td>");
}

/* Y or N for a server, how many for a backend. */
static void put_role(struct buf *out, const struct sample *s, int64_t n)
{
	if (s->kind == SAMPLE_SERVER)
		buf_printf(out, "<td>%s</td>", n ? "Y" : "-");
	else
		put_cell(out, n);
}

static void put_standing(struct buf *out, const struct sample *s)
{
	buf_puts(out, "<td class=\"t\"");
	if (s->f && s->f->left_to_stack) {
		buf_puts(out, " title=\"left to the host: ");
		put_text(out, s->f->stack_reason ? s->f->stack_reason : "needs layer 7");
		buf_puts(out, "\"");
	}
	buf_puts(out, ">");
	if (s->last_change_s >= 0) {
		put_duration(out, s->last_change_s);
		buf_puts(out, " ");
	}
	buf_printf(out, "%s</td>", s->status);
	put_last_check(out, s);
	put_cell(out, s->weight);
	put_role(out, s, s->active_servers);
	put_role(out, s, s->backup_servers);
	put_cell(out, s->check_failures);
	put_cell(out, s->downs);
	buf_puts(out, "<td>");
	put_duration(out, s->downtime_s);
	buf_puts(out, "</td>");
}

static void put_table_head(struct buf *out, const char *proxy)
{
	buf_puts(out, "<h2>");
	put_text(out, proxy);
	buf_puts(out,
		 "</h2>\n<table class=\"px\">\n<tr><th rowspan=\"2\"></th><th colspan=\"2\">New flows/s</th>"
		 "<th colspan=\"5\">Flows</th><th colspan=\"2\">Packets</th><th colspan=\"2\">Bytes</th>"
		 "<th rowspan=\"2\">Refused</th><th colspan=\"2\">Resets by</th><th colspan=\"8\">Server</th></tr>\n"
		 "<tr><th>Cur</th><th>Max</th><th>Cur</th><th>Max</th><th>Limit</th><th>Total</th><th>Last</th>"
		 "<th>In</th><th>Out</th><th>In</th><th>Out</th><th>Client</th><th>Server</th>"
		 "<th>Status</th><th>LastChk</th><th>Wght</th><th>Act</th><th>Bck</th><th>Chk</th><th>Dwn</th>"
		 "<th>Dwntme</th></tr>\n");
}

static bool is_hidden(const struct page_view *v, const struct sample *s)
{
	if (s->kind != SAMPLE_SERVER)
		return false;
	if (!strcmp(s->state, "MAINT"))
		return v->only_up || v->no_maint;
	return v->only_up && !strcmp(s->state, "DOWN");
}

static void put_proxies(struct buf *out, const struct page_view *v, const struct samples *all)
{
	const struct sample *before = NULL;

	for (const struct sample *s = all->list; s < all->list + all->nr; before = s, s++) {
		if (!before || before->proxy_id != s->proxy_id || strcmp(before->proxy, s->proxy) != 0) {
			buf_puts(out, before ? "</table>\n" : "");
			put_table_head(out, s->proxy);
		}
		if (is_hidden(v, s))
			continue;
		buf_printf(out, "<tr class=\"%s\">", row_css(s));
		put_name(out, s);
		put_traffic(out, s);
		put_standing(out, s);
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, before ? "</table>\n" : "");
}

/* Only what was counted: the list of all reasons is long, and a zero says nothing. */
static void put_reasons(struct buf *out, const struct runtime_host *host, void *arg)
{
#define REASON_ROW(name, verdict, expected, text, advice) { #verdict, expected, text, advice },
	static const struct {
		const char *verdict;
		int expected;
		const char *text, *advice;
	} rows[] = { { "", 0, "", "" }, XLB_REASONS(REASON_ROW) };
#undef REASON_ROW
	uint64_t counts[XLB_R_MAX] = { 0 }, sum = 0;

	host->reasons(arg, counts);
	buf_puts(out, "<h2>Packets</h2>\n<table>\n<tr><th>What happened</th><th>Verdict</th><th>Packets</th></tr>\n");
	for (int i = 1; i < XLB_R_MAX; i++) {
		sum += counts[i];
		if (!counts[i])
			continue;
		buf_printf(out, "<tr class=\"%s\" title=\"", rows[i].expected ? "" : "bad");
		put_text(out, rows[i].advice);
		buf_puts(out, "\"><td>");
		put_text(out, rows[i].text);
		buf_printf(out, "</td><td class=\"t\">%s</td>", rows[i].verdict);
		put_cell(out, (int64_t)counts[i]);
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, "<tr class=\"back\"><td>received</td><td></td>");
	put_cell(out, (int64_t)sum);
	buf_puts(out, "</tr>\n</table>\n");
}

void page_format(const struct runtime_host *host, void *arg, const struct page_view *view, struct buf *out)
{
	struct samples all;

	if (samples_take(host, arg, &all)) {
		out->failed = true;
		return;
	}
	put_head(out, &all.info);
	buf_puts(out, "<div class=\"top\">\n");
	put_process(out, &all.info);
	put_legend(out);
	put_links(out, view);
	buf_puts(out, "</div>\n");
	put_proxies(out, view, &all);
	put_reasons(out, host, arg);
	buf_puts(out, "</body></html>\n");
	samples_fini(&all);
}
