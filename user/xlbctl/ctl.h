/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xlbctl from the inside: the command table, what a command is given, and how it asks the daemon.
 *
 * A command is a row of commands.c and a function in the file of its group. Help, completion and the manual page are
 * made from the table.
 */
#ifndef XLBCTL_CTL_H
#define XLBCTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/paths.h"

/* Exit codes; the manual page promises them. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_INVALID = 3, /* the configuration */
	CTL_NO_DAEMON = 4,
	CTL_PERMISSION = 5,
	CTL_NOT_FOUND = 6,
};

enum { CTL_MAX_WORDS = 64 };

/* Values of all options there are; each option's row says which member it sets. */
struct ctl_values {
	const char *instance, *run_dir;
	bool json, help;
	const char *mode, *limit;
	bool dry_run, force, maint, all, follow;
};

struct ctl_option {
	const char *name;  /* without the dashes; NULL ends a table */
	char letter;	   /* or 0 */
	const char *value; /* what stands for the value in the help; NULL: a flag */
	size_t offset;	   /* in struct ctl_values: bool for a flag, const char * otherwise */
	const char *help;
	const char *const *choices; /* values for the completion, NULL-terminated; or NULL */
};

struct ctl {
	struct paths paths;
	struct ctl_values values;
	const struct ctl_cmd *cmd;
	char closing[256]; /* the daemon's last word on a request, when it was a note: what the running system did */
	bool keep_closing; /* the command prints it */
	int nr_words;	   /* after the command's name */
	const char *words[CTL_MAX_WORDS + 1];
};

struct ctl_cmd {
	const char *name; /* one or two words */
	const char *args; /* for the help; "" if it takes none */
	int min_args, max_args;
	const char *help;		  /* one line */
	const char *example;		  /* a whole command line */
	const struct ctl_option *options; /* besides the global ones, or NULL */
	enum ctl_exit (*run)(struct ctl *c);
	const char *more; /* a paragraph for `-h`, or NULL */
};

extern const struct ctl_cmd ctl_commands[];
extern const size_t ctl_nr_commands;
extern const struct ctl_option ctl_global_options[];

/* options.c. Sorts argv into options, command and words. Prints what is wrong and returns CTL_USAGE. */
enum ctl_exit options_parse(struct ctl *c, int argc, char **argv);
void options_print(const struct ctl_option *options);

/* help.c */
void help_all(void);
void help_command(const struct ctl_cmd *cmd);

/* Prints "xlbctl: sentence" to standard error and returns 'code'. */
enum ctl_exit ctl_fail(enum ctl_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * ask.c: sends 'request' (stolen) and waits for the answer. On success *ret_result is the answer's result, a new
 * reference. What the daemon has to say goes to standard error. ask_quietly() says nothing when no daemon answers.
 */
enum ctl_exit ask(struct ctl *c, json_t *request, json_t **ret_result);
enum ctl_exit ask_quietly(struct ctl *c, json_t *request, json_t **ret_result);

/* daemon.c: starts xlbd in the background and waits until it answers. */
enum ctl_exit daemon_start(struct ctl *c);
/* Runs xlbd with 'args' (NULL-terminated, without the program's name). Returns its exit code, or -errno. */
int daemon_run(const char *const *args, int capture_fd);

/* output.c */
void print_json(const json_t *value);
const char *text_of(const json_t *row, const char *name); /* "-" for null or missing */
/* Numbers in few characters: "12345", "1.2M". 'buf' of 32 bytes. Returns buf. */
const char *short_count(json_int_t n, char *buf);
const char *duration_text(json_int_t seconds, char *buf);

/* cmd_import.c: a whole file, "-" for standard input. Says what is wrong; 'ret' is then empty. */
struct buf;
enum ctl_exit read_text(const char *path, struct buf *ret);

/* table.c */
struct table;
struct table_column {
	const char *name;
	bool right; /* numbers */
};
struct table *table_new(const struct table_column *columns, size_t nr);
void table_row(struct table *t, const char *const *cells);
void table_print_free(struct table *t);

/* Commands, one file per group. */
enum ctl_exit cmd_attach(struct ctl *c);
enum ctl_exit cmd_detach(struct ctl *c);
enum ctl_exit cmd_check(struct ctl *c);
enum ctl_exit cmd_reload(struct ctl *c);
enum ctl_exit cmd_status(struct ctl *c);
enum ctl_exit cmd_version(struct ctl *c);
enum ctl_exit cmd_show_frontends(struct ctl *c);
enum ctl_exit cmd_show_backends(struct ctl *c);
enum ctl_exit cmd_show_servers(struct ctl *c);
enum ctl_exit cmd_show_checks(struct ctl *c);
enum ctl_exit cmd_show_events(struct ctl *c);
enum ctl_exit cmd_show_flows(struct ctl *c);
enum ctl_exit cmd_show_drops(struct ctl *c);
enum ctl_exit cmd_show_binds(struct ctl *c);
enum ctl_exit cmd_server(struct ctl *c);
enum ctl_exit cmd_explain(struct ctl *c);
enum ctl_exit cmd_completion(struct ctl *c);
enum ctl_exit cmd_save(struct ctl *c);
enum ctl_exit cmd_restore(struct ctl *c);
enum ctl_exit cmd_import(struct ctl *c);
enum ctl_exit cmd_man(struct ctl *c);

#endif
