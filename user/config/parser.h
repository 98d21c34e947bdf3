/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Inside of the configuration parser: what its files share. Nothing outside user/config includes this.
 *
 * Lines become words (lexer.c), words are looked up in keyword tables (keywords_*.c), whose handlers fill a struct
 * proxy each; when all files are read, finish.c resolves names, decides which frontends need a proxy, and builds the
 * model.
 */
#ifndef CONFIG_PARSER_H
#define CONFIG_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/codes.h"
#include "base/diag.h"
#include "config/acl.h"
#include "config/arena.h"
#include "config/check_decl.h"
#include "config/conf.h"
#include "config/lexer.h"
#include "config/names.h"
#include "config/verdict.h"
#include "model/capability.h"
#include "model/model.h"

enum section {
	SECTION_NONE,
	SECTION_GLOBAL,
	SECTION_DEFAULTS,
	SECTION_FRONTEND,
	SECTION_BACKEND,
	SECTION_LISTEN,
	SECTION_SKIPPED, /* a section whose lines are not looked at */
};

/* Sections of a keyword. */
enum {
	IN_GLOBAL = 1u << SECTION_GLOBAL,
	IN_DEFAULTS = 1u << SECTION_DEFAULTS,
	IN_FRONTEND = 1u << SECTION_FRONTEND,
	IN_BACKEND = 1u << SECTION_BACKEND,
	IN_LISTEN = 1u << SECTION_LISTEN,
	IN_FRONT = IN_FRONTEND | IN_LISTEN,
	IN_BACK = IN_BACKEND | IN_LISTEN,
	IN_ANY_FRONT = IN_FRONT | IN_DEFAULTS,
	IN_ANY_BACK = IN_BACK | IN_DEFAULTS,
	IN_PROXY = IN_FRONT | IN_BACK,
	IN_ANY_PROXY = IN_PROXY | IN_DEFAULTS,
};

/* What becomes of a line. */
enum keyword_status {
	KW_ACCEPT,  /* taken; the row's note documents how, if it differs from HAProxy */
	KW_NOTED,   /* taken, and the note is shown */
	KW_IGNORED, /* without meaning for packets: all of them are listed in one note per file */
	KW_WARNED,  /* ignored, and the note is shown as a warning, for someone may count on it */
	KW_PROXY,   /* needs a proxy: the frontend is left to the stack; the note says why */
	KW_HTTP,    /* the same in mode http; in mode tcp HAProxy ignores it, and so does xlb */
	KW_REFUSED, /* would change traffic and is not available: an error; the note says what to do */
};

enum { ARGS_ANY = LEX_WORDS_MAX };

struct parser;

/* A row of a keyword table. */
struct keyword {
	const char *word;      /* one word, or two such as "option httpchk" */
	unsigned int sections; /* IN_* */
	unsigned int min, max; /* number of words after it */
	enum keyword_status status;
	void (*handle)(struct parser *p, size_t at); /* 'at': first word after the keyword; NULL: nothing to do */
	const char *note;
	bool negatable; /* 'no' and 'default' may stand in front */
};

/* How a parameter's value gets into the target when nothing else is to be done. */
enum param_kind {
	PARAM_CALL, /* by its handle alone */
	PARAM_ON,   /* a bool becomes true */
	PARAM_OFF,
	PARAM_UINT, /* a number from 'min' to 'max' */
	PARAM_TIME, /* milliseconds, at least 'min' */
};

/* A parameter behind the fixed words of 'bind', 'server' and 'stats socket'. */
struct param {
	const char *word;
	unsigned int nr_args; /* words that belong to it */
	enum keyword_status status;
	void (*handle)(struct parser *p, void *target, size_t at); /* 'at': first word of its own */
	const char *note;
	enum param_kind kind;
	size_t offset; /* of the value in the target */
	unsigned int min, max;
};

/* Rows of tables of parameters. */
#define PARAM(word_, args_, status_, handle_, note_)                                                                   \
	{                                                                                                              \
		.word = (word_), .nr_args = (args_), .status = (status_), .handle = (handle_), .note = (note_)         \
	}
