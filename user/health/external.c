/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 'option external-check': a program decides, by its exit status. It is called as HAProxy calls it: with the addresses
 * of proxy and server as arguments, HAPROXY_* and PATH as its whole environment, nothing to read and nowhere to write.
 *
 * It leads a process group of its own, and all of that is killed when its time is over or the check is given up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "health/probe.h"

enum { ENV_MAX = 24, EXEC_FAILED = 255 };

struct external_question {
	uv_process_t process;
	struct health_probe *probe; /* NULL: given up */
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_ended(uv_process_t *process, int64_t status, int signal_nr)
{
	struct external_question *q = process->data;
	struct health_probe *p = q->probe;

	uv_close((uv_handle_t *)process, on_closed);
	if (!p)
		return;
	p->question = NULL;
	/* HAProxy shows -1 for a program that a signal has ended. */
	if (signal_nr)
		probe_done(p, CHECK_PROCERR, -1, NULL);
	else
		probe_done(p, status ? CHECK_PROCERR : CHECK_PROCOK, (int)status, NULL);
}

static void abandon(struct health_probe *p)
{
	struct external_question *q = p->question;

	p->question = NULL;
	q->probe = NULL; /* on_ended() buries it */
	(void)kill(-q->process.pid, SIGKILL);
}

static void late(struct health_probe *p, struct script_result *ret)
{
	(void)p;
	*ret = (struct script_result){ .code = CHECK_PROCTOUT };
}

/* Address and port of the server as texts. */
static void format_target(const struct health_probe *p, char *addr, char *port, size_t port_cap)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&p->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&p->to;
	struct addr a = { .family = p->to.ss_family };

	if (a.family == AF_INET)
		a.v4 = v4->sin_addr;
	else
		a.v6 = v6->sin6_addr;
	addr_format(&a, addr);
	snprintf(port, port_cap, "%u", ntohs(v4->sin_port)); /* at one place in both families */
}

/*
 * The lines of 'text' and what belongs to this probe, as an environment; its strings are in 'buf', separated by NUL.
 * Returns false when there is no memory or too much to say.
 */
static bool make_env(const struct check_conf *c, const char *addr, const char *port, struct buf *buf, char **env)
{
	size_t nr = 0;
	char *at;

	buf_printf(buf, "PATH=%s\nHAPROXY_SERVER_ADDR=%s\nHAPROXY_SERVER_PORT=%s\n%s", c->path ? c->path : "", addr,
		   port, c->env ? c->env : "");
	if (buf->failed)
		return false;
	for (at = buf->data; *at && nr + 1 < ENV_MAX;) {
		size_t len = strcspn(at, "\n");

		env[nr++] = at;
		if (!at[len])
			break;
		at[len] = '\0';
		at += len + 1;
	}
	env[nr] = NULL;
	return true;
}

static int spawn(struct health_probe *p, struct external_question *q)
{
	const struct check_conf *c = &p->conf;
	char addr[ADDR_TEXT_MAX], port[8], proxy[ADDR_TEXT_MAX], *proxy_port;
	char *args[] = { c->command, proxy, NULL, addr, port, NULL };
	uv_process_options_t options = { .file = c->command, .args = args, .exit_cb = on_ended };
	uv_stdio_container_t nowhere[] = { { .flags = UV_IGNORE }, { .flags = UV_IGNORE }, { .flags = UV_IGNORE } };
	struct buf text = { 0 };
	char *env[ENV_MAX];
	int err = -ENOMEM;

	format_target(p, addr, port, sizeof(port));
	snprintf(proxy, sizeof(proxy), "%s", c->proxy ? c->proxy : "NOT_USED NOT_USED");
	proxy_port = strchr(proxy, ' ');
	if (proxy_port)
		*proxy_port++ = '\0';
	args[2] = proxy_port;
	if (make_env(c, addr, port, &text, env)) {
		options.env = env;
		options.stdio = nowhere;
		options.stdio_count = 3;
		options.flags = UV_PROCESS_DETACHED; /* a session, and with it a group, of its own */
		err = uv_spawn(p->health->loop, &q->process, &options);
	}
	buf_fini(&text);
	return err;
}

static bool begin(struct health_probe *p, struct health_result *ret)
{
	struct external_question *q = calloc(1, sizeof(*q));
	int err;

	*ret = (struct health_result){ .code = CHECK_LACKING, .desc = strerror(ENOMEM) };
	if (!q)
		return false;
	q->probe = p;
	q->process.data = q;
	p->question = q;
	probe_connected(p); /* from now on the time of the check counts, not that of connecting */
	err = spawn(p, q);
	if (!err)
		return true;
	p->question = NULL;
	uv_close((uv_handle_t *)&q->process, on_closed);
	if (err == UV_EAGAIN || err == UV_ENOMEM || err == UV_EMFILE || err == UV_ENFILE)
		ret->desc = strerror(-err);
	else
		*ret = (struct health_result){ .code = CHECK_PROCERR, .status = EXEC_FAILED };
	return false;
}

const struct probe_method probe_external = { .begin = begin, .abandon = abandon, .late = late };
