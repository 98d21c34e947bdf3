/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the network as user/net sees it to struct host_facts, and the life of attached interfaces.
 *
 * Events only mark that the data plane must be compared again: the comparison itself finds out what differs, so that an
 * event that changes nothing costs no write.
 */
#include "xlbd/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum {
	EVENT_DELAY_MS = 20, /* one address change comes as a handful of announcements */
	RECHECK_MS = 2000,   /* ports in use, and interfaces that could not be attached */
};

/* An interface that shall be attached, whether it exists or not. */
struct wish {
	TAILQ_ENTRY(wish) next;
	char ifname[16];
	uint32_t ifindex; /* while attached, else 0 */
	enum attach_mode mode;
	bool told; /* the last failure was logged */
};

struct hosts {
	struct state *st;
	uv_timer_t timer;
	TAILQ_HEAD(wish_list, wish) wishes;
	struct host_addr *addrs;
	size_t nr_addrs;
	struct next_hop *hops;
	size_t nr_hops, hops_cap;
	struct port_range ephemeral; /* as the host has it now */
	struct port_range used;	     /* as the image is told */
	struct port_range good;	     /* with which tables could be made last */
	uint64_t busy[2][XLB_BUSY_WORDS];
	uint32_t active[XLB_MAX_SERVERS];
};

static struct wish *wish_find(struct hosts *h, const char *ifname)
{
	struct wish *w;

	TAILQ_FOREACH(w, &h->wishes, next)
		if (!strcmp(w->ifname, ifname))
			return w;
	return NULL;
}

static struct wish *wish_add(struct hosts *h, const char *ifname, enum attach_mode mode)
{
	struct wish *w = wish_find(h, ifname);

	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return NULL;
		strncpy(w->ifname, ifname, sizeof(w->ifname) - 1);
		TAILQ_INSERT_TAIL(&h->wishes, w, next);
	}
	w->mode = mode;
	return w;
}

static void wish_del(struct hosts *h, struct wish *w)
{
	TAILQ_REMOVE(&h->wishes, w, next);
	free(w);
}

/*
 * Wishes outlive the daemon in RUN_DIR/INSTANCE.attach, so that an interface that is away while daemons change is still
 * attached when it returns. Not longer than the boot: after it the configuration decides. Failure costs only that.
 */
static void wish_path(const struct hosts *h, char *out, size_t cap, const char *suffix)
{
	snprintf(out, cap, "%s/%s.attach%s", h->st->paths.run_dir, h->st->paths.instance, suffix);
}

static void save_wishes(const struct hosts *h)
{
	char path[PATHS_MAX + 80], tmp[PATHS_MAX + 80];
	const struct wish *w;
	FILE *f;

	wish_path(h, path, sizeof(path), "");
	wish_path(h, tmp, sizeof(tmp), ".tmp");
	f = fopen(tmp, "we");
	if (!f)
		return;
	TAILQ_FOREACH(w, &h->wishes, next)
		fprintf(f, "%s %d\n", w->ifname, (int)w->mode);
	if (fclose(f) || rename(tmp, path))
		(void)unlink(tmp);
}

static void load_wishes(struct hosts *h)
{
	char path[PATHS_MAX + 80], name[16];
	FILE *f;
	int mode;

	wish_path(h, path, sizeof(path), "");
	f = fopen(path, "re");
	if (!f)
		return;
	while (fscanf(f, "%15s %d", name, &mode) == 2)
		if (mode >= ATTACH_AUTO && mode <= ATTACH_GENERIC && !wish_find(h, name))
			(void)wish_add(h, name, (enum attach_mode)mode);
	(void)fclose(f);
}

/* Interface of this name in the data plane, or NULL. */
static const struct dp_if *attached(const struct hosts *h, const char *ifname)
{
	size_t nr;
	const struct dp_if *ifs = dp_ifs(h->st->dp, &nr);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(ifs[i].name, ifname))
			return &ifs[i];
	return NULL;
}

static void log_attached(const struct dp_if *dpif)
{
	log_msg(LOG_L_NOTICE, "attach", "%s is attached in %s mode: %s", dpif->name,
		dpif->mode == ATTACH_NATIVE ? "native" : "generic", dpif->why);
}

