/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The commands that xlbctl sends: a line "@xlb JSON", answered by one line of JSON.
 *
 * Request: {"cmd": C, ...}. Answer: {"ok": true, "result": R, "diagnostics": [D...]} or {"ok": false, "exit": N,
 * "error": "sentence", "diagnostics": [D...]}, where N is what xlbctl shall exit with. Members by command:
 *
 *   status, version   none
 *   show              what: frontends backends servers flows drops binds events; flows: limit (0: all); events:
 *                     since: the last 'seq' that was seen
 *   attach            interface, mode: auto native generic (default auto); the result is {name, mode, why}
 *   detach            interface; {name, attached: false}
 *   reload            dry_run: true false; {valid, reloaded}, and of a dry run: plan: [{op: add remove change,
 *                     kind: frontend bind backend server, name, detail, cuts: what ends or null, moves: part of the
 *                     backend's new connections, 0 to 1 or below 0}]
 *   save              {state: text of a server-state file}
 *   server            action: add del set drain ready maint weight; server: "backend/server"; args: [words]; the
 *                     result is the server as 'show servers' has it then, null when it was deleted
 *                     add: words of a 'server' line after the name, maint: true leaves it in maintenance;
 *                     del: force: true ends its flows first; weight: [N or N%]; set: [property, value]
 */
#include "protocol/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *request_text(const struct request *r, const char *name)
{
	const char *text = json_string_value(json_object_get(r->in, name));

	return text ? text : "";
}

void request_fail(struct request *r, enum control_exit code, const char *fmt, ...)
{
	va_list args;

	r->exit = code;
	buf_fini(&r->error);
	va_start(args, fmt);
	buf_vprintf(&r->error, fmt, args);
	va_end(args);
}

/* What a failed action means to the shell. */
static enum control_exit exit_of(int err)
{
	if (err == -EPERM || err == -EACCES)
		return CONTROL_PERMISSION;
	if (err == -ENOENT || err == -ENODEV)
		return CONTROL_NOT_FOUND;
	return CONTROL_FAILED;
}

/* Turns the result of an action into an answer: the first error among the messages is the sentence. */
static void finish_action(struct request *r, int err, enum control_exit code)
{
	const struct diag *d;

	if (!err)
		return;
	TAILQ_FOREACH(d, &r->diags.head, next) {
		if (d->level != DIAG_ERROR)
			continue;
		request_fail(r, code, "%s", d->text);
		return;
	}
	request_fail(r, code, "%s.", strerror(-err));
}

static const char *const mode_names[] = {
	[ATTACH_AUTO] = "auto", [ATTACH_NATIVE] = "native", [ATTACH_GENERIC] = "generic"
};

static void control_attach(struct request *r)
{
	const char *ifname = request_text(r, "interface"), *word = request_text(r, "mode");
	unsigned int mode;
	int err;

	for (mode = 0; *word && mode < 3; mode++)
		if (strcmp(word, mode_names[mode]) == 0)
			break;
	if (mode == 3 || !*ifname) {
		request_fail(r, CONTROL_USAGE,
			     "attach needs an interface, and a mode that is auto, native or generic.");
		return;
	}
	err = r->host->attach(r->arg, ifname, (enum attach_mode)mode, &r->diags);
	finish_action(r, err, exit_of(err));
	if (!err)
		r->result = control_interface(r, ifname);
}

static void control_detach(struct request *r)
{
	const char *ifname = request_text(r, "interface");
	int err;

	if (!*ifname) {
		request_fail(r, CONTROL_USAGE, "detach needs an interface.");
		return;
	}
	err = r->host->detach(r->arg, ifname, &r->diags);
	finish_action(r, err, exit_of(err));
	if (!err)
		r->result = json_pack("{s:s,s:b}", "name", ifname, "attached", 0);
}

static json_t *plan_rows(const struct delta *plan)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < plan->nr; i++) {
		const struct delta_row *row = &plan->rows[i];

		json_array_append_new(rows,
				      json_pack("{s:s,s:s,s:s,s:s,s:s?,s:f}", "op", delta_op_name(row->op), "kind",
						delta_kind_name(row->kind), "name", row->name, "detail", row->detail,
						"cuts", row->cuts, "moves", (double)row->moves_ppm / 1e6));
	}
	return rows;
}

static void control_reload(struct request *r)
{
	bool dry_run = json_is_true(json_object_get(r->in, "dry_run"));
	struct delta plan = { 0 };
	int err = r->host->reload(r->arg, dry_run ? &plan : NULL, &r->diags);

	finish_action(r, err, err == -EINVAL ? CONTROL_INVALID : exit_of(err));
	if (!err)
		r->result = json_pack("{s:b,s:b}", "valid", 1, "reloaded", !dry_run);
	if (!err && dry_run)
		json_object_set_new(r->result, "plan", plan_rows(&plan));
	delta_fini(&plan);
}

