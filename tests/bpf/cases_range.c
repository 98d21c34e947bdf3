// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which service a port belongs to: exact binds, ranges, any port; and the server's port that follows the client's.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"
#include "way.h"

static const struct way tcp4 = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_TCP },
			tcp6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_TCP },
			udp4 = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_UDP };

enum { OFFSET = 1000 };

/* All servers listen on the port that was asked for, plus an offset. */
static void follow_ports(struct fix *f)
{
	int i;

	for (i = SRV_1; i <= SRV6_2; i++) {
		f->servers[i].port = 0;
		f->servers[i].port_add = OFFSET;
	}
}

/* A packet to any port, and the server's answer. */
static void served(struct fix *f, const struct way *w, uint16_t sport, uint16_t dport)
{
	struct pkt_desc d = way_request(w, sport, TH_SYN), at_server, answer, at_client;
	struct pkt in, out, want;
	uint16_t port;
	int server;

	d.dport = dport;
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	server = way_server_of(&out);
	port = ntohs(pkt_udp(&out)->source);
	at_server = way_at_server(w, &d, server, port);
	at_server.dport = dport + OFFSET;
	pkt_build(&want, &at_server);
	assert_pkt_equal(&out, &want);
	answer = way_answer(w, server, sport, port, TH_SYN | TH_ACK);
	answer.sport = dport + OFFSET;
	pkt_build(&in, &answer);
	expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
	at_client = way_at_client(w, &answer, sport);
	at_client.sport = dport;
	pkt_build(&want, &at_client);
	assert_pkt_equal(&out, &want);
}

static void passed(struct fix *f, const struct way *w, uint16_t dport)
{
	struct pkt_desc d = way_request(w, 50000, TH_SYN);
	struct pkt in, out;

	d.dport = dport;
	pkt_build(&in, &d);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
}

static void range__both_ends_and_beyond__judged(void **state)
{
	struct fix *f = *state;
	int i;

	follow_ports(f);
	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &tcp6 : &tcp4;
		struct xlb_range range = { .lo = 3000, .hi = 3100, .proto = IPPROTO_TCP, .service = way_service(w) };

		fix_add_range(f, ip_balancer, w->family, range);
		passed(f, w, 2999);
		served(f, w, 40000, 3000);
		served(f, w, 40001, 3050);
		served(f, w, 40002, 3100);
		passed(f, w, 3101);
	}
	passed(f, &udp4, 3050); /* the other protocol */
	assert_int_equal(fix_svc_stats(f, SVC_WEB).connections, 3);
	assert_int_equal(fix_svc_stats(f, SVC_WEB6).connections, 3);
}

/* Ranges of an address that overlap: the first one. An exact bind before all. */
static void range__overlap__exact_then_first(void **state)
{
	struct fix *f = *state;

	follow_ports(f);
	fix_add_range(f, ip_balancer, 4, (struct xlb_range){ 3000, 3009, IPPROTO_UDP, 0, SVC_DNS });
	fix_add_range(f, ip_balancer, 4, (struct xlb_range){ 3000, 3009, IPPROTO_TCP, 0, SVC_WEB });
	fix_add_range(f, ip_balancer, 4, (struct xlb_range){ 3005, 3020, IPPROTO_TCP, 0, SVC_DNS });
	served(f, &tcp4, 40000, 3007);
	assert_int_equal(fix_svc_stats(f, SVC_WEB).connections, 1);
	served(f, &tcp4, 40001, 3010);
	served(f, &udp4, 40002, 3000);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).connections, 2);
	fix_add_vip(f, ip_balancer, 3007, IPPROTO_TCP, SVC_DNS);
	served(f, &tcp4, 40003, 3007);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).connections, 3);
}

/* Every port but 0, and 16 bits are all that a port has. */
static void range__any_port__all_served(void **state)
{
	static const uint16_t ports[] = { 1, 22, 1023, 32768, 64535, 64536, 65535 };
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in, out;
	size_t i;

	follow_ports(f);
	fix_add_range(f, ip_balancer, 4, (struct xlb_range){ 1, 65535, IPPROTO_TCP, 0, SVC_WEB });
	fix_addr(f, ip_balancer, 4)->pool_hi = 0; /* such a frontend shares its address with no source ports */
	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		d = way_request(&tcp4, 40000 + i, TH_SYN);
		d.dport = ports[i];
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
		assert_int_equal(ntohs(pkt_tcp(&out)->dest), (uint16_t)(ports[i] + OFFSET));
	}
	passed(f, &tcp4, 0);
	passed(f, &udp4, 22);
}

static void range__of_disabled_service__passes(void **state)
{
	struct fix *f = *state;

	fix_add_range(f, ip_balancer, 4, (struct xlb_range){ 3000, 3009, IPPROTO_TCP, 0, SVC_WEB });
	f->services[SVC_WEB].flags &= ~XLB_SVC_ENABLED;
	passed(f, &tcp4, 3000);
}

