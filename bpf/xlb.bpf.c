// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet's way. xlb_xdp() reads from top to bottom: is it IPv4, is the address ours, is the port ours, is the
 * flow known? Then one look into the flow table gives everything that the rewrite needs. Whatever else happens is
 * behind one of three stages: xlb_track() (a flow changes), xlb_open() (no flow), xlb_answer() (a packet of our own).
 */
#include "account.bpf.h"
#include "open.bpf.h"
#include "track.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* The record of an address of ours, or NULL. */
static __always_inline struct xlb_addr *addr_find(__be32 addr)
{
	__u32 first = xlb_addr_hash(xlb_cfg_secrets, addr), key = xlb_addr_filter_key(first);
	const __u64 *filter = bpf_map_lookup_elem(&xlb_addrs, &key);
	struct xlb_addr *a;
	int i;

	if (!filter || !(filter[xlb_addr_filter_word(first)] & xlb_addr_filter_bit(first)))
		return NULL;
	for (i = 0; i < XLB_ADDR_PROBES; i++) {
		key = (first + i) & (XLB_ADDR_SLOTS - 1);
		a = bpf_map_lookup_elem(&xlb_addrs, &key);
		if (!a || !a->addr)
			return NULL;
		if (a->addr == addr)
			return a;
	}
	return NULL;
}

/* Combinations of the six TCP flags that no sound stack sends: SYN or RST with FIN, SYN with RST, none of SYN, RST,
 * ACK. */
#define FLAGS_BAD(f) ((f)&TCP_SYN ? !!((f) & (TCP_FIN | TCP_RST)) : (f)&TCP_RST ? !!((f)&TCP_FIN) : !((f)&TCP_ACK))
#define FLAGS_BIT(f) ((__u64)FLAGS_BAD(f) << (f))
#define FLAGS_4(f) (FLAGS_BIT(f) | FLAGS_BIT((f) + 1) | FLAGS_BIT((f) + 2) | FLAGS_BIT((f) + 3))
#define FLAGS_16(f) (FLAGS_4(f) | FLAGS_4((f) + 4) | FLAGS_4((f) + 8) | FLAGS_4((f) + 12))
static const __u64 bad_tcp_flags = FLAGS_16(0) | FLAGS_16(16) | FLAGS_16(32) | FLAGS_16(48);

/*
 * Checks lengths and flags of the layers that the rewrite touches; 'l4' is in bounds for 8 bytes. Returns the reason to
 * drop the packet, if it is ours, or XLB_R_NONE.
 */
static __always_inline enum xlb_reason check_lengths(struct xdp_md *ctx, const struct iphdr *iph, const void *l4,
						     const void *end, __u32 ip_len, __u32 tot_len, __u8 *ret_flags)
{
	const struct tcphdr *tcp = l4;
	const struct udphdr *udp = l4;
	__u32 frame_len = end - (const void *)iph;

	/* Frames in several buffers are longer than their first one. */
	if (tot_len > frame_len && tot_len > bpf_xdp_get_buff_len(ctx) - sizeof(struct ethhdr))
		return XLB_R_TRUNCATED;
	if (iph->ttl <= 1)
		return XLB_R_TTL;
	if (iph->frag_off & bpf_htons(IP_MORE_FRAGMENTS))
		return XLB_R_FRAGMENT;
	if (iph->protocol == IPPROTO_UDP) {
		*ret_flags = 0;
		return tot_len < ip_len + UDP_LEN || bpf_ntohs(udp->len) < UDP_LEN ||
				       bpf_ntohs(udp->len) > tot_len - ip_len ?
			       XLB_R_TRUNCATED :
			       XLB_R_NONE;
	}
	if ((const void *)(tcp + 1) > end || tot_len < ip_len + TCP_MIN_LEN)
		return XLB_R_TRUNCATED;
	if (tcp->doff < 5)
		return XLB_R_BAD_HEADER;
	if (tot_len < ip_len + tcp->doff * 4)
		return XLB_R_TRUNCATED;
	*ret_flags = ((const __u8 *)tcp)[13];
	return bad_tcp_flags >> (*ret_flags & 63) & 1 ? XLB_R_BAD_FLAGS : XLB_R_NONE;
}

