/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How servers are chosen and reached, as the file says it: 'balance' and its kin, stick tables, ways of forwarding,
 * limits, IPv6, and the pairs of bind and server that cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../lib/config_case.h"

/* A served frontend on port 80 in front of what a case says of backend b. */
#define FRONT "frontend f\n bind :80\n default_backend b\nbackend b\n"
#define FRONT_MODEL "frontend f#1 -> b 0.0.0.0:80\n"
#define SERVER " server s 1.1.1.1:80\n"
#define SERVER_MODEL "server b/s#1 1.1.1.1:80 w1\n"

static void balance__algorithms__reach_the_model(void **state)
{
	static const struct config_case cases[] = {
		{ "leastconn", FRONT " balance leastconn\n" SERVER, "",
		  FRONT_MODEL "backend b#2 leastconn\n" SERVER_MODEL, 0 },
		{ "first", FRONT " balance first\n" SERVER, "", FRONT_MODEL "backend b#2 first\n" SERVER_MODEL, 0 },
		{ "random", FRONT " balance random\n" SERVER, "", FRONT_MODEL "backend b#2 random(2)\n" SERVER_MODEL,
		  0 },
		{ "random of three", FRONT " balance random(3)\n" SERVER, "",
		  FRONT_MODEL "backend b#2 random(3)\n" SERVER_MODEL, 0 },
		{ "source", FRONT " balance source\n" SERVER, "",
		  FRONT_MODEL "backend b#2 source:1/32/128\n" SERVER_MODEL, 0 },
		{ "source, consistent", FRONT " hash-type consistent sdbm avalanche\n balance source\n" SERVER, "",
		  FRONT_MODEL "backend b#2 source:1/32/128 consistent\n" SERVER_MODEL, 0 },
		{ "hash of a network", FRONT " balance hash src,ipmask(24,64)\n hash-type map-based\n" SERVER, "",
		  FRONT_MODEL "backend b#2 hash:1/24/64\n" SERVER_MODEL, 0 },
		{ "hash of a network by its mask", FRONT " balance hash dst,ipmask(255.255.0.0)\n" SERVER, "",
		  FRONT_MODEL "backend b#2 hash:4/16/128\n" SERVER_MODEL, 0 },
		{ "hash of a port", FRONT " balance hash dst_port\n hash-balance-factor 150\n" SERVER, "",
		  FRONT_MODEL "backend b#2 hash:8/32/128 factor=150\n" SERVER_MODEL, 0 },
		{ "tuple by pragma", FRONT " balance roundrobin\n#@xlb balance tuple\n" SERVER, "",
		  FRONT_MODEL "backend b#2 hash:f/32/128 consistent\n" SERVER_MODEL, 0 },
		{ "inherited", "defaults\n balance leastconn\n" FRONT SERVER, "",
		  FRONT_MODEL "backend b#2 leastconn\n" SERVER_MODEL, 0 },
		{ "faults",
		  FRONT " balance random(0)\n balance random(x)\n balance random(1\n balance leastconn(2)\n"
			" balance hash\n balance hash src,ipmask(33)\n balance hash src,ipmask(255.0.255.0)\n"
			" balance hash src x\n balance source x\n hash-type consitent\n hash-type consistent md5\n"
			" hash-balance-factor 100\n balance leastcon\n",
		  "E C0201 5:10\nE C0201 6:10\nE C0205 7:10\nE C0205 8:10\nE C0105 9:14\nE C0205 10:15\nE C0205 11:15\n"
		  "E C0106 12:19\nE C0106 13:17\nE C0205 14:12\nE C0205 15:23\nE C0201 16:22\nE C0205 17:10\n",
		  NULL, 0 },
		{ "expressions of a proxy", FRONT " balance hash req.len\n" SERVER, "W C0401 5:15\n",
		  "frontend f#1 left[t:5: 'req.len' needs a proxy: only src, dst, src_port, dst_port and the "
		  "converter "
		  "ipmask are known to packets] 0.0.0.0:80\n",
		  0 },
		{ "not in force", FRONT " balance source\n hash-type consistent\n" SERVER, "E C0402 5:10\n", NULL,
		  CASE_BARE },
		{ "hash-type alone changes nothing", FRONT " balance roundrobin\n hash-type consistent\n" SERVER, "",
		  FRONT_MODEL "backend b#2 consistent\n" SERVER_MODEL, CASE_BARE },
		{ "in defaults, told once",
		  "defaults\n balance leastconn\n" FRONT SERVER "listen l\n bind :81\n" SERVER, "E C0402 2:10\n", NULL,
		  CASE_BARE },
		{ "in defaults that nothing of ours inherits",
		  "defaults\n balance leastconn\nlisten l\n bind :81 ssl\n server s 1.1.1.1:80\n", "W C0401 4:11\n",
		  "frontend l#1 left[t:4: 'ssl' needs a proxy: TLS ends in a proxy] 0.0.0.0:81\n", CASE_BARE },
	};

	RUN(cases);
}

