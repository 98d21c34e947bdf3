/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Patterns of ACLs at run time: `show`, `get`, `add`, `del`, `clear`, `prepare` and `commit acl`. Texts as in
 * HAProxy 2.6, levels as they should have been there: who may look at statistics may not open a firewall.
 *
 * A set is named by '#' and its number or by its file. A version that `prepare acl` makes is a set aside, which no rule
 * sees until `commit acl` puts its patterns into the place of the others, in one change of the data plane.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/policy.h"
#include "protocol/command.h"

enum { PATTERN_TEXT_MAX = ADDR_TEXT_MAX + 8 };

static const char unknown_set[] = "Unknown ACL identifier. Please use #<id> or <file>.\n";

static struct acl_set *find_set(const struct model *m, const char *name)
{
	struct acl_set *set;
	unsigned long id;
	char *end = NULL;

	id = name[0] == '#' ? strtoul(name + 1, &end, 10) : 0;
	TAILQ_FOREACH(set, &m->acl_sets, next) {
		if (end && end != name + 1 && !*end && set->id == id)
			return set;
		if (set->file && strcmp(set->file, name) == 0)
			return set;
	}
	return NULL;
}

/* Word 'i' as "@VERSION": returns the word behind it, and the version; without one 'i' itself, and -1. */
static unsigned int read_version(const struct call *c, unsigned int i, long *ret)
{
	*ret = -1;
	if (c->argv[i][0] != '@')
		return i;
	*ret = (long)strtoul(c->argv[i] + 1, NULL, 10);
	return i + 1;
}

/* The set of a version: the one in force, one that is prepared, or NULL. */
static struct acl_set *version_of(struct acl_set *set, long version)
{
	struct acl_set *v;

	if (version < 0 || (unsigned long)version == set->curr_ver)
		return set;
	for (v = set->prepared; v; v = v->older)
		if (v->id == (unsigned long)version)
			return v;
	return NULL;
}

/* As it would be written; a single address or number without its length or end, a bound that bounds nothing left out.
 */
static const char *pattern_text(const struct acl_set *set, size_t i, char buf[PATTERN_TEXT_MAX])
{
	const struct num_range *r;
	const struct cidr *net;
	char text[ADDR_TEXT_MAX];

	if (set->numeric) {
		r = &set->ranges[i];
		if (r->lo == r->hi)
			snprintf(buf, PATTERN_TEXT_MAX, "%llu", (unsigned long long)r->lo);
		else if (r->hi == UINT64_MAX)
			snprintf(buf, PATTERN_TEXT_MAX, "%llu:", (unsigned long long)r->lo);
		else if (!r->lo)
			snprintf(buf, PATTERN_TEXT_MAX, ":%llu", (unsigned long long)r->hi);
		else
			snprintf(buf, PATTERN_TEXT_MAX, "%llu:%llu", (unsigned long long)r->lo,
				 (unsigned long long)r->hi);
		return buf;
	}
	net = &set->nets[i];
	addr_format(&net->addr, text);
	if (net->bits == (net->addr.family == AF_INET6 ? 128 : 32))
		snprintf(buf, PATTERN_TEXT_MAX, "%s", text);
	else
		snprintf(buf, PATTERN_TEXT_MAX, "%s/%u", text, net->bits);
	return buf;
}

