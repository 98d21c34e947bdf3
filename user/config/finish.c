/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All files are read: names are resolved, and it is decided who serves which frontend.
 *
 * A frontend is served by the data plane, by xlbd itself over HTTP (the stats page), or left to the network stack
 * because it, or its backend, needs a proxy. What this version cannot do is an error only where xlb would carry the
 * traffic: the rest of a live haproxy.cfg may stay as it is. Building the model is build.c's.
 */
#include "config/finish.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_front(const struct proxy *x)
{
	return x->kind == SECTION_FRONTEND || x->kind == SECTION_LISTEN;
}

static bool has_back(const struct proxy *x)
{
	return x->kind == SECTION_BACKEND || x->kind == SECTION_LISTEN;
}

/* Why the section needs a proxy, or NULL. */
static const struct need *need_of(const struct proxy *x)
{
	if (x->set.need.word)
		return &x->set.need;
	return x->set.mode_http && x->set.need_http.word ? &x->set.need_http : NULL;
}

static const char *hint_backend(struct parser *p, const char *name)
{
	const char *words[65];
	const struct proxy *x;
	size_t nr = 0;

	TAILQ_FOREACH(x, &p->proxies, next)
		if (has_back(x) && *x->name && nr < 64)
			words[nr++] = x->name;
	words[nr] = NULL;
	return did_you_mean(p, name, words);
}

static struct proxy *find_backend(struct parser *p, const char *name, const struct diag_place *place)
{
	struct proxy *x = names_find(&p->names, NAME_BACK, NULL, name);

	if (x)
		return x;
	report(p, DIAG_ERROR, place, CODE_UNKNOWN_NAME, hint_backend(p, name), "no backend is called '%s'", name);
	return NULL;
}

/* Where the connections of 'x' go: the first use_backend without a condition, default_backend, or its own servers. */
static void resolve_backend(struct parser *p, struct proxy *x)
{
	struct use_backend *u;
	struct proxy *found;

	TAILQ_FOREACH(u, &x->uses, next) {
		u->found = find_backend(p, u->name, &u->place);
		if (!u->conditional && !x->target)
			x->target = u->found;
	}
	if (x->set.default_backend) {
		found = find_backend(p, x->set.default_backend, &x->set.default_backend_place);
		if (!x->target)
			x->target = found;
	}
	if (!x->target && x->kind == SECTION_LISTEN && !TAILQ_EMPTY(&x->servers))
		x->target = x;
}

/* Why the frontend cannot be served by packets: its own lines, or those of a backend that it uses. */
static const struct need *need_of_all(const struct proxy *x)
{
	const struct use_backend *u;

	if (need_of(x))
		return need_of(x);
	TAILQ_FOREACH(u, &x->uses, next)
		if (u->found && need_of(u->found))
			return need_of(u->found);
	return x->target ? need_of(x->target) : NULL;
}

static void mark_used(const struct proxy *x, struct proxy *back)
{
	if (back && x->is_left)
		back->is_used_by_left = true;
	else if (back)
		back->is_used = true;
}

/* Is the page of 'x' served by xlbd? HAProxy mixes it with other traffic of the section by looking at requests. */
static void decide_stats(struct parser *p, struct proxy *x)
{
	struct settings *set = &x->set;

	if (!set->stats_on && !set->metrics)
		return;
	if (!x->target) {
		x->is_stats = true;
		if (!set->mode_http)
			report(p, DIAG_WARNING, &set->stats_place, CODE_STATS, "add 'mode http'",
			       "HAProxy ignores 'stats' without 'mode http'; xlbd serves the page all the same");
	} else if (set->mode_http) {
		if (!need_of(x))
			set->need = (struct need){ set->metrics && !set->stats_on ? "http-request" : "stats",
						   "the page shares its address with other traffic", set->stats_place };
	} else {
		report(p, DIAG_WARNING, &set->stats_place, CODE_STATS,
		       "give the page a 'listen' section of its own, with 'mode http'",
		       "'stats' is ignored without 'mode http'");
	}
}

