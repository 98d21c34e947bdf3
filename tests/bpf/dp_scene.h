/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of user/dataplane share: a mount and network namespace of their own with a BPF filesystem in it, so
 * that nothing is left behind however a test ends.
 */
#ifndef TESTS_DP_SCENE_H
#define TESTS_DP_SCENE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp.h"

static char scene_dir[] = "/tmp/xlb-dp-XXXXXX";
static struct paths scene_paths;
static struct diag_list scene_diags;

/* Runs a command; the test fails if it does. */
static inline void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* Leaves the machine's namespaces. Returns false where this is not allowed. */
static inline bool scene_enter(void)
{
	if (geteuid() || unshare(CLONE_NEWNS | CLONE_NEWNET) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	if (!mkdtemp(scene_dir) || mount("tmpfs", scene_dir, "tmpfs", 0, NULL) || chdir(scene_dir))
		return false;
	return !mkdir("bpf", 0755) && !mkdir("state", 0755) && !mkdir("run", 0755) && !mkdir("plain", 0755);
}

static inline void scene_leave(void)
{
	(void)!chdir("/");
	umount2(scene_dir, MNT_DETACH);
	rmdir(scene_dir);
}

/* A fresh BPF filesystem, one veth pair: va with native XDP, vb its peer. */
static inline int scene_setup(void **state)
{
	char bpffs[64], dir[64];

	(void)state;
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", scene_dir);
	snprintf(dir, sizeof(dir), "%s/state", scene_dir);
	assert_int_equal(mount("bpf", "bpf", "bpf", 0, NULL), 0);
	assert_int_equal(paths_init("test", dir, bpffs, dir, &scene_paths), 0);
	snprintf(scene_paths.state_dir, sizeof(scene_paths.state_dir), "%s", dir);
	run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
	diag_init(&scene_diags);
	return 0;
}

static inline int scene_teardown(void **state)
{
	(void)state;
	diag_fini(&scene_diags);
	(void)!system("ip link del va 2>/dev/null");
	umount2("bpf", MNT_DETACH);
	return 0;
}

static inline struct dp *open_dp(void)
{
	const struct dp_options opt = { .flows = 1024 };
	struct dp *dp = NULL;
	int err = dp_open(&scene_paths, &opt, &scene_diags, &dp);

	if (err)
		diag_print(&scene_diags, stderr, false);
	assert_int_equal(err, 0);
	return dp;
}

static inline void expect_open_fails(int expected)
{
	const struct dp_options opt = { .flows = 1024 };
	struct dp *dp = NULL;
	int err = dp_open(&scene_paths, &opt, &scene_diags, &dp);

	assert_int_equal(err, expected);
	assert_null(dp);
	assert_true(scene_diags.nr[DIAG_ERROR] > 0);
}

/* Does any message contain the text? */
static inline bool was_said(const char *text)
{
	const struct diag *d;

	TAILQ_FOREACH(d, &scene_diags.head, next)
		if (strstr(d->text, text) || (d->hint && strstr(d->hint, text)))
			return true;
	return false;
}

static inline int open_pin(const char *name)
{
	char path[PATHS_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scene_paths.pin_dir, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static inline bool pin_exists(const char *name)
{
	char path[PATHS_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", scene_paths.pin_dir, name);
	return !access(path, F_OK);
}

static inline void remove_pin(const char *name)
{
	char path[PATHS_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", scene_paths.pin_dir, name);
	assert_int_equal(unlink(path), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

#endif
