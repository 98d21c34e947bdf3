/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a backend chooses a server: 'balance', 'hash-type', 'hash-balance-factor' (HAProxy configuration manual, section
 * 4.2), and the sample expressions of addresses and ports.
 *
 * What reads requests needs a proxy.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"

static const char reads_request[] = "this algorithm reads the request";

/* Names of 'balance'. Those that read requests have no algorithm here. */
static const struct algorithm {
	const char *word;
	enum keyword_status status;
	enum balance_alg alg;
	bool takes_parameter;
	bool always; /* in force in every version */
	enum capability needs;
	unsigned int parts;
} algorithms[] = {
	{ .word = "roundrobin", .alg = BALANCE_ROUNDROBIN, .always = true },
	{ .word = "static-rr", .alg = BALANCE_STATIC_RR, .always = true },
	{ .word = "leastconn", .alg = BALANCE_LEASTCONN, .needs = CAN_LEASTCONN },
	{ .word = "source", .alg = BALANCE_SOURCE, .needs = CAN_SOURCE_HASH, .parts = BALANCE_PART_SRC },
	{ .word = "random", .alg = BALANCE_RANDOM, .needs = CAN_RANDOM, .takes_parameter = true },
	{ .word = "first", .alg = BALANCE_FIRST, .needs = CAN_FIRST },
	{ .word = "hash", .alg = BALANCE_HASH, .needs = CAN_HASH },
	{ .word = "uri", .status = KW_HTTP, .takes_parameter = true },
	{ .word = "url_param", .status = KW_HTTP, .takes_parameter = true },
	{ .word = "hdr", .status = KW_HTTP, .takes_parameter = true },
	{ .word = "rdp-cookie", .status = KW_PROXY, .takes_parameter = true },
	{ .word = "log-hash", .status = KW_PROXY, .takes_parameter = true },
	{ .word = "sticky", .status = KW_PROXY },
};