#define PARAM_VALUE(word_, args_, kind_, type_, member_, min_, max_)                                                   \
	{                                                                                                              \
		.word = (word_), .nr_args = (args_), .kind = (kind_), .offset = offsetof(type_, member_),              \
		.min = (min_), .max = (max_)                                                                           \
	}
#define PARAM_SET(word, type, member) PARAM_VALUE(word, 0, PARAM_ON, type, member, 0, 0)
#define PARAM_UNSET(word, type, member) PARAM_VALUE(word, 0, PARAM_OFF, type, member, 0, 0)
#define PARAM_NUMBER(word, type, member, min, max) PARAM_VALUE(word, 1, PARAM_UINT, type, member, min, max)
#define PARAM_DURATION(word, type, member, min) PARAM_VALUE(word, 1, PARAM_TIME, type, member, min, 0)

/* A range of a 'bind' line, in parse order. */
struct bind_decl {
	TAILQ_ENTRY(bind_decl) next;
	struct diag_place place;
	struct addr addr;
	uint16_t port_lo, port_hi;
	uint8_t proto;
	bool same_socket; /* as the one before: the IPv4 half of '::' */
	const char *interface, *name;
	unsigned int id, maxconn, mss;
};

TAILQ_HEAD(bind_decls, bind_decl);

/* A 'server' line, or what 'default-server' lines have said so far. */
struct server_decl {
	TAILQ_ENTRY(server_decl) next;
	const char *name;
	struct diag_place place; /* of the name */
	struct addr addr;
	const char *host;
	uint16_t port;
	int port_offset;
	const char *path; /* behind the port */
	struct diag_place path_place;
	unsigned int id;
	unsigned int weight, maxconn, slowstart_ms;
	bool backup, disabled, checked;
	bool down_ends_flows, up_ends_backup_flows;
	bool has_source; /* 'source' was given, which 'usesrc' must follow */
	bool has_forward;
	enum forward forward;
	struct diag_place forward_place;
	bool has_mac;
	unsigned char mac[6];
	struct check_conf check; /* strings in the arena */
	bool has_agent;
	struct check_conf agent; /* strings in the arena */
	const char *agent_send;	 /* or NULL */
	struct observe observe;
	const char *track; /* as written, or NULL */
	struct diag_place track_place;
	struct server_decl *tracked; /* resolved by finish.c */
	struct server *made;	     /* by build.c */
	bool has_verify;	     /* 'verify' is given; else it is as 'ssl-server-verify' says */
	struct addr source;
	struct port_range source_ports;
};

TAILQ_HEAD(server_decls, server_decl);

/* A list of texts that sections hand down: the newest first, the rest shared. */
struct text_item {
	const struct text_item *next;
	const char *text;
};

/* A 'stick-table' line. */
struct table_decl {
	const char *name;
	struct diag_place place;
	bool has_type;
	int family; /* 0: a key that is no address, so that only a proxy can use the table */
	unsigned int size, expire_ms, store, conn_rate_ms, gpc0_rate_ms;
	bool nopurge;
	const char *peers;
	struct stick_table *made; /* by build.c */
};

/* A 'stick' line. */
struct stick_decl {
	TAILQ_ENTRY(stick_decl) next;
	struct diag_place place, table_place;
	bool match, store, by_dst;
	const char *table; /* NULL: the section's own */
	struct table_decl *found;
};

TAILQ_HEAD(stick_decls, stick_decl);

/* '#@xlb server NAME ...': what HAProxy's own line has no word for. */
struct server_tune {
	TAILQ_ENTRY(server_tune) next;
	const char *name;
	struct diag_place place, forward_place;
	bool has_forward, has_mac;
	enum forward forward;
	unsigned char mac[6];
};

TAILQ_HEAD(server_tunes, server_tune);

