/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables of sticking clients: inner maps of xlb_sticks, made in the configured size.
 *
 * Each is pinned beside the outer map: asking that for an inner map takes a privilege that the daemon gives up. Its
 * name in the kernel tells the table's identity, so that a daemon that takes over knows which is which.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/dp_priv.h"

static const char name_prefix[] = "stick_";

static void pin_name(uint32_t number, char *ret, size_t cap)
{
	snprintf(ret, cap, "stick-%" PRIu32, number);
}

/* Descriptor of the inner map, or a negative errno. */
static int open_inner(const struct dp *dp, uint32_t number)
{
	char name[32], path[PATHS_MAX + 64];
	int fd;

	pin_name(number, name, sizeof(name));
	pin_path(&dp->paths, name, path, sizeof(path));
	fd = bpf_obj_get(path);
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
	if (out.identity)
		out.conf = dp->stick_confs[number];
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
	char name[BPF_OBJ_NAME_LEN], pin[32];
	int fd, old, err;

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
	pin_name(number, pin, sizeof(pin));
	err = pin_replace(&dp->paths, fd, pin);
	if (!err && bpf_map_update_elem(dp->map_fd[DP_MAP_sticks], &number, &fd, BPF_ANY))
		err = -errno;
	close(fd);
	return err;
}

