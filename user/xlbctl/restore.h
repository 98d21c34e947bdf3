/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Server-state files, and the commands that lead from one to the other. Pure. */
#ifndef XLBCTL_RESTORE_H
#define XLBCTL_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

enum { RESTORE_WORD_MAX = 64 };

/* A request 'server' of the daemon. */
struct restore_step {
	char server[600];	      /* BACKEND/SERVER */
	const char *action;	      /* set, weight, drain, ready, maint */
	const char *property;	      /* of 'set', else NULL */
	char value[RESTORE_WORD_MAX]; /* "" if the action takes none */
};

struct restore_plan {
	struct restore_step *steps;
	size_t nr, cap;
};

/*
 * What makes the running state, 'now', that of the file 'saved'; both texts are as of `xlbctl save` or HAProxy's `show
 * servers state`. Servers that the file does not name stay as they are. -EINVAL when 'saved' is damaged or names a
 * server that does not run: all that is wrong is in 'diags', with line numbers. -ENOMEM. 'ret' is untouched then.
 */
int restore_plan(const char *file, const char *saved, const char *now, struct diag_list *diags,
		 struct restore_plan *ret);
void restore_plan_free(struct restore_plan *plan);

#endif
