/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an agent on a server says of it: one line of words, such as "up 75%" or "drain #backup runs". Pure.
 *
 * An agent has a check state of its own with rise and fall 1: only the words up, down, stopped and fail move it. That
 * an agent does not answer says nothing of the server.
 */
#ifndef MODEL_AGENT_H
#define MODEL_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "model/check.h"

struct server;

enum agent_admin { AGENT_ADMIN_NONE, AGENT_READY, AGENT_DRAIN, AGENT_MAINT };
enum agent_health { AGENT_HEALTH_NONE, AGENT_UP, AGENT_DOWN };

enum { AGENT_WORD_MAX = 48 };

struct agent_reply {
	enum agent_admin admin;
	enum agent_health health;
	char word[AGENT_WORD_MAX]; /* the one of health, as said: "stopped" */
	bool has_weight, has_maxconn;
	bool is_percent; /* of the weight in the file */
	unsigned int weight, maxconn;
	char desc[AGENT_WORD_MAX];    /* what follows '#' */
	char unknown[AGENT_WORD_MAX]; /* the first word that is none, or "" */
};

/*
 * Reads a line: words with blanks or commas between them, up to '#' at the beginning of one, or the end of the line.
 * Words behind the first of a kind count, too: the last one wins. Fills 'ret' in any case.
 */
void agent_parse(const char *line, size_t len, struct agent_reply *ret);

/* Does 'data' hold a whole line? */
bool agent_has_line(const char *data, size_t len);

/*
 * Enters what the agent said into the server's run-time state: maintenance and drain, weight, maxconn, the agent's
 * health, and what is shown of it.
 */
void agent_apply(struct server *s, const struct agent_reply *r, long duration_ms);

/* Enters that it did not answer. Its health stays. */
void agent_missed(struct server *s, enum check_code code, long duration_ms, const char *desc);

#endif
