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

/* The tables that tests read and write, by their names in struct fix and in the skeleton. */
#define FIX_TABLES(X)                                                                                                  \
	X(control)                                                                                                     \
	X(flows) X(flows6) X(addrs) X(vips) X(ranges) X(returns) X(services) X(backends) X(ring) X(marks) X(servers)   \
		X(load) X(svc_load) X(nexthops) X(busy)

static void map_all(struct fix *f)
{
#define MAP_IT(name) f->name = map_memory(f->skel->maps.xlb_##name);
	FIX_TABLES(MAP_IT)
}

static void unmap_all(struct fix *f)
{
#define UNMAP_IT(name) munmap(f->name, map_bytes(f->skel->maps.xlb_##name));
	FIX_TABLES(UNMAP_IT)
}

/* Packets of test runs come by the loopback device of the caller's namespace: give them one without routes. */
static void enter_namespace(void)
{
	static int done;

	if (done++)
		return;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
}

static void fill_servers(struct fix *f)
{
	const uint8_t *macs[] = { NULL, mac_server1, mac_server2 };
	const uint32_t addrs[] = { 0, ip_server1, ip_server2 };
	int i;

	for (i = SRV_1; i <= SRV_2; i++) {
		struct xlb_server *s = &f->servers[i];

		s->flags = XLB_SRV_UP;
		s->mode = XLB_MODE_FULLNAT;
		s->family = 4;
		s->addr[0] = htonl(addrs[i]);
		s->port = htons(SERVER_PORT);
		s->source[0] = htonl(ip_balancer);
		s->pool_lo = POOL_LO;
		s->pool_hi = POOL_HI;
		s->oif = IF_LO;
		s->weight = 1;
		s->backend = BE_WEB;
		memcpy(s->dmac, macs[i], 6);
		memcpy(s->smac, mac_balancer, 6);
	}
}

/* The slot of an address, taken now if it has none yet. */
static struct xlb_addr *addr_slot(struct fix *f, const __be32 *addr, uint8_t family)
{
	uint32_t slot = xlb_addr_hash(f->secrets, addr, family);

	((uint64_t *)&f->addrs[xlb_addr_filter_key(slot)])[xlb_addr_filter_word(slot)] |= xlb_addr_filter_bit(slot);
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

void fix_set_ring(struct fix *f, const uint16_t *servers, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		f->ring[i / XLB_RING_WAYS].server[i % XLB_RING_WAYS] = servers[i];
	f->backends[BE_WEB].ring = XLB_RING(f->alg, 0, nr);
}

static void fill_tables(struct fix *f)
{
	static const uint32_t timeouts[XLB_NR_STATES] = { 30, 3600, 300, 60, 10 };
	int i;

	f->control->ifindex[IF_LO] = 1;
	f->control->ifindex[IF_OTHER] = 99;
	f->control->idle_free = 200;
	for (i = SVC_WEB; i <= SVC_DNS; i++) {
		f->services[i].backend = BE_WEB;
		f->services[i].flags = XLB_SVC_ENABLED;
		memcpy(f->services[i].timeout, timeouts, sizeof(timeouts));
	}
	fill_servers(f);
	fix_set_ring(f, (uint16_t[]){ SRV_1, SRV_2 }, 2);
	fix_add_addr(f, ip_balancer, POOL_LO, POOL_HI);
	fix_add_vip(f, ip_balancer, VIP_PORT, IPPROTO_TCP, SVC_WEB);
	fix_add_vip(f, ip_balancer, DNS_PORT, IPPROTO_UDP, SVC_DNS);
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

static void read_reasons(struct fix *f, uint64_t sums[XLB_R_MAX])
{
	int nr_cpus = libbpf_num_possible_cpus(), cpu;
	uint64_t values[MAX_CPUS];
	uint32_t key;

	assert_in_range(nr_cpus, 1, MAX_CPUS);
	for (key = 0; key < XLB_R_MAX; key++) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->skel->maps.xlb_reasons), &key, values), 0);
		for (sums[key] = 0, cpu = 0; cpu < nr_cpus; cpu++)
			sums[key] += values[cpu];
	}
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

