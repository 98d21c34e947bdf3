/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules at layer 4, followed word by word: the meaning that policy_compile.c must keep. Also networks.
 */
#include "model/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

/* --- networks ----------------------------------------------------------------------------------------------------- */

static const unsigned char *addr_bytes(const struct addr *a)
{
	return a->family == AF_INET6 ? a->v6.s6_addr : (const unsigned char *)&a->v4;
}

static unsigned int family_bits(int family)
{
	return family == AF_INET6 ? 128 : 32;
}

bool cidr_contains(const struct cidr *net, const struct addr *a)
{
	const unsigned char *x = addr_bytes(&net->addr), *y = addr_bytes(a);
	unsigned int whole = net->bits / 8, rest = net->bits % 8;

	if (net->addr.family != a->family || memcmp(x, y, whole) != 0)
		return false;
	return !rest || !((x[whole] ^ y[whole]) >> (8 - rest));
}

int cidr_cmp(const struct cidr *a, const struct cidr *b)
{
	int diff;

	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	diff = memcmp(addr_bytes(&a->addr), addr_bytes(&b->addr), family_bits(a->addr.family) / 8);
	return diff ? diff : (int)a->bits - (int)b->bits;
}

static void clear_host_bits(struct cidr *net)
{
	unsigned char *bytes = net->addr.family == AF_INET6 ? net->addr.v6.s6_addr : (unsigned char *)&net->addr.v4;

	for (unsigned int i = net->bits; i < family_bits(net->addr.family); i++)
		bytes[i / 8] &= (unsigned char)~(0x80 >> i % 8);
}

/* Leading bits of "24" or, for IPv4, "255.255.255.0". -1: neither. */
static int parse_bits(const char *text, int family)
{
	struct in_addr mask;
	uint32_t host;
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text >= '0' && *text <= '9' && !*end && n <= family_bits(family))
		return (int)n;
	if (family != AF_INET || inet_pton(AF_INET, text, &mask) != 1)
		return -1;
	host = ntohl(mask.s_addr);
	return ~host & (~host + 1) ? -1 : __builtin_popcount(host);
}

int cidr_parse(const char *text, struct cidr *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char copy[ADDR_TEXT_MAX];
	struct cidr net = { 0 };
	int bits;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (addr_parse(copy, &net.addr))
		return -EINVAL;
	bits = slash ? parse_bits(slash + 1, net.addr.family) : (int)family_bits(net.addr.family);
	if (bits < 0)
		return -EINVAL;
	net.bits = (uint8_t)bits;
	clear_host_bits(&net);
	*ret = net;
	return 0;
}

/* --- conditions and rules ------------------------------------------------------------------------------------------
 */

void acl_free(struct acl *acl)
{
	struct acl_test *t;

	while ((t = TAILQ_FIRST(&acl->tests))) {
		TAILQ_REMOVE(&acl->tests, t, next);
		free(t->sets);
		free(t);
	}
	free(acl->name);
	free(acl);
}

static void cond_fini(struct policy_cond *c)
{
	free(c->terms);
	free(c->starts_or);
}

void policy_rule_free(struct policy_rule *r)
{
	cond_fini(&r->cond);
	free(r);
}

void policy_route_free(struct policy_route *r)
{
	cond_fini(&r->cond);
	free(r);
}

/* --- meaning ------------------------------------------------------------------------------------------------------ */

/* What rules have done so far to the flow. */
struct eval {
	const struct policy_packet *pkt;
	const struct policy_counters *c;
	const struct stick_table *table[POLICY_COUNTERS]; /* that each counter tracks, or NULL */
	const struct addr *key[POLICY_COUNTERS];
};

static bool nets_contain(const struct acl_test *t, const struct addr *a)
{
	for (size_t i = 0; i < t->nr_sets; i++)
		for (size_t j = 0; j < t->sets[i]->nr; j++)
			if (cidr_contains(&t->sets[i]->nets[j], a))
				return true;
	return false;
}

static bool ranges_contain(const struct acl_test *t, uint64_t n)
{
	for (size_t i = 0; i < t->nr_sets; i++)
		for (size_t j = 0; j < t->sets[i]->nr; j++)
			if (n >= t->sets[i]->ranges[j].lo && n <= t->sets[i]->ranges[j].hi)
				return true;
	return false;
}

bool policy_key(const struct stick_table *t, const struct addr *a, struct addr *ret)
{
	*ret = *a;
	if (t->family == a->family)
		return true;
	if (t->family == AF_INET)
		return false;
	*ret = (struct addr){ .family = AF_INET6 };
	memset(&ret->v6.s6_addr[10], 0xff, 2);
	memcpy(&ret->v6.s6_addr[12], &a->v4, sizeof(a->v4));
	return true;
}

