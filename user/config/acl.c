/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'acl' lines (HAProxy configuration manual, section 7): what is looked at, and the patterns that make it true.
 *
 * Any line is read, since it may be for rules that a proxy follows; what packets cannot tell is remembered with its
 * reason, for the rule that will name it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/parser.h"

enum { PATTERN_FILE_MAX = 64 * 1024 * 1024 };

/* What can be looked at. 'arg': the kind of word between parentheses. */
enum fetch_arg { ARG_NONE, ARG_TABLE, ARG_COUNTER, ARG_BACKEND };

static const struct fetch {
	const char *word; /* for counters the part behind "src_", "sc0_" or "sc_" */
	enum acl_field field;
	bool is_counter;
	enum test_id id;
} fetches[] = {
	{ "fe_id", ACL_FALSE, false, TEST_FRONTEND_ID },
	{ "so_id", ACL_FALSE, false, TEST_SOCKET_ID },
	{ "src", ACL_SRC, false, TEST_NO_ID },
	{ "dst", ACL_DST, false, TEST_NO_ID },
	{ "src_port", ACL_SRC_PORT, false, TEST_NO_ID },
	{ "dst_port", ACL_DST_PORT, false, TEST_NO_ID },
	{ "nbsrv", ACL_NBSRV, false, TEST_NO_ID },
	{ "always_true", ACL_TRUE, false, TEST_NO_ID },
	{ "always_false", ACL_FALSE, false, TEST_NO_ID },
	{ "conn_cnt", ACL_CONN_CNT, true, TEST_NO_ID },
	{ "conn_cur", ACL_CONN_CUR, true, TEST_NO_ID },
	{ "conn_rate", ACL_CONN_RATE, true, TEST_NO_ID },
	{ "sess_cnt", ACL_CONN_CNT, true, TEST_NO_ID }, /* at layer 4 a session is a connection */
	{ "sess_rate", ACL_CONN_RATE, true, TEST_NO_ID },
	{ "get_gpc0", ACL_GPC0, true, TEST_NO_ID },
	{ "gpc0_rate", ACL_GPC0_RATE, true, TEST_NO_ID },
};

enum { NR_FETCHES = sizeof(fetches) / sizeof(fetches[0]) };

static bool is_numeric(enum acl_field field)
{
	return field != ACL_SRC && field != ACL_DST;
}

/* --- patterns ----------------------------------------------------------------------------------------------------- */

/* Where patterns go: the set, and for messages where they stand. */
struct pattern_target {
	struct parser *p;
	struct acl_set *set;
	struct diag_place place;
	enum { OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT } op; /* of the numbers that follow */
};

static const struct named_value operators[] = {
	{ "eq", OP_EQ }, { "ge", OP_GE }, { "gt", OP_GT }, { "le", OP_LE }, { "lt", OP_LT }, { NULL, 0 },
};

static bool bad_pattern(struct pattern_target *t, const char *text, const char *kind)
{
	report(t->p, DIAG_ERROR, &t->place, CODE_ACL_PATTERN, NULL, "'%s' is not %s", text, kind);
	return false;
}

static bool add_net(struct pattern_target *t, const char *text)
{
	struct cidr net;

	if (cidr_parse(text, &net))
		return bad_pattern(t, text, "an address or a network such as 10.0.0.0/8");
	if (acl_set_add_net(t->set, &net))
		t->p->arena.failed = true;
	return true;
}

/* Decimal digits; an empty text is 'otherwise'. */
static bool read_bound(const char *text, size_t len, uint64_t otherwise, uint64_t *ret)
{
	uint64_t n = 0;

	if (!len) {
		*ret = otherwise;
		return true;
	}
	if (len > 18)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return true;
}

static struct num_range apply_operator(int op, struct num_range r)
{
	switch (op) {
	case OP_GE:
		return (struct num_range){ r.lo, UINT64_MAX };
	case OP_GT:
		return (struct num_range){ r.hi + 1, UINT64_MAX };
	case OP_LE:
		return (struct num_range){ 0, r.hi };
	case OP_LT:
		return r.lo ? (struct num_range){ 0, r.lo - 1 } : (struct num_range){ 1, 0 };
	default:
		return r;
	}
}

