/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One connection: a buffer of bytes that came in, at most one write under way, two timers.
 *
 * Commands are executed only while nothing waits to be sent, and long answers are made piece by piece. A client that
 * pipelines ten thousand commands, or asks for a million flows, and reads no answer thus costs one piece and one input
 * buffer, and reading from it stops when that is full. Between pieces the others have their turn.
 */
#include "xlbd/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	INPUT_MAX = RUNTIME_LINE_MAX + 1, /* the longest line and its newline */
	BATCH = 8,			  /* commands and pieces per turn of the loop */
	DISCARD_MAX = 16 << 20,		  /* bytes of an endless line that are read and thrown away */
	GRACE_MS = 100,			  /* within which a silent connection does not make room */
	NR_HANDLES = 3,			  /* of a client: stream and timers */
};

struct client {
	TAILQ_ENTRY(client) next;
	struct clients *all;
	union {
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} uv;
	uv_timer_t timer; /* idle */
	uv_timer_t wake;  /* the command under way wants to go on then */
	uv_write_t write;
	unsigned int nr_handles;
	struct runtime_session session;
	enum access_level admitted; /* at first: the session may lower its own */
	char in[INPUT_MAX];
	size_t in_len;
	struct buf out; /* being sent */
	size_t waiting; /* bytes not taken by the client when it was last looked at */
	bool writing, reading, eof, closing;
	bool discarding;  /* the line was too long: what still comes is of it, and is not looked at */
	size_t discarded; /* bytes */
	uv_shutdown_t shutdown;
	uint64_t active_ms; /* loop time of the last sign of life */
};

static void serve(struct client *cl);

static void on_closed(uv_handle_t *handle)
{
	struct client *cl = handle->data;

	if (--cl->nr_handles)
		return;
	runtime_session_fini(&cl->session);
	buf_fini(&cl->out);
	free(cl);
}

static void forget(struct client *cl)
{
	TAILQ_REMOVE(&cl->all->list, cl, next);
	cl->all->nr--;
	cl->all->nr_admins -= cl->admitted == ACCESS_ADMIN;
}

static void client_close(struct client *cl)
{
	if (cl->closing)
		return;
	cl->closing = true;
	forget(cl);
	uv_close((uv_handle_t *)&cl->wake, on_closed);
	uv_close((uv_handle_t *)&cl->timer, on_closed);
	uv_close((uv_handle_t *)&cl->uv.stream, on_closed);
}

static void touch(struct client *cl);

/* A long answer that still flows is no idleness. */
static void on_idle(uv_timer_t *timer)
{
	struct client *cl = timer->data;
	size_t waiting = uv_stream_get_write_queue_size(&cl->uv.stream);

	if (cl->writing && waiting < cl->waiting) {
		cl->waiting = waiting;
		touch(cl);
		return;
	}
	client_close(cl);
}

