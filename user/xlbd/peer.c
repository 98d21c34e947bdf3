/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads SO_PEERCRED and SO_PEERGROUPS: of the moment of connect(), so that a process cannot change its mind later. */
#include "xlbd/peer.h"

#include <errno.h>
#include <sys/socket.h>

int peer_of(int fd, struct peer *ret)
{
	struct peer peer = { .nr_groups = 1 };
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	peer.uid = cred.uid;
	peer.groups[0] = cred.gid;
	len = sizeof(peer.groups) - sizeof(peer.groups[0]);
	/* A peer in more groups than there is room for is judged by its primary one. */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups + 1, &len))
		peer.nr_groups += len / sizeof(peer.groups[0]);
	*ret = peer;
	return 0;
}

enum access_level peer_level(const struct peer *peer, uid_t daemon, gid_t group, enum access_level group_level)
{
	if (!peer->uid || peer->uid == daemon)
		return ACCESS_ADMIN;
	for (unsigned int i = 0; i < peer->nr_groups; i++)
		if (peer->groups[i] == group)
			return group_level;
	return ACCESS_USER;
}