static void stick__tables_and_rules__reach_the_model(void **state)
{
	static const struct config_case cases[] = {
		{ "on src",
		  FRONT
		  " stick-table type ip size 100k expire 30m nopurge store conn_cur,conn_rate(10s),gpc0_rate(1s),gpc0\n"
		  " stick on src\n" SERVER,
		  "",
		  "table b ip size=102400 expire=1800000 nopurge store=3d rates=10000,1000\n" FRONT_MODEL
		  "backend b#2 stick=b,110\n" SERVER_MODEL,
		  0 },
		{ "table of another section, and only to match",
		  FRONT " stick match dst table t\n" SERVER "backend t\n stick-table type ipv6 size 1m\n", "",
		  "table t ipv6 size=1048576 expire=0 store=1\n" FRONT_MODEL "backend b#2 stick=t,101\n" SERVER_MODEL
		  "backend t#3\n",
		  0 },
		{ "both halves",
		  FRONT " stick-table type ip size 1\n stick match src\n stick store-request src\n" SERVER, "",
		  "table b ip size=1 expire=0 store=1\n" FRONT_MODEL "backend b#2 stick=b,110\n" SERVER_MODEL, 0 },
		{ "peers",
		  "peers p\n peer me 1.1.1.1:1\n" FRONT " stick-table type ip size 1 peers p\n stick on src\n" SERVER,
		  "N C0501 1:1\n",
		  "table b ip size=1 expire=0 store=1 peers=p\n" FRONT_MODEL "backend b#2 stick=b,110\n" SERVER_MODEL,
		  0 },
		{ "faults",
		  FRONT
		  " stick-table type ip\n stick-table size 1k\n stick-table type it size 1k\n"
		  " stick-table type ip size 0\n stick-table type ip size 1k expiry 3m\n"
		  " stick-table type ip size 1k store conn_rate\n stick-table type ip size 1k store conn_rat(1s)\n"
		  " stick-table type ip size 1k expire\n stick\n stick no src\n stick on\n stick on src tabel t\n"
		  " stick-table type ip size 5x\n",
		  "E C0105 5:21\nE C0105 6:21\nE C0205 7:19\nE C0201 8:27\nE C0102 9:30\nE C0202 10:36\nE C0205 11:36\n"
		  "E C0105 12:36\nE C0105 13:7\nE C0102 14:8\nE C0105 15:10\nE C0106 16:15\nE C0201 17:27\n",
		  NULL, 0 },
		{ "names",
		  FRONT
		  " stick-table type ip size 1k peers nobody\n stick-table type ip size 2k\n stick on src table t\n"
		  " stick on src table u\n" SERVER "backend t\n stick-table type string size 1k\n",
		  "E C0302 5:2\nE C0301 6:2\nE C0310 7:2\nE C0310 8:21\n", NULL, 0 },
		{ "two keys", FRONT " stick-table type ip size 1k\n stick on src\n stick on dst\n" SERVER,
		  "E C0402 7:2\n", NULL, 0 },
		{ "what a proxy does", FRONT " stick-table type ip size 1k\n stick on src if { dst_port 80 }\n" SERVER,
		  "W C0401 6:2\n",
		  "table b ip size=1024 expire=0 store=0\n"
		  "frontend f#1 left[t:6: 'stick on' needs a proxy: persistence for some connections only is not "
		  "known "
		  "to packets] 0.0.0.0:80\n",
		  0 },
		{ "not in force", FRONT " stick-table type ip size 1k\n stick on src\n" SERVER, "E C0402 6:2\n", NULL,
		  CASE_BARE },
		{ "a table that nothing uses", FRONT " stick-table type ip size 1k\n" SERVER, "",
		  "table b ip size=1024 expire=0 store=0\n" FRONT_MODEL "backend b#2\n" SERVER_MODEL, CASE_BARE },
	};

	RUN(cases);
}

