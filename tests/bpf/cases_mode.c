// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ways of forwarding: every mode with both protocols, both families, with and without a tag, byte for byte; the MTU of
 * tunnels; the time to live.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "way.h"

static const char *row_name(const struct way *w)
{
	static const char *const modes[] = { "fullnat", "dnat", "l2dsr", "ipip" };
	static char text[64];

	snprintf(text, sizeof(text), "%s, IPv%d, tunnel %d, %s%s", modes[w->mode], w->family, w->tunnel,
		 w->proto == IPPROTO_TCP ? "TCP" : "UDP", w->tag ? ", tagged" : "");
	return text;
}

/* One packet of the client, sent under 'reason', and what the server gets. */
static uint16_t request_exact(struct fix *f, const struct way *w, const struct pkt_desc *d, enum xlb_reason reason,
			      uint16_t port, int *server)
{
	struct pkt in, out;

	pkt_build(&in, d);
	expect(f, &in, XDP_TX, reason, &out);
	if (!*server)
		*server = way_server_of(&out);
	if (!port)
		port = w->mode == XLB_MODE_FULLNAT ? ntohs(pkt_udp(&out)->source) : d->sport;
	assert_at_server(w, &out, d, *server, port);
	return port;
}

static void answer_exact(struct fix *f, const struct way *w, const struct pkt_desc *d, uint16_t sport)
{
	struct pkt_desc at_client = way_at_client(w, d, sport);
	struct pkt in, out, want;

	pkt_build(&in, d);
	expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
	pkt_build(&want, &at_client);
	assert_pkt_equal(&out, &want);
}

/* A whole connection, or a question and its answer. DSCP and ECN must come through, and into the outer header. */
static void row_bytes(struct fix *f, const struct way *w, uint16_t sport)
{
	static const uint8_t flags[] = { TH_SYN, TH_ACK, TH_ACK | TH_PUSH, TH_FIN | TH_ACK };
	int i, nr = w->proto == IPPROTO_TCP ? 4 : 2, server = 0;
	uint16_t port = 0;

	for (i = 0; i < nr; i++) {
		struct pkt_desc d = way_request(w, sport, flags[i]);

		d.tos = 0xb9 ^ i;
		port = request_exact(f, w, &d, i ? XLB_R_REQUEST : XLB_R_NEW_FLOW, port, &server);
		if (!way_is_nat(w))
			continue;
		d = way_answer(w, server, sport, port, i ? TH_ACK : TH_SYN | TH_ACK);
		d.tos = 0x2a;
		answer_exact(f, w, &d, sport);
	}
	assert_non_null(way_entry(f, w, sport));
	if (w->mode == XLB_MODE_FULLNAT)
		assert_in_range(port, POOL_LO, POOL_HI);
	else
		assert_int_equal(way_entry(f, w, sport)->sport, htons(sport));
}

/* A router takes one off the time to live and drops what has none left; a switch, which L2 direct return is, does not.
 */
static void used_up(struct fix *f, const struct way *w, const struct pkt_desc *d, uint8_t ttl, enum xlb_reason reason)
{
	struct pkt in;

	pkt_build(&in, d);
	if (w->family == 6)
		pkt_ip6(&in)->ip6_hlim = ttl;
	else
		pkt_ip(&in)->ttl = ttl;
	pkt_seal(&in);
	if (w->mode == XLB_MODE_L2DSR)
		expect(f, &in, XDP_TX, reason, NULL);
	else
		expect(f, &in, XDP_DROP, XLB_R_TTL, NULL);
}

/* Takes two source ports: one without a flow, one with. */
static void row_ttl(struct fix *f, const struct way *w, uint16_t sport)
{
	struct pkt_desc d = way_request(w, sport, TH_SYN);
	uint16_t port;
	int server;

	used_up(f, w, &d, 0, XLB_R_NEW_FLOW);
	used_up(f, w, &d, 1, XLB_R_REQUEST);
	port = way_establish(f, w, sport + 1, &server);
	d = way_request(w, sport + 1, TH_ACK);
	used_up(f, w, &d, 0, XLB_R_REQUEST);
	used_up(f, w, &d, 1, XLB_R_REQUEST);
	d.ttl = 2;
	request_exact(f, w, &d, XLB_R_REQUEST, port, &server);
}

static void answer_ttl(struct fix *f, const struct way *w, uint16_t sport)
{
	struct pkt_desc d;
	uint16_t port;
	struct pkt in;
	int server;

	port = way_establish(f, w, sport, &server);
	d = way_answer(w, server, sport, port, TH_ACK);
	d.ttl = 1;
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_TTL, NULL);
	d.ttl = 2;
	answer_exact(f, w, &d, sport);
}

