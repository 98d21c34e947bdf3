/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ways from the client to a server of the cast and back: what is the same for all of them is written once, here, and
 * the cases go through them all. A server is 1 or 2 of the way's family; 'port' is the source port that full NAT chose,
 * otherwise the client's.
 */
#ifndef TESTS_WAY_H
#define TESTS_WAY_H

#include "fixture.h"

struct way {
	enum xlb_mode mode;
	uint8_t tunnel; /* family of the outer header; 0: that of the packet */
	uint8_t family;
	uint8_t proto;
	bool tag;
};

/* Every mode with every family that it takes; proto and tag are for the cases to choose. */
enum { NR_WAYS = 9, TUNNELS = 6 /* index of the first way by a tunnel */ };
extern const struct way ways[NR_WAYS];

/* Are both directions rewritten? */
bool way_is_nat(const struct way *w);

uint16_t way_service(const struct way *w);
uint16_t way_backend(const struct way *w);
uint16_t way_server_id(const struct way *w, int server); /* index into xlb_tables.servers */

/* The client's packet. UDP, and TCP with TH_PUSH, carry ten bytes. */
struct pkt_desc way_request(const struct way *w, uint16_t sport, uint8_t flags);
/* What the server must get of it; in a tunnel, the inner packet. */
struct pkt_desc way_at_server(const struct way *w, const struct pkt_desc *request, int server, uint16_t port);
/* Puts 'inner' into the tunnel to the server, under the outer header that RFC 2003 or RFC 2473 asks for. */
void way_tunnel(const struct way *w, struct pkt *p, struct pkt *inner, uint8_t tos, int server);
/* Is 'out' byte for byte what the server must get? The flow label of an outer IPv6 header may be any. */
void way_assert_at_server(const struct way *w, struct pkt *out, const struct pkt_desc *request, int server,
			  uint16_t port, const char *file, int line);
#define assert_at_server(w, out, request, server, port)                                                                \
	way_assert_at_server(w, out, request, server, port, __FILE__, __LINE__)

/* The server's packet of a flow of both NATs, and what the client must get of it. */
struct pkt_desc way_answer(const struct way *w, int server, uint16_t sport, uint16_t port, uint8_t flags);
struct pkt_desc way_at_client(const struct way *w, const struct pkt_desc *answer, uint16_t sport);

/* Number of the server that a packet goes to, by its MAC address. */
int way_server_of(const struct pkt *out);

/* Opens a flow, or opens and completes its handshake; returns 'port'. */
uint16_t way_open(struct fix *f, const struct way *w, uint16_t sport, int *ret_server);
uint16_t way_establish(struct fix *f, const struct way *w, uint16_t sport, int *ret_server);
/* A packet of a known flow, which must be sent as one. */
void way_asks(struct fix *f, const struct way *w, uint16_t sport, uint8_t flags);
void way_answers(struct fix *f, const struct way *w, int server, uint16_t sport, uint16_t port, uint8_t flags);
/* The request entry of the client's flow, or NULL. */
struct xlb_flow_body *way_entry(struct fix *f, const struct way *w, uint16_t sport);

#endif
