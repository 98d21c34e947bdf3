/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a packet gets to a server: the kernel's own routing answer, and the MAC address of the next hop.
 *
 * The kernel resolves neighbours; this file only tells it when. An unknown neighbour is asked for at once and again
 * every few seconds, a stale one is confirmed every ten seconds at most, so that a server that moved to other hardware
 * is found again even when it did not announce itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_internal.h"

enum {
	KICK_STALE_MS = 10000,
	KICK_UNKNOWN_MS = 3000, /* the kernel itself gives up after three seconds */
	MSG_SIZE = 256,
};

/* The route's own MTU, if it names one. */
static unsigned int route_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, metrics) if (mnl_attr_get_type(attr) == RTAX_MTU &&
						    mnl_attr_get_payload_len(attr) >=
							    sizeof(uint32_t)) return mnl_attr_get_u32(attr);
	return 0;
}

/* RTA_VIA: a router of another family than the destination, as in IPv4 routes over IPv6 next hops (RFC 5549). */
static struct addr via_addr(const struct nlattr *attr)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);
	struct addr a = { 0 };

	if (len >= sizeof(*via) + sizeof(a.v6) && via->rtvia_family == AF_INET6) {
		a.family = AF_INET6;
		memcpy(&a.v6, via->rtvia_addr, sizeof(a.v6));
	}
	return a;
}

int resolve_route_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct route_entry *r = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			if (net_attr_has(attr, sizeof(uint32_t)))
				r->oif = mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			r->gateway = net_attr_addr(attr, rtm->rtm_family);
			break;
		case RTA_VIA:
			r->gateway = via_addr(attr);
			break;
		case RTA_PREFSRC:
			r->source = net_attr_addr(attr, rtm->rtm_family);
			break;
		case RTA_METRICS:
			r->mtu = route_mtu(attr);
			break;
		}
	}
	return MNL_CB_STOP;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct addr *a)
{
	if (a->family == AF_INET)
		mnl_attr_put(nlh, type, sizeof(a->v4), &a->v4);
	else
		mnl_attr_put(nlh, type, sizeof(a->v6), &a->v6);
}

static int ask_route(struct net *n, struct route_entry *r)
{
	char buf[MSG_SIZE] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct addr dst = net_key_addr(&r->dst);

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm->rtm_family = (unsigned char)dst.family;
	rtm->rtm_dst_len = dst.family == AF_INET ? 32 : 128;
	put_addr(nlh, RTA_DST, &dst);
	return net_talk(n, nlh, resolve_route_message, r);
}

/* The cached route, asked for if need be; NULL: out of memory. */
static struct route_entry *route_get(struct net *n, const struct addr *addr)
{
	struct addr_key dst = net_addr_key(0, addr);
	struct route_entry *r;

	HASH_FIND(hh, n->routes, &dst, sizeof(dst), r);
	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->dst = dst;
	r->err = ask_route(n, r);
	HASH_ADD(hh, n->routes, dst, sizeof(r->dst), r);
	return r;
}

/* The neighbour that frames to the destination go to: a router, or itself. */
static struct addr_key neighbour_of(const struct route_entry *r, const struct addr *dst)
{
	return net_addr_key(r->oif, r->gateway.family ? &r->gateway : dst);
}

/*
 * Makes the kernel solicit the neighbour. An entry with a MAC keeps it meanwhile (NUD_PROBE asks by unicast);
 * otherwise NTF_USE does what a packet to it would do.
 */
static void kick(struct net *n, const struct addr_key *key, bool has_mac)
{
	char buf[MSG_SIZE] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	struct addr addr = net_key_addr(key);

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE;
	ndm->ndm_family = (unsigned char)key->family;
	ndm->ndm_ifindex = (int)key->ifindex;
	if (has_mac) {
		ndm->ndm_state = NUD_PROBE;
	} else {
		nlh->nlmsg_flags |= NLM_F_CREATE;
		ndm->ndm_flags = NTF_USE;
	}
	put_addr(nlh, NDA_DST, &addr);
	(void)net_talk(n, nlh, NULL, NULL); /* refused: the entry changed meanwhile; the next tick looks again */
}