/* "80", "1000:2000", ":1023", "1024:", or an operator for those that follow. */
static bool add_number(struct pattern_target *t, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	struct num_range r;

	for (size_t i = 0; operators[i].word; i++) {
		if (!strcmp(operators[i].word, text)) {
			t->op = operators[i].value;
			return true;
		}
	}
	if (!*text || !strcmp(text, ":") || !read_bound(text, len, 0, &r.lo))
		return bad_pattern(t, text, "a number, or a range such as 1000:2000");
	r.hi = r.lo;
	if (colon && !read_bound(colon + 1, strlen(colon + 1), UINT64_MAX, &r.hi))
		return bad_pattern(t, text, "a range of numbers such as 1000:2000");
	r = apply_operator(t->op, r);
	if (r.lo <= r.hi && acl_set_add_range(t->set, r))
		t->p->arena.failed = true;
	return true;
}

static bool add_pattern(struct pattern_target *t, const char *text)
{
	return t->set->numeric ? add_number(t, text) : add_net(t, text);
}

/* Of a file, or of the words behind 'fetch'. */
static struct acl_set *new_set(struct parser *p, const char *file, const char *fetch, bool numeric)
{
	struct acl_set *set = calloc(1, sizeof(*set));
	struct buf where = { 0 };

	buf_printf(&where, "%s:%u", p->file, p->line_nr);
	if (set) {
		set->id = p->nr_acl_sets++;
		set->numeric = numeric;
		set->file = file ? strdup(file) : NULL;
		set->fetch = fetch ? strndup(fetch, strcspn(fetch, "(,")) : NULL;
		set->where = where.data;
		where.data = NULL;
		TAILQ_INSERT_TAIL(&p->model->acl_sets, set, next);
	}
	if (!set || (file && !set->file) || (fetch && !set->fetch) || !set->where)
		p->arena.failed = true;
	buf_fini(&where);
	return set;
}

/* One pattern a line; blank lines and those that begin with '#' do not count. */
static bool read_patterns(struct pattern_target *t, char *text)
{
	char *line, *end, *save = NULL;
	bool valid = true;

	t->place.col = t->place.len = 0;
	t->place.source_line = NULL;
	t->place.line = 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t\r");
		end = line + strlen(line);
		while (end > line && isspace((unsigned char)end[-1]))
			*--end = '\0';
		if (*line && *line != '#')
			valid = add_pattern(t, line) && valid;
	}
	return valid;
}

/* One more line names the file. */
static void add_use(struct parser *p, struct acl_set *set)
{
	struct buf more = { 0 };

	buf_printf(&more, "%s, by acl at file '%s' line %u", set->where_more ? set->where_more : "", p->file,
		   p->line_nr);
	free(set->where_more);
	set->where_more = more.data;
	if (more.failed)
		p->arena.failed = true;
}

/* The whole file as text, or -errno. */
static int slurp(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	char chunk[65536];
	struct stat st;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > PATTERN_FILE_MAX)
		err = -EFBIG;
	while (!err && got > 0) {
		got = read(fd, chunk, sizeof(chunk));
		if (got < 0)
			err = -errno;
		else
			buf_add(out, chunk, (size_t)got);
	}
	close(fd);
	buf_add(out, "", 1);
	return out->failed ? -ENOMEM : err;
}

/* The set of a file, read when it is named for the first time. NULL after a message. */
static struct acl_set *file_set(struct parser *p, size_t at, bool numeric)
{
	const char *path = parser_word(p, at);
	struct pattern_target t = { .p = p, .place = parser_place(p, at) };
	struct buf text = { 0 };
	struct acl_set *set;
	int err;

