/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane as the daemon sees it: program, maps, pins, links, counters, flows. The only code that speaks to
 * libbpf. One struct dp per instance; not thread-safe; never logs, explains failures in a struct diag_list.
 */
#ifndef DATAPLANE_DP_H
#define DATAPLANE_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlb/flow.h>
#include <xlb/reason.h>
#include <xlb/stats.h>

#include "base/diag.h"
#include "base/paths.h"
#include "model/image.h"
#include "model/model.h"

struct dp;

struct dp_options {
	/* Wanted capacity in flows, IPv4 and IPv6; ignored, with a warning, when adopted tables have another. */
	unsigned int flows;
	unsigned int flows6; /* 0: a quarter of 'flows' */
};

/*
 * Loads the program and makes the maps, or adopts what is pinned under paths->pin_dir: all of it or nothing. Checks
 * owner and mode of the pin directory, ABI version, type and size of each map. With adopted maps the embedded program
 * is loaded on them and swapped into the live links by bpf_link update; if the kernel refuses it the old one stays and
 * the call fails. Pins that no interface is attached by are replaced where they do not fit. Raises RLIMIT_MEMLOCK where
 * the kernel needs it. Mounts nothing. Returns 0, or -EINVAL (pins that cannot be adopted), -EPERM, -ENOENT (no bpffs),
 * -ENOMEM, ... with the reason and the mend in 'diags'. The verifier's log goes to STATE_DIR/verifier.log, which the
 * message names.
 */
int dp_open(const struct paths *paths, const struct dp_options *opt, struct diag_list *diags, struct dp **ret);

/* Closes descriptors and mappings. Pins, links and traffic stay. NULL is fine. */
void dp_close(struct dp *dp);

bool dp_was_adopted(const struct dp *dp);

/* Numbers for the host_facts of image_build(). */
unsigned int dp_hz(const struct dp *dp);
unsigned int dp_tick_shift(const struct dp *dp);
uint32_t dp_now_tick(struct dp *dp);
unsigned int dp_nr_cpus(const struct dp *dp); /* that are online: packets may arrive on each */
uint64_t dp_created_ns(const struct dp *dp);  /* CLOCK_BOOTTIME */

/* Reads the numbers in use from the pinned tables into 'ids', after adoption. 0, -ENOMEM. */
int dp_adopt_ids(struct dp *dp, struct image_ids *ids);

/*
 * The image that the pinned tables amount to, to be the 'from' of the first plan; NULL when the tables are fresh.
 * 0, -ENOMEM.
 */
int dp_read_image(struct dp *dp, struct image **ret);

/*
 * Executes a plan made for 'to'. Checks first that everything fits (bind buckets, address slots, ring room) and writes
 * nothing if not. Returns 0, or -ENOSPC with a message.
 */
int dp_apply(struct dp *dp, const struct image *from, const struct image *to, const struct plan *plan,
	     struct diag_list *diags);

/*
 * Routes, neighbours or addresses of the host have changed: each flow asks for the way to its client anew with its next
 * packet of the next tick. Attaching and detaching imply it.
 */
void dp_hops_changed(struct dp *dp);

/* An attached interface. */
struct dp_if {
	char name[16];
	uint32_t ifindex;
	uint16_t number;       /* interface number of the data plane, 1.. */
	enum attach_mode mode; /* in force: ATTACH_NATIVE or ATTACH_GENERIC */
	char why[128];	       /* why it is that mode: "driver supports native XDP", "native refused: ..." */
};

/*
 * Attaches the program by a pinned link. AUTO tries native, then generic. Failures name cause and mend: another
 * program is there (its id and name), the driver's own words, MTU too large for the driver, no such interface.
 * Returns 0, -ENODEV, -EEXIST (attached already), -EBUSY, -EOPNOTSUPP, -ENOSPC (XLB_MAX_IFS), ...
 */
int dp_attach(struct dp *dp, const char *ifname, enum attach_mode mode, struct diag_list *diags);

/* Detaches and removes the pin. -ENOENT: not attached. */
int dp_detach(struct dp *dp, const char *ifname, struct diag_list *diags);

/* The interface is gone (RTM_DELLINK): drops the defunct link and its pin, keeps nothing. */
void dp_forget_if(struct dp *dp, uint32_t ifindex);

/* An attached interface has got another name. The link's pin keeps the old one: it is found by what it is. */
void dp_rename_if(struct dp *dp, uint32_t ifindex, const char *ifname);

/* Attached interfaces; pointer valid until the next call that changes them. */
const struct dp_if *dp_ifs(const struct dp *dp, size_t *ret_nr);

/* Interface number of an ifindex, 0 if not attached. */
uint16_t dp_if_number(const struct dp *dp, uint32_t ifindex);

/* The largest IP packet of an attached interface. */
void dp_set_mtu(struct dp *dp, uint32_t ifindex, unsigned int mtu);

/* Removes all pins: after the last detach, when the user wants nothing left. Traffic through xlb ends. */
int dp_unpin_all(struct dp *dp, struct diag_list *diags);

