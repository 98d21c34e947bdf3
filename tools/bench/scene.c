/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A namespace with one veth pair: FIB lookups of a program in a test run use the namespace of the caller, so the route
 * back to the clients and the router's neighbour entry must exist there.
 */
#include "scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t router_mac[6] = { 0x02, 0, 0, 0, 0, 0xfe };
const uint8_t server_mac[6] = { 0x02, 0, 0, 0, 0, 0x51 };
static const uint8_t own_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };

static const char setup[] = "set -e; ip link set lo up;"
			    "ip link add bench0 address 02:00:00:00:00:01 type veth peer name bench1;"
			    "ip link set bench0 up; ip link set bench1 up;"
			    "ip addr add 192.0.2.1/24 dev bench0; ip route add default via 192.0.2.254;"
			    "ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev bench0 nud permanent;"
			    "echo 1 > /proc/sys/net/ipv4/ip_forward;"
			    "echo 1 > /proc/sys/net/ipv4/conf/bench0/forwarding";

int scene_open(struct scene *ret)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	if (system(setup))
		return -EIO;
	ret->ifindex = if_nametoindex("bench0");
	memcpy(ret->mac, own_mac, sizeof(own_mac));
	return ret->ifindex ? 0 : -errno;
}

static uint32_t sum_words(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 2) /* all lengths here are even */
		sum += (uint32_t)p[i] | (uint32_t)p[i + 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t tcp_sum(const uint8_t *frame)
{
	const uint8_t *ip = frame + sizeof(struct ethhdr), *tcp = ip + sizeof(struct iphdr);
	size_t len = FRAME_LEN - (size_t)(tcp - frame);

	return sum_words(tcp, len, sum_words(ip + offsetof(struct iphdr, saddr), 8, htons(IPPROTO_TCP) + htons(len)));
}

void frame_build(const struct scene *scene, const struct bench_tuple *t, uint8_t tcp_flags, uint8_t *ret_frame)
{
	struct ethhdr eth = { .h_proto = htons(ETH_P_IP) };
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .tot_len = htons(FRAME_LEN - sizeof(eth)),
			    .frag_off = htons(0x4000),
			    .ttl = 64,
			    .protocol = IPPROTO_TCP,
			    .saddr = t->saddr,
			    .daddr = t->daddr };
	struct tcphdr tcp = { .source = t->sport, .dest = t->dport, .doff = 5, .window = 0xffff };

	memset(ret_frame, 0, FRAME_LEN);
	memcpy(eth.h_dest, scene->mac, ETH_ALEN);
	memcpy(eth.h_source, router_mac, ETH_ALEN);
	ip.check = (uint16_t)~sum_words(&ip, sizeof(ip), 0);
	((uint8_t *)&tcp)[13] = tcp_flags;
	memcpy(ret_frame, &eth, sizeof(eth));
	memcpy(ret_frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(ret_frame + sizeof(eth) + sizeof(ip), &tcp, sizeof(tcp));
	tcp.check = (uint16_t)~tcp_sum(ret_frame);
	memcpy(ret_frame + sizeof(eth) + sizeof(ip), &tcp, sizeof(tcp));
}

bool frame_parse(const uint8_t *frame, size_t len, struct bench_tuple *ret)
{
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;

	if (len != FRAME_LEN)
		return false;
	memcpy(&eth, frame, sizeof(eth));
	memcpy(&ip, frame + sizeof(eth), sizeof(ip));
	memcpy(&tcp, frame + sizeof(eth) + sizeof(ip), sizeof(tcp));
	if (memcmp(eth.h_source, own_mac, ETH_ALEN) ||
	    (memcmp(eth.h_dest, server_mac, ETH_ALEN) && memcmp(eth.h_dest, router_mac, ETH_ALEN)))
		return false;
	if (eth.h_proto != htons(ETH_P_IP) || ip.protocol != IPPROTO_TCP || ip.ihl != 5)
		return false;
	if (sum_words(&ip, sizeof(ip), 0) != 0xffff || tcp_sum(frame) != 0xffff)
		return false;
	*ret = (struct bench_tuple){ .saddr = ip.saddr, .daddr = ip.daddr, .sport = tcp.source, .dport = tcp.dest };
	return true;
}

struct bench_tuple tuple_of_flow(uint32_t flow)
{
	return (struct bench_tuple){
		.saddr = htonl(client_addr(flow)),
		.daddr = htonl(VIP_ADDR),
		.sport = htons(client_port(flow)),
		.dport = htons(VIP_PORT),
	};
}