/* The way to the server and its ports stay what they are, the table's entry is that of the asked port. */
static void range__of_stateless_service__by_the_table(void **state)
{
	static const struct way w = { .mode = XLB_MODE_DNAT, .family = 4, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	struct pkt in, out, want;
	struct pkt_desc d;
	int i;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_DNAT, 0);
	follow_ports(f);
	fix_add_range(f, ip_balancer, 4, (struct xlb_range){ 3000, 3009, IPPROTO_TCP, 0, SVC_WEB });
	for (i = 0; i < 2; i++) {
		d = way_request(&w, 40000, i ? TH_ACK : TH_SYN);
		d.dport = 3003;
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_STATELESS, &out);
		d = way_at_server(&w, &d, 1, 40000);
		d.dport = 3003 + OFFSET;
		pkt_build(&want, &d);
		assert_pkt_equal(&out, &want);
	}
	assert_int_equal(fix_live(f), 0);
}

static void hot_bind__of_an_address__spares_the_table_of_binds(void **state)
{
	static const struct way w = { .mode = XLB_MODE_L2DSR, .family = 4, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	struct pkt in, out;
	struct pkt_desc d = way_request(&w, 40000, TH_ACK);
	struct xlb_addr *a;

	fix_set_stateless(f);
	fix_set_mode(f, XLB_MODE_L2DSR, 0);
	memset(f->vips, 0, sizeof(*f->vips) * XLB_VIP_BUCKETS);
	pkt_build(&in, &d);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, NULL);
	a = fix_addr(f, ip_balancer, 4);
	a->hot_port = htons(VIP_PORT);
	a->hot_service = SVC_WEB;
	a->hot_backend = BE_WEB;
	expect(f, &in, XDP_TX, XLB_R_STATELESS, &out);
	a->hot_service = SVC_WEB | XLB_HOT_UDP;
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, NULL);
	a->hot_service = SVC_WEB;
	a->hot_port = htons(VIP_PORT + 1);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, NULL);
}

/* The port filter is spared, and nothing else: what is no bind's is still found out. */
static void hot_bind__of_a_service_with_flows__spares_the_filter(void **state)
{
	struct fix *f = *state;
	struct xlb_addr *a = fix_addr(f, ip_balancer, 4);

	follow_ports(f);
	a->hot_port = htons(VIP_PORT);
	a->hot_service = SVC_WEB;
	memset(a->bloom, 0, sizeof(a->bloom));
	served(f, &tcp4, 40000, VIP_PORT);
	passed(f, &tcp4, VIP_PORT + 1);
	passed(f, &udp4, VIP_PORT);
}

/* Slots that packets are compared with first: of the address, of another, of one of the other family that looks alike.
 */
static void hot_address__right_or_wrong__same_service(void **state)
{
	struct fix *f = *state;
	uint16_t right = (uint16_t)(fix_addr(f, ip_balancer, 4) - f->addrs), unused = right;
	struct xlb_addr *a;

	follow_ports(f);
	while (f->addrs[unused].family)
		unused = (unused + 1) % XLB_ADDR_SLOTS;
	served(f, &tcp4, 40000, VIP_PORT);
	f->control->hot[0][0] = right;
	served(f, &tcp4, 40001, VIP_PORT);
	f->control->hot[0][0] = unused;
	f->control->hot[0][1] = right;
	served(f, &tcp4, 40002, VIP_PORT);
	a = &f->addrs[unused];
	*a = f->addrs[right];
	a->family = 6;
	a->flags = 0;
	memset(a->bloom, 0, sizeof(a->bloom));
	served(f, &tcp4, 40003, VIP_PORT);
	passed(f, &tcp4, VIP_PORT + 1);
	/* The slot is what counts, not the search: its filter is empty, and the packet passes. */
	a->family = 4;
	passed(f, &tcp4, VIP_PORT);
	f->control->hot[0][0] = right;
	f->control->hot[1][0] = f->control->hot[1][1] = (uint16_t)(fix_addr(f, ip_balancer, 6) - f->addrs);
	served(f, &tcp6, 40004, VIP_PORT);
	memset(a, 0, sizeof(*a));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest range_tests[] = {
	T(range__both_ends_and_beyond__judged),
	T(range__overlap__exact_then_first),
	T(range__any_port__all_served),
	T(range__of_disabled_service__passes),
	T(range__of_stateless_service__by_the_table),
	T(hot_bind__of_an_address__spares_the_table_of_binds),
	T(hot_bind__of_a_service_with_flows__spares_the_filter),
	T(hot_address__right_or_wrong__same_service),
};
const size_t nr_range_tests = sizeof(range_tests) / sizeof(range_tests[0]);
