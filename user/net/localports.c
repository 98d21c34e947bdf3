/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether the host forwards, and which ports it uses itself: they can never be source ports of balanced flows.
 *
 * Ports come from sock_diag(7), asked for listeners only. /proc/net/tcp, which is read where the kernel has no such
 * answer, lists listeners first; but the kernel looks for more lines than are read, through its whole table of
 * connections, which took 6 ms of a core each time on a host with hardly any. /proc is of the network namespace that
 * the process started in, as are our sockets.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "net/net_internal.h"

enum { TCP_STATE_LISTEN = 0x0a };

/* A table of sockets, as the kernel gives it in two ways. 'state' -1: sockets in any. */
struct socket_table {
	const char *path;
	int family;
	int proto;
	int state;
};

/* The first character of a setting of the interface, 0 if it cannot be read. */
static int setting(const char *ifname, int family, const char *name)
{
	char path[96];
	int c;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family == AF_INET ? "ipv4" : "ipv6", ifname, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	c = fgetc(f);
	(void)fclose(f);
	return c;
}

bool net_forwards(const char *ifname, int family)
{
	return setting(ifname, family, "forwarding") != '0';
}

bool net_redirects(const char *ifname)
{
	return setting(ifname, AF_INET, "send_redirects") == '1' || setting("all", AF_INET, "send_redirects") == '1';
}

int net_ephemeral_range(struct port_range *ret)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int lo, hi;
	int got;

	if (!f)
		return -errno;
	got = fscanf(f, "%u %u", &lo, &hi);
	(void)fclose(f);
	if (got != 2 || lo > hi || hi > UINT16_MAX)
		return -EPROTO;
	*ret = (struct port_range){ (uint16_t)lo, (uint16_t)hi };
	return 0;
}

static void set_port(uint64_t *ports, unsigned int port)
{
	ports[port / 64] |= (uint64_t)1 << (port % 64);
}

static int on_socket(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*msg))
		set_port(arg, ntohs(msg->id.idiag_sport));
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, const struct socket_table *t, uint64_t *ports)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct inet_diag_req_v2))] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	*req = (struct inet_diag_req_v2){ .sdiag_family = (__u8)t->family,
					  .sdiag_protocol = (__u8)t->proto,
					  .idiag_states = t->state < 0 ? UINT32_MAX : 1u << t->state };
	return net_exchange(nl, nlh, 1, on_socket, ports);
}

/* Sets a bit for each local port of a table of sockets. -errno: not, or not for all. */
static int ask_table(const struct socket_table *t, uint64_t *ports)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int rc;

	if (!nl)
		return -errno;
	rc = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ? -errno : ask(nl, t, ports);
	(void)mnl_socket_close(nl);
	return rc;
}

/* The same from /proc: of leading sockets only, where a state is asked for. */
static int read_table(const struct socket_table *t, uint64_t *ports)
{
	FILE *f = fopen(t->path, "re");
	char line[512];

	/* No IPv6 on this host: no table. */
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), f)) {
		unsigned int port, st;

		/*   0: 0100007F:1F90 00000000:0000 0A ... ; the heading does not match */
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &st) != 2 || port > UINT16_MAX)
			continue;
		if (t->state >= 0 && st != (unsigned int)t->state)
			break;
		set_port(ports, port);
	}
	(void)fclose(f);
	return 0;
}

int net_busy_ports(uint64_t *tcp, uint64_t *udp)
{
	static const struct socket_table tables[] = {
		{ "/proc/self/net/tcp", AF_INET, IPPROTO_TCP, TCP_STATE_LISTEN },
		{ "/proc/self/net/tcp6", AF_INET6, IPPROTO_TCP, TCP_STATE_LISTEN },
		{ "/proc/self/net/udp", AF_INET, IPPROTO_UDP, -1 },
		{ "/proc/self/net/udp6", AF_INET6, IPPROTO_UDP, -1 },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !rc; i++) {
		uint64_t *ports = tables[i].proto == IPPROTO_TCP ? tcp : udp;

		if (ask_table(&tables[i], ports))
			rc = read_table(&tables[i], ports);
	}
	return rc;
}