/* A reason why a section needs a proxy: the first one counts. */
struct need {
	const char *word; /* NULL: none */
	const char *why;
	struct diag_place place;
};

/* What sections 'defaults' hand down. Copied by assignment. */
struct settings {
	bool mode_http;
	struct diag_place mode_place; /* line 0: mode not given */
	bool *mode_told;	      /* the warning on this line, shared by all that inherit it */
	struct timeouts timeouts;
	struct check_decl checks;
	struct server_decl server; /* of default-server */
	struct addr source;
	struct port_range source_ports;
	bool balance_given;
	struct balance balance;
	struct diag_place balance_place, hash_type_place;
	bool has_forward;
	enum forward forward;
	struct diag_place forward_place;
	enum no_backend no_backend;
	struct diag_place no_backend_place;
	enum check_path check_path;
	struct diag_place check_path_place;
	enum state_file load_state;
	const char *state_file;
	bool allbackups, disabled, log_health_checks, socket_stats, redispatch;
	long redispatch_at;   /* of 'option redispatch': every nth retry, or below 0 the nth from the last, -1 */
	unsigned int retries; /* 0: none */
	bool has_retries;     /* else 3 */
	unsigned int maxconn, rate_limit;
	const char *default_backend;
	struct diag_place default_backend_place;
	struct need need, need_http; /* in any mode, in mode http */
	bool stats_on, stats_admin, stats_hide_version, stats_show_legends, metrics;
	const char *stats_uri, *stats_realm, *stats_node, *stats_desc;
	const struct text_item *stats_users, *stats_scope;
	unsigned int stats_refresh_s;
	struct diag_place stats_place;
};

/* A message that becomes an error only if the section carries traffic through xlb. */
struct refusal {
	TAILQ_ENTRY(refusal) next;
	struct diag_place place;
	const char *text, *hint;
	bool told; /* of a 'defaults' section that several inherit */
};

TAILQ_HEAD(refusals, refusal);

struct use_backend {
	TAILQ_ENTRY(use_backend) next;
	const char *name;
	struct diag_place place;
	bool conditional;
	struct cond_decl cond;
	struct proxy *found; /* by finish.c */
};

TAILQ_HEAD(use_backends, use_backend);

struct proxy {
	TAILQ_ENTRY(proxy) next;
	enum section kind;
	const char *name;   /* "" for unnamed defaults */
	struct proxy *from; /* the 'defaults' that it inherits from, or NULL */
	struct diag_place place;
	unsigned int id;     /* of an 'id' line, or 0 */
	bool has_forced_ids; /* some server has an 'id' */
	const char *description;
	struct settings set;
	struct table_decl *table; /* its 'stick-table', or NULL */
	struct stick_decls sticks;
	struct server_tunes tunes;
	struct acl_decls acls;
	struct rule_decls rules;
	struct bind_decls binds;
	struct server_decls servers;
	struct use_backends uses;
	struct refusals refusals;
	/* Decided by finish.c, for the half that it is about. */
	struct proxy *target; /* where connections go, or NULL */
	bool is_stats;	      /* xlbd serves the page */
	bool is_left;	      /* to the stack, for 'left_reason' */
	const char *left_reason;
	const char *left_why;	       /* verdict of its lines when they are the proxy's, or NULL */
	bool is_left_out;	       /* the backend half: it needs a proxy */
	bool told_of_words;	       /* a note says where the words of its check go */
	bool is_used, is_used_by_left; /* as a target, by a frontend that xlb serves, or that it does not */
	/* Made by build.c. */
	const char *external_addr, *external_port; /* for programs that check */
	struct frontend *frontend;
	struct backend *backend;
};

TAILQ_HEAD(proxies, proxy);

/* A variable that setenv and its like changed; NULL value: unset. */
struct env_var {
	TAILQ_ENTRY(env_var) next;
	const char *name, *value;
};

TAILQ_HEAD(env_vars, env_var);

/* Rules of checks, which live as long as the parser. */
struct script_owner {
	SLIST_ENTRY(script_owner) next;
	struct check_script *script;
};

