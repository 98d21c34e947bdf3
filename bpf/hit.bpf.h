/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hit path: plain packets of known flows, and of stateless services, from the wire to the wire. Whatever has a
 * reason to be looked at closer, be it sound or not, is left to the stages, which decide alone; so nothing here returns
 * a reason to drop a packet. One look into the flow table, no helper call, no write to shared memory but once a tick.
 *
 * A map lookup costs all registers but four, so what the packet says is read again from the packet, which lies in the
 * first-level cache, and not kept: the accessors below. They may be used once hit() has checked the bounds.
 */
#ifndef XLB_HIT_BPF_H
#define XLB_HIT_BPF_H

#include "account.bpf.h"
#include "addr.bpf.h"
#include "flowtab.bpf.h"
#include "open.bpf.h"
#include "parse.bpf.h"
#include "rewrite.bpf.h"
#include "select.bpf.h"
#include "track.bpf.h"

enum {
	HIT_SLOW = -1,					     /* no verdict: the packet is the stages' */
	HIT_OPEN = -2,					     /* none either: it goes to the stage that opens flows */
	PLAIN4 = 0x45,					     /* IPv4 without options */
	PLAIN4_FRAG = IP_OFFSET_MASK | IP_MORE_FRAGMENTS,    /* bits that must be clear */
	PLAIN_FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK, /* of these, only ACK */
};

static __always_inline void *hit_l3(void *data)
{
	return data + ETH_LEN;
}

static __always_inline void *hit_l4(void *data, bool v6)
{
	return data + ETH_LEN + (v6 ? IP6_LEN : IP4_LEN);
}

static __always_inline __be32 *hit_saddr(void *data, bool v6)
{
	return v6 ? ((struct ipv6hdr *)hit_l3(data))->saddr.in6_u.u6_addr32 : &((struct iphdr *)hit_l3(data))->saddr;
}

static __always_inline __be32 *hit_daddr(void *data, bool v6)
{
	return v6 ? ((struct ipv6hdr *)hit_l3(data))->daddr.in6_u.u6_addr32 : &((struct iphdr *)hit_l3(data))->daddr;
}

static __always_inline __u8 hit_proto(void *data, bool v6)
{
	return v6 ? ((struct ipv6hdr *)hit_l3(data))->nexthdr : ((struct iphdr *)hit_l3(data))->protocol;
}

static __always_inline __u32 hit_ports(void *data, bool v6)
{
	return *(__u32 *)hit_l4(data, v6);
}

static __always_inline __be16 hit_dport(void *data, bool v6)
{
	return *(__be16 *)(hit_l4(data, v6) + 2);
}

/* Of the IP packet. */
static __always_inline __u32 hit_len(void *data, bool v6)
{
	return v6 ? bpf_ntohs(((struct ipv6hdr *)hit_l3(data))->payload_len) + IP6_LEN :
		    bpf_ntohs(((struct iphdr *)hit_l3(data))->tot_len);
}

/* Does the IP header say TCP or UDP and nothing odd, so that ports follow it? */
static __always_inline bool hit_plain_ip(void *data, bool v6)
{
	struct ipv6hdr *ip6h = hit_l3(data);
	struct iphdr *iph = hit_l3(data);

	if (hit_proto(data, v6) != IPPROTO_TCP && hit_proto(data, v6) != IPPROTO_UDP)
		return false;
	if (v6)
		return *(__u8 *)ip6h >> 4 == 6 && ip6h->hop_limit > 1;
	return *(__u8 *)iph == PLAIN4 && !(iph->frag_off & bpf_htons(PLAIN4_FRAG)) && iph->ttl > 1;
}

/*
 * And are the lengths right? The first 8 bytes of layer 4 are in bounds; for TCP all 20 are afterwards. *ret_flags are
 * those of TCP, 0 for UDP.
 */
