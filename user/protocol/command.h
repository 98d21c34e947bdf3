/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the commands of the runtime protocol share: one call of a command, and how it answers. Internal to this folder.
 *
 * A command appends its answer to call.out; runtime.c adds the empty line and the prompt. A message that brings its own
 * newline is therefore followed by an empty line and one that does not is not: existing clients compare such bytes.
 */
#ifndef PROTOCOL_COMMAND_H
#define PROTOCOL_COMMAND_H

#include "protocol/runtime.h"

enum { CALL_MAX_ARGS = 64 }; /* as in HAProxy: words beyond are dropped */

/* One command on its way. Lives on the stack of runtime.c; the words point into the line. */
struct call {
	struct runtime_session *s;
	const struct runtime_host *host;
	void *arg;	     /* of the host */
	struct model *model; /* asked for anew for each command: one before on the line may have been a reload */
	struct buf *out;
	const char *payload; /* lines given by '<<', each with its newline; NULL: none were */
	unsigned int argc;
	/* "" from argc on, so that commands may look at a missing word: it compares unequal to every other. */
	const char *argv[CALL_MAX_ARGS + 1];
};

/*
 * The rest of an answer that is too long to be made at once, or that waits for something. A command that leaves one
 * behind by call_start() has not finished; 'step' is called until it returns false, with the words of the command gone.
 * 'end' frees the job, also when the session ends before.
 */
struct runtime_job {
	bool (*step)(struct call *c, struct runtime_job *job); /* may set c->s->delay_ms before the next one */
	void (*end)(struct runtime_job *job);
	bool bare; /* the answer brings its own end: no empty line, no prompt */
};

/* Takes the job over; NULL, for want of memory, is answered. */
void call_start(struct call *c, struct runtime_job *job);

enum { COMMAND_WORDS = 3 }; /* the longest name: "shutdown sessions server" */

/* A row of the command table. */
struct command {
	const char *words[COMMAND_WORDS + 1]; /* its name, NULL-terminated */
	enum access_level level;	      /* the least that may run it */
	const char *usage;		      /* left column of the help, NULL: not listed */
	const char *help;
	void (*run)(struct call *c);
};

/* The command that the first words of the call name, or NULL. */
const struct command *command_find(const struct call *c);

/* Row 'i' of the table, NULL beyond its end: for who must see all of them. */
const struct command *command_at(size_t i);

/* Lists the commands, or those near the call's words from 'first' on; with 'first' beyond the end, all. */
void command_list(struct call *c, unsigned int first);
/* The answer to a line that names no command. */
void command_unknown(struct call *c);

/* Values of syslog(3), what `set severity-output number` shows. */
enum call_severity { CALL_ERROR = 3, CALL_WARNING = 4, CALL_NOTICE = 5, CALL_INFO = 6 };

/*
 * Appends a message, behind its severity when the session wants to see that. Data (tables, statistics) go straight to
 * call.out: they have no severity, in HAProxy neither.
 */
