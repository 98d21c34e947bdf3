/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Live flows by client: conn_cur of stick tables, beside the program.
 *
 * The program counts a tracked flow where it begins and where it ends, the daemon where it ends a flow that is idle. A
 * count goes wrong when a daemon is killed between ending a flow and counting it off, when a reload takes the rules
 * away that tracked it, and when a table is too small and drops an entry. So every now and then a sweep counts the
 * tracked flows by key, the tables are compared with it batch by batch, and what stays wrong by the same number for
 * several times running is mended: while flows come and go the two differ anyway.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uthash.h>

#include "dataplane/dp_priv.h"
#include "xlb.skel.h"

enum {
	EVERY = 4,    /* sweeps from one count to the next */
	PATIENCE = 3, /* so many comparisons must find the same error */
};

_Static_assert(XLB_MAX_STICKS <= 64, "tables are bits of a word");

struct tracked_key {
	uint32_t table;
	__be32 addr[4];
};

struct tracked_count {
	struct tracked_key key;
	uint32_t counted;  /* flows, by the sweep */
	uint32_t conn_cur; /* of the table, when it was looked at last */
	int32_t off;	   /* what that had too many */
	unsigned int nr;   /* how many times running */
	UT_hash_handle hh;
};

struct tracked {
	struct tracked_count *counts;
	bool counting;	     /* the sweep under way counts */
	uint64_t tables;     /* a bit each: still to be compared */
	uint32_t token;	     /* of its next batch */
	bool token_valid;    /* not the first one */
	uint64_t next_sweep; /* that counts */
};

/* --- one entry ---------------------------------------------------------------------------------------------------- */

static bool key_of(const struct dp *dp, const struct flow *flow, unsigned int counter, struct tracked_key *ret)
{
	const struct xlb_service *svc = &dp->services[flow->b.service];
	bool v6 = flow->family == 6;
	const __be32 *addr = svc->track_dst[v6] >> counter & 1 ? flow->vip : flow->client;
	bool ip6;

	ret->table = svc->track[v6][counter];
	if (!ret->table || ret->table >= XLB_MAX_STICKS)
		return false;
	ip6 = dp->stick_confs[ret->table].flags & XLB_STICK_IP6;
	if (!v6) {
		xlb_stick_key4(ret->addr, addr[0], ip6);
		return true;
	}
	memcpy(ret->addr, addr, sizeof(ret->addr));
	return ip6;
}

/* By the program: nothing else changes an entry that it counts in at the same time. */
static void adjust(struct dp *dp, const struct tracked_key *key, int32_t step)
{
	struct xlb_stick_live live = { .table = key->table, .step = step };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &live, .data_size_in = sizeof(live));

	memcpy(live.key, key->addr, sizeof(live.key));
	(void)bpf_prog_test_run_opts(bpf_program__fd(dp->skel->progs.xlb_stick_live), &opts);
}

void tracked_end(struct dp *dp, const struct flow *flow, uint32_t word)
{
	struct tracked_key key;

	for (unsigned int i = 0; i < XLB_POLICY_COUNTERS; i++)
		if (word & XLB_F_TRACKED << i && key_of(dp, flow, i, &key))
			adjust(dp, &key, -1);
}

/* --- the sweep's count -------------------------------------------------------------------------------------------- */

static struct tracked_count *find_or_add(struct tracked *t, const struct tracked_key *key)
{
	struct tracked_count *c;

	HASH_FIND(hh, t->counts, key, sizeof(*key), c);
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->key = *key;
	HASH_ADD(hh, t->counts, key, sizeof(c->key), c);
	return c;
}

void tracked_count(struct dp *dp, const struct flow *flow)
{
	struct tracked *t = dp->tracked;
	struct tracked_count *c;
	struct tracked_key key;

	if (!t->counting || !(flow->b.word & XLB_F_COUNTED))
		return;
	for (unsigned int i = 0; i < XLB_POLICY_COUNTERS; i++) {
		if (!(flow->b.word & XLB_F_TRACKED << i) || !key_of(dp, flow, i, &key))
			continue;
		c = find_or_add(t, &key);
		if (c)
			c->counted++;
	}
}

/* --- the comparison ----------------------------------------------------------------------------------------------- */

/* The table that is being compared: of those that are left the first. */
static uint32_t table_of(const struct tracked *t)
{
	return (uint32_t)__builtin_ctzll(t->tables);
}

static void compare(void *arg, const struct xlb_stick_key *stick_key, const struct xlb_stick *value)
{
	struct dp *dp = arg;
	struct tracked_key key = { .table = table_of(dp->tracked) };
	struct tracked_count *c;
	int32_t off;

	memcpy(key.addr, stick_key->addr, sizeof(key.addr));
	HASH_FIND(hh, dp->tracked->counts, &key, sizeof(key), c);
	off = (int32_t)(value->conn_cur - (c ? c->counted : 0));
	if (!c && off)
		c = find_or_add(dp->tracked, &key);
	if (!c)
		return;
	c->nr = off && off == c->off && value->conn_cur == c->conn_cur ? c->nr + 1 : off != 0;
	c->off = off;
	c->conn_cur = value->conn_cur;
	if (c->nr < PATIENCE)
		return;
	adjust(dp, &key, -off);
	c->nr = 0;
}

/* Keys that have no flow and no error any more are forgotten, counts begin at 0. */
static void forget(struct tracked *t)
{
	struct tracked_count *c, *after;

	HASH_ITER(hh, t->counts, c, after) {
		if (!c->nr && !c->counted) {
			HASH_DEL(t->counts, c);
			free(c);
		} else {
			c->counted = 0;
		}
	}
}

/* The tables that rules count flows in, a bit each. */
static uint64_t tracked_tables(const struct dp *dp)
{
	uint64_t tables = 0;

	for (size_t i = 1; i < XLB_MAX_SERVICES; i++)
		for (unsigned int c = 0; c < XLB_POLICY_COUNTERS; c++)
			tables |= 1ull << dp->services[i].track[0][c] % XLB_MAX_STICKS |
				  1ull << dp->services[i].track[1][c] % XLB_MAX_STICKS;
	return tables & ~1ull; /* number 0: none */
}

void tracked_slice(struct dp *dp)
{
	struct tracked *t = dp->tracked;

	if (!t->tables) {
		if (!t->counting)
			forget(t);
		return;
	}
	t->token_valid = stick_batch(dp, table_of(t), t->token_valid, &t->token, compare, dp);
	if (!t->token_valid)
		t->tables &= t->tables - 1;
}

void tracked_swept(struct dp *dp)
{
	struct tracked *t = dp->tracked;

	if (t->counting)
		t->tables = tracked_tables(dp);
	t->counting = !t->tables && dp->sweep->nr_started >= t->next_sweep;
	if (t->counting)
		t->next_sweep = dp->sweep->nr_started + EVERY;
}

int tracked_init(struct dp *dp)
{
	dp->tracked = calloc(1, sizeof(*dp->tracked));
	return dp->tracked ? 0 : -ENOMEM;
}

void tracked_fini(struct dp *dp)
{
	struct tracked_count *c, *after;

	if (!dp->tracked)
		return;
	HASH_ITER(hh, dp->tracked->counts, c, after) {
		HASH_DEL(dp->tracked->counts, c);
		free(c);
	}
	free(dp->tracked);
	dp->tracked = NULL;
}
