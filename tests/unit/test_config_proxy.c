/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Configurations that need a proxy, or more than this version does; checks and the stats page; files, directories and
 * servers added by command.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../lib/config_case.h"
#include "base/codes.h"
#include "config/conf.h"
#include "model/script.h"

#define PLAIN "listen l\n bind :80\n server s 1.1.1.1:80\n"
#define PLAIN_FRONT "listen l#1 -> l 0.0.0.0:80\n"
#define PLAIN_BACK "backend l#1\nserver l/s#1 1.1.1.1:80 w1\n"

static void layer7__in_any_place__leaves_frontend_to_stack(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "rule of the frontend",
		  .text = PLAIN "frontend f\n bind :81\n mode http\n http-request set-header A b\n default_backend l\n",
		  .diags = "W C0401 7:2\n",
		  .model = PLAIN_FRONT
		  "frontend f#2 -> l http left[t:7: 'http-request' needs a proxy: it works on requests] "
		  "0.0.0.0:81\n" PLAIN_BACK },
		{ .name = "the same, strict",
		  .text = PLAIN "frontend f\n bind :81\n mode http\n http-request set-header A b\n default_backend l\n",
		  .diags = "E C0401 7:2\n",
		  .how = CASE_STRICT },
		{ .name = "of the backend, of defaults and of a bind",
		  .text = "defaults\n mode tcp\n balance roundrobin\nfrontend f\n bind :80\n default_backend b\n"
			  "frontend g\n bind :81 ssl crt /x\n bind unix@/x\n default_backend c\nbackend b\n"
			  " server s 1.1.1.1:80 ssl verify none\nbackend c\n server s 1.1.1.1:80\n"
			  "defaults\n option http-buffer-request\nlisten m\n mode http\n bind :82\n server s "
			  "1.1.1.1:80\n"
			  "listen n\n bind :83\n server s 1.1.1.1:80\n",
		  .diags = "W C0401 8:11\nW C0401 12:22\nW C0401 16:2\n",
		  .model = "frontend f#1 left[t:12: 'ssl' needs a proxy: packets cannot be encrypted on their way to a "
			   "server] 0.0.0.0:80\n"
			   "frontend g#2 -> c left[t:8: 'ssl' needs a proxy: TLS ends in a proxy] 0.0.0.0:81\n"
			   "frontend m#5 http left[t:16: 'option http-buffer-request' needs a proxy: it works on "
			   "requests] 0.0.0.0:82\n"
			   "listen n#6 -> n 0.0.0.0:83\n"
			   "backend c#4\nserver c/s#1 1.1.1.1:80 w1\nbackend n#6\nserver n/s#1 1.1.1.1:80 w1\n" },
		{ .name = "a choice of backends",
		  .text = "frontend f\n bind :80\n use_backend a if { path /x }\n default_backend b\nbackend a\n "
			  "server s 1.1.1.1:80\n"
			  "backend b\n server s 1.1.1.1:80\n",
		  .diags = "W C0401 3:2\n",
		  .model = "frontend f#1 -> b left[t:3: 'use_backend' needs a proxy: the condition looks at 'path': "
			   "packets do not tell it] "
			   "0.0.0.0:80\nbackend a#2\nserver a/s#1 1.1.1.1:80 w1\nbackend b#3\nserver b/s#1 1.1.1.1:80 "
			   "w1\n" },
		{ .name = "without a condition it is none",
		  .text = "frontend f\n bind :80\n use_backend a\n default_backend b\nbackend a\n server s "
			  "1.1.1.1:80\nbackend b\n server s 1.1.1.1:80\n",
		  .diags = "",
		  .model = "frontend f#1 -> a 0.0.0.0:80\nbackend a#2\nserver a/s#1 1.1.1.1:80 w1\nbackend b#3\nserver "
			   "b/s#1 1.1.1.1:80 w1\n" },
		{ .name = "rules for requests in mode tcp, which HAProxy ignores",
		  .text = "listen l\n bind :80\n http-request deny if x\n acl x path /\n cookie S insert\n balance "
			  "uri\n"
			  " server s 1.1.1.1:80\n",
		  .diags = "W C0504 3:2\n",
		  .model = PLAIN_FRONT PLAIN_BACK },
		{ .name = "a backend that nobody uses",
		  .text = PLAIN "backend b\n server s 1.1.1.1:80 send-proxy\n",
		  .diags = "W C0406 5:22\n",
		  .model = PLAIN_FRONT PLAIN_BACK },
	};

	RUN(cases);
}

