/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows ended, counted and listed, and what lives as long as they do. */
#include "base/buf.h"
#include "dp_image.h"

/* Writes a flow of two entries into the table: request in slot 'at', reply in slot 'at' + 1. */
static void put_flow(struct dp *dp, uint32_t at, uint16_t server, uint32_t flags, uint32_t seen)
{
	struct xlb_flow *request = &dp->flows[at / 16].slot[at % 16],
			*reply = &dp->flows[(at + 1) / 16].slot[(at + 1) % 16];

	*request = (struct xlb_flow){ .saddr = 1,
				      .daddr = 2,
				      .sport = (uint16_t)at,
				      .dport = 80,
				      .proto = 6,
				      .kind = XLB_FLOW_REQUEST,
				      .new_saddr = 3,
				      .new_daddr = 4,
				      .new_sport = 50,
				      .new_dport = 8080,
				      .server = server,
				      .service = 1,
				      .peer = at + 1,
				      .seen = seen,
				      .word = 0x30000 | XLB_F_LIVE | flags };
	*reply = (struct xlb_flow){ .saddr = 4,
				    .daddr = 3,
				    .sport = 8080,
				    .dport = 50,
				    .proto = 6,
				    .kind = XLB_FLOW_REPLY,
				    .new_saddr = 2,
				    .new_daddr = 1,
				    .new_sport = 80,
				    .new_dport = (uint16_t)at,
				    .server = server,
				    .service = 1,
				    .peer = at,
				    .seen = seen,
				    .word = 0x70000 | XLB_F_LIVE | flags };
}

static bool is_live(const struct dp *dp, uint32_t at)
{
	return dp->flows[at / 16].slot[at % 16].word & XLB_F_LIVE;
}

static void dp_sweep__idle_flows__both_entries_end(void **state)
{
	const uint32_t open = XLB_F_CLIENT_ACK | XLB_F_ANSWERED;
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct dp_usage usage;
	uint32_t now;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	now = dp_now_tick(dp);
	put_flow(dp, 0, 1, 0, now - 15);      /* half open, 10 ticks allowed */
	put_flow(dp, 100, 1, open, now - 15); /* established, 1000 allowed */
	put_flow(dp, 201, 2, open, now - 2000);
	put_flow(dp, 301, 2, open | XLB_F_RST, now - 3);			    /* closed, 5 allowed */
	put_flow(dp, 401, 3, open | XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN, now - 10); /* closing, 20 allowed */
	put_flow(dp, 4094, 4, open, now + 1);	/* touched after our clock was read */
	put_flow(dp, 501, 5, open, now - 2000); /* the reply direction still speaks */
	dp->flows[502 / 16].slot[502 % 16].seen = now;
	sweep_all(dp);

	assert_false(is_live(dp, 0) || is_live(dp, 1) || is_live(dp, 201) || is_live(dp, 202));
	assert_true(is_live(dp, 100) && is_live(dp, 101) && is_live(dp, 301) && is_live(dp, 401) && is_live(dp, 4095));
	assert_true(is_live(dp, 501) && is_live(dp, 502));
	assert_int_equal(dp->flows[0].slot[0].word, 0x30000); /* the version is the program's */
	dp_usage(dp, &usage);
	assert_int_equal(usage.used, 5);
	assert_int_equal(dp_active_of_server(dp, 1), 1);
	assert_int_equal(dp_active_of_server(dp, 2), 0);
	assert_int_equal(dp_active_of_server(dp, 3), 0);
	assert_int_equal(dp_active_of_server(dp, 4), 1);
	assert_int_equal(dp_active_of_service(dp, 1), 3);
	image_free(img);
	dp_close(dp);
}

static void dp_sweep__peer_reused__left_alone(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	uint32_t now;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	now = dp_now_tick(dp);
	put_flow(dp, 0, 1, 0, now - 100);
	dp->flows[0].slot[1].sport = 9999; /* another flow's entry by now */
	dp->flows[0].slot[1].seen = now;
	sweep_all(dp);
	assert_false(is_live(dp, 0));
	assert_true(is_live(dp, 1));
	image_free(img);
	dp_close(dp);
}

