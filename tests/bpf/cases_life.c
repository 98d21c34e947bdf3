// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The life of flows beyond the handshake: states where one direction is seen, what counts as live, servers that die,
 * next hops that change, the time of connects.
 */
#include <arpa/inet.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fixture.h"
#include "way.h"
#include "xlb.skel.h"

static const struct way nat4 = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_TCP },
			udp4 = { .mode = XLB_MODE_FULLNAT, .family = 4, .proto = IPPROTO_UDP };
static const enum xlb_mode two_way[] = { XLB_MODE_FULLNAT, XLB_MODE_DNAT },
			   one_way[] = { XLB_MODE_L2DSR, XLB_MODE_IPIP };

static enum xlb_flow_state state_of(struct fix *f, const struct way *w, uint16_t sport)
{
	struct xlb_flow_body *b = way_entry(f, w, sport);

	assert_non_null(b);
	return xlb_flow_state(b->word, w->proto);
}

static struct xlb_flow_body *reply_entry(struct fix *f, const struct way *w, int server, uint16_t sport, uint16_t port)
{
	struct pkt_desc d = way_answer(w, server, sport, port, TH_ACK);
	struct pkt p;

	pkt_build(&p, &d);
	return fix_entry(f, &p);
}

/* Live flows of service and server, as limits and least connections see them. */
static void assert_active(struct fix *f, const struct way *w, int server, uint32_t of_server, uint32_t of_service)
{
	assert_int_equal(f->load[way_server_id(w, server)].active, of_server);
	assert_int_equal(f->svc_load[way_service(w)].active, of_service);
}

static void for_each_family(struct way *w, int i)
{
	w->family = i & 1 ? 6 : 4;
	w->tag = i & 2;
}

/* --- one direction only ------------------------------------------------------------------------------------------- */

/* The server's half is not seen: its SYN-ACK is taken for given, and the client's FIN for both. */
static void one_way__tcp__states_from_client_alone(void **state)
{
	struct fix *f = *state;
	uint16_t sport = 40000;
	int i, server;

	for (i = 0; i < 8; i++) {
		struct way w = { .mode = one_way[i / 4], .proto = IPPROTO_TCP };

		for_each_family(&w, i);
		fix_set_mode(f, w.mode, 0);
		way_open(f, &w, ++sport, &server);
		assert_int_equal(state_of(f, &w, sport), XLB_S_HALF_OPEN);
		way_asks(f, &w, sport, TH_SYN);
		assert_int_equal(state_of(f, &w, sport), XLB_S_HALF_OPEN);
		way_asks(f, &w, sport, TH_ACK);
		assert_int_equal(state_of(f, &w, sport), XLB_S_ESTABLISHED);
		way_asks(f, &w, sport, TH_FIN | TH_ACK);
		assert_int_equal(state_of(f, &w, sport), XLB_S_CLOSING);
		way_asks(f, &w, sport, TH_ACK);
		assert_int_equal(state_of(f, &w, sport), XLB_S_CLOSING);
		way_asks(f, &w, sport, TH_RST);
		assert_int_equal(state_of(f, &w, sport), XLB_S_CLOSED);
		way_asks(f, &w, sport, TH_ACK); /* that reset was not the client's */
		assert_int_equal(state_of(f, &w, sport), XLB_S_CLOSING);
	}
}

/* A second packet shows that the server speaks: a client that got no answer would not go on for long. */
static void one_way__udp__second_packet_is_traffic(void **state)
{
	struct fix *f = *state;
	int i, server;

	for (i = 0; i < 4; i++) {
		struct way w = { .mode = one_way[i / 2], .family = i & 1 ? 6 : 4, .proto = IPPROTO_UDP };

		fix_set_mode(f, w.mode, 0);
		way_open(f, &w, 40000 + i, &server);
		assert_int_equal(state_of(f, &w, 40000 + i), XLB_S_HALF_OPEN);
		way_asks(f, &w, 40000 + i, 0);
		assert_int_equal(state_of(f, &w, 40000 + i), XLB_S_UDP);
	}
}

