/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a check says to a server and wants to hear: the rules of 'tcp-check' and 'http-check', and of the checks of
 * known protocols, which are written as such rules (HAProxy does it so, too).
 *
 * A script never changes once it is made, and is shared by all servers that are checked alike: it is counted, not
 * copied. What its rules mean is in script_run.c for streams of bytes and in http_answer.c for HTTP.
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "model/check.h"
#include "model/pattern.h"

enum rule_action { RULE_CONNECT, RULE_SEND, RULE_EXPECT, RULE_REQUEST };

enum rule_match {
	MATCH_STRING,	    /* 'string', 'binary' */
	MATCH_REGEX,	    /* 'rstring' */
	MATCH_BINARY,	    /* as MATCH_STRING, but messages do not show it */
	MATCH_BINARY_REGEX, /* on the answer written in hexadecimal digits */
	MATCH_STATUS,	    /* of HTTP */
	MATCH_STATUS_REGEX,
	MATCH_HEADER,
	MATCH_BODY,
	MATCH_BODY_REGEX,
	MATCH_MYSQL, /* a packet of MySQL that is no error */
	MATCH_LDAP,  /* the answer of success to an LDAP bind */
	MATCH_DNS,   /* an answer to a DNS query, without error */
	MATCH_LINE,  /* a whole line, as an agent says it */
};

/* How a word of a header is compared: '-m METHOD'. */
enum word_match { WORD_ANY, WORD_EQUAL, WORD_BEGIN, WORD_END, WORD_PART, WORD_REGEX };

struct rule_word {
	enum word_match how;
	char *text;
	struct pattern *regex; /* of WORD_REGEX */
};

struct status_range {
	int lo, hi;
};

struct rule_connect {
	struct addr addr;  /* family 0: the check's */
	unsigned int port; /* 0: the check's */
	bool tls;
	bool as_server;	  /* 'default': with or without TLS as the server's check is */
	bool linger;	  /* ends by FIN, not by a reset */
	bool proxy_line;  /* 'send-proxy': begins with a PROXY header of version 1 */
	char *sni, *alpn; /* or NULL */
};

struct rule_expect {
	enum rule_match match;
	bool inverse;
	long min_recv;			 /* bytes without which there is no decision, -1: none given */
	enum check_code ok, error, late; /* status in place of the default; CHECK_UNKNOWN: none */
	char *on_ok, *on_error;		 /* words in place of the default, or NULL */
	bool tells_answer;		 /* the words are the answer's line from byte 'answer_from' */
	bool code_in_answer;		 /* the status is the number that the answer begins with, as of SMTP */
	size_t answer_from;
	struct pattern *regex;
	struct status_range *ranges;
	size_t nr_ranges;
	struct rule_word name, value; /* of a header */
	bool whole_value;	      /* 'fhdr': the value is not a list of values */
};

/* The request of an 'http-check send'. */
struct rule_request {
	char *method, *uri, *version; /* NULL: OPTIONS, /, HTTP/1.0 */
	char *headers;		      /* "Name: value\n" for each */
	char *body;		      /* or NULL */
};

struct check_rule {
	enum rule_action action;
	unsigned int step; /* its place as messages count it: 1, 2, ..; comments count */
	char *comment;	   /* or NULL */
	/* What is sent, or the pattern: bytes, with a NUL behind them. */
	char *data;
	size_t data_len;
	struct rule_connect connect;
	struct rule_expect expect;
	struct rule_request request;
};

struct check_script {
	unsigned int refs;
	bool nolb_on_404; /* 'disable-on-404': an answer of 404 stops new flows, and is no failure */
	bool send_state;  /* 'send-state': requests tell the server what the balancer thinks of it */
	bool is_protocol; /* one of the checks of known protocols: messages name no steps */
	struct check_rule *rules;
	size_t nr, cap;
};

/* An empty script with one reference, or NULL. */
struct check_script *script_new(void);
/* Only while the script is made: a zeroed rule at its end, or NULL: out of memory. */
struct check_rule *script_add(struct check_script *s, enum rule_action action);
/* A further reference; NULL gives NULL. Scripts are not written to through any. */
struct check_script *script_get(struct check_script *s);
void script_put(struct check_script *s); /* NULL is fine */

/* Do both say and want the same? NULL equals NULL. */
bool script_equal(const struct check_script *a, const struct check_script *b);

/* Appends a copy of a rule of another script. 0 or -ENOMEM. */
int script_copy_rule(struct check_script *s, const struct check_rule *rule);

/* Sets a string that the rule owns; NULL unsets it. 0 or -ENOMEM. */
int script_text(char **field, const char *text);
/* Sets data. 0 or -ENOMEM. */
int script_data(struct check_rule *r, const void *data, size_t len);

#endif
