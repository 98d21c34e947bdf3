/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables of sticking clients: inner maps of xlb_sticks, made in the configured size.
 *
 * The kernel keeps an inner map as long as the outer one names it. Its own name tells the table's identity, so that a
 * daemon that takes over knows which is which.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/dp_priv.h"

static const char name_prefix[] = "stick_";

/* Descriptor of the inner map, or a negative errno. */
static int open_inner(const struct dp *dp, uint32_t number)
{
	uint32_t id;
	int fd;

	if (bpf_map_lookup_elem(dp->map_fd[DP_MAP_sticks], &number, &id))
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

static struct image_stick describe(int fd)
{
	struct image_stick out = { 0 };
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strncmp(info.name, name_prefix, strlen(name_prefix)) &&
	    sscanf(info.name + strlen(name_prefix), "%" SCNx32, &out.identity) == 1)
		out.size = info.max_entries;
	return out;
}

struct image_stick stick_read(const struct dp *dp, uint32_t number)
{
	struct image_stick out = { 0 };
	int fd = open_inner(dp, number);

	if (fd < 0)
		return out;
	out = describe(fd);
	close(fd);
	return out;
}

static void copy_entries(int from, int to)
{
	struct xlb_stick_key key, next;
	struct xlb_stick value;
	const void *at = NULL;

	while (!bpf_map_get_next_key(from, at, &next)) {
		key = next;
		at = &key;
		if (!bpf_map_lookup_elem(from, &key, &value))
			(void)bpf_map_update_elem(to, &key, &value, BPF_ANY);
	}
}

int stick_put(struct dp *dp, uint32_t number, const struct image_stick *stick)
{
	struct image_stick was = stick_read(dp, number);
	char name[BPF_OBJ_NAME_LEN];
	int fd, old, err = 0;

	if (was.identity == stick->identity && was.size == stick->size)
		return 0;
	snprintf(name, sizeof(name), "%s%08" PRIx32, name_prefix, stick->identity);
	fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, name, sizeof(struct xlb_stick_key), sizeof(struct xlb_stick),
			    stick->size, NULL);
	if (fd < 0)
		return -errno;
	old = was.identity == stick->identity ? open_inner(dp, number) : -1;
	if (old >= 0) {
		copy_entries(old, fd);
		close(old);
	}
	if (bpf_map_update_elem(dp->map_fd[DP_MAP_sticks], &number, &fd, BPF_ANY))
		err = -errno;
	close(fd);
	return err;
}

void stick_del(struct dp *dp, uint32_t number)
{
	(void)bpf_map_delete_elem(dp->map_fd[DP_MAP_sticks], &number);
}
