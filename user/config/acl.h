/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conditions at layer 4 while files are read: 'acl' lines, conditions behind 'if' and 'unless', rules. Only inside
 * user/config; build_policy.c makes the structures of model/policy.h of them.
 */
#ifndef CONFIG_ACL_H
#define CONFIG_ACL_H

#include <sys/queue.h>

#include "base/diag.h"
#include "config/lexer.h"
#include "model/policy.h"

struct parser;
struct proxy;

enum { ACL_SETS_MAX = 8 }; /* files of one line, and its own words */

/* What a test is about that no packet has: its number, or the address that tells it, is found when the model is made.
 */
enum test_id { TEST_NO_ID, TEST_FRONTEND_ID, TEST_SOCKET_ID };

/* One 'acl' line, or the words of an anonymous one. */
struct test_decl {
	TAILQ_ENTRY(test_decl) next;
	struct diag_place place; /* of the word that says what is looked at */
	const char *word;
	const char *needs_proxy; /* why packets do not suffice, or NULL */
	enum acl_field field;
	enum test_id id;
	struct acl_set *sets[ACL_SETS_MAX]; /* in the model */
	size_t nr_sets;
	bool tracked;
	unsigned int counter;
	const char *table, *backend; /* names behind the word, or NULL */
};

TAILQ_HEAD(test_decls, test_decl);

struct acl_decl {
	TAILQ_ENTRY(acl_decl) next;
	const char *name; /* NULL: anonymous */
	struct test_decls tests;
	struct acl *made; /* for frontend 'made_for' */
	const struct proxy *made_for;
};

TAILQ_HEAD(acl_decls, acl_decl);

struct term_decl {
	struct acl_decl *acl;
	bool negated, starts_or;
};

/* Without terms: always. */
struct cond_decl {
	struct term_decl *terms;
	size_t nr;
	bool unless;
};

/* A 'tcp-request connection' or 'tcp-request session' line. */
struct rule_decl {
	TAILQ_ENTRY(rule_decl) next;
	struct diag_place place;
	enum policy_action action;
	bool session;
	unsigned int counter;
	const char *table; /* behind 'table', or NULL: the section's own */
	bool by_dst;
	struct cond_decl cond;
};

TAILQ_HEAD(rule_decls, rule_decl);

/* 'acl NAME ...': 'at' is the name. */
void acl_line(struct parser *p, size_t at);

/*
 * Reads the words from 'at' on, a fetch with its flags and patterns, up to word 'end'. Returns NULL after a message, or
 * out of memory.
 */
struct test_decl *acl_test_parse(struct parser *p, size_t at, size_t end);

/*
 * Reads 'if ...' or 'unless ...' from word 'at' to the end of the line; nothing there is a condition that is always
 * true. False: a message was added, or the condition cannot be followed by packets and the section needs a proxy.
 */
bool cond_parse(struct parser *p, size_t at, struct cond_decl *ret);

#endif
