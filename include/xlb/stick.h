/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stick tables: which server a client belongs to, and how often it came. The inner maps of xlb_sticks, one LRU hash per
 * table, made by the daemon with the size that the configuration gives. The program enters, counts and refreshes; the
 * daemon reads, and changes by command.
 */
#ifndef XLB_STICK_H
#define XLB_STICK_H

#include <xlb/abi.h>
#include <xlb/server.h>

enum { XLB_MAX_STICKS = 64 }; /* stick tables, a power of two; index 0 is never used */

struct xlb_stick_key {
	__be32 addr[4]; /* IPv4: in word 0, the others 0 */
};

/* The key of an IPv4 address, in a table of IPv6 keys ('ip6') mapped into them (RFC 4291, 2.5.5.2). */
static inline void xlb_stick_key4(__be32 *key, __be32 addr, int ip6)
{
	key[0] = ip6 ? 0 : addr;
	key[1] = 0;
	key[2] = ip6 ? (__be32)__builtin_bswap32(0xffff) : 0;
	key[3] = ip6 ? addr : 0;
}

/* Events per period, over a window that slides: HAProxy's freq_ctr (its include/haproxy/freq_ctr.h). */
struct xlb_freq {
	__u32 since;  /* when the present period began, low half of the jiffies */
	__u32 now;    /* events in it */
	__u32 before; /* events in the period before it */
};

struct xlb_stick {
	__u16 server; /* index into xlb_tables.servers; 0: none */
	__u16 pad;
	__u32 tick;	/* of the last new flow */
	__u32 conn_cnt; /* new flows */
	__u32 conn_cur; /* live ones */
	__u32 gpc0;
	struct xlb_freq conn_rate;
	struct xlb_freq gpc0_rate;
	__u32 identity; /* low half of the server's: its number may have been given to another one since */
};

/* What the rules must know of a table. */
struct xlb_stick_conf {
	__u32 expire;	   /* ticks without a new flow after which an entry counts as gone, if it has no live one */
	__u32 conn_period; /* of conn_rate, in jiffies; 0: not stored */
	__u32 gpc0_period;
	__u32 flags; /* XLB_STICK_* */
};

enum {
	XLB_STICK_IP6 = 1u << 0, /* keys of IPv6, and IPv4 mapped into it (RFC 4291, 2.5.5.2); else of IPv4 only */
};

/* What the daemon adds to conn_cur, as the "packet" of xlb_stick_live(): only programs change entries atomically. */
struct xlb_stick_live {
	__be32 key[4];
	__u32 table;
	__s32 step;
};

_Static_assert(sizeof(struct xlb_stick) == 48, "an entry has no hidden bytes");

/* Does 'server', the record of the number in the entry, belong to the server that was entered? */
static inline int xlb_stick_is(const struct xlb_stick *st, const struct xlb_server *server)
{
	return st->identity == (__u32)server->identity;
}

/* Counts 'nr' events at 'now'. Two CPUs at a time may lose one another's turn of the period, which costs one event. */
static inline void xlb_freq_add(struct xlb_freq *f, __u32 period, __u32 now, __u32 nr)
{
	__u32 elapsed = now - f->since;

	if (elapsed < period) {
		__sync_fetch_and_add(&f->now, nr);
		return;
	}
	f->before = elapsed < 2 * period ? f->now : 0;
	f->now = nr;
	f->since = elapsed < 2 * period ? f->since + period : now;
}

/* Events during the last period, the part of the period before that is still in the window by its share. */
static inline __u32 xlb_freq_read(const struct xlb_freq *f, __u32 period, __u32 now)
{
	__u32 elapsed = now - f->since, before = f->before, count = f->now;

	if (!period || elapsed >= 2 * period)
		return 0;
	if (elapsed >= period) {
		before = count;
		count = 0;
		elapsed -= period;
	}
	return count + (__u32)((__u64)before * (period - elapsed) / period);
}

#endif
