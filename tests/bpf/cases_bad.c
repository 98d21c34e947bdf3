// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets that cannot be: each is dropped for its reason, none is forwarded, none breaks the program.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"

static void drop(struct fix *f, struct pkt *in, enum xlb_reason reason)
{
	unsigned int live = fix_live(f);

	expect(f, in, XDP_DROP, reason, NULL);
	assert_int_equal(fix_live(f), live);
}

/* Every length of a frame whose headers promise more. */
static void truncated__every_length__dropped_or_passed(void **state)
{
	struct pkt whole, p;
	size_t len;

	client_tcp(&whole, 40000, TH_SYN);
	for (len = 14; len < whole.len; len++) {
		p = whole;
		p.len = len;
		if (len < 14 + 20)
			expect(*state, &p, XDP_PASS, XLB_R_NOT_IP, NULL);
		else
			drop(*state, &p, XLB_R_TRUNCATED);
	}
	pkt_build(&whole, &(struct pkt_desc){ .saddr = ip_client,
					      .daddr = ip_balancer,
					      .sport = 1,
					      .dport = DNS_PORT,
					      .proto = IPPROTO_UDP,
					      .payload = "0123456789",
					      .payload_len = 10 });
	for (len = 34; len < whole.len; len++) {
		p = whole;
		p.len = len;
		drop(*state, &p, XLB_R_TRUNCATED);
	}
}

/* Every value of the fields that say how long things are: nothing goes out but what is sound. */
static void length_fields__every_value__no_wrong_forwarding(void **state)
{
	struct fix *f = *state;
	enum xlb_reason reason;
	struct pkt p;
	int i;

	for (i = 0; i < 256; i++) {
		client_tcp(&p, 40000, TH_SYN);
		*(uint8_t *)pkt_ip(&p) = i; /* version and header length */
		if (i != 0x45)
			assert_int_not_equal(fix_run(f, &p, NULL, &reason), XDP_TX);
	}
	for (i = 0; i < 5; i++) {
		client_tcp(&p, 40000, TH_SYN);
		pkt_ip(&p)->ihl = i;
		drop(f, &p, XLB_R_BAD_HEADER);
		client_tcp(&p, 40000, TH_SYN);
		pkt_tcp(&p)->doff = i;
		drop(f, &p, XLB_R_BAD_HEADER);
	}
	for (i = 6; i < 16; i++) {
		client_tcp(&p, 40000, TH_SYN);
		pkt_tcp(&p)->doff = i;
		drop(f, &p, XLB_R_TRUNCATED);
	}
	for (i = 0; i < 200; i++) {
		client_tcp(&p, 40000, TH_SYN);
		pkt_ip(&p)->tot_len = htons(i);
		if (i != 40)
			drop(f, &p, XLB_R_TRUNCATED);
	}
	assert_int_equal(fix_live(f), 0);
}

static void udp_length__lies__dropped(void **state)
{
	static const uint16_t lies[] = { 0, 7, 13, 0xffff };
	struct pkt p;
	size_t i;

	for (i = 0; i < 4; i++) {
		pkt_build(&p, &(struct pkt_desc){ .saddr = ip_client,
						  .daddr = ip_balancer,
						  .sport = 1,
						  .dport = DNS_PORT,
						  .proto = IPPROTO_UDP,
						  .payload = "1234",
						  .payload_len = 4 });
		pkt_udp(&p)->len = htons(lies[i]);
		drop(*state, &p, XLB_R_TRUNCATED);
	}
}

/* Ethernet pads short frames to 60 bytes: the padding is none of the packet's. */
static void padding__short_frame__forwarded(void **state)
{
	struct pkt p, out;

	client_tcp(&p, 40000, TH_SYN);
	memset(p.data + p.len, 0xaa, 6);
	p.len += 6;
	expect(*state, &p, XDP_TX, XLB_R_NEW_FLOW, &out);
	assert_true(pkt_checksums_ok(&out));
	assert_int_equal(out.len, p.len);
}

static int flags_are_bad(int flags)
{
	int syn = !!(flags & TH_SYN), fin = !!(flags & TH_FIN), rst = !!(flags & TH_RST), ack = !!(flags & TH_ACK);

	return syn + fin + rst > 1 || (!syn && !rst && !ack);
}