static __always_inline bool hit_plain_l4(void *data, void *end, bool v6, __u32 *ret_flags)
{
	struct tcphdr *tcp = hit_l4(data, v6);
	struct udphdr *udp = hit_l4(data, v6);
	__u32 ip_len = v6 ? IP6_LEN : IP4_LEN, len = hit_len(data, v6), head;

	if (len > end - hit_l3(data))
		return false;
	if (hit_proto(data, v6) == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return false;
		*ret_flags = ((__u8 *)tcp)[13];
		head = ((__u8 *)tcp)[12] >> 2 & 0x3c;
		return head >= TCP_MIN_LEN && ip_len + head <= len;
	}
	*ret_flags = 0;
	head = bpf_ntohs(udp->len);
	return head >= UDP_LEN && ip_len + head <= len && !(v6 && !udp->check);
}

/* Rewrites the packet to 'saddr', 'daddr', 'ports'. False, and nothing done: not in bounds, which does not happen. */
static __always_inline bool hit_nat(void *data, void *end, const __be32 *saddr, const __be32 *daddr, __u32 ports,
				    bool v6)
{
	if (hit_proto(data, v6) == IPPROTO_TCP) {
		if (hit_l4(data, v6) + TCP_MIN_LEN > end)
			return false;
		rewrite_nat(hit_l3(data), hit_l4(data, v6), IPPROTO_TCP, saddr, daddr, ports, v6);
		return true;
	}
	if (hit_l4(data, v6) + UDP_LEN > end)
		return false;
	rewrite_nat(hit_l3(data), hit_l4(data, v6), IPPROTO_UDP, saddr, daddr, ports, v6);
	return true;
}

/*
 * Counts the packet, its reason included: all in one place, since what is kept until after the rewrite costs a
 * register. Who has called this ends with verdict_of().
 */
static __always_inline void hit_count(__u32 service, __u32 server, __u32 bytes, enum xlb_reason reason)
{
	struct xlb_cpu *cpu = this_cpu();
	bool reply = reason == XLB_R_REPLY;

	if (!cpu)
		return;
	count_packet(service_stats(cpu, service), reply, bytes);
	count_packet(server_stats(cpu, server), reply, bytes);
	cpu->reasons[reason]++;
}

/* Counts the packet and sends it into the tunnel to its server 'id'. */
static __always_inline int hit_tunnel(struct xdp_md *ctx, void *data, const struct xlb_server *srv, __u32 service,
				      __u32 id, __be16 sport, enum xlb_reason reason, bool v6)
{
	__u32 len = hit_len(data, v6), oif = srv->oif;

	if (srv->mtu && len + tunnel_len(srv) > srv->mtu)
		return HIT_SLOW;
	hit_count(service, id, ETH_LEN + len, reason);
	if (!rewrite_tunnel(ctx, srv, ETH_LEN, len, tunnel_flow(sport, id), v6))
		return verdict_of(ctx, XLB_R_BUG, 0);
	return verdict_of(ctx, reason, oif);
}

/* Counts the packet and sends it to its server 'id', which sees it come from port 'sport'. */
static __always_inline int hit_to_server(struct xdp_md *ctx, const struct xlb_server *srv, __u32 service, __u32 id,
					 __be16 sport, enum xlb_reason reason, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 oif = srv->oif;

	if (!oif || hit_l4(data, v6) + UDP_LEN > end)
		return HIT_SLOW;
	if (srv->mode == XLB_MODE_IPIP)
		return hit_tunnel(ctx, data, srv, service, id, sport, reason, v6);
	hit_count(service, id, ETH_LEN + hit_len(data, v6), reason);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (hit_l4(data, v6) + UDP_LEN > end)
		return verdict_of(ctx, XLB_R_BUG, 0);
	rewrite_macs(data, srv->dmac);
	if (srv->mode != XLB_MODE_L2DSR &&
	    !hit_nat(data, end, srv->mode == XLB_MODE_FULLNAT ? srv->source : hit_saddr(data, v6), srv->addr,
		     sport | (__u32)xlb_server_port(srv, hit_dport(data, v6)) << 16, v6))
		return verdict_of(ctx, XLB_R_BUG, 0);
	return verdict_of(ctx, reason, oif);
}

static __always_inline bool has_mac(const struct xlb_server *srv)
{
	return *(const __u64 *)srv->dmac << 16;
}

/* A service of which all packets go by the table alone. */
static __always_inline bool is_stateless(const struct xlb_service *svc)
{
	return (svc->flags & (XLB_SVC_STATELESS | XLB_SVC_ENABLED)) == (XLB_SVC_STATELESS | XLB_SVC_ENABLED);
}

