/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet builder.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "pkt.h"

uint16_t pkt_sum(const void *data, size_t len, uint32_t start)
{
	const uint8_t *p = data;
	uint64_t sum = start;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

struct iphdr *pkt_ip(struct pkt *p)
{
	return (struct iphdr *)(p->data + sizeof(struct ethhdr));
}

static void *pkt_l4(struct pkt *p)
{
	return (uint8_t *)pkt_ip(p) + pkt_ip(p)->ihl * 4;
}

struct tcphdr *pkt_tcp(struct pkt *p)
{
	return pkt_l4(p);
}

struct udphdr *pkt_udp(struct pkt *p)
{
	return pkt_l4(p);
}

/* Sum over pseudo header and layer 4 as they stand. */
static uint16_t l4_sum(struct pkt *p)
{
	struct iphdr *ip = pkt_ip(p);
	size_t len = ntohs(ip->tot_len) - ip->ihl * 4;
	uint32_t pseudo;

	pseudo = (uint32_t)pkt_sum(&ip->saddr, 8, 0) + ip->protocol + len;
	return pkt_sum(pkt_l4(p), len, pseudo);
}

void pkt_seal(struct pkt *p)
{
	struct iphdr *ip = pkt_ip(p);

	ip->check = 0;
	ip->check = htons(~pkt_sum(ip, ip->ihl * 4, 0));
	if (ntohs(ip->frag_off) & 0x3fff)
		return;
	if (ip->protocol == IPPROTO_TCP) {
		pkt_tcp(p)->check = 0;
		pkt_tcp(p)->check = htons(~l4_sum(p));
	} else if (ip->protocol == IPPROTO_UDP) {
		pkt_udp(p)->check = 0;
		pkt_udp(p)->check = htons(~l4_sum(p));
		if (!pkt_udp(p)->check)
			pkt_udp(p)->check = 0xffff;
	}
}

bool pkt_checksums_ok(struct pkt *p)
{
	struct iphdr *ip = pkt_ip(p);

	if (pkt_sum(ip, ip->ihl * 4, 0) != 0xffff)
		return false;
	return (ip->protocol == IPPROTO_UDP && !pkt_udp(p)->check) || l4_sum(p) == 0xffff;
}

static size_t build_l4(struct pkt *p, const struct pkt_desc *d)
{
	struct tcphdr *tcp = pkt_l4(p);
	struct udphdr *udp = pkt_l4(p);
	size_t hdr = 0;

	if (d->proto == IPPROTO_TCP) {
		hdr = sizeof(*tcp);
		tcp->source = htons(d->sport);
		tcp->dest = htons(d->dport);
		tcp->seq = htonl(d->seq);
		tcp->ack_seq = htonl(d->ack);
		tcp->doff = 5;
		((uint8_t *)tcp)[13] = d->flags;
		tcp->window = htons(1000);
	} else if (d->proto == IPPROTO_UDP) {
		hdr = sizeof(*udp);
		udp->source = htons(d->sport);
		udp->dest = htons(d->dport);
		udp->len = htons(hdr + d->payload_len);
	}
	if (d->payload)
		memcpy((uint8_t *)pkt_l4(p) + hdr, d->payload, d->payload_len);
	return hdr + d->payload_len;
}

void pkt_build(struct pkt *p, const struct pkt_desc *d)
{
	struct ethhdr *eth = (struct ethhdr *)p->data;
	struct iphdr *ip = pkt_ip(p);
	size_t len;

	memset(p, 0, sizeof(*p));
	memcpy(eth->h_dest, d->dmac ? d->dmac : mac_balancer, 6);
	memcpy(eth->h_source, d->smac ? d->smac : mac_client, 6);
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5 + d->options_len / 4;
	ip->tos = d->tos;
	ip->id = htons(0x1234);
	ip->frag_off = htons(d->frag);
	ip->ttl = d->ttl ? d->ttl : 64;
	ip->protocol = d->proto;
	ip->saddr = htonl(d->saddr);
	ip->daddr = htonl(d->daddr);
	if (d->options_len)
		memcpy(ip + 1, d->options, d->options_len);
	len = build_l4(p, d);
	ip->tot_len = htons(ip->ihl * 4 + len);
	p->len = sizeof(*eth) + ip->ihl * 4 + len;
	pkt_seal(p);
	if (d->udp_no_check)
		pkt_udp(p)->check = 0;
}

static void print_hex(const char *what, const struct pkt *p)
{
	size_t i;

	print_error("%s, %zu bytes:", what, p->len);
	for (i = 0; i < p->len; i++)
		print_error("%s%02x", i % 16 ? " " : "\n  ", p->data[i]);
	print_error("\n");
}

void pkt_assert_equal(const struct pkt *seen, const struct pkt *expected, const char *file, int line)
{
	if (seen->len == expected->len && !memcmp(seen->data, expected->data, seen->len))
		return;
	print_hex("seen", seen);
	print_hex("expected", expected);
	_fail(file, line);
}
