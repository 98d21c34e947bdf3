/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding xlbd and running it: in the background for `attach`, for its answer for `check`. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "xlbctl/ctl.h"

enum { NR_ARGS = CTL_MAX_WORDS + 8, START_SECONDS = 15 };

/* xlbd beside this program or in the sbin next to it, as installed; if there is none, the one in PATH. */
static const char *find_daemon(char buf[PATH_MAX])
{
	static const char *const places[] = { "xlbd", "../sbin/xlbd" };
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 16);
	char *slash;
	size_t i;

	if (n <= 0)
		return "xlbd";
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	for (i = 0; slash && i < 2; i++) {
		strcpy(slash + 1, places[i]);
		if (access(buf, X_OK) == 0)
			return buf;
	}
	return "xlbd";
}

/*
 * Waits for the end of xlbd, which with -D comes as soon as the daemon in the background is ready. 126 and 127 are the
 * child's own when there is no program to run.
 */
int daemon_run(const char *const *args, int capture_fd)
{
	const char *argv[NR_ARGS];
	char path[PATH_MAX];
	int nr = 0, status;
	pid_t pid;

	argv[nr++] = find_daemon(path);
	while (*args && nr < NR_ARGS - 1)
		argv[nr++] = *args++;
	argv[nr] = NULL;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		if (capture_fd >= 0 && (dup2(capture_fd, STDOUT_FILENO) < 0 || dup2(capture_fd, STDERR_FILENO) < 0))
			_exit(126);
		execvp(argv[0], (char *const *)argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
		return WEXITSTATUS(status) == 127 ? -ENOENT : -EACCES;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Asks until a daemon answers. */
static enum ctl_exit wait_for_daemon(struct ctl *c, json_int_t *ret_pid)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	enum ctl_exit code = CTL_NO_DAEMON;
	json_t *status = NULL;
	int i;

	for (i = 0; i < START_SECONDS * 20 && code == CTL_NO_DAEMON; i++) {
		if (i)
			nanosleep(&pause, NULL);
		code = ask_quietly(c, json_pack("{s:s}", "cmd", "status"), &status);
	}
	if (code == CTL_NO_DAEMON)
		return ctl_fail(CTL_NO_DAEMON, "xlbd was started, but does not answer on %s; its log tells why.",
				c->paths.socket);
	if (code)
		return code;
	*ret_pid = json_integer_value(json_object_get(status, "pid"));
	json_decref(status);
	return CTL_OK;
}

enum ctl_exit daemon_start(struct ctl *c)
{
	const char *args[] = { "-D", "-n", c->paths.instance, "--run-dir", c->paths.run_dir, NULL };
	enum ctl_exit code;
	json_int_t pid = 0;
	int err;

	if (geteuid() != 0)
		return ctl_fail(CTL_PERMISSION, "no daemon answers on %s, and only root can start one.",
				c->paths.socket);
	err = daemon_run(args, -1);
	if (err == -ENOENT)
		return ctl_fail(CTL_NO_DAEMON,
				"no daemon runs, and there is no xlbd beside xlbctl or in PATH to start.");
	if (err < 0)
		return ctl_fail(CTL_FAILED, "cannot start xlbd: %s.", strerror(-err));
	if (err)
		return ctl_fail(CTL_FAILED, "xlbd did not start; see above for the reason.");
	code = wait_for_daemon(c, &pid);
	if (!code)
		fprintf(stderr, "xlbctl: no daemon ran; started xlbd (pid %lld) with the default configuration.\n",
			(long long)pid);
	return code;
}