static void dp_server_unreferenced__removed__only_after_a_whole_sweep(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 1), *b = make_image(1, 0x3a, 1);

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_false(dp_server_unreferenced(dp, 2)); /* no sweep yet */
	put_flow(dp, 64, 2, XLB_F_RST, dp_now_tick(dp));
	sweep_all(dp);
	assert_false(dp_server_unreferenced(dp, 2));
	assert_false(dp_service_unreferenced(dp, 1));
	assert_true(dp_server_unreferenced(dp, 3));
	dp->flows[4].slot[0].word = dp->flows[4].slot[1].word = 0;
	sweep_all(dp);
	dp_sweep(dp, 1000);
	put_flow(dp, 64, 2, XLB_F_RST, dp_now_tick(dp)); /* where the sweep has been, before the removal */
	assert_int_equal(apply(dp, a, b), 0);
	while (!dp_sweep(dp, 1000))
		;
	assert_false(dp_server_unreferenced(dp, 2));
	sweep_all(dp);
	assert_false(dp_server_unreferenced(dp, 2));
	dp->flows[4].slot[0].word = dp->flows[4].slot[1].word = 0;
	sweep_all(dp);
	assert_true(dp_server_unreferenced(dp, 2));
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static bool count_flow(void *arg, const struct xlb_flow *flow, uint32_t idle_ticks)
{
	assert_int_equal(flow->kind, XLB_FLOW_REQUEST);
	assert_in_range(idle_ticks, 7, 300);
	return ++*(int *)arg < 3;
}

static bool count_any_flow(void *arg, const struct xlb_flow *flow, uint32_t idle_ticks)
{
	(void)flow;
	(void)idle_ticks;
	++*(int *)arg;
	return true;
}

static bool has_port_60(void *arg, const struct xlb_flow *flow)
{
	(void)arg;
	return flow->sport == 60;
}

static void dp_next_retired__removed_server_with_flows__listed_and_followed(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 1), *b = make_image(1, 0x36, 1);
	struct next_hop hop = { .oif = 3, .dmac = { 2, 0, 0, 0, 0, 9 }, .smac = { 2, 0, 0, 0, 0, 8 } };
	struct addr addr;

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_int_equal(apply(dp, a, b), 0);
	put_flow(dp, 64, 3, XLB_F_CLIENT_ACK | XLB_F_ANSWERED, dp_now_tick(dp));
	sweep_all(dp);
	sweep_all(dp);
	assert_int_equal(dp_next_retired(dp, 0, &addr), 3);
	assert_int_equal(addr.v4.s_addr, 3);
	assert_int_equal(dp_next_retired(dp, 3, &addr), 0);
	dp_set_retired_hop(dp, 3, &hop);
	dp_set_retired_hop(dp, 2, &hop); /* in use: the image's affair */
	assert_int_equal(dp->servers[3].dmac[5], 9);
	assert_int_equal(dp->servers[3].oif, 3);
	assert_int_equal(dp->servers[2].oif, 0);
	memset(hop.dmac, 0, sizeof(hop.dmac));
	dp_set_retired_hop(dp, 3, &hop);
	assert_int_equal(dp->servers[3].dmac[5], 9);
	assert_int_equal(dp_kill_flows(dp, 3), 1);
	sweep_all(dp);
	assert_int_equal(dp_next_retired(dp, 0, &addr), 0);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

