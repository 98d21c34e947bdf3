/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Entry points of the parser: files and directories, text, and the words of a runtime command.
 *
 * Files are read whole before anything is parsed of them, so that a file that changes meanwhile is seen in one state.
 */
#include "config/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/finish.h"

enum { FILE_SIZE_MAX = 64 * 1024 * 1024 };

static void report_file(struct parser *p, enum diag_level level, const char *path, enum diag_code code,
			const char *hint, const char *text, const char *detail)
{
	struct diag_place place = { .file = path };

	report(p, level, &place, code, hint, "%s%s%s", text, *detail ? ": " : "", detail);
}

/* Reads up to one byte beyond the limit. 0 or -errno. */
static int read_all(int fd, struct buf *out)
{
	char chunk[65536];
	ssize_t got;

	while (out->len <= FILE_SIZE_MAX) {
		got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return out->failed ? -ENOMEM : 0;
		buf_add(out, chunk, (size_t)got);
		if (out->failed)
			return -ENOMEM;
	}
	return -EFBIG;
}

static void read_text(struct parser *p, const char *path, const char *text, size_t len, bool may_be_empty)
{
	size_t blank = 0;

	if (len && memchr(text, '\0', len)) {
		report_file(p, DIAG_ERROR, path, CODE_FILE_BINARY, "check which file was meant",
			    "the file is not text: it holds NUL bytes", "");
		return;
	}
	while (blank < len && strchr(" \t\r\n", text[blank]))
		blank++;
	if (blank == len && !may_be_empty) {
		report_file(p, DIAG_ERROR, path, CODE_FILE_EMPTY, "check which file was meant", "the file is empty",
			    "");
		return;
	}
	parser_read(p, path, text, len);
}

static void read_file(struct parser *p, const char *path, bool may_be_empty)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct buf text = { 0 };

	err = fd < 0 ? -errno : read_all(fd, &text);
	if (fd >= 0)
		close(fd);
	if (err == -EFBIG)
		report_file(p, DIAG_ERROR, path, CODE_FILE_SIZE, "check which file was meant",
			    "the file is larger than 64 MiB", "");
	else if (err)
		report_file(p, DIAG_ERROR, path, CODE_FILE_OPEN, NULL, "the file cannot be read", strerror(-err));
	else
		read_text(p, path, text.len ? text.data : "", text.len, may_be_empty);
	buf_fini(&text);
}

static int is_cfg(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 4 && !strcmp(e->d_name + len - 4, ".cfg");
}

/* The order of the C locale, whatever the locale of the process is. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_dir(struct parser *p, const char *dir)
{
	struct dirent **entries = NULL;
	const char *path;
	struct stat st;
	int nr, i;

	nr = scandir(dir, &entries, is_cfg, by_name);
	if (nr < 0) {
		report_file(p, DIAG_ERROR, dir, CODE_FILE_OPEN, NULL, "the directory cannot be read", strerror(errno));
		return;
	}
	if (!nr)
		report_file(p, DIAG_ERROR, dir, CODE_FILE_EMPTY, "only files whose names end in .cfg are read",
			    "the directory holds no configuration file", "");
	for (i = 0; i < nr; i++) {
		/* As HAProxy does, what is no file is passed over. */
		path = arena_printf(&p->arena, "%s%s%s", dir, *dir && dir[strlen(dir) - 1] == '/' ? "" : "/",
				    entries[i]->d_name);
		if (path && (stat(path, &st) || S_ISREG(st.st_mode)))
			read_file(p, path, true);
		free(entries[i]);
	}
	free(entries);
}

static void read_path(struct parser *p, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		report_file(p, DIAG_ERROR, path, CODE_FILE_OPEN, "check its name", "the file cannot be read",
			    strerror(errno));
	else if (S_ISDIR(st.st_mode))
		read_dir(p, path);
	else
		read_file(p, path, false);
}

/* Everything is read. Hands over the model. */
static int complete(struct parser *p, const char *name, struct model **ret)
{
	int err;

	if (!p->nr_sections && !parser_failed(p))
		report_file(p, DIAG_ERROR, name, CODE_FILE_EMPTY,
			    "begin with global, defaults, frontend, backend or listen",
			    "the configuration holds no section", "");
	err = p->arena.failed ? -ENOMEM : finish(p);
	if (!verdicts_finish(p))
		err = -ENOMEM;
	diag_sort(p->diags);
	if (!err) {
		*ret = p->model;
		p->model = NULL;
	}
	parser_fini(p);
	return err;
}

int conf_load(const char *const *paths, size_t nr_paths, const struct conf_options *opt, struct diag_list *diags,
	      struct model **ret)
{
	struct parser p;
	size_t i;

