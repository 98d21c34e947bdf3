// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ICMP: pings are answered, errors that quote a packet of a flow reach the side that sent it, translated inside and
 * out, and leave the flow as it is.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fixture.h"
#include "way.h"

static const struct way full4 = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_TCP },
			full6 = { .mode = XLB_MODE_FULLNAT, .family = 6, .proto = IPPROTO_TCP };
static const uint32_t ip_router = IP4(192, 0, 2, 1);
static const uint8_t mac_router[6] = { 2, 0, 0, 0, 0, 1 };

/* --- pings -------------------------------------------------------------------------------------------------------- */

static struct pkt_desc ping(uint8_t family, bool tag)
{
	static const struct pkt_icmp echo = { .type = 8, .rest = 0x00070001 }, echo6 = { .type = 128, .rest = 0x70001 };

	return (struct pkt_desc){ .tag = tag ? 0x2064 : 0,
				  .family = family,
				  .saddr = ip_client,
				  .daddr = ip_balancer,
				  .ttl = 9,
				  .proto = family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				  .icmp = family == 6 ? &echo6 : &echo,
				  .payload = "sent at noon",
				  .payload_len = 12 };
}

static void want_pong(struct pkt *p, const struct pkt_desc *from)
{
	static const struct pkt_icmp pong = { .type = 0, .rest = 0x00070001 }, pong6 = { .type = 129, .rest = 0x70001 };
	struct pkt_desc d = *from;

	d.dmac = mac_client;
	d.smac = mac_balancer;
	d.saddr = from->daddr;
	d.daddr = from->saddr;
	d.ttl = 64;
	d.icmp = from->family == 6 ? &pong6 : &pong;
	pkt_build(p, &d);
}

static void ping__of_balanced_address__answered(void **state)
{
	static const uint8_t options[4] = { 1, 1, 1, 0 };
	static const struct pkt_ext ext = { .type = IPPROTO_DSTOPTS };
	struct pkt in, out, want;
	int i;

	for (i = 0; i < 8; i++) {
		struct pkt_desc d = ping(i & 1 ? 6 : 4, i & 2);

		if (i & 4) {
			d.options = options;
			d.options_len = i & 1 ? 0 : sizeof(options);
			d.ext = &ext;
			d.nr_ext = 1;
		}
		pkt_build(&in, &d);
		expect(*state, &in, XDP_TX, XLB_R_ECHO, &out);
		want_pong(&want, &d);
		assert_pkt_equal(&out, &want);
	}
}

static void ping__odd__not_answered(void **state)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	struct fix *f = *state;
	struct pkt in, out;
	struct pkt_desc d;
	int family;

	for (family = 4; family <= 6; family += 2) {
		d = ping(family, false);
		pkt_build(&in, &d);
		in.len -= 1;
		expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
		in.len = (size_t)((uint8_t *)pkt_l4(&in) - in.data) + 7;
		expect(f, &in, XDP_PASS, XLB_R_NOT_TCP_UDP, &out);
		d.saddr = IP4(127, 0, 0, 1);
		d.saddr6 = loopback6;
		pkt_build(&in, &d);
		expect(f, &in, XDP_DROP, XLB_R_BAD_SOURCE, NULL);
		d.saddr6 = NULL;
		d.saddr = ip_client;
		fix_addr(f, ip_balancer, family)->flags &= ~XLB_ADDR_ECHO;
		pkt_build(&in, &d);
		expect(f, &in, XDP_PASS, XLB_R_NOT_TCP_UDP, &out);
	}
}

