/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What servers and agents answer to checks: any bytes, in any pieces. The first byte chooses a check, the second the
 * size of the pieces, the rest is the answer. Every script must come to an end once the server has closed, with a
 * result that has a name, and never look beyond what came.
 */
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "config/conf.h"
#include "model/agent.h"
#include "model/http_answer.h"
#include "model/model.h"
#include "model/script_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char text[] =
	"defaults\n balance roundrobin\n"
	"backend a\n option tcp-check\n tcp-check expect string ab\n tcp-check send x\n tcp-check expect ! rstring c$\n"
	" server s 1.1.1.1:1 check\n"
	"backend b\n option tcp-check\n tcp-check expect rbinary ^00.*FF min-recv 3\n server s 1.1.1.1:1 check\n"
	"backend c\n option mysql-check user u\n server s 1.1.1.1:1 check\n"
	"backend d\n option pgsql-check user u\n server s 1.1.1.1:1 check\n"
	"backend e\n option ldap-check\n server s 1.1.1.1:1 check\n"
	"backend f\n option smtpchk\n server s 1.1.1.1:1 check\n"
	"backend g\n option redis-check\n server s 1.1.1.1:1 check\n"
	"backend h\n option ssl-hello-chk\n server s 1.1.1.1:1 check\n"
	"backend dns\n#@xlb check dns a.b\n server s 1.1.1.1:1 check\n"
	"backend i\n option httpchk\n http-check expect hdr name -m sub a value -m reg b+\n http-check expect fhdr "
	"name "
	"c value -m end d\n server s 1.1.1.1:1 check\n"
	"backend j\n option httpchk\n http-check expect ! rstring \"(a|b)+c\"\n server s 1.1.1.1:1 check\n"
	"backend k\n option httpchk\n http-check expect string abc\n server s 1.1.1.1:1 check\n";

enum { NR_SCRIPTS = 12 };

static const struct check_script *scripts[NR_SCRIPTS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct diag_list diags;
	static struct model *m; /* lives on: the scripts are its own */
	const struct backend *b;
	size_t nr = 0;

	(void)argc;
	(void)argv;
	diag_init(&diags);
	if (conf_load_text("t", text, sizeof(text) - 1, NULL, &diags, &m))
		abort();
	diag_fini(&diags);
	TAILQ_FOREACH(b, &m->backends, next)
		scripts[nr++] = TAILQ_FIRST(&b->servers)->check.script;
	if (nr != NR_SCRIPTS)
		abort();
	return 0;
}

static void converse(const struct check_script *s, const char *answer, size_t len, size_t piece)
{
	struct script_result res;
	struct script_run r;
	enum script_want want;
	unsigned int closed = 0;

	script_begin(&r, s);
	while ((want = script_next(&r, &res)) != SCRIPT_DONE) {
		if (want != SCRIPT_RECEIVE) {
			script_passed(&r);
			continue;
		}
		script_late(&r, LAYER_DATA, &res);
		if (piece > len)
			piece = len;
		if (!piece && ++closed > s->nr)
			abort();
		if (script_input(&r, answer, piece))
			abort();
		answer += piece;
		len -= piece;
	}
	if (res.code <= CHECK_SOCKERR || res.code >= CHECK_NR_CODES || strlen(res.desc) >= sizeof(res.desc))
		abort();
	script_end(&r);
}

/* Headers end at the first empty line; 'cut' tells how much of the body is there. */
static void answer_http(const struct check_script *s, char *answer, size_t len, size_t cut)
{
	struct http_answer a = { 0 };
	struct script_result res;
	char reason[64] = "";
	char *body;

	if (!http_status_line(answer, len, &a.status, reason, sizeof(reason)))
		a.status = 200;
	body = memmem(answer, len, "\n\n", 2);
	a.reason = reason;
	a.headers = answer;
	a.headers_len = body ? (size_t)(body - answer) + 1 : len;
	a.body = answer + a.headers_len;
	a.body_len = len - a.headers_len;
	if (a.body_len > cut)
		a.body_len = cut;
	a.is_all = true;
	for (size_t i = 1; i < s->nr; i++)
		if (http_judge(&s->rules[i], &a, &res) == ANSWER_INCOMPLETE)
			abort();
	a.is_all = false;
	for (size_t i = 1; i < s->nr; i++)
		(void)http_judge(&s->rules[i], &a, &res);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_reply reply;
	const struct check_script *s;
	char *answer;

	if (size < 2)
		return 0;
	/* Exactly as large as the answer, so that a look beyond it is seen. */
	answer = malloc(size - 2 + !(size - 2));
	if (!answer)
		return 0;
	memcpy(answer, data + 2, size - 2);
	s = scripts[data[0] % NR_SCRIPTS];
	agent_parse(answer, size - 2, &reply);
	if (reply.weight > 1000000 || reply.maxconn > 1000000 || (reply.health && !*reply.word))
		abort();
	if (s->rules[0].action == RULE_REQUEST)
		answer_http(s, answer, size - 2, data[1] * 16u);
	else
		converse(s, answer, size - 2, data[1] + 1u);
	free(answer);
	return 0;
}
