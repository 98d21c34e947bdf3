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

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	struct route_entry *r = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg)) {
		unsigned int type = mnl_attr_get_type(attr);

		if (mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
			continue;
		if (type == RTA_OIF)
			r->oif = mnl_attr_get_u32(attr);
		else if (type == RTA_GATEWAY)
			r->gateway = mnl_attr_get_u32(attr);
		else if (type == RTA_PREFSRC)
			r->source = mnl_attr_get_u32(attr);
	}
	return MNL_CB_STOP;
}

static int ask_route(struct net *n, struct route_entry *r)
{
	char buf[MSG_SIZE] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	mnl_attr_put_u32(nlh, RTA_DST, r->dst);
	return net_talk(n, nlh, on_route, r);
}

/* The cached route, asked for if need be; NULL: out of memory. */
static struct route_entry *route_get(struct net *n, uint32_t dst)
{
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

/*
 * Makes the kernel solicit the neighbour. An entry with a MAC keeps it meanwhile (NUD_PROBE asks by unicast);
 * otherwise NTF_USE does what a packet to it would do.
 */
static void kick(struct net *n, const struct addr_key *key, bool has_mac)
{
	char buf[MSG_SIZE] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE;
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = (int)key->ifindex;
	if (has_mac) {
		ndm->ndm_state = NUD_PROBE;
	} else {
		nlh->nlmsg_flags |= NLM_F_CREATE;
		ndm->ndm_flags = NTF_USE;
	}
	mnl_attr_put_u32(nlh, NDA_DST, key->addr);
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

	if (hop->server.family != AF_INET)
		return -EAFNOSUPPORT;
	r = route_get(n, hop->server.v4.s_addr);
	if (!r)
		return -ENOMEM;
	if (r->err)
		return r->err;
	link = net_link_by_index(n, r->oif);
	memset(hop->dmac, 0, sizeof(hop->dmac));
	memset(hop->smac, 0, sizeof(hop->smac));
	if (link)
		memcpy(hop->smac, link->mac, sizeof(hop->smac));
	hop->source = (struct addr){ .family = r->source ? AF_INET : 0, .v4.s_addr = r->source };
	*ret_ifindex = r->oif;

	key = (struct addr_key){ r->oif, r->gateway ? r->gateway : r->dst };
	t = target_get(n, &key);
	if (!t)
		return -ENOMEM;
	t->round = n->round;
	keep_warm(n, t);
	mac = cache_mac(n, key.ifindex, key.addr);
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
	struct addr_key key;

	if (dst->family != AF_INET)
		return;
	HASH_FIND(hh, n->routes, &dst->v4.s_addr, sizeof(dst->v4.s_addr), r);
	if (!r || r->err)
		return;
	key = (struct addr_key){ r->oif, r->gateway ? r->gateway : r->dst };
	HASH_FIND(hh, n->targets, &key, sizeof(key), t);
	HASH_FIND(hh, n->neighs, &key, sizeof(key), e);
	if (!t || !e || !(e->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY)))
		return;
	if (t->doubted_ms && now - t->doubted_ms < KICK_UNKNOWN_MS)
		return;
	t->doubted_ms = now ? now : 1;
	kick(n, &key, true);
}