static void names__unknown__told_with_place(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "backends",
		  .text = "frontend f\n bind :80\n use_backend a\n use_backend b if TRUE\n use_backend c when x\n "
			  "use_backend d if\n"
			  " default_backend ll\n" PLAIN,
		  .diags = "E C0302 3:14\nE C0302 4:14\nE C0302 5:14\nE C0205 5:16\nE C0302 6:14\nE C0105 "
			   "6:18\nE C0302 7:18\nE C0303 9:7\n" },
	};

	RUN(cases);
}

static void not_available__carrying_traffic__is_error_else_not(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "balancing",
		  .text = "listen l\n bind :80\n balance leastconn\n server s 1.1.1.1:80\nlisten m\n bind :81\n "
			  "balance random(2)\n"
			  " server s 1.1.1.1:80\nlisten n\n bind :82\n balance foo\n balance roundrobin x\n server s "
			  "1.1.1.1:80\n",
		  .diags = "E C0402 3:10\nE C0402 7:10\nE C0205 11:10\nE C0106 12:21\n",
		  .how = CASE_BARE },
		{ .name = "sessions, limits and sources",
		  .text = "listen l\n bind :80\n stick-table type ip size 1k\n stick on src\n rate-limit sessions 5\n"
			  " source 0.0.0.0 usesrc clientip\n option transparent\n "
			  "server s 1.1.1.1:80 track b/s\n"
			  " server-template x 0 1.1.1.1:80\n dispatch 1.1.1.1:80\n",
		  .how = CASE_BARE,
		  .diags = "E C0402 4:2\nE C0402 5:2\nE C0402 6:17\nE C0402 7:2\nE C0302 8:28\nE C0201 "
			   "9:20\nE C0402 10:2\n" },
		{ .name = "rules",
		  .how = CASE_BARE,
		  .text = "listen l\n bind :80\n tcp-request connection reject if { src 10.0.0.0/8 }\n server s "
			  "1.1.1.1:80\n",
		  .diags = "E C0402 3:2\n" },
		{ .name = "in a section of which no part is ours",
		  .how = CASE_BARE,
		  .text = PLAIN "frontend f\n bind :81\n mode http\n http-request deny\n default_backend b\nbackend "
				"b\n balance leastconn\n"
				" stick-table type ip size 1k\n server s [::1]:80 track x\n server t 1.1.1.1:80\n",
		  .diags = "W C0401 7:2\n",
		  .model = "table b ip size=1024 expire=0 store=0\n" PLAIN_FRONT
			   "frontend f#2 -> b http left[t:7: 'http-request' needs a proxy: it works on requests] "
			   "0.0.0.0:81\n" PLAIN_BACK "backend b#3\nserver b/t#1 1.1.1.1:80 w1\n" },
		{ .name = "in a section that a frontend of ours uses as well",
		  .how = CASE_BARE,
		  .text = "frontend e\n bind :80\n default_backend b\nfrontend f\n bind :81\n mode http\n"
			  " http-request deny\n default_backend b\nbackend b\n balance leastconn\n server s "
			  "1.1.1.1:80\n",
		  .diags = "W C0401 7:2\nE C0402 10:10\n" },
	};

	RUN(cases);
}

static void modes__of_frontend_and_backend__differ__warned(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "http to tcp",
		  .text = "frontend f\n bind :80\n mode http\n default_backend b\nbackend b\n server s 1.1.1.1:80\n",
		  .diags = "W C0307 1:10\nW C0404 3:7\n",
		  .model = "frontend f#1 -> b http 0.0.0.0:80\nbackend b#2\nserver b/s#1 1.1.1.1:80 w1\n" },
		{ .name = "one warning for one line of defaults",
		  .text = "defaults\n mode http\nlisten a\n bind :80\n server s 1.1.1.1:80\nlisten b\n bind :81\n "
			  "server s 1.1.1.1:80\n",
		  .diags = "W C0404 2:7\n",
		  .model = "listen a#1 -> a http 0.0.0.0:80\nlisten b#2 -> b http 0.0.0.0:81\nbackend a#1 http\nserver "
			   "a/s#1 1.1.1.1:80 w1\n"
			   "backend b#2 http\nserver b/s#1 1.1.1.1:80 w1\n" },
	};

	RUN(cases);
}

