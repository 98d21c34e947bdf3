/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules at layer 4, from the text of a configuration to the packet: parsed, compiled, written by the daemon's code, run
 * by the loaded program, and held against policy_eval(), which follows the text word by word.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>

#include "../lib/rules.h"
#include "base/buf.h"
#include "dp_image.h"
#include "fixture.h"
#include "pkt.h"
#include "xlb.skel.h"

/* A data plane with one configuration in force. */
struct play {
	struct dp *dp;
	struct image_ids *ids;
	struct model *m;
	struct image *img;
};

static struct play play;
static enum xlb_reason reason_of_last; /* of the packet that ran last */
static FILE *golden;		       /* opened before the scene leaves the tree */

/* --- configuration ------------------------------------------------------------------------------------------------ */

/* Servers of backends a to d: fd00::a to fd00::d, reached through the loopback interface. */
static struct next_hop hop_to(const char *server)
{
	struct next_hop hop = {
		.oif = 1, .mtu = 9000, .on_link = true, .dmac = { 2, 0, 0, 0, 0, 1 }, .smac = { 2, 0, 0, 0, 0, 2 }
	};

	assert_int_equal(addr_parse(server, &hop.server), 0);
	assert_int_equal(addr_parse("fd00::1", &hop.source), 0);
	return hop;
}

/* What a bind of all addresses means. */
static struct host_addr host_addr(const char *text)
{
	struct host_addr out = { .ifname = "lo" };

	assert_int_equal(addr_parse(text, &out.addr), 0);
	return out;
}

/* The tests end all flows of one configuration before they load the next. */
static bool is_free(void *arg, char kind, uint16_t id)
{
	(void)arg;
	(void)kind;
	(void)id;
	return true;
}

static int play_apply(void)
{
	struct next_hop hops[] = { hop_to("fd00::a"), hop_to("fd00::b"), hop_to("fd00::c"), hop_to("fd00::d") };
	const struct host_addr addrs[] = { host_addr("120.0.0.1"), host_addr("120.0.0.9") };
	struct host_facts host = { .addrs = addrs,
				   .nr_addrs = 2,
				   .hops = hops,
				   .nr_hops = 4,
				   .ephemeral = { 32768, 60999 },
				   .hz = dp_hz(play.dp),
				   .tick_shift = dp_tick_shift(play.dp),
				   .previous = play.img };
	struct image *img = NULL;
	int err = image_build(play.m, &host, play.ids, &scene_diags, &img);

	if (!err)
		err = apply(play.dp, play.img, img);
	if (err) {
		image_free(img);
		return err;
	}
	image_free(play.img);
	play.img = img;
	image_ids_collect(play.ids, img, is_free, NULL);
	return 0;
}

static const char backends[] = "backend a\n#@xlb forward ipip\n server s [fd00::a]\n"
			       "backend b\n#@xlb forward ipip\n server s [fd00::b]\n"
			       "backend c\n#@xlb forward ipip\n server s [fd00::c]\n"
			       "backend d\n#@xlb forward ipip\n server s [fd00::d]\n";

/* Brings the text, without its backends, into force in the place of what was. */
static void play_text(const char *text)
{
	struct buf all = { 0 };
	struct backend *be;
	struct server *s;
	struct model *m;
	int err;

	buf_printf(&all, "%s%s", text, backends);
	m = rules_load(all.data);
	buf_fini(&all);
	assert_non_null(m);
	model_free(play.m);
	play.m = m;
	TAILQ_FOREACH(be, &m->backends, next)
		TAILQ_FOREACH(s, &be->servers, next)
			server_run_init(s, 0);
	err = play_apply();
	if (err)
		diag_print(&scene_diags, stderr, false);
	assert_int_equal(err, 0);
}

/* One data plane for all cases: each brings a configuration into the place of the one before. */
static int play_setup(void **state)
{
	int err = scene_setup(state);

	play = (struct play){ .dp = open_dp(), .ids = image_ids_new() };
	play.dp->control->ifindex[1] = 1; /* test runs come in by the loopback interface */
	play.dp->control->mtu[1] = 9000;
	return err;
}

