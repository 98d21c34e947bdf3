/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server-state file: written aside, synced and renamed by a thread of the loop's pool, because a disk may be slow.
 *
 * The text is the answer to `show servers state`, so that there is one place that knows the format. Reading is strict:
 * a file that is not entirely as we write it is not believed at all.
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

enum {
	WRITE_DELAY_MS = 500,
	NR_FIELDS = 25,
	FILE_MAX = 16 << 20,
};

/* Columns of a row, counted from 0. */
enum { F_BACKEND = 1, F_SERVER = 3, F_ADMIN = 6, F_WEIGHT = 7, F_FILE_WEIGHT = 8, F_HEALTH = 12, F_CHECK_STATE = 13 };

enum { STATE_CONFIGURED = 2, STATE_ENABLED = 4 };

struct statefile {
	struct state *st;
	uv_timer_t timer;
	uv_work_t work;
	struct buf text; /* being written */
	char path[PATHS_MAX + 16];
	int result; /* of the write, 0 or -errno */
	bool writing, dirty, failing, stopping;
};

static void make_path(const struct paths *paths, char *out, size_t cap)
{
	snprintf(out, cap, "%s/server-state", paths->state_dir);
}

/* Temporary file, fsync, rename: after a crash there is the old file or the new one. 0 or -errno. */
static int write_file(const char *path, const struct buf *text)
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
	if (!rc && fsync(fd))
		rc = -errno;
	close(fd);
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		(void)unlink(tmp);
	return rc;
}

static void make_text(struct state *st, struct buf *out)
{
	static const char command[] = "show servers state";
	struct runtime_session session = { .host = &host_ops, .host_arg = st, .level = ACCESS_ADMIN };

	runtime_line(&session, command, sizeof(command) - 1, out);
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

	f->result = write_file(f->path, &f->text);
}

static void on_closed(uv_handle_t *handle)
{
	struct statefile *f = handle->data;

	buf_fini(&f->text);
	free(f);
}

static void finish(struct statefile *f)
{
	/* What changed while the pool was writing. The loop is about to end: written here and now. */
	if (f->dirty) {
		buf_fini(&f->text);
		make_text(f->st, &f->text);
		f->result = write_file(f->path, &f->text);
		note_result(f);
	}
	uv_close((uv_handle_t *)&f->timer, on_closed);
}

static void on_written(uv_work_t *work, int status)
{
	struct statefile *f = work->data;

	f->writing = false;
	if (status)
		f->result = status;
	note_result(f);
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
	make_text(f->st, &f->text);
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
	f->dirty = true;
	if (!uv_is_active((uv_handle_t *)&f->timer))
		(void)uv_timer_start(&f->timer, on_timer, WRITE_DELAY_MS, 0);
}

int statefile_start(struct state *st, struct statefile **ret)
{
	struct statefile *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->st = st;
	make_path(&st->paths, f->path, sizeof(f->path));
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

/* Splits a row in place. Returns the number of fields, at most NR_FIELDS + 1. */
static unsigned int split(char *row, char *fields[NR_FIELDS + 1])
{
	unsigned int nr = 0;
	char *save;

	for (char *p = strtok_r(row, " ", &save); p && nr <= NR_FIELDS; p = strtok_r(NULL, " ", &save))
		fields[nr++] = p;
	return nr;
}

/* A number of at most 'max'; false if the text is anything else. */
static bool number(const char *text, unsigned long max, unsigned int *ret)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (*end || errno || n > max)
		return false;
	*ret = (unsigned int)n;
	return true;
}

struct row {
	unsigned int admin, weight, file_weight, health, check_state;
};

static bool parse_row(char *fields[], unsigned int nr, struct row *ret)
{
	return nr == NR_FIELDS && number(fields[F_ADMIN], 0x7f, &ret->admin) &&
	       number(fields[F_WEIGHT], MODEL_WEIGHT_MAX, &ret->weight) &&
	       number(fields[F_FILE_WEIGHT], MODEL_WEIGHT_MAX, &ret->file_weight) &&
	       number(fields[F_HEALTH], 1 << 20, &ret->health) && number(fields[F_CHECK_STATE], 0xff, &ret->check_state);
}

static void enter_row(struct model *m, char *fields[], const struct row *row, bool with_health)
{
	struct backend *b = model_backend_find(m, fields[F_BACKEND]);
	struct server *s = b ? model_server_find(b, fields[F_SERVER]) : NULL;

	if (!s)
		return;
	/* The file's word on a server that 'disabled' put into maintenance is about the configuration, not an operator's. */
	if (!(row->admin & SERVER_CMAINT))
		s->run.admin |= row->admin & (SERVER_FMAINT | SERVER_FDRAIN);
	/* A weight that was changed in the configuration since wins. */
	if (row->file_weight == s->weight)
		s->run.weight = row->weight;
	if (s->check.type == CHECK_NONE)
		return;
	if (row->check_state & STATE_CONFIGURED && !(row->check_state & STATE_ENABLED))
		s->run.check_enabled = false;
	if (with_health)
		(void)check_set_health(&s->run.check, &s->check, (int)row->health);
}

/* Goes over all rows; 'm' NULL: only to see whether all of them are sound. */
static bool read_rows(const char *text, struct model *m, bool with_health)
{
	char *copy = strdup(text), *save, *line;
	bool sound = copy;

	line = copy ? strtok_r(copy, "\n", &save) : NULL;
	sound = sound && line && !strcmp(line, "1");
	line = sound ? strtok_r(NULL, "\n", &save) : NULL;
	sound = sound && line && !strncmp(line, "# be_id be_name ", 16);
	while (sound && (line = strtok_r(NULL, "\n", &save))) {
		char *fields[NR_FIELDS + 1];
		struct row row;

		sound = parse_row(fields, split(line, fields), &row);
		if (sound && m)
			enter_row(m, fields, &row, with_health);
	}
	free(copy);
	return sound;
}

/* The whole file as text. 0 or -errno; -EFBIG, -EINVAL for what cannot be ours. */
static int read_file(const char *path, char **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;
	struct buf b = { 0 };
	char part[4096];
	ssize_t len;

	if (fd < 0)
		return -errno;
	while ((len = read(fd, part, sizeof(part))) > 0 && b.len <= FILE_MAX)
		buf_add(&b, part, (size_t)len);
	if (len < 0)
		rc = -errno;
	else if (b.len > FILE_MAX)
		rc = -EFBIG;
	else if (!b.len || memchr(b.data, '\0', b.len))
		rc = -EINVAL;
	close(fd);
	if (rc) {
		buf_fini(&b);
		return rc;
	}
	*ret = b.data;
	return 0;
}

void statefile_load(const struct paths *paths, struct model *m, bool with_health, struct diag_list *diags)
{
	char path[PATHS_MAX + 16], *text = NULL;
	int rc;

	make_path(paths, path, sizeof(path));
	rc = read_file(path, &text);
	if (rc == -ENOENT)
		return;
	if (!rc && !read_rows(text, NULL, false))
		rc = -EINVAL;
	if (rc)
		diag_add(diags, DIAG_WARNING, NULL, NULL, "servers start as the configuration says; checks decide",
			 "%s is ignored: %s", path, rc == -EINVAL ? "it is damaged" : strerror(-rc));
	else
		(void)read_rows(text, m, with_health);
	free(text);
}