/* Tries to fulfil a wish. 0 or -errno with a message. */
static int try_attach(struct hosts *h, struct wish *w, struct diag_list *diags)
{
	const struct dp_if *dpif;
	int rc = dp_attach(h->st->dp, w->ifname, w->mode, diags);

	if (rc)
		return rc;
	dpif = attached(h, w->ifname);
	if (dpif) {
		w->ifindex = dpif->ifindex;
		log_attached(dpif);
	}
	w->told = false;
	return 0;
}

/* The interface of a wish has come or may have come: attaches it. A failure is logged once and tried again later. */
static void retry(struct hosts *h, struct wish *w)
{
	struct diag_list diags;

	if (w->ifindex || !net_link_by_name(h->st->net, w->ifname))
		return;
	diag_init(&diags);
	if (!try_attach(h, w, &diags)) {
		state_apply_soon(h->st, EVENT_DELAY_MS);
	} else if (!w->told) {
		state_log_diags(&diags, "attach");
		w->told = true;
	}
	diag_fini(&diags);
}

/*
 * Reads ports in use and the ephemeral range. Ports of that range are never source ports of ours, so sockets that come
 * and go in it are no change. Returns true if something changed.
 */
static bool read_ports(struct hosts *h)
{
	uint64_t busy[2][XLB_BUSY_WORDS];
	struct port_range range = h->ephemeral;
	bool changed;

	memset(busy, 0, sizeof(busy));
	if (net_ephemeral_range(&range) || net_busy_ports(busy[0], busy[1]))
		return false;
	for (unsigned int p = range.lo; p <= range.hi; p++) {
		busy[0][p / 64] &= ~((uint64_t)1 << (p % 64));
		busy[1][p / 64] &= ~((uint64_t)1 << (p % 64));
	}
	changed = memcmp(busy, h->busy, sizeof(busy)) || range.lo != h->ephemeral.lo || range.hi != h->ephemeral.hi;
	memcpy(h->busy, busy, sizeof(busy));
	if (range.lo != h->ephemeral.lo || range.hi != h->ephemeral.hi)
		h->used = range;
	h->ephemeral = range;
	return changed;
}

static void on_timer(uv_timer_t *timer)
{
	struct hosts *h = timer->data;
	struct wish *w;

	TAILQ_FOREACH(w, &h->wishes, next)
		retry(h, w);
	if (read_ports(h))
		state_apply_soon(h->st, 0);
}

int hosts_start(struct state *st, struct hosts **ret)
{
	struct hosts *h = calloc(1, sizeof(*h));
	const struct dp_if *ifs;
	size_t nr;
	int rc;

	if (!h)
		return -ENOMEM;
	h->st = st;
	TAILQ_INIT(&h->wishes);
	h->ephemeral = (struct port_range){ 32768, 60999 }; /* the kernel's default, if /proc cannot be read */
	h->used = h->ephemeral;
	rc = uv_timer_init(st->loop, &h->timer);
	if (rc) {
		free(h);
		return rc;
	}
	h->timer.data = h;
	*ret = h;
	(void)read_ports(h);
	ifs = dp_ifs(st->dp, &nr);
	for (size_t i = 0; i < nr; i++) {
		struct wish *w = wish_add(h, ifs[i].name, ifs[i].mode);

		if (!w)
			return -ENOMEM;
		w->ifindex = ifs[i].ifindex;
	}
	load_wishes(h);
	save_wishes(h);
	return uv_timer_start(&h->timer, on_timer, RECHECK_MS, RECHECK_MS);
}

static void on_closed(uv_handle_t *handle)
{
	struct hosts *h = handle->data;
	struct wish *w;

	while ((w = TAILQ_FIRST(&h->wishes)))
		wish_del(h, w);
	free(h->addrs);
	free(h->hops);
	free(h);
}

void hosts_stop(struct hosts *h)
{
	if (h)
		uv_close((uv_handle_t *)&h->timer, on_closed);
}

/* Addresses and MTUs of the attached interfaces. */
static int read_interfaces(struct hosts *h)
{
	size_t nr_ifs;
	const struct dp_if *ifs = dp_ifs(h->st->dp, &nr_ifs);

	free(h->addrs);
	h->addrs = NULL;
	h->nr_addrs = 0;
	for (size_t i = 0; i < nr_ifs; i++) {
		const struct net_link *link = net_link_by_index(h->st->net, ifs[i].ifindex);
		int rc = net_addrs_of(h->st->net, ifs[i].ifindex, &h->addrs, &h->nr_addrs);

		if (rc)
			return rc;
		if (link)
			dp_set_mtu(h->st->dp, ifs[i].ifindex, link->mtu);
	}
	return 0;
}

