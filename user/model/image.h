/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wanted contents of the data plane's tables, and the steps from one to the next.
 *
 * Pure. image_build() turns a model and what is known of the host into an image; plan_make() compares two images;
 * dataplane/apply.c executes the plan. Steps are ordered so that a packet never finds a service whose backend, ring or
 * server is absent: servers, rings, backends, policies, services, addresses, binds; removal in the reverse order.
 */
#ifndef MODEL_IMAGE_H
#define MODEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlb/policy.h>
#include <xlb/service.h>
#include <xlb/stick.h>

#include "base/diag.h"
#include "base/words.h"
#include "model/model.h"

/* An address of an attached interface. */
struct host_addr {
	struct addr addr;
	char ifname[16];
};

/* How packets get to a server: from user/net. */
struct next_hop {
	struct addr server;    /* the question */
	uint16_t oif;	       /* interface number, 0: not through an attached interface */
	uint16_t mtu;	       /* largest IP packet on the way, 0: no route */
	bool on_link;	       /* no router in between */
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
	unsigned int nr_cpus;	 /* that packets may arrive on; 0 counts as 1 */
	uint64_t now_ms;	 /* CLOCK_MONOTONIC, for slowstart */
	const uint32_t *active;	 /* live flows by number of server, XLB_MAX_SERVERS of them; NULL: none */
	const struct image
		*previous; /* the image in force, whose tables are taken over where nothing changed; or NULL */
	/*
	 * The model is not in force yet: what the network does not allow is an error. Else only the servers that it
	 * concerns are left out, with a warning, because the network has changed under a configuration that was good.
	 */
	bool new_config;
};

/* The key of a bind or a return: an address as the tables hold it (base/words.h), a port and a protocol. */
struct image_bind {
	__be32 addr[4];
	__be16 port;
	uint16_t service; /* index; XLB_VIP_RETURN: the way back of a server, see 'ret' */
	uint8_t family;	  /* 4 or 6 */
	uint8_t proto;
	uint16_t pad;
	struct xlb_return ret; /* apply.c gives it its number */
};

struct image_range {
	struct xlb_range rec;  /* 'service' as in image_bind */
	struct xlb_return ret; /* as in image_bind */
};

struct image_addr {
	struct xlb_addr rec; /* first_range is left 0: apply.c places ranges */
	size_t first_range;  /* its ranges are image.ranges[first_range .. + rec.nr_ranges - 1] */
	size_t nr_users;     /* binds on it, and servers that it is the source for; 0 in an image that was read back */
};

struct image_ring {
	uint16_t *ids; /* owned; 0: a slot without a usable server */
	size_t len;
	uint8_t alg;	 /* enum xlb_alg */
	uint64_t origin; /* hash of all that decides about 'ids': the next image need not compute them again; 0: unknown
			  */
};

/* A stick table, by number in xlb_sticks. */
struct image_stick {
	uint32_t identity; /* of the table's name, 0: the number is free */
	uint32_t size;	   /* entries */
	struct xlb_stick_conf conf;
};

/* Rules of a frontend, by number in xlb_tables.policies. */
struct image_policy {
	struct xlb_policy rec;	 /* identity 0: the number is free */
	struct xlb_rule *rows;	 /* owned, rec.nr_rows of them; NULL in an image read back from the tables */
	struct policy_net *nets; /* owned, the same */
	size_t nr_nets;
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
	struct image_stick sticks[XLB_MAX_STICKS];
	struct image_policy policies[XLB_MAX_POLICIES];
	struct image_bind *binds; /* returns among them */
	size_t nr_binds;
	struct image_addr *addrs;
	size_t nr_addrs;
	struct image_range *ranges; /* those of one address side by side, in the order in which they are looked at */
	size_t nr_ranges;
	uint64_t busy[2][XLB_BUSY_WORDS];
};

/* Numbers given out so far. Kept by the daemon across images; rebuilt from the pinned tables after a restart. */
struct image_ids;
struct image_ids *image_ids_new(void);
void image_ids_free(struct image_ids *ids);
/* Identity is of the name, but image_server_key() for servers. Enters a number found in a pinned table. 'kind':
 * 's'ervice, 'b'ackend, 'S'erver, 't'able, 'p'olicy. -EINVAL, -ENOMEM. */