static void one_way__idle_beyond_state__ended(void **state)
{
	struct fix *f = *state;
	struct way w = { .mode = XLB_MODE_L2DSR, .family = 4, .proto = IPPROTO_TCP };
	struct pkt_desc d;
	struct pkt in;
	int server;

	fix_set_mode(f, w.mode, 0);
	way_establish(f, &w, 40000, &server);
	fix_age(way_entry(f, &w, 40000), 3590);
	way_asks(f, &w, 40000, TH_ACK);
	fix_age(way_entry(f, &w, 40000), 3605);
	d = way_request(&w, 40000, TH_ACK);
	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_NO_FLOW_RST, NULL);
	assert_null(way_entry(f, &w, 40000));
	assert_active(f, &w, server, 0, 0);
}

static void two_way__udp__states(void **state)
{
	struct fix *f = *state;
	uint16_t port, sport = 40000;
	int i, server;

	for (i = 0; i < 8; i++) {
		struct way w = { .mode = two_way[i / 4], .proto = IPPROTO_UDP };

		for_each_family(&w, i);
		fix_set_mode(f, w.mode, 0);
		port = way_open(f, &w, ++sport, &server);
		way_asks(f, &w, sport, 0);
		assert_int_equal(state_of(f, &w, sport), XLB_S_HALF_OPEN);
		way_answers(f, &w, server, sport, port, 0);
		assert_int_equal(state_of(f, &w, sport), XLB_S_UDP);
		assert_int_equal(xlb_flow_state(reply_entry(f, &w, server, sport, port)->word, IPPROTO_UDP), XLB_S_UDP);
	}
}

/* --- what counts as live ------------------------------------------------------------------------------------------ */

static void load__close_by_both_sides__taken_off_once(void **state)
{
	struct fix *f = *state;
	uint16_t port, sport = 40000;
	int i, server;

	for (i = 0; i < 4; i++) {
		struct way w = { .mode = two_way[i / 2], .family = i & 1 ? 6 : 4, .proto = IPPROTO_TCP };

		fix_set_mode(f, w.mode, 0);
		port = way_open(f, &w, ++sport, &server);
		assert_active(f, &w, server, 1, 1);
		way_answers(f, &w, server, sport, port, TH_SYN | TH_ACK);
		way_asks(f, &w, sport, TH_ACK);
		assert_active(f, &w, server, 1, 1);
		way_answers(f, &w, server, sport, port, TH_FIN | TH_ACK);
		assert_active(f, &w, server, 1, 1);
		way_asks(f, &w, sport, TH_FIN | TH_ACK);
		assert_active(f, &w, server, 0, 0);
		way_answers(f, &w, server, sport, port, TH_ACK);
		way_asks(f, &w, sport, TH_RST);
		assert_active(f, &w, server, 0, 0);
		assert_false(way_entry(f, &w, sport)->word & XLB_F_COUNTED);
	}
}

/* A reset that its sender did not mean takes a flow off, and its next packet puts it on again. */
static void load__spoofed_resets__as_if_they_had_not_been(void **state)
{
	struct fix *f = *state;
	uint16_t port;
	int i, server;

	for (i = 0; i < 2; i++) {
		struct way w = { .mode = two_way[i], .family = 4, .proto = IPPROTO_TCP };

		fix_set_mode(f, w.mode, 0);
		port = way_establish(f, &w, 40000 + i, &server);
		way_answers(f, &w, server, 40000 + i, port, TH_RST);
		assert_active(f, &w, server, 0, 0);
		assert_int_equal(state_of(f, &w, 40000 + i), XLB_S_CLOSED);
		way_answers(f, &w, server, 40000 + i, port, TH_ACK);
		assert_active(f, &w, server, 1, 1);
		way_asks(f, &w, 40000 + i, TH_RST);
		way_asks(f, &w, 40000 + i, TH_RST);
		assert_active(f, &w, server, 0, 0);
		way_asks(f, &w, 40000 + i, TH_ACK);
		assert_active(f, &w, server, 1, 1);
		way_asks(f, &w, 40000 + i, TH_RST);
		assert_active(f, &w, server, 0, 0);
	}
}

