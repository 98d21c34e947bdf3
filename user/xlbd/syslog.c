/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copies log lines to the 'log' targets of section global, in the form of RFC 3164 that HAProxy uses.
 *
 * Sockets are not connected and never wait: a target that is full or gone costs the line and nothing else. The daemon's
 * own "level module:" in front is left out, so that scripts written for HAProxy's lines find them as they expect them.
 */
#include "xlbd/syslog.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { SYSLOG_LINE_MAX = 1024 }; /* RFC 3164, section 4.1 */

struct target {
	int fd;
	struct sockaddr_storage to;
	socklen_t to_len;
	int facility, max_level;
};

struct syslog {
	struct target *targets;
	size_t nr;
	char host[HOST_NAME_MAX + 2]; /* with a blank behind it, or "": lines carry none */
	char tag[64];
};

/* After "level module: ". */
static const char *without_prefix(const char *line)
{
	const char *colon = strstr(line, ": ");

	return colon ? colon + 2 : line;
}

static void on_line(void *arg, enum log_level level, const char *line)
{
	struct syslog *s = arg;
	time_t now = time(NULL);
	char stamp[32], out[SYSLOG_LINE_MAX];
	struct tm tm;

	if (!s->nr || !localtime_r(&now, &tm))
		return;
	/* Names of months are English on the wire; strftime() is, as this program never calls setlocale(). */
	strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	for (size_t i = 0; i < s->nr; i++) {
		const struct target *t = &s->targets[i];
		int len;

		if ((int)level > t->max_level)
			continue;
		len = snprintf(out, sizeof(out), "<%d>%s %s%s[%d]: %s", t->facility | (int)level, stamp, s->host,
			       s->tag, (int)getpid(), without_prefix(line));
		if (len < 0)
			continue;
		if ((size_t)len >= sizeof(out))
			len = sizeof(out) - 1;
		(void)sendto(t->fd, out, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&t->to,
			     t->to_len);
	}
}

int syslog_start(struct syslog **ret)
{
	struct syslog *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	log_add_sink(on_line, s);
	*ret = s;
	return 0;
}

static void close_targets(struct syslog *s)
{
	for (size_t i = 0; i < s->nr; i++)
		close(s->targets[i].fd);
	free(s->targets);
	s->targets = NULL;
	s->nr = 0;
}

void syslog_stop(struct syslog *s)
{
	if (!s)
		return;
	log_remove_sink(s);
	close_targets(s);
	free(s);
}

/* Copied as bytes: a pointer of another type into the storage may not be relied on to be the same memory. */
static void set_storage(struct target *t, const void *addr, socklen_t len)
{
	memcpy(&t->to, addr, len);
	t->to_len = len;
}

/* Address of a target; false if it has none that can be used. */
static bool set_address(struct target *t, const struct log_target *l)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(l->port), .sin_addr = l->addr.v4 };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(l->port), .sin6_addr = l->addr.v6 };

	if (l->path) {
		if (strlen(l->path) >= sizeof(sun.sun_path))
			return false;
		strcpy(sun.sun_path, l->path);
		set_storage(t, &sun, sizeof(sun));
	} else if (l->addr.family == AF_INET) {
		set_storage(t, &sin, sizeof(sin));
	} else if (l->addr.family == AF_INET6) {
		set_storage(t, &sin6, sizeof(sin6));
	} else {
		return false;
	}
	return true;
}

/* 'log-tag' and 'log-send-hostname'. */
static void set_names(struct syslog *s, const struct model *m)
{
	char own[HOST_NAME_MAX + 1] = "";

	snprintf(s->tag, sizeof(s->tag), "%s", m->log_tag ? m->log_tag : "xlbd");
	s->host[0] = '\0';
	if (!m->log_host)
		return;
	if (!m->log_hostname && gethostname(own, sizeof(own) - 1))
		return;
	snprintf(s->host, sizeof(s->host), "%.*s ", HOST_NAME_MAX, m->log_hostname ? m->log_hostname : own);
}

void syslog_sync(struct syslog *s, const struct model *m)
{
	const struct log_target *l;
	size_t nr = 0;

	close_targets(s);
	set_names(s, m);
	TAILQ_FOREACH(l, &m->logs, next)
		nr++;
	if (!nr)
		return;
	s->targets = calloc(nr, sizeof(*s->targets));
	if (!s->targets)
		return;
	TAILQ_FOREACH(l, &m->logs, next) {
		struct target t = { .facility = l->facility, .max_level = l->max_level };

		if (!set_address(&t, l))
			continue;
		t.fd = socket(t.to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (t.fd >= 0)
			s->targets[s->nr++] = t;
	}
}