static void ping__no_answers_left__held_back(void **state)
{
	struct pkt_desc d = ping(4, false);
	struct pkt in;

	pkt_build(&in, &d);
	expect(*state, &in, XDP_DROP, XLB_R_LIMITED, NULL);
	d = ping(6, false);
	pkt_build(&in, &d);
	expect(*state, &in, XDP_DROP, XLB_R_LIMITED, NULL);
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

/* How an error quotes: whole, or as much as RFC 792 asks for at least. */
enum quote { QUOTE_WHOLE, QUOTE_8 };

static size_t quoted(struct pkt *p, enum quote quote)
{
	size_t head = (size_t)((uint8_t *)pkt_l4(p) - (uint8_t *)pkt_ip(p));

	return quote == QUOTE_8 ? head + 8 : pkt_ip_len(p);
}

/* Destination unreachable, too big, from a router: the packet that it quotes gives family and tag. */
static struct pkt_desc error_about(struct pkt *quoted_pkt, uint32_t from, uint32_t to, enum quote quote)
{
	static const struct pkt_icmp icmp = { .type = 3, .code = 4, .rest = 1400 }, icmp6 = { .type = 2, .rest = 1400 };
	bool v6 = pkt_ip(quoted_pkt)->version == 6;

	return (struct pkt_desc){ .smac = mac_router,
				  .family = v6 ? 6 : 4,
				  .saddr = from,
				  .daddr = to,
				  .proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				  .icmp = v6 ? &icmp6 : &icmp,
				  .payload = pkt_ip(quoted_pkt),
				  .payload_len = quoted(quoted_pkt, quote) };
}

/* What the flow's entries say, times and flags. */
struct memory {
	struct xlb_flow_body *request;
	struct xlb_flow_body before;
};

static struct memory memorize(struct fix *f, const struct way *w, uint16_t sport)
{
	struct memory m = { .request = way_entry(f, w, sport) };

	if (m.request) {
		fix_age(m.request, 5);
		m.before = *m.request;
	}
	return m;
}

static void assert_untouched(const struct memory *m)
{
	if (m->request)
		assert_memory_equal(m->request, &m->before, sizeof(m->before));
}

/*
 * The client's side could not deliver what came from the service: to the server, about what the server sent. Full NAT:
 * from the balancer's address, which is all that the server knows; DNAT: from the router; the others untouched.
 */
static void error_to_server(struct fix *f, const struct way *w, uint16_t sport, uint16_t port, int server,
			    enum quote quote)
{
	struct pkt_desc answer = way_answer(w, server, sport, port, TH_ACK),
			at_client = way_at_client(w, &answer, sport);
	struct memory m = memorize(f, w, sport);
	struct pkt_desc d, at_server;
	struct pkt in, out, want, inner, lost, lost_at_server;

	answer.ttl = at_client.ttl; /* the quote shows what is left of it */
	pkt_build(&lost, &at_client);
	pkt_build(&lost_at_server, &answer);
	d = error_about(&lost, ip_router, ip_balancer, quote);
	d.tag = w->tag ? 0x2064 : 0;
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_ICMP_TO_SERVER, &out);
	at_server = d;
	at_server.dmac = server == 1 ? mac_server1 : mac_server2;
	at_server.smac = mac_balancer;
	if (way_is_nat(w)) {
		at_server.payload = pkt_ip(&lost_at_server);
		at_server.daddr = server == 1 ? ip_server1 : ip_server2;
	}
	if (w->mode == XLB_MODE_FULLNAT)
		at_server.saddr = ip_balancer;
	if (w->mode != XLB_MODE_L2DSR)
		at_server.ttl = 63;
	pkt_build(&want, &at_server);
	if (w->mode == XLB_MODE_IPIP) {
		inner = want;
		way_tunnel(w, &want, &inner, 0, server);
		if (pkt_ip(&want)->version == 6)
			pkt_set_label(&want, pkt_label(&out));
	}
	assert_pkt_equal(&out, &want);
	assert_untouched(&m);
}

/* The server's side could not deliver what came from the client: to the client, from the service's address. */
static void error_to_client(struct fix *f, const struct way *w, uint16_t sport, uint16_t port, int server,
			    enum quote quote)
{
	struct pkt_desc request = way_request(w, sport, TH_ACK), at_server = way_at_server(w, &request, server, port);
	struct memory m = memorize(f, w, sport);
	struct pkt_desc d;
	struct pkt in, out, want, lost, lost_at_client;
	bool full = w->mode == XLB_MODE_FULLNAT;

	request.ttl = at_server.ttl;
	pkt_build(&lost, &at_server);
	pkt_build(&lost_at_client, &request);
	/* With DNAT the error goes to the client by itself; only the server's own are seen to be about a flow. */
	d = error_about(&lost,
			full	    ? ip_router :
			server == 1 ? ip_server1 :
				      ip_server2,
			full ? ip_balancer : ip_client, quote);
	d.tag = request.tag;
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_ICMP_TO_CLIENT, &out);
	d.dmac = mac_client;
	d.smac = mac_balancer;
	d.saddr = ip_balancer;
	d.daddr = ip_client;
	d.ttl = 63;
	d.payload = pkt_ip(&lost_at_client);
	pkt_build(&want, &d);
	assert_pkt_equal(&out, &want);
	assert_untouched(&m);
}

