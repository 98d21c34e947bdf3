// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is IPv6's own: extension headers, addresses that cannot be, no UDP without checksum; and resets and port
 * unreachables over it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"
#include "way.h"

static const struct way tcp6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_TCP },
			udp6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_UDP };

static void build(struct pkt *p, const struct way *w, uint16_t sport, uint8_t flags, const struct pkt_ext *ext,
		  size_t nr)
{
	struct pkt_desc d = way_request(w, sport, flags);

	d.ext = ext;
	d.nr_ext = nr;
	pkt_build(p, &d);
}

/* --- extension headers -------------------------------------------------------------------------------------------- */

/* All kinds, up to six: skipped, and still there on the other side. */
static void extensions__up_to_six__skipped_and_kept(void **state)
{
	static const struct pkt_ext chain[] = {
		{ .type = IPPROTO_HOPOPTS, .units = 1 },     { .type = IPPROTO_DSTOPTS },
		{ .type = IPPROTO_ROUTING, .half = 0x0401 }, { .type = IPPROTO_FRAGMENT, .word = 7 },
		{ .type = IPPROTO_DSTOPTS, .units = 2 },     { .type = IPPROTO_ROUTING, .half = 0 },
	};
	struct fix *f = *state;
	struct pkt in, out;
	int nr, server, i;
	uint16_t port;

	for (nr = 0; nr <= 6; nr++) {
		for (server = 0, i = 0; i < 2; i++) {
			struct pkt_desc d = way_request(&tcp6, 40000 + nr, i ? TH_ACK : TH_SYN);

			d.ext = chain;
			d.nr_ext = nr;
			pkt_build(&in, &d);
			expect(f, &in, XDP_TX, i ? XLB_R_REQUEST : XLB_R_NEW_FLOW, &out);
			server = server ? server : way_server_of(&out);
			port = ntohs(way_entry(f, &tcp6, 40000 + nr)->sport);
			assert_at_server(&tcp6, &out, &d, server, port);
		}
	}
}

static void extensions__of_known_flow__reply_rewritten(void **state)
{
	static const struct pkt_ext options = { .type = IPPROTO_DSTOPTS };
	struct fix *f = *state;
	struct pkt in, out, want;
	struct pkt_desc d;
	uint16_t port;
	int server;

	port = way_establish(f, &tcp6, 40000, &server);
	d = way_answer(&tcp6, server, 40000, port, TH_ACK);
	d.ext = &options;
	d.nr_ext = 1;
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
	d = way_at_client(&tcp6, &d, 40000);
	pkt_build(&want, &d);
	assert_pkt_equal(&out, &want);
}

static void extensions__too_many__dropped(void **state)
{
	static const struct pkt_ext chain[8] = {
		{ .type = IPPROTO_HOPOPTS }, { .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS },
		{ .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS },
		{ .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS },
	};
	struct fix *f = *state;
	struct pkt in;
	size_t nr;

	for (nr = 7; nr <= 8; nr++) {
		build(&in, &tcp6, 40000, TH_SYN, chain, nr);
		expect(f, &in, XDP_DROP, XLB_R_EXTENSION, NULL);
	}
	assert_int_equal(fix_live(f), 0);
}

/* The ports must be within the first 255 bytes of the frame. */
static void extensions__too_long__dropped(void **state)
{
	struct pkt_ext options = { .type = IPPROTO_DSTOPTS };
	struct fix *f = *state;
	struct pkt in;
	int units;

	for (units = 0; units < 40; units++) {
		options.units = units;
		build(&in, &tcp6, 40000 + units, TH_SYN, &options, 1);
		if (14 + 40 + (units + 1) * 8 <= 255)
			expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
		else
			expect(f, &in, XDP_DROP, XLB_R_EXTENSION, NULL);
	}
}

