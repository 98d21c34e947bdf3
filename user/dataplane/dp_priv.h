/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of this module share; included by nothing else. */
#ifndef DATAPLANE_DP_PRIV_H
#define DATAPLANE_DP_PRIV_H

#include <string.h>

#include <xlb/abi.h>
#include <xlb/tables.h>

#include "dataplane/dp.h"

struct buf;
struct tracked;
struct clock_bpf;
struct xlb_bpf;

/* Maps that are pinned. MAPPED ones are memory-mapped and have a pointer of that type in struct dp. */
#define DP_MAPS(MAPPED, PLAIN)                                                                                         \
	MAPPED(tables, struct xlb_tables)                                                                              \
	MAPPED(flows, struct xlb_bucket4)                                                                              \
	MAPPED(cpus, struct xlb_cpu)                                                                                   \
	MAPPED(flows6, struct xlb_bucket6)                                                                             \
	PLAIN(frags)                                                                                                   \
	PLAIN(sticks)                                                                                                  \
	PLAIN(policy_nets)                                                                                             \
	PLAIN(ports)                                                                                                   \
	PLAIN(meta) /* last: its pin says that all others are there */

/* Members of struct xlb_tables, each with a pointer of its own in struct dp. */
#define DP_TABLES(TABLE)                                                                                               \
	TABLE(control, struct xlb_control)                                                                             \
	TABLE(addrs, struct xlb_addr)                                                                                  \
	TABLE(vips, struct xlb_vip_bucket)                                                                             \
	TABLE(ranges, struct xlb_range)                                                                                \
	TABLE(returns, struct xlb_return)                                                                              \
	TABLE(services, struct xlb_service)                                                                            \
	TABLE(backends, struct xlb_backend)                                                                            \
	TABLE(cursors, struct xlb_cursor)                                                                              \
	TABLE(ring, struct xlb_ring)                                                                                   \
	TABLE(marks, struct xlb_ring)                                                                                  \
	TABLE(servers, struct xlb_server)                                                                              \
	TABLE(load, struct xlb_load)                                                                                   \
	TABLE(svc_load, struct xlb_load)                                                                               \
	TABLE(nexthops, struct xlb_nexthop)                                                                            \
	TABLE(policies, struct xlb_policy)                                                                             \
	TABLE(rules, struct xlb_rule)                                                                                  \
	TABLE(stick_confs, struct xlb_stick_conf)                                                                      \
	TABLE(busy, struct xlb_busy)

enum dp_map {
#define DP_MAP_ENUM(name, ...) DP_MAP_##name,
	DP_MAPS(DP_MAP_ENUM, DP_MAP_ENUM)
#undef DP_MAP_ENUM
		DP_NR_MAPS
};

/* An area of table ring, in values. */
struct ring_area {
	uint32_t first, nr;
};

/* An area that packets may still be reading. */
struct ring_freed {
	struct ring_area area;
	uint64_t since_ns;
};

struct ring_alloc {
	uint32_t next; /* where the last search ended */
	struct ring_freed *freed;
	size_t nr_freed, cap_freed;
};

/* Counts of one sweep over the flow tables, by number. */
struct sweep_counts {
	uint64_t flows[2], entries[2];	       /* IPv4, IPv6 */
	bool addrs_needed;		       /* a flow lives on what address_settle() would take away */
	uint32_t srv_counted[XLB_MAX_SERVERS]; /* entries with XLB_F_COUNTED */
	uint32_t svc_counted[XLB_MAX_SERVICES];
	bool srv_referenced[XLB_MAX_SERVERS];
	bool svc_referenced[XLB_MAX_SERVICES];
	bool hop_referenced[XLB_MAX_NEXTHOPS];
	/* By ring entry, a bit each: a recorded flow has another server than the slot (marks.c). */
	uint64_t disagrees[XLB_RING_VALUES * XLB_RING_WAYS / 64];
};

/* How far the program's count of live flows has been from the sweep's, to mend it where it stays so (sweep.c). */
struct drift {
	uint32_t began;	 /* the count when the sweep began */
	int32_t last;	 /* what it had too many at the end of the last sweeps */
	unsigned int nr; /* in how many of them */
};

