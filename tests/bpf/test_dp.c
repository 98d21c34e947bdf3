/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of the data plane: made, adopted, refused, attached to interfaces, taken off them. */
#include <signal.h>

#include <net/if.h>
#include <linux/if_link.h>

#include <xlb/abi.h>

#include "dp_scene.h"
#include "light.h"

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static uint32_t pinned_program(void)
{
	int fd = open_pin("prog");
	uint32_t id = program_id(fd);

	close(fd);
	return id;
}

static uint32_t attached_program(const char *ifname)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex(ifname), 0, &id), 0);
	return id;
}

/* Another daemon's work: made in a child that is killed without a chance to clean up. */
static void in_killed_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		fn();
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void dp_open__nothing_there__everything_pinned(void **state)
{
	static const char *const pins[] = { "prog",	 "xlb_tables",	    "xlb_flows",  "xlb_flows6",
					    "xlb_cpus",	 "xlb_policy_nets", "xlb_sticks", "xlb_frags",
					    "xlb_ports", "xlb_meta" };
	struct dp *dp = open_dp();
	struct dp_usage usage;
	struct image *img;
	struct stat st;

	(void)state;
	assert_false(dp_was_adopted(dp));
	assert_int_equal(dp_read_image(dp, &img), 0);
	assert_null(img);
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++)
		assert_true(pin_exists(pins[i]));
	assert_int_equal(stat(scene_paths.pin_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	dp_usage(dp, &usage);
	assert_in_range(usage.capacity, 1024 + 256, 1024 + 256 + 8);
	assert_int_equal(usage.slots, 107 * 32 + 64 * 16); /* 2048 entries in 60 % of the slots, 512 in half of them */
	assert_int_equal(usage.memory, 107 * 32 * 32 + 64 * 16 * 64);
	assert_int_equal(strlen(dp_object_id()), 16);
	dp_close(dp);
	assert_true(pin_exists("xlb_meta"));
}

static void dp_now_tick__time_passes__counts_on(void **state)
{
	struct dp *dp = open_dp();
	uint32_t first = dp_now_tick(dp);
	int tries;

	(void)state;
	assert_true(dp_hz(dp) >= 100 && dp_hz(dp) <= 1200);
	assert_true(1u << dp_tick_shift(dp) <= dp_hz(dp) && 2u << dp_tick_shift(dp) > dp_hz(dp));
	for (tries = 0; tries < 300 && dp_now_tick(dp) == first; tries++)
		usleep(100000);
	assert_true(tries < 300);
	assert_true(dp_now_tick(dp) - first < 300);
	dp_close(dp);
}

static void make_and_attach(void)
{
	const struct dp_options opt = { .flows = 1024 };
	struct dp *dp;

	/* No assertions here: they would run the rest of the tests in the child. */
	if (dp_open(&scene_paths, &opt, &scene_diags, &dp) || dp_attach(dp, "va", ATTACH_AUTO, &scene_diags))
		_exit(1);
}

static void dp_open__after_a_kill__adopts_and_swaps_the_program(void **state)
{
	const struct dp_if *ifs;
	uint32_t before;
	struct dp *dp;
	size_t nr;

	(void)state;
	in_killed_child(make_and_attach);
	before = attached_program("va");
	assert_int_not_equal(before, 0);
	assert_int_equal(before, pinned_program());

	dp = open_dp();
	assert_true(dp_was_adopted(dp));
	ifs = dp_ifs(dp, &nr);
	assert_int_equal(nr, 1);
	assert_string_equal(ifs[0].name, "va");
	assert_int_equal(ifs[0].mode, ATTACH_NATIVE);
	assert_int_equal(ifs[0].number, 1);
	assert_int_equal(dp_if_number(dp, if_nametoindex("va")), 1);
	assert_int_not_equal(attached_program("va"), before);
	assert_int_equal(attached_program("va"), pinned_program());
	dp_close(dp);
	assert_int_equal(attached_program("va"), pinned_program());
}

static void dp_open__foreign_directory__refused(void **state)
{
	struct dp *dp = open_dp();

	(void)state;
	dp_close(dp);
	assert_int_equal(chown(scene_paths.pin_dir, 12345, 0), 0);
	expect_open_fails(-EPERM);
	assert_true(was_said("belongs to user 12345"));
	assert_int_equal(chown(scene_paths.pin_dir, 0, 0), 0);
	assert_int_equal(chmod(scene_paths.pin_dir, 0770), 0);
	expect_open_fails(-EPERM);
	assert_true(was_said("mode 0770"));
	assert_int_equal(chmod(scene_paths.pin_dir, 0700), 0);
	assert_int_equal(chown("bpf/xlb", 12345, 0), 0);
	expect_open_fails(-EPERM);
	assert_int_equal(chown("bpf/xlb", 0, 0), 0);
	dp_close(open_dp());
}

static void dp_open__no_bpffs__names_the_mend(void **state)
{
	(void)state;
	snprintf(scene_paths.bpffs, sizeof(scene_paths.bpffs), "%s/plain", scene_dir);
	snprintf(scene_paths.pin_dir, sizeof(scene_paths.pin_dir), "%s/plain/xlb/test", scene_dir);
	expect_open_fails(-ENOENT);
	assert_true(was_said("mount -t bpf bpf"));
	assert_int_not_equal(access("plain/xlb", F_OK), 0);
}

static void dp_open__dot_in_the_instance_name__says_so(void **state)
{
	(void)state;
	snprintf(scene_paths.pin_dir, sizeof(scene_paths.pin_dir), "%s/bpf/xlb/a.b", scene_dir);
	expect_open_fails(-EINVAL);
	assert_true(was_said("instance name without '.'"));
}

static void dp_open__other_abi__refused_and_left_alone(void **state)
{
	struct xlb_meta meta;
	uint32_t key = 0, before;
	int fd;

	(void)state;
	in_killed_child(make_and_attach);
	before = attached_program("va");
	fd = open_pin("xlb_meta");
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &meta), 0);
	meta.abi_version = XLB_ABI_VERSION + 1;
	assert_int_equal(bpf_map_update_elem(fd, &key, &meta, 0), 0);
	expect_open_fails(-EINVAL);
	assert_true(was_said("version"));
	assert_int_equal(attached_program("va"), before);
	assert_int_equal(pinned_program(), before);
	meta.abi_version = XLB_ABI_VERSION;
	assert_int_equal(bpf_map_update_elem(fd, &key, &meta, 0), 0);
	close(fd);
	dp_close(open_dp());
}

