/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Caches of links, addresses and neighbours: one rtnetlink message in, one entry changed.
 *
 * Dumps and announcements take the same way. An event goes out only when something that matters to a balancer differs,
 * because the kernel announces every flicker of a neighbour's state.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_internal.h"

/* States of a neighbour in which its MAC address is good for sending. */
enum { NUD_USABLE = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY };

struct attrs {
	const struct nlattr **tb;
	unsigned int max;
};

static int on_attr(const struct nlattr *attr, void *arg)
{
	struct attrs *a = arg;
	unsigned int type = mnl_attr_get_type(attr);

	if (type <= a->max)
		a->tb[type] = attr;
	return MNL_CB_OK;
}

static void drop_link(struct net *n, struct link_entry *l)
{
	struct net_link gone = l->link;

	HASH_DEL(n->links, l);
	free(l);
	cache_drop_routes(n);
	net_emit(n, NET_LINK_GONE, gone.ifindex, gone.name);
}

static bool link_equal(const struct net_link *a, const struct net_link *b)
{
	return a->up == b->up && a->mtu == b->mtu && !strcmp(a->name, b->name) &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac));
}

/* A text whose end may be that of the attribute. */
static void copy_name(const struct nlattr *attr, char *ret, size_t cap)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (len >= cap)
		len = cap - 1;
	memcpy(ret, mnl_attr_get_payload(attr), len);
	ret[len] = '\0';
}

static void link_message(struct net *n, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MTU + 1] = { NULL };
	struct attrs a = { tb, IFLA_MTU };
	struct net_link now = { .ifindex = (uint32_t)ifi->ifi_index };
	struct link_entry *l;

	HASH_FIND(hh, n->links, &now.ifindex, sizeof(now.ifindex), l);
	/* A bridge announces its ports with family AF_BRIDGE, also when a port merely leaves the bridge. */
	if (ifi->ifi_family != AF_UNSPEC)
		return;
	if (nlh->nlmsg_type == RTM_DELLINK) {
		if (l)
			drop_link(n, l);
		return;
	}
	mnl_attr_parse(nlh, sizeof(*ifi), on_attr, &a);
	if (tb[IFLA_IFNAME])
		copy_name(tb[IFLA_IFNAME], now.name, sizeof(now.name));
	if (net_attr_has(tb[IFLA_MTU], sizeof(uint32_t)))
		now.mtu = mnl_attr_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_ADDRESS] && mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(now.mac))
		memcpy(now.mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(now.mac));
	now.up = ifi->ifi_flags & IFF_UP;
	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return;
		l->link = now;
		HASH_ADD(hh, n->links, link.ifindex, sizeof(l->link.ifindex), l);
		l->seen = n->generation;
		cache_drop_routes(n);
		net_emit(n, NET_LINK_NEW, now.ifindex, now.name);
		return;
	}
	l->seen = n->generation;
	if (link_equal(&l->link, &now))
		return;
	l->link = now;
	cache_drop_routes(n);
	net_emit(n, NET_LINK_CHANGED, now.ifindex, now.name);
}

struct addr net_attr_addr(const struct nlattr *attr, int family)
{
	struct addr a = { 0 };

	if (!attr)
		return a;
	if (family == AF_INET && mnl_attr_get_payload_len(attr) >= sizeof(a.v4))
		memcpy(&a.v4, mnl_attr_get_payload(attr), sizeof(a.v4));
	else if (family == AF_INET6 && mnl_attr_get_payload_len(attr) >= sizeof(a.v6))
		memcpy(&a.v6, mnl_attr_get_payload(attr), sizeof(a.v6));
	else
		return a;
	a.family = family;
	return a;
}

