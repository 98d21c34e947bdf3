/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * '#@xlb check udp', 'dns' and 'icmp': one datagram out, at most one that counts back.
 *
 * UDP has no handshake, so that silence says something only where an answer is expected; else a check passes unless the
 * host answers that nobody is there. The kernel lets through only what comes from the server, and answers to other
 * questions are passed over by their number.
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "health/frame.h"
#include "health/probe.h"
#include "model/answer.h"

enum { QUESTION_MAX = 4096, ANSWER_MAX = 4096 };

struct datagram_question {
	uv_poll_t poll;
	struct health_probe *probe;
	int fd;
	uint16_t number; /* of a DNS query or an echo, network order */
};

static const struct check_rule *rule_of(const struct check_conf *c, enum rule_action action)
{
	for (size_t i = 0; c->script && i < c->script->nr; i++)
		if (c->script->rules[i].action == action)
			return &c->script->rules[i];
	return NULL;
}

static bool is_dns(const struct check_conf *c)
{
	const struct check_rule *expect = rule_of(c, RULE_EXPECT);

	return expect && expect->expect.match == MATCH_DNS;
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void abandon(struct health_probe *p)
{
	struct datagram_question *q = p->question;

	p->question = NULL;
	uv_poll_stop(&q->poll);
	close(q->fd);
	uv_close((uv_handle_t *)&q->poll, on_poll_closed);
}

static void late(struct health_probe *p, struct script_result *ret)
{
	*ret = (struct script_result){ .code = CHECK_L7TOUT };
	if (p->conf.type == CHECK_ICMP)
		ret->code = CHECK_L4TOUT;
	else if (!rule_of(&p->conf, RULE_EXPECT))
		ret->code = CHECK_L4OK;
}

/* --- what is sent ------------------------------------------------------------------------------------------------ */

/* An echo request; the kernel fills the checksum of ICMPv6. */
static size_t make_echo(struct datagram_question *q, int family, unsigned char *buf)
{
	struct icmphdr echo = { .type = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST };

	echo.un.echo.id = q->number;
	memcpy(buf, &echo, sizeof(echo));
	if (family == AF_INET) {
		echo.checksum = frame_checksum(buf, sizeof(echo), 0);
		memcpy(buf, &echo, sizeof(echo));
	}
	return sizeof(echo);
}

static size_t make_question(struct datagram_question *q, unsigned char *buf)
{
	const struct health_probe *p = q->probe;
	const struct check_rule *send = rule_of(&p->conf, RULE_SEND);
	size_t len = send ? send->data_len : 0;

	if (p->conf.type == CHECK_ICMP)
		return make_echo(q, p->to.ss_family, buf);
	if (len > QUESTION_MAX)
		len = QUESTION_MAX;
	if (len)
		memcpy(buf, send->data, len);
	if (is_dns(&p->conf) && len >= sizeof(q->number))
		memcpy(buf, &q->number, sizeof(q->number));
	return len;
}

/* --- what comes -------------------------------------------------------------------------------------------------- */

/* Is it the reply to the echo with this number? A raw socket of IPv4 hands over the header of the packet, too. */
static bool is_echo_reply(int family, const unsigned char *data, size_t len, uint16_t number)
{
	size_t skip = family == AF_INET && len ? (size_t)(data[0] & 15) * 4 : 0;
	struct icmphdr echo;

	if (len < skip + sizeof(echo))
		return false;
	memcpy(&echo, data + skip, sizeof(echo));
	return echo.type == (family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && echo.un.echo.id == number;
}

static void finish(struct datagram_question *q, enum check_code code, int status, const char *words)
{
	struct health_probe *p = q->probe;

	abandon(p);
	probe_done(p, code, status, words);
}

static void judge(struct datagram_question *q, const char *data, size_t len)
{
	const struct health_probe *p = q->probe;
	const struct check_rule *rule = rule_of(&p->conf, RULE_EXPECT);
	char words[CHECK_DESC_MAX];
	struct answer a;

	if (!rule)
		finish(q, CHECK_L4OK, 0, NULL);
	else if (!len || answer_judge(rule, data, len, true, &a) == ANSWER_PASSES)
		finish(q, len ? CHECK_L7OK : CHECK_L7RSP, 0, NULL);
	else if (a.words) {
		snprintf(words, sizeof(words), "%.*s", (int)a.words_len, a.words);
		finish(q, a.code, a.status, words);
	} else
		finish(q, CHECK_L7RSP, 0, "the answer is not the expected one");
}

/* True: the datagram has decided. */
static bool take(struct datagram_question *q, char *data, size_t len)
{
	const struct health_probe *p = q->probe;

	if (p->conf.type == CHECK_ICMP) {
		if (!is_echo_reply(p->to.ss_family, (const unsigned char *)data, len, q->number))
			return false;
		finish(q, CHECK_L4OK, 0, NULL);
		return true;
	}
	if (is_dns(&p->conf) && (len < sizeof(q->number) || memcmp(data, &q->number, sizeof(q->number)) != 0))
		return false;
	data[len] = '\0';
	judge(q, data, len);
	return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct datagram_question *q = poll->data;
	char data[ANSWER_MAX + 1];
	ssize_t len;

	(void)status;
	(void)events;
	for (;;) {
		len = recv(q->fd, data, ANSWER_MAX, MSG_DONTWAIT);
		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0) {
			finish(q, CHECK_L4CON, 0, strerror(errno));
			return;
		}
		if (take(q, data, (size_t)len))
			return;
	}
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

static int open_socket(const struct health_probe *p)
{
	int family = p->to.ss_family, kind = SOCK_DGRAM, protocol = IPPROTO_UDP, fd;

	if (p->conf.type == CHECK_ICMP) {
		kind = SOCK_RAW;
		protocol = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	}
	fd = socket(family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	return fd < 0 ? -errno : fd;
}

/* Sends the question and watches for the answer. 0 or -errno. */
static int ask(struct datagram_question *q)
{
	struct health_probe *p = q->probe;
	unsigned char data[QUESTION_MAX];

	if (getrandom(&q->number, sizeof(q->number), 0) < 0 ||
	    connect(q->fd, (const struct sockaddr *)&p->to, p->to_len) ||
	    send(q->fd, data, make_question(q, data), MSG_NOSIGNAL) < 0)
		return -errno;
	return uv_poll_start(&q->poll, UV_READABLE, on_readable);
}

static bool begin(struct health_probe *p, struct health_result *ret)
{
	struct datagram_question *q = calloc(1, sizeof(*q));
	int err = -ENOMEM;

	if (!q)
		goto out;
	q->probe = p;
	q->fd = open_socket(p);
	err = q->fd < 0 ? q->fd : uv_poll_init(p->health->loop, &q->poll, q->fd);
	if (err) {
		if (q->fd >= 0)
			close(q->fd);
		free(q);
		goto out;
	}
	q->poll.data = q;
	p->question = q;
	err = ask(q);
	if (!err) {
		probe_connected(p); /* there is no handshake to wait for */
		return true;
	}
	abandon(p);
	*ret = (struct health_result){ .code = probe_connect_code(-err), .desc = strerror(-err) };
	return false;
out:
	*ret = (struct health_result){ .code = CHECK_LACKING, .desc = strerror(-err) };
	return false;
}

const struct probe_method probe_datagram = { .begin = begin, .abandon = abandon, .late = late };
