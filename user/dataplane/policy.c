/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules of frontends: rows in xlb_tables.rules, networks and ports in a trie of their own, an inner map of
 * xlb_policy_nets. The trie is made and filled before any packet can ask for it, and goes as a whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/dp_priv.h"

enum { BATCH = 4096 }; /* prefixes that are entered by one system call */

static int fill(int fd, const struct policy_net *nets, size_t nr)
{
	struct xlb_policy_key *keys = calloc(BATCH, sizeof(*keys));
	uint64_t *values = calloc(BATCH, sizeof(*values));
	int err = keys && values ? 0 : -ENOMEM;

	for (size_t at = 0; at < nr && !err; at += BATCH) {
		uint32_t count = (uint32_t)(nr - at < BATCH ? nr - at : BATCH);

		for (uint32_t i = 0; i < count; i++) {
			keys[i] = nets[at + i].key;
			values[i] = nets[at + i].atoms;
		}
		if (bpf_map_update_batch(fd, keys, values, &count, NULL))
			err = -errno;
	}
	free(keys);
	free(values);
	return err;
}

int policy_prepare(struct dp *dp, uint32_t number, const struct image_policy *p)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd, err;

	if (!p->nr_nets)
		return 0;
	fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "xlb_policy", sizeof(struct xlb_policy_key), sizeof(uint64_t),
			    (uint32_t)p->nr_nets, &opts);
	if (fd < 0)
		return -errno;
	err = fill(fd, p->nets, p->nr_nets);
	if (!err && bpf_map_update_elem(dp->map_fd[DP_MAP_policy_nets], &number, &fd, BPF_ANY))
		err = -errno;
	close(fd);
	return err;
}

void policy_write(struct dp *dp, uint32_t number, const struct image_policy *p)
{
	record_store(&dp->rules[(size_t)number * XLB_POLICY_ROWS], p->rows, p->rec.nr_rows * sizeof(*p->rows));
	record_store(&dp->policies[number], &p->rec, sizeof(p->rec));
}

void policy_del(struct dp *dp, uint32_t number)
{
	static const struct xlb_policy none;

	record_store(&dp->policies[number], &none, sizeof(none));
	(void)bpf_map_delete_elem(dp->map_fd[DP_MAP_policy_nets], &number);
}
