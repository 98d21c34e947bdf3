/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines about checks: what they amount to, and what is told where they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../lib/config_case.h"

#define SERVER " server s 1.1.1.1:80 check\n"
#define SEEN "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3"

static void tcp_check__rules__one_for_each_line(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "each kind of rule",
		  .text = "backend b\n option tcp-check\n tcp-check connect port 25 linger comment \"a b\"\n"
			  " tcp-check connect addr 10.0.0.1:26 ssl sni x.y alpn h2,http/1.1\n"
			  " tcp-check send a\\r\\n\n tcp-check send-binary 00fF\n tcp-check expect string x\n"
			  " tcp-check expect min-recv 3 ok-status L7OKC error-status L6RSP tout-status L4TOUT ! "
			  "rstring "
			  "^[a-z]$\n tcp-check expect rbinary ^00 on-success yes on-error no\n"
			  " tcp-check expect binary 00\n server s 1.1.1.1:80 check verify none\n",
		  .diags = "",
		  .model = SEEN " [connect@1 port=25 linger #a b] [connect@2 10.0.0.1 port=26 ssl sni=x.y "
				"alpn=h2,http/1.1] [send@3 a\\x0d\\x0a] [send@4 \\x00\\xff] [expect@5 string x] "
				"[expect@6 !regex ^[a-z]$ min=3 ok=L7OKC err=L6RSP tout=L4TOUT] "
				"[expect@7 rbinary ^00 on=yes/no] [expect@8 binary \\x00]\n" },
		{ .name = "the first own rule ends those of defaults",
		  .text = "defaults\n option tcp-check\n tcp-check send a\nbackend a\n server s 1.1.1.1:80 check\n"
			  "backend b\n tcp-check send b\n tcp-check send c\n server s 1.1.1.1:80 check\n",
		  .diags = "",
		  .model = "backend a#1\nserver a/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 [send@1 a]\n"
			   "backend b#2\nserver b/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 [send@1 b] [send@2 c]\n" },
		{ .name = "rules without the option",
		  .text = "backend b\n tcp-check send a\n" SERVER,
		  .diags = "",
		  .model = SEEN "\n" },
		{ .name = "ports in the rules do for one of the server",
		  .text = "backend b\n option tcp-check\n tcp-check connect port 25\n tcp-check connect port 26\n "
			  "server "
			  "s 1.1.1.1 check\nbackend c\n option tcp-check\n tcp-check connect\n server s 1.1.1.1 "
			  "check\n",
		  .diags = "E C0304 9:9\n" },
		{ .name = "errors, each at its word",
		  .text = "backend b\n tcp-check expect\n tcp-check expect foo\n tcp-check expect string\n"
			  " tcp-check expect rstring ab)c\n tcp-check expect rbinary \"[z\"\n tcp-check expect binary "
			  "4z\n"
			  " tcp-check send-binary 414\n tcp-check expect string a b\n tcp-check expect min-recv x "
			  "string a\n"
			  " tcp-check expect ok-status L7RSP string a\n tcp-check connect port 0\n tcp-check connect "
			  "foo\n"
			  " tcp-check send a b\n tcp-check foo\n tcp-check expect status 200\n tcp-check expect "
			  "comment a\n"
			  " tcp-check connect alpn imap\n tcp-check expect string-lf x\n tcp-check expect string a "
			  "on-error "
			  "%[x]\n tcp-check send-lf x\n" SERVER,
		  .diags = "E C0105 2:18\nE C0205 3:19\nE C0105 4:25\nE C0207 5:29\nE C0207 6:27\nE C0205 7:26\n"
			   "E C0205 8:24\nE C0205 9:28\nE C0201 10:28\nE C0205 11:29\nE C0201 12:25\nE C0205 13:20\n"
			   "E C0205 14:19\nE C0102 15:12\nE C0205 16:19\nE C0105 17:28\nE C0402 18:25\nE C0402 19:19\n"
			   "E C0402 20:37\nE C0402 21:2\n" },
	};

	RUN(cases);
}

