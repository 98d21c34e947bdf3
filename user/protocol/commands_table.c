/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `show table`, `set table`, `clear table`. Texts as in HAProxy 2.6.
 *
 * A table is what the configuration says; its entries are the data plane's, which the daemon reads and writes. Entries
 * are shown in pieces, and those that a filter chooses are collected before they are cleared, because a table that is
 * changed while one walks it may tell an entry twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"

/* Words after 'data.', in HAProxy's order of printing, and where the record of the table says that it keeps them. */
static const struct {
	const char *name;
	enum table_store store;
	size_t window; /* offset of the rate's window in ms, 0: no rate */
} kinds[RUNTIME_TABLE_NR_VALUES] = {
	[RUNTIME_TABLE_SERVER_ID] = { "server_id", TABLE_SERVER_ID, 0 },
	[RUNTIME_TABLE_GPT0] = { "gpt0", TABLE_GPT0, 0 },
	[RUNTIME_TABLE_GPC0] = { "gpc0", TABLE_GPC0, 0 },
	[RUNTIME_TABLE_GPC0_RATE] = { "gpc0_rate", TABLE_GPC0_RATE, offsetof(struct stick_table, gpc0_rate_ms) },
	[RUNTIME_TABLE_CONN_CNT] = { "conn_cnt", TABLE_CONN_CNT, 0 },
	[RUNTIME_TABLE_CONN_RATE] = { "conn_rate", TABLE_CONN_RATE, offsetof(struct stick_table, conn_rate_ms) },
	[RUNTIME_TABLE_CONN_CUR] = { "conn_cur", TABLE_CONN_CUR, 0 },
	[RUNTIME_TABLE_BYTES_IN] = { "bytes_in_cnt", TABLE_BYTES_IN, 0 },
	[RUNTIME_TABLE_BYTES_OUT] = { "bytes_out_cnt", TABLE_BYTES_OUT, 0 },
	[RUNTIME_TABLE_GPC1] = { "gpc1", TABLE_GPC1, 0 },
};

/* Index of a word behind "data.", or RUNTIME_TABLE_NR_VALUES. */
static unsigned int kind_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < RUNTIME_TABLE_NR_VALUES; i++)
		if (strcmp(kinds[i].name, name) == 0)
			break;
	return i;
}

static bool compare_eq(uint64_t a, uint64_t b)
{
	return a == b;
}

static bool compare_ne(uint64_t a, uint64_t b)
{
	return a != b;
}

static bool compare_le(uint64_t a, uint64_t b)
{
	return a <= b;
}

static bool compare_ge(uint64_t a, uint64_t b)
{
	return a >= b;
}

static bool compare_lt(uint64_t a, uint64_t b)
{
	return a < b;
}

static bool compare_gt(uint64_t a, uint64_t b)
{
	return a > b;
}

static const struct {
	const char *word;
	bool (*holds)(uint64_t value, uint64_t than);
} operators[] = { { "eq", compare_eq }, { "ne", compare_ne }, { "le", compare_le },
		  { "ge", compare_ge }, { "lt", compare_lt }, { "gt", compare_gt } };

enum { MAX_FILTERS = 4 };

struct filter {
	unsigned int kind;
	bool (*holds)(uint64_t value, uint64_t than);
	uint64_t than;
};

/* Which entries of which table. */
struct selection {
	char name[MODEL_NAME_MAX];
	struct filter filters[MAX_FILTERS];
	unsigned int nr_filters;
};

/* A whole decimal number; a negative one is the largest, as in HAProxy. */
static bool parse_number(const char *text, uint64_t *ret)
{
	long long n;
	char *end;

	if (!*text)
		return false;
	n = strtoll(text, &end, 10);
	if (*end)
		return false;
	*ret = (uint64_t)n;
	return true;
}

/* Words from 'i' on: data.KIND OPERATOR NUMBER, up to four times. False after having said what is wrong. */
static bool parse_filters(struct call *c, unsigned int i, struct selection *ret)
{
	size_t op;

	for (; c->argv[i][0]; i += 3) {
		struct filter *f = &ret->filters[ret->nr_filters];

		if (ret->nr_filters == MAX_FILTERS) {
			call_say(c, CALL_ERROR, "Detected extra data in filter, %uth word of input, after '%s'\n",
				 i + 1, c->argv[i - 1]);
			return false;
		}
		f->kind = strncmp(c->argv[i], "data.", 5) == 0 ? kind_of(c->argv[i] + 5) : RUNTIME_TABLE_NR_VALUES;
		if (f->kind == RUNTIME_TABLE_NR_VALUES) {
			call_say(c, CALL_ERROR, "Filter entry #%u: Unknown data type\n", ret->nr_filters + 1);
			return false;
		}
		for (op = 0; op < sizeof(operators) / sizeof(operators[0]); op++)
			if (strcmp(c->argv[i + 1], operators[op].word) == 0)
				break;
		if (op == sizeof(operators) / sizeof(operators[0])) {
			call_say(c, CALL_ERROR,
				 "Filter entry #%u: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", "
				 "\"gt\"\n",
				 ret->nr_filters + 1);
			return false;
		}
		if (!parse_number(c->argv[i + 2], &f->than)) {
			call_say(c, CALL_ERROR, "Filter entry #%u: Require a valid integer value to compare against\n",
				 ret->nr_filters + 1);
			return false;
		}
		f->holds = operators[op].holds;
		ret->nr_filters++;
	}
	return true;
}