/* An IPv6 address that is still being checked for duplicates, or failed the check, is not the host's own. */
static bool is_tentative(const struct ifaddrmsg *ifa, const struct nlattr *flags)
{
	uint32_t bits = ifa->ifa_flags;

	if (net_attr_has(flags, sizeof(bits)))
		bits = mnl_attr_get_u32(flags);
	return ifa->ifa_family == AF_INET6 && bits & (IFA_F_TENTATIVE | IFA_F_DADFAILED) && !(bits & IFA_F_OPTIMISTIC);
}

static void addr_message(struct net *n, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFA_MAX + 1] = { NULL };
	struct attrs a = { tb, IFA_MAX };
	struct addr_key key;
	struct addr_entry *e;
	struct addr addr;
	bool gone;

	mnl_attr_parse(nlh, sizeof(*ifa), on_attr, &a);
	addr = net_attr_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], ifa->ifa_family);
	if (!addr.family)
		return;
	key = net_addr_key(ifa->ifa_index, &addr);
	gone = nlh->nlmsg_type == RTM_DELADDR || is_tentative(ifa, tb[IFA_FLAGS]);
	HASH_FIND(hh, n->addrs, &key, sizeof(key), e);
	if (gone) {
		if (!e)
			return;
		HASH_DEL(n->addrs, e);
		free(e);
	} else if (e) {
		e->seen = n->generation;
		return;
	} else {
		e = calloc(1, sizeof(*e));
		if (!e)
			return;
		e->key = key;
		e->seen = n->generation;
		HASH_ADD(hh, n->addrs, key, sizeof(e->key), e);
	}
	cache_drop_routes(n);
	n->addr_changed = true;
}

static const unsigned char *usable_mac(const struct neigh_entry *e)
{
	static const unsigned char none[6];

	return e && e->state & NUD_USABLE && memcmp(e->mac, none, sizeof(none)) ? e->mac : NULL;
}

/* Marks the burst if somebody is interested in this neighbour and its usable MAC is another than 'before'. */
static void compare_mac(struct net *n, const struct addr_key *key, const unsigned char *before,
			const unsigned char *after)
{
	struct target_entry *t;

	if (before == after || (before && after && !memcmp(before, after, 6)))
		return;
	HASH_FIND(hh, n->targets, key, sizeof(*key), t);
	if (t)
		n->neigh_changed = true;
}

static void drop_neigh(struct net *n, struct neigh_entry *e)
{
	compare_mac(n, &e->key, usable_mac(e), NULL);
	HASH_DEL(n->neighs, e);
	free(e);
}

static void neigh_message(struct net *n, const struct nlmsghdr *nlh)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NDA_MAX + 1] = { NULL };
	struct attrs a = { tb, NDA_MAX };
	struct neigh_entry *e, before = { 0 };
	const struct nlattr *mac;
	struct addr_key key;
	struct addr addr;

	mnl_attr_parse(nlh, sizeof(*ndm), on_attr, &a);
	addr = net_attr_addr(tb[NDA_DST], ndm->ndm_family);
	if (!addr.family)
		return;
	key = net_addr_key((uint32_t)ndm->ndm_ifindex, &addr);
	HASH_FIND(hh, n->neighs, &key, sizeof(key), e);
	if (nlh->nlmsg_type == RTM_DELNEIGH) {
		if (e)
			drop_neigh(n, e);
		return;
	}
	if (e) {
		before = *e;
	} else {
		e = calloc(1, sizeof(*e));
		if (!e)
			return;
		e->key = key;
		HASH_ADD(hh, n->neighs, key, sizeof(e->key), e);
	}
	e->seen = n->generation;
	e->state = ndm->ndm_state;
	mac = tb[NDA_LLADDR];
	if (mac && mnl_attr_get_payload_len(mac) == sizeof(e->mac))
		memcpy(e->mac, mnl_attr_get_payload(mac), sizeof(e->mac));
	compare_mac(n, &key, usable_mac(&before), usable_mac(e));
}

static void route_message(struct net *n, const struct nlmsghdr *nlh)
{
	(void)nlh;
	cache_drop_routes(n);
	n->route_changed = true;
}

