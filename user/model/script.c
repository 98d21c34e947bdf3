/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Scripts as values: made, counted, compared. A compiled pattern is compared by the text that it was made from. */
#include "model/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check_script *script_new(void)
{
	struct check_script *s = calloc(1, sizeof(*s));

	if (s)
		s->refs = 1;
	return s;
}

struct check_rule *script_add(struct check_script *s, enum rule_action action)
{
	struct check_rule *grown;

	if (s->nr == s->cap) {
		grown = realloc(s->rules, (s->cap + 4) * sizeof(*grown));
		if (!grown)
			return NULL;
		s->rules = grown;
		s->cap += 4;
	}
	s->rules[s->nr] = (struct check_rule){ .action = action, .expect.min_recv = -1 };
	return &s->rules[s->nr++];
}

struct check_script *script_get(struct check_script *s)
{
	if (s)
		s->refs++;
	return s;
}

static void word_fini(struct rule_word *w)
{
	free(w->text);
	pattern_put(w->regex);
}

static void rule_fini(struct check_rule *r)
{
	free(r->comment);
	free(r->data);
	free(r->connect.sni);
	free(r->connect.alpn);
	free(r->expect.on_ok);
	free(r->expect.on_error);
	free(r->expect.ranges);
	pattern_put(r->expect.regex);
	word_fini(&r->expect.name);
	word_fini(&r->expect.value);
	free(r->request.method);
	free(r->request.uri);
	free(r->request.version);
	free(r->request.headers);
	free(r->request.body);
}

void script_put(struct check_script *s)
{
	if (!s || --s->refs)
		return;
	for (size_t i = 0; i < s->nr; i++)
		rule_fini(&s->rules[i]);
	free(s->rules);
	free(s);
}

int script_text(char **field, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int script_data(struct check_rule *r, const void *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	free(r->data);
	r->data = copy;
	r->data_len = len;
	return 0;
}

static int copy_word(struct rule_word *dst, const struct rule_word *src)
{
	dst->how = src->how;
	dst->regex = pattern_get(src->regex);
	return script_text(&dst->text, src->text);
}

static int copy_ranges(struct rule_expect *dst, const struct rule_expect *src)
{
	if (!src->nr_ranges)
		return 0;
	dst->ranges = calloc(src->nr_ranges, sizeof(*dst->ranges));
	if (!dst->ranges)
		return -ENOMEM;
	memcpy(dst->ranges, src->ranges, src->nr_ranges * sizeof(*dst->ranges));
	dst->nr_ranges = src->nr_ranges;
	return 0;
}

/* All that 'dst' owns. What a failure leaves behind belongs to 'dst' too. */
static int copy_owned(struct check_rule *dst, const struct check_rule *src)
{
	dst->expect.regex = pattern_get(src->expect.regex);
	return script_text(&dst->comment, src->comment) || (src->data && script_data(dst, src->data, src->data_len)) ||
			       script_text(&dst->connect.sni, src->connect.sni) ||
			       script_text(&dst->connect.alpn, src->connect.alpn) ||
			       script_text(&dst->expect.on_ok, src->expect.on_ok) ||
			       script_text(&dst->expect.on_error, src->expect.on_error) ||
			       copy_ranges(&dst->expect, &src->expect) ||
			       copy_word(&dst->expect.name, &src->expect.name) ||
			       copy_word(&dst->expect.value, &src->expect.value) ||
			       script_text(&dst->request.method, src->request.method) ||
			       script_text(&dst->request.uri, src->request.uri) ||
			       script_text(&dst->request.version, src->request.version) ||
			       script_text(&dst->request.headers, src->request.headers) ||
			       script_text(&dst->request.body, src->request.body) ?
		       -ENOMEM :
		       0;
}

int script_copy_rule(struct check_script *s, const struct check_rule *rule)
{
	struct check_rule *r = script_add(s, rule->action);

	if (!r)
		return -ENOMEM;
	r->step = rule->step;
	r->connect.addr = rule->connect.addr;
	r->connect.port = rule->connect.port;
	r->connect.tls = rule->connect.tls;
	r->connect.as_server = rule->connect.as_server;
	r->connect.linger = rule->connect.linger;
	r->connect.proxy_line = rule->connect.proxy_line;
	r->expect.match = rule->expect.match;
	r->expect.inverse = rule->expect.inverse;
	r->expect.min_recv = rule->expect.min_recv;
	r->expect.ok = rule->expect.ok;
	r->expect.error = rule->expect.error;
	r->expect.late = rule->expect.late;
	r->expect.tells_answer = rule->expect.tells_answer;
	r->expect.answer_from = rule->expect.answer_from;
	r->expect.code_in_answer = rule->expect.code_in_answer;
	r->expect.whole_value = rule->expect.whole_value;
	return copy_owned(r, rule);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_word(const struct rule_word *a, const struct rule_word *b)
{
	return a->how == b->how && same_text(a->text, b->text);
}

static bool same_connect(const struct rule_connect *a, const struct rule_connect *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port && a->tls == b->tls &&
	       a->as_server == b->as_server && a->linger == b->linger && a->proxy_line == b->proxy_line &&
	       same_text(a->sni, b->sni) && same_text(a->alpn, b->alpn);
}

static bool same_expect(const struct rule_expect *a, const struct rule_expect *b)
{
	return a->match == b->match && a->inverse == b->inverse && a->min_recv == b->min_recv && a->ok == b->ok &&
	       a->error == b->error && a->late == b->late && a->tells_answer == b->tells_answer &&
	       a->answer_from == b->answer_from && a->code_in_answer == b->code_in_answer &&
	       a->whole_value == b->whole_value && same_text(a->on_ok, b->on_ok) &&
	       same_text(a->on_error, b->on_error) && a->nr_ranges == b->nr_ranges &&
	       (!a->nr_ranges || !memcmp(a->ranges, b->ranges, a->nr_ranges * sizeof(*a->ranges))) &&
	       same_word(&a->name, &b->name) && same_word(&a->value, &b->value);
}

static bool same_request(const struct rule_request *a, const struct rule_request *b)
{
	return same_text(a->method, b->method) && same_text(a->uri, b->uri) && same_text(a->version, b->version) &&
	       same_text(a->headers, b->headers) && same_text(a->body, b->body);
}

static bool same_rule(const struct check_rule *a, const struct check_rule *b)
{
	return a->action == b->action && a->step == b->step && same_text(a->comment, b->comment) &&
	       a->data_len == b->data_len && (!a->data_len || !memcmp(a->data, b->data, a->data_len)) &&
	       same_connect(&a->connect, &b->connect) && same_expect(&a->expect, &b->expect) &&
	       same_request(&a->request, &b->request);
}

bool script_equal(const struct check_script *a, const struct check_script *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->nr != b->nr || a->nolb_on_404 != b->nolb_on_404 || a->send_state != b->send_state ||
	    a->is_protocol != b->is_protocol)
		return false;
	for (size_t i = 0; i < a->nr; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}
