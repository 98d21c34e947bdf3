/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is logged when servers and backends change, word for word as HAProxy writes it: scripts read these lines. */
#ifndef XLBD_ANNOUNCE_H
#define XLBD_ANNOUNCE_H

#include "base/buf.h"
#include "model/model.h"

/* What a server was a moment ago. */
struct announce_before {
	bool up, is_nolb;
	unsigned int admin;
};

/* What it is now, for the next time. */
struct announce_before announce_now(const struct server *s);

/* Why its health changed. */
enum announce_why { ANNOUNCE_COMMAND, ANNOUNCE_CHECK, ANNOUNCE_AGENT };

/*
 * Appends the lines that lead from 'before' to the present state of 's', one per change, each ended by a newline and
 * begun by the syslog level as a digit and a blank. A result of a check or an agent is told with the change; a server
 * that tracks another names that. 'active' is the number of flows on the server.
 */
void announce_server(const struct server *s, const struct announce_before *before, enum announce_why why,
		     unsigned int active, struct buf *out);

/*
 * With 'option log-health-checks': appends a line in the same form for a result of a check, or of an agent
 * (ANNOUNCE_AGENT), that has another code than the one before, 'code', or has changed health, which was 'health'.
 */
void announce_result(const struct server *s, enum announce_why why, enum check_code code, int health, struct buf *out);

#endif
