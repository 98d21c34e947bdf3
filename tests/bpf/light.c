/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes the verifier out of tests that it is not the subject of: it needs a third of a second for the program, and
 * several on an emulated CPU, which was most of what they cost. The program's instructions are replaced in libbpf's
 * last step before the load; the tests of the program itself, and those cases of test_dp.c that run before, load it
 * whole.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "light.h"

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	static struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	(void)cookie;
	opts->prog_flags |= BPF_F_XDP_HAS_FRAGS;
	opts->func_info_cnt = 0; /* of the instructions that were */
	opts->line_info_cnt = 0;
	return bpf_program__set_insns(prog, pass, sizeof(pass) / sizeof(pass[0]));
}

void light_programs(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare);

	assert_true(libbpf_register_prog_handler("xdp.frags", BPF_PROG_TYPE_XDP, BPF_XDP, &opts) > 0);
}
