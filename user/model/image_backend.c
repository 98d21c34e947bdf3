/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): records of backends, and the tables that packets take their servers from.
 *
 * Which table goes with which algorithm is told in xlb/backend.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"
#include "model/maglev.h"
#include "model/schedule.h"

_Static_assert((int)XLB_HASH_SRC == (int)BALANCE_PART_SRC && (int)XLB_HASH_SPORT == (int)BALANCE_PART_SRC_PORT &&
		       (int)XLB_HASH_DST == (int)BALANCE_PART_DST && (int)XLB_HASH_DPORT == (int)BALANCE_PART_DST_PORT,
	       "the model's parts of a hash are the program's");

enum { DRAWS_MAX = 8 };

static bool hashes(const struct backend *be)
{
	return be->balance.alg == BALANCE_SOURCE || be->balance.alg == BALANCE_HASH;
}

static enum xlb_alg alg_of(const struct backend *be)
{
	switch (be->balance.alg) {
	case BALANCE_LEASTCONN:
		return XLB_ALG_LEAST;
	case BALANCE_FIRST:
		return XLB_ALG_FIRST;
	case BALANCE_RANDOM:
		return XLB_ALG_RANDOM;
	case BALANCE_SOURCE:
	case BALANCE_HASH:
		return be->balance.consistent ? XLB_ALG_MAGLEV : XLB_ALG_HASH;
	case BALANCE_ROUNDROBIN:
	case BALANCE_STATIC_RR:
	case NR_BALANCE_ALGS:
		break;
	}
	return XLB_ALG_RR;
}

/* The finalizer of splitmix64: names that differ in a letter give seeds that differ in half of their bits. */
static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void put_hash(const struct model *m, const struct backend *be, struct xlb_backend *rec)
{
	uint64_t seed = model_identity("seed", be->name, m->seed);

	rec->seed[0] = scramble(seed) | 1;
	rec->seed[1] = scramble(seed + 0x9e3779b97f4a7c15u) | 1;
	rec->parts = hashes(be) ? (uint8_t)be->balance.parts : 0;
	if (hashes(be) && !rec->parts)
		rec->parts = XLB_HASH_SRC;
	rec->mask4 = be->balance.mask4;
	rec->mask6 = be->balance.mask6;
	xlb_backend_set_masks(rec);
	rec->redispatch = be->redispatch < XLB_REPEATS_MAX ? be->redispatch : XLB_REPEATS_MAX;
	rec->draws = (uint8_t)(be->balance.draws < 1	     ? 1 :
			       be->balance.draws < DRAWS_MAX ? be->balance.draws :
							       DRAWS_MAX);
}

uint32_t image_stick_identity(const char *name)
{
	return (uint32_t)model_identity("table", name, NULL) | 1;
}

/* Periods of rates; at least one jiffy, if there is one at all. */
static uint32_t jiffies_of(const struct host_facts *host, unsigned int ms)
{
	return ms ? (uint32_t)(((uint64_t)ms * host->hz + 999) / 1000) : 0;
}

uint16_t image_number_table(struct image_builder *b, const struct stick_table *t)
{
	uint32_t identity = image_stick_identity(t->name);
	uint16_t id = image_ids_get(b->ids, 't', identity);

	if (id)
		b->img->sticks[id] = (struct image_stick){
			.identity = identity,
			.size = t->size,
			.conf = { .expire = t->expire_ms ? image_ticks(b->host, t->expire_ms) : XLB_TICK_MAX,
				  .conn_period = jiffies_of(b->host, t->conn_rate_ms),
				  .gpc0_period = jiffies_of(b->host, t->gpc0_rate_ms),
				  .flags = t->family == AF_INET6 ? XLB_STICK_IP6 : 0 },
		};
	return id;
}

