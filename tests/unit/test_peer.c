/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Levels by credentials of the peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "xlbd/peer.h"

enum { DAEMON = 900, GROUP = 500 };

static void peer_level__who__may_what(void **state)
{
	static const struct {
		const char *who;
		struct peer peer;
		enum access_level group_level, expected;
	} cases[] = {
		{ "root", { 0, { 1000 }, 1 }, ACCESS_USER, ACCESS_ADMIN },
		{ "the daemon's user", { DAEMON, { 1000 }, 1 }, ACCESS_USER, ACCESS_ADMIN },
		{ "a member by its primary group", { 1000, { GROUP }, 1 }, ACCESS_ADMIN, ACCESS_ADMIN },
		{ "a member by another group", { 1000, { 1000, 4, GROUP }, 3 }, ACCESS_OPERATOR, ACCESS_OPERATOR },
		{ "somebody", { 1000, { 1000, 4, GROUP }, 2 }, ACCESS_ADMIN, ACCESS_USER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (peer_level(&cases[i].peer, DAEMON, GROUP, cases[i].group_level) != cases[i].expected)
			fail_msg("%s", cases[i].who);
}

static void peer_of__own_process__own_credentials(void **state)
{
	struct peer peer = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(peer_of(fds[0], &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.groups[0], getegid());
	close(fds[0]);
	close(fds[1]);
	assert_true(peer_of(fds[0], &peer) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peer_level__who__may_what),
		cmocka_unit_test(peer_of__own_process__own_credentials),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