struct sweep {
	struct sweep_counts now, last; /* under way; of the last complete one */
	size_t cursor;		       /* next slot */
	uint64_t nr_started;	       /* 1 while the first sweep is under way */
	uint64_t nr_done;
	/* The first sweep after a number left the tables: only from its end on may the number count as unreferenced. */
	uint64_t srv_from[XLB_MAX_SERVERS];
	uint64_t svc_from[XLB_MAX_SERVICES];
	struct drift srv_drift[XLB_MAX_SERVERS], svc_drift[XLB_MAX_SERVICES];
};

/* What the addresses of the last applied image are, in its order. */
struct wanted_addrs {
	struct xlb_addr *list;
	size_t nr;
	bool differs;	     /* the table of the program covers more */
	uint64_t sweep_from; /* the first sweep that began after the last change */
};

/* A way back of a server (XLB_VIP_RETURN) that is wanted no more and stays for the flows that need it. */
struct lingering {
	struct xlb_vip vip;
	uint16_t server;
	uint64_t sweep_from;
};

/* Numbers and areas of xlb_tables.returns and xlb_tables.ranges (place.c). */
struct places {
	bool return_used[XLB_MAX_RETURNS]; /* also those that packets may still be reading */
	bool return_freed[XLB_MAX_RETURNS];
	bool range_used[XLB_MAX_RANGES];
	bool range_freed[XLB_MAX_RANGES];
	uint16_t next_return, next_range; /* where the last search ended: what was freed is reused late */
	struct lingering *lingering;
	size_t nr_lingering, cap_lingering;
};

/* Marks of stateless backends (marks.c). */
struct mark_state {
	uint32_t *since;	       /* by ring entry: tick when it became young; sweep number when it became old */
	bool marked[XLB_MAX_BACKENDS]; /* the backend may have marked slots */
	bool is_previous[XLB_MAX_SERVERS]; /* a young slot had the server before, as of the last turn */
};

/* An attached interface's pinned link. Same index as dp_if. */
struct dp_link {
	int fd;
	char pin[PATHS_MAX + 64];
};

struct dp {
	struct paths paths;
	bool adopted;
	struct xlb_meta meta;
	struct xlb_bpf *skel;
	struct clock_bpf *clock;
	int prog_fd, stages_fd;
	int map_fd[DP_NR_MAPS];
	void *mem[DP_NR_MAPS];
	size_t mem_size[DP_NR_MAPS];
#define DP_MAP_POINTER(name, type) type *name;
#define DP_MAP_NOTHING(name)
	DP_MAPS(DP_MAP_POINTER, DP_MAP_NOTHING)
	DP_TABLES(DP_MAP_POINTER)
#undef DP_MAP_POINTER
#undef DP_MAP_NOTHING
	int nr_cpus;
	uint32_t last_tick;
	uint64_t last_jiffies; /* the same moment */
	struct dp_if ifs[XLB_MAX_IFS];
	struct dp_link links[XLB_MAX_IFS];
	size_t nr_ifs;
	struct ring_alloc rings;
	struct sweep *sweep;
	struct tracked *tracked;
	struct wanted_addrs wanted;
	struct places places;
	struct mark_state mark_state;
};

/* "xlb_flows": the name of the map in the kernel, and of its pin. */
const char *dp_map_name(enum dp_map map);

/* bpflog.c: what libbpf says is collected into 'to' until the next call; NULL: thrown away. */
void bpflog_capture(struct buf *to);
/* The driver's or kernel's own words in what was captured, or NULL. malloc'ed. */
char *bpflog_kernel_message(const struct buf *log);
/* Writes a captured verifier log to STATE_DIR/verifier.log and reports the failed load in 'diags'. */
void bpflog_report_load(const struct paths *paths, const struct buf *log, int err, struct diag_list *diags);

