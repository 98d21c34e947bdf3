/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the servers of a section are checked: what its 'option', 'tcp-check' and 'http-check' lines say, with those that
 * it inherits. keywords_check.c fills it, check_rules.c reads the rules, check_build.c makes the script of it.
 */
#ifndef CONFIG_CHECK_DECL_H
#define CONFIG_CHECK_DECL_H

#include "base/diag.h"
#include "model/script.h"

struct parser;
struct proxy;

/* The 'option' line that counts. */
enum check_option {
	OPTION_NONE,
	OPTION_TCP,
	OPTION_HTTP,
	OPTION_SSL_HELLO,
	OPTION_MYSQL,
	OPTION_PGSQL,
	OPTION_REDIS,
	OPTION_SMTP,
	OPTION_LDAP,
	OPTION_EXTERNAL,
	/* By '#@xlb check'. */
	OPTION_UDP,
	OPTION_DNS,
	OPTION_ICMP,
};

/* Rules as they are written. Those of a section end the ones it would inherit. */
struct rule_list {
	struct check_script *script; /* NULL: none. The parser frees it */
	const struct proxy *owner;   /* the section that wrote them */
	unsigned int step;	     /* of the last one */
	const char *comment;	     /* of the last 'comment' rule: for those behind it that have none */
};

/* Copied by assignment from section to section; strings are in the arena. */
struct check_decl {
	enum check_option option;
	struct rule_list tcp, http;
	const char *method, *uri, *version, *headers; /* of 'option httpchk', or NULL */
	const char *user;			      /* of 'option mysql-check' and 'pgsql-check', or NULL */
	bool pre_41;				      /* of 'option mysql-check' */
	const char *command, *path;		      /* of 'external-check', or NULL */
	struct check_script *datagram;		      /* of '#@xlb check udp|dns', or NULL. The parser frees it */
	struct diag_place place;		      /* of the line that chose the option */
	const char *hello;			      /* of 'option smtpchk', or NULL: "HELO localhost" */
	bool nolb_on_404, send_state;
};

/* check_rules.c, check_expect.c: handlers of 'tcp-check' and 'http-check' lines; 'at': first word after the keyword. */
void rule_connect_tcp(struct parser *p, size_t at);
void rule_connect_http(struct parser *p, size_t at);
void rule_send(struct parser *p, size_t at);
void rule_send_binary(struct parser *p, size_t at);
void rule_expect_tcp(struct parser *p, size_t at);
void rule_expect_http(struct parser *p, size_t at);
void rule_request(struct parser *p, size_t at);
void rule_comment_tcp(struct parser *p, size_t at);
void rule_comment_http(struct parser *p, size_t at);

/* pragma_check.c: handlers of '#@xlb check'. */
void pragma_check_udp(struct parser *p, size_t at);
void pragma_check_dns(struct parser *p, size_t at);
void pragma_check_icmp(struct parser *p, size_t at);

/* What the two share. A new rule at the end of the section's own list, or NULL: out of memory. */
struct check_rule *rule_add(struct parser *p, bool http, enum rule_action action);
/* Strings and bytes that the rule owns. */
void rule_set_text(struct parser *p, char **field, const char *text);
void rule_set_data(struct parser *p, struct check_rule *r, const char *data, size_t len);
/* The word behind 'at', or NULL after a complaint. */
const char *rule_value(struct parser *p, size_t at);
/* Takes 'comment TEXT' at 'at'. Complains of anything else, with 'words' as what could stand there. */
bool rule_take_comment(struct parser *p, size_t at, struct check_rule *r, const char *const *words);
/* Hexadecimal digits at word 'at' as the rule's data. */
void rule_take_hex(struct parser *p, size_t at, struct check_rule *r);

/* A word that goes into a request line or header: neither empty nor with what would end it. Complains if not. */
bool rule_word_is_clean(struct parser *p, size_t at, const char *word);

/* keywords_check.c: complains if not. */
bool http_version_is_known(struct parser *p, size_t at, const char *word);

/* check_rules.c: complains if a protocol is not one that libcurl offers. */
bool check_alpn_is_known(struct parser *p, size_t at);

/*
 * check_build.c: the script that the lines amount to, with one reference, into 'ret'; NULL: to connect is enough.
 * Returns 0 or -ENOMEM.
 */
int check_script_build(const struct check_decl *decl, struct check_script **ret);
/* The script that asks an agent: 'send', which may be NULL, and a line. NULL: out of memory. */
struct check_script *check_script_agent(const char *send);
/* The same script for a server with a path, whose request asks for it. NULL 'script': of a GET. NULL: out of memory. */
struct check_script *check_script_of_path(const struct check_script *script, const char *path);
/* Does the 'option' line of an HTTP check say what to ask for? */
bool check_names_uri(const struct check_script *script);
/* Does each connection of the rules say its port? */
bool check_names_ports(const struct check_script *script);
/* Has one of the connections of the rules TLS? */
bool check_has_tls(const struct check_script *script);
/* The type of check that goes with the option. */
enum check_type check_option_type(enum check_option option);

#endif
