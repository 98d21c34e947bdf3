/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the program and maps its tables; makes the small network that client-side next hops are looked up in.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "model_poison.skel.h"
#include "prog.h"
#include "xlb.skel.h"

enum {
	TICK_SHIFT = 16,
	STICK_ENTRIES = 65536,
	ANSWERS_PER_S = 50, /* of 2^16 jiffies: none while a sequence runs */
};

const uint8_t prog_mac_in[6] = { 2, 0, 0, 0, 1, 1 }, prog_mac_other[6] = { 2, 0, 0, 0, 1, 2 },
	      prog_mac_client[6] = { 2, 0, 0, 0, 2, 1 };
static const uint8_t mac_far[6] = { 2, 0, 0, 0, 2, 2 };

/*
 * in0 is the interface that packets come by, other0 a second one of xlb's, alien0 one that xlb does not run on. Clients
 * of 10.1/16 are behind in0, of 10.2/16 behind other0, of 10.3/16 behind alien0; 10.4/16 has a router without
 * MAC, 10.5/16 is unreachable. fd01::/16 to fd05::/16 likewise.
 */
static const char network[] =
	"set -e\n"
	"for d in in other alien; do ip link add ${d}0 type veth peer name ${d}1; done\n"
	"ip link set in0 address 02:00:00:00:01:01; ip link set other0 address 02:00:00:00:01:02\n"
	"for d in in0 in1 other0 other1 alien0 alien1 lo; do ip link set $d up; done\n"
	"echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n"
	"i=0; for d in in0 other0 alien0; do i=$((i + 1))\n"
	"	ip addr add 10.9.$i.1/24 dev $d; ip -6 addr add fd09:$i::1/64 dev $d nodad\n"
	"	ip neigh add 10.9.$i.2 lladdr 02:00:00:00:02:0$i dev $d nud permanent\n"
	"	ip -6 neigh add fd09:$i::2 lladdr 02:00:00:00:02:0$i dev $d nud permanent\n"
	"	ip route add 10.$i.0.0/16 via 10.9.$i.2; ip -6 route add fd0$i::/16 via fd09:$i::2\n"
	"done\n"
	"ip route add 10.4.0.0/16 via 10.9.1.99; ip -6 route add fd04::/16 via fd09:1::99\n"
	"ip route add unreachable 10.5.0.0/16; ip -6 route add unreachable fd05::/16\n";

void prog_routes(struct m_config *c)
{
	static const uint8_t *const dmacs[] = { NULL, prog_mac_client, mac_far, NULL, NULL, NULL };
	static const uint8_t *const smacs[] = { NULL, prog_mac_in, prog_mac_other, NULL, NULL, NULL };
	unsigned int i;

	c->nr_routes = 0;
	for (i = 1; i <= 5; i++) {
		struct m_route *r4 = &c->routes[c->nr_routes++], *r6 = &c->routes[c->nr_routes++];

		*r4 = (struct m_route){ .net = { htonl(10u << 24 | i << 16) }, .family = 4, .bits = 16 };
		if (dmacs[i]) {
			r4->hop.oif = i;
			memcpy(r4->hop.dmac, dmacs[i], 6);
			memcpy(r4->hop.smac, smacs[i], 6);
		}
		r4->forbidden = i == 5;
		*r6 = *r4;
		r6->family = 6;
		r6->net[0] = htonl(0xfd00u << 16 | i << 16);
	}
	c->in_if = 1;
}

static void *memory_of(const struct bpf_map *map)
{
	size_t size = (bpf_map__value_size(map) + 7) / 8 * 8 * (size_t)bpf_map__max_entries(map);
	size_t page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, (size + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (p == MAP_FAILED) {
		perror(bpf_map__name(map));
		exit(1);
	}
	return p;
}

static void make_plain(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		enum bpf_map_type type = bpf_map__type(map);

		if (bpf_map__is_internal(map) || (type != BPF_MAP_TYPE_ARRAY && type != BPF_MAP_TYPE_PERCPU_ARRAY))
			continue;
		bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY);
		bpf_map__set_map_flags(map, BPF_F_MMAPABLE);
	}
}

/* The program that is built in, or the object file at 'path' in its place: as it is when a mutant is looked at. */
static struct xlb_bpf *open_program(const char *path)
{
	struct xlb_bpf *skel = calloc(1, sizeof(*skel));
	FILE *file = path ? fopen(path, "r") : NULL;
	static char bytes[4 << 20];

	if (!skel || xlb_bpf__create_skeleton(skel) || (path && !file))
		return NULL;
	if (file) {
		skel->skeleton->data_sz = fread(bytes, 1, sizeof(bytes), file);
		skel->skeleton->data = bytes;
		fclose(file);
	}
	return bpf_object__open_skeleton(skel->skeleton, NULL) ? NULL : skel;
}

