/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* image_build(): what a model becomes in the data plane's tables. */
#include "../lib/image_scene.h"

static void image_build__reference_scene__full_tables(void **state)
{
	struct scene *t = *state;
	struct image *img = build(t);
	const struct xlb_server *s1 = &img->servers[t->s1->run.dp_id];
	unsigned int bit = xlb_port_bit(htons(8080), IPPROTO_TCP);

	assert_int_equal(s1->addr[0], t->s1->addr.v4.s_addr);
	assert_int_equal(s1->family, 4);
	assert_int_equal(s1->mode, XLB_MODE_FULLNAT);
	assert_int_equal(s1->flags, XLB_SRV_UP);
	assert_int_equal(s1->source[0], ip("10.211.55.4").v4.s_addr);
	assert_int_equal(s1->port, htons(30808));
	assert_int_equal(s1->oif, 1);
	assert_int_equal(s1->backend, t->b->dp_id);
	assert_int_equal(s1->pool_lo, 1024);
	assert_int_equal(s1->pool_hi, 32767);
	assert_memory_equal(s1->dmac, t->hops[1].dmac, 6);
	assert_memory_equal(s1->smac, t->hops[1].smac, 6);

	assert_int_equal(img->rings[t->b->dp_id].len, 2);
	assert_int_equal(img->rings[t->b->dp_id].ids[0], t->s1->run.dp_id);
	assert_int_equal(img->rings[t->b->dp_id].ids[1], t->s2->run.dp_id);

	assert_int_equal(img->services[t->f->dp_id].backend, t->b->dp_id);
	assert_int_equal(img->services[t->f->dp_id].flags, XLB_SVC_ENABLED);

	assert_int_equal(img->nr_binds, 1);
	assert_int_equal(img->binds[0].addr[0], ip("10.211.55.4").v4.s_addr);
	assert_int_equal(img->binds[0].port, htons(8080));
	assert_int_equal(img->binds[0].proto, IPPROTO_TCP);
	assert_int_equal(img->binds[0].service, t->f->dp_id);

	assert_int_equal(img->nr_addrs, 1);
	assert_int_equal(img->addrs[0].rec.pool_lo, 1024);
	assert_int_equal(img->addrs[0].rec.pool_hi, 32767);
	assert_true(img->addrs[0].rec.bloom[bit / 32] & 1u << bit % 32);
	assert_true(img->busy[0][8080 / 64] & 1ull << 8080 % 64);
	assert_false(img->busy[1][8080 / 64] & 1ull << 8080 % 64);
	image_free(img);
}

static void image_build__timeouts__rounded_up_to_ticks(void **state)
{
	struct scene *t = *state;
	struct image *img;
	unsigned int ms = model_flow_timeout(t->f, t->b, XLB_S_ESTABLISHED);
	uint64_t ticks;

	img = build(t);
	ticks = img->services[t->f->dp_id].timeout[XLB_S_ESTABLISHED];
	assert_true(ticks * 128 * 1000 >= (uint64_t)ms * 250);
	assert_true((ticks - 1) * 128 * 1000 < (uint64_t)ms * 250);
	image_free(img);
}

static void image_build__host_ports__busy_inside_the_pool_only(void **state)
{
	struct scene *t = *state;
	uint64_t *tcp = calloc(XLB_BUSY_WORDS, sizeof(*tcp));
	struct image *img;

	tcp[2000 / 64] |= 1ull << 2000 % 64;
	tcp[22 / 64] |= 1ull << 22;
	tcp[40000 / 64] |= 1ull << 40000 % 64;
	t->host.busy[0] = tcp;
	img = build(t);
	assert_true(img->busy[0][2000 / 64] & 1ull << 2000 % 64);
	assert_false(img->busy[0][22 / 64] & 1ull << 22);
	assert_false(img->busy[0][40000 / 64] & 1ull << 40000 % 64);
	image_free(img);
	free(tcp);
}

static void image_build__wildcard__every_address_of_its_interface(void **state)
{
	struct scene *t = *state;
	struct bind *bind = add_bind(t->f, "0.0.0.0", 90, 92);
	struct image *img;

	bind->interface = strdup("eth1");
	t->host.nr_addrs = 2;
	img = build(t);
	assert_int_equal(img->nr_binds, 2);
	assert_int_equal(img->nr_addrs, 2);
	assert_int_equal(img->nr_ranges, 1);
	assert_int_equal(img->ranges[0].rec.lo, 90);
	assert_int_equal(img->ranges[0].rec.hi, 92);
	assert_int_equal(img->addrs[0].rec.nr_ranges + img->addrs[1].rec.nr_ranges, 1);
	image_free(img);
}

