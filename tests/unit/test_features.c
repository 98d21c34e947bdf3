/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What user/dataplane/features.c finds missing in kernels that are made up here: the linker puts the functions below in
 * the place of libbpf's. The same questions to a real kernel are in tests/bpf/test_features.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/buf.h"
#include "dataplane/features.h"

/* What the made-up kernel does not know. */
static struct {
	bool xdp, atomics, jmp32, mmap, frags;
	int helper, map_type;
} lacks;

static int some_descriptor(void)
{
	return dup(STDERR_FILENO);
}

static bool refuses(const struct bpf_insn *insn)
{
	return (lacks.jmp32 && BPF_CLASS(insn->code) == BPF_JMP32) ||
	       (lacks.atomics && BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC);
}

int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t nr, const struct bpf_prog_load_opts *opts);
int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t nr, const struct bpf_prog_load_opts *opts)
{
	(void)name;
	(void)license;
	assert_int_equal(type, BPF_PROG_TYPE_XDP);
	assert_int_equal(insns[nr - 1].code, BPF_JMP | BPF_EXIT);
	if (lacks.frags && opts->prog_flags & BPF_F_XDP_HAS_FRAGS)
		return -EINVAL;
	for (size_t i = 0; i < nr; i++)
		if (refuses(&insns[i]))
			return -EINVAL;
	return some_descriptor();
}

int __wrap_bpf_map_create(enum bpf_map_type type, const char *name, uint32_t key, uint32_t value, uint32_t nr,
			  const struct bpf_map_create_opts *opts);
int __wrap_bpf_map_create(enum bpf_map_type type, const char *name, uint32_t key, uint32_t value, uint32_t nr,
			  const struct bpf_map_create_opts *opts)
{
	(void)type;
	(void)name;
	(void)key;
	(void)value;
	(void)nr;
	return lacks.mmap && opts->map_flags & BPF_F_MMAPABLE ? -EINVAL : some_descriptor();
}

int __wrap_libbpf_probe_bpf_prog_type(enum bpf_prog_type type, const void *opts);
int __wrap_libbpf_probe_bpf_prog_type(enum bpf_prog_type type, const void *opts)
{
	(void)opts;
	return !(lacks.xdp && type == BPF_PROG_TYPE_XDP);
}

int __wrap_libbpf_probe_bpf_map_type(enum bpf_map_type type, const void *opts);
int __wrap_libbpf_probe_bpf_map_type(enum bpf_map_type type, const void *opts)
{
	(void)opts;
	return (int)type != lacks.map_type;
}

int __wrap_libbpf_probe_bpf_helper(enum bpf_prog_type type, enum bpf_func_id id, const void *opts);
int __wrap_libbpf_probe_bpf_helper(enum bpf_prog_type type, enum bpf_func_id id, const void *opts)
{
	(void)opts;
	assert_int_equal(type, BPF_PROG_TYPE_XDP);
	return (int)id != lacks.helper;
}

static int setup(void **state)
{
	(void)state;
	memset(&lacks, 0, sizeof(lacks));
	return 0;
}

/* The needs of an object that uses everything. */
static struct features_needs all_needs(void)
{
	struct features_needs needs;

	memset(&needs, true, sizeof(needs));
	needs.helper[BPF_FUNC_unspec] = needs.map_type[BPF_MAP_TYPE_UNSPEC] = false;
	return needs;
}

static void expect_missing(const struct features_needs *needs, size_t nr, const char *text)
{
	struct buf missing = { 0 };

	assert_int_equal(features_missing(needs, &missing), nr);
	assert_string_equal(missing.data ? missing.data : "", text);
	buf_fini(&missing);
}

static void features_missing__kernel_has_all__nothing(void **state)
{
	struct features_needs needs = all_needs();

	(void)state;
	expect_missing(&needs, 0, "");
}

static void features_missing__one_feature__that_one_alone(void **state)
{
	static const struct {
		bool *lack;
		const char *text;
	} rows[] = {
		{ &lacks.xdp, "XDP" },
		{ &lacks.atomics, "atomic operations in programs" },
		{ &lacks.jmp32, "32-bit jumps in programs" },
		{ &lacks.mmap, "arrays that a process can map into its memory" },
		{ &lacks.frags, "XDP programs for packets in several buffers" },
	};
	struct features_needs needs = all_needs();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*rows[i].lack = true;
		expect_missing(&needs, 1, rows[i].text);
		*rows[i].lack = false;
	}
}

static void features_missing__helper_and_map__by_name_and_by_number(void **state)
{
	struct features_needs needs = all_needs();

	(void)state;
	lacks.helper = BPF_FUNC_jiffies64;
	lacks.map_type = BPF_MAP_TYPE_DEVMAP;
	expect_missing(&needs, 2, "maps of type devmap, helper bpf_jiffies64");
	lacks.helper = FEATURES_MAX_HELPERS - 1;
	lacks.map_type = FEATURES_MAX_MAP_TYPES - 1;
	expect_missing(&needs, 2, "maps of type 63, helper 511");
}

static void features_missing__not_needed__not_asked_for(void **state)
{
	struct features_needs needs = { 0 };

	(void)state;
	lacks.atomics = lacks.jmp32 = lacks.mmap = lacks.frags = true;
	lacks.helper = BPF_FUNC_jiffies64;
	lacks.map_type = BPF_MAP_TYPE_DEVMAP;
	expect_missing(&needs, 0, "");
}

static void features_collect_insns__kinds__noticed_in_code_alone(void **state)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64 },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = BPF_ADD },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .imm = 1 },
		{ .code = BPF_JMP32 | BPF_JEQ }, /* the second half of a constant, no instruction */
	};
	const struct bpf_insn jump = { .code = BPF_JMP32 | BPF_JEQ };
	const struct bpf_insn exchange = { .code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = BPF_CMPXCHG };
	struct features_needs needs = { 0 }, expected = { 0 };

	(void)state;
	features_collect_insns(insns, sizeof(insns) / sizeof(insns[0]), &needs);
	expected.helper[BPF_FUNC_jiffies64] = true;
	assert_memory_equal(&needs, &expected, sizeof(needs));
	features_collect_insns(&jump, 1, &needs);
	expected.feature[FEATURE_JMP32] = true;
	assert_memory_equal(&needs, &expected, sizeof(needs));
	features_collect_insns(&exchange, 1, &needs);
	expected.feature[FEATURE_ATOMICS] = true;
	assert_memory_equal(&needs, &expected, sizeof(needs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(features_missing__kernel_has_all__nothing, setup),
		cmocka_unit_test_setup(features_missing__one_feature__that_one_alone, setup),
		cmocka_unit_test_setup(features_missing__helper_and_map__by_name_and_by_number, setup),
		cmocka_unit_test_setup(features_missing__not_needed__not_asked_for, setup),
		cmocka_unit_test_setup(features_collect_insns__kinds__noticed_in_code_alone, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
