/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads the server-state file at start. Strict: a file that is not entirely as statefile.c writes it is not believed at
 * all, since half of what operators set is worse than nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "xlbd/statefile.h"

enum {
	NR_FIELDS = 25,
	FILE_MAX = 16 << 20,
};

/* Columns of a row, counted from 0. */
enum { F_BACKEND = 1, F_SERVER = 3, F_ADMIN = 6, F_WEIGHT = 7, F_FILE_WEIGHT = 8, F_HEALTH = 12, F_CHECK_STATE = 13 };

enum { STATE_CONFIGURED = 2, STATE_ENABLED = 4 };

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
	       number(fields[F_HEALTH], 1 << 20, &ret->health) &&
	       number(fields[F_CHECK_STATE], 0xff, &ret->check_state);
}

static void enter_row(struct model *m, char *fields[], const struct row *row, bool with_health)
{
	struct backend *b = model_backend_find(m, fields[F_BACKEND]);
	struct server *s = b ? model_server_find(b, fields[F_SERVER]) : NULL;

	if (!s)
		return;
	/* The file's word on a server that 'disabled' put into maintenance is about the configuration, not an
	 * operator's. */
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

	snprintf(path, sizeof(path), "%s/server-state", paths->state_dir);
	rc = read_file(path, &text);
	if (rc == -ENOENT)
		return;
	if (!rc && (!text || !read_rows(text, NULL, false)))
		rc = -EINVAL;
	if (rc)
		diag_add(diags, DIAG_WARNING, NULL, NULL, "servers start as the configuration says; checks decide",
			 "%s is ignored: %s", path, rc == -EINVAL ? "it is damaged" : strerror(-rc));
	else
		(void)read_rows(text, m, with_health);
	free(text);
}
