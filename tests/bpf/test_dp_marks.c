/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is placed beside the records: tables of stateless backends and their marks, ranges, ways back, stick tables. */
#include "dp_image.h"
#include "light.h"
#include "model/slot.h"

enum { LEN = 1021, CLIENT_ACK = XLB_F_CLIENT_ACK | XLB_F_ANSWERED };

/* One stateless backend whose slot i has server ids[i % nr]. */
static struct image *make_maglev(const uint16_t *ids, size_t nr)
{
	struct image *img = make_image(1, 0x3e, 1);

	free(img->rings[1].ids);
	img->rings[1] = (struct image_ring){ .ids = calloc(LEN, sizeof(uint16_t)), .len = LEN, .alg = XLB_ALG_MAGLEV };
	for (size_t i = 0; i < LEN; i++)
		img->rings[1].ids[i] = ids[i % nr];
	img->backends[1].flags = XLB_BE_STATELESS;
	img->backends[1].seed[0] = img->backends[1].seed[1] = 0x9e3779b97f4a7c15;
	img->backends[1].parts = XLB_HASH_SRC;
	img->backends[1].mask4 = 32;
	xlb_backend_set_masks(&img->backends[1]);
	img->services[1].flags |= XLB_SVC_STATELESS;
	for (int state = 0; state < XLB_NR_STATES; state++)
		img->services[1].timeout[state] = 4;
	for (int s = 1; s <= NR_SERVERS; s++)
		img->servers[s].mode = XLB_MODE_L2DSR;
	return img;
}

static struct slot slot_at(const struct dp *dp, size_t i)
{
	uint32_t first = XLB_RING_FIRST(dp->backends[1].ring);

	return (struct slot){ *ring_entry(dp->ring, first, i), *ring_entry(dp->marks, first, i) };
}

static void expect_slots(const struct dp *dp, uint16_t server, uint16_t mark, uint16_t previous)
{
	for (size_t i = 0; i < LEN; i++) {
		assert_int_equal(slot_at(dp, i).word, server | mark);
		if (mark == XLB_SLOT_YOUNG)
			assert_int_equal(slot_at(dp, i).previous, previous);
	}
}

/* As if the marks were made that many ticks ago. */
static void let_pass(struct dp *dp, uint32_t ticks)
{
	for (size_t i = 0; i < LEN; i++)
		dp->mark_state.since[(size_t)XLB_RING_FIRST(dp->backends[1].ring) * XLB_RING_WAYS + i] -= ticks;
}

static void dp_apply__stateless_change__in_place_and_young(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_maglev((uint16_t[]){ 1, 2 }, 2), *b = make_maglev((uint16_t[]){ 3, 2 }, 2);
	uint64_t ring;

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	ring = dp->backends[1].ring;
	assert_int_equal(XLB_RING_ALG(ring), XLB_ALG_MAGLEV);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(slot_at(dp, i).word, 1 + i % 2); /* a new backend has no flows from before */
	assert_int_equal(apply(dp, a, b), 0);
	assert_int_equal(dp->backends[1].ring, ring);
	for (size_t i = 0; i < LEN; i++) {
		assert_int_equal(slot_at(dp, i).word, i % 2 ? 2 : 3 | XLB_SLOT_YOUNG);
		if (i % 2 == 0)
			assert_int_equal(slot_at(dp, i).previous, 1);
	}
	assert_int_equal(apply(dp, b, a), 0);
	assert_int_equal(slot_at(dp, 0).word, 1 | XLB_SLOT_YOUNG);
	assert_int_equal(slot_at(dp, 0).previous, 1);
	expect_tables(dp, a); /* marks are no part of the image */
	image_free(a);
	image_free(b);
	dp_close(dp);
}

/* A recorded flow to server 1, found by the sweep by hash; 'client' names its slot. */
static struct put put_record(struct dp *dp, uint32_t client)
{
	struct put flow = put_flow(dp, client, 1, CLIENT_ACK | XLB_F_RECORD, dp_now_tick(dp));

	flow.reply->word = 0;
	return flow;
}

static size_t nr_marked(const struct dp *dp)
{
	size_t nr = 0;

	for (size_t i = 0; i < LEN; i++)
		nr += !!(slot_at(dp, i).word & XLB_SLOT_MARK);
	return nr;
}

