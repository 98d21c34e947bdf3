/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* import: from the rules of ipvsadm to a configuration, on standard output. Needs no daemon. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "xlbctl/ctl.h"
#include "xlbctl/import.h"

enum ctl_exit read_text(const char *path, struct buf *ret)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char part[4096];
	size_t len;
	int err;

	if (!f)
		return ctl_fail(CTL_NOT_FOUND, "cannot open %s: %s.", path, strerror(errno));
	while ((len = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(ret, part, len);
	err = ferror(f) ? errno : ret->failed ? ENOMEM : 0;
	if (f != stdin)
		fclose(f);
	if (err) {
		buf_fini(ret);
		return ctl_fail(CTL_FAILED, "cannot read %s: %s.", path, strerror(err));
	}
	return CTL_OK;
}

static void print_config(const struct ctl *c, const struct buf *config)
{
	json_t *o;

	if (!c->values.json) {
		fputs(config->data, stdout);
		return;
	}
	o = json_pack("{s:s}", "config", config->data);
	print_json(o);
	json_decref(o);
}

enum ctl_exit cmd_import(struct ctl *c)
{
	struct buf text = { 0 }, config = { 0 };
	enum ctl_exit code = read_text(c->words[0], &text);
	struct diag_list diags;
	int rc;

	if (code)
		return code;
	diag_init(&diags);
	rc = import_ipvs(c->words[0], text.data ? text.data : "", &diags, &config);
	if (!rc && config.failed)
		rc = -ENOMEM;
	diag_print(&diags, stderr, isatty(STDERR_FILENO));
	if (!rc)
		print_config(c, &config);
	else
		code = rc == -EINVAL ? CTL_INVALID : ctl_fail(CTL_FAILED, "%s.", strerror(-rc));
	diag_fini(&diags);
	buf_fini(&text);
	buf_fini(&config);
	return code;
}
