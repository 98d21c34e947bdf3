/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads server-state files at start: the daemon's own, and those that the configuration names for HAProxy.
 *
 * Strict: a file that is not entirely sound is not believed at all, since half of what operators set is worse than
 * nothing. Several files may speak of one server; the youngest has the last word.
 */
#include "xlbd/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "protocol/runtime.h"

enum {
	NR_FIELDS = 25,
	FILE_MAX = 16 << 20,
};

/* Columns of a row, counted from 0. */
enum {
	F_BACKEND = 1,
	F_SERVER = 3,
	F_OP_STATE = 5,
	F_ADMIN = 6,
	F_WEIGHT = 7,
	F_FILE_WEIGHT = 8,
	F_AGE = 9,
	F_CHECK_STATUS = 10,
	F_HEALTH = 12,
	F_CHECK_STATE = 13,
	F_AGENT_STATE = 14
};

enum { STATE_CONFIGURED = 2, STATE_ENABLED = 4 };
enum { OP_STOPPED = 0, OP_STOPPING = 3 };

/* One file, and which backends it may speak of. */
struct source {
	char path[PATHS_MAX + MODEL_NAME_MAX + 16];
	bool is_own;		    /* of all backends; of health only after an adoption */
	bool is_new;		    /* STATEFILE_NAME_NEW */
	const struct backend *only; /* of this one alone; NULL: of those that say 'global' */
	struct timespec written;
	char *text;
};

/* What entering a file into a model needs. */
struct load {
	struct model *m;
	const struct source *from;
	bool with_health;
	uint64_t now_ms;
};

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
	unsigned int op_state, admin, weight, file_weight, age_s, check_status, health, check_state, agent_state;
};

static bool parse_row(char *fields[], unsigned int nr, struct row *ret)
{
	return nr == NR_FIELDS && number(fields[F_OP_STATE], OP_STOPPING, &ret->op_state) &&
	       number(fields[F_ADMIN], 0x7f, &ret->admin) && number(fields[F_WEIGHT], MODEL_WEIGHT_MAX, &ret->weight) &&
	       number(fields[F_FILE_WEIGHT], MODEL_WEIGHT_MAX, &ret->file_weight) &&
	       number(fields[F_AGE], UINT32_MAX, &ret->age_s) &&
	       number(fields[F_CHECK_STATUS], 0xff, &ret->check_status) &&
	       number(fields[F_HEALTH], 1 << 20, &ret->health) &&
	       number(fields[F_CHECK_STATE], 0xff, &ret->check_state) &&
	       number(fields[F_AGENT_STATE], 0xff, &ret->agent_state);
}

/* The server that a line names, if the file may speak of it. */
static struct server *find_server(const struct load *l, const char *backend, const char *name)
{
	struct backend *b = model_backend_find(l->m, backend);

	if (!b)
		return NULL;
	if (!l->from->is_own && (l->from->only ? b != l->from->only : b->load_state != STATE_FILE_GLOBAL))
		return NULL;
	return model_server_find(b, name);
}

static void enter_health(const struct load *l, struct server *s, const struct row *row)
{
	uint64_t age_ms = (uint64_t)row->age_s * 1000;

	int health = (int)row->health;

	/* Of a server without check HAProxy writes any health; what it was is in its state. */
	if (!s->run.check_enabled && row->op_state != OP_STOPPED && health < (int)s->check.rise)
		health = (int)s->check.rise;
	(void)check_set_health(&s->run.check, &s->check, health);
	s->run.check.is_nolb = row->op_state == OP_STOPPING && server_is_up(s);
	s->run.check.code = runtime_check_code(row->check_status);
	/* Of before the boot is as good as of the boot. */
	s->run.last_change_ms = l->now_ms > age_ms ? l->now_ms - age_ms : 1;
	if (!server_is_up(s))
		s->run.down_since_ms = s->run.last_change_ms;
}

