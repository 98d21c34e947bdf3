/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a client stays at its server: 'stick-table' and 'stick' (HAProxy configuration manual, section 4.2).
 *
 * A table is read whether or not something uses it. Persistence that reads the stream or holds for some connections
 * only needs a proxy.
 */
#include <string.h>

#include "config/parser.h"

/* Words of 'store'. What nothing at layer 4 counts is kept by no one, and its rules need a proxy anyway. */
static const struct {
	const char *word;
	unsigned int bit; /* enum table_store, 0: counted by a proxy only */
	bool has_period;
} stores[] = {
	{ "server_id", TABLE_SERVER_ID, false },
	{ "conn_cnt", TABLE_CONN_CNT, false },
	{ "conn_cur", TABLE_CONN_CUR, false },
	{ "conn_rate", TABLE_CONN_RATE, true },
	{ "sess_cnt", TABLE_CONN_CNT, false },
	{ "sess_rate", TABLE_CONN_RATE, true },
	{ "gpc0", TABLE_GPC0, false },
	{ "gpc0_rate", TABLE_GPC0_RATE, true },
	{ "gpc1", TABLE_GPC1, false },
	{ "gpt0", TABLE_GPT0, false },
	{ "bytes_in_cnt", TABLE_BYTES_IN, false },
	{ "bytes_out_cnt", TABLE_BYTES_OUT, false },
	{ "bytes_in_rate", 0, true },
	{ "bytes_out_rate", 0, true },
	{ "gpc1_rate", 0, true },
	{ "http_req_cnt", 0, false },
	{ "http_req_rate", 0, true },
	{ "http_err_cnt", 0, false },
	{ "http_err_rate", 0, true },
	{ "http_fail_cnt", 0, false },
	{ "http_fail_rate", 0, true },
	{ "server_key", 0, false },
	{ "server_name", 0, false },
	{ "glitch_cnt", 0, false },
	{ "glitch_rate", 0, true },
};

enum { NR_STORES = sizeof(stores) / sizeof(stores[0]) };

/* One word of 'store', such as "conn_rate(10s)". False after a message. */
static bool take_store(struct parser *p, size_t at, const char *word, struct table_decl *t)
{
	const char *names[NR_STORES + 1], *period;
	size_t len = strcspn(word, "("), i;
	unsigned int ms = 0;

	if (!strncmp(word, "gpc(", 4) || !strncmp(word, "gpt(", 4) || !strncmp(word, "gpc_rate(", 9))
		return true; /* arrays: only rules that need a proxy use them */
	for (i = 0; i < NR_STORES; i++) {
		names[i] = stores[i].word;
		if (strlen(names[i]) == len && !strncmp(names[i], word, len))
			break;
	}
	if (i == NR_STORES) {
		names[i] = NULL;
		complain(p, at, CODE_WORD, did_you_mean(p, word, names), "'%s' is nothing that a table can store",
			 word);
		return false;
	}
	if (stores[i].has_period) {
		period = word[len] ? arena_copy(&p->arena, word + len + 1, strcspn(word + len + 1, ")")) : "";
		if (!period || conf_parse_time(period, 1, &ms) || !ms) {
			complain(p, at, CODE_TIME, "write for example conn_rate(10s)", "'%s' needs a period", word);
			return false;
		}
	}
	t->store |= stores[i].bit;
	if (stores[i].bit == TABLE_CONN_RATE)
		t->conn_rate_ms = ms;
	if (stores[i].bit == TABLE_GPC0_RATE)
		t->gpc0_rate_ms = ms;
	return true;
}

