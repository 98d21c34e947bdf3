/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names what the kernel lacks when it refuses the program: helpers, types of maps, kinds of instructions.
 *
 * What is needed comes from the object itself, its instructions and maps, so that no list has to follow the program.
 * The kernel is asked with programs of a few instructions. All that happens after a load has failed; a start that works
 * pays nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/buf.h"
#include "base/diag.h"
#include "dataplane/dp_priv.h"
#include "dataplane/features.h"

#define INSN(opcode, dst, src, offset, value)                                                                          \
	{                                                                                                              \
		.code = (opcode), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value)                  \
	}
#define RETURN_PASS INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static bool loads(const struct bpf_insn *insns, size_t nr, uint32_t flags)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = flags);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "xlb_probe", "GPL", insns, nr, &opts);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool has_atomics(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_10, BPF_REG_1, -8, BPF_CMPXCHG),
		RETURN_PASS,
	};

	return loads(insns, sizeof(insns) / sizeof(insns[0]), 0);
}

static bool has_jmp32(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS),
		INSN(BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return loads(insns, sizeof(insns) / sizeof(insns[0]), 0);
}

static bool has_mmap(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xlb_probe", sizeof(uint32_t), sizeof(uint64_t), 1, &opts);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool has_frags(void)
{
	const struct bpf_insn insns[] = { RETURN_PASS };

	return loads(insns, sizeof(insns) / sizeof(insns[0]), BPF_F_XDP_HAS_FRAGS);
}

static const char *helper_name(size_t id)
{
	static const char *const names[] = {
#define HELPER_NAME(name) [BPF_FUNC_##name] = #name
		__BPF_FUNC_MAPPER(HELPER_NAME)
#undef HELPER_NAME
	};

	return id < sizeof(names) / sizeof(names[0]) && names[id] ? names[id] : NULL;
}

void features_collect_insns(const struct bpf_insn *insns, size_t nr, struct features_needs *needs)
{
	for (size_t i = 0; i < nr; i++) {
		const struct bpf_insn *insn = &insns[i];

		switch (BPF_CLASS(insn->code)) {
		case BPF_JMP:
			if (BPF_OP(insn->code) == BPF_CALL && !insn->src_reg && insn->imm > 0 &&
			    insn->imm < FEATURES_MAX_HELPERS)
				needs->helper[insn->imm] = true;
			break;
		case BPF_JMP32:
			needs->feature[FEATURE_JMP32] = true;
			break;
		case BPF_STX: /* without a result it is the addition that all kernels have */
			if (BPF_MODE(insn->code) == BPF_ATOMIC && insn->imm != BPF_ADD)
				needs->feature[FEATURE_ATOMICS] = true;
			break;
		}
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
			i++; /* its second half */
	}
}

static void collect(const struct bpf_object *obj, struct features_needs *needs)
{
	const struct bpf_program *prog = NULL;
	const struct bpf_map *map = NULL;

	while ((prog = bpf_object__next_program(obj, (struct bpf_program *)prog))) {
		features_collect_insns(bpf_program__insns(prog), bpf_program__insn_cnt(prog), needs);
		if (strstr(bpf_program__section_name(prog), "frags"))
			needs->feature[FEATURE_FRAGS] = true;
	}
	while ((map = bpf_object__next_map(obj, map))) {
		if ((unsigned int)bpf_map__type(map) < FEATURES_MAX_MAP_TYPES)
			needs->map_type[bpf_map__type(map)] = true;
		if (bpf_map__map_flags(map) & BPF_F_MMAPABLE)
			needs->feature[FEATURE_MMAP] = true;
	}
}

static void name(struct buf *ret, size_t *nr, const char *kind, const char *what, size_t id)
{
	buf_printf(ret, "%s%s", (*nr)++ ? ", " : "", kind);
	if (what)
		buf_printf(ret, "%s", what);
	else
		buf_printf(ret, "%zu", id);
}

size_t features_missing(const struct features_needs *needs, struct buf *ret)
{
	static const struct {
		const char *text;
		bool (*present)(void);
	} features[NR_FEATURES] = {
#define FEATURE_ROW(name, text, present) [FEATURE_##name] = { text, present },
		FEATURES(FEATURE_ROW)
#undef FEATURE_ROW
	};
	size_t nr = 0;

	if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL) == 0) {
		name(ret, &nr, "XDP", "", 0);
		return nr; /* nothing else could be asked */
	}
	for (size_t i = 0; i < NR_FEATURES; i++)
		if (needs->feature[i] && !features[i].present())
			name(ret, &nr, "", features[i].text, 0);
	for (size_t i = 0; i < FEATURES_MAX_MAP_TYPES; i++)
		if (needs->map_type[i] && libbpf_probe_bpf_map_type((enum bpf_map_type)i, NULL) == 0)
			name(ret, &nr, "maps of type ", libbpf_bpf_map_type_str((enum bpf_map_type)i), i);
	for (size_t i = 0; i < FEATURES_MAX_HELPERS; i++)
		if (needs->helper[i] && libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, (enum bpf_func_id)i, NULL) == 0)
			name(ret, &nr, helper_name(i) ? "helper bpf_" : "helper ", helper_name(i), i);
	return nr;
}

bool features_explain(const struct bpf_object *obj, int err, struct diag_list *diags)
{
	struct features_needs needs = { 0 };
	struct buf missing = { 0 };
	struct utsname kernel;
	size_t nr;

	if (err == -EPERM || uname(&kernel))
		return false;
	bpflog_capture(NULL);
	collect(obj, &needs);
	nr = features_missing(&needs, &missing);
	if (nr)
		diag_add(diags, DIAG_ERROR, NULL, "D0304", "Linux 6.1 and newer have all that xlb needs",
			 "this kernel (%s) lacks what the XDP program needs: %s", kernel.release, missing.data);
	buf_fini(&missing);
	return nr > 0;
}
