/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that the program makes itself: a TCP reset, an ICMP port unreachable. They leave by the interface that the
 * offending packet came by, to the station that sent it, and a CPU makes only so many per second.
 */
#ifndef XLB_ANSWER_BPF_H
#define XLB_ANSWER_BPF_H

#include "csum.bpf.h"
#include "config.bpf.h"
#include "maps.bpf.h"
#include "nexthop.bpf.h"
#include "options.bpf.h"

enum {
	ANSWER_TTL = 64,
	ICMP_UNREACHABLE = 3, /* RFC 792 */
	ICMP_PORT = 3,
	ICMP_LEN = 8,
	ICMP_QUOTE = 8, /* bytes quoted beyond the IP header, RFC 792 */
};

struct icmp_error {
	__u8 type;
	__u8 code;
	__u16 check;
	__u32 unused;
};

/* One token, if there is one: token bucket of a second's worth per CPU, refilled by the jiffy. */
static __always_inline bool answer_allowed(void)
{
	__u64 now = bpf_jiffies64(), gained;
	struct xlb_limit *l;
	__u32 zero = 0;

	l = bpf_map_lookup_elem(&xlb_limits, &zero);
	if (!l)
		return false;
	gained = (now - l->jiffies) * xlb_cfg_answers_per_s / xlb_cfg_hz;
	if (gained) {
		l->jiffies = now;
		l->tokens += gained;
		if (l->tokens > xlb_cfg_answers_per_s)
			l->tokens = xlb_cfg_answers_per_s;
	}
	if (!l->tokens)
		return false;
	l->tokens--;
	return true;
}

static __always_inline void answer_eth(struct ethhdr *eth, const struct ethhdr *from)
{
	__builtin_memcpy(eth->h_dest, from->h_source, 6);
	__builtin_memcpy(eth->h_source, from->h_dest, 6);
	eth->h_proto = bpf_htons(ETH_P_IP);
}

/* IP header of an answer from the address that was asked for, of 'len' bytes in all. */
static __always_inline void answer_ip(struct iphdr *iph, const struct xlb_pkt *pkt, __u8 proto, __u16 len)
{
	__u64 sum;

	iph->version = 4;
	iph->ihl = 5;
	iph->tos = 0;
	iph->tot_len = bpf_htons(len);
	iph->id = 0;
	iph->frag_off = bpf_htons(0x4000); /* don't fragment */
	iph->ttl = ANSWER_TTL;
	iph->protocol = proto;
	iph->check = 0;
	iph->saddr = pkt->daddr;
	iph->daddr = pkt->saddr;
	sum = bpf_htons(0x4500) + iph->tot_len + iph->frag_off + (__u64)bpf_htons(ANSWER_TTL << 8 | proto);
	sum += (__u64)iph->saddr + iph->daddr;
	iph->check = ~csum_fold(sum);
}

/* Turns a TCP packet into the reset that RFC 9293, 3.5.2 asks for. */
static __always_inline bool answer_reset(struct xdp_md *ctx, const struct xlb_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 seq, ack_seq, len = sizeof(struct ethhdr) + IP_MIN_LEN + TCP_MIN_LEN;
	__u32 hdr_len = sizeof(struct ethhdr) + (pkt->ip_len & 0x3c);
	struct tcphdr *tcp = data + hdr_len;
	struct ethhdr *eth = data, old;
	struct iphdr *iph;
	__u16 flags;
	__u64 sum;

	if ((void *)(eth + 1) > end || (void *)(tcp + 1) > end)
		return false;
	old = *eth;
	if (tcp->ack) {
		seq = tcp->ack_seq;
		ack_seq = 0;
		flags = TCP_RST;
	} else {
		seq = 0;
		ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + pkt->tot_len - pkt->ip_len - tcp->doff * 4 + tcp->syn +
				    tcp->fin);
		flags = TCP_RST | TCP_ACK;
	}
	if (bpf_xdp_adjust_tail(ctx, (int)len - (int)bpf_xdp_get_buff_len(ctx)))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	iph = data + sizeof(*eth);
	tcp = data + sizeof(*eth) + sizeof(*iph);
	if ((void *)(tcp + 1) > end)
		return false;
	answer_eth(eth, &old);
	answer_ip(iph, pkt, IPPROTO_TCP, len - sizeof(*eth));
	tcp->source = pkt->dport;
	tcp->dest = pkt->sport;
	tcp->seq = seq;
	tcp->ack_seq = ack_seq;
	*((__be16 *)tcp + 6) = bpf_htons(5 << 12 | flags); /* data offset and flags */
	tcp->window = 0;
	tcp->check = 0;
	tcp->urg_ptr = 0;
	sum = (__u64)pkt->saddr + pkt->daddr + bpf_htons(IPPROTO_TCP) + bpf_htons(TCP_MIN_LEN) + pkt->ports + seq +
	      ack_seq + bpf_htons(5 << 12 | flags);
	tcp->check = ~csum_fold(sum);
	return true;
}

/* Turns a packet into an ICMP port unreachable about it: new headers in front, the packet cut behind its ports. */
static __always_inline bool answer_unreachable(struct xdp_md *ctx, const struct xlb_pkt *pkt)
{
	__u32 quote = (pkt->ip_len & 0x3c) + ICMP_QUOTE, len = sizeof(struct ethhdr) + IP_MIN_LEN + ICMP_LEN + quote, i;
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, old;
	struct icmp_error *icmp;
	struct iphdr *iph;
	__u64 sum = 0;
	__u16 *word;

	if ((void *)(eth + 1) > end)
		return false;
	old = *eth;
	if (bpf_xdp_adjust_head(ctx, -(IP_MIN_LEN + ICMP_LEN)) ||
	    bpf_xdp_adjust_tail(ctx, (int)len - (int)bpf_xdp_get_buff_len(ctx)))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	iph = data + sizeof(*eth);
	icmp = data + sizeof(*eth) + sizeof(*iph);
	word = (void *)(icmp + 1);
	if ((void *)(icmp + 1) > end)
		return false;
	answer_eth(eth, &old);
	answer_ip(iph, pkt, IPPROTO_ICMP, len - sizeof(*eth));
	icmp->type = ICMP_UNREACHABLE;
	icmp->code = ICMP_PORT;
	icmp->unused = 0;
	for (i = 0; i < (IP_MAX_LEN + ICMP_QUOTE) / 2 && i < quote / 2; i++) {
		if ((void *)(word + i + 1) > end)
			return false;
		sum += word[i];
	}
	icmp->check = ~csum_fold(sum + bpf_htons(ICMP_UNREACHABLE << 8 | ICMP_PORT));
	return true;
}

/*
 * Answers a packet that cannot be served: TCP by a reset, UDP by ICMP port unreachable. 'reason' is returned when the
 * answer goes out, XLB_R_LIMITED when the rate limit holds it back. The packet must have passed the checks of length.
 */
__noinline enum xlb_reason xlb_answer(struct xdp_md *ctx, struct xlb_pkt *pkt, enum xlb_reason reason)
{
	bool ok;

	if (!pkt)
		return XLB_R_BUG;
	if (!answer_allowed())
		return XLB_R_LIMITED;
	pkt->oif = if_number(ctx->ingress_ifindex);
	ok = pkt->proto == IPPROTO_TCP ? answer_reset(ctx, pkt) : answer_unreachable(ctx, pkt);
	return ok ? reason : XLB_R_BUG;
}

#endif