/* RFC 5095. Other types, and one that has been used up, are harmless. */
static void routing_header__type_0__dropped(void **state)
{
	static const struct {
		uint16_t half; /* type, segments left */
		bool bad;
	} cases[] = { { 0x0001, true }, { 0x00ff, true }, { 0x0000, false }, { 0x0201, false }, { 0x0403, false } };
	struct pkt_ext routing = { .type = IPPROTO_ROUTING };
	struct fix *f = *state;
	struct pkt in;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		routing.half = cases[i].half;
		build(&in, &tcp6, 40000 + i, TH_SYN, &routing, 1);
		if (cases[i].bad)
			expect(f, &in, XDP_DROP, XLB_R_SOURCE_ROUTE, NULL);
		else
			expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
	}
}

/* What hides the ports, and what is none of them. */
static void next_header__not_followed__passes(void **state)
{
	static const uint8_t protos[] = { IPPROTO_ESP, IPPROTO_AH, IPPROTO_NONE, IPPROTO_SCTP, IPPROTO_ICMP, 135, 254 };
	struct fix *f = *state;
	struct pkt in, out;
	size_t i;

	for (i = 0; i < sizeof(protos); i++) {
		struct pkt_desc d = way_request(&tcp6, 40000, TH_SYN);

		d.proto = protos[i];
		d.payload = "some bytes that are no ports";
		d.payload_len = 28;
		pkt_build(&in, &d);
		expect(f, &in, XDP_PASS, XLB_R_NOT_TCP_UDP, &out);
	}
}

/* Every length of a frame whose headers promise more. */
static void frame__cut_anywhere__dropped_or_passed(void **state)
{
	static const struct pkt_ext chain[] = { { .type = IPPROTO_HOPOPTS, .units = 1 }, { .type = IPPROTO_DSTOPTS } };
	struct pkt whole, p, out;
	size_t len;

	build(&whole, &tcp6, 40000, TH_SYN, chain, 2);
	for (len = 14; len < whole.len; len++) {
		p = whole;
		p.len = len;
		if (len < 14 + 40)
			expect(*state, &p, XDP_PASS, XLB_R_NOT_IP, &out);
		else
			expect(*state, &p, XDP_DROP, XLB_R_TRUNCATED, NULL);
	}
	assert_int_equal(fix_live(*state), 0);
}

static void payload_length__lies__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt in;
	unsigned int len;

	for (len = 0; len < 200; len++) {
		build(&in, &tcp6, 40000, TH_SYN, NULL, 0);
		pkt_ip6(&in)->ip6_plen = htons(len);
		if (len != 20)
			expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
		build(&in, &udp6, 40000, 0, NULL, 0);
		pkt_ip6(&in)->ip6_plen = htons(len);
		if (len != 18)
			expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
	}
	build(&in, &tcp6, 40000, TH_SYN, NULL, 0);
	pkt_ip6(&in)->ip6_plen = 0xffff;
	expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
}

static void version__not_six__dropped(void **state)
{
	struct pkt in;
	int version;

	for (version = 0; version < 16; version++) {
		if (version == 6)
			continue;
		build(&in, &tcp6, 40000, TH_SYN, NULL, 0);
		*(uint8_t *)pkt_ip6(&in) = version << 4;
		expect(*state, &in, XDP_DROP, XLB_R_BAD_HEADER, NULL);
	}
}

/* RFC 8200, 8.1: UDP over IPv6 has a checksum. On known flows too. */
static void udp__no_checksum__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	int server, i;

	for (i = 0; i < 2; i++) {
		d = way_request(&udp6, 40000, 0);
		d.udp_no_check = true;
		pkt_build(&in, &d);
		expect(f, &in, XDP_DROP, XLB_R_NO_CHECKSUM, NULL);
		if (!i)
			way_open(f, &udp6, 40000, &server);
	}
}