static void load__tuple_used_anew__one_flow(void **state)
{
	struct fix *f = *state;
	uint32_t total;
	int i, server;

	for (i = 0; i < 8; i++) {
		struct way w = { .mode = i / 4 ? one_way[i / 2 % 2] : two_way[i / 2], .family = i & 1 ? 6 : 4 };

		w.proto = IPPROTO_TCP;
		fix_set_mode(f, w.mode, 0);
		way_establish(f, &w, 40000 + i, &server);
		way_asks(f, &w, 40000 + i, TH_FIN | TH_ACK);
		way_open(f, &w, 40000 + i, &server);
		total = f->load[way_server_id(&w, 1)].active + f->load[way_server_id(&w, 2)].active;
		assert_int_equal(total, i / 2 + 1);
		assert_int_equal(f->svc_load[way_service(&w)].active, total);
	}
}

/* A flood pushes its own flows out of a full bucket: what is counted is what is there. */
static void load__pushed_out__taken_off(void **state)
{
	struct fix *f = *state;
	int i, family, server;

	for (family = 4; family <= 6; family += 2) {
		struct way w = { .mode = XLB_MODE_FULLNAT, .family = family, .proto = IPPROTO_TCP };
		uint16_t first = way_server_id(&w, 1), second = way_server_id(&w, 2);
		struct xlb_flow_body *b;
		uint32_t counted = 0;

		f->servers[first].pool_hi = f->servers[second].pool_hi = 60000;
		for (i = 0; i < 100; i++)
			way_open(f, &w, 30000 + i, &server);
		for (i = 0; i < 100; i++) {
			b = way_entry(f, &w, 30000 + i);
			counted += b && b->word & XLB_F_COUNTED;
		}
		assert_in_range(counted, 1, 16);
		assert_int_equal(f->load[first].active + f->load[second].active, counted);
		assert_int_equal(f->svc_load[way_service(&w)].active, counted);
	}
}

/* The flow that comes is the one that is served: both of its entries are there, however full the bucket. */
static void full_bucket__of_half_open__newcomer_has_both_entries(void **state)
{
	struct fix *f = *state;
	uint16_t port;
	int i, server;

	/* So many that each slot is the next one to go where chance decides. */
	f->servers[SRV_1].pool_hi = f->servers[SRV_2].pool_hi = 60000;
	for (i = 0; i < 2000; i++) {
		port = way_open(f, &nat4, 30000 + i, &server);
		assert_non_null(way_entry(f, &nat4, 30000 + i));
		assert_non_null(reply_entry(f, &nat4, server, 30000 + i, port));
	}
}

/* --- servers that die --------------------------------------------------------------------------------------------- */

/* The packet that 'd' describes is answered by the reset that RFC 9293, 3.5.2 asks for. */
static void told_by_reset(struct fix *f, const struct pkt_desc *d)
{
	struct pkt_desc r = { .dmac = d->smac ? d->smac : mac_client,
			      .smac = mac_balancer,
			      .tag = d->tag,
			      .family = d->family,
			      .saddr = d->daddr,
			      .daddr = d->saddr,
			      .sport = d->dport,
			      .dport = d->sport,
			      .proto = IPPROTO_TCP,
			      .flags = TH_RST,
			      .seq = d->ack,
			      .own = true };
	struct pkt in, out, want;

	pkt_build(&in, d);
	expect(f, &in, XDP_TX, XLB_R_SHUT_RST, &out);
	pkt_build(&want, &r);
	pkt_tcp(&want)->window = 0;
	pkt_seal(&want);
	assert_pkt_equal(&out, &want);
}

static void shut__both_sides__told_by_a_reset_each(void **state)
{
	uint16_t port, sport = 40000;
	struct fix *f = *state;
	int i, server;

	for (i = 0; i < 8; i++) {
		struct way w = { .mode = two_way[i / 4], .proto = IPPROTO_TCP };
		struct pkt_desc d;

		for_each_family(&w, i);
		fix_set_mode(f, w.mode, 0);
		port = way_establish(f, &w, ++sport, &server);
		f->servers[way_server_id(&w, server)].flags = XLB_SRV_SHUT;
		d = way_request(&w, sport, TH_ACK | TH_PUSH);
		told_by_reset(f, &d);
		assert_active(f, &w, server, 0, 0);
		d = way_answer(&w, server, sport, port, TH_ACK);
		told_by_reset(f, &d);
		assert_int_equal(fix_live(f), 0);
		f->servers[way_server_id(&w, server)].flags = XLB_SRV_UP;
	}
}

