/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is logged when servers and backends change, word for word as HAProxy writes it: scripts read these lines. */
#ifndef XLBD_ANNOUNCE_H
#define XLBD_ANNOUNCE_H

#include "base/buf.h"
#include "model/model.h"

/* What a server was a moment ago. */
struct announce_before {
	bool up;
	unsigned int admin;
};

/*
 * Appends the lines that lead from 'before' to the present state of 's', one per change, each ended by a newline and
 * begun by the syslog level as a digit and a blank. 'by_check': health changed by a check, whose result is told.
 * 'active' is the number of flows on the server.
 */
void announce_server(const struct server *s, const struct announce_before *before, bool by_check, unsigned int active,
		     struct buf *out);

#endif
