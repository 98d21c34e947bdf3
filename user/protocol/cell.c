/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Written forms of statistics values, byte for byte those of HAProxy 2.6. */
#include "protocol/cell.h"

#include <string.h>

struct cell cell_u32(uint64_t n)
{
	return (struct cell){ .type = CELL_U32, .n = n > UINT32_MAX ? UINT32_MAX : n };
}

struct cell cell_u64(uint64_t n)
{
	return (struct cell){ .type = CELL_U64, .n = n };
}

struct cell cell_s32(int32_t n)
{
	return (struct cell){ .type = CELL_S32, .n = (uint64_t)(int64_t)n };
}

struct cell cell_str(const char *text)
{
	return (struct cell){ .type = text ? CELL_STR : CELL_EMPTY, .text = text };
}

static void put_number(struct buf *out, const struct cell *cell)
{
	if (cell->type == CELL_S32)
		buf_printf(out, "%lld", (long long)(int64_t)cell->n);
	else
		buf_printf(out, "%llu", (unsigned long long)cell->n);
}

/* RFC 4180 quoting; a newline in a text would end the row for most readers, so it becomes a blank. */
void cell_put_csv(struct buf *out, const struct cell *cell)
{
	const char *p;

	if (cell->type == CELL_EMPTY)
		return;
	if (cell->type != CELL_STR) {
		put_number(out, cell);
		return;
	}
	if (!strpbrk(cell->text, ",\"\n\r")) {
		buf_puts(out, cell->text);
		return;
	}
	buf_puts(out, "\"");
	for (p = cell->text; *p; p++)
		buf_printf(out, "%s%c", *p == '"' ? "\"" : "", *p == '\n' || *p == '\r' ? ' ' : *p);
	buf_puts(out, "\"");
}

static const char *type_name(enum cell_type type)
{
	switch (type) {
	case CELL_U32:
		return "u32";
	case CELL_U64:
		return "u64";
	case CELL_S32:
		return "s32";
	case CELL_STR:
		return "str";
	case CELL_EMPTY:
		break;
	}
	return "";
}

void cell_put_typed(struct buf *out, const struct cell_owner *owner, const struct cell_column *columns,
		    const struct cell *cells, unsigned int nr, bool desc)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (cells[i].type == CELL_EMPTY)
			continue;
		if (owner->letter)
			buf_printf(out, "%c.%u.%u.", owner->letter, owner->proxy, owner->id);
		buf_printf(out, "%u.%s.1:%s:%s:", i, columns[i].name, columns[i].tags, type_name(cells[i].type));
		if (cells[i].type == CELL_STR)
			buf_puts(out, cells[i].text);
		else
			put_number(out, &cells[i]);
		if (desc)
			buf_printf(out, ":\"%s\"", columns[i].what ? columns[i].what : "");
		buf_puts(out, "\n");
	}
}

/* The word that a tag letter stands for. */
static const char *tag_word(unsigned int position, char letter)
{
	static const struct {
		char letter;
		const char *word;
	} words[3][13] = {
		{ { 'M', "Metric" }, { 'S', "Status" }, { 'K', "Key" }, { 'C', "Config" }, { 'P', "Product" } },
		{ { 'G', "Gauge" },
		  { 'L', "Limit" },
		  { 'm', "Min" },
		  { 'M', "Max" },
		  { 'R', "Rate" },
		  { 'C', "Counter" },
		  { 'D', "Duration" },
		  { 'A', "Age" },
		  { 'T', "Time" },
		  { 'N', "Name" },
		  { 'O', "Output" },
		  { 'a', "Avg" } },
		{ { 'C', "Cluster" }, { 'P', "Process" }, { 'S', "Service" }, { 's', "System" } },
	};
	unsigned int i;

	for (i = 0; words[position][i].word; i++)
		if (words[position][i].letter == letter)
			return words[position][i].word;
	return "Unknown";
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

void cell_put_json_text(struct buf *out, const char *text)
{
	const char *from;

	buf_add(out, "\"", 1);
	for (;;) {
		for (from = text; is_plain(*text); text++)
			;
		buf_add(out, from, (size_t)(text - from));
		if (!*text)
			break;
		if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_printf(out, "\\u%04x", *text);
		text++;
	}
	buf_add(out, "\"", 1);
}

void cell_put_json(struct buf *out, const struct cell_owner *owner, const struct cell_column *columns,
		   const struct cell *cells, unsigned int nr)
{
	const char *comma = "";
	unsigned int i;

	buf_puts(out, "[");
	for (i = 0; i < nr; i++) {
		if (cells[i].type == CELL_EMPTY)
			continue;
		buf_printf(out, "%s{", comma);
		comma = ",";
		if (owner->object)
			buf_printf(out, "\"objType\":\"%s\",\"proxyId\":%u,\"id\":%u,", owner->object, owner->proxy,
				   owner->id);
		buf_printf(out,
			   "\"field\":{\"pos\":%u,\"name\":\"%s\"},\"processNum\":1,\"tags\":{\"origin\":\"%s\","
			   "\"nature\":\"%s\",\"scope\":\"%s\"},\"value\":{\"type\":\"%s\",\"value\":",
			   i, columns[i].name, tag_word(0, columns[i].tags[0]), tag_word(1, columns[i].tags[1]),
			   tag_word(2, columns[i].tags[2]), type_name(cells[i].type));
		if (cells[i].type == CELL_STR)
			cell_put_json_text(out, cells[i].text);
		else
			put_number(out, &cells[i]);
		buf_puts(out, "}}");
	}
	buf_puts(out, "]");
}
