/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that the program makes itself: a TCP reset, an ICMP error, the answer to a ping. They leave by the interface
 * that the packet in question came by, to the station that sent it, tagged as it was, and a CPU makes only so many per
 * second.
 */
#ifndef XLB_ANSWER_BPF_H
#define XLB_ANSWER_BPF_H

#include "config.bpf.h"
#include "csum.bpf.h"
#include "maps.bpf.h"
#include "nexthop.bpf.h"

enum {
	ANSWER_TTL = 64,
	ICMP_LEN = 8,
	ICMP_QUOTE_L4 = 8,    /* bytes quoted beyond the IP header: ports, and the sequence number of TCP (RFC 792) */
	ICMP_QUOTE_MAX = 128, /* bytes quoted at most; IPv4's are fewer, IPv6's only with extension headers more */
};

/* Types and codes of RFC 792 and RFC 4443. */
enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_PORT = 3,
	ICMP4_FRAG_NEEDED = 4,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_PORT = 4,
	ICMP6_TOO_BIG = 2,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
};

struct icmp_head {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 rest;
};

/* One token, if there is one: token bucket of a second's worth per CPU, refilled by the jiffy. */
static __always_inline bool answer_allowed(void)
{
	struct xlb_cpu *cpu = this_cpu();
	__u64 now = bpf_jiffies64(), gained;
	struct xlb_limit *l;

	if (!cpu)
		return false;
	l = &cpu->answers;
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

/* Back to the station that sent the frame. */
static __always_inline void swap_macs(void *frame)
{
	__u16 *w = frame, old[3] = { w[0], w[1], w[2] };
	int i;

	for (i = 0; i < 3; i++) {
		w[i] = w[i + 3];
		w[i + 3] = old[i];
	}
}

/* IP header of an answer of 'len' bytes behind it, from the address that was asked for. */
static __always_inline void answer_ip(void *l3, const struct xlb_pkt *pkt, __u8 proto, __u16 len, bool v6)
{
	struct ipv6hdr *ip6h = l3;
	struct iphdr *iph = l3;
	__u64 sum;

	if (v6) {
		*(__be32 *)ip6h = bpf_htonl(6u << 28);
		ip6h->payload_len = bpf_htons(len);
		ip6h->nexthdr = proto;
		ip6h->hop_limit = ANSWER_TTL;
		addr_copy(ip6h->saddr.in6_u.u6_addr32, pkt->daddr, true);
		addr_copy(ip6h->daddr.in6_u.u6_addr32, pkt->saddr, true);
		return;
	}
	*(__be16 *)iph = bpf_htons(0x4500);
	iph->tot_len = bpf_htons(len + IP4_LEN);
	iph->id = 0;
	iph->frag_off = bpf_htons(IP_DONT_FRAGMENT);
	*(__be16 *)&iph->ttl = bpf_htons(ANSWER_TTL << 8 | proto);
	iph->saddr = pkt->daddr[0];
	iph->daddr = pkt->saddr[0];
	sum = bpf_htons(0x4500) + iph->tot_len + iph->frag_off + (__u64)bpf_htons(ANSWER_TTL << 8 | proto);
	iph->check = ~csum_fold(sum + iph->saddr + iph->daddr);
}

/* Sum of the pseudo-header between client and service. */
static __always_inline __u64 answer_pseudo(const struct xlb_pkt *pkt, __u8 proto, __u16 len, bool v6)
{
	return csum_addr(pkt->saddr, v6) + csum_addr(pkt->daddr, v6) + bpf_htons(proto) + bpf_htons(len);
}

/* Turns a TCP packet into the reset that RFC 9293, 3.5.2 asks for. */
static __always_inline bool answer_reset(struct xdp_md *ctx, const struct xlb_pkt *pkt, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 seq, ack_seq, l3 = pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX, l4 = pkt->l4, ip_len = v6 ? IP6_LEN : IP4_LEN;
	struct tcphdr *tcp;
	__u16 flags;

	if (l4 > L4_MAX)
		return false;
	tcp = data + l4;
	if (data + ETH_LEN > end || (void *)(tcp + 1) > end)
		return false;
	if (tcp->ack) {
		seq = tcp->ack_seq;
		ack_seq = 0;
		flags = TCP_RST;
	} else {
		seq = 0;
		ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + pkt->tot_len - (pkt->l4 - pkt->l3) - tcp->doff * 4 +
				    tcp->syn + tcp->fin);
		flags = TCP_RST | TCP_ACK;
	}
	swap_macs(data);
	if (bpf_xdp_adjust_tail(ctx, (int)(l3 + ip_len + TCP_MIN_LEN) - (int)bpf_xdp_get_buff_len(ctx)))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	tcp = data + l3 + ip_len;
	if ((void *)(tcp + 1) > end)
		return false;
	answer_ip(data + l3, pkt, IPPROTO_TCP, TCP_MIN_LEN, v6);
	tcp->source = pkt->dport;
	tcp->dest = pkt->sport;
	tcp->seq = seq;
	tcp->ack_seq = ack_seq;
	*((__be16 *)tcp + 6) = bpf_htons(5 << 12 | flags); /* data offset and flags */
	tcp->window = 0;
	tcp->urg_ptr = 0;
	tcp->check = ~csum_fold(answer_pseudo(pkt, IPPROTO_TCP, TCP_MIN_LEN, v6) + pkt->ports + seq + ack_seq +
				bpf_htons(5 << 12 | flags));
	return true;
}

