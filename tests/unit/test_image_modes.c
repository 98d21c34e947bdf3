/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* image_build(): ways of forwarding, families, port ranges, ways back, algorithms, limits. */
#include <stdio.h>

#include "../lib/image_scene.h"

static const struct xlb_server *record(const struct image *img, const struct server *s)
{
	return &img->servers[s->run.dp_id];
}

/* The bind or way back of that address and port; NULL: there is none. */
static const struct image_bind *find_bind(const struct image *img, const char *addr, uint16_t port)
{
	struct addr a = ip(addr);
	__be32 words[4];

	words_put(words, &a);
	for (size_t i = 0; i < img->nr_binds; i++)
		if (!words_cmp(img->binds[i].addr, words) && img->binds[i].port == htons(port))
			return &img->binds[i];
	return NULL;
}

static const struct image_addr *find_addr(const struct image *img, const char *addr)
{
	struct addr a = ip(addr);
	__be32 words[4];

	words_put(words, &a);
	for (size_t i = 0; i < img->nr_addrs; i++)
		if (!words_cmp(img->addrs[i].rec.addr, words))
			return &img->addrs[i];
	return NULL;
}

static bool bloom_has(const struct image_addr *a, uint16_t port)
{
	uint32_t bit = xlb_port_bit(htons(port), IPPROTO_TCP);

	return a->rec.bloom[bit / 32] >> bit % 32 & 1;
}

static void use(struct scene *t, enum forward f)
{
	t->s1->forward = t->s2->forward = f;
	if (forward_keeps_port(f))
		t->s1->port = t->s2->port = 8080;
}

static void image_build__each_mode__what_it_needs(void **state)
{
	struct scene *t = *state;
	struct image *img;

	use(t, FORWARD_DNAT);
	img = build(t);
	assert_int_equal(record(img, t->s1)->mode, XLB_MODE_DNAT);
	assert_int_equal(record(img, t->s1)->port, htons(30808));
	assert_int_equal(record(img, t->s1)->source[0], 0);
	assert_true(record(img, t->s1)->pool_lo > record(img, t->s1)->pool_hi);
	assert_int_equal(img->rings[t->b->dp_id].len, 2);
	image_free(img);

	use(t, FORWARD_L2DSR);
	img = build(t);
	assert_int_equal(record(img, t->s1)->mode, XLB_MODE_L2DSR);
	assert_int_equal(record(img, t->s1)->port, 0);
	assert_int_equal(record(img, t->s1)->source[0], 0);
	image_free(img);

	use(t, FORWARD_IPIP);
	img = build(t);
	assert_int_equal(record(img, t->s1)->mode, XLB_MODE_IPIP);
	assert_int_equal(record(img, t->s1)->source[0], ip("10.211.55.4").v4.s_addr);
	assert_true(record(img, t->s1)->pool_lo > record(img, t->s1)->pool_hi);
	assert_int_equal(record(img, t->s1)->mtu, 1500);
	image_free(img);

	t->s1->forward = FORWARD_FULLNAT; /* mixed in one backend */
	img = build(t);
	assert_int_equal(record(img, t->s1)->mode, XLB_MODE_FULLNAT);
	assert_int_equal(record(img, t->s2)->mode, XLB_MODE_IPIP);
	image_free(img);
}

static void image_build__port_change_where_none_can_be__refused(void **state)
{
	struct scene *t = *state;

	use(t, FORWARD_L2DSR);
	t->s2->port = 30808;
	assert_int_equal(build_fails(t), -EINVAL);
	assert_non_null(strstr(TAILQ_FIRST(&t->diags.head)->text, "web/node2"));
	assert_non_null(strstr(TAILQ_FIRST(&t->diags.head)->hint, "fullnat"));
	t->s2->port = 0; /* the client's */
	image_free(build(t));
	t->s2->port_offset = 1;
	assert_int_equal(build_fails(t), -EINVAL);
}

