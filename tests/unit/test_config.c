/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configuration texts and what becomes of them: words, sections, keywords and their faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../lib/config_case.h"
#include "config/conf.h"

/* The block of the document that xlb was asked from, byte for byte. */
#define DOCUMENT                                                                                                       \
	"#---------------------------------------------------------------------\n"                                     \
	"# clickCount - Homework\n"                                                                                    \
	"#---------------------------------------------------------------------\n"                                     \
	"\n"                                                                                                           \
	"frontend haproxywebappclickcount\n"                                                                           \
	"    bind *:8080\n"                                                                                            \
	"    mode http\n"                                                                                              \
	"    default_backend backendwebappclickcount\n"                                                                \
	"\n"                                                                                                           \
	"backend backendwebappclickcount\n"                                                                            \
	"    balance roundrobin\n"                                                                                     \
	"    server node1 10.211.55.5:30808/clickCount check\n"                                                        \
	"    server node2 10.211.55.6:30808/clickCount check\n"

/* Debian's file as the package installs it. */
#define DEBIAN                                                                                                         \
	"global\n\tlog /dev/log\tlocal0\n\tlog /dev/log\tlocal1 notice\n\tchroot /var/lib/haproxy\n"                   \
	"\tstats socket /run/haproxy/admin.sock mode 660 level admin\n\tstats timeout 30s\n\tuser haproxy\n"           \
	"\tgroup haproxy\n\tdaemon\n\n\t# Default SSL material locations\n\tca-base /etc/ssl/certs\n"                  \
	"\tcrt-base /etc/ssl/private\n\n        ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA\n"      \
	"        ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256\n"                                               \
	"        ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets\n\n"                                      \
	"defaults\n\tlog\tglobal\n\tmode\thttp\n\toption\thttplog\n\toption\tdontlognull\n"                            \
	"        timeout connect 5000\n        timeout client  50000\n        timeout server  50000\n"                 \
	"\terrorfile 400 /etc/haproxy/errors/400.http\n\terrorfile 504 /etc/haproxy/errors/504.http\n"

/* CentOS 7's. */
#define CENTOS                                                                                                         \
	"global\n    log         127.0.0.1 local2\n\n    chroot      /var/lib/haproxy\n"                               \
	"    pidfile     /var/run/haproxy.pid\n    maxconn     4000\n    user        haproxy\n"                        \
	"    group       haproxy\n    daemon\n\n    stats socket /var/lib/haproxy/stats\n\n"                           \
	"defaults\n    mode                    http\n    log                     global\n"                             \
	"    option                  httplog\n    option                  dontlognull\n"                               \
	"    option http-server-close\n    option forwardfor       except 127.0.0.0/8\n"                               \
	"    option                  redispatch\n    retries                 3\n"                                      \
	"    timeout http-request    10s\n    timeout queue           1m\n    timeout connect         10s\n"           \
	"    timeout client          1m\n    timeout server          1m\n    timeout http-keep-alive 10s\n"            \
	"    timeout check           10s\n    maxconn                 3000\n"

