/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Plans executed on the tables, tables read back, flows ended and counted. */
#include <arpa/inet.h>
#include <time.h>

#include "dataplane/dp_priv.h"
#include "dp_scene.h"

enum { NR_SERVERS = 5 };

/* An image with one backend and service, 'nr_binds' binds, and a ring of the servers of which 'mask' has a bit. */
static struct image *make_image(size_t nr_binds, unsigned int mask, size_t turns)
{
	struct image *img = image_new(2, 2, NR_SERVERS + 1);

	img->services[1] = (struct xlb_service){
		.identity = 11, .backend = 1, .flags = XLB_SVC_ENABLED, .timeout = { 10, 1000, 100, 20, 5 }
	};
	img->backends[1].identity = 21;
	img->rings[1].ids = calloc(turns * NR_SERVERS + 1, sizeof(uint16_t));
	for (uint16_t s = 1; s <= NR_SERVERS; s++)
		if (mask & 1u << s)
			img->servers[s] =
				(struct xlb_server){ .identity = 30u + s, .backend = 1, .addr = s, .pool_lo = 1 };
	for (size_t t = 0; t < turns; t++)
		for (uint16_t s = 1; s <= NR_SERVERS; s++)
			if (mask & 1u << s)
				img->rings[1].ids[img->rings[1].len++] = s;
	img->binds = calloc(nr_binds + 1, sizeof(*img->binds));
	img->addrs = calloc(nr_binds + 1, sizeof(*img->addrs));
	for (size_t i = 0; i < nr_binds; i++) {
		struct xlb_vip vip = { .addr = htonl(0x0a000001 + (uint32_t)i % 100),
				       .port = htons((uint16_t)(1000 + i)),
				       .proto = 6,
				       .service = 1 };
		struct xlb_addr *rec = &img->addrs[i < 100 ? i : i % 100].rec;

		img->binds[img->nr_binds++].vip = vip;
		rec->addr = vip.addr;
		rec->pool_lo = 1;
		rec->bloom[xlb_port_bit(vip.port, 6) / 32] |= 1u << xlb_port_bit(vip.port, 6) % 32;
		if (i < 100)
			img->nr_addrs++;
	}
	image_sort(img);
	return img;
}

static int apply(struct dp *dp, const struct image *from, const struct image *to)
{
	struct plan plan;
	int err;

	assert_int_equal(plan_make(from, to, &plan), 0);
	err = dp_apply(dp, from, to, &plan, &scene_diags);
	plan_fini(&plan);
	return err;
}

static void sweep_all(struct dp *dp)
{
	int turns = 0;

	while (!dp_sweep(dp, 1000))
		turns++;
	assert_int_equal(turns, 4); /* 4096 slots */
}

/* Are the tables exactly what the image says, once no flow needs more? */
static void expect_tables(struct dp *dp, const struct image *img)
{
	struct image *found = NULL;
	bool adopted = dp->adopted;
	struct plan plan;

	sweep_all(dp); /* the one under way; the next begins after the last change */
	sweep_all(dp);
	dp->adopted = true;
	assert_int_equal(dp_read_image(dp, &found), 0);
	dp->adopted = adopted;
	assert_int_equal(found->nr_binds, img->nr_binds);
	assert_int_equal(found->nr_addrs, img->nr_addrs);
	assert_int_equal(plan_make(found, img, &plan), 0);
	assert_int_equal(plan.nr, 0);
	plan_fini(&plan);
	image_free(found);
}

/* As the program looks a bind up: number of the service, 0 if it is not found. */
static uint16_t lookup_vip(const struct dp *dp, const struct xlb_vip *vip)
{
	for (int choice = 0; choice < 2; choice++) {
		const struct xlb_vip_bucket *b =
			&dp->vips[xlb_vip_hash(dp->meta.secrets, vip->addr, vip->port, vip->proto, choice)];

		for (int i = 0; i < XLB_VIP_WAYS; i++)
			if (!image_vip_cmp(&b->way[i], vip))
				return b->way[i].service;
	}
	return 0;
}

static const struct xlb_addr *lookup_addr(const struct dp *dp, __be32 addr)
{
	uint32_t first = xlb_addr_hash(dp->meta.secrets, addr);

	for (uint32_t i = 0; i < XLB_ADDR_PROBES; i++) {
		const struct xlb_addr *a = &dp->addrs[(first + i) & (XLB_ADDR_SLOTS - 1)];

		if (!a->addr || a->addr == addr)
			return a->addr ? a : NULL;
	}
	return NULL;
}

