/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A slot of a stateless backend's table, and how it changes so that no flow does: the protocol of struct xlb_ring
 * (xlb/backend.h) as functions. Pure; dataplane/marks.c stores what they return, 'previous' before 'word'.
 */
#ifndef MODEL_SLOT_H
#define MODEL_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include <xlb/backend.h>

struct slot {
	uint16_t word;	   /* of xlb_tables.ring: server and mark */
	uint16_t previous; /* of xlb_tables.marks: the server before the mark; means nothing without XLB_SLOT_YOUNG */
};

static inline uint16_t slot_server(struct slot s)
{
	return s.word & XLB_SLOT_SERVER;
}

static inline bool slot_is_young(struct slot s)
{
	return s.word & XLB_SLOT_YOUNG;
}

static inline bool slot_is_old(struct slot s)
{
	return s.word & XLB_SLOT_OLD;
}

/* The slot with another server. The same server: the same slot. */
struct slot slot_change(struct slot s, uint16_t server);

/* A slot of which flows may exist that nobody has recorded, at 'previous': young, whatever its server is. */
struct slot slot_unknown(uint16_t server, uint16_t previous);

/* Every flow from before the mark has been recorded or is dead: a young slot is old now, others stay. */
struct slot slot_age(struct slot s);

/* No recorded flow has another server: an old slot loses its mark, others stay. */
struct slot slot_settle(struct slot s);

#endif