/* A checksum that comes out as 0 is sent as all ones: else it would be none. */
static void udp__every_checksum__right_after_rewrite(void **state)
{
	struct fix *f = *state;
	unsigned int value, zeros = 0;
	enum xlb_reason reason;
	struct pkt in, out;
	struct pkt_desc d;
	int server;

	way_open(f, &udp6, 40000, &server);
	for (value = 0; value < 0x10000; value += zeros ? 251 : 1) {
		uint16_t payload = htons(value);

		d = way_request(&udp6, 40000, 0);
		d.payload = &payload;
		d.payload_len = 2;
		pkt_build(&in, &d);
		assert_int_equal(fix_run(f, &in, &out, &reason), XDP_TX);
		assert_true(pkt_checksums_ok(&out));
		assert_int_not_equal(pkt_udp(&out)->check, 0);
		zeros += pkt_udp(&out)->check == 0xffff;
	}
	assert_true(zeros >= 1);
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static void source_address__judged(void **state)
{
	static const struct {
		uint8_t addr[16];
		bool bad;
	} cases[] = {
		{ { 0 }, true },			      /* unspecified */
		{ { [15] = 1 }, true },			      /* loopback */
		{ { [10] = 0xff, 0xff, 10, 1, 0, 9 }, true }, /* IPv4-mapped */
		{ { 0xff, 2, [15] = 1 }, true },	      /* multicast */
		{ { 0xff, 0x0e, [15] = 9 }, true },
		{ { 0x20, 1, 0x0d, 0xb8, [12] = 10, 0, 0, 4 }, true }, /* the service itself */
		{ { [15] = 2 }, false },
		{ { 0, 0x64, 0xff, 0x9b, [12] = 10, 1, 0, 9 }, false }, /* NAT64 */
		{ { 0xfe, 0x80, [15] = 1 }, false },			/* link-local */
		{ { 0xfd, [15] = 1 }, false },
		{ { 0x20, 1, 0x0d, 0xb8, [12] = 10, 0, 0, 3 }, false },
		{ { [9] = 1, 0xff, 0xff, 10, 1, 0, 9 }, false },
		{ { [0] = 1, [15] = 1 }, false },
	};
	struct fix *f = *state;
	struct pkt in;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pkt_desc d = way_request(&tcp6, 40000, TH_SYN);

		d.saddr6 = cases[i].addr;
		pkt_build(&in, &d);
		if (cases[i].bad)
			expect(f, &in, XDP_DROP, XLB_R_BAD_SOURCE, NULL);
		else
			expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
	}
}

static void other_address__any__passes(void **state)
{
	struct fix *f = *state;
	struct pkt in, out;
	struct pkt_desc d;
	int byte;

	for (byte = 0; byte < 16; byte++) {
		d = way_request(&tcp6, 40000, TH_SYN);
		pkt_build(&in, &d);
		pkt_ip6(&in)->ip6_dst.s6_addr[byte] ^= 1;
		expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	}
}

