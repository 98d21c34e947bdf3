/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prints what a check of the configuration found, for people and as JSON. Decides nothing itself. */
#include "xlbd/checkonly.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/verdict.h"
#include "xlbd/reload.h"

static const char nothing_done[] = "running configuration unchanged";

/* What came out of a file may hold anything; a terminal shall not be spoken to. */
static void put_clean(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < ' ' && *text != '\t' ? '?' : *text);
}

static void print_verdicts(const struct conf_verdicts *v)
{
	for (size_t i = 0; i < v->nr; i++) {
		const struct conf_verdict *line = &v->list[i];

		put_clean(line->file);
		printf(":%u: %s: ", line->line, conf_fate_name(line->fate));
		put_clean(line->text);
		putchar('\n');
		if (!line->why)
			continue;
		printf("       = ");
		put_clean(line->why);
		putchar('\n');
	}
}

/* Null for no text, and for bytes that are not UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *o = text ? json_string(text) : NULL;

	return o ? o : json_null();
}

static json_t *verdicts_json(const struct conf_verdicts *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->nr; i++) {
		const struct conf_verdict *line = &v->list[i];

		json_array_append_new(list, json_pack("{s:o,s:I,s:s,s:o,s:o}", "file", text_json(line->file), "line",
						      (json_int_t)line->line, "verdict", conf_fate_name(line->fate),
						      "text", text_json(line->text), "why", text_json(line->why)));
	}
	return list;
}

static json_t *diags_json(const struct diag_list *diags)
{
	static const char *const levels[] = {
		[DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error"
	};
	json_t *list = json_array();
	const struct diag *d;

	TAILQ_FOREACH(d, &diags->head, next)
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:o,s:I,s:I,s:I,s:o,s:o}", "level", levels[d->level], "code",
						d->code, "file", text_json(d->file), "line", (json_int_t)d->line,
						"column", (json_int_t)d->col, "length", (json_int_t)d->len, "text",
						text_json(d->text), "hint", text_json(d->hint)));
	return list;
}

static void print_json(const struct conf_verdicts *v, const struct diag_list *diags, bool valid)
{
	json_t *o = json_pack("{s:b,s:s,s:o,s:o}", "valid", valid, "result", nothing_done, "lines", verdicts_json(v),
			      "diagnostics", diags_json(diags));

	if (!o)
		return;
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

int check_only(const struct options *opt)
{
	struct conf_verdicts verdicts = { 0 };
	struct diag_list diags;
	struct model *m = NULL;
	int rc;

	diag_init(&diags);
	rc = reload_read(opt, &diags, opt->json || opt->version ? &verdicts : NULL, &m);
	if (opt->json) {
		print_json(&verdicts, &diags, !rc);
	} else {
		print_verdicts(&verdicts);
		fflush(stdout);
		if (!opt->quiet || diags.nr[DIAG_ERROR])
			diag_print(&diags, stderr, isatty(STDERR_FILENO));
		if (rc)
			fprintf(stderr, "Fatal errors found in configuration.\n");
		else if (!opt->quiet && diags.nr[DIAG_WARNING])
			printf("Warnings were found.\n");
		if (!rc && !opt->quiet)
			printf("Configuration file is valid\n");
	}
	conf_verdicts_fini(&verdicts);
	diag_fini(&diags);
	model_free(m);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
