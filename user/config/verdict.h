/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What became of each line of a configuration: for `xlbctl check`, and for whoever moves a live file to xlb. */
#ifndef CONFIG_VERDICT_H
#define CONFIG_VERDICT_H

#include <stddef.h>

/* From harmless to fatal: of several that a line deserves, the last one counts. */
enum conf_fate {
	FATE_ACCEPTED,	   /* as in HAProxy */
	FATE_MAPPED,	   /* followed in a packet balancer's way, which 'why' tells */
	FATE_IGNORED,	   /* has no meaning for packets, and why that is harmless */
	FATE_UNREAD,	   /* in a branch of .if that is not taken */
	FATE_NOT_ENFORCED, /* someone may count on it, but traffic goes on without it */
	FATE_LEFT,	   /* with its frontend left to the stack */
	FATE_INVALID,
	NR_FATES
};

struct conf_verdict {
	char *file;
	unsigned int line;
	char *text; /* the line without blanks around it */
	enum conf_fate fate;
	char *why; /* NULL: nothing to add */
};

/* Zero-initialised is empty and valid. Comments and blank lines have no verdict. */
struct conf_verdicts {
	struct conf_verdict *list;
	size_t nr, cap;
};

/* "accepted", "mapped", "ignored", "not read", "not enforced", "left", "invalid" */
const char *conf_fate_name(enum conf_fate fate);

void conf_verdicts_fini(struct conf_verdicts *v);

#endif