static void image_build__l2dsr_behind_a_router__refused_or_left_out(void **state)
{
	struct scene *t = *state;
	struct image *img;

	use(t, FORWARD_L2DSR);
	t->hops[0].on_link = false; /* of node2 */
	t->host.new_config = true;
	assert_int_equal(build_fails(t), -EINVAL);
	assert_non_null(strstr(TAILQ_FIRST(&t->diags.head)->hint, "ipip"));
	t->host.new_config = false; /* the network changed under a configuration in force */
	img = build(t);
	assert_true(t->diags.nr[DIAG_WARNING] > 0);
	assert_int_equal(record(img, t->s2)->oif, 0);
	assert_int_equal(img->rings[t->b->dp_id].len, 1);
	image_free(img);
	use(t, FORWARD_IPIP);
	t->host.new_config = true;
	image_free(build(t));
}

static void image_build__ipv6__records_and_addresses(void **state)
{
	struct scene *t = *state;
	struct image *img;
	char text[ADDR_TEXT_MAX];
	struct addr a;

	t->s1->addr = ip("fd00::5");
	t->s2->addr = ip("fd00::6");
	TAILQ_FIRST(&t->f->binds)->addr = ip("::");
	t->addrs[0].addr = ip("fd00::4");
	t->addrs[1] = (struct host_addr){ .addr = ip("fe80::1"), .ifname = "eth0" };
	t->host.nr_addrs = 2;
	t->hops[0] = hop("fd00::6", 1);
	t->hops[1] = hop("fd00::5", 1);
	t->hops[0].source = t->hops[1].source = ip("fd00::4");
	img = build(t);
	assert_int_equal(record(img, t->s1)->family, 6);
	a = words_get(record(img, t->s1)->addr, 6);
	assert_string_equal(addr_format(&a, text), "fd00::5");
	a = words_get(record(img, t->s1)->source, 6);
	assert_string_equal(addr_format(&a, text), "fd00::4");
	assert_int_equal(img->rings[t->b->dp_id].len, 2);
	assert_int_equal(img->nr_binds, 1); /* not on the link-local address */
	assert_int_equal(img->binds[0].family, 6);
	assert_int_equal(img->nr_addrs, 1);
	assert_int_equal(img->addrs[0].rec.flags, XLB_ADDR_ECHO | XLB_ADDR_LOCAL);
	assert_int_equal(img->addrs[0].rec.pool_hi, 32767);
	image_free(img);
}

static void image_build__families_differ__refused_but_4_in_6(void **state)
{
	struct scene *t = *state;
	struct image *img;

	t->s1->addr = ip("fd00::5");
	assert_int_equal(build_fails(t), -EINVAL);
	assert_non_null(strstr(TAILQ_FIRST(&t->diags.head)->text, "web/node1"));
	t->s1->forward = FORWARD_IPIP;
	t->s1->port = 0;
	t->s1->source = ip("fd00::4");
	img = build(t);
	assert_int_equal(record(img, t->s1)->family, 6);
	image_free(img);
	TAILQ_FIRST(&t->f->binds)->addr = ip("fd00::1"); /* node2 has IPv4 */
	assert_int_equal(build_fails(t), -EINVAL);
	t->s2->forward = FORWARD_IPIP; /* 6 in 4 is none of the ways */
	t->s2->port = 0;
	assert_int_equal(build_fails(t), -EINVAL);
	t->s1->source = ip("10.0.0.1");
	TAILQ_FIRST(&t->f->binds)->addr = ip("10.0.0.1");
	assert_int_equal(build_fails(t), -EINVAL); /* the source's family */
}