static int play_teardown(void **state)
{
	image_free(play.img);
	model_free(play.m);
	image_ids_free(play.ids);
	dp_close(play.dp);
	return scene_teardown(state);
}

/* --- packets ------------------------------------------------------------------------------------------------------ */

/* Ends all flows without a word to anybody: the next packet of a tuple opens a flow again. */
static void forget_flows(void)
{
	memset(play.dp->flows, 0, play.dp->meta.nr_buckets * sizeof(*play.dp->flows));
	memset(play.dp->flows6, 0, play.dp->meta.nr_buckets6 * sizeof(*play.dp->flows6));
}

/* Answers of the program's own are rationed, but not here. */
static void refill_answers(void)
{
	for (int cpu = 0; cpu < play.dp->nr_cpus; cpu++)
		play.dp->cpus[cpu].answers.tokens = 1000;
}

static void put_words(const struct policy_packet *p, struct pkt_desc *d, uint8_t *src6)
{
	if (p->src.family == AF_INET6) {
		d->family = 6;
		d->saddr6 = src6;
		memcpy(src6, &p->src.v6, 16);
		d->daddr = ntohl(p->dst.v6.s6_addr32[3]); /* 2001:db8:: and an IPv4 address */
	} else {
		d->saddr = ntohl(p->src.v4.s_addr);
		d->daddr = ntohl(p->dst.v4.s_addr);
	}
	d->sport = p->src_port;
	d->dport = p->dst_port;
}

static enum xlb_reason count_one(const uint64_t *before, const uint64_t *after)
{
	enum xlb_reason found = XLB_R_NONE;
	uint64_t nr = 0;

	for (int i = 0; i < XLB_R_MAX; i++) {
		nr += after[i] - before[i];
		if (after[i] != before[i])
			found = (enum xlb_reason)i;
	}
	assert_int_equal(nr, 1);
	return found;
}

/* Runs one packet; the verdict as rules_word() has it, or what else the program did with it. */
static const char *run_packet(const struct pkt_desc *d)
{
	static char other[64];
	struct pkt in, out;
	uint64_t before[XLB_R_MAX], after[XLB_R_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_out = out.data, .data_size_out = PKT_MAX);
	enum xlb_reason reason;

	pkt_build(&in, d);
	opts.data_in = in.data;
	opts.data_size_in = (uint32_t)in.len;
	refill_answers();
	assert_int_equal(dp_read_reasons(play.dp, before), 0);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(play.dp->skel->progs.xlb_xdp), &opts), 0);
	assert_int_equal(dp_read_reasons(play.dp, after), 0);
	reason = count_one(before, after);
	reason_of_last = reason;
	if (reason == XLB_R_NEW_FLOW && opts.retval == XDP_TX) {
		/* The outer header is of IPv6, its destination the server. */
		snprintf(other, sizeof(other), "%x", out.data[14 + 24 + 15]);
		return other;
	}
	if ((reason == XLB_R_REJECT_RST || reason == XLB_R_REJECT_ICMP) && opts.retval == XDP_TX)
		return "reject";
	if (reason == XLB_R_REJECTED && opts.retval == XDP_DROP)
		return "drop";
	snprintf(other, sizeof(other), "reason %d verdict %u", reason, opts.retval);
	return other;
}

static const char *syn_of(const char *text)
{
	struct policy_packet p = rules_packet(text);
	struct pkt_desc d = { .proto = IPPROTO_TCP, .flags = TH_SYN };
	uint8_t src6[16];

	put_words(&p, &d, src6);
	return run_packet(&d);
}

/* --- the same as the text says ------------------------------------------------------------------------------------ */

static const char binds[] = " bind 10.9.0.1:1-20\n bind 10.9.1.1:1-20\n bind 10.9.2.1:1-20\n bind 10.9.3.1:1-20\n";

/* A table that is new for each text: what was counted before must not count again. */
static void forget_counts(void)
{
	for (uint32_t i = 1; i < XLB_MAX_STICKS; i++)
		(void)dp_stick_clear(play.dp, i, NULL);
}

