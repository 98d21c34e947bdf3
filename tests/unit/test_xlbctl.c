/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xlbctl as a user runs it: the program itself, against a fake daemon that answers on a socket of its own, and without
 * one. What is looked at is the exit code, the words and the JSON.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "../lib/fake_host.h"

enum { OUTPUT_MAX = 65536 };

static char run_dir[] = "/tmp/xlbctl-test.XXXXXX";
static char program[PATH_MAX];
static char output[OUTPUT_MAX]; /* of the last command, standard error included */
static pid_t daemon_pid;

static void socket_path(struct sockaddr_un *sun, const char *instance)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s.sock", run_dir, instance);
}

/* One request, one answer, as the daemon does it. */
static void serve_client(struct fake_host *h, int fd)
{
	struct runtime_session session = { .host = &fake_host_ops, .host_arg = h, .level = ACCESS_ADMIN };
	struct buf in = { 0 }, out = { 0 };
	char part[4096], *end;
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0) {
		buf_add(&in, part, (size_t)n);
		end = memchr(in.data, '\n', in.len);
		if (!end)
			continue;
		h->fail_with = strstr(in.data, "\"reload\"") ? -EINVAL : 0;
		runtime_line(&session, in.data, (size_t)(end - in.data), &out);
		while (runtime_is_busy(&session))
			runtime_resume(&session, &out);
		if (write(fd, out.data, out.len) != (ssize_t)out.len)
			break;
		break;
	}
	buf_fini(&in);
	buf_fini(&out);
	close(fd);
}

static void serve(int listener)
{
	struct fake_host h;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fake_host_init(&h);
	h.nr_events = 7;
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		serve_client(&h, fd);
	_exit(1);
}

static int start(void **state)
{
	struct sockaddr_un sun;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(run_dir));
	fd = readlink("/proc/self/exe", program, sizeof(program) - 32) > 0 ? 0 : -1;
	assert_int_equal(fd, 0);
	strcpy(strstr(program, "/tests/unit/"), "/xlbctl");
	socket_path(&sun, "xlb");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 16), 0);
	daemon_pid = fork();
	if (!daemon_pid)
		serve(fd);
	close(fd);
	unsetenv("XLB_INSTANCE");
	return setenv("XLB_RUN_DIR", run_dir, 1);
}

static int stop(void **state)
{
	struct sockaddr_un sun;

	(void)state;
	kill(daemon_pid, SIGKILL);
	waitpid(daemon_pid, NULL, 0);
	socket_path(&sun, "xlb");
	unlink(sun.sun_path);
	return rmdir(run_dir);
}

