/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps. Each comment says key, value, who writes, who reads, and what the size follows.
 */
#ifndef XLB_MAPS_BPF_H
#define XLB_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <xlb/flow.h>
#include <xlb/fragment.h>
#include <xlb/policy.h>
#include <xlb/reason.h>
#include <xlb/service.h>
#include <xlb/stats.h>
#include <xlb/stick.h>
#include <xlb/tables.h>

#include "packet.bpf.h"

/* An entry of the flow table in the making: the key under which it is found, and what it says. */
struct xlb_entry {
	__be32 saddr[4];
	__be32 daddr[4];
	__u32 ports;
	__u32 pad;
	__be32 client[4];
	__be32 vip[4];
	__be16 cport;
	__be16 vport;
	struct xlb_flow_body b;
};

/* The least loaded server so far; select.bpf.h. */
struct xlb_best {
	__u32 load;
	__u32 id;
	__u32 worst; /* enum server_fit of those that did not fit */
	__u32 pad;
};

/* A run through a policy; policy.bpf.h. */
struct xlb_policy_run {
	__u64 atoms;			  /* that addresses and ports make true */
	__u64 counted;			  /* that counters do */
	__u16 table[XLB_POLICY_COUNTERS]; /* stick tables that the counters count in, 0: not yet */
	__u16 dst;			  /* bit i: by destination */
	struct xlb_policy_key key;
};

/* Working memory of the slow stages: too large for the stack of their call chain. */
struct xlb_scratch {
	struct xlb_pkt pkt;
	struct xlb_entry request;
	struct xlb_entry reply;
	struct xlb_entry peer; /* of flowtab.bpf.h and insert.bpf.h alone */
	__u64 victim;	       /* of insert.bpf.h: how dispensable << 32 | slot */
	__u32 orphan;	       /* the same: an entry was pushed out, and 'peer' is the key of its flow's other one */
	__u32 sought;	       /* the same: the lock's sequence number when flow_seek() looked */
	__u32 keep;	       /* number of an entry that must not make room, or XLB_NO_SLOT: the flow's reply entry */
	__u32 next_option;     /* of options.bpf.h alone */
	struct xlb_best best;
	struct xlb_policy_run policy;
	struct xlb_frag_key frag_key;
	struct xlb_frag frag;
	struct bpf_fib_lookup fib;
};

/* What the routing table said of a client, during one tick. */
struct xlb_hop {
	__be32 client[4];
	__u32 ifindex; /* that the client's packet came by */
	__u32 seen;    /* XLB_SEEN() of the answer */
	__u16 index;   /* into xlb_tables.nexthops, with NEXTHOP_FOUND */
	__u8 result;   /* NEXTHOP_* */
	__u8 family;   /* of the client */
};

/* Tokens of a service's rate limit on one CPU. */
struct xlb_rate {
	__u64 jiffies;
	__u64 tokens;
};

enum { XLB_HOP_BITS = 8 };

#define XLB_MAP(name, kind, value_type, entries, flags)                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")
#define XLB_PLAIN(name, value_type, entries) XLB_MAP(name, BPF_MAP_TYPE_ARRAY, value_type, entries, 0)
#define XLB_PERCPU(name, value_type, entries) XLB_MAP(name, BPF_MAP_TYPE_PERCPU_ARRAY, value_type, entries, 0)

/* Facts for a daemon that adopts these maps. Writer: the daemon that made them, once. Never read here. */
XLB_PLAIN(xlb_meta, struct xlb_meta, 1);

/* All tables of a fixed size; xlb/tables.h. */
struct xlb_tables xlb_tables;

/* Flow tables; xlb/flow.h. Key: bucket. Writer: the program; the daemon ends entries. Size: set before load from the
 * configured numbers of flows. */
XLB_MAP(xlb_flows, BPF_MAP_TYPE_ARRAY, struct xlb_bucket4, 1, BPF_F_MMAPABLE);
XLB_MAP(xlb_flows6, BPF_MAP_TYPE_ARRAY, struct xlb_bucket6, 1, BPF_F_MMAPABLE);

/* Counters of each CPU; xlb/stats.h. Key: CPU number. Writer: the program. Size: set before load to the number of CPUs.
 */
