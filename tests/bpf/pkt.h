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
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PKT_MAX = 2048 };

/* An IPv6 extension header of (units + 1) * 8 bytes: its bytes 2 and 3, a word, and zeroes, which are padding. */
struct pkt_ext {
	uint8_t type;
	uint8_t units;
	uint16_t half; /* host order */
	uint32_t word;
};

struct pkt_icmp {
	uint8_t type, code;
	uint32_t rest; /* host order */
};

/* What a packet is made from. Addresses and ports in host order. Zero means the usual. */
struct pkt_desc {
	const uint8_t *dmac, *smac; /* NULL: the balancer, the client */
	uint16_t tag;		    /* 802.1Q; 0: none */
	uint8_t family;		    /* 0 or 4: IPv4; 6: IPv6, between the twins of the addresses, see pkt_twin() */
	uint32_t saddr, daddr;
	const uint8_t *saddr6; /* with IPv6: another source instead */
	uint16_t sport, dport;
	uint8_t proto; /* TCP, UDP, or with 'icmp' one of the two ICMPs; others have no header but 'payload' */
	const struct pkt_icmp *icmp; /* its header, before 'payload' */
	const struct pkt_ext *ext;   /* IPv6: extension headers */
	size_t nr_ext;
	uint8_t flags; /* of TCP */
	uint32_t seq, ack;
	uint8_t ttl; /* 64 */
	uint8_t tos;
	uint16_t frag;		/* IPv4: flags and offset, host order */
	bool own;		/* as the program makes them: IPv4 identification 0, and not to be fragmented */
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

/* The IPv6 address that stands for an IPv4 one (host order) of the cast: 2001:db8::a.b.c.d, in network order. */
void pkt_twin(uint32_t addr, uint8_t ret_addr[16]);

/* Headers of a packet with or without tag; layer 4 behind options and extension headers. */
struct iphdr *pkt_ip(struct pkt *p);
struct ip6_hdr *pkt_ip6(struct pkt *p);
void *pkt_l4(struct pkt *p);
struct tcphdr *pkt_tcp(struct pkt *p);
struct udphdr *pkt_udp(struct pkt *p);
uint8_t pkt_proto(struct pkt *p); /* of layer 4 */
size_t pkt_ip_len(struct pkt *p); /* of the IP packet, header included */

/*
 * A fragment of a whole packet: 'len' bytes of layer 4, from 'offset' on, both multiples of 8 but
 * for the last one's length. The checksum in it is that of the whole.
 */
void pkt_fragment(struct pkt *p, const struct pkt *whole, size_t offset, size_t len);
/* The same for what follows 'head' bytes of the IP packet: extension headers may be among it. */
void pkt_fragment_at(struct pkt *p, const struct pkt *whole, size_t head, size_t offset, size_t len);

/* An IP packet as the payload of another one that 'outer' describes (addresses, MACs, family, TTL, TOS). */
void pkt_wrap(struct pkt *p, struct pkt *inner, const struct pkt_desc *outer);

/* The flow label of an IPv6 packet. */
uint32_t pkt_label(struct pkt *p);
void pkt_set_label(struct pkt *p, uint32_t label);

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
