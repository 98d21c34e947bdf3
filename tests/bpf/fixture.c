/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the program for a test, fills its tables, runs packets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fixture.h"
#include "kept.h"
#include "xlb.skel.h"

const uint32_t ip_client = IP4(10, 1, 0, 9), ip_balancer = IP4(10, 0, 0, 4), ip_server1 = IP4(10, 0, 0, 5),
	       ip_server2 = IP4(10, 0, 0, 6);
const uint8_t mac_client[6] = { 2, 0, 0, 0, 0, 9 }, mac_balancer[6] = { 2, 0, 0, 0, 0, 4 },
	      mac_server1[6] = { 2, 0, 0, 0, 0, 5 }, mac_server2[6] = { 2, 0, 0, 0, 0, 6 };
uint64_t fix_seen_reasons;

static size_t map_bytes(const struct bpf_map *map)
{
	size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map), page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static void *map_memory(const struct bpf_map *map)
{
	void *p = mmap(NULL, map_bytes(map), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static void map_all(struct fix *f)
{
	struct xlb_tables *t = &f->skel->bss->xlb_tables;

	f->cpus = map_memory(f->skel->maps.xlb_cpus);
	f->flows = map_memory(f->skel->maps.xlb_flows);
	f->flows6 = map_memory(f->skel->maps.xlb_flows6);
	f->control = &t->control;
	f->addrs = t->addrs;
	f->vips = t->vips;
	f->ranges = t->ranges;
	f->returns = t->returns;
	f->services = t->services;
	f->backends = t->backends;
	f->ring = t->ring;
	f->marks = t->marks;
	f->stick_confs = t->stick_confs;
	f->policies = t->policies;
	f->rules = t->rules;
	f->servers = t->servers;
	f->load = t->load;
	f->svc_load = t->svc_load;
	f->nexthops = t->nexthops;
	f->busy = t->busy;
}

static void unmap_all(struct fix *f)
{
	munmap(f->cpus, map_bytes(f->skel->maps.xlb_cpus));
	munmap(f->flows, map_bytes(f->skel->maps.xlb_flows));
	munmap(f->flows6, map_bytes(f->skel->maps.xlb_flows6));
}

/* Packets of test runs come by the loopback device of the caller's namespace: give them one without routes. */
static void enter_namespace(void)
{
	static int done;

	if (done++)
		return;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
}

/* Servers SRV_1 and SRV_2, and with family 6 their twins. */
static void fill_servers(struct fix *f, uint16_t first, uint8_t family)
{
	const uint8_t *macs[] = { mac_server1, mac_server2 };
	int i;

	for (i = 0; i < 2; i++) {
		struct xlb_server *s = &f->servers[first + i];

		s->flags = XLB_SRV_UP;
		s->oif = IF_LO;
		s->weight = 1;
		s->backend = family == 6 ? BE_WEB6 : BE_WEB;
		memcpy(s->dmac, macs[i], 6);
		memcpy(s->smac, mac_balancer, 6);
	}
}

static void set_addr(__be32 *to, uint32_t addr, uint8_t family)
{
	memset(to, 0, 16);
	if (family == 6)
		pkt_twin(addr, (uint8_t *)to);
	else
		to[0] = htonl(addr);
}

static void set_mode(struct fix *f, uint16_t id, enum xlb_mode mode, uint8_t family)
{
	bool nat = mode == XLB_MODE_FULLNAT || mode == XLB_MODE_DNAT, twin = id >= SRV6_1;
	uint32_t addr = (id - 1) % 2 ? ip_server2 : ip_server1;
	struct xlb_server *s = &f->servers[id];
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	size_t i;

	s->mode = mode;
	s->family = family;
	set_addr(s->addr, addr, family);
	set_addr(s->source, ip_balancer, family);
	s->port = nat ? htons(SERVER_PORT) : 0;
	s->pool_lo = POOL_LO;
	s->pool_hi = POOL_HI;
	if (mode != XLB_MODE_DNAT)
		return;
	for (i = 0; i < 2; i++) {
		uint16_t id_return = id * 2 + i;

		f->returns[id_return] = (struct xlb_return){ .vport = htons(i ? DNS_PORT : VIP_PORT),
							     .service = (twin ? SVC_WEB6 : SVC_WEB) + i,
							     .server = id,
							     .family = family,
							     .flags = XLB_RETURN_STATE };
		set_addr(f->returns[id_return].vip, ip_balancer, family);
		fix_bind(f, s->addr, family, SERVER_PORT, protos[i], XLB_VIP_RETURN | id_return);
	}
}

void fix_set_mode(struct fix *f, enum xlb_mode mode, uint8_t tunnel)
{
	uint16_t id;

	for (id = SRV_1; id <= SRV6_2; id++)
		set_mode(f, id, mode, tunnel ? tunnel : id >= SRV6_1 ? 6 : 4);
}

/* The slot of an address, taken now if it has none yet. */
static struct xlb_addr *addr_slot(struct fix *f, const __be32 *addr, uint8_t family)
{
	uint32_t slot = xlb_addr_hash(f->secrets, addr, family);

	*xlb_addr_filter_word(f->addrs, slot) |= xlb_addr_filter_bit(slot);
	while (f->addrs[slot].family && memcmp(f->addrs[slot].addr, addr, sizeof(f->addrs[slot].addr)))
		slot = (slot + 1) % XLB_ADDR_SLOTS;
	memcpy(f->addrs[slot].addr, addr, sizeof(f->addrs[slot].addr));
	if (!f->addrs[slot].family)
		f->addrs[slot].pool_lo = 1;
	f->addrs[slot].family = family;
	return &f->addrs[slot];
}

void fix_add_addr(struct fix *f, uint32_t addr, uint16_t lo, uint16_t hi)
{
	struct xlb_addr *a = addr_slot(f, (__be32[4]){ htonl(addr) }, 4);

	a->pool_lo = lo;
	a->pool_hi = hi;
}

struct xlb_addr *fix_addr(struct fix *f, uint32_t addr, uint8_t family)
{
	__be32 words[4];

	set_addr(words, addr, family);
	return addr_slot(f, words, family);
}

struct xlb_addr *fix_bind(struct fix *f, const __be32 *addr, uint8_t family, uint16_t port, uint8_t proto,
			  uint16_t service)
{
	struct xlb_addr *a = addr_slot(f, addr, family);
	uint32_t slot = (uint32_t)(a - f->addrs), bit = xlb_port_bit(htons(port), proto);
	struct xlb_vip *v = f->vips[xlb_vip_hash(f->secrets, slot, htons(port), proto, service & 1)].way;

	while (v->proto)
		v++;
	*v = (struct xlb_vip){ .addr_slot = (uint16_t)slot, .port = htons(port), .proto = proto, .service = service };
	a->bloom[bit / 32] |= 1u << (bit % 32);
	a->flags |= service & XLB_VIP_RETURN ? XLB_ADDR_SERVER : XLB_ADDR_ECHO;
	return a;
}

void fix_add_vip(struct fix *f, uint32_t addr, uint16_t port, uint8_t proto, uint16_t service)
{
	fix_bind(f, (__be32[4]){ htonl(addr) }, 4, port, proto, service);
}

void fix_ring(struct fix *f, uint16_t backend, enum xlb_alg alg, const uint16_t *entries, const uint16_t *previous,
	      unsigned int nr)
{
	unsigned int first = (backend - 1) * RING_VALUES, i;

	for (i = 0; i < nr; i++) {
		f->ring[first + i / XLB_RING_WAYS].server[i % XLB_RING_WAYS] = entries[i];
		if (previous)
			f->marks[first + i / XLB_RING_WAYS].server[i % XLB_RING_WAYS] = previous[i];
	}
	f->backends[backend].ring = XLB_RING(alg, first, nr);
}

void fix_set_ring(struct fix *f, const uint16_t *servers, unsigned int nr)
{
	fix_ring(f, BE_WEB, f->alg, servers, NULL, nr);
}

void fix_set_stateless(struct fix *f)
{
	int i;

	for (i = SVC_WEB; i <= SVC_DNS6; i++)
		f->services[i].flags |= XLB_SVC_STATELESS;
	for (i = BE_WEB; i <= BE_WEB6; i++) {
		f->backends[i].flags |= XLB_BE_STATELESS;
		f->backends[i].parts = XLB_HASH_SRC | XLB_HASH_SPORT;
		f->backends[i].mask4 = 32;
		f->backends[i].mask6 = 128;
		xlb_backend_set_masks(&f->backends[i]);
		f->backends[i].seed[0] = 0x1234567;
		f->backends[i].seed[1] = 0x9e3779b97f4a7c15ull;
	}
	fix_ring(f, BE_WEB, XLB_ALG_MAGLEV, (uint16_t[]){ SRV_1 }, NULL, 1);
	fix_ring(f, BE_WEB6, XLB_ALG_MAGLEV, (uint16_t[]){ SRV6_1 }, NULL, 1);
	fix_addr(f, ip_balancer, 4)->flags |= XLB_ADDR_STATELESS;
	fix_addr(f, ip_balancer, 6)->flags |= XLB_ADDR_STATELESS;
}

int fix_stick(struct fix *f, uint16_t backend, uint32_t expire)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "stick", sizeof(struct xlb_stick_key), sizeof(struct xlb_stick),
				64, NULL);
	uint32_t key = backend;

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(f->skel->maps.xlb_sticks), &key, &fd, 0), 0);
	kept_note_inner(bpf_map__fd(f->skel->maps.xlb_sticks), key);
	f->backends[backend].stick = backend;
	f->backends[backend].stick_expire = expire;
	return fd;
}

