/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attaches the bare rewrite to an interface until it is ended: the limit that the end-to-end bench compares with.
 * Addresses and MACs come from the command line, since the program has no tables.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench_bare.skel.h"

/* "ADDRESS,MAC" as text into both. */
static bool parse_host(const char *text, __be32 *ret_addr, unsigned char *ret_mac)
{
	char addr[INET_ADDRSTRLEN];
	unsigned int m[6];

	if (sscanf(text, "%15[0-9.],%x:%x:%x:%x:%x:%x", addr, &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 7 ||
	    inet_pton(AF_INET, addr, ret_addr) != 1)
		return false;
	for (int i = 0; i < 6; i++)
		ret_mac[i] = (unsigned char)m[i];
	return true;
}

static int attach(const struct bench_bare_bpf *skel, const char *ifname)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	unsigned int ifindex = if_nametoindex(ifname);

	if (!ifindex)
		return -errno;
	return bpf_link_create(bpf_program__fd(skel->progs.bare), (int)ifindex, BPF_XDP, &opts);
}

int main(int argc, char **argv)
{
	struct bench_bare_bpf *skel = bench_bare_bpf__open();
	int link;

	if (argc != 8 || !skel) {
		fprintf(stderr, "usage: bench-bare IF VIP VIP-PORT SERVER-PORT CLIENT,MAC SERVER,MAC SERVER,MAC\n");
		return 2;
	}
	skel->rodata->bare_vip_port = htons((uint16_t)atoi(argv[3]));
	skel->rodata->bare_server_port = htons((uint16_t)atoi(argv[4]));
	if (inet_pton(AF_INET, argv[2], (void *)&skel->rodata->bare_vip) != 1 ||
	    !parse_host(argv[5], (__be32 *)&skel->rodata->bare_client,
			(unsigned char *)skel->rodata->bare_client_mac) ||
	    !parse_host(argv[6], (__be32 *)&skel->rodata->bare_server[0],
			(unsigned char *)skel->rodata->bare_server_mac[0]) ||
	    !parse_host(argv[7], (__be32 *)&skel->rodata->bare_server[1],
			(unsigned char *)skel->rodata->bare_server_mac[1])) {
		fprintf(stderr, "bench-bare: give addresses as 192.0.2.1,02:00:00:00:00:01\n");
		return 2;
	}
	if (bench_bare_bpf__load(skel))
		return 1;
	link = attach(skel, argv[1]);
	if (link < 0) {
		fprintf(stderr, "bench-bare: attach to %s: %s\n", argv[1], strerror(-link));
		return 1;
	}
	puts("attached");
	fflush(stdout);
	pause(); /* the link ends with the process */
	return 0;
}
