/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program under test: loaded fresh for each test, tables filled by hand through their mappings.
 *
 * The cast: a client 10.1.0.9, the balancer 10.0.0.4 with TCP service 8080 and UDP service 53, servers 10.0.0.5 and
 * 10.0.0.6 on port 30808, source ports 20000 to 20063; and each once more with its IPv6 twin (pkt.h), the same ports
 * and MACs, as services, backend and servers of their own. Runs in a network namespace of its own, on its loopback
 * device.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <xlb/flow.h>
#include <xlb/reason.h>
#include <xlb/service.h>
#include <xlb/stats.h>
#include <xlb/stick.h>

#include "pkt.h"

#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

enum {
	VIP_PORT = 8080,
	DNS_PORT = 53,
	SERVER_PORT = 30808,
	POOL_LO = 20000,
	POOL_HI = 20063,
	SVC_WEB = 1,
	SVC_DNS = 2,
	SVC_WEB6 = 3,
	SVC_DNS6 = 4,
	BE_WEB = 1,
	BE_WEB6 = 2,
	SRV_1 = 1,
	SRV_2 = 2,
	SRV6_1 = 3,
	SRV6_2 = 4,
	RING_VALUES = 8, /* array values of xlb_tables.ring that each backend may use */
	IFINDEX_OTHER = 99,
	IF_LO = 1, /* interface number of the device that packets come by */
	IF_OTHER = 2,
};

extern const uint32_t ip_client, ip_balancer, ip_server1, ip_server2;
extern const uint8_t mac_client[6], mac_balancer[6], mac_server1[6], mac_server2[6];

struct fix {
	struct xlb_bpf *skel;
	struct xlb_control *control;
	struct xlb_bucket4 *flows;
	struct xlb_bucket6 *flows6;
	struct xlb_addr *addrs;
	struct xlb_vip_bucket *vips;
	struct xlb_service *services;
	struct xlb_backend *backends;
	struct xlb_ring *ring;
	struct xlb_cpu *cpus; /* nr_cpus of them */
	int nr_cpus;
	struct xlb_stick_conf *stick_confs;
	struct xlb_policy *policies;
	struct xlb_rule *rules;
	struct xlb_server *servers;
	struct xlb_busy *busy;
	struct xlb_range *ranges;
	struct xlb_return *returns;
	struct xlb_ring *marks;
	struct xlb_load *load, *svc_load;
	struct xlb_nexthop *nexthops;
	__u64 secrets[XLB_NR_SECRETS];
	uint32_t nr_buckets;
	uint32_t nr_ranges;
	enum xlb_alg alg; /* that fix_set_ring() publishes */
};

/* cmocka set-up and tear-down. The first gives a table of 64 buckets; *state is a struct fix. */
int fix_setup(void **state);
int fix_setup_one_bucket(void **state); /* tables of one bucket: 32 slots for IPv4, 16 for IPv6 */
int fix_setup_no_answers(void **state); /* rate limit 0 */
int fix_teardown(void **state);

/* Runs a packet through the program. Asserts verdict and reason, and that no other reason's counter moved. */
void fix_expect(struct fix *f, const struct pkt *in, int verdict, enum xlb_reason reason, struct pkt *out,
		const char *file, int line);
#define expect(f, in, verdict, reason, out) fix_expect(f, in, verdict, reason, out, __FILE__, __LINE__)

/* The same, without a wish: returns the verdict, and the reason by *ret_reason. */
int fix_run(struct fix *f, const struct pkt *in, struct pkt *out, enum xlb_reason *ret_reason);

void fix_set_ring(struct fix *f, const uint16_t *servers, unsigned int nr);
/* The same for any backend, whose entries may carry marks. Places of xlb_tables.marks at the same index are 'previous',
 * or untouched with NULL. */
void fix_ring(struct fix *f, uint16_t backend, enum xlb_alg alg, const uint16_t *entries, const uint16_t *previous,
	      unsigned int nr);