void fix_add_range(struct fix *f, uint32_t addr, uint8_t family, struct xlb_range range)
{
	struct xlb_addr *a = fix_addr(f, addr, family);
	uint32_t port;

	if (!a->nr_ranges)
		a->first_range = ++f->nr_ranges;
	else
		f->nr_ranges++;
	f->ranges[a->first_range + a->nr_ranges++] = range;
	for (port = range.lo; port <= range.hi; port++)
		a->bloom[xlb_port_bit(htons(port), range.proto) / 32] |= 1u
									 << xlb_port_bit(htons(port), range.proto) % 32;
}

static void fill_tables(struct fix *f)
{
	static const uint32_t timeouts[XLB_NR_STATES] = { 30, 3600, 300, 60, 10 };
	__be32 twin[4];
	int i;

	f->control->ifindex[IF_LO] = 1;
	f->control->ifindex[IF_OTHER] = IFINDEX_OTHER;
	f->control->idle_free = 200;
	f->control->answers = 1;
	for (i = SVC_WEB; i <= SVC_DNS6; i++) {
		f->services[i].backend = i >= SVC_WEB6 ? BE_WEB6 : BE_WEB;
		f->services[i].flags = XLB_SVC_ENABLED;
		memcpy(f->services[i].timeout, timeouts, sizeof(timeouts));
	}
	fill_servers(f, SRV_1, 4);
	fill_servers(f, SRV6_1, 6);
	fix_set_mode(f, XLB_MODE_FULLNAT, 0);
	fix_set_ring(f, (uint16_t[]){ SRV_1, SRV_2 }, 2);
	fix_ring(f, BE_WEB6, XLB_ALG_RR, (uint16_t[]){ SRV6_1, SRV6_2 }, NULL, 2);
	fix_add_addr(f, ip_balancer, POOL_LO, POOL_HI);
	fix_add_vip(f, ip_balancer, VIP_PORT, IPPROTO_TCP, SVC_WEB);
	fix_add_vip(f, ip_balancer, DNS_PORT, IPPROTO_UDP, SVC_DNS);
	set_addr(twin, ip_balancer, 6);
	fix_bind(f, twin, 6, VIP_PORT, IPPROTO_TCP, SVC_WEB6);
	fix_bind(f, twin, 6, DNS_PORT, IPPROTO_UDP, SVC_DNS6);
	fix_addr(f, ip_balancer, 6)->pool_lo = POOL_LO;
	fix_addr(f, ip_balancer, 6)->pool_hi = POOL_HI;
}

