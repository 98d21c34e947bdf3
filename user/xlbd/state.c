/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Start, stop and the one way in which the data plane is changed.
 *
 * Start adopts what an earlier daemon left in the kernel, which keeps forwarding until the first state_apply() puts the
 * new tables beside the old ones and switches. Stop is the reverse without the data plane: it is left as it is.
 */
#include "xlbd/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "xlbd/adopt.h"
#include "xlbd/checks.h"
#include "xlbd/control.h"
#include "xlbd/counters.h"
#include "xlbd/events.h"
#include "xlbd/hosts.h"
#include "xlbd/pages.h"
#include "xlbd/place.h"
#include "xlbd/statefile.h"
#include "xlbd/syslog.h"

enum { APPLY_GAP_MS = 100 };

uint64_t state_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void state_log_diags(const struct diag_list *diags, const char *module)
{
	static const enum log_level levels[] = {
		[DIAG_NOTE] = LOG_L_INFO,
		[DIAG_WARNING] = LOG_L_WARNING,
		[DIAG_ERROR] = LOG_L_ERROR,
	};
	const struct diag *d;

	TAILQ_FOREACH(d, &diags->head, next) {
		if (d->file && d->line)
			log_msg(levels[d->level], module, "%s:%u:%u: %s%s%s", d->file, d->line, d->col, d->text,
				d->hint ? "; " : "", d->hint ? d->hint : "");
		else
			log_msg(levels[d->level], module, "%s%s%s", d->text, d->hint ? "; " : "",
				d->hint ? d->hint : "");
	}
}

void state_name_files(struct state *st)
{
	size_t len = 0;

	snprintf(st->config_files, sizeof(st->config_files), "%s",
		 st->opt.nr_paths ? "" : "/etc/xlb/xlb.cfg /etc/xlb/conf.d");
	for (size_t i = 0; i < st->opt.nr_paths && len < sizeof(st->config_files); i++)
		len += (size_t)snprintf(st->config_files + len, sizeof(st->config_files) - len, "%s%s", i ? " " : "",
					st->opt.paths[i]);
}

/* Can the number be given to another server or frontend? */
static bool number_is_free(void *arg, char kind, uint16_t id)
{
	struct state *st = arg;

	if (kind == 'S')
		return dp_server_unreferenced(st->dp, id);
	return dp_service_unreferenced(st->dp, id);
}

/* Weights that grow after a recovery take their next step in time. */
static void follow_ramps(struct state *st, const struct model *m)
{
	uint64_t now = state_now_ms();
	unsigned int wait = UINT_MAX;
	const struct backend *be;
	const struct server *s;

	TAILQ_FOREACH(be, &m->backends, next)
		TAILQ_FOREACH(s, &be->servers, next)
			if (server_ramp(s, now) < SERVER_RAMP_FULL && server_is_usable(s) &&
			    s->slowstart_ms / SERVER_RAMP_FULL + 1 < wait)
				wait = s->slowstart_ms / SERVER_RAMP_FULL + 1;
	if (wait != UINT_MAX)
		state_apply_soon(st, wait);
}

int state_apply(struct state *st, struct model *m, struct diag_list *diags)
{
	struct host_facts facts;
	struct image *image = NULL;
	struct plan plan = { 0 };
	int rc = hosts_facts(st->hosts, m, &facts);

	if (!rc)
		rc = image_build(m, &facts, st->ids, diags, &image);
	if (!rc)
		rc = plan_make(st->image, image, &plan);
	if (!rc)
		rc = dp_apply(st->dp, st->image, image, &plan, diags);
	plan_fini(&plan);
	if (rc) {
		image_free(image);
		if (!diags->nr[DIAG_ERROR])
			diag_add(diags, DIAG_ERROR, NULL, NULL, NULL,
				 "cannot bring the tables of the data plane up to date: %s", strerror(-rc));
		return rc;
	}
	image_free(st->image);
	st->image = image;
	st->applied_ms = state_now_ms();
	hosts_applied(st->hosts);
	hosts_follow_retired(st->hosts);
	follow_ramps(st, m);
	return 0;
}

/* Has a backend more servers than the program compares, so that the daemon must choose among them? */
static bool chooses_best(const struct model *m)
{
	const struct backend *be;

	TAILQ_FOREACH(be, &m->backends, next)
		if (be->nr_servers > XLB_LEAST_MAX &&
		    (be->balance.alg == BALANCE_LEASTCONN || be->balance.alg == BALANCE_FIRST))
			return true;
	return false;
}

void state_swept(struct state *st)
{
	if (st->image)
		(void)image_ids_collect(st->ids, st->image, number_is_free, st);
	if (chooses_best(st->model))
		state_apply_soon(st, 0);
}

