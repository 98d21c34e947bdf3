/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Steps of a sequence and what went wrong with one, for people. Lines begin with '#', so that TAP passes over them. */
#ifndef TESTS_MODEL_SHOW_H
#define TESTS_MODEL_SHOW_H

#include "world.h"

const char *show_reason(enum xlb_reason reason);
const char *show_verdict(int verdict);
void show_frame(const char *label, const struct frame *f);
void show_step(unsigned int nr, const struct step *s);
void show_flow(const char *label, const struct m_entry *e, const struct m_flow *f);

void show_service(const struct m_config *c, unsigned int service);

#endif