static void errors__about_flows_of_every_way__translated_and_sent_on(void **state)
{
	struct fix *f = *state;
	uint16_t port, sport = 40000;
	int server, quote;
	size_t i;

	for (i = 0; i < 4 * NR_WAYS; i++) {
		struct way w = ways[i / 4];

		w.proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		w.tag = i & 2;
		fix_set_mode(f, w.mode, w.tunnel);
		port = way_open(f, &w, ++sport, &server);
		for (quote = QUOTE_WHOLE; quote <= QUOTE_8; quote++) {
			error_to_server(f, &w, sport, port, server, quote);
			if (way_is_nat(&w))
				error_to_client(f, &w, sport, port, server, quote);
		}
	}
}

/* No flow, but the table knows where its packets go. */
static void errors__to_stateless_service__sent_to_its_server(void **state)
{
	struct fix *f = *state;
	size_t i;
	int quote;

	fix_set_stateless(f);
	for (i = 2 * 2; i < 2 * NR_WAYS; i++) {
		struct way w = ways[i / 2];

		w.proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		fix_set_mode(f, w.mode, w.tunnel);
		for (quote = QUOTE_WHOLE; quote <= QUOTE_8; quote++)
			error_to_server(f, &w, 40000, 40000, 1, quote);
	}
	assert_int_equal(fix_live(f), 0);
}

static void errors__every_type__only_errors_sent_on(void **state)
{
	struct fix *f = *state;
	struct pkt_desc answer, at_client, d;
	struct pkt_icmp icmp = { 0 };
	struct pkt in, lost, out;
	uint16_t port;
	int i, server, type;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &full6 : &full4;

		port = way_establish(f, w, 40000, &server);
		answer = way_answer(w, server, 40000, port, TH_ACK);
		at_client = way_at_client(w, &answer, 40000);
		pkt_build(&lost, &at_client);
		d = error_about(&lost, ip_router, ip_balancer, QUOTE_WHOLE);
		d.icmp = &icmp;
		for (type = 0; type < 256; type++) {
			bool is_error = i ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;

			if (type == (i ? 128 : 8))
				continue; /* the ping */
			icmp.type = type;
			pkt_build(&in, &d);
			expect(f, &in, is_error ? XDP_TX : XDP_PASS,
			       is_error ? XLB_R_ICMP_TO_SERVER : XLB_R_NOT_TCP_UDP, &out);
		}
	}
}

static void error__quotes_options__skipped(void **state)
{
	static const uint8_t options[8] = { 1, 1, 1, 1, 1, 1, 1, 0 };
	struct fix *f = *state;
	struct pkt_desc answer, at_client, d;
	struct pkt in, out, want, lost, lost_at_server;
	uint16_t port;
	int server;

	port = way_establish(f, &full4, 40000, &server);
	answer = way_answer(&full4, server, 40000, port, TH_ACK);
	answer.options = options;
	answer.options_len = sizeof(options);
	at_client = way_at_client(&full4, &answer, 40000);
	answer.ttl = at_client.ttl;
	pkt_build(&lost, &at_client);
	pkt_build(&lost_at_server, &answer);
	d = error_about(&lost, ip_router, ip_balancer, QUOTE_8);
	d.options = options; /* and the error has some itself */
	d.options_len = sizeof(options);
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_ICMP_TO_SERVER, &out);
	d.dmac = server == 1 ? mac_server1 : mac_server2;
	d.smac = mac_balancer;
	d.saddr = ip_balancer;
	d.daddr = server == 1 ? ip_server1 : ip_server2;
	d.ttl = 63;
	d.payload = pkt_ip(&lost_at_server);
	pkt_build(&want, &d);
	assert_pkt_equal(&out, &want);
}

