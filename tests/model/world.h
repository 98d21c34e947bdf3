/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random configurations, random changes of them, and random packets that fit to them: what a sequence is made from.
 */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include "model.h"

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
/* 0 to n - 1. */
uint32_t rnd(struct rng *r, uint32_t n);
/* True once in 'n' times. */
bool one_in(struct rng *r, uint32_t n);

enum event_kind {
	EVENT_SERVER,  /* health, next hop, limits of a server */
	EVENT_SERVICE, /* switches and limits of a frontend */
	EVENT_RING,    /* a new table of a backend that keeps flows */
	EVENT_SLOT,    /* a slot of a stateless backend changes its server, or its mark grows old, or goes */
	EVENT_EPOCH,   /* next hops changed */
	EVENT_TIME,    /* time passes */
	EVENT_ANSWERS, /* tokens for answers */
	EVENT_RATE,    /* tokens for new flows */
	NR_EVENTS
};

/* One step of a sequence: a packet, or a change, which follows from its seed and the state it finds. */
struct step {
	bool is_packet;
	uint8_t event; /* enum event_kind */
	uint64_t seed;
	struct frame frame;
};

/* The configuration that a seed stands for. */
void world_make(struct m_config *c, uint64_t seed);

/* What an event does to the configuration and what the model holds beside; ticks to pass by *ret_ticks. */
void world_event(struct model *m, const struct step *s, uint32_t *ret_ticks);

/* Writes the next packet of a sequence, with an eye on the flows that there are. */
struct gen {
	struct rng r;
	struct frame pending[8]; /* later fragments that wait for their turn */
	unsigned int nr_pending;
};

void gen_packet(struct gen *g, const struct model *m, struct frame *f);

#endif