static void stats__page_and_metrics__served_or_left(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "the usual section",
		  .text = "listen stats\n bind :1936\n mode http\n stats enable\n stats uri /\n stats realm Haproxy\\ "
			  "Statistics\n"
			  " stats auth admin:secret\n stats refresh 10\n stats hide-version\n stats admin if TRUE\n",
		  .diags = "",
		  .model = "listen stats#1 http stats=/,Haproxy Statistics,admin:secret,10,0 0.0.0.0:1936\nbackend "
			   "stats#1 http\n" },
		{ .name = "metrics, and a page by default",
		  .text = "frontend p\n bind :8405\n mode http\n http-request use-service prometheus-exporter if { "
			  "path /metrics }\n no log\n"
			  "frontend s\n bind :8404\n mode http\n stats refresh 90s\n",
		  .diags = "",
		  .model = "frontend p#1 http stats=-,-,-,0,1 0.0.0.0:8405\nfrontend s#2 http "
			   "stats=/haproxy?stats,-,-,90,0 0.0.0.0:8404\n" },
		{ .name = "mixed with traffic",
		  .text = "listen a\n bind :80\n mode http\n stats uri /x\n server s 1.1.1.1:80\n"
			  "listen b\n bind :81\n stats uri /x\n server s 1.1.1.1:80\nlisten c\n bind :82\n stats "
			  "enable\n",
		  .diags = "W C0401 4:8\nW C0505 8:8\nW C0505 12:8\n",
		  .model = "frontend a#1 http left[t:4: 'stats' needs a proxy: the page shares its address with other "
			   "traffic] 0.0.0.0:80\n"
			   "listen b#2 -> b 0.0.0.0:81\nlisten c#3 stats=/haproxy?stats,-,-,0,0 0.0.0.0:82\n"
			   "backend b#2\nserver b/s#1 1.1.1.1:80 w1\nbackend c#3\n" },
		{ .name = "faults",
		  .text = "listen a\n bind :80\n mode http\n stats uri x\n stats auth nobody\n stats refresh soon\n "
			  "stats auth a:b\n stats auth c:d\n",
		  .diags = "E C0205 4:12\nE C0205 5:13\nE C0202 6:16\nW C0403 8:2\n",
		  .how = CASE_BARE },
	};

	RUN(cases);
}

static void checks__kinds__reach_the_servers(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "HTTP",
		  .text = "backend a\n option httpchk\n server s 1.1.1.1:80 check\n server t 1.1.1.1:81\n balance "
			  "roundrobin\n"
			  "backend b\n option httpchk /h\n server s 1.1.1.1:80 check\n"
			  "backend c\n option httpchk HEAD /h HTTP/1.1\\r\\nHost:\\ www\n timeout check 3s\n timeout "
			  "connect 1s\n server s 1.1.1.1:80 check\n"
			  "backend d\n option httpchk\n http-check send meth GET uri /x ver HTTP/1.1 hdr Host "
			  "w.example\n server s 1.1.1.1:80 check\n"
			  "backend e\n option httpchk GET /own\n server s 1.1.1.1:80/path check\n"
			  "backend f\n option httpchk\n server s 1.1.1.1:80/path check\n",
		  .diags = "N C0502 20:21\nN C0502 23:21\n",
		  .model = "backend a#1\nserver a/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3\nserver a/t#2 1.1.1.1:81 "
			   "w1\n"
			   "backend b#2\nserver b/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 - /h - -\n"
			   "backend c#3 t=1000/0/0/0/0/0/3000\nserver c/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 HEAD "
			   "/h HTTP/1.1 Host: www;\n"
			   "backend d#4\nserver d/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 GET /x HTTP/1.1 Host: "
			   "w.example;\n"
			   "backend e#5\nserver e/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 GET /own - -\n"
			   "backend f#6\nserver f/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 GET /path - -\n" },
		{ .name = "TCP, and a path that nobody asks for",
		  .text = "defaults\n option httpchk GET /\nbackend a\n option tcp-check\n tcp-check connect\n server "
			  "s 1.1.1.1:80/x check\n"
			  "backend b\n no option tcp-check\n server s 1.1.1.1:80/x\n",
		  .diags = "N C0502 6:21\nN C0502 9:21\n",
		  .model = "backend a#1\nserver a/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 [connect@1]\nbackend "
			   "b#2\nserver b/s#1 1.1.1.1:80 w1\n" },
		{ .name = "what would check less than the file says",
		  .text = "backend a\n option httpchk GET /\\ x\n option httpchk GET / FTP\n http-check send foo x\n"
			  " http-check send hdr Host\n http-check send uri-lf x\n option spop-check\n"
			  " http-check send-state\n tcp-check send-lf x\n server s 1.1.1.1:80 check "
			  "check-via-socks4\n",
		  .diags = "E C0205 2:21\nE C0205 3:23\nE C0205 4:18\nE C0105 5:26\n"
			   "E C0402 6:18\nE C0402 7:2\nE C0402 9:2\nE C0402 10:28\n" },
	};

	RUN(cases);
}

