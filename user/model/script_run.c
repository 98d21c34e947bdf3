/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of 'tcp-check', as HAProxy 2.6 was seen to follow them.
 *
 * Rules of expectation in a row look at the same answer, from its beginning, and again from the first of them whenever
 * more of it has come. A new answer begins with each connection and each data sent.
 */
#include "model/script_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/answer.h"

void script_begin(struct script_run *r, const struct check_script *script)
{
	*r = (struct script_run){ .script = script };
	r->is_implicit = !script->nr || script->rules[0].action != RULE_CONNECT;
}

void script_end(struct script_run *r)
{
	free(r->in);
	r->in = NULL;
	r->in_len = 0;
}

const struct check_rule *script_rule(const struct script_run *r)
{
	return r->is_implicit || r->at >= r->script->nr ? NULL : &r->script->rules[r->at];
}

void script_passed(struct script_run *r)
{
	if (r->is_implicit)
		r->is_implicit = false;
	else
		r->at++;
	r->in_len = 0;
	r->has_ended = false;
}

int script_input(struct script_run *r, const void *data, size_t len)
{
	if (!r->in)
		r->in = malloc(SCRIPT_INPUT_MAX + 1);
	if (!r->in)
		return -ENOMEM;
	if (len > SCRIPT_INPUT_MAX - r->in_len)
		len = SCRIPT_INPUT_MAX - r->in_len;
	if (len)
		memcpy(r->in + r->in_len, data, len);
	r->in_len += len;
	r->in[r->in_len] = '\0';
	if (!len || r->in_len == SCRIPT_INPUT_MAX)
		r->has_ended = true;
	return 0;
}

/* --- words ------------------------------------------------------------------------------------------------------- */

static void append(struct script_result *ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(struct script_result *ret, const char *fmt, ...)
{
	size_t len = strlen(ret->desc);
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret->desc + len, sizeof(ret->desc) - len, fmt, args);
	va_end(args);
}

/* A line of the answer, from 'from' to its end. */
static void append_answer(struct script_result *ret, const struct script_run *r, size_t from)
{
	while (from < r->in_len && r->in[from] == ' ')
		from++;
	if (from < r->in_len)
		append(ret, "%.*s", (int)strcspn(r->in + from, "\r\n"), r->in + from);
}

/* What the pattern of a rule was, as the messages on a mismatch call it. */
static void append_pattern(struct script_result *ret, const struct check_rule *rule)
{
	switch (rule->expect.match) {
	case MATCH_STRING:
		append(ret, " '%s'", rule->data);
		break;
	case MATCH_BINARY:
		append(ret, " (binary)");
		break;
	case MATCH_REGEX:
		append(ret, " (regex)");
		break;
	case MATCH_BINARY_REGEX:
		append(ret, " (binary regex)");
		break;
	case MATCH_STATUS:
	case MATCH_STATUS_REGEX:
	case MATCH_HEADER:
	case MATCH_BODY:
	case MATCH_BODY_REGEX:
	case MATCH_MYSQL:
	case MATCH_LDAP:
	case MATCH_DNS:
	case MATCH_LINE:
		break;
	}
	append(ret, " at step %u", rule->step);
}

/* The same for messages on a conversation that broke off. */
static void append_action(struct script_result *ret, const struct check_rule *rule)
{
	static const char *const names[] = {
		[MATCH_STRING] = "string",
		[MATCH_BINARY] = "binary",
		[MATCH_REGEX] = "regex",
		[MATCH_BINARY_REGEX] = "binary regex",
	};
	enum rule_match match = rule->expect.match;

	if (rule->action == RULE_SEND)
		append(ret, " (send)");
	else if (rule->action == RULE_CONNECT && rule->connect.port)
		append(ret, " (connect port %u)", rule->connect.port);
	else if (rule->action == RULE_CONNECT)
		append(ret, " (connect)");
	else if (match == MATCH_STRING || match == MATCH_BINARY)
		append(ret, " (expect %s '%s')", names[match], rule->data);
	else if (match == MATCH_REGEX || match == MATCH_BINARY_REGEX)
		append(ret, " (expect %s)", names[match]);
}

static void append_place(struct script_result *ret, const struct script_run *r)
{
	const struct check_rule *rule = script_rule(r);

	if (r->script->is_protocol)
		return;
	if (!rule) {
		append(ret, " at initial connection step of tcp-check");
		return;
	}
	append(ret, " at step %u of tcp-check", rule->step);
	append_action(ret, rule);
	if (rule->comment)
		append(ret, " comment: '%s'", rule->comment);
}

/* --- results ----------------------------------------------------------------------------------------------------- */

static int status_in(const struct script_run *r, const struct check_rule *rule)
{
	int status = 0;

	for (size_t i = 0; rule->expect.code_in_answer && i < 3 && i < r->in_len; i++)
		if (r->in[i] >= '0' && r->in[i] <= '9')
			status = status * 10 + r->in[i] - '0';
	return status;
}

