// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Flows: forwarded bytes, states of a connection, counters.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fixture.h"
#include "xlb.skel.h"

static const struct pkt_desc web_syn = { .saddr = IP4(10, 1, 0, 9),
					 .daddr = IP4(10, 0, 0, 4),
					 .sport = 40000,
					 .dport = VIP_PORT,
					 .proto = IPPROTO_TCP,
					 .flags = TH_SYN,
					 .seq = 1000,
					 .ack = 77 };

static void request__first_and_later__rewritten_exactly(void **state)
{
	static const char text[] = "GET / HTTP/1.0\r\n\r\n";
	struct pkt_desc d = web_syn;
	struct pkt in, out, want;
	uint16_t port;
	int server;

	port = establish(*state, 40000, &server);
	assert_in_range(port, POOL_LO, POOL_HI);
	d.flags = TH_ACK | TH_PUSH;
	d.payload = text;
	d.payload_len = sizeof(text) - 1;
	d.tos = 0xb9; /* DSCP and ECN stay */
	pkt_build(&in, &d);
	expect(*state, &in, XDP_TX, XLB_R_REQUEST, &out);
	forwarded(&want, &d, server, port);
	assert_pkt_equal(&out, &want);

	d = web_syn;
	d.sport = 40001;
	pkt_build(&in, &d);
	expect(*state, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	forwarded(&want, &d, 3 - server, ntohs(pkt_tcp(&out)->source));
	assert_pkt_equal(&out, &want);
}

static void reply__of_flow__rewritten_exactly(void **state)
{
	struct pkt in, out, want;
	uint16_t port;
	int server;

	port = establish(*state, 40000, &server);
	server_tcp(&in, server, port, TH_ACK);
	expect(*state, &in, XDP_TX, XLB_R_REPLY, &out);
	pkt_build(&want, &(struct pkt_desc){ .dmac = mac_client,
					     .smac = mac_balancer,
					     .saddr = ip_balancer,
					     .daddr = ip_client,
					     .sport = VIP_PORT,
					     .dport = 40000,
					     .ttl = 63,
					     .proto = IPPROTO_TCP,
					     .flags = TH_ACK,
					     .seq = 5,
					     .ack = 1001 });
	assert_pkt_equal(&out, &want);
}

static void new_flows__two_servers__alternate_exactly(void **state)
{
	int i, server, last = 0;

	for (i = 0; i < 40; i++) {
		open_flow(*state, 40000 + i, &server);
		assert_int_not_equal(server, last);
		last = server;
	}
}

static void new_flows__ring_of_weights__followed_in_order(void **state)
{
	static const uint16_t order[] = { SRV_1, SRV_1, SRV_2, SRV_1 };
	int i, server;

	fix_set_ring(*state, order, 4);
	for (i = 0; i < 40; i++) {
		open_flow(*state, 40000 + i, &server);
		assert_int_equal(server, order[i % 4]);
	}
}

static void udp__query_and_answer__rewritten_exactly(void **state)
{
	struct pkt_desc d = { .saddr = ip_client,
			      .daddr = ip_balancer,
			      .sport = 5353,
			      .dport = DNS_PORT,
			      .proto = IPPROTO_UDP,
			      .payload = "query!!",
			      .payload_len = 7 };
	struct pkt in, out, want;
	uint16_t port;

	pkt_build(&in, &d);
	expect(*state, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	port = ntohs(pkt_udp(&out)->source);
	forwarded(&want, &d, 1, port);
	assert_pkt_equal(&out, &want);
	expect(*state, &in, XDP_TX, XLB_R_REQUEST, &out);
	assert_pkt_equal(&out, &want);

	pkt_build(&in, &(struct pkt_desc){ .saddr = ip_server1,
					   .daddr = ip_balancer,
					   .sport = SERVER_PORT,
					   .dport = port,
					   .smac = mac_server1,
					   .proto = IPPROTO_UDP,
					   .payload = "ok",
					   .payload_len = 2 });
	expect(*state, &in, XDP_TX, XLB_R_REPLY, &out);
	pkt_build(&want, &(struct pkt_desc){ .dmac = mac_client,
					     .smac = mac_balancer,
					     .saddr = ip_balancer,
					     .daddr = ip_client,
					     .sport = DNS_PORT,
					     .dport = 5353,
					     .ttl = 63,
					     .proto = IPPROTO_UDP,
					     .payload = "ok",
					     .payload_len = 2 });
	assert_pkt_equal(&out, &want);
}

/* RFC 768: no checksum stays none. */
static void udp__no_checksum__stays_none(void **state)
{
	struct pkt in, out;

	pkt_build(&in, &(struct pkt_desc){ .saddr = ip_client,
					   .daddr = ip_balancer,
					   .sport = 5353,
					   .dport = DNS_PORT,
					   .proto = IPPROTO_UDP,
					   .udp_no_check = true });
	expect(*state, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	assert_int_equal(pkt_udp(&out)->check, 0);
}

/* Payloads of all 16-bit values hit every checksum, those that come out as 0 and 0xffff among them. */
static void checksums__every_value__right_after_rewrite(void **state)
{
	unsigned int value, zeros = 0;
	struct pkt in, out;

	for (value = 0; value < 0x10000; value += 1) {
		uint16_t payload = htons(value);

		pkt_build(&in, &(struct pkt_desc){ .saddr = ip_client,
						   .daddr = ip_balancer,
						   .sport = 5353,
						   .dport = DNS_PORT,
						   .proto = IPPROTO_UDP,
						   .payload = &payload,
						   .payload_len = 2 });
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in.data, .data_size_in = in.len, .data_out = out.data,
			    .data_size_out = PKT_MAX, .repeat = 1);
		assert_int_equal(
			bpf_prog_test_run_opts(bpf_program__fd(((struct fix *)*state)->skel->progs.xlb_xdp), &opts), 0);
		assert_int_equal(opts.retval, XDP_TX);
		assert_true(pkt_checksums_ok(&out));
		assert_int_not_equal(pkt_udp(&out)->check, 0);
		zeros += pkt_udp(&out)->check == 0xffff;
	}
	assert_true(zeros >= 1);
}

/*
 * The same of TCP, both ways, and to the bit: a zero that comes out is the zero that a sender would have written, not
 * its other form (RFC 1624, section 3).
 */
static void checksums__every_value_of_tcp__as_a_sender_writes_them(void **state)
{
	unsigned int value, zeros = 0;
	struct fix *f = *state;
	struct pkt in, out, anew;
	int server;
	uint16_t port = establish(f, 40000, &server);

	for (value = 0; value < 0x20000; value++) {
		if (value & 1)
			client_tcp(&in, 40000, TH_ACK);
		else
			server_tcp(&in, server, port, TH_ACK);
		pkt_tcp(&in)->window = htons(value >> 1);
		pkt_seal(&in);
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in.data, .data_size_in = in.len, .data_out = out.data,
			    .data_size_out = PKT_MAX, .repeat = 1);
		assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(f->skel->progs.xlb_xdp), &opts), 0);
		assert_int_equal(opts.retval, XDP_TX);
		out.len = opts.data_size_out;
		anew = out;
		pkt_seal(&anew);
		assert_pkt_equal(&out, &anew);
		zeros += !pkt_tcp(&out)->check;
	}
	assert_true(zeros >= 2);
}

