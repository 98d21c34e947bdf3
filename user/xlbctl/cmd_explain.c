/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* explain: what a reason or the code of a message means, from the lists that they are made of. Needs no daemon. */
#include <stdio.h>
#include <string.h>

#include <xlb/reason.h>

#include "base/codes.h"
#include "base/diag.h"
#include "xlbctl/ctl.h"

static const struct reason {
	const char *name;
	enum xlb_verdict verdict;
	bool expected;
	const char *text, *advice;
} reasons[] = {
#define REASON_ROW(name, verdict, expected, text, advice) { #name, XLB_V_##verdict, expected, text, advice },
	XLB_REASONS(REASON_ROW)
#undef REASON_ROW
};

enum { NR_REASONS = sizeof(reasons) / sizeof(reasons[0]) };

static const char *verdict_text(enum xlb_verdict verdict)
{
	switch (verdict) {
	case XLB_V_PASS:
		return "passed to the host untouched";
	case XLB_V_SEND:
		return "sent out again";
	case XLB_V_DROP:
		return "dropped";
	}
	return "";
}

/* Compares without regard to case; '-' and '_' are the same. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char x = *a >= 'a' && *a <= 'z' ? (char)(*a - 'a' + 'A') : *a == '-' ? '_' : *a;

		if (x != *b)
			return false;
	}
	return *a == *b;
}

static json_t *reason_json(const struct reason *r)
{
	return json_pack("{s:s,s:s,s:b,s:s,s:s}", "reason", r->name, "verdict",
			 r->verdict == XLB_V_PASS ? "pass" :
			 r->verdict == XLB_V_SEND ? "send" :
						    "drop",
			 "expected", r->expected, "text", r->text, "advice", r->advice);
}

static void explain(const struct ctl *c, const struct reason *r)
{
	json_t *o;

	if (c->values.json) {
		o = reason_json(r);
		print_json(o);
		json_decref(o);
		return;
	}
	printf("%s: %s.\n", r->name, r->text);
	printf("The packet is %s. %s\n", verdict_text(r->verdict),
	       r->expected ? "A healthy balancer counts this, too." : "A healthy balancer does not count this.");
	if (*r->advice)
		printf("Look at: %s.\n", r->advice);
}

static enum ctl_exit explain_all(const struct ctl *c)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < NR_REASONS; i++) {
		if (c->values.json)
			json_array_append_new(list, reason_json(&reasons[i]));
		else
			printf("%-16s %s%s\n", reasons[i].name, reasons[i].expected ? "" : "! ", reasons[i].text);
	}
	if (c->values.json)
		print_json(list);
	json_decref(list);
	return CTL_OK;
}

/* The code of a message about a configuration, such as C0102. */
static enum ctl_exit explain_code(const struct ctl *c, const char *help)
{
	json_t *o;

	if (!c->values.json) {
		printf("%s\n", help);
		return CTL_OK;
	}
	o = json_pack("{s:s,s:s}", "code", c->words[0], "text", help);
	print_json(o);
	json_decref(o);
	return CTL_OK;
}

enum ctl_exit cmd_explain(struct ctl *c)
{
	const char *names[NR_REASONS + 1], *near;
	char upper[64];
	size_t i;

	if (!c->nr_words)
		return explain_all(c);
	if (code_explain(c->words[0]))
		return explain_code(c, code_explain(c->words[0]));
	for (i = 0; i < NR_REASONS; i++) {
		names[i] = reasons[i].name;
		if (!same_name(c->words[0], reasons[i].name))
			continue;
		explain(c, &reasons[i]);
		return CTL_OK;
	}
	names[i] = NULL;
	for (i = 0; i + 1 < sizeof(upper) && c->words[0][i]; i++)
		upper[i] = c->words[0][i] >= 'a' && c->words[0][i] <= 'z' ? (char)(c->words[0][i] - 'a' + 'A') :
									    c->words[0][i];
	upper[i] = '\0';
	near = diag_suggest(upper, names);
	return ctl_fail(CTL_NOT_FOUND, "there is no reason or code '%s'%s%s%s; xlbctl explain lists the reasons.",
			c->words[0], near ? ", did you mean '" : "", near ? near : "", near ? "'" : "");
}
