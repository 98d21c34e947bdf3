// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The flow table and the source ports: nothing lost, nothing twice, nothing live pushed out.
 */
#include <arpa/inet.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fixture.h"
#include "xlb.skel.h"

static void many_flows__all_inserted__each_found_again(void **state)
{
	enum { NR = 120 }; /* of 128 that two servers and 64 ports allow */
	struct fix *f = *state;
	uint16_t ports[NR];
	int servers[NR], i;
	struct pkt p, out;

	for (i = 0; i < NR; i++)
		ports[i] = establish(f, 30000 + i * 7, &servers[i]);
	assert_int_equal(fix_live(f), 2 * NR);
	for (i = NR - 1; i >= 0; i--) {
		client_tcp(&p, 30000 + i * 7, TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REQUEST, &out);
		assert_int_equal(ntohs(pkt_tcp(&out)->source), ports[i]);
		server_tcp(&p, servers[i], ports[i], TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REPLY, &out);
		assert_int_equal(ntohs(pkt_tcp(&out)->dest), 30000 + i * 7);
	}
}

/* Slots come and go at random; homes' bitmaps must never lose a live entry nor find a dead one. */
static void churn__ended_by_daemon_and_reused__live_ones_found(void **state)
{
	enum { NR = 100 };
	struct fix *f = *state;
	unsigned int round, i, seed = 7;
	struct xlb_flow4 *e;
	struct pkt p;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < NR; i++) {
			client_tcp(&p, 20000 + i, TH_SYN);
			if (!fix_flow(f, ip_client, 20000 + i, ip_balancer, VIP_PORT, IPPROTO_TCP))
				expect(f, &p, XDP_TX, XLB_R_NEW_FLOW, NULL);
			else
				expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
		}
		for (i = 0; i < NR; i++) {
			seed = seed * 1103515245 + 12345;
			e = fix_flow(f, ip_client, 20000 + i, ip_balancer, VIP_PORT, IPPROTO_TCP);
			assert_non_null(e);
			if (seed >> 16 & 1) {
				struct xlb_flow4 *peer =
					fix_flow(f, e->b.server == 1 ? ip_server1 : ip_server2, SERVER_PORT,
						 ip_balancer, ntohs(e->b.sport), IPPROTO_TCP);

				assert_non_null(peer);
				peer->b.word &= ~XLB_F_LIVE;
				e->b.word &= ~XLB_F_LIVE;
			}
		}
	}
}

static void source_ports__one_server__each_once(void **state)
{
	struct fix *f = *state;
	uint64_t used = 0;
	struct pkt p;
	int i;

	fix_set_ring(f, (uint16_t[]){ SRV_1 }, 1);
	for (i = 0; i < 64; i++) {
		uint16_t port = establish(f, 30000 + i, NULL);

		assert_in_range(port, POOL_LO, POOL_HI);
		assert_false(used >> (port - POOL_LO) & 1);
		used |= 1ull << (port - POOL_LO);
	}
	client_tcp(&p, 31000, TH_SYN);
	expect(f, &p, XDP_DROP, XLB_R_PORTS_USED_UP, NULL);
	assert_int_equal(fix_live(f), 128);
}

static void source_ports__one_server_used_up__other_server_has_its_own(void **state)
{
	struct fix *f = *state;
	int i;

	for (i = 0; i < 128; i++)
		establish(f, 30000 + i, NULL);
	assert_int_equal(fix_live(f), 256);
}

static void source_ports__busy_on_host__not_used(void **state)
{
	struct fix *f = *state;
	struct pkt p;
	int i;

	fix_set_ring(f, (uint16_t[]){ SRV_1 }, 1);
	for (i = POOL_LO; i <= POOL_HI; i++)
		if (i != POOL_LO + 33)
			f->busy[i / 512].word[i / 64 % 8] |= 1ull << i % 64;
	assert_int_equal(establish(f, 30000, NULL), POOL_LO + 33);
	client_tcp(&p, 30001, TH_SYN);
	expect(f, &p, XDP_DROP, XLB_R_PORTS_USED_UP, NULL);
}

