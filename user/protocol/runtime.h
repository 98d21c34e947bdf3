/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HAProxy's runtime protocol: command table, answers, output formats. Text in, text out: no sockets, no libbpf.
 *
 * The daemon implements struct runtime_host; this module parses lines, checks levels, finds servers and formats. A
 * command is a row in the table of commands.c, whose help and level are data; adding one is a row and a function.
 */
#ifndef PROTOCOL_RUNTIME_H
#define PROTOCOL_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlb/reason.h>
#include <xlb/stats.h>

#include "base/buf.h"
#include "base/diag.h"
#include "model/delta.h"
#include "model/model.h"
#include "protocol/table.h"

/* What `status` and `show info` tell. */
struct runtime_if {
	char name[16];
	const char *mode; /* "native", "generic" */
	const char *why;
};

struct runtime_info {
	int pid;
	uint64_t uptime_s;   /* of the daemon */
	uint64_t counting_s; /* age of the counters: longer when maps were adopted */
	bool adopted;
	unsigned int interfaces;
	struct runtime_if ifs[16];
	uint64_t flows_used, flows_capacity, flows_memory;
	uint64_t connections_total; /* since the counters began */
	uint32_t rate, rate_max;    /* new flows per second */
	const char *node, *description, *config_files, *object_id;
	const char *control_socket; /* path of xlb's own socket, listed by `show cli sockets`; or NULL */
};

/* Numbers that not every data plane counts: bits of runtime_counters.known. */
enum runtime_known {
	RUNTIME_KNOWS_DENIED = 1u << 0,
	RUNTIME_KNOWS_UNANSWERED = 1u << 1,
	RUNTIME_KNOWS_REDISPATCHED = 1u << 2,
	RUNTIME_KNOWS_CONNECT_TIME = 1u << 3,
};

/* Counters of a proxy or server, and what only the daemon knows. */
struct runtime_counters {
	struct xlb_stats s;
	unsigned int known;    /* enum runtime_known: those of the following that are counted; others are shown empty */
	uint64_t denied;       /* new flows that a rule or a limit stopped */
	uint64_t unanswered;   /* first packets that the server answered by RST or not at all */
	uint64_t redispatched; /* flows given to another server for that */
	uint32_t connect_ms, connect_ms_max; /* from SYN to SYN-ACK, mean of late and highest */
	uint32_t active, active_max;
	uint32_t rate, rate_max;
	uint32_t conn_rate, conn_rate_max; /* the same with those that a rule or a limit stopped */
	uint64_t last_new_s;		   /* seconds since the last new flow, UINT64_MAX: none yet */
};

/* One flow of `show flows` and `show sess`. */
struct runtime_flow {
	struct addr client, vip, server, source;
	uint16_t client_port, vip_port, server_port, source_port;
	uint8_t proto;
	const char *state;			      /* "half-open", "established", ... */
	const char *frontend, *backend, *server_name; /* "-" when the configuration does not know them any more */
	uint32_t idle_s;
};

/*
 * The daemon behind the protocol. Getters fill and return; the actions return 0 or -errno and put a plain sentence for
 * the person into 'diags' when they fail. Every action is complete, data plane included, when it returns.
 */
