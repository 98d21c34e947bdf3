/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Directories, lock and bpf file system of an instance: what must be in order before anything is opened.
 *
 * The lock is flock(2) on the process id file, so that it dies with its holder, however that ends, and cannot be held
 * by a number that another process was given since.
 */
#include "xlbd/place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* mkdir -p. 0 or -errno. */
static int make_directory(const char *path, mode_t mode)
{
	char part[PATHS_MAX];
	struct stat st;

	for (const char *p = path; (p = strchr(p + 1, '/'));) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
	}
	if (!mkdir(path, mode))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int place_directories(const struct paths *paths, struct diag_list *diags)
{
	struct group *group = getgrnam("xlb");
	int rc = make_directory(paths->run_dir, 0755);

	if (rc) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, "xlbd runs as root; --run-dir names another directory",
			 "cannot create the directory %s for socket and lock: %s", paths->run_dir, strerror(-rc));
		return rc;
	}
	if (group && chown(paths->run_dir, (uid_t)-1, group->gr_gid))
		diag_add(diags, DIAG_WARNING, NULL, NULL, NULL, "cannot give %s to group xlb: %s", paths->run_dir,
			 strerror(errno));
	rc = make_directory(paths->state_dir, 0750);
	if (rc)
		diag_add(diags, DIAG_WARNING, NULL, NULL, "operators' settings will not outlive a restart",
			 "cannot create the state directory %s: %s", paths->state_dir, strerror(-rc));
	return 0;
}

int place_lock(const struct paths *paths, struct diag_list *diags, int *ret_fd)
{
	char text[32] = "";
	int fd = open(paths->pid_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644), rc;
	ssize_t len;

	if (fd < 0) {
		rc = -errno;
		diag_add(diags, DIAG_ERROR, NULL, NULL, "xlbd runs as root; --run-dir names another directory",
			 "cannot open %s: %s", paths->pid_file, strerror(-rc));
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		len = read(fd, text, sizeof(text) - 1);
		text[len > 0 ? strcspn(text, "\n") : 0] = '\0';
		diag_add(diags, DIAG_ERROR, NULL, NULL,
			 "xlbctl talks to it; stop it first, or give this one a name of its own with -n",
			 rc == -EBUSY ? "another xlbd runs as instance '%s', process %s" :
					"cannot lock instance '%s' (%s)",
			 paths->instance, *text ? text : "unknown");
		close(fd);
		return rc;
	}
	len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) != len)
		diag_add(diags, DIAG_WARNING, NULL, NULL, NULL, "cannot write the process id into %s: %s",
			 paths->pid_file, strerror(errno));
	*ret_fd = fd;
	return 0;
}

int place_bpffs(const struct paths *paths, struct diag_list *diags)
{
	struct statfs fs;
	int rc;

	if (!statfs(paths->bpffs, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	rc = make_directory(paths->bpffs, 0700);
	if (!rc && mount("bpf", paths->bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		rc = -errno;
	if (rc) {
		diag_add(diags, DIAG_ERROR, NULL, NULL,
			 "mount it: mount -t bpf bpf /sys/fs/bpf, or name one with --bpffs",
			 "no bpf file system at %s, and mounting one failed: %s", paths->bpffs, strerror(-rc));
		return rc;
	}
	diag_add(diags, DIAG_NOTE, NULL, NULL, NULL, "mounted a bpf file system at %s, there was none", paths->bpffs);
	return 0;
}
