/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel announces by rtnetlink: any bytes as a buffer of messages. The caches must stay consistent: what they
 * list is found again, and nothing is left at the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *arg, const struct net_event *ev)
{
	size_t *nr = arg;

	if (strnlen(ev->ifname, sizeof(ev->ifname)) == sizeof(ev->ifname))
		abort();
	++*nr;
}

static void check_links(const struct net *n)
{
	struct host_addr *list = NULL;
	size_t nr = 0, listed = 0;

	for (const struct link_entry *l = n->links; l; l = l->hh.next) {
		if (strlen(l->link.name) >= sizeof(l->link.name) || net_link_by_index(n, l->link.ifindex) != &l->link ||
		    !net_link_by_name(n, l->link.name) || net_addrs_of(n, l->link.ifindex, &list, &nr))
			abort();
	}
	for (const struct addr_entry *a = n->addrs; a; a = a->hh.next)
		listed += net_link_by_index(n, a->key.ifindex) != NULL;
	if (nr != listed)
		abort();
	free(list);
}

/* Answers to the question for a route come alone. */
static void read_routes(const char *buf, int len)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	struct route_entry r = { 0 };

	for (; net_message_fits(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		(void)resolve_route_message(nlh, &r);
	if (r.gateway.family != 0 && r.gateway.family != AF_INET && r.gateway.family != AF_INET6)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net n = { .fn = on_event };
	size_t nr_events = 0;
	char *buf = malloc(size + !size); /* exactly as large, so that a look beyond it is seen */

	if (!buf)
		return 0;
	n.arg = &nr_events;
	memcpy(buf, data, size);
	net_messages(&n, buf, (int)size);
	check_links(&n);
	read_routes(buf, (int)size);
	n.generation++;
	net_messages(&n, buf, (int)size); /* as after a loss: all is read again */
	cache_drop_unseen(&n);
	check_links(&n);
	cache_fini(&n);
	if (n.links || n.addrs || n.neighs || n.routes)
		abort();
	free(buf);
	return 0;
}