static void rows(struct fix *f, const struct way *kind)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	uint16_t sport = 40000;
	int i;

	fix_set_mode(f, kind->mode, kind->tunnel);
	for (i = 0; i < 4; i++) {
		struct way w = *kind;

		w.proto = protos[i / 2];
		w.tag = i % 2;
		print_message("             %s\n", row_name(&w));
		row_bytes(f, &w, sport++);
		row_ttl(f, &w, sport);
		sport += 2;
		if (way_is_nat(&w))
			answer_ttl(f, &w, sport++);
	}
}

#define KIND(name, index)                                                                                              \
	static void name##__tcp_udp_tagged_or_not__bytes_exact(void **state)                                           \
	{                                                                                                              \
		rows(*state, &ways[index]);                                                                            \
	}
KIND(fullnat4, 0)
KIND(fullnat6, 1)
KIND(dnat4, 2)
KIND(dnat6, 3)
KIND(l2dsr4, 4)
KIND(l2dsr6, 5)
KIND(ipip_4in4, 6)
KIND(ipip_6in6, 7)
KIND(ipip_4in6, 8)

/* Servers of one backend, each with its own way. */
static void modes__mixed_in_one_backend__each_flow_its_servers(void **state)
{
	static const struct way full = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_TCP },
				direct = { .mode = XLB_MODE_L2DSR, .family = 4, .proto = IPPROTO_TCP };
	struct fix *f = *state;
	int i, server;

	f->servers[SRV_2].mode = XLB_MODE_L2DSR;
	f->servers[SRV_2].port = 0;
	for (i = 0; i < 4; i++) {
		const struct way *w = i % 2 ? &direct : &full;
		struct pkt_desc d = way_request(w, 40000 + i, TH_SYN);

		server = 0;
		request_exact(f, w, &d, XLB_R_NEW_FLOW, 0, &server);
		assert_int_equal(server, 1 + i % 2);
	}
	assert_int_equal(fix_live(f), 2 * 2 + 2 * 1);
}

static void modes__server_behind_other_interface__redirected(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	size_t i, id;

	for (id = SRV_1; id <= SRV6_2; id++)
		f->servers[id].oif = IF_OTHER;
	for (i = 0; i < NR_WAYS; i++) {
		struct way w = ways[i];

		w.proto = IPPROTO_UDP;
		fix_set_mode(f, w.mode, w.tunnel);
		d = way_request(&w, 40000 + i, 0);
		pkt_build(&in, &d);
		expect(f, &in, XDP_REDIRECT, XLB_R_NEW_FLOW, NULL);
		expect(f, &in, XDP_REDIRECT, XLB_R_REQUEST, NULL);
	}
}

/* Ethernet pads short frames: the outer header does not count the padding. */
static void tunnel__padded_frame__padding_not_in_length(void **state)
{
	static const uint8_t padding[6] = { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa };
	struct way w = ways[TUNNELS];
	struct fix *f = *state;
	struct pkt in, out;
	int i, server = 0;

	w.proto = IPPROTO_TCP;
	fix_set_mode(f, w.mode, w.tunnel);
	for (i = 0; i < 3; i++) {
		struct pkt_desc d = way_request(&w, 40000, i ? TH_ACK : TH_SYN);

		pkt_build(&in, &d);
		memcpy(in.data + in.len, padding, sizeof(padding));
		in.len += sizeof(padding);
		expect(f, &in, XDP_TX, i ? XLB_R_REQUEST : XLB_R_NEW_FLOW, &out);
		assert_memory_equal(out.data + out.len - sizeof(padding), padding, sizeof(padding));
		out.len -= sizeof(padding);
		server = server ? server : way_server_of(&out);
		assert_at_server(&w, &out, &d, server, 40000);
	}
}

/* RFC 6438: the network may send packets of different labels different ways, and those of a flow must not overtake. */
static void tunnel6__all_packets_of_a_flow__one_label(void **state)
{
	static const uint8_t flags[] = { TH_SYN, TH_ACK, TH_ACK | TH_PUSH, TH_FIN | TH_ACK };
	struct fix *f = *state;
	struct pkt in, out;
	uint32_t label = 0;
	int kind, i;

	for (kind = TUNNELS + 1; kind <= TUNNELS + 2; kind++) {
		struct way w = ways[kind];

		w.proto = IPPROTO_TCP;
		fix_set_mode(f, w.mode, w.tunnel);
		for (i = 0; i < 4; i++) {
			struct pkt_desc d = way_request(&w, 40000, flags[i]);

			pkt_build(&in, &d);
			expect(f, &in, XDP_TX, i ? XLB_R_REQUEST : XLB_R_NEW_FLOW, &out);
			if (i)
				assert_int_equal(pkt_label(&out), label);
			label = pkt_label(&out);
		}
	}
}

/* --- MTU ---------------------------------------------------------------------------------------------------------- */

enum { MTU = 1000 };

