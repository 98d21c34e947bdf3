/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kills a daemon at a chosen system call of its reload, or of its start:
 *
 *   killat FILE NUMBER PID
 *   killat FILE NUMBER COMMAND ARGUMENTS...
 *
 * Sends SIGHUP or starts the command, counts the system calls of the main thread from the one that opens FILE, its
 * configuration, and kills the process before call NUMBER (1..) is made. Prints "killed before call N: what" and ends
 * with 0, or, when the daemon waits for events before that, "N calls, bpf: A B C" with the numbers of those to the BPF
 * subsystem, and ends with 1; the daemon then runs on.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
	exit(2);
}

static bool opens(pid_t pid, const struct __ptrace_syscall_info *call, const char *file)
{
	char path[4096] = "";
	struct iovec here = { path, strlen(file) + 1 }, there = { (void *)call->entry.args[1], strlen(file) + 1 };

	if (call->entry.nr != SYS_openat || here.iov_len > sizeof(path))
		return false;
	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)here.iov_len && !strcmp(path, file);
}

static bool waits_for_events(const struct __ptrace_syscall_info *call)
{
#ifdef SYS_epoll_wait
	if (call->entry.nr == SYS_epoll_wait)
		return true;
#endif
	return call->entry.nr == SYS_epoll_pwait;
}

/* Lets the process run to its next stop of the kind that a system call makes; signals are handed on. */
static void next_call(pid_t pid, struct __ptrace_syscall_info *ret)
{
	int status, signal = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal))
			die("PTRACE_SYSCALL");
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			die("the process ended by itself");
		signal = 0;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(*ret), ret) <= 0)
				die("PTRACE_GET_SYSCALL_INFO");
			if (ret->op == PTRACE_SYSCALL_INFO_ENTRY)
				return;
		} else if (!(status >> 16)) {
			signal = WSTOPSIG(status);
		}
	}
}

static void describe(const struct __ptrace_syscall_info *call, unsigned int number)
{
	printf("killed before call %u: %llu", number, (unsigned long long)call->entry.nr);
	if (call->entry.nr == SYS_bpf)
		printf(" bpf command %llu", (unsigned long long)call->entry.args[0]);
	putchar('\n');
}

/* A process that is told to reload. */
static pid_t take_hold(const char *number)
{
	pid_t pid = (pid_t)atoi(number);

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD))
		die("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || waitpid(pid, NULL, __WALL) != pid || kill(pid, SIGHUP))
		die("stop");
	return pid;
}

/* A process that has just been started. Who reads this program's output shall not wait for the end of the other. */
static pid_t start(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(2);
		raise(SIGSTOP);
		execv(command[0], command);
		die(command[0]);
	}
	if (waitpid(pid, NULL, WUNTRACED) != pid || ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD))
		die("PTRACE_SEIZE");
	if (kill(pid, SIGCONT) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || waitpid(pid, NULL, __WALL) != pid)
		die("stop");
	return pid;
}

int main(int argc, char **argv)
{
	struct __ptrace_syscall_info call = { 0 };
	static char of_bpf[1 << 16];
	unsigned int at, nr;
	size_t len = 0;
	pid_t pid;

	if (argc < 4) {
		fputs("usage: killat FILE NUMBER PID|COMMAND...\n", stderr);
		return 2;
	}
	at = (unsigned int)atoi(argv[2]);
	pid = atoi(argv[3]) ? take_hold(argv[3]) : start(argv + 3);
	do
		next_call(pid, &call);
	while (!opens(pid, &call, argv[1]));
	for (nr = 1; nr != at && !waits_for_events(&call); nr++) {
		if (call.entry.nr == SYS_bpf && len < sizeof(of_bpf) - 16)
			len += (size_t)sprintf(of_bpf + len, " %u", nr);
		next_call(pid, &call);
	}
	if (nr != at) {
		printf("%u calls, bpf:%s\n", nr - 1, of_bpf);
		return 1; /* which lets go of it */
	}
	describe(&call, nr);
	if (kill(pid, SIGKILL) || waitpid(pid, NULL, __WALL) < 0)
		die("kill");
	return 0;
}
