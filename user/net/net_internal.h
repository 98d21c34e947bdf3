/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of user/net share: the caches and who fills them. Included by user/net only.
 *
 * net.c owns the sockets and the order of things, cache.c turns rtnetlink messages into cache entries, resolve.c
 * answers questions from the caches and keeps the answers warm.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <uthash.h>

#include "net/net.h"

enum { NET_BUF_SIZE = 32768 }; /* the kernel sends dumps in parts of at most this size */

struct link_entry {
	struct net_link link;
	unsigned int seen; /* value of net.generation when the kernel last spoke of it */
	UT_hash_handle hh;
};

/* Compared as bytes: made by net_addr_key() only. */
struct addr_key {
	uint32_t ifindex;
	uint32_t family; /* AF_INET, AF_INET6 */
	__be32 addr[4];	 /* base/words.h */
};

struct addr_entry {
	struct addr_key key;
	unsigned int seen;
	UT_hash_handle hh;
};

struct neigh_entry {
	struct addr_key key;
	uint16_t state; /* NUD_* */
	unsigned char mac[6];
	unsigned int seen;
	UT_hash_handle hh;
};

/* A neighbour on the way to a server: kept resolved as long as somebody asks. */
struct target_entry {
	struct addr_key key;
	unsigned int round;  /* value of net.round when it was last asked for */
	uint64_t kicked_ms;  /* loop time of the last solicitation that we caused, 0: none */
	uint64_t doubted_ms; /* the same of net_doubt() */
	UT_hash_handle hh;
};

/* The kernel's answer to "how do I get there", kept until anything about routes, addresses or links changes. */
struct route_entry {
	struct addr_key dst; /* ifindex 0 */
	int err;	     /* 0 or -errno */
	uint32_t oif;
	struct addr gateway, source; /* family 0: none */
	unsigned int mtu;	     /* that the route itself names, 0: none */
	UT_hash_handle hh;
};

struct net {
	uv_loop_t *loop;
	void (*fn)(void *arg, const struct net_event *ev);
	void *arg;
	struct mnl_socket *events;   /* non-blocking, multicast groups */
	struct mnl_socket *requests; /* questions and dumps, answered at once by the kernel */
	unsigned int seq;
	uv_poll_t poll;
	uv_timer_t tick;
	unsigned int nr_handles;			 /* still open in the loop */
	bool quiet;					 /* first read: no events */
	bool addr_changed, route_changed, neigh_changed; /* within the present burst */
	unsigned int generation, round;
	struct link_entry *links;
	struct addr_entry *addrs;
	struct neigh_entry *neighs;
	struct target_entry *targets;
	struct route_entry *routes;
};

static inline struct addr_key net_addr_key(uint32_t ifindex, const struct addr *a)
{
	struct addr_key key = { .ifindex = ifindex, .family = (uint32_t)a->family };

	words_put(key.addr, a);
	return key;
}

static inline struct addr net_key_addr(const struct addr_key *key)
{
	return words_get(key->addr, key->family == AF_INET ? 4 : 6);
}

/* The address in an attribute of a message about 'family'; family 0 in the result: the attribute is too short. */
struct addr net_attr_addr(const struct nlattr *attr, int family);

/* cache.c */
void cache_message(struct net *n, const struct nlmsghdr *nlh);
/* Drops what has not been seen since 'generation' began. */
void cache_drop_unseen(struct net *n);
void cache_drop_routes(struct net *n);
void cache_fini(struct net *n);
/* The MAC that may be used now, or NULL. */
const unsigned char *cache_mac(const struct net *n, const struct addr_key *key);

/* Is the attribute there, with at least 'size' bytes? */
static inline bool net_attr_has(const struct nlattr *attr, size_t size)
{
	return attr && mnl_attr_get_payload_len(attr) >= size;
}

/* net.c */
void net_emit(struct net *n, enum net_event_type type, uint32_t ifindex, const char *ifname);
/*
 * Sends a message under the number 'seq' and hands every message of the answer to 'cb' (NULL: wait for the
 * acknowledgement). 0 or -errno; -EINTR if a dump was overtaken by a change and must be repeated.
 */
int net_exchange(struct mnl_socket *nl, struct nlmsghdr *nlh, unsigned int seq, mnl_cb_t cb, void *arg);
/* The same on the socket for requests, under the next number. */
int net_talk(struct net *n, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg);

/*
 * Is there a whole message in the next 'len' bytes, with the padding that its last attribute may count as its own?
 * libmnl's own look takes a length above INT_MAX for a negative one.
 */
static inline bool net_message_fits(const struct nlmsghdr *nlh, int len)
{
	return mnl_nlmsg_ok(nlh, len) && nlh->nlmsg_len <= (unsigned int)len &&
	       MNL_ALIGN(nlh->nlmsg_len) <= (unsigned int)len;
}

/* Enters the announcements in 'buf', which is aligned as a message and of 'len' bytes. */
void net_messages(struct net *n, const char *buf, int len);

/* resolve.c: called once a second. */
void resolve_tick(struct net *n);
/* Takes what a route is made of from the kernel's answer; a callback for net_talk(), 'arg' is a struct route_entry. */
int resolve_route_message(const struct nlmsghdr *nlh, void *arg);

#endif
