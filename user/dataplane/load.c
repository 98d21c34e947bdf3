/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the embedded object, on maps of its own or on pinned ones, and maps the tables into memory.
 *
 * Pinned maps are used only if each has the type, the sizes and the flags that the object expects, and xlb_meta names
 * this ABI version: never best effort.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/buf.h"
#include "dataplane/dp_priv.h"
#include "dataplane/features.h"
#include "xlb.skel.h"

enum {
	FLOWS_MIN = 64,
	FLOWS_MAX = 1 << 24,
	ENTRIES_PER_FLOW = 2, /* request and reply */
	LOAD4 = 60,	      /* per cent of the slots that may be used before buckets overflow, measured: two a line */
	LOAD6 = 50,	      /* and one a line */
	SLOTS4 = XLB_BUCKET_LINES * XLB_FLOW4_WAYS,
	SLOTS6 = XLB_BUCKET_LINES * XLB_FLOW6_WAYS,
};

static const char TABLES_NAME[] = "xlb_bpf.bss"; /* that libbpf gives the map of the tables: object and section */

/* Buckets of 'slots' for that many flows when 'load' per cent of the slots are used. */
static uint32_t buckets_for(unsigned int flows, unsigned int slots, unsigned int load)
{
	uint64_t entries = (uint64_t)(flows < FLOWS_MIN ? FLOWS_MIN : flows) * ENTRIES_PER_FLOW;

	return (uint32_t)((entries * 100 + load * slots - 1) / (load * slots));
}

static uint64_t flows_in(uint32_t buckets, unsigned int slots, unsigned int load)
{
	return (uint64_t)buckets * slots * load / 100 / ENTRIES_PER_FLOW;
}

static uint32_t buckets4(const struct dp_options *opt)
{
	return buckets_for(opt->flows, SLOTS4, LOAD4);
}

static uint32_t buckets6(const struct dp_options *opt)
{
	return buckets_for(opt->flows6 ? opt->flows6 : opt->flows / 4, SLOTS6, LOAD6);
}

static int make_meta(struct dp *dp, const struct dp_options *opt, struct diag_list *diags)
{
	struct timespec now;
	int err;

	if (opt->flows > FLOWS_MAX || opt->flows6 > FLOWS_MAX) {
		diag_add(diags, DIAG_ERROR, NULL, "D0320",
			 "lower '#@xlb flows N' or '#@xlb flows6 N' in section global",
			 "a flow table for %u flows is too large: at most %d",
			 opt->flows > FLOWS_MAX ? opt->flows : opt->flows6, FLOWS_MAX);
		return -EINVAL;
	}
	err = clock_measure_hz(dp->clock, diags, &dp->meta.hz);
	if (err)
		return err;
	dp->meta.abi_version = XLB_ABI_VERSION;
	dp->meta.nr_buckets = buckets4(opt);
	dp->meta.nr_buckets6 = buckets6(opt);
	dp->meta.tick_shift = 0;
	while ((2u << dp->meta.tick_shift) <= dp->meta.hz)
		dp->meta.tick_shift++;
	clock_gettime(CLOCK_BOOTTIME, &now);
	dp->meta.created_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	if (getrandom(dp->meta.secrets, sizeof(dp->meta.secrets), 0) != sizeof(dp->meta.secrets))
		return -EIO;
	for (size_t i = 0; i < XLB_NR_SECRETS; i++)
		dp->meta.secrets[i] |= 1;
	return 0;
}

static void set_constants(struct dp *dp)
{
	dp->skel->rodata->xlb_cfg_nr_buckets = dp->meta.nr_buckets;
	dp->skel->rodata->xlb_cfg_nr_buckets6 = dp->meta.nr_buckets6;
	dp->skel->rodata->xlb_cfg_tick_shift = dp->meta.tick_shift;
	dp->skel->rodata->xlb_cfg_hz = dp->meta.hz;
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__)
	dp->skel->rodata->xlb_cfg_stores_in_order = true;
#endif
	for (size_t i = 0; i < XLB_NR_SECRETS; i++)
		dp->skel->rodata->xlb_cfg_secrets[i] = dp->meta.secrets[i];
}

