/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two rtnetlink sockets of the daemon, and what happens when they speak.
 *
 * One socket listens to the kernel's announcements without blocking; when the kernel had to drop some (ENOBUFS)
 * everything is read again. The other one asks questions, which the kernel answers while the call lasts.
 */
#include "net/net_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
	EVENT_RCVBUF = 2 << 20, /* a few thousand announcements */
	DUMP_ATTEMPTS = 10,
	TICK_MS = 1000,
};

void net_emit(struct net *n, enum net_event_type type, uint32_t ifindex, const char *ifname)
{
	struct net_event ev = { .type = type, .ifindex = ifindex };

	if (n->quiet || !n->fn)
		return;
	strncpy(ev.ifname, ifname, sizeof(ev.ifname) - 1);
	n->fn(n->arg, &ev);
}

int net_exchange(struct mnl_socket *nl, struct nlmsghdr *nlh, unsigned int seq, mnl_cb_t cb, void *arg)
{
	unsigned int portid = mnl_socket_get_portid(nl);
	char buf[NET_BUF_SIZE];

	nlh->nlmsg_seq = seq;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		int rc;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		/* Late answers to a question that was given up carry an older number. */
		if (((struct nlmsghdr *)buf)->nlmsg_seq != seq)
			continue;
		rc = mnl_cb_run(buf, (size_t)len, seq, portid, cb, arg);
		if (rc < 0)
			return -errno;
		if (rc == MNL_CB_STOP)
			return 0;
	}
}

int net_talk(struct net *n, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	return net_exchange(n->requests, nlh, ++n->seq, cb, arg);
}

static int on_dump_message(const struct nlmsghdr *nlh, void *arg)
{
	cache_message(arg, nlh);
	return MNL_CB_OK;
}

static int dump(struct net *n, uint16_t type, unsigned char family)
{
	char buf[MNL_NLMSG_HDRLEN + 64] = { 0 };
	int rc;

	for (int attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
		size_t body = type == RTM_GETLINK ? sizeof(struct ifinfomsg) :
			      type == RTM_GETADDR ? sizeof(struct ifaddrmsg) :
						    sizeof(struct ndmsg);
		struct rtgenmsg *gen = mnl_nlmsg_put_extra_header(nlh, body);

		nlh->nlmsg_type = type;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		gen->rtgen_family = family;
		rc = net_talk(n, nlh, on_dump_message, n);
		if (rc != -EINTR)
			return rc;
	}
	return rc;
}

static void end_burst(struct net *n)
{
	bool addr = n->addr_changed, route = n->route_changed, neigh = n->neigh_changed;

	n->addr_changed = n->route_changed = n->neigh_changed = false;
	if (addr)
		net_emit(n, NET_ADDR_CHANGED, 0, "");
	if (route)
		net_emit(n, NET_ROUTE_CHANGED, 0, "");
	if (neigh)
		net_emit(n, NET_NEIGH_CHANGED, 0, "");
}

int net_refresh(struct net *n)
{
	int rc;

	n->generation++;
	cache_drop_routes(n);
	rc = dump(n, RTM_GETLINK, AF_UNSPEC);
	if (!rc)
		rc = dump(n, RTM_GETADDR, AF_UNSPEC);
	if (!rc)
		rc = dump(n, RTM_GETNEIGH, AF_INET);
	if (!rc)
		rc = dump(n, RTM_GETNEIGH, AF_INET6);
	if (rc)
		return rc;
	cache_drop_unseen(n);
	end_burst(n);
	return 0;
}

void net_messages(struct net *n, const char *buf, int len)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;

	for (; net_message_fits(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		cache_message(n, nlh);
}

/* Announcements wait. A burst is what is there now. */
static void on_events(uv_poll_t *poll, int status, int events)
{
	struct net *n = poll->data;
	char buf[NET_BUF_SIZE];
	bool lost = status < 0;

	(void)events;
	for (int i = 0; i < 256; i++) {
		ssize_t len = mnl_socket_recvfrom(n->events, buf, sizeof(buf));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			lost = true;
			continue;
		}
		if (len < 0)
			break;
		net_messages(n, buf, (int)len);
	}
	if (lost) {
		n->addr_changed = n->route_changed = n->neigh_changed = true;
		(void)net_refresh(n); /* fails only without memory; the next event tries again */
	}
	end_burst(n);
}

static void on_tick(uv_timer_t *timer)
{
	struct net *n = timer->data;

	resolve_tick(n);
	end_burst(n);
}

static int open_sockets(struct net *n)
{
	static const unsigned int groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	 RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE,   RTNLGRP_NEXTHOP,
	};
	int size = EVENT_RCVBUF, fd;
	struct timeval patience = { .tv_sec = 2 };

	n->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	n->requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->events || !n->requests)
		return -errno;
	if (mnl_socket_bind(n->events, 0, MNL_SOCKET_AUTOPID) || mnl_socket_bind(n->requests, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	fd = mnl_socket_get_fd(n->events);
	/* More than the limit needs a privilege; without it the system's default must do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(n->events, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i], sizeof(groups[i])))
			return -errno;
	fd = mnl_socket_get_fd(n->requests);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -errno;
	return 0;
}

static void net_free(struct net *n)
{
	cache_fini(n);
	if (n->events)
		mnl_socket_close(n->events);
	if (n->requests)
		mnl_socket_close(n->requests);
	free(n);
}

static void on_closed(uv_handle_t *handle)
{
	struct net *n = handle->data;

	if (!--n->nr_handles)
		net_free(n);
}

static int start_handles(struct net *n)
{
	int rc = uv_poll_init(n->loop, &n->poll, mnl_socket_get_fd(n->events));

	if (rc)
		return rc;
	n->poll.data = n;
	n->nr_handles++;
	rc = uv_timer_init(n->loop, &n->tick);
	if (rc)
		return rc;
	n->tick.data = n;
	n->nr_handles++;
	rc = uv_poll_start(&n->poll, UV_READABLE, on_events);
	return rc ? rc : uv_timer_start(&n->tick, on_tick, TICK_MS, TICK_MS);
}

int net_open(uv_loop_t *loop, void (*fn)(void *arg, const struct net_event *ev), void *arg, struct net **ret)
{
	struct net *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return -ENOMEM;
	n->loop = loop;
	n->fn = fn;
	n->arg = arg;
	rc = open_sockets(n);
	if (!rc) {
		/* Joined first, read after: a change in between is announced. */
		n->quiet = true;
		rc = net_refresh(n);
		n->quiet = false;
	}
	if (!rc)
		rc = start_handles(n);
	if (rc) {
		net_close(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void net_close(struct net *n)
{
	if (!n)
		return;
	n->fn = NULL;
	if (!n->nr_handles) {
		net_free(n);
		return;
	}
	if (n->nr_handles > 1)
		uv_close((uv_handle_t *)&n->tick, on_closed);
	uv_close((uv_handle_t *)&n->poll, on_closed);
}