static bool counter_is_in(const struct eval *e, const struct acl_test *t)
{
	const struct stick_table *table = t->table;
	const struct addr *looked_up = &e->pkt->src;
	struct addr key;

	if (t->tracked) {
		if (!e->table[t->counter])
			return false;
		looked_up = e->key[t->counter];
		if (!table)
			table = e->table[t->counter];
	}
	return policy_key(table, looked_up, &key) && ranges_contain(t, e->c->get(e->c->arg, table, &key, t->field));
}

static bool test_is_true(const struct eval *e, const struct acl_test *t)
{
	switch (t->field) {
	case ACL_TRUE:
		return true;
	case ACL_FALSE:
		return false;
	case ACL_SRC:
		return nets_contain(t, &e->pkt->src);
	case ACL_DST:
		return nets_contain(t, &e->pkt->dst);
	case ACL_SRC_PORT:
		return ranges_contain(t, e->pkt->src_port);
	case ACL_DST_PORT:
		return ranges_contain(t, e->pkt->dst_port);
	case ACL_CONN_CNT:
	case ACL_CONN_CUR:
	case ACL_CONN_RATE:
	case ACL_GPC0:
	case ACL_GPC0_RATE:
		return counter_is_in(e, t);
	case ACL_NBSRV:
		return ranges_contain(t, e->c->nbsrv(e->c->arg, t->backend));
	}
	return false;
}

static bool acl_is_true(const struct eval *e, const struct acl *acl)
{
	const struct acl_test *t;

	TAILQ_FOREACH(t, &acl->tests, next)
		if (test_is_true(e, t))
			return true;
	return false;
}

static bool cond_is_true(const struct eval *e, const struct policy_cond *cond)
{
	bool all = true;

	if (!cond->nr)
		return true;
	for (size_t i = 0; i < cond->nr; i++) {
		if (cond->starts_or[i]) {
			if (all)
				return !cond->unless;
			all = true;
		}
		all = all && acl_is_true(e, cond->terms[i].acl) != cond->terms[i].negated;
	}
	return all != cond->unless;
}

static void track(struct eval *e, const struct stick_table *t, unsigned int counter, bool by_dst)
{
	const struct addr *tracked = by_dst ? &e->pkt->dst : &e->pkt->src;
	struct addr key;

	/* A counter follows the first entry that it was told to. */
	if (e->table[counter] || !policy_key(t, tracked, &key))
		return;
	e->table[counter] = t;
	e->key[counter] = tracked;
	e->c->track(e->c->arg, t, &key);
}

static void inc_gpc0(const struct eval *e, unsigned int counter)
{
	struct addr key;

	if (e->table[counter] && policy_key(e->table[counter], e->key[counter], &key))
		e->c->inc_gpc0(e->c->arg, e->table[counter], &key);
}

/* POLICY_TAKE when no rule refuses. */
static enum policy_verdict follow_rules(struct eval *e, const struct policy_rule_list *rules)
{
	const struct policy_rule *r;
	bool accepted[2] = { false, false }; /* by a rule of the connection, of the session */

	TAILQ_FOREACH(r, rules, next) {
		if (accepted[r->session] || !cond_is_true(e, &r->cond))
			continue;
		switch (r->action) {
		case RULE_ACCEPT:
			accepted[r->session] = true;
			break;
		case RULE_REJECT:
			return POLICY_REJECT;
		case RULE_DROP:
			return POLICY_DROP;
		case RULE_TRACK:
			track(e, r->table, r->counter, r->by_dst);
			break;
		case RULE_INC_GPC0:
			inc_gpc0(e, r->counter);
			break;
		}
	}
	return POLICY_TAKE;
}

enum policy_verdict policy_eval(const struct frontend *f, const struct policy_packet *pkt,
				const struct policy_counters *c, struct backend **ret)
{
	struct eval e = { .pkt = pkt, .c = c };
	enum policy_verdict verdict = follow_rules(&e, &f->rules);
	struct backend *found = f->backend;
	const struct policy_route *r;

	if (verdict != POLICY_TAKE)
		return verdict;
	TAILQ_FOREACH(r, &f->routes, next) {
		if (cond_is_true(&e, &r->cond)) {
			found = r->backend;
			break;
		}
	}
	if (ret)
		*ret = found;
	return POLICY_TAKE;
}

bool frontend_has_policy(const struct frontend *f)
{
	return !TAILQ_EMPTY(&f->rules) || !TAILQ_EMPTY(&f->routes);
}

struct backend *frontend_backend_at(const struct frontend *f, size_t i)
{
	const struct policy_route *route;

	if (f->backend && !i--)
		return f->backend;
	TAILQ_FOREACH(route, &f->routes, next)
		if (route->backend && !i--)
			return route->backend;
	return NULL;
}
