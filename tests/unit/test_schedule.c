/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The round robin table: the order known from others' writing, and agreement with the plain algorithm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/schedule.h"

/* The algorithm in its plain form: every server gains its weight, the richest pays the total. */
static size_t plain_order(const unsigned int *weights, size_t nr, uint16_t *ring, size_t len)
{
	long credit[64] = { 0 }, total = 0;

	for (size_t i = 0; i < nr; i++)
		total += weights[i];
	for (size_t turn = 0; turn < len; turn++) {
		size_t best = nr;

		for (size_t i = 0; i < nr; i++) {
			credit[i] += weights[i];
			if (weights[i] && (best == nr || credit[i] > credit[best]))
				best = i;
		}
		credit[best] -= total;
		ring[turn] = (uint16_t)(100 + best);
	}
	return len;
}

static void schedule_length__sum_over_common_divisor(void **state)
{
	(void)state;
	assert_int_equal(schedule_length((const unsigned int[]){ 1, 1 }, 2), 2);
	assert_int_equal(schedule_length((const unsigned int[]){ 100, 50 }, 2), 3);
	assert_int_equal(schedule_length((const unsigned int[]){ 256, 255 }, 2), 511);
	assert_int_equal(schedule_length((const unsigned int[]){ 0, 7, 0 }, 3), 1);
	assert_int_equal(schedule_length((const unsigned int[]){ 0, 0 }, 2), 0);
	assert_int_equal(schedule_length(NULL, 0), 0);
}

static void schedule_build__equal_weights__strict_turns(void **state)
{
	const unsigned int w[] = { 10, 10, 10 };
	const uint16_t ids[] = { 7, 5, 9 };
	uint16_t ring[3];

	(void)state;
	assert_int_equal(schedule_build(w, ids, 3, ring, 3), 3);
	assert_memory_equal(ring, ids, sizeof(ring));
}

static void schedule_build__five_one_one__smooth(void **state)
{
	const unsigned int w[] = { 5, 1, 1 };
	const uint16_t ids[] = { 1, 2, 3 };
	const uint16_t expect[] = { 1, 1, 2, 1, 3, 1, 1 };
	uint16_t ring[7];

	(void)state;
	assert_int_equal(schedule_build(w, ids, 3, ring, 7), 7);
	assert_memory_equal(ring, expect, sizeof(expect));
}

static void schedule_build__weight_zero__takes_no_part(void **state)
{
	const unsigned int w[] = { 0, 4, 0, 2 };
	const uint16_t ids[] = { 1, 2, 3, 4 };
	const uint16_t expect[] = { 2, 4, 2 };
	uint16_t ring[8];

	(void)state;
	assert_int_equal(schedule_build(w, ids, 4, ring, 8), 3);
	assert_memory_equal(ring, expect, sizeof(expect));
	assert_int_equal(schedule_build((const unsigned int[]){ 0, 0 }, ids, 2, ring, 8), 0);
}

static void schedule_build__no_room__refused(void **state)
{
	const unsigned int w[] = { 3, 2 };
	const uint16_t ids[] = { 1, 2 };
	uint16_t ring[5];

	(void)state;
	assert_int_equal(schedule_build(w, ids, 2, ring, 4), -ENOSPC);
	assert_int_equal(schedule_build(w, ids, 2, ring, 5), 5);
}

static void schedule_build__random_weights__same_as_plain_algorithm(void **state)
{
	static uint16_t ring[64 * 256], expect[64 * 256];
	unsigned int w[64];
	uint16_t ids[64];

	(void)state;
	srand(1);
	for (int round = 0; round < 200; round++) {
		size_t nr = 1 + (size_t)rand() % 64;
		unsigned int top = round % 3 ? 5 : 257; /* few distinct weights, many ties; then many */
		size_t len;

		for (size_t i = 0; i < nr; i++) {
			w[i] = (unsigned int)rand() % top;
			ids[i] = (uint16_t)(100 + i);
		}
		len = schedule_length(w, nr);
		assert_int_equal(schedule_build(w, ids, nr, ring, sizeof(ring) / sizeof(ring[0])), len);
		plain_order(w, nr, expect, len);
		assert_memory_equal(ring, expect, len * sizeof(ring[0]));
	}
}

static void schedule_build__thousands_of_servers__each_its_share(void **state)
{
	enum { NR = 4096 };
	unsigned int *w = calloc(NR, sizeof(*w)), *seen = calloc(NR, sizeof(*seen));
	uint16_t *ids = calloc(NR, sizeof(*ids)), *ring;
	size_t len;

	(void)state;
	for (size_t i = 0; i < NR; i++) {
		w[i] = 1 + (unsigned int)(i * 7 % 256);
		ids[i] = (uint16_t)i;
	}
	len = schedule_length(w, NR);
	ring = calloc(len, sizeof(*ring));
	assert_int_equal(schedule_build(w, ids, NR, ring, len), len);
	for (size_t i = 0; i < len; i++)
		seen[ring[i]]++;
	assert_memory_equal(seen, w, NR * sizeof(*w));
	free(ring);
	free(ids);
	free(seen);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedule_length__sum_over_common_divisor),
		cmocka_unit_test(schedule_build__equal_weights__strict_turns),
		cmocka_unit_test(schedule_build__five_one_one__smooth),
		cmocka_unit_test(schedule_build__weight_zero__takes_no_part),
		cmocka_unit_test(schedule_build__no_room__refused),
		cmocka_unit_test(schedule_build__random_weights__same_as_plain_algorithm),
		cmocka_unit_test(schedule_build__thousands_of_servers__each_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
