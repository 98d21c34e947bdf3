/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of image_build() share; included by nothing else. */
#ifndef MODEL_IMAGE_BUILD_H
#define MODEL_IMAGE_BUILD_H

#include "model/image.h"

/* A port range, or a server's way back for one, with the address that it is on. */
struct built_range {
	__be32 addr[4];
	uint8_t family;
	struct image_range range;
};

struct image_builder {
	struct model *m;
	const struct host_facts *host;
	struct image_ids *ids;
	struct diag_list *diags;
	struct image *img;
	const struct next_hop **hops; /* of host, by server address */
	size_t nr_hops;
	size_t cap_binds; /* of img->binds */
	struct built_range *ranges;
	size_t nr_ranges, cap_ranges;
	struct xlb_server *servers; /* records in the model's order, before they have numbers */
	bool *needs_state;	    /* by backend: its flows must be remembered, whatever its algorithm */
};

/* Appends to img->binds. 0, -ENOSPC, -ENOMEM. */
int image_add_bind(struct image_builder *b, const struct image_bind *bind);
int image_add_range(struct image_builder *b, const struct built_range *range);

/* image_server.c: records of servers, which decide about their numbers. Goes on after a fault, to report all of them.
 */
int image_build_servers(struct image_builder *b);
/* Can packets of a service of this family (4 or 6) get to the server? Not if it has no address yet. */
bool image_server_takes(const struct server *s, uint8_t family);
/* Can packets be sent to it now: next hop known through an attached interface, and what its mode needs? */
bool image_server_is_reachable(const struct image *img, const struct server *s);

/* image_bind.c: binds of all frontends, after their services have numbers. */
int image_build_binds(struct image_builder *b);

/* image_return.c: the ways back of servers in mode dnat. After the binds, which it leaves in order. */
int image_build_returns(struct image_builder *b);

/* image_backend.c: records of backends, after what needs state is known, then the rings. */
int image_build_backends(struct image_builder *b);
int image_build_rings(struct image_builder *b);

/* The number of a stick table, given out now if it has none, and its entry in the image. 0: no number is left. */
uint16_t image_number_table(struct image_builder *b, const struct stick_table *t);

/* image_policy.c: rules, after backends have numbers. Says in 'needs_state' which backends they may lead to. */
int image_build_policies(struct image_builder *b);

/* image_addr.c: addresses, their ranges, and busy ports. Last. */
int image_build_addrs(struct image_builder *b);

/* image.c: rounded up, so that nothing ends sooner than the file says; at most XLB_TICK_MAX. */
uint32_t image_ticks(const struct host_facts *host, unsigned int ms);

#endif