/* Sum of 'len' bytes from 'p' on, an even number, at most ICMP_QUOTE_MAX. False: beyond the end. */
static __always_inline bool sum_quote(const __u16 *p, void *end, __u32 len, __u64 *sum)
{
	__u32 i;

	for (i = 0; i < ICMP_QUOTE_MAX / 2; i++) {
		/*
		 * WORKAROUND(clang 14, linux 6.18): it compares with end + 1, and arithmetic on that is refused.
		 * WORKAROUND(clang 19, linux 6.1): it makes the bounds of 'i' one, which the verifier does not see.
		 */
		asm volatile("" : "+r"(end), "+r"(i));
		if (i >= len / 2)
			break;
		if ((void *)(p + i + 1) > end)
			return false;
		*sum += p[i];
	}
	return true;
}

/* Turns a packet into an ICMP error about it: new headers in front, the packet cut behind its ports. */
static __always_inline bool answer_icmp(struct xdp_md *ctx, const struct xlb_pkt *pkt, __u8 type, __u8 code,
					__be32 rest, bool v6)
{
	__u32 ip_len = v6 ? IP6_LEN : IP4_LEN, l3 = pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX, tag = 0;
	__u32 quote = (pkt->l4 - pkt->l3 + ICMP_QUOTE_L4) & (2 * ICMP_QUOTE_MAX - 2);
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct icmp_head *icmp;
	__u64 macs[2];
	__be16 proto;
	__u64 sum;

	quote = quote > ICMP_QUOTE_MAX ? ICMP_QUOTE_MAX : quote;
	if (data + L3_MAX > end)
		return false;
	swap_macs(data);
	macs[0] = *(__u64 *)data;
	macs[1] = *(__u32 *)(data + 8);
	proto = *(__be16 *)(data + l3 - 2);
	if (l3 != ETH_LEN)
		tag = *(__u32 *)(data + 12);
	if (bpf_xdp_adjust_head(ctx, -(int)(ip_len + ICMP_LEN)) ||
	    bpf_xdp_adjust_tail(ctx, (int)(l3 + ip_len + ICMP_LEN + quote) - (int)bpf_xdp_get_buff_len(ctx)))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	icmp = data + l3 + ip_len;
	if ((void *)(icmp + 1) > end)
		return false;
	rewrite_macs(data, macs);
	if (l3 != ETH_LEN)
		*(__u32 *)(data + 12) = tag;
	*(__be16 *)(data + l3 - 2) = proto;
	answer_ip(data + l3, pkt, v6 ? PROTO_ICMP6 : IPPROTO_ICMP, ICMP_LEN + quote, v6);
	icmp->type = type;
	icmp->code = code;
	icmp->rest = rest;
	sum = bpf_htons(type << 8 | code) + (__u64)rest;
	if (v6)
		sum += answer_pseudo(pkt, PROTO_ICMP6, ICMP_LEN + quote, true);
	if (!sum_quote((void *)(icmp + 1), end, quote, &sum))
		return false;
	icmp->check = ~csum_fold(sum);
	return true;
}