static void dp_apply__image_after_image__tables_are_the_image(void **state)
{
	struct dp *dp = open_dp();
	struct image *images[] = { make_image(3, 0x3e, 1), make_image(200, 0x06, 40), make_image(0, 0, 0),
				   make_image(150, 0x3e, 2), make_image(1, 0x22, 1) };
	struct image *from = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		assert_int_equal(apply(dp, from, images[i]), 0);
		expect_tables(dp, images[i]);
		for (size_t b = 0; b < images[i]->nr_binds; b++)
			assert_int_equal(lookup_vip(dp, &images[i]->binds[b].vip), 1);
		for (size_t b = 0; b < images[i]->nr_addrs; b++)
			assert_non_null(lookup_addr(dp, images[i]->addrs[b].rec.addr));
		image_free(from);
		from = images[i];
	}
	image_free(from);
	dp_close(dp);
}

static void dp_apply__then_reopened__same_image_and_numbers(void **state)
{
	struct dp *dp = open_dp();
	struct image *img = make_image(20, 0x0e, 3), *smaller = make_image(20, 0x0a, 3), *found;
	struct image_ids *ids = image_ids_new();
	struct plan plan;

	(void)state;
	assert_int_equal(apply(dp, NULL, img), 0);
	assert_int_equal(apply(dp, img, smaller), 0);
	dp_close(dp);
	dp = open_dp();
	assert_int_equal(dp_read_image(dp, &found), 0);
	assert_non_null(found);
	assert_int_equal(plan_make(found, smaller, &plan), 0);
	assert_int_equal(plan.nr, 0);
	assert_int_equal(dp_adopt_ids(dp, ids), 0);
	assert_int_equal(image_ids_get(ids, 's', 11), 1);
	assert_int_equal(image_ids_get(ids, 'b', 21), 1);
	assert_int_equal(image_ids_get(ids, 'S', 33), 3);
	assert_int_equal(image_ids_get(ids, 'S', 99), 4); /* not 2: removed, but flows may carry its number */
	assert_int_equal(image_ids_get(ids, 'S', 32), 2);
	plan_fini(&plan);
	image_ids_free(ids);
	image_free(found);
	image_free(img);
	image_free(smaller);
	dp_close(dp);
}

