// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Backends without flows: the table alone decides, until a slot is marked (struct xlb_ring in xlb/backend.h tells how);
 * and answers that are known by the server's address and port alone.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fixture.h"
#include "way.h"
#include "xlb.skel.h"

/* All but full NAT, which cannot do without flows. */
static const struct way *const direct = &ways[2];
enum { NR_DIRECT = NR_WAYS - 2 };
static const struct way tcp4 = { .mode = XLB_MODE_L2DSR, .family = 4, .proto = IPPROTO_TCP },
			udp4 = { .mode = XLB_MODE_L2DSR, .family = 4, .proto = IPPROTO_UDP };

/* The only slot of a family's table: entry and, with a mark, the server before. */
static void set_slot(struct fix *f, const struct way *w, uint16_t entry, uint16_t previous)
{
	fix_ring(f, way_backend(w), XLB_ALG_MAGLEV, &entry, &previous, 1);
}

/* Sends the client's packet and returns the server that it went to. */
static int send_to(struct fix *f, const struct way *w, uint16_t sport, uint8_t flags, enum xlb_reason reason)
{
	struct pkt_desc d = way_request(w, sport, flags);
	struct pkt in, out;
	int server;

	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, reason, &out);
	server = way_server_of(&out);
	assert_at_server(w, &out, &d, server, sport);
	return server;
}

/* --- unmarked ----------------------------------------------------------------------------------------------------- */

static bool is_zero(const void *mem, size_t size)
{
	const uint8_t *p = mem;
	size_t i;

	for (i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void unmarked__packets_of_every_way__exact_and_no_flow_touched(void **state)
{
	static const uint8_t flags[] = { TH_SYN, TH_ACK, TH_ACK | TH_PUSH, TH_FIN | TH_ACK, TH_RST };
	struct fix *f = *state;
	struct xlb_stats svc;
	int i, j;

	fix_set_stateless(f);
	for (i = 0; i < 4 * NR_DIRECT; i++) {
		struct way w = direct[i / 4];

		w.proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		w.tag = i & 2;
		fix_set_mode(f, w.mode, w.tunnel);
		for (j = 0; j < (i & 1 ? 1 : 5); j++)
			assert_int_equal(send_to(f, &w, 40000 + i, flags[j], XLB_R_STATELESS), 1);
	}
	assert_true(is_zero(f->flows, sizeof(*f->flows) * f->nr_buckets));
	assert_true(is_zero(f->flows6, sizeof(*f->flows6) * f->nr_buckets));
	/* Four of the ways are IPv4's; each with and without a tag. A connection is a SYN. */
	svc = fix_svc_stats(f, SVC_WEB);
	assert_int_equal(svc.connections, 4 * 2);
	assert_int_equal(svc.packets_in, 4 * 2 * 5);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).packets_in, 4 * 2);
	assert_int_equal(fix_srv_stats(f, SRV_1).packets_in, 4 * 2 * 6);
}

static void unmarked__odd_packets__dropped(void **state)
{
	static const uint8_t route[4] = { 131, 3, 4, 0 };
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_DNAT, 0);
	d = way_request(&tcp4, 40000, TH_SYN | TH_FIN);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_BAD_FLAGS, NULL);
	d = way_request(&tcp4, 0, TH_SYN);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_PORT_ZERO, NULL);
	d = way_request(&tcp4, 40000, TH_ACK);
	d.saddr = IP4(224, 0, 0, 1);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_BAD_SOURCE, NULL);
	d = way_request(&tcp4, 40000, TH_ACK);
	d.ttl = 1;
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_TTL, NULL);
	d = way_request(&tcp4, 40000, TH_ACK);
	d.options = route;
	d.options_len = sizeof(route);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_SOURCE_ROUTE, NULL);
	d.options_len = 0;
	f->servers[SRV_1].oif = 0;
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_NO_NEIGHBOUR, NULL);
	in.len--;
	expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
}