int image_ids_adopt(struct image_ids *ids, char kind, uint64_t identity, uint16_t id);
/* The number of 'identity', given out now if it has none yet; 0: all numbers of the kind are in use. */
uint16_t image_ids_get(struct image_ids *ids, char kind, uint64_t identity);
/* Gives back a server's number that no model uses and no flow carries any more. */
void image_ids_release(struct image_ids *ids, char kind, uint16_t id);
/*
 * Gives back every number that 'img', the image in force, does not use and of which 'is_free' says that no flow
 * carries it any more (backends, tables and policies are not asked about: flows do not know them). Returns how many.
 */
size_t image_ids_collect(struct image_ids *ids, const struct image *img,
			 bool (*is_free)(void *arg, char kind, uint16_t id), void *arg);
/* Length of a backend's Maglev table, which it keeps as long as it can (model/maglev.h); 0: not chosen yet. */
uint32_t image_ids_maglev_len(const struct image_ids *ids, uint16_t backend);
void image_ids_set_maglev_len(struct image_ids *ids, uint16_t backend, uint32_t len);

/*
 * Builds the image and writes dp_id into the model's frontends, backends and servers. Problems (a range that overlaps
 * the host's ports, too many binds, ways of forwarding that cannot be) go to 'diags'. Returns 0, -EINVAL (see 'diags'),
 * -ENOSPC, -ENOMEM; 'ret' is untouched on failure.
 *
 * A frontend that is left to the stack or served by the daemon itself (stats) gives no bind. One that is disabled
 * keeps its binds, with XLB_SVC_ENABLED off: its flows go on, new ones pass to the host. Of two binds for one address
 * and port an enabled frontend's goes before a disabled one's, then a specific address before '*', then the first.
 * Several ports of a bind are one range, in pieces where a range that goes before it takes ports from it.
 *
 * A server whose next hop is unknown takes no part in the ring as long as another one's is known. Weights are exact up
 * to IMAGE_RING_MAX entries of a ring; beyond that they are divided by the smallest number that makes it fit, and
 * rounded, never to 0.
 */
enum { IMAGE_RING_MAX = 65536, IMAGE_BINDS_MAX = 65536, IMAGE_RETURNS_MAX = XLB_MAX_RETURNS / 2 };
int image_build(struct model *m, const struct host_facts *host, struct image_ids *ids, struct diag_list *diags,
		struct image **ret);
void image_free(struct image *img); /* NULL is fine */

/* An image of nothing, with arrays of these lengths; NULL: out of memory. */
struct image *image_new(size_t nr_services, size_t nr_backends, size_t nr_servers);

/* Puts binds and addresses into their order. */
void image_sort(struct image *img);

/* What image_stick.identity is of a table's name. */
uint32_t image_stick_identity(const char *name);

/* Order of binds: by family, address, port and protocol as they lie in memory. */
int image_bind_cmp(const struct image_bind *a, const struct image_bind *b);

/* Order of addresses: by family, then as they lie in memory. */
int image_addr_cmp(const struct xlb_addr *a, const struct xlb_addr *b);

/* Order of the ranges of one address: by protocol and first port. */
int image_range_cmp(const struct image_range *a, const struct image_range *b);

/*
 * What a server's number stands for: its name, and all that a flow takes from its record. A server that moves to
 * another address gets another number, and its flows go on to where they began.
 */
uint64_t image_server_key(const struct xlb_server *rec);

/* PLAN_RING writes the backend's record too. PLAN_BIND_ADD also stands for a bind that changes its service. */
enum plan_op {
	PLAN_BUSY,
	PLAN_STICK,
	PLAN_SERVER,
	PLAN_RING,
	PLAN_POLICY,
	PLAN_SERVICE,
	PLAN_ADDR,
	PLAN_BIND_ADD,
	PLAN_BIND_DEL,
	PLAN_ADDR_DEL,
	PLAN_SERVICE_DEL,
	PLAN_POLICY_DEL,
	PLAN_RING_DEL,
	PLAN_SERVER_DEL,
	PLAN_STICK_DEL,
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
