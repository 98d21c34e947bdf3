/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What of this host will not go with the configuration: programs that wait where packets are balanced, interfaces that
 * do not forward what stateless dnat leaves to the kernel, or that send redirects past the balancer.
 *
 * Warnings only, with the command that mends it: the host is its owner's.
 */
#include <stdio.h>

#include "dataplane/dp.h"
#include "net/net.h"
#include "xlbd/hosts.h"
#include "xlbd/state.h"

static void warn_bind(const struct frontend *f, const struct bind *b, const uint64_t *busy, struct diag_list *diags)
{
	for (unsigned int port = b->port_lo; port <= b->port_hi; port++) {
		if (!(busy[port / 64] >> (port % 64) & 1))
			continue;
		diag_add(diags, DIAG_WARNING, NULL, NULL,
			 "on attached interfaces the backend gets them from now on; 'xlbctl detach' gives them back",
			 "frontend '%s' (line %u): a program of this host waits for packets to port %u/%s too", f->name,
			 b->line, port, b->proto == IPPROTO_UDP ? "udp" : "tcp");
		return; /* one of a range says it all */
	}
}

void hosts_warn_listeners(const struct model *m, struct diag_list *diags)
{
	uint64_t tcp[XLB_BUSY_WORDS] = { 0 }, udp[XLB_BUSY_WORDS] = { 0 };
	const struct frontend *f;
	const struct bind *b;

	if (net_busy_ports(tcp, udp))
		return;
	TAILQ_FOREACH(f, &m->frontends, next) {
		if (f->disabled || f->left_to_stack || f->stats.enabled || f->stats.metrics)
			continue;
		if (f->no_backend == NO_BACKEND_PASS) /* 'fallback local': it waits there to step in */
			continue;
		TAILQ_FOREACH(b, &f->binds, next)
			warn_bind(f, b, b->proto == IPPROTO_UDP ? udp : tcp, diags);
	}
}

/* Does the image have a way back that no flow remembers, for answers of the family? */
static bool returns_without_state(const struct image *img, uint8_t family)
{
	for (size_t i = 0; img && i < img->nr_binds; i++)
		if (img->binds[i].service & XLB_VIP_RETURN && img->binds[i].family == family &&
		    !(img->binds[i].ret.flags & XLB_RETURN_STATE))
			return true;
	return false;
}

static void warn_interface(const struct state *st, const char *ifname, int family, struct diag_list *diags)
{
	char hint[96];

	if (net_forwards(ifname, family) || !returns_without_state(st->image, family == AF_INET ? 4 : 6))
		return;
	snprintf(hint, sizeof(hint), "sysctl -w net.%s.conf.%s.forwarding=1", family == AF_INET ? "ipv4" : "ipv6",
		 ifname);
	diag_add(diags, DIAG_WARNING, NULL, NULL, hint,
		 "interface %s does not forward %s: answers of servers in 'forward dnat' with 'hash-type consistent' "
		 "find no way back to the clients",
		 ifname, family == AF_INET ? "IPv4" : "IPv6");
}

static bool has_dnat4(const struct image *img)
{
	for (size_t i = 0; img && i < img->nr_servers; i++)
		if (img->servers[i].mode == XLB_MODE_DNAT && img->servers[i].family == 4)
			return true;
	return false;
}

/*
 * Servers in dnat have the balancer as their router. What else of theirs passes it, the kernel forwards, and where
 * clients are on the same link it tells the server to go there directly: the answers do so from then on.
 */
static void warn_redirects(const struct state *st, const char *ifname, struct diag_list *diags)
{
	char hint[128];

	if (!has_dnat4(st->image) || !net_forwards(ifname, AF_INET) || !net_redirects(ifname))
		return;
	snprintf(hint, sizeof(hint), "sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.%s.send_redirects=0",
		 ifname);
	diag_add(diags, DIAG_WARNING, NULL, NULL, hint,
		 "interface %s sends ICMP redirects: a server in 'forward dnat' that is told so answers clients of its "
		 "own "
		 "subnet past the balancer",
		 ifname);
}

void hosts_warn_forwarding(const struct state *st, struct diag_list *diags)
{
	size_t nr;
	const struct dp_if *ifs = dp_ifs(st->dp, &nr);

	if (nr == 1) /* else clients and servers are on different links, as far as one can tell */
		warn_redirects(st, ifs[0].name, diags);
	for (size_t i = 0; i < nr; i++) {
		warn_interface(st, ifs[i].name, AF_INET, diags);
		warn_interface(st, ifs[i].name, AF_INET6, diags);
	}
}