static int forget_all(void **state)
{
	(void)state;
	forget_flows();
	forget_counts();
	return 0;
}

static void random_rules_and_packets__program_as_the_text(void **state)
{
	enum { ROUNDS = 120, PACKETS = 40 };
	const char *seed_text = getenv("XLB_SEED");
	unsigned int seed = seed_text ? (unsigned int)strtoul(seed_text, NULL, 10) : 20261126;
	char packet[64];

	(void)state;
	srand(seed);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct rules_counters counters = { .up = 1 };
		struct policy_counters c = rules_counters_of(&counters);
		struct buf text = { 0 };

		rules_random(&text, binds);
		play_text(text.data);
		forget_counts();
		for (unsigned int i = 0; i < PACKETS; i++) {
			struct policy_packet p;
			struct backend *b = NULL;
			enum policy_verdict verdict;
			const char *want, *got;

			rules_random_packet(packet, sizeof(packet));
			p = rules_packet(packet);
			verdict = policy_eval(model_frontend_find(play.m, "f"), &p, &c, &b);
			want = rules_word(verdict, b);
			got = syn_of(packet);
			forget_flows();
			if (strcmp(got, want) != 0)
				fail_msg("seed %u, round %u, packet %u %s: expected %s, saw %s\n%s", seed, round, i,
					 packet, want, got, text.data);
		}
		buf_fini(&text);
	}
}

/* Addresses of the host itself are no client's. The line gets no longer than 'cap'. */
static void move_loopback(char *line, size_t cap)
{
	static const char word[] = "LOCALHOST", instead[] = "{ src 127.0.0.0/8 }";
	char *at = strstr(line, word);

	if (at) {
		assert_true(strlen(line) + sizeof(instead) < cap);
		memmove(at + strlen(instead), at + strlen(word), strlen(at + strlen(word)) + 1);
		memcpy(at, instead, strlen(instead));
	}
	for (at = line; (at = strstr(at, "127.")); at += 4)
		memcpy(at, "120", 3);
}

/* What real HAProxy was asked, with loopback addresses moved to where clients can be. */
static void rules__that_haproxy_was_asked__same_verdicts(void **state)
{
	struct buf text = { 0 };
	unsigned int nr = 0;
	bool loaded = false, skipped = false;
	char line[256];

	(void)state;
	if (!golden)
		fail_msg("tests/golden/policy.txt cannot be read; run from the top of the tree");
	while (fgets(line, sizeof(line), golden)) {
		char src[32], dst[32], verdict[16], packet[80];
		const char *got, *want;
		unsigned int port;

		move_loopback(line, sizeof(line));
		if (!strncmp(line, "== ", 3)) {
			/* Sockets are counted by lines, and here each port has two. */
			skipped = strstr(line, "socket");
			buf_fini(&text);
			buf_puts(&text, "frontend f\n bind :17080\n bind :17443\n");
			loaded = false;
			continue;
		}
		if (skipped)
			continue;
		if (*line != '>') {
			buf_puts(&text, line);
			continue;
		}
		if (!loaded) {
			buf_puts(&text, " default_backend d\n");
			play_text(text.data);
			forget_counts();
			loaded = true;
		}
		assert_int_equal(sscanf(line, "> %31s %31s %u %15s", src, dst, &port, verdict), 4);
		snprintf(packet, sizeof(packet), "%s-1000>%s-%u", src, dst, port);
		want = strcmp(verdict, "refused") ? verdict : "reject";
		got = syn_of(packet);
		forget_flows();
		nr++;
		if (strcmp(got, want) != 0)
			fail_msg("%s: expected %s, saw %s\n%s", packet, want, got, text.data);
	}
	buf_fini(&text);
	assert_true(nr > 50);
}

/* --- what a reject is to whom ------------------------------------------------------------------------------------- */

