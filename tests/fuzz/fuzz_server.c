/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any words as the parameters of a server added by command: conf_add_server() must add one server or say what is wrong,
 * and leave the backend as it was then. Lines of the input are the words, the first one the name.
 */
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "config/conf.h"

enum { WORDS_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

/* In place of the resolver (linked with --wrap): no name exists. */
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)ret;
	return EAI_NONAME;
}

static size_t split(char *text, const char **words)
{
	size_t nr = 0;
	char *rest = text, *word;

	while (nr < WORDS_MAX && (word = strsep(&rest, "\n")))
		words[nr++] = word;
	return nr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *m = model_new();
	struct backend *b = m ? model_backend_add(m, "b") : NULL;
	char *text = calloc(1, size + 1);
	const char *words[WORDS_MAX];
	struct server *s = NULL;
	struct diag_list diags;
	size_t nr;
	int err;

	if (!b || !text)
		goto out;
	if (size)
		memcpy(text, data, size);
	nr = split(text, words);
	diag_init(&diags);
	err = conf_add_server(b, words[0], words + 1, nr - 1, &diags, &s);
	if (!err != !!s || b->nr_servers != !err || (err && !diags.nr[DIAG_ERROR]))
		abort();
	diag_fini(&diags);
out:
	free(text);
	model_free(m);
	return 0;
}