static bool take_stores(struct parser *p, size_t at, struct table_decl *t)
{
	const char *text = parser_word(p, at), *one;
	size_t len, depth;

	for (;;) {
		/* A comma inside of parentheses belongs to the word. */
		for (len = depth = 0; text[len] && (text[len] != ',' || depth); len++)
			depth += text[len] == '(' ? 1 : text[len] == ')' && depth ? (size_t)-1 : 0;
		one = arena_copy(&p->arena, text, len);
		if (!one || !take_store(p, at, one, t))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

static bool set_type(struct parser *p, size_t at, struct table_decl *t)
{
	static const struct named_value kinds[] = { { "ip", AF_INET }, { "ipv6", AF_INET6 }, { "integer", 0 },
						    { "string", 0 },   { "binary", 0 },	     { NULL, 0 } };
	int family;

	if (!value_choice(p, at, kinds, "type of a table", &family))
		return false;
	t->has_type = true;
	t->family = family;
	return true;
}

static bool set_size(struct parser *p, size_t at, struct table_decl *t)
{
	return value_size(p, at, 1, 1u << 26, &t->size);
}

static bool set_expire(struct parser *p, size_t at, struct table_decl *t)
{
	return value_time(p, at, 1, 1, &t->expire_ms);
}

static bool set_nopurge(struct parser *p, size_t at, struct table_decl *t)
{
	(void)p;
	(void)at;
	t->nopurge = true;
	return true;
}

static bool set_peers(struct parser *p, size_t at, struct table_decl *t)
{
	t->peers = parser_word(p, at);
	return true;
}

static bool set_nothing(struct parser *p, size_t at, struct table_decl *t)
{
	(void)p;
	(void)at;
	(void)t;
	return true;
}

static const struct {
	const char *word;
	size_t nr_args;
	bool (*set)(struct parser *p, size_t at, struct table_decl *t);
} table_words[] = {
	{ "type", 1, set_type },	 { "size", 1, set_size },      { "expire", 1, set_expire },
	{ "nopurge", 0, set_nopurge },	 { "peers", 1, set_peers },    { "store", 1, take_stores },
	{ "len", 1, set_nothing },	 { "srvkey", 1, set_nothing }, { "write-to", 1, set_nothing },
	{ "recv-only", 0, set_nothing },
};

enum { NR_TABLE_WORDS = sizeof(table_words) / sizeof(table_words[0]) };

/* Reads the words of the line into 't'. False after a message. */
static bool table_parse(struct parser *p, size_t at, struct table_decl *t)
{
	const char *names[NR_TABLE_WORDS + 1], *word;
	size_t i;

	for (; (word = parser_word(p, at)); at += 1 + table_words[i].nr_args) {
		for (i = 0; i < NR_TABLE_WORDS; i++) {
			names[i] = table_words[i].word;
			if (!strcmp(names[i], word))
				break;
		}
		if (i == NR_TABLE_WORDS) {
			names[i] = NULL;
			complain(p, at, CODE_KEYWORD, did_you_mean(p, word, names),
				 "unknown word '%s' on a 'stick-table' line", word);
			return false;
		}
		if (at + table_words[i].nr_args >= p->line.nr) {
			complain(p, p->line.nr, CODE_MISSING_ARG, NULL, "'%s' needs a word after it", word);
			return false;
		}
		if (!table_words[i].set(p, at + 1, t))
			return false;
	}
	if (t->has_type && t->size)
		return true;
	complain(p, p->line.nr, CODE_MISSING_ARG, "write for example: stick-table type ip size 100k expire 30m",
		 "a 'stick-table' needs 'type' and 'size'");
	return false;
}

static void on_stick_table(struct parser *p, size_t at)
{
	struct table_decl *t = arena_alloc(&p->arena, sizeof(*t));

	if (!t)
		return;
	t->place = parser_place(p, at - 1);
	t->name = p->proxy->name;
	if (p->proxy->table) {
		complain(p, at - 1, CODE_DUPLICATE, "a section has one table; put another into a backend of its own",
			 "'%s' already has a 'stick-table' at %s:%u", t->name, p->proxy->table->place.file,
			 p->proxy->table->place.line);
		return;
	}
	if (!table_parse(p, at, t))
		return;
	p->proxy->table = t;
}

/* 'stick on|match|store-request SAMPLE [table NAME]' */
static void add_stick(struct parser *p, size_t at, bool match, bool store)
{
	struct stick_decl *s;
	struct sample sample;
	const char *word;

	if (!sample_parse(p, at, &sample))
		return;
	s = arena_alloc(&p->arena, sizeof(*s));
	if (!s)
		return;
	s->place = parser_place(p, 0);
	s->match = match;
	s->store = store;
	s->by_dst = sample.parts == BALANCE_PART_DST;
	s->table_place = s->place;
	for (at++; (word = parser_word(p, at)); at += 2) {
		if (!strcmp(word, "if") || !strcmp(word, "unless")) {
			need_proxy(p, 0, "persistence for some connections only is not known to packets");
			return;
		}
		if (strcmp(word, "table") != 0 || !parser_word(p, at + 1)) {
			complain(p, at, CODE_EXTRA_ARG, "'table NAME' may stand here", "unexpected word '%s'", word);
			return;
		}
		s->table = parser_word(p, at + 1);
		s->table_place = parser_place(p, at + 1);
	}
	if (sample.parts & (BALANCE_PART_SRC_PORT | BALANCE_PART_DST_PORT) || sample.mask4 != 32 ||
	    sample.mask6 != 128) {
		need_proxy(p, 0, "persistence is by whole addresses: 'stick on src' or 'stick on dst'");
		return;
	}
	if (require(p, 0, CAN_STICK))
		TAILQ_INSERT_TAIL(&p->proxy->sticks, s, next);
}

static void on_stick_on(struct parser *p, size_t at)
{
	add_stick(p, at, true, true);
}

static void on_stick_match(struct parser *p, size_t at)
{
	add_stick(p, at, true, false);
}

static void on_stick_store(struct parser *p, size_t at)
{
	add_stick(p, at, false, true);
}

static const char by_address[] = "persistence by address, in the data plane";

const struct keyword keywords_stick[] = {
	{ "stick-table", IN_PROXY, 1, ARGS_ANY, KW_ACCEPT, on_stick_table, NULL, false },
	{ "stick on", IN_BACK, 1, ARGS_ANY, KW_ACCEPT, on_stick_on, by_address, false },
	{ "stick match", IN_BACK, 1, ARGS_ANY, KW_ACCEPT, on_stick_match, by_address, false },
	{ "stick store-request", IN_BACK, 1, ARGS_ANY, KW_ACCEPT, on_stick_store, by_address, false },
	{ "stick store-response", IN_BACK, 1, ARGS_ANY, KW_PROXY, NULL, "it reads the server's answer", false },
	{ NULL, 0, 0, 0, KW_ACCEPT, NULL, NULL, false },
};