static void leave_to_stack(struct parser *p, struct proxy *x, const struct need *need)
{
	enum diag_level level = p->opt && p->opt->strict ? DIAG_ERROR : DIAG_WARNING;

	x->is_left = true;
	x->left_reason = arena_printf(&p->arena, "%s:%u: '%s' needs a proxy: %s", need->place.file, need->place.line,
				      need->word, need->why);
	report(p, level, &need->place, CODE_LEFT_TO_STACK,
	       level == DIAG_ERROR ? "remove the line, or run without --strict" :
				     "its packets pass untouched, so that a HAProxy on this host can serve it",
	       "'%s' needs a proxy: %s. Frontend '%s' is left to the network stack", need->word, need->why, x->name);
}

static void decide_frontend(struct parser *p, struct proxy *x)
{
	const struct use_backend *u;
	const struct need *need;

	resolve_backend(p, x);
	decide_stats(p, x);
	need = need_of_all(x);
	if (need)
		leave_to_stack(p, x, need);
	mark_used(x, x->target);
	TAILQ_FOREACH(u, &x->uses, next)
		mark_used(x, u->found);
}

static void remark_frontend(struct parser *p, const struct proxy *x)
{
	if (x->is_left)
		return;
	/* One warning for each line that says 'mode http', not one for each section that inherits it. */
	if (x->set.mode_http && !x->is_stats && !*x->set.mode_told) {
		*x->set.mode_told = true;
		report(p, DIAG_WARNING, &x->set.mode_place, CODE_MODE_HTTP, "write 'mode tcp' if that is what you want",
		       "'mode http' is balanced at layer 4: connections, not requests, and no header is added");
	}
	/* After an error the line that is missing may be the one in error. */
	if (TAILQ_EMPTY(&x->binds) && !parser_failed(p))
		report(p, DIAG_WARNING, &x->place, CODE_NO_BIND, "add a line such as 'bind :8080'",
		       "'%s' has no 'bind' line, so that nothing reaches it", x->name);
	if (!x->target && !x->is_stats && !parser_failed(p))
		report(p, DIAG_WARNING, &x->place, CODE_NO_BACKEND,
		       x->kind == SECTION_LISTEN ? "add 'server' lines" : "add a line 'default_backend NAME'",
		       "'%s' has no backend, so that its connections are refused", x->name);
	if (x->target && x->set.mode_http && !x->target->set.mode_http)
		report(p, DIAG_WARNING, &x->place, CODE_MODES_DIFFER, "give both the same 'mode'",
		       "'%s' has mode http and its backend '%s' has mode tcp, which HAProxy refuses", x->name,
		       x->target->name);
}

struct bind_owner {
	const struct bind_decl *decl;
	const struct proxy *proxy;
	size_t nr; /* in the order of the files */
	bool told;
};

static int by_packets(const void *a, const void *b)
{
	const struct bind_owner *x = a, *y = b;
	int diff;

	if (x->decl->proto != y->decl->proto)
		return x->decl->proto < y->decl->proto ? -1 : 1;
	if (x->decl->addr.family != y->decl->addr.family)
		return x->decl->addr.family < y->decl->addr.family ? -1 : 1;
	diff = memcmp(&x->decl->addr.v6, &y->decl->addr.v6, sizeof(x->decl->addr.v6));
	if (diff)
		return diff;
	if (x->decl->port_lo != y->decl->port_lo)
		return x->decl->port_lo < y->decl->port_lo ? -1 : 1;
	return x->nr < y->nr ? -1 : 1;
}

/* 'a' sorts before 'b'. */
static bool may_overlap(const struct bind_decl *a, const struct bind_decl *b)
{
	return a->proto == b->proto && addr_equal(&a->addr, &b->addr) && b->port_lo <= a->port_hi;
}

static void report_overlap(struct parser *p, struct bind_owner *a, struct bind_owner *b)
{
	struct bind_owner *first = a->nr < b->nr ? a : b, *second = a->nr < b->nr ? b : a;
	const char *if1 = a->decl->interface, *if2 = b->decl->interface;
	char text[ADDR_TEXT_MAX];

	if (second->told || (if1 && if2 && strcmp(if1, if2) != 0))
		return;
	second->told = true;
	report(p, DIAG_ERROR, &second->decl->place, CODE_BIND_TWICE, "remove one of the two",
	       "%s is already bound by '%s' at %s:%u", addr_format_port(&b->decl->addr, b->decl->port_lo, text),
	       first->proxy->name, first->decl->place.file, first->decl->place.line);
}