static void shut__reset_of_client__not_answered(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	int server;

	way_establish(f, &nat4, 40000, &server);
	f->servers[way_server_id(&nat4, server)].flags = XLB_SRV_SHUT;
	d = way_request(&nat4, 40000, TH_RST);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_NO_FLOW, NULL);
	assert_null(way_entry(f, &nat4, 40000));
}

static void shut__no_answers_left__held_back(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	int server;

	way_establish(f, &nat4, 40000, &server);
	f->servers[way_server_id(&nat4, server)].flags = XLB_SRV_SHUT;
	d = way_request(&nat4, 40000, TH_ACK);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_LIMITED, NULL);
}

/* Down without shutdown-sessions: what is established stays, it may be that only the check fails. */
static void down__established__stays(void **state)
{
	struct fix *f = *state;
	uint16_t port;
	int server;

	port = way_establish(f, &nat4, 40000, &server);
	f->servers[SRV_1].flags = f->servers[SRV_2].flags = 0;
	way_asks(f, &nat4, 40000, TH_ACK);
	way_answers(f, &nat4, server, 40000, port, TH_ACK);
	assert_int_equal(fix_svc_stats(f, SVC_WEB).moved, 0);
}

/* Takes a server out of its backend, dead, or puts it back. */
static void set_dead(struct fix *f, const struct way *w, int server, bool dead)
{
	uint16_t ids[2] = { way_server_id(w, 1), way_server_id(w, 2) };

	f->servers[ids[server - 1]].flags = dead ? 0 : XLB_SRV_UP;
	fix_ring(f, way_backend(w), XLB_ALG_RR, dead ? &ids[2 - server] : ids, NULL, dead ? 1 : 2);
}

static void down__udp__moves_with_its_next_packet(void **state)
{
	static const enum xlb_mode modes[] = { XLB_MODE_FULLNAT, XLB_MODE_DNAT, XLB_MODE_L2DSR, XLB_MODE_IPIP };
	uint16_t port, sport = 40000;
	struct fix *f = *state;
	int i, server, next;

	for (i = 0; i < 8; i++) {
		struct way w = { .mode = modes[i / 2], .family = i & 1 ? 6 : 4, .proto = IPPROTO_UDP };
		uint32_t before, moved;

		fix_set_mode(f, w.mode, 0);
		port = way_open(f, &w, ++sport, &server);
		if (way_is_nat(&w))
			way_answers(f, &w, server, sport, port, 0);
		way_asks(f, &w, sport, 0);
		before = f->load[way_server_id(&w, server)].active;
		moved = fix_srv_stats(f, way_server_id(&w, server)).moved;
		set_dead(f, &w, server, true);
		way_open(f, &w, sport, &next);
		assert_int_equal(next, 3 - server);
		assert_int_equal(fix_srv_stats(f, way_server_id(&w, server)).moved, moved + 1);
		assert_int_equal(f->load[way_server_id(&w, server)].active, before - 1);
		if (way_is_nat(&w))
			assert_null(reply_entry(f, &w, server, sport, port));
		way_asks(f, &w, sport, 0);
		set_dead(f, &w, server, false);
	}
}

/* The client sends its SYN again because the server did not answer: another one may. */
static void down__half_open__moves_with_the_next_syn(void **state)
{
	struct fix *f = *state;
	uint16_t sport = 40000;
	int i, server, next;

	for (i = 0; i < 4; i++) {
		struct way w = { .mode = i & 2 ? XLB_MODE_L2DSR : XLB_MODE_FULLNAT, .family = i & 1 ? 6 : 4 };

		w.proto = IPPROTO_TCP;
		fix_set_mode(f, w.mode, 0);
		way_open(f, &w, ++sport, &server);
		set_dead(f, &w, server, true);
		way_open(f, &w, sport, &next);
		assert_int_equal(next, 3 - server);
		way_asks(f, &w, sport, TH_SYN);
		set_dead(f, &w, server, false);
	}
	assert_int_equal(fix_svc_stats(f, SVC_WEB).moved, 2);
	assert_int_equal(fix_svc_stats(f, SVC_WEB6).moved, 2);
}

