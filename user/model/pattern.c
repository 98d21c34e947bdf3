/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* PCRE2 behind three functions. A match is bounded by the library's own counters, not by a clock. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_LIMIT = 200000, HEAP_LIMIT_KB = 1024 };

struct pattern {
	unsigned int refs;
	pcre2_code *code;
	pcre2_match_data *result;
	pcre2_match_context *limits;
};

int pattern_new(const char *text, bool ignore_case, struct pattern **ret, size_t *ret_at, char *ret_error)
{
	struct pattern *p = calloc(1, sizeof(*p));
	PCRE2_SIZE at = 0;
	int code = 0;

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, ignore_case ? PCRE2_CASELESS : 0, &code, &at,
				NULL);
	if (!p->code) {
		free(p);
		if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
			return -ENOMEM;
		*ret_at = at;
		pcre2_get_error_message(code, (PCRE2_UCHAR *)ret_error, PATTERN_ERROR_MAX);
		return -EINVAL;
	}
	p->result = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (!p->result || !p->limits) {
		pattern_put(p);
		return -ENOMEM;
	}
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KB);
	*ret = p;
	return 0;
}

struct pattern *pattern_get(struct pattern *p)
{
	if (p)
		p->refs++;
	return p;
}

void pattern_put(struct pattern *p)
{
	if (!p || --p->refs)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->result);
	pcre2_code_free(p->code);
	free(p);
}

bool pattern_matches(const struct pattern *p, const void *data, size_t len)
{
	return pcre2_match(p->code, len ? data : "", len, 0, 0, p->result, p->limits) >= 0;
}
