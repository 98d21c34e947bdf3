/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drives the parse of one file: lines, sections, and messages with their places.
 *
 * A message never stops the parse: the line is given up and the next is read, so that a person sees all errors at once.
 * What a keyword means is in the tables, what sections mean together is in finish.c.
 */
#include "config/parser.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

void parser_init(struct parser *p, const struct conf_options *opt, struct diag_list *diags)
{
	memset(p, 0, sizeof(*p));
	p->opt = opt;
	p->diags = diags;
	p->errors_before = diags->nr[DIAG_ERROR];
	TAILQ_INIT(&p->proxies);
	TAILQ_INIT(&p->env);
	TAILQ_INIT(&p->verdicts);
	SLIST_INIT(&p->scripts);
	p->model = model_new();
	if (!p->model)
		p->arena.failed = true;
}

void parser_fini(struct parser *p)
{
	struct script_owner *o;

	SLIST_FOREACH(o, &p->scripts, next)
		script_put(o->script);
	model_free(p->model);
	p->model = NULL;
	names_fini(&p->names);
	arena_fini(&p->arena);
}

bool parser_failed(const struct parser *p)
{
	return p->diags->nr[DIAG_ERROR] != p->errors_before;
}

struct diag_place parser_place(const struct parser *p, size_t at)
{
	struct diag_place place = { .file = p->file, .line = p->line_nr, .source_line = p->source_line };

	if (at < p->line.nr) {
		place.col = p->line.words[at].col;
		place.len = p->line.words[at].len;
	} else if (p->line.nr) {
		const struct word *last = &p->line.words[p->line.nr - 1];

		place.col = last->col + last->len;
		place.len = 1;
	}
	return place;
}

const char *parser_word(const struct parser *p, size_t at)
{
	return at < p->line.nr ? p->line.words[at].text : NULL;
}

static void vreport(struct parser *p, enum diag_level level, const struct diag_place *place, enum diag_code code,
		    const char *hint, const char *fmt, va_list args) __attribute__((format(printf, 6, 0)));

static void vreport(struct parser *p, enum diag_level level, const struct diag_place *place, enum diag_code code,
		    const char *hint, const char *fmt, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	diag_add(p->diags, level, place, code_name(code), hint, "%s", text);
}

void report(struct parser *p, enum diag_level level, const struct diag_place *place, enum diag_code code,
	    const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vreport(p, level, place, code, hint, fmt, args);
	va_end(args);
}

void complain(struct parser *p, size_t at, enum diag_code code, const char *hint, const char *fmt, ...)
{
	struct diag_place place = parser_place(p, at);
	va_list args;

	va_start(args, fmt);
	vreport(p, DIAG_ERROR, &place, code, hint, fmt, args);
	va_end(args);
}

void caution(struct parser *p, size_t at, enum diag_code code, const char *hint, const char *fmt, ...)
{
	struct diag_place place = parser_place(p, at);
	va_list args;

	va_start(args, fmt);
	vreport(p, DIAG_WARNING, &place, code, hint, fmt, args);
	va_end(args);
}

void remark(struct parser *p, size_t at, enum diag_code code, const char *hint, const char *fmt, ...)
{
	struct diag_place place = parser_place(p, at);
	va_list args;

	va_start(args, fmt);
	vreport(p, DIAG_NOTE, &place, code, hint, fmt, args);
	va_end(args);
}

const char *did_you_mean(struct parser *p, const char *word, const char *const *words)
{
	const char *near = diag_suggest(word, words);

	return near ? arena_printf(&p->arena, "did you mean '%s'?", near) : NULL;
}

static void set_need(struct parser *p, struct need *need, size_t at, const char *why)
{
	if (need->word)
		return;
	need->word = parser_word(p, at);
	/* 'option' alone would say little. */
	if (at <= 1 && p->keyword_words == 2)
		need->word = arena_printf(&p->arena, "%s %s", need->word, parser_word(p, at + 1));
	need->why = why;
	need->place = parser_place(p, at);
}

