/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is compared of program and model after a packet: all that the packet may have changed, and now and then the
 * rest.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "show.h"

enum { CHECK_ALL = 32 }; /* steps between looks at all counters */

/* --- state ---------------------------------------------------------------------------------------------------------
 */

static void prime_tokens(struct test *t)
{
	unsigned int i;

	t->model.answers = 50;
	*t->prog.limits = (struct xlb_limit){ .jiffies = t->prog.jiffies, .tokens = 50 };
	for (i = 0; i < M_SERVICES; i++) {
		t->model.rate[i] = 50;
		t->prog.rates[i] = (struct prog_tokens){ .jiffies = t->prog.jiffies, .tokens = 50 };
	}
}

/*
 * Reads the program's clock: an answer, to a ping, notes it beside the tokens. (Tokens of rate limits are noted so,
 * too: with the clock in them none is gained while a sequence runs.) Any configuration answers this ping.
 */
void test_read_clock(struct test *t)
{
	static const uint8_t ping[] = {
		2, 0, 0,  0, 1, 1, 2,  0, 0, 0, 2, 1, 8,    0,	  0x45, 0, 0, 28, 0, 0, 0, 0, 64, IPPROTO_ICMP,
		0, 0, 10, 1, 0, 1, 10, 0, 0, 4, 8, 0, 0xf7, 0xff, 0,	0, 0, 0,
	};
	static struct frame in, out;

	*t->prog.limits = (struct xlb_limit){ 0 };
	memcpy(in.data, ping, sizeof(ping));
	in.len = sizeof(ping);
	if (prog_run(&t->prog, &in, &out) == M_TX)
		t->prog.jiffies = t->prog.limits->jiffies;
}

void test_restart(struct test *t)
{
	struct model *m = &t->model;

	prog_reset(&t->prog, m);
	memset(m, 0, sizeof(*m));
	world_make(&m->c, t->world_seed);
	prog_write_all(&t->prog, &m->c);
	test_read_clock(t);
	prog_reset(&t->prog, m);
	m->tick = (uint32_t)(t->prog.jiffies >> 16) & XLB_TICK_MASK;
	m->peek = prog_peek;
	m->peek_ctx = &t->prog;
	prime_tokens(t);
}

void test_apply_event(struct test *t, const struct step *s)
{
	struct model *m = &t->model;
	uint32_t ticks;
	unsigned int i;

	world_event(m, s, &ticks);
	if (ticks) {
		prog_age(&t->prog, m, ticks);
		model_age(m, ticks);
	}
	t->prog.limits->tokens = m->answers;
	for (i = 0; i < M_SERVICES; i++)
		t->prog.rates[i].tokens = m->rate[i];
	prog_write_records(&t->prog, &m->c);
}

/* --- comparison ----------------------------------------------------------------------------------------------------
 */

static bool differ(struct test *t, const char *what, uint64_t seen, uint64_t expected)
{
	if (seen == expected)
		return false;
	if (t->loud)
		printf("# %s: program %llx, model %llx\n", what, (unsigned long long)seen,
		       (unsigned long long)expected);
	return true;
}

static bool hop_is(const struct xlb_nexthop *seen, const struct m_hop *hop)
{
	return seen->oif == hop->oif && !memcmp(seen->dmac, hop->dmac, 6) && !memcmp(seen->smac, hop->smac, 6);
}

/*
 * Some changes the document leaves to the program: what it chose is taken over. Where it did not, what is expected
 * stays as it is.
 */
static void take_over(struct test *t, struct m_entry *e, const struct xlb_flow_body *b)
{
	if (!e->may_refresh)
		return;
	e->may_refresh = false;
	if (b->seen >> 8 == t->model.tick)
		e->tick = t->model.tick;
	if (hop_is(&t->prog.nexthops[b->hop], &e->may_hop))
		e->hop = e->may_hop;
}