static void enter_row(const struct load *l, char *fields[], const struct row *row)
{
	struct server *s = find_server(l, fields[F_BACKEND], fields[F_SERVER]);
	bool check_decides;

	if (!s)
		return;
	/*
	 * The file's word on a server that 'disabled' put into maintenance is about the configuration, not an
	 * operator's, but for one that was enabled all the same.
	 */
	s->run.admin &= ~(unsigned int)(SERVER_FMAINT | SERVER_FDRAIN);
	if (!(row->admin & SERVER_CMAINT))
		s->run.admin |= row->admin & (SERVER_FMAINT | SERVER_FDRAIN);
	else if (!(row->admin & SERVER_FMAINT))
		s->run.admin = (s->run.admin & ~(unsigned int)SERVER_CMAINT) | (row->admin & SERVER_FDRAIN);
	/* A weight that was changed in the configuration since wins. */
	s->run.weight = row->file_weight == s->weight ? row->weight : s->weight;
	if (s->check.type != CHECK_NONE && row->check_state & STATE_CONFIGURED)
		s->run.check_enabled = row->check_state & STATE_ENABLED;
	if (s->agent.type != CHECK_NONE && row->agent_state & STATE_CONFIGURED)
		s->run.agent_enabled = row->agent_state & STATE_ENABLED;
	/* Where no check speaks, health is the operator's word; in maintenance the file does not tell it. */
	check_decides = s->run.check_enabled;
	if (!(row->admin & SERVER_MAINT) && (l->with_health || !check_decides))
		enter_health(l, s, row);
}

static void enter_address(struct server *s, const struct check_target *configured, const struct check_target *present)
{
	if (!addr_equal(&s->addr_configured, &configured->addr) || s->port_configured != configured->port)
		return;
	s->addr = present->addr;
	s->port = (uint16_t)present->port;
	free(s->host); /* the name that the configuration gives does not lead there */
	s->host = NULL;
}

static void enter_target(struct check_conf *c, const struct check_target *is, const struct check_target *configured,
			 const struct check_target *present)
{
	if (!addr_equal(&is->addr, &configured->addr) || is->port != configured->port)
		return;
	c->addr = present->addr;
	c->port = present->port;
}

/* An address, or '-' for none, and a port. */
static bool read_target(char *const fields[2], struct check_target *ret)
{
	*ret = (struct check_target){ 0 };
	return (!strcmp(fields[0], "-") || !addr_parse(fields[0], &ret->addr)) &&
	       number(fields[1], UINT16_MAX, &ret->port);
}

/* The server of a line "#@xlb WORD BACKEND SERVER ..."; NULL: there is none, or the lines are only looked at. */
static struct server *changed_server(const struct load *l, char *fields[])
{
	return l ? find_server(l, fields[2], fields[3]) : NULL;
}

static bool read_target_line(const struct load *l, char *fields[], unsigned int nr)
{
	struct check_target configured, present;
	struct server *s;

	if (nr != 8 || !read_target(&fields[4], &configured) || !read_target(&fields[6], &present))
		return false;
	s = changed_server(l, fields);
	if (!strcmp(fields[1], "addr")) {
		if (!configured.addr.family || !present.addr.family)
			return false;
		if (s)
			enter_address(s, &configured, &present);
	} else if (s && !strcmp(fields[1], "check")) {
		enter_target(&s->check, &s->configured.check, &configured, &present);
	} else if (s) {
		enter_target(&s->agent, &s->configured.agent, &configured, &present);
	}
	return true;
}

static bool read_maxconn_line(const struct load *l, char *fields[], unsigned int nr)
{
	unsigned int configured, present;
	struct server *s;

	if (nr != 6 || !number(fields[4], UINT32_MAX, &configured) || !number(fields[5], UINT32_MAX, &present))
		return false;
	s = changed_server(l, fields);
	if (s && s->configured.maxconn == configured)
		s->maxconn = present;
	return true;
}

/* The frontend of a line "#@xlb WORD FRONTEND ...": of xlb's own file alone, for HAProxy's knows no such lines. */
static struct frontend *changed_frontend(const struct load *l, char *fields[])
{
	return l && l->from->is_own ? model_frontend_find(l->m, fields[2]) : NULL;
}

static bool read_switch(const char *text, bool *ret_disabled)
{
	*ret_disabled = !strcmp(text, "disabled");
	return *ret_disabled || !strcmp(text, "enabled");
}

static bool read_frontend_line(const struct load *l, char *fields[], unsigned int nr)
{
	bool configured, present;
	struct frontend *f;

	if (nr != 5 || !read_switch(fields[3], &configured) || !read_switch(fields[4], &present))
		return false;
	f = changed_frontend(l, fields);
	if (f && f->disabled_configured == configured)
		f->disabled = present;
	return true;
}

