/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The data plane of the daemon around a program of two instructions. See light.c. */
#ifndef TESTS_LIGHT_H
#define TESTS_LIGHT_H

/*
 * From here on every load of the data plane puts a program that only passes in the place of the real one; maps, pins,
 * links and settings stay what they are. For tests of user/dataplane that send no packets.
 */
void light_programs(void);

#endif
