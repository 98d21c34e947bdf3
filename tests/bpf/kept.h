/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program loaded once and used by one case after the other. See kept.c. */
#ifndef TESTS_KEPT_H
#define TESTS_KEPT_H

#include <stdint.h>

struct xlb_bpf;

/*
 * Loads 'opened', whose settings are made, or takes one with the same settings that an earlier case has used: its maps
 * are then as a load leaves them, and 'opened' is destroyed. The caller must not destroy what is returned. Fails the
 * test, never returns NULL.
 */
struct xlb_bpf *kept_load(struct xlb_bpf *opened);

/* To be called when a case has put an inner map into a map of maps: it is taken out again before the next case. */
void kept_note_inner(int map_fd, uint32_t key);

#endif
