/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets for tests: built from a description, with lengths and checksums computed in full, never by difference. The
 * buffer begins two bytes into an aligned one, as a driver's does, so that the IP header is aligned.
 */
#ifndef TESTS_PKT_H
#define TESTS_PKT_H

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PKT_MAX = 2048 };

/* What a packet is made from. Addresses and ports in host order. Zero means the usual. */
struct pkt_desc {
	const uint8_t *dmac, *smac; /* NULL: the balancer, the client */
	uint32_t saddr, daddr;
	uint16_t sport, dport;
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP; others get their payload behind the IP header */
	uint8_t flags; /* of TCP */
	uint32_t seq, ack;
	uint8_t ttl; /* 64 */
	uint8_t tos;
	uint16_t frag;		/* flags and offset, host order */
	const uint8_t *options; /* of IP */
	size_t options_len;	/* multiple of 4 */
	const void *payload;
	size_t payload_len;
	bool udp_no_check; /* UDP checksum 0 */
};

struct pkt {
	uint8_t pad[2];
	uint8_t data[PKT_MAX + 62] __attribute__((aligned(2)));
	size_t len;
} __attribute__((aligned(64)));

void pkt_build(struct pkt *p, const struct pkt_desc *d);

struct iphdr *pkt_ip(struct pkt *p);
struct tcphdr *pkt_tcp(struct pkt *p);
struct udphdr *pkt_udp(struct pkt *p);

/* Computes the checksums of a packet anew, after a test has changed fields. */
void pkt_seal(struct pkt *p);

/* Are the IP and the layer 4 checksum right? UDP checksum 0 counts as right. */
bool pkt_checksums_ok(struct pkt *p);

/* Sum of 16-bit words, folded, not complemented; for tests of checksums themselves. */
uint16_t pkt_sum(const void *data, size_t len, uint32_t start);

/* Fails the test with both packets in hex if they differ. */
void pkt_assert_equal(const struct pkt *seen, const struct pkt *expected, const char *file, int line);
#define assert_pkt_equal(seen, expected) pkt_assert_equal(seen, expected, __FILE__, __LINE__)

#endif