/* The server that the request names, or NULL with the failure entered. */
static struct server *find_server(struct request *r)
{
	const char *path = request_text(r, "server"), *error;
	struct server *s = server_by_path(r->model, path, &error);

	if (s)
		return s;
	if (!strchr(path, '/'))
		request_fail(r, CONTROL_USAGE, "Give the server as BACKEND/SERVER, not '%s'.", path);
	else
		request_fail(r, CONTROL_NOT_FOUND, "%s The command named '%s'; xlbctl show servers lists them all.",
			     error, path);
	return NULL;
}

/* Word 'i' of member args; "" beyond the end. */
static const char *arg_word(const struct request *r, size_t i)
{
	const char *word = json_string_value(json_array_get(json_object_get(r->in, "args"), i));

	return word ? word : "";
}

static void server_weight(struct request *r, const struct change *ch, struct server *s, const char *text)
{
	unsigned int weight;
	const char *error = weight_parse(s, text, &weight);
	int err;

	if (error) {
		request_fail(r, CONTROL_USAGE, "The weight is a number from 0 to 256, or a per cent number, not '%s'.",
			     text);
		return;
	}
	err = change_weight(ch, s, weight);
	finish_action(r, err, exit_of(err));
}

/* Reads IP or IP:PORT. */
static bool read_addr(const char *text, struct addr *ret_addr, unsigned int *ret_port)
{
	const char *colon = strrchr(text, ':');
	char copy[ADDR_TEXT_MAX];

	if (!addr_parse(text, ret_addr))
		return true;
	if (!colon || (size_t)(colon - text) >= sizeof(copy))
		return false;
	memcpy(copy, text, (size_t)(colon - text));
	copy[colon - text] = '\0';
	if (copy[0] == '[' && colon[-1] == ']') {
		copy[colon - text - 1] = '\0';
		memmove(copy, copy + 1, strlen(copy));
	}
	return !addr_parse(copy, ret_addr) && port_parse(colon + 1, ret_port);
}

static void set_addr(struct request *r, const struct change *ch, struct server *s, const char *value)
{
	unsigned int port = s->port;
	struct addr addr;
	int err;

	if (!read_addr(value, &addr, &port)) {
		request_fail(r, CONTROL_USAGE, "An address is IP or IP:PORT, not '%s'.", value);
		return;
	}
	err = change_addr(ch, s, &addr, (uint16_t)port);
	finish_action(r, err, exit_of(err));
}

static void set_health(struct request *r, const struct change *ch, struct server *s, const char *value)
{
	static const char *const words[] = {
		[CHANGE_UP] = "up", [CHANGE_STOPPING] = "stopping", [CHANGE_DOWN] = "down"
	};
	unsigned int to;
	int err;

	for (to = 0; to < 3; to++)
		if (strcmp(value, words[to]) == 0)
			break;
	if (to == 3) {
		request_fail(r, CONTROL_USAGE, "The health is up, stopping or down, not '%s'.", value);
		return;
	}
	if (s->track) {
		request_fail(r, CONTROL_FAILED, "%s/%s tracks %s/%s: change the health of that one.", s->backend->name,
			     s->name, s->track->backend->name, s->track->name);
		return;
	}
	err = change_health(ch, s, (enum change_health)to);
	finish_action(r, err, exit_of(err));
}

static void set_check(struct request *r, const struct change *ch, struct server *s, const char *value)
{
	bool on = strcmp(value, "on") == 0;
	int err;

	if (!on && strcmp(value, "off") != 0) {
		request_fail(r, CONTROL_USAGE, "The check is on or off, not '%s'.", value);
		return;
	}
	if (s->check.type == CHECK_NONE) {
		request_fail(r, CONTROL_FAILED, "No check is configured for %s/%s: add 'check' to its server line.",
			     s->backend->name, s->name);
		return;
	}
	err = ch->host->check_set(ch->arg, s, on, ch->diags);
	finish_action(r, err, exit_of(err));
}

static void set_check_port(struct request *r, const struct change *ch, struct server *s, const char *value)
{
	struct addr none = { 0 };
	unsigned int port;
	int err;

	if (!port_parse(value, &port) || !port) {
		request_fail(r, CONTROL_USAGE, "A port is a number from 1 to 65535, not '%s'.", value);
		return;
	}
	err = change_target(ch, &s->check, &none, port);
	finish_action(r, err, exit_of(err));
}

