// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which server a new flow goes to: every algorithm, limits, persistence; and which service a port belongs to.
 *
 * Most cases use eight servers of their own, FIRST to FIRST + 7, whose number is the last byte of their MAC address and
 * which answer directly: a flow is one entry.
 */
#include <arpa/inet.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "fixture.h"
#include "way.h"

enum { FIRST = 10, NR = 8 };
static const uint16_t all[NR] = { 10, 11, 12, 13, 14, 15, 16, 17 };

static void add_servers(struct fix *f)
{
	int i;

	for (i = 0; i < NR; i++) {
		struct xlb_server *s = &f->servers[FIRST + i];

		*s = f->servers[SRV_1];
		s->mode = XLB_MODE_L2DSR;
		s->port = 0;
		s->dmac[5] = FIRST + i;
	}
}

static struct pkt_desc syn_from(uint32_t saddr, uint16_t sport)
{
	return (struct pkt_desc){ .saddr = saddr,
				  .daddr = ip_balancer,
				  .sport = sport,
				  .dport = VIP_PORT,
				  .proto = IPPROTO_TCP,
				  .flags = TH_SYN };
}

/* The server that a new flow goes to. */
static int pick(struct fix *f, uint32_t saddr, uint16_t sport)
{
	struct pkt_desc d = syn_from(saddr, sport);
	struct pkt in, out;

	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	return out.data[5];
}

static void refuse(struct fix *f, uint16_t sport, enum xlb_reason reason)
{
	struct pkt_desc d = syn_from(ip_client, sport);
	uint64_t refused = fix_svc_stats(f, SVC_WEB).refused;
	unsigned int live = fix_live(f);
	struct pkt in;

	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, reason, NULL);
	assert_int_equal(fix_live(f), live);
	assert_int_equal(fix_svc_stats(f, SVC_WEB).refused, refused + 1);
}

/* --- round robin and random --------------------------------------------------------------------------------------- */

static void round_robin__both_services_of_backend__one_order(void **state)
{
	static const struct way udp = { .mode = XLB_MODE_L2DSR, .family = 4, .proto = IPPROTO_UDP };
	struct fix *f = *state;
	struct pkt in, out;
	int i;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_RR, all, NULL, NR);
	for (i = 0; i < 20; i++) {
		struct pkt_desc d = i % 3 ? syn_from(ip_client, 40000 + i) : way_request(&udp, 40000 + i, 0);

		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
		assert_int_equal(out.data[5], FIRST + i % NR);
	}
}

/* A ring longer than a cache line, and a change of length while it is in use: always the entry that the cursor names.
 */
static void round_robin__long_ring_replaced__cursor_goes_on(void **state)
{
	static const unsigned int lengths[] = { 100, 7, 33, 1, 64 };
	struct fix *f = *state;
	uint16_t ring[100];
	int i;

	add_servers(f);
	for (i = 0; i < 100; i++)
		ring[i] = FIRST + i * i % NR;
	for (i = 0; i < 200; i++) {
		if (i % 40 == 0)
			fix_ring(f, BE_WEB, XLB_ALG_RR, ring, NULL, lengths[i / 40]);
		assert_int_equal(pick(f, ip_client, 40000 + i), ring[i % lengths[i / 40]]);
	}
}

static void random__ring__every_entry_has_its_share(void **state)
{
	static const uint16_t ring[4] = { 10, 11, 11, 12 };
	int seen[FIRST + NR] = { 0 }, i;
	struct fix *f = *state;

	add_servers(f);
	f->backends[BE_WEB].draws = 1;
	fix_ring(f, BE_WEB, XLB_ALG_RANDOM, ring, NULL, 4);
	for (i = 0; i < 400; i++)
		seen[pick(f, ip_client, 40000 + i)]++;
	/* Seven standard deviations around 100 and 200. */
	assert_in_range(seen[10], 40, 160);
	assert_in_range(seen[11], 130, 270);
	assert_in_range(seen[12], 40, 160);
}

/* Of eight draws among two servers all fall on the busy one once in 256. */
static void random__of_several_draws__less_loaded_taken(void **state)
{
	struct fix *f = *state;
	int i, busy = 0, weak = 0;

	add_servers(f);
	f->backends[BE_WEB].draws = 8;
	fix_ring(f, BE_WEB, XLB_ALG_RANDOM, all, NULL, 2);
	f->load[10].active = 10000;
	for (i = 0; i < 200; i++)
		busy += pick(f, ip_client, 40000 + i) == 10;
	assert_in_range(busy, 0, 8);
	f->load[11].active = 10000;
	f->servers[11].weight = 100;
	for (i = 0; i < 200; i++)
		weak += pick(f, ip_client, 41000 + i) == 10;
	assert_in_range(weak, 0, 8);
}