static void document__on_stock_sections__loads_with_warning_and_note(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "Debian",
		  .text = DEBIAN DOCUMENT,
		  .diags = "W C0404 35:10\nN C0502 40:35\nN C0502 41:35\n",
		  .model = "socket /run/haproxy/admin.sock mode=660 level=2 user=-\n"
			   "log /dev/log 16 7\nlog /dev/log 17 5\nstats timeout 30000\n"
			   "frontend haproxywebappclickcount#1 -> backendwebappclickcount http "
			   "t=5000/50000/50000/0/0/0/0"
			   " 0.0.0.0:8080\n"
			   "backend backendwebappclickcount#2 http t=5000/50000/50000/0/0/0/0\n"
			   "server backendwebappclickcount/node1#1 10.211.55.5:30808 w1 check=http/2000/0/0/2/3"
			   " GET /clickCount - -\n"
			   "server backendwebappclickcount/node2#2 10.211.55.6:30808 w1 check=http/2000/0/0/2/3"
			   " GET /clickCount - -\n" },
		{ .name = "CentOS 7",
		  .text = CENTOS DOCUMENT,
		  .diags = "W C0405 19:12\nW C0404 36:10\nN C0502 41:35\nN C0502 42:35\n",
		  .model = "socket /var/lib/haproxy/stats mode=0 level=1 user=-\nlog 127.0.0.1:514 18 7\nmaxconn 4000\n"
			   "frontend haproxywebappclickcount#1 -> backendwebappclickcount http maxconn=3000"
			   " t=10000/60000/60000/0/0/0/10000 0.0.0.0:8080\n"
			   "backend backendwebappclickcount#2 http redispatch=3 t=10000/60000/60000/0/0/0/10000\n"
			   "server backendwebappclickcount/node1#1 10.211.55.5:30808 w1 check=http/2000/0/0/2/3"
			   " GET /clickCount - -\n"
			   "server backendwebappclickcount/node2#2 10.211.55.6:30808 w1 check=http/2000/0/0/2/3"
			   " GET /clickCount - -\n" },
	};

	RUN(cases);
}

static void ignored_words__of_one_file__one_note(void **state)
{
	static const char text[] = "global\n daemon\n tune.bufsize 16384\nlisten l\n bind :80\n  log global\n log "
				   "global\n server s 1.1.1.1:80\n";
	struct diag_list diags;
	struct model *m = NULL;

	(void)state;
	diag_init(&diags);
	assert_int_equal(conf_load_text("t", text, sizeof(text) - 1, NULL, &diags, &m), 0);
	assert_int_equal(diags.nr[DIAG_NOTE], 1);
	assert_string_equal(TAILQ_FIRST(&diags.head)->text,
			    "without meaning for packets, ignored (line): daemon (2), tune.bufsize (3), log (6-7)");
	model_free(m);
	diag_fini(&diags);
}

#define LISTEN "listen l\n bind :80\n server s 1.1.1.1:80\n"
#define LISTEN_MODEL "listen l#1 -> l 0.0.0.0:80\nbackend l#1\nserver l/s#1 1.1.1.1:80 w1\n"

static void words__quotes_escapes_and_variables__as_in_haproxy(void **state)
{
	static const struct config_case cases[] = {
		{ "quotes join", "'lis'\"ten\" 'l'\n bind \":8\"0\n server s 1.1.1.1':80' # comment\n", "",
		  LISTEN_MODEL, 0 },
		{ "escapes", "listen \\x6c#comment\n bi\\x6ed :80\r\n server s 1.1.1.1:80", "", LISTEN_MODEL, 0 },
		{ "description keeps its spaces", "global\n description a\\ b 'c # d' \"\\\"e\\\"\"\n" LISTEN, "",
		  "node -/a b c # d \"e\"\n" LISTEN_MODEL, 0 },
		{ "variables",
		  "global\n setenv P 80\n presetenv P 81\nlisten l\n bind \":$P\"\n server s \"${H-1.1.1.1}:${P}\"\n",
		  "", LISTEN_MODEL, 0 },
		{ "no variable without double quotes",
		  "global\n setenv P 80\nlisten l\n bind :$P\n bind ':$P'\n" LISTEN,
		  "E C0204 4:7\nE C0204 5:7\nE C0301 6:8\n", NULL, 0 },
		{ "unset variable",
		  "global\n setenv P 80\n unsetenv P\nlisten l\n bind \":${P-81}\"\n server s 1.1.1.1:80\n", "",
		  "listen l#1 -> l 0.0.0.0:81\nbackend l#1\nserver l/s#1 1.1.1.1:80 w1\n", 0 },
		{ "expansion into words",
		  "global\n setenv W \"weight 7 backup\"\nlisten l\n bind :80\n server s 1.1.1.1:80 \"${W[*]}\"\n", "",
		  "listen l#1 -> l 0.0.0.0:80\nbackend l#1\nserver l/s#1 1.1.1.1:80 w7 backup\n", 0 },
		{ "byte order mark", "\xef\xbb\xbf" LISTEN, "", LISTEN_MODEL, 0 },
		{ "broken words",
		  "listen l\n bind \":80\n bind ':81\n bind \\x4\n bind \"${P\"\n bind \"$ \"\n bind :8\\x000\n",
		  "E C0101 2:7\nE C0101 3:7\nE C0101 4:7\nE C0101 5:8\nE C0101 6:8\nE C0101 7:9\n", NULL, 0 },
	};

	RUN(cases);
}

