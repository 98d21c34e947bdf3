/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon's place in the system: directories, lock, bpf file system, privileges, background, service manager.
 *
 * Each function explains a failure in 'diags' and returns 0 or -errno.
 */
#ifndef XLBD_PLACE_H
#define XLBD_PLACE_H

#include "base/diag.h"
#include "base/paths.h"

/* Creates the run and state directories where missing. A state directory that cannot be made is only a warning. */
int place_directories(const struct paths *paths, struct diag_list *diags);

/*
 * Takes the lock of the instance and writes the process id into its file. The descriptor in *ret_fd holds the lock for
 * the life of the process. -EBUSY: another daemon runs, the message tells its process id.
 */
int place_lock(const struct paths *paths, struct diag_list *diags, int *ret_fd);

/* Makes sure that a bpf file system is mounted where the pins go; mounts it if it may, and says so with a note. */
int place_bpffs(const struct paths *paths, struct diag_list *diags);

/*
 * Lets the process open as many files as the system allows it, up to 65536: each health check under way takes one, and
 * the usual 1024 are few for thousands of servers. Failure leaves things as they were.
 */
void place_raise_files(void);

/* Gives up every privilege that the daemon does not need from now on. Failure is a warning, not an error. */
void place_drop_privileges(struct diag_list *diags);

/*
 * Forks for -D. The parent waits until the child calls place_background_ready() or ends, and never returns. Returns in
 * the child the descriptor to hand to place_background_ready(), or -errno in the only process.
 */
int place_background(void);

/* Lets the parent go, with success. Standard streams go to /dev/null, standard error to STATE_DIR/xlbd.log. */
void place_background_ready(int fd, const struct paths *paths);

/* Tells the service manager, e.g. "READY=1"; does nothing without NOTIFY_SOCKET. */
void place_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How often the service manager wants to hear "WATCHDOG=1", in ms; 0: never. */
unsigned int place_watchdog_ms(void);

#endif
