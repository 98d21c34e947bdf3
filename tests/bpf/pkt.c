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

void pkt_twin(uint32_t addr, uint8_t ret_addr[16])
{
	static const uint8_t prefix[12] = { 0x20, 0x01, 0x0d, 0xb8 };
	uint32_t be = htonl(addr);

	memcpy(ret_addr, prefix, sizeof(prefix));
	memcpy(ret_addr + sizeof(prefix), &be, sizeof(be));
}

/* --- where things are --------------------------------------------------------------------------------------------- */

static __be16 ether_type(const struct pkt *p)
{
	return ((const struct ethhdr *)p->data)->h_proto;
}

static size_t l3_offset(const struct pkt *p)
{
	return ether_type(p) == htons(ETH_P_8021Q) ? ETH_HLEN + 4 : ETH_HLEN;
}

struct iphdr *pkt_ip(struct pkt *p)
{
	return (struct iphdr *)(p->data + l3_offset(p));
}

struct ip6_hdr *pkt_ip6(struct pkt *p)
{
	return (struct ip6_hdr *)(p->data + l3_offset(p));
}

static bool is_ip6(struct pkt *p)
{
	return pkt_ip(p)->version == 6;
}

/* Layer 4 and its protocol. *ret_fragment: it is one, hence its checksum is that of a whole that is not here. */
static void *find_l4(struct pkt *p, uint8_t *ret_proto, bool *ret_fragment)
{
	struct iphdr *ip = pkt_ip(p);
	uint8_t *at, proto;

	*ret_fragment = false;
	if (!is_ip6(p)) {
		*ret_proto = ip->protocol;
		*ret_fragment = ntohs(ip->frag_off) & 0x3fff;
		return (uint8_t *)ip + ip->ihl * 4;
	}
	proto = pkt_ip6(p)->ip6_nxt;
	at = (uint8_t *)(pkt_ip6(p) + 1);
	while (proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_FRAGMENT) {
		if (proto == IPPROTO_FRAGMENT && (at[2] || at[3] & ~6))
			*ret_fragment = true;
		proto = at[0];
		at += (at[1] + 1) * 8;
	}
	*ret_proto = proto;
	return at;
}

void *pkt_l4(struct pkt *p)
{
	uint8_t proto;
	bool fragment;

	return find_l4(p, &proto, &fragment);
}

uint8_t pkt_proto(struct pkt *p)
{
	uint8_t proto;
	bool fragment;

	find_l4(p, &proto, &fragment);
	return proto;
}

size_t pkt_ip_len(struct pkt *p)
{
	return is_ip6(p) ? ntohs(pkt_ip6(p)->ip6_plen) + sizeof(struct ip6_hdr) : ntohs(pkt_ip(p)->tot_len);
}

struct tcphdr *pkt_tcp(struct pkt *p)
{
	return pkt_l4(p);
}

struct udphdr *pkt_udp(struct pkt *p)
{
	return pkt_l4(p);
}

uint32_t pkt_label(struct pkt *p)
{
	return ntohl(pkt_ip6(p)->ip6_flow) & 0xfffff;
}

void pkt_set_label(struct pkt *p, uint32_t label)
{
	pkt_ip6(p)->ip6_flow = htonl((ntohl(pkt_ip6(p)->ip6_flow) & ~0xfffffu) | label);
}

/* --- checksums ---------------------------------------------------------------------------------------------------- */

/* Sum over pseudo-header, which IPv4's ICMP alone does not have, and layer 4 as they stand. */
static uint16_t l4_sum(struct pkt *p)
{
	struct iphdr *ip = pkt_ip(p);
	uint8_t *l4 = pkt_l4(p), proto = pkt_proto(p);
	size_t len = pkt_ip_len(p) - (size_t)(l4 - (uint8_t *)ip);
	uint32_t pseudo = 0;

	if (is_ip6(p))
		pseudo = (uint32_t)pkt_sum(&pkt_ip6(p)->ip6_src, 32, 0) + proto + len;
	else if (proto != IPPROTO_ICMP)
		pseudo = (uint32_t)pkt_sum(&ip->saddr, 8, 0) + proto + len;
	return pkt_sum(l4, len, pseudo);
}

/* Where the checksum of layer 4 is; NULL: it has none. */
static uint16_t *l4_check(struct pkt *p)
{
	uint8_t *l4 = pkt_l4(p);
	size_t room = pkt_ip_len(p) - (size_t)(l4 - (uint8_t *)pkt_ip(p));

	switch (pkt_proto(p)) {
	case IPPROTO_TCP:
		return room < sizeof(struct tcphdr) ? NULL : &pkt_tcp(p)->check;
	case IPPROTO_UDP:
		return room < sizeof(struct udphdr) ? NULL : &pkt_udp(p)->check;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return room < 8 ? NULL : (uint16_t *)(l4 + 2);
	}
	return NULL;
}

void pkt_seal(struct pkt *p)
{
	struct iphdr *ip = pkt_ip(p);
	uint16_t *check;
	uint8_t proto;
	bool fragment;

	find_l4(p, &proto, &fragment);
	if (!is_ip6(p)) {
		ip->check = 0;
		ip->check = htons(~pkt_sum(ip, ip->ihl * 4, 0));
	}
	check = fragment ? NULL : l4_check(p);
	if (!check)
		return;
	*check = 0;
	*check = htons(~l4_sum(p));
	if (proto == IPPROTO_UDP && !*check)
		*check = 0xffff;
}

bool pkt_checksums_ok(struct pkt *p)
{
	struct iphdr *ip = pkt_ip(p);

	if (!is_ip6(p) && pkt_sum(ip, ip->ihl * 4, 0) != 0xffff)
		return false;
	return (pkt_proto(p) == IPPROTO_UDP && !pkt_udp(p)->check) || l4_sum(p) == 0xffff;
}