static void dp_apply__ring_changes__never_in_the_place_it_leaves(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x3e, 20), *b = make_image(1, 0x1e, 20);
	uint64_t seen[32];

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	for (int i = 0; i < 32; i++) {
		seen[i] = dp->backends[1].ring >> 32;
		assert_int_equal(apply(dp, i % 2 ? b : a, i % 2 ? a : b), 0);
		for (int j = 0; j <= i; j++)
			assert_int_not_equal(dp->backends[1].ring >> 32, seen[j]);
	}
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void ring_place__just_released__rests(void **state)
{
	struct dp *dp = open_dp();
	size_t len = 100;
	struct ring_area first, second;
	struct timespec t0, t1;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	assert_int_equal(ring_place(dp, &len, 1, &first), 0);
	assert_int_equal(first.nr, 4);
	assert_int_equal(ring_release(dp, first), 0);
	dp->rings.next = 0;
	assert_int_equal(ring_place(dp, &len, 1, &second), 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	if (t1.tv_sec - t0.tv_sec <= 1 && (t1.tv_sec - t0.tv_sec) * 1000000000l + t1.tv_nsec - t0.tv_nsec < 900000000l)
		assert_true(second.first >= first.first + first.nr);
	dp_close(dp);
}

static void dp_apply__rings_too_large__nothing_written(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(3, 0x3e, 1), *b = make_image(9, 0x3e, XLB_RING_VALUES * XLB_RING_WAYS / 5 + 1);

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	assert_int_equal(apply(dp, a, b), -ENOSPC);
	assert_true(was_said("rings do not fit"));
	expect_tables(dp, a);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_apply__addresses_that_collide__nothing_written(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(3, 0x3e, 1), *b = make_image(3, 0x1e, 1);
	uint32_t home = xlb_addr_hash(dp->meta.secrets, 1);

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	b->addrs = reallocarray(b->addrs, 16, sizeof(*b->addrs));
	for (uint32_t addr = 1; b->nr_addrs < 3 + XLB_ADDR_PROBES + 1; addr++)
		if (xlb_addr_hash(dp->meta.secrets, addr) == home)
			b->addrs[b->nr_addrs++].rec = (struct xlb_addr){ .addr = addr, .pool_lo = 5, .pool_hi = 6 };
	image_sort(b);
	assert_int_equal(apply(dp, a, b), -ENOSPC);
	expect_tables(dp, a);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_apply__number_means_another_server__counters_from_zero(void **state)
{
	struct dp *dp = open_dp();
	struct image *a = make_image(1, 0x02, 1), *b = make_image(1, 0x02, 1);
	struct xlb_stats *percpu = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*percpu)), sum;
	uint32_t key = 1;

	(void)state;
	assert_int_equal(apply(dp, NULL, a), 0);
	percpu[0].packets_in = 40;
	percpu[libbpf_num_possible_cpus() - 1].connections += 2;
	assert_int_equal(bpf_map_update_elem(dp->map_fd[DP_MAP_srv_stats], &key, percpu, 0), 0);
	assert_int_equal(bpf_map_update_elem(dp->map_fd[DP_MAP_svc_stats], &key, percpu, 0), 0);
	b->servers[1].dmac[5] = 7;
	assert_int_equal(apply(dp, a, b), 0);
	assert_int_equal(dp_read_server_stats(dp, 1, &sum), 0);
	assert_int_equal(sum.packets_in, 40);
	assert_int_equal(sum.connections, 2);
	a->servers[1].identity = 99;
	assert_int_equal(apply(dp, b, a), 0);
	assert_int_equal(dp_read_server_stats(dp, 1, &sum), 0);
	assert_int_equal(sum.packets_in + sum.connections, 0);
	assert_int_equal(dp_read_service_stats(dp, 1, &sum), 0);
	assert_int_equal(sum.packets_in, 40);
	free(percpu);
	image_free(a);
	image_free(b);
	dp_close(dp);
}

static void dp_read_reasons__all_cpus__summed(void **state)
{
	struct dp *dp = open_dp();
	uint64_t *percpu = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*percpu)), sums[XLB_R_MAX];
	uint32_t key = XLB_R_REQUEST;

	(void)state;
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		percpu[i] = 10;
	assert_int_equal(bpf_map_update_elem(dp->map_fd[DP_MAP_reasons], &key, percpu, 0), 0);
	assert_int_equal(dp_read_reasons(dp, sums), 0);
	assert_int_equal(sums[XLB_R_REQUEST], 10 * libbpf_num_possible_cpus());
	assert_int_equal(sums[XLB_R_REPLY], 0);
	free(percpu);
	dp_close(dp);
}

/* Half of the ways of the table, as full as image_build() lets it become: moves are needed, nothing is lost. */
static void table_vip_put__as_many_binds_as_allowed__all_found(void **state)
{
	struct dp *dp = open_dp();
	struct xlb_vip vip = { .proto = 6, .service = 7 };
	size_t nr = 0;

	(void)state;
	for (uint32_t i = 0; i < IMAGE_BINDS_MAX; i++) {
		vip.addr = htonl(0x0a000001 + i / 1000);
		vip.port = htons((uint16_t)(1 + i % 1000));
		assert_int_equal(table_vip_put(dp->vips, dp->meta.secrets, &vip), 0);
	}
	for (uint32_t i = 0; i < IMAGE_BINDS_MAX; i++) {
		vip.addr = htonl(0x0a000001 + i / 1000);
		vip.port = htons((uint16_t)(1 + i % 1000));
		assert_int_equal(lookup_vip(dp, &vip), 7);
		table_vip_del(dp->vips, dp->meta.secrets, &vip);
		assert_int_equal(lookup_vip(dp, &vip), 0);
	}
	for (size_t i = 0; i < XLB_VIP_BUCKETS; i++)
		for (int w = 0; w < XLB_VIP_WAYS; w++)
			nr += dp->vips[i].way[w].proto != 0;
	assert_int_equal(nr, 0);
	dp_close(dp);
}

/* The next bind, counting ports and addresses up from '*seed', that has 'bucket' as its choice 'choice' and another one
 * too. */
static struct xlb_vip next_vip(const struct dp *dp, uint32_t *seed, uint32_t bucket, int choice)
{
	struct xlb_vip vip = { .proto = 6, .service = 7 };