/* --- least connections and first ---------------------------------------------------------------------------------- */

static void leastconn__loads__least_per_weight_taken(void **state)
{
	static const uint32_t loads[NR] = { 30, 7, 12, 9, 80, 7, 6, 50 };
	static const uint16_t weights[NR] = { 1, 2, 1, 1, 20, 1, 1, 3 };
	struct fix *f = *state;
	int i, j, id;

	add_servers(f);
	for (i = 0; i < NR; i++) {
		f->load[FIRST + i].active = loads[i];
		f->servers[FIRST + i].weight = weights[i];
	}
	fix_ring(f, BE_WEB, XLB_ALG_LEAST, all, NULL, NR);
	for (i = 0; i < 300; i++) {
		uint32_t before[NR];

		for (j = 0; j < NR; j++)
			before[j] = f->load[FIRST + j].active + 1;
		id = pick(f, ip_client, 40000 + i) - FIRST;
		for (j = 0; j < NR; j++) /* to a 65536th, the quotients' precision */
			assert_true(before[id] * 65536ull / weights[id] <= before[j] * 65536ull / weights[j]);
		assert_int_equal(f->load[FIRST + id].active, before[id]);
	}
}

/* Connections so short that all servers are idle whenever the next one comes. */
static void leastconn__equals__take_turns(void **state)
{
	struct fix *f = *state;
	int seen[FIRST + NR] = { 0 }, i, id;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_LEAST, all, NULL, NR);
	for (i = 0; i < 5 * NR; i++) {
		id = pick(f, ip_client, 40000 + i);
		seen[id]++;
		f->load[id].active = 0;
	}
	for (id = FIRST; id < FIRST + NR; id++)
		assert_int_equal(seen[id], 5);
}

static void leastconn__flow_ends__server_is_less_loaded(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	int id, i;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_LEAST, all, NULL, NR);
	for (i = 0; i < 2 * NR; i++)
		pick(f, ip_client, 40000 + i);
	d = syn_from(ip_client, 40005);
	d.flags = TH_RST;
	pkt_build(&in, &d);
	id = f->servers[fix_entry(f, &in)->server].dmac[5];
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
	assert_int_equal(pick(f, ip_client, 41000), id);
}

static void first__limits__filled_in_order(void **state)
{
	static const uint32_t limits[] = { 2, 3, 1 };
	static const int want[] = { 10, 10, 11, 11, 11, 12 };
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	int i;

	add_servers(f);
	for (i = 0; i < 3; i++) {
		f->servers[FIRST + i].flags |= XLB_SRV_FULL;
		f->servers[FIRST + i].limit = limits[i];
	}
	fix_ring(f, BE_WEB, XLB_ALG_FIRST, all, NULL, 3);
	for (i = 0; i < 6; i++)
		assert_int_equal(pick(f, ip_client, 40000 + i), want[i]);
	refuse(f, 41000, XLB_R_SERVERS_FULL);
	d = syn_from(ip_client, 40003);
	d.flags = TH_RST;
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
	assert_int_equal(pick(f, ip_client, 41001), 11);
	f->servers[11].oif = f->servers[12].oif = 0;
	refuse(f, 41002, XLB_R_SERVERS_FULL); /* one is full, and the reason to look at */
	f->servers[10].oif = 0;
	refuse(f, 41003, XLB_R_NO_NEIGHBOUR);
}

/* --- hashes ------------------------------------------------------------------------------------------------------- */

static void set_hash(struct fix *f, uint16_t backend, uint8_t parts, uint8_t mask4, uint8_t mask6)
{
	struct xlb_backend *be = &f->backends[backend];

	be->parts = parts;
	be->mask4 = mask4;
	be->mask6 = mask6;
	xlb_backend_set_masks(be);
	be->seed[0] = 0x0123456789abcdefull;
	be->seed[1] = 0xfedcba9876543211ull;
}

