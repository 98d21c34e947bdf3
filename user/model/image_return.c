/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): where the answers of servers in mode dnat come from, as clients see it.
 *
 * An answer carries the server's address and port. Where one service address and port alone leads there, that is all
 * the program needs; where several do, it must remember each flow (XLB_RETURN_STATE).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

/* Binds and ranges of each service: lists of indices + 1, 0 ends one. */
struct by_service {
	size_t *first_bind, *next_bind;
	size_t *first_range, *next_range;
};

/* Ways back found so far, before those of one server port are put together. */
struct returns {
	struct image_bind *list;
	size_t nr, cap;
};

static bool any_dnat(const struct model *m)
{
	const struct backend *be;
	const struct server *s;

	TAILQ_FOREACH(be, &m->backends, next)
		TAILQ_FOREACH(s, &be->servers, next)
			if (s->forward == FORWARD_DNAT)
				return true;
	return false;
}

static void by_service_fini(struct by_service *by)
{
	free(by->first_bind);
	free(by->next_bind);
	free(by->first_range);
	free(by->next_range);
}

static int by_service_init(const struct image_builder *b, struct by_service *by)
{
	by->first_bind = calloc(b->img->nr_services, sizeof(size_t));
	by->next_bind = calloc(b->img->nr_binds + 1, sizeof(size_t));
	by->first_range = calloc(b->img->nr_services, sizeof(size_t));
	by->next_range = calloc(b->nr_ranges + 1, sizeof(size_t));
	if (!by->first_bind || !by->next_bind || !by->first_range || !by->next_range)
		return -ENOMEM;
	for (size_t i = b->img->nr_binds; i-- > 0;) {
		size_t *first = &by->first_bind[b->img->binds[i].service];

		by->next_bind[i] = *first;
		*first = i + 1;
	}
	for (size_t i = b->nr_ranges; i-- > 0;) {
		size_t *first = &by->first_range[b->ranges[i].range.rec.service];

		by->next_range[i] = *first;
		*first = i + 1;
	}
	return 0;
}

static int add_return(struct returns *r, const struct image_bind *new)
{
	if (r->nr == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct image_bind *list = reallocarray(r->list, cap, sizeof(*list));

		if (!list)
			return -ENOMEM;
		r->list = list;
		r->cap = cap;
	}
	r->list[r->nr++] = *new;
	return 0;
}

static struct xlb_return shared_return(const struct server *s)
{
	return (struct xlb_return){ .server = s->run.dp_id,
				    .family = words_family(&s->addr),
				    .flags = XLB_RETURN_STATE };
}

/* The way back to one bind by one server. */
static struct image_bind way_back(const struct server *s, const struct image_bind *bind)
{
	uint16_t port = s->port ? s->port : (uint16_t)(ntohs(bind->port) + s->port_offset);
	struct image_bind way = {
		.port = htons(port),
		.service = XLB_VIP_RETURN,
		.family = words_family(&s->addr),
		.proto = bind->proto,
		.ret = { .vport = bind->port,
			 .service = bind->service,
			 .server = s->run.dp_id,
			 .family = bind->family },
	};

	words_put(way.addr, &s->addr);
	memcpy(way.ret.vip, bind->addr, sizeof(way.ret.vip));
	return way;
}

/* A range to a server that has a port of its own: several ports lead there. */
static int add_shared(struct returns *r, const struct server *s, uint8_t proto)
{
	struct image_bind way = { .port = htons(s->port),
				  .service = XLB_VIP_RETURN,
				  .family = words_family(&s->addr),
				  .proto = proto,
				  .ret = shared_return(s) };

	words_put(way.addr, &s->addr);
	return add_return(r, &way);
}

/* A range to a server that takes the client's port: a range of the server's ports. */
static int add_shared_range(struct image_builder *b, const struct server *s, const struct xlb_range *rec)
{
	int lo = rec->lo + s->port_offset, hi = rec->hi + s->port_offset;
	struct built_range way = {
		.family = words_family(&s->addr),
		.range = { .rec = { .proto = rec->proto, .service = XLB_VIP_RETURN }, .ret = shared_return(s) },
	};

	way.range.rec.lo = (uint16_t)(lo < 1 ? 1 : lo);
	way.range.rec.hi = (uint16_t)(hi > UINT16_MAX ? UINT16_MAX : hi);
	if (hi < 1 || lo > UINT16_MAX)
		return 0;
	words_put(way.addr, &s->addr);
	return image_add_range(b, &way);
}

