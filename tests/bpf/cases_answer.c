// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets that the program makes itself, and servers that cannot be reached.
 */
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

/* The reset that RFC 9293, 3.5.2 asks for, built anew. */
static void want_reset(struct pkt *p, uint32_t seq, uint32_t ack, uint8_t flags)
{
	pkt_build(p, &(struct pkt_desc){ .dmac = mac_client,
					 .smac = mac_balancer,
					 .saddr = ip_balancer,
					 .daddr = ip_client,
					 .sport = VIP_PORT,
					 .dport = 40000,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .seq = seq,
					 .ack = ack });
	pkt_ip(p)->id = 0;
	pkt_ip(p)->frag_off = htons(0x4000);
	pkt_tcp(p)->window = 0;
	pkt_seal(p);
}

static void no_server__syn__reset(void **state)
{
	struct fix *f = *state;
	struct pkt in, out, want;

	fix_set_ring(f, NULL, 0);
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_RST, &out);
	want_reset(&want, 0, 1001, TH_RST | TH_ACK);
	assert_pkt_equal(&out, &want);
	assert_int_equal(fix_live(f), 0);
}

/* Data on a SYN (RFC 7413) and IP options: acknowledged in full, and gone from the answer. */
static void no_server__long_syn__reset_counts_data(void **state)
{
	static const uint8_t nops[] = { 1, 1, 1, 1 };
	static const char data[400];
	struct fix *f = *state;
	struct pkt in, out, want;

	fix_set_ring(f, NULL, 0);
	pkt_build(&in, &(struct pkt_desc){ .saddr = ip_client,
					   .daddr = ip_balancer,
					   .sport = 40000,
					   .dport = VIP_PORT,
					   .proto = IPPROTO_TCP,
					   .flags = TH_SYN,
					   .seq = 1000,
					   .options = nops,
					   .options_len = 4,
					   .payload = data,
					   .payload_len = sizeof(data) });
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_RST, &out);
	want_reset(&want, 0, 1401, TH_RST | TH_ACK);
	assert_pkt_equal(&out, &want);
}

static void no_flow__data__reset_of_its_ack(void **state)
{
	struct pkt in, out, want;

	client_tcp(&in, 40000, TH_ACK | TH_PUSH);
	expect(*state, &in, XDP_TX, XLB_R_NO_FLOW_RST, &out);
	want_reset(&want, 77, 0, TH_RST);
	assert_pkt_equal(&out, &want);
}

static void no_flow__reset__never_answered(void **state)
{
	struct pkt in;

	client_tcp(&in, 40000, TH_RST);
	expect(*state, &in, XDP_DROP, XLB_R_NO_FLOW, NULL);
	client_tcp(&in, 40000, TH_RST | TH_ACK);
	expect(*state, &in, XDP_DROP, XLB_R_NO_FLOW, NULL);
}

static void unreachable(struct fix *f, const uint8_t *options, size_t options_len)
{
	struct pkt in, out, want;
	size_t quote = 20 + options_len + 8;
	struct icmphdr icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH };
	uint8_t payload[sizeof(icmp) + 68];

	pkt_build(&in, &(struct pkt_desc){ .saddr = ip_client,
					   .daddr = ip_balancer,
					   .sport = 40000,
					   .dport = DNS_PORT,
					   .proto = IPPROTO_UDP,
					   .payload = "a long query, cut",
					   .payload_len = 17,
					   .options = options,
					   .options_len = options_len });
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_ICMP, &out);
	memcpy(payload, &icmp, sizeof(icmp));
	memcpy(payload + sizeof(icmp), pkt_ip(&in), quote);
	icmp.checksum = htons(~pkt_sum(payload, sizeof(icmp) + quote, 0));
	memcpy(payload, &icmp, sizeof(icmp));
	pkt_build(&want, &(struct pkt_desc){ .dmac = mac_client,
					     .smac = mac_balancer,
					     .saddr = ip_balancer,
					     .daddr = ip_client,
					     .proto = IPPROTO_ICMP,
					     .payload = payload,
					     .payload_len = sizeof(icmp) + quote });
	pkt_ip(&want)->id = 0;
	pkt_ip(&want)->frag_off = htons(0x4000);
	pkt_seal(&want);
	assert_pkt_equal(&out, &want);
}

