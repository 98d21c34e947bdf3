/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of services, backends and servers in the data plane: given out by identity, kept across reloads.
 *
 * Flows carry the numbers of their service and server, so a number must not come to mean something else while a flow
 * still has it. Hence a number stays with its identity until it is given back, which the daemon does when the flow
 * table has been seen without it (image_ids_collect()). The lowest free number is taken, to keep the tables short.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/image.h"

enum { NR_CHAINS = 4096, MAX_IDS = XLB_MAX_SERVERS };

struct id_table {
	unsigned int cap;	   /* numbers are 1 .. cap - 1 */
	uint16_t chain[NR_CHAINS]; /* first number of a hash chain, 0: empty */
	uint16_t next[MAX_IDS];
	uint64_t identity[MAX_IDS]; /* 0: the number is free */
};

struct image_ids {
	struct id_table services, backends, servers, tables, policies;
	uint32_t maglev_len[XLB_MAX_BACKENDS];
};

struct image_ids *image_ids_new(void)
{
	struct image_ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return NULL;
	ids->services.cap = XLB_MAX_SERVICES;
	ids->backends.cap = XLB_MAX_BACKENDS;
	ids->servers.cap = XLB_MAX_SERVERS;
	ids->tables.cap = XLB_MAX_STICKS;
	ids->policies.cap = XLB_MAX_POLICIES;
	return ids;
}

void image_ids_free(struct image_ids *ids)
{
	free(ids);
}

static struct id_table *table_of(struct image_ids *ids, char kind)
{
	switch (kind) {
	case 's':
		return &ids->services;
	case 'b':
		return &ids->backends;
	case 'S':
		return &ids->servers;
	case 't':
		return &ids->tables;
	case 'p':
		return &ids->policies;
	default:
		return NULL;
	}
}

static uint16_t *chain_of(struct id_table *t, uint64_t identity)
{
	return &t->chain[identity % NR_CHAINS];
}

static uint16_t find(struct id_table *t, uint64_t identity)
{
	uint16_t id = *chain_of(t, identity);

	while (id && t->identity[id] != identity)
		id = t->next[id];
	return id;
}

static void enter(struct id_table *t, uint64_t identity, uint16_t id)
{
	uint16_t *chain = chain_of(t, identity);

	t->identity[id] = identity;
	t->next[id] = *chain;
	*chain = id;
}

int image_ids_adopt(struct image_ids *ids, char kind, uint64_t identity, uint16_t id)
{
	struct id_table *t = table_of(ids, kind);

	if (!t || !identity || !id || id >= t->cap || t->identity[id] || find(t, identity))
		return -EINVAL;
	enter(t, identity, id);
	return 0;
}

uint16_t image_ids_get(struct image_ids *ids, char kind, uint64_t identity)
{
	struct id_table *t = table_of(ids, kind);
	uint16_t id = find(t, identity);

	if (id)
		return id;
	for (unsigned int i = 1; i < t->cap; i++) {
		if (!t->identity[i]) {
			enter(t, identity, (uint16_t)i);
			return (uint16_t)i;
		}
	}
	return 0;
}

void image_ids_release(struct image_ids *ids, char kind, uint16_t id)
{
	struct id_table *t = table_of(ids, kind);
	uint16_t *link;

	if (!t || !id || id >= t->cap || !t->identity[id])
		return;
	link = chain_of(t, t->identity[id]);
	while (*link != id)
		link = &t->next[*link];
	*link = t->next[id];
	t->identity[id] = 0;
	t->next[id] = 0;
	if (kind == 'b')
		ids->maglev_len[id] = 0;
}

/* Does the image use the number? */
static bool in_image(const struct image *img, char kind, uint16_t id)
{
	if (kind == 's')
		return id < img->nr_services && img->services[id].identity;
	if (kind == 'b')
		return id < img->nr_backends && img->backends[id].identity;
	if (kind == 't')
		return img->sticks[id].identity;
	if (kind == 'p')
		return img->policies[id].rec.identity;
	return id < img->nr_servers && img->servers[id].identity;
}

size_t image_ids_collect(struct image_ids *ids, const struct image *img,
			 bool (*is_free)(void *arg, char kind, uint16_t id), void *arg)
{
	static const char kinds[] = { 's', 'b', 'S', 't', 'p' };
	size_t nr = 0;

	for (size_t k = 0; k < sizeof(kinds); k++) {
		struct id_table *t = table_of(ids, kinds[k]);

		for (unsigned int i = 1; i < t->cap; i++) {
			uint16_t id = (uint16_t)i;

			if (!t->identity[id] || in_image(img, kinds[k], id))
				continue;
			if ((kinds[k] == 's' || kinds[k] == 'S') && !is_free(arg, kinds[k], id))
				continue;
			image_ids_release(ids, kinds[k], id);
			nr++;
		}
	}
	return nr;
}

uint32_t image_ids_maglev_len(const struct image_ids *ids, uint16_t backend)
{
	return backend < XLB_MAX_BACKENDS ? ids->maglev_len[backend] : 0;
}

void image_ids_set_maglev_len(struct image_ids *ids, uint16_t backend, uint32_t len)
{
	if (backend < XLB_MAX_BACKENDS)
		ids->maglev_len[backend] = len;
}
