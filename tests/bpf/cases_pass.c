// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is not ours passes, bit for bit.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"

static void pass(struct fix *f, struct pkt *in, enum xlb_reason reason)
{
	struct pkt out;

	expect(f, in, XDP_PASS, reason, &out);
	assert_int_equal(fix_live(f), 0);
}

static void other_protocol__any__passes(void **state)
{
	static const uint16_t types[] = { ETH_P_ARP, ETH_P_8021Q, ETH_P_8021AD, ETH_P_LLDP, 0 };
	struct pkt p;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		client_tcp(&p, 40000, TH_SYN);
		((struct ethhdr *)p.data)->h_proto = htons(types[i]);
		pass(*state, &p, XLB_R_NOT_IP);
	}
}

static void other_address__web_port__passes(void **state)
{
	struct pkt p;

	pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
					  .daddr = IP4(10, 0, 0, 77),
					  .sport = 40000,
					  .dport = VIP_PORT,
					  .proto = IPPROTO_TCP,
					  .flags = TH_SYN });
	pass(*state, &p, XLB_R_NOT_OURS);
}

static void own_address__other_ports__pass(void **state)
{
	struct pkt p;
	int port;

	for (port = 1; port < POOL_LO; port += 7) {
		if (port == VIP_PORT)
			continue;
		pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
						  .daddr = ip_balancer,
						  .sport = 40000,
						  .dport = port,
						  .proto = IPPROTO_TCP,
						  .flags = TH_SYN });
		pass(*state, &p, XLB_R_NOT_OURS);
	}
}

/* The port filter errs to one side: with all bits set the bind table decides. */
static void own_address__filter_says_perhaps__passes(void **state)
{
	struct fix *f = *state;
	uint32_t slot;
	struct pkt p;

	for (slot = 0; slot < XLB_ADDR_SLOTS; slot++)
		if (f->addrs[slot].family)
			memset(f->addrs[slot].bloom, 0xff, sizeof(f->addrs[slot].bloom));
	pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
					  .daddr = ip_balancer,
					  .sport = 40000,
					  .dport = 22,
					  .proto = IPPROTO_TCP,
					  .flags = TH_SYN });
	pass(f, &p, XLB_R_NOT_OURS);
	/* Malformed, but not ours: for the host to judge. */
	((uint8_t *)pkt_tcp(&p))[13] = 0;
	pass(f, &p, XLB_R_NOT_OURS);
}

static void own_address__service_of_other_protocol__passes(void **state)
{
	struct pkt p;

	pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
					  .daddr = ip_balancer,
					  .sport = 40000,
					  .dport = VIP_PORT,
					  .proto = IPPROTO_UDP });
	pass(*state, &p, XLB_R_NOT_OURS);
}

/* A timestamp request: neither a ping nor an error. */
static void own_address__icmp_query__passes(void **state)
{
	static const uint8_t query[] = { 13, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0 };
	struct pkt p;

	pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
					  .daddr = ip_balancer,
					  .proto = IPPROTO_ICMP,
					  .payload = query,
					  .payload_len = sizeof(query) });
	pass(*state, &p, XLB_R_NOT_TCP_UDP);
}

static void own_address__later_fragment__passes(void **state)
{
	struct fix *f = *state;
	struct pkt p;
	uint32_t slot;

	for (slot = 0; slot < XLB_ADDR_SLOTS; slot++)
		if (f->addrs[slot].family)
			f->addrs[slot].flags |= XLB_ADDR_LOCAL;
	pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
					  .daddr = ip_balancer,
					  .sport = 40000,
					  .dport = VIP_PORT,
					  .proto = IPPROTO_TCP,
					  .flags = TH_SYN,
					  .frag = 185 });
	pass(*state, &p, XLB_R_LATER_FRAGMENT);
}

static void service__disabled__passes(void **state)
{
	struct fix *f = *state;
	struct pkt p;

	f->services[SVC_WEB].flags = 0;
	client_tcp(&p, 40000, TH_SYN);
	pass(f, &p, XLB_R_NOT_OURS);
}

static void source_port__no_flow__passes(void **state)
{
	struct fix *f = *state;
	struct pkt p;

	server_tcp(&p, 1, POOL_LO + 5, TH_ACK);
	pass(f, &p, XLB_R_STRAY_REPLY);
	/* A port of the range that a program of the host uses. */
	f->busy[(POOL_LO + 5) / 512].word[(POOL_LO + 5) / 64 % 8] |= 1ull << (POOL_LO + 5) % 64;
	pass(f, &p, XLB_R_NOT_OURS);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest pass_tests[] = {
	T(other_protocol__any__passes),
	T(other_address__web_port__passes),
	T(own_address__other_ports__pass),
	T(own_address__filter_says_perhaps__passes),
	T(own_address__service_of_other_protocol__passes),
	T(own_address__icmp_query__passes),
	T(own_address__later_fragment__passes),
	T(service__disabled__passes),
	T(source_port__no_flow__passes),
};
const size_t nr_pass_tests = sizeof(pass_tests) / sizeof(pass_tests[0]);