static void dp_open__map_missing_or_of_other_size__refused(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	char path[PATHS_MAX + 64];
	int fd;

	(void)state;
	in_killed_child(make_and_attach);
	remove_pin("xlb_flows6");
	expect_open_fails(-EINVAL);
	assert_true(was_said("xlb_flows6"));

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xlb_flows6", 4, 64, 16, &opts);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/xlb_flows6", scene_paths.pin_dir);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	expect_open_fails(-EINVAL);
	assert_true(was_said("another type or size"));

	remove_pin("xlb_flows6");
	fd = open_pin("xlb_flows");
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	expect_open_fails(-EINVAL);
	assert_true(was_said("is not the map xlb_flows6"));
}

static void dp_open__start_that_did_not_finish__made_afresh(void **state)
{
	struct dp *dp;

	(void)state;
	dp_close(open_dp());
	remove_pin("xlb_meta");
	remove_pin("xlb_cpus");
	dp = open_dp();
	assert_false(dp_was_adopted(dp));
	assert_true(pin_exists("xlb_cpus"));
	assert_int_equal(dp_attach(dp, "va", ATTACH_NATIVE, &scene_diags), 0);
	dp_close(dp);
	remove_pin("xlb_meta");
	expect_open_fails(-EINVAL);
	assert_true(was_said("link-va"));
	assert_int_not_equal(attached_program("va"), 0);
}

static void dp_open__other_flow_count__warns_and_keeps_the_table(void **state)
{
	const struct dp_options opt = { .flows = 100000 };
	struct dp_usage usage;
	struct dp *dp;

	(void)state;
	in_killed_child(make_and_attach);
	assert_int_equal(dp_open(&scene_paths, &opt, &scene_diags, &dp), 0);
	assert_int_equal(scene_diags.nr[DIAG_WARNING], 1);
	dp_usage(dp, &usage);
	assert_in_range(usage.capacity, 1024 + 256, 1024 + 256 + 8);
	dp_close(dp);
}

static void dp_open__does_not_fit_and_not_attached__made_afresh(void **state)
{
	const struct dp_options opt = { .flows = 2048 };
	struct dp_usage usage;
	struct dp *dp;

	(void)state;
	dp = open_dp();
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	dp_close(dp);
	run("ip link del va");
	assert_int_equal(dp_open(&scene_paths, &opt, &scene_diags, &dp), 0);
	assert_false(dp_was_adopted(dp));
	dp_usage(dp, &usage);
	assert_in_range(usage.capacity, 2048 + 512, 2048 + 512 + 8);
	dp_close(dp);
	assert_false(pin_exists("link-va"));
	remove_pin("xlb_flows6");
	dp = open_dp();
	assert_false(dp_was_adopted(dp));
	assert_true(pin_exists("xlb_flows6"));
	dp_close(dp);
	dp = open_dp();
	assert_true(dp_was_adopted(dp));
	dp_close(dp);
	assert_int_equal(scene_diags.nr[DIAG_NOTE], 2);
	assert_int_equal(scene_diags.nr[DIAG_WARNING] + scene_diags.nr[DIAG_ERROR], 0);
}

