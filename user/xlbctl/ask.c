/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One request to the daemon and its answer, over the control socket.
 *
 * A connection carries one request: a line "@xlb JSON", answered by a line of JSON (user/protocol/control.c says what
 * is in them). Messages of the daemon are printed as xlbd prints its own, with the line of the file and the caret.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "xlbctl/ctl.h"

/* An answer takes moments; attach waits for the verifier, a reload for name servers. */
enum { ANSWER_SECONDS = 60 };

static int connect_to(const char *path)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Tells apart what the user can mend: no daemon, no right, anything else. */
static enum ctl_exit connect_failed(const struct ctl *c, int err, bool quiet)
{
	const char *path = c->paths.socket;

	if (err == -ENOENT || err == -ECONNREFUSED) {
		if (!quiet)
			ctl_fail(CTL_NO_DAEMON,
				 "no daemon answers on %s: start one with 'xlbd -D', 'systemctl start xlb' or "
				 "'xlbctl attach INTERFACE'.",
				 path);
		return CTL_NO_DAEMON;
	}
	if (err == -EACCES || err == -EPERM)
		return ctl_fail(CTL_PERMISSION, "not permitted to use %s: be root or a member of group xlb.", path);
	return ctl_fail(CTL_FAILED, "cannot connect to %s: %s.", path, strerror(-err));
}

static int send_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads to the end of the line or of the stream. */
static int receive_line(int fd, struct buf *in)
{
	char part[65536];
	ssize_t n;

	for (;;) {
		n = recv(fd, part, sizeof(part), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n)
			buf_add(in, part, (size_t)n);
		if (in->failed)
			return -ENOMEM;
		if (!n || part[n - 1] == '\n')
			return 0;
	}
}

static const char *text_or_null(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static enum diag_level level_of(const char *word)
{
	if (word && strcmp(word, "error") == 0)
		return DIAG_ERROR;
	return word && strcmp(word, "warning") == 0 ? DIAG_WARNING : DIAG_NOTE;
}

/* Prints the daemon's messages as xlbd prints them. Returns the number of errors among them. */
static size_t print_diagnostics(struct ctl *c, const json_t *list)
{
	struct diag_list diags;
	struct diag_place place;
	const json_t *o;
	const char *text;
	size_t i, errors;

	diag_init(&diags);
	json_array_foreach(list, i, o) {
		text = text_or_null(o, "text");
		if (c->keep_closing && text && i + 1 == json_array_size(list) && !text_or_null(o, "file") &&
		    level_of(text_or_null(o, "level")) == DIAG_NOTE) {
			snprintf(c->closing, sizeof(c->closing), "%s", text);
			break;
		}
		place = (struct diag_place){
			.file = text_or_null(o, "file"),
			.line = (unsigned int)json_integer_value(json_object_get(o, "line")),
			.col = (unsigned int)json_integer_value(json_object_get(o, "col")),
			.len = (unsigned int)json_integer_value(json_object_get(o, "len")),
			.source_line = text_or_null(o, "source_line"),
		};
		diag_add(&diags, level_of(text_or_null(o, "level")), place.file ? &place : NULL,
			 text_or_null(o, "code"), text_or_null(o, "hint"), "%s", text ? text : "");
	}
	errors = diags.nr[DIAG_ERROR];
	diag_print(&diags, stderr, isatty(STDERR_FILENO));
	diag_fini(&diags);
	return errors;
}

/* The sentence of a failure is among the messages when these hold errors; it is not said twice. */
static enum ctl_exit failure_of(const json_t *answer, size_t errors)
{
	json_int_t code = json_integer_value(json_object_get(answer, "exit"));
	const char *text = text_or_null(answer, "error");

	if (code < CTL_FAILED || code > CTL_NOT_FOUND)
		code = CTL_FAILED;
	if (!errors)
		ctl_fail((enum ctl_exit)code, "%s", text ? text : "the daemon gave no reason.");
	return (enum ctl_exit)code;
}

static enum ctl_exit read_answer(struct ctl *c, const struct buf *in, json_t **ret_result)
{
	json_error_t error;
	json_t *answer = json_loadb(in->data ? in->data : "", in->len, 0, &error);
	enum ctl_exit code = CTL_OK;
	size_t errors;

	if (!answer) {
		if (!in->len)
			return ctl_fail(CTL_FAILED, "the daemon closed the connection without an answer.");
		return ctl_fail(CTL_FAILED, "the daemon's answer is not JSON (%s): %.80s", error.text, in->data);
	}
	errors = print_diagnostics(c, json_object_get(answer, "diagnostics"));
	if (json_is_true(json_object_get(answer, "ok")))
		*ret_result = json_incref(json_object_get(answer, "result"));
	else
		code = failure_of(answer, errors);
	json_decref(answer);
	return code;
}

static enum ctl_exit exchange(struct ctl *c, json_t *request, bool quiet, json_t **ret_result)
{
	struct buf out = { 0 }, in = { 0 };
	enum ctl_exit code;
	char *text;
	int fd, err;

	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (!text)
		return ctl_fail(CTL_USAGE, "the words are not valid UTF-8.");
	fd = connect_to(c->paths.socket);
	if (fd < 0) {
		free(text);
		return connect_failed(c, fd, quiet);
	}
	buf_printf(&out, "@xlb %s\n", text);
	err = out.failed ? -ENOMEM : send_all(fd, out.data, out.len);
	if (!err)
		err = receive_line(fd, &in);
	if (err == -EAGAIN)
		code = ctl_fail(CTL_FAILED,
				"the daemon has not answered for %d seconds: is it stopped? Its pid is in %s.",
				ANSWER_SECONDS, c->paths.pid_file);
	else if (err)
		code = ctl_fail(CTL_FAILED, "the connection to %s failed: %s.", c->paths.socket, strerror(-err));
	else
		code = read_answer(c, &in, ret_result);
	close(fd);
	free(text);
	buf_fini(&out);
	buf_fini(&in);
	return code;
}

enum ctl_exit ask(struct ctl *c, json_t *request, json_t **ret_result)
{
	return exchange(c, request, false, ret_result);
}

enum ctl_exit ask_quietly(struct ctl *c, json_t *request, json_t **ret_result)
{
	return exchange(c, request, true, ret_result);
}
