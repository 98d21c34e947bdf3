/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A hash table keyed by kind, owner and text, laid out as one string of bytes. */
#include "config/names.h"

#include <stdint.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "model/model.h"

struct name_entry {
	void *value;
	UT_hash_handle hh;
	unsigned char key[];
};

enum { KEY_CAP = 1 + sizeof(void *) + MODEL_NAME_MAX };

/* Longer names than fit are refused before they get here; cut, they would only be found more often. */
static size_t make_key(unsigned char *key, enum name_kind kind, const void *owner, const char *name)
{
	size_t len = strnlen(name, MODEL_NAME_MAX);

	key[0] = (unsigned char)kind;
	memcpy(key + 1, &owner, sizeof(owner));
	memcpy(key + 1 + sizeof(owner), name, len);
	return 1 + sizeof(owner) + len;
}

void *names_find(const struct names *n, enum name_kind kind, const void *owner, const char *name)
{
	unsigned char key[KEY_CAP];
	size_t len = make_key(key, kind, owner, name);
	struct name_entry *e;

	HASH_FIND(hh, n->table, key, len, e);
	return e ? e->value : NULL;
}

void names_add(struct names *n, struct arena *arena, enum name_kind kind, const void *owner, const char *name,
	       void *value)
{
	struct name_entry *e = arena_alloc(arena, sizeof(*e) + KEY_CAP);
	size_t len;

	if (!e)
		return;
	len = make_key(e->key, kind, owner, name);
	e->value = value;
	HASH_ADD_KEYPTR(hh, n->table, e->key, len, e);
	if (!e->hh.tbl)
		arena->failed = true;
}

void names_fini(struct names *n)
{
	HASH_CLEAR(hh, n->table);
}
