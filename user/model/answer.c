/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strings, patterns and the two protocols whose answers no pattern can tell: MySQL's packets and LDAP's BER.
 *
 * A mismatch is final when nothing will follow, or when the rule says how many bytes are enough ('min-recv').
 */
#include "model/answer.h"

#include <stdlib.h>
#include <string.h>

#include "model/agent.h"

static bool matches_hex(const struct pattern *p, const char *data, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	char *hex = malloc(len * 2);
	bool found;

	if (!hex)
		return false;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[(unsigned char)data[i] >> 4];
		hex[2 * i + 1] = digits[(unsigned char)data[i] & 15];
	}
	found = pattern_matches(p, hex, len * 2);
	free(hex);
	return found;
}

static bool is_literal(const struct check_rule *rule)
{
	return rule->expect.match == MATCH_STRING || rule->expect.match == MATCH_BINARY;
}

static enum answer_verdict judge_bytes(const struct check_rule *rule, const char *data, size_t len, bool is_all,
				       struct answer *ret)
{
	const struct rule_expect *e = &rule->expect;

	if (!is_all && is_literal(rule) && len < rule->data_len)
		return ANSWER_INCOMPLETE;
	if (!is_all && e->min_recv > 0 && len < (size_t)e->min_recv)
		return ANSWER_INCOMPLETE;
	if (is_literal(rule))
		ret->matched = memmem(data, len, rule->data, rule->data_len) != NULL;
	else if (e->match == MATCH_REGEX)
		ret->matched = pattern_matches(e->regex, data, len);
	else
		ret->matched = matches_hex(e->regex, data, len);
	if (!ret->matched && !is_all && e->min_recv == -1)
		return ANSWER_INCOMPLETE;
	return ret->matched != e->inverse ? ANSWER_PASSES : ANSWER_FAILS;
}

static enum answer_verdict fail(struct answer *ret, enum check_code code, int status, const char *words, size_t len)
{
	ret->code = code;
	ret->status = status;
	ret->words = words;
	ret->words_len = len;
	return ANSWER_FAILS;
}

/*
 * A packet of MySQL: its length in three bytes, its number, then its kind: 0xff says that the server refuses, with a
 * code of two bytes and words behind it.
 */
static enum answer_verdict judge_mysql(const char *data, size_t len, bool is_all, struct answer *ret)
{
	const unsigned char *b = (const unsigned char *)data;
	size_t size;

	if (len < 5)
		return is_all ? fail(ret, CHECK_L7RSP, 0, "", 0) : ANSWER_INCOMPLETE;
	size = (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16;
	if (len < size + 4)
		return is_all ? fail(ret, CHECK_L7RSP, 0, "", 0) : ANSWER_INCOMPLETE;
	if (!size || b[4] != 0xff)
		return size ? ANSWER_PASSES : fail(ret, CHECK_L7RSP, 0, "", 0);
	if (size < 3)
		return fail(ret, CHECK_L7RSP, 0, "", 0);
	return fail(ret, CHECK_L7STS, b[5] | b[6] << 8, data + 7, strnlen(data + 7, size - 3));
}

/* Skips the length octets of a BER element at 'at', short or long form. SIZE_MAX: beyond the end. */
static size_t skip_ber_length(const unsigned char *b, size_t len, size_t at)
{
	size_t more;

	if (at >= len)
		return SIZE_MAX;
	more = b[at] & 0x80 ? b[at] & 0x7fu : 0;
	return more < len - at ? at + 1 + more : SIZE_MAX;
}

/* SEQUENCE { messageID 1, bindResponse { resultCode ... } } (RFC 4511, 4.2.2); resultCode 0 is success. */
static enum answer_verdict judge_ldap(const char *data, size_t len, bool is_all, struct answer *ret)
{
	static const char not_ldap[] = "Not LDAPv3 protocol";
	static const char see[] = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9";
	const unsigned char *b = (const unsigned char *)data;
	size_t at = skip_ber_length(b, len, 1);

	if (at == SIZE_MAX || len - at < 4)
		goto cut;
	if (memcmp(b + at, "\x02\x01\x01\x61", 4) != 0)
		return fail(ret, CHECK_L7RSP, 0, not_ldap, sizeof(not_ldap) - 1);
	at = skip_ber_length(b, len, at + 4);
	if (at == SIZE_MAX || len - at < 3)
		goto cut;
	if (memcmp(b + at, "\x0a\x01", 2) != 0)
		return fail(ret, CHECK_L7RSP, 0, not_ldap, sizeof(not_ldap) - 1);
	return b[at + 2] ? fail(ret, CHECK_L7STS, b[at + 2], see, sizeof(see) - 1) : ANSWER_PASSES;
cut:
	return is_all ? fail(ret, CHECK_L7RSP, 0, not_ldap, sizeof(not_ldap) - 1) : ANSWER_INCOMPLETE;
}

/* The header of a DNS message (RFC 1035, 4.1.1): a response, and its code. One datagram is all of it. */
static enum answer_verdict judge_dns(const char *data, size_t len, struct answer *ret)
{
	static const char *const codes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };
	static const char other[] = "another error of DNS", no_answer[] = "no answer of DNS";
	const unsigned char *b = (const unsigned char *)data;
	unsigned int code;

	if (len < 12 || !(b[2] & 0x80))
		return fail(ret, CHECK_L7RSP, 0, no_answer, sizeof(no_answer) - 1);
	code = b[3] & 15u;
	if (!code)
		return ANSWER_PASSES;
	if (code >= sizeof(codes) / sizeof(codes[0]))
		return fail(ret, CHECK_L7STS, (int)code, other, sizeof(other) - 1);
	return fail(ret, CHECK_L7STS, (int)code, codes[code], strlen(codes[code]));
}

/* HAProxy shows a line that breaks off as a timeout, and so do we. */
static enum answer_verdict judge_line(const char *data, size_t len, bool is_all, struct answer *ret)
{
	static const char cut[] = "Ignoring incomplete line from agent";

	if (agent_has_line(data, len))
		return ANSWER_PASSES;
	return is_all ? fail(ret, CHECK_L7TOUT, 0, cut, sizeof(cut) - 1) : ANSWER_INCOMPLETE;
}

enum answer_verdict answer_judge(const struct check_rule *rule, const char *data, size_t len, bool is_all,
				 struct answer *ret)
{
	*ret = (struct answer){ 0 };
	switch (rule->expect.match) {
	case MATCH_STRING:
	case MATCH_BINARY:
	case MATCH_REGEX:
	case MATCH_BINARY_REGEX:
		return judge_bytes(rule, data, len, is_all, ret);
	case MATCH_MYSQL:
		return judge_mysql(data, len, is_all, ret);
	case MATCH_LDAP:
		return judge_ldap(data, len, is_all, ret);
	case MATCH_DNS:
		return judge_dns(data, len, ret);
	case MATCH_LINE:
		return judge_line(data, len, is_all, ret);
	case MATCH_STATUS:
	case MATCH_STATUS_REGEX:
	case MATCH_HEADER:
	case MATCH_BODY:
	case MATCH_BODY_REGEX:
		break;
	}
	return ANSWER_FAILS;
}
