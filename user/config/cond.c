/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conditions of .if and .elif (HAProxy configuration manual, section 2.4): numbers, predicates, '!', '&&', '||' and
 * parentheses, where '&&' binds stronger than '||'.
 *
 * A file may ask which HAProxy reads it, to choose lines that this one knows. The answers are those of Debian 12's
 * package, HAProxy 2.6, so that xlb and the HAProxy beside it read the same lines of one file.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/parser.h"

enum { DEPTH_MAX = 64, ARGS_OF_PREDICATE = 2 };

static const char haproxy_version[] = "2.6.12", openssl_version[] = "3.0.19";

/* What HAProxy was built with ('haproxy -vv'). Any other feature is absent. */
static const char *const features[] = {
	"ACCEPT4",  "BACKTRACE",    "CPU_AFFINITY", "CRYPT_H", "DL",	      "EPOLL",	"GETADDRINFO",
	"LIBCRYPT", "LINUX_SPLICE", "LINUX_TPROXY", "LUA",     "NETFILTER",   "NS",	"OPENSSL",
	"OT",	    "PCRE2",	    "PCRE2_JIT",    "POLL",    "PRCTL",	      "PROMEX", "RT",
	"SLZ",	    "SYSTEMD",	    "TFO",	    "THREAD",  "THREAD_DUMP", "TPROXY", NULL,
};

/* Where the evaluation stands. 'bad' is where it could not go on, or NULL. */
struct cond_text {
	struct parser *p;
	char *at;
	const char *bad;
	unsigned int depth;
};

static bool eval_any(struct cond_text *c);

static void skip_blank(struct cond_text *c)
{
	while (isspace((unsigned char)*c->at))
		c->at++;
}

static bool give_up(struct cond_text *c)
{
	if (!c->bad)
		c->bad = c->at;
	return false;
}

/* The number at '*text', which moves behind it and behind a dot that another number follows. */
static unsigned long next_number(const char **text)
{
	char *end;
	unsigned long n = strtoul(*text, &end, 10);

	if (*end == '.' && isdigit((unsigned char)end[1]))
		end++;
	else
		end += strlen(end); /* "-dev3" and its like count for nothing */
	*text = end;
	return n;
}

/* Compares number by number; a missing one is 0. */
static bool version_is_atleast(const char *version, const char *wanted)
{
	while (*version || *wanted) {
		unsigned long have = next_number(&version), want = next_number(&wanted);

		if (have != want)
			return have > want;
	}
	return true;
}

static bool is_defined(struct parser *p, char *const *args)
{
	return *args[0] != '.' && preproc_getenv(p, args[0]);
}

static bool has_feature(struct parser *p, char *const *args)
{
	const char *const *f;

	(void)p;
	for (f = features; *f; f++)
		if (!strcmp(*f, args[0]))
			return true;
	return false;
}

static bool is_equal(struct parser *p, char *const *args)
{
	(void)p;
	return !strcmp(args[0], args[1]);
}

static bool differs(struct parser *p, char *const *args)
{
	return !is_equal(p, args);
}

static bool contains(struct parser *p, char *const *args)
{
	(void)p;
	return strstr(args[0], args[1]) != NULL;
}

static bool version_atleast(struct parser *p, char *const *args)
{
	(void)p;
	return version_is_atleast(haproxy_version, args[0]);
}

static bool version_before(struct parser *p, char *const *args)
{
	return !version_atleast(p, args);
}

static bool openssl_atleast(struct parser *p, char *const *args)
{
	(void)p;
	return version_is_atleast(openssl_version, args[0]);
}

static bool openssl_before(struct parser *p, char *const *args)
{
	return !openssl_atleast(p, args);
}

