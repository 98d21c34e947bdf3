/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names and explanations of diagnostic codes, from the one list in codes.h. */
#include "base/codes.h"

#include <string.h>
#include <strings.h>

#include "base/codes_daemon.h"

static const struct {
	const char *name, *help;
} codes[] = {
#define X(ident, code, help) { code, help },
	DIAG_CODES(X)
#undef X
#define X(code, help) { code, help },
		DAEMON_CODES(X)
#undef X
};

const char *code_name(enum diag_code code)
{
	return codes[code].name;
}

const char *code_explain(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcasecmp(codes[i].name, name))
			return codes[i].help;
	return NULL;
}