static void http_check__rules__merged_with_the_option(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "each kind of rule",
		  .text = "backend b\n option httpchk GET /a HTTP/1.1\n http-check connect port 81\n http-check send "
			  "hdr "
			  "Host x hdr A \"b c\" body d\n http-check expect ! status 500-599,404\n http-check expect "
			  "rstatus ^2\n http-check expect hdr name -m beg X- value -m reg a.c\n http-check expect fhdr "
			  "name "
			  "y\n http-check expect string z\n http-check expect !rstring z\n http-check disable-on-404\n"
			  " server s 1.1.1.1:80 check\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 [connect@1 port=81] GET /a "
			   "HTTP/1.1 Host: x;A: b c; body=d [expect@3 !status 500-599 404-404] [expect@4 rstatus ^2] "
			   "[expect@5 hdr begin:X- regex:a.c] [expect@6 hdr equal:y any:- whole] [expect@7 body z] "
			   "[expect@8 !rbody z] 404\n" },
		{ .name = "requests in a row",
		  .text = "backend b\n option httpchk /a\n http-check send meth HEAD\n http-check expect status 200\n"
			  " http-check send uri /b\n server s 1.1.1.1:80 check\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 HEAD /a - - [expect@2 "
			   "status "
			   "200-200] - /b - -\n" },
		{ .name = "headers of the old form, and a host",
		  .text = "backend b\n option httpchk GET / HTTP/1.1\\r\\nHost:\\ a\\r\\nB:\\ c\n server s 1.1.1.1:80 "
			  "check\n"
			  "backend c\n option httpchk GET / HTTP/1.1 host d\n server s 1.1.1.1:80 check\n",
		  .diags = "",
		  .model =
			  "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 GET / HTTP/1.1 Host: a;B: "
			  "c;\n"
			  "backend c#2\nserver c/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 GET / HTTP/1.1 Host: d;\n" },
		{ .name = "errors, each at its word",
		  .text = "backend b\n http-check expect status 200-\n http-check expect status 300-200\n http-check "
			  "expect "
			  "status 99999\n http-check expect hdr x\n http-check expect hdr name -m foo x\n http-check "
			  "expect "
			  "rstring *\n http-check expect binary 00\n http-check send hdr A \"b\\nC: d\"\n http-check "
			  "send "
			  "hdr A %[x]\n http-check send ver HTTP/3\n http-check send body-lf x\n" SERVER,
		  .diags =
			  "E C0201 2:27\nE C0201 3:27\nE C0201 4:27\nE C0205 5:24\nE C0205 6:32\nE C0207 7:28\nE C0205 "
			  "8:20\nE C0205 9:24\nE C0402 10:24\nE C0205 11:22\nE C0402 12:18\n" },
	};

	RUN(cases);
}

static void tls__words_of_a_server__for_checks_alone(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "each word",
		  .text = "global\n ca-base /etc/ssl/certs\nbackend b\n server s 1.1.1.1:80 check check-ssl verify "
			  "none "
			  "check-sni a.b check-alpn h2\n server t 1.1.1.1:80 check check-ssl ca-file @system-ca "
			  "verifyhost "
			  "c.d\n server u 1.1.1.1:80 check verify required ca-file x.pem\n balance roundrobin\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 tls:none ca=- sni=a.b "
			   "alpn=h2 "
			   "host=-\nserver b/t#2 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 tls ca=@system-ca sni=- alpn=- "
			   "host=c.d\nserver b/u#3 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3\n" },
		{ .name = "nobody is trusted by default",
		  .text = "backend b\n balance roundrobin\n server s 1.1.1.1:80 check check-ssl\n server t 1.1.1.1:80 "
			  "check "
			  "check-ssl ca-file /nonexistent\n server u 1.1.1.1:80 check check-ssl verify maybe\n"
			  " server v 1.1.1.1:80 check check-ssl ca-file @system-ca check-sni a verifyhost b\n",
		  .diags = "E C0311 3:9\nE C0311 4:9\nE C0205 5:45\nE C0402 6:9\n" },
		{ .name = "unless the file says so",
		  .text = "global\n ssl-server-verify none\nbackend b\n option httpchk\n server s 1.1.1.1:80 check "
			  "check-ssl\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=http/2000/0/0/2/3 tls:none ca=- sni=- alpn=- "
			   "host=-\n" },
	};

	RUN(cases);
}

