/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One expectation of an HTTP check against an answer, or its part that has come. Pure. */
#ifndef MODEL_HTTP_ANSWER_H
#define MODEL_HTTP_ANSWER_H

#include "model/answer.h"
#include "model/script_run.h"

/* Headers are complete; the body may be under way. Nothing is ended by NUL but 'reason'. */
struct http_answer {
	int status;
	const char *reason;  /* words of the status line, or NULL */
	const char *headers; /* lines "Name: value", ended by LF or CRLF */
	size_t headers_len;
	const char *body; /* without its transfer coding */
	size_t body_len;
	bool is_all; /* no more of the body will follow */
};

/* Does the rule look at the body? */
bool http_rule_needs_body(const struct check_rule *rule);

/* Judges by one rule of expectation. ANSWER_FAILS: 'ret' is the result of the check. */
enum answer_verdict http_judge(const struct check_rule *rule, const struct http_answer *a, struct script_result *ret);

/* The result of an answer that has passed all rules, of which 'last' is the last. */
void http_passed(const struct check_rule *last, const struct http_answer *a, struct script_result *ret);

/*
 * The status line "HTTP/1.0 200 OK": its number, and its words, made printable, in 'ret_reason' of 'cap' bytes. False:
 * this is none.
 */
bool http_status_line(const char *line, size_t len, int *ret_status, char *ret_reason, size_t cap);

#endif
