/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks of slots: the rules one by one, and then a slot with flows through random changes, played as the program and
 * the daemon do: no flow of a living server may ever meet another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/slot.h"

static void expect(struct slot s, uint16_t server, uint16_t mark, uint16_t previous)
{
	assert_int_equal(slot_server(s), server);
	assert_int_equal(s.word & XLB_SLOT_MARK, mark);
	assert_int_equal(s.previous, previous);
}

static void slot_change__unmarked__young_with_the_one_it_leaves(void **state)
{
	struct slot s = { .word = 5 };

	(void)state;
	expect(slot_change(s, 5), 5, 0, 0);
	expect(slot_change(s, 9), 9, XLB_SLOT_YOUNG, 5);
	expect(slot_change(s, 0), 0, XLB_SLOT_YOUNG, 5);
	s.word = XLB_SLOT_SERVER;
	expect(slot_change(s, 1), 1, XLB_SLOT_YOUNG, XLB_SLOT_SERVER);
}

static void slot_change__young__previous_stays(void **state)
{
	struct slot s = slot_change((struct slot){ .word = 5 }, 9);

	(void)state;
	expect(slot_change(s, 7), 7, XLB_SLOT_YOUNG, 5);
	expect(slot_change(s, 9), 9, XLB_SLOT_YOUNG, 5);
	expect(slot_change(s, 5), 5, XLB_SLOT_YOUNG, 5); /* back again: flows to 9 are recorded, the mark must stay */
}

static void slot_change__old__young_with_the_one_it_leaves(void **state)
{
	struct slot s = slot_age(slot_change((struct slot){ .word = 5 }, 9));

	(void)state;
	expect(s, 9, XLB_SLOT_OLD, 5);
	expect(slot_change(s, 9), 9, XLB_SLOT_OLD, 5);
	expect(slot_change(s, 7), 7, XLB_SLOT_YOUNG, 9);
}

static void slot_age_and_settle__only_what_they_are_for(void **state)
{
	struct slot plain = { .word = 5 }, young = slot_change(plain, 9), old = slot_age(young);

	(void)state;
	expect(slot_age(plain), 5, 0, 0);
	expect(slot_age(old), 9, XLB_SLOT_OLD, 5);
	expect(slot_settle(young), 9, XLB_SLOT_YOUNG, 5);
	expect(slot_settle(old), 9, 0, 0);
	expect(slot_unknown(4, 6), 4, XLB_SLOT_YOUNG, 6);
}

/* --- a slot and its flows ----------------------------------------------------------------------------------------- */

enum { NR_FLOWS = 40, NR_SERVERS = 6, IDLE = 20, TURNS = 20000 };

struct flow {
	bool open;
	uint16_t server; /* that its connection is with */
	uint16_t record; /* what the flow table has, 0: nothing */
	int spoke;
};

/* Where the program sends a packet of the flow (xlb/backend.h), recording on the way. */
static uint16_t route(const struct slot s, struct flow *f, bool syn)
{
	uint16_t to = slot_server(s);

	if (!(s.word & XLB_SLOT_MARK))
		return to;
	if (f->record)
		return f->record;
	if (slot_is_young(s)) {
		to = syn ? to : s.previous;
		f->record = to;
	}
	return to;
}

/* What the daemon does when it has swept the flow table. */
static void sweep(struct slot *s, struct flow *flows, int now, int *since, bool *ret_settled)
{
	bool disagrees = false;

	for (int i = 0; i < NR_FLOWS; i++) {
		if (flows[i].open && now - flows[i].spoke > IDLE)
			flows[i].open = false;
		if (!flows[i].open)
			flows[i].record = 0;
		disagrees |= flows[i].record && flows[i].record != slot_server(*s);
	}
	if (slot_is_young(*s) && now - *since > IDLE)
		*s = slot_age(*s);
	else if (slot_is_old(*s) && !disagrees)
		*s = slot_settle(*s);
	*ret_settled |= !(s->word & XLB_SLOT_MARK);
}

static void slot__random_changes__no_flow_moves(void **state)
{
	struct flow flows[NR_FLOWS] = { 0 };
	struct slot s = { .word = 1 };
	unsigned int seed = 7;
	int since = 0, changes = 0, packets = 0;
	bool settled = false;

	(void)state;
	for (int now = 1; now <= TURNS; now++) {
		/* Busy times and quiet ones, in which marks can go. */
		if (rand_r(&seed) % (now / 1000 % 2 ? 300 : 10) == 0) {
			struct slot before = s;

			s = slot_change(s, (uint16_t)(1 + rand_r(&seed) % NR_SERVERS));
			if (slot_is_young(s) && !slot_is_young(before))
				since = now;
			changes += s.word != before.word;
		}
		for (int i = 0; i < NR_FLOWS; i++) {
			struct flow *f = &flows[i];
			int dice = rand_r(&seed) % 20;

			if (f->open && now - f->spoke > IDLE)
				*f = (struct flow){ 0 };
			if (!f->open && dice == 0) {
				*f = (struct flow){ .open = true, .spoke = now };
				f->server = route(s, f, true);
			} else if (f->open && dice == 1) {
				f->open = false;
			} else if (f->open && dice < 4) {
				assert_int_equal(route(s, f, false), f->server);
				f->spoke = now;
				packets++;
			}
		}
		if (now % 2 == 0)
			sweep(&s, flows, now, &since, &settled);
	}
	assert_true(changes > 500);
	assert_true(packets > 10000);
	assert_true(settled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_change__unmarked__young_with_the_one_it_leaves),
		cmocka_unit_test(slot_change__young__previous_stays),
		cmocka_unit_test(slot_change__old__young_with_the_one_it_leaves),
		cmocka_unit_test(slot_age_and_settle__only_what_they_are_for),
		cmocka_unit_test(slot__random_changes__no_flow_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
