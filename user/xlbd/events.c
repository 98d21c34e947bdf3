/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A ring of lines. What is older than its size is gone, and who reads is told how much. */
#include "xlbd/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

enum { NR_LINES = 1024, LINE_MAX_BYTES = 512 };

struct events {
	uint64_t last; /* number of the newest line, 0: none */
	char lines[NR_LINES][LINE_MAX_BYTES];
};

/* Longer lines are cut: one that fills the ring must not push out the others. */
static void on_line(void *arg, enum log_level level, const char *line)
{
	struct events *e = arg;
	struct timespec now;
	char stamp[32];
	struct tm tm;

	(void)level;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &tm))
		return;
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	e->last++;
	snprintf(e->lines[e->last % NR_LINES], LINE_MAX_BYTES, "%s.%06ldZ %s", stamp, now.tv_nsec / 1000, line);
}

int events_start(struct events **ret)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	log_add_sink(on_line, e);
	*ret = e;
	return 0;
}

void events_stop(struct events *e)
{
	if (!e)
		return;
	log_remove_sink(e);
	free(e);
}

const char *events_next(const struct events *e, uint64_t *seq, uint64_t *ret_lost)
{
	uint64_t oldest = e->last > NR_LINES ? e->last - NR_LINES + 1 : 1, next = *seq + 1;

	*ret_lost = 0;
	if (next > e->last)
		return NULL;
	if (next < oldest) {
		*ret_lost = oldest - next;
		next = oldest;
	}
	*seq = next;
	return e->lines[next % NR_LINES];
}
