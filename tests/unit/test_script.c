/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Scripts of checks without a network: rules as a file has them, answers piece by piece, and what comes out. Texts are
 * those that HAProxy 2.6 showed for the same rules and answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/diag.h"
#include "config/conf.h"
#include "model/http_answer.h"
#include "model/model.h"
#include "model/script_run.h"

/* The model of a backend with these lines and one checked server; its script. */
static struct model *load(const char *lines, const struct check_script **ret)
{
	struct diag_list diags;
	struct model *m = NULL;
	char text[2048];

	snprintf(text, sizeof(text), "backend b\n%s\n server s 127.0.0.1:80 check\n", lines);
	diag_init(&diags);
	if (conf_load_text("t", text, strlen(text), NULL, &diags, &m))
		diag_print(&diags, stderr, false);
	diag_fini(&diags);
	assert_non_null(m);
	*ret = TAILQ_FIRST(&TAILQ_FIRST(&m->backends)->servers)->check.script;
	return m;
}

/* An answer in pieces: "|" between them, "$" for the end, "^" for a reset, "~" for the end of the time. */
static void converse(struct script_run *r, const char *answer, char *sent, size_t cap, struct script_result *ret)
{
	enum script_want want;

	*sent = '\0';
	while ((want = script_next(r, ret)) != SCRIPT_DONE) {
		size_t len = strcspn(answer, "|$^~");

		if (want == SCRIPT_SEND)
			snprintf(sent + strlen(sent), cap - strlen(sent), "%s/", script_rule(r)->data);
		if (want != SCRIPT_RECEIVE) {
			script_passed(r);
			continue;
		}
		if (len) {
			assert_int_equal(script_input(r, answer, len), 0);
			answer += len;
			answer += *answer == '|';
			continue;
		}
		assert_true(*answer == '$' || *answer == '^' || *answer == '~');
		if (*answer == '^') {
			script_broken(r, LAYER_DATA, "Connection reset by peer", ret);
			return;
		}
		if (*answer == '~') {
			script_late(r, LAYER_DATA, ret);
			return;
		}
		assert_int_equal(script_input(r, "", 0), 0);
	}
}

