/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* status, version */
#include <stdio.h>

#include "base/version.h"
#include "xlbctl/ctl.h"

static json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void print_interfaces(const json_t *list)
{
	const json_t *o;
	size_t i;

	if (!json_array_size(list))
		printf("interface   none attached: xlbctl attach INTERFACE\n");
	json_array_foreach(list, i, o)
		printf("interface   %s, %s mode: %s\n", text_of(o, "name"), text_of(o, "mode"), text_of(o, "why"));
}

static void print_status(const json_t *s)
{
	const json_t *flows = json_object_get(s, "flows");
	json_int_t used = number(flows, "used"), capacity = number(flows, "capacity");
	char time[32], counting[32], total[32];

	printf("xlbd        %s, pid %lld, up %s%s\n", text_of(s, "version"), (long long)number(s, "pid"),
	       duration_text(number(s, "uptime_s"), time),
	       json_is_true(json_object_get(s, "adopted")) ? ", took over a running data plane" : "");
	print_interfaces(json_object_get(s, "interfaces"));
	printf("flows       %lld of %lld in use (%.1f %%), table of %.1f MiB\n", (long long)used, (long long)capacity,
	       capacity ? 100.0 * (double)used / (double)capacity : 0.0,
	       (double)number(flows, "memory_bytes") / (1 << 20));
	printf("connections %s in %s, %lld/s now, %lld/s at most\n", short_count(number(s, "connections_total"), total),
	       duration_text(number(s, "counting_s"), counting), (long long)number(s, "rate"),
	       (long long)number(s, "rate_max"));
	printf("proxies     %lld frontends, %lld backends\n", (long long)number(s, "frontends"),
	       (long long)number(s, "backends"));
	printf("servers     %lld up, %lld down, %lld in maintenance\n", (long long)number(s, "servers_up"),
	       (long long)number(s, "servers_down"), (long long)number(s, "servers_maint"));
	printf("files       %s\n", text_of(s, "config_files"));
}

enum ctl_exit cmd_status(struct ctl *c)
{
	json_t *result = NULL;
	enum ctl_exit code = ask(c, json_pack("{s:s}", "cmd", "status"), &result);

	if (code)
		return code;
	if (c->values.json)
		print_json(result);
	else
		print_status(result);
	json_decref(result);
	return CTL_OK;
}

/* Answers also without a daemon: its own version is worth something. */
enum ctl_exit cmd_version(struct ctl *c)
{
	json_t *result = NULL, *both;
	enum ctl_exit code = ask_quietly(c, json_pack("{s:s}", "cmd", "version"), &result);

	if (code && code != CTL_NO_DAEMON)
		return code;
	if (c->values.json) {
		both = json_pack("{s:s,s:s,s:o}", "version", XLB_VERSION, "release_date", XLB_RELEASE_DATE, "daemon",
				 result ? result : json_null());
		print_json(both);
		json_decref(both);
		return CTL_OK;
	}
	printf("xlbctl %s, %s\n", XLB_VERSION, XLB_RELEASE_DATE);
	if (result)
		printf("xlbd   %s, pid %lld, data plane %s\n", text_of(result, "version"),
		       (long long)number(result, "pid"), text_of(result, "object_id"));
	else
		printf("xlbd   does not run\n");
	json_decref(result);
	return CTL_OK;
}
