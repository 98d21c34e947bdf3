/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One connection: a buffer of bytes that came in, at most one write under way, a timer.
 *
 * Commands are executed only while nothing waits to be sent. A client that pipelines ten thousand commands and reads no
 * answer thus costs one answer and one input buffer, and reading from it stops when that is full.
 */
#include "xlbd/client.h"

#include <stdlib.h>
#include <string.h>

enum {
	INPUT_MAX = RUNTIME_LINE_MAX + 1, /* the longest line and its newline */
	BATCH = 64,			  /* commands per turn of the loop */
	DISCARD_MAX = 16 << 20,		  /* bytes of an endless line that are read and thrown away */
};

struct client {
	TAILQ_ENTRY(client) next;
	struct clients *all;
	union {
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} uv;
	uv_timer_t timer;
	uv_write_t write;
	unsigned int nr_handles;
	struct runtime_session session;
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
	buf_fini(&cl->out);
	free(cl);
}

static void client_close(struct client *cl)
{
	if (cl->closing)
		return;
	cl->closing = true;
	TAILQ_REMOVE(&cl->all->list, cl, next);
	cl->all->nr--;
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

/* Executes what is complete and sends the answers, as far as the client takes them. */
static void serve(struct client *cl)
{
	bool more = true;

	while (more && !cl->writing && !cl->closing) {
		more = false;
		for (int i = 0; i < BATCH && !cl->session.hangup && next_line(cl); i++)
			more = true;
		if (!send_out(cl))
			break;
	}
	if (cl->closing)
		return;
	/*
	 * Nothing left to say, and nobody there to ask again. One who is still sending an endless line would not see
	 * the answer if the connection went now: we only stop writing, and wait until the client has had enough.
	 */
	if (!cl->writing && !more && (cl->session.quit || cl->eof)) {
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
	return uv_accept(listener, &cl->uv.stream);
}

/* Closes the connection that has been silent for longest. */
static void make_room(struct clients *all)
{
	struct client *cl, *oldest = NULL;

	TAILQ_FOREACH(cl, &all->list, next)
		if (!oldest || cl->active_ms < oldest->active_ms)
			oldest = cl;
	if (oldest)
		client_close(oldest);
}

void client_accept(struct clients *all, uv_stream_t *listener, enum access_level level)
{
	struct client *cl = calloc(1, sizeof(*cl));

	/* Without memory the connection waits; the loop asks again when the next one comes. */
	if (!cl)
		return;
	if (all->nr >= CLIENTS_MAX)
		make_room(all);
	cl->all = all;
	cl->session = (struct runtime_session){ .host = all->host, .host_arg = all->host_arg, .level = level };
	TAILQ_INSERT_TAIL(&all->list, cl, next);
	all->nr++;
	if (start_handles(cl, listener)) {
		if (cl->nr_handles == 2) {
			client_close(cl);
			return;
		}
		TAILQ_REMOVE(&all->list, cl, next);
		all->nr--;
		if (cl->nr_handles)
			uv_close((uv_handle_t *)&cl->uv.stream, on_closed);
		else
			free(cl);
		return;
	}
	touch(cl);
	read_more(cl);
}

void clients_close(struct clients *all)
{
	struct client *cl;

	while ((cl = TAILQ_FIRST(&all->list)))
		client_close(cl);
}
