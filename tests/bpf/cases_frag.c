// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fragments: the first one goes its flow's way, later ones follow it, all others are dropped or the host's.
 */
#include <arpa/inet.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xlb/fragment.h>

#include "fixture.h"
#include "way.h"
#include "xlb.skel.h"

static const struct way udp4 = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_UDP },
			udp6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_UDP };

enum { CUT = 32, PAYLOAD = 64 };

/* A packet with 64 bytes of payload, to be cut at 32 bytes of layer 4. */
static struct pkt_desc long_request(const struct way *w, uint16_t sport)
{
	static const uint8_t text[PAYLOAD] = "sixty-four bytes, so that two fragments have something to carry";
	struct pkt_desc d = way_request(w, sport, TH_ACK | TH_PUSH);

	d.payload = text;
	d.payload_len = PAYLOAD;
	return d;
}

static size_t l4_len(const struct way *w)
{
	return PAYLOAD + (w->proto == IPPROTO_TCP ? 20 : 8);
}

static void first_of(struct pkt *p, const struct way *w, const struct pkt_desc *d)
{
	struct pkt whole;

	assert_true(l4_len(w) > CUT);
	pkt_build(&whole, d);
	pkt_fragment(p, &whole, 0, CUT);
}

static void later_of(struct pkt *p, const struct way *w, const struct pkt_desc *d)
{
	struct pkt whole;

	pkt_build(&whole, d);
	pkt_fragment(p, &whole, CUT, l4_len(w) - CUT);
}

/* Is 'out' the same fragment of what the server must get? */
static void assert_fragment_at_server(const struct way *w, struct pkt *out, const struct pkt_desc *d, int server,
				      uint16_t port,
				      void (*cut)(struct pkt *, const struct way *, const struct pkt_desc *))
{
	struct pkt_desc at_server = way_at_server(w, d, server, port);
	struct pkt want, inner;

	cut(&want, w, &at_server);
	if (w->mode == XLB_MODE_IPIP) {
		inner = want;
		way_tunnel(w, &want, &inner, 0, server);
		if (pkt_ip(&want)->version == 6)
			pkt_set_label(&want, pkt_label(out));
	}
	assert_pkt_equal(out, &want);
}

static uint16_t request_fragments(struct fix *f, const struct way *w, uint16_t sport, int *ret_server)
{
	struct pkt_desc d = long_request(w, sport);
	bool known = way_entry(f, w, sport);
	struct pkt in, out;
	uint16_t port;

	first_of(&in, w, &d);
	expect(f, &in, XDP_TX, known ? XLB_R_REQUEST : XLB_R_NEW_FLOW, &out);
	*ret_server = way_server_of(&out);
	port = ntohs(way_entry(f, w, sport)->sport);
	assert_fragment_at_server(w, &out, &d, *ret_server, port, first_of);
	later_of(&in, w, &d);
	expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, &out);
	assert_fragment_at_server(w, &out, &d, *ret_server, port, later_of);
	return port;
}

static void answer_fragments(struct fix *f, const struct way *w, int server, uint16_t sport, uint16_t port)
{
	struct pkt_desc d = way_answer(w, server, sport, port, TH_ACK), at_client;
	struct pkt_desc text = long_request(w, sport);
	struct pkt in, out, want;

	d.payload = text.payload;
	d.payload_len = text.payload_len;
	at_client = way_at_client(w, &d, sport);
	first_of(&in, w, &d);
	expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
	first_of(&want, w, &at_client);
	assert_pkt_equal(&out, &want);
	later_of(&in, w, &d);
	expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, &out);
	later_of(&want, w, &at_client);
	assert_pkt_equal(&out, &want);
}