void need_proxy(struct parser *p, size_t at, const char *why)
{
	verdict_raise(p, FATE_LEFT, why);
	if (p->proxy)
		set_need(p, &p->proxy->set.need, at, why);
	else
		complain(p, at, CODE_NOT_YET, NULL, "'%s' cannot be used here: %s", parser_word(p, at), why);
}

void need_http(struct parser *p, size_t at, const char *why)
{
	set_need(p, &p->proxy->set.need_http, at, why);
	verdict_http(p, why);
}

/* 'text' lives as long as the parse. */
static void refuse_at(struct parser *p, struct proxy *x, const struct diag_place *place, const char *hint,
		      const char *text)
{
	struct refusal *r;

	if (!text)
		return;
	if (!x) {
		report(p, DIAG_ERROR, place, CODE_NOT_YET, hint, "%s", text);
		return;
	}
	r = arena_alloc(&p->arena, sizeof(*r));
	if (!r)
		return;
	*r = (struct refusal){ .place = *place, .text = text, .hint = hint };
	TAILQ_INSERT_TAIL(&x->refusals, r, next);
}

void refuse(struct parser *p, size_t at, const char *hint, const char *fmt, ...)
{
	struct diag_place place = parser_place(p, at);
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	refuse_at(p, p->proxy, &place, hint, arena_copy(&p->arena, text, strlen(text)));
}

static bool is_in_force(const struct parser *p, enum capability cap)
{
	if (p->opt && p->opt->can)
		return p->opt->can[cap];
	return capabilities[cap].state == CAN_IN_FORCE;
}

/* A warning or a note about what is not in force. */
static void not_enforced(struct parser *p, const struct diag_place *place, const struct capability_row *row)
{
	report(p, row->state == CAN_NOTED ? DIAG_NOTE : DIAG_WARNING, place, CODE_NOT_ENFORCED, row->hint,
	       "%s is not enforced in this version", row->what);
}

bool require(struct parser *p, size_t at, enum capability cap)
{
	const struct capability_row *row = &capabilities[cap];
	struct diag_place place = parser_place(p, at);

	if (is_in_force(p, cap))
		return true;
	if (row->state == CAN_WARNED || row->state == CAN_NOTED)
		not_enforced(p, &place, row);
	else
		refuse(p, at, row->hint, "%s is not available in this version", row->what);
	return false;
}

bool require_at(struct parser *p, struct proxy *x, const struct diag_place *place, enum capability cap)
{
	const struct capability_row *row = &capabilities[cap];

	if (is_in_force(p, cap))
		return true;
	if (row->state == CAN_WARNED || row->state == CAN_NOTED)
		not_enforced(p, place, row);
	else
		refuse_at(p, x, place, row->hint,
			  arena_printf(&p->arena, "%s is not available in this version", row->what));
	return false;
}

/* Moves the run of lines with the same word into the list. */
static void flush_ignored(struct parser *p)
{
	const char *before = p->ignored ? p->ignored : "", *comma = p->ignored ? ", " : "", *list;

	if (!p->ignored_word)
		return;
	if (p->ignored_from == p->ignored_to)
		list = arena_printf(&p->arena, "%s%s%s (%u)", before, comma, p->ignored_word, p->ignored_from);
	else
		list = arena_printf(&p->arena, "%s%s%s (%u-%u)", before, comma, p->ignored_word, p->ignored_from,
				    p->ignored_to);
	if (list)
		p->ignored = list;
	p->ignored_word = NULL;
}

void ignore_word(struct parser *p, const char *word)
{
	if (p->ignored_word && !strcmp(p->ignored_word, word) && p->line_nr <= p->ignored_to + 1) {
		p->ignored_to = p->line_nr;
		return;
	}
	if (p->nr_ignored++ >= 40)
		return; /* enough to make the point */
	flush_ignored(p);
	p->ignored_word = word;
	p->ignored_from = p->ignored_to = p->line_nr;
}

struct check_script *parser_script_new(struct parser *p)
{
	struct script_owner *o = arena_alloc(&p->arena, sizeof(*o));

	if (!o)
		return NULL;
	o->script = script_new();
	if (o->script)
		SLIST_INSERT_HEAD(&p->scripts, o, next);
	else
		p->arena.failed = true;
	return o->script;
}

