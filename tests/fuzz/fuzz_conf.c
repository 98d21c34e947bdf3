/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a configuration file: conf_load_text() must give a model or at least one error, without a crash, a leak
 * or a hang; and what it says must be printable.
 */
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "config/conf.h"
#include "model/capability.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *sink;
	struct conf_options opt = { .strict = size & 1, .no_files = true };
	struct conf_verdicts verdicts = { 0 };
	bool all[NR_CAPABILITIES];
	struct diag_list diags;
	struct model *m = NULL;
	int err;

	if (!sink)
		sink = fopen("/dev/null", "we");
	/* What this version cannot do must not hide what the parser does with it. */
	memset(all, true, sizeof(all));
	if (size & 2)
		opt.can = all;
	if (size & 4)
		opt.verdicts = &verdicts;
	diag_init(&diags);
	err = conf_load_text("fuzz.cfg", (const char *)data, size, &opt, &diags, &m);
	if (!err != !!m || (err && !diags.nr[DIAG_ERROR]))
		abort();
	if (sink)
		diag_print(&diags, sink, true);
	conf_verdicts_fini(&verdicts);
	model_free(m);
	diag_fini(&diags);
	return 0;
}
