/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Do the rules of a frontend fit into the data plane? They are compiled as the daemon will do it, so that a check of
 * the file says what would otherwise be found out when it comes into force.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "config/finish.h"
#include "model/policy.h"

static unsigned int no_server(void *arg, const struct backend *b)
{
	(void)arg;
	(void)b;
	return 0;
}

static unsigned int all_servers(void *arg, const struct backend *b)
{
	(void)arg;
	(void)b;
	return UINT_MAX;
}

/* Numbers are given when the data plane is there; how many rows there are does not depend on them. */
static uint16_t backend_number(void *arg, const struct backend *b)
{
	(void)arg;
	(void)b;
	return 1;
}

static uint16_t table_number(void *arg, const struct stick_table *t)
{
	(void)arg;
	(void)t;
	return 1;
}

/* Where a rule stands: in the section itself, or in the defaults it inherits from. */
static const struct diag_place *place_of(const struct proxy *x, const struct policy_step *step)
{
	const struct proxy *of;
	const struct rule_decl *r;

	for (of = x; of; of = of->from)
		TAILQ_FOREACH(r, &of->rules, next)
			if (r->action == RULE_TRACK && r->place.line == step->line && r->counter == step->counter)
				return &r->place;
	return &x->place;
}

/* A counter that is told two things. True after a message. */
static bool report_tracks(struct parser *p, const struct proxy *x, const struct policy_program *prog)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct policy_step *tracks[POLICY_COUNTERS], *other;
	const struct diag_place *first;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		other = policy_tracks(prog, families[i], tracks);
		if (!other)
			continue;
		first = place_of(x, tracks[other->counter]);
		report(p, DIAG_ERROR, place_of(x, other), CODE_COUNTER_TWICE,
		       "use another of track-sc0, track-sc1 and track-sc2",
		       "sc%u tracks %s in table '%s' here, and %s in table '%s' at %s:%u", other->counter,
		       other->by_dst ? "dst" : "src", other->table->name,
		       tracks[other->counter]->by_dst ? "dst" : "src", tracks[other->counter]->table->name, first->file,
		       first->line);
		return true;
	}
	return false;
}

static void report_rows(struct parser *p, const struct proxy *x)
{
	report(p, DIAG_ERROR, &x->place, CODE_TOO_MANY,
	       "give acls that lead to the same a common name, and put addresses into a file",
	       "the rules of '%s' have more than the %d conditions, limits and actions that a packet is asked about",
	       x->name, XLB_POLICY_ROWS - 1);
}

/* Compiles with a number of servers that 'nbsrv' sees. Returns 1 after a message, 0, -ENOMEM. */
static int try_with(struct parser *p, const struct proxy *x, unsigned int (*nbsrv)(void *, const struct backend *))
{
	static const struct policy_numbers numbers = { .backend = backend_number, .table = table_number };
	const struct policy_counters counters = { .nbsrv = nbsrv };
	struct policy_program *prog;
	struct xlb_rule *rows = calloc(XLB_POLICY_ROWS, sizeof(*rows));
	size_t nr;
	int err = rows ? policy_compile(x->frontend, &counters, &prog) : -ENOMEM;

	if (!err) {
		err = policy_rows(prog, &numbers, rows, &nr);
		if (!err && report_tracks(p, x, prog))
			err = 1;
		policy_program_free(prog);
	}
	free(rows);
	if (err != -E2BIG)
		return err;
	report_rows(p, x);
	return 1;
}

int check_policy_fits(struct parser *p, const struct proxy *x)
{
	int err = 0;

	if (!frontend_has_policy(x->frontend))
		return 0;
	/* Terms with 'nbsrv' come and go while servers do: neither may be too much. */
	err = try_with(p, x, no_server);
	if (!err)
		err = try_with(p, x, all_servers);
	return err < 0 ? err : 0;
}