static void time__units_and_bounds__as_in_haproxy(void **state)
{
	static const struct {
		const char *text;
		int rc;
		unsigned int ms;
	} cases[] = {
		{ "0", 0, 0 },
		{ "15", 0, 15 },
		{ "2s", 0, 2000 },
		{ "3m", 0, 180000 },
		{ "1h", 0, 3600000 },
		{ "24d", 0, 2073600000 },
		{ "1500us", 0, 2 },
		{ "2147483647", 0, 2147483647 },
		{ "2147483648", -ERANGE, 0 },
		{ "25d", -ERANGE, 0 },
		{ "1us", 0, 1 },
		{ "99999999999999999999999s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "1sec", -EINVAL, 0 },
	};
	unsigned int ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ms = 77;
		assert_int_equal(conf_parse_time(cases[i].text, 1, &ms), cases[i].rc);
		assert_int_equal(ms, cases[i].rc ? 77 : cases[i].ms);
	}
	assert_int_equal(conf_parse_time("7", 1000, &ms), 0);
	assert_int_equal(ms, 7000);
}

static void write_file(const char *dir, const char *name, const char *text, size_t len)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static void write_text(const char *dir, const char *name, const char *text)
{
	write_file(dir, name, text, strlen(text));
}

/* Loads 'paths' and returns the code of the first error, "" for none. */
static const char *first_error(const char *const *paths, size_t nr, char code[8])
{
	struct diag_list diags;
	struct model *m = NULL;
	const struct diag *d;

	diag_init(&diags);
	*code = '\0';
	conf_load(paths, nr, NULL, &diags, &m);
	TAILQ_FOREACH(d, &diags.head, next) {
		if (d->level == DIAG_ERROR && !*code)
			memcpy(code, d->code, 8);
	}
	assert_int_equal(!m, *code != '\0');
	model_free(m);
	diag_fini(&diags);
	return code;
}