/* One range, what lies in it by itself, and what another range has taken from it. */
static void image_build__ranges_and_binds_overlap__first_and_specific_win(void **state)
{
	struct scene *t = *state;
	struct frontend *special = model_frontend_add(t->m, "special");
	struct image *img;
	const struct image_addr *a;

	special->backend = t->b;
	TAILQ_FIRST(&t->f->binds)->port_lo = 1000; /* '*' */
	TAILQ_FIRST(&t->f->binds)->port_hi = 9000;
	add_bind(special, "10.211.55.4", 80, 80);
	add_bind(special, "10.211.55.4", 2000, 2000);
	add_bind(special, "10.211.55.4", 3000, 3999);
	add_bind(t->f, "0.0.0.0", 3500, 3500); /* behind the specific range */
	img = build(t);
	assert_int_equal(img->nr_binds, 2);
	assert_int_equal(find_bind(img, "10.211.55.4", 2000)->service, special->dp_id);
	assert_null(find_bind(img, "10.211.55.4", 3500));
	a = find_addr(img, "10.211.55.4");
	assert_int_equal(a->rec.nr_ranges, 3);
	for (int i = 0; i < 3; i++) {
		static const uint16_t lo[] = { 1000, 3000, 4000 }, hi[] = { 2999, 3999, 9000 };
		const struct xlb_range *r = &img->ranges[a->first_range + (size_t)i].rec;

		assert_int_equal(r->lo, lo[i]);
		assert_int_equal(r->hi, hi[i]);
		assert_int_equal(r->service, i == 1 ? special->dp_id : t->f->dp_id);
	}
	assert_true(bloom_has(a, 80) && bloom_has(a, 1000) && bloom_has(a, 9000));
	assert_true(img->busy[0][5000 / 64] >> 5000 % 64 & 1); /* the address is a source too */
	assert_int_equal(t->diags.nr[DIAG_WARNING], 0);
	image_free(img);
}

static void image_build__any_port__one_range(void **state)
{
	struct scene *t = *state;
	struct image *img;

	*TAILQ_FIRST(&t->f->binds) = (struct bind){ .next = TAILQ_FIRST(&t->f->binds)->next,
						    .addr = ip("203.0.113.7"),
						    .port_lo = 1,
						    .port_hi = 65535,
						    .proto = IPPROTO_TCP };
	img = build(t);
	assert_int_equal(img->nr_binds, 0);
	assert_int_equal(img->nr_ranges, 1);
	assert_int_equal(find_addr(img, "203.0.113.7")->rec.nr_ranges, 1);
	for (int i = 0; i < XLB_ADDR_BLOOM_WORDS; i++)
		assert_int_equal(find_addr(img, "203.0.113.7")->rec.bloom[i], 0xffffffff);
	/* Its ports are on another address than the source: all stay source ports. */
	assert_int_equal(img->busy[0][5000 / 64], 0);
	assert_int_equal(t->diags.nr[DIAG_WARNING], 0);
	image_free(img);
	TAILQ_FIRST(&t->f->binds)->addr = ip("10.211.55.4");
	image_free(build(t));
	assert_int_equal(t->diags.nr[DIAG_WARNING], 1); /* no source port is left */
}

static void image_build__too_many_ranges_of_an_address__refused(void **state)
{
	struct scene *t = *state;

	for (uint16_t i = 0; i <= XLB_ADDR_RANGES; i++)
		add_bind(t->f, "10.211.55.4", (uint16_t)(100 + 10 * i), (uint16_t)(105 + 10 * i));
	assert_int_equal(build_fails(t), -ENOSPC);
}

static void image_build__dnat__way_back_for_each_server(void **state)
{
	struct scene *t = *state;
	const struct image_bind *way;
	struct image *img;

	use(t, FORWARD_DNAT);
	t->b->balance = (struct balance){ .alg = BALANCE_SOURCE, .consistent = true, .mask4 = 32 };
	img = build(t);
	assert_int_equal(img->nr_binds, 3);
	way = find_bind(img, "10.211.55.5", 30808);
	assert_int_equal(way->service, XLB_VIP_RETURN);
	assert_int_equal(way->ret.vip[0], ip("10.211.55.4").v4.s_addr);
	assert_int_equal(way->ret.vport, htons(8080));
	assert_int_equal(way->ret.service, t->f->dp_id);
	assert_int_equal(way->ret.server, t->s1->run.dp_id);
	assert_int_equal(way->ret.family, 4);
	assert_int_equal(way->ret.flags, 0);
	assert_int_equal(find_addr(img, "10.211.55.5")->rec.flags, XLB_ADDR_SERVER);
	assert_true(bloom_has(find_addr(img, "10.211.55.5"), 30808));
	image_free(img);

	t->s1->port = 0; /* the client's, and more */
	t->s1->port_offset = 100;
	img = build(t);
	assert_non_null(find_bind(img, "10.211.55.5", 8180));
	image_free(img);
}

