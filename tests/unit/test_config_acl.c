/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* 'acl' lines, conditions and rules: what is refused, what a proxy is needed for. What they mean is in test_policy.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"

#include "../lib/config_case.h"

#define TABLE " stick-table type ip size 1k store conn_rate(10s)\n"
#define FRONT "frontend f\n bind :80\n default_backend b\n"
#define BACK "backend b\n server s 1.1.1.1:80\n"
#define FRONT_MODEL "frontend f#1 -> b 0.0.0.0:80\n"
#define BACK_MODEL "backend b#2\nserver b/s#1 1.1.1.1:80 w1\n"

static void acl__faults__told_at_the_word(void **state)
{
	static const struct config_case cases[] = {
		{ "patterns",
		  FRONT
		  " acl a src 10.0.0.0/33\n acl a src host\n acl a dst_port x\n acl a dst_port 1-2\n acl a src_port :\n"
		  " acl a src -f /nowhere/at/all\n acl a src -f\n acl a+b src 1.1.1.1\n acl or src 1.1.1.1\n" BACK,
		  "E C0208 4:12\nE C0208 5:12\nE C0208 6:17\nE C0208 7:17\nE C0208 8:17\nE C0001 9:15\nE C0105 10:12\n"
		  "E C0206 11:6\nE C0206 12:6\n",
		  NULL, 0 },
		{ "conditions",
		  FRONT " use_backend b if\n use_backend b if nobody\n use_backend b if {src 1.1.1.1}\n"
			" use_backend b if { src 1.1.1.1\n use_backend b if { }\n use_backend b if or { src 1.1.1.1 }\n"
			" use_backend b if { src 1.1.1.1 } or\n use_backend b if !\n use_backend b when x\n" BACK,
		  "E C0105 4:18\nE C0302 5:19\nE C0302 6:19\nE C0101 7:19\nE C0105 8:19\nE C0101 9:19\nE C0101 10:37\n"
		  "E C0101 11:19\nE C0205 12:16\n",
		  NULL, 0 },
		{ "actions",
		  FRONT " tcp-request connection rejct\n tcp-request connection track-sc0\n"
			" tcp-request connection track-sc0 src table\n tcp-request connection accept now\n"
			" tcp-request conection accept\n" BACK,
		  "E C0205 4:25\nE C0105 5:34\nE C0105 6:44\nE C0205 7:32\nE C0102 8:14\n", NULL, 0 },
		{ "tables and backends",
		  FRONT
		  " tcp-request connection track-sc0 src\n tcp-request connection reject if { src_conn_rate(t) gt 1 }\n"
		  " tcp-request connection reject if { src_conn_rate(u) gt 1 }\n"
		  " use_backend b if { nbsrv(nobody) lt 1 }\n" BACK "backend u\n stick-table type string size 1k\n",
		  "E C0310 4:2\nE C0310 5:37\nE C0310 6:37\nE C0302 7:21\n", NULL, 0 },
		{ "a counter that the table does not store",
		  FRONT TABLE " tcp-request connection reject if { src_conn_cur gt 1 }\n" BACK, "W C0310 5:37\n",
		  "table f ip size=1024 expire=0 store=8 rates=10000,0\n" FRONT_MODEL BACK_MODEL, 0 },
		{ "sockets that a port does not tell apart",
		  "frontend f\n bind 1.1.1.1:80\n bind 1.1.1.2:80\n default_backend b\n use_backend b if { so_id 2 "
		  "}\n" BACK,
		  "E C0208 5:21\n", NULL, 0 },
		{ "clients whose addresses are no keys",
		  "frontend f\n bind [::1]:80\n default_backend b\n" TABLE " tcp-request connection track-sc0 src\n"
		  "backend b\n server s [fd00::1]:80\n",
		  "W C0310 5:2\n",
		  "table f ip size=1024 expire=0 store=8 rates=10000,0\nfrontend f#1 -> b [::1]:80\nbackend b#2\n"
		  "server b/s#1 [fd00::1]:80 w1\n",
		  0 },
		{ "nothing to compare with", FRONT " tcp-request connection reject if { src }\n" BACK, "W C0208 4:37\n",
		  FRONT_MODEL BACK_MODEL, 0 },
	};

	RUN(cases);
}

/* A frontend with the same rule 'nr' times. */
static void add_rules(struct buf *text, unsigned int nr, const char *rule)
{
	buf_puts(text, FRONT TABLE " acl bad src 10.0.0.0/8\n acl fast src_conn_rate gt 5\n");
	while (nr--)
		buf_puts(text, rule);
	buf_puts(text, BACK);
}