static bool read_frontend_maxconn_line(const struct load *l, char *fields[], unsigned int nr)
{
	unsigned int configured, present;
	struct frontend *f;

	if (nr != 5 || !number(fields[3], UINT32_MAX, &configured) || !number(fields[4], UINT32_MAX, &present))
		return false;
	f = changed_frontend(l, fields);
	if (f && f->maxconn_configured == configured)
		f->maxconn = present;
	return true;
}

static struct acl_set *changed_set(const struct load *l, const char *name)
{
	unsigned long id = name[0] == '#' ? strtoul(name + 1, NULL, 10) : ULONG_MAX;
	char buf[ACL_SET_NAME_MAX];
	struct acl_set *set;

	TAILQ_FOREACH(set, &l->m->acl_sets, next)
		if ((set->file || set->id == id) && !strcmp(acl_set_name(set, buf), name))
			return set;
	return NULL;
}

/* What the file of patterns says by now itself needs no second word. */
static bool read_acl_line(const struct load *l, char *fields[], unsigned int nr)
{
	struct acl_set *set;

	if (nr != 5 || !strchr("+-", *fields[3]) || fields[3][1])
		return false;
	set = l && l->from->is_own ? changed_set(l, fields[2]) : NULL;
	if (!set)
		return true;
	if (!set->base)
		set->base = acl_set_copy(set);
	if (!set->base)
		return true;
	(void)acl_set_del_text(set, fields[4]);
	if (*fields[3] == '+')
		(void)acl_set_add_text(set, fields[4]);
	return true;
}

/*
 * A comment to HAProxy: an operator changed what the configuration says, and this holds as long as that still says the
 * same. "#@xlb addr|check|agent BACKEND SERVER CONFIGURED PORT PRESENT PORT", "#@xlb maxconn BACKEND SERVER CONFIGURED
 * PRESENT", "#@xlb frontend FRONTEND CONFIGURED PRESENT", each of these enabled or disabled, "#@xlb frontend-maxconn
 * FRONTEND CONFIGURED PRESENT", "#@xlb acl SET + PATTERN", or '-' for one that was removed. 'l' NULL: only to see if it
 * is sound.
 */
static bool read_change_line(char *line, const struct load *l)
{
	static const struct {
		const char *word;
		bool (*read)(const struct load *l, char *fields[], unsigned int nr);
	} rows[] = {
		{ "addr", read_target_line },	    { "check", read_target_line },
		{ "agent", read_target_line },	    { "maxconn", read_maxconn_line },
		{ "frontend", read_frontend_line }, { "frontend-maxconn", read_frontend_maxconn_line },
		{ "acl", read_acl_line },
	};
	char *fields[NR_FIELDS + 1];
	unsigned int nr = split(line, fields);

	for (size_t i = 0; nr > 3 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(fields[1], rows[i].word))
			return rows[i].read(l, fields, nr);
	return false;
}

/* A line behind the head. 'l' NULL: only to see whether it is sound. */
static bool read_line(char *line, const struct load *l)
{
	char *fields[NR_FIELDS + 1];
	struct row row;

	if (!strncmp(line, "#@xlb ", 6))
		return read_change_line(line, l);
	if (*line == '#')
		return true;
	if (!parse_row(fields, split(line, fields), &row))
		return false;
	if (l)
		enter_row(l, fields, &row);
	return true;
}

/* Goes over all lines; 'l' NULL: only to see whether all of them are sound. */
static bool read_lines(const char *text, const struct load *l)
{
	char *copy = strdup(text), *save, *line;
	bool sound = copy;

	line = copy ? strtok_r(copy, "\n", &save) : NULL;
	sound = sound && line && !strcmp(line, "1");
	line = sound ? strtok_r(NULL, "\n", &save) : NULL;
	sound = sound && line && !strncmp(line, "# be_id be_name ", 16);
	while (sound && (line = strtok_r(NULL, "\n", &save)))
		sound = read_line(line, l);
	free(copy);
	return sound;
}