static void conditions__nested__only_taken_branch_counts(void **state)
{
	static const struct config_case cases[] = {
		{ "defined",
		  "global\n setenv A 1\n.if defined(A)\n.if defined(B)\nbogus line\n.else\n maxconn 7\n.endif\n.elif "
		  "1\nbogus\n.else\n"
		  "bogus\n.endif\n" LISTEN,
		  "", "maxconn 7\n" LISTEN_MODEL, 0 },
		{ "terms",
		  "global\n setenv A x\n.if streq(\"$A\",x) && !strneq(\"$A\",x)\n maxconn 7\n.endif\n.if 0 || "
		  "feature(51DEGREES) || 0\n"
		  "bogus\n.endif\n.if\nbogus\n.endif\n" LISTEN,
		  "", "maxconn 7\n" LISTEN_MODEL, 0 },
		{ "messages", ".notice \"a b\"\n.warning w\n.diag d\n.if 0\n.alert no\n.endif\n" LISTEN,
		  "N C0110 1:1\nW C0110 2:1\n", LISTEN_MODEL, 0 },
		{ "alert", LISTEN ".alert stop\n", "E C0110 4:1\n", NULL, 0 },
		{ "misplaced", ".endif\n.else\n.elif 1\n.if foo(x)\n.endif\n.iff\n" LISTEN ".if 1\n",
		  "E C0108 1:1\nE C0108 2:1\nE C0108 3:1\nE C0108 4:5\nE C0108 6:1\nE C0108 10:1\n", NULL, 0 },
		{ "two else", ".if 0\n.else\n.else\n.endif\n" LISTEN, "E C0108 3:1\n", NULL, 0 },
		{ "unreadable in a branch that does not count", ".if 0\n bind \"\n.endif\n" LISTEN, "", LISTEN_MODEL,
		  0 },
	};

	RUN(cases);
}

static void sections__inheritance__as_in_haproxy(void **state)
{
	static const struct config_case cases[] = {
		{ "latest defaults",
		  "defaults\n timeout client 1s\ndefaults\n timeout server 2s\nlisten l\n bind :80\n server s "
		  "1.1.1.1:80\n",
		  "",
		  "listen l#1 -> l t=0/0/2000/0/0/0/0 0.0.0.0:80\nbackend l#1 t=0/0/2000/0/0/0/0\nserver l/s#1 "
		  "1.1.1.1:80 w1\n",
		  0 },
		{ "named defaults",
		  "defaults a\n timeout client 1s\ndefaults b from a\n timeout server 2s\nlisten l from b\n bind :80\n "
		  "server s 1.1.1.1:80\n"
		  "listen m from a\n bind :81\n server s 1.1.1.1:80\n",
		  "",
		  "listen l#1 -> l t=0/1000/2000/0/0/0/0 0.0.0.0:80\nlisten m#2 -> m t=0/1000/0/0/0/0/0 0.0.0.0:81\n"
		  "backend l#1 t=0/1000/2000/0/0/0/0\nserver l/s#1 1.1.1.1:80 w1\n"
		  "backend m#2 t=0/1000/0/0/0/0/0\nserver m/s#1 1.1.1.1:80 w1\n",
		  0 },
		{ "default-server",
		  "defaults\n default-server inter 3s fall 5 check\nlisten l\n bind :80\n default-server weight 9\n "
		  "server a 1.1.1.1:80\n"
		  " default-server no-check backup\n server b 1.1.1.2:80\nlisten m\n bind :81\n server s 1.1.1.1:80 "
		  "no-check\n",
		  "N C0503 3:8\n",
		  "listen l#1 -> l 0.0.0.0:80\nlisten m#2 -> m 0.0.0.0:81\nbackend l#1\nserver l/a#1 1.1.1.1:80 w9 "
		  "check=tcp/3000/0/0/2/5\n"
		  "server l/b#2 1.1.1.2:80 w9 backup\nbackend m#2\nserver m/s#1 1.1.1.1:80 w1\n",
		  0 },
		{ "names", "defaults a\ndefaults a\nlisten l from a\nlisten m from zz\nlisten n from\n",
		  "E C0301 3:15\nE C0302 4:15\nE C0106 5:10\n", NULL, 0 },
		{ "duplicates",
		  "listen l\nfrontend l\nbackend l\nbackend b\nfrontend b\nbackend b\nbackend \"\"\nlisten a+b\n",
		  "E C0301 2:10\nE C0301 3:9\nE C0301 6:9\nE C0206 7:9\nE C0206 8:8\n", NULL, 0 },
		{ "no section", " bind :80\n maxconn 3\n" LISTEN, "E C0103 1:2\n", NULL, 0 },
		{ "misspelt section", "fronted f\n bind :80\n" LISTEN, "E C0103 1:1\n", NULL, 0 },
		{ "sections of others",
		  "userlist u\n user x password y\npeers p\n peer a 1.1.1.1:10\n#@xlb nonsense\n" LISTEN,
		  "N C0501 1:1\nN C0501 3:1\n", LISTEN_MODEL, 0 },
		{ "only comments", "# nothing\n\n", "E C0002 0:0\n", NULL, 0 },
		{ "only blanks", " \t\r\n", "E C0002 0:0\n", NULL, 0 },
	};

	RUN(cases);
}