static void marks_turn__time_passes__old_then_gone_but_for_records(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_maglev((uint16_t[]){ 1 }, 1), *b = make_maglev((uint16_t[]){ 3 }, 1);
	struct put flow;

	(void)state;
	for (int i = 0; i < 2; i++)
		(i ? b : a)->services[1].timeout[XLB_S_ESTABLISHED] = 100000;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_int_equal(apply(dp, a, b), 0);
	sweep_all(dp);
	expect_slots(dp, 3, XLB_SLOT_YOUNG, 1);
	assert_false(dp_server_unreferenced(dp, 1)); /* flows that nobody knows may be with it */
	flow = put_record(dp, 1);
	let_pass(dp, 100001);
	sweep_all(dp);
	expect_slots(dp, 3, XLB_SLOT_YOUNG, 1); /* the margin */
	let_pass(dp, 10);
	sweep_all(dp);
	expect_slots(dp, 3, XLB_SLOT_OLD, 1);
	sweep_all(dp);
	assert_int_equal(nr_marked(dp), 1);	     /* the slot of the record */
	assert_false(dp_server_unreferenced(dp, 1)); /* by the record */
	sweep_all(dp);
	assert_int_equal(nr_marked(dp), 1);
	flow.request->server = 3; /* agrees */
	sweep_all(dp);
	assert_int_equal(nr_marked(dp), 0);
	sweep_all(dp);
	assert_true(dp_server_unreferenced(dp, 1));
	image_free(a);
	image_free(b);
	dp_close(dp);
}

/* Flows of before have no entries that the table knows of, or entries that it would not ask: all slots are unknown. */
static void dp_apply__becomes_stateless__every_slot_young(void **state)
{
	struct dp *dp = open_dp();
	struct image *rr = make_image(1, 0x3e, 1), *a = make_maglev((uint16_t[]){ 2 }, 1);
	struct image *stateful = make_maglev((uint16_t[]){ 2 }, 1);

	(void)state;
	stateful->backends[1].flags = 0;
	assert_int_equal(apply(dp, NULL, rr), 0);
	assert_int_equal(apply(dp, rr, a), 0);
	expect_slots(dp, 2, XLB_SLOT_YOUNG, 2);
	assert_int_equal(apply(dp, a, stateful), 0);
	expect_slots(dp, 2, 0, 0);
	assert_int_equal(apply(dp, stateful, a), 0);
	expect_slots(dp, 2, XLB_SLOT_YOUNG, 2);
	image_free(rr);
	image_free(a);
	image_free(stateful);
	dp_close(dp);
}