	do {
		++*seed;
		vip.addr = htonl(0x0a000001 + *seed / 60000);
		vip.port = htons((uint16_t)(1 + *seed % 60000));
	} while (xlb_vip_hash(dp->meta.secrets, vip.addr, vip.port, 6, choice) != bucket ||
		 xlb_vip_hash(dp->meta.secrets, vip.addr, vip.port, 6, !choice) == bucket);
	return vip;
}

static void table_vip_put__both_buckets_full__one_bind_moves(void **state)
{
	struct dp *dp = open_dp();
	uint32_t seed = 0, other, full = 77;
	struct xlb_vip vips[2 * XLB_VIP_WAYS + 1];

	(void)state;
	vips[8] = next_vip(dp, &seed, full, 0);
	other = xlb_vip_hash(dp->meta.secrets, vips[8].addr, vips[8].port, 6, 1);
	for (int i = 0; i < XLB_VIP_WAYS; i++) {
		vips[i] = next_vip(dp, &seed, full, 0);
		dp->vips[full].way[i] = vips[i];
		vips[4 + i] = next_vip(dp, &seed, other, 1); /* cannot move */
		dp->vips[other].way[i] = vips[4 + i];
	}
	assert_int_equal(table_vip_put(dp->vips, dp->meta.secrets, &vips[8]), 0);
	for (int i = 0; i < 9; i++)
		assert_int_equal(lookup_vip(dp, &vips[i]), 7);
	dp_close(dp);
}

/* Addresses in one chain of probes: one that goes must not hide the next, and its slot is used again. */
static void table_addr_del__middle_of_a_chain__others_still_found(void **state)
{
	struct dp *dp = open_dp();
	__be32 chain[9];
	uint32_t home = xlb_addr_hash(dp->meta.secrets, 1);
	size_t nr = 0;

	(void)state;
	for (uint32_t addr = 1; nr < 9; addr++)
		if (xlb_addr_hash(dp->meta.secrets, addr) == home)
			chain[nr++] = addr;
	for (size_t i = 0; i < 9; i++) {
		struct xlb_addr rec = { .addr = chain[i], .pool_lo = 10, .pool_hi = 20 };

		assert_int_equal(table_addr_put(dp->addrs, dp->meta.secrets, &rec), i < 8 ? 0 : -ENOSPC);
	}
	table_addr_del(dp->addrs, dp->meta.secrets, chain[3]);
	assert_true(lookup_addr(dp, chain[3])->pool_lo > lookup_addr(dp, chain[3])->pool_hi);
	assert_int_equal(lookup_addr(dp, chain[7])->pool_hi, 20);
	assert_int_equal(table_addr_put(dp->addrs, dp->meta.secrets,
					&(struct xlb_addr){ .addr = chain[8], .pool_lo = 1, .pool_hi = 9 }),
			 0);
	assert_null(lookup_addr(dp, chain[3]));
	assert_int_equal(lookup_addr(dp, chain[8])->pool_hi, 9);
	dp_close(dp);
}

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
		sweep_all(dp);
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
	uint32_t now = dp_now_tick(dp);

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		put_flow(dp, i * 20, i % 2 ? 1 : 2, 0, now - 7);
	dp_for_each_flow(dp, count_flow, &listed);
	assert_int_equal(listed, 3);
	assert_int_equal(dp_kill_flows(dp, 1), 5);
	assert_int_equal(dp_kill_flows(dp, 1), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(is_live(dp, i * 20) == !(i % 2) && is_live(dp, i * 20 + 1) == !(i % 2));
	dp_close(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dp_apply__image_after_image__tables_are_the_image),
		CASE(dp_apply__then_reopened__same_image_and_numbers),
		CASE(dp_apply__ring_changes__never_in_the_place_it_leaves),
		CASE(ring_place__just_released__rests),
		CASE(dp_apply__rings_too_large__nothing_written),
		CASE(dp_apply__addresses_that_collide__nothing_written),
		CASE(dp_apply__number_means_another_server__counters_from_zero),
		CASE(dp_read_reasons__all_cpus__summed),
		CASE(table_vip_put__as_many_binds_as_allowed__all_found),
		CASE(table_vip_put__both_buckets_full__one_bind_moves),
		CASE(table_addr_del__middle_of_a_chain__others_still_found),
		CASE(dp_sweep__idle_flows__both_entries_end),
		CASE(dp_sweep__peer_reused__left_alone),
		CASE(dp_server_unreferenced__removed__only_after_a_whole_sweep),
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