/* The ring entry for a packet of backend 'be': a server's number, perhaps with a mark; 0: the stages must look. */
static __always_inline __u32 hit_slot(void *data, const struct xlb_backend *be, bool v6)
{
	__u64 ring = READ_ONCE(be->ring);
	__u32 ports = hit_ports(data, v6), hash;

	if (!XLB_RING_LEN(ring))
		return 0;
	if (v6)
		hash = xlb_select_hash6(be, hit_saddr(data, true), hit_daddr(data, true), ports);
	else
		hash = xlb_select_hash4(be, *hit_saddr(data, false), *hit_daddr(data, false), ports);
	return ring_entry(ring, xlb_select_pos(hash, XLB_RING_LEN(ring)));
}

/* Could a client have sent it? What opens a flow elsewhere is asked this once; here there are no flows. */
static __always_inline bool hit_is_sound(void *data, __u32 flags, bool v6)
{
	__u32 ports = hit_ports(data, v6);

	if (!(__u16)ports || !(ports >> 16) || (hit_proto(data, v6) == IPPROTO_TCP && tcp_flags_bad(flags)))
		return false;
	return v6 ? source_is_sound6(hit_saddr(data, true), hit_daddr(data, true)) :
		    source_is_sound4(*hit_saddr(data, false), *hit_daddr(data, false));
}

static __always_inline void hit_count_syn(__u32 service, __u32 server)
{
	struct xlb_cpu *cpu = this_cpu();

	if (!cpu)
		return;
	service_stats(cpu, service)->connections++;
	server_stats(cpu, server)->connections++;
}

/* Is the packet for the port that xlb_addr.hot_port and its neighbours name? 'hot' is the word of those. */
static __always_inline bool hit_is_hot(void *data, __u64 hot, bool v6)
{
	return (__u16)(hot >> 16) == hit_dport(data, v6);
}

/* And for that bind, which is of a stateless service? */
static __always_inline bool hit_is_hot_stateless(void *data, __u64 hot, bool v6)
{
	__u32 udp = hit_proto(data, v6) == IPPROTO_UDP ? XLB_HOT_UDP : 0;

	return hot >> 48 && hit_is_hot(data, hot, v6) && (hot >> 32 & XLB_HOT_UDP) == udp;
}

/* The live entry of the packet's flow, or NULL; what it says by *ret. */
static __always_inline void *hit_find(void *data, __u64 hash, bool v6, struct flow_found *ret)
{
	void *b = bucket_at(bucket_of(hash, v6), v6), *f;
	__u32 homes, slot;
	struct xlb_scratch *s;

	if (!b)
		return NULL;
	f = slot_in(b, xlb_flow_home(hash), 0, v6);
	if (flow_is(f, hit_saddr(data, v6), hit_daddr(data, v6), hit_ports(data, v6), hit_proto(data, v6), v6, ret))
		return f;
	homes = READ_ONCE(flow_body(f, v6)->homes);
	if (!v6) {
		f += XLB_LINE / XLB_FLOW4_WAYS;
		if (flow_is(f, hit_saddr(data, v6), hit_daddr(data, v6), hit_ports(data, v6), hit_proto(data, v6), v6,
			    ret))
			return f;
		homes |= READ_ONCE(flow_body(f, v6)->homes);
	}
	s = scratch();
	if (!(homes & ~1u) || !s)
		return NULL;
	addr_copy(s->peer.saddr, hit_saddr(data, v6), v6);
	addr_copy(s->peer.daddr, hit_daddr(data, v6), v6);
	s->peer.ports = hit_ports(data, v6);
	s->peer.b.proto = hit_proto(data, v6);
	slot = flow_find(&s->peer, hash, v6);
	f = flow_at(slot, v6);
	return f && flow_is(f, hit_saddr(data, v6), hit_daddr(data, v6), hit_ports(data, v6), hit_proto(data, v6), v6,
			    ret) ?
		       f :
		       NULL;
}