struct proxy *parser_proxy_new(struct parser *p, enum section kind, const char *name, const struct settings *from)
{
	struct proxy *x = arena_alloc(&p->arena, sizeof(*x));

	if (!x)
		return NULL;
	x->kind = kind;
	x->name = name;
	TAILQ_INIT(&x->binds);
	TAILQ_INIT(&x->servers);
	TAILQ_INIT(&x->uses);
	TAILQ_INIT(&x->refusals);
	TAILQ_INIT(&x->sticks);
	TAILQ_INIT(&x->tunes);
	TAILQ_INIT(&x->acls);
	TAILQ_INIT(&x->rules);
	if (from) {
		x->set = *from;
	} else {
		x->set.source_ports = (struct port_range){ 1, 0 };
		x->set.balance = (struct balance){ .draws = 2, .mask4 = 32, .mask6 = 128 };
		server_decl_init(&x->set.server);
	}
	TAILQ_INSERT_TAIL(&p->proxies, x, next);
	return x;
}

/* The 'defaults' section that 'from NAME' at word 'at' means, or NULL after an error. */
static struct proxy *find_defaults(struct parser *p, size_t at)
{
	const char *name = parser_word(p, at);
	struct proxy *x, *found = NULL;

	TAILQ_FOREACH(x, &p->proxies, next) {
		if (x->kind != SECTION_DEFAULTS || strcmp(x->name, name) != 0)
			continue;
		if (found) {
			complain(p, at, CODE_DUPLICATE, "give each 'defaults' section a name of its own",
				 "there are two 'defaults' sections '%s', at %s:%u and %s:%u", name, found->place.file,
				 found->place.line, x->place.file, x->place.line);
			return NULL;
		}
		found = x;
	}
	if (!found)
		complain(p, at, CODE_UNKNOWN_NAME, "a 'defaults' section must stand before those that name it",
			 "no 'defaults' section is called '%s'", name);
	return found;
}

/* Enters a section's name on its side or sides, where no other may have it. */
static void check_unique(struct parser *p, struct proxy *x)
{
	const struct proxy *front = NULL, *back = NULL, *other;

	if (x->kind != SECTION_BACKEND)
		front = names_find(&p->names, NAME_FRONT, NULL, x->name);
	if (x->kind != SECTION_FRONTEND)
		back = names_find(&p->names, NAME_BACK, NULL, x->name);
	other = front ? front : back;
	if (other)
		report(p, DIAG_ERROR, &x->place, CODE_DUPLICATE, "rename one of the two",
		       "the name '%s' was already given at %s:%u", x->name, other->place.file, other->place.line);
	if (x->kind != SECTION_BACKEND && !front)
		names_add(&p->names, &p->arena, NAME_FRONT, NULL, x->name, x);
	if (x->kind != SECTION_FRONTEND && !back)
		names_add(&p->names, &p->arena, NAME_BACK, NULL, x->name, x);
}

/* 'defaults [NAME] [from NAME]', 'frontend NAME [from NAME]' and so on. */
static void begin_proxy(struct parser *p, enum section kind)
{
	const char *name = parser_word(p, 1), *from_word;
	struct proxy *from = kind == SECTION_DEFAULTS ? NULL : p->last_defaults, *x;
	size_t at = 1;

	if (kind == SECTION_DEFAULTS && (!name || !strcmp(name, "from")))
		name = "";
	else
		at = 2;
	if (!name) {
		complain(p, 1, CODE_MISSING_ARG, "write a name after it", "'%s' needs a name", parser_word(p, 0));
		name = "";
	} else if (at == 2 && !value_name(p, 1, "section")) {
		name = "";
	}
	from_word = parser_word(p, at);
	if (from_word && !strcmp(from_word, "from") && parser_word(p, at + 1)) {
		from = find_defaults(p, at + 1);
		at += 2;
	}
	if (parser_word(p, at))
		complain(p, at, CODE_EXTRA_ARG, "'from NAME' may stand here", "unexpected word '%s'",
			 parser_word(p, at));
	x = parser_proxy_new(p, kind, name, from ? &from->set : NULL);
	if (!x)
		return;
	x->from = from;
	x->place = parser_place(p, *name ? 1 : 0);
	if (kind == SECTION_DEFAULTS)
		p->last_defaults = x;
	else if (*name)
		check_unique(p, x);
	p->proxy = x;
}