/* Runs xlbctl with these words. Returns its exit code; what it wrote is in 'output'. */
static int ctl(const char *words)
{
	char command[3 * PATH_MAX];
	size_t len;
	FILE *f;
	int status;

	snprintf(command, sizeof(command), "%s %s 2>&1", program, words);
	f = popen(command, "re");
	assert_non_null(f);
	len = fread(output, 1, sizeof(output) - 1, f);
	output[len] = '\0';
	status = pclose(f);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void has(const char *part)
{
	if (!strstr(output, part))
		fail_msg("no '%s' in:\n%s", part, output);
}

static json_t *parsed(void)
{
	json_t *o = json_loads(output, 0, NULL);

	if (!o)
		fail_msg("no JSON:\n%s", output);
	return o;
}

static void usage__wrong_words__exit_2_and_help(void **state)
{
	static const struct {
		const char *words, *part;
	} rows[] = {
		{ "", "usage: xlbctl" },
		{ "frobnicate", "no command 'frobnicate'" },
		{ "shwo servers", "did you mean 'show servers'?" },
		{ "stauts", "did you mean 'status'?" },
		{ "show", "show frontends" },
		{ "show elephants", "show frontends" },
		{ "attach", "'attach' needs INTERFACE" },
		{ "detach a b", "takes no 'b'" },
		{ "status --frob", "no option '--frob'" },
		{ "status --mode auto", "'status' has no option '--mode'" },
		{ "attach eth0 --mode", "needs a value" },
		{ "--json=yes status", "takes no value" },
		{ "-n 'a b' status", "no name for an instance" },
		{ "attach eth0 --mode fast", "auto, native or generic" },
		{ "server weight be/s1 300", "0 to 256" },
		{ "server drain s1", "BACKEND/SERVER" },
		{ "show flows --limit x", "--limit is a number" },
		{ "completion fish", "bash" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ctl(rows[i].words), 2);
		has(rows[i].part);
	}
}

static void help__every_command__says_usage_and_example(void **state)
{
	char commands[OUTPUT_MAX], words[128], *line;
	int nr = 0;

	(void)state;
	assert_int_equal(ctl("-h"), 0);
	strcpy(commands, strstr(output, "\n  attach"));
	*strstr(commands, "\n\nOptions") = '\0';
	for (line = strtok(commands, "\n"); line; line = strtok(NULL, "\n")) {
		char first[32], second[32] = "";

		if (sscanf(line, "  %31s %31s", first, second) < 1 || strncmp(line, "    ", 4) == 0)
			continue;
		if (strcmp(first, "show") != 0 && strcmp(first, "server") != 0)
			second[0] = '\0';
		snprintf(words, sizeof(words), "%s %s -h", first, second);
		assert_int_equal(ctl(words), 0);
		has("usage: xlbctl ");
		has("Example:");
		nr++;
	}
	assert_true(nr >= 20);
}

static void daemon__absent__exit_4_and_the_mend(void **state)
{
	(void)state;
	assert_int_equal(ctl("-n nobody status"), 4);
	has("nobody.sock");
	has("xlbd -D");
	assert_int_equal(ctl("-n nobody --json show servers"), 4);
	assert_int_equal(ctl("-n nobody version"), 0);
	has("does not run");
	assert_int_equal(ctl("-n nobody explain no-route"), 0);
	has("NO_ROUTE: no route back to the client.");
	assert_int_equal(ctl("explain NOROUTE"), 6);
	has("did you mean 'NO_ROUTE'");
}

static void show__tables__people_can_read(void **state)
{
	(void)state;
	assert_int_equal(ctl("status"), 0);
	has("0.1.0, pid 4711, up 1d 02h");
	has("eth0, native mode: because");
	has("2 of 262144 in use");
	assert_int_equal(ctl("show servers"), 0);
	has("BACKEND SERVER ADDRESS");
	has("10.0.0.2");
	assert_null(strchr(output, '\033'));
	assert_int_equal(ctl("show servers ls"), 0);
	assert_null(strstr(output, "10.0.0.2"));
	assert_int_equal(ctl("show servers nobody"), 6);
	assert_int_equal(ctl("show frontends"), 0);
	has("0.0.0.0:8080/tcp");
	assert_int_equal(ctl("show checks be"), 0);
	has("RISE FALL FAILED");
	has("s1 ");
	assert_int_equal(ctl("show events"), 0);
	has("(5 earlier lines are not kept)\nevent 6\nevent 7\n");
	assert_int_equal(ctl("show backends"), 0);
	assert_int_equal(ctl("show binds"), 0);
	assert_int_equal(ctl("show flows --limit 1"), 0);
	has("192.0.2.9:40000");
	has("The first 1 flows");
	assert_int_equal(ctl("show drops"), 0);
	has("forwarded              100");
	has("  REQUEST              100 client to server");
	has("! TTL                    3");
	has("received               123");
}

static void show__json__as_the_daemon_says(void **state)
{
	json_t *o;

	(void)state;
	assert_int_equal(ctl("show servers --json"), 0);
	o = parsed();
	assert_int_equal(json_array_size(o), 5);
	json_decref(o);
	assert_int_equal(ctl("--json status"), 0);
	o = parsed();
	assert_int_equal(json_integer_value(json_object_get(o, "pid")), 4711);
	json_decref(o);
	assert_int_equal(ctl("--json show drops"), 0);
	o = parsed();
	assert_int_equal(json_array_size(o), XLB_R_MAX - 1);
	json_decref(o);
	assert_int_equal(ctl("--json explain ttl"), 0);
	o = parsed();
	assert_true(json_is_false(json_object_get(o, "expected")));
	json_decref(o);
}

static void server__changes__are_made(void **state)
{
	(void)state;
	assert_int_equal(ctl("server drain be/s1"), 0);
	has("be/s1 takes no new connections");
	assert_int_equal(ctl("server ready be/s1"), 0);
	assert_int_equal(ctl("server weight be/s2 5"), 0);
	assert_int_equal(ctl("server set be/s2 addr 10.0.0.22:81"), 0);
	assert_int_equal(ctl("show servers be"), 0);
	has("10.0.0.22");
	assert_int_equal(ctl("server add be/n 10.0.0.30:80 check"), 0);
	assert_int_equal(ctl("server del be/n"), 1);
	has("--force");
	assert_int_equal(ctl("server del be/n --force"), 0);
	assert_int_equal(ctl("server drain be/nobody"), 6);
	has("be/nobody");
}

static void attach__answers__mode_and_cause(void **state)
{
	(void)state;
	assert_int_equal(ctl("attach eth0 --mode native"), 0);
	has("eth0: attached in native mode: because");
	assert_int_equal(ctl("attach nic9"), 6);
	has("There is no interface nic9.");
	assert_int_equal(ctl("detach eth0"), 0);
}

static void reload__bad_file__exit_3_caret_and_unchanged(void **state)
{
	static const char last[] = "running configuration unchanged\n";

	(void)state;
	assert_int_equal(ctl("reload"), 3);
	has("x.cfg:3:5: error: unknown keyword 'balanec'");
	has("^~~~~~~");
	has("did you mean 'balance'?");
	assert_string_equal(output + strlen(output) - strlen(last), last);
}

/* A socket that only root may use: the answer tells so. Root itself is never refused, so this runs as another user. */
static void socket__not_permitted__exit_5(void **state)
{
	char words[PATH_MAX + 128];

	(void)state;
	if (getuid() != 0 || access("/usr/bin/setpriv", X_OK) != 0)
		skip();
	snprintf(words, sizeof(words), "-h > /dev/null; setpriv --reuid=65534 --clear-groups %s status", program);
	assert_int_equal(ctl(words), 5);
	has("not permitted");
	snprintf(words, sizeof(words),
		 "-h > /dev/null; setpriv --reuid=65534 --clear-groups %s --run-dir /none attach lo", program);
	assert_int_equal(ctl(words), 5);
	has("only root can start one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usage__wrong_words__exit_2_and_help),
		cmocka_unit_test(help__every_command__says_usage_and_example),
		cmocka_unit_test(daemon__absent__exit_4_and_the_mend),
		cmocka_unit_test(show__tables__people_can_read),
		cmocka_unit_test(show__json__as_the_daemon_says),
		cmocka_unit_test(server__changes__are_made),
		cmocka_unit_test(attach__answers__mode_and_cause),
		cmocka_unit_test(reload__bad_file__exit_3_caret_and_unchanged),
		cmocka_unit_test(socket__not_permitted__exit_5),
	};

	return cmocka_run_group_tests_name("xlbctl", tests, start, stop);
}
