/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the data plane as xlbd does and prints what the kernel's verifier had to do for it: for each program and each
 * of its global functions a line "PROGRAM FUNCTION INSNS STATES STACK", "-" where the kernel tells nothing. The line
 * with function "total" is the whole program's. tools/dev/verifier compares them with a budget.
 *
 * It opens a data plane in namespaces of its own, so it sees the settings that the daemon makes, whatever they are. The
 * linker puts __wrap_bpf_object__load_skeleton() between user/dataplane and libbpf, where it asks for the verifier's
 * logs. Knows nothing of the program but that.
 */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "dataplane/dp.h"

enum {
	LOG_EVERY_INSN = 3, /* the verifier's levels, which no UAPI header has */
	LOG_STATS = 4,
	MAX_PROGRAMS = 32,
	MAX_FUNCTIONS = 256,
	TAIL = 4096, /* of a log, shown when the kernel refuses the program */
};
#define LOG_SIZE (900ul << 20) /* of address space, under the kernel's limit of 1 GiB: what is written takes memory */

struct function {
	char name[64];
	unsigned long insns;
};

struct summary {
	struct function functions[MAX_FUNCTIONS];
	size_t now; /* the function whose part of the log is read */
	unsigned long insns, states;
	char stack[MAX_FUNCTIONS * 5]; /* "64+0+128": in the order of functions */
};

/* "12: (07) r1 += 4" is an instruction processed, "12: safe" and "from 3 to 12: safe" one that met a known state. */
static bool is_processed(const char *line, size_t len)
{
	size_t digits = strspn(line, "0123456789");

	return (digits && digits + 3 < len && !memcmp(line + digits, ": (", 3)) ||
	       (len > 6 && !memcmp(line + len - 6, ": safe", 6));
}

static void read_line(struct summary *sum, const char *log, size_t len)
{
	unsigned int number;
	char line[512], name[64]; /* a copy: sscanf() would look for the end of the whole log */
	const char *at;

	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	memcpy(line, log, len);
	line[len] = '\0';

	if (is_processed(line, len)) {
		sum->functions[sum->now].insns++;
	} else if (sscanf(line, "Validating %63[^(]() func#%u", name, &number) == 2 && number < MAX_FUNCTIONS) {
		sum->now = number;
		strcpy(sum->functions[number].name, name);
	} else if (!strncmp(line, "stack depth ", 12)) {
		snprintf(sum->stack, sizeof(sum->stack), "%s", line + 12);
	} else if (sscanf(line, "processed %lu insns", &sum->insns) == 1) {
		at = strstr(line, "total_states ");
		if (at)
			(void)sscanf(at, "total_states %lu", &sum->states);
	}
}

static void print_summary(const char *program, const struct summary *sum)
{
	const char *stack = sum->stack;

	for (size_t i = 0; i < MAX_FUNCTIONS; i++) {
		if (sum->functions[i].name[0])
			printf("%s %s %lu - %lu\n", program, sum->functions[i].name, sum->functions[i].insns,
			       isdigit((unsigned char)*stack) ? strtoul(stack, NULL, 10) : 0);
		stack += strcspn(stack, "+");
		stack += *stack == '+';
	}
	printf("%s total %lu %lu -\n", program, sum->insns, sum->states);
}

static void summarize(const char *program, const char *log)
{
	struct summary *sum = calloc(1, sizeof(*sum));

	if (!sum)
		return;
	snprintf(sum->functions[0].name, sizeof(sum->functions[0].name), "%s", program);
	for (size_t len; *log; log += len + (log[len] == '\n')) {
		len = strcspn(log, "\n");
		read_line(sum, log, len);
	}
	print_summary(program, sum);
	free(sum);
}

static void show_tail(const char *program, const char *log)
{
	size_t len = strlen(log);

	fprintf(stderr, "the end of the verifier's log of %s:\n%s\n", program, log + (len > TAIL ? len - TAIL : 0));
}

int __real_bpf_object__load_skeleton(struct bpf_object_skeleton *skel);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *skel);

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *skel)
{
	static char *logs[MAX_PROGRAMS];
	struct bpf_program *prog;
	size_t nr = 0;
	int err;

	bpf_object__for_each_program(prog, *skel->obj)
	{
		if (nr == MAX_PROGRAMS)
			return -E2BIG;
		logs[nr] = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
				0);
		if (logs[nr] == MAP_FAILED)
			return -errno;
		bpf_program__set_log_buf(prog, logs[nr++], LOG_SIZE);
		bpf_program__set_log_level(prog, LOG_EVERY_INSN | LOG_STATS);
	}
	err = __real_bpf_object__load_skeleton(skel);
	nr = 0;
	bpf_object__for_each_program(prog, *skel->obj)
	{
		if (logs[nr][0] && !err)
			summarize(bpf_program__name(prog), logs[nr]);
		else if (logs[nr][0])
			show_tail(bpf_program__name(prog), logs[nr]);
		munmap(logs[nr++], LOG_SIZE);
	}
	return err;
}

int main(void)
{
	const struct dp_options opt = { .flows = 65536 };
	char dir[] = "/tmp/xlb-verifier-XXXXXX";
	struct diag_list diags;
	struct paths paths;
	struct dp *dp;
	int err;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("verifier: needs root: unshare");
		return 1;
	}
	if (!mkdtemp(dir) || mount("bpf", dir, "bpf", 0, "mode=0700")) {
		perror("verifier: mount bpf");
		return 1;
	}
	diag_init(&diags);
	err = paths_init("verifier", "/tmp", dir, "/tmp", &paths);
	if (!err)
		err = dp_open(&paths, &opt, &diags, &dp);
	fflush(stdout);
	diag_print(&diags, stderr, false);
	if (!err) {
		(void)dp_unpin_all(dp, &diags);
		dp_close(dp);
	}
	diag_fini(&diags);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return err ? 1 : 0;
}
