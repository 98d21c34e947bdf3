/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What /proc tells: whether the host forwards, and which ports it uses itself: they can never be source ports of
 * balanced flows.
 *
 * /proc/net/tcp lists listeners first, so reading stops at the first socket that is none; a host with many connections
 * costs no more than one without. /proc is of the network namespace that the process started in, as are our sockets.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/net.h"

enum { TCP_STATE_LISTEN = 0x0a };

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

/* Sets a bit for each local port of a table of sockets. 'state' -1: of every socket, else only leading ones in it. */
static int read_table(const char *path, int state, uint64_t *ports)
{
	FILE *f = fopen(path, "re");
	char line[512];

	/* No IPv6 on this host: no table. */
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), f)) {
		unsigned int port, st;

		/*   0: 0100007F:1F90 00000000:0000 0A ... ; the heading does not match */
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &st) != 2 || port > UINT16_MAX)
			continue;
		if (state >= 0 && st != (unsigned int)state)
			break;
		ports[port / 64] |= (uint64_t)1 << (port % 64);
	}
	(void)fclose(f);
	return 0;
}

int net_busy_ports(uint64_t *tcp, uint64_t *udp)
{
	int rc = read_table("/proc/self/net/tcp", TCP_STATE_LISTEN, tcp);

	if (!rc)
		rc = read_table("/proc/self/net/tcp6", TCP_STATE_LISTEN, tcp);
	if (!rc)
		rc = read_table("/proc/self/net/udp", -1, udp);
	if (!rc)
		rc = read_table("/proc/self/net/udp6", -1, udp);
	return rc;
}