static void source_hash__any_port__same_server(void **state)
{
	struct fix *f = *state;
	int i, port, id, seen = 0;

	add_servers(f);
	set_hash(f, BE_WEB, XLB_HASH_SRC, 32, 128);
	fix_ring(f, BE_WEB, XLB_ALG_HASH, all, NULL, NR);
	for (i = 0; i < 64; i++) {
		id = pick(f, ip_client + i, 1000);
		seen |= 1 << (id - FIRST);
		for (port = 1; port < 4; port++)
			assert_int_equal(pick(f, ip_client + i, 1000 + port), id);
	}
	assert_int_equal(seen, (1 << NR) - 1);
}

static void source_hash__masked__whole_subnet_one_server(void **state)
{
	static const struct way w6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	struct pkt in, out;
	int i, id;

	add_servers(f);
	set_hash(f, BE_WEB, XLB_HASH_SRC, 24, 0);
	fix_ring(f, BE_WEB, XLB_ALG_HASH, all, NULL, NR);
	id = pick(f, IP4(10, 1, 0, 0), 1000);
	for (i = 1; i < 256; i += 5)
		assert_int_equal(pick(f, IP4(10, 1, 0, i), 1000), id);
	/* The first 100 bits: the twin's prefix of 96 and four bits of the address. */
	set_hash(f, BE_WEB6, XLB_HASH_SRC, 0, 100);
	fix_ring(f, BE_WEB6, XLB_ALG_HASH, all, NULL, NR);
	for (id = 0, i = 0; i < 30; i++) {
		struct pkt_desc d = way_request(&w6, 1000, TH_SYN);

		d.saddr = IP4(16 + i % 16, 7 * i, i, i);
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
		id = id ? id : out.data[5];
		assert_int_equal(out.data[5], id);
	}
}

/* The table's entry at the position of the hash, whatever takes part in it. */
static void maglev__table__position_is_that_of_the_hash(void **state)
{
	enum { LEN = 97 };
	static const uint8_t parts[] = { XLB_HASH_SRC, XLB_HASH_SPORT, XLB_HASH_SRC | XLB_HASH_SPORT,
					 XLB_HASH_SRC | XLB_HASH_SPORT | XLB_HASH_DST | XLB_HASH_DPORT,
					 XLB_HASH_DPORT };
	static const struct way w6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	uint16_t table[LEN];
	struct pkt in, out;
	uint32_t hash;
	size_t i, j;

	add_servers(f);
	for (i = 0; i < LEN; i++)
		table[i] = FIRST + i * 5 % NR;
	fix_ring(f, BE_WEB, XLB_ALG_MAGLEV, table, NULL, LEN);
	fix_ring(f, BE_WEB6, XLB_ALG_MAGLEV, table, NULL, LEN);
	for (i = 0; i < sizeof(parts); i++) {
		set_hash(f, BE_WEB, parts[i], 32, 128);
		set_hash(f, BE_WEB6, parts[i], 32, 128);
		for (j = 0; j < 20; j++) {
			uint32_t saddr = ip_client + 300 * i + j;
			uint16_t sport = 1000 + i * 100 + j;
			struct pkt_desc d = way_request(&w6, sport, TH_SYN);

			hash = xlb_select_hash4(&f->backends[BE_WEB], htonl(saddr), htonl(ip_balancer),
						xlb_port_word(htons(sport), htons(VIP_PORT)));
			assert_int_equal(pick(f, saddr, sport), table[xlb_select_pos(hash, LEN)]);
			d.saddr = saddr;
			pkt_build(&in, &d);
			hash = xlb_select_hash6(&f->backends[BE_WEB6], (__be32 *)&pkt_ip6(&in)->ip6_src,
						(__be32 *)&pkt_ip6(&in)->ip6_dst,
						xlb_port_word(htons(sport), htons(VIP_PORT)));
			expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
			assert_int_equal(out.data[5], table[xlb_select_pos(hash, LEN)]);
		}
	}
}