/* Sends a server's packet to the client of entry 'f'. */
static __always_inline int hit_to_client(struct xdp_md *ctx, void *f, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct xlb_flow_body *b = flow_body(f, v6);
	struct xlb_nexthop *hop = XLB_IN(nexthops, b->hop);
	__u32 ports = flow_ports(f, v6), oif;

	if (!b->hop || hit_l4(data, v6) + UDP_LEN > end)
		return HIT_SLOW;
	oif = READ_ONCE(hop->oif);
	if (!oif)
		return HIT_SLOW;
	hit_count(b->service, b->server, ETH_LEN + hit_len(data, v6), XLB_R_REPLY);
	rewrite_macs(data, hop->dmac);
	if (!hit_nat(data, end, flow_vip(f, v6), flow_client(f), ports >> 16 | ports << 16, v6))
		return verdict_of(ctx, XLB_R_BUG, 0);
	return verdict_of(ctx, XLB_R_REPLY, oif);
}

/* The entry of the packet's flow, or NULL if there is none or the stages must look at it; what it says by *ret. */
static __always_inline void *hit_settled(void *data, bool v6, struct flow_found *ret)
{
	struct xlb_flow_body *b;
	__u64 hash;
	void *f;

	if (v6)
		hash = xlb_flow_hash6(xlb_cfg_secrets, hit_saddr(data, true), hit_daddr(data, true),
				      hit_ports(data, true), hit_proto(data, true));
	else
		hash = xlb_flow_hash4(xlb_cfg_secrets, *hit_saddr(data, false), *hit_daddr(data, false),
				      hit_ports(data, false), hit_proto(data, false));
	f = hit_find(data, hash, v6, ret);
	if (!f)
		return NULL;
	b = flow_body(f, v6);
	if (track_needed(ret->word, b->proto, ret->kind) || !track_tick(b, XLB_SEEN(now_tick(), epoch_now())) ||
	    track_server(ret->srv, b->proto))
		return NULL;
	return f;
}

/* A packet that may be of a flow in the table, and neither opens nor ends one. */
static __always_inline int hit_flow(struct xdp_md *ctx, void *data, bool v6)
{
	struct flow_found found = { 0 };
	struct xlb_flow_body *b;
	void *f;

	f = hit_settled(data, v6, &found);
	if (!f)
		return HIT_SLOW;
	b = flow_body(f, v6);
	if (found.kind == XLB_FLOW_REPLY)
		return hit_to_client(ctx, f, v6);
	return hit_to_server(ctx, found.srv, b->service, b->server, b->sport, XLB_R_REQUEST, v6);
}

/* A plain packet of service number 'id', whose slot of the Maglev table is marked: where its record says, if it has
 * one. */
static __always_inline int hit_recorded(struct xdp_md *ctx, void *data, __u32 id, bool v6)
{
	struct flow_found found = { 0 };
	struct xlb_flow_body *b;
	void *f;

	f = hit_settled(data, v6, &found);
	if (!f || found.kind != XLB_FLOW_REQUEST || !(found.word & XLB_F_RECORD) || !has_mac(found.srv))
		return HIT_SLOW;
	b = flow_body(f, v6);
	return hit_to_server(ctx, found.srv, id, b->server, hit_ports(data, v6), XLB_R_STATELESS, v6);
}

/* Neither opens a connection nor ends one. */
static __always_inline bool hit_is_data(void *data, __u32 flags, bool v6)
{
	return hit_proto(data, v6) != IPPROTO_TCP || (flags & PLAIN_FLAGS) == TCP_ACK;
}

/* A packet of stateless service number 'id', which has that backend. */
static __always_inline int hit_stateless(struct xdp_md *ctx, void *data, __u32 id, __u32 backend, __u32 flags, bool v6)
{
	struct xlb_server *srv;
	__u32 entry;
	int verdict;

	if (!hit_is_sound(data, flags, v6))
		return HIT_SLOW;
	entry = hit_slot(data, XLB_IN(backends, backend), v6);
	if (entry & XLB_SLOT_MARK)
		return hit_is_data(data, flags, v6) ? hit_recorded(ctx, data, id, v6) : HIT_SLOW;
	if (!entry)
		return HIT_SLOW;
	srv = server_at(entry);
	if (!has_mac(srv))
		return HIT_SLOW;
	verdict = hit_to_server(ctx, srv, id, entry, hit_ports(data, v6), XLB_R_STATELESS, v6);
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && verdict != HIT_SLOW)
		hit_count_syn(id, entry);
	return verdict;
}

