/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows ended, counted and listed, and what lives as long as they do. */
#include "base/buf.h"
#include "dp_image.h"
#include "light.h"

static void dp_sweep__idle_flows__both_entries_end(void **state)
{
	const uint32_t open = XLB_F_CLIENT_ACK | XLB_F_ANSWERED | XLB_F_COUNTED;
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct put half, established, late, reset, closing, touched, one_side;
	struct dp_usage usage;
	uint32_t now;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	now = dp_now_tick(dp);
	half = put_flow(dp, 1, 1, XLB_F_COUNTED, now - 15); /* 10 ticks allowed */
	established = put_flow(dp, 2, 1, open, now - 15);   /* 1000 allowed */
	late = put_flow(dp, 3, 2, open, now - 2000);
	reset = put_flow(dp, 4, 2, XLB_F_CLIENT_ACK | XLB_F_ANSWERED | XLB_F_RST, now - 3);	      /* 5 allowed */
	closing = put_flow(dp, 5, 3, XLB_F_ANSWERED | XLB_F_CLIENT_FIN | XLB_F_SERVER_FIN, now - 10); /* 20 allowed */
	touched = put_flow(dp, 6, 4, open, now + 1);	 /* after our clock was read */
	one_side = put_flow(dp, 7, 5, open, now - 2000); /* the reply direction still speaks */
	one_side.reply->seen = XLB_SEEN(now, 0);
	sweep_all(dp);

	assert_false(is_live(half.request) || is_live(half.reply) || is_live(late.request) || is_live(late.reply));
	assert_true(is_live(established.request) && is_live(established.reply) && is_live(reset.request));
	assert_true(is_live(closing.request) && is_live(touched.reply));
	assert_true(is_live(one_side.request) && is_live(one_side.reply));
	assert_int_equal(half.request->word, 0x30000); /* the version is the program's */
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

/* The IPv4 table holds 'nr' flows in its first slots, of one entry or two, or as many as it has slots. */
static void fill_flows(struct dp *dp, size_t nr, bool two_entries)
{
	const size_t ways = XLB_BUCKET_LINES * XLB_FLOW4_WAYS, slots = dp->meta.nr_buckets * ways;

	for (size_t i = 0; i < slots; i++) {
		struct xlb_flow_body *b = &dp->flows[i / ways].slot[i % ways].b;
		bool is_reply = two_entries && i % 2;

		b->server = b->service = 1;
		b->seen = XLB_SEEN(dp_now_tick(dp), 0);
		b->proto = IPPROTO_TCP;
		b->kind = is_reply ? XLB_FLOW_REPLY : XLB_FLOW_REQUEST;
		b->word = (two_entries ? i / 2 : i) < nr ? XLB_F_LIVE : 0;
	}
}

/* More flows than the tables were made for: those of servers that answer directly, and then a flood. */
static void dp_usage__any_number_of_flows__never_above_the_capacity(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct dp_usage usage;
	uint64_t planned;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	sweep_all(dp);
	dp_usage(dp, &usage);
	planned = usage.capacity;
	assert_int_equal(usage.used, 0);
	fill_flows(dp, 400, true);
	sweep_all(dp);
	dp_usage(dp, &usage);
	assert_int_equal(usage.used, 400);
	assert_in_range(usage.capacity, planned - 1, planned); /* two entries each, as planned */
	fill_flows(dp, 400, false);
	sweep_all(dp);
	dp_usage(dp, &usage);
	assert_int_equal(usage.used, 400);
	assert_in_range(usage.capacity, planned + 199, planned + 200); /* they take half the place */
	fill_flows(dp, SIZE_MAX, false);
	sweep_all(dp);
	dp_usage(dp, &usage);
	assert_true(usage.used > planned);
	assert_in_range(usage.capacity, usage.used, usage.used + 256); /* and those of the other family */
	image_free(img);
	dp_close(dp);
}

static void dp_sweep__peer_reused__left_alone(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct put flow;
	uint32_t now;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	now = dp_now_tick(dp);
	flow = put_flow(dp, 1, 1, 0, now - 100);
	((struct xlb_flow4 *)((char *)flow.reply - offsetof(struct xlb_flow4, b)))->cport =
		9; /* another flow's by now */
	flow.reply->seen = XLB_SEEN(now, 0);
	sweep_all(dp);
	assert_false(is_live(flow.request));
	assert_true(is_live(flow.reply));
	image_free(img);
	dp_close(dp);
}

/* Ticks are told by 24 bits: a flow from before they wrapped is as old as it is. */
static void dp_sweep__ticks_wrap__idle_time_right(void **state)
{
	assert_int_equal(xlb_flow_idle(XLB_SEEN(0xfffff0, 0), 0x1000005), 0x15);
	assert_int_equal(xlb_flow_idle(XLB_SEEN(0x000005, 7), 0x2fffff0), 0);
	(void)state;
}

/* A count that a killed daemon left too high comes right; one that only moves is let alone. */
static void dp_sweep__count_wrong_and_still__mended(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	put_flow(dp, 1, 1, XLB_F_CLIENT_ACK | XLB_F_ANSWERED | XLB_F_COUNTED, dp_now_tick(dp));
	dp->load[1].active += 2;
	dp->svc_load[1].active = 0;
	for (int i = 0; i < 6; i++) {
		dp->load[2].active = 10 + (uint32_t)i; /* flows are coming */
		sweep_all(dp);
		if (i < 2)
			assert_int_equal(dp_active_of_server(dp, 1), 3);
	}
	assert_int_equal(dp_active_of_server(dp, 1), 1);
	assert_int_equal(dp_active_of_service(dp, 1), 1);
	assert_int_equal(dp_active_of_server(dp, 2), 15);
	image_free(img);
	dp_close(dp);
}

/* Few of them are let lie; when they are many, those of no flow go after two sweeps, with a new epoch. */
static void dp_sweep__many_next_hops_of_no_flow__freed_after_two_sweeps(void **state)
{
	enum { FEW = XLB_MAX_NEXTHOPS / 16 - 1 };
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct put flow;
	uint32_t epoch;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	flow = put_flow(dp, 1, 1, XLB_F_CLIENT_ACK | XLB_F_ANSWERED, dp_now_tick(dp));
	flow.reply->hop = 700;
	dp->nexthops[700] = (struct xlb_nexthop){ .oif = 1, .claim = 1 };
	for (int i = 0; i < FEW; i++)
		dp->nexthops[1000 + i] = (struct xlb_nexthop){ .oif = 1, .claim = 1 };
	sweep_all(dp);
	sweep_all(dp);
	epoch = dp->control->epoch;
	assert_int_equal(dp->nexthops[1000].oif, 1);
	dp->nexthops[900] = (struct xlb_nexthop){ .oif = 1, .claim = 1 };
	sweep_all(dp);
	assert_int_equal(dp->nexthops[1000].oif, 0);
	assert_int_equal(dp->nexthops[1000].claim, 0);
	assert_int_equal(dp->nexthops[700].oif, 1);
	assert_int_equal(dp->control->epoch, epoch + 1);
	image_free(img);
	dp_close(dp);
}

static void end_put(struct put flow)
{
	flow.request->word &= ~(uint32_t)XLB_F_LIVE;
	flow.reply->word &= ~(uint32_t)XLB_F_LIVE;
}

static void dp_server_unreferenced__removed__only_after_a_whole_sweep(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 1), *b = make_image(1, 0x3a, 1);
	struct put flow;

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_false(dp_server_unreferenced(dp, 2)); /* no sweep yet */
	flow = put_flow(dp, 64, 2, XLB_F_RST, dp_now_tick(dp));
	sweep_all(dp);
	assert_false(dp_server_unreferenced(dp, 2));
	assert_false(dp_service_unreferenced(dp, 1));
	assert_true(dp_server_unreferenced(dp, 3));
	end_put(flow);
	sweep_all(dp);
	while (dp->sweep->cursor < flow_nr_slots(dp) - 1)
		dp_sweep(dp, flow_nr_slots(dp) - 1);
	flow = put_flow(dp, 64, 2, XLB_F_RST, dp_now_tick(dp)); /* where the sweep has been, before the removal */
	assert_int_equal(apply(dp, a, b), 0);
	while (!dp_sweep(dp, 1000))
		;
	assert_false(dp_server_unreferenced(dp, 2));
	sweep_all(dp);
	assert_false(dp_server_unreferenced(dp, 2));
	end_put(flow);
	sweep_all(dp);
	assert_true(dp_server_unreferenced(dp, 2));
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static bool count_flow(void *arg, const struct dp_flow *flow)
{
	assert_in_range(flow->idle_ticks, 7, 300);
	assert_int_equal(flow->client.v4.s_addr & htonl(0xffffff00), htonl(0xc0000200));
	assert_int_equal(flow->vip_port, 1000);
	assert_int_equal(flow->server_port, 1000);
	assert_int_equal(flow->server_addr.v4.s_addr, flow->server);
	assert_int_equal(flow->source.v4.s_addr, SOURCE);
	return ++*(int *)arg < 3;
}

static bool count_any_flow(void *arg, const struct dp_flow *flow)
{
	(void)flow;
	++*(int *)arg;
	return true;
}

static bool has_source_5003(void *arg, const struct dp_flow *flow)
{
	(void)arg;
	return flow->source_port == 5003;
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
static bool bloom_has(const struct xlb_addr *a, const struct image_bind *bind)
{
	uint32_t bit = xlb_port_bit(bind->port, bind->proto);

	return a && a->bloom[bit / 32] >> bit % 32 & 1;
}

static void dp_apply__bind_and_source_gone__stay_for_their_flows(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(2, 0x3e, 1), *b = make_image(2, 0x3e, 1);
	struct image_bind gone = a->binds[0];
	struct put flow;

	(void)state;
	for (int i = 0; i < 2; i++) { /* the flow's source port is 5001 */
		struct image *img = i ? b : a;

		for (int s = 1; s <= NR_SERVERS; s++)
			img->servers[s].source[0] = img->addrs[1].rec.addr[0];
		img->addrs[1].rec.pool_lo = i ? 5500 : 5000;
		img->addrs[1].rec.pool_hi = i ? 6500 : 6000;
	}
	b->nr_binds = 1;
	b->binds[0] = b->binds[1];
	memset(b->addrs[0].rec.bloom, 0, sizeof(b->addrs[0].rec.bloom));
	b->addrs[0].rec.flags = 0;
	memmove(&b->addrs[0], &b->addrs[1], sizeof(b->addrs[0]));
	b->nr_addrs = 1;
	assert_int_equal(apply(dp, NULL, a), 0);
	while (dp->sweep->cursor < flow_nr_slots(dp) - 1) /* the sweep under way has been where the flow appears */
		dp_sweep(dp, flow_nr_slots(dp) - 1);
	flow = put_flow(dp, 1, 1, XLB_F_CLIENT_ACK | XLB_F_ANSWERED, dp_now_tick(dp));
	assert_int_equal(apply(dp, a, b), 0);
	assert_int_equal(lookup_vip(dp, &gone), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(bloom_has(lookup_addr(dp, gone.addr[0]), &gone));
		assert_int_equal(lookup_addr(dp, b->addrs[0].rec.addr[0])->pool_lo, 5000);
		assert_int_equal(lookup_addr(dp, b->addrs[0].rec.addr[0])->pool_hi, 6500);
		while (!dp_sweep(dp, 1000))
			;
	}
	flow.request->word &= ~(uint32_t)XLB_F_LIVE; /* the reply alone still holds the range */
	sweep_all(dp);
	sweep_all(dp);
	assert_int_equal(lookup_addr(dp, b->addrs[0].rec.addr[0])->pool_lo, 5000);
	flow.reply->word &= ~(uint32_t)XLB_F_LIVE;
	sweep_all(dp);
	assert_int_equal(lookup_addr(dp, b->addrs[0].rec.addr[0])->pool_lo, 5500);
	assert_false(bloom_has(lookup_addr(dp, gone.addr[0]), &gone));
	expect_tables(dp, b);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_kill_flows__one_server__its_flows_alone(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct put flows[10];
	int listed = 0;
	uint64_t cursor = 0;
	uint32_t now;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	now = dp_now_tick(dp);
	for (uint32_t i = 0; i < 10; i++)
		flows[i] = put_flow(dp, i, i % 2 ? 1 : 2, XLB_F_COUNTED, now - 7);
	flows[0].request->seen = XLB_SEEN(now - 5000, 0); /* the server's side has spoken since */
	assert_true(dp_flows_from(dp, &cursor, SIZE_MAX, count_flow, &listed));
	assert_int_equal(listed, 3);
	listed = 0;
	while (dp_flows_from(dp, &cursor, 20, count_any_flow, &listed)) /* goes on behind the third */
		;
	assert_int_equal(listed, 7);
	assert_int_equal(dp_active_of_server(dp, 1), 5);
	assert_int_equal(dp_kill_matching(dp, has_source_5003, NULL), 1);
	assert_false(is_live(flows[3].request) || is_live(flows[3].reply));
	assert_int_equal(dp_active_of_server(dp, 1), 4);
	flows[3] = put_flow(dp, 3, 1, XLB_F_COUNTED, now - 7);
	assert_int_equal(dp_kill_flows(dp, 1), 5);
	assert_int_equal(dp_kill_flows(dp, 1), 0);
	assert_int_equal(dp_active_of_server(dp, 1), 0);
	assert_int_equal(dp_active_of_server(dp, 2), 5);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(is_live(flows[i].request) == !(i % 2) && is_live(flows[i].reply) == !(i % 2));
	image_free(img);
	dp_close(dp);
}

/* Entries of the other table, found from both sides. */
static void flow_peer__ipv6__found(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(1, 0x3e, 1);
	struct xlb_flow6 flow = { .client = { 1, 2, 3, 4 }, .vip = { 5, 6, 7, 8 }, .cport = 9, .vport = 10 };
	__be32 addr[4] = { 11, 12, 13, 14 }, source[4] = { 15, 16, 17, 18 };
	struct flow copy, other, peer;
	size_t first, at[2];
	uint32_t other_bucket;
	uint64_t hash[2];

	(void)state;
	img->servers[1].family = 6;
	memcpy(img->servers[1].addr, addr, sizeof(addr));
	memcpy(img->servers[1].source, source, sizeof(source));
	assert_int_equal(apply(dp, NULL, img), 0);
	first = flow_nr_slots(dp) - (size_t)dp->meta.nr_buckets6 * XLB_BUCKET_LINES;
	flow.b = (struct xlb_flow_body){ .server = 1, .service = 1, .proto = 17, .sport = 20, .word = XLB_F_LIVE };
	hash[1] = xlb_flow_hash6(dp->meta.secrets, addr, source, pair(10, 20), 17);
	other_bucket = xlb_flow_bucket(hash[1], dp->meta.nr_buckets6);
	do { /* so that they do not meet in one line */
		flow.cport++;
		hash[0] = xlb_flow_hash6(dp->meta.secrets, flow.client, flow.vip, pair(flow.cport, 10), 17);
	} while (xlb_flow_bucket(hash[0], dp->meta.nr_buckets6) == other_bucket);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t bucket = xlb_flow_bucket(hash[i], dp->meta.nr_buckets6), home = xlb_flow_home(hash[i]);
		uint32_t line = (home + 5 + i) % XLB_BUCKET_LINES;
		uint16_t homes = dp->flows6[bucket].slot[line].b.homes;

		dp->flows6[bucket].slot[line] = flow;
		dp->flows6[bucket].slot[line].b.kind = (uint8_t)(i | home << XLB_KIND_HOME_SHIFT);
		dp->flows6[bucket].slot[line].b.homes = homes;
		dp->flows6[bucket].slot[home].b.homes |= (uint16_t)(1u << (5 + i));
		at[i] = first + bucket * XLB_BUCKET_LINES + line;
	}
	for (int i = 0; i < 2; i++) {
		assert_non_null(flow_read(dp, at[i], &copy));
		assert_int_equal(copy.family, 6);
		assert_ptr_equal(flow_peer(dp, &copy, &other), flow_read(dp, at[!i], &peer));
	}
	image_free(img);
	dp_close(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dp_sweep__idle_flows__both_entries_end),
		CASE(dp_usage__any_number_of_flows__never_above_the_capacity),
		CASE(dp_sweep__peer_reused__left_alone),
		CASE(dp_sweep__ticks_wrap__idle_time_right),
		CASE(dp_sweep__count_wrong_and_still__mended),
		CASE(dp_sweep__many_next_hops_of_no_flow__freed_after_two_sweeps),
		CASE(dp_server_unreferenced__removed__only_after_a_whole_sweep),
		CASE(dp_next_retired__removed_server_with_flows__listed_and_followed),
		CASE(bpflog_report_load__verifier_log__kept_in_the_state_directory),
		CASE(dp_apply__bind_and_source_gone__stay_for_their_flows),
		CASE(dp_kill_flows__one_server__its_flows_alone),
		CASE(flow_peer__ipv6__found),
	};
	int failed;

	if (!scene_enter()) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	light_programs();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_leave();
	return failed;
}
