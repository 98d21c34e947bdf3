/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network that the programs under test see, and the frames of the scene of bench.h as user code builds and checks
 * them.
 */
#ifndef BENCH_SCENE_H
#define BENCH_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"

extern const uint8_t router_mac[6]; /* every client lies behind this router */
extern const uint8_t server_mac[6]; /* of all servers */

struct scene {
	uint32_t ifindex; /* a veth with the balancer's address and a default route through the router */
	uint8_t mac[6];	  /* of that veth */
};

/* Moves the process into a network namespace of its own, which ends with it, and builds the scene there. 0, -errno. */
int scene_open(struct scene *ret);

/* A valid TCP frame of FRAME_LEN bytes from the router to the balancer, with the given byte 13 of the TCP header. */
void frame_build(const struct scene *scene, const struct bench_tuple *t, uint8_t tcp_flags, uint8_t *ret_frame);

/* Reads addresses and ports of a frame that a target sent. False if it is not TCP over IPv4 from the balancer to a
 * server or the router, or if one of its checksums is wrong. */
bool frame_parse(const uint8_t *frame, size_t len, struct bench_tuple *ret);

/* The SYN of a flow number. */
struct bench_tuple tuple_of_flow(uint32_t flow);

#endif