SLIST_HEAD(script_owners, script_owner);

/* What became of a line, while files are read. */
struct verdict_decl {
	TAILQ_ENTRY(verdict_decl) next;
	const char *file, *text;
	unsigned int line;
	enum conf_fate fate;
	const char *why;
	const struct proxy *proxy; /* the section's, or NULL */
	const char *http_why;	   /* the line counts in mode http only, and then needs a proxy for this reason */
};

TAILQ_HEAD(verdict_decls, verdict_decl);

enum { COND_DEPTH_MAX = 16 };

/* A .if that is open. */
struct cond {
	bool taken;  /* some branch was taken */
	bool active; /* the present branch counts */
	bool had_else;
	struct diag_place place;
};

struct parser {
	const struct conf_options *opt;
	struct diag_list *diags;
	struct arena arena;
	struct model *model;
	const char *file;
	unsigned int line_nr;
	const char *source_line;
	struct line line;	  /* words of the present line */
	size_t keyword_words;	  /* of these the keyword has 1 or 2, the prefix not counted */
	bool negated, to_default; /* prefix 'no', 'default' */
	enum section section;
	const char *skipped_note;  /* why a section is SECTION_SKIPPED */
	const char *section_label; /* its name, or its word when it has none */
	struct proxy *proxy;	   /* the section's, or NULL */
	struct proxy *last_defaults;
	struct proxies proxies;
	struct names names;
	unsigned int nr_acl_sets; /* numbers of sets of patterns that are given */
	bool has_forced_ids;	  /* some proxy has an 'id' line */
	struct env_vars env;
	struct script_owners scripts;
	bool external_allowed; /* 'external-check' */
	bool verify_none;      /* 'ssl-server-verify none' */
	const char *ca_base;   /* folder of 'ca-file', or NULL */
	struct cond conds[COND_DEPTH_MAX];
	unsigned int nr_conds;
	unsigned int nr_sections;
	const struct text_item *peers; /* names of 'peers' sections */
	const char *ignored;	       /* list for the note at the end of the file */
	unsigned int nr_ignored;
	const char *ignored_word; /* a run of lines that is not in the list yet */
	unsigned int ignored_from, ignored_to;
	struct verdict_decls verdicts;
	struct verdict_decl *verdict; /* of the present line, NULL: nobody asks */
	size_t errors_before;	      /* errors that the list held when the parse began */
};

/* parser.c */
void parser_init(struct parser *p, const struct conf_options *opt, struct diag_list *diags);
void parser_fini(struct parser *p);
/* Reads one file's text; 'text' is not changed. */
void parser_read(struct parser *p, const char *file, const char *text, size_t len);
/* The place of a word; of the whole line's first word when 'at' is beyond the last. */
struct diag_place parser_place(const struct parser *p, size_t at);
/* Text of a word, or NULL beyond the last. */
const char *parser_word(const struct parser *p, size_t at);
/* An empty list of rules that the parser frees at its end, or NULL. */
struct check_script *parser_script_new(struct parser *p);
struct proxy *parser_proxy_new(struct parser *p, enum section kind, const char *name, const struct settings *from);