/* What is broken and comes from a server whose answers pass by is the server's own business. */
static void from_server__broken__passes(void **state)
{
	static const struct pkt_ext chain[8] = {
		{ .type = IPPROTO_HOPOPTS }, { .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS },
		{ .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS },
		{ .type = IPPROTO_DSTOPTS }, { .type = IPPROTO_DSTOPTS },
	};
	static const struct pkt_ext routing = { .type = IPPROTO_ROUTING, .half = 1 };
	struct way w = tcp6;
	struct fix *f = *state;
	struct pkt in, out;
	struct pkt_desc d;

	w.mode = XLB_MODE_DNAT;
	fix_set_mode(f, XLB_MODE_DNAT, 0);
	d = way_answer(&w, 1, 40000, 40000, TH_ACK);
	d.ext = chain;
	d.nr_ext = 8;
	pkt_build(&in, &d);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	d.ext = &routing;
	d.nr_ext = 1;
	pkt_build(&in, &d);
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	in.len = 14 + 40 + 4;
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	d.nr_ext = 0;
	pkt_build(&in, &d);
	*(uint8_t *)pkt_ip6(&in) = 0x40;
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
	*(uint8_t *)pkt_ip6(&in) = 0x60;
	in.len = 14 + 40 + 7;
	expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void want_reset(struct pkt *p, uint16_t tag, uint32_t seq, uint32_t ack, uint8_t flags)
{
	pkt_build(p, &(struct pkt_desc){ .dmac = mac_client,
					 .smac = mac_balancer,
					 .tag = tag,
					 .family = 6,
					 .saddr = ip_balancer,
					 .daddr = ip_client,
					 .sport = VIP_PORT,
					 .dport = 40000,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .seq = seq,
					 .ack = ack });
	pkt_tcp(p)->window = 0;
	pkt_seal(p);
}

static void reset__tagged_or_not__exact(void **state)
{
	static const struct pkt_ext options = { .type = IPPROTO_DSTOPTS, .units = 3 };
	struct fix *f = *state;
	struct pkt in, out, want;
	struct way w = tcp6;
	int i;

	fix_ring(f, BE_WEB6, XLB_ALG_RR, NULL, NULL, 0);
	for (i = 0; i < 4; i++) {
		w.tag = i & 1;
		build(&in, &w, 40000, TH_SYN, &options, i / 2);
		expect(f, &in, XDP_TX, XLB_R_NO_SERVER_RST, &out);
		want_reset(&want, w.tag ? 0x2064 : 0, 0, 1001, TH_RST | TH_ACK);
		assert_pkt_equal(&out, &want);
		build(&in, &w, 40000, TH_ACK | TH_PUSH, &options, i / 2);
		expect(f, &in, XDP_TX, XLB_R_NO_FLOW_RST, &out);
		want_reset(&want, w.tag ? 0x2064 : 0, 77, 0, TH_RST);
		assert_pkt_equal(&out, &want);
	}
	f->services[SVC_WEB6].flags |= XLB_SVC_DROP;
	build(&in, &w, 40000, TH_SYN, NULL, 0);
	expect(f, &in, XDP_DROP, XLB_R_NO_SERVER_DROP, NULL);
}

/* RFC 4443, 3.1. The quote ends with the ports, or after 128 bytes. */
static void unreachable__tagged_or_not__exact(void **state)
{
	static const struct pkt_icmp icmp = { .type = 1, .code = 4 };
	static const size_t units[] = { 0, 3, 20 };
	struct pkt_ext options = { .type = IPPROTO_DSTOPTS };
	struct fix *f = *state;
	struct pkt in, out, want;
	struct way w = udp6;
	int i;

	fix_ring(f, BE_WEB6, XLB_ALG_RR, NULL, NULL, 0);
	for (i = 0; i < 8; i++) {
		size_t nr_ext = i / 2 ? 1 : 0, head = 40 + 8;
		struct pkt_desc d;

		w.tag = i & 1;
		options.units = nr_ext ? units[i / 2 - 1] : 0;
		head += nr_ext * (options.units + 1) * 8;
		build(&in, &w, 40000, 0, &options, nr_ext);
		expect(f, &in, XDP_TX, XLB_R_NO_SERVER_ICMP, &out);
		d = (struct pkt_desc){ .dmac = mac_client,
				       .smac = mac_balancer,
				       .tag = w.tag ? 0x2064 : 0,
				       .family = 6,
				       .saddr = ip_balancer,
				       .daddr = ip_client,
				       .proto = IPPROTO_ICMPV6,
				       .icmp = &icmp,
				       .payload = pkt_ip6(&in),
				       .payload_len = head > 128 ? 128 : head };
		pkt_build(&want, &d);
		assert_pkt_equal(&out, &want);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest ip6_tests[] = {
	T(extensions__up_to_six__skipped_and_kept),
	T(extensions__of_known_flow__reply_rewritten),
	T(extensions__too_many__dropped),
	T(extensions__too_long__dropped),
	T(routing_header__type_0__dropped),
	T(next_header__not_followed__passes),
	T(frame__cut_anywhere__dropped_or_passed),
	T(payload_length__lies__dropped),
	T(version__not_six__dropped),
	T(udp__no_checksum__dropped),
	T(udp__every_checksum__right_after_rewrite),
	T(source_address__judged),
	T(other_address__any__passes),
	T(from_server__broken__passes),
	T(reset__tagged_or_not__exact),
	T(unreachable__tagged_or_not__exact),
};
const size_t nr_ip6_tests = sizeof(ip6_tests) / sizeof(ip6_tests[0]);