/* A flow whose answers are not entered would look half open, and have the time of one that is. */
static void image_build__dnat_with_flows__answers_are_looked_up(void **state)
{
	struct scene *t = *state;
	const struct image_bind *way;
	struct image *img;

	use(t, FORWARD_DNAT);
	img = build(t);
	assert_int_equal(img->backends[t->b->dp_id].flags & XLB_BE_STATELESS, 0);
	way = find_bind(img, "10.211.55.5", 30808);
	assert_int_equal(way->service, XLB_VIP_RETURN);
	assert_int_equal(way->ret.flags, XLB_RETURN_STATE);
	assert_int_equal(way->ret.server, t->s1->run.dp_id);
	image_free(img);
}

static void image_build__dnat_from_two_services__state_needed(void **state)
{
	struct scene *t = *state;
	struct image *img;

	use(t, FORWARD_DNAT);
	t->b->balance = (struct balance){ .alg = BALANCE_SOURCE, .consistent = true, .mask4 = 32 };
	img = build(t);
	assert_int_equal(img->backends[t->b->dp_id].flags, XLB_BE_STATELESS);
	image_free(img);
	add_bind(t->f, "10.211.55.4", 8081, 8081);
	img = build(t);
	assert_int_equal(find_bind(img, "10.211.55.5", 30808)->ret.flags, XLB_RETURN_STATE);
	assert_int_equal(find_bind(img, "10.211.55.5", 30808)->ret.server, t->s1->run.dp_id);
	assert_int_equal(img->backends[t->b->dp_id].flags, 0); /* an answer alone does not tell where it belongs */
	image_free(img);
	TAILQ_LAST(&t->f->binds, bind_list)->port_lo = 9000; /* a range */
	TAILQ_LAST(&t->f->binds, bind_list)->port_hi = 9005;
	t->s1->port = 0;
	img = build(t);
	assert_int_equal(find_addr(img, "10.211.55.5")->rec.nr_ranges, 1);
	assert_int_equal(img->ranges[find_addr(img, "10.211.55.5")->first_range].rec.service, XLB_VIP_RETURN);
	assert_int_equal(img->ranges[find_addr(img, "10.211.55.5")->first_range].ret.flags, XLB_RETURN_STATE);
	image_free(img);
}

static void image_build__dnat_to_an_address_of_our_own__warned(void **state)
{
	struct scene *t = *state;
	struct image *img;

	use(t, FORWARD_DNAT);
	add_bind(t->f, "10.211.55.5", 30808, 30808);
	img = build(t);
	assert_true(t->diags.nr[DIAG_WARNING] > 0);
	assert_int_equal(find_bind(img, "10.211.55.5", 30808)->service, t->f->dp_id);
	image_free(img);
}

static void maglev(struct scene *t)
{
	use(t, FORWARD_L2DSR);
	t->b->balance = (struct balance){
		.alg = BALANCE_HASH, .parts = BALANCE_PART_TUPLE, .consistent = true, .mask4 = 32, .mask6 = 128
	};
}

static bool is_stateless(struct scene *t)
{
	struct image *img = build(t);
	bool yes = img->backends[t->b->dp_id].flags & XLB_BE_STATELESS;

	assert_int_equal(!(img->services[t->f->dp_id].flags & XLB_SVC_STATELESS), !yes);
	assert_int_equal(!(find_addr(img, "10.211.55.4")->rec.flags & XLB_ADDR_STATELESS), !yes);
	assert_int_equal(find_addr(img, "10.211.55.4")->rec.hot_service, t->f->dp_id);
	assert_int_equal(find_addr(img, "10.211.55.4")->rec.hot_backend, yes ? t->b->dp_id : 0);
	image_free(img);
	return yes;
}

