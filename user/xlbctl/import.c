/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads rules of ipvsadm: -A for a virtual service, -a for a real server of one. import_print.c writes them.
 *
 * A rule is a command word and options, each a row of the table below. Nothing is left out in silence: an option
 * without a row is an error, since it changes traffic.
 */
#include "xlbctl/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xlbctl/import_rules.h"

enum { WORDS_MAX = 64, IPVS_WEIGHT_MAX = 65535, THRESHOLD_MAX = 1000000000, PERSIST_MAX = 31 * 86400 };

/* The line that is being read: what its options have said so far. */
struct reader {
	struct ipvs_rules *rules;
	struct diag_list *diags;
	const char *file, *source_line;
	unsigned int line;
	const char *words[WORDS_MAX];
	unsigned int cols[WORDS_MAX];
	size_t nr_words, at; /* the word that messages are about */
	struct ipvs_service service;
	struct ipvs_server server;
	bool is_server, has_service, has_server, failed;
};

__attribute__((format(printf, 4, 5))) static void say(struct reader *r, enum diag_level level, const char *hint,
						      const char *fmt, ...)
{
	const char *word = r->at < r->nr_words ? r->words[r->at] : "";
	struct diag_place place = { r->file, r->line, r->nr_words ? r->cols[r->at < r->nr_words ? r->at : 0] : 1,
				    (unsigned int)strlen(word), r->source_line };
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_add(r->diags, level, &place, NULL, hint, "%s", text);
	r->failed |= level == DIAG_ERROR;
}

static bool read_number(struct reader *r, const char *what, unsigned int max, unsigned int *ret)
{
	const char *text = r->words[r->at];
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > max) {
		say(r, DIAG_ERROR, NULL, "the %s is a number from 0 to %u, not '%s'", what, max, text);
		return false;
	}
	*ret = (unsigned int)n;
	return true;
}

/* "192.0.2.1:80", "[2001:db8::1]:80". */
static bool read_endpoint(struct reader *r, struct addr *ret_addr, uint16_t *ret_port)
{
	static const char hint[] = "write it with 'ipvsadm -S -n', which gives numbers";
	const char *text = r->words[r->at], *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char copy[ADDR_TEXT_MAX], *end;
	unsigned long port;

	if (!colon || len >= sizeof(copy) || colon[1] < '0' || colon[1] > '9') {
		say(r, DIAG_ERROR, hint, "'%s' is not ADDRESS:PORT", text);
		return false;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (len > 2 && *copy == '[' && copy[len - 1] == ']') {
		memmove(copy, copy + 1, len - 2);
		copy[len - 2] = '\0';
	}
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX || addr_parse(copy, ret_addr)) {
		say(r, DIAG_ERROR, hint, "'%s' is not ADDRESS:PORT", text);
		return false;
	}
	*ret_port = (uint16_t)port;
	return true;
}

/* --- options -------------------------------------------------------------------------------------------------------
 */

static void take_tcp(struct reader *r)
{
	r->service.udp = false;
	r->has_service = read_endpoint(r, &r->service.addr, &r->service.port);
}

static void take_udp(struct reader *r)
{
	r->service.udp = true;
	r->has_service = read_endpoint(r, &r->service.addr, &r->service.port);
}

static void take_mark(struct reader *r)
{
	say(r, DIAG_ERROR, "write a service per address and port instead",
	    "services of firewall marks are not known to xlb");
}

static void take_scheduler(struct reader *r)
{
	const char *names[IPVS_NR_SCHEDULERS + 1] = { NULL };

	for (unsigned int i = 0; i < IPVS_NR_SCHEDULERS; i++) {
		names[i] = ipvs_schedulers[i].name;
		if (!strcmp(r->words[r->at], names[i])) {
			r->service.scheduler = &ipvs_schedulers[i];
			return;
		}
	}
	say(r, DIAG_ERROR, "known are rr, wrr, lc, wlc, sh and mh; wlc is the nearest to sed, nq and lblc",
	    "there is nothing like scheduler '%s'", r->words[r->at]);
}

static void take_persistence(struct reader *r)
{
	(void)read_number(r, "time of persistence", PERSIST_MAX, &r->service.persist_s);
}

/* That of all bits is what persistence without a mask means. */
static void take_mask(struct reader *r)
{
	const char *mask = r->words[r->at];

	if (strcmp(mask, "255.255.255.255") != 0 && strcmp(mask, "128") != 0)
		say(r, DIAG_ERROR, "without -M each client address sticks to its server",
		    "persistence of whole networks is not known to xlb");
}