static void no_server__empty_table__answered(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;

	fix_set_stateless(f);
	fix_ring(f, BE_WEB, XLB_ALG_MAGLEV, NULL, NULL, 0);
	d = way_request(&tcp4, 40000, TH_SYN);
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_RST, NULL);
	d = way_request(&tcp4, 40000, TH_RST); /* of a connection that a server left: never answered */
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_NO_FLOW, NULL);
	d = way_request(&udp4, 40000, 0);
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_ICMP, NULL);
	f->services[SVC_DNS].flags |= XLB_SVC_DROP;
	expect(f, &in, XDP_DROP, XLB_R_NO_SERVER_DROP, NULL);
	assert_int_equal(fix_svc_stats(f, SVC_WEB).refused, 2);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).refused, 2);
}

/* Other services on the address keep their flows, and disabled ones pass. */
static void other_service__on_the_same_address__has_flows(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in, out;
	int server;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	f->services[SVC_WEB].flags &= ~XLB_SVC_STATELESS;
	way_open(f, &tcp4, 40000, &server);
	way_asks(f, &tcp4, 40000, TH_ACK);
	assert_int_equal(fix_live(f), 1);
	f->services[SVC_DNS].flags &= ~XLB_SVC_ENABLED;
	d = way_request(&udp4, 40000, 0);
	pkt_build(&in, &d);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
}

/* --- marked ------------------------------------------------------------------------------------------------------- */

enum previous { PREVIOUS_UP, PREVIOUS_DOWN, PREVIOUS_UNREACHABLE, PREVIOUS_NONE, NR_PREVIOUS };
enum packet { PACKET_SYN, PACKET_ACK, PACKET_UDP, NR_PACKETS };

static void set_previous(struct fix *f, uint16_t id, enum previous previous)
{
	f->servers[id].flags = previous == PREVIOUS_DOWN ? 0 : XLB_SRV_UP;
	f->servers[id].oif = previous == PREVIOUS_UNREACHABLE ? 0 : IF_LO;
}

/* A packet of no known flow; the slot went from server 2 to server 1. */
static void unknown_flow(struct fix *f, const struct way *w, uint16_t mark, enum packet packet, enum previous previous,
			 uint16_t sport)
{
	uint16_t now = way_server_id(w, 1), before = way_server_id(w, 2);
	bool young = mark & XLB_SLOT_YOUNG, older = packet != PACKET_SYN && young && previous == PREVIOUS_UP;
	unsigned int live = fix_live(f);

	set_previous(f, before, previous);
	set_slot(f, w, now | mark, previous == PREVIOUS_NONE ? 0 : before);
	assert_int_equal(send_to(f, w, sport, packet == PACKET_SYN ? TH_SYN : TH_ACK, XLB_R_STATELESS), older ? 2 : 1);
	assert_int_equal(fix_live(f), live + young);
	if (young)
		assert_int_equal(way_entry(f, w, sport)->server, older ? before : now);
}

/* Its record decides, whatever slot and mark say by now. */
static void known_flow(struct fix *f, const struct way *w, uint16_t mark, uint16_t sport)
{
	uint16_t now = way_server_id(w, 1), before = way_server_id(w, 2);
	unsigned int live = fix_live(f);

	set_previous(f, before, PREVIOUS_UP);
	set_slot(f, w, before | XLB_SLOT_YOUNG, 0);
	assert_int_equal(send_to(f, w, sport, TH_SYN, XLB_R_STATELESS), 2);
	assert_int_equal(fix_live(f), live + 1);
	set_slot(f, w, now | mark, now);
	assert_int_equal(send_to(f, w, sport, TH_SYN, XLB_R_STATELESS), 2);
	assert_int_equal(send_to(f, w, sport, TH_ACK, XLB_R_STATELESS), 2);
	assert_int_equal(fix_live(f), live + 1);
	assert_int_equal(fix_srv_stats(f, before).packets_out, 0);
	/* Without a mark nobody asks for it any more. */
	set_slot(f, w, now, 0);
	assert_int_equal(send_to(f, w, sport, TH_ACK, XLB_R_STATELESS), 1);
}