/* Persistence: the table of the name gets a number. -ENOSPC: there are too many of them. */
static int put_stick(struct image_builder *b, const struct backend *be, struct xlb_backend *rec)
{
	const struct stick_table *t = be->stick.table;

	if (!t)
		return 0;
	if (be->stick.by_dst || !be->stick.match || !be->stick.store) {
		diag_add(b->diags, DIAG_ERROR, NULL, "M0215", "use 'stick on src'",
			 "backend '%s': the data plane finds and enters a client by its own address, both or neither",
			 be->name);
		return -EINVAL;
	}
	rec->stick = image_number_table(b, t);
	if (!rec->stick) {
		diag_add(b->diags, DIAG_ERROR, NULL, "M0213", "let backends share a table: 'stick on src table NAME'",
			 "backend '%s': more than %d stick tables", be->name, XLB_MAX_STICKS - 1);
		return -ENOSPC;
	}
	rec->stick_expire = b->img->sticks[rec->stick].conf.expire;
	return 0;
}

/* Full NAT needs the flow's source port, persistence and limits its count: what they concern must be remembered. */
static bool remembers(const struct backend *be)
{
	const struct server *s;

	if (be->stick.table || TAILQ_EMPTY(&be->servers))
		return true;
	TAILQ_FOREACH(s, &be->servers, next)
		if (s->forward == FORWARD_FULLNAT || s->maxconn)
			return true;
	return false;
}

/* Limits of frontends count flows as well, and rules are asked once per flow. */
static void note_limits(struct image_builder *b)
{
	const struct frontend *f;
	const struct backend *be;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		if (!f->dp_id || (!f->maxconn && !f->rate_limit && !frontend_has_policy(f)))
			continue;
		for (size_t i = 0; (be = frontend_backend_at(f, i)); i++)
			b->needs_state[be->dp_id] = true;
	}
}

int image_build_backends(struct image_builder *b)
{
	const struct backend *be;

	note_limits(b);
	TAILQ_FOREACH(be, &b->m->backends, next) {
		struct xlb_backend *rec = &b->img->backends[be->dp_id];
		int err = put_stick(b, be, rec);

		if (err)
			return err;
		rec->identity = model_identity("backend", be->name, NULL);
		put_hash(b->m, be, rec);
		if (alg_of(be) == XLB_ALG_MAGLEV && !b->needs_state[be->dp_id] && !remembers(be))
			rec->flags |= XLB_BE_STATELESS;
	}
	return 0;
}

/* Keeps the reachable ones of 'list', in order; all if none is. Servers without an address never stay. */
static size_t keep_reachable(const struct image *img, struct server **list, size_t nr)
{
	size_t kept = 0, nr_addressed = 0;

	for (size_t i = 0; i < nr; i++)
		if (list[i]->addr.family)
			list[nr_addressed++] = list[i];
	for (size_t i = 0; i < nr_addressed; i++)
		kept += image_server_is_reachable(img, list[i]);
	if (!kept)
		return nr_addressed;
	kept = 0;
	for (size_t i = 0; i < nr_addressed; i++)
		if (image_server_is_reachable(img, list[i]))
			list[kept++] = list[i];
	return kept;
}

static unsigned int divide(unsigned int weight, unsigned int by)
{
	unsigned int part = (weight + by / 2) / by;

	return weight && !part ? 1 : part;
}

/* Divides weights by the smallest number that makes the ring fit. */
static size_t fit_weights(unsigned int *weights, size_t nr)
{
	size_t len = schedule_length(weights, nr);

	for (unsigned int by = 2; len > IMAGE_RING_MAX && by <= MODEL_WEIGHT_MAX * SERVER_RAMP_FULL; by++) {
		size_t total = 0;

		for (size_t i = 0; i < nr; i++)
			total += divide(weights[i], by);
		if (total > IMAGE_RING_MAX)
			continue;
		for (size_t i = 0; i < nr; i++)
			weights[i] = divide(weights[i], by);
		len = schedule_length(weights, nr);
	}
	return len;
}

/* The usable servers of one backend, on their way into a table. */
struct choice {
	struct image_builder *b;
	const struct backend *be;
	struct server **list;
	unsigned int
		*weights; /* of 'list', in parts of SERVER_RAMP_FULL while one of them has less than all of its own */
	size_t nr;
};

