/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A daemon killed at any moment of its start: the next one finds either nothing that counts or all of it, and packets
 * are never without a program in between. The kill comes by ptrace before a system call that changes something.
 */
#include <net/if.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "dp_scene.h"
#include "light.h"

/* Does the call change what others see: pins, links, maps, directories? */
static bool changes_something(const struct __ptrace_syscall_info *call)
{
	switch (call->entry.nr) {
	case SYS_bpf:
		return call->entry.args[0] == BPF_OBJ_PIN || call->entry.args[0] == BPF_LINK_CREATE ||
		       call->entry.args[0] == BPF_LINK_UPDATE || call->entry.args[0] == BPF_MAP_UPDATE_ELEM;
#ifdef SYS_mkdir
	case SYS_mkdir:
	case SYS_rename:
	case SYS_unlink:
#endif
	case SYS_mkdirat:
	case SYS_renameat2:
	case SYS_unlinkat:
		return true;
	default:
		return false;
	}
}

/* The child's work: the start of a daemon, and an interface. No assertions: they would run the tests' rest here. */
static void start_and_attach(void)
{
	const struct dp_options opt = { .flows = 1024 };
	struct dp *dp;
	size_t nr;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(2);
	raise(SIGSTOP);
	if (dp_open(&scene_paths, &opt, &scene_diags, &dp))
		_exit(3);
	(void)dp_ifs(dp, &nr);
	if (!nr && dp_attach(dp, "va", ATTACH_AUTO, &scene_diags))
		_exit(4);
	_exit(0);
}

/* Runs it until its call number 'at' that changes something, which is not made any more. False: it came to its end. */
static bool killed_before(int at)
{
	struct __ptrace_syscall_info call;
	int status, nr = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		start_and_attach();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)), 0);
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
		assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(call), &call) > 0);
		if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_something(&call) || nr++ < at)
			continue;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		return true;
	}
}

static uint32_t attached_program(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex("va"), 0, &id), 0);
	return id;
}

/* The next daemon: starts without complaint, and what runs is what is pinned. */
static void expect_good_start(void)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	struct dp *dp = open_dp();
	size_t nr;
	int fd;

	(void)dp_ifs(dp, &nr);
	assert_int_equal(nr, attached_program() ? 1 : 0);
	if (!nr)
		assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	fd = open_pin("prog");
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	assert_int_equal(info.id, attached_program());
	close(fd);
	dp_close(dp);
	assert_int_equal(scene_diags.nr[DIAG_ERROR], 0);
}

/* Most of its calls are the same pin of another map: every third will do. */
static void dp_open__first_start_killed_anywhere__next_one_succeeds(void **state)
{
	int at;

	for (at = 0; killed_before(at); at += 3) {
		expect_good_start();
		scene_teardown(state);
		scene_setup(state);
	}
	assert_in_range(at, 20, 60);
	expect_good_start();
}

static void dp_open__adoption_killed_anywhere__never_without_a_program(void **state)
{
	int at;

	(void)state;
	expect_good_start();
	for (at = 0; killed_before(at); at++) {
		assert_int_not_equal(attached_program(), 0);
		expect_good_start();
	}
	assert_in_range(at, 4, 40);
	assert_int_not_equal(attached_program(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dp_open__first_start_killed_anywhere__next_one_succeeds),
		CASE(dp_open__adoption_killed_anywhere__never_without_a_program),
	};
	int failed;

	if (!scene_enter()) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	light_programs();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_leave();
	return failed;
}
