/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines as a syslog server gets them: tag, host name and level as section global says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/diag.h"
#include "base/log.h"
#include "config/conf.h"
#include "xlbd/syslog.h"

/* A directory with the socket of a server in it. */
struct log_server {
	char dir[32], path[64];
	int fd;
};

static void server_open(struct log_server *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(s->dir, "/tmp/xlb-syslog-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/log", s->dir);
	strcpy(sun.sun_path, s->path);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
}

static void server_close(struct log_server *s)
{
	close(s->fd);
	unlink(s->path);
	rmdir(s->dir);
}

/* The line that a warning becomes with these words in section global, without its time stamp; "" for none. */
static void line_of(const char *words, char *ret, size_t cap)
{
	char text[512], got[1024] = "";
	struct syslog *log = NULL;
	struct diag_list diags;
	struct model *m = NULL;
	struct log_server s;
	unsigned int pri;
	int skip = 0;

	server_open(&s);
	snprintf(text, sizeof(text), "global\n log %s local1%s\n", s.path, words);
	diag_init(&diags);
	assert_int_equal(conf_load_text("t", text, strlen(text), NULL, &diags, &m), 0);
	assert_int_equal(syslog_start(&log), 0);
	syslog_sync(log, m);
	log_msg(LOG_L_WARNING, "test", "server is DOWN");
	if (recv(s.fd, got, sizeof(got) - 1, MSG_DONTWAIT) < 0)
		got[0] = '\0';
	/* "<140>Nov 25 20:00:00 " */
	if (*got)
		assert_true(sscanf(got, "<%u>%*s %*s %*s %n", &pri, &skip) == 1 && skip);
	snprintf(ret, cap, "%s", got + skip);
	if (*got)
		assert_int_equal(pri, (17 << 3) + 4);
	syslog_stop(log);
	model_free(m);
	diag_fini(&diags);
	server_close(&s);
}

static void line__tag_and_host__as_global_says(void **state)
{
	char line[1024], expected[128], own[128] = "";

	(void)state;
	gethostname(own, sizeof(own) - 1);
	line_of("", line, sizeof(line));
	snprintf(expected, sizeof(expected), "xlbd[%d]: server is DOWN", (int)getpid());
	assert_string_equal(line, expected);
	line_of("\n log-tag edge", line, sizeof(line));
	snprintf(expected, sizeof(expected), "edge[%d]: server is DOWN", (int)getpid());
	assert_string_equal(line, expected);
	line_of("\n log-send-hostname lb1\n log-tag edge", line, sizeof(line));
	snprintf(expected, sizeof(expected), "lb1 edge[%d]: server is DOWN", (int)getpid());
	assert_string_equal(line, expected);
	line_of("\n log-send-hostname", line, sizeof(line));
	assert_memory_equal(line, own, strlen(own));
}

static void line__below_the_level_of_its_target__not_sent(void **state)
{
	char line[1024];

	(void)state;
	line_of(" err", line, sizeof(line));
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line__tag_and_host__as_global_says),
		cmocka_unit_test(line__below_the_level_of_its_target__not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
