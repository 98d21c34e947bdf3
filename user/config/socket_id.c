/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'so_id': by which of a frontend's sockets a connection came. xlb has no sockets, but the address or the port that a
 * packet is sent to tells which one HAProxy would have taken it by.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/finish.h"

enum { NR_PORTS = 65536 };

/* What is among the sockets that are named, and what among the others. */
struct sockets {
	bool named[NR_PORTS], other[NR_PORTS];
	size_t nr_named, nr_other;
};

bool acl_decl_has(const struct test_decl *t, uint64_t number)
{
	for (size_t i = 0; i < t->nr_sets; i++)
		for (size_t j = 0; j < t->sets[i]->nr; j++)
			if (number >= t->sets[i]->ranges[j].lo && number <= t->sets[i]->ranges[j].hi)
				return true;
	return false;
}

static bool id_is_given(const struct proxy *x, unsigned int id)
{
	const struct bind_decl *b;

	TAILQ_FOREACH(b, &x->binds, next)
		if (b->id == id)
			return true;
	return false;
}

/* HAProxy's numbering: every socket moves the count on, also one that has its number from an 'id'. */
static unsigned int number_socket(const struct proxy *x, unsigned int given, unsigned int *next)
{
	unsigned int id = given;

	while (!given && id_is_given(x, *next))
		++*next;
	if (!given)
		id = *next;
	++*next;
	return id;
}

static void count_sockets(const struct proxy *x, const struct test_decl *t, struct sockets *s)
{
	const struct bind_decl *b;
	unsigned int next = 1, id;

	TAILQ_FOREACH(b, &x->binds, next) {
		if (b->proto != IPPROTO_TCP || b->same_socket)
			continue; /* unknown to HAProxy, or counted with the line before */
		for (unsigned int port = b->port_lo; port <= b->port_hi; port++) {
			id = number_socket(x, port == b->port_lo ? b->id : 0, &next);
			if (acl_decl_has(t, id)) {
				s->named[port] = true;
				s->nr_named++;
			} else {
				s->other[port] = true;
				s->nr_other++;
			}
		}
	}
}

static bool ports_tell(const struct sockets *s)
{
	for (size_t port = 0; port < NR_PORTS; port++)
		if (s->named[port] && s->other[port])
			return false;
	return true;
}

/* A set of the model that is made, and not read. NULL: out of memory, which the arena remembers. */
static struct acl_set *new_ports(struct parser *p, const struct test_decl *t, const struct sockets *s)
{
	struct acl_set *set = calloc(1, sizeof(*set));

	if (set) {
		set->numeric = true;
		set->in_use = true;
		set->id = p->nr_acl_sets++;
		set->fetch = strdup("dst_port");
		set->where = strdup(t->sets[0]->where);
		TAILQ_INSERT_TAIL(&p->model->acl_sets, set, next);
	}
	p->arena.failed = p->arena.failed || !set || !set->where || !set->fetch;
	for (size_t port = 0; port < NR_PORTS && !p->arena.failed; port++)
		if (s->named[port] && acl_set_add_range(set, (struct num_range){ port, port }))
			p->arena.failed = true;
	return p->arena.failed ? NULL : set;
}

int socket_id_test(struct parser *p, const struct proxy *x, const struct test_decl *t, enum acl_field *ret_field,
		   struct acl_set **ret_set)
{
	struct sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	count_sockets(x, t, s);
	*ret_field = s->nr_other ? ACL_FALSE : ACL_TRUE;
	if (s->nr_named && s->nr_other) {
		*ret_field = ACL_DST_PORT;
		if (ports_tell(s))
			*ret_set = new_ports(p, t, s);
		else
			report(p, DIAG_ERROR, &t->place, CODE_ACL_PATTERN, "compare 'dst' and 'dst_port'",
			       "a port is bound at several addresses, and 'so_id' names some of them only: packets "
			       "have no number of a socket");
	}
	free(s);
	return p->arena.failed ? -ENOMEM : 0;
}
