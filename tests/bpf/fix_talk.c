/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What client and servers say to each other, and what the program must make of it: always built anew.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "way.h"

/* --- full NAT over IPv4 ------------------------------------------------------------------------------------------- */

void client_tcp(struct pkt *p, uint16_t sport, uint8_t flags)
{
	pkt_build(p, &(struct pkt_desc){ .saddr = ip_client,
					 .daddr = ip_balancer,
					 .sport = sport,
					 .dport = VIP_PORT,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .seq = 1000,
					 .ack = 77 });
}

void server_tcp(struct pkt *p, int server, uint16_t port, uint8_t flags)
{
	pkt_build(p, &(struct pkt_desc){ .saddr = server == 1 ? ip_server1 : ip_server2,
					 .daddr = ip_balancer,
					 .sport = SERVER_PORT,
					 .dport = port,
					 .proto = IPPROTO_TCP,
					 .flags = flags,
					 .smac = server == 1 ? mac_server1 : mac_server2,
					 .seq = 5,
					 .ack = 1001 });
}

void forwarded(struct pkt *p, const struct pkt_desc *from, int server, uint16_t port)
{
	struct pkt_desc d = *from;

	d.dmac = server == 1 ? mac_server1 : mac_server2;
	d.smac = mac_balancer;
	d.saddr = ip_balancer;
	d.daddr = server == 1 ? ip_server1 : ip_server2;
	d.sport = port;
	d.dport = SERVER_PORT;
	d.ttl = (from->ttl ? from->ttl : 64) - 1;
	pkt_build(p, &d);
}

uint16_t open_flow(struct fix *f, uint16_t sport, int *ret_server)
{
	struct pkt in, out;

	client_tcp(&in, sport, TH_SYN);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	if (ret_server)
		*ret_server = pkt_ip(&out)->daddr == htonl(ip_server1) ? 1 : 2;
	return ntohs(pkt_tcp(&out)->source);
}

uint16_t establish(struct fix *f, uint16_t sport, int *ret_server)
{
	int server = 0;
	uint16_t port = open_flow(f, sport, &server);
	struct pkt p;

	server_tcp(&p, server, port, TH_SYN | TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_REPLY, NULL);
	client_tcp(&p, sport, TH_ACK);
	expect(f, &p, XDP_TX, XLB_R_REQUEST, NULL);
	if (ret_server)
		*ret_server = server;
	return port;
}

/* --- any way ------------------------------------------------------------------------------------------------------ */

const struct way ways[NR_WAYS] = {
	{ .mode = XLB_MODE_FULLNAT, .family = 4 },
	{ .mode = XLB_MODE_FULLNAT, .family = 6 },
	{ .mode = XLB_MODE_DNAT, .family = 4 },
	{ .mode = XLB_MODE_DNAT, .family = 6 },
	{ .mode = XLB_MODE_L2DSR, .family = 4 },
	{ .mode = XLB_MODE_L2DSR, .family = 6 },
	{ .mode = XLB_MODE_IPIP, .family = 4, .tunnel = 4 },
	{ .mode = XLB_MODE_IPIP, .family = 6, .tunnel = 6 },
	{ .mode = XLB_MODE_IPIP, .family = 4, .tunnel = 6 },
};

bool way_is_nat(const struct way *w)
{
	return w->mode == XLB_MODE_FULLNAT || w->mode == XLB_MODE_DNAT;
}

uint16_t way_service(const struct way *w)
{
	return (w->family == 6 ? SVC_WEB6 : SVC_WEB) + (w->proto == IPPROTO_UDP);
}

uint16_t way_backend(const struct way *w)
{
	return w->family == 6 ? BE_WEB6 : BE_WEB;
}

uint16_t way_server_id(const struct way *w, int server)
{
	return (w->family == 6 ? SRV6_1 : SRV_1) + server - 1;
}

static uint32_t server_ip(int server)
{
	return server == 1 ? ip_server1 : ip_server2;
}

struct pkt_desc way_request(const struct way *w, uint16_t sport, uint8_t flags)
{
	return (struct pkt_desc){ .tag = w->tag ? 0x2064 : 0,
				  .family = w->family,
				  .saddr = ip_client,
				  .daddr = ip_balancer,
				  .sport = sport,
				  .dport = w->proto == IPPROTO_TCP ? VIP_PORT : DNS_PORT,
				  .proto = w->proto,
				  .flags = flags,
				  .seq = 1000,
				  .ack = 77,
				  .payload = w->proto == IPPROTO_UDP || flags & TH_PUSH ? "a question" : NULL,
				  .payload_len = w->proto == IPPROTO_UDP || flags & TH_PUSH ? 10 : 0 };
}

struct pkt_desc way_at_server(const struct way *w, const struct pkt_desc *request, int server, uint16_t port)
{
	struct pkt_desc d = *request;