/*
 * A plain packet to an address of ours that most likely opens a flow: notes of it what the slow stage would have, which
 * is left out so.
 */
static __always_inline int hit_open(void *data, __u32 addr_slot, __u32 flags, bool v6)
{
	struct xlb_addr *addr = addr_at(addr_slot);
	struct xlb_scratch *s = scratch();
	struct ipv6hdr *ip6h = hit_l3(data);
	struct iphdr *iph = hit_l3(data);
	struct xlb_pkt *pkt;

	if (!s)
		return HIT_SLOW;
	pkt = &s->pkt;
	__builtin_memset(pkt, 0, sizeof(*pkt));
	addr_copy(pkt->saddr, hit_saddr(data, v6), v6);
	addr_copy(pkt->daddr, hit_daddr(data, v6), v6);
	pkt->ports = hit_ports(data, v6);
	pkt->slot = XLB_NO_SLOT;
	pkt->l3 = ETH_LEN;
	pkt->l4 = ETH_LEN + (v6 ? IP6_LEN : IP4_LEN);
	pkt->tot_len = hit_len(data, v6);
	pkt->addr_slot = addr_slot;
	pkt->addr_flags = addr->flags;
	pkt->in_pool = addr_in_pool(addr, pkt->dport);
	pkt->family = v6 ? 6 : 4;
	pkt->proto = hit_proto(data, v6);
	pkt->tcp_flags = flags;
	pkt->ttl = v6 ? ip6h->hop_limit : iph->ttl;
	pkt->dont_frag = v6 || iph->frag_off & bpf_htons(IP_DONT_FRAGMENT);
	request_entry(&s->request, pkt, v6);
	pkt->hash = key_hash(&s->request, v6);
	return HIT_OPEN;
}

/* The way of an untagged packet. Returns the kernel's verdict, HIT_SLOW or HIT_OPEN. */
static __always_inline int hit(struct xdp_md *ctx, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 addr_slot = 0, flags = 0, service, backend;
	struct xlb_service *svc;
	struct xlb_addr *addr;
	__u64 hot;

	if (hit_l4(data, v6) > end)
		return account(ctx, XLB_R_NOT_IP, 0);
	addr = addr_find_hot(hit_daddr(data, v6), v6, &addr_slot);
	if (!addr) {
		if (READ_ONCE(xlb_tables.control.answers))
			addr = addr_find(hit_saddr(data, v6), v6, &addr_slot);
		return addr ? HIT_SLOW : account(ctx, XLB_R_NOT_OURS, 0);
	}
	if (hit_l4(data, v6) + UDP_LEN > end || !hit_plain_ip(data, v6))
		return HIT_SLOW;
	hot = READ_ONCE(*(__u64 *)&addr->first_range);
	if (!hit_is_hot(data, hot, v6) && !addr_in_pool(addr, hit_dport(data, v6)) &&
	    !addr_may_bind(addr, hit_dport(data, v6), hit_proto(data, v6)))
		return addr->flags & XLB_ADDR_SERVER ? HIT_SLOW : account(ctx, XLB_R_NOT_OURS, 0);
	if (!hit_plain_l4(data, end, v6, &flags))
		return HIT_SLOW;
	if (addr->flags & XLB_ADDR_STATELESS) {
		if (hit_is_hot_stateless(data, hot, v6)) {
			service = hot >> 32 & ~XLB_HOT_UDP & 0xffff;
			backend = hot >> 48;
		} else {
			service = vip_find(addr_slot, hit_dport(data, v6), hit_proto(data, v6));
			svc = service_at(service);
			service = is_stateless(svc) ? service : 0;
			backend = svc->backend;
		}
		if (service)
			return hit_stateless(ctx, data, service, backend, flags, v6);
	}
	if (!hit_is_data(data, flags, v6)) {
		/* To an address of ours, and not perhaps to a stateless service. */
		if ((flags & PLAIN_FLAGS) != TCP_SYN ||
		    (addr->flags & (XLB_ADDR_ECHO | XLB_ADDR_STATELESS)) != XLB_ADDR_ECHO)
			return HIT_SLOW;
		return hit_open(data, addr_slot, flags, v6);
	}
	return hit_flow(ctx, data, v6);
}

#endif