static int ways_of_server(struct image_builder *b, const struct by_service *by, uint16_t service,
			  const struct server *s, struct returns *r)
{
	int err = 0;

	for (size_t i = by->first_bind[service]; i && !err; i = by->next_bind[i - 1]) {
		struct image_bind way = way_back(s, &b->img->binds[i - 1]);

		err = add_return(r, &way);
	}
	for (size_t i = by->first_range[service]; i && !err; i = by->next_range[i - 1]) {
		const struct xlb_range rec = b->ranges[i - 1].range.rec;

		b->needs_state[s->backend->dp_id] = true;
		err = s->port ? add_shared(r, s, rec.proto) : add_shared_range(b, s, &rec);
	}
	return err;
}

static int find_ways(struct image_builder *b, const struct by_service *by, struct returns *r)
{
	const struct frontend *f;
	const struct backend *be;
	const struct server *s;
	int err = 0;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		if (!f->dp_id)
			continue;
		for (size_t i = 0; (be = frontend_backend_at(f, i)); i++)
			TAILQ_FOREACH(s, &be->servers, next)
				if (s->forward == FORWARD_DNAT && s->addr.family && !err)
					err = ways_of_server(b, by, f->dp_id, s, r);
	}
	return err;
}

static int way_cmp(const void *a, const void *b)
{
	return image_bind_cmp(a, b);
}

/* Ways back of one server port: one way stays what it is, of several only that there are several. */
static void merge(struct image_builder *b, struct image_bind *ways, size_t nr)
{
	uint16_t server = ways[0].ret.server;

	if (nr == 1 && !(ways[0].ret.flags & XLB_RETURN_STATE))
		return;
	for (size_t i = 0; i < nr; i++) {
		b->needs_state[b->img->servers[ways[i].ret.server].backend] = true;
		if (ways[i].ret.server != server)
			server = 0;
	}
	ways[0].ret = (struct xlb_return){ .server = server, .family = ways[0].family, .flags = XLB_RETURN_STATE };
}

static int add_merged(struct image_builder *b, struct returns *r)
{
	size_t first = 0;
	int err = 0;

	if (r->nr)
		qsort(r->list, r->nr, sizeof(*r->list), way_cmp);
	for (size_t i = 1; i <= r->nr && !err; i++) {
		if (i < r->nr && !image_bind_cmp(&r->list[first], &r->list[i]))
			continue;
		merge(b, &r->list[first], i - first);
		err = image_add_bind(b, &r->list[first]);
		first = i;
	}
	return err;
}

/* A server at an address and port that we bind ourselves would send its answers round in a circle. */
static void drop_loops(struct image_builder *b)
{
	struct image *img = b->img;
	size_t kept = 0;

	for (size_t i = 0; i < img->nr_binds; i++) {
		const struct image_bind *bind = &img->binds[i];
		const struct image_bind *before = kept ? &img->binds[kept - 1] : NULL;
		struct addr addr = words_get(bind->addr, bind->family);
		char text[ADDR_TEXT_MAX];

		if (!before || image_bind_cmp(before, bind) != 0) {
			img->binds[kept++] = *bind;
			continue;
		}
		diag_add(b->diags, DIAG_WARNING, NULL, "M0211", "use 'forward fullnat' for it",
			 "a server in 'forward dnat' is at %s, which is bound by a frontend: its answers stay away",
			 addr_format_port(&addr, ntohs(bind->port), text));
		if (before->service & XLB_VIP_RETURN)
			img->binds[kept - 1] = *bind;
	}
	img->nr_binds = kept;
}

/* How many ways back the image has: each takes a number of the table. */
static size_t count_returns(const struct image_builder *b)
{
	size_t nr = 0;

	for (size_t i = 0; i < b->img->nr_binds; i++)
		nr += b->img->binds[i].service == XLB_VIP_RETURN;
	for (size_t i = 0; i < b->nr_ranges; i++)
		nr += b->ranges[i].range.rec.service == XLB_VIP_RETURN;
	return nr;
}

int image_build_returns(struct image_builder *b)
{
	struct by_service by = { 0 };
	struct returns r = { 0 };
	int err = 0;

	if (any_dnat(b->m))
		err = by_service_init(b, &by);
	if (!err && by.first_bind)
		err = find_ways(b, &by, &r);
	if (!err)
		err = add_merged(b, &r);
	if (!err && count_returns(b) > IMAGE_RETURNS_MAX)
		err = -ENOSPC;
	if (err == -ENOSPC)
		diag_add(b->diags, DIAG_ERROR, NULL, "M0214", "use 'forward fullnat' for some of them",
			 "servers in 'forward dnat' answer from more than %d addresses and ports", IMAGE_RETURNS_MAX);
	if (!err) {
		image_sort(b->img);
		drop_loops(b);
	}
	free(r.list);
	by_service_fini(&by);
	return err;
}
