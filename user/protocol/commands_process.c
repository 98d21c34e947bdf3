/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the process tells of itself: its log, its activity, the schema of its JSON. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "protocol/command.h"

static uint64_t to_ms(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000 + (uint64_t)tv->tv_usec / 1000;
}

/*
 * HAProxy tells of each of its threads, in lines for its developers. One thread decides here, packets cost it nothing:
 * what can be told is its processor time and how often it was woken.
 */
void run_show_activity(struct call *c)
{
	struct runtime_info info = { 0 };
	struct rusage used = { 0 };
	struct timeval now;

	c->host->info(c->arg, &info);
	(void)getrusage(RUSAGE_SELF, &used);
	gettimeofday(&now, NULL);
	buf_printf(c->out, "thread_id: 1 (1..1)\ndate_now: %lld.%06ld\n", (long long)now.tv_sec, (long)now.tv_usec);
	buf_printf(c->out, "cpu_ms_user: %llu\ncpu_ms_system: %llu\n", (unsigned long long)to_ms(&used.ru_utime),
		   (unsigned long long)to_ms(&used.ru_stime));
	buf_printf(c->out, "loops: %ld\npreempted: %ld\nmaxrss_kb: %ld\n", used.ru_nvcsw, used.ru_nivcsw,
		   used.ru_maxrss);
	buf_printf(c->out, "flows: %llu\nnew_flows: %llu\n", (unsigned long long)info.flows_used,
		   (unsigned long long)info.connections_total);
}

void run_show_startup_logs(struct call *c)
{
	const char *text = c->host->startup_log(c->arg);

	buf_puts(c->out, text ? text : "");
	buf_puts(c->out, "\n");
}

struct events_job {
	struct runtime_job job;
	uint64_t seq;
	bool wait;
};

enum { EVENTS_LOOK_MS = 100 };

/* With 'wait' it ends when the client does, or sends something. */
static bool events_step(struct call *c, struct runtime_job *job)
{
	struct events_job *e = (struct events_job *)job;
	const char *line;
	uint64_t lost;

	while (c->out->len < RUNTIME_PIECE && (line = c->host->event(c->arg, &e->seq, &lost))) {
		if (lost)
			buf_printf(c->out, "(%llu lines are lost: the buffer holds no more)\n",
				   (unsigned long long)lost);
		buf_printf(c->out, "%s\n", line);
	}
	if (c->out->len >= RUNTIME_PIECE)
		return !c->out->failed;
	if (!e->wait || c->s->interrupted)
		return false;
	c->s->delay_ms = EVENTS_LOOK_MS;
	return true;
}

static void events_end(struct runtime_job *job)
{
	free(job);
}

static struct events_job *events_new(struct call *c, bool wait, bool only_new)
{
	struct events_job *e = calloc(1, sizeof(*e));
	uint64_t lost;

	if (!e)
		return NULL;
	e->job = (struct runtime_job){ .step = events_step, .end = events_end };
	e->wait = wait;
	while (only_new && c->host->event(c->arg, &e->seq, &lost))
		;
	return e;
}

/* One buffer of lines, as HAProxy has sinks: what xlbd logs, whether anybody takes its log or not. */
void run_show_events(struct call *c)
{
	bool wait = false, only_new = false;
	struct events_job *e;
	const char *p;

	if (!c->argv[2][0]) {
		call_say(c, CALL_INFO,
			 "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n"
			 "    log        : type=buffer, 0 dropped, the last lines of xlbd's log\n");
		return;
	}
	if (strcmp(c->argv[2], "log") != 0) {
		call_say(c, CALL_ERROR, "No such event sink");
		return;
	}
	for (unsigned int i = 3; i < c->argc; i++) {
		for (p = c->argv[i] + 1; c->argv[i][0] == '-' && (*p == 'w' || *p == 'n'); p++) {
			wait = wait || *p == 'w';
			only_new = only_new || *p == 'n';
		}
		if (c->argv[i][0] != '-' || *p) {
			call_say(c, CALL_ERROR, "unknown option");
			return;
		}
	}
	e = events_new(c, wait, only_new);
	call_start(c, e ? &e->job : NULL);
}

/* Of `show info json` and `show stat json`, whose items differ only in whose they are. */
void run_show_schema(struct call *c)
{
	static const char item[] =
		"\"field\":{\"type\":\"object\",\"properties\":{\"pos\":{\"type\":\"integer\",\"minimum\":0},"
		"\"name\":{\"type\":\"string\"}},\"required\":[\"pos\",\"name\"]},"
		"\"processNum\":{\"type\":\"integer\",\"minimum\":1},"
		"\"tags\":{\"type\":\"object\",\"properties\":{"
		"\"origin\":{\"enum\":[\"Metric\",\"Status\",\"Key\",\"Config\",\"Product\",\"Unknown\"]},"
		"\"nature\":{\"enum\":[\"Gauge\",\"Limit\",\"Min\",\"Max\",\"Rate\",\"Counter\",\"Duration\",\"Age\","
		"\"Time\",\"Name\",\"Output\",\"Avg\",\"Unknown\"]},"
		"\"scope\":{\"enum\":[\"Cluster\",\"Process\",\"Service\",\"System\",\"Unknown\"]}},"
		"\"required\":[\"origin\",\"nature\",\"scope\"]},"
		"\"value\":{\"type\":\"object\",\"oneOf\":["
		"{\"properties\":{\"type\":{\"enum\":[\"s32\",\"s64\",\"u32\",\"u64\"]},"
		"\"value\":{\"type\":\"integer\"}}},"
		"{\"properties\":{\"type\":{\"enum\":[\"str\"]},\"value\":{\"type\":\"string\"}}}],"
		"\"required\":[\"type\",\"value\"]}";

	buf_printf(c->out,
		   "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"oneOf\":["
		   "{\"title\":\"Info\",\"type\":\"array\",\"items\":{\"title\":\"InfoItem\",\"type\":\"object\","
		   "\"properties\":{%s},\"required\":[\"field\",\"processNum\",\"tags\",\"value\"]}},"
		   "{\"title\":\"Stat\",\"type\":\"array\",\"items\":{\"title\":\"Row\",\"type\":\"array\","
		   "\"items\":{\"title\":\"StatItem\",\"type\":\"object\",\"properties\":{"
		   "\"objType\":{\"enum\":[\"Frontend\",\"Backend\",\"Listener\",\"Server\",\"Unknown\"]},"
		   "\"proxyId\":{\"type\":\"integer\",\"minimum\":0},\"id\":{\"type\":\"integer\",\"minimum\":0},%s},"
		   "\"required\":[\"objType\",\"proxyId\",\"id\",\"field\",\"processNum\",\"tags\",\"value\"]}}}]}\n",
		   item, item);
}