/* HAProxy shows an address in memory: here a number made of the text, which can be given to `del acl` likewise. */
static unsigned long long pattern_id(const char *text)
{
	unsigned long long h = 14695981039346656037u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

static void list_sets(struct call *c)
{
	const struct acl_set *set;
	const char *line;

	buf_puts(c->out, "# id (file) description\n");
	TAILQ_FOREACH(set, &c->model->acl_sets, next) {
		line = strrchr(set->where, ':');
		buf_printf(c->out, "%u (%s) ", set->id, set->file ? set->file : "");
		if (set->file)
			buf_printf(c->out, "pattern loaded from file '%s' used by acl", set->file);
		else
			buf_printf(c->out, "acl '%s'", set->fetch ? set->fetch : "");
		buf_printf(c->out, "%s file '%.*s' line %s%s. curr_ver=%u next_ver=%u entry_cnt=%zu\n",
			   set->file ? " at" : "", (int)(line ? line - set->where : 0), set->where,
			   line ? line + 1 : "0", set->where_more ? set->where_more : "", set->curr_ver, set->next_ver,
			   set->nr);
	}
}

/* A dump under way; the set is named, because a reload may replace it between two pieces. */
struct acl_job {
	struct runtime_job job;
	char name[16]; /* "#id" */
	long version;
	size_t at;
};

static bool acl_step(struct call *c, struct runtime_job *job)
{
	struct acl_job *j = (struct acl_job *)job;
	const struct acl_set *set = find_set(c->model, j->name);
	char text[PATTERN_TEXT_MAX];

	set = set ? version_of((struct acl_set *)set, j->version) : NULL;
	for (; set && j->at < set->nr; j->at++) {
		if (c->out->len >= RUNTIME_PIECE)
			return !c->out->failed;
		pattern_text(set, j->at, text);
		buf_printf(c->out, "0x%llx %s\n", pattern_id(text), text);
	}
	return false;
}

static void acl_end(struct runtime_job *job)
{
	free(job);
}

void run_show_acl(struct call *c)
{
	const struct acl_set *set;
	struct acl_job *j;
	unsigned int i;
	long version;

	i = read_version(c, 2, &version);
	if (!c->argv[i][0] && version < 0) {
		list_sets(c);
		return;
	}
	set = find_set(c->model, c->argv[i]);
	if (!set) {
		call_say(c, CALL_ERROR, "%s", unknown_set);
		return;
	}
	j = calloc(1, sizeof(*j));
	if (j) {
		j->job = (struct runtime_job){ .step = acl_step, .end = acl_end };
		j->version = version;
		snprintf(j->name, sizeof(j->name), "#%u", set->id);
	}
	call_start(c, j ? &j->job : NULL);
}

/* A pattern of the kind of the set. */
struct pattern {
	struct cidr net;
	struct num_range range;
};

static bool parse_bound(const char *text, size_t len, uint64_t *ret)
{
	char copy[24], *end;

	if (!len || len >= sizeof(copy) || *text < '0' || *text > '9')
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	*ret = strtoull(copy, &end, 10);
	return !*end && !errno;
}

static bool parse_pattern(const struct acl_set *set, const char *text, struct pattern *ret)
{
	const char *colon;

	if (!set->numeric)
		return !cidr_parse(text, &ret->net);
	colon = strchr(text, ':');
	if (!parse_bound(text, colon ? (size_t)(colon - text) : strlen(text), &ret->range.lo))
		return false;
	ret->range.hi = ret->range.lo;
	return !colon || (parse_bound(colon + 1, strlen(colon + 1), &ret->range.hi) && ret->range.lo <= ret->range.hi);
}

static void refuse_pattern(struct call *c, const struct acl_set *set, const char *text)
{
	call_say(c, CALL_ERROR, "'%s' is not a %s.\n", text, set->numeric ? "number" : "valid IPv4 or IPv6 address");
}

static bool matches(const struct acl_set *set, size_t i, const struct addr *addr, uint64_t number)
{
	if (set->numeric)
		return number >= set->ranges[i].lo && number <= set->ranges[i].hi;
	return cidr_contains(&set->nets[i], addr);
}

void run_get_acl(struct call *c)
{
	const struct acl_set *set;
	char text[PATTERN_TEXT_MAX];
	struct addr addr = { 0 };
	uint64_t number = 0;
	size_t i;
	bool valid;

	if (!c->argv[2][0] || !c->argv[3][0]) {
		call_say(c, CALL_ERROR, "Missing ACL identifier and/or key.\n");
		return;
	}
	set = find_set(c->model, c->argv[2]);
	if (!set) {
		call_say(c, CALL_ERROR, "%s", unknown_set);
		return;
	}
	valid = set->numeric ? parse_bound(c->argv[3], strlen(c->argv[3]), &number) : !addr_parse(c->argv[3], &addr);
	for (i = 0; valid && i < set->nr; i++)
		if (matches(set, i, &addr, number))
			break;
	buf_printf(c->out, "type=%s, case=sensitive, ", set->numeric ? "int" : "ip");
	if (valid && i < set->nr)
		buf_printf(c->out, "match=yes, idx=%s, pattern=\"%s\"\n", set->numeric ? "list" : "tree",
			   pattern_text(set, i, text));
	else
		buf_puts(c->out, "match=no\n");
}

static int add_pattern(struct acl_set *set, const struct pattern *p)
{
	return set->numeric ? acl_set_add_range(set, p->range) : acl_set_add_net(set, &p->net);
}

/* A set with the same patterns; NULL: out of memory. */
static struct acl_set *copy_of(const struct acl_set *set)
{
	struct acl_set *copy = calloc(1, sizeof(*copy));
	int err = 0;

	if (!copy)
		return NULL;
	copy->numeric = set->numeric;
	for (size_t i = 0; i < set->nr && !err; i++)
		err = set->numeric ? acl_set_add_range(copy, set->ranges[i]) : acl_set_add_net(copy, &set->nets[i]);
	if (!err)
		return copy;
	acl_set_free(copy);
	return NULL;
}

static void swap_patterns(struct acl_set *a, struct acl_set *b)
{
	struct cidr *nets = a->nets;
	struct num_range *ranges = a->ranges;
	size_t nr = a->nr;

	a->nets = b->nets;
	a->ranges = b->ranges;
	a->nr = b->nr;
	b->nets = nets;
	b->ranges = ranges;
	b->nr = nr;
}

/*
 * Puts the patterns of 'changed', which it takes over, into 'set' and brings the data plane after it. Where that fails
 * the set is as it was, and that is said. Returns true if it is done.
 */
static bool replace(struct call *c, struct acl_set *set, struct acl_set *changed)
{
	struct diag_list diags;
	int err = changed ? 0 : -ENOMEM;

	diag_init(&diags);
	if (!err) {
		swap_patterns(set, changed);
		err = c->host->servers_changed(c->arg, &diags);
		if (err)
			swap_patterns(set, changed);
		else
			set->changed = true;
	}
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
	acl_set_free(changed);
	return !err;
}

/* Enters the lines of a payload, each a pattern, or the one of 'text'. False after having said what is wrong. */
static bool enter_patterns(struct call *c, struct acl_set *into, const char *text)
{
	char line[PATTERN_TEXT_MAX];
	struct pattern p;
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchr(text, '\n');
		end = end ? end : text + strlen(text);
		if (end == text)
			continue;
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		if ((size_t)(end - text) >= sizeof(line) || !parse_pattern(into, line, &p)) {
			refuse_pattern(c, into, line);
			return false;
		}
		if (add_pattern(into, &p)) {
			call_say(c, CALL_ERROR, "Out of memory.\n");
			return false;
		}
	}
	return true;
}