	if (!nr_paths && opt && opt->default_source)
		return conf_load_text("built-in", opt->default_source, strlen(opt->default_source), opt, diags, ret);
	parser_init(&p, opt, diags);
	for (i = 0; i < nr_paths; i++)
		read_path(&p, paths[i]);
	return complete(&p, nr_paths ? paths[0] : "configuration", ret);
}

int conf_load_text(const char *file, const char *text, size_t len, const struct conf_options *opt,
		   struct diag_list *diags, struct model **ret)
{
	struct parser p;

	parser_init(&p, opt, diags);
	read_text(&p, file, text, len, false);
	return complete(&p, file, ret);
}

/* The words as a line of their own, so that messages can point at them. */
static void make_line(struct parser *p, const char *name, const char *const *words, size_t nr_words)
{
	struct buf text = { 0 };
	const char *word;
	size_t i;

	p->file = "command";
	p->line_nr = 1;
	buf_puts(&text, "server");
	for (i = 0; i <= nr_words; i++) {
		word = i ? words[i - 1] : name;
		buf_puts(&text, " ");
		p->line.words[i].col = (unsigned int)text.len + 1;
		p->line.words[i].len = (unsigned int)strlen(word);
		p->line.words[i].text = word;
		buf_puts(&text, word);
	}
	p->line.nr = nr_words + 1;
	p->source_line = text.data ? arena_copy(&p->arena, text.data, text.len) : NULL;
	buf_fini(&text);
}

/* A command has no file to stay valid for HAProxy: whatever cannot be done is an error. */
static void report_command(struct parser *p, const struct server_decl *s)
{
	const struct need *need = &p->proxy->set.need;
	const struct refusal *r;

	if (need->word)
		report(p, DIAG_ERROR, &need->place, CODE_NOT_YET, NULL, "'%s' needs a proxy: %s", need->word,
		       need->why);
	TAILQ_FOREACH(r, &p->proxy->refusals, next)
		report(p, DIAG_ERROR, &r->place, CODE_NOT_YET, r->hint, "%s", r->text);
	if (s && s->checked && !s->port && !s->check.port)
		report(p, DIAG_ERROR, &s->place, CODE_CHECK_PORT, "add a port to its address, or 'port N'",
		       "the server '%s' has a check but no port to send it to", s->name);
}

/* How the other servers of the backend are checked. */
static struct check_conf check_kind(const struct backend *b)
{
	struct check_conf kind;
	const struct server *s;

	check_conf_init(&kind);
	TAILQ_FOREACH(s, &b->servers, next) {
		if (s->check.type == CHECK_NONE)
			continue;
		kind.type = s->check.type == CHECK_TCP && !s->check.script ? CHECK_NONE : s->check.type;
		kind.script = s->check.script;
		kind.command = s->check.command;
		kind.path = s->check.path;
		kind.proxy = s->check.proxy;
		break;
	}
	return kind;
}

static bool id_exists(const struct backend *b, unsigned int id)
{
	const struct server *s;

	TAILQ_FOREACH(s, &b->servers, next)
		if (s->id == id)
			return true;
	return false;
}

int conf_add_server(struct backend *b, const char *name, const char *const *words, size_t nr_words,
		    struct diag_list *diags, struct server **ret)
{
	struct server_decl *decl;
	struct check_conf kind;
	struct parser p;
	int err = 0;

	if (model_server_find(b, name)) {
		diag_add(diags, DIAG_ERROR, NULL, code_name(CODE_DUPLICATE), NULL,
			 "the backend '%s' already has a server '%s'", b->name, name);
		return -EEXIST;
	}
	if (!nr_words || nr_words + 1 > LEX_WORDS_MAX) {
		diag_add(diags, DIAG_ERROR, NULL, code_name(CODE_MISSING_ARG), "write ADDRESS:PORT and its parameters",
			 nr_words ? "there are too many words" : "the address of the server is missing");
		return -EINVAL;
	}
	parser_init(&p, NULL, diags);
	make_line(&p, name, words, nr_words);
	p.proxy = parser_proxy_new(&p, SECTION_BACKEND, b->name, NULL);
	decl = p.proxy ? server_line(&p, 0) : NULL;
	if (p.proxy)
		report_command(&p, decl);
	if (decl && decl->id && id_exists(b, decl->id))
		complain(&p, 0, CODE_DUPLICATE, NULL, "the id %u is already given in backend '%s'", decl->id, b->name);
	if (p.arena.failed)
		err = -ENOMEM;
	else if (!decl || parser_failed(&p))
		err = -EINVAL;
	if (!err) {
		decl->place.line = 0;
		kind = check_kind(b);
		err = build_server(b, decl, &kind, 0, ret);
	}
	parser_fini(&p);
	return err;
}