/* First words that begin a section. Those without kind have no part in balancing packets. */
static const struct {
	const char *word;
	enum section kind;
	const char *note;
} sections[] = {
	{ "global", SECTION_GLOBAL, NULL },
	{ "defaults", SECTION_DEFAULTS, NULL },
	{ "frontend", SECTION_FRONTEND, NULL },
	{ "backend", SECTION_BACKEND, NULL },
	{ "listen", SECTION_LISTEN, NULL },
	{ "peers", SECTION_SKIPPED, "stick tables are not exchanged in this version" },
	{ "resolvers", SECTION_SKIPPED, "host names are resolved once, when the file is read" },
	{ "userlist", SECTION_SKIPPED, "users are checked by a proxy only" },
	{ "mailers", SECTION_SKIPPED, "no mail is sent in this version" },
	{ "cache", SECTION_SKIPPED, "answers are cached by a proxy only" },
	{ "program", SECTION_SKIPPED, "other programs are run by the system's service manager" },
	{ "ring", SECTION_SKIPPED, "log lines go to syslog and to standard error" },
	{ "http-errors", SECTION_SKIPPED, "error pages are sent by a proxy only" },
	{ "fcgi-app", SECTION_SKIPPED, "FastCGI needs a proxy" },
	{ "log-forward", SECTION_SKIPPED, "log messages are forwarded by a proxy only" },
	{ "namespace_list", SECTION_SKIPPED, "xlb works in the network namespace that it was started in" },
	{ "crt-store", SECTION_SKIPPED, "certificates are used by a proxy only" },
	{ "traces", SECTION_SKIPPED, "these are traces of HAProxy's inside" },
};

/* Stick tables name them. */
static void remember_peers(struct parser *p)
{
	struct text_item *item = arena_alloc(&p->arena, sizeof(*item));

	if (!item || !parser_word(p, 1))
		return;
	item->text = parser_word(p, 1);
	item->next = p->peers;
	p->peers = item;
}

static bool begin_section(struct parser *p)
{
	const char *word = parser_word(p, 0);
	size_t i;

	for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (!strcmp(sections[i].word, word))
			break;
	if (i == sizeof(sections) / sizeof(sections[0]))
		return false;
	p->section = sections[i].kind;
	p->section_label = parser_word(p, 1) ? parser_word(p, 1) : word;
	p->proxy = NULL;
	p->nr_sections++;
	switch (sections[i].kind) {
	case SECTION_GLOBAL:
		if (parser_word(p, 1))
			complain(p, 1, CODE_EXTRA_ARG, NULL, "unexpected word '%s' after 'global'", parser_word(p, 1));
		break;
	case SECTION_DEFAULTS:
	case SECTION_FRONTEND:
	case SECTION_BACKEND:
	case SECTION_LISTEN:
		begin_proxy(p, sections[i].kind);
		break;
	case SECTION_SKIPPED:
		if (!strcmp(word, "peers"))
			remember_peers(p);
		p->skipped_note = sections[i].note;
		remark(p, 0, CODE_IGNORED, NULL, "section '%s' is ignored: %s", word, sections[i].note);
		break;
	case SECTION_NONE:
		break;
	}
	return true;
}

static void unknown_section(struct parser *p)
{
	static const char *const words[] = { "global",	"defaults",  "frontend", "backend", "listen",
					     "peers",	"resolvers", "userlist", "mailers", "cache",
					     "program", "ring",	     NULL };
	const char *hint = did_you_mean(p, parser_word(p, 0), words);

	complain(p, 0, CODE_NO_SECTION,
		 hint ? hint : "begin a section first: global, defaults, frontend, backend or listen",
		 "'%s' stands outside of any section", parser_word(p, 0));
	/* What follows belongs to the section that was meant: one message is enough. */
	p->section = SECTION_SKIPPED;
}