static int make_turns(struct choice *c, struct image_ring *ret)
{
	size_t len = fit_weights(c->weights, c->nr);
	uint16_t *ids = calloc(c->nr + 1, sizeof(*ids)), *ring = calloc(len + 1, sizeof(*ring));
	int rc = ids && ring ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->nr && !rc; i++)
		ids[i] = c->list[i]->run.dp_id;
	if (!rc)
		rc = schedule_build(c->weights, ids, c->nr, ring, len);
	if (rc > 0) {
		ret->ids = ring;
		ret->len = (size_t)rc;
		ring = NULL;
		rc = 0;
	}
	free(ring);
	free(ids);
	return rc;
}

/* A length once chosen stays: a table that keeps its place changes slot by slot, and no other flow moves. */
static uint32_t maglev_len(const struct choice *c)
{
	uint32_t len = image_ids_maglev_len(c->b->ids, c->be->dp_id);

	if (!maglev_len_is_good(len, c->be->nr_servers)) {
		len = maglev_len_for(c->be->nr_servers);
		image_ids_set_maglev_len(c->b->ids, c->be->dp_id, len);
	}
	return len;
}

/* A stateless backend has a table, of zeros, without a usable server too: flows that slots remember go on in it. */
static int make_maglev(struct choice *c, struct image_ring *ret)
{
	uint32_t len = maglev_len(c);
	struct maglev_server *servers = calloc(c->nr + 1, sizeof(*servers));
	uint16_t *table = calloc(len, sizeof(*table));
	bool stateless = c->b->img->backends[c->be->dp_id].flags & XLB_BE_STATELESS;
	int err = servers && table ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->nr && !err; i++)
		servers[i] = (struct maglev_server){
			.identity = model_identity("server", c->be->name, c->list[i]->name),
			.weight = c->weights[i],
			.id = c->list[i]->run.dp_id,
		};
	if (!err)
		err = maglev_build(servers, c->nr, table, len);
	if (!err && (c->nr || stateless)) {
		ret->ids = table;
		ret->len = len;
		table = NULL;
	}
	free(table);
	free(servers);
	return err;
}

/* Of more servers than the program looks at, those with the fewest flows for their weight go in. */
struct rival {
	const struct server *s;
	uint64_t load; /* flows per weight, in 32.32 bits */
	bool full;
};

static struct rival rival_of(const struct choice *c, const struct server *s)
{
	uint32_t active = c->b->host->active ? c->b->host->active[s->run.dp_id] : 0;

	return (struct rival){
		.s = s,
		.load = ((uint64_t)active << 32) / (s->run.weight ? s->run.weight : 1),
		.full = s->maxconn && active >= s->maxconn,
	};
}

static int least_cmp(const void *a, const void *b)
{
	const struct rival *x = a, *y = b;

	if (x->full != y->full)
		return x->full ? 1 : -1;
	if (x->load != y->load)
		return x->load < y->load ? -1 : 1;
	return x->s->id < y->s->id ? -1 : x->s->id > y->s->id;
}

static int first_cmp(const void *a, const void *b)
{
	const struct rival *x = a, *y = b;

	if (x->full != y->full)
		return x->full ? 1 : -1;
	return x->s->id < y->s->id ? -1 : x->s->id > y->s->id;
}

static int id_cmp(const void *a, const void *b)
{
	const struct rival *x = a, *y = b;

	return x->s->id < y->s->id ? -1 : x->s->id > y->s->id;
}

/* Each server once, by HAProxy's id; the best XLB_LEAST_MAX of them if there are more. */
static int make_list(struct choice *c, bool first, struct image_ring *ret)
{
	size_t nr = 0, len;
	struct rival *rivals = calloc(c->nr + 1, sizeof(*rivals));
	uint16_t *ids = calloc(XLB_LEAST_MAX, sizeof(*ids));

	if (!rivals || !ids) {
		free(rivals);
		free(ids);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->nr; i++)
		rivals[nr++] = rival_of(c, c->list[i]);
	len = nr < XLB_LEAST_MAX ? nr : XLB_LEAST_MAX;
	if (nr > len)
		qsort(rivals, nr, sizeof(*rivals), first ? first_cmp : least_cmp);
	qsort(rivals, len, sizeof(*rivals), id_cmp);
	for (size_t i = 0; i < len; i++)
		ids[i] = rivals[i].s->run.dp_id;
	free(rivals);
	ret->ids = ids;
	ret->len = len;
	return 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return scramble(hash ^ value) + 0x9e3779b97f4a7c15u;
}