/* '#@xlb no-backend': by flag of the service what TCP and UDP get. A reset is answered by nothing. */
static void no_server__by_flags__answer_of_each_protocol(void **state)
{
	static const struct {
		uint16_t flags;
		enum xlb_reason tcp, udp;
	} cases[] = {
		{ 0, XLB_R_NO_SERVER_RST, XLB_R_NO_SERVER_ICMP },
		{ XLB_SVC_RST_ONLY, XLB_R_NO_SERVER_RST, XLB_R_NO_SERVER_DROP },
		{ XLB_SVC_ICMP, XLB_R_NO_SERVER_ICMP, XLB_R_NO_SERVER_ICMP },
		{ XLB_SVC_DROP, XLB_R_NO_SERVER_DROP, XLB_R_NO_SERVER_DROP },
	};
	struct fix *f = *state;
	struct pkt in, out;

	fix_ring(f, BE_WEB, XLB_ALG_RR, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->services[SVC_WEB].flags = XLB_SVC_ENABLED | cases[i].flags;
		f->services[SVC_DNS].flags = XLB_SVC_ENABLED | cases[i].flags;
		client_tcp(&in, 40000, TH_SYN);
		expect(f, &in, cases[i].tcp == XLB_R_NO_SERVER_DROP ? XDP_DROP : XDP_TX, cases[i].tcp, &out);
		if (cases[i].tcp == XLB_R_NO_SERVER_ICMP) {
			/* Port unreachable that quotes the header and the ports, from which the client knows it. */
			assert_int_equal(pkt_ip(&out)->protocol, IPPROTO_ICMP);
			assert_int_equal(ntohs(pkt_ip(&out)->tot_len), 20 + 8 + 20 + 8);
			assert_int_equal(((uint8_t *)(pkt_ip(&out) + 1))[0], ICMP_DEST_UNREACH);
			assert_int_equal(((uint8_t *)(pkt_ip(&out) + 1))[1], ICMP_PORT_UNREACH);
			assert_memory_equal((uint8_t *)(pkt_ip(&out) + 1) + 8, pkt_ip(&in), 28);
		}
		pkt_build(&in, &(struct pkt_desc){ .saddr = ip_client,
						   .daddr = ip_balancer,
						   .sport = 40000,
						   .dport = DNS_PORT,
						   .proto = IPPROTO_UDP });
		expect(f, &in, cases[i].udp == XLB_R_NO_SERVER_DROP ? XDP_DROP : XDP_TX, cases[i].udp, NULL);
	}
}

static void no_server__udp__port_unreachable(void **state)
{
	static const uint8_t nops[40] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
					  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct fix *f = *state;

	fix_set_ring(f, NULL, 0);
	unreachable(f, NULL, 0);
	unreachable(f, nops, 4);
	unreachable(f, nops, 40);
}

static void answers__beyond_limit__held_back(void **state)
{
	struct fix *f = *state;
	struct pkt in;

	client_tcp(&in, 40000, TH_ACK);
	expect(f, &in, XDP_DROP, XLB_R_LIMITED, NULL);
	fix_set_ring(f, NULL, 0);
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_DROP, XLB_R_LIMITED, NULL);
}

static void neighbour__of_one_unknown__other_serves(void **state)
{
	struct fix *f = *state;
	int i, server;

	memset(f->servers[SRV_1].dmac, 0, 6);
	for (i = 0; i < 6; i++) {
		open_flow(f, 40000 + i, &server);
		assert_int_equal(server, 2);
	}
}

static void neighbour__of_all_unknown__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt in;

	memset(f->servers[SRV_1].dmac, 0, 6);
	f->servers[SRV_2].oif = 0;
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_DROP, XLB_R_NO_NEIGHBOUR, NULL);
	assert_int_equal(fix_live(f), 0);
}

/* The kernel consults routes only for devices that forward. The namespace is the test's own. */
static void route__forbids_client__dropped(void **state)
{
	struct pkt in;

	assert_int_equal(system("ip link set lo up && echo 1 > /proc/sys/net/ipv4/conf/lo/forwarding && "
				"ip route add blackhole 10.1.0.0/16"),
			 0);
	client_tcp(&in, 40000, TH_SYN);
	expect(*state, &in, XDP_DROP, XLB_R_NO_ROUTE, NULL);
	assert_int_equal(fix_live(*state), 0);
	assert_int_equal(system("ip route del blackhole 10.1.0.0/16"), 0);
	((struct fix *)*state)->control->epoch++; /* as the daemon does on the kernel's announcement */
	expect(*state, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest answer_tests[] = {
	T(no_server__syn__reset),
	T(no_server__long_syn__reset_counts_data),
	T(no_flow__data__reset_of_its_ack),
	T(no_flow__reset__never_answered),
	T(no_server__by_flags__answer_of_each_protocol),
	T(no_server__udp__port_unreachable),
	cmocka_unit_test_setup_teardown(answers__beyond_limit__held_back, fix_setup_no_answers, fix_teardown),
	T(neighbour__of_one_unknown__other_serves),
	T(neighbour__of_all_unknown__dropped),
	T(route__forbids_client__dropped),
};
const size_t nr_answer_tests = sizeof(answer_tests) / sizeof(answer_tests[0]);
