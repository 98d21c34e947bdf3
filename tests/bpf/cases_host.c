// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the host had before xlb came: connections of its own sockets on a balanced port. And the one thing that a bind
 * line changes within a connection: the MSS option.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

/* A socket of the test's namespace, bound to address and port. */
static int bound(uint32_t addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr), .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

static void set_local(struct fix *f)
{
	uint32_t slot;

	for (slot = 0; slot < XLB_ADDR_SLOTS; slot++)
		if (f->addrs[slot].family)
			f->addrs[slot].flags |= XLB_ADDR_LOCAL;
}

/* A proxy on the host has the connection: what it began it ends, while new connections are balanced. */
static void host__holds_connection__packets_pass(void **state)
{
	struct sockaddr_in vip = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(ip_balancer),
				   .sin_port = htons(VIP_PORT) };
	struct fix *f = *state;
	int listener, client, served;
	struct pkt p;

	assert_int_equal(
		system("ip link set lo up && ip addr add 10.0.0.4/32 dev lo && ip addr add 10.1.0.9/32 dev lo"), 0);
	listener = bound(ip_balancer, VIP_PORT);
	assert_int_equal(listen(listener, 1), 0);
	client = bound(ip_client, 40000);
	assert_int_equal(connect(client, (struct sockaddr *)&vip, sizeof(vip)), 0);
	served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(served >= 0);

	/* Without the host's address there is nothing to ask. */
	client_tcp(&p, 40000, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
	set_local(f);
	expect(f, &p, XDP_PASS, XLB_R_HOST_FLOW, NULL);
	client_tcp(&p, 40000, TH_RST);
	expect(f, &p, XDP_PASS, XLB_R_HOST_FLOW, NULL);
	/* The listening socket alone is no connection. */
	client_tcp(&p, 40001, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
	client_tcp(&p, 40002, TH_SYN);
	expect(f, &p, XDP_TX, XLB_R_NEW_FLOW, NULL);

	close(served);
	close(client);
	close(listener);
	assert_int_equal(system("ip addr del 10.0.0.4/32 dev lo && ip addr del 10.1.0.9/32 dev lo"), 0);
}

/* The TCP options as the packet has them: 'len' bytes, a multiple of 4. */
static void with_options(struct pkt *p, bool from_server, uint16_t port, uint8_t flags, const uint8_t *options,
			 size_t len)
{
	pkt_build(p, &(struct pkt_desc){ .smac = from_server ? mac_server1 : NULL,
					 .saddr = from_server ? ip_server1 : ip_client,
					 .daddr = ip_balancer,
					 .sport = from_server ? SERVER_PORT : 40000,
					 .dport = from_server ? port : VIP_PORT,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .payload = options,
					 .payload_len = len });
	pkt_tcp(p)->doff = (20 + len) / 4;
	pkt_seal(p);
}

static void mss__larger__lowered_in_both_syns(void **state)
{
	static const uint8_t even[] = { 2, 4, 0x05, 0xb4, 1, 1, 4, 2 }, odd[] = { 1, 2, 4, 0x05, 0xb4, 1, 1, 0 },
			     small[] = { 2, 4, 0x02, 0x18 };
	struct fix *f = *state;
	struct pkt p, out;
	uint16_t port;

	f->services[SVC_WEB].mss = 1200;
	fix_set_ring(f, (uint16_t[]){ SRV_1 }, 1);
	with_options(&p, false, 0, TH_SYN, even, sizeof(even));
	expect(f, &p, XDP_TX, XLB_R_NEW_FLOW, &out);
	assert_memory_equal((uint8_t *)pkt_tcp(&out) + 20, ((uint8_t[]){ 2, 4, 1200 >> 8, 1200 & 0xff, 1, 1, 4, 2 }),
			    8);
	assert_true(pkt_checksums_ok(&out));
	port = ntohs(pkt_tcp(&out)->source);
	with_options(&p, true, port, TH_SYN | TH_ACK, odd, sizeof(odd));
	expect(f, &p, XDP_TX, XLB_R_REPLY, &out);
	assert_memory_equal((uint8_t *)pkt_tcp(&out) + 20, ((uint8_t[]){ 1, 2, 4, 1200 >> 8, 1200 & 0xff, 1, 1, 0 }),
			    8);
	assert_true(pkt_checksums_ok(&out));
	with_options(&p, true, port, TH_SYN | TH_ACK, small, sizeof(small));
	expect(f, &p, XDP_TX, XLB_R_REPLY, &out);
	assert_memory_equal((uint8_t *)pkt_tcp(&out) + 20, small, sizeof(small));
	assert_true(pkt_checksums_ok(&out));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest host_tests[] = {
	T(host__holds_connection__packets_pass),
	T(mss__larger__lowered_in_both_syns),
};
const size_t nr_host_tests = sizeof(host_tests) / sizeof(host_tests[0]);