/* RFC 768: no checksum is none in a quote too. */
static void error__quotes_udp_without_checksum__stays_without(void **state)
{
	struct way w = full4;
	struct fix *f = *state;
	struct pkt_desc answer, at_client, d;
	struct pkt in, out, lost;
	uint16_t port;
	int server;

	w.proto = IPPROTO_UDP;
	port = way_open(f, &w, 40000, &server);
	answer = way_answer(&w, server, 40000, port, 0);
	at_client = way_at_client(&w, &answer, 40000);
	at_client.udp_no_check = true;
	pkt_build(&lost, &at_client);
	d = error_about(&lost, ip_router, ip_balancer, QUOTE_8);
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_ICMP_TO_SERVER, &out);
	assert_true(pkt_checksums_ok(&out));
	assert_int_equal(((struct udphdr *)((uint8_t *)pkt_l4(&out) + 8 + 20))->check, 0);
}

static void error__wrong_checksum__stays_wrong(void **state)
{
	struct fix *f = *state;
	struct pkt_desc answer, at_client, d;
	struct pkt in, out, lost;
	uint16_t port;
	int i, server;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &full6 : &full4;

		port = way_open(f, w, 40000, &server);
		answer = way_answer(w, server, 40000, port, 0);
		at_client = way_at_client(w, &answer, 40000);
		pkt_build(&lost, &at_client);
		d = error_about(&lost, ip_router, ip_balancer, QUOTE_8);
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_ICMP_TO_SERVER, &out);
		assert_true(pkt_checksums_ok(&out));
		((uint8_t *)pkt_l4(&in))[3] ^= 1;
		expect(f, &in, XDP_TX, XLB_R_ICMP_TO_SERVER, &out);
		assert_false(pkt_checksums_ok(&out));
	}
}

/* --- errors that cannot be, or are about nothing -------------------------------------------------------------------
 */

/* An error to the balancer that quotes 'd'; changed by the caller before it is sent. */
static void bad_error(struct pkt *in, const struct pkt_desc *d, uint32_t from, size_t len)
{
	struct pkt lost;
	struct pkt_desc e;

	pkt_build(&lost, d);
	e = error_about(&lost, from, ip_balancer, QUOTE_WHOLE);
	if (len)
		e.payload_len = len;
	pkt_build(in, &e);
}

static void error__quotes_too_little_or_wrong__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt_desc answer, good, d;
	struct pkt in;
	uint16_t port;
	int i, server;
	size_t len;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &full6 : &full4;
		size_t head = i ? 40 : 20;

		port = way_establish(f, w, 40000, &server);
		answer = way_answer(w, server, 40000, port, TH_ACK);
		good = way_at_client(w, &answer, 40000);
		for (len = 1; len < head + 8; len++) {
			bad_error(&in, &good, ip_router, len);
			expect(f, &in, XDP_DROP, XLB_R_ICMP_BAD, NULL);
		}
		d = good;
		d.saddr = ip_balancer + 1; /* not the address that the error was sent to */
		bad_error(&in, &d, ip_router, 0);
		expect(f, &in, XDP_DROP, XLB_R_ICMP_BAD, NULL);
		bad_error(&in, &good, ip_router, 0);
		in.len--;
		expect(f, &in, XDP_DROP, XLB_R_TRUNCATED, NULL);
		bad_error(&in, &good, ip_router, 0);
		if (i)
			pkt_ip6(&in)->ip6_hlim = 1;
		else
			pkt_ip(&in)->ttl = 1;
		expect(f, &in, XDP_DROP, XLB_R_TTL, NULL);
	}
}

static void error__quotes_fragment__dropped(void **state)
{
	static const struct pkt_ext ext = { .type = IPPROTO_FRAGMENT, .half = 8 };
	struct fix *f = *state;
	struct pkt_desc answer, d;
	struct pkt in;
	uint16_t port;
	int server;

	port = way_establish(f, &full4, 40000, &server);
	answer = way_answer(&full4, server, 40000, port, TH_ACK);
	d = way_at_client(&full4, &answer, 40000);
	d.frag = 1;
	bad_error(&in, &d, ip_router, 0);
	expect(f, &in, XDP_DROP, XLB_R_ICMP_BAD, NULL);
	d.frag = 0x2000; /* a first one has its ports */
	bad_error(&in, &d, ip_router, 0);
	expect(f, &in, XDP_TX, XLB_R_ICMP_TO_SERVER, NULL);
	port = way_establish(f, &full6, 40000, &server);
	answer = way_answer(&full6, server, 40000, port, TH_ACK);
	d = way_at_client(&full6, &answer, 40000);
	d.ext = &ext;
	d.nr_ext = 1;
	bad_error(&in, &d, ip_router, 0);
	expect(f, &in, XDP_DROP, XLB_R_ICMP_BAD, NULL);
}