static void forward__by_backend_and_server__reaches_the_model(void **state)
{
	static const struct config_case cases[] = {
		{ "of a backend", FRONT "#@xlb forward ipip\n" SERVER, "",
		  FRONT_MODEL "backend b#2 ipip\n" SERVER_MODEL, 0 },
		{ "of defaults", "defaults\n#@xlb forward l2dsr\n" FRONT SERVER, "",
		  FRONT_MODEL "backend b#2 l2dsr\n" SERVER_MODEL, 0 },
		{ "of a server, before and after its line",
		  FRONT " balance roundrobin\n#@xlb server s forward dnat mac 02:00:5e:10:00:01\n" SERVER
			" server t 1.1.1.2:80\n#@xlb server t mac 02:00:00:00:00:FE\n",
		  "",
		  FRONT_MODEL "backend b#2\nserver b/s#1 1.1.1.1:80 w1 dnat mac=02..01\nserver b/t#2 1.1.1.2:80 w1 "
			      "mac=02..fe\n",
		  0 },
		{ "usesrc of a backend", FRONT " source 0.0.0.0 usesrc clientip\n" SERVER, "",
		  FRONT_MODEL "backend b#2 dnat\n" SERVER_MODEL, 0 },
		{ "usesrc of a server",
		  FRONT
		  " balance roundrobin\n server s 1.1.1.1:80 source 0.0.0.0 usesrc client\n server t 1.1.1.2:80\n",
		  "", FRONT_MODEL "backend b#2\nserver b/s#1 1.1.1.1:80 w1 dnat\nserver b/t#2 1.1.1.2:80 w1\n", 0 },
		{ "faults",
		  FRONT "#@xlb server u forward ipip\n#@xlb server s forwad ipip\n#@xlb server s forward gre\n"
			"#@xlb server s mac 2:0:5e:10:0:1\n#@xlb server s mac 01:00:5e:10:00:01\n#@xlb server s mac\n"
			"#@xlb server s mac 02:00:5e:10:00:01 forward\n"
			" server s 1.1.1.1:80 usesrc clientip\n source 0.0.0.0 usesrc nobody\n source 0.0.0.0 use\n",
		  "E C0302 5:14\nE C0109 6:16\nE C0205 7:24\nE C0203 8:20\nE C0203 9:20\nE C0105 10:19\nE C0105 11:45\n"
		  "E C0205 12:22\nE C0205 13:24\nE C0205 14:17\n",
		  NULL, 0 },
		{ "not in force", FRONT "#@xlb forward ipip\n" SERVER, "E C0402 5:15\n", NULL, CASE_BARE },
	};

	RUN(cases);
}

