/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entries of stick tables for commands: the table_* functions of struct runtime_host; 'arg' is the state. */
#ifndef XLBD_STICKS_H
#define XLBD_STICKS_H

#include "protocol/runtime.h"

uint64_t sticks_used(void *arg, const struct stick_table *t);
bool sticks_entries(void *arg, const struct stick_table *t, uint64_t *cursor,
		    bool (*fn)(void *fn_arg, const struct runtime_table_entry *entry), void *fn_arg);
bool sticks_find(void *arg, const struct stick_table *t, const struct addr *key, struct runtime_table_entry *ret);
int sticks_set(void *arg, const struct stick_table *t, const struct addr *key, unsigned int mask,
	       const uint64_t values[RUNTIME_TABLE_NR_VALUES], struct diag_list *diags);
int sticks_clear(void *arg, const struct stick_table *t, const struct addr *key, struct diag_list *diags);

#endif