void stick_del(struct dp *dp, uint32_t number)
{
	char name[32], path[PATHS_MAX + 64];

	(void)bpf_map_delete_elem(dp->map_fd[DP_MAP_sticks], &number);
	pin_name(number, name, sizeof(name));
	pin_path(&dp->paths, name, path, sizeof(path));
	(void)unlink(path);
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

enum { BATCH = 1024 }; /* entries that are read by one system call */

struct batch {
	struct xlb_stick_key keys[BATCH];
	struct xlb_stick values[BATCH];
	uint32_t nr;
	uint32_t token; /* the kernel's: where the next batch begins */
	bool is_last;
};

/* Reads the batch that begins at 'token', NULL: the first. 0 or a negative errno. */
static int read_batch(int fd, const uint32_t *token, struct batch *ret)
{
	uint32_t in = token ? *token : 0, count = BATCH;
	int err = bpf_map_lookup_batch(fd, token ? &in : NULL, &ret->token, ret->keys, ret->values, &count, NULL);

	if (err && errno != ENOENT)
		return -errno;
	ret->nr = count;
	ret->is_last = err != 0;
	return 0;
}

/* Calls 'fn' for each batch of table 'number' (0: none), from the first to the last one that can be read. */
static void for_each_batch(const struct dp *dp, uint32_t number, void (*fn)(void *arg, int fd, struct batch *b),
			   void *arg)
{
	struct batch *b = malloc(sizeof(*b));
	int fd = number ? open_inner(dp, number) : -1;
	uint32_t token, *at = NULL;

	while (b && fd >= 0 && !read_batch(fd, at, b)) {
		fn(arg, fd, b);
		token = b->token;
		at = &token;
		if (b->is_last)
			break;
	}
	if (fd >= 0)
		close(fd);
	free(b);
}

bool stick_batch(const struct dp *dp, uint32_t number, bool more, uint32_t *token,
		 void (*fn)(void *arg, const struct xlb_stick_key *key, const struct xlb_stick *value), void *arg)
{
	struct batch *b = malloc(sizeof(*b));
	int fd = number ? open_inner(dp, number) : -1;
	bool goes_on = false;

	if (b && fd >= 0 && !read_batch(fd, more ? token : NULL, b)) {
		for (uint32_t i = 0; i < b->nr; i++)
			fn(arg, &b->keys[i], &b->values[i]);
		*token = b->token;
		goes_on = !b->is_last;
	}
	if (fd >= 0)
		close(fd);
	free(b);
	return goes_on;
}

static void count_batch(void *arg, int fd, struct batch *b)
{
	uint64_t *nr = arg;

	(void)fd;
	*nr += b->nr;
}

uint64_t dp_stick_used(const struct dp *dp, uint32_t number)
{
	uint64_t nr = 0;

	for_each_batch(dp, number, count_batch, &nr);
	return nr;
}

struct move {
	uint16_t from, to;
};

static void move_batch(void *arg, int fd, struct batch *b)
{
	const struct move *move = arg;

	for (uint32_t i = 0; i < b->nr; i++) {
		if (b->values[i].server != move->from)
			continue;
		b->values[i].server = move->to;
		(void)bpf_map_update_elem(fd, &b->keys[i], &b->values[i], BPF_EXIST);
	}
}

void stick_move(struct dp *dp, uint32_t number, uint16_t from, uint16_t to)
{
	for_each_batch(dp, number, move_batch, &(struct move){ .from = from, .to = to });
}

static struct dp_stick describe_entry(struct dp *dp, uint32_t number, const struct xlb_stick_key *key,
				      const struct xlb_stick *value, int family)
{
	const struct xlb_stick_conf *conf = &dp->stick_confs[number];
	uint32_t now = (uint32_t)dp->last_jiffies;

	const struct xlb_server *srv = &dp->servers[value->server % XLB_MAX_SERVERS];

	return (struct dp_stick){
		.key = words_get(key->addr, family == AF_INET ? 4 : 6),
		.server = xlb_stick_is(value, srv) ? value->server : 0,
		.age_ticks = dp->last_tick - value->tick,
		.conn_cnt = value->conn_cnt,
		.conn_cur = value->conn_cur,
		.conn_rate = xlb_freq_read(&value->conn_rate, conf->conn_period, now),
		.gpc0 = value->gpc0,
		.gpc0_rate = xlb_freq_read(&value->gpc0_rate, conf->gpc0_period, now),
	};
}

/* The cursor is the token of a batch + 1, 0 for the first one, above the number of entries of it that were told. */
bool dp_stick_entries(struct dp *dp, uint32_t number, int family, uint64_t *cursor,
		      bool (*fn)(void *arg, const struct dp_stick *entry), void *arg)
{
	uint32_t token = (uint32_t)(*cursor >> 16) - 1, i = *cursor & 0xffff;
	struct batch *b = malloc(sizeof(*b));
	int fd = number ? open_inner(dp, number) : -1;
	bool more = false;

	(void)dp_now_tick(dp);
	if (b && fd >= 0 && !read_batch(fd, *cursor >> 16 ? &token : NULL, b)) {
		for (; i < b->nr; i++) {
			struct dp_stick entry = describe_entry(dp, number, &b->keys[i], &b->values[i], family);

			if (!fn(arg, &entry))
				break;
		}
		more = i < b->nr || !b->is_last;
		*cursor = i < b->nr ? (*cursor & ~0xffffull) | (i + 1) : ((uint64_t)b->token + 1) << 16;
	}
	if (fd >= 0)
		close(fd);
	free(b);
	return more;
}

static struct xlb_stick_key key_of(const struct addr *addr)
{
	struct xlb_stick_key key;

	words_put(key.addr, addr);
	return key;
}

bool dp_stick_find(struct dp *dp, uint32_t number, const struct addr *addr, struct dp_stick *ret)
{
	struct xlb_stick_key key = key_of(addr);
	int fd = number ? open_inner(dp, number) : -1;
	struct xlb_stick value;
	bool found;

	if (fd < 0)
		return false;
	found = !bpf_map_lookup_elem(fd, &key, &value);
	close(fd);
	(void)dp_now_tick(dp);
	if (found)
		*ret = describe_entry(dp, number, &key, &value, addr->family);
	return found;
}

/* As if all events had come at 'now'. */
static struct xlb_freq freq_of(uint32_t nr, uint32_t now)
{
	return (struct xlb_freq){ .since = now, .now = nr };
}

static void change(const struct dp *dp, struct xlb_stick *value, const struct dp_stick *to, unsigned int parts,
		   uint32_t now)
{
	if (parts & DP_STICK_SERVER) {
		value->server = to->server % XLB_MAX_SERVERS;
		value->identity = (uint32_t)dp->servers[value->server].identity;
	}
	if (parts & DP_STICK_CONN_CNT)
		value->conn_cnt = to->conn_cnt;
	if (parts & DP_STICK_CONN_CUR)
		value->conn_cur = to->conn_cur;
	if (parts & DP_STICK_CONN_RATE)
		value->conn_rate = freq_of(to->conn_rate, now);
	if (parts & DP_STICK_GPC0)
		value->gpc0 = to->gpc0;
	if (parts & DP_STICK_GPC0_RATE)
		value->gpc0_rate = freq_of(to->gpc0_rate, now);
}

int dp_stick_set(struct dp *dp, uint32_t number, const struct addr *addr, const struct dp_stick *values,
		 unsigned int parts)
{
	struct xlb_stick_key key = key_of(addr);
	struct xlb_stick value;
	int fd = number ? open_inner(dp, number) : -ENOENT, err;
	uint32_t tick = dp_now_tick(dp);

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &key, &value) ||
	    (!value.conn_cur && tick - value.tick > dp->stick_confs[number].expire))
		memset(&value, 0, sizeof(value));
	value.tick = tick;
	change(dp, &value, values, parts, (uint32_t)dp->last_jiffies);
	err = bpf_map_update_elem(fd, &key, &value, BPF_ANY) ? -errno : 0;
	close(fd);
	return err;
}

static void clear_all(int fd)
{
	struct xlb_stick_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key) && !bpf_map_delete_elem(fd, &key))
		;
}

int dp_stick_clear(struct dp *dp, uint32_t number, const struct addr *addr)
{
	int fd = number ? open_inner(dp, number) : -ENOENT, err = 0;
	struct xlb_stick_key key;

	if (fd < 0)
		return fd;
	if (addr) {
		key = key_of(addr);
		err = bpf_map_delete_elem(fd, &key) ? -errno : 0;
	} else {
		clear_all(fd);
	}
	close(fd);
	return err;
}
