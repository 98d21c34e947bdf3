/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns a model and what is known of the host into the wanted contents of the data plane's tables.
 *
 * Pure, like all of user/model. This file gives out numbers and writes the services; image_server.c does servers and
 * rings, image_bind.c binds, addresses and busy ports; plan.c compares the result with the image in force.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

struct image *image_new(size_t nr_services, size_t nr_backends, size_t nr_servers)
{
	struct image *img = calloc(1, sizeof(*img));

	if (!img)
		return NULL;
	img->services = calloc(nr_services + 1, sizeof(*img->services));
	img->backends = calloc(nr_backends + 1, sizeof(*img->backends));
	img->rings = calloc(nr_backends + 1, sizeof(*img->rings));
	img->servers = calloc(nr_servers + 1, sizeof(*img->servers));
	if (!img->services || !img->backends || !img->rings || !img->servers) {
		image_free(img);
		return NULL;
	}
	img->nr_services = nr_services;
	img->nr_backends = nr_backends;
	img->nr_servers = nr_servers;
	return img;
}

void image_free(struct image *img)
{
	if (!img)
		return;
	for (size_t i = 0; img->rings && i < img->nr_backends; i++)
		free(img->rings[i].ids);
	free(img->services);
	free(img->backends);
	free(img->rings);
	free(img->servers);
	free(img->binds);
	free(img->addrs);
	free(img);
}

int image_vip_cmp(const struct xlb_vip *a, const struct xlb_vip *b)
{
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->proto < b->proto ? -1 : a->proto > b->proto;
}

static int bind_cmp(const void *a, const void *b)
{
	return image_vip_cmp(&((const struct image_bind *)a)->vip, &((const struct image_bind *)b)->vip);
}

static int addr_cmp(const void *a, const void *b)
{
	const struct image_addr *x = a, *y = b;

	return x->rec.addr < y->rec.addr ? -1 : x->rec.addr > y->rec.addr;
}

void image_sort(struct image *img)
{
	if (img->nr_binds)
		qsort(img->binds, img->nr_binds, sizeof(*img->binds), bind_cmp);
	if (img->nr_addrs)
		qsort(img->addrs, img->nr_addrs, sizeof(*img->addrs), addr_cmp);
}

static int number_of(struct image_builder *b, char kind, uint64_t identity, const char *what, const char *name,
		     size_t *nr, uint16_t *ret_id)
{
	uint16_t id = image_ids_get(b->ids, kind, identity);

	if (!id) {
		diag_add(b->diags, DIAG_ERROR, NULL, "M0201", "numbers of removed ones come back when their flows end",
			 "%s '%s': the data plane's table of %ss is full", what, name, what);
		return -ENOSPC;
	}
	if (id >= *nr)
		*nr = id + 1u;
	*ret_id = id;
	return 0;
}

/* A frontend that the data plane serves: not left to the stack, and not the daemon's own statistics or metrics. */
static bool is_served(const struct frontend *f)
{
	return !f->left_to_stack && !f->stats.enabled && !f->stats.metrics && !TAILQ_EMPTY(&f->binds);
}

static int give_numbers(struct image_builder *b, size_t *nr_services, size_t *nr_backends, size_t *nr_servers)
{
	struct frontend *f;
	struct backend *be;
	struct server *s;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		err = number_of(b, 'b', model_identity("backend", be->name, NULL), "backend", be->name, nr_backends,
				&be->dp_id);
		if (err)
			return err;
		TAILQ_FOREACH(s, &be->servers, next) {
			err = number_of(b, 'S', model_identity("server", be->name, s->name), "server", s->name,
					nr_servers, &s->run.dp_id);
			if (err)
				return err;
		}
	}
	TAILQ_FOREACH(f, &b->m->frontends, next) {
		f->dp_id = 0;
		if (is_served(f))
			err = number_of(b, 's', model_identity("frontend", f->name, NULL), "frontend", f->name,
					nr_services, &f->dp_id);
		if (err)
			return err;
	}
	return 0;
}

/* Rounded up, so that a flow lives at least as long as the file says. */
static uint32_t ticks_of_ms(const struct host_facts *host, unsigned int ms)
{
	uint64_t unit = 1000ull << host->tick_shift;
	uint64_t ticks = ((uint64_t)ms * host->hz + unit - 1) / unit;

	return ticks < INT32_MAX ? (uint32_t)ticks : INT32_MAX;
}

static void build_services(struct image_builder *b)
{
	const struct frontend *f;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		struct xlb_service *svc = &b->img->services[f->dp_id];

		if (!f->dp_id)
			continue;
		svc->identity = model_identity("frontend", f->name, NULL);
		svc->backend = f->backend ? f->backend->dp_id : 0;
		svc->flags = f->disabled ? 0 : XLB_SVC_ENABLED;
		for (int state = 0; state < XLB_NR_STATES; state++)
			svc->timeout[state] = ticks_of_ms(b->host, model_flow_timeout(f, f->backend, state));
	}
}

static int hop_cmp(const void *a, const void *b)
{
	uint32_t x = (*(const struct next_hop *const *)a)->server.v4.s_addr;
	uint32_t y = (*(const struct next_hop *const *)b)->server.v4.s_addr;

	return x < y ? -1 : x > y;
}

/* Next hops sorted by server, for bsearch: thousands of servers must not cost millions of comparisons. */
static int index_hops(struct image_builder *b)
{
	if (!b->host->nr_hops)
		return 0;
	b->hops = calloc(b->host->nr_hops, sizeof(const struct next_hop *));
	if (!b->hops)
		return -ENOMEM;
	for (size_t i = 0; i < b->host->nr_hops; i++)
		if (b->host->hops[i].server.family == AF_INET)
			b->hops[b->nr_hops++] = &b->host->hops[i];
	qsort(b->hops, b->nr_hops, sizeof(*b->hops), hop_cmp);
	return 0;
}

int image_build(struct model *m, const struct host_facts *host, struct image_ids *ids, struct diag_list *diags,
		struct image **ret)
{
	struct image_builder b = { .m = m, .host = host, .ids = ids, .diags = diags };
	size_t nr_services = 1, nr_backends = 1, nr_servers = 1;
	int err;

	err = index_hops(&b);
	if (err)
		goto out;
	err = give_numbers(&b, &nr_services, &nr_backends, &nr_servers);
	if (err)
		goto out;
	b.img = image_new(nr_services, nr_backends, nr_servers);
	if (!b.img) {
		err = -ENOMEM;
		goto out;
	}
	build_services(&b);
	err = image_build_servers(&b);
	if (!err)
		err = image_build_rings(&b);
	if (!err)
		err = image_build_binds(&b);
	if (!err)
		err = image_build_addrs(&b);
	if (!err) {
		*ret = b.img;
		b.img = NULL;
	}
out:
	image_free(b.img);
	free(b.hops);
	return err;
}