	d.dmac = server == 1 ? mac_server1 : mac_server2;
	d.smac = mac_balancer;
	if (w->mode == XLB_MODE_L2DSR)
		return d;
	d.ttl = (request->ttl ? request->ttl : 64) - 1;
	if (!way_is_nat(w))
		return d;
	d.daddr = server_ip(server);
	d.dport = SERVER_PORT;
	if (w->mode == XLB_MODE_FULLNAT) {
		d.saddr = ip_balancer;
		d.saddr6 = NULL;
		d.sport = port;
	}
	return d;
}

void way_tunnel(const struct way *w, struct pkt *p, struct pkt *inner, uint8_t tos, int server)
{
	struct pkt_desc outer = { .dmac = server == 1 ? mac_server1 : mac_server2,
				  .smac = mac_balancer,
				  .tag = w->tag ? 0x2064 : 0,
				  .family = w->tunnel ? w->tunnel : w->family,
				  .saddr = ip_balancer,
				  .daddr = server_ip(server),
				  .tos = tos,
				  .own = true };

	pkt_wrap(p, inner, &outer);
}

void way_assert_at_server(const struct way *w, struct pkt *out, const struct pkt_desc *request, int server,
			  uint16_t port, const char *file, int line)
{
	struct pkt_desc d = way_at_server(w, request, server, port);
	struct pkt want, inner;

	pkt_build(&want, &d);
	if (w->mode == XLB_MODE_IPIP) {
		inner = want;
		way_tunnel(w, &want, &inner, d.tos, server);
		/* Any label does that is the same for all packets of a flow: a case of its own. */
		if (pkt_ip(&want)->version == 6 && out->len >= want.len)
			pkt_set_label(&want, pkt_label(out));
	}
	pkt_assert_equal(out, &want, file, line);
}

struct pkt_desc way_answer(const struct way *w, int server, uint16_t sport, uint16_t port, uint8_t flags)
{
	bool full = w->mode == XLB_MODE_FULLNAT;

	return (struct pkt_desc){ .smac = server == 1 ? mac_server1 : mac_server2,
				  .tag = w->tag ? 0x2064 : 0,
				  .family = w->family,
				  .saddr = server_ip(server),
				  .daddr = full ? ip_balancer : ip_client,
				  .sport = SERVER_PORT,
				  .dport = full ? port : sport,
				  .proto = w->proto,
				  .flags = flags,
				  .seq = 5,
				  .ack = 1001,
				  .payload = w->proto == IPPROTO_UDP ? "an answer" : NULL,
				  .payload_len = w->proto == IPPROTO_UDP ? 9 : 0 };
}

struct pkt_desc way_at_client(const struct way *w, const struct pkt_desc *answer, uint16_t sport)
{
	struct pkt_desc d = *answer;

	d.dmac = mac_client;
	d.smac = mac_balancer;
	d.saddr = ip_balancer;
	d.daddr = ip_client;
	d.sport = w->proto == IPPROTO_TCP ? VIP_PORT : DNS_PORT;
	d.dport = sport;
	d.ttl = (answer->ttl ? answer->ttl : 64) - 1;
	return d;
}

int way_server_of(const struct pkt *out)
{
	return memcmp(out->data, mac_server1, 6) ? 2 : 1;
}

uint16_t way_open(struct fix *f, const struct way *w, uint16_t sport, int *ret_server)
{
	struct pkt_desc d = way_request(w, sport, TH_SYN);
	struct pkt in, out;

	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_NEW_FLOW, &out);
	*ret_server = way_server_of(&out);
	return w->mode == XLB_MODE_FULLNAT ? ntohs(pkt_udp(&out)->source) : sport;
}

uint16_t way_establish(struct fix *f, const struct way *w, uint16_t sport, int *ret_server)
{
	uint16_t port = way_open(f, w, sport, ret_server);

	if (way_is_nat(w))
		way_answers(f, w, *ret_server, sport, port, TH_SYN | TH_ACK);
	way_asks(f, w, sport, TH_ACK);
	return port;
}

void way_asks(struct fix *f, const struct way *w, uint16_t sport, uint8_t flags)
{
	struct pkt_desc d = way_request(w, sport, flags);
	struct pkt in;

	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_REQUEST, NULL);
}

void way_answers(struct fix *f, const struct way *w, int server, uint16_t sport, uint16_t port, uint8_t flags)
{
	struct pkt_desc d = way_answer(w, server, sport, port, flags);
	struct pkt in;

	pkt_build(&in, &d);
	expect(f, &in, XDP_TX, XLB_R_REPLY, NULL);
}

struct xlb_flow_body *way_entry(struct fix *f, const struct way *w, uint16_t sport)
{
	struct pkt_desc d = way_request(w, sport, TH_ACK);
	struct pkt p;

	pkt_build(&p, &d);
	return fix_entry(f, &p);
}
