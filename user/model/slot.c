/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Marks of slots; see slot.h. */
#include "model/slot.h"

struct slot slot_change(struct slot s, uint16_t server)
{
	if (slot_server(s) == server)
		return s;
	/* Flows since the mark are recorded, those from before it belong to 'previous': it must stay the same one. */
	if (!slot_is_young(s))
		s.previous = slot_server(s);
	s.word = server | XLB_SLOT_YOUNG;
	return s;
}

struct slot slot_unknown(uint16_t server, uint16_t previous)
{
	return (struct slot){ .word = server | XLB_SLOT_YOUNG, .previous = previous };
}

struct slot slot_age(struct slot s)
{
	if (slot_is_young(s))
		s.word = slot_server(s) | XLB_SLOT_OLD;
	return s;
}

struct slot slot_settle(struct slot s)
{
	if (slot_is_old(s))
		s = (struct slot){ .word = slot_server(s) };
	return s;
}
