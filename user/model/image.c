/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns a model and what is known of the host into the wanted contents of the data plane's tables.
 *
 * Pure, like all of user/model. This file gives out numbers, writes the services and calls the others in their order:
 * image_server.c, image_bind.c, image_return.c, image_backend.c, image_policy.c, image_addr.c; plan.c compares the
 * result with the image in force.
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
	for (size_t i = 0; i < XLB_MAX_POLICIES; i++) {
		free(img->policies[i].rows);
		free(img->policies[i].nets);
	}
	free(img->services);
	free(img->backends);
	free(img->rings);
	free(img->servers);
	free(img->binds);
	free(img->addrs);
	free(img->ranges);
	free(img);
}

int image_bind_cmp(const struct image_bind *a, const struct image_bind *b)
{
	int cmp;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	cmp = words_cmp(a->addr, b->addr);
	if (cmp)
		return cmp;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->proto < b->proto ? -1 : a->proto > b->proto;
}

int image_addr_cmp(const struct xlb_addr *a, const struct xlb_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return words_cmp(a->addr, b->addr);
}

int image_range_cmp(const struct image_range *a, const struct image_range *b)
{
	if (a->rec.proto != b->rec.proto)
		return a->rec.proto < b->rec.proto ? -1 : 1;
	return a->rec.lo < b->rec.lo ? -1 : a->rec.lo > b->rec.lo;
}

static int bind_cmp(const void *a, const void *b)
{
	return image_bind_cmp(a, b);
}

static int addr_cmp(const void *a, const void *b)
{
	return image_addr_cmp(&((const struct image_addr *)a)->rec, &((const struct image_addr *)b)->rec);
}

void image_sort(struct image *img)
{
	if (img->nr_binds)
		qsort(img->binds, img->nr_binds, sizeof(*img->binds), bind_cmp);
	if (img->nr_addrs)
		qsort(img->addrs, img->nr_addrs, sizeof(*img->addrs), addr_cmp);
}

int image_add_bind(struct image_builder *b, const struct image_bind *bind)
{
	struct image *img = b->img;

	if (img->nr_binds == IMAGE_BINDS_MAX)
		return -ENOSPC;
	if (img->nr_binds == b->cap_binds) {
		size_t cap = b->cap_binds ? b->cap_binds * 2 : 64;
		struct image_bind *binds = reallocarray(img->binds, cap, sizeof(*binds));

		if (!binds)
			return -ENOMEM;
		img->binds = binds;
		b->cap_binds = cap;
	}
	img->binds[img->nr_binds++] = *bind;
	return 0;
}

int image_add_range(struct image_builder *b, const struct built_range *range)
{
	if (b->nr_ranges == XLB_MAX_RANGES - 1)
		return -ENOSPC;
	if (b->nr_ranges == b->cap_ranges) {
		size_t cap = b->cap_ranges ? b->cap_ranges * 2 : 16;
		struct built_range *ranges = reallocarray(b->ranges, cap, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		b->ranges = ranges;
		b->cap_ranges = cap;
	}
	b->ranges[b->nr_ranges++] = *range;
	return 0;
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

static int number_backends(struct image_builder *b, size_t *nr)
{
	struct backend *be;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		err = number_of(b, 'b', model_identity("backend", be->name, NULL), "backend", be->name, nr, &be->dp_id);
		if (err)
			break;
	}
	return err;
}

static int number_servers(struct image_builder *b, size_t *nr)
{
	const struct xlb_server *rec = b->servers;
	struct backend *be;
	struct server *s;
	int err = 0;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		TAILQ_FOREACH(s, &be->servers, next) {
			err = number_of(b, 'S', image_server_key(rec++), "server", s->name, nr, &s->run.dp_id);
			if (err)
				return err;
		}
	}
	return 0;
}

static int number_services(struct image_builder *b, size_t *nr)
{
	struct frontend *f;
	int err = 0;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		f->dp_id = 0;
		if (is_served(f))
			err = number_of(b, 's', model_identity("frontend", f->name, NULL), "frontend", f->name, nr,
					&f->dp_id);
		if (err)
			break;
	}
	return err;
}

static void enter_servers(struct image_builder *b)
{
	static const __be32 none[4];
	const struct xlb_server *rec = b->servers;
	struct backend *be;
	struct server *s;

	TAILQ_FOREACH(be, &b->m->backends, next) {
		TAILQ_FOREACH(s, &be->servers, next) {
			b->img->servers[s->run.dp_id] = *rec;
			s->run.source = words_get(rec->source, words_cmp(rec->source, none) ? rec->family : 0);
			rec++;
		}
	}
}

uint32_t image_ticks(const struct host_facts *host, unsigned int ms)
{
	uint64_t unit = 1000ull << host->tick_shift;
	uint64_t ticks = ((uint64_t)ms * host->hz + unit - 1) / unit;

	return ticks < XLB_TICK_MAX ? (uint32_t)ticks : XLB_TICK_MAX;
}

/* The program counts new flows on each CPU by itself: each gets its share, so that all together keep the limit. */
static uint32_t rate_per_cpu(const struct image_builder *b, unsigned int rate)
{
	unsigned int nr_cpus = b->host->nr_cpus ? b->host->nr_cpus : 1;

	return (rate + nr_cpus - 1) / nr_cpus;
}

/* The least of its binds': the record is of the whole frontend. */
static uint16_t least_mss(const struct frontend *f)
{
	const struct bind *bind;
	unsigned int mss = 0;

	TAILQ_FOREACH(bind, &f->binds, next)
		if (bind->mss && (!mss || bind->mss < mss))
			mss = bind->mss;
	return mss < UINT16_MAX ? (uint16_t)mss : UINT16_MAX;
}