static void open_elsewhere(void)
{
	const struct dp_options opt = { .flows = 1024 };
	struct dp *dp;

	if (unshare(CLONE_NEWNET) || dp_open(&scene_paths, &opt, &scene_diags, &dp) != -EINVAL ||
	    !was_said("another network namespace"))
		_exit(1);
}

static void dp_open__other_network_namespace__refused(void **state)
{
	uint32_t before;

	(void)state;
	in_killed_child(make_and_attach);
	before = attached_program("va");
	in_killed_child(open_elsewhere);
	assert_int_equal(attached_program("va"), before);
	assert_int_equal(pinned_program(), before);
}

static void dp_open__too_many_flows__refused(void **state)
{
	const struct dp_options opt = { .flows = 2000000000 };
	struct dp *dp = NULL;

	(void)state;
	assert_int_equal(dp_open(&scene_paths, &opt, &scene_diags, &dp), -EINVAL);
	assert_null(dp);
	assert_true(was_said("#@xlb flows"));
	assert_false(pin_exists("xlb_meta"));
}

static void dp_attach__veth__native_and_off_again(void **state)
{
	struct dp *dp = open_dp();
	uint32_t key = 1, ifindex = 0;
	const struct dp_if *ifs;
	size_t nr;
	int fd;

	(void)state;
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	ifs = dp_ifs(dp, &nr);
	assert_int_equal(nr, 1);
	assert_int_equal(ifs[0].mode, ATTACH_NATIVE);
	assert_string_equal(ifs[0].why, "the driver supports native XDP");
	assert_int_equal(attached_program("va"), pinned_program());
	assert_true(pin_exists("link-va"));
	fd = open_pin("xlb_ports");
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &ifindex), 0);
	assert_int_equal(ifindex, if_nametoindex("va"));
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), -EEXIST);
	assert_int_equal(dp_attach(dp, "vb", ATTACH_GENERIC, &scene_diags), 0);
	assert_int_equal(dp_ifs(dp, &nr)[1].mode, ATTACH_GENERIC);
	assert_int_equal(dp_ifs(dp, &nr)[1].number, 2);

	assert_int_equal(dp_detach(dp, "va", &scene_diags), 0);
	assert_int_equal(attached_program("va"), 0);
	assert_false(pin_exists("link-va"));
	assert_int_not_equal(bpf_map_lookup_elem(fd, &key, &ifindex), 0);
	assert_int_equal(dp_if_number(dp, if_nametoindex("va")), 0);
	assert_int_equal(dp_if_number(dp, if_nametoindex("vb")), 2);
	assert_int_equal(dp_detach(dp, "va", &scene_diags), -ENOENT);
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	assert_int_equal(dp_if_number(dp, if_nametoindex("va")), 1);
	close(fd);
	dp_close(dp);
}

static void dp_attach__no_native_mode__generic_with_the_reason(void **state)
{
	struct dp *dp = open_dp();
	size_t nr;

	(void)state;
	assert_int_equal(dp_attach(dp, "lo", ATTACH_NATIVE, &scene_diags), -EOPNOTSUPP);
	assert_true(was_said("does not support XDP in native mode"));
	assert_true(was_said("--mode generic"));
	assert_int_equal(attached_program("lo"), 0);
	assert_int_equal(dp_attach(dp, "lo", ATTACH_AUTO, &scene_diags), 0);
	assert_int_equal(dp_ifs(dp, &nr)[0].mode, ATTACH_GENERIC);
	assert_non_null(strstr(dp_ifs(dp, &nr)[0].why, "native mode refused: Underlying driver"));
	dp_close(dp);
	dp = open_dp();
	assert_int_equal(dp_ifs(dp, &nr)[0].mode, ATTACH_GENERIC);
	assert_int_equal(dp_detach(dp, "lo", &scene_diags), 0);
	dp_close(dp);
}

static void dp_attach__other_program_there__busy_and_named(void **state)
{
	struct dp *dp = open_dp();
	int other = open_pin("prog");

	(void)state;
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("va"), other, XDP_FLAGS_DRV_MODE, NULL), 0);
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), -EBUSY);
	assert_true(was_said("'xlb_xdp', native mode"));
	assert_true(was_said("ip link set dev va xdp off"));
	assert_int_equal(dp_if_number(dp, if_nametoindex("va")), 0);
	assert_int_equal(dp_attach(dp, "nosuchif", ATTACH_AUTO, &scene_diags), -ENODEV);
	assert_int_equal(dp_attach(dp, "a-name-that-is-too-long-for-an-interface", ATTACH_AUTO, &scene_diags), -ENODEV);
	close(other);
	dp_close(dp);
}