static void image_build__maglev__stateless_unless_something_must_be_remembered(void **state)
{
	struct scene *t = *state;
	struct stick_table table = { .name = (char *)"t", .size = 10 };

	maglev(t);
	assert_true(is_stateless(t));
	t->f->maxconn = 5;
	assert_false(is_stateless(t));
	t->f->maxconn = 0;
	t->f->rate_limit = 5;
	assert_false(is_stateless(t));
	t->f->rate_limit = 0;
	t->s1->maxconn = 5;
	assert_false(is_stateless(t));
	t->s1->maxconn = 0;
	t->b->stick = (struct stick){ .table = &table, .match = true, .store = true };
	assert_false(is_stateless(t));
	t->b->stick = (struct stick){ 0 };
	t->s2->forward = FORWARD_FULLNAT;
	assert_false(is_stateless(t));
	t->s2->forward = FORWARD_L2DSR;
	assert_true(is_stateless(t));
	t->b->balance.consistent = false;
	assert_false(is_stateless(t));
}

/* Which addresses most packets are for: where the binds are, and where the servers' answers come. */
static void image_build__binds_and_sources__users_of_addresses_counted(void **state)
{
	struct scene *t = *state;
	struct image *img = build(t);

	assert_int_equal(find_addr(img, "10.211.55.4")->nr_users, 1 + 2);
	image_free(img);
	use(t, FORWARD_DNAT);
	img = build(t);
	assert_int_equal(find_addr(img, "10.211.55.4")->nr_users, 1);
	assert_int_equal(find_addr(img, "10.211.55.5")->nr_users, 0);
	assert_int_equal(find_addr(img, "10.211.55.5")->rec.hot_service, 0);
	image_free(img);
}

static void image_build__maglev__length_stays_and_zeros_without_server(void **state)
{
	struct scene *t = *state;
	struct image *img;
	size_t len;

	maglev(t);
	img = build(t);
	len = img->rings[t->b->dp_id].len;
	assert_int_equal(len, 1021);
	assert_int_equal(img->rings[t->b->dp_id].alg, XLB_ALG_MAGLEV);
	image_free(img);
	for (int i = 0; i < 38; i++) { /* 40 servers: 25 slots each, just enough */
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		add_server(t->b, name, "10.211.56.1", 0)->forward = FORWARD_L2DSR;
	}
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].len, len);
	image_free(img);
	add_server(t->b, "last", "10.211.56.1", 0)->forward = FORWARD_L2DSR;
	img = build(t);
	assert_true(img->rings[t->b->dp_id].len >= 100 * 41);
	len = img->rings[t->b->dp_id].len;
	image_free(img);
	for (struct server *s = TAILQ_FIRST(&t->b->servers); s; s = TAILQ_NEXT(s, next))
		s->run.admin |= SERVER_FMAINT;
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(img->rings[t->b->dp_id].ids[i], 0);
	image_free(img);
}

/* Thousands of slots are not computed again for a change that does not concern them; any that does shows. */
static void image_build__same_servers__table_taken_over(void **state)
{
	struct scene *t = *state;
	struct image *first, *img;

	maglev(t);
	first = build(t);
	first->rings[t->b->dp_id].ids[7] = 77; /* nobody would compute this */
	t->host.previous = first;
	t->f->disabled = true;
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].ids[7], 77);
	assert_int_equal(img->rings[t->b->dp_id].len, first->rings[t->b->dp_id].len);
	image_free(img);
	t->s1->run.weight = 2;
	img = build(t);
	assert_int_not_equal(img->rings[t->b->dp_id].ids[7], 77);
	image_free(img);
	t->s1->run.weight = 1;
	t->s1->run.admin = SERVER_FDRAIN;
	img = build(t);
	assert_int_not_equal(img->rings[t->b->dp_id].ids[7], 77);
	image_free(img);
	t->s1->run.admin = 0;
	t->s1->addr = ip("10.211.55.9"); /* another number */
	img = build(t);
	assert_int_not_equal(img->rings[t->b->dp_id].ids[7], 77);
	image_free(img);
	image_free(first);
}

