/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes rules of ipvsadm as sections 'listen'; what only xlb understands stands in pragmas. */
#include <stdio.h>
#include <string.h>

#include "xlbctl/import_rules.h"

enum { WEIGHT_MAX = 256 };

const struct ipvs_scheduler ipvs_schedulers[IPVS_NR_SCHEDULERS] = {
	{ "rr", "    balance roundrobin\n", false, false },
	{ "wrr", "    balance roundrobin\n", true, false },
	{ "lc", "    balance leastconn\n", false, false },
	[IPVS_DEFAULT_SCHEDULER] = { "wlc", "    balance leastconn\n", true, false },
	{ "sh", "    balance source\n    hash-type map-based\n", true, true },
	{ "mh", "    balance source\n    hash-type consistent\n", true, true },
};

/* Idle times are those that IPVS begins with: ipvsadm -L --timeout shows the ones in force. */
static const char head[] = "# Made from rules of ipvsadm. IPVS checks no servers: add 'check' to the server lines.\n"
			   "# Idle times are the defaults of IPVS; compare with 'ipvsadm -L --timeout'.\n"
			   "defaults\n"
			   "    mode tcp\n"
			   "    timeout connect 60s\n"
			   "    timeout client 15m\n"
			   "    timeout server 15m\n"
			   "    timeout client-fin 2m\n"
			   "    timeout server-fin 2m\n";

static const char *port_text(uint16_t port, char *buf, size_t size)
{
	if (port)
		snprintf(buf, size, ":%u", port);
	else
		snprintf(buf, size, ":*");
	return buf;
}

/* HAProxy knows UDP and all ports of an address not at all: these binds are xlb's alone. */
static void print_bind(const struct ipvs_service *s, struct buf *out)
{
	char addr[ADDR_TEXT_MAX], port[16];
	const char *open = s->addr.family == AF_INET6 ? "[" : "", *close = *open ? "]" : "";

	if (s->udp || !s->port)
		buf_printf(out, "    #@xlb bind %s ", s->udp ? "udp" : "tcp");
	else
		buf_puts(out, "    bind ");
	buf_printf(out, "%s%s%s%s\n", open, addr_format(&s->addr, addr), close, port_text(s->port, port, sizeof(port)));
	if (s->udp)
		buf_puts(out, "    timeout client 5m\n    timeout server 5m\n");
}

static void print_balance(const struct ipvs_service *s, struct buf *out)
{
	if (s->scheduler->hashes && s->hash_port) {
		const char *type = strstr(s->scheduler->balance, "    hash-type");

		buf_printf(out, "    #@xlb balance tuple\n%s", type);
	} else {
		buf_puts(out, s->scheduler->balance);
	}
	if (s->persist_s)
		buf_printf(out, "    stick-table type %s size 1m expire %us\n    stick on src\n",
			   s->addr.family == AF_INET6 ? "ipv6" : "ip", s->persist_s);
}

/* The largest weight of the service, that is what the others are measured by when it is beyond HAProxy's. */
static unsigned int largest_weight(const struct ipvs_service *s)
{
	const struct ipvs_server *server;
	unsigned int max = 0;

	TAILQ_FOREACH(server, &s->servers, next)
		max = server->weight > max ? server->weight : max;
	return max;
}

static unsigned int weight_of(const struct ipvs_service *s, const struct ipvs_server *server, unsigned int largest)
{
	unsigned int scaled;

	if (!server->weight || !s->scheduler->weighted)
		return server->weight ? 1 : 0;
	if (largest <= WEIGHT_MAX)
		return server->weight;
	scaled = (server->weight * WEIGHT_MAX + largest / 2) / largest;
	return scaled ? scaled : 1;
}

static void print_server(const struct ipvs_service *s, const struct ipvs_server *server, unsigned int nr,
			 unsigned int largest, struct buf *out)
{
	char at[ADDR_TEXT_MAX];

	buf_printf(out, "    server s%u %s weight %u", nr,
		   server->port ? addr_format_port(&server->addr, server->port, at) : addr_format(&server->addr, at),
		   weight_of(s, server, largest));
	if (server->maxconn)
		buf_printf(out, " maxconn %u", server->maxconn);
	buf_puts(out, "\n");
}

/* The way of the first server is the section's, each that goes another one has a line of its own. */
static void print_forward(const struct ipvs_service *s, struct buf *out)
{
	const struct ipvs_server *first = TAILQ_FIRST(&s->servers), *server;
	unsigned int nr = 0;
	bool dnat = false;

	if (!first)
		return;
	TAILQ_FOREACH(server, &s->servers, next)
		dnat |= !strcmp(server->forward, "dnat");
	if (dnat)
		buf_puts(out, "    # dnat: the servers' route to clients leads through this host, as with IPVS's -m;\n"
			      "    # 'fullnat' does without, and servers see an address of this host.\n");
	buf_printf(out, "    #@xlb forward %s\n", first->forward);
	TAILQ_FOREACH(server, &s->servers, next) {
		nr++;
		if (strcmp(server->forward, first->forward) != 0)
			buf_printf(out, "    #@xlb server s%u forward %s\n", nr, server->forward);
	}
}

static void print_service(const struct ipvs_service *s, struct buf *out)
{
	unsigned int nr = 0, largest = largest_weight(s);
	const struct ipvs_server *server;
	char addr[ADDR_TEXT_MAX];

	buf_printf(out, "\nlisten %s_%s_%u\n", s->udp ? "udp" : "tcp", addr_format(&s->addr, addr), s->port);
	print_bind(s, out);
	print_balance(s, out);
	print_forward(s, out);
	if (s->scheduler->weighted && largest > WEIGHT_MAX)
		buf_printf(out, "    # Weights are scaled from %u to %d.\n", largest, WEIGHT_MAX);
	TAILQ_FOREACH(server, &s->servers, next)
		print_server(s, server, ++nr, largest, out);
}

void ipvs_print(const struct ipvs_rules *rules, struct buf *out)
{
	const struct ipvs_service *s;

	buf_puts(out, head);
	TAILQ_FOREACH(s, &rules->services, next)
		print_service(s, out);
}