/* Opens the object with everything set that must be set before it is loaded. */
static int open_object(struct dp *dp)
{
	int err;

	dp->skel = xlb_bpf__open();
	if (!dp->skel)
		return -errno;
	set_constants(dp);
	err = bpf_map__set_max_entries(dp->skel->maps.xlb_cpus, (uint32_t)dp->nr_cpus);
	if (!err)
		err = bpf_map__set_max_entries(dp->skel->maps.xlb_flows, dp->meta.nr_buckets);
	return err ? err : bpf_map__set_max_entries(dp->skel->maps.xlb_flows6, dp->meta.nr_buckets6);
}

static int load_object(struct dp *dp, struct diag_list *diags)
{
	struct buf log = { 0 };
	int err;

	bpflog_capture(&log);
	err = xlb_bpf__load(dp->skel);
	bpflog_capture(NULL);
	if (err && !features_explain(dp->skel->obj, err, diags))
		bpflog_report_load(&dp->paths, &log, err, diags);
	buf_fini(&log);
	return err;
}

/* The map as libbpf knows it: the tables are the object's section of zeroed memory. */
static struct bpf_map *object_map(const struct dp *dp, enum dp_map m)
{
	return m == DP_MAP_tables ? dp->skel->maps.bss : bpf_object__find_map_by_name(dp->skel->obj, dp_map_name(m));
}

static int map_into_memory(struct dp *dp, enum dp_map m, const struct bpf_map *map)
{
	long page = sysconf(_SC_PAGESIZE);
	size_t value = (bpf_map__value_size(map) + 7) & ~7ul, size = value * bpf_map__max_entries(map);
	void *mem;

	size = (size + (size_t)page - 1) & ~((size_t)page - 1);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dp->map_fd[m], 0);
	if (mem == MAP_FAILED)
		return -errno;
	dp->mem[m] = mem;
	dp->mem_size[m] = size;
	return 0;
}

/* After the load: descriptors and mappings of all maps. */
static int gather(struct dp *dp)
{
	static const bool is_mapped[DP_NR_MAPS] = {
#define DP_MAP_MAPPED(name, type) [DP_MAP_##name] = true,
#define DP_MAP_PLAIN(name)
		DP_MAPS(DP_MAP_MAPPED, DP_MAP_PLAIN)
#undef DP_MAP_MAPPED
	};

	for (enum dp_map m = 0; m < DP_NR_MAPS; m++) {
		struct bpf_map *map = object_map(dp, m);
		int err;

		if (!map)
			return -ENOENT;
		dp->map_fd[m] = bpf_map__fd(map);
		err = is_mapped[m] ? map_into_memory(dp, m, map) : 0;
		if (err)
			return err;
	}
#define DP_MAP_SET(name, type) dp->name = dp->mem[DP_MAP_##name];
	DP_MAPS(DP_MAP_SET, DP_MAP_PLAIN)
#undef DP_MAP_SET
#define DP_TABLE_SET(name, type) dp->name = (type *)&dp->tables->name;
	DP_TABLES(DP_TABLE_SET)
#undef DP_TABLE_SET
#undef DP_MAP_PLAIN
	dp->prog_fd = bpf_program__fd(dp->skel->progs.xlb_xdp);
	dp->stages_fd = bpf_map__fd(dp->skel->maps.xlb_stages);
	return 0;
}

static int unlink_pin(void *arg, const char *path)
{
	(void)arg;
	return unlink(path) ? -errno : 0;
}

static int pin_all(struct dp *dp)
{
	char path[PATHS_MAX + 64];
	uint32_t key = 0;
	int err = pin_for_each(&dp->paths, "", unlink_pin, NULL); /* of a start that did not finish */

	if (err)
		return err;
	if (bpf_map_update_elem(dp->map_fd[DP_MAP_meta], &key, &dp->meta, BPF_ANY))
		return -errno;
	err = pin_stages(&dp->paths, dp->stages_fd, path, sizeof(path));
	if (!err)
		err = pin_replace(&dp->paths, dp->prog_fd, "prog");
	for (enum dp_map m = 0; m < DP_NR_MAPS && !err; m++) {
		pin_path(&dp->paths, dp_map_name(m), path, sizeof(path));
		if (bpf_obj_pin(dp->map_fd[m], path))
			err = -errno;
	}
	if (err)
		(void)pin_for_each(&dp->paths, "", unlink_pin, NULL);
	return err;
}

