/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HAProxy's check arithmetic. Every rule here was compared with HAProxy 2.6 on its stats socket.
 *
 * Below 'rise' the counter only climbs by successes in a row: one failure puts it back to 0. From 'rise' on it stands
 * at its maximum after a success, and each failure takes one; below 'rise' it drops to 0, which is down.
 */
#include "model/check.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/script.h"

enum outcome { OUTCOME_NONE, OUTCOME_PASSED, OUTCOME_PASSED_CONDITIONALLY, OUTCOME_FAILED };

static const struct {
	enum outcome outcome;
	const char *name, *desc;
} codes[CHECK_NR_CODES] = {
	[CHECK_UNKNOWN] = { OUTCOME_NONE, "UNK", "Unknown" },
	[CHECK_INI] = { OUTCOME_NONE, "INI", "Initializing" },
	[CHECK_CHECKED] = { OUTCOME_NONE, "CHECKED", "No status change" },
	[CHECK_HANA] = { OUTCOME_FAILED, "HANA", "Health analyze" },
	[CHECK_LACKING] = { OUTCOME_NONE, "SOCKERR", "Socket error" },
	[CHECK_SOCKERR] = { OUTCOME_FAILED, "SOCKERR", "Socket error" },
	[CHECK_L4OK] = { OUTCOME_PASSED, "L4OK", "Layer4 check passed" },
	[CHECK_L4TOUT] = { OUTCOME_FAILED, "L4TOUT", "Layer4 timeout" },
	[CHECK_L4CON] = { OUTCOME_FAILED, "L4CON", "Layer4 connection problem" },
	[CHECK_L6OK] = { OUTCOME_PASSED, "L6OK", "Layer6 check passed" },
	[CHECK_L6TOUT] = { OUTCOME_FAILED, "L6TOUT", "Layer6 timeout" },
	[CHECK_L6RSP] = { OUTCOME_FAILED, "L6RSP", "Layer6 invalid response" },
	[CHECK_L7TOUT] = { OUTCOME_FAILED, "L7TOUT", "Layer7 timeout" },
	[CHECK_L7RSP] = { OUTCOME_FAILED, "L7RSP", "Layer7 invalid response" },
	[CHECK_L7OK] = { OUTCOME_PASSED, "L7OK", "Layer7 check passed" },
	[CHECK_L7OKC] = { OUTCOME_PASSED_CONDITIONALLY, "L7OKC", "Layer7 check conditionally passed" },
	[CHECK_L7STS] = { OUTCOME_FAILED, "L7STS", "Layer7 wrong status" },
	[CHECK_PROCERR] = { OUTCOME_FAILED, "PROCERR", "External check error" },
	[CHECK_PROCTOUT] = { OUTCOME_FAILED, "PROCTOUT", "External check timeout" },
	[CHECK_PROCOK] = { OUTCOME_PASSED, "PROCOK", "External check passed" },
};

bool check_code_passes(enum check_code code)
{
	return codes[code].outcome == OUTCOME_PASSED || codes[code].outcome == OUTCOME_PASSED_CONDITIONALLY;
}

bool check_code_has_status(enum check_code code)
{
	return code >= CHECK_L7OK;
}

const char *check_code_name(enum check_code code)
{
	return codes[code].name;
}

const char *check_code_desc(enum check_code code)
{
	return codes[code].desc;
}

void check_conf_init(struct check_conf *c)
{
	*c = (struct check_conf){ .type = CHECK_NONE, .inter = 2000, .rise = 2, .fall = 3 };
}

/* The strings that a struct check_conf owns, by their places in it. */
static const size_t strings[] = {
	offsetof(struct check_conf, ca_file), offsetof(struct check_conf, sni),
	offsetof(struct check_conf, alpn),    offsetof(struct check_conf, verify_host),
	offsetof(struct check_conf, command), offsetof(struct check_conf, path),
	offsetof(struct check_conf, proxy),   offsetof(struct check_conf, env),
};

enum { NR_STRINGS = sizeof(strings) / sizeof(strings[0]) };

static char **string_at(struct check_conf *c, size_t i)
{
	return (char **)((char *)c + strings[i]);
}

static const char *text_at(const struct check_conf *c, size_t i)
{
	return *(char *const *)((const char *)c + strings[i]);
}

void check_conf_fini(struct check_conf *c)
{
	for (size_t i = 0; i < NR_STRINGS; i++) {
		free(*string_at(c, i));
		*string_at(c, i) = NULL;
	}
	script_put(c->script);
	c->script = NULL;
}