static int load(struct prog *p)
{
	unsigned int i;

	p->skel = open_program(p->object);
	if (!p->skel)
		return -errno;
	make_plain(p->skel->obj);
	for (i = 0; i < XLB_NR_SECRETS; i++)
		p->secrets[i] = (0x9e3779b97f4a7c15ull * (i + 1) ^ 0xbf58476d1ce4e5b9ull << i) | 1;
	memcpy((void *)p->skel->rodata->xlb_cfg_secrets, p->secrets, sizeof(p->secrets));
	p->skel->rodata->xlb_cfg_nr_buckets = p->nr_buckets;
	p->skel->rodata->xlb_cfg_nr_buckets6 = p->nr_buckets6;
	p->skel->rodata->xlb_cfg_tick_shift = TICK_SHIFT;
	p->skel->rodata->xlb_cfg_hz = 1u << TICK_SHIFT;
	p->skel->rodata->xlb_cfg_answers_per_s = ANSWERS_PER_S;
	p->skel->rodata->xlb_cfg_stores_in_order = true;
	bpf_map__set_max_entries(p->skel->maps.xlb_cpus, (__u32)libbpf_num_possible_cpus());
	bpf_map__set_max_entries(p->skel->maps.xlb_flows, p->nr_buckets);
	bpf_map__set_max_entries(p->skel->maps.xlb_flows6, p->nr_buckets6);
	return xlb_bpf__load(p->skel);
}

static void map_tables(struct prog *p)
{
	struct xlb_tables *t = &p->skel->bss->xlb_tables;
	struct xlb_cpu *cpu;

	p->control = &t->control;
	p->flows = memory_of(p->skel->maps.xlb_flows);
	p->flows6 = memory_of(p->skel->maps.xlb_flows6);
	p->addrs = t->addrs;
	p->vips = t->vips;
	p->ranges = t->ranges;
	p->returns = t->returns;
	p->services = t->services;
	p->backends = t->backends;
	p->cursors = t->cursors;
	p->ring = t->ring;
	p->marks = t->marks;
	p->servers = t->servers;
	p->load = t->load;
	p->svc_load = t->svc_load;
	p->nexthops = t->nexthops;
	p->busy = t->busy;
	cpu = (struct xlb_cpu *)memory_of(p->skel->maps.xlb_cpus) + sched_getcpu();
	p->reasons = cpu->reasons;
	p->svc_stats = cpu->services;
	p->srv_stats = cpu->servers;
	p->limits = &cpu->answers;
	p->rates = memory_of(p->skel->maps.xlb_rates);
	p->hops = memory_of(p->skel->maps.xlb_hops);
	p->hops_len =
		/* The kernel rounds values up to 8 bytes. */
		((size_t)bpf_map__value_size(p->skel->maps.xlb_hops) + 7) / 8 * 8 *
		bpf_map__max_entries(p->skel->maps.xlb_hops);
	p->frags_fd = bpf_map__fd(p->skel->maps.xlb_frags);
}

static int make_sticks(struct prog *p)
{
	__u32 i;

	for (i = 1; i < 4; i++) {
		p->stick_fd[i] = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "stick", sizeof(struct xlb_stick_key),
						sizeof(struct xlb_stick), STICK_ENTRIES, NULL);
		if (p->stick_fd[i] < 0 ||
		    bpf_map_update_elem(bpf_map__fd(p->skel->maps.xlb_sticks), &i, &p->stick_fd[i], BPF_ANY))
			return -errno;
		p->skel->bss->xlb_tables.stick_confs[i].flags = M_STICK_IP6(i) ? XLB_STICK_IP6 : 0;
	}
	return 0;
}

static int put_in_front(struct prog *p)
{
	__u32 key = 0, index[] = { 0, if_nametoindex("in0"), if_nametoindex("other0") };
	int fd = bpf_program__fd(p->skel->progs.xlb_xdp), i;

	p->front = model_poison_bpf__open_and_load();
	if (!p->front || bpf_map_update_elem(bpf_map__fd(p->front->maps.model_target), &key, &fd, BPF_ANY))
		return -errno;
	p->in_ifindex = index[1];
	if (!bpf_program__attach_xdp(p->front->progs.pass, p->in_ifindex))
		return -errno;
	for (i = 1; i <= 2; i++) {
		key = i;
		p->control->ifindex[i] = index[i];
		p->control->mtu[i] = 1500;
		if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.xlb_ports), &key, &index[i], BPF_ANY))
			return -errno;
	}
	return 0;
}

/* To one CPU for good, whose counters are those of all packets; the harness's processes to different ones, mostly. */
static int stay(void)
{
	cpu_set_t allowed, one;
	int cpu, nr;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	nr = getpid() % CPU_COUNT(&allowed);
	for (cpu = 0; nr || !CPU_ISSET(cpu, &allowed); cpu++)
		nr -= CPU_ISSET(cpu, &allowed) != 0;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

int prog_open(struct prog *p, __u32 nr_buckets)
{
	int error;

	p->nr_buckets = p->nr_buckets6 = nr_buckets;
	if (unshare(CLONE_NEWNET))
		return -errno;
	if (system(network)) {
		fprintf(stderr, "cannot make the test's network\n");
		return -EIO;
	}
	error = stay();
	if (!error)
		error = load(p);
	if (error)
		return error;
	map_tables(p);
	error = make_sticks(p);
	return error ? error : put_in_front(p);
}

void prog_close(struct prog *p)
{
	model_poison_bpf__destroy(p->front);
	xlb_bpf__destroy(p->skel);
}

int prog_run(struct prog *p, const struct frame *in, struct frame *out)
{
	struct xdp_md ctx = { .data_end = (__u32)in->len, .ingress_ifindex = (__u32)p->in_ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = (__u32)in->len, .data_out = out->data,
		    .data_size_out = FRAME_MAX + 60, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(p->front->progs.poison), &opts))
		return -errno;
	out->len = opts.data_size_out;
	return (int)opts.retval;
}