/* The client's packet of 'len' bytes, IP header included. */
static struct pkt_desc sized(const struct way *w, uint16_t sport, size_t len)
{
	static const uint8_t zeroes[1500];
	struct pkt_desc d = way_request(w, sport, TH_ACK);

	d.payload = zeroes;
	d.payload_len = len - (w->family == 6 ? 40 : 20) - (w->proto == IPPROTO_TCP ? 20 : 8);
	d.frag = 0x4000;
	return d;
}

/* The error that RFC 1191 and RFC 8201 ask for: the largest that fits, and the head of the packet. */
static void too_big_exact(struct fix *f, const struct way *w, const struct pkt_desc *d, uint32_t mtu)
{
	struct pkt_icmp icmp = { .type = w->family == 6 ? 2 : 3, .code = w->family == 6 ? 0 : 4, .rest = mtu };
	struct pkt in, out, want;
	struct pkt_desc e = { .dmac = mac_client,
			      .smac = mac_balancer,
			      .tag = d->tag,
			      .family = w->family,
			      .saddr = ip_balancer,
			      .daddr = ip_client,
			      .proto = w->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			      .icmp = &icmp,
			      .own = true };

	pkt_build(&in, d);
	e.payload = pkt_ip(&in);
	e.payload_len = (w->family == 6 ? 40 : 20) + 8;
	pkt_build(&want, &e);
	expect(f, &in, XDP_TX, XLB_R_TOO_BIG_ICMP, &out);
	assert_pkt_equal(&out, &want);
}

static void tunnel__packet_beyond_mtu__told_how_large(void **state)
{
	struct fix *f = *state;
	uint16_t id, sport = 40000;
	int i, server;

	for (i = 0; i < 3 * 4; i++) {
		struct way w = ways[TUNNELS + i / 4];
		size_t fits = MTU - (w.tunnel == 6 ? 40 : 20);
		struct pkt_desc d;

		w.proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		w.tag = i & 2;
		fix_set_mode(f, w.mode, w.tunnel);
		for (id = SRV_1; id <= SRV6_2; id++)
			f->servers[id].mtu = MTU;
		way_establish(f, &w, ++sport, &server);
		d = sized(&w, sport, fits);
		request_exact(f, &w, &d, XLB_R_REQUEST, sport, &server);
		d = sized(&w, sport, fits + 1);
		too_big_exact(f, &w, &d, fits);
		if (w.proto != IPPROTO_UDP)
			continue;
		d = sized(&w, ++sport, fits + 1); /* the first packet of a flow just so */
		too_big_exact(f, &w, &d, fits);
	}
}

static void tunnel__too_big_and_may_be_fragmented__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	int i, server;

	for (i = 0; i < 2; i++) {
		struct way w = ways[i ? TUNNELS + 2 : TUNNELS];

		w.proto = IPPROTO_UDP;
		fix_set_mode(f, w.mode, w.tunnel);
		f->servers[SRV_1].mtu = f->servers[SRV_2].mtu = MTU;
		way_establish(f, &w, 40000 + i, &server);
		d = sized(&w, 40000 + i, MTU);
		d.frag = 0;
		pkt_build(&in, &d);
		expect(f, &in, XDP_DROP, XLB_R_TOO_BIG, NULL);
	}
}

static void tunnel__too_big_and_no_answers_left__held_back(void **state)
{
	struct way w = ways[TUNNELS];
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;

	w.proto = IPPROTO_UDP;
	fix_set_mode(f, w.mode, w.tunnel);
	f->servers[SRV_1].mtu = f->servers[SRV_2].mtu = MTU;
	d = sized(&w, 40000, MTU);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_LIMITED, NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
#define T_KIND(name) T(name##__tcp_udp_tagged_or_not__bytes_exact)
const struct CMUnitTest mode_tests[] = {
	T_KIND(fullnat4),
	T_KIND(fullnat6),
	T_KIND(dnat4),
	T_KIND(dnat6),
	T_KIND(l2dsr4),
	T_KIND(l2dsr6),
	T_KIND(ipip_4in4),
	T_KIND(ipip_6in6),
	T_KIND(ipip_4in6),
	T(modes__mixed_in_one_backend__each_flow_its_servers),
	T(modes__server_behind_other_interface__redirected),
	T(tunnel__padded_frame__padding_not_in_length),
	T(tunnel6__all_packets_of_a_flow__one_label),
	T(tunnel__packet_beyond_mtu__told_how_large),
	T(tunnel__too_big_and_may_be_fragmented__dropped),
	cmocka_unit_test_setup_teardown(tunnel__too_big_and_no_answers_left__held_back, fix_setup_no_answers,
					fix_teardown),
};
const size_t nr_mode_tests = sizeof(mode_tests) / sizeof(mode_tests[0]);
