/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the configuration says: proxies, binds, servers. Pure data; built by user/config, by runtime commands and by
 * nothing else. Names are unique per kind. Order in the file is kept everywhere.
 *
 * What changes without the file changing (health, operator's word, counters) is in struct server_run; a reload moves
 * it from the old model to the new one by name (model_inherit_run()).
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "model/balance.h"
#include "model/check.h"
#include "model/policy.h"
#include "model/ports.h"

enum {
	MODEL_WEIGHT_MAX = 256,
	MODEL_NAME_MAX = 256,
};

/* Why a server is in maintenance or drained; bits and values of HAProxy's server-state file. */
enum server_admin {
	SERVER_FMAINT = 0x01, /* by command */
	SERVER_IMAINT = 0x02, /* inherited by track */
	SERVER_CMAINT = 0x04, /* 'disabled' in the file */
	SERVER_FDRAIN = 0x08, /* by command */
	SERVER_IDRAIN = 0x10, /* inherited by track */
	SERVER_MAINT = SERVER_FMAINT | SERVER_IMAINT | SERVER_CMAINT,
	SERVER_DRAIN = SERVER_FDRAIN | SERVER_IDRAIN,
};

/* Run-time state of a server. Zeroed by model_server_add(); set up by server_run_init(). */
struct server_run {
	unsigned int admin;  /* enum server_admin */
	unsigned int weight; /* now; starts as server.weight */
	bool check_enabled;  /* a check is configured and not disabled by command */
	bool check_running;  /* a probe is under way: '* ' before check_status */
	struct check_state check;
	bool agent_enabled; /* an agent is configured and not disabled by command */
	bool agent_running; /* it is being asked */
	struct check_state agent;
	uint64_t last_change_ms; /* CLOCK_MONOTONIC of the last change of up/down/maint */
	uint64_t down_since_ms;	 /* while down: since when; else 0 */
	uint64_t downtime_ms;	 /* total of earlier outages */
	uint64_t recovered_ms;	 /* when it last became usable again, for slowstart; 0: it was from the start */
	struct addr source;	 /* that it last saw, when the route chooses it; family 0: none yet */
	uint16_t dp_id;		 /* index into xlb_tables.servers, 0: none yet */
};

/* 'server' line. */
/* Where a check, or the question to an agent, goes; family 0, port 0: where traffic goes. */
struct check_target {
	struct addr addr;
	unsigned int port;
};

struct server {
	TAILQ_ENTRY(server) next;
	struct backend *backend;
	char *name;
	unsigned int id; /* HAProxy's sid: 1, 2, .. within the backend, or 'id N' */
	bool id_forced;
	struct addr addr;
	char *host;		     /* the address as written, when it was a name; else NULL */
	uint16_t port;		     /* host order; 0: the port that the client asked for, plus 'port_offset' */
	struct addr addr_configured; /* as in the file: 'addr' and 'port' differ after a command has changed them */
	uint16_t port_configured;
	int port_offset;	   /* of ":+N" and ":-N", with 'port' 0 */
	unsigned int weight;	   /* 0..256 as in the file */
	unsigned int maxconn;	   /* connections at a time, 0: no limit; a full server is passed over */
	unsigned int slowstart_ms; /* after a recovery the weight grows from 0 to full in this time; 0: at once */
	bool backup;
	bool disabled;
	bool down_ends_flows;	   /* 'on-marked-down shutdown-sessions' */
	bool up_ends_backup_flows; /* 'on-marked-up shutdown-backup-sessions' */
	enum forward forward;	   /* in force: its own or the backend's */
	bool has_mac;		   /* 'mac' is given: the neighbour is not asked */
	unsigned char mac[6];
	unsigned int line;	 /* of the file, 0: by command */
	struct check_conf check; /* type CHECK_NONE: not checked, counts as up */
	struct check_conf agent; /* 'agent-check'; type CHECK_NONE: none */
	struct observe observe;
	/* As in the file, of what a command may change besides the address. */
	struct {
		struct check_target check, agent;
		unsigned int maxconn;
	} configured;
	struct server *track; /* 'track': whose health and maintenance it follows, or NULL */
	unsigned int nr_trackers;
	struct addr source;		/* family 0: the backend's */
	struct port_range source_ports; /* empty: the backend's */
	struct server_run run;
};

TAILQ_HEAD(server_list, server);

/* Idle times of flows in milliseconds; 0: not given, the default that model_flow_timeout() names holds. */
struct timeouts {
	unsigned int connect, client, server, tunnel, client_fin, server_fin, check;
};

/* Where probes of servers go: '#@xlb check via-path' and 'direct'. */
enum check_path {
	CHECK_PATH_AUTO,   /* not given: by the path in l2dsr and ipip where a check can take it, else direct */
	CHECK_PATH_DIRECT, /* to the server's own address */
	CHECK_PATH_VIA,	   /* to the balanced address, in the way in which traffic gets to the server */
};

/* 'load-server-state-from-file' */
enum state_file { STATE_FILE_NONE, STATE_FILE_GLOBAL, STATE_FILE_LOCAL };

/* 'backend' section, and the backend half of 'listen'. */
struct backend {
	TAILQ_ENTRY(backend) next;
	char *name;
	unsigned int id; /* iid; frontends and backends share the numbering, in file order */
	bool is_listen;	 /* one proxy with the frontend of the same name and id */
	bool mode_http;	 /* 'mode http' taken as layer 4 */
	struct server_list servers;
	unsigned int nr_servers;
	struct timeouts timeouts;
	struct balance balance;
	enum forward forward; /* of its servers, where they have none of their own */
	struct stick stick;
	struct addr source;		/* family 0: chosen by the route to the server */
	struct port_range source_ports; /* empty: ports_default() */
	bool allbackups;
	bool log_health_checks;	 /* 'option log-health-checks' */
	unsigned int redispatch; /* the repeated SYN that goes to another server though the first is up; 0: none does */
	enum check_path check_path;
	enum state_file load_state;
	char *state_file; /* of 'server-state-file-name', or NULL: the backend's name */
	char *description;
	unsigned int line;
	uint64_t last_change_ms;
	uint64_t down_since_ms, downtime_ms;
	unsigned long downs; /* times it lost its last server */
	uint16_t dp_id;	     /* index into xlb_tables.backends, 0: none yet */
};

TAILQ_HEAD(backend_list, backend);

/* One address of a 'bind' line. */
struct bind {
	TAILQ_ENTRY(bind) next;
	struct addr addr;	   /* 0.0.0.0, ::: every IPv4 or IPv6 address of the attached interfaces */
	uint16_t port_lo, port_hi; /* 1 and 65535: any port, as '#@xlb bind tcp ADDRESS:*' says */
	uint8_t proto;		   /* IPPROTO_TCP, or IPPROTO_UDP by pragma */
	char *interface;	   /* or NULL */
	char *name;		   /* or NULL */
	unsigned int id;	   /* of 'id N', or 0 */
	unsigned int maxconn;	   /* 0: not given */
	unsigned int mss;	   /* clamp of the segment size in SYN and SYN-ACK, 0: none */
	unsigned int line;
};

TAILQ_HEAD(bind_list, bind);

/* What a packet gets for which there is no server: '#@xlb no-backend WORD'. */
enum no_backend {
	NO_BACKEND_AUTO,  /* not given: TCP gets a reset, UDP port unreachable */
	NO_BACKEND_RESET, /* as auto, but other packets than TCP are dropped */
	NO_BACKEND_ICMP,  /* port unreachable for all */
	NO_BACKEND_DROP,
	NO_BACKEND_PASS, /* to the host, where a proxy may listen: '#@xlb fallback local' */
};

/* A line 'stats auth', 'stats scope'. */
struct stats_word {
	TAILQ_ENTRY(stats_word) next;
	char *text; /* "user:password"; name of a proxy */
};

TAILQ_HEAD(stats_word_list, stats_word);

/* 'frontend' section, and the frontend half of 'listen'. */
struct frontend {
	TAILQ_ENTRY(frontend) next;
	char *name;
	unsigned int id;
	bool is_listen;
	bool mode_http;
	bool disabled;		  /* 'disabled' in the file, or by command */
	bool disabled_configured; /* as in the file: 'disabled' differs after a command has changed it */
	bool stopped;		  /* by 'shutdown frontend': gone until a reload, 'disabled' is set as well */
	bool left_to_stack;	  /* needs layer 7: no bind of it is taken; 'stack_reason' says which line decided */
	char *stack_reason;
	struct bind_list binds;
	char *default_backend;	 /* name as written, or NULL */
	struct backend *backend; /* resolved, or NULL */
	struct acl_list acls;	 /* that its rules and routes use */
	struct policy_rule_list rules;
	struct policy_route_list routes; /* tried before 'backend' */
	struct timeouts timeouts;
	unsigned int maxconn;		 /* flows at a time, 0: not given; beyond it a SYN is dropped */
	unsigned int maxconn_configured; /* as in the file */
	unsigned int rate_limit;	 /* new flows per second, 0: not given; beyond it a SYN is dropped */
	enum no_backend no_backend;
	bool socket_stats; /* 'option socket-stats': a row per bind in 'show stat' */
	char *description;
	struct {
		bool enabled; /* served by xlbd over HTTP */
		char *uri;    /* default /haproxy?stats */
		char *realm;
		char *auth; /* "user:password", or NULL */
		unsigned int refresh_s;
		bool metrics; /* http-request use-service prometheus-exporter */
		bool admin;   /* the page may change servers */
		bool hide_version, show_legends;
		char *node, *desc;	      /* of show-node and show-desc, or NULL: not shown */
		struct stats_word_list users; /* all of 'stats auth'; 'auth' is the last of them */
		struct stats_word_list scope; /* empty: everything; "." is the section itself */
	} stats;
	unsigned int line;
	uint16_t dp_id; /* index into xlb_tables.services, 0: none yet */
};

TAILQ_HEAD(frontend_list, frontend);

enum attach_mode { ATTACH_AUTO, ATTACH_NATIVE, ATTACH_GENERIC };

/* '#@xlb attach IF [MODE]' */
struct attach_want {
	TAILQ_ENTRY(attach_want) next;
	char *ifname;
	enum attach_mode mode;
};

TAILQ_HEAD(attach_list, attach_want);

/* 'stats socket' */
enum access_level { ACCESS_USER, ACCESS_OPERATOR, ACCESS_ADMIN };

struct stats_socket {
	TAILQ_ENTRY(stats_socket) next;
	char *path;	  /* unix socket, or NULL */
	struct addr addr; /* else TCP */
	uint16_t port;
	unsigned int mode; /* of the file; 0: not given */
	char *user, *group;
	enum access_level level; /* default operator */
	unsigned int line;
};

TAILQ_HEAD(stats_socket_list, stats_socket);

/* 'log' targets of section global */
struct log_target {
	TAILQ_ENTRY(log_target) next;
	char *path;	  /* /dev/log, or NULL */
	struct addr addr; /* else UDP */
	uint16_t port;
	int facility;  /* of syslog(3) */
	int max_level; /* of syslog(3), 7: all */
};

TAILQ_HEAD(log_target_list, log_target);

struct model {
	struct frontend_list frontends;
	struct backend_list backends;
	struct attach_list attach;
	struct stats_socket_list sockets;
	struct log_target_list logs;
	struct stick_table_list tables;
	struct acl_set_list acl_sets;
	unsigned int nr_frontends, nr_backends;
	unsigned int last_proxy_id;	   /* highest iid given out */
	unsigned int flows;		   /* '#@xlb flows N', default 262144: IPv4 */
	unsigned int flows6;		   /* '#@xlb flows6 N', 0: a quarter of 'flows' */
	unsigned int maxconn;		   /* of global, 0: not given */
	unsigned int stats_timeout_ms;	   /* of 'stats timeout', default 10000 */
	unsigned int spread_checks;	   /* 0..50 per cent */
	unsigned int max_spread_checks_ms; /* 0: not given */
	char *node, *description;
	char *seed;	    /* '#@xlb seed WORD', or NULL: nodes with the same word and file choose the same servers */
	char *log_tag;	    /* program name in log lines, or NULL: "xlb" */
	bool log_host;	    /* 'log-send-hostname': lines carry a host name */
	char *log_hostname; /* which, or NULL: the host's own */
	char *state_base, *state_file; /* 'server-state-base', 'server-state-file', or NULL */
};

struct model *model_new(void);
void model_free(struct model *m); /* NULL is fine */

/*
 * Each appends and returns the new element, zeroed but for name, defaults and links; NULL: out of memory. Proxies are
 * numbered in the order in which they are added; a backend takes the number of the last frontend when that has the
 * same name and is_listen set.
 */
struct frontend *model_frontend_add(struct model *m, const char *name);
struct backend *model_backend_add(struct model *m, const char *name);
struct server *model_server_add(struct backend *b, const char *name);
struct bind *model_bind_add(struct frontend *f);
struct stick_table *model_table_add(struct model *m, const char *name);
/* In front of one of the lists in frontend.stats. 0 or -ENOMEM. */
int model_stats_word_push(struct stats_word_list *list, const char *text);

void model_server_del(struct server *s); /* unlinks and frees */

struct frontend *model_frontend_find(const struct model *m, const char *name);
struct backend *model_backend_find(const struct model *m, const char *name);
struct server *model_server_find(const struct backend *b, const char *name);
struct stick_table *model_table_find(const struct model *m, const char *name);

/*
 * Sets run to what a fresh start gives: weight, CMAINT if disabled, health at 'rise', the check enabled if there is
 * one, and takes the address for the configured one. Keeps dp_id.
 */
void server_run_init(struct server *s, uint64_t now_ms);

/*
 * Moves run-time state from servers, backends and frontends of 'old' to those of the same name in 'new_model', and
 * initialises the rest. The operator's word outlives the reload: maintenance, drain, weight, address, a disabled check
 * or frontend. What the file has changed wins over it: a weight, 'disabled' or address that is another than before. A
 * server with a new address, port or kind of check starts afresh, since what was known is of another. 'old' may be
 * NULL: everything is initialised.
 */
void model_inherit_run(struct model *new_model, const struct model *old, uint64_t now_ms);

/*
 * Hands maintenance and drain of tracked servers down to those that track them. Returns true if something changed.
 * After every change of run.admin of a server with nr_trackers.
 */
bool model_follow_tracks(struct model *m);

/* Up, but its check, or that of the server it tracks, passed only conditionally: no new flows. */
bool server_is_nolb(const struct server *s);

/* May the server take new flows, leaving backup aside: up or unchecked, not in maintenance, drain or NOLB, weight > 0.
 */
bool server_is_usable(const struct server *s);

/*
 * How much of its weight a server has that came back and has 'slowstart': 1 to SERVER_RAMP_FULL parts of the latter,
 * which is also what every other server has.
 */
enum { SERVER_RAMP_FULL = 20 };
unsigned int server_ramp(const struct server *s, uint64_t now_ms);

/* Does a usable server of the backend have less than its full weight for now? */
bool backend_ramps(const struct backend *b, uint64_t now_ms);

/*
 * Does it count as healthy? By health of its check and its agent, or those of the server that it tracks; a server
 * without check is up unless someone said it is down.
 */
bool server_is_up(const struct server *s);

/*
 * HAProxy's word: "UP", "UP 1/3", "DOWN", "DOWN 1/2", "NOLB", "NOLB 1/3", "DRAIN", "DRAIN 1/3", "MAINT", "no check",
 * "DOWN (agent)", "DRAIN (agent)", "MAINT (via backend/server)". While up and not at
 * full health h/fall with h = health - rise + 1; while down and recovering health/rise. 'buf' of SERVER_STATUS_MAX
 * bytes. Returns buf.
 */
enum { SERVER_STATUS_MAX = 2 * MODEL_NAME_MAX + 16 };
const char *server_status(const struct server *s, char *buf);

/*
 * The servers that take new flows now: the active usable ones, else the first usable backup, else with 'allbackups' all
 * usable backups. Writes at most 'cap' pointers in file order; returns how many there are.
 */
unsigned int backend_eligible(const struct backend *b, struct server **out, unsigned int cap);

/* Has the frontend rules or routes, so that each new flow is asked about? */
bool frontend_has_policy(const struct frontend *f);

/* Backends that flows of the frontend may go to, one may be there twice: 'i' from 0 on until NULL is returned. */
struct backend *frontend_backend_at(const struct frontend *f, size_t i);

/* Usable servers by role (columns act and bck). */
void backend_count(const struct backend *b, unsigned int *ret_active, unsigned int *ret_backup);

/*
 * Idle timeout in ms of a flow in 'state' (enum xlb_flow_state) from frontend to backend; either may be NULL.
 *
 * state        from the file                               else      why that default
 * HALF_OPEN    timeout connect                             30 s      UDP without answer too; a client repeats its SYN
 *                                                                    within this time and keeps the flow (RFC 5382 asks
 *                                                                    for 4 min; a new SYN opens anew at once, so less
 *                                                                    costs nothing and a flood less)
 * ESTABLISHED  timeout tunnel, else max(client, server)    7440 s    RFC 5382 REQ-5: not below 2 h 4 min
 * UDP          max(timeout client, server)                 300 s     RFC 4787 REQ-5: 5 min recommended
 * CLOSING      max(client-fin, server-fin), 10 to 120 s    60 s      TIME-WAIT of the host that closed first
 * CLOSED       -                                           10 s      a reset may be spoofed (RFC 5961): the flow
 *                                                                    lingers for data that proves it alive
 */
unsigned int model_flow_timeout(const struct frontend *f, const struct backend *b, int state);

/* 64-bit FNV-1a of a name, never 0: what the records shared with the kernel carry instead of the name. */
uint64_t model_identity(const char *kind, const char *name, const char *sub);

#endif