static void keywords__wrong_or_misplaced__all_told_at_once(void **state)
{
	static const struct config_case cases[] = {
		{ "unknown",
		  "global\n foo\nlisten l\n blance x\n option bar\n timeout\n timeout baz 1\n no\n stats x\n",
		  "E C0102 2:2\nE C0102 4:2\nE C0102 5:9\nE C0105 6:9\nE C0102 7:10\nE C0105 8:4\nE C0102 9:8\n", NULL,
		  0 },
		{ "arguments",
		  "global\n daemon x\n user\nlisten l\n bind\n server s\n mode\n mode tcp x\n default_backend\n",
		  "E C0106 2:9\nE C0105 3:6\nE C0105 5:6\nE C0105 6:10\nE C0105 7:6\nE C0106 8:11\nE C0105 9:17\n",
		  NULL, 0 },
		{ "prefixes",
		  "listen l\n bind :80\n no mode http\n default server s\n no option dontlognull\n no log\n no option "
		  "allbackups\n"
		  " server s 1.1.1.1:80\n",
		  "E C0107 3:2\nE C0107 4:2\n", NULL, 0 },
		{ "wrong half of a proxy warns",
		  "frontend f\n bind :80\n balance roundrobin\n default_backend b\nbackend b\n bind :81\n timeout "
		  "client 1\n server s 1.1.1.1:80\n",
		  "W C0504 3:2\nW C0504 6:2\nW C0504 7:2\n",
		  "frontend f#1 -> b 0.0.0.0:80\nbackend b#2\nserver b/s#1 1.1.1.1:80 w1\n", 0 },
		{ "wrong section",
		  "defaults\n bind :80\n server s 1.1.1.1:80\nglobal\n bind :80\nfrontend f\n server s 1.1.1.1:80\n "
		  "chroot /x\n",
		  "E C0104 2:2\nE C0104 3:2\nE C0104 5:2\nE C0104 7:2\nE C0104 8:2\n", NULL, 0 },
		{ "values",
		  "global\n maxconn x\n maxconn -1\n maxconn 99999999999999999999\n spread-checks 51\n stats timeout "
		  "1x\n log 1.1.1.1 local9\n"
		  " log /dev/log local0 loud\n stats socket x\n stats socket 1.1.1.1:70000\n stats socket /s mode 888 "
		  "level root colour red\n",
		  "E C0201 2:10\nE C0201 3:10\nE C0201 4:10\nE C0201 5:16\nE C0202 6:16\nE C0205 7:14\nE C0205 8:22\nE "
		  "C0203 9:15\n"
		  "E C0204 10:15\nE C0201 11:23\nE C0205 11:33\nE C0102 11:38\n",
		  NULL, 0 },
	};

	RUN(cases);
}

