/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the image must know of the host: addresses of attached interfaces, next hops of servers, ports in use.
 *
 * Also the owner of the wish "this interface shall be attached", which outlives the interface.
 */
#ifndef XLBD_HOSTS_H
#define XLBD_HOSTS_H

#include "xlbd/state.h"

struct hosts;

/* Adopts the interfaces that the data plane has. 0 or -errno. */
int hosts_start(struct state *st, struct hosts **ret);
void hosts_stop(struct hosts *h); /* NULL is fine */

/* Fills 'ret' for 'm'; its pointers are valid until the next call. 0, -ENOMEM. */
int hosts_facts(struct hosts *h, const struct model *m, struct host_facts *ret);

/* The facts of the last hosts_facts() made a good image. */
void hosts_applied(struct hosts *h);

/*
 * The host's port range was changed under the running balancer so that no tables can be made: goes back to the last one
 * with which they could. True if there is one. A source port may then meet one of the host's own; a dead server that
 * stays in the tables would be worse.
 */
bool hosts_fall_back(struct hosts *h);

/* Keeps the next hops of servers true that only flows know any more. After a hosts_facts(). */
void hosts_follow_retired(struct hosts *h);

/* Warns of frontends whose port a program of this host listens on: its packets on attached interfaces are balanced. */
void hosts_warn_listeners(const struct model *m, struct diag_list *diags);

/*
 * hosts_warn.c too. Warns of an interface that sends ICMP redirects while servers in 'forward dnat' may share its link
 * with clients, and of attached interfaces that do not forward while a stateless backend has servers in 'forward dnat':
 * the kernel then tells nobody the way back to a client. To be called when the image in force or the interfaces have
 * changed.
 */
void hosts_warn_forwarding(const struct state *st, struct diag_list *diags);

/* A network event. */
void hosts_event(struct hosts *h, const struct net_event *ev);

/*
 * Attaches the interface and makes the data plane follow. When it is deleted and comes back, it is attached again,
 * until hosts_detach(). Returns as dp_attach(); -EEXIST: it was attached already.
 */
int hosts_attach(struct hosts *h, const char *ifname, enum attach_mode mode, struct diag_list *diags);
int hosts_detach(struct hosts *h, const char *ifname, struct diag_list *diags);

/* Attaches what the model's 'attach' pragmas name and is not attached yet. Failures are told and tried again later. */
void hosts_attach_wanted(struct hosts *h, const struct model *m, struct diag_list *diags);

#endif
