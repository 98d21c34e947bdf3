/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health checks on the event loop: one timer and at most one probe under way per checked server.
 *
 * Does not know servers' states: the caller owns struct check_state, enters results through user/model/check.c and
 * tells how long to wait. A slow check never delays another.
 */
#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H

#include <stdint.h>
#include <uv.h>

#include "model/check.h"

struct health;
struct health_probe;

struct health_result {
	enum check_code code;
	int status; /* of HTTP, or 0 */
	long duration_ms;
	const char *desc;   /* "Connection refused", or NULL; valid during the call */
	const char *answer; /* of an agent that has answered, else NULL; the same */
	size_t answer_len;
};

/* How traffic for the balanced address gets to a server, of a check with 'via'. */
struct health_path {
	int ifindex;
	unsigned char mac[6];		    /* of the next hop */
	struct addr source;		    /* an address of ours; the balanced one would be the server's own */
	struct addr tunnel_from, tunnel_to; /* family 0: no tunnel */
	/* Filled by the probe. */
	struct addr vip;
	uint16_t vip_port, source_port;
};

/* What a probe asks of its owner. */
struct health_ops {
	/* The path as it is now, asked for at each probe of a check with 'via'; may be NULL where there are none. 0,
	 * -EHOSTUNREACH: the next hop is not known, -EADDRNOTAVAIL: there is no address to ask from. */
	int (*path)(void *arg, struct health_path *ret);
	/* What 'http-check send-state' tells the server of itself; may be NULL where no script has it. */
	void (*describe)(void *arg, char *buf, size_t cap);
	/* A probe starts. */
	void (*started)(void *arg);
	/* A probe ended; enters the result and returns after how many ms from the probe's start the next is due. */
	unsigned int (*finished)(void *arg, const struct health_result *res);
};

int health_new(uv_loop_t *loop, struct health **ret);
void health_free(struct health *h); /* all probes must be stopped; NULL is fine */

/*
 * At most 'max' probes ask at one time, others wait their turn in the order of their times, so that many servers that
 * do not answer cannot use up the process's descriptors. 0, and the state after health_new(): three quarters of what
 * RLIMIT_NOFILE allows at that moment.
 */
void health_limit(struct health *h, unsigned int max);

/*
 * Starts checking 'addr':'port' as 'conf' says; the first probe comes after 'delay_ms'. 'conf' is copied. 'timeouts'
 * are those of check_connect_timeout() and check_total_timeout(), asked anew at each probe through 'state'.
 */
int health_start(struct health *h, const struct check_conf *conf, const struct check_state *state,
		 const struct addr *addr, uint16_t port, unsigned int delay_ms, const struct health_ops *ops, void *arg,
		 struct health_probe **ret);

/* A probe that waits asks after 'delay_ms' at the latest. */
void health_hurry(struct health_probe *p, unsigned int delay_ms);

/* No callback comes after this returns. NULL is fine. */
void health_stop(struct health_probe *p);

#endif