static void dp_attach__dotted_name__pinned_and_adopted(void **state)
{
	struct dp *dp = open_dp();
	size_t nr;

	(void)state;
	run("ip link set va down && ip link set va name va.100 && ip link set va.100 up");
	assert_int_equal(dp_attach(dp, "va.100", ATTACH_AUTO, &scene_diags), 0);
	assert_true(pin_exists("link-va%2e100"));
	dp_close(dp);
	dp = open_dp();
	assert_string_equal(dp_ifs(dp, &nr)[0].name, "va.100");
	assert_int_equal(dp_detach(dp, "va.100", &scene_diags), 0);
	dp_close(dp);
	run("ip link set va.100 down && ip link set va.100 name va");
}

static void dp_forget_if__interface_deleted__number_free_again(void **state)
{
	struct dp *dp = open_dp();
	uint32_t ifindex = if_nametoindex("va");
	size_t nr;

	(void)state;
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	run("ip link del va");
	dp_forget_if(dp, ifindex);
	dp_ifs(dp, &nr);
	assert_int_equal(nr, 0);
	assert_false(pin_exists("link-va"));
	run("ip link add va type veth peer name vb && ip link set va up");
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	assert_int_equal(dp_if_number(dp, if_nametoindex("va")), 1);
	dp_close(dp);
}

static void dp_open__interface_deleted_meanwhile__its_pin_dropped(void **state)
{
	struct dp *dp = open_dp();
	size_t nr;

	(void)state;
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	assert_int_equal(dp_attach(dp, "lo", ATTACH_GENERIC, &scene_diags), 0);
	dp_close(dp);
	run("ip link del va");
	dp = open_dp();
	assert_string_equal(dp_ifs(dp, &nr)[0].name, "lo");
	assert_int_equal(nr, 1);
	assert_int_equal(dp_ifs(dp, &nr)[0].number, 2);
	assert_false(pin_exists("link-va"));
	assert_int_equal(dp_unpin_all(dp, &scene_diags), 0);
	dp_close(dp);
}

static void dp_unpin_all__attached__nothing_left(void **state)
{
	struct dp *dp = open_dp();

	(void)state;
	assert_int_equal(dp_attach(dp, "va", ATTACH_AUTO, &scene_diags), 0);
	assert_int_equal(dp_unpin_all(dp, &scene_diags), 0);
	assert_int_equal(attached_program("va"), 0);
	assert_int_not_equal(access(scene_paths.pin_dir, F_OK), 0);
	dp_close(dp);
	dp = open_dp();
	assert_false(dp_was_adopted(dp));
	dp_close(dp);
}

int main(void)
{
	const struct CMUnitTest whole[] = {
		CASE(dp_open__nothing_there__everything_pinned),
		CASE(dp_open__after_a_kill__adopts_and_swaps_the_program),
	};
	const struct CMUnitTest tests[] = {
		CASE(dp_now_tick__time_passes__counts_on),
		CASE(dp_open__foreign_directory__refused),
		CASE(dp_open__no_bpffs__names_the_mend),
		CASE(dp_open__dot_in_the_instance_name__says_so),
		CASE(dp_open__other_abi__refused_and_left_alone),
		CASE(dp_open__map_missing_or_of_other_size__refused),
		CASE(dp_open__start_that_did_not_finish__made_afresh),
		CASE(dp_open__other_flow_count__warns_and_keeps_the_table),
		CASE(dp_open__does_not_fit_and_not_attached__made_afresh),
		CASE(dp_open__other_network_namespace__refused),
		CASE(dp_open__too_many_flows__refused),
		CASE(dp_attach__veth__native_and_off_again),
		CASE(dp_attach__no_native_mode__generic_with_the_reason),
		CASE(dp_attach__other_program_there__busy_and_named),
		CASE(dp_attach__dotted_name__pinned_and_adopted),
		CASE(dp_forget_if__interface_deleted__number_free_again),
		CASE(dp_open__interface_deleted_meanwhile__its_pin_dropped),
		CASE(dp_unpin_all__attached__nothing_left),
	};
	int failed;

	if (!scene_enter()) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	failed = cmocka_run_group_tests(whole, NULL, NULL);
	light_programs();
	failed += cmocka_run_group_tests(tests, NULL, NULL);
	scene_leave();
	return failed;
}