/* A wrong checksum must stay wrong, by the same amount: it is never made up anew. */
static void checksums__wrong__stay_wrong(void **state)
{
	struct pkt in, out, sound;
	unsigned int i;

	establish(*state, 40000, NULL);
	client_tcp(&in, 40000, TH_ACK);
	expect(*state, &in, XDP_TX, XLB_R_REQUEST, &sound);
	for (i = 1; i < 0xffff; i += 257) {
		client_tcp(&in, 40000, TH_ACK);
		pkt_tcp(&in)->check = htons(~pkt_sum(&(uint16_t){ htons(~ntohs(pkt_tcp(&in)->check)) }, 2, i));
		expect(*state, &in, XDP_TX, XLB_R_REQUEST, &out);
		assert_false(pkt_checksums_ok(&out));
		client_tcp(&in, 40000, TH_ACK);
		pkt_ip(&in)->check = htons(~pkt_sum(&(uint16_t){ htons(~ntohs(pkt_ip(&in)->check)) }, 2, i));
		expect(*state, &in, XDP_TX, XLB_R_REQUEST, &out);
		assert_false(pkt_checksums_ok(&out));
		assert_int_equal(pkt_tcp(&out)->check, pkt_tcp(&sound)->check);
	}
}

static enum xlb_flow_state state_of(struct fix *f, uint16_t sport, int server, uint16_t port)
{
	struct xlb_flow4 *req = fix_flow(f, ip_client, sport, ip_balancer, VIP_PORT, IPPROTO_TCP);
	struct xlb_flow4 *rep =
		fix_flow(f, server == 1 ? ip_server1 : ip_server2, SERVER_PORT, ip_balancer, port, IPPROTO_TCP);

