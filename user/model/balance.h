/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a backend chooses a server, how packets get there, and how a client stays at its server: the words of 'balance',
 * 'hash-type', '#@xlb forward', 'stick-table' and 'stick' as data. Pure.
 */
#ifndef MODEL_BALANCE_H
#define MODEL_BALANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* How packets get to a server; design of the return path: fullnat and dnat through xlb, the others directly. */
enum forward {
	FORWARD_FULLNAT, /* addresses and ports both ways, the server sees an address of the balancer */
	FORWARD_DNAT,	 /* destination only, the server sees the client and answers through xlb */
	FORWARD_L2DSR,	 /* destination MAC only; no change of port or family */
	FORWARD_IPIP,	 /* an outer header in front; no change of port */
	NR_FORWARDS
};

/* The word of '#@xlb forward': "fullnat" and so on. */
const char *forward_name(enum forward f);

/* Does the mode keep the port that the client asked for? */
bool forward_keeps_port(enum forward f);

enum balance_alg {
	BALANCE_ROUNDROBIN, /* weighted, smooth; the default when the file has no 'balance' */
	BALANCE_STATIC_RR,  /* the same here: a change of weight costs nothing */
	BALANCE_LEASTCONN,
	BALANCE_SOURCE, /* hash of the client's address */
	BALANCE_RANDOM, /* the least loaded of 'draws' random ones */
	BALANCE_FIRST,	/* the first in order of id with room below its maxconn */
	BALANCE_HASH,	/* hash of 'parts' */
	NR_BALANCE_ALGS
};

/* The word of 'balance': "roundrobin" and so on. */
const char *balance_name(enum balance_alg alg);

/* What is hashed, for BALANCE_SOURCE (BALANCE_PART_SRC alone) and BALANCE_HASH. */
enum balance_part {
	BALANCE_PART_SRC = 1u << 0,
	BALANCE_PART_SRC_PORT = 1u << 1,
	BALANCE_PART_DST = 1u << 2,
	BALANCE_PART_DST_PORT = 1u << 3,
	BALANCE_PART_TUPLE = 0xf, /* of '#@xlb balance tuple': all of them, with the protocol */
};

/* Zero-initialised is 'balance roundrobin'. */
struct balance {
	enum balance_alg alg;
	bool consistent;    /* 'hash-type consistent': a Maglev table; else 'map-based', the hash modulo the servers */
	unsigned int draws; /* of random, at least 1; HAProxy's default 2 */
	unsigned int parts; /* enum balance_part, 0 for algorithms that do not hash */
	uint8_t mask4, mask6; /* leading bits of an address that are hashed (converter ipmask); 32 and 128: all */
	unsigned int factor;  /* 'hash-balance-factor': 0 or 101..65535 per cent of the mean load */
};

/* What a table counts or keeps per client: words of 'store'. */
enum table_store {
	TABLE_SERVER_ID = 1u << 0, /* implied by 'stick' rules */
	TABLE_CONN_CNT = 1u << 1,
	TABLE_CONN_CUR = 1u << 2,
	TABLE_CONN_RATE = 1u << 3, /* in 'conn_rate_ms'; sess_rate is the same at layer 4 */
	TABLE_GPC0 = 1u << 4,
	TABLE_GPC0_RATE = 1u << 5, /* in 'gpc0_rate_ms' */
	TABLE_GPC1 = 1u << 6,
	TABLE_GPT0 = 1u << 7,
	TABLE_BYTES_IN = 1u << 8,
	TABLE_BYTES_OUT = 1u << 9,
};

/* 'stick-table'; named as the proxy that it stands in. */
struct stick_table {
	TAILQ_ENTRY(stick_table) next;
	char *name;
	int family;				 /* AF_INET, AF_INET6: kind of the key */
	unsigned int size;			 /* entries at most */
	unsigned int expire_ms;			 /* idle time after which an entry goes; 0: never */
	bool nopurge;				 /* a full table refuses new entries instead of dropping the oldest */
	char *peers;				 /* name of a 'peers' section, or NULL */
	unsigned int store;			 /* enum table_store */
	unsigned int conn_rate_ms, gpc0_rate_ms; /* window of the rate, 0: not stored */
	unsigned int line;
};

TAILQ_HEAD(stick_table_list, stick_table);

/* Persistence of a backend: 'stick on src' and its two halves. */
struct stick {
	const struct stick_table *table; /* NULL: no persistence; owned by the model */
	bool match;			 /* look the client up before balancing */
	bool store;			 /* enter it after */
	bool by_dst;			 /* the key is the destination address: 'stick on dst' */
};

#endif