/* What a program that the verifier refuses leaves behind: a message that names the file with the verifier's words. */
static void bpflog_report_load__verifier_log__kept_in_the_state_directory(void **state)
{
	struct buf log = { 0 };
	char text[64] = "";
	FILE *f;

	(void)state;
	buf_printf(&log, "libbpf: prog 'xlb_xdp': R1 invalid mem access\nlibbpf: Kernel error message: no room\n");
	bpflog_report_load(&scene_paths, &log, -EACCES, &scene_diags);
	assert_true(was_said("/state/verifier.log"));
	f = fopen("state/verifier.log", "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, "libbpf: prog 'xlb_xdp': R1 invalid mem access\n");
	fclose(f);
	buf_fini(&log);
	snprintf(scene_paths.state_dir, sizeof(scene_paths.state_dir), "/nonexistent");
	bpflog_report_load(&scene_paths, &log, -EACCES, &scene_diags);
	assert_true(was_said("could not be kept"));
	bpflog_report_load(&scene_paths, &log, -EPERM, &scene_diags);
	assert_true(was_said("CAP_BPF"));
}

/* Covered by the address's filter, as the program sees it? */
static bool bloom_has(const struct xlb_addr *a, const struct xlb_vip *vip)
{
	uint32_t bit = xlb_port_bit(vip->port, vip->proto);

	return a && a->bloom[bit / 32] >> bit % 32 & 1;
}

static void dp_apply__bind_and_source_gone__stay_for_their_flows(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(2, 0x3e, 1), *b = make_image(1, 0x3e, 1);
	struct xlb_vip gone = a->binds[1].vip;
	__be32 source = a->binds[0].vip.addr;
	uint32_t now;

	(void)state;
	a->addrs[0].rec.pool_lo = 2000;
	a->addrs[0].rec.pool_hi = 3000;
	b->addrs[0].rec.pool_lo = 2500;
	b->addrs[0].rec.pool_hi = 3500;
	assert_int_equal(apply(dp, NULL, a), 0);
	dp_sweep(dp, 1000); /* the sweep under way has been where the flow appears */
	now = dp_now_tick(dp);
	put_flow(dp, 0, 1, XLB_F_CLIENT_ACK | XLB_F_ANSWERED, now);
	dp->flows[0].slot[0].daddr = dp->flows[0].slot[1].new_saddr = gone.addr;
	dp->flows[0].slot[0].dport = dp->flows[0].slot[1].new_sport = gone.port;
	dp->flows[0].slot[0].new_saddr = dp->flows[0].slot[1].daddr = source;
	dp->flows[0].slot[0].new_sport = dp->flows[0].slot[1].dport = htons(2100);
	assert_int_equal(apply(dp, a, b), 0);
	assert_int_equal(lookup_vip(dp, &gone), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(bloom_has(lookup_addr(dp, gone.addr), &gone));
		assert_int_equal(lookup_addr(dp, source)->pool_lo, 2000);
		assert_int_equal(lookup_addr(dp, source)->pool_hi, 3500);
		while (!dp_sweep(dp, 1000))
			;
	}
	dp->flows[0].slot[0].word &= ~(uint32_t)XLB_F_LIVE; /* the reply alone still holds the range */
	sweep_all(dp);
	sweep_all(dp);
	assert_int_equal(lookup_addr(dp, source)->pool_lo, 2000);
	dp->flows[0].slot[1].word &= ~(uint32_t)XLB_F_LIVE;
	sweep_all(dp);
	assert_int_equal(lookup_addr(dp, source)->pool_lo, 2500);
	assert_false(bloom_has(lookup_addr(dp, gone.addr), &gone));
	expect_tables(dp, b);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_kill_flows__one_server__its_flows_alone(void **state)
{
	struct dp *dp = open_dp();
	int listed = 0;
	uint64_t cursor = 0;
	uint32_t now = dp_now_tick(dp);

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		put_flow(dp, i * 20, i % 2 ? 1 : 2, 0, now - 7);
	dp->flows[0].slot[0].seen = now - 5000; /* the server's side has spoken since */
	assert_true(dp_flows_from(dp, &cursor, SIZE_MAX, count_flow, &listed));
	assert_int_equal(listed, 3);
	assert_int_equal(cursor, 41); /* goes on behind the third */
	listed = 0;
	assert_true(dp_flows_from(dp, &cursor, 20, count_flow, &listed));
	assert_int_equal(listed, 1);
	assert_false(dp_flows_from(dp, &cursor, SIZE_MAX, count_any_flow, &listed));
	assert_int_equal(listed, 7);
	assert_int_equal(dp_kill_matching(dp, has_port_60, NULL), 1);
	assert_false(is_live(dp, 60) || is_live(dp, 61));
	put_flow(dp, 60, 1, 0, now - 7);
	assert_int_equal(dp_kill_flows(dp, 1), 5);
	assert_int_equal(dp_kill_flows(dp, 1), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(is_live(dp, i * 20) == !(i % 2) && is_live(dp, i * 20 + 1) == !(i % 2));
	dp_close(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dp_sweep__idle_flows__both_entries_end),
		CASE(dp_sweep__peer_reused__left_alone),
		CASE(dp_server_unreferenced__removed__only_after_a_whole_sweep),
		CASE(dp_next_retired__removed_server_with_flows__listed_and_followed),
		CASE(bpflog_report_load__verifier_log__kept_in_the_state_directory),
		CASE(dp_apply__bind_and_source_gone__stay_for_their_flows),
		CASE(dp_kill_flows__one_server__its_flows_alone),
	};
	int failed;

	if (!scene_enter()) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_leave();
	return failed;
}