/* "sh-port,sh-fallback": servers that are down leave the table in any case, which is all that a fallback means. */
static void take_flags(struct reader *r)
{
	const char *p = r->words[r->at];

	while (*p) {
		size_t len = strcspn(p, ",");

		if (len == 7 && (!strncmp(p, "sh-port", len) || !strncmp(p, "mh-port", len)))
			r->service.hash_port = true;
		else if (len != 11 || (strncmp(p, "sh-fallback", len) != 0 && strncmp(p, "mh-fallback", len) != 0))
			say(r, DIAG_ERROR, NULL, "'%.*s' is no flag of a scheduler that has a counterpart", (int)len,
			    p);
		p += len + (p[len] == ',');
	}
}

static void take_one_packet(struct reader *r)
{
	say(r, DIAG_WARNING, NULL, "one-packet scheduling: xlb keeps the datagrams of one client's port at one server");
}

static void take_engine(struct reader *r)
{
	say(r, DIAG_ERROR, NULL, "persistence engine '%s' is not known to xlb", r->words[r->at]);
}

static void take_real(struct reader *r)
{
	r->has_server = read_endpoint(r, &r->server.addr, &r->server.port);
}

static void take_direct(struct reader *r)
{
	r->server.forward = "l2dsr";
}

static void take_tunnel(struct reader *r)
{
	r->server.forward = "ipip";
}

static void take_masquerade(struct reader *r)
{
	r->server.forward = "dnat";
}

static void take_weight(struct reader *r)
{
	(void)read_number(r, "weight", IPVS_WEIGHT_MAX, &r->server.weight);
}

static void take_upper(struct reader *r)
{
	(void)read_number(r, "threshold", THRESHOLD_MAX, &r->server.maxconn);
}

static void take_lower(struct reader *r)
{
	if (strcmp(r->words[r->at], "0") != 0)
		say(r, DIAG_WARNING, NULL,
		    "a lower threshold is not known to xlb: a full server is used again as soon as it has room");
}

static void take_tunnel_type(struct reader *r)
{
	if (strcmp(r->words[r->at], "ipip") != 0)
		say(r, DIAG_ERROR, "ipip is the one that xlb has", "tunnels of type '%s' are not known to xlb",
		    r->words[r->at]);
}

enum { OF_SERVICE = 1, OF_SERVER = 2 };

/* What takes the option; 'at' is then its value, or the option itself if it has none. */
static const struct {
	const char *word;
	int where;
	bool has_value;
	void (*take)(struct reader *r);
} options[] = {
	{ "-t", OF_SERVICE | OF_SERVER, true, take_tcp },
	{ "-u", OF_SERVICE | OF_SERVER, true, take_udp },
	{ "-f", OF_SERVICE | OF_SERVER, true, take_mark },
	{ "-s", OF_SERVICE, true, take_scheduler },
	{ "-p", OF_SERVICE, true, take_persistence },
	{ "-M", OF_SERVICE, true, take_mask },
	{ "-b", OF_SERVICE, true, take_flags },
	{ "-o", OF_SERVICE, false, take_one_packet },
	{ "--pe", OF_SERVICE, true, take_engine },
	{ "-r", OF_SERVER, true, take_real },
	{ "-g", OF_SERVER, false, take_direct },
	{ "-i", OF_SERVER, false, take_tunnel },
	{ "-m", OF_SERVER, false, take_masquerade },
	{ "-w", OF_SERVER, true, take_weight },
	{ "-x", OF_SERVER, true, take_upper },
	{ "-y", OF_SERVER, true, take_lower },
	{ "--tun-type", OF_SERVER, true, take_tunnel_type },
};

enum { NR_OPTIONS = sizeof(options) / sizeof(options[0]) };

static void read_options(struct reader *r)
{
	int where = r->is_server ? OF_SERVER : OF_SERVICE;
	size_t i;

	for (r->at = 1; r->at < r->nr_words; r->at++) {
		for (i = 0; i < NR_OPTIONS; i++)
			if (options[i].where & where && !strcmp(options[i].word, r->words[r->at]))
				break;
		if (i == NR_OPTIONS) {
			say(r, DIAG_ERROR, NULL, "option '%s' of %s has no counterpart", r->words[r->at],
			    r->is_server ? "a real server" : "a virtual service");
			return;
		}
		if (options[i].has_value && r->at + 1 == r->nr_words) {
			say(r, DIAG_ERROR, NULL, "option '%s' needs a value", r->words[r->at]);
			return;
		}
		r->at += options[i].has_value;
		options[i].take(r);
	}
}

/* --- rules ---------------------------------------------------------------------------------------------------------
 */

static struct ipvs_service *find_service(struct reader *r)
{
	struct ipvs_service *s;

	TAILQ_FOREACH(s, &r->rules->services, next)
		if (s->udp == r->service.udp && s->port == r->service.port && addr_equal(&s->addr, &r->service.addr))
			return s;
	return NULL;
}