static void global__keywords__reach_the_model(void **state)
{
	static const struct config_case cases[] = {
		{ "all",
		  "global\n log 10.0.0.1:5140 len 1024 format rfc5424 daemon err\n log stdout local0\n node lb1\n "
		  "description the lab\n"
		  " stats socket ipv4@127.0.0.1:9999 level user user root\n stats timeout 2m\n spread-checks 5\n"
		  " #@xlb attach eth0 native\n#@xlb attach eth1\n\t#@xlb flows 1048576\n" LISTEN,
		  "N C0501 3:6\n",
		  "attach eth0 1\nattach eth1 0\nsocket 127.0.0.1:9999 mode=0 level=0 user=root\nlog 10.0.0.1:5140 3 "
		  "3\nflows 1048576\n"
		  "stats timeout 120000\nspread 5\nnode lb1/the lab\n" LISTEN_MODEL,
		  0 },
		{ "pragmas in error",
		  "#@xlb flows 1024\nglobal\n#@xlb\n#@xlb atach eth0\n#@xlb attach\n#@xlb attach eth0 fast\n#@xlb "
		  "attach abcdefghijklmnop\n"
		  "#@xlb flows 0\n#@xlb flows 99999999999\n#@xlb attach e\n#@xlb attach e\n#@xlb forward "
		  "fullnat\n#@xlbflows\n"
		  "listen l\n#@xlb attach eth0\n#@xlb forward dnat\n#@xlb forward nat\n#@xlb bind sctp :80\n#@xlb bind "
		  "udp\n server s 1.1.1.1:80\n",
		  "E C0103 1:1\nE C0109 3:1\nE C0109 4:7\nE C0105 5:13\nE C0205 6:19\nE C0206 7:14\nE C0201 8:13\nE "
		  "C0201 9:13\nE C0301 11:14\n"
		  "E C0104 12:7\nE C0104 15:7\nE C0402 16:15\nE C0205 17:15\nE C0109 18:12\nE C0105 19:15\n",
		  NULL, CASE_BARE },
		{ "pragma behind words is a comment", "listen l\n bind :80 #@xlb bind udp :53\n server s 1.1.1.1:80\n",
		  "W C0109 2:11\n", LISTEN_MODEL, 0 },
	};

	RUN(cases);
}

static void binds__forms_and_faults__as_in_haproxy(void **state)
{
	static const struct config_case cases[] = {
		{ "forms",
		  "listen l\n bind :80\n bind *:81 name web\n bind 10.0.0.1:82,10.0.0.2:83-90 interface eth0\n bind "
		  "ipv4@1.2.3.4:1 defer-accept\n"
		  " #@xlb bind udp 10.0.0.1:53,:82\n server s 1.1.1.1\n",
		  "",
		  "listen l#1 -> l 0.0.0.0:80 0.0.0.0:81(web) 10.0.0.1:82@eth0 10.0.0.2:83-90@eth0 1.2.3.4:1 "
		  "udp:10.0.0.1:53 udp:0.0.0.0:82\n"
		  "backend l#1\nserver l/s#1 1.1.1.1:0 w1\n",
		  0 },
		{ "faults",
		  "listen l\n bind 1.2.3.4\n bind :0\n bind :80-70\n bind :65536\n bind :8x\n bind 1.2.3:80\n bind "
		  "host:80\n bind [::]:80\n bind :::80\n"
		  " bind :80,\n bind :81 interface\n bind :82 nmae x\n bind :83 interface averyveryverylong\n bind "
		  ":84-0\n server s 1.1.1.1:80\n",
		  "E C0204 2:7\nE C0204 3:7\nE C0204 4:7\nE C0204 5:7\nE C0204 6:7\nE C0203 7:7\nE C0203 8:7\nE C0402 "
		  "9:7\nE C0402 10:7\n"
		  "E C0204 11:7\nE C0105 12:20\nE C0102 13:11\nE C0206 14:21\nE C0204 15:7\n",
		  NULL, CASE_BARE },
		{ "twice",
		  "listen l\n bind :80\n server s 1.1.1.1:80\nlisten m\n bind 1.1.1.1:80\n bind *:70-90\n server s "
		  "1.1.1.1:80\n",
		  "E C0303 6:7\n", NULL, 0 },
		{ "twice, but no conflict",
		  "listen l\n bind :80\n#@xlb bind udp :80\n server s 1.1.1.1:80\nlisten m\n disabled\n bind :80\n "
		  "server s 1.1.1.1:80\n",
		  "",
		  "listen l#1 -> l 0.0.0.0:80 udp:0.0.0.0:80\nlisten m#2 -> m disabled 0.0.0.0:80\nbackend l#1\nserver "
		  "l/s#1 1.1.1.1:80 w1\n"
		  "backend m#2\nserver m/s#1 1.1.1.1:80 w1 disabled\n",
		  0 },
		{ "none", "frontend f\n", "W C0306 1:10\nW C0305 1:10\n", "frontend f#1\n", 0 },
	};

	RUN(cases);
}