/* Turns a ping into its answer. */
static __always_inline bool answer_echo(struct xdp_md *ctx, const struct xlb_pkt *pkt, bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3;
	__u32 l4 = pkt->l4;
	struct icmp_head *icmp;
	struct ipv6hdr *ip6h;
	struct iphdr *iph;
	__be16 old;

	if (l4 > L4_MAX)
		return false;
	l3 = data + (pkt->l3 == ETH_LEN ? ETH_LEN : L3_MAX);
	icmp = data + l4;
	if (l3 + (v6 ? IP6_LEN : IP4_LEN) > end || (void *)(icmp + 1) > end)
		return false;
	swap_macs(data);
	ip6h = l3;
	iph = l3;
	if (v6) {
		ip6h->hop_limit = ANSWER_TTL;
		addr_copy(ip6h->saddr.in6_u.u6_addr32, pkt->daddr, true);
		addr_copy(ip6h->daddr.in6_u.u6_addr32, pkt->saddr, true);
	} else {
		old = *(__be16 *)&iph->ttl;
		iph->ttl = ANSWER_TTL;
		iph->check = csum_apply(iph->check, (__u64)(__u16)~old + *(__be16 *)&iph->ttl);
		iph->saddr = pkt->daddr[0];
		iph->daddr = pkt->saddr[0];
	}
	old = *(__be16 *)icmp;
	icmp->type = v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	icmp->check = csum_apply(icmp->check, (__u64)(__u16)~old + *(__be16 *)icmp);
	return true;
}

static __always_inline bool answer(struct xdp_md *ctx, const struct xlb_pkt *pkt, enum xlb_reason reason, bool v6)
{
	if (reason == XLB_R_ECHO)
		return answer_echo(ctx, pkt, v6);
	if (reason != XLB_R_NO_SERVER_ICMP && reason != XLB_R_REJECT_ICMP)
		return answer_reset(ctx, pkt, v6);
	if (v6)
		return answer_icmp(ctx, pkt, ICMP6_UNREACHABLE, ICMP6_PORT, 0, true);
	return answer_icmp(ctx, pkt, ICMP4_UNREACHABLE, ICMP4_PORT, 0, false);
}

/*
 * Answers a packet that cannot be served, or a ping: by an ICMP port unreachable for NO_SERVER_ICMP and REJECT_ICMP, by
 * an echo reply for ECHO, by a reset otherwise. 'reason' is returned when the answer goes out, XLB_R_LIMITED when the
 * rate limit holds it back. The packet must have passed the checks of length.
 */
__noinline enum xlb_reason xlb_answer(struct xdp_md *ctx, struct xlb_pkt *pkt, enum xlb_reason reason)
{
	bool ok;

	if (!pkt)
		return XLB_R_BUG;
	if (!answer_allowed())
		return XLB_R_LIMITED;
	pkt->aim.oif = if_number(ctx->ingress_ifindex);
	ok = pkt->family == 6 ? answer(ctx, pkt, reason, true) : answer(ctx, pkt, reason, false);
	return ok ? reason : XLB_R_BUG;
}

/* Tells the sender of a packet that does not fit into a tunnel how large it may be (RFC 1191, RFC 8201). */
__noinline enum xlb_reason xlb_too_big(struct xdp_md *ctx, struct xlb_pkt *pkt, __u32 mtu)
{
	bool ok;

	if (!pkt)
		return XLB_R_BUG;
	if (!answer_allowed())
		return XLB_R_LIMITED;
	pkt->aim.oif = if_number(ctx->ingress_ifindex);
	if (pkt->family == 6)
		ok = answer_icmp(ctx, pkt, ICMP6_TOO_BIG, 0, bpf_htonl(mtu), true);
	else
		ok = answer_icmp(ctx, pkt, ICMP4_UNREACHABLE, ICMP4_FRAG_NEEDED, bpf_htonl(mtu & 0xffff), false);
	return ok ? XLB_R_TOO_BIG_ICMP : XLB_R_BUG;
}

#endif