static void dp_open__marks_of_another_daemon__count_as_new(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_maglev((uint16_t[]){ 1 }, 1), *b = make_maglev((uint16_t[]){ 3 }, 1), *found;
	struct image_ids *ids = image_ids_new();

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_int_equal(apply(dp, a, b), 0);
	let_pass(dp, 1000);
	dp_close(dp);
	dp = open_dp();
	assert_true(dp_was_adopted(dp));
	assert_int_equal(dp_adopt_ids(dp, ids), 0);
	assert_int_equal(image_ids_maglev_len(ids, 1), LEN);
	assert_int_equal(dp_read_image(dp, &found), 0);
	assert_int_equal(found->rings[1].ids[5], 3);
	assert_int_equal(found->rings[1].alg, XLB_ALG_MAGLEV);
	sweep_all(dp);
	expect_slots(dp, 3, XLB_SLOT_YOUNG, 1);
	let_pass(dp, 1000);
	sweep_all(dp);
	expect_slots(dp, 3, XLB_SLOT_OLD, 1);
	image_ids_free(ids);
	image_free(found);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void add_ranges(struct image *img, const struct xlb_range *ranges, size_t nr)
{
	struct xlb_addr *rec = &img->addrs[0].rec;

	free(img->ranges);
	img->ranges = calloc(nr + 1, sizeof(*img->ranges));
	img->nr_ranges = nr;
	rec->nr_ranges = (uint8_t)nr;
	for (size_t i = 0; i < nr; i++)
		img->ranges[i].rec = ranges[i];
}

/* As the program looks a range up. */
static uint16_t lookup_range(const struct dp *dp, uint16_t port)
{
	const struct xlb_addr *a = lookup_addr(dp, htonl(0x0a000001));

	for (uint32_t i = 0; i < a->nr_ranges; i++) {
		const struct xlb_range *r = &dp->ranges[a->first_range + i];

		if (r->proto == 6 && port >= r->lo && port <= r->hi)
			return r->service;
	}
	return 0;
}

static void dp_apply__ranges_change__placed_anew_and_found(void **state)
{
	struct dp *dp = open_dp();
	struct image *img[3] = { make_image(1, 0x3e, 1), make_image(1, 0x3e, 1), make_image(1, 0x3e, 1) };
	uint16_t first;
	size_t used = 0;

	(void)state;
	add_ranges(img[0], (struct xlb_range[]){ { 100, 199, 6, 0, 1 }, { 300, 399, 6, 0, 2 } }, 2);
	add_ranges(img[1], (struct xlb_range[]){ { 50, 60, 6, 0, 3 }, { 300, 399, 6, 0, 2 }, { 500, 599, 6, 0, 1 } },
		   3);
	assert_int_equal(apply(dp, NULL, img[0]), 0);
	assert_int_equal(lookup_range(dp, 150), 1);
	assert_int_equal(lookup_range(dp, 399), 2);
	assert_int_equal(lookup_range(dp, 400), 0);
	expect_tables(dp, img[0]);
	first = lookup_addr(dp, htonl(0x0a000001))->first_range;
	assert_int_equal(apply(dp, img[0], img[1]), 0);
	assert_int_not_equal(lookup_addr(dp, htonl(0x0a000001))->first_range, first);
	/* What stays comes first: a packet that still sees the old number of ranges misses none that stays. */
	assert_int_equal(dp->ranges[lookup_addr(dp, htonl(0x0a000001))->first_range].lo, 300);
	assert_int_equal(dp->ranges[first].lo, 100); /* a packet may be reading there */
	assert_int_equal(lookup_range(dp, 150), 0);
	assert_int_equal(lookup_range(dp, 55), 3);
	assert_int_equal(lookup_range(dp, 599), 1);
	expect_tables(dp, img[1]);
	assert_int_equal(dp->ranges[first].proto, 0);
	assert_int_equal(apply(dp, img[1], img[2]), 0);
	assert_int_equal(lookup_range(dp, 55), 0);
	expect_tables(dp, img[2]);
	sweep_all(dp);
	for (size_t i = 1; i < XLB_MAX_RANGES; i++)
		used += dp->places.range_used[i] || dp->ranges[i].proto;
	assert_int_equal(used, 0);
	for (int i = 0; i < 3; i++)
		image_free(img[i]);
	dp_close(dp);
}

/* A server in mode dnat at 10.0.0.9, port 80, whose answers are those of 10.0.0.1:1000. */
static struct image *make_dnat(bool with_server)
{
	struct image *img = make_image(1, with_server ? 0x02 : 0x04, 1);
	struct image_bind way = {
		.addr = { htonl(0x0a000009) },
		.family = 4,
		.port = htons(80),
		.proto = 6,
		.service = XLB_VIP_RETURN,
		.ret = { .vip = { htonl(0x0a000001) }, .vport = htons(1000), .service = 1, .server = 1, .family = 4 }
	};

	if (!with_server)
		return img;
	img->servers[1].mode = XLB_MODE_DNAT;
	img->servers[1].addr[0] = way.addr[0];
	img->servers[1].port = way.port;
	img->binds = reallocarray(img->binds, 2, sizeof(*img->binds));
	img->binds[img->nr_binds++] = way;
	img->addrs = reallocarray(img->addrs, 2, sizeof(*img->addrs));
	img->addrs[img->nr_addrs] = (struct image_addr){ 0 };
	img->addrs[img->nr_addrs].rec =
		(struct xlb_addr){ .addr = { way.addr[0] }, .family = 4, .pool_lo = 1, .flags = XLB_ADDR_SERVER };
	img->addrs[img->nr_addrs++].rec.bloom[xlb_port_bit(way.port, 6) / 32] |= 1u << xlb_port_bit(way.port, 6) % 32;
	image_sort(img);
	return img;
}

static void dp_apply__dnat_server_gone__way_back_stays_for_its_flows(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_dnat(true), *b = make_dnat(false);
	struct image_bind way = a->binds[1];
	struct put flow;
	uint16_t number;

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	number = lookup_vip(dp, &way);
	assert_true(number & XLB_VIP_RETURN);
	assert_memory_equal(&dp->returns[number & ~XLB_VIP_RETURN], &way.ret, sizeof(way.ret));
	expect_tables(dp, a);
	flow = put_flow(dp, 1, 1, CLIENT_ACK, dp_now_tick(dp));
	flow.reply->word = 0;
	assert_int_equal(apply(dp, a, b), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lookup_vip(dp, &way), number);
		assert_true(lookup_addr(dp, way.addr[0])->flags & XLB_ADDR_SERVER);
		sweep_all(dp);
	}
	assert_int_equal(apply(dp, b, a), 0); /* the server comes back: its way is wanted again */
	number = lookup_vip(dp, &way);
	assert_true(number & XLB_VIP_RETURN);
	assert_int_equal(dp->places.nr_lingering, 0);
	assert_int_equal(apply(dp, a, b), 0);
	flow.request->word = 0;
	sweep_all(dp);
	sweep_all(dp);
	sweep_all(dp);
	assert_int_equal(lookup_vip(dp, &way), 0);
	expect_tables(dp, b);
	assert_int_equal(dp->returns[number & ~XLB_VIP_RETURN].family, 0);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static int stick_fd(struct dp *dp, uint32_t number)
{
	uint32_t id;

	assert_int_equal(bpf_map_lookup_elem(dp->map_fd[DP_MAP_sticks], &number, &id), 0);
	return bpf_map_get_fd_by_id(id);
}

static void dp_apply__stick_table__made_grown_and_adopted(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 1), *b = make_image(1, 0x3e, 1), *c = make_image(1, 0x3e, 1), *found;
	struct image_ids *ids = image_ids_new();
	struct xlb_stick_key key = { .addr = { 7 } };
	struct xlb_stick value = { .server = 3 };
	uint32_t number = 2;
	int fd;

	(void)state;
	a->sticks[2] = (struct image_stick){ .identity = 0xabcdef01, .size = 100 };
	b->sticks[2] = (struct image_stick){ .identity = 0xabcdef01, .size = 5000 };
	assert_int_equal(apply(dp, NULL, a), 0);
	fd = stick_fd(dp, 2);
	assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
	close(fd);
	assert_int_equal(apply(dp, a, b), 0);
	dp_close(dp);
	dp = open_dp();
	assert_int_equal(dp_read_image(dp, &found), 0);
	assert_int_equal(found->sticks[2].identity, 0xabcdef01);
	assert_int_equal(found->sticks[2].size, 5000);
	assert_int_equal(dp_adopt_ids(dp, ids), 0);
	assert_int_equal(image_ids_get(ids, 't', 0xabcdef01), 2);
	assert_int_equal(image_ids_get(ids, 't', 5), 1);
	value.server = 0;
	fd = stick_fd(dp, 2);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0); /* clients stick over the change of size */
	assert_int_equal(value.server, 3);
	close(fd);
	assert_int_equal(apply(dp, found, c), 0);
	assert_int_not_equal(bpf_map_lookup_elem(dp->map_fd[DP_MAP_sticks], &number, &value), 0);
	image_ids_free(ids);
	image_free(found);
	image_free(a);
	image_free(b);
	image_free(c);
	dp_close(dp);
}

