/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What follows when all files are read: finish.c decides, build.c makes the model. Only inside user/config. */
#ifndef CONFIG_FINISH_H
#define CONFIG_FINISH_H

#include "config/parser.h"

/* server_check.c: finds what 'track' names; then, for all servers, what cannot be. */
void server_resolve_track(struct parser *p, struct proxy *x, struct server_decl *s);
void server_remark_checks(struct parser *p, const struct server_decl *s);

/*
 * Makes p->model's frontends and backends of the parsed sections, which are free of errors. 0, -ENOMEM, or -EINVAL
 * after a message about what only the made thing shows.
 */
int build_model(struct parser *p);

/*
 * build_policy.c: complains about rules of a frontend, of one that is left to the stack only about names that HAProxy
 * would not find either; makes them, when all backends are made.
 */
void check_policy(struct parser *p, struct proxy *x);
int build_policy(struct parser *p, struct proxy *x);
/*
 * socket_id.c: what tells the sockets of a frontend that 'so_id' names, as HAProxy numbers them: all, none, or some
 * ports, a set of the model. 0, -ENOMEM; where a port does not tell it there is a message and no set.
 */
int socket_id_test(struct parser *p, const struct proxy *x, const struct test_decl *t, enum acl_field *ret_field,
		   struct acl_set **ret_set);
/* Is the number among the patterns? */
bool acl_decl_has(const struct test_decl *t, uint64_t number);

/*
 * policy_fit.c: compiles the rules of a frontend, when all are made, as the daemon will do it, and complains about
 * those that the data plane cannot hold. 0 or -ENOMEM.
 */
int check_policy_fits(struct parser *p, const struct proxy *x);
/* Sets of patterns that no frontend of the model refers to go. */
void drop_unused_sets(struct model *m);

/*
 * Makes a server of 'b' of a declaration. 'kind' says how to check (type, CHECK_NONE: no line says it, and script);
 * 'port' is used for checks when neither server nor check has one. 0 or -ENOMEM.
 */
int build_server(struct backend *b, const struct server_decl *decl, const struct check_conf *kind, unsigned int port,
		 struct server **ret);

#endif
