/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From entries of the data plane's stick tables to what commands show, and back: servers have numbers there and ids
 * here.
 *
 * The data plane keeps which server a client sticks to and since when; what else HAProxy stores in a table is 0.
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

static uint64_t ticks_to_ms(const struct state *st, uint32_t ticks)
{
	return ((uint64_t)ticks << dp_tick_shift(st->dp)) * 1000 / dp_hz(st->dp);
}

static struct runtime_table_entry describe(const struct state *st, const struct stick_table *t,
					   const struct dp_stick *stick)
{
	struct runtime_table_entry out = { .key = stick->key };
	uint64_t age = ticks_to_ms(st, stick->age_ticks);
	__be32 words[4];

	words_put(words, &stick->key);
	for (int i = 0; i < 4; i++) /* FNV-1a by words: the same for one key at all times */
		out.id = (out.id ^ words[i] ^ 0xcbf29ce4u) * 0x100000001b3u;
	out.expires_ms = t->expire_ms > age ? (unsigned int)(t->expire_ms - age) : 0;
	out.values[RUNTIME_TABLE_SERVER_ID] = id_of(st, stick->server);
	return out;
}

uint64_t sticks_used(void *arg, const struct stick_table *t)
{
	const struct state *st = arg;

	return dp_stick_used(st->dp, number_of(st, t));
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

	/* What has expired is only overwritten with time: to a user it is gone. */
	if (teller->t->expire_ms && !entry.expires_ms)
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
	if (t->expire_ms && !entry.expires_ms)
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
	int rc;

	if (mask != 1u << RUNTIME_TABLE_SERVER_ID) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL,
			 "the data plane keeps only the server of a client in table '%s'", t->name);
		return -EOPNOTSUPP;
	}
	if (!s || !s->run.dp_id) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "no server has the id %llu",
			 (unsigned long long)values[RUNTIME_TABLE_SERVER_ID]);
		return -ENOENT;
	}
	rc = dp_stick_set(st->dp, number_of(st, t), key, s->run.dp_id);
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
