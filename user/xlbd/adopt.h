/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a new daemon believes of servers whose traffic it finds under way. */
#ifndef XLBD_ADOPT_H
#define XLBD_ADOPT_H

#include "model/image.h"
#include "model/model.h"

/*
 * Brings the health of the checked servers of 'm' in line with the rings of the adopted image: one that takes new flows
 * is up, one that does not, though nobody drained it, is down. The rings are what the last daemon decided at its last
 * breath; the state file may be half a second older. Pure; 'image' may be NULL.
 */
void adopt_health(struct model *m, const struct image *image);

#endif
