/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What control.c and control_show.c share: one request of xlbctl and its answer. Internal to this folder. */
#ifndef PROTOCOL_CONTROL_H
#define PROTOCOL_CONTROL_H

#include <jansson.h>

#include "protocol/command.h"

/* Exit codes of xlbctl; an answer names the one that fits. */
enum control_exit {
	CONTROL_OK = 0,
	CONTROL_FAILED = 1,
	CONTROL_USAGE = 2,
	CONTROL_INVALID = 3,
	CONTROL_PERMISSION = 5,
	CONTROL_NOT_FOUND = 6,
};

struct request {
	struct runtime_session *s;
	const struct runtime_host *host;
	void *arg;
	struct model *model;
	json_t *in;
	struct buf *out;
	bool answered;	/* the command wrote the whole answer itself */
	json_t *result; /* of success, may be NULL */
	enum control_exit exit;
	struct buf error; /* the sentence of a failure */
	struct diag_list diags;
};

/* String member of the request; "" when it is not there or no string. */
const char *request_text(const struct request *r, const char *name);
void request_fail(struct request *r, enum control_exit code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What the daemon tells of an attached interface; NULL if it does not list it. */
json_t *control_interface(struct request *r, const char *ifname);

/* A JSON string; bytes that are no UTF-8 become '?'. NULL becomes null. */
json_t *control_text(const char *text);

/* A server as `show servers` has it. */
json_t *control_server_row(struct request *r, const struct server *s);

/* A row of the tables of commands and of what can be shown. */
struct control_row {
	const char *name;
	enum access_level level; /* the least that may ask for it */
	void (*run)(struct request *r);
};

/* Row 'i' of the commands and of what 'show' knows, NULL beyond the end: for who must see all of them. */
const struct control_row *control_at(size_t i);
const struct control_row *control_show_at(size_t i);

void control_status(struct request *r);
void control_save(struct request *r);
void control_show(struct request *r);
void control_version(struct request *r);

#endif
