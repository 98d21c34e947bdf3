/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health from adopted rings: what the last daemon's rings say goes before what its state file says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "xlbd/adopt.h"

enum { NR = 4 };

struct scene {
	struct model *m;
	struct server *s[NR];
	struct xlb_backend backends[2];
	struct image_ring rings[2];
	struct xlb_server servers[NR + 1];
	uint16_t ids[NR];
	struct image image;
};

static const char *const names[NR] = { "a", "b", "c", "d" };

/* Backend "be" with servers a to d, numbers 1 to 4, of which 'in_ring' are in the ring. */
static void scene_open(struct scene *sc, const uint16_t *in_ring, size_t nr)
{
	struct backend *be;

	*sc = (struct scene){ .m = model_new() };
	be = model_backend_add(sc->m, "be");
	for (int i = 0; i < NR; i++) {
		sc->s[i] = model_server_add(be, names[i]);
		sc->s[i]->check.type = CHECK_TCP;
		server_run_init(sc->s[i], 0);
		sc->servers[i + 1].identity = model_identity("server", "be", names[i]);
	}
	for (size_t i = 0; i < nr; i++)
		sc->ids[i] = in_ring[i];
	sc->backends[1].identity = model_identity("backend", "be", NULL);
	sc->rings[1] = (struct image_ring){ .ids = sc->ids, .len = nr };
	sc->image = (struct image){ .backends = sc->backends,
				    .rings = sc->rings,
				    .servers = sc->servers,
				    .nr_backends = 2,
				    .nr_servers = NR + 1 };
}

static bool is_up(const struct scene *sc, int i)
{
	return check_is_up(&sc->s[i]->run.check, &sc->s[i]->check);
}

static void down_in_file__in_ring__is_up(void **state)
{
	struct scene sc;

	(void)state;
	scene_open(&sc, (uint16_t[]){ 1, 2, 3, 4 }, 4);
	(void)check_set_health(&sc.s[0]->run.check, &sc.s[0]->check, 0);
	adopt_health(sc.m, &sc.image);
	assert_true(is_up(&sc, 0));
	assert_true(is_up(&sc, 1));
	model_free(sc.m);
}

static void up_in_file__not_in_ring__is_down(void **state)
{
	struct scene sc;

	(void)state;
	scene_open(&sc, (uint16_t[]){ 2, 3, 4 }, 3);
	adopt_health(sc.m, &sc.image);
	assert_false(is_up(&sc, 0));
	assert_true(is_up(&sc, 1));
	model_free(sc.m);
}

static void not_in_ring__for_another_reason__health_stays(void **state)
{
	struct scene sc;

	(void)state;
	scene_open(&sc, (uint16_t[]){ 4 }, 1);
	sc.s[0]->run.admin = SERVER_FDRAIN;
	sc.s[1]->backup = true;
	sc.servers[3].identity = 1; /* c is new in the file */
	adopt_health(sc.m, &sc.image);
	assert_true(is_up(&sc, 0));
	assert_true(is_up(&sc, 1));
	assert_true(is_up(&sc, 2));
	model_free(sc.m);
}

static void nothing_adopted__health_stays(void **state)
{
	struct scene sc;

	(void)state;
	scene_open(&sc, NULL, 0);
	adopt_health(sc.m, NULL);
	assert_true(is_up(&sc, 0));
	model_free(sc.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(down_in_file__in_ring__is_up),
		cmocka_unit_test(up_in_file__not_in_ring__is_down),
		cmocka_unit_test(not_in_ring__for_another_reason__health_stays),
		cmocka_unit_test(nothing_adopted__health_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
