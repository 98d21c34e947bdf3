/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The yardstick: the same full NAT written the plain way, with the kernel's own maps.
 *
 * Service in a hash, flow in an LRU hash with one entry per direction, server from an array by one shared cursor,
 * source port drawn at random and claimed by inserting the reply entry with BPF_NOEXIST, checksums updated by the
 * difference of old and new words, per-CPU counters. It makes the header checks that xlb makes. Where a plain balancer
 * would do less than xlb, it does less: no clock, no TCP state, no FIB lookup (the client's router is taken from its
 * packet). Nothing is done slower than needed.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "yardstick.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ys_vip);
	__type(value, struct ys_service);
} ys_vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* two per flow, set by the harness */
	__type(key, struct ys_key);
	__type(value, struct ys_flow);
} ys_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct ys_server);
} ys_servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} ys_cursors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct ys_stats);
} ys_service_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct ys_stats);
} ys_server_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, YS_NR_VERDICTS);
	__type(key, __u32);
	__type(value, __u64);
} ys_verdicts SEC(".maps");

static __always_inline int verdict(enum ys_verdict v, int action)
{
	__u32 key = v;
	__u64 *n = bpf_map_lookup_elem(&ys_verdicts, &key);

	if (n)
		(*n)++;
	return action;
}

static __always_inline void count(void *map, __u32 key, int reply, __u32 bytes)
{
	struct ys_stats *s = bpf_map_lookup_elem(map, &key);

	if (!s)
		return;
	if (reply) {
		s->packets_out++;
		s->bytes_out += bytes;
	} else {
		s->packets_in++;
		s->bytes_in += bytes;
	}
}

/* RFC 1624, equation 3. */
static __always_inline void csum_replace2(__u16 *sum, __u16 old, __u16 new)
{
	__u32 s = (__u16) ~*sum + (__u16)~old + new;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	*sum = ~s;
}

static __always_inline void csum_replace4(__u16 *sum, __u32 old, __u32 new)
{
	__u32 s = (__u16) ~*sum + (__u16)~old + (__u16) ~(old >> 16) + (__u16) new + (new >> 16);

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	*sum = ~s;
}

static __always_inline void rewrite(struct ethhdr *eth, struct iphdr *ip, struct tcphdr *tcp, const struct ys_flow *f)
{
	csum_replace4(&tcp->check, ip->saddr, f->new_saddr);
	csum_replace4(&tcp->check, ip->daddr, f->new_daddr);
	csum_replace2(&tcp->check, tcp->source, f->new_sport);
	csum_replace2(&tcp->check, tcp->dest, f->new_dport);
	csum_replace4(&ip->check, ip->saddr, f->new_saddr);
	csum_replace4(&ip->check, ip->daddr, f->new_daddr);
	csum_replace2(&ip->check, bpf_htons(ip->ttl << 8), bpf_htons((ip->ttl - 1) << 8));
	ip->ttl--;
	ip->saddr = f->new_saddr;
	ip->daddr = f->new_daddr;
	tcp->source = f->new_sport;
	tcp->dest = f->new_dport;
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, f->dmac, ETH_ALEN);
}

/* Makes both entries of a flow. Returns the request's in 'ret'. */
static __always_inline int new_flow(const struct ethhdr *eth, const struct ys_key *key, const struct ys_service *svc,
				    struct ys_flow *ret)
{
	__u32 svc_id = svc->id, server_id, tries;
	struct ys_key reply_key = { .proto = key->proto };
	struct ys_flow reply = {};
	struct ys_server *server;
	__u64 *cursor;

	cursor = bpf_map_lookup_elem(&ys_cursors, &svc_id);
	if (!cursor || !svc->nr_servers)
		return -1;
	server_id = svc->first_server + (__u32)__sync_fetch_and_add(cursor, 1) % svc->nr_servers;
	server = bpf_map_lookup_elem(&ys_servers, &server_id);
	if (!server)
		return -1;

