/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Plans executed on the tables, and tables read back. */
#include <time.h>

#include "dp_image.h"
#include "light.h"

static void dp_apply__image_after_image__tables_are_the_image(void **state)
{
	struct dp *dp = open_dp();
	struct image *images[] = { make_image(3, 0x3e, 1), make_image(200, 0x06, 40), make_image(0, 0, 0),
				   make_image(150, 0x3e, 2), make_image(1, 0x22, 1) };
	struct image *from = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		assert_int_equal(apply(dp, from, images[i]), 0);
		expect_tables(dp, images[i]);
		for (size_t b = 0; b < images[i]->nr_binds; b++)
			assert_int_equal(lookup_vip(dp, &images[i]->binds[b]), 1);
		for (size_t b = 0; b < images[i]->nr_addrs; b++)
			assert_non_null(lookup_addr(dp, images[i]->addrs[b].rec.addr[0]));
		image_free(from);
		from = images[i];
	}
	image_free(from);
	dp_close(dp);
}

static void dp_apply__then_reopened__same_image_and_numbers(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(20, 0x0e, 3), *smaller = make_image(20, 0x0a, 3), *found;
	struct image_ids *ids = image_ids_new();
	struct plan plan;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	assert_int_equal(apply(dp, img, smaller), 0);
	dp_close(dp);
	dp = open_dp();
	assert_int_equal(dp_read_image(dp, &found), 0);
	assert_non_null(found);
	assert_int_equal(plan_make(found, smaller, &plan), 0);
	assert_int_equal(plan.nr, 0);
	assert_int_equal(dp_adopt_ids(dp, ids), 0);
	assert_int_equal(image_ids_get(ids, 's', 11), 1);
	assert_int_equal(image_ids_get(ids, 'b', 21), 1);
	assert_int_equal(image_ids_get(ids, 'S', image_server_key(&img->servers[3])), 3);
	assert_int_equal(image_ids_get(ids, 'S', 99), 4); /* not 2: removed, but flows may carry its number */
	assert_int_equal(image_ids_get(ids, 'S', image_server_key(&img->servers[2])), 2);
	plan_fini(&plan);
	image_ids_free(ids);
	image_free(found);
	image_free(img);
	image_free(smaller);
	dp_close(dp);
}

static void dp_apply__ring_changes__never_in_the_place_it_leaves(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 20), *b = make_image(1, 0x1e, 20);
	uint64_t seen[32];

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	for (int i = 0; i < 32; i++) {
		seen[i] = XLB_RING_FIRST(dp->backends[1].ring);
		assert_int_equal(apply(dp, i % 2 ? b : a, i % 2 ? a : b), 0);
		for (int j = 0; j <= i; j++)
			assert_int_not_equal(XLB_RING_FIRST(dp->backends[1].ring), seen[j]);
	}
	image_free(a);
	image_free(b);
	dp_close(dp);
}

/* Whatever a packet can reach from a bind is there: service, backend, ring, servers. */
static void expect_nothing_dangles(const struct dp *dp)
{
	for (size_t i = 0; i < XLB_VIP_BUCKETS; i++) {
		for (int w = 0; w < XLB_VIP_WAYS; w++) {
			const struct xlb_vip *vip = &dp->vips[i].way[w];
			const struct xlb_backend *b = &dp->backends[dp->services[vip->service].backend];

			if (!vip->proto)
				continue;
			assert_true(dp->services[vip->service].flags & XLB_SVC_ENABLED);
			assert_true((uint32_t)b->ring > 0);
			for (uint32_t e = 0; e < (uint32_t)b->ring; e++) {
				uint32_t at = XLB_RING_FIRST(b->ring) + e / XLB_RING_WAYS;

				assert_int_not_equal(dp->servers[dp->ring[at].server[e % XLB_RING_WAYS]].backend, 0);
			}
		}
	}
}

/*
 * A daemon killed in the middle of a plan: packets find the old or the new of each thing. In the second round the next
 * daemon finishes from what it reads, halfway.
 */