/* All 64 ports in use, three of them by flows that are ending: the one that ended first is taken over. */
static void source_ports__some_ending__oldest_taken_over(void **state)
{
	struct fix *f = *state;
	uint16_t ports[64];
	struct pkt p;
	int i;

	fix_set_ring(f, (uint16_t[]){ SRV_1 }, 1);
	for (i = 0; i < 64; i++)
		ports[i] = establish(f, 30000 + i, NULL);
	for (i = 10; i < 13; i++) {
		client_tcp(&p, 30000 + i, TH_FIN | TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
		server_tcp(&p, 1, ports[i], TH_FIN | TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REPLY, NULL);
	}
	fix_age(&fix_flow(f, ip_server1, SERVER_PORT, ip_balancer, ports[11], IPPROTO_TCP)->b, 9);
	assert_int_equal(open_flow(f, 31000, NULL), ports[11]);
	/* The flow that had it is gone with both entries: its client cannot reach into the new one. */
	assert_null(fix_flow(f, ip_client, 30011, ip_balancer, VIP_PORT, IPPROTO_TCP));
	client_tcp(&p, 30011, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
	assert_int_equal(fix_live(f), 128);
}

static void source_port__same_client_again__same_port(void **state)
{
	struct fix *f = *state;
	struct pkt p;
	uint16_t port;

	fix_set_ring(f, (uint16_t[]){ SRV_1 }, 1);
	port = establish(f, 30000, NULL);
	client_tcp(&p, 30000, TH_RST);
	expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
	assert_int_equal(open_flow(f, 30000, NULL), port);
}

static void full_bucket__of_established__refuses(void **state)
{
	struct fix *f = *state;
	struct pkt p;
	int i;

	for (i = 0; i < 16; i++)
		establish(f, 30000 + i, NULL);
	assert_int_equal(fix_live(f), 32);
	client_tcp(&p, 31000, TH_SYN);
	expect(f, &p, XDP_DROP, XLB_R_TABLE_FULL, NULL);
	assert_int_equal(fix_live(f), 32);
	for (i = 0; i < 16; i++) {
		client_tcp(&p, 30000 + i, TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
	}
}

/* A flood of SYNs beside four connections: not one of the four is lost. */
static void full_bucket__flood_of_syns__established_stay(void **state)
{
	struct fix *f = *state;
	int i, server[4];
	uint16_t port[4];
	struct pkt p;

	/* So many ports that none is met twice: room must come from the bucket, not from a port taken over. */
	fix_add_addr(f, ip_balancer, 20000, 60000);
	for (i = SRV_1; i <= SRV_2; i++)
		f->servers[i].pool_hi = 60000;
	for (i = 0; i < 4; i++)
		port[i] = establish(f, 30000 + i, &server[i]);
	for (i = 0; i < 1000; i++) {
		client_tcp(&p, 31000 + i, TH_SYN);
		expect(f, &p, XDP_TX, XLB_R_NEW_FLOW, NULL);
	}
	for (i = 0; i < 4; i++) {
		client_tcp(&p, 30000 + i, TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
		server_tcp(&p, server[i], port[i], TH_ACK);
		expect(f, &p, XDP_TX, XLB_R_REPLY, NULL);
	}
}

static void full_bucket__one_closing__makes_room_before_half_open(void **state)
{
	struct fix *f = *state;
	struct pkt p;
	int i;

	for (i = 0; i < 15; i++)
		open_flow(f, 30000 + i, NULL);
	establish(f, 30015, NULL);
	client_tcp(&p, 30015, TH_RST);
	expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
	open_flow(f, 31000, NULL);
	assert_null(fix_flow(f, ip_client, 30015, ip_balancer, VIP_PORT, IPPROTO_TCP));
	for (i = 0; i < 15; i++)
		assert_non_null(fix_flow(f, ip_client, 30000 + i, ip_balancer, VIP_PORT, IPPROTO_TCP));
}

static void lock__held_by_other_cpu__counted_and_dropped(void **state)
{
	struct fix *f = *state;
	struct pkt p;

	for (size_t i = 0; i < XLB_NR_LOCKS; i++)
		f->skel->bss->xlb_tables.locks[i].taken = 1;
	client_tcp(&p, 30000, TH_SYN);
	expect(f, &p, XDP_DROP, XLB_R_TABLE_BUSY, NULL);
	assert_int_equal(fix_live(f), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
#define T1(fn) cmocka_unit_test_setup_teardown(fn, fix_setup_one_bucket, fix_teardown)
const struct CMUnitTest table_tests[] = {
	T(many_flows__all_inserted__each_found_again),	  T(churn__ended_by_daemon_and_reused__live_ones_found),
	T(source_ports__one_server__each_once),		  T(source_ports__one_server_used_up__other_server_has_its_own),
	T(source_ports__busy_on_host__not_used),	  T(source_ports__some_ending__oldest_taken_over),
	T(source_port__same_client_again__same_port),	  T1(full_bucket__of_established__refuses),
	T1(full_bucket__flood_of_syns__established_stay), T1(full_bucket__one_closing__makes_room_before_half_open),
	T(lock__held_by_other_cpu__counted_and_dropped),
};
const size_t nr_table_tests = sizeof(table_tests) / sizeof(table_tests[0]);