/* What a packet gets for which there is no server. */
static const uint16_t no_backend_flags[] = {
	[NO_BACKEND_AUTO] = 0,
	[NO_BACKEND_RESET] = XLB_SVC_RST_ONLY,
	[NO_BACKEND_ICMP] = XLB_SVC_ICMP,
	[NO_BACKEND_DROP] = XLB_SVC_DROP,
	[NO_BACKEND_PASS] = 0, /* no answer for as long as the host gets them */
};

/* Of all backends that its flows may go to: none ends sooner than its own says. */
static unsigned int longest_timeout(const struct frontend *f, int state)
{
	const struct backend *be = frontend_backend_at(f, 0);
	unsigned int longest = model_flow_timeout(f, be, state);

	for (size_t i = 1; (be = frontend_backend_at(f, i)); i++)
		if (model_flow_timeout(f, be, state) > longest)
			longest = model_flow_timeout(f, be, state);
	return longest;
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
		svc->flags = (f->disabled ? 0 : XLB_SVC_ENABLED) | (f->maxconn ? XLB_SVC_FULL : 0) |
			     (f->rate_limit ? XLB_SVC_RATE : 0) | no_backend_flags[f->no_backend];
		svc->limit = f->maxconn;
		svc->rate = rate_per_cpu(b, f->rate_limit);
		svc->mss = least_mss(f);
		for (int state = 0; state < XLB_NR_STATES; state++)
			svc->timeout[state] = image_ticks(b->host, longest_timeout(f, state));
	}
}

/*
 * The service says itself whether its backend is stateless, to spare packets a look. Where it is not, the answers of
 * servers in mode dnat are looked up in the flow table, though their address and port would tell where they belong: a
 * flow whose answers nobody sees would count as half open for all its life, and end as such.
 */
static void mark_stateless(struct image *img)
{
	for (size_t i = 1; i < img->nr_services; i++)
		if (!img->services[i].policy && img->backends[img->services[i].backend].flags & XLB_BE_STATELESS)
			img->services[i].flags |= XLB_SVC_STATELESS;
	for (size_t i = 0; i < img->nr_binds; i++) {
		struct image_bind *bind = &img->binds[i];

		if (bind->service == XLB_VIP_RETURN && !(img->services[bind->ret.service].flags & XLB_SVC_STATELESS))
			bind->ret.flags |= XLB_RETURN_STATE;
	}
}

/*
 * Can the backend still do something for clients? Connections to servers in drain or maintenance go on; where no flow
 * is remembered the program tells them by the tables alone, and passing packets to the host would break them.
 */
static bool serves(const struct image *img, const struct backend *be)
{
	const struct server *s;

	if (backend_eligible(be, NULL, 0))
		return true;
	if (!(img->backends[be->dp_id].flags & XLB_BE_STATELESS))
		return false;
	TAILQ_FOREACH(s, &be->servers, next)
		if (server_is_up(s))
			return true;
	return false;
}

static bool any_serves(const struct image *img, const struct frontend *f)
{
	const struct backend *be;

	for (size_t i = 0; (be = frontend_backend_at(f, i)); i++)
		if (serves(img, be))
			return true;
	return false;
}

/* 'fallback local': the service is closed while nobody serves it, and its packets pass to the host. */
static void close_unserved(struct image_builder *b)
{
	const struct frontend *f;

	TAILQ_FOREACH(f, &b->m->frontends, next)
		if (f->dp_id && f->no_backend == NO_BACKEND_PASS && !any_serves(b->img, f))
			b->img->services[f->dp_id].flags &= (uint16_t)~XLB_SVC_ENABLED;
}

static int hop_cmp(const void *a, const void *b)
{
	const struct addr *x = &(*(const struct next_hop *const *)a)->server;
	const struct addr *y = &(*(const struct next_hop *const *)b)->server;
	__be32 xw[4], yw[4];

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	words_put(xw, x);
	words_put(yw, y);
	return words_cmp(xw, yw);
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
		if (b->host->hops[i].server.family)
			b->hops[b->nr_hops++] = &b->host->hops[i];
	qsort(b->hops, b->nr_hops, sizeof(*b->hops), hop_cmp);
	return 0;
}

static int build_tables(struct image_builder *b)
{
	int err = image_build_binds(b);

	if (!err)
		err = image_build_returns(b);
	if (!err)
		err = image_build_backends(b);
	if (!err)
		err = image_build_policies(b);
	if (err)
		return err;
	mark_stateless(b->img);
	close_unserved(b);
	err = image_build_rings(b);
	return err ? err : image_build_addrs(b);
}

int image_build(struct model *m, const struct host_facts *host, struct image_ids *ids, struct diag_list *diags,
		struct image **ret)
{
	struct image_builder b = { .m = m, .host = host, .ids = ids, .diags = diags };
	size_t nr_services = 1, nr_backends = 1, nr_servers = 1;
	int err;

	err = index_hops(&b);
	if (!err)
		err = number_backends(&b, &nr_backends);
	if (!err)
		err = image_build_servers(&b);
	if (!err)
		err = number_servers(&b, &nr_servers);
	if (!err)
		err = number_services(&b, &nr_services);
	if (err)
		goto out;
	b.img = image_new(nr_services, nr_backends, nr_servers);
	b.needs_state = calloc(nr_backends + 1, sizeof(*b.needs_state));
	if (!b.img || !b.needs_state) {
		err = -ENOMEM;
		goto out;
	}
	enter_servers(&b);
	build_services(&b);
	err = build_tables(&b);
	if (!err) {
		*ret = b.img;
		b.img = NULL;
	}
out:
	image_free(b.img);
	free(b.needs_state);
	free(b.servers);
	free(b.ranges);
	free(b.hops);
	return err;
}