static void fragments__every_way__later_follow_first(void **state)
{
	struct fix *f = *state;
	uint16_t port, sport = 40000;
	int server;
	size_t i;

	for (i = 0; i < 4 * NR_WAYS; i++) {
		struct way w = ways[i / 4];

		w.proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		w.tag = i & 2;
		fix_set_mode(f, w.mode, w.tunnel);
		sport++;
		if (w.proto == IPPROTO_TCP)
			way_establish(f, &w, sport, &server);
		port = request_fragments(f, &w, sport, &server);
		if (way_is_nat(&w))
			answer_fragments(f, &w, server, sport, port);
	}
}

/* --- without a first one ------------------------------------------------------------------------------------------ */

static void later__first_not_seen__dropped_unless_host_has_address(void **state)
{
	static const struct way *const both[] = { &udp4, &udp6 };
	struct fix *f = *state;
	struct pkt in, out;
	int i;

	for (i = 0; i < 2; i++) {
		struct pkt_desc d = long_request(both[i], 40000);

		later_of(&in, both[i], &d);
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);
		fix_addr(f, ip_balancer, both[i]->family)->flags |= XLB_ADDR_LOCAL;
		expect(f, &in, XDP_PASS, XLB_R_LATER_FRAGMENT, &out);
	}
}

static void later__of_server_in_dnat__is_the_hosts(void **state)
{
	struct way w = { .mode = XLB_MODE_DNAT, .family = 4, .proto = IPPROTO_UDP };
	struct fix *f = *state;
	struct pkt in, out;
	int i;

	fix_set_mode(f, XLB_MODE_DNAT, 0);
	for (i = 0; i < 2; i++) {
		struct pkt_desc d = way_answer(&w, 1, 40000, 40000, 0);

		w.family = d.family = i ? 6 : 4;
		d.payload = "twenty-four bytes and more of them";
		d.payload_len = PAYLOAD / 2;
		later_of(&in, &w, &d);
		expect(f, &in, XDP_PASS, XLB_R_LATER_FRAGMENT, &out);
	}
}

/* A first fragment to a port of the host passes, and so do the others, wherever the address lives. */
static void later__first_was_the_hosts__passes(void **state)
{
	static const struct way *const both[] = { &udp4, &udp6 };
	struct fix *f = *state;
	struct pkt in, out;
	int i;

	for (i = 0; i < 4; i++) {
		const struct way *w = both[i & 1];
		struct pkt_desc d = long_request(w, 40000 + i);

		d.dport = i & 2 ? POOL_LO + 1 : 9; /* a stray reply, a port that nothing is bound to */
		first_of(&in, w, &d);
		expect(f, &in, XDP_PASS, i & 2 ? XLB_R_STRAY_REPLY : XLB_R_NOT_OURS, &out);
		later_of(&in, w, &d);
		expect(f, &in, XDP_PASS, XLB_R_LATER_FRAGMENT, &out);
		d.saddr++; /* another sender's, with the same identification */
		later_of(&in, w, &d);
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);
	}
}

/* A ping too long for one frame is the host's with all its fragments. */
static void later__first_was_icmp__passes(void **state)
{
	static const struct pkt_icmp echo = { .type = 8, .rest = 1 }, echo6 = { .type = 128, .rest = 1 };
	struct fix *f = *state;
	struct pkt in, out;
	int i;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &udp6 : &udp4;
		struct pkt_desc d = long_request(w, 0);

		d.proto = i ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		d.icmp = i ? &echo6 : &echo;
		first_of(&in, w, &d);
		expect(f, &in, XDP_PASS, XLB_R_NOT_TCP_UDP, &out);
		later_of(&in, w, &d);
		expect(f, &in, XDP_PASS, XLB_R_LATER_FRAGMENT, &out);
	}
}

/* Extension headers behind the fragment header are in the first fragment alone. */
static void later__options_in_first__follows(void **state)
{
	static const struct pkt_ext options = { .type = IPPROTO_DSTOPTS };
	struct pkt_desc d = long_request(&udp6, 40000);
	struct fix *f = *state;
	struct pkt in, whole;

	d.ext = &options;
	d.nr_ext = 1;
	pkt_build(&whole, &d);
	pkt_fragment_at(&in, &whole, 40, 0, CUT);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
	pkt_fragment_at(&in, &whole, 40, CUT, l4_len(&udp6) + 8 - CUT);
	expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, NULL);
}

