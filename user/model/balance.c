/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names and properties of forward modes and algorithms. */
#include "model/balance.h"

static const struct {
	const char *name;
	bool keeps_port;
} forwards[NR_FORWARDS] = {
	[FORWARD_FULLNAT] = { "fullnat", false },
	[FORWARD_DNAT] = { "dnat", false },
	[FORWARD_L2DSR] = { "l2dsr", true },
	[FORWARD_IPIP] = { "ipip", true },
};

const char *forward_name(enum forward f)
{
	return forwards[f].name;
}

bool forward_keeps_port(enum forward f)
{
	return forwards[f].keeps_port;
}

static const char *const algorithms[NR_BALANCE_ALGS] = {
	[BALANCE_ROUNDROBIN] = "roundrobin",
	[BALANCE_STATIC_RR] = "static-rr",
	[BALANCE_LEASTCONN] = "leastconn",
	[BALANCE_SOURCE] = "source",
	[BALANCE_RANDOM] = "random",
	[BALANCE_FIRST] = "first",
	[BALANCE_HASH] = "hash",
};

const char *balance_name(enum balance_alg alg)
{
	return algorithms[alg];
}
