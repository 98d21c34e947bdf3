/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All files are read: can packets be brought to the servers in the way asked for?
 *
 * A way of forwarding that keeps the port, or that cannot translate between IPv4 and IPv6, does not go with every pair
 * of bind and server. Such pairs are errors here, and never packets that vanish later.
 */
#include <netinet/in.h>
#include <string.h>

#include "config/parser.h"

static const char *hint_server(struct parser *p, const struct proxy *x, const char *name)
{
	const struct server_decl *s;
	const char *words[65];
	size_t nr = 0;

	TAILQ_FOREACH(s, &x->servers, next)
		if (nr < 64)
			words[nr++] = s->name;
	words[nr] = NULL;
	return did_you_mean(p, name, words);
}

void resolve_tunes(struct parser *p, struct proxy *x)
{
	const struct server_tune *t;
	struct server_decl *s;

	TAILQ_FOREACH(t, &x->tunes, next) {
		s = names_find(&p->names, NAME_SERVER, x, t->name);
		if (!s) {
			report(p, DIAG_ERROR, &t->place, CODE_UNKNOWN_NAME, hint_server(p, x, t->name),
			       "no server of '%s' is called '%s'", x->name, t->name);
			continue;
		}
		if (t->has_forward) {
			s->has_forward = true;
			s->forward = t->forward;
			s->forward_place = t->forward_place;
		}
		if (t->has_mac) {
			s->has_mac = true;
			memcpy(s->mac, t->mac, sizeof(s->mac));
		}
	}
}

struct table_decl *find_table(struct parser *p, const struct proxy *x, const char *name, const struct diag_place *place)
{
	const struct proxy *other;

	if (!name && x->table)
		return x->table;
	TAILQ_FOREACH(other, &p->proxies, next)
		if (name && other->table && !strcmp(other->name, name))
			return other->table;
	report(p, DIAG_ERROR, place, CODE_NO_TABLE, "add a line such as 'stick-table type ip size 100k expire 30m'",
	       name ? "'%s' has no 'stick-table'" : "there is no 'stick-table' in '%s'", name ? name : x->name);
	return NULL;
}

static bool knows_peers(const struct parser *p, const char *name)
{
	const struct text_item *item;

	for (item = p->peers; item; item = item->next)
		if (!strcmp(item->text, name))
			return true;
	return false;
}

void resolve_tables(struct parser *p, struct proxy *x)
{
	struct stick_decl *s, *first = TAILQ_FIRST(&x->sticks);

	if (x->table && x->table->peers && !knows_peers(p, x->table->peers))
		report(p, DIAG_ERROR, &x->table->place, CODE_UNKNOWN_NAME, NULL, "no 'peers' section is called '%s'",
		       x->table->peers);
	TAILQ_FOREACH(s, &x->sticks, next) {
		s->found = find_table(p, x, s->table, &s->table_place);
		if (!s->found)
			continue;
		if (!s->found->family)
			report(p, DIAG_ERROR, &s->place, CODE_NO_TABLE, "give the table 'type ip' or 'type ipv6'",
			       "the table '%s' at %s:%u has no addresses as keys", s->found->name, s->found->place.file,
			       s->found->place.line);
		else if (s->by_dst != first->by_dst || (first->found && s->found != first->found))
			report(p, DIAG_ERROR, &s->place, CODE_NOT_YET, "keep one of the two",
			       "a backend has one key and one table: the 'stick' line at %s:%u has another",
			       first->place.file, first->place.line);
	}
}

/* One pair of bind and server, and what the server's way of forwarding makes of it. */
struct pair {
	const struct proxy *front;
	struct proxy *back;
	const struct bind_decl *bind;
	const struct server_decl *server;
	enum forward forward;
};

/* Where the way of forwarding was said: at the server, at the backend. */
static const struct diag_place *forward_place(const struct pair *pr)
{
	if (pr->server->has_forward)
		return &pr->server->forward_place;
	return pr->back->set.has_forward ? &pr->back->set.forward_place : &pr->server->place;
}

/* True: the pair is fine. */
static bool check_port(struct parser *p, const struct pair *pr)
{
	const struct server_decl *s = pr->server;
	const struct bind_decl *b = pr->bind;
	const struct diag_place *said = forward_place(pr);

	if (!forward_keeps_port(pr->forward) || (!s->port && !s->port_offset) ||
	    (s->port == b->port_lo && s->port == b->port_hi))
		return true;
	if (s->port_offset)
		report(p, DIAG_ERROR, &s->place, CODE_FORWARD_PORT, "leave the port out: the server gets the client's",
		       "the server '%s' has a port relative to the client's, but 'forward %s' (%s:%u) keeps the port",
		       s->name, forward_name(pr->forward), said->file, said->line);
	else
		report(p, DIAG_ERROR, &s->place, CODE_FORWARD_PORT,
		       arena_printf(&p->arena,
				    "use 'forward fullnat' or 'forward dnat', or let the server listen on %u",
				    b->port_lo),
		       "the server '%s' has port %u, but '%s' binds %u at %s:%u, and 'forward %s' (%s:%u) keeps the "
		       "port",
		       s->name, s->port, pr->front->name, b->port_lo, b->place.file, b->place.line,
		       forward_name(pr->forward), said->file, said->line);
	return false;
}

static const char *family_name(int family)
{
	return family == AF_INET6 ? "IPv6" : "IPv4";
}

