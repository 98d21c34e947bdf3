/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps loaded programs for the next case. The verifier takes half a second for the program, and several on an emulated
 * CPU; emptying its maps takes a millisecond. Every map is emptied, whatever it is for, so that counters start at zero
 * and no case sees another's flows; a map of a kind that cannot be emptied here fails the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kept.h"
#include "xlb.skel.h"

enum {
	MAX_KEPT = 8,
	MAX_INNER = 64,
	MAX_KEY = 64,
	BATCH = 1024, /* elements */
};

static struct xlb_bpf *kept[MAX_KEPT];

/* Inner maps that cases have put into maps of maps. */
static struct {
	int map;
	uint32_t key;
} inner[MAX_INNER];
static size_t nr_inner;

void kept_note_inner(int map_fd, uint32_t key)
{
	assert_true(nr_inner < MAX_INNER);
	inner[nr_inner].map = map_fd;
	inner[nr_inner++].key = key;
}

static void zero_memory(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), value = (bpf_map__value_size(map) + 7) & ~7ul;
	size_t size = (value * bpf_map__max_entries(map) + page - 1) / page * page;
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	memset(mem, 0, size);
	munmap(mem, size);
}

/* All in a few calls: a system call for each of thousands of elements is minutes on an emulated CPU. */
static void zero_elements(const struct bpf_map *map, size_t nr_values)
{
	size_t size = nr_values * ((bpf_map__value_size(map) + 7) & ~7ul);
	uint32_t max = bpf_map__max_entries(map), keys[BATCH], key = 0, nr;
	void *zeros = calloc(BATCH, size);

	assert_non_null(zeros);
	while (key < max) {
		for (nr = 0; nr < BATCH && key < max; nr++)
			keys[nr] = key++;
		assert_int_equal(bpf_map_update_batch(bpf_map__fd(map), keys, zeros, &nr, NULL), 0);
	}
	free(zeros);
}

static void delete_elements(const struct bpf_map *map)
{
	unsigned char key[MAX_KEY], next[MAX_KEY];
	int fd = bpf_map__fd(map), more;

	assert_in_range(bpf_map__key_size(map), 1, MAX_KEY);
	more = bpf_map_get_next_key(fd, NULL, key);
	while (!more) {
		more = bpf_map_get_next_key(fd, key, next);
		(void)bpf_map_delete_elem(fd, key); /* an empty place of an array has a key, too */
		memcpy(key, next, sizeof(key));
	}
}

/* Only those that were noted: where a kernel is asked for each entry, it waits each time for all programs that run. */
static void delete_inner_maps(const struct bpf_map *map)
{
	for (size_t i = 0; i < nr_inner;) {
		if (inner[i].map != bpf_map__fd(map)) {
			i++;
			continue;
		}
		(void)bpf_map_delete_elem(inner[i].map, &inner[i].key);
		inner[i] = inner[--nr_inner];
	}
}

static void empty(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_ARRAY:
		if (bpf_map__map_flags(map) & BPF_F_MMAPABLE)
			zero_memory(map);
		else
			zero_elements(map, 1);
		break;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		zero_elements(map, (size_t)libbpf_num_possible_cpus());
		break;
	case BPF_MAP_TYPE_PROG_ARRAY: /* the loader's */
		break;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
		delete_elements(map);
		break;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS: /* that the object leaves empty */
		delete_inner_maps(map);
		break;
	default:
		fail_msg("kept.c cannot empty map %s of type %d", bpf_map__name(map), bpf_map__type(map));
	}
}

static void empty_all(const struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		if (bpf_map__map_flags(map) & BPF_F_RDONLY_PROG)
			continue; /* the settings */
		if (bpf_map__is_internal(map) && !strstr(bpf_map__name(map), ".bss"))
			fail_msg("kept.c does not know the first values of map %s", bpf_map__name(map));
		empty(map);
	}
}

struct xlb_bpf *kept_load(struct xlb_bpf *opened)
{
	size_t i;

	for (i = 0; i < MAX_KEPT && kept[i]; i++) {
		if (memcmp(kept[i]->rodata, opened->rodata, sizeof(*opened->rodata)))
			continue;
		xlb_bpf__destroy(opened);
		empty_all(kept[i]->obj);
		return kept[i];
	}
	if (i >= MAX_KEPT)
		fail_msg("more settings than %d: raise MAX_KEPT", (int)MAX_KEPT);
	i = i < MAX_KEPT ? i : 0; /* does not happen: fail_msg() ends the test */
	assert_int_equal(xlb_bpf__load(opened), 0);
	kept[i] = opened;
	return opened;
}
