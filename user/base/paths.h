/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an instance keeps its things. One answer for xlbd and xlbctl. */
#ifndef BASE_PATHS_H
#define BASE_PATHS_H

enum { PATHS_MAX = 256 };

struct paths {
	char instance[64];	  /* letters, digits, '_', '-', '.'; default "xlb" */
	char run_dir[PATHS_MAX];  /* /run/xlb */
	char socket[PATHS_MAX];	  /* RUN/INSTANCE.sock */
	char pid_file[PATHS_MAX]; /* RUN/INSTANCE.pid: locked by the daemon for its life */
	char pin_dir[PATHS_MAX];  /* BPFFS/xlb/INSTANCE, BPFFS = /sys/fs/bpf */
	char bpffs[PATHS_MAX];
	char state_dir[PATHS_MAX]; /* /var/lib/xlb/INSTANCE */
};

/*
 * Fills 'ret'. NULL arguments mean the environment (XLB_INSTANCE, XLB_RUN_DIR, XLB_BPFFS, XLB_STATE_DIR), then the
 * default. Returns 0, or -EINVAL for a bad instance name, -ENAMETOOLONG; 'ret' is untouched then.
 */
int paths_init(const char *instance, const char *run_dir, const char *bpffs, const char *state_dir, struct paths *ret);

#endif