static void marked__every_combination__as_told(void **state)
{
	static const uint16_t marks[] = { XLB_SLOT_YOUNG, XLB_SLOT_OLD };
	struct fix *f = *state;
	uint16_t sport = 40000;
	int way, mark, packet, previous;

	fix_set_stateless(f);
	for (way = 0; way < NR_DIRECT; way++) {
		struct way w = direct[way];

		fix_set_mode(f, w.mode, w.tunnel);
		for (mark = 0; mark < 2; mark++) {
			for (packet = 0; packet < NR_PACKETS; packet++) {
				w.proto = packet == PACKET_UDP ? IPPROTO_UDP : IPPROTO_TCP;
				w.tag = mark;
				known_flow(f, &w, marks[mark], sport++);
				for (previous = 0; previous < NR_PREVIOUS; previous++)
					unknown_flow(f, &w, marks[mark], packet, previous, sport++);
			}
		}
	}
}

/* Records are no flows of a server: they count neither for least connections nor for maxconn. */
static void record__made_and_closed__never_counted(void **state)
{
	struct fix *f = *state;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	set_slot(f, &tcp4, SRV_1 | XLB_SLOT_YOUNG, SRV_2);
	send_to(f, &tcp4, 40000, TH_SYN, XLB_R_STATELESS);
	send_to(f, &tcp4, 40000, TH_ACK, XLB_R_STATELESS);
	assert_int_equal(xlb_flow_state(way_entry(f, &tcp4, 40000)->word, IPPROTO_TCP), XLB_S_ESTABLISHED);
	assert_int_equal(f->load[SRV_1].active, 0);
	send_to(f, &tcp4, 40000, TH_RST, XLB_R_STATELESS);
	assert_int_equal(xlb_flow_state(way_entry(f, &tcp4, 40000)->word, IPPROTO_TCP), XLB_S_CLOSED);
	assert_int_equal(f->load[SRV_1].active, 0);
	assert_int_equal(f->svc_load[SVC_WEB].active, 0);
}

/* Rules 2 and 3 of known flows hold for records: they end, move from dead servers, and are reset when shut. */
static void record__server_dead__as_any_flow(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	set_slot(f, &tcp4, SRV_2 | XLB_SLOT_YOUNG, 0);
	send_to(f, &tcp4, 40000, TH_SYN, XLB_R_STATELESS);
	send_to(f, &tcp4, 40000, TH_ACK, XLB_R_STATELESS);
	send_to(f, &tcp4, 40001, TH_SYN, XLB_R_STATELESS);
	send_to(f, &udp4, 40002, 0, XLB_R_STATELESS);
	set_slot(f, &tcp4, SRV_1 | XLB_SLOT_YOUNG, SRV_2);
	f->servers[SRV_2].flags = 0;
	assert_int_equal(send_to(f, &tcp4, 40000, TH_ACK, XLB_R_STATELESS), 2); /* established: it may come back */
	assert_int_equal(send_to(f, &tcp4, 40001, TH_SYN, XLB_R_STATELESS), 1);
	assert_int_equal(send_to(f, &udp4, 40002, 0, XLB_R_STATELESS), 1);
	assert_int_equal(fix_svc_stats(f, SVC_WEB).moved, 1);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).moved, 1);
	f->servers[SRV_2].flags = XLB_SRV_SHUT;
	d = way_request(&tcp4, 40000, TH_ACK);
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_SHUT_RST, NULL);
	assert_null(way_entry(f, &tcp4, 40000));
}

static void record__no_room__sent_and_said(void **state)
{
	struct fix *f = *state;
	int i, family;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	for (family = 4; family <= 6; family += 2) {
		struct way w = tcp4;
		int room = family == 6 ? 16 : 32;

		w.family = family;
		set_slot(f, &w, way_server_id(&w, 1) | XLB_SLOT_YOUNG, way_server_id(&w, 2));
		for (i = 0; i < room; i++)
			assert_int_equal(send_to(f, &w, 40000 + i, TH_ACK, XLB_R_STATELESS), 2);
		assert_int_equal(send_to(f, &w, 41000, TH_ACK, XLB_R_NOT_RECORDED), 2);
		assert_int_equal(send_to(f, &w, 41000, TH_SYN, XLB_R_NOT_RECORDED), 1);
		for (i = 0; i < room; i++) /* and nobody was pushed out */
			assert_int_equal(send_to(f, &w, 40000 + i, TH_ACK, XLB_R_STATELESS), 2);
	}
}