static const struct predicate {
	const char *name;
	int nr_args;
	bool (*eval)(struct parser *p, char *const *args);
} predicates[] = {
	{ "defined", 1, is_defined },
	{ "feature", 1, has_feature },
	{ "streq", 2, is_equal },
	{ "strneq", 2, differs },
	{ "strstr", 2, contains },
	{ "version_atleast", 1, version_atleast },
	{ "version_before", 1, version_before },
	{ "openssl_version_atleast", 1, openssl_atleast },
	{ "openssl_version_before", 1, openssl_before },
};

enum { NR_PREDICATES = sizeof(predicates) / sizeof(predicates[0]) };

/* The arguments behind '(', cut apart in place; blanks belong to them. Returns how many, or -1. */
static int take_args(struct cond_text *c, char **ret)
{
	int nr = 0;
	char end;

	do {
		if (nr == ARGS_OF_PREDICATE)
			return -1;
		ret[nr++] = c->at;
		c->at += strcspn(c->at, ",)");
		end = *c->at;
		if (!end)
			return -1;
		*c->at++ = '\0';
	} while (end == ',');
	return nr;
}

static bool eval_predicate(struct cond_text *c)
{
	size_t len = strspn(c->at, "abcdefghijklmnopqrstuvwxyz_"), i;
	char *args[ARGS_OF_PREDICATE], *start = c->at;

	for (i = 0; i < NR_PREDICATES; i++)
		if (len == strlen(predicates[i].name) && !strncmp(predicates[i].name, start, len))
			break;
	if (i == NR_PREDICATES)
		return give_up(c);
	c->at += len;
	if (*c->at != '(')
		return predicates[i].nr_args == 1 ? false : give_up(c); /* HAProxy takes "defined" for "defined()" */
	c->at++;
	if (take_args(c, args) != predicates[i].nr_args)
		return give_up(c);
	return predicates[i].eval(c->p, args);
}

static bool eval_number(struct cond_text *c)
{
	char *start = c->at + (*c->at == '-');
	size_t len = strspn(start, "0123456789");

	c->at = start + len;
	return strspn(start, "0") < len;
}

static bool eval_term(struct cond_text *c)
{
	bool value;

	skip_blank(c);
	if (*c->at == '!' || *c->at == '(') {
		char open = *c->at++;

		if (++c->depth > DEPTH_MAX)
			return give_up(c);
		value = open == '!' ? !eval_term(c) : eval_any(c);
		c->depth--;
		if (c->bad || open == '!')
			return value;
		skip_blank(c);
		if (*c->at != ')')
			return give_up(c);
		c->at++;
		return value;
	}
	if (isdigit((unsigned char)*c->at) || (*c->at == '-' && isdigit((unsigned char)c->at[1])))
		return eval_number(c);
	return eval_predicate(c);
}

static bool take_operator(struct cond_text *c, const char *op)
{
	skip_blank(c);
	if (strncmp(c->at, op, 2) != 0)
		return false;
	c->at += 2;
	return true;
}

static bool eval_all(struct cond_text *c)
{
	bool value = eval_term(c);

	while (!c->bad && take_operator(c, "&&"))
		value = eval_term(c) && value;
	return value;
}

static bool eval_any(struct cond_text *c)
{
	bool value = eval_all(c);

	while (!c->bad && take_operator(c, "||"))
		value = eval_all(c) || value;
	return value;
}

bool cond_eval(struct parser *p, size_t at, bool *ret)
{
	struct cond_text c = { .p = p };
	struct buf text = { 0 };
	bool value = false;

	for (; parser_word(p, at); at++) {
		buf_puts(&text, parser_word(p, at));
		buf_puts(&text, parser_word(p, at + 1) ? " " : "");
	}
	buf_add(&text, "", 1);
	if (text.failed) {
		p->arena.failed = true;
		buf_fini(&text);
		return false;
	}
	c.at = text.data;
	skip_blank(&c);
	if (*c.at) {
		value = eval_any(&c);
		skip_blank(&c);
		if (*c.at)
			give_up(&c);
	}
	buf_fini(&text);
	if (!c.bad)
		*ret = value;
	return !c.bad;
}