static void run_line(struct parser *p)
{
	const char *word = parser_word(p, 0);
	size_t at = 0;

	if (begin_section(p)) {
		if (p->verdict)
			p->verdict->proxy = p->proxy;
		return;
	}
	if (p->verdict)
		p->verdict->proxy = p->proxy;
	if (p->section == SECTION_NONE) {
		unknown_section(p);
		return;
	}
	if (p->section == SECTION_SKIPPED)
		verdict_raise(p, FATE_IGNORED, p->skipped_note);
	if (p->section == SECTION_SKIPPED || (p->section != SECTION_GLOBAL && !p->proxy))
		return;
	p->negated = !strcmp(word, "no");
	p->to_default = !strcmp(word, "default");
	if (p->negated || p->to_default)
		at = 1;
	if (!parser_word(p, at))
		complain(p, at, CODE_MISSING_ARG, NULL, "'%s' needs a keyword after it", word);
	else
		keyword_line(p, at);
}

static bool is_pragma(const char *text)
{
	return !strncmp(text, "#@xlb", 5) && (!text[5] || isspace((unsigned char)text[5]));
}

static void read_line(struct parser *p, const char *text)
{
	const char *first = text + strspn(text, " \t\r\v\f");
	struct lex_error err;
	bool pragma = is_pragma(first);
	char *copy = NULL;
	int rc;

	p->source_line = text;
	p->line.nr = 0;
	verdict_begin(p, text);
	if (pragma) {
		/* Same columns, but no comment any more. */
		copy = arena_copy(&p->arena, text, strlen(text));
		if (!copy)
			return;
		copy[first - text] = ' ';
	}
	/* A branch that does not count may hold what only another version can read, but it has its dots. */
	if (!preproc_is_active(p) && *first != '.') {
		verdict_raise(p, FATE_UNREAD, "its branch of '.if' is not taken");
		return;
	}
	rc = lex_line(&p->arena, copy ? copy : text, preproc_getenv, p, &p->line, &err);
	if (rc == -EINVAL) {
		struct diag_place place = { p->file, p->line_nr, err.col, err.len, text };

		report(p, DIAG_ERROR, &place, CODE_SYNTAX, err.hint, "%s", err.text);
	}
	if (rc == -ENOMEM)
		p->arena.failed = true;
	if (rc)
		return;
	if (p->line.comment_col && !pragma && p->line.nr && is_pragma(text + p->line.comment_col - 1)) {
		struct diag_place place = { p->file, p->line_nr, p->line.comment_col, 5, text };

		report(p, DIAG_WARNING, &place, CODE_PRAGMA, "put it on a line of its own",
		       "'#@xlb' behind other words is only a comment");
	}
	if (pragma) {
		/* The mark goes with its '#', which the lexer did not see. */
		p->line.words[0].col--;
		p->line.words[0].len++;
		keyword_pragma(p);
	} else if (p->line.nr && p->line.words[0].text[0] == '.')
		preproc_line(p);
	else if (p->line.nr && preproc_is_active(p))
		run_line(p);
}

void parser_read(struct parser *p, const char *file, const char *text, size_t len)
{
	char *copy = arena_copy(&p->arena, text, len), *line, *end;

	p->file = arena_copy(&p->arena, file, strlen(file));
	if (!copy || !p->file)
		return;
	p->section = SECTION_NONE;
	p->section_label = "";
	p->proxy = NULL;
	p->ignored = p->ignored_word = NULL;
	p->nr_ignored = 0;
	p->nr_conds = 0;
	/* A byte order mark, as some editors leave it, is no word. */
	if (len >= 3 && !memcmp(copy, "\xef\xbb\xbf", 3))
		copy += 3;
	for (line = copy, p->line_nr = 1; line && !p->arena.failed; line = end, p->line_nr++) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		read_line(p, line);
	}
	preproc_end_of_file(p);
	flush_ignored(p);
	if (p->ignored) {
		struct diag_place place = { .file = p->file };

		report(p, DIAG_NOTE, &place, CODE_IGNORED, NULL, "without meaning for packets, ignored (line): %s%s",
		       p->ignored, p->nr_ignored > 40 ? ", ..." : "");
	}
}
