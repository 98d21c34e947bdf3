/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See frame.h. Fields are put by offset: buffers have no alignment to speak of. */
#include "health/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum {
	IP4_LEN = 20,
	IP6_LEN = 40,
	TCP_LEN = 20,
	MSS_OPTION_LEN = 4,
	MSS = 1220, /* passes every path that IPv6 does, tunnel and all: a check sends nothing anyway */
	HOPS = 64,
};

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static void put32(unsigned char *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static unsigned int get16(const unsigned char *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static uint32_t add_words(const unsigned char *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(data + i);
	return len & 1 ? sum + ((uint32_t)data[len - 1] << 8) : sum;
}

__be16 frame_checksum(const unsigned char *data, size_t len, uint32_t sum)
{
	sum = add_words(data, len, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t addr_len(const struct addr *a)
{
	return a->family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static const unsigned char *addr_bytes(const struct addr *a)
{
	return a->family == AF_INET ? (const unsigned char *)&a->v4 : (const unsigned char *)&a->v6;
}

/* The header of IP in front of 'payload' bytes. Returns its length. */
static size_t put_ip(unsigned char *buf, const struct addr *from, const struct addr *to, uint8_t proto, size_t payload)
{
	__be16 sum;

	if (from->family == AF_INET6) {
		memset(buf, 0, IP6_LEN);
		buf[0] = 0x60;
		put16(buf + 4, (unsigned int)payload);
		buf[6] = proto;
		buf[7] = HOPS;
		memcpy(buf + 8, addr_bytes(from), 16);
		memcpy(buf + 24, addr_bytes(to), 16);
		return IP6_LEN;
	}
	memset(buf, 0, IP4_LEN);
	buf[0] = 0x45;
	put16(buf + 2, (unsigned int)(IP4_LEN + payload));
	buf[6] = 0x40; /* not to be fragmented */
	buf[8] = HOPS;
	buf[9] = proto;
	memcpy(buf + 12, addr_bytes(from), 4);
	memcpy(buf + 16, addr_bytes(to), 4);
	sum = frame_checksum(buf, IP4_LEN, 0);
	memcpy(buf + 10, &sum, sizeof(sum));
	return IP4_LEN;
}

/* The segment alone. Its checksum covers addresses, protocol and length as well, alike in both families. */
static size_t put_tcp(unsigned char *buf, const struct health_path *path, uint8_t flags, uint32_t seq)
{
	size_t len = TCP_LEN + (flags & TH_SYN ? MSS_OPTION_LEN : 0);
	uint32_t pseudo = (uint32_t)(IPPROTO_TCP + len);
	__be16 sum;

	memset(buf, 0, len);
	put16(buf, path->source_port);
	put16(buf + 2, path->vip_port);
	put32(buf + 4, seq);
	buf[12] = (unsigned char)(len / 4 << 4);
	buf[13] = flags;
	put16(buf + 14, 65535);
	if (flags & TH_SYN) {
		buf[TCP_LEN] = TCPOPT_MAXSEG;
		buf[TCP_LEN + 1] = MSS_OPTION_LEN;
		put16(buf + TCP_LEN + 2, MSS);
	}
	pseudo = add_words(addr_bytes(&path->source), addr_len(&path->source), pseudo);
	pseudo = add_words(addr_bytes(&path->vip), addr_len(&path->vip), pseudo);
	sum = frame_checksum(buf, len, pseudo);
	memcpy(buf + 16, &sum, sizeof(sum));
	return len;
}

static size_t ip_len(const struct addr *a)
{
	return a->family == AF_INET ? IP4_LEN : IP6_LEN;
}

size_t frame_tcp(const struct health_path *path, uint8_t flags, uint32_t seq, unsigned char buf[FRAME_MAX],
		 int *ret_family)
{
	size_t outer = path->tunnel_to.family ? ip_len(&path->tunnel_to) : 0, inner = ip_len(&path->vip), len;

	len = put_tcp(buf + outer + inner, path, flags, seq);
	len += put_ip(buf + outer, &path->source, &path->vip, IPPROTO_TCP, len);
	*ret_family = path->vip.family;
	if (!outer)
		return len;
	*ret_family = path->tunnel_to.family;
	return len + put_ip(buf, &path->tunnel_from, &path->tunnel_to,
			    path->vip.family == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6, len);
}

/* Where the segment begins, 0: there is none. Of IPv6 extension headers would do: no SYN-ACK has any. */
static size_t read_ip(const unsigned char *data, size_t len, struct addr *ret_from)
{
	size_t head;

	if (len >= IP4_LEN && data[0] >> 4 == 4) {
		head = (size_t)(data[0] & 15) * 4;
		ret_from->family = AF_INET;
		memcpy(&ret_from->v4, data + 12, sizeof(ret_from->v4));
		return data[9] == IPPROTO_TCP && head >= IP4_LEN && !(get16(data + 6) & 0x1fff) ? head : 0;
	}
	if (len >= IP6_LEN && data[0] >> 4 == 6) {
		ret_from->family = AF_INET6;
		memcpy(&ret_from->v6, data + 8, sizeof(ret_from->v6));
		return data[6] == IPPROTO_TCP ? IP6_LEN : 0;
	}
	return 0;
}

bool frame_read(const unsigned char *data, size_t len, struct frame_answer *ret)
{
	struct addr from = { 0 };
	size_t at = read_ip(data, len, &from);

	if (!at || len < at + TCP_LEN)
		return false;
	*ret = (struct frame_answer){
		.from = from,
		.from_port = (uint16_t)get16(data + at),
		.to_port = (uint16_t)get16(data + at + 2),
		.flags = data[at + 13],
		.ack = (uint32_t)get16(data + at + 8) << 16 | get16(data + at + 10),
	};
	return true;
}
