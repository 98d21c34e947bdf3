/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets of checks that no socket could send. Checksums are judged by their own rule: the sum of all is 0xffff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <cmocka.h>

#include "health/frame.h"

enum { SEQ = 0x01020304, SYN_LEN = 24 };

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct health_path path_of(const char *source, const char *vip)
{
	return (struct health_path){ .source = ip(source), .vip = ip(vip), .vip_port = 443, .source_port = 50000 };
}

static unsigned int word(const unsigned char *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static unsigned int sum_of(const unsigned char *at, size_t len, unsigned int sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += word(at + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* RFC 1071, section 3. */
static void frame_checksum__example_of_the_rfc__its_sum(void **state)
{
	static const unsigned char bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x80 };

	(void)state;
	assert_int_equal(ntohs(frame_checksum(bytes, 8, 0)), (uint16_t)~0xddf2);
	assert_int_equal(ntohs(frame_checksum(bytes, 9, 0)), (uint16_t)~0x5df3);
}

static void frame_tcp__syn_over_ipv4__sound(void **state)
{
	struct health_path path = path_of("192.0.2.1", "198.51.100.7");
	unsigned char buf[FRAME_MAX];
	int family;

	(void)state;
	assert_int_equal(frame_tcp(&path, TH_SYN, SEQ, buf, &family), 20 + SYN_LEN);
	assert_int_equal(family, AF_INET);
	assert_int_equal(buf[0], 0x45);
	assert_int_equal(word(buf + 2), 20 + SYN_LEN);
	assert_int_equal(sum_of(buf, 20, 0), 0xffff);
	assert_memory_equal(buf + 16, &path.vip.v4, 4);
	assert_int_equal(word(buf + 20), 50000);
	assert_int_equal(word(buf + 22), 443);
	assert_int_equal(word(buf + 26), SEQ & 0xffff);
	assert_int_equal(buf[33], TH_SYN);
	assert_int_equal(sum_of(buf + 12, 8 + SYN_LEN, IPPROTO_TCP + SYN_LEN), 0xffff);
}

static void frame_tcp__reset_in_tunnels__both_headers(void **state)
{
	struct health_path path = path_of("2001:db8::1", "2001:db8::7");
	unsigned char buf[FRAME_MAX];
	int family;

	(void)state;
	path.tunnel_from = ip("2001:db8::1");
	path.tunnel_to = ip("2001:db8:1::9");
	assert_int_equal(frame_tcp(&path, TH_RST, SEQ, buf, &family), 40 + 40 + 20);
	assert_int_equal(family, AF_INET6);
	assert_int_equal(buf[6], IPPROTO_IPV6);
	assert_int_equal(word(buf + 4), 40 + 20);
	assert_memory_equal(buf + 24, &path.tunnel_to.v6, 16);
	assert_memory_equal(buf + 40 + 24, &path.vip.v6, 16);
	assert_int_equal(sum_of(buf + 48, 32 + 20, IPPROTO_TCP + 20), 0xffff);

	path = path_of("192.0.2.1", "198.51.100.7");
	path.tunnel_from = ip("2001:db8::1");
	path.tunnel_to = ip("2001:db8:1::9");
	assert_int_equal(frame_tcp(&path, TH_RST, SEQ, buf, &family), 40 + 20 + 20);
	assert_int_equal(family, AF_INET6);
	assert_int_equal(buf[6], IPPROTO_IPIP);

	path.tunnel_from = ip("192.0.2.1");
	path.tunnel_to = ip("192.0.2.9");
	assert_int_equal(frame_tcp(&path, TH_RST, SEQ, buf, &family), 20 + 20 + 20);
	assert_int_equal(family, AF_INET);
	assert_int_equal(buf[9], IPPROTO_IPIP);
	assert_int_equal(sum_of(buf, 20, 0), 0xffff);
}

static void frame_read__each_family_and_length__whole_headers_only(void **state)
{
	static const char *const ends[][2] = { { "192.0.2.1", "198.51.100.7" }, { "2001:db8::1", "2001:db8::7" } };
	struct frame_answer a;
	unsigned char buf[FRAME_MAX];
	size_t len, short_len;
	int family;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct health_path path = path_of(ends[i][0], ends[i][1]);

		len = frame_tcp(&path, TH_SYN, SEQ, buf, &family);
		assert_true(frame_read(buf, len, &a));
		assert_true(addr_equal(&a.from, &path.source));
		assert_int_equal(a.from_port, 50000);
		assert_int_equal(a.to_port, 443);
		assert_int_equal(a.flags, TH_SYN);
		for (short_len = 0; short_len < len - 4; short_len++)
			assert_false(frame_read(buf, short_len, &a));
		buf[family == AF_INET ? 9 : 6] = IPPROTO_UDP;
		assert_false(frame_read(buf, len, &a));
		buf[family == AF_INET ? 9 : 6] = IPPROTO_TCP;
		buf[0] = (unsigned char)(family == AF_INET ? 0x44 : 0x56);
		assert_false(frame_read(buf, len, &a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_checksum__example_of_the_rfc__its_sum),
		cmocka_unit_test(frame_tcp__syn_over_ipv4__sound),
		cmocka_unit_test(frame_tcp__reset_in_tunnels__both_headers),
		cmocka_unit_test(frame_read__each_family_and_length__whole_headers_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