/* Two nodes with one file, in another order, with other numbers: the same server in each slot, and the same seeds. */
static void image_build__other_node__same_table_and_seed(void **state)
{
	struct scene *t = *state;
	struct image *img, *other;
	struct image_ids *ids = t->ids;
	uint64_t seed;

	maglev(t);
	img = build(t);
	t->ids = image_ids_new();
	assert_int_equal(image_ids_get(t->ids, 'S', 4711), 1);
	TAILQ_REMOVE(&t->b->servers, t->s1, next);
	TAILQ_INSERT_TAIL(&t->b->servers, t->s1, next);
	other = build(t);
	for (size_t i = 0; i < img->rings[t->b->dp_id].len; i++)
		assert_int_equal(img->servers[img->rings[1].ids[i]].addr[0],
				 other->servers[other->rings[1].ids[i]].addr[0]);
	seed = img->backends[1].seed[0];
	assert_int_equal(other->backends[1].seed[0], seed);
	assert_true(seed & img->backends[1].seed[1] & 1);
	image_free(other);
	t->m->seed = strdup("pair-b");
	other = build(t);
	assert_int_not_equal(other->backends[1].seed[0], seed);
	image_free(other);
	image_free(img);
	image_ids_free(t->ids);
	t->ids = ids;
}

static void image_build__algorithms__their_tables(void **state)
{
	static const struct {
		struct balance balance;
		enum xlb_alg alg;
		size_t len;
		uint8_t parts, draws;
	} rows[] = {
		{ { .alg = BALANCE_STATIC_RR, .draws = 2 }, XLB_ALG_RR, 4, 0, 2 },
		{ { .alg = BALANCE_RANDOM, .draws = 3 }, XLB_ALG_RANDOM, 4, 0, 3 },
		{ { .alg = BALANCE_RANDOM, .draws = 100 }, XLB_ALG_RANDOM, 4, 0, 8 },
		{ { .alg = BALANCE_SOURCE, .parts = BALANCE_PART_SRC, .mask4 = 24 }, XLB_ALG_HASH, 4, XLB_HASH_SRC, 1 },
		{ { .alg = BALANCE_LEASTCONN }, XLB_ALG_LEAST, 2, 0, 1 },
		{ { .alg = BALANCE_FIRST }, XLB_ALG_FIRST, 2, 0, 1 },
	};
	struct scene *t = *state;

	t->s1->run.weight = 30;
	t->s2->run.weight = 10;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct xlb_backend *be;
		struct image *img;

		t->b->balance = rows[i].balance;
		img = build(t);
		be = &img->backends[t->b->dp_id];
		assert_int_equal(img->rings[t->b->dp_id].alg, rows[i].alg);
		assert_int_equal(img->rings[t->b->dp_id].len, rows[i].len);
		assert_int_equal(be->parts, rows[i].parts);
		assert_int_equal(be->draws, rows[i].draws);
		assert_int_equal(be->mask4, rows[i].balance.mask4);
		assert_int_equal(record(img, t->s1)->weight, 30);
		image_free(img);
	}
}

/* Of more servers than the program looks at, the ones with the fewest flows for their weight; the full ones last. */
static void image_build__many_servers_leastconn__best_of_them(void **state)
{
	struct scene *t = *state;
	static uint32_t active[XLB_MAX_SERVERS];
	struct server *s;
	struct image *img;

	t->b->balance.alg = BALANCE_LEASTCONN;
	t->host.nr_hops = 0;
	for (int i = 0; i < 98; i++) {
		char name[16], addr[16];

		snprintf(name, sizeof(name), "n%d", i);
		snprintf(addr, sizeof(addr), "10.1.0.%d", i + 1);
		add_server(t->b, name, addr, 80);
	}
	image_free(build(t));
	TAILQ_FOREACH(s, &t->b->servers, next)
		active[s->run.dp_id] = 1000 - s->id;
	t->s1->run.weight = 256; /* 999 / 256: the best of all */
	t->host.active = active;
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].len, XLB_LEAST_MAX);
	assert_int_equal(img->rings[t->b->dp_id].ids[0], t->s1->run.dp_id);
	assert_int_equal(img->servers[img->rings[t->b->dp_id].ids[1]].addr[0], ip("10.1.0.36").v4.s_addr);
	image_free(img);
	t->b->balance.alg = BALANCE_FIRST;
	t->s1->maxconn = 999;
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].ids[0], t->s2->run.dp_id);
	assert_int_equal(img->rings[t->b->dp_id].len, XLB_LEAST_MAX);
	image_free(img);
}