/* Messages about word 'at' of the present line. 'hint' may be NULL. */
void complain(struct parser *p, size_t at, enum diag_code code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void caution(struct parser *p, size_t at, enum diag_code code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void remark(struct parser *p, size_t at, enum diag_code code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The same about any place. */
void report(struct parser *p, enum diag_level level, const struct diag_place *place, enum diag_code code,
	    const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* "did you mean 'x'?", in the arena, or NULL. 'words' is NULL-terminated. */
const char *did_you_mean(struct parser *p, const char *word, const char *const *words);

/* Has the parse found an error so far? */
bool parser_failed(const struct parser *p);

/* The section cannot be served without a proxy. */
void need_proxy(struct parser *p, size_t at, const char *why);
/* Nor, if its mode is http. */
void need_http(struct parser *p, size_t at, const char *why);
/*
 * Is 'cap' in force? If not, says so about word 'at', in the way that its row wants: an error through refuse(), a
 * warning or a note.
 */
bool require(struct parser *p, size_t at, enum capability cap);
/* The same about a place in section 'x', when all files are read. */
bool require_at(struct parser *p, struct proxy *x, const struct diag_place *place, enum capability cap);
/* Not available in this version: an error, unless nothing that xlb serves uses the section. */
void refuse(struct parser *p, size_t at, const char *hint, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Adds word 'at' to the note on ignored words. */
void ignore_word(struct parser *p, const char *word);

/* verdict.c: what becomes of the present line. */
void verdict_begin(struct parser *p, const char *text);
void verdict_raise(struct parser *p, enum conf_fate fate, const char *why);
/* One of its parameters is ignored. */
void verdict_param(struct parser *p, const char *word, const char *note);
/* It counts in mode http only, which is known at the end. */
void verdict_http(struct parser *p, const char *why);
/* Fills opt->verdicts when all is decided. False: out of memory. */
bool verdicts_finish(struct parser *p);

/* preproc.c: lines that begin with a dot, and the environment. */
bool preproc_is_active(const struct parser *p);
void preproc_line(struct parser *p);
void preproc_end_of_file(struct parser *p);
const char *preproc_getenv(void *parser, const char *name);
void preproc_setenv(struct parser *p, const char *name, const char *value);

/* cond.c: the words from 'at' on as a condition. False: they are none, and 'ret' is untouched. */
bool cond_eval(struct parser *p, size_t at, bool *ret);

/* keyword.c: lookup and common checks. */
void keyword_line(struct parser *p, size_t at);
void keyword_pragma(struct parser *p);
/* Applies parameters from word 'at' to the end. 'what' names their owner in messages: "server", "bind". */
void params_apply(struct parser *p, const struct param *table, void *target, const char *what, size_t at);

/* Tables, each ended by a row without a word. */
extern const struct keyword keywords_global[], keywords_proxy[], keywords_option[], keywords_check[], keywords_stats[],
	keywords_server[], keywords_layer7[], keywords_pragma[], keywords_balance[], keywords_stick[],
	keywords_policy[];

/* value.c: one word into a value. False: an error about the word was added, 'ret' untouched. */
bool value_uint(struct parser *p, size_t at, unsigned int min, unsigned int max, unsigned int *ret);
bool value_time(struct parser *p, size_t at, unsigned int unit_ms, unsigned int min_ms, unsigned int *ret_ms);
/* A number with HAProxy's units of size: k m g, of 1024. */
bool value_size(struct parser *p, size_t at, unsigned int min, unsigned int max, unsigned int *ret);
bool value_name(struct parser *p, size_t at, const char *what);

/* A word and what it stands for; tables end with a row without a word. */
struct named_value {
	const char *word;
	int value;
};

/* The value of word 'at'. 'what' is what the table lists: "facility of syslog". */
bool value_choice(struct parser *p, size_t at, const struct named_value *table, const char *what, int *ret);

/* A sample expression of addresses and ports, "src,ipmask(24)". */
struct sample {
	unsigned int parts; /* enum balance_part, one of them */
	uint8_t mask4, mask6;
};

/* keywords_balance.c. False: a message was added, or the section needs a proxy for it. */
bool sample_parse(struct parser *p, size_t at, struct sample *ret);
void balance_tuple(struct parser *p, size_t at);

/* An address as written on 'bind', 'server' and 'source' lines. */
struct endpoint {
	struct addr addr;
	const char *host; /* as written, when it was a name to resolve */
	bool has_port;
	unsigned int port_lo, port_hi; /* host order; 1 and 65535 for '*' */
	int port_offset;	       /* of "+N" and "-N", without has_port */
	const char *path;	       /* from the first '/' behind the port, or NULL */
	size_t path_off;	       /* its offset in the word */
};

enum {
	ENDPOINT_RANGE = 1u << 0, /* LO-HI allowed */
	ENDPOINT_WILD = 1u << 1,  /* empty and '*' mean 0.0.0.0 */
	ENDPOINT_PATH = 1u << 2,
	ENDPOINT_NAME = 1u << 3,     /* a host name may stand there */
	ENDPOINT_OFFSET = 1u << 4,   /* the port may be relative */
	ENDPOINT_ANY_PORT = 1u << 5, /* '*' may stand for all ports */
};

/* A copy of word 'at' in the arena that model structures may point to until they are copied. */
char *value_text(struct parser *p, size_t at);

/*
 * Parses 'text', a part of word 'at', by HAProxy's rules: a prefix ipv4@ or ipv6@, an address with or without
 * brackets, and the port behind the last colon. A kind of address that takes no packets makes the section need a proxy.
 */
bool value_endpoint(struct parser *p, size_t at, const char *text, unsigned int flags, struct endpoint *ret);

/*
 * The addresses of family 'family' that host name 'host' leads to, each once, in the resolver's order. Returns how many
 * were written to 'ret', which has room for 'cap'; 0: the name is not known.
 */
size_t endpoint_addresses(const char *host, int family, struct addr *ret, size_t cap);

/* keywords_proxy.c: the word behind 'usesrc'. True: the client's address, which is 'forward dnat'. */
bool usesrc_parse(struct parser *p, size_t at);

/* server_check.c: parameters of a 'server' line; 'at': first word behind the parameter's. */
void server_agent_check(struct parser *p, void *target, size_t at);
void server_agent_port(struct parser *p, void *target, size_t at);
void server_agent_addr(struct parser *p, void *target, size_t at);
void server_agent_inter(struct parser *p, void *target, size_t at);
void server_agent_send(struct parser *p, void *target, size_t at);
void server_observe(struct parser *p, void *target, size_t at);
void server_error_limit(struct parser *p, void *target, size_t at);
void server_on_error(struct parser *p, void *target, size_t at);
void server_track(struct parser *p, void *target, size_t at);

/* server_template.c: 'server-template PREFIX NUMBER ADDRESS ...', 'at' is the word PREFIX. */
void server_template_line(struct parser *p, size_t at);

/* keywords_server.c */
/*
 * The pieces of a 'server' line: a server as default-server lines make it, with address and parameters from word 'at'
 * on, or NULL after a message; and its entry under its name into the section. 'server_enter' complains about
 * one whose name or id is taken.
 */
struct server_decl *server_parse(struct parser *p, size_t at);
void server_enter(struct parser *p, struct server_decl *s);
void server_decl_init(struct server_decl *s);
/* "02:00:5e:10:00:01". False after a message. */
bool mac_parse(struct parser *p, size_t at, unsigned char *ret);
/* A word of '#@xlb forward', checked against what is in force. */
bool forward_parse(struct parser *p, size_t at, enum forward *ret);
struct server_decl *server_line(struct parser *p, size_t at);

/* keywords_bind.c */
void bind_line(struct parser *p, size_t at);
/* '#@xlb bind PROTO ...': 'at' is the word behind PROTO. */
void bind_pragma(struct parser *p, size_t at, uint8_t proto);
void stats_socket_line(struct parser *p, size_t at);

/*
 * reach.c: all files are read. Enters what '#@xlb server' lines say, finds the tables of 'stick' lines, and complains
 * about servers of 'back' that packets for 'front' cannot be brought to in the way asked for.
 */
void resolve_tunes(struct parser *p, struct proxy *x);
void resolve_tables(struct parser *p, struct proxy *x);
/* The table of section 'name', of 'x' itself when that is NULL. NULL after a message about 'place'. */
struct table_decl *find_table(struct parser *p, const struct proxy *x, const char *name,
			      const struct diag_place *place);
void check_reach(struct parser *p, const struct proxy *front, struct proxy *back);

/* finish.c: all files are read. Builds p->model. */
int finish(struct parser *p);

#endif