/* The secrets of this run of the tests: the same for all its cases, so that these share loaded programs. */
static void take_secrets(__u64 secrets[XLB_NR_SECRETS])
{
	static __u64 of_run[XLB_NR_SECRETS];
	int i;

	for (i = 0; i < XLB_NR_SECRETS && !of_run[i]; i++)
		of_run[i] = ((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ rand()) | 1;
	memcpy(secrets, of_run, sizeof(of_run));
}

static int setup(void **state, uint32_t nr_buckets, uint32_t answers)
{
	struct fix *f = calloc(1, sizeof(*f));
	uint32_t key, other = 1;

	assert_non_null(f);
	enter_namespace();
	f->nr_buckets = nr_buckets;
	f->skel = xlb_bpf__open();
	assert_non_null(f->skel);
	take_secrets(f->secrets);
	memcpy((void *)f->skel->rodata->xlb_cfg_secrets, f->secrets, sizeof(f->secrets));
	f->skel->rodata->xlb_cfg_nr_buckets = nr_buckets;
	f->skel->rodata->xlb_cfg_nr_buckets6 = nr_buckets;
	f->skel->rodata->xlb_cfg_answers_per_s = answers;
	f->nr_cpus = libbpf_num_possible_cpus();
	assert_true(f->nr_cpus > 0);
	bpf_map__set_max_entries(f->skel->maps.xlb_cpus, (uint32_t)f->nr_cpus);
	bpf_map__set_max_entries(f->skel->maps.xlb_flows, nr_buckets);
	bpf_map__set_max_entries(f->skel->maps.xlb_flows6, nr_buckets);
	f->skel = kept_load(f->skel);
	map_all(f);
	fill_tables(f);
	key = IF_OTHER;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(f->skel->maps.xlb_ports), &key, &other, 0), 0);
	*state = f;
	return 0;
}

