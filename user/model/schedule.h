/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Weighted round robin as a table: the smooth order, computed once. Pure. */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Number of ring entries that schedule_build() writes for these weights: their sum divided by their greatest common
 * divisor, so that each full turn is exact. Weights of 0 take no part. 0 if all are 0 or 'nr' is 0.
 */
size_t schedule_length(const unsigned int *weights, size_t nr);

/*
 * Writes the smooth weighted round robin order (the interleaving that nginx made known: each turn every server gains
 * its weight, the richest is taken and pays the total; ties go to the earliest) of servers ids[0..nr-1] into 'ring' of
 * 'cap' entries. Returns the length, or -ENOSPC if it does not fit, -ENOMEM; 'ring' is undefined then.
 */
int schedule_build(const unsigned int *weights, const uint16_t *ids, size_t nr, uint16_t *ring, size_t cap);

#endif