	assert_non_null(req);
	assert_non_null(rep);
	assert_int_equal(req->b.word & XLB_F_FLAGS & ~XLB_F_COUNTED, rep->b.word & XLB_F_FLAGS);
	return xlb_flow_state(req->b.word, IPPROTO_TCP);
}

static void send_client(struct fix *f, uint16_t sport, uint8_t flags)
{
	struct pkt p;

	client_tcp(&p, sport, flags);
	expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
}

static void send_server(struct fix *f, int server, uint16_t port, uint8_t flags)
{
	struct pkt p;

	server_tcp(&p, server, port, flags);
	expect(f, &p, XDP_TX, XLB_R_REPLY, NULL);
}

static void states__handshake_and_close__followed_on_both_entries(void **state)
{
	struct fix *f = *state;
	uint16_t port;
	int server;

	port = open_flow(f, 40000, &server);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_HALF_OPEN);
	send_client(f, 40000, TH_SYN);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_HALF_OPEN);
	send_server(f, server, port, TH_SYN | TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_HALF_OPEN);
	send_client(f, 40000, TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_ESTABLISHED);
	send_client(f, 40000, TH_FIN | TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_ESTABLISHED);
	send_server(f, server, port, TH_ACK);
	send_server(f, server, port, TH_FIN | TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_CLOSING);
	send_client(f, 40000, TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_CLOSING);
}

static void reset__sender_speaks_on__flow_lives(void **state)
{
	struct fix *f = *state;
	uint16_t port;
	int server;

	port = establish(f, 40000, &server);
	send_client(f, 40000, TH_RST);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_CLOSED);
	/* The server did not send that reset: what it sends proves nothing. */
	send_server(f, server, port, TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_CLOSED);
	send_client(f, 40000, TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_ESTABLISHED);
	send_server(f, server, port, TH_RST | TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_CLOSED);
	send_client(f, 40000, TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_CLOSED);
	send_server(f, server, port, TH_ACK);
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_ESTABLISHED);
}

static void syn__tuple_of_ended_flow__opens_new_one_at_once(void **state)
{
	static const uint8_t endings[] = { TH_FIN | TH_ACK, TH_RST | TH_ACK };
	struct fix *f = *state;
	int server, next;
	size_t i;

	for (i = 0; i < 2; i++) {
		establish(f, 40000 + i, &server);
		send_client(f, 40000 + i, endings[i]);
		open_flow(f, 40000 + i, &next);
		assert_int_not_equal(next, server);
		assert_int_equal(fix_live(f), 2 * (i + 1));
	}
}

static void syn__tuple_of_live_flow__goes_to_same_server(void **state)
{
	struct fix *f = *state;
	struct pkt in, out;
	uint16_t port;
	int server;

	port = establish(f, 40000, &server);
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_TX, XLB_R_REQUEST, &out);
	assert_int_equal(pkt_ip(&out)->daddr, htonl(server == 1 ? ip_server1 : ip_server2));
	assert_int_equal(state_of(f, 40000, server, port), XLB_S_ESTABLISHED);
}