int load_fresh(struct dp *dp, const struct dp_options *opt, struct diag_list *diags)
{
	int err = clock_open(&dp->clock, diags);

	if (!err)
		err = make_meta(dp, opt, diags);
	if (err)
		return err;
	err = open_object(dp);
	if (!err)
		err = load_object(dp, diags);
	if (!err)
		err = gather(dp);
	if (!err)
		err = pin_all(dp);
	if (err && !diags->nr[DIAG_ERROR])
		diag_add(diags, DIAG_ERROR, NULL, "D0321", NULL, "cannot set up the data plane under %s: %s",
			 dp->paths.pin_dir, strerror(-err));
	return err;
}

/* Opens a pinned map and its description. Returns the descriptor or a negative errno. */
static int open_pinned(const struct dp *dp, enum dp_map m, struct bpf_map_info *ret, struct diag_list *diags)
{
	char path[PATHS_MAX + 64];
	uint32_t len = sizeof(*ret);
	int fd;

	pin_path(&dp->paths, dp_map_name(m), path, sizeof(path));
	fd = bpf_obj_get(path);
	if (fd < 0) {
		int err = -errno;

		diag_add(diags, DIAG_ERROR, NULL, "D0322",
			 "remove the pin directory to start afresh: its traffic ends then",
			 "cannot adopt the running data plane: %s: %s", path, strerror(-err));
		return err == -ENOENT ? -EINVAL : err;
	}
	memset(ret, 0, sizeof(*ret));
	if (!bpf_obj_get_info_by_fd(fd, ret, &len) &&
	    !strcmp(ret->name, m == DP_MAP_tables ? TABLES_NAME : dp_map_name(m)))
		return fd;
	close(fd);
	diag_add(diags, DIAG_ERROR, NULL, "D0323", "remove the pin directory to start afresh: its traffic ends then",
		 "cannot adopt the running data plane: %s is not the map %s", path, dp_map_name(m));
	return -EINVAL;
}

static int read_meta(struct dp *dp, struct diag_list *diags)
{
	struct bpf_map_info info = { 0 };
	uint32_t key = 0;
	int fd = open_pinned(dp, DP_MAP_meta, &info, diags);
	/* The version is the first word in all versions; the rest of the record may have another size. */
	union {
		struct xlb_meta meta;
		unsigned char bytes[1024];
	} value = { 0 };
	bool readable;

	if (fd < 0)
		return fd;
	readable = info.type == BPF_MAP_TYPE_ARRAY && info.key_size == sizeof(uint32_t) &&
		   info.value_size >= sizeof(uint32_t) && info.value_size <= sizeof(value) - 8 &&
		   !bpf_map_lookup_elem(fd, &key, &value);
	close(fd);
	if (!readable || value.meta.abi_version != XLB_ABI_VERSION || info.value_size != sizeof(value.meta)) {
		diag_add(diags, DIAG_ERROR, NULL, "D0324",
			 "run the version that made them, or detach with that version and start this one afresh",
			 "the pins in %s are of data plane version %u, this program's is %u: left as they are",
			 dp->paths.pin_dir, readable ? value.meta.abi_version : 0, XLB_ABI_VERSION);
		return -EINVAL;
	}
	dp->meta = value.meta;
	if (!dp->meta.nr_buckets || !dp->meta.nr_buckets6 || !dp->meta.hz || dp->meta.tick_shift > 31) {
		diag_add(diags, DIAG_ERROR, NULL, "D0325",
			 "remove the pin directory to start afresh: its traffic ends then",
			 "cannot adopt the running data plane: the map xlb_meta in %s holds nonsense",
			 dp->paths.pin_dir);
		return -EINVAL;
	}
	return 0;
}