static void on_apply(uv_timer_t *timer)
{
	struct state *st = timer->data;
	struct diag_list diags;
	int rc;

	diag_init(&diags);
	rc = state_apply(st, st->model, &diags);
	/* What fails now fails again with the next event; once is enough to read. */
	if ((rc && !st->apply_failing) || diags.nr[DIAG_WARNING] > st->apply_warnings)
		state_log_diags(&diags, "apply");
	st->apply_warnings = diags.nr[DIAG_WARNING];
	diag_fini(&diags);
	if (rc && hosts_fall_back(st->hosts)) {
		log_msg(LOG_L_WARNING, "apply", "the port range from before is used as long as that is so");
		state_apply_soon(st, 0);
		return;
	}
	if (!rc && st->apply_failing)
		log_msg(LOG_L_NOTICE, "apply", "the tables of the data plane are up to date again");
	st->apply_failing = rc;
}

void state_apply_soon(struct state *st, unsigned int delay_ms)
{
	uint64_t now = state_now_ms(), next = st->applied_ms + APPLY_GAP_MS;

	if (st->stopping)
		return;
	if (next > now + delay_ms)
		delay_ms = (unsigned int)(next - now);
	if (uv_is_active((uv_handle_t *)&st->apply_timer) && uv_timer_get_due_in(&st->apply_timer) <= delay_ms)
		return;
	(void)uv_timer_start(&st->apply_timer, on_apply, delay_ms, 0); /* fails only on a handle that is closing */
}

static void on_net(void *arg, const struct net_event *ev)
{
	struct state *st = arg;

	if (st->hosts && !st->stopping)
		hosts_event(st->hosts, ev);
}

static int open_data_plane(struct state *st, struct diag_list *diags)
{
	struct dp_options opt = { .flows = st->model->flows, .flows6 = st->model->flows6 };
	int rc = place_bpffs(&st->paths, diags);

	if (!rc)
		rc = dp_open(&st->paths, &opt, diags, &st->dp);
	if (rc)
		return rc;
	st->ids = image_ids_new();
	if (!st->ids)
		return -ENOMEM;
	if (!dp_was_adopted(st->dp))
		return 0;
	rc = dp_adopt_ids(st->dp, st->ids);
	return rc ? rc : dp_read_image(st->dp, &st->image);
}

/* Loop-driven parts that the first state_apply() needs. */
static int open_host(struct state *st, struct diag_list *diags)
{
	int rc = net_open(st->loop, on_net, st, &st->net);

	if (rc) {
		diag_add(diags, DIAG_ERROR, NULL, NULL, NULL, "cannot listen to the kernel's network announcements: %s",
			 strerror(-rc));
		return rc;
	}
	return hosts_start(st, &st->hosts);
}

static int open_services(struct state *st, struct diag_list *diags)
{
	int rc = health_new(st->loop, &st->health);

	if (!rc)
		rc = counters_start(st, &st->counters);
	if (!rc)
		rc = statefile_start(st, &st->statefile);
	if (!rc)
		rc = checks_start(st, &st->checks);
	if (!rc)
		rc = pages_start(st, &st->pages);
	if (!rc)
		rc = control_start(st, diags, &st->control);
	if (rc)
		return rc;
	syslog_sync(st->syslog, st->model);
	pages_sync(st->pages, st->model, diags);
	control_sync(st->control, st->model, diags);
	checks_sync(st->checks);
	return 0;
}

int state_start(struct state *st, struct model *m, struct diag_list *diags)
{
	int rc;

	st->model = m;
	st->started_ms = state_now_ms();
	model_inherit_run(m, NULL, st->started_ms);
	rc = uv_timer_init(st->loop, &st->apply_timer);
	if (rc)
		return rc;
	st->apply_timer.data = st;
	rc = events_start(&st->events);
	if (!rc)
		rc = syslog_start(&st->syslog);
	if (!rc)
		rc = open_data_plane(st, diags);
	if (!rc)
		rc = open_host(st, diags);
	if (rc)
		return rc;
	statefile_load(&st->paths, m, dp_was_adopted(st->dp), st->started_ms, diags);
	adopt_health(m, st->image);
	rc = state_apply(st, m, diags);
	if (rc)
		return rc;
	hosts_warn_listeners(m, diags);
	hosts_warn_forwarding(st, diags);
	/* Addresses of an interface count as ours once it is attached: hosts_attach() applies again. */
	hosts_attach_wanted(st->hosts, m, diags);
	return open_services(st, diags);
}

void state_stop(struct state *st)
{
	if (st->stopping)
		return;
	st->stopping = true;
	control_stop(st->control);
	pages_stop(st->pages);
	checks_stop(st->checks);
	statefile_stop(st->statefile);
	counters_stop(st->counters);
	hosts_stop(st->hosts);
	health_free(st->health);
	net_close(st->net);
	if (st->apply_timer.data)
		uv_close((uv_handle_t *)&st->apply_timer, NULL);
}

void state_fini(struct state *st)
{
	syslog_stop(st->syslog);
	events_stop(st->events);
	buf_fini(&st->startup);
	dp_close(st->dp);
	image_free(st->image);
	image_ids_free(st->ids);
	model_free(st->model);
}