/* Where its server is full or out of reach, a source goes to the next entry, and only eight entries are looked at. */
static void hash__server_full__next_entry(void **state)
{
	struct fix *f = *state;
	int i, id;

	add_servers(f);
	set_hash(f, BE_WEB, XLB_HASH_SRC, 32, 128);
	fix_ring(f, BE_WEB, XLB_ALG_HASH, all, NULL, NR);
	id = pick(f, ip_client, 1000);
	for (i = 1; i < NR; i++) {
		if (i & 1) {
			f->servers[id].flags |= XLB_SRV_FULL;
			f->servers[id].limit = 1;
		} else {
			f->servers[id].oif = 0;
		}
		id = FIRST + (id + 1 - FIRST) % NR;
		assert_int_equal(pick(f, ip_client, 1000 + i), id);
	}
	f->servers[id].flags |= XLB_SRV_FULL;
	refuse(f, 2000, XLB_R_SERVERS_FULL);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void maxconn_of_server__reached__others_serve(void **state)
{
	struct fix *f = *state;
	int seen[FIRST + NR] = { 0 }, i;

	add_servers(f);
	for (i = 0; i < NR; i++) {
		f->servers[FIRST + i].flags |= XLB_SRV_FULL;
		f->servers[FIRST + i].limit = i + 1;
	}
	fix_ring(f, BE_WEB, XLB_ALG_RR, all, NULL, NR);
	for (i = 0; i < NR * (NR + 1) / 2; i++)
		seen[pick(f, ip_client, 40000 + i)]++;
	for (i = 0; i < NR; i++)
		assert_int_equal(seen[FIRST + i], i + 1);
	refuse(f, 50000, XLB_R_SERVERS_FULL);
}

static void maxconn_of_service__reached__refused_until_one_ends(void **state)
{
	struct fix *f = *state;
	uint16_t port[3];
	struct pkt in;
	int i, server;

	f->services[SVC_WEB].flags |= XLB_SVC_FULL;
	f->services[SVC_WEB].limit = 3;
	for (i = 0; i < 3; i++)
		port[i] = establish(f, 40000 + i, &server);
	assert_in_range(port[2], POOL_LO, POOL_HI);
	refuse(f, 41000, XLB_R_SERVICE_FULL);
	client_tcp(&in, 40001, TH_ACK); /* those inside are served */
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
	client_tcp(&in, 40001, TH_RST);
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
	open_flow(f, 41001, NULL);
	refuse(f, 41002, XLB_R_SERVICE_FULL);
}

/* One a second and CPU. However slow this machine is today, not more than the time that it took allows. */
static void rate_of_service__exceeded__refused(void **state)
{
	struct timespec begin, end;
	struct fix *f = *state;
	int i, passed = 0, refused = 0;
	enum xlb_reason reason;
	struct pkt in;

	f->services[SVC_WEB].flags |= XLB_SVC_RATE;
	f->services[SVC_WEB].rate = 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < 60 && (!refused || !passed); i++) {
		client_tcp(&in, 40000 + i, TH_SYN);
		fix_run(f, &in, NULL, &reason);
		assert_true(reason == XLB_R_NEW_FLOW || reason == XLB_R_RATE);
		passed += reason == XLB_R_NEW_FLOW;
		refused += reason == XLB_R_RATE;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(passed >= 1);
	assert_true(refused >= 1);
	assert_true(passed <= (end.tv_sec - begin.tv_sec + 2) * sysconf(_SC_NPROCESSORS_CONF));
	assert_int_equal(fix_svc_stats(f, SVC_WEB).refused, refused);
}

/* A server that sends its requests back, or two balancers that send to each other. */
static void loop__from_own_address__dropped(void **state)
{
	struct pkt_desc d = syn_from(ip_client, 40000);
	struct pkt in;

	d.smac = mac_balancer;
	pkt_build(&in, &d);
	expect(*state, &in, XDP_DROP, XLB_R_LOOP, NULL);
	assert_int_equal(fix_live(*state), 0);
}

/* --- persistence -------------------------------------------------------------------------------------------------- */

static struct xlb_stick_key stick_key(uint32_t addr)
{
	return (struct xlb_stick_key){ .addr = { htonl(addr) } };
}

static void age_stick(int fd, uint32_t addr, uint32_t ticks)
{
	struct xlb_stick_key key = stick_key(addr);
	struct xlb_stick value;

	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	value.tick -= ticks;
	assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_EXIST), 0);
}

static void stick__source_known__same_server_until_expiry(void **state)
{
	struct fix *f = *state;
	int fd, i, id, other;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_RR, all, NULL, NR);
	fd = fix_stick(f, BE_WEB, 100);
	id = pick(f, ip_client, 1000);
	other = pick(f, ip_client + 1, 1000);
	assert_int_not_equal(id, other);
	for (i = 1; i < 5; i++) {
		assert_int_equal(pick(f, ip_client, 1000 + i), id);
		assert_int_equal(pick(f, ip_client + 1, 1000 + i), other);
		age_stick(fd, ip_client, 90); /* every new flow counts as a visit */
	}
	age_stick(fd, ip_client, 20);
	other = pick(f, ip_client, 2000);
	assert_int_not_equal(other, id);
	assert_int_equal(pick(f, ip_client, 2001), other);
	close(fd);
}