static void reject__udp__port_unreachable(void **state)
{
	struct pkt_desc d = { .proto = IPPROTO_UDP,
			      .saddr = IP4(10, 1, 0, 9),
			      .daddr = IP4(10, 9, 0, 1),
			      .sport = 5000,
			      .dport = 7,
			      .payload = "question",
			      .payload_len = 8 };

	(void)state;
	play_text("frontend f\n#@xlb bind udp 10.9.0.1:1-20\n tcp-request connection reject if { dst_port 7 }\n"
		  " tcp-request connection silent-drop if { dst_port 8 }\n default_backend d\n");
	assert_string_equal(run_packet(&d), "reject");
	assert_int_equal(reason_of_last, XLB_R_REJECT_ICMP);
	d.dport = 8;
	assert_string_equal(run_packet(&d), "drop");
	d.dport = 9;
	assert_string_equal(run_packet(&d), "d");
}

static void routes__ipv6_clients__by_network(void **state)
{
	(void)state;
	play_text("frontend f\n bind [2001:db8::a09:1]:80\n use_backend a if { src fd00:1::/32 10.0.0.0/8 }\n"
		  " tcp-request connection reject if { src fd00:2::/48 }\n default_backend d\n");
	assert_string_equal(syn_of("fd00:1:2::1-1000>2001:db8::a09:1-80"), "a");
	assert_string_equal(syn_of("fd00:2::1-1000>2001:db8::a09:1-80"), "reject");
	assert_string_equal(syn_of("fd00:3::1-1000>2001:db8::a09:1-80"), "d");
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

static uint32_t table_number(const char *name)
{
	for (uint32_t i = 1; i < XLB_MAX_STICKS; i++)
		if (play.img->sticks[i].identity == image_stick_identity(name))
			return i;
	fail_msg("table %s is not in force", name);
	return 0;
}

static struct dp_stick entry_of(const char *table, const char *key)
{
	struct dp_stick entry = { 0 };
	struct addr addr;

	assert_int_equal(addr_parse(key, &addr), 0);
	if (!dp_stick_find(play.dp, table_number(table), &addr, &entry))
		fail_msg("table %s has no entry %s", table, key);
	return entry;
}

/* Another packet of the flow that syn_of() opened. */
static void packet_of(const char *text, uint8_t flags)
{
	struct policy_packet p = rules_packet(text);
	struct pkt_desc d = { .proto = IPPROTO_TCP, .flags = flags };
	uint8_t src6[16];

	put_words(&p, &d, src6);
	(void)run_packet(&d);
	assert_int_equal(reason_of_last, XLB_R_REQUEST);
}

static const char few_at_a_time[] = "frontend f\n bind 10.9.0.1:80\n"
				    " stick-table type ip size 1k expire 1h store conn_cur,conn_cnt\n"
				    " tcp-request connection track-sc0 src\n"
				    " tcp-request connection reject if { sc0_conn_cur gt 2 }\n default_backend d\n";

static void conn_cur__flows_end__room_again(void **state)
{
	(void)state;
	play_text(few_at_a_time);
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.1.0.1-1002>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.1.0.1-1003>10.9.0.1-80"), "reject");
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 2); /* the refused one does not count */
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cnt, 3);
	assert_string_equal(syn_of("10.1.0.2-1001>10.9.0.1-80"), "d");
	packet_of("10.1.0.1-1001>10.9.0.1-80", TH_RST | TH_ACK);
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 1);
	packet_of("10.1.0.1-1001>10.9.0.1-80", TH_ACK); /* it was not its sender's: RFC 5961 */
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 2);
	packet_of("10.1.0.1-1001>10.9.0.1-80", TH_FIN | TH_ACK); /* one way: the server's is inferred */
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 1);
	assert_string_equal(syn_of("10.1.0.1-1004>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.1.0.1-1005>10.9.0.1-80"), "reject");
}

static void conn_cur__flow_times_out__daemon_counts_it_off(void **state)
{
	struct xlb_flow4 *slot = play.dp->flows[0].slot;
	uint32_t nr = play.dp->meta.nr_buckets * XLB_BUCKET_LINES * XLB_FLOW4_WAYS;

	(void)state;
	play_text(few_at_a_time);
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.1.0.1-1002>10.9.0.1-80"), "d");
	for (uint32_t i = 0; i < nr; i++)
		if (slot[i].b.word & XLB_F_LIVE && slot[i].cport == htons(1001))
			slot[i].b.seen -= 1000000u << 8;
	while (!dp_sweep(play.dp, 1000))
		;
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 1);
	assert_string_equal(syn_of("10.1.0.1-1003>10.9.0.1-80"), "d");
}

