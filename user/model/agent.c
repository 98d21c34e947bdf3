/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of agents, with the meanings and texts that HAProxy gives them. */
#include "model/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/model.h"

enum { NUMBER_MAX = 1000000 };

static const struct {
	const char *word;
	enum agent_admin admin;
	enum agent_health health;
} words[] = {
	{ "ready", AGENT_READY, AGENT_HEALTH_NONE }, { "drain", AGENT_DRAIN, AGENT_HEALTH_NONE },
	{ "maint", AGENT_MAINT, AGENT_HEALTH_NONE }, { "up", AGENT_ADMIN_NONE, AGENT_UP },
	{ "down", AGENT_ADMIN_NONE, AGENT_DOWN },    { "stopped", AGENT_ADMIN_NONE, AGENT_DOWN },
	{ "fail", AGENT_ADMIN_NONE, AGENT_DOWN },
};

/* A number up to NUMBER_MAX, with '%' behind it where 'ret_percent' is not NULL. */
static bool take_number(const char *text, unsigned int *ret, bool *ret_percent)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	if (n > NUMBER_MAX || (*end && (!ret_percent || strcmp(end, "%") != 0)))
		return false;
	*ret = (unsigned int)n;
	if (ret_percent)
		*ret_percent = *end;
	return true;
}

static bool take_weight(const char *word, struct agent_reply *r)
{
	bool named = !strncasecmp(word, "weight:", 7);

	if (!take_number(named ? word + 7 : word, &r->weight, &r->is_percent) || (!named && !r->is_percent))
		return false;
	r->has_weight = true;
	return true;
}

static void take_word(const char *word, struct agent_reply *r)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(word, words[i].word) != 0)
			continue;
		if (words[i].admin)
			r->admin = words[i].admin;
		if (words[i].health) {
			r->health = words[i].health;
			snprintf(r->word, sizeof(r->word), "%s", words[i].word);
		}
		return;
	}
	if (!strncasecmp(word, "maxconn:", 8) && take_number(word + 8, &r->maxconn, NULL))
		r->has_maxconn = true;
	else if (!take_weight(word, r) && !*r->unknown)
		snprintf(r->unknown, sizeof(r->unknown), "%s", word);
}

bool agent_has_line(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] == '\n' || data[i] == '\r' || !data[i])
			return true;
	return false;
}

/* A copy that can be shown in a log line. */
static void copy_printable(char *dst, size_t cap, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < cap - 1; i++)
		dst[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	dst[i] = '\0';
}

static bool is_end(char c)
{
	return c == '\n' || c == '\r' || !c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

void agent_parse(const char *line, size_t len, struct agent_reply *ret)
{
	char word[AGENT_WORD_MAX];
	size_t at = 0, start;

	*ret = (struct agent_reply){ 0 };
	while (at < len && !is_end(line[at])) {
		start = at;
		if (is_blank(line[at])) {
			at++;
			continue;
		}
		if (line[at] == '#') {
			for (start = ++at; at < len && !is_end(line[at]); at++)
				;
			copy_printable(ret->desc, sizeof(ret->desc), line + start, at - start);
			break;
		}
		while (at < len && !is_end(line[at]) && !is_blank(line[at]))
			at++;
		copy_printable(word, sizeof(word), line + start, at - start);
		take_word(word, ret);
	}
}

static void apply_admin(struct server *s, enum agent_admin admin)
{
	const unsigned int forced = SERVER_FMAINT | SERVER_FDRAIN;

	switch (admin) {
	case AGENT_ADMIN_NONE:
		break;
	case AGENT_READY:
		s->run.admin &= ~forced;
		break;
	case AGENT_DRAIN:
		s->run.admin = (s->run.admin & ~forced) | SERVER_FDRAIN;
		break;
	case AGENT_MAINT:
		s->run.admin |= SERVER_FMAINT;
		break;
	}
}

static void apply_weight(struct server *s, const struct agent_reply *r)
{
	unsigned long weight = r->is_percent ? (unsigned long)s->weight * r->weight / 100 : r->weight;

	if (r->has_weight)
		s->run.weight = weight < MODEL_WEIGHT_MAX ? (unsigned int)weight : MODEL_WEIGHT_MAX;
	if (r->has_maxconn)
		s->maxconn = r->maxconn;
}

void agent_apply(struct server *s, const struct agent_reply *r, long duration_ms)
{
	struct check_state *st = &s->run.agent;

	apply_admin(s, r->admin);
	apply_weight(s, r);
	st->status = 0;
	st->duration_ms = duration_ms;
	st->desc[0] = '\0';
	st->code = CHECK_CHECKED;
	if (r->health) {
		if (r->health == AGENT_DOWN && st->health)
			st->failed++;
		st->code = r->health == AGENT_UP ? CHECK_L7OK : CHECK_L7STS;
		st->health = r->health == AGENT_UP;
		snprintf(st->desc, sizeof(st->desc), "via agent : %s%s%s%s", r->word, *r->desc ? " (" : "", r->desc,
			 *r->desc ? ")" : "");
	} else if (*r->unknown) {
		snprintf(st->desc, sizeof(st->desc), "agent reports an error : %s", r->unknown);
	}
}

void agent_missed(struct server *s, enum check_code code, long duration_ms, const char *desc)
{
	struct check_state *st = &s->run.agent;

	st->code = code;
	st->status = 0;
	st->duration_ms = duration_ms;
	snprintf(st->desc, sizeof(st->desc), "%s", desc ? desc : "");
}
