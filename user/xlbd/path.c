/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes the path from the model and from the tables in force, which follow neighbours and routes. */
#include "xlbd/path.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "dataplane/dp.h"
#include "net/net.h"

static bool leads_to(const struct frontend *f, const struct backend *b)
{
	const struct policy_route *route;

	if (f->left_to_stack)
		return false;
	if (f->backend == b)
		return true;
	TAILQ_FOREACH(route, &f->routes, next)
		if (route->backend == b)
			return true;
	return false;
}

/* The first that connections for the backend are taken at. The configuration has made sure that it has an address. */
static const struct bind *bind_of(const struct model *m, const struct backend *b)
{
	const struct frontend *f;
	const struct bind *bind;

	TAILQ_FOREACH(f, &m->frontends, next) {
		if (!leads_to(f, b))
			continue;
		TAILQ_FOREACH(bind, &f->binds, next)
			if (bind->proto == IPPROTO_TCP && !addr_is_any(&bind->addr))
				return bind;
	}
	return NULL;
}

/* Does it ask for what traffic asks for, too? */
static bool is_of_service(const struct check_conf *c)
{
	return (c->type == CHECK_TCP || c->type == CHECK_HTTP) && !c->addr.family;
}

void path_choose(const struct model *m, const struct server *s, struct check_conf *c)
{
	bool wanted = s->backend->check_path == CHECK_PATH_VIA;
	const struct bind *bind;

	if (s->backend->check_path == CHECK_PATH_DIRECT || !forward_keeps_port(s->forward) || !is_of_service(c))
		return;
	bind = bind_of(m, s->backend);
	/* A port of the check's own is one that traffic does not ask for. */
	if (!bind || (!wanted && c->port && (c->port < bind->port_lo || c->port > bind->port_hi)))
		return;
	c->via = bind->addr;
	c->via_port = c->port ? c->port : bind->port_lo;
	c->via_may_fail = !wanted;
}

static const struct dp_if *interface_of(const struct dp *dp, uint16_t number)
{
	size_t nr;
	const struct dp_if *ifs = dp_ifs(dp, &nr);

	for (size_t i = 0; number && i < nr; i++)
		if (ifs[i].number == number)
			return &ifs[i];
	return NULL;
}

/* An address of the interface to ask from, which the server does not take for its own. */
static int choose_source(const struct net *net, uint32_t ifindex, const struct addr *vip, struct addr *ret)
{
	struct host_addr *list = NULL;
	size_t nr = 0;
	int err = net_addrs_of(net, ifindex, &list, &nr) ? -ENOMEM : -EADDRNOTAVAIL;

	for (size_t i = 0; i < nr && err == -EADDRNOTAVAIL; i++) {
		const struct addr *a = &list[i].addr;

		if (a->family != vip->family || addr_equal(a, vip) ||
		    (a->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->v6)))
			continue;
		*ret = *a;
		err = 0;
	}
	free(list);
	return err;
}

int path_to_server(const struct state *st, const struct server *s, const struct addr *vip, struct health_path *ret)
{
	static const unsigned char unknown[6];
	const struct xlb_server *rec;
	const struct dp_if *ifc;

	if (!st->image || !s->run.dp_id || s->run.dp_id >= st->image->nr_servers)
		return -EHOSTUNREACH;
	rec = &st->image->servers[s->run.dp_id];
	ifc = interface_of(st->dp, rec->oif);
	if (!ifc)
		return -EADDRNOTAVAIL; /* no attached interface leads there, which says nothing of the server */
	if (!memcmp(rec->dmac, unknown, sizeof(unknown)))
		return -EHOSTUNREACH;
	ret->ifindex = (int)ifc->ifindex;
	memcpy(ret->mac, rec->dmac, sizeof(ret->mac));
	if (rec->mode == XLB_MODE_IPIP) {
		ret->tunnel_from = words_get(rec->source, rec->family);
		ret->tunnel_to = words_get(rec->addr, rec->family);
	}
	return choose_source(st->net, ifc->ifindex, vip, &ret->source);
}
