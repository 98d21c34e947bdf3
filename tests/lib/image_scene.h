/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A model and a host, small and whole, for the tests of image_build(). */
#ifndef TESTS_IMAGE_SCENE_H
#define TESTS_IMAGE_SCENE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/image.h"

/* The reference scene: one balancer, one client port, two servers. */
struct scene {
	struct model *m;
	struct frontend *f;
	struct backend *b;
	struct server *s1, *s2;
	struct image_ids *ids;
	struct diag_list diags;
	struct host_addr addrs[2];
	struct next_hop hops[4];
	struct host_facts host;
};

static inline struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static inline struct server *add_server(struct backend *b, const char *name, const char *addr, uint16_t port)
{
	struct server *s = model_server_add(b, name);

	assert_non_null(s);
	s->addr = ip(addr);
	s->port = port;
	s->weight = 1;
	server_run_init(s, 0);
	return s;
}

static inline struct bind *add_bind(struct frontend *f, const char *addr, uint16_t lo, uint16_t hi)
{
	struct bind *bind = model_bind_add(f);

	assert_non_null(bind);
	bind->addr = ip(addr);
	bind->port_lo = lo;
	bind->port_hi = hi;
	bind->proto = IPPROTO_TCP;
	return bind;
}

static inline struct next_hop hop(const char *server, uint16_t oif)
{
	return (struct next_hop){
		.server = ip(server),
		.oif = oif,
		.mtu = 1500,
		.on_link = true,
		.dmac = { 2, 0, 0, 0, 0, 5 },
		.smac = { 2, 0, 0, 0, 0, 4 },
		.source = ip("10.211.55.4"),
	};
}

static inline int setup(void **state)
{
	struct scene *t = calloc(1, sizeof(*t));

	t->m = model_new();
	t->b = model_backend_add(t->m, "web");
	t->s1 = add_server(t->b, "node1", "10.211.55.5", 30808);
	t->s2 = add_server(t->b, "node2", "10.211.55.6", 30808);
	t->f = model_frontend_add(t->m, "front");
	t->f->backend = t->b;
	add_bind(t->f, "0.0.0.0", 8080, 8080);
	t->ids = image_ids_new();
	diag_init(&t->diags);
	t->addrs[0] = (struct host_addr){ .addr = ip("10.211.55.4"), .ifname = "eth0" };
	t->addrs[1] = (struct host_addr){ .addr = ip("192.0.2.4"), .ifname = "eth1" };
	t->hops[0] = hop("10.211.55.6", 1);
	t->hops[1] = hop("10.211.55.5", 1);
	t->host = (struct host_facts){
		.addrs = t->addrs,
		.nr_addrs = 1,
		.hops = t->hops,
		.nr_hops = 2,
		.ephemeral = { 32768, 60999 },
		.hz = 250,
		.tick_shift = 7,
	};
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct scene *t = *state;

	diag_fini(&t->diags);
	image_ids_free(t->ids);
	model_free(t->m);
	free(t);
	return 0;
}

static inline struct image *build(struct scene *t)
{
	struct image *img = NULL;

	assert_int_equal(image_build(t->m, &t->host, t->ids, &t->diags, &img), 0);
	assert_non_null(img);
	return img;
}

static inline int build_fails(struct scene *t)
{
	struct image *img = NULL;
	int err = image_build(t->m, &t->host, t->ids, &t->diags, &img);

	assert_null(img);
	assert_true(t->diags.nr[DIAG_ERROR] > 0);
	return err;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
