/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What libbpf prints, caught: kernel messages for people, verifier logs for a file.
 *
 * libbpf knows one print function for the whole process and gives it no argument, hence the one static pointer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/buf.h"
#include "dataplane/dp_priv.h"

static struct buf *target;

static int print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (target && level != LIBBPF_DEBUG)
		buf_vprintf(target, fmt, args);
	return 0;
}

void bpflog_capture(struct buf *to)
{
	target = to;
	libbpf_set_print(print);
}

char *bpflog_kernel_message(const struct buf *log)
{
	static const char mark[] = "Kernel error message: ";
	const char *at = log->data ? strstr(log->data, mark) : NULL;

	if (!at)
		return NULL;
	at += strlen(mark);
	return strndup(at, strcspn(at, "\n"));
}

static int write_file(const char *path, const struct buf *log)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, log->data, log->len);
	if (close(fd) || written != (ssize_t)log->len)
		return -EIO;
	return 0;
}

void bpflog_report_load(const struct paths *paths, const struct buf *log, int err, struct diag_list *diags)
{
	char path[PATHS_MAX + 16], hint[PATHS_MAX + 64];

	if (err == -EPERM) {
		diag_add(diags, DIAG_ERROR, NULL, "D0301",
			 "start it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
			 "the kernel does not allow this process to load the XDP program");
		return;
	}
	snprintf(path, sizeof(path), "%s/verifier.log", paths->state_dir);
	if (log->len && !write_file(path, log))
		snprintf(hint, sizeof(hint), "the kernel's words are in %s", path);
	else
		snprintf(hint, sizeof(hint), "the kernel's words could not be kept in %s", path);
	diag_add(diags, DIAG_ERROR, NULL, "D0302", hint, "the kernel does not take the XDP program: %s",
		 strerror(-err));
}