static void flow__idle_too_long__has_ended(void **state)
{
	struct fix *f = *state;
	struct xlb_flow4 *req;
	struct pkt p;
	uint16_t port;
	int server;

	port = establish(f, 40000, &server);
	req = fix_flow(f, ip_client, 40000, ip_balancer, VIP_PORT, IPPROTO_TCP);
	fix_age(&req->b, 3601);
	fix_age(&fix_flow(f, server == 1 ? ip_server1 : ip_server2, SERVER_PORT, ip_balancer, port, IPPROTO_TCP)->b,
		3601);
	client_tcp(&p, 40000, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
	assert_int_equal(fix_live(f), 0);
}

/* The hit path notes the time of established flows alone: others end sooner, and must not be kept by it. */
static void flow__closing_too_long__has_ended(void **state)
{
	struct fix *f = *state;
	struct pkt p;
	uint16_t port;
	int server;

	f->services[SVC_WEB].timeout[XLB_S_CLOSING] = 1;
	port = establish(f, 40000, &server);
	send_client(f, 40000, TH_FIN | TH_ACK);
	send_server(f, server, port, TH_FIN | TH_ACK);
	fix_age(&fix_flow(f, ip_client, 40000, ip_balancer, VIP_PORT, IPPROTO_TCP)->b, 3);
	fix_age(&fix_flow(f, server == 1 ? ip_server1 : ip_server2, SERVER_PORT, ip_balancer, port, IPPROTO_TCP)->b, 3);
	client_tcp(&p, 40000, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
}

/* A long download, or a long upload: packets of one direction keep the flow, though the other entry is overdue. */
static void flow__spoken_to_by_one_side__lives(void **state)
{
	struct fix *f = *state;
	struct xlb_flow4 *req, *rep;
	uint16_t port;
	int server;

	port = establish(f, 40000, &server);
	req = fix_flow(f, ip_client, 40000, ip_balancer, VIP_PORT, IPPROTO_TCP);
	rep = fix_flow(f, server == 1 ? ip_server1 : ip_server2, SERVER_PORT, ip_balancer, port, IPPROTO_TCP);
	fix_age(&req->b, 5000);
	send_client(f, 40000, TH_ACK);
	fix_age(&rep->b, 5000);
	send_server(f, server, port, TH_ACK);
	assert_int_equal(fix_live(f), 2);
}

static void tick__nothing_changed__time_noted(void **state)
{
	struct fix *f = *state;
	struct xlb_flow4 *req;
	uint32_t now;

	establish(f, 40000, NULL);
	req = fix_flow(f, ip_client, 40000, ip_balancer, VIP_PORT, IPPROTO_TCP);
	now = req->b.seen;
	fix_age(&req->b, 1);
	send_client(f, 40000, TH_ACK);
	assert_in_range(req->b.seen, now, now + (5 << 8));
}

static void server_mac__changes__live_flow_follows_on_next_tick(void **state)
{
	static const uint8_t moved[6] = { 2, 0, 0, 0, 0, 0x77 };
	struct fix *f = *state;
	struct pkt in, out;
	int server;

	establish(f, 40000, &server);
	memcpy(f->servers[server].dmac, moved, 6);
	f->control->epoch++;
	fix_age(&fix_flow(f, ip_client, 40000, ip_balancer, VIP_PORT, IPPROTO_TCP)->b, 1);
	client_tcp(&in, 40000, TH_ACK);
	expect(f, &in, XDP_TX, XLB_R_REQUEST, &out);
	assert_memory_equal(out.data, moved, 6);
}

static void server__behind_other_interface__redirected(void **state)
{
	struct fix *f = *state;
	struct pkt in;

	f->servers[SRV_1].oif = f->servers[SRV_2].oif = IF_OTHER;
	client_tcp(&in, 40000, TH_SYN);
	expect(f, &in, XDP_REDIRECT, XLB_R_NEW_FLOW, NULL);
	client_tcp(&in, 40000, TH_ACK);
	expect(f, &in, XDP_REDIRECT, XLB_R_REQUEST, NULL);
}

static void counters__one_connection__add_up(void **state)
{
	struct fix *f = *state;
	struct xlb_stats svc, srv;
	uint16_t port;
	int server;

	port = establish(f, 40000, &server);
	send_client(f, 40000, TH_RST);
	send_client(f, 40000, TH_RST);
	send_server(f, server, port, TH_ACK);
	svc = fix_svc_stats(f, SVC_WEB);
	srv = fix_srv_stats(f, server);
	assert_memory_equal(&svc, &srv, sizeof(svc));
	assert_int_equal(svc.packets_in, 4);
	assert_int_equal(svc.bytes_in, 4 * 54);
	assert_int_equal(svc.packets_out, 2);
	assert_int_equal(svc.bytes_out, 2 * 54);
	assert_int_equal(svc.connections, 1);
	assert_int_equal(svc.refused, 0);
	assert_int_equal(svc.client_resets, 1);
	assert_int_equal(svc.server_resets, 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
const struct CMUnitTest flow_tests[] = {
	T(request__first_and_later__rewritten_exactly),
	T(reply__of_flow__rewritten_exactly),
	T(new_flows__two_servers__alternate_exactly),
	T(new_flows__ring_of_weights__followed_in_order),
	T(udp__query_and_answer__rewritten_exactly),
	T(udp__no_checksum__stays_none),
	T(checksums__every_value__right_after_rewrite),
	T(checksums__every_value_of_tcp__as_a_sender_writes_them),
	T(checksums__wrong__stay_wrong),
	T(states__handshake_and_close__followed_on_both_entries),
	T(reset__sender_speaks_on__flow_lives),
	T(syn__tuple_of_ended_flow__opens_new_one_at_once),
	T(syn__tuple_of_live_flow__goes_to_same_server),
	T(flow__idle_too_long__has_ended),
	T(flow__closing_too_long__has_ended),
	T(flow__spoken_to_by_one_side__lives),
	T(tick__nothing_changed__time_noted),
	T(server_mac__changes__live_flow_follows_on_next_tick),
	T(server__behind_other_interface__redirected),
	T(counters__one_connection__add_up),
};
const size_t nr_flow_tests = sizeof(flow_tests) / sizeof(flow_tests[0]);