/*
 * A server change as the daemon makes it, over a whole table: no connection that speaks during the mark changes its
 * server, none without a record is asked to afterwards, and new ones follow the table.
 */
static void change__young_old_unmarked__no_connection_moves(void **state)
{
	enum { LEN = 31, FLOWS = 200 };
	uint16_t before[LEN], after[LEN], old[LEN], now[LEN];
	struct fix *f = *state;
	int i, server[FLOWS], moved = 0;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	for (i = 0; i < LEN; i++) {
		before[i] = i % 2 ? SRV_1 : SRV_2;
		now[i] = i % 3 ? before[i] : SRV_1;
		after[i] = now[i] | (now[i] != before[i] ? XLB_SLOT_YOUNG : 0);
		old[i] = now[i] | (now[i] != before[i] ? XLB_SLOT_OLD : 0);
	}
	fix_ring(f, BE_WEB, XLB_ALG_MAGLEV, before, NULL, LEN);
	for (i = 0; i < FLOWS; i++)
		server[i] = send_to(f, &tcp4, 30000 + i, TH_SYN, XLB_R_STATELESS);
	fix_ring(f, BE_WEB, XLB_ALG_MAGLEV, after, before, LEN);
	for (i = 0; i < FLOWS; i++)
		assert_int_equal(send_to(f, &tcp4, 30000 + i, TH_ACK, XLB_R_STATELESS), server[i]);
	fix_ring(f, BE_WEB, XLB_ALG_MAGLEV, old, before, LEN);
	for (i = 0; i < FLOWS; i++)
		assert_int_equal(send_to(f, &tcp4, 30000 + i, TH_ACK, XLB_R_STATELESS), server[i]);
	for (i = 0; i < FLOWS; i++) {
		send_to(f, &tcp4, 30000 + i, TH_FIN | TH_ACK, XLB_R_STATELESS);
		moved += send_to(f, &tcp4, 30000 + i, TH_SYN, XLB_R_STATELESS) != server[i];
	}
	/* Every sixth slot changed its server: its flows were the recorded ones, and began anew where the table says.
	 */
	assert_in_range(moved, 10, 60);
	assert_int_equal(fix_live(f), 0);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* A route to the clients by an interface of its own, whose answers look as those of the cast do. */
static void add_route(void)
{
	assert_int_equal(system("ip link set lo up && echo 1 > /proc/sys/net/ipv4/conf/lo/forwarding && "
				"echo 1 > /proc/sys/net/ipv6/conf/lo/forwarding && "
				"ip link add way99 index 99 address 02:00:00:00:00:04 type veth peer name way98 && "
				"ip link set way98 up && ip link set way99 up && ip addr add 10.9.9.1/24 dev way99 && "
				"ip addr add 2001:db8:9::1/64 dev way99 nodad && "
				"ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:09 dev way99 nud permanent && "
				"ip neigh add 2001:db8:9::2 lladdr 02:00:00:00:00:09 dev way99 nud permanent && "
				"ip route add 10.1.0.0/16 via 10.9.9.2 && "
				"ip route add 2001:db8::10.1.0.0/112 via 2001:db8:9::2"),
			 0);
}

static void set_return_flags(struct fix *f, uint8_t flags)
{
	uint16_t id;

	for (id = SRV_1 * 2; id <= SRV6_2 * 2 + 1; id++)
		f->returns[id].flags = flags;
}

static void return_exact(struct fix *f, const struct way *w, const struct pkt_desc *answer, enum xlb_reason reason)
{
	struct pkt_desc at_client = way_at_client(w, answer, answer->dport);
	struct pkt in, out, want;

	pkt_build(&in, answer);
	expect(f, &in, XDP_REDIRECT, reason, &out);
	pkt_build(&want, &at_client);
	assert_pkt_equal(&out, &want);
}

/* The source of a packet is looked at only where the daemon says that some address is a server's. */
static void return__no_address_is_a_servers__passes(void **state)
{
	static const struct way w = { .mode = XLB_MODE_DNAT, .family = 4, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_DNAT, 0);
	set_return_flags(f, 0);
	f->control->answers = 0;
	d = way_answer(&w, 2, 40000, 0, TH_SYN | TH_ACK);
	pkt_build(&in, &d);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, NULL);
}

