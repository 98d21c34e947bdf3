/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Askers are found by address, port and kind of check; among the few that share these, configurations are compared. */
#include "xlbd/asker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "model/script.h"

TAILQ_HEAD(ask_list, ask);

struct asker_key {
	struct addr addr;
	unsigned int port, type;
};

struct asker {
	struct askers *all;
	struct asker_key key;
	struct check_conf conf;
	struct check_state no_state; /* what the probe of a shared check knows of servers */
	struct health_probe *probe;
	struct ask_list asks;
	struct asker *next; /* with the same key */
	UT_hash_handle hh;
};

struct ask {
	TAILQ_ENTRY(ask) next;
	struct asker *asker;
	const struct health_ops *ops;
	void *arg;
};

struct askers {
	struct health *health;
	struct asker *table;
};

static void on_started(void *arg)
{
	struct asker *a = arg;
	struct ask *k;

	TAILQ_FOREACH(k, &a->asks, next)
		if (k->ops->started)
			k->ops->started(k->arg);
}

static unsigned int on_finished(void *arg, const struct health_result *res)
{
	struct asker *a = arg;
	unsigned int shortest = 0, ms;
	struct ask *k;

	TAILQ_FOREACH(k, &a->asks, next) {
		ms = k->ops->finished(k->arg, res);
		if (!shortest || ms < shortest)
			shortest = ms;
	}
	return shortest;
}

/* The same for all: it belongs to the address, which is part of what they ask. */
static int path(void *arg, struct health_path *ret)
{
	const struct asker *a = arg;
	const struct ask *k = TAILQ_FIRST(&a->asks);

	return k && k->ops->path ? k->ops->path(k->arg, ret) : -EINVAL;
}

static void describe(void *arg, char *buf, size_t cap)
{
	const struct asker *a = arg;
	const struct ask *k = TAILQ_FIRST(&a->asks);

	if (k && k->ops->describe)
		k->ops->describe(k->arg, buf, cap);
}

static const struct health_ops shared_ops = {
	.path = path, .describe = describe, .started = on_started, .finished = on_finished
};

/*
 * What 404 means depends on whether the one who asks finds the server up, and what it is told of itself on who it is:
 * such a check is for one alone.
 */
static bool can_share(const struct check_conf *c)
{
	return !c->script || (!c->script->nolb_on_404 && !c->script->send_state);
}

static struct asker_key key_of(const struct check_conf *conf, const struct addr *addr, uint16_t port)
{
	struct asker_key key;

	memset(&key, 0, sizeof(key)); /* padding is part of what is hashed */
	key.addr.family = addr->family;
	if (addr->family == AF_INET)
		key.addr.v4 = addr->v4;
	else
		key.addr.v6 = addr->v6;
	key.port = port;
	key.type = conf->type;
	return key;
}

/* Enters into the table, behind those with the same key. */
static void enter(struct askers *all, struct asker *a)
{
	struct asker *first;

	HASH_FIND(hh, all->table, &a->key, sizeof(a->key), first);
	if (first) {
		a->next = first->next;
		first->next = a;
	} else {
		HASH_ADD(hh, all->table, key, sizeof(a->key), a);
	}
}

static void take_out(struct askers *all, struct asker *a)
{
	struct asker *first, *second;

	HASH_FIND(hh, all->table, &a->key, sizeof(a->key), first);
	if (first != a) {
		while (first->next != a)
			first = first->next;
		first->next = a->next;
		return;
	}
	second = a->next;
	HASH_DEL(all->table, a);
	if (second)
		HASH_ADD(hh, all->table, key, sizeof(second->key), second);
}

static struct asker *find(struct askers *all, const struct asker_key *key, const struct check_conf *conf)
{
	struct asker *a;

	if (!can_share(conf))
		return NULL;
	HASH_FIND(hh, all->table, key, sizeof(*key), a);
	while (a && !check_conf_equal(&a->conf, conf))
		a = a->next;
	return a;
}

static int asker_new(struct askers *all, const struct asker_key *key, const struct check_conf *conf,
		     const struct check_state *state, unsigned int delay_ms, struct asker **ret)
{
	struct asker *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->all = all;
	a->key = *key;
	TAILQ_INIT(&a->asks);
	err = check_conf_copy(&a->conf, conf);
	if (!err)
		err = health_start(all->health, conf, can_share(conf) ? &a->no_state : state, &key->addr,
				   (uint16_t)key->port, delay_ms, &shared_ops, a, &a->probe);
	if (err) {
		check_conf_fini(&a->conf);
		free(a);
		return err;
	}
	enter(all, a);
	*ret = a;
	return 0;
}

static void asker_free(struct asker *a)
{
	take_out(a->all, a);
	health_stop(a->probe);
	check_conf_fini(&a->conf);
	free(a);
}

int asker_join(struct askers *all, const struct check_conf *conf, const struct check_state *state,
	       const struct addr *addr, uint16_t port, unsigned int delay_ms, const struct health_ops *ops, void *arg,
	       struct ask **ret)
{
	struct asker_key key = key_of(conf, addr, port);
	struct asker *a = find(all, &key, conf);
	struct ask *k = calloc(1, sizeof(*k));
	int err = 0;

	if (!k)
		return -ENOMEM;
	if (!a)
		err = asker_new(all, &key, conf, state, delay_ms, &a);
	if (err) {
		free(k);
		return err;
	}
	k->asker = a;
	k->ops = ops;
	k->arg = arg;
	TAILQ_INSERT_TAIL(&a->asks, k, next);
	*ret = k;
	return 0;
}

void asker_leave(struct ask *k)
{
	struct asker *a;

	if (!k)
		return;
	a = k->asker;
	TAILQ_REMOVE(&a->asks, k, next);
	free(k);
	if (TAILQ_EMPTY(&a->asks))
		asker_free(a);
}

void asker_hurry(struct ask *k, unsigned int delay_ms)
{
	health_hurry(k->asker->probe, delay_ms);
}

int askers_new(struct health *h, struct askers **ret)
{
	struct askers *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->health = h;
	*ret = a;
	return 0;
}

void askers_free(struct askers *a)
{
	free(a);
}