/* Complains about binds that take packets which one before them takes. */
static void check_binds(struct parser *p)
{
	const struct bind_decl *decl;
	struct bind_owner *all;
	const struct proxy *x;
	size_t nr = 0, i, j;

	TAILQ_FOREACH(x, &p->proxies, next)
		TAILQ_FOREACH(decl, &x->binds, next)
			nr++;
	all = nr ? arena_alloc(&p->arena, nr * sizeof(*all)) : NULL;
	if (!all)
		return;
	nr = 0;
	TAILQ_FOREACH(x, &p->proxies, next) {
		if (x->is_left || x->set.disabled)
			continue;
		TAILQ_FOREACH(decl, &x->binds, next) {
			all[nr] = (struct bind_owner){ decl, x, nr, false };
			nr++;
		}
	}
	qsort(all, nr, sizeof(*all), by_packets);
	for (i = 0; i < nr; i++)
		for (j = i + 1; j < nr && may_overlap(all[i].decl, all[j].decl); j++)
			report_overlap(p, &all[i], &all[j]);
}

/* The port that checks go to when neither the server nor its check has one: of a 'listen', the first bound. */
static unsigned int fallback_port(const struct proxy *x)
{
	const struct bind_decl *b = TAILQ_FIRST(&x->binds);

	return b ? b->port_lo : 0;
}

/* Do the rules of the check leave a port open that the server has not? */
static bool lacks_check_port(const struct proxy *x, const struct server_decl *s)
{
	const struct check_decl *d = &x->set.checks;

	if (!s->checked || s->port || s->check.port || fallback_port(x) || d->option == OPTION_ICMP ||
	    d->option == OPTION_EXTERNAL)
		return false;
	/* Through the path of traffic the port is the balanced one. */
	if (x->set.check_path == CHECK_PATH_VIA && forward_keeps_port(s->has_forward ? s->forward : x->set.forward))
		return false;
	return !(d->option == OPTION_TCP && check_names_ports(d->tcp.script)) &&
	       !(d->option == OPTION_HTTP && check_names_ports(d->http.script));
}

/* Programs are run only where section global allows it, as in HAProxy. */
static void remark_external(struct parser *p, const struct proxy *x)
{
	const struct check_decl *d = &x->set.checks;

	if (d->option != OPTION_EXTERNAL)
		return;
	if (!p->external_allowed)
		report(p, DIAG_ERROR, &d->place, CODE_EXTERNAL, "add 'external-check' to section global",
		       "checks of '%s' run a program, which section global does not allow", x->name);
	else if (!d->command)
		report(p, DIAG_ERROR, &d->place, CODE_EXTERNAL, "add 'external-check command FILE'",
		       "checks of '%s' run a program, but no line says which", x->name);
	else if (access(d->command, X_OK))
		report(p, DIAG_WARNING, &d->place, CODE_EXTERNAL, NULL, "the program '%s' cannot be run: %s",
		       d->command, strerror(errno));
}

/* A check over TLS asks for a certificate that can be trusted, unless the file says that it need not. */
static void remark_tls(struct parser *p, const struct proxy *x, struct server_decl *s)
{
	const struct check_decl *d = &x->set.checks;
	const struct check_conf *c = &s->check;
	bool tls = c->tls || (d->option == OPTION_TCP && check_has_tls(d->tcp.script)) ||
		   (d->option == OPTION_HTTP && check_has_tls(d->http.script));

	if (!s->has_verify)
		s->check.verify = tls && !p->verify_none;
	if (!s->checked || !tls)
		return;
	if (c->verify && !c->ca_file)
		report(p, DIAG_ERROR, &s->place, CODE_CHECK_TLS, "add 'ca-file FILE', '@system-ca', or 'verify none'",
		       "the check of server '%s' uses TLS but has no 'ca-file' to trust", s->name);
	else if (c->verify && *c->ca_file != '@' && access(c->ca_file, R_OK))
		report(p, DIAG_ERROR, &s->place, CODE_CHECK_TLS, NULL,
		       "the 'ca-file' of server '%s' cannot be read: %s: %s", s->name, c->ca_file, strerror(errno));
	if (c->verify && c->verify_host && c->sni && strcmp(c->verify_host, c->sni) != 0)
		report(p, DIAG_ERROR, &s->place, CODE_NOT_YET, "give both the same name",
		       "'check-sni' and 'verifyhost' of server '%s' differ, which is not available in this version",
		       s->name);
}

