/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of the model share: a packet while it is decided about. Section numbers are those of
 * docs/dataplane.md.
 */
#ifndef TESTS_MODEL_INSIDE_H
#define TESTS_MODEL_INSIDE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* After as many ticks at most the times of a flow's two entries are brought together, and its next hop looked up anew.
 */
enum { HOP_TICKS = 64 };

struct m_pkt {
	const struct frame *in;
	struct frame *out;
	int verdict;
	const uint8_t *d; /* the frame's bytes */
	size_t len;	  /* of the frame */
	size_t l3, l4;	  /* offsets */
	size_t end;	  /* of the IP packet by its own length field: may lie beyond the frame */
	uint8_t family, proto;
	uint8_t frag_proto; /* that the fragment header names */
	bool tagged, first_fragment, later_fragment;
	uint32_t frag_id, frag_offset; /* offset in bytes */
	struct m_key key;
	uint8_t tcp_flags;
	enum xlb_reason defect; /* section 2 */
	const struct m_addr *ours;
	const struct m_addr *server_addr; /* from the server */
	uint16_t service;
	uint16_t server;
	uint16_t avoid;		 /* the server that a repeated SYN leaves */
	enum xlb_reason sent_as; /* by stateless services */
};

/* parse.c: sections 1 and 2. XLB_R_NONE to go on. */
enum xlb_reason parse(struct model *m, struct m_pkt *p);
bool source_routed(const struct m_pkt *p);
bool bad_source(const struct m_pkt *p);
uint8_t ttl_of(const struct m_pkt *p);

/* Number of the address in the configuration, or -1. */
int find_addr(const struct model *m, const uint32_t *addr, uint8_t family);

/* The bind of an address, port and protocol: exact binds before ranges. 0: none. May be an XLB_VIP_RETURN. */
uint16_t find_bind(const struct model *m, const struct m_addr *a, uint16_t port, uint8_t proto);
/* The same, 0 unless it is an enabled service. */
uint16_t find_service(const struct model *m, const struct m_addr *a, uint16_t port, uint8_t proto);
bool in_pool(const struct m_addr *a, uint16_t port);
bool in_filter(const struct model *m, const struct m_addr *a, uint16_t port, uint8_t proto);
bool busy(const struct model *m, uint16_t port, uint8_t proto);

/* flow.c: section 4 and the flow table. */
enum xlb_reason known_flow(struct model *m, struct m_pkt *p, bool *ret_reopened);
/* Rules 2 to 4 on entry 'kind' of 'f'; XLB_R_NONE with *ret_ended: treat as without a flow. */
enum xlb_reason track(struct model *m, struct m_pkt *p, struct m_flow *f, int kind, bool *ret_ended);
struct m_flow *flow_new(struct model *m);
void flow_touch(struct model *m, const struct m_flow *f);
/* Puts an entry, its key filled, into the table; takes it off. */
void entry_begin(struct model *m, struct m_flow *f, int kind);
void entry_end(struct model *m, struct m_flow *f, int kind);
void flow_end(struct model *m, struct m_flow *f);
uint32_t flow_timeout(const struct model *m, const struct m_flow *f);
bool flow_idle(const struct model *m, const struct m_flow *f, const struct m_entry *e);
bool flow_counted_state(uint16_t flags, uint8_t proto);

/* open.c: section 5. */
enum xlb_reason no_flow(struct model *m, struct m_pkt *p);
/* Rules 5.1 to 5.3 alone. */
enum xlb_reason may_open(struct model *m, struct m_pkt *p);
void count_refused(struct model *m, const struct m_pkt *p);
enum xlb_reason refuse_server(struct model *m, struct m_pkt *p);
enum xlb_reason insert_flow(struct model *m, struct m_pkt *p);

/* select.c: section 5.5. */
enum xlb_reason choose(struct model *m, struct m_pkt *p);
bool reachable(const struct xlb_server *s);
uint32_t select_hash(const struct xlb_backend *be, const struct m_key *k);

/* stateless.c: section 6. */
enum xlb_reason stateless(struct model *m, struct m_pkt *p);
/* The server of a slot for a key without looking at records, for ICMP errors. */
uint16_t stateless_server(struct model *m, uint16_t service, const struct m_key *k);

/* icmp.c: sections 3.2 and 7. */
enum xlb_reason icmp(struct model *m, struct m_pkt *p);

/* fragment.c: section 3.1. */
enum xlb_reason later_fragment(struct model *m, struct m_pkt *p);
void remember_pass(struct model *m, const struct m_pkt *p);
void remember_sent(struct model *m, const struct m_pkt *p, uint16_t server, bool reply, const uint32_t *saddr,
		   const uint32_t *daddr, const struct m_hop *hop);

/* send.c: section 8. Each returns 'reason', or why the packet was not sent. */
enum xlb_reason send_to_server(struct model *m, struct m_pkt *p, uint16_t server, uint16_t service, uint16_t sport,
			       enum xlb_reason reason);
/* Source becomes vip:vport, destination client:cport. */
enum xlb_reason send_to_client(struct model *m, struct m_pkt *p, const struct m_key *request, const struct m_hop *hop,
			       uint16_t server, uint16_t service, enum xlb_reason reason);
void set_macs(struct frame *out, const uint8_t *dmac, const uint8_t *smac);
void translate(struct m_pkt *p, const uint32_t *saddr, const uint32_t *daddr, uint16_t sport, uint16_t dport,
	       bool ports);

/*
 * The next hop towards a client, as the routing table says. Where that has no complete answer, a packet of the client's
 * own names the station that sent it.
 */
bool next_hop(const struct model *m, const struct m_pkt *p, const uint32_t *client, bool from_client,
	      struct m_hop *ret);
void go_by(struct model *m, struct m_pkt *p, uint16_t oif);
bool encapsulate(struct model *m, struct m_pkt *p, const struct xlb_server *s, enum xlb_reason *ret_reason);
/* Sum of 16-bit words modulo 65535. */
uint32_t words(const void *data, size_t len);
/* The checksum field that makes 'total' of what has the sum 'rest' without it. */
uint16_t checksum_for(uint32_t total, uint32_t rest);
void count_in(struct model *m, const struct m_pkt *p, uint16_t service, uint16_t server);
void count_out(struct model *m, const struct m_pkt *p, uint16_t service, uint16_t server);

/* answer.c: what the balancer says itself. */
enum xlb_reason answer_reset(struct model *m, struct m_pkt *p, enum xlb_reason reason);
enum xlb_reason answer_unreachable(struct model *m, struct m_pkt *p, enum xlb_reason reason);
enum xlb_reason answer_too_big(struct model *m, struct m_pkt *p, unsigned int mtu);
enum xlb_reason answer_echo(struct model *m, struct m_pkt *p);

static inline uint16_t rd16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void wr16(uint8_t *p, uint32_t value)
{
	p[0] = value >> 8;
	p[1] = value;
}

static inline uint32_t rd32(const uint8_t *p)
{
	return (uint32_t)rd16(p) << 16 | rd16(p + 2);
}

static inline void wr32(uint8_t *p, uint32_t value)
{
	wr16(p, value >> 16);
	wr16(p + 2, value & 0xffff);
}

static inline bool same_addr(const uint32_t *a, const uint32_t *b)
{
	return !memcmp(a, b, 16);
}

#endif
