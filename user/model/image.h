/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wanted contents of the data plane's tables, and the steps from one to the next.
 *
 * Pure. image_build() turns a model and what is known of the host into an image; plan_make() compares two images;
 * dataplane/apply.c executes the plan. Steps are ordered so that a packet never finds a service whose backend, ring or
 * server is absent: servers, rings, backends, services, addresses, binds; removal in the reverse order.
 */
#ifndef MODEL_IMAGE_H
#define MODEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlb/service.h>

#include "base/diag.h"
#include "model/model.h"

/* An IPv4 address of an attached interface. */
struct host_addr {
	struct addr addr;
	char ifname[16];
};

/* How packets get to a server: from user/net. */
struct next_hop {
	struct addr server;    /* the question */
	uint16_t oif;	       /* interface number, 0: not through an attached interface */
	unsigned char dmac[6]; /* all 0: unknown */
	unsigned char smac[6];
	struct addr source; /* address of ours that a route to the server prefers */
};

/* What image_build() must know of the host. */
struct host_facts {
	const struct host_addr *addrs;
	size_t nr_addrs;
	const struct next_hop *hops;
	size_t nr_hops;
	struct port_range ephemeral;
	const uint64_t *busy[2]; /* XLB_BUSY_WORDS words each, TCP and UDP ports in use on the host; NULL: none */
	unsigned int hz;	 /* jiffies per second */
	unsigned int tick_shift; /* see xlb/flow.h */
};

struct image_bind {
	struct xlb_vip vip; /* service set, proto set */
};

struct image_addr {
	struct xlb_addr rec; /* bloom filled */
};

struct image_ring {
	uint16_t *ids; /* owned */
	size_t len;
};

/*
 * Arrays are indexed by the numbers of the data plane; element 0 is unused. Unused bytes of all records are zero, binds
 * and addresses are in the order of image_sort(), so that images can be compared with memcmp().
 */
struct image {
	struct xlb_service *services;
	struct xlb_backend *backends; /* 'ring' is left 0: apply.c places rings */
	struct image_ring *rings;     /* by backend */
	struct xlb_server *servers;
	size_t nr_services, nr_backends, nr_servers; /* lengths of the arrays, unused slots included */
	struct image_bind *binds;
	size_t nr_binds;
	struct image_addr *addrs;
	size_t nr_addrs;
	uint64_t busy[2][XLB_BUSY_WORDS];
};

/* Numbers given out so far. Kept by the daemon across images; rebuilt from the pinned tables after a restart. */
struct image_ids;
struct image_ids *image_ids_new(void);
void image_ids_free(struct image_ids *ids);
/* Enters a number found in a pinned table. 'kind': 's'ervice, 'b'ackend, 'S'erver. -EINVAL, -ENOMEM. */
int image_ids_adopt(struct image_ids *ids, char kind, uint64_t identity, uint16_t id);
/* The number of 'identity', given out now if it has none yet; 0: all numbers of the kind are in use. */
uint16_t image_ids_get(struct image_ids *ids, char kind, uint64_t identity);
/* Gives back a server's number that no model uses and no flow carries any more. */
void image_ids_release(struct image_ids *ids, char kind, uint16_t id);
/*
 * Gives back every number that 'img', the image in force, does not use and of which 'is_free' says that no flow
 * carries it any more (backends are not asked about: flows do not know them). Returns how many.
 */
size_t image_ids_collect(struct image_ids *ids, const struct image *img,
			 bool (*is_free)(void *arg, char kind, uint16_t id), void *arg);

/*
 * Builds the image and writes dp_id into the model's frontends, backends and servers. Problems (a range that overlaps
 * the host's ports, too many binds) go to 'diags'. Returns 0, -EINVAL (see 'diags'), -ENOSPC, -ENOMEM; 'ret' is
 * untouched on failure.
 *
 * A frontend that is left to the stack or served by the daemon itself (stats) gives no bind. One that is disabled
 * keeps its binds, with XLB_SVC_ENABLED off: its flows go on, new ones pass to the host. Of two binds for one address
 * and port an enabled frontend's goes before a disabled one's, then a specific address before '*', then the first.
 *
 * A server whose next hop is unknown takes no part in the ring as long as another one's is known. Weights are exact up
 * to IMAGE_RING_MAX entries of a ring; beyond that they are divided by the smallest number that makes it fit, and
 * rounded, never to 0.
 */
enum { IMAGE_RING_MAX = 65536, IMAGE_BINDS_MAX = 32768 };
int image_build(struct model *m, const struct host_facts *host, struct image_ids *ids, struct diag_list *diags,
		struct image **ret);
void image_free(struct image *img); /* NULL is fine */

/* An image of nothing, with arrays of these lengths; NULL: out of memory. */
struct image *image_new(size_t nr_services, size_t nr_backends, size_t nr_servers);

/* Puts binds and addresses into their order. */
void image_sort(struct image *img);

/* Order of binds: by address, port and protocol as they lie in memory. */
int image_vip_cmp(const struct xlb_vip *a, const struct xlb_vip *b);

/* PLAN_RING writes the backend's record too. PLAN_BIND_ADD also stands for a bind that changes its service. */
enum plan_op {
	PLAN_BUSY,
	PLAN_SERVER,
	PLAN_RING,
	PLAN_SERVICE,
	PLAN_ADDR,
	PLAN_BIND_ADD,
	PLAN_BIND_DEL,
	PLAN_ADDR_DEL,
	PLAN_SERVICE_DEL,
	PLAN_RING_DEL,
	PLAN_SERVER_DEL,
};

struct plan_step {
	enum plan_op op;
	size_t index; /* into the new image; for *_DEL into the old one */
};

struct plan {
	struct plan_step *steps;
	size_t nr;
};

/* 'from' may be NULL (nothing there). Returns 0 or -ENOMEM. */
int plan_make(const struct image *from, const struct image *to, struct plan *ret);
void plan_fini(struct plan *p);

#endif