static void image_build__limits_and_flags__in_the_records(void **state)
{
	struct scene *t = *state;
	struct image *img;

	t->host.nr_cpus = 4;
	t->f->maxconn = 100;
	t->f->rate_limit = 10;
	t->f->no_backend = NO_BACKEND_DROP;
	TAILQ_FIRST(&t->f->binds)->mss = 1400;
	add_bind(t->f, "0.0.0.0", 81, 81)->mss = 1300;
	t->s1->maxconn = 7;
	t->s1->run.admin = SERVER_FDRAIN;
	img = build(t);
	assert_int_equal(img->services[t->f->dp_id].flags,
			 XLB_SVC_ENABLED | XLB_SVC_FULL | XLB_SVC_RATE | XLB_SVC_DROP);
	assert_int_equal(img->services[t->f->dp_id].limit, 100);
	assert_int_equal(img->services[t->f->dp_id].rate, 3); /* of each of four CPUs */
	assert_int_equal(img->services[t->f->dp_id].mss, 1300);
	assert_int_equal(record(img, t->s1)->flags, XLB_SRV_UP | XLB_SRV_DRAIN | XLB_SRV_FULL);
	assert_int_equal(record(img, t->s1)->limit, 7);
	assert_int_equal(img->rings[t->b->dp_id].len, 1);
	image_free(img);
}

static void set_down(struct server *s)
{
	s->check.type = CHECK_TCP;
	server_run_init(s, 0);
	(void)check_set_health(&s->run.check, &s->check, 0);
	assert_false(server_is_up(s));
}

static uint16_t service_flags(struct scene *t)
{
	struct image *img = build(t);
	uint16_t flags = img->services[t->f->dp_id].flags;

	image_free(img);
	return flags;
}

static void image_build__fallback_local__closed_while_nobody_serves(void **state)
{
	struct scene *t = *state;

	t->f->no_backend = NO_BACKEND_PASS;
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED);
	set_down(t->s1);
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED);
	t->s2->run.admin = SERVER_FDRAIN;
	assert_int_equal(service_flags(t), 0);
	t->f->no_backend = NO_BACKEND_AUTO; /* answered instead */
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED);

	/* Without flows the connections of a server in drain are known by the tables of an open service alone. */
	t->f->no_backend = NO_BACKEND_PASS;
	use(t, FORWARD_DNAT);
	t->b->balance = (struct balance){ .alg = BALANCE_SOURCE, .consistent = true };
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED | XLB_SVC_STATELESS);
	set_down(t->s2);
	assert_int_equal(service_flags(t), XLB_SVC_STATELESS);
}

static void image_build__no_backend__as_the_pragma_says(void **state)
{
	struct scene *t = *state;

	t->f->no_backend = NO_BACKEND_RESET;
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED | XLB_SVC_RST_ONLY);
	t->f->no_backend = NO_BACKEND_ICMP;
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED | XLB_SVC_ICMP);
	t->f->no_backend = NO_BACKEND_AUTO;
	assert_int_equal(service_flags(t), XLB_SVC_ENABLED);
}

static void image_build__server_down__shut_if_the_file_says_so(void **state)
{
	struct scene *t = *state;
	struct image *img;

	set_down(t->s1);
	img = build(t);
	assert_int_equal(record(img, t->s1)->flags, 0);
	image_free(img);
	t->s1->down_ends_flows = true;
	img = build(t);
	assert_int_equal(record(img, t->s1)->flags, XLB_SRV_SHUT);
	image_free(img);
	t->s1->backup = true; /* and the active one, up, ends the flows of backups */
	t->s1->down_ends_flows = false;
	t->s2->up_ends_backup_flows = true;
	server_run_init(t->s1, 0);
	(void)check_set_health(&t->s1->run.check, &t->s1->check, 99);
	img = build(t);
	assert_int_equal(record(img, t->s1)->flags, XLB_SRV_UP | XLB_SRV_SHUT);
	image_free(img);
}