struct runtime_host {
	struct model *(*model)(void *arg);
	uint64_t (*now_ms)(void *arg); /* CLOCK_MONOTONIC */
	void (*info)(void *arg, struct runtime_info *ret);
	void (*frontend_counters)(void *arg, const struct frontend *f, struct runtime_counters *ret);
	void (*backend_counters)(void *arg, const struct backend *b, struct runtime_counters *ret);
	void (*server_counters)(void *arg, const struct server *s, struct runtime_counters *ret);
	void (*reasons)(void *arg, uint64_t ret[XLB_R_MAX]);
	/*
	 * Calls 'fn' with the next flows, from *cursor on (0: the first), until it returns false or a bounded part of
	 * the table is done; *cursor is then behind the last one told. Returns false once the table has ended. A flow
	 * that comes or goes meanwhile may be told or not, one that stays is told once.
	 */
	bool (*flows)(void *arg, uint64_t *cursor, bool (*fn)(void *fn_arg, const struct runtime_flow *flow),
		      void *fn_arg);
	/* After the caller changed run.admin, run.weight, run.check or addr of servers: make the data plane follow. */
	int (*servers_changed)(void *arg, struct diag_list *diags);
	int (*server_add)(void *arg, struct backend *b, const char *name, const char *const *words, size_t nr_words,
			  struct diag_list *diags);
	int (*server_del)(void *arg, struct server *s, struct diag_list *diags);
	int (*frontend_set)(void *arg, struct frontend *f, bool enabled, struct diag_list *diags);
	int (*check_set)(void *arg, struct server *s, bool enabled, struct diag_list *diags);
	/* What is said to the agent from now on. */
	int (*agent_send)(void *arg, struct server *s, const char *text, struct diag_list *diags);
	size_t (*kill_flows)(void *arg, struct server *s);
	/* Ends the flows that 'match' returns true for; returns their number. */
	size_t (*kill_matching)(void *arg, bool (*match)(void *match_arg, const struct runtime_flow *flow),
				void *match_arg);
	void (*clear_counters)(void *arg, bool all);
	int (*attach)(void *arg, const char *ifname, enum attach_mode mode, struct diag_list *diags);
	int (*detach)(void *arg, const char *ifname, struct diag_list *diags);
	/* With 'ret_plan', which the caller then owns, nothing changes: it tells what would. */
	int (*reload)(void *arg, struct delta *ret_plan, struct diag_list *diags);
	/*
	 * Entries of a stick table: their number, all of them (as flows()), the one of a key, and changes: table_set()
	 * makes the entry if there is none and sets the values that 'mask' names by 1 << index, table_clear() returns
	 * -ENOENT for a key that has none.
	 */
	uint64_t (*table_used)(void *arg, const struct stick_table *t);
	bool (*table_entries)(void *arg, const struct stick_table *t, uint64_t *cursor,
			      bool (*fn)(void *fn_arg, const struct runtime_table_entry *entry), void *fn_arg);
	bool (*table_find)(void *arg, const struct stick_table *t, const struct addr *key,
			   struct runtime_table_entry *ret);
	int (*table_set)(void *arg, const struct stick_table *t, const struct addr *key, unsigned int mask,
			 const uint64_t values[RUNTIME_TABLE_NR_VALUES], struct diag_list *diags);
	int (*table_clear)(void *arg, const struct stick_table *t, const struct addr *key, struct diag_list *diags);
	/*
	 * The first event after number *seq, which becomes its own. NULL: there is none yet.
	 * 'ret_lost' of them have been overwritten before they could be told. The text is valid until the next event.
	 */
	const char *(*event)(void *arg, uint64_t *seq, uint64_t *ret_lost);
	const char *(*startup_log)(void *arg); /* what was said about the configuration at start */
	/* One line for the log and `show events`: who did what. */
	void (*log)(void *arg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
};

/* `set severity-output`: what is put in front of messages. */
enum runtime_severity { RUNTIME_SEVERITY_NONE, RUNTIME_SEVERITY_NUMBER, RUNTIME_SEVERITY_STRING };

/* What an interactive session shows where the next command may be written. */
enum runtime_prompt { RUNTIME_PROMPT_PLAIN, RUNTIME_PROMPT_NONE, RUNTIME_PROMPT_TIMED };

struct runtime_job; /* a command that has not finished its answer, see command.h */

/*
 * One connection on the socket. Zero-initialise, then set 'host', 'host_arg' and 'level'; runtime_session_fini() at the
 * end. What stands below 'level' is read by the caller, the rest is the protocol's own.
 */
struct runtime_session {
	const struct runtime_host *host;
	void *host_arg;
	enum access_level level;
	bool interactive; /* `prompt` was given: answers end with "> ", the connection stays */
	bool quit;	  /* the caller closes after sending; lines received so far are still executed, as in HAProxy */
	bool interrupted; /* set by the caller: the client sent something while the session was busy */
	bool hangup;	  /* with 'quit', by the command: lines that were received after it are dropped */
	unsigned int timeout_s; /* `set timeout cli`, 0: default */
	unsigned int delay_ms;	/* of a busy session: what runtime_resume() shall wait for; 0: nothing */
	enum runtime_severity severity;
	enum runtime_prompt prompt;
	bool expert, experimental; /* modes that hide nothing here; told as they were set */
	struct runtime_job *job;
	char *line;	       /* under way: commands that wait for the end of 'job' or for their payload */
	char *rest, *line_end; /* the next command in it, NULL: none; and its end */
	char *payload_command; /* in 'line' */
	struct buf payload;    /* lines so far */
	bool in_payload;       /* lines are collected until 'payload_end' */
	char payload_end[16];  /* "" for the empty line */
};

/*
 * Executes one line as it came from the socket, newline removed: commands separated by ';'. Appends to 'out' exactly
 * the bytes to send. In non-interactive mode 'quit' is set after the line. Never fails: what is wrong is in the answer.
 * Not to be called for a busy session.
 */
void runtime_line(struct runtime_session *s, const char *line, size_t len, struct buf *out);

/*
 * A long answer is made in pieces of RUNTIME_PIECE bytes or so: as long as the session is busy after runtime_line(),
 * the caller sends what there is, waits for delay_ms of the session, and calls runtime_resume() for the next piece. A
 * piece may be empty.
 */
enum { RUNTIME_PIECE = 65536 };
bool runtime_is_busy(const struct runtime_session *s);
void runtime_resume(struct runtime_session *s, struct buf *out);

/* Ends what is under way without its answer and frees what the session holds. */
void runtime_session_fini(struct runtime_session *s);

/* What to send when a line has grown beyond RUNTIME_LINE_MAX; 'quit' is set. */
enum { RUNTIME_LINE_MAX = 16384 };
void runtime_line_too_long(struct runtime_session *s, struct buf *out);

/*
 * xlb's own commands, the ones xlbctl sends: a line "@xlb JSON" is answered by one line of JSON
 * {"ok": true, "result": ...} or {"ok": false, "exit": 1..6, "error": "...", "diagnostics": [...]}.
 * JSON: {"cmd": "status" | "show" | "attach" | "detach" | "reload" | "server" | ..., further members by command;
 * see control.c}. Same session, same levels.
 */

/* The code that column srv_check_status of a server-state file stands for; CHECK_UNKNOWN for numbers that mean none. */
enum check_code runtime_check_code(unsigned int number);

/* What a server-state file holds: `show servers state`, and in comments the addresses that commands have changed. */
void runtime_state_text(const struct runtime_host *host, void *arg, struct buf *out);

/* Formats used by the stats page as well. */
void stat_csv(const struct runtime_host *host, void *arg, struct buf *out);

#endif
