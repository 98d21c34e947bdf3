/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of an instance's files. The daemon and the command line both ask here, so that they cannot disagree.
 *
 * Only computes names: whether a directory exists, and who owns it, is checked by those who open it.
 */
#include "base/paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* A name is one path component and cannot be hidden or climb. */
static bool is_instance_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	return *name && *name != '.' && *name != '-' && strlen(name) < sizeof(((struct paths *)0)->instance) &&
	       name[strspn(name, allowed)] == '\0';
}

/* The argument, else the environment variable, else the default. An empty variable counts as unset. */
static const char *choose(const char *arg, const char *variable, const char *fallback)
{
	const char *env = getenv(variable);

	if (arg)
		return arg;
	return env && *env ? env : fallback;
}

static int __attribute__((format(printf, 2, 3))) fill(char *dst, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(dst, PATHS_MAX, fmt, args);
	va_end(args);
	return len < 0 || len >= PATHS_MAX ? -ENAMETOOLONG : 0;
}

int paths_init(const char *instance, const char *run_dir, const char *bpffs, const char *state_dir, struct paths *ret)
{
	struct paths p;

	instance = choose(instance, "XLB_INSTANCE", "xlb");
	run_dir = choose(run_dir, "XLB_RUN_DIR", "/run/xlb");
	bpffs = choose(bpffs, "XLB_BPFFS", "/sys/fs/bpf");
	state_dir = choose(state_dir, "XLB_STATE_DIR", "/var/lib/xlb");
	if (!is_instance_name(instance))
		return -EINVAL;
	memset(&p, 0, sizeof(p));
	strcpy(p.instance, instance);
	if (fill(p.run_dir, "%s", run_dir) || fill(p.socket, "%s/%s.sock", run_dir, instance) ||
	    fill(p.pid_file, "%s/%s.pid", run_dir, instance) || fill(p.bpffs, "%s", bpffs) ||
	    fill(p.pin_dir, "%s/xlb/%s", bpffs, instance) || fill(p.state_dir, "%s/%s", state_dir, instance))
		return -ENAMETOOLONG;
	if (strlen(p.socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	*ret = p;
	return 0;
}