/* Weight 1 beside 1, back for half of its time: ten or eleven twentieths of the other's share. */
static void image_build__slowstart__share_grows(void **state)
{
	struct scene *t = *state;
	size_t mine;

	t->s1->slowstart_ms = 10000;
	t->s1->run.recovered_ms = 1000;
	for (unsigned int now = 1000; now <= 11000; now += 1000) {
		struct image *img;
		const struct image_ring *ring;

		t->host.now_ms = now;
		img = build(t);
		ring = &img->rings[t->b->dp_id];
		mine = 0;
		for (size_t i = 0; i < ring->len; i++)
			mine += ring->ids[i] == t->s1->run.dp_id;
		if (now == 1000)
			assert_int_equal(mine * 20, ring->len - mine);
		if (now == 6000)
			assert_in_range(mine * 20 / (ring->len - mine), 10, 11);
		if (now == 11000)
			assert_int_equal(mine, ring->len - mine);
		assert_int_equal(record(img, t->s2)->weight, now < 11000 ? 256 : 1); /* as fine as can be, for loads */
		image_free(img);
	}
}

static void image_build__stick_table__numbered_and_told(void **state)
{
	struct scene *t = *state;
	struct backend *other = model_backend_add(t->m, "other");
	struct stick_table table = { .name = (char *)"t", .size = 1000, .expire_ms = 60000 };
	struct image *img;

	t->b->stick = other->stick = (struct stick){ .table = &table, .match = true, .store = true };
	img = build(t);
	assert_int_equal(img->backends[t->b->dp_id].stick, 1);
	assert_int_equal(img->backends[other->dp_id].stick, 1);
	assert_int_equal(img->sticks[1].size, 1000);
	assert_true(img->backends[1].stick_expire * 128 >= 60 * 250);
	image_free(img);
	table.expire_ms = 0;
	img = build(t);
	assert_int_equal(img->backends[1].stick_expire, XLB_TICK_MAX);
	image_free(img);
	t->b->stick.by_dst = true;
	assert_int_equal(build_fails(t), -EINVAL);
	t->b->stick.by_dst = false;
	t->b->stick.store = false;
	assert_int_equal(build_fails(t), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(image_build__each_mode__what_it_needs),
		CASE(image_build__port_change_where_none_can_be__refused),
		CASE(image_build__l2dsr_behind_a_router__refused_or_left_out),
		CASE(image_build__ipv6__records_and_addresses),
		CASE(image_build__families_differ__refused_but_4_in_6),
		CASE(image_build__ranges_and_binds_overlap__first_and_specific_win),
		CASE(image_build__any_port__one_range),
		CASE(image_build__too_many_ranges_of_an_address__refused),
		CASE(image_build__dnat__way_back_for_each_server),
		CASE(image_build__dnat_with_flows__answers_are_looked_up),
		CASE(image_build__dnat_from_two_services__state_needed),
		CASE(image_build__dnat_to_an_address_of_our_own__warned),
		CASE(image_build__maglev__stateless_unless_something_must_be_remembered),
		CASE(image_build__binds_and_sources__users_of_addresses_counted),
		CASE(image_build__maglev__length_stays_and_zeros_without_server),
		CASE(image_build__same_servers__table_taken_over),
		CASE(image_build__other_node__same_table_and_seed),
		CASE(image_build__algorithms__their_tables),
		CASE(image_build__many_servers_leastconn__best_of_them),
		CASE(image_build__limits_and_flags__in_the_records),
		CASE(image_build__fallback_local__closed_while_nobody_serves),
		CASE(image_build__no_backend__as_the_pragma_says),
		CASE(image_build__server_down__shut_if_the_file_says_so),
		CASE(image_build__slowstart__share_grows),
		CASE(image_build__stick_table__numbered_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
