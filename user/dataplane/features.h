/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel lacks of that which an object needs. */
#ifndef DATAPLANE_FEATURES_H
#define DATAPLANE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

struct bpf_object;
struct buf;
struct diag_list;

enum {
	FEATURES_MAX_HELPERS = 512,
	FEATURES_MAX_MAP_TYPES = 64,
};

/* Features that are neither a helper nor a type of map. */
#define FEATURES(X)                                                                                                    \
	X(ATOMICS, "atomic operations in programs", has_atomics)                                                       \
	X(JMP32, "32-bit jumps in programs", has_jmp32)                                                                \
	X(MMAP, "arrays that a process can map into its memory", has_mmap)                                             \
	X(FRAGS, "XDP programs for packets in several buffers", has_frags)

enum feature {
#define FEATURE_ENUM(name, ...) FEATURE_##name,
	FEATURES(FEATURE_ENUM)
#undef FEATURE_ENUM
		NR_FEATURES
};

struct features_needs {
	bool helper[FEATURES_MAX_HELPERS]; /* enum bpf_func_id */
	bool map_type[FEATURES_MAX_MAP_TYPES];
	bool feature[NR_FEATURES];
};

/* Adds what these instructions need. */
void features_collect_insns(const struct bpf_insn *insns, size_t nr, struct features_needs *needs);

/* Asks the kernel for each need. Appends the names of what it has not to 'ret', with commas between. Returns their
 * number. */
size_t features_missing(const struct features_needs *needs, struct buf *ret);

/*
 * To be called when the kernel has refused to load 'obj' with error 'err'. If it lacks something that 'obj' needs, says
 * so in one sentence to 'diags' and returns true; else, or where this process may not ask, does nothing. Compares no
 * versions: distributions bring features to older kernels.
 */
bool features_explain(const struct bpf_object *obj, int err, struct diag_list *diags);

#endif