static void add_service(struct reader *r)
{
	struct ipvs_service *s = find_service(r), *copy;

	r->at = 0;
	if (s) {
		say(r, DIAG_ERROR, NULL, "this virtual service was already given in line %u", s->line);
		return;
	}
	if (!r->service.port && !r->service.persist_s) {
		say(r, DIAG_ERROR, "IPVS takes port 0, all ports, with -p only", "a service of port 0 needs -p");
		return;
	}
	copy = malloc(sizeof(*copy));
	if (!copy) {
		r->rules->failed = true;
		return;
	}
	*copy = r->service;
	copy->line = r->line;
	TAILQ_INIT(&copy->servers);
	TAILQ_INSERT_TAIL(&r->rules->services, copy, next);
}

/* Without a change of the destination the server sees the port that the client asked for, whatever the rule says. */
static void keep_port(struct reader *r, const struct ipvs_service *s)
{
	if (!strcmp(r->server.forward, "dnat") || r->server.port == s->port)
		return;
	say(r, DIAG_WARNING, NULL, "with %s the server gets port %u, not %u", r->server.forward, s->port,
	    r->server.port);
	r->server.port = s->port;
}

static void add_server(struct reader *r)
{
	struct ipvs_service *s = find_service(r);
	struct ipvs_server *copy, *other;

	r->at = 0;
	if (!s) {
		say(r, DIAG_ERROR, "a line with -A comes before those with -a",
		    "there is no such virtual service above");
		return;
	}
	TAILQ_FOREACH(other, &s->servers, next) {
		if (addr_equal(&other->addr, &r->server.addr) && other->port == r->server.port) {
			say(r, DIAG_ERROR, NULL, "this real server was already given in line %u", other->line);
			return;
		}
	}
	keep_port(r, s);
	copy = malloc(sizeof(*copy));
	if (!copy) {
		r->rules->failed = true;
		return;
	}
	*copy = r->server;
	copy->line = r->line;
	TAILQ_INSERT_TAIL(&s->servers, copy, next);
}

/* Splits in place. */
static void split(struct reader *r, char *line)
{
	char *save, *word;

	r->nr_words = 0;
	for (word = strtok_r(line, " \t\r", &save); word && r->nr_words < WORDS_MAX;
	     word = strtok_r(NULL, " \t\r", &save)) {
		r->cols[r->nr_words] = (unsigned int)(word - line) + 1;
		r->words[r->nr_words++] = word;
	}
}

static void read_line(struct reader *r)
{
	r->service = (struct ipvs_service){ .scheduler = &ipvs_schedulers[IPVS_DEFAULT_SCHEDULER] };
	r->server = (struct ipvs_server){ .forward = "l2dsr", .weight = 1 };
	r->has_service = r->has_server = r->failed = false;
	r->at = 0;
	if (!r->nr_words || *r->words[0] == '#')
		return;
	r->is_server = !strcmp(r->words[0], "-a");
	if (!r->is_server && strcmp(r->words[0], "-A") != 0) {
		say(r, DIAG_ERROR, "ipvsadm -S -n writes lines that begin with -A and -a", "'%s' is no rule of ipvsadm",
		    r->words[0]);
		return;
	}
	read_options(r);
	if (r->failed)
		return;
	r->at = 0;
	if (!r->has_service)
		say(r, DIAG_ERROR, NULL, "the virtual service is missing: -t or -u ADDRESS:PORT");
	else if (r->is_server && !r->has_server)
		say(r, DIAG_ERROR, NULL, "the real server is missing: -r ADDRESS:PORT");
	else if (r->is_server)
		add_server(r);
	else
		add_service(r);
}

static void free_rules(struct ipvs_rules *rules)
{
	struct ipvs_service *s;
	struct ipvs_server *server;

	while ((s = TAILQ_FIRST(&rules->services))) {
		while ((server = TAILQ_FIRST(&s->servers))) {
			TAILQ_REMOVE(&s->servers, server, next);
			free(server);
		}
		TAILQ_REMOVE(&rules->services, s, next);
		free(s);
	}
}

int import_ipvs(const char *file, const char *text, struct diag_list *diags, struct buf *out)
{
	struct ipvs_rules rules = { .services = TAILQ_HEAD_INITIALIZER(rules.services) };
	struct reader r = { .rules = &rules, .diags = diags, .file = file };
	size_t errors = diags->nr[DIAG_ERROR];
	int rc = 0;

	while (*text && !rules.failed) {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len), *shown = strndup(text, len);

		rules.failed = !line || !shown;
		r.line++;
		r.source_line = shown;
		if (!rules.failed) {
			split(&r, line);
			read_line(&r);
		}
		free(line);
		free(shown);
		text += len + (text[len] == '\n');
	}
	if (rules.failed)
		rc = -ENOMEM;
	else if (diags->nr[DIAG_ERROR] > errors)
		rc = -EINVAL;
	else
		ipvs_print(&rules, out);
	free_rules(&rules);
	return rc;
}
