/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * '#@xlb check udp|dns|icmp': checks that HAProxy does not have, for servers that take datagrams. To HAProxy the line
 * is a comment, and 'check' on a server's line means there what its 'option' lines say.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/parser.h"

enum { DNS_HEADER = 12, DNS_LABEL_MAX = 63, DNS_NAME_MAX = 253 };

static void choose(struct parser *p, enum check_option option)
{
	struct check_decl *d = &p->proxy->set.checks;

	d->option = option;
	d->place = parser_place(p, 0);
	d->datagram = option == OPTION_ICMP ? NULL : parser_script_new(p);
}

static struct check_rule *add(struct parser *p, enum rule_action action)
{
	struct check_script *s = p->proxy->set.checks.datagram;
	struct check_rule *r = s ? script_add(s, action) : NULL;

	if (!r)
		p->arena.failed = true;
	return r;
}

void pragma_check_icmp(struct parser *p, size_t at)
{
	(void)at;
	choose(p, OPTION_ICMP);
}

/* 'send TEXT', 'send-binary HEX', 'expect TEXT', 'expect-binary HEX': each once at most. */
void pragma_check_udp(struct parser *p, size_t at)
{
	static const char *const words[] = { "send", "send-binary", "expect", "expect-binary", NULL };
	bool has_send = false, has_expect = false;
	struct check_rule *r;
	const char *word;

	choose(p, OPTION_UDP);
	for (; (word = parser_word(p, at)); at += 2) {
		bool is_send = !strncmp(word, "send", 4), is_binary = strchr(word, '-');
		bool *has = is_send ? &has_send : &has_expect;

		if (strcmp(word, "send") != 0 && strcmp(word, "send-binary") != 0 && strcmp(word, "expect") != 0 &&
		    strcmp(word, "expect-binary") != 0) {
			complain(p, at, CODE_PRAGMA, did_you_mean(p, word, words),
				 "unknown word '%s' in a check by UDP", word);
			return;
		}
		if (*has) {
			complain(p, at, CODE_PRAGMA, NULL, "'%s' was already given", word);
			return;
		}
		*has = true;
		r = rule_value(p, at) ? add(p, is_send ? RULE_SEND : RULE_EXPECT) : NULL;
		if (!r)
			return;
		r->expect.match = is_binary ? MATCH_BINARY : MATCH_STRING;
		if (is_binary)
			rule_take_hex(p, at + 1, r);
		else
			rule_set_data(p, r, parser_word(p, at + 1), strlen(parser_word(p, at + 1)));
	}
}

static const struct named_value types[] = { { "A", 1 },	   { "NS", 2 },	   { "SOA", 6 },  { "PTR", 12 }, { "MX", 15 },
					    { "TXT", 16 }, { "AAAA", 28 }, { "SRV", 33 }, { NULL, 0 } };

/* The question section's name (RFC 1035, 3.1) behind the header. Returns its length, 0 for a name that is none. */
static size_t put_name(const char *name, unsigned char *ret)
{
	size_t len = 0, label;

	if (strlen(name) > DNS_NAME_MAX)
		return 0;
	for (; *name && strcmp(name, ".") != 0; name += label + (name[label] == '.')) {
		label = strcspn(name, ".");
		if (!label || label > DNS_LABEL_MAX)
			return 0;
		ret[len++] = (unsigned char)label;
		memcpy(ret + len, name, label);
		len += label;
	}
	ret[len++] = 0;
	return len;
}

/* 'NAME [TYPE]' */
void pragma_check_dns(struct parser *p, size_t at)
{
	unsigned char query[DNS_HEADER + DNS_NAME_MAX + 8] = { 0, 0, 1 /* recursion is desired */, 0, 0, 1 };
	size_t len = put_name(parser_word(p, at), query + DNS_HEADER);
	struct check_rule *r;
	int type = 1;

	if (!len) {
		complain(p, at, CODE_PRAGMA, NULL, "'%s' is no name that DNS could be asked for", parser_word(p, at));
		return;
	}
	if (parser_word(p, at + 1) && !value_choice(p, at + 1, types, "type of a DNS record", &type))
		return;
	choose(p, OPTION_DNS);
	len += DNS_HEADER;
	query[len++] = 0;
	query[len++] = (unsigned char)type;
	query[len++] = 0;
	query[len++] = 1; /* of the Internet */
	r = add(p, RULE_SEND);
	if (r)
		rule_set_data(p, r, (const char *)query, len);
	r = add(p, RULE_EXPECT);
	if (r)
		r->expect.match = MATCH_DNS;
}
