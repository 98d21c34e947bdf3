/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maglev tables: shares, disruption, order, time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "model/maglev.h"
#include "model/model.h"

/* 'nr' servers s1, s2, ... of one weight; numbers 1, 2, ... */
static struct maglev_server *servers_new(size_t nr, unsigned int weight)
{
	struct maglev_server *list = calloc(nr + 1, sizeof(*list));
	char name[32];

	assert_non_null(list);
	for (size_t i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "s%zu", i + 1);
		list[i] = (struct maglev_server){ .identity = model_identity("server", "b", name),
						  .weight = weight,
						  .id = (uint16_t)(i + 1) };
	}
	return list;
}

static uint16_t *build(const struct maglev_server *servers, size_t nr, uint32_t len)
{
	uint16_t *table = calloc(len, sizeof(*table));

	assert_non_null(table);
	assert_int_equal(maglev_build(servers, nr, table, len), 0);
	return table;
}

static size_t share(const uint16_t *table, uint32_t len, uint16_t id)
{
	size_t nr = 0;

	for (uint32_t i = 0; i < len; i++)
		nr += table[i] == id;
	return nr;
}

static bool is_prime(uint32_t n)
{
	for (uint32_t d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n > 1;
}

static void maglev_len_for__any_number__prime_with_room(void **state)
{
	(void)state;
	for (size_t nr = 1; nr <= 4096; nr += nr < 64 ? 1 : 61) {
		uint32_t len = maglev_len_for(nr);

		assert_true(is_prime(len));
		assert_true(len >= (nr > 2048 ? 125 : 200) * nr);
		assert_true(maglev_len_is_good(len, 2 * nr));
		assert_false(maglev_len_is_good(0, nr));
	}
	assert_false(maglev_len_is_good(1021, 50));
	assert_true(is_prime(maglev_len_for(8191))); /* as long as they get: better than none */
	assert_true(maglev_len_is_good(maglev_len_for(8191), 8191));
}

/* Each server has its turn before any has its next: shares differ by one slot. */
static void maglev_build__equal_weights__shares_differ_by_one(void **state)
{
	static const size_t numbers[] = { 1, 2, 3, 10, 100, 1000 };

	(void)state;
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		size_t nr = numbers[n];
		uint32_t len = maglev_len_for(nr);
		struct maglev_server *servers = servers_new(nr, 7);
		uint16_t *table = build(servers, nr, len);

		for (size_t i = 1; i <= nr; i++)
			assert_in_range(share(table, len, (uint16_t)i), len / nr, len / nr + 1);
		free(table);
		free(servers);
	}
}

static void maglev_build__weights__shares_in_proportion(void **state)
{
	static const unsigned int weights[] = { 1, 2, 3, 0, 64, 256 };
	struct maglev_server *servers = servers_new(6, 1);
	uint32_t len = 16381;
	uint16_t *table;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		servers[i].weight = weights[i];
	table = build(servers, 6, len);
	for (size_t i = 0; i < 6; i++) {
		double exact = (double)len * weights[i] / 326;

		assert_true((double)share(table, len, (uint16_t)(i + 1)) > exact - 2);
		assert_true((double)share(table, len, (uint16_t)(i + 1)) < exact + 2);
	}
	free(table);
	free(servers);
}

static void maglev_build__other_order_or_numbers__same_table(void **state)
{
	enum { NR = 50 };
	struct maglev_server *servers = servers_new(NR, 3), *mixed = calloc(NR, sizeof(*mixed));
	uint32_t len = maglev_len_for(NR);
	uint16_t *table, *other;

	(void)state;
	for (size_t i = 0; i < NR; i++) {
		servers[i].weight = 1 + (unsigned int)i % 5;
		mixed[i * 17 % NR] = servers[i];
		mixed[i * 17 % NR].id = (uint16_t)(1000 + servers[i].id); /* another node gave other numbers */
	}
	table = build(servers, NR, len);
	other = build(mixed, NR, len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(other[i], table[i] + 1000);
	free(other);
	free(table);
	free(mixed);
	free(servers);
}

/* One of 'nr' leaves: its own slots move, and of the others' at most two per cent. */
static void maglev_build__one_leaves__few_others_move(void **state)
{
	static const size_t numbers[] = { 3, 10, 100, 1000 };

	(void)state;
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		size_t nr = numbers[n], moved = 0;
		uint32_t len = maglev_len_for(nr);
		struct maglev_server *servers = servers_new(nr, 1);
		uint16_t *before = build(servers, nr, len), *after;

		servers[nr / 2].weight = 0;
		after = build(servers, nr, len);
		for (uint32_t i = 0; i < len; i++)
			moved += before[i] != after[i] && before[i] != servers[nr / 2].id;
		assert_true(moved * 50 < len);
		assert_int_equal(share(after, len, servers[nr / 2].id), 0);
		free(after);
		free(before);
		free(servers);
	}
}