/* What each kind of message is for, and the head that it must have at least. */
static const struct {
	uint16_t type;
	size_t head;
	void (*enter)(struct net *n, const struct nlmsghdr *nlh);
} kinds[] = {
	{ RTM_NEWLINK, sizeof(struct ifinfomsg), link_message },
	{ RTM_DELLINK, sizeof(struct ifinfomsg), link_message },
	{ RTM_NEWADDR, sizeof(struct ifaddrmsg), addr_message },
	{ RTM_DELADDR, sizeof(struct ifaddrmsg), addr_message },
	{ RTM_NEWNEIGH, sizeof(struct ndmsg), neigh_message },
	{ RTM_DELNEIGH, sizeof(struct ndmsg), neigh_message },
	{ RTM_NEWROUTE, 0, route_message },
	{ RTM_DELROUTE, 0, route_message },
	{ RTM_NEWRULE, 0, route_message },
	{ RTM_DELRULE, 0, route_message },
	{ RTM_NEWNEXTHOP, 0, route_message },
	{ RTM_DELNEXTHOP, 0, route_message },
};

void cache_message(struct net *n, const struct nlmsghdr *nlh)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == nlh->nlmsg_type && mnl_nlmsg_get_payload_len(nlh) >= kinds[i].head)
			kinds[i].enter(n, nlh);
}

void cache_drop_unseen(struct net *n)
{
	struct link_entry *l, *l_next;
	struct addr_entry *a, *a_next;
	struct neigh_entry *e, *e_next;

	HASH_ITER(hh, n->links, l, l_next)
		if (l->seen != n->generation)
			drop_link(n, l);
	HASH_ITER(hh, n->addrs, a, a_next)
		if (a->seen != n->generation) {
			HASH_DEL(n->addrs, a);
			free(a);
			n->addr_changed = true;
		}
	HASH_ITER(hh, n->neighs, e, e_next)
		if (e->seen != n->generation)
			drop_neigh(n, e);
}

void cache_drop_routes(struct net *n)
{
	struct route_entry *r, *next;

	HASH_ITER(hh, n->routes, r, next) {
		HASH_DEL(n->routes, r);
		free(r);
	}
}

void cache_fini(struct net *n)
{
	struct target_entry *t, *next;

	n->fn = NULL;
	n->generation++;
	cache_drop_unseen(n);
	cache_drop_routes(n);
	HASH_ITER(hh, n->targets, t, next) {
		HASH_DEL(n->targets, t);
		free(t);
	}
}

const unsigned char *cache_mac(const struct net *n, const struct addr_key *key)
{
	struct neigh_entry *e;

	HASH_FIND(hh, n->neighs, key, sizeof(*key), e);
	return usable_mac(e);
}

const struct net_link *net_link_by_name(const struct net *n, const char *name)
{
	for (const struct link_entry *l = n->links; l; l = l->hh.next)
		if (!strcmp(l->link.name, name))
			return &l->link;
	return NULL;
}

const struct net_link *net_link_by_index(const struct net *n, uint32_t ifindex)
{
	struct link_entry *l;

	HASH_FIND(hh, n->links, &ifindex, sizeof(ifindex), l);
	return l ? &l->link : NULL;
}

int net_addrs_of(const struct net *n, uint32_t ifindex, struct host_addr **arr, size_t *nr)
{
	const struct net_link *link = net_link_by_index(n, ifindex);

	for (const struct addr_entry *a = n->addrs; link && a; a = a->hh.next) {
		struct host_addr *grown;

		if (a->key.ifindex != ifindex)
			continue;
		grown = realloc(*arr, (*nr + 1) * sizeof(**arr));
		if (!grown)
			return -ENOMEM;
		*arr = grown;
		grown[*nr] = (struct host_addr){ .addr = net_key_addr(&a->key) };
		memcpy(grown[*nr].ifname, link->name, sizeof(grown[*nr].ifname));
		(*nr)++;
	}
	return 0;
}