/* What commands enter and show of an entry whose server's number belongs to another server by now. */
static void dp_stick_find__number_given_anew__no_server(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 1);
	const struct dp_stick entry = { .server = 3 };
	struct dp_stick found;
	struct addr addr;

	(void)state;
	a->sticks[2] = (struct image_stick){ .identity = 0xabcdef01, .size = 100, .conf = { .expire = 1000000 } };
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_int_equal(addr_parse("192.0.2.7", &addr), 0);
	assert_int_equal(dp_stick_set(dp, 2, &addr, &entry, DP_STICK_SERVER), 0);
	assert_true(dp_stick_find(dp, 2, &addr, &found));
	assert_int_equal(found.server, 3);
	dp->servers[3].identity++;
	assert_true(dp_stick_find(dp, 2, &addr, &found));
	assert_int_equal(found.server, 0);
	image_free(a);
	dp_close(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dp_apply__stateless_change__in_place_and_young),
		CASE(marks_turn__time_passes__old_then_gone_but_for_records),
		CASE(dp_apply__becomes_stateless__every_slot_young),
		CASE(dp_open__marks_of_another_daemon__count_as_new),
		CASE(dp_apply__ranges_change__placed_anew_and_found),
		CASE(dp_apply__dnat_server_gone__way_back_stays_for_its_flows),
		CASE(dp_apply__stick_table__made_grown_and_adopted),
		CASE(dp_stick_find__number_given_anew__no_server),
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