static void files__bad_ones__told_apart(void **state)
{
	char dir[] = "/tmp/xlb-test-config.XXXXXX", path[PATH_MAX], code[8], cmd[PATH_MAX + 16];
	const char *const paths[] = { path };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s", dir);
	assert_string_equal(first_error(paths, 1, code), code_name(CODE_FILE_EMPTY));
	write_text(dir, "empty", "");
	write_file(dir, "binary", "listen l\0\n", 10);
	write_text(dir, "b.cfg", "\n");
	write_text(dir, "c.cfg", "listen l\n bind :80\n server s 1.1.1.1:80\n");
	write_text(dir, "a.cfg", "defaults\n timeout client 3s\n");
	write_text(dir, ".hidden.cfg", "bogus\n");
	write_text(dir, "other.conf", "bogus\n");
	assert_string_equal(first_error(paths, 1, code), "");
	snprintf(path, sizeof(path), "%s/empty", dir);
	assert_string_equal(first_error(paths, 1, code), code_name(CODE_FILE_EMPTY));
	snprintf(path, sizeof(path), "%s/binary", dir);
	assert_string_equal(first_error(paths, 1, code), code_name(CODE_FILE_BINARY));
	snprintf(path, sizeof(path), "%s/none", dir);
	assert_string_equal(first_error(paths, 1, code), code_name(CODE_FILE_OPEN));
	assert_string_equal(first_error(NULL, 0, code), code_name(CODE_FILE_EMPTY));
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void files__several__one_configuration(void **state)
{
	char dir[] = "/tmp/xlb-test-config.XXXXXX", first[PATH_MAX], cmd[PATH_MAX + 16];
	const char *const paths[] = { first, dir };
	struct diag_list diags;
	struct model *m = NULL;
	char *text;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(first, sizeof(first), "%s/first", dir);
	write_text(dir, "first", "defaults\n timeout client 3s\nfrontend f\n bind :80\n default_backend b\n");
	write_text(dir, "2.cfg", "backend b\n server s 1.1.1.1:80\n");
	write_text(dir, "10.cfg", "backend a\n server s 1.1.1.1:80\n");
	diag_init(&diags);
	assert_int_equal(conf_load(paths, 2, NULL, &diags, &m), 0);
	text = config_model_text(m);
	assert_string_equal(text, "frontend f#1 -> b t=0/3000/0/0/0/0/0 0.0.0.0:80\n"
				  "backend a#2 t=0/3000/0/0/0/0/0\nserver a/s#1 1.1.1.1:80 w1\n"
				  "backend b#3 t=0/3000/0/0/0/0/0\nserver b/s#1 1.1.1.1:80 w1\n");
	free(text);
	model_free(m);
	diag_fini(&diags);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void add_server__words_of_a_command__same_rules_as_a_line(void **state)
{
	static const char text[] = "backend b\n timeout check 3s\n option httpchk GET /h\n server s 1.1.1.1:80 check\n";
	static const char *const good[] = { "10.0.0.9:81", "weight", "5", "check", "inter", "1s" };
	static const struct {
		const char *name;
		const char *words[4];
		size_t nr;
		int rc;
		const char *code;
	} bad[] = {
		{ "s", { "1.1.1.1:80" }, 1, -EEXIST, "C0301" },
		{ "x", { NULL }, 0, -EINVAL, "C0105" },
		{ "x", { "1.1.1.1:80", "weight" }, 2, -EINVAL, "C0105" },
		{ "x", { "1.1.1.1:80", "wieght", "3" }, 3, -EINVAL, "C0102" },
		{ "x", { "1.1.1.1:80", "ssl" }, 2, -EINVAL, "C0402" },
		{ "x y", { "1.1.1.1:80" }, 1, -EINVAL, "C0206" },
		{ "x", { "1.1.1.1", "check" }, 2, -EINVAL, "C0304" },
		{ "x", { "1.1.1.1:80", "id", "1" }, 3, -EINVAL, "C0301" },
	};
	struct diag_list diags;
	struct model *m = NULL;
	struct server *s = NULL;
	struct backend *b;
	size_t i;

	(void)state;
	diag_init(&diags);
	assert_int_equal(conf_load_text("t", text, sizeof(text) - 1, NULL, &diags, &m), 0);
	b = TAILQ_FIRST(&m->backends);
	assert_int_equal(conf_add_server(b, "new", good, 6, &diags, &s), 0);
	assert_string_equal(s->name, "new");
	assert_int_equal(s->port * 100 + s->weight, 8105);
	assert_int_equal(s->check.type, CHECK_HTTP);
	assert_string_equal(s->check.script->rules[0].request.uri, "/h");
	assert_int_equal(s->check.inter, 1000);
	assert_int_equal(s->check.timeout_check, 3000);
	assert_int_equal(diags.nr[DIAG_ERROR], 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		diag_fini(&diags);
		assert_int_equal(conf_add_server(b, bad[i].name, bad[i].words, bad[i].nr, &diags, &s), bad[i].rc);
		assert_int_equal(diags.nr[DIAG_ERROR], 1);
		assert_string_equal(TAILQ_FIRST(&diags.head)->code, bad[i].code);
	}
	assert_int_equal(b->nr_servers, 2);
	model_free(m);
	diag_fini(&diags);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(layer7__in_any_place__leaves_frontend_to_stack),
		cmocka_unit_test(names__unknown__told_with_place),
		cmocka_unit_test(not_available__carrying_traffic__is_error_else_not),
		cmocka_unit_test(modes__of_frontend_and_backend__differ__warned),
		cmocka_unit_test(stats__page_and_metrics__served_or_left),
		cmocka_unit_test(checks__kinds__reach_the_servers),
		cmocka_unit_test(time__units_and_bounds__as_in_haproxy),
		cmocka_unit_test(files__bad_ones__told_apart),
		cmocka_unit_test(files__several__one_configuration),
		cmocka_unit_test(add_server__words_of_a_command__same_rules_as_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
