// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The flow table and the source ports: nothing lost, nothing twice, nothing live pushed out.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
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

/* --- who makes room; the table is one bucket of 32 slots, a flow of direct return one entry ------------------------
 */

enum { SLOTS = XLB_BUCKET_LINES * XLB_FLOW4_WAYS, NEAR = 4 /* lines from home on that are looked at first */ };

/* A flow in every slot. */
static void fill_bucket(struct fix *f)
{
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	for (int i = 0; i < SLOTS; i++)
		open_flow(f, 20000 + i, NULL);
	assert_int_equal(fix_live(f), SLOTS);
}

/* Opens a flow whose home is 'lines' before the line of 'slot'; the first port to try is 'from'. Returns its port. */
static uint16_t open_near(struct fix *f, uint32_t slot, uint32_t lines, uint16_t from)
{
	uint32_t home = (slot / XLB_FLOW4_WAYS - lines) % XLB_BUCKET_LINES;
	uint16_t port = from;

	while (xlb_flow_home(xlb_flow_hash4(f->secrets, htonl(ip_client), htonl(ip_balancer),
					    xlb_port_word(htons(port), htons(VIP_PORT)), IPPROTO_TCP)) != home)
		port++;
	open_flow(f, port, NULL);
	return port;
}

/* When an entry was made, in eighths of ticks. */
static uint32_t born(const struct xlb_flow_body *b)
{
	return b->seen >> 8 << 3 | (b->kind >> XLB_KIND_EIGHTH_SHIFT & 7);
}

static void be_born(struct xlb_flow_body *b, uint32_t eighths)
{
	b->seen = XLB_SEEN(eighths >> 3, b->seen);
	b->kind = (b->kind & ~(7 << XLB_KIND_EIGHTH_SHIFT)) | (eighths & 7) << XLB_KIND_EIGHTH_SHIFT;
}

/* Of slots near to home and far from it, in both ways of a line: the one that 'wanted' makes different is taken. */
static void expect_taken(struct fix *f, uint32_t least, uint32_t most, void (*wanted)(struct xlb_flow_body *b))
{
	struct xlb_flow4 *slots = f->flows[0].slot;
	struct xlb_flow4 before[SLOTS];

	for (uint32_t lines = least; lines <= most; lines++) {
		for (uint32_t slot = 6; slot < SLOTS; slot += 11) {
			uint16_t port;

			memcpy(before, slots, sizeof(before));
			wanted(&slots[slot].b);
			port = open_near(f, slot, lines, 40000 + slot * 400);
			for (uint32_t i = 0; i < SLOTS; i++)
				assert_int_equal(ntohs(slots[i].cport), i == slot ? port : ntohs(before[i].cport));
			be_born(&slots[slot].b, born(&before[slot].b));
			slots[slot].b.word |= before[slot].b.word & XLB_F_CLIENT_ACK;
		}
	}
}

static void be_reset(struct xlb_flow_body *b)
{
	b->word |= XLB_F_RST;
}

static void be_old(struct xlb_flow_body *b)
{
	fix_age(b, 3);
}

/* All slots as old as the first: a test may be slow enough for the time to go on in between. */
static void be_of_one_age(struct fix *f)
{
	struct xlb_flow4 *slots = f->flows[0].slot;

	for (int i = 1; i < SLOTS; i++)
		be_born(&slots[i].b, born(&slots[0].b));
}

static void be_an_eighth_of_a_tick_older(struct xlb_flow_body *b)
{
	be_born(b, born(b) - 1);
}

static void be_half_open(struct xlb_flow_body *b)
{
	b->word &= ~XLB_F_CLIENT_ACK;
}

static void be_free(struct xlb_flow_body *b)
{
	b->word &= ~XLB_F_LIVE;
}

static void full_bucket__not_before__free_slot_or_oldest_of_all(void **state)
{
	struct fix *f = *state;
	uint16_t port;

	fill_bucket(f);
	expect_taken(f, 0, XLB_BUCKET_LINES - 1, be_free);
	be_of_one_age(f);
	be_an_eighth_of_a_tick_older(&f->flows[0].slot[20].b);
	port = open_near(f, 20, NEAR, 50000);
	assert_int_equal(ntohs(f->flows[0].slot[20].cport), port);
	f->skel->bss->xlb_tables.locks[0].full = 0;
	be_old(&f->flows[0].slot[9].b);
	port = open_near(f, 9, NEAR, 51000);
	assert_int_equal(ntohs(f->flows[0].slot[9].cport), port);
}