XLB_MAP(xlb_cpus, BPF_MAP_TYPE_ARRAY, struct xlb_cpu, 1, BPF_F_MMAPABLE);

/* Rate limits of services. Writer and reader: open.bpf.h. */
XLB_PERCPU(xlb_rates, struct xlb_rate, XLB_MAX_SERVICES);

/* Working memory. Writer and reader: the stages, while one packet is in them. */
XLB_PERCPU(xlb_scratch, struct xlb_scratch, 1);

/* Recent answers of the routing table; nexthop.bpf.h. Key: hash of the client. Writer and reader: slow paths. */
XLB_PERCPU(xlb_hops, struct xlb_hop, 1 << XLB_HOP_BITS);

/* First fragments; xlb/fragment.h. Writer and reader: fragment.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, XLB_MAX_FRAGS);
	__type(key, struct xlb_frag_key);
	__type(value, struct xlb_frag);
} xlb_frags SEC(".maps");

/* Networks and ports of policies; xlb/policy.h. The daemon makes the inner maps. Reader: policy.bpf.h. */
struct xlb_policy_trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(struct xlb_policy_key));
	__uint(value_size, sizeof(__u64));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, XLB_MAX_POLICIES);
	__type(key, __u32);
	__array(values, struct xlb_policy_trie);
} xlb_policy_nets SEC(".maps");

/* Stick tables; xlb/stick.h. The daemon makes the inner maps. Writer and reader: select.bpf.h, policy.bpf.h. */
struct xlb_stick_table {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct xlb_stick_key));
	__uint(value_size, sizeof(struct xlb_stick));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, XLB_MAX_STICKS);
	__type(key, __u32);
	__array(values, struct xlb_stick_table);
} xlb_sticks SEC(".maps");

/* Attached interfaces by interface number, for redirects. Writer: the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, XLB_MAX_IFS);
	__type(key, __u32);
	__type(value, __u32);
} xlb_ports SEC(".maps");

/* Array lookups with the key where the verifier wants it. */
#define XLB_AT(map, index)                                                                                             \
	({                                                                                                             \
		__u32 key_ = (index);                                                                                  \
		bpf_map_lookup_elem(&(map), &key_);                                                                    \
	})

/*
 * Record 'index' of an array: a bitwise AND and an addition. An index that is too large, which no sound record has,
 * wraps around. The compiler must not know more of the index than the verifier does, or it leaves the AND away; nor
 * where the array lies in the map, or it adds the offset, which no load has room for, anew for each member.
 */
#define XLB_REC(array, index, len)                                                                                     \
	({                                                                                                             \
		typeof(&(array)[0]) base_ = (array);                                                                   \
		asm("" : "+r"(base_));                                                                                 \
		&base_[masked(index, len)];                                                                            \
	})
#define XLB_IN(table, index) XLB_REC(xlb_tables.table, index, XLB_LEN(table))
#define XLB_LEN(table) (sizeof(xlb_tables.table) / sizeof(xlb_tables.table[0]))

static __always_inline __u64 masked(__u64 index, __u64 len)
{
	asm("" : "+r"(index));
	return index & (len - 1);
}

/* The counters of the CPU that this runs on. NULL only if the loader has made the map too small. */
static __always_inline struct xlb_cpu *this_cpu(void)
{
	return XLB_AT(xlb_cpus, bpf_get_smp_processor_id());
}

static __always_inline struct xlb_stats *service_stats(struct xlb_cpu *cpu, __u32 id)
{
	return XLB_REC(cpu->services, id, XLB_MAX_SERVICES);
}

static __always_inline struct xlb_stats *server_stats(struct xlb_cpu *cpu, __u32 id)
{
	return XLB_REC(cpu->servers, id, XLB_MAX_SERVERS);
}

static __always_inline struct xlb_scratch *scratch(void)
{
	return XLB_AT(xlb_scratch, 0);
}

/* Slot of an address; behind the slots is the filter. */
static __always_inline struct xlb_addr *addr_at(__u32 slot)
{
	return XLB_REC(xlb_tables.addrs, slot, XLB_ADDR_SLOTS);
}

static __always_inline struct xlb_server *server_at(__u32 id)
{
	return XLB_IN(servers, id);
}

static __always_inline struct xlb_service *service_at(__u32 id)
{
	return XLB_IN(services, id);
}

#endif