static bool check_family(struct parser *p, const struct pair *pr)
{
	int in = pr->bind->addr.family, out = pr->server->addr.family;

	if (in == out || (pr->forward == FORWARD_IPIP && out == AF_INET6))
		return true;
	if (pr->forward == FORWARD_FULLNAT)
		return require_at(p, pr->back, &pr->server->place, CAN_FAMILIES_MIXED);
	report(p, DIAG_ERROR, &pr->server->place, CODE_FAMILY, "use 'forward fullnat', or addresses of one family",
	       "the server '%s' has an %s address, but '%s' binds %s at %s:%u, and 'forward %s' cannot translate",
	       pr->server->name, family_name(out), pr->front->name, family_name(in), pr->bind->place.file,
	       pr->bind->place.line, forward_name(pr->forward));
	return false;
}

/* The address that the server sees, of fullnat alone. */
static bool check_source(struct parser *p, const struct pair *pr)
{
	const struct addr *source = pr->server->source.family ? &pr->server->source : &pr->back->set.source;

	if (!source->family)
		return true;
	if (pr->forward != FORWARD_FULLNAT) {
		report(p, DIAG_WARNING, &pr->server->place, CODE_NOT_ENFORCED, "remove it, or use 'forward fullnat'",
		       "'source' has no effect on '%s': with 'forward %s' the server sees the client's address",
		       pr->server->name, forward_name(pr->forward));
		return true;
	}
	if (source->family == pr->server->addr.family)
		return true;
	report(p, DIAG_ERROR, &pr->server->place, CODE_FAMILY, "give both an address of one family",
	       "the server '%s' has an %s address, but its 'source' is %s", pr->server->name,
	       family_name(pr->server->addr.family), family_name(source->family));
	return false;
}

/* Does the check do more than connect? */
static bool speaks(const struct proxy *back, const struct server_decl *s)
{
	const struct check_decl *d = &back->set.checks;

	return (d->option != OPTION_NONE && d->option != OPTION_TCP) || (d->option == OPTION_TCP && d->tcp.script) ||
	       s->check.tls || s->check.proxy_line || s->path;
}

/* The address that connections of the frontend ask for, or NULL. */
static const struct bind_decl *balanced_address(const struct proxy *front)
{
	const struct bind_decl *b;

	TAILQ_FOREACH(b, &front->binds, next)
		if (b->proto == IPPROTO_TCP)
			return addr_is_any(&b->addr) ? NULL : b;
	return NULL;
}

/* Without a pragma: where the words of a check go, told once where they are written. */
static void tell_of_words(struct parser *p, const struct proxy *front, struct proxy *back)
{
	const struct diag_place *option = &back->set.checks.place;
	enum check_type type = check_option_type(back->set.checks.option);
	const struct server_decl *s;

	if (back->told_of_words || !balanced_address(front) ||
	    (type != CHECK_NONE && type != CHECK_TCP && type != CHECK_HTTP))
		return;
	TAILQ_FOREACH(s, &back->servers, next) {
		if (!s->checked || s->check.addr.family || !speaks(back, s) ||
		    !forward_keeps_port(s->has_forward ? s->forward : back->set.forward))
			continue;
		back->told_of_words = true;
		report(p, DIAG_NOTE, option->line && back->set.checks.option != OPTION_NONE ? option : &s->place,
		       CODE_CHECK_WORDS, "'#@xlb check direct' leaves the balanced address out",
		       "a server that answers directly is asked at its own address, once it has taken a connection to "
		       "the balanced one");
		return;
	}
}

/*
 * '#@xlb check via-path': the probe is one SYN to the balanced address, in the frames that traffic comes in, and
 * nothing goes to the server's own address.
 */
static void check_via_path(struct parser *p, const struct proxy *front, struct proxy *back)
{
	const struct diag_place *place = &back->set.check_path_place;
	const struct server_decl *s;

	if (back->set.check_path == CHECK_PATH_AUTO)
		tell_of_words(p, front, back);
	if (back->set.check_path != CHECK_PATH_VIA)
		return;
	TAILQ_FOREACH(s, &back->servers, next) {
		if (!s->checked || !forward_keeps_port(s->has_forward ? s->forward : back->set.forward))
			continue;
		if (speaks(back, s))
			report(p, DIAG_ERROR, place, CODE_NOT_YET,
			       "check by connecting alone, or remove the line: then the words of the check go to the "
			       "server's own address",
			       "the check of server '%s' at %s:%u does more than connect, which cannot be done through "
			       "the "
			       "path of traffic in this version",
			       s->name, s->place.file, s->place.line);
		else if (!balanced_address(front))
			report(p, DIAG_ERROR, place, CODE_NOT_YET, "bind an address by name, or write 'check direct'",
			       "frontend '%s' binds no one address first, which a check through the path of traffic "
			       "could "
			       "connect to",
			       front->name);
		else
			continue;
		return; /* one message says enough */
	}
}

void check_reach(struct parser *p, const struct proxy *front, struct proxy *back)
{
	struct pair pr = { .front = front, .back = back };

	check_via_path(p, front, back);
	TAILQ_FOREACH(pr.server, &back->servers, next) {
		pr.forward = pr.server->has_forward ? pr.server->forward : back->set.forward;
		if (!TAILQ_EMPTY(&front->binds) && !check_source(p, &pr))
			continue;
		/* One message for each server says enough. */
		TAILQ_FOREACH(pr.bind, &front->binds, next)
			if (!check_port(p, &pr) || !check_family(p, &pr))
				break;
	}
}