static int hop_cmp(const void *a, const void *b)
{
	const struct addr *x = &((const struct next_hop *)a)->server, *y = &((const struct next_hop *)b)->server;
	__be32 xw[4], yw[4];

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	words_put(xw, x);
	words_put(yw, y);
	return words_cmp(xw, yw);
}

/* The servers' addresses, each once. */
static int collect_hops(struct hosts *h, const struct model *m)
{
	const struct backend *b;
	const struct server *s;
	size_t nr = 0, kept = 0;

	TAILQ_FOREACH(b, &m->backends, next)
		nr += b->nr_servers;
	if (nr > h->hops_cap) {
		struct next_hop *grown = realloc(h->hops, nr * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		h->hops = grown;
		h->hops_cap = nr;
	}
	h->nr_hops = 0;
	TAILQ_FOREACH(b, &m->backends, next)
		TAILQ_FOREACH(s, &b->servers, next)
			if (s->addr.family && h->nr_hops < h->hops_cap)
				h->hops[h->nr_hops++] = (struct next_hop){ .server = s->addr };
	if (!h->nr_hops)
		return 0;
	qsort(h->hops, h->nr_hops, sizeof(*h->hops), hop_cmp);
	for (size_t i = 1; i < h->nr_hops; i++)
		if (hop_cmp(&h->hops[kept], &h->hops[i]))
			h->hops[++kept] = h->hops[i];
	h->nr_hops = kept + 1;
	return 0;
}

static const uint32_t *read_active(struct hosts *h)
{
	for (unsigned int id = 1; id < XLB_MAX_SERVERS; id++)
		h->active[id] = dp_active_of_server(h->st->dp, (uint16_t)id);
	return h->active;
}

int hosts_facts(struct hosts *h, const struct model *m, struct host_facts *ret)
{
	int rc = read_interfaces(h);

	if (!rc)
		rc = collect_hops(h, m);
	if (rc)
		return rc;
	net_resolve_round(h->st->net);
	for (size_t i = 0; i < h->nr_hops; i++) {
		uint32_t ifindex = 0;

		/* No route is a fact like any other: the hop stays without interface. */
		if (!net_resolve(h->st->net, &h->hops[i], &ifindex))
			h->hops[i].oif = dp_if_number(h->st->dp, ifindex);
	}
	*ret = (struct host_facts){
		.addrs = h->addrs,
		.nr_addrs = h->nr_addrs,
		.hops = h->hops,
		.nr_hops = h->nr_hops,
		.ephemeral = h->used,
		.busy = { h->busy[0], h->busy[1] },
		.hz = dp_hz(h->st->dp),
		.tick_shift = dp_tick_shift(h->st->dp),
		.nr_cpus = dp_nr_cpus(h->st->dp),
		.now_ms = state_now_ms(),
		.active = read_active(h),
		.previous = h->st->image,
		.new_config = m != h->st->model || !h->good.hi,
	};
	return 0;
}

void hosts_applied(struct hosts *h)
{
	h->good = h->used;
}

bool hosts_fall_back(struct hosts *h)
{
	if (!h->good.hi || (h->good.lo == h->used.lo && h->good.hi == h->used.hi))
		return false;
	h->used = h->good;
	return true;
}

void hosts_follow_retired(struct hosts *h)
{
	struct next_hop hop = { 0 };
	uint32_t ifindex;

	for (uint16_t id = 0; (id = dp_next_retired(h->st->dp, id, &hop.server));) {
		if (net_resolve(h->st->net, &hop, &ifindex))
			continue;
		hop.oif = dp_if_number(h->st->dp, ifindex);
		dp_set_retired_hop(h->st->dp, id, &hop);
	}
}

static void link_gone(struct hosts *h, const struct net_event *ev)
{
	struct wish *w;

	if (!dp_if_number(h->st->dp, ev->ifindex))
		return;
	dp_forget_if(h->st->dp, ev->ifindex);
	TAILQ_FOREACH(w, &h->wishes, next)
		if (w->ifindex == ev->ifindex)
			w->ifindex = 0;
	log_msg(LOG_L_WARNING, "attach", "%s is gone; it is attached again when it comes back", ev->ifname);
}

/* The link stays on an interface that is renamed; so does the wish for it, unless there is one for the new name. */
static void link_renamed(struct hosts *h, const struct net_event *ev)
{
	struct wish *w;

	if (attached(h, ev->ifname) || !dp_if_number(h->st->dp, ev->ifindex))
		return;
	dp_rename_if(h->st->dp, ev->ifindex, ev->ifname);
	TAILQ_FOREACH(w, &h->wishes, next) {
		if (w->ifindex != ev->ifindex || wish_find(h, ev->ifname))
			continue;
		log_msg(LOG_L_NOTICE, "attach", "%s is now called %s and stays attached", w->ifname, ev->ifname);
		snprintf(w->ifname, sizeof(w->ifname), "%s", ev->ifname);
		save_wishes(h);
	}
}

void hosts_event(struct hosts *h, const struct net_event *ev)
{
	struct wish *w;

	switch (ev->type) {
	case NET_LINK_GONE:
		link_gone(h, ev);
		break;
	case NET_LINK_NEW:
	case NET_LINK_CHANGED:
		link_renamed(h, ev);
		w = wish_find(h, ev->ifname);
		if (w)
			retry(h, w);
		dp_hops_changed(h->st->dp); /* its own MAC address may be another one */
		break;
	case NET_ADDR_CHANGED:
	case NET_ROUTE_CHANGED:
	case NET_NEIGH_CHANGED:
		dp_hops_changed(h->st->dp);
		break;
	}
	state_apply_soon(h->st, EVENT_DELAY_MS);
}

int hosts_attach(struct hosts *h, const char *ifname, enum attach_mode mode, struct diag_list *diags)
{
	struct wish *w = wish_find(h, ifname);
	bool is_new = !w;
	int rc;

	w = wish_add(h, ifname, mode);
	if (!w)
		return -ENOMEM;
	rc = try_attach(h, w, diags);
	if (rc) {
		if (is_new)
			wish_del(h, w);
		return rc;
	}
	save_wishes(h);
	rc = state_apply(h->st, h->st->model, diags);
	if (!rc)
		hosts_warn_forwarding(h->st, diags);
	return rc;
}

int hosts_detach(struct hosts *h, const char *ifname, struct diag_list *diags)
{
	struct wish *w = wish_find(h, ifname);
	size_t nr;
	int rc = 0;

	/* An interface that is away at the moment is detached by forgetting it. */
	if (attached(h, ifname) || !w)
		rc = dp_detach(h->st->dp, ifname, diags);
	if (rc)
		return rc;
	if (w)
		wish_del(h, w);
	save_wishes(h);
	log_msg(LOG_L_NOTICE, "attach", "%s is detached; its packets go to the host again", ifname);
	(void)dp_ifs(h->st->dp, &nr);
	if (!nr)
		log_msg(LOG_L_NOTICE, "attach",
			"no interface is attached any more; xlbd and its tables stay, "
			"'xlbctl attach' goes on where it stopped");
	return state_apply(h->st, h->st->model, diags);
}

void hosts_attach_wanted(struct hosts *h, const struct model *m, struct diag_list *diags)
{
	const struct attach_want *want;
	struct wish *w;
	bool any = false;

	TAILQ_FOREACH(want, &m->attach, next) {
		if (attached(h, want->ifname))
			continue;
		w = wish_add(h, want->ifname, want->mode);
		if (!w)
			return;
		if (!net_link_by_name(h->st->net, want->ifname)) {
			diag_add(diags, DIAG_WARNING, NULL, NULL, "it is attached as soon as it exists",
				 "interface '%s' does not exist", want->ifname);
			w->told = true;
		} else if (try_attach(h, w, diags)) {
			w->told = true;
		} else {
			any = true;
		}
	}
	/* Wishes of an earlier daemon whose interface was away then. */
	TAILQ_FOREACH(w, &h->wishes, next)
		retry(h, w);
	save_wishes(h);
	if (any)
		state_apply_soon(h->st, 0);
}