SEC("xdp.frags")
int xlb_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l4;
	__u32 ports, word, slot, tot_len, ip_len, port, reason;
	struct ethhdr *eth = data;
	struct iphdr *iph = data + sizeof(*eth);
	struct xlb_addr *addr;
	struct xlb_flow *flow;
	bool in_pool, reply;
	__u8 flags = 0;

	if ((void *)(iph + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return account(ctx, XLB_R_NOT_IP, 0);
	addr = addr_find(iph->daddr);
	if (!addr)
		return account(ctx, XLB_R_NOT_OURS, 0);
	if (iph->version != 4 || iph->ihl < 5)
		return account(ctx, XLB_R_BAD_HEADER, 0);
	if (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP)
		return account(ctx, XLB_R_NOT_TCP_UDP, 0);
	if (iph->frag_off & bpf_htons(IP_OFFSET_MASK))
		return account(ctx, XLB_R_LATER_FRAGMENT, 0);
	ip_len = iph->ihl * 4;
	l4 = (void *)iph + ip_len;
	if (l4 + UDP_LEN > end)
		return account(ctx, XLB_R_TRUNCATED, 0);
	ports = *(__u32 *)l4;
	port = bpf_ntohs(*(__be16 *)(l4 + 2));
	in_pool = port >= addr->pool_lo && port <= addr->pool_hi;
	if (!in_pool) {
		slot = xlb_port_bit(*(__be16 *)(l4 + 2), iph->protocol);
		if (!(addr->bloom[slot / 32 % XLB_ADDR_BLOOM_WORDS] >> (slot % 32) & 1))
			return account(ctx, XLB_R_NOT_OURS, 0);
	}
	tot_len = bpf_ntohs(iph->tot_len);
	reason = check_lengths(ctx, iph, l4, end, ip_len, tot_len, &flags);
	/* A SYN most often opens a flow: the stage that does so looks for a known one itself. */
	flow = NULL;
	if (!reason && (flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		flow = flow_find(iph->saddr, iph->daddr, ports, iph->protocol, &word, &slot);
	if (!flow || track_needed(word, iph->protocol, flags, flow->kind) || ip_len != IP_MIN_LEN ||
	    !track_tick(flow, now_tick())) {
		struct xlb_pkt pkt = {
			.saddr = iph->saddr,
			.daddr = iph->daddr,
			.ports = ports,
			.ip_len = ip_len,
			.tot_len = tot_len,
			.proto = iph->protocol,
			.tcp_flags = flags,
			.in_pool = in_pool,
			.bad = reason,
			.slot = flow ? slot : XLB_NO_PEER,
		};

		reason = flow ? xlb_track(ctx, &pkt) : XLB_R_NONE;
		if (!flow || reason || pkt.reopen) {
			if (!reason)
				reason = xlb_open(ctx, &pkt);
			return account(ctx, reason, pkt.oif);
		}
	}
	reply = flow->kind == XLB_FLOW_REPLY;
	if (nat_rewrite(eth, iph, l4, end, flow, word) != NAT_DONE)
		return account(ctx, XLB_R_TABLE_BUSY, 0);
	nat_count(flow, reply, sizeof(*eth) + tot_len);
	return account(ctx, reply ? XLB_R_REPLY : XLB_R_REQUEST, flow->oif);
}

/* Not attached anywhere: the daemon runs it to learn the kernel's jiffies. */
SEC("xdp")
int xlb_clock(struct xdp_md *ctx)
{
	struct xlb_time *t;
	__u32 zero = 0;

	t = bpf_map_lookup_elem(&xlb_time, &zero);
	if (t) {
		t->jiffies = bpf_jiffies64();
		t->ktime_ns = bpf_ktime_get_ns();
	}
	return XDP_PASS;
}
