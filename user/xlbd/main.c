/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xlbd: options, configuration, lock, start, loop, stop.
 *
 * Stopping the daemon stops health checks and control, not the traffic: program, tables and links are pinned, and the
 * next daemon finds them. Only `xlbctl detach` takes xlb off an interface.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/version.h"
#include "xlbd/checkonly.h"
#include "xlbd/place.h"
#include "xlbd/reload.h"
#include "xlbd/state.h"

enum { EXIT_USAGE = 2 };

struct signals {
	uv_signal_t term, intr, hup;
	uv_timer_t watchdog;
	struct state *st;
};

static void print_diags(const struct diag_list *diags, bool quiet)
{
	if (!quiet || diags->nr[DIAG_ERROR])
		diag_print(diags, stderr, isatty(STDERR_FILENO));
}

static void close_signals(struct signals *s)
{
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->intr, NULL);
	uv_close((uv_handle_t *)&s->hup, NULL);
	uv_close((uv_handle_t *)&s->watchdog, NULL);
}

/* The loop turns: what the service manager wants to know. */
static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	place_notify("WATCHDOG=1");
}

static void on_stop(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;
	size_t nr;

	(void)dp_ifs(s->st->dp, &nr);
	place_notify("STOPPING=1");
	log_msg(LOG_L_NOTICE, "main",
		"%s received: xlbd stops, health checks with it; the data plane on %zu interface%s keeps "
		"forwarding",
		strsignal(number), nr, nr == 1 ? "" : "s");
	state_stop(s->st);
	close_signals(s);
}

static void on_reload(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;
	struct diag_list diags;

	(void)number;
	diag_init(&diags);
	(void)reload_run(s->st, &diags);
	state_log_diags(&diags, "reload");
	diag_fini(&diags);
}

static int start_signals(struct signals *s, struct state *st)
{
	struct {
		uv_signal_t *handle;
		uv_signal_cb fn;
		int number;
	} rows[] = { { &s->term, on_stop, SIGTERM }, { &s->intr, on_stop, SIGINT }, { &s->hup, on_reload, SIGHUP } };
	unsigned int watchdog_ms = place_watchdog_ms();
	int rc = uv_timer_init(st->loop, &s->watchdog);

	s->st = st;
	if (!rc && watchdog_ms)
		rc = uv_timer_start(&s->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !rc; i++) {
		rc = uv_signal_init(st->loop, rows[i].handle);
		rows[i].handle->data = s;
		if (!rc)
			rc = uv_signal_start(rows[i].handle, rows[i].fn, rows[i].number);
	}
	return rc;
}

/* Everything up to the loop. 0 or -errno with messages. */
static int start(struct state *st, struct diag_list *diags)
{
	struct model *m = NULL;
	int rc = reload_read(&st->opt, diags, NULL, &m);

	if (rc)
		return rc;
	state_name_files(st);
	rc = place_directories(&st->paths, diags);
	if (!rc)
		rc = place_lock(&st->paths, diags, &st->lock_fd);
	if (rc) {
		model_free(m);
		return rc;
	}
	place_raise_files();
	rc = state_start(st, m, diags);
	if (!rc)
		place_drop_privileges(diags);
	return rc;
}

static void say_ready(struct state *st, int background_fd)
{
	size_t nr;

	(void)dp_ifs(st->dp, &nr);
	log_msg(LOG_L_NOTICE, "main",
		"xlbd %s is ready: instance %s, %u frontends, %u backends, %zu interfaces attached%s", XLB_VERSION,
		st->paths.instance, st->model->nr_frontends, st->model->nr_backends, nr,
		dp_was_adopted(st->dp) ? "; tables and flows of an earlier xlbd were taken over" : "");
	if (!st->model->nr_frontends)
		log_msg(LOG_L_NOTICE, "main",
			"there are no frontends: write /etc/xlb/xlb.cfg and 'xlbctl reload', all packets "
			"pass until then");
	place_notify("READY=1\nMAINPID=%d\nSTATUS=balancing on %zu interfaces", (int)getpid(), nr);
	if (background_fd >= 0)
		place_background_ready(background_fd, &st->paths);
}

static int run(struct state *st, int background_fd)
{
	struct signals signals;
	struct diag_list diags;
	int rc;

	diag_init(&diags);
	rc = start(st, &diags);
	print_diags(&diags, st->opt.quiet);
	diag_format(&diags, &st->startup);
	if (rc && !diags.nr[DIAG_ERROR])
		fprintf(stderr, "xlbd: cannot start: %s\n", strerror(-rc));
	diag_fini(&diags);
	if (!rc)
		rc = start_signals(&signals, st);
	if (!rc)
		say_ready(st, background_fd);
	else
		state_stop(st);
	uv_run(st->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(st->loop);
	state_fini(st);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct state st; /* the one owner, see state.h */
	int background_fd = -1, code = options_parse(argc, argv, &st.opt);

	if (code >= 0)
		return code;
	log_init(st.opt.verbose ? LOG_L_DEBUG : st.opt.quiet ? LOG_L_WARNING : LOG_L_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (st.opt.check)
		return check_only(&st.opt);
	if (paths_init(st.opt.instance, st.opt.run_dir, st.opt.bpffs, st.opt.state_dir, &st.paths)) {
		fprintf(stderr,
			"xlbd: the instance name or a directory is too long, or the name has other characters than "
			"letters, digits, '_', '-' and '.'\n");
		return EXIT_USAGE;
	}
	if (st.opt.background) {
		background_fd = place_background();
		if (background_fd < 0) {
			fprintf(stderr, "xlbd: cannot go to the background: %s\n", strerror(-background_fd));
			return EXIT_FAILURE;
		}
	}
	st.loop = uv_default_loop();
	if (!st.loop) {
		fprintf(stderr, "xlbd: cannot make an event loop\n");
		return EXIT_FAILURE;
	}
	return run(&st, background_fd);
}