static void remark_server(struct parser *p, const struct proxy *x, const struct server_decl *s)
{
	if (lacks_check_port(x, s))
		report(p, DIAG_ERROR, &s->place, CODE_CHECK_PORT, "add a port to its address, or 'port N'",
		       "the server '%s' has a check but no port to send it to", s->name);
	if (!s->path)
		return;
	if (!s->checked)
		report(p, DIAG_NOTE, &s->path_place, CODE_PATH_CHECK, "add 'check' to have it checked by HTTP",
		       "the path '%s' has no effect without 'check'", s->path);
	else if ((x->set.checks.option != OPTION_NONE && x->set.checks.option != OPTION_HTTP) || x->set.checks.uri)
		report(p, DIAG_NOTE, &s->path_place, CODE_PATH_CHECK, NULL,
		       "the path '%s' has no effect: 'option' lines say how to check", s->path);
	else
		report(p, DIAG_NOTE, &s->path_place, CODE_PATH_CHECK,
		       "connections go to the port, whatever path they ask for",
		       "the server is checked by an HTTP request of '%s'", s->path);
}

static void remark_backend(struct parser *p, struct proxy *x)
{
	const struct need *need = need_of(x);
	struct server_decl *s;

	x->is_left_out = need != NULL;
	if (need) {
		if (!x->is_used_by_left && x->kind == SECTION_BACKEND)
			report(p, DIAG_WARNING, &need->place, CODE_UNUSED, NULL,
			       "'%s' needs a proxy: %s. Backend '%s' is left out", need->word, need->why, x->name);
		return;
	}
	remark_external(p, x);
	TAILQ_FOREACH(s, &x->servers, next) {
		remark_server(p, x, s);
		remark_tls(p, x, s);
		server_remark_checks(p, s);
	}
	if (!x->set.balance_given && TAILQ_FIRST(&x->servers) && TAILQ_NEXT(TAILQ_FIRST(&x->servers), next))
		report(p, DIAG_NOTE, &x->place, CODE_BALANCE, "write 'balance roundrobin' to say so",
		       "'%s' has no 'balance' line: its servers are taken in turn", x->name);
}

/* Does nothing that xlb serves use the section? */
static bool is_aside(const struct proxy *x)
{
	if (x->is_used)
		return false;
	return x->is_left || need_of(x) || x->is_used_by_left;
}

/* Why lines of the section are the proxy's, or NULL. */
static const char *left_why(struct parser *p, const struct proxy *x)
{
	const struct need *need = need_of(x);

	if (x->is_left)
		return arena_printf(&p->arena, "its frontend is left to the stack: %s", x->left_reason);
	if (need)
		return arena_printf(&p->arena, "its backend is left out: %s:%u: '%s' needs a proxy: %s",
				    need->place.file, need->place.line, need->word, need->why);
	return is_aside(x) ? "only frontends that are left to the stack use it" : NULL;
}

/* Those of the section and of the defaults that it inherits, each once. */
static void report_refusals(struct parser *p, const struct proxy *x)
{
	const struct proxy *of;
	struct refusal *r;

	if (is_aside(x))
		return;
	for (of = x; of; of = of->from) {
		TAILQ_FOREACH(r, &of->refusals, next) {
			if (r->told)
				continue;
			r->told = true;
			report(p, DIAG_ERROR, &r->place, CODE_NOT_YET, r->hint, "%s", r->text);
		}
	}
}

/* What only the data plane's algorithms decide together: hashing in the way that 'hash-type' says. */
static void check_balance(struct parser *p, struct proxy *x)
{
	const struct balance *b = &x->set.balance;

	if (b->parts && b->consistent)
		require_at(p, x, x->set.hash_type_place.line ? &x->set.hash_type_place : &x->set.balance_place,
			   CAN_MAGLEV);
}

