/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A script on a stream of bytes, step by step: tells what to do next and judges what came. Pure: who runs it has the
 * sockets and the clock. Messages are HAProxy's, word for word: they are read by scripts, and by people who search.
 */
#ifndef MODEL_SCRIPT_RUN_H
#define MODEL_SCRIPT_RUN_H

#include "model/script.h"

/* As much of an answer is looked at as HAProxy's buffer takes; what is behind it counts as not sent. */
enum { SCRIPT_INPUT_MAX = 16384 };

struct script_run {
	const struct check_script *script;
	size_t at;	  /* the rule under way */
	bool is_implicit; /* it is the connection that no rule asks for */
	bool is_tls;	  /* the connection has TLS; set by who connects */
	char *in;	  /* received since the last connect or send */
	size_t in_len;
	bool has_ended; /* the server has closed, or has sent as much as is looked at */
};

enum script_want {
	SCRIPT_CONNECT, /* to what script_rule() says, or to the check's own target; then script_passed() */
	SCRIPT_SEND,	/* data of script_rule(); then script_passed() */
	SCRIPT_RECEIVE, /* script_input() when something came */
	SCRIPT_DONE,
};

struct script_result {
	enum check_code code;
	int status;
	char desc[CHECK_DESC_MAX];
};

/* Where a conversation broke off. */
enum script_layer { LAYER_CONNECT, LAYER_TLS, LAYER_DATA };

void script_begin(struct script_run *r, const struct check_script *script); /* keeps no reference of its own */
void script_end(struct script_run *r);					    /* frees; also after script_begin() alone */

/* What to do now. SCRIPT_DONE: 'ret' is filled. */
enum script_want script_next(struct script_run *r, struct script_result *ret);

/* The rule under way, or NULL for the connection that no rule asks for. */
const struct check_rule *script_rule(const struct script_run *r);

/* The connection stands, or all data has gone out. */
void script_passed(struct script_run *r);

/* Adds what was received; 'len' 0: the server has closed. Returns 0 or -ENOMEM. */
int script_input(struct script_run *r, const void *data, size_t len);

/* Results for a conversation that broke off by an error (words may be NULL), or by the end of its time. */
void script_broken(const struct script_run *r, enum script_layer layer, const char *words, struct script_result *ret);
void script_late(const struct script_run *r, enum script_layer layer, struct script_result *ret);

#endif