/* What was answered was not sent on, so there is nothing to follow. */
static void later__first_was_answered__dropped(void **state)
{
	struct way tcp = udp4, tunnel = { .mode = XLB_MODE_IPIP, .family = 6, .proto = IPPROTO_UDP };
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;

	tcp.proto = IPPROTO_TCP;
	d = long_request(&tcp, 40000);
	first_of(&in, &tcp, &d);
	expect(f, &in, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
	later_of(&in, &tcp, &d);
	expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);

	fix_set_ring(f, NULL, 0);
	d = long_request(&udp4, 40001);
	first_of(&in, &udp4, &d);
	expect(f, &in, XDP_TX, XLB_R_NO_SERVER_ICMP, NULL);
	later_of(&in, &udp4, &d);
	expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);

	fix_set_mode(f, XLB_MODE_IPIP, 0);
	f->servers[SRV6_1].mtu = f->servers[SRV6_2].mtu = 100;
	d = long_request(&tunnel, 40002);
	first_of(&in, &tunnel, &d);
	expect(f, &in, XDP_TX, XLB_R_TOO_BIG_ICMP, NULL);
	later_of(&in, &tunnel, &d);
	expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);
}

static void later__first_was_dropped__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d = long_request(&udp4, 0);
	struct pkt in;

	first_of(&in, &udp4, &d);
	expect(f, &in, XDP_DROP, XLB_R_PORT_ZERO, NULL);
	later_of(&in, &udp4, &d);
	expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);
}

/* Makes all first fragments that are remembered 'ticks' older. */
static void age_fragments(struct fix *f, uint32_t ticks)
{
	int fd = bpf_map__fd(f->skel->maps.xlb_frags);
	struct xlb_frag_key key;
	struct xlb_frag value;

	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	value.tick -= ticks;
	assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_EXIST), 0);
	assert_int_not_equal(bpf_map_get_next_key(fd, &key, &key), 0);
}

static void later__after_thirty_seconds__first_forgotten(void **state)
{
	struct fix *f = *state;
	uint32_t ticks = (XLB_FRAG_SECONDS * f->skel->rodata->xlb_cfg_hz) >> f->skel->rodata->xlb_cfg_tick_shift;
	struct pkt_desc d = long_request(&udp4, 40000);
	struct pkt in;
	int server;

	request_fragments(f, &udp4, 40000, &server);
	later_of(&in, &udp4, &d);
	age_fragments(f, ticks / 2);
	expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, NULL);
	age_fragments(f, ticks / 2 + 2);
	expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);
}

static void later__ttl_used_up__dropped_but_switched(void **state)
{
	struct fix *f = *state;
	struct pkt in;
	int i, server;

	for (i = 0; i < 4; i++) {
		struct way w = i & 1 ? udp6 : udp4;
		struct pkt_desc d = long_request(&w, 40000 + i);

		w.mode = i & 2 ? XLB_MODE_L2DSR : XLB_MODE_FULLNAT;
		fix_set_mode(f, w.mode, 0);
		request_fragments(f, &w, 40000 + i, &server);
		d.ttl = 1;
		later_of(&in, &w, &d);
		if (i & 2)
			expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, NULL);
		else
			expect(f, &in, XDP_DROP, XLB_R_TTL, NULL);
	}
}

/* --- attacks ------------------------------------------------------------------------------------------------------ */