static void rules__that_the_data_plane_cannot_hold__told_by_the_file(void **state)
{
	enum { RULES = XLB_POLICY_ROWS - 1 }; /* a row each, and the one for what no rule has ended */
	struct buf fits = { 0 }, many = { 0 }, limits = { 0 };
	struct config_case cases[] = {
		{ "as many as there may be", NULL, "",
		  "table f ip size=1024 expire=0 store=8 rates=10000,0\n" FRONT_MODEL BACK_MODEL, 0 },
		{ "a row more: what an unless goes over", NULL, "E C0313 1:10\n", NULL, 0 },
		{ "a limit of a counter is one more each", NULL, "E C0313 1:10\n", NULL, 0 },
		{ "a counter in two tables, and two where the first is always asked",
		  FRONT TABLE " tcp-request connection track-sc1 src table f\n"
			      " tcp-request connection track-sc1 src table t\n"
			      " tcp-request connection track-sc0 src if { dst_port 80 }\n"
			      " tcp-request connection track-sc0 src table t\n" BACK
			      "backend t\n stick-table type ip size 1k store conn_cnt\n",
		  "E C0314 8:2\n", NULL, 0 },
		{ "a counter by source and by destination, in the defaults and here",
		  "defaults d\n tcp-request connection track-sc0 src table t if { dst_port 80 }\nfrontend f from d\n"
		  " bind :80\n default_backend b\n tcp-request connection track-sc0 dst table t\n" BACK
		  "backend t\n stick-table type ip size 1k store conn_cnt\n",
		  "E C0314 6:2\n", NULL, 0 },
	};

	add_rules(&fits, RULES, " tcp-request connection reject if bad\n");
	add_rules(&many, RULES / 2 + 1, " tcp-request connection reject unless bad\n");
	add_rules(&limits, RULES / 2 + 1, " tcp-request connection reject if fast\n");
	cases[0].text = fits.data;
	cases[1].text = many.data;
	cases[2].text = limits.data;
	RUN(cases);
	buf_fini(&fits);
	buf_fini(&many);
	buf_fini(&limits);
}

#define LEFT(place_and_word, why)                                                                                      \
	"frontend f#1 -> b left[t:" place_and_word " needs a proxy: " why "] 0.0.0.0:80\n" BACK_MODEL

static void rule__that_packets_cannot_follow__leaves_frontend_with_reason(void **state)
{
	static const struct config_case cases[] = {
		{ "an acl of requests, named", FRONT " acl api path_beg /api\n use_backend b if api\n" BACK,
		  "W C0401 5:2\n",
		  LEFT("5: 'use_backend'", "acl 'api' (t:4) looks at 'path_beg': packets do not tell it"), 0 },
		{ "an acl of requests that no rule names", FRONT " acl api path_beg /api\n" BACK, "",
		  FRONT_MODEL BACK_MODEL, 0 },
		{ "one of both kinds", FRONT " acl x src 1.1.1.1\n acl x hdr(host) www\n use_backend b if x\n" BACK,
		  "W C0401 6:2\n",
		  LEFT("6: 'use_backend'", "acl 'x' (t:5) looks at 'hdr(host)': packets do not tell it"), 0 },
		{ "another way to compare", FRONT " use_backend b if { src -m str 1.1.1.1 }\n" BACK, "W C0401 4:2\n",
		  LEFT("4: 'use_backend'", "the condition looks at 'src': it compares addresses and ports in another "
					   "way than by their value"),
		  0 },
		{ "a converter", FRONT " use_backend b if { src,ipmask(24) 10.0.0.0 }\n" BACK, "W C0401 4:2\n",
		  LEFT("4: 'use_backend'", "the condition looks at 'src,ipmask(24)': packets do not tell it"), 0 },
		{ "a name of HAProxy's", FRONT " use_backend b if HTTP\n" BACK, "W C0401 4:2\n",
		  LEFT("4: 'use_backend'", "the condition 'HTTP' looks into the stream"), 0 },
		{ "an action", FRONT " tcp-request connection expect-proxy layer4\n" BACK, "W C0401 4:25\n",
		  LEFT("4: 'expect-proxy'", "the PROXY header stands inside of the stream"), 0 },
		{ "a name made of the request", FRONT " use_backend %[req.hdr(host)] if TRUE\n" BACK, "W C0401 4:14\n",
		  LEFT("4: '%[req.hdr(host)]'", "the name is made of parts of the request"), 0 },
		{ "a fourth counter", FRONT " tcp-request connection reject if { sc3_conn_rate gt 1 }\n" BACK,
		  "W C0401 4:2\n",
		  LEFT("4: 'tcp-request connection'", "the condition looks at 'sc3_conn_rate': packets do not tell it"),
		  0 },
		{ "a backend of the other kind",
		  FRONT " use_backend c if { src 10.0.0.0/8 }\n" BACK "backend c\n server s 1.1.1.1:443 ssl\n",
		  "W C0401 8:23\n", LEFT("8: 'ssl'", "packets cannot be encrypted on their way to a server"), 0 },
	};

	RUN(cases);
}

static void rules__of_named_defaults__come_first(void **state)
{
	static const struct config_case cases[] = {
		{ "inherited, with the acl of the defaults",
		  "defaults d\n acl bad src 10.0.0.0/8\n tcp-request connection reject if bad\n"
		  "frontend f from d\n bind :80\n default_backend b\nbackend b from d\n server s 1.1.1.1:80\n",
		  "", FRONT_MODEL BACK_MODEL, 0 },
		{ "not visible to the section itself",
		  "defaults d\n acl bad src 10.0.0.0/8\nfrontend f from d\n bind :80\n tcp-request connection reject "
		  "if bad\n",
		  "E C0302 5:35\n", NULL, 0 },
	};

	RUN(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acl__faults__told_at_the_word),
		cmocka_unit_test(rules__that_the_data_plane_cannot_hold__told_by_the_file),
		cmocka_unit_test(rule__that_packets_cannot_follow__leaves_frontend_with_reason),
		cmocka_unit_test(rules__of_named_defaults__come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
