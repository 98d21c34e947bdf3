/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How values look to a person, and JSON to a program. */
#include <stdio.h>
#include <string.h>

#include "xlbctl/ctl.h"

void print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

const char *text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text && *text ? text : "-";
}

/* Up to five digits are shown as they are, so that small numbers can be added up by eye. */
const char *short_count(json_int_t n, char *buf)
{
	static const char units[] = "kMGTPE";
	double value = (double)n;
	size_t i = 0;

	if (n < 100000) {
		snprintf(buf, 32, "%lld", (long long)n);
		return buf;
	}
	do
		value /= 1000;
	while (value >= 1000 && units[i + 1] && ++i);
	snprintf(buf, 32, value < 100 ? "%.1f%c" : "%.0f%c", value, units[i]);
	return buf;
}

const char *duration_text(json_int_t s, char *buf)
{
	if (s < 60)
		snprintf(buf, 32, "%llds", (long long)s);
	else if (s < 3600)
		snprintf(buf, 32, "%lldm %02llds", (long long)s / 60, (long long)s % 60);
	else if (s < 86400)
		snprintf(buf, 32, "%lldh %02lldm", (long long)s / 3600, (long long)s % 3600 / 60);
	else
		snprintf(buf, 32, "%lldd %02lldh", (long long)s / 86400, (long long)s % 86400 / 3600);
	return buf;
}