/* RFC 1858: a first fragment that leaves the flags to the second; RFC 3128: a second one that overwrites them. */
static void fragment__cuts_or_overlaps_tcp_header__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt in, whole;
	int i, server;

	for (i = 0; i < 2; i++) {
		struct way w = i ? udp6 : udp4;
		struct pkt_desc d;

		w.proto = IPPROTO_TCP;
		way_establish(f, &w, 40000, &server);
		request_fragments(f, &w, 40000, &server);
		d = long_request(&w, 40000);
		pkt_build(&whole, &d);
		pkt_fragment(&in, &whole, 0, 8);
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_TINY, NULL);
		pkt_fragment(&in, &whole, 0, 16);
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_TINY, NULL);
		pkt_fragment(&in, &whole, 8, 32);
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_TINY, NULL);
		pkt_fragment(&in, &whole, 24, 32);
		expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, NULL);
		/* Options that go on in the second fragment are out of sight just so. */
		pkt_tcp(&whole)->doff = 15;
		pkt_fragment(&in, &whole, 0, CUT);
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_TINY, NULL);
	}
}

/* UDP ends after 8 bytes: a fragment there is what any sender of small fragments makes. */
static void fragment__udp_header_alone__forwarded(void **state)
{
	struct fix *f = *state;
	struct pkt in, whole;
	int i;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &udp6 : &udp4;
		struct pkt_desc d = long_request(w, 40000);

		pkt_build(&whole, &d);
		pkt_fragment(&in, &whole, 0, 8);
		expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, NULL);
		pkt_fragment(&in, &whole, 8, l4_len(w) - 8);
		expect(f, &in, XDP_TX, XLB_R_FRAGMENT_SENT, NULL);
	}
}

static void fragment__longer_than_frame__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt in;
	int i, server;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &udp6 : &udp4;
		struct pkt_desc d = long_request(w, 40000);

		request_fragments(f, w, 40000, &server);
		later_of(&in, w, &d);
		in.len--;
		expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
		first_of(&in, w, &d);
		in.len--;
		expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
		in.len = (size_t)((uint8_t *)pkt_l4(&in) - in.data) + 7;
		expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_TINY, NULL);
	}
}

/* RFC 6946: a fragment header on a packet that is whole. */
static void atomic_fragment__with_header__is_a_packet(void **state)
{
	static const struct pkt_ext ext = { .type = IPPROTO_FRAGMENT, .word = 0x1234 };
	struct way w = udp6;
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in, out;
	int i, server = 0;
	uint16_t port = 0;

	w.proto = IPPROTO_TCP;
	for (i = 0; i < 3; i++) {
		d = way_request(&w, 40000, i ? TH_ACK : TH_SYN);
		d.ext = &ext;
		d.nr_ext = 1;
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, i ? XLB_R_REQUEST : XLB_R_NEW_FLOW, &out);
		server = server ? server : way_server_of(&out);
		port = port ? port : ntohs(pkt_tcp(&out)->source);
		assert_at_server(&w, &out, &d, server, port);
	}
	/* Nothing was remembered, there is nothing to follow. */
	d = long_request(&w, 40000);
	later_of(&in, &w, &d);
	expect(f, &in, XDP_DROP, XLB_R_FRAGMENT_MISS, NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest frag_tests[] = {
	T(fragments__every_way__later_follow_first),
	T(later__first_not_seen__dropped_unless_host_has_address),
	T(later__of_server_in_dnat__is_the_hosts),
	T(later__first_was_the_hosts__passes),
	T(later__first_was_icmp__passes),
	T(later__options_in_first__follows),
	T(later__first_was_answered__dropped),
	T(later__first_was_dropped__dropped),
	T(later__after_thirty_seconds__first_forgotten),
	T(later__ttl_used_up__dropped_but_switched),
	T(fragment__cuts_or_overlaps_tcp_header__dropped),
	T(fragment__udp_header_alone__forwarded),
	T(fragment__longer_than_frame__dropped),
	T(atomic_fragment__with_header__is_a_packet),
};
const size_t nr_frag_tests = sizeof(frag_tests) / sizeof(frag_tests[0]);