static void return__of_server__from_service_to_client(void **state)
{
	struct fix *f = *state;
	struct pkt in, out;
	int i;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_DNAT, 0);
	set_return_flags(f, 0);
	add_route();
	for (i = 0; i < 8; i++) {
		struct way w = { .mode = XLB_MODE_DNAT, .family = i & 1 ? 6 : 4 };
		struct pkt_desc d;

		w.proto = i & 2 ? IPPROTO_UDP : IPPROTO_TCP;
		w.tag = i & 4;
		d = way_answer(&w, 2, 40000 + i, 0, TH_SYN | TH_ACK);
		return_exact(f, &w, &d, XLB_R_RETURN);
		d.ttl = 1;
		pkt_build(&in, &d);
		expect(f, &in, XDP_DROP, XLB_R_TTL, NULL);
		d.ttl = 64;
		d.sport = 22; /* no bound port: a connection of its own */
		pkt_build(&in, &d);
		expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	}
	assert_int_equal(fix_svc_stats(f, SVC_WEB).packets_out, 2);
	assert_int_equal(fix_srv_stats(f, SRV_2).packets_out, 4);
	assert_int_equal(fix_live(f), 0);
	assert_int_equal(system("ip link del way99"), 0);
}

static void return__broken_or_without_route__dropped(void **state)
{
	static const struct way w = { .mode = XLB_MODE_DNAT, .family = 4, .proto = IPPROTO_TCP };
	struct pkt_desc d = way_answer(&w, 1, 40000, 0, TH_SYN | TH_FIN);
	struct fix *f = *state;
	struct pkt in;

	fix_set_mode(f, XLB_MODE_DNAT, 0);
	set_return_flags(f, 0);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_BAD_FLAGS, NULL);
	d.flags = TH_ACK;
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_NO_ROUTE, NULL);
}

/* With state, an answer is one only if its flow is known. */
static void return__with_state__by_the_flow(void **state)
{
	struct fix *f = *state;
	struct pkt in, out;
	int i, server;

	fix_set_mode(f, XLB_MODE_DNAT, 0);
	for (i = 0; i < 2; i++) {
		struct way w = { .mode = XLB_MODE_DNAT, .family = i ? 6 : 4, .proto = IPPROTO_TCP };
		struct pkt_desc d;

		way_open(f, &w, 40000, &server);
		way_answers(f, &w, server, 40000, 40000, TH_SYN | TH_ACK);
		d = way_answer(&w, server, 40001, 0, TH_ACK);
		pkt_build(&in, &d);
		expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
		d = way_answer(&w, 3 - server, 40000, 0, TH_ACK);
		pkt_build(&in, &d);
		expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
#define T1(fn) cmocka_unit_test_setup_teardown(fn, fix_setup_one_bucket, fix_teardown)
const struct CMUnitTest stateless_tests[] = {
	T(unmarked__packets_of_every_way__exact_and_no_flow_touched),
	T(unmarked__odd_packets__dropped),
	T(no_server__empty_table__answered),
	T(other_service__on_the_same_address__has_flows),
	T(marked__every_combination__as_told),
	T(record__made_and_closed__never_counted),
	T(record__server_dead__as_any_flow),
	T1(record__no_room__sent_and_said),
	T(change__young_old_unmarked__no_connection_moves),
	T(return__no_address_is_a_servers__passes),
	T(return__of_server__from_service_to_client),
	T(return__broken_or_without_route__dropped),
	T(return__with_state__by_the_flow),
};
const size_t nr_stateless_tests = sizeof(stateless_tests) / sizeof(stateless_tests[0]);