/* A count that is too high, as a daemon killed at the wrong moment leaves it, or too low, as a table that is too small.
 */
static void conn_cur__wrong__mended_by_sweeps(void **state)
{
	struct dp_stick wrong = { .conn_cur = 7 };
	struct addr busy, gone;

	(void)state;
	play_text(few_at_a_time);
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "d");
	assert_int_equal(addr_parse("10.1.0.1", &busy), 0);
	assert_int_equal(addr_parse("10.1.0.2", &gone), 0);
	assert_int_equal(dp_stick_set(play.dp, table_number("f"), &busy, &wrong, DP_STICK_CONN_CUR), 0);
	assert_int_equal(dp_stick_set(play.dp, table_number("f"), &gone, &wrong, DP_STICK_CONN_CUR), 0);
	assert_string_equal(syn_of("10.1.0.2-1001>10.9.0.1-80"), "reject");
	for (int i = 0; i < 8; i++)
		while (!dp_sweep(play.dp, 1000))
			;
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 7); /* not at once: flows that come and go look like it */
	for (int i = 0; i < 20; i++)
		while (!dp_sweep(play.dp, 1000))
			;
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 1);
	assert_int_equal(entry_of("f", "10.1.0.2").conn_cur, 0);
	wrong.conn_cur = 0;
	assert_int_equal(dp_stick_set(play.dp, table_number("f"), &busy, &wrong, DP_STICK_CONN_CUR), 0);
	for (int i = 0; i < 30; i++)
		while (!dp_sweep(play.dp, 1000))
			;
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 1);
}

/* No server: what was counted before that turned out is counted off. */
static void conn_cur__no_server__not_counted(void **state)
{
	struct server *s;

	(void)state;
	play_text(few_at_a_time);
	s = TAILQ_FIRST(&model_backend_find(play.m, "d")->servers);
	s->run.admin |= SERVER_FMAINT;
	assert_int_equal(play_apply(), 0);
	assert_string_not_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "d");
	assert_int_equal(reason_of_last, XLB_R_NO_SERVER_RST);
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cur, 0);
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cnt, 1);
}

/* As HAProxy does it, whichever family the client's packet is of. */
static void track__table_of_ipv6__has_ipv4_clients_mapped(void **state)
{
	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n bind [2001:db8::a09:1]:80\n"
		  " tcp-request connection track-sc0 src table six\n tcp-request connection track-sc1 src table four\n"
		  " tcp-request connection reject if { sc0_conn_cnt(six) gt 1 }\n default_backend d\n"
		  "backend six\n stick-table type ipv6 size 1k store conn_cnt,conn_cur\n"
		  "backend four\n stick-table type ip size 1k store conn_cnt\n");
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.1.0.1-1002>10.9.0.1-80"), "reject");
	assert_string_equal(syn_of("2001:db8::5-1001>2001:db8::a09:1-80"), "d");
	assert_int_equal(entry_of("six", "::ffff:10.1.0.1").conn_cnt, 2);
	assert_int_equal(entry_of("six", "::ffff:10.1.0.1").conn_cur, 1);
	assert_int_equal(entry_of("six", "2001:db8::5").conn_cur, 1);
	assert_int_equal(entry_of("four", "10.1.0.1").conn_cnt, 2);
	assert_int_equal(dp_stick_used(play.dp, table_number("four")), 1);
}

static void rate__of_a_source__limits_it_alone(void **state)
{
	char text[64];

	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n stick-table type ip size 1k expire 1h store conn_rate(1h)\n"
		  " acl fast src_conn_rate gt 5\n tcp-request connection silent-drop if fast\n"
		  " tcp-request connection track-sc0 src\n default_backend d\n");
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "10.1.0.1-%d>10.9.0.1-80", 1000 + i);
		assert_string_equal(syn_of(text), i < 6 ? "d" : "drop");
	}
	assert_string_equal(syn_of("10.1.0.2-1000>10.9.0.1-80"), "d");
	assert_int_equal(entry_of("f", "10.1.0.1").conn_rate, 6);
}

