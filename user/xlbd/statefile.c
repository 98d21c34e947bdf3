/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server-state file: written aside, synced and renamed by a thread of the loop's pool, because a disk may be slow.
 *
 * But for what is written before an answer: that must not wait for a disk, and needs none to outlive this process.
 * The text is the answer to `show servers state`, so that there is one place that knows how it is written.
 */
#include "xlbd/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "protocol/runtime.h"
#include "xlbd/host.h"

enum { WRITE_DELAY_MS = 500 };

struct statefile {
	struct state *st;
	uv_timer_t timer;
	uv_work_t work;
	struct buf text; /* being written */
	char path[PATHS_MAX + 16], path_new[PATHS_MAX + 24];
	int result;   /* of the write, 0 or -errno */
	bool writing; /* the pool has 'text' */
	bool dirty;   /* 'path' is older than the state */
	bool unsaved; /* 'path_new', too */
	bool failing, stopping;
};

/*
 * Temporary file, fsync if 'sync', rename: after a crash of this process, with 'sync' also of the machine, there is the
 * old file or the new one. 0 or -errno.
 */
static int write_file(const char *path, const struct buf *text, bool sync)
{
	char tmp[PATHS_MAX + 32];
	int fd, rc = 0;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < text->len && !rc;) {
		ssize_t len = write(fd, text->data + done, text->len - done);

		if (len < 0 && errno != EINTR)
			rc = -errno;
		else if (len > 0)
			done += (size_t)len;
	}
	if (!rc && sync && fsync(fd))
		rc = -errno;
	close(fd);
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		(void)unlink(tmp);
	return rc;
}

/* A failure is told once; the daemon goes on without. */
static void note_result(struct statefile *f)
{
	if (f->result && !f->failing)
		log_msg(LOG_L_WARNING, "state", "cannot write %s: %s; operators' settings will not outlive a restart",
			f->path, strerror(-f->result));
	else if (!f->result && f->failing)
		log_msg(LOG_L_NOTICE, "state", "%s is written again", f->path);
	f->failing = f->result;
}

static void on_work(uv_work_t *work)
{
	struct statefile *f = work->data;

	f->result = write_file(f->path, &f->text, true);
}

static void on_closed(uv_handle_t *handle)
{
	struct statefile *f = handle->data;

	buf_fini(&f->text);
	free(f);
}

/* Nobody needs the unsynced file any more. */
static void drop_new(struct statefile *f)
{
	if (f->dirty || f->result)
		return;
	f->unsaved = false;
	(void)unlink(f->path_new);
}

static void finish(struct statefile *f)
{
	/* What changed while the pool was writing. The loop is about to end: written here and now. */
	if (f->dirty) {
		buf_fini(&f->text);
		runtime_state_text(&host_ops, f->st, &f->text);
		f->result = write_file(f->path, &f->text, true);
		f->dirty = f->result;
		note_result(f);
	}
	drop_new(f);
	uv_close((uv_handle_t *)&f->timer, on_closed);
}

static void on_written(uv_work_t *work, int status)
{
	struct statefile *f = work->data;

	f->writing = false;
	if (status)
		f->result = status;
	note_result(f);
	drop_new(f);
	buf_fini(&f->text);
	if (f->stopping)
		finish(f);
	else if (f->dirty)
		statefile_touch(f);
}

static void on_timer(uv_timer_t *timer)
{
	struct statefile *f = timer->data;

	if (f->writing)
		return; /* on_written() comes back to it */
	f->dirty = false;
	runtime_state_text(&host_ops, f->st, &f->text);
	if (f->text.failed) {
		buf_fini(&f->text);
		return;
	}
	f->writing = true;
	if (uv_queue_work(f->st->loop, &f->work, on_work, on_written))
		f->writing = false;
}

void statefile_touch(struct statefile *f)
{
	if (!f || f->stopping)
		return;
	f->dirty = f->unsaved = true;
	if (!uv_is_active((uv_handle_t *)&f->timer))
		(void)uv_timer_start(&f->timer, on_timer, WRITE_DELAY_MS, 0);
}

void statefile_settle(struct statefile *f)
{
	struct buf text = { 0 };

	if (!f || !f->unsaved || f->stopping)
		return;
	f->unsaved = false;
	runtime_state_text(&host_ops, f->st, &text);
	/* What fails here fails in the pool, too, which tells it. */
	if (!text.failed)
		(void)write_file(f->path_new, &text, false);
	buf_fini(&text);
}

int statefile_start(struct state *st, struct statefile **ret)
{
	struct statefile *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->st = st;
	snprintf(f->path, sizeof(f->path), "%s/" STATEFILE_NAME, st->paths.state_dir);
	snprintf(f->path_new, sizeof(f->path_new), "%s/" STATEFILE_NAME_NEW, st->paths.state_dir);
	rc = uv_timer_init(st->loop, &f->timer);
	if (rc) {
		free(f);
		return rc;
	}
	f->timer.data = f;
	f->work.data = f;
	*ret = f;
	return 0;
}

void statefile_stop(struct statefile *f)
{
	if (!f || f->stopping)
		return;
	f->stopping = true;
	if (!f->writing)
		finish(f);
}
