/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sockets of checks through the path of traffic, shared by all of them. For this folder. */
#ifndef HEALTH_VIA_H
#define HEALTH_VIA_H

struct via;

void via_free(struct via *v); /* NULL is fine */

#endif
