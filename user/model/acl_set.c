/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sets of patterns of ACLs: made, edited, compared, written as text and read from it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/policy.h"

/* Room for one more, in steps that double. */
static int grow(void **array, size_t nr, size_t size)
{
	void *bigger;

	if (nr & (nr - 1))
		return 0; /* full only at 0 and the powers of two */
	bigger = reallocarray(*array, nr ? nr * 2 : 1, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

static void forget_order(struct acl_set *set)
{
	free(set->in_order);
	set->in_order = NULL;
}

int acl_set_add_net(struct acl_set *set, const struct cidr *net)
{
	if (set->numeric)
		return -EINVAL;
	if (grow((void **)&set->nets, set->nr, sizeof(*set->nets)))
		return -ENOMEM;
	set->nets[set->nr++] = *net;
	forget_order(set);
	return 0;
}

int acl_set_add_range(struct acl_set *set, struct num_range range)
{
	if (!set->numeric)
		return -EINVAL;
	if (grow((void **)&set->ranges, set->nr, sizeof(*set->ranges)))
		return -ENOMEM;
	set->ranges[set->nr++] = range;
	return 0;
}

/* Keeps the room, which grow() relies on. */
static size_t shrink(struct acl_set *set, size_t kept)
{
	size_t gone = set->nr - kept;
	void *array = set->numeric ? (void *)set->ranges : (void *)set->nets;
	size_t cap = 1, size = set->numeric ? sizeof(*set->ranges) : sizeof(*set->nets);
	void *smaller;

	set->nr = kept;
	forget_order(set);
	while (cap < kept)
		cap *= 2;
	smaller = gone ? reallocarray(array, cap, size) : NULL;
	if (smaller && set->numeric)
		set->ranges = smaller;
	else if (smaller)
		set->nets = smaller;
	return gone;
}

size_t acl_set_del_net(struct acl_set *set, const struct cidr *net)
{
	size_t kept = 0;

	if (set->numeric)
		return 0;
	for (size_t i = 0; i < set->nr; i++)
		if (cidr_cmp(&set->nets[i], net) != 0)
			set->nets[kept++] = set->nets[i];
	return shrink(set, kept);
}

size_t acl_set_del_range(struct acl_set *set, struct num_range range)
{
	size_t kept = 0;

	if (!set->numeric)
		return 0;
	for (size_t i = 0; i < set->nr; i++)
		if (set->ranges[i].lo != range.lo || set->ranges[i].hi != range.hi)
			set->ranges[kept++] = set->ranges[i];
	return shrink(set, kept);
}

void acl_set_clear(struct acl_set *set)
{
	forget_order(set);
	free(set->nets);
	free(set->ranges);
	set->nets = NULL;
	set->ranges = NULL;
	set->nr = 0;
}

bool acl_set_equal(const struct acl_set *a, const struct acl_set *b)
{
	if (a->numeric != b->numeric || a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++)
		if (a->numeric ? a->ranges[i].lo != b->ranges[i].lo || a->ranges[i].hi != b->ranges[i].hi :
				 cidr_cmp(&a->nets[i], &b->nets[i]) != 0)
			return false;
	return true;
}

void acl_set_free(struct acl_set *set)
{
	struct acl_set *v;

	if (!set)
		return;
	acl_set_free(set->base);
	while ((v = set->prepared)) {
		set->prepared = v->older;
		acl_set_free(v);
	}
	acl_set_clear(set);
	free(set->file);
	free(set->fetch);
	free(set->where);
	free(set->where_more);
	free(set);
}

struct acl_set *acl_set_copy(const struct acl_set *set)
{
	struct acl_set *copy = calloc(1, sizeof(*copy));
	int err = 0;

	if (!copy)
		return NULL;
	copy->numeric = set->numeric;
	for (size_t i = 0; i < set->nr && !err; i++)
		err = set->numeric ? acl_set_add_range(copy, set->ranges[i]) : acl_set_add_net(copy, &set->nets[i]);
	if (!err)
		return copy;
	acl_set_free(copy);
	return NULL;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static const char *range_text(const struct num_range *r, char buf[ACL_PATTERN_MAX])
{
	unsigned long long lo = r->lo, hi = r->hi;

	if (lo == hi)
		snprintf(buf, ACL_PATTERN_MAX, "%llu", lo);
	else if (r->hi == UINT64_MAX)
		snprintf(buf, ACL_PATTERN_MAX, "%llu:", lo);
	else if (!lo)
		snprintf(buf, ACL_PATTERN_MAX, ":%llu", hi);
	else
		snprintf(buf, ACL_PATTERN_MAX, "%llu:%llu", lo, hi);
	return buf;
}

const char *acl_set_text(const struct acl_set *set, size_t i, char buf[ACL_PATTERN_MAX])
{
	const struct cidr *net = &set->nets[i];
	char text[ADDR_TEXT_MAX];

	if (set->numeric)
		return range_text(&set->ranges[i], buf);
	addr_format(&net->addr, text);
	if (net->bits == (net->addr.family == AF_INET6 ? 128 : 32))
		snprintf(buf, ACL_PATTERN_MAX, "%s", text);
	else
		snprintf(buf, ACL_PATTERN_MAX, "%s/%u", text, net->bits);
	return buf;
}

/* Decimal digits; none at all is 'otherwise'. */
static bool parse_bound(const char *text, size_t len, uint64_t otherwise, uint64_t *ret)
{
	char copy[24], *end;

	*ret = otherwise;
	if (!len)
		return true;
	if (len >= sizeof(copy) || *text < '0' || *text > '9')
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	*ret = strtoull(copy, &end, 10);
	return !*end && !errno;
}

static bool parse_range(const char *text, struct num_range *ret)
{
	const char *colon = strchr(text, ':');

	if (!*text || !strcmp(text, ":") ||
	    !parse_bound(text, colon ? (size_t)(colon - text) : strlen(text), 0, &ret->lo))
		return false;
	ret->hi = ret->lo;
	return !colon || (parse_bound(colon + 1, strlen(colon + 1), UINT64_MAX, &ret->hi) && ret->lo <= ret->hi);
}

int acl_set_add_text(struct acl_set *set, const char *text)
{
	struct num_range range;
	struct cidr net;

	if (set->numeric)
		return parse_range(text, &range) ? acl_set_add_range(set, range) : -EINVAL;
	return cidr_parse(text, &net) ? -EINVAL : acl_set_add_net(set, &net);
}

size_t acl_set_del_text(struct acl_set *set, const char *text)
{
	struct num_range range;
	struct cidr net;

	if (set->numeric)
		return parse_range(text, &range) ? acl_set_del_range(set, range) : 0;
	return cidr_parse(text, &net) ? 0 : acl_set_del_net(set, &net);
}

/* --- what commands have changed ----------------------------------------------------------------------------------- */

static int by_range(const void *a, const void *b)
{
	const struct num_range *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

static int by_net(const void *a, const void *b)
{
	return cidr_cmp(a, b);
}

const struct cidr *acl_set_in_order(struct acl_set *set)
{
	if (set->in_order || set->numeric || !set->nr)
		return set->in_order;
	set->in_order = calloc(set->nr, sizeof(*set->in_order));
	if (!set->in_order)
		return NULL;
	memcpy(set->in_order, set->nets, set->nr * sizeof(*set->nets));
	qsort(set->in_order, set->nr, sizeof(*set->in_order), by_net);
	return set->in_order;
}

static struct acl_set *sorted_copy(const struct acl_set *set)
{
	struct acl_set *copy = acl_set_copy(set);

	if (copy && copy->nr && copy->numeric)
		qsort(copy->ranges, copy->nr, sizeof(*copy->ranges), by_range);
	else if (copy && copy->nr)
		qsort(copy->nets, copy->nr, sizeof(*copy->nets), by_net);
	return copy;
}

static int compare_at(const struct acl_set *a, size_t i, const struct acl_set *b, size_t j)
{
	if (i == a->nr || j == b->nr)
		return i == a->nr ? 1 : -1;
	return a->numeric ? by_range(&a->ranges[i], &b->ranges[j]) : cidr_cmp(&a->nets[i], &b->nets[j]);
}

int acl_set_changes(const struct acl_set *set, void (*fn)(void *arg, const struct acl_set *of, size_t i, bool added),
		    void *arg)
{
	struct acl_set *before, *now;
	size_t i = 0, j = 0;

	if (!set->base)
		return 0;
	before = sorted_copy(set->base);
	now = sorted_copy(set);
	while (before && now && (i < before->nr || j < now->nr)) {
		int cmp = compare_at(before, i, now, j);

		if (cmp < 0)
			fn(arg, before, i, false);
		else if (cmp > 0)
			fn(arg, now, j, true);
		i += cmp <= 0;
		j += cmp >= 0;
	}
	if (!before || !now)
		i = SIZE_MAX;
	acl_set_free(before);
	acl_set_free(now);
	return i == SIZE_MAX ? -ENOMEM : 0;
}

const char *acl_set_name(const struct acl_set *set, char buf[ACL_SET_NAME_MAX])
{
	const struct acl_set *base = set->base ? set->base : set;
	char text[ACL_PATTERN_MAX];
	uint32_t hash = 2166136261u; /* FNV-1a of what the line says */

	if (set->file && strlen(set->file) < ACL_SET_NAME_MAX && !strpbrk(set->file, " \t\n#"))
		return set->file;
	for (size_t i = 0; i < base->nr; i++)
		for (const char *at = acl_set_text(base, i, text); *at; at++)
			hash = (hash ^ (unsigned char)*at) * 16777619u;
	snprintf(buf, ACL_SET_NAME_MAX, "#%u:%.32s:%08x", set->id, set->fetch ? set->fetch : "", hash);
	return buf;
}

void acl_set_swap(struct acl_set *a, struct acl_set *b)
{
	struct cidr *nets = a->nets;
	struct num_range *ranges = a->ranges;
	size_t nr = a->nr;

	forget_order(a);
	forget_order(b);
	a->nets = b->nets;
	a->ranges = b->ranges;
	a->nr = b->nr;
	b->nets = nets;
	b->ranges = ranges;
	b->nr = nr;
}