/* Puts a pinned map in the place of the object's own, if it is of the same build. */
static int reuse_map(struct dp *dp, enum dp_map m, struct diag_list *diags)
{
	struct bpf_map *map = object_map(dp, m);
	struct bpf_map_info info = { 0 };
	int fd, err;

	if (!map)
		return -ENOENT;
	fd = open_pinned(dp, m, &info, diags);
	if (fd < 0)
		return fd;
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) && info.max_entries == bpf_map__max_entries(map) &&
	    (info.map_flags & BPF_F_MMAPABLE) == (bpf_map__map_flags(map) & BPF_F_MMAPABLE)) {
		err = bpf_map__reuse_fd(map, fd);
	} else {
		err = -EINVAL;
		diag_add(diags, DIAG_ERROR, NULL, "D0326",
			 "run the version that made it, or detach with that version and start this one afresh",
			 "cannot adopt the running data plane: map %s in %s has another type or size (%u entries of %u "
			 "bytes, not %u of %u)",
			 dp_map_name(m), dp->paths.pin_dir, info.max_entries, info.value_size,
			 bpf_map__max_entries(map), bpf_map__value_size(map));
	}
	close(fd);
	return err;
}

static void warn_other_size(const struct dp *dp, const struct dp_options *opt, struct diag_list *diags)
{
	if (opt->flows > FLOWS_MAX || opt->flows6 > FLOWS_MAX ||
	    (buckets4(opt) == dp->meta.nr_buckets && buckets6(opt) == dp->meta.nr_buckets6))
		return;
	diag_add(diags, DIAG_WARNING, NULL, "D0327",
		 "to change their size, detach all interfaces and start xlbd again: that ends their connections",
		 "the running flow tables hold %llu IPv4 and %llu IPv6 flows, '#@xlb flows %u' would need others; they "
		 "stay",
		 (unsigned long long)flows_in(dp->meta.nr_buckets, SLOTS4, LOAD4),
		 (unsigned long long)flows_in(dp->meta.nr_buckets6, SLOTS6, LOAD6), opt->flows);
}

int load_adopted(struct dp *dp, const struct dp_options *opt, struct diag_list *diags)
{
	int err = read_meta(dp, diags);

	if (!err)
		err = clock_open(&dp->clock, diags);
	if (err)
		return err;
	err = open_object(dp);
	for (enum dp_map m = 0; m < DP_NR_MAPS && !err; m++)
		err = reuse_map(dp, m, diags);
	if (!err)
		err = load_object(dp, diags);
	if (!err)
		err = gather(dp);
	if (!err)
		warn_other_size(dp, opt, diags);
	if (err && !diags->nr[DIAG_ERROR])
		diag_add(diags, DIAG_ERROR, NULL, "D0328", NULL, "cannot adopt the running data plane in %s: %s",
			 dp->paths.pin_dir, strerror(-err));
	return err;
}

void load_fini(struct dp *dp)
{
	for (enum dp_map m = 0; m < DP_NR_MAPS; m++) {
		if (dp->mem[m])
			munmap(dp->mem[m], dp->mem_size[m]);
		dp->mem[m] = NULL;
	}
	xlb_bpf__destroy(dp->skel);
	dp->skel = NULL;
	clock_close(dp->clock);
	dp->clock = NULL;
}

const char *dp_object_id(void)
{
	static char id[17];
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */
	const unsigned char *elf;
	size_t len;

	elf = xlb_bpf__elf_bytes(&len);
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ elf[i]) * 0x100000001b3ull;
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)hash);
	return id;
}

/* Flows for which a table has room, with so many entries in it. */
static uint64_t room_for(uint32_t buckets, unsigned int slots, unsigned int load, uint64_t entries)
{
	uint64_t usable = (uint64_t)buckets * slots * load / 100;

	return usable > entries ? (usable - entries) / ENTRIES_PER_FLOW : 0;
}

void dp_usage(struct dp *dp, struct dp_usage *ret)
{
	const struct sweep_counts *c = &dp->sweep->last;
	uint64_t used = c->flows[0] + c->flows[1];

	*ret = (struct dp_usage){
		.capacity = used + room_for(dp->meta.nr_buckets, SLOTS4, LOAD4, c->entries[0]) +
			    room_for(dp->meta.nr_buckets6, SLOTS6, LOAD6, c->entries[1]),
		.used = used,
		.memory = (uint64_t)dp->meta.nr_buckets * sizeof(struct xlb_bucket4) +
			  (uint64_t)dp->meta.nr_buckets6 * sizeof(struct xlb_bucket6),
		.slots = flow_nr_slots(dp),
	};
}