void call_say(struct call *c, enum call_severity severity, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Says what 'diags' hold; a sentence made of 'err' when they hold no error. */
void call_say_diags(struct call *c, const struct diag_list *diags, int err);

/*
 * The server named 'backend/server', each by name or '#id', in word 'i'. NULL after having said what is wrong;
 * 'newline' is what HAProxy's command ends that text with.
 */
struct server *call_server(struct call *c, unsigned int i, const char *newline);

/* The same without an answer: NULL, and *ret_error is the text. */
struct server *server_by_path(struct model *m, const char *path, const char **ret_error);
struct backend *backend_by_name(struct model *m, const char *name);

/* commands_show.c */
void run_show_backend(struct call *c);
void run_show_cli_level(struct call *c);
void run_show_cli_sockets(struct call *c);
void run_show_env(struct call *c);
void run_show_errors(struct call *c);
void run_show_version(struct call *c);

/* commands_process.c */
void run_show_activity(struct call *c);
void run_show_events(struct call *c);
void run_show_schema(struct call *c);
void run_show_startup_logs(struct call *c);

/* commands_sess.c */
void run_show_sess(struct call *c);
void run_shutdown_session(struct call *c);
void run_shutdown_sessions_server(struct call *c);

/* commands_session.c */
void run_help(struct call *c);
void run_prompt(struct call *c);
void run_quit(struct call *c);
void run_lower_to_operator(struct call *c);
void run_lower_to_user(struct call *c);
void run_set_severity(struct call *c);
void run_set_timeout(struct call *c);
void run_expert_mode(struct call *c);
void run_echo(struct call *c);

/* commands_server.c */
void run_get_weight(struct call *c);
void run_set_weight(struct call *c);
void run_enable_server(struct call *c);
void run_disable_server(struct call *c);
void run_enable_health(struct call *c);
void run_disable_health(struct call *c);
void run_enable_agent(struct call *c);
void run_disable_agent(struct call *c);
void run_add_server(struct call *c);
void run_del_server(struct call *c);
void run_clear_counters(struct call *c);

/* commands_frontend.c */
void run_enable_frontend(struct call *c);
void run_disable_frontend(struct call *c);
void run_shutdown_frontend(struct call *c);
void run_set_maxconn_frontend(struct call *c);
void run_set_maxconn_server(struct call *c);
void run_set_maxconn_global(struct call *c);
void run_set_rate_limit(struct call *c);

/* commands_wait.c */
void run_wait(struct call *c);

/* commands_acl.c */
void run_show_acl(struct call *c);
void run_get_acl(struct call *c);
void run_add_acl(struct call *c);
void run_del_acl(struct call *c);
void run_clear_acl(struct call *c);
void run_prepare_acl(struct call *c);
void run_commit_acl(struct call *c);

/* commands_map.c */
void run_show_map(struct call *c);
void run_get_map(struct call *c);
void run_add_map(struct call *c);
void run_set_map(struct call *c);
void run_del_map(struct call *c);
void run_clear_map(struct call *c);
void run_prepare_map(struct call *c);
void run_commit_map(struct call *c);

/* commands_table.c */
void run_show_table(struct call *c);
void run_set_table(struct call *c);
void run_clear_table(struct call *c);

/* set_server.c */
void run_set_server(struct call *c);

/*
 * change.c: changes of one server, made by text commands and by xlb's own. Each takes effect in the data plane before
 * it returns; on failure the server is as it was and 'diags' say why.
 */
struct change {
	const struct runtime_host *host;
	void *arg;
	struct diag_list *diags;
};

enum change_health { CHANGE_UP, CHANGE_STOPPING, CHANGE_DOWN };
enum change_state { CHANGE_READY, CHANGE_DRAIN, CHANGE_MAINT };

int change_state(const struct change *ch, struct server *s, enum change_state to);
int change_weight(const struct change *ch, struct server *s, unsigned int weight);
int change_addr(const struct change *ch, struct server *s, const struct addr *addr, uint16_t port);
/* As if it had passed all its checks, passed them but asked for no new flows, or failed them; checks go on from there.
 */
int change_health(const struct change *ch, struct server *s, enum change_health to);
/* What the agent's word would be; it may say another with its next answer. */
int change_agent(const struct change *ch, struct server *s, bool up);
/* Where to check or to ask an agent: family 0 and port 0 are left as they are. */
int change_target(const struct change *ch, struct check_conf *conf, const struct addr *addr, unsigned int port);

/* Reads a weight, absolute or in per cent of the configured one. Returns NULL, or HAProxy's text of what is wrong. */
const char *weight_parse(const struct server *s, const char *text, unsigned int *ret_weight);
bool port_parse(const char *text, unsigned int *ret_port); /* 0..65535 */

/* stat.c, info.c, state.c */
void run_show_stat(struct call *c);
void run_show_info(struct call *c);
void run_show_servers_state(struct call *c);
void run_show_servers_conn(struct call *c);

/* control.c: a line that begins with "@xlb ". */
void control_line(struct runtime_session *s, const char *text, size_t len, struct buf *out);

#endif
