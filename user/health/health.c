/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Life of a probe: when it asks, when an answer is too late, what is reported. How it asks is in script.c, http.c,
 * external.c, datagram.c and via.c.
 *
 * libuv closes handles in a later turn of its loop, so that a probe's memory lives on after health_stop() until then;
 * 'phase' PROBE_STOPPED is what keeps its owner from hearing of it again.
 */
#include "health/health.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "health/curl_loop.h"
#include "health/probe.h"
#include "health/ready.h"
#include "health/via.h"

enum { NS_PER_MS = 1000000, MAX_ASKING = 30000 };

static void on_timer(uv_timer_t *timer);

int probe_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	return fd < 0 ? -errno : fd;
}

enum check_code probe_connect_code(int err)
{
	switch (err) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EAGAIN:	    /* no local port left */
	case EADDRNOTAVAIL: /* the same, or an address that has gone */
		return CHECK_LACKING;
	}
	return CHECK_L4CON;
}

/* Arms the timer from the real present: the loop's own idea of it is as old as the callback has run. */
static void set_timer(struct health_probe *p, unsigned long ms)
{
	uv_update_time(p->health->loop);
	uv_timer_start(&p->timer, on_timer, ms ? ms : 1, 0);
}

static unsigned long elapsed_ms(const struct health_probe *p)
{
	return (unsigned long)((uv_hrtime() - p->started_ns) / NS_PER_MS);
}

/* What is left of 'ms' counted from the start of the question. */
static unsigned long left_of(const struct health_probe *p, unsigned long ms)
{
	unsigned long gone = elapsed_ms(p);

	return gone < ms ? ms - gone : 0;
}

/* Gives the slot to the first in the queue, whose question starts in the next turn of the loop. */
static void release_slot(struct health_probe *p)
{
	struct health *h = p->health;
	struct health_probe *first;

	if (!p->has_slot)
		return;
	p->has_slot = false;
	h->nr_asking--;
	first = TAILQ_FIRST(&h->queue);
	if (!first || h->nr_asking >= h->max_asking)
		return;
	TAILQ_REMOVE(&h->queue, first, queued);
	first->has_slot = true;
	h->nr_asking++;
	first->phase = PROBE_WAITING;
	set_timer(first, 0);
}

static void report(struct health_probe *p, struct health_result *res)
{
	unsigned int next;

	release_slot(p);
	p->phase = PROBE_WAITING;
	res->duration_ms = (long)elapsed_ms(p);
	next = p->ops->finished(p->arg, res);
	if (p->phase != PROBE_STOPPED)
		set_timer(p, left_of(p, next));
}

void probe_done(struct health_probe *p, enum check_code code, int status, const char *desc)
{
	struct health_result res = { .code = code, .status = status, .desc = desc };

	report(p, &res);
}

void probe_answered(struct health_probe *p, const char *answer, size_t len)
{
	struct health_result res = { .code = CHECK_CHECKED, .answer = answer, .answer_len = len };

	report(p, &res);
}

void probe_connecting(struct health_probe *p)
{
	p->phase = PROBE_CONNECTING;
	p->overdue = false;
	if (p->conf.timeout_check)
		set_timer(p, check_connect_timeout(p->state, &p->conf));
	else
		set_timer(p, left_of(p, check_connect_timeout(p->state, &p->conf)));
}

void probe_connected(struct health_probe *p)
{
	p->phase = PROBE_CONNECTED;
	p->overdue = false;
	if (p->conf.timeout_check)
		set_timer(p, p->conf.timeout_check);
	else
		set_timer(p, left_of(p, check_total_timeout(p->state, &p->conf)));
}

/* Of a check of TCP or HTTP: how the server's own address is asked. */
static const struct probe_method *words_method(const struct check_conf *c)
{
	if (c->type == CHECK_HTTP)
		return c->script ? &probe_http : NULL;
	return &probe_script;
}

static const struct probe_method *find_method(const struct check_conf *c)
{
	switch (c->type) {
	case CHECK_NONE:
		return NULL;
	case CHECK_TCP:
	case CHECK_HTTP:
		if (c->via.family)
			return &probe_via;
		return words_method(c);
	case CHECK_EXTERNAL:
		return c->command ? &probe_external : NULL;
	case CHECK_UDP:
		return c->script ? &probe_datagram : NULL;
	case CHECK_ICMP:
		return &probe_datagram;
	case CHECK_AGENT:
		return c->script ? &probe_script : NULL;
	}
	return NULL;
}

static void ask(struct health_probe *p)
{
	struct health_result res = { 0 };
	bool under_way;

	p->started_ns = uv_hrtime();
	p->phase = PROBE_CONNECTING;
	p->method = find_method(&p->conf); /* the last question may have taken another one */
	if (p->ops->started)
		p->ops->started(p->arg);
	if (p->phase == PROBE_STOPPED)
		return;
	probe_connecting(p);
	under_way = p->method->begin(p, &res);
	if (!under_way)
		report(p, &res);
}

void probe_own_address(struct health_probe *p)
{
	struct health_result res = { 0 };

	p->method = words_method(&p->conf);
	probe_connecting(p);
	if (!p->method->begin(p, &res))
		report(p, &res);
}

/* Its time has come. The wait in the queue is no part of the question: neither its deadline nor its duration counts it.
 */
static void ask_or_queue(struct health_probe *p)
{
	struct health *h = p->health;

	if (!p->has_slot && h->nr_asking >= h->max_asking) {
		p->phase = PROBE_QUEUED;
		TAILQ_INSERT_TAIL(&h->queue, p, queued);
		return;
	}
	if (!p->has_slot) {
		p->has_slot = true;
		h->nr_asking++;
	}
	ask(p);
}

