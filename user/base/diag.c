/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Collects messages with their places and prints them with the source line and a caret.
 *
 * What is printed came out of files that may contain anything: control bytes are shown as '?', so that a file cannot
 * speak to the terminal, and a long line is shown as a window around the marked word.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum {
	WINDOW = 160,	  /* bytes of a source line that are shown */
	WINDOW_LEAD = 60, /* of these in front of the marked word */
	SUGGEST_MAX = 48, /* longer words get no suggestion */
};

static const char *const level_names[] = { "note", "warning", "error" };
static const char *const level_colours[] = { "\033[1;36m", "\033[1;35m", "\033[1;31m" };

void diag_init(struct diag_list *list)
{
	memset(list, 0, sizeof(*list));
	TAILQ_INIT(&list->head);
}

static void diag_free(struct diag *d)
{
	free(d->file);
	free(d->source_line);
	free(d->text);
	free(d->hint);
	free(d);
}

void diag_fini(struct diag_list *list)
{
	struct diag *d;

	while ((d = TAILQ_FIRST(&list->head))) {
		TAILQ_REMOVE(&list->head, d, next);
		diag_free(d);
	}
	diag_init(list);
}

static char *dup_or_null(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*failed = true;
	return copy;
}

void diag_add(struct diag_list *list, enum diag_level level, const struct diag_place *place, const char *code,
	      const char *hint, const char *fmt, ...)
{
	struct diag *d = calloc(1, sizeof(*d));
	bool failed = false;
	va_list args;

	list->nr[level]++;
	if (!d)
		return;
	d->level = level;
	if (code)
		snprintf(d->code, sizeof(d->code), "%s", code);
	if (place) {
		d->file = dup_or_null(place->file, &failed);
		d->source_line = dup_or_null(place->source_line, &failed);
		d->line = place->line;
		d->col = place->col;
		d->len = place->len;
	}
	d->hint = dup_or_null(hint, &failed);
	va_start(args, fmt);
	if (vasprintf(&d->text, fmt, args) < 0) {
		d->text = NULL;
		failed = true;
	}
	va_end(args);
	if (failed) {
		diag_free(d);
		return;
	}
	TAILQ_INSERT_TAIL(&list->head, d, next);
}

struct sort_key {
	size_t file, line, col, nr;
	struct diag *d;
};

static int by_place(const void *a, const void *b)
{
	const struct sort_key *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->col != y->col)
		return x->col < y->col ? -1 : 1;
	return x->nr < y->nr ? -1 : 1;
}

/* The number of the first message with the file of 'd': files are few, so that messages are compared and not hashed. */
static size_t file_rank(const struct sort_key *keys, size_t nr, const struct diag *d)
{
	size_t i;

	if (!d->file)
		return 0;
	for (i = nr; i-- > 0;)
		if (keys[i].d->file && !strcmp(keys[i].d->file, d->file))
			return keys[i].file;
	return nr + 1;
}

void diag_sort(struct diag_list *list)
{
	size_t nr = 0, i;
	struct sort_key *keys;
	struct diag *d;

	TAILQ_FOREACH(d, &list->head, next)
		nr++;
	keys = nr ? calloc(nr, sizeof(*keys)) : NULL;
	if (!keys)
		return; /* unsorted they say the same */
	i = 0;
	TAILQ_FOREACH(d, &list->head, next) {
		keys[i] = (struct sort_key){ file_rank(keys, i, d), d->line ? d->line : SIZE_MAX, d->col, i, d };
		i++;
	}
	qsort(keys, nr, sizeof(*keys), by_place);
	TAILQ_INIT(&list->head);
	for (i = 0; i < nr; i++)
		TAILQ_INSERT_TAIL(&list->head, keys[i].d, next);
	free(keys);
}