static void gpc0__set_by_command__bans(void **state)
{
	struct dp_stick ban = { .gpc0 = 1 };
	struct addr addr;

	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n stick-table type ip size 1k expire 1h store gpc0\n"
		  " tcp-request connection reject if { src_get_gpc0 gt 0 }\n default_backend d\n");
	assert_string_equal(syn_of("10.1.0.1-1000>10.9.0.1-80"), "d");
	assert_int_equal(addr_parse("10.1.0.1", &addr), 0);
	assert_int_equal(dp_stick_set(play.dp, table_number("f"), &addr, &ban, DP_STICK_GPC0), 0);
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "reject");
	assert_string_equal(syn_of("10.1.0.2-1001>10.9.0.1-80"), "d");
	assert_int_equal(dp_stick_clear(play.dp, table_number("f"), &addr), 0);
	assert_string_equal(syn_of("10.1.0.1-1002>10.9.0.1-80"), "d");
}

/* One acl asked twice, before and after what changes it. */
static void counter__changes_between_two_rules__asked_anew(void **state)
{
	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n stick-table type ip size 1k store conn_cnt\n"
		  " acl unseen src_conn_cnt lt 1\n tcp-request connection track-sc0 src if unseen\n"
		  " use_backend a if unseen\n default_backend d\n");
	assert_string_equal(syn_of("10.1.0.1-1000>10.9.0.1-80"), "d");
	assert_int_equal(entry_of("f", "10.1.0.1").conn_cnt, 1);
}

static void gpc0__of_a_destination__counted_there(void **state)
{
	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n stick-table type ip size 1k store gpc0\n"
		  " tcp-request connection track-sc1 dst\n tcp-request connection sc-inc-gpc0(1)\n"
		  " use_backend a if { sc1_get_gpc0 gt 1 }\n default_backend d\n");
	assert_string_equal(syn_of("10.1.0.1-1000>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.1.0.2-1000>10.9.0.1-80"), "a");
	assert_int_equal(entry_of("f", "10.9.0.1").gpc0, 2);
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

static void acl__edited__in_force_under_another_number(void **state)
{
	uint16_t before, after;
	struct acl_set *set;
	struct cidr net;

	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n tcp-request connection reject if { src 10.7.0.0/16 }\n"
		  " default_backend d\n");
	before = play.img->services[1].policy;
	assert_int_not_equal(before, 0);
	assert_string_equal(syn_of("10.1.0.1-1000>10.9.0.1-80"), "d");
	set = TAILQ_FIRST(&play.m->acl_sets);
	assert_int_equal(cidr_parse("10.1.0.0/24", &net), 0);
	assert_int_equal(acl_set_add_net(set, &net), 0);
	assert_int_equal(play_apply(), 0);
	after = play.img->services[1].policy;
	assert_int_not_equal(after, before);
	assert_int_equal(play.dp->policies[before].identity, 0); /* free again */
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "reject");
	assert_string_equal(syn_of("10.1.1.1-1001>10.9.0.1-80"), "d");
	acl_set_clear(set);
	assert_int_equal(play_apply(), 0);
	assert_string_equal(syn_of("10.1.0.1-1002>10.9.0.1-80"), "d");
	assert_string_equal(syn_of("10.7.0.1-1002>10.9.0.1-80"), "d");
}

static void same_rules_of_two_frontends__one_policy(void **state)
{
	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n tcp-request connection reject if { src 10.7.0.0/16 }\n"
		  " default_backend d\nfrontend g\n bind 10.9.0.1:81\n"
		  " tcp-request connection reject if { src 10.7.0.0/16 }\n default_backend d\n"
		  "frontend h\n bind 10.9.0.1:82\n default_backend d\n");
	assert_int_equal(play.img->services[1].policy, play.img->services[2].policy);
	assert_int_equal(play.img->services[3].policy, 0);
	assert_string_equal(syn_of("10.7.0.1-1000>10.9.0.1-81"), "reject");
	assert_string_equal(syn_of("10.7.0.1-1000>10.9.0.1-82"), "d");
}