static void forward__pairs_that_cannot_be__refused_with_both_places(void **state)
{
	static const struct config_case cases[] = {
		{ "port", "frontend f\n bind :8080\n default_backend b\nbackend b\n#@xlb forward l2dsr\n" SERVER,
		  "E C0308 6:9\n", NULL, 0 },
		{ "port of one server",
		  "frontend f\n bind :8080\n default_backend b\nbackend b\n balance roundrobin\n server s 1.1.1.1:80\n"
		  " server t 1.1.1.2\n server u 1.1.1.3:8080\n server v 1.1.1.4:80\n"
		  "#@xlb server t forward ipip\n#@xlb server u forward ipip\n#@xlb server v forward ipip\n",
		  "E C0308 9:9\n", NULL, 0 },
		{ "range of ports",
		  "frontend f\n bind :80-81\n default_backend b\nbackend b\n#@xlb forward ipip\n" SERVER,
		  "E C0308 6:9\n", NULL, 0 },
		{ "range of ports, and the client's own",
		  "frontend f\n bind :80-81\n default_backend b\nbackend b\n#@xlb forward ipip\n server s 1.1.1.1\n",
		  "", "frontend f#1 -> b 0.0.0.0:80-81\nbackend b#2 ipip\nserver b/s#1 1.1.1.1:0 w1\n", 0 },
		{ "offset", FRONT "#@xlb forward ipip\n server s 1.1.1.1:+10\n", "E C0308 6:9\n", NULL, 0 },
		{ "of a backend that nothing uses", "backend b\n#@xlb forward ipip\n" SERVER, "",
		  "backend b#1 ipip\n" SERVER_MODEL, 0 },
		{ "families, dnat", FRONT "#@xlb forward dnat\n server s [fd00::1]:80\n", "E C0309 6:9\n", NULL, 0 },
		{ "families, 4in6", FRONT "#@xlb forward ipip\n server s [fd00::1]:80\n", "",
		  FRONT_MODEL "backend b#2 ipip\nserver b/s#1 [fd00::1]:80 w1\n", 0 },
		{ "families, 6in4",
		  "frontend f\n bind [fd00::9]:80\n default_backend b\nbackend b\n#@xlb forward ipip\n" SERVER,
		  "E C0309 6:9\n", NULL, 0 },
		{ "families, fullnat", FRONT " server s [fd00::1]:80\n", "",
		  FRONT_MODEL "backend b#2\nserver b/s#1 [fd00::1]:80 w1\n", 0 },
		{ "source of the other family", FRONT " source 10.0.0.9\n server s [fd00::1]:80\n", "E C0309 6:9\n",
		  NULL, 0 },
		{ "source without effect", FRONT "#@xlb forward dnat\n source 10.0.0.9\n" SERVER, "W C0403 7:9\n",
		  FRONT_MODEL "backend b#2 dnat source=10.0.0.9\n" SERVER_MODEL, 0 },
	};

	RUN(cases);
}