/* Hash of what a table of turns or Maglev's is made of. Lists of the least loaded are made anew each time. */
static uint64_t origin_of(const struct choice *c)
{
	uint64_t hash = mix(alg_of(c->be), c->nr);

	if (alg_of(c->be) == XLB_ALG_LEAST || alg_of(c->be) == XLB_ALG_FIRST)
		return 0;
	hash = mix(hash, alg_of(c->be) == XLB_ALG_MAGLEV ? maglev_len(c) : 0);
	hash = mix(hash, c->b->img->backends[c->be->dp_id].flags);
	for (size_t i = 0; i < c->nr; i++) {
		hash = mix(hash, c->b->img->servers[c->list[i]->run.dp_id].identity);
		hash = mix(hash, (uint64_t)c->list[i]->run.dp_id << 32 | c->weights[i]);
	}
	return hash ? hash : 1;
}

/* The table of the image in force, if it was made of the same. 0, -ENOENT, -ENOMEM. */
static int take_over(const struct choice *c, struct image_ring *ret)
{
	const struct image *previous = c->b->host->previous;
	const struct image_ring *old;

	if (!ret->origin || !previous || c->be->dp_id >= previous->nr_backends)
		return -ENOENT;
	old = &previous->rings[c->be->dp_id];
	if (old->origin != ret->origin || !old->len)
		return -ENOENT;
	ret->ids = malloc(old->len * sizeof(*old->ids));
	if (!ret->ids)
		return -ENOMEM;
	memcpy(ret->ids, old->ids, old->len * sizeof(*old->ids));
	ret->len = old->len;
	return 0;
}

static int make_ring(struct choice *c, struct image_ring *ret)
{
	int err;

	ret->alg = (uint8_t)alg_of(c->be);
	ret->origin = origin_of(c);
	err = take_over(c, ret);
	if (err != -ENOENT)
		return err;
	switch (alg_of(c->be)) {
	case XLB_ALG_RR:
	case XLB_ALG_RANDOM:
	case XLB_ALG_HASH:
		return make_turns(c, ret);
	case XLB_ALG_MAGLEV:
		return make_maglev(c, ret);
	case XLB_ALG_LEAST:
		return make_list(c, false, ret);
	case XLB_ALG_FIRST:
		return make_list(c, true, ret);
	}
	return -EINVAL;
}

static int build_ring(struct image_builder *b, struct backend *be)
{
	bool ramps = backend_ramps(be, b->host->now_ms);
	struct choice c = { .b = b, .be = be };
	int err = -ENOMEM;

	if (alg_of(be) != XLB_ALG_MAGLEV)
		image_ids_set_maglev_len(b->ids, be->dp_id, 0);
	c.list = calloc(be->nr_servers, sizeof(struct server *));
	c.weights = calloc(be->nr_servers, sizeof(*c.weights));
	if (c.list && c.weights) {
		c.nr = backend_eligible(be, c.list, be->nr_servers);
		c.nr = keep_reachable(b->img, c.list, c.nr < be->nr_servers ? c.nr : be->nr_servers);
		for (size_t i = 0; i < c.nr; i++) {
			const struct server *s = c.list[i];

			c.weights[i] = s->run.weight < MODEL_WEIGHT_MAX ? s->run.weight : MODEL_WEIGHT_MAX;
			c.weights[i] *= ramps ? server_ramp(s, b->host->now_ms) : 1;
		}
		err = make_ring(&c, &b->img->rings[be->dp_id]);
	}
	free(c.weights);
	free(c.list);
	return err;
}

int image_build_rings(struct image_builder *b)
{
	struct backend *be;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		if (be->nr_servers)
			err = build_ring(b, be);
		if (err)
			return err;
	}
	return 0;
}