static void tcp_flags__every_combination__judged(void **state)
{
	struct fix *f = *state;
	enum xlb_reason reason;
	struct pkt p;
	int flags;

	for (flags = 0; flags < 256; flags++) {
		client_tcp(&p, 40000 + flags, flags);
		fix_run(f, &p, NULL, &reason);
		if (flags_are_bad(flags))
			assert_int_equal(reason, XLB_R_BAD_FLAGS);
		else if ((flags & (TH_SYN | TH_ACK)) == TH_SYN)
			assert_int_equal(reason, XLB_R_NEW_FLOW);
		else
			assert_int_equal(reason, flags & TH_RST ? XLB_R_NO_FLOW : XLB_R_NO_FLOW_RST);
	}
}

static void source_address__cannot_be__dropped(void **state)
{
	static const uint32_t bad[] = { IP4(0, 0, 0, 0),	 IP4(0, 1, 2, 3),   IP4(127, 0, 0, 1),
					IP4(224, 0, 0, 1),	 IP4(239, 1, 1, 1), IP4(240, 0, 0, 1),
					IP4(255, 255, 255, 255), IP4(10, 0, 0, 4) };
	struct pkt p;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pkt_build(&p, &(struct pkt_desc){ .saddr = bad[i],
						  .daddr = ip_balancer,
						  .sport = 40000,
						  .dport = VIP_PORT,
						  .proto = IPPROTO_TCP,
						  .flags = TH_SYN });
		drop(*state, &p, XLB_R_BAD_SOURCE);
	}
}

static void port_zero__source__dropped(void **state)
{
	struct pkt p;

	client_tcp(&p, 0, TH_SYN);
	drop(*state, &p, XLB_R_PORT_ZERO);
}

static void ttl__used_up__dropped(void **state)
{
	struct pkt_desc d = { .saddr = ip_client,
			      .daddr = ip_balancer,
			      .sport = 40000,
			      .dport = VIP_PORT,
			      .proto = IPPROTO_TCP,
			      .flags = TH_SYN,
			      .ttl = 1 };
	struct pkt p;

	pkt_build(&p, &d);
	drop(*state, &p, XLB_R_TTL);
	pkt_ip(&p)->ttl = 0;
	drop(*state, &p, XLB_R_TTL);
	establish(*state, 40000, NULL);
	d.flags = TH_ACK;
	pkt_build(&p, &d);
	drop(*state, &p, XLB_R_TTL);
}

static void options__harmless__skipped_and_kept(void **state)
{
	static const uint8_t timestamps[] = { 1, 1, 68, 8, 5, 0, 0, 0, 0, 0, 0, 0 };
	struct pkt_desc d = { .saddr = ip_client,
			      .daddr = ip_balancer,
			      .sport = 40000,
			      .dport = VIP_PORT,
			      .proto = IPPROTO_TCP,
			      .flags = TH_SYN,
			      .options = timestamps,
			      .options_len = 12 };
	struct pkt in, out, want;

	pkt_build(&in, &d);
	expect(*state, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	forwarded(&want, &d, 1, ntohs(pkt_tcp(&out)->source));
	assert_pkt_equal(&out, &want);
	expect(*state, &in, XDP_TX, XLB_R_REQUEST, &out);
	assert_pkt_equal(&out, &want);
}

static void options__source_route__dropped(void **state)
{
	static const uint8_t routes[][8] = { { 131, 7, 4, 10, 0, 0, 5, 0 },
					     { 1, 137, 7, 4, 10, 0, 0, 5 },
					     { 7, 3, 4, 131, 3, 4, 0, 0 },
					     { 68, 0, 0, 0, 0, 0, 0, 0 },
					     { 1, 1, 1, 1, 1, 1, 1, 7 } };
	struct pkt p;
	size_t i;

	open_flow(*state, 40000, NULL);
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct pkt_desc d = { .saddr = ip_client,
				      .daddr = ip_balancer,
				      .sport = 40001,
				      .dport = VIP_PORT,
				      .proto = IPPROTO_TCP,
				      .flags = TH_SYN,
				      .options = routes[i],
				      .options_len = 8 };

		pkt_build(&p, &d);
		drop(*state, &p, XLB_R_SOURCE_ROUTE);
		d.sport = 40000; /* on a known flow just so */
		pkt_build(&p, &d);
		drop(*state, &p, XLB_R_SOURCE_ROUTE);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest bad_tests[] = {
	T(truncated__every_length__dropped_or_passed),
	T(length_fields__every_value__no_wrong_forwarding),
	T(udp_length__lies__dropped),
	T(padding__short_frame__forwarded),
	T(tcp_flags__every_combination__judged),
	T(source_address__cannot_be__dropped),
	T(port_zero__source__dropped),
	T(ttl__used_up__dropped),
	T(options__harmless__skipped_and_kept),
	T(options__source_route__dropped),
};
const size_t nr_bad_tests = sizeof(bad_tests) / sizeof(bad_tests[0]);