static bool entry_is(struct fix *f, const struct xlb_flow4 *e, uint32_t saddr, uint16_t sport, uint32_t daddr,
		     uint16_t dport, uint8_t proto)
{
	const struct xlb_server *srv = &f->servers[e->b.server];

	if (!(e->b.word & XLB_F_LIVE) || e->b.proto != proto)
		return false;
	if ((e->b.kind & 1) == XLB_FLOW_REQUEST)
		return e->client == htonl(saddr) && e->vip == htonl(daddr) && e->cport == htons(sport) &&
		       e->vport == htons(dport);
	return srv->addr[0] == htonl(saddr) && xlb_server_port(srv, e->vport) == htons(sport) &&
	       e->b.sport == htons(dport) &&
	       (srv->mode == XLB_MODE_FULLNAT ? srv->source[0] : e->client) == htonl(daddr);
}

static unsigned int nr_slots(const struct fix *f)
{
	return f->nr_buckets * XLB_BUCKET_LINES * XLB_FLOW4_WAYS;
}

static struct xlb_flow4 *slot_at(const struct fix *f, unsigned int i)
{
	return &f->flows[i / (XLB_BUCKET_LINES * XLB_FLOW4_WAYS)].slot[i % (XLB_BUCKET_LINES * XLB_FLOW4_WAYS)];
}

struct xlb_flow4 *fix_flow(struct fix *f, uint32_t saddr, uint16_t sport, uint32_t daddr, uint16_t dport, uint8_t proto)
{
	unsigned int i;

	for (i = 0; i < nr_slots(f); i++)
		if (entry_is(f, slot_at(f, i), saddr, sport, daddr, dport, proto))
			return slot_at(f, i);
	return NULL;
}

void fix_age(struct xlb_flow_body *b, uint32_t ticks)
{
	b->seen -= ticks << 8;
}

unsigned int fix_live(const struct fix *f)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_slots(f); i++)
		nr += slot_at(f, i)->b.word & XLB_F_LIVE;
	for (i = 0; i < f->nr_buckets * XLB_BUCKET_LINES; i++)
		nr += f->flows6[i / XLB_BUCKET_LINES].slot[i % XLB_BUCKET_LINES].b.word & XLB_F_LIVE;
	return nr;
}

void client_tcp(struct pkt *p, uint16_t sport, uint8_t flags)
{
	pkt_build(p, &(struct pkt_desc){ .saddr = ip_client,
					 .daddr = ip_balancer,
					 .sport = sport,
					 .dport = VIP_PORT,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .seq = 1000,
					 .ack = 77 });
}

void server_tcp(struct pkt *p, int server, uint16_t port, uint8_t flags)
{
	pkt_build(p, &(struct pkt_desc){ .saddr = server == 1 ? ip_server1 : ip_server2,
					 .daddr = ip_balancer,
					 .sport = SERVER_PORT,
					 .dport = port,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .smac = server == 1 ? mac_server1 : mac_server2,
					 .seq = 5,
					 .ack = 1001 });
}

void forwarded(struct pkt *p, const struct pkt_desc *from, int server, uint16_t port)
{
	struct pkt_desc d = *from;

	d.dmac = server == 1 ? mac_server1 : mac_server2;
	d.smac = mac_balancer;
	d.saddr = ip_balancer;
	d.daddr = server == 1 ? ip_server1 : ip_server2;
	d.sport = port;
	d.dport = SERVER_PORT;
	d.ttl = (from->ttl ? from->ttl : 64) - 1;
	pkt_build(p, &d);
}

uint16_t open_flow(struct fix *f, uint16_t sport, int *ret_server)
{
	struct pkt in, out;

	client_tcp(&in, sport, TH_SYN);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	if (ret_server)
		*ret_server = pkt_ip(&out)->daddr == htonl(ip_server1) ? 1 : 2;
	return ntohs(pkt_tcp(&out)->source);
}

uint16_t establish(struct fix *f, uint16_t sport, int *ret_server)
{
	int server = 0;
	uint16_t port = open_flow(f, sport, &server);
	struct pkt p;

	server_tcp(&p, server, port, TH_SYN | TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_REPLY, NULL);
	client_tcp(&p, sport, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
	if (ret_server)
		*ret_server = server;
	return port;
}
