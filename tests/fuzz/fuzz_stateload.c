/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as the server-state file of a daemon that starts. Whatever they say, servers must come out with values that
 * the rest of the program can live with, and a file that is damaged anywhere must not have changed anything.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xlbd/statefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct paths paths;
static int fd = -1;

static void remove_file(void)
{
	char path[PATHS_MAX + 16];

	snprintf(path, sizeof(path), "%s/server-state", paths.state_dir);
	(void)unlink(path);
	(void)rmdir(paths.state_dir);
}

static void make_file(void)
{
	char path[PATHS_MAX + 16];

	strcpy(paths.state_dir, "/tmp/xlb-fuzz-XXXXXX");
	if (!mkdtemp(paths.state_dir))
		abort();
	snprintf(path, sizeof(path), "%s/server-state", paths.state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || atexit(remove_file))
		abort();
}

static void add_server(struct backend *b, const char *name, enum check_type type)
{
	struct server *s = model_server_add(b, name);

	addr_parse("10.0.0.1", &s->addr);
	s->port = 80;
	s->weight = 10;
	s->check.type = type;
	server_run_init(s, 1000);
}

static void check_server(const struct server *s, bool ignored)
{
	char status[SERVER_STATUS_MAX];

	if (s->run.weight > MODEL_WEIGHT_MAX || s->run.admin & ~(unsigned int)(SERVER_FMAINT | SERVER_FDRAIN) ||
	    s->run.check.health < 0 || s->run.check.health > (int)(s->check.rise + s->check.fall) - 1 ||
	    !check_code_name(s->run.check.code))
		abort();
	if (ignored && (s->run.weight != 10 || s->run.admin || s->port != 80))
		abort();
	(void)server_status(s, status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *m = model_new();
	struct diag_list diags;
	struct backend *b;
	struct server *s;

	if (fd < 0)
		make_file();
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	b = model_backend_add(m, "be");
	add_server(b, "s1", CHECK_TCP);
	add_server(b, "s2", CHECK_NONE);
	diag_init(&diags);
	statefile_load(&paths, m, size % 2, 1000000, &diags);
	TAILQ_FOREACH(s, &b->servers, next)
		check_server(s, diags.nr[DIAG_WARNING]);
	diag_fini(&diags);
	model_free(m);
	return 0;
}