/* A line of the section itself that works on requests, in mode tcp. Lines of defaults are meant for others, too. */
static void remark_http(struct parser *p, const struct proxy *x)
{
	const struct need *need = &x->set.need_http;

	if (!need->word || x->set.mode_http || need->place.file != x->place.file || need->place.line < x->place.line)
		return;
	report(p, DIAG_WARNING, &need->place, CODE_IGNORED_HERE, NULL,
	       "'%s' is ignored, in HAProxy as here: it needs 'mode http'", need->word);
}

/* In sections that are left out, too, another server may be named. */
static void resolve_tracks(struct parser *p)
{
	struct server_decl *s;
	struct proxy *x;

	TAILQ_FOREACH(x, &p->proxies, next)
		TAILQ_FOREACH(s, &x->servers, next)
			server_resolve_track(p, x, s);
}

/* Which answer goes with which protocol: '#@xlb no-backend' stands before or behind the binds it is about. */
static void check_no_backend(struct parser *p, struct proxy *x)
{
	const struct bind_decl *b;
	bool tcp = false, udp = false;

	TAILQ_FOREACH(b, &x->binds, next) {
		tcp |= b->proto == IPPROTO_TCP;
		udp |= b->proto == IPPROTO_UDP;
	}
	if (x->set.no_backend == NO_BACKEND_ICMP && tcp)
		require_at(p, x, &x->set.no_backend_place, CAN_NO_BACKEND_ICMP);
	if (x->set.no_backend == NO_BACKEND_RESET && tcp && udp)
		require_at(p, x, &x->set.no_backend_place, CAN_NO_BACKEND_SPLIT);
}

/* Sockets that HAProxy would open for the frontend: one for each address and port. */
static unsigned int nr_sockets(const struct proxy *x)
{
	const struct bind_decl *b;
	unsigned int nr = 0;

	TAILQ_FOREACH(b, &x->binds, next)
		if (!b->same_socket)
			nr += b->port_hi - b->port_lo + 1u;
	return nr;
}

/*
 * 'maxconn' of bind lines: in HAProxy a limit of each socket by itself. Connections are counted by frontend, so that
 * the limit of its only socket is the frontend's, and that of one among several cannot be kept.
 */
static void check_bind_limits(struct parser *p, struct proxy *x)
{
	const struct bind_decl *b = TAILQ_FIRST(&x->binds);
	const struct diag_place *told = NULL;

	if (nr_sockets(x) == 1) {
		if (b->maxconn && (!x->set.maxconn || b->maxconn < x->set.maxconn))
			x->set.maxconn = b->maxconn;
		return;
	}
	TAILQ_FOREACH(b, &x->binds, next) {
		/* A line may have many addresses. */
		if (!b->maxconn || (told && told->line == b->place.line && told->file == b->place.file))
			continue;
		(void)require_at(p, x, &b->place, CAN_BIND_MAXCONN);
		told = &b->place;
	}
}

/* What must hold of a frontend whose packets are taken. */
static void check_served(struct parser *p, struct proxy *x)
{
	const struct use_backend *u;

	check_no_backend(p, x);
	check_bind_limits(p, x);
	if (x->target)
		check_reach(p, x, x->target);
	TAILQ_FOREACH(u, &x->uses, next)
		if (u->found && u->found != x->target)
			check_reach(p, x, u->found);
}

int finish(struct parser *p)
{
	struct proxy *x;

	TAILQ_FOREACH(x, &p->proxies, next)
		if (has_front(x))
			decide_frontend(p, x);
	TAILQ_FOREACH(x, &p->proxies, next) {
		if (has_back(x)) {
			resolve_tunes(p, x);
			resolve_tables(p, x);
			check_balance(p, x);
		}
	}
	TAILQ_FOREACH(x, &p->proxies, next) {
		if (has_front(x))
			check_policy(p, x);
		if (has_front(x) && !x->is_left)
			check_served(p, x);
	}
	resolve_tracks(p);
	TAILQ_FOREACH(x, &p->proxies, next) {
		if (x->kind == SECTION_DEFAULTS)
			continue;
		x->left_why = left_why(p, x);
		report_refusals(p, x);
		remark_http(p, x);
		if (has_front(x))
			remark_frontend(p, x);
		if (has_back(x))
			remark_backend(p, x);
	}
	check_binds(p);
	if (p->arena.failed)
		return -ENOMEM;
	return parser_failed(p) ? -EINVAL : build_model(p);
}