static void script__answers_piece_by_piece__haproxys_results(void **state)
{
#define PONG " option tcp-check\n tcp-check send PING\n tcp-check expect string +PONG\n"
#define TWO " option tcp-check\n tcp-check expect string ab\n tcp-check expect rstring c$\n"
	static const struct {
		const char *rules, *answer, *sent;
		enum check_code code;
		const char *desc;
	} rows[] = {
		{ " option tcp-check", "", "", CHECK_L4OK, "" },
		{ " option tcp-check\n tcp-check connect", "", "", CHECK_L4OK, "(tcp-check)" },
		{ " option tcp-check\n tcp-check send a\\ b", "", "a b/", CHECK_L7OK, "(tcp-check)" },
		{ PONG, "+PONG\r\n", "PING/", CHECK_L7OK, "(tcp-check)" },
		{ PONG, "+P|ON|G", "PING/", CHECK_L7OK, "(tcp-check)" },
		{ PONG, "-ERR no$", "PING/", CHECK_L7RSP, "TCPCHK did not match content '+PONG' at step 2" },
		{ PONG, "$", "PING/", CHECK_L7RSP, "TCPCHK got an empty response at step 2" },
		{ PONG, "^", "PING/", CHECK_SOCKERR,
		  "Connection reset by peer at step 2 of tcp-check (expect string '+PONG')" },
		{ PONG, "-ERR~", "PING/", CHECK_L7TOUT, " at step 2 of tcp-check (expect string '+PONG')" },
		/* Rules in a row look at one answer, again from the first when more comes. */
		{ TWO, "ab|xc", "", CHECK_L7OK, "(tcp-check)" },
		{ TWO, "abc|d$", "", CHECK_L7OK, "(tcp-check)" },
		{ TWO, "abd$", "", CHECK_L7RSP, "TCPCHK did not match content (regex) at step 2" },
		/* A send ends the answer before it. */
		{ " option tcp-check\n tcp-check expect string a\n tcp-check send x\n tcp-check expect string a",
		  "a|b$", "x/", CHECK_L7RSP, "TCPCHK did not match content 'a' at step 3" },
		{ " option tcp-check\n tcp-check expect ! string bad", "good$", "", CHECK_L7OK, "(tcp-check)" },
		{ " option tcp-check\n tcp-check expect !string bad comment why", "bad", "", CHECK_L7RSP,
		  "TCPCHK matched unwanted content 'bad' at step 1 comment: why" },
		{ " option tcp-check\n tcp-check expect min-recv 3 string abcd", "ab|x$", "", CHECK_L7RSP,
		  "TCPCHK did not match content 'abcd' at step 1" },
		{ " option tcp-check\n tcp-check expect min-recv 2 rstring ^b", "a|b", "", CHECK_L7RSP,
		  "TCPCHK did not match content (regex) at step 1" },
		{ " option tcp-check\n tcp-check expect rbinary ^00FF", "\x01$", "", CHECK_L7RSP,
		  "TCPCHK did not match content (binary regex) at step 1" },
		{ " option tcp-check\n tcp-check expect binary 6162", "xab", "", CHECK_L7OK, "(tcp-check)" },
		{ " option tcp-check\n tcp-check expect string a ok-status L7OKC on-success fine", "a", "", CHECK_L7OKC,
		  "fine" },
		{ " option tcp-check\n tcp-check expect string a error-status L7STS on-error alas", "b$", "",
		  CHECK_L7STS, "alas" },
		{ " option tcp-check\n tcp-check expect string a tout-status L6TOUT", "~", "", CHECK_L6TOUT,
		  " at step 1 of tcp-check (expect string 'a')" },
		{ " option tcp-check\n tcp-check connect\n tcp-check comment say\n tcp-check expect string a", "^", "",
		  CHECK_SOCKERR, "Connection reset by peer at step 3 of tcp-check (expect string 'a') comment: 'say'" },
		{ " option redis-check", "+PONG\r\n", "*1\r\n$4\r\nPING\r\n/", CHECK_L7OK, "Redis server is ok" },
		{ " option redis-check", "-NOAUTH please\r\n$", "*1\r\n$4\r\nPING\r\n/", CHECK_L7STS,
		  "-NOAUTH please" },
		{ " option smtpchk EHLO me", "220 hi\r\n|250 me\r\n|221 bye\r\n", "EHLO me\r\n/QUIT\r\n/", CHECK_L7OK,
		  "bye" },
		{ " option smtpchk", "554 go\r\n", "", CHECK_L7STS, "go" },
		{ " option smtpchk", "SSH-2.0\r\n", "", CHECK_L7RSP, "SSH-2.0" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct check_script *s;
		struct model *m = load(rows[i].rules, &s);
		struct script_result res;
		struct script_run r;
		char sent[256];

		script_begin(&r, s);
		converse(&r, rows[i].answer, sent, sizeof(sent), &res);
		if (strcmp(res.desc, rows[i].desc) != 0 || res.code != rows[i].code)
			print_error("%s: '%s'\n", rows[i].rules, rows[i].answer);
		assert_string_equal(res.desc, rows[i].desc);
		assert_int_equal(res.code, rows[i].code);
		assert_string_equal(sent, rows[i].sent);
		script_end(&r);
		model_free(m);
	}
}

static void script__answer_without_end__judged_when_full(void **state)
{
	const struct check_script *s;
	struct model *m = load(" option tcp-check\n tcp-check expect string never\n", &s);
	struct script_result res;
	struct script_run r;
	char piece[1000];
	int n = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	script_begin(&r, s);
	while (script_next(&r, &res) != SCRIPT_DONE) {
		if (!script_rule(&r))
			script_passed(&r);
		else
			assert_int_equal(script_input(&r, piece, sizeof(piece)), 0);
		assert_true(++n < 100);
	}
	assert_int_equal(res.code, CHECK_L7RSP);
	assert_int_equal(r.in_len, SCRIPT_INPUT_MAX);
	script_end(&r);
	model_free(m);
}

static void pattern__runs_away__gives_up(void **state)
{
	char error[PATTERN_ERROR_MAX], text[64];
	struct pattern *p = NULL;
	size_t at = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(pattern_new("^(a+)+$", false, &p, &at, error), 0);
	assert_true(pattern_matches(p, text, sizeof(text)));
	text[sizeof(text) - 1] = '!';
	assert_false(pattern_matches(p, text, sizeof(text))); /* 2^63 ways to fail */
	pattern_put(p);
	p = NULL;
	assert_true(pattern_new("a(b", false, &p, &at, error) < 0);
	assert_int_equal(at, 3);
	assert_null(p);
}

static void http__each_rule__haproxys_results(void **state)
{
	static const struct {
		const char *rule;
		int status;
		const char *headers, *body; /* NULL: not there yet */
		bool is_all;
		enum answer_verdict verdict;
		enum check_code code;
		const char *desc;
	} rows[] = {
		{ "status 200-299,404", 404, "", NULL, false, ANSWER_PASSES, 0, "" },
		{ "status 200-299,404", 300, "", NULL, false, ANSWER_FAILS, CHECK_L7STS, "Reason" },
		{ "! status 500-599 comment five", 500, "", NULL, false, ANSWER_FAILS, CHECK_L7STS,
		  "Reason comment: five" },
		{ "rstatus ^[23]", 302, "", NULL, false, ANSWER_PASSES, 0, "" },
		{ "!rstatus ^[23]", 302, "", NULL, false, ANSWER_FAILS, CHECK_L7STS, "Reason" },
		{ "string abc", 200, "", NULL, false, ANSWER_INCOMPLETE, 0, "" },
		{ "string abc", 200, "", "xab", false, ANSWER_INCOMPLETE, 0, "" },
		{ "string abc", 200, "", "xabc", false, ANSWER_PASSES, 0, "" },
		{ "string abc", 200, "", "xab", true, ANSWER_FAILS, CHECK_L7RSP, "HTTP content check did not match" },
		{ "string abc", 200, "", "", true, ANSWER_FAILS, CHECK_L7RSP,
		  "HTTP content check could not find a response body" },
		{ "! rstring b+ error-status L7STS", 200, "", "abb", false, ANSWER_FAILS, CHECK_L7STS,
		  "HTTP check matched unwanted content" },
		{ "! rstring b+", 200, "", "a", false, ANSWER_INCOMPLETE, 0, "" },
		{ "! rstring b+", 200, "", "a", true, ANSWER_PASSES, 0, "" },
		{ "string x on-error alas", 200, "", "a", true, ANSWER_FAILS, CHECK_L7RSP, "alas" },
		{ "hdr name x-Test", 200, "A: b\r\nX-test: c\r\n", NULL, false, ANSWER_PASSES, 0, "" },
		{ "hdr name x-tes", 200, "X-test: c\r\n", NULL, false, ANSWER_FAILS, CHECK_L7STS, "Reason" },
		{ "hdr name a value c", 200, "A: b, c ,d\r\n", NULL, false, ANSWER_PASSES, 0, "" },
		{ "hdr name a value C", 200, "A: b, c ,d\r\n", NULL, false, ANSWER_FAILS, CHECK_L7STS, "Reason" },
		{ "hdr name a value -m beg \"b,\"", 200, "A: \"b, c\"\n", NULL, false, ANSWER_FAILS, CHECK_L7STS,
		  "Reason" },
		{ "fhdr name a value \"b, c\"", 200, "a:b, c\r\n", NULL, false, ANSWER_PASSES, 0, "" },
		{ "fhdr name -m sub set-c value -m end =1", 200, "Set-Cookie: a=2\r\nSet-Cookie: b=1\r\n", NULL, false,
		  ANSWER_PASSES, 0, "" },
		{ "fhdr name -m reg ^x- value -m reg ^[0-9]+$", 200, "X-A: 1a\nX-B: 12\n", NULL, false, ANSWER_PASSES,
		  0, "" },
		{ "!hdr name -m end ie", 200, "Cookie: a\r\n", NULL, false, ANSWER_FAILS, CHECK_L7STS, "Reason" },
		{ "hdr name a", 200, "no colon in this", NULL, false, ANSWER_FAILS, CHECK_L7STS, "Reason" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer a = { .status = rows[i].status, .reason = "Reason", .is_all = rows[i].is_all };
		struct script_result res = { 0 };
		const struct check_script *s;
		enum answer_verdict verdict;
		struct model *m;
		char rules[256];

		snprintf(rules, sizeof(rules), " option httpchk\n http-check expect %s\n", rows[i].rule);
		m = load(rules, &s);
		a.headers = rows[i].headers;
		a.headers_len = strlen(a.headers);
		a.body = rows[i].body ? rows[i].body : "";
		a.body_len = strlen(a.body);
		verdict = http_judge(&s->rules[1], &a, &res);
		if (verdict != rows[i].verdict)
			print_error("%s\n", rows[i].rule);
		assert_int_equal(verdict, rows[i].verdict);
		assert_int_equal(res.code, rows[i].code);
		assert_string_equal(res.desc, rows[i].desc);
		model_free(m);
	}
}

static void status_line__each_form__only_http(void **state)
{
	static const struct {
		const char *line;
		int status; /* 0: none */
		const char *reason;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\n", 200, "OK" },
		{ "HTTP/1.1 404\r\n", 404, "" },
		{ "HTTP/1.1 500 a\033b\n", 500, "a?b" },
		{ "HTTP/1.1 20", 0, NULL },
		{ "HTTP/x.y 200 OK", 0, NULL },
		{ "ICY 200 OK and more", 0, NULL },
		{ "", 0, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char reason[16] = "untouched";
		int status = 0;

		assert_int_equal(http_status_line(rows[i].line, strlen(rows[i].line), &status, reason, sizeof(reason)),
				 rows[i].status != 0);
		assert_int_equal(status, rows[i].status);
		assert_string_equal(reason, rows[i].reason ? rows[i].reason : "untouched");
	}
}

static void script__same_lines__equal(void **state)
{
	static const char *const rules[] = {
		" option tcp-check\n tcp-check send a\n",
		" option tcp-check\n tcp-check send b\n",
		" option tcp-check\n tcp-check send a comment c\n",
		" option tcp-check\n tcp-check expect string a\n",
		" option tcp-check\n tcp-check expect rstring a\n",
		" option tcp-check\n tcp-check expect ! string a\n",
		" option tcp-check\n tcp-check expect string a min-recv 3\n",
		" option tcp-check\n tcp-check connect port 3\n",
		" option tcp-check\n tcp-check connect linger\n",
		" option httpchk\n",
		" option httpchk /x\n",
		" option httpchk\n http-check expect status 200\n",
		" option httpchk\n http-check expect hdr name a\n",
		" option httpchk\n http-check expect fhdr name a\n",
		" option httpchk\n http-check send body x\n",
		" option httpchk\n http-check disable-on-404\n",
		" option redis-check\n",
		"",
	};
	enum { NR = sizeof(rules) / sizeof(rules[0]) };
	const struct check_script *a[NR], *b[NR];
	struct model *m[2 * NR];

	(void)state;
	for (size_t i = 0; i < NR; i++) {
		m[2 * i] = load(rules[i], &a[i]);
		m[2 * i + 1] = load(rules[i], &b[i]);
	}
	for (size_t i = 0; i < NR; i++)
		for (size_t j = 0; j < NR; j++)
			assert_int_equal(script_equal(a[i], b[j]), i == j);
	for (size_t i = 0; i < 2 * NR; i++)
		model_free(m[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(script__answers_piece_by_piece__haproxys_results),
		cmocka_unit_test(script__answer_without_end__judged_when_full),
		cmocka_unit_test(pattern__runs_away__gives_up),
		cmocka_unit_test(http__each_rule__haproxys_results),
		cmocka_unit_test(status_line__each_form__only_http),
		cmocka_unit_test(script__same_lines__equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