static void touch(struct client *cl)
{
	unsigned int ms = cl->session.timeout_s ? cl->session.timeout_s * 1000 : cl->all->timeout_ms;

	cl->active_ms = uv_now(cl->uv.stream.loop);
	(void)uv_timer_start(&cl->timer, on_idle, ms, 0);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct client *cl = handle->data;

	(void)suggested;
	*ret = uv_buf_init(cl->in + cl->in_len, (unsigned int)(INPUT_MAX - cl->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct client *cl = stream->data;

	(void)buf;
	if (len == 0)
		return;
	if (len < 0) {
		/* End of input: what is complete is still executed and answered, a line without its end is not. */
		cl->eof = true;
		(void)uv_read_stop(stream);
		cl->reading = false;
		if (len != UV_EOF) {
			client_close(cl);
			return;
		}
	} else if (cl->discarding) {
		cl->discarded += (size_t)len;
		if (cl->discarded > DISCARD_MAX)
			client_close(cl);
		return;
	} else {
		cl->in_len += (size_t)len;
		cl->session.interrupted = runtime_is_busy(&cl->session);
		touch(cl);
	}
	serve(cl);
}

static void on_written(uv_write_t *req, int status)
{
	struct client *cl = req->data;

	cl->writing = false;
	buf_fini(&cl->out);
	if (cl->closing)
		return;
	if (status) {
		client_close(cl);
		return;
	}
	touch(cl);
	serve(cl);
}

/* Sends cl->out. Returns true if the caller may go on at once. */
static bool send_out(struct client *cl)
{
	uv_buf_t b = uv_buf_init(cl->out.data, (unsigned int)cl->out.len);

	if (cl->out.failed || cl->out.len > UINT32_MAX) {
		client_close(cl);
		return false;
	}
	if (!cl->out.len)
		return true;
	cl->all->settle(cl->all->host_arg);
	cl->write.data = cl;
	if (uv_write(&cl->write, &cl->uv.stream, &b, 1, on_written)) {
		client_close(cl);
		return false;
	}
	cl->writing = true;
	cl->waiting = cl->out.len + 1;
	return false;
}

/* Takes the next complete line and executes it. Returns false if there is none. */
static bool next_line(struct client *cl)
{
	char *end = memchr(cl->in, '\n', cl->in_len);
	size_t line_len, used;

	if (!end) {
		if (cl->in_len < INPUT_MAX)
			return false;
		runtime_line_too_long(&cl->session, &cl->out);
		cl->session.hangup = true;
		cl->discarding = true;
		cl->in_len = 0;
		return true;
	}
	line_len = (size_t)(end - cl->in);
	used = line_len + 1;
	if (line_len && cl->in[line_len - 1] == '\r')
		line_len--;
	runtime_line(&cl->session, cl->in, line_len, &cl->out);
	memmove(cl->in, cl->in + used, cl->in_len - used);
	cl->in_len -= used;
	return true;
}

static void read_more(struct client *cl)
{
	bool room = cl->in_len < INPUT_MAX && (!cl->session.quit || cl->discarding) && !cl->eof;

	if (room && !cl->reading)
		cl->reading = !uv_read_start(&cl->uv.stream, on_alloc, on_read);
	else if (!room && cl->reading)
		cl->reading = uv_read_stop(&cl->uv.stream) != 0;
}

static void on_wake(uv_timer_t *timer)
{
	struct client *cl = timer->data;

	touch(cl);
	serve(cl);
}

/*
 * Lets commands run until there is a piece to send. Returns false when nothing can be done now: no complete line, or
 * the command under way waits, in which case the timer comes back to it.
 */
static bool run_commands(struct client *cl)
{
	for (int i = 0; i < BATCH && cl->out.len < RUNTIME_PIECE; i++) {
		if (!runtime_is_busy(&cl->session)) {
			if (cl->session.hangup || !next_line(cl))
				return i;
			continue;
		}
		if (cl->session.delay_ms) {
			(void)uv_timer_start(&cl->wake, on_wake, cl->session.delay_ms, 0);
			cl->session.delay_ms = 0;
			return i;
		}
		runtime_resume(&cl->session, &cl->out);
	}
	/* Others first: a search that finds nothing must not hold up the loop. */
	if (!cl->out.len && runtime_is_busy(&cl->session))
		(void)uv_timer_start(&cl->wake, on_wake, 0, 0);
	return true;
}

/* Executes what is complete and sends the answers, as far as the client takes them. */
static void serve(struct client *cl)
{
	bool more = true;

	while (more && !cl->writing && !cl->closing && !uv_is_active((uv_handle_t *)&cl->wake)) {
		more = run_commands(cl);
		if (!send_out(cl))
			break;
	}
	if (cl->closing)
		return;
	/*
	 * Nothing left to say, and nobody there to ask again. One who is still sending an endless line would not see
	 * the answer if the connection went now: we only stop writing, and wait until the client has had enough.
	 */
	if (!cl->writing && !more && !runtime_is_busy(&cl->session) && (cl->session.quit || cl->eof)) {
		if (!cl->discarding || cl->eof || uv_shutdown(&cl->shutdown, &cl->uv.stream, NULL)) {
			client_close(cl);
			return;
		}
	}
	read_more(cl);
}

static int start_handles(struct client *cl, uv_stream_t *listener)
{
	bool is_tcp = listener->type == UV_TCP;
	int rc = is_tcp ? uv_tcp_init(listener->loop, &cl->uv.tcp) : uv_pipe_init(listener->loop, &cl->uv.pipe, 0);

	if (rc)
		return rc;
	cl->uv.stream.data = cl;
	cl->nr_handles = 1;
	rc = uv_timer_init(listener->loop, &cl->timer);
	if (rc)
		return rc;
	cl->timer.data = cl;
	cl->nr_handles = 2;
	rc = uv_timer_init(listener->loop, &cl->wake);
	if (rc)
		return rc;
	cl->wake.data = cl;
	cl->nr_handles = NR_HANDLES;
	return uv_accept(listener, &cl->uv.stream);
}

/*
 * The connection that is missed least: of those of the lowest level the one that has been silent for longest, and that
 * for 'silent_ms' at least. NULL: none is so.
 */
static struct client *dispensable(struct clients *all, enum access_level up_to, uint64_t silent_ms)
{
	struct client *cl, *found = NULL;

	TAILQ_FOREACH(cl, &all->list, next) {
		if (cl->admitted > up_to || uv_now(cl->uv.stream.loop) - cl->active_ms < silent_ms)
			continue;
		if (!found || cl->admitted < found->admitted ||
		    (cl->admitted == found->admitted && cl->active_ms < found->active_ms))
			found = cl;
	}
	return found;
}

/*
 * Nobody can keep an administrator out by opening connections: those of lower levels never have all of the places. And
 * who has just come gets the time to ask, however many come after: only a flood of CLIENTS_HARD within that time is
 * stronger.
 */
static void make_room(struct clients *all, enum access_level level)
{
	enum access_level up_to = level < ACCESS_ADMIN ? ACCESS_OPERATOR : ACCESS_ADMIN;
	unsigned int reserved = level < ACCESS_ADMIN ? CLIENTS_ADMIN : 0;
	unsigned int nr = level < ACCESS_ADMIN ? all->nr - all->nr_admins : all->nr;
	struct client *cl;

	for (; nr >= CLIENTS_MAX - reserved; nr--) {
		cl = dispensable(all, up_to, nr >= CLIENTS_HARD - reserved ? 0 : GRACE_MS);
		if (!cl)
			break;
		client_close(cl);
	}
}

/* The handles that were made are closed, which frees it in the end. */
static void drop_unfinished(struct client *cl)
{
	forget(cl);
	cl->closing = true;
	if (cl->nr_handles == NR_HANDLES)
		uv_close((uv_handle_t *)&cl->wake, on_closed);
	if (cl->nr_handles >= 2)
		uv_close((uv_handle_t *)&cl->timer, on_closed);
	if (cl->nr_handles >= 1)
		uv_close((uv_handle_t *)&cl->uv.stream, on_closed);
	else
		free(cl);
}

int client_accept(struct clients *all, uv_stream_t *listener, enum access_level (*level_of)(void *arg, int fd),
		  void *arg)
{
	struct client *cl = calloc(1, sizeof(*cl));
	uv_os_fd_t fd;

	if (!cl)
		return -ENOMEM;
	cl->all = all;
	TAILQ_INSERT_TAIL(&all->list, cl, next);
	all->nr++;
	if (start_handles(cl, listener) || uv_fileno((uv_handle_t *)&cl->uv.stream, &fd)) {
		drop_unfinished(cl);
		return 0;
	}
	cl->session =
		(struct runtime_session){ .host = all->host, .host_arg = all->host_arg, .level = level_of(arg, fd) };
	TAILQ_REMOVE(&all->list, cl, next);
	all->nr--;
	make_room(all, cl->session.level);
	cl->admitted = cl->session.level;
	TAILQ_INSERT_TAIL(&all->list, cl, next);
	all->nr++;
	all->nr_admins += cl->admitted == ACCESS_ADMIN;
	touch(cl);
	read_more(cl);
	return 0;
}

void clients_close(struct clients *all)
{
	struct client *cl;

	while ((cl = TAILQ_FIRST(&all->list)))
		client_close(cl);
}