static void known_protocols__options__become_scripts(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "words",
		  .text = "backend b\n option pgsql-check user bob\n" SERVER,
		  .diags = "",
		  .model = SEEN
		  " [connect@1 default] [send@2 \\x00\\x00\\x00\\x12\\x00\\x03\\x00\\x00user\\x00bob\\x00\\x00] "
		  "[expect@3 !regex ^E min=5 ok=UNK err=L7RSP tout=UNK] [expect@4 rbinary "
		  "^52000000(08|0A|0C)000000(00|02|03|04|05|06) min=9 ok=UNK err=L7STS tout=UNK "
		  "on=PostgreSQL server is ok/PostgreSQL unknown error]\n" },
		{ .name = "the last option wins",
		  .text = "backend b\n option redis-check\n option tcp-check\n" SERVER
			  "backend c\n option httpchk\n no option httpchk\n" SERVER,
		  .diags = "",
		  .model = SEEN "\nbackend c#2\nserver c/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3\n" },
		{ .name = "errors, each at its word",
		  .text = "backend b\n option mysql-check bob\n option mysql-check user bob new\n option pgsql-check "
			  "bob x\n"
			  " option smtpchk HI there\n option spop-check\n" SERVER,
		  .diags = "E C0205 2:24\nE C0205 3:30\nE C0205 4:21\nE C0205 5:17\nE C0402 6:2\n" },
	};

	RUN(cases);
}

static void track_and_observe__words_of_a_server__need_a_check(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "what cannot be",
		  .text = "backend b\n balance roundrobin\n server s 1.1.1.1:80\n server t 1.1.1.1:80 track b/s\n"
			  " server u 1.1.1.1:80 track nobody\n server v 1.1.1.1:80 check track b/s\n"
			  " server w 1.1.1.1:80 track b/x\n server x 1.1.1.1:80 track w\n server y 1.1.1.1:80 observe "
			  "layer4\n"
			  " server z 1.1.1.1:80 agent-check\n server a 1.1.1.1:80 check observe layer8\n server c "
			  "1.1.1.1:80 "
			  "check observe layer4 error-limit 0 on-error panic\n",
		  .diags = "E C0312 4:28\nE C0302 5:28\nE C0312 6:34\nE C0312 7:28\nE C0312 8:28\nE C0312 9:9\nE C0304 "
			   "10:9\nE C0205 11:36\nE C0201 12:55\nE C0205 12:66\n" },
		{ .name = "answers to requests, which a proxy sees",
		  .text = "listen l\n bind :80\n balance roundrobin\n server s 1.1.1.1:80 check observe layer7\n",
		  .diags = "W C0401 4:36\n",
		  .model =
			  "frontend l#1 left[t:4: 'layer7' needs a proxy: it looks at answers to requests, as 'observe "
			  "layer4' does not] 0.0.0.0:80\n" },
		{ .name = "before the first check, and in front of what it says",
		  .text = "backend b\n balance roundrobin\n default-server check\n server s 1.1.1.1:80 init-state "
			  "fully-down\n"
			  " server t 1.1.1.1:80 init-state up check-send-proxy\n server u 1.1.1.1:80 check-send-proxy "
			  "no-check-send-proxy\nbackend c\n balance roundrobin\n option tcp-check\n tcp-check connect "
			  "send-proxy\n"
			  " server s 1.1.1.1:80 check init-state none\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 start=3\n"
			   "server b/t#2 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 proxy\n"
			   "server b/u#3 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3\n"
			   "backend c#2\nserver c/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 [connect@1 proxy]\n" },
		{ .name = "and not so",
		  .text = "backend b\n balance roundrobin\n server s 1.1.1.1:80 check init-state half\n",
		  .diags = "E C0205 3:39\n" },
		{ .name = "what can",
		  .text = "backend b\n balance roundrobin\n server s 1.1.1.1:80 check observe layer4 error-limit 5 "
			  "on-error "
			  "mark-down\n server t 1.1.1.1:80 track s\n server u 1.1.1.1:80 track b/t\n server v "
			  "1.1.1.1:80 "
			  "agent-check agent-port 9 agent-send hi agent-inter 5s agent-addr 2.2.2.2\n server w "
			  "1.1.1.1:80 track "
			  "v\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=tcp/2000/0/0/2/3 observe=5/3\n"
			   "server b/t#2 1.1.1.1:80 w1 track=b/s\nserver b/u#3 1.1.1.1:80 w1 track=b/t\n"
			   "server b/v#4 1.1.1.1:80 w1 agent=2.2.2.2:9/5000 [send@1 hi] [expect@2 line]\n"
			   "server b/w#5 1.1.1.1:80 w1 track=b/v\n" },
	};

	RUN(cases);
}

