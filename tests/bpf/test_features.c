/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel at hand is found to lack: nothing that the program needs; what no kernel has; and all sorts of maps,
 * where a filter of system calls plays a kernel that has none. Made-up kernels are in tests/unit/test_features.c.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "dataplane/features.h"
#include "dp_scene.h"

static void features_missing__everything_xlb_may_use__there(void **state)
{
	struct features_needs needs = { .helper = { [BPF_FUNC_map_lookup_elem] = true,
						    [BPF_FUNC_jiffies64] = true,
						    [BPF_FUNC_fib_lookup] = true,
						    [BPF_FUNC_redirect_map] = true },
					.map_type = { [BPF_MAP_TYPE_ARRAY] = true, [BPF_MAP_TYPE_DEVMAP] = true } };
	struct buf missing = { 0 };

	(void)state;
	memset(needs.feature, true, sizeof(needs.feature));
	if (features_missing(&needs, &missing))
		fail_msg("missing: %s", missing.data);
}

static void features_missing__helper_of_no_kernel__named(void **state)
{
	struct features_needs needs = { .helper = { [BPF_FUNC_map_lookup_elem] = true,
						    [FEATURES_MAX_HELPERS - 1] = true } };
	struct buf missing = { 0 };

	(void)state;
	assert_int_equal(features_missing(&needs, &missing), 1);
	assert_string_equal(missing.data, "helper 511");
	buf_fini(&missing);
}

/* From now on this process cannot create maps, as if the kernel did not know any type. */
static void forbid_maps(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_MAP_CREATE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		_exit(99);
}

/* One error, which names what is missing and no log file. */
static void dp_open__kernel_without_maps__one_sentence(void **state)
{
	const struct dp_options opt = { .flows = 1024 };
	struct dp *dp = NULL;
	int status = -1;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		forbid_maps();
		if (dp_open(&scene_paths, &opt, &scene_diags, &dp) != -EINVAL)
			_exit(1);
		if (scene_diags.nr[DIAG_ERROR] != 1)
			_exit(2);
		_exit(was_said("lacks what the XDP program needs") && was_said("maps of type array") &&
				      !was_said(".log") ?
			      0 :
			      3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_missing__everything_xlb_may_use__there),
		cmocka_unit_test(features_missing__helper_of_no_kernel__named),
		cmocka_unit_test_setup_teardown(dp_open__kernel_without_maps__one_sentence, scene_setup,
						scene_teardown),
	};
	int failed;

	if (!scene_enter()) {
		puts("skip: needs root");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_leave();
	return failed;
}