/* clock.c: the program xlb_clock, an object of its own. 0 or negative errno, explained. */
int clock_open(struct clock_bpf **ret, struct diag_list *diags);
void clock_close(struct clock_bpf *clock); /* NULL is fine */
/* Jiffies per second, which takes 60 ms. 0 or negative errno, explained. */
int clock_measure_hz(const struct clock_bpf *clock, struct diag_list *diags, unsigned int *ret_hz);
/* Runs it once. 0 or negative errno. */
int clock_run(const struct clock_bpf *clock, uint64_t *ret_jiffies, uint64_t *ret_ns);

/* pin.c */
enum pin_state { PIN_NONE, PIN_HALF, PIN_COMPLETE };
/* Makes PIN_DIR and its parent if they are missing, checks both. */
int pin_dir_prepare(const struct paths *paths, struct diag_list *diags);
int pin_dir_state(const struct paths *paths, struct diag_list *diags, enum pin_state *ret);
void pin_path(const struct paths *paths, const char *name, char *ret, size_t cap);
/* Name of an interface's link pin: the BPF filesystem allows no '.', so it and '%' are written %2e, %25. */
void pin_link_path(const struct paths *paths, const char *ifname, char *ret, size_t cap);
/* Calls 'fn' with the path of each pin whose name begins with 'prefix', until it returns non-zero. Returns that. */
int pin_for_each(const struct paths *paths, const char *prefix, int (*fn)(void *arg, const char *path), void *arg);
/* Pins 'fd' as 'name' in one step in place of what is there. */
int pin_replace(const struct paths *paths, int fd, const char *name);
/*
 * The map of the program's stages (bpf/stage.bpf.h), which the kernel empties when nobody holds it: each program needs
 * its own pinned as long as it is attached somewhere. Pins are named by the map's number; 'ret' is the path.
 */
#define PIN_STAGES "stages-"
int pin_stages(const struct paths *paths, int fd, char *ret, size_t cap);
int pin_stages_drop_others(const struct paths *paths, char *kept);

/* load.c: opens and loads the object, on new maps or on those that are pinned; fills skel, fds, meta, mappings. */
int load_fresh(struct dp *dp, const struct dp_options *opt, struct diag_list *diags);
int load_adopted(struct dp *dp, const struct dp_options *opt, struct diag_list *diags);
void load_fini(struct dp *dp);

/* attach.c: finds the interfaces of the pinned links; swaps the program of all of them, or of none. */
int attach_recover(struct dp *dp, struct diag_list *diags);
/* Is any pinned link attached to an interface that exists? Also true for one that cannot be read. */
bool attach_any_live(const struct dp *dp);
int attach_update(struct dp *dp, struct diag_list *diags);
void attach_close(struct dp *dp);

/* refuse.c: why an attachment was refused. */
/* Explains 'err' of an attempt with 'flags' (XDP_FLAGS_*_MODE) to 'diags'. */
void refuse_explain(struct dp *dp, uint32_t ifindex, const char *ifname, uint32_t flags, int err,
		    struct diag_list *diags);
/* The kernel's own words for a refused attachment, or the error's text. Writes at most 'cap' bytes. */
void refuse_reason(struct dp *dp, uint32_t ifindex, uint32_t flags, int err, char *ret, size_t cap);

/* flow.c: entries of both flow tables; slots are numbered through, those of xlb_flows first. */
struct flow {
	__be32 client[4], vip[4];
	__be16 cport, vport;
	uint8_t family; /* 4 or 6: of client and service */
	struct xlb_flow_body b;
};
size_t flow_nr_slots(const struct dp *dp);
/* A copy of a live entry that is no mixture of two; NULL: there is none. Returns where it lies. */
struct xlb_flow_body *flow_read(const struct dp *dp, size_t slot, struct flow *ret);
/* The other entry of the flow, copied; NULL: there is none. */
struct xlb_flow_body *flow_peer(const struct dp *dp, const struct flow *flow, struct flow *ret);
/* Ends the entry and takes it off the counts, if the slot is still the use that 'copy' was read from. */
bool flow_end(struct dp *dp, struct xlb_flow_body *at, const struct flow *copy);
static inline enum xlb_flow_kind flow_kind(const struct flow *flow)
{
	return (enum xlb_flow_kind)(flow->b.kind & XLB_KIND_MASK);
}