/* All patterns of a payload or none. */
void run_add_acl(struct call *c)
{
	const char *text;
	struct acl_set *set, *v, *changed;
	unsigned int i;
	long version;

	i = read_version(c, 2, &version);
	text = c->payload ? c->payload : c->argv[i + 1];
	if (!c->argv[i][0] || !*text) {
		call_say(c, CALL_ERROR, "'add acl' expects two parameters: ACL identifier and pattern.\n");
		return;
	}
	set = find_set(c->model, c->argv[i]);
	if (!set) {
		call_say(c, CALL_ERROR, "%s", unknown_set);
		return;
	}
	v = version_of(set, version);
	if (!v) {
		call_say(c, CALL_ERROR, "Version number in the future, please use 'prepare acl' before.\n");
		return;
	}
	changed = copy_of(v);
	if (changed && !enter_patterns(c, changed, text)) {
		acl_set_free(changed);
		return;
	}
	if (v == set) {
		(void)replace(c, set, changed);
	} else if (changed) {
		swap_patterns(v, changed);
		acl_set_free(changed);
	}
}

/* Removes what has the text or the number of 'key'. Returns how many. */
static size_t remove_pattern(struct acl_set *set, const char *key)
{
	unsigned long long id = key[0] == '#' ? strtoull(key + 1, NULL, 16) : 0;
	char text[PATTERN_TEXT_MAX];
	struct pattern p;
	size_t i;

	if (key[0] == '#') {
		for (i = 0; i < set->nr; i++)
			if (pattern_id(pattern_text(set, i, text)) == id)
				break;
		if (i == set->nr)
			return 0;
		key = text;
	}
	if (!parse_pattern(set, key, &p))
		return 0;
	return set->numeric ? acl_set_del_range(set, p.range) : acl_set_del_net(set, &p.net);
}