static void limits__of_all_kinds__reach_the_model(void **state)
{
	static const struct config_case cases[] = {
		{ "of a server",
		  FRONT " server s 1.1.1.1:80 maxconn 10 slowstart 30s on-marked-down shutdown-sessions on-marked-up "
			"shutdown-backup-sessions\n",
		  "", FRONT_MODEL "backend b#2\nserver b/s#1 1.1.1.1:80 w1 maxconn=10 slowstart=30000 ends=11\n", 0 },
		{ "slowstart counts seconds", FRONT " server s 1.1.1.1:80 slowstart 3\n", "",
		  FRONT_MODEL "backend b#2\nserver b/s#1 1.1.1.1:80 w1 maxconn=0 slowstart=3000\n", 0 },
		{ "of a frontend",
		  "frontend f\n bind :80 maxconn 5 mss 1400 id 7\n maxconn 100\n rate-limit sessions 20\n description "
		  "my web\n"
		  "#@xlb no-backend drop\n default_backend b\nbackend b\n" SERVER,
		  "",
		  "frontend f#1 -> b maxconn=5 rate=20 no-backend=3 \"my web\" 0.0.0.0:80[id=7,maxconn=5,mss=1400]\n"
		  "backend b#2\n" SERVER_MODEL,
		  0 },
		{ "checks through the path of traffic",
		  "frontend f\n bind 9.9.9.9:80\n default_backend b\nbackend b\n balance roundrobin\n#@xlb forward "
		  "l2dsr\n"
		  "#@xlb check via-path\n server s 1.1.1.1 check\n",
		  "",
		  "frontend f#1 -> b 9.9.9.9:80\nbackend b#2 l2dsr check-path=2\nserver b/s#1 1.1.1.1:0 w1 "
		  "check=tcp/2000/0/0/2/3\n",
		  0 },
		{ "and what they cannot do",
		  "frontend f\n bind :80\n default_backend b\nbackend b\n balance roundrobin\n#@xlb forward l2dsr\n"
		  "#@xlb check via-path\n server s 1.1.1.1 check\nfrontend g\n bind 9.9.9.9:81\n default_backend "
		  "c\nbackend c\n"
		  " balance roundrobin\n option httpchk\n#@xlb forward l2dsr\n#@xlb check via-path\n server s 1.1.1.1 "
		  "check\n",
		  "E C0402 7:13\nE C0402 16:13\n", NULL, 0 },
		{ "fallback and checks",
		  "frontend f\n bind :80\n#@xlb fallback local\n default_backend b\nbackend b\n#@xlb check "
		  "via-path\n" SERVER,
		  "", "frontend f#1 -> b no-backend=4 0.0.0.0:80\nbackend b#2 check-path=2\n" SERVER_MODEL, 0 },
		{ "any port",
		  "frontend f\n#@xlb bind udp 10.0.0.1:*\n#@xlb bind tcp 10.0.0.1:5000-6000\n default_backend "
		  "b\nbackend b\n"
		  " server s 1.1.1.1\n",
		  "",
		  "frontend f#1 -> b udp:10.0.0.1:1-65535 10.0.0.1:5000-6000\nbackend b#2\nserver b/s#1 1.1.1.1:0 w1\n",
		  0 },
		{ "state files",
		  "global\n server-state-file s\n" FRONT
		  " load-server-state-from-file local\n server-state-file-name b.state\n" SERVER,
		  "", FRONT_MODEL "backend b#2 state=2,b.state\n" SERVER_MODEL, 0 },
		{ "faults",
		  "frontend f\n bind :80\n rate-limit session 3\n#@xlb no-backend rest\n bind :*\n default_backend "
		  "b\nbackend b\n"
		  " server s 1.1.1.1:80 on-marked-down shut\n load-server-state-from-file here\n",
		  "E C0102 3:13\nE C0205 4:18\nE C0204 5:7\nE C0205 8:37\nE C0205 9:30\n", NULL, 0 },
		{ "not in force",
		  "frontend f\n bind :80 maxconn 5\n bind :81 maxconn 6\n default_backend b\nbackend b\n server s "
		  "1.1.1.1:80\n",
		  "W C0403 2:7\nW C0403 3:7\n",
		  "frontend f#1 -> b 0.0.0.0:80[id=0,maxconn=5,mss=0] 0.0.0.0:81[id=0,maxconn=6,mss=0]\nbackend "
		  "b#2\n" SERVER_MODEL,
		  CASE_BARE },
		{ "refused where traffic would change",
		  "frontend f\n bind :80\n rate-limit sessions 5\n#@xlb no-backend drop\n#@xlb fallback local\n"
		  "#@xlb bind udp 1.1.1.1:*\n default_backend b\nbackend b\n#@xlb check via-path\n"
		  " server s 1.1.1.1:+1\n server t 1.1.1.1:80 on-marked-down shutdown-sessions\n",
		  "E C0402 3:2\nE C0402 4:7\nE C0402 5:7\nE C0402 6:16\nE C0402 9:7\nE C0402 10:11\nE "
		  "C0402 11:22\n",
		  NULL, CASE_BARE },
	};

	RUN(cases);
}

static void ipv6__forms_of_addresses__as_in_haproxy(void **state)
{
	static const struct config_case cases[] = {
		{ "forms",
		  "listen l\n bind [fd00::1]:80\n bind fd00::2:80,ipv6@fd00::3:81\n bind [::]:82 v6only\n bind :::83 "
		  "v4v6\n"
		  " bind ipv6@*:84 v6only\n server s [fd00::4]:80\n",
		  "",
		  "listen l#1 -> l [fd00::1]:80 [fd00::2]:80 [fd00::3]:81 [::]:82 [::]:83 0.0.0.0:83 [::]:84\n"
		  "backend l#1\nserver l/s#1 [fd00::4]:80 w1\n",
		  0 },
		{ "faults",
		  "listen l\n bind ipv4@::1:80\n bind ipv6@1.1.1.1:80\n bind ::1\n bind [::1]\n server s ::1\n server "
		  "t "
		  "[::1]x\n",
		  "E C0203 2:7\nE C0203 3:7\nE C0203 4:7\nE C0204 5:7\nE C0203 6:11\nE C0204 7:11\n", NULL, 0 },
		{ "twice", "listen l\n bind :::80\n bind 0.0.0.0:80\n server s 1.1.1.1:80\n", "E C0303 3:7\n", NULL,
		  0 },
		{ "not in force", "listen l\n bind :::80\n server s [::1]:80\n", "E C0402 2:7\nE C0402 3:11\n", NULL,
		  CASE_BARE },
	};

	RUN(cases);
}