/*
 * A server that is up and silent: the repeats of a SYN go to it until the backend's number is reached, then to another
 * one, whatever the algorithm says.
 */
static void silent__syn_repeated__elsewhere_in_time(void **state)
{
	static const enum xlb_alg algs[] = { XLB_ALG_RR, XLB_ALG_HASH, XLB_ALG_LEAST, XLB_ALG_FIRST, XLB_ALG_RANDOM };
	static const enum xlb_mode modes[] = { XLB_MODE_FULLNAT, XLB_MODE_DNAT, XLB_MODE_L2DSR, XLB_MODE_IPIP };
	struct fix *f = *state;
	uint16_t sport = 40000;
	int i, k, server, next;

	for (i = 0; i < 40; i++) {
		struct way w = { .mode = modes[i % 4], .family = i / 4 & 1 ? 6 : 4, .proto = IPPROTO_TCP };
		uint16_t ids[2] = { way_server_id(&w, 1), way_server_id(&w, 2) };
		uint64_t moved;

		fix_set_mode(f, w.mode, 0);
		fix_ring(f, way_backend(&w), algs[i / 8], ids, NULL, 2);
		f->backends[way_backend(&w)].draws = 2;
		f->backends[way_backend(&w)].redispatch = 3;
		way_open(f, &w, ++sport, &server);
		moved = fix_srv_stats(f, way_server_id(&w, server)).moved;
		for (k = 0; k < 2; k++)
			way_asks(f, &w, sport, TH_SYN);
		way_open(f, &w, sport, &next);
		assert_int_equal(next, 3 - server);
		assert_int_equal(fix_srv_stats(f, way_server_id(&w, server)).moved, moved + 1);
		way_asks(f, &w, sport, TH_SYN); /* counted anew */
		assert_int_equal(way_entry(f, &w, sport)->word & XLB_F_REPEATS, 1 << XLB_REPEATS_SHIFT);
		assert_int_equal(way_entry(f, &w, sport)->server, way_server_id(&w, next));
	}
}

/* Not so: without a number; when the server has answered, and the answer was lost behind us; to the only server. */
static void silent__nowhere_to_go_or_no_reason__stays(void **state)
{
	const uint16_t only = SRV_2;
	struct fix *f = *state;
	int i, server, next;
	uint16_t port;

	way_open(f, &nat4, 40000, &server);
	for (i = 0; i < 10; i++)
		way_asks(f, &nat4, 40000, TH_SYN);
	f->backends[BE_WEB].redispatch = 1;
	port = way_open(f, &nat4, 40001, &server);
	way_answers(f, &nat4, server, 40001, port, TH_SYN | TH_ACK);
	for (i = 0; i < 10; i++)
		way_asks(f, &nat4, 40001, TH_SYN);
	assert_int_equal(fix_svc_stats(f, SVC_WEB).moved, 0);
	fix_ring(f, BE_WEB, XLB_ALG_RR, &only, NULL, 1);
	way_open(f, &nat4, 40002, &server);
	way_open(f, &nat4, 40002, &next); /* a new flow, for the attempt was given up, to the only one there is */
	assert_int_equal(next, server);
}

/* As in HAProxy redispatch goes before persistence, and the new server is the one that is remembered. */
static void silent__sticking__forgotten(void **state)
{
	struct fix *f = *state;
	int fd = fix_stick(f, BE_WEB, 1000000), server, next, third;

	f->backends[BE_WEB].redispatch = 1;
	way_open(f, &nat4, 40000, &server);
	way_open(f, &nat4, 40000, &next);
	assert_int_equal(next, 3 - server);
	way_open(f, &nat4, 40001, &third);
	assert_int_equal(third, next);
	close(fd);
}