/*
 * address.c: addresses that are ours no longer, or less than before, stay so for the flows that they have.
 * Remembers what an image wants; 0 or -ENOMEM, then nothing has changed. To be called before its plan is executed.
 */
int address_want(struct dp *dp, const struct image *img);
/* Sweeping: is the entry one that the wanted addresses would not bring to the flow table? */
bool address_needed_by(const struct dp *dp, const struct flow *flow);
/* After a sweep: narrows the table to what is wanted, if no flow needs more any longer. */
void address_settle(struct dp *dp);
/* Before an address of a server is put into the table: packets are to be looked at for their source, too. */
void address_expect_answers(struct dp *dp, const struct image *img);
/* Names the addresses that packets are compared with first. */
void address_heat(struct dp *dp, const struct image *img);

/* ring.c: room in table ring. */
/* Finds room for 'nr' rings of lens[] entries beside what is in use. 0, -ENOSPC, -ENOMEM. Nothing is written. */
int ring_place(struct dp *dp, const size_t *lens, size_t nr, struct ring_area *ret);
/* Memory for the release of 'nr' areas. 0 or -ENOMEM. */
int ring_reserve(struct dp *dp, size_t nr);
/* The area may be used again a second from now. To be reserved beforehand. */
void ring_release(struct dp *dp, struct ring_area area);
static inline uint32_t ring_values(uint64_t entries)
{
	return (uint32_t)((entries + XLB_RING_WAYS - 1) / XLB_RING_WAYS);
}
static inline struct ring_area ring_area_of(uint64_t ring)
{
	return (struct ring_area){ .first = XLB_RING_FIRST(ring), .nr = ring_values(XLB_RING_LEN(ring)) };
}
/* Word of an entry, counted from the first one of value 'first', in xlb_tables.ring or xlb_tables.marks. */
static inline uint16_t *ring_entry(struct xlb_ring *map, uint32_t first, size_t entry)
{
	return &map[first + entry / XLB_RING_WAYS].server[entry % XLB_RING_WAYS];
}

/* place.c: room in xlb_tables.returns and xlb_tables.ranges, and ways back that stay for their flows. */
/* After adoption: what is in use. */
void place_recover(struct dp *dp);
/* Are there that many numbers and range entries? Ranges must lie side by side: each run is tried for. */
bool place_has_room(const struct dp *dp, size_t nr_returns, size_t nr_ranges);
/* Writes the way back into a number of its own, 0: none is left. */
uint16_t place_return(struct dp *dp, const struct xlb_return *rec);
void place_free_return(struct dp *dp, uint16_t number);
/*
 * Writes the ranges of an address into a run of at least 'len' entries, those that are in run 'old' first. Returns
 * where it begins, 0: no room.
 */
uint16_t place_ranges(struct dp *dp, const struct image_range *ranges, size_t nr, size_t len, struct ring_area old);
void place_free_ranges(struct dp *dp, struct ring_area run);
/* Memory for 'nr' ways back that linger. 0 or -ENOMEM. */
int place_reserve(struct dp *dp, size_t nr);
/* A way back that is wanted no more: it goes when no flow has its server. To be reserved beforehand. */
void place_linger(struct dp *dp, const struct xlb_vip *vip, uint16_t server);
void place_unlinger(struct dp *dp, const struct xlb_vip *vip);
/* After a sweep: forgets what nobody can be reading any more. */
void place_settle(struct dp *dp);

/* marks.c: tables of backends in XLB_ALG_MAGLEV, which change slot by slot. */
/* After adoption: marks of unknown age count as new. 0 or -ENOMEM. */
int marks_init(struct dp *dp);
void marks_fini(struct dp *dp);
/* Changes a table of the same length in its place. 'now' is the tick. */
void marks_change(struct dp *dp, uint16_t backend, const struct image_ring *ring, bool stateless, uint32_t now);
/* Fills a table in a new place, before it is published in the place of 'was' (0: the backend is new). */
void marks_fill(struct dp *dp, struct ring_area area, const struct image_ring *ring, bool stateless, uint64_t was,
		uint32_t now);
