/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the program at the other end of a Unix socket may do, by the credentials that the kernel vouches for. */
#ifndef XLBD_PEER_H
#define XLBD_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "model/model.h"

enum { PEER_MAX_GROUPS = 64 };

struct peer {
	uid_t uid;
	gid_t groups[PEER_MAX_GROUPS]; /* the primary one first; those beyond are not looked at */
	unsigned int nr_groups;
};

/* Who connected. 0 or -errno. */
int peer_of(int fd, struct peer *ret);

/*
 * root and the daemon's own user may do everything, members of 'group' what 'group_level' says, anybody else, whom only
 * a mode or an access list of the socket's file can have let in, may look.
 */
enum access_level peer_level(const struct peer *peer, uid_t daemon, gid_t group, enum access_level group_level);

#endif