/* Counters summed over CPUs. */
int dp_read_reasons(struct dp *dp, uint64_t ret[XLB_R_MAX]);
int dp_read_service_stats(struct dp *dp, uint16_t id, struct xlb_stats *ret);
int dp_read_server_stats(struct dp *dp, uint16_t id, struct xlb_stats *ret);

/* Flow table. */
/*
 * 'used' is as of the last full sweep, 'capacity' that and the flows for which there was room beside them then: never
 * less than 'used', and what the tables were made for, but for two things. A flow whose server answers directly takes
 * one entry instead of two, so that more fit. And a flood fills the tables beyond the load that they are made for.
 */
struct dp_usage {
	uint64_t capacity; /* flows */
	uint64_t used;	   /* flows */
	uint64_t memory;   /* bytes of the tables */
	uint64_t slots;	   /* that a sweep looks at */
};
void dp_usage(struct dp *dp, struct dp_usage *ret);

/*
 * Looks at the next part of the flow table, at most 'max_slots' slots: ends what has timed out and counts what lives.
 * Returns true when a sweep of the whole table has just been completed; the counts below are of that sweep.
 */
bool dp_sweep(struct dp *dp, size_t max_slots);
/* Live flows now, those that are not yet closing or closed; of stateless backends only those that slots remember. */
uint32_t dp_active_of_server(const struct dp *dp, uint16_t id);
uint32_t dp_active_of_service(const struct dp *dp, uint16_t id);
/*
 * Is no flow, in whatever state, left that carries this number? As of the last full sweep that began after dp_apply()
 * took the number out of the tables; false before there was one. For image_ids_collect().
 */
bool dp_server_unreferenced(const struct dp *dp, uint16_t id);
bool dp_service_unreferenced(const struct dp *dp, uint16_t id);

/*
 * Servers that the configuration does not have any more and flows still do: the first number above 'after' and its
 * address, 0 when there is none. Their next hop follows the network by the second function, an unknown one is ignored.
 */
uint16_t dp_next_retired(const struct dp *dp, uint16_t after, struct addr *ret_addr);
void dp_set_retired_hop(struct dp *dp, uint16_t id, const struct next_hop *hop);

/* A flow, of either family. Ports in host order. */
struct dp_flow {
	struct addr client, vip, source, server_addr; /* 'source' is what the server sees */
	uint16_t client_port, vip_port, source_port, server_port;
	uint16_t server, service;
	uint8_t proto;
	enum xlb_flow_state state;
	uint32_t idle_ticks; /* since the last packet in either direction */
};

/*
 * Calls 'fn' with live flows, from slot *cursor on, until it returns false or 'max_slots' slots have been looked at;
 * *cursor is then the next one. Returns false when the end of the tables was reached.
 */
bool dp_flows_from(struct dp *dp, uint64_t *cursor, size_t max_slots, bool (*fn)(void *arg, const struct dp_flow *flow),
		   void *arg);

/* Ends the flows that 'match' returns true for, both entries. Returns their number. */
size_t dp_kill_matching(struct dp *dp, bool (*match)(void *arg, const struct dp_flow *flow), void *arg);

/* Ends all flows of a server. Returns their number. */
size_t dp_kill_flows(struct dp *dp, uint16_t server);

/* An entry of a stick table. */
struct dp_stick {
	struct addr key;
	uint16_t server;    /* index into xlb_tables.servers; 0: none */
	uint32_t age_ticks; /* since its last new flow */
	uint32_t conn_cnt, conn_cur, conn_rate, gpc0, gpc0_rate;
};

/* Members of it that a change is about. */
enum {
	DP_STICK_SERVER = 1u << 0,
	DP_STICK_CONN_CNT = 1u << 1,
	DP_STICK_CONN_CUR = 1u << 2,
	DP_STICK_CONN_RATE = 1u << 3,
	DP_STICK_GPC0 = 1u << 4,
	DP_STICK_GPC0_RATE = 1u << 5,
};

/*
 * Entries of the table 'number' (its place in image.sticks, 0: none), whose keys are of 'family' (AF_INET, AF_INET6).
 * Their number; all of them, from *cursor on (0: the first), until 'fn' returns false or a part is done, then true if
 * there are more; the one of a key; a change of 'parts' (DP_STICK_*), -ENOENT for a table that is not there, in which
 * what the program counts at that moment may be lost; removal of one, or with 'key' NULL of all, -ENOENT for a key that
 * has none.
 */
uint64_t dp_stick_used(const struct dp *dp, uint32_t number);
bool dp_stick_entries(struct dp *dp, uint32_t number, int family, uint64_t *cursor,
		      bool (*fn)(void *arg, const struct dp_stick *entry), void *arg);
bool dp_stick_find(struct dp *dp, uint32_t number, const struct addr *key, struct dp_stick *ret);
int dp_stick_set(struct dp *dp, uint32_t number, const struct addr *key, const struct dp_stick *values,
		 unsigned int parts);
int dp_stick_clear(struct dp *dp, uint32_t number, const struct addr *key);

/* For `xlbctl version`: SHA-less identity of the embedded object, 16 hex digits. */
const char *dp_object_id(void);

#endif
