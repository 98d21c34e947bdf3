/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one owner of everything that lives as long as the daemon: model, image, data plane, network, health.
 *
 * Other files of user/xlbd get a pointer to it and keep what is theirs behind an opaque struct of their own. What the
 * packets see is always 'image', the last one that dp_apply() accepted; 'model' is the configuration it was made from.
 */
#ifndef XLBD_STATE_H
#define XLBD_STATE_H

#include <uv.h>

#include "base/buf.h"
#include "base/paths.h"
#include "dataplane/dp.h"
#include "health/health.h"
#include "model/image.h"
#include "model/model.h"
#include "net/net.h"
#include "xlbd/options.h"

struct state {
	uv_loop_t *loop;
	struct options opt;
	struct paths paths;
	int lock_fd;
	uint64_t started_ms; /* CLOCK_MONOTONIC, as the loop counts */

	struct model *model;
	struct image *image;
	struct image_ids *ids;
	struct dp *dp;
	struct net *net;
	struct health *health;

	struct hosts *hosts;
	struct checks *checks;
	struct counters *counters;
	struct control *control;
	struct pages *pages;
	struct syslog *syslog;
	struct events *events;
	struct statefile *statefile;

	uv_timer_t apply_timer;
	char config_files[1024]; /* what was read, for show info */
	struct buf startup;	 /* what was said about it at start */
	uint64_t applied_ms;	 /* when the tables were last brought up to date */
	bool apply_failing;	 /* told once, until it works again */
	size_t apply_warnings;	 /* of the last time: told when there are more */
	bool stopping;
};

/* Opens and starts everything for 'm', which it takes over also when it fails. The caller calls state_stop() in any
 * case. */
int state_start(struct state *st, struct model *m, struct diag_list *diags);

/* Stops and closes everything of its own; attached programs, pins and flows stay. The loop must run until it is empty.
 */
void state_stop(struct state *st);

/* After the loop is empty. */
void state_fini(struct state *st);

/*
 * Makes the data plane follow 'm' and what is known of the host. On failure the tables are as before and 'diags' has
 * an error. Does not change st->model.
 */
int state_apply(struct state *st, struct model *m, struct diag_list *diags);

/*
 * The same with the present model, once, after 'delay_ms': for events that come in flocks. At most ten times a second,
 * so a flapping server does not keep the daemon busy. Logs failure.
 */
void state_apply_soon(struct state *st, unsigned int delay_ms);

/* Fills st->config_files. */
void state_name_files(struct state *st);

/*
 * The flow tables have been swept: gives back numbers that no flow uses any more, and lets the tables follow that name
 * the least loaded of many servers.
 */
void state_swept(struct state *st);

/* Monotonic milliseconds, of now rather than of the start of the loop's turn. */
uint64_t state_now_ms(void);

/* One log line per message. */
void state_log_diags(const struct diag_list *diags, const char *module);

#endif
