/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One expectation of a script against what a server has said so far. Pure; the input is whatever a network brings. */
#ifndef MODEL_ANSWER_H
#define MODEL_ANSWER_H

#include "model/script.h"

enum answer_verdict { ANSWER_PASSES, ANSWER_FAILS, ANSWER_INCOMPLETE };

/* What there is to say about an answer that fails. */
struct answer {
	bool matched;	      /* it is what 'inverse' forbids */
	enum check_code code; /* what the protocol itself says, or CHECK_UNKNOWN */
	int status;	      /* its number, with 'code' */
	const char *words;    /* its words, not ended by NUL, or NULL */
	size_t words_len;
};

/*
 * 'data' is all of the answer so far, with a NUL behind it, at least a byte; 'is_all': nothing will follow. For the
 * kinds of match of streams; those of HTTP are in http_answer.h. 'ret' is filled in any case.
 */
enum answer_verdict answer_judge(const struct check_rule *rule, const char *data, size_t len, bool is_all,
				 struct answer *ret);

#endif
