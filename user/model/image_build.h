/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of image_build() share; included by nothing else. */
#ifndef MODEL_IMAGE_BUILD_H
#define MODEL_IMAGE_BUILD_H

#include "model/image.h"

struct image_builder {
	struct model *m;
	const struct host_facts *host;
	struct image_ids *ids;
	struct diag_list *diags;
	struct image *img;
	const struct next_hop **hops; /* of host, by server address */
	size_t nr_hops;
	size_t cap_addrs;
};

/* image_server.c: numbers and records of backends and servers, then the rings. */
int image_build_servers(struct image_builder *b);
int image_build_rings(struct image_builder *b);

/* image_bind.c: binds of all frontends, after their services have numbers; then addresses and busy ports. */
int image_build_binds(struct image_builder *b);
int image_build_addrs(struct image_builder *b);

#endif
