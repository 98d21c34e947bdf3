/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the yardstick's maps, shared by yardstick.bpf.c and the harness. Addresses and ports in network order. */
#ifndef BENCH_YARDSTICK_H
#define BENCH_YARDSTICK_H

#include "bench.h"

enum { YS_PORT_TRIES = 32 };

struct ys_vip {
	__be32 addr;
	__be16 port;
	__u8 proto;
	__u8 pad;
};

struct ys_service {
	__u32 id;
	__u32 first_server;
	__u32 nr_servers;
};

struct ys_server {
	__be32 addr;
	__be32 source;
	__be16 port;
	__u8 mac[6];
};

struct ys_key {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};

struct ys_flow {
	__be32 new_saddr;
	__be32 new_daddr;
	__be16 new_sport;
	__be16 new_dport;
	__u8 dmac[6];
	__u16 service;
	__u16 server;
	__u16 reply;
};

struct ys_stats {
	__u64 packets_in;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 bytes_out;
};

enum ys_verdict { YS_PASS, YS_SENT, YS_SHORT, YS_BAD, YS_NO_FLOW, YS_REFUSED, YS_NR_VERDICTS };

#endif
