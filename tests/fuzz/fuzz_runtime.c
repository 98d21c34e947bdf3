/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as lines on the runtime socket. The first byte chooses the level; the rest is cut at newlines. Each answer
 * must be framed as promised, and to "@xlb" be one line of JSON; nothing may crash, leak or hang.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(const struct buf *out)
{
	json_t *answer = json_loadb(out->data, out->len, 0, NULL);

	if (!answer || memchr(out->data, '\n', out->len) != out->data + out->len - 1)
		abort();
	json_decref(answer);
}

static void check_answer(const struct runtime_session *s, const struct buf *out)
{
	const char *end = s->interactive && s->prompt != RUNTIME_PROMPT_NONE ? "> " : "\n";
	size_t len = strlen(end);

	if (s->hangup || s->in_payload)
		return;
	if (out->len < len || memcmp(out->data + out->len - len, end, len) != 0)
		abort();
	if (!s->interactive && !s->quit)
		abort();
}

/* As a client takes what there is: an answer of many pieces goes on only then. */
static void take(struct buf *all, struct buf *piece)
{
	if (piece->len)
		buf_add(all, piece->data, piece->len);
	piece->len = 0;
}

static void one_line(struct runtime_session *s, const char *line, size_t len)
{
	bool json = len >= 5 && memcmp(line, "@xlb ", 5) == 0 && !s->in_payload;
	struct buf out = { 0 }, all = { 0 };

	if (len > RUNTIME_LINE_MAX)
		runtime_line_too_long(s, &out);
	else
		runtime_line(s, line, len, &out);
	take(&all, &out);
	/* Waiting for something ends with the patience of the fake's clock. */
	for (unsigned int i = 0; runtime_is_busy(s); i++) {
		((struct fake_host *)s->host_arg)->now_ms += s->delay_ms;
		if (i > 100000)
			abort();
		runtime_resume(s, &out);
		take(&all, &out);
	}
	if (json && len <= RUNTIME_LINE_MAX)
		check_json(&all);
	else
		check_answer(s, &all);
	buf_fini(&all);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct runtime_session s = { .host = &fake_host_ops };
	const char *p = (const char *)data, *end = p + size, *newline;
	struct fake_host host;

	if (!size)
		return 0;
	fake_host_init(&host);
	s.host_arg = &host;
	s.level = (enum access_level)(*p % 3 < 0 ? ACCESS_ADMIN : *p % 3);
	for (p++; p < end && !s.hangup; p = newline + 1) {
		newline = memchr(p, '\n', (size_t)(end - p));
		if (!newline)
			newline = end;
		one_line(&s, p, (size_t)(newline - p));
	}
	runtime_session_fini(&s);
	fake_host_fini(&host);
	return 0;
}