/* An entry is chosen when every filter holds; what the table does not keep is 0. */
static bool is_chosen(const struct selection *sel, const struct runtime_table_entry *e)
{
	for (unsigned int i = 0; i < sel->nr_filters; i++)
		if (!sel->filters[i].holds(e->values[sel->filters[i].kind], sel->filters[i].than))
			return false;
	return true;
}

static void print_head(struct call *c, const struct stick_table *t)
{
	buf_printf(c->out, "# table: %s, type: %s, size:%u, used:%llu\n", t->name,
		   t->family == AF_INET6 ? "ipv6" : "ip", t->size, (unsigned long long)c->host->table_used(c->arg, t));
}

static void print_entry(struct buf *out, const struct stick_table *t, const struct runtime_table_entry *e)
{
	char key[ADDR_TEXT_MAX];
	unsigned int window;

	buf_printf(out, "0x%llx: key=%s use=%u exp=%u", (unsigned long long)e->id, addr_format(&e->key, key), e->use,
		   e->expires_ms);
	for (unsigned int i = 0; i < RUNTIME_TABLE_NR_VALUES; i++) {
		if (!(t->store & kinds[i].store))
			continue;
		buf_printf(out, " %s", kinds[i].name);
		if (kinds[i].window) {
			memcpy(&window, (const char *)t + kinds[i].window, sizeof(window));
			buf_printf(out, "(%u)", window);
		}
		buf_printf(out, "=%llu", (unsigned long long)e->values[i]);
	}
	buf_puts(out, "\n");
}

/* The table that word 2 names; NULL after having said that there is none. */
static const struct stick_table *call_table(struct call *c)
{
	const struct stick_table *t = model_table_find(c->model, c->argv[2]);

	if (!t)
		call_say(c, CALL_ERROR, "No such table\n");
	return t;
}

/* Word 'i' as a key of the table. False after having said what is wrong. */
static bool call_key(struct call *c, const struct stick_table *t, unsigned int i, struct addr *ret)
{
	if (!c->argv[i][0]) {
		call_say(c, CALL_ERROR, "Key value expected\n");
		return false;
	}
	if (!addr_parse(c->argv[i], ret) && ret->family == t->family)
		return true;
	call_say(c, CALL_ERROR, "Invalid key\n");
	return false;
}

/* A dump under way. The table is named, because a reload may replace it between two pieces. */
struct show_job {
	struct runtime_job job;
	struct selection sel;
	uint64_t cursor;
	bool begun;
	const struct stick_table *table; /* of the step that runs */
	struct buf *out;
};

static bool show_entry(void *arg, const struct runtime_table_entry *e)
{
	struct show_job *j = arg;

	if (is_chosen(&j->sel, e))
		print_entry(j->out, j->table, e);
	return j->out->len < RUNTIME_PIECE && !j->out->failed;
}

static bool show_step(struct call *c, struct runtime_job *job)
{
	struct show_job *j = (struct show_job *)job;

	j->table = model_table_find(c->model, j->sel.name);
	j->out = c->out;
	if (!j->table)
		return false;
	if (!j->begun)
		print_head(c, j->table);
	j->begun = true;
	return c->host->table_entries(c->arg, j->table, &j->cursor, show_entry, j) && !c->out->failed;
}

static void show_end(struct runtime_job *job)
{
	free(job);
}

static void show_key(struct call *c, const struct stick_table *t)
{
	struct runtime_table_entry e = { 0 };
	struct addr key;

	if (!call_key(c, t, 4, &key) || !c->host->table_find(c->arg, t, &key, &e))
		return;
	print_head(c, t);
	print_entry(c->out, t, &e);
}

void run_show_table(struct call *c)
{
	const struct stick_table *t;
	struct selection sel = { 0 };
	struct show_job *j;

	if (!c->argv[2][0]) {
		/* The last one of the file comes first, as in HAProxy. */
		TAILQ_FOREACH_REVERSE(t, &c->model->tables, stick_table_list, next)
			print_head(c, t);
		return;
	}
	t = call_table(c);
	if (!t)
		return;
	if (strcmp(c->argv[3], "key") == 0) {
		show_key(c, t);
		return;
	}
	if (c->argv[3][0] && strncmp(c->argv[3], "data.", 5) != 0) {
		call_say(c, CALL_ERROR,
			 "Optional argument only supports \"data.<store_data_type>\" <operator> <value> "
			 "and key <key>\n");
		return;
	}
	if (!parse_filters(c, 3, &sel))
		return;
	j = calloc(1, sizeof(*j));
	if (j) {
		j->job = (struct runtime_job){ .step = show_step, .end = show_end };
		j->sel = sel;
		strncpy(j->sel.name, t->name, sizeof(j->sel.name) - 1);
	}
	call_start(c, j ? &j->job : NULL);
}

