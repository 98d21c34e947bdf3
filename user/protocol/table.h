/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entries of stick tables, as commands show and change them. */
#ifndef PROTOCOL_TABLE_H
#define PROTOCOL_TABLE_H

#include <stdint.h>

#include "base/addr.h"

/* What is kept per entry: indexes of its values, in the order in which HAProxy prints them. */
enum runtime_table_value {
	RUNTIME_TABLE_SERVER_ID,
	RUNTIME_TABLE_GPT0,
	RUNTIME_TABLE_GPC0,
	RUNTIME_TABLE_GPC0_RATE,
	RUNTIME_TABLE_CONN_CNT,
	RUNTIME_TABLE_CONN_RATE,
	RUNTIME_TABLE_CONN_CUR,
	RUNTIME_TABLE_BYTES_IN,
	RUNTIME_TABLE_BYTES_OUT,
	RUNTIME_TABLE_GPC1,
	RUNTIME_TABLE_NR_VALUES
};

struct runtime_table_entry {
	uint64_t id; /* stays with the entry */
	struct addr key;
	unsigned int use;	 /* flows that hold it */
	unsigned int expires_ms; /* idle time that is left */
	uint64_t values[RUNTIME_TABLE_NR_VALUES];
};

#endif