	TAILQ_FOREACH(set, &p->model->acl_sets, next)
		if (set->file && set->numeric == numeric && !strcmp(set->file, path)) {
			add_use(p, set);
			return set;
		}
	err = p->opt && p->opt->no_files ? -EPERM : slurp(path, &text);
	if (err) {
		complain(p, at, CODE_FILE_OPEN, NULL, "the patterns in '%s' cannot be read: %s", path,
			 err == -EFBIG ? "no file of at most 64 MiB" : strerror(-err));
		buf_fini(&text);
		return NULL;
	}
	set = t.set = new_set(p, path, NULL, numeric);
	t.place.file = arena_copy(&p->arena, path, strlen(path));
	if (set && !read_patterns(&t, text.data))
		set = NULL;
	buf_fini(&text);
	return set;
}

/* --- one line ----------------------------------------------------------------------------------------------------- */

/* "sc0_", "sc_", "src_" in front of a counter's name. Returns its length, 0: none of them. */
static size_t counter_prefix(const char *word, struct test_decl *t, enum fetch_arg *ret_arg)
{
	if (!strncmp(word, "src_", 4)) {
		*ret_arg = ARG_TABLE;
		return 4;
	}
	t->tracked = !strncmp(word, "sc", 2);
	if (!strncmp(word, "sc_", 3)) {
		*ret_arg = ARG_COUNTER;
		return 3;
	}
	if (t->tracked && word[2] >= '0' && word[2] < '0' + POLICY_COUNTERS && word[3] == '_') {
		t->counter = (unsigned int)(word[2] - '0');
		*ret_arg = ARG_TABLE;
		return 4;
	}
	return 0;
}

static const struct fetch *find_fetch(const char *word, size_t len, bool is_counter)
{
	for (size_t i = 0; i < NR_FETCHES; i++)
		if (fetches[i].is_counter == is_counter && strlen(fetches[i].word) == len &&
		    !strncmp(fetches[i].word, word, len))
			return &fetches[i];
	return NULL;
}

/* What stands between the parentheses. False: nothing that is known here. */
static bool take_arg(struct parser *p, struct test_decl *t, const char *text, size_t len, enum fetch_arg kind)
{
	const char *arg = arena_copy(&p->arena, text, len), *name;

	if (!arg)
		return false;
	switch (kind) {
	case ARG_NONE:
		return false;
	case ARG_TABLE:
		t->table = *arg ? arg : NULL;
		return true;
	case ARG_BACKEND:
		t->backend = *arg ? arg : NULL;
		return true;
	case ARG_COUNTER:
		if (!isdigit((unsigned char)*arg) || *arg - '0' >= POLICY_COUNTERS || (arg[1] && arg[1] != ','))
			return false;
		t->counter = (unsigned int)(*arg - '0');
		name = arg[1] ? arg + 2 : NULL;
		t->table = name && *name ? name : NULL;
		return true;
	}
	return false;
}

/* Reads what is looked at. False: packets do not tell. */
static bool take_fetch(struct parser *p, struct test_decl *t)
{
	const char *word = t->word, *open, *close;
	size_t len = strcspn(word, "(,"), skip;
	enum fetch_arg arg = ARG_NONE;
	const struct fetch *f = find_fetch(word, len, false);

	if (!f) {
		skip = counter_prefix(word, t, &arg);
		f = skip && len > skip ? find_fetch(word + skip, len - skip, true) : NULL;
	} else if (f->field == ACL_NBSRV) {
		arg = ARG_BACKEND;
	}
	if (!f)
		return false;
	t->field = f->field;
	t->id = f->id;
	open = word + len;
	if (!*open)
		return arg != ARG_COUNTER;
	close = strchr(open, ')');
	if (*open != '(' || !close || close[1])
		return false; /* converters behind it */
	return take_arg(p, t, open + 1, (size_t)(close - open - 1), arg);
}