static void external_and_datagrams__lines__told_where_wrong(void **state)
{
	static const struct config_case cases[] = {
		{ .name = "programs only where they are allowed",
		  .text = "backend b\n option external-check\n external-check command /bin/true\n" SERVER
			  "backend c\n option external-check\n" SERVER
			  "backend d\n external-check command /nonexistent\n" SERVER,
		  .diags = "E C0320 2:2\nE C0320 6:2\n" },
		{ .name = "and only one that is named",
		  .text = "global\n external-check\nbackend b\n option external-check\n external-check command "
			  "/nonexistent\n" SERVER "backend c\n option external-check\n" SERVER,
		  .diags = "W C0320 4:2\nE C0320 8:2\n" },
		{ .name = "datagrams",
		  .text = "backend b\n#@xlb check udp send a expect-binary 00\n" SERVER
			  "backend c\n#@xlb check dns a.b TXT\n" SERVER
			  "backend d\n#@xlb check icmp\n server s 1.1.1.1 check\n",
		  .diags = "",
		  .model = "backend b#1\nserver b/s#1 1.1.1.1:80 w1 check=udp/2000/0/0/2/3 [send a] [expect binary "
			   "\\x00]\n"
			   "backend c#2\nserver c/s#1 1.1.1.1:80 w1 check=udp/2000/0/0/2/3 [send "
			   "\\x00\\x00\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x01a\\x01b\\x00\\x00\\x10\\x0"
			   "0\\x01] "
			   "[expect dns]\nbackend d#3\nserver d/s#1 1.1.1.1:0 w1 check=icmp/2000/0/0/2/3\n" },
		{ .name = "errors, each at its word",
		  .text = "backend b\n#@xlb check udp foo x\n#@xlb check udp send a send b\n#@xlb check udp expect\n"
			  "#@xlb check udp send-binary 0\n#@xlb check dns a..b\n#@xlb check dns a.b FOO\n#@xlb check "
			  "tcp\n" SERVER,
		  .diags =
			  "E C0109 2:17\nE C0109 3:24\nE C0105 4:23\nE C0205 5:29\nE C0109 6:17\nE C0205 7:21\nE C0109 "
			  "8:13\n" },
	};

	RUN(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_check__rules__one_for_each_line),
		cmocka_unit_test(http_check__rules__merged_with_the_option),
		cmocka_unit_test(tls__words_of_a_server__for_checks_alone),
		cmocka_unit_test(track_and_observe__words_of_a_server__need_a_check),
		cmocka_unit_test(external_and_datagrams__lines__told_where_wrong),
		cmocka_unit_test(known_protocols__options__become_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