/* All servers forward by 'mode'. 'tunnel' is the family of the outer header of XLB_MODE_IPIP: 4, 6, or 0 for that of
 * the service. With XLB_MODE_DNAT answers are found by reply entries (XLB_RETURN_STATE). */
void fix_set_mode(struct fix *f, enum xlb_mode mode, uint8_t tunnel);
/* Makes both backends stateless ones, whose hash covers source address and port. Rings become tables of one entry each
 * with the first server. */
void fix_set_stateless(struct fix *f);
/* Gives backend BE_WEB or BE_WEB6 a stick table; returns the map's descriptor, which the caller closes. */
int fix_stick(struct fix *f, uint16_t backend, uint32_t expire);
/* A range of ports, behind those that the address has. All ranges of one address must be added in one go. */
void fix_add_range(struct fix *f, uint32_t addr, uint8_t family, struct xlb_range range);
/* The record of an address of the cast or of its twin. */
struct xlb_addr *fix_addr(struct fix *f, uint32_t addr, uint8_t family);
void fix_add_vip(struct fix *f, uint32_t addr, uint16_t port, uint8_t proto, uint16_t service);
void fix_add_addr(struct fix *f, uint32_t addr, uint16_t lo, uint16_t hi);
/* Binds a service, or with XLB_VIP_RETURN a return, to an address (network order, 4 words); returns the address's
 * record. */
struct xlb_addr *fix_bind(struct fix *f, const __be32 *addr, uint8_t family, uint16_t port, uint8_t proto,
			  uint16_t service);

/* The live entry of an IPv4 packet's key (host order), or NULL. Request and reply entries alike. */
struct xlb_flow4 *fix_flow(struct fix *f, uint32_t saddr, uint16_t sport, uint32_t daddr, uint16_t dport,
			   uint8_t proto);
/* The live entry of the key that a TCP or UDP packet has, or NULL. */
struct xlb_flow_body *fix_entry(struct fix *f, struct pkt *p);
/* Makes an entry's last packet 'ticks' older. */
void fix_age(struct xlb_flow_body *b, uint32_t ticks);
/* Live entries of both families. */
unsigned int fix_live(const struct fix *f);
/* Counters of a service, or of a server, summed over CPUs. */
struct xlb_stats fix_svc_stats(struct fix *f, uint32_t service);
struct xlb_stats fix_srv_stats(struct fix *f, uint32_t server);

/* Client's TCP packet to the web service from 'sport'. */
void client_tcp(struct pkt *p, uint16_t sport, uint8_t flags);

/* What the program must make of a client's packet towards 'server' (1 or 2) from source port 'port', built anew. */
void forwarded(struct pkt *p, const struct pkt_desc *from, int server, uint16_t port);

/* Opens a flow from client port 'sport'; returns the source port and by *ret_server 1 or 2. */
uint16_t open_flow(struct fix *f, uint16_t sport, int *ret_server);

/* The server's packet of that flow. */
void server_tcp(struct pkt *p, int server, uint16_t port, uint8_t flags);

/* Opens a flow and completes the handshake. */
uint16_t establish(struct fix *f, uint16_t sport, int *ret_server);

/* Reasons seen in this process so far, as a bit set. */
extern uint64_t fix_seen_reasons;

/* The groups of cases, each a file: rows of name and array. */
#define FIX_GROUPS(X)                                                                                                  \
	X(pass)                                                                                                        \
	X(flow)                                                                                                        \
	X(bad)                                                                                                         \
	X(answer)                                                                                                      \
	X(table)                                                                                                       \
	X(mode)                                                                                                        \
	X(icmp)                                                                                                        \
	X(frag)                                                                                                        \
	X(ip6)                                                                                                         \
	X(select)                                                                                                      \
	X(range)                                                                                                       \
	X(stateless)                                                                                                   \
	X(life)                                                                                                        \
	X(rules)                                                                                                       \
	X(host)
#define FIX_GROUP(name)                                                                                                \
	extern const struct CMUnitTest name##_tests[];                                                                 \
	extern const size_t nr_##name##_tests;
FIX_GROUPS(FIX_GROUP)

#endif
