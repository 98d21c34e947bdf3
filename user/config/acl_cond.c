/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conditions of rules (HAProxy configuration manual, section 7.2): names of acls and anonymous ones in braces, all of
 * which must be true, with '!' in front for the opposite, and 'or' or '||' between alternatives.
 */
#include <string.h>

#include "config/parser.h"

/* Names that HAProxy defines itself. */
static const struct {
	const char *name;
	const char *words[5]; /* as the words of an 'acl' line */
} predefined[] = {
	{ "TRUE", { "always_true" } },
	{ "FALSE", { "always_false" } },
	{ "LOCALHOST", { "src", "127.0.0.1/8", "::1" } },
};

enum { NR_PREDEFINED = sizeof(predefined) / sizeof(predefined[0]) };

/* Of requests and of streams: known to HAProxy, nothing that packets tell. */
static const char *const predefined_proxy[] = {
	"HTTP",		  "HTTP_1.0",	   "HTTP_1.1",	   "HTTP_2.0",	  "HTTP_3.0",	 "HTTP_CONTENT", "HTTP_URL_ABS",
	"HTTP_URL_SLASH", "HTTP_URL_STAR", "METH_CONNECT", "METH_DELETE", "METH_GET",	 "METH_HEAD",	 "METH_OPTIONS",
	"METH_POST",	  "METH_PUT",	   "METH_TRACE",   "RDP_COOKIE",  "REQ_CONTENT", "WAIT_END",
};

static struct acl_decl *new_acl(struct parser *p)
{
	struct acl_decl *a = arena_alloc(&p->arena, sizeof(*a));

	if (a)
		TAILQ_INIT(&a->tests);
	return a;
}

/* Reads the words of a predefined one as if they stood in the file. */
static struct acl_decl *make_predefined(struct parser *p, size_t at, size_t which)
{
	struct line saved = p->line;
	struct acl_decl *a = new_acl(p);
	struct test_decl *t;

	for (p->line.nr = 0; predefined[which].words[p->line.nr]; p->line.nr++) {
		p->line.words[p->line.nr] = saved.words[at];
		p->line.words[p->line.nr].text = predefined[which].words[p->line.nr];
	}
	t = acl_test_parse(p, 0, p->line.nr);
	p->line = saved;
	if (!a || !t)
		return NULL;
	TAILQ_INSERT_TAIL(&a->tests, t, next);
	return a;
}

static const char *hint_acl(struct parser *p, const char *name)
{
	const struct acl_decl *a;
	const char *words[65];
	size_t nr = 0;

	TAILQ_FOREACH(a, &p->proxy->acls, next)
		if (nr < 64)
			words[nr++] = a->name;
	words[nr] = NULL;
	return did_you_mean(p, name, words);
}

/* NULL: no such name, which was said, or one that needs a proxy, as 'ret_why' then says. */
static struct acl_decl *find_acl(struct parser *p, size_t at, const char *name, const char **ret_why)
{
	const char *hint;
	struct acl_decl *a;
	size_t i;

	TAILQ_FOREACH(a, &p->proxy->acls, next)
		if (!strcmp(a->name, name))
			return a;
	for (i = 0; i < NR_PREDEFINED; i++)
		if (!strcmp(predefined[i].name, name))
			return make_predefined(p, at, i);
	for (i = 0; i < sizeof(predefined_proxy) / sizeof(predefined_proxy[0]); i++) {
		if (strcmp(predefined_proxy[i], name) != 0)
			continue;
		*ret_why = arena_printf(&p->arena, "the condition '%s' looks into the stream", name);
		return NULL;
	}
	hint = hint_acl(p, name);
	complain(p, at, CODE_UNKNOWN_NAME,
		 hint		   ? hint :
		 strchr(name, '{') ? "put blanks around the braces" :
				     "write a line 'acl NAME ...' above it",
		 "no acl is called '%s' here", name);
	return NULL;
}

/* "{ ... }" from word 'at' on. Sets 'ret_end' to the word behind it. */
static struct acl_decl *anonymous(struct parser *p, size_t at, size_t *ret_end)
{
	struct acl_decl *a = new_acl(p);
	struct test_decl *t;
	size_t end = at + 1;