static enum script_want done(struct script_result *ret, enum check_code code)
{
	ret->code = code;
	return SCRIPT_DONE;
}

static enum script_want empty(const struct check_rule *rule, struct script_result *ret)
{
	append(ret, "TCPCHK got an empty response at step %u", rule->step);
	if (rule->comment)
		append(ret, " comment: '%s'", rule->comment);
	return done(ret, rule->expect.error ? rule->expect.error : CHECK_L7RSP);
}

static enum script_want refuse(const struct script_run *r, const struct check_rule *rule, const struct answer *a,
			       struct script_result *ret)
{
	enum check_code code = a->code ? a->code : rule->expect.error;

	ret->status = a->code ? a->status : status_in(r, rule);
	if (a->words)
		append(ret, "%.*s", (int)a->words_len, a->words);
	else if (rule->expect.on_error)
		append(ret, "%s", rule->expect.on_error);
	else if (rule->expect.tells_answer)
		append_answer(ret, r, rule->expect.answer_from);
	else if (!r->script->is_protocol) {
		append(ret, "TCPCHK %s content", a->matched ? "matched unwanted" : "did not match");
		append_pattern(ret, rule);
	}
	if (rule->comment)
		append(ret, " comment: %s", rule->comment);
	return done(ret, code ? code : CHECK_L7RSP);
}

/* All rules have passed; the last one says how well. */
static enum script_want pass(const struct script_run *r, struct script_result *ret)
{
	const struct check_rule *last = r->script->nr ? &r->script->rules[r->script->nr - 1] : NULL;

	if (!last)
		return done(ret, r->is_tls ? CHECK_L6OK : CHECK_L4OK);
	if (last->action != RULE_EXPECT) {
		append(ret, "%s", r->script->is_protocol ? "" : "(tcp-check)");
		if (last->action == RULE_CONNECT)
			return done(ret, r->is_tls ? CHECK_L6OK : CHECK_L4OK);
		return done(ret, CHECK_L7OK);
	}
	ret->status = status_in(r, last);
	if (last->expect.on_ok)
		append(ret, "%s", last->expect.on_ok);
	else if (last->expect.tells_answer)
		append_answer(ret, r, last->expect.answer_from);
	else if (!r->script->is_protocol)
		append(ret, "(tcp-check)");
	return done(ret, last->expect.ok ? last->expect.ok : CHECK_L7OK);
}

/* Runs the rules of expectation from 'at' on. SCRIPT_CONNECT: all of them have passed. */
static enum script_want judge(struct script_run *r, struct script_result *ret)
{
	const struct check_rule *rule = &r->script->rules[r->at];
	struct answer a;
	size_t i;

	if (!r->in_len)
		return r->has_ended ? empty(rule, ret) : SCRIPT_RECEIVE;
	for (i = r->at; i < r->script->nr && r->script->rules[i].action == RULE_EXPECT; i++) {
		rule = &r->script->rules[i];
		switch (answer_judge(rule, r->in, r->in_len, r->has_ended, &a)) {
		case ANSWER_PASSES:
			break;
		case ANSWER_INCOMPLETE:
			return SCRIPT_RECEIVE;
		case ANSWER_FAILS:
			return refuse(r, rule, &a, ret);
		}
	}
	r->at = i;
	return SCRIPT_CONNECT;
}

enum script_want script_next(struct script_run *r, struct script_result *ret)
{
	*ret = (struct script_result){ 0 };
	while (!r->is_implicit && r->at < r->script->nr) {
		switch (r->script->rules[r->at].action) {
		case RULE_CONNECT:
			return SCRIPT_CONNECT;
		case RULE_SEND:
		case RULE_REQUEST:
			return SCRIPT_SEND;
		case RULE_EXPECT: {
			enum script_want want = judge(r, ret);

			if (want != SCRIPT_CONNECT)
				return want;
		}
		}
	}
	return r->is_implicit ? SCRIPT_CONNECT : pass(r, ret);
}

void script_broken(const struct script_run *r, enum script_layer layer, const char *words, struct script_result *ret)
{
	*ret = (struct script_result){ 0 };
	append(ret, "%s", words ? words : "");
	append_place(ret, r);
	switch (layer) {
	case LAYER_CONNECT:
		ret->code = CHECK_L4CON;
		break;
	case LAYER_TLS:
		ret->code = CHECK_L6RSP;
		break;
	case LAYER_DATA:
		ret->code = CHECK_SOCKERR;
		break;
	}
}

void script_late(const struct script_run *r, enum script_layer layer, struct script_result *ret)
{
	const struct check_rule *rule = script_rule(r);

	script_broken(r, layer, NULL, ret);
	switch (layer) {
	case LAYER_CONNECT:
		ret->code = CHECK_L4TOUT;
		break;
	case LAYER_TLS:
		ret->code = CHECK_L6TOUT;
		break;
	case LAYER_DATA:
		ret->code = rule && rule->action == RULE_EXPECT && rule->expect.late ? rule->expect.late : CHECK_L7TOUT;
		break;
	}
}
