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
	char text[ACL_PATTERN_MAX];

	set = set ? version_of((struct acl_set *)set, j->version) : NULL;
	for (; set && j->at < set->nr; j->at++) {
		if (c->out->len >= RUNTIME_PIECE)
			return !c->out->failed;
		acl_set_text(set, j->at, text);
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

static void refuse_pattern(struct call *c, const struct acl_set *set, const char *text)
{
	call_say(c, CALL_ERROR, "'%s' is not a %s.\n", text, set->numeric ? "number" : "valid IPv4 or IPv6 address");
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
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
	char text[ACL_PATTERN_MAX];
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
	valid = set->numeric ? parse_number(c->argv[3], &number) : !addr_parse(c->argv[3], &addr);
	for (i = 0; valid && i < set->nr; i++)
		if (matches(set, i, &addr, number))
			break;
	buf_printf(c->out, "type=%s, case=sensitive, ", set->numeric ? "int" : "ip");
	if (valid && i < set->nr)
		buf_printf(c->out, "match=yes, idx=%s, pattern=\"%s\"\n", set->numeric ? "list" : "tree",
			   acl_set_text(set, i, text));
	else
		buf_puts(c->out, "match=no\n");
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
		acl_set_swap(set, changed);
		err = c->host->servers_changed(c->arg, &diags);
		if (err)
			acl_set_swap(set, changed);
	}
	if (err)
		call_say_diags(c, &diags, err);
	diag_fini(&diags);
	if (!err && !set->base)
		set->base = changed; /* what the files say */
	else
		acl_set_free(changed);
	return !err;
}

/* Enters the lines of a payload, each a pattern, or the one of 'text'. False after having said what is wrong. */
static bool enter_patterns(struct call *c, struct acl_set *into, const char *text)
{
	char line[ACL_PATTERN_MAX];
	const char *end;
	int err;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchr(text, '\n');
		end = end ? end : text + strlen(text);
		if (end == text)
			continue;
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		err = (size_t)(end - text) < sizeof(line) ? acl_set_add_text(into, line) : -EINVAL;
		if (err == -EINVAL)
			refuse_pattern(c, into, line);
		else if (err)
			call_say(c, CALL_ERROR, "Out of memory.\n");
		if (err)
			return false;
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
	changed = acl_set_copy(v);
	if (changed && !enter_patterns(c, changed, text)) {
		acl_set_free(changed);
		return;
	}
	if (v == set) {
		(void)replace(c, set, changed);
	} else if (changed) {
		acl_set_swap(v, changed);
		acl_set_free(changed);
	}
}

/* Removes what has the text or the number of 'key'. Returns how many. */
static size_t remove_pattern(struct acl_set *set, const char *key)
{
	unsigned long long id = key[0] == '#' ? strtoull(key + 1, NULL, 16) : 0;
	char text[ACL_PATTERN_MAX];
	size_t i;

	if (key[0] == '#') {
		for (i = 0; i < set->nr; i++)
			if (pattern_id(acl_set_text(set, i, text)) == id)
				break;
		if (i == set->nr)
			return 0;
		key = text;
	}
	return acl_set_del_text(set, key);
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
	changed = acl_set_copy(set);
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
	if (replace(c, set, acl_set_copy(v))) {
		set->curr_ver = (unsigned int)version;
		drop_prepared(set, set->curr_ver);
	}
}