int fix_setup(void **state)
{
	return setup(state, 64, 1000000);
}

int fix_setup_one_bucket(void **state)
{
	return setup(state, 1, 1000000);
}

int fix_setup_no_answers(void **state)
{
	return setup(state, 64, 0);
}

int fix_teardown(void **state)
{
	struct fix *f = *state;

	unmap_all(f);
	free(f);
	return 0;
}

static void read_reasons(const struct fix *f, uint64_t sums[XLB_R_MAX])
{
	memset(sums, 0, XLB_R_MAX * sizeof(*sums));
	for (int cpu = 0; cpu < f->nr_cpus; cpu++)
		for (int reason = 0; reason < XLB_R_MAX; reason++)
			sums[reason] += f->cpus[cpu].reasons[reason];
}

static const char *reason_name(enum xlb_reason reason)
{
	static const char *const names[XLB_R_MAX] = { "NONE",
#define NAME(name, verdict, expected, text, advice) #name,
						      XLB_REASONS(NAME)
#undef NAME
	};

	return reason < XLB_R_MAX ? names[reason] : "?";
}

int fix_run(struct fix *f, const struct pkt *in, struct pkt *out, enum xlb_reason *ret_reason)
{
	uint64_t before[XLB_R_MAX], after[XLB_R_MAX];
	struct pkt scratch;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len, .repeat = 1);
	unsigned int i, nr = 0;

	if (!out)
		out = &scratch;
	memset(out, 0xff, sizeof(*out));
	opts.data_out = out->data;
	opts.data_size_out = PKT_MAX;
	read_reasons(f, before);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(f->skel->progs.xlb_xdp), &opts), 0);
	read_reasons(f, after);
	out->len = opts.data_size_out;
	*ret_reason = XLB_R_NONE;
	for (i = 0; i < XLB_R_MAX; i++) {
		if (after[i] == before[i])
			continue;
		nr += after[i] - before[i];
		*ret_reason = i;
		fix_seen_reasons |= 1ull << i;
	}
	if (nr != 1)
		fail_msg("one packet was counted %u times", nr);
	return opts.retval;
}

void fix_expect(struct fix *f, const struct pkt *in, int verdict, enum xlb_reason reason, struct pkt *out,
		const char *file, int line)
{
	enum xlb_reason seen;
	int ret = fix_run(f, in, out, &seen);

	if (ret == verdict && seen == reason) {
		if (verdict == XDP_PASS && out)
			pkt_assert_equal(out, in, file, line);
		return;
	}
	print_error("expected verdict %d for %s, saw %d for %s\n", verdict, reason_name(reason), ret,
		    reason_name(seen));
	_fail(file, line);
}
