/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Part of image_build(): rules of frontends as the data plane runs them.
 *
 * A policy's number is of its contents. What changes gets another number, is written beside the old one, and comes into
 * force with the service's record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/image_build.h"

static unsigned int nbsrv(void *arg, const struct backend *b)
{
	(void)arg;
	return (unsigned int)backend_eligible(b, NULL, 0);
}

static uint16_t backend_number(void *arg, const struct backend *b)
{
	(void)arg;
	return b->dp_id;
}

static uint16_t table_number(void *arg, const struct stick_table *t)
{
	return image_number_table(arg, t);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *at = data;

	/* FNV-1a, with 8 bytes at a time; all records are multiples of that. */
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word;

		memcpy(&word, at + i, sizeof(word));
		hash = (hash ^ word) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	return hash;
}

static uint64_t identity_of(const struct image_policy *p)
{
	uint64_t hash = hash_bytes(0xcbf29ce484222325u, p->rows, p->rec.nr_rows * sizeof(*p->rows));

	hash = hash_bytes(hash, p->nets, p->nr_nets * sizeof(*p->nets));
	return hash ? hash : 1;
}

static uint8_t fields_of(const struct image_policy *p)
{
	uint8_t fields = 0;

	for (size_t i = 0; i < p->nr_nets; i++)
		fields |= p->nets[i].key.kind[0];
	return fields;
}

static void policy_fini(struct image_policy *p)
{
	free(p->rows);
	free(p->nets);
}

/* What flows of a family are counted by. -EINVAL: a counter in two ways. */
static int put_tracks(struct image_builder *b, const struct policy_program *prog, int family, struct xlb_service *svc)
{
	const struct policy_step *tracks[POLICY_COUNTERS];
	size_t at = family == AF_INET6;

	if (policy_tracks(prog, family, tracks))
		return -EINVAL;
	for (size_t i = 0; i < POLICY_COUNTERS; i++) {
		if (!tracks[i])
			continue;
		svc->track[at][i] = image_number_table(b, tracks[i]->table);
		if (tracks[i]->by_dst)
			svc->track_dst[at] |= (uint8_t)(1u << i);
	}
	return 0;
}

/* Contents of a policy, without a number. -E2BIG: it does not fit. */
static int make_policy(struct image_builder *b, const struct policy_program *prog, struct image_policy *ret)
{
	const struct policy_numbers numbers = { .arg = b, .backend = backend_number, .table = table_number };
	size_t nr;
	int err;

	ret->rows = calloc(XLB_POLICY_ROWS, sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	err = policy_rows(prog, &numbers, ret->rows, &nr);
	if (!err)
		err = policy_nets(prog, &ret->nets, &ret->nr_nets);
	if (err)
		return err;
	ret->rec.nr_rows = (uint16_t)nr;
	ret->rec.fields = fields_of(ret);
	ret->rec.identity = identity_of(ret);
	return 0;
}

/* Gives the policy its number, and the image the policy, unless the image has it already. */
static int enter_policy(struct image_builder *b, const struct frontend *f, struct image_policy *p)
{
	uint16_t id = image_ids_get(b->ids, 'p', p->rec.identity);

	if (!id) {
		diag_add(b->diags, DIAG_ERROR, NULL, "M0216",
			 "use fewer frontends with rules, or change the rules some seconds later",
			 "frontend '%s': the data plane keeps %d lists of rules at most", f->name,
			 XLB_MAX_POLICIES - 1);
		policy_fini(p);
		return -ENOSPC;
	}
	b->img->services[f->dp_id].policy = id;
	if (b->img->policies[id].rec.identity)
		policy_fini(p);
	else
		b->img->policies[id] = *p;
	return 0;
}

static int build_policy(struct image_builder *b, const struct frontend *f)
{
	const struct policy_counters counters = { .nbsrv = nbsrv };
	struct policy_program *prog;
	struct image_policy policy = { 0 };
	int err = policy_compile(f, &counters, &prog);

	if (!err) {
		err = make_policy(b, prog, &policy);
		if (!err)
			err = put_tracks(b, prog, AF_INET, &b->img->services[f->dp_id]);
		if (!err)
			err = put_tracks(b, prog, AF_INET6, &b->img->services[f->dp_id]);
		policy_program_free(prog);
	}
	if (!err)
		return enter_policy(b, f, &policy);
	policy_fini(&policy);
	if (err == -E2BIG)
		diag_add(b->diags, DIAG_ERROR, NULL, "M0217", "join lines of one name, or put addresses into a file",
			 "frontend '%s': its rules have more than %d acls, or %d conditions and actions", f->name,
			 POLICY_ATOMS_MAX, XLB_POLICY_ROWS - 1);
	else if (err == -EINVAL)
		diag_add(b->diags, DIAG_ERROR, NULL, "M0218", "use another of track-sc0, track-sc1 and track-sc2",
			 "frontend '%s': one counter tracks in two tables, or by two kinds of address", f->name);
	return err;
}

int image_build_policies(struct image_builder *b)
{
	const struct frontend *f;
	int ret = 0;

	TAILQ_FOREACH(f, &b->m->frontends, next) {
		int err = f->dp_id && frontend_has_policy(f) ? build_policy(b, f) : 0;

		if (err == -ENOMEM)
			return err;
		ret = ret ? ret : err; /* go on, to report all of them */
	}
	return ret;
}