/* Draining: out of the ring, yet its flows go on, half-open ones too. */
static void drain__flows__go_on(void **state)
{
	struct fix *f = *state;
	int server, other, i;
	uint16_t port;

	port = way_establish(f, &nat4, 40000, &server);
	way_open(f, &nat4, 40001, &other);
	for (i = SRV_1; i <= SRV_2; i++) {
		f->servers[i].flags |= XLB_SRV_DRAIN;
		f->servers[i].weight = 0;
	}
	fix_set_ring(f, NULL, 0);
	way_asks(f, &nat4, 40000, TH_ACK | TH_PUSH);
	way_answers(f, &nat4, server, 40000, port, TH_ACK);
	way_asks(f, &nat4, 40001, TH_SYN);
	assert_int_equal(way_entry(f, &nat4, 40001)->server, other);
	assert_active(f, &nat4, server, 1, 2);
}

/* --- next hops ---------------------------------------------------------------------------------------------------- */

/* The client's packets come by another router now. Once the daemon says that something has changed, so go answers. */
static void next_hop__epoch_raised__learned_anew(void **state)
{
	static const uint8_t router[6] = { 2, 0, 0, 0, 0, 0x31 };
	struct fix *f = *state;
	uint16_t port, sport = 40000;
	int i, server;

	for (i = 0; i < 4; i++) {
		struct way w = { .mode = two_way[i / 2], .family = i & 1 ? 6 : 4, .proto = IPPROTO_TCP };
		struct pkt_desc d;
		struct pkt in, out;
		uint16_t hop;

		fix_set_mode(f, w.mode, 0);
		port = way_establish(f, &w, ++sport, &server);
		hop = way_entry(f, &w, sport)->hop;
		assert_int_not_equal(hop, 0);
		assert_int_equal(reply_entry(f, &w, server, sport, port)->hop, hop);
		f->control->epoch++;
		d = way_request(&w, sport, TH_ACK);
		d.smac = router;
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
		assert_int_not_equal(way_entry(f, &w, sport)->hop, hop);
		d = way_answer(&w, server, sport, port, TH_ACK);
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
		assert_memory_equal(out.data, router, 6);
		assert_memory_equal(out.data + 6, mac_balancer, 6);
	}
}

/* The same, but the server speaks first: nobody knows better than before, until the client shows the way. */
static void next_hop__epoch_raised_and_server_speaks__learned_from_client(void **state)
{
	static const uint8_t router[6] = { 2, 0, 0, 0, 0, 0x31 };
	uint16_t port, sport = 40000;
	struct fix *f = *state;
	int i, server;

	for (i = 0; i < 4; i++) {
		struct way w = { .mode = two_way[i / 2], .family = i & 1 ? 6 : 4, .proto = IPPROTO_TCP };
		struct pkt_desc d, answer;
		struct pkt in, out;

		fix_set_mode(f, w.mode, 0);
		port = way_establish(f, &w, ++sport, &server);
		f->control->epoch++;
		answer = way_answer(&w, server, sport, port, TH_ACK);
		pkt_build(&in, &answer);
		expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
		assert_memory_equal(out.data, mac_client, 6);
		d = way_request(&w, sport, TH_ACK);
		d.smac = router;
		pkt_build(&in, &d);
		expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
		pkt_build(&in, &answer);
		expect(f, &in, XDP_TX, XLB_R_REPLY, &out);
		assert_memory_equal(out.data, router, 6);
	}
}

