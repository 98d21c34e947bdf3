/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The order in which a new configuration takes over.
 *
 * Everything that can fail comes before the first change that anybody could see: parse, image, room in the tables. From
 * dp_apply() on nothing fails; what is left (sockets, checks, log targets) is put in place one by one, and a socket
 * that cannot be opened is a warning, not a way back.
 */
#include "xlbd/reload.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/conf.h"
#include "xlbd/checks.h"
#include "xlbd/control.h"
#include "xlbd/hosts.h"
#include "xlbd/pages.h"
#include "xlbd/place.h"
#include "xlbd/statefile.h"
#include "xlbd/syslog.h"

/* What runs on a host without any configuration, so that an interface can be attached and servers be added later. */
static const char built_in[] = "global\n"
			       "defaults\n"
			       "    mode tcp\n"
			       "    timeout connect 5s\n"
			       "    timeout client 1m\n"
			       "    timeout server 1m\n";

int reload_read(const struct options *opt, struct diag_list *diags, struct conf_verdicts *verdicts, struct model **ret)
{
	static const char *const standard[] = { "/etc/xlb/xlb.cfg", "/etc/xlb/conf.d" };
	struct conf_options conf = { .strict = opt->strict, .default_source = built_in, .verdicts = verdicts };
	const char *found[2];
	size_t nr = 0;

	if (opt->nr_paths)
		return conf_load(opt->paths, opt->nr_paths, &conf, diags, ret);
	for (size_t i = 0; i < 2; i++)
		if (!access(standard[i], F_OK))
			found[nr++] = standard[i];
	return conf_load(found, nr, &conf, diags, ret);
}

/* What the file asks for and a running daemon cannot give is said, not silently different. */
static void note_unchangeable(const struct model *old, const struct model *m, struct diag_list *diags)
{
	if (old->flows != m->flows)
		diag_add(diags, DIAG_WARNING, NULL, NULL,
			 "the flow table keeps its size until 'xlbctl detach' of every interface and a restart",
			 "'flows' changed from %u to %u", old->flows, m->flows);
}

static void note_detached(const struct state *st, const struct model *m, struct diag_list *diags)
{
	const struct attach_want *was, *is;

	TAILQ_FOREACH(was, &st->model->attach, next) {
		bool still = false;

		TAILQ_FOREACH(is, &m->attach, next)
			still |= !strcmp(was->ifname, is->ifname);
		if (!still)
			diag_add(diags, DIAG_WARNING, NULL, NULL, "only 'xlbctl detach' takes xlb off an interface",
				 "interface '%s' is not named by 'attach' any more and stays attached", was->ifname);
	}
}

/* Servers that only a command knew end with the model that they were added to, as in HAProxy. */
static void note_dropped(const struct state *st, const struct model *m, struct diag_list *diags)
{
	const struct backend *b, *in;
	const struct server *s;

	TAILQ_FOREACH(b, &st->model->backends, next) {
		in = model_backend_find(m, b->name);
		TAILQ_FOREACH(s, &b->servers, next)
			if (!s->line && !(in && model_server_find(in, s->name)))
				diag_add(diags, DIAG_WARNING, NULL, NULL, "write it into the configuration to keep it",
					 "server %s/%s, added by command, is not in the files and is removed; its "
					 "flows go on",
					 b->name, s->name);
	}
}

static const struct acl_set *same_set(const struct model *m, const struct acl_set *set)
{
	const struct acl_set *s;

	TAILQ_FOREACH(s, &m->acl_sets, next)
		if (set->file ? s->file && !strcmp(s->file, set->file) : !s->file && s->id == set->id)
			return s;
	return NULL;
}

/* Patterns that a command added or removed are again those of the files, as in HAProxy. */
static void note_patterns(const struct state *st, const struct model *m, struct diag_list *diags)
{
	const struct acl_set *set, *in;

	TAILQ_FOREACH(set, &st->model->acl_sets, next) {
		in = set->base ? same_set(m, set) : NULL;
		if (in && !acl_set_equal(set, in))
			diag_add(diags, DIAG_WARNING, NULL, NULL, "write them into the file to keep them",
				 "patterns of ACL '%s', changed by command, are again those of the files",
				 set->file ? set->file : set->where);
	}
}

/* What of the new configuration comes about otherwise than it reads, or not at all. */
static void note_differences(const struct state *st, const struct model *m, struct diag_list *diags)
{
	note_unchangeable(st->model, m, diags);
	note_detached(st, m, diags);
	note_dropped(st, m, diags);
	note_patterns(st, m, diags);
}

static void swap_model(struct state *st, struct model *m, struct diag_list *diags)
{
	struct model *old = st->model;

	note_differences(st, m, diags);
	hosts_warn_listeners(m, diags);
	hosts_warn_forwarding(st, diags);
	st->model = m;
	checks_sync(st->checks);
	syslog_sync(st->syslog, m);
	pages_sync(st->pages, m, diags);
	control_sync(st->control, m, diags);
	hosts_attach_wanted(st->hosts, m, diags);
	model_free(old);
}

int reload_plan(struct state *st, struct delta *ret, struct diag_list *diags)
{
	struct model *m = NULL;
	int rc = reload_read(&st->opt, diags, NULL, &m);

	if (!rc) {
		model_inherit_run(m, st->model, state_now_ms());
		(void)model_follow_tracks(m);
		note_differences(st, m, diags);
		rc = delta_make(st->model, m, ret);
	}
	diag_add(diags, DIAG_NOTE, NULL, NULL, NULL,
		 rc ? "running configuration unchanged" :
		      "the configuration is valid; running configuration unchanged (dry run)");
	model_free(m);
	return rc;
}

int reload_run(struct state *st, struct diag_list *diags)
{
	struct model *m = NULL;
	size_t errors;
	int rc = reload_read(&st->opt, diags, NULL, &m);

	if (rc) {
		diag_add(diags, DIAG_NOTE, NULL, NULL, NULL, "running configuration unchanged");
		return rc;
	}
	place_notify("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)state_now_ms() * 1000);
	model_inherit_run(m, st->model, state_now_ms());
	rc = state_apply(st, m, diags);
	if (rc) {
		model_free(m);
		diag_add(diags, DIAG_NOTE, NULL, NULL, NULL, "running configuration unchanged");
	} else {
		errors = diags->nr[DIAG_ERROR];
		swap_model(st, m, diags);
		diag_add(diags, DIAG_NOTE, NULL, NULL, NULL, "the new configuration is in force%s",
			 diags->nr[DIAG_ERROR] > errors ? ", but for the errors above" : "");
	}
	place_notify("READY=1");
	return rc;
}