/* --- building ----------------------------------------------------------------------------------------------------- */

/* Writes layer 4 without checksum to 'l4'; returns its length. */
static size_t build_l4(uint8_t *l4, const struct pkt_desc *d)
{
	struct tcphdr *tcp = (void *)l4;
	struct udphdr *udp = (void *)l4;
	size_t hdr = 0;

	if (d->icmp) {
		uint32_t rest = htonl(d->icmp->rest);

		hdr = 8;
		l4[0] = d->icmp->type;
		l4[1] = d->icmp->code;
		memcpy(l4 + 4, &rest, sizeof(rest));
	} else if (d->proto == IPPROTO_TCP) {
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
		memcpy(l4 + hdr, d->payload, d->payload_len);
	return hdr + d->payload_len;
}

/* Writes the IPv4 header and what follows; returns the packet's length. */
static size_t build_ip4(struct iphdr *ip, const struct pkt_desc *d)
{
	size_t len;

	ip->version = 4;
	ip->ihl = 5 + d->options_len / 4;
	ip->tos = d->tos;
	ip->id = d->own ? 0 : htons(0x1234);
	ip->frag_off = d->own ? htons(0x4000) : htons(d->frag);
	ip->ttl = d->ttl ? d->ttl : 64;
	ip->protocol = d->proto;
	ip->saddr = htonl(d->saddr);
	ip->daddr = htonl(d->daddr);
	if (d->options_len)
		memcpy(ip + 1, d->options, d->options_len);
	len = ip->ihl * 4 + build_l4((uint8_t *)ip + ip->ihl * 4, d);
	ip->tot_len = htons(len);
	return len;
}

static size_t build_ip6(struct ip6_hdr *ip, const struct pkt_desc *d)
{
	uint8_t *next = &ip->ip6_nxt, *at = (uint8_t *)(ip + 1);
	size_t i;

	ip->ip6_flow = htonl(6u << 28 | (uint32_t)d->tos << 20);
	ip->ip6_hlim = d->ttl ? d->ttl : 64;
	if (d->saddr6)
		memcpy(&ip->ip6_src, d->saddr6, 16);
	else
		pkt_twin(d->saddr, (uint8_t *)&ip->ip6_src);
	pkt_twin(d->daddr, (uint8_t *)&ip->ip6_dst);
	for (i = 0; i < d->nr_ext; i++) {
		uint32_t word = htonl(d->ext[i].word);

		*next = d->ext[i].type;
		next = at;
		at[1] = d->ext[i].units;
		at[2] = d->ext[i].half >> 8;
		at[3] = d->ext[i].half;
		memcpy(at + 4, &word, sizeof(word));
		at += (d->ext[i].units + 1) * 8;
	}
	*next = d->proto;
	at += build_l4(at, d);
	ip->ip6_plen = htons(at - (uint8_t *)(ip + 1));
	return (size_t)(at - (uint8_t *)ip);
}

void pkt_build(struct pkt *p, const struct pkt_desc *d)
{
	uint16_t type = d->family == 6 ? ETH_P_IPV6 : ETH_P_IP, *tag = (uint16_t *)(p->data + 2 * ETH_ALEN);

	memset(p, 0, sizeof(*p));
	memcpy(p->data, d->dmac ? d->dmac : mac_balancer, ETH_ALEN);
	memcpy(p->data + ETH_ALEN, d->smac ? d->smac : mac_client, ETH_ALEN);
	if (d->tag) {
		*tag++ = htons(ETH_P_8021Q);
		*tag++ = htons(d->tag);
	}
	*tag = htons(type);
	p->len = l3_offset(p);
	p->len += d->family == 6 ? build_ip6(pkt_ip6(p), d) : build_ip4(pkt_ip(p), d);
	pkt_seal(p);
	if (d->udp_no_check)
		pkt_udp(p)->check = 0;
}

void pkt_fragment(struct pkt *p, const struct pkt *whole, size_t offset, size_t len)
{
	struct pkt from = *whole;

	pkt_fragment_at(p, whole, (size_t)((uint8_t *)pkt_l4(&from) - (uint8_t *)pkt_ip(&from)), offset, len);
}

void pkt_fragment_at(struct pkt *p, const struct pkt *whole, size_t head, size_t offset, size_t len)
{
	size_t at = l3_offset(whole) + head;
	uint16_t word = offset | (at + offset + len < whole->len);

	*p = *whole;
	if (is_ip6(p)) {
		const uint8_t ext[8] = { pkt_ip6(p)->ip6_nxt, 0, word >> 8, word, 0, 0, 0x12, 0x34 };

		memcpy(p->data + at, ext, sizeof(ext));
		pkt_ip6(p)->ip6_nxt = IPPROTO_FRAGMENT;
		pkt_ip6(p)->ip6_plen = htons(head - sizeof(struct ip6_hdr) + sizeof(ext) + len);
		memcpy(p->data + at + sizeof(ext), whole->data + at + offset, len);
		at += sizeof(ext);
	} else {
		pkt_ip(p)->frag_off = htons((word & 1 ? 0x2000 : 0) | offset / 8);
		pkt_ip(p)->tot_len = htons(head + len);
		memcpy(p->data + at, whole->data + at + offset, len);
	}
	p->len = at + len;
	pkt_seal(p);
}

void pkt_wrap(struct pkt *p, struct pkt *inner, const struct pkt_desc *outer)
{
	struct pkt_desc d = *outer;

	d.proto = is_ip6(inner) ? IPPROTO_IPV6 : IPPROTO_IPIP;
	d.payload = pkt_ip(inner);
	d.payload_len = pkt_ip_len(inner);
	pkt_build(p, &d);
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