static void maxconn_of_a_bind__by_its_sockets__kept_or_told(void **state)
{
	static const struct config_case cases[] = {
		{ "a socket for each address and port, as in HAProxy",
		  "frontend f\n bind 9.9.9.9:80-81 maxconn 5\n default_backend b\nfrontend g\n bind "
		  "9.9.9.9:82,9.9.9.9:83 maxconn 6\n default_backend b\nbackend b\n server s 1.1.1.1:80\n",
		  "W C0403 2:7\nW C0403 5:7\n",
		  "frontend f#1 -> b 9.9.9.9:80-81[id=0,maxconn=5,mss=0]\n"
		  "frontend g#2 -> b 9.9.9.9:82[id=0,maxconn=6,mss=0] 9.9.9.9:83[id=0,maxconn=6,mss=0]\nbackend "
		  "b#3\n" SERVER_MODEL,
		  CASE_BARE },
		{ "one socket for both families",
		  "frontend f\n bind :::80 v4v6 maxconn 5\n default_backend b\nbackend b\n balance roundrobin\n server "
		  "s [::1]:80\n",
		  "",
		  "frontend f#1 -> b maxconn=5 [::]:80[id=0,maxconn=5,mss=0] 0.0.0.0:80[id=0,maxconn=5,mss=0]\nbackend "
		  "b#2\nserver b/s#1 [::1]:80 w1\n",
		  0 },
	};

	(void)state;
	RUN(cases);
}

static void redispatch__with_retries__as_in_haproxy(void **state)
{
	static const struct config_case cases[] = {
		{ "the last of three", FRONT " option redispatch\n" SERVER, "",
		  FRONT_MODEL "backend b#2 redispatch=3\n" SERVER_MODEL, 0 },
		{ "the last of five, by defaults", "defaults\n option redispatch\n retries 5\n" FRONT SERVER, "",
		  FRONT_MODEL "backend b#2 redispatch=5\n" SERVER_MODEL, 0 },
		{ "each second", FRONT " option redispatch 2\n" SERVER, "",
		  FRONT_MODEL "backend b#2 redispatch=2\n" SERVER_MODEL, 0 },
		{ "the second from the last", FRONT " option redispatch -2\n" SERVER, "",
		  FRONT_MODEL "backend b#2 redispatch=2\n" SERVER_MODEL, 0 },
		{ "none: not so many, none at all, switched off",
		  FRONT " option redispatch 4\n" SERVER
			"backend c\n balance roundrobin\n retries 0\n option redispatch\n"
			"backend d\n balance roundrobin\n option redispatch 0\nbackend e\n balance roundrobin\n option "
			"redispatch\n no option redispatch\n",
		  "", FRONT_MODEL "backend b#2\n" SERVER_MODEL "backend c#3\nbackend d#4\nbackend e#5\n", 0 },
		{ "no number", FRONT " option redispatch last\n" SERVER, "E C0201 5:20\n", NULL, 0 },
	};

	(void)state;
	RUN(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balance__algorithms__reach_the_model),
		cmocka_unit_test(stick__tables_and_rules__reach_the_model),
		cmocka_unit_test(forward__by_backend_and_server__reaches_the_model),
		cmocka_unit_test(forward__pairs_that_cannot_be__refused_with_both_places),
		cmocka_unit_test(limits__of_all_kinds__reach_the_model),
		cmocka_unit_test(maxconn_of_a_bind__by_its_sockets__kept_or_told),
		cmocka_unit_test(redispatch__with_retries__as_in_haproxy),
		cmocka_unit_test(ipv6__forms_of_addresses__as_in_haproxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