/* Text that may come from a file: control bytes become '?', tabs stay. */
static void put_clean(FILE *out, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		putc((c < ' ' && c != '\t') || c == 0x7f ? '?' : c, out);
	}
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void print_source(const struct diag *d, FILE *out, const char *colour, const char *reset)
{
	const char *line = d->source_line;
	size_t len = strlen(line), from = 0, to, col = d->col ? d->col - 1 : 0, i;

	if (col > len)
		col = len;
	if (len > WINDOW && col > WINDOW_LEAD)
		from = col - WINDOW_LEAD;
	while (from < col && is_continuation(line[from]))
		from++;
	to = len - from > WINDOW ? from + WINDOW : len;
	fprintf(out, "%6u | %s", d->line, from ? "..." : "");
	put_clean(out, line + from, to - from);
	fprintf(out, "%s\n", to < len ? "..." : "");
	if (!d->len)
		return;
	fprintf(out, "       | %s", from ? "   " : "");
	/* A tab stays a tab and the bytes of one character are one column, so that the caret stands below its word. */
	for (i = from; i < col; i++)
		if (!is_continuation(line[i]))
			putc(line[i] == '\t' ? '\t' : ' ', out);
	fprintf(out, "%s^", colour);
	for (i = col + 1; i < col + d->len && i < to; i++)
		if (!is_continuation(line[i]))
			putc('~', out);
	fprintf(out, "%s\n", reset);
}

static void print_place(const struct diag *d, FILE *out)
{
	if (!d->file)
		return;
	put_clean(out, d->file, strlen(d->file));
	if (d->line)
		fprintf(out, ":%u", d->line);
	if (d->line && d->col)
		fprintf(out, ":%u", d->col);
	fputs(": ", out);
}

void diag_print(const struct diag_list *list, FILE *out, bool colour)
{
	const char *bold = colour ? "\033[1m" : "", *reset = colour ? "\033[0m" : "";
	const struct diag *d;

	TAILQ_FOREACH(d, &list->head, next) {
		const char *tint = colour ? level_colours[d->level] : "";

		fputs(bold, out);
		print_place(d, out);
		fprintf(out, "%s%s:%s ", tint, level_names[d->level], reset);
		put_clean(out, d->text, strlen(d->text));
		if (d->code[0])
			fprintf(out, " [%s]", d->code);
		putc('\n', out);
		if (d->source_line && d->line)
			print_source(d, out, tint, reset);
		if (d->hint)
			fprintf(out, "       = %s\n", d->hint);
	}
}

void diag_format(const struct diag_list *list, struct buf *out)
{
	const struct diag *d;
	size_t from, i;

	TAILQ_FOREACH(d, &list->head, next) {
		from = out->len;
		if (d->file && d->line)
			buf_printf(out, "%s:%u:%u: ", d->file, d->line, d->col);
		else if (d->file)
			buf_printf(out, "%s: ", d->file);
		buf_printf(out, "%s: %s", level_names[d->level], d->text);
		if (d->hint)
			buf_printf(out, " (%s)", d->hint);
		if (d->code[0])
			buf_printf(out, " [%s]", d->code);
		for (i = from; i < out->len; i++)
			if ((unsigned char)out->data[i] < ' ')
				out->data[i] = ' ';
		buf_puts(out, "\n");
	}
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words of at most SUGGEST_MAX bytes. */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][SUGGEST_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= b_len; j++)
		above[j] = (unsigned int)j;
	memcpy(before, above, sizeof(rows[0]));
	for (i = 1; i <= a_len; i++) {
		row[0] = (unsigned int)i;
		for (j = 1; j <= b_len; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

const char *diag_suggest(const char *word, const char *const *words)
{
	size_t len = strlen(word), cand_len;
	unsigned int d, best_d;
	const char *best = NULL;

	if (!len || len > SUGGEST_MAX)
		return NULL;
	best_d = (unsigned int)len / 3 + 1; /* one slip in three letters is still the same word */
	for (; *words; words++) {
		cand_len = strlen(*words);
		if (cand_len > SUGGEST_MAX)
			continue;
		d = distance(word, len, *words, cand_len);
		if (d < best_d) {
			best = *words;
			best_d = d;
		}
	}
	return best;
}