static void dp_apply__cut_short_at_every_step__nothing_dangles(void **state)
{
	struct image *images[] = { make_image(6, 0x0e, 1), make_image(3, 0x3a, 40), image_new(0, 0, 0) };
	struct dp *dp = open_dp();
	struct image *from = NULL, *to, *found;
	struct plan plan;

	(void)state;
	dp->adopted = true;
	for (size_t i = 0; i < 6; i++, from = to) {
		to = images[i % 3];
		assert_int_equal(plan_make(from, to, &plan), 0);
		for (size_t cut = 0; cut <= (i < 3 ? plan.nr : plan.nr / 2); cut++) {
			struct plan part = { .steps = plan.steps, .nr = cut };

			assert_int_equal(dp_apply(dp, from, to, &part, &scene_diags), 0);
			expect_nothing_dangles(dp);
		}
		plan_fini(&plan);
		assert_int_equal(dp_read_image(dp, &found), 0);
		assert_int_equal(apply(dp, found, to), 0);
		image_free(found);
		expect_nothing_dangles(dp);
		expect_tables(dp, to);
	}
	for (size_t i = 0; i < 3; i++)
		image_free(images[i]);
	dp_close(dp);
}

static void ring_place__just_released__rests(void **state)
{
	struct dp *dp = open_dp();
	size_t len = 100;
	struct ring_area first, second;
	struct timespec t0, t1;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	assert_int_equal(ring_place(dp, &len, 1, &first), 0);
	assert_int_equal(first.nr, 4);
	assert_int_equal(ring_reserve(dp, 1), 0);
	ring_release(dp, first);
	dp->rings.next = 0;
	assert_int_equal(ring_place(dp, &len, 1, &second), 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	if (t1.tv_sec - t0.tv_sec <= 1 && (t1.tv_sec - t0.tv_sec) * 1000000000l + t1.tv_nsec - t0.tv_nsec < 900000000l)
		assert_true(second.first >= first.first + first.nr);
	dp_close(dp);
}

static void dp_apply__rings_too_large__nothing_written(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(3, 0x3e, 1), *b = make_image(9, 0x3e, XLB_RING_VALUES * XLB_RING_WAYS / 5 + 1);

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_int_equal(apply(dp, a, b), -ENOSPC);
	assert_true(was_said("rings do not fit"));
	expect_tables(dp, a);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_apply__addresses_that_collide__nothing_written(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(3, 0x3e, 1), *b = make_image(3, 0x1e, 1);
	uint32_t home = xlb_addr_hash4(dp->meta.secrets, 1);

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	b->addrs = reallocarray(b->addrs, 16, sizeof(*b->addrs));
	for (uint32_t addr = 1; b->nr_addrs < 3 + XLB_ADDR_PROBES + 1; addr++)
		if (xlb_addr_hash4(dp->meta.secrets, addr) == home)
			b->addrs[b->nr_addrs++].rec =
				(struct xlb_addr){ .addr = { addr }, .family = 4, .pool_lo = 5, .pool_hi = 6 };
	image_sort(b);
	assert_int_equal(apply(dp, a, b), -ENOSPC);
	expect_tables(dp, a);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_apply__number_means_another_server__counters_from_zero(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x02, 1), *b = make_image(1, 0x02, 1);
	struct xlb_stats sum;

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	dp->cpus[0].servers[1].packets_in = dp->cpus[0].services[1].packets_in = 40;
	dp->cpus[dp->nr_cpus - 1].servers[1].connections += 2;
	b->servers[1].dmac[5] = 7;
	assert_int_equal(apply(dp, a, b), 0);
	assert_int_equal(dp_read_server_stats(dp, 1, &sum), 0);
	assert_int_equal(sum.packets_in, 40);
	assert_int_equal(sum.connections, 2);
	a->servers[1].identity = 99;
	assert_int_equal(apply(dp, b, a), 0);
	assert_int_equal(dp_read_server_stats(dp, 1, &sum), 0);
	assert_int_equal(sum.packets_in + sum.connections, 0);
	assert_int_equal(dp_read_service_stats(dp, 1, &sum), 0);
	assert_int_equal(sum.packets_in, 40);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_read_reasons__all_cpus__summed(void **state)
{
	struct dp *dp = open_dp();
	uint64_t sums[XLB_R_MAX];

	(void)state;
	for (int i = 0; i < dp->nr_cpus; i++)
		dp->cpus[i].reasons[XLB_R_REQUEST] = 10;
	assert_int_equal(dp_read_reasons(dp, sums), 0);
	assert_int_equal(sums[XLB_R_REQUEST], 10 * libbpf_num_possible_cpus());
	assert_int_equal(sums[XLB_R_REPLY], 0);
	dp_close(dp);
}

static struct xlb_vip nth_vip(uint32_t i)
{
	return (struct xlb_vip){
		.addr_slot = (uint16_t)(i / 1000), .port = htons((uint16_t)(1 + i % 1000)), .proto = 6, .service = 7
	};
}

/* Half of the ways of the table, as full as image_build() lets it become: moves are needed, nothing is lost. */
static void table_vip_put__as_many_binds_as_allowed__all_found(void **state)
{
	struct dp *dp = open_dp();
	struct xlb_vip vip;
	size_t nr = 0;

	(void)state;
	for (uint32_t i = 0; i < IMAGE_BINDS_MAX; i++) {
		vip = nth_vip(i);
		assert_int_equal(table_vip_put(dp->vips, dp->meta.secrets, &vip), 0);
	}
	for (uint32_t i = 0; i < IMAGE_BINDS_MAX; i++) {
		vip = nth_vip(i);
		assert_int_equal(lookup_way(dp, &vip), 7);
		table_vip_del(dp->vips, dp->meta.secrets, &vip);
		assert_int_equal(lookup_way(dp, &vip), 0);
	}
	for (size_t i = 0; i < XLB_VIP_BUCKETS; i++)
		for (int w = 0; w < XLB_VIP_WAYS; w++)
			nr += dp->vips[i].way[w].proto != 0;
	assert_int_equal(nr, 0);
	dp_close(dp);
}

/* The next bind, counting up from '*seed', that has 'bucket' as its choice 'choice' and another one too. */
static struct xlb_vip next_vip(const struct dp *dp, uint32_t *seed, uint32_t bucket, int choice)
{
	struct xlb_vip vip;

	do {
		vip = nth_vip(++*seed);
	} while (xlb_vip_hash(dp->meta.secrets, vip.addr_slot, vip.port, 6, choice) != bucket ||
		 xlb_vip_hash(dp->meta.secrets, vip.addr_slot, vip.port, 6, !choice) == bucket);
	return vip;
}

static void table_vip_put__both_buckets_full__one_bind_moves(void **state)
{
	enum { WAYS = XLB_VIP_WAYS };
	struct dp *dp = open_dp();
	uint32_t seed = 0, other, full = 77;
	struct xlb_vip vips[2 * WAYS + 1];

	(void)state;
	vips[2 * WAYS] = next_vip(dp, &seed, full, 0);
	other = xlb_vip_hash(dp->meta.secrets, vips[2 * WAYS].addr_slot, vips[2 * WAYS].port, 6, 1);
	for (int i = 0; i < WAYS; i++) {
		vips[i] = next_vip(dp, &seed, full, 0);
		dp->vips[full].way[i] = vips[i];
		vips[WAYS + i] = next_vip(dp, &seed, other, 1); /* cannot move */
		dp->vips[other].way[i] = vips[WAYS + i];
	}
	assert_int_equal(table_vip_put(dp->vips, dp->meta.secrets, &vips[2 * WAYS]), 0);
	for (int i = 0; i <= 2 * WAYS; i++)
		assert_int_equal(lookup_way(dp, &vips[i]), 7);
	dp_close(dp);
}

static const struct xlb_addr *hot_addr(const struct dp *dp, int family, int i)
{
	return &dp->addrs[dp->control->hot[family == 6][i]];
}

static void dp_apply__addresses__those_with_most_users_hot(void **state)
{
	struct dp *dp = open_dp();
	struct image *img[2] = { make_image(5, 0x3e, 1), make_image(1, 0x3e, 1) };

	(void)state;
	img[0]->addrs[1].nr_users = 3;
	img[0]->addrs[3].nr_users = 7;
	img[0]->addrs[4].nr_users = 2;
	assert_int_equal(apply(dp, NULL, img[0]), 0);
	assert_ptr_equal(hot_addr(dp, 4, 0), lookup_addr(dp, img[0]->addrs[3].rec.addr[0]));
	assert_ptr_equal(hot_addr(dp, 4, 1), lookup_addr(dp, img[0]->addrs[1].rec.addr[0]));
	img[1]->addrs[0].nr_users = 1;
	assert_int_equal(apply(dp, img[0], img[1]), 0);
	assert_ptr_equal(hot_addr(dp, 4, 0), lookup_addr(dp, img[1]->addrs[0].rec.addr[0]));
	assert_ptr_equal(hot_addr(dp, 4, 1), hot_addr(dp, 4, 0));
	assert_int_equal(dp->control->answers, 0);
	image_free(img[0]);
	image_free(img[1]);
	dp_close(dp);
}

/* Sources are looked at from before a server's address is there until it has gone. */
static void dp_apply__address_of_a_server__answers_expected_while_it_is_there(void **state)
{
	struct dp *dp = open_dp();
	struct image *img[2] = { make_image(3, 0x3e, 1), make_image(3, 0x3e, 1) };

	(void)state;
	img[0]->addrs[2].rec.flags |= XLB_ADDR_SERVER;
	assert_int_equal(apply(dp, NULL, img[0]), 0);
	assert_int_equal(dp->control->answers, 1);
	expect_tables(dp, img[0]);
	assert_int_equal(dp->control->answers, 1);
	assert_int_equal(apply(dp, img[0], img[1]), 0);
	assert_int_equal(dp->control->answers, 1);
	expect_tables(dp, img[1]);
	assert_int_equal(dp->control->answers, 0);
	image_free(img[0]);
	image_free(img[1]);
	dp_close(dp);
}

/* Addresses in one chain of probes: one that goes must not hide the next, and its slot is used again. */
static void table_addr_del__middle_of_a_chain__others_still_found(void **state)
{
	struct dp *dp = open_dp();
	__be32 chain[9];
	uint32_t home = xlb_addr_hash4(dp->meta.secrets, 1);
	size_t nr = 0;

	(void)state;
	for (uint32_t addr = 1; nr < 9; addr++)
		if (xlb_addr_hash4(dp->meta.secrets, addr) == home)
			chain[nr++] = addr;
	for (size_t i = 0; i < 9; i++) {
		struct xlb_addr rec = { .addr = { chain[i] }, .family = 4, .pool_lo = 10, .pool_hi = 20 };

		assert_true(!table_addr_put(dp->addrs, dp->meta.secrets, &rec) == (i >= 8));
	}
	table_addr_del(table_addr_find(dp->addrs, dp->meta.secrets, (__be32[4]){ chain[3] }, 4));
	assert_true(lookup_addr(dp, chain[3])->pool_lo > lookup_addr(dp, chain[3])->pool_hi);
	assert_int_equal(lookup_addr(dp, chain[7])->pool_hi, 20);
	assert_non_null(
		table_addr_put(dp->addrs, dp->meta.secrets,
			       &(struct xlb_addr){ .addr = { chain[8] }, .family = 4, .pool_lo = 1, .pool_hi = 9 }));
	assert_null(lookup_addr(dp, chain[3]));
	assert_int_equal(lookup_addr(dp, chain[8])->pool_hi, 9);
	dp_close(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dp_apply__image_after_image__tables_are_the_image),
		CASE(dp_apply__then_reopened__same_image_and_numbers),
		CASE(dp_apply__ring_changes__never_in_the_place_it_leaves),
		CASE(dp_apply__cut_short_at_every_step__nothing_dangles),
		CASE(ring_place__just_released__rests),
		CASE(dp_apply__rings_too_large__nothing_written),
		CASE(dp_apply__addresses_that_collide__nothing_written),
		CASE(dp_apply__number_means_another_server__counters_from_zero),
		CASE(dp_read_reasons__all_cpus__summed),
		CASE(table_vip_put__as_many_binds_as_allowed__all_found),
		CASE(table_vip_put__both_buckets_full__one_bind_moves),
		CASE(dp_apply__addresses__those_with_most_users_hot),
		CASE(dp_apply__address_of_a_server__answers_expected_while_it_is_there),
		CASE(table_addr_del__middle_of_a_chain__others_still_found),
	};
	int failed;

	if (!scene_enter()) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	light_programs();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_leave();
	return failed;
}