/* Flags in front of the patterns. Moves '*at' behind them. False after a message. */
static bool take_flags(struct parser *p, size_t *at, size_t end, struct test_decl *t)
{
	const char *word;

	for (; *at < end && (word = parser_word(p, *at)) && *word == '-'; ++*at) {
		bool has_arg = !strcmp(word, "-f") || !strcmp(word, "-m") || !strcmp(word, "-u");

		if (!strcmp(word, "--")) {
			++*at;
			return true;
		}
		if (has_arg && *at + 1 >= end) {
			complain(p, *at, CODE_MISSING_ARG, NULL, "'%s' needs a word after it", word);
			return false;
		}
		if (has_arg)
			++*at;
		if (!strcmp(word, "-m") && strcmp(parser_word(p, *at), "ip") != 0 &&
		    strcmp(parser_word(p, *at), "int") != 0) {
			t->needs_proxy = "it compares addresses and ports in another way than by their value";
		} else if (!strcmp(word, "-f") && !t->needs_proxy) {
			if (t->nr_sets + 1 == ACL_SETS_MAX) {
				complain(p, *at, CODE_EXTRA_ARG, "join them", "more than %d files on one line",
					 ACL_SETS_MAX - 1);
				return false;
			}
			t->sets[t->nr_sets] = file_set(p, *at, is_numeric(t->field));
			if (!t->sets[t->nr_sets++])
				return false;
		} else if (!has_arg && strcmp(word, "-i") != 0 && strcmp(word, "-n") != 0) {
			t->needs_proxy = "one of its flags is known to a proxy only";
		}
	}
	return true;
}

struct test_decl *acl_test_parse(struct parser *p, size_t at, size_t end)
{
	struct test_decl *t = arena_alloc(&p->arena, sizeof(*t));
	struct pattern_target target = { .p = p };
	bool valid = true;

	if (!t)
		return NULL;
	t->place = parser_place(p, at);
	t->word = parser_word(p, at);
	if (!take_fetch(p, t)) {
		p->nr_acl_sets++;
		t->needs_proxy = "packets do not tell it";
		return t;
	}
	at++;
	if (!take_flags(p, &at, end, t))
		return NULL;
	if (t->needs_proxy || (!t->id && (t->field == ACL_TRUE || t->field == ACL_FALSE))) {
		p->nr_acl_sets++; /* HAProxy counts them as well */
		return t;
	}
	if (at == end && !t->nr_sets)
		report(p, DIAG_WARNING, &t->place, CODE_ACL_PATTERN,
		       "write what it is compared with, or '--' if that is meant",
		       "'%s' has nothing to be compared with, so that it is never true", t->word);
	/* Also where all patterns come from files, or none are there: a command may add some. */
	target.set = t->sets[t->nr_sets] = new_set(p, NULL, t->word, is_numeric(t->field));
	if (target.set)
		t->nr_sets++;
	for (; at < end && target.set; at++) {
		target.place = parser_place(p, at);
		valid = add_pattern(&target, parser_word(p, at)) && valid;
	}
	return valid ? t : NULL;
}

static struct acl_decl *acl_of_name(struct parser *p, const char *name)
{
	struct acl_decl *a;

	TAILQ_FOREACH(a, &p->proxy->acls, next)
		if (a->name && !strcmp(a->name, name))
			return a;
	a = arena_alloc(&p->arena, sizeof(*a));
	if (!a)
		return NULL;
	a->name = name;
	TAILQ_INIT(&a->tests);
	TAILQ_INSERT_TAIL(&p->proxy->acls, a, next);
	return a;
}

void acl_line(struct parser *p, size_t at)
{
	const char *name = parser_word(p, at);
	struct acl_decl *a;
	struct test_decl *t;

	if (!value_name(p, at, "acl"))
		return;
	if (!strcmp(name, "or")) {
		complain(p, at, CODE_NAME, "give it another name",
			 "'or' stands between alternatives and cannot be a name");
		return;
	}
	t = acl_test_parse(p, at + 1, p->line.nr);
	/* Known even after a fault, so that the rules that name it add no second message. */
	a = acl_of_name(p, name);
	if (t && a)
		TAILQ_INSERT_TAIL(&a->tests, t, next);
}