/* Does this neighbour need a solicitation now? */
static void keep_warm(struct net *n, struct target_entry *t)
{
	uint64_t now = uv_now(n->loop), wait;
	struct neigh_entry *e;
	unsigned int state;

	HASH_FIND(hh, n->neighs, &t->key, sizeof(t->key), e);
	state = e ? e->state : NUD_NONE;
	/* The last solicitation was answered: the next need not wait for it. */
	if (state & NUD_REACHABLE)
		t->kicked_ms = 0;
	/* Fine, or the kernel is asking already. */
	if (state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_INCOMPLETE))
		return;
	wait = state & NUD_STALE ? KICK_STALE_MS : KICK_UNKNOWN_MS;
	if (t->kicked_ms && now - t->kicked_ms < wait)
		return;
	t->kicked_ms = now ? now : 1;
	kick(n, &t->key, state & NUD_STALE);
}

void resolve_tick(struct net *n)
{
	for (struct target_entry *t = n->targets; t; t = t->hh.next)
		keep_warm(n, t);
}

static struct target_entry *target_get(struct net *n, const struct addr_key *key)
{
	struct target_entry *t;

	HASH_FIND(hh, n->targets, key, sizeof(*key), t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->key = *key;
	HASH_ADD(hh, n->targets, key, sizeof(t->key), t);
	return t;
}

void net_resolve_round(struct net *n)
{
	struct target_entry *t, *next;

	HASH_ITER(hh, n->targets, t, next) {
		if (t->round == n->round)
			continue;
		HASH_DEL(n->targets, t);
		free(t);
	}
	n->round++;
}

int net_resolve(struct net *n, struct next_hop *hop, uint32_t *ret_ifindex)
{
	const struct net_link *link;
	const unsigned char *mac;
	struct route_entry *r;
	struct target_entry *t;
	struct addr_key key;
	unsigned int mtu;

	if (!hop->server.family)
		return -EAFNOSUPPORT;
	r = route_get(n, &hop->server);
	if (!r)
		return -ENOMEM;
	if (r->err)
		return r->err;
	link = net_link_by_index(n, r->oif);
	memset(hop->dmac, 0, sizeof(hop->dmac));
	memset(hop->smac, 0, sizeof(hop->smac));
	if (link)
		memcpy(hop->smac, link->mac, sizeof(hop->smac));
	mtu = link ? link->mtu : 0;
	if (r->mtu && (!mtu || r->mtu < mtu))
		mtu = r->mtu;
	hop->mtu = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
	hop->on_link = !r->gateway.family;
	hop->source = r->source;
	*ret_ifindex = r->oif;

	key = neighbour_of(r, &hop->server);
	t = target_get(n, &key);
	if (!t)
		return -ENOMEM;
	t->round = n->round;
	keep_warm(n, t);
	mac = cache_mac(n, &key);
	if (mac)
		memcpy(hop->dmac, mac, sizeof(hop->dmac));
	return 0;
}

void net_doubt(struct net *n, const struct addr *dst)
{
	uint64_t now = uv_now(n->loop);
	struct route_entry *r;
	struct target_entry *t;
	struct neigh_entry *e;
	struct addr_key key = net_addr_key(0, dst);

	HASH_FIND(hh, n->routes, &key, sizeof(key), r);
	if (!r || r->err)
		return;
	key = neighbour_of(r, dst);
	HASH_FIND(hh, n->targets, &key, sizeof(key), t);
	HASH_FIND(hh, n->neighs, &key, sizeof(key), e);
	if (!t || !e || !(e->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY)))
		return;
	if (t->doubted_ms && now - t->doubted_ms < KICK_UNKNOWN_MS)
		return;
	t->doubted_ms = now ? now : 1;
	kick(n, &key, true);
}
