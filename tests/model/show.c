/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Steps, frames and flows in words and in hex.
 */
#include "inside.h"
#include "show.h"

const char *show_reason(enum xlb_reason reason)
{
	static const char *const names[XLB_R_MAX] = {
#define NAME(name, verdict, expected, text, advice) [XLB_R_##name] = #name,
		XLB_REASONS(NAME)
#undef NAME
	};

	return reason > 0 && reason < XLB_R_MAX ? names[reason] : "none";
}

const char *show_verdict(int verdict)
{
	static const char *const names[] = { "ABORTED", "DROP", "PASS", "TX", "REDIRECT" };

	return verdict >= 0 && verdict <= M_REDIRECT ? names[verdict] : "error";
}

static void decode(const struct frame *f)
{
	size_t l3 = f->len > 18 && rd16(f->data + 12) == 0x8100 ? 18 : 14;
	bool six = f->len > l3 && f->data[l3] >> 4 == 6;
	const uint8_t *ip = f->data + l3, *t;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	uint8_t proto;

	if (f->len < l3 + (six ? 40 : 20))
		return;
	inet_ntop(six ? AF_INET6 : AF_INET, ip + (six ? 8 : 12), from, sizeof(from));
	inet_ntop(six ? AF_INET6 : AF_INET, ip + (six ? 24 : 16), to, sizeof(to));
	proto = six ? ip[6] : ip[9];
	t = ip + (six ? 40 : (ip[0] & 15) * 4);
	printf("#     %s%s > %s proto %u ttl %u length %u", l3 == 18 ? "tagged " : "", from, to, proto,
	       (unsigned int)(six ? ip[7] : ip[8]), (unsigned int)rd16(ip + (six ? 4 : 2)));
	if (!six)
		printf(" fragment %04x", rd16(ip + 6));
	if ((proto == IPPROTO_TCP || proto == IPPROTO_UDP) && t + 8 <= f->data + f->len)
		printf(" ports %u > %u", rd16(t), rd16(t + 2));
	if (proto == IPPROTO_TCP && t + 14 <= f->data + f->len)
		printf(" flags%s%s%s%s", t[13] & TCP_SYN ? " SYN" : "", t[13] & TCP_ACK ? " ACK" : "",
		       t[13] & TCP_FIN ? " FIN" : "", t[13] & TCP_RST ? " RST" : "");
	printf("\n");
}

void show_frame(const char *label, const struct frame *f)
{
	size_t i;

	printf("#   %s: %zu bytes", label, f->len);
	for (i = 0; i < f->len && i < 160; i++)
		printf("%s%02x", i % 32 ? i % 2 ? "" : " " : "\n#     ", f->data[i]);
	printf("\n");
	decode(f);
}

void show_step(unsigned int nr, const struct step *s)
{
	static const char *const events[NR_EVENTS] = { "server changes", "service changes", "new ring", "slots change",
						       "epoch",		 "time passes",	    "answers",	"rate" };
	char label[32];

	if (!s->is_packet) {
		printf("# %u: event: %s (seed %llx)\n", nr, events[s->event], (unsigned long long)s->seed);
		return;
	}
	snprintf(label, sizeof(label), "%u", nr);
	show_frame(label, &s->frame);
}

void show_flow(const char *label, const struct m_entry *e, const struct m_flow *f)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int family = e->key.family == 4 ? AF_INET : AF_INET6;

	inet_ntop(family, e->key.saddr, from, sizeof(from));
	inet_ntop(family, e->key.daddr, to, sizeof(to));
	printf("#   %s: %s:%u > %s:%u proto %u %s flags %x server %u service %u source port %u tick %x\n", label, from,
	       ntohs(e->key.sport), to, ntohs(e->key.dport), e->key.proto, e->live ? "live" : "ended", e->flags,
	       f->server, f->service, ntohs(f->sport), e->tick);
}

void show_service(const struct m_config *c, unsigned int service)
{
	const struct xlb_service *s = &c->services[service];
	const struct xlb_backend *be = &c->backends[s->backend];
	unsigned int i;

	printf("#   service %u: flags %x limit %u, backend %u: algorithm %u stick %u ring", service, s->flags, s->limit,
	       s->backend, XLB_RING_ALG(be->ring), be->stick);
	for (i = 0; i < XLB_RING_LEN(be->ring) && i < 16; i++)
		printf(" %x", c->ring[s->backend][i]);
	printf("\n");
	for (i = 1; i <= c->nr_servers; i++)
		if (c->servers[i].backend == s->backend)
			printf("#     server %x: flags %x mode %u family %u oif %u mac ..%02x mtu %u limit %u weight "
			       "%u\n",
			       i, c->servers[i].flags, c->servers[i].mode, c->servers[i].family, c->servers[i].oif,
			       c->servers[i].dmac[5], c->servers[i].mtu, c->servers[i].limit, c->servers[i].weight);
}
