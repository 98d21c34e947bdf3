/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel knows of the network, by rtnetlink on the event loop: links, addresses, neighbours, routes.
 *
 * Asks the kernel to resolve a server's neighbour and keeps it resolved (a probe every 10 s at most, sent by the
 * kernel itself: the daemon sets the entry to NUD_PROBE or touches it with a UDP datagram to the discard port).
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "model/image.h"
#include "model/ports.h"

struct net;

struct net_link {
	char name[16];
	uint32_t ifindex;
	bool up;
	unsigned int mtu;
	unsigned char mac[6];
};

enum net_event_type {
	NET_LINK_NEW,
	NET_LINK_CHANGED,
	NET_LINK_GONE,
	NET_ADDR_CHANGED,
	NET_ROUTE_CHANGED,
	NET_NEIGH_CHANGED
};

struct net_event {
	enum net_event_type type;
	uint32_t ifindex;
	char ifname[16];
};

/* Opens the sockets and reads the present state. 'fn' is called from the loop, once per burst and kind. 0 or -errno. */
int net_open(uv_loop_t *loop, void (*fn)(void *arg, const struct net_event *ev), void *arg, struct net **ret);
void net_close(struct net *n); /* NULL is fine; the loop must run once more to let handles close */

/* Re-reads everything now, with events for what differs. 0 or -errno. */
int net_refresh(struct net *n);

const struct net_link *net_link_by_name(const struct net *n, const char *name); /* NULL: no such interface */
const struct net_link *net_link_by_index(const struct net *n, uint32_t ifindex);

/* Addresses of the interface, appended to a growing array that the caller frees. 0 or -ENOMEM. */
int net_addrs_of(const struct net *n, uint32_t ifindex, struct host_addr **arr, size_t *nr);

/*
 * Begins a round of net_resolve() calls: neighbours that nobody asked for in the round before are no longer kept warm.
 */
void net_resolve_round(struct net *n);

/*
 * Asks the kernel for the route to hop->server, fills in all but oif, and *ret_ifindex with the interface that it
 * leaves by (0: none). The MAC stays all 0 while unknown; asking starts its resolution. 0 or -errno ("no route").
 */
int net_resolve(struct net *n, struct next_hop *hop, uint32_t *ret_ifindex);

/*
 * Somebody does not reach 'dst' although the kernel believes to know its MAC address: makes the kernel ask again, every
 * few seconds at most, rather than in the half minute for which it trusts what it knows.
 */
void net_doubt(struct net *n, const struct addr *dst);

/* Does the host forward packets of the family (AF_INET, AF_INET6) that come by the interface? True if it cannot be
 * told. */
bool net_forwards(const char *ifname, int family);

/*
 * May the host tell IPv4 stations behind the interface of a shorter way to others there, by ICMP redirects? It does so
 * only for packets that it forwards.
 */
bool net_redirects(const char *ifname);

/* net.ipv4.ip_local_port_range */
int net_ephemeral_range(struct port_range *ret);

/* Sets the bit of each local port that a TCP listener or UDP socket of this host uses. Two arrays of XLB_BUSY_WORDS. */
int net_busy_ports(uint64_t *tcp, uint64_t *udp);

#endif