int check_conf_copy(struct check_conf *dst, const struct check_conf *src)
{
	struct check_conf c = *src;
	bool failed = false;

	c.script = script_get(src->script);
	for (size_t i = 0; i < NR_STRINGS; i++) {
		const char *text = text_at(src, i);

		*string_at(&c, i) = text ? strdup(text) : NULL;
		failed = failed || (text && !text_at(&c, i));
	}
	if (failed) {
		check_conf_fini(&c);
		return -ENOMEM;
	}
	*dst = c;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool check_conf_equal(const struct check_conf *a, const struct check_conf *b)
{
	for (size_t i = 0; i < NR_STRINGS; i++)
		if (!same_text(text_at(a, i), text_at(b, i)))
			return false;
	return a->type == b->type && a->inter == b->inter && a->fastinter == b->fastinter &&
	       a->downinter == b->downinter && a->rise == b->rise && a->fall == b->fall &&
	       a->timeout_connect == b->timeout_connect && a->timeout_check == b->timeout_check &&
	       addr_equal(&a->addr, &b->addr) && a->port == b->port && addr_equal(&a->via, &b->via) &&
	       a->via_port == b->via_port && a->via_may_fail == b->via_may_fail && a->proxy_line == b->proxy_line &&
	       a->tls == b->tls && a->verify == b->verify && script_equal(a->script, b->script);
}

bool check_speaks(const struct check_conf *c)
{
	return c->type == CHECK_HTTP || c->script || c->tls || c->proxy_line;
}

static int health_max(const struct check_conf *c)
{
	return (int)(c->rise + c->fall) - 1;
}

static int health_at_start(const struct check_conf *c)
{
	if (c->type == CHECK_NONE)
		return (int)c->rise; /* nothing would ever change it */
	switch (c->start) {
	case CHECK_START_UP:
		break;
	case CHECK_START_FULLY_UP:
		return health_max(c);
	case CHECK_START_DOWN:
		return (int)c->rise - 1;
	case CHECK_START_FULLY_DOWN:
		return 0;
	}
	return (int)c->rise;
}

void check_init(struct check_state *s, const struct check_conf *c)
{
	*s = (struct check_state){ .health = health_at_start(c), .code = CHECK_INI, .duration_ms = -1 };
}

bool check_is_up(const struct check_state *s, const struct check_conf *c)
{
	return s->health >= (int)c->rise;
}

static enum check_change change_since(struct check_state *s, const struct check_conf *c, bool was_up)
{
	bool is_up = check_is_up(s, c);

	if (was_up == is_up)
		return CHECK_NO_CHANGE;
	if (is_up)
		return CHECK_WENT_UP;
	s->downs++;
	return CHECK_WENT_DOWN;
}

enum check_change check_result(struct check_state *s, const struct check_conf *c, enum check_code code, int status,
			       long duration_ms, const char *desc)
{
	bool was_up = check_is_up(s, c);

	s->code = code;
	s->status = status;
	s->duration_ms = duration_ms;
	snprintf(s->desc, sizeof(s->desc), "%s", desc ? desc : "");
	switch (codes[code].outcome) {
	case OUTCOME_NONE:
		break;
	case OUTCOME_PASSED:
	case OUTCOME_PASSED_CONDITIONALLY:
		if (s->health < health_max(c) && ++s->health >= (int)c->rise)
			s->health = health_max(c);
		s->is_nolb = codes[code].outcome == OUTCOME_PASSED_CONDITIONALLY && check_is_up(s, c);
		break;
	case OUTCOME_FAILED:
		if (s->health <= 0)
			break;
		s->failed++;
		if (--s->health < (int)c->rise) {
			s->health = 0;
			s->is_nolb = false;
		}
		break;
	}
	return change_since(s, c, was_up);
}

/* HAProxy enters the end of a run of errors as the result of a check. */
enum check_change check_observe(struct check_state *s, const struct check_conf *c, const struct observe *o, bool ok,
				bool *ret_hurry)
{
	char desc[CHECK_DESC_MAX];

	*ret_hurry = false;
	if (ok || !o->on)
		s->errors_in_row = 0;
	if (ok || !o->on || ++s->errors_in_row < o->limit)
		return CHECK_NO_CHANGE;
	snprintf(desc, sizeof(desc), "Detected %u consecutive errors, last one was: L4 unsuccessful connection",
		 s->errors_in_row);
	s->errors_in_row = 0;
	s->observed++;
	*ret_hurry = true;
	switch (o->action) {
	case OBSERVE_FASTINTER:
		return CHECK_NO_CHANGE;
	case OBSERVE_SUDDEN_DEATH: /* as if it had but one failure left before the last */
		if (s->health > (int)c->rise)
			s->health = (int)c->rise + 1;
		break;
	case OBSERVE_MARK_DOWN:
		if (s->health > (int)c->rise)
			s->health = (int)c->rise;
		break;
	case OBSERVE_FAIL_CHECK:
		break;
	}
	return check_result(s, c, CHECK_HANA, 0, s->duration_ms, desc);
}

enum check_change check_set_health(struct check_state *s, const struct check_conf *c, int health)
{
	bool was_up = check_is_up(s, c);

	if (health < 0)
		health = 0;
	s->is_nolb = false;
	s->health = health < health_max(c) ? health : health_max(c);
	return change_since(s, c, was_up);
}

unsigned int check_interval(const struct check_state *s, const struct check_conf *c)
{
	if (s->health >= health_max(c))
		return c->inter;
	if (s->health <= 0)
		return c->downinter ? c->downinter : c->inter;
	return c->fastinter ? c->fastinter : c->inter;
}

unsigned int check_connect_timeout(const struct check_state *s, const struct check_conf *c)
{
	(void)s;
	if (c->timeout_check && c->timeout_connect && c->timeout_connect < c->inter)
		return c->timeout_connect;
	return c->inter;
}

unsigned int check_total_timeout(const struct check_state *s, const struct check_conf *c)
{
	if (!c->timeout_check)
		return c->inter;
	return check_connect_timeout(s, c) + c->timeout_check;
}