static void stick__server_unusable__another_is_remembered(void **state)
{
	struct fix *f = *state;
	int fd, i, id, next;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_RR, all, NULL, NR);
	fd = fix_stick(f, BE_WEB, 1000000);
	id = pick(f, ip_client, 1000);
	for (i = 0; i < 4; i++) {
		struct xlb_server *s = &f->servers[id], good = *s;

		if (i == 0)
			s->flags &= ~XLB_SRV_UP;
		else if (i == 1)
			memset(s->dmac, 0, 6);
		else if (i == 2)
			s->backend = 0;
		else
			s->flags |= XLB_SRV_FULL; /* its limit is 0 */
		next = pick(f, ip_client, 2000 + i);
		assert_int_not_equal(next, id);
		*s = good;
		assert_int_equal(pick(f, ip_client, 3000 + i), next);
		id = next;
	}
	close(fd);
}

/* A server has gone and a new one of the same backend has its number: who stuck to the old one is a new client. */
static void stick__number_given_anew__not_the_server_of_before(void **state)
{
	struct fix *f = *state;
	int fd, id, next;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_RR, all, NULL, NR);
	fd = fix_stick(f, BE_WEB, 1000000);
	id = pick(f, ip_client, 1000);
	f->servers[id].identity ^= 0x5eed;
	next = pick(f, ip_client, 1001);
	assert_int_not_equal(next, id);
	assert_int_equal(pick(f, ip_client, 1002), next); /* and that one is remembered */
	assert_int_equal(pick(f, ip_client, 1003), next);
	close(fd);
}

/* Draining: not in the ring any more, but its sources still come back to it. */
static void stick__server_of_weight_0__kept(void **state)
{
	struct fix *f = *state;
	int fd, i;

	add_servers(f);
	fix_ring(f, BE_WEB, XLB_ALG_RR, all, NULL, 1);
	fd = fix_stick(f, BE_WEB, 1000000);
	assert_int_equal(pick(f, ip_client, 1000), FIRST);
	f->servers[FIRST].weight = 0;
	f->servers[FIRST].flags |= XLB_SRV_DRAIN;
	fix_ring(f, BE_WEB, XLB_ALG_RR, all + 1, NULL, 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(pick(f, ip_client, 2000 + i), FIRST);
		assert_int_not_equal(pick(f, ip_client + 1, 2000 + i), FIRST);
	}
	close(fd);
}

static void stick__ipv6_source__by_whole_address(void **state)
{
	static const struct way w = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	int fd, i, last = 0;
	struct pkt in, out;

	fd = fix_stick(f, BE_WEB6, 1000000);
	f->stick_confs[BE_WEB6].flags = XLB_STICK_IP6;
	for (i = 0; i < 8; i++) {
		struct pkt_desc d = way_request(&w, 1000 + i, TH_SYN);
		uint8_t addr[16];

		pkt_twin(ip_client, addr);
		addr[7] = i / 4; /* two sources that differ in one word alone */
		d.saddr6 = addr;
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
		if (i == 4)
			assert_int_not_equal(out.data[5], last);
		else if (i)
			assert_int_equal(out.data[5], last);
		last = out.data[5];
	}
	close(fd);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest select_tests[] = {
	T(round_robin__both_services_of_backend__one_order),
	T(round_robin__long_ring_replaced__cursor_goes_on),
	T(random__ring__every_entry_has_its_share),
	T(random__of_several_draws__less_loaded_taken),
	T(leastconn__loads__least_per_weight_taken),
	T(leastconn__equals__take_turns),
	T(leastconn__flow_ends__server_is_less_loaded),
	T(first__limits__filled_in_order),
	T(source_hash__any_port__same_server),
	T(source_hash__masked__whole_subnet_one_server),
	T(maglev__table__position_is_that_of_the_hash),
	T(hash__server_full__next_entry),
	T(maxconn_of_server__reached__others_serve),
	T(maxconn_of_service__reached__refused_until_one_ends),
	T(rate_of_service__exceeded__refused),
	T(loop__from_own_address__dropped),
	T(stick__source_known__same_server_until_expiry),
	T(stick__server_unusable__another_is_remembered),
	T(stick__number_given_anew__not_the_server_of_before),
	T(stick__server_of_weight_0__kept),
	T(stick__ipv6_source__by_whole_address),
};
const size_t nr_select_tests = sizeof(select_tests) / sizeof(select_tests[0]);