static void full_bucket__once_more__ended_then_oldest_near_home_go_first(void **state)
{
	struct fix *f = *state;

	fill_bucket(f);
	open_flow(f, 30000, NULL);
	expect_taken(f, 0, NEAR - 1, be_old);
	/* In a flood a tick is long: of entries of one tick, too, the oldest goes. */
	be_of_one_age(f);
	expect_taken(f, 0, NEAR - 1, be_an_eighth_of_a_tick_older);
	for (int i = 0; i < SLOTS; i++) /* being older does not help the others */
		fix_age(&f->flows[0].slot[i].b, 5);
	expect_taken(f, 0, NEAR - 1, be_reset);
	be_reset(&f->flows[0].slot[9].b); /* far from home it stays */
	open_near(f, 9, NEAR, 50000);
	assert_true(f->flows[0].slot[9].b.word & XLB_F_RST);
	f->skel->bss->xlb_tables.locks[0].full -= 8 << 8; /* ticks */
	expect_taken(f, 0, XLB_BUCKET_LINES - 1, be_free);
}

static void full_bucket__established_near_home__far_ones_go(void **state)
{
	struct fix *f = *state;

	fill_bucket(f);
	for (int i = 0; i < SLOTS; i++)
		f->flows[0].slot[i].b.word |= XLB_F_CLIENT_ACK;
	expect_taken(f, 0, XLB_BUCKET_LINES - 1, be_half_open);
	expect_taken(f, 0, XLB_BUCKET_LINES - 1, be_free);
	expect_taken(f, 0, XLB_BUCKET_LINES - 1, be_reset);
}

/* --- two CPUs ----------------------------------------------------------------------------------------------------- */

enum { RACES = 800, RACE_PORT = 20000 };

struct race {
	int prog;
	atomic_uint *arrived; /* threads times packets */
};

/* Sends the SYN of one flow after the other, each at the moment when the other thread does. */
static void *race(void *arg)
{
	const struct race *r = arg;
	struct pkt in, out;

	for (unsigned int i = 0; i < RACES; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in.data, .data_out = out.data, .data_size_out = PKT_MAX,
			    .repeat = 1);

		client_tcp(&in, (uint16_t)(RACE_PORT + i), TH_SYN);
		opts.data_size_in = in.len;
		atomic_fetch_add(r->arrived, 1);
		for (unsigned int spins = 1; atomic_load(r->arrived) < 2 * (i + 1); spins++)
			if (spins % 4096 == 0)
				sched_yield();
		(void)bpf_prog_test_run_opts(r->prog, &opts);
	}
	return NULL;
}

/* Both find no flow, and one of them makes it. Says nothing where there is one CPU only. */
static void same_syn__on_two_cpus__one_flow(void **state)
{
	struct fix *f = *state;

	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	for (int turn = 0; turn < 10; turn++) {
		unsigned int flows[RACES] = { 0 };
		atomic_uint arrived = 0;
		struct race r = { .prog = bpf_program__fd(f->skel->progs.xlb_xdp), .arrived = &arrived };
		pthread_t other;

		memset(f->flows, 0, f->nr_buckets * sizeof(*f->flows));
		assert_int_equal(pthread_create(&other, NULL, race, &r), 0);
		race(&r);
		assert_int_equal(pthread_join(other, NULL), 0);
		for (uint32_t i = 0; i < f->nr_buckets * SLOTS; i++) {
			struct xlb_flow4 *e = &f->flows[i / SLOTS].slot[i % SLOTS];

			if (e->b.word & XLB_F_LIVE)
				flows[ntohs(e->cport) - RACE_PORT]++;
		}
		for (unsigned int i = 0; i < RACES; i++)
			assert_int_equal(flows[i], 1);
	}
}

static void lock__held_by_other_cpu__counted_and_dropped(void **state)
{
	struct fix *f = *state;
	struct pkt p;

	for (size_t i = 0; i < XLB_NR_LOCKS; i++)
		f->skel->bss->xlb_tables.locks[i].seq = 1;
	client_tcp(&p, 30000, TH_SYN);
	expect(f, &p, XDP_DROP, XLB_R_TABLE_BUSY, NULL);
	assert_int_equal(fix_live(f), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
#define T1(fn) cmocka_unit_test_setup_teardown(fn, fix_setup_one_bucket, fix_teardown)
const struct CMUnitTest table_tests[] = {
	T(many_flows__all_inserted__each_found_again),
	T(churn__ended_by_daemon_and_reused__live_ones_found),
	T(source_ports__one_server__each_once),
	T(source_ports__one_server_used_up__other_server_has_its_own),
	T(source_ports__busy_on_host__not_used),
	T(source_ports__some_ending__oldest_taken_over),
	T(source_port__same_client_again__same_port),
	T1(full_bucket__of_established__refuses),
	T1(full_bucket__flood_of_syns__established_stay),
	T1(full_bucket__not_before__free_slot_or_oldest_of_all),
	T1(full_bucket__once_more__ended_then_oldest_near_home_go_first),
	T1(full_bucket__established_near_home__far_ones_go),
	T(same_syn__on_two_cpus__one_flow),
	T(lock__held_by_other_cpu__counted_and_dropped),
};
const size_t nr_table_tests = sizeof(table_tests) / sizeof(table_tests[0]);
