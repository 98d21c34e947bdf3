/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HAProxy's check state machine: what a result does to a server, and when the next check is due.
 *
 * Pure: no clock, no sockets. user/health runs probes and reports results here; user/xlbd acts on the transitions.
 * Arithmetic as in HAProxy 2.6 to 3.x (configuration manual, "5.2 Server and default-server options": inter, rise,
 * fall, fastinter, downinter): health counts 0 .. rise + fall - 1, the server is up from 'rise' on, and starts at
 * 'rise', so that the first failure takes it down.
 */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include <stdbool.h>

#include "base/addr.h"

struct check_script;

enum { CHECK_DESC_MAX = 128 };

enum check_type {
	CHECK_NONE,
	CHECK_TCP, /* connects, and follows the rules of a script if there is one */
	CHECK_HTTP,
	CHECK_EXTERNAL, /* a program decides */
	CHECK_UDP,	/* a datagram, and an answer if the script expects one */
	CHECK_ICMP,	/* echo */
	CHECK_AGENT,	/* asks an agent on the server, whose answer agent.h reads */
};

/* HAProxy's codes, in the order of its source; texts by check_code_name() and check_code_desc(). */
enum check_code {
	CHECK_UNKNOWN,
	CHECK_INI,
	CHECK_CHECKED, /* an agent has answered, and said nothing of health */
	CHECK_HANA,    /* traffic has shown errors: 'observe' */
	CHECK_LACKING, /* shown as SOCKERR: the balancer had no descriptor or memory left and learnt nothing */
	CHECK_SOCKERR,
	CHECK_L4OK,
	CHECK_L4TOUT,
	CHECK_L4CON,
	CHECK_L6OK,
	CHECK_L6TOUT,
	CHECK_L6RSP,
	CHECK_L7TOUT,
	CHECK_L7RSP,
	CHECK_L7OK,
	CHECK_L7OKC,
	CHECK_L7STS,
	CHECK_PROCERR,
	CHECK_PROCTOUT,
	CHECK_PROCOK,
	CHECK_NR_CODES
};

/* Health before the first check: 'init-state'. Without a check a server is up. */
enum check_start {
	CHECK_START_UP,	       /* up; the first failure takes it down */
	CHECK_START_FULLY_UP,  /* up; 'fall' failures take it down */
	CHECK_START_DOWN,      /* down; the first success brings it up */
	CHECK_START_FULLY_DOWN /* down; 'rise' successes bring it up */
};

/* What to check and how often. Times in milliseconds; 0 for fastinter and downinter means 'inter'. */
struct check_conf {
	enum check_type type;
	unsigned int inter, fastinter, downinter;
	unsigned int rise, fall;
	unsigned int timeout_connect; /* 0: none given, then 'inter' bounds the whole check */
	unsigned int timeout_check;   /* 0: none given */
	struct addr addr;	      /* family 0: the server's */
	unsigned int port;	      /* 0: the server's */
	struct addr via;	      /* the balanced address that traffic asks for; family 0: none, the server's own */
	unsigned int via_port;	      /* first a connection there; what is to be said goes to the server's own */
	bool via_may_fail;	      /* where there is no such way, the server's own address is asked */
	struct check_script *script;  /* what to say and to expect; NULL: to connect is enough, with HTTP: defaults */
	enum check_start start;
	bool proxy_line;		/* 'check-send-proxy': connections begin with a PROXY header of version 1 */
	bool tls;			/* 'check-ssl' */
	bool verify;			/* of TLS: the certificate must be signed by one of 'ca_file' */
	char *ca_file;			/* "@system-ca": those of the system */
	char *sni, *alpn, *verify_host; /* of TLS, or NULL */
	/* Of CHECK_EXTERNAL: */
	char *command;
	char *path;  /* variable PATH, NULL: empty */
	char *proxy; /* "ADDRESS PORT" that the servers are behind, NULL: no one address */
	char *env;   /* further variables, a line each */
};

/* Does a check by TCP or HTTP do more than connect? */
bool check_speaks(const struct check_conf *c);

/* Where a server stands. Zero-initialise, then check_init(). */
struct check_state {
	int health;		    /* 0 .. rise + fall - 1 */
	enum check_code code;	    /* of the last finished check, CHECK_INI before */
	int status;		    /* of HTTP, or 0 */
	long duration_ms;	    /* of the last check, -1 before */
	unsigned long failed;	    /* failed checks while up (chkfail) */
	unsigned long downs;	    /* times it went down (chkdown) */
	unsigned int errors_in_row; /* of traffic, with 'observe' */
	unsigned long observed;	    /* times that they reached the limit (hanafail) */
	bool is_nolb;		    /* up, but its last check passed only conditionally: no new flows */
	char desc[CHECK_DESC_MAX];  /* what went wrong, e.g. "Connection refused"; "" if nothing to add */
};

/* 'observe layer4': what connections of traffic that fail do to a server. */
enum observe_action { OBSERVE_FAIL_CHECK, OBSERVE_FASTINTER, OBSERVE_SUDDEN_DEATH, OBSERVE_MARK_DOWN };

struct observe {
	bool on;
	unsigned int limit; /* errors in a row that count, 'error-limit' */
	enum observe_action action;
};

enum check_change { CHECK_NO_CHANGE, CHECK_WENT_UP, CHECK_WENT_DOWN };

/* HAProxy's defaults: no check; inter 2 s, rise 2, fall 3. */
void check_conf_init(struct check_conf *c);
/* Lets go of what it points to; the rest stays. */
void check_conf_fini(struct check_conf *c);
int check_conf_copy(struct check_conf *dst, const struct check_conf *src); /* 0 or -ENOMEM */
bool check_conf_equal(const struct check_conf *a, const struct check_conf *b);

void check_init(struct check_state *s, const struct check_conf *c);
bool check_is_up(const struct check_state *s, const struct check_conf *c);
/* Does a result with 'code' carry a number (of HTTP, of a process, 0 of others) that HAProxy shows? */
bool check_code_has_status(enum check_code code);

/* Is 'code' a success? CHECK_LACKING is neither this nor a failure: it leaves health as it was. */
bool check_code_passes(enum check_code code);
const char *check_code_name(enum check_code code); /* "L4OK" */
const char *check_code_desc(enum check_code code); /* "Layer4 check passed" */

/* Enters a result. 'status' is of HTTP or 0, 'desc' may be NULL. */
enum check_change check_result(struct check_state *s, const struct check_conf *c, enum check_code code, int status,
			       long duration_ms, const char *desc);

/*
 * Enters that a connection of traffic to the server came about or not. '*ret_hurry': the limit is reached, and the next
 * check shall come after 'fastinter'.
 */
enum check_change check_observe(struct check_state *s, const struct check_conf *c, const struct observe *o, bool ok,
				bool *ret_hurry);

/* Sets health by hand (`set server b/s health up|stopping|down`) or from a state file; clamped to its range. */
enum check_change check_set_health(struct check_state *s, const struct check_conf *c, int health);

/* Milliseconds from the start of one check to the start of the next: inter, fastinter in transition, downinter when
 * down. */
unsigned int check_interval(const struct check_state *s, const struct check_conf *c);

/*
 * Milliseconds from the start within which connecting must succeed, and the whole check must be over. As in HAProxy:
 * without 'timeout check' both are 'inter'; with it connecting may take min('timeout connect', 'inter'), and the answer
 * 'timeout check' from then on.
 */
unsigned int check_connect_timeout(const struct check_state *s, const struct check_conf *c);
unsigned int check_total_timeout(const struct check_state *s, const struct check_conf *c);

#endif
