/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon as a process: background, privileges, and what the service manager is told.
 *
 * The notification is one datagram, written by ourselves: the protocol is stable and documented for that
 * (sd_notify(3)), and a library would be a dependency for ten lines.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "xlbd/place.h"

enum { FILES_WANTED = 65536 };

/* What remains, and what for. The daemon keeps user id 0: the pins belong to it. */
static const struct {
	unsigned int cap;
	const char *why;
} kept[] = {
	{ CAP_BPF, "maps, and programs when an interface returns" },
	{ CAP_NET_ADMIN, "attach, neighbours, routes" },
	{ CAP_PERFMON, "the verifier asks for it when packet pointers are compared" },
	{ CAP_NET_RAW, "checks bound to an interface" },
	{ CAP_NET_BIND_SERVICE, "stats listeners below port 1024 that a reload adds" },
	{ CAP_CHOWN, "group of control sockets that a reload adds" },
	{ CAP_DAC_READ_SEARCH, "a reload reads configuration files that belong to others, as the start did" },
};

void place_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= FILES_WANTED)
		return;
	files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

void place_drop_privileges(struct diag_list *diags)
{
	/* Without CAP_SETPCAP the bounding set cannot shrink; a process that has nothing cannot use it either. */
	capng_select_t what = CAPNG_SELECT_BOTH;

	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_CAPS;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i].cap))
			diag_add(diags, DIAG_WARNING, NULL, NULL, NULL, "this kernel does not know capability %u (%s)",
				 kept[i].cap, kept[i].why);
	if (capng_apply(what))
		diag_add(diags, DIAG_WARNING, NULL, NULL, "it goes on with the privileges it was started with",
			 "cannot give up privileges");
}

int place_background(void)
{
	int ready[2], status = 1;
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int rc = -errno;

		close(ready[0]);
		close(ready[1]);
		return rc;
	}
	if (!pid) {
		close(ready[0]);
		(void)setsid();
		return ready[1];
	}
	close(ready[1]);
	/* One byte: ready. End of file: the child ended and has said why on standard error. */
	if (read(ready[0], &byte, 1) == 1)
		_exit(0);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	_exit(1);
}

void place_background_ready(int fd, const struct paths *paths)
{
	char log[PATHS_MAX + 16];
	int null, out;

	if (write(fd, "", 1) != 1)
		log_msg(LOG_L_WARNING, "main", "the process that started this one did not wait for it");
	close(fd);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	snprintf(log, sizeof(log), "%s/xlbd.log", paths->state_dir);
	out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(out < 0 ? null : out, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	if (out > STDERR_FILENO)
		close(out);
}

unsigned int place_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long n = usec ? strtoull(usec, NULL, 10) : 0;

	/* Two signs of life per period, as sd_watchdog_enabled(3) advises. Another process may be meant. */
	if (!n || n / 2000 > UINT_MAX || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return n < 2000 ? 1 : (unsigned int)(n / 2000);
}

void place_notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char text[256];
	va_list args;
	int fd, len;
	size_t path_len;

	if (!path || (*path != '/' && *path != '@') || (path_len = strlen(path)) >= sizeof(sun.sun_path))
		return;
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return;
	memcpy(sun.sun_path, path, path_len);
	if (*path == '@')
		sun.sun_path[0] = '\0'; /* abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&sun,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len));
	close(fd);
}