enum { NR_ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

/* The parameter of "random(3)": the text between the parentheses, or NULL after an error. */
static const char *parameter_of(struct parser *p, size_t at, size_t name_len)
{
	const char *word = parser_word(p, at), *open = word + name_len;
	size_t len = strlen(open);

	if (len < 2 || open[len - 1] != ')') {
		complain(p, at, CODE_WORD, "write NAME(VALUE) without blanks", "the parameter of '%.*s' is not closed",
			 (int)name_len, word);
		return NULL;
	}
	return arena_copy(&p->arena, open + 1, len - 2);
}

static bool take_draws(struct parser *p, size_t at, size_t name_len, unsigned int *ret)
{
	const char *word = parser_word(p, at), *text;
	unsigned long n;
	char *end;

	*ret = 2;
	if (!word[name_len])
		return true;
	text = parameter_of(p, at, name_len);
	if (!text)
		return false;
	n = strtoul(text, &end, 10);
	if (!*text)
		return true; /* "random()" is "random" */
	if (*end || !n || n > 1000 || *text == '-') {
		complain(p, at, CODE_NUMBER, NULL, "'%s' is not a number of draws from 1 to 1000", text);
		return false;
	}
	*ret = (unsigned int)n;
	return true;
}

static const struct algorithm *find_algorithm(struct parser *p, size_t at, size_t len)
{
	const char *word = parser_word(p, at), *names[NR_ALGORITHMS + 1];
	size_t i;

	for (i = 0; i < NR_ALGORITHMS; i++) {
		names[i] = algorithms[i].word;
		if (strlen(names[i]) == len && !strncmp(names[i], word, len))
			return &algorithms[i];
	}
	names[i] = NULL;
	complain(p, at, CODE_WORD, did_you_mean(p, word, names), "'%s' is no balancing algorithm", word);
	return NULL;
}

static void on_balance(struct parser *p, size_t at)
{
	struct balance *b = &p->proxy->set.balance;
	const char *word = parser_word(p, at);
	size_t len = strcspn(word, "("), words = 1;
	const struct algorithm *a = find_algorithm(p, at, len);
	struct sample sample = { .mask4 = 32, .mask6 = 128 };

	p->proxy->set.balance_given = true;
	if (!a)
		return;
	if (a->status == KW_HTTP) {
		need_http(p, at, reads_request);
		return;
	}
	if (a->status == KW_PROXY) {
		need_proxy(p, at, reads_request);
		return;
	}
	if (word[len] && !a->takes_parameter) {
		complain(p, at, CODE_WORD, NULL, "'%.*s' takes no parameter", (int)len, word);
		return;
	}
	if (a->alg == BALANCE_HASH) {
		words = 2;
		if (!sample_parse(p, at + 1, &sample))
			return;
	}
	if (parser_word(p, at + words)) {
		complain(p, at + words, CODE_EXTRA_ARG, NULL, "unexpected word '%s' after '%s'",
			 parser_word(p, at + words), word);
		return;
	}
	if (a->alg == BALANCE_RANDOM && !take_draws(p, at, len, &b->draws))
		return;
	if (!a->always && !require(p, at, a->needs))
		return;
	b->alg = a->alg;
	b->parts = a->parts | sample.parts;
	b->mask4 = sample.mask4;
	b->mask6 = sample.mask6;
	p->proxy->set.balance_place = parser_place(p, at);
}

static void on_hash_type(struct parser *p, size_t at)
{
	static const struct named_value kinds[] = { { "map-based", false }, { "consistent", true }, { NULL, 0 } };
	static const struct named_value functions[] = { { "sdbm", 0 }, { "djb2", 0 },	   { "wt6", 0 }, { "crc32", 0 },
							{ "none", 0 }, { "avalanche", 0 }, { NULL, 0 } };
	int consistent, ignored;

	if (!value_choice(p, at, kinds, "kind of hashing", &consistent))
		return;
	for (size_t i = at + 1; parser_word(p, i); i++)
		if (!value_choice(p, i, functions, "hash function", &ignored))
			return;
	p->proxy->set.balance.consistent = consistent;
	p->proxy->set.hash_type_place = parser_place(p, at);
}

static void on_hash_balance_factor(struct parser *p, size_t at)
{
	unsigned int n;

	if (!value_uint(p, at, 0, 65535, &n))
		return;
	if (n && n <= 100)
		complain(p, at, CODE_NUMBER, NULL, "'%u' is neither 0 nor above 100 per cent", n);
	else if (!n || require(p, at - 1, CAN_HASH_BALANCE_FACTOR))
		p->proxy->set.balance.factor = n;
}

void balance_tuple(struct parser *p, size_t at)
{
	struct balance *b = &p->proxy->set.balance;

	if (!require(p, at, CAN_MAGLEV))
		return;
	*b = (struct balance){ .alg = BALANCE_HASH,
			       .consistent = true,
			       .draws = 2,
			       .parts = BALANCE_PART_TUPLE,
			       .mask4 = 32,
			       .mask6 = 128 };
	p->proxy->set.balance_given = true;
	p->proxy->set.balance_place = parser_place(p, at);
}

static const struct named_value samples[] = {
	{ "src", BALANCE_PART_SRC },
	{ "dst", BALANCE_PART_DST },
	{ "src_port", BALANCE_PART_SRC_PORT },
	{ "dst_port", BALANCE_PART_DST_PORT },
	{ NULL, 0 },
};

/* Leading bits of a mask, written as a number or as an address. -1: neither. */
static int mask_bits(const char *text, int family, int max)
{
	struct in_addr mask;
	uint32_t host;
	char *end;
	long n = strtol(text, &end, 10);

	if (*text && !*end && n >= 0 && n <= max)
		return (int)n;
	if (family != AF_INET || inet_pton(AF_INET, text, &mask) != 1)
		return -1;
	host = ntohl(mask.s_addr);
	if (~host & (~host + 1))
		return -1; /* holes in the mask */
	return host ? __builtin_popcount(host) : 0;
}

/* ",ipmask(24,64)". False after a message. */
static bool take_ipmask(struct parser *p, size_t at, const char *text, struct sample *ret)
{
	char *copy = arena_copy(&p->arena, text, strlen(text)), *six;
	int bits4, bits6 = 128;
	size_t len;

	if (!copy)
		return false;
	len = strlen(copy);
	if (!len || copy[len - 1] != ')')
		goto bad;
	copy[len - 1] = '\0';
	six = strchr(copy, ',');
	if (six)
		*six++ = '\0';
	bits4 = mask_bits(copy, AF_INET, 32);
	if (six)
		bits6 = mask_bits(six, AF_INET6, 128);
	if (bits4 < 0 || bits6 < 0)
		goto bad;
	ret->mask4 = (uint8_t)bits4;
	ret->mask6 = (uint8_t)bits6;
	return true;
bad:
	complain(p, at, CODE_WORD, "write ipmask(24), or ipmask(24,64) with one for IPv6",
		 "the mask of '%s' is not understood", parser_word(p, at));
	return false;
}

bool sample_parse(struct parser *p, size_t at, struct sample *ret)
{
	const char *word = parser_word(p, at), *comma;
	size_t len, i;

	if (!word) {
		complain(p, at, CODE_MISSING_ARG, "write 'src', or one of dst, src_port, dst_port",
			 "a sample expression is missing here");
		return false;
	}
	len = strcspn(word, ",");
	for (i = 0; samples[i].word; i++)
		if (strlen(samples[i].word) == len && !strncmp(samples[i].word, word, len))
			break;
	comma = word + len;
	if (!samples[i].word || (*comma && strncmp(comma, ",ipmask(", 8) != 0)) {
		need_proxy(p, at, "only src, dst, src_port, dst_port and the converter ipmask are known to packets");
		return false;
	}
	*ret = (struct sample){ .parts = (unsigned int)samples[i].value, .mask4 = 32, .mask6 = 128 };
	return !*comma || take_ipmask(p, at, comma + 8, ret);
}

static const char maglev_note[] = "'consistent' is a Maglev table, whatever the hash function";

const struct keyword keywords_balance[] = {
	{ "balance", IN_ANY_BACK, 1, ARGS_ANY, KW_ACCEPT, on_balance, NULL, false },
	{ "hash-type", IN_ANY_BACK, 1, 3, KW_ACCEPT, on_hash_type, maglev_note, false },
	{ "hash-balance-factor", IN_ANY_BACK, 1, 1, KW_ACCEPT, on_hash_balance_factor, NULL, false },
	{ "hash-preserve-affinity", IN_ANY_BACK, 1, 1, KW_IGNORED, NULL,
	  "a connection stays at its server whatever the load", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