static void image_build__foreign_address__taken_as_it_is(void **state)
{
	struct scene *t = *state;
	struct image *img;

	TAILQ_FIRST(&t->f->binds)->addr = ip("203.0.113.7");
	img = build(t);
	assert_int_equal(img->nr_binds, 1);
	assert_int_equal(img->binds[0].addr[0], ip("203.0.113.7").v4.s_addr);
	assert_int_equal(img->nr_addrs, 2); /* the bind's and the source */
	image_free(img);
}

static void image_build__same_bind_twice__specific_enabled_first(void **state)
{
	struct scene *t = *state;
	struct frontend *special = model_frontend_add(t->m, "special");
	struct frontend *off = model_frontend_add(t->m, "off");
	struct image *img;

	special->backend = off->backend = t->b;
	off->disabled = true;
	add_bind(special, "10.211.55.4", 8080, 8080);
	add_bind(off, "10.211.55.4", 8080, 8081);
	img = build(t);
	assert_int_equal(img->nr_binds, 2);
	assert_int_equal(img->binds[0].service, special->dp_id);
	assert_int_equal(img->binds[1].service, off->dp_id);
	assert_int_equal(img->services[off->dp_id].flags & XLB_SVC_ENABLED, 0);
	assert_int_equal(t->diags.nr[DIAG_WARNING], 0);
	image_free(img);
}

static void image_build__left_to_stack_or_stats__no_bind(void **state)
{
	struct scene *t = *state;
	struct image *img;

	t->f->left_to_stack = true;
	img = build(t);
	assert_int_equal(img->nr_binds, 0);
	assert_int_equal(t->f->dp_id, 0);
	image_free(img);
	t->f->left_to_stack = false;
	t->f->stats.enabled = true;
	img = build(t);
	assert_int_equal(img->nr_binds, 0);
	image_free(img);
	t->f->stats.enabled = false;
	t->f->stats.metrics = true;
	img = build(t);
	assert_int_equal(img->nr_binds, 0);
	image_free(img);
}

static void image_build__range_over_ephemeral__refused_with_advice(void **state)
{
	struct scene *t = *state;

	t->b->source_ports = (struct port_range){ 32000, 33000 };
	assert_int_equal(build_fails(t), -EINVAL);
	assert_non_null(strstr(TAILQ_FIRST(&t->diags.head)->text, "32768-60999"));
	assert_non_null(strstr(TAILQ_FIRST(&t->diags.head)->hint, "1024-32767"));
}

static void image_build__range_of_server__goes_before_the_backend(void **state)
{
	struct scene *t = *state;
	struct image *img;

	t->b->source_ports = (struct port_range){ 2000, 2063 };
	t->s1->source_ports = (struct port_range){ 3000, 3063 };
	t->s1->source = ip("10.211.55.44");
	img = build(t);
	assert_int_equal(img->servers[t->s1->run.dp_id].pool_lo, 3000);
	assert_int_equal(img->servers[t->s1->run.dp_id].pool_hi, 3063);
	assert_int_equal(img->servers[t->s1->run.dp_id].source[0], ip("10.211.55.44").v4.s_addr);
	assert_int_equal(img->servers[t->s2->run.dp_id].pool_lo, 2000);
	assert_int_equal(img->nr_addrs, 2);
	image_free(img);
}

static void image_build__too_many_binds__refused(void **state)
{
	struct scene *t = *state;

	for (int i = 0; i <= IMAGE_BINDS_MAX / 60000; i++) {
		char addr[16];

		snprintf(addr, sizeof(addr), "10.0.0.%d", i + 1);
		for (int port = 1; port <= 60000; port++)
			add_bind(t->f, addr, (uint16_t)port, (uint16_t)port);
	}
	assert_int_equal(build_fails(t), -ENOSPC);
}

static void image_build__unreachable_server__out_of_the_ring_while_another_is_reachable(void **state)
{
	struct scene *t = *state;
	struct image *img;

	memset(t->hops[0].dmac, 0, 6); /* of node2 */
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].len, 1);
	assert_int_equal(img->rings[t->b->dp_id].ids[0], t->s1->run.dp_id);
	image_free(img);
	t->host.nr_hops = 0;
	img = build(t);
	assert_int_equal(img->rings[t->b->dp_id].len, 2);
	image_free(img);
}