static const struct {
	const char *word;
	void (*set)(struct request *r, const struct change *ch, struct server *s, const char *value);
} properties[] = {
	{ "addr", set_addr },	  { "check", set_check },      { "check-port", set_check_port },
	{ "health", set_health }, { "weight", server_weight },
};

static void server_set(struct request *r, const struct change *ch, struct server *s)
{
	const char *word = arg_word(r, 0);
	size_t i;

	for (i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		if (strcmp(word, properties[i].word) != 0)
			continue;
		properties[i].set(r, ch, s, arg_word(r, 1));
		return;
	}
	request_fail(r, CONTROL_USAGE, "A server has addr, check, check-port, health and weight to set, not '%s'.",
		     word);
}

static void server_state(struct request *r, const struct change *ch, struct server *s, enum change_state to)
{
	int err = change_state(ch, s, to);

	finish_action(r, err, exit_of(err));
}

/*
 * HAProxy's order is kept: maintenance, end of the flows, removal. 'force' does all three, because who removes a server
 * by hand often wants just that.
 */
static void server_del(struct request *r, const struct change *ch, struct server *s)
{
	bool force = json_is_true(json_object_get(r->in, "force"));
	int err = 0;

	if (!(s->run.admin & SERVER_MAINT)) {
		if (!force) {
			request_fail(r, CONTROL_FAILED,
				     "%s/%s is in service: xlbctl server maint %s/%s first, or add --force.",
				     s->backend->name, s->name, s->backend->name, s->name);
			return;
		}
		err = change_state(ch, s, CHANGE_MAINT);
	}
	if (!err && force)
		r->host->kill_flows(r->arg, s);
	if (!err)
		err = r->host->server_del(r->arg, s, &r->diags);
	if (err == -EBUSY && !r->diags.nr[DIAG_ERROR])
		request_fail(r, CONTROL_FAILED,
			     "%s/%s still carries flows: wait until they have ended, or add --force to end them.",
			     s->backend->name, s->name);
	else
		finish_action(r, err, exit_of(err));
}

/* The new server of an `add`, taken into service. HAProxy leaves it in maintenance, which few want. */
static void start_server(struct request *r, const struct change *ch, struct backend *b, const char *name)
{
	struct server *s = model_server_find(b, name);
	int err = 0;

	if (!s)
		return;
	if (s->disabled || json_is_true(json_object_get(r->in, "maint"))) {
		r->result = control_server_row(r, s);
		return;
	}
	if (s->check.type != CHECK_NONE && !s->run.check_enabled)
		err = r->host->check_set(r->arg, s, true, &r->diags);
	if (!err)
		err = change_state(ch, s, CHANGE_READY);
	finish_action(r, err, exit_of(err));
	if (!err)
		r->result = control_server_row(r, s);
}

static void server_add(struct request *r, const struct change *ch)
{
	const char *path = request_text(r, "server"), *slash = strchr(path, '/'), *words[CALL_MAX_ARGS];
	char name[MODEL_NAME_MAX];
	struct backend *b = NULL;
	size_t nr;
	int err;

	if (!slash || !slash[1] || (size_t)(slash - path) >= sizeof(name) || !*arg_word(r, 0)) {
		request_fail(r, CONTROL_USAGE, "server add needs BACKEND/SERVER and ADDRESS:PORT.");
		return;
	}
	memcpy(name, path, (size_t)(slash - path));
	name[slash - path] = '\0';
	b = backend_by_name(r->model, name);
	if (!b) {
		request_fail(r, CONTROL_NOT_FOUND, "There is no backend '%s'; xlbctl show backends lists them.", name);
		return;
	}
	if (model_server_find(b, slash + 1)) {
		request_fail(r, CONTROL_FAILED, "Backend '%s' has a server '%s' already.", name, slash + 1);
		return;
	}
	for (nr = 0; nr < CALL_MAX_ARGS && *arg_word(r, nr); nr++)
		words[nr] = arg_word(r, nr);
	err = r->host->server_add(r->arg, b, slash + 1, words, nr, &r->diags);
	finish_action(r, err, err == -EINVAL ? CONTROL_USAGE : exit_of(err));
	if (!err)
		start_server(r, ch, b, slash + 1);
}

static void server_change(struct request *r, const struct change *ch, struct server *s, const char *action)
{
	if (strcmp(action, "set") == 0)
		server_set(r, ch, s);
	else if (strcmp(action, "weight") == 0)
		server_weight(r, ch, s, arg_word(r, 0));
	else if (strcmp(action, "drain") == 0)
		server_state(r, ch, s, CHANGE_DRAIN);
	else if (strcmp(action, "ready") == 0)
		server_state(r, ch, s, CHANGE_READY);
	else if (strcmp(action, "maint") == 0)
		server_state(r, ch, s, CHANGE_MAINT);
	else
		request_fail(r, CONTROL_USAGE, "A server can be added, deleted, set, drained, not '%s'.", action);
	if (r->exit == CONTROL_OK)
		r->result = control_server_row(r, s);
}