static uint64_t splitmix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* A table as the paper fills it, for servers of one weight that are sorted by identity: every slot is tried. */
static uint16_t *build_plainly(const struct maglev_server *servers, size_t nr, uint32_t len)
{
	uint16_t *table = calloc(len, sizeof(*table));
	uint64_t *tries = calloc(nr, sizeof(*tries));

	assert_non_null(table);
	assert_non_null(tries);
	for (uint32_t left = len; left;) {
		for (size_t i = 0; i < nr && left; i++, left--) {
			uint64_t id = servers[i].identity, at, first = splitmix(id) % len,
				 skip = splitmix(id + 0x9e3779b97f4a7c15u) % (len - 1) + 1;

			do
				at = (first + tries[i]++ * skip) % len;
			while (table[at]);
			table[at] = servers[i].id;
		}
	}
	free(tries);
	return table;
}

static int by_identity(const void *a, const void *b)
{
	const struct maglev_server *x = a, *y = b;

	return x->identity < y->identity ? -1 : x->identity > y->identity;
}

/* The last slots are found another way: nodes of different versions must agree all the same. */
static void maglev_build__any_number__the_table_of_the_paper(void **state)
{
	static const size_t numbers[] = { 1, 2, 3, 7, 64, 300, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t nr = numbers[i];
		struct maglev_server *servers = servers_new(nr, 3);
		uint32_t len = maglev_len_for(nr);
		uint16_t *table, *plain;

		qsort(servers, nr, sizeof(*servers), by_identity);
		table = build(servers, nr, len);
		plain = build_plainly(servers, nr, len);
		assert_memory_equal(table, plain, len * sizeof(*table));
		free(plain);
		free(table);
		free(servers);
	}
}

static void maglev_build__nobody__zeros(void **state)
{
	uint16_t table[1021], other[1000] = { 5 };

	(void)state;
	memset(table, 0xff, sizeof(table));
	assert_int_equal(maglev_build(NULL, 0, table, 1021), 0);
	assert_int_equal(share(table, 1021, 0), 1021);
	assert_int_equal(maglev_build(NULL, 0, other, 1000), -EINVAL);
	assert_int_equal(other[0], 5);
}

/* The bound is 50 ms on an idle machine; tests run on busy ones. */
static void maglev_build__thousand_servers__in_time(void **state)
{
	struct maglev_server *servers = servers_new(1000, 1);
	uint32_t len = maglev_len_for(1000);
	struct timespec t0, t1;
	double best = 1e9;

	(void)state;
	for (int i = 0; i < 5; i++) {
		double ms;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
		free(build(servers, 1000, len));
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
		ms = (double)(t1.tv_sec - t0.tv_sec) * 1e3 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e6;
		best = ms < best ? ms : best;
	}
	print_message("# 1000 servers, %u slots: %.1f ms\n", len, best);
	assert_true(best < 50 * 4); /* four times: built with sanitizers too */
	free(servers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maglev_len_for__any_number__prime_with_room),
		cmocka_unit_test(maglev_build__equal_weights__shares_differ_by_one),
		cmocka_unit_test(maglev_build__weights__shares_in_proportion),
		cmocka_unit_test(maglev_build__other_order_or_numbers__same_table),
		cmocka_unit_test(maglev_build__one_leaves__few_others_move),
		cmocka_unit_test(maglev_build__any_number__the_table_of_the_paper),
		cmocka_unit_test(maglev_build__nobody__zeros),
		cmocka_unit_test(maglev_build__thousand_servers__in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
