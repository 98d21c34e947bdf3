/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules of ipvsadm as data: between import.c, which reads them, and import_print.c, which writes a configuration. */
#ifndef XLBCTL_IMPORT_RULES_H
#define XLBCTL_IMPORT_RULES_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "base/buf.h"

/* A scheduler and its lines in a section. */
struct ipvs_scheduler {
	const char *name;
	const char *balance; /* lines of a section */
	bool weighted;	     /* else all servers count alike, but for weight 0, which takes no new connections */
	bool hashes;	     /* may hash the client's port as well */
};

enum { IPVS_NR_SCHEDULERS = 6, IPVS_DEFAULT_SCHEDULER = 3 };
extern const struct ipvs_scheduler ipvs_schedulers[IPVS_NR_SCHEDULERS];

struct ipvs_server {
	TAILQ_ENTRY(ipvs_server) next;
	struct addr addr;
	uint16_t port;	     /* 0: the one that the client asked for */
	const char *forward; /* word of '#@xlb forward' */
	unsigned int weight, maxconn;
	unsigned int line;
};

struct ipvs_service {
	TAILQ_ENTRY(ipvs_service) next;
	TAILQ_HEAD(, ipvs_server) servers;
	bool udp;
	struct addr addr;
	uint16_t port; /* 0: all */
	const struct ipvs_scheduler *scheduler;
	bool hash_port;
	unsigned int persist_s; /* 0: none */
	unsigned int line;
};

struct ipvs_rules {
	TAILQ_HEAD(, ipvs_service) services;
	bool failed; /* out of memory */
};

/* Appends the configuration. */
void ipvs_print(const struct ipvs_rules *rules, struct buf *out);

#endif
