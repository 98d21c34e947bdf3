/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* plan_make(): the steps from one image to the next, and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/image.h"

/* One service, one backend, two servers, 'nr_binds' binds on one address. */
static struct image *small_image(size_t nr_binds)
{
	struct image *img = image_new(2, 2, 3);

	img->services[1] = (struct xlb_service){ .identity = 11, .backend = 1, .flags = XLB_SVC_ENABLED };
	img->backends[1].identity = 21;
	img->servers[1] = (struct xlb_server){ .identity = 31, .backend = 1, .addr = { 0x0a000001 } };
	img->servers[2] = (struct xlb_server){ .identity = 32, .backend = 1, .addr = { 0x0a000002 } };
	img->rings[1].ids = calloc(2, sizeof(uint16_t));
	img->rings[1].ids[0] = 1;
	img->rings[1].ids[1] = 2;
	img->rings[1].len = 2;
	img->binds = calloc(nr_binds + 1, sizeof(*img->binds));
	for (size_t i = 0; i < nr_binds; i++)
		img->binds[i] = (struct image_bind){
			.addr = { 5 }, .family = 4, .port = (uint16_t)(80 + i), .proto = 6, .service = 1
		};
	img->nr_binds = nr_binds;
	img->addrs = calloc(2, sizeof(*img->addrs));
	img->addrs[0].rec = (struct xlb_addr){ .addr = { 5 }, .family = 4, .pool_lo = 1, .nr_ranges = 1 };
	img->nr_addrs = 1;
	img->ranges = calloc(1, sizeof(*img->ranges));
	img->ranges[0].rec = (struct xlb_range){ .lo = 100, .hi = 200, .proto = 6, .service = 1 };
	img->nr_ranges = 1;
	return img;
}

/* Checks the plan against a list that ends with -1; 'index' runs beside. */
static void expect(const struct image *from, const struct image *to, const int *ops, const size_t *index)
{
	struct plan p;
	size_t i;

	assert_int_equal(plan_make(from, to, &p), 0);
	for (i = 0; ops[i] >= 0; i++) {
		assert_true(i < p.nr);
		assert_int_equal(p.steps[i].op, ops[i]);
		assert_int_equal(p.steps[i].index, index[i]);
	}
	assert_int_equal(p.nr, i);
	plan_fini(&p);
}

#define EXPECT(from, to, ops, index) expect(from, to, (const int[])ops, (const size_t[])index)
#define L(...)                                                                                                         \
	{                                                                                                              \
		__VA_ARGS__                                                                                            \
	}

static void plan_make__from_nothing__servers_first_binds_last(void **state)
{
	struct image *img = small_image(1);

	(void)state;
	img->busy[0][100] = 1;
	EXPECT(NULL, img, L(PLAN_BUSY, PLAN_SERVER, PLAN_SERVER, PLAN_RING, PLAN_SERVICE, PLAN_ADDR, PLAN_BIND_ADD, -1),
	       L(0, 1, 2, 1, 1, 0, 0));
	image_free(img);
}

static void plan_make__to_nothing__binds_first_servers_last(void **state)
{
	struct image *img = small_image(1), *nothing = image_new(0, 0, 0);

	(void)state;
	EXPECT(img, nothing,
	       L(PLAN_BIND_DEL, PLAN_ADDR_DEL, PLAN_SERVICE_DEL, PLAN_RING_DEL, PLAN_SERVER_DEL, PLAN_SERVER_DEL, -1),
	       L(0, 0, 1, 1, 1, 2));
	image_free(img);
	image_free(nothing);
}

static void plan_make__equal_images__empty(void **state)
{
	struct image *a = small_image(3), *b = small_image(3);

	(void)state;
	EXPECT(a, b, L(-1), L(0));
	image_free(a);
	image_free(b);
}

static void plan_make__ring_changed__one_step(void **state)
{
	struct image *a = small_image(1), *b = small_image(1);

	(void)state;
	b->rings[1].len = 1;
	EXPECT(a, b, L(PLAN_RING, -1), L(1));
	b->rings[1].len = 2;
	b->rings[1].ids[0] = 2;
	EXPECT(a, b, L(PLAN_RING, -1), L(1));
	image_free(a);
	image_free(b);
}

static void plan_make__record_changed__its_step(void **state)
{
	struct image *a = small_image(1), *b = small_image(1);

	(void)state;
	b->servers[2].dmac[5] = 9;
	b->services[1].timeout[0] = 9;
	b->addrs[0].rec.bloom[7] = 1;
	EXPECT(a, b, L(PLAN_SERVER, PLAN_SERVICE, PLAN_ADDR, -1), L(2, 1, 0));
	image_free(a);
	image_free(b);
}

static void plan_make__binds_moved__added_before_removed(void **state)
{
	struct image *a = small_image(3), *b = small_image(3);

	(void)state;
	b->binds[0].port = 79; /* 80 goes, 79 comes, 81 stays, 82 changes its service */
	b->binds[2].service = 2;
	EXPECT(a, b, L(PLAN_BIND_ADD, PLAN_BIND_ADD, PLAN_BIND_DEL, -1), L(0, 2, 0));
	image_free(a);
	image_free(b);
}

static void plan_make__algorithm_or_range_changed__one_step(void **state)
{
	struct image *a = small_image(1), *b = small_image(1);

	(void)state;
	b->rings[1].alg = XLB_ALG_RANDOM;
	EXPECT(a, b, L(PLAN_RING, -1), L(1));
	b->rings[1].alg = a->rings[1].alg;
	b->ranges[0].rec.hi = 201;
	EXPECT(a, b, L(PLAN_ADDR, -1), L(0));
	image_free(a);
	image_free(b);
}

static void plan_make__stick_table__made_first_removed_last(void **state)
{
	struct image *a = small_image(1), *b = small_image(1);

	(void)state;
	b->sticks[3] = (struct image_stick){ .identity = 7, .size = 100 };
	b->servers[1].weight = 9;
	EXPECT(a, b, L(PLAN_STICK, PLAN_SERVER, -1), L(3, 1));
	EXPECT(b, a, L(PLAN_SERVER, PLAN_STICK_DEL, -1), L(1, 3));
	image_free(a);
	image_free(b);
}

static void plan_make__number_taken_over__record_rewritten(void **state)
{
	struct image *a = small_image(1), *b = small_image(1);

	(void)state;
	b->servers[2].identity = 99;
	EXPECT(a, b, L(PLAN_SERVER, -1), L(2));
	memset(&b->servers[2], 0, sizeof(b->servers[2]));
	EXPECT(a, b, L(PLAN_SERVER_DEL, -1), L(2));
	image_free(a);
	image_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_make__from_nothing__servers_first_binds_last),
		cmocka_unit_test(plan_make__to_nothing__binds_first_servers_last),
		cmocka_unit_test(plan_make__equal_images__empty),
		cmocka_unit_test(plan_make__ring_changed__one_step),
		cmocka_unit_test(plan_make__record_changed__its_step),
		cmocka_unit_test(plan_make__binds_moved__added_before_removed),
		cmocka_unit_test(plan_make__algorithm_or_range_changed__one_step),
		cmocka_unit_test(plan_make__stick_table__made_first_removed_last),
		cmocka_unit_test(plan_make__number_taken_over__record_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