static void image_build__many_uneven_weights__ring_fits(void **state)
{
	struct scene *t = *state;
	struct image *img;
	char name[16];

	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add_server(t->b, name, "10.211.56.1", 80)->run.weight = i % 2 ? 256 : 255;
	}
	img = build(t);
	t->host.nr_hops = 0;
	image_free(img);
	img = build(t);
	assert_true(img->rings[t->b->dp_id].len <= IMAGE_RING_MAX);
	assert_true(img->rings[t->b->dp_id].len >= 602);
	image_free(img);
}

static void image_ids__removed_server__number_kept_until_released(void **state)
{
	struct scene *t = *state;
	uint16_t old1, old2;

	image_free(build(t));
	old1 = t->s1->run.dp_id;
	old2 = t->s2->run.dp_id;
	model_server_del(t->s1);
	t->s1 = add_server(t->b, "node3", "10.211.55.7", 80);
	image_free(build(t));
	assert_int_equal(t->s2->run.dp_id, old2);
	assert_int_not_equal(t->s1->run.dp_id, old1);
	image_ids_release(t->ids, 'S', old1);
	t->s1 = add_server(t->b, "node4", "10.211.55.8", 80);
	image_free(build(t));
	assert_int_equal(t->s1->run.dp_id, old1);
}

/* Flows take the server's address from its record: those of before must find the old one there. */
static void image_ids__other_address__other_number(void **state)
{
	struct scene *t = *state;
	uint16_t old;

	image_free(build(t));
	old = t->s1->run.dp_id;
	t->s1->run.weight = 7;
	image_free(build(t));
	assert_int_equal(t->s1->run.dp_id, old);
	t->s1->addr = ip("10.211.55.9");
	image_free(build(t));
	assert_int_not_equal(t->s1->run.dp_id, old);
	t->s1->addr = ip("10.211.55.5");
	image_free(build(t));
	assert_int_equal(t->s1->run.dp_id, old);
}

/* The route goes and comes back: the source that flows know must not change with it. */
static void image_ids__route_away__same_number(void **state)
{
	struct scene *t = *state;
	uint16_t old;

	image_free(build(t));
	old = t->s1->run.dp_id;
	t->host.nr_hops = 0;
	image_free(build(t));
	assert_int_equal(t->s1->run.dp_id, old);
}

static bool only_servers(void *arg, char kind, uint16_t id)
{
	(void)id;
	*(int *)arg += 1;
	return kind == 'S';
}

static void image_ids_collect__unused__asks_and_releases(void **state)
{
	struct scene *t = *state;
	struct image *img;
	uint16_t old = 0;
	int asked = 0;

	image_free(build(t));
	old = t->s1->run.dp_id;
	model_server_del(t->s1);
	img = build(t);
	assert_int_equal(image_ids_collect(t->ids, img, only_servers, &asked), 1);
	assert_int_equal(asked, 1);
	assert_int_equal(image_ids_adopt(t->ids, 'S', 77, old), 0);
	assert_int_equal(image_ids_adopt(t->ids, 'S', 78, old), -EINVAL);
	assert_int_equal(image_ids_adopt(t->ids, 'S', 77, 4000), -EINVAL);
	assert_int_equal(image_ids_adopt(t->ids, 'S', 79, XLB_MAX_SERVERS), -EINVAL);
	assert_int_equal(image_ids_get(t->ids, 'S', 77), old);
	image_free(img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(image_build__reference_scene__full_tables),
		CASE(image_build__timeouts__rounded_up_to_ticks),
		CASE(image_build__host_ports__busy_inside_the_pool_only),
		CASE(image_build__wildcard__every_address_of_its_interface),
		CASE(image_build__foreign_address__taken_as_it_is),
		CASE(image_build__same_bind_twice__specific_enabled_first),
		CASE(image_build__left_to_stack_or_stats__no_bind),
		CASE(image_build__range_over_ephemeral__refused_with_advice),
		CASE(image_build__range_of_server__goes_before_the_backend),
		CASE(image_build__too_many_binds__refused),
		CASE(image_build__unreachable_server__out_of_the_ring_while_another_is_reachable),
		CASE(image_build__many_uneven_weights__ring_fits),
		CASE(image_ids__removed_server__number_kept_until_released),
		CASE(image_ids__other_address__other_number),
		CASE(image_ids__route_away__same_number),
		CASE(image_ids_collect__unused__asks_and_releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
