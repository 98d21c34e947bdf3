/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a server needs in the lab and the build machine's kernel lacks: 'decap' takes off the outer header of IPv4 and
 * IPv6 in either (it stands in for the tunnel devices ipip, sit and ip6tnl), 'push' and 'pop' give TCP and UDP a VLAN
 * tag and take it off, in place of a VLAN device; without a tag they are not taken in. ARP and neighbour discovery stay
 * untagged, so that hosts find each other.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { VLAN_ID = 7, TAG_LEN = 4, ADDRS_LEN = 12 };

struct tagged {
	struct ethhdr eth;
	__be16 tci;
	__be16 proto;
};

/* Length of the outer header behind 'l3' bytes of Ethernet; 0: there is none. */
static __always_inline int outer_len(void *data, void *end, int l3, __be16 proto, __u8 *ret_inner)
{
	struct ipv6hdr *ip6 = data + l3;
	struct iphdr *ip = data + l3;

	if (proto == bpf_htons(ETH_P_IP) && (void *)(ip + 1) <= end && ip->ihl == 5) {
		*ret_inner = ip->protocol;
		return sizeof(*ip);
	}
	if (proto == bpf_htons(ETH_P_IPV6) && (void *)(ip6 + 1) <= end) {
		*ret_inner = ip6->nexthdr;
		return sizeof(*ip6);
	}
	return 0;
}

SEC("xdp.frags")
int decap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tagged *t = data;
	int l3 = sizeof(t->eth), len;
	__be16 proto, inner_proto;
	__u8 inner = 0, addrs[ADDRS_LEN];
	__be32 tag;

	if ((void *)(t + 1) > end)
		return XDP_PASS;
	proto = t->eth.h_proto;
	if (proto == bpf_htons(ETH_P_8021Q)) {
		proto = t->proto;
		l3 += TAG_LEN;
	}
	len = outer_len(data, end, l3, proto, &inner);
	if (!len || (inner != IPPROTO_IPIP && inner != IPPROTO_IPV6))
		return XDP_PASS;
	inner_proto = bpf_htons(inner == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6);
	__builtin_memcpy(addrs, data, ADDRS_LEN);
	tag = *(__be32 *)(data + ADDRS_LEN);
	if (bpf_xdp_adjust_head(ctx, len))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(*t) > end)
		return XDP_DROP;
	__builtin_memcpy(data, addrs, ADDRS_LEN);
	if (l3 == sizeof(t->eth)) {
		*(__be16 *)(data + ADDRS_LEN) = inner_proto;
	} else {
		*(__be32 *)(data + ADDRS_LEN) = tag;
		*(__be16 *)(data + ADDRS_LEN + TAG_LEN) = inner_proto;
	}
	return XDP_PASS;
}

static __always_inline int is_transport(struct __sk_buff *skb)
{
	__u8 proto = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, protocol), &proto, 1);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, nexthdr), &proto, 1);
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

SEC("tc/push")
int push_tag(struct __sk_buff *skb)
{
	if (is_transport(skb))
		bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN_ID);
	return TC_ACT_OK;
}

SEC("tc/pop")
int pop_tag(struct __sk_buff *skb)
{
	if (skb->vlan_present)
		return bpf_skb_vlan_pop(skb) ? TC_ACT_SHOT : TC_ACT_OK;
	return is_transport(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