/* To be called when the table of 'backend' has been published. */
void marks_note(struct dp *dp, uint16_t backend);
/* Sweeping: a recorded flow. */
void marks_count(const struct dp *dp, struct sweep_counts *c, const struct flow *flow);
/* After a sweep: marks grow old, and go. */
void marks_turn(struct dp *dp);

/* stick.c: tables of sticking clients. */
/* Makes the inner map, or one of the new size with the entries of the old one. 0 or negative errno. */
int stick_put(struct dp *dp, uint32_t number, const struct image_stick *stick);
void stick_del(struct dp *dp, uint32_t number);

/*
 * The next entries of a table after those of the call before, 'more' and '*token' being what that returned and set;
 * false and 0: the first. Returns whether there are more.
 */
bool stick_batch(const struct dp *dp, uint32_t number, bool more, uint32_t *token,
		 void (*fn)(void *arg, const struct xlb_stick_key *key, const struct xlb_stick *value), void *arg);

/*
 * tracked.c: flows that rules count among a client's live ones. 'end' takes an ended flow off, 'word' being what it
 * had; the others are the sweep's: a flow was seen, a part of the table is done, all of it is.
 */
int tracked_init(struct dp *dp); /* 0, -ENOMEM */
void tracked_fini(struct dp *dp);
void tracked_end(struct dp *dp, const struct flow *flow, uint32_t word);
void tracked_count(struct dp *dp, const struct flow *flow);
void tracked_slice(struct dp *dp);
void tracked_swept(struct dp *dp);

/*
 * policy.c: rules under a number that no service has. Prepare makes the trie (0, or a negative errno of the kernel's),
 * write the rows; del takes both away, after no service has the number any more.
 */
int policy_prepare(struct dp *dp, uint32_t number, const struct image_policy *p);
void policy_write(struct dp *dp, uint32_t number, const struct image_policy *p);
void policy_del(struct dp *dp, uint32_t number);
/* Clients that stick to server 'from' stick to 'to' from now on. */
void stick_move(struct dp *dp, uint32_t number, uint16_t from, uint16_t to);
/* What a pinned table is; identity 0: there is none. */
struct image_stick stick_read(const struct dp *dp, uint32_t number);

/* tables.c: open-addressed tables; the same code works on the tables of the program and on a private copy. */
/* The slot of the address, NULL: it has none. */
struct xlb_addr *table_addr_find(struct xlb_addr *table, const __u64 *secrets, const __be32 *addr, uint8_t family);
/* Enters or replaces it, the ranges included. NULL: no room. */
struct xlb_addr *table_addr_put(struct xlb_addr *table, const __u64 *secrets, const struct xlb_addr *rec);
/* As put, but what the address's slot covers already stays covered. */
struct xlb_addr *table_addr_cover(struct xlb_addr *table, const __u64 *secrets, const struct xlb_addr *rec);
void table_addr_del(struct xlb_addr *slot);
static inline bool vip_is(const struct xlb_vip *a, const struct xlb_vip *b)
{
	return a->addr_slot == b->addr_slot && a->port == b->port && a->proto == b->proto;
}
/* The bind of that address slot, port and protocol, or NULL. */
struct xlb_vip *table_vip_find(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip);
int table_vip_put(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip);
void table_vip_del(struct xlb_vip_bucket *table, const __u64 *secrets, const struct xlb_vip *vip);

/* A counter that the program goes on to count. */
static inline uint64_t counter_read(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/*
 * Stores a record of whole 64-bit words, word 0 last, so that a packet that finds word 0 finds the rest. Words that
 * stay the same are not written.
 */
typedef uint64_t record_word __attribute__((may_alias));

static inline void record_store(void *dst, const void *src, size_t size)
{
	record_word *to = dst;

	for (size_t i = size / sizeof(*to); i-- > 0;) {
		uint64_t word;

		memcpy(&word, (const char *)src + i * sizeof(word), sizeof(word));
		if (to[i] != word)
			__atomic_store_n(&to[i], word, __ATOMIC_RELEASE);
	}
}

#endif