static bool entry_differs(struct test *t, struct m_flow *f, int kind)
{
	struct m_entry *e = &f->e[kind];
	const struct xlb_flow_body *b = prog_find(&t->prog, &e->key, kind);
	bool bad;
	int other;

	if (!e->key.family || (!e->live && model_find(&t->model, &e->key, &other)))
		return false;
	bad = differ(t, "entry exists", !!b, e->live);
	if (b && !bad) {
		take_over(t, e, b);
		bad = differ(t, "flags", b->word & XLB_F_FLAGS, e->flags);
		bad |= differ(t, "server", b->server, f->server);
		bad |= differ(t, "service", b->service, f->service);
		bad |= differ(t, "source port", ntohs(b->sport), ntohs(f->sport));
		bad |= differ(t, "tick", b->seen >> 8, e->tick);
		if (!(e->flags & XLB_F_ONE_WAY))
			bad |= differ(t, "next hop", hop_is(&t->prog.nexthops[b->hop], &e->hop), true);
	}
	if (bad && t->loud)
		show_flow(kind ? "reply entry" : "request entry", e, f);
	return bad;
}

static bool stats_differ(struct test *t, const char *what, unsigned int nr, const struct xlb_stats *seen,
			 const struct xlb_stats *expected)
{
	struct xlb_stats rest = *seen;
	char label[64];

	rest.connect_ns = expected->connect_ns;
	rest.connect_nr = expected->connect_nr;
	if (!memcmp(&rest, expected, sizeof(rest)))
		return false;
	if (!t->loud)
		return true;
#define FIELD(name)                                                                                                    \
	snprintf(label, sizeof(label), "%s %u " #name, what, nr);                                                      \
	differ(t, label, seen->name, expected->name)
	FIELD(packets_in);
	FIELD(bytes_in);
	FIELD(packets_out);
	FIELD(bytes_out);
	FIELD(connections);
	FIELD(refused);
	FIELD(client_resets);
	FIELD(server_resets);
	FIELD(answered);
	FIELD(unanswered);
	FIELD(moved);
	FIELD(denied);
#undef FIELD
	return true;
}

/*
 * Which of a random backend's servers refused a packet leaves no trace in the flow table: their counts are compared as
 * a sum, and then taken over.
 */
static bool random_refusals_differ(struct test *t)
{
	uint64_t seen[M_BACKENDS] = { 0 }, expected[M_BACKENDS] = { 0 };
	struct m_config *c = &t->model.c;
	unsigned int i, backend;

	for (i = 1; i <= c->nr_servers; i++) {
		backend = c->servers[i].backend;
		if (XLB_RING_ALG(c->backends[backend].ring) != XLB_ALG_RANDOM)
			continue;
		seen[backend] += t->prog.srv_stats[i].refused;
		expected[backend] += t->model.srv[i].refused;
		t->model.srv[i].refused = t->prog.srv_stats[i].refused;
	}
	for (i = 1; i <= c->nr_backends; i++)
		if (differ(t, "refused by random servers", seen[i], expected[i]))
			return true;
	return false;
}

static bool counters_differ(struct test *t)
{
	struct model *m = &t->model;
	bool bad = differ(t, "tokens for answers", t->prog.limits->tokens, m->answers);
	unsigned int i;

	bad |= random_refusals_differ(t);
	for (i = 1; i <= m->c.nr_services; i++) {
		bad |= differ(t, "active of service", t->prog.svc_load[i].active, m->svc_active[i]);
		bad |= stats_differ(t, "service", i, &t->prog.svc_stats[i], &m->svc[i]);
	}
	for (i = 1; i <= m->c.nr_servers; i++) {
		bad |= differ(t, "active of server", t->prog.load[i].active, m->srv_active[i]);
		bad |= stats_differ(t, "server", i, &t->prog.srv_stats[i], &m->srv[i]);
	}
	for (i = 1; i <= m->c.nr_backends; i++)
		bad |= differ(t, "cursor", t->prog.cursors[i].next, m->cursors[i]);
	return bad;
}

/* Does the program hold as many entries as the model? */
static bool tables_differ(struct test *t)
{
	uint64_t seen = 0, expected = 0;
	unsigned int i, j;

	for (i = 0; i < t->prog.nr_buckets; i++)
		for (j = 0; j < XLB_BUCKET_LINES * XLB_FLOW4_WAYS; j++)
			seen += t->prog.flows[i].slot[j].b.word & XLB_F_LIVE;
	for (i = 0; i < t->prog.nr_buckets6; i++)
		for (j = 0; j < XLB_BUCKET_LINES * XLB_FLOW6_WAYS; j++)
			seen += t->prog.flows6[i].slot[j].b.word & XLB_F_LIVE;
	for (i = 0; i < t->model.nr_flows; i++)
		expected += t->model.flows[i].e[0].live + t->model.flows[i].e[1].live;
	return differ(t, "live entries", seen, expected);
}

static bool reasons_differ(struct test *t)
{
	int i;

	if (!memcmp(t->prog.reasons, t->model.reasons, sizeof(t->model.reasons)))
		return false;
	for (i = 0; i < XLB_R_MAX; i++)
		differ(t, show_reason(i), t->prog.reasons[i], t->model.reasons[i]);
	return true;
}

/* The flow label of an outer IPv6 header is the program's choice (RFC 6438): taken over. */
static void take_flow_label(const struct step *s, const struct frame *seen, struct frame *expected)
{
	size_t l3 = s->frame.data[12] == 0x81 ? 18 : 14;

	if (seen->len != s->frame.len + 40 || seen->len != expected->len || expected->data[l3] >> 4 != 6)
		return;
	expected->data[l3 + 1] |= seen->data[l3 + 1] & 0x0f;
	memcpy(expected->data + l3 + 2, seen->data + l3 + 2, 2);
}

/*
 * For a tick the program remembers the way to a client that only the client's own packet showed, and a server's packet
 * may profit from that, or not, as places in its memory fall; so may the client's next one that comes from another
 * station. The model knows no such luck.
 */
static void forget_luck(struct test *t, const struct frame *f)
{
	bool usual = !memcmp(f->data + 6, prog_mac_client, 6), was_usual = t->usual_station;

	size_t l3 = f->data[12] == 0x81 ? 18 : 14;
	const uint8_t *from4 = f->data + l3 + 12, *from6 = f->data + l3 + 8;

	t->usual_station = usual;
	if (!usual || !was_usual || (from4[0] == 10 && from4[1] == 0) || (from6[0] == 0xfd && from6[1] == 0))
		prog_forget_hops(&t->prog);
}

static bool packet_differs(struct test *t, const struct step *s)
{
	static struct frame seen, expected;
	enum xlb_reason reason;
	int verdict, got;
	unsigned int i;
	bool bad;

	forget_luck(t, &s->frame);
	got = prog_run(&t->prog, &s->frame, &seen);
	model_packet(&t->model, &s->frame, &expected, &verdict, &reason);
	take_flow_label(s, &seen, &expected);
	bad = got != verdict || seen.len != expected.len || memcmp(seen.data, expected.data, seen.len) != 0;
	if (t->trace || (bad && t->loud))
		printf("# program %s, model %s %s\n", show_verdict(got), show_verdict(verdict), show_reason(reason));
	if (bad && t->loud) {
		show_frame("program's", &seen);
		show_frame("model's", &expected);
	}
	bad |= reasons_differ(t);
	if (t->model.wrong[0] && t->loud)
		printf("# %s\n", t->model.wrong);
	bad |= t->model.wrong[0];
	if ((t->trace || (bad && t->loud)) && t->model.service)
		show_service(&t->model.c, t->model.service);
	for (i = 0; i < t->model.nr_touched; i++)
		bad |= entry_differs(t, &t->model.flows[t->model.touched[i]], XLB_FLOW_REQUEST) |
		       entry_differs(t, &t->model.flows[t->model.touched[i]], XLB_FLOW_REPLY);
	return bad;
}

/* Runs step 'i' on both. True: they differ. */
bool test_step_differs(struct test *t, unsigned int i, bool last)
{
	bool bad = false;

	if (t->steps[i].is_packet)
		bad = packet_differs(t, &t->steps[i]);
	else
		test_apply_event(t, &t->steps[i]);
	if (t->careful || i % CHECK_ALL == 0 || last)
		bad |= counters_differ(t);
	if (last)
		bad |= tables_differ(t);
	return bad;
}
