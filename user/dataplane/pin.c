/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The directory of pins: made, checked, listed. Pins are what survives the daemon.
 *
 * The BPF filesystem may be open to everybody, so nothing in it is trusted before its directory is known to be ours.
 * The pin of map xlb_meta is made last: without it the others are the remains of a start that did not finish.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/dp_priv.h"

enum { BPF_FS_MAGIC_NUMBER = 0xcafe4a11 };

static const char *const map_names[] = {
#define DP_MAP_NAME(name, ...) [DP_MAP_##name] = "xlb_" #name,
	DP_MAPS(DP_MAP_NAME, DP_MAP_NAME)
#undef DP_MAP_NAME
};

const char *dp_map_name(enum dp_map map)
{
	return map_names[map];
}

void pin_path(const struct paths *paths, const char *name, char *ret, size_t cap)
{
	snprintf(ret, cap, "%s/%s", paths->pin_dir, name);
}

void pin_link_path(const struct paths *paths, const char *ifname, char *ret, size_t cap)
{
	char name[64] = "link-";
	size_t len = strlen(name);

	for (; *ifname && len + 4 < sizeof(name); ifname++) {
		if (*ifname == '.' || *ifname == '%')
			len += (size_t)snprintf(name + len, sizeof(name) - len, "%%%02x", *ifname);
		else
			name[len++] = *ifname;
		name[len] = '\0';
	}
	pin_path(paths, name, ret, cap);
}

static int check_bpffs(const char *path, struct diag_list *diags)
{
	struct statfs fs;
	char hint[PATHS_MAX + 64];

	if (!statfs(path, &fs) && (unsigned int)fs.f_type == (unsigned int)BPF_FS_MAGIC_NUMBER)
		return 0;
	snprintf(hint, sizeof(hint), "mount -t bpf bpf %s", path);
	diag_add(diags, DIAG_ERROR, NULL, "D0310", hint, "no BPF filesystem is mounted at %s", path);
	return -ENOENT;
}

/* Ours, and closed to everybody else for writing; not a link to elsewhere. */
static int check_dir(const char *path, struct diag_list *diags)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;

	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		diag_add(diags, DIAG_ERROR, NULL, "D0311", NULL, "cannot open the pin directory %s: %s", path,
			 strerror(-err));
	} else if (st.st_uid != geteuid()) {
		err = -EPERM;
		diag_add(diags, DIAG_ERROR, NULL, "D0312",
			 "find out who made it; then remove it, or use another instance name (-n)",
			 "the pin directory %s belongs to user %u, not to user %u: its pins cannot be trusted", path,
			 st.st_uid, geteuid());
	} else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		err = -EPERM;
		diag_add(diags, DIAG_ERROR, NULL, "D0313", "find out what is in it; then remove it, or chmod 0700",
			 "the pin directory %s can be written by others (mode %04o): its pins cannot be trusted", path,
			 st.st_mode & 07777);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int make_dir(const char *path, struct diag_list *diags)
{
	const char *name = strrchr(path, '/');

	if (!mkdir(path, 0700) || errno == EEXIST)
		return check_dir(path, diags);
	if (errno == EPERM && name && strchr(name, '.')) {
		diag_add(diags, DIAG_ERROR, NULL, "D0314", "choose an instance name without '.'",
			 "cannot make the pin directory %s: the BPF filesystem allows no '.' in names", path);
		return -EINVAL;
	}
	diag_add(diags, DIAG_ERROR, NULL, "D0315", NULL, "cannot make the pin directory %s: %s", path, strerror(errno));
	return -errno;
}

int pin_dir_prepare(const struct paths *paths, struct diag_list *diags)
{
	char parent[PATHS_MAX];
	char *slash;
	int err = check_bpffs(paths->bpffs, diags);

	if (err)
		return err;
	snprintf(parent, sizeof(parent), "%s", paths->pin_dir);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return -EINVAL;
	*slash = '\0';
	err = make_dir(parent, diags);
	if (!err)
		err = make_dir(paths->pin_dir, diags);
	return err ? err : check_bpffs(paths->pin_dir, diags);
}

int pin_for_each(const struct paths *paths, const char *prefix, int (*fn)(void *arg, const char *path), void *arg)
{
	char path[PATHS_MAX + 256];
	const struct dirent *e;
	DIR *dir = opendir(paths->pin_dir);
	int ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)))
			continue;
		pin_path(paths, e->d_name, path, sizeof(path));
		ret = fn(arg, path);
	}
	closedir(dir);
	return ret;
}

static int found(void *arg, const char *path)
{
	snprintf(arg, PATHS_MAX + 256, "%s", path);
	return 1;
}

int pin_dir_state(const struct paths *paths, struct diag_list *diags, enum pin_state *ret)
{
	char path[PATHS_MAX + 256];
	int any;

	pin_path(paths, dp_map_name(DP_MAP_meta), path, sizeof(path));
	if (!access(path, F_OK)) {
		*ret = PIN_COMPLETE;
		return 0;
	}
	any = pin_for_each(paths, "link-", found, path);
	if (any > 0) {
		diag_add(diags, DIAG_ERROR, NULL, "D0316",
			 "detach with the version that attached it, or remove the pin directory: its traffic ends then",
			 "%s is there, but not the map xlb_meta that belongs to it: damaged, or of another version",
			 path);
		return -EINVAL;
	}
	if (!any)
		any = pin_for_each(paths, "", found, path);
	if (any < 0)
		return any;
	*ret = any ? PIN_HALF : PIN_NONE;
	return 0;
}

int pin_replace(const struct paths *paths, int fd, const char *name)
{
	char path[PATHS_MAX + 64], temp[sizeof(path) + 4];

	pin_path(paths, name, path, sizeof(path));
	snprintf(temp, sizeof(temp), "%s_new", path);
	if (unlink(temp) && errno != ENOENT)
		return -errno;
	if (bpf_obj_pin(fd, temp))
		return -errno;
	if (rename(temp, path)) {
		int err = -errno;

		(void)unlink(temp);
		return err;
	}
	return 0;
}

int pin_stages(const struct paths *paths, int fd, char *ret, size_t cap)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char name[32];

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	snprintf(name, sizeof(name), PIN_STAGES "%u", info.id);
	pin_path(paths, name, ret, cap);
	return bpf_obj_pin(fd, ret) && errno != EEXIST ? -errno : 0;
}

static int drop_unless_kept(void *arg, const char *path)
{
	return strcmp(path, arg) && unlink(path) ? -errno : 0;
}

int pin_stages_drop_others(const struct paths *paths, char *kept)
{
	return pin_for_each(paths, PIN_STAGES, drop_unless_kept, kept);
}