/* An entry that the daemon has cleared, as it may by mistake alone: nothing goes out to nowhere. */
static void next_hop__cleared__reply_dropped_until_learned(void **state)
{
	struct fix *f = *state;
	struct pkt_desc d;
	struct pkt in;
	uint16_t port;
	int server;

	port = way_establish(f, &nat4, 40000, &server);
	f->control->epoch++;
	memset(&f->nexthops[way_entry(f, &nat4, 40000)->hop], 0, sizeof(struct xlb_nexthop));
	d = way_answer(&nat4, server, 40000, port, TH_ACK);
	pkt_build(&in, &d);
	expect(f, &in, XDP_DROP, XLB_R_NO_ROUTE, NULL);
	way_asks(f, &nat4, 40000, TH_ACK);
	way_answers(f, &nat4, server, 40000, port, TH_ACK);
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

/* One in sixteen flows is timed, from SYN to the first SYN-ACK. */
static void connect_time__of_some_flows__measured(void **state)
{
	enum { FLOWS = 100 };
	struct timespec begin, end;
	struct fix *f = *state;
	struct xlb_stats svc;
	uint16_t port;
	uint64_t took;
	int i, server;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < FLOWS; i++) {
		port = way_open(f, &nat4, 30000 + i, &server);
		way_answers(f, &nat4, server, 30000 + i, port, TH_SYN | TH_ACK);
		way_answers(f, &nat4, server, 30000 + i, port, TH_SYN | TH_ACK); /* again: not counted again */
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	took = (end.tv_sec - begin.tv_sec) * 1000000000ull + end.tv_nsec - begin.tv_nsec;
	svc = fix_svc_stats(f, SVC_WEB);
	assert_int_equal(svc.answered, FLOWS);
	assert_in_range(svc.connect_nr, 1, FLOWS / 2);
	assert_in_range(svc.connect_ns, svc.connect_nr * 1000, took);
	assert_int_equal(svc.connect_nr, fix_srv_stats(f, SRV_1).connect_nr + fix_srv_stats(f, SRV_2).connect_nr);
}

static void counters__resets_and_answers__told_apart(void **state)
{
	struct fix *f = *state;
	struct xlb_stats svc;
	uint16_t port;
	int server;

	port = way_open(f, &nat4, 40000, &server); /* refused by the server */
	way_answers(f, &nat4, server, 40000, port, TH_RST | TH_ACK);
	port = way_establish(f, &nat4, 40001, &server); /* cut by the server */
	way_answers(f, &nat4, server, 40001, port, TH_RST);
	way_establish(f, &nat4, 40002, &server); /* cut by the client */
	way_asks(f, &nat4, 40002, TH_RST);
	svc = fix_svc_stats(f, SVC_WEB);
	assert_int_equal(svc.connections, 3);
	assert_int_equal(svc.answered, 2);
	assert_int_equal(svc.unanswered, 1);
	assert_int_equal(svc.server_resets, 2);
	assert_int_equal(svc.client_resets, 1);
	port = way_open(f, &udp4, 40003, &server);
	way_answers(f, &udp4, server, 40003, port, 0);
	way_answers(f, &udp4, server, 40003, port, 0);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).answered, 1);
	assert_int_equal(fix_svc_stats(f, SVC_DNS).packets_out, 2);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
#define T1(fn) cmocka_unit_test_setup_teardown(fn, fix_setup_one_bucket, fix_teardown)
const struct CMUnitTest life_tests[] = {
	T(one_way__tcp__states_from_client_alone),
	T(one_way__udp__second_packet_is_traffic),
	T(one_way__idle_beyond_state__ended),
	T(two_way__udp__states),
	T(load__close_by_both_sides__taken_off_once),
	T(load__spoofed_resets__as_if_they_had_not_been),
	T(load__tuple_used_anew__one_flow),
	T1(load__pushed_out__taken_off),
	T1(full_bucket__of_half_open__newcomer_has_both_entries),
	T(shut__both_sides__told_by_a_reset_each),
	T(shut__reset_of_client__not_answered),
	cmocka_unit_test_setup_teardown(shut__no_answers_left__held_back, fix_setup_no_answers, fix_teardown),
	T(down__established__stays),
	T(down__udp__moves_with_its_next_packet),
	T(down__half_open__moves_with_the_next_syn),
	T(silent__syn_repeated__elsewhere_in_time),
	T(silent__nowhere_to_go_or_no_reason__stays),
	T(silent__sticking__forgotten),
	T(drain__flows__go_on),
	T(next_hop__epoch_raised__learned_anew),
	T(next_hop__epoch_raised_and_server_speaks__learned_from_client),
	T(next_hop__cleared__reply_dropped_until_learned),
	T(connect_time__of_some_flows__measured),
	T(counters__resets_and_answers__told_apart),
};
const size_t nr_life_tests = sizeof(life_tests) / sizeof(life_tests[0]);