static void servers__parameters_and_faults__as_in_haproxy(void **state)
{
	static const struct config_case cases[] = {
		{ "parameters",
		  "listen l\n bind :80\n balance static-rr\n option allbackups\n source 10.0.0.9:2000-2999\n"
		  " server a 1.1.1.1:80 weight 0 backup disabled id 7 source 10.0.0.8\n"
		  " server b 1.1.1.2:80 check inter 1s fastinter 100 downinter 1m rise 3 fall 4 port 81 addr 9.9.9.9\n"
		  " server c 1.1.1.3:80 weight 256 source 0.0.0.0:3000-3001\n",
		  "",
		  "listen l#1 -> l 0.0.0.0:80\nbackend l#1 allbackups static-rr source=10.0.0.9 ports=2000-2999\n"
		  "server l/a#7 1.1.1.1:80 w0 backup disabled source=10.0.0.8\n"
		  "server l/b#2 1.1.1.2:80 w1 check=tcp/1000/100/60000/3/4 checkport=81\n"
		  "server l/c#3 1.1.1.3:80 w256 ports=3000-3001\n",
		  0 },
		{ "faults",
		  "backend b\n balance roundrobin\n server a 1.1.1.1:80 weight 257\n server b+ 1.1.1.1:80\n server c "
		  "1.1.1.1:99999\n server d 1.1.1.1:80-90\n"
		  " server e 1.1.1.1\n server f 1.1.1.1:+1\n server g nohost:80\n server h 1.1.1.1:80 inter 0 check\n "
		  "server i 1.1.1.1:80 rise 0\n"
		  " server j 1.1.1.1:80 chekc\n server k 1.1.1.1:80 port 0\n server a 1.1.1.1:80\n server l 1.1.1.1 "
		  "check\n"
		  " server m 1.1.1.1:80 id 5\n server n 1.1.1.1:80 id 5\n server o 1.1.1.1:80 weight\n server p "
		  "10.1:80 check inter 1d1\n",
		  "E C0201 3:29\nE C0206 4:9\nE C0204 5:11\nE C0204 6:11\nE C0402 8:11\nE C0203 9:11\nE "
		  "C0202 10:28\nE C0201 11:27\n"
		  "E C0102 12:22\nE C0201 13:27\nE C0301 14:9\nE C0304 15:9\nE C0301 17:9\nE C0105 18:28\nE C0203 "
		  "19:11\nE C0202 19:31\n",
		  NULL, CASE_BARE },
		{ "ids as HAProxy counts",
		  "backend b\n balance roundrobin\n server a 1.1.1.1:80 id 2\n server b 1.1.1.1:80\n server c "
		  "1.1.1.1:80\n",
		  "",
		  "backend b#1\nserver b/a#2 1.1.1.1:80 w1\nserver b/b#3 1.1.1.1:80 w1\nserver b/c#4 1.1.1.1:80 w1\n",
		  0 },
		{ "port of a check from the listen section", "listen l\n bind :8080\n server s 1.1.1.1 check\n", "",
		  "listen l#1 -> l 0.0.0.0:8080\nbackend l#1\nserver l/s#1 1.1.1.1:0 w1 check=tcp/2000/0/0/2/3 "
		  "checkport=8080\n",
		  0 },
		{ "limits",
		  "backend b\n server a 1.1.1.1:80 maxconn 10 slowstart 10s\n server b 1.1.1.1:80 maxconn x\n balance "
		  "roundrobin\n",
		  "E C0201 3:30\n", NULL, 0 },
		{ "what a proxy does for a server",
		  "listen l\n bind :80\n balance roundrobin\n server a *:80\nlisten m\n bind :81\n balance roundrobin\n"
		  " server a 1.1.1.1:80 namespace n\nlisten n\n bind :82\n balance roundrobin\n server a "
		  "quic@1.1.1.1:80\n"
		  "listen o\n bind :83\n balance roundrobin\n server a 1.1.1.1:80 tcp-md5sig x\n",
		  "W C0401 4:11\nW C0401 8:22\nW C0401 12:11\nW C0401 16:22\n",
		  "frontend l#1 left[t:4: '*:80' needs a proxy: the server is wherever the client wanted to go, "
		  "which a "
		  "proxy finds out] 0.0.0.0:80\n"
		  "frontend m#2 left[t:8: 'namespace' needs a proxy: packets stay in one network namespace; start an "
		  "'xlbd "
		  "-n NAME' in each] 0.0.0.0:81\n"
		  "frontend n#3 left[t:12: 'quic@1.1.1.1:80' needs a proxy: this kind of address takes no TCP packets] "
		  "0.0.0.0:82\n"
		  "frontend o#4 left[t:16: 'tcp-md5sig' needs a proxy: only who ends a connection can sign its "
		  "segments] "
		  "0.0.0.0:83\n",
		  0 },
		{ "templates",
		  "listen l\n bind :80\n balance roundrobin\n server-template s 2 1.1.1.1:80 weight 5\n"
		  " server-template t 8-9 1.1.1.2:80 disabled id 7\n",
		  "",
		  "listen l#1 -> l 0.0.0.0:80\nbackend l#1\nserver l/s1#1 1.1.1.1:80 w5\nserver l/s2#2 1.1.1.1:80 w5\n"
		  "server l/t8#7 1.1.1.2:80 w1 disabled\nserver l/t9#4 1.1.1.2:80 w1 disabled\n",
		  0 },
		{ "templates in error",
		  "backend b\n balance roundrobin\n server s2 1.1.1.1:80\n server-template s 3 1.1.1.1:80\n"
		  " server-template t 0 1.1.1.1:80\n server-template u 5-4 1.1.1.1:80\n server-template v 2x "
		  "1.1.1.1:80\n"
		  " server-template w 1-4097 1.1.1.1:80\n server-template x+ 1 1.1.1.1:80\n server-template y 2 "
		  "1.1.1.1:80 "
		  "id 9\n",
		  "E C0301 4:18\nE C0201 5:20\nE C0201 6:20\nE C0201 7:20\nE C0201 8:20\nE C0206 9:18\n", NULL, 0 },
	};

	RUN(cases);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(document__on_stock_sections__loads_with_warning_and_note),
		cmocka_unit_test(ignored_words__of_one_file__one_note),
		cmocka_unit_test(words__quotes_escapes_and_variables__as_in_haproxy),
		cmocka_unit_test(conditions__nested__only_taken_branch_counts),
		cmocka_unit_test(sections__inheritance__as_in_haproxy),
		cmocka_unit_test(keywords__wrong_or_misplaced__all_told_at_once),
		cmocka_unit_test(global__keywords__reach_the_model),
		cmocka_unit_test(binds__forms_and_faults__as_in_haproxy),
		cmocka_unit_test(servers__parameters_and_faults__as_in_haproxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
