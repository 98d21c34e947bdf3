/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opening and closing the data plane, and its counters.
 *
 * A daemon that starts finds nothing, the remains of a start that did not finish, or a data plane at work, which it
 * takes over: maps first, then the program of all interfaces, then the pin of the program.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_priv.h"

static int adopt(struct dp *dp, const struct dp_options *opt, struct diag_list *diags)
{
	int err = load_adopted(dp, opt, diags);

	if (err)
		return err;
	err = attach_recover(dp, diags);
	if (!err)
		err = attach_update(dp, diags);
	if (!err)
		dp->adopted = true;
	return err;
}

/*
 * Pins without an attached interface carry no traffic: they are adopted for their counters when they fit, and replaced
 * when they are of another version or size.
 */
static int adopt_or_replace(struct dp *dp, const struct dp_options *opt, struct diag_list *diags)
{
	struct diag_list quiet;
	bool fits;

	if (attach_any_live(dp))
		return adopt(dp, opt, diags);
	diag_init(&quiet);
	fits = !adopt(dp, opt, &quiet) && !quiet.nr[DIAG_WARNING];
	diag_fini(&quiet);
	if (fits)
		return 0;
	attach_close(dp);
	load_fini(dp);
	dp->adopted = false;
	diag_add(diags, DIAG_NOTE, NULL, "D0329", NULL,
		 "the tables in %s are of another version or size and no interface is attached: they are made afresh",
		 dp->paths.pin_dir);
	return load_fresh(dp, opt, diags);
}

int dp_open(const struct paths *paths, const struct dp_options *opt, struct diag_list *diags, struct dp **ret)
{
	enum pin_state state;
	struct dp *dp;
	int err;

	bpflog_capture(NULL);
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return -ENOMEM;
	dp->paths = *paths;
	dp->nr_cpus = libbpf_num_possible_cpus();
	dp->sweep = calloc(1, sizeof(*dp->sweep));
	err = dp->sweep ? tracked_init(dp) : -ENOMEM;
	if (!err && dp->nr_cpus <= 0)
		err = dp->nr_cpus ? dp->nr_cpus : -EIO;
	if (!err)
		err = pin_dir_prepare(paths, diags);
	if (!err)
		err = pin_dir_state(paths, diags, &state);
	if (!err)
		err = state == PIN_COMPLETE ? adopt_or_replace(dp, opt, diags) : load_fresh(dp, opt, diags);
	if (err) {
		dp_close(dp);
		return err;
	}
	dp->sweep->nr_started = 1;
	place_recover(dp);
	err = marks_init(dp);
	if (err) {
		dp_close(dp);
		return err;
	}
	*ret = dp;
	return 0;
}

void dp_close(struct dp *dp)
{
	if (!dp)
		return;
	attach_close(dp);
	load_fini(dp);
	free(dp->rings.freed);
	free(dp->wanted.list);
	free(dp->places.lingering);
	marks_fini(dp);
	tracked_fini(dp);
	free(dp->sweep);
	free(dp);
}

bool dp_was_adopted(const struct dp *dp)
{
	return dp->adopted;
}

int dp_read_reasons(struct dp *dp, uint64_t ret[XLB_R_MAX])
{
	memset(ret, 0, XLB_R_MAX * sizeof(*ret));
	for (int cpu = 0; cpu < dp->nr_cpus; cpu++)
		for (int reason = 0; reason < XLB_R_MAX; reason++)
			ret[reason] += counter_read(&dp->cpus[cpu].reasons[reason]);
	return 0;
}

/* All counters are 64 bits wide. */
static void add_stats(struct xlb_stats *sum, const struct xlb_stats *one)
{
	uint64_t words[sizeof(*sum) / sizeof(uint64_t)];

	memcpy(words, sum, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] += counter_read((const __u64 *)one + i);
	memcpy(sum, words, sizeof(words));
}

int dp_read_service_stats(struct dp *dp, uint16_t id, struct xlb_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (int cpu = 0; cpu < dp->nr_cpus; cpu++)
		add_stats(ret, &dp->cpus[cpu].services[id % XLB_MAX_SERVICES]);
	return 0;
}

int dp_read_server_stats(struct dp *dp, uint16_t id, struct xlb_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (int cpu = 0; cpu < dp->nr_cpus; cpu++)
		add_stats(ret, &dp->cpus[cpu].servers[id % XLB_MAX_SERVERS]);
	return 0;
}