	reply.new_saddr = key->daddr;
	reply.new_daddr = key->saddr;
	reply.new_sport = key->dport;
	reply.new_dport = key->sport;
	__builtin_memcpy(reply.dmac, eth->h_source, ETH_ALEN);
	reply.service = svc_id;
	reply.server = server_id;
	reply.reply = 1;
	reply_key.saddr = server->addr;
	reply_key.daddr = server->source;
	reply_key.sport = server->port;
	for (tries = 0; tries < YS_PORT_TRIES; tries++) {
		__u32 port = POOL_LO + bpf_get_prandom_u32() % (POOL_HI - POOL_LO + 1);

		reply_key.dport = bpf_htons(port);
		if (!bpf_map_update_elem(&ys_flows, &reply_key, &reply, BPF_NOEXIST))
			break;
	}
	if (tries == YS_PORT_TRIES)
		return -1;

	ret->new_saddr = server->source;
	ret->new_daddr = server->addr;
	ret->new_sport = reply_key.dport;
	ret->new_dport = server->port;
	__builtin_memcpy(ret->dmac, server->mac, ETH_ALEN);
	ret->service = svc_id;
	ret->server = server_id;
	if (bpf_map_update_elem(&ys_flows, key, ret, BPF_NOEXIST)) {
		bpf_map_delete_elem(&ys_flows, &reply_key);
		return -1;
	}
	return 0;
}

static __always_inline int is_bad_source(__be32 addr)
{
	__u32 a = bpf_ntohl(addr);

	return a >> 28 >= 14 || a >> 24 == 127 || a >> 24 == 0;
}

SEC("xdp.frags")
int yardstick(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 bytes = end - data;
	struct ys_service *svc;
	struct ys_flow *flow, fresh = {};
	struct ys_vip vip = {};
	struct ys_key key = {};

	if ((void *)(ip + 1) > end)
		return verdict(YS_SHORT, XDP_DROP);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return verdict(YS_PASS, XDP_PASS);
	if (ip->version != 4 || ip->ihl != 5)
		return verdict(YS_BAD, XDP_DROP);
	if (ip->protocol != IPPROTO_TCP)
		return verdict(YS_PASS, XDP_PASS);
	if ((void *)(tcp + 1) > end)
		return verdict(YS_SHORT, XDP_DROP);
	if (ip->frag_off & bpf_htons(0x3fff))
		return verdict(YS_PASS, XDP_PASS);

	vip.addr = ip->daddr;
	vip.port = tcp->dest;
	vip.proto = ip->protocol;
	svc = bpf_map_lookup_elem(&ys_vips, &vip);

	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = tcp->source;
	key.dport = tcp->dest;
	key.proto = ip->protocol;
	flow = bpf_map_lookup_elem(&ys_flows, &key);
	if (!flow) {
		/* WORKAROUND(clang 14, seen on linux 6.18): or-ing two map values into one test is refused. */
		asm volatile("" : "+r"(svc));
		if (!svc)
			return verdict(YS_PASS, XDP_PASS);
	}

	if (bpf_ntohs(ip->tot_len) < sizeof(*ip) + sizeof(*tcp) || bpf_ntohs(ip->tot_len) > bytes - sizeof(*eth))
		return verdict(YS_SHORT, XDP_DROP);
	if (ip->ttl <= 1 || tcp->doff < 5 || !tcp->source || (tcp->syn && (tcp->fin || tcp->rst)) ||
	    is_bad_source(ip->saddr))
		return verdict(YS_BAD, XDP_DROP);
	if (!flow) {
		if (!tcp->syn || tcp->ack)
			return verdict(YS_NO_FLOW, XDP_DROP);
		if (new_flow(eth, &key, svc, &fresh))
			return verdict(YS_REFUSED, XDP_DROP);
		flow = &fresh;
	}

	rewrite(eth, ip, tcp, flow);
	count(&ys_service_stats, flow->service, flow->reply, bytes);
	count(&ys_server_stats, flow->server, flow->reply, bytes);
	return verdict(YS_SENT, XDP_TX);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