static void error__about_no_flow__dropped_or_the_hosts(void **state)
{
	struct fix *f = *state;
	struct pkt in, out;
	struct pkt_desc d;
	int i;

	for (i = 0; i < 2; i++) {
		const struct way *w = i ? &full6 : &full4;
		struct pkt_desc answer = way_answer(w, 1, 40000, 40000, TH_ACK);

		d = way_at_client(w, &answer, 40000); /* a service's */
		bad_error(&in, &d, ip_router, 0);
		expect(f, &in, XDP_DROP, XLB_R_ICMP_NO_FLOW, NULL);
		d.sport = POOL_LO; /* a source port's */
		bad_error(&in, &d, ip_router, 0);
		expect(f, &in, XDP_DROP, XLB_R_ICMP_NO_FLOW, NULL);
		d.sport = 22; /* a connection of the host itself */
		bad_error(&in, &d, ip_router, 0);
		expect(f, &in, XDP_PASS, XLB_R_NOT_OURS, &out);
		d.sport = VIP_PORT;
		d.proto = 47;
		bad_error(&in, &d, ip_router, 0);
		expect(f, &in, XDP_PASS, XLB_R_NOT_TCP_UDP, &out);
	}
}

/* RFC 1122, 3.2.2 and RFC 4443, 2.4: no error is sent about an error. */
static void error__too_big_for_tunnel__no_error_about_it(void **state)
{
	static const uint8_t text[1200];
	struct fix *f = *state;
	struct pkt_desc answer, at_client, d;
	struct pkt in, lost;
	int i, server;

	fix_set_mode(f, XLB_MODE_IPIP, 0);
	for (i = SRV_1; i <= SRV6_2; i++)
		f->servers[i].mtu = 1000;
	for (i = 0; i < 2; i++) {
		struct way w = i ? full6 : full4;

		w.mode = XLB_MODE_IPIP;
		way_open(f, &w, 40000, &server);
		answer = way_answer(&w, server, 40000, 40000, TH_ACK);
		at_client = way_at_client(&w, &answer, 40000);
		at_client.payload = text;
		at_client.payload_len = sizeof(text);
		pkt_build(&lost, &at_client);
		d = error_about(&lost, ip_router, ip_balancer, QUOTE_WHOLE);
		d.frag = 0x4000;
		pkt_build(&in, &d);
		expect(f, &in, XDP_DROP, XLB_R_TOO_BIG, NULL);
	}
}

static void error__server_or_client_unreachable__dropped(void **state)
{
	struct fix *f = *state;
	struct pkt_desc answer, d;
	struct pkt in;
	uint16_t port;
	int server;

	port = way_establish(f, &full4, 40000, &server);
	answer = way_answer(&full4, server, 40000, port, TH_ACK);
	d = way_at_client(&full4, &answer, 40000);
	f->servers[server].oif = 0;
	bad_error(&in, &d, ip_router, 0);
	expect(f, &in, XDP_DROP, XLB_R_NO_NEIGHBOUR, NULL);
	d = way_request(&full4, 40000, TH_ACK);
	d = way_at_server(&full4, &d, server, port);
	f->nexthops[way_entry(f, &full4, 40000)->hop].oif = 0;
	bad_error(&in, &d, ip_router, 0);
	expect(f, &in, XDP_DROP, XLB_R_NO_ROUTE, NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest icmp_tests[] = {
	T(ping__of_balanced_address__answered),
	T(ping__odd__not_answered),
	cmocka_unit_test_setup_teardown(ping__no_answers_left__held_back, fix_setup_no_answers, fix_teardown),
	T(errors__about_flows_of_every_way__translated_and_sent_on),
	T(errors__to_stateless_service__sent_to_its_server),
	T(errors__every_type__only_errors_sent_on),
	T(error__quotes_options__skipped),
	T(error__quotes_udp_without_checksum__stays_without),
	T(error__wrong_checksum__stays_wrong),
	T(error__quotes_too_little_or_wrong__dropped),
	T(error__quotes_fragment__dropped),
	T(error__about_no_flow__dropped_or_the_hosts),
	T(error__too_big_for_tunnel__no_error_about_it),
	T(error__server_or_client_unreachable__dropped),
};
const size_t nr_icmp_tests = sizeof(icmp_tests) / sizeof(icmp_tests[0]);