	while (parser_word(p, end) && strcmp(parser_word(p, end), "}") != 0)
		end++;
	*ret_end = end + 1;
	if (!parser_word(p, end)) {
		complain(p, at, CODE_SYNTAX, "put a blank in front of it", "the brace is not closed by '}'");
		return NULL;
	}
	if (end == at + 1) {
		complain(p, at, CODE_MISSING_ARG, NULL, "there is nothing between the braces");
		return NULL;
	}
	t = acl_test_parse(p, at + 1, end);
	if (!a || !t)
		return NULL;
	TAILQ_INSERT_TAIL(&a->tests, t, next);
	return a;
}

/* Why packets cannot tell whether the acl is true, or NULL. */
static const char *why_proxy(struct parser *p, const struct acl_decl *a)
{
	const struct test_decl *t;

	TAILQ_FOREACH(t, &a->tests, next) {
		if (!t->needs_proxy)
			continue;
		if (!a->name)
			return arena_printf(&p->arena, "the condition looks at '%s': %s", t->word, t->needs_proxy);
		return arena_printf(&p->arena, "acl '%s' (%s:%u) looks at '%s': %s", a->name, t->place.file,
				    t->place.line, t->word, t->needs_proxy);
	}
	return NULL;
}

static bool is_or(const char *word)
{
	return !strcmp(word, "or") || !strcmp(word, "||");
}

/* One term from word '*at' on, which moves behind it. False: a message, or a reason for a proxy in 'ret_why'. */
static bool take_term(struct parser *p, size_t *at, struct term_decl *term, const char **ret_why)
{
	const char *word = parser_word(p, *at);
	size_t start = *at;

	while (*word == '!') {
		term->negated = !term->negated;
		word++;
		if (*word)
			continue;
		word = parser_word(p, ++*at);
		if (!word || is_or(word)) {
			complain(p, start, CODE_SYNTAX, "write the name of an acl behind it", "'!' stands alone");
			return false;
		}
	}
	if (!strcmp(word, "{")) {
		term->acl = anonymous(p, *at, at);
	} else {
		term->acl = find_acl(p, *at, word, ret_why);
		++*at;
	}
	if (term->acl && !*ret_why)
		*ret_why = why_proxy(p, term->acl);
	return term->acl && !*ret_why;
}

/* The terms from word 'at' on. False: a message was added, or 'ret_why' says why a proxy is needed. */
static bool take_terms(struct parser *p, size_t at, struct cond_decl *ret, const char **ret_why)
{
	bool starts_or = false;
	const char *word;

	while ((word = parser_word(p, at))) {
		struct term_decl *term = &ret->terms[ret->nr];

		if (is_or(word)) {
			if (!ret->nr || starts_or)
				break; /* an alternative is missing */
			starts_or = true;
			at++;
			continue;
		}
		term->starts_or = starts_or;
		starts_or = false;
		ret->nr++;
		/* What follows a term in error may be a part of it: one message is enough. */
		if (!take_term(p, &at, term, ret_why))
			return false;
	}
	if (!word && !starts_or)
		return true;
	complain(p, at, CODE_SYNTAX, NULL, "an alternative is missing beside 'or'");
	return false;
}

bool cond_parse(struct parser *p, size_t at, struct cond_decl *ret)
{
	const char *word = parser_word(p, at), *why = NULL;

	memset(ret, 0, sizeof(*ret));
	if (!word)
		return true;
	if (strcmp(word, "if") != 0 && strcmp(word, "unless") != 0) {
		complain(p, at, CODE_WORD, NULL, "'if' or 'unless' was expected instead of '%s'", word);
		return false;
	}
	if (!parser_word(p, at + 1)) {
		complain(p, at + 1, CODE_MISSING_ARG, NULL, "'%s' needs a condition after it", word);
		return false;
	}
	ret->unless = *word == 'u';
	ret->terms = arena_alloc(&p->arena, (p->line.nr - at) * sizeof(*ret->terms));
	if (!ret->terms)
		return false;
	if (take_terms(p, at + 1, ret, &why))
		return true;
	ret->nr = 0; /* the last one may lack its acl */
	if (why)
		need_proxy(p, 0, why);
	return false;
}
