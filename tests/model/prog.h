/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program under test, with all its tables in the test's memory.
 *
 * Maps per CPU and those without a mapping are made plain mapped arrays before the program is loaded: the test runs on
 * one CPU, and reading a counter then costs no system call. The program is the one that is built, unchanged.
 *
 * Time stands nearly still: a tick is 2^16 jiffies, and a second as long, so within a sequence nothing refills or runs
 * out by itself. The test makes time pass by making entries older.
 */
#ifndef TESTS_MODEL_PROG_H
#define TESTS_MODEL_PROG_H

#include <xlb/abi.h>

#include "model.h"

/* Layouts that are no part of the ABI; the maps are the program's own working memory. */
struct prog_tokens {
	__u64 jiffies, tokens;
};

struct prog {
	const char *object; /* file to load in place of the program that is built in; NULL: none */
	struct xlb_bpf *skel;
	struct model_poison_bpf *front;
	struct xlb_control *control;
	struct xlb_bucket4 *flows;
	struct xlb_bucket6 *flows6;
	struct xlb_addr *addrs;
	struct xlb_vip_bucket *vips;
	struct xlb_range *ranges;
	struct xlb_return *returns;
	struct xlb_service *services;
	struct xlb_backend *backends;
	struct xlb_cursor *cursors;
	struct xlb_ring *ring, *marks;
	struct xlb_server *servers;
	struct xlb_load *load, *svc_load;
	struct xlb_nexthop *nexthops;
	struct xlb_busy *busy;
	__u64 *reasons;
	struct xlb_stats *svc_stats, *srv_stats;
	struct xlb_limit *limits;
	struct prog_tokens *rates;
	void *hops; /* what the routing table said of clients lately */
	size_t hops_len;
	int frags_fd, stick_fd[4]; /* stick tables 1 to 3 */
	int in_ifindex;
	__u32 nr_buckets, nr_buckets6;
	__u64 secrets[XLB_NR_SECRETS];
	__u64 jiffies; /* when the test began */
};

/* Makes the namespace with its routes, and loads. 'nr_buckets' of each table. 0 or negative errno, explained on stderr.
 */
int prog_open(struct prog *p, __u32 nr_buckets);
void prog_close(struct prog *p);

/* Fills routes and MAC addresses of the namespace into 'c'. */
void prog_routes(struct m_config *c);
extern const uint8_t prog_mac_in[6], prog_mac_other[6], prog_mac_client[6];

/* Runs one frame. Returns the verdict, or negative errno. */
int prog_run(struct prog *p, const struct frame *in, struct frame *out);

/* Writes what the daemon would: all of it, or what may change at run time. */
void prog_write_all(struct prog *p, const struct m_config *c);
void prog_write_records(struct prog *p, const struct m_config *c);

/* Forgets flows, counters and all else that packets left behind. */
void prog_reset(struct prog *p, const struct model *m);

/* Forgets what the routing table said. */
void prog_forget_hops(struct prog *p);

/* Live entry of a key, or NULL. */
struct xlb_flow_body *prog_find(struct prog *p, const struct m_key *key, enum xlb_flow_kind kind);

/* m_peek_fn on a struct prog. */
bool prog_peek(void *ctx, const struct m_key *request, uint16_t *ret_server, uint16_t *ret_sport);

/* Everything that was seen is 'ticks' older from now on. */
void prog_age(struct prog *p, const struct model *m, uint32_t ticks);

#endif
