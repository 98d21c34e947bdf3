/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second implementation of the data plane, in plain C and without any thought of speed: docs/dataplane.md told again,
 * so that the differential test (test_model.c) can hold the program against it. It shares the records and hashes of
 * include/xlb with the program and nothing else. It must not know the program's sources.
 *
 * Tables are lists that are searched from one end to the other. Addresses, ports and IP lengths are kept as they lie in
 * the packet (network byte order) unless a comment says otherwise.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlb/backend.h>
#include <xlb/flow.h>
#include <xlb/fragment.h>
#include <xlb/reason.h>
#include <xlb/server.h>
#include <xlb/service.h>
#include <xlb/stats.h>
#include <xlb/stick.h>

enum {
	FRAME_MAX = 1600,
	M_ADDRS = 96,
	M_BINDS = 160,
	M_RANGES = 16,
	M_RETURNS = 96,
	M_SERVICES = 24, /* numbers of all kinds begin at 1 */
	M_SERVERS = 96,
	M_BACKENDS = 24,
	M_RING = 128, /* longest ring of a backend */
	M_ROUTES = 16,
	M_FLOWS = 4096,
	M_FRAGS = 512,
	M_STICKS = 1024,
	M_TOUCHED = 4,
};

struct frame {
	uint8_t pad[2]; /* so that IP headers are aligned as in a driver's buffer */
	uint8_t data[FRAME_MAX + 62];
	size_t len;
};

/* --- what the daemon would have written ----------------------------------------------------------------------------
 */

struct m_addr {
	uint32_t addr[4];
	uint8_t family;
	uint8_t flags;
	uint16_t pool_lo, pool_hi; /* host order */
};

struct m_bind {
	uint8_t addr; /* index into m_config.addrs */
	uint8_t proto;
	uint16_t port;
	uint16_t service; /* with XLB_VIP_RETURN an index into returns */
};

struct m_range {
	uint8_t addr;
	struct xlb_range r;
};

/* Where a frame goes. 'oif' 0: nowhere. */
struct m_hop {
	uint16_t oif;
	uint8_t dmac[6], smac[6];
};

/* What the routing table says of clients. Without an interface of xlb's in 'hop' it has no complete answer. */
struct m_route {
	uint32_t net[4];
	uint8_t family, bits;
	bool forbidden;
	struct m_hop hop;
};

struct m_config {
	struct m_addr addrs[M_ADDRS];
	struct m_bind binds[M_BINDS];
	struct m_range ranges[M_RANGES];
	struct xlb_return returns[M_RETURNS];
	struct xlb_service services[M_SERVICES];
	struct xlb_backend backends[M_BACKENDS];
	uint16_t ring[M_BACKENDS][M_RING], previous[M_BACKENDS][M_RING];
	struct xlb_server servers[M_SERVERS];
	struct m_route routes[M_ROUTES];
	unsigned int nr_addrs, nr_binds, nr_ranges, nr_returns, nr_services, nr_backends, nr_servers, nr_routes;
	uint16_t busy_tcp, busy_udp; /* one port each that must not be used as a source port, host order */
	uint16_t in_if;		     /* interface number that packets come by */
	uint32_t epoch;
};

/* --- what packets leave behind -------------------------------------------------------------------------------------
 */

struct m_key {
	uint32_t saddr[4], daddr[4];
	uint16_t sport, dport;
	uint8_t proto, family;
};

/* One of the two entries of a flow. */
struct m_entry {
	struct m_key key;
	bool live;
	uint16_t flags;
	uint32_t tick;
	uint8_t epoch;
	struct m_hop hop;
	/* The last packet allowed, but did not demand, that the time is noted here too and the next hop looked up anew.
	 */
	bool may_refresh;
	bool may_ask; /* a server's packet may have asked in vain: then the client's next one asks again */
	struct m_hop may_hop;
};

struct m_flow {
	struct m_entry e[2]; /* enum xlb_flow_kind */
	uint16_t sport;
	uint16_t server, service;
};

struct m_frag {
	struct xlb_frag_key key;
	bool pass, reply;
	uint16_t server;
	uint16_t service;
	uint32_t saddr[4], daddr[4];
	struct m_hop hop;
	uint32_t tick;
};

/* Of the stick tables 1 to 3 the first has keys of IPv4 alone. */
#define M_STICK_IP6(number) ((number) > 1)

struct m_stick {
	uint32_t addr[4]; /* the key */
	uint16_t stick, server;
	uint64_t identity; /* of the server, then */
	uint32_t tick;
};

/*
 * Where the document leaves a choice to the program (a source port, a random server, one of equals), the model asks
 * what was chosen and checks that it was allowed. False: the program has no live entry of this key.
 */
typedef bool m_peek_fn(void *ctx, const struct m_key *request, uint16_t *ret_server, uint16_t *ret_sport);

struct model {
	struct m_config c;
	struct m_flow flows[M_FLOWS];
	uint32_t marks[M_FLOWS][2]; /* of live entries' keys, 0 of others: what the search looks at first */
	unsigned int nr_flows;	    /* used elements of 'flows', ended ones included */
	struct m_frag frags[M_FRAGS];
	unsigned int nr_frags;
	struct m_stick sticks[M_STICKS];
	unsigned int nr_sticks;
	uint64_t cursors[M_BACKENDS];
	uint64_t reasons[XLB_R_MAX];
	struct xlb_stats svc[M_SERVICES], srv[M_SERVERS];
	uint32_t srv_active[M_SERVERS], svc_active[M_SERVICES];
	uint64_t answers;	   /* tokens left */
	uint64_t rate[M_SERVICES]; /* tokens left */
	uint32_t tick;		   /* now; 24 bits */
	m_peek_fn *peek;
	void *peek_ctx;
	/* Of the last packet: what it may have changed, and what the program chose against the rules. */
	unsigned int touched[M_TOUCHED];
	unsigned int nr_touched;
	uint16_t service;
	char wrong[128];
};

/* Verdicts as numbers of XDP: 1 drop, 2 pass, 3 send by the same interface, 4 by another. */
enum { M_DROP = 1, M_PASS, M_TX, M_REDIRECT };

/* Sends a frame through the model. 'out' is what leaves, or the frame as it came when nothing does. */
void model_packet(struct model *m, const struct frame *in, struct frame *out, int *ret_verdict,
		  enum xlb_reason *ret_reason);

/* Moves time on by 'ticks', as the test does in the program's tables: everything seen is that much older. */
void model_age(struct model *m, uint32_t ticks);

/* The live entry of a key, or NULL; by *ret_kind which of the flow's two. */
struct m_flow *model_find(struct model *m, const struct m_key *key, int *ret_kind);

#endif