/*
 * The deadline. libuv runs timers before it looks at sockets, so after a long stall an answer may lie there unread:
 * the first call only gives the loop a turn to read it.
 */
static void on_deadline(struct health_probe *p)
{
	struct script_result res;

	if (!p->overdue) {
		p->overdue = true;
		uv_timer_start(&p->timer, on_timer, 1, 0);
		return;
	}
	p->method->late(p, &res);
	p->method->abandon(p);
	probe_done(p, res.code, res.status, res.desc[0] ? res.desc : NULL);
}

static void on_timer(uv_timer_t *timer)
{
	struct health_probe *p = timer->data;

	switch (p->phase) {
	case PROBE_WAITING:
		ask_or_queue(p);
		break;
	case PROBE_CONNECTING:
	case PROBE_CONNECTED:
		on_deadline(p);
		break;
	case PROBE_QUEUED:
	case PROBE_STOPPED:
		break;
	}
}

static socklen_t set_address(const struct addr *a, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	if (a->family == AF_INET) {
		*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = a->v4 };
		return sizeof(*v4);
	}
	*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = a->v6 };
	return sizeof(*v6);
}

/* The check's own address and port go before the server's. A script may name its ports itself. */
static int set_target(struct health_probe *p, const struct addr *addr, uint16_t port)
{
	const struct addr *a = p->conf.addr.family ? &p->conf.addr : addr;

	if (p->conf.port)
		port = (uint16_t)p->conf.port;
	if (!port && p->conf.via.family) /* it listens where traffic asks for it */
		port = (uint16_t)p->conf.via_port;
	if ((!port && !p->conf.script && p->conf.type != CHECK_ICMP) || (a->family != AF_INET && a->family != AF_INET6))
		return -EINVAL;
	p->to_len = set_address(a, port, &p->to);
	return 0;
}

void probe_address(const struct health_probe *p, const struct rule_connect *rule, struct sockaddr_storage *ret)
{
	const struct sockaddr_in *own =
		(const struct sockaddr_in *)&p->to; /* the port is at one place in both families */
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	*ret = p->to;
	if (rule && rule->addr.family)
		set_address(&rule->addr, ntohs(own->sin_port), ret);
	if (rule && rule->port)
		v4->sin_port = htons((uint16_t)rule->port);
}

void probe_target(const struct health_probe *p, const struct rule_connect *rule, const struct sockaddr_storage *to,
		  struct tls_target *ret)
{
	const struct check_conf *c = &p->conf;

	*ret = (struct tls_target){ .to = to, .verify = c->verify, .ca_file = c->ca_file };
	ret->tls = !rule || rule->as_server ? c->tls : rule->tls;
	ret->proxy_line = (rule && rule->proxy_line) || ((!rule || rule->as_server) && c->proxy_line);
	ret->verify_host = c->verify_host;
	ret->sni = rule && rule->sni ? rule->sni : c->sni;
	ret->alpn = rule && rule->alpn ? rule->alpn : c->alpn;
}

int health_start(struct health *h, const struct check_conf *conf, const struct check_state *state,
		 const struct addr *addr, uint16_t port, unsigned int delay_ms, const struct health_ops *ops, void *arg,
		 struct health_probe **ret)
{
	struct health_probe *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (!p)
		return -ENOMEM;
	p->health = h;
	p->state = state;
	p->ops = ops;
	p->arg = arg;
	err = check_conf_copy(&p->conf, conf);
	if (err)
		goto out_free;
	p->method = find_method(&p->conf);
	if (p->method == &probe_via && !words_method(&p->conf))
		p->method = NULL;
	err = p->method ? set_target(p, addr, port) : -EINVAL;
	if (err)
		goto out_conf;
	uv_timer_init(h->loop, &p->timer); /* cannot fail */
	p->timer.data = p;
	set_timer(p, delay_ms);
	*ret = p;
	return 0;
out_conf:
	check_conf_fini(&p->conf);
out_free:
	free(p);
	return err;
}

void health_hurry(struct health_probe *p, unsigned int delay_ms)
{
	if (p->phase == PROBE_WAITING && uv_timer_get_due_in(&p->timer) > delay_ms)
		set_timer(p, delay_ms);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct health_probe *p = handle->data;

	check_conf_fini(&p->conf);
	free(p);
}

void health_stop(struct health_probe *p)
{
	if (!p || p->phase == PROBE_STOPPED)
		return;
	if (p->question)
		p->method->abandon(p);
	if (p->phase == PROBE_QUEUED)
		TAILQ_REMOVE(&p->health->queue, p, queued);
	p->phase = PROBE_STOPPED;
	release_slot(p);
	uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

/* A question takes one descriptor; the rest is for sockets of commands, pages, routes and for files. */
static unsigned int default_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur > MAX_ASKING / 3 * 4)
		return MAX_ASKING;
	return files.rlim_cur >= 4 ? (unsigned int)files.rlim_cur / 4 * 3 : 1;
}

void health_limit(struct health *h, unsigned int max)
{
	h->max_asking = max ? max : default_limit();
}

int health_new(uv_loop_t *loop, struct health **ret)
{
	struct health *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->max_asking = default_limit();
	TAILQ_INIT(&h->queue);
	err = ready_set_new(loop, &h->ready);
	if (err) {
		free(h);
		return err;
	}
	err = curl_loop_new(loop, &h->curl);
	if (err) {
		ready_set_free(h->ready);
		free(h);
		return err;
	}
	*ret = h;
	return 0;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	via_free(h->via);
	curl_loop_free(h->curl);
	ready_set_free(h->ready);
	free(h);
}