static void routes__by_servers_left__follow_their_state(void **state)
{
	struct server *s;

	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n use_backend a if { nbsrv(a) gt 0 }\n default_backend d\n");
	assert_string_equal(syn_of("10.1.0.1-1000>10.9.0.1-80"), "a");
	s = TAILQ_FIRST(&model_backend_find(play.m, "a")->servers);
	s->run.admin |= SERVER_FMAINT;
	assert_int_equal(play_apply(), 0);
	assert_string_equal(syn_of("10.1.0.1-1001>10.9.0.1-80"), "d");
}

/* A daemon that takes over finds the rules as they are, and has nothing to write. */
static void taken_over__same_rules__nothing_to_do(void **state)
{
	struct image *found = NULL;
	struct plan plan;

	(void)state;
	play_text(few_at_a_time);
	play.dp->adopted = true;
	assert_int_equal(dp_read_image(play.dp, &found), 0);
	play.dp->adopted = false;
	assert_int_equal(plan_make(found, play.img, &plan), 0);
	for (size_t i = 0; i < plan.nr; i++)
		assert_true(plan.steps[i].op != PLAN_POLICY && plan.steps[i].op != PLAN_SERVICE &&
			    plan.steps[i].op != PLAN_STICK);
	plan_fini(&plan);
	image_free(found);
}

static void networks__a_hundred_thousand__taken_and_found(void **state)
{
	struct acl_set *set;
	struct cidr net;
	char text[64];

	(void)state;
	play_text("frontend f\n bind 10.9.0.1:80\n tcp-request connection reject if { src 10.7.0.0/16 }\n"
		  " default_backend d\n");
	set = TAILQ_FIRST(&play.m->acl_sets);
	for (unsigned int i = 0; i < 100000; i++) {
		net = (struct cidr){ .addr = { .family = AF_INET, .v4.s_addr = htonl(0x14000000 + i * 16) },
				     .bits = 28 };
		assert_int_equal(acl_set_add_net(set, &net), 0);
	}
	assert_int_equal(play_apply(), 0);
	for (unsigned int i = 0; i < 100000; i += 7777) {
		uint32_t ip = 0x14000000 + i * 16 + 3;

		snprintf(text, sizeof(text), "%u.%u.%u.%u-1000>10.9.0.1-80", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
			 ip & 255);
		assert_string_equal(syn_of(text), "reject");
	}
	assert_string_equal(syn_of("21.0.0.1-1000>10.9.0.1-80"), "d");
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, forget_all, forget_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY(random_rules_and_packets__program_as_the_text),
		PLAY(rules__that_haproxy_was_asked__same_verdicts),
		PLAY(reject__udp__port_unreachable),
		PLAY(routes__ipv6_clients__by_network),
		PLAY(conn_cur__flows_end__room_again),
		PLAY(conn_cur__flow_times_out__daemon_counts_it_off),
		PLAY(conn_cur__wrong__mended_by_sweeps),
		PLAY(conn_cur__no_server__not_counted),
		PLAY(track__table_of_ipv6__has_ipv4_clients_mapped),
		PLAY(rate__of_a_source__limits_it_alone),
		PLAY(gpc0__set_by_command__bans),
		PLAY(counter__changes_between_two_rules__asked_anew),
		PLAY(gpc0__of_a_destination__counted_there),
		PLAY(acl__edited__in_force_under_another_number),
		PLAY(same_rules_of_two_frontends__one_policy),
		PLAY(routes__by_servers_left__follow_their_state),
		PLAY(taken_over__same_rules__nothing_to_do),
		PLAY(networks__a_hundred_thousand__taken_and_found),
	};
	int failed;

	golden = fopen("tests/golden/policy.txt", "re");
	if (!scene_enter()) {
		puts("1..0 # SKIP needs root");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, play_setup, play_teardown);
	scene_leave();
	if (golden)
		fclose(golden);
	return failed;
}
