/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules of a row: none of them refuses anybody, so that every packet is asked about all and then goes its way. What
 * user/dataplane writes, written here without a daemon.
 */
#include "rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <xlb/policy.h>
#include <xlb/stick.h>

#include "ways.h"

enum { POLICY = 1, TABLE = 1, TABLE_SIZE = 1 << 17, HZ_PERIOD = 2500, OF_COUNTER = 63 };

/* Networks of 24 bits all over the world, as blocklists have them; none is the clients'. */
static __be32 network(uint32_t n)
{
	uint32_t net = (n * 2654435761u) & ~255u;

	return htonl(net >> 24 == WAYS_CLIENT >> 24 ? net + (1u << 24) : net);
}

static int make_trie(struct xlb_bpf *skel, uint32_t networks, uint32_t rules)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "bench_nets", sizeof(struct xlb_policy_key), sizeof(__u64),
				networks, &opts);
	uint32_t number = POLICY;
	int err = fd < 0 ? -errno : 0;

	for (uint32_t n = 0; n < networks && !err; n++) {
		struct xlb_policy_key key = { .prefixlen = XLB_POLICY_KIND_BITS + 24,
					      .kind = { XLB_FIELD_SRC, 4 },
					      .data[0] = network(n) };
		__u64 atoms = 1ull << n % rules;

		if (bpf_map_update_elem(fd, &key, &atoms, BPF_ANY))
			err = -errno;
	}
	if (!err && bpf_map_update_elem(bpf_map__fd(skel->maps.xlb_policy_nets), &number, &fd, BPF_ANY))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int make_table(struct xlb_bpf *skel)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "bench_stick", sizeof(struct xlb_stick_key),
				sizeof(struct xlb_stick), TABLE_SIZE, NULL);
	uint32_t number = TABLE;
	int err = fd < 0 ? -errno : 0;

	if (!err && bpf_map_update_elem(bpf_map__fd(skel->maps.xlb_sticks), &number, &fd, BPF_ANY))
		err = -errno;
	if (fd >= 0)
		close(fd);
	skel->bss->xlb_tables.stick_confs[TABLE] =
		(struct xlb_stick_conf){ .expire = 1 << 20, .conn_period = HZ_PERIOD };
	return err;
}

/* 'track-sc0 src', then 'reject' of who comes faster than anybody can. Returns the number of rows. */
static uint16_t put_tracking(struct xlb_rule *rows)
{
	rows[0] = (struct xlb_rule){ .op = XLB_RULE_TRACK, .next = 1, .arg = TABLE };
	rows[1] = (struct xlb_rule){ .op = XLB_RULE_COUNT,
				     .next = 2,
				     .field = XLB_COUNT_CONN_RATE,
				     .atom = OF_COUNTER,
				     .flags = XLB_RULE_FIRST | XLB_RULE_ANY_TABLE,
				     .lo = UINT32_MAX,
				     .hi = UINT32_MAX };
	rows[2] = (struct xlb_rule){ .op = XLB_RULE_REJECT, .next = 3, .want = 1ull << OF_COUNTER };
	return 3;
}

int rules_put(struct xlb_bpf *skel, const struct way *w)
{
	struct xlb_tables *t = &skel->bss->xlb_tables;
	struct xlb_rule *rows = &t->rules[POLICY * XLB_POLICY_ROWS];
	uint16_t nr = 0;
	int err = 0;

	if (w->tracked) {
		err = make_table(skel);
		nr = put_tracking(rows);
		t->services[1].track[0][0] = TABLE;
	}
	for (uint32_t i = 0; i < w->rules; i++, nr++)
		rows[nr] = (struct xlb_rule){ .op = XLB_RULE_REJECT, .next = (uint8_t)(nr + 1), .want = 1ull << i };
	if (!nr)
		return 0;
	if (!err && w->rules)
		err = make_trie(skel, w->networks, w->rules);
	rows[nr++] = (struct xlb_rule){ .op = XLB_RULE_TAKE, .arg = t->services[1].backend };
	t->policies[POLICY] =
		(struct xlb_policy){ .identity = 1, .nr_rows = nr, .fields = w->rules ? XLB_FIELD_SRC : 0 };
	t->services[1].policy = POLICY;
	return err;
}