/* The whole file as text. 0 or -errno; -EFBIG, -EINVAL for what cannot be one. */
static int read_file(struct source *s)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | (s->is_own ? O_NOFOLLOW : 0) | O_NONBLOCK), rc = 0;
	struct buf b = { 0 };
	char part[4096];
	struct stat st;
	ssize_t len;

	if (fd < 0)
		return -errno;
	while ((len = read(fd, part, sizeof(part))) > 0 && b.len <= FILE_MAX)
		buf_add(&b, part, (size_t)len);
	if (len < 0 || fstat(fd, &st))
		rc = -errno;
	else if (b.len > FILE_MAX)
		rc = -EFBIG;
	else if (!b.len || b.failed || memchr(b.data, '\0', b.len))
		rc = -EINVAL;
	close(fd);
	if (rc) {
		buf_fini(&b);
		return rc;
	}
	s->written = st.st_mtim;
	s->text = b.data;
	return 0;
}

/* Reads the file if there is one; damage is told. */
static void take_in(struct source *s, struct diag_list *diags)
{
	int rc = read_file(s);

	if (rc == -ENOENT)
		return;
	if (!rc && !(s->text && read_lines(s->text, NULL)))
		rc = -EINVAL;
	if (!rc)
		return;
	diag_add(diags, DIAG_WARNING, NULL, NULL, "servers start as the configuration says; checks decide",
		 "%s is ignored: %s", s->path, rc == -EINVAL ? "it is damaged" : strerror(-rc));
	free(s->text);
	s->text = NULL;
}

/* 'name' in the directory of 'server-state-base', unless it says itself where it is. False: there is no such file. */
static bool path_of(const struct model *m, const char *name, struct source *s)
{
	int len;

	if (!name || !*name)
		return false;
	if (*name == '/' || !m->state_base)
		len = snprintf(s->path, sizeof(s->path), "%s", name);
	else
		len = snprintf(s->path, sizeof(s->path), "%s/%s", m->state_base, name);
	return len > 0 && (size_t)len < sizeof(s->path);
}

/* The files that speak of servers of 'm'; 'list' has room for one per backend and three more. */
static size_t list_sources(const struct paths *paths, const struct model *m, struct source *list)
{
	const struct backend *b;
	bool global = false;
	size_t nr = 0;

	snprintf(list[nr].path, sizeof(list[nr].path), "%s/" STATEFILE_NAME, paths->state_dir);
	list[nr++].is_own = true;
	snprintf(list[nr].path, sizeof(list[nr].path), "%s/" STATEFILE_NAME_NEW, paths->state_dir);
	list[nr].is_new = true;
	list[nr++].is_own = true;
	TAILQ_FOREACH(b, &m->backends, next) {
		global = global || b->load_state == STATE_FILE_GLOBAL;
		if (b->load_state != STATE_FILE_LOCAL)
			continue;
		list[nr].only = b;
		nr += path_of(m, b->state_file ? b->state_file : b->name, &list[nr]);
	}
	if (global)
		nr += path_of(m, m->state_file, &list[nr]);
	return nr;
}

static int by_age(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->written.tv_sec != y->written.tv_sec)
		return x->written.tv_sec < y->written.tv_sec ? -1 : 1;
	if (x->written.tv_nsec != y->written.tv_nsec)
		return x->written.tv_nsec < y->written.tv_nsec ? -1 : 1;
	/* File systems tell times by the tick. What was written before an answer is not older than the other. */
	return x->is_new - y->is_new;
}

/* Of the two own files the younger one tells all; what it does not say is no more. */
static bool is_outdated(const struct source *s, const struct source *end)
{
	for (const struct source *later = s + 1; s->is_own && later < end; later++)
		if (later->is_own && later->text)
			return true;
	return false;
}

void statefile_load(const struct paths *paths, struct model *m, bool with_health, uint64_t now_ms,
		    struct diag_list *diags)
{
	struct source *list = calloc(m->nr_backends + 3, sizeof(*list));
	size_t nr = list ? list_sources(paths, m, list) : 0;

	for (size_t i = 0; i < nr; i++)
		take_in(&list[i], diags);
	if (nr)
		qsort(list, nr, sizeof(*list), by_age);
	for (size_t i = 0; i < nr; i++) {
		struct load l = { m, &list[i], with_health || !list[i].is_own, now_ms };

		if (list[i].text && !is_outdated(&list[i], list + nr))
			(void)read_lines(list[i].text, &l);
		free(list[i].text);
	}
	free(list);
}
