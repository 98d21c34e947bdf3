/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the program has counted, all CPUs together. */
#ifndef BENCH_COUNTS_H
#define BENCH_COUNTS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include <xlb/reason.h>
#include <xlb/stats.h>

/* Packets by reason, from the map xlb_cpus. 0 or a negative errno. */
static inline int sum_reasons(int map_fd, uint64_t ret[XLB_R_MAX])
{
	size_t nr_cpus = (size_t)libbpf_num_possible_cpus(), page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (nr_cpus * sizeof(struct xlb_cpu) + page - 1) / page * page;
	const struct xlb_cpu *cpus = mmap(NULL, size, PROT_READ, MAP_SHARED, map_fd, 0);

	if (cpus == MAP_FAILED)
		return -errno;
	memset(ret, 0, XLB_R_MAX * sizeof(*ret));
	for (size_t cpu = 0; cpu < nr_cpus; cpu++)
		for (int r = 0; r < XLB_R_MAX; r++)
			ret[r] += cpus[cpu].reasons[r];
	munmap((void *)cpus, size);
	return 0;
}

#endif
