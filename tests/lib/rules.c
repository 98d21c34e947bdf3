/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "config/conf.h"
#include "model/capability.h"

/* --- counters of tables, as a data plane would keep them ---------------------------------------------------------- */

static struct rules_entry *fake_find(struct rules_counters *f, const struct stick_table *t, const struct addr *key)
{
	for (size_t i = 0; i < f->nr; i++)
		if (f->entries[i].table == t && addr_equal(&f->entries[i].key, key))
			return &f->entries[i];
	return NULL;
}

static void fake_track(void *arg, const struct stick_table *t, const struct addr *key)
{
	struct rules_counters *f = arg;
	struct rules_entry *e = fake_find(f, t, key);

	if (!e) {
		assert_true(f->nr < RULES_ENTRIES);
		e = &f->entries[f->nr++];
		*e = (struct rules_entry){ .table = t, .key = *key };
	}
	e->conns++;
}

static uint64_t fake_get(void *arg, const struct stick_table *t, const struct addr *key, enum acl_field field)
{
	const struct rules_entry *e = fake_find(arg, t, key);

	if (!e)
		return 0;
	return field == ACL_GPC0 || field == ACL_GPC0_RATE ? e->gpc0 : e->conns;
}

static void fake_inc(void *arg, const struct stick_table *t, const struct addr *key)
{
	struct rules_entry *e = fake_find(arg, t, key);

	assert_non_null(e);
	e->gpc0++;
}

static unsigned int fake_nbsrv(void *arg, const struct backend *b)
{
	(void)b;
	return ((struct rules_counters *)arg)->up;
}

struct policy_counters rules_counters_of(struct rules_counters *f)
{
	return (struct policy_counters){
		.arg = f, .track = fake_track, .get = fake_get, .inc_gpc0 = fake_inc, .nbsrv = fake_nbsrv
	};
}

/* --- texts and packets -------------------------------------------------------------------------------------------- */

struct model *rules_load(const char *text)
{
	bool all[NR_CAPABILITIES];
	struct conf_options opt = { .numeric = true, .can = all };
	struct diag_list diags;
	struct model *m = NULL;

	memset(all, true, sizeof(all));
	diag_init(&diags);
	if (conf_load_text("t", text, strlen(text), &opt, &diags, &m))
		diag_print(&diags, stderr, false);
	diag_fini(&diags);
	return m;
}

/* "10.0.0.1:1234>10.9.9.9:80" */
struct policy_packet rules_packet(const char *text)
{
	char src[64], dst[64];
	unsigned int sport, dport;
	struct policy_packet pkt = { 0 };

	assert_int_equal(sscanf(text, "%63[^-]-%u>%63[^-]-%u", src, &sport, dst, &dport), 4);
	assert_int_equal(addr_parse(src, &pkt.src), 0);
	assert_int_equal(addr_parse(dst, &pkt.dst), 0);
	pkt.src_port = (uint16_t)sport;
	pkt.dst_port = (uint16_t)dport;
	return pkt;
}

/* The verdict as a word: the backend's name, "reject", "drop". */
const char *rules_word(enum policy_verdict v, const struct backend *b)
{
	switch (v) {
	case POLICY_TAKE:
		return b ? b->name : "nothing";
	case POLICY_REJECT:
		return "reject";
	case POLICY_DROP:
		return "drop";
	}
	return "";
}

/* --- random rules ------------------------------------------------------------------------------------------------- */

unsigned int rules_pick(unsigned int n)
{
	return (unsigned int)rand() % n;
}

static void random_test(struct buf *out)
{
	static const char *const compare[] = { "gt", "ge", "eq", "le", "lt" };

	switch (rules_pick(8)) {
	case 0:
		buf_printf(out, "src 10.%u.0.0/%u 10.%u.%u.0/24", rules_pick(4), 8 + rules_pick(10), rules_pick(4),
			   rules_pick(4));
		break;
	case 1:
		buf_printf(out, "dst 10.9.%u.0/%u", rules_pick(4), 16 + rules_pick(16));
		break;
	case 2:
		buf_printf(out, "dst_port %u:%u %u", rules_pick(10), 5 + rules_pick(10), rules_pick(20));
		break;
	case 3:
		buf_printf(out, "src_port %s %u", rules_pick(2) ? "gt" : "le", rules_pick(20));
		break;
	case 4:
		buf_printf(out, "sc%u_conn_cnt %s %u", rules_pick(2), compare[rules_pick(5)], rules_pick(4));
		break;
	case 5:
		buf_printf(out, "src_get_gpc0 %s %u", compare[rules_pick(5)], rules_pick(3));
		break;
	case 6:
		buf_printf(out, "sc%u_get_gpc0 %s %u", rules_pick(2), compare[rules_pick(5)], rules_pick(3));
		break;
	default:
		buf_puts(out, rules_pick(2) ? "always_true" : "always_false");
		break;
	}
}

static void random_cond(struct buf *out)
{
	unsigned int nr = 1 + rules_pick(4);

	buf_puts(out, rules_pick(4) ? " if" : " unless");
	for (unsigned int i = 0; i < nr; i++) {
		if (i && rules_pick(3) == 0)
			buf_puts(out, " or");
		if (rules_pick(2)) {
			buf_printf(out, " %sn%u", rules_pick(3) ? "" : "!", rules_pick(4));
			continue;
		}
		buf_puts(out, rules_pick(3) ? " { " : " !{ ");
		random_test(out);
		buf_puts(out, " }");
	}
	buf_puts(out, "\n");
}

void rules_random(struct buf *out, const char *binds)
{
	static const char *const actions[] = { "accept",	"reject",	  "silent-drop",   "track-sc0 src",
					       "track-sc1 dst", "sc-inc-gpc0(0)", "sc-inc-gpc0(1)" };
	unsigned int nr = 1 + rules_pick(8);

	buf_printf(out, "frontend f\n%s stick-table type ip size 1k store conn_cnt,gpc0\n default_backend d\n", binds);
	for (unsigned int i = 0; i < 6; i++) {
		buf_printf(out, " acl n%u ", i % 4);
		random_test(out);
		buf_puts(out, "\n");
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (rules_pick(3) == 0)
			buf_printf(out, " use_backend %c", "abc"[rules_pick(3)]);
		else
			buf_printf(out, " tcp-request %s %s", rules_pick(3) ? "connection" : "session",
				   actions[rules_pick(7)]);
		random_cond(out);
	}
}

void rules_random_packet(char *buf, size_t cap)
{
	snprintf(buf, cap, "10.%u.%u.%u-%u>10.9.%u.1-%u", rules_pick(4), rules_pick(4), 1 + rules_pick(2),
		 1 + rules_pick(20), rules_pick(4), 1 + rules_pick(20));
}