static void control_server(struct request *r)
{
	struct change ch = { r->host, r->arg, &r->diags };
	const char *action = request_text(r, "action");
	struct server *s;

	if (strcmp(action, "add") == 0) {
		server_add(r, &ch);
		return;
	}
	s = find_server(r);
	if (!s)
		return;
	if (strcmp(action, "del") == 0)
		server_del(r, &ch, s);
	else
		server_change(r, &ch, s, action);
}

static const struct control_row controls[] = {
	{ "attach", ACCESS_ADMIN, control_attach }, { "detach", ACCESS_ADMIN, control_detach },
	{ "reload", ACCESS_ADMIN, control_reload }, { "server", ACCESS_ADMIN, control_server },
	{ "save", ACCESS_USER, control_save },	    { "show", ACCESS_USER, control_show },
	{ "status", ACCESS_USER, control_status },  { "version", ACCESS_USER, control_version },
};

const struct control_row *control_at(size_t i)
{
	return i < sizeof(controls) / sizeof(controls[0]) ? &controls[i] : NULL;
}

/* The level of the socket holds for these commands as for HAProxy's. */
static void run_request(struct request *r)
{
	const char *cmd = request_text(r, "cmd");
	const struct control_row *row;
	size_t i;

	for (i = 0; (row = control_at(i)) && strcmp(cmd, row->name) != 0; i++)
		;
	if (!row)
		request_fail(r, CONTROL_USAGE,
			     "The daemon knows no command '%s': are xlbctl and xlbd of the same version?", cmd);
	else if (r->s->level < row->level)
		request_fail(r, CONTROL_PERMISSION, "This socket's level does not allow '%s'.", cmd);
	else
		row->run(r);
}

json_t *control_text(const char *text)
{
	json_t *value;
	char *copy, *p;

	if (!text)
		return json_null();
	value = json_string(text);
	if (value)
		return value;
	copy = strdup(text);
	for (p = copy; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	value = copy ? json_string(copy) : NULL;
	free(copy);
	return value;
}

static json_t *diags_to_json(const struct diag_list *diags)
{
	static const char *const levels[] = { "note", "warning", "error" };
	json_t *list = json_array(), *o;
	const struct diag *d;

	TAILQ_FOREACH(d, &diags->head, next) {
		o = json_pack("{s:s,s:i,s:i,s:i}", "level", levels[d->level], "line", (int)d->line, "col", (int)d->col,
			      "len", (int)d->len);
		json_object_set_new(o, "code", control_text(d->code));
		json_object_set_new(o, "text", control_text(d->text));
		json_object_set_new(o, "hint", control_text(d->hint));
		json_object_set_new(o, "file", control_text(d->file));
		json_object_set_new(o, "source_line", control_text(d->source_line));
		json_array_append_new(list, o);
	}
	return list;
}

static void put_answer(struct request *r)
{
	json_t *answer = json_pack("{s:b}", "ok", r->exit == CONTROL_OK);
	char *text;

	if (r->exit == CONTROL_OK) {
		json_object_set_new(answer, "result", r->result ? r->result : json_null());
		r->result = NULL;
	} else {
		json_object_set_new(answer, "exit", json_integer(r->exit));
		json_object_set_new(answer, "error", control_text(r->error.data ? r->error.data : "Out of memory."));
	}
	json_object_set_new(answer, "diagnostics", diags_to_json(&r->diags));
	text = json_dumps(answer, JSON_COMPACT);
	buf_puts(r->out, text ? text : "{\"ok\":false,\"exit\":1,\"error\":\"Out of memory.\",\"diagnostics\":[]}");
	buf_puts(r->out, "\n");
	free(text);
	json_decref(answer);
}

void control_line(struct runtime_session *s, const char *text, size_t len, struct buf *out)
{
	struct request r = { .s = s, .host = s->host, .arg = s->host_arg, .out = out };
	json_error_t error;

	diag_init(&r.diags);
	r.model = s->host->model(s->host_arg);
	r.in = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!r.in)
		request_fail(&r, CONTROL_USAGE, "The request is not JSON: %s.", error.text);
	else
		run_request(&r);
	if (!r.answered)
		put_answer(&r);
	json_decref(r.result);
	json_decref(r.in);
	buf_fini(&r.error);
	diag_fini(&r.diags);
}
