/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of this folder share: a probe's life (health.c), and the ways to ask a server (script.c, http.c,
 * external.c, datagram.c), each behind struct probe_method. Not for other folders.
 *
 * A probe waits, asks, and waits again. Its one timer is the time of the next question while it waits and the deadline
 * while it asks. A method reports the end of a question with probe_done() or by the return value of begin(), once, and
 * has let go of everything by then.
 */
#ifndef HEALTH_PROBE_H
#define HEALTH_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <uv.h>

#include "health/health.h"
#include "health/tls.h"
#include "model/script_run.h"

struct curl_loop;
struct via;
struct ready_set;

enum probe_phase { PROBE_WAITING, PROBE_QUEUED, PROBE_CONNECTING, PROBE_CONNECTED, PROBE_STOPPED };

struct probe_method {
	/* Asks. True: a question is under way. False: it is over already, and 'ret' says how. */
	bool (*begin)(struct health_probe *p, struct health_result *ret);
	/* Gives up the question under way, without a report. */
	void (*abandon)(struct health_probe *p);
	/* What to report of the question under way when its time is over; it will be abandoned. */
	void (*late)(struct health_probe *p, struct script_result *ret);
};

struct health_probe {
	struct health *health;
	const struct probe_method *method;
	struct check_conf conf;		 /* own copy */
	const struct check_state *state; /* the caller's */
	const struct health_ops *ops;
	void *arg;
	struct sockaddr_storage to;
	socklen_t to_len;
	enum probe_phase phase;
	bool has_slot;			  /* counts in health.nr_asking */
	TAILQ_ENTRY(health_probe) queued; /* while PROBE_QUEUED */
	uv_timer_t timer;
	uint64_t started_ns; /* uv_hrtime() at the start of the question */
	bool overdue;	     /* the deadline has passed once */
	void *question;	     /* the method's, while asking */
};

TAILQ_HEAD(probe_list, health_probe);

struct health {
	uv_loop_t *loop;
	struct curl_loop *curl;
	struct ready_set *ready;
	struct via *via; /* NULL until a check needs it */
	unsigned int nr_asking, max_asking;
	struct probe_list queue; /* those whose time has come while all slots were taken */
};

extern const struct probe_method probe_script, probe_http, probe_external, probe_datagram, probe_via;

/* Ends the question: enters the result with the owner and waits for the next. 'desc' may be NULL. */
void probe_done(struct health_probe *p, enum check_code code, int status, const char *desc);
/* The same with an answer for the owner to read. */
void probe_answered(struct health_probe *p, const char *answer, size_t len);

/* Goes on with the question at the server's own address: for a method that cannot, or has done its part. */
void probe_own_address(struct health_probe *p);

/* A connection is made, or one after the first: the deadline is that of connecting. */
void probe_connecting(struct health_probe *p);

/* The connection stands: from now on the deadline is that of the answer. */
void probe_connected(struct health_probe *p);

/* How to connect to 'to' as the probe's check says, and 'rule', if it is not NULL. */
void probe_target(const struct health_probe *p, const struct rule_connect *rule, const struct sockaddr_storage *to,
		  struct tls_target *ret);

/* The address and port of a rule go before those of the check. */
void probe_address(const struct health_probe *p, const struct rule_connect *rule, struct sockaddr_storage *ret);

/* CHECK_LACKING if 'err' (positive errno) is the balancer's own lack, else CHECK_L4CON. */
enum check_code probe_connect_code(int err);

/* A non-blocking, close-on-exec TCP socket, or -errno. */
int probe_socket(int family);

#endif