/* Words from 5 on: data.KIND VALUE, any number of times. False after having said what is wrong. */
static bool parse_values(struct call *c, const struct stick_table *t, unsigned int *ret_mask,
			 uint64_t values[RUNTIME_TABLE_NR_VALUES])
{
	unsigned int i, kind;

	for (i = 5; c->argv[i][0]; i += 2) {
		if (strncmp(c->argv[i], "data.", 5) != 0) {
			call_say(c, CALL_ERROR, "\"data.<type>\" followed by a value expected\n");
			return false;
		}
		kind = kind_of(c->argv[i] + 5);
		if (kind == RUNTIME_TABLE_NR_VALUES) {
			call_say(c, CALL_ERROR, "Unknown data type\n");
			return false;
		}
		if (!(t->store & kinds[kind].store)) {
			call_say(c, CALL_ERROR, "Data type not stored in this table\n");
			return false;
		}
		if (!parse_number(c->argv[i + 1], &values[kind])) {
			call_say(c, CALL_ERROR, "Require a valid integer value to store\n");
			return false;
		}
		*ret_mask |= 1u << kind;
	}
	return true;
}

static void finish(struct call *c, int err, const struct diag_list *diags)
{
	if (err && err != -ENOENT)
		call_say_diags(c, diags, err);
}

void run_set_table(struct call *c)
{
	static const char usage[] = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n";
	uint64_t values[RUNTIME_TABLE_NR_VALUES] = { 0 };
	const struct stick_table *t;
	struct diag_list diags;
	unsigned int mask = 0;
	struct addr key;

	if (!c->argv[2][0]) {
		call_say(c, CALL_ERROR, "%s", usage);
		return;
	}
	t = call_table(c);
	if (!t || !c->argv[3][0])
		return;
	if (strncmp(c->argv[3], "data.", 5) == 0) {
		call_say(c, CALL_ERROR,
			 "content-based lookup is only supported with the \"show\" and \"clear\" actions\n");
		return;
	}
	if (strcmp(c->argv[3], "key") != 0) {
		call_say(c, CALL_ERROR, "%s", usage);
		return;
	}
	if (!call_key(c, t, 4, &key) || !parse_values(c, t, &mask, values))
		return;
	diag_init(&diags);
	finish(c, c->host->table_set(c->arg, t, &key, mask, values, &diags), &diags);
	diag_fini(&diags);
}

/* Keys of the chosen entries. */
struct keys {
	const struct selection *sel;
	struct addr *list;
	size_t nr, cap;
	bool failed;
};

static bool collect_key(void *arg, const struct runtime_table_entry *e)
{
	struct keys *k = arg;
	struct addr *list;

	if (!is_chosen(k->sel, e))
		return true;
	if (k->nr == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 64;
		list = realloc(k->list, k->cap * sizeof(*list));
		if (!list) {
			k->failed = true;
			return false;
		}
		k->list = list;
	}
	k->list[k->nr++] = e->key;
	return true;
}

static int clear_chosen(struct call *c, const struct stick_table *t, const struct selection *sel,
			struct diag_list *diags)
{
	struct keys k = { .sel = sel };
	uint64_t cursor = 0;
	int err = 0;

	while (!k.failed && c->host->table_entries(c->arg, t, &cursor, collect_key, &k))
		;
	for (size_t i = 0; i < k.nr && (!err || err == -ENOENT); i++)
		err = c->host->table_clear(c->arg, t, &k.list[i], diags);
	free(k.list);
	return k.failed ? -ENOMEM : err;
}

void run_clear_table(struct call *c)
{
	static const char usage[] =
		"Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> "
		"key <key>\n";
	struct selection sel = { 0 };
	const struct stick_table *t;
	struct diag_list diags;
	struct addr key;

	if (!c->argv[2][0]) {
		call_say(c, CALL_ERROR, "%s", usage);
		return;
	}
	t = call_table(c);
	if (!t)
		return;
	diag_init(&diags);
	if (strcmp(c->argv[3], "key") == 0) {
		if (call_key(c, t, 4, &key))
			finish(c, c->host->table_clear(c->arg, t, &key, &diags), &diags);
	} else if (c->argv[3][0] && strncmp(c->argv[3], "data.", 5) != 0) {
		call_say(c, CALL_ERROR, "%s", usage);
	} else if (parse_filters(c, 3, &sel)) {
		finish(c, clear_chosen(c, t, &sel, &diags), &diags);
	}
	diag_fini(&diags);
}
