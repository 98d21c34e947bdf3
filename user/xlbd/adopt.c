/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads servers' health from adopted rings. Names are gone in the data plane; identities are compared.
 */
#include "xlbd/adopt.h"

/* Number that backend or server records of the image give an identity, 0 if none does. */
static size_t backend_number(const struct image *image, uint64_t identity)
{
	for (size_t i = 1; i < image->nr_backends; i++)
		if (image->backends[i].identity == identity)
			return i;
	return 0;
}

static bool ring_has(const struct image *image, size_t backend, uint64_t server)
{
	const struct image_ring *ring = &image->rings[backend];

	for (size_t i = 0; i < ring->len; i++)
		if (ring->ids[i] < image->nr_servers && image->servers[ring->ids[i]].identity == server)
			return true;
	return false;
}

static bool known(const struct image *image, uint64_t server)
{
	for (size_t i = 1; i < image->nr_servers; i++)
		if (image->servers[i].identity == server)
			return true;
	return false;
}

static void adopt_server(struct server *s, const struct image *image, size_t backend)
{
	uint64_t identity = model_identity("server", s->backend->name, s->name);

	if (s->check.type == CHECK_NONE || !known(image, identity))
		return;
	if (ring_has(image, backend, identity)) {
		if (!check_is_up(&s->run.check, &s->check))
			(void)check_set_health(&s->run.check, &s->check, (int)s->check.rise);
	} else if (!s->backup && server_is_usable(s)) {
		/* Nothing but its check can have kept it out. */
		(void)check_set_health(&s->run.check, &s->check, 0);
	}
}

void adopt_health(struct model *m, const struct image *image)
{
	struct backend *be;
	struct server *s;

	if (!image)
		return;
	TAILQ_FOREACH(be, &m->backends, next) {
		size_t number = backend_number(image, model_identity("backend", be->name, NULL));

		if (!number)
			continue;
		TAILQ_FOREACH(s, &be->servers, next)
			adopt_server(s, image, number);
	}
}
