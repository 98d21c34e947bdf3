/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From entries of the data plane's stick tables to what commands show, and back: servers have numbers there and ids
 * here.
 */
#include "xlbd/sticks.h"

#include <errno.h>
#include <string.h>

#include "xlbd/state.h"

/* Number of the table in the data plane, 0: no backend in force uses it. */
static uint32_t number_of(const struct state *st, const struct stick_table *t)
{
	uint32_t identity = image_stick_identity(t->name);

	for (uint32_t i = 1; st->image && i < XLB_MAX_STICKS; i++)
		if (st->image->sticks[i].identity == identity)
			return i;
	return 0;
}

/* HAProxy's id of the server with that number, 0: it is gone. */
static unsigned int id_of(const struct state *st, uint16_t number)
{
	const struct backend *be;
	const struct server *s;

	TAILQ_FOREACH(be, &st->model->backends, next)
		TAILQ_FOREACH(s, &be->servers, next)
			if (s->run.dp_id == number)
				return s->id;
	return 0;
}

/* What HAProxy calls the numbers of an entry, and where they are. */
static const struct {
	enum runtime_table_value kind;
	unsigned int part; /* DP_STICK_* */
	size_t offset;
} counters[] = {
	{ RUNTIME_TABLE_CONN_CNT, DP_STICK_CONN_CNT, offsetof(struct dp_stick, conn_cnt) },
	{ RUNTIME_TABLE_CONN_CUR, DP_STICK_CONN_CUR, offsetof(struct dp_stick, conn_cur) },
	{ RUNTIME_TABLE_CONN_RATE, DP_STICK_CONN_RATE, offsetof(struct dp_stick, conn_rate) },
	{ RUNTIME_TABLE_GPC0, DP_STICK_GPC0, offsetof(struct dp_stick, gpc0) },
	{ RUNTIME_TABLE_GPC0_RATE, DP_STICK_GPC0_RATE, offsetof(struct dp_stick, gpc0_rate) },
};

enum { NR_COUNTERS = sizeof(counters) / sizeof(counters[0]) };

static uint64_t ticks_to_ms(const struct state *st, uint32_t ticks)
{
	return ((uint64_t)ticks << dp_tick_shift(st->dp)) * 1000 / dp_hz(st->dp);
}

static struct runtime_table_entry describe(const struct state *st, const struct stick_table *t,
					   const struct dp_stick *stick)
{
	struct runtime_table_entry out = { .key = stick->key, .use = stick->conn_cur };
	uint64_t age = ticks_to_ms(st, stick->age_ticks);
	__be32 words[4];

	words_put(words, &stick->key);
	for (int i = 0; i < 4; i++) /* FNV-1a by words: the same for one key at all times */
		out.id = (out.id ^ words[i] ^ 0xcbf29ce4u) * 0x100000001b3u;
	out.expires_ms = t->expire_ms > age ? (unsigned int)(t->expire_ms - age) : 0;
	out.values[RUNTIME_TABLE_SERVER_ID] = id_of(st, stick->server);
	for (size_t i = 0; i < NR_COUNTERS; i++) {
		uint32_t value;

		memcpy(&value, (const char *)stick + counters[i].offset, sizeof(value));
		out.values[counters[i].kind] = value;
	}
	return out;
}

uint64_t sticks_used(void *arg, const struct stick_table *t)
{
	const struct state *st = arg;

	return dp_stick_used(st->dp, number_of(st, t));
}

/* What has expired is only overwritten with time: to a user it is gone. */
static bool is_over(const struct stick_table *t, const struct runtime_table_entry *entry)
{
	return t->expire_ms && !entry->expires_ms && !entry->use;
}

struct teller {
	const struct state *st;
	const struct stick_table *t;
	bool (*fn)(void *fn_arg, const struct runtime_table_entry *entry);
	void *fn_arg;
};

static bool tell(void *arg, const struct dp_stick *stick)
{
	const struct teller *teller = arg;
	struct runtime_table_entry entry = describe(teller->st, teller->t, stick);

	if (is_over(teller->t, &entry))
		return true;
	return teller->fn(teller->fn_arg, &entry);
}

bool sticks_entries(void *arg, const struct stick_table *t, uint64_t *cursor,
		    bool (*fn)(void *fn_arg, const struct runtime_table_entry *entry), void *fn_arg)
{
	struct state *st = arg;
	struct teller teller = { st, t, fn, fn_arg };

	return dp_stick_entries(st->dp, number_of(st, t), t->family, cursor, tell, &teller);
}

bool sticks_find(void *arg, const struct stick_table *t, const struct addr *key, struct runtime_table_entry *ret)
{
	struct state *st = arg;
	struct runtime_table_entry entry;
	struct dp_stick stick;

	if (key->family != t->family || !dp_stick_find(st->dp, number_of(st, t), key, &stick))
		return false;
	entry = describe(st, t, &stick);
	if (is_over(t, &entry))
		return false;
	*ret = entry;
	return true;
}

/* The server with that id, of the backend that the table is named after, else of the first that uses the table. */
static const struct server *server_by_id(const struct state *st, const struct stick_table *t, uint64_t id)
{
	const struct backend *be = model_backend_find(st->model, t->name);
	const struct server *s;

	if (!be)
		TAILQ_FOREACH(be, &st->model->backends, next)
			if (be->stick.table && !strcmp(be->stick.table->name, t->name))
				break;
	if (be)
		TAILQ_FOREACH(s, &be->servers, next)
			if (s->id == id)
				return s;
	return NULL;
}

int sticks_set(void *arg, const struct stick_table *t, const struct addr *key, unsigned int mask,
	       const uint64_t values[RUNTIME_TABLE_NR_VALUES], struct diag_list *diags)
{
	struct state *st = arg;
	const struct server *s = server_by_id(st, t, values[RUNTIME_TABLE_SERVER_ID]);
	struct dp_stick stick = { .server = s ? s->run.dp_id : 0 };
	unsigned int parts = mask & 1u << RUNTIME_TABLE_SERVER_ID ? DP_STICK_SERVER : 0;
	unsigned int known = 1u << RUNTIME_TABLE_SERVER_ID;
	int rc;

	for (size_t i = 0; i < NR_COUNTERS; i++) {
		uint64_t value = values[counters[i].kind];
		uint32_t clamped = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;

		known |= 1u << counters[i].kind;
		if (mask & 1u << counters[i].kind)
			parts |= counters[i].part;
		memcpy((char *)&stick + counters[i].offset, &clamped, sizeof(clamped));
	}
	if (mask & ~known) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL,
			 "the data plane keeps server_id, conn_cnt, conn_cur, conn_rate, gpc0 and gpc0_rate of a "
			 "client");
		return -EOPNOTSUPP;
	}
	if (parts & DP_STICK_SERVER && !stick.server) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "no server has the id %llu",
			 (unsigned long long)values[RUNTIME_TABLE_SERVER_ID]);
		return -ENOENT;
	}
	rc = dp_stick_set(st->dp, number_of(st, t), key, &stick, parts);
	if (rc)
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "cannot write to table '%s': %s", t->name, strerror(-rc));
	return rc;
}

int sticks_clear(void *arg, const struct stick_table *t, const struct addr *key, struct diag_list *diags)
{
	struct state *st = arg;

	(void)diags;
	return dp_stick_clear(st->dp, number_of(st, t), key);
}