void run_del_acl(struct call *c)
{
	struct acl_set *set, *changed;

	if (!c->argv[2][0] || !c->argv[3][0]) {
		call_say(c, CALL_ERROR, "This command expects two parameters: ACL identifier and key.\n");
		return;
	}
	set = find_set(c->model, c->argv[2]);
	if (!set) {
		/* HAProxy's own word. */
		call_say(c, CALL_ERROR, "Unknown map identifier. Please use #<id> or <file>.\n");
		return;
	}
	changed = copy_of(set);
	if (changed && !remove_pattern(changed, c->argv[3])) {
		call_say(c, CALL_ERROR, "Key not found.\n");
		acl_set_free(changed);
		return;
	}
	(void)replace(c, set, changed);
}

void run_clear_acl(struct call *c)
{
	struct acl_set *set, *v, *changed;
	unsigned int i;
	long version;

	i = read_version(c, 2, &version);
	if (!c->argv[i][0]) {
		call_say(c, CALL_ERROR, "Missing ACL identifier.\n");
		return;
	}
	set = find_set(c->model, c->argv[i]);
	if (!set) {
		call_say(c, CALL_ERROR, "%s", unknown_set);
		return;
	}
	v = version_of(set, version);
	if (v && v != set)
		acl_set_clear(v);
	if (v != set)
		return;
	changed = calloc(1, sizeof(*changed));
	if (changed)
		changed->numeric = set->numeric;
	(void)replace(c, set, changed);
}

void run_prepare_acl(struct call *c)
{
	struct acl_set *set = find_set(c->model, c->argv[2]), *v;

	if (!set) {
		call_say(c, CALL_ERROR, "%s", unknown_set);
		return;
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		call_say(c, CALL_ERROR, "Out of memory.\n");
		return;
	}
	v->numeric = set->numeric;
	v->id = ++set->next_ver;
	v->older = set->prepared;
	set->prepared = v;
	call_say(c, CALL_INFO, "New version created: %u\n", v->id);
}

/* Versions that are not younger than 'version' have had their time. */
static void drop_prepared(struct acl_set *set, unsigned int version)
{
	struct acl_set **at = &set->prepared, *v;

	while ((v = *at)) {
		if (v->id > version) {
			at = &v->older;
			continue;
		}
		*at = v->older;
		v->older = NULL;
		acl_set_free(v);
	}
}

void run_commit_acl(struct call *c)
{
	struct acl_set *set, *v;
	unsigned int i;
	long version;

	i = read_version(c, 2, &version);
	if (version < 0) {
		call_say(c, CALL_ERROR, "Missing version number.\n");
		return;
	}
	if (!c->argv[i][0]) {
		call_say(c, CALL_ERROR, "Missing ACL identifier.\n");
		return;
	}
	set = find_set(c->model, c->argv[i]);
	if (!set) {
		call_say(c, CALL_ERROR, "%s", unknown_set);
		return;
	}
	v = version_of(set, version);
	if (!v || v == set) {
		call_say(c, CALL_ERROR, "Version number out of range.\n");
		return;
	}
	if (replace(c, set, copy_of(v))) {
		set->curr_ver = (unsigned int)version;
		drop_prepared(set, set->curr_ver);
	}
}
